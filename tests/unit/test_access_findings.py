"""The report of an account, from plain data as IAM gives them."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_findings import Gathered, report

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
OPTIONS = {
    "platform": "mds",
    "key_days": 90,
    "unused_days": 90,
    "root_days": 90,
    "password_length": 14,
    "trusted_accounts": [],
    "break_glass": [],
    "ignore": [],
}
ACCOUNT = "123456789012"
STRONG = {"MinimumPasswordLength": 14, "PasswordReusePrevention": 24, "AllowUsersToChangePassword": True}
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def ago(days: int) -> datetime.datetime:
    return NOW - datetime.timedelta(days=days)


def text(days: int) -> str:
    return ago(days).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def user(name="kim", made=400, **members) -> dict:
    return {
        "UserName": name,
        "Arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
        "Path": "/",
        "CreateDate": ago(made),
        **members,
    }


def role(name="app", principal=None, made=10, condition=None, **members) -> dict:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": principal or {"Service": "ec2.amazonaws.com"},
    }
    if condition:
        statement["Condition"] = condition
    return {
        "RoleName": name,
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
        "Path": "/",
        "CreateDate": ago(made),
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        **members,
    }


def row(name="kim", **columns) -> dict[str, str]:
    empty = dict.fromkeys(
        ["password_last_used", "password_last_changed"]
        + [f"access_key_{n}_{c}" for n in (1, 2) for c in ("last_rotated", "last_used_date", "last_used_service")],
        "N/A",
    )
    no = {"password_enabled": "false", "mfa_active": "false", "access_key_1_active": "false"}
    return {"user": name, "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}", **empty, **no, **columns}


def key(number=1, made=10, used=1) -> dict[str, str]:
    columns = {"active": "true", "last_rotated": text(made), "last_used_date": "N/A", "last_used_service": "N/A"}
    if used is not None:
        columns.update(last_used_date=text(used), last_used_service="s3")
    return {f"access_key_{number}_{name}": value for name, value in columns.items()}


def gathered(users=(), rows=(), roles=(), root=None, **members) -> Gathered:
    root_row = row("<root_account>", **{"password_enabled": "not_supported", **(root or {})})
    root_row["arn"] = f"arn:aws:iam::{ACCOUNT}:root"
    return Gathered(
        NOW,
        **{
            "users": {u["UserName"]: u for u in users},
            "roles": {r["RoleName"]: r for r in roles},
            "credentials": {r["user"]: r for r in (root_row, *rows)},
            "summary": {"AccountMFAEnabled": 1},
            "password_policy": STRONG,
            **members,
        },
    )


def found(data: Gathered, **options) -> list[tuple[str, str, str]]:
    result = report(data, {**OPTIONS, **options})
    return [(f["severity"], f["subject"], f["sentence"]) for f in result["findings"]]


def test_a_good_account_has_no_findings():
    kim = user(GroupList=["read"])
    fine = row(password_enabled="true", password_last_used=text(2), mfa_active="true", **key())
    assert found(gathered([kim], [fine], [role()])) == []


@pytest.mark.parametrize(
    ("columns", "findings"),
    [
        ({"password_enabled": "true", "password_last_used": text(1)}, ["high: It has a password and no MFA."]),
        (key(made=90), []),
        (key(made=91), ["medium: Access key 1 is 91 days old; 90 are allowed."]),
        (key(2, made=91), ["medium: Access key 2 is 91 days old; 90 are allowed."]),
        (key(made=90, used=89), []),
        (key(made=90, used=90), ["medium: Access key 1 was not used for 90 days; 90 are allowed."]),
        (key(made=90, used=None), ["medium: Access key 1 was never used in 90 days; 90 are allowed."]),
        ({**key(made=500), "access_key_1_active": "false"}, []),
        ({**key(), **key(2)}, ["low: It has two active access keys; a rotation ends with one."]),
        (
            {"password_enabled": "true", "password_last_used": text(100), "mfa_active": "true"},
            ["medium: Its password was not used for 100 days; 90 are allowed."],
        ),
        (
            {
                "password_enabled": "true",
                "password_last_used": "no_information",
                "password_last_changed": text(95),
                "mfa_active": "true",
            },
            ["medium: Its password was never used in 95 days; 90 are allowed."],
        ),
    ],
)
def test_credentials(columns, findings):
    assert [
        f"{severity}: {sentence}" for severity, _s, sentence in found(gathered([user()], [row(**columns)]))
    ] == findings


def test_an_assigned_device_is_mfa_though_the_report_is_older():
    device = {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/kim", "User": {"UserName": "kim"}, "EnableDate": NOW}
    spare = {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/old"}
    data = gathered([user()], [row(password_enabled="true", password_last_used=text(1))], devices=[device, spare])
    assert found(data) == [("low", "MFA device old", "It is assigned to nobody.")]
    assert report(data, OPTIONS)["users"][0]["mfa_devices"] == [device["SerialNumber"]]


def test_a_user_newer_than_the_report_is_said_to_be_unknown():
    result = report(gathered([user(made=0)]), OPTIONS)
    assert [f["severity"] for f in result["findings"]] == ["info"]
    assert "newer than AWS's credential report of 2026-11-25T12:00:00Z" in result["findings"][0]["sentence"]
    assert (result["users"][0]["mfa"], result["users"][0]["password"]) == (None, None)


@pytest.mark.parametrize(
    ("root", "summary", "sentences"),
    [
        ({}, {"AccountMFAEnabled": 1}, []),
        ({}, {}, ["high: The root account has no MFA."]),
        ({"mfa_active": "true"}, {}, []),
        ({"password_enabled": "false"}, {}, []),
        (
            {"access_key_1_active": "true", "access_key_1_last_rotated": text(900)},
            {"AccountMFAEnabled": 1},
            ["high: The root account has active access keys (1); nothing needs one."],
        ),
        (
            {},
            {"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 1},
            ["high: The root account has active access keys (1); nothing needs one."],
        ),
        (
            {"password_last_used": text(3)},
            {"AccountMFAEnabled": 1},
            ["medium: The root account was used 3 days ago; daily work needs no root."],
        ),
        ({"password_last_used": text(90)}, {"AccountMFAEnabled": 1}, []),
    ],
)
def test_root(root, summary, sentences):
    data = gathered(root=root, summary=summary)
    assert [f"{severity}: {sentence}" for severity, _s, sentence in found(data)] == sentences


@pytest.mark.parametrize(
    ("policy", "sentences"),
    [
        (None, ["medium: The account has no password policy; AWS's own asks for 8 characters."]),
        ({**STRONG, "MinimumPasswordLength": 8}, ["low: It allows 8 characters; 14 are asked for."]),
        ({**STRONG, "PasswordReusePrevention": 0}, ["low: It lets a password be used again."]),
        ({**STRONG, "AllowUsersToChangePassword": False}, ["low: Users cannot change their own passwords."]),
    ],
)
def test_password_policy(policy, sentences):
    data = gathered(password_policy=policy)
    assert [f"{severity}: {sentence}" for severity, _s, sentence in found(data)] == sentences


OTHER = {"AWS": "arn:aws:iam::999999999999:root"}


@pytest.mark.parametrize(
    ("principal", "condition", "options", "expected"),
    [
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, None, {}, None),
        ("*", None, {}, ("high", "It lets in everybody on AWS.")),
        ({"AWS": ["*"]}, {"Bool": {}}, {}, ("medium", "It lets in everybody on AWS who meets a condition.")),
        (OTHER, None, {}, ("medium", "It lets in arn:aws:iam::999999999999:root, which is another account's.")),
        ({"AWS": "999999999999"}, None, {}, ("medium", "It lets in 999999999999, which is another account's.")),
        (
            OTHER,
            {"StringEquals": {"sts:ExternalId": "x"}},
            {},
            ("low", "which is another account's, under a condition."),
        ),
        (OTHER, None, {"trusted_accounts": ["999999999999"]}, None),
        (OTHER, None, {"ignore": ["role a*"]}, None),
    ],
)
def test_whom_roles_let_in(principal, condition, options, expected):
    got = found(gathered(roles=[role(principal=principal, condition=condition)]), **options)
    assert bool(got) == bool(expected)
    if expected:
        ((severity, subject, sentence),) = got
        assert (severity, subject) == (expected[0], "role app")
        assert expected[1] in sentence


def test_an_unused_role_and_a_service_linked_one():
    linked = role("AWSServiceRoleForX", made=500, Path="/aws-service-role/x.amazonaws.com/")
    used = role("used", made=500, RoleLastUsed={"LastUsedDate": ago(5), "Region": "ap-southeast-2"})
    data = gathered(roles=[role(made=100), linked, used])
    assert found(data) == [("low", "role app", "It was never used in 100 days; 90 are allowed.")]


def test_wide_policies_are_told_once_of_the_group_not_of_its_users():
    dev = {
        "GroupName": "dev",
        "Arn": f"arn:aws:iam::{ACCOUNT}:group/mds/people/dev",
        "Path": "/mds/people/",
        "GroupPolicyList": [{"PolicyName": "all", "PolicyDocument": ALL}],
    }
    users = [user("kim", GroupList=["dev"]), user("lee", GroupList=["dev"])]
    users[1]["UserPolicyList"] = [{"PolicyName": "more", "PolicyDocument": ALL}]
    data = gathered(users, [row("kim"), row("lee")], groups={"dev": dev})
    expected = ("high", "group dev", "It may do everything, by the policy all; its users: kim, lee.")
    assert found(data) == [expected]
    assert found(data, break_glass=["group dev"]) != [expected]
    assert report(data, OPTIONS)["groups"][0]["owned"] is True


def test_break_glass_may_do_everything():
    admin = {"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess", "PolicyName": "AdministratorAccess"}
    policy = {
        "PolicyName": "AdministratorAccess",
        "Arn": admin["PolicyArn"],
        "PolicyVersionList": [{"IsDefaultVersion": False, "Document": {}}, {"IsDefaultVersion": True, "Document": ALL}],
    }
    data = gathered(roles=[role("glass", AttachedManagedPolicies=[admin])], policies={admin["PolicyArn"]: policy})
    assert found(data) == [("high", "role glass", "It may do everything, by the policy AdministratorAccess.")]
    assert found(data, break_glass=["role glass"]) == []


def test_unused_permissions_and_ownership():
    kim = user(Tags=[{"Key": "mydigitalstructure:platform", "Value": "mds"}])
    services = [
        {"ServiceName": "S3", "ServiceNamespace": "s3", "LastAuthenticated": ago(91)},
        {"ServiceName": "EC2", "ServiceNamespace": "ec2", "LastAuthenticated": ago(2)},
        {"ServiceName": "IAM", "ServiceNamespace": "iam"},
    ]
    data = gathered([kim], [row()], accessed={kim["Arn"]: services}, not_asked=2)
    result = report(data, OPTIONS)
    assert result["users"][0]["unused_services"] == ["iam", "s3"]
    assert result["users"][0]["owned"] is True
    low, info = result["findings"]
    assert low["sentence"] == "It did not use 2 of the 3 services that it may use in 90 days: iam, s3."
    assert low["owned"] is True
    assert (info["severity"], info["subject"]) == ("info", "account")
    kim["CreateDate"] = ago(3)
    assert [f["severity"] for f in report(data, OPTIONS)["findings"]] == ["info"]


def test_the_checker_looks_at_the_account_s_own_policies():
    bad = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Nope", "Resource": "*"}]}
    arn = f"arn:aws:iam::{ACCOUNT}:policy/mine"
    mine = {"PolicyName": "mine", "Arn": arn, "PolicyVersionList": [{"IsDefaultVersion": True, "Document": bad}]}
    data = gathered([user(UserPolicyList=[{"PolicyName": "in", "PolicyDocument": bad}])], [row()], policies={arn: mine})
    assert found(data) == [
        ("low", "policy mine", "Nothing has it."),
        ("low", "policy mine", "statement 1: Action 's3:Nope' is not an action of s3."),
        ("low", "user kim", "policy in: statement 1: Action 's3:Nope' is not an action of s3."),
    ]
