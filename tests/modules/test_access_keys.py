"""Module access_keys on the lab, which refuses keys that are not there or not active; looked at with boto3."""

from __future__ import annotations

import json

import boto3
import botocore.exceptions
import pytest

DAY, HOUR = 86400, 3600
OPTIONS = {"platform": "mds", "max_age_days": 30, "unused_hours": 2, "grace_days": 3}
OWNED = [{"Key": "mydigitalstructure:platform", "Value": "mds"}]


@pytest.fixture
def iam(lab):
    client = lab.client("iam")
    client.create_user(UserName="deploy", Tags=OWNED)
    return client


def options(*users, **changes):
    return {**OPTIONS, "users": list(users or [{"name": "deploy"}]), **changes}


def named(result):
    return [(a["verb"], a["kind"], a["name"].partition("/")[0]) for a in result["actions"]]


def keys(iam, user="deploy"):
    return {key["AccessKeyId"]: key["Status"] for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]}


def secret(lab, name="mds/keys/deploy"):
    return json.loads(lab.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])


def sign_in(lab, held=None):
    """Who AWS says calls with the key of the secret."""
    held = held or secret(lab)
    session = boto3.session.Session(held["access_key_id"], held["secret_access_key"], region_name="ap-southeast-2")
    return session.client("sts", endpoint_url=lab.endpoint).get_caller_identity()["Arn"]


def refuses(lab, held):
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidClientTokenId"):
        sign_in(lab, held)
    return True


def test_check_first_key_and_second_run(lab, iam, run_module):
    checked = run_module("access_keys", check=True, **options(tags={"Env": "lab"}))
    assert not checked["failed"], checked
    assert [call["operation"] for call in lab.mutating()] == ["CreateUser"]
    made = run_module("access_keys", **options(tags={"Env": "lab"}))
    assert not made["failed"], made
    assert made["actions"] == checked["actions"] and named(made) == [("create", "access_key", "deploy")]
    held = secret(lab)
    assert keys(iam) == {held["access_key_id"]: "Active"}
    assert made["users"]["deploy"]["current"] == held["access_key_id"]
    assert sign_in(lab).endswith(":user/deploy")
    described = lab.client("secretsmanager").describe_secret(SecretId="mds/keys/deploy")
    tags = {tag["Key"]: tag["Value"] for tag in described["Tags"]}
    assert tags["mydigitalstructure:platform"] == "mds" and tags["Env"] == "lab"
    assert held["secret_access_key"] not in json.dumps(made)

    lab.clear_calls()
    again = run_module("access_keys", **options(tags={"Env": "lab"}))
    assert (again["changed"], again["actions"], again["waiting"]) == (False, [], {})
    assert lab.mutating() == []
    assert len(lab.calls()) == 5


def test_a_whole_rotation(lab, iam, run_module):
    run_module("access_keys", **options())
    first = secret(lab)
    lab.advance(29 * DAY)
    assert run_module("access_keys", **options())["actions"] == []
    lab.advance(1 * DAY + 1)  # AWS's Date header tells whole seconds, a key's CreateDate may be later in the same one
    checked = run_module("access_keys", check=True, **options())
    rotated = run_module("access_keys", **options())
    assert rotated["actions"] == checked["actions"] and named(rotated) == [("create", "access_key", "deploy")]
    second = secret(lab)
    assert second["access_key_id"] != first["access_key_id"]
    assert sign_in(lab) and sign_in(lab, first)

    # somebody still uses the first
    lab.advance(1.5 * HOUR)
    sign_in(lab, first)
    lab.advance(1.5 * HOUR)
    waits = run_module("access_keys", **options())
    assert waits["actions"] == [] and first["access_key_id"] in waits["waiting"]["deploy"]
    lab.advance(1 * HOUR)
    retired = run_module("access_keys", **options())
    assert [(a["verb"], a["fields"]) for a in retired["actions"]] == [
        ("update", {"status": {"before": "active", "after": "inactive"}})
    ]
    assert keys(iam) == {first["access_key_id"]: "Inactive", second["access_key_id"]: "Active"}
    assert refuses(lab, first) and sign_in(lab)

    lab.advance(2 * DAY)
    assert run_module("access_keys", **options())["actions"] == []
    lab.advance(1 * DAY)
    assert named(run_module("access_keys", **options())) == [("delete", "access_key", "deploy")]
    assert keys(iam) == {second["access_key_id"]: "Active"}
    assert run_module("access_keys", **options())["actions"] == []


