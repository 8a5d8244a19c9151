# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records of Route 53: declared, as AWS holds them, and packed into requests. Asks nobody.

A record is known by its name, type and set identifier. Records of a name that have to go and to come together (a CNAME
that becomes an alias, one record that becomes a weighted set) are one transaction, which is never split between
requests.
"""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import (
    TYPES,
    absolute,
    escaped,
    normal,
    normal_value,
    shown,
    within,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import CREATE, DELETE, Action, InputError

DEFAULT_TTL = 300
BATCH_ELEMENTS, BATCH_CHARACTERS = 1000, 32000
"""Limits of one ChangeResourceRecordSets request; an UPSERT counts twice."""
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
"""The hosted zone of every CloudFront distribution."""

POLICIES = (
    "weight",
    "failover",
    "latency_region",
    "geolocation",
    "geoproximity",
    "multivalue",
    "cidr_location",
)
FIELDS = ("ttl", "values", "alias", *POLICIES, "health_check_id")
PLAIN = {
    "weight": "Weight",
    "failover": "Failover",
    "latency_region": "Region",
    "multivalue": "MultiValueAnswer",
    "health_check_id": "HealthCheckId",
}
NESTED = {
    "geolocation": (
        "GeoLocation",
        {"continent": "ContinentCode", "country": "CountryCode", "subdivision": "SubdivisionCode"},
    ),
    "geoproximity": (
        "GeoProximityLocation",
        {"region": "AWSRegion", "local_zone_group": "LocalZoneGroup", "bias": "Bias", "coordinates": "Coordinates"},
    ),
    "cidr_location": ("CidrRoutingConfig", {"collection_id": "CollectionId", "location": "LocationName"}),
}
COORDINATES = {"latitude": "Latitude", "longitude": "Longitude"}

Key = tuple[str, str, str]
"""Name, type and set identifier (empty without one)."""
Fields = dict[str, t.Any]
Change = dict[str, t.Any]
"""An item of a change batch: ``Action`` and ``ResourceRecordSet``."""


# --- declared -------------------------------------------------------------------------------------------------------


def desired_record(item: t.Mapping[str, t.Any], zone: str, *, named: bool = False) -> tuple[Key, Fields]:
    """A declared record in normal form; with ``named``, one that only has to be told by its name and type.

    Raises :class:`InputError` for what Route 53 refuses in one record by itself.
    """
    record_type = item["type"].upper()
    name = absolute(item["name"], zone, f"zones: {zone}: records")
    key = (name, record_type, item.get("set_identifier") or "")
    where = f"zones: {zone}: record {shown(*key)}"
    values, alias = item.get("values"), item.get("alias")
    if record_type not in TYPES:
        raise InputError(f"{where}: type {record_type!r} is not one that Route 53 has; those are {', '.join(TYPES)}.")
    if record_type == "SOA" or (name == zone and record_type == "NS"):
        raise InputError(
            f"{where}: a zone has one SOA record and one NS record at its apex, which are Route 53's own; neither is "
            "allowed to be declared."
        )
    if named and not (values or alias):
        return key, dict.fromkeys(FIELDS)
    if bool(values) == bool(alias):
        raise InputError(f"{where}: {'both' if values else 'neither'} values and alias given; exactly one is allowed.")
    if record_type == "CNAME":
        if name == zone:
            raise InputError(f"{where}: a CNAME is not allowed at a zone's apex; use an alias.")
        if len(values or []) > 1:
            raise InputError(f"{where}: {len(values)} values are given; a CNAME has exactly one.")
    fields = {**dict.fromkeys(FIELDS), **routing(item, record_type, where)}
    if alias:
        fields["alias"] = desired_alias(item, name, record_type, zone, where)
    else:
        ttl = item.get("ttl")
        if ttl is not None and not 0 <= ttl <= 2147483647:
            raise InputError(f"{where}: ttl {ttl} is out of range; 0 to 2147483647 seconds are allowed.")
        fields["ttl"] = DEFAULT_TTL if ttl is None else ttl
        fields["values"] = sorted({normal_value(record_type, str(value), where) for value in values})
    return key, fields


def desired_alias(item: t.Mapping[str, t.Any], name: str, record_type: str, zone: str, where: str) -> Fields:
    """The alias of a declared record; ``zone_id`` None means the record's own zone."""
    alias = item["alias"]
    if item.get("ttl") is not None:
        raise InputError(f"{where}: ttl {item['ttl']} is given, but an alias takes its target's; leave ttl out.")
    if record_type == "NS":
        raise InputError(f"{where}: an alias is not allowed for type NS; give values.")
    target = absolute(alias["target"], zone, where) if alias["target"] == "@" else normal(alias["target"], where)
    zone_id = alias.get("zone_id") or None
    if zone_id is None and not within(target, zone):
        raise InputError(
            f"{where}: alias target {alias['target']!r} is not in the zone {zone}, so alias.zone_id has to say in "
            "which zone it is."
        )
    if name == target:
        raise InputError(f"{where}: alias target {alias['target']!r} is the record itself; it has to be another name.")
    health = bool(alias.get("evaluate_health", True))
    if health and zone_id == CLOUDFRONT_ZONE:
        raise InputError(
            f"{where}: alias.evaluate_health is true; for a CloudFront distribution only false is allowed."
        )
    return {"target": target, "zone_id": zone_id, "evaluate_health": health}


