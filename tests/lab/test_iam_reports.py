"""IAM's reports in the lab: made between two looks, as things then were; use is what was really called."""

from __future__ import annotations

import csv
import datetime
import io
import json

import boto3
import pytest
from botocore.exceptions import ClientError

DAY = 24 * 3600
READ = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["iam:Get*", "s3:*"], "Resource": "*"}}


@pytest.fixture
def iam(lab):
    return lab.client("iam")


def rows(iam) -> dict[str, dict[str, str]]:
    while iam.generate_credential_report()["State"] != "COMPLETE":
        pass
    text = iam.get_credential_report()["Content"].decode()
    return {row["user"]: row for row in csv.DictReader(io.StringIO(text))}


def refused(call, **arguments) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_a_credential_report_is_made_and_grows_old(lab, iam):
    assert refused(iam.get_credential_report) == "ReportNotPresent"
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert refused(iam.get_credential_report) == "ReportInProgress"
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    made = iam.get_credential_report()
    assert made["ReportFormat"] == "text/csv"
    assert abs(made["GeneratedTime"] - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=1)
    iam.create_user(UserName="kim")
    assert set(rows(iam)) == {"<root_account>"}
    lab.advance(4 * 3600)
    assert refused(iam.get_credential_report) == "ReportExpired"
    assert set(rows(iam)) == {"<root_account>", "kim"}
    assert lab.client("iam").get_credential_report()["GeneratedTime"] > made["GeneratedTime"]
    assert [call["operation"] for call in lab.mutating()] == ["CreateUser"]


def test_its_rows(lab, iam):
    iam.create_user(UserName="kim")
    iam.create_login_profile(UserName="kim", Password="not-a-real-1-Password")
    key = iam.create_access_key(UserName="kim")["AccessKey"]
    iam.create_user(UserName="lee")
    lab.advance(10 * DAY)
    client = boto3.client(
        "s3",
        endpoint_url=lab.endpoint,
        region_name="ap-southeast-2",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    client.list_buckets()
    report = rows(iam)
    kim, lee = report["kim"], report["lee"]
    assert (kim["password_enabled"], kim["password_last_used"], kim["mfa_active"]) == (
        "true",
        "no_information",
        "false",
    )
    assert (lee["password_enabled"], lee["password_last_used"], lee["access_key_1_active"]) == ("false", "N/A", "false")
    made, used = (datetime.datetime.fromisoformat(kim[f"access_key_1_{n}"]) for n in ("last_rotated", "last_used_date"))
    assert (used - made).days == 10
    assert (kim["access_key_1_last_used_service"], kim["access_key_2_last_rotated"]) == ("s3", "N/A")
    assert report["<root_account>"]["arn"].endswith(":root")
    assert report["<root_account>"]["password_last_used"] == "no_information"


def test_the_root_account(lab, iam):
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["AccountMFAEnabled"], summary["AccountAccessKeysPresent"]) == (0, 0)
    lab.root(mfa=True, access_key=True, used=True)
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["AccountMFAEnabled"], summary["AccountAccessKeysPresent"]) == (1, 1)
    root = rows(iam)["<root_account>"]
    assert (root["mfa_active"], root["access_key_1_active"], root["password_enabled"]) == (
        "true",
        "true",
        "not_supported",
    )
    assert root["password_last_used"].startswith(str(datetime.datetime.now(datetime.UTC).year))


def test_use_by_service(lab, iam):
    arn = iam.create_user(UserName="kim")["User"]["Arn"]
    iam.put_user_policy(UserName="kim", PolicyName="read", PolicyDocument=json.dumps(READ))
    key = iam.create_access_key(UserName="kim")["AccessKey"]
    client = boto3.client(
        "iam",
        endpoint_url=lab.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    client.get_user(UserName="kim")
    job = iam.generate_service_last_accessed_details(Arn=arn)["JobId"]
    assert iam.get_service_last_accessed_details(JobId=job)["JobStatus"] == "IN_PROGRESS"
    first = iam.get_service_last_accessed_details(JobId=job, MaxItems=1)
    rest = iam.get_service_last_accessed_details(JobId=job, MaxItems=1, Marker=first["Marker"])
    assert (first["JobStatus"], first["IsTruncated"], rest["IsTruncated"]) == ("COMPLETED", True, False)
    services = {
        each["ServiceNamespace"]: each for each in [*first["ServicesLastAccessed"], *rest["ServicesLastAccessed"]]
    }
    assert set(services) == {"iam", "s3"}
    assert services["iam"]["LastAuthenticatedEntity"] == arn
    assert "LastAuthenticated" not in services["s3"]
    assert refused(iam.generate_service_last_accessed_details, Arn=f"{arn}s") == "NoSuchEntity"
    assert refused(iam.get_service_last_accessed_details, JobId="0" * 36) == "NoSuchEntity"


def test_details_come_in_pages_with_decoded_documents(iam):
    for number in range(3):
        iam.create_user(UserName=f"user-{number}", Tags=[{"Key": "a", "Value": "b"}])
    iam.put_user_policy(UserName="user-0", PolicyName="read", PolicyDocument=json.dumps(READ))
    iam.attach_user_policy(UserName="user-1", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.create_group(GroupName="group")
    pages = list(iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 2}))
    assert [page["IsTruncated"] for page in pages] == [True, True, False]
    users = [user for page in pages for user in page["UserDetailList"]]
    assert [user["UserName"] for user in users] == ["user-0", "user-1", "user-2"]
    assert users[0]["UserPolicyList"][0]["PolicyDocument"] == READ
    assert users[0]["Tags"] == [{"Key": "a", "Value": "b"}]
    policies = [policy for page in pages for policy in page["Policies"]]
    assert [policy["PolicyName"] for policy in policies] == ["ReadOnlyAccess"]
    assert policies[0]["PolicyVersionList"][0]["Document"]["Statement"]
