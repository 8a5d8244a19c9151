"""S3: what a bucket has from its birth, whose it is and where, and what AWS refuses of its settings.

``lifecycle_refusal`` and ``policy_refusal`` take what botocore sends, so that tests may ask them too.
"""

from __future__ import annotations

import base64
import fnmatch
import functools
import json
import re
import typing as t

import botocore.parsers
import xmltodict
from moto.core.responses import ActionResult
from moto.core.utils import get_service_model
from moto.s3.models import LOGGING_SERVICE_PRINCIPAL, FakeBucket, PublicAccessBlock, S3Backend, s3_backends
from moto.s3.responses import S3Response
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from ..errors import aws_error

Refusal = tuple[str, str, int]
"""AWS's error code, what it says, and the HTTP status."""

COLDER = ("STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
INFREQUENT = ("STANDARD_IA", "ONEZONE_IA")
ENCRYPTED = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}}
MINIMUM_SIZE = "x-amz-transition-default-minimum-object-size"
DENIED = ("AccessDenied", "Access Denied", 403)


def lifecycle_refusal(rules: t.Sequence[t.Mapping[str, t.Any]]) -> str | None:
    """Why AWS refuses these lifecycle rules; None when it does not."""
    identifiers = [rule["ID"] for rule in rules if "ID" in rule]
    if len(set(identifiers)) < len(identifiers):
        return "Rule ID must be unique"
    for rule in rules:
        moves = [(item["StorageClass"], item["Days"]) for item in rule.get("Transitions", [])]
        expiration = rule.get("Expiration", {})
        problem = moves_refusal(moves, expiration.get("Days"))
        old = rule.get("NoncurrentVersionExpiration", {})
        old_moves = [(i["StorageClass"], i["NoncurrentDays"]) for i in rule.get("NoncurrentVersionTransitions", [])]
        problem = problem or moves_refusal(old_moves, old.get("NoncurrentDays"))
        given = rule.get("Filter", {})
        parts = {**given, **given.get("And", {})}
        tagged = "Tag" in parts or "Tags" in parts
        sized = "ObjectSizeGreaterThan" in parts or "ObjectSizeLessThan" in parts
        if "ExpiredObjectDeleteMarker" in expiration and (tagged or "Days" in expiration):
            problem = "ExpiredObjectDeleteMarker cannot be specified with Days or Tags"
        if "AbortIncompleteMultipartUpload" in rule and (tagged or sized):
            problem = "AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes"
        if "And" in given and len(given["And"]) + len(given["And"].get("Tags", [])) - ("Tags" in given["And"]) < 2:
            problem = "And needs two predicates"
        if not set(rule) - {"ID", "Status", "Filter", "Prefix"}:
            problem = "At least one action needs to be specified in a rule"
        if problem:
            return problem
    return None


def moves_refusal(moves: list[tuple[str, int]], expiration: int | None) -> str | None:
    for number, (storage, days) in enumerate(moves):
        if storage in INFREQUENT and days < 30:
            return f"'Days' in Transition action must be greater than or equal to 30 for storageClass '{storage}'"
        for other, later in moves[number + 1 :]:
            first, second = sorted([(days, storage), (later, other)])
            if first[0] == second[0] or COLDER.index(first[1]) >= COLDER.index(second[1]):
                return f"'Days' in the Transition action for '{second[1]}' must be later than for '{first[1]}'"
            if first[1] in INFREQUENT and second[0] - first[0] < 30:
                return f"'Days' in the Transition action for '{second[1]}' must be 30 days after '{first[1]}'"
        if expiration is not None and expiration <= days:
            return "'Days' in the Expiration action must be greater than 'Days' in the Transition action"
    return None


def policy_refusal(text: str, arn: str, block_public: bool) -> Refusal | None:
    """Why AWS refuses a bucket's policy."""
    try:
        policy = json.loads(text)
        statements = policy["Statement"]
    except (ValueError, KeyError, TypeError):
        return "MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'", 400
    for statement in statements if isinstance(statements, list) else [statements]:
        resources = statement.get("Resource", statement.get("NotResource", []))
        for resource in resources if isinstance(resources, list) else [resources]:
            if resource != arn and not resource.startswith(f"{arn}/"):
                return "MalformedPolicy", "Policy has invalid resource", 400
        public = statement.get("Principal") in ("*", {"AWS": "*"}) and "Condition" not in statement
        if public and statement.get("Effect") == "Allow" and block_public:
            return "AccessDenied", "User is not authorized: the policy is public and BlockPublicPolicy is on", 403
    return None


