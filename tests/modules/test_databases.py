"""The module databases against the lab; looked at with plain boto3."""

from __future__ import annotations

import copy
import functools
import json
import os
import random

import pytest

from tests.modules.killing import run_killed

UNKNOWN = "(known after apply)"
SEED, KILLS = int(os.environ.get("DATABASES_SEED", "20265")), 4
DATABASE = {
    "name": "database",
    "engine_version": "16.9",
    "instance_class": "db.t4g.medium",
    "storage": 100,
    "master_username": "dbowner",
    "parameters": {"log_statement": "ddl"},
    "backup_window": "16:00-16:30",
    "maintenance_window": "sun:17:00-sun:17:30",
    "log_exports": ["postgresql"],
    "deletion_protection": False,
}


@pytest.fixture
def rds(lab):
    return lab.client("rds")


@pytest.fixture
def place(lab):
    """Two subnets in two zones, and a security group."""
    ec2 = lab.client("ec2")
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"][:2]]
    return {
        "subnet_ids": subnets,
        "security_group_ids": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
    }


@pytest.fixture
def databases(place, run_module):
    """Run the module for the database with changes, applied at once."""

    def run(check=False, **changes):
        names = ("purge", "state", "apply_immediately", "final_snapshot", "databases", "platform")
        options = {name: changes.pop(name) for name in names if name in changes}
        own = {"credentials": "secret"} if changes.get("replicas") else {}
        options.setdefault("databases", [{**DATABASE, **place, **own, **changes}])
        defaults = {"platform": "mds", "apply_immediately": True, "wait_timeout": 20}
        return run_module("databases", check, **{**defaults, **options})

    return run


def shown(rds, name="mds-database"):
    return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def instances(rds):
    return sorted(item["DBInstanceIdentifier"] for item in rds.describe_db_instances()["DBInstances"])


def test_the_plan_is_what_is_made(lab, rds, databases):
    wanted = {"replicas": [{"name": "reports"}], "storage_max": 500}
    planned = databases(check=True, **wanted)
    assert lab.mutating() == []
    assert planned["databases"]["database"]["endpoint"] == UNKNOWN
    made = databases(**wanted)
    assert made["actions"] == planned["actions"], made
    kinds = ["database", "database_parameter_group", "database_replica", "database_subnet_group"]
    assert [(action["verb"], action["kind"]) for action in made["actions"]] == [("create", kind) for kind in kinds]
    found = shown(rds)
    told = made["databases"]["database"]
    assert (told["endpoint"], told["port"]) == (found["Endpoint"]["Address"], 5432)
    # with replicas the password is in a secret of ours
    held = lab.client("secretsmanager").get_secret_value(SecretId="mds/database/database")
    assert told["secret_arn"] == held["ARN"] and "MasterUserSecret" not in found
    value = json.loads(held["SecretString"])
    assert value["username"] == "dbowner" and len(value["password"]) == 32
    assert value["password"] not in json.dumps(made)
    assert (found["StorageEncrypted"], found["PubliclyAccessible"], found["MaxAllocatedStorage"]) == (True, False, 500)
    assert found["IAMDatabaseAuthenticationEnabled"] and found["EnabledCloudwatchLogsExports"] == ["postgresql"]
    tags = {tag["Key"]: tag["Value"] for tag in found["TagList"]}
    assert (tags["mydigitalstructure:platform"], tags["mydigitalstructure:name"]) == ("mds", "database")
    group = found["DBParameterGroups"][0]["DBParameterGroupName"]
    parameters = rds.describe_db_parameters(DBParameterGroupName=group, Source="user")["Parameters"]
    values = {item["ParameterName"]: item["ParameterValue"] for item in parameters}
    assert values == {"log_statement": "ddl", "rds.force_ssl": "1"}
    replica = shown(rds, "mds-database-reports")
    assert replica["ReadReplicaSourceDBInstanceIdentifier"] == "mds-database"
    assert replica["PreferredMaintenanceWindow"] == "sun:17:00-sun:17:30"
    lab.clear_calls()
    again = databases(**wanted)
    assert (again["changed"], lab.mutating(), len(lab.calls())) == (False, [], 8), again["actions"]


