# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a fleet's options may be. Nothing here asks AWS, so that other modules can check before anything is made."""

from __future__ import annotations

import re
import typing as t
import zoneinfo

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._fleet_forms import (
    REQUEST_COUNT,
    TRANSITIONS,
    moment,
    resource_label,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError, known, unique

METRICS = (
    "ASGAverageCPUUtilization",
    "ASGAverageNetworkIn",
    "ASGAverageNetworkOut",
    "ALBRequestCountPerTarget",
)
GROUP_METRICS = (
    "GroupMinSize",
    "GroupMaxSize",
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupPendingInstances",
    "GroupStandbyInstances",
    "GroupTerminatingInstances",
    "GroupTotalInstances",
    "GroupInServiceCapacity",
    "GroupPendingCapacity",
    "GroupStandbyCapacity",
    "GroupTerminatingCapacity",
    "GroupTotalCapacity",
    "WarmPoolDesiredCapacity",
    "WarmPoolWarmedCapacity",
    "WarmPoolPendingCapacity",
    "WarmPoolTerminatingCapacity",
    "WarmPoolTotalCapacity",
    "GroupAndWarmPoolDesiredCapacity",
    "GroupAndWarmPoolTotalCapacity",
)
PROCESSES = (
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
)
TERMINATION_POLICIES = (
    "Default",
    "AllocationStrategy",
    "OldestLaunchTemplate",
    "OldestLaunchConfiguration",
    "ClosestToNextInstanceHour",
    "NewestInstance",
    "OldestInstance",
)
NAME_LENGTH = 128  # a launch template's name; the group's may have 255
USER_DATA_BYTES = 16 * 1024
CRON_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    ("day of week", 0, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
)


def validate(options: t.Mapping[str, t.Any]) -> None:
    """Raise :class:`InputError` (one sentence) on options that cannot make a working fleet.

    Asks nothing of AWS, and takes ids that are known only after apply for good ones.
    """
    validate_name(options)
    _validate_launch(options)
    _validate_sizes(options)
    _validate_group(options)
    for item in unique(options.get("scaling") or [], "scaling").values():
        _validate_scaling(item)
    for item in unique(options.get("schedules") or [], "schedules").values():
        _validate_schedule(item)
    for item in unique(options.get("hooks") or [], "hooks").values():
        _validate_hook(item)
    _validate_refresh(options)


def validate_name(options: t.Mapping[str, t.Any]) -> None:
    """Raise :class:`InputError` unless the fleet's name can name a group and a launch template."""
    name = options.get("name") or ""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        raise InputError(f"name: {name!r} is not a name of letters, digits and hyphens that starts with a letter.")
    full = f"{options['platform']}-{name}"
    if len(full) > NAME_LENGTH:
        raise InputError(
            f"name: {full!r} has {len(full)} characters; the platform's name, a hyphen and the fleet's name may have "
            f"{NAME_LENGTH}, as many as AWS allows for a launch template."
        )


def _between(variable: str, value: t.Any, low: float, high: float, unit: str = "") -> None:
    if value is not None and not low <= value <= high:
        raise InputError(f"{variable}: {value} is not between {low} and {high}{unit and ' ' + unit}.")


def _among(variable: str, value: str, allowed: t.Iterable[str]) -> None:
    if value not in allowed:
        raise InputError(f"{variable}: {value!r} is not one of {', '.join(allowed)}.")


def _once(variable: str, values: t.Iterable[str]) -> None:
    seen = set()
    for value in values:
        if value in seen and known(value):
            raise InputError(f"{variable}: {value!r} is there twice; each is allowed once.")
        seen.add(value)


def _validate_launch(options: t.Mapping[str, t.Any]) -> None:
    image, parameter = options.get("image_id"), options.get("image_parameter")
    if bool(image) == bool(parameter):
        given = "both are given" if image else "neither is given"
        raise InputError(f"image_id, image_parameter: {given}; exactly one of them says what the hosts start from.")
    if not options.get("instance_type") and not options.get("instance_types"):
        raise InputError("instance_type: none is given; name a type such as t3.small, or several in instance_types.")
    _once("instance_types", options.get("instance_types") or [])
    mixed = options.get("mixed") or {}
    _between("mixed.on_demand_percentage", mixed.get("on_demand_percentage"), 0, 100)
    if (mixed.get("on_demand_base") or 0) < 0:
        raise InputError(f"mixed.on_demand_base: {mixed['on_demand_base']} is below 0, the fewest allowed.")
    if not options.get("security_group_ids"):
        raise InputError("security_group_ids: the list is empty; at least one security group is needed.")
    _once("security_group_ids", options["security_group_ids"])
    size = len((options.get("user_data") or "").encode())
    if size > USER_DATA_BYTES:
        raise InputError(f"user_data: it has {size} bytes; AWS allows {USER_DATA_BYTES} before encoding.")
    _between("metadata_hop_limit", options.get("metadata_hop_limit"), 1, 64)
    volume = options.get("root_volume") or {}
    _between("root_volume.size", volume.get("size"), 1, 65536, "GiB")
    _between("root_volume.iops", volume.get("iops"), 100, 256000)
    if volume.get("throughput") is not None and (volume.get("type") or "gp3") != "gp3":
        raise InputError(f"root_volume.throughput: only type gp3 allows it, and the type is {volume['type']!r}.")
    if volume.get("iops") is not None and (volume.get("type") or "gp3") not in ("gp3", "io1", "io2"):
        raise InputError(f"root_volume.iops: only types gp3, io1 and io2 allow it, and the type is {volume['type']!r}.")
    if options.get("instance_metadata_tags", True):
        for key in options.get("tags") or {}:
            if not re.fullmatch(r"[A-Za-z0-9+=.,_:@-]+", key):
                raise InputError(
                    f"tags: {key!r} cannot be a tag of an instance while instance_metadata_tags is true; "
                    "letters, digits and + - = . , _ : @ are allowed then."
                )
    keep = options.get("keep_versions")
    if keep is not None and keep < 1:
        raise InputError(f"keep_versions: {keep} is below 1, the fewest launch template versions allowed.")


def _validate_sizes(options: t.Mapping[str, t.Any]) -> None:
    least, most, desired = options.get("min"), options.get("max"), options.get("desired")
    for option, value in (("min", least), ("max", most)):
        if value is None:
            raise InputError(f"{option}: none is given; state present needs a whole number from 0 on.")
        if value < 0:
            raise InputError(f"{option}: {value} is below 0, the fewest hosts allowed.")
    if most < least:
        raise InputError(f"max: {most} is below min, which is {least}; {least} or more is allowed.")
    if desired is not None and not least <= desired <= most:
        raise InputError(f"desired: {desired} is outside of min and max; {least} to {most} is allowed.")


def _validate_group(options: t.Mapping[str, t.Any]) -> None:
    subnets = options.get("subnet_ids") or []
    if not subnets:
        raise InputError("subnet_ids: the list is empty; at least one subnet is needed.")
    _once("subnet_ids", subnets)
    _once("target_group_arns", options.get("target_group_arns") or [])
    for process in options.get("suspended_processes") or []:
        _among("suspended_processes", process, PROCESSES)
    for metric in options.get("metrics") or []:
        _among("metrics", metric, GROUP_METRICS)
    for policy in options.get("termination_policies") or []:
        if not policy.startswith("arn:"):
            _among("termination_policies", policy, TERMINATION_POLICIES)
    for option in ("health_check_grace_period", "cooldown", "default_instance_warmup"):
        lowest = -1 if option == "default_instance_warmup" else 0
        if (options.get(option) or 0) < lowest:
            raise InputError(f"{option}: {options[option]} is below {lowest}, the least allowed number of seconds.")
    lifetime = options.get("max_instance_lifetime")
    if lifetime:
        _between("max_instance_lifetime", lifetime, 86400, 31536000, "seconds (a day and a year), nor 0 for no limit")


def _validate_scaling(item: t.Mapping[str, t.Any]) -> None:
    where = f"scaling {item['name']}"
    _among(f"{where}: metric", item.get("metric") or "", METRICS)
    target = item.get("target_value")
    if target is None or target <= 0:
        raise InputError(f"{where}: target_value {target} is not a number above 0.")
    if item["metric"] == "ASGAverageCPUUtilization" and target > 100:
        raise InputError(f"{where}: target_value {target} is above 100 percent of a CPU.")
    label, balancer, group = (item.get(k) for k in ("resource_label", "load_balancer_arn", "target_group_arn"))
    if item["metric"] == REQUEST_COUNT:
        if not label and not (balancer and group):
            raise InputError(
                f"{where}: metric {REQUEST_COUNT} needs load_balancer_arn and target_group_arn, or resource_label."
            )
        resource_label(item)
    elif label or balancer or group:
        raise InputError(
            f"{where}: load_balancer_arn, target_group_arn and resource_label are allowed only with metric "
            f"{REQUEST_COUNT}, not with {item['metric']}."
        )


def _validate_schedule(item: t.Mapping[str, t.Any]) -> None:
    where = f"schedules {item['name']}"
    sizes = [item.get(k) for k in ("min", "max", "desired")]
    if all(size is None for size in sizes):
        raise InputError(f"{where}: it sets nothing; give at least one of min, max and desired.")
    for option, size in zip(("min", "max", "desired"), sizes):
        if size is not None and size < 0:
            raise InputError(f"{where}: {option} {size} is below 0, the fewest hosts allowed.")
    least, most, desired = sizes
    if least is not None and most is not None and most < least:
        raise InputError(f"{where}: max {most} is below min, which is {least}; {least} or more is allowed.")
    if desired is not None and (desired < (least or 0) or (most is not None and desired > most)):
        raise InputError(f"{where}: desired {desired} is outside of its min and max.")
    if not item.get("recurrence") and not item.get("start"):
        raise InputError(f"{where}: it has no time; give recurrence (five cron fields) or start (a date and time).")
    if item.get("recurrence"):
        check_cron(f"{where}: recurrence", item["recurrence"])
    if item.get("time_zone") and not _is_zone(item["time_zone"]):
        raise InputError(
            f"{where}: time_zone {item['time_zone']!r} is not one of the IANA database, such as Australia/Sydney."
        )
    start, end = (moment(f"{where}: {k}", item.get(k)) for k in ("start", "end"))
    if start and end and end <= start:
        raise InputError(f"{where}: end {item['end']} is not after start {item['start']}.")


def _is_zone(name: str) -> bool:
    for known_zone in (name, "Etc/UTC"):
        try:
            zoneinfo.ZoneInfo(known_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            continue
        return known_zone == name
    return True  # this host has no time-zone database; AWS will judge


def check_cron(variable: str, expression: str) -> None:
    """Raise :class:`InputError` unless the expression has the five fields of cron, each within its range."""
    fields = expression.split()
    if len(fields) != len(CRON_FIELDS):
        raise InputError(
            f"{variable} {expression!r} has {len(fields)} fields; five are allowed: minute, hour, day of month, "
            "month and day of week."
        )
    for text, (label, low, high, names) in zip(fields, CRON_FIELDS):
        if not all(_cron_part(part, low, high, names) for part in text.split(",")):
            raise InputError(
                f"{variable} {expression!r}: {text!r} is not a {label}; *, {low} to {high}, ranges, steps and lists "
                "are allowed."
            )


def _cron_part(part: str, low: int, high: int, names: t.Sequence[str]) -> bool:
    span, slash, step = part.partition("/")
    if slash and not (step.isdigit() and int(step) > 0):
        return False
    if span == "*":
        return True
    ends = []
    for end in span.split("-"):
        if end.upper() in names:
            ends.append(low + names.index(end.upper()))
        elif end.isdigit():
            ends.append(int(end))
        else:
            return False
    return len(ends) <= 2 and all(low <= end <= high for end in ends) and ends[0] <= ends[-1]


def _validate_hook(item: t.Mapping[str, t.Any]) -> None:
    where = f"hooks {item['name']}"
    if not re.fullmatch(r"[A-Za-z0-9_/-]{1,255}", item["name"]):
        raise InputError(f"{where}: a name may have 1 to 255 letters, digits, hyphens, underscores and slashes.")
    _among(f"{where}: transition", item.get("transition") or "", TRANSITIONS)
    _between(f"{where}: heartbeat_timeout", item.get("heartbeat_timeout"), 30, 7200, "seconds")
    _among(f"{where}: default_result", item.get("default_result") or "ABANDON", ("ABANDON", "CONTINUE"))
    if item.get("role_arn") and not item.get("notification_target_arn"):
        raise InputError(f"{where}: role_arn is allowed only with notification_target_arn, whose messages it may send.")


def _validate_refresh(options: t.Mapping[str, t.Any]) -> None:
    wishes = options.get("refresh_preferences") or {}
    least, most = wishes.get("min_healthy_percentage"), wishes.get("max_healthy_percentage")
    where = "refresh_preferences"
    _between(f"{where}.min_healthy_percentage", least, 0, 100)
    _between(f"{where}.max_healthy_percentage", most, 100, 200)
    if most is not None:
        if least is None:
            raise InputError(f"{where}.max_healthy_percentage: {most} is allowed only with min_healthy_percentage.")
        if most - least > 100:
            raise InputError(
                f"{where}.max_healthy_percentage: {most} is more than 100 above min_healthy_percentage {least}; "
                f"up to {least + 100} is allowed."
            )
    points = wishes.get("checkpoints") or []
    for point in points:
        _between(f"{where}.checkpoints", point, 1, 100)
    if points != sorted(set(points)):
        raise InputError(f"{where}.checkpoints: {points} do not rise; ascending percentages are allowed.")
    if points and points[-1] != 100:
        raise InputError(f"{where}.checkpoints: {points} do not end with 100, where the refresh is complete.")
    _between(f"{where}.checkpoint_delay", wishes.get("checkpoint_delay"), 0, 172800, "seconds")
    if (wishes.get("instance_warmup") or 0) < 0:
        raise InputError(f"{where}.instance_warmup: {wishes['instance_warmup']} is below 0 seconds, the least allowed.")
    if wishes.get("auto_rollback") and options.get("image_parameter"):
        raise InputError(
            f"{where}.auto_rollback: true is allowed only with image_id; AWS cannot roll back a launch template whose "
            f"image is the parameter {options['image_parameter']!r}."
        )
