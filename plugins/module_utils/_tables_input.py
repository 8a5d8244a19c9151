# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be wanted of DynamoDB tables: checks, and the normal form in which plans compare. Makes no call."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import owned_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import Fields, InputError, unique

TYPES = {"string": "S", "number": "N", "binary": "B"}
BILLING = {"on_demand": "PAY_PER_REQUEST", "provisioned": "PROVISIONED"}
PROJECTIONS = {"all": "ALL", "keys_only": "KEYS_ONLY", "include": "INCLUDE"}
STREAMS = {
    "keys_only": "KEYS_ONLY",
    "new_image": "NEW_IMAGE",
    "old_image": "OLD_IMAGE",
    "new_and_old_images": "NEW_AND_OLD_IMAGES",
}
CLASSES = {"standard": "STANDARD", "infrequent_access": "STANDARD_INFREQUENT_ACCESS"}
ENCRYPTIONS = ("owned", "aws_managed", "customer_managed")
MODES = ("read", "write")
"""The two kinds of capacity."""

MAX_GLOBAL_INDEXES, MAX_LOCAL_INDEXES = 20, 5
MAX_INCLUDED, MAX_INCLUDED_OF_TABLE = 20, 100
"""Further attributes that an index holds, and all indexes of a table together."""
MAX_TAGS = 47
"""Tags of a table that are not ours; DynamoDB allows 50, and three are ours (``Name`` among them)."""
MAX_RECOVERY_DAYS = 35
TARGETS = range(20, 91)
"""Percentages of use that Application Auto Scaling takes for DynamoDB."""

NAME = re.compile(r"[A-Za-z0-9_.-]+")
LONGEST_NAME = 255


class Wanted(t.NamedTuple):
    """A wanted table: its fields in normal form, its global indexes' and its scaling's.

    ``scaling`` is keyed by index and mode, with no index (``None``) for the table itself. What scaling moves is in
    the capacity fields as the figure to start from.
    """

    fields: Fields
    indexes: dict[str, Fields]
    scaling: dict[tuple[str | None, str], Fields]


def key(name: str, attributes: t.Mapping[str, str]) -> dict[str, str]:
    """A key attribute in normal form."""
    return {"name": name, "type": attributes[name]}


def check_name(name: str, what: str, where: str, room: int = LONGEST_NAME, shortest: int = 1) -> None:
    """Raise :class:`InputError` for a name that DynamoDB does not take."""
    if not NAME.fullmatch(name) or not shortest <= len(name) <= room:
        raise InputError(
            f"{where}: {what} {name!r} is not allowed; it has {shortest} to {room} letters, digits, underscores, "
            "hyphens and dots."
        )


def check_keys(item: t.Mapping[str, t.Any], attributes: t.Mapping[str, str], where: str) -> None:
    """Raise :class:`InputError` unless both keys are declared attributes, and two."""
    for part in ("partition_key", "sort_key"):
        name = item.get(part)
        if name is not None and name not in attributes:
            raise InputError(
                f"{where}: {part} {name!r} is not in attributes; there are {', '.join(sorted(attributes)) or 'none'}."
            )
    if item.get("sort_key") is not None and item["sort_key"] == item["partition_key"]:
        raise InputError(f"{where}: sort_key {item['sort_key']!r} is the partition_key; another attribute is needed.")


def check_projection(item: t.Mapping[str, t.Any], where: str) -> None:
    """Raise :class:`InputError` for a projection that does not fit its list of attributes."""
    include = item["include"]
    if item["projection"] != "include" and include:
        raise InputError(f"{where}: include is given, but projection is {item['projection']!r}; include is needed.")
    if item["projection"] == "include" and not 1 <= len(include) <= MAX_INCLUDED:
        raise InputError(
            f"{where}: include has {len(include)} attributes; projection include takes 1 to {MAX_INCLUDED}."
        )
    if len(set(include)) != len(include):
        twice = sorted(name for name in set(include) if include.count(name) > 1)
        raise InputError(f"{where}: include has {', '.join(twice)} more than once; each attribute is allowed once.")


