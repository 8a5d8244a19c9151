"""Module access on the lab; what it made is looked at with boto3."""

from __future__ import annotations

import json

import boto3
import pytest

PATH = "/mds/access/"
LOOK = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}]}
DENY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}],
}
SSM = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
BILLING = "arn:aws:iam::aws:policy/job-function/Billing"
SET = {
    "platform": "mds",
    "scope": "access",
    "tags": {"Env": "lab"},
    "policies": [{"name": "look", "document": LOOK}, {"name": "guard", "document": DENY}],
    "groups": [{"name": "readers", "policies": ["look", "guard"]}, {"name": "billing", "policies": [BILLING, "guard"]}],
    "users": [
        {"name": "alice", "groups": ["readers", "billing"], "tags": {"Team": "ops"}},
        {"name": "bob", "groups": ["readers"], "boundary": "guard"},
    ],
    "roles": [
        {"name": "host", "trust": TRUST, "policies": [SSM, "look"], "boundary": "guard", "instance_profile": True},
        {"name": "awx", "trust": TRUST, "description": "AWX", "max_session_duration": 7200},
    ],
    "account_alias": "mds-lab",
    "password_policy": {"minimum_length": 14, "reuse_prevention": 24, "require_symbols": True},
}


@pytest.fixture
def iam(lab):
    return lab.client("iam")


def named(result):
    return [(action["verb"], action["kind"], action["name"]) for action in result["actions"]]


def policy_arn(name, account="123456789012"):
    return f"arn:aws:iam::{account}:policy{PATH}mds-{name}"


def attached(iam, kind, name):
    answer = getattr(iam, f"list_attached_{kind}_policies")(**{f"{kind.title()}Name": name})
    return sorted(policy["PolicyArn"] for policy in answer["AttachedPolicies"])


def groups(iam, name):
    return sorted(group["GroupName"] for group in iam.list_groups_for_user(UserName=name)["Groups"])


def tags(items):
    return {tag["Key"]: tag["Value"] for tag in items}


