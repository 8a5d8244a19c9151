"""Databases as plain data: what is refused, what is planned, and in which order."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.filter.database_problem import database_problem
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _databases as databases
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _databases_input as given
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases_read import Observed, instance_fields
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import CREATE, DELETE, UPDATE, InputError
from hypothesis import given as whatever
from hypothesis import strategies

MINIMAL = {
    "name": "database",
    "identifier": None,
    "engine": "postgres",
    "engine_version": "16",
    "allow_version_upgrade": False,
    "allow_major_version_upgrade": False,
    "auto_minor_version_upgrade": True,
    "instance_class": "db.t4g.medium",
    "storage": 100,
    "storage_max": 0,
    "storage_type": "gp3",
    "iops": 0,
    "throughput": 0,
    "multi_az": False,
    "port": 0,
    "database_name": None,
    "master_username": "dbowner",
    "credentials": "rds",
    "secret_kms_key": None,
    "kms_key": None,
    "subnet_ids": ["subnet-2", "subnet-1"],
    "security_group_ids": ["sg-1"],
    "parameters": {},
    "iam_authentication": True,
    "backup_retention_days": 7,
    "backup_window": "16:00-16:30",
    "maintenance_window": "Sun:17:00-Sun:17:30",
    "performance_insights_days": 7,
    "log_exports": [],
    "ca_certificate": None,
    "deletion_protection": True,
    "replicas": [],
    "tags": {},
}
REPLICA = {"name": "a", "instance_class": None, "multi_az": False}


def wanted(**changes):
    if changes.get("replicas"):
        changes.setdefault("credentials", "secret")
    return given.desired([{**copy.deepcopy(MINIMAL), **changes}], "mds", {})


def described(fields, version="16.9", **changes):
    """An instance with these fields as DescribeDBInstances tells it."""
    insights = fields["performance_insights_days"]
    item = {
        "DBInstanceStatus": "available",
        "Engine": fields["engine"],
        "EngineVersion": version,
        "DBInstanceClass": fields["instance_class"],
        "AllocatedStorage": fields["storage"],
        "StorageType": fields["storage_type"],
        "Iops": 3000,
        "StorageThroughput": 125,
        "MultiAZ": fields["multi_az"],
        "StorageEncrypted": True,
        "KmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/aws",
        "PubliclyAccessible": False,
        "IAMDatabaseAuthenticationEnabled": fields["iam_authentication"],
        "AutoMinorVersionUpgrade": fields["auto_minor_version_upgrade"],
        "CopyTagsToSnapshot": True,
        "PreferredMaintenanceWindow": "sun:17:00-sun:17:30",
        "PreferredBackupWindow": "16:00-16:30",
        "BackupRetentionPeriod": fields.get("backup_retention_days", 0),
        "DeletionProtection": fields["deletion_protection"],
        "MasterUsername": "dbowner",
        "Endpoint": {"Address": "x", "Port": fields["port"]},
        "VpcSecurityGroups": [{"VpcSecurityGroupId": one, "Status": "active"} for one in fields["security_groups"]],
        "DBSubnetGroup": {"DBSubnetGroupName": "mds-database"},
        "DBParameterGroups": [{"DBParameterGroupName": fields["parameter_group"], "ParameterApplyStatus": "in-sync"}],
        "PerformanceInsightsEnabled": bool(insights),
        "PerformanceInsightsRetentionPeriod": insights,
        "TagList": [{"Key": key, "Value": value} for key, value in fields["tags"].items()],
    }
    if fields.get("source"):
        item["ReadReplicaSourceDBInstanceIdentifier"] = fields["source"]
    elif fields["credentials"] == "rds":
        item["MasterUserSecret"] = {"SecretArn": "arn", "SecretStatus": "active", "KmsKeyId": "arn:aws:kms:::key/s"}
    return {**item, **changes}


def observed(declared, foreign=(), **changes):
    """An account that has what is declared; ``changes`` are of the primary's description."""
    items, subnets, parameters = {}, {}, {}
    for name, one in declared.items():
        items[name] = described(one.fields, **changes)
        items.update({replica: described(fields) for replica, fields in one.replicas.items()})
        subnets[name], parameters[one.parameter_group] = one.subnet_group, one.parameters
    held = [f"mds/database/{one.name}" for one in declared.values() if one.fields["credentials"] == "secret"]
    return Observed(items, subnets, parameters, dict(foreign), held)