def check_capacity(capacity: t.Mapping[str, t.Any], scaling: t.Mapping[str, t.Any], where: str) -> None:
    """Raise :class:`InputError` for figures of provisioned capacity or of its scaling that AWS does not take."""
    for mode in MODES:
        figure, moved = capacity.get(mode), scaling.get(mode)
        if figure is not None and figure < 1:
            raise InputError(f"{where}: capacity {mode} {figure} is below 1, the least that AWS provisions.")
        if moved is None:
            if figure is None:
                raise InputError(
                    f"{where}: capacity {mode} is missing; billing_mode provisioned needs it, or autoscaling {mode}."
                )
            continue
        if moved["min"] < 1:
            raise InputError(f"{where}: autoscaling {mode} min {moved['min']} is below 1, the least that is allowed.")
        if moved["min"] > moved["max"]:
            raise InputError(
                f"{where}: autoscaling {mode} min {moved['min']} is above max {moved['max']}; at most max is allowed."
            )
        if moved["target"] not in TARGETS:
            raise InputError(
                f"{where}: autoscaling {mode} target {moved['target']} is not allowed; it is a percentage from "
                f"{TARGETS[0]} to {TARGETS[-1]}."
            )
        if figure is not None and not moved["min"] <= figure <= moved["max"]:
            raise InputError(
                f"{where}: capacity {mode} {figure} is outside of what autoscaling allows, {moved['min']} to "
                f"{moved['max']}; leave it out, or start within."
            )


def check_billing(item: t.Mapping[str, t.Any], where: str) -> None:
    """Raise :class:`InputError` for capacity of a table, or of its indexes, that does not fit the billing mode."""
    places = [(where, item), *((f"{where} {index['name']}", index) for index in item["global_indexes"])]
    if item["billing_mode"] == "on_demand":
        for place, owner in places:
            for option in ("capacity", "autoscaling"):
                if owner[option]:
                    raise InputError(
                        f"{place}: {option} is given, but billing_mode is 'on_demand'; it is allowed with provisioned."
                    )
        return
    for place, owner in places:
        check_capacity(*capacity_of(owner, item), place)


def capacity_of(
    owner: t.Mapping[str, t.Any], table: t.Mapping[str, t.Any]
) -> tuple[t.Mapping[str, t.Any], t.Mapping[str, t.Any]]:
    """Capacity and scaling of a table or index; an index that sets neither has its table's."""
    source = owner if owner["capacity"] or owner["autoscaling"] else table
    return source["capacity"] or {}, source["autoscaling"] or {}


def check_indexes(item: t.Mapping[str, t.Any], where: str) -> None:
    """Raise :class:`InputError` for secondary indexes that AWS refuses."""
    attributes = item["attributes"]
    for option, most in (("global_indexes", MAX_GLOBAL_INDEXES), ("local_indexes", MAX_LOCAL_INDEXES)):
        if len(item[option]) > most:
            raise InputError(f"{where}: {option} has {len(item[option])} of them; AWS allows {most} a table.")
    both = [*item["global_indexes"], *item["local_indexes"]]
    unique(both, f"{where}: global_indexes and local_indexes")
    for index in both:
        place = f"{where} {index['name']}"
        check_name(index["name"], "the index's name", where, shortest=3)
        check_keys({"partition_key": item["partition_key"], **index}, attributes, place)
        check_projection(index, place)
    if item["local_indexes"] and item.get("sort_key") is None:
        raise InputError(f"{where}: local_indexes are declared, but no sort_key, which AWS needs for them.")
    included = sum(len(index["include"]) for index in both)
    if included > MAX_INCLUDED_OF_TABLE:
        raise InputError(
            f"{where}: its indexes include {included} attributes together; AWS allows {MAX_INCLUDED_OF_TABLE}."
        )


def check_attributes(item: t.Mapping[str, t.Any], where: str) -> None:
    """Raise :class:`InputError` for attributes of an unknown type or that are no key, and for a TTL that is one."""
    attributes = item["attributes"]
    for name, kind in attributes.items():
        if kind not in TYPES:
            raise InputError(f"{where}: attribute {name!r} has type {kind!r}; allowed are {', '.join(TYPES)}.")
        if not 1 <= len(name.encode()) <= 255:
            raise InputError(f"{where}: attribute {name!r} is not allowed; its name has 1 to 255 bytes.")
    owners = [item, *item["global_indexes"], *item["local_indexes"]]
    used = {owner.get(part) for owner in owners for part in ("partition_key", "sort_key")}
    unused = sorted(set(attributes) - used)
    if unused:
        raise InputError(
            f"{where}: attributes {', '.join(unused)} are no key of the table or an index; only those are declared."
        )
    ttl = item["ttl"]
    if not ttl:
        return
    if ttl in (item["partition_key"], item.get("sort_key")):
        raise InputError(f"{where}: ttl {ttl!r} is a key of the table; another attribute is needed.")
    if attributes.get(ttl, "number") != "number":
        raise InputError(
            f"{where}: ttl {ttl!r} has type {attributes[ttl]!r}; only a number, in seconds since 1970, is allowed."
        )


