# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM policies, looked at before AWS sees them: what it would refuse, and what it would take and never apply.

:func:`problems` is pure; it knows services and actions by ``_iam_actions``. AWS takes an action, a condition key or an
account that does not exist without a word, and the statement then grants or denies nothing.
"""

from __future__ import annotations

import datetime
import difflib
import ipaddress
import json
import re
import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._iam_actions import (
    actions,
    is_condition_key,
    matching,
    services,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import KNOWN_AFTER_APPLY, InputError

VERSION = "2012-10-17"

SIZES = {
    "managed": 6144,
    "boundary": 6144,
    "inline-user": 2048,
    "inline-group": 5120,
    "inline-role": 10240,
    "trust": 2048,
}
"""Characters that AWS allows, white space not counted; of inline policies, for all of an identity together.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

DOCUMENT = ("Version", "Id", "Statement")
STATEMENT = (
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip

STRING, NUMBER, DATE, ADDRESS, BOOL, ANY = "text", "a number", "a date", "an address range", "true or false", "a value"
OPERATORS = {
    **dict.fromkeys(("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"), STRING),
    **dict.fromkeys(("StringLike", "StringNotLike"), STRING),
    **dict.fromkeys(("NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals"), NUMBER),
    **dict.fromkeys(("NumericGreaterThan", "NumericGreaterThanEquals"), NUMBER),
    **dict.fromkeys(("DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals"), DATE),
    **dict.fromkeys(("DateGreaterThan", "DateGreaterThanEquals"), DATE),
    **dict.fromkeys(("ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike", "BinaryEquals"), ANY),
    **dict.fromkeys(("IpAddress", "NotIpAddress"), ADDRESS),
    **dict.fromkeys(("Bool", "Null"), BOOL),
}
"""AWS's condition operators, and what each is compared with.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""
ADDRESS_KEYS = ("aws:sourceip", "aws:vpcsourceip")

PARTITION = re.compile(r"\*|aws(-[a-z0-9-]+)?")
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+|[a-z0-9*?-]*[*?][a-z0-9*?-]*|\$\{[^}]+\}|")
ACCOUNT = re.compile(r"\d{12}|aws|[\d*?]*[*?][\d*?]*|\$\{[^}]+\}|")
IAM_RESOURCE = re.compile(
    r"\*|root|(user|federated-user|role|role-template|group|instance-profile|mfa|sms-mfa|u2f|server-certificate|policy"
    r"|saml-provider|oidc-provider|report|access-report|service-specific-credential)/.+"
)


def listed(value: t.Any) -> list[t.Any]:
    """What may be one or a list, as a list; None is none."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def everything(patterns: t.Iterable[t.Any]) -> bool:
    """Whether one of the actions or resources is all of them."""
    return any(re.fullmatch(r"\*+(:\*+)?|arn:\*(:\*)*", str(pattern)) for pattern in patterns)


def parsed(policy: t.Any) -> t.Any:
    """A policy's document, whether it comes as text (JSON) or as a structure; :class:`InputError` says why not."""
    if not isinstance(policy, (str, bytes)):
        return policy
    twice: list[str] = []

    def unique(pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
        names = [name for name, _value in pairs]
        twice.extend(name for name in dict.fromkeys(names) if names.count(name) > 1)
        return dict(pairs)

    try:
        document = json.loads(policy, object_pairs_hook=unique)
    except ValueError as error:
        raise InputError(f"it is not JSON: {error}.") from error
    if twice:
        raise InputError(
            f"{twice[0]!r} is in one object twice, and the first would be lost; each name is allowed once."
        )
    return document


def size(document: t.Any) -> int:
    """Characters as AWS counts them: white space between the parts is none."""
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False, default=str))


def near(word: str, words: t.Iterable[str]) -> str:
    """``; near to it is x`` for a word that is close to one of the words."""
    known = {each.lower(): each for each in words}
    found = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"; near to it is {known[found[0]]}" if found else ""