def routing(item: t.Mapping[str, t.Any], record_type: str, where: str) -> Fields:
    """The routing policy and health check of a declared record."""
    fields: Fields = {"health_check_id": item.get("health_check_id") or None}
    for policy in POLICIES:
        value = item.get(policy)
        if isinstance(value, t.Mapping):
            value = {name: part for name, part in value.items() if part is not None and part != ""}
        # multivalue: false is no policy; weight: 0 is one
        if value is not None and value is not False and value != {}:
            fields[policy] = value
    given = [policy for policy in POLICIES if policy in fields]
    if len(given) > 1:
        raise InputError(f"{where}: {' and '.join(given)} are given; a record has at most one routing policy.")
    if given and not item.get("set_identifier"):
        raise InputError(f"{where}: set_identifier is missing; a record with {given[0]} needs one.")
    if not given and item.get("set_identifier"):
        raise InputError(
            f"{where}: set_identifier {item['set_identifier']!r} needs a routing policy: one of {', '.join(POLICIES)}."
        )
    if "weight" in fields and not 0 <= fields["weight"] <= 255:
        raise InputError(f"{where}: weight {fields['weight']} is out of range; 0 to 255 is allowed.")
    if "multivalue" in fields and (item.get("alias") or record_type in ("CNAME", "NS")):
        raise InputError(f"{where}: multivalue is not allowed for an alias, a CNAME or an NS record.")
    geo = fields.get("geolocation")
    if geo and (("continent" in geo) == ("country" in geo) or ("subdivision" in geo and "country" not in geo)):
        raise InputError(
            f"{where}: geolocation has {', '.join(sorted(geo))}; allowed is either a continent, or a country with "
            "or without a subdivision."
        )
    if near := fields.get("geoproximity"):
        fields["geoproximity"] = desired_geoproximity(near, where)
    return fields


def desired_geoproximity(near: t.Mapping[str, t.Any], where: str) -> Fields:
    """Coordinates are text of at most two decimals to Route 53; a bias of 0 is none."""
    places = [place for place in ("region", "local_zone_group", "coordinates") if near.get(place)]
    bias = near.get("bias") or 0
    if len(places) != 1:
        raise InputError(
            f"{where}: geoproximity has {' and '.join(places) or 'no place'}; exactly one of region, local_zone_group "
            "and coordinates is allowed."
        )
    if not -99 <= bias <= 99:
        raise InputError(f"{where}: geoproximity.bias {bias} is out of range; -99 to 99 is allowed.")
    wanted: Fields = {places[0]: near[places[0]], "bias": bias}
    if places[0] == "coordinates":
        limits = {"latitude": 90, "longitude": 180}
        for axis, most in limits.items():
            if not -most <= near["coordinates"][axis] <= most:
                raise InputError(
                    f"{where}: geoproximity.coordinates.{axis} {near['coordinates'][axis]} is out of range; "
                    f"-{most} to {most} degrees are allowed."
                )
        wanted["coordinates"] = {axis: round(float(near["coordinates"][axis]), 2) for axis in limits}
    return wanted


def policy_of(fields: t.Mapping[str, t.Any]) -> str:
    """A record's routing policy, ``simple`` when it has none."""
    return next((policy for policy in POLICIES if fields.get(policy) is not None), "simple")


