# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be wanted of RDS databases: checks, and the normal form in which plans compare. Makes no call."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import KIND_TAG, owned_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._fleet_names import in_tier, values
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import Fields, InputError, known, unique

DATABASE, REPLICA = "database", "database_replica"
SUBNETS, PARAMETERS = "database_subnet_group", "database_parameter_group"


class Engine(t.NamedTuple):
    """What differs between engines: the port, the parameter that forces TLS, and how long names may be."""

    port: int
    tls: str
    longest_user: int
    major_parts: int


ENGINES = {
    "postgres": Engine(5432, "rds.force_ssl", 63, 1),
    "mysql": Engine(3306, "require_secure_transport", 16, 2),
    "mariadb": Engine(3306, "require_secure_transport", 16, 2),
}
RESERVED_USERS = ("admin", "rdsadmin", "postgres_admin", "rds_superuser", "root_rds")
SIZES = {"gp2": (20, 65536), "gp3": (20, 65536), "io1": (100, 65536), "io2": (100, 65536)}
"""Least and most GiB of each storage type."""
STRIPED = 400
"""GiB from which on RDS stripes gp3 over four volumes, which changes its performance."""
GP3 = {False: (3000, 125), True: (12000, 500)}
"""IOPS and MiB/s of gp3, below :data:`STRIPED` fixed, from there on the least."""
GP3_MOST = (64000, 4000)
IO_BOUNDS = (1000, 256000)
IO_RATIO = {"io1": 50, "io2": 1000}
"""The most IOPS a GiB; the least is one half."""
INSIGHTS = (7, 731)
"""Days for which Performance Insights keeps what it saw, besides whole months of 31 days up to 23."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
MAX_TAGS = 46
"""Tags that are not ours; RDS allows 50, and four are ours."""
KEY = re.compile(r"arn:aws[a-z-]*:kms:[^:]+:\d{12}:key/.+")
TRUE, FALSE = ("1", "on", "true", "yes"), ("0", "off", "false", "no")


class Wanted(t.NamedTuple):
    """A wanted database: the fields of its instance in normal form, and what stands around it.

    ``replicas`` are fields by identifier, ``names`` their declared names.
    """

    name: str
    fields: Fields
    replicas: dict[str, Fields]
    names: dict[str, str]
    subnet_group: Fields
    parameter_group: str
    parameters: Fields
    allow_version_upgrade: bool
    allow_major_version_upgrade: bool


# --- versions -------------------------------------------------------------------------------------------------------


def numbers(version: str) -> tuple[int, ...]:
    """``16.10`` as (16, 10): versions are no decimal fractions."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def major(engine: str, version: str) -> str:
    """The part of a version that names its parameter group family: ``17`` of PostgreSQL, ``8.4`` of MySQL."""
    return ".".join(version.split(".")[: ENGINES[engine].major_parts])


def family(engine: str, version: str) -> str:
    return f"{engine}{major(engine, version)}"


def satisfied(wanted: str, present: str) -> bool:
    """Whether the present version is the wanted one, or one of the wanted major one."""
    return numbers(present)[: len(numbers(wanted))] == numbers(wanted)


# --- windows --------------------------------------------------------------------------------------------------------


def minutes(text: str) -> int:
    hours, rest = text.split(":")
    return int(hours) * 60 + int(rest)


def backup_window(text: str, where: str) -> tuple[int, int]:
    """Start, and length in minutes; :class:`InputError` for another form."""
    found = re.fullmatch(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)", text)
    if not found:
        raise InputError(f"{where}: backup_window {text!r} is not of the form hh:mm-hh:mm in UTC, such as 16:00-16:30.")
    start, end = (minutes(part) for part in found.groups())
    length = (end - start) % DAY
    if length < 30:
        raise InputError(f"{where}: backup_window {text!r} has {length} minutes; 30 are the least.")
    return start, length


def maintenance_window(text: str, where: str) -> tuple[int, int]:
    """Start in minutes since Monday 00:00 UTC, and length; :class:`InputError` for another form."""
    clock = r"(mon|tue|wed|thu|fri|sat|sun):((?:[01]\d|2[0-3]):[0-5]\d)"
    found = re.fullmatch(f"{clock}-{clock}", text)
    if not found:
        raise InputError(
            f"{where}: maintenance_window {text!r} is not of the form ddd:hh:mm-ddd:hh:mm in UTC, such as "
            "sun:17:00-sun:17:30."
        )
    first, start, last, end = found.groups()
    begin = DAYS.index(first) * DAY + minutes(start)
    length = (DAYS.index(last) * DAY + minutes(end) - begin) % (7 * DAY)
    if not 30 <= length < DAY:
        raise InputError(
            f"{where}: maintenance_window {text!r} has {length} minutes; 30 minutes to less than a day are allowed."
        )
    return begin, length


