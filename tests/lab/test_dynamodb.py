"""DynamoDB in the lab passes through its statuses and keeps AWS's rules of changing a table."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

KEYS = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}
DEMAND = {**KEYS, "BillingMode": "PAY_PER_REQUEST"}
NAME = {"TableName": "one"}


@pytest.fixture
def dynamodb(lab):
    return lab.client("dynamodb")


def units(read, write=5):
    return {"ReadCapacityUnits": read, "WriteCapacityUnits": write}


def index(name, key="x"):
    schema = [{"AttributeName": key, "KeyType": "HASH"}]
    return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}}


def creation(name, key="x"):
    return {
        "AttributeDefinitions": [*KEYS["AttributeDefinitions"], {"AttributeName": key, "AttributeType": "S"}],
        "GlobalSecondaryIndexUpdates": [{"Create": index(name, key)}],
    }


def look(dynamodb):
    return dynamodb.describe_table(**NAME)["Table"]


def active(dynamodb):
    for _look in range(6):
        look(dynamodb)


def made(dynamodb, **options):
    dynamodb.create_table(**NAME, **(options or DEMAND))
    active(dynamodb)


def refusal(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]["Code"]


def test_statuses_pass_with_looks(dynamodb):
    assert dynamodb.create_table(**NAME, **DEMAND)["TableDescription"]["TableStatus"] == "CREATING"
    assert refusal(dynamodb.delete_table, **NAME) == "ResourceInUseException"
    assert [look(dynamodb)["TableStatus"] for _look in range(2)] == ["CREATING", "ACTIVE"]
    dynamodb.update_table(**NAME, DeletionProtectionEnabled=True)
    assert refusal(dynamodb.update_table, **NAME, DeletionProtectionEnabled=False) == "ResourceInUseException"
    assert [look(dynamodb)["TableStatus"] for _look in range(2)] == ["UPDATING", "ACTIVE"]
    assert refusal(dynamodb.delete_table, **NAME) == "ValidationException"
    dynamodb.update_table(**NAME, DeletionProtectionEnabled=False)
    active(dynamodb)
    dynamodb.delete_table(**NAME)
    assert refusal(dynamodb.create_table, **NAME, **DEMAND) == "ResourceInUseException"
    assert look(dynamodb)["TableStatus"] == "DELETING"
    assert refusal(dynamodb.describe_table, **NAME) == "ResourceNotFoundException"


def test_one_index_at_a_time(dynamodb):
    made(dynamodb)
    two = creation("one")
    two["GlobalSecondaryIndexUpdates"].append({"Create": index("two")})
    assert refusal(dynamodb.update_table, **NAME, **two) == "LimitExceededException"
    dynamodb.update_table(**NAME, **creation("one"))
    seen = [(table["TableStatus"], table["GlobalSecondaryIndexes"][0]) for table in (look(dynamodb) for _n in range(4))]
    assert [(status, i["IndexStatus"], i.get("Backfilling")) for status, i in seen] == [
        ("UPDATING", "CREATING", False),
        ("ACTIVE", "CREATING", False),
        ("ACTIVE", "CREATING", True),
        ("ACTIVE", "ACTIVE", None),
    ]
    dynamodb.update_table(**NAME, **creation("two"))
    look(dynamodb)
    delete = [{"Delete": {"IndexName": "one"}}]
    assert refusal(dynamodb.update_table, **NAME, GlobalSecondaryIndexUpdates=delete) == "LimitExceededException"
    active(dynamodb)
    dynamodb.update_table(**NAME, GlobalSecondaryIndexUpdates=delete)
    active(dynamodb)
    assert [i["IndexName"] for i in look(dynamodb)["GlobalSecondaryIndexes"]] == ["two"]
    unused = creation("three", "y")
    unused["AttributeDefinitions"].append({"AttributeName": "z", "AttributeType": "S"})
    assert refusal(dynamodb.update_table, **NAME, **unused) == "ValidationException"


def test_billing_switches_with_all_indexes_and_not_too_often(lab, dynamodb):
    made(dynamodb, **creation_table("one"), BillingMode="PAY_PER_REQUEST")
    to_provisioned = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(5)}
    assert refusal(dynamodb.update_table, **NAME, **to_provisioned) == "ValidationException"
    update = [{"Update": {"IndexName": "one", "ProvisionedThroughput": units(5)}}]
    for _switch in range(4):
        dynamodb.update_table(**NAME, **to_provisioned, GlobalSecondaryIndexUpdates=update)
        active(dynamodb)
        dynamodb.update_table(**NAME, BillingMode="PAY_PER_REQUEST")
        active(dynamodb)
    dynamodb.update_table(**NAME, **to_provisioned, GlobalSecondaryIndexUpdates=update)
    active(dynamodb)
    assert refusal(dynamodb.update_table, **NAME, BillingMode="PAY_PER_REQUEST") == "LimitExceededException"
    lab.advance(86401)
    dynamodb.update_table(**NAME, BillingMode="PAY_PER_REQUEST")


def creation_table(name):
    asked = creation(name)
    return {**KEYS, "AttributeDefinitions": asked["AttributeDefinitions"], "GlobalSecondaryIndexes": [index(name)]}


def test_capacity_is_decreased_four_times_a_day_and_then_once_an_hour(lab, dynamodb):
    made(dynamodb, **KEYS, ProvisionedThroughput=units(9))
    for read in (8, 7, 6, 5):
        dynamodb.update_table(**NAME, ProvisionedThroughput=units(read))
        active(dynamodb)
    assert look(dynamodb)["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 4
    lower = {**NAME, "ProvisionedThroughput": units(4)}
    assert refusal(dynamodb.update_table, **lower) == "LimitExceededException"
    assert refusal(dynamodb.update_table, **NAME, ProvisionedThroughput=units(5)) == "ValidationException"
    lab.advance(3601)
    dynamodb.update_table(**lower)


def test_time_to_live_is_changed_once_an_hour(lab, dynamodb):
    made(dynamodb)

    def specified(name, on=True):
        return {**NAME, "TimeToLiveSpecification": {"Enabled": on, "AttributeName": name}}

    dynamodb.update_time_to_live(**specified("a"))
    assert refusal(dynamodb.update_time_to_live, **specified("a", on=False)) == "ValidationException"
    lab.advance(3601)
    assert refusal(dynamodb.update_time_to_live, **specified("b")) == "ValidationException"
    dynamodb.update_time_to_live(**specified("a", on=False))
    shown = [dynamodb.describe_time_to_live(**NAME)["TimeToLiveDescription"] for _look in range(2)]
    assert [ttl["TimeToLiveStatus"] for ttl in shown] == ["DISABLING", "DISABLED"]


def test_a_stream_is_disabled_before_it_has_another_view(dynamodb):
    made(dynamodb)

    def stream(view):
        return {**NAME, "StreamSpecification": {"StreamEnabled": True, "StreamViewType": view}}

    dynamodb.update_table(**stream("KEYS_ONLY"))
    active(dynamodb)
    assert refusal(dynamodb.update_table, **stream("NEW_IMAGE")) == "ValidationException"
    dynamodb.update_table(**NAME, StreamSpecification={"StreamEnabled": False})
    active(dynamodb)
    dynamodb.update_table(**stream("NEW_IMAGE"))
    assert look(dynamodb)["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"


def test_a_new_table_takes_recovery_at_the_second_call(dynamodb):
    made(dynamodb)
    wanted = {**NAME, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    assert refusal(dynamodb.update_continuous_backups, **wanted) == "ContinuousBackupsUnavailableException"
    dynamodb.update_continuous_backups(**wanted)
    shown = dynamodb.describe_continuous_backups(**NAME)["ContinuousBackupsDescription"]
    assert shown["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 35


def test_scaling_needs_its_table_and_its_target_and_moves_capacity_into_bounds(lab, dynamodb):
    scaling = lab.client("application-autoscaling")
    of = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/one",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    policy = {
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 70.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
        },
    }
    assert refusal(scaling.register_scalable_target, **of, MinCapacity=1, MaxCapacity=9) == "ValidationException"
    made(dynamodb, **KEYS, ProvisionedThroughput=units(2))
    assert refusal(scaling.put_scaling_policy, **of, PolicyName="p", **policy) == "ObjectNotFoundException"
    assert refusal(scaling.register_scalable_target, **of, MinCapacity=9, MaxCapacity=1) == "ValidationException"
    scaling.register_scalable_target(**of, MinCapacity=4, MaxCapacity=9)
    assert look(dynamodb)["ProvisionedThroughput"]["ReadCapacityUnits"] == 2
    scaling.put_scaling_policy(**of, PolicyName="p", **policy)
    assert look(dynamodb)["ProvisionedThroughput"]["ReadCapacityUnits"] == 4
    assert refusal(scaling.put_scaling_policy, **of, PolicyName="q", **policy) == "ValidationException"
    scaling.deregister_scalable_target(**of)
    assert scaling.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"] == []
    assert refusal(scaling.deregister_scalable_target, **of) == "ObjectNotFoundException"
