"""Auto Scaling: instances that really wait in lifecycle hooks, and instance refreshes.

moto puts every instance into service at once, in one subnet, and knows neither hook completion nor refreshes. Here a
group launches over its subnets evenly, by the version of the launch template that it names; a hook holds an instance
in ``Pending:Wait`` or ``Terminating:Wait`` until it is completed or its heartbeat times out on the lab's clock; a
refresh replaces one batch at each DescribeInstanceRefreshes (instance warm-up takes no time).
"""

from __future__ import annotations

import datetime
import uuid

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import (
    ASG_NAME_TAG,
    AutoScalingBackend,
    FakeAutoScalingGroup,
    InstanceState,
    LifecycleHook,
    autoscaling_backends,
)
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from ..clock import CLOCK
from . import ec2

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
ACTIVE = ("Pending", "InProgress", "Cancelling", "RollbackInProgress")
INSTANCES_PAGE = 50
# requests before which tick() is called
TICKS_FOR = ("autoscaling", "ec2", "elbv2")
# parameters of Create/UpdateAutoScalingGroup that moto drops, by the attribute they are described from
KEPT = {
    "DefaultCooldown": "default_cooldown",
    "DefaultInstanceWarmup": "default_instance_warmup",
    "DesiredCapacityType": "desired_capacity_type",
    "MaxInstanceLifetime": "max_instance_lifetime",
    "PlacementGroup": "placement_group",
    "TerminationPolicies": "termination_policies",
    "CapacityRebalance": "capacity_rebalance",
    "InstanceMaintenancePolicy": "instance_maintenance_policy",
    "AvailabilityZoneDistribution": "availability_zone_distribution",
    "Context": "context",
}


