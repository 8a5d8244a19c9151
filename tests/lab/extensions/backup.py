"""AWS Backup: selections, plans that change, jobs, recovery points and restores, which moto lacks.

A job is CREATED, RUNNING and COMPLETED, one step at each look (a description or a list). A recovery point holds what
moto holds of the resource at that moment: a volume's size, a database's, a table's items, a bucket's current objects.
A restore makes a real resource of moto's EC2, RDS, DynamoDB or S3. A point is gone once its retention is over by the
lab's clock. Plans make no jobs by themselves.
"""

from __future__ import annotations

import base64
import copy
import datetime
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from moto.backup.models import BackupBackend, Plan, backup_backends
from moto.backup.responses import BackupResponse
from moto.backup.urls import url_paths
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.core.responses import ActionResult
from moto.core.utils import get_service_model
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Backup, RestoredTable
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.rds.models import rds_backends
from moto.s3.models import s3_backends

from ..clock import CLOCK

STEPS = ("CREATED", "RUNNING", "COMPLETED")
COLD_DAYS = 90
PAGE = 1000
OPTED = ("Aurora", "DynamoDB", "EBS", "EC2", "EFS", "RDS", "S3")
Asked = dict[str, Any]


def error(code: str, message: str, status: int = 400) -> JsonRESTError:
    made = JsonRESTError(code, message)
    made.code = status
    return made


def invalid(message: str) -> JsonRESTError:
    return error("InvalidParameterValueException", message)


def missing(message: str) -> JsonRESTError:
    return error("ResourceNotFoundException", message)


def now() -> datetime.datetime:
    return datetime.datetime.fromtimestamp(CLOCK.now(), datetime.UTC)


