"""What exists and holds data, for each module that keeps some, and what each of its options is changed to."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.lab.client import IMAGE

ACCOUNT, REGION, ZONE = "123456789012", "ap-southeast-2", "ap-southeast-2a"
REFUSED, PLANNED, SAME = "refused", "planned", "same"
PARTLY = {REFUSED, PLANNED}


@dataclasses.dataclass
class Subject:
    """A module on what exists.

    ``base`` are its options as they made it, and ``fill`` puts something into it. ``changes`` are what each option is
    changed to, ``{place: value}``: a place is the option's path, with the number of an item for another one than the
    first, and what a change needs to be valid stands beside it. Flags and choices that are not in it have all others.
    ``outcomes`` are those of all changes of an option together, :data:`PLANNED` alone unless said. ``by_name`` removes
    something, asked for by its name. ``identity`` gives what may never become another, and what it holds.
    """

    base: dict
    fill: t.Callable[[], t.Any]
    changes: dict[str, list[dict]]
    outcomes: dict[str, set[str]]
    by_name: dict
    identity: t.Callable[[], dict]


def every(path: str, *values: t.Any, **beside: t.Any) -> dict[str, list[dict]]:
    """An option that is changed to each of these values."""
    return {path: [{path: value, **beside} for value in values]}


def tables(lab) -> Subject:
    keys = [lab.client("kms").create_key()["KeyMetadata"]["Arn"] for _number in range(2)]
    dynamodb = lab.client("dynamodb")
    both = {"read": {"min": 2, "max": 9, "target": 60}, "write": {"min": 2, "max": 9, "target": 60}}
    types = {"space": "string", "at": "string", "actor": "string", "size": "number"}
    audit = {
        "name": "audit",
        "attributes": types,
        "partition_key": "space",
        "sort_key": "at",
        "global_indexes": [
            {
                "name": "by-actor",
                "partition_key": "actor",
                "sort_key": "at",
                "projection": "include",
                "include": ["what"],
                "capacity": {"read": 5, "write": 5},
            }
        ],
        "local_indexes": [{"name": "by-size", "sort_key": "size", "projection": "include", "include": ["what"]}],
        "billing_mode": "provisioned",
        "capacity": {"read": 5, "write": 5},
        "ttl": "expires",
        "recovery_days": 7,
        "stream": "new_image",
        "encryption": "customer_managed",
        "kms_key": keys[0],
        "table_class": "standard",
        "deletion_protection": True,
        "tags": {"Team": "data"},
    }
    # not protected, so that only what it holds keeps it
    scaled = {
        "name": "scaled",
        "attributes": {"id": "string", "user": "string"},
        "partition_key": "id",
        "global_indexes": [{"name": "by-user", "partition_key": "user", "autoscaling": both}],
        "billing_mode": "provisioned",
        "autoscaling": both,
        "deletion_protection": False,
    }

    def typed(*left_out: str, **added: str) -> dict:
        kept = {name: kind for name, kind in types.items() if name not in left_out}
        return {"tables.attributes": {**kept, **added}}

    changes = {
        **every("platform", "other"),
        **every("tags", {}, {"Env": "live"}),
        **every("ignore", ["*"]),
        **every("delete_with_data", ["audit", "scaled"]),
        **every("replace_indexes", ["audit by-actor"]),
        **every("wait_timeout", 61, 0),
        **every("tables", [], [audit], [scaled]),
        "tables.name": [{"tables.name": "audits"}, {"tables.1.name": "moved"}],
        "tables.attributes": [typed(actor="number"), typed(space="number"), typed(size="string")],
        **every("tables.partition_key", "other", **typed("space", other="string")),
        "tables.sort_key": [{"tables.sort_key": "size"}, {"tables.1.sort_key": "user"}],
        "tables.global_indexes": [
            {"tables.1.global_indexes": [], "tables.1.attributes": {"id": "string"}},
            {
                "tables.global_indexes": [*audit["global_indexes"], {"name": "by-what", "partition_key": "what"}],
                **typed(what="string"),
            },
        ],
        **every("tables.global_indexes.name", "actors"),
        **every("tables.global_indexes.partition_key", "other", **typed("actor", other="string")),
        **every("tables.global_indexes.sort_key", None, "size"),
        **every("tables.global_indexes.projection", "all", "keys_only", **{"tables.global_indexes.include": []}),
        **every("tables.global_indexes.include", ["what", "more"]),
        **every("tables.local_indexes", [], **typed("size")),
        **every("tables.local_indexes.name", "sizes"),
        **every("tables.local_indexes.sort_key", "actor", **typed("size")),
        **every("tables.local_indexes.projection", "all", "keys_only", **{"tables.local_indexes.include": []}),
        **every("tables.local_indexes.include", ["more"]),
        "tables.billing_mode": [
            {"tables.billing_mode": "on_demand"},
            {"tables.billing_mode": "on_demand", "tables.capacity": None, "tables.global_indexes.capacity": None},
        ],
        "tables.ttl": [{"tables.ttl": None}, {"tables.ttl": "ends"}, {"tables.1.ttl": "ends"}],
        **every("tables.recovery_days", 0, 35, 36),
        "tables.encryption": [
            {"tables.encryption": "owned"},
            {"tables.encryption": "owned", "tables.kms_key": None},
            {"tables.encryption": "aws_managed", "tables.kms_key": None},
        ],
        **every("tables.kms_key", keys[1], "alias/none"),
        **every("tables.tags", {}, {"Team": "web", "Cost": "1"}),
    }
    outcomes = {
        **dict.fromkeys(("purge", "ignore", "delete_with_data"), {SAME}),
        "state": {REFUSED},
        "replace_indexes": {SAME},
        "wait_timeout": {SAME, REFUSED},
        "tables": {SAME, REFUSED},
        "tables.name": PARTLY,
        "tables.attributes": {REFUSED},
        "tables.partition_key": {REFUSED},
        "tables.sort_key": {REFUSED},
        "tables.billing_mode": PARTLY,
        "tables.ttl": PARTLY,
        "tables.stream": PARTLY,
        "tables.recovery_days": PARTLY,
        "tables.encryption": PARTLY,
        "tables.kms_key": PARTLY,
        **{f"tables.local_indexes{of}": {REFUSED} for of in ("", ".name", ".sort_key", ".projection", ".include")},
        **{f"tables.global_indexes.{of}": {REFUSED} for of in ("partition_key", "sort_key", "projection", "include")},
    }
    for path in ("tables", "tables.global_indexes"):
        moving = path.replace("tables", "tables.1", 1)
        changes |= every(f"{path}.capacity", {"read": 6, "write": 7})
        changes[f"{path}.autoscaling"] = [
            {f"{path}.autoscaling": both, f"{path}.capacity": None},
            {f"{moving}.autoscaling": {"read": both["read"]}, f"{moving}.capacity": {"write": 4}},
        ]
        for mode in ("read", "write"):
            changes |= every(f"{path}.capacity.{mode}", 4, 6, 0)
            changes[f"{path}.autoscaling.{mode}"] = [{f"{moving}.autoscaling.{mode}": {"min": 1, "max": 50}}]
            outcomes[f"{path}.capacity.{mode}"] = PARTLY
            for field, values in {"min": (1, 3, 10), "max": (8, 10, 1), "target": (50, 70, 10)}.items():
                place = f"autoscaling.{mode}.{field}"
                changes[f"{path}.{place}"] = [{f"{moving}.{place}": value} for value in values]
                outcomes[f"{path}.{place}"] = PARTLY
    base = {"platform": "mds", "tables": [audit, scaled], "tags": {"Env": "lab"}, "wait_timeout": 60}

    def fill() -> None:
        for name, item in (("audit", {"space": {"S": "a"}, "at": {"S": "b"}}), ("scaled", {"id": {"S": "a"}})):
            dynamodb.put_item(TableName=f"mds-{name}", Item=item)

    def identity() -> dict:
        return {
            name: (dynamodb.describe_table(TableName=name)["Table"]["TableId"], dynamodb.scan(TableName=name)["Items"])
            for name in ("mds-audit", "mds-scaled")
        }

    return Subject(base, fill, changes, outcomes, {"tables": [audit], "delete_with_data": ["scaled"]}, identity)


def buckets(lab) -> Subject:
    s3 = lab.client("s3")
    lab.client("sqs").create_queue(QueueName="events")
    lab.client("sns").create_topic(Name="events")
    attachments = {
        "name": "attachments",
        "encryption": {"type": "kms", "key": "alias/one", "bucket_key": True},
        "public_access_block": {},
        "access": {
            "vpc_endpoints": ["vpce-0a1b2c3d"],
            "source_ranges": ["203.0.113.0/24"],
            "exempt_principals": ["role/backup"],
        },
        "statements": [
            {
                "Sid": "Own",
                "Effect": "Allow",
                "Principal": {"AWS": ACCOUNT},
                "Action": "s3:GetObject",
                "Resource": "{arn}/*",
            }
        ],
        "lifecycle": [
            {
                "id": "all",
                "prefix": "a/",
                "tags": {"kind": "a"},
                "object_size_greater_than": 10,
                "object_size_less_than": 1000,
                "transitions": [{"days": 40, "storage_class": "GLACIER_IR"}],
                "expiration_days": 400,
                "noncurrent_transitions": [{"days": 40, "storage_class": "GLACIER_IR", "newer_versions": 2}],
                "noncurrent_expiration_days": 90,
                "noncurrent_newer_versions": 3,
            },
            {"id": "uploads", "abort_multipart_days": 7, "expired_object_delete_marker": True},
        ],
        "cors": [
            {
                "id": "web",
                "methods": ["GET"],
                "origins": ["https://a.example"],
                "headers": ["x-a"],
                "expose_headers": ["ETag"],
                "max_age": 60,
            }
        ],
        "logging": {"bucket": "logs", "prefix": "a/"},
        "object_lock": {"enabled": True, "mode": "governance", "days": 1},
        "notifications": {
            "eventbridge": False,
            "rules": [
                {
                    "id": "new",
                    "to": f"arn:aws:sqs:{REGION}:{ACCOUNT}:events",
                    "events": ["s3:ObjectCreated:*"],
                    "prefix": "a/",
                    "suffix": ".pdf",
                }
            ],
        },
        "tags": {"Team": "data"},
    }
    logs = {"name": "logs", "versioning": False, "log_sources": ["load_balancers"]}
    other_logs = {"name": "logs2", "versioning": False}
    changes = {
        **every("platform", "other"),
        **every("tags", {}, {"Env": "live"}),
        **every("ignore", ["*"]),
        **every("prefix", "others-"),
        **every("delete_with_objects", ["attachments", "logs", "logs2"]),
        **every("wait_timeout", 61),
        **every("buckets", [], [logs, other_logs]),
        **every("buckets.name", "others"),
        **every("buckets.bucket", "others"),
        **every("buckets.encryption", {}),
        **every("buckets.encryption.type", "dsse", "s3"),
        **every("buckets.encryption.key", None, "alias/other", "one"),
        **every("buckets.public_access_block", {"block_public_acls": False}),
        **every("buckets.access", None, {}),
        **every("buckets.access.vpc_endpoints", [], ["vpce-0a1b2c3e"], ["one"]),
        **every("buckets.access.source_ranges", [], ["198.51.100.0/24"]),
        **every("buckets.access.exempt_principals", [], ["role/other"]),
        "buckets.log_sources": [{"buckets.1.log_sources": []}, {"buckets.1.log_sources": ["flow_logs"]}],
        **every("buckets.statements", []),
        **every("buckets.lifecycle", []),
        **every("buckets.lifecycle.id", "others", "uploads"),
        **every("buckets.lifecycle.prefix", None, "b/"),
        **every("buckets.lifecycle.tags", {}, {"kind": "b"}),
        **every("buckets.lifecycle.object_size_greater_than", None, 11, 2000),
        **every("buckets.lifecycle.object_size_less_than", None, 999, 1),
        **every("buckets.lifecycle.transitions", []),
        **every("buckets.lifecycle.transitions.days", 41, 500),
        **every("buckets.lifecycle.expiration_days", None, 401, 1),
        "buckets.lifecycle.expired_object_delete_marker": [
            {"buckets.lifecycle.1.expired_object_delete_marker": False},
            {"buckets.lifecycle.expired_object_delete_marker": True},
        ],
        **every("buckets.lifecycle.noncurrent_transitions", []),
        **every("buckets.lifecycle.noncurrent_transitions.days", 41, 500),
        **every("buckets.lifecycle.noncurrent_transitions.newer_versions", None, 3, 101),
        **every("buckets.lifecycle.noncurrent_expiration_days", 91, 1),
        **every("buckets.lifecycle.noncurrent_newer_versions", None, 4, 101),
        "buckets.lifecycle.abort_multipart_days": [
            {"buckets.lifecycle.1.abort_multipart_days": days} for days in (None, 8, 0)
        ],
        **every("buckets.cors", []),
        **every("buckets.cors.id", None, "other"),
        **every("buckets.cors.methods", ["GET", "PUT"], []),
        **every("buckets.cors.origins", ["*"], []),
        **every("buckets.cors.headers", [], ["x-b"]),
        **every("buckets.cors.expose_headers", [], ["x-b"]),
        **every("buckets.cors.max_age", None, 61, -1),
        **every("buckets.logging", None),
        **every("buckets.logging.bucket", "logs2", "lgos"),
        **every("buckets.logging.prefix", "b/"),
        **every("buckets.object_lock", None, {}),
        **every("buckets.object_lock.days", 2, 0),
        **every("buckets.object_lock.years", 1),
        **every("buckets.notifications", {}),
        **every("buckets.notifications.rules", []),
        **every("buckets.notifications.rules.id", "other"),
        **every("buckets.notifications.rules.to", f"arn:aws:sns:{REGION}:{ACCOUNT}:events", "events"),
        **every("buckets.notifications.rules.events", ["s3:ObjectRemoved:*"], []),
        **every("buckets.notifications.rules.prefix", None, "b/"),
        **every("buckets.notifications.rules.suffix", None, ".jpg"),
        **every("buckets.tags", {}, {"Team": "web"}),
    }
    outcomes = {
        **dict.fromkeys(("purge", "ignore", "delete_with_objects", "wait_timeout"), {SAME}),
        **dict.fromkeys(("state", "prefix", "buckets.bucket", "buckets.versioning"), {REFUSED}),
        # a log's target lets in who logs into it
        "buckets": {SAME, REFUSED, PLANNED},
        **{f"buckets.object_lock.{of}": {REFUSED} for of in ("enabled", "years")},
        **{f"buckets.{of}": PARTLY for of in ("name", "encryption.type", "encryption.key", "logging.bucket", "access")},
        **{f"buckets.{of}": PARTLY for of in ("access.vpc_endpoints", "object_lock", "object_lock.days")},
        **{f"buckets.cors.{of}": PARTLY for of in ("methods", "origins", "max_age")},
        **{f"buckets.notifications.rules.{of}": PARTLY for of in ("to", "events")},
        **{f"buckets.lifecycle.{of}": PARTLY for of in ("id", "expiration_days", "expired_object_delete_marker")},
        **{f"buckets.lifecycle.object_size_{of}_than": PARTLY for of in ("greater", "less")},
        **{f"buckets.lifecycle.noncurrent_{of}": PARTLY for of in ("expiration_days", "newer_versions")},
        **{f"buckets.lifecycle.{of}transitions.days": PARTLY for of in ("", "noncurrent_")},
        "buckets.lifecycle.noncurrent_transitions.newer_versions": PARTLY,
        "buckets.lifecycle.abort_multipart_days": PARTLY,
    }
    return Subject(
        {"platform": "mds", "buckets": [attachments, logs, other_logs], "tags": {"Env": "lab"}, "wait_timeout": 60},
        lambda: s3.put_object(Bucket=f"mds-{ACCOUNT}-attachments", Key="a", Body=b"1"),
        changes,
        outcomes,
        {"buckets": [attachments, logs], "delete_with_objects": ["logs2"]},
        lambda: {
            **{item["Name"]: item["CreationDate"] for item in s3.list_buckets()["Buckets"]},
            "held": s3.list_object_versions(Bucket=f"mds-{ACCOUNT}-attachments")["Versions"][0]["VersionId"],
        },
    )


def volumes(lab) -> Subject:
    ec2 = lab.client("ec2")
    files = {
        "name": "files",
        "zone": ZONE,
        "size": 20,
        "type": "gp3",
        "iops": 4000,
        "throughput": 250,
        "kms_key_id": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/one",
        "tags": {"Team": "data"},
    }
    scratch = {"name": "scratch", "zone": ZONE, "size": 5}
    changes = {
        **every("platform", "other"),
        **every("tags", {}, {"Env": "live"}),
        **every("ignore", ["*"]),
        **every("delete_with_data", ["files"], ["scratch"]),
        **every("wait_timeout", 61),
        **every("volumes", [], [files], [scratch]),
        **every("volumes.name", "others"),
        **every("volumes.zone", f"{REGION}b"),
        **every("volumes.size", 19, 21, 0),
        "volumes.type": [
            {"volumes.type": "gp2"},
            {"volumes.type": "gp2", "volumes.iops": None, "volumes.throughput": None},
            *({"volumes.type": kind, "volumes.throughput": None} for kind in ("io1", "io2")),
        ],
        **every("volumes.iops", None, 3000, 5000, 100),
        **every("volumes.throughput", None, 125, 500, 2000),
        **every("volumes.kms_key_id", None, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/other"),
        **every("volumes.snapshot_id", "snap-0a1b2c3d4e5f60718"),
        **every("volumes.tags", {}, {"Team": "web"}),
    }
    outcomes = {
        **dict.fromkeys(("purge", "ignore", "final_snapshot", "wait_timeout", "volumes.snapshot_id"), {SAME}),
        **dict.fromkeys(("state", "delete_with_data", "volumes.zone"), {REFUSED}),
        **dict.fromkeys(("volumes", "volumes.kms_key_id"), {SAME, REFUSED}),
        **dict.fromkeys(("volumes.name", "volumes.size", "volumes.type"), PARTLY),
        # left as they are when they are not given
        **dict.fromkeys(("volumes.iops", "volumes.throughput"), {SAME, *PARTLY}),
    }
    return Subject(
        {"platform": "mds", "volumes": [files, scratch], "tags": {"Env": "lab"}, "wait_timeout": 60},
        lambda: None,
        changes,
        outcomes,
        {"volumes": [files], "delete_with_data": ["scratch"]},
        lambda: {item["VolumeId"]: item["CreateTime"] for item in ec2.describe_volumes()["Volumes"]},
    )


def volume_attachment(lab) -> Subject:
    ec2 = lab.client("ec2")

    def host(zone: str) -> str:
        answer = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, Placement={"AvailabilityZone": zone})
        return answer["Instances"][0]["InstanceId"]

    def volume(name: str) -> str:
        tags = {"platform": "mds", "name": name, "kind": "volume"}
        named = [{"Key": f"mydigitalstructure:{key}", "Value": value} for key, value in tags.items()]
        specification = [{"ResourceType": "volume", "Tags": named}]
        return ec2.create_volume(AvailabilityZone=ZONE, Size=1, TagSpecifications=specification)["VolumeId"]

    one, near, far = host(ZONE), host(ZONE), host(f"{REGION}b")
    files, other = volume("files"), volume("other")
    foreign = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    changes = {
        **every("platform", "other"),
        **every("volume_id", other, foreign, "files"),
        **every("name", "others"),
        **every("instance_id", near, far, None, "file"),
        **every("device", "/dev/sdz", "sdz"),
        **every("wait_timeout", 61),
    }
    outcomes = {
        **dict.fromkeys(("name", "if_running", "wait_timeout"), {SAME}),
        **dict.fromkeys(("platform", "state", "instance_id"), {REFUSED}),
        "volume_id": PARTLY,
        "device": {SAME, REFUSED},
    }
    return Subject(
        {"platform": "mds", "volume_id": files, "instance_id": one, "wait_timeout": 60},
        lambda: None,
        changes,
        outcomes,
        {},
        lambda: {item["VolumeId"]: item["Attachments"] for item in ec2.describe_volumes(VolumeIds=[files])["Volumes"]},
    )


def databases(lab) -> Subject:
    ec2, rds = lab.client("ec2"), lab.client("rds")
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"][:3]]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    other_group = ec2.create_security_group(GroupName="other", Description="Other", VpcId=vpc)["GroupId"]
    place = {"subnet_ids": subnets[:2], "security_group_ids": [group]}
    main = {
        "name": "database",
        "engine_version": "16.9",
        "instance_class": "db.t4g.medium",
        "storage": 100,
        "storage_max": 500,
        "master_username": "dbowner",
        "credentials": "secret",
        "database_name": "model",
        "parameters": {"log_statement": "ddl"},
        "backup_window": "16:00-16:30",
        "maintenance_window": "sun:17:00-sun:17:30",
        "log_exports": ["postgresql"],
        "replicas": [{"name": "reports", "instance_class": "db.t4g.medium"}],
        "tags": {"Team": "data"},
        **place,
    }
    # not protected, so that only its being a database keeps it
    scratch = {
        "name": "scratch",
        "engine_version": "16.9",
        "instance_class": "db.t4g.medium",
        "storage": 500,
        "iops": 12000,
        "throughput": 500,
        "master_username": "dbowner",
        "deletion_protection": False,
        **place,
    }
    changes = {
        **every("platform", "other"),
        **every("tags", {}, {"Env": "live"}),
        **every("ignore", ["*"]),
        **every("wait_timeout", 61),
        **every("databases", [], [main], [scratch]),
        **every("databases.name", "others"),
        **every("databases.identifier", "others"),
        **every("databases.engine", "mysql", "mariadb"),
        "databases.engine_version": [
            {"databases.engine_version": version} for version in ("16.8", "15", "17", "16.10", "sixteen")
        ],
        "databases.allow_version_upgrade": [
            {"databases.1.allow_version_upgrade": True, "databases.1.engine_version": "16.10"}
        ],
        "databases.allow_major_version_upgrade": [
            {
                "databases.1.allow_version_upgrade": True,
                "databases.1.allow_major_version_upgrade": True,
                "databases.1.engine_version": "17",
            }
        ],
        **every("databases.instance_class", "db.m7g.large", "large"),
        # what grows by itself may be larger than declared; what does not is not made smaller
        "databases.storage": [*({"databases.storage": size} for size in (99, 150, 0)), {"databases.1.storage": 499}],
        **every("databases.storage_max", 0, 600, 100),
        **every("databases.storage_type", "io1", "io2", "gp2"),
        "databases.iops": [{"databases.1.iops": value} for value in (13000, 100)],
        "databases.throughput": [{"databases.1.throughput": value} for value in (600, 1)],
        **every("databases.port", 5433),
        **every("databases.database_name", None, "other"),
        **every("databases.master_username", "other"),
        "databases.credentials": [{"databases.1.credentials": "secret"}],
        **every("databases.secret_kms_key", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/other"),
        **every("databases.kms_key", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/other"),
        **every("databases.subnet_ids", subnets, subnets[:1], ["subnet-0a1b2c3d"]),
        **every("databases.security_group_ids", [other_group], []),
        **every("databases.parameters", {}, {"log_statement": "all"}, {"log_statment": "all"}),
        **every("databases.backup_retention_days", 8, 0),
        **every("databases.backup_window", None, "18:00-18:30", "17:00-17:30", "now"),
        **every("databases.maintenance_window", None, "sun:18:00-sun:18:30", "sun:15:50-sun:16:20", "sunday"),
        **every("databases.performance_insights_days", 0, 31, 8),
        **every("databases.log_exports", [], ["upgrade"], ["slowquery"]),
        **every("databases.ca_certificate", "rds-ca-rsa4096-g1", "none"),
        **every("databases.replicas", [], [{"name": "others"}]),
        **every("databases.replicas.name", "others"),
        **every("databases.replicas.instance_class", None, "db.m7g.large"),
        **every("databases.tags", {}, {"Team": "web"}),
    }
    outcomes = {
        **dict.fromkeys(("purge", "ignore", "apply_immediately", "final_snapshot", "wait_timeout"), {SAME}),
        **{f"databases.{of}": {REFUSED} for of in ("engine", "master_username", "kms_key")},
        "state": {REFUSED},
        # a replica goes with purge when its database is not declared any more
        "databases": {SAME, PLANNED},
        "databases.replicas.instance_class": {SAME, PLANNED},
        # AWS moves minor versions by itself
        **{f"databases.{of}": {SAME, REFUSED} for of in ("engine_version", "database_name")},
        **{f"databases.{of}": {SAME, *PARTLY} for of in ("storage", "backup_window", "maintenance_window")},
        **{
            f"databases.{of}": PARTLY
            for of in (
                "instance_class",
                "storage_max",
                "storage_type",
                "iops",
                "throughput",
                "subnet_ids",
                "security_group_ids",
                "parameters",
                "backup_retention_days",
                "performance_insights_days",
                "log_exports",
                "ca_certificate",
            )
        },
    }

    def identity() -> dict:
        return {
            item["DBInstanceIdentifier"]: item["DbiResourceId"]
            for item in rds.describe_db_instances()["DBInstances"]
            if not item.get("ReadReplicaSourceDBInstanceIdentifier")
        }

    base = {
        "platform": "mds",
        "databases": [main, scratch],
        "tags": {"Env": "lab"},
        "apply_immediately": True,
        "wait_timeout": 60,
    }
    return Subject(base, lambda: None, changes, outcomes, {}, identity)


SUBJECTS = {function.__name__: function for function in (tables, buckets, volumes, volume_attachment, databases)}
