# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole hosted zones of Route 53 as one set, changed in as few requests as AWS's limits allow.

Route 53 tags a zone only after it is made. What tells a zone that a killed run made and did not tag is its caller
reference, which begins with :func:`reference`. A zone that was there before us is *adopted*: it carries a tag that says
so for good, keeps its other tags, and is never removed.
"""

from __future__ import annotations

import copy
import secrets
import typing as t
from dataclasses import dataclass, field

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    compare_aws_tags,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    NAME_TAG,
    PLATFORM_TAG,
    application,
    client,
    owned_tags,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import escaped, normal, shown, within
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_records import (
    Change,
    Fields,
    Key,
    alias_depths,
    batches,
    change_of,
    check_neighbours,
    desired_record,
    lenient_name,
    observed_record,
    policy_of,
    scope_of,
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
TAG_BATCH = 10
"""Zones that one ListTagsForResources answers for."""
PAGE = 300
"""Records that one ListResourceRecordSets gives at most."""
MADE_FOR_AWS = (".acm-validations.aws.", ".dkim.amazonses.com.")
"""The ends of values of records that only certificates and mail domains need; AWS chooses their names."""
READ_BACK_SECONDS = 30


@dataclass
class Zone:
    """A hosted zone, wanted or there; ``records`` are in normal form, without the apex's NS and SOA."""

    name: str
    records: dict[Key, Fields] = field(default_factory=dict)
    comment: str | None = None
    private: bool = False
    vpcs: list[str] = field(default_factory=list)
    vpc_region: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    adopt: bool = False
    delegation_set: str | None = None
    id: str | None = None
    name_servers: list[str] = field(default_factory=list)
    held: dict[Key, dict[str, t.Any]] = field(default_factory=dict)
    """The records as AWS holds them, for removal."""

    @property
    def label(self) -> str:
        """What the zone is called in plans and results; a private zone may have a public one's name."""
        return f"{self.name} (private)" if self.private else self.name

    def fields(self) -> Fields:
        """What is compared; a comment that is not declared is left alone."""
        fields = {"comment": self.comment, "vpcs": self.vpcs, "tags": self.tags}
        return {name: value for name, value in fields.items() if value is not None}


Zones = t.Mapping[str, Zone]
"""Zones by label."""


# --- input ----------------------------------------------------------------------------------------------------------


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
            comment=item.get("comment"),
            private=private is not None,
            vpcs=sorted(set(private["vpc_ids"])) if private else [],
            vpc_region=private.get("region") if private else None,
            tags=owned_tags(platform, name, tags, item.get("tags")),
            adopt=bool(item.get("adopt")),
            delegation_set=item.get("delegation_set"),
        )
        if private is not None and not zone.vpcs:
            raise InputError(f"zones: {name}: private.vpc_ids is empty; a private zone has at least one VPC.")
        if private is not None and zone.delegation_set:
            raise InputError(
                f"zones: {name}: delegation_set {zone.delegation_set!r} is allowed only for a zone that is not private."
            )
        if zone.label in wanted:
            raise InputError(f"zones: {zone.label} is there twice; each zone is allowed once.")
        for record in item.get("records") or []:
            key, fields = desired_record(record, name, named=absent)
            if key in zone.records and not absent:
                raise InputError(f"zones: {name}: record {shown(*key)} is declared twice; each is allowed once.")
            zone.records[key] = fields
        if not absent:
            check_neighbours(name, zone.records)
            alias_depths(name, zone.records)
        wanted[zone.label] = zone
    check_nesting(wanted)
    return wanted


def check_nesting(wanted: Zones) -> None:
    """Refuse records of a parent zone that a declared child zone answers for."""
    for zone in wanted.values():
        children = [
            other.name
            for other in wanted.values()
            if other.name != zone.name and other.private == zone.private and within(other.name, zone.name)
        ]
        for name, record_type, identifier in zone.records:
            for child in children:
                delegation = name == child and record_type in ("NS", "DS")
                if within(name, child) and not delegation:
                    raise InputError(
                        f"zones: {zone.name}: record {shown(name, record_type, identifier)} lies in the declared zone "
                        f"{child}; declare it there."
                    )


