"""What the tests of backups and restores share: a role, a vault, and one resource of each kind."""

from __future__ import annotations

import json

NAME = "mds-backups"
DAILY = {"name": "daily", "schedule": "cron(0 15 ? * * *)", "delete_after_days": 35}
ZONE = "ap-southeast-2a"
DATABASE, TABLE, BUCKET = "mds-database", "mds-sessions", "mds-123456789012-attachments"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def role_arn(lab) -> str:
    """The role of AWS Backup, made unless it is there."""
    iam = lab.client("iam")
    for role in iam.list_roles()["Roles"]:
        if role["RoleName"] == NAME:
            return role["Arn"]
    made = iam.create_role(RoleName=NAME, Path="/mds/backups/", AssumeRolePolicyDocument=json.dumps(TRUST))
    return made["Role"]["Arn"]


def owned(name: str, **more: str) -> list[dict[str, str]]:
    """The tags of a thing of the platform's."""
    tags = {"Name": f"mds-{name}", "mydigitalstructure:platform": "mds", "mydigitalstructure:name": name, **more}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def make_vault(lab) -> None:
    """The role and the vault, as role backups makes them."""
    role_arn(lab)
    tags = {"mydigitalstructure:platform": "mds"}
    lab.client("backup").create_backup_vault(BackupVaultName=NAME, BackupVaultTags=tags)


def make_volume(lab) -> tuple[str, str]:
    """The platform's volume, attached to a host: their ids."""
    ec2 = lab.client("ec2")
    tags = owned("files", **{"mydigitalstructure:kind": "volume"})
    specification = [{"ResourceType": "volume", "Tags": tags}]
    request = {"AvailabilityZone": ZONE, "Size": 10, "VolumeType": "gp3", "Encrypted": True}
    volume = ec2.create_volume(**request, TagSpecifications=specification)["VolumeId"]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    where = {"AvailabilityZone": ZONE}
    host = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, Placement=where)["Instances"][0]["InstanceId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=host, Device="/dev/sdf")
    return volume, host


def make_database(lab) -> None:
    lab.client("rds").create_db_instance(
        DBInstanceIdentifier=DATABASE,
        Engine="postgres",
        DBInstanceClass="db.t4g.small",
        AllocatedStorage=20,
        StorageEncrypted=True,
        BackupRetentionPeriod=7,
        DeletionProtection=True,
        MasterUsername="mds",
        ManageMasterUserPassword=True,
        Tags=owned("database"),
    )
    wait_for_database(lab)


def wait_for_database(lab) -> None:
    waiter = lab.client("rds").get_waiter("db_instance_available")
    waiter.wait(DBInstanceIdentifier=DATABASE, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def make_table(lab, count: int = 60) -> None:
    dynamodb = lab.client("dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=owned("sessions"),
    )
    dynamodb.get_waiter("table_exists").wait(TableName=TABLE)
    for number in range(count):
        dynamodb.put_item(TableName=TABLE, Item=item(number, "before"))


def item(number: int, text: str) -> dict:
    return {"id": {"S": f"{number:03}"}, "text": {"S": text}, "set": {"SS": ["b", "a"]}}


def items(lab, table: str = TABLE) -> dict[str, str]:
    """What the table holds: texts by id."""
    found = lab.client("dynamodb").scan(TableName=table)["Items"]
    return {each["id"]["S"]: each["text"]["S"] for each in found}


def make_bucket(lab) -> None:
    s3 = lab.client("s3")
    where = {"LocationConstraint": "ap-southeast-2", "Tags": owned("attachments")}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for key in ("one/a", "one/b", "two/a"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"before", Metadata={"who": "me"})


def objects(lab) -> dict[str, bytes]:
    """What the bucket holds."""
    s3 = lab.client("s3")
    listed = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {each["Key"]: s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in listed}
