# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What role balancers' variable ``balancers_access_points`` means to the modules: pure functions, used by filters.

An access point in the variable refers to everything by name: its domains, a tier or names of subnets, names of
security groups. The modules take ids.
"""

from __future__ import annotations

import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _certificates, _load_balancers
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError, unique

VARIABLE = "balancers_access_points"
ALIAS_WEIGHT = 100
"""The weight of each balancer of an array; equal weights share the requests equally."""
RECORD_TYPES = {"dualstack": ("A", "AAAA"), "dualstack-without-public-ipv4": ("AAAA",)}
"""The alias records of a balancer by its kind of addresses, where it is not A alone."""
OWN = ("name", "domains", "subnet_tier", "subnets", "security_groups", "extra_certificates")
FOR_CERTIFICATE = ("key_algorithm", "transparency_logging")

Item = t.Mapping[str, t.Any]


def certificates(points: t.Sequence[Item]) -> list[dict[str, t.Any]]:
    """One certificate an access point, of its name, for its domains; checked as the module checks it."""
    unique(points, VARIABLE)
    wanted = []
    for point in points:
        domains = point.get("domains") or []
        if not domains:
            raise InputError(f"{VARIABLE}: {point['name']}: domains is empty; an access point has at least one domain.")
        settings = {key: point[key] for key in (*FOR_CERTIFICATE, "tags") if point.get(key) is not None}
        wanted.append({"name": point["name"], "domain": domains[0], "alternative_names": domains[1:], **settings})
    _certificates.validate(wanted, VARIABLE)
    return wanted


def balancers(
    points: t.Sequence[Item],
    platform: str,
    subnets: t.Mapping[str, Item],
    security_groups: t.Mapping[str, Item],
    arns: t.Mapping[str, Item] | None = None,
    defaults: Item | None = None,
    buckets: t.Mapping[str, Item] | None = None,
) -> list[dict[str, t.Any]]:
    """The access points as the module load_balancers takes them.

    :arg subnets: ``network_result.subnets``, ``{name: {id, tier, ...}}``.
    :arg security_groups: ``security_result.security_groups``, ``{name: {id, ...}}``.
    :arg arns: ``balancers_certificates.certificates``, ``{name: {arn, ...}}``; None before they are requested, and
        then the answer, which has no certificates, serves to find wrong input early.
    :arg defaults: options of every access point that does not set them itself, and ``subnet_tier``.
    :arg buckets: ``buckets_result.buckets``, ``{name: {bucket, log_sources, ...}}``, one of which access logs may name.
    """
    names = unique(points, VARIABLE)
    settings = {key: value for key, value in (defaults or {}).items() if value is not None}
    tier = settings.pop("subnet_tier", "public")
    resolved = []
    for point in points:
        extra = point.get("extra_certificates") or []
        for name in extra:
            look_up(names, name, point, "extra_certificates", VARIABLE)
        rest = {key: value for key, value in point.items() if key not in (*OWN, *FOR_CERTIFICATE) and value is not None}
        item = {
            **settings,
            **rest,
            "name": point["name"],
            "subnet_ids": [subnet["id"] for subnet in subnets_of(point, subnets, tier)],
            "security_group_ids": [
                look_up(security_groups, name, point, "security_groups", "security_result")["id"]
                for name in point.get("security_groups") or []
            ],
        }
        if item.get("access_logs"):
            item["access_logs"] = log_target(item["access_logs"], point, buckets or {})
        if arns is not None:
            item["certificate_arn"] = look_up(arns, point["name"], point, "name", "balancers_certificates")["arn"]
            item["extra_certificate_arns"] = [arns[name]["arn"] for name in extra]
        resolved.append(item)
    _load_balancers.validate(platform, resolved, VARIABLE)
    return resolved


def log_target(logs: Item, point: Item, buckets: t.Mapping[str, Item]) -> Item:
    """Where access logs go, with S3's name of a bucket where a name of ours stands; any other is S3's already."""
    target = buckets.get(logs.get("bucket", ""))
    if target is None:
        return logs
    if "load_balancers" not in target["log_sources"]:
        raise InputError(
            f"{VARIABLE}: {point['name']}: access_logs: bucket {logs['bucket']!r} does not let balancers write; its "
            "log_sources in buckets_declared need load_balancers."
        )
    return {**logs, "bucket": target["bucket"]}


def subnets_of(point: Item, subnets: t.Mapping[str, Item], tier: str) -> list[Item]:
    """The subnets that an access point names, or else those of its tier (``tier`` when it has none)."""
    if point.get("subnets"):
        return [look_up(subnets, name, point, "subnets", "network_result") for name in point["subnets"]]
    tier = point.get("subnet_tier") or tier
    mine = [subnets[name] for name in sorted(subnets) if subnets[name].get("tier") == tier]
    if not mine:
        tiers = ", ".join(sorted({str(subnet.get("tier")) for subnet in subnets.values()}))
        raise InputError(
            f"{VARIABLE}: {point['name']}: subnet_tier {tier!r} has no subnets; network_result has {tiers}."
        )
    return mine


def look_up(known: t.Mapping[str, t.Any], name: str, point: Item, option: str, source: str) -> t.Any:
    """What a name stands for; an unknown one is an :class:`InputError` that gives those that are known."""
    if name not in known:
        raise InputError(
            f"{VARIABLE}: {point['name']}: {option} {name!r} is not known; "
            f"{source} has {', '.join(sorted(known)) or 'none'}."
        )
    return known[name]


def alias_records(result: Item, points: t.Sequence[Item]) -> list[dict[str, t.Any]]:
    """The alias records that lead each domain to its balancers.

    One balancer has a plain alias; those of an array have one weighted alias each, with the balancer's name as set
    identifier. Balancers with IPv6 addresses have AAAA records, beside the A records or without them.
    """
    records = []
    for point in points:
        names = look_up(result["access_points"], point["name"], point, "name", "balancers_result")["balancers"]
        for domain in point.get("domains") or []:
            for name in names:
                balancer = result["load_balancers"][name]
                alias = {"target": balancer["dns_name"], "zone_id": balancer["zone_id"], "evaluate_health": True}
                record = {"name": _certificates.normal_domain(domain), "alias": alias}
                if len(names) > 1:
                    record.update(set_identifier=name, weight=ALIAS_WEIGHT)
                kinds = RECORD_TYPES.get(balancer.get("ip_address_type"), ("A",))
                records += [{**record, "type": kind} for kind in kinds]
    return records


def by_zone(records: t.Sequence[Item], zones: t.Iterable[str], variable: str = VARIABLE) -> list[dict[str, t.Any]]:
    """Records grouped as the module dns_zones takes them: ``[{name: zone, records: [...]}]``.

    Each goes to the zone with the longest name that its own name ends with; the name of a record that is not known
    yet does too, because it ends with its domain. A name in no zone is an :class:`InputError`.
    """
    names = [str(zone) for zone in zones]
    normal = {_certificates.normal_domain(zone): zone for zone in names}
    grouped: dict[str, list[Item]] = {}
    for record in records:
        name = _certificates.normal_domain(record["name"])
        fitting = [zone for zone in normal if name == zone or name.endswith(f".{zone}")]
        if not fitting:
            raise InputError(
                f"{variable}: {record['name']!r} is in none of the zones of dns_zones; "
                f"these are {', '.join(sorted(normal)) or 'none'}."
            )
        grouped.setdefault(normal[max(fitting, key=len)], []).append(record)
    return [{"name": zone, "records": grouped[zone]} for zone in sorted(grouped)]


def domain_records(points: t.Sequence[Item]) -> list[dict[str, str]]:
    """The domains in the form of records, to ask :func:`by_zone` early whether each has a zone."""
    return [{"name": domain.removeprefix("*.")} for point in points for domain in point.get("domains") or []]
