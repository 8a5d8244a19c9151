"""RDS: instances that pass through their statuses, changes that wait for a window, and AWS's refusals.

moto makes, changes and deletes an instance at once, takes a smaller storage, an older engine and any parameter, and a
replica shares its primary's secret. Here a status is passed at a DescribeDBInstances: the first after a call tells
creating, modifying or deleting. What ModifyDBInstance does not apply at once is a pending value until a call with
ApplyImmediately; no maintenance window ever comes. The managed password changes when it is asked, never by itself.
"""

from __future__ import annotations

import copy
import json
import re
import secrets
import string
import uuid

from moto.core.responses import ActionResult, PaginatedResult
from moto.rds.exceptions import DBParameterGroupNotFoundError, RDSClientError
from moto.rds.models import DBInstance, DBParameterGroup, MasterUserSecret, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse
from moto.secretsmanager.exceptions import InvalidRequestException
from moto.secretsmanager.models import SecretsManagerBackend

from ..clock import CLOCK
from .hosts import wrap

AVAILABLE, CREATING, MODIFYING, DELETING = "available", "creating", "modifying", "deleting"
VERSIONS = {
    "postgres": ("16.9", "16.10", "17.5", "17.6"),
    "mysql": ("8.0.42", "8.0.43", "8.4.5", "8.4.6"),
    "mariadb": ("10.11.13", "11.4.7", "11.4.8"),
}
"""A few of those that RDS has."""
LOGS = {
    "postgres": ["postgresql", "upgrade", "iam-db-auth-error"],
    "mysql": ["audit", "error", "general", "slowquery", "iam-db-auth-error"],
    "mariadb": ["audit", "error", "general", "slowquery"],
}
CERTIFICATES = ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"]
CLASSES = re.compile(r"db\.(t3|t4g|m6g|m7g|r6g|r7g)\.(micro|small|medium|large|xlarge|2xlarge|4xlarge)")
STORAGE = {"gp2": (20, 65536), "gp3": (20, 65536), "io1": (100, 65536), "io2": (100, 65536)}
PARAMETERS = {
    "postgres": {
        "rds.force_ssl": ("boolean", "dynamic", "0,1", "1"),
        "max_connections": ("integer", "static", "6-262143", None),
        "work_mem": ("integer", "dynamic", "64-2147483647", None),
        "log_min_duration_statement": ("integer", "dynamic", "-1-2147483647", None),
        "log_statement": ("string", "dynamic", "none,ddl,mod,all", None),
        "shared_preload_libraries": ("list", "static", None, "pg_stat_statements"),
    },
    "mysql": {
        "require_secure_transport": ("boolean", "dynamic", "0,1", "0"),
        "max_connections": ("integer", "dynamic", "1-100000", None),
        "slow_query_log": ("boolean", "dynamic", "0,1", None),
    },
    # that MariaDB's are spelt ON and OFF is an assumption
    "mariadb": {
        "require_secure_transport": ("boolean", "dynamic", "OFF,ON", "OFF"),
        "max_connections": ("integer", "dynamic", "10-100000", None),
    },
}
"""A few of each engine's, as (data type, apply type, allowed values, default)."""
DEFERRED = {
    "allocated_storage",
    "ca_certificate_identifier",
    "db_instance_class",
    "db_instance_port",
    "engine_version",
    "iops",
    "multi_az",
    "storage_throughput",
    "storage_type",
}
PENDING_NAMES = {
    "allocated_storage": "AllocatedStorage",
    "ca_certificate_identifier": "CACertificateIdentifier",
    "db_instance_class": "DBInstanceClass",
    "db_instance_port": "Port",
    "engine_version": "EngineVersion",
    "iops": "Iops",
    "multi_az": "MultiAZ",
    "storage_throughput": "StorageThroughput",
    "storage_type": "StorageType",
}


def refusal(code: str, message: str) -> RDSClientError:
    return RDSClientError(code, message)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def major(engine: str, version: str) -> str:
    parts = version.split(".")
    return parts[0] if engine == "postgres" else ".".join(parts[:2])


def family(engine: str, version: str) -> str:
    return f"{engine}{major(engine, version)}"


