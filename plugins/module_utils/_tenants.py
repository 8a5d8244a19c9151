# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tenants as their operators list them, in CSV, YAML or a DynamoDB table, checked as a whole.

Every row knows its place (a file's line, a table's key), and every problem is one sentence that begins with it.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
import typing as t

try:
    import yaml
except ImportError:  # read_yaml says what is missing
    yaml = None

try:
    from boto3.dynamodb.types import TypeDeserializer
except ImportError:  # AnsibleAWSModule says what is missing
    TypeDeserializer = None

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import pages
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._mail_domains import (
    LABEL,
    MAX_TAGS,
    domain_name,
    public_suffixes,
    tenant_name,
    validate_mail,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError

NEEDED = ("name", "domains")
FIELDS = (
    *NEEDED,
    "state",
    "friendly",
    "configuration_set",
    "dkim_selector",
    "dkim_secret",
    "mail_from",
    "on_mx_failure",
    "dmarc",
    "tags",
)
STATES = ("active", "suspended", "leaving")
NONE = "-"
"""What says that a tenant has none of what it would have by default."""
FRIENDLY_TTL = 300


class Row(t.NamedTuple):
    """A tenant as it is written, with the place where it is."""

    place: str
    fields: dict[str, t.Any]


Problems = list[str]


# --- files ----------------------------------------------------------------------------------------------------------


def text_of(data: bytes, file: str) -> str:
    """A file's text; :class:`InputError` names the line and byte of what is not UTF-8 (its byte-order mark is)."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(
            f"{file} line 1: the file begins with the bytes {data[:2].hex(' ')}, so it is UTF-16; save it as UTF-8."
        )
    if b"\0" in data:
        line, column = position(data, data.index(b"\0"))
        raise InputError(
            f"{file} line {line}: byte {column} of the line is 00, which no text in UTF-8 has; save it as UTF-8."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = position(data, error.start)
        raise InputError(
            f"{file} line {line}: byte {column} of the line is {data[error.start]:02x}, which is not UTF-8 but some "
            "other encoding such as Latin-1 or Windows-1252; save the file as UTF-8."
        ) from None


def position(data: bytes, offset: int) -> tuple[int, int]:
    """The line and the byte in the line, both from 1, of an offset."""
    before = data[:offset]
    return before.count(b"\n") + 1, offset - (before.rfind(b"\n") + 1) + 1


def near(word: str) -> str:
    """The fields that a misspelt one may mean."""
    found = difflib.get_close_matches(word, FIELDS, n=1)
    return f"did you mean {found[0]}?" if found else f"those are {', '.join(FIELDS)}."


def read_csv(data: bytes, file: str) -> tuple[list[Row], Problems]:
    """The rows of a CSV file with a header."""
    text = text_of(data, file)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    problems: Problems = []
    header: list[str] | None = None
    before = 0
    try:
        for cells in reader:
            # a cell in quotes may hold line ends: the row begins where the one before ended
            place, before = f"{file} line {before + 1}", reader.line_num
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if header is None:
                header = checked_header([cell.lower() for cell in cells], place)
            elif len(cells) != len(header):
                problems.append(
                    f"{place}: it has {len(cells)} cells, but the header has {len(header)} columns; a cell with a "
                    "comma in it stands in quotes."
                )
            else:
                rows.append(Row(place, csv_fields(dict(zip(header, cells)), place, problems)))
    except csv.Error as error:
        problems.append(f"{file} line {max(reader.line_num, 1)}: it is not CSV ({error}).")
    if header is None and not problems:
        raise InputError(f"{file} line 1: the file is empty; its first line names the columns, such as name,domains.")
    return rows, problems


def checked_header(columns: list[str], place: str) -> list[str]:
    for separator, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(columns) == 1 and separator in columns[0]:
            raise InputError(f"{place}: the columns are separated by {called}; commas are needed.")
    for column in columns:
        if column not in FIELDS:
            raise InputError(
                f"{place}: the header has a column {column!r}, which is not one of a tenant; {near(column)}"
            )
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise InputError(f"{place}: the header has the column {twice[0]!r} twice; each is allowed once.")
    missing = [column for column in NEEDED if column not in columns]
    if missing:
        raise InputError(f"{place}: the header has no column {missing[0]!r}; name and domains are needed.")
    return columns


def csv_fields(cells: dict[str, str], place: str, problems: Problems) -> dict[str, t.Any]:
    """A row's fields; an empty cell is a field that is not given."""
    fields: dict[str, t.Any] = {column: cell for column, cell in cells.items() if cell}
    if "tags" in fields:
        parts = [part.strip() for part in fields["tags"].split(";") if part.strip()]
        for part in parts:
            if "=" not in part:
                problems.append(
                    f"{place}: tags {part!r} is not of the form key=value; several are separated by semicolons."
                )
        fields["tags"] = {key.strip(): value.strip() for key, _is, value in (part.partition("=") for part in parts)}
    return fields


def read_yaml(data: bytes, file: str) -> tuple[list[Row], Problems]:
    """The rows of a YAML (or JSON) file: a list of tenants, or a mapping whose key ``tenants`` has it."""
    if yaml is None:
        raise InputError("source: the Python package PyYAML is not there, and is needed to read YAML.")
    loader = yaml.SafeLoader(text_of(data, file))
    try:
        top = loader.get_single_node()
        if isinstance(top, yaml.MappingNode):
            top = next((value for key, value in top.value if key.value == "tenants"), top)
        if top is None or (isinstance(top, yaml.ScalarNode) and not top.value):
            return [], []
        if not isinstance(top, yaml.SequenceNode):
            line = top.start_mark.line + 1
            raise InputError(
                f"{file} line {line}: it is not a list of tenants; each begins with a hyphen, as in '- name: acme'."
            )
        rows: list[Row] = []
        problems: Problems = []
        for node in top.value:
            place = f"{file} line {node.start_mark.line + 1}"
            if not isinstance(node, yaml.MappingNode):
                problems.append(f"{place}: it is not a tenant; one has fields, as in '- name: acme'.")
                continue
            keys = [key.value for key, _value in node.value]
            twice = sorted({str(key) for key in keys if keys.count(key) > 1})
            if twice:
                problems.append(f"{place}: {twice[0]} is there twice; each field is allowed once.")
            rows.append(Row(place, loader.construct_mapping(node, deep=True)))
        return rows, problems
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{file} line {mark.line + 1 if mark else 1}: it is not YAML: {what}.") from None
    finally:
        loader.dispose()


def read_table(dynamodb, table: str) -> tuple[list[Row], Problems]:
    """The items of a DynamoDB table; attributes that are no field of a tenant are the application's own."""
    keys = [key["AttributeName"] for key in dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]
    deserialize = TypeDeserializer().deserialize
    rows = []
    # what the application wrote a moment ago counts
    for item in pages(dynamodb, "scan", "Items", TableName=table, ConsistentRead=True):
        values = {name: deserialize(value) for name, value in item.items()}
        key = ", ".join(f"{name}={values[name]}" for name in keys)
        fields = {name: sorted(value) if isinstance(value, set) else value for name, value in values.items()}
        rows.append(Row(f"table {table} item {key}", {name: fields[name] for name in FIELDS if name in fields}))
    return sorted(rows, key=lambda row: row.place), []


# --- meaning --------------------------------------------------------------------------------------------------------


class Defaults(t.NamedTuple):
    """What a tenant has that does not say otherwise; empty for none."""

    configuration_set: str = ""
    mail_from: str = "mail"
    on_mx_failure: str = "use_default"
    dmarc: str = "v=DMARC1; p=none"
    friendly_zone: str = ""
    friendly_target: str = ""


class Tenants:
    """The tenants of a source, and what is wrong with it."""

    def __init__(self, platform: str, defaults: Defaults) -> None:
        self.platform, self.defaults, self.suffixes = platform, defaults, public_suffixes()
        self.problems: Problems = []
        self.tenants: dict[str, dict[str, t.Any]] = {}
        self.domains: list[dict[str, t.Any]] = []
        self.records: list[dict[str, t.Any]] = []
        self.names: dict[str, str] = {}
        self.domain_places: dict[str, tuple[str, str]] = {}
        self.labels: dict[str, tuple[str, str]] = {}

    def refuse(self, check: t.Callable[..., t.Any], *arguments: t.Any) -> t.Any:
        """What a check gives; None, and a problem more, when it refuses."""
        try:
            return check(*arguments)
        except InputError as error:
            self.problems.append(str(error))
            return None

    def add(self, row: Row) -> None:
        """Take a row, or say what is wrong with it."""
        before = len(self.problems)
        place, fields = row.place, self.texts(row)
        name = fields.get("name") or ""
        if not name and len(self.problems) == before:
            self.problems.append(f"{place}: name is missing; every tenant has one.")
        allowed = True
        if name:
            self.refuse(tenant_name, name, self.platform, f"{place}: name")
            allowed = len(self.problems) == before
            first = self.names.setdefault(name.lower(), place)
            if first != place:
                self.problems.append(f"{place}: name {name!r} is at {first} already; each tenant is allowed once.")
        state = fields.get("state") or STATES[0]
        if state not in STATES:
            self.problems.append(f"{place}: state {state!r} is not allowed; it is one of {', '.join(STATES)}.")
        domains = [self.domain(domain, name, place) for domain in self.listed(fields, place)]
        # a name that is none would make a label that is none
        label = self.label(fields, name, place) if allowed or fields.get("friendly") else None
        tags = self.tags(fields, place)
        wanted = [self.mail_domain(domain, name, state, fields, tags, place) for domain in domains if domain]
        for item in wanted[:1]:
            self.refuse(validate_mail, item, place)
        if len(self.problems) > before:
            return
        self.tenants[name] = {"state": state, "domains": domains, "friendly": label, "declared_at": place}
        if state == "leaving":
            return
        self.domains += wanted
        if label:
            target = self.defaults.friendly_target
            record = {"name": label, "type": "CNAME", "ttl": FRIENDLY_TTL, "values": [target], "owner": name}
            self.records.append(record)

    def texts(self, row: Row) -> dict[str, t.Any]:
        """A row's fields without those that are empty; each but domains and tags is a text."""
        fields = {}
        for key, value in row.fields.items():
            if key not in FIELDS:
                self.problems.append(f"{row.place}: {key!r} is not a field of a tenant; {near(str(key))}")
            elif value is None or value == "":
                continue
            elif key in ("domains", "tags") or isinstance(value, str):
                fields[key] = value.strip() if isinstance(value, str) else value
            else:
                self.problems.append(f"{row.place}: {key} {value!r} is not a text; put it in quotes.")
        return fields

    def listed(self, fields: t.Mapping[str, t.Any], place: str) -> list[str]:
        given = fields.get("domains") or []
        found = re.split(r"[\s;,]+", given) if isinstance(given, str) else given
        if not isinstance(found, list) or not all(isinstance(domain, str) for domain in found):
            self.problems.append(f"{place}: domains {given!r} is not a list of names; put each in quotes.")
            return []
        found = [domain for domain in found if domain]
        if not found and fields.get("state") != "leaving":
            self.problems.append(f"{place}: domains is missing; every tenant has at least one.")
        return found

    def domain(self, given: str, tenant: str, place: str) -> str | None:
        name = self.refuse(domain_name, given, f"{place}: domain", self.suffixes)
        if name is None:
            return None
        whose, where = self.domain_places.setdefault(name, (tenant, place))
        if where != place:
            self.problems.append(
                f"{place}: domain {given!r} is tenant {whose}'s at {where} already; a domain has one tenant."
            )
        return name

    def label(self, fields: t.Mapping[str, t.Any], name: str, place: str) -> str | None:
        """The tenant's name below the platform's domain; its own name unless it says otherwise."""
        zone, given = self.defaults.friendly_zone, fields.get("friendly")
        if not zone or given == NONE or not name:
            if given and given != NONE and not zone:
                self.problems.append(f"{place}: friendly {given!r} is given, but friendly_zone is not; leave it out.")
            return None
        label = (given or name).lower()
        if not LABEL.fullmatch(label):
            why = "" if given else ", as the tenant's name would be"
            self.problems.append(
                f"{place}: friendly {label!r} is not allowed{why}; it is one label of letters, digits and hyphens, or "
                "- for none."
            )
            return None
        whose, where = self.labels.setdefault(label, (name, place))
        if where != place:
            self.problems.append(
                f"{place}: friendly {label!r} is tenant {whose}'s at {where} already; each is allowed once."
            )
        return f"{label}.{zone}"

    def tags(self, fields: t.Mapping[str, t.Any], place: str) -> dict[str, str]:
        given = fields.get("tags") or {}
        if not isinstance(given, t.Mapping):
            self.problems.append(f"{place}: tags {given!r} is not a mapping of keys to values.")
            return {}
        tags = {str(key): str(value) for key, value in given.items()}
        for key, value in tags.items():
            if not 0 < len(key) <= 128 or len(value) > 256 or key.startswith(("aws:", "mydigitalstructure:")):
                self.problems.append(
                    f"{place}: tag {key!r} is not allowed; a key has 1 to 128 characters and does not begin with aws: "
                    "or mydigitalstructure:, a value has at most 256."
                )
        if len(tags) > MAX_TAGS:
            self.problems.append(f"{place}: it has {len(tags)} tags; at most {MAX_TAGS} are allowed.")
        return tags

    def mail_domain(
        self, domain: str, tenant: str, state: str, fields: t.Mapping[str, t.Any], tags: dict[str, str], place: str
    ) -> dict[str, t.Any]:
        """A domain as the module mail_domains takes it."""

        def own(field: str) -> str:
            given = fields.get(field) or getattr(self.defaults, field)
            return "" if given == NONE else given

        dkim: dict[str, str] = {"type": "easy"}
        if fields.get("dkim_selector") or fields.get("dkim_secret"):
            dkim = {
                "type": "external",
                "selector": fields.get("dkim_selector"),
                "private_key_secret": fields.get("dkim_secret"),
            }
        return {
            "name": domain,
            "tenant": tenant,
            "configuration_set": own("configuration_set") or None,
            "dkim": dkim,
            "mail_from": {"subdomain": own("mail_from"), "on_mx_failure": own("on_mx_failure")},
            "dmarc": own("dmarc"),
            "paused": state == "suspended",
            "tags": tags,
            "declared_at": place,
        }

    def leave_now(self, names: t.Iterable[str]) -> None:
        """Refuse to off-board at once what the source still has."""
        for name in names:
            there = self.tenants.get(name)
            if there and there["state"] != "leaving":
                self.problems.append(
                    f"{there['declared_at']}: tenant {name!r} is {there['state']}, but offboard_now has it; take the "
                    "row out, or give it the state leaving."
                )
