"""Route 53: record sets as AWS keeps them.

moto keeps record sets in a list, applies half of a change batch before it refuses the rest, and neither escapes names
nor knows most of AWS's rules. Here a zone holds a dict of record sets by (name, type, set identifier); a change batch
is checked against a copy and takes its place as a whole or not at all.

A change is PENDING in the answer that makes it and INSYNC from the next GetChange on.
"""

from __future__ import annotations

import copy
import ipaddress
import re
from collections.abc import Iterable, Iterator

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random
from moto.route53.exceptions import HostedZoneNotEmpty, Route53ClientError
from moto.route53.models import FakeZone, Route53Backend, route53_backends
from moto.route53.responses import Route53

MAX_ELEMENTS = 1000
MAX_CHARACTERS = 32_000
PAGE = 300
ROUTING = (
    "Weight",
    "Region",
    "Failover",
    "GeoLocation",
    "MultiValueAnswer",
    "GeoProximityLocation",
    "CidrRoutingConfig",
)
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")

Key = tuple[str, str, str]


class InvalidChangeBatch(Route53ClientError):
    """Every reason at once, in brackets, as AWS words it."""

    def __init__(self, messages: list[str]):
        super().__init__("InvalidChangeBatch", f"[{', '.join(messages)}]")


# --- names ----------------------------------------------------------------------------------------------------------


def labels(name: str) -> list[bytes]:
    """The labels of a name as it is written in a request, escapes resolved, in lower case."""
    found: list[bytearray] = [bytearray()]
    rest = name[:-1] if name.endswith(".") and not name.endswith("\\.") else name
    for escape, literal, plain in re.findall(r"\\([0-7]{3})|\\(.)|(.)", rest, re.DOTALL):
        if plain == ".":
            found.append(bytearray())
            continue
        if escape:
            value = int(escape, 8)
        else:
            value = ord(literal or plain)
            if not 0x20 < value < 0x7F:
                raise Route53ClientError(
                    "InvalidChangeBatch",
                    "[FATAL problem: UnsupportedCharacter (Value contains unsupported characters) "
                    f"encountered with '{literal or plain}']",
                )
        found[-1] += bytes([value & 0xFF]).lower()
    if not all(0 < len(label) <= 63 for label in found) or sum(len(label) + 1 for label in found) > 255:
        problem = "DomainLabelEmpty" if b"" in found else "DomainLabelTooLong"
        raise Route53ClientError("InvalidChangeBatch", f"[FATAL problem: {problem} encountered with '{name}']")
    return [bytes(label) for label in found]


def canonical(name: str) -> str:
    """A name as Route 53 returns it: lower case, a dot at its end, ``\\ooo`` for all but letters, digits, - and _."""
    written = ("".join(chr(c) if c in PLAIN else f"\\{c:03o}" for c in label) for label in labels(name))
    return ".".join(written) + "."


def order(name: str) -> str:
    """What record sets are sorted by: the labels reversed, with the dot at the end, in ASCII order."""
    return ".".join(reversed(name[:-1].split("."))) + "."


# --- one record set -------------------------------------------------------------------------------------------------


def normalized(record_set: dict) -> dict:
    """A record set of a request as it is kept: botocore's ResourceRecordSet shape, names canonical."""
    kept = {name: value for name, value in copy.deepcopy(record_set).items() if value not in (None, [], {})}
    kept["Name"] = canonical(kept["Name"])
    if "TTL" in kept:
        kept["TTL"] = int(kept["TTL"])
    if "AliasTarget" in kept:
        kept["AliasTarget"]["DNSName"] = canonical(kept["AliasTarget"]["DNSName"])
    return kept


def key_of(record_set: dict) -> Key:
    return record_set["Name"], record_set["Type"], record_set.get("SetIdentifier", "")


def shown(key: Key) -> str:
    identifier = f", set identifier='{key[2]}'" if key[2] else ""
    return f"[name='{key[0]}', type='{key[1]}'{identifier}]"


def same(one: dict, other: dict) -> bool:
    """Whether two record sets are equal, whatever the order of their values."""

    def comparable(record_set: dict) -> dict:
        values = sorted(record["Value"] for record in record_set.get("ResourceRecords", []))
        return {**record_set, "ResourceRecords": values}

    return comparable(one) == comparable(other)


def _fatal(problem: str, explanation: str, value: str) -> str:
    return f"Invalid Resource Record: 'FATAL problem: {problem} ({explanation}) encountered with '{value}''"


