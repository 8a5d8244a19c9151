# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWS Backup backs up of a platform, its recovery points, and jobs that make them."""

from __future__ import annotations

import datetime
import typing as t
import uuid

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    ITEM_ERRORS,
    KIND_TAG,
    NAME_TAG,
    PLATFORM_TAG,
    Place,
    aws_time,
    client,
    declared_name,
    explain,
    owned_filter,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._backups import (
    KINDS,
    VOLUME,
    assumable,
    vault_name,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._backups_input import lifecycle
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    Action,
    InputError,
    Plan,
    concurrently,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

POINT = "recovery_point"
TYPES = {kind: name for name, kind in KINDS.items()}
UNDER_WAY = ("CREATED", "PENDING", "RUNNING")
USABLE = ("COMPLETED", "AVAILABLE")
TAGGING_TYPES = ("ec2:volume", "rds:db", "dynamodb:table", "s3:bucket")
RESOURCES = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "kind": {"type": "str", "choices": list(TYPES), "required": True},
        "name": {"type": "str", "required": True},
    },
}
"""The option of modules that are about all sources or some."""
SHOWN = 5
"""So many recovery points are named where none fits."""
WORKERS = 16


class Source(t.NamedTuple):
    """Something that is backed up.

    ``name`` is the variables' name of a volume, table or bucket, and a database's identifier; ``id`` is AWS's.
    """

    kind: str
    name: str
    arn: str
    id: str

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"


class Point(t.NamedTuple):
    """A recovery point; ``size`` is in bytes."""

    arn: str
    created: datetime.datetime
    status: str
    size: int
    source: str


def role_arn(place: Place, platform: str) -> str:
    """The role that role C(backups) makes for AWS Backup."""
    return f"arn:{place.partition}:iam::{place.account}:role/{platform}/backups/{platform}-backups"


def source_of(arn: str, tags: t.Mapping[str, str], platform: str) -> Source | None:
    """What an ARN with these tags is to us; None for what the selection passes over."""
    name = declared_name(tags, platform)
    if not name:
        return None
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    if service == "ec2":
        if tags.get(KIND_TAG) != VOLUME:
            return None  # a host's root volume
        return Source("volume", name, arn, resource.partition("/")[2])
    if service == "rds":
        identifier = resource.partition(":")[2]
        return Source("database", identifier, arn, identifier)
    if service == "dynamodb":
        return Source("table", name, arn, resource.partition("/")[2])
    return Source("bucket", name, arn, resource)


def sources(module: AnsibleAWSModule) -> list[Source]:
    """Everything of the platform that can be backed up, sorted; a bucket without versioning cannot."""
    platform = module.params["platform"]
    found = pages(
        client(module, "resourcegroupstaggingapi"),
        "get_resources",
        "ResourceTagMappingList",
        TagFilters=[{"Key": PLATFORM_TAG, "Values": [platform]}, {"Key": NAME_TAG}],
        ResourceTypeFilters=list(TAGGING_TYPES),
        ResourcesPerPage=100,
    )
    made = [source_of(item["ResourceARN"], tags_of(item), platform) for item in found]
    listed = sorted(source for source in made if source)
    s3 = client(module, "s3")
    buckets = [source for source in listed if source.kind == "bucket"]
    looks = [lambda name=source.id: s3.get_bucket_versioning(Bucket=name).get("Status") for source in buckets]
    states = concurrently(*looks)
    # AWS Backup takes no others
    passed_over = {source for source, state in zip(buckets, states) if state != "Enabled"}
    return [source for source in listed if source not in passed_over]