def instant(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


class Wait:
    """One hook that holds one instance."""

    def __init__(self, hook: LifecycleHook):
        now = CLOCK.now()
        self.hook = hook
        self.token = str(uuid.uuid4())
        self.deadline = now + hook.heartbeat_timeout
        self.limit = now + min(hook.global_timeout, 100 * hook.heartbeat_timeout)
        self.result: str | None = None

    def heartbeat(self) -> None:
        self.deadline = min(CLOCK.now() + self.hook.heartbeat_timeout, self.limit)

    def settled(self) -> str | None:
        """CONTINUE, ABANDON, or None while it still waits."""
        if self.result is None and CLOCK.now() > self.deadline:
            self.result = self.hook.default_result
        return self.result


# --- groups ---------------------------------------------------------------------------------------------------------


def find_group(backend: AutoScalingBackend, name: str) -> FakeAutoScalingGroup:
    if name not in backend.autoscaling_groups:
        raise ValidationError(f"AutoScalingGroup name not found - no such group: {name}")
    return backend.autoscaling_groups[name]


def counting(group: FakeAutoScalingGroup) -> list[InstanceState]:
    """The instances that count towards the desired capacity: in service or on the way there."""
    return [s for s in group.instance_states if s.lifecycle_state == "InService" or s.lifecycle_state.startswith("Pen")]


def activity(group: FakeAutoScalingGroup, state: InstanceState, verb: str, cause: str) -> dict:
    entry = {
        "ActivityId": str(uuid.uuid4()),
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "Description": f"{verb} EC2 instance: {state.instance.id}",
        "Cause": f"At {instant(CLOCK.now()):%Y-%m-%dT%H:%M:%SZ} {cause}",
        "StartTime": instant(CLOCK.now()),
        "StatusCode": "InProgress",
        "Progress": 30,
        "Details": "{}",
    }
    group.__dict__.setdefault("activities", []).insert(0, entry)
    return entry


def finish(entry: dict, status: str = "Successful") -> None:
    entry.update(EndTime=instant(CLOCK.now()), StatusCode=status, Progress=100)


def hooks_of(group: FakeAutoScalingGroup, transition: str) -> list[LifecycleHook]:
    hooks = group.autoscaling_backend.describe_lifecycle_hooks(group.name)
    return [hook for hook in hooks if hook.lifecycle_transition == transition]


def specification(group: FakeAutoScalingGroup, wanted: dict | None = None) -> dict | None:
    """{LaunchTemplateId, LaunchTemplateName, Version} that new instances get, the version being a number."""
    named = wanted or {}
    if not named and group.mixed_instances_policy:
        named = group.mixed_instances_policy["LaunchTemplate"]["LaunchTemplateSpecification"]
    ec2 = group.autoscaling_backend.ec2_backend
    if named.get("LaunchTemplateId"):
        template = ec2.get_launch_template(named["LaunchTemplateId"])
    elif named.get("LaunchTemplateName"):
        template = ec2.get_launch_template_by_name(named["LaunchTemplateName"])
    else:
        template = group.ec2_launch_template
    if template is None:
        return None
    version = named.get("Version") or group.launch_template_version
    number = template.get_version(version).number
    return {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "Version": str(number)}


def spot_wanted(group: FakeAutoScalingGroup, total: int) -> int:
    """How many of so many instances a mixed-instances policy makes spot instances."""
    distribution = (group.mixed_instances_policy or {}).get("InstancesDistribution", {})
    above = max(0, total - int(distribution.get("OnDemandBaseCapacity") or 0))
    percentage = distribution.get("OnDemandPercentageAboveBaseCapacity")
    return (
        int(above * (100 - int(100 if percentage is None else percentage)) / 100) if group.mixed_instances_policy else 0
    )


def launch(group: FakeAutoScalingGroup, count: int, tags: dict | None = None, wanted: dict | None = None) -> None:
    """Launch instances one by one into the subnet with the fewest; hooks hold them in Pending:Wait."""
    backend = group.autoscaling_backend
    subnets = group.vpc_zone_identifier.split(",") if group.vpc_zone_identifier else [None]
    tags = {**group.instance_tags, **(tags or group.get_propagated_tags()), ASG_NAME_TAG: group.name}
    chosen = wanted or group.__dict__.get("refresh_template")
    template = specification(group, chosen)
    version = group.autoscaling_backend.ec2_backend._get_template_from_args(template) if template else None
    image = version.image_id if version else group.launch_config.image_id
    kind = version.instance_type if version else group.launch_config.instance_type
    overrides = (group.mixed_instances_policy or {}).get("LaunchTemplate", {}).get("Overrides") or []
    kind = next((override["InstanceType"] for override in overrides if override.get("InstanceType")), kind)
    for _turn in range(count):
        used = [state.instance.subnet_id for state in counting(group)]
        subnet = min(subnets, key=used.count)
        spot = sum(state.instance.lifecycle == "spot" for state in counting(group))
        reservation = backend.ec2_backend.run_instances(
            image,
            1,
            version.user_data if version else group.launch_config.user_data,
            version.security_groups if version else group.launch_config.security_groups,
            instance_type=kind,
            is_instance_type_default=False,
            tags={"instance": tags},
            placement=None if subnet else sorted(group.availability_zones)[len(used) % len(group.availability_zones)],
            launch_config=group.launch_config,
            launch_template=template,
            region_name=group.region,
            subnet_id=subnet,
            associate_public_ip=group.launch_config.associate_public_ip_address if group.launch_config else None,
            metadata_options=(version.data.get("MetadataOptions") or {}) if version else {},
            instance_market_options="spot" if spot < spot_wanted(group, group.desired_capacity or 0) else None,
            client_token=str(uuid.uuid4()),
        )
        instance = reservation.instances[0]
        profile = (version.data.get("IamInstanceProfile") or {}) if version else {}
        if profile:
            backend.ec2_backend.associate_iam_instance_profile(
                instance.id, iam_instance_profile_name=profile.get("Name"), iam_instance_profile_arn=profile.get("Arn")
            )
        instance.autoscaling_group = group
        state = InstanceState(instance, protected_from_scale_in=group.new_instances_protected_from_scale_in)
        state.launched_by = template
        state.doing = activity(group, state, "Launching a new", "an instance was started to meet the desired capacity.")
        group.instance_states.append(state)
        state.waits = [Wait(hook) for hook in hooks_of(group, LAUNCHING)]
        if state.waits:
            state.lifecycle_state = "Pending:Wait"
        else:
            enter_service(group, state)


def enter_service(group: FakeAutoScalingGroup, state: InstanceState) -> None:
    state.lifecycle_state = "InService"
    state.waits = []
    finish(state.doing)
    register(group, [state])


def register(group: FakeAutoScalingGroup, states: list[InstanceState]) -> None:
    for arn in group.target_group_arns:
        target_group = group.autoscaling_backend.elbv2_backend.target_groups.get(arn)
        if target_group is not None:
            target_group.register(
                [
                    {"Id": state.instance.id, "Port": target_group.port}
                    for state in states
                    if state.lifecycle_state == "InService" and state.instance.state == "running"
                ]
            )


def deregister(group: FakeAutoScalingGroup, states: list[InstanceState], arns: list[str] | None = None) -> None:
    for arn in group.target_group_arns if arns is None else arns:
        target_group = group.autoscaling_backend.elbv2_backend.target_groups.get(arn)
        for state in states:
            if target_group is not None and state.instance.id in target_group.targets:
                target_group.deregister([{"Id": state.instance.id}])


def terminate(group: FakeAutoScalingGroup, state: InstanceState, cause: str, hooked: bool = True) -> None:
    """Take an instance out: through Terminating:Wait where a hook says so."""
    if state.lifecycle_state.startswith("Terminating"):
        return
    deregister(group, [state])
    state.doing = activity(group, state, "Terminating", cause)
    state.waits = [Wait(hook) for hook in hooks_of(group, TERMINATING)] if hooked else []
    state.lifecycle_state = "Terminating:Wait"
    if not state.waits:
        end(group, state)


def end(group: FakeAutoScalingGroup, state: InstanceState) -> None:
    group.instance_states.remove(state)
    if state.instance.state != "terminated":
        group.autoscaling_backend.ec2_backend.terminate_instances([state.instance.id])
    group.autoscaling_backend.elbv2_backend.notify_terminate_instances([state.instance.id])
    finish(state.doing)


def set_desired_capacity(group: FakeAutoScalingGroup, new_capacity: int | None) -> None:
    group.desired_capacity = group.min_size if new_capacity is None else new_capacity
    present = counting(group)
    missing = (group.desired_capacity or 0) - len(present)
    if missing > 0 and "Launch" not in group._suspended_processes:
        launch(group, missing)
    elif missing < 0 and "Terminate" not in group._suspended_processes:
        for _turn in range(-missing):
            free = [state for state in counting(group) if not state.protected_from_scale_in]
            if not free:
                break
            # out of the fullest zone, the oldest first
            zones = [state.instance.subnet_id for state in free]
            chosen = max(free, key=lambda state: (zones.count(state.instance.subnet_id), -free.index(state)))
            terminate(group, chosen, "an instance was taken out of service to shrink the capacity.")


def tick() -> None:
    """Move on what no longer waits; called before every request."""
    for regions in list(autoscaling_backends.values()):
        for backend in list(regions.values()):
            for group in list(backend.autoscaling_groups.values()):
                if group.instance_states:
                    move_on(group)


def move_on(group: FakeAutoScalingGroup) -> None:
    waiting = [state for state in group.instance_states if state.lifecycle_state.endswith(":Wait")]
    abandoned = 0
    for state in waiting:
        results = [wait.settled() for wait in state.waits]
        if state.lifecycle_state.startswith("Pending"):
            if "ABANDON" in results:
                finish(state.doing, "Cancelled")
                terminate(group, state, "the lifecycle action was abandoned.")
                abandoned += 1
            elif all(results):
                enter_service(group, state)
        elif "ABANDON" in results or all(results):
            end(group, state)
    if waiting:
        ec2.changed()
    if abandoned:
        set_desired_capacity(group, group.desired_capacity)


# --- hooks ----------------------------------------------------------------------------------------------------------


def _waits(self: AutoScalingResponse) -> list[Wait]:
    """The wait that CompleteLifecycleAction or RecordLifecycleActionHeartbeat means."""
    group = find_group(self.autoscaling_backend, self._get_param("AutoScalingGroupName"))
    token, instance_id = self._get_param("LifecycleActionToken"), self._get_param("InstanceId")
    hook = self._get_param("LifecycleHookName")
    if not self.autoscaling_backend.describe_lifecycle_hooks(group.name, [hook]):
        raise ValidationError(f"No lifecycle hook found with name: {hook}")
    if not token and not instance_id:
        raise ValidationError("Please provide either a lifecycle action token or an instance ID.")
    found = [
        wait
        for state in group.instance_states
        for wait in getattr(state, "waits", [])
        if wait.hook.name == hook
        and wait.result is None
        and (wait.token == token if token else state.instance.id == instance_id)
    ]
    if not found:
        named = f"token {token}" if token else f"instance ID {instance_id}"
        raise ValidationError(f"No active Lifecycle Action found with {named}")
    return found


def complete_lifecycle_action(self: AutoScalingResponse) -> ActionResult:
    result = self._get_param("LifecycleActionResult")
    if result not in ("CONTINUE", "ABANDON"):
        raise ValidationError("Lifecycle action result must be one of [CONTINUE, ABANDON].")
    for wait in _waits(self):
        wait.result = result
    move_on(find_group(self.autoscaling_backend, self._get_param("AutoScalingGroupName")))
    return EmptyResult()


def record_lifecycle_action_heartbeat(self: AutoScalingResponse) -> ActionResult:
    for wait in _waits(self):
        wait.heartbeat()
    return EmptyResult()


def _keep_hook(backend: AutoScalingBackend, group: FakeAutoScalingGroup, wanted: dict) -> None:
    key = f"{group.name}_{wanted['LifecycleHookName']}"
    before = backend.lifecycle_hooks.get(key)
    transition = wanted.get("LifecycleTransition") or (before and before.lifecycle_transition)
    if transition not in (LAUNCHING, TERMINATING):
        raise ValidationError(f"LifecycleTransition must be one of [{LAUNCHING}, {TERMINATING}].")
    timeout = int(wanted.get("HeartbeatTimeout") or (before.heartbeat_timeout if before else 3600))
    if not 30 <= timeout <= 7200:
        raise ValidationError("HeartbeatTimeout must be between 30 and 7200 seconds.")
    result = wanted.get("DefaultResult") or (before.default_result if before else "ABANDON")
    hook = LifecycleHook(wanted["LifecycleHookName"], group.name, transition, timeout, result)
    hook.global_timeout = min(172800, 100 * timeout)
    for parameter, attribute in (
        ("RoleARN", "role_arn"),
        ("NotificationTargetARN", "notification_target_arn"),
        ("NotificationMetadata", "notification_metadata"),
    ):
        setattr(hook, attribute, wanted.get(parameter) or getattr(before, attribute, None))
    backend.lifecycle_hooks[key] = hook


def put_lifecycle_hook(self: AutoScalingResponse) -> ActionResult:
    group = find_group(self.autoscaling_backend, self._get_param("AutoScalingGroupName"))
    _keep_hook(self.autoscaling_backend, group, dict(self._get_params()))
    return EmptyResult()


def delete_lifecycle_hook(self: AutoScalingResponse) -> ActionResult:
    group = find_group(self.autoscaling_backend, self._get_param("AutoScalingGroupName"))
    name = self._get_param("LifecycleHookName")
    if f"{group.name}_{name}" not in self.autoscaling_backend.lifecycle_hooks:
        raise ValidationError(f"No Lifecycle Hook found with name: {name}")
    self.autoscaling_backend.delete_lifecycle_hook(group.name, name)
    # AWS: deleting a hook continues launches and terminations that wait for it
    for state in group.instance_states:
        for wait in getattr(state, "waits", []):
            if wait.hook.name == name:
                wait.result = "CONTINUE"
    move_on(group)
    return EmptyResult()


# --- instance refresh -----------------------------------------------------------------------------------------------


def _refreshes(group: FakeAutoScalingGroup) -> list[dict]:
    return group.__dict__.setdefault("refreshes", [])


def _active(group: FakeAutoScalingGroup) -> dict | None:
    return next((refresh for refresh in _refreshes(group) if refresh["Status"] in ACTIVE), None)


def start_instance_refresh(self: AutoScalingResponse) -> ActionResult:
    group = find_group(self.autoscaling_backend, self._get_param("AutoScalingGroupName"))
    active = _active(group)
    if active:
        raise AutoscalingClientError(
            "InstanceRefreshInProgress",
            f"An Instance Refresh is already in progress and blocks the execution of this Instance Refresh: "
            f"{active['InstanceRefreshId']}",
        )
    wanted = self._get_param("DesiredConfiguration") or {}
    preferences = {
        "MinHealthyPercentage": 90,
        "SkipMatching": False,
        "AutoRollback": False,
        "ScaleInProtectedInstances": "Wait",
        "StandbyInstances": "Wait",
        **(self._get_param("Preferences") or {}),
    }
    template = wanted.get("LaunchTemplate") or (wanted.get("MixedInstancesPolicy") or {}).get("LaunchTemplate", {}).get(
        "LaunchTemplateSpecification"
    )
    if preferences["AutoRollback"] and not wanted:
        raise ValidationError("Desired configuration must be specified when AutoRollback is enabled.")
    target = specification(group, template)
    if target is None and wanted:
        raise ValidationError("DesiredConfiguration needs a group with a launch template.")
    states = [
        state
        for state in counting(group)
        if not (preferences["SkipMatching"] and getattr(state, "launched_by", None) == target)
    ]
    refresh = {
        "InstanceRefreshId": str(uuid.uuid4()),
        "AutoScalingGroupName": group.name,
        "Status": "Pending",
        "StartTime": instant(CLOCK.now()),
        "PercentageComplete": 0,
        "InstancesToUpdate": len(states),
        "Strategy": self._get_param("Strategy") or "Rolling",
        "Preferences": preferences,
        "DesiredConfiguration": wanted or None,
        "_left": [state.instance.id for state in states],
        "_total": len(states),
        "_target": target,
        "_before": specification(group),
        "_replaced": [],
    }
    _refreshes(group).insert(0, refresh)
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


def step(group: FakeAutoScalingGroup, refresh: dict) -> None:
    """Replace one batch, once the batch before it is in service."""
    if refresh["Status"] not in ACTIVE:
        return
    if refresh["Status"] == "Pending":
        refresh["Status"] = "InProgress"
        return
    move_on(group)
    if any(state.lifecycle_state.endswith(":Wait") for state in group.instance_states):
        return
    if refresh["Status"] == "Cancelling":
        group.refresh_template = None
        refresh.update(Status="Cancelled", EndTime=instant(CLOCK.now()))
        return
    present = {state.instance.id: state for state in counting(group)}
    left = [present[instance_id] for instance_id in refresh["_left"] if instance_id in present]
    size = max(1, len(present) * (100 - int(refresh["Preferences"]["MinHealthyPercentage"])) // 100)
    group.refresh_template = refresh["_target"]
    for state in left[:size]:
        terminate(group, state, "an instance was taken out of service in response to an instance refresh.")
        launch(group, 1)
        refresh["_replaced"].append(group.instance_states[-1].instance.id)
    refresh["_left"] = [state.instance.id for state in left[size:]]
    remaining = len(refresh["_left"])
    refresh["InstancesToUpdate"] = remaining
    total = max(1, refresh["_total"])
    refresh["PercentageComplete"] = 100 * (total - remaining) // total
    settled = not any(state.lifecycle_state.endswith(":Wait") for state in group.instance_states)
    if remaining or not settled:
        return
    group.refresh_template = None
    refresh["EndTime"] = instant(CLOCK.now())
    if refresh["Status"] == "RollbackInProgress":
        refresh["Status"] = "RollbackSuccessful"
        return
    refresh["Status"] = "Successful"
    wanted = refresh["DesiredConfiguration"]
    if wanted:
        if wanted.get("MixedInstancesPolicy"):
            group.mixed_instances_policy = wanted["MixedInstancesPolicy"]
        group._set_launch_configuration("", wanted.get("LaunchTemplate") or {}, wanted.get("MixedInstancesPolicy"))


def describe_instance_refreshes(self: AutoScalingResponse) -> ActionResult:
    group = find_group(self.autoscaling_backend, self._get_param("AutoScalingGroupName"))
    wanted = self._get_param("InstanceRefreshIds") or []
    start = int(self._get_param("NextToken") or 0)
    end_at = start + (self._get_int_param("MaxRecords") or 50)
    active = _active(group)
    if active:
        step(group, active)
    found = [r for r in _refreshes(group) if not wanted or r["InstanceRefreshId"] in wanted]
    shown = [
        {name: value for name, value in refresh.items() if not name.startswith("_") and value is not None}
        for refresh in found[start:end_at]
    ]
    return ActionResult({"InstanceRefreshes": shown, "NextToken": str(end_at) if end_at < len(found) else None})


def _active_or_refuse(self: AutoScalingResponse) -> tuple[FakeAutoScalingGroup, dict]:
    group = find_group(self.autoscaling_backend, self._get_param("AutoScalingGroupName"))
    refresh = _active(group)
    if refresh is None or refresh["Status"] == "Cancelling":
        raise AutoscalingClientError(
            "ActiveInstanceRefreshNotFound",
            f"No in progress or pending Instance Refresh found for Auto Scaling group {group.name}",
        )
    return group, refresh


def cancel_instance_refresh(self: AutoScalingResponse) -> ActionResult:
    _group, refresh = _active_or_refuse(self)
    refresh["Status"] = "Cancelling"
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


def rollback_instance_refresh(self: AutoScalingResponse) -> ActionResult:
    group, refresh = _active_or_refuse(self)
    if not refresh["DesiredConfiguration"]:
        raise AutoscalingClientError(
            "IrreversibleInstanceRefresh", "The instance refresh has no desired configuration, so it cannot roll back."
        )
    if str(group.launch_template_version).lower() in ("$latest", "$default"):
        raise AutoscalingClientError(
            "IrreversibleInstanceRefresh",
            "The Auto Scaling group uses the $Latest or $Default version of its launch template.",
        )
    present = [state.instance.id for state in counting(group)]
    left = [instance_id for instance_id in refresh["_replaced"] if instance_id in present]
    refresh.update(
        Status="RollbackInProgress",
        RollbackDetails={
            "RollbackReason": "RollbackInstanceRefresh was called.",
            "RollbackStartTime": instant(CLOCK.now()),
            "PercentageCompleteOnRollback": refresh["PercentageComplete"],
            "InstancesToUpdateOnRollback": refresh["InstancesToUpdate"],
        },
        InstancesToUpdate=len(left),
        _left=left,
        _total=len(left),
        _target=refresh["_before"],
    )
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


# --- groups: what moto has otherwise --------------------------------------------------------------------------------


def _keep(self: AutoScalingResponse, group: FakeAutoScalingGroup) -> None:
    for parameter, attribute in KEPT.items():
        value = self._get_param(parameter)
        if value is not None:
            setattr(group, attribute, value)


def _check_sizes(low: int, high: int, desired: int | None) -> None:
    if low > high:
        raise ValidationError(f"Max bound, {high}, must be greater than or equal to min bound, {low}")
    if desired is not None and not low <= desired <= high:
        raise ValidationError(
            f"Desired capacity:{desired} must be between the specified min size:{low} and max size:{high}"
        )


def _update(self: AutoScalingResponse) -> ActionResult:
    """UpdateAutoScalingGroup; moto forgets the mixed-instances policy at each update."""
    group = find_group(self.autoscaling_backend, self._get_param("AutoScalingGroupName"))

    def asked(parameter: str, present: int) -> int:
        value = self._get_int_param(parameter)
        return present if value is None else value

    low, high = asked("MinSize", group.min_size), asked("MaxSize", group.max_size)
    desired = self._get_int_param("DesiredCapacity")
    _check_sizes(low, high, desired)
    group._set_azs_and_vpcs(self._get_param("AvailabilityZones", []), self._get_param("VPCZoneIdentifier"), update=True)
    template, mixed = self._get_param("LaunchTemplate") or {}, self._get_param("MixedInstancesPolicy")
    if template or mixed:
        group.mixed_instances_policy = dict(mixed) if mixed else None
        group._set_launch_configuration("", template, group.mixed_instances_policy)
    if self._get_param("LaunchConfigurationName"):
        group._set_launch_configuration(self._get_param("LaunchConfigurationName"), {}, None)
    for parameter, attribute in (
        ("HealthCheckGracePeriod", "health_check_grace_period"),
        ("HealthCheckType", "health_check_type"),
        ("NewInstancesProtectedFromScaleIn", "new_instances_protected_from_scale_in"),
    ):
        value = self._get_param(parameter)
        if value is not None:
            setattr(group, attribute, value)
    _keep(self, group)
    group.min_size, group.max_size = low, high
    wanted = group.desired_capacity if desired is None else desired
    group.set_desired_capacity(min(max(wanted, low), high))
    return EmptyResult()


def _delete(self: AutoScalingResponse) -> ActionResult:
    backend = self.autoscaling_backend
    group = find_group(backend, self._get_param("AutoScalingGroupName"))
    if group.instance_states and not self._get_bool_param("ForceDelete"):
        raise AutoscalingClientError(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) "
            "still in the group.",
        )
    for state in list(group.instance_states):
        if state.lifecycle_state.startswith("Terminating"):
            end(group, state)
        else:
            terminate(group, state, "the group was deleted.", hooked=False)
    backend.autoscaling_groups.pop(group.name)
    for kept in (backend.lifecycle_hooks, backend.policies, backend.scheduled_actions):
        for key in [key for key, item in kept.items() if item.auto_scaling_group_name == group.name]:
            kept.pop(key)
    return EmptyResult()


def describe_auto_scaling_instances(self: AutoScalingResponse) -> ActionResult:
    states = self.autoscaling_backend.describe_auto_scaling_instances(set(self._get_param("InstanceIds", [])))
    start = int(self._get_param("NextToken") or 0)
    last = start + min(self._get_int_param("MaxRecords") or INSTANCES_PAGE, INSTANCES_PAGE)
    answer = {"AutoScalingInstances": states[start:last], "NextToken": str(last) if last < len(states) else None}
    return ActionResult(answer)


def describe_scaling_activities(self: AutoScalingResponse) -> ActionResult:
    name, wanted = self._get_param("AutoScalingGroupName"), self._get_param("ActivityIds") or []
    found = [
        entry
        for group in self.autoscaling_backend.autoscaling_groups.values()
        if not name or group.name == name
        for entry in group.__dict__.get("activities", [])
        if not wanted or entry["ActivityId"] in wanted
    ]
    start = int(self._get_param("NextToken") or 0)
    last = start + min(self._get_int_param("MaxRecords") or 100, 100)
    return ActionResult({"Activities": found[start:last], "NextToken": str(last) if last < len(found) else None})


def delete_policy(self: AutoScalingResponse) -> ActionResult:
    name, group = self._get_param("PolicyName"), self._get_param("AutoScalingGroupName")
    policies = self.autoscaling_backend.policies
    for key, policy in list(policies.items()):
        if name in (policy.name, policy.arn) and group in (None, policy.auto_scaling_group_name):
            policies.pop(key)
            return EmptyResult()
    raise ValidationError(f"Cannot find policy: {name}")


def _update_attached_target_groups(self: AutoScalingBackend, group_name: str) -> None:
    group = self.autoscaling_groups[group_name]
    register(group, group.instance_states)


def _set_instance_health(self: AutoScalingBackend, instance_id: str, health_status: str) -> None:
    for group in self.autoscaling_groups.values():
        for state in group.instance_states:
            if state.instance.id == instance_id:
                state.health_status = health_status
                if health_status == "Unhealthy":
                    terminate(group, state, "an instance was taken out of service in response to a health check.")
                    set_desired_capacity(group, group.desired_capacity)
                return
    raise ValidationError(f"Instance Id not found - No managed instance found for instance ID {instance_id}")


def _terminated_elsewhere(self: AutoScalingBackend, instance_ids: list[str]) -> None:
    """What TerminateInstances ended is taken out of its group and replaced."""
    for group in self.autoscaling_groups.values():
        gone = [state for state in group.instance_states if state.instance.id in instance_ids]
        for state in gone:
            group.instance_states.remove(state)
        if gone:
            set_desired_capacity(group, group.desired_capacity)


def _terminate_in_group(self: AutoScalingResponse) -> ActionResult:
    instance_id = self._get_param("InstanceId")
    for group in self.autoscaling_backend.autoscaling_groups.values():
        for state in group.instance_states:
            if state.instance.id == instance_id:
                terminate(group, state, "instance was taken out of service in response to a user request.")
                if self._get_bool_param("ShouldDecrementDesiredCapacity", False):
                    group.desired_capacity -= 1
                set_desired_capacity(group, group.desired_capacity)
                return ActionResult({"Activity": state.doing})
    raise ValidationError(f"Instance Id not found - No managed instance found for instance ID {instance_id}")


def _detach_target_groups(self: AutoScalingBackend, group_name: str, target_group_arns: list[str]) -> None:
    group = self.autoscaling_groups[group_name]
    deregister(group, group.instance_states, target_group_arns)
    group.target_group_arns = [arn for arn in group.target_group_arns if arn not in target_group_arns]


def install() -> None:
    create = AutoScalingResponse.create_auto_scaling_group
    create_policy, answer_policy = AutoScalingBackend.put_scaling_policy, AutoScalingResponse.put_scaling_policy
    schedule = AutoScalingBackend.put_scheduled_update_group_action

    def create_auto_scaling_group(self: AutoScalingResponse) -> ActionResult:
        name = self._get_param("AutoScalingGroupName")
        if name in self.autoscaling_backend.autoscaling_groups:
            raise AutoscalingClientError(
                "AlreadyExists",
                f"AutoScalingGroup by this name already exists - A group with the name {name} already exists",
            )
        _check_sizes(
            self._get_int_param("MinSize"), self._get_int_param("MaxSize"), self._get_int_param("DesiredCapacity")
        )
        for arn in self._get_param("TargetGroupARNs", []):
            if arn not in self.autoscaling_backend.elbv2_backend.target_groups:
                raise ValidationError("Target group(s) not found - The target group(s) could not be found")
        # hooks of the same request hold the first instances already, so the group starts with none
        group_hooks = self._get_param("LifecycleHookSpecificationList") or []
        desired = self._get_int_param("DesiredCapacity")
        low = self._get_int_param("MinSize")
        self.params["DesiredCapacity"] = 0
        answer = create(self)
        group = self.autoscaling_backend.autoscaling_groups[name]
        _keep(self, group)
        for wanted in group_hooks:
            _keep_hook(self.autoscaling_backend, group, dict(wanted))
        group.set_desired_capacity(low if desired is None else desired)
        return answer

    def put_scaling_policy(self: AutoScalingBackend, name: str, *arguments, **options):
        find_group(self, options["as_name"])
        before = self.policies.pop(name, None)
        policy = create_policy(self, name, *arguments, **options)
        # two groups may each have a policy of this name
        self.policies[f"{policy.auto_scaling_group_name}/{name}"] = self.policies.pop(name)
        if before is not None:
            self.policies[name] = before
        return policy

    def answer_put_scaling_policy(self: AutoScalingResponse) -> ActionResult:
        # moto gives the ARN under a name that is not the model's
        return ActionResult({"PolicyARN": answer_policy(self).result["PolicyArn"], "Alarms": []})

    def put_scheduled_update_group_action(self: AutoScalingBackend, **options):
        find_group(self, options["name"])
        action = schedule(self, **options)
        name = options["scheduled_action_name"]
        action.scheduled_action_arn = (
            f"arn:aws:autoscaling:{self.region_name}:{self.account_id}:scheduledUpdateGroupAction:"
            f"{uuid.uuid5(uuid.NAMESPACE_URL, options['name'] + name)}:autoScalingGroupName/{options['name']}:"
            f"scheduledActionName/{name}"
        )
        self.scheduled_actions[f"{options['name']}/{name}"] = self.scheduled_actions.pop(name)
        return action

    def delete_scheduled_action(
        self: AutoScalingBackend, auto_scaling_group_name: str, scheduled_action_name: str
    ) -> None:
        if self.scheduled_actions.pop(f"{auto_scaling_group_name}/{scheduled_action_name}", None) is None:
            raise ValidationError("Scheduled action name not found")

    def launch_template(group: FakeAutoScalingGroup) -> dict | None:
        if group.ec2_launch_template is None or group.mixed_instances_policy:
            return None
        template = group.ec2_launch_template
        version = group.provided_launch_template_version
        return {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "Version": version}

    FakeAutoScalingGroup.active_instances = counting
    FakeAutoScalingGroup.set_desired_capacity = set_desired_capacity
    FakeAutoScalingGroup.replace_autoscaling_group_instances = launch
    FakeAutoScalingGroup.launch_template = property(launch_template)
    InstanceState.launch_template = property(lambda state: getattr(state, "launched_by", None))
    AutoScalingBackend.update_attached_target_groups = _update_attached_target_groups
    AutoScalingBackend.detach_load_balancer_target_groups = _detach_target_groups
    AutoScalingBackend.set_instance_health = _set_instance_health
    AutoScalingBackend.notify_terminate_instances = _terminated_elsewhere
    AutoScalingBackend.put_scaling_policy = put_scaling_policy
    AutoScalingResponse.put_scaling_policy = answer_put_scaling_policy
    AutoScalingBackend.put_scheduled_update_group_action = put_scheduled_update_group_action
    AutoScalingBackend.delete_scheduled_action = delete_scheduled_action
    AutoScalingResponse.create_auto_scaling_group = create_auto_scaling_group
    AutoScalingResponse.update_auto_scaling_group = _update
    AutoScalingResponse.delete_auto_scaling_group = _delete
    AutoScalingResponse.terminate_instance_in_auto_scaling_group = _terminate_in_group
    for action in (
        complete_lifecycle_action,
        record_lifecycle_action_heartbeat,
        put_lifecycle_hook,
        delete_lifecycle_hook,
        start_instance_refresh,
        describe_instance_refreshes,
        cancel_instance_refresh,
        rollback_instance_refresh,
        describe_auto_scaling_instances,
        describe_scaling_activities,
        delete_policy,
    ):
        setattr(AutoScalingResponse, action.__name__, action)
