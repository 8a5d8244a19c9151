# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RDS databases as one set: subnet group, parameter group, instance and replicas of each; the plan and its way.

An instance is known by its identifier, which AWS gives once in an account and region, and is ours by its tags. It is
made once, changed where it is, and never removed or replaced by a converge. AWS takes no client token; a second call
with the same identifier is refused, and what is there then is told by its tags.
"""

from __future__ import annotations

import difflib
import re
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list, compare_aws_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    KIND_TAG,
    NAME_TAG,
    PLATFORM_TAG,
    application,
    client,
    pages,
    require_known,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._credentials import (
    CURRENT,
    version_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._database_secrets import (
    Passwords,
    secret_name,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases_input import (
    DATABASE,
    GP3,
    PARAMETERS,
    REPLICA,
    STRIPED,
    SUBNETS,
    Wanted,
    desired,
    major,
    numbers,
    satisfied,
    spoken,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases_read import (
    FAILED,
    GONE,
    READY,
    Catalogue,
    Observed,
    Reader,
    exported,
    instance_fields,
    observe,
    owned,
    pending,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    UPDATE,
    Action,
    Fields,
    InputError,
    Plan,
    compare,
    differing,
    ignored,
    known,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

SECRET = "database_secret"
FIRST_PAUSE = 0.2
PARAMETERS_A_CALL = 20
FIXED = {
    "engine": "an instance keeps its engine",
    "encrypted": "storage is encrypted when it is made or never",
    "kms_key": "storage keeps its key",
    "master_username": "an instance keeps its master user",
    "database_name": "it is made with the instance; others are made by SQL",
    "subnet_group": "an instance stays in its network",
}
"""What AWS cannot change of an instance, and why."""
IN_CALL = {
    "instance_class": "DBInstanceClass",
    "storage": "AllocatedStorage",
    "storage_type": "StorageType",
    "iops": "Iops",
    "throughput": "StorageThroughput",
    "multi_az": "MultiAZ",
    "public": "PubliclyAccessible",
    "security_groups": "VpcSecurityGroupIds",
    "parameter_group": "DBParameterGroupName",
    "iam_authentication": "EnableIAMDatabaseAuthentication",
    "backup_retention_days": "BackupRetentionPeriod",
    "backup_window": "PreferredBackupWindow",
    "maintenance_window": "PreferredMaintenanceWindow",
    "auto_minor_version_upgrade": "AutoMinorVersionUpgrade",
    "deletion_protection": "DeletionProtection",
    "ca_certificate": "CACertificateIdentifier",
    "copy_tags_to_snapshots": "CopyTagsToSnapshot",
}
"""Fields that the creating and the changing calls take under the same name, and in the same form."""
ONLY_AT_BIRTH = {
    "engine": "Engine",
    "engine_version": "EngineVersion",
    "port": "Port",
    "encrypted": "StorageEncrypted",
    "kms_key": "KmsKeyId",
    "master_username": "MasterUsername",
    "database_name": "DBName",
    "subnet_group": "DBSubnetGroupName",
}
NOT_OF_A_REPLICA = ("backup_retention_days", "backup_window", "maintenance_window", "storage")
"""What CreateDBInstanceReadReplica does not take, or has from the source."""
LOOKED_UP = {
    "ca_certificate",
    "iam_authentication",
    "instance_class",
    "log_exports",
    "multi_az",
    "performance_insights_days",
    "storage_max",
    "storage_type",
}
"""Fields whose value AWS allows with some versions and classes alone."""


# --- plan -----------------------------------------------------------------------------------------------------------


def settled_version(where: str, fields: Fields, there: Fields, one: Wanted, replicas: bool) -> bool:
    """Whether the present version will do; :class:`InputError` for one that nobody has allowed to change."""
    wanted, present = fields["engine_version"], there["engine_version"]
    if satisfied(wanted, present):
        return True
    same = major(fields["engine"], wanted) == major(fields["engine"], present)
    if numbers(present) > numbers(wanted):
        if same and fields["auto_minor_version_upgrade"]:
            return True  # AWS has upgraded it meanwhile
        raise InputError(
            f"{where}: engine_version cannot be changed from {present} to {wanted}; AWS never goes back to an older "
            "one."
        )
    if not one.allow_version_upgrade:
        raise InputError(
            f"{where}: engine_version is {present}, and {wanted} would be an upgrade; it needs allow_version_upgrade, "
            f"or declare {major(fields['engine'], present)}."
        )
    if not same and not one.allow_major_version_upgrade:
        raise InputError(
            f"{where}: engine_version is {present}, and {wanted} would be a major upgrade; it needs "
            "allow_major_version_upgrade too."
        )
    if not same and replicas:
        raise InputError(
            f"{where}: engine_version cannot go from {present} to {wanted} while there are replicas; remove them "
            "(replicas: [] with purge), upgrade, and declare them again."
        )
    return False


def settled_storage(where: str, fields: Fields, there: Fields) -> bool:
    """Whether the present size will do; :class:`InputError` for one that AWS cannot make."""
    wanted, present, most = fields["storage"], there["storage"], fields["storage_max"]
    if wanted < present:
        if most and present <= most:
            return True  # it has grown by itself
        if most:
            raise InputError(
                f"{where}: storage_max {most} is below the {present} GiB that it has grown to; {present} or more is "
                "allowed."
            )
        raise InputError(
            f"{where}: storage cannot go from {present} to {wanted} GiB, since it only grows; {present} or more is "
            "allowed."
        )
    least = -(-present * 11 // 10)
    if present < wanted < least:
        raise InputError(
            f"{where}: storage cannot go from {present} to {wanted} GiB; AWS grows it by a tenth at least, so {least} "
            "or more is allowed."
        )
    return False


def settled(where: str, fields: Fields, item: t.Mapping[str, t.Any], there: Fields, one: Wanted) -> dict[str, t.Any]:
    """The fields to compare; :class:`InputError` for a change that AWS cannot make, or that nobody has allowed."""
    for field, why in FIXED.items():
        if field in fields and fields[field] != there[field]:
            raise InputError(f"{where}: {field} cannot be changed from {there[field]!r} to {fields[field]!r}; {why}.")
    if (
        fields.get("secret_kms_key")
        and there["credentials"] == fields["credentials"] == "rds"
        and fields["secret_kms_key"] != there["secret_kms_key"]
    ):
        raise InputError(
            f"{where}: secret_kms_key cannot be changed from {there['secret_kms_key']!r} to "
            f"{fields['secret_kms_key']!r}; the secret keeps its key."
        )
    compared = dict(fields)
    replicas = bool(one.replicas or item.get("ReadReplicaDBInstanceIdentifiers"))
    if settled_version(where, fields, there, one, replicas):
        del compared["engine_version"]
    if settled_storage(where, fields, there):
        del compared["storage"]
    return compared


def settled_replica(
    where: str, fields: Fields, item: t.Mapping[str, t.Any], there: Fields, one: Wanted
) -> dict[str, t.Any]:
    if there["source"] != fields["source"]:
        now = f"a replica of {there['source']!r}" if there["source"] else "an instance of its own"
        raise InputError(
            f"{where}: it is {now} now; only a replica of {fields['source']!r} is allowed, so declare one of "
            "another name."
        )
    # it may have been made when its primary was larger
    fields = {**fields, "storage": max(fields["storage"], there["storage"])}
    return settled(where, fields, item, there, one)


def plan(
    wanted: t.Mapping[str, Wanted],
    observed: Observed,
    platform: str,
    *,
    absent: bool = False,
    purge: bool = False,
    ignore: t.Iterable[str] = (),
    at_once: bool = False,
) -> Plan:
    """Plan databases and what stands around them, in the order in which it is applied.

    ``purge`` removes replicas that are not declared, and groups that nobody uses. Only ``absent`` removes a database.
    """
    ignore = tuple(ignore)
    wanted = {name: one for name, one in wanted.items() if not ignored(name, ignore)}
    for name, kind in sorted(observed.foreign.items()):
        if not ignored(name, ignore):
            raise InputError(
                f"databases: a {kind.replace('_', ' ')} {name!r} is there already and does not carry the tags "
                f"{PLATFORM_TAG}, {NAME_TAG} and {KIND_TAG} of what is declared, so it is somebody else's; only a name "
                "that is free is allowed."
            )
    items = {
        name: item
        for name, item in observed.items.items()
        if item["DBInstanceStatus"] != GONE and not ignored(name, ignore)
    }

    def there(item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        # what waits and is wanted at once has to be asked for again
        fields = instance_fields(item, applied=at_once and item["DBInstanceStatus"] in READY)
        if (
            fields["credentials"] == "none"
            and secret_name(platform, fields["tags"].get(NAME_TAG, "")) in observed.secrets
        ):
            fields["credentials"] = "secret"
        return fields

    present = {name: there(item) for name, item in items.items()}
    databases = {
        name: settled(f"databases: {one.name}", one.fields, items[name], present[name], one)
        if name in items
        else one.fields
        for name, one in wanted.items()
    }
    for name in sorted(set(wanted) & set(items)):
        if present[name]["source"]:
            raise InputError(
                f"databases: {wanted[name].name}: {name!r} is a replica of {present[name]['source']!r}; promote it, or "
                "declare it as a replica."
            )
    replicas = {
        name: settled_replica(
            f"databases: {one.name}: replicas: {one.names[name]}", fields, items[name], present[name], one
        )
        if name in items
        else fields
        for one in wanted.values()
        for name, fields in one.replicas.items()
        if not ignored(name, ignore)
    }
    gone = leaving(items, present, platform, {*databases, *replicas}, absent=absent, purge=purge)
    kept = [item for name, item in observed.items.items() if name not in gone and item["DBInstanceStatus"] != GONE]
    whole = (
        compare(DATABASE, databases, {n: f for n, f in present.items() if n in databases})
        + compare(REPLICA, replicas, {n: f for n, f in present.items() if n in replicas})
        + Plan([Action(DELETE, kind, name, before=dict(present[name])) for name, kind in sorted(gone.items())])
    )
    groups = group_plan(wanted, observed, kept, absent or purge, ignore)
    held = {secret_name(platform, tags_of(item, "TagList").get(NAME_TAG, "")) for item in kept}
    secrets = [Action(DELETE, SECRET, name) for name in sorted(observed.secrets) if absent and name not in held]
    return Plan([*groups.only(verbs=[CREATE, UPDATE]), *ordered(whole), *groups.only(verbs=[DELETE]), *secrets])


def leaving(
    items: t.Mapping[str, t.Mapping[str, t.Any]],
    present: t.Mapping[str, Fields],
    platform: str,
    declared: t.Collection[str],
    *,
    absent: bool,
    purge: bool,
) -> dict[str, str]:
    """The instances to remove, with their kind; :class:`InputError` when one of them is protected."""
    gone = {}
    for name in sorted(set(items) - set(declared)):
        tags = tags_of(items[name], "TagList")
        # one that was promoted holds data of its own
        replica = owned(tags, platform, [REPLICA]) and bool(present[name]["source"])
        if (absent and owned(tags, platform, [DATABASE, REPLICA])) or (purge and replica):
            gone[name] = tags[KIND_TAG]
    guarded = [name for name in gone if present[name]["deletion_protection"]]
    if guarded:
        raise InputError(
            f"databases: deletion protection is on for {', '.join(guarded)}; turn it off (deletion_protection: false) "
            "before they can be removed."
        )
    return gone


def group_plan(
    wanted: t.Mapping[str, Wanted],
    observed: Observed,
    kept: t.Sequence[t.Mapping[str, t.Any]],
    purge: bool,
    ignore: t.Iterable[str],
) -> Plan:
    """Subnet and parameter groups; ours that no instance uses any more go with ``purge``."""
    used = {
        *((item.get("DBSubnetGroup") or {}).get("DBSubnetGroupName") for item in kept),
        *(group["DBParameterGroupName"] for item in kept for group in item.get("DBParameterGroups") or []),
    }
    subnets = {name: one.subnet_group for name, one in wanted.items()}
    parameters = {one.parameter_group: one.parameters for one in wanted.values()}

    def there(groups: t.Mapping[str, Fields], declared: t.Collection[str]) -> dict[str, Fields]:
        return {name: one for name, one in groups.items() if name in declared or name not in used}

    return compare(SUBNETS, subnets, there(observed.subnet_groups, subnets), purge=purge, ignore=ignore) + compare(
        PARAMETERS, parameters, there(observed.parameter_groups, parameters), purge=purge, ignore=ignore
    )


RANKS = {
    (REPLICA, DELETE): 0,
    # a replica is never older or smaller than its primary
    (REPLICA, UPDATE): 1,
    (DATABASE, CREATE): 2,
    (DATABASE, UPDATE): 2,
    (REPLICA, CREATE): 3,
    (DATABASE, DELETE): 4,
}


def chains(whole: t.Iterable[Action]) -> list[list[Action]]:
    """The actions on instances by database, in the order in which they can be done."""
    by_primary: dict[str, list[Action]] = {}
    for action in whole:
        if (action.kind, action.verb) in RANKS:
            fields = action.context[0] or action.context[1] if action.context else action.before
            by_primary.setdefault(fields.get("source") or action.name, []).append(action)
    return [sorted(chain, key=lambda a: (RANKS[a.kind, a.verb], a.name)) for _name, chain in sorted(by_primary.items())]


def ordered(whole: Plan) -> list[Action]:
    return [action for chain in chains(whole) for action in chain]


# --- what AWS has ---------------------------------------------------------------------------------------------------


class Checks:
    """Looks, before anything is changed, whether RDS has what is to be made.

    ``versions`` are the full versions of upgrades, ``defaults`` the parameters of each family that is to be written.
    """

    def __init__(self, reader: Reader, ec2, wanted: t.Mapping[str, Wanted], observed: Observed) -> None:
        self.reader, self.ec2, self.catalogue = reader, ec2, Catalogue(reader.rds)
        self.wanted, self.observed = wanted, observed
        self.versions: dict[str, str] = {}
        self.defaults: dict[str, dict[str, dict[str, t.Any]]] = {}

    def __call__(self, whole: Plan) -> None:
        for identifier, one in self.wanted.items():
            for action in whole.only(SUBNETS, verbs=[CREATE, UPDATE]):
                if action.name == identifier and known(action.after.get("subnets")):
                    self.subnets(one)
            for action in whole.only(PARAMETERS, verbs=[CREATE, UPDATE]):
                if action.name == one.parameter_group and "parameters" in action.after:
                    self.parameters(one)
            for action in whole.only(DATABASE, REPLICA, verbs=[CREATE, UPDATE]):
                if action.name == identifier or action.name in one.replicas:
                    self.instance(identifier, one, action)

    def subnets(self, one: Wanted) -> None:
        wanted = one.subnet_group["subnets"]
        found = pages(self.ec2, "describe_subnets", "Subnets", Filters=[{"Name": "subnet-id", "Values": wanted}])
        missing = sorted(set(wanted) - {subnet["SubnetId"] for subnet in found})
        if missing:
            raise InputError(
                f"databases: {one.name}: subnet_ids: AWS knows no {', '.join(missing)}; only subnets that are there "
                "are allowed."
            )
        zones = sorted({subnet["AvailabilityZone"] for subnet in found})
        if len(zones) < 2:
            raise InputError(
                f"databases: {one.name}: subnet_ids lie in {', '.join(zones)} alone; RDS needs subnets in at least "
                "two zones."
            )

    def instance(self, identifier: str, one: Wanted, action: Action) -> None:
        where = f"databases: {one.name}"
        fields = one.fields
        if action.kind == REPLICA:
            where, fields = f"{where}: replicas: {one.names[action.name]}", one.replicas[action.name]
        engine, item = fields["engine"], self.observed.items.get(action.name if action.verb == UPDATE else identifier)
        there = item["EngineVersion"] if item and item["DBInstanceStatus"] != GONE else fields["engine_version"]
        if action.verb == UPDATE and "engine_version" in action.after:
            version = self.catalogue.upgrade(engine, there, fields["engine_version"], where)
            self.versions[action.name] = version["EngineVersion"]
        elif action.verb == CREATE or LOOKED_UP & action.after.keys():
            version = self.catalogue.newest(engine, there, where)
        else:
            return
        self.catalogue.check(fields, version, where)

    def parameters(self, one: Wanted) -> None:
        where, family_name = f"databases: {one.name}: parameters", one.parameters["family"]
        known_ones = self.defaults.setdefault(family_name, {}) or self.reader.defaults(family_name)
        self.defaults[family_name] = known_ones
        for name, value in one.parameters["parameters"].items():
            if name not in known_ones:
                near = difflib.get_close_matches(name, known_ones, n=3) or sorted(known_ones)[:3]
                raise InputError(
                    f"{where}: {name!r} is not a parameter of {family_name}; near to it are {', '.join(near)}."
                )
            if not known_ones[name].get("IsModifiable", True):
                raise InputError(f"{where}: {name} cannot be changed; AWS keeps it at its own value.")
            allowed = known_ones[name].get("AllowedValues") or ""
            if not allows(allowed, value):
                raise InputError(f"{where}: {name} {value!r} is not allowed; {allowed} is.")


def allows(allowed: str, value: str) -> bool:
    """Whether AWS's list (``0,1``) or range (``1-100``) of values has this one; a formula is for AWS to judge."""
    span = re.fullmatch(r"(-?\d+)-(-?\d+)", allowed)
    if span and re.fullmatch(r"-?\d+", value):
        return int(span[1]) <= int(value) <= int(span[2])
    if not allowed or span or "-" in allowed or not re.fullmatch(r"[\w.]+", value):
        return True
    return value in [spoken(one) for one in allowed.replace(" ", "").split(",")]


