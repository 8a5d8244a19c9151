# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What S3 keeps of a bucket, aspect by aspect, in the form that is compared; plain data, no calls.

S3 has an operation to read and one to write for each aspect. :data:`ASPECTS` names them, and how an answer becomes the
normal form and the normal form a request. The source is botocore's model of S3 (2006-03-01).
"""

from __future__ import annotations

import datetime
import json
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
)

Answer = t.Mapping[str, t.Any]
Request = tuple[str, dict[str, t.Any]]

PUBLIC_ACCESS = {
    "block_public_acls": "BlockPublicAcls",
    "ignore_public_acls": "IgnorePublicAcls",
    "block_public_policy": "BlockPublicPolicy",
    "restrict_public_buckets": "RestrictPublicBuckets",
}
ALGORITHMS = {"s3": "AES256", "kms": "aws:kms", "dsse": "aws:kms:dsse"}
# the service of an ARN -> where S3 keeps such a destination, and under which key
DESTINATIONS = {
    "sns": ("TopicConfigurations", "TopicArn"),
    "sqs": ("QueueConfigurations", "QueueArn"),
    "lambda": ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
}


def compact(fields: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The fields that say something: no None, and nothing empty."""
    return {key: value for key, value in fields.items() if value is not None and value not in ("", [], {})}


# versioning, encryption, access


def versioning(answer: Answer) -> bool:
    """Whether new versions are kept; suspended and never enabled are the same to what comes."""
    return answer.get("Status") == "Enabled"


def put_versioning(wanted: bool, answer: Answer) -> Request:
    return "put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled" if wanted else "Suspended"}}


def encryption(answer: Answer) -> dict[str, t.Any]:
    """``{type, key, bucket_key}``; the last two with KMS only, ``key`` null for AWS's own."""
    rules = (answer.get("ServerSideEncryptionConfiguration") or {}).get("Rules") or [{}]
    default = rules[0].get("ApplyServerSideEncryptionByDefault") or {"SSEAlgorithm": "AES256"}
    algorithm = default["SSEAlgorithm"]
    kind = next((name for name, aws in ALGORITHMS.items() if aws == algorithm), algorithm)
    if kind == "s3":
        return {"type": "s3"}
    return {
        "type": kind,
        "key": default.get("KMSMasterKeyID") or None,
        "bucket_key": bool(rules[0].get("BucketKeyEnabled")),
    }


def put_encryption(wanted: t.Mapping[str, t.Any], answer: Answer) -> Request:
    default = {"SSEAlgorithm": ALGORITHMS[wanted["type"]], **compact({"KMSMasterKeyID": wanted.get("key")})}
    rule: dict[str, t.Any] = {"ApplyServerSideEncryptionByDefault": default}
    if wanted["type"] != "s3":
        rule["BucketKeyEnabled"] = wanted["bucket_key"]
    # the write replaces the whole rule, so what is not declared here is handed back
    rules = (answer.get("ServerSideEncryptionConfiguration") or {}).get("Rules") or [{}]
    if rules[0].get("BlockedEncryptionTypes"):
        rule["BlockedEncryptionTypes"] = rules[0]["BlockedEncryptionTypes"]
    return "put_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def public_access_block(answer: Answer) -> dict[str, bool]:
    block = answer.get("PublicAccessBlockConfiguration") or {}
    return {name: bool(block.get(aws)) for name, aws in PUBLIC_ACCESS.items()}


def put_public_access_block(wanted: t.Mapping[str, bool], answer: Answer) -> Request:
    block = {aws: wanted[name] for name, aws in PUBLIC_ACCESS.items()}
    return "put_public_access_block", {"PublicAccessBlockConfiguration": block}


def ownership(answer: Answer) -> str:
    """A bucket without ownership controls, from before 2023, leaves objects to who wrote them."""
    rules = (answer.get("OwnershipControls") or {}).get("Rules") or [{"ObjectOwnership": "ObjectWriter"}]
    return rules[0]["ObjectOwnership"]


def put_ownership(wanted: str, answer: Answer) -> Request:
    return "put_bucket_ownership_controls", {"OwnershipControls": {"Rules": [{"ObjectOwnership": wanted}]}}


