"""RDS in the lab: the rules of AWS that an instance meets."""

from __future__ import annotations

import json

import pytest

from tests.lab.test_ec2 import code
from tests.lab.test_shapes import Recorder

BASIC = {
    "DBInstanceIdentifier": "one",
    "Engine": "postgres",
    "EngineVersion": "16.9",
    "DBInstanceClass": "db.t4g.medium",
    "AllocatedStorage": 100,
    "StorageType": "gp3",
    "MasterUsername": "root",
    "ManageMasterUserPassword": True,
    "BackupRetentionPeriod": 7,
}


@pytest.fixture
def rds(lab):
    return lab.client("rds")


def shown(rds, name="one"):
    return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


@pytest.fixture
def instance(rds):
    rds.create_db_instance(**BASIC)
    shown(rds)
    return "one"


def test_an_instance_passes_through_its_statuses(rds):
    rds.create_db_instance(**BASIC)
    first, second = shown(rds), shown(rds)
    assert (first["DBInstanceStatus"], second["DBInstanceStatus"]) == ("creating", "available")
    assert "Endpoint" not in first and second["Endpoint"]["Port"] == 5432
    assert (second["Iops"], second["StorageThroughput"]) == (3000, 125)
    assert code(rds.create_db_instance, **BASIC) == "DBInstanceAlreadyExists"
    gone = {"DBInstanceIdentifier": "one", "SkipFinalSnapshot": True}
    assert rds.delete_db_instance(**gone)["DBInstance"]["DBInstanceStatus"] == "deleting"
    assert code(rds.delete_db_instance, **gone) == "InvalidDBInstanceState"
    assert shown(rds)["DBInstanceStatus"] == "deleting"
    assert code(rds.describe_db_instances, DBInstanceIdentifier="one") == "DBInstanceNotFound"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"AllocatedStorage": 99}, "InvalidParameterCombination"),
        ({"Iops": 6000}, "InvalidParameterCombination"),
        ({"EngineVersion": "15.1"}, "InvalidParameterCombination"),
        ({"EngineVersion": "17.6"}, "InvalidParameterCombination"),
        ({"DBInstanceClass": "db.t1.huge"}, "InvalidParameterValue"),
        ({"DBParameterGroupName": "other"}, "DBParameterGroupNotFound"),
    ],
)
def test_what_cannot_be_is_refused(rds, instance, change, error):
    assert code(rds.modify_db_instance, DBInstanceIdentifier=instance, ApplyImmediately=True, **change) == error
    assert shown(rds)["AllocatedStorage"] == 100


def test_a_change_waits_unless_it_is_wanted_at_once(rds, instance):
    rds.modify_db_instance(DBInstanceIdentifier=instance, AllocatedStorage=105, MultiAZ=True)
    assert code(rds.modify_db_instance, DBInstanceIdentifier=instance, MultiAZ=True) == "InvalidDBInstanceState"
    shown(rds)
    found = shown(rds)
    assert (found["AllocatedStorage"], found["MultiAZ"]) == (100, False)
    assert found["PendingModifiedValues"] == {"AllocatedStorage": 110, "MultiAZ": True}
    rds.modify_db_instance(DBInstanceIdentifier=instance, ApplyImmediately=True)
    assert (shown(rds)["AllocatedStorage"], shown(rds)["PendingModifiedValues"]) == (110, {})


def test_a_replica_is_an_instance_of_its_own(rds, instance):
    replica = {"DBInstanceIdentifier": "two", "SourceDBInstanceIdentifier": "one"}
    # RDS makes none while it manages the password
    assert code(rds.create_db_instance_read_replica, **replica) == "InvalidParameterValue"
    own = {"ManageMasterUserPassword": False, "MasterUserPassword": "known-to-somebody"}
    rds.modify_db_instance(DBInstanceIdentifier="one", **own)
    shown(rds)
    rds.create_db_instance_read_replica(**replica, Tags=[{"Key": "a", "Value": "b"}])
    assert code(rds.create_db_instance_read_replica, **replica) == "DBInstanceAlreadyExists"
    assert code(rds.modify_db_instance, DBInstanceIdentifier="one", BackupRetentionPeriod=0) == "InvalidDBInstanceState"
    found = shown(rds, "two")
    assert (found["ReadReplicaSourceDBInstanceIdentifier"], found["TagList"]) == ("one", [{"Key": "a", "Value": "b"}])
    assert "MasterUserSecret" not in found and shown(rds)["TagList"] == []
    assert shown(rds)["ReadReplicaDBInstanceIdentifiers"] == ["two"]
    rds.delete_db_instance(DBInstanceIdentifier="two", SkipFinalSnapshot=True)
    assert shown(rds)["DBInstanceStatus"] == "available"


