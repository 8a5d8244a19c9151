# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The security groups of a VPC as one set.

A declared rule is a short form for several *atomic* rules: one protocol, one port range, one source. Groups
are compared by their sets of atomic rules, so neither the order nor the grouping of rules matters, and AWS
is asked with at most one call to add and one to remove for each group and direction.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
from collections import defaultdict
from dataclasses import dataclass, field, replace

try:
    from botocore.exceptions import ClientError
except ImportError:  # AnsibleAWSModule says what is missing
    ClientError = Exception

from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_specifications,
    compare_aws_tags,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    application,
    by_declared_name,
    client,
    owned_filter,
    owned_tags,
    pages,
    require_known,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    UPDATE,
    Action,
    InputError,
    Plan,
    concurrently,
    ignored,
    known,
    unique,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

GROUP, RULE = "security_group", "security_group_rule"
INGRESS, EGRESS = "ingress", "egress"
DIRECTIONS = (INGRESS, EGRESS)
CIDR, PREFIX_LIST = "cidr", "prefix_list"
"""Kinds of source, beside :data:`GROUP`."""

ALL = "-1"
ANY_PORT = -1
HEAD = ("IpProtocol", "FromPort", "ToPort")
PROTOCOLS = {"all": ALL, "-1": ALL, "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}
PORT_PROTOCOLS, ICMP_PROTOCOLS = ("tcp", "udp"), ("icmp", "icmpv6")
TEXT = r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]"
TEXT_SAID = "letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*"
# what AWS publishes as the weight of its own prefix lists; those of customers weigh their MaxEntries
MANAGED_WEIGHTS = {"cloudfront.origin-facing": 55, "route53-healthchecks": 25, "vpc-lattice": 10, "groundstation": 5}


@dataclass(frozen=True, order=True)
class Rule:
    """One atomic rule. Ports are -1 where the protocol has none; for ICMP they are its type and code."""

    direction: str
    protocol: str
    from_port: int
    to_port: int
    source_kind: str
    source: str

    @property
    def title(self) -> str:
        """``ingress tcp 80 from balancers``."""
        words = [self.direction, "all" if self.protocol == ALL else self.protocol]
        if self.protocol in ICMP_PROTOCOLS:
            words += [f"type {self.from_port}"] if self.from_port != ANY_PORT else []
            words += [f"code {self.to_port}"] if self.to_port != ANY_PORT else []
        elif self.from_port != ANY_PORT:
            words.append(str(self.from_port) if self.from_port == self.to_port else f"{self.from_port}-{self.to_port}")
        return " ".join([*words, "from" if self.direction == INGRESS else "to", self.source])

    @property
    def families(self) -> tuple[str, ...]:
        """The address families in whose limit the rule counts: AWS counts a group or prefix list in both."""
        if self.source_kind == CIDR:
            return ("IPv6",) if ":" in self.source else ("IPv4",)
        return ("IPv4", "IPv6")


Rules = dict[Rule, str]
"""Atomic rules with their descriptions, ``""`` for none."""

EVERYWHERE = tuple(Rule(EGRESS, ALL, ANY_PORT, ANY_PORT, CIDR, cidr) for cidr in ("0.0.0.0/0", "::/0"))
"""What AWS gives a new group; the second only in a VPC with IPv6."""


@dataclass
class Group:
    """A declared group; ``open_egress`` when its egress was left to what AWS gives a new group."""

    name: str
    description: str
    tags: dict[str, str]
    rules: Rules
    open_egress: bool


@dataclass
class Observed:
    """A group that is there."""

    name: str
    id: str
    group_name: str
    description: str
    vpc_id: str
    arn: str
    tags: dict[str, str]
    rules: Rules
    # the permission as AWS tells it, for each rule: what a revocation has to repeat
    permissions: dict[Rule, dict[str, t.Any]] = field(default_factory=dict)


# --- what is wanted -------------------------------------------------------------------------------------------------