def policy(answer: Answer) -> dict[str, t.Any] | None:
    return json.loads(answer["Policy"]) if answer.get("Policy") else None


def put_policy(wanted: t.Mapping[str, t.Any] | None, answer: Answer) -> Request:
    if wanted is None:
        return "delete_bucket_policy", {}
    return "put_bucket_policy", {"Policy": json.dumps(wanted, separators=(",", ":"))}


# object lock


def object_lock(answer: Answer) -> dict[str, t.Any] | None:
    """``{enabled: true}``, with ``mode`` and ``days`` or ``years`` of the default retention; None without a lock."""
    lock = answer.get("ObjectLockConfiguration") or {}
    if lock.get("ObjectLockEnabled") != "Enabled":
        return None
    retention = (lock.get("Rule") or {}).get("DefaultRetention") or {}
    period = {key.lower(): retention[key] for key in ("Days", "Years") if retention.get(key)}
    return {"enabled": True, **compact({"mode": retention.get("Mode", "").lower(), **period})}


def put_object_lock(wanted: t.Mapping[str, t.Any], answer: Answer) -> Request:
    lock: dict[str, t.Any] = {"ObjectLockEnabled": "Enabled"}
    if wanted.get("mode"):
        period = {key.capitalize(): wanted[key] for key in ("days", "years") if wanted.get(key)}
        lock["Rule"] = {"DefaultRetention": {"Mode": wanted["mode"].upper(), **period}}
    return "put_object_lock_configuration", {"ObjectLockConfiguration": lock}


# lifecycle


def lifecycle(answer: Answer) -> dict[str, dict[str, t.Any]]:
    """The rules by id, each with what it says and nothing else."""
    return {rule.get("ID", ""): lifecycle_rule(rule) for rule in answer.get("Rules") or []}


