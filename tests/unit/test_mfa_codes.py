"""Codes of MFA devices, by RFC 6238's own test vectors, and the forms in which a seed is handed over."""

from __future__ import annotations

import base64
import urllib.parse

import pytest
import yaml
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._mfa_codes import codes, enrolment
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._vault_file import as_yaml

# appendix B of the RFC: the seed of SHA-1, and codes of eight digits, of which an MFA device has the last six
SEED = base64.b32encode(b"12345678901234567890").decode()
VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}


@pytest.mark.parametrize("seconds", VECTORS)
def test_the_second_code_is_that_of_the_time(seconds):
    assert codes(SEED, seconds)[1] == VECTORS[seconds][-6:]


@pytest.mark.parametrize("seconds", VECTORS)
def test_the_first_code_is_that_of_the_step_before(seconds):
    assert codes(SEED, seconds + 30)[0] == VECTORS[seconds][-6:]
    assert codes(SEED, seconds + 30.999)[0] == VECTORS[seconds][-6:]


def test_two_vectors_that_follow_each_other():
    """1111111109 and 1111111111 lie in two steps, one after the other."""
    assert codes(SEED, 1111111111) == ("081804", "050471")


def test_what_is_handed_over():
    value = enrolment(SEED, "alice", "123456789012")
    uri = urllib.parse.urlsplit(value["otpauth_uri"])
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert urllib.parse.unquote(uri.path) == "/Amazon Web Services:alice@123456789012"
    assert urllib.parse.parse_qs(uri.query) == {"secret": [SEED], "issuer": ["Amazon Web Services"]}
    assert base64.b64decode(value["qr_code_png"]).startswith(b"\x89PNG\r\n")
    assert set(value["qr_code"]) <= set("█▀▄ \n") and value["qr_code"].count("\n") > 20
    text = as_yaml(value)
    assert yaml.safe_load(text) == value
    assert f"  {value['qr_code'].splitlines()[5]}\n" in text