def test_a_key_in_the_wild_is_replaced_without_an_interruption(lab, iam, run_module):
    made = iam.create_access_key(UserName="deploy")["AccessKey"]
    wild = {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}
    run_module("access_keys", **options())
    assert sign_in(lab) and sign_in(lab, wild)
    lab.advance(3 * HOUR)
    run_module("access_keys", **options())
    assert refuses(lab, wild) and sign_in(lab)


def test_renew_and_a_key_that_was_deactivated_by_hand(lab, iam, run_module):
    run_module("access_keys", **options())
    first = secret(lab)
    assert named(run_module("access_keys", **options(renew=["deploy"]))) == [("create", "access_key", "deploy")]
    assert secret(lab) != first
    late = run_module("access_keys", **options(renew=["deploy"]))
    assert late["actions"] == [] and "cannot be replaced" in late["waiting"]["deploy"]

    iam.update_access_key(UserName="deploy", AccessKeyId=secret(lab)["access_key_id"], Status="Inactive")
    lab.advance(40 * DAY)
    left = run_module("access_keys", **options())
    assert left["actions"] == [] and "by hand" in left["waiting"]["deploy"]


def test_an_old_key_deactivated_by_hand_has_its_time_of_grace(lab, iam, run_module):
    run_module("access_keys", **options())
    first = secret(lab)["access_key_id"]
    run_module("access_keys", **options(renew=["deploy"]))
    iam.update_access_key(UserName="deploy", AccessKeyId=first, Status="Inactive")
    assert named(run_module("access_keys", **options())) == [("update", "access_key", "deploy")]
    assert run_module("access_keys", **options())["actions"] == []
    lab.advance(3 * DAY)
    assert named(run_module("access_keys", **options())) == [("delete", "access_key", "deploy")]


def test_what_a_killed_run_left(lab, iam, run_module, monkeypatch):
    """Between the key and the secret, and between the pending and the current version."""
    secrets = "ansible_collections.mydigitalstructure.aws.plugins.module_utils._credentials.Secrets"

    def killed(*_args, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"{secrets}.put", killed)
        with pytest.raises(KeyboardInterrupt):
            run_module("access_keys", **options())
    (stray,) = keys(iam)
    assert named(run_module("access_keys", **options())) == [
        ("create", "access_key", "deploy"),
        ("delete", "access_key", "deploy"),
    ]
    assert stray not in keys(iam) and sign_in(lab)

    first = secret(lab)
    lab.advance(31 * DAY)
    with monkeypatch.context() as patch:
        patch.setattr(f"{secrets}.promote", killed)
        with pytest.raises(KeyboardInterrupt):
            run_module("access_keys", **options())
    assert secret(lab) == first and sign_in(lab)
    resumed = run_module("access_keys", **options())
    assert [a["fields"] for a in resumed["actions"]] == [{"status": {"before": "pending", "after": "current"}}]
    assert secret(lab) != first and sign_in(lab) and len(keys(iam)) == 2

    # a key made by hand, and never used, is not taken for a lost one
    lab.advance(4 * HOUR)
    run_module("access_keys", **options())
    lab.advance(4 * DAY)
    run_module("access_keys", **options())
    made = iam.create_access_key(UserName="deploy")["AccessKey"]["AccessKeyId"]
    waits = run_module("access_keys", **options())
    assert waits["actions"] == [] and made in waits["waiting"]["deploy"]


