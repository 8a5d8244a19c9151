# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lifecycle hooks of auto-scaling groups wait for: answered, or kept alive by heartbeats.

An instance that a hook holds is in a state that ends in ``:Wait``. All hooks of a transition hold it at the same time,
so all of them are answered. Between a look and a call an instance may stop waiting by itself; that is no error.
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
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._fleet import patiently
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    UPDATE,
    Action,
    ApplyError,
    InputError,
    Plan,
    concurrently,
    known,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

KIND = "lifecycle_action"
CONTINUE, ABANDON, HEARTBEAT = "continue", "abandon", "heartbeat"
LAUNCHING, TERMINATING = "launching", "terminating"
COMING = {
    LAUNCHING: ("Pending", "Warmed:Pending"),
    TERMINATING: ("Terminating", "Warmed:Terminating"),
}
"""The states from which an instance comes to wait, by transition; those of a warm pool's instances are apart."""
BATCH = 50
"""How many instances DescribeAutoScalingInstances takes."""
MAX_SECONDS = 172800
"""AWS lets no hook hold an instance for more than 48 hours."""
SETTLED_TIMEOUT = 60
"""Seconds until AWS shows that an instance no longer waits (usually one or two)."""


class Hook(t.NamedTuple):
    """A lifecycle hook; ``timeout`` is for how many seconds it waits for an answer or a heartbeat."""

    name: str
    timeout: int


class Host(t.NamedTuple):
    """An instance of a group, and the hooks that may hold it in the transition that was asked for."""

    id: str
    group: str
    state: str
    hooks: tuple[Hook, ...] = ()


Hosts = t.Mapping[str, Host]
"""The instances that Auto Scaling knows, by id."""


def waits(state: str, transition: str) -> bool:
    """Whether hooks of this transition hold an instance in this state."""
    return state in [f"{coming}:Wait" for coming in COMING[transition]]


def answered(state: str, transition: str, result: str) -> str:
    """The state that follows a wait."""
    if transition == LAUNCHING and result == ABANDON:
        return state.replace("Pending:Wait", "Terminating")
    return state.replace(":Wait", ":Proceed")


def plan(hosts: Hosts, options: t.Mapping[str, t.Any]) -> Plan:
    """An action for each instance that waits; its context is the instance.

    :raises InputError: heartbeats would come too late for a hook.
    """
    transition, result, every = options["transition"], options["result"], options["every"]
    actions = []
    for host in hosts.values():
        if not (host.hooks and waits(host.state, transition)):
            continue
        before: dict[str, str] = {"lifecycle_state": host.state}
        if result == HEARTBEAT:
            for hook in host.hooks:
                if every >= hook.timeout:
                    raise InputError(
                        f"every: {every} is too long for hook {hook.name} of {host.group}, which waits for a heartbeat "
                        f"for {hook.timeout} seconds; less than that is allowed."
                    )
            after = {**before, "heartbeats": f"every {every} s for at most {options['seconds']} s"}
        else:
            after = {"lifecycle_state": answered(host.state, transition, result)}
        actions.append(Action(UPDATE, KIND, host.id, before, after, host))
    return Plan(actions)