def check_known(wanted: Zones) -> None:
    """Outside check mode, refuse what is not known yet."""
    for zone in wanted.values():
        if not all(map(known, zone.vpcs)):
            raise InputError(
                f"zones: {zone.name}: private.vpc_ids: {KNOWN_AFTER_APPLY!r} is allowed only in check mode."
            )
        for key, fields in zone.records.items():
            given = [value for value in fields.values() if value is not None]
            if KNOWN_AFTER_APPLY in f"{key}{given}":
                raise InputError(
                    f"zones: {zone.name}: record {shown(*key)}: {KNOWN_AFTER_APPLY!r} is allowed only in check mode."
                )


# --- what is there --------------------------------------------------------------------------------------------------


def reference(platform: str, zone: str) -> str:
    """What our caller references begin with."""
    return f"mydigitalstructure/{platform}/{zone}/"


def list_zones(route53, platform: str, wanted: Zones, everything: bool) -> dict[str, Zone]:
    """The zones that are the platform's or are to be adopted, with tags but without records.

    Tags are asked for where they matter: of zones with a declared name, and of all with ``everything``.
    """
    candidates: dict[str, tuple[Zone, str]] = {}
    for item in pages(route53, "list_hosted_zones", "HostedZones"):
        zone = Zone(
            lenient_name(item["Name"]),
            comment=item.get("Config", {}).get("Comment") or "",
            private=item.get("Config", {}).get("PrivateZone", False),
            id=bare_id(item["Id"]),
        )
        if everything or zone.label in wanted:
            candidates[zone.id] = (zone, item["CallerReference"])
    ids = sorted(candidates)
    calls = [
        lambda batch=ids[i : i + TAG_BATCH]: route53.list_tags_for_resources(
            ResourceType="hostedzone", ResourceIds=batch
        )
        for i in range(0, len(ids), TAG_BATCH)
    ]
    for answer in concurrently(*calls):
        for tagged in answer["ResourceTagSets"]:
            candidates[tagged["ResourceId"]][0].tags = tags_of(tagged)
    ours: dict[str, Zone] = {}
    others: list[Zone] = []
    for zone, caller_reference in candidates.values():
        untagged = PLATFORM_TAG not in zone.tags and caller_reference.startswith(reference(platform, zone.name))
        if not untagged and zone.tags.get(PLATFORM_TAG) != platform:
            others.append(zone)
        elif zone.label in ours:
            raise InputError(
                f"zones: {zone.label}: {ours[zone.label].id} and {zone.id} are both the platform's; remove one of them."
            )
        else:
            ours[zone.label] = zone
    return {**ours, **adoptable([zone for zone in others if zone.label in wanted and zone.label not in ours], wanted)}


def adoptable(others: t.Sequence[Zone], wanted: Zones) -> dict[str, Zone]:
    """Zones of declared names that are not the platform's; refused unless they may be taken over."""
    taken: dict[str, Zone] = {}
    for zone in others:
        if owner := zone.tags.get(PLATFORM_TAG):
            raise InputError(
                f"zones: {zone.label} is there already as {zone.id} and belongs to the platform {owner!r}; "
                "declare it in one platform only."
            )
        if not wanted[zone.label].adopt:
            raise InputError(
                f"zones: {zone.label} is there already as {zone.id} and does not carry the tag {PLATFORM_TAG}; "
                "give it adopt: true to manage its records, or declare another zone."
            )
        if zone.label in taken:
            raise InputError(
                f"zones: {zone.label} is there twice, as {taken[zone.label].id} and {zone.id}; adopt: true is allowed "
                "only where one zone has the name."
            )
        zone.adopt = True
        taken[zone.label] = zone
    return taken