def test_the_managed_password_changes_when_it_is_asked(lab, rds, instance):
    secrets, arn = lab.client("secretsmanager"), shown(rds)["MasterUserSecret"]["SecretArn"]
    before = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    rotation = {"DBInstanceIdentifier": instance, "RotateMasterUserPassword": True, "ApplyImmediately": True}
    rds.modify_db_instance(**rotation)
    after = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    assert before["username"] == after["username"] == "root" and before["password"] != after["password"]
    assert shown(rds)["MasterUserSecret"]["SecretStatus"] == "rotating"


def test_groups_in_use_stay(lab, rds):
    subnets = lab.client("ec2").describe_subnets()["Subnets"]
    group = {"DBSubnetGroupName": "data", "DBSubnetGroupDescription": "data"}
    one_zone = [subnets[0]["SubnetId"]]
    assert code(rds.create_db_subnet_group, **group, SubnetIds=one_zone) == "DBSubnetGroupDoesNotCoverEnoughAZs"
    rds.create_db_subnet_group(**group, SubnetIds=[item["SubnetId"] for item in subnets[:2]])
    assert code(rds.create_db_subnet_group, **group, SubnetIds=one_zone) == "DBSubnetGroupAlreadyExists"
    parameters = {"DBParameterGroupName": "one", "DBParameterGroupFamily": "postgres16", "Description": "one"}
    rds.create_db_parameter_group(**parameters)
    rds.create_db_instance(**BASIC, DBSubnetGroupName="data", DBParameterGroupName="one")
    assert code(rds.delete_db_subnet_group, DBSubnetGroupName="data") == "InvalidDBSubnetGroupStateFault"
    assert code(rds.delete_db_parameter_group, DBParameterGroupName="one") == "InvalidDBParameterGroupState"
    static = {"ParameterName": "max_connections", "ParameterValue": "200", "ApplyMethod": "immediate"}
    change = {"DBParameterGroupName": "one", "Parameters": [static]}
    assert code(rds.modify_db_parameter_group, **change) == "InvalidParameterCombination"
    static["ApplyMethod"] = "pending-reboot"
    rds.modify_db_parameter_group(**change)
    shown(rds)
    assert shown(rds)["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    rds.reboot_db_instance(DBInstanceIdentifier="one")
    assert shown(rds)["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"


def test_answers_fit_the_model(lab):
    call = Recorder(lab, "rds")
    call("CreateDBParameterGroup", DBParameterGroupName="p", DBParameterGroupFamily="postgres16", Description="p")
    forced = {"ParameterName": "rds.force_ssl", "ParameterValue": "1", "ApplyMethod": "immediate"}
    call("ModifyDBParameterGroup", DBParameterGroupName="p", Parameters=[forced])
    call("DescribeDBParameters", DBParameterGroupName="p", Source="user")
    call("ResetDBParameterGroup", DBParameterGroupName="p", Parameters=[forced])
    call("DescribeEngineDefaultParameters", DBParameterGroupFamily="postgres16")
    call("DescribeDBEngineVersions", Engine="postgres", EngineVersion="16")
    call("DescribeOrderableDBInstanceOptions", Engine="postgres", DBInstanceClass="db.t4g.medium")
    call("CreateDBInstance", **BASIC, DBParameterGroupName="p", EnablePerformanceInsights=True)
    call("DescribeDBInstances")
    own = {"ManageMasterUserPassword": False, "MasterUserPassword": "known-to-somebody"}
    call("ModifyDBInstance", DBInstanceIdentifier="one", **own)
    call("DescribeDBInstances")
    call("CreateDBInstanceReadReplica", DBInstanceIdentifier="two", SourceDBInstanceIdentifier="one")
    call("ModifyDBInstance", DBInstanceIdentifier="one", MultiAZ=True)
    call("DescribeDBInstances")
    call("DescribeDBInstances")
    call("RebootDBInstance", DBInstanceIdentifier="one")
    call("DeleteDBInstance", DBInstanceIdentifier="two", SkipFinalSnapshot=True)
    call("DeleteDBInstance", DBInstanceIdentifier="one", FinalDBSnapshotIdentifier="one-final")
    assert [item["DBSnapshotIdentifier"] for item in call("DescribeDBSnapshots", SnapshotType="manual")["DBSnapshots"]]
