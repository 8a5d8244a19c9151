"""MFA: codes are checked against the seed that the device was made with, in IAM and in STS.

A code of the step before or after counts too, as clocks differ. A device is enabled with two codes that follow each
other. Temporary credentials belong to who asked for them, and end by the lab's clock.
"""

from __future__ import annotations

import datetime

import pyotp
from moto.core.responses import ActionResult, EmptyResult
from moto.iam.exceptions import (
    DeleteConflictException,
    EntityAlreadyExists,
    IAMException,
    LimitExceededException,
    NoSuchEntity,
)
from moto.iam.models import AccessKey, IAMBackend, User, VirtualMfaDevice, iam_backends
from moto.iam.responses import IamResponse
from moto.sts.exceptions import STSClientError
from moto.sts.responses import TokenResponse

from ..clock import CLOCK
from .hosts import wrap
from .iam_keys import now

STEP_SECONDS = 30
DRIFT_STEPS = 1
DEVICES = 8


class InvalidAuthenticationCode(IAMException):
    # moto takes the service, and so the HTTP status, from the module of an exception
    __module__ = "moto.iam.exceptions"
    code = "InvalidAuthenticationCode"


class AccessDenied(STSClientError):
    __module__ = "moto.sts.exceptions"
    code = "AccessDenied"


def steps_of(seed: str, code: str) -> list[int]:
    """The steps near the present one whose code this is."""
    present, totp = int(CLOCK.now()) // STEP_SECONDS, pyotp.TOTP(seed)
    near = range(present - DRIFT_STEPS - 1, present + DRIFT_STEPS + 1)
    return [step for step in near if totp.generate_otp(step) == code]


def tags_of(self: IAMBackend, serial: str) -> list[dict[str, str]]:
    return self.tagger.list_tags_for_resource(serial)["Tags"]


# IAM ----------------------------------------------------------------------------------------------------------------


def create_device(self: IamResponse) -> ActionResult:
    device = self.backend.create_virtual_mfa_device(self._get_param("VirtualMFADeviceName"), self._get_param("Path"))
    tags = self._get_param("Tags", [])
    self.backend.tagger.tag_resource(device.serial_number, tags)
    told = {
        "SerialNumber": device.serial_number,
        "Base32StringSeed": device.base32_string_seed.encode(),
        "QRCodePNG": device.qr_code_png,
        "Tags": tags,
    }
    return ActionResult({"VirtualMFADevice": {k: v for k, v in told.items() if v}})


def list_devices(self: IamResponse) -> ActionResult:
    """IAM tells no seed, no QR code and no tags in a list."""
    wanted = self._get_param("AssignmentStatus", "Any")
    found, marker = self.backend.list_virtual_mfa_devices(
        wanted, self._get_param("Marker"), self._get_param("MaxItems", 100)
    )
    devices = []
    for device in found:
        told = {"SerialNumber": device.serial_number}
        if device.user:
            user = device.user
            told["User"] = {
                "Path": user.path,
                "UserName": user.name,
                "UserId": user.id,
                "Arn": user.arn,
                "CreateDate": user.create_date,
            }
            told["EnableDate"] = device.enable_date
        devices.append(told)
    answer = {"VirtualMFADevices": devices, "IsTruncated": bool(marker)}
    return ActionResult({**answer, **({"Marker": marker} if marker else {})})


def device_of(self: IamResponse) -> VirtualMfaDevice:
    serial = self._get_param("SerialNumber")
    device = self.backend.virtual_mfa_devices.get(serial)
    if device is None:
        raise NoSuchEntity(f"VirtualMFADevice with serial number {serial} doesn't exist.")
    return device


def tag_device(self: IamResponse) -> ActionResult:
    self.backend.tagger.tag_resource(device_of(self).serial_number, self._get_param("Tags", []))
    return EmptyResult()


def untag_device(self: IamResponse) -> ActionResult:
    self.backend.tagger.untag_resource_using_names(device_of(self).serial_number, self._get_param("TagKeys", []))
    return EmptyResult()


def list_device_tags(self: IamResponse) -> ActionResult:
    return ActionResult({"Tags": tags_of(self.backend, device_of(self).serial_number), "IsTruncated": False})