def validate(
    groups: t.Sequence[t.Mapping[str, t.Any]],
    platform: str,
    *,
    tags: t.Mapping[str, str] | None = None,
    rule_limit: int = 60,
    variable: str = "groups",
) -> dict[str, Group]:
    """The declared groups in normal form, keyed by name.

    :arg groups: as the ``security_groups`` module takes them; keys that are left out have its defaults.
    :arg variable: what messages call the list.
    :raises InputError: for the first thing that cannot work.
    """
    for group in groups:
        if not isinstance(group, t.Mapping) or not group.get("name"):
            raise InputError(f"{variable}: {group!r} has no name; every security group needs one.")
        check_name(str(group["name"]), platform, variable)
    names = set(unique(groups, variable))
    wanted: dict[str, Group] = {}
    for group in groups:
        name = group["name"]
        where = f"{variable}: group {name}"
        description = str(group.get("description") or f"{name} of {platform}")
        check_text(description, f"{where}: description")
        rules: Rules = {}
        for direction, key in ((INGRESS, "rules"), (EGRESS, "egress")):
            for number, rule in enumerate(group.get(key) or [], 1):
                spot = f"{where}, {key} {number}"
                text = str(rule.get("description") or "")
                if text:
                    check_text(text, f"{spot}: description")
                for atom in expand(rule, direction, names, spot):
                    if rules.setdefault(atom, text) != text:
                        raise InputError(
                            f"{spot}: {atom.title} is there twice, described as {rules[atom]!r} and as {text!r}; "
                            "one description is allowed."
                        )
        open_egress = group.get("egress") is None
        if open_egress:
            rules[EVERYWHERE[0]] = ""
        check_limit(rules, rule_limit, where)
        wanted[name] = Group(name, description, owned_tags(platform, name, tags, group.get("tags")), rules, open_egress)
    return wanted


def check_name(name: str, platform: str, variable: str) -> None:
    """Refuse a name that AWS would refuse, or that reads as an id."""
    full = f"{platform}-{name}"
    if name.startswith("sg-") or full.startswith("sg-"):
        raise InputError(f"{variable}: name {name!r} makes a group that begins with sg-; AWS keeps that for ids.")
    if len(full) > 255:
        raise InputError(
            f"{variable}: name {name!r} makes {len(full)} characters with the platform's name; 255 are allowed."
        )
    if not re.fullmatch(TEXT + "+", name) or name != name.strip():
        raise InputError(f"{variable}: name {name!r} is not allowed; a name has {TEXT_SAID}, no space at either end.")


def check_text(text: str, where: str) -> None:
    """Refuse a description that AWS would refuse."""
    if len(text) > 255 or not re.fullmatch(TEXT + "+", text):
        raise InputError(f"{where} {text!r} is not allowed; a description has at most 255 of {TEXT_SAID}.")


def expand(rule: t.Mapping[str, t.Any], direction: str, names: t.Collection[str], where: str) -> list[Rule]:
    """The atomic rules for which a declared rule stands."""
    protocol = normal_protocol(rule.get("protocol") or "tcp", where)
    sources = [(CIDR, normal_cidr(cidr, where)) for cidr in listed(rule.get("cidrs"))]
    for group in listed(rule.get("groups")):
        if group not in names and not group.startswith("sg-") and known(group):
            near = ", ".join(sorted(names))
            raise InputError(f"{where}: group {group!r} is not declared; there are {near} (and ids, sg-...).")
        sources.append((GROUP, group))
    for prefix_list in listed(rule.get("prefix_lists")):
        if not prefix_list.startswith("pl-") and known(prefix_list):
            raise InputError(f"{where}: prefix list {prefix_list!r} is not an id; it begins with pl-.")
        sources.append((PREFIX_LIST, prefix_list))
    if not sources:
        raise InputError(f"{where}: no {'source' if direction == INGRESS else 'destination'} is given; a rule needs "
                         "cidrs, groups or prefix_lists.")  # fmt: skip
    return [
        Rule(direction, protocol, low, high, kind, source)
        for low, high in port_ranges(rule, protocol, where)
        for kind, source in sources
    ]


def listed(value: t.Any) -> list[str]:
    """A list of texts from a list, a single value or nothing."""
    if value is None:
        return []
    return [str(item) for item in (value if isinstance(value, (list, tuple)) else [value])]


def normal_protocol(value: t.Any, where: str) -> str:
    """The protocol as AWS writes it: a name for those that have one, ``-1`` for all, else the number."""
    text = str(value).lower()
    text = PROTOCOLS.get(text, text)
    if text in (ALL, *PORT_PROTOCOLS, *ICMP_PROTOCOLS) or (text.isdecimal() and int(text) <= 255):
        return text if not text.isdecimal() else PROTOCOLS.get(str(int(text)), str(int(text)))
    raise InputError(f"{where}: protocol {value!r} is not known; tcp, udp, icmp, icmpv6, all or a number to 255 is.")