def resolved(engine: str, version: str | None) -> str:
    """The full version; the newest of a major one."""
    known = VERSIONS[engine]
    fitting = [one for one in known if not version or one == version or one.startswith(f"{version}.")]
    if not fitting:
        raise refusal("InvalidParameterCombination", f"Cannot find version {version} for {engine}")
    return max(fitting, key=numbers)


def ours(engine: str) -> bool:
    return engine in VERSIONS


# --- storage --------------------------------------------------------------------------------------------------------


def settle_storage(database: DBInstance) -> None:
    """What gp3 has when nothing else is asked for, and the refusal of what it cannot have."""
    least, most = STORAGE[database.storage_type]
    size = database.allocated_storage
    if not least <= size <= most:
        raise refusal("InvalidParameterValue", f"Invalid storage size for engine name {database.engine}: {size}")
    if database.storage_type != "gp3":
        return
    small = size < 400
    base = (3000, 125) if small else (12000, 500)
    iops, throughput = int(database.iops or base[0]), int(database.storage_throughput or base[1])
    if (small and (iops, throughput) != base) or iops < base[0] or throughput < base[1]:
        raise refusal(
            "InvalidParameterCombination",
            f"You can't specify IOPS or storage throughput for engine {database.engine} and a storage size less than "
            "400.",
        )
    if iops > 64000 or throughput > 4000 or throughput * 4 > iops:
        raise refusal("InvalidParameterCombination", "The IOPS or the storage throughput are out of gp3's bounds.")
    database.iops, database._storage_throughput = iops, throughput