def chosen(
    found: t.Sequence[Source], asked: t.Sequence[t.Mapping[str, str]], option: str = "resources"
) -> list[Source]:
    """The sources that were asked for by kind and name, all of them when none was.

    :arg option: the option that asked, which a refusal names.
    :raises InputError: for one that is not there; the sentence names what is.
    """
    if not asked:
        return list(found)
    picked = []
    for item in asked:
        fitting = [s for s in found if s.kind == item["kind"] and item["name"] in (s.name, s.id)]
        if not fitting:
            there = ", ".join(s.name for s in found if s.kind == item["kind"]) or "none"
            raise InputError(
                f"{option}: {item['kind']} {item['name']!r} is not there, does not carry the platform's tags, or is a "
                f"bucket without versioning; of this kind there are: {there}."
            )
        picked.append(fitting[0])
    return picked


def point_of(item: t.Mapping[str, t.Any]) -> Point:
    """A recovery point as ListRecoveryPointsByBackupVault tells it."""
    size = item.get("BackupSizeInBytes") or 0
    return Point(item["RecoveryPointArn"], item["CreationDate"], item["Status"], size, item["ResourceArn"])


def points(module: AnsibleAWSModule, backup, source: Source) -> list[Point]:
    """The recovery points of a source in the platform's vault, the oldest first.

    A restore gives a volume another id; the points of those before, which are snapshots, are found by the tags that AWS
    Backup copies to them.
    """
    platform = module.params["platform"]
    listed = pages(
        backup,
        "list_recovery_points_by_backup_vault",
        "RecoveryPoints",
        BackupVaultName=vault_name(platform),
        ByResourceType=TYPES[source.kind],
    )
    named = snapshots(module, platform, source.name) if source.kind == "volume" else set()
    found = [
        point_of(item)
        for item in listed
        if item["ResourceArn"] == source.arn or item["RecoveryPointArn"].rpartition("/")[2] in named
    ]
    return sorted(found, key=lambda point: point.created)


