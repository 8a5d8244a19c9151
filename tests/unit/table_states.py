"""Random sets of tables, what AWS then has of them, and which ways from one set to another are refused.

For the property tests of module tables, on a model of AWS and on the lab. Nothing here uses the collection's own code.
"""

from __future__ import annotations

from hypothesis import strategies as st

TYPES = {"string": "S", "number": "N"}
KEYS = {"a": [None, "at"], "b": ["at"]}
"""Sort keys that each table may have; like the partition key ``id`` they are strings."""
KMS = "arn:aws:kms:ap-southeast-2:123456789012:key/"
ENCRYPTIONS = (
    ("owned", None),
    ("aws_managed", None),
    ("customer_managed", KMS + "one"),
    ("customer_managed", KMS + "two"),
)
STREAMS = {"none": None, "keys_only": "KEYS_ONLY", "new_image": "NEW_IMAGE"}
CLASSES = {"standard": "STANDARD", "infrequent_access": "STANDARD_INFREQUENT_ACCESS"}

INCLUDED = [("include", ["one"]), ("include", ["one", "two"])]
# so that one list after the other is not too rare
PROJECTIONS = [("all", []), ("keys_only", []), *INCLUDED, *INCLUDED]

scaled = st.builds(
    lambda low, more: {"min": low, "max": low + more, "target": 70}, st.integers(1, 9), st.integers(0, 9)
)


@st.composite
def table(draw, name, encryptions, shape):
    """A valid table, as the module takes it; ``shape`` are its sort key and whether it has a local index."""
    partition, (sort, with_local) = "id", shape
    chosen = draw(st.lists(st.sampled_from(["one", "two", "six"]), unique=True))
    # a key's type is the table's affair: all indexes that have it agree
    types = {key: draw(st.sampled_from(sorted(TYPES))) for key in ("x", "y")}
    indexes = []
    for index in chosen:
        keys = draw(st.sampled_from([("x", None), ("x", "y"), ("y", "id")]))
        projection, include = draw(st.sampled_from(PROJECTIONS))
        indexes.append(
            {
                "name": index,
                "partition_key": keys[0],
                "sort_key": keys[1],
                "projection": projection,
                "include": include,
            }
        )
    local = [{"name": "local", "sort_key": "z", "projection": "keys_only", "include": []}] if with_local else []
    owners = [*indexes, *local]
    used = {partition, sort, *(owner.get(part) for owner in owners for part in ("partition_key", "sort_key"))} - {None}
    encryption, key = draw(st.sampled_from(encryptions))
    made = {
        "name": name,
        "attributes": {key: types.get(key, "string") for key in sorted(used)},
        "partition_key": partition,
        "sort_key": sort,
        "global_indexes": indexes,
        "local_indexes": local,
        "encryption": encryption,
        "kms_key": key,
        "billing_mode": draw(st.sampled_from(["on_demand", "provisioned"])),
        "ttl": draw(st.sampled_from([None, "expires", "ends"])),
        "recovery_days": draw(st.sampled_from([0, 7])),
        "stream": draw(st.sampled_from(sorted(STREAMS))),
        "table_class": draw(st.sampled_from(sorted(CLASSES))),
        "deletion_protection": draw(st.booleans()),
        "tags": draw(st.sampled_from([{}, {"Team": "data"}, {"Team": "web", "Cost": "1"}])),
    }
    if made["billing_mode"] == "provisioned":
        for owner in (made, *indexes):
            own = {mode: draw(scaled) for mode in draw(st.sets(st.sampled_from(["read", "write"])))}
            owner["capacity"] = {mode: draw(st.integers(1, 9)) for mode in ("read", "write") if mode not in own}
            owner["autoscaling"] = own
    return made


@st.composite
def shapes(draw):
    """What AWS never changes, for each name."""
    return {
        name: draw(st.sampled_from([(sort, local) for sort in keys for local in ([False, True] if sort else [False])]))
        for name, keys in KEYS.items()
    }


@st.composite
def ways(draw, most=3, encryptions=ENCRYPTIONS):
    """Sets of tables, keyed by name, one to come after the other; most often AWS would let them."""
    allowed = draw(st.sampled_from([True, True, True, False]))
    same, way = draw(shapes()), []
    for _number in range(draw(st.integers(2, most))):
        shaped = same if allowed else draw(shapes())
        # most often there
        names = [name for name in sorted(KEYS) if draw(st.integers(0, 4))]
        after = {name: draw(table(name, encryptions, shaped[name])) for name in names}
        if allowed and way:
            make_allowed(way[-1], after)
        way.append(after)
    return way


def make_allowed(before: dict, after: dict) -> None:
    """Leave out of the second set what AWS would not do at once."""
    for name, there in before.items():
        if name not in after:
            if there["deletion_protection"]:
                after[name] = there
            continue
        for field, none in (("ttl", None), ("stream", "none")):
            if none not in (there[field], after[name][field]):
                after[name][field] = there[field]


def fixed(index: dict, table: dict) -> tuple:
    """What AWS cannot change of an index."""
    return wanted_keys(index, table["attributes"]), index["projection"], index["include"]


def refused(before: dict, after: dict, *, with_data: set = frozenset(), replace: bool = True) -> bool:
    """Whether one of the tables cannot go the whole way at once.

    :arg with_data: tables that hold items.
    :arg replace: whether indexes may be built anew.
    """
    for name, there in before.items():
        if name not in after:
            if there["deletion_protection"] or name in with_data:
                return True
            continue
        wanted = after[name]
        if (there["sort_key"], there["local_indexes"]) != (wanted["sort_key"], wanted["local_indexes"]):
            return True
        former = {index["name"]: fixed(index, there) for index in there["global_indexes"]}
        if not replace and any(
            former.get(i["name"], f) != f for i in wanted["global_indexes"] for f in [fixed(i, wanted)]
        ):
            return True
        if None not in (there["ttl"], wanted["ttl"]) and there["ttl"] != wanted["ttl"]:
            return True
        if "none" not in (there["stream"], wanted["stream"]) and there["stream"] != wanted["stream"]:
            return True
    return False