class Reader:
    """Looks at instances, their groups' owners and the hooks."""

    def __init__(self, autoscaling, options: t.Mapping[str, t.Any]) -> None:
        self.autoscaling, self.options = autoscaling, options

    def states(self, ids: t.Sequence[str]) -> dict[str, Host]:
        """The instances that Auto Scaling knows, without their hooks."""
        answers = concurrently(
            *[
                functools.partial(
                    pages,
                    self.autoscaling,
                    "describe_auto_scaling_instances",
                    "AutoScalingInstances",
                    InstanceIds=list(ids[start : start + BATCH]),
                )
                for start in range(0, len(ids), BATCH)
            ]
        )
        found = {item["InstanceId"]: item for items in answers for item in items}
        return {
            each: Host(each, found[each]["AutoScalingGroupName"], found[each]["LifecycleState"])
            for each in ids
            if each in found
        }

    def hosts(self, ids: t.Sequence[str]) -> dict[str, Host]:
        """The instances that Auto Scaling knows, those that wait with their hooks.

        :raises InputError: one is of a group that is not the platform's.
        """
        found = self.states(ids)
        self.check_owner(found)
        transition = self.options["transition"]
        groups = sorted({host.group for host in found.values() if waits(host.state, transition)})
        answers = concurrently(*[functools.partial(self.hooks, group) for group in groups])
        hooks = dict(zip(groups, answers))
        return {each: host._replace(hooks=hooks.get(host.group, ())) for each, host in found.items()}

    def hooks(self, group: str) -> tuple[Hook, ...]:
        """The group's hooks of the transition."""
        try:
            answer = self.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=group)
        except is_boto3_error_code("ValidationError"):
            return ()  # the group has gone since, with its instances
        transition = f"autoscaling:EC2_INSTANCE_{self.options['transition'].upper()}"
        return tuple(
            Hook(item["LifecycleHookName"], item["HeartbeatTimeout"])
            for item in answer["LifecycleHooks"]
            if item["LifecycleTransition"] == transition
        )

    def check_owner(self, hosts: Hosts) -> None:
        """Raise :class:`InputError` for instances of groups that are not the platform's."""
        groups, platform = sorted({host.group for host in hosts.values()}), self.options["platform"]
        ours: set[str] = set()
        for start in range(0, len(groups), BATCH):
            filters = [
                {"Name": "auto-scaling-group", "Values": groups[start : start + BATCH]},
                {"Name": "key", "Values": [PLATFORM_TAG]},
            ]
            for tag in pages(self.autoscaling, "describe_tags", "Tags", Filters=filters):
                if tag.get("Value") == platform:
                    ours.add(tag["ResourceId"])
        foreign = [host for host in hosts.values() if host.group not in ours]
        if foreign:
            named = ", ".join(f"{host.id} of {host.group}" for host in foreign)
            raise InputError(
                f"instances: {named}: not of platform {platform}; only instances of a group that carries "
                f"{PLATFORM_TAG}={platform} are allowed."
            )


