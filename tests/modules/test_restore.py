"""The modules backup_jobs, restore and restore_drill against the lab; looked at with plain boto3."""

from __future__ import annotations

import json
import os
import random

import botocore.client
import pytest

from tests.modules import backup_lab as own
from tests.modules.killing import run_killed

UNKNOWN = "(known after apply)"


# the lab's jobs go on by looks, not by time
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def platform(lab):
    own.make_vault(lab)
    return lab


@pytest.fixture
def back_up(platform, run_module):
    def run(check=False, **options):
        return run_module("backup_jobs", check, platform="mds", wait_timeout=5, **options)

    return run


@pytest.fixture
def restore(platform, run_module):
    def run(kind, name, check=False, **options):
        return run_module("restore", check, platform="mds", kind=kind, name=name, wait_timeout=5, **options)

    return run


@pytest.fixture
def drill(platform, run_module):
    def run(check=False, **options):
        return run_module("restore_drill", check, platform="mds", wait_timeout=5, **options)

    return run


def notes(lab) -> dict[str, str]:
    """What is noted as under way in the vault's tags."""
    arn = f"arn:aws:backup:ap-southeast-2:123456789012:backup-vault:{own.NAME}"
    tags = lab.client("backup").list_tags(ResourceArn=arn)["Tags"]
    return {key: value for key, value in tags.items() if "restore" in key}


def volume_tags(lab) -> dict[str, dict[str, str]]:
    found = lab.client("ec2").describe_volumes(Filters=[{"Name": "size", "Values": ["10"]}])["Volumes"]
    return {each["VolumeId"]: {tag["Key"]: tag["Value"] for tag in each.get("Tags", [])} for each in found}


def databases(lab) -> dict[str, dict]:
    found = lab.client("rds").describe_db_instances()["DBInstances"]
    return {each["DBInstanceIdentifier"]: each for each in found}


# --- backups now ----------------------------------------------------------------------------------------------------


def test_everything_of_the_platform_is_backed_up(lab, back_up):
    own.make_volume(lab)
    own.make_database(lab)
    own.make_table(lab, 1)
    own.make_bucket(lab)
    # somebody else's, and a host's root volume
    ec2 = lab.client("ec2")
    ec2.create_volume(AvailabilityZone=own.ZONE, Size=1)
    root = ec2.create_volume(AvailabilityZone=own.ZONE, Size=1)["VolumeId"]
    ec2.create_tags(Resources=[root], Tags=own.owned("admin"))
    lab.clear_calls()
    planned = back_up(check=True)
    assert lab.mutating() == []
    made = back_up(delete_after_days=35)
    assert made["actions"] == planned["actions"]
    assert [(each["kind"], each["name"]) for each in made["backups"]] == [
        ("bucket", "attachments"),
        ("database", own.DATABASE),
        ("table", "sessions"),
        ("volume", "files"),
    ]
    found = lab.client("backup").list_recovery_points_by_backup_vault(BackupVaultName=own.NAME)["RecoveryPoints"]
    assert {each["RecoveryPointArn"] for each in found} == {each["recovery_point"] for each in made["backups"]}
    assert {each["Status"] for each in found} == {"COMPLETED"}
    assert {each["Lifecycle"]["DeleteAfterDays"] for each in found} == {35}


def test_one_under_way_is_waited_for(lab, back_up):
    volume, unused_host = own.make_volume(lab)
    arn = f"arn:aws:ec2:ap-southeast-2:123456789012:volume/{volume}"
    request = {"BackupVaultName": own.NAME, "ResourceArn": arn, "IamRoleArn": own.role_arn(lab)}
    started = lab.client("backup").start_backup_job(**request)["RecoveryPointArn"]
    made = back_up()
    assert not made["changed"]
    assert [each["recovery_point"] for each in made["backups"]] == [started]


def test_what_is_not_there_is_named(lab, back_up):
    own.make_volume(lab)
    refused = back_up(resources=[{"kind": "volume", "name": "filse"}])
    assert "volume 'filse' is not there" in refused["msg"]
    assert "there are: files." in refused["msg"]


# --- restores -------------------------------------------------------------------------------------------------------


