# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One fleet: a launch template, its auto-scaling group, and what belongs to that group.

``plan``, ``plan_rollback`` and ``teardown`` are pure; ``Fleet`` reads AWS and carries plans out; ``converge``
is the module's whole work. ``options`` everywhere are the module's options as a dict.
"""

from __future__ import annotations

import datetime
import re
import time
import typing as t
import uuid
from dataclasses import dataclass, field

from ansible_collections.amazon.aws.plugins.module_utils.ec2 import (
    create_launch_template,
    create_launch_template_version,
    delete_launch_template,
    delete_launch_template_versions,
    describe_launch_templates,
    modify_launch_template,
)
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    BOTO_ERRORS,
    PLATFORM_TAG,
    application,
    owned_tags,
    pages,
    require_known,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._fleet_forms import (
    PARAMETERS,
    full_name,
    group_fields,
    hook_fields,
    hook_parameters,
    launch_fields,
    launch_parameters,
    observed_group,
    observed_hook,
    observed_launch,
    observed_policy,
    observed_schedule,
    policy_fields,
    refresh_parameters,
    schedule_fields,
    schedule_parameters,
    template_data,
    template_fields,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._fleet_input import validate, validate_name
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    REPLACE,
    UPDATE,
    Action,
    InputError,
    Plan,
    compare,
    concurrently,
    differing,
    known,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

ACTIVE = ("Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress")
"""The statuses of an instance refresh that still runs."""
ROLLED_BACK = ("RollbackSuccessful", "RollbackFailed")

PROFILE_TRIES = 25  # a new instance profile takes up to about a minute to be seen by EC2
CONTENTION = ("ResourceContention", "ScalingActivityInProgress")


@dataclass
class Observed:
    """What AWS has of one fleet, as its API lists it; None and empty where there is nothing."""

    template: dict[str, t.Any] | None = None
    versions: list[dict[str, t.Any]] = field(default_factory=list)
    group: dict[str, t.Any] | None = None
    policies: list[dict[str, t.Any]] = field(default_factory=list)
    schedules: list[dict[str, t.Any]] = field(default_factory=list)
    hooks: list[dict[str, t.Any]] = field(default_factory=list)
    refreshes: list[dict[str, t.Any]] = field(default_factory=list)
    root_device: str | None = None

    def launch(self, item: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """What a group, an instance or a refresh's desired configuration launches; empty when that is not said.

        A refresh lists its template by the id alone, as it was started; here it has its name.
        """
        fields = observed_launch(item or {}) or {}
        if self.template and fields.get("template") == self.template["LaunchTemplateId"]:
            fields["template"] = self.template["LaunchTemplateName"]
        return fields

    @property
    def refresh(self) -> dict[str, t.Any] | None:
        """The refresh that runs, or else the one that was started last."""
        active = [item for item in self.refreshes if item["Status"] in ACTIVE]
        oldest = datetime.datetime.min.replace(tzinfo=datetime.UTC)
        return max(active or self.refreshes, key=lambda item: item.get("StartTime") or oldest, default=None)

    @property
    def active(self) -> dict[str, t.Any] | None:
        """The refresh that runs; None when none does."""
        return self.refresh if self.refresh and self.refresh["Status"] in ACTIVE else None


def check_ownership(options: t.Mapping[str, t.Any], observed: Observed) -> None:
    """Raise :class:`InputError` for a group or template of the fleet's name that is not the platform's."""
    for kind, item in (("auto-scaling group", observed.group), ("launch template", observed.template)):
        owner = tags_of(item).get(PLATFORM_TAG) if item else None
        if item and owner != options["platform"]:
            whose = f"carries {PLATFORM_TAG}={owner}" if owner else f"has no tag {PLATFORM_TAG}"
            raise InputError(
                f"name: {full_name(options)!r} is a foreign {kind} that {whose}; it is left alone, and only a name "
                f"that is free or carries {PLATFORM_TAG}={options['platform']} is allowed."
            )


@dataclass
class Decision:
    """What is to be done about an instance refresh, and whether the group itself may take the new launch."""

    verb: str | None = None
    update_group: bool = True
    warning: str | None = None


def decide_refresh(
    options: t.Mapping[str, t.Any], observed: Observed, target: t.Mapping[str, t.Any], certain: bool
) -> Decision:
    """Decide about a refresh of an existing group towards the launch ``target``.

    :arg certain: whether the target's version exists; a version still to be made is nobody's target yet.
    :raises InputError: where AWS would refuse the group's update while another refresh runs.
    """
    mode = options.get("refresh") or "never"
    present = observed.launch(observed.group)
    changed = present != target or not certain
    active = observed.active
    aim = observed.launch((active or {}).get("DesiredConfiguration")) or present
    if active and active["Status"] == "RollbackInProgress":
        if not changed:
            return Decision(update_group=False)
        return Decision(update_group=False, warning=f"a roll-back runs; {full_name(options)} is left to it.")
    if active and active["Status"] != "Cancelling" and certain and aim == target:
        return Decision(update_group=False)
    if mode == "never":
        if active and changed and active.get("DesiredConfiguration"):
            raise InputError(
                f"refresh: never is not possible while an instance refresh to version {aim['version']} runs and "
                "something else is to be launched; on_change (which replaces it) or rollback: true are allowed."
            )
        return Decision()
    if active and active["Status"] != "Cancelling":
        return Decision(REPLACE if changed or mode == "now" or aim != target else None, update_group=False)
    last = observed.refresh
    if (
        mode == "on_change"
        and changed
        and certain
        and last
        and last["Status"] in ROLLED_BACK
        and observed.launch(last.get("DesiredConfiguration")) == target
    ):
        return Decision(
            update_group=False,
            warning=f"version {target['version']} of {full_name(options)} was rolled back and is not tried again; "
            "change what it launches, or set refresh: now.",
        )
    return Decision(CREATE if changed or mode == "now" else None, update_group=False)


@dataclass
class Planned:
    """A plan, with what the code that applies it and the module's result need beside it."""

    plan: Plan
    version: int = 1
    new_version: bool = False
    data: dict[str, t.Any] = field(default_factory=dict)
    launch: dict[str, t.Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def plan(options: t.Mapping[str, t.Any], observed: Observed, now: datetime.datetime) -> Planned:
    """Plan the way from what AWS has to the fleet that the options ask for (valid ones)."""
    check_ownership(options, observed)
    if observed.group and observed.group.get("Status"):
        raise InputError(
            f"name: the auto-scaling group {full_name(options)!r} is being deleted; run again when it is gone, or "
            "use another name."
        )
    name = options["name"]
    data = template_data(options, observed.root_device)
    wanted = template_fields(data)
    version, new = _choose_version(wanted, observed)
    launch = launch_fields(options, version)
    fields = group_fields(options, launch)
    decision = decide_refresh(options, observed, launch, not new) if observed.group else Decision()

    actions = _plan_template(options, observed, wanted, version, new)
    present: dict[str, dict[str, t.Any]] = {}
    if observed.group:
        present[name] = observed_group(observed.group)
        if not decision.update_group:
            fields.pop("launch")
        for size in ("min", "max", "desired"):
            # a schedule's size is as right as the declared one: to set it back would undo the schedule
            scheduled = {item.get(size) for item in options.get("schedules") or []} - {None}
            if size in fields and present[name][size] in scheduled:
                fields[size] = present[name][size]
    actions += compare("auto_scaling_group", {name: fields}, present).actions

    ignore = options.get("ignore") or ()
    actions += compare(
        "lifecycle_hook",
        {item["name"]: hook_fields(item) for item in options.get("hooks") or []},
        {item["LifecycleHookName"]: observed_hook(item) for item in observed.hooks},
        purge=True,
        ignore=ignore,
    ).actions
    actions += compare(
        "scaling_policy",
        {item["name"]: policy_fields(item) for item in options.get("scaling") or []},
        {item["PolicyName"]: observed_policy(item) for item in observed.policies},
        purge=True,
        ignore=ignore,
    ).actions
    schedules = {item["ScheduledActionName"]: observed_schedule(item) for item in observed.schedules}
    declared = {
        item["name"]: schedule_fields(item, schedules.get(item["name"]), now) for item in options.get("schedules") or []
    }
    actions += compare(
        "scheduled_action",
        {key: value for key, value in declared.items() if value},
        schedules,
        purge=True,
        ignore=ignore,
    ).actions
    if decision.verb:
        after = {"version": version, **(options.get("refresh_preferences") or {})}
        before = {} if decision.verb == CREATE else {"version": observed.launch(observed.group).get("version")}
        actions.append(Action(decision.verb, "instance_refresh", name, before, after))
    warnings = [decision.warning] if decision.warning else []
    return Planned(Plan(actions), version, new, data, launch, warnings)


def _choose_version(wanted: t.Mapping[str, t.Any], observed: Observed) -> tuple[int, bool]:
    """The version to launch from, and whether it is a new one; one that says the same already is as good."""
    if not observed.template:
        return 1, True
    in_use = observed.launch(observed.group).get("version")
    default = observed.template["DefaultVersionNumber"]
    same = [v["VersionNumber"] for v in observed.versions if template_fields(v["LaunchTemplateData"]) == wanted]
    if not same:
        return observed.template["LatestVersionNumber"] + 1, True
    return max(same, key=lambda number: (number == in_use, number == default, number)), False


def _plan_template(
    options: t.Mapping[str, t.Any], observed: Observed, wanted: t.Mapping[str, t.Any], version: int, new: bool
) -> list[Action]:
    name = options["name"]
    own_tags = owned_tags(options["platform"], name, options.get("tags"))
    if not observed.template:
        return [Action(CREATE, "launch_template", name, after={**wanted, "default_version": version})]
    default = observed.template["DefaultVersionNumber"]
    by_number = {v["VersionNumber"]: v["LaunchTemplateData"] for v in observed.versions}
    present = {"default_version": default}
    after: dict[str, t.Any] = {"default_version": version}
    if version != default:
        present.update(template_fields(by_number.get(default, {})))
        after.update(wanted)
    tags = tags_of(observed.template)
    present["template_tags"] = {key: value for key, value in tags.items() if not key.startswith("aws:")}
    after["template_tags"] = own_tags
    names = differing(after, present)
    actions = []
    if names:
        before = {n: present.get(n) for n in names}
        actions.append(Action(UPDATE, "launch_template", name, before, {n: after[n] for n in names}))
    keep = {version, default} | _versions_in_use(observed)
    numbers = sorted({*by_number, version}, reverse=True)
    for number in numbers[options.get("keep_versions") or 5 :]:
        if number not in keep:
            title = f"{name} version {number}"
            actions.append(Action(DELETE, "launch_template_version", title, {"version": number}, context=number))
    return actions


def _versions_in_use(observed: Observed) -> set[t.Any]:
    """The versions that must stay: the group's (also what a refresh rolls back to), its instances', and a refresh's."""
    used = {observed.launch(observed.group).get("version")}
    for instance in (observed.group or {}).get("Instances") or []:
        used.add(observed.launch(instance).get("version"))
    refresh = observed.active or {}
    used.add(observed.launch(refresh.get("DesiredConfiguration")).get("version"))
    return used


def plan_rollback(options: t.Mapping[str, t.Any], observed: Observed) -> tuple[Plan, str | None]:
    """Plan the roll-back of the refresh that runs; with none, an empty plan and the sentence that says so."""
    check_ownership(options, observed)
    active = observed.active
    if not active:
        last = observed.refresh
        state = f"the last one is {last['Status']}" if last else "there was none"
        return Plan(), f"Nothing to roll back: no instance refresh of {full_name(options)} runs ({state})."
    if active["Status"] == "RollbackInProgress":
        return Plan(), f"The instance refresh {active['InstanceRefreshId']} is being rolled back already."
    if not active.get("DesiredConfiguration"):
        raise InputError(
            f"rollback: the instance refresh {active['InstanceRefreshId']} was started without a desired "
            "configuration, so AWS cannot roll it back; only one towards another version allows it."
        )
    before, after = {"status": active["Status"]}, {"status": "RollbackInProgress"}
    return Plan([Action(UPDATE, "instance_refresh", options["name"], before, after)]), None


def teardown(options: t.Mapping[str, t.Any], observed: Observed) -> Plan:
    """Plan the removal of the fleet; refuses where it is protected, leaves a foreign one of its name alone."""
    name, actions = options["name"], []
    for kind, item in (("auto_scaling_group", observed.group), ("launch_template", observed.template)):
        if not item or tags_of(item).get(PLATFORM_TAG) != options["platform"]:
            continue
        if kind == "auto_scaling_group":
            _check_unprotected(options, item)
            launch = observed_launch(item)
            before = {"min": item.get("MinSize"), "max": item.get("MaxSize"), "desired": item.get("DesiredCapacity")}
            before.update(launch=launch, instances=sorted(i["InstanceId"] for i in item.get("Instances") or []))
        else:
            before = {"default_version": item["DefaultVersionNumber"]}
        actions.append(Action(DELETE, kind, name, before, context=item))
    return Plan(actions)


def _check_unprotected(options: t.Mapping[str, t.Any], group: t.Mapping[str, t.Any]) -> None:
    protection = group.get("DeletionProtection") or "none"
    if protection != "none":
        raise InputError(
            f"state: the auto-scaling group {full_name(options)!r} has deletion protection {protection!r}; absent is "
            "allowed only with deletion_protection none."
        )
    held = sorted(i["InstanceId"] for i in group.get("Instances") or [] if i.get("ProtectedFromScaleIn"))
    if held:
        raise InputError(
            f"state: instances of {full_name(options)!r} are protected from scale-in ({', '.join(held)}); absent is "
            "allowed only when none is."
        )


def patiently(call: t.Callable[..., t.Any], **arguments: t.Any) -> t.Any:
    """Make an auto-scaling call; while another change of the same group is under way, try again (a bounded time)."""
    return AWSRetry.jittered_backoff(retries=8, delay=1, max_delay=10, catch_extra_error_codes=list(CONTENTION))(call)(
        **arguments
    )


def when_profile_is_seen(
    call: t.Callable[..., t.Any], pause: t.Callable[[float], None] = time.sleep, **arguments: t.Any
) -> t.Any:
    """Make a call that launches; while EC2 does not see a new instance profile yet, try again (about a minute)."""
    for attempt in range(PROFILE_TRIES):
        try:
            return patiently(call, **arguments)
        except BOTO_ERRORS as error:
            unseen = re.search(r"iam ?instance ?profile", str(error), re.IGNORECASE)
            if not unseen or "nvalid" not in str(error) or attempt == PROFILE_TRIES - 1:
                raise
        pause(3)
    return None


class Fleet:
    """One fleet in AWS, by the two clients that it needs."""

    def __init__(self, options: t.Mapping[str, t.Any], ec2: t.Any, autoscaling: t.Any) -> None:
        self.options, self.ec2, self.autoscaling = options, ec2, autoscaling
        self.name = full_name(options)

    # -- reading

    def observe(self) -> Observed:
        """Read the template with its versions, the group and what belongs to it, at the same time where possible."""
        (template, versions), group, root_device = concurrently(self._template, self._group, self._root_device)
        observed = Observed(template, versions, group, root_device=root_device)
        if group:
            observed.policies, observed.schedules, observed.hooks, observed.refreshes = concurrently(
                lambda: pages(self.autoscaling, "describe_policies", "ScalingPolicies", AutoScalingGroupName=self.name),
                lambda: pages(
                    self.autoscaling,
                    "describe_scheduled_actions",
                    "ScheduledUpdateGroupActions",
                    AutoScalingGroupName=self.name,
                ),
                lambda: self.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=self.name)["LifecycleHooks"],
                self._refreshes,
            )
        return observed

    def _template(self) -> tuple[dict[str, t.Any] | None, list[dict[str, t.Any]]]:
        found = describe_launch_templates(self.ec2, filters=[{"Name": "launch-template-name", "Values": [self.name]}])
        if not found:
            return None, []
        identity = {"LaunchTemplateId": found[0]["LaunchTemplateId"], "MaxResults": 200}
        return found[0], pages(self.ec2, "describe_launch_template_versions", "LaunchTemplateVersions", **identity)

    def _group(self) -> dict[str, t.Any] | None:
        found = self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])["AutoScalingGroups"]
        return found[0] if found else None

    def _root_device(self) -> str | None:
        """The image's root device; a volume of another name would be a second disk and leave the root unencrypted."""
        image = self.options.get("image_id")
        if not known(image) or self.options.get("state") == "absent" or self.options.get("rollback"):
            return None
        found = self.ec2.describe_images(Filters=[{"Name": "image-id", "Values": [image]}])["Images"]
        if not found:
            raise InputError(f"image_id: {image!r} is not an image that this account can see in its region.")
        root = found[0].get("RootDeviceName")
        declared = (self.options.get("root_volume") or {}).get("device_name")
        if root and declared and declared != root:
            raise InputError(
                f"root_volume.device_name: {declared!r} is not the root device of image {image}; {root!r} is allowed, "
                "or none, which means the same."
            )
        return root

    def _refreshes(self) -> list[dict[str, t.Any]]:
        found: list[dict[str, t.Any]] = []
        token: dict[str, str] = {}
        while True:
            page = self.autoscaling.describe_instance_refreshes(AutoScalingGroupName=self.name, MaxRecords=100, **token)
            found += page["InstanceRefreshes"]
            if not page.get("NextToken"):
                return found
            token = {"NextToken": page["NextToken"]}

    # -- making it so

    def apply(self, planned: Planned, observed: Observed) -> None:
        """Carry the plan out; hooks go before anything that launches, the refresh comes last."""
        work = application(planned.plan)
        only = planned.plan.only
        template_id = (observed.template or {}).get("LaunchTemplateId")

        def make_template(action: Action) -> str:
            return self._apply_template(action, planned, template_id)

        changes = only("launch_template")
        if changes:
            template_id = work.run(changes, make_template)[0]
        for action in planned.plan:  # the number that AWS gave, should it not be the expected one
            for side in (action.after, *([action.after["launch"]] if "launch" in action.after else [])):
                if action.kind in ("auto_scaling_group", "instance_refresh") and "version" in side:
                    side["version"] = planned.version  # type: ignore[index]

        hooks = only("lifecycle_hook")
        creation = only("auto_scaling_group", verbs=[CREATE])
        if creation:
            work.run(creation, lambda action: self._create_group(action, hooks, template_id))
            work.run(hooks, lambda action: None)  # made with the group, so that its first instances are held too
        else:
            work.run(hooks, self._apply_hook)
            work.run(only("auto_scaling_group"), lambda action: self._update_group(action, template_id))
        work.run(only("scaling_policy"), self._apply_policy, workers=4)
        self._apply_schedules(work, only("scheduled_action"))
        self._prune(work, only("launch_template_version"), template_id)
        work.run(only("instance_refresh"), lambda action: self._refresh(action, planned, template_id))

    def _apply_template(self, action: Action, planned: Planned, template_id: str | None) -> str:
        tags = owned_tags(self.options["platform"], self.options["name"], self.options.get("tags"))
        if action.verb == CREATE:
            made = create_launch_template(self.ec2, self.name, planned.data, tags=tags, ClientToken=str(uuid.uuid4()))
            return made["LaunchTemplateId"]
        if planned.new_version:
            made = create_launch_template_version(
                self.ec2, planned.data, LaunchTemplateId=template_id, ClientToken=str(uuid.uuid4())
            )
            planned.version = planned.launch["version"] = made["VersionNumber"]
        if "default_version" in action.after:
            modify_launch_template(self.ec2, LaunchTemplateId=template_id, DefaultVersion=str(planned.version))
        if "template_tags" in action.after:
            self.ec2.create_tags(Resources=[template_id], Tags=ansible_dict_to_boto3_tag_list(tags))
            others = sorted(set(action.before["template_tags"] or {}) - set(tags))
            if others:
                self.ec2.delete_tags(Resources=[template_id], Tags=[{"Key": key} for key in others])
        return template_id

    def _scalars(self, fields: t.Mapping[str, t.Any], template_id: str) -> dict[str, t.Any]:
        parameters = {PARAMETERS[name]: value for name, value in fields.items() if name in PARAMETERS}
        if "launch" in fields:
            parameters.update(launch_parameters(fields["launch"], template_id))
        if "subnet_ids" in fields:
            parameters["VPCZoneIdentifier"] = ",".join(fields["subnet_ids"])
        return parameters

    def _tags(self, tags: t.Mapping[str, str]) -> list[dict[str, t.Any]]:
        common = {"ResourceId": self.name, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": True}
        return [{**common, "Key": key, "Value": value} for key, value in sorted(tags.items())]

    def _create_group(self, action: Action, hooks: list[Action], template_id: str) -> None:
        fields = action.after
        parameters = self._scalars(fields, template_id)
        if parameters.get("DeletionProtection") == "none":
            del parameters["DeletionProtection"]  # an older boto3 does not know it
        if parameters.get("DefaultInstanceWarmup") == -1:
            del parameters["DefaultInstanceWarmup"]
        if fields.get("target_group_arns"):
            parameters["TargetGroupARNs"] = fields["target_group_arns"]
        if hooks:
            specifications = [hook_parameters(hook.name, hook.after) for hook in hooks]
            for specification in specifications:
                if not specification["NotificationTargetARN"]:
                    del specification["NotificationTargetARN"]
            parameters["LifecycleHookSpecificationList"] = specifications
        when_profile_is_seen(
            self.autoscaling.create_auto_scaling_group,
            AutoScalingGroupName=self.name,
            Tags=self._tags(fields["tags"]),
            **parameters,
        )
        self._processes(set(), set(fields.get("suspended_processes") or []))
        self._metrics(set(), set(fields.get("metrics") or []))

    def _update_group(self, action: Action, template_id: str) -> None:
        fields, before = action.after, action.before
        parameters = self._scalars(fields, template_id)
        if parameters:
            when_profile_is_seen(
                self.autoscaling.update_auto_scaling_group,
                AutoScalingGroupName=self.name,
                **parameters,
            )
        if "tags" in fields:
            patiently(self.autoscaling.create_or_update_tags, Tags=self._tags(fields["tags"]))
            others = {key: "" for key in before["tags"] if key not in fields["tags"]}
            if others:
                patiently(self.autoscaling.delete_tags, Tags=self._tags(others))
        if "target_group_arns" in fields:
            old, new = set(before["target_group_arns"]), set(fields["target_group_arns"])
            for call, arns in (
                (self.autoscaling.attach_load_balancer_target_groups, sorted(new - old)),
                (self.autoscaling.detach_load_balancer_target_groups, sorted(old - new)),
            ):
                for start in range(0, len(arns), 10):  # AWS takes ten a call
                    patiently(call, AutoScalingGroupName=self.name, TargetGroupARNs=arns[start : start + 10])
        if "suspended_processes" in fields:
            self._processes(set(before["suspended_processes"]), set(fields["suspended_processes"]))
        if "metrics" in fields:
            self._metrics(set(before["metrics"]), set(fields["metrics"]))

    def _processes(self, old: set[str], new: set[str]) -> None:
        for call, names in (
            (self.autoscaling.suspend_processes, new - old),
            (self.autoscaling.resume_processes, old - new),
        ):
            if names:
                patiently(call, AutoScalingGroupName=self.name, ScalingProcesses=sorted(names))

    def _metrics(self, old: set[str], new: set[str]) -> None:
        if old - new:
            patiently(
                self.autoscaling.disable_metrics_collection, AutoScalingGroupName=self.name, Metrics=sorted(old - new)
            )
        if new - old:
            patiently(
                self.autoscaling.enable_metrics_collection,
                AutoScalingGroupName=self.name,
                Metrics=sorted(new),
                Granularity="1Minute",
            )

    def _apply_hook(self, action: Action) -> None:
        if action.verb == DELETE:
            patiently(
                self.autoscaling.delete_lifecycle_hook, AutoScalingGroupName=self.name, LifecycleHookName=action.name
            )
            return
        parameters = hook_parameters(action.name, action.context[0])
        if not parameters["NotificationTargetARN"] and not action.before.get("notification_target_arn"):
            del parameters["NotificationTargetARN"]  # the empty text is for taking one away
        patiently(self.autoscaling.put_lifecycle_hook, AutoScalingGroupName=self.name, **parameters)

    def _apply_policy(self, action: Action) -> None:
        identity = {"AutoScalingGroupName": self.name, "PolicyName": action.name}
        wanted = action.context[0]
        # a put leaves what it does not name, so what is to go away goes with the policy
        if action.verb == DELETE or (action.before.get("warmup") is not None and wanted["warmup"] is None):
            patiently(self.autoscaling.delete_policy, **identity)
        if action.verb == DELETE:
            return
        metric = {"PredefinedMetricType": wanted["metric"]}
        if wanted["resource_label"]:
            metric["ResourceLabel"] = wanted["resource_label"]
        more = {"EstimatedInstanceWarmup": wanted["warmup"]} if wanted["warmup"] is not None else {}
        patiently(
            self.autoscaling.put_scaling_policy,
            **identity,
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration={
                "PredefinedMetricSpecification": metric,
                "TargetValue": wanted["target_value"],
                "DisableScaleIn": wanted["disable_scale_in"],
            },
            **more,
        )

    def _apply_schedules(self, work: t.Any, actions: list[Action]) -> None:
        if not actions:
            return
        puts = [a for a in actions if a.verb != DELETE]
        # a put leaves what it does not name, so what is to go away goes with the action
        emptied = [a.name for a in puts if any(v is None and a.before.get(k) is not None for k, v in a.after.items())]
        refused: dict[str, str] = {}
        failure: list[Exception] = []
        try:
            gone = sorted([*emptied, *(a.name for a in actions if a.verb == DELETE)])
            for start in range(0, len(gone), 50):  # AWS takes fifty a call
                answer = patiently(
                    self.autoscaling.batch_delete_scheduled_action,
                    AutoScalingGroupName=self.name,
                    ScheduledActionNames=gone[start : start + 50],
                )
                refused.update(_refusals(answer.get("FailedScheduledActions")))
            wanted = [schedule_parameters(a.name, a.context[0]) for a in puts]
            for start in range(0, len(wanted), 50):
                answer = patiently(
                    self.autoscaling.batch_put_scheduled_update_group_action,
                    AutoScalingGroupName=self.name,
                    ScheduledUpdateGroupActions=wanted[start : start + 50],
                )
                refused.update(_refusals(answer.get("FailedScheduledUpdateGroupActions")))
        except BOTO_ERRORS as error:
            failure.append(error)

        def settle(action: Action) -> None:
            if failure:
                raise failure[0]
            if action.name in refused:
                raise InputError(f"AWS refused the schedule: {refused[action.name]}")

        work.run(actions, settle)

    def _prune(self, work: t.Any, actions: list[Action], template_id: str) -> None:
        if not actions:
            return
        answer = delete_launch_template_versions(
            self.ec2, [str(action.context) for action in actions], launch_template_id=template_id
        )
        refused = {
            str(item.get("VersionNumber")): (item.get("ResponseError") or {}).get("Message", "no reason given")
            for item in answer["UnsuccessfullyDeletedLaunchTemplateVersions"]
        }

        def settle(action: Action) -> None:
            if str(action.context) in refused:
                raise InputError(f"AWS refused to delete the version: {refused[str(action.context)]}")

        work.run(actions, settle)

    def _refresh(self, action: Action, planned: Planned, template_id: str) -> None:
        timeout = self.options.get("refresh_timeout") or 3600
        if action.verb == REPLACE:
            patiently(self.autoscaling.cancel_instance_refresh, AutoScalingGroupName=self.name)
        self._settled_refresh(timeout)
        patiently(
            self.autoscaling.start_instance_refresh,
            AutoScalingGroupName=self.name,
            Strategy="Rolling",
            DesiredConfiguration=launch_parameters(planned.launch, template_id),
            Preferences=refresh_parameters(self.options),
        )

    def roll_back(self, planned: Plan) -> None:
        """Carry a roll-back's plan out."""
        application(planned).run(
            planned.only("instance_refresh"),
            lambda action: patiently(self.autoscaling.rollback_instance_refresh, AutoScalingGroupName=self.name),
        )

    def _settled_refresh(self, timeout: float) -> dict[str, t.Any] | None:
        """Wait until no refresh runs; the last one, None when there was none.

        :raises InputError: when the seconds of ``timeout`` are over.
        """
        last = poll(
            lambda: Observed(refreshes=self._refreshes()).refresh,
            lambda item: item is None or item["Status"] not in ACTIVE,
            timeout,
        )
        if last and last["Status"] in ACTIVE:
            raise InputError(
                f"refresh_timeout: after {timeout} seconds the instance refresh {last['InstanceRefreshId']} of "
                f"{self.name} is {last['Status']} ({last.get('PercentageComplete', 0)} percent); a longer time is "
                "allowed, and the next run joins it."
            )
        return last

    def finish_refresh(self, timeout: float, rollback: bool = False) -> dict[str, t.Any] | None:
        """Wait until no refresh runs; raise :class:`InputError` with AWS's reason unless it ended well."""
        ended = self._settled_refresh(timeout)
        good = ("RollbackSuccessful",) if rollback else ("Successful",)
        if ended and ended["Status"] not in good:
            raise InputError(
                f"refresh: the instance refresh {ended['InstanceRefreshId']} of {self.name} ended {ended['Status']}: "
                f"{ended.get('StatusReason') or 'AWS gives no reason'}"
            )
        return ended

    def remove(self, planned: Plan, timeout: float) -> None:
        """Carry a teardown out: to no hosts, the group with its hosts, and when they are gone the template."""
        work = application(planned)
        work.run(planned.only("auto_scaling_group"), lambda action: self._remove_group(action.context, timeout))
        if planned.only("launch_template") and not planned.only("auto_scaling_group"):
            self._wait_until_terminated(timeout)  # a run before this one may have been interrupted
        work.run(
            planned.only("launch_template"),
            lambda action: delete_launch_template(self.ec2, launch_template_id=action.context["LaunchTemplateId"]),
        )

    def _remove_group(self, group: t.Mapping[str, t.Any], timeout: float) -> None:
        if not group.get("Status"):  # it is being deleted when it has one
            patiently(
                self.autoscaling.update_auto_scaling_group,
                AutoScalingGroupName=self.name,
                MinSize=0,
                MaxSize=0,
                DesiredCapacity=0,
            )
            patiently(self.autoscaling.delete_auto_scaling_group, AutoScalingGroupName=self.name, ForceDelete=True)
        if poll(self._group, lambda found: found is None, timeout):
            raise InputError(f"delete_timeout: after {timeout} seconds {self.name} is still being deleted.")
        self._wait_until_terminated(timeout)

    def _wait_until_terminated(self, timeout: float) -> None:
        filters = [
            {"Name": "tag:aws:autoscaling:groupName", "Values": [self.name]},
            {"Name": "instance-state-name", "Values": ["pending", "running", "shutting-down", "stopping", "stopped"]},
        ]
        left = poll(
            lambda: pages(self.ec2, "describe_instances", "Reservations", Filters=filters, MaxResults=1000),
            lambda found: not found,
            timeout,
        )
        if left:
            ids = sorted(item["InstanceId"] for reservation in left for item in reservation["Instances"])
            raise InputError(
                f"delete_timeout: after {timeout} seconds these instances of {self.name} are not terminated: "
                f"{', '.join(ids)}."
            )


def _refusals(items: t.Iterable[t.Mapping[str, t.Any]] | None) -> dict[str, str]:
    return {
        item["ScheduledActionName"]: item.get("ErrorMessage") or item.get("ErrorCode") or "no reason given"
        for item in items or []
    }


def refresh_result(item: t.Mapping[str, t.Any] | None) -> dict[str, t.Any] | None:
    """A refresh as the module returns it; None when there is none."""
    if not item:
        return None
    aim = observed_launch(item.get("DesiredConfiguration") or {}) or {}
    return {
        "id": item["InstanceRefreshId"],
        "status": item["Status"],
        "status_reason": item.get("StatusReason"),
        "percentage_complete": item.get("PercentageComplete"),
        "version": aim.get("version"),
    }


def result(options: t.Mapping[str, t.Any], observed: Observed, planned: Planned | None = None) -> dict[str, t.Any]:
    """The fleet as the module returns it; in check mode what is not known yet says so."""
    group, template = observed.group or {}, observed.template or {}
    instances = [
        {
            "id": item["InstanceId"],
            "zone": item.get("AvailabilityZone"),
            "type": item.get("InstanceType"),
            "lifecycle_state": item.get("LifecycleState"),
            "health_status": item.get("HealthStatus"),
            "version": (observed_launch(item) or {}).get("version"),
        }
        for item in sorted(group.get("Instances") or [], key=lambda item: item["InstanceId"])
    ]
    unknown = KNOWN_AFTER_APPLY if planned else None
    version = planned.version if planned else (observed_launch(group) or {}).get("version")
    sizes = {}
    for size, parameter in (("min", "MinSize"), ("max", "MaxSize"), ("desired", "DesiredCapacity")):
        sizes[size] = group.get(parameter, options.get(size) if planned else None)
    if sizes["desired"] is None:
        sizes["desired"] = unknown
    return {
        "auto_scaling_group": {
            "name": full_name(options),
            "arn": group.get("AutoScalingGroupARN", unknown),
            **sizes,
            "instances": instances,
        },
        "launch_template": {
            "id": template.get("LaunchTemplateId", unknown),
            "name": full_name(options),
            "version": version,
        },
        "refresh": refresh_result(observed.refresh),
    }


# ------------------------------------------------------------------------------------------------ the module


def converge(
    options: t.Mapping[str, t.Any], check_mode: bool, ec2: t.Any, autoscaling: t.Any
) -> tuple[Plan, dict[str, t.Any]]:
    """Do what the options ask for; the plan and the keys of the module's result beside it.

    :raises InputError: before anything is changed, for options that cannot work; after it, for a refresh
        that did not end well.
    """
    fleet = Fleet(options, ec2, autoscaling)
    if options["state"] == "absent":
        validate_name(options)
        return _remove(fleet, check_mode)
    if options.get("rollback"):
        validate_name(options)
        return _roll_back(fleet, check_mode)
    validate(options)
    require_known(
        check_mode,
        image_id=options.get("image_id"),
        security_group_ids=options["security_group_ids"],
        subnet_ids=options["subnet_ids"],
        target_group_arns=options.get("target_group_arns") or None,
        scaling=[policy_fields(item)["resource_label"] or "none" for item in options.get("scaling") or []] or None,
    )
    observed = fleet.observe()
    planned = plan(options, observed, datetime.datetime.now(datetime.UTC))
    if check_mode:
        return planned.plan, {**result(options, observed, planned), "warnings": planned.warnings}
    if planned.plan:
        fleet.apply(planned, observed)
    if options.get("refresh_wait") and (observed.active or planned.plan.only("instance_refresh")):
        fleet.finish_refresh(options["refresh_timeout"])
        observed = fleet.observe()
    elif planned.plan:
        observed = fleet.observe()
    return planned.plan, {**result(options, observed), "warnings": planned.warnings}


def _roll_back(fleet: Fleet, check_mode: bool) -> tuple[Plan, dict[str, t.Any]]:
    observed = fleet.observe()
    planned, sentence = plan_rollback(fleet.options, observed)
    if not check_mode:
        if planned:
            fleet.roll_back(planned)
        if fleet.options.get("refresh_wait") and observed.active:
            fleet.finish_refresh(fleet.options["refresh_timeout"], rollback=True)
        if observed.active:
            observed = fleet.observe()
    return planned, {**result(fleet.options, observed), **({"msg": sentence} if sentence else {})}


def _remove(fleet: Fleet, check_mode: bool) -> tuple[Plan, dict[str, t.Any]]:
    observed = fleet.observe()
    planned = teardown(fleet.options, observed)
    if planned and not check_mode:
        fleet.remove(planned, fleet.options["delete_timeout"])
    return planned, {"auto_scaling_group": None, "launch_template": None, "refresh": None}