def lifecycle_rule(rule: Answer) -> dict[str, t.Any]:
    given = rule.get("Filter") or {}
    both = given.get("And") or {}
    tags = boto3_tag_list_to_ansible_dict(both.get("Tags") or ([given["Tag"]] if given.get("Tag") else []))
    expiration = rule.get("Expiration") or {}
    noncurrent = rule.get("NoncurrentVersionExpiration") or {}
    return compact(
        {
            "enabled": rule["Status"] == "Enabled",
            "prefix": given.get("Prefix") or both.get("Prefix") or rule.get("Prefix"),
            "tags": tags,
            "object_size_greater_than": given.get("ObjectSizeGreaterThan", both.get("ObjectSizeGreaterThan")),
            "object_size_less_than": given.get("ObjectSizeLessThan", both.get("ObjectSizeLessThan")),
            "transitions": by_days(transition(item, "Days") for item in rule.get("Transitions") or []),
            "expiration_days": expiration.get("Days"),
            # dates cannot be declared, so a rule with one differs from any that is wanted
            "expiration_date": date(expiration.get("Date")),
            "expired_object_delete_marker": expiration.get("ExpiredObjectDeleteMarker") or None,
            "noncurrent_transitions": by_days(
                transition(item, "NoncurrentDays") for item in rule.get("NoncurrentVersionTransitions") or []
            ),
            "noncurrent_expiration_days": noncurrent.get("NoncurrentDays"),
            "noncurrent_newer_versions": noncurrent.get("NewerNoncurrentVersions"),
            "abort_multipart_days": (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation"),
        }
    )


def transition(item: Answer, days: str) -> dict[str, t.Any]:
    return compact(
        {
            "days": item.get(days),
            "date": date(item.get("Date")),
            "storage_class": item.get("StorageClass"),
            "newer_versions": item.get("NewerNoncurrentVersions"),
        }
    )


def date(moment: datetime.datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None


def by_days(transitions: t.Iterable[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    return sorted(transitions, key=lambda item: (item.get("days", -1), item.get("storage_class", "")))


def put_lifecycle(wanted: t.Mapping[str, t.Mapping[str, t.Any]], answer: Answer) -> Request:
    if not wanted:
        return "delete_bucket_lifecycle", {}
    rules = [request_rule(name, rule) for name, rule in sorted(wanted.items())]
    # without it S3 would set it back to its default
    kept = compact({"TransitionDefaultMinimumObjectSize": answer.get("TransitionDefaultMinimumObjectSize")})
    return "put_bucket_lifecycle_configuration", {"LifecycleConfiguration": {"Rules": rules}, **kept}


def request_rule(name: str, rule: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """S3's Rule, from the normal form."""
    made: dict[str, t.Any] = {
        "ID": name,
        "Status": "Enabled" if rule["enabled"] else "Disabled",
        "Filter": request_filter(rule),
    }
    expiration = compact(
        {
            "Days": rule.get("expiration_days"),
            "ExpiredObjectDeleteMarker": rule.get("expired_object_delete_marker"),
        }
    )
    noncurrent = compact(
        {
            "NoncurrentDays": rule.get("noncurrent_expiration_days"),
            "NewerNoncurrentVersions": rule.get("noncurrent_newer_versions"),
        }
    )
    abort = compact({"DaysAfterInitiation": rule.get("abort_multipart_days")})
    transitions = [
        {"Days": item["days"], "StorageClass": item["storage_class"]} for item in rule.get("transitions", [])
    ]
    old_transitions = [
        {
            "NoncurrentDays": item["days"],
            "StorageClass": item["storage_class"],
            **compact({"NewerNoncurrentVersions": item.get("newer_versions")}),
        }
        for item in rule.get("noncurrent_transitions", [])
    ]
    return {
        **made,
        **compact(
            {
                "Transitions": transitions,
                "Expiration": expiration,
                "NoncurrentVersionTransitions": old_transitions,
                "NoncurrentVersionExpiration": noncurrent,
                "AbortIncompleteMultipartUpload": abort,
            }
        ),
    }


def request_filter(rule: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """S3's Filter: one condition as it is, several beneath ``And``."""
    tags = ansible_dict_to_boto3_tag_list(rule.get("tags", {}))
    parts = compact(
        {
            "Prefix": rule.get("prefix"),
            "ObjectSizeGreaterThan": rule.get("object_size_greater_than"),
            "ObjectSizeLessThan": rule.get("object_size_less_than"),
        }
    )
    if len(parts) + len(tags) > 1:
        return {"And": {**parts, **compact({"Tags": tags})}}
    if tags:
        return {"Tag": tags[0]}
    return parts or {"Prefix": ""}


# CORS


def cors(answer: Answer) -> list[dict[str, t.Any]]:
    """The rules in their order, because the first that fits is the one that counts."""
    return [
        compact(
            {
                "id": rule.get("ID"),
                "methods": sorted(rule["AllowedMethods"]),
                "origins": sorted(rule["AllowedOrigins"]),
                "headers": sorted(rule.get("AllowedHeaders") or []),
                "expose_headers": sorted(rule.get("ExposeHeaders") or []),
                "max_age": rule.get("MaxAgeSeconds"),
            }
        )
        for rule in answer.get("CORSRules") or []
    ]


def put_cors(wanted: t.Sequence[t.Mapping[str, t.Any]], answer: Answer) -> Request:
    if not wanted:
        return "delete_bucket_cors", {}
    rules = [
        compact(
            {
                "ID": rule.get("id"),
                "AllowedMethods": rule["methods"],
                "AllowedOrigins": rule["origins"],
                "AllowedHeaders": rule.get("headers"),
                "ExposeHeaders": rule.get("expose_headers"),
                "MaxAgeSeconds": rule.get("max_age"),
            }
        )
        for rule in wanted
    ]
    return "put_bucket_cors", {"CORSConfiguration": {"CORSRules": rules}}


# access log, notifications, tags


def logging(answer: Answer) -> dict[str, str] | None:
    enabled = answer.get("LoggingEnabled")
    return {"bucket": enabled["TargetBucket"], "prefix": enabled.get("TargetPrefix") or ""} if enabled else None


def put_logging(wanted: t.Mapping[str, str] | None, answer: Answer) -> Request:
    status = {"LoggingEnabled": {"TargetBucket": wanted["bucket"], "TargetPrefix": wanted["prefix"]}} if wanted else {}
    return "put_bucket_logging", {"BucketLoggingStatus": status}


def notifications(answer: Answer) -> dict[str, t.Any]:
    """``{eventbridge, rules}``, the rules by id: ``{to: ARN, events, prefix, suffix}``."""
    rules = {}
    for key, arn in DESTINATIONS.values():
        for item in answer.get(key) or []:
            parts = ((item.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []
            # S3 tells the names with capitals, whatever they were given with
            filters = {part["Name"].lower(): part.get("Value") for part in parts}
            rules[item.get("Id", "")] = {"to": item[arn], "events": sorted(item["Events"]), **compact(filters)}
    return {"eventbridge": answer.get("EventBridgeConfiguration") is not None, "rules": rules}


def put_notifications(wanted: t.Mapping[str, t.Any], answer: Answer) -> Request:
    made: dict[str, t.Any] = {"EventBridgeConfiguration": {}} if wanted["eventbridge"] else {}
    for name, rule in sorted(wanted["rules"].items()):
        key, arn = DESTINATIONS[rule["to"].split(":")[2]]
        item: dict[str, t.Any] = {"Id": name, arn: rule["to"], "Events": rule["events"]}
        filters = [{"Name": part, "Value": rule[part]} for part in ("prefix", "suffix") if rule.get(part)]
        if filters:
            item["Filter"] = {"Key": {"FilterRules": filters}}
        made.setdefault(key, []).append(item)
    return "put_bucket_notification_configuration", {"NotificationConfiguration": made}


def tags(answer: Answer) -> dict[str, str]:
    """Without those of AWS's own services, which nobody can declare."""
    given = boto3_tag_list_to_ansible_dict(answer.get("TagSet") or [])
    return {key: value for key, value in given.items() if not key.startswith("aws:")}


def put_tags(wanted: t.Mapping[str, str], answer: Answer) -> Request:
    theirs = [tag for tag in answer.get("TagSet") or [] if tag["Key"].startswith("aws:")]
    return "put_bucket_tagging", {"Tagging": {"TagSet": [*theirs, *ansible_dict_to_boto3_tag_list(dict(wanted))]}}


class Aspect(t.NamedTuple):
    """How one aspect is read and written.

    ``read`` is the client's method and ``missing`` the error with which S3 says that it was never set; ``parse`` makes
    the normal form of its answer (``{}`` when missing), and ``request`` the method and arguments that write it, given
    also the answer that was read, for what a write would set back unasked.
    """

    read: str
    missing: str
    parse: t.Callable[[Answer], t.Any]
    request: t.Callable[[t.Any, Answer], Request]


ASPECTS: dict[str, Aspect] = {
    "tags": Aspect("get_bucket_tagging", "NoSuchTagSet", tags, put_tags),
    "ownership": Aspect("get_bucket_ownership_controls", "OwnershipControlsNotFoundError", ownership, put_ownership),
    "public_access_block": Aspect(
        "get_public_access_block",
        "NoSuchPublicAccessBlockConfiguration",
        public_access_block,
        put_public_access_block,
    ),
    "encryption": Aspect(
        "get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError", encryption, put_encryption
    ),
    "versioning": Aspect("get_bucket_versioning", "", versioning, put_versioning),
    "object_lock": Aspect(
        "get_object_lock_configuration", "ObjectLockConfigurationNotFoundError", object_lock, put_object_lock
    ),
    "lifecycle": Aspect("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration", lifecycle, put_lifecycle),
    "cors": Aspect("get_bucket_cors", "NoSuchCORSConfiguration", cors, put_cors),
    "policy": Aspect("get_bucket_policy", "NoSuchBucketPolicy", policy, put_policy),
    "logging": Aspect("get_bucket_logging", "", logging, put_logging),
    "notifications": Aspect("get_bucket_notification_configuration", "", notifications, put_notifications),
}
"""In the order in which they are written: a lock needs versions, a public policy the block out of its way."""