NOTHING = Observed({}, {}, {}, {})


def planned(declared, there, **options):
    plan = databases.plan(declared, there, "mds", **options)
    return [(action.verb, action.kind, action.name) for action in plan]


def test_what_is_there_is_left_alone():
    declared = wanted(replicas=[REPLICA])
    assert planned(declared, observed(declared)) == []


def test_groups_come_first_and_replicas_after_their_primary():
    assert planned(wanted(replicas=[REPLICA]), NOTHING) == [
        (CREATE, "database_subnet_group", "mds-database"),
        (CREATE, "database_parameter_group", "mds-database-postgres16"),
        (CREATE, "database", "mds-database"),
        (CREATE, "database_replica", "mds-database-a"),
    ]


def test_a_replica_is_upgraded_and_grown_before_its_primary():
    before = wanted(replicas=[REPLICA])
    after = wanted(replicas=[REPLICA], storage=200, engine_version="16.10", allow_version_upgrade=True)
    assert planned(after, observed(before)) == [
        (UPDATE, "database_replica", "mds-database-a"),
        (UPDATE, "database", "mds-database"),
    ]


def test_only_absent_removes_a_database_and_purge_a_replica():
    before = wanted(replicas=[REPLICA], deletion_protection=False)
    without = wanted(deletion_protection=False, credentials="secret")
    there = observed(before)
    assert planned({}, there) == [] and planned(without, there) == []
    assert planned(without, there, purge=True) == [(DELETE, "database_replica", "mds-database-a")]
    # of what is not declared at all, the replica may go, but never the primary
    assert planned({}, there, purge=True) == [(DELETE, "database_replica", "mds-database-a")]
    assert planned({}, there, absent=True) == [
        (DELETE, "database_replica", "mds-database-a"),
        (DELETE, "database", "mds-database"),
        (DELETE, "database_subnet_group", "mds-database"),
        (DELETE, "database_parameter_group", "mds-database-postgres16"),
        (DELETE, "database_secret", "mds/database/database"),
    ]
    assert planned({}, there, absent=True, ignore=["mds-*"]) == []
    there.items["mds-database-a"]["ReadReplicaSourceDBInstanceIdentifier"] = None
    assert planned({}, there, purge=True) == []


def test_a_protected_one_stops_the_removal():
    with pytest.raises(InputError, match="deletion protection is on for mds-database;"):
        planned({}, observed(wanted()), absent=True)


def test_somebody_else_s_stays():
    foreign = {"mds-database": "database"}
    with pytest.raises(InputError, match="a database 'mds-database' is there already"):
        planned(wanted(), observed(wanted(), foreign))
    there = observed(wanted(deletion_protection=False))
    there.items["mds-database"]["TagList"] = []
    assert planned({}, Observed(there.items, {}, {}, {}), absent=True) == []


def test_one_that_is_being_deleted_is_not_there():
    there = observed(wanted(), DBInstanceStatus="deleting")
    assert (CREATE, "database", "mds-database") in planned(wanted(), there)


def test_what_waits_is_done_unless_it_is_wanted_at_once():
    after = wanted(storage=200, multi_az=True)
    there = observed(wanted(), PendingModifiedValues={"AllocatedStorage": 200, "MultiAZ": True})
    assert planned(after, there) == []
    (action,) = databases.plan(after, there, "mds", at_once=True)
    assert action.fields() == {
        "multi_az": {"before": False, "after": True},
        "storage": {"before": 100, "after": 200},
    }
    # while AWS applies it, it is not asked again
    there.items["mds-database"]["DBInstanceStatus"] = "modifying"
    assert planned(after, there, at_once=True) == []