def test_check_converge_and_second_run(lab, iam, run_module):
    checked = run_module("access", check=True, **SET)
    assert not checked["failed"], checked
    assert lab.mutating() == []
    made = run_module("access", **SET)
    assert not made["failed"], made
    assert made["actions"] == checked["actions"]
    assert len(made["actions"]) == 2 + 2 + 2 + 2 + 1 + 2
    assert {key: made[key] for key in ("policies", "groups", "users", "roles")} == {
        key: checked[key] for key in ("policies", "groups", "users", "roles")
    }

    policy = iam.get_policy(PolicyArn=policy_arn("look"))["Policy"]
    version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    assert version["Document"] == LOOK
    assert tags(iam.list_policy_tags(PolicyArn=policy["Arn"])["Tags"])["mydigitalstructure:platform"] == "mds"
    assert attached(iam, "group", "mds-readers") == sorted([policy_arn("look"), policy_arn("guard")])
    assert attached(iam, "group", "mds-billing") == sorted([BILLING, policy_arn("guard")])
    assert groups(iam, "alice") == ["mds-billing", "mds-readers"]
    user = iam.get_user(UserName="bob")["User"]
    assert user["Path"] == PATH
    assert user["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy_arn("guard")
    assert tags(iam.list_user_tags(UserName="alice")["Tags"]) == {
        "Env": "lab",
        "Team": "ops",
        "mydigitalstructure:platform": "mds",
        "mydigitalstructure:name": "alice",
    }
    role = iam.get_role(RoleName="mds-host")["Role"]
    assert role["AssumeRolePolicyDocument"] == TRUST and role["Path"] == PATH
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy_arn("guard")
    assert attached(iam, "role", "mds-host") == sorted([SSM, policy_arn("look")])
    awx = iam.get_role(RoleName="mds-awx")["Role"]
    assert (awx["MaxSessionDuration"], awx["Description"]) == (7200, "AWX")
    profile = iam.get_instance_profile(InstanceProfileName="mds-host")["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == ["mds-host"] and profile["Path"] == PATH
    assert iam.list_account_aliases()["AccountAliases"] == ["mds-lab"]
    password = iam.get_account_password_policy()["PasswordPolicy"]
    assert (password["MinimumPasswordLength"], password["PasswordReusePrevention"]) == (14, 24)

    lab.clear_calls()
    again = run_module("access", **SET)
    assert (again["changed"], again["actions"]) == (False, [])
    assert lab.mutating() == []
    # STS, the account's details, roles, instance profiles, alias, password policy
    assert len(lab.calls()) == 6


def test_everything_is_changed_in_place_and_what_was_added_by_hand_goes(iam, run_module):
    run_module("access", **SET)
    iam.attach_group_policy(GroupName="mds-readers", PolicyArn=BILLING)
    iam.put_user_policy(UserName="bob", PolicyName="mine", PolicyDocument=json.dumps(LOOK))
    iam.create_group(GroupName="admins")
    iam.add_user_to_group(GroupName="admins", UserName="bob")
    other = {
        **SET,
        "tags": {"Env": "production"},
        "policies": [{"name": "look", "document": DENY}, {"name": "guard", "document": DENY}],
        "users": [{"name": "alice", "groups": ["billing"]}, {"name": "bob", "groups": ["readers"]}],
        "roles": [
            {"name": "host", "trust": TRUST, "policies": [SSM], "instance_profile": True, "max_session_duration": 7200},
            {"name": "awx", "trust": {**TRUST, "Id": "other"}, "boundary": "guard", "description": "AWX"},
        ],
        "account_alias": "mds-other",
        "password_policy": {"minimum_length": 16},
    }
    planned = run_module("access", check=True, **other)
    changed = run_module("access", **other)
    assert not changed["failed"], changed
    assert changed["actions"] == planned["actions"]
    assert named(changed) == [
        ("update", "account_setting", "alias"),
        ("update", "account_setting", "password_policy"),
        ("update", "group", "readers"),
        ("update", "policy", "look"),
        ("update", "role", "awx"),
        ("update", "role", "host"),
        ("update", "user", "alice"),
        ("update", "user", "bob"),
    ]
    assert attached(iam, "group", "mds-readers") == sorted([policy_arn("look"), policy_arn("guard")])
    assert groups(iam, "alice") == ["mds-billing"] and groups(iam, "bob") == ["mds-readers"]
    assert iam.list_user_policies(UserName="bob")["PolicyNames"] == []
    assert "PermissionsBoundary" not in iam.get_user(UserName="bob")["User"]
    assert "Team" not in tags(iam.list_user_tags(UserName="alice")["Tags"])
    host, awx = (iam.get_role(RoleName=f"mds-{name}")["Role"] for name in ("host", "awx"))
    assert attached(iam, "role", "mds-host") == [SSM]
    assert (host["MaxSessionDuration"], host.get("PermissionsBoundary")) == (7200, None)
    assert (awx["MaxSessionDuration"], awx["Description"]) == (3600, "AWX")
    assert awx["AssumeRolePolicyDocument"]["Id"] == "other" and awx["PermissionsBoundary"]
    assert iam.list_account_aliases()["AccountAliases"] == ["mds-other"]
    password = iam.get_account_password_policy()["PasswordPolicy"]
    assert (password["MinimumPasswordLength"], password["PasswordReusePrevention"]) == (16, 24)
    assert run_module("access", **other)["actions"] == []


def test_a_policy_that_changes_often_keeps_to_five_versions(iam, run_module):
    for number in range(7):
        document = {**LOOK, "Id": f"n{number}"}
        made = run_module("access", platform="mds", scope="access", policies=[{"name": "look", "document": document}])
        assert not made["failed"], made
    versions = iam.list_policy_versions(PolicyArn=policy_arn("look"))["Versions"]
    assert sorted(v["VersionId"] for v in versions) == ["v3", "v4", "v5", "v6", "v7"]
    assert [v["VersionId"] for v in versions if v["IsDefaultVersion"]] == ["v7"]


def secrets(lab):
    return sorted(secret["Name"] for secret in lab.client("secretsmanager").list_secrets()["SecretList"])


def sign_in_means(lab, iam, name):
    """Give a user everything by which AWS lets somebody in, and the secrets that handed it over."""
    ours = [{"Key": "mydigitalstructure:platform", "Value": "mds"}]
    lab.client("secretsmanager").create_secret(Name=f"mds/mfa/{name}", SecretString="a seed", Tags=ours)
    lab.client("secretsmanager").create_secret(Name=f"mds/keys/{name}", SecretString="a key", Tags=ours)
    iam.create_login_profile(UserName=name, Password="not-a-real-password-1", PasswordResetRequired=True)
    iam.create_access_key(UserName=name)
    lab.enroll(name, name)


def test_purge_and_absent_take_what_is_ours_wholly_and_leave_what_is_not(lab, iam, run_module):
    iam.create_user(UserName="carol")
    iam.create_group(GroupName="mds-theirs")
    iam.create_policy(PolicyName="mds-theirs", PolicyDocument=json.dumps(LOOK))
    iam.create_role(RoleName="mds-theirs", Path="/mds/hosts/", AssumeRolePolicyDocument=json.dumps(TRUST))
    run_module("access", **SET)
    for user in ("alice", "bob"):
        sign_in_means(lab, iam, user)
    lab.client("secretsmanager").untag_resource(SecretId="mds/keys/bob", TagKeys=["mydigitalstructure:platform"])
    fewer = {**SET, "users": SET["users"][:1], "roles": [], "groups": SET["groups"]}
    assert run_module("access", **fewer)["actions"] == []
    kept = run_module("access", **fewer, purge=True, ignore=["awx", "host"])
    assert named(kept) == [("delete", "user", "bob")]
    assert sorted(user["UserName"] for user in iam.list_users()["Users"]) == ["alice", "carol"]
    assert [d["SerialNumber"].rpartition("/")[2] for d in iam.list_virtual_mfa_devices()["VirtualMFADevices"]] == [
        "alice"
    ]
    # one had another owner
    assert secrets(lab) == ["mds/keys/alice", "mds/keys/bob", "mds/mfa/alice"]
    planned = run_module("access", platform="mds", scope="access", state="absent", check=True)
    gone = run_module("access", platform="mds", scope="access", state="absent")
    assert not gone["failed"], gone
    assert gone["actions"] == planned["actions"]
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["carol"]
    assert [group["GroupName"] for group in iam.list_groups()["Groups"]] == ["mds-theirs"]
    assert [policy["PolicyName"] for policy in iam.list_policies(Scope="Local")["Policies"]] == ["mds-theirs"]
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["mds-theirs"]
    assert iam.list_instance_profiles()["InstanceProfiles"] == []
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert secrets(lab) == ["mds/keys/bob"]
    assert iam.list_account_aliases()["AccountAliases"] == ["mds-lab"]
    assert run_module("access", platform="mds", scope="access", state="absent")["changed"] is False


@pytest.mark.parametrize("kind", ["policies", "groups", "users", "roles"])
def test_names_that_somebody_else_has_are_refused(lab, iam, run_module, kind):
    iam.create_policy(PolicyName="mds-look", PolicyDocument=json.dumps(LOOK))
    iam.create_group(GroupName="MDS-readers")
    iam.create_user(UserName="Alice")
    iam.create_role(RoleName="mds-host", AssumeRolePolicyDocument=json.dumps(TRUST))
    lab.clear_calls()
    whole = {**SET, "policies": [{"name": "guard", "document": DENY}], "groups": [], "users": [], "roles": []}
    own = {key: [{**SET[key][0], "policies": [], "groups": []}] for key in ("users", "groups", "roles")}
    own = {key: [{k: v for k, v in own[key][0].items() if k in SET[key][0]}] for key in own}
    refused = run_module("access", **{**whole, kind: own.get(kind, SET[kind])})
    assert refused["failed"]
    assert "exists outside of the path /mds/access/" in refused["msg"] and refused["msg"].endswith(".")
    assert lab.mutating() == []


def test_what_others_hold_is_not_removed(lab, iam, run_module):
    run_module("access", **SET)
    iam.create_user(UserName="carol")
    iam.add_user_to_group(GroupName="mds-readers", UserName="carol")
    refused = run_module("access", platform="mds", scope="access", state="absent", check=True)
    assert refused["failed"] and "mds-readers still has carol" in refused["msg"]
    iam.remove_user_from_group(GroupName="mds-readers", UserName="carol")
    iam.attach_user_policy(UserName="carol", PolicyArn=policy_arn("look"))
    refused = run_module("access", platform="mds", scope="access", state="absent", check=True)
    assert refused["failed"] and "mds-look is still attached to user carol" in refused["msg"]
    iam.detach_user_policy(UserName="carol", PolicyArn=policy_arn("look"))

    # of another scope of the platform: the whole removal takes that first
    run_module(
        "access",
        platform="mds",
        scope="hosts",
        roles=[{"name": "app", "trust": TRUST, "boundary": "access/guard"}],
    )
    planned = run_module("access", platform="mds", scope="access", state="absent", check=True)
    assert not planned["failed"], planned
    lab.clear_calls()
    refused = run_module("access", platform="mds", scope="access", state="absent")
    assert refused["failed"] and "mds-guard is still attached to role mds-app" in refused["msg"]
    assert lab.mutating() == []


def test_nobody_removes_the_user_whose_credentials_run_it(lab, iam, run_module, monkeypatch):
    run_module("access", **SET)
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    assert boto3.client("sts").get_caller_identity()["Arn"].endswith("user/mds/access/alice")
    lab.clear_calls()
    refused = run_module("access", platform="mds", scope="access", state="absent")
    assert refused["failed"] and "users: alice is whose credentials run this" in refused["msg"]
    assert lab.mutating() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"users": [{"name": "alice", "groups": ["readrs"]}]}, ["alice: groups", "'readrs'", "billing, readers"]),
        ({"groups": [{"name": "readers", "policies": ["lok"]}]}, ["readers: policies", "'lok'", "guard, look"]),
        (
            {"groups": [{"name": "readers", "policies": ["arn:aws:iam::aws:policy/Nothing"]}], "users": []},
            ["groups: readers", "there is no policy arn:aws:iam::aws:policy/Nothing"],
        ),
        ({"scope": "My"}, ["scope: 'My'"]),
    ],
)
def test_bad_input_is_refused_before_any_call_that_changes_something(lab, run_module, changes, words):
    refused = run_module("access", **{**SET, **changes})
    assert refused["failed"]
    for word in words:
        assert word in refused["msg"]
    assert lab.mutating() == []


