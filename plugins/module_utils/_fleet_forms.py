# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet's variables and what AWS lists of a fleet, both turned into the same plain values.

All is pure. ``options`` are the module's options; ``..._fields(options)`` is what is wanted,
``observed_...(item)`` what AWS has, ``..._parameters(...)`` what a request takes.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import re
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import owned_tags, tags_of
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import KNOWN_AFTER_APPLY, InputError, known

ROLE_TAG = "mydigitalstructure:role"
"""The tag that says what a host is for; the inventory groups hosts by it."""

REQUEST_COUNT = "ALBRequestCountPerTarget"
TRANSITIONS = {
    "launching": "autoscaling:EC2_INSTANCE_LAUNCHING",
    "terminating": "autoscaling:EC2_INSTANCE_TERMINATING",
}


def full_name(options: t.Mapping[str, t.Any]) -> str:
    """The name that AWS knows the group and the launch template by."""
    return f"{options['platform']}-{options['name']}"


def moment(variable: str, text: str | None) -> datetime.datetime | None:
    """A date and time of ISO 8601 as UTC (which it is when it names no offset); None for None."""
    if not text:
        return None
    try:
        value = datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        raise InputError(f"{variable} {text!r} is not a date and time such as 2026-12-24T18:00:00Z.") from None
    return value.replace(tzinfo=value.tzinfo or datetime.UTC).astimezone(datetime.UTC)


def _stamp(value: datetime.datetime | str | None) -> str | None:
    if not value:
        return None
    value = moment("time", value) if isinstance(value, str) else value
    return value.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def resource_label(item: t.Mapping[str, t.Any]) -> str | None:
    """The label by which a request-count policy names its balancer and target group; None for other metrics."""
    if item.get("metric") != REQUEST_COUNT:
        return None
    if item.get("resource_label"):
        return item["resource_label"]
    balancer, group = item["load_balancer_arn"], item["target_group_arn"]
    if not known([balancer, group]):
        return KNOWN_AFTER_APPLY
    of_balancer = re.search(r":loadbalancer/(app/[^/]+/[^/]+)$", balancer)
    of_group = re.search(r":(targetgroup/[^/]+/[^/]+)$", group)
    for option, value, match in (
        ("load_balancer_arn", balancer, of_balancer),
        ("target_group_arn", group, of_group),
    ):
        if not match:
            kind = "an application load balancer" if option == "load_balancer_arn" else "a target group"
            raise InputError(f"scaling {item['name']}: {option} {value!r} is not the ARN of {kind}.")
    return f"{of_balancer.group(1)}/{of_group.group(1)}"