def snapshots(module: AnsibleAWSModule, platform: str, name: str) -> set[str]:
    """The ids of the snapshots of all volumes that had this name."""
    filters = [*owned_filter(platform), {"Name": f"tag:{NAME_TAG}", "Values": [name]}]
    listed = pages(client(module, "ec2"), "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=filters)
    return {item["SnapshotId"] for item in listed}


def moment_of(text: str, now: datetime.datetime) -> datetime.datetime | None:
    """A moment as it was written in ISO 8601 (UTC unless it says otherwise), not after ``now``; None for ``latest``."""
    if text == "latest":
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"moment: {text!r} is not allowed; latest is, or a time such as 2026-11-25T21:30:00+11:00."
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    if moment > now:
        raise InputError(f"moment: {text!r} is in the future; latest, or a time that has been, is allowed.")
    return moment


def aws_now(backup) -> datetime.datetime:
    """The end of the second that it is by AWS's clock."""
    return aws_time(backup.list_backup_plans(MaxResults=1)) + datetime.timedelta(seconds=1)


def choose(found: t.Sequence[Point], text: str, source: Source, now: datetime.datetime) -> Point:
    """The newest usable point that is not later than the moment.

    :raises InputError: when there is none; the sentence names what there is.
    """
    moment = moment_of(text, now)
    usable = [point for point in found if point.status in USABLE]
    # what is not done yet hides nothing; what has expired hides what is older from who asked for that time
    before = usable if moment is None else [p for p in found if p.created <= moment and p.status != "CREATING"]
    there = ", ".join(stamp(point.created) for point in usable[-SHOWN:])
    more = f" and {len(usable) - SHOWN} older ones" if len(usable) > SHOWN else ""
    told = f"there are those of {there}{more}" if usable else "there is none at all; playbook backup makes one"
    if before and before[-1].status not in USABLE:
        last = before[-1]
        raise InputError(
            f"moment: {text!r}: the recovery point of {source.title} of {stamp(last.created)} is "
            f"{last.status.lower()}; "
            f"{told}."
        )
    if not before:
        raise InputError(
            f"moment: {text!r}: no recovery point of {source.title} is of then or before, since it was not made or has "
            f"expired; {told}."
        )
    return before[-1]


def stamp(moment: datetime.datetime) -> str:
    """A moment for people, which :func:`moment_of` reads again."""
    # the seconds' fraction is rounded up, so that the moment is not before the point
    whole = moment.astimezone(datetime.UTC)
    if whole.microsecond:
        whole = whole.replace(microsecond=0) + datetime.timedelta(seconds=1)
    return whole.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- backups now ----------------------------------------------------------------------------------------------------


class Job:
    """One backup of one source, started or found under way, until it has ended."""

    def __init__(self, backup, options: t.Mapping[str, t.Any], role: str) -> None:
        self.backup, self.options, self.role = backup, options, role
        self.vault = vault_name(options["platform"])

    def under_way(self, source: Source) -> str | None:
        """The id of a backup of it that a run before, or the plan, has started."""
        found = pages(
            self.backup, "list_backup_jobs", "BackupJobs", ByResourceArn=source.arn, ByBackupVaultName=self.vault
        )
        return next((job["BackupJobId"] for job in found if job["State"] in UNDER_WAY), None)

    def start(self, source: Source) -> str:
        kept = lifecycle(self.options, "")
        life = {"Lifecycle": {"DeleteAfterDays": kept["delete_after_days"]}} if kept else {}
        made = assumable(self.backup.start_backup_job)(
            BackupVaultName=self.vault,
            ResourceArn=source.arn,
            IamRoleArn=self.role,
            # so that botocore's own repetitions start one
            IdempotencyToken=str(uuid.uuid4()),
            **life,
        )
        return made["BackupJobId"]

    def ended(self, source: Source, job: str) -> dict[str, t.Any]:
        """What became of it; :class:`InputError` unless it is completed in time."""
        timeout = self.options["wait_timeout"]
        found = poll(
            lambda: self.backup.describe_backup_job(BackupJobId=job),
            lambda item: item["State"] not in UNDER_WAY,
            timeout,
        )
        if found["State"] in UNDER_WAY:
            raise InputError(
                f"wait_timeout: its backup is still {found['State'].lower()} after {timeout} s; it goes on, and the "
                "next run waits for it."
            )
        if found["State"] != "COMPLETED":
            why = found.get("StatusMessage") or "AWS gives no reason"
            raise InputError(f"its backup is {found['State'].lower()}: {why}.")
        return {
            "kind": source.kind,
            "name": source.name,
            "recovery_point": found["RecoveryPointArn"],
            "created": stamp(found["CreationDate"]),
            "size": found.get("BackupSizeInBytes") or 0,
            "seconds": round((found["CompletionDate"] - found["CreationDate"]).total_seconds()),
        }


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The ``backup_jobs`` module's plan, applied unless in check mode, and what was backed up."""
    options = module.params
    lifecycle(options, "")
    backup = client(module, "backup")
    picked = chosen(sources(module), options["resources"])
    jobs = Job(backup, options, options["role_arn"] or role_arn(Place.of(module), options["platform"]))
    running = dict(zip(picked, concurrently(*[lambda s=s: jobs.under_way(s) for s in picked])))
    after = {"delete_after_days": options["delete_after_days"] or None}
    whole = Plan(
        [
            Action(CREATE, POINT, source.title, after={"resource": source.arn, **after})
            for source in picked
            if not running[source]
        ]
    )
    if module.check_mode:
        return whole, {"backups": []}
    ended = concurrently(*[lambda s=s: outcome(jobs, s, running[s]) for s in picked], workers=WORKERS)
    failed = [said for said in ended if isinstance(said, str)]
    if failed:
        raise InputError(" ".join(failed))
    return whole, {"backups": ended}


def outcome(jobs: Job, source: Source, job: str | None) -> dict[str, t.Any] | str:
    """What became of a source's backup, or why there is none; so one that fails does not hide the others."""
    try:
        return jobs.ended(source, job or jobs.start(source))
    except ITEM_ERRORS as error:
        return f"{source.title}: {explain(getattr(error, 'exception', None) or error)}"