class Apply:
    """Answers hooks, or sends them heartbeats.

    :arg reader: looks again where AWS refuses.
    :arg options: ``transition``, ``result``, ``seconds`` and ``every``.
    """

    def __init__(self, autoscaling, reader: Reader, options: t.Mapping[str, t.Any]) -> None:
        self.autoscaling, self.reader, self.options = autoscaling, reader, options

    def answer(self, whole: Plan, ids: t.Sequence[str]) -> tuple[Plan, dict[str, Host]]:
        """Answer all hooks of the plan's instances.

        :return: what of the plan was done, which is not what stopped waiting by itself; and the instances of these ids
            as they are then.
        """
        work = application(whole)
        result = self.options["result"].upper()
        call = functools.partial(self.autoscaling.complete_lifecycle_action, LifecycleActionResult=result)
        taken = work.run(whole.only(KIND), functools.partial(self.each_hook, call))
        now = self.see_through(whole, ids)
        return Plan([action for action, did in zip(whole, taken) if did]), now

    def see_through(self, whole: Plan, ids: t.Sequence[str]) -> dict[str, Host]:
        """Wait until AWS shows that none of the plan's instances waits; the instances then."""

        def late(hosts: Hosts) -> list[Action]:
            return [action for action in whole if action.name in hosts and self.waiting(hosts[action.name])]

        now = poll(lambda: self.reader.states(ids), lambda hosts: not late(hosts), SETTLED_TIMEOUT)
        behind = late(now)
        if behind:
            reason = f"it still waits {SETTLED_TIMEOUT} s after all its hooks were answered; run again."
            done = [action for action in whole if action not in behind]
            raise ApplyError(done, [(action, reason) for action in behind], [])
        return now

    def keep(self, ids: t.Sequence[str]) -> tuple[Plan, dict[str, Host]]:
        """Send heartbeats until nothing waits any more, or the time is over.

        :return: an action for each instance that got one, and the instances as they were seen last, also those that
            have gone since.
        """
        done: dict[str, Action] = {}
        last: dict[str, Host] = {}

        def beat() -> bool:
            """Whether another one may be needed."""
            hosts = self.reader.hosts(ids)
            last.update({each: host._replace(state="") for each, host in last.items()})
            last.update(hosts)
            due = plan(hosts, self.options)
            taken = application(due).run(
                due.only(KIND), functools.partial(self.each_hook, self.autoscaling.record_lifecycle_action_heartbeat)
            )
            for action, did in zip(due, taken):
                if did:
                    done.setdefault(action.name, action)
            coming = COMING[self.options["transition"]]
            return any(host.state in coming or self.waiting(host) for host in hosts.values())

        every = self.options["every"]
        poll(beat, lambda more: not more, self.options["seconds"], first=every, longest=every)
        return Plan(list(done.values())), last

    def each_hook(self, call: t.Callable[..., t.Any], action: Action) -> bool:
        """Make a call for each hook that holds the instance; whether any took it."""
        host = action.context
        taken = False
        for hook in host.hooks:
            try:
                patiently(call, AutoScalingGroupName=host.group, LifecycleHookName=hook.name, InstanceId=host.id)
            except is_boto3_error_code("ValidationError") as error:
                # this hook does not hold it, or it, its hook or its group has gone since the look
                if "No active Lifecycle Action" in str(error):
                    continue
                now = self.reader.states([host.id]).get(host.id)
                if now and self.waiting(now):
                    raise
                return taken
            taken = True
        return taken

    def waiting(self, host: Host) -> bool:
        return waits(host.state, self.options["transition"])


def checked(options: t.Mapping[str, t.Any], check_mode: bool) -> list[str]:
    """The instances that are known, each once; :class:`InputError` for values that cannot be."""
    ids = list(dict.fromkeys(options["instances"]))
    for each in ids:
        if not (check_mode and not known(each)) and not re.fullmatch(r"i-[0-9a-f]+", each):
            raise InputError(f"instances: {each!r} is not allowed; it is such as i-0a1b2c3d4e5f60718.")
    if options["result"] == HEARTBEAT:
        if not 1 <= options["seconds"] <= MAX_SECONDS:
            raise InputError(f"seconds: {options['seconds']} is not allowed; 1 to {MAX_SECONDS} are.")
        if options["every"] < 1:
            raise InputError(f"every: {options['every']} is not allowed; 1 or more is.")
    return [each for each in ids if known(each)]


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The ``lifecycle_actions`` module's plan, applied unless in check mode, and how the instances are then."""
    options = module.params
    ids = checked(options, module.check_mode)
    whole, first, now = Plan(), {}, {}
    if ids:
        autoscaling = client(module, "autoscaling")
        reader = Reader(autoscaling, options)
        apply = Apply(autoscaling, reader, options)
        if options["result"] == HEARTBEAT and not module.check_mode:
            whole, first = apply.keep(ids)
            now = {each: host for each, host in first.items() if host.state}
        else:
            first = now = reader.hosts(ids)
            whole = plan(first, options)
            if whole and not module.check_mode:
                whole, now = apply.answer(whole, ids)
    planned = {action.name: action.after["lifecycle_state"] for action in whole} if module.check_mode else {}
    done = {action.name for action in whole}
    return whole, {
        "instances": {
            each: {
                "lifecycle_state": planned.get(each) or (now[each].state if each in now else None),
                "auto_scaling_group": first[each].group if each in first else None,
                "result": options["result"] if each in done else None,
            }
            for each in dict.fromkeys(options["instances"])
        }
    }
