# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual MFA devices, made and enrolled for users.

IAM tells a device's seed once, in the answer that makes it. So a device is made, its seed handed over, and only then
is it enabled with two codes. One that is not enabled was left by a run that was killed in between; the next makes
another.
"""

from __future__ import annotations

import datetime
import re
import time
import typing as t
import uuid

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list, compare_aws_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    application,
    aws_time,
    client,
    declared_name,
    if_there,
    owned_tags,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._credentials import (
    SEEN_TIMEOUT,
    Secrets,
    handed_over,
    users_there,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._mfa_codes import (
    MISSING,
    MISSING_TRACE,
    codes,
    enrolment,
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
    ignored,
    unique,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._vault_file import VaultFiles
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

KIND = "mfa_device"
WORKERS = 4


class Device(t.NamedTuple):
    """A device of ours. ``user`` is who it is enabled for, None while it is not."""

    serial: str
    user: str | None
    tags: t.Mapping[str, str]
    since: str | None = None


class Seen(t.NamedTuple):
    """What AWS tells: our devices by the user they were made for; by user, the serials of all devices enabled."""

    devices: t.Mapping[str, Device]
    enabled: t.Mapping[str, t.Sequence[str]]


# --- input ----------------------------------------------------------------------------------------------------------


def validate(options: t.Mapping[str, t.Any]) -> None:
    """Raise :class:`InputError` for what cannot be enrolled."""
    unique(options["users"], "users")
    names = [user["name"] for user in options["users"]]
    for name in names:
        if not re.fullmatch(r"[\w+=,.@-]{1,64}", name, re.ASCII):
            raise InputError(f"users: name {name!r} is not one that IAM allows: 1 to 64 of letters, digits and _+=,.@-")
    for name in options["replace"]:
        if name not in names:
            raise InputError(f"replace: {name!r} is not one of users, which has {', '.join(names) or 'none'}.")
    if options["state"] == "absent":
        return
    if options["hand_over"] is None and names:
        raise InputError("hand_over: none is given; to secret or to file is needed, as IAM tells a device's seed once.")
    given = options["hand_over"] or {"to": "secret"}
    for option, to in (("kms_key", "secret"), ("directory", "file"), ("vault_id", "file")):
        if given.get(option) and given["to"] != to:
            raise InputError(f"hand_over: {option} {given[option]!r} is allowed only with to {to}.")
    if given["to"] == "file" and not given.get("directory"):
        raise InputError("hand_over: directory is not given; with to file, the files need a directory.")


def device_name(platform: str, user: str) -> str:
    """Begins with the user's name, as policies that let people manage their own devices ask for."""
    return f"{user}-{platform}"


def tags(options: t.Mapping[str, t.Any], user: str) -> dict[str, str]:
    return owned_tags(options["platform"], user, options["tags"])


# --- what is there --------------------------------------------------------------------------------------------------


def observe(iam, platform: str, there: t.Sequence[str], names: t.Collection[str] | None) -> Seen:
    """Our devices, and what the users have enabled.

    :arg there: the declared users that are there.
    :arg names: whose devices of ours are asked for; None for everyone's.
    """
    ends = f"-{platform}" if names is None else tuple(f":mfa/{device_name(platform, name)}" for name in names)
    listed = [
        device
        for device in pages(iam, "list_virtual_mfa_devices", "VirtualMFADevices")
        if device["SerialNumber"].endswith(ends)
    ]
    # a list tells no tags
    tagged = concurrently(
        *[lambda d=d: pages(iam, "list_mfa_device_tags", "Tags", SerialNumber=d["SerialNumber"]) for d in listed]
    )
    devices = {}
    for device, pairs in zip(listed, tagged):
        present = tags_of({"Tags": pairs})
        name = declared_name(present, platform)
        if name is None:
            if names is not None:
                raise InputError(
                    f"users: the name of an MFA device for one of them is taken by {device['SerialNumber']}, which "
                    "does not carry the platform's tags, so it is somebody else's; only a free name is allowed."
                )
            continue
        user = device.get("User", {}).get("UserName") if device.get("EnableDate") else None
        since = device["EnableDate"].isoformat() if user else None
        devices[name] = Device(device["SerialNumber"], user, present, since)
    enabled = concurrently(*[lambda n=n: pages(iam, "list_mfa_devices", "MFADevices", UserName=n) for n in there])
    return Seen(devices, {name: [d["SerialNumber"] for d in own] for name, own in zip(there, enabled)})


