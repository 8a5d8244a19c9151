# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole hosted zones of Route 53 as one set, changed in as few requests as AWS's limits allow.

A record is known by its name, type and set identifier. Records of a name that have to go and to come together (a CNAME
that becomes an alias, one record that becomes a weighted set) are one transaction, which is never split between
requests.
"""

from __future__ import annotations

import secrets
import typing as t
from dataclasses import dataclass, field

from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    compare_aws_tags,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    PLATFORM_TAG,
    application,
    client,
    owned_tags,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import (
    TYPES,
    absolute,
    escaped,
    normal,
    normal_value,
    shown,
    within,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    UPDATE,
    Action,
    InputError,
    Plan,
    compare,
    concurrently,
    ignored,
    known,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

ZONE, RECORD = "hosted_zone", "record"
ADOPTED_TAG = "mydigitalstructure:adopted"
DEFAULT_TTL = 300
BATCH_ELEMENTS, BATCH_CHARACTERS = 1000, 32000
"""Limits of one ChangeResourceRecordSets request; an UPSERT counts twice."""
TAG_BATCH = 10
"""Zones that one ListTagsForResources answers for."""
ACM = ".acm-validations.aws."

Key = tuple[str, str, str]
"""Name, type and set identifier (empty without one)."""
Fields = dict[str, t.Any]

POLICIES = ("weight", "failover", "latency_region", "geolocation", "multivalue")
FIELDS = ("ttl", "values", "alias", *POLICIES, "health_check_id")


@dataclass
class Zone:
    """A hosted zone, wanted or there; ``records`` are in normal form, without the apex's NS and SOA."""

    name: str
    records: dict[Key, Fields] = field(default_factory=dict)
    comment: str | None = None
    private: bool = False
    vpcs: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    adopt: bool = False
    delegation_set: str | None = None
    id: str | None = None
    name_servers: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """What the zone is called in plans and results; a private zone may have a public one's name."""
        return f"{self.name} (private)" if self.private else self.name

    def fields(self) -> Fields:
        return {"comment": self.comment, "vpcs": self.vpcs, "tags": self.tags}


# --- input ----------------------------------------------------------------------------------------------------------


def desired_record(item: t.Mapping[str, t.Any], zone: str, *, named: bool = False) -> tuple[Key, Fields]:
    """A declared record in normal form; with ``named``, one that only has to be told by its name and type."""
    record_type = item["type"].upper()
    name = absolute(item["name"], zone, f"zones: {zone}: records")
    where = f"zones: {zone}: record {shown(name, record_type, item.get('set_identifier'))}"
    values, alias = item.get("values"), item.get("alias")
    if record_type not in TYPES:
        raise InputError(f"{where}: type {record_type!r} is not one that Route 53 has; those are {', '.join(TYPES)}.")
    if name == zone and record_type in ("NS", "SOA"):
        raise InputError(f"{where}: the apex's {record_type} record is Route 53's own and cannot be declared.")
    if named and not (values or alias):
        return (name, record_type, item.get("set_identifier") or ""), dict.fromkeys(FIELDS)
    if bool(values) == bool(alias):
        raise InputError(f"{where}: {'both' if values else 'neither'} values and alias given; exactly one is allowed.")
    if alias and item.get("ttl") is not None:
        raise InputError(f"{where}: ttl {item['ttl']} is given, but an alias takes its target's; leave ttl out.")
    if record_type == "CNAME":
        if name == zone:
            raise InputError(f"{where}: a CNAME is not allowed at a zone's apex; use an alias.")
        if len(values or []) > 1:
            raise InputError(f"{where}: {len(values)} values are given; a CNAME has exactly one.")
    policies = [policy for policy in POLICIES if item.get(policy) is not None]
    if len(policies) > 1:
        raise InputError(f"{where}: {' and '.join(policies)} are given; a record has at most one routing policy.")
    if bool(policies) != bool(item.get("set_identifier")):
        raise InputError(
            f"{where}: set_identifier is missing; a record with {policies[0]} needs one."
            if policies
            else f"{where}: set_identifier needs one of {', '.join(POLICIES)}."
        )
    if item.get("weight") is not None and not 0 <= item["weight"] <= 255:
        raise InputError(f"{where}: weight {item['weight']} is out of range; 0 to 255 is allowed.")
    ttl = item.get("ttl")
    if ttl is not None and not 0 <= ttl <= 2147483647:
        raise InputError(f"{where}: ttl {ttl} is out of range; 0 to 2147483647 seconds are allowed.")
    fields = dict.fromkeys(FIELDS)
    for policy in (*POLICIES, "health_check_id"):
        value = item.get(policy)
        fields[policy] = {k: v for k, v in value.items() if v} if isinstance(value, dict) else value
    if alias:
        if name == normal(alias["target"], where):
            raise InputError(f"{where}: alias target {alias['target']!r} is the record itself.")
        fields["alias"] = {
            "target": normal(alias["target"], where),
            "zone_id": alias["zone_id"],
            "evaluate_health": bool(alias.get("evaluate_health", True)),
        }
    else:
        fields["ttl"] = DEFAULT_TTL if ttl is None else ttl
        fields["values"] = sorted({normal_value(record_type, str(value), where) for value in values})
    return (name, record_type, item.get("set_identifier") or ""), fields