class State:
    """What the lab keeps of a region beside moto."""

    def __init__(self, backend: BackupBackend) -> None:
        self.backend = backend
        self.selections: dict[str, dict[str, Any]] = {}
        self.points: dict[str, dict[str, Any]] = {}
        self.held: dict[str, Any] = {}
        self.backups: dict[str, dict[str, Any]] = {}
        self.restores: dict[str, dict[str, Any]] = {}
        self.tokens: dict[tuple[str, str], tuple[Any, dict[str, Any]]] = {}
        self.settings: dict[str, dict[str, bool]] = {
            "ResourceTypeOptInPreference": dict.fromkeys(OPTED, True),
            "ResourceTypeManagementPreference": {},
        }

    @property
    def account(self) -> str:
        return self.backend.account_id

    @property
    def region(self) -> str:
        return self.backend.region_name

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:backup:{self.region}:{self.account}:{kind}:{name}"

    def vault(self, name: str):
        if name not in self.backend.vaults:
            raise missing(f"Backup vault {name} does not exist")
        return self.backend.vaults[name]

    def live_points(self) -> list[dict[str, Any]]:
        """The points whose retention is not over."""
        for arn, point in list(self.points.items()):
            end = point.get("CalculatedLifecycle", {}).get("DeleteAt")
            if end and end <= now():
                self.drop(arn)
        return list(self.points.values())

    def drop(self, arn: str) -> None:
        point = self.points.pop(arn)
        self.held.pop(arn, None)
        self.backend.vaults[point["BackupVaultName"]].num_of_recovery_points -= 1
        if point["ResourceType"] == "EBS":
            ec2_backends[self.account][self.region].snapshots.pop(arn.rpartition("/")[2], None)
        if point["ResourceType"] == "RDS":
            rds_backends[self.account][self.region].database_snapshots.pop(arn.partition(":snapshot:")[2], None)

    def once(self, operation: str, asked: Asked, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The answer of the first call with this token; the same token for another request is refused."""
        token = asked.get("IdempotencyToken")
        said = {key: value for key, value in asked.items() if key != "IdempotencyToken"}
        if token and (operation, token) in self.tokens:
            before, answer = self.tokens[operation, token]
            if before != said:
                raise invalid("The idempotency token was used with other parameters")
            return answer
        answer = make()
        if token:
            self.tokens[operation, token] = said, answer
        return answer

    def need_role(self, arn: str | None) -> None:
        roles = iam_backends[self.account]["aws"].roles.values()
        if not arn or arn not in {role.arn for role in roles}:
            raise invalid(f"IAM Role {arn} cannot be assumed by AWS Backup")


def state_of(backend: BackupBackend) -> State:
    return backend.__dict__.setdefault("lab", State(backend))


# --- plans and selections


def check_rules(state: State, plan: Asked) -> None:
    names = [rule["RuleName"] for rule in plan["Rules"]]
    if len(set(names)) < len(names):
        raise invalid("Backup plan rule names must be unique")
    for rule in plan["Rules"]:
        if rule["TargetBackupVaultName"] not in state.backend.vaults:
            raise invalid(f"Backup vault {rule['TargetBackupVaultName']} does not exist")
        check_lifecycle(rule.get("Lifecycle"))
        for each in rule.get("CopyActions") or []:
            check_lifecycle(each.get("Lifecycle"))


def check_lifecycle(lifecycle: Asked | None) -> None:
    cold, delete = ((lifecycle or {}).get(key, -1) for key in ("MoveToColdStorageAfterDays", "DeleteAfterDays"))
    if cold >= 0 and 0 <= delete < cold + COLD_DAYS:
        raise invalid(
            f"Invalid lifecycle. DeleteAfterDays cannot be less than {COLD_DAYS} days apart from cold storage"
        )


def create_backup_plan(state: State, asked: Asked) -> Asked:
    request = asked.get("CreatorRequestId")
    for plan in state.backend.plans.values():
        if request and plan.creator_request_id == request and plan.deletion_date is None:
            return plan.to_dict()
    check_rules(state, asked["BackupPlan"])
    for plan in state.backend.plans.values():
        if plan.deletion_date is None and plan.backup_plan["BackupPlanName"] == asked["BackupPlan"]["BackupPlanName"]:
            raise error("AlreadyExistsException", "Backup plan with the same plan document already exists")
    plan = Plan(asked["BackupPlan"], request, state.backend)
    state.backend.plans[plan.backup_plan_id] = plan
    if asked.get("BackupPlanTags"):
        state.backend.tag_resource(plan.backup_plan_arn, asked["BackupPlanTags"])
    return plan.to_dict()


def update_backup_plan(state: State, asked: Asked) -> Asked:
    plan = state.backend.get_backup_plan(asked["BackupPlanId"], None)
    if plan.deletion_date is not None:
        raise missing("Failed reading Backup plan with provided version")
    check_rules(state, asked["BackupPlan"])
    fresh = Plan(asked["BackupPlan"], plan.creator_request_id, state.backend)
    plan.backup_plan, plan.version_id = fresh.backup_plan, fresh.version_id
    return plan.to_dict()


def delete_backup_plan(state: State, asked: Asked) -> Asked:
    plan = asked["BackupPlanId"]
    if any(item["BackupPlanId"] == plan for item in state.selections.values()):
        raise error(
            "InvalidRequestException",
            "Related backup plan selections must be deleted prior to backup plan deletion",
        )
    found, arn, date, version = state.backend.delete_backup_plan(plan)
    return {"BackupPlanId": found, "BackupPlanArn": arn, "DeletionDate": date, "VersionId": version}


def create_backup_selection(state: State, asked: Asked) -> Asked:
    plan = asked["BackupPlanId"]
    if plan not in state.backend.plans or state.backend.plans[plan].deletion_date is not None:
        raise invalid(f"Cannot find Backup plan with ID {plan}")
    selection = asked["BackupSelection"]
    for item in state.selections.values():
        if item["BackupPlanId"] == plan and item["BackupSelection"]["SelectionName"] == selection["SelectionName"]:
            raise error("AlreadyExistsException", "Backup selection with the same name already exists")
    state.need_role(selection["IamRoleArn"])
    kept = {"Resources": [], "NotResources": [], "ListOfTags": [], **selection}
    kinds = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")
    kept["Conditions"] = {**dict.fromkeys(kinds, []), **(selection.get("Conditions") or {})}
    made = {"SelectionId": str(uuid.uuid4()), "BackupPlanId": plan, "CreationDate": now()}
    state.selections[made["SelectionId"]] = {**made, "BackupSelection": kept}
    return made


def get_backup_selection(state: State, asked: Asked) -> Asked:
    found = state.selections.get(asked["SelectionId"])
    if found is None or found["BackupPlanId"] != asked["BackupPlanId"]:
        raise missing("Backup selection does not exist")
    return found


def list_backup_selections(state: State, asked: Asked) -> Asked:
    listed = [
        {
            **{key: value for key, value in item.items() if key != "BackupSelection"},
            **{key: item["BackupSelection"][key] for key in ("SelectionName", "IamRoleArn")},
        }
        for item in state.selections.values()
        if item["BackupPlanId"] == asked["BackupPlanId"]
    ]
    return page("BackupSelectionsList", listed, asked)


def delete_backup_selection(state: State, asked: Asked) -> Asked:
    get_backup_selection(state, asked)
    del state.selections[asked["SelectionId"]]
    return {}


def page(key: str, items: list[Any], asked: Asked) -> Asked:
    """So many of the items as were asked for, and where to go on."""
    start = int(base64.b64decode(asked["NextToken"])) if asked.get("NextToken") else 0
    end = start + int(asked.get("MaxResults") or PAGE)
    more = {"NextToken": base64.b64encode(str(end).encode()).decode()} if end < len(items) else {}
    return {key: items[start:end], **more}


# --- vaults, tags and settings


def describe_backup_vault(state: State, asked: Asked) -> Asked:
    if asked["BackupVaultName"] not in state.backend.vaults:
        # AWS does not say that it is not there
        raise error("AccessDeniedException", "Insufficient privileges to perform this action.", 403)
    state.live_points()
    return state.vault(asked["BackupVaultName"]).to_list_dict()


def delete_backup_vault(state: State, asked: Asked) -> Asked:
    vault = state.vault(asked["BackupVaultName"])
    state.live_points()
    if vault.num_of_recovery_points:
        raise error("InvalidRequestException", "Backup vault cannot be deleted because it contains recovery points")
    del state.backend.vaults[vault.backup_vault_name]
    state.backend.tagger.delete_all_tags_for_resource(vault.backup_vault_arn)
    return {}


def list_tags(state: State, asked: Asked) -> Asked:
    return {"Tags": state.backend.list_tags(asked["ResourceArn"])}


def tag_resource(state: State, asked: Asked) -> Asked:
    state.backend.tag_resource(asked["ResourceArn"], asked["Tags"])
    return {}


def untag_resource(state: State, asked: Asked) -> Asked:
    state.backend.untag_resource(asked["ResourceArn"], asked["TagKeyList"])
    return {}


def describe_region_settings(state: State, asked: Asked) -> Asked:
    return state.settings


def update_region_settings(state: State, asked: Asked) -> Asked:
    for key, value in asked.items():
        state.settings[key].update(value)
    return {}


# --- backups


def held_of(state: State, arn: str) -> tuple[str, Any, dict[str, str], str]:
    """(type, what moto holds of it now, its tags, the ARN of a recovery point of it); refused when it is not there."""
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    token = str(uuid.uuid4())
    if service == "ec2" and resource.startswith("volume/"):
        backend = ec2_backends[state.account][state.region]
        volume = backend.volumes.get(resource.partition("/")[2])
        if volume:
            snapshot = backend.create_snapshot(volume.id, "This snapshot is created by the AWS Backup service.")
            tags = {tag["key"]: tag["value"] for tag in backend.describe_tags({"resource-id": [volume.id]})}
            snapshot.add_tags({key: value for key, value in tags.items() if not key.startswith("aws:")})
            return "EBS", volume.size, tags, f"arn:aws:ec2:{state.region}::snapshot/{snapshot.id}"
    if service == "rds":
        backend = rds_backends[state.account][state.region]
        database = backend.databases.get(resource.partition(":")[2])
        if database:
            tags = {tag["Key"]: tag["Value"] for tag in database.get_tags()}
            name = f"awsbackup:job-{token}"
            backend.create_db_snapshot(database.db_instance_identifier, name, "awsbackup")
            return "RDS", name, tags, f"arn:aws:rds:{state.region}:{state.account}:snapshot:{name}"
    if service == "dynamodb":
        table = dynamodb_backends[state.account][state.region].tables.get(resource.partition("/")[2])
        if table:
            tags = {tag["Key"]: tag["Value"] for tag in table.tags or []}
            backup = Backup(state.account, state.region, token, table)
            return "DynamoDB", backup, tags, state.arn("recovery-point", token)
    if service == "s3":
        bucket = s3_backends[state.account]["aws"].buckets.get(resource)
        if bucket:
            if not bucket.is_versioned:
                raise invalid(f"Bucket {resource} needs versioning to be backed up")
            tags = s3_backends[state.account]["aws"].tagger.get_tag_dict_for_resource(bucket.arn)
            objects = {name: copied(key) for name, key in bucket.keys.items() if hasattr(key, "etag")}
            name = f"{resource}-{now():%Y%m%d%H%M%S}-{token[:8]}"
            return "S3", objects, tags, state.arn("recovery-point", name)
    raise missing(f"Resource {arn} does not exist")


def copied(key: Any) -> tuple[bytes, dict[str, Any]]:
    """A key's bytes and its metadata; a key itself cannot be copied, it holds a file."""
    return key.value, dict(key.metadata)


def start_backup_job(state: State, asked: Asked) -> Asked:
    def make() -> Asked:
        vault = state.vault(asked["BackupVaultName"])
        state.need_role(asked["IamRoleArn"])
        check_lifecycle(asked.get("Lifecycle"))
        check_lock(vault, asked.get("Lifecycle"))
        kind, held, tags, point = held_of(state, asked["ResourceArn"])
        job, at = str(uuid.uuid4()), now()
        lifecycle = asked.get("Lifecycle") or {}
        dates = {}
        if lifecycle.get("DeleteAfterDays", -1) >= 0:
            dates["DeleteAt"] = at + datetime.timedelta(days=lifecycle["DeleteAfterDays"])
        if lifecycle.get("MoveToColdStorageAfterDays", -1) >= 0:
            dates["MoveToColdStorageAt"] = at + datetime.timedelta(days=lifecycle["MoveToColdStorageAfterDays"])
        common = {
            "BackupVaultName": vault.backup_vault_name,
            "BackupVaultArn": vault.backup_vault_arn,
            "RecoveryPointArn": point,
            "ResourceArn": asked["ResourceArn"],
            "ResourceType": kind,
            "IamRoleArn": asked["IamRoleArn"],
            "CreationDate": at,
            "IsEncrypted": True,
        }
        size = {"BackupSizeInBytes": 1024}
        state.held[point] = held
        state.points[point] = {
            **common,
            **size,
            "Status": "CREATING",
            "StorageClass": "WARM",
            **({"Lifecycle": lifecycle, "CalculatedLifecycle": dates} if lifecycle else {}),
        }
        vault.num_of_recovery_points += 1
        state.backend.tag_resource(point, {**tags, **(asked.get("RecoveryPointTags") or {})})
        given = {"AccountId": state.account, "BackupJobId": job, "PercentDone": "0.0", "State": STEPS[0]}
        state.backups[job] = {**common, **size, **given}
        return {"BackupJobId": job, "RecoveryPointArn": point, "CreationDate": at}

    return state.once("backup", asked, make)


def check_lock(vault: Any, lifecycle: Asked | None) -> None:
    days = (lifecycle or {}).get("DeleteAfterDays", -1)
    low, high = vault.min_retention_days, vault.max_retention_days
    if vault.locked and ((low and 0 <= days < low) or (high and not 0 <= days <= high)):
        raise invalid(f"The retention period {days} does not comply with the vault lock: {low} to {high} days")


def looked_at_backup(state: State, job: Asked) -> Asked:
    told = dict(job)
    if job["State"] in STEPS[:-1]:
        job["State"] = STEPS[STEPS.index(job["State"]) + 1]
    if job["State"] == "COMPLETED" and "CompletionDate" not in job:
        job.update(CompletionDate=now(), PercentDone="100.0")
        if job["RecoveryPointArn"] in state.points:
            state.points[job["RecoveryPointArn"]].update(Status="COMPLETED", CompletionDate=now())
    return told


def describe_backup_job(state: State, asked: Asked) -> Asked:
    if asked["BackupJobId"] not in state.backups:
        raise missing(f"Backup job {asked['BackupJobId']} does not exist")
    return looked_at_backup(state, state.backups[asked["BackupJobId"]])


def list_backup_jobs(state: State, asked: Asked) -> Asked:
    narrowed = {"ByResourceArn": "ResourceArn", "ByState": "State", "ByBackupVaultName": "BackupVaultName"}
    narrowed["ByResourceType"] = "ResourceType"
    found = [
        looked_at_backup(state, job)
        for job in state.backups.values()
        if all(job[key] == asked[by] for by, key in narrowed.items() if asked.get(by))
    ]
    return page("BackupJobs", found, asked)


# --- recovery points


def point_of(state: State, asked: Asked) -> dict[str, Any]:
    vault = state.vault(asked["BackupVaultName"]).backup_vault_name
    for point in state.live_points():
        if point["RecoveryPointArn"] == asked["RecoveryPointArn"] and point["BackupVaultName"] == vault:
            return point
    raise missing(f"Cannot find recovery point {asked['RecoveryPointArn']}")


def describe_recovery_point(state: State, asked: Asked) -> Asked:
    return point_of(state, asked)


def list_recovery_points_by_backup_vault(state: State, asked: Asked) -> Asked:
    state.vault(asked["BackupVaultName"])
    narrowed = {"ByResourceArn": "ResourceArn", "ByResourceType": "ResourceType", "BackupVaultName": "BackupVaultName"}
    found = [
        {key: value for key, value in point.items() if key != "StorageClass"}
        for point in state.live_points()
        if all(point[key] == asked[by] for by, key in narrowed.items() if asked.get(by))
    ]
    return page("RecoveryPoints", found, asked)


def list_recovery_points_by_resource(state: State, asked: Asked) -> Asked:
    keys = ("RecoveryPointArn", "CreationDate", "Status", "BackupVaultName")
    found = [
        {**{key: point[key] for key in keys}, "BackupSizeBytes": point["BackupSizeInBytes"]}
        for point in state.live_points()
        if point["ResourceArn"] == asked["ResourceArn"]
    ]
    return page("RecoveryPoints", found, asked)


def delete_recovery_point(state: State, asked: Asked) -> Asked:
    point, vault = point_of(state, asked), state.vault(asked["BackupVaultName"])
    age = (now() - point["CreationDate"]).total_seconds() / 86400
    if vault.locked and age < (vault.min_retention_days or 0):
        raise error("InvalidRequestException", "Recovery point cannot be deleted, because its vault is locked")
    state.drop(point["RecoveryPointArn"])
    return {}


def get_recovery_point_restore_metadata(state: State, asked: Asked) -> Asked:
    point = point_of(state, asked)
    arn, held = point["RecoveryPointArn"], state.held[point["RecoveryPointArn"]]
    source = re.split("[:/]", point["ResourceArn"])[-1]
    metadata = {
        "EBS": lambda: {"volumeId": source, "volumeSize": str(held), "encrypted": "true"},
        "RDS": lambda: {"DBInstanceIdentifier": source},
        "DynamoDB": lambda: {"originalTableName": held.table.name, "encryptionType": "Default"},
        "S3": lambda: {"DestinationBucketName": source},
    }[point["ResourceType"]]()
    told = {"BackupVaultArn": point["BackupVaultArn"], "RecoveryPointArn": arn, "ResourceType": point["ResourceType"]}
    return {**told, "RestoreMetadata": metadata}


# --- restores


def start_restore_job(state: State, asked: Asked) -> Asked:
    def make() -> Asked:
        point = state.points.get(asked["RecoveryPointArn"])
        if point is None or point not in state.live_points() or point["Status"] != "COMPLETED":
            raise missing(f"Cannot find recovery point {asked['RecoveryPointArn']}")
        state.need_role(asked.get("IamRoleArn"))
        needed = {"EBS": "availabilityZone", "RDS": "DBInstanceIdentifier", "DynamoDB": "targetTableName"}
        needed["S3"] = "DestinationBucketName"
        if needed[point["ResourceType"]] not in asked["Metadata"]:
            raise invalid(f"Restore metadata lacks {needed[point['ResourceType']]}")
        job = str(uuid.uuid4())
        state.restores[job] = {
            "AccountId": state.account,
            "RestoreJobId": job,
            "RecoveryPointArn": point["RecoveryPointArn"],
            "SourceResourceArn": point["ResourceArn"],
            "BackupVaultArn": point["BackupVaultArn"],
            "CreationDate": now(),
            "Status": "PENDING",
            "PercentDone": "0.00%",
            "IamRoleArn": asked["IamRoleArn"],
            "ResourceType": point["ResourceType"],
            "RecoveryPointCreationDate": point["CreationDate"],
            "metadata": asked["Metadata"],
        }
        return {"RestoreJobId": job}

    return state.once("restore", asked, make)


def restored_volume(state: State, arn: str, metadata: Asked) -> str:
    backend = ec2_backends[state.account][state.region]
    snapshot = arn.rpartition("/")[2]
    number = {key: int(metadata[key]) for key in ("iops", "throughput") if metadata.get(key)}
    volume = backend.create_volume(
        int(metadata.get("volumeSize") or state.held[arn]),
        metadata["availabilityZone"],
        snapshot_id=snapshot,
        encrypted=metadata.get("encrypted") == "true",
        volume_type=metadata.get("volumeType", "gp3"),
        **number,
    )
    return f"arn:aws:ec2:{state.region}:{state.account}:volume/{volume.id}"


def restored_database(state: State, arn: str, metadata: Asked) -> str:
    backend = rds_backends[state.account][state.region]
    words = {"db_instance_identifier": metadata["DBInstanceIdentifier"]}
    for key, name in (("DBInstanceClass", "db_instance_class"), ("DBSubnetGroupName", "db_subnet_group_name")):
        if metadata.get(key):
            words[name] = metadata[key]
    snapshot = backend.database_snapshots[state.held[arn]]
    # moto finds only those of its own two types
    snapshot.snapshot_type = "manual"
    try:
        made = backend.restore_db_instance_from_db_snapshot(state.held[arn], words)
    finally:
        snapshot.snapshot_type = "awsbackup"
    made.tags = []
    return made.arn


def restored_table(state: State, arn: str, metadata: Asked) -> str:
    backend = dynamodb_backends[state.account][state.region]
    name = metadata["targetTableName"]
    if name in backend.tables:
        raise invalid(f"Table already exists: {name}")
    backend.tables[name] = RestoredTable(name, state.account, state.region, state.held[arn])
    backend.tables[name].tags = []
    return backend.tables[name].table_arn


def restored_bucket(state: State, arn: str, metadata: Asked) -> str:
    backend = s3_backends[state.account]["aws"]
    name = metadata["DestinationBucketName"]
    if name not in backend.buckets:
        raise missing(f"The bucket {name} does not exist")
    for key, (value, kept) in copy.deepcopy(state.held[arn]).items():
        if key not in backend.buckets[name].keys:
            made = backend.put_object(name, key, value)
            made.set_metadata(kept, replace=True)
    return f"arn:aws:s3:::{name}"


RESTORED = {"EBS": restored_volume, "RDS": restored_database, "DynamoDB": restored_table, "S3": restored_bucket}


def looked_at_restore(state: State, job: Asked) -> Asked:
    told = {key: value for key, value in job.items() if key != "metadata"}
    if job["Status"] == "PENDING":
        try:
            made = RESTORED[job["ResourceType"]](state, job["RecoveryPointArn"], job["metadata"])
            job.update(Status="RUNNING", CreatedResourceArn=made)
        except (JsonRESTError, ServiceException, KeyError) as refusal:
            job.update(Status="FAILED", StatusMessage=str(refusal), CompletionDate=now())
    elif job["Status"] == "RUNNING":
        job.update(Status="COMPLETED", PercentDone="100.00%", CompletionDate=now(), BackupSizeInBytes=1024)
    return told


def describe_restore_job(state: State, asked: Asked) -> Asked:
    if asked["RestoreJobId"] not in state.restores:
        raise missing(f"Restore job {asked['RestoreJobId']} does not exist")
    return looked_at_restore(state, state.restores[asked["RestoreJobId"]])


def list_restore_jobs(state: State, asked: Asked) -> Asked:
    narrowed = {"ByResourceType": "ResourceType", "ByStatus": "Status"}
    found = [
        looked_at_restore(state, job)
        for job in state.restores.values()
        if all(job[key] == asked[by] for by, key in narrowed.items() if asked.get(by))
    ]
    return page("RestoreJobs", found, asked)


OPERATIONS = (
    create_backup_plan,
    update_backup_plan,
    delete_backup_plan,
    create_backup_selection,
    get_backup_selection,
    list_backup_selections,
    delete_backup_selection,
    describe_backup_vault,
    delete_backup_vault,
    list_tags,
    tag_resource,
    untag_resource,
    describe_region_settings,
    update_region_settings,
    start_backup_job,
    describe_backup_job,
    list_backup_jobs,
    list_recovery_points_by_backup_vault,
    list_recovery_points_by_resource,
    delete_recovery_point,
    describe_recovery_point,
    get_recovery_point_restore_metadata,
    start_restore_job,
    describe_restore_job,
    list_restore_jobs,
)


def asked_of(response: BackupResponse) -> Asked:
    """A request's parameters by their names in botocore's model, wherever they are in the request."""
    shape = get_service_model("backup").operation_model(response._get_action()).input_shape
    body = json.loads(response.body) if response.body else {}
    found = {}
    for name, member in shape.members.items():
        place, called = member.serialization.get("location"), member.serialization.get("name", name)
        if place == "uri":
            found[name] = response.uri_match[called]
        elif place == "querystring" and called in response.querystring:
            found[name] = response.querystring[called][0]
        elif place is None and called in body:
            found[name] = body[called]
    return found


def install() -> None:
    def responder(function: Callable[[State, Asked], Asked]) -> Callable[[BackupResponse], ActionResult]:
        def respond(self: BackupResponse) -> ActionResult:
            backend = backup_backends[self.current_account][self.region]
            return ActionResult(function(state_of(backend), asked_of(self)))

        return respond

    for function in OPERATIONS:
        setattr(BackupResponse, function.__name__, responder(function))
    for path in ("account-settings", "backup-jobs", "restore-jobs", "resources", "backup-vaults", "tags", "untag"):
        for rest in ("", "/", "/(?P<rest>.+)"):
            url_paths[f"{{0}}/{path}{rest}$"] = BackupResponse.dispatch