def value_problem(record_type: str, value: str) -> str | None:
    """Why AWS refuses a value of this type, or None."""
    if record_type in ("A", "AAAA"):
        family, wanted = ("IPv4", ipaddress.IPv4Address) if record_type == "A" else ("IPv6", ipaddress.IPv6Address)
        try:
            wanted(value)
        except ValueError:
            return _fatal(f"{record_type}RRDATAIllegal{family}Address", f"Value is not a valid {family} address", value)
    if record_type in ("TXT", "SPF"):
        strings = re.findall(r'"((?:[^"\\]|\\.)*)"', value, re.DOTALL)
        if not re.fullmatch(r'\s*("(?:[^"\\]|\\.)*"\s*)+', value, re.DOTALL):
            return _fatal("InvalidCharacterString", "Value should be enclosed in quotation marks", value)
        if any(len(re.sub(r"\\[0-7]{3}|\\.", "x", string, flags=re.DOTALL)) > 255 for string in strings):
            return _fatal("CharacterStringTooLong", "Value is too long", value)
        if len(value) > 4000:
            return _fatal("TXTRDATATooLong", "Value is too long", value)
    forms = {
        "MX": r"\d{1,5}\s+\S+",
        "SRV": r"\d{1,5}\s+\d{1,5}\s+\d{1,5}\s+\S+",
        "CAA": r"\d{1,3}\s+[A-Za-z0-9]+\s+\"[^\"]*\"",
        "CNAME": r"\S+",
        "NS": r"\S+",
        "PTR": r"\S+",
    }
    if record_type in forms and not re.fullmatch(forms[record_type], value):
        return _fatal(f"{record_type}RRDATAInvalid", f"Value is not a valid {record_type} value", value)
    return None


def set_problems(record_set: dict, action: str, zone: str) -> list[str]:
    """What is wrong with one record set of a batch, by itself."""
    key = key_of(record_set)
    name, record_type = key[:2]
    if name != zone and not name.endswith("." + zone):
        return [f"RRSet with DNS name {name} is not permitted in zone {zone}"]
    alias = "AliasTarget" in record_set
    plain = "TTL" in record_set and bool(record_set.get("ResourceRecords"))
    if alias + plain != 1 or (alias and ("TTL" in record_set or "ResourceRecords" in record_set)):
        count = "more than one" if alias else "none"
        raise Route53ClientError(
            "InvalidInput",
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
            f"TrafficPolicyInstanceId], but found {count} in Change with [Action={action}, Name={name}, "
            f"Type={record_type}, SetIdentifier={key[2] or 'null'}]",
        )
    routing = [policy for policy in ROUTING if policy in record_set]
    if bool(key[2]) != bool(routing) or len(routing) > 1:
        raise Route53ClientError(
            "InvalidInput",
            "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, MultiValueAnswer, "
            f"GeoProximityLocation, CidrRoutingConfig] with a SetIdentifier, found [{', '.join(routing)}] in Change "
            f"with [Action={action}, Name={name}, Type={record_type}, SetIdentifier={key[2] or 'null'}]",
        )
    problems = []
    values = [record["Value"] for record in record_set.get("ResourceRecords", [])]
    if len(set(values)) < len(values):
        problems.append(f"Duplicate Resource Record: '{next(v for v in values if values.count(v) > 1)}'")
    problems += [problem for value in values if (problem := value_problem(record_type, value))]
    if record_type == "CNAME":
        if name == zone:
            problems.append(f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone}")
        if len(values) > 1:
            problems.append(f"RRSet of type CNAME with DNS name {name} can only have one value")
    if record_type == "SOA" and name != zone:
        problems.append(f"RRSet of type SOA with DNS name {name} is not permitted outside of the apex of zone {zone}")
    return problems


# --- a batch --------------------------------------------------------------------------------------------------------


def check_limits(changes: list[dict]) -> None:
    """Raise when a batch has too many elements or characters; an UPSERT counts twice."""
    elements = characters = 0
    for change in changes:
        weight = 2 if change["Action"] == "UPSERT" else 1
        values = [record["Value"] for record in change["ResourceRecordSet"].get("ResourceRecords") or []]
        elements += weight * len(values)
        characters += weight * sum(map(len, values))
    if elements > MAX_ELEMENTS:
        raise Route53ClientError("InvalidChangeBatch", f"[Number of records limit of {MAX_ELEMENTS} exceeded.]")
    if characters > MAX_CHARACTERS:
        raise Route53ClientError("InvalidChangeBatch", f"[Maximum number of characters exceeded: {MAX_CHARACTERS}]")


