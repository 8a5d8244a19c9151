# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of their own (EC2 instances that no auto-scaling group looks after) as one set."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
import typing as t
from collections import defaultdict
from dataclasses import dataclass, field

try:
    from botocore.exceptions import ClientError
except ImportError:  # AnsibleAWSModule says what is missing
    ClientError = Exception

from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_specifications,
    compare_aws_tags,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    KIND_TAG,
    PLATFORM_TAG,
    application,
    by_declared_name,
    client,
    declared_name,
    owned_filter,
    owned_tags,
    pages,
    require_known,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    REPLACE,
    UPDATE,
    Action,
    InputError,
    Plan,
    concurrently,
    differing,
    ignored,
    known,
    unique,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._volumes import performance
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

KIND = "instance"
ROLE_TAG = "mydigitalstructure:role"
GENERATION_TAG = "mydigitalstructure:generation"
"""How many times the host has been made; it makes the client token of a replacement another one."""

NEEDS_REPLACEMENT = frozenset(
    {"image_id", "subnet_id", "key_name", "private_ip", "user_data_sha256", "root_volume_encrypted"}
)
NEEDS_STOP = ("instance_type", "ebs_optimized")
PROTECTIONS = {"termination_protection": "DisableApiTermination", "stop_protection": "DisableApiStop"}
METADATA = ("metadata_tokens", "metadata_hop_limit", "metadata_tags")
VOLUME = {
    "root_volume_size": "Size",
    "root_volume_type": "VolumeType",
    "root_volume_iops": "Iops",
    "root_volume_throughput": "Throughput",
}
LIVE = ("pending", "running", "stopping", "stopped")
# AWS remembers a token longer than it shows the terminated instance that was launched with it
MISMATCH = "IdempotentParameterMismatch"
SPENT_TOKEN = ("IdempotentInstanceTerminated", MISMATCH)
GENERATIONS = 25
LAG = 20
"""Seconds that AWS is given to list what was just made."""


@dataclass
class Wanted:
    """A declared instance: ``fields`` are compared, ``spec`` holds what only a launch needs."""

    name: str
    fields: dict[str, t.Any]
    spec: t.Mapping[str, t.Any]


@dataclass
class Observed:
    """An instance that is there."""

    name: str
    id: str
    state: str
    fields: dict[str, t.Any]
    item: t.Mapping[str, t.Any]
    owner: str
    root_volume_id: str | None
    interface_id: str | None


@dataclass
class Account:
    """Everything that was read: live instances by name, and what concerns them."""

    instances: dict[str, Observed] = field(default_factory=dict)
    # ids of instances on their way out, by declared name
    leaving: dict[str, list[str]] = field(default_factory=dict)
    # the highest generation seen of each name, also of terminated instances
    generations: dict[str, int] = field(default_factory=dict)
    addresses: dict[str, t.Mapping[str, t.Any]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)


# --- what is wanted -------------------------------------------------------------------------------------------------


def validate(
    instances: t.Sequence[t.Mapping[str, t.Any]],
    platform: str,
    *,
    tags: t.Mapping[str, str] | None = None,
    replace: t.Collection[str] = (),
    variable: str = "instances",
) -> dict[str, Wanted]:
    """The declared instances in normal form, keyed by name.

    :arg instances: as the ``instances`` module takes them; keys that are left out have its defaults.
    :arg variable: what messages call the list.
    :raises InputError: for the first thing that cannot work.
    """
    for item in instances:
        name = item.get("name") or ""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
            raise InputError(
                f"{variable}: name {name!r} is not allowed; a name has 1 to 63 letters, digits, dots, hyphens and "
                "underscores, beginning with a letter or digit."
            )
    keyed = unique(instances, variable)
    for name in replace:
        if name not in keyed:
            raise InputError(
                f"replace: instance {name!r} is not declared; there are {', '.join(sorted(keyed)) or 'none'}."
            )
    wanted = {name: Wanted(name, fields_of(item, platform, tags, variable), item) for name, item in keyed.items()}
    for option, what in (("address", "address"), ("private_ip", "private address")):
        users: dict[t.Any, str] = {}
        for name, item in wanted.items():
            value = item.spec.get(option)
            if not value or not known(value):
                continue
            key = value if option == "address" else (item.spec.get("subnet_id"), value)
            if key in users:
                raise InputError(f"{variable}: instances {users[key]} and {name} have the same {what} {value}.")
            users[key] = name
    return wanted