def test_a_volume_is_swapped_in(lab, back_up, restore, run_module):
    old, host = own.make_volume(lab)
    back_up()
    ec2 = lab.client("ec2")
    lab.clear_calls()
    assert f"is attached to {host}, which is running" in restore("volume", "files")["msg"]
    assert f"is attached to {host}, which is running" in restore("volume", "files", check=True)["msg"]
    assert lab.mutating() == []
    planned = restore("volume", "files", check=True, if_running="stop")
    assert lab.mutating() == []
    assert planned["actions"][1]["fields"] == {"id": {"before": old, "after": UNKNOWN}}
    made = restore("volume", "files", if_running="stop")
    assert made["actions"] == planned["actions"]
    new = made["restored"]["id"]
    assert made["restored"]["kept"] == [old]
    assert made["restored"]["notes"] == [f"{host} is stopped; start it."]
    (found,) = ec2.describe_volumes(VolumeIds=[new])["Volumes"]
    assert found["Attachments"][0]["InstanceId"] == host
    assert (found["VolumeType"], found["Size"], found["Encrypted"]) == ("gp3", 10, True)
    assert made["restored"]["recovery_point"].endswith(found["SnapshotId"])
    tags = volume_tags(lab)
    assert list(tags[old]) == ["Name"]
    assert tags[old]["Name"].startswith("mds-files-before-")
    assert tags[new] == {
        tag["Key"]: tag["Value"] for tag in own.owned("files", **{"mydigitalstructure:kind": "volume"})
    }
    assert (len(tags), notes(lab)) == (2, {})
    # the module that keeps volumes takes it for its own
    declared = [{"name": "files", "zone": own.ZONE, "size": 10}]
    assert not run_module("volumes", platform="mds", volumes=declared, wait_timeout=5)["changed"]
    # the points of the old one are still found
    again = restore("volume", "files", check=True)
    assert again["restored"]["recovery_point"] == made["restored"]["recovery_point"]


def test_a_database_is_swapped_in(lab, back_up, restore):
    own.make_database(lab)
    secret = databases(lab)[own.DATABASE]["MasterUserSecret"]["SecretArn"]
    rds = lab.client("rds")
    family = f"postgres{databases(lab)[own.DATABASE]['EngineVersion'].partition('.')[0]}"
    rds.create_db_parameter_group(DBParameterGroupName="ours", DBParameterGroupFamily=family, Description="TLS")
    rds.modify_db_instance(
        DBInstanceIdentifier=own.DATABASE,
        DBParameterGroupName="ours",
        CloudwatchLogsExportConfiguration={"EnableLogTypes": ["postgresql"]},
        ApplyImmediately=True,
    )
    own.wait_for_database(lab)
    back_up()
    lab.client("rds").modify_db_instance(DBInstanceIdentifier=own.DATABASE, AllocatedStorage=40, ApplyImmediately=True)
    lab.clear_calls()
    planned = restore("database", own.DATABASE, check=True)
    assert lab.mutating() == []
    made = restore("database", own.DATABASE)
    assert made["actions"] == planned["actions"]
    (aside,) = made["restored"]["kept"]
    found = databases(lab)
    assert set(found) == {own.DATABASE, aside}
    new, old = found[own.DATABASE], found[aside]
    assert aside.startswith("mds-database-before-")
    assert (new["AllocatedStorage"], old["AllocatedStorage"]) == (20, 40)
    assert (new["BackupRetentionPeriod"], new["DeletionProtection"], new["StorageEncrypted"]) == (7, True, True)
    assert not new.get("PubliclyAccessible")
    # in force, not only named
    assert new["DBParameterGroups"] == [{"DBParameterGroupName": "ours", "ParameterApplyStatus": "in-sync"}]
    assert new["EnabledCloudwatchLogsExports"] == ["postgresql"]
    assert sorted(new["TagList"], key=str) == sorted(own.owned("database"), key=str)
    assert [tag["Key"] for tag in old["TagList"]] == ["Name"]
    assert new["MasterUserSecret"]["SecretArn"] in made["restored"]["notes"][0]
    assert new["MasterUserSecret"]["SecretArn"] != secret
    assert notes(lab) == {}