def check_neighbours(zone: str, records: t.Mapping[Key, Fields]) -> None:
    """Refuse what DNS does not allow at one name, and routing policies that do not go together."""
    types: dict[str, set[str]] = {}
    policies: dict[tuple[str, str], set[str]] = {}
    for (name, record_type, _unused), fields in records.items():
        types.setdefault(name, set()).add(record_type)
        policies.setdefault((name, record_type), set()).add(policy_of(fields))
    for name, found in sorted(types.items()):
        if "CNAME" in found and len(found) > 1:
            others = ", ".join(sorted(found - {"CNAME"}))
            raise InputError(f"zones: {zone}: {name} has a CNAME beside {others}; a CNAME allows no other record.")
    for (name, record_type), found in sorted(policies.items()):
        if len(found) > 1:
            raise InputError(
                f"zones: {zone}: {shown(name, record_type)} mixes the routing policies {', '.join(sorted(found))}; "
                "all records of a name and type have the same."
            )


def alias_depths(zone: str, records: t.Mapping[Key, Fields]) -> dict[Key, int]:
    """How many aliases of the zone lead from each record to one that is none; a circle is an :class:`InputError`.

    Route 53 wants an alias's target to be there first, so this is an order in which records can be made.
    """
    by_name: dict[tuple[str, str], list[Key]] = {}
    for key in records:
        by_name.setdefault(key[:2], []).append(key)
    depths: dict[Key, int] = {}

    def depth(key: Key, above: tuple[Key, ...]) -> int:
        if key in above:
            circle = " -> ".join(shown(*k) for k in (*above[above.index(key) :], key))
            raise InputError(f"zones: {zone}: the aliases {circle} lead in a circle; one of them needs another target.")
        if key not in depths:
            alias = records[key]["alias"]
            targets = by_name.get((alias["target"], key[1]), []) if alias else []
            depths[key] = 0 if alias is None else 1 + max((depth(k, (*above, key)) for k in targets), default=0)
        return depths[key]

    for key in records:
        depth(key, ())
    return depths


# --- scopes ---------------------------------------------------------------------------------------------------------

SCOPE_PREFIX = "mydigitalstructure:"
"""What the set identifier of a scope's record begins with. Route 53 cannot tag a record, so this marks whose it is."""
IDENTIFIER_LONGEST = 128
SCOPE_WEIGHT = 1
"""A record with a set identifier needs a routing policy; the only one of its name always answers."""


def scope_identifier(scope: str, owner: str) -> str:
    """The set identifier of a scope's record; ``owner`` is a hash where it is too long for one."""
    room = IDENTIFIER_LONGEST - len(SCOPE_PREFIX) - len(scope) - 1
    said = owner if len(owner) <= room else hashlib.sha256(owner.encode()).hexdigest()[:32]
    return f"{SCOPE_PREFIX}{scope}:{said}"


def scope_of(identifier: str | None) -> str | None:
    """The scope that a set identifier says, None when it says none."""
    if not identifier or not identifier.startswith(SCOPE_PREFIX):
        return None
    return identifier.removeprefix(SCOPE_PREFIX).partition(":")[0]


# --- as AWS holds them ----------------------------------------------------------------------------------------------


def observed_record(item: t.Mapping[str, t.Any]) -> tuple[Key, Fields]:
    """A ResourceRecordSet in normal form; what we would refuse to declare is kept as it is written."""
    fields: Fields = dict.fromkeys(FIELDS)
    record_type = item["Type"]
    if "AliasTarget" in item:
        alias = item["AliasTarget"]
        fields["alias"] = {
            "target": lenient_name(alias["DNSName"]),
            "zone_id": alias["HostedZoneId"],
            "evaluate_health": alias["EvaluateTargetHealth"],
        }
    else:
        # a traffic policy's record has neither
        fields["ttl"] = item.get("TTL")
        fields["values"] = sorted(lenient(record_type, value["Value"]) for value in item.get("ResourceRecords", []))
    for ours, theirs in PLAIN.items():
        fields[ours] = item.get(theirs)
    for ours, (theirs, names) in NESTED.items():
        if found := item.get(theirs):
            fields[ours] = {name: found[their] for name, their in names.items() if found.get(their)}
    if near := fields["geoproximity"]:
        near.setdefault("bias", 0)
        if "coordinates" in near:
            near["coordinates"] = {name: float(near["coordinates"][their]) for name, their in COORDINATES.items()}
    return (lenient_name(item["Name"]), record_type, item.get("SetIdentifier") or ""), fields


def lenient(record_type: str, value: str) -> str:
    try:
        return normal_value(record_type, value)
    except InputError:
        return value


def lenient_name(name: str) -> str:
    try:
        return normal(name)
    except InputError:
        return name.rstrip(".").lower()


