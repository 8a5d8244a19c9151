"""Buckets from any state to any other, on an S3 in memory that refuses what AWS refuses."""

from __future__ import annotations

import copy
import json

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _buckets as buckets
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _buckets_input as rules
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._buckets_forms import ASPECTS
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._buckets_policy import Place
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import CREATE, UPDATE, ApplyError, InputError
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.extensions.s3 import lifecycle_refusal, policy_refusal
from tests.unit.bucket_states import ACCOUNT, NAMES, REGION, declared, item, refused, with_locks_kept

MODEL = get_session().get_service_model("s3")
EVENTS = MODEL.shape_for("Event").enum
PLACE = Place("aws", ACCOUNT, REGION)
PLACES = {"platform": "mds", "account": ACCOUNT, "region": REGION}
METHODS = {xform_name(operation): MODEL.operation_model(operation) for operation in MODEL.operation_names}
# what a request wraps into one more structure than the answer
WRAPPERS = (
    "VersioningConfiguration",
    "LifecycleConfiguration",
    "CORSConfiguration",
    "BucketLoggingStatus",
    "NotificationConfiguration",
    "Tagging",
)
READS = {aspect.read: aspect for aspect in ASPECTS.values()}


class Memory:
    """S3 in memory: what is put is told, and what AWS refuses is refused."""

    def __init__(self, full=()):
        self.full = {f"mds-{name}" for name in full}
        self.kept: dict[str, dict[str, dict]] = {}
        self.written: list[str] = []

    def __getattr__(self, method):
        if method.startswith("_"):
            raise AttributeError(method)

        def call(**arguments):
            report = ParamValidator().validate(arguments, METHODS[method].input_shape)
            assert not report.has_errors(), report.generate_report()
            bucket = arguments.pop("Bucket")
            assert method == "create_bucket" or arguments.pop("ExpectedBucketOwner") == ACCOUNT
            if method != "create_bucket" and bucket not in self.kept:
                self._refuse(method, "NoSuchBucket")
            if not method.startswith(("get_", "list_")):
                self.written.append(method)
            if method in READS:
                return self._read(method, bucket)
            if method.startswith("put_"):
                return self._put(method, bucket, arguments)
            return getattr(self, f"_{method}")(bucket, arguments)

        return call

    def get_waiter(self, _name):
        return type("Waiter", (), {"wait": lambda self, **unused: None})()

    def get_paginator(self, operation):
        buckets_listed = [{"Name": name, "BucketRegion": REGION} for name in self.kept]
        pages = [{"Buckets": buckets_listed}] if operation == "list_buckets" else [{}]
        return type("Paginator", (), {"paginate": lambda self, **unused: pages})()

    def _refuse(self, operation, code):
        raise ClientError({"Error": {"Code": code, "Message": code}}, operation)

    def _read(self, method, bucket):
        found = self.kept[bucket].get(method.removeprefix("get_"))
        if found is None:
            if READS[method].missing:
                self._refuse(method, READS[method].missing)
            return {}
        return copy.deepcopy(found)

    def _put(self, method, bucket, arguments):
        for wrapper in WRAPPERS:
            if wrapper in arguments:
                arguments.update(arguments.pop(wrapper))
        kept = self.kept[bucket]
        locked = "object_lock_configuration" in kept
        versioned = kept.get("bucket_versioning", {}).get("Status")
        if method == "put_bucket_versioning" and locked and arguments["Status"] != "Enabled":
            self._refuse(method, "InvalidBucketState")
        if method == "put_object_lock_configuration":
            enabled = arguments["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"
            if versioned != "Enabled" or not enabled:
                self._refuse(method, "InvalidBucketState")
        if method == "put_bucket_lifecycle_configuration" and lifecycle_refusal(arguments["Rules"]):
            self._refuse(method, lifecycle_refusal(arguments["Rules"]))
        if method == "put_bucket_policy":
            block = kept["public_access_block"]["PublicAccessBlockConfiguration"]
            refused = policy_refusal(arguments["Policy"], PLACE.bucket_arn(bucket), block["BlockPublicPolicy"])
            if refused:
                self._refuse(method, refused[0])
        if method == "put_bucket_logging" and arguments:
            self._check_log(method, bucket, arguments["LoggingEnabled"])
        kept[method.removeprefix("put_")] = arguments

    def _check_log(self, method, bucket, wanted):
        target = self.kept.get(wanted["TargetBucket"])
        policy = json.loads(((target or {}).get("bucket_policy") or {"Policy": '{"Statement": []}'})["Policy"])
        let_in = [s for s in policy["Statement"] if s["Principal"] == {"Service": "logging.s3.amazonaws.com"}]
        if not let_in or PLACE.bucket_arn(bucket) not in let_in[0]["Condition"]["ArnLike"]["aws:SourceArn"]:
            self._refuse(method, "InvalidTargetBucketForLogging")
        retention = target.get("object_lock_configuration", {}).get("ObjectLockConfiguration", {}).get("Rule")
        if retention or "kms" in json.dumps(target["bucket_encryption"]):
            self._refuse(method, "InvalidTargetBucketForLogging")

    def _create_bucket(self, bucket, arguments):
        assert bucket not in self.kept
        configuration = arguments["CreateBucketConfiguration"]
        assert configuration["LocationConstraint"] == REGION
        block = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True}
        encrypted = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        kept = {
            "bucket_tagging": {"TagSet": configuration["Tags"]},
            "bucket_ownership_controls": {
                "OwnershipControls": {"Rules": [{"ObjectOwnership": arguments["ObjectOwnership"]}]}
            },
            "public_access_block": {"PublicAccessBlockConfiguration": {**block, "RestrictPublicBuckets": True}},
            "bucket_encryption": {"ServerSideEncryptionConfiguration": encrypted},
        }
        if arguments.get("ObjectLockEnabledForBucket"):
            kept["bucket_versioning"] = {"Status": "Enabled"}
            kept["object_lock_configuration"] = {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}
        self.kept[bucket] = kept

    def _delete_bucket_policy(self, bucket, _arguments):
        self.kept[bucket].pop("bucket_policy", None)

    def _delete_bucket_lifecycle(self, bucket, _arguments):
        self.kept[bucket].pop("bucket_lifecycle_configuration", None)

    def _delete_bucket_cors(self, bucket, _arguments):
        self.kept[bucket].pop("bucket_cors", None)

    def _delete_bucket(self, bucket, _arguments):
        assert bucket not in self.full
        del self.kept[bucket]

    def _list_object_versions(self, bucket, _arguments):
        return {"Versions": [{"Key": "a", "VersionId": "1"}]} if bucket in self.full else {}

    def _list_multipart_uploads(self, _bucket, _arguments):
        return {}