def check_neighbours(zone: str, records: t.Mapping[Key, Fields]) -> None:
    """Refuse what DNS does not allow at one name, and routing policies that do not go together."""
    types: dict[str, set[str]] = {}
    policies: dict[tuple[str, str], set[str]] = {}
    for key, fields in records.items():
        name, record_type = key[:2]
        types.setdefault(name, set()).add(record_type)
        policy = next((p for p in POLICIES if fields[p] is not None), "simple")
        policies.setdefault((name, record_type), set()).add(policy)
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


def validate(
    zones: t.Sequence[t.Mapping[str, t.Any]], platform: str, tags: t.Mapping[str, str], *, absent: bool = False
) -> dict[str, Zone]:
    """Declared zones in normal form, by label; raises :class:`InputError` for what cannot be. Asks nobody.

    With ``absent``, records only tell what is ours: they need no values, and one may be named twice.
    """
    wanted: dict[str, Zone] = {}
    for item in zones:
        name = normal(item["name"], "zones: name")
        private = item.get("private") or None
        zone = Zone(
            name,
            comment=item.get("comment") or "",
            private=private is not None,
            vpcs=sorted(private["vpc_ids"]) if private else [],
            tags={},
            adopt=bool(item.get("adopt")),
            delegation_set=item.get("delegation_set"),
        )
        if private is not None and not zone.vpcs:
            raise InputError(f"zones: {name}: private.vpc_ids is empty; a private zone has at least one VPC.")
        if zone.label in wanted:
            raise InputError(f"zones: {zone.label} is there twice; each zone is allowed once.")
        adopted = {ADOPTED_TAG: "true"} if zone.adopt else {}
        zone.tags = owned_tags(platform, name, tags, item.get("tags"), adopted)
        for record in item.get("records") or []:
            key, fields = desired_record(record, name, named=absent)
            if key in zone.records and not absent:
                raise InputError(f"zones: {name}: record {shown(*key)} is declared twice; each is allowed once.")
            zone.records[key] = fields
        if not absent:
            check_neighbours(name, zone.records)
        wanted[zone.label] = zone
    check_nesting(wanted)
    return wanted


def check_nesting(wanted: t.Mapping[str, Zone]) -> None:
    """Refuse records of a parent zone that a declared child zone answers for."""
    for zone in wanted.values():
        children = [z.name for z in wanted.values() if z.name != zone.name and within(z.name, zone.name)]
        for name, record_type, identifier in zone.records:
            for child in children:
                delegation = name == child and record_type in ("NS", "DS")
                if within(name, child) and not delegation:
                    raise InputError(
                        f"zones: {zone.name}: record {shown(name, record_type, identifier)} lies in the declared zone "
                        f"{child}; declare it there."
                    )


# --- what is there --------------------------------------------------------------------------------------------------