def bare_id(identifier: str) -> str:
    return identifier.rsplit("/", 1)[-1]


def observe(route53, platform: str, wanted: Zones, everything: bool) -> dict[str, Zone]:
    """The platform's zones with their records; zones at the same time."""
    zones = list_zones(route53, platform, wanted, everything)
    concurrently(*(lambda zone=zones[label]: read_records(route53, zone) for label in sorted(zones)))
    return zones


def read_records(route53, zone: Zone) -> None:
    """Fill in a zone's records and name servers, and a private zone's VPCs."""
    found = pages(
        route53,
        "list_resource_record_sets",
        "ResourceRecordSets",
        HostedZoneId=zone.id,
        PaginationConfig={"PageSize": PAGE},
    )
    zone.records, zone.held = {}, {}
    for item in found:
        key, fields = observed_record(item)
        if key[1] in ("NS", "SOA") and key[0] == zone.name:
            if key[1] == "NS":
                zone.name_servers = sorted(value.rstrip(".") for value in fields["values"])
            continue
        zone.records[key], zone.held[key] = fields, item
    if zone.private:
        answer = route53.get_hosted_zone(Id=zone.id)
        zone.vpcs = sorted(vpc["VPCId"] for vpc in answer.get("VPCs", []))


# --- the plan -------------------------------------------------------------------------------------------------------


def settled_with(wanted: Zones, observed: Zones) -> dict[str, Zone]:
    """The wanted zones as they are to be, given what is there.

    An alias into its own zone gets that zone's id, as far as it is known. An adopted zone keeps the tags that it has,
    among them the one that says that it was adopted.
    """
    final = {}
    for label, zone in wanted.items():
        zone, present = copy.copy(zone), observed.get(label)
        zone.records = with_zone_id(zone.records, present.id if present else KNOWN_AFTER_APPLY)
        if present is None:
            zone.comment = zone.comment or ""
        elif present.adopt or ADOPTED_TAG in present.tags:
            name = present.tags.get("Name", zone.tags["Name"])
            zone.tags = {**present.tags, **zone.tags, "Name": name, ADOPTED_TAG: "true"}
        final[label] = zone
    return final


def with_zone_id(records: t.Mapping[Key, Fields], zone_id: str) -> dict[Key, Fields]:
    """Records whose aliases into their own zone have its id, as far as that is known."""
    return {
        key: {**fields, "alias": {**fields["alias"], "zone_id": zone_id}}
        if fields["alias"] and not known(fields["alias"]["zone_id"])
        else fields
        for key, fields in records.items()
    }


def released(zone: Zone, platform: str, tags: t.Mapping[str, str]) -> dict[str, str]:
    """The tags of an adopted zone once the platform is gone."""
    ours = {**owned_tags(platform, zone.name, tags), ADOPTED_TAG: "true"}
    marks = (PLATFORM_TAG, NAME_TAG, ADOPTED_TAG)
    return {key: value for key, value in zone.tags.items() if key not in marks and ours.get(key) != value}


def in_the_way(key: Key, policy: str, records: t.Mapping[Key, Fields]) -> bool:
    """Whether Route 53 would refuse the wanted records while this one, of another key, is there."""
    name, record_type = key[:2]
    for (other_name, other_type, _unused), fields in records.items():
        if other_name != name:
            continue
        if "CNAME" in (record_type, other_type) and record_type != other_type:
            return True
        if record_type == other_type and policy != policy_of(fields):
            return True
    return False


