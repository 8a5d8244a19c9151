"""AWS Backup in the lab: what moto lacks, by boto3; restored resources hold what was backed up."""

from __future__ import annotations

import json

import pytest

from tests.lab import shapes
from tests.lab.test_ec2 import code

ROLE = {"Version": "2012-10-17", "Statement": []}
HERE = {"LocationConstraint": "ap-southeast-2"}


@pytest.fixture
def backup(lab):
    """AWS Backup with a vault; every answer is held against botocore's model."""
    client = lab.client("backup")

    def look(parsed, model, **unused):
        if "Error" not in parsed:
            assert shapes.missing_members(model.output_shape, parsed) == []

    client.meta.events.register("after-call.backup", look, unique_id="shapes")
    client.create_backup_vault(BackupVaultName="mds")
    yield client
    client.meta.events.unregister("after-call.backup", unique_id="shapes")


@pytest.fixture
def role(lab):
    return lab.client("iam").create_role(RoleName="backup", AssumeRolePolicyDocument=json.dumps(ROLE))["Role"]["Arn"]


@pytest.fixture
def backed_up(backup, role):
    """Back a resource up; the recovery point's ARN."""

    def run(arn: str, **options) -> str:
        job = backup.start_backup_job(BackupVaultName="mds", ResourceArn=arn, IamRoleArn=role, **options)
        states = [backup.describe_backup_job(BackupJobId=job["BackupJobId"])["State"] for look in range(3)]
        assert states == ["CREATED", "RUNNING", "COMPLETED"]
        return job["RecoveryPointArn"]

    return run


@pytest.fixture
def restored(backup, role):
    """Restore a recovery point; the last answer about its job."""

    def run(point: str, **metadata: str) -> dict:
        job = backup.start_restore_job(RecoveryPointArn=point, Metadata=metadata, IamRoleArn=role)["RestoreJobId"]
        answers = [backup.describe_restore_job(RestoreJobId=job) for look in range(3)]
        assert answers[0]["Status"] == "PENDING"
        return answers[-1]

    return run


def rule(**more) -> dict:
    return {"RuleName": "daily", "TargetBackupVaultName": "mds", **more}


def test_a_plan_changes_and_goes_after_its_selections(backup, role):
    plan = {"BackupPlanName": "mds", "Rules": [rule()]}
    made = backup.create_backup_plan(BackupPlan=plan, CreatorRequestId="one")["BackupPlanId"]
    assert backup.create_backup_plan(BackupPlan=plan, CreatorRequestId="one")["BackupPlanId"] == made
    assert code(backup.create_backup_plan, BackupPlan=plan) == "AlreadyExistsException"
    plan["Rules"] = [rule(Lifecycle={"MoveToColdStorageAfterDays": 10, "DeleteAfterDays": 99})]
    assert code(backup.update_backup_plan, BackupPlanId=made, BackupPlan=plan) == "InvalidParameterValueException"
    plan["Rules"][0]["Lifecycle"]["DeleteAfterDays"] = 100
    backup.update_backup_plan(BackupPlanId=made, BackupPlan=plan)
    found = backup.get_backup_plan(BackupPlanId=made)["BackupPlan"]["Rules"][0]
    assert (found["Lifecycle"]["DeleteAfterDays"], found["StartWindowMinutes"]) == (100, 480)
    selection = {"SelectionName": "all", "IamRoleArn": role, "Resources": ["*"]}
    chosen = backup.create_backup_selection(BackupPlanId=made, BackupSelection=selection)["SelectionId"]
    told = backup.get_backup_selection(BackupPlanId=made, SelectionId=chosen)["BackupSelection"]
    assert (told["Resources"], told["Conditions"]["StringLike"]) == (["*"], [])
    (listed,) = backup.list_backup_selections(BackupPlanId=made)["BackupSelectionsList"]
    assert (listed["SelectionName"], listed["IamRoleArn"]) == ("all", role)
    assert code(backup.delete_backup_plan, BackupPlanId=made) == "InvalidRequestException"
    backup.delete_backup_selection(BackupPlanId=made, SelectionId=chosen)
    backup.delete_backup_plan(BackupPlanId=made)
    assert backup.list_backup_plans()["BackupPlansList"] == []


def test_a_volume_comes_back(lab, backup, backed_up, restored):
    ec2 = lab.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="ap-southeast-2a", Size=10)["VolumeId"]
    point = backed_up(f"arn:aws:ec2:ap-southeast-2:123456789012:volume/{volume}")
    assert backup.describe_recovery_point(BackupVaultName="mds", RecoveryPointArn=point)["Status"] == "COMPLETED"
    metadata = backup.get_recovery_point_restore_metadata(BackupVaultName="mds", RecoveryPointArn=point)
    assert metadata["RestoreMetadata"]["volumeId"] == volume
    job = restored(point, availabilityZone="ap-southeast-2b", encrypted="true")
    (made,) = ec2.describe_volumes(VolumeIds=[job["CreatedResourceArn"].rpartition("/")[2]])["Volumes"]
    assert (made["Size"], made["Encrypted"], made["AvailabilityZone"]) == (10, True, "ap-southeast-2b")
    assert point.endswith(made["SnapshotId"])


