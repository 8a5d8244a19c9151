# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""EBS volumes that hold data: made once, grown in place, never shrunk or replaced.

A volume is known by its tags, never by a device name. What the variables no longer name stays unless its own name is
given for deletion.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_specifications,
    compare_aws_tags,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    KIND_TAG,
    application,
    by_declared_name,
    client,
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
    UPDATE,
    Action,
    Fields,
    InputError,
    Plan,
    compare,
    ignored,
    known,
    refuse,
    unique,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

KIND = "volume"
TYPES = ("gp3", "gp2", "io1", "io2")
SIZES = "size", "iops", "throughput"
FIXED = ("zone", "encrypted", "kms_key_id")
AWS_NAMES = {
    "zone": "AvailabilityZone",
    "size": "Size",
    "type": "VolumeType",
    "iops": "Iops",
    "throughput": "Throughput",
    "encrypted": "Encrypted",
    "kms_key_id": "KmsKeyId",
}
LEAVING = ("deleting", "deleted")
TOKENS = 5
"""How many client tokens are tried: AWS remembers one for longer than it shows the volume that was made with it."""
LAG = 20
"""Seconds that AWS is given to show what was just made."""
Volumes = dict[str, dict[str, t.Any]]


# --- what is wanted -------------------------------------------------------------------------------------------------


def performance(volume: t.Mapping[str, t.Any], where: str) -> dict[str, t.Any]:
    """A volume's type, and its size (GiB), IOPS and throughput (MiB/s) where they are given.

    :arg where: what a refusal calls the volume, up to the option's name.
    :raises InputError: for what no EBS volume has. Source: the EC2 API's reference of CreateVolume.
    """
    kind = volume.get("type") or "gp3"
    size, iops, throughput = (None if volume.get(key) is None else int(volume[key]) for key in SIZES)
    if kind not in TYPES:
        raise InputError(f"{where}type {kind!r} is not allowed; {', '.join(TYPES)} are.")
    if size is not None and not 1 <= size <= 65536:
        raise InputError(f"{where}size {size} is not allowed; 1 to 65536 GiB is.")
    if iops is not None and kind == "gp2":
        raise InputError(f"{where}iops cannot be set for gp2; gp3, io1 and io2 have it.")
    if iops is not None and iops < (3000 if kind == "gp3" else 100):
        raise InputError(f"{where}iops {iops} is too low; {3000 if kind == 'gp3' else 100} is the least.")
    if iops is None and kind in ("io1", "io2"):
        raise InputError(f"{where}iops is missing; {kind} needs it.")
    if throughput is not None and (kind != "gp3" or throughput < 125):
        raise InputError(f"{where}throughput {throughput} is not allowed; gp3 alone has it, from 125 MiB/s.")
    if throughput is not None and throughput > (iops or 3000) / 4:
        raise InputError(
            f"{where}throughput {throughput} is not allowed with {iops or 3000} IOPS; a quarter of them, "
            f"{(iops or 3000) // 4} MiB/s, is the most."
        )
    given = {"size": size, "iops": iops, "throughput": throughput}
    return {"type": kind, **{key: value for key, value in given.items() if value is not None}}


def desired(volumes: t.Sequence[t.Mapping[str, t.Any]], platform: str, tags: t.Mapping[str, str] | None) -> Volumes:
    """The wanted volumes' fields, keyed by name; ``snapshot_id``, which only a creation reads, is among them."""
    wanted: Volumes = {}
    for name, item in unique(volumes, "volumes").items():
        where = f"volumes: {name}: "
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
            raise InputError(
                f"volumes: name {name!r} is not allowed; a name has 1 to 63 letters, digits, dots, hyphens and "
                "underscores, beginning with a letter or digit."
            )
        if not item.get("size"):
            raise InputError(f"{where}size {item.get('size')!r} is not allowed; 1 to 65536 GiB is.")
        for option, pattern, allowed in (
            ("zone", r"[a-z]{2}(-[a-z]+)+-\d[a-z]+(-\d[a-z])?|[a-z]{2}(-[a-z]+)+-\d-[a-z]{3}-\d[a-z]", "eu-west-1a"),
            ("snapshot_id", r"snap-[0-9a-f]+", "snap-0a1b2c3d4e5f60718"),
            ("kms_key_id", r"arn:aws[a-z-]*:kms:[^:]+:\d{12}:key/.+", "the ARN of a key"),
        ):
            value = item.get(option)
            if value and known(value) and not re.fullmatch(pattern, str(value)):
                raise InputError(f"{where}{option} {value!r} is not allowed; it is such as {allowed}.")
        fields = {
            "zone": item["zone"],
            "encrypted": True,
            **performance(item, where),
            "tags": {**owned_tags(platform, name, tags, item.get("tags")), KIND_TAG: KIND},
        }
        for option in ("kms_key_id", "snapshot_id"):
            if item.get(option):
                fields[option] = item[option]
        wanted[name] = fields
    return wanted


# --- what is there --------------------------------------------------------------------------------------------------


