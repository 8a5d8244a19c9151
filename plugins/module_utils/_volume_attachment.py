# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which instance a volume is attached to: attached, moved from a dead host to a live one, taken off.

Two hosts that write to one file system destroy it. So a volume leaves an instance only once that is known to be
stopped or terminated, or the caller says that its file system is unmounted.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    application,
    client,
    declared_name,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    UPDATE,
    Action,
    InputError,
    Plan,
    known,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._volumes import device_path
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

KIND = "volume_attachment"
DEVICES = [f"/dev/sd{letter}" for letter in "fghijklmnop"]
"""The names that AWS recommends for data volumes. On Nitro the guest shows another: see ``device_path``."""
GONE = ("terminated", "missing")
FENCED = ("stopped", *GONE)
"""States in which an instance writes to nothing."""
ENDING = ("stopping", "shutting-down")


class Place(t.NamedTuple):
    """An instance, as far as it concerns a volume."""

    id: str
    state: str
    zone: str | None
    devices: frozenset[str]


def place_of(item: t.Mapping[str, t.Any]) -> Place:
    devices = frozenset(each["DeviceName"] for each in item.get("BlockDeviceMappings") or [])
    return Place(item["InstanceId"], item["State"]["Name"], item["Placement"]["AvailabilityZone"], devices)


def plan(
    name: str,
    volume: t.Mapping[str, t.Any] | None,
    target: Place | None,
    holder: Place | None,
    *,
    present: bool,
    if_running: str = "refuse",
    device: str | None = None,
) -> Plan:
    """The way from where the volume is to where it is wanted; at most one action.

    :arg name: what messages call the volume.
    :arg volume: as EC2 describes it; None when it does not exist yet.
    :arg target: the wanted instance; None when it does not exist yet, or with ``present`` false.
    :arg holder: the instance that has the volume now.
    :arg if_running: what may be done to a holder that runs: ``refuse``, ``stop`` or ``detach``.
    :raises InputError: when it cannot be, or may not be.
    """
    if volume and volume["State"] not in ("available", "in-use", "creating"):
        raise InputError(f"volume_id: {name} is {volume['State']}; only one that is available or in-use is allowed.")
    if present and target and target.state in (*ENDING, *GONE):
        raise InputError(
            f"instance_id: {target.id} is {target.state}; an instance that is running or stopped is allowed."
        )
    if present and volume and target and target.zone != volume["AvailabilityZone"]:
        raise InputError(
            f"instance_id: {target.id} is in zone {target.zone}, but volume {name} is in {volume['AvailabilityZone']}; "
            "an instance in the volume's zone is allowed (another zone needs a snapshot)."
        )
    if device and target and device in target.devices and not (holder and holder.id == target.id):
        raise InputError(f"device: {device!r} is taken on {target.id}; another name, or none, is allowed.")
    wanted = (target.id if target else KNOWN_AFTER_APPLY) if present else None
    held = holder.id if holder else None
    if wanted == held:
        return Plan()
    if holder is None:
        return Plan([Action(CREATE, KIND, name, after={"instance_id": wanted})])
    fenced = holder.state in (*FENCED, *ENDING)
    if not fenced and if_running == "refuse":
        raise InputError(
            f"volume_id: {name} is attached to {holder.id}, which is {holder.state}; unmount it there and set "
            "if_running to detach, or have the host stopped first with if_running set to stop."
        )
    before, after = {"instance_id": held}, {"instance_id": wanted}
    if not fenced and if_running == "stop":
        before["holder"], after["holder"] = holder.state, "stopped"
    if wanted is None:
        return Plan([Action(DELETE, KIND, name, before=before)])
    return Plan([Action(UPDATE, KIND, name, before, after)])


class Apply:
    """Fences, detaches and attaches, each step looked at before the next."""

    def __init__(self, ec2, volume_id: str, options: t.Mapping[str, t.Any]) -> None:
        self.ec2, self.volume_id, self.options = ec2, volume_id, options
        self.timeout = options["wait_timeout"]

    def __call__(self, whole: Plan, target: Place | None, holder: Place | None) -> None:
        work = application(whole)
        work.run(whole.only(KIND), lambda action: self.carry_out(target, holder))

    def carry_out(self, target: Place | None, holder: Place | None) -> None:
        if holder:
            self.fence(holder)
            self.detach(holder)
        if target:
            self.attach(target)

    def fence(self, holder: Place) -> None:
        """See to it that the holder writes no more, unless the caller says that it does not."""
        if holder.state in FENCED:
            return
        if holder.state not in ENDING:
            if self.options["if_running"] == "detach":
                return
            # a host that hangs does not shut down in order; its data is as after a power cut
            self.ec2.stop_instances(InstanceIds=[holder.id], Force=True)
        now = poll(lambda: look_at_instance(self.ec2, holder.id), lambda place: place.state in FENCED, self.timeout)
        if now.state not in FENCED:
            raise InputError(
                f"volume_id: {self.volume_id}: {holder.id} is still {now.state} after {self.timeout} s (wait_timeout), "
                "so the volume was left where it is; run again once it is stopped."
            )

    def detach(self, holder: Place) -> None:
        try:
            self.ec2.detach_volume(VolumeId=self.volume_id, InstanceId=holder.id)
        except is_boto3_error_code(("IncorrectState", "InvalidAttachment.NotFound", "InvalidInstanceID.NotFound")):
            pass  # it is on its way, or has left with its instance
        found = poll(self.look, lambda item: item["State"] == "available", self.timeout)
        if found["State"] != "available":
            raise InputError(
                f"volume_id: {self.volume_id} is still {state_of(found)} on {holder.id} after {self.timeout} s "
                "(wait_timeout); run again later."
            )

    def attach(self, target: Place) -> None:
        poll(self.look, lambda item: item["State"] != "creating", self.timeout)
        target = look_at_instance(self.ec2, target.id)
        free = [name for name in DEVICES if name not in target.devices]
        device = self.options["device"] or (free[0] if free else None)
        if device is None:
            raise InputError(
                f"instance_id: {target.id} has a volume at each of {DEVICES[0]} to {DEVICES[-1]}; name another device."
            )
        self.ec2.attach_volume(VolumeId=self.volume_id, InstanceId=target.id, Device=device)
        self.attached(target.id)

    def attached(self, instance_id: str) -> None:
        """Wait until the volume is really there."""

        def there(item: t.Mapping[str, t.Any]) -> bool:
            attachment = attachment_of(item)
            return attachment.get("InstanceId") == instance_id and attachment.get("State") == "attached"

        found = poll(self.look, there, self.timeout)
        if not there(found):
            raise InputError(
                f"volume_id: {self.volume_id} is {state_of(found)} on {instance_id} after {self.timeout} s, the "
                "wait_timeout; run again later."
            )

    def look(self) -> dict[str, t.Any]:
        return look_at_volume(self.ec2, self.volume_id)


