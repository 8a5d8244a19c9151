"""Module buckets on the lab; what it made is looked at with boto3."""

from __future__ import annotations

import json

import boto3
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.unit.bucket_states import declared, with_locks_kept

ATTACHMENTS = {
    "name": "attachments",
    "encryption": {"type": "kms", "key": "alias/files"},
    "access": {"vpc_endpoints": ["vpce-0a1b2c3d"], "source_ranges": ["203.0.113.0/24"]},
    "logging": {"bucket": "logs", "prefix": "attachments/"},
    "cors": [{"methods": ["GET"], "origins": ["https://1blankspace.com"]}],
    "lifecycle": [
        {"id": "versions", "noncurrent_expiration_days": 90, "noncurrent_newer_versions": 3, "abort_multipart_days": 7}
    ],
}
LOGS = {"name": "logs", "versioning": False, "log_sources": ["load_balancers"]}
BUCKET = "mds-123456789012-attachments"
HERE = {"LocationConstraint": "ap-southeast-2"}


@pytest.fixture
def s3(lab):
    return lab.client("s3")


@pytest.fixture
def keep(run_module):
    def run(*buckets, check=False, **options):
        return run_module(
            "buckets", check=check, **{"platform": "mds", "buckets": list(buckets), "wait_timeout": 2, **options}
        )

    return run


def named(result):
    return [(action["verb"], action["name"]) for action in result["actions"]]


def there(s3):
    return sorted(bucket["Name"].removeprefix("mds-123456789012-") for bucket in s3.list_buckets()["Buckets"])


def as_given(value):
    """A declaration as somebody writes it, without what is null."""
    if isinstance(value, dict):
        return {key: as_given(item) for key, item in value.items() if item is not None}
    return [as_given(item) for item in value] if isinstance(value, list) else value


def tag(s3, bucket, **tags):
    given_tags = [{"Key": f"mydigitalstructure:{key}", "Value": value} for key, value in tags.items()]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": given_tags})


def test_check_converge_and_second_run(lab, s3, keep):
    checked = keep(ATTACHMENTS, LOGS, check=True, tags={"Env": "lab"})
    assert not checked["failed"], checked["msg"]
    assert lab.mutating() == []
    made = keep(ATTACHMENTS, LOGS, tags={"Env": "lab"})
    assert not made["failed"], made["msg"]
    assert (made["actions"], made["buckets"]) == (checked["actions"], checked["buckets"])
    assert named(made) == [("create", "attachments"), ("create", "logs")]
    assert made["buckets"]["attachments"]["arn"] == f"arn:aws:s3:::{BUCKET}"

    tags = {item["Key"]: item["Value"] for item in s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]}
    assert tags == {
        "Env": "lab",
        "Name": "mds-attachments",
        "mydigitalstructure:platform": "mds",
        "mydigitalstructure:name": "attachments",
    }
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    encryption = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert encryption["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == "alias/files"
    assert encryption["BucketKeyEnabled"] is True
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["OverTlsOnly", "FromOurNetworksOnly"]
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90, "NewerNoncurrentVersions": 3}
    assert s3.get_bucket_logging(Bucket=BUCKET)["LoggingEnabled"]["TargetBucket"] == "mds-123456789012-logs"
    assert s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"][0]["AllowedOrigins"] == ["https://1blankspace.com"]

    lab.clear_calls()
    again = keep(ATTACHMENTS, LOGS, tags={"Env": "lab"})
    assert (again["changed"], again["actions"]) == (False, [])
    assert lab.mutating() == []
    # whose account, the list, and eleven aspects of each
    assert len(lab.calls()) == 2 + 2 * 11