@pytest.mark.parametrize(("engine", "version", "value"), [("mysql", "8.4", "1"), ("mariadb", "11.4", "ON")])
def test_tls_is_forced_in_the_engine_s_own_words(rds, databases, engine, version, value):
    wanted = {"engine": engine, "engine_version": version, "parameters": {}, "log_exports": ["error"]}
    made = databases(**wanted)
    assert not made["failed"], made["msg"]
    group = shown(rds)["DBParameterGroups"][0]["DBParameterGroupName"]
    (found,) = rds.describe_db_parameters(DBParameterGroupName=group, Source="user")["Parameters"]
    assert (found["ParameterName"], found["ParameterValue"]) == ("require_secure_transport", value)
    assert not databases(**wanted)["changed"]


# what is changed together, and what RDS tells afterwards
CHANGES = [
    (
        {"storage": 200, "storage_max": 500, "multi_az": True, "instance_class": "db.m7g.large"},
        {"AllocatedStorage": 200, "MaxAllocatedStorage": 500, "MultiAZ": True, "DBInstanceClass": "db.m7g.large"},
    ),
    (
        {
            "storage": 400,
            "storage_max": 0,
            "engine_version": "16.10",
            "allow_version_upgrade": True,
            "port": 5555,
            "backup_retention_days": 30,
            "backup_window": "03:00-04:00",
            "maintenance_window": "Mon:23:45-Tue:00:30",
        },
        {
            "AllocatedStorage": 400,
            "MaxAllocatedStorage": None,
            "Iops": 12000,
            "StorageThroughput": 500,
            "EngineVersion": "16.10",
            "DbInstancePort": 5555,
            "BackupRetentionPeriod": 30,
            "PreferredBackupWindow": "03:00-04:00",
            "PreferredMaintenanceWindow": "mon:23:45-tue:00:30",
        },
    ),
    (
        {
            "engine_version": "17",
            "allow_major_version_upgrade": True,
            "iops": 16000,
            "throughput": 1000,
            "log_exports": ["upgrade"],
            "performance_insights_days": 31,
            "ca_certificate": "rds-ca-ecc384-g1",
            "deletion_protection": True,
            "iam_authentication": False,
            "auto_minor_version_upgrade": False,
        },
        {
            "EngineVersion": "17.6",
            "Iops": 16000,
            "StorageThroughput": 1000,
            "EnabledCloudwatchLogsExports": ["upgrade"],
            "PerformanceInsightsRetentionPeriod": 31,
            "CACertificateIdentifier": "rds-ca-ecc384-g1",
            "DeletionProtection": True,
            "IAMDatabaseAuthenticationEnabled": False,
            "AutoMinorVersionUpgrade": False,
        },
    ),
    ({"performance_insights_days": 0, "tags": {"Owner": "ops"}}, {"PerformanceInsightsEnabled": False}),
]


def test_each_setting_changes_where_it_is(lab, rds, databases):
    """Each is planned, made, there, and then no difference, and the instance is the same."""
    databases()
    resource = shown(rds)["DbiResourceId"]
    state = {}
    for change, there in CHANGES:
        state.update(change)
        planned = databases(check=True, **state)
        made = databases(**state)
        assert not made["failed"], made["msg"]
        assert made["actions"] == planned["actions"]
        instance = next(action for action in made["actions"] if action["kind"] == "database")
        assert not (change.keys() - instance["fields"].keys()) - {
            "allow_version_upgrade",
            "allow_major_version_upgrade",
        }
        found = shown(rds)
        assert {key: found.get(key) for key in there} == there
        assert found["DbiResourceId"] == resource
        lab.clear_calls()
        assert (databases(**state)["changed"], lab.mutating()) == (False, [])
    assert instances(rds) == ["mds-database"]
    assert found["DBParameterGroups"][0]["DBParameterGroupName"] == "mds-database-postgres17"