def fields_of(item: t.Mapping[str, t.Any], platform: str, tags: t.Mapping[str, str] | None, variable: str) -> dict:
    """The fields of a declared instance that are compared with those of the present one."""
    name = item["name"]
    where = f"{variable}: instance {name}"
    for option in ("instance_type", "subnet_id"):
        if not item.get(option):
            raise InputError(f"{where}: {option} is missing.")
    if bool(item.get("image_id")) == bool(item.get("image_parameter")):
        raise InputError(f"{where}: one of image_id and image_parameter is needed, not both and not none.")
    shape(where, "image_id", item.get("image_id"), r"ami-[0-9a-f]+", "ami-...")
    shape(where, "image_parameter", item.get("image_parameter"), r"/?[\w./-]+", "the name of an SSM parameter")
    shape(where, "instance_type", item["instance_type"], r"[a-z0-9-]+\.[a-z0-9-]+", "such as t3.small")
    shape(where, "subnet_id", item["subnet_id"], r"subnet-[0-9a-f]+", "subnet-...")
    shape(where, "address", item.get("address"), r"eipalloc-[0-9a-f]+", "eipalloc-...")
    groups = sorted({str(group) for group in item.get("security_group_ids") or []})
    if not groups or len(groups) > 16:
        raise InputError(f"{where}: security_group_ids has {len(groups)} groups; an instance has 1 to 16.")
    for group in groups:
        shape(where, "security_group_ids", group, r"sg-[0-9a-f]+", "sg-...")
    private_ip = item.get("private_ip")
    if private_ip:
        try:
            private_ip = str(ipaddress.IPv4Address(private_ip))
        except ValueError:
            raise InputError(f"{where}: private_ip {private_ip!r} is not an IPv4 address.") from None
    user_data = item.get("user_data") or ""
    if len(user_data.encode()) > 16384:
        raise InputError(f"{where}: user_data has {len(user_data.encode())} bytes; AWS allows 16384.")
    hops = option_of(item, "metadata_hop_limit", 1)
    if not 1 <= int(hops) <= 64:
        raise InputError(f"{where}: metadata_hop_limit {hops} is not allowed; 1 to 64 is.")
    for key in {**(tags or {}), **(item.get("tags") or {})}:
        if str(key).lower().startswith("aws:"):
            raise InputError(
                f"{where}: tag {key!r} is not allowed; AWS keeps the names that begin with aws: for itself."
            )
    owned = {**owned_tags(platform, name, tags, item.get("tags")), KIND_TAG: KIND}
    if item.get("role"):
        owned[ROLE_TAG] = str(item["role"])
    always = {
        "instance_type": item["instance_type"],
        "subnet_id": item["subnet_id"],
        "security_group_ids": groups,
        "key_name": item.get("key_name") or None,
        "instance_profile": item.get("instance_profile") or None,
        "user_data_sha256": digest(user_data.encode()),
        "address": item.get("address") or None,
        "termination_protection": bool(option_of(item, "termination_protection", False)),
        "detailed_monitoring": bool(option_of(item, "detailed_monitoring", False)),
        "source_dest_check": bool(option_of(item, "source_dest_check", True)),
        "metadata_tokens": "required",
        "metadata_hop_limit": int(hops),
        "metadata_tags": bool(option_of(item, "metadata_tags", False)),
        "running": bool(option_of(item, "running", True)),
        "tags": owned,
        **volume_of(item.get("root_volume") or {}, where),
    }
    optional = {
        "image_id": item.get("image_id"),
        "private_ip": private_ip,
        "ebs_optimized": item.get("ebs_optimized"),
        "stop_protection": item.get("stop_protection"),
    }
    return {**always, **{key: value for key, value in optional.items() if value not in (None, "")}}


def option_of(item: t.Mapping[str, t.Any], option: str, default: t.Any) -> t.Any:
    """An option's value, its default also when it is null."""
    return default if item.get(option) is None else item[option]


def shape(where: str, option: str, value: t.Any, pattern: str, allowed: str) -> None:
    """Refuse a value of another form; what is known only after apply passes."""
    if value and known(value) and not re.fullmatch(pattern, str(value)):
        raise InputError(f"{where}: {option} {value!r} is not allowed; it is {allowed}.")


def digest(data: bytes) -> str | None:
    """User data as plans and results may show it; None when there is none."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}" if data else None


def volume_of(volume: t.Mapping[str, t.Any], where: str) -> dict[str, t.Any]:
    """The root volume's fields."""
    if volume.get("encrypted") is False:
        raise InputError(f"{where}: root_volume.encrypted false is not allowed; root volumes are always encrypted.")
    fields = performance(volume, f"{where}: root_volume.")
    return {"root_volume_encrypted": True, **{f"root_volume_{key}": value for key, value in fields.items()}}


# --- what is there --------------------------------------------------------------------------------------------------


