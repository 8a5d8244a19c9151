# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What buckets may be, as S3 has it: names, rules, policies, targets. Refused with one sentence, before any change."""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _buckets_policy as policy
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._buckets_forms import DESTINATIONS
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError, known, unique

Item = t.Mapping[str, t.Any]

NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{1,61})[a-z0-9]")
RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an")
CLASSES = (
    "STANDARD",
    "STANDARD_IA",
    "INTELLIGENT_TIERING",
    "ONEZONE_IA",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
)
"""Storage classes from warm to cold: an object only ever moves on in this order."""
INFREQUENT = ("STANDARD_IA", "ONEZONE_IA")
INFREQUENT_DAYS = 30
"""Days that objects stay before they move into one of :data:`INFREQUENT`, and in it before they move on."""
METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
MAX_LIFECYCLE, MAX_CORS, MAX_TAGS, MAX_NOTIFICATIONS = 1000, 100, 50, 100
MAX_DAYS, MAX_YEARS = 36500, 100
OWN_TAGS = 3
ENDPOINT = re.compile(r"vpce-[0-9a-f]{8,17}")
PRINCIPAL = re.compile(r"(arn:aws[a-z-]*:(iam|sts)::(\d{12}|\*):)?(role|user|assumed-role|federated-user)/\S+")
ARN = re.compile(r"arn:aws[a-z-]*:(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):(?P<account>\d{12}):(?P<rest>\S+)")
KEY = re.compile(
    r"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):\d{12}:(key|alias)/\S+|alias/\S+|[0-9a-f-]{36}|mrk-[0-9a-f]+"
)


def refuse(name: str, sentence: str) -> t.NoReturn:
    raise InputError(f"buckets: {name}: {sentence}")


def aws_names(buckets: t.Iterable[Item], prefix: str, places: t.Mapping[str, str]) -> dict[str, str]:
    """What each declared bucket is called in AWS, by its declared name.

    :arg places: what stands for ``{platform}``, ``{account}`` and ``{region}`` in the prefix and in names.
    """
    names: dict[str, str] = {}
    for name, item in unique(buckets, "buckets").items():
        text = item.get("bucket") or prefix + name
        for place, value in places.items():
            text = text.replace(f"{{{place}}}", value)
        why = name_problem(text)
        if why:
            refuse(name, f"S3 does not allow the name {text!r}; {why}.")
        twin = next((other for other, its in names.items() if its == text), None)
        if twin:
            refuse(name, f"its name in S3 is {text!r}, which {twin} has too; each bucket needs a name of its own.")
        names[name] = text
    return names


def name_problem(name: str) -> str:
    """Why S3 would refuse a bucket's name; empty when it would not."""
    if not NAME.fullmatch(name):
        return "it has 3 to 63 lower-case letters, digits, hyphens and dots, and begins and ends with a letter or digit"
    if ".." in name:
        return "two dots may not follow each other"
    if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name):
        return "it may not look like an IP address"
    for start in RESERVED_STARTS:
        if name.startswith(start):
            return f"{start} at its beginning is AWS's own"
    for end in RESERVED_ENDS:
        if name.endswith(end):
            return f"{end} at its end is AWS's own"
    return ""


def validate(buckets: t.Sequence[Item], region: str, events: t.Collection[str]) -> None:
    """Raise :class:`InputError` for what S3 would refuse of one bucket by itself.

    :arg events: the kinds of events that S3 has.
    """
    for name, item in unique(buckets, "buckets").items():
        validate_encryption(name, item["encryption"], region)
        validate_access(name, item.get("access"))
        validate_statements(name, item)
        validate_lifecycle(name, item["lifecycle"])
        validate_cors(name, item["cors"])
        validate_lock(name, item)
        validate_notifications(name, item["notifications"], region, events)
        if "load_balancers" in item["log_sources"] and item["encryption"]["type"] != "s3":
            refuse(
                name,
                f"encryption type {item['encryption']['type']!r} does not go with log_sources load_balancers; "
                "balancers write only where it is 's3'.",
            )
        if len(item["tags"]) > MAX_TAGS - OWN_TAGS:
            refuse(
                name, f"there are {len(item['tags'])} tags; at most {MAX_TAGS - OWN_TAGS} are allowed beside our own."
            )