# --- plan -----------------------------------------------------------------------------------------------------------


def plan(wanted: t.Mapping[str, t.Mapping[str, str]], seen: Seen, options: t.Mapping[str, t.Any]) -> Plan:
    """Plan the devices of these users (name: tags), and the end of others' devices of ours."""
    actions = []
    away = options["purge"] or options["state"] == "absent"
    for name in sorted({*wanted, *seen.devices}):
        device = seen.devices.get(name)
        if ignored(name, options["ignore"]):
            continue
        if name not in wanted:
            if away and device:
                refuse_unforced(device, name, options)
                before = {"serial": device.serial, "enabled": device.user is not None}
                actions.append(Action(DELETE, KIND, name, before=before, context=device))
        elif device is None:
            if name in options["replace"] and seen.enabled.get(name):
                raise InputError(
                    f"replace: {name!r} has {', '.join(seen.enabled[name])}, not made by this platform; only its own "
                    "devices are replaced."
                )
            if not seen.enabled.get(name):
                after = {"serial": KNOWN_AFTER_APPLY, "enabled": True, "tags": dict(wanted[name])}
                actions.append(Action(CREATE, KIND, name, after=after))
        elif device.user is None or name in options["replace"]:
            refuse_unforced(device, name, options)
            before, after = {"enabled": device.user is not None}, {"enabled": True, "seed": "another"}
            actions.append(Action(REPLACE, KIND, name, before, after, device))
        elif device.tags != wanted[name]:
            pair = {"tags": dict(device.tags)}, {"tags": dict(wanted[name])}
            actions.append(Action(UPDATE, KIND, name, *pair, device))
    return Plan(actions)


def refuse_unforced(device: Device, name: str, options: t.Mapping[str, t.Any]) -> None:
    """An enabled device is somebody's way to sign in."""
    if device.user is not None and not options["force"]:
        raise InputError(
            f"force: false does not allow to deactivate {device.serial}, the MFA device that {name} signs in with; "
            "true does."
        )


# --- apply ----------------------------------------------------------------------------------------------------------


class Apply:
    """Carries a plan out; ``made`` are the serials of new devices by user."""

    def __init__(self, module: AnsibleAWSModule, iam, hand_over: t.Callable[[str, dict], None], forget) -> None:
        self.module, self.iam, self.hand_over, self.forget = module, iam, hand_over, forget
        self.platform = module.params["platform"]

    def __call__(self, whole: Plan) -> None:
        work = application(whole, WORKERS)
        work.run(whole.only(KIND, verbs=[UPDATE]), self.tag)
        work.run(whole.only(KIND, verbs=[CREATE, REPLACE]), self.enrol)
        work.run(whole.only(KIND, verbs=[DELETE]), self.delete)

    def enrol(self, action: Action) -> None:
        name = action.name
        if action.verb == REPLACE:
            self.remove(action.context)
        answer = self.iam.create_virtual_mfa_device(
            VirtualMFADeviceName=device_name(self.platform, name),
            Tags=ansible_dict_to_boto3_tag_list(tags(self.module.params, name)),
        )
        began, start = aws_time(answer), time.monotonic()
        serial = answer["VirtualMFADevice"]["SerialNumber"]
        seed = answer["VirtualMFADevice"]["Base32StringSeed"].decode()
        self.module.no_log_values.add(seed)
        account = serial.split(":")[4]
        self.hand_over(name, {"serial": serial, **enrolment(seed, name, account)})

        def enable() -> bool:
            now = began + datetime.timedelta(seconds=time.monotonic() - start)
            first, second = codes(seed, now.timestamp())
            try:
                self.iam.enable_mfa_device(
                    UserName=name, SerialNumber=serial, AuthenticationCode1=first, AuthenticationCode2=second
                )
            except is_boto3_error_code(("NoSuchEntity", "EntityTemporarilyUnmodifiable")):
                return False  # not all of IAM knows the device yet
            return True

        if not poll(enable, bool, SEEN_TIMEOUT):
            raise InputError(f"IAM did not know the device within {SEEN_TIMEOUT} seconds; run again for another.")

    def remove(self, device: Device) -> None:
        if device.user is not None:
            if_there(self.iam.deactivate_mfa_device, UserName=device.user, SerialNumber=device.serial)
        if_there(self.iam.delete_virtual_mfa_device, SerialNumber=device.serial)

    def delete(self, action: Action) -> None:
        # whoever is killed in between leaves the device, by which the next run knows that there is more to do
        self.forget(action.name)
        self.remove(action.context)

    def tag(self, action: Action) -> None:
        serial = action.context.serial
        added, removed = compare_aws_tags(action.before["tags"], action.after["tags"])
        if removed:
            self.iam.untag_mfa_device(SerialNumber=serial, TagKeys=removed)
        if added:
            self.iam.tag_mfa_device(SerialNumber=serial, Tags=ansible_dict_to_boto3_tag_list(added))