def observed_record(item: t.Mapping[str, t.Any]) -> tuple[Key, Fields]:
    """A ResourceRecordSet in normal form."""
    fields = dict.fromkeys(FIELDS)
    record_type = item["Type"]
    if "AliasTarget" in item:
        alias = item["AliasTarget"]
        fields["alias"] = {
            "target": normal(alias["DNSName"]),
            "zone_id": alias["HostedZoneId"],
            "evaluate_health": alias["EvaluateTargetHealth"],
        }
    else:
        fields["ttl"] = item["TTL"]
        fields["values"] = sorted(lenient(record_type, value["Value"]) for value in item["ResourceRecords"])
    fields["weight"] = item.get("Weight")
    fields["failover"] = item.get("Failover")
    fields["latency_region"] = item.get("Region")
    fields["multivalue"] = item.get("MultiValueAnswer")
    if geo := item.get("GeoLocation"):
        names = {"ContinentCode": "continent", "CountryCode": "country", "SubdivisionCode": "subdivision"}
        fields["geolocation"] = {names[key]: value for key, value in geo.items() if value}
    fields["health_check_id"] = item.get("HealthCheckId")
    return (normal(item["Name"]), record_type, item.get("SetIdentifier") or ""), fields


def lenient(record_type: str, value: str) -> str:
    """A value that AWS holds; one that we would refuse is kept as it is written."""
    try:
        return normal_value(record_type, value)
    except InputError:
        return value


@dataclass
class Observed:
    """The platform's zones by label, and the API's items of their records for removal."""

    zones: dict[str, Zone] = field(default_factory=dict)
    items: dict[str, dict[Key, dict[str, t.Any]]] = field(default_factory=dict)


def reference(platform: str, zone: str) -> str:
    """What our caller references begin with: it tells a zone that a killed run made and did not tag yet."""
    return f"mydigitalstructure/{platform}/{zone}/"


def list_zones(route53, platform: str, wanted: t.Mapping[str, Zone], everything: bool) -> dict[str, Zone]:
    """The zones that are the platform's, with tags but without records.

    Tags are asked for where they matter: of zones with a declared name, and of all with ``everything``.
    """
    candidates = {}
    for item in pages(route53, "list_hosted_zones", "HostedZones"):
        zone = Zone(
            normal(item["Name"]),
            comment=item.get("Config", {}).get("Comment") or "",
            private=item.get("Config", {}).get("PrivateZone", False),
            id=item["Id"].rsplit("/", 1)[-1],
        )
        if everything or zone.label in wanted:
            candidates[zone.id] = (zone, item["CallerReference"])
    ids = sorted(candidates)
    batches = [ids[i : i + TAG_BATCH] for i in range(0, len(ids), TAG_BATCH)]
    calls = [
        lambda batch=batch: route53.list_tags_for_resources(ResourceType="hostedzone", ResourceIds=batch)
        for batch in batches
    ]
    for answer in concurrently(*calls):
        for tagged in answer["ResourceTagSets"]:
            candidates[tagged["ResourceId"]][0].tags = tags_of(tagged)
    ours: dict[str, Zone] = {}
    for zone, caller_reference in candidates.values():
        mine = zone.tags.get(PLATFORM_TAG) == platform
        untagged = PLATFORM_TAG not in zone.tags and caller_reference.startswith(reference(platform, zone.name))
        declared = wanted.get(zone.label)
        if not (mine or untagged):
            if declared is None:
                continue
            if not declared.adopt:
                raise InputError(
                    f"zones: {zone.label} is there already as {zone.id} and does not carry {PLATFORM_TAG}={platform}; "
                    "give it adopt: true to manage its records, or another name."
                )
        if zone.label in ours:
            raise InputError(
                f"zones: {zone.label}: {ours[zone.label].id} and {zone.id} both are the platform's; remove one of them."
            )
        ours[zone.label] = zone
    return ours


def observe(route53, platform: str, wanted: t.Mapping[str, Zone], everything: bool) -> Observed:
    """The platform's zones with their records; zones at the same time, 300 records a page."""
    observed = Observed(list_zones(route53, platform, wanted, everything))
    zones = [observed.zones[label] for label in sorted(observed.zones)]
    concurrently(*(lambda zone=zone: read_zone(route53, zone, observed) for zone in zones))
    return observed