def group_tags(options: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The tags of the group, which its instances get at launch."""
    role = {ROLE_TAG: options.get("role") or options["name"]}
    return owned_tags(options["platform"], options["name"], options.get("tags"), role)


def template_data(options: t.Mapping[str, t.Any], root_device: str | None = None) -> dict[str, t.Any]:
    """The ``LaunchTemplateData`` that the options ask for.

    :arg root_device: the image's root device, for a root volume without a device name.
    """
    parameter = options.get("image_parameter")
    data: dict[str, t.Any] = {
        "ImageId": f"resolve:ssm:{parameter}" if parameter else options["image_id"],
        "InstanceType": options.get("instance_type") or options["instance_types"][0],
        "SecurityGroupIds": sorted(options["security_group_ids"]),
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": options.get("metadata_hop_limit") or 1,
            "InstanceMetadataTags": "enabled" if options.get("instance_metadata_tags", True) else "disabled",
        },
        "Monitoring": {"Enabled": bool(options.get("monitoring"))},
    }
    volume = options.get("root_volume") or {}
    disk = {
        "Encrypted": True,
        "DeleteOnTermination": True,
        "VolumeType": volume.get("type") or "gp3",
        "VolumeSize": volume.get("size"),
        "Iops": volume.get("iops"),
        "Throughput": volume.get("throughput"),
        "KmsKeyId": volume.get("kms_key_id"),
    }
    data["BlockDeviceMappings"] = [
        {
            "DeviceName": volume.get("device_name") or root_device or "/dev/xvda",
            "Ebs": {key: value for key, value in disk.items() if value is not None},
        }
    ]
    if options.get("key_name"):
        data["KeyName"] = options["key_name"]
    if options.get("instance_profile"):
        data["IamInstanceProfile"] = {"Name": options["instance_profile"]}
    if options.get("user_data"):
        data["UserData"] = base64.b64encode(options["user_data"].encode()).decode()
    # the group's tags reach instances; volumes and interfaces get theirs from here
    tags = ansible_dict_to_boto3_tag_list(group_tags(options))
    data["TagSpecifications"] = [{"ResourceType": kind, "Tags": tags} for kind in ("network-interface", "volume")]
    return data


def template_fields(data: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A ``LaunchTemplateData`` in its normal form, the same for what is wanted and what AWS lists.

    User data is shown by its digest. What a person put into a version by hand is in ``other``.
    """
    rest = dict(data)
    metadata = rest.pop("MetadataOptions", None) or {}
    profile = rest.pop("IamInstanceProfile", None) or {}
    disks = rest.pop("BlockDeviceMappings", None) or []
    specifications = rest.pop("TagSpecifications", None) or []
    fields = {
        "image": rest.pop("ImageId", None),
        "instance_type": rest.pop("InstanceType", None),
        "security_group_ids": sorted(rest.pop("SecurityGroupIds", None) or []),
        "metadata": {
            "http_endpoint": metadata.get("HttpEndpoint", "enabled"),
            "http_tokens": metadata.get("HttpTokens", "optional"),
            "hop_limit": int(metadata.get("HttpPutResponseHopLimit", 1)),
            "tags": metadata.get("InstanceMetadataTags", "disabled"),
        },
        "monitoring": bool((rest.pop("Monitoring", None) or {}).get("Enabled", False)),
        "volumes": {disk["DeviceName"]: _disk(disk.get("Ebs") or {}) for disk in disks},
        "key_name": rest.pop("KeyName", None) or None,
        "instance_profile": profile.get("Name") or profile.get("Arn"),
        "user_data": _digest(rest.pop("UserData", None)),
        "tags": {
            item["ResourceType"]: dict(sorted(tags_of(item).items()))
            for item in sorted(specifications, key=lambda item: item["ResourceType"])
            if item["ResourceType"] != "launch-template"  # the template's own
        },
    }
    other = {key: value for key, value in sorted(rest.items()) if value not in (None, "", [], {})}
    return {**fields, "other": other} if other else fields


def _disk(disk: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    names = ("VolumeType", "VolumeSize", "Encrypted", "DeleteOnTermination", "Iops", "Throughput", "KmsKeyId")
    numbers = ("VolumeSize", "Iops", "Throughput")
    shown = {}
    for name in names:
        value = disk.get(name)
        if value not in (None, "", 0):
            key = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower().removeprefix("volume_")
            shown[key] = int(value) if name in numbers else value
    return shown


def _digest(encoded: str | None) -> str | None:
    if not encoded:
        return None
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raw = encoded.encode()
    return f"sha256:{hashlib.sha256(raw).hexdigest()[:16]}"


def launch_fields(options: t.Mapping[str, t.Any], version: t.Any) -> dict[str, t.Any]:
    """What the group launches: the template's version, and the mix of types when there is one."""
    fields: dict[str, t.Any] = {"template": full_name(options), "version": version}
    mixed = options.get("mixed")
    if mixed is None and not options.get("instance_types"):
        return fields
    mixed = mixed or {}
    percentage = mixed.get("on_demand_percentage")
    return {
        **fields,
        "instance_types": list(options.get("instance_types") or [options["instance_type"]]),
        "on_demand_base": mixed.get("on_demand_base") or 0,
        "on_demand_percentage": 100 if percentage is None else percentage,
        "spot_allocation_strategy": mixed.get("spot_allocation_strategy") or "price-capacity-optimized",
    }


def observed_launch(item: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
    """The same of a group or of a refresh's desired configuration, from ``LaunchTemplate`` or the mixed policy."""
    policy = item.get("MixedInstancesPolicy")
    template = (policy or {}).get("LaunchTemplate") or {}
    source = template.get("LaunchTemplateSpecification") if policy else item.get("LaunchTemplate")
    if not source:
        return None
    version = source.get("Version") or "$Default"
    fields: dict[str, t.Any] = {
        "template": source.get("LaunchTemplateName") or source.get("LaunchTemplateId"),
        "version": int(version) if str(version).isdigit() else version,
    }
    if policy:
        share = policy.get("InstancesDistribution") or {}
        fields.update(
            instance_types=[override.get("InstanceType") for override in template.get("Overrides") or []],
            on_demand_base=int(share.get("OnDemandBaseCapacity", 0)),
            on_demand_percentage=int(share.get("OnDemandPercentageAboveBaseCapacity", 100)),
            spot_allocation_strategy=share.get("SpotAllocationStrategy", "lowest-price"),
        )
    return fields


def launch_parameters(launch: t.Mapping[str, t.Any], template_id: str) -> dict[str, t.Any]:
    """``launch_fields`` as CreateAutoScalingGroup, UpdateAutoScalingGroup and StartInstanceRefresh take them."""
    source = {"LaunchTemplateId": template_id, "Version": str(launch["version"])}
    if "instance_types" not in launch:
        return {"LaunchTemplate": source}
    return {
        "MixedInstancesPolicy": {
            "LaunchTemplate": {
                "LaunchTemplateSpecification": source,
                "Overrides": [{"InstanceType": kind} for kind in launch["instance_types"]],
            },
            "InstancesDistribution": {
                "OnDemandAllocationStrategy": "prioritized",
                "OnDemandBaseCapacity": launch["on_demand_base"],
                "OnDemandPercentageAboveBaseCapacity": launch["on_demand_percentage"],
                "SpotAllocationStrategy": launch["spot_allocation_strategy"],
            },
        }
    }


# a group's field -> the parameter of CreateAutoScalingGroup and UpdateAutoScalingGroup
PARAMETERS = {
    "min": "MinSize",
    "max": "MaxSize",
    "desired": "DesiredCapacity",
    "health_check_type": "HealthCheckType",
    "health_check_grace_period": "HealthCheckGracePeriod",
    "default_instance_warmup": "DefaultInstanceWarmup",
    "cooldown": "DefaultCooldown",
    "termination_policies": "TerminationPolicies",
    "capacity_rebalance": "CapacityRebalance",
    "max_instance_lifetime": "MaxInstanceLifetime",
    "protect_from_scale_in": "NewInstancesProtectedFromScaleIn",
    "deletion_protection": "DeletionProtection",
}
ABSENT_VALUES = {
    "default_instance_warmup": -1,
    "max_instance_lifetime": 0,
    "capacity_rebalance": False,
    "protect_from_scale_in": False,
    "deletion_protection": "none",
}
"""What AWS means when it does not list a field of a group."""


def group_fields(options: t.Mapping[str, t.Any], launch: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The group that the options ask for; an option that is null is left out, and so left to AWS."""
    fields: dict[str, t.Any] = {"launch": dict(launch)}
    for name in PARAMETERS:
        if options.get(name) is not None:
            fields[name] = options[name]
    fields["subnet_ids"] = sorted(options["subnet_ids"])
    for name in ("target_group_arns", "suspended_processes", "metrics"):
        if options.get(name) is not None:
            fields[name] = sorted(set(options[name]))
    fields["tags"] = group_tags(options)
    return fields


def observed_group(group: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A group that AWS lists, in the same form; AWS's own tags are left out."""
    fields: dict[str, t.Any] = {"launch": observed_launch(group)}
    for name, parameter in PARAMETERS.items():
        value = group.get(parameter)
        fields[name] = ABSENT_VALUES.get(name) if value is None else value
    fields["subnet_ids"] = sorted(filter(None, (group.get("VPCZoneIdentifier") or "").split(",")))
    fields["target_group_arns"] = sorted(group.get("TargetGroupARNs") or [])
    fields["suspended_processes"] = sorted(item["ProcessName"] for item in group.get("SuspendedProcesses") or [])
    fields["metrics"] = sorted(item["Metric"] for item in group.get("EnabledMetrics") or [])
    fields["tags"] = {
        tag["Key"]: (tag.get("Value") or "") if tag.get("PropagateAtLaunch") else f"{tag.get('Value')} (not propagated)"
        for tag in group.get("Tags") or []
        if not tag["Key"].startswith("aws:")
    }
    return fields


def policy_fields(item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A declared scaling policy in its normal form."""
    return {
        "type": "TargetTrackingScaling",
        "metric": item["metric"],
        "resource_label": resource_label(item),
        "target_value": float(item["target_value"]),
        "disable_scale_in": bool(item.get("disable_scale_in")),
        "warmup": item.get("warmup"),
    }


def observed_policy(item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A scaling policy that AWS lists, in the same form."""
    tracking = item.get("TargetTrackingConfiguration") or {}
    metric = tracking.get("PredefinedMetricSpecification") or {}
    target, warmup = tracking.get("TargetValue"), item.get("EstimatedInstanceWarmup")
    return {
        "type": item.get("PolicyType"),
        "metric": metric.get("PredefinedMetricType"),
        "resource_label": metric.get("ResourceLabel") or None,
        "target_value": None if target is None else float(target),
        "disable_scale_in": bool(tracking.get("DisableScaleIn", False)),
        "warmup": None if warmup is None else int(warmup),
    }


def schedule_fields(
    item: t.Mapping[str, t.Any], present: t.Mapping[str, t.Any] | None, now: datetime.datetime
) -> dict[str, t.Any] | None:
    """A declared schedule in its normal form; None when its time is over, for AWS removes it then.

    AWS lists the next run as the start of a recurring schedule. So its start counts only until it is
    reached, and a later one is as good.
    """
    start, end = moment("start", item.get("start")), moment("end", item.get("end"))
    recurrence = item.get("recurrence")
    if (end and end <= now) or (start and start <= now and not recurrence):
        return None
    fields: dict[str, t.Any] = {
        "recurrence": recurrence,
        "time_zone": item.get("time_zone") or "Etc/UTC",
        "min": item.get("min"),
        "max": item.get("max"),
        "desired": item.get("desired"),
        "end": _stamp(end),
    }
    begun = recurrence and (not start or start <= now or ((present or {}).get("start") or "") > _stamp(start))
    if not begun:
        fields["start"] = _stamp(start)
    return fields


def observed_schedule(item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A scheduled action that AWS lists, in the same form."""
    return {
        "recurrence": item.get("Recurrence"),
        "time_zone": item.get("TimeZone") or "Etc/UTC",
        "min": item.get("MinSize"),
        "max": item.get("MaxSize"),
        "desired": item.get("DesiredCapacity"),
        "start": _stamp(item.get("StartTime")),
        "end": _stamp(item.get("EndTime")),
    }


def hook_fields(item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A declared lifecycle hook in its normal form; AWS cannot take metadata and role away, so null leaves them."""
    fields = {
        "transition": item["transition"],
        "heartbeat_timeout": item.get("heartbeat_timeout") or 3600,
        "default_result": item.get("default_result") or "ABANDON",
        "notification_target_arn": item.get("notification_target_arn") or "",
    }
    return {**fields, **{name: item[name] for name in ("role_arn", "metadata") if item.get(name)}}


def observed_hook(item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A lifecycle hook that AWS lists, in the same form."""
    transitions = {value: name for name, value in TRANSITIONS.items()}
    return {
        "transition": transitions.get(item.get("LifecycleTransition"), item.get("LifecycleTransition")),
        "heartbeat_timeout": item.get("HeartbeatTimeout"),
        "default_result": item.get("DefaultResult"),
        "notification_target_arn": item.get("NotificationTargetARN") or "",
        "role_arn": item.get("RoleARN"),
        "metadata": item.get("NotificationMetadata"),
    }


def hook_parameters(name: str, fields: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A hook as PutLifecycleHook and LifecycleHookSpecificationList take it."""
    parameters = {
        "LifecycleHookName": name,
        "LifecycleTransition": TRANSITIONS[fields["transition"]],
        "HeartbeatTimeout": fields["heartbeat_timeout"],
        "DefaultResult": fields["default_result"],
        "NotificationTargetARN": fields["notification_target_arn"],
        "RoleARN": fields.get("role_arn"),
        "NotificationMetadata": fields.get("metadata"),
    }
    return {key: value for key, value in parameters.items() if value is not None}


def refresh_parameters(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """``refresh_preferences`` as StartInstanceRefresh takes them."""
    wishes = options.get("refresh_preferences") or {}
    names = {
        "min_healthy_percentage": "MinHealthyPercentage",
        "max_healthy_percentage": "MaxHealthyPercentage",
        "checkpoints": "CheckpointPercentages",
        "checkpoint_delay": "CheckpointDelay",
        "instance_warmup": "InstanceWarmup",
        "auto_rollback": "AutoRollback",
        "skip_matching": "SkipMatching",
        "scale_in_protected_instances": "ScaleInProtectedInstances",
        "standby_instances": "StandbyInstances",
    }
    return {names[key]: value for key, value in wishes.items() if key in names and value not in (None, [])}


def schedule_parameters(name: str, fields: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A schedule as BatchPutScheduledUpdateGroupAction takes it."""
    names = {
        "recurrence": "Recurrence",
        "time_zone": "TimeZone",
        "min": "MinSize",
        "max": "MaxSize",
        "desired": "DesiredCapacity",
    }
    parameters = {
        "ScheduledActionName": name,
        **{names[k]: v for k, v in fields.items() if k in names and v is not None},
    }
    for key, parameter in (("start", "StartTime"), ("end", "EndTime")):
        if fields.get(key):
            parameters[parameter] = moment(key, fields[key])
    return parameters