def look_at_volume(ec2, volume_id: str) -> dict[str, t.Any]:
    """A volume as EC2 describes it; :class:`InputError` when there is none of that id."""
    filters = [{"Name": "volume-id", "Values": [volume_id]}]
    found = pages(ec2, "describe_volumes", "Volumes", Filters=filters)
    if not found or found[0]["State"] == "deleted":
        raise InputError(f"volume_id: {volume_id!r} is no volume of this account and region.")
    return found[0]


def look_at_instance(ec2, instance_id: str) -> Place:
    """An instance; one that EC2 shows no more is ``missing``."""
    filters = [{"Name": "instance-id", "Values": [instance_id]}]
    for reservation in pages(ec2, "describe_instances", "Reservations", Filters=filters):
        for item in reservation["Instances"]:
            return place_of(item)
    return Place(instance_id, "missing", None, frozenset())


def attachment_of(volume: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any]:
    """The volume's attachment, empty without one."""
    held = [each for each in volume.get("Attachments") or [] if each.get("State") != "detached"]
    return held[0] if held else {}


def state_of(volume: t.Mapping[str, t.Any]) -> str:
    """The attachment's state, the volume's own without one."""
    return attachment_of(volume).get("State") or volume["State"]


def checked(options: t.Mapping[str, t.Any], check_mode: bool) -> None:
    """Raise :class:`InputError` for ids of another form, and for what is not known yet outside check mode."""
    for option, prefix in (("volume_id", "vol"), ("instance_id", "i")):
        value = options.get(option)
        if value and not known(value) and check_mode:
            continue
        if value and not re.fullmatch(rf"{prefix}-[0-9a-f]+", value):
            raise InputError(f"{option}: {value!r} is not allowed; it is such as {prefix}-0a1b2c3d4e5f60718.")
    device = options.get("device")
    if device and not re.fullmatch(r"/dev/(sd[b-z][1-9]?|xvd[b-z][a-z]?)", device):
        raise InputError(f"device: {device!r} is not allowed; /dev/sdf to /dev/sdp are what AWS recommends.")


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The ``volume_attachment`` module's plan, applied unless in check mode, and where the volume is then."""
    options = module.params
    checked(options, module.check_mode)
    volume_id, present = options["volume_id"], options["state"] == "present"
    ec2 = client(module, "ec2")
    volume = look_at_volume(ec2, volume_id) if known(volume_id) else None
    if volume and declared_name(tags_of(volume), options["platform"]) is None:
        raise InputError(
            f"volume_id: {volume_id} does not carry the tag of platform {options['platform']}, so it is somebody "
            "else's; only the platform's own volumes are allowed."
        )
    target = holder = None
    if present and known(options["instance_id"]):
        target = look_at_instance(ec2, options["instance_id"])
    held_by = attachment_of(volume or {}).get("InstanceId")
    if held_by:
        holder = target if target and target.id == held_by else look_at_instance(ec2, held_by)
    name = declared_name(tags_of(volume), options["platform"]) if volume else options["name"] or volume_id
    whole = plan(
        name,
        volume,
        target,
        holder,
        present=present,
        if_running=options["if_running"],
        device=options["device"],
    )
    if not module.check_mode:
        apply = Apply(ec2, volume_id, options)
        if whole:
            apply(whole, target, holder)
        elif present:
            apply.attached(target.id)
        volume = apply.look()
    attachment = attachment_of(volume or {})
    planned = module.check_mode and bool(whole)
    wanted = options["instance_id"] if present else None
    return whole, {
        "attachment": {
            "volume_id": volume_id,
            "instance_id": wanted if planned else attachment.get("InstanceId"),
            "device": KNOWN_AFTER_APPLY if planned and present else attachment.get("Device"),
            "path": device_path(volume_id) if present else None,
        }
    }