def read_zone(route53, zone: Zone, observed: Observed) -> None:
    found = pages(route53, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone.id)
    zone.records, items = {}, {}
    for item in found:
        if item["Type"] in ("NS", "SOA") and normal(item["Name"]) == zone.name:
            if item["Type"] == "NS":
                zone.name_servers = sorted(value["Value"].rstrip(".") for value in item["ResourceRecords"])
            continue
        key, fields = observed_record(item)
        zone.records[key], items[key] = fields, item
    observed.items[zone.label] = items
    if zone.private:
        answer = route53.get_hosted_zone(Id=zone.id)
        zone.vpcs = sorted(vpc["VPCId"] for vpc in answer.get("VPCs", []))


# --- the plan -------------------------------------------------------------------------------------------------------


def in_the_way(key: Key, records: t.Mapping[Key, Fields]) -> bool:
    """Whether Route 53 would refuse the wanted records while this one is there."""
    name, record_type, identifier = key
    for other_name, other_type, other_identifier in records:
        if other_name != name:
            continue
        if "CNAME" in (record_type, other_type) and record_type != other_type:
            return True
        if record_type == other_type and bool(identifier) != bool(other_identifier):
            return True
    return False


def plan_records(
    wanted: Zone, present: t.Mapping[Key, Fields], *, purge: bool = False, ignore: t.Sequence[str] = ()
) -> Plan:
    """The changes of one zone's records.

    Without ``purge`` a record that is not declared goes only when it is in the way of one that is.
    """
    named = {key: shown(*key) for key in {*wanted.records, *present}}
    leaving = {key for key in present if key not in wanted.records and (purge or in_the_way(key, wanted.records))}
    for key in sorted(leaving):
        if ignored(named[key], ignore) and in_the_way(key, wanted.records):
            raise InputError(
                f"ignore: {named[key]} is to be left alone, but is in the way of a declared record of that name."
            )
    planned = compare(
        RECORD,
        {named[key]: {**fields, "key": key} for key, fields in wanted.records.items()},
        {
            named[key]: {**fields, "key": key}
            for key, fields in present.items()
            if key in wanted.records or key in leaving
        },
        purge=True,
        ignore=ignore,
    )

    def bare(fields: t.Mapping[str, t.Any]) -> Fields:
        return {name: value for name, value in fields.items() if name != "key" and value is not None}

    return Plan(
        [
            Action(
                a.verb,
                a.kind,
                a.name,
                bare(a.before),
                bare(a.after),
                (wanted.label, (a.context[0] or a.context[1])["key"]),
            )
            for a in planned
        ]
    )


def plan(
    wanted: t.Mapping[str, Zone],
    observed: t.Mapping[str, Zone],
    *,
    purge: bool = False,
    ignore: t.Sequence[str] = (),
    absent: bool = False,
) -> Plan:
    """The changes of zones and records. An adopted zone is never removed; its declared records are."""
    leaving = {
        label
        for label, zone in observed.items()
        if ADOPTED_TAG not in zone.tags and (absent or (purge and label not in wanted))
    }
    zones = compare(
        ZONE,
        {} if absent else {label: zone.fields() for label, zone in wanted.items()},
        {
            label: zone.fields()
            for label, zone in observed.items()
            if label in leaving or (label in wanted and not absent)
        },
        purge=True,
        ignore=ignore,
    )
    records = Plan()
    for label in sorted({*wanted, *leaving}):
        present = observed[label].records if label in observed else {}
        if label in leaving:
            records += plan_records(
                Zone(label.removesuffix(" (private)"), private=label.endswith(")")), present, purge=True
            )
        elif absent:
            declared = {key: fields for key, fields in present.items() if key in wanted[label].records}
            records += plan_records(Zone(wanted[label].name, private=wanted[label].private), declared, purge=True)
        else:
            records += plan_records(wanted[label], present, purge=purge, ignore=ignore)
    return zones + records