def denied(bucket: FakeBucket, action: str) -> bool:
    """Whether the policy denies everybody the action, whatever the request; conditions are not looked at."""
    for statement in json.loads(bucket.policy)["Statement"] if bucket.policy else []:
        actions = statement.get("Action", [])
        listed = actions if isinstance(actions, list) else [actions]
        everybody = statement.get("Principal") in ("*", {"AWS": "*"}) and "Condition" not in statement
        if statement["Effect"] == "Deny" and everybody and any(fnmatch.fnmatchcase(action, a) for a in listed):
            return True
    return False


@functools.cache
def parser():
    return botocore.parsers.create_parser("rest-xml")


def parsed(body: bytes, operation: str) -> dict[str, t.Any]:
    """What a request's body says, in the words of the answer of the operation that tells it."""
    shape = get_service_model("s3").operation_model(operation).output_shape
    answer = parser().parse({"body": body, "headers": {}, "status_code": 200}, shape)
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def answer(code: str, message: str, status: int, **headers: str):
    """An error as S3Response's methods return one."""
    unused_status, given, body = aws_error("s3", code, message, status)
    return status, {**dict(given), **headers}, body


def elsewhere(self: S3Response, head: bool):
    """The refusal of a request for a bucket that is another account's, or in another region; None otherwise."""
    found = s3_backends.bucket_accounts.get(self.bucket_name)
    if found is None:
        return None
    partition, account = found
    expected = self.headers.get("x-amz-expected-bucket-owner", account)
    bucket = s3_backends[account][partition].buckets.get(self.bucket_name)
    if account != self.current_account or expected != account:
        return (403, {}, "") if head else answer(*DENIED)
    if bucket and bucket.region_name != self.region:
        where = {"x-amz-bucket-region": bucket.region_name}
        said = "The bucket you are attempting to access must be addressed using the specified endpoint."
        return (301, where, "") if head else answer("PermanentRedirect", said, 301, **where)
    return None


def lacks_destination(wanted: dict[str, t.Any]) -> bool:
    """Whether notifications go to a queue or a topic that is not there."""
    for item in wanted.get("QueueConfigurations", []):
        _arn, _aws, _sqs, region, account, name = item["QueueArn"].split(":")
        if name not in sqs_backends[account][region].queues:
            return True
    for item in wanted.get("TopicConfigurations", []):
        _arn, _aws, _sns, region, account, _name = item["TopicArn"].split(":")
        if item["TopicArn"] not in sns_backends[account][region].topics:
            return True
    return False


