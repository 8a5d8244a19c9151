"""Module mfa_devices on the lab, which checks the codes against its own seeds; looked at with boto3."""

from __future__ import annotations

import base64
import email.utils
import json
import pathlib
import stat
import subprocess
import sys

import pyotp
import pytest
import yaml

OWNED = [{"Key": "mydigitalstructure:platform", "Value": "mds"}]
SECRET = {"to": "secret"}
MODULE = "ansible_collections.mydigitalstructure.aws.plugins.module_utils._mfa_devices"


@pytest.fixture
def iam(lab):
    client = lab.client("iam")
    for name in ("alice", "bob"):
        client.create_user(UserName=name, Tags=OWNED)
    lab.clear_calls()
    return client


def options(*names, **changes):
    return {"platform": "mds", "users": [{"name": n} for n in names], "hand_over": SECRET, **changes}


def named(result):
    return [(a["verb"], a["name"]) for a in result["actions"]]


def enabled(iam, user):
    return [device["SerialNumber"] for device in iam.list_mfa_devices(UserName=user)["MFADevices"]]


def handed(lab, user):
    return json.loads(lab.client("secretsmanager").get_secret_value(SecretId=f"mds/mfa/{user}")["SecretString"])


def self_enrolled(iam, user, name):
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    return enable(iam, user, device["SerialNumber"], device["Base32StringSeed"].decode())


def enable(iam, user, serial, seed):
    now = email.utils.parsedate_to_datetime(iam.list_users()["ResponseMetadata"]["HTTPHeaders"]["date"])
    first, second = (pyotp.TOTP(seed).at(int(now.timestamp()) + offset) for offset in (-30, 0))
    iam.enable_mfa_device(UserName=user, SerialNumber=serial, AuthenticationCode1=first, AuthenticationCode2=second)
    return serial


def test_check_enrol_and_second_run(lab, iam, run_module):
    checked = run_module("mfa_devices", check=True, **options("alice", "bob"))
    assert not checked["failed"], checked
    assert lab.mutating() == [] and checked["users_without_mfa"] == ["alice", "bob"]
    lab.advance(10**6)
    made = run_module("mfa_devices", **options("alice", "bob"))
    assert not made["failed"], made
    assert made["actions"] == checked["actions"] and named(made) == [("create", "alice"), ("create", "bob")]
    assert made["users_without_mfa"] == []
    (serial,) = enabled(iam, "alice")
    assert made["devices"]["alice"]["serial"] == serial and serial.endswith(":mfa/alice-mds")
    assert made["devices"]["alice"]["handed_over"] == "mds/mfa/alice"
    tags = {tag["Key"]: tag["Value"] for tag in iam.list_mfa_device_tags(SerialNumber=serial)["Tags"]}
    assert tags["mydigitalstructure:name"] == "alice" and tags["mydigitalstructure:platform"] == "mds"
    value = handed(lab, "alice")
    assert value["serial"] == serial and base64.b64decode(value["qr_code_png"]).startswith(b"\x89PNG")
    for secret in (value["seed"], value["otpauth_uri"], value["qr_code"], value["qr_code_png"]):
        assert secret not in json.dumps(made) and json.dumps(secret)[1:-1] not in json.dumps(made)

    lab.clear_calls()
    again = run_module("mfa_devices", **options("alice", "bob"))
    assert (again["changed"], again["actions"], again["users_without_mfa"]) == (False, [], [])
    assert again["devices"]["alice"]["handed_over"] is None
    assert lab.mutating() == []
    assert len(lab.calls()) == 7


def test_the_lab_refuses_other_codes(lab, iam, run_module, monkeypatch):
    monkeypatch.setattr(f"{MODULE}.codes", lambda seed, _now: pyotp_codes(seed))

    def pyotp_codes(seed):
        totp = pyotp.TOTP(seed)
        return totp.at(0), totp.at(30)

    failed = run_module("mfa_devices", **options("alice"))
    assert failed["failed"] and "InvalidAuthenticationCode" in failed["msg"], failed
    assert enabled(iam, "alice") == []


def test_a_lost_device_is_replaced_only_with_force(lab, iam, run_module):
    run_module("mfa_devices", **options("alice", "bob"))
    first, bobs = handed(lab, "alice"), handed(lab, "bob")
    lab.clear_calls()
    refused = run_module("mfa_devices", **options("alice", "bob", replace=["alice"]))
    assert refused["failed"] and "force: false does not allow to deactivate" in refused["msg"]
    assert lab.mutating() == []
    replaced = run_module("mfa_devices", **options("alice", "bob", replace=["alice"], force=True))
    assert named(replaced) == [("replace", "alice")]
    second = handed(lab, "alice")
    assert second["seed"] != first["seed"] and handed(lab, "bob") == bobs
    assert enabled(iam, "alice") == [second["serial"]]


@pytest.mark.parametrize("moment", ["enrolment", "Secrets.put", "codes"])
def test_what_a_killed_run_left_is_replaced(lab, iam, run_module, monkeypatch, moment):
    """Killed before the hand-over, in it, and between it and the enabling."""

    def killed(*_args, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"{MODULE}.{moment}", killed)
        with pytest.raises(KeyboardInterrupt):
            run_module("mfa_devices", **options("alice"))
    assert len(iam.list_virtual_mfa_devices()["VirtualMFADevices"]) == 1 and enabled(iam, "alice") == []
    checked = run_module("mfa_devices", check=True, **options("alice"))
    assert checked["users_without_mfa"] == ["alice"]
    completed = run_module("mfa_devices", **options("alice"))
    assert not completed["failed"] and completed["actions"] == checked["actions"], completed
    assert named(completed) == [("replace", "alice")]
    assert len(iam.list_virtual_mfa_devices()["VirtualMFADevices"]) == 1
    assert enabled(iam, "alice") == [handed(lab, "alice")["serial"]]