def port_ranges(rule: t.Mapping[str, t.Any], protocol: str, where: str) -> list[tuple[int, int]]:
    """The port ranges of a declared rule, the type and code for ICMP, (-1, -1) for a protocol without ports."""
    ports = listed(rule.get("ports"))
    icmp = [rule.get("icmp_type"), rule.get("icmp_code")]
    if protocol not in ICMP_PROTOCOLS and icmp != [None, None]:
        raise InputError(f"{where}: icmp_type and icmp_code are for icmp and icmpv6, not {protocol_said(protocol)}.")
    if protocol in PORT_PROTOCOLS:
        if not ports:
            raise InputError(f"{where}: ports are missing; {protocol} needs them (0-65535 for all).")
        return [port_range(port, where) for port in ports]
    if ports:
        raise InputError(f"{where}: ports {', '.join(ports)} are only for tcp and udp, not {protocol_said(protocol)}.")
    if protocol not in ICMP_PROTOCOLS:
        return [(ANY_PORT, ANY_PORT)]
    kind, code = (ANY_PORT if value is None else int(value) for value in icmp)
    if not (-1 <= kind <= 255 and -1 <= code <= 255) or (kind == ANY_PORT and code != ANY_PORT):
        raise InputError(f"{where}: icmp_type {kind} with icmp_code {code} is not allowed; both are -1 (any) to 255, "
                         "and a code needs a type.")  # fmt: skip
    return [(kind, code)]


def protocol_said(protocol: str) -> str:
    """The protocol as a user writes it."""
    return "all" if protocol == ALL else protocol


def port_range(text: str, where: str) -> tuple[int, int]:
    """``80`` or ``8000-8080`` as two numbers."""
    match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", text)
    if not match:
        raise InputError(f"{where}: ports {text!r} is not a port; 80 and 8000-8080 are the two forms.")
    low, high = int(match[1]), int(match[2] or match[1])
    if max(low, high) > 65535:
        raise InputError(f"{where}: ports {text!r} is out of range; ports are 0 to 65535.")
    if low > high:
        raise InputError(f"{where}: ports {text!r} is reversed; the lower port is first ({high}-{low}).")
    return low, high


def normal_cidr(text: str, where: str) -> str:
    """An address range as AWS writes it."""
    try:
        if "/" not in text:
            raise ValueError
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise InputError(f"{where}: cidr {text!r} is not an address range like 10.0.0.0/16 or 2001:db8::/32.") from None
    host = f"{text.split('/')[0]}/{network.max_prefixlen}"
    if "/" not in text:
        raise InputError(f"{where}: cidr {text!r} has no length; {host} is one address.")
    raise InputError(f"{where}: cidr {text!r} has host bits set; {network} is the range, {host} one address.")


# --- AWS's rule limit -----------------------------------------------------------------------------------------------


def counts(rules: t.Iterable[Rule], weights: t.Mapping[str, int] | None = None) -> dict[tuple[str, str], int]:
    """How many rules count, for each direction and address family."""
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for rule in rules:
        for family in rule.families:
            weight = (weights or {}).get(rule.source, 1) if rule.source_kind == PREFIX_LIST else 1
            counted[rule.direction, family] += weight
    return counted


def over(rules: t.Iterable[Rule], limit: int, weights: t.Mapping[str, int] | None = None) -> set[tuple[str, str]]:
    """The directions and address families that hold more than the limit."""
    return {key for key, count in counts(rules, weights).items() if count > limit}


def check_limit(rules: Rules, limit: int, where: str, weights: t.Mapping[str, int] | None = None) -> None:
    """Refuse a set of rules that no group can hold."""
    counted = counts(rules, weights)
    for direction, family in sorted(over(rules, limit, weights)):
        raise InputError(
            f"{where}: {counted[direction, family]} {direction} rules for {family} are more than {limit}, which is "
            "what a group can hold (rule_limit; raise it when AWS has raised the account's quota)."
        )


def revoke_first(
    present: t.Iterable[Rule], add: t.Collection[Rule], drop: t.Collection[Rule], limit: int, weights=None
) -> list[Rule]:
    """Which of the rules to drop have to go before the new ones come; none where there is room for all.

    Adding comes first wherever it can, so that nothing that stays allowed is cut off in between.
    """
    held, early = {*present, *add}, []
    for rule in sorted(drop):
        excess = over(held, limit, weights)
        if not excess:
            break
        if excess & {(rule.direction, family) for family in rule.families}:
            held.discard(rule)
            early.append(rule)
    return early


# --- the plan -------------------------------------------------------------------------------------------------------


@dataclass
class Change:
    """What happens to the rules of one group."""

    add: Rules
    drop: Rules
    describe: Rules
    final: Rules


