# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DynamoDB tables as one set: what is there, the plan, and the way that AWS lets one go.

A table changes by one UpdateTable at a time, and only while it and its indexes are ACTIVE; one index a call is made or
removed. So the actions of a table are a chain, and chains run beside each other. CreateTable takes no client token:
what is there is looked for first, and a table that another run made meanwhile is told by its tags.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list, compare_aws_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    NAME_TAG,
    PLATFORM_TAG,
    application,
    declared_name,
    pages,
    require_known,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    REPLACE,
    UPDATE,
    Action,
    Fields,
    InputError,
    Plan,
    compare,
    concurrently,
    ignored,
    known,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._tables_input import (
    BILLING,
    CLASSES,
    MODES,
    PROJECTIONS,
    STREAMS,
    TYPES,
    Wanted,
    desired,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._tables_read import (
    ACTIVE,
    CREATING,
    DELETING,
    FIRST_PAUSE,
    WORKERS,
    Observed,
    Present,
    Reader,
    billing_mode,
    capacity,
    index_fields,
    live_indexes,
    not_found,
    observe,
    table_fields,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

TABLE, INDEX, SCALING = "table", "table_index", "table_scaling"
BACKUPS_TIMEOUT = 120
"""Seconds for which a new table may not take point-in-time recovery yet."""
UNMOVED = ("partition_key", "sort_key", "projection", "include")
"""What AWS cannot change of an index; another one takes its place."""
FREE_DECREASES = 4
"""Decreases of provisioned capacity a UTC day, after which there is one an hour."""
LIMITS = {
    "billing_mode": "a table is switched to on-demand at most four times in 24 hours",
    "read_capacity": "capacity is decreased four times a day (UTC), and then once an hour",
    "write_capacity": "capacity is decreased four times a day (UTC), and then once an hour",
    "encryption": "the key is changed four times in 24 hours, and then once in six hours",
    "kms_key": "the key is changed four times in 24 hours, and then once in six hours",
    "table_class": "the class is changed twice in 30 days",
    "ttl": "time to live is changed once an hour",
}
"""AWS's limits of how often a field changes, for the sentence when it refuses."""


# --- plan -----------------------------------------------------------------------------------------------------------


def refuse_fixed(name: str, wanted: Wanted, present: Present, now: datetime.datetime) -> None:
    """Raise :class:`InputError` for a change that AWS cannot make, or that would lose something on the way."""
    where, fields, there = f"tables: {name}", wanted.fields, present.fields
    for part in ("partition_key", "sort_key"):
        if fields[part] != there[part]:
            raise InputError(
                f"{where}: {part} cannot be changed from {said(there[part])} to {said(fields[part])}; a table keeps "
                "its keys, so declare one of another name and move the items."
            )
    if fields["local_indexes"] != there["local_indexes"]:
        raise InputError(
            f"{where}: local_indexes cannot be changed from {listed(there['local_indexes'])} to "
            f"{listed(fields['local_indexes'])}; AWS makes them with the table only, so declare a global index, or a "
            "table of another name."
        )
    if "none" not in (fields["stream"], there["stream"]) and fields["stream"] != there["stream"]:
        raise InputError(
            f"{where}: stream cannot be changed from {there['stream']} to {fields['stream']} at once; what is written "
            "meanwhile would be in neither, so set none first, and the other when all was read."
        )
    if fields["ttl"] != there["ttl"]:
        if fields["ttl"] and there["ttl"]:
            raise InputError(
                f"{where}: ttl cannot be changed from {there['ttl']!r} to {fields['ttl']!r} at once; AWS takes one "
                "change an hour, so leave it empty first, and set the other an hour later."
            )
        if present.changing:
            raise InputError(
                f"{where}: ttl is still being changed to {there['ttl'] or 'none'}; AWS takes one change an hour, so "
                "run again later."
            )
    after, after_indexes = settled_fields(wanted, present)
    refuse_decrease(where, there, after, present.detail, now)
    for index, detail in live_indexes(present.detail).items():
        if index in after_indexes:
            refuse_decrease(f"{where} {index}", present.indexes[index], after_indexes[index], detail, now)


def refuse_decrease(
    where: str, before: Fields, after: Fields, detail: t.Mapping[str, t.Any], now: datetime.datetime
) -> None:
    """Raise :class:`InputError` for a decrease of capacity that AWS would refuse at this time."""
    units = detail.get("ProvisionedThroughput") or {}
    last = units.get("LastDecreaseDateTime")
    for mode in MODES:
        old, new = before[f"{mode}_capacity"], after.get(f"{mode}_capacity")
        if old is None or new is None or new >= old or last is None:
            continue
        recent = last.date() == now.date() and (now - last).total_seconds() < 3600
        if recent and units.get("NumberOfDecreasesToday", 0) >= FREE_DECREASES:
            raise InputError(
                f"{where}: capacity {mode} cannot be decreased from {old} to {new} now; AWS allows "
                f"{FREE_DECREASES} decreases a day (UTC) and then one an hour, and the last was at "
                f"{last.astimezone(datetime.UTC):%H:%M} UTC."
            )


def said(part: t.Mapping[str, str] | None) -> str:
    return f"{part['name']!r} ({part['type']})" if part else "none"


def listed(names: t.Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def settled_fields(wanted: Wanted, present: Present | None) -> tuple[Fields, dict[str, Fields]]:
    """The fields to compare: of what scaling moves, the present figures are nobody's mistake."""
    fields, indexes = dict(wanted.fields), {name: dict(index) for name, index in wanted.indexes.items()}
    if present is None or present.fields["billing_mode"] == "on_demand":
        return fields, indexes
    for index, mode in wanted.scaling:
        if index is None:
            fields.pop(f"{mode}_capacity")
        elif index in present.indexes:
            indexes[index].pop(f"{mode}_capacity")
    return fields, indexes


def scaling_name(table: str, index: str | None, mode: str) -> str:
    return " ".join(filter(None, (table, index, mode)))


def plan(
    wanted: t.Mapping[str, Wanted],
    observed: Observed,
    *,
    purge: bool = False,
    ignore: t.Iterable[str] = (),
    delete_with_data: t.Collection[str] = (),
    replace_indexes: t.Collection[str] = (),
    now: datetime.datetime | None = None,
) -> Plan:
    """Plan tables, their global indexes and their scaling.

    An index or scaling that is not declared goes with or without ``purge``. A table with items is only deleted when
    ``delete_with_data`` names it, and an index only replaced when ``replace_indexes`` does.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    ignore = tuple(ignore)
    wanted = {name: item for name, item in wanted.items() if not ignored(name, ignore)}
    present = {name: item for name, item in observed.tables.items() if not ignored(name, ignore)}
    for name in sorted(set(wanted) & observed.foreign):
        raise InputError(
            f"tables: {name}: a table of that name is there already and does not carry the tags {PLATFORM_TAG} and "
            f"{NAME_TAG}, so it is somebody else's; only a name that is free is allowed."
        )
    gone = sorted(set(present) - set(wanted)) if purge else []
    guarded = [name for name in gone if present[name].fields["deletion_protection"]]
    if guarded:
        raise InputError(
            f"tables: deletion protection is on for {', '.join(guarded)}; turn it off (deletion_protection: false) "
            "before they can be removed."
        )
    full = [name for name in gone if name in observed.with_data and name not in delete_with_data]
    if full:
        raise InputError(
            f"tables: {', '.join(full)} {'hold' if len(full) > 1 else 'holds'} items; a table with items is only "
            "removed when delete_with_data names it."
        )
    known_indexes = {f"{name} {index}" for name, item in wanted.items() for index in item.indexes}
    for name in replace_indexes:
        if name not in known_indexes:
            raise InputError(
                f"replace_indexes: {name!r} is not a declared index; it is a table's name, a space and the index's, "
                f"such as {', '.join(sorted(known_indexes)[:3]) or 'sessions by-user'}."
            )
    kept = sorted(set(wanted) & set(present))
    for name in kept:
        refuse_fixed(name, wanted[name], present[name], now)
    settled = {name: settled_fields(item, present.get(name)) for name, item in wanted.items()}
    tables = compare(
        TABLE,
        {name: fields for name, (fields, _indexes) in settled.items()},
        {name: item.fields for name, item in present.items()},
        purge=purge,
    )
    indexes = compare(
        INDEX,
        {f"{name} {index}": of for name, (_fields, indexes) in settled.items() for index, of in indexes.items()},
        {f"{name} {index}": of for name in kept for index, of in present[name].indexes.items()},
        purge=True,
        replaced_by=UNMOVED,
    )
    for action in indexes.only(verbs=[REPLACE]):
        if action.name not in replace_indexes:
            name, index = action.name.split(" ")
            fields = sorted(set(action.after) & set(UNMOVED))
            raise InputError(
                f"tables: {name} {index}: {', '.join(fields)} of an index cannot be changed; declare one of another "
                f"name, or let it be built anew, with nothing to read meanwhile, by replace_indexes: [{action.name}]."
            )
    scaling = compare(
        SCALING,
        {scaling_name(name, *place): fields for name, item in wanted.items() for place, fields in item.scaling.items()},
        {
            scaling_name(name, *place): fields
            for name in [*kept, *gone]
            for place, fields in present[name].scaling.items()
        },
        purge=True,
    )
    return Plan([a for _name, chain in chains(tables + indexes + scaling) for a in chain])


RANKS = {
    (SCALING, DELETE): 0,
    (INDEX, DELETE): 1,
    (TABLE, CREATE): 2,
    (TABLE, UPDATE): 2,
    (TABLE, DELETE): 2,
    (INDEX, REPLACE): 3,
    (INDEX, CREATE): 4,
    (INDEX, UPDATE): 5,
    (SCALING, CREATE): 6,
    (SCALING, UPDATE): 6,
}
"""What comes before what with one table: what scaling would move stands still, and indexes go before others come."""


def chains(whole: t.Iterable[Action]) -> list[tuple[str, list[Action]]]:
    """The actions by table, in the order in which AWS lets them be done."""
    by_table: dict[str, list[Action]] = {}
    for action in whole:
        by_table.setdefault(action.name.split(" ")[0], []).append(action)
    return [
        (name, sorted(chain, key=lambda a: (RANKS[a.kind, a.verb], a.name))) for name, chain in sorted(by_table.items())
    ]


# --- apply ----------------------------------------------------------------------------------------------------------


def key_schema(fields: Fields) -> list[dict[str, str]]:
    parts = (("HASH", fields["partition_key"]), ("RANGE", fields["sort_key"]))
    return [{"AttributeName": part["name"], "KeyType": kind} for kind, part in parts if part]


def definitions(*owners: Fields) -> list[dict[str, str]]:
    """AttributeDefinitions of all that is a key of these tables and indexes."""
    types = {
        part["name"]: TYPES[part["type"]]
        for owner in owners
        for part in (owner["partition_key"], owner["sort_key"])
        if part
    }
    return [{"AttributeName": name, "AttributeType": types[name]} for name in sorted(types)]


def throughput(fields: Fields) -> dict[str, t.Any]:
    """``ProvisionedThroughput``, and nothing for what pays by the request."""
    if fields["read_capacity"] is None:
        return {}
    units = {"ReadCapacityUnits": fields["read_capacity"], "WriteCapacityUnits": fields["write_capacity"]}
    return {"ProvisionedThroughput": units}


def index_request(name: str, fields: Fields) -> dict[str, t.Any]:
    """An index as CreateTable and UpdateTable take it; ``fields`` of a local one have no capacity."""
    included = {"NonKeyAttributes": fields["include"]} if fields["include"] else {}
    return {
        "IndexName": name,
        "KeySchema": key_schema(fields),
        "Projection": {"ProjectionType": PROJECTIONS[fields["projection"]], **included},
        **(throughput(fields) if "read_capacity" in fields else {}),
    }


def encryption_request(fields: Fields) -> dict[str, t.Any]:
    if fields["encryption"] == "owned":
        return {"SSESpecification": {"Enabled": False}}
    own = {"KMSMasterKeyId": fields["kms_key"]} if fields["kms_key"] else {}
    return {"SSESpecification": {"Enabled": True, "SSEType": "KMS", **own}}


def stream_request(fields: Fields) -> dict[str, t.Any]:
    if fields["stream"] == "none":
        return {"StreamSpecification": {"StreamEnabled": False}}
    return {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": STREAMS[fields["stream"]]}}


def create_request(wanted: Wanted) -> dict[str, t.Any]:
    """CreateTable's arguments but for the name: the table with everything that one call can give it."""
    fields = wanted.fields
    request = {
        "AttributeDefinitions": definitions(fields, *fields["local_indexes"].values(), *wanted.indexes.values()),
        "KeySchema": key_schema(fields),
        "BillingMode": BILLING[fields["billing_mode"]],
        **throughput(fields),
        "TableClass": CLASSES[fields["table_class"]],
        "DeletionProtectionEnabled": fields["deletion_protection"],
        "Tags": ansible_dict_to_boto3_tag_list(fields["tags"]),
        **encryption_request(fields),
        **stream_request(fields),
    }
    if fields["local_indexes"]:
        request["LocalSecondaryIndexes"] = [index_request(name, of) for name, of in fields["local_indexes"].items()]
    if wanted.indexes:
        request["GlobalSecondaryIndexes"] = [index_request(name, of) for name, of in sorted(wanted.indexes.items())]
    return request


def busy(detail: t.Mapping[str, t.Any] | None) -> list[str]:
    """What of a table keeps it from being changed."""
    if detail is None:
        return ["not there yet"]
    found = [] if detail["TableStatus"] == ACTIVE else [detail["TableStatus"]]
    return found + [
        f"index {index['IndexName']} {index['IndexStatus']}{' (backfilling)' if index.get('Backfilling') else ''}"
        for index in detail.get("GlobalSecondaryIndexes") or []
        if index["IndexStatus"] != ACTIVE
    ]


class Apply:
    """Carries a plan out, each table's chain beside the others'."""

    def __init__(
        self,
        reader: Reader,
        wanted: t.Mapping[str, Wanted],
        observed: Observed,
        timeout: float,
        delete_with_data: t.Collection[str] = (),
    ) -> None:
        self.reader, self.dynamodb, self.autoscaling = reader, reader.dynamodb, reader.autoscaling
        self.wanted, self.observed, self.timeout = wanted, observed, timeout
        self.delete_with_data = delete_with_data
        self.replaced: dict[str, list[str]] = {}

    def __call__(self, whole: Plan) -> None:
        for action in whole.only(INDEX, verbs=[REPLACE]):
            name, index = action.name.split(" ")
            self.replaced.setdefault(name, []).append(index)
        application(whole, WORKERS).run_chains([chain for _name, chain in chains(whole)], self.do)

    def do(self, action: Action) -> None:
        name, *rest = action.name.split(" ")
        if action.kind == TABLE:
            {CREATE: self.create, UPDATE: self.update, DELETE: self.delete}[action.verb](name, action)
        elif action.kind == INDEX:
            work = {CREATE: self.create_index, UPDATE: self.update_index, DELETE: self.delete_index}
            work.get(action.verb, self.replace_index)(name, rest[0])
        else:
            index, mode = (rest[0], rest[1]) if len(rest) > 1 else (None, rest[0])
            self.drop_scaling(name, index, mode) if action.verb == DELETE else self.put_scaling(name, index, mode)

    # --- waiting

    def active(self, name: str, until: t.Callable[[t.Mapping[str, t.Any]], bool] = lambda detail: True) -> dict:
        """Wait until a table and its indexes are ACTIVE (and look as ``until`` says); DescribeTable's answer.

        What DescribeTable says may be a moment old, hence ``until``.
        """
        detail = poll(
            lambda: self.reader.detail(name),
            lambda found: not busy(found) and until(found),
            self.timeout,
            first=FIRST_PAUSE,
        )
        if busy(detail) or not until(detail):
            raise InputError(
                f"table {name} is still {', '.join(busy(detail)) or 'as it was'} after {self.timeout} seconds "
                "(wait_timeout); AWS goes on with it, and the next run goes on from there."
            )
        return detail

    def change(
        self,
        name: str,
        request: t.Callable[[t.Mapping[str, t.Any]], dict[str, t.Any] | None],
        until: t.Callable[[t.Mapping[str, t.Any]], bool] = lambda detail: True,
        field: str = "",
    ) -> None:
        """One UpdateTable, while the table is ACTIVE; ``request`` makes it of what is there then, None for nothing."""

        def attempt() -> bool:
            arguments = request(self.active(name))
            if arguments is None:
                return True
            try:
                self.dynamodb.update_table(TableName=self.reader.aws_name(name), **arguments)
            except is_boto3_error_code("ResourceInUseException"):
                return False  # scaling changed it meanwhile, or the look was a moment old
            except is_boto3_error_code("LimitExceededException") as error:
                raise self.limit(error, field) from error
            return True

        if not poll(attempt, bool, self.timeout, first=FIRST_PAUSE):
            raise InputError(f"table {name} is changed by others all the time; the next run goes on from here.")
        self.active(name, until)

    @staticmethod
    def limit(error: t.Any, field: str) -> InputError:
        said_by_aws = error.response["Error"].get("Message", "no reason given").rstrip(".")
        return InputError(f"AWS refused it for now: {said_by_aws}; {LIMITS.get(field, 'try again later')}.")

    # --- tables

    def create(self, name: str, action: Action) -> None:
        wanted = self.wanted[name]
        gone = poll(
            lambda: self.reader.detail(name),
            lambda found: found is None or found["TableStatus"] != DELETING,
            self.timeout,
            first=FIRST_PAUSE,
        )
        if gone and gone["TableStatus"] == DELETING:
            raise InputError(f"the former table {name} is still being deleted after {self.timeout} seconds.")
        try:
            self.dynamodb.create_table(TableName=self.reader.aws_name(name), **create_request(wanted))
        except is_boto3_error_code("ResourceInUseException") as error:
            # made between our look and our call: by a run beside this one, or by this call's first attempt
            detail = self.active(name)
            if declared_name(self.reader.tags(detail), self.reader.platform) != name:
                raise InputError(f"table {name} was made by somebody else meanwhile.") from error
        except is_boto3_error_code("LimitExceededException") as error:
            raise self.limit(error, "") from error
        self.active(name)
        # the run beside this one may have set it, and AWS refuses the same again
        if wanted.fields["ttl"] and self.reader.ttl(name)[0] != wanted.fields["ttl"]:
            self.put_ttl(name, wanted.fields["ttl"], None)
        if wanted.fields["recovery_days"]:
            self.put_recovery(name, wanted.fields["recovery_days"])

    def update(self, name: str, action: Action) -> None:
        wanted, present, changed = self.wanted[name].fields, self.observed.tables[name], action.after
        if "deletion_protection" in changed:
            protection = {"DeletionProtectionEnabled": wanted["deletion_protection"]}
            self.change(name, lambda _detail: protection)
        if "billing_mode" in changed:
            self.change(name, lambda detail: self.billing_request(name, detail), field="billing_mode")
        elif changed.keys() & {"read_capacity", "write_capacity"}:
            self.change(name, lambda detail: self.capacity_request(detail, changed), field="read_capacity")
        if "stream" in changed:
            self.change(name, lambda _detail: stream_request(wanted))
        if changed.keys() & {"encryption", "kms_key"}:
            self.change(name, lambda _detail: encryption_request(wanted), field="encryption")
        if "table_class" in changed:
            table_class = {"TableClass": CLASSES[wanted["table_class"]]}
            self.change(name, lambda _detail: table_class, field="table_class")
        if changed.keys() & {"ttl", "recovery_days", "tags"}:
            self.active(name)
        if "ttl" in changed:
            self.put_ttl(name, wanted["ttl"], present.fields["ttl"])
        if "recovery_days" in changed:
            self.put_recovery(name, wanted["recovery_days"])
        if "tags" in changed:
            added, removed = compare_aws_tags(present.fields["tags"], wanted["tags"])
            arn = present.detail["TableArn"]
            if removed:
                self.dynamodb.untag_resource(ResourceArn=arn, TagKeys=removed)
            if added:
                self.dynamodb.tag_resource(ResourceArn=arn, Tags=ansible_dict_to_boto3_tag_list(added))

    def billing_request(self, name: str, detail: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """The switch of a table with all its indexes, which AWS wants in one call."""
        wanted = self.wanted[name]
        request = {"BillingMode": BILLING[wanted.fields["billing_mode"]], **throughput(wanted.fields)}
        updates = [
            {"Update": {"IndexName": index, **throughput(wanted.indexes[index])}} for index in live_indexes(detail)
        ]
        if updates and wanted.fields["billing_mode"] == "provisioned":
            request["GlobalSecondaryIndexUpdates"] = updates
        return request

    @staticmethod
    def capacity_request(owner: t.Mapping[str, t.Any], changed: Fields) -> dict[str, t.Any] | None:
        """New figures beside those that scaling has set meanwhile; None when they are there already."""
        present = capacity(owner, "provisioned")
        wanted = {field: changed.get(field, value) for field, value in present.items()}
        return None if wanted == present else throughput(wanted)

    def put_ttl(self, name: str, ttl: str | None, former: str | None) -> None:
        try:
            self.dynamodb.update_time_to_live(
                TableName=self.reader.aws_name(name),
                TimeToLiveSpecification={"Enabled": bool(ttl), "AttributeName": ttl or former},
            )
        except is_boto3_error_code(["ValidationException", "LimitExceededException"]) as error:
            raise self.limit(error, "ttl") from error

    def put_recovery(self, name: str, days: int) -> None:
        specification = {"PointInTimeRecoveryEnabled": bool(days), **({"RecoveryPeriodInDays": days} if days else {})}

        def attempt() -> bool:
            try:
                self.dynamodb.update_continuous_backups(
                    TableName=self.reader.aws_name(name), PointInTimeRecoverySpecification=specification
                )
            except is_boto3_error_code("ContinuousBackupsUnavailableException"):
                return False  # a new table, or another change of it, is still on its way
            return True

        if not poll(attempt, bool, min(BACKUPS_TIMEOUT, self.timeout), first=FIRST_PAUSE):
            raise InputError(f"table {name} does not take point-in-time recovery yet; run again later.")

    def delete(self, name: str, action: Action) -> None:
        detail = poll(
            lambda: self.reader.detail(name),
            lambda found: found is None or found["TableStatus"] not in (CREATING, "UPDATING"),
            self.timeout,
            first=FIRST_PAUSE,
        )
        if detail is None:
            return
        # something may have been put into it since the plan
        unasked = name not in self.delete_with_data and detail["TableStatus"] == ACTIVE
        if unasked and self.reader.holds_items(name, detail):
            raise InputError("it holds items now; it is only removed when delete_with_data names it.")
        try:
            self.dynamodb.delete_table(TableName=self.reader.aws_name(name))
        except not_found():
            return
        left = poll(lambda: self.reader.detail(name), lambda found: found is None, self.timeout, first=FIRST_PAUSE)
        if left is not None:
            raise InputError(f"it is still being deleted after {self.timeout} seconds (wait_timeout).")

    # --- indexes

    def create_index(self, name: str, index: str) -> None:
        wanted = self.wanted[name]

        def request(detail: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
            there = index_fields(detail)
            if index in there:
                return None  # made with the table
            table = table_fields(detail)
            owners = [table, *table["local_indexes"].values(), *there.values(), wanted.indexes[index]]
            made = {"Create": index_request(index, wanted.indexes[index])}
            return {"AttributeDefinitions": definitions(*owners), "GlobalSecondaryIndexUpdates": [made]}

        self.change(name, request, until=lambda detail: index in live_indexes(detail))

    def update_index(self, name: str, index: str) -> None:
        fields = settled_fields(self.wanted[name], self.observed.tables[name])[1][index]

        def request(detail: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
            if billing_mode(detail) == "on_demand":
                return None  # switched with the table
            units = self.capacity_request(live_indexes(detail)[index], fields)
            return units and {"GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": index, **units}}]}

        self.change(name, request, field="read_capacity")

    def delete_index(self, name: str, index: str) -> None:
        def request(detail: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
            if index not in live_indexes(detail):
                return None
            return {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": index}}]}

        self.change(name, request, until=lambda detail: index not in live_indexes(detail))

    def replace_index(self, name: str, index: str) -> None:
        """All that are replaced go before the first comes: a key of another type may be in several of them."""
        for former in self.replaced.pop(name, []):
            self.delete_index(name, former)
        self.create_index(name, index)

    # --- scaling

    def scaled(self, name: str, index: str | None, mode: str) -> dict[str, str]:
        """The scalable target's identity."""
        resource = f"table/{self.reader.aws_name(name)}" + (f"/index/{index}" if index else "")
        return {
            "ServiceNamespace": "dynamodb",
            "ResourceId": resource,
            "ScalableDimension": f"dynamodb:{'index' if index else 'table'}:{mode.capitalize()}CapacityUnits",
        }

    def policies(self, target: t.Mapping[str, str]) -> list[dict[str, t.Any]]:
        return pages(self.autoscaling, "describe_scaling_policies", "ScalingPolicies", **target)

    def put_scaling(self, name: str, index: str | None, mode: str) -> None:
        """Register the target, then put its policy.

        AWS takes one policy of a metric, so one that is there keeps its name.
        """
        target, moved = self.scaled(name, index, mode), self.wanted[name].scaling[index, mode]
        self.active(name)
        self.autoscaling.register_scalable_target(**target, MinCapacity=moved["min"], MaxCapacity=moved["max"])
        metric = f"DynamoDB{mode.capitalize()}CapacityUtilization"
        there = [item["PolicyName"] for item in self.policies(target) if item["PolicyType"] == "TargetTrackingScaling"]
        self.autoscaling.put_scaling_policy(
            **target,
            PolicyName=there[0] if there else f"{metric}:{target['ResourceId']}",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": float(moved["target"]),
                "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            },
        )

    def drop_scaling(self, name: str, index: str | None, mode: str) -> None:
        """The target's policies and their alarms go with it."""
        try:
            self.autoscaling.deregister_scalable_target(**self.scaled(name, index, mode))
        except is_boto3_error_code("ObjectNotFoundException"):
            pass


# --- the whole ------------------------------------------------------------------------------------------------------


def told(reader: Reader, name: str, wanted: Wanted, detail: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
    """A table as the module returns it; ``detail`` is None for one that does not exist yet."""
    fields, indexes = wanted.fields, wanted.indexes
    if detail is None:
        status = dict.fromkeys(indexes, KNOWN_AFTER_APPLY)
        arn = stream = table_status = KNOWN_AFTER_APPLY
    else:
        status = {index: item["IndexStatus"] for index, item in live_indexes(detail).items()}
        arn, stream, table_status = detail["TableArn"], detail.get("LatestStreamArn"), detail["TableStatus"]
    return {
        "name": reader.aws_name(name),
        "arn": arn,
        "status": table_status,
        "stream_arn": None if fields["stream"] == "none" else (stream or KNOWN_AFTER_APPLY),
        "indexes": {index: {"status": status.get(index, KNOWN_AFTER_APPLY)} for index in sorted(indexes)},
    }


def with_keys(reader: Reader, wanted: dict[str, Wanted], check_mode: bool) -> dict[str, Wanted]:
    """The same with each KMS key as its ARN."""
    found = {}
    for name, item in wanted.items():
        given = item.fields["kms_key"]
        require_known(check_mode, **{f"tables: {name}: kms_key": given})
        if given and known(given):
            item = item._replace(fields={**item.fields, "kms_key": reader.key(given)[0]})
        found[name] = item
    return found


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The module's plan, applied unless in check mode, and the tables keyed by name."""
    options = module.params
    absent = options["state"] == "absent"
    given = desired(options["tables"], options["platform"], options["tags"])
    if options["wait_timeout"] < 1:
        raise InputError(f"wait_timeout: {options['wait_timeout']} is not allowed; it is 1 second or more.")
    reader = Reader(module)
    wanted = {} if absent else with_keys(reader, given, module.check_mode)
    purge = absent or options["purge"]
    observed = observe(reader, wanted, purge)
    named = options["delete_with_data"]
    whole = plan(
        wanted,
        observed,
        purge=purge,
        ignore=options["ignore"],
        delete_with_data=named,
        replace_indexes=() if absent else options["replace_indexes"],
    )
    details = {name: item.detail for name, item in observed.tables.items()}
    if whole and not module.check_mode:
        Apply(reader, wanted, observed, options["wait_timeout"], named)(whole)
        changed = [name for name, _chain in chains(whole) if name in wanted]
        details.update(zip(changed, concurrently(*[lambda n=n: reader.detail(n) for n in changed], workers=WORKERS)))
    tables = {
        name: told(reader, name, item, details.get(name))
        for name, item in sorted(wanted.items())
        if name in details or not ignored(name, options["ignore"])
    }
    return whole, {"tables": tables}
