# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each kind of thing is restored beside the live one, looked at, swapped in and removed.

Every step looks at what is there before it changes anything, so a run that was killed is gone on with by doing all
steps again. ``_restore.py`` calls them in order and remembers how far they came.
"""

from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _volume_attachment as attachment
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    KIND_TAG,
    NAME_TAG,
    PLATFORM_TAG,
    changeable,
    client,
    owned_filter,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._backup_points import Point, Source
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._database_secrets import Passwords
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases import change_request
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases_input import major
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases_read import (
    GONE,
    READY,
    Reader,
    instance_fields,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError, concurrently, differing
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._volumes import KIND as VOLUME_KIND
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

COPY_TAG = "mydigitalstructure:copy"
"""On what a restore made, with the restore's token, until it is the live one."""
HOST_TAG = "mydigitalstructure:copy-host"
"""On a volume's copy: the instance that the live volume was attached to."""
OWNERSHIP = (PLATFORM_TAG, NAME_TAG, KIND_TAG)
BATCH = 25
"""Items that DynamoDB writes in a call."""
DELETIONS = 1000
"""Objects that S3 deletes in a call."""
LARGE = 5 * 1024**3
"""Bytes up to which S3 copies an object in one call."""


class Kind:
    """What the kinds have in common.

    :arg source: the live thing.
    :arg options: the module's options; ``wait_timeout`` is for each wait, in seconds.
    """

    resource_type = ""
    id_field = ""
    """Where the live one's id is, of a kind whose id another one takes."""

    def __init__(self, module: AnsibleAWSModule, source: Source, options: t.Mapping[str, t.Any]) -> None:
        self.source, self.options = source, options
        self.platform, self.timeout = options["platform"], options["wait_timeout"]

    def name_of(self, word: str, token: str, longest: int) -> str:
        """What AWS calls a copy (``restored``) or what it took the place of (``before``)."""
        end = f"-{word}-{token}"
        return self.source.id[: longest - len(end)].rstrip("-.") + end

    def waited(self, look: t.Callable[[], t.Any], settled: t.Callable[[t.Any], bool], what: str) -> t.Any:
        """What a look gives once it is settled; :class:`InputError` when it does not settle in time."""
        found = poll(look, settled, self.timeout)
        if not settled(found):
            raise InputError(
                f"wait_timeout: {what} of {self.source.title} was waited for {self.timeout} s in vain; run again."
            )
        return found

    def id_of(self, live: dict[str, t.Any] | None) -> str:
        """The live one's id, or what is known of it without one."""
        return live[self.id_field] if live and self.id_field else self.source.id

    # the steps, in order

    def live(self) -> dict[str, t.Any] | None:
        """The live one; None while it is not there under its name."""
        raise NotImplementedError

    def refuse_swap(self, live: dict[str, t.Any]) -> None:
        """Raise :class:`InputError` where the live one cannot give way."""

    def prepare(self, token: str) -> None:
        """Make what has to be there before AWS restores."""

    def metadata(self, live: dict[str, t.Any], given: t.Mapping[str, str], token: str) -> dict[str, str]:
        """What StartRestoreJob asks of this kind.

        :arg given: what AWS Backup says of the recovery point.
        """
        raise NotImplementedError

    def copy(self, arn: str, token: str) -> dict[str, t.Any] | None:
        """What the restore made, wherever the swap has brought it; None when it is not there."""
        raise NotImplementedError

    def ready(self, arn: str, token: str) -> dict[str, t.Any]:
        """The copy, once it can be used and carries the tag that says what it is."""
        raise NotImplementedError

    def check(self, live: dict[str, t.Any], copy: dict[str, t.Any], point: Point) -> tuple[dict[str, t.Any], list[str]]:
        """What is seen of the copy, and what is wrong with it."""
        raise NotImplementedError

    def swap(self, arn: str, token: str) -> dict[str, t.Any]:
        """Put it in the live one's place; what was kept, and whatever people have to know."""
        raise NotImplementedError

    def finish(self, arn: str, token: str) -> None:
        """After the swap: take away what only the restore needed."""
        raise NotImplementedError

    def remove(self, arn: str, token: str) -> None:
        """Delete a copy that is not to be swapped in."""
        raise NotImplementedError