def change(
    group: Group,
    present: Rules,
    ids: t.Mapping[str, str],
    *,
    purge_rules: bool = True,
    leaving: t.Collection[str] = (),
) -> Change:
    """The way from a group's present rules to the declared ones.

    :arg ids: the platform's groups, name by id; a rule that names one by its id means the same group.
    :arg leaving: names of groups that are being removed; rules that refer to them go in any case.
    """
    wanted = {resolved(rule, ids): text for rule, text in group.rules.items()}
    if group.open_egress and EVERYWHERE[1] in present:
        wanted[EVERYWHERE[1]] = present[EVERYWHERE[1]]
    for rule in sorted(wanted):
        if rule.source_kind == GROUP and rule.source in leaving:
            raise InputError(
                f"group {group.name}: the rule {rule.title} refers to a group that is not declared any more and "
                "would be removed; remove the rule too, or declare the group."
            )
    # a group as AWS made it was left so by a run that was interrupted; what nobody declared in it goes
    untouched = bool(present) and all(rule in EVERYWHERE and not text for rule, text in present.items())
    drop = {
        rule: text
        for rule, text in present.items()
        if rule not in wanted and (purge_rules or untouched or (rule.source_kind == GROUP and rule.source in leaving))
    }
    return Change(
        add={rule: text for rule, text in wanted.items() if rule not in present},
        drop=drop,
        describe={rule: text for rule, text in wanted.items() if present.get(rule, text) != text},
        final={**{rule: text for rule, text in present.items() if rule not in drop}, **wanted},
    )


def resolved(rule: Rule, ids: t.Mapping[str, str]) -> Rule:
    """The rule with the platform's own groups called by name."""
    if rule.source_kind == GROUP and rule.source in ids:
        return replace(rule, source=ids[rule.source])
    return rule


def shown(rule: Rule, text: str) -> dict[str, t.Any]:
    """A rule's fields as actions and results show them."""
    ports = str(rule.from_port) if rule.from_port == rule.to_port else f"{rule.from_port}-{rule.to_port}"
    return {
        "direction": rule.direction,
        "protocol": protocol_said(rule.protocol),
        "ports": ports if rule.from_port != ANY_PORT else None,
        "group" if rule.source_kind == GROUP else rule.source_kind: rule.source,
        "description": text,
    }


def check_ignored_references(desired: t.Mapping[str, Group], observed, ignore: t.Collection[str]) -> None:
    """Refuse a rule that refers to a declared group which is ignored and so is not made."""
    missing = {name for name in desired if name not in observed and ignored(name, ignore)}
    for name, group in sorted(desired.items()):
        for rule in sorted(group.rules):
            if rule.source_kind == GROUP and rule.source in missing and name not in missing:
                raise InputError(
                    f"groups: group {name}: the rule {rule.title} refers to a group that is ignored and is not there; "
                    "take it out of ignore."
                )


def plan(
    desired: t.Mapping[str, Group],
    observed: t.Mapping[str, Observed],
    platform: str,
    *,
    purge: bool = False,
    ignore: t.Collection[str] = (),
    purge_rules: bool = True,
    rule_limit: int = 60,
    weights: t.Mapping[str, int] | None = None,
) -> Plan:
    """Plan the way from the groups that are there to the declared ones.

    :raises InputError: for what AWS cannot change: a group's description; and for a set that the rule limit
        does not let in.
    """
    leaving = {name for name in observed if purge and name not in desired and not ignored(name, ignore)}
    ids = {present.id: name for name, present in observed.items()}
    check_ignored_references(desired, observed, ignore)
    actions = []
    for name in sorted({*desired, *observed}):
        wanted, present = desired.get(name), observed.get(name)
        if ignored(name, ignore):
            for rule in sorted(present.rules) if present else ():
                if rule.source_kind == GROUP and rule.source in leaving:
                    raise InputError(
                        f"security group {rule.source} cannot be removed while the rule {rule.title} of group {name} "
                        "refers to it and that group is ignored; remove that rule, or ignore both."
                    )
            continue
        if name in leaving:
            rules = [rule.title for rule in sorted(present.rules)]
            before = {"group_name": present.group_name, "description": present.description, "rules": rules}
            actions.append(Action(DELETE, GROUP, name, before=before, context=present))
        if wanted is None:
            continue
        if present is None:
            after = {"group_name": f"{platform}-{name}", "description": wanted.description, "tags": wanted.tags}
            actions.append(Action(CREATE, GROUP, name, after=after, context=wanted))
        else:
            if present.description != wanted.description:
                raise InputError(
                    f"groups: group {name}: description cannot be changed from {present.description!r} to "
                    f"{wanted.description!r}; AWS keeps the first, so give that one or another name."
                )
            if any(compare_aws_tags(present.tags, wanted.tags)):
                kept = {key: value for key, value in present.tags.items() if not key.startswith("aws:")}
                actions.append(Action(UPDATE, GROUP, name, {"tags": kept}, {"tags": wanted.tags}, present))
        rules = present.rules if present else {}
        changed = change(wanted, rules, ids, purge_rules=purge_rules, leaving=leaving)
        check_limit(changed.final, rule_limit, f"groups: group {name}", weights)
        for verb, chosen in ((CREATE, changed.add), (DELETE, changed.drop), (UPDATE, changed.describe)):
            for rule, text in sorted(chosen.items()):
                before, after = {}, {}
                if verb == UPDATE:
                    before, after = {"description": rules[rule]}, {"description": text}
                elif verb == CREATE:
                    after = shown(rule, text)
                else:
                    before = shown(rule, text)
                actions.append(Action(verb, RULE, f"{name} {rule.title}", before, after, (name, rule)))
    return Plan(actions)


