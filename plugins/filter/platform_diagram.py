# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: platform_diagram
short_description: The platform as a Mermaid flowchart
version_added: 1.0.0
description:
  - Draws what the variables describe. The world asks the zones for names, the zones lead to the access points, these to
    the fleet, and the fleet to the other hosts, in the VPC and the tiers of its subnets. Does not ask AWS.
  - Which host reaches which, and through which ports, is read from the rules of the security groups. An access point
    that the fleet's groups do not let in is drawn with a dotted arrow, V(no rule).
  - A dotted arrow from a zone leads to where not everybody may enter; those who may are beside the world. A dotted line
    without an arrow is the way out, through NAT.
  - Fails with one sentence that names the variable for what cannot be drawn.
author:
  - mydigitalstructure (@mydigitalstructure)
options:
  _input:
    description:
      - The values of the roles' variables, keyed by their names.
      - Needed are C(platform_name), C(platform_region), C(network_cidr), C(network_subnets), C(network_nat),
        C(network_admin_address), C(security_groups), C(balancers_access_points), C(balancers_subnet_tier),
        C(dns_zones), C(fleet_name), C(fleet_instance_type), C(fleet_min), C(fleet_max), C(fleet_security_groups) and
        C(fleet_subnet_tier).
      - C(security_extra_groups), C(security_operator_ranges), C(dns_admin_name), C(fleet_subnets) and
        C(fleet_instances) may be missing; so may C(fleet_access_points), for all of them. The database is drawn with
        C(database_enabled), and needs what else of it is drawn then. Others are left alone.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show a platform
  ansible.builtin.debug:
    msg: "{{ description | mydigitalstructure.aws.platform_diagram }}"
  vars:
    description:
      platform_name: shop
      platform_region: eu-west-1
      network_cidr: 10.0.0.0/16
      network_subnets:
        - {name: public-a, tier: public, zone: eu-west-1a, cidr: 10.0.0.0/24}
        - {name: public-b, tier: public, zone: eu-west-1b, cidr: 10.0.1.0/24}
        - {name: app-a, tier: app, zone: eu-west-1a, cidr: 10.0.2.0/24}
      network_nat: one
      network_admin_address: none
      security_groups:
        - {name: balancers, rules: [{ports: 443, cidrs: [0.0.0.0/0]}]}
        - {name: app, rules: [{ports: 80, groups: [balancers]}]}
      balancers_access_points:
        - {name: web, array: 2, domains: [example.com], security_groups: [balancers]}
      balancers_subnet_tier: public
      dns_zones: [{name: example.com}]
      fleet_name: app
      fleet_instance_type: t3.small
      fleet_min: 2
      fleet_max: 6
      fleet_security_groups: [app]
      fleet_subnet_tier: app
"""

RETURN = r"""
_value:
  description: The text of the flowchart, without a fence around it.
  type: str