def check_windows(item: t.Mapping[str, t.Any], where: str) -> None:
    """Raise :class:`InputError` for a window that RDS does not take, and for two that overlap on any day."""
    backup = item["backup_window"] and backup_window(item["backup_window"], where)
    maintenance = item["maintenance_window"] and maintenance_window(item["maintenance_window"], where)
    if not (backup and maintenance):
        return
    begin, length = maintenance
    for day in range(-1, 9):
        start = day * DAY + backup[0]
        if start < begin + length and begin < start + backup[1]:
            raise InputError(
                f"{where}: backup_window {item['backup_window']!r} overlaps maintenance_window "
                f"{item['maintenance_window']!r}; AWS needs them apart."
            )


# --- storage --------------------------------------------------------------------------------------------------------


def check_storage(item: t.Mapping[str, t.Any], where: str) -> None:
    """Raise :class:`InputError` for storage that RDS does not have. Source: its user guide, DB instance storage."""
    kind, size, most = item["storage_type"], item["storage"], item["storage_max"]
    least_size, most_size = SIZES[kind]
    if not least_size <= size <= most_size:
        raise InputError(f"{where}: storage {size} is not allowed; {kind} has {least_size} to {most_size} GiB.")
    if most and not size * 11 <= most * 10 <= most_size * 10:
        raise InputError(
            f"{where}: storage_max {most} is not allowed with storage {size}; it is 0 for no autoscaling, or at least "
            f"10 % more, {-(-size * 11 // 10)} to {most_size} GiB."
        )
    iops, throughput = item["iops"], item["throughput"]
    if throughput and kind != "gp3":
        raise InputError(f"{where}: throughput {throughput} is not allowed; gp3 alone has it, not {kind}.")
    if kind == "gp2" and iops:
        raise InputError(f"{where}: iops {iops} is not allowed; gp3, io1 and io2 have it, not gp2.")
    if kind == "gp3":
        check_gp3(size, iops, throughput, where)
    if kind in IO_RATIO:
        low, high = max(IO_BOUNDS[0], -(-size // 2)), min(IO_BOUNDS[1], size * IO_RATIO[kind])
        if not low <= iops <= high:
            raise InputError(f"{where}: iops {iops} is not allowed; {kind} of {size} GiB has {low} to {high}.")


def check_gp3(size: int, iops: int, throughput: int, where: str) -> None:
    least = GP3[size >= STRIPED]
    if size < STRIPED:
        for option, given, fixed in (("iops", iops, least[0]), ("throughput", throughput, least[1])):
            if given and given != fixed:
                raise InputError(
                    f"{where}: {option} {given} is not allowed; gp3 below {STRIPED} GiB has {fixed}, and no other."
                )
        return
    for option, given, low, high in (
        ("iops", iops, least[0], GP3_MOST[0]),
        ("throughput", throughput, least[1], GP3_MOST[1]),
    ):
        if given and not low <= given <= high:
            raise InputError(f"{where}: {option} {given} is not allowed; gp3 of {size} GiB has {low} to {high}.")
    if (throughput or least[1]) * 4 > (iops or least[0]):
        raise InputError(
            f"{where}: throughput {throughput or least[1]} is not allowed with {iops or least[0]} IOPS; a quarter of "
            f"them, {(iops or least[0]) // 4} MiB/s, is the most."
        )
    if iops > size * 500:
        raise InputError(f"{where}: iops {iops} is not allowed; 500 a GiB, {size * 500}, is the most.")


# --- the rest -------------------------------------------------------------------------------------------------------


def check_identifier(identifier: str, where: str, option: str = "identifier") -> None:
    """Raise :class:`InputError` for a name that RDS does not give an instance."""
    if not re.fullmatch(r"[a-z](-?[a-z0-9])*", identifier) or len(identifier) > 63:
        raise InputError(
            f"{where}: {option} {identifier!r} is not allowed; it has 1 to 63 lower-case letters, digits and single "
            "hyphens, begins with a letter and does not end with a hyphen."
        )


def check_names(item: t.Mapping[str, t.Any], where: str) -> None:
    engine = ENGINES[item["engine"]]
    user = item["master_username"]
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", user) or len(user) > engine.longest_user:
        raise InputError(
            f"{where}: master_username {user!r} is not allowed; {item['engine']} takes 1 to {engine.longest_user} "
            "letters, digits and underscores, beginning with a letter."
        )
    if user.lower() in RESERVED_USERS and not (user == "admin" and item["engine"] != "postgres"):
        raise InputError(f"{where}: master_username {user!r} is not allowed; RDS keeps that name for itself.")
    name = item["database_name"]
    if name and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name):
        raise InputError(
            f"{where}: database_name {name!r} is not allowed; it has 1 to 63 letters, digits and underscores, "
            "beginning with a letter."
        )
    for option in ("kms_key", "secret_kms_key"):
        if item[option] and known(item[option]) and not KEY.fullmatch(item[option]):
            raise InputError(f"{where}: {option} {item[option]!r} is not the ARN of a KMS key.")


def check_numbers(item: t.Mapping[str, t.Any], where: str) -> None:
    if item["port"] and not 1150 <= item["port"] <= 65535:
        raise InputError(
            f"{where}: port {item['port']} is not allowed; it is 1150 to 65535, or 0 for the engine's own."
        )
    days = item["backup_retention_days"]
    if not 0 <= days <= 35:
        raise InputError(f"{where}: backup_retention_days {days} is not allowed; it is 0 to 35.")
    if not days and item["replicas"]:
        raise InputError(
            f"{where}: backup_retention_days 0 is not allowed with replicas, which RDS makes from backups; 1 to 35 is."
        )
    if item["replicas"] and item["credentials"] == "rds":
        raise InputError(
            f"{where}: credentials 'rds' is not allowed with replicas, which RDS makes only of a database whose "
            "password it does not manage; secret is."
        )
    insights = item["performance_insights_days"]
    if insights and insights not in INSIGHTS and not (insights % 31 == 0 and 1 <= insights // 31 <= 23):
        raise InputError(
            f"{where}: performance_insights_days {insights} is not allowed; it is 0 for none, 7, 731, or 1 to 23 "
            "months of 31 days (31, 62 and so on to 713)."
        )


def check_place(
    variables: t.Mapping[str, t.Any], subnets: t.Mapping[str, Fields], groups: t.Mapping[str, Fields]
) -> None:
    """Raise :class:`InputError` for what the role ``database`` names and nothing has, and for a place that is unfit.

    :arg variables: the role's variables by their names.
    """
    values(variables["database_security_groups"], groups, "database_security_groups")
    names, tier = variables["database_subnets"], variables["database_subnet_tier"]
    said = f"database_subnets: {', '.join(names)}" if names else f"database_subnet_tier: {tier!r}"
    names = names or in_tier(tier, subnets, "database_subnet_tier")
    tiers = values(names, subnets, "database_subnets", "tier")
    zones = sorted(set(values(names, subnets, "database_subnets", "zone")))
    if "public" in tiers:
        raise InputError(
            f"{said} is not allowed, since it is public; a database lies where the world does not reach it, such as in "
            "tier data."
        )
    if len(zones) < 2:
        raise InputError(f"{said} lies in {zones[0]} alone; RDS needs subnets in at least two zones.")


def spoken(value: t.Any) -> str:
    """A parameter's value as text, with the engines' ways of saying yes and no made one."""
    text = str(value)
    if text.lower() in TRUE:
        return "1"
    return "0" if text.lower() in FALSE else text


def parameters_of(item: t.Mapping[str, t.Any], where: str) -> dict[str, str]:
    """The wanted parameters; the one that forces TLS is always among them."""
    tls = ENGINES[item["engine"]].tls
    given = {name: spoken(value) for name, value in item["parameters"].items()}
    if given.get(tls, "1") != "1":
        raise InputError(
            f"{where}: parameters {tls} {item['parameters'][tls]!r} is not allowed; TLS is always forced, by 1."
        )
    return {**given, tls: "1"}


def validate(item: t.Mapping[str, t.Any], where: str) -> None:
    """Raise :class:`InputError` for what RDS cannot run."""
    if not re.fullmatch(r"\d+(\.\d+){0,3}", item["engine_version"]):
        raise InputError(f"{where}: engine_version {item['engine_version']!r} is not a version, such as 17 or 17.6.")
    if ENGINES[item["engine"]].major_parts > len(item["engine_version"].split(".")):
        raise InputError(
            f"{where}: engine_version {item['engine_version']!r} is not enough; {item['engine']} needs two numbers, "
            "such as 8.4."
        )
    if not re.fullmatch(r"db\.[a-z0-9-]+\.[a-z0-9-]+", item["instance_class"]):
        raise InputError(f"{where}: instance_class {item['instance_class']!r} is not a class, such as db.m7g.large.")
    check_names(item, where)
    check_numbers(item, where)
    check_storage(item, where)
    check_windows(item, where)
    for option in ("subnet_ids", "security_group_ids"):
        if not item[option]:
            raise InputError(f"{where}: {option} is empty; AWS would put it where others reach it.")
    if item["allow_major_version_upgrade"] and not item["allow_version_upgrade"]:
        raise InputError(f"{where}: allow_major_version_upgrade is allowed only with allow_version_upgrade.")


def instance_fields(item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What a database's instance and its replicas have in common."""
    fields = {
        "engine": item["engine"],
        "engine_version": item["engine_version"],
        "instance_class": item["instance_class"],
        "storage": item["storage"],
        "storage_max": item["storage_max"],
        "storage_type": item["storage_type"],
        "multi_az": item["multi_az"],
        "port": item["port"] or ENGINES[item["engine"]].port,
        "encrypted": True,
        "public": False,
        "security_groups": sorted(item["security_group_ids"]),
        "iam_authentication": item["iam_authentication"],
        "auto_minor_version_upgrade": item["auto_minor_version_upgrade"],
        "performance_insights_days": item["performance_insights_days"],
        "log_exports": sorted(item["log_exports"]),
        "copy_tags_to_snapshots": True,
    }
    for option in ("iops", "throughput", "maintenance_window", "ca_certificate", "kms_key"):
        if item[option]:
            fields[option] = item[option]
    return fields


def desired(
    databases: t.Sequence[t.Mapping[str, t.Any]], platform: str, tags: t.Mapping[str, str] | None = None
) -> dict[str, Wanted]:
    """The wanted databases by identifier, checked."""
    wanted: dict[str, Wanted] = {}
    taken: dict[str, str] = {}
    for name, given in unique(databases, "databases").items():
        item = {**given, "maintenance_window": (given["maintenance_window"] or "").lower()}
        where = f"databases: {name}"
        identifier = item["identifier"] or f"{platform}-{name}"
        validate(item, where)
        check_identifier(identifier, where)
        further = {**(tags or {}), **item["tags"]}
        if len(further) > MAX_TAGS:
            raise InputError(f"{where}: it has {len(further)} tags; at most {MAX_TAGS} are allowed.")

        def tagged(declared: str, kind: str, further=further) -> dict[str, str]:
            return {**owned_tags(platform, declared, further), KIND_TAG: kind}

        common = instance_fields(item)
        group = f"{identifier}-{family(item['engine'], item['engine_version'])}".replace(".", "-")
        fields = {
            **common,
            "subnet_group": identifier,
            "parameter_group": group,
            "master_username": item["master_username"],
            "credentials": item["credentials"],
            "backup_retention_days": item["backup_retention_days"],
            "deletion_protection": item["deletion_protection"],
            "tags": tagged(name, DATABASE),
        }
        for option in ("database_name", "backup_window", "secret_kms_key"):
            if item[option]:
                fields[option] = item[option]
        replicas, names = {}, {}
        for replica in unique(item["replicas"], f"{where}: replicas").values():
            own = f"{identifier}-{replica['name']}"
            check_identifier(own, f"{where}: replicas: {replica['name']}", "its identifier")
            replicas[own] = {
                **common,
                "instance_class": replica["instance_class"] or item["instance_class"],
                "multi_az": replica["multi_az"],
                "parameter_group": group,
                "deletion_protection": False,
                "source": identifier,
                "tags": tagged(f"{name}-{replica['name']}", REPLICA),
            }
            names[own] = replica["name"]
        for one in (identifier, *replicas):
            if one in taken:
                raise InputError(f"{where}: identifier {one!r} is that of {taken[one]} too; each needs its own.")
            taken[one] = name
        wanted[identifier] = Wanted(
            name,
            fields,
            replicas,
            names,
            {
                "subnets": sorted(set(item["subnet_ids"])),
                "tags": tagged(name, SUBNETS),
            },
            group,
            {
                "family": family(item["engine"], item["engine_version"]),
                "parameters": parameters_of(item, where),
                "tags": tagged(name, PARAMETERS),
            },
            item["allow_version_upgrade"],
            item["allow_major_version_upgrade"],
        )
    return wanted
