# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The records that one scope (tenants, say) has in the platform's hosted zones, beside everybody else's.

Route 53 cannot tag a record. So each is the only member of a weighted set, and its set identifier says whose it is.
That makes a scope a set that can be purged without a word about what others wrote, and dns_zones leaves it alone.
"""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import client
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import normal, shown
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_records import (
    SCOPE_WEIGHT,
    Fields,
    Key,
    check_neighbours,
    desired_record,
    scope_identifier,
    scope_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_zones import (
    Applier,
    Zone,
    check_known,
    list_zones,
    plan_records,
    read_records,
    requests,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    InputError,
    Plan,
    concurrently,
    refuse,
)

Item = t.Mapping[str, t.Any]


def place(
    records: t.Sequence[Item], zones: t.Collection[str], scope: str
) -> tuple[dict[str, dict[Key, Fields]], set[Key], list[Item]]:
    """Records in normal form by the zone with the longest fitting name; those that yield; and those in no zone.

    :arg zones: names in normal form.
    """
    placed: dict[str, dict[Key, Fields]] = {}
    yielding: set[Key] = set()
    elsewhere: list[Item] = []
    for item in records:
        name = normal(item["name"], "records: name")
        fitting = [zone for zone in above(name) if zone in zones]
        if not fitting:
            elsewhere.append(item)
            continue
        zone = fitting[0]
        identifier = scope_identifier(scope, item.get("owner") or "")
        complete = {**item, "name": f"{name}.", "set_identifier": identifier, "weight": SCOPE_WEIGHT}
        key, fields = desired_record(complete, zone)
        there = placed.setdefault(zone, {})
        if any(other[:2] == key[:2] for other in there):
            raise InputError(f"records: {shown(*key[:2])} is declared twice; each is allowed once.")
        there[key] = fields
        if item.get("if_free"):
            yielding.add(key)
    for zone, found in placed.items():
        check_neighbours(zone, found)
    return placed, yielding, elsewhere


def above(name: str) -> list[str]:
    """A name and those above it, the longest first."""
    labels = name.split(".")
    return [".".join(labels[n:]) for n in range(len(labels))]


def plan_scope(
    zone: Zone,
    wanted: t.Mapping[Key, Fields],
    scope: str,
    *,
    yielding: t.Collection[Key] = (),
    keep: t.Collection[str] = (),
    purge: bool = False,
) -> tuple[Plan, list[str]]:
    """The changes of a scope's records in a zone, and a sentence for each that another's record is in the way of.

    Another's record that says the same already is as good as ours. Those of the owners in ``keep`` stay as they are.
    """
    others: dict[str, dict[Key, Fields]] = {}
    mine: dict[Key, Fields] = {}
    for key, fields in zone.records.items():
        if scope_of(key[2]) == scope:
            mine[key] = fields
        else:
            others.setdefault(key[0], {})[key] = fields
    problems, ours, names = [], {}, {}
    for key, fields in wanted.items():
        clashing = {
            other: held
            for other, held in others.get(key[0], {}).items()
            if other[1] == key[1] or "CNAME" in (other[1], key[1])
        }
        same = all(
            other[1] == key[1] and not other[2] and held["values"] == fields["values"]
            for other, held in clashing.items()
        )
        if not clashing:
            ours[key] = fields
            names.setdefault(key[0], set()).add(key[1])
        elif not same and key not in yielding:
            theirs = ", ".join(shown(*other) for other in sorted(clashing))
            problems.append(
                f"records: {shown(*key[:2])}: zone {zone.name} has {theirs} already, which scope {scope} did not "
                "write; remove it, or leave this record out."
            )
    kept = {scope_identifier(scope, owner) for owner in keep}

    def goes(key: Key) -> bool:
        beside = names.get(key[0], set())
        replaced = key[1] in beside or ("CNAME" in beside | {key[1]} and bool(beside))
        return replaced or (purge and key[2] not in kept)

    present = {key: fields for key, fields in mine.items() if key in ours or goes(key)}
    return plan_records(zone, ours, present, purge=True, scoped=True), problems


def work(module) -> tuple[Plan, dict[str, t.Any]]:
    """The ``dns_records`` module: read the platform's zones, plan the scope's records, apply unless in check mode."""
    options, absent = module.params, module.params["state"] == "absent"
    scope, purge = options["scope"], options["purge"] or absent
    if not scope.isascii() or not scope.isalnum() or len(scope) > 32:
        raise InputError(f"scope: {scope!r} is not allowed; it has 1 to 32 letters and digits.")
    declared = [] if absent else options["records"]
    route53 = client(module, "route53")
    listed = list_zones(route53, options["platform"], {}, everything=True)
    zones = {zone.name: zone for zone in listed.values() if not zone.private}
    placed, yielding, elsewhere = place(declared, zones, scope)
    looked_at = sorted(zones if purge else placed)
    concurrently(*(lambda zone=zones[name]: read_records(route53, zone) for name in looked_at))
    wanted: dict[str, Zone] = {}
    for name in looked_at:
        zone = copy.copy(zones[name])
        zone.records = placed.get(name, {})
        wanted[name] = zone

    def replan(label: str, zone: Zone) -> tuple[Plan, list[str]]:
        records, keep = wanted[label].records, () if absent else options["keep"]
        return plan_scope(zone, records, scope, yielding=yielding, keep=keep, purge=purge)

    planned, problems = Plan(), []
    for name in looked_at:
        more, refused = replan(name, zones[name])
        planned += more
        problems += refused
    refuse(problems)
    if not module.check_mode:
        check_known(wanted)
    packed = requests(planned, wanted, zones)
    if planned and not module.check_mode:
        applier = Applier(route53, planned, wanted, zones, packed, options, module.region)
        applier.apply()
        applier.read_back(lambda label, zone: replan(label, zone)[0])
    return planned, {
        "zone_ids": {name: zones[name].id for name in sorted(placed)},
        "elsewhere": elsewhere,
        "batches": sum(map(len, packed.values())),
    }
