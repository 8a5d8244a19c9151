# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DNS names and record values in one normal form, whichever way people and Route 53 write them.

The normal form of a name is lower case, without the dot at its end, international labels in their ASCII form (IDNA
2003, Python's own codec) and nothing escaped; :func:`escaped` is how Route 53 wants it.
"""

from __future__ import annotations

import ipaddress
import re

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import KNOWN_AFTER_APPLY, InputError

CHUNK = 255
"""Bytes that one character string of a TXT value may hold."""

TARGET_LAST = {"CNAME", "NS", "PTR", "MX", "SRV"}
"""Types whose value ends with a host name."""
HEX_LAST = {"DS", "TLSA", "SSHFP"}
TEXT = {"TXT", "SPF"}
TYPES = (
    "A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB",
    "TLSA", "TXT",
)  # fmt: skip
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_.*")


def normal(name: str, variable: str = "name") -> str:
    """A domain name in normal form; :class:`InputError` when it is none."""
    if KNOWN_AFTER_APPLY in name:
        return name.lower().rstrip(".")
    bare = unescaped(name.strip())
    bare = bare[:-1] if bare.endswith(".") else bare
    labels = []
    for label in bare.split("."):
        try:
            text = label if label.isascii() else label.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise InputError(f"{variable}: {name!r} is not a domain name: {error}.") from None
        if not 0 < len(text) <= 63:
            raise InputError(f"{variable}: {name!r} has a label of {len(text)} characters; DNS allows 1 to 63.")
        labels.append(text.lower())
    result = ".".join(labels)
    if len(result) > 253:
        raise InputError(f"{variable}: {name[:40]!r}... has {len(result)} characters; DNS allows 253.")
    return result


def unescaped(name: str) -> str:
    """A name with Route 53's octal escapes (``\\052`` for an asterisk) resolved."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), name)


def escaped(name: str) -> str:
    """A normal name as Route 53 takes it: a dot at its end, octal escapes for unusual characters."""
    return "".join(chr(b) if b in PLAIN else f"\\{b:03o}" for b in name.encode("latin-1", "replace")) + "."


def within(name: str, zone: str) -> bool:
    """Whether a normal name is a zone's apex or below it."""
    return name == zone or name.endswith(f".{zone}")


def absolute(name: str, zone: str, variable: str) -> str:
    """A declared record name in normal form: ``@`` is the apex; a name without its zone is taken as below it.

    A name with a dot at its end is complete as it is, and has to lie in the zone.
    """
    if name in ("@", ""):
        return zone
    full = normal(name, variable)
    if within(full, zone):
        return full
    if name.endswith("."):
        raise InputError(f"{variable}: {name!r} lies outside its zone {zone}.")
    return normal(f"{full}.{zone}", variable)


def shown(name: str, record_type: str, identifier: str | None = None) -> str:
    """What a record is called in plans, results and ``ignore``."""
    return f"{name} {record_type}" + (f" [{identifier}]" if identifier else "")


def text_bytes(value: str) -> bytes:
    """What a TXT value says, be it plain text or character strings in quotes with escapes."""
    if not value.lstrip().startswith('"'):
        return value.encode()
    said = b""
    for chunk in re.findall(r'"((?:[^"\\]|\\.)*)"', value, re.DOTALL):
        for octal, literal, plain in re.findall(r"\\([0-7]{3})|\\(.)|([^\\])", chunk, re.DOTALL):
            said += bytes([int(octal, 8) & 0xFF]) if octal else (literal or plain).encode()
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
        return quoted(text_bytes(value))
    parts = value.split()
    if not parts:
        raise InputError(f"{variable}: an empty value is not allowed in a {record_type} record.")
    if record_type in ("A", "AAAA"):
        family, kind = (ipaddress.IPv4Address, "IPv4") if record_type == "A" else (ipaddress.IPv6Address, "IPv6")
        try:
            return str(family(value.strip()))
        except ValueError:
            raise InputError(
                f"{variable}: {value!r} is not an {kind} address, which a {record_type} record holds."
            ) from None
    if record_type in TARGET_LAST:
        numbers = {"MX": 1, "SRV": 3}.get(record_type, 0)
        if len(parts) != numbers + 1 or not all(part.isdigit() and int(part) < 65536 for part in parts[:-1]):
            form = {"MX": "PRIORITY HOST", "SRV": "PRIORITY WEIGHT PORT HOST"}.get(record_type, "HOST")
            raise InputError(f"{variable}: {value!r} is not of the form {form}, which a {record_type} record has.")
        host = "." if parts[-1] == "." else escaped(normal(parts[-1], variable))
        return " ".join([*(str(int(part)) for part in parts[:-1]), host])
    if record_type in HEX_LAST:
        if len(parts) < 3:
            raise InputError(f"{variable}: {value!r} has too few fields for a {record_type} record.")
        fields = 3 if record_type != "SSHFP" else 2
        return " ".join([*parts[:fields], "".join(parts[fields:]).upper()])
    if record_type == "CAA":
        found = re.fullmatch(r'(\d{1,3})\s+([A-Za-z0-9]+)\s+"?([^"]*)"?', value.strip())
        if not found:
            raise InputError(f"{variable}: {value!r} is not of the form FLAGS TAG VALUE, which a CAA record has.")
        return f'{int(found.group(1))} {found.group(2).lower()} "{found.group(3)}"'
    return " ".join(parts)