class Volume(Kind):
    """The old volume is taken off its host and keeps its data under another name, without the platform's tags."""

    resource_type = "EBS"
    id_field = "VolumeId"

    def __init__(self, module, source, options) -> None:
        super().__init__(module, source, options)
        self.ec2 = client(module, "ec2")

    def named(self) -> list[dict[str, t.Any]]:
        """The volumes of this name: one, and two in the midst of a swap."""
        wanted = {NAME_TAG: self.source.name, KIND_TAG: VOLUME_KIND}
        filters = [*owned_filter(self.platform), *({"Name": f"tag:{k}", "Values": [v]} for k, v in wanted.items())]
        found = pages(self.ec2, "describe_volumes", "Volumes", Filters=filters)
        return [item for item in found if item["State"] not in ("deleting", "deleted")]

    def live(self) -> dict[str, t.Any] | None:
        found = sorted(self.named(), key=lambda item: COPY_TAG in tags_of(item))
        return found[0] if found else None

    def refuse_swap(self, live) -> None:
        holder = self.holder(live)
        # its plan refuses what may not be taken off
        attachment.plan(self.source.name, live, None, holder, present=False, if_running=self.options["if_running"])

    def holder(self, volume) -> attachment.Place | None:
        held = attachment.attachment_of(volume).get("InstanceId")
        return attachment.look_at_instance(self.ec2, held) if held else None

    def metadata(self, live, given, token):
        wanted = {
            "availabilityZone": live["AvailabilityZone"],
            "volumeType": live["VolumeType"],
            "volumeSize": str(max(live["Size"], int(given.get("volumeSize") or 0))),
            "encrypted": "true",
        }
        if live["VolumeType"] in ("gp3", "io1", "io2") and live.get("Iops"):
            wanted["iops"] = str(live["Iops"])
        if live["VolumeType"] == "gp3" and live.get("Throughput"):
            wanted["throughput"] = str(live["Throughput"])
        if live.get("KmsKeyId"):
            wanted["kmsKeyId"] = live["KmsKeyId"]
        return wanted

    def copy(self, arn, token):
        return self.look(arn.rpartition("/")[2]) if arn else None

    def look(self, volume: str) -> dict[str, t.Any] | None:
        filters = [{"Name": "volume-id", "Values": [volume]}]
        found = pages(self.ec2, "describe_volumes", "Volumes", Filters=filters)
        return found[0] if found and found[0]["State"] not in ("deleting", "deleted") else None

    def ready(self, arn, token):
        found = self.waited(
            lambda: self.copy(arn, token), lambda item: bool(item) and item["State"] != "creating", "the new volume"
        )
        if COPY_TAG not in tags_of(found):
            name = f"{self.platform}-{self.source.name}-restored-{token}"
            self.tag(found, {"Name": name, PLATFORM_TAG: self.platform, COPY_TAG: token})
        return self.copy(arn, token) or found

    def tag(self, volume, tags: t.Mapping[str, str]) -> None:
        self.ec2.create_tags(Resources=[volume["VolumeId"]], Tags=ansible_dict_to_boto3_tag_list(dict(tags)))

    def untag(self, volume, keys: t.Iterable[str]) -> None:
        self.ec2.delete_tags(Resources=[volume["VolumeId"]], Tags=[{"Key": key} for key in keys])

    def check(self, live, copy, point):
        seen = {"id": copy["VolumeId"], "state": copy["State"], "size": copy["Size"], "encrypted": copy["Encrypted"]}
        problems = []
        if copy["State"] not in ("available", "in-use"):
            problems.append(f"it is {copy['State']}")
        if not copy["Encrypted"]:
            problems.append("it is not encrypted")
        if copy["Size"] < live["Size"]:
            problems.append(f"it has {copy['Size']} GiB instead of {live['Size']}")
        if not point.arn.endswith(f"/{copy.get('SnapshotId')}"):
            problems.append(f"it was made from {copy.get('SnapshotId')}, not from the recovery point")
        return seen, problems

    def attacher(self, volume) -> attachment.Apply:
        return attachment.Apply(
            self.ec2,
            volume["VolumeId"],
            {"wait_timeout": self.timeout, "if_running": self.options["if_running"], "device": None},
        )

    def swap(self, arn, token):
        new = self.copy(arn, token)
        old = next((item for item in self.named() if item["VolumeId"] != new["VolumeId"]), None)
        if old:
            holder = self.holder(old)
            if holder:
                # where the new one goes, should this run end here
                self.tag(new, {HOST_TAG: holder.id})
                take_off = self.attacher(old)
                take_off.fence(holder)
                take_off.detach(holder)
            # the name is never free, so that nobody makes an empty volume of it in between
            if NAME_TAG not in tags_of(new):
                self.tag(new, changeable(tags_of(old)))
            self.tag(old, {"Name": f"{self.platform}-{self.source.name}-before-{token}"})
            self.untag(old, OWNERSHIP)
        self.attach(self.copy(arn, token))
        kept = pages(
            self.ec2,
            "describe_volumes",
            "Volumes",
            Filters=[{"Name": "tag:Name", "Values": [f"{self.platform}-{self.source.name}-before-{token}"]}],
        )
        return {"id": new["VolumeId"], "kept": [item["VolumeId"] for item in kept], "notes": self.stopped(new)}

    def attach(self, new) -> None:
        wanted = tags_of(new).get(HOST_TAG)
        if not wanted or attachment.attachment_of(new).get("InstanceId") == wanted:
            return
        host = attachment.look_at_instance(self.ec2, wanted)
        # without it, the next provision attaches the volume to the host of then
        if host.state not in (*attachment.GONE, *attachment.ENDING):
            self.attacher(new).attach(host)

    def stopped(self, new) -> list[str]:
        host = tags_of(self.look(new["VolumeId"]) or new).get(HOST_TAG)
        if host and attachment.look_at_instance(self.ec2, host).state == "stopped":
            return [f"{host} is stopped; start it."]
        return []

    def finish(self, arn, token) -> None:
        new = self.copy(arn, token)
        if new:
            self.untag(new, [COPY_TAG, HOST_TAG])

    def remove(self, arn, token) -> None:
        found = self.copy(arn, token)
        if found:
            self.ec2.delete_volume(VolumeId=found["VolumeId"])
            self.waited(lambda: self.copy(arn, token), lambda item: not item, "the end of the copy")