def test_a_database_gets_the_master_password_that_the_secret_holds(lab, back_up, restore, monkeypatch):
    """The recovery point has the one of then; the secret is the platform's, as with replicas."""
    own.make_database(lab)
    rds, sent = lab.client("rds"), []
    rds.modify_db_instance(
        DBInstanceIdentifier=own.DATABASE, ManageMasterUserPassword=False, MasterUserPassword="an-example-only-1"
    )
    own.wait_for_database(lab)
    back_up()
    lab.client("secretsmanager").create_secret(
        Name="mds/database/database", SecretString='{"password": "of-today-only-1"}', Tags=own.owned("database")
    )
    call = botocore.client.BaseClient._make_api_call

    def seen(client, operation, options):
        if operation == "ModifyDBInstance" and "MasterUserPassword" in options:
            sent.append((options["DBInstanceIdentifier"], options["MasterUserPassword"]))
        return call(client, operation, options)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", seen)
    made = restore("database", own.DATABASE)
    assert not made["failed"], made
    ((copy, password),) = sent
    assert copy.startswith("mds-database-restored-") and password == "of-today-only-1"
    assert "of-today-only-1" not in json.dumps(made)


def test_a_tables_items_are_written_back(lab, back_up, restore):
    own.make_table(lab)
    back_up()
    dynamodb = lab.client("dynamodb")
    for number in range(30):
        dynamodb.put_item(TableName=own.TABLE, Item=own.item(number, "after"))
    dynamodb.delete_item(TableName=own.TABLE, Key={"id": {"S": "040"}})
    dynamodb.put_item(TableName=own.TABLE, Item=own.item(99, "new"))
    now = own.items(lab)
    lab.clear_calls()
    planned = restore("table", "sessions", check=True)
    assert lab.mutating() == []
    made = restore("table", "sessions")
    assert made["actions"] == planned["actions"]
    assert own.items(lab) == {f"{number:03}": "before" for number in range(60)}
    assert made["restored"]["notes"] == ["31 items were written back, 1 deleted; 29 were as they had been."]
    assert dynamodb.list_tables()["TableNames"] == [own.TABLE]
    assert notes(lab) == {}
    dynamodb.restore_table_from_backup(TargetTableName="kept", BackupArn=made["restored"]["kept"][0])
    assert own.items(lab, "kept") == now


def test_a_prefix_is_copied_back(lab, back_up, restore):
    own.make_bucket(lab)
    back_up()
    s3 = lab.client("s3")
    s3.put_object(Bucket=own.BUCKET, Key="one/a", Body=b"after!")
    s3.delete_object(Bucket=own.BUCKET, Key="one/b")
    s3.put_object(Bucket=own.BUCKET, Key="one/c", Body=b"new")
    s3.put_object(Bucket=own.BUCKET, Key="two/a", Body=b"stays!")
    lab.clear_calls()
    planned = restore("bucket", "attachments", check=True, prefix="one/")
    assert [call for call in lab.mutating() if call["service"] != "s3" or call["operation"] != "HeadBucket"] == []
    made = restore("bucket", "attachments", prefix="one/")
    assert made["actions"] == planned["actions"]
    assert own.objects(lab) == {"one/a": b"before", "one/b": b"before", "two/a": b"stays!"}
    assert s3.get_object(Bucket=own.BUCKET, Key="one/b")["Metadata"] == {"who": "me"}
    former = s3.list_object_versions(Bucket=own.BUCKET, Prefix="one/a")["Versions"]
    assert len(former) == 3
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [own.BUCKET]
    assert notes(lab) == {}


def test_a_copy_may_stay_beside(lab, back_up, restore):
    own.make_table(lab, 3)
    back_up()
    lab.client("dynamodb").put_item(TableName=own.TABLE, Item=own.item(0, "after"))
    made = restore("table", "sessions", swap=False)
    assert [action["kind"] for action in made["actions"]] == ["restored_copy"]
    assert own.items(lab, made["restored"]["id"])["000"] == "before"
    assert own.items(lab)["000"] == "after"
    assert notes(lab) == {}


