# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DNS names and record values in one normal form, whichever way people and Route 53 write them.

The normal form of a name is lower case, without the dot at its end, international labels in their ASCII form (IDNA
2003, Python's own codec, so that nothing has to be installed), and octal escapes only for what is no printable ASCII
character. :func:`escaped` is how Route 53 wants it.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import KNOWN_AFTER_APPLY, InputError

CHUNK = 255
"""Bytes that one character string of a TXT value may hold."""
TEXT_LONGEST = 4000
"""Characters that Route 53 takes in one TXT value, quotes and escapes included."""

TEXT = {"TXT", "SPF"}
TYPES = (
    "A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB",
    "TLSA", "TXT",
)  # fmt: skip
FORMS = {
    "CNAME": "HOST",
    "NS": "HOST",
    "PTR": "HOST",
    "MX": "PRIORITY HOST",
    "SRV": "PRIORITY WEIGHT PORT HOST",
    "NAPTR": 'ORDER PREFERENCE "FLAGS" "SERVICE" "REGEXP" HOST',
    "SVCB": "PRIORITY HOST [PARAMETER...]",
    "HTTPS": "PRIORITY HOST [PARAMETER...]",
    "CAA": 'FLAGS TAG "VALUE"',
    "DS": "TAG ALGORITHM DIGEST_TYPE DIGEST",
    "TLSA": "USAGE SELECTOR MATCHING_TYPE DATA",
    "SSHFP": "ALGORITHM TYPE FINGERPRINT",
}
"""What a value looks like: HOST is a domain name, the last field of DS, TLSA and SSHFP is hexadecimal."""
STRING = r'"(?:[^"\\]|\\.)*"'
ESCAPE = r"\\[0-3][0-7]{2}"
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_*")
HOST_NAME = re.compile(r"((?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?=[a-z])[a-z0-9-]{2,63}(?<!-)")


def normal(name: str, variable: str = "name") -> str:
    """A domain name in normal form; :class:`InputError` when it is none."""
    if KNOWN_AFTER_APPLY in name:
        return name.lower().rstrip(".")
    # the dots of other scripts separate labels too (IDNA)
    bare = re.sub("[\u3002\uff0e\uff61]", ".", _tidy_escapes(name.strip()))
    bare = bare[:-1] if bare.endswith(".") else bare
    labels = [_label(label, name, variable) for label in bare.split(".")]
    result = ".".join(labels)
    if _length(result) > 253:
        raise InputError(f"{variable}: {name[:40]!r}... has {_length(result)} characters; DNS allows 253.")
    return result


def _label(label: str, name: str, variable: str) -> str:
    try:
        text = label if label.isascii() else label.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise InputError(f"{variable}: {name!r} is not a domain name: {error}.") from None
    if not 0 < _length(text) <= 63:
        raise InputError(f"{variable}: {name!r} has a label of {_length(text)} characters; DNS allows 1 to 63.")
    return text.lower()


def _length(text: str) -> int:
    return len(re.sub(ESCAPE, "x", text))


def _tidy_escapes(name: str) -> str:
    """Octal escapes only where they are needed: ``\\052`` is an asterisk, and a space is ``\\040``."""

    def tidy(found: re.Match) -> str:
        text = found.group()
        code = int(text[1:], 8) if len(text) == 4 else ord(text)
        needed = code <= 0x20 or code == 0x7F or chr(code) == "\\" or (len(text) == 4 and (code > 0x7F or code == 0x2E))
        return f"\\{code:03o}" if needed else chr(code)

    return re.sub(rf"{ESCAPE}|[\x00-\x20\x7f\\]", tidy, name)


def is_host_name(name: str) -> bool:
    """Whether a normal name is one that hosts, mail and certificates can have: letters, digits and hyphens."""
    return len(name) <= 253 and HOST_NAME.fullmatch(name) is not None


def escaped(name: str) -> str:
    """A normal name as Route 53 takes it: a dot at its end, octal escapes for unusual characters."""

    def escape(found: re.Match) -> str:
        text = found.group()
        return text if len(text) == 4 or text in PLAIN or text == "." else f"\\{ord(text):03o}"

    return re.sub(rf"{ESCAPE}|.", escape, name) + "."


def within(name: str, zone: str) -> bool:
    """Whether a normal name is a zone's apex or below it."""
    return name == zone or name.endswith(f".{zone}")


def in_zones(names: t.Iterable[str], zones: t.Iterable[str]) -> list[str]:
    """Those of the normal names that lie in one of the zones, sorted."""
    apexes = [normal(zone) for zone in zones]
    return sorted(name for name in names if any(within(name, apex) for apex in apexes))


def absolute(name: str, zone: str, variable: str) -> str:
    """A declared record name in normal form: ``@`` is the apex; a name without its zone is taken as below it.

    A name with a dot at its end is complete as it is, and has to lie in the zone.
    """
    if name in ("@", ""):
        return zone
    full = normal(name, variable)
    if within(full, zone):
        return full
    if name.strip().endswith("."):
        raise InputError(f"{variable}: {name!r} lies outside its zone {zone}.")
    return normal(f"{full}.{zone}", variable)


def shown(name: str, record_type: str, identifier: str | None = None) -> str:
    """What a record is called in plans, results and ``ignore``."""
    return f"{name} {record_type}" + (f" [{identifier}]" if identifier else "")


def text_bytes(value: str, variable: str = "values") -> bytes:
    """What a TXT value says, be it plain text or character strings in quotes with escapes."""
    if not value.lstrip().startswith('"'):
        return value.encode()
    if not re.fullmatch(rf"\s*(?:{STRING}\s*)+", value, re.DOTALL):
        raise InputError(
            f"{variable}: {value!r} begins with a quote but is not a sequence of strings in quotes; give plain text, "
            "or quote all of it."
        )
    said = b""
    for chunk in re.findall(STRING, value, re.DOTALL):
        for octal, literal, plain in re.findall(r"\\([0-3][0-7]{2})|\\(.)|([^\\])", chunk[1:-1], re.DOTALL):
            said += bytes([int(octal, 8)]) if octal else (literal or plain).encode()
    return said


def quoted(said: bytes) -> str:
    """Bytes as character strings of at most 255 bytes, as Route 53 takes them."""

    def string(chunk: bytes) -> str:
        special = {ord('"'): '\\"', ord("\\"): "\\\\"}
        return '"' + "".join(special.get(b, chr(b) if 0x20 <= b < 0x7F else f"\\{b:03o}") for b in chunk) + '"'

    return " ".join(string(said[i : i + CHUNK]) for i in range(0, max(len(said), 1), CHUNK))


def normal_value(record_type: str, value: str, variable: str = "values") -> str:
    """A record's value in normal form; :class:`InputError` when it cannot be one of the type."""
    if KNOWN_AFTER_APPLY in value:
        return value
    if record_type in TEXT:
        text = quoted(text_bytes(value, variable))
        if len(text) > TEXT_LONGEST:
            raise InputError(
                f"{variable}: a {record_type} value that begins with {value[:40]!r} has {len(text)} characters when "
                f"quoted; Route 53 allows {TEXT_LONGEST}."
            )
        return text
    if record_type in ("A", "AAAA"):
        return _address(record_type, value, variable)
    parts = re.findall(rf"(?:{STRING}|\S)+", value)
    if record_type not in FORMS:
        if not parts:
            raise InputError(f"{variable}: an empty value is not allowed in a {record_type} record.")
        return " ".join(parts)
    fields = _fields(record_type, parts, variable)
    if fields is None:
        raise InputError(
            f"{variable}: {value!r} is not of the form {FORMS[record_type]}, which a {record_type} record has."
        )
    return " ".join(fields)


def _address(record_type: str, value: str, variable: str) -> str:
    family, kind = (ipaddress.IPv4Address, "IPv4") if record_type == "A" else (ipaddress.IPv6Address, "IPv6")
    try:
        return str(family(value.strip()))
    except ValueError:
        raise InputError(
            f"{variable}: {value!r} is not an {kind} address, which a {record_type} record holds."
        ) from None


def _host(text: str, variable: str) -> str:
    return "." if text == "." else escaped(normal(text, variable))


def _numbers(parts: t.Sequence[str]) -> list[str] | None:
    """Numbers without leading zeros; None when one is no number of 16 bits."""
    if not all(part.isascii() and part.isdigit() and int(part) < 65536 for part in parts):
        return None
    return [str(int(part)) for part in parts]


def _fields(record_type: str, parts: list[str], variable: str) -> list[str] | None:
    """A value's fields in normal form; None when they are not what :data:`FORMS` says."""
    form = FORMS[record_type].split()
    if record_type in ("DS", "TLSA", "SSHFP"):
        count = len(form) - 1
        numbers, data = _numbers(parts[:count]), "".join(parts[count:]).upper()
        return [*numbers, data] if numbers and re.fullmatch("[0-9A-F]+", data) else None
    if record_type in ("SVCB", "HTTPS"):
        numbers = _numbers(parts[:1]) if len(parts) > 1 else None
        return [*numbers, _host(parts[1], variable), *parts[2:]] if numbers else None
    if len(parts) != len(form):
        return None
    if record_type == "CAA":
        numbers, text = _numbers(parts[:1]), parts[2].strip('"')
        good = numbers and int(numbers[0]) < 256 and parts[1].isalnum() and '"' not in text
        return [*numbers, parts[1].lower(), f'"{text}"'] if good else None
    if record_type == "NAPTR":
        numbers = _numbers(parts[:2])
        quotes = all(re.fullmatch(STRING, part) for part in parts[2:5])
        return [*numbers, *parts[2:5], _host(parts[5], variable)] if numbers and quotes else None
    numbers = _numbers(parts[:-1])
    return None if numbers is None else [*numbers, _host(parts[-1], variable)]