class Database(Kind):
    """The old instance is renamed, the new one gets its name, so its address stays."""

    resource_type = "RDS"
    id_field = "DBInstanceIdentifier"
    ALIGNED = (
        "auto_minor_version_upgrade",
        "backup_retention_days",
        "backup_window",
        "ca_certificate",
        "copy_tags_to_snapshots",
        "deletion_protection",
        "iam_authentication",
        "log_exports",
        "maintenance_window",
        "parameter_group",
        "performance_insights_days",
        "public",
        "security_groups",
        "storage_max",
    )
    """Fields of the live one, as module databases has them, that a restore may have left at AWS's defaults."""

    def __init__(self, module, source, options) -> None:
        super().__init__(module, source, options)
        self.rds = client(module, "rds")
        self.look = Reader(self.rds, self.platform).instance
        self.passwords = Passwords(client(module, "secretsmanager"), self.platform)

    def names(self, token: str) -> tuple[str, str]:
        """What the copy and the kept one are called. RDS has 63 characters, and no two hyphens in a row."""
        return self.name_of("restored", token, 63), self.name_of("before", token, 63)

    def live(self) -> dict[str, t.Any] | None:
        return self.look(self.source.id)

    def refuse_swap(self, live) -> None:
        replicas = live.get("ReadReplicaDBInstanceIdentifiers") or []
        if replicas:
            raise InputError(
                f"name: {self.source.title} has read replicas ({', '.join(replicas)}), which would go on to follow the "
                "one that is put aside; remove them first, and make them anew afterwards."
            )

    def metadata(self, live, given, token):
        wanted = {
            **given,
            "DBInstanceIdentifier": self.names(token)[0],
            "DBInstanceClass": live["DBInstanceClass"],
            "MultiAZ": str(bool(live.get("MultiAZ"))).lower(),
            "PubliclyAccessible": "false",
            "DeletionProtection": "false",
        }
        if live.get("DBSubnetGroup"):
            wanted["DBSubnetGroupName"] = live["DBSubnetGroup"]["DBSubnetGroupName"]
        groups = [item["VpcSecurityGroupId"] for item in live.get("VpcSecurityGroups") or []]
        if groups:
            wanted["VpcSecurityGroupIds"] = json.dumps(groups)
        if live.get("MultiAZ"):
            wanted.pop("AvailabilityZone", None)
        return wanted

    def copy(self, arn, token):
        found = self.look(self.names(token)[0])
        if found:
            return found
        live = self.live()
        return live if live and tags_of(live, "TagList").get(COPY_TAG) == token else None

    def ready(self, arn, token):
        found = self.waited(
            lambda: self.copy(arn, token), lambda item: bool(item) and is_available(item), "the new database"
        )
        if COPY_TAG not in tags_of(found, "TagList"):
            self.tag(found, {PLATFORM_TAG: self.platform, COPY_TAG: token})
        return self.copy(arn, token) or found

    def tag(self, database, tags: t.Mapping[str, str]) -> None:
        self.rds.add_tags_to_resource(
            ResourceName=database["DBInstanceArn"], Tags=ansible_dict_to_boto3_tag_list(dict(tags))
        )

    def untag(self, database, keys: t.Iterable[str]) -> None:
        self.rds.remove_tags_from_resource(ResourceName=database["DBInstanceArn"], TagKeys=list(keys))

    def check(self, live, copy, point):
        seen = {
            "id": copy["DBInstanceIdentifier"],
            "state": copy["DBInstanceStatus"],
            "size": copy["AllocatedStorage"],
            "encrypted": copy["StorageEncrypted"],
            "engine": f"{copy['Engine']} {copy.get('EngineVersion', '')}".strip(),
        }
        problems = []
        if not is_available(copy):
            problems.append(f"it is {copy['DBInstanceStatus']}")
        if not copy["StorageEncrypted"]:
            problems.append("it is not encrypted")
        if copy.get("PubliclyAccessible"):
            problems.append("it is public")
        if copy["Engine"] != live["Engine"]:
            problems.append(f"its engine is {copy['Engine']} instead of {live['Engine']}")
        return seen, problems

    def swap(self, arn, token):
        aside = self.names(token)[1]
        live, notes = self.live(), []
        if live and tags_of(live, "TagList").get(COPY_TAG) != token:
            new = self.copy(arn, token)
            self.align(live, new)
            self.tag(new, changeable(tags_of(live, "TagList")))
            self.rename(self.source.id, aside)
        old = self.look(aside)
        if old:
            left = [key for key in OWNERSHIP if key in tags_of(old, "TagList")]
            if left:
                self.untag(old, left)
        if not self.live():
            self.rename(self.names(token)[0], self.source.id)
        new = self.waited(self.live, lambda item: bool(item) and is_available(item), "the new name")
        secret = (new.get("MasterUserSecret") or {}).get("SecretArn")
        if secret:
            notes.append(f"The master password is in another secret now: {secret}.")
        return {"id": new["DBInstanceIdentifier"], "kept": [aside] if old else [], "notes": notes}

    def align(self, live, new) -> None:
        """Give the new one the live one's settings and master password, which a restore does not bring."""
        name, there = new["DBInstanceIdentifier"], instance_fields(live)
        wanted = {field: there[field] for field in self.ALIGNED if there[field] is not None}
        if major(live["Engine"], live["EngineVersion"]) != major(new["Engine"], new["EngineVersion"]):
            # it is from before an upgrade, and the group is for what came after
            wanted.pop("parameter_group", None)
        request = change_request({f: wanted[f] for f in differing(wanted, instance_fields(new))}, there, new)
        if live.get("MasterUserSecret"):
            if not new.get("MasterUserSecret"):
                request["ManageMasterUserPassword"] = True
        else:
            # it came back with the one of then
            password = self.passwords.current(tags_of(live, "TagList").get(NAME_TAG, ""))
            if password:
                request["MasterUserPassword"] = password
        if not request:
            return
        self.rds.modify_db_instance(DBInstanceIdentifier=name, ApplyImmediately=True, **request)
        found = self.waited(lambda: self.look(name), lambda item: bool(item) and settled(item), "its settings")
        if any(group.get("ParameterApplyStatus") == "pending-reboot" for group in found.get("DBParameterGroups") or []):
            # nobody uses it yet, and its parameters, TLS among them, count from a restart on
            self.rds.reboot_db_instance(DBInstanceIdentifier=name)
            self.waited(lambda: self.look(name), lambda item: bool(item) and settled(item), "its restart")

    def rename(self, name: str, other: str) -> None:
        try:
            self.rds.modify_db_instance(DBInstanceIdentifier=name, NewDBInstanceIdentifier=other, ApplyImmediately=True)
        except is_boto3_error_code("InvalidDBInstanceState"):
            pass  # it is being renamed, by a run that was killed
        self.waited(
            lambda: (self.look(name), self.look(other)),
            lambda both: both[0] is None and bool(both[1]) and is_available(both[1]),
            f"the name {other}",
        )

    def finish(self, arn, token) -> None:
        live = self.live()
        if live and COPY_TAG in tags_of(live, "TagList"):
            self.untag(live, [COPY_TAG])

    def remove(self, arn, token) -> None:
        name = self.names(token)[0]
        found = self.look(name)
        if found and found["DBInstanceStatus"] != GONE:
            if found.get("DeletionProtection"):
                self.rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
            self.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)
        self.waited(lambda: self.look(name), lambda item: item is None, "the end of the copy")