def spelt(allowed: str, value: str) -> str:
    """A value as AWS's list spells it: some engines say 1, some ON."""
    return next((one for one in allowed.replace(" ", "").split(",") if spoken(one) == value), value)


# --- apply ----------------------------------------------------------------------------------------------------------


def insights(days: int) -> dict[str, t.Any]:
    if not days:
        return {"EnablePerformanceInsights": False}
    return {"EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": days}


def birth_request(fields: Fields) -> dict[str, t.Any]:
    """What the creating calls take but for the identifier."""
    request = {name: fields[field] for field, name in {**IN_CALL, **ONLY_AT_BIRTH}.items() if field in fields}
    request.update(insights(fields["performance_insights_days"]))
    if fields["storage_max"]:
        request["MaxAllocatedStorage"] = fields["storage_max"]
    if fields["log_exports"]:
        request["EnableCloudwatchLogsExports"] = fields["log_exports"]
    return {**request, "Tags": ansible_dict_to_boto3_tag_list(fields["tags"])}


def managed_request(fields: Fields) -> dict[str, t.Any]:
    """How RDS is told to keep the master password itself."""
    key = {"MasterUserSecretKmsKeyId": fields["secret_kms_key"]} if fields.get("secret_kms_key") else {}
    return {"ManageMasterUserPassword": True, **key}