def list_devices_of(self: IamResponse) -> ActionResult:
    """Without a name, those of who asks."""
    name = self._get_param("UserName")
    user = self.backend.get_user(name) if name else self.backend.get_user_from_access_key_id(self.get_access_key())
    if user is None:
        raise NoSuchEntity("The user of these credentials cannot be found.")
    devices = [
        {"UserName": user.name, "SerialNumber": device.serial_number, "EnableDate": device.enable_date}
        for device in user.mfa_devices.values()
    ]
    return ActionResult({"MFADevices": devices, "IsTruncated": False})


def enable(original, self: IAMBackend, user_name: str, serial_number: str, code_1: str, code_2: str) -> None:
    user = self.get_user(user_name)
    device = self.virtual_mfa_devices.get(serial_number)
    if device is None:
        raise NoSuchEntity(f"VirtualMFADevice with serial number {serial_number} doesn't exist.")
    if device.user:
        raise EntityAlreadyExists("MFA Device is already in use.")
    if len(user.mfa_devices) >= DEVICES:
        raise LimitExceededException(f"Cannot exceed quota for MFADevicesPerUser: {DEVICES}")
    first, second = (steps_of(device.base32_string_seed, code) for code in (code_1, code_2))
    if not any(step + 1 in second for step in first):
        raise InvalidAuthenticationCode("Authentication code for device is not valid.")
    original(self, user_name, serial_number, code_1, code_2)


def delete_device(original, self: IAMBackend, serial_number: str) -> None:
    device = self.virtual_mfa_devices.get(serial_number)
    if device and device.user:
        raise DeleteConflictException("MFA VirtualDevice in use. Must deactivate first.")
    original(self, serial_number)
    self.tagger.delete_all_tags_for_resource(serial_number)


# STS ----------------------------------------------------------------------------------------------------------------


def check_code(self: TokenResponse, user: User | None) -> None:
    """Refuse a serial number that is not the caller's, and a code that is not the device's."""
    serial, code = self._get_param("SerialNumber"), self._get_param("TokenCode")
    if not serial and not code:
        return
    device = iam_backends[self.current_account][self.partition].virtual_mfa_devices.get(serial)
    if user is None or device is None or device.user is not user:
        raise AccessDenied("MultiFactorAuthentication failed, unable to validate MFA code.")
    if not steps_of(device.base32_string_seed, code or ""):
        raise AccessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code.")


def caller(self: TokenResponse) -> User | None:
    return iam_backends[self.current_account][self.partition].get_user_from_access_key_id(self.get_access_key())


def get_session_token(self: TokenResponse) -> ActionResult:
    user = caller(self)
    check_code(self, user)
    seconds = int(self._get_param("DurationSeconds") or 43200)
    backend = iam_backends[self.current_account][self.partition]
    key = AccessKey(user.name if user else None, "ASIA", backend.account_id)
    key.lab_expires = CLOCK.now() + seconds
    backend.access_keys[key.access_key_id] = key
    credentials = {
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret_access_key,
        "SessionToken": f"lab-session-of-{key.access_key_id}",
        "Expiration": now() + datetime.timedelta(seconds=seconds),
    }
    return ActionResult({"Credentials": credentials})


def assume_role(original, self: TokenResponse) -> ActionResult:
    check_code(self, caller(self))
    return original(self)


def user_of_key(original, self: IAMBackend, access_key_id: str) -> User | None:
    """A temporary key is its user's too."""
    key = self.access_keys.get(access_key_id)
    return self.users.get(key.user_name) if key and key.user_name else original(self, access_key_id)


def install() -> None:
    IamResponse.create_virtual_mfa_device = create_device
    IamResponse.list_virtual_mfa_devices = list_devices
    IamResponse.list_mfa_devices = list_devices_of
    IamResponse.tag_mfa_device = tag_device
    IamResponse.untag_mfa_device = untag_device
    IamResponse.list_mfa_device_tags = list_device_tags
    wrap(IAMBackend, "enable_mfa_device", enable)
    wrap(IAMBackend, "delete_virtual_mfa_device", delete_device)
    wrap(IAMBackend, "get_user_from_access_key_id", user_of_key)
    TokenResponse.get_session_token = get_session_token
    wrap(TokenResponse, "assume_role", assume_role)
