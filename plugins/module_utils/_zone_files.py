# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DNS records for people who keep their zones elsewhere: for each of them a zone-file snippet and a CSV."""

from __future__ import annotations

import csv
import io
import os
import pathlib
import re
import tempfile
import typing as t

try:
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype
    import dns.rrset
except ImportError:  # rendered says what is missing
    dns = None

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import (
    escaped,
    normal,
    normal_value,
    text_bytes,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    DELETE,
    InputError,
    Plan,
    compare,
    known,
)

KIND = "zone_file"
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
DEFAULT_TTL = 300
COLUMNS = ("name", "type", "ttl", "value")
MARK = "Records for "
"""How a snippet of ours begins, behind the semicolon: only such a pair is ever removed."""

Item = t.Mapping[str, t.Any]


def rows_of(name: str, records: t.Sequence[Item]) -> list[tuple[str, str, int, str]]:
    """A file's records in normal form, one value each: name with a dot at its end, type, TTL, value."""
    rows = []
    for record in records:
        where = f"files: {name}: {record['name']} {record['type']}"
        ttl = DEFAULT_TTL if record.get("ttl") is None else record["ttl"]
        owner = escaped(normal(record["name"], where)) if known(record["name"]) else record["name"]
        for value in record["values"]:
            rows.append((owner, record["type"], ttl, normal_value(record["type"], value, where)))
    return sorted(rows)


def snippet(name: str, rows: t.Sequence[tuple[str, str, int, str]]) -> str:
    """The records as a zone file has them; dnspython writes them, so what cannot be parsed cannot be written."""
    if dns is None:
        raise InputError("files: the Python package dnspython is not there, and is needed to write zone files.")
    lines = [f"; {MARK}{name}. Enter them in the zone of each domain; the names are complete."]
    for owner, kind, ttl, value in rows:
        try:
            rdata = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(kind), value)
            lines.append(dns.rrset.from_rdata(dns.name.from_text(owner), ttl, rdata).to_text())
        except dns.exception.DNSException as error:
            raise InputError(f"files: {name}: {owner} {kind}: {value!r} cannot be written ({error}).") from error
    return "\n".join(lines) + "\n"


def table(rows: t.Sequence[tuple[str, str, int, str]]) -> str:
    """The records as CSV; a text stands as it is read, not in the quotes and pieces of a zone file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for owner, kind, ttl, value in rows:
        writer.writerow((owner.rstrip("."), kind, ttl, text_bytes(value).decode() if kind == "TXT" else value))
    return out.getvalue()


def desired(files: t.Sequence[Item]) -> dict[str, list[tuple[str, str, int, str]]]:
    """The wanted files' rows by name."""
    wanted: dict[str, list[tuple[str, str, int, str]]] = {}
    lower: set[str] = set()
    for item in files:
        name = item["name"]
        if not NAME.fullmatch(name):
            raise InputError(
                f"files: name {name!r} is not allowed; it has 1 to 64 letters, digits, underscores and hyphens."
            )
        if name.lower() in lower:
            raise InputError(f"files: name {name!r} is there twice; each name is allowed once.")
        lower.add(name.lower())
        wanted[name] = rows_of(name, item["records"])
    return wanted


def observed(directory: pathlib.Path) -> dict[str, tuple[str, str]]:
    """The pairs that are there, each as (snippet, CSV); what does not begin as ours do is not looked at."""
    found = {}
    for path in sorted(directory.glob("*.zone")) if directory.is_dir() else []:
        text = path.read_text(encoding="utf-8", errors="replace")
        if text.startswith(f"; {MARK}{path.stem}."):
            other = path.with_suffix(".csv")
            found[path.stem] = (text, other.read_text(encoding="utf-8", errors="replace") if other.is_file() else "")
    return found


def write(path: pathlib.Path, text: str) -> None:
    """Write a file as a whole or not at all, so that nobody sees half of one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    # DNS records are no secret; the operator's umask does not count in a temporary file
    os.chmod(name, 0o644)
    os.replace(name, path)


def plan(
    wanted: t.Mapping[str, list[tuple[str, str, int, str]]],
    present: t.Mapping[str, tuple[str, str]],
    rendered: t.Mapping[str, tuple[str, str]],
    purge: bool,
) -> Plan:
    """Pairs are compared as they are written; what is shown of them is the records.

    :arg rendered: the pairs of those whose records are all known; another differs from whatever is there.
    """

    def lines(pair: tuple[str, str]) -> list[str]:
        return pair[0].splitlines()[1:]

    after, before = {}, {}
    for name, rows in wanted.items():
        shown = lines(rendered[name]) if name in rendered else [" ".join(map(str, row)) for row in rows]
        after[name] = {"records": shown}
        if name in present:
            same = rendered.get(name) == present[name]
            before[name] = after[name] if same else {"records": lines(present[name])}
            if not same and before[name] == after[name]:
                # the CSV alone is missing or was changed
                before[name] = {"records": None}
    before |= {name: {"records": lines(pair)} for name, pair in present.items() if name not in wanted}
    return compare(KIND, after, before, purge=purge)


def work(module) -> tuple[Plan, dict[str, t.Any]]:
    """The ``zone_files`` module: render, compare with the directory, write unless in check mode."""
    options = module.params
    wanted = desired(options["files"])
    directory = pathlib.Path(options["path"])
    if directory.exists() and not directory.is_dir():
        raise InputError(f"path: {options['path']!r} is not a directory; give one, or a name that is free.")
    rendered = {name: (snippet(name, rows), table(rows)) for name, rows in wanted.items() if known(rows)}
    unknown = sorted(wanted.keys() - rendered.keys())
    if unknown and not module.check_mode:
        raise InputError(f"files: {unknown[0]}: what is not known yet is allowed only in check mode.")
    planned = plan(wanted, observed(directory), rendered, options["purge"])
    if planned and not module.check_mode:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for action in planned:
                zone, other = directory / f"{action.name}.zone", directory / f"{action.name}.csv"
                if action.verb == DELETE:
                    # the snippet says that the pair is ours, so it goes last
                    other.unlink(missing_ok=True)
                    zone.unlink(missing_ok=True)
                else:
                    write(other, rendered[action.name][1])
                    write(zone, rendered[action.name][0])
        except OSError as error:
            raise InputError(
                f"path: {options['path']!r} cannot be written to ({error.strerror}); it has to be a directory of yours."
            ) from error
    return planned, {"files": {name: str(directory / f"{name}.zone") for name in sorted(wanted)}}