REFUSED = {
    "smaller": ({"storage": 99}, "storage cannot go from 100 to 99 GiB, since it only grows; 100 or more is allowed"),
    "a little": ({"storage": 105}, "AWS grows it by a tenth at least, so 110 or more is allowed"),
    "upgrade": ({"engine_version": "16.10"}, "16.10 would be an upgrade; it needs allow_version_upgrade"),
    "major": (
        {"engine_version": "17", "allow_version_upgrade": True},
        "17 would be a major upgrade; it needs allow_major_version_upgrade too",
    ),
    "downgrade": ({"engine_version": "15"}, "cannot be changed from 16.9 to 15; AWS never goes back"),
    "nowhere": (
        {"engine_version": "16.99", "allow_version_upgrade": True},
        "cannot be changed from 16.9 to 16.99 in one step; AWS allows 16.10, 17.5, 17.6",
    ),
    "engine": (
        {"engine": "mysql", "engine_version": "8.4", "log_exports": []},
        "engine cannot be changed from 'postgres' to 'mysql'; an instance keeps its engine",
    ),
    "user": ({"master_username": "other"}, "master_username cannot be changed from 'dbowner' to 'other'"),
    "key": (
        {"kms_key": "arn:aws:kms:ap-southeast-2:123456789012:key/other"},
        "kms_key cannot be changed from 'arn:aws:kms:",
    ),
    "class": (
        {"instance_class": "db.t1.huge"},
        "instance_class 'db.t1.huge' is not one that RDS has for postgres 16.9",
    ),
    "log": ({"log_exports": ["slowquery"]}, "log_exports 'slowquery' is not allowed; postgresql, upgrade"),
    "certificate": (
        {"ca_certificate": "rds-ca-2019"},
        "ca_certificate 'rds-ca-2019' is not allowed; rds-ca-rsa2048-g1",
    ),
    "parameter": (
        {"parameters": {"worl_mem": 1}},
        "'worl_mem' is not a parameter of postgres16; near to it are work_mem",
    ),
    "value": ({"parameters": {"log_statement": "most"}}, "log_statement 'most' is not allowed; none,ddl,mod,all is"),
    "range": ({"parameters": {"max_connections": 2}}, "max_connections '2' is not allowed; 6-262143 is"),
}


def test_one_zone_is_refused_before_anything_is_made(lab, databases, place):
    for check in (True, False):
        refused = databases(check=check, subnet_ids=place["subnet_ids"][:1])
        assert "subnet_ids lie in ap-southeast-2a alone; RDS needs subnets in at least two zones" in refused["msg"]
    assert lab.mutating() == []


def test_what_would_lose_data_or_cannot_be_is_refused(lab, rds, databases):
    databases()
    lab.clear_calls()
    for what, (change, sentence) in REFUSED.items():
        refused = databases(**change)
        assert refused["failed"] and sentence in refused["msg"], (what, refused)
    assert lab.mutating() == []
    assert shown(rds)["AllocatedStorage"] == 100


def test_changes_wait_for_the_window_unless_they_are_wanted_at_once(lab, rds, databases):
    databases()
    waits = databases(storage=200, multi_az=True, apply_immediately=False)
    assert waits["databases"]["database"]["pending"] == {"storage": 200, "multi_az": True}
    assert shown(rds)["AllocatedStorage"] == 100
    assert not databases(storage=200, multi_az=True, apply_immediately=False)["changed"]
    assert databases(storage=200, multi_az=True)["changed"]
    assert (shown(rds)["AllocatedStorage"], shown(rds)["MultiAZ"]) == (200, True)