def units(owner: dict) -> tuple:
    """Provisioned read and write units, None where they are scaled; none at all on demand."""
    if "capacity" not in owner:
        return (0, 0)
    return tuple(owner["capacity"].get(mode) for mode in ("read", "write"))


def wanted_keys(owner: dict, types: dict) -> list[tuple]:
    """The keys of a declared table or index: kind, name and type."""
    parts = (("HASH", owner.get("partition_key", "id")), ("RANGE", owner["sort_key"]))
    return [(kind, key, TYPES[types[key]]) for kind, key in parts if key]


def shown_keys(owner: dict, types: dict) -> list[tuple]:
    """The same of what DescribeTable shows."""
    return [(key["KeyType"], key["AttributeName"], types[key["AttributeName"]]) for key in owner["KeySchema"]]


def expected(wanted: dict) -> dict:
    """What :func:`found` gives when AWS has exactly these tables."""
    picture = {}
    for name, item in wanted.items():
        owners = {None: item, **{index["name"]: index for index in item["global_indexes"]}}
        picture[name] = {
            "keys": wanted_keys(item, item["attributes"]),
            "billing": "PAY_PER_REQUEST" if item["billing_mode"] == "on_demand" else "PROVISIONED",
            "units": {place: units(owner) for place, owner in owners.items()},
            "indexes": {
                index["name"]: (
                    "ACTIVE",
                    wanted_keys(index, item["attributes"]),
                    index["projection"].upper(),
                    index["include"],
                )
                for index in item["global_indexes"]
            },
            "local": [wanted_keys(index, item["attributes"]) for index in item["local_indexes"]],
            "key": KMS + "aws" if item["encryption"] == "aws_managed" else item["kms_key"],
            "ttl": item["ttl"],
            "days": item["recovery_days"],
            "stream": STREAMS[item["stream"]],
            "class": CLASSES[item["table_class"]],
            "protected": item["deletion_protection"],
            "tags": item["tags"],
            "scaling": {
                (place, mode): (moved["min"], moved["max"], moved["target"])
                for place, owner in owners.items()
                for mode, moved in owner.get("autoscaling", {}).items()
            },
        }
    return picture


def found(dynamodb, scaling, wanted: dict) -> dict:
    """What AWS has, asked with boto3's calls; units that ``wanted`` has scaled are not looked at."""
    picture = {}
    for aws_name in dynamodb.list_tables()["TableNames"]:
        detail = dynamodb.describe_table(TableName=aws_name)["Table"]
        name, types = aws_name.removeprefix("mds-"), {}
        for item in detail["AttributeDefinitions"]:
            types[item["AttributeName"]] = item["AttributeType"]
        owners = {None: detail, **{index["IndexName"]: index for index in detail.get("GlobalSecondaryIndexes", [])}}
        of = {"ServiceNamespace": "dynamodb"}
        moved = {}
        for target in scaling.describe_scalable_targets(**of)["ScalableTargets"]:
            parts = target["ResourceId"].split("/")
            if parts[1] == aws_name:
                place = (
                    parts[3] if len(parts) > 2 else None,
                    "read" if "Read" in target["ScalableDimension"] else "write",
                )
                same = {**of, "ResourceId": target["ResourceId"], "ScalableDimension": target["ScalableDimension"]}
                [policy] = scaling.describe_scaling_policies(**same)["ScalingPolicies"]
                aim = policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
                moved[place] = (target["MinCapacity"], target["MaxCapacity"], aim)
        ttl = dynamodb.describe_time_to_live(TableName=aws_name)["TimeToLiveDescription"]
        backups = dynamodb.describe_continuous_backups(TableName=aws_name)["ContinuousBackupsDescription"]
        tags = dynamodb.list_tags_of_resource(ResourceArn=detail["TableArn"])["Tags"]
        throughput = {
            place: tuple(
                None if (place, mode) in moved else owner["ProvisionedThroughput"][f"{mode.capitalize()}CapacityUnits"]
                for mode in ("read", "write")
            )
            for place, owner in owners.items()
        }
        picture[name] = {
            "keys": shown_keys(detail, types),
            "billing": detail.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
            "units": throughput,
            "indexes": {
                place: (
                    index["IndexStatus"],
                    shown_keys(index, types),
                    index["Projection"]["ProjectionType"],
                    sorted(index["Projection"].get("NonKeyAttributes", [])),
                )
                for place, index in owners.items()
                if place
            },
            "local": [shown_keys(index, types) for index in detail.get("LocalSecondaryIndexes", [])],
            "key": detail.get("SSEDescription", {}).get("KMSMasterKeyArn"),
            "ttl": ttl.get("AttributeName") if ttl["TimeToLiveStatus"].startswith("ENABL") else None,
            "days": backups["PointInTimeRecoveryDescription"].get("RecoveryPeriodInDays", 0),
            "stream": detail.get("StreamSpecification", {}).get("StreamViewType"),
            "class": detail.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
            "protected": detail["DeletionProtectionEnabled"],
            "tags": {tag["Key"]: tag["Value"] for tag in tags if ":" not in tag["Key"] and tag["Key"] != "Name"},
            "scaling": moved,
        }
    return picture
