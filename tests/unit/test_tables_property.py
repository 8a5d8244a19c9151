"""From any set of tables to any other, on a model of AWS's rules.

The plan applied gives what is wanted, a second plan is empty, a killed run is finished by the next, and no rule is ever
broken.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import threading

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _tables as tables
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _tables_input as given
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _wait
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._tables_read import Reader, observe
from botocore.exceptions import ClientError, OperationNotPageableError
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn
from hypothesis import strategies as st

from tests.unit.table_states import KEYS, KMS, expected, found, refused, ways
from tests.unit.test_tables import index, item

BORN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
ARN = "arn:aws:dynamodb:ap-southeast-2:123456789012:table/"


class Broken(BaseException):
    """A rule of AWS's was broken."""


class Killed(BaseException):
    """The run ended here."""


def missing(code="ResourceNotFoundException"):
    return ClientError({"Error": {"Code": code, "Message": "not there"}}, "Operation")


class Model:
    """DynamoDB, its tagging and its scaling: what boto3's clients would answer, and AWS's rules.

    A changed table is not ACTIVE until it has been looked at once, a new index until twice. The tagging service knows
    what was there when :meth:`pause` was called last. Tables in ``full`` hold items. After ``calls_left`` calls that
    change something the run is killed.
    """

    def __init__(self):
        self.tables, self.targets, self.policies, self.known_tags = {}, {}, {}, {}
        self.full = set()
        self.hours, self.calls_left, self.lock = 0, None, threading.RLock()

    def get_paginator(self, operation):
        raise OperationNotPageableError(operation_name=operation)

    def pause(self, hours):
        """Time goes by: scaling moves what it has, the tagging service learns."""
        self.hours += hours
        for (resource, dimension), target in self.targets.items():
            parts = resource.split("/")
            owners = [self.tables[parts[1]]]
            if len(parts) > 2:
                owners = [g for g in owners[0]["GlobalSecondaryIndexes"] if g["IndexName"] == parts[3]]
            owners[0]["ProvisionedThroughput"][dimension.rpartition(":")[2]] = target["MaxCapacity"]
        self.known_tags = {name: copy.deepcopy(table["Tags"]) for name, table in self.tables.items()}

    def changes(self):
        if self.calls_left is not None:
            if not self.calls_left:
                raise Killed
            self.calls_left -= 1

    def rule(self, kept, text):
        if not kept:
            raise Broken(text)

    def active(self, name):
        table = self.tables[name]
        self.rule(table["TableStatus"] == "ACTIVE", f"{name} is {table['TableStatus']}")
        return table

    # --- tables

    def list_tables(self):
        return {"TableNames": sorted(self.tables)}

    def describe_table(self, TableName):
        with self.lock:
            table = self.tables.get(TableName)
            if table is None:
                raise missing()
            told = copy.deepcopy(table)
            if table["TableStatus"] == "DELETING":
                del self.tables[TableName]
            elif table["TableStatus"] != "ACTIVE":
                table["TableStatus"] = "ACTIVE"
            else:
                for gsi in [g for g in table["GlobalSecondaryIndexes"] if g["IndexStatus"] != "ACTIVE"]:
                    if gsi["IndexStatus"] == "DELETING":
                        table["GlobalSecondaryIndexes"].remove(gsi)
                        self.prune(table)
                    gsi["IndexStatus"] = "ACTIVE"
            return {"Table": told}

    def used(self, table):
        owners = [table, *table["GlobalSecondaryIndexes"], *table.get("LocalSecondaryIndexes", [])]
        return {key["AttributeName"] for owner in owners for key in owner["KeySchema"]}

    def prune(self, table):
        used = self.used(table)
        table["AttributeDefinitions"] = [a for a in table["AttributeDefinitions"] if a["AttributeName"] in used]

    def paid(self, table, owner):
        """Each owner has throughput exactly when the table is provisioned."""
        with_units = "ProvisionedThroughput" in owner
        self.rule(with_units == (table["BillingModeSummary"]["BillingMode"] == "PROVISIONED"), "throughput and billing")
        if not with_units:
            owner["ProvisionedThroughput"] = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}

    def create_table(self, TableName, **asked):
        with self.lock:
            self.changes()
            self.rule(TableName not in self.tables, "the table is there")
            table = {
                "TableArn": ARN + TableName,
                "TableStatus": "CREATING",
                "CreationDateTime": BORN,
                "TTL": (None, -99),
                "Days": 0,
                "GlobalSecondaryIndexes": [],
                **copy.deepcopy(asked),
            }
            table["BillingModeSummary"] = {"BillingMode": table.pop("BillingMode")}
            table["TableClassSummary"] = {"TableClass": table.pop("TableClass")}
            if not table["StreamSpecification"]["StreamEnabled"]:
                del table["StreamSpecification"]
            self.encrypt(table, table.pop("SSESpecification"))
            table["Tags"] = {tag["Key"]: tag["Value"] for tag in table["Tags"]}
            for owner in (table, *table["GlobalSecondaryIndexes"]):
                self.paid(table, owner)
            for gsi in table["GlobalSecondaryIndexes"]:
                gsi["IndexStatus"] = "CREATING"
            self.rule({a["AttributeName"] for a in table["AttributeDefinitions"]} == self.used(table), "definitions")
            self.tables[TableName] = table

    def encrypt(self, table, asked):
        """Another key than the table has: DynamoDB's own, the account's or a given one."""
        arn = (asked.get("KMSMasterKeyId") or KMS + "aws") if asked["Enabled"] else None
        there = table.pop("SSEDescription", {"KMSMasterKeyArn": None})["KMSMasterKeyArn"]
        self.rule(table["TableStatus"] == "CREATING" or arn != there, "the key is the same")
        if arn:
            table["SSEDescription"] = {"Status": "ENABLED", "KMSMasterKeyArn": arn}

    def describe_key(self, KeyId):
        return {"KeyMetadata": {"Arn": KeyId, "KeyManager": "AWS" if KeyId == KMS + "aws" else "CUSTOMER"}}

    def update_table(self, TableName, **asked):
        with self.lock:
            self.changes()
            table = self.active(TableName)
            gsis = {gsi["IndexName"]: gsi for gsi in table["GlobalSecondaryIndexes"]}
            updates = asked.pop("GlobalSecondaryIndexUpdates", [])
            definitions = asked.pop("AttributeDefinitions", None)
            made_or_gone = [u for u in updates if "Update" not in u]
            self.rule(asked or updates, "nothing is asked")
            self.rule(len(made_or_gone) <= 1, "two index changes in a call")
            self.rule(not (made_or_gone and asked), "an index change with another change")
            self.rule(all(g["IndexStatus"] == "ACTIVE" for g in gsis.values()), "an index is not ACTIVE")
            billing = asked.pop("BillingMode", None)
            units = asked.pop("ProvisionedThroughput", None)
            if billing:
                self.rule(billing != table["BillingModeSummary"]["BillingMode"], "the billing mode is the same")
                table["BillingModeSummary"]["BillingMode"] = billing
                named = {u["Update"]["IndexName"] for u in updates}
                self.rule(named == (set(gsis) if billing == "PROVISIONED" else set()), "indexes switch with the table")
                for owner in (table, *gsis.values()):
                    owner["ProvisionedThroughput"] = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
            if units:
                self.rule(units != table["ProvisionedThroughput"], "the throughput is the same")
                table["ProvisionedThroughput"] = units
            for update in updates:
                ((verb, of),) = copy.deepcopy(update).items()
                if verb == "Create":
                    self.rule(of["IndexName"] not in gsis, "the index is there")
                    before = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
                    now = {a["AttributeName"]: a["AttributeType"] for a in definitions}
                    self.rule(all(now[name] == kind for name, kind in before.items()), "a key's type changed")
                    self.paid(table, of)
                    table["GlobalSecondaryIndexes"].append({**of, "IndexStatus": "CREATING"})
                    table["AttributeDefinitions"] = definitions
                    self.rule(set(now) == self.used(table), "definitions")
                elif verb == "Delete":
                    gsis[of["IndexName"]]["IndexStatus"] = "DELETING"
                else:
                    gsi = gsis[of["IndexName"]]
                    self.rule(gsi["ProvisionedThroughput"] != of["ProvisionedThroughput"], "the same throughput")
                    gsi["ProvisionedThroughput"] = of["ProvisionedThroughput"]
            stream = asked.pop("StreamSpecification", None)
            if stream:
                self.rule(stream["StreamEnabled"] != ("StreamSpecification" in table), "the stream is as it was")
                if stream["StreamEnabled"]:
                    table["StreamSpecification"] = stream
                else:
                    del table["StreamSpecification"]
            if "SSESpecification" in asked:
                self.encrypt(table, asked.pop("SSESpecification"))
            if "TableClass" in asked:
                table["TableClassSummary"] = {"TableClass": asked.pop("TableClass")}
            table.update(asked)
            self.rule(set(asked) <= {"DeletionProtectionEnabled"}, f"{asked} is not known")
            table["TableStatus"] = "UPDATING"

    def delete_table(self, TableName):
        with self.lock:
            self.changes()
            table = self.active(TableName)
            self.rule(not table["DeletionProtectionEnabled"], "it is protected")
            self.rule(not any(key[0].split("/")[1] == TableName for key in self.targets), "scaling goes first")
            table["TableStatus"] = "DELETING"

    def scan(self, TableName, **_asked):
        return {"Count": int(TableName in self.full)}

    def describe_time_to_live(self, TableName):
        name, _since = self.tables[TableName]["TTL"]
        if name is None:
            return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": name}}

    def update_time_to_live(self, TableName, TimeToLiveSpecification):
        with self.lock:
            self.changes()
            table, wanted = self.active(TableName), TimeToLiveSpecification
            name, since = table["TTL"]
            self.rule(self.hours - since >= 1, "one change an hour")
            self.rule(wanted["Enabled"] == (name is None), "time to live is as it was")
            self.rule(wanted["Enabled"] or wanted["AttributeName"] == name, "another attribute is disabled")
            table["TTL"] = (wanted["AttributeName"] if wanted["Enabled"] else None, self.hours)

    def describe_continuous_backups(self, TableName):
        days = self.tables[TableName]["Days"]
        recovery = {"PointInTimeRecoveryStatus": "ENABLED" if days else "DISABLED"}
        recovery |= {"RecoveryPeriodInDays": days} if days else {}
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": recovery}}

    def update_continuous_backups(self, TableName, PointInTimeRecoverySpecification):
        with self.lock:
            self.changes()
            self.active(TableName)["Days"] = PointInTimeRecoverySpecification.get("RecoveryPeriodInDays", 0)

    # --- tags

    def get_resources(self, **_asked):
        return {
            "ResourceTagMappingList": [
                {"ResourceARN": ARN + name, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
                for name, tags in self.known_tags.items()
            ]
        }

    def list_tags_of_resource(self, ResourceArn):
        tags = self.tables[ResourceArn.removeprefix(ARN)]["Tags"]
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def tag_resource(self, ResourceArn, Tags):
        self.changes()
        self.tables[ResourceArn.removeprefix(ARN)]["Tags"].update({tag["Key"]: tag["Value"] for tag in Tags})

    def untag_resource(self, ResourceArn, TagKeys):
        self.changes()
        for key in TagKeys:
            del self.tables[ResourceArn.removeprefix(ARN)]["Tags"][key]

    # --- scaling

    def describe_scalable_targets(self, **_asked):
        with self.lock:
            return {"ScalableTargets": [dict(target) for target in self.targets.values()]}

    def describe_scaling_policies(self, ServiceNamespace, **of):
        with self.lock:
            found = [p for p in self.policies.values() if all(p[key] == value for key, value in of.items())]
            return {"ScalingPolicies": [dict(policy) for policy in found]}

    def register_scalable_target(self, **asked):
        with self.lock:
            self.changes()
            parts = asked["ResourceId"].split("/")
            table = self.active(parts[1])
            indexes = {gsi["IndexName"] for gsi in table["GlobalSecondaryIndexes"]}
            self.rule(len(parts) < 3 or parts[3] in indexes, "the index is not there")
            self.targets[asked["ResourceId"], asked["ScalableDimension"]] = asked

    def put_scaling_policy(self, **asked):
        with self.lock:
            self.changes()
            key = asked["ResourceId"], asked["ScalableDimension"]
            self.rule(key in self.targets, "a policy without a target")
            there = self.policies.get(key)
            self.rule(there is None or there["PolicyName"] == asked["PolicyName"], "two policies of a metric")
            self.policies[key] = asked

    def deregister_scalable_target(self, ServiceNamespace, ResourceId, ScalableDimension):
        with self.lock:
            self.changes()
            del self.targets[ResourceId, ScalableDimension]
            self.policies.pop((ResourceId, ScalableDimension), None)


class ModelReader(Reader):
    """A reader that asks the model."""

    def __init__(self, model):
        self.platform, self.prefix, self.region = "mds", "mds-", "ap-southeast-2"
        self.dynamodb = self.tagging = self.autoscaling = self.kms = model
        self.known_keys = {}


def full(table):
    """A table with all options, as the module's argument spec completes it."""
    indexes = [index(**{"include": [], "capacity": None, "autoscaling": None, **of}) for of in table["global_indexes"]]
    return item(**{**table, "global_indexes": indexes})


def run(model, wanted, replace=True):
    """One run of the module; gives its plan.

    :arg replace: whether indexes may be built anew.
    """
    wanted = given.desired([full(table) for table in wanted.values()], "mds")
    reader = ModelReader(model)
    observed = observe(reader, wanted, purge=True)
    named = [f"{name} {of}" for name, table in wanted.items() for of in table.indexes] if replace else []
    whole = tables.plan(wanted, observed, purge=True, replace_indexes=named)
    if whole:
        tables.Apply(reader, wanted, observed, timeout=5)(whole)
    return whole


@pytest.fixture(scope="module", autouse=True)
def impatient():
    """The model needs no time, only looks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_wait.time, "sleep", lambda seconds: None)
        yield


calm = settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@calm
@drawn(
    ways(),
    st.integers(0, 12),
    st.sets(st.sampled_from(sorted(KEYS))),
    st.sampled_from([True, True, False]),
)
@pytest.mark.once
def test_from_any_state_to_any_other(way, calls, with_data, replace):
    model, before = Model(), {}
    model.full = {f"mds-{name}" for name in with_data}
    for number, after in enumerate(way):
        model.pause(24)
        assert [action.title for action in run(model, before)] == []
        picture = found(model, model, before)
        if refused(before, after, with_data=with_data, replace=replace):
            with pytest.raises(InputError, match=r"^tables: .*\.$"):
                run(model, after, replace)
            assert found(model, model, before) == picture == expected(before)
            continue
        if number == len(way) - 1:
            # killed somewhere, if there is so much to do
            model.calls_left = calls
            with contextlib.suppress(Killed):
                run(model, after, replace)
            model.calls_left = None
            # nobody waits an hour with the next run
            model.known_tags = {name: dict(table["Tags"]) for name, table in model.tables.items()} if calls % 2 else {}
        run(model, after, replace)
        assert found(model, model, after) == expected(after)
        assert [action.title for action in run(model, after, replace)] == []
        before = after


def test_the_model_knows_the_rules():
    model = Model()
    one = {"IndexName": "one", "KeySchema": [{"AttributeName": "x", "KeyType": "HASH"}]}
    run(model, {"a": {**item("a"), "global_indexes": []}})
    with pytest.raises(Broken, match="two index changes"):
        model.update_table("mds-a", GlobalSecondaryIndexUpdates=[{"Create": one}, {"Delete": one}])
    model.tables["mds-a"]["TableStatus"] = "UPDATING"
    with pytest.raises(Broken, match="UPDATING"):
        model.update_table("mds-a", TableClass="STANDARD")
    with pytest.raises(Broken, match="UPDATING"):
        model.delete_table("mds-a")