def test_a_refused_hand_over_leaves_no_key(lab, iam, run_module, monkeypatch):
    path = "ansible_collections.mydigitalstructure.aws.plugins.module_utils._credentials.Secrets.put"

    def refused(self, *_args, **_options):
        self.client.put_secret_value(SecretId="mds/nowhere", SecretString="x")

    with monkeypatch.context() as patch:
        patch.setattr(path, refused)
        failed = run_module("access_keys", **options())
    assert failed["failed"] and "create access_key deploy: AWS refused PutSecretValue" in failed["msg"]
    assert keys(iam) == {}


def test_smtp(lab, iam, run_module):
    user = {"name": "deploy", "kind": "smtp", "secret": "mds/mail/smtp", "region": "us-east-1"}
    assert not run_module("access_keys", **options(user))["failed"]
    held = secret(lab, "mds/mail/smtp")
    assert sorted(held) == ["host", "password", "port", "username"]
    assert (held["host"], held["port"]) == ("email-smtp.us-east-1.amazonaws.com", 587)
    assert held["username"] in keys(iam) and len(held["password"]) == 44
    assert run_module("access_keys", **options(user))["actions"] == []


def test_absent(lab, iam, run_module):
    run_module("access_keys", **options())
    gone = run_module("access_keys", **options(state="absent"))
    assert named(gone) == [("delete", "access_key", "deploy"), ("delete", "access_key_secret", "mds")]
    assert keys(iam) == {}
    assert lab.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
    iam.delete_user(UserName="deploy")
    assert run_module("access_keys", **options(state="absent"))["changed"] is False


BAD = {
    "unknown user": (options({"name": "nobody"}), "users: 'nobody' is not known"),
    "foreign user": (options({"name": "foreign"}), "users: 'foreign' does not carry the tag"),
    "foreign secret": (options({"name": "deploy", "secret": "other"}), "secret 'other' is there already"),
    "twice": (options({"name": "deploy"}, {"name": "deploy"}), "users: name 'deploy' is there twice"),
    "one secret for two": (
        options({"name": "deploy", "secret": "x"}, {"name": "foreign", "secret": "x"}),
        "users: foreign: secret 'x' is that of deploy too",
    ),
    "secret's name": (options({"name": "deploy", "secret": "a b"}), "users: deploy: secret 'a b' is not a name"),
    "name": (options({"name": "a b"}), "users: name 'a b' is not one that IAM allows"),
    "age": (options(max_age_days=0), "max_age_days: 0 is not allowed; it is 1 or more"),
    "overlap": (options(max_age_days=3), "max_age_days: 3 is not allowed; a key has to live longer than the 3.08333"),
    "unused": (options(unused_hours=0), "unused_hours: 0 is not allowed; it is 1 or more"),
    "grace": (options(grace_days=-1), "grace_days: -1 is not allowed"),
    "renew": (options(renew=["other"]), "renew: 'other' is not one of users, which has deploy"),
    "port without smtp": (options({"name": "deploy", "port": 25}), "port 25 is allowed only with kind smtp"),
    "port": (options({"name": "deploy", "kind": "smtp", "port": 0}), "port 0 is not allowed; it is 1 to 65535"),
    "region": (options({"name": "deploy", "kind": "smtp", "region": "mars"}), "region: 'mars' is not a region"),
    "host": (options({"name": "deploy", "kind": "smtp", "host": "a b"}), "host 'a b' is not a host name"),
    "two keys": (options({"name": "full"}), "and the secret mds/keys/full holds neither; AWS allows two"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(lab, iam, run_module, case):
    iam.create_user(UserName="foreign")
    iam.create_user(UserName="full", Tags=OWNED)
    for _number in range(2):
        iam.create_access_key(UserName="full")
    lab.client("secretsmanager").create_secret(Name="other", SecretString="x")
    lab.clear_calls()
    given, sentence = BAD[case]
    result = run_module("access_keys", **given)
    assert result["failed"] and sentence in result["msg"], result
    assert lab.mutating() == []