def is_available(database: t.Mapping[str, t.Any]) -> bool:
    return database["DBInstanceStatus"] in READY


def settled(database: t.Mapping[str, t.Any]) -> bool:
    return is_available(database) and not database.get("PendingModifiedValues")


class Table(Kind):
    """DynamoDB renames nothing, so the contents are written back: the table keeps its name, settings and stream."""

    resource_type = "DynamoDB"

    def __init__(self, module, source, options) -> None:
        super().__init__(module, source, options)
        self.dynamodb = client(module, "dynamodb")

    def look(self, name: str) -> dict[str, t.Any] | None:
        try:
            return self.dynamodb.describe_table(TableName=name)["Table"]
        except is_boto3_error_code("ResourceNotFoundException"):
            return None

    def name(self, token: str) -> str:
        return self.name_of("restored", token, 255)

    def live(self) -> dict[str, t.Any] | None:
        return self.look(self.source.id)

    def metadata(self, live, given, token):
        wanted = {"targetTableName": self.name(token), "encryptionType": "Default", "deletionProtection": "false"}
        encryption = live.get("SSEDescription") or {}
        if encryption.get("SSEType") == "KMS":
            wanted |= {"encryptionType": "KMS", "kmsMasterKeyArn": encryption["KMSMasterKeyArn"]}
        return wanted

    def copy(self, arn, token):
        return self.look(self.name(token))

    def ready(self, arn, token):
        found = self.waited(
            lambda: self.copy(arn, token), lambda item: bool(item) and item["TableStatus"] == "ACTIVE", "the new table"
        )
        self.dynamodb.tag_resource(
            ResourceArn=found["TableArn"],
            Tags=ansible_dict_to_boto3_tag_list({PLATFORM_TAG: self.platform, COPY_TAG: token}),
        )
        return found

    def check(self, live, copy, point):
        count = sum(1 for item in self.items(copy["TableName"], ProjectionExpression="#k", **self.first_key(copy)))
        seen = {"id": copy["TableName"], "state": copy["TableStatus"], "items": count, "size": point.size}
        problems = []
        if copy["KeySchema"] != live["KeySchema"]:
            problems.append("its key is another one")
        if not count and live.get("ItemCount"):
            problems.append(f"it holds no item, and the table {live['ItemCount']}")
        return seen, problems

    def first_key(self, table) -> dict[str, t.Any]:
        return {"ExpressionAttributeNames": {"#k": table["KeySchema"][0]["AttributeName"]}}

    def items(self, name: str, **narrowed: t.Any) -> t.Iterator[dict[str, t.Any]]:
        for page in self.dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True, **narrowed):
            yield from page["Items"]

    def swap(self, arn, token):
        copy, live = self.copy(arn, token), self.live()
        kept = self.keep(token)
        keys = [item["AttributeName"] for item in live["KeySchema"]]
        wanted = {key_of(item, keys): digest(item) for item in self.items(copy["TableName"])}
        extra = []
        same = set()
        for item in self.items(live["TableName"]):
            key = key_of(item, keys)
            if key not in wanted:
                extra.append({"DeleteRequest": {"Key": {name: item[name] for name in keys}}})
            elif wanted[key] == digest(item):
                same.add(key)
        self.write(live["TableName"], extra)
        missing = (
            {"PutRequest": {"Item": item}} for item in self.items(copy["TableName"]) if key_of(item, keys) not in same
        )
        written = self.write(live["TableName"], missing)
        notes = [f"{written} items were written back, {len(extra)} deleted; {len(same)} were as they had been."]
        return {"id": live["TableName"], "kept": [kept], "notes": notes}

    def keep(self, token: str) -> str:
        """A backup of what the table holds now, made once; its ARN."""
        name = self.name_of("before", token, 255)
        listed = pages(self.dynamodb, "list_backups", "BackupSummaries", TableName=self.source.id)
        found = next((item for item in listed if item["BackupName"] == name), None)
        if not found:
            found = self.dynamodb.create_backup(TableName=self.source.id, BackupName=name)["BackupDetails"]
        arn = found["BackupArn"]
        self.waited(
            lambda: self.dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"],
            lambda item: item["BackupStatus"] == "AVAILABLE",
            "a backup of what there is now",
        )
        return arn

    def write(self, table: str, requests: t.Iterable[dict[str, t.Any]]) -> int:
        """Write in batches, what AWS leaves undone again; how many it were."""
        batch: list[dict[str, t.Any]] = []
        count = 0
        for request in requests:
            batch.append(request)
            count += 1
            if len(batch) == BATCH:
                self.write_batch(table, batch)
                batch = []
        self.write_batch(table, batch)
        return count

    def write_batch(self, table: str, batch: list[dict[str, t.Any]]) -> None:
        left = {table: batch}

        def put() -> dict[str, t.Any]:
            nonlocal left
            left = self.dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems") or {}
            return left

        if batch:
            self.waited(put, lambda rest: not rest, "room to write")

    def finish(self, arn, token) -> None:
        self.remove(arn, token)

    def remove(self, arn, token) -> None:
        found = self.copy(arn, token)
        if found and found["TableStatus"] != "DELETING":
            self.dynamodb.delete_table(TableName=found["TableName"])
        self.waited(lambda: self.copy(arn, token), lambda item: item is None, "the end of the copy")