def plan_records(
    zone: Zone,
    wanted: t.Mapping[Key, Fields],
    present: t.Mapping[Key, Fields],
    *,
    purge: bool = False,
    ignore: t.Sequence[str] = (),
    scoped: bool = False,
) -> Plan:
    """The changes of one zone's records, each with its zone's label and its key as context.

    Without ``purge`` a record that is not declared goes only when it is in the way of one that is. Records of a scope
    (module dns_records) stay, unless ``scoped``.
    """
    by_name: dict[str, dict[Key, Fields]] = {}
    for key, fields in wanted.items():
        if not ignored(shown(*key), ignore):
            by_name.setdefault(key[0], {})[key] = fields
    blocking = {
        key
        for key, fields in present.items()
        if key not in wanted and in_the_way(key, policy_of(fields), by_name.get(key[0], {}))
    }
    for key in sorted(blocking):
        if ignored(shown(*key), ignore):
            raise InputError(
                f"ignore: {shown(*key)} is to be left alone, but Route 53 does not allow it beside the declared "
                f"records of {key[0]}."
            )
        if scope_of(key[2]) and not scoped:
            raise InputError(
                f"zones: {zone.name}: {shown(*key)} belongs to scope {scope_of(key[2])} of dns_records, and Route 53 "
                f"does not allow it beside the declared records of {key[0]}."
            )
    planned = compare(
        RECORD,
        {shown(*key): {**fields, "key": key} for key, fields in wanted.items()},
        {
            shown(*key): {**fields, "key": key}
            for key, fields in present.items()
            if (purge and (scoped or not scope_of(key[2]))) or key in wanted or key in blocking
        },
        purge=True,
        ignore=ignore,
    )

    def bare(fields: t.Mapping[str, t.Any]) -> Fields:
        return {name: value for name, value in fields.items() if name != "key" and value is not None}

    return Plan(
        [
            Action(
                action.verb,
                action.kind,
                action.name,
                bare(action.before),
                bare(action.after),
                (zone.label, (action.context[0] or action.context[1])["key"]),
            )
            for action in planned
        ]
    )


def plan(wanted: Zones, observed: Zones, *, purge: bool = False, ignore: t.Sequence[str] = ()) -> Plan:
    """The changes of zones and records; with ``purge``, also of the platform's zones that are not declared.

    An adopted zone that is no longer declared is left as it is.
    """
    leaving = {
        label: zone
        for label, zone in observed.items()
        if purge and label not in wanted and ADOPTED_TAG not in zone.tags and not ignored(label, ignore)
    }
    for label, zone in sorted(leaving.items()):
        scopes = sorted({scope_of(key[2]) for key in zone.records if scope_of(key[2])})
        if scopes:
            raise InputError(
                f"zones: {label} is no longer declared, but holds records of scope {', '.join(scopes)} of dns_records; "
                "declare it, or remove those first."
            )
    planned = compare(
        ZONE,
        {label: zone.fields() for label, zone in wanted.items()},
        {label: zone.fields() for label, zone in observed.items() if label in wanted},
        ignore=ignore,
    )
    for label, zone in wanted.items():
        if not ignored(label, ignore):
            present = observed[label].records if label in observed else {}
            planned += plan_records(zone, zone.records, present, purge=purge, ignore=ignore)
    return planned + plan_removal(leaving, ignore=ignore)


def plan_removal(leaving: Zones, *, ignore: t.Sequence[str] = ()) -> Plan:
    """The removal of whole zones."""
    planned = compare(ZONE, {}, {label: zone.fields() for label, zone in leaving.items()}, purge=True)
    for label, zone in leaving.items():
        for key in sorted(zone.records):
            if ignored(shown(*key), ignore):
                raise InputError(
                    f"ignore: {shown(*key)} is to be left alone, but its zone {label} is to be removed; name the zone "
                    "in ignore too, or declare it."
                )
        planned += plan_records(zone, {}, zone.records, purge=True, scoped=True)
    return planned


