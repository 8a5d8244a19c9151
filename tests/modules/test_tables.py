"""Module tables on the lab; what it made is looked at with boto3."""

from __future__ import annotations

import concurrent.futures
import copy
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from tests.unit.table_states import ENCRYPTIONS, expected, found, refused, ways

SESSIONS = {
    "name": "sessions",
    "attributes": {"id": "string", "user": "string"},
    "partition_key": "id",
    "global_indexes": [{"name": "by-user", "partition_key": "user", "projection": "keys_only"}],
    "ttl": "expires",
    "recovery_days": 0,
    "deletion_protection": False,
}
AUDIT = {
    "name": "audit",
    "attributes": {"space": "string", "at": "string", "actor": "string", "size": "number"},
    "partition_key": "space",
    "sort_key": "at",
    "local_indexes": [{"name": "by-size", "sort_key": "size", "projection": "include", "include": ["what"]}],
    "global_indexes": [{"name": "by-actor", "partition_key": "actor", "sort_key": "at"}],
    "stream": "new_image",
    "billing_mode": "provisioned",
    "capacity": {"read": 5},
    "autoscaling": {"write": {"min": 5, "max": 50}},
    "encryption": "aws_managed",
    "table_class": "infrequent_access",
}
PLAIN = {
    "name": "plain",
    "attributes": {"id": "string"},
    "partition_key": "id",
    "recovery_days": 0,
    "deletion_protection": False,
}


@pytest.fixture
def dynamodb(lab):
    return lab.client("dynamodb")


@pytest.fixture
def tables(run_module):
    def run(*wanted, check=False, **options):
        return run_module("tables", check=check, **{"platform": "mds", "tables": list(wanted), **options})

    return run


def other(table, **fields):
    return {**copy.deepcopy(table), **fields}


def named(result):
    assert not result["failed"], result
    return [(a["verb"], a["kind"], a["name"]) for a in result["actions"]]


def described(dynamodb, name):
    return dynamodb.describe_table(TableName=f"mds-{name}")["Table"]


def indexes(dynamodb, name):
    found = described(dynamodb, name).get("GlobalSecondaryIndexes", [])
    return {index["IndexName"]: index for index in found}


def foreign(dynamodb, name):
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "Owner", "Value": "somebody else"}],
    )


def updates(lab):
    return [call["operation"] for call in lab.mutating()]