def observe(ec2, platform: str, wanted: t.Mapping[str, Wanted], absent: bool = False) -> Account:
    """Read what there is: one sweep over instances, and for the live ones their volumes, addresses and attributes."""
    filters = [*owned_filter(platform), {"Name": f"tag:{KIND_TAG}", "Values": [KIND]}]
    reservations, addresses = concurrently(
        lambda: pages(ec2, "describe_instances", "Reservations", Filters=filters),
        lambda: ec2.describe_addresses(Filters=[{"Name": "domain", "Values": ["vpc"]}])["Addresses"],
    )
    account = Account(addresses={item["AllocationId"]: item for item in addresses})
    owners, live = {}, []
    for reservation in reservations:
        for item in reservation["Instances"]:
            tags = tags_of(item)
            name = declared_name(tags, platform)
            # a member of an auto-scaling group is the group's, whatever tags it was given
            if name is None or "aws:autoscaling:groupName" in tags:
                continue
            owners[item["InstanceId"]] = reservation.get("OwnerId", "")
            account.ids.add(item["InstanceId"])
            number = tags.get(GENERATION_TAG, "1")
            account.generations[name] = max(account.generations.get(name, 0), int(number) if number.isdecimal() else 1)
            if item["State"]["Name"] in LIVE:
                live.append(item)
            elif item["State"]["Name"] == "shutting-down":
                account.leaving.setdefault(name, []).append(item["InstanceId"])
    by_name = by_declared_name(live, platform, KIND)
    calls: dict[t.Any, t.Callable[[], t.Any]] = {}
    volumes = {name: root_volume_id(item) for name, item in by_name.items()}
    if not absent and any(volumes.values()):
        ids = sorted(volume for volume in volumes.values() if volume)
        calls["volumes"] = lambda: pages(
            ec2, "describe_volumes", "Volumes", Filters=[{"Name": "volume-id", "Values": ids}]
        )
    for name, item in by_name.items():
        attributes = ["disableApiTermination"]
        if not absent and name in wanted:
            attributes.append("userData")
            attributes += ["disableApiStop"] if "stop_protection" in wanted[name].fields else []
        for attribute in attributes:
            calls[name, attribute] = lambda i=item["InstanceId"], a=attribute: ec2.describe_instance_attribute(
                InstanceId=i, Attribute=a
            )
    answers = dict(zip(calls, concurrently(*calls.values())))
    described = {volume["VolumeId"]: volume for volume in answers.pop("volumes", [])}
    attributes: dict[str, dict[str, t.Any]] = defaultdict(dict)
    for (name, attribute), answer in answers.items():
        attributes[name][attribute] = answer.get(attribute[0].upper() + attribute[1:], {}).get("Value")
    for name, item in by_name.items():
        held = addresses_of(item["InstanceId"], account.addresses, platform)
        wish = wanted[name].fields["address"] if name in wanted else None
        volume = described.get(volumes[name] or "", {})
        account.instances[name] = Observed(
            name=name,
            id=item["InstanceId"],
            state=item["State"]["Name"],
            fields=present_fields(item, volume, attributes[name], wish if wish in held else next(iter(held), None)),
            item=item,
            owner=owners[item["InstanceId"]],
            root_volume_id=volumes[name],
            interface_id=next((i["NetworkInterfaceId"] for i in interfaces_of(item)), None),
        )
    return account


def interfaces_of(item: t.Mapping[str, t.Any]) -> list[t.Mapping[str, t.Any]]:
    """The network interfaces, the primary one first."""
    return sorted(item.get("NetworkInterfaces") or [], key=lambda i: i.get("Attachment", {}).get("DeviceIndex", 0))


def root_volume_id(item: t.Mapping[str, t.Any]) -> str | None:
    """The id of an instance's root volume."""
    for mapping in item.get("BlockDeviceMappings") or []:
        if mapping["DeviceName"] == item.get("RootDeviceName"):
            return mapping.get("Ebs", {}).get("VolumeId")
    return None


def addresses_of(instance_id: str, addresses: t.Mapping[str, t.Mapping[str, t.Any]], platform: str) -> list[str]:
    """Elastic IPs of an instance: the platform's first, a foreign one only matters when it is declared."""
    held = [
        (tags_of(a).get(PLATFORM_TAG) != platform, key)
        for key, a in addresses.items()
        if a.get("InstanceId") == instance_id
    ]
    return [key for foreign, key in sorted(held)]