def test_who_enrolled_otherwise_and_who_is_foreign_are_left_alone(lab, iam, run_module):
    own = self_enrolled(iam, "alice", "phone")
    iam.create_user(UserName="foreign")
    theirs = self_enrolled(iam, "foreign", "foreign-mds")
    made = run_module("mfa_devices", **options("alice", "bob", purge=True, force=True))
    assert named(made) == [("create", "bob")]
    assert made["devices"]["alice"] == {
        "serial": None,
        "enabled_since": None,
        "handed_over": None,
        "other_devices": [own],
    }
    assert made["users_without_mfa"] == []
    assert not run_module("mfa_devices", platform="mds", state="absent", force=True)["failed"]
    assert enabled(iam, "alice") == [own] and enabled(iam, "foreign") == [theirs] and enabled(iam, "bob") == []


def test_tags_purge_and_absent(lab, iam, run_module):
    run_module("mfa_devices", **options("alice", "bob"))
    changed = run_module("mfa_devices", **options("alice", "bob", tags={"Env": "lab"}))
    assert named(changed) == [("update", "alice"), ("update", "bob")]
    (serial,) = enabled(iam, "alice")
    assert {"Key": "Env", "Value": "lab"} in iam.list_mfa_device_tags(SerialNumber=serial)["Tags"]
    options_left = options("alice", tags={"Env": "lab"}, purge=True)
    assert "force: false" in run_module("mfa_devices", **options_left)["msg"]
    assert run_module("mfa_devices", **options_left, ignore=["b*"])["actions"] == []
    assert named(run_module("mfa_devices", **options_left, force=True)) == [("delete", "bob")]
    assert enabled(iam, "bob") == []
    gone = run_module("mfa_devices", platform="mds", state="absent", users=[{"name": "alice"}], force=True)
    assert named(gone) == [("delete", "alice")]
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert lab.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"] == []


def test_a_file_that_ansible_vault_encrypts(lab, iam, run_module, tmp_path):
    password = tmp_path / "password"
    password.write_text("only the operator knows it\n")
    directory = tmp_path / "seeds"
    hand_over = {"to": "file", "directory": str(directory), "vault_id": f"operator@{password}"}
    made = run_module("mfa_devices", **options("alice", hand_over=hand_over))
    assert not made["failed"], made
    path = pathlib.Path(made["devices"]["alice"]["handed_over"])
    assert [item.name for item in directory.iterdir()] == ["alice.yml"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert path.read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;operator\n")
    vault = pathlib.Path(sys.executable).with_name("ansible-vault")
    command = [vault, "view", "--vault-id", f"operator@{password}", path]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env={"PAGER": "cat", "PATH": "/bin"})
    value = yaml.safe_load(shown.stdout)
    assert value["serial"] == enabled(iam, "alice")[0] and value["seed"] in value["otpauth_uri"]
    assert value["seed"] not in json.dumps(made)
    assert lab.client("secretsmanager").list_secrets()["SecretList"] == []

    lost = options("alice", hand_over={**hand_over, "vault_id": "operator@/nowhere"}, replace=["alice"], force=True)
    lab.clear_calls()
    failed = run_module("mfa_devices", **lost)
    assert failed["failed"] and "hand_over: vault_id 'operator@/nowhere' cannot encrypt" in failed["msg"]
    assert lab.mutating() == []


BAD = {
    "unknown user": (options("nobody"), "users: 'nobody' is not known; IAM has no user of this name"),
    "foreign user": (options("foreign"), "users: 'foreign' does not carry the tag mydigitalstructure:platform=mds"),
    "twice": (options("alice", "alice"), "users: name 'alice' is there twice"),
    "name": (options("a b"), "users: name 'a b' is not one that IAM allows"),
    "no hand-over": (
        {"platform": "mds", "users": [{"name": "alice"}]},
        "hand_over: none is given; to secret or to file",
    ),
    "no directory": (options("alice", hand_over={"to": "file"}), "hand_over: directory is not given"),
    "directory": (
        options("alice", hand_over={"to": "file", "directory": "/proc/version"}),
        "hand_over: directory '/proc/version' is not one that can be written to",
    ),
    "of the other": (options("alice", hand_over={"to": "secret", "vault_id": "a@b"}), "allowed only with to file"),
    "replace": (options("alice", replace=["bob"]), "replace: 'bob' is not one of users, which has alice"),
    "replaces what is not ours": (options("bob", replace=["bob"], force=True), "not made by this platform"),
    "taken name": (options("alice"), "the name of an MFA device for one of them is taken by"),
    "foreign secret": (options("alice"), "secret 'mds/mfa/alice' is there already and does not carry"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(lab, iam, run_module, case):
    iam.create_user(UserName="foreign")
    self_enrolled(iam, "bob", "phone")
    if case == "taken name":
        iam.create_virtual_mfa_device(VirtualMFADeviceName="alice-mds")
    if case == "foreign secret":
        lab.client("secretsmanager").create_secret(Name="mds/mfa/alice", SecretString="x")
    lab.clear_calls()
    given, sentence = BAD[case]
    result = run_module("mfa_devices", **given)
    assert result["failed"] and sentence in result["msg"], result
    assert lab.mutating() == []


def test_a_missing_library_is_one_sentence(lab, run_module, monkeypatch):
    monkeypatch.setattr(f"{MODULE}.MISSING", "Failed to import the required Python library (pyotp)")
    result = run_module("mfa_devices", **options("alice"))
    assert result["failed"] and result["msg"].startswith("Failed to import the required Python library (pyotp)")
