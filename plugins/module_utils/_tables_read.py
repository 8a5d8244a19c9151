# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What DynamoDB, its tagging and its scaling say of the platform's tables, in the form in which plans compare."""

from __future__ import annotations

import datetime
import functools
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    PLATFORM_TAG,
    client,
    declared_name,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import Fields, InputError, concurrently
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._tables_input import (
    CLASSES,
    PROJECTIONS,
    STREAMS,
    TYPES,
    Wanted,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

WORKERS = 16
FIRST_PAUSE = 0.2
"""Seconds between the first looks at a status."""
TAGS_TIMEOUT = 15
"""Seconds for which a new table's tags may not be readable yet."""
ACTIVE, CREATING, DELETING = "ACTIVE", "CREATING", "DELETING"


def not_found() -> type[Exception]:
    """For an ``except`` clause: that there is no such table, or not yet."""
    return is_boto3_error_code(["ResourceNotFoundException", "TableNotFoundException"])


def reverse(words: t.Mapping[str, str]) -> dict[str, str]:
    return {theirs: ours for ours, theirs in words.items()}


OUR_TYPES, OUR_PROJECTIONS, OUR_STREAMS, OUR_CLASSES = map(reverse, (TYPES, PROJECTIONS, STREAMS, CLASSES))


class Present(t.NamedTuple):
    """A table that is there; ``detail`` is DescribeTable's answer, ``changing`` whether its TTL is being changed."""

    fields: Fields
    indexes: dict[str, Fields]
    scaling: dict[tuple[str | None, str], Fields]
    detail: t.Mapping[str, t.Any]
    changing: bool = False


class Observed(t.NamedTuple):
    """The platform's tables by declared name, wanted names that somebody else's tables have, and tables with items."""

    tables: dict[str, Present]
    foreign: frozenset[str] = frozenset()
    with_data: frozenset[str] = frozenset()


def keys(owner: t.Mapping[str, t.Any], types: t.Mapping[str, str]) -> dict[str, t.Any]:
    """The keys of a table or index."""
    named = {item["KeyType"]: item["AttributeName"] for item in owner["KeySchema"]}
    return {
        part: {"name": named[kind], "type": OUR_TYPES[types[named[kind]]]} if kind in named else None
        for part, kind in (("partition_key", "HASH"), ("sort_key", "RANGE"))
    }


def index_keys(index: t.Mapping[str, t.Any], types: t.Mapping[str, str]) -> dict[str, t.Any]:
    projection = index["Projection"]
    return {
        **keys(index, types),
        "projection": OUR_PROJECTIONS[projection["ProjectionType"]],
        "include": sorted(projection.get("NonKeyAttributes") or []),
    }


def billing_mode(detail: t.Mapping[str, t.Any]) -> str:
    """A table that was never anything but provisioned has no summary."""
    mode = (detail.get("BillingModeSummary") or {}).get("BillingMode") or "PROVISIONED"
    return "on_demand" if mode == "PAY_PER_REQUEST" else "provisioned"


def capacity(owner: t.Mapping[str, t.Any], mode: str) -> dict[str, int | None]:
    """Read and write units of a table or index, None where it pays by the request."""
    units = owner.get("ProvisionedThroughput") or {}
    return {
        "read_capacity": units.get("ReadCapacityUnits") if mode == "provisioned" else None,
        "write_capacity": units.get("WriteCapacityUnits") if mode == "provisioned" else None,
    }


def types_of(detail: t.Mapping[str, t.Any]) -> dict[str, str]:
    return {item["AttributeName"]: item["AttributeType"] for item in detail["AttributeDefinitions"]}


def live_indexes(detail: t.Mapping[str, t.Any]) -> dict[str, t.Mapping[str, t.Any]]:
    """The global indexes that are not about to go."""
    found = detail.get("GlobalSecondaryIndexes") or []
    return {index["IndexName"]: index for index in found if index.get("IndexStatus") != DELETING}


def index_fields(detail: t.Mapping[str, t.Any]) -> dict[str, Fields]:
    mode, types = billing_mode(detail), types_of(detail)
    return {name: {**index_keys(index, types), **capacity(index, mode)} for name, index in live_indexes(detail).items()}


def table_fields(detail: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The fields that DescribeTable tells; encryption, TTL, recovery and tags are read elsewhere."""
    types, stream = types_of(detail), detail.get("StreamSpecification") or {}
    mode = billing_mode(detail)
    return {
        **keys(detail, types),
        "local_indexes": {
            index["IndexName"]: index_keys(index, types) for index in detail.get("LocalSecondaryIndexes") or []
        },
        "billing_mode": mode,
        **capacity(detail, mode),
        "stream": OUR_STREAMS[stream["StreamViewType"]] if stream.get("StreamEnabled") else "none",
        "table_class": OUR_CLASSES[(detail.get("TableClassSummary") or {}).get("TableClass") or "STANDARD"],
        "deletion_protection": bool(detail.get("DeletionProtectionEnabled")),
    }


# --- reading --------------------------------------------------------------------------------------------------------


class Reader:
    """What AWS says of the platform's tables."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        self.module, self.platform, self.region = module, module.params["platform"], module.region
        self.prefix = f"{self.platform}-"
        self.dynamodb, self.tagging = client(module, "dynamodb"), client(module, "resourcegroupstaggingapi")
        self.autoscaling = client(module, "application-autoscaling")
        self.known_keys: dict[str, tuple[str, bool]] = {}

    def aws_name(self, name: str) -> str:
        return self.prefix + name

    def names(self) -> list[str]:
        """Declared names of all tables that are called as ours are, whoever's."""
        listed = pages(self.dynamodb, "list_tables", "TableNames")
        return [name.removeprefix(self.prefix) for name in listed if name.startswith(self.prefix)]

    def tagged(self) -> dict[str, dict[str, str]]:
        """The tags of the platform's tables, as the tagging service knows them (it learns late)."""
        found = pages(
            self.tagging,
            "get_resources",
            "ResourceTagMappingList",
            TagFilters=[{"Key": PLATFORM_TAG, "Values": [self.platform]}],
            ResourceTypeFilters=["dynamodb:table"],
            ResourcesPerPage=100,
        )
        by_name = {item["ResourceARN"].rpartition("table/")[2]: tags_of(item) for item in found}
        return {name.removeprefix(self.prefix): tags for name, tags in by_name.items() if name.startswith(self.prefix)}

    def detail(self, name: str) -> dict[str, t.Any] | None:
        """DescribeTable's answer; None when there is no such table, or not yet."""
        try:
            return self.dynamodb.describe_table(TableName=self.aws_name(name))["Table"]
        except not_found():
            return None

    def tags(self, detail: t.Mapping[str, t.Any]) -> dict[str, str]:
        """A table's tags from DynamoDB itself; those of a table made a moment ago are waited for."""

        def look() -> dict[str, str]:
            try:
                return tags_of(
                    {"Tags": pages(self.dynamodb, "list_tags_of_resource", "Tags", ResourceArn=detail["TableArn"])}
                )
            except not_found():
                return {}

        age = datetime.datetime.now(datetime.UTC) - detail["CreationDateTime"]
        timeout = TAGS_TIMEOUT if age.total_seconds() < TAGS_TIMEOUT else 0
        return poll(look, bool, timeout, first=FIRST_PAUSE)

    def ttl(self, name: str) -> tuple[str | None, bool]:
        """The attribute of time to live, None for none, and whether AWS is still at work on a change."""
        try:
            found = self.dynamodb.describe_time_to_live(TableName=self.aws_name(name))["TimeToLiveDescription"]
        except not_found():
            return None, False
        status = found["TimeToLiveStatus"]
        return found.get("AttributeName") if status.startswith("ENABL") else None, status in ("ENABLING", "DISABLING")

    def recovery_days(self, name: str) -> int:
        try:
            found = self.dynamodb.describe_continuous_backups(TableName=self.aws_name(name))
        except not_found():
            return 0
        recovery = found["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription") or {}
        if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
            return 0
        return recovery.get("RecoveryPeriodInDays") or 35

    @functools.cached_property
    def kms(self):
        return client(self.module, "kms")

    def key(self, name: str) -> tuple[str, bool]:
        """The ARN of a KMS key (by id, alias or ARN), and whether AWS manages it."""
        if name in self.known_keys:
            return self.known_keys[name]
        try:
            found = self.kms.describe_key(KeyId=name)["KeyMetadata"]
        except is_boto3_error_code(["NotFoundException", "InvalidArnException"]) as error:
            raise InputError(
                f"tables: kms_key {name!r} is not a key in {self.region}; an id, ARN or alias of one is allowed."
            ) from error
        self.known_keys[name] = found["Arn"], found["KeyManager"] == "AWS"
        return self.known_keys[name]

    def encryption(self, detail: t.Mapping[str, t.Any]) -> dict[str, str | None]:
        found = detail.get("SSEDescription") or {}
        if found.get("Status") not in ("ENABLED", "ENABLING", "UPDATING"):
            return {"encryption": "owned", "kms_key": None}
        arn, by_aws = self.key(found["KMSMasterKeyArn"])
        if by_aws:
            return {"encryption": "aws_managed", "kms_key": None}
        return {"encryption": "customer_managed", "kms_key": arn}

    def scaling(self) -> dict[str, dict[tuple[str | None, str], Fields]]:
        """Scaling by declared table name, then by index (None for the table) and mode.

        A target without a policy, as a killed run leaves it, has no ``target``.
        """
        targets, policies = concurrently(
            lambda: pages(
                self.autoscaling, "describe_scalable_targets", "ScalableTargets", ServiceNamespace="dynamodb"
            ),
            lambda: pages(
                self.autoscaling, "describe_scaling_policies", "ScalingPolicies", ServiceNamespace="dynamodb"
            ),
        )
        found: dict[str, dict[tuple[str | None, str], dict[str, t.Any]]] = {}
        for target in targets:
            table, place = self.place(target)
            found.setdefault(table, {})[place] = {"min": target["MinCapacity"], "max": target["MaxCapacity"]}
        for policy in policies:
            table, place = self.place(policy)
            tracking = policy.get("TargetTrackingScalingPolicyConfiguration")
            if tracking and place in found.get(table, {}):
                found[table][place]["target"] = int(tracking["TargetValue"])
        return {name.removeprefix(self.prefix): of for name, of in found.items() if name.startswith(self.prefix)}

    @staticmethod
    def place(item: t.Mapping[str, t.Any]) -> tuple[str, tuple[str | None, str]]:
        """Which table, index and mode a scalable target or a policy is for."""
        parts = item["ResourceId"].split("/")
        mode = "read" if "Read" in item["ScalableDimension"] else "write"
        return parts[1], (parts[3] if len(parts) > 3 else None, mode)

    def holds_items(self, name: str, detail: t.Mapping[str, t.Any]) -> bool:
        """Whether a table holds anything now: its count in DescribeTable is hours old."""
        if detail["TableStatus"] == CREATING and not detail.get("RestoreSummary"):
            return False
        answer = self.dynamodb.scan(TableName=self.aws_name(name), Limit=1, Select="COUNT", ConsistentRead=True)
        return bool(answer["Count"])


def observe(reader: Reader, wanted: t.Mapping[str, Wanted], purge: bool = False) -> Observed:
    """Read the wanted tables and, with ``purge``, the platform's others.

    The tagging service tells many tables' tags in a call, but late. So DynamoDB itself is asked wherever its answer
    would change something, or hide a table that is to go.
    """
    names, tagged, scaling = concurrently(reader.names, reader.tagged, reader.scaling)
    asked = [name for name in names if name in wanted or purge]
    details = dict(zip(asked, concurrently(*[lambda n=n: reader.detail(n) for n in asked], workers=WORKERS)))
    details = {n: found for n, found in details.items() if found is not None and found["TableStatus"] != DELETING}

    def read(name: str, detail: dict[str, t.Any]) -> tuple[dict[str, str], Present | None, bool]:
        tags = tagged.get(name) or {}
        if name not in wanted or plain(tags) != wanted[name].fields["tags"]:
            tags = reader.tags(detail)
        if declared_name(tags, reader.platform) != name:
            return tags, None, False
        if name in wanted:
            (ttl, changing), days = reader.ttl(name), reader.recovery_days(name)
            further = {"ttl": ttl, "recovery_days": days, **reader.encryption(detail), "tags": plain(tags)}
        else:
            changing, further = False, {"tags": plain(tags)}
        fields = {**table_fields(detail), **further}
        present = Present(fields, index_fields(detail), scaling.get(name, {}), detail, changing)
        return tags, present, name not in wanted and reader.holds_items(name, detail)

    answers = concurrently(*[lambda n=n, d=d: read(n, d) for n, d in details.items()], workers=WORKERS)
    found = dict(zip(details, answers))
    return Observed(
        {name: present for name, (_tags, present, _data) in found.items() if present},
        frozenset(name for name, (_tags, present, _data) in found.items() if present is None and name in wanted),
        frozenset(name for name, (_tags, _present, data) in found.items() if data),
    )


def plain(tags: t.Mapping[str, str]) -> dict[str, str]:
    """Tags without those that AWS keeps itself."""
    return {name: value for name, value in tags.items() if not name.startswith("aws:")}