def present_fields(item, volume: t.Mapping[str, t.Any], attributes: t.Mapping[str, t.Any], address: str | None) -> dict:
    """The fields of a described instance, in the form of those of a declared one."""
    metadata = item.get("MetadataOptions") or {}
    profile = (item.get("IamInstanceProfile") or {}).get("Arn")
    return {
        "image_id": item.get("ImageId"),
        "instance_type": item.get("InstanceType"),
        "subnet_id": item.get("SubnetId"),
        "private_ip": item.get("PrivateIpAddress"),
        "security_group_ids": sorted(group["GroupId"] for group in item.get("SecurityGroups") or []),
        "key_name": item.get("KeyName") or None,
        "instance_profile": profile.rsplit("/", 1)[-1] if profile else None,
        "user_data_sha256": digest(base64.b64decode(attributes.get("userData") or "")),
        "address": address,
        "termination_protection": bool(attributes.get("disableApiTermination")),
        "stop_protection": bool(attributes.get("disableApiStop")),
        "ebs_optimized": bool(item.get("EbsOptimized")),
        "detailed_monitoring": (item.get("Monitoring") or {}).get("State") in ("enabled", "pending"),
        "source_dest_check": item.get("SourceDestCheck", True),
        "metadata_tokens": metadata.get("HttpTokens"),
        "metadata_hop_limit": metadata.get("HttpPutResponseHopLimit"),
        "metadata_tags": metadata.get("InstanceMetadataTags") == "enabled",
        "running": item["State"]["Name"] in ("pending", "running"),
        "tags": tags_of(item),
        "root_volume_encrypted": volume.get("Encrypted"),
        **{key: volume.get(source) for key, source in VOLUME.items()},
    }


# --- the plan -------------------------------------------------------------------------------------------------------


def plan(
    desired: t.Mapping[str, Wanted],
    account: Account,
    *,
    purge: bool = False,
    ignore: t.Collection[str] = (),
    replace: t.Collection[str] = (),
    stop_to_change: bool = False,
) -> tuple[Plan, dict[str, dict[str, t.Any]]]:
    """Plan the way from the instances that are there to the declared ones.

    The second result is ``{name: {field: {before, after}}}``: what differs, needs a replacement, and is left
    alone because the name is not in ``replace``.

    :raises InputError: for what would need a stop, a removal or an address that is not allowed.
    """
    actions: list[Action] = []
    left: dict[str, dict[str, t.Any]] = {}
    for name in sorted({*desired, *account.instances}):
        wanted, present = desired.get(name), account.instances.get(name)
        if ignored(name, ignore):
            continue
        if wanted is not None:
            check_address(wanted, account)
        if present is None:
            after = dict(wanted.fields)
            if "image_id" not in after:
                after["image_parameter"] = wanted.spec["image_parameter"]
            actions.append(Action(CREATE, KIND, name, after=after, context=(wanted, None)))
            continue
        if wanted is None:
            if purge:
                refuse_protected(present)
                actions.append(Action(DELETE, KIND, name, before=shown(present), context=(None, present)))
            continue
        names = differences(wanted, present)
        stuck = {n for n in names if n in NEEDS_REPLACEMENT}
        if "root_volume_size" in names and smaller(wanted, present):
            stuck.add("root_volume_size")
        pick = {n: present.fields.get(n) for n in names}, {n: wanted.fields[n] for n in names}
        if stuck and name in replace:
            if wanted.fields["termination_protection"]:
                refuse_protected(present)
            actions.append(Action(REPLACE, KIND, name, *pick, (wanted, present)))
            continue
        if stuck:
            left[name] = {n: {"before": pick[0][n], "after": pick[1][n]} for n in sorted(stuck)}
        names = [n for n in names if n not in stuck]
        for n in names:
            if n in NEEDS_STOP and present.fields["running"] and not stop_to_change:
                raise InputError(
                    f"instance {name}: {n} cannot be changed from {present.fields[n]!r} to "
                    f"{wanted.fields[n]!r} while it runs; set stop_to_change: true to have it stopped and started for "
                    "that, or keep the present value."
                )
            if n in NEEDS_STOP and present.fields["running"] and present.fields["stop_protection"]:
                raise InputError(
                    f"instance {name} ({present.id}) has stop protection, so {n} cannot be changed; apply "
                    "stop_protection: false for it first."
                )
        if names:
            before, after = ({n: side[n] for n in names} for side in pick)
            actions.append(Action(UPDATE, KIND, name, before, after, (wanted, present)))
    return Plan(actions), left


def differences(wanted: Wanted, present: Observed) -> list[str]:
    """The names of the fields that differ."""
    names = differing({key: value for key, value in wanted.fields.items() if key != "tags"}, present.fields)
    if any(compare_aws_tags(present.fields["tags"], kept_tags(wanted, present))):
        names.append("tags")
    return names


def kept_tags(wanted: Wanted, present: Observed) -> dict[str, str]:
    """The declared tags and the generation, which belongs to the instance that is there."""
    generation = present.fields["tags"].get(GENERATION_TAG)
    return {**wanted.fields["tags"], **({GENERATION_TAG: generation} if generation else {})}