def test_a_database_comes_back_beside_the_live_one(lab, backed_up, restored):
    rds = lab.client("rds")
    one = {"DBInstanceIdentifier": "one", "Engine": "postgres", "DBInstanceClass": "db.t4g.small"}
    arn = rds.create_db_instance(**one, AllocatedStorage=20, MasterUsername="m", MasterUserPassword="longenough")
    rds.get_waiter("db_instance_available").wait(
        DBInstanceIdentifier="one", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    point = backed_up(arn["DBInstance"]["DBInstanceArn"])
    rds.modify_db_instance(DBInstanceIdentifier="one", AllocatedStorage=40)
    job = restored(point, DBInstanceIdentifier="two")
    assert job["Status"] == "COMPLETED", job
    (made,) = rds.describe_db_instances(DBInstanceIdentifier="two")["DBInstances"]
    assert (made["AllocatedStorage"], made["TagList"]) == (20, [])
    assert restored(point, DBInstanceIdentifier="two")["Status"] == "FAILED"


def test_a_table_comes_back_with_its_items(lab, backed_up, restored):
    dynamodb = lab.client("dynamodb")
    key = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
    key["AttributeDefinitions"] = [{"AttributeName": "id", "AttributeType": "S"}]
    arn = dynamodb.create_table(TableName="one", **key)["TableDescription"]["TableArn"]
    dynamodb.put_item(TableName="one", Item={"id": {"S": "a"}})
    point = backed_up(arn)
    dynamodb.delete_item(TableName="one", Key={"id": {"S": "a"}})
    restored(point, targetTableName="two")
    assert dynamodb.scan(TableName="two")["Items"] == [{"id": {"S": "a"}}]


def test_a_bucket_comes_back_where_nothing_is(lab, backed_up, restored):
    s3 = lab.client("s3")
    for bucket in ("one", "two"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=HERE)
    s3.put_object(Bucket="one", Key="a/b", Body=b"before", Metadata={"who": "me"})
    assert code(lambda: backed_up("arn:aws:s3:::one")) == "InvalidParameterValueException"
    s3.put_bucket_versioning(Bucket="one", VersioningConfiguration={"Status": "Enabled"})
    point = backed_up("arn:aws:s3:::one")
    s3.put_object(Bucket="one", Key="a/b", Body=b"after")
    restored(point, DestinationBucketName="two", NewBucket="false")
    found = s3.get_object(Bucket="two", Key="a/b")
    assert (found["Body"].read(), found["Metadata"]) == (b"before", {"who": "me"})


def test_points_are_told_until_they_expire_and_keep_their_vault(lab, backup, role, backed_up):
    volume = lab.client("ec2").create_volume(AvailabilityZone="ap-southeast-2a", Size=10)["VolumeId"]
    arn = f"arn:aws:ec2:ap-southeast-2:123456789012:volume/{volume}"
    point = backed_up(arn, Lifecycle={"DeleteAfterDays": 7}, RecoveryPointTags={"who": "me"})
    assert backup.list_tags(ResourceArn=point)["Tags"] == {"who": "me"}
    (told,) = backup.list_recovery_points_by_resource(ResourceArn=arn)["RecoveryPoints"]
    assert told["RecoveryPointArn"] == point
    (told,) = backup.list_recovery_points_by_backup_vault(BackupVaultName="mds", ByResourceType="EBS")["RecoveryPoints"]
    assert told["CalculatedLifecycle"]["DeleteAt"] > told["CreationDate"]
    assert code(backup.delete_backup_vault, BackupVaultName="mds") == "InvalidRequestException"
    backup.put_backup_vault_lock_configuration(BackupVaultName="mds", MinRetentionDays=5)
    request = {"BackupVaultName": "mds", "RecoveryPointArn": point}
    assert code(backup.delete_recovery_point, **request) == "InvalidRequestException"
    lab.advance(8 * 86400)
    assert backup.list_recovery_points_by_resource(ResourceArn=arn)["RecoveryPoints"] == []
    assert code(backup.describe_recovery_point, **request) == "ResourceNotFoundException"
    backup.delete_backup_vault(BackupVaultName="mds")


def test_a_token_starts_one_job(lab, backup, role, backed_up):
    volume = lab.client("ec2").create_volume(AvailabilityZone="ap-southeast-2a", Size=10)["VolumeId"]
    arn = f"arn:aws:ec2:ap-southeast-2:123456789012:volume/{volume}"
    request = {"BackupVaultName": "mds", "ResourceArn": arn, "IamRoleArn": role, "IdempotencyToken": "one"}
    assert backup.start_backup_job(**request)["BackupJobId"] == backup.start_backup_job(**request)["BackupJobId"]
    assert len(backup.list_backup_jobs(ByResourceArn=arn)["BackupJobs"]) == 1
    request["ResourceArn"] = "arn:aws:s3:::none"
    assert code(backup.start_backup_job, **request) == "InvalidParameterValueException"
    point = backed_up(arn)
    request = {
        "RecoveryPointArn": point,
        "Metadata": {"availabilityZone": "ap-southeast-2a"},
        "IdempotencyToken": "one",
    }
    first, second = (backup.start_restore_job(**request, IamRoleArn=role)["RestoreJobId"] for attempt in range(2))
    assert first == second
    assert len(backup.list_restore_jobs()["RestoreJobs"]) == 1


@pytest.mark.parametrize(
    ("arn", "role_arn", "refusal"),
    [
        ("arn:aws:ec2:ap-southeast-2:123456789012:volume/vol-1", None, "ResourceNotFoundException"),
        ("arn:aws:s3:::none", "arn:aws:iam::123456789012:role/none", "InvalidParameterValueException"),
    ],
)
def test_what_is_not_there_is_not_backed_up(backup, role, arn, role_arn, refusal):
    request = {"BackupVaultName": "mds", "ResourceArn": arn, "IamRoleArn": role_arn or role}
    assert code(backup.start_backup_job, **request) == refusal


def test_types_are_opted_in_and_out(backup):
    assert backup.describe_region_settings()["ResourceTypeOptInPreference"]["S3"]
    backup.update_region_settings(ResourceTypeOptInPreference={"S3": False})
    assert not backup.describe_region_settings()["ResourceTypeOptInPreference"]["S3"]