def check_foreign(wanted: t.Mapping[str, Zone], observed: t.Mapping[str, Zone], planned: Plan) -> None:
    """Refuse to remove a zone with records that were not declared and that no certificate of ACM needs."""
    for action in planned.only(ZONE, verbs=[DELETE]):
        declared = wanted[action.name].records if action.name in wanted else {}
        foreign = [
            shown(*key)
            for key, fields in sorted(observed[action.name].records.items())
            if key[:2] not in {k[:2] for k in declared}
            and not all(value.endswith(ACM) for value in fields["values"] or ["-"])
        ]
        if foreign:
            raise InputError(
                f"zones: {action.name} holds records that were not declared: {', '.join(foreign[:5])}"
                f"{' and more' if len(foreign) > 5 else ''}; purge: true removes the zone all the same."
            )


# --- batches --------------------------------------------------------------------------------------------------------


def record_set(key: Key, fields: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A wanted record as a ResourceRecordSet."""
    name, record_type, identifier = key
    item: dict[str, t.Any] = {"Name": escaped(name), "Type": record_type}
    if identifier:
        item["SetIdentifier"] = identifier
    if alias := fields["alias"]:
        item["AliasTarget"] = {
            "DNSName": escaped(alias["target"]),
            "HostedZoneId": alias["zone_id"],
            "EvaluateTargetHealth": alias["evaluate_health"],
        }
    else:
        item["TTL"] = fields["ttl"]
        item["ResourceRecords"] = [{"Value": value} for value in fields["values"]]
    if geo := fields["geolocation"]:
        names = {"continent": "ContinentCode", "country": "CountryCode", "subdivision": "SubdivisionCode"}
        item["GeoLocation"] = {names[key]: value for key, value in geo.items()}
    plain = {"weight": "Weight", "failover": "Failover", "latency_region": "Region", "multivalue": "MultiValueAnswer"}
    for ours, theirs in {**plain, "health_check_id": "HealthCheckId"}.items():
        if fields[ours] is not None:
            item[theirs] = fields[ours]
    return item


Change = dict[str, t.Any]


def cost(change: Change) -> tuple[int, int]:
    """The elements and characters that a change counts for; an UPSERT is a removal and a creation."""
    values = [record["Value"] for record in change["ResourceRecordSet"].get("ResourceRecords", [])]
    times = 2 if change["Action"] == "UPSERT" else 1
    # an alias has no ResourceRecord; that it counts as one is on the safe side
    return max(len(values), 1) * times, sum(map(len, values)) * times


def transactions(changes: t.Sequence[tuple[Action, Change]]) -> list[list[tuple[Action, Change]]]:
    """Changes in groups that Route 53 has to make together: those of a name of which one goes and another comes."""
    by_name: dict[str, list[tuple[Action, Change]]] = {}
    for action, change in changes:
        by_name.setdefault(change["ResourceRecordSet"]["Name"], []).append((action, change))
    groups = []
    for members in by_name.values():
        verbs = {change["Action"] for unused, change in members}
        # what goes comes first, or the request would hold both for a moment
        members.sort(key=lambda member: member[1]["Action"] != "DELETE")
        groups += [members] if "DELETE" in verbs and len(verbs) > 1 else [[member] for member in members]
    return groups


def batches(changes: t.Sequence[tuple[Action, Change]]) -> list[list[tuple[Action, Change]]]:
    """As few requests as hold all changes, in order, no transaction split."""
    packed: list[list[tuple[Action, Change]]] = []
    elements = characters = 0
    for group in transactions(changes):
        size, length = (sum(column) for column in zip(*(cost(change) for unused, change in group)))
        if size > BATCH_ELEMENTS or length > BATCH_CHARACTERS:
            name = group[0][1]["ResourceRecordSet"]["Name"]
            raise InputError(
                f"zones: the change of {name} has {size} values and {length} characters; Route 53 takes "
                f"{BATCH_ELEMENTS} and {BATCH_CHARACTERS} in one step."
            )
        if not packed or elements + size > BATCH_ELEMENTS or characters + length > BATCH_CHARACTERS:
            packed.append([])
            elements = characters = 0
        packed[-1] += group
        elements, characters = elements + size, characters + length
    return packed


# --- doing it -------------------------------------------------------------------------------------------------------


class Applier:
    """Carries out a plan of zones and records."""

    def __init__(self, route53, planned: Plan, wanted: t.Mapping[str, Zone], observed: Observed, options, region: str):
        self.route53, self.plan, self.wanted, self.observed, self.region = route53, planned, wanted, observed, region
        self.platform, self.wait, self.timeout = options["platform"], options["wait"], options["wait_timeout"]
        self.application = application(planned)
        self.batches = 0
        self.pending: dict[str, str] = {}

    def apply(self) -> None:
        self.application.run(self.plan.only(ZONE, verbs=[CREATE]), self.create_zone)
        self.application.run(self.plan.only(ZONE, verbs=[UPDATE]), self.update_zone)
        self.change_records()
        self.settle()
        self.application.run(self.plan.only(ZONE, verbs=[DELETE]), self.delete_zone)

    def create_zone(self, action: Action) -> None:
        zone = self.wanted[action.name]
        request: dict[str, t.Any] = {
            "Name": escaped(zone.name),
            # a reference is good for one zone ever, also after that zone is gone
            "CallerReference": reference(self.platform, zone.name) + secrets.token_hex(8),
            "HostedZoneConfig": {"Comment": zone.comment, "PrivateZone": zone.private},
        }
        if zone.vpcs:
            request["VPC"] = {"VPCRegion": self.region, "VPCId": zone.vpcs[0]}
        if zone.delegation_set:
            request["DelegationSetId"] = zone.delegation_set
        answer = self.route53.create_hosted_zone(**request)
        zone.id = answer["HostedZone"]["Id"].rsplit("/", 1)[-1]
        self.route53.change_tags_for_resource(
            ResourceType="hostedzone", ResourceId=zone.id, AddTags=ansible_dict_to_boto3_tag_list(zone.tags)
        )
        for vpc in zone.vpcs[1:]:
            self.associate(zone.id, vpc)

    def associate(self, zone_id: str, vpc: str) -> None:
        self.route53.associate_vpc_with_hosted_zone(HostedZoneId=zone_id, VPC={"VPCRegion": self.region, "VPCId": vpc})

    def update_zone(self, action: Action) -> None:
        zone_id = self.zone_id(action.name)
        if "comment" in action.after:
            self.route53.update_hosted_zone_comment(Id=zone_id, Comment=action.after["comment"])
        if "tags" in action.after:
            put, drop = compare_aws_tags(action.before["tags"], action.after["tags"])
            request = {"AddTags": ansible_dict_to_boto3_tag_list(put), "RemoveTagKeys": drop}
            self.route53.change_tags_for_resource(
                ResourceType="hostedzone", ResourceId=zone_id, **{k: v for k, v in request.items() if v}
            )
        if "vpcs" in action.after:
            for vpc in sorted(set(action.after["vpcs"]) - set(action.before["vpcs"])):
                self.associate(zone_id, vpc)
            for vpc in sorted(set(action.before["vpcs"]) - set(action.after["vpcs"])):
                self.route53.disassociate_vpc_from_hosted_zone(
                    HostedZoneId=zone_id, VPC={"VPCRegion": self.region, "VPCId": vpc}
                )

    def delete_zone(self, action: Action) -> None:
        self.route53.delete_hosted_zone(Id=self.observed.zones[action.name].id)

    def zone_id(self, label: str) -> str:
        zone = self.observed.zones.get(label) or self.wanted[label]
        return zone.id

    def change_records(self) -> None:
        changes: dict[str, list[tuple[Action, Change]]] = {}
        verbs = {CREATE: "CREATE", UPDATE: "UPSERT", DELETE: "DELETE"}
        for action in self.plan.only(RECORD):
            label, key = action.context
            if action.verb == DELETE:
                # removed as AWS holds it, or it does not match
                item = self.observed.items[label][key]
            else:
                item = record_set(key, self.wanted[label].records[key])
            changes.setdefault(label, []).append((action, {"Action": verbs[action.verb], "ResourceRecordSet": item}))
        packed = {label: batches(members) for label, members in changes.items()}
        # Route 53 takes one batch of a zone after the other; zones do not wait for each other
        while any(packed.values()):
            heads = [queue.pop(0) for queue in packed.values() if queue]
            changed = {id(action): change for batch in heads for action, change in batch}
            self.application.run_together(
                [[action for action, unused in batch] for batch in heads],
                lambda actions, changed=changed: self.send(actions, [changed[id(action)] for action in actions]),
            )

    def send(self, actions: list[Action], changes: list[Change]) -> None:
        label = actions[0].context[0]
        answer = self.route53.change_resource_record_sets(
            HostedZoneId=self.zone_id(label), ChangeBatch={"Comment": f"platform {self.platform}", "Changes": changes}
        )
        self.batches += 1
        self.pending[label] = answer["ChangeInfo"]["Id"]

    def settle(self) -> None:
        """Wait until every server of Route 53 has the last change of each zone."""
        if self.wait:
            concurrently(*(lambda change=change: self.settled(change) for change in self.pending.values()))

    def settled(self, change: str) -> None:
        status = poll(
            lambda: self.route53.get_change(Id=change)["ChangeInfo"]["Status"], lambda s: s == "INSYNC", self.timeout
        )
        if status != "INSYNC":
            raise InputError(
                f"wait_timeout: change {change} is still {status} after {self.timeout} s; the records are "
                "written, and the next run goes on from there."
            )


# --- the module -----------------------------------------------------------------------------------------------------


def resolved(wanted: t.Mapping[str, Zone]) -> None:
    """Outside check mode, refuse records that are not known yet."""
    for zone in wanted.values():
        for key, fields in zone.records.items():
            if not known(key[0]) or not all(known(fields[name]) for name in ("values", "alias") if fields[name]):
                raise InputError(
                    f"zones: {zone.name}: record {shown(*key)}: {KNOWN_AFTER_APPLY!r} is allowed only in check mode."
                )


def work(module) -> tuple[Plan, dict[str, t.Any]]:
    """The ``dns_zones`` module: validate, read, plan, apply unless in check mode, and read back."""
    options, absent = module.params, module.params["state"] == "absent"
    platform, purge, ignore = options["platform"], options["purge"], options["ignore"]
    wanted = validate(options["zones"], platform, options["tags"], absent=absent)
    if not module.check_mode and not absent:
        resolved(wanted)
    route53 = client(module, "route53")
    observed = observe(route53, platform, {} if absent else wanted, everything=absent or purge)
    wanted_here = {label: zone for label, zone in wanted.items() if not absent or label in observed.zones}
    planned = plan(wanted_here, observed.zones, purge=purge, ignore=ignore, absent=absent)
    if absent and not purge:
        check_foreign(wanted, observed.zones, planned)
    sent = 0
    if planned and not module.check_mode:
        applier = Applier(route53, planned, wanted, observed, options, module.region)
        applier.apply()
        sent = applier.batches
        if not absent:
            observed = read_back(route53, options, wanted)
    zones = {
        label: {
            "id": observed.zones[label].id if label in observed.zones else KNOWN_AFTER_APPLY,
            "name_servers": observed.zones[label].name_servers if label in observed.zones else KNOWN_AFTER_APPLY,
            "private": zone.private,
            "records": {
                shown(*key): {name: value for name, value in fields.items() if value is not None}
                for key, fields in sorted(zone.records.items())
            },
        }
        for label, zone in ({} if absent else wanted).items()
    }
    return planned, {"zones": zones, "batches": sent}


def read_back(route53, options: t.Mapping[str, t.Any], wanted: t.Mapping[str, Zone]) -> Observed:
    """Read the zones again; what was written and is not there is a failure that names it."""

    def look() -> tuple[Observed, Plan]:
        observed = observe(route53, options["platform"], wanted, everything=False)
        return observed, plan(wanted, observed.zones, purge=options["purge"], ignore=options["ignore"])

    observed, left = poll(look, lambda seen: not seen[1].only(RECORD), 30, first=2.0)
    missing = [action.title for action in left.only(RECORD)]
    if missing:
        raise InputError(
            f"zones: Route 53 took the changes, and does not show {len(missing)} of them: {', '.join(missing[:5])}."
        )
    return observed