def change_request(changed: Fields, fields: Fields, item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """ModifyDBInstance's arguments but for the identifier, of the fields that are to change."""
    request = {IN_CALL[field]: changed[field] for field in changed if field in IN_CALL}
    size = max(changed.get("storage", 0), item["AllocatedStorage"])
    if changed.keys() & {"storage_type", "iops", "throughput"}:
        # AWS wants the size with them
        request["AllocatedStorage"] = size
    if fields["storage_type"] == "gp3" and item["AllocatedStorage"] < STRIPED <= size:
        # from there on it has more, and AWS wants it said
        least = GP3[True]
        request.update(Iops=fields.get("iops", least[0]), StorageThroughput=fields.get("throughput", least[1]))
    if "storage_max" in changed:
        # the present size as the most is how AWS is told to let it be
        request["MaxAllocatedStorage"] = changed["storage_max"] or size
    if "port" in changed:
        request["DBPortNumber"] = changed["port"]
    if "performance_insights_days" in changed:
        request.update(insights(changed["performance_insights_days"]))
    if "log_exports" in changed:
        present, wanted = set(exported(item)), set(changed["log_exports"])
        request["CloudwatchLogsExportConfiguration"] = {
            "EnableLogTypes": sorted(wanted - present),
            "DisableLogTypes": sorted(present - wanted),
        }
    return request


class Apply:
    """Carries a plan out: groups first, then each database's chain beside the others', then groups that are left."""

    def __init__(
        self,
        reader: Reader,
        passwords: Passwords,
        checks: Checks,
        wanted: t.Mapping[str, Wanted],
        options: t.Mapping[str, t.Any],
    ) -> None:
        self.reader, self.rds, self.checks, self.passwords = reader, reader.rds, checks, passwords
        self.fields = {name: one.fields for name, one in wanted.items()}
        self.fields.update({name: fields for one in wanted.values() for name, fields in one.replicas.items()})
        self.at_once, self.timeout = options["apply_immediately"], options["wait_timeout"]
        self.final_snapshot = options["final_snapshot"]

    def __call__(self, whole: Plan) -> None:
        work = application(whole)
        work.run(whole.only(SUBNETS, PARAMETERS, verbs=[CREATE, UPDATE]), self.put_group)
        work.run_chains(chains(whole), self.do)
        work.run(whole.only(SUBNETS, PARAMETERS, verbs=[DELETE]), self.drop_group)
        work.run(whole.only(SECRET), lambda action: self.passwords.remove(action.name, keep=self.final_snapshot))

    def do(self, action: Action) -> None:
        {CREATE: self.create, UPDATE: self.update, DELETE: self.delete}[action.verb](action)

    # --- waiting

    def ready(
        self, identifier: str, until: t.Callable[[t.Mapping[str, t.Any]], bool] = lambda item: True
    ) -> dict[str, t.Any]:
        """Wait until an instance can be changed and looks as ``until`` says; what it is then.

        AWS shows a change some seconds late, hence ``until``.
        """

        def fits(item: t.Mapping[str, t.Any] | None) -> bool:
            if item is None:
                return False
            status = item["DBInstanceStatus"]
            return status in FAILED or status == GONE or (status in READY and until(item))

        item = poll(lambda: self.reader.instance(identifier), fits, self.timeout, first=FIRST_PAUSE)
        status = item["DBInstanceStatus"] if item else "not there"
        if item is None or status in FAILED or status == GONE:
            raise InputError(
                f"instance {identifier} is {status}; look at its events, and run again when it is available."
            )
        if not fits(item):
            raise InputError(
                f"instance {identifier} is still {status if status not in READY else 'as it was'} after {self.timeout} "
                "seconds (wait_timeout); AWS goes on with it, and the next run goes on from there."
            )
        return item

    def gone(self, identifier: str) -> None:
        left = poll(
            lambda: self.reader.instance(identifier), lambda item: item is None, self.timeout, first=FIRST_PAUSE
        )
        if left is not None:
            raise InputError(
                f"instance {identifier} is still being deleted after {self.timeout} seconds (wait_timeout)."
            )

    # --- instances

    def create(self, action: Action) -> None:
        identifier, fields = action.name, self.fields[action.name]
        former = self.reader.instance(identifier)
        if former and former["DBInstanceStatus"] == GONE:
            self.gone(identifier)
        request = birth_request(fields)
        call = self.rds.create_db_instance
        if action.kind == REPLICA:
            self.ready(fields["source"], lambda item: bool(item["BackupRetentionPeriod"]))
            of_primary = [*ONLY_AT_BIRTH.values(), *(IN_CALL[field] for field in NOT_OF_A_REPLICA)]
            request = {name: value for name, value in request.items() if name not in of_primary or name == "Port"}
            request["SourceDBInstanceIdentifier"] = fields["source"]
            call = self.rds.create_db_instance_read_replica
        elif fields["credentials"] == "rds":
            request.update(managed_request(fields))
        else:
            request["MasterUserPassword"] = self.password(fields)
        try:
            call(DBInstanceIdentifier=identifier, **request)
        except is_boto3_error_code(("DBInstanceAlreadyExists", "DBInstanceAlreadyExistsFault")) as error:
            # made between our look and our call: by a run beside this one, or by this call's first attempt
            found = self.reader.instance(identifier)
            if tags_of(found or {}, "TagList").get(NAME_TAG) != fields["tags"][NAME_TAG]:
                raise InputError(f"instance {identifier} was made by somebody else meanwhile.") from error
        item = self.ready(identifier)
        if action.kind == DATABASE and fields["credentials"] == "secret":
            self.passwords.promote(fields["tags"][NAME_TAG])
        if action.kind == REPLICA:
            # what only the changing call takes
            there = instance_fields(item)
            names = set(differing(fields, there)) & {"maintenance_window", "ca_certificate", "storage_max"}
            if names:
                self.modify(identifier, {name: fields[name] for name in names}, item)

    def password(self, fields: Fields) -> str:
        """The master password for the next call; it is in our secret already."""
        tags = {name: value for name, value in fields["tags"].items() if name != "Name"}
        return self.passwords.staged(
            fields["tags"][NAME_TAG], fields["master_username"], tags, fields.get("secret_kms_key")
        )

    def update(self, action: Action) -> None:
        identifier = action.name
        item = self.ready(identifier)
        changed = {name: value for name, value in action.after.items() if name != "tags"}
        if changed:
            self.modify(identifier, changed, item)
        if "tags" in action.after:
            self.put_tags(item["DBInstanceArn"], action.before["tags"], action.after["tags"])

    def modify(self, identifier: str, changed: dict[str, t.Any], item: t.Mapping[str, t.Any]) -> None:
        fields = self.fields[identifier]
        request = change_request(changed, fields, item)
        if changed.get("credentials") == "rds":
            request.update(managed_request(fields))
        elif "credentials" in changed:
            request["MasterUserPassword"] = self.password(fields)
            if item.get("MasterUserSecret"):
                request["ManageMasterUserPassword"] = False
        # that a password is set is not told
        told_of = {name: value for name, value in changed.items() if name != "credentials"}
        if "engine_version" in changed:
            version = self.checks.versions[identifier]
            told_of["engine_version"] = version
            engine = item["Engine"]
            request["EngineVersion"] = version
            request["AllowMajorVersionUpgrade"] = major(engine, version) != major(engine, item["EngineVersion"])
        self.rds.modify_db_instance(DBInstanceIdentifier=identifier, ApplyImmediately=self.at_once, **request)
        managed = (
            changed.get("credentials") == "rds" or bool(item.get("MasterUserSecret")) and "credentials" not in changed
        )
        self.ready(
            identifier,
            lambda now: (
                not differing(told_of, instance_fields(now, applied=self.at_once))
                and bool(now.get("MasterUserSecret")) == managed
            ),
        )
        if changed.get("credentials") == "secret":
            self.passwords.promote(fields["tags"][NAME_TAG])
        elif "credentials" in changed and self.passwords.find(fields["tags"][NAME_TAG]):
            self.passwords.remove(secret_name(self.reader.platform, fields["tags"][NAME_TAG]), keep=False)

    def delete(self, action: Action) -> None:
        identifier = action.name
        item = self.reader.instance(identifier)
        if item is None:
            return
        if action.kind == REPLICA and not item.get("ReadReplicaSourceDBInstanceIdentifier") and action.before["source"]:
            raise InputError("it was promoted meanwhile, and holds data of its own now.")
        if item["DBInstanceStatus"] != GONE:
            self.ask_to_delete(action, item)
        self.gone(identifier)

    def ask_to_delete(self, action: Action, item: t.Mapping[str, t.Any]) -> None:
        keep = self.final_snapshot and action.kind == DATABASE
        # one name for each instance that ever was, so that a second attempt makes no second snapshot
        born = f"{item['InstanceCreateTime']:%Y%m%d%H%M%S}"
        final = {"FinalDBSnapshotIdentifier": f"{action.name}-final-{born}"} if keep else {}
        try:
            self.rds.delete_db_instance(
                DBInstanceIdentifier=action.name,
                SkipFinalSnapshot=not keep,
                DeleteAutomatedBackups=not keep,
                **final,
            )
        except is_boto3_error_code(("DBInstanceNotFound", "DBInstanceNotFoundFault")):
            return
        except is_boto3_error_code(("InvalidDBInstanceState", "InvalidDBInstanceStateFault")):
            now = self.reader.instance(action.name)
            if now and now["DBInstanceStatus"] != GONE:
                raise

    def put_tags(self, arn: str, before: Fields, after: Fields) -> None:
        added, removed = compare_aws_tags(before, after)
        if removed:
            self.rds.remove_tags_from_resource(ResourceName=arn, TagKeys=removed)
        if added:
            self.rds.add_tags_to_resource(ResourceName=arn, Tags=ansible_dict_to_boto3_tag_list(added))

    # --- groups

    def put_group(self, action: Action) -> None:
        (self.put_subnets if action.kind == SUBNETS else self.put_parameters)(action)

    def put_subnets(self, action: Action) -> None:
        name, changed = action.name, action.after
        about = {"DBSubnetGroupName": name, "DBSubnetGroupDescription": f"Database {name}"}
        if action.verb == CREATE:
            tags = ansible_dict_to_boto3_tag_list(changed["tags"])
            self.rds.create_db_subnet_group(**about, SubnetIds=changed["subnets"], Tags=tags)
            return
        if "subnets" in changed:
            self.rds.modify_db_subnet_group(**about, SubnetIds=changed["subnets"])
        if "tags" in changed:
            self.put_tags(self.reader.subnet_groups()[name]["DBSubnetGroupArn"], action.before["tags"], changed["tags"])

    def put_parameters(self, action: Action) -> None:
        name, changed = action.name, action.after
        before = action.before.get("parameters", {})
        if action.verb == CREATE:
            self.rds.create_db_parameter_group(
                DBParameterGroupName=name,
                DBParameterGroupFamily=changed["family"],
                Description=f"Database {name}",
                Tags=ansible_dict_to_boto3_tag_list(changed["tags"]),
            )
        if "parameters" in changed:
            self.set_parameters(name, action.context[0]["family"], before, changed["parameters"])
        if action.verb == UPDATE and "tags" in changed:
            arn = self.reader.parameter_groups()[name]["DBParameterGroupArn"]
            self.put_tags(arn, action.before["tags"], changed["tags"])

    def set_parameters(self, group: str, family_name: str, before: Fields, after: Fields) -> None:
        """Write what differs, and give back to the engine what is not declared any more."""
        known_ones = self.checks.defaults[family_name]

        def item(name: str, **further: str) -> dict[str, str]:
            static = known_ones.get(name, {}).get("ApplyType") == "static"
            return {"ParameterName": name, "ApplyMethod": "pending-reboot" if static else "immediate", **further}

        written = [
            item(name, ParameterValue=spelt(known_ones[name].get("AllowedValues") or "", value))
            for name, value in sorted(after.items())
            if before.get(name) != value
        ]
        reset = [item(name) for name in sorted(set(before) - set(after))]
        for call, parameters in (
            (self.rds.modify_db_parameter_group, written),
            (self.rds.reset_db_parameter_group, reset),
        ):
            for start in range(0, len(parameters), PARAMETERS_A_CALL):
                call(DBParameterGroupName=group, Parameters=parameters[start : start + PARAMETERS_A_CALL])

    def drop_group(self, action: Action) -> None:
        if action.kind == SUBNETS:
            self.rds.delete_db_subnet_group(DBSubnetGroupName=action.name)
        else:
            self.rds.delete_db_parameter_group(DBParameterGroupName=action.name)


# --- the whole ------------------------------------------------------------------------------------------------------


def told_instance(identifier: str, fields: Fields, item: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
    """What the module returns of a database and of a replica alike; ``item`` is None for what does not exist yet."""
    if item is None:
        unknown = ("arn", "resource_id", "endpoint", "status", "engine_version")
        return {
            "identifier": identifier,
            **dict.fromkeys(unknown, KNOWN_AFTER_APPLY),
            "port": fields["port"],
            "storage": fields["storage"],
            "pending": {},
            "restart_needed": False,
        }
    endpoint = item.get("Endpoint") or {}
    groups = item.get("DBParameterGroups") or []
    return {
        "identifier": identifier,
        "arn": item["DBInstanceArn"],
        "resource_id": item["DbiResourceId"],
        "endpoint": endpoint.get("Address", KNOWN_AFTER_APPLY),
        "port": endpoint.get("Port", fields["port"]),
        "status": item["DBInstanceStatus"],
        "engine_version": item["EngineVersion"],
        "storage": item["AllocatedStorage"],
        "pending": pending(item),
        "restart_needed": any(group.get("ParameterApplyStatus") == "pending-reboot" for group in groups),
    }


def told(
    identifier: str, one: Wanted, items: t.Mapping[str, t.Mapping[str, t.Any]], passwords: Passwords
) -> dict[str, t.Any]:
    """A database as the module returns it."""
    item = items.get(identifier)
    secret = (item.get("MasterUserSecret") or {}).get("SecretArn") if item else None
    if item and one.fields["credentials"] == "secret":
        secret = (passwords.find(one.name) or {}).get("ARN")
    return {
        **told_instance(identifier, one.fields, item),
        "engine": one.fields["engine"],
        "secret_arn": secret or KNOWN_AFTER_APPLY,
        "subnet_group": identifier,
        "parameter_group": one.parameter_group,
        "replicas": {
            one.names[name]: told_instance(name, fields, items.get(name))
            for name, fields in sorted(one.replicas.items())
        },
    }


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The module's plan, applied unless in check mode, and the databases keyed by name."""
    options = module.params
    absent = options["state"] == "absent"
    given = desired(options["databases"], options["platform"], options["tags"])
    if options["wait_timeout"] < 1:
        raise InputError(f"wait_timeout: {options['wait_timeout']} is not allowed; it is 1 second or more.")
    wanted = {} if absent else given
    for one in wanted.values():
        require_known(
            module.check_mode,
            **{
                f"databases: {one.name}: subnet_ids": one.subnet_group["subnets"],
                f"databases: {one.name}: security_group_ids": one.fields["security_groups"],
                f"databases: {one.name}: kms_key": one.fields.get("kms_key"),
                f"databases: {one.name}: secret_kms_key": one.fields.get("secret_kms_key"),
            },
        )
    reader = Reader(client(module, "rds"), options["platform"])
    purge = absent or options["purge"]
    passwords = Passwords(client(module, "secretsmanager"), options["platform"])

    def look() -> Observed:
        secrets = passwords.kept() if absent else current_secrets(passwords, wanted)
        return observe(reader, wanted, purge)._replace(secrets=secrets)

    observed = look()
    checks = Checks(reader, client(module, "ec2"), wanted, observed)
    apply = Apply(reader, passwords, checks, wanted, options)
    if not module.check_mode:
        # a run that was killed may have left one that AWS does not tell in full yet
        making = [n for n in apply.fields if n not in observed.foreign and status_of(observed, n) == "creating"]
        for name in making:
            apply.ready(name)
        if making:
            observed = look()
            checks.observed = observed
    whole = plan(
        wanted,
        observed,
        options["platform"],
        absent=absent,
        purge=options["purge"],
        ignore=options["ignore"],
        at_once=options["apply_immediately"],
    )
    if whole and not absent:
        checks(whole)
    items = observed.items
    if whole and not module.check_mode:
        apply(whole)
        items = reader.instances() if wanted else {}
    items = {name: item for name, item in items.items() if item["DBInstanceStatus"] != GONE}
    return whole, {
        "databases": {
            one.name: told(name, one, items, passwords)
            for name, one in sorted(wanted.items())
            if name in items or not ignored(name, options["ignore"])
        }
    }


def current_secrets(passwords: Passwords, wanted: t.Mapping[str, Wanted]) -> list[str]:
    """Our secrets that hold the password of a declared database."""
    names = [one.name for one in wanted.values() if one.fields["credentials"] == "secret"]
    return [secret_name(passwords.platform, name) for name in names if version_of(passwords.find(name), CURRENT)]


def status_of(observed: Observed, identifier: str) -> str | None:
    return observed.items.get(identifier, {}).get("DBInstanceStatus")