def validate_encryption(name: str, encryption: Item, region: str) -> None:
    key = encryption.get("key")
    if not key:
        return
    if encryption["type"] == "s3":
        refuse(name, f"encryption: key {key!r} needs type 'kms' or 'dsse'; S3's own keys ('s3') have no name.")
    found = KEY.fullmatch(key) if known(key) else None
    if known(key) and not found:
        refuse(name, f"encryption: key {key!r} is not the ARN, the id or the alias (alias/NAME) of a KMS key.")
    if found and found["region"] and found["region"] != region:
        refuse(name, f"encryption: key {key!r} lies in {found['region']}; the bucket needs one in {region}.")


def validate_access(name: str, access: Item | None) -> None:
    if not access:
        return
    if not access["vpc_endpoints"] and not access["source_ranges"]:
        refuse(name, "access has neither vpc_endpoints nor source_ranges, so nobody could reach the data; give one.")
    for endpoint in access["vpc_endpoints"]:
        if known(endpoint) and not ENDPOINT.fullmatch(endpoint):
            refuse(name, f"access: vpc_endpoints {endpoint!r} is not the id of a VPC endpoint such as vpce-0a1b2c3d.")
    for given in access["source_ranges"]:
        try:
            ipaddress.ip_network(given)
        except ValueError as error:
            refuse(name, f"access: source_ranges {given!r} is not a range such as 203.0.113.0/24 ({error}).")
    for principal in access["exempt_principals"]:
        if not PRINCIPAL.fullmatch(principal):
            refuse(
                name,
                f"access: exempt_principals {principal!r} is neither role/NAME nor user/NAME nor the ARN of a role or "
                "user.",
            )


def validate_statements(name: str, item: Item) -> None:
    own: set[str] = set()
    for statement in item["statements"]:
        sid = statement.get("Sid", "")
        where = f"statements: {sid or json.dumps(statement, sort_keys=True)[:60]}"
        if sid in policy.OWN_SIDS or (sid and sid in own):
            refuse(name, f"statements: Sid {sid!r} is there already; each is allowed once in a policy.")
        own.add(sid)
        if statement.get("Effect") not in ("Allow", "Deny"):
            refuse(name, f"{where}: Effect {statement.get('Effect')!r} is not allowed; it is 'Allow' or 'Deny'.")
        for part in ("Principal", "Action", "Resource"):
            if not statement.get(part) and not statement.get(f"Not{part}"):
                refuse(name, f"{where}: it has no {part}; a bucket's policy needs one (or Not{part}).")
        for resource in listed(statement.get("Resource") or statement.get("NotResource")):
            if not re.fullmatch(r"\{arn\}(/.*)?", resource):
                refuse(
                    name, f"{where}: Resource {resource!r} is not allowed; it is '{{arn}}' or begins with '{{arn}}/'."
                )
        if policy.is_public(statement) and item["public_access_block"]["block_public_policy"]:
            refuse(
                name,
                f"{where}: it lets everybody in, which S3 refuses while public_access_block has block_public_policy.",
            )