def test_the_newest_point_that_is_not_later_is_taken(lab, back_up, restore):
    own.make_table(lab, 1)
    first = back_up()["backups"][0]
    lab.advance(3600)
    lab.client("dynamodb").put_item(TableName=own.TABLE, Item=own.item(0, "after"))
    back_up()
    planned = restore("table", "sessions", check=True, moment=first["created"])
    assert planned["restored"]["recovery_point"] == first["recovery_point"]
    refused = restore("table", "sessions", moment="2020-01-01T00:00:00Z")
    assert "no recovery point of table sessions is of then or before" in refused["msg"]
    assert f"there are those of {first['created']}" in refused["msg"]


def test_what_has_expired_is_refused(lab, back_up, restore):
    own.make_table(lab, 1)
    first = back_up(delete_after_days=1)["backups"][0]
    lab.advance(2 * 86400)
    refused = restore("table", "sessions", moment=first["created"])
    assert "has expired; there is none at all; playbook backup makes one." in refused["msg"]


@pytest.mark.parametrize(
    ("kind", "name", "options", "words"),
    [
        ("bucket", "attachments", {}, "prefix: it is missing"),
        ("table", "sessions", {"prefix": "a"}, "prefix: 'a' is not allowed with kind table"),
        ("table", "none", {}, "table none (mds-none) is not there to be restored; playbook provision makes it"),
        ("table", "sessions", {"moment": "yesterday"}, "moment: 'yesterday' is not allowed; latest is"),
        ("table", "sessions", {"moment": "2999-01-01"}, "is in the future"),
        ("volume", "none", {}, "volume 'none' is not there"),
    ],
)
def test_what_cannot_be_restored(lab, restore, kind, name, options, words):
    own.make_table(lab, 1)
    lab.clear_calls()
    assert words in restore(kind, name, **options)["msg"]
    assert lab.mutating() == []


def test_replicas_and_unversioned_buckets_are_refused(lab, back_up, restore):
    own.make_database(lab)
    own.make_bucket(lab)
    back_up()
    suspended = {"Status": "Suspended"}
    lab.client("s3").put_bucket_versioning(Bucket=own.BUCKET, VersioningConfiguration=suspended)
    assert "or is a bucket without versioning" in restore("bucket", "attachments", prefix="")["msg"]
    assert [each["name"] for each in back_up()["backups"]] == [own.DATABASE]
    rds, replica = lab.client("rds"), {"DBInstanceIdentifier": "replica", "SourceDBInstanceIdentifier": own.DATABASE}
    # RDS makes no replica of a database whose password it manages
    rds.modify_db_instance(
        DBInstanceIdentifier=own.DATABASE,
        ManageMasterUserPassword=False,
        MasterUserPassword="an-example-only-1",
        ApplyImmediately=True,
    )
    own.wait_for_database(lab)
    rds.create_db_instance_read_replica(**replica)
    assert "has read replicas (replica)" in restore("database", own.DATABASE)["msg"]
    assert notes(lab) == {}


def test_a_restore_that_fails_is_told_and_begun_anew(lab, back_up, restore):
    own.make_table(lab, 1)
    back_up()
    lab.client("iam").delete_role(RoleName=own.NAME)
    assert "cannot be assumed" in restore("table", "sessions")["msg"]
    own.role_arn(lab)
    assert restore("table", "sessions")["restored"]["kept"]
    assert notes(lab) == {}


# --- drills ---------------------------------------------------------------------------------------------------------


def test_a_drill_tries_everything_and_leaves_nothing(lab, back_up, drill):
    own.make_volume(lab)
    own.make_database(lab)
    own.make_table(lab, 5)
    own.make_bucket(lab)
    back_up()
    lab.clear_calls()
    planned = drill(check=True)
    assert lab.mutating() == []
    made = drill()
    assert made["actions"] == planned["actions"]
    assert made["failed_drills"] == []
    seen = {each["kind"]: each["seen"] for each in made["drills"]}
    assert (seen["volume"]["size"], seen["database"]["size"], seen["table"]["items"]) == (10, 20, 5)
    assert (seen["bucket"]["objects"], seen["bucket"]["size"]) == (3, 18)
    assert all(each["passed"] and each["seconds"] >= 0 for each in made["drills"])
    assert len(volume_tags(lab)) == 1
    assert set(databases(lab)) == {own.DATABASE}
    assert lab.client("dynamodb").list_tables()["TableNames"] == [own.TABLE]
    assert [bucket["Name"] for bucket in lab.client("s3").list_buckets()["Buckets"]] == [own.BUCKET]
    assert notes(lab) == {}