def test_only_what_differs_is_written(lab, s3, keep):
    queue = lab.client("sqs").create_queue(QueueName="events")["QueueUrl"].rsplit("/", 1)[-1]
    keep(ATTACHMENTS, LOGS)
    lab.clear_calls()
    changed = {
        **ATTACHMENTS,
        "cors": [],
        "notifications": {
            "eventbridge": True,
            "rules": [
                {
                    "id": "new",
                    "to": f"arn:aws:sqs:ap-southeast-2:123456789012:{queue}",
                    "events": ["s3:ObjectCreated:*"],
                    "suffix": ".pdf",
                }
            ],
        },
    }
    result = keep(changed, LOGS)
    assert not result["failed"], result["msg"]
    assert sorted(result["actions"][0]["fields"]) == ["cors", "notifications"]
    assert [call["operation"] for call in lab.mutating()] == ["DeleteBucketCors", "PutBucketNotificationConfiguration"]
    told = s3.get_bucket_notification_configuration(Bucket=BUCKET)
    assert told["QueueConfigurations"][0]["Id"] == "new" and "EventBridgeConfiguration" in told
    assert keep(changed, LOGS)["actions"] == []


def test_what_was_changed_by_hand_is_found(s3, keep):
    keep(ATTACHMENTS, LOGS)
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={"BlockPublicAcls": False})
    s3.delete_bucket_policy(Bucket=BUCKET)
    (action,) = keep(ATTACHMENTS, LOGS)["actions"]
    assert sorted(action["fields"]) == ["policy", "public_access_block"]
    assert keep(ATTACHMENTS, LOGS)["actions"] == []


def test_what_is_not_declared_is_left_alone(s3, keep):
    """Replication, inventories and the like have no option, and the size below which nothing moves is handed back."""
    plain = {"name": "attachments", "lifecycle": [{"id": "a", "expiration_days": 9}]}
    keep(plain)
    told = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)
    s3.put_bucket_lifecycle_configuration(
        Bucket=BUCKET,
        LifecycleConfiguration={"Rules": told["Rules"]},
        TransitionDefaultMinimumObjectSize="varies_by_storage_class",
    )
    keep({**plain, "lifecycle": [{"id": "a", "expiration_days": 10}]})
    told = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)
    assert told["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    assert told["Rules"][0]["Expiration"] == {"Days": 10}


def test_object_lock_at_birth_and_later(s3, keep):
    born = {"name": "born", "object_lock": {"mode": "compliance", "years": 7}}
    later = {"name": "later"}
    keep(born, later)
    s3.put_object(Bucket="mds-123456789012-later", Key="x", Body=b"1")
    both = [born, {**later, "object_lock": {}}]
    result = keep(*both)
    assert not result["failed"], result["msg"]
    locks = [s3.get_object_lock_configuration(Bucket=f"mds-123456789012-{name}") for name in ("born", "later")]
    assert [lock["ObjectLockConfiguration"].get("Rule") for lock in locks] == [
        {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 7}},
        None,
    ]
    assert keep(*both)["actions"] == []
    refused = keep(born, later)
    assert refused["failed"] and "later: object_lock is on and cannot be turned off" in refused["msg"]


def test_names_that_somebody_else_has(lab, s3, keep):
    assumed = lab.client("sts").assume_role(RoleArn="arn:aws:iam::210987654321:role/x", RoleSessionName="session")
    other = boto3.client(
        "s3",
        region_name="ap-southeast-2",
        endpoint_url=lab.endpoint,
        aws_access_key_id=assumed["Credentials"]["AccessKeyId"],
        aws_secret_access_key=assumed["Credentials"]["SecretAccessKey"],
        aws_session_token=assumed["Credentials"]["SessionToken"],
    )
    other.create_bucket(Bucket="files", CreateBucketConfiguration=HERE)
    s3.create_bucket(Bucket="ours", CreateBucketConfiguration=HERE)
    lab.client("s3", "us-east-1").create_bucket(Bucket="far")
    s3.create_bucket(Bucket="otherplatforms", CreateBucketConfiguration=HERE)
    tag(s3, "otherplatforms", platform="test", name="files")
    lab.clear_calls()
    for bucket, words in (
        ("files", "taken by somebody else"),
        ("ours", "does not carry the platform's tag"),
        ("far", "lies in us-east-1"),
        ("otherplatforms", "somebody else's"),
    ):
        # the other bucket of the set is not made either
        refused = keep({"name": "first"}, {"name": "files", "bucket": bucket})
        assert refused["failed"] and words in refused["msg"] and "files: " in refused["msg"]
    assert lab.mutating() == []
    # handed over as the sentence says
    tag(s3, "ours", platform="mds", name="files")
    taken = keep({"name": "files", "bucket": "ours"})
    assert [sorted(action["fields"]) for action in taken["actions"]] == [["policy", "tags", "versioning"]]