def test_what_aws_has_grown_or_upgraded_by_itself_is_no_difference(rds, databases):
    databases(storage_max=300)
    change = {"DBInstanceIdentifier": "mds-database", "ApplyImmediately": True}
    rds.modify_db_instance(**change, AllocatedStorage=250, EngineVersion="16.10")
    shown(rds)
    assert not databases(storage_max=300)["changed"]
    assert "storage_max 200 is below the 250 GiB that it has grown to" in databases(storage_max=200)["msg"]


def test_what_was_changed_by_hand_is_set_back(lab, rds, databases):
    databases()
    by_hand = {"PubliclyAccessible": True, "EnableIAMDatabaseAuthentication": False}
    rds.modify_db_instance(DBInstanceIdentifier="mds-database", ApplyImmediately=True, **by_hand)
    group = shown(rds)["DBParameterGroups"][0]["DBParameterGroupName"]
    parameters = [
        {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "immediate"},
        {"ParameterName": "work_mem", "ParameterValue": "9999", "ApplyMethod": "immediate"},
    ]
    rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=parameters)
    rds.add_tags_to_resource(ResourceName=shown(rds)["DBInstanceArn"], Tags=[{"Key": "x", "Value": "y"}])
    made = databases()
    assert not made["failed"], made["msg"]
    found = shown(rds)
    assert (found["PubliclyAccessible"], found["IAMDatabaseAuthenticationEnabled"]) == (False, True)
    assert "x" not in {tag["Key"] for tag in found["TagList"]}
    user = rds.describe_db_parameters(DBParameterGroupName=group, Source="user")["Parameters"]
    assert {item["ParameterName"]: item["ParameterValue"] for item in user} == {
        "log_statement": "ddl",
        "rds.force_ssl": "1",
    }


def test_a_static_parameter_waits_for_a_restart(rds, databases):
    databases()
    changed = databases(parameters={"max_connections": 300})
    assert changed["databases"]["database"]["restart_needed"]
    rds.reboot_db_instance(DBInstanceIdentifier="mds-database")
    assert not databases(parameters={"max_connections": 300})["databases"]["database"]["restart_needed"]


def test_who_keeps_the_password_changes_with_the_first_replica_and_back(lab, rds, databases):
    databases()
    managed = shown(rds)["MasterUserSecret"]["SecretArn"]
    both = {"replicas": [{"name": "a"}]}
    assert "credentials 'rds' is not allowed with replicas" in databases(credentials="rds", **both)["msg"]
    made = databases(**both)
    assert not made["failed"], made["msg"]
    assert "MasterUserSecret" not in shown(rds) and instances(rds) == ["mds-database", "mds-database-a"]
    (held,) = lab.client("secretsmanager").list_secrets()["SecretList"]
    assert held["Name"] == "mds/database/database" and held["ARN"] != managed
    # a secret that somebody took away is made anew, with a password that RDS is given
    lab.client("secretsmanager").delete_secret(SecretId=held["ARN"], ForceDeleteWithoutRecovery=True)
    lab.clear_calls()
    assert [action["name"] for action in databases(**both)["actions"]] == ["mds-database"]
    assert "ModifyDBInstance" in [call["operation"] for call in lab.mutating()]
    assert databases(purge=True)["changed"]
    (held,) = lab.client("secretsmanager").list_secrets()["SecretList"]
    assert held["ARN"] == shown(rds)["MasterUserSecret"]["SecretArn"]