def test_a_drill_that_fails_is_told(lab, back_up, drill):
    own.make_bucket(lab)
    own.make_table(lab, 1)
    back_up(resources=[{"kind": "bucket", "name": "attachments"}])
    made = drill()
    assert [each["passed"] for each in made["drills"]] == [True, False]
    (sentence,) = made["failed_drills"]
    assert sentence.startswith("table sessions: moment: 'latest': no recovery point of table sessions")


# --- killed ---------------------------------------------------------------------------------------------------------


SEED = int(os.environ.get("RESTORE_SEED", "20266"))
MAKE = {"volume": own.make_volume, "database": own.make_database, "table": own.make_table, "bucket": own.make_bucket}
NAMES = {"volume": "files", "database": own.DATABASE, "table": "sessions", "bucket": "attachments"}
OPTIONS = {"volume": {"if_running": "stop"}, "bucket": {"prefix": ""}}


def state(lab) -> tuple:
    """How many of each kind there are, and what those with data hold."""
    tables = lab.client("dynamodb").list_tables()["TableNames"]
    buckets = [bucket["Name"] for bucket in lab.client("s3").list_buckets()["Buckets"]]
    held = (own.items(lab) if tables else None, own.objects(lab) if buckets else None)
    return len(volume_tags(lab)), len(databases(lab)), tables, buckets, held


@pytest.mark.once
@pytest.mark.parametrize(("kind", "calls"), [("volume", 13), ("database", 10), ("table", 9), ("bucket", 9)])
def test_killed_at_any_call_the_next_run_ends_it(lab, back_up, restore, kind, calls):
    """Before the call after StartRestoreJob, and others each time; ``calls`` are what the kind makes at least."""
    MAKE[kind](lab)
    back_up()
    (point,) = lab.client("backup").list_recovery_points_by_backup_vault(BackupVaultName=own.NAME)["RecoveryPoints"]
    options = OPTIONS.get(kind, {})
    print(f"RESTORE_SEED={SEED}")
    for jobs, number in enumerate([3, 4, random.Random(f"{SEED} {kind}").randint(5, calls)], 1):
        before = state(lab)
        if kind == "volume":
            hosts = lab.client("ec2").describe_instances()["Reservations"]
            lab.client("ec2").start_instances(InstanceIds=[each["Instances"][0]["InstanceId"] for each in hosts])
        if kind == "table":
            lab.client("dynamodb").put_item(TableName=own.TABLE, Item=own.item(1, "after"))
        if kind == "bucket":
            lab.client("s3").put_object(Bucket=own.BUCKET, Key="one/a", Body=b"after!")
        assert run_killed(lambda: restore(kind, NAMES[kind], **options), number, False, changing=True), number
        ended = restore(kind, NAMES[kind], **options)
        assert not ended["failed"], (number, ended["msg"])
        assert notes(lab) == {}, number
        assert len(lab.client("backup").list_restore_jobs()["RestoreJobs"]) == jobs, number
        after = state(lab)
        # one is kept beside each volume and database that was swapped in, and nothing is there twice
        added = 1 if kind in ("volume", "database") else 0
        assert sum(after[:2]) == sum(before[:2]) + added, number
        assert after[2:4] == before[2:4], number
        if kind in ("table", "bucket"):
            texts = next(held for held in after[4] if held)
            assert set(texts.values()) <= {"before", b"before"}, number
        if kind == "volume":
            named = [{"Name": "tag:mydigitalstructure:name", "Values": ["files"]}]
            (found,) = lab.client("ec2").describe_volumes(Filters=named)["Volumes"]
            assert len(found["Attachments"]) == 1, number
            assert point["RecoveryPointArn"].endswith(found["SnapshotId"]), number
        if kind == "database":
            assert own.DATABASE in databases(lab), number


@pytest.mark.once
@pytest.mark.parametrize("number", [3, 6])
def test_a_killed_drill_is_cleaned_by_the_next(lab, back_up, drill, number):
    for make in MAKE.values():
        make(lab)
    back_up()
    before = state(lab)
    assert run_killed(drill, number, False, changing=True)
    made = drill()
    assert made["failed_drills"] == []
    assert (state(lab), notes(lab)) == (before, {})