def converge(s3, items, check=False):
    """What the module does with these buckets; the plan, and what is wanted."""
    names = rules.aws_names(items, "mds-", PLACES)
    rules.validate(items, REGION, EVENTS)
    levels = rules.log_levels(items)
    wanted = buckets.desired(items, names, PLACE, "mds")
    reader = buckets.Reader(s3, PLACE)
    observed = reader.observe("mds", wanted, whole=True)
    rules.validate_logging(items, observed.regions, REGION)
    planned = buckets.check_deletable(reader, buckets.plan(wanted, observed, purge=True), ())
    if not check:
        buckets.Apply(reader, observed, levels, (), 0)(planned)
    return planned, wanted


@pytest.mark.once
@settings(max_examples=80, deadline=None, derandomize=True)
@given(declared(), declared(), st.sets(st.sampled_from(NAMES)), st.sampled_from([True, True, False]))
def test_from_any_state_to_any_other(before, after, full, locks_kept):
    """``full`` are those that hold objects once they are there."""
    if locks_kept:
        after = with_locks_kept(before, after)
    s3 = Memory(full)
    for items in (before, after):
        there = copy.deepcopy(s3.kept)
        if items is after and refused(before, after, full):
            with pytest.raises(InputError, match=r"^(buckets|delete_with_objects): .*\.$"):
                converge(s3, items)
            assert (s3.kept, s3.written) == (there, [])
            return
        planned, wanted = converge(s3, items)
        assert set(s3.kept) == {fields["bucket"] for fields in wanted.values()}
        for fields in wanted.values():
            reader = buckets.Reader(s3, PLACE)
            (answers,) = reader.answers([fields["bucket"]], list(ASPECTS))
            assert reader.fields(fields["bucket"], answers) == fields
        # no more is written than differs
        updates = planned.only(verbs=[UPDATE])
        if not planned.only(verbs=[CREATE]):
            deleted = len(planned) - len(updates)
            assert len(s3.written) == sum(len(action.after) for action in updates) + deleted
        s3.written.clear()
        again, _wanted = converge(s3, items)
        assert (again.as_list(), s3.written) == ([], [])