def test_a_prefix_that_changes_is_refused_and_makes_no_second_bucket(lab, s3, keep):
    keep({"name": "attachments"})
    lab.clear_calls()
    refused = keep({"name": "attachments"}, prefix="other-")
    assert "bucket cannot be changed from 'mds-123456789012-attachments' to 'other-attachments'" in refused["msg"]
    assert lab.mutating() == []


def test_a_bucket_in_us_east_1_has_no_location(lab, keep):
    made = keep({"name": "attachments", "versioning": False}, region="us-east-1")
    assert not made["failed"], made["msg"]
    s3 = lab.client("s3", "us-east-1")
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]
    # another region's run leaves it alone
    assert keep(purge=True)["actions"] == []
    assert there(s3) == ["attachments"]


def fill(s3, bucket, count=3):
    for number in range(count):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"1")
    s3.delete_object(Bucket=bucket, Key="k0")
    s3.create_multipart_upload(Bucket=bucket, Key="unfinished")


def test_a_bucket_that_holds_anything_is_not_deleted(lab, s3, keep):
    names = ["full", "marked", "old", "unfinished", "void"]
    keep(*[{"name": name} for name in names])
    bucket = {name: f"mds-123456789012-{name}" for name in names}
    s3.put_object(Bucket=bucket["full"], Key="x", Body=b"1")
    for name in ("marked", "old"):
        version = s3.put_object(Bucket=bucket[name], Key="x", Body=b"1")["VersionId"]
        s3.delete_object(Bucket=bucket[name], Key="x")
        if name == "marked":
            s3.delete_object(Bucket=bucket[name], Key="x", VersionId=version)
    s3.create_multipart_upload(Bucket=bucket["unfinished"], Key="x")
    lab.clear_calls()
    holding = ", ".join(f"{name} ({bucket[name]})" for name in names[:-1])
    for options in ({"purge": True, "check": True}, {"state": "absent", "delete_with_objects": ["void"]}):
        refused = keep(**options)
        assert refused["failed"] and f"{holding} would be deleted and still holds" in refused["msg"]
    assert lab.mutating() == []
    assert there(s3) == names


def test_a_bucket_is_emptied_and_deleted_when_it_is_named(lab, s3, keep):
    keep({"name": "attachments"}, {"name": "kept"})
    for bucket in (BUCKET, "mds-123456789012-kept"):
        for key in ("a", "b"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"1")
        s3.delete_object(Bucket=bucket, Key="a")
        s3.create_multipart_upload(Bucket=bucket, Key="unfinished")
    lab.clear_calls()
    options = {"purge": True, "delete_with_objects": ["attachments", "kept"]}
    checked = keep({"name": "kept"}, check=True, **options)
    assert checked["actions"][0]["fields"]["objects"] == "deleted with it"
    gone = keep({"name": "kept"}, **options)
    assert not gone["failed"], gone["msg"]
    assert gone["actions"] == checked["actions"]
    # the other is named too, and yet declared
    assert there(s3) == ["kept"]
    assert len(s3.list_object_versions(Bucket="mds-123456789012-kept")["Versions"]) == 2
    assert [call["operation"] for call in lab.mutating()] == ["DeleteObjects", "AbortMultipartUpload", "DeleteBucket"]


def test_a_log_target_goes_after_what_logs_into_it(s3, keep):
    """The lab logs at once, so that the target has something again after each request."""
    keep(ATTACHMENTS, LOGS, {"name": "exports", "logging": {"bucket": "logs"}})
    s3.get_bucket_versioning(Bucket=BUCKET)
    assert s3.list_objects_v2(Bucket="mds-123456789012-logs")["KeyCount"]
    refused = keep(state="absent")
    assert refused["failed"] and "logs (mds-123456789012-logs) would be deleted" in refused["msg"]
    gone = keep(state="absent", delete_with_objects=["logs"])
    assert not gone["failed"], gone["msg"]
    assert there(s3) == []