def test_check_converge_and_second_run(lab, dynamodb, tables):
    checked = tables(SESSIONS, AUDIT, check=True, tags={"Env": "lab"})
    assert lab.mutating() == []
    made = tables(SESSIONS, AUDIT, tags={"Env": "lab"})
    assert named(made) == [
        ("create", "table", "audit"),
        ("create", "table", "sessions"),
        ("create", "table_index", "audit by-actor"),
        ("create", "table_index", "sessions by-user"),
        ("create", "table_scaling", "audit by-actor write"),
        ("create", "table_scaling", "audit write"),
    ]
    assert made["actions"] == checked["actions"]
    assert checked["tables"]["audit"]["arn"] == "(known after apply)"

    audit, sessions = described(dynamodb, "audit"), described(dynamodb, "sessions")
    assert made["tables"]["audit"]["arn"] == audit["TableArn"]
    assert made["tables"]["audit"]["stream_arn"] == audit["LatestStreamArn"]
    assert made["tables"]["sessions"]["stream_arn"] is None
    assert made["tables"]["audit"]["indexes"] == {"by-actor": {"status": "ACTIVE"}}
    assert (audit["TableStatus"], audit["DeletionProtectionEnabled"]) == ("ACTIVE", True)
    assert audit["KeySchema"] == [
        {"AttributeName": "space", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ]
    assert audit["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert audit["SSEDescription"]["Status"] == "ENABLED"
    assert audit["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    units = audit["ProvisionedThroughput"]
    assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (5, 5)
    [local] = audit["LocalSecondaryIndexes"]
    assert local["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["what"]}
    backups = dynamodb.describe_continuous_backups(TableName="mds-audit")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 35
    assert sessions["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert "SSEDescription" not in sessions and "StreamSpecification" not in sessions
    ttl = dynamodb.describe_time_to_live(TableName="mds-sessions")["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "expires" and ttl["TimeToLiveStatus"].startswith("ENABL")
    tags = dynamodb.list_tags_of_resource(ResourceArn=audit["TableArn"])["Tags"]
    assert {"Key": "mydigitalstructure:platform", "Value": "mds"} in tags and {"Key": "Env", "Value": "lab"} in tags
    targets = lab.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="dynamodb")
    assert sorted(target["ResourceId"] for target in targets["ScalableTargets"]) == [
        "table/mds-audit",
        "table/mds-audit/index/by-actor",
    ]

    lab.clear_calls()
    assert named(tables(SESSIONS, AUDIT, tags={"Env": "lab"})) == []
    assert lab.mutating() == []
    # lists, two calls for what no list tells, and the key of the one that has one
    read = sorted(call["operation"] for call in lab.calls())
    assert read == sorted(
        ["DescribeScalableTargets", "DescribeScalingPolicies", "GetResources", "ListTables", "DescribeKey"]
        + ["DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups"] * 2
    )


def test_tables_are_made_beside_each_other(lab, dynamodb, tables):
    many = [other(PLAIN, name=f"t{n}") for n in range(12)]
    assert len(named(tables(*many))) == 12
    begun = [n for n, call in enumerate(lab.calls()) if call["operation"] == "CreateTable"]
    first_look = max(n for n, call in enumerate(lab.calls()) if call["operation"] == "DescribeTable")
    assert len(begun) == 12 and begun[-1] < first_look
    assert named(tables(*many)) == []


def test_every_setting_is_changed_in_place(lab, dynamodb, tables):
    key = lab.client("kms").create_key()["KeyMetadata"]["Arn"]
    tables(PLAIN)
    changed = other(
        PLAIN,
        stream="keys_only",
        encryption="customer_managed",
        kms_key=key,
        table_class="infrequent_access",
        deletion_protection=True,
        ttl="expires",
        recovery_days=7,
        billing_mode="provisioned",
        capacity={"read": 3, "write": 2},
        tags={"Team": "data"},
    )
    planned = tables(changed, check=True)
    applied = tables(changed)
    assert named(applied) == [("update", "table", "plain")]
    assert applied["actions"] == planned["actions"]
    [action] = applied["actions"]
    assert action["fields"]["encryption"] == {"before": "owned", "after": "customer_managed"}
    found = described(dynamodb, "plain")
    assert found["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    assert found["SSEDescription"]["KMSMasterKeyArn"] == key
    assert found["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert found["DeletionProtectionEnabled"] is True
    assert found["ProvisionedThroughput"]["ReadCapacityUnits"] == 3
    backups = dynamodb.describe_continuous_backups(TableName="mds-plain")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 7
    assert named(tables(changed)) == []

    lab.advance(3601)
    back = tables(PLAIN)
    assert named(back) == [("update", "table", "plain")]
    found = described(dynamodb, "plain")
    assert "StreamSpecification" not in found and "SSEDescription" not in found
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    ttl = dynamodb.describe_time_to_live(TableName="mds-plain")["TimeToLiveDescription"]
    assert ttl["TimeToLiveStatus"] in ("DISABLING", "DISABLED")
    tags = dynamodb.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"]
    assert "Team" not in {tag["Key"] for tag in tags}
    assert named(tables(PLAIN)) == []


def test_indexes_go_and_come_one_by_one(lab, dynamodb, tables):
    tables(SESSIONS)
    lab.clear_calls()
    wanted = other(
        SESSIONS,
        attributes={"id": "string", "device": "string", "at": "number"},
        global_indexes=[
            {"name": "by-device", "partition_key": "device", "sort_key": "at"},
            {"name": "by-time", "partition_key": "at"},
        ],
    )
    changed = tables(wanted)
    assert named(changed) == [
        ("create", "table_index", "sessions by-device"),
        ("create", "table_index", "sessions by-time"),
        ("delete", "table_index", "sessions by-user"),
    ]
    assert updates(lab) == ["UpdateTable"] * 3
    assert {call["error"] for call in lab.mutating()} == {None}
    found = indexes(dynamodb, "sessions")
    assert {name: index["IndexStatus"] for name, index in found.items()} == {"by-device": "ACTIVE", "by-time": "ACTIVE"}
    attributes = {
        a["AttributeName"]: a["AttributeType"] for a in described(dynamodb, "sessions")["AttributeDefinitions"]
    }
    assert attributes == {"id": "S", "device": "S", "at": "N"}
    assert named(tables(wanted)) == []


def test_an_index_is_replaced_only_when_named(lab, dynamodb, tables):
    number = [{"name": n, "partition_key": "at"} for n in ("one", "two")]
    tables(other(PLAIN, attributes={"id": "string", "at": "number"}, global_indexes=number))
    text = other(PLAIN, attributes={"id": "string", "at": "string"}, global_indexes=number)
    lab.clear_calls()
    refused = tables(text)
    assert refused["failed"] and "plain one" in refused["msg"] and "replace_indexes" in refused["msg"]
    assert lab.mutating() == []
    # a key of both of them has another type now
    replaced = tables(text, replace_indexes=["plain one", "plain two"])
    assert named(replaced) == [("replace", "table_index", "plain one"), ("replace", "table_index", "plain two")]
    assert sorted(indexes(dynamodb, "plain")) == ["one", "two"]
    attributes = {a["AttributeName"]: a["AttributeType"] for a in described(dynamodb, "plain")["AttributeDefinitions"]}
    assert attributes == {"id": "S", "at": "S"}
    assert named(tables(text, replace_indexes=["plain one"])) == []
    unknown = tables(text, replace_indexes=["plain three"])
    assert unknown["failed"] and "'plain three'" in unknown["msg"] and "plain one" in unknown["msg"]


def test_what_scaling_moved_stays(lab, dynamodb, tables):
    tables(AUDIT)
    dynamodb.update_table(
        TableName="mds-audit",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 33},
        GlobalSecondaryIndexUpdates=[
            {
                "Update": {
                    "IndexName": "by-actor",
                    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 21},
                }
            }
        ],
    )
    assert named(tables(AUDIT)) == []
    more = other(AUDIT, capacity={"read": 9}, autoscaling={"write": {"min": 10, "max": 80, "target": 50}})
    assert named(tables(more)) == [
        ("update", "table", "audit"),
        ("update", "table_index", "audit by-actor"),
        ("update", "table_scaling", "audit by-actor write"),
        ("update", "table_scaling", "audit write"),
    ]
    units = described(dynamodb, "audit")["ProvisionedThroughput"]
    assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (9, 33)
    units = indexes(dynamodb, "audit")["by-actor"]["ProvisionedThroughput"]
    assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (9, 21)
    assert named(tables(more)) == []


def test_billing_goes_both_ways_with_all_indexes(lab, dynamodb, tables):
    scaling = lab.client("application-autoscaling")
    tables(AUDIT)
    demand = other(AUDIT, billing_mode="on_demand", capacity=None, autoscaling=None)
    named(tables(demand))
    assert described(dynamodb, "audit")["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"] == []
    assert scaling.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"] == []
    assert named(tables(demand)) == []
    named(tables(AUDIT))
    units = indexes(dynamodb, "audit")["by-actor"]["ProvisionedThroughput"]
    assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (5, 5)
    assert named(tables(AUDIT)) == []


def test_decreases_beyond_what_aws_allows_are_refused_before_they_are_tried(lab, dynamodb, tables):
    def sized(read):
        return other(PLAIN, billing_mode="provisioned", capacity={"read": read, "write": 1})

    for read in (9, 8, 7, 6, 5):
        named(tables(sized(read)))
    lab.clear_calls()
    refused = tables(sized(4))
    assert refused["failed"] and "capacity read cannot be decreased from 5 to 4" in refused["msg"]
    assert lab.mutating() == []
    assert named(tables(sized(6))) == [("update", "table", "plain")]


def test_time_to_live_is_changed_once_an_hour(lab, dynamodb, tables):
    tables(other(PLAIN, ttl="expires"))
    at_once = tables(other(PLAIN, ttl="ends"))
    assert at_once["failed"] and "'expires' to 'ends'" in at_once["msg"]
    too_soon = tables(PLAIN)
    assert too_soon["failed"] and "once an hour" in too_soon["msg"]
    assert too_soon["failed_actions"][0]["name"] == "plain"
    lab.advance(3601)
    assert named(tables(PLAIN)) == [("update", "table", "plain")]
    lab.advance(3601)
    dynamodb.describe_time_to_live(TableName="mds-plain")
    assert named(tables(other(PLAIN, ttl="ends"))) == [("update", "table", "plain")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"attributes": {"uid": "string"}, "partition_key": "uid"},
            ["partition_key", "'id' (string) to 'uid' (string)"],
        ),
        ({"attributes": {"id": "number"}}, ["partition_key", "'id' (string) to 'id' (number)"]),
        ({"attributes": {"id": "string", "at": "string"}, "sort_key": "at"}, ["sort_key", "none to 'at' (string)"]),
        ({"stream": "new_image"}, ["stream", "keys_only to new_image", "none first"]),
    ],
)
def test_what_aws_cannot_change_is_refused_and_never_replaced(lab, dynamodb, tables, change, words):
    before = other(PLAIN, stream="keys_only")
    tables(before)
    made = described(dynamodb, "plain")
    lab.clear_calls()
    refused = tables(other(before, **change), purge=True)
    assert refused["failed"] and refused["msg"].startswith("tables: plain: ")
    assert [word for word in words if word not in refused["msg"]] == []
    assert lab.mutating() == []
    assert described(dynamodb, "plain")["TableId"] == made["TableId"]


def test_a_local_index_cannot_be_added(dynamodb, tables):
    keyed = other(PLAIN, attributes={"id": "string", "at": "string"}, sort_key="at")
    tables(keyed)
    more = other(keyed, attributes={"id": "string", "at": "string", "n": "number"})
    refused = tables(other(more, local_indexes=[{"name": "by-n", "sort_key": "n"}]))
    assert refused["failed"] and "local_indexes cannot be changed from none to by-n" in refused["msg"]


def test_purge_protection_data_and_foreign_tables(lab, dynamodb, tables):
    foreign(dynamodb, "mds-theirs")
    foreign(dynamodb, "unrelated")
    tables(PLAIN, SESSIONS, other(AUDIT, recovery_days=0))
    refused = tables(PLAIN, other(PLAIN, name="theirs"))
    assert refused["failed"] and "theirs" in refused["msg"] and "somebody else's" in refused["msg"]

    guarded = tables(PLAIN, purge=True)
    assert guarded["failed"] and "deletion protection is on for audit" in guarded["msg"]
    tables(PLAIN, SESSIONS, other(AUDIT, recovery_days=0, deletion_protection=False))
    dynamodb.put_item(TableName="mds-audit", Item={"space": {"S": "one"}, "at": {"S": "now"}})
    lab.clear_calls()
    full = tables(PLAIN, purge=True)
    assert full["failed"] and "audit holds items" in full["msg"] and "delete_with_data" in full["msg"]
    assert tables(PLAIN, purge=True, check=True, delete_with_data=["sessions"])["failed"]
    assert lab.mutating() == []
    purged = tables(PLAIN, purge=True, delete_with_data=["audit"], ignore=["sess*"])
    assert named(purged) == [
        ("delete", "table", "audit"),
        ("delete", "table_scaling", "audit by-actor write"),
        ("delete", "table_scaling", "audit write"),
    ]
    assert dynamodb.list_tables()["TableNames"] == ["mds-plain", "mds-sessions", "mds-theirs", "unrelated"]
    targets = lab.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="dynamodb")
    assert targets["ScalableTargets"] == []

    assert named(tables(state="absent")) == [("delete", "table", "plain"), ("delete", "table", "sessions")]
    assert dynamodb.list_tables()["TableNames"] == ["mds-theirs", "unrelated"]
    assert named(tables(state="absent")) == []


def test_many_tables_and_targets_are_read_to_the_last_page(lab, dynamodb, tables):
    for number in range(120):
        foreign(dynamodb, f"a-{number:03}")
    scaled = {
        "billing_mode": "provisioned",
        "autoscaling": {"read": {"min": 1, "max": 9}, "write": {"min": 1, "max": 9}},
    }
    many = [other(PLAIN, name=f"t{number:02}", **scaled) for number in range(55)]
    assert len(named(tables(*many))) == 3 * 55
    assert named(tables(*many)) == []


def test_a_table_that_another_run_makes_meanwhile_is_taken(lab, dynamodb, tables, run_module):
    with concurrent.futures.ThreadPoolExecutor(1):
        first = subprocess.Popen([sys.executable, "-c", RUN.format(tables=[AUDIT])], stdout=subprocess.PIPE)
        second = tables(AUDIT)
        output, _nothing = first.communicate(timeout=60)
    assert not second["failed"], second
    assert b'"failed": true' not in output
    assert named(tables(AUDIT)) == []
    assert len(dynamodb.list_tables()["TableNames"]) == 1


RUN = """
import json, os
import tests.conftest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mydigitalstructure.aws.plugins.modules import tables
with patch_module_args({{"platform": "mds", "tables": {tables!r}, "purge": True}}):
    tables.main()
"""


@settings(
    deadline=None,
    max_examples=4,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(ways(2, ENCRYPTIONS[:1]))
@pytest.mark.once
def test_from_any_state_to_any_other(lab, dynamodb, tables, way):
    """A few of what the unit tests try on a model of AWS, here on the lab."""
    before, after = way
    assume(before and after and before != after and not refused(before, after))
    lab.reset()
    scaling = lab.client("application-autoscaling")
    for wanted in (before, after):
        allowed = [f"{name} {index['name']}" for name, table in wanted.items() for index in table["global_indexes"]]
        lab.advance(86400 * 31)
        options = {"purge": True, "replace_indexes": allowed}
        named(tables(*wanted.values(), **options))
        assert found(dynamodb, scaling, wanted) == expected(wanted)
        assert named(tables(*wanted.values(), **options)) == []
    assert {call["error"] for call in lab.mutating() if call["operation"] == "UpdateTable"} <= {None}


def test_a_wait_that_ends_too_early_is_said_and_gone_on_with(lab, dynamodb, tables, monkeypatch):
    from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _tables_read

    tables(PLAIN)
    real = _tables_read.Reader.detail

    def slow(self, name):
        found = real(self, name)
        return found and {**found, "TableStatus": "UPDATING"}

    monkeypatch.setattr(_tables_read.Reader, "detail", slow)
    late = tables(other(PLAIN, stream="keys_only"), wait_timeout=1)
    assert late["failed"] and "UPDATING after 1 seconds" in late["msg"] and "next run" in late["msg"]
    monkeypatch.setattr(_tables_read.Reader, "detail", real)
    assert named(tables(other(PLAIN, stream="keys_only"))) == [("update", "table", "plain")]


def test_one_that_fails_does_not_stop_the_others(lab, dynamodb, tables):
    timed = other(PLAIN, name="timed", ttl="expires")
    tables(PLAIN, timed)
    assert named(tables(PLAIN, timed)) == []  # its time to live is settled
    part = tables(SESSIONS, other(PLAIN, name="timed"), other(PLAIN, tags={"Team": "data"}))
    assert part["failed"] and "update table timed" in part["msg"]
    assert sorted(action["name"] for action in part["done"]) == ["plain", "sessions", "sessions by-user"]
    assert [action["name"] for action in part["failed_actions"]] == ["timed"]


def test_the_kms_key_must_be_there_and_may_be_unknown_in_check_mode(lab, tables):
    keyed = other(PLAIN, encryption="customer_managed")
    missing = tables(other(keyed, kms_key="alias/none"))
    assert missing["failed"] and "'alias/none'" in missing["msg"]
    unknown = other(keyed, kms_key="(known after apply)")
    assert named(tables(unknown, check=True)) == [("create", "table", "plain")]
    refused = tables(unknown)
    assert refused["failed"] and "known after apply" in refused["msg"]
    lab.client("kms").create_alias(
        AliasName="alias/data", TargetKeyId=lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
    )
    assert named(tables(other(keyed, kms_key="alias/data"))) == [("create", "table", "plain")]
    assert named(tables(other(keyed, kms_key="alias/data"))) == []
