"""Module access_report on the lab: what IAM really holds and what was really called."""

from __future__ import annotations

import json

import boto3
import pytest

DAY = 24 * 3600


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, **elements) -> str:
    return document({"Effect": "Allow", "Action": list(actions), "Resource": "*", **elements})


def trust(**principal) -> str:
    return document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal})


@pytest.fixture
def iam(lab):
    return lab.client("iam")


@pytest.fixture
def report(run_module):
    def run(**options) -> dict:
        return run_module("access_report", platform="mds", **options)

    return run


def use(lab, key: dict, service: str, operation: str, **arguments) -> None:
    """Call AWS with a user's key."""
    client = boto3.client(
        service,
        endpoint_url=lab.endpoint,
        region_name="ap-southeast-2",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    getattr(client, operation)(**arguments)


def sentences(result: dict, subject: str) -> list[str]:
    return [f"{f['severity']}: {f['sentence']}" for f in result["findings"] if f["subject"] == subject]


def named(items: list[dict], name: str) -> dict:
    return next(item for item in items if item["name"] == name)


def test_an_empty_account(lab, report):
    result = report()
    assert result["failed"] is False, result["msg"]
    assert (result["changed"], result["users"], result["roles"], result["policies"]) == (False, [], [], [])
    assert result["account"]["id"] == "123456789012"
    assert [f["subject"] for f in result["findings"]] == ["root", "password policy"]
    assert lab.mutating() == []
    same = report(check=True)
    assert {**same, "invocation": None} == {**result, "invocation": None}


def test_nothing_is_found_in_a_good_account(lab, iam, report):
    lab.root(mfa=True)
    iam.update_account_password_policy(
        MinimumPasswordLength=14, PasswordReusePrevention=24, AllowUsersToChangePassword=True
    )
    iam.create_user(UserName="backup", Path="/mds/automation/")
    iam.put_user_policy(UserName="backup", PolicyName="backup", PolicyDocument=allow("s3:PutObject", "s3:List*"))
    use(lab, iam.create_access_key(UserName="backup")["AccessKey"], "s3", "list_buckets")
    iam.create_role(RoleName="mds-app", Path="/mds/", AssumeRolePolicyDocument=trust(Service="ec2.amazonaws.com"))
    result = report()
    assert result["findings"] == []
    user = named(result["users"], "backup")
    assert (user["owned"], user["unused_services"], user["access_keys"][0]["service"]) == (True, [], "s3")
    assert user["last_used"] == user["access_keys"][0]["last_used"]
    assert named(result["roles"], "mds-app")["trusts"] == ["ec2.amazonaws.com"]


def test_what_grows_old_and_what_is_used(lab, iam, report):
    key = iam.create_user(UserName="kim") and iam.create_access_key(UserName="kim")["AccessKey"]
    iam.put_user_policy(UserName="kim", PolicyName="p", PolicyDocument=allow("s3:*", "iam:GetUser", "ec2:Describe*"))
    iam.create_user(UserName="lee")
    iam.create_access_key(UserName="lee")
    iam.create_role(RoleName="idle", AssumeRolePolicyDocument=trust(Service="ec2.amazonaws.com"))
    lab.root(mfa=True, used=True)
    lab.advance(50 * DAY)
    use(lab, key, "ec2", "describe_vpcs")
    lab.advance(50 * DAY)
    use(lab, key, "s3", "list_buckets")
    result = report()
    kim = named(result["users"], "kim")
    assert (kim["access_keys"][0]["age_days"], kim["access_keys"][0]["unused_days"]) == (100, 0)
    assert kim["unused_services"] == ["iam"]
    assert sentences(result, "user kim") == [
        "medium: Access key 1 is 100 days old; 90 are allowed.",
        "low: It did not use 1 of the 3 services that it may use in 90 days: iam.",
    ]
    assert sentences(result, "user lee") == ["medium: Access key 1 was never used in 100 days; 90 are allowed."]
    assert sentences(result, "role idle") == ["low: It was never used in 100 days; 90 are allowed."]
    assert sentences(result, "root") == []
    lenient = report(key_days=100, unused_days=101, root_days=101)
    assert sentences(lenient, "user kim") == sentences(lenient, "user lee") == []
    assert sentences(lenient, "root") == ["medium: The root account was used 100 days ago; daily work needs no root."]


def test_mfa(lab, iam, report):
    for name in ("kim", "lee"):
        iam.create_user(UserName=name)
        iam.create_login_profile(UserName=name, Password="not-a-real-1-Password")
    serial, _codes = lab.enroll("kim", "kim")
    iam.create_virtual_mfa_device(VirtualMFADeviceName="spare")
    result = report()
    assert [(user["name"], user["mfa"], user["mfa_devices"]) for user in result["users"]] == [
        ("kim", True, [serial]),
        ("lee", False, []),
    ]
    assert sentences(result, "user kim") == []
    assert sentences(result, "user lee") == ["high: It has a password and no MFA."]
    assert sentences(result, "MFA device spare") == ["low: It is assigned to nobody."]
    assert "Base32StringSeed" not in json.dumps(result)


def test_wide_policies_of_every_kind(iam, report):
    iam.create_group(GroupName="developers")
    arn = iam.create_policy(PolicyName="wide", PolicyDocument=allow("ec2:*"))["Policy"]["Arn"]
    version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=allow("iam:*"), SetAsDefault=True)
    assert version["PolicyVersion"]["IsDefaultVersion"]
    iam.attach_group_policy(GroupName="developers", PolicyArn=arn)
    iam.create_user(UserName="kim")
    iam.add_user_to_group(UserName="kim", GroupName="developers")
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=allow("s3:*"))["Policy"]["Arn"]
    service = trust(Service="ec2.amazonaws.com")
    for name, extra in (("mds-glass", {}), ("admin", {}), ("bound", {"PermissionsBoundary": boundary})):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=service, **extra)
        iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    iam.create_role(RoleName="everybody", AssumeRolePolicyDocument=trust(AWS="*"))
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument=trust(AWS="arn:aws:iam::999999999999:root"))
    result = report(break_glass=["role mds-glass"], last_accessed_limit=0)
    (first, second) = sentences(result, "group developers")
    assert first.startswith("high: It may give itself more by iam:AddUserToGroup, ")
    assert first.endswith(", by the policy wide; its users: kim.")
    assert second.startswith("medium: It may hand every role to a service")
    assert sentences(result, "user kim") == []
    assert sentences(result, "role admin") == ["high: It may do everything, by the policy AdministratorAccess."]
    assert sentences(result, "role bound") == sentences(result, "role mds-glass") == []
    assert sentences(result, "role everybody") == ["high: It lets in everybody on AWS."]
    assert sentences(result, "role partner")[0].startswith("medium: It lets in arn:aws:iam::999999999999:root")
    assert sentences(report(trusted_accounts=["999999999999"]), "role partner") == []