def plan_absent(
    wanted: Zones,
    observed: Zones,
    platform: str,
    tags: t.Mapping[str, str],
    *,
    purge: bool = False,
    ignore: t.Sequence[str] = (),
) -> Plan:
    """The removal of everything that is ours: zones, and an adopted zone's declared records and ownership tags.

    Refuses, unless ``purge``, to remove a zone with records that were not declared, that neither a certificate nor a
    mail domain needs, and that are of no scope.
    """
    mine = {label: zone for label, zone in observed.items() if not ignored(label, ignore)}
    leaving = {label: zone for label, zone in mine.items() if ADOPTED_TAG not in zone.tags}
    for label, zone in sorted(leaving.items()):
        declared = {key[:2] for key in wanted[label].records} if label in wanted else set()
        foreign = [
            shown(*key)
            for key, fields in sorted(zone.records.items())
            if key[:2] not in declared
            and not scope_of(key[2])
            and not all(value.endswith(MADE_FOR_AWS) for value in fields["values"] or ["-"])
        ]
        if foreign and not purge:
            raise InputError(
                f"zones: {label} holds records that were not declared: {', '.join(foreign[:5])}"
                f"{f' and {len(foreign) - 5} more' if len(foreign) > 5 else ''}; purge: true removes the zone all the "
                "same."
            )
    planned = plan_removal(leaving, ignore=ignore)
    for label in sorted(mine.keys() - leaving.keys()):
        zone = mine[label]
        planned += compare(
            ZONE, {label: {"tags": released(zone, platform, tags)}}, {label: {"tags": zone.tags}}, ignore=ignore
        )
        declared = wanted[label].records if label in wanted else {}
        ours = {key: fields for key, fields in zone.records.items() if key in declared}
        planned += plan_records(zone, {}, ours, purge=True, ignore=ignore)
    return planned


def requests(planned: Plan, wanted: Zones, observed: Zones) -> dict[str, list[list[tuple[Action, Change]]]]:
    """The change requests of each zone, in order: aliases go before what they lead to, and come after it."""
    changes: dict[str, list[tuple[int, Action, Change]]] = {}
    depths = {label: alias_depths(zone.name, zone.records) for label, zone in wanted.items()}
    for action in planned.only(RECORD):
        label, key = action.context
        held = observed[label].held if label in observed else {}
        if action.verb == DELETE:
            change = change_of(action, key, {}, held)
            rank = -2 if "AliasTarget" in change["ResourceRecordSet"] else -1
        else:
            change = change_of(action, key, wanted[label].records, held)
            rank = depths[label][key]
        changes.setdefault(label, []).append((rank, action, change))
    return {
        label: batches([(action, change) for rank, action, change in sorted(members, key=lambda member: member[0])])
        for label, members in changes.items()
    }


# --- doing it -------------------------------------------------------------------------------------------------------