# --- what is there --------------------------------------------------------------------------------------------------


def atoms(item: t.Mapping[str, t.Any], ids: t.Mapping[str, str]) -> tuple[Rules, dict[Rule, dict[str, t.Any]]]:
    """The atomic rules of a described group, and for each the permission that AWS tells of it."""
    rules: Rules = {}
    permissions: dict[Rule, dict[str, t.Any]] = {}
    for direction, key in ((INGRESS, "IpPermissions"), (EGRESS, "IpPermissionsEgress")):
        for permission in item.get(key) or []:
            protocol = normal_protocol(permission["IpProtocol"], item["GroupId"])
            low, high = permission.get("FromPort"), permission.get("ToPort")
            ported = protocol in (*PORT_PROTOCOLS, *ICMP_PROTOCOLS) and low is not None
            ports = (low, high if high is not None else ANY_PORT) if ported else (ANY_PORT, ANY_PORT)
            for kind, listing, ident in (
                (CIDR, "IpRanges", "CidrIp"),
                (CIDR, "Ipv6Ranges", "CidrIpv6"),
                (GROUP, "UserIdGroupPairs", "GroupId"),
                (PREFIX_LIST, "PrefixListIds", "PrefixListId"),
            ):
                for entry in permission.get(listing) or []:
                    source = ids.get(entry[ident], entry[ident]) if kind == GROUP else entry[ident]
                    rule = Rule(direction, protocol, *ports, kind, source)
                    rules[rule] = entry.get("Description") or ""
                    head = {name: permission[name] for name in HEAD if name in permission}
                    # a group of another account is found only with its account
                    permissions[rule] = {**head, listing: [{k: entry[k] for k in (ident, "UserId") if k in entry}]}
    return rules, permissions


def observed_groups(items: t.Sequence[t.Mapping[str, t.Any]], platform: str, region: str, partition: str):
    """Described groups as ``{name: Observed}``, without those that the platform does not own."""
    ours = by_declared_name(items, platform, "security group")
    ids = {item["GroupId"]: name for name, item in ours.items()}
    groups: dict[str, Observed] = {}
    for name, item in ours.items():
        rules, permissions = atoms(item, ids)
        arn = item.get("SecurityGroupArn") or (
            f"arn:{partition}:ec2:{region}:{item['OwnerId']}:security-group/{item['GroupId']}"
        )
        groups[name] = Observed(
            name, item["GroupId"], item["GroupName"], item["Description"], item.get("VpcId") or "", arn,
            tags_of(item), rules, permissions,
        )  # fmt: skip
    return groups


def check_foreign_names(
    items: t.Iterable[t.Mapping[str, t.Any]], desired: t.Mapping[str, Group], observed, platform: str
):
    """Refuse to make a group whose name in the VPC is taken by one that the platform does not own."""
    taken = {item["GroupName"]: item["GroupId"] for item in items}
    for name in sorted(set(desired) - set(observed)):
        full = f"{platform}-{name}"
        if full in taken:
            raise InputError(
                f"groups: group {name}: {full} is there already as {taken[full]} and is not the platform's; rename or "
                f"remove that group, or give it the tags {owned_tags(platform, name)!r}."
            )


def check_foreign_references(ec2, leaving: t.Mapping[str, Observed], platform: str, region: str) -> None:
    """Refuse to remove a group to which a rule of a foreign group refers; AWS would refuse it half-way."""
    if not leaving:
        return
    ids = {present.id: name for name, present in leaving.items()}
    found = concurrently(
        *[
            lambda key=key: pages(
                ec2, "describe_security_groups", "SecurityGroups", Filters=[{"Name": key, "Values": sorted(ids)}]
            )
            for key in ("ip-permission.group-id", "egress.ip-permission.group-id")
        ]
    )
    for item in sorted((item for items in found for item in items), key=lambda item: item["GroupId"]):
        if observed_groups([item], platform, region, ""):
            continue
        for rule in sorted(atoms(item, ids)[0]):
            if rule.source_kind == GROUP and rule.source in leaving:
                raise InputError(
                    f"security group {rule.source} ({leaving[rule.source].id}) cannot be removed while the rule "
                    f"{rule.title} of {item['GroupId']} ({item['GroupName']}) refers to it; the platform does not own "
                    "that group, so remove that rule first."
                )