def test_only_who_is_asked_for_is_looked_at(lab, iam, report):
    for name in ("a", "b", "c"):
        iam.create_user(UserName=name)
    result = report(last_accessed=["b"])
    assert [user["unused_services"] for user in result["users"]] == [None, [], None]
    result = report(last_accessed_limit=2)
    assert [user["unused_services"] for user in result["users"]] == [[], [], None]
    assert sentences(result, "account") == [
        "info: Unused permissions were not looked for in 1 more users and roles; last_accessed_limit is lower."
    ]


def test_services_come_in_pages(iam, report):
    iam.create_user(UserName="admin")
    iam.attach_user_policy(UserName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    services = report()["users"][0]["unused_services"]
    assert len(services) > 400
    assert {"access-analyzer", "iam", "s3", "xray"} <= set(services)


def test_a_report_that_is_older_than_a_user(lab, iam, report):
    report()
    iam.create_user(UserName="new")
    result = report()
    assert sentences(result, "user new")[0].startswith("info: It is newer than AWS's credential report of ")
    lab.advance(4 * 3600)
    assert sentences(report(), "user new") == []


def test_an_account_of_many_pages(lab, iam, report):
    for number in range(130):
        iam.create_user(UserName=f"user-{number:03}")
    lab.clear_calls()
    result = report(last_accessed_limit=0)
    assert len(result["users"]) == 130
    called = [call["operation"] for call in lab.calls()]
    assert called.count("GetAccountAuthorizationDetails") == 2
    assert len(called) < 12


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key_days": -1}, "key_days: -1 is not allowed; it is 0 or more."),
        ({"trusted_accounts": ["1234"]}, "trusted_accounts: '1234' is not an account's number of 12 digits"),
        ({"last_accessed": ["nobody"]}, "last_accessed: 'nobody' is neither a user nor a role of the account."),
        ({"platform": "My Platform"}, "platform: 'My Platform' is not a name"),
        ({"region": "sydney"}, "region: 'sydney' is not a region that AWS has"),
        ({"timeout": 0}, "timeout: AWS did not make the credential report within 0 seconds"),
    ],
)
def test_bad_input_is_one_sentence(lab, run_module, options, words):
    result = run_module("access_report", **{"platform": "mds", **options})
    assert result["failed"] is True
    assert words in result["msg"]