def test_a_killed_run_is_finished_by_the_next(iam, run_module):
    """What a run had made when it was killed between any two calls: bare things, without what belongs to them."""
    iam.create_policy(PolicyName="mds-look", Path=PATH, PolicyDocument=json.dumps(LOOK))
    iam.create_group(GroupName="mds-readers", Path=PATH)
    iam.create_user(UserName="alice", Path=PATH)
    iam.create_role(RoleName="mds-host", Path=PATH, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_instance_profile(InstanceProfileName="mds-host", Path=PATH)
    made = run_module("access", **SET)
    assert not made["failed"], made
    assert ("update", "instance_profile", "host") in named(made) and ("update", "user", "alice") in named(made)
    assert attached(iam, "group", "mds-readers") == sorted([policy_arn("look"), policy_arn("guard")])
    assert groups(iam, "alice") == ["mds-billing", "mds-readers"]
    assert run_module("access", **SET)["actions"] == []


def test_inline_policies_that_something_else_keeps_stay(iam, run_module):
    run_module("access", **SET)
    for policy in ("mail", "by-hand"):
        iam.put_role_policy(RoleName="mds-host", PolicyName=policy, PolicyDocument=json.dumps(LOOK))
    assert run_module("access", **SET, keep_inline_policies=["mail"])["changed"]
    assert iam.list_role_policies(RoleName="mds-host")["PolicyNames"] == ["mail"]
    assert not run_module("access", **SET, keep_inline_policies=["mail"])["changed"]
    run_module("access", platform="mds", scope="access", state="absent")
    assert iam.list_roles(PathPrefix=PATH)["Roles"] == []