def observe(ec2, platform: str) -> Volumes:
    """The platform's data volumes (not its hosts' root volumes) as EC2 describes them, keyed by name."""
    filters = [*owned_filter(platform), {"Name": f"tag:{KIND_TAG}", "Values": [KIND]}]
    listed = pages(ec2, "describe_volumes", "Volumes", Filters=filters)
    return by_declared_name([item for item in listed if item["State"] not in LEAVING], platform, KIND)


def present_fields(item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A described volume in the form of :func:`desired`."""
    tags = {key: value for key, value in tags_of(item).items() if not key.startswith("aws:")}
    return {**{field: item.get(name) for field, name in AWS_NAMES.items()}, "tags": tags}


# --- plan -----------------------------------------------------------------------------------------------------------


def plan(
    wanted: t.Mapping[str, Fields],
    observed: t.Mapping[str, Fields],
    *,
    purge: bool = False,
    ignore: t.Collection[str] = (),
    delete_with_data: t.Collection[str] = (),
) -> Plan:
    """Plan volumes, both sides keyed by name.

    A volume is deleted only when ``purge`` finds it undeclared and ``delete_with_data`` names it.

    :raises InputError: for a change that would need another volume, and for a deletion that is not asked for by name.
    """
    problems = []
    for name in sorted(set(wanted) & set(observed)):
        before, after = observed[name], wanted[name]
        if after["size"] < before["size"] and not ignored(name, ignore):
            problems.append(
                f"volumes: {name}: size cannot go from {before['size']} to {after['size']} GiB, since a volume only "
                f"grows; {before['size']} or more is allowed."
            )
    left = sorted(
        name
        for name in observed
        if purge and name not in wanted and name not in delete_with_data and not ignored(name, ignore)
    )
    if left:
        problems.append(
            f"volumes: {', '.join(left)}: not declared any more, but may hold data; only what is in "
            "delete_with_data or ignore is allowed to be left out."
        )
    for name in sorted(set(delete_with_data) & set(wanted)):
        problems.append(f"delete_with_data: {name!r} is declared in volumes too; only one of them is allowed.")
    refuse(problems)
    # what a volume was made from cannot be asked of it once the snapshot is gone, so it is no difference
    compared = {
        name: {k: v for k, v in fields.items() if name not in observed or k != "snapshot_id"}
        for name, fields in wanted.items()
    }
    return compare(KIND, compared, observed, purge=purge, ignore=ignore, fixed=FIXED)


# --- apply ----------------------------------------------------------------------------------------------------------


class Apply:
    """Carries a plan out."""

    def __init__(self, ec2, platform: str, items: Volumes, options: t.Mapping[str, t.Any]) -> None:
        self.ec2, self.platform, self.items = ec2, platform, items
        self.timeout, self.final_snapshot = options["wait_timeout"], options["final_snapshot"]

    def __call__(self, whole: Plan) -> None:
        work = application(whole)
        work.run(whole.only(KIND, verbs=[CREATE]), self.create)
        work.run(whole.only(KIND, verbs=[UPDATE]), self.update)
        work.run(whole.only(KIND, verbs=[DELETE]), self.delete)

    def create(self, action: Action) -> None:
        fields = dict(action.after)
        tags = fields.pop("tags")
        request = {AWS_NAMES.get(field, "SnapshotId"): value for field, value in fields.items()}
        request["TagSpecifications"] = boto3_tag_specifications(tags, ["volume"])
        said = json.dumps([self.platform, action.name, request], sort_keys=True)
        for number in range(TOKENS):
            token = hashlib.sha256(f"{number} {said}".encode()).hexdigest()[:64]
            made = self.ec2.create_volume(**request, ClientToken=token)
            found = self.created(made["VolumeId"])
            if found and found["State"] not in LEAVING:
                return self.settled(action.name, found)
        raise InputError(
            f"volumes: {action.name}: AWS answers with volumes that were deleted; try again in some minutes."
        )

    def created(self, volume_id: str) -> dict[str, t.Any] | None:
        """A volume once it is no longer being created; None for one that AWS does not show at all."""
        seen = poll(lambda: self.look(volume_id), bool, LAG)
        if seen:
            seen = poll(
                lambda: self.look(volume_id), lambda item: not item or item["State"] != "creating", self.timeout
            )
        return seen

    def settled(self, name: str, item: t.Mapping[str, t.Any]) -> None:
        if item["State"] not in ("available", "in-use"):
            raise InputError(
                f"volumes: {name}: {item['VolumeId']} is {item['State']} after {self.timeout} s (wait_timeout); "
                "look at its KMS key and snapshot, delete it, and run again."
            )
        self.items[name] = dict(item)

    def look(self, volume_id: str) -> dict[str, t.Any] | None:
        """A volume as it is now; None while AWS does not show it, and once it is gone."""
        found = pages(self.ec2, "describe_volumes", "Volumes", Filters=[{"Name": "volume-id", "Values": [volume_id]}])
        return found[0] if found else None

    def update(self, action: Action) -> None:
        item = self.items[action.name]
        change = {AWS_NAMES[field]: value for field, value in action.after.items() if field != "tags"}
        if change:
            self.modify(action.name, item["VolumeId"], change)
        if "tags" in action.after:
            added, removed = compare_aws_tags(action.before["tags"], action.after["tags"])
            if removed:
                self.ec2.delete_tags(Resources=[item["VolumeId"]], Tags=[{"Key": key} for key in removed])
            if added:
                self.ec2.create_tags(Resources=[item["VolumeId"]], Tags=ansible_dict_to_boto3_tag_list(added))
        self.items[action.name] = self.look(item["VolumeId"]) or item

    def modify(self, name: str, volume_id: str, change: t.Mapping[str, t.Any]) -> None:
        """Change a volume in use; it can be used while AWS goes on to optimise it."""
        self.ec2.modify_volume(VolumeId=volume_id, **change)

        def state() -> dict[str, t.Any]:
            found = pages(
                self.ec2,
                "describe_volumes_modifications",
                "VolumesModifications",
                Filters=[{"Name": "volume-id", "Values": [volume_id]}],
            )
            return max(found, key=lambda item: str(item.get("StartTime")), default={})

        ended = poll(state, lambda item: item.get("ModificationState") not in (None, "modifying"), self.timeout)
        if ended.get("ModificationState") not in ("optimizing", "completed"):
            raise InputError(
                f"volumes: {name}: its change is {ended.get('ModificationState', 'not shown')} after {self.timeout} s "
                f"(wait_timeout): {ended.get('StatusMessage', 'AWS gives no reason')}."
            )

    def delete(self, action: Action) -> None:
        item = self.items.pop(action.name)
        volume_id = item["VolumeId"]
        # a host that is being terminated lets go of it in its own time
        found = poll(lambda: self.look(volume_id), lambda now: not now or now["State"] != "in-use", self.timeout)
        if found and found["State"] == "in-use":
            hosts = ", ".join(each["InstanceId"] for each in found["Attachments"])
            raise InputError(f"volumes: {action.name}: {volume_id} is attached to {hosts}; detach it first.")
        if found is None:
            return
        if self.final_snapshot:
            self.snapshot(action, volume_id)
        try:
            self.ec2.delete_volume(VolumeId=volume_id)
        except is_boto3_error_code("InvalidVolume.NotFound"):
            return

    def snapshot(self, action: Action, volume_id: str) -> None:
        """Keep what the volume holds; the snapshot carries no tag of the platform, so that nothing removes it later."""
        tags = {"Name": f"{self.platform}-{action.name}-final"}
        # always another one: an earlier run's may be older than what was written since
        specification = boto3_tag_specifications(tags, ["snapshot"])
        made = self.ec2.create_snapshot(VolumeId=volume_id, TagSpecifications=specification)
        attempts = max(1, self.timeout // 15)
        self.ec2.get_waiter("snapshot_completed").wait(
            SnapshotIds=[made["SnapshotId"]], WaiterConfig={"Delay": 15, "MaxAttempts": attempts}
        )


# --- the whole ------------------------------------------------------------------------------------------------------


def told(name: str, fields: Fields, item: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
    """A volume as the module returns it; ``item`` is None for one that does not exist yet."""
    held = (item or {}).get("Attachments") or []
    volume_id = item["VolumeId"] if item else KNOWN_AFTER_APPLY
    return {
        "id": volume_id,
        "zone": fields["zone"],
        "size": fields["size"],
        "type": fields["type"],
        "iops": (item or fields).get("Iops" if item else "iops"),
        "throughput": (item or fields).get("Throughput" if item else "throughput"),
        "state": item["State"] if item else KNOWN_AFTER_APPLY,
        "instances": sorted(each["InstanceId"] for each in held),
        "path": device_path(volume_id),
    }


def device_path(volume_id: str) -> str:
    """Where Linux shows the volume on an instance of the Nitro kind, whatever device it was attached as."""
    return f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume_id.replace('-', '')}"


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The ``volumes`` module's plan, applied unless in check mode, and the volumes keyed by name."""
    options = module.params
    absent = options["state"] == "absent"
    wanted = {} if absent else desired(options["volumes"], options["platform"], options["tags"])
    for name, fields in wanted.items():
        require_known(module.check_mode, **{f"volumes: {name}: zone": fields["zone"]})
    ec2 = client(module, "ec2")
    items = observe(ec2, options["platform"])
    whole = plan(
        wanted,
        {name: present_fields(item) for name, item in items.items()},
        purge=absent or options["purge"],
        ignore=options["ignore"],
        delete_with_data=options["delete_with_data"],
    )
    if whole and not module.check_mode:
        Apply(ec2, options["platform"], items, options)(whole)
    return whole, {
        "volumes": {
            name: told(name, fields, items.get(name))
            for name, fields in sorted(wanted.items())
            if name in items or not ignored(name, options["ignore"])
        }
    }