@pytest.mark.once
@settings(max_examples=25, deadline=None, derandomize=True)
@given(declared(), declared())
def test_one_that_is_broken_off_anywhere_is_completed(before, after):
    after = with_locks_kept(before, after)

    class Broken(Exception):
        pass

    class Fragile(Memory):
        left = None

        def __getattr__(self, method):
            call = super().__getattr__(method)

            def once(**arguments):
                if self.left is not None and not method.startswith(("get_", "list_")):
                    self.left -= 1
                    if self.left < 0:
                        raise Broken
                return call(**arguments)

            return once

    reference = Memory()
    converge(reference, before)
    converge(reference, after)
    for moment in range(0, 40, 7):
        s3 = Fragile()
        converge(s3, before)
        s3.left = moment
        try:
            converge(s3, after)
        except (Broken, ApplyError):
            s3.left = None
            converge(s3, after)
        s3.left = None
        assert converge(s3, after, check=True)[0].as_list() == []
        assert set(s3.kept) == set(reference.kept)


def test_the_memory_refuses_what_aws_refuses():
    """The property above would be worth nothing on an S3 that takes all."""
    s3 = Memory()
    s3.create_bucket(
        Bucket="b",
        ObjectOwnership="BucketOwnerEnforced",
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": REGION, "Tags": []},
    )
    who = {"Bucket": "b", "ExpectedBucketOwner": ACCOUNT}
    with pytest.raises(ClientError, match="InvalidBucketState"):
        s3.put_bucket_versioning(**who, VersioningConfiguration={"Status": "Suspended"})
    with pytest.raises(ClientError, match="InvalidTargetBucketForLogging"):
        s3.put_bucket_logging(**who, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "b", "TargetPrefix": ""}})
    with pytest.raises(ClientError, match="Expiration"):
        rule = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 3}}
        rule["Transitions"] = [{"Days": 9, "StorageClass": "GLACIER"}]
        s3.put_bucket_lifecycle_configuration(**who, LifecycleConfiguration={"Rules": [rule]})


def test_a_full_bucket_is_emptied_a_page_a_call():
    class Full(Memory):
        objects = [{"Key": str(number), "VersionId": "1"} for number in range(2500)]

        def _list_object_versions(self, _bucket, _arguments):
            page = self.objects[:1000]
            return {"Versions": page[:600], "DeleteMarkers": page[600:]}

        def _delete_objects(self, _bucket, arguments):
            gone = arguments["Delete"]["Objects"]
            self.objects = [item for item in self.objects if item not in gone]
            return {}

    s3 = Full()
    converge(s3, [item()])
    named = ["attachments"]
    reader = buckets.Reader(s3, PLACE)
    observed = reader.observe("mds", {}, whole=True)
    planned = buckets.check_deletable(reader, buckets.plan({}, observed, purge=True), named)
    s3.written.clear()
    buckets.Apply(reader, observed, {}, named, 0)(planned)
    assert s3.written == ["delete_objects"] * 3 + ["delete_bucket"]
    assert s3.kept == {}
