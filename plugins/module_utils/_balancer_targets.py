# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts in the target groups of load balancers: put in until they are healthy, taken out until they have drained.

All hosts and all groups are one set. A group gets one call for all of its targets, and each look of a wait is one call
a group. A run that was killed while it waited is completed by the next, which waits for what is under way.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    PLATFORM_TAG,
    application,
    client,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._load_balancers import batches, describe_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    KNOWN_AFTER_APPLY,
    UPDATE,
    Action,
    ApplyError,
    InputError,
    Plan,
    concurrently,
    known,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

KIND = "balancer_targets"
REGISTERED, DRAINING, OUT = "registered", "draining", "not registered"
GROUP_ARN = re.compile(r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/[A-Za-z0-9-]+/[0-9a-z]+")
UNKNOWN_GROUP = ("TargetGroupNotFound", "ValidationError")
"""What AWS says of a group that is not there, and of one in another region."""


class Key(t.NamedTuple):
    """What AWS tells targets of a group apart by: an instance's id and the port at which it is one."""

    id: str
    port: int | None


class Health(t.NamedTuple):
    """What AWS says of a target."""

    state: str
    reason: str = ""
    description: str = ""

    @property
    def registered(self) -> bool:
        return self.state != DRAINING and self.reason != "Target.NotRegistered"

    @property
    def short(self) -> str:
        """``registered``, ``draining`` or ``not registered``."""
        return REGISTERED if self.registered else DRAINING if self.state == DRAINING else OUT

    def __str__(self) -> str:
        why = ": ".join(text for text in (self.reason, self.description) if text)
        return f"{self.state} ({why})" if why else self.state


NOWHERE = Health(OUT, "Target.NotRegistered")
"""A target that a group does not list."""


class Group(t.NamedTuple):
    """A target group; ``used`` when a balancer sends it requests."""

    arn: str
    name: str
    port: int | None
    used: bool


class Target(t.NamedTuple):
    """A wanted target; without a port it is a group's own when it is put in, every one when it is taken out."""

    id: str
    port: int | None = None

    @property
    def label(self) -> str:
        return f"{self.id}:{self.port}" if self.port else self.id

    def keys(self, group: Group, listed: t.Iterable[Key], present: bool) -> list[Key]:
        """What it is in a group that lists these targets."""
        if self.port or present:
            return [Key(self.id, self.port or group.port)]
        return sorted(key for key in listed if key[0] == self.id)


Seen = t.Mapping[str, t.Mapping[Key, Health]]
"""The targets of groups, by the groups' names."""


def checked(options: t.Mapping[str, t.Any], check_mode: bool) -> tuple[list[Target], list[str]]:
    """The wanted targets and the groups' ARNs, each once.

    :raises InputError: an id, a port or an ARN that cannot be, or one that is not known yet outside check mode.
    """
    targets: dict[Target, None] = {}
    for item in options["targets"]:
        target = Target(item["id"], item.get("port"))
        if not (check_mode and not known(target.id)) and not re.fullmatch(r"i-[0-9a-f]+", target.id):
            raise InputError(f"targets: id {target.id!r} is not allowed; it is such as i-0a1b2c3d4e5f60718.")
        if target.port is not None and not 1 <= target.port <= 65535:
            raise InputError(f"targets: {target.id}: port {target.port} is not allowed; 1 to 65535 are.")
        targets[target] = None
    for target in targets:
        if target.port and Target(target.id) in targets:
            raise InputError(f"targets: {target.id} is there with port {target.port} and without one; one is allowed.")
    arns = list(dict.fromkeys(options["target_group_arns"]))
    for arn in arns:
        if not (check_mode and not known(arn)) and not GROUP_ARN.fullmatch(arn):
            raise InputError(f"target_group_arns: {arn!r} is not allowed; it is the ARN of a target group.")
    return list(targets), arns


def plan(groups: t.Iterable[Group], targets: t.Sequence[Target], seen: Seen, *, present: bool) -> Plan:
    """What is to be registered with, or taken out of, each group; one action a group, as it is one call.

    An action's context is the group and the keys of its targets.
    """
    actions = []
    for group in groups:
        listed = seen.get(group.name, {})
        before, after, keys = {}, {}, []
        for target in targets:
            for key in target.keys(group, listed, present):
                health = listed.get(key, NOWHERE)
                if health.registered != present:
                    before[target.label] = health.short
                    after[target.label] = REGISTERED if present else OUT
                    keys.append(key)
        if keys:
            actions.append(Action(UPDATE, KIND, group.name, before, after, (group, keys)))
    return Plan(actions)


def late(
    groups: t.Iterable[Group], targets: t.Sequence[Target], seen: Seen, *, present: bool
) -> list[tuple[Group, Target, Health]]:
    """The targets that are not as wanted yet."""
    found = []
    for group in groups:
        listed = seen.get(group.name, {})
        for target in targets:
            for key in target.keys(group, listed, present):
                health = listed.get(key, NOWHERE)
                # no balancer checks a group that none uses; in one that is used, the target's zone is not served
                healthy = health.state == "healthy" or (health.reason == "Target.NotInUse" and not group.used)
                if not healthy if present else health.reason != "Target.NotRegistered":
                    found.append((group, target, health))
                    break
    return found


def states(
    groups: t.Iterable[Group], targets: t.Sequence[Target], seen: Seen, *, present: bool
) -> dict[str, dict[str, str]]:
    """The state of each target in each group."""
    told: dict[str, dict[str, str]] = {target.label: {} for target in targets}
    for group in groups:
        listed = seen.get(group.name, {})
        for target in targets:
            healths = [listed.get(key, NOWHERE) for key in target.keys(group, listed, present)]
            # of several ports, one that is still there
            shown = max(healths, key=lambda each: (each.short != OUT, each.registered), default=NOWHERE)
            told[target.label][group.name] = OUT if shown.short == OUT else shown.state
    return told


class Apply:
    """Registers or deregisters, and waits.

    :arg elb: the client of the groups.
    :arg options: ``state``, ``wait`` and ``wait_timeout``.
    """

    def __init__(self, elb, groups: list[Group], targets: list[Target], options: t.Mapping[str, t.Any]) -> None:
        self.elb, self.groups, self.targets, self.options = elb, groups, targets, options
        self.present = options["state"] == "present"
        self.refused: dict[str, str] = {}
        """What AWS said of targets that it does not take, by the groups' names."""

    def __call__(self, whole: Plan, seen: Seen) -> Seen:
        """Carry out the plan that was made of ``seen``, and wait; what is seen then."""
        work = application(whole)
        try:
            work.run(whole.only(KIND), self.register if self.present else self.deregister)
        except ApplyError as error:
            if len(self.refused) < len(error.failed):
                raise
            ids = ", ".join(sorted({key[0] for action, reason in error.failed for key in action.context[1]}))
            reasons = " ".join(sorted(set(self.refused.values())))
            text = (
                f"targets: AWS takes none of {ids} into {', '.join(sorted(self.refused))} ({reasons}); instances that "
                "run in the VPC of the target groups are allowed."
            )
            raise ApplyError(error.done, error.failed, error.not_done, text) from error
        return self.wait(seen, work.done)

    def register(self, action: Action) -> None:
        group, keys = action.context
        try:
            self.elb.register_targets(TargetGroupArn=group.arn, Targets=listed_targets(keys))
        except is_boto3_error_code("InvalidTarget") as error:
            self.refused[group.name] = error.response["Error"].get("Message", "no reason given")
            raise

    def deregister(self, action: Action) -> None:
        group, keys = action.context
        try:
            self.elb.deregister_targets(TargetGroupArn=group.arn, Targets=listed_targets(keys))
        except is_boto3_error_code("InvalidTarget"):
            # one has left by itself since the look, and AWS refuses them all
            now = look_at(self.elb, group)
            left = [key for key in keys if now.get(key, NOWHERE).registered]
            if left:
                self.elb.deregister_targets(TargetGroupArn=group.arn, Targets=listed_targets(left))

    def wait(self, seen: Seen, done: list[Action]) -> Seen:
        def waited_for(now: Seen) -> list[tuple[Group, Target, Health]]:
            return late(self.groups, self.targets, now, present=self.present)

        if not done and not (self.options["wait"] and waited_for(seen)):
            return seen
        if not self.options["wait"]:
            return look(self.elb, self.groups)
        timeout = self.options["wait_timeout"]
        seen = poll(lambda: look(self.elb, self.groups), lambda now: not waited_for(now), timeout)
        behind: dict[tuple[Group, Health], list[str]] = {}
        for group, target, health in waited_for(seen):
            behind.setdefault((group, health), []).append(target.label)
        if behind:
            text = "; ".join(
                f"{', '.join(labels)} in {group.name} {health}" for (group, health), labels in behind.items()
            )
            wanted = "healthy" if self.present else "out and drained"
            failed = [
                (Action("wait", KIND, group.name), f"{', '.join(labels)} {health}")
                for (group, health), labels in behind.items()
            ]
            text = f"targets: after {timeout} s (wait_timeout) not all are {wanted}: {text}; run again to wait on."
            raise ApplyError(done, failed, [], text)
        return seen


def listed_targets(keys: t.Iterable[Key]) -> list[dict[str, t.Any]]:
    """Targets in the API's form."""
    return [{"Id": instance_id, "Port": port} for instance_id, port in keys]


def look_at(elb, group: Group) -> dict[Key, Health]:
    """The targets that a group lists, those that drain too."""
    answer = elb.describe_target_health(TargetGroupArn=group.arn)
    found = {}
    for each in answer["TargetHealthDescriptions"]:
        target, health = each["Target"], each["TargetHealth"]
        key = Key(target["Id"], target.get("Port"))
        found[key] = Health(health["State"], health.get("Reason") or "", health.get("Description") or "")
    return found


def look(elb, groups: t.Sequence[Group]) -> Seen:
    """The targets of groups, asked for at the same time."""
    asked = [group for group in groups if known(group.arn)]
    answers = concurrently(*[functools.partial(look_at, elb, group) for group in asked])
    return {group.name: answer for group, answer in zip(asked, answers)}


def find_groups(elb, arns: t.Sequence[str], platform: str) -> list[Group]:
    """The groups of these ARNs, in their order.

    :raises InputError: one is not there, is not the platform's, or takes no instances.
    """
    real = [arn for arn in arns if known(arn)]
    items = {item["TargetGroupArn"]: item for batch in batches(real) for item in describe_groups(elb, batch)}
    missing = [arn for arn in real if arn not in items]
    if missing:
        raise InputError(
            f"target_group_arns: {', '.join(missing)}: there is no such target group; one of this account and region "
            "is allowed."
        )
    tags = describe_tags(elb, real)
    owners = {arn: tags_of({"Tags": tags.get(arn)}).get(PLATFORM_TAG) for arn in real}
    foreign = [items[arn]["TargetGroupName"] for arn in real if owners[arn] != platform]
    if foreign:
        raise InputError(
            f"target_group_arns: {', '.join(foreign)}: not of platform {platform}; only a target group that carries "
            f"{PLATFORM_TAG}={platform} is changed."
        )
    for item in items.values():
        kind = item.get("TargetType", "instance")
        if kind != "instance":
            raise InputError(
                f"target_group_arns: {item['TargetGroupName']} takes targets of type {kind}; a target group of type "
                "instance is allowed."
            )
    groups = [
        Group(arn, item["TargetGroupName"], item.get("Port"), bool(item.get("LoadBalancerArns")))
        for arn, item in ((arn, items[arn]) for arn in real)
    ]
    unknown = [arn for arn in arns if not known(arn)]
    return groups + [Group(arn, KNOWN_AFTER_APPLY, None, False) for arn in unknown[:1]]


def describe_groups(elb, arns: t.Sequence[str]) -> list[dict[str, t.Any]]:
    """Those of the groups that are there."""
    try:
        return pages(elb, "describe_target_groups", "TargetGroups", TargetGroupArns=list(arns))
    except is_boto3_error_code(UNKNOWN_GROUP):
        # AWS does not tell which one it is
        return [item for arn in arns for item in describe_groups(elb, [arn])] if len(arns) > 1 else []


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The ``balancer_targets`` module's plan, applied unless in check mode, and where the targets are then."""
    options = module.params
    present = options["state"] == "present"
    targets, arns = checked(options, module.check_mode)
    if not (targets and arns):
        return Plan(), {"targets": {target.label: {} for target in targets}}
    elb = client(module, "elbv2")
    groups = find_groups(elb, arns, options["platform"])
    seen = look(elb, groups)
    whole = plan(groups, targets, seen, present=present)
    if not module.check_mode:
        seen = Apply(elb, groups, targets, options)(whole, seen)
    told = states(groups, targets, seen, present=present)
    if module.check_mode:
        for action in whole:
            for label in action.after:
                told[label][action.name] = KNOWN_AFTER_APPLY if present else OUT
    return whole, {"targets": told}