def install() -> None:
    born, bucket_response, key_response = FakeBucket.__init__, S3Response._bucket_response, S3Response._key_response
    put, get_lifecycle = S3Response._bucket_response_put, S3Response.get_bucket_lifecycle
    get_notification, list_versions = S3Response.get_bucket_notification, S3Response.list_object_versions
    get_lock, may_log = S3Backend.get_object_lock_configuration, FakeBucket._log_permissions_enabled_policy
    permission = FakeBucket.get_permission

    def as_since_2023(self: FakeBucket, *positional, **named) -> None:
        born(self, *positional, **named)
        self.public_access_block = PublicAccessBlock(True, True, True, True)
        self.encryption = ENCRYPTED
        self.ownership_rule = "BucketOwnerEnforced"

    def bucket_of_ours(self: S3Response, request, full_url: str):
        making = request.method == "PUT" and not self._get_querystring(request, full_url)
        refused = None if making else elsewhere(self, request.method == "HEAD")
        return refused or bucket_response(self, request, full_url)

    def key_of_ours(self: S3Response, request, full_url: str):
        return elsewhere(self, request.method == "HEAD") or key_response(self, request, full_url)

    def all_buckets(self: S3Response):
        self.data["Action"] = "ListBuckets"
        asked = {name: self._get_param(name) for name in ("prefix", "bucket-region", "max-buckets")}
        token = self._get_param("continuation-token")
        after = base64.b64decode(token).decode() if token else ""
        found = self.backend.list_buckets(asked["prefix"], asked["bucket-region"], None)
        left = sorted((bucket for bucket in found if bucket.name > after), key=lambda bucket: bucket.name)
        page = left[: int(asked["max-buckets"])] if asked["max-buckets"] else left
        told = [
            {
                "Name": bucket.name,
                "CreationDate": bucket.creation_date_ISO8601,
                # told only to those who ask for something
                "BucketRegion": bucket.region_name if any(asked.values()) else None,
            }
            for bucket in page
        ]
        result = {"Owner": {"ID": "bcaf1ffd86f41161ca5fb16fd081034f"}, "Buckets": told}
        if len(page) < len(left):
            result["ContinuationToken"] = base64.b64encode(page[-1].name.encode()).decode()
        return self.serialized(ActionResult(result))

    def put_checked(self: S3Response, request, bucket_name: str, query: dict):
        bucket = self.backend.buckets.get(bucket_name)
        if bucket and "versioning" in query and b"Suspended" in self.body and bucket.object_lock_enabled:
            said = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
            return answer("InvalidBucketState", said, 409)
        if bucket and "policy" in query:
            block = bucket.public_access_block
            refused = policy_refusal(self.body.decode(), bucket.arn, bool(block and block.block_public_policy))
            if refused:
                return answer(*refused)
        if bucket and "lifecycle" in query:
            problem = lifecycle_refusal(parsed(self.body, "GetBucketLifecycleConfiguration").get("Rules", []))
            if problem:
                return answer("InvalidArgument", problem, 400)
            bucket.lifecycle_told = (self.headers.get(MINIMUM_SIZE, "all_storage_classes_128K"), self.body)
        if bucket and "notification" in query:
            if lacks_destination(parsed(self.body, "GetBucketNotificationConfiguration")):
                return answer("InvalidArgument", "Unable to validate the following destination configurations", 400)
            # S3 tells the names of filters with capitals
            bucket.notification_told = re.sub(rb"<Name>([ps])", lambda m: m[0][:-1] + m[1].upper(), self.body)
        made = put(self, request, bucket_name, query)
        if not query and self.body and not isinstance(made, str) and made[0] == 200:
            configuration = xmltodict.parse(self.body)["CreateBucketConfiguration"] or {}
            tags = (configuration.get("Tags") or {}).get("Tag", [])
            tags = tags if isinstance(tags, list) else [tags]
            if tags:
                self.backend.put_bucket_tagging(bucket_name, {tag["Key"]: tag["Value"] or "" for tag in tags})
        return made

    def lifecycle_as_it_was_put(self: S3Response):
        told = getattr(self.backend.get_bucket(self.bucket_name), "lifecycle_told", None)
        status, headers, body = get_lifecycle(self)
        return (status, {MINIMUM_SIZE: told[0]}, told[1]) if told else (status, headers, body)

    def notification_as_it_was_put(self: S3Response):
        told = getattr(self.backend.get_bucket(self.bucket_name), "notification_told", None)
        return (200, {}, told) if told else get_notification(self)

    def list_what_may_be_listed(self: S3Response):
        bucket = self.backend.get_bucket(self.bucket_name)
        return answer(*DENIED) if denied(bucket, "s3:ListBucketVersions") else list_versions(self)

    def put_lock(self: S3Backend, bucket_name: str, lock_enabled: bool, mode=None, days=None, years=None) -> None:
        # moto refuses it for a bucket with objects, as AWS did until 2023
        bucket = self.get_bucket(bucket_name)
        keys, bucket.keys = bucket.keys, type(bucket.keys)()
        try:
            original_lock(self, bucket_name, lock_enabled, mode, days, years)
        finally:
            bucket.keys = keys

    original_lock = S3Backend.put_object_lock_configuration

    def lock_as_it_was_put(self: S3Backend, bucket_name: str):
        enabled, mode, days, years = get_lock(self, bucket_name)
        return enabled, mode, days or None, years or None

    def may_log_by_policy(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
        whole = target_bucket.policy
        if not whole:
            return False
        named = [s for s in json.loads(whole)["Statement"] if isinstance(s.get("Principal"), dict)]
        services = [s for s in named if s["Principal"].get("Service") == LOGGING_SERVICE_PRINCIPAL]
        target_bucket.policy = json.dumps({"Statement": services}).encode()
        try:
            return may_log(target_bucket, target_prefix)
        finally:
            target_bucket.policy = whole

    def permission_without_conditions(self: FakeBucket, action: str, resource: str):
        """moto passes over conditions, so a denial for those without TLS would be one for everybody."""
        whole = self.policy
        if whole:
            statements = [s for s in json.loads(whole)["Statement"] if "Condition" not in s]
            self.policy = json.dumps({"Version": "2012-10-17", "Statement": statements}).encode()
        try:
            return permission(self, action, resource)
        finally:
            self.policy = whole

    FakeBucket.__init__ = as_since_2023
    FakeBucket._log_permissions_enabled_policy = staticmethod(may_log_by_policy)
    FakeBucket.get_permission = permission_without_conditions
    S3Backend.put_object_lock_configuration = put_lock
    S3Backend.get_object_lock_configuration = lock_as_it_was_put
    S3Response._bucket_response = bucket_of_ours
    S3Response._key_response = key_of_ours
    S3Response._bucket_response_put = put_checked
    S3Response.all_buckets = all_buckets
    S3Response.get_bucket_lifecycle = lifecycle_as_it_was_put
    S3Response.get_bucket_notification = notification_as_it_was_put
    S3Response.list_object_versions = list_what_may_be_listed