def test_replicas_come_and_go_and_a_database_stays(lab, rds, databases):
    databases(replicas=[{"name": "a"}, {"name": "b", "instance_class": "db.r7g.large"}])
    assert instances(rds) == ["mds-database", "mds-database-a", "mds-database-b"]
    assert shown(rds, "mds-database-b")["DBInstanceClass"] == "db.r7g.large"
    assert (
        "backup_retention_days 0 is not allowed" in databases(replicas=[{"name": "a"}], backup_retention_days=0)["msg"]
    )
    upgrade = {"engine_version": "17", "allow_version_upgrade": True, "allow_major_version_upgrade": True}
    assert "while there are replicas" in databases(**upgrade)["msg"]
    grown = databases(replicas=[{"name": "a"}], storage=200)
    assert not grown["failed"], grown["msg"]
    assert [shown(rds, name)["AllocatedStorage"] for name in instances(rds)] == [200, 200, 100]
    rds.promote_read_replica(DBInstanceIdentifier="mds-database-a")
    refused = databases(replicas=[{"name": "a"}], storage=200)
    assert "it is an instance of its own now" in refused["msg"], refused
    lab.clear_calls()
    gone = databases(storage=200, purge=True, credentials="secret")
    assert not gone["failed"], gone["msg"]
    # what was promoted holds data of its own
    assert instances(rds) == ["mds-database", "mds-database-a"]
    assert not databases(databases=[], purge=True)["changed"]


def test_somebody_else_s_is_refused(lab, rds, databases):
    rds.create_db_instance(
        DBInstanceIdentifier="mds-database", Engine="postgres", DBInstanceClass="db.t4g.medium", AllocatedStorage=20
    )
    lab.clear_calls()
    assert "so it is somebody else's; only a name that is free is allowed" in databases()["msg"]
    assert not databases(databases=[], state="absent")["changed"]
    assert lab.mutating() == []


def test_it_goes_when_it_is_not_protected_and_leaves_a_snapshot(lab, rds, databases):
    databases(deletion_protection=True, replicas=[{"name": "a"}])
    lab.clear_calls()
    refused = databases(databases=[], state="absent")
    assert "deletion protection is on for mds-database" in refused["msg"]
    assert lab.mutating() == []
    databases(replicas=[{"name": "a"}])
    assert [item["Name"] for item in lab.client("secretsmanager").list_secrets()["SecretList"]]
    planned = databases(check=True, databases=[], state="absent")
    gone = databases(databases=[], state="absent")
    assert not gone["failed"], gone["msg"]
    assert gone["actions"] == planned["actions"]
    assert instances(rds) == []
    (snapshot,) = rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    assert snapshot["DBSnapshotIdentifier"].startswith("mds-database-final-")
    assert rds.describe_db_subnet_groups()["DBSubnetGroups"] == []
    groups = rds.describe_db_parameter_groups()["DBParameterGroups"]
    assert [group for group in groups if not group["DBParameterGroupName"].startswith("default")] == []
    assert lab.client("secretsmanager").list_secrets()["SecretList"] == []


def picture(rds):
    """What there is, without what AWS chooses anew."""
    chosen = ("InstanceCreateTime", "DbiResourceId", "LatestRestorableTime", "MasterUserSecret")
    found = copy.deepcopy(
        sorted(rds.describe_db_instances()["DBInstances"], key=lambda item: item["DBInstanceIdentifier"])
    )
    return [{key: value for key, value in item.items() if key not in chosen} for item in found]


@pytest.mark.once
def test_killed_anywhere_the_next_run_finishes(lab, rds, databases):
    wanted = {"replicas": [{"name": "a"}], "storage": 120}
    databases()
    databases(**wanted)
    whole, calls = picture(rds), 0
    choice = random.Random(SEED)
    for _kill in range(KILLS):
        databases(databases=[], state="absent", final_snapshot=False)
        # from nothing, or from a smaller database without a replica
        if choice.random() < 0.4:
            databases()
        number, answered = choice.randint(4, 26), choice.random() < 0.5
        calls += run_killed(functools.partial(databases, **wanted), number, answered)
        finished = databases(**wanted)
        assert not finished["failed"], (number, answered, finished["msg"])
        assert picture(rds) == whole, (number, answered)
        assert not databases(**wanted)["changed"], (number, answered)
        assert len(lab.client("secretsmanager").list_secrets()["SecretList"]) == 1
    assert calls >= KILLS // 2