"""

import ipaddress
import re
import typing as t
from collections.abc import Mapping, Sequence

from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _security_groups
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_points import by_zone
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._fleet_names import in_tier, look_up
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._network import (
    ADMIN,
    TIERS,
    nat_subnets,
    network_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError, unique

TEXTS = (
    "platform_name", "platform_region", "network_cidr", "network_nat", "network_admin_address", "balancers_subnet_tier",
    "fleet_name", "fleet_instance_type", "fleet_subnet_tier",
)  # fmt: skip
DATABASE_TEXTS = (
    "database_name", "database_engine", "database_engine_version", "database_instance_class", "database_subnet_tier",
)  # fmt: skip
NUMBERS = ("fleet_min", "fleet_max")
LISTS = ("network_subnets", "security_groups", "balancers_access_points", "dns_zones", "fleet_security_groups")
SPARE_LISTS = (
    "security_extra_groups", "security_operator_ranges", "fleet_subnets", "fleet_access_points", "fleet_instances",
    "database_subnets", "database_security_groups", "database_replicas",
)  # fmt: skip
FIELDS = {
    "network_subnets": ("name", "tier", "zone", "cidr"),
    "security_groups": ("name",),
    "security_extra_groups": ("name",),
    "balancers_access_points": ("name", "domains", "security_groups"),
    "dns_zones": ("name",),
    "fleet_instances": ("name", "subnet", "security_groups"),
    "database_replicas": ("name",),
}
"""What each item of a list has; the items of the other lists are texts."""
CHOICES = {"network_nat": ("none", "one", "zone"), "network_admin_address": ("eip", "none")}

ANYWHERE = {"0.0.0.0/0", "::/0"}
WORLD = "world"
MOST = 6
"""Things of a kind in one label; more of them would make it unreadable."""

Item = t.Mapping[str, t.Any]


# --- input ----------------------------------------------------------------------------------------------------------


def checked(variables: Item) -> dict[str, t.Any]:
    """The variables, of the right kinds; :class:`InputError` for the first that is not."""
    if not isinstance(variables, Mapping):
        raise InputError(
            f"platform_diagram: {variables!r} is not a mapping of the platform's variables by their names."
        )
    found: dict[str, t.Any] = {}
    for variable in (*TEXTS, *NUMBERS, *LISTS):
        # there may be no zones and no access points yet, but a VPC without subnets shows nothing
        if variables.get(variable) in (None, "") or (variable == "network_subnets" and not variables[variable]):
            raise InputError(f"{variable}: it is missing or empty; the platform cannot be drawn without it.")
    for variable in TEXTS:
        found[variable] = text_of(variables[variable], variable)
    for variable, allowed in CHOICES.items():
        if found[variable] not in allowed:
            raise InputError(f"{variable}: {found[variable]!r} is not allowed; it is one of {', '.join(allowed)}.")
    for variable in NUMBERS:
        found[variable] = number_of(variables[variable], variable)
    if found["fleet_min"] > found["fleet_max"]:
        raise InputError(f"fleet_min: {found['fleet_min']} is more than fleet_max, which is {found['fleet_max']}.")
    for variable in (*LISTS, *SPARE_LISTS):
        found[variable] = items_of(variables.get(variable) or [], variable)
    if variables.get("fleet_access_points") is None:
        found["fleet_access_points"] = [point["name"] for point in found["balancers_access_points"]]
    for variable in ("database_enabled", "database_multi_az"):
        # one that was given on the command line is a text
        found[variable] = str(variables.get(variable) or "").lower() in ("true", "yes", "on", "1")
    for variable in DATABASE_TEXTS if found["database_enabled"] else ():
        if variables.get(variable) in (None, ""):
            raise InputError(f"{variable}: it is missing or empty; the database cannot be drawn without it.")
        found[variable] = text_of(variables[variable], variable)
    found["dns_admin_name"] = text_of(variables.get("dns_admin_name") or "", "dns_admin_name")
    return found


def text_of(value: t.Any, variable: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{variable}: {value!r} is not a text.")
    return value


def number_of(value: t.Any, variable: str) -> int:
    """A whole number; one that was given on the command line is a text."""
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,9}", str(value)):
        raise InputError(f"{variable}: {value!r} is not a whole number from 0 on.")
    return int(value)


def list_of(value: t.Any, variable: str) -> list[t.Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InputError(f"{variable}: {value!r} is not a list.")
    return list(value)


def texts_of(value: t.Any, variable: str) -> list[str]:
    return [text_of(item, variable) for item in list_of(value, variable)]


def mappings_of(value: t.Any, variable: str) -> list[Item]:
    items = list_of(value, variable)
    for item in items:
        if not isinstance(item, Mapping):
            raise InputError(f"{variable}: {item!r} is not a mapping, such as each of its items is.")
    return items


def items_of(value: t.Any, variable: str) -> list[t.Any]:
    """A list of texts, or one of mappings that have what :data:`FIELDS` says."""
    if variable not in FIELDS:
        return texts_of(value, variable)
    items = mappings_of(value, variable)
    for number, item in enumerate(items, 1):
        for field in FIELDS[variable]:
            if item.get(field) in (None, "", []):
                who = item.get("name") or f"item {number}"
                raise InputError(f"{variable}: {who} has no {field}; each item has {', '.join(FIELDS[variable])}.")
            if field in ("domains", "security_groups"):
                texts_of(item[field], f"{variable} {item['name']}: {field}")
            else:
                text_of(item[field], f"{variable} {item.get('name', number)}: {field}")
        for field in ("rules", "egress", "records"):
            mappings_of(item.get(field) or [], f"{variable} {item['name']}: {field}")
    unique(items, variable)
    return items


# --- Mermaid --------------------------------------------------------------------------------------------------------

SHAPES = {"round": ("([", "])"), "many": ("[[", "]]"), "zone": ("{{", "}}"), "files": ("[(", ")]"), "box": ("[", "]")}


def escaped(text: t.Any) -> str:
    """One line of a label in which nothing means anything to Mermaid, to HTML or to Markdown.

    Mermaid reads labels as Markdown, and shows a warning in place of a list or a link.
    """
    line = "".join(c if c.isalnum() or c in " .,:/()-" else f"#{ord(c)};" for c in " ".join(str(text).split()))
    line = re.sub(r":(?! |$)", "#58;", line)
    line = re.sub(r"(?i)\b(www)\.", r"\1#46;", line)
    return re.sub(r"^(\d*)([-.)])(?= |$)", lambda found: f"{found[1]}#{ord(found[2])};", line)


def quoted(lines: t.Iterable[t.Any]) -> str:
    return '"' + "<br/>".join(escaped(line) for line in lines if line) + '"'


def few(things: t.Sequence[str | tuple[str, ...]]) -> list[str]:
    """The lines of all things, or of the first of many."""
    shown = things if len(things) <= MOST else [*things[: MOST - 1], f"and {len(things) - MOST + 1} more"]
    return [line for thing in shown for line in ([thing] if isinstance(thing, str) else thing)]


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


class Chart:
    """Nodes in nested subgraphs, and edges, in the order in which they came."""

    def __init__(self) -> None:
        self.subgraphs: dict[str, tuple[str, str]] = {}
        self.nodes: dict[str, tuple[str, str]] = {}
        self.edges: list[str] = []
        self.notes: list[str] = []

    def identifier(self, kind: str, name: str) -> str:
        """One of its own, also for names that differ only in their punctuation."""
        plain = re.sub(r"[^A-Za-z0-9]+", "_", f"{kind}_{name}").strip("_")
        found, number = plain, 1
        while found in self.nodes or found in self.subgraphs:
            number += 1
            found = f"{plain}_{number}"
        return found

    def subgraph(self, kind: str, name: str, title: str, within: str = "") -> str:
        identifier = self.identifier(kind, name)
        self.subgraphs[identifier] = (within, f"subgraph {identifier}[{quoted([title])}]")
        return identifier

    def node(self, kind: str, name: str, shape: str, lines: t.Iterable[t.Any], within: str = "") -> str:
        identifier = self.identifier(kind, name)
        opening, closing = SHAPES[shape]
        self.nodes[identifier] = (within, f"{identifier}{opening}{quoted(lines)}{closing}")
        return identifier

    def edge(self, source: str, target: str, label: str = "", line: str = "-->") -> None:
        self.edges.append(f"{source} {line}{f'|{quoted([label])}|' if label else ''} {target}")

    def text(self) -> str:
        lines = ["flowchart LR", *self.inside("", "  "), *(f"  {edge}" for edge in self.edges)]
        if self.notes:
            lines += ["  classDef note stroke-dasharray:4 4", f"  class {','.join(self.notes)} note"]
        return "\n".join(lines) + "\n"

    def inside(self, place: str, indent: str) -> t.Iterator[str]:
        for within, line in self.nodes.values():
            if within == place:
                yield indent + line
        for identifier, (within, line) in self.subgraphs.items():
            if within == place:
                yield indent + line
                yield from self.inside(identifier, indent + "  ")
                yield f"{indent}end"


# --- who reaches whom -----------------------------------------------------------------------------------------------


class Member:
    """What is in security groups: the balancers of an access point, the fleet, a host of its own."""

    def __init__(self, node: str, groups: t.Iterable[str], subnets: t.Iterable[Item], entrance: str = "") -> None:
        self.node, self.groups = node, set(groups)
        self.ranges = [str(subnet["cidr"]) for subnet in subnets]
        # the node at which those outside of the VPC knock; empty when they cannot
        self.entrance = entrance


class Rules:
    """What the security groups let in."""

    def __init__(self, given: Item) -> None:
        groups = [*given["security_groups"], *given["security_extra_groups"]]
        # how many rules AWS allows is for the module to check
        declared = _security_groups.validate(
            groups, given["platform_name"], rule_limit=10**9, variable="security_groups"
        )
        self.groups = {
            name: [rule for rule in group.rules if rule.direction == _security_groups.INGRESS]
            for name, group in declared.items()
        }
        self.whole = given["network_cidr"]

    def declared(self, names: t.Sequence[str], variable: str) -> t.Sequence[str]:
        """The names; one that no group has is an error."""
        for name in names:
            look_up(name, self.groups, variable)
        return names

    def between(self, source: Member, target: Member) -> str:
        """The ports by which one reaches the other; empty when it does not."""

        def fits(rule) -> bool:
            if rule.source_kind == _security_groups.CIDR:
                return any(overlap(rule.source, cidr) for cidr in source.ranges)
            return rule.source_kind == _security_groups.GROUP and rule.source in source.groups

        return self.ports(target, fits)

    def outside(self, target: Member) -> dict[str, list[str]]:
        """The address ranges outside of the VPC that reach it, by the ports that they may use."""
        rules = [rule for rule in self.into(target) if rule.source_kind == _security_groups.CIDR]
        found: dict[str, list[str]] = {}
        for source in sorted({WORLD if rule.source in ANYWHERE else rule.source for rule in rules}):
            ranges = ANYWHERE if source == WORLD else {source}
            if source == WORLD or not overlap(source, self.whole):
                found.setdefault(self.ports(target, lambda rule, ranges=ranges: rule.source in ranges), []).append(
                    source
                )
        return found

    def into(self, target: Member) -> list[t.Any]:
        return [rule for name in target.groups for rule in self.groups[name]]

    def ports(self, target: Member, fits: t.Callable[[t.Any], bool]) -> str:
        spans = {(rule.protocol, rule.from_port, rule.to_port) for rule in self.into(target) if fits(rule)}
        return ", ".join(dict.fromkeys(ports_said(*span) for span in sorted(spans)))


def overlap(one: str, other: str) -> bool:
    first, second = ipaddress.ip_network(one), ipaddress.ip_network(other)
    return first.version == second.version and first.overlaps(second)


def ports_said(protocol: str, low: int, high: int) -> str:
    if protocol == _security_groups.ALL:
        return "everything"
    if protocol not in _security_groups.PORT_PROTOCOLS:
        return protocol
    ports = str(low) if low == high else f"{low}-{high}"
    return ports if protocol == "tcp" else f"{protocol} {ports}"


# --- the picture ----------------------------------------------------------------------------------------------------


class Picture:
    """The parts of a platform, drawn one after the other."""

    def __init__(self, variables: Item) -> None:
        self.given = checked(variables)
        self.chart = Chart()
        self.rules = Rules(self.given)
        self.subnets = unique(self.given["network_subnets"], "network_subnets")
        self.zones: dict[str, str] = {}
        self.tiers: dict[str, str] = {}
        self.ranges: dict[tuple[str, ...], str] = {}
        self.world = self.chart.node(WORLD, "", "round", ["The world"])
        self.vpc = ""

    def text(self) -> str:
        self.draw_zones()
        self.draw_network()
        points = self.draw_points()
        fleet = self.draw_fleet()
        hosts = [fleet, *self.draw_hosts(), *self.draw_database()]
        for name in self.given["fleet_access_points"]:
            point = look_up(name, points, "fleet_access_points")
            ports = self.rules.between(point, fleet)
            self.chart.edge(point.node, fleet.node, ports or "no rule", "-->" if ports else "-.->")
        for host in hosts:
            self.draw_outside(host, self.world)
            for other in hosts:
                ports = self.rules.between(other, host)
                if ports and other is not host:
                    self.chart.edge(other.node, host.node, ports)
        return self.chart.text()

    def draw_zones(self) -> None:
        within = self.chart.subgraph("dns", "", "Route 53")
        for zone in self.given["dns_zones"]:
            records = zone.get("records") or []
            kinds = sorted({str(record.get("type") or "").upper() for record in records} - {""})
            lines = [zone["name"], f"{counted(len(records), 'record')}: {', '.join(kinds)}" if records else ""]
            self.zones[zone["name"]] = self.chart.node("zone", zone["name"], "zone", lines, within)
            self.chart.edge(self.world, self.zones[zone["name"]])

    def zones_of(self, domains: t.Iterable[str], variable: str) -> list[str]:
        """The nodes of the zones that the domains lie in."""
        records = [{"name": domain.removeprefix("*.")} for domain in domains]
        return [self.zones[item["name"]] for item in by_zone(records, self.zones, variable)]

    def draw_network(self) -> None:
        given, chart = self.given, self.chart
        whole = network_of(given["network_cidr"], "network_cidr")
        title = f"VPC {given['platform_name']}: {given['network_cidr']} in {given['platform_region']}"
        self.vpc = chart.subgraph("vpc", "", title)
        listed: dict[str, list[tuple[str, ...]]] = {}
        for name, item in self.subnets.items():
            if not network_of(item["cidr"], f"network_subnets {name}: cidr").subnet_of(whole):
                raise InputError(f"network_subnets {name}: cidr {item['cidr']!r} lies outside of network_cidr {whole}.")
            listed.setdefault(item["tier"], []).append((f"{name}: {item['cidr']}", item["zone"]))
        lists = {}
        for tier in sorted(listed, key=lambda tier: (TIERS.index(tier) if tier in TIERS else len(TIERS), tier)):
            self.tiers[tier] = chart.subgraph("tier", tier, f"Tier {tier}", self.vpc)
            lists[tier] = chart.node("subnets", tier, "box", few(listed[tier]), self.tiers[tier])
            chart.notes.append(lists[tier])
        if given["network_nat"] != "none" and "public" not in listed:
            raise InputError(f"network_nat: {given['network_nat']!r} needs a subnet of tier public; none is declared.")
        options = {"nat": given["network_nat"], "subnets": given["network_subnets"]}
        for name, subnet in nat_subnets(options, given["platform_region"]).items():
            node = chart.node("", name, "round", ["NAT gateway", f"in {subnet}"], self.tiers["public"])
            if "app" in lists:
                chart.edge(node, lists["app"], "way out", "-.-")

    def standing(self, names: t.Sequence[str], tier: str, variable: str, tier_variable: str) -> list[Item]:
        """The subnets so named, or else those of the tier."""
        names = names or in_tier(tier, self.subnets, tier_variable)
        return [look_up(name, self.subnets, variable) for name in names]

    def place_of(self, subnets: t.Iterable[Item]) -> str:
        """The subgraph of the subnets' tier; that of the VPC when they have several."""
        tiers = {subnet["tier"] for subnet in subnets}
        return self.tiers[tiers.pop()] if len(tiers) == 1 else self.vpc

    def draw_points(self) -> dict[str, Member]:
        found = {}
        for point in self.given["balancers_access_points"]:
            where = f"balancers_access_points {point['name']}"
            count = number_of(1 if point.get("array") is None else point["array"], f"{where}: array")
            if not count:
                raise InputError(f"{where}: array: 0 is not allowed; an access point has at least one balancer.")
            tier = text_of(point.get("subnet_tier") or "", f"{where}: subnet_tier")
            subnets = self.standing(
                texts_of(point.get("subnets") or [], f"{where}: subnets"),
                tier or self.given["balancers_subnet_tier"],
                f"{where}: subnets",
                f"{where}: subnet_tier" if tier else "balancers_subnet_tier",
            )
            groups = self.rules.declared(point["security_groups"], f"{where}: security_groups")
            many = f"{counted(count, 'balancer')}, one name" if count > 1 else ""
            private = "inside the VPC only" if point.get("scheme") == "internal" else ""
            node = self.chart.node(
                "point",
                point["name"],
                "many" if count > 1 else "box",
                [f"Access point {point['name']}", many, private, *few(point["domains"])],
                self.place_of(subnets),
            )
            member = found[point["name"]] = Member(node, groups, subnets, "" if private else node)
            for zone in self.zones_of(point["domains"], f"{where}: domains"):
                self.draw_outside(member, zone, names=True)
        return found

    def draw_fleet(self) -> Member:
        given = self.given
        subnets = self.standing(
            given["fleet_subnets"], given["fleet_subnet_tier"], "fleet_subnets", "fleet_subnet_tier"
        )
        size = f"{given['fleet_min']} to {given['fleet_max']}" if given["fleet_min"] != given["fleet_max"] else ""
        lines = [
            f"Fleet {given['fleet_name']}",
            f"{size} hosts" if size else counted(given["fleet_max"], "host"),
            given["fleet_instance_type"],
            *few([f"in {subnet['name']}" for subnet in subnets]),
        ]
        node = self.chart.node("fleet", "", "many", lines, self.place_of(subnets))
        groups = self.rules.declared(given["fleet_security_groups"], "fleet_security_groups")
        return Member(node, groups, subnets, node if any(subnet.get("map_public_ip") for subnet in subnets) else "")

    def draw_hosts(self) -> list[Member]:
        found = []
        addressed = self.given["network_admin_address"] == "eip"
        if addressed and self.given["dns_admin_name"]:
            self.zones_of([self.given["dns_admin_name"]], "dns_admin_name")
        for host in self.given["fleet_instances"]:
            where = f"fleet_instances {host['name']}"
            subnet = look_up(host["subnet"], self.subnets, f"{where}: subnet")
            groups = self.rules.declared(host["security_groups"], f"{where}: security_groups")
            if host.get("address") not in (None, "", ADMIN):
                raise InputError(f"{where}: address: {host['address']!r} is not declared; allowed are {ADMIN}.")
            role = str(host.get("role") or host["name"])
            title = f"{role[:1].upper()}{role[1:]} host" + ("" if role == host["name"] else f" {host['name']}")
            place = self.place_of([subnet])
            node = self.chart.node(
                "host", host["name"], "files" if role == "file" else "box", [title, f"in {subnet['name']}"], place
            )
            entrance = node if subnet.get("map_public_ip") else ""
            if host.get("address") and addressed:
                entrance = self.draw_address(node, place)
            found.append(Member(node, groups, [subnet], entrance))
        return found

    def draw_database(self) -> list[Member]:
        given = self.given
        if not given["database_enabled"]:
            return []
        subnets = self.standing(
            given["database_subnets"], given["database_subnet_tier"], "database_subnets", "database_subnet_tier"
        )
        replicas = few([item["name"] for item in given["database_replicas"]])
        lines = [
            f"Database {given['database_name']}",
            f"{given['database_engine']} {given['database_engine_version']}",
            given["database_instance_class"],
            "with a standby in another zone" if given["database_multi_az"] else "",
            f"replicas: {', '.join(replicas)}" if replicas else "",
        ]
        node = self.chart.node("database", "", "files", lines, self.place_of(subnets))
        groups = self.rules.declared(given["database_security_groups"], "database_security_groups")
        return [Member(node, groups, subnets)]

    def draw_address(self, host: str, place: str) -> str:
        """The elastic IP address before a host, with the name that leads to it."""
        name = self.given["dns_admin_name"]
        address = self.chart.node("address", ADMIN, "round", ["Elastic IP", name], place)
        for zone in self.zones_of([name] if name else [], "dns_admin_name"):
            self.chart.edge(zone, address, line="-.->")
        self.chart.edge(address, host)
        return address

    def draw_outside(self, target: Member, world: str, names: bool = False) -> None:
        """The ways in from outside of the VPC; ``world`` is the node that stands for the internet.

        With ``names`` that is a zone, which leads to the target also when the internet may not enter there.
        """
        ways = self.rules.outside(target) if target.entrance else {}
        ports = next((ports for ports, sources in ways.items() if WORLD in sources), "")
        if ports:
            self.chart.edge(world, target.entrance, ports)
        elif names:
            self.chart.edge(world, target.node, line="-.->")
        for ports, sources in ways.items():
            if WORLD not in sources:
                self.draw_range(sources, target.entrance, ports)

    def draw_range(self, sources: list[str], entrance: str, ports: str) -> None:
        """Those who come from some address ranges only, once whatever they reach."""
        key = tuple(sources)
        if key not in self.ranges:
            title = "Operators" if {*key} <= {*self.given["security_operator_ranges"]} else "Some addresses"
            self.ranges[key] = self.chart.node("from", str(len(self.ranges) + 1), "round", [title, *few(key)])
        self.chart.edge(self.ranges[key], entrance, ports)


def platform_diagram(variables):
    try:
        return Picture(variables).text()
    except InputError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"platform_diagram": platform_diagram}