def validate(tables: t.Sequence[t.Mapping[str, t.Any]], platform: str) -> None:
    """Raise :class:`InputError` for what DynamoDB cannot keep."""
    unique(tables, "tables")
    for item in tables:
        check_name(item["name"], "name", "tables", room=LONGEST_NAME - len(platform) - 1)
        where = f"tables: {item['name']}"
        check_keys(item, item["attributes"], where)
        check_indexes(item, where)
        check_attributes(item, where)
        check_billing(item, where)
        if not 0 <= item["recovery_days"] <= MAX_RECOVERY_DAYS:
            raise InputError(
                f"{where}: recovery_days {item['recovery_days']} is not allowed; it is 1 to {MAX_RECOVERY_DAYS}, or "
                "0 for no point-in-time recovery."
            )
        if (item["encryption"] == "customer_managed") != bool(item.get("kms_key")):
            raise InputError(
                f"{where}: kms_key is {'missing' if not item.get('kms_key') else 'given'}, but encryption is "
                f"{item['encryption']!r}; customer_managed has one, and only that."
            )


def index_keys(index: t.Mapping[str, t.Any], table: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The part of an index that AWS cannot change, in normal form."""
    attributes = table["attributes"]
    return {
        "partition_key": key(index.get("partition_key") or table["partition_key"], attributes),
        "sort_key": key(index["sort_key"], attributes) if index.get("sort_key") else None,
        "projection": index["projection"],
        "include": sorted(index["include"]),
    }


def capacity_fields(owner: t.Mapping[str, t.Any], table: t.Mapping[str, t.Any]) -> dict[str, int | None]:
    """Read and write units; of what scaling moves, those to start from."""
    if table["billing_mode"] == "on_demand":
        return {f"{mode}_capacity": None for mode in MODES}
    capacity, scaling = capacity_of(owner, table)
    return {
        f"{mode}_capacity": capacity[mode] if capacity.get(mode) is not None else scaling[mode]["min"] for mode in MODES
    }


def desired(
    tables: t.Sequence[t.Mapping[str, t.Any]], platform: str, tags: t.Mapping[str, str] | None = None
) -> dict[str, Wanted]:
    """The wanted tables by name, checked."""
    validate(tables, platform)
    wanted: dict[str, Wanted] = {}
    for item in tables:
        name, attributes = item["name"], item["attributes"]
        further = {**(tags or {}), **item["tags"]}
        if len(further) > MAX_TAGS:
            raise InputError(f"tables: {name}: it has {len(further)} tags; at most {MAX_TAGS} are allowed.")
        fields = {
            "partition_key": key(item["partition_key"], attributes),
            "sort_key": key(item["sort_key"], attributes) if item.get("sort_key") else None,
            "local_indexes": {index["name"]: index_keys(index, item) for index in item["local_indexes"]},
            "billing_mode": item["billing_mode"],
            **capacity_fields(item, item),
            "stream": item["stream"],
            "encryption": item["encryption"],
            "kms_key": item.get("kms_key") or None,
            "table_class": item["table_class"],
            "deletion_protection": item["deletion_protection"],
            "ttl": item["ttl"] or None,
            "recovery_days": item["recovery_days"],
            "tags": owned_tags(platform, name, further),
        }
        indexes = {
            index["name"]: {**index_keys(index, item), **capacity_fields(index, item)}
            for index in item["global_indexes"]
        }
        owners = [(None, item), *((index["name"], index) for index in item["global_indexes"])]
        scaling = {
            (index, mode): dict(moved)
            for index, owner in owners
            for mode, moved in capacity_of(owner, item)[1].items()
            if moved
        }
        wanted[name] = Wanted(fields, indexes, scaling)
    return wanted