def check_growth(database: DBInstance, size: int) -> int:
    """The size that AWS gives; one that is smaller is refused, a little more is rounded up."""
    if size < database.allocated_storage:
        raise refusal(
            "InvalidParameterCombination",
            f"Invalid storage modification. Requested storage {size} is less than the present "
            f"{database.allocated_storage}.",
        )
    least = -(-database.allocated_storage * 11 // 10)
    return size if size in (database.allocated_storage,) or size >= least else least


# --- instances ------------------------------------------------------------------------------------------------------


def settled(database: DBInstance) -> DBInstance:
    database.storage_encrypted = bool(database.storage_encrypted)
    if not hasattr(database, "pending_modified_values"):
        database.pending_modified_values = {}
    return database


def create_instance(original, self: RDSBackend, asked: dict) -> DBInstance:
    engine = asked["engine"]
    if not ours(engine) or asked.get("db_cluster_identifier"):
        return original(self, asked)
    asked["engine_version"] = resolved(engine, asked.get("engine_version"))
    if not CLASSES.fullmatch(asked["db_instance_class"]):
        raise refusal("InvalidParameterValue", f"Invalid DB Instance class: {asked['db_instance_class']}")
    group = asked.get("db_subnet_group_name")
    if group:
        check_zones([subnet.availability_zone for subnet in self.describe_db_subnet_groups(group)[0]._subnets])
    name = asked.get("db_parameter_group_name")
    if name and name in self.db_parameter_groups:
        check_family(self.db_parameter_groups[name], engine, asked["engine_version"])
    if asked.get("storage_encrypted") and "kms_key_id" not in asked:
        asked["kms_key_id"] = (
            f"arn:aws:kms:{self.region_name}:{self.account_id}:key/11111111-2222-3333-4444-555555555555"
        )
    asked.setdefault("ca_certificate_identifier", CERTIFICATES[0])
    database = settled(original(self, asked))
    set_insights(database, asked)
    database.dbi_resource_id = f"db-{''.join(secrets.choice(string.ascii_uppercase) for _letter in range(26))}"
    try:
        settle_storage(database)
    except RDSClientError:
        self.databases.pop(database.db_instance_identifier)
        raise
    database.status = CREATING
    return database


def set_insights(database: DBInstance, asked: dict) -> None:
    on = asked.get("enable_performance_insights")
    if on is None:
        return
    database.performance_insights_enabled = on
    database.performance_insights_retention_period = (
        asked.get("performance_insights_retention_period", 7) if on else None
    )


def check_zones(zones: list[str]) -> None:
    if len(set(zones)) < 2:
        raise refusal(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: "
            f"{', '.join(sorted(set(zones)))}. Add subnets to cover at least 2 AZs.",
        )


def check_family(group: DBParameterGroup, engine: str, version: str) -> None:
    if group.family != family(engine, version):
        raise refusal(
            "InvalidParameterCombination",
            f"The parameter group {group.name} with DBParameterGroupFamily {group.family} can't be used for this "
            f"instance. Use a parameter group with DBParameterGroupFamily {family(engine, version)}.",
        )


def create_replica(original, self: RDSBackend, asked: dict) -> DBInstance:
    if asked["db_instance_identifier"] in self.databases:
        raise refusal("DBInstanceAlreadyExists", "DB instance already exists")
    source = self.find_db_from_id(asked["source_db_instance_identifier"])
    if not source.backup_retention_period:
        raise refusal(
            "InvalidDBInstanceState",
            "Automated backups are not enabled for this database instance. To enable automated backups, use "
            "ModifyDBInstance to set the backup retention period to a non-zero value.",
        )
    require_available(source)
    if hasattr(source, "master_user_secret"):
        raise refusal(
            "InvalidParameterValue",
            f"Creating read replicas for source instance with engine {source.engine} where ManageMasterUserPassword is "
            "enabled is not supported.",
        )
    before = dict(source.__dict__)
    replica = original(self, {**asked})
    replica.tags = asked.get("tags") or []
    # moto's replica is a shallow copy: what it shares with the primary must not be changed with it
    replica.__dict__.pop("master_user_secret", None)
    replica.manage_master_user_password = False
    replica.deletion_protection = bool(asked.get("deletion_protection"))
    replica.enabled_cloudwatch_logs_exports = list(asked.get("enable_cloudwatch_logs_exports") or [])
    replica.vpc_security_group_ids = asked.get("vpc_security_group_ids") or list(before["vpc_security_group_ids"])
    replica.multi_az = bool(asked.get("multi_az"))
    replica._backup_retention_period = 0
    replica.pending_modified_values = {}
    replica.dbi_resource_id = f"db-{''.join(secrets.choice(string.ascii_uppercase) for _letter in range(26))}"
    replica.status_infos = [{"StatusType": "read replication", "Normal": True, "Status": "replicating"}]
    set_insights(replica, asked)
    settle_storage(replica)
    replica.status = CREATING
    return replica


def promote(original, self: RDSBackend, asked: dict) -> DBInstance:
    replica = self.databases[asked["db_instance_identifier"]]
    source = self.databases.get(replica.source_db_instance_identifier)
    replica = original(self, asked)
    # moto forgets whose replica it was only in one of two places
    if source and replica.db_instance_identifier in source.replicas:
        source.remove_replica(replica)
    release(replica)
    return replica


def release(replica: DBInstance) -> None:
    """Make an instance of its own of a replica."""
    replica.is_replica = False
    replica.source_db_instance_identifier = None
    replica.status_infos = []


def require_available(database: DBInstance) -> None:
    if database.status not in (AVAILABLE, "storage-optimization"):
        raise refusal("InvalidDBInstanceState", "Database instance is not in available state.")


def modify_instance(original, self: RDSBackend, identifier: str, asked: dict) -> DBInstance:
    database = self.describe_db_instances(identifier)[0]
    if not ours(database.engine) or database.db_cluster_identifier:
        return original(self, identifier, asked)
    settled(database)
    require_available(database)
    at_once = bool(asked.get("apply_immediately"))
    wanted = {key: asked[key] for key in DEFERRED if asked.get(key) is not None}
    if asked.get("db_port_number"):
        wanted["db_instance_port"] = asked["db_port_number"]
    if "allocated_storage" in wanted:
        wanted["allocated_storage"] = check_growth(database, int(wanted["allocated_storage"]))
    if "db_instance_class" in wanted and not CLASSES.fullmatch(wanted["db_instance_class"]):
        raise refusal("InvalidParameterValue", f"Invalid DB Instance class: {wanted['db_instance_class']}")
    if "engine_version" in wanted:
        wanted["engine_version"] = check_upgrade(database, wanted["engine_version"], asked)
    group = asked.get("db_parameter_group_name")
    if group and group in self.db_parameter_groups:
        version = wanted.get("engine_version", database.engine_version)
        check_family(self.db_parameter_groups[group], database.engine, version)
    if asked.get("backup_retention_period") == 0 and database.replicas:
        raise refusal("InvalidDBInstanceState", "Cannot disable backups of an instance that has read replicas.")
    given = {key: value for key, value in asked.items() if key not in DEFERRED}
    if "db_port_number" in given:
        del given["db_port_number"]
    exports = given.get("cloudwatch_logs_export_configuration")
    if exports:
        # moto changes the list in place, and a copy of the instance has the same one
        database.enabled_cloudwatch_logs_exports = list(database.enabled_cloudwatch_logs_exports)
    if given.get("storage_type") is None:
        given.pop("storage_type", None)
    former = database.db_parameter_group_name
    original(self, identifier, given)
    set_insights(database, asked)
    if database.db_parameter_group_name != former:
        database.lab_restart = True
    pending = {**{name: database.pending_modified_values.get(shown) for name, shown in PENDING_NAMES.items()}, **wanted}
    pending = {name: value for name, value in pending.items() if value is not None}
    if at_once:
        apply(database, pending)
        database.pending_modified_values = {}
    else:
        database.pending_modified_values = {PENDING_NAMES[name]: value for name, value in pending.items()}
    database.status = MODIFYING
    return database


def apply(database: DBInstance, values: dict) -> None:
    before = copy.copy(database)
    for name, value in values.items():
        if name == "db_instance_port":
            database.port = int(value)
        elif name == "storage_throughput":
            database._storage_throughput = int(value)
        else:
            setattr(database, name, value)
    crossed = database.storage_type == "gp3" and database.allocated_storage >= 400 > before.allocated_storage
    if crossed and "iops" not in values:
        database.iops = 12000
    if crossed and "storage_throughput" not in values:
        database._storage_throughput = 500
    try:
        settle_storage(database)
    except RDSClientError:
        database.__dict__.update(before.__dict__)
        raise


def check_upgrade(database: DBInstance, version: str, asked: dict) -> str:
    engine, wanted = database.engine, resolved(database.engine, version)
    if numbers(wanted) < numbers(database.engine_version):
        raise refusal(
            "InvalidParameterCombination", f"Cannot upgrade {engine} from {database.engine_version} to {wanted}"
        )
    if major(engine, wanted) != major(engine, database.engine_version) and not asked.get("allow_major_version_upgrade"):
        raise refusal(
            "InvalidParameterCombination",
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
        )
    return wanted


def delete_instance(original, self: RDSBackend, db_instance_identifier: str, **asked) -> DBInstance:
    database = self.databases.get(db_instance_identifier)
    if database is None or not ours(database.engine) or database.db_cluster_identifier:
        return original(self, db_instance_identifier, **asked)
    if database.status == DELETING:
        raise refusal("InvalidDBInstanceState", f"Instance {db_instance_identifier} is already being deleted.")
    if not asked.get("skip_final_snapshot") and not asked.get("final_db_snapshot_identifier"):
        raise refusal(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )
    for name in list(database.replicas):
        # RDS makes instances of their own of an instance's replicas
        release(self.databases[name])
    gone = original(self, db_instance_identifier, **asked)
    gone.status = DELETING
    self.databases[db_instance_identifier] = gone
    return gone


def seen(database: DBInstance) -> DBInstance:
    """What an answer tells, which is written only after the step."""
    shown = copy.copy(database)
    if hasattr(database, "master_user_secret"):
        shown.master_user_secret = copy.copy(database.master_user_secret)
    return shown


def describe_instances(self: RDSResponse):
    """Tell what there is, and go one step further."""
    filters = {item["Name"]: item["Values"] for item in self.params.get("Filters", [])}
    found = self.backend.describe_db_instances(self.params.get("DBInstanceIdentifier"), filters=filters)
    shown = [seen(database) for database in found]
    for database in found:
        if hasattr(database, "master_user_secret"):
            database.master_user_secret._status = "active"
        if database.status == DELETING:
            self.backend.databases.pop(database.db_instance_identifier, None)
        elif database.status in (CREATING, MODIFYING):
            database.status = AVAILABLE
    return PaginatedResult({"DBInstances": shown})


def reboot(original, self: RDSBackend, db_instance_identifier: str) -> DBInstance:
    database = original(self, db_instance_identifier)
    require_available(database)
    database.lab_restart = False
    return database


def parameter_status(self: DBInstance) -> list[dict]:
    status = "pending-reboot" if getattr(self, "lab_restart", False) else "in-sync"
    return [
        {"DBParameterGroupName": group.name, "ParameterApplyStatus": status} for group in self.db_parameter_groups()
    ]


def endpoint(self: DBInstance) -> dict | None:
    if self.status == CREATING:
        return None
    return {"Address": self.address, "Port": self.port, "HostedZoneId": "Z32T0VRHXEXS0V"}


# --- subnet groups --------------------------------------------------------------------------------------------------


def create_subnet_group(original, self: RDSBackend, subnet_name: str, description: str, subnets: list, tags: list):
    if subnet_name in self.subnet_groups:
        raise refusal("DBSubnetGroupAlreadyExists", f"DB subnet group {subnet_name} already exists.")
    check_zones([subnet.availability_zone for subnet in subnets])
    return original(self, subnet_name, description, subnets, tags)


def modify_subnet_group(original, self: RDSBackend, subnet_name: str, description: str, subnets: list):
    check_zones([subnet.availability_zone for subnet in subnets])
    group = original(self, subnet_name, description, subnets)
    # moto forgets it
    self.subnet_groups[subnet_name] = group
    return group


def delete_subnet_group(original, self: RDSBackend, subnet_name: str):
    users = [
        name
        for name, database in self.databases.items()
        if getattr(database, "_db_subnet_group_name", None) == subnet_name
    ]
    if users:
        raise refusal(
            "InvalidDBSubnetGroupStateFault",
            f"Cannot delete the subnet group '{subnet_name}' because at least one database instance: {users[0]} is "
            "still using it.",
        )
    return original(self, subnet_name)


# --- parameters -----------------------------------------------------------------------------------------------------


def engine_of(family_name: str) -> str:
    return re.match(r"[a-z]+", family_name)[0]


def parameters_of(family_name: str) -> list[dict]:
    return [
        {
            "ParameterName": name,
            "DataType": data,
            "ApplyType": kind,
            "IsModifiable": True,
            "Source": "engine-default",
            "ApplyMethod": "pending-reboot",
            "Description": name,
            **({"AllowedValues": allowed} if allowed else {}),
            **({"ParameterValue": default} if default is not None else {}),
        }
        for name, (data, kind, allowed, default) in PARAMETERS.get(engine_of(family_name), {}).items()
    ]


def describe_parameter_groups(original, self: RDSBackend, asked: dict) -> list[DBParameterGroup]:
    found, name = original(self, asked), asked.get("db_parameter_group_name")
    if name and not found:
        raise DBParameterGroupNotFoundError(name)
    return found


def describe_parameters(self: RDSResponse):
    name, source = self.params.get("DBParameterGroupName"), self.params.get("Source")
    groups = self.backend.describe_db_parameter_groups({"db_parameter_group_name": name})
    shown = [
        {**item, **groups[0].parameters.get(item["ParameterName"], {})} for item in parameters_of(groups[0].family)
    ]
    return PaginatedResult({"Parameters": [item for item in shown if source in (None, item["Source"])]})


def describe_engine_default_parameters(self: RDSResponse) -> ActionResult:
    name = self.params.get("DBParameterGroupFamily")
    return ActionResult({"EngineDefaults": {"DBParameterGroupFamily": name, "Parameters": parameters_of(name)}})


def modify_parameters(original, self: RDSBackend, db_parameter_group_name: str, db_parameter_group_parameters):
    group, asked = self.db_parameter_groups.get(db_parameter_group_name), list(db_parameter_group_parameters)
    if group is None or engine_of(group.family) not in PARAMETERS:
        return original(self, db_parameter_group_name, asked)
    known = {item["ParameterName"]: item for item in parameters_of(group.family)}
    if len(asked) > 20:
        raise refusal("InvalidParameterValue", "A maximum of 20 parameters can be modified in a single request.")
    for item in asked:
        name, value = item["ParameterName"], item["ParameterValue"]
        if name not in known:
            raise refusal("InvalidParameterValue", f"Could not find parameter with name: {name}")
        allowed = known[name].get("AllowedValues", "")
        if allowed and not re.fullmatch(r"-?\d+-\d+", allowed) and value not in allowed.split(","):
            raise refusal(
                "InvalidParameterValue", f"Value: {value} is outside of range: {allowed} for parameter: {name}"
            )
        if known[name]["ApplyType"] == "static" and item["ApplyMethod"] == "immediate":
            raise refusal(
                "InvalidParameterCombination", f"cannot use immediate apply method for static parameter: {name}"
            )
        item["Source"] = "user"
    restart_users(self, db_parameter_group_name, asked, known)
    return original(self, db_parameter_group_name, asked)


def restart_users(backend: RDSBackend, group: str, asked: list[dict], known: dict[str, dict]) -> None:
    """A static parameter waits for the restart of those who use the group."""
    if any(known[item["ParameterName"]]["ApplyType"] == "static" for item in asked):
        for database in backend.databases.values():
            if database.db_parameter_group_name == group:
                database.lab_restart = True


def reset_db_parameter_group(self: RDSResponse) -> ActionResult:
    name = self.params["DBParameterGroupName"]
    group = self.backend.db_parameter_groups.get(name)
    if group is None:
        raise DBParameterGroupNotFoundError(name)
    asked = [item.original_dict() for item in self.params.get("Parameters", [])]
    known = {item["ParameterName"]: item for item in parameters_of(group.family)}
    restart_users(self.backend, name, asked, known)
    for item in asked:
        group.parameters.pop(item["ParameterName"], None)
    return ActionResult({"DBParameterGroupName": name})


def delete_parameter_group(original, self: RDSBackend, db_parameter_group_name: str):
    users = [n for n, one in self.databases.items() if one.db_parameter_group_name == db_parameter_group_name]
    if users:
        raise refusal(
            "InvalidDBParameterGroupState",
            "One or more database instances are still members of this parameter group "
            f"{db_parameter_group_name}, so the group cannot be deleted",
        )
    return original(self, db_parameter_group_name)


# --- what RDS has ---------------------------------------------------------------------------------------------------


def describe_db_engine_versions(self: RDSResponse) -> ActionResult:
    engine, version = self.params.get("Engine"), self.params.get("EngineVersion")
    found = [
        {
            "Engine": name,
            "EngineVersion": one,
            "MajorEngineVersion": major(name, one),
            "DBParameterGroupFamily": family(name, one),
            "ExportableLogTypes": LOGS[name],
            "SupportsLogExportsToCloudwatchLogs": True,
            "SupportsReadReplica": True,
            "SupportedCACertificateIdentifiers": CERTIFICATES,
            "Status": "available",
            "ValidUpgradeTarget": [
                {
                    "Engine": name,
                    "EngineVersion": later,
                    "Description": later,
                    "AutoUpgrade": False,
                    "IsMajorVersionUpgrade": major(name, later) != major(name, one),
                }
                for later in known
                if numbers(later) > numbers(one)
            ],
        }
        for name, known in VERSIONS.items()
        for one in known
        if engine in (None, name) and (not version or one == version or one.startswith(f"{version}."))
    ]
    return PaginatedResult({"DBEngineVersions": found})


def orderable(original, self: RDSResponse) -> ActionResult:
    engine, version = self.params.get("Engine"), self.params.get("EngineVersion")
    if not ours(engine):
        return original(self)
    name = self.params.get("DBInstanceClass") or "db.t4g.medium"
    fits = CLASSES.fullmatch(name) and (not version or version in VERSIONS[engine])
    found = [
        {
            "Engine": engine,
            "EngineVersion": version or VERSIONS[engine][-1],
            "DBInstanceClass": name,
            "StorageType": kind,
            "MinStorageSize": least,
            "MaxStorageSize": most,
            "MultiAZCapable": True,
            "ReadReplicaCapable": True,
            "Vpc": True,
            "SupportsStorageEncryption": True,
            "SupportsIAMDatabaseAuthentication": True,
            "SupportsPerformanceInsights": engine == "postgres" or "micro" not in name,
            "SupportsStorageAutoscaling": True,
        }
        for kind, (least, most) in STORAGE.items()
        if fits
    ]
    return PaginatedResult({"OrderableDBInstanceOptions": found})


# --- the managed password -------------------------------------------------------------------------------------------


def new_password(self: MasterUserSecret) -> str:
    characters = string.ascii_letters + string.digits
    password = "".join(secrets.choice(characters) for _letter in range(28))
    return json.dumps({"username": self.resource.master_username, "password": password})


def create_secret(original, self: MasterUserSecret, kms_key_id: str | None):
    secret = original(self, kms_key_id)
    secret.created_date = secret.last_changed_date = int(CLOCK.now())
    secret.rotation_enabled, secret.auto_rotate_after_days = True, 7
    return secret


def rotate_secret(self: MasterUserSecret) -> None:
    self.secretsmanager.rotate_secret(self.secret.arn)


def rotate_managed(original, self: SecretsManagerBackend, secret_id: str, client_request_token=None, **options) -> str:
    """RDS makes another password of a secret of its own; a token that was used replaces nothing again."""
    secret = self.secrets[secret_id]
    held = next((one for one in managed_secrets(self.account_id, self.region_name) if one.secret is secret), None)
    if held is None:
        return original(self, secret_id, client_request_token=client_request_token, **options)
    if client_request_token in secret.versions:
        return secret.to_short_dict()
    if held._status == "rotating":
        raise InvalidRequestException("A previous rotation isn't complete. That rotation will be reattempted.")
    held._status = "rotating"
    self.put_secret_value(
        secret_id=secret_id,
        secret_string=held._generate_secret_string(),
        secret_binary="",
        client_request_token=client_request_token or str(uuid.uuid4()),
        version_stages=["AWSCURRENT"],
    )
    secret.last_rotation_date = int(CLOCK.now())
    return secret.to_short_dict()


def managed_secrets(account: str, region: str) -> list[MasterUserSecret]:
    instances = rds_backends[account][region].databases.values()
    return [one.master_user_secret for one in instances if hasattr(one, "master_user_secret")]


def install() -> None:
    wrap(RDSBackend, "create_db_instance", create_instance)
    wrap(RDSBackend, "create_db_instance_read_replica", create_replica)
    wrap(RDSBackend, "modify_db_instance", modify_instance)
    wrap(RDSBackend, "promote_read_replica", promote)
    wrap(RDSBackend, "delete_db_instance", delete_instance)
    wrap(RDSBackend, "reboot_db_instance", reboot)
    wrap(RDSBackend, "create_subnet_group", create_subnet_group)
    wrap(RDSBackend, "modify_db_subnet_group", modify_subnet_group)
    wrap(RDSBackend, "delete_subnet_group", delete_subnet_group)
    wrap(RDSBackend, "modify_db_parameter_group", modify_parameters)
    wrap(RDSBackend, "delete_db_parameter_group", delete_parameter_group)
    wrap(RDSBackend, "describe_db_parameter_groups", describe_parameter_groups)
    wrap(RDSResponse, "describe_orderable_db_instance_options", orderable)
    wrap(MasterUserSecret, "_create_secret", create_secret)
    wrap(SecretsManagerBackend, "rotate_secret", rotate_managed)
    MasterUserSecret._generate_secret_string = new_password
    MasterUserSecret.rotate_secret = rotate_secret
    MasterUserSecret.secret_status = property(lambda self: self._status)
    RDSResponse.describe_db_instances = describe_instances
    RDSResponse.describe_db_parameters = describe_parameters
    for action in (describe_engine_default_parameters, describe_db_engine_versions, reset_db_parameter_group):
        setattr(RDSResponse, action.__name__, action)
    DBInstance.db_parameter_group_status_list = property(parameter_status)
    DBInstance.endpoint = property(endpoint)