def prefix_list_weights(ec2, rules: t.Iterable[Rule]) -> dict[str, int]:
    """What each prefix list in these rules counts in AWS's rule limit; asked only when there is one."""
    ids = sorted({rule.source for rule in rules if rule.source_kind == PREFIX_LIST and known(rule.source)})
    if not ids:
        return {}
    lists = pages(
        ec2, "describe_managed_prefix_lists", "PrefixLists", Filters=[{"Name": "prefix-list-id", "Values": ids}]
    )
    weights = {}
    for item in lists:
        service = item.get("PrefixListName", "").removeprefix("com.amazonaws.").removeprefix("global.")
        managed = next((weight for part, weight in MANAGED_WEIGHTS.items() if service.endswith(part)), 1)
        weights[item["PrefixListId"]] = item.get("MaxEntries") or managed
    return weights


# --- doing it -------------------------------------------------------------------------------------------------------


def permission(rule: Rule, text: str | None, ids: t.Mapping[str, str]) -> dict[str, t.Any]:
    """The request's form of one atomic rule; ``ids`` are the platform's groups, id by name."""
    listing, ident = {
        GROUP: ("UserIdGroupPairs", "GroupId"),
        PREFIX_LIST: ("PrefixListIds", "PrefixListId"),
        CIDR: ("Ipv6Ranges", "CidrIpv6") if ":" in rule.source else ("IpRanges", "CidrIp"),
    }[rule.source_kind]
    entry = {ident: ids.get(rule.source, rule.source) if rule.source_kind == GROUP else rule.source}
    if text:
        entry["Description"] = text
    ports = {} if rule.protocol == ALL else {"FromPort": rule.from_port, "ToPort": rule.to_port}
    return {"IpProtocol": rule.protocol, **ports, listing: [entry]}


