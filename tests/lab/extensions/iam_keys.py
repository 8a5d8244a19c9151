"""Access keys: who calls with one that is not there or not active is refused; they age by the lab's clock.

Only what looks like a key of IAM's (``AKIA``, ``ASIA``) is looked up: the lab's own credentials are not among them.
"""

from __future__ import annotations

import datetime

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam import models
from moto.iam.models import AccessKey, iam_backends

from ..clock import CLOCK
from ..errors import protocol

PREFIXES = ("AKIA", "ASIA")
UNKNOWN_TOKEN = "The security token included in the request is invalid."


def now() -> datetime.datetime:
    """The lab's time as moto has times: UTC without saying so."""
    return datetime.datetime.fromtimestamp(CLOCK.now(), datetime.UTC).replace(tzinfo=None)


def key_of(caller: str) -> AccessKey | None:
    """The key with this id, a temporary one too."""
    return iam_backends[models.get_account_id_from(caller) or DEFAULT_ACCOUNT_ID]["aws"].access_keys.get(caller)


def refusal(service: str, caller: str) -> tuple[str, str, int] | None:
    """(code, message, HTTP status) for who calls with a key that does not work; None for all others."""
    if not caller.startswith(PREFIXES):
        return None
    key = key_of(caller)
    expires = getattr(key, "lab_expires", None)
    if key and key.status == "Active" and (expires is None or CLOCK.now() < expires):
        return None
    if service == "ec2":
        return "AuthFailure", "AWS was not able to validate the provided access credentials", 401
    if service == "s3":
        return "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403
    if protocol(service) in ("query", "rest-xml"):
        return "InvalidClientTokenId", UNKNOWN_TOKEN, 403
    return "UnrecognizedClientException", UNKNOWN_TOKEN, 403


def install() -> None:
    models.utcnow = now