class Applier:
    """Carries out a plan of zones and records.

    :arg wanted: the zones as they are to be; a zone that is made gets its ``id`` and ``name_servers`` here.
    :arg packed: what :func:`requests` gave.
    """

    def __init__(self, route53, planned: Plan, wanted: Zones, observed: Zones, packed, options, region: str):
        self.route53, self.plan, self.wanted, self.observed, self.packed = route53, planned, wanted, observed, packed
        self.platform, self.wait, self.timeout = options["platform"], options["wait"], options["wait_timeout"]
        self.region = region
        self.application = application(planned)
        self.pending: dict[str, str] = {}

    def apply(self) -> None:
        self.application.run(self.plan.only(ZONE, verbs=[CREATE]), self.create_zone)
        # what is ours is marked first, what is no longer ours last
        tagged = [action for action in self.plan.only(ZONE, verbs=[UPDATE]) if action.name in self.wanted]
        self.application.run(tagged, self.update_zone)
        self.change_records()
        self.settle()
        rest = [action for action in self.plan.only(ZONE, verbs=[UPDATE]) if action.name not in self.wanted]
        self.application.run(rest, self.update_zone)
        self.application.run(self.plan.only(ZONE, verbs=[DELETE]), self.delete_zone)

    def create_zone(self, action: Action) -> None:
        zone = self.wanted[action.name]
        request: dict[str, t.Any] = {
            "Name": escaped(zone.name),
            # never the same twice, because AWS may remember those of removed zones
            "CallerReference": reference(self.platform, zone.name) + secrets.token_hex(8),
            "HostedZoneConfig": {"Comment": zone.comment, "PrivateZone": zone.private},
        }
        if zone.vpcs:
            request["VPC"] = self.vpc(zone, zone.vpcs[0])
        if zone.delegation_set:
            request["DelegationSetId"] = zone.delegation_set
        try:
            made = self.route53.create_hosted_zone(**request)
            zone.id = bare_id(made["HostedZone"]["Id"])
            zone.name_servers = sorted(made.get("DelegationSet", {}).get("NameServers", []))
        except is_boto3_error_code("HostedZoneAlreadyExists"):
            # botocore repeated a request whose answer was lost
            zone.id = self.made_before(request)
        self.route53.change_tags_for_resource(
            ResourceType="hostedzone", ResourceId=zone.id, AddTags=ansible_dict_to_boto3_tag_list(zone.tags)
        )
        zone.records = with_zone_id(zone.records, zone.id)
        for vpc in zone.vpcs[1:]:
            self.associate(zone, vpc)

    def made_before(self, request: t.Mapping[str, t.Any]) -> str:
        for item in pages(self.route53, "list_hosted_zones", "HostedZones"):
            if item["CallerReference"] == request["CallerReference"]:
                return bare_id(item["Id"])
        raise InputError(f"zones: {request['Name']} was made, but Route 53 does not list it yet; run again.")

    def vpc(self, zone: Zone, vpc: str) -> dict[str, str]:
        return {"VPCRegion": zone.vpc_region or self.region, "VPCId": vpc}

    def associate(self, zone: Zone, vpc: str) -> None:
        self.route53.associate_vpc_with_hosted_zone(HostedZoneId=zone.id, VPC=self.vpc(zone, vpc))

    def update_zone(self, action: Action) -> None:
        zone_id = self.zone_id(action.name)
        if "tags" in action.after:
            put, drop = compare_aws_tags(action.before["tags"], action.after["tags"])
            request = {"AddTags": ansible_dict_to_boto3_tag_list(put), "RemoveTagKeys": drop}
            self.route53.change_tags_for_resource(
                ResourceType="hostedzone",
                ResourceId=zone_id,
                **{name: value for name, value in request.items() if value},
            )
        if "comment" in action.after:
            self.route53.update_hosted_zone_comment(Id=zone_id, Comment=action.after["comment"])
        if "vpcs" in action.after:
            zone = copy.copy(self.wanted[action.name])
            zone.id = zone_id
            for vpc in sorted(set(action.after["vpcs"]) - set(action.before["vpcs"])):
                self.associate(zone, vpc)
            for vpc in sorted(set(action.before["vpcs"]) - set(action.after["vpcs"])):
                self.route53.disassociate_vpc_from_hosted_zone(HostedZoneId=zone_id, VPC=self.vpc(zone, vpc))

    def delete_zone(self, action: Action) -> None:
        try:
            self.route53.delete_hosted_zone(Id=self.zone_id(action.name))
        except is_boto3_error_code("NoSuchHostedZone"):
            return

    def zone_id(self, label: str) -> str:
        return (self.observed.get(label) or self.wanted[label]).id

    def change_records(self) -> None:
        """Send the requests in rounds, one of each zone at a time: a zone's wait for each other."""
        queues = [list(queue) for queue in self.packed.values()]
        while queues:
            heads = [queue.pop(0) for queue in queues]
            queues = [queue for queue in queues if queue]
            changes = {id(action): change for batch in heads for action, change in batch}
            self.application.run_together(
                [[action for action, unused in batch] for batch in heads],
                lambda actions, changes=changes: self.send(actions, [changes[id(action)] for action in actions]),
            )

    def send(self, actions: list[Action], changes: list[Change]) -> None:
        label = actions[0].context[0]
        zone_id = self.zone_id(label)
        for change in changes:
            alias = change["ResourceRecordSet"].get("AliasTarget")
            if alias and alias["HostedZoneId"] == KNOWN_AFTER_APPLY:
                # an alias into the zone that this run made
                alias["HostedZoneId"] = zone_id
        answer = self.route53.change_resource_record_sets(
            HostedZoneId=zone_id, ChangeBatch={"Comment": f"platform {self.platform}", "Changes": changes}
        )
        self.pending[label] = answer["ChangeInfo"]["Id"]

    def settle(self) -> None:
        """Wait until every server of Route 53 has the last change of each zone."""
        if self.wait:
            concurrently(*(lambda change=change: self.settled(change) for change in self.pending.values()))

    def settled(self, change: str) -> None:
        status = poll(
            lambda: self.route53.get_change(Id=bare_id(change))["ChangeInfo"]["Status"],
            lambda status: status == "INSYNC",
            self.timeout,
            first=3.0,
        )
        if status != "INSYNC":
            raise InputError(
                f"wait_timeout: change {bare_id(change)} is still {status} after {self.timeout} s; the records are "
                "written, and the next run goes on from there."
            )

    def read_back(self, replan: t.Callable[[str, Zone], Plan]) -> None:
        """Read the zones whose records changed again; what was written and is not there is a failure that names it.

        :arg replan: what is still to do in a zone, given its label and the zone as it is now.
        """
        zones = {
            label: Zone(self.wanted[label].name, private=self.wanted[label].private, id=self.zone_id(label))
            for label in self.packed
            if label in self.wanted
        }

        def look() -> list[str]:
            concurrently(*(lambda zone=zone: read_records(self.route53, zone) for zone in zones.values()))
            return [action.title for label, zone in zones.items() for action in replan(label, zone)]

        missing = poll(look, lambda left: not left, READ_BACK_SECONDS, first=2.0)
        if missing:
            raise InputError(
                f"zones: Route 53 took the changes, and {len(missing)} of them are not to be seen there: "
                f"{', '.join(missing[:5])}; run again."
            )