def merged(permissions: t.Iterable[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Permissions of the same protocol and ports put together, as AWS lists them."""
    together: dict[tuple, dict[str, t.Any]] = {}
    for item in permissions:
        key = tuple(item.get(name) for name in HEAD)
        target = together.setdefault(key, {name: value for name, value in item.items() if not isinstance(value, list)})
        for listing, entries in item.items():
            if isinstance(entries, list):
                target.setdefault(listing, []).extend(entries)
    return list(together.values())


def code(error: Exception) -> str:
    """AWS's error code, empty for any other exception."""
    return getattr(error, "response", {}).get("Error", {}).get("Code", "")


def at_once(call: t.Callable[..., t.Any], group_id: str, permissions: list[dict[str, t.Any]], settled: str) -> None:
    """Ask for all permissions in one call; one by one when AWS says that one of them is as wanted already.

    That is how it is for a while after an interrupted run, because what AWS lists lags behind what was done.
    """
    try:
        call(GroupId=group_id, IpPermissions=merged(permissions))
    except ClientError as error:
        if code(error) != settled:
            raise
        for item in permissions if len(permissions) > 1 else ():
            at_once(call, group_id, [item], settled)


class Applier:
    """Carries out a plan of one VPC's groups."""

    def __init__(
        self, ec2, plan: Plan, platform: str, vpc_id: str | None, rule_limit: int, weights, timeout: int
    ) -> None:
        self.ec2, self.plan, self.platform, self.vpc_id = ec2, plan, platform, vpc_id
        self.rule_limit, self.weights, self.timeout = rule_limit, weights, timeout
        self.application = application(plan)

    def apply(self, desired: t.Mapping[str, Group], observed: t.Mapping[str, Observed], region: str):
        """Do everything; returns the groups that are there afterwards, their rules as they were before."""
        present = {**observed, **self.create(region)}
        self.application.run(self.plan.only(GROUP, verbs=[UPDATE]), self.tag)
        self.change_rules(desired, present)
        self.delete(present)
        gone = {action.name for action in self.plan.only(GROUP, verbs=[DELETE])}
        return {name: group for name, group in present.items() if name not in gone}

    def create(self, region: str) -> dict[str, Observed]:
        """Make all groups before any rule, because rules refer to them, also in circles."""
        actions = self.plan.only(GROUP, verbs=[CREATE])
        ids = self.application.run(actions, self.create_one)
        if not ids:
            return {}

        def look():
            try:
                return pages(self.ec2, "describe_security_groups", "SecurityGroups", GroupIds=sorted(ids))
            except ClientError as error:
                if code(error) != "InvalidGroup.NotFound":
                    raise
                return []

        items = poll(look, lambda found: len(found) == len(ids), min(self.timeout, 60))
        return observed_groups(items, self.platform, region, self.ec2.meta.partition)

    def create_one(self, action: Action) -> str:
        wanted = action.context
        answer = self.ec2.create_security_group(
            GroupName=f"{self.platform}-{action.name}",
            Description=wanted.description,
            VpcId=self.vpc_id,
            TagSpecifications=boto3_tag_specifications(wanted.tags, ["security-group"]),
        )
        return answer["GroupId"]

    def tag(self, action: Action) -> None:
        put, remove = compare_aws_tags(action.context.tags, action.after["tags"])
        if put:
            self.ec2.create_tags(Resources=[action.context.id], Tags=ansible_dict_to_boto3_tag_list(put))
        if remove:
            self.ec2.delete_tags(Resources=[action.context.id], Tags=[{"Key": key} for key in remove])

    def change_rules(self, desired: t.Mapping[str, Group], present: t.Mapping[str, Observed]) -> None:
        """Each group and direction with as few calls as the limit lets; groups at the same time."""
        batches: dict[tuple[str, str], list[Action]] = defaultdict(list)
        for action in self.plan.only(RULE):
            name, rule = action.context
            batches[name, rule.direction].append(action)
        for action in self.plan.only(GROUP, verbs=[CREATE]):
            if any(rule not in action.context.rules for rule in present[action.name].rules):
                batches.setdefault((action.name, EGRESS), [])
        ids = {name: group.id for name, group in present.items()}
        outcomes: dict[int, Exception | None] = {}

        def do(name: str, direction: str, actions: list[Action]) -> None:
            for step, members in self.steps(desired[name], present[name], direction, actions, ids):
                error = None
                try:
                    step()
                except self.application.errors as caught:
                    if not members:
                        raise
                    error = caught
                outcomes.update({id(member): error for member in members})
                if error:
                    return

        concurrently(
            *[lambda k=key, a=actions: do(*k, a) for key, actions in sorted(batches.items(), key=lambda b: b[0])]
        )

        def report(action: Action) -> None:
            if outcomes[id(action)]:
                raise outcomes[id(action)]

        self.application.run([action for action in self.plan.only(RULE) if id(action) in outcomes], report)

    def steps(self, wanted: Group, present: Observed, direction: str, actions: list[Action], ids: t.Mapping[str, str]):
        """The calls for one group and direction, in order, each with the actions that it carries out."""
        by_verb = {verb: {a.context[1]: a for a in actions if a.verb == verb} for verb in (CREATE, UPDATE, DELETE)}
        texts = {resolved(rule, {i: n for n, i in ids.items()}): text for rule, text in wanted.rules.items()}
        # AWS gives a new group an egress rule: where it is wanted there is nothing to add, else it goes
        given = [rule for rule in by_verb[CREATE] if rule in present.rules]
        add = [rule for rule in by_verb[CREATE] if rule not in present.rules]
        drop = list(by_verb[DELETE])
        if wanted.name in {action.name for action in self.plan.only(GROUP, verbs=[CREATE])} and direction == EGRESS:
            drop += [rule for rule in present.rules if rule not in texts and not wanted.open_egress]
        held = [rule for rule in present.rules if rule.direction == direction]
        early = revoke_first(held, add, drop, self.rule_limit, self.weights)
        late = [rule for rule in drop if rule not in early]
        yield lambda: None, [by_verb[CREATE][rule] for rule in given]
        if early:
            yield lambda: self.revoke(present, direction, early), self.members(by_verb[DELETE], early)
        if add:
            yield lambda: self.authorize(present.id, direction, add, texts, ids), self.members(by_verb[CREATE], add)
        if late:
            yield lambda: self.revoke(present, direction, late), self.members(by_verb[DELETE], late)
        if by_verb[UPDATE]:
            update = getattr(self.ec2, f"update_security_group_rule_descriptions_{direction}")
            permissions = merged(permission(rule, texts[rule], ids) for rule in by_verb[UPDATE])
            yield lambda: update(GroupId=present.id, IpPermissions=permissions), list(by_verb[UPDATE].values())

    @staticmethod
    def members(actions: t.Mapping[Rule, Action], rules: t.Iterable[Rule]) -> list[Action]:
        """The actions for these rules; AWS's own egress rule of a new group has none."""
        return [actions[rule] for rule in rules if rule in actions]

    def authorize(self, group_id: str, direction: str, add: list[Rule], texts: Rules, ids: t.Mapping[str, str]) -> None:
        call = getattr(self.ec2, f"authorize_security_group_{direction}")
        at_once(call, group_id, [permission(rule, texts[rule], ids) for rule in add], "InvalidPermission.Duplicate")

    def revoke(self, present: Observed, direction: str, rules: t.Iterable[Rule]) -> None:
        call = getattr(self.ec2, f"revoke_security_group_{direction}")
        at_once(call, present.id, [present.permissions[rule] for rule in rules], "InvalidPermission.NotFound")

    def delete(self, present: t.Mapping[str, Observed]) -> None:
        actions = self.plan.only(GROUP, verbs=[DELETE])
        leaving = {action.name for action in actions}

        def unlink(group: Observed, direction: str, rules: list[Rule]) -> t.Callable[[], None]:
            return lambda: self.revoke(group, direction, rules)

        # groups on their way out that refer to each other would hold one another
        calls = []
        for name in sorted(leaving):
            for direction in DIRECTIONS:
                rules = [
                    rule
                    for rule in present[name].rules
                    if (rule.direction, rule.source_kind) == (direction, GROUP) and rule.source in leaving - {name}
                ]
                if rules:
                    calls.append(unlink(present[name], direction, rules))
        concurrently(*calls)
        self.application.run(actions, self.delete_one)

    def delete_one(self, action: Action) -> None:
        """Delete a group; network interfaces that are going away may hold it for some minutes."""
        group_id = action.context.id

        def attempt() -> bool:
            try:
                self.ec2.delete_security_group(GroupId=group_id)
            except ClientError as error:
                if code(error) == "InvalidGroup.NotFound":
                    return True
                if code(error) != "DependencyViolation":
                    raise
                return False
            return True

        if poll(attempt, bool, self.timeout, first=1.0):
            return
        interfaces = pages(
            self.ec2,
            "describe_network_interfaces",
            "NetworkInterfaces",
            Filters=[{"Name": "group-id", "Values": [group_id]}],
        )
        users = ", ".join(f"{i['NetworkInterfaceId']} ({i.get('Description') or 'no description'})" for i in interfaces)
        raise InputError(
            f"{group_id} is still used after {self.timeout} s by "
            + (f"the network interfaces {users}" if users else "a rule of a group elsewhere, such as in a peered VPC")
            + "; take it away from there first."
        )


# --- the module -----------------------------------------------------------------------------------------------------


def work(module) -> tuple[Plan, dict[str, t.Any]]:
    """The ``security_groups`` module: validate, read, plan, and apply unless in check mode."""
    options = module.params
    platform, vpc_id, region = options["platform"], options["vpc_id"], module.region
    absent = options["state"] == "absent"
    groups = [] if absent else options["groups"]
    desired = validate(groups, platform, tags=options["tags"], rule_limit=options["rule_limit"])
    require_known(
        module.check_mode, vpc_id=vpc_id, groups=[rule.source for g in desired.values() for rule in g.rules] or None
    )

    ec2 = client(module, "ec2")
    items = []
    if vpc_id is None or known(vpc_id):
        filters = owned_filter(platform) if vpc_id is None else [{"Name": "vpc-id", "Values": [vpc_id]}]
        items = pages(ec2, "describe_security_groups", "SecurityGroups", Filters=filters)
    observed = observed_groups(items, platform, region, ec2.meta.partition)
    check_foreign_names(items, desired, observed, platform)
    rules = {rule for group in (*desired.values(), *observed.values()) for rule in group.rules}
    weights = prefix_list_weights(ec2, rules)
    planned = plan(
        desired,
        observed,
        platform,
        purge=absent or options["purge"],
        ignore=options["ignore"],
        purge_rules=options["purge_rules"],
        rule_limit=options["rule_limit"],
        weights=weights,
    )
    leaving = {action.name: action.context for action in planned.only(GROUP, verbs=[DELETE])}
    check_foreign_references(ec2, leaving, platform, region)
    before = observed
    if planned and not module.check_mode:
        applier = Applier(ec2, planned, platform, vpc_id, options["rule_limit"], weights, options["wait_timeout"])
        observed = applier.apply(desired, observed, region)
    ids = {group.id: name for name, group in before.items()}
    result = {}
    for name, group in sorted(desired.items()):
        present, was = observed.get(name), before[name].rules if name in before else {}
        if ignored(name, options["ignore"]):
            if not present:
                continue
            final = was
        else:
            final = change(group, was, ids, purge_rules=options["purge_rules"], leaving=leaving).final
        result[name] = {
            "id": present.id if present else KNOWN_AFTER_APPLY,
            "arn": present.arn if present else KNOWN_AFTER_APPLY,
            "name": name,
            "group_name": f"{platform}-{name}",
            "description": group.description,
            "vpc_id": vpc_id,
            "tags": group.tags,
            "rules": [shown(rule, text) for rule, text in sorted(final.items())],
        }
    return planned, {"security_groups": result}