def changed(zone: str, records: dict[Key, dict], changes: list[dict], own_zones: dict[str, dict]) -> dict[Key, dict]:
    """The record sets of a zone after a batch; raises, and changes nothing, when any part of it is refused.

    ``own_zones`` are the records of every zone of the account by zone id, for aliases onto records.
    """
    check_limits(changes)
    problems: list[str] = []
    after = dict(records)
    touched: dict[Key, list[str]] = {}
    for change in changes:
        action = change["Action"]
        record_set = normalized(change["ResourceRecordSet"])
        key = key_of(record_set)
        wrong = set_problems(record_set, action, zone)
        before = touched.setdefault(key, [])
        if before and (before, action) != (["DELETE"], "CREATE"):
            wrong.append(
                f"The request contains an invalid set of changes for a resource record set '{action} {key[1]} {key[0]}'"
            )
        before.append(action)
        if not wrong and action == "CREATE" and key in after:
            wrong.append(f"Tried to create resource record set {shown(key)} but it already exists")
        if action == "DELETE":
            if key not in after:
                wrong.append(f"Tried to delete resource record set {shown(key)} but it was not found")
            elif not same(after[key], record_set):
                wrong.append(
                    f"Tried to delete resource record set {shown(key)} but the values provided do not match "
                    "the current values"
                )
            else:
                after.pop(key)
        elif not wrong:
            after[key] = record_set
        problems += wrong
    if not problems:
        problems = zone_problems(zone, after, touched, own_zones)
    if problems:
        raise InvalidChangeBatch(problems)
    return after


def zone_problems(zone: str, after: dict[Key, dict], touched: Iterable[Key], own_zones: dict[str, dict]) -> list[str]:
    """What a zone must not come to be, looking at the names that a batch touched."""
    problems = []
    names = {key[0] for key in touched}
    beside: dict[str, list[Key]] = {}
    for key in after:
        if key[0] in names:
            beside.setdefault(key[0], []).append(key)
    for name, keys in sorted(beside.items()):
        types = {key[1] for key in keys}
        if "CNAME" in types and len(types) > 1:
            problems.append(
                f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with "
                f"the same DNS name in zone {zone}"
            )
        for record_type in sorted(types):
            policies = {
                next((policy for policy in ROUTING if policy in after[key]), "simple")
                for key in keys
                if key[1] == record_type
            }
            if len(policies) > 1:
                problems.append(
                    f"RRSet with DNS name {name}, type {record_type} cannot be created because it would mix the "
                    f"routing policies {', '.join(sorted(policies))}"
                )
        for key in keys:
            target = after[key].get("AliasTarget")
            if target and target["HostedZoneId"] in own_zones:
                found = after if own_zones[target["HostedZoneId"]].get("name") == zone else None
                lookup = found if found is not None else own_zones[target["HostedZoneId"]]["records"]
                if not any(other[:2] == (target["DNSName"], key[1]) for other in lookup):
                    problems.append(
                        f"Tried to create an alias that targets {target['DNSName']}, type {key[1]} in zone "
                        f"{target['HostedZoneId']}, but that target was not found"
                    )
    if (zone, "NS", "") not in after:
        problems.append("A HostedZone must contain at least one NS record for the zone itself.")
    if (zone, "SOA", "") not in after:
        problems.append("A HostedZone must contain exactly one SOA record.")
    return problems


def resolve(account: str, name: str, record_type: str) -> list[str]:
    """The values of a name's record sets in all public zones of the account, as resolvers would find them."""
    wanted = canonical(name)
    return [
        record["Value"]
        for backend in route53_backends[account].values()
        for zone in backend.zones.values()
        if not zone.private_zone and (wanted == zone.name or wanted.endswith("." + zone.name))
        for key, record_set in zone.records.items()
        if key[:2] == (wanted, record_type)
        for record in record_set.get("ResourceRecords", [])
    ]


# --- into moto ------------------------------------------------------------------------------------------------------


def _change_info(backend: Route53Backend) -> dict:
    change_id = "C" + mock_random.get_random_string(length=20, include_digits=True).upper()
    submitted = utcnow()
    backend.__dict__.setdefault("changes", {})[change_id] = submitted
    return {"Id": f"/change/{change_id}", "Status": "PENDING", "SubmittedAt": submitted}


def _records(zone: FakeZone) -> dict[Key, dict]:
    return zone.__dict__.setdefault("_records", {})


def _sorted(zone: FakeZone) -> list[tuple[tuple, dict]]:
    rows = [((order(key[0]), key[1], key[2]), record_set) for key, record_set in _records(zone).items()]
    rows.sort(key=lambda row: row[0])
    return rows


def _add_rrset(zone: FakeZone, record_set: dict) -> dict:
    values = [record["Value"] if isinstance(record, dict) else record for record in record_set["ResourceRecords"]]
    values = [value if value.endswith(".") or record_set["Type"] != "NS" else value + "." for value in values]
    kept = normalized({**record_set, "ResourceRecords": [{"Value": value} for value in values]})
    _records(zone)[key_of(kept)] = kept
    return kept


def change_resource_record_sets(self: Route53) -> ActionResult:
    zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
    own_zones = {
        zone_id: {"name": other.name, "records": _records(other)} for zone_id, other in self.backend.zones.items()
    }
    changes = self._get_param("ChangeBatch.Changes")
    zone._records = changed(zone.name, _records(zone), changes, own_zones)
    return ActionResult({"ChangeInfo": _change_info(self.backend)})


