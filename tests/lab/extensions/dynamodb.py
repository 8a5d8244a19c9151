"""DynamoDB: tables that pass through their statuses, and AWS's rules of changing one.

moto makes, changes and deletes a table at once, takes any number of index changes in a call, and passes over
encryption, class and counts of decreases. Here a status is passed at a DescribeTable: the first after a call tells
CREATING, UPDATING or DELETING, a new index backfills for one more. Limits of time (TTL, decreases, billing, class) go
by the lab's clock.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult, EmptyResult
from moto.dynamodb.exceptions import ResourceInUseException, ResourceNotFoundException, ValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import GlobalSecondaryIndex, Table
from moto.dynamodb.responses import DynamoHandler, DynamoResult
from moto.kms import kms_backends

from ..clock import CLOCK

ACTIVE, CREATING, UPDATING, DELETING = "ACTIVE", "CREATING", "UPDATING", "DELETING"
DAY, HOUR = 86400, 3600
GLOBAL_INDEXES, LOCAL_INDEXES, TAGS = 20, 5, 50
DECREASES, TO_ON_DEMAND, CLASS_CHANGES = 4, 4, 2
INVALID = "One or more parameter values were invalid: "


def limit(message: str) -> AWSError:
    return AWSError(message, exception_type="LimitExceededException")


def now() -> datetime.datetime:
    return datetime.datetime.fromtimestamp(CLOCK.now(), datetime.UTC)


def kept(thing: Any, name: str, default: Any) -> Any:
    """What the lab remembers of a table or index beside moto."""
    return thing.__dict__.setdefault(f"lab_{name}", default)


# --- statuses


def look(table: Table) -> None:
    """What the next DescribeTable shows is one step further."""
    if kept(table, "status", ACTIVE) != ACTIVE:
        table.lab_status = "GONE" if table.lab_status == DELETING else ACTIVE
        return
    for index in list(table.global_indexes):
        if index.status == DELETING:
            table.global_indexes.remove(index)
            used = table.attribute_keys
            table.attr = [item for item in table.attr if item["AttributeName"] in used]
        elif index.status == CREATING and not kept(index, "backfilling", False):
            index.lab_backfilling = True
        else:
            index.status = ACTIVE


def require_active(table: Table) -> None:
    status = kept(table, "status", ACTIVE)
    if status != ACTIVE:
        raise ResourceInUseException(
            f"Attempt to change a resource which is still in use: Table is {status}: {table.name}"
        )


def described(describe):
    def of(self: Table, base_key: str = "TableDescription") -> dict[str, Any]:
        answer = describe(self, base_key)
        found = answer[base_key]
        found["TableStatus"] = kept(self, "status", ACTIVE)
        found["TableId"] = kept(self, "id", str(uuid.uuid4()))
        switched = kept(self, "to_on_demand", [])
        if self.billing_mode != "PAY_PER_REQUEST" and not switched:
            del found["BillingModeSummary"]
        elif switched:
            found["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] = switched[-1]
        found["ProvisionedThroughput"] = units(self)
        if kept(self, "table_class", "STANDARD") != "STANDARD" or kept(self, "class_changes", []):
            found["TableClassSummary"] = {"TableClass": self.lab_table_class}
        for key, indexes in (("GlobalSecondaryIndexes", self.global_indexes), ("LocalSecondaryIndexes", self.indexes)):
            for shown, index in zip(found[key], indexes):
                shown["IndexArn"] = f"{self.table_arn}/index/{index.name}"
                if key == "GlobalSecondaryIndexes":
                    shown["ProvisionedThroughput"] = units(index)
                    if index.status == CREATING:
                        shown["Backfilling"] = kept(index, "backfilling", False)
            if not found[key]:
                del found[key]
        return answer

    return of


def units(owner: Table | GlobalSecondaryIndex) -> dict[str, Any]:
    """ProvisionedThroughputDescription."""
    times = kept(owner, "decreases", [])
    today = [at for at in times if at.date() == now().date()]
    return {
        "ReadCapacityUnits": owner.throughput["ReadCapacityUnits"],
        "WriteCapacityUnits": owner.throughput["WriteCapacityUnits"],
        "NumberOfDecreasesToday": len(today),
        **({"LastDecreaseDateTime": times[-1]} if times else {}),
    }


# --- rules


def set_units(owner: Table | GlobalSecondaryIndex, wanted: dict[str, int], name: str) -> None:
    """New capacity, refused when it is the old, or lower too often."""
    pairs = [(owner.throughput[key], wanted[key]) for key in ("ReadCapacityUnits", "WriteCapacityUnits")]
    if all(old == new for old, new in pairs):
        raise ValidationException(f"The provisioned throughput for the {name} will not change.")
    if any(new < old for old, new in pairs):
        times = kept(owner, "decreases", [])
        today = [at for at in times if at.date() == now().date()]
        if len(today) >= DECREASES and (now() - today[-1]).total_seconds() < HOUR:
            raise limit(
                "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. "
                f"Number of decreases today: {len(today)}."
            )
        times.append(now())
    owner.throughput = dict(wanted)


def set_encryption(table: Table, wanted: dict[str, Any] | None) -> None:
    if not wanted or not wanted.get("Enabled"):
        table.sse_specification = None
        return
    kms = kms_backends[table.account_id][table.region_name]
    key = wanted.get("KMSMasterKeyId")
    if key is None:
        arn = table._get_default_encryption_key(table.account_id, table.region_name)
        kms.describe_key(arn).key_manager = "AWS"
    else:
        try:
            arn = kms.describe_key(key).arn
        except KeyError as error:
            raise ValidationException(f"KMS key {key} does not exist") from error
    table.sse_specification = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn}


def check_definitions(table: Table, attributes: list[dict[str, str]], more: list[dict[str, str]]) -> None:
    used = set(table.attribute_keys) | {item["AttributeName"] for item in more}
    given = {item["AttributeName"]: item["AttributeType"] for item in attributes}
    lacking = sorted({item["AttributeName"] for item in more} - set(given))
    if lacking:
        raise ValidationException(f"{INVALID}Some index key attributes are not defined: {lacking}")
    if set(given) - used:
        raise ValidationException(f"{INVALID}Some AttributeDefinitions are not used: {sorted(set(given) - used)}")
    for item in table.attr:
        if (
            item["AttributeName"] in table.attribute_keys
            and given.get(item["AttributeName"], item["AttributeType"]) != (item["AttributeType"])
        ):
            raise ValidationException(f"{INVALID}Cannot change the type of attribute {item['AttributeName']}")


def change_indexes(table: Table, updates: list[dict[str, Any]], attributes: list[dict[str, str]], billing: str) -> None:
    by_name = {index.name: index for index in table.global_indexes}
    made_or_gone = [item for item in updates if "Create" in item or "Delete" in item]
    if len(made_or_gone) > 1 or (made_or_gone and any(index.status != ACTIVE for index in table.global_indexes)):
        raise limit("Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")
    for item in updates:
        ((verb, asked),) = item.items()
        name = asked["IndexName"]
        if verb == "Create":
            if name in by_name or name in {index.name for index in table.indexes}:
                raise ValidationException(f"{INVALID}Attempting to create an index which already exists: {name}")
            if len(by_name) >= GLOBAL_INDEXES:
                raise limit(f"{INVALID}GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_INDEXES}")
            check_units(asked, billing, f"index {name}")
            check_definitions(table, attributes, asked["KeySchema"])
            types = {**{a["AttributeName"]: a for a in table.attr}, **{a["AttributeName"]: a for a in attributes}}
            table.attr = list(types.values())
            made = GlobalSecondaryIndex.create(asked, table.table_key_attrs)
            made.status = CREATING
            table.global_indexes.append(made)
        elif name not in by_name:
            raise ResourceNotFoundException(f"Requested resource not found: Index: {name}")
        elif verb == "Delete":
            by_name[name].status = DELETING
        else:
            set_units(by_name[name], asked["ProvisionedThroughput"], f"index {name}")


def check_units(asked: dict[str, Any], billing: str, name: str) -> None:
    given = asked.get("ProvisionedThroughput")
    if billing == "PROVISIONED" and not given:
        raise ValidationException(f"{INVALID}ProvisionedThroughput must be specified for {name}")
    if billing == "PAY_PER_REQUEST" and given:
        raise ValidationException(f"{INVALID}ProvisionedThroughput should not be specified for {name}: PAY_PER_REQUEST")


def switch_billing(table: Table, asked: dict[str, Any]) -> bool:
    """Whether the billing mode is another one now."""
    mode = asked.get("BillingMode", table.billing_mode)
    if mode == table.billing_mode:
        return False
    updates = asked.get("GlobalSecondaryIndexUpdates") or []
    if mode == "PAY_PER_REQUEST":
        check_units(asked, mode, f"table {table.name}")
        times = kept(table, "to_on_demand", [])
        if len([at for at in times if (now() - at).total_seconds() < DAY]) >= TO_ON_DEMAND:
            raise limit(
                f"Subscriber limit exceeded: Update to PayPerRequest mode are limited to {TO_ON_DEMAND} in 24 hours"
            )
        times.append(now())
        for owner in (table, *table.global_indexes):
            owner.throughput = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    else:
        check_units(asked, mode, f"table {table.name}")
        lacking = {i.name for i in table.global_indexes} - {u["Update"]["IndexName"] for u in updates if "Update" in u}
        if lacking:
            raise ValidationException(f"{INVALID}ProvisionedThroughput must be specified for index: {sorted(lacking)}")
    table.billing_mode = mode
    return True


def set_stream(table: Table, wanted: dict[str, Any]) -> None:
    on = bool((table.stream_specification or {}).get("StreamEnabled"))
    if on == wanted["StreamEnabled"]:
        raise ValidationException(
            f"Table already has {'an enabled' if on else 'a disabled'} stream: TableName: {table.name}"
        )
    table.set_stream_specification(wanted)


def set_class(table: Table, wanted: str) -> None:
    times = kept(table, "class_changes", [])
    if len([at for at in times if (now() - at).total_seconds() < 30 * DAY]) >= CLASS_CHANGES:
        raise limit("Subscriber limit exceeded: Updates to TableClass are limited to 2 times in 30 days")
    times.append(now())
    table.lab_table_class = wanted


# --- operations

SETTINGS = {
    "BillingMode",
    "ProvisionedThroughput",
    "GlobalSecondaryIndexUpdates",
    "StreamSpecification",
    "SSESpecification",
    "TableClass",
    "DeletionProtectionEnabled",
}


def update_table(self: DynamoHandler) -> ActionResult:
    asked = self.body
    table = self.dynamodb_backend.get_table(asked["TableName"])
    require_active(table)
    if not SETTINGS & asked.keys():
        raise ValidationException(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled ... is required"
        )
    updates = asked.get("GlobalSecondaryIndexUpdates") or []
    structural = [item for item in updates if "Create" in item or "Delete" in item]
    if structural and asked.keys() & {"ProvisionedThroughput", "BillingMode"}:
        raise ValidationException("An index cannot be made or deleted together with a change of throughput")
    switch_billing(table, asked)
    if "ProvisionedThroughput" in asked:
        check_units(asked, table.billing_mode, f"table {table.name}")
        set_units(table, asked["ProvisionedThroughput"], "table")
    change_indexes(table, updates, asked.get("AttributeDefinitions") or [], table.billing_mode)
    if "StreamSpecification" in asked:
        set_stream(table, asked["StreamSpecification"])
    if "SSESpecification" in asked:
        set_encryption(table, asked["SSESpecification"])
    if "TableClass" in asked:
        set_class(table, asked["TableClass"])
    if "DeletionProtectionEnabled" in asked:
        table.deletion_protection_enabled = asked["DeletionProtectionEnabled"]
    table.lab_status = UPDATING
    return DynamoResult(table.describe())


def create_table(self: DynamoHandler) -> ActionResult:
    asked = self.body
    billing = asked.get("BillingMode", "PROVISIONED")
    for key, most in (("GlobalSecondaryIndexes", GLOBAL_INDEXES), ("LocalSecondaryIndexes", LOCAL_INDEXES)):
        if len(asked.get(key) or []) > most:
            raise ValidationException(f"{INVALID}{key} count exceeds the per-table limit of {most}")
    for index in asked.get("GlobalSecondaryIndexes") or []:
        check_units(index, billing, f"index {index['IndexName']}")
    if asked.get("LocalSecondaryIndexes") and len(asked["KeySchema"]) < 2:
        raise ValidationException(f"{INVALID}Table KeySchema does not have a range key")
    if len(asked.get("Tags") or []) > TAGS:
        raise ValidationException("Too many tags")
    encryption = asked.pop("SSESpecification", None)
    MOTO["create_table"](self)
    table = self.dynamodb_backend.tables[asked["TableName"]]
    set_encryption(table, encryption)
    table.lab_table_class = asked.get("TableClass", "STANDARD")
    table.lab_status = CREATING
    for index in table.global_indexes:
        index.status = CREATING
        index.lab_backfilling = True
    return DynamoResult(table.describe())


def describe_table(self: DynamoHandler) -> ActionResult:
    answer = DynamoResult(self.dynamodb_backend.describe_table(self.body["TableName"]))
    table = self.dynamodb_backend.get_table(self.body["TableName"])
    look(table)
    if table.lab_status == "GONE":
        del self.dynamodb_backend.tables[table.name]
    return answer


def delete_table(self: DynamoHandler) -> ActionResult:
    table = self.dynamodb_backend.get_table(self.body["TableName"])
    if kept(table, "status", ACTIVE) != DELETING:
        if table.deletion_protection_enabled:
            raise ValidationException(
                "Resource cannot be deleted as it is currently protected against deletion. "
                "Disable deletion protection first."
            )
        require_active(table)
    table.lab_status = DELETING
    return DynamoResult(table.describe())


def update_time_to_live(self: DynamoHandler) -> ActionResult:
    table, wanted = self.dynamodb_backend.get_table(self.body["TableName"]), self.body["TimeToLiveSpecification"]
    require_active(table)
    on, attribute = table.ttl["TimeToLiveStatus"].startswith("ENABL"), wanted["AttributeName"]
    if now().timestamp() - kept(table, "ttl_at", 0.0) < HOUR:
        raise ValidationException("Time to live has been modified multiple times within a fixed interval")
    if on and attribute != table.ttl["AttributeName"]:
        raise ValidationException(
            f"TimeToLive is active on a different AttributeName: current AttributeName is {table.ttl['AttributeName']}"
        )
    if on == wanted["Enabled"]:
        raise ValidationException(f"TimeToLive is already {'enabled' if on else 'disabled'}")
    table.ttl = {"TimeToLiveStatus": "ENABLING" if wanted["Enabled"] else "DISABLING", "AttributeName": attribute}
    table.lab_ttl_at = now().timestamp()
    return ActionResult({"TimeToLiveSpecification": wanted})


def describe_time_to_live(self: DynamoHandler) -> ActionResult:
    """The first look after a change tells that it goes on."""
    table = self.dynamodb_backend.get_table(self.body["TableName"])
    shown = dict(table.ttl)
    if shown["TimeToLiveStatus"] == "DISABLED":
        shown.pop("AttributeName", None)
    settled = {"ENABLING": "ENABLED", "DISABLING": "DISABLED"}
    table.ttl["TimeToLiveStatus"] = settled.get(shown["TimeToLiveStatus"], shown["TimeToLiveStatus"])
    return ActionResult({"TimeToLiveDescription": shown})


def update_continuous_backups(self: DynamoHandler) -> ActionResult:
    """A new table takes it at the second call."""
    table = self.dynamodb_backend.get_table(self.body["TableName"])
    if kept(table, "status", ACTIVE) == CREATING or not kept(table, "backups_asked", False):
        table.lab_backups_asked = kept(table, "status", ACTIVE) != CREATING
        raise AWSError(
            f"Backups are being enabled for the table: {table.name}. Please retry later",
            exception_type="ContinuousBackupsUnavailableException",
        )
    return MOTO["update_continuous_backups"](self)


def tag_resource(self: DynamoHandler) -> ActionResult:
    backend, arn = self.dynamodb_backend, self.body["ResourceArn"]
    table = backend.get_table(arn.rpartition("/")[2])
    tags = {tag["Key"]: tag["Value"] for tag in [*table.tags, *self.body["Tags"]]}
    if len(tags) > TAGS:
        raise limit("The number of tags exceeds the limit")
    table.tags = [{"Key": key, "Value": value} for key, value in tags.items()]
    return EmptyResult()


REPLACED = (
    create_table,
    delete_table,
    describe_table,
    describe_time_to_live,
    tag_resource,
    update_continuous_backups,
    update_table,
    update_time_to_live,
)
MOTO = {action.__name__: getattr(DynamoHandler, action.__name__) for action in REPLACED}


def install() -> None:
    list_tables = DynamoDBBackend.list_tables

    def sorted_tables(self: DynamoDBBackend, limit: int, exclusive_start_table_name: str):
        self.tables = type(self.tables)(sorted(self.tables.items()))
        return list_tables(self, limit, exclusive_start_table_name)

    DynamoDBBackend.list_tables = sorted_tables
    Table.describe = described(Table.describe)
    for action in REPLACED:
        setattr(DynamoHandler, action.__name__, action)