# --- the module -----------------------------------------------------------------------------------------------------


def work(module) -> tuple[Plan, dict[str, t.Any]]:
    """The ``dns_zones`` module: validate, read, plan, apply unless in check mode, and read back."""
    options, absent = module.params, module.params["state"] == "absent"
    platform, purge, ignore = options["platform"], options["purge"], options["ignore"]
    wanted = validate(options["zones"], platform, options["tags"], absent=absent)
    if not module.check_mode and not absent:
        check_known(wanted)
    route53 = client(module, "route53")
    # without the declared names only what is ours is found, so that nothing is refused for being another's
    observed = observe(route53, platform, {} if absent else wanted, everything=absent or purge)
    if absent:
        planned = plan_absent(wanted, observed, platform, options["tags"], purge=purge, ignore=ignore)
        wanted = {}
    else:
        wanted = settled_with(wanted, observed)
        planned = plan(wanted, observed, purge=purge, ignore=ignore)
    packed = requests(planned, wanted, observed)
    if planned and not module.check_mode:
        applier = Applier(route53, planned, wanted, observed, packed, options, module.region)
        applier.apply()
        applier.read_back(
            lambda label, zone: plan_records(zone, wanted[label].records, zone.records, purge=purge, ignore=ignore)
        )
    return planned, {
        "zones": {label: result_of(zone, observed.get(label)) for label, zone in wanted.items()},
        "batches": sum(map(len, packed.values())),
    }


def result_of(zone: Zone, present: Zone | None) -> dict[str, t.Any]:
    """A declared zone as the module returns it."""
    return {
        "id": present.id if present else zone.id or KNOWN_AFTER_APPLY,
        "name_servers": present.name_servers if present else zone.name_servers or KNOWN_AFTER_APPLY,
        "private": zone.private,
        "records": {
            shown(*key): {name: value for name, value in fields.items() if value is not None}
            for key, fields in sorted(zone.records.items())
        },
    }