def list_resource_record_sets(self: Route53) -> ActionResult:
    zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
    name, record_type = self._get_param("StartRecordName"), self._get_param("StartRecordType")
    identifier = self._get_param("StartRecordIdentifier")
    if (record_type and not name) or (identifier and not record_type):
        raise Route53ClientError("InvalidInput", "The input is not valid")
    asked = self._get_int_param("MaxItems") or PAGE
    start = (order(canonical(name)), record_type or "", identifier or "") if name else ("", "", "")
    rows = [row for row in _sorted(zone) if row[0] >= start]
    page, rest = rows[: min(asked, PAGE)], rows[min(asked, PAGE) :]
    answer = {
        "ResourceRecordSets": [record_set for _key, record_set in page],
        "IsTruncated": bool(rest),
        "MaxItems": str(asked),
    }
    if rest:
        following = rest[0][1]
        answer["NextRecordName"], answer["NextRecordType"] = following["Name"], following["Type"]
        if following.get("SetIdentifier"):
            answer["NextRecordIdentifier"] = following["SetIdentifier"]
    return ActionResult(answer)


def list_hosted_zones_by_name(self: Route53) -> ActionResult:
    name, zone_id = self._get_param("DNSName"), self._get_param("HostedZoneId")
    asked = self._get_int_param("MaxItems") or 100
    zones = sorted(self.backend.zones.values(), key=lambda zone: (order(zone.name), zone.resource_id))
    if name:
        start = (order(canonical(name)), (zone_id or "").removeprefix("/hostedzone/"))
        zones = [zone for zone in zones if (order(zone.name), zone.resource_id) >= start]
    page, rest = zones[: min(asked, 100)], zones[min(asked, 100) :]
    answer = {"HostedZones": page, "IsTruncated": bool(rest), "MaxItems": str(asked), "DNSName": name}
    if rest:
        answer["NextDNSName"], answer["NextHostedZoneId"] = rest[0].name, rest[0].resource_id
    return ActionResult(answer)


def get_change(self: Route53) -> ActionResult:
    change_id = self._get_param("Id").removeprefix("/change/")
    submitted = self.backend.__dict__.get("changes", {}).get(change_id)
    if submitted is None:
        raise Route53ClientError("NoSuchChange", f"Could not find resource with ID: {change_id}")
    return ActionResult({"ChangeInfo": {"Id": f"/change/{change_id}", "Status": "INSYNC", "SubmittedAt": submitted}})


def _delete_hosted_zone(backend: Route53Backend, id_: str) -> FakeZone:
    zone = backend.get_hosted_zone(id_)
    if any(key not in ((zone.name, "NS", ""), (zone.name, "SOA", "")) for key in _records(zone)):
        raise HostedZoneNotEmpty
    return backend.zones.pop(zone.resource_id)


def _get_record_sets(zone: FakeZone, start_type: str, start_name: str) -> Iterator[dict]:
    return iter([record_set for _key, record_set in _sorted(zone)])


def _wrap(method):
    """A method of moto's whose change is known to GetChange, with the zone's name in its canonical form."""

    def call(self: Route53) -> ActionResult:
        answer = method(self)
        answer.result["ChangeInfo"] = _change_info(self.backend)
        return answer

    return call


def install() -> None:
    create_hosted_zone, create_zone = Route53.create_hosted_zone, Route53Backend.create_hosted_zone

    def create_zone_once(self: Route53Backend, name: str, *arguments, **options) -> FakeZone:
        reference = options.get("caller_reference")
        if any(zone.caller_reference == reference for zone in self.zones.values()):
            raise Route53ClientError(
                "HostedZoneAlreadyExists",
                f"A hosted zone has already been created with the specified caller reference: {reference}",
            )
        try:
            name = canonical(name)
        except Route53ClientError:
            raise Route53ClientError("InvalidDomainName", f"{name} is not a valid domain name") from None
        return create_zone(self, name, *arguments, **options)

    Route53Backend.create_hosted_zone = create_zone_once
    Route53Backend.delete_hosted_zone = _delete_hosted_zone
    FakeZone.records = property(_records)
    FakeZone.resource_record_set_count = property(lambda zone: len(_records(zone)))
    FakeZone.add_rrset = _add_rrset
    FakeZone.get_record_sets = _get_record_sets
    Route53.create_hosted_zone = _wrap(create_hosted_zone)
    Route53.delete_hosted_zone = _wrap(Route53.delete_hosted_zone)
    Route53.change_resource_record_sets = change_resource_record_sets
    Route53.list_resource_record_sets = list_resource_record_sets
    Route53.list_hosted_zones_by_name = list_hosted_zones_by_name
    Route53.get_change = get_change