def record_set(key: Key, fields: t.Mapping[str, t.Any], zone_id: str | None = None) -> dict[str, t.Any]:
    """A wanted record as a ResourceRecordSet; ``zone_id`` is the zone it is in."""
    name, record_type, identifier = key
    item: dict[str, t.Any] = {"Name": escaped(name), "Type": record_type}
    if identifier:
        item["SetIdentifier"] = identifier
    if alias := fields["alias"]:
        item["AliasTarget"] = {
            "DNSName": escaped(alias["target"]),
            "HostedZoneId": alias["zone_id"] or zone_id,
            "EvaluateTargetHealth": alias["evaluate_health"],
        }
    else:
        item["TTL"] = fields["ttl"]
        item["ResourceRecords"] = [{"Value": value} for value in fields["values"]]
    for ours, theirs in PLAIN.items():
        if fields[ours] is not None:
            item[theirs] = fields[ours]
    for ours, (theirs, names) in NESTED.items():
        if fields[ours]:
            item[theirs] = {names[part]: value for part, value in fields[ours].items()}
    if "Coordinates" in item.get("GeoProximityLocation", {}):
        coordinates = fields["geoproximity"]["coordinates"]
        item["GeoProximityLocation"]["Coordinates"] = {
            their: f"{coordinates[name]:.2f}" for name, their in COORDINATES.items()
        }
    return item


# --- batches --------------------------------------------------------------------------------------------------------


def cost(change: Change) -> tuple[int, int]:
    """The elements and characters that a change counts for; an UPSERT is a removal and a creation."""
    values = [record["Value"] for record in change["ResourceRecordSet"].get("ResourceRecords", [])]
    times = 2 if change["Action"] == "UPSERT" else 1
    # an alias has no ResourceRecord; that it counts as one is on the safe side
    return max(len(values), 1) * times, sum(map(len, values)) * times


def transactions(changes: t.Sequence[tuple[Action, Change]]) -> list[list[tuple[Action, Change]]]:
    """Changes in groups that Route 53 has to make together, otherwise in their order.

    Together are the changes of a name at which a CNAME goes or comes beside others, and those of a name and type of
    which one goes and another comes or the routing policy changes. A group stands where its last member was.
    """
    cnames: dict[str, set[bool]] = {}
    for _action, change in changes:
        item = change["ResourceRecordSet"]
        cnames.setdefault(item["Name"], set()).add(item["Type"] == "CNAME")
    groups: dict[tuple[str, ...], list[tuple[Action, Change]]] = {}
    for action, change in changes:
        item = change["ResourceRecordSet"]
        mixed = len(cnames[item["Name"]]) > 1
        # taken out and put in again, so that a group comes no earlier than what its members wait for
        place = (item["Name"],) if mixed else (item["Name"], item["Type"])
        groups[place] = [*groups.pop(place, []), (action, change)]
    packed = []
    for members in groups.values():
        verbs = {change["Action"] for unused, change in members}
        switched = any(
            (policy in action.before) != (policy in action.after)
            for action, change in members
            if change["Action"] == "UPSERT"
            for policy in POLICIES
        )
        if ("DELETE" in verbs and len(verbs) > 1) or switched:
            # what goes comes first, or the request would hold both for a moment
            packed.append(sorted(members, key=lambda member: member[1]["Action"] != "DELETE"))
        else:
            packed += [[member] for member in members]
    return packed


def batches(changes: t.Sequence[tuple[Action, Change]]) -> list[list[tuple[Action, Change]]]:
    """As few requests as hold all changes, in order, no transaction split."""
    packed: list[list[tuple[Action, Change]]] = []
    elements = characters = 0
    for group in transactions(changes):
        size, length = (sum(column) for column in zip(*(cost(change) for unused, change in group)))
        if size > BATCH_ELEMENTS or length > BATCH_CHARACTERS:
            raise InputError(
                f"zones: the changes of {group[0][0].name} have to be made in one step and count as {size} values and "
                f"{length} characters; Route 53 allows {BATCH_ELEMENTS} and {BATCH_CHARACTERS}."
            )
        if not packed or elements + size > BATCH_ELEMENTS or characters + length > BATCH_CHARACTERS:
            packed.append([])
            elements = characters = 0
        packed[-1] += group
        elements, characters = elements + size, characters + length
    return packed


def change_of(action: Action, key: Key, wanted: t.Mapping[Key, Fields], held: t.Mapping[Key, dict]) -> Change:
    """The change that carries out an action; what goes is named as AWS holds it, or it would not match."""
    if action.verb == DELETE:
        return {"Action": "DELETE", "ResourceRecordSet": held[key]}
    verb = "CREATE" if action.verb == CREATE else "UPSERT"
    return {"Action": verb, "ResourceRecordSet": record_set(key, wanted[key])}
