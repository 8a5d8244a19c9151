"""IAM's keys and MFA devices, what STS makes of them, and Secrets Manager's versions, as AWS has them."""

from __future__ import annotations

import email.utils

import boto3
import botocore.exceptions
import pyotp
import pytest

from tests.lab.test_shapes import Recorder

STEP = 30


@pytest.fixture
def iam(lab):
    client = lab.client("iam")
    client.create_user(UserName="alice")
    return client


def refused(code):
    return pytest.raises(botocore.exceptions.ClientError, match=code)


def with_key(lab, key, service="sts"):
    return boto3.client(
        service,
        endpoint_url=lab.endpoint,
        region_name="ap-southeast-2",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key.get("SessionToken"),
    )


def now(answer):
    date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    return int(email.utils.parsedate_to_datetime(date).timestamp())


def test_keys_that_do_not_work(lab, iam):
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    sts = with_key(lab, key)
    assert sts.get_caller_identity()["Arn"].endswith(":user/alice")
    iam.update_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with refused("InvalidClientTokenId"):
        sts.get_caller_identity()
    with refused("UnrecognizedClientException"):
        with_key(lab, key, "secretsmanager").list_secrets()
    with refused("AuthFailure"):
        with_key(lab, key, "ec2").describe_vpcs()
    iam.update_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Active")
    sts.get_caller_identity()
    iam.delete_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"])
    with refused("InvalidClientTokenId"):
        sts.get_caller_identity()


def test_keys_age_by_the_clock(lab, iam):
    first = iam.create_access_key(UserName="alice")["AccessKey"]
    lab.advance(5 * 86400)
    second = iam.create_access_key(UserName="alice")["AccessKey"]
    assert (second["CreateDate"] - first["CreateDate"]).days == 5
    with_key(lab, first).get_caller_identity()
    used = iam.get_access_key_last_used(AccessKeyId=first["AccessKeyId"])["AccessKeyLastUsed"]
    assert (used["LastUsedDate"] - first["CreateDate"]).days == 5 and used["ServiceName"] == "sts"
    unused = iam.get_access_key_last_used(AccessKeyId=second["AccessKeyId"])["AccessKeyLastUsed"]
    assert unused == {"ServiceName": "N/A", "Region": "N/A"}
    with refused("LimitExceeded"):
        iam.create_access_key(UserName="alice")


def test_mfa(lab, iam):
    call = Recorder(lab, "iam")
    made = call("CreateVirtualMFADevice", VirtualMFADeviceName="phone", Tags=[{"Key": "a", "Value": "b"}])
    serial, totp = (
        made["VirtualMFADevice"]["SerialNumber"],
        pyotp.TOTP(made["VirtualMFADevice"]["Base32StringSeed"].decode()),
    )
    device = {"UserName": "alice", "SerialNumber": serial}
    moment = now(made)

    def codes(first, second):
        names = ("AuthenticationCode1", "AuthenticationCode2")
        return {name: totp.at(moment + STEP * step) for name, step in zip(names, (first, second))}

    for first, second in ((0, -1), (-1, -1), (-40, -39), (-1, 1)):
        with refused("InvalidAuthenticationCode"):
            iam.enable_mfa_device(**device, **codes(first, second))
    listed = call("ListVirtualMFADevices", AssignmentStatus="Unassigned")["VirtualMFADevices"]
    assert listed == [{"SerialNumber": serial}]
    call("EnableMFADevice", **device, **codes(-1, 0))
    (told,) = call("ListVirtualMFADevices", AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert told["User"]["UserName"] == "alice" and sorted(told) == ["EnableDate", "SerialNumber", "User"]
    with refused("EntityAlreadyExists"):
        iam.enable_mfa_device(**device, **codes(-1, 0))
    with refused("DeleteConflict"):
        iam.delete_virtual_mfa_device(SerialNumber=serial)
    call("TagMFADevice", SerialNumber=serial, Tags=[{"Key": "c", "Value": "d"}])
    call("UntagMFADevice", SerialNumber=serial, TagKeys=["a"])
    assert call("ListMFADeviceTags", SerialNumber=serial)["Tags"] == [{"Key": "c", "Value": "d"}]

    key = iam.create_access_key(UserName="alice")["AccessKey"]
    assert [d["SerialNumber"] for d in call("ListMFADevices", UserName="alice")["MFADevices"]] == [serial]
    assert [d["SerialNumber"] for d in with_key(lab, key, "iam").list_mfa_devices()["MFADevices"]] == [serial]
    sts = Recorder(lab, "sts")
    sts.client = with_key(lab, key)
    sts.client.meta.events.register("before-parse", sts._keep)
    given = {"SerialNumber": serial, "TokenCode": totp.at(moment)}
    session = sts("GetSessionToken", **given, DurationSeconds=900)["Credentials"]
    assert session["AccessKeyId"].startswith("ASIA")
    assert with_key(lab, session).get_caller_identity()["Arn"].endswith(":user/alice")
    role = {"RoleArn": "arn:aws:iam::123456789012:role/operator", "RoleSessionName": "alice"}
    sts("AssumeRole", **role, **given)
    for wrong in ({"TokenCode": totp.at(0)}, {"SerialNumber": f"{serial}x"}):
        with refused("AccessDenied"):
            sts.client.get_session_token(**{**given, **wrong})
        with refused("AccessDenied"):
            sts.client.assume_role(**role, **{**given, **wrong})
    lab.advance(901)
    with refused("InvalidClientTokenId"):
        with_key(lab, session).get_caller_identity()
    iam.deactivate_mfa_device(**device)
    call("DeleteVirtualMFADevice", SerialNumber=serial)
    with refused("NoSuchEntity"):
        iam.list_mfa_device_tags(SerialNumber=serial)


def test_versions_of_a_secret(lab):
    call = Recorder(lab, "secretsmanager")
    one, two, three = ("a" * 40, "b" * 40, "c" * 40)
    call("CreateSecret", Name="x", SecretString="1", ClientRequestToken=one)
    call("PutSecretValue", SecretId="x", SecretString="2", ClientRequestToken=two, VersionStages=["AWSPENDING"])
    assert call("GetSecretValue", SecretId="x")["SecretString"] == "1"
    stage = {"SecretId": "x", "VersionStage": "AWSCURRENT"}
    call("UpdateSecretVersionStage", **stage, MoveToVersionId=two, RemoveFromVersionId=one)
    assert call("GetSecretValue", SecretId="x")["SecretString"] == "2"
    call("PutSecretValue", SecretId="x", SecretString="3", ClientRequestToken=three)
    stages = lab.client("secretsmanager").describe_secret(SecretId="x")["VersionIdsToStages"]
    assert one not in stages and stages[three] == ["AWSCURRENT"] and "AWSPREVIOUS" in stages[two]