def smaller(wanted: Wanted, present: Observed) -> bool:
    """Whether the root volume would shrink, which AWS does not do."""
    size = present.fields.get("root_volume_size")
    return size is not None and wanted.fields["root_volume_size"] < size


def shown(present: Observed) -> dict[str, t.Any]:
    """A present instance as a removal shows it."""
    keys = ("instance_type", "image_id", "subnet_id", "private_ip", "security_group_ids", "address")
    return {"id": present.id, "state": present.state, **{key: present.fields[key] for key in keys}}


def refuse_protected(present: Observed) -> None:
    """Refuse to terminate what is protected, before anything is changed."""
    if present.fields["termination_protection"]:
        raise InputError(
            f"instance {present.name} ({present.id}) has termination protection and is not removed; apply "
            "termination_protection: false for it first."
        )


def check_address(wanted: Wanted, account: Account) -> None:
    """Refuse an elastic IP that is not there or that something of another owner uses."""
    allocation = wanted.fields["address"]
    if not allocation or not known(allocation):
        return
    address = account.addresses.get(allocation)
    if address is None:
        raise InputError(
            f"instance {wanted.name}: address {allocation} is not an elastic IP of this account and region."
        )
    user = address.get("InstanceId") or address.get("NetworkInterfaceId")
    if user and user not in account.ids:
        raise InputError(
            f"instance {wanted.name}: address {allocation} ({address.get('PublicIp')}) is in use by {user}, which is "
            "none of the platform's instances; disassociate it there or give another."
        )


# --- doing it -------------------------------------------------------------------------------------------------------


def code(error: Exception) -> str:
    """AWS's error code, empty for any other exception."""
    return getattr(error, "response", {}).get("Error", {}).get("Code", "")


def profile_is_late(error: Exception) -> bool:
    """Whether EC2 does not know an instance profile, as for some seconds after IAM has made it."""
    return code(error) == "InvalidParameterValue" and "profile" in str(error).lower()


def client_token(platform: str, name: str, generation: int, spec: t.Mapping[str, t.Any]) -> str:
    """The same for the same launch, so that one that was interrupted is not repeated."""
    text = f"{platform}/{name}/{generation}/{spec['subnet_id']}"
    return hashlib.sha256(text.encode()).hexdigest()[:64]


