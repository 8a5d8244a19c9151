"""IAM in the lab refuses what AWS refuses, and tells what AWS tells."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.lab.test_shapes import Recorder

LOOK = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}]}
)


@pytest.fixture
def iam(lab):
    return lab.client("iam")


def refusal(call, **options) -> str:
    with pytest.raises(ClientError) as refused:
        call(**options)
    return refused.value.response["Error"]["Code"]


def test_names_are_not_distinguished_by_case(iam):
    iam.create_user(UserName="alice")
    iam.create_group(GroupName="ops")
    assert refusal(iam.create_user, UserName="Alice") == "EntityAlreadyExists"
    assert refusal(iam.create_group, GroupName="OPS") == "EntityAlreadyExists"


def test_what_is_in_use_is_not_deleted(iam):
    arn = iam.create_policy(PolicyName="look", PolicyDocument=LOOK)["Policy"]["Arn"]
    iam.create_group(GroupName="ops")
    iam.create_user(UserName="alice", PermissionsBoundary=arn)
    iam.add_user_to_group(GroupName="ops", UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    assert refusal(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
    assert refusal(iam.delete_group, GroupName="ops") == "DeleteConflict"
    assert refusal(iam.delete_user, UserName="alice") == "DeleteConflict"
    iam.delete_access_key(UserName="alice", AccessKeyId=key)
    assert refusal(iam.delete_user, UserName="alice") == "DeleteConflict"
    iam.remove_user_from_group(GroupName="ops", UserName="alice")
    iam.delete_user(UserName="alice")
    iam.delete_group(GroupName="ops")
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=LOOK)
    assert refusal(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy(PolicyArn=arn)


def test_quotas(iam):
    many = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": [f"arn:aws:s3:::b{n}/*" for n in range(400)]}
    long = json.dumps({"Version": "2012-10-17", "Statement": [many]})
    assert refusal(iam.create_policy, PolicyName="long", PolicyDocument=long) == "LimitExceeded"
    iam.create_group(GroupName="ops")
    arns = [iam.create_policy(PolicyName=f"p{n}", PolicyDocument=LOOK)["Policy"]["Arn"] for n in range(11)]
    for arn in arns[:10]:
        iam.attach_group_policy(GroupName="ops", PolicyArn=arn)
    assert refusal(iam.attach_group_policy, GroupName="ops", PolicyArn=arns[10]) == "LimitExceeded"
    iam.attach_group_policy(GroupName="ops", PolicyArn=arns[0])
    iam.create_user(UserName="alice")
    for number in range(11):
        iam.create_group(GroupName=f"g{number}")
    for number in range(10):
        iam.add_user_to_group(GroupName=f"g{number}", UserName="alice")
    assert refusal(iam.add_user_to_group, GroupName="g10", UserName="alice") == "LimitExceeded"


def test_shapes(lab):
    call = Recorder(lab, "iam")
    arn = call("CreatePolicy", PolicyName="look", PolicyDocument=LOOK)["Policy"]["Arn"]
    call("CreateUser", UserName="alice", PermissionsBoundary=arn)
    call("DeleteUserPermissionsBoundary", UserName="alice")
    assert "PermissionsBoundary" not in lab.client("iam").get_user(UserName="alice")["User"]
    call("PutUserPermissionsBoundary", UserName="alice", PermissionsBoundary=arn)
    call("ListServiceSpecificCredentials", UserName="alice")
    details = call("GetAccountAuthorizationDetails", Filter=["User", "LocalManagedPolicy"])
    assert details["UserDetailList"][0]["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert [policy["PolicyName"] for policy in details["Policies"]] == ["look"]
    users = lab.client("iam").list_users()["Users"]
    assert "PermissionsBoundary" not in users[0]
