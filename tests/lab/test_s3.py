"""S3 in the lab: the rules of AWS that the platform's modules meet."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError

HERE = {"LocationConstraint": "ap-southeast-2"}
STANDARD = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}}


@pytest.fixture
def s3(lab):
    client = lab.client("s3")
    client.create_bucket(Bucket="one", CreateBucketConfiguration=HERE)
    return client


def code(call, *positional, **options):
    with pytest.raises(ClientError) as error:
        call(*positional, **options)
    return error.value.response["Error"]["Code"]


def test_a_new_bucket_is_closed_encrypted_and_tagged_as_asked(s3):
    tags = [{"Key": "Team", "Value": "one"}, {"Key": "Env", "Value": ""}]
    s3.create_bucket(Bucket="two", CreateBucketConfiguration={**HERE, "Tags": tags})
    assert s3.get_bucket_tagging(Bucket="two")["TagSet"] == tags
    assert set(s3.get_public_access_block(Bucket="two")["PublicAccessBlockConfiguration"].values()) == {True}
    assert s3.get_bucket_ownership_controls(Bucket="two")["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    rules = s3.get_bucket_encryption(Bucket="two")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert code(s3.get_bucket_tagging, Bucket="one") == "NoSuchTagSet"


def test_buckets_are_paged_and_tell_their_region(lab, s3):
    lab.client("s3", "us-east-1").create_bucket(Bucket="usa")
    s3.create_bucket(Bucket="two", CreateBucketConfiguration=HERE)
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 2}))
    found = [(bucket["Name"], bucket["BucketRegion"]) for page in pages for bucket in page["Buckets"]]
    assert (len(pages), found) == (2, [("one", "ap-southeast-2"), ("two", "ap-southeast-2"), ("usa", "us-east-1")])
    assert "BucketRegion" not in s3.list_buckets()["Buckets"][0]
    assert [bucket["Name"] for bucket in s3.list_buckets(BucketRegion="us-east-1")["Buckets"]] == ["usa"]


def test_a_bucket_of_another_account_is_denied(lab, s3):
    assumed = lab.client("sts").assume_role(RoleArn="arn:aws:iam::210987654321:role/x", RoleSessionName="session")
    other = boto3.client(
        "s3",
        region_name="ap-southeast-2",
        endpoint_url=lab.endpoint,
        aws_access_key_id=assumed["Credentials"]["AccessKeyId"],
        aws_secret_access_key=assumed["Credentials"]["SecretAccessKey"],
        aws_session_token=assumed["Credentials"]["SessionToken"],
    )
    other.create_bucket(Bucket="theirs", CreateBucketConfiguration=HERE)
    assert code(s3.head_bucket, Bucket="theirs") == "403"
    assert code(s3.get_bucket_tagging, Bucket="theirs") == "AccessDenied"
    assert code(s3.put_object, Bucket="theirs", Key="x") == "AccessDenied"
    assert code(s3.create_bucket, Bucket="theirs", CreateBucketConfiguration=HERE) == "BucketAlreadyExists"
    assert code(s3.get_bucket_tagging, Bucket="one", ExpectedBucketOwner="210987654321") == "AccessDenied"
    assert code(other.put_bucket_tagging, Bucket="one", Tagging={"TagSet": []}) == "AccessDenied"


def test_a_bucket_of_another_region_is_redirected(lab, s3):
    lab.client("s3", "us-east-1").create_bucket(Bucket="usa")
    lab.clear_calls()
    # botocore goes where it is sent
    assert s3.get_bucket_location(Bucket="usa")["LocationConstraint"] is None
    assert [(call["region"], call["status"]) for call in lab.calls()] == [("ap-southeast-2", 301), ("us-east-1", 200)]
    assert s3.head_bucket(Bucket="usa")["BucketRegion"] == "us-east-1"


@pytest.mark.parametrize(
    ("policy", "refusal"),
    [
        ("no json", "MalformedPolicy"),
        ({"Effect": "Deny", "Resource": "arn:aws:s3:::other/*"}, "MalformedPolicy"),
        ({"Effect": "Allow", "Resource": "arn:aws:s3:::one/*"}, "AccessDenied"),
    ],
)
def test_policies_that_are_refused(s3, policy, refusal):
    if isinstance(policy, dict):
        whole = {"Principal": "*", "Action": "s3:GetObject", **policy}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [whole]})
    assert code(s3.put_bucket_policy, Bucket="one", Policy=policy) == refusal
    assert code(s3.get_bucket_policy, Bucket="one") == "NoSuchBucketPolicy"


def test_a_denial_under_a_condition_is_not_one_for_everybody(s3):
    denial = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::one/*"]}
    whole = {"Statement": [{**denial, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}
    s3.put_bucket_policy(Bucket="one", Policy=json.dumps(whole))
    s3.put_object(Bucket="one", Key="x", Body=b"1")
    assert s3.get_object(Bucket="one", Key="x")["Body"].read() == b"1"
    assert "Errors" not in s3.delete_objects(Bucket="one", Delete={"Objects": [{"Key": "x"}]})
    s3.put_bucket_policy(Bucket="one", Policy=json.dumps({"Statement": [{**denial, "Resource": "arn:aws:s3:::one"}]}))
    assert code(s3.list_object_versions, Bucket="one") == "AccessDenied"


def test_an_object_lock_keeps_versions_and_comes_to_buckets_with_objects(s3):
    s3.put_object(Bucket="one", Key="x", Body=b"1")
    lock = {"ObjectLockEnabled": "Enabled"}
    assert code(s3.put_object_lock_configuration, Bucket="one", ObjectLockConfiguration=lock) == "InvalidBucketState"
    s3.put_bucket_versioning(Bucket="one", VersioningConfiguration={"Status": "Enabled"})
    days = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}
    s3.put_object_lock_configuration(Bucket="one", ObjectLockConfiguration={**lock, "Rule": days})
    told = s3.get_object_lock_configuration(Bucket="one")["ObjectLockConfiguration"]
    assert told == {**lock, "Rule": days}
    suspended = {"Status": "Suspended"}
    assert code(s3.put_bucket_versioning, Bucket="one", VersioningConfiguration=suspended) == "InvalidBucketState"
    assert s3.list_object_versions(Bucket="one")["Versions"][0]["Key"] == "x"


def test_a_lifecycle_is_told_as_it_was_put(s3):
    assert code(s3.get_bucket_lifecycle_configuration, Bucket="one") == "NoSuchLifecycleConfiguration"
    given = {
        "And": {
            "Prefix": "p/",
            "Tags": [{"Key": "k", "Value": "v"}],
            "ObjectSizeGreaterThan": 5,
            "ObjectSizeLessThan": 50,
        }
    }
    old = {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2}
    rules = [{**STANDARD, "Filter": given, "Expiration": {"Days": 9}, "NoncurrentVersionExpiration": old}]
    s3.put_bucket_lifecycle_configuration(
        Bucket="one",
        LifecycleConfiguration={"Rules": rules},
        TransitionDefaultMinimumObjectSize="varies_by_storage_class",
    )
    told = s3.get_bucket_lifecycle_configuration(Bucket="one")
    assert (told["Rules"], told["TransitionDefaultMinimumObjectSize"]) == (rules, "varies_by_storage_class")
    s3.delete_bucket_lifecycle(Bucket="one")
    assert code(s3.get_bucket_lifecycle_configuration, Bucket="one") == "NoSuchLifecycleConfiguration"


@pytest.mark.parametrize(
    "rule",
    [
        {"Transitions": [{"Days": 40, "StorageClass": "GLACIER"}], "Expiration": {"Days": 40}},
        {"Transitions": [{"Days": 3, "StorageClass": "STANDARD_IA"}]},
        {
            "Transitions": [
                {"Days": 40, "StorageClass": "GLACIER"},
                {"Days": 90, "StorageClass": "STANDARD_IA"},
            ]
        },
        {"Filter": {"Tag": {"Key": "a", "Value": "b"}}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        {},
    ],
)
def test_lifecycles_that_are_refused(s3, rule):
    rules = {"Rules": [{**STANDARD, **rule}]}
    assert code(s3.put_bucket_lifecycle_configuration, Bucket="one", LifecycleConfiguration=rules) == "InvalidArgument"


def test_notifications_go_to_what_is_there(lab, s3):
    queue = {"Id": "q", "QueueArn": "arn:aws:sqs:ap-southeast-2:123456789012:q", "Events": ["s3:ObjectCreated:*"]}
    filters = [{"Name": "prefix", "Value": "a/"}]
    wanted = {
        "QueueConfigurations": [{**queue, "Filter": {"Key": {"FilterRules": filters}}}],
        "EventBridgeConfiguration": {},
    }
    put = s3.put_bucket_notification_configuration
    assert code(put, Bucket="one", NotificationConfiguration=wanted) == "InvalidArgument"
    lab.client("sqs").create_queue(QueueName="q")
    put(Bucket="one", NotificationConfiguration=wanted)
    told = s3.get_bucket_notification_configuration(Bucket="one")
    assert told["EventBridgeConfiguration"] == {}
    # with a capital, as AWS tells it
    assert told["QueueConfigurations"][0]["Filter"]["Key"]["FilterRules"] == [{"Name": "Prefix", "Value": "a/"}]


def test_access_logs_go_where_the_policy_lets_them(s3):
    s3.create_bucket(Bucket="logs", CreateBucketConfiguration=HERE)
    wanted = {"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "a/"}}
    put = s3.put_bucket_logging
    assert code(put, Bucket="one", BucketLoggingStatus=wanted) == "InvalidTargetBucketForLogging"
    tls = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::logs"}
    tls["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
    service = {"Service": "logging.s3.amazonaws.com"}
    allowed = {"Effect": "Allow", "Principal": service, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/*"}
    s3.put_bucket_policy(Bucket="logs", Policy=json.dumps({"Statement": [tls, allowed]}))
    put(Bucket="one", BucketLoggingStatus=wanted)
    assert s3.get_bucket_logging(Bucket="one")["LoggingEnabled"] == wanted["LoggingEnabled"]