@pytest.mark.parametrize(
    ("change", "there"),
    [
        ({"engine_version": "16"}, {"version": "16.10"}),
        ({"engine_version": "16.9"}, {"version": "16.10"}),
        ({"storage_max": 300}, {"AllocatedStorage": 300, "MaxAllocatedStorage": 300}),
    ],
)
def test_what_aws_did_by_itself_is_no_difference(change, there):
    assert planned(wanted(**change), observed(wanted(), **there)) == []


KEY = "arn:aws:kms:eu-west-1:123456789012:key/own"
CHANGES = {
    "storage": ({"storage": 99}, {}, "storage cannot go from 100 to 99 GiB, since it only grows"),
    "a little storage": ({"storage": 109}, {}, "so 110 or more is allowed"),
    "autoscaled": (
        {"storage_max": 200},
        {"AllocatedStorage": 250, "MaxAllocatedStorage": 300},
        "storage_max 200 is below the 250 GiB that it has grown to",
    ),
    "minor": ({"engine_version": "16.10"}, {}, "16.10 would be an upgrade; it needs allow_version_upgrade"),
    "major": (
        {"engine_version": "17", "allow_version_upgrade": True},
        {},
        "17 would be a major upgrade; it needs allow_major_version_upgrade too",
    ),
    "older": ({"engine_version": "15"}, {}, "cannot be changed from 16.9 to 15; AWS never goes back"),
    "older minor": (
        {"engine_version": "16.8", "auto_minor_version_upgrade": False},
        {},
        "cannot be changed from 16.9 to 16.8",
    ),
    "major with replicas": (
        {
            "engine_version": "17",
            "allow_version_upgrade": True,
            "allow_major_version_upgrade": True,
            "replicas": [REPLICA],
        },
        {},
        "while there are replicas",
    ),
    "engine": ({"engine": "mysql", "engine_version": "8.4"}, {}, "engine cannot be changed from 'postgres' to 'mysql'"),
    "user": ({"master_username": "other"}, {}, "master_username cannot be changed from 'dbowner' to 'other'"),
    "key": ({"kms_key": KEY}, {}, "kms_key cannot be changed from 'arn:aws:kms:eu-west-1:123456789012:key/aws'"),
    "secret's key": ({"secret_kms_key": KEY}, {}, "secret_kms_key cannot be changed from"),
    "not encrypted": ({}, {"StorageEncrypted": False}, "encrypted cannot be changed from False to True"),
    "name": ({"database_name": "other"}, {"DBName": "app"}, "database_name cannot be changed from 'app' to 'other'"),
    "network": (
        {},
        {"DBSubnetGroup": {"DBSubnetGroupName": "other"}},
        "subnet_group cannot be changed from 'other' to 'mds-database'",
    ),
    "a replica": (
        {},
        {"ReadReplicaSourceDBInstanceIdentifier": "other"},
        "'mds-database' is a replica of 'other'; promote it",
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_that_are_refused(change):
    options, there, sentence = change
    with pytest.raises(InputError) as refused:
        planned(wanted(**options), observed(wanted(), **there))
    assert sentence in str(refused.value) and "\n" not in str(refused.value)


REFUSED = {
    "identifier": ({"identifier": "mds--database"}, "identifier 'mds--database' is not allowed"),
    "upper case": ({"identifier": "MDS"}, "identifier 'MDS' is not allowed; it has 1 to 63 lower-case letters"),
    "long replica": ({"replicas": [{**REPLICA, "name": "r" * 60}]}, "its identifier 'mds-database-rrr"),
    "replica twice": ({"replicas": [REPLICA, REPLICA]}, "name 'a' is there twice"),
    "version": ({"engine_version": "latest"}, "engine_version 'latest' is not a version, such as 17 or 17.6"),
    "half a version": ({"engine": "mysql", "engine_version": "8"}, "'8' is not enough; mysql needs two numbers"),
    "class": ({"instance_class": "t4g.medium"}, "instance_class 't4g.medium' is not a class, such as db.m7g.large"),
    "user": ({"master_username": "1st"}, "master_username '1st' is not allowed; postgres takes 1 to 63 letters"),
    "reserved user": ({"master_username": "admin"}, "RDS keeps that name for itself"),
    "long user": (
        {"engine": "mysql", "engine_version": "8.4", "master_username": "a" * 17},
        "mysql takes 1 to 16 letters",
    ),
    "database": ({"database_name": "my-app"}, "database_name 'my-app' is not allowed"),
    "key": ({"kms_key": "alias/own"}, "kms_key 'alias/own' is not the ARN of a KMS key"),
    "port": ({"port": 80}, "port 80 is not allowed; it is 1150 to 65535"),
    "retention": ({"backup_retention_days": 36}, "backup_retention_days 36 is not allowed; it is 0 to 35"),
    "no backups": (
        {"backup_retention_days": 0, "replicas": [REPLICA]},
        "backup_retention_days 0 is not allowed with replicas",
    ),
    "managed with replicas": (
        {"replicas": [REPLICA], "credentials": "rds"},
        "credentials 'rds' is not allowed with replicas",
    ),
    "insights": ({"performance_insights_days": 30}, "performance_insights_days 30 is not allowed"),
    "backup window": ({"backup_window": "16:00"}, "backup_window '16:00' is not of the form hh:mm-hh:mm"),
    "impossible time": ({"backup_window": "24:00-24:30"}, "is not of the form hh:mm-hh:mm"),
    "short window": ({"backup_window": "16:00-16:20"}, "has 20 minutes; 30 are the least"),
    "day": ({"maintenance_window": "so:17:00-so:17:30"}, "is not of the form ddd:hh:mm-ddd:hh:mm"),
    "long window": ({"maintenance_window": "mon:00:00-tue:00:00"}, "has 1440 minutes; 30 minutes to less than a day"),
    "overlap": ({"maintenance_window": "sun:16:15-sun:17:00"}, "overlaps maintenance_window 'sun:16:15-sun:17:00'"),
    "overlap over midnight": (
        {"backup_window": "23:45-00:30", "maintenance_window": "mon:00:00-mon:00:30"},
        "backup_window '23:45-00:30' overlaps",
    ),
    "overlap over the week's end": (
        {"backup_window": "00:15-00:45", "maintenance_window": "sun:23:45-mon:00:30"},
        "overlaps maintenance_window",
    ),
    "small": ({"storage": 10}, "storage 10 is not allowed; gp3 has 20 to 65536 GiB"),
    "most": ({"storage_max": 105}, "it is 0 for no autoscaling, or at least 10 % more, 110 to 65536 GiB"),
    "iops of a small one": ({"iops": 4000}, "iops 4000 is not allowed; gp3 below 400 GiB has 3000, and no other"),
    "iops": ({"storage": 400, "iops": 11000}, "iops 11000 is not allowed; gp3 of 400 GiB has 12000 to 64000"),
    "throughput": ({"storage": 400, "throughput": 4001}, "throughput 4001 is not allowed; gp3 of 400 GiB has 500"),
    "a quarter": (
        {"storage": 400, "iops": 12000, "throughput": 3500},
        "throughput 3500 is not allowed with 12000 IOPS; a quarter of them, 3000 MiB/s",
    ),
    "io1": ({"storage_type": "io1", "iops": 6000}, "iops 6000 is not allowed; io1 of 100 GiB has 1000 to 5000"),
    "gp2": ({"storage_type": "gp2", "iops": 3000}, "iops 3000 is not allowed; gp3, io1 and io2 have it, not gp2"),
    "nowhere": ({"subnet_ids": []}, "subnet_ids is empty"),
    "nobody": ({"security_group_ids": []}, "security_group_ids is empty"),
    "no TLS": ({"parameters": {"rds.force_ssl": False}}, "rds.force_ssl False is not allowed; TLS is always forced"),
    "major alone": ({"allow_major_version_upgrade": True}, "is allowed only with allow_version_upgrade"),
    "tags": ({"tags": {f"t{n}": "x" for n in range(47)}}, "it has 47 tags; at most 46 are allowed"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_rds_cannot_run_is_refused(case):
    options, sentence = case
    with pytest.raises(InputError) as refused:
        wanted(**options)
    assert sentence in str(refused.value) and str(refused.value).startswith("databases: database")
    assert "\n" not in str(refused.value)


SUBNETS = {
    f"{tier}-{zone}": {"id": f"subnet-{tier}{zone}", "tier": tier, "zone": f"eu-west-1{zone}"}
    for tier in ("public", "data")
    for zone in "ab"
}
PLACE = {"database_subnets": [], "database_subnet_tier": "data", "database_security_groups": ["database"]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, ""),
        ({"database_subnets": ["data-b", "data-a"]}, ""),
        ({"database_security_groups": ["databse"]}, "database_security_groups: 'databse' is not declared; allowed are"),
        ({"database_subnet_tier": "dta"}, "database_subnet_tier: there is no subnet of tier 'dta'; allowed are data"),
        ({"database_subnets": ["data-c"]}, "database_subnets: 'data-c' is not declared; allowed are data-a, data-b"),
        ({"database_subnet_tier": "public"}, "database_subnet_tier: 'public' is not allowed, since it is public"),
        ({"database_subnets": ["data-a", "public-b"]}, "database_subnets: data-a, public-b is not allowed, since"),
        ({"database_subnets": ["data-a"]}, "database_subnets: data-a lies in eu-west-1a alone; RDS needs subnets in"),
    ],
)
def test_where_it_lies_and_who_reaches_it(change, sentence):
    told = database_problem(
        {**PLACE, **change}, {"subnets": SUBNETS}, {"security_groups": {"database": {"id": "sg-1"}}}
    )
    assert told.startswith(sentence) if sentence else told == ""


minutes_of_a_day = strategies.integers(0, 24 * 60 - 1)


@whatever(minutes_of_a_day, strategies.integers(30, 600), strategies.integers(0, 7 * 24 * 60 - 1), minutes_of_a_day)
def test_windows_overlap_exactly_when_a_minute_is_in_both(start, length, begin, span):
    span = max(span, 30)

    def clock(minute):
        return f"{minute // 60 % 24:02}:{minute % 60:02}"

    def day(minute):
        return given.DAYS[minute // (24 * 60) % 7]

    item = {
        "backup_window": f"{clock(start)}-{clock(start + length)}",
        "maintenance_window": f"{day(begin)}:{clock(begin)}-{day(begin + span)}:{clock(begin + span)}",
    }
    backup = {(start + n) % (24 * 60) for n in range(length)}
    both = any((begin + n) % (24 * 60) in backup for n in range(span))
    try:
        given.check_windows(item, "x")
    except InputError:
        assert both
    else:
        assert not both


def test_the_change_over_the_stripe_says_what_gp3_has_then():
    before = wanted()["mds-database"]
    item = described(before.fields)
    request = databases.change_request({"storage": 400}, wanted(storage=400)["mds-database"].fields, item)
    assert request == {"AllocatedStorage": 400, "Iops": 12000, "StorageThroughput": 500}


def test_autoscaling_ends_at_the_present_size():
    fields = wanted()["mds-database"].fields
    assert databases.change_request({"storage_max": 0}, fields, described(fields)) == {"MaxAllocatedStorage": 100}


@pytest.mark.parametrize(
    ("allowed", "value", "fits"),
    [
        ("0,1", "1", True),
        ("OFF,ON", "1", True),
        ("0,1", "2", False),
        ("none, ddl, mod, all", "ddl", True),
        ("-1-100", "-1", True),
        ("6-100", "5", False),
        ("6-100", "{DBInstanceClassMemory/9531392}", True),
        ("", "anything", True),
    ],
)
def test_allowed_values_of_parameters(allowed, value, fits):
    assert databases.allows(allowed, value) is fits


def test_a_parameter_is_spelt_as_its_engine_spells_it():
    assert [databases.spelt(allowed, "1") for allowed in ("OFF,ON", "0,1", "")] == ["ON", "1", "1"]


def test_what_is_being_made_has_no_endpoint_yet():
    fields = wanted()["mds-database"].fields
    item = described(fields, Endpoint=None, DbInstancePort=5432)
    assert instance_fields(item)["port"] == 5432