def listed(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else [value]


def validate_policy(name: str, whole: Item | None) -> None:
    """Refuse a finished policy that is larger than S3 allows."""
    size = len(json.dumps(whole, separators=(",", ":")).encode()) if whole else 0
    if size > policy.MAX_BYTES:
        refuse(name, f"its policy has {size} bytes with all statements; S3 allows {policy.MAX_BYTES}.")


# lifecycle


def validate_lifecycle(name: str, rules: t.Sequence[Item]) -> None:
    if len(rules) > MAX_LIFECYCLE:
        refuse(name, f"lifecycle has {len(rules)} rules; S3 allows {MAX_LIFECYCLE}.")
    for identifier, rule in unique(rules, f"buckets: {name}: lifecycle", "id").items():
        where = f"lifecycle {identifier}"
        if not 1 <= len(identifier) <= 255:
            refuse(name, f"{where}: id has {len(identifier)} characters; 1 to 255 are allowed.")
        validate_numbers(name, where, rule)
        if not any(rule.get(action) for action in LIFECYCLE_ACTIONS):
            refuse(name, f"{where}: it does nothing; give one of {', '.join(LIFECYCLE_ACTIONS)}.")
        smaller, larger = rule.get("object_size_less_than"), rule.get("object_size_greater_than")
        if smaller is not None and larger is not None and larger >= smaller:
            refuse(
                name,
                f"{where}: object_size_greater_than {larger} is not below object_size_less_than {smaller}, so that no "
                "object fits.",
            )
        if rule.get("expired_object_delete_marker") and (rule.get("expiration_days") or rule.get("tags")):
            refuse(
                name,
                f"{where}: expired_object_delete_marker goes neither with expiration_days nor with tags; make it a "
                "rule of its own.",
            )
        if rule.get("abort_multipart_days") and (rule.get("tags") or smaller is not None or larger is not None):
            refuse(
                name,
                f"{where}: abort_multipart_days goes with a prefix only, because an unfinished upload has neither tags "
                "nor a size; make it a rule of its own.",
            )
        if rule.get("noncurrent_newer_versions") and not rule.get("noncurrent_expiration_days"):
            refuse(name, f"{where}: noncurrent_newer_versions needs noncurrent_expiration_days.")
        validate_transitions(name, where, rule["transitions"], "transitions", rule.get("expiration_days"))
        validate_transitions(
            name,
            where,
            rule["noncurrent_transitions"],
            "noncurrent_transitions",
            rule.get("noncurrent_expiration_days"),
        )


LIFECYCLE_ACTIONS = (
    "transitions",
    "expiration_days",
    "expired_object_delete_marker",
    "noncurrent_transitions",
    "noncurrent_expiration_days",
    "abort_multipart_days",
)


def validate_numbers(name: str, where: str, rule: Item) -> None:
    for option in ("expiration_days", "noncurrent_expiration_days", "abort_multipart_days"):
        if rule.get(option) is not None and rule[option] < 1:
            refuse(name, f"{where}: {option} {rule[option]} is not allowed; it is 1 or more.")
    for option in ("object_size_greater_than", "object_size_less_than"):
        if rule.get(option) is not None and rule[option] < 0:
            refuse(name, f"{where}: {option} {rule[option]} is not allowed; it is 0 or more, in bytes.")
    for value in [
        rule.get("noncurrent_newer_versions"),
        *(i.get("newer_versions") for i in rule["noncurrent_transitions"]),
    ]:
        if value is not None and not 1 <= value <= 100:
            refuse(name, f"{where}: {value} newer versions are not allowed; 1 to 100 are.")


def validate_transitions(
    name: str, where: str, transitions: t.Sequence[Item], option: str, expiration: int | None
) -> None:
    """Refuse days out of order, a way back to a warmer class, and what is too soon for S3."""
    lowest = 1 if option.startswith("noncurrent") else 0
    before = {"days": None, "storage_class": "STANDARD"}
    for item in sorted(transitions, key=lambda item: item["days"]):
        days, storage = item["days"], item["storage_class"]
        here = f"{where}: {option}: {storage} after {days} days"
        if days < lowest:
            refuse(name, f"{here} is not allowed; {lowest} or more are.")
        if storage in INFREQUENT and days < INFREQUENT_DAYS:
            refuse(name, f"{here} is not allowed; objects stay {INFREQUENT_DAYS} days before they move there.")
        if before["days"] is not None:
            if days == before["days"]:
                refuse(name, f"{here} is on the same day as {before['storage_class']}; one move a day is allowed.")
            if CLASSES.index(storage) <= CLASSES.index(before["storage_class"]):
                refuse(
                    name,
                    f"{here} comes after {before['storage_class']} ({before['days']} days); objects move only to "
                    f"colder classes, in the order {', '.join(CLASSES[1:])}.",
                )
            if before["storage_class"] in INFREQUENT and days - before["days"] < INFREQUENT_DAYS:
                refuse(
                    name,
                    f"{here} is less than {INFREQUENT_DAYS} days after {before['storage_class']} ({before['days']} "
                    "days), where objects have to stay so long.",
                )
        before = item
    if transitions and expiration is not None and expiration <= before["days"]:
        refuse(
            name,
            f"{where}: {option} move objects to {before['storage_class']} after {before['days']} days, and they expire "
            f"after {expiration}; they have to expire later than they move.",
        )


# CORS, object lock, notifications


def validate_cors(name: str, rules: t.Sequence[Item]) -> None:
    if len(rules) > MAX_CORS:
        refuse(name, f"cors has {len(rules)} rules; S3 allows {MAX_CORS}.")
    for number, rule in enumerate(rules, 1):
        where = f"cors {rule.get('id') or number}"
        if not rule["methods"] or not rule["origins"]:
            refuse(name, f"{where}: methods and origins need at least one item each.")
        for option in ("origins", "headers"):
            for value in rule[option]:
                if value.count("*") > 1:
                    refuse(name, f"{where}: {option} {value!r} has more than one *; S3 allows one.")
        for value in rule["origins"]:
            if value != "*" and not re.fullmatch(r"[a-z*][a-z0-9+.*-]*://[^/\s]+|\*[^/\s]+", value):
                refuse(name, f"{where}: origins {value!r} is not an origin such as https://example.com, nor *.")
        if rule.get("max_age") is not None and rule["max_age"] < 0:
            refuse(name, f"{where}: max_age {rule['max_age']} is not allowed; it is 0 or more, in seconds.")


def validate_lock(name: str, item: Item) -> None:
    lock = item.get("object_lock")
    if not lock or not lock["enabled"]:
        return
    if not item["versioning"]:
        refuse(name, "versioning false does not go with object_lock; S3 locks versions, so it has to be true.")
    periods = [key for key in ("days", "years") if lock.get(key) is not None]
    if lock.get("mode") and len(periods) != 1:
        refuse(name, f"object_lock: mode {lock['mode']!r} needs exactly one of days and years.")
    if periods and not lock.get("mode"):
        refuse(name, f"object_lock: {periods[0]} needs a mode, governance or compliance.")
    for key, most in (("days", MAX_DAYS), ("years", MAX_YEARS)):
        if lock.get(key) is not None and not 1 <= lock[key] <= most:
            refuse(name, f"object_lock: {key} {lock[key]} is not allowed; 1 to {most} are.")


def validate_notifications(name: str, notifications: Item, region: str, events: t.Collection[str]) -> None:
    rules = unique(notifications["rules"], f"buckets: {name}: notifications", "id")
    if len(rules) > MAX_NOTIFICATIONS:
        refuse(name, f"notifications has {len(rules)} rules; S3 allows {MAX_NOTIFICATIONS}.")
    seen: list[tuple[str, Item]] = []
    for identifier, rule in rules.items():
        where = f"notifications {identifier}"
        if known(rule["to"]):
            validate_destination(name, f"{where}: to {rule['to']!r}", rule["to"], region)
        if not rule["events"]:
            refuse(name, f"{where}: events is empty; at least one such as s3:ObjectCreated:* is needed.")
        for event in rule["events"]:
            if event not in events:
                near = difflib.get_close_matches(event, events, n=2, cutoff=0.5) or ["s3:ObjectCreated:*"]
                refuse(name, f"{where}: events {event!r} is none that S3 has; near to it: {', '.join(near)}.")
        for other, theirs in seen:
            event = common_event(rule["events"], theirs["events"])
            if event and meet(rule, theirs):
                refuse(
                    name,
                    f"{where}: {event} goes to notifications {other} too for some keys; S3 allows an event of a key in "
                    "one rule only, so make their prefixes or suffixes differ.",
                )
        seen.append((identifier, rule))


def validate_destination(name: str, where: str, arn: str, region: str) -> None:
    found = ARN.fullmatch(arn)
    if not found or found["service"] not in DESTINATIONS:
        refuse(
            name,
            f"{where} is not the ARN of an SQS queue, an SNS topic or a Lambda function; all others are reached with "
            "eventbridge.",
        )
    if found["region"] != region:
        refuse(name, f"{where} lies in {found['region']}; it has to lie in {region}.")
    if found["rest"].endswith(".fifo"):
        refuse(name, f"{where} is FIFO, which S3 does not send to; use eventbridge.")


def common_event(some: t.Iterable[str], others: t.Iterable[str]) -> str:
    """An event that both kinds of events contain; empty without one."""
    for one in some:
        for other in others:
            wide, narrow = sorted((one, other), key=len)
            if one == other or (wide.endswith("*") and narrow.startswith(wide[:-1])):
                return narrow
    return ""


def meet(one: Item, other: Item) -> bool:
    """Whether a key may have the prefixes and the suffixes of both rules."""
    prefixes = [one.get("prefix") or "", other.get("prefix") or ""]
    suffixes = [one.get("suffix") or "", other.get("suffix") or ""]
    shorter, longer = sorted(prefixes, key=len)
    short_end, long_end = sorted(suffixes, key=len)
    return longer.startswith(shorter) and long_end.endswith(short_end)


# one bucket and another


def log_levels(buckets: t.Sequence[Item]) -> dict[str, int]:
    """How far each declared bucket is from one that writes no access log into another declared one.

    A bucket is configured after the one that it logs into, because S3 looks whether it may write there. One that logs
    into itself, or into one that logs back, is refused: each log entry would make another.
    """
    named = {item["name"]: item for item in buckets}
    levels: dict[str, int] = {}
    for name in named:
        way, at = [name], name
        while named[at].get("logging") and named[at]["logging"]["bucket"] in named:
            at = named[at]["logging"]["bucket"]
            if at in way:
                refuse(
                    name,
                    f"logging: bucket {named[name]['logging']['bucket']!r} would log into itself"
                    f"{' by way of ' + ', '.join(way[1:]) if len(way) > 1 else ''}; log into one that is not logged.",
                )
            way.append(at)
        levels[name] = len(way) - 1
    return levels


def validate_logging(buckets: t.Sequence[Item], regions: t.Mapping[str, str], region: str) -> None:
    """Refuse targets of access logs that S3 could not write into.

    :arg regions: the region of each bucket that the account has, by its name in AWS.
    """
    named = {item["name"]: item for item in buckets}
    for name, item in named.items():
        if not item.get("logging"):
            continue
        target = item["logging"]["bucket"]
        if target in named:
            into = named[target]
            if into["encryption"]["type"] != "s3":
                refuse(
                    name,
                    f"logging: bucket {target!r} has encryption type {into['encryption']['type']!r}; access logs can "
                    "be written only where it is 's3'.",
                )
            if (into.get("object_lock") or {}).get("mode"):
                refuse(
                    name,
                    f"logging: bucket {target!r} has an object_lock with a default retention, and S3 writes no access "
                    "logs there; take its mode away.",
                )
        elif target not in regions:
            refuse(
                name,
                f"logging: bucket {target!r} is neither one of buckets ({', '.join(sorted(named))}) nor one that the "
                "account has.",
            )
        elif regions[target] != region:
            refuse(name, f"logging: bucket {target!r} lies in {regions[target]}; it has to lie in {region}.")