def test_locked_objects_keep_their_bucket(lab, s3, keep):
    locked = {"name": "attachments", "object_lock": {"mode": "governance", "days": 1}}
    keep(locked)
    s3.put_object(Bucket=BUCKET, Key="x", Body=b"1")
    lab.clear_calls()
    refused = keep(state="absent", delete_with_objects=["attachments"])
    assert refused["failed"] and "object lock" in refused["msg"]
    assert lab.mutating() == []


def test_what_may_not_be_looked_into_is_not_deleted(s3, keep):
    denial = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "s3:ListBucketVersions", "Resource": "{arn}"}
    keep({"name": "attachments", "statements": [denial]})
    refused = keep(state="absent")
    assert refused["failed"] and "cannot be seen whether" in refused["msg"] and "exempt_principals" in refused["msg"]
    assert there(s3) == ["attachments"]


def test_absent_takes_the_named_or_all_and_nothing_of_others(s3, keep):
    s3.create_bucket(Bucket="mds-123456789012-theirs", CreateBucketConfiguration=HERE)
    keep({"name": "one"}, {"name": "two"}, {"name": "three"}, {"name": "four"})
    assert named(keep({"name": "two"}, state="absent")) == [("delete", "two")]
    assert named(keep({"name": "one"}, purge=True, ignore=["four"])) == [("delete", "three")]
    assert named(keep(state="absent", check=True)) == [("delete", "four"), ("delete", "one")]
    assert not keep(state="absent")["failed"]
    assert there(s3) == ["theirs"]
    assert keep(state="absent")["actions"] == []


def test_a_half_failed_run_says_what_was_done(s3, keep):
    topic = "arn:aws:sns:ap-southeast-2:123456789012:missing"
    rules = [{"id": "n", "to": topic, "events": ["s3:ObjectCreated:*"]}]
    failed = keep({"name": "attachments"}, {"name": "exports", "notifications": {"rules": rules}})
    assert failed["failed"] and "Unable to validate the following destination" in failed["msg"]
    assert [action["name"] for action in failed["done"]] == ["attachments"]
    assert [action["name"] for action in failed["failed_actions"]] == ["exports"]
    # what there is of it is found by its tags
    assert named(keep({"name": "attachments"}, {"name": "exports"})) == []


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(before=declared(), after=declared())
def test_from_any_state_to_any_other(lab, keep, before, after):
    lab.reset()
    lab.client("sqs").create_queue(QueueName="events")
    lab.client("sns").create_topic(Name="events")
    for items in map(as_given, (before, with_locks_kept(before, after))):
        made = keep(*items)
        assert not made["failed"], made["msg"]
        assert set(there(lab.client("s3"))) >= {item["name"] for item in items}
        again = keep(*items)
        assert (again["failed"], again.get("actions")) == (False, [])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"buckets": [{"name": "Under_Score"}]}, ["Under_Score", "lower-case letters"]),
        ({"buckets": [{"name": "one"}, {"name": "one"}]}, ["'one' is there twice"]),
        ({"buckets": [{"name": "one", "logging": {"bucket": "lgos"}}]}, ["'lgos'", "neither one of buckets (one)"]),
        (
            {"buckets": [{"name": "one", "lifecycle": [{"id": "a", "expiration_days": 3}] * 2}]},
            ["buckets: one: lifecycle", "'a' is there twice"],
        ),
        (
            {"buckets": [{"name": "one", "access": {"source_ranges": ["10.0.0.0/33"]}}]},
            ["source_ranges '10.0.0.0/33'", "203.0.113.0/24"],
        ),
        (
            {"buckets": [{"name": "one", "access": {"vpc_endpoints": ["(known after apply)"]}}]},
            ["one: access", "only in check mode"],
        ),
    ],
)
def test_bad_input_is_refused_before_any_change(lab, keep, options, words):
    refused = keep(**options)
    assert refused["failed"] and refused["msg"].endswith(".")
    for word in words:
        assert word in refused["msg"]
    assert lab.mutating() == []