def launch_request(wanted: Wanted, platform: str, generation: int, image: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The arguments of RunInstances.

    :arg image: as DescribeImages tells it; a root volume is launched under the image's own device name.
    """
    fields, spec = wanted.fields, wanted.spec
    device = image["RootDeviceName"]
    of_image = next(
        (m.get("Ebs", {}) for m in image.get("BlockDeviceMappings", []) if m.get("DeviceName") == device), {}
    )
    volume = {
        "VolumeSize": fields.get("root_volume_size") or of_image.get("VolumeSize"),
        "VolumeType": fields["root_volume_type"],
        "Iops": fields.get("root_volume_iops"),
        "Throughput": fields.get("root_volume_throughput"),
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    tags = {**fields["tags"], GENERATION_TAG: str(generation)}
    request = {
        "ClientToken": client_token(platform, wanted.name, generation, spec),
        "MinCount": 1,
        "MaxCount": 1,
        "ImageId": image["ImageId"],
        "InstanceType": fields["instance_type"],
        "SubnetId": fields["subnet_id"],
        "SecurityGroupIds": fields["security_group_ids"],
        "PrivateIpAddress": fields.get("private_ip"),
        "KeyName": fields["key_name"],
        "IamInstanceProfile": {"Name": fields["instance_profile"]} if fields["instance_profile"] else None,
        "UserData": spec.get("user_data") or None,
        "EbsOptimized": fields.get("ebs_optimized"),
        "Monitoring": {"Enabled": fields["detailed_monitoring"]},
        "MetadataOptions": metadata_options(fields),
        "BlockDeviceMappings": [
            {"DeviceName": device, "Ebs": {key: value for key, value in volume.items() if value is not None}}
        ],
        "TagSpecifications": boto3_tag_specifications(tags, ["instance", "volume", "network-interface"]),
    }
    return {key: value for key, value in request.items() if value is not None}


def metadata_options(fields: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """IMDSv2 only, always."""
    return {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": fields["metadata_hop_limit"],
        "InstanceMetadataTags": "enabled" if fields["metadata_tags"] else "disabled",
    }


def read_image(ec2, image_id: str, name: str) -> t.Mapping[str, t.Any]:
    """The image, as DescribeImages tells it."""
    images = ec2.describe_images(Filters=[{"Name": "image-id", "Values": [image_id]}])["Images"]
    if not images:
        raise InputError(
            f"instance {name}: image_id {image_id} is not an image that this account can use in this region."
        )
    return images[0]


def read_parameters(ssm, parameters: t.Iterable[str]) -> dict[str, str]:
    """The images that public SSM parameters name, ten a call as SSM allows."""
    found: dict[str, str] = {}
    names = sorted(set(parameters))
    for start in range(0, len(names), 10):
        answer = ssm.get_parameters(Names=names[start : start + 10])
        found.update({item["Name"]: item["Value"] for item in answer["Parameters"]})
    for name in names:
        if name not in found:
            raise InputError(f"image_parameter: {name!r} is not an SSM parameter in this region.")
        shape("image_parameter", name, found[name], r"ami-[0-9a-f]+", "a parameter whose value is ami-...")
    return found


class Applier:
    """Carries out a plan of instances. ``images`` are those to launch from, by instance name."""

    def __init__(self, ec2, plan: Plan, account: Account, platform: str, images, timeout: int) -> None:
        self.ec2, self.plan, self.account, self.platform = ec2, plan, account, platform
        self.images, self.timeout = images, timeout
        self.application = application(plan)

    def apply(self) -> None:
        """What goes first: it may hold an address that another instance is to have."""
        self.application.run(self.plan.only(KIND, verbs=[DELETE]), lambda a: self.terminate([a.context[1].id]))
        self.application.run(self.plan.only(KIND, verbs=[UPDATE]), self.update)
        self.application.run(self.plan.only(KIND, verbs=[REPLACE]), self.replace)
        self.application.run(self.plan.only(KIND, verbs=[CREATE]), self.create)

    def wait(self, waiter: str, ids: t.Sequence[str]) -> None:
        """Wait with one of boto3's waiters, whose first look is at once."""
        settings = {"Delay": 5, "MaxAttempts": max(1, self.timeout // 5)}
        self.ec2.get_waiter(waiter).wait(InstanceIds=list(ids), WaiterConfig=settings)

    def terminate(self, ids: list[str]) -> None:
        """Terminate and wait until addresses and volumes are free again."""
        self.ec2.terminate_instances(InstanceIds=ids)
        self.wait("instance_terminated", ids)

    def replace(self, action: Action) -> None:
        """The former one goes first: both cannot have the fixed address. A run that is interrupted in between
        leaves no instance of the name, and the next one makes it."""
        present = action.context[1]
        if present.fields["termination_protection"]:
            self.modify(present.id, DisableApiTermination={"Value": False})
        self.terminate([present.id])
        self.create(action)

    def create(self, action: Action) -> None:
        wanted = action.context[0]
        leaving = self.account.leaving.get(wanted.name)
        if leaving:
            self.wait("instance_terminated", leaving)
        instance_id = self.launch(wanted)
        self.wait("instance_running", [instance_id])
        fields = wanted.fields
        # what RunInstances cannot set; protection comes last, so that what is half made can be removed
        late = {
            "source_dest_check": not fields["source_dest_check"],
            "address": bool(fields["address"]),
            "running": not fields["running"],
            "stop_protection": bool(fields.get("stop_protection")),
            "termination_protection": fields["termination_protection"],
        }
        self.settle(wanted, instance_id, [name for name, needed in late.items() if needed], None)

    def launch(self, wanted: Wanted) -> str:
        """RunInstances, the same request for the same generation; the next generation when that one is spent."""
        generation = self.account.generations.get(wanted.name, 0) + 1
        for number in range(generation, generation + GENERATIONS):
            request = launch_request(wanted, self.platform, number, self.images[wanted.name])
            try:
                instance = self.patiently(lambda r=request: self.ec2.run_instances(**r))["Instances"][0]
            except ClientError as error:
                if code(error) not in SPENT_TOKEN:
                    raise
                # another request with this token: an interrupted run's, whose instance may live, or an old one's
                started = self.started_before(wanted.name) if code(error) == MISMATCH else None
                if started:
                    return started
                continue
            if instance["State"]["Name"] in LIVE:
                return instance["InstanceId"]
        raise InputError(
            f"AWS remembers {GENERATIONS} launches of it, all terminated; try again in an hour, or use another name."
        )

    def started_before(self, name: str) -> str | None:
        """A live instance of the name that the first look did not show, because what AWS lists lags behind."""

        def look() -> Observed | None:
            return observe(self.ec2, self.platform, {}, absent=True).instances.get(name)

        present = poll(look, lambda found: found is not None, LAG)
        return present.id if present else None

    def patiently(self, call: t.Callable[[], t.Any]) -> t.Any:
        """Repeat a call for a while as long as EC2 does not know a new instance profile."""

        def attempt():
            try:
                return call(), None
            except ClientError as error:
                if not profile_is_late(error):
                    raise
                return None, error

        answer, error = poll(attempt, lambda pair: pair[1] is None, min(self.timeout, 30), first=1.0)
        if error:
            raise error
        return answer

    def modify(self, instance_id: str, **attribute: t.Any) -> None:
        """ModifyInstanceAttribute takes one attribute a call."""
        self.ec2.modify_instance_attribute(InstanceId=instance_id, **attribute)

    def update(self, action: Action) -> None:
        wanted, present = action.context
        self.settle(wanted, present.id, list(action.after), present)

    def settle(self, wanted: Wanted, instance_id: str, names: t.Collection[str], present: Observed | None) -> None:
        """Change these fields of an instance that is there; each is on its own, so an interrupted one goes on."""
        fields = wanted.fields
        state = present.state if present else "running"
        if state == "stopping":
            self.wait("instance_stopped", [instance_id])
            state = "stopped"
        if set(names) & set(NEEDS_STOP):
            if state != "stopped":
                self.stop(instance_id)
                state = "stopped"
            if "instance_type" in names:
                self.modify(instance_id, InstanceType={"Value": fields["instance_type"]})
            if "ebs_optimized" in names:
                self.modify(instance_id, EbsOptimized={"Value": fields["ebs_optimized"]})
        if "security_group_ids" in names:
            self.modify(instance_id, Groups=fields["security_group_ids"])
        if "source_dest_check" in names:
            self.modify(instance_id, SourceDestCheck={"Value": fields["source_dest_check"]})
        if "tags" in names:
            self.tag(wanted, present)
        if "instance_profile" in names:
            self.set_profile(instance_id, fields["instance_profile"])
        if "detailed_monitoring" in names:
            call = self.ec2.monitor_instances if fields["detailed_monitoring"] else self.ec2.unmonitor_instances
            call(InstanceIds=[instance_id])
        if set(names) & set(METADATA):
            self.ec2.modify_instance_metadata_options(InstanceId=instance_id, **metadata_options(fields))
        if set(names) & set(VOLUME):
            changes = {VOLUME[name]: fields[name] for name in names if name in VOLUME}
            self.ec2.modify_volume(VolumeId=present.root_volume_id, **changes)
        if "address" in names:
            self.set_address(instance_id, fields["address"], present)
        if fields["running"] and state == "stopped":
            self.ec2.start_instances(InstanceIds=[instance_id])
            self.wait("instance_running", [instance_id])
        elif not fields["running"] and state != "stopped":
            self.stop(instance_id)
        for name in ("stop_protection", "termination_protection"):
            if name in names:
                self.modify(instance_id, **{PROTECTIONS[name]: {"Value": fields[name]}})

    def stop(self, instance_id: str) -> None:
        self.ec2.stop_instances(InstanceIds=[instance_id])
        self.wait("instance_stopped", [instance_id])

    def tag(self, wanted: Wanted, present: Observed) -> None:
        """The instance, its root volume and its primary interface carry the same tags."""
        put, remove = compare_aws_tags(present.fields["tags"], kept_tags(wanted, present))
        ids = [i for i in (present.id, present.root_volume_id, present.interface_id) if i]
        if put:
            self.ec2.create_tags(Resources=ids, Tags=ansible_dict_to_boto3_tag_list(put))
        if remove:
            self.ec2.delete_tags(Resources=ids, Tags=[{"Key": key} for key in remove])

    def set_profile(self, instance_id: str, profile: str | None) -> None:
        """Associate, replace or take away an instance's profile."""
        filters = [
            {"Name": "instance-id", "Values": [instance_id]},
            {"Name": "state", "Values": ["associating", "associated"]},
        ]
        found = pages(
            self.ec2, "describe_iam_instance_profile_associations", "IamInstanceProfileAssociations", Filters=filters
        )
        association = found[0]["AssociationId"] if found else None
        if profile and association:
            self.patiently(
                lambda: self.ec2.replace_iam_instance_profile_association(
                    AssociationId=association, IamInstanceProfile={"Name": profile}
                )
            )
        elif profile:
            self.patiently(
                lambda: self.ec2.associate_iam_instance_profile(
                    InstanceId=instance_id, IamInstanceProfile={"Name": profile}
                )
            )
        elif association:
            self.ec2.disassociate_iam_instance_profile(AssociationId=association)

    def set_address(self, instance_id: str, allocation: str | None, present: Observed | None) -> None:
        """Associate an elastic IP; the plan has made sure that only the platform's instances may lose it."""
        if allocation:
            self.ec2.associate_address(AllocationId=allocation, InstanceId=instance_id, AllowReassociation=True)
            return
        held = self.account.addresses[present.fields["address"]]
        wanted_elsewhere = {a.after.get("address") for a in self.plan}
        if held["AllocationId"] not in wanted_elsewhere:
            self.ec2.disassociate_address(AssociationId=held["AssociationId"])


# --- the module -----------------------------------------------------------------------------------------------------


def work(module) -> tuple[Plan, dict[str, t.Any]]:
    """The ``instances`` module: validate, read, plan, and apply unless in check mode."""
    options = module.params
    platform, absent, check = options["platform"], options["state"] == "absent", module.check_mode
    declared = [] if absent else options["instances"]
    replace = [] if absent else options["replace"]
    desired = validate(declared, platform, tags=options["tags"], replace=replace)
    for name, wanted in desired.items():
        ids = ("image_id", "subnet_id", "security_group_ids", "private_ip", "address")
        require_known(check, **{f"instances: instance {name}: {key}": wanted.fields.get(key) for key in ids})
    ec2 = client(module, "ec2")
    account = observe(ec2, platform, desired, absent)

    parameters: dict[str, str] = {}

    def resolve(names: t.Iterable[str]) -> None:
        missing = {desired[name].spec.get("image_parameter") for name in names} - {None, "", *parameters}
        if missing:
            parameters.update(read_parameters(client(module, "ssm"), missing))

    # a newer image behind a parameter only matters where it may lead to a replacement
    named = [name for name in replace if name in account.instances and desired[name].spec.get("image_parameter")]
    resolve(named)
    for name in named:
        desired[name].fields["image_id"] = parameters[desired[name].spec["image_parameter"]]
    planned, left = plan(
        desired,
        account,
        purge=absent or options["purge"],
        ignore=options["ignore"],
        replace=replace,
        stop_to_change=options["stop_to_change"],
    )
    for name, fields in left.items():
        module.warn(
            f"instance {name}: {', '.join(fields)} differs and only another instance would have it; it is left alone "
            "until its name is in replace."
        )
    if planned and not check:
        # images are read before anything is changed: without its image a replacement would end half-way
        launched = [action.name for action in planned.only(KIND, verbs=[CREATE, REPLACE])]
        resolve(launched)
        images = {}
        for name in launched:
            image_id = desired[name].fields.get("image_id") or parameters[desired[name].spec["image_parameter"]]
            images[name] = read_image(ec2, image_id, name)
        Applier(ec2, planned, account, platform, images, options["wait_timeout"]).apply()
    pending = [i.id for n, i in account.instances.items() if i.state == "pending" and n in desired]
    gone = [i for ids in account.leaving.values() for i in ids] if absent else []
    if not check:
        waiter = Applier(ec2, planned, account, platform, {}, options["wait_timeout"])
        for kind, ids in (("instance_running", pending), ("instance_terminated", gone)):
            if ids:
                waiter.wait(kind, ids)
        if desired and (planned or pending):
            listed = {n for n in desired if n in account.instances or not ignored(n, options["ignore"])}
            account = poll(lambda: observe(ec2, platform, desired), lambda a: listed <= set(a.instances), LAG)
    replaced = {action.name for action in planned.only(KIND, verbs=[CREATE, REPLACE])} if check else set()
    return planned, {
        "instances": {
            name: returned(wanted, None if name in replaced else account.instances.get(name), ec2.meta)
            for name, wanted in sorted(desired.items())
            if name in account.instances or not ignored(name, options["ignore"])
        },
        "replacement_needed": left,
    }


def returned(wanted: Wanted, present: Observed | None, meta) -> dict[str, t.Any]:
    """One instance of the result."""
    item = present.item if present else {}
    value = item.get if present else lambda key: KNOWN_AFTER_APPLY
    arn = f"arn:{meta.partition}:ec2:{meta.region_name}:{present.owner}:instance/{present.id}" if present else None
    return {
        "name": wanted.name,
        "id": value("InstanceId"),
        "arn": arn or KNOWN_AFTER_APPLY,
        "state": item["State"]["Name"] if present else KNOWN_AFTER_APPLY,
        "zone": item["Placement"]["AvailabilityZone"] if present else KNOWN_AFTER_APPLY,
        "subnet_id": item.get("SubnetId") if present else wanted.fields["subnet_id"],
        "private_ip": item.get("PrivateIpAddress") if present else wanted.fields.get("private_ip") or KNOWN_AFTER_APPLY,
        "public_ip": value("PublicIpAddress"),
        "image_id": item.get("ImageId") if present else wanted.fields.get("image_id") or KNOWN_AFTER_APPLY,
        "instance_type": item.get("InstanceType") if present else wanted.fields["instance_type"],
        "root_volume_id": present.root_volume_id if present else KNOWN_AFTER_APPLY,
        "address": present.fields["address"] if present else wanted.fields["address"],
        "role": wanted.spec.get("role"),
        "tags": present.fields["tags"] if present else wanted.fields["tags"],
    }