def problems(policy: t.Any, name: str, *, kind: str = "managed", break_glass: bool = False) -> list[str]:
    """What keeps a policy from working or makes it too wide, a sentence each; empty when nothing does.

    :arg policy: the document, as JSON or as a structure.
    :arg name: what the sentences call it, such as ``access_policies developers``.
    :arg kind: one of :data:`SIZES`.
    :arg break_glass: whether it may allow every action on every resource.

    :class:`InputError` when the kind is none, or policy_sentry is not installed.
    """
    if kind not in SIZES:
        raise InputError(f"kind: {kind!r} is not a kind of policy; allowed are {', '.join(SIZES)}.")
    return [f"{name}: {sentence}" for sentence in Check(kind, break_glass).document(policy)]


class Check:
    """The checks of one policy; each yields sentences."""

    def __init__(self, kind: str, break_glass: bool) -> None:
        self.kind, self.break_glass = kind, break_glass

    def document(self, policy: t.Any) -> t.Iterator[str]:
        try:
            document = parsed(policy)
        except InputError as error:
            yield str(error)
            return
        if not isinstance(document, dict):
            yield f"it is {type(document).__name__}, not an object with Version and Statement."
            return
        for element in document:
            if element not in DOCUMENT:
                yield f"{element!r} is not an element of a policy; allowed are {', '.join(DOCUMENT)}."
        yield from self.version(document.get("Version"))
        length = size(document)
        if length > SIZES[self.kind]:
            yield f"it has {length} characters; AWS allows a policy of this kind ({self.kind}) {SIZES[self.kind]}."
        statements = listed(document.get("Statement"))
        if not statements:
            yield "Statement is missing or empty; at least one statement is needed."
        sids = [s["Sid"] for s in statements if isinstance(s, dict) and s.get("Sid")]
        denies = any(isinstance(s, dict) and s.get("Effect") == "Deny" for s in statements)
        for number, statement in enumerate(statements, 1):
            if not isinstance(statement, dict):
                yield f"statement {number} is {type(statement).__name__}, not an object with Effect and Action."
                continue
            sid = statement.get("Sid")
            where = f"statement {number}" + (f" ({sid})" if sid else "")
            if sid and sids.count(sid) > 1:
                yield f"{where}: Sid {sid!r} is given to {sids.count(sid)} statements; each is allowed once."
            for sentence in self.statement(statement, denies):
                yield f"{where}: {sentence}"

    def version(self, version: t.Any) -> t.Iterator[str]:
        if isinstance(version, datetime.date):
            yield f"Version is a date, because YAML takes {version} for one; put it in quotes."
        elif version != VERSION:
            said = "is missing" if version is None else f"{version!r} is not allowed"
            yield f"Version {said}; write {VERSION!r}, without which AWS takes variables in a policy for plain text."

    def statement(self, statement: dict[str, t.Any], denies: bool) -> t.Iterator[str]:
        for element in statement:
            if element not in STATEMENT:
                yield f"{element!r} is not an element of a statement{near(str(element), STATEMENT)}."
        sid = statement.get("Sid")
        if sid is not None and not re.fullmatch(r"[A-Za-z0-9]*", str(sid)):
            yield f"Sid {sid!r} is not allowed; it has letters and digits only."
        effect = statement.get("Effect")
        if effect not in ("Allow", "Deny"):
            said = "is missing" if effect is None else f"{effect!r} is not allowed"
            yield f"Effect {said}; it is Allow or Deny."
        yield from self.one_of(statement, "Action", "NotAction")
        if self.kind == "trust":
            yield from self.one_of(statement, "Principal", "NotPrincipal")
            for element in {"Resource", "NotResource"} & set(statement):
                yield f"{element} is not allowed in a trust policy; the role itself is the resource."
            yield from self.principals(statement)
        else:
            yield from self.one_of(statement, "Resource", "NotResource")
            for element in sorted({"Principal", "NotPrincipal"} & set(statement)):
                yield f"{element} is allowed in a trust policy only; this one says what its holder may do."
        for element in ("Action", "NotAction"):
            for pattern in listed(statement.get(element)):
                yield from self.action(element, pattern)
        for element in ("Resource", "NotResource"):
            for resource in listed(statement.get(element)):
                yield from self.arn(element, resource)
        yield from self.conditions(statement)
        yield from self.width(statement, denies)

    def one_of(self, statement: dict[str, t.Any], one: str, other: str) -> t.Iterator[str]:
        given = [name for name in (one, other) if name in statement]
        if len(given) != 1:
            yield f"{one} and {other} are both there; one is allowed." if given else f"{one} is missing."
        elif not listed(statement[given[0]]):
            yield f"{given[0]} is empty; at least one is needed."

    def action(self, element: str, pattern: t.Any) -> t.Iterator[str]:
        if pattern in ("*", "*:*"):
            if self.kind == "trust":
                yield f"{element} {pattern!r} is not allowed in a trust policy; allowed are actions of sts."
            return
        if not isinstance(pattern, str) or not re.fullmatch(r"[A-Za-z0-9-]+:[A-Za-z0-9*?]+", pattern):
            yield f"{element} {pattern!r} is not of the form service:Action, such as ec2:DescribeInstances."
            return
        prefix = pattern.partition(":")[0].lower()
        if self.kind == "trust" and prefix != "sts":
            yield f"{element} {pattern!r} is not allowed in a trust policy; allowed are actions of sts."
        elif prefix not in services():
            yield f"{element} {pattern!r}: AWS has no service {prefix!r}{near(prefix, services())}."
        elif not matching(pattern):
            said = "matches no action of" if set("*?") & set(pattern) else "is not an action of"
            names = [f"{prefix}:{name}" for name in actions(prefix)]
            yield f"{element} {pattern!r} {said} {prefix}{near(pattern, names)}."

    def arn(self, element: str, value: t.Any) -> t.Iterator[str]:
        if value == "*" or (isinstance(value, str) and KNOWN_AFTER_APPLY in value):
            return
        form = "arn:partition:service:region:account:resource"
        # a variable, such as ${aws:PrincipalAccount}, has a colon of its own
        parts = re.split(r":(?![^${]*\})", value, maxsplit=5) if isinstance(value, str) else []
        if len(parts) < 6 or parts[0] != "arn" or not parts[5]:
            yield f"{element} {value!r} is neither * nor of the form {form}."
            return
        _arn, partition, service, region, account, resource = parts
        if not PARTITION.fullmatch(partition):
            yield f"{element} {value!r}: {partition!r} is not a partition, such as aws or aws-cn."
        if not re.fullmatch(r"[a-z0-9*?-]+", service):
            yield f"{element} {value!r}: {service!r} is not a service of the form {form}."
        if not REGION.fullmatch(region):
            yield f"{element} {value!r}: {region!r} is not a region, such as ap-southeast-2."
        if not ACCOUNT.fullmatch(account):
            yield f"{element} {value!r}: {account!r} is not an account, 12 digits."
        if service == "iam" and region:
            yield f"{element} {value!r}: IAM has no regions; the place of the region is empty."
        if service == "iam" and not IAM_RESOURCE.fullmatch(resource):
            yield f"{element} {value!r}: {resource!r} is not of IAM's form, such as user/NAME or role/NAME."

    def principals(self, statement: dict[str, t.Any]) -> t.Iterator[str]:
        for element in ("Principal", "NotPrincipal"):
            given = statement.get(element)
            if given is None:
                continue
            if given != "*" and not isinstance(given, dict):
                yield f"{element} {given!r} is neither * nor an object such as {{'Service': 'ec2.amazonaws.com'}}."
                continue
            for kind, values in ({"AWS": "*"} if given == "*" else given).items():
                if kind not in ("AWS", "Service", "Federated", "CanonicalUser"):
                    yield f"{element}: {kind!r} is not a kind of principal; allowed are AWS, Service and Federated."
                    continue
                for value in listed(values):
                    yield from self.principal(element, kind, value)
        if statement.get("Effect") == "Allow":
            if "NotPrincipal" in statement:
                yield "NotPrincipal with Allow lets in everybody else on AWS; name who is let in."
            elif not statement.get("Condition") and is_anybody(statement.get("Principal")):
                yield "Principal '*' without a Condition lets in everybody on AWS; name who is let in."

    def principal(self, element: str, kind: str, value: t.Any) -> t.Iterator[str]:
        if isinstance(value, str) and KNOWN_AFTER_APPLY in value:
            return
        if kind == "AWS" and value != "*" and not re.fullmatch(r"\d{12}|A[A-Z0-9]{20}", str(value)):
            allowed = "an account, 12 digits, or an ARN of IAM's or STS's, such as arn:aws:iam::123456789012:root"
            if not re.fullmatch(r"arn:[^:]+:(iam|sts)::\d{12}:[^*?]+", str(value)):
                yield f"{element} {kind} {value!r} is not {allowed}."
            else:
                yield from self.arn(element, value) if ":iam:" in value else ()
        if kind == "Service" and not re.fullmatch(
            r"[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal)", str(value)
        ):
            yield f"{element} {kind} {value!r} is not a service's name, such as ec2.amazonaws.com."

    def conditions(self, statement: dict[str, t.Any]) -> t.Iterator[str]:
        given = statement.get("Condition")
        if given is None:
            return
        if not isinstance(given, dict):
            yield f"Condition is {type(given).__name__}, not an object of operators."
            return
        for operator, keys in given.items():
            plain = re.sub(r"^(ForAllValues|ForAnyValue):", "", str(operator))
            base = plain.removesuffix("IfExists") if plain != "NullIfExists" else plain
            if base not in OPERATORS:
                yield f"Condition: {operator!r} is not an operator of AWS{near(base, OPERATORS)}."
            if not isinstance(keys, dict) or not keys:
                yield f"Condition {operator}: it needs an object of condition keys and what they are compared with."
                continue
            for key, values in keys.items():
                yield from self.key(statement, str(key))
                yield from self.compared(operator, base, str(key), values)

    def key(self, statement: dict[str, t.Any], key: str) -> t.Iterator[str]:
        # an identity provider's keys begin with its host name, whatever that is
        if self.kind == "trust" and re.match(r"[^:/]+\.[^:]+:", key):
            return
        patterns = [str(pattern) for pattern in listed(statement.get("Action"))]
        prefixes = {pattern.partition(":")[0].lower() for pattern in patterns}
        # actions by exclusion or by a star are of all services; what keys a service has that is none, nobody knows
        some = prefixes if prefixes and "NotAction" not in statement and prefixes <= services() else None
        if not is_condition_key(key, some):
            whose = "AWS" if some is None else ", ".join(sorted(prefixes))
            also = "" if some is None else " and is not a global one"
            yield f"Condition: {key!r} is not a condition key of {whose}{also}."

    def compared(self, operator: str, base: str, key: str, values: t.Any) -> t.Iterator[str]:
        if not listed(values):
            yield f"Condition {operator}: {key} is compared with nothing; at least one value is needed."
        if key.lower() in ADDRESS_KEYS and base in OPERATORS and base not in ("IpAddress", "NotIpAddress", "Null"):
            yield f"Condition {operator}: {key} is an address, which only IpAddress and NotIpAddress compare."
        for value in listed(values):
            if isinstance(value, str) and ("${" in value or KNOWN_AFTER_APPLY in value):
                continue
            wanted = OPERATORS.get(base, ANY)
            if isinstance(value, (dict, list)) or not fits(wanted, value):
                yield f"Condition {operator}: {key} is compared with {value!r}, which is not {wanted}."

    def width(self, statement: dict[str, t.Any], denies: bool) -> t.Iterator[str]:
        if statement.get("Effect") != "Allow" or self.break_glass:
            return
        if "NotAction" in statement:
            yield "NotAction with Allow allows every other action, those that AWS adds later too; name the actions."
        # a boundary grants nothing; next to what it denies, the star is what is left
        if self.kind == "trust" or (self.kind == "boundary" and denies):
            return
        resources = listed(statement.get("Resource"))
        if everything(listed(statement.get("Action"))) and (everything(resources) or "NotResource" in statement):
            yield "Action '*' with Resource '*' is allowed to the break-glass role only; name the actions."


def is_anybody(principal: t.Any) -> bool:
    """Whether a Principal is everybody on AWS."""
    return principal == "*" or (isinstance(principal, dict) and "*" in listed(principal.get("AWS")))


def fits(wanted: str, value: t.Any) -> bool:
    """Whether a value is of the kind that an operator compares with."""
    text = str(value)
    if wanted == BOOL:
        return text.lower() in ("true", "false")
    if wanted == NUMBER:
        return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None
    try:
        if wanted == ADDRESS:
            ipaddress.ip_network(text, strict=False)
        elif wanted == DATE and not re.fullmatch(r"\d+", text):
            datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return False
    return True