# --- the whole ------------------------------------------------------------------------------------------------------


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The module's plan, applied unless in check mode, and the users' devices."""
    if MISSING:
        module.fail_json(msg=MISSING, exception=MISSING_TRACE)
    options = module.params
    platform, absent = options["platform"], options["state"] == "absent"
    validate(options)
    given = options["hand_over"] or {"to": "secret"}
    iam = client(module, "iam")
    declared = [user["name"] for user in options["users"]]
    there = users_there(iam, platform, declared, module.check_mode or absent)
    everyone = options["purge"] or (absent and not declared)
    seen = observe(iam, platform, there, None if everyone else declared)
    wanted = {} if absent else {name: tags(options, name) for name in declared}
    whole = plan(wanted, seen, options)
    files = VaultFiles(module, given["directory"], given["vault_id"]) if given["to"] == "file" else None
    secrets = Secrets(
        client(module, "secretsmanager"),
        platform,
        "The seed of a user's MFA device; delete it when the user has it",
        options["tags"],
        given.get("kms_key"),
    )
    enrolled = whole.only(KIND, verbs=[CREATE, REPLACE])
    if files and enrolled:
        files.check()
    present = {} if files else {a.name: secrets.find(handed_over(platform, "mfa", a.name)) for a in enrolled}

    def hand_over(name: str, value: dict[str, t.Any]) -> None:
        if files:
            files.write(name, value)
            return
        secret = handed_over(platform, "mfa", name)
        secrets.ready(secret, name, present[name], {})
        secrets.put(secret, str(uuid.uuid4()), value)

    def forget(name: str) -> None:
        secret = handed_over(platform, "mfa", name)
        if secrets.find(secret):
            secrets.remove(secret)

    if whole and not module.check_mode:
        Apply(module, iam, hand_over, forget)(whole)
        seen = observe(iam, platform, there, None if everyone else declared)
    handed = {a.name: files.path(a.name) if files else handed_over(platform, "mfa", a.name) for a in enrolled}
    devices = {} if absent else {name: told(name, seen, handed) for name in sorted(declared)}
    without = sorted(name for name in there if not seen.enabled.get(name) and not absent)
    return whole, {"devices": devices, "users_without_mfa": without}


def told(name: str, seen: Seen, handed: t.Mapping[str, str]) -> dict[str, t.Any]:
    """A user's device as the module returns it."""
    device = seen.devices.get(name)
    ours = device if device and device.user else None
    others = [serial for serial in seen.enabled.get(name, []) if not ours or serial != ours.serial]
    return {
        "serial": ours.serial if ours else KNOWN_AFTER_APPLY if name in handed else None,
        "enabled_since": ours.since if ours else None,
        "handed_over": handed.get(name),
        "other_devices": others,
    }