def key_of(item: t.Mapping[str, t.Any], keys: t.Sequence[str]) -> str:
    return json.dumps([item[key] for key in keys], default=repr)


def digest(item: t.Mapping[str, t.Any]) -> bytes:
    """What tells one item from another; sets have no order."""
    return hashlib.sha256(json.dumps(ordered(item), sort_keys=True, default=repr).encode()).digest()


def ordered(value: t.Any) -> t.Any:
    """An item's value with its sets sorted."""
    if isinstance(value, dict):
        return {
            key: sorted(map(repr, item)) if key in ("SS", "NS", "BS") else ordered(item) for key, item in value.items()
        }
    return [ordered(item) for item in value] if isinstance(value, list) else value


class Bucket(Kind):
    """Objects are copied back from a bucket beside it; what they take the place of stays as former versions."""

    resource_type = "S3"

    def __init__(self, module, source, options) -> None:
        super().__init__(module, source, options)
        self.s3, self.region = client(module, "s3"), module.region

    def name(self, token: str) -> str:
        return self.name_of("restored", token, 63)

    def live(self) -> dict[str, t.Any] | None:
        return self.look(self.source.id)

    def look(self, name: str) -> dict[str, t.Any] | None:
        try:
            self.s3.head_bucket(Bucket=name)
        except is_boto3_error_code(("404", "NoSuchBucket")):
            return None
        return {"Name": name}

    def prepare(self, token) -> None:
        name = self.name(token)
        if self.look(name):
            return
        tags = ansible_dict_to_boto3_tag_list({PLATFORM_TAG: self.platform, COPY_TAG: token})
        where = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={**where, "Tags": tags})
        self.waited(lambda: self.look(name), bool, "the bucket to restore into")

    def metadata(self, live, given, token):
        return {
            "DestinationBucketName": self.name(token),
            "NewBucket": "false",
            "Encrypted": "true",
            "EncryptionType": "original",
            "CreationToken": token,
        }

    def copy(self, arn, token):
        return self.look(self.name(token))

    def ready(self, arn, token):
        return self.waited(lambda: self.copy(arn, token), bool, "the new bucket")

    def objects(self, bucket: str, prefix: str = "") -> dict[str, dict[str, t.Any]]:
        listed = pages(self.s3, "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
        return {item["Key"]: item for item in listed}

    def check(self, live, copy, point):
        found, now = self.objects(copy["Name"]), self.objects(live["Name"])
        # whatever has not been written since must be in it, as it is
        old = {key: item for key, item in now.items() if item["LastModified"] < point.created.replace(microsecond=0)}
        lacking = sorted(key for key in old if key not in found)
        other = sorted(key for key in old if key in found and found[key]["Size"] != old[key]["Size"])
        size = sum(item["Size"] for item in found.values())
        problems = []
        if lacking:
            problems.append(f"{len(lacking)} objects are not in it, such as {lacking[0]}")
        if other:
            problems.append(f"{len(other)} objects have another size, such as {other[0]}")
        return {"id": copy["Name"], "state": "available", "objects": len(found), "size": size}, problems

    def swap(self, arn, token):
        name, prefix = self.name(token), self.options["prefix"]
        wanted, present = self.objects(name, prefix), self.objects(self.source.id, prefix)
        differ = [
            key
            for key, item in wanted.items()
            if key not in present or (present[key]["ETag"], present[key]["Size"]) != (item["ETag"], item["Size"])
        ]
        extra = sorted(set(present) - set(wanted))
        concurrently(*[lambda key=key: self.copy_back(name, key, wanted[key]["Size"]) for key in differ])
        for start in range(0, len(extra), DELETIONS):
            keys = [{"Key": key} for key in extra[start : start + DELETIONS]]
            answer = self.s3.delete_objects(Bucket=self.source.id, Delete={"Objects": keys, "Quiet": True})
            self.refuse_errors(answer)
        same = len(wanted) - len(differ)
        notes = [f"{len(differ)} objects were copied back, {len(extra)} deleted; {same} were as they had been."]
        return {"id": self.source.id, "kept": ["former versions of objects"] if differ or extra else [], "notes": notes}

    def copy_back(self, name: str, key: str, size: int) -> None:
        source = {"Bucket": name, "Key": key}
        if size <= LARGE:
            self.s3.copy_object(Bucket=self.source.id, Key=key, CopySource=source)
        else:
            # in parts, with which S3 takes nothing along by itself
            told = self.s3.head_object(**source)
            along = {name: told[name] for name in ("ContentType", "Metadata") if told.get(name)}
            self.s3.copy(source, self.source.id, key, ExtraArgs=along)

    def refuse_errors(self, answer: t.Mapping[str, t.Any]) -> None:
        errors = answer.get("Errors") or []
        if errors:
            raise InputError(
                f"{self.source.title}: S3 did not delete {len(errors)} objects, such as {errors[0]['Key']}: "
                f"{errors[0].get('Message')}."
            )

    def finish(self, arn, token) -> None:
        self.remove(arn, token)

    def remove(self, arn, token) -> None:
        name = self.name(token)
        if not self.look(name):
            return
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=name):
            items = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in items]
            if objects:
                answer = self.s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
                self.refuse_errors(answer)
        self.s3.delete_bucket(Bucket=name)


KINDS: dict[str, type[Kind]] = {"volume": Volume, "database": Database, "table": Table, "bucket": Bucket}
