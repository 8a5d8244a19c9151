"""Instances: input, the plan, launches, and what is done in which order."""

from __future__ import annotations

import types

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _instances as hosts
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    KNOWN_AFTER_APPLY,
    ApplyError,
    InputError,
)
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

HOST = {
    "name": "file",
    "image_id": "ami-1",
    "instance_type": "t3.small",
    "subnet_id": "subnet-1",
    "security_group_ids": ["sg-2", "sg-1"],
}
IMAGE = {"ImageId": "ami-1", "RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [
    {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}]}  # fmt: skip


def wanted(**changes) -> dict[str, hosts.Wanted]:
    return hosts.validate([{**HOST, **changes}], "mds")


def account(host: hosts.Wanted, state: str = "running", **changes) -> hosts.Account:
    """An account that holds the host as it was declared, but for the changes of fields."""
    fields = {"private_ip": "10.0.0.9", "ebs_optimized": False, "stop_protection": False, "root_volume_size": 8,
              "root_volume_iops": 3000, "root_volume_throughput": 125, **host.fields, **changes}  # fmt: skip
    fields["tags"] = {**fields["tags"], hosts.GENERATION_TAG: "3"}
    present = hosts.Observed(host.name, "i-1", state, fields, {}, "1", "vol-1", "eni-1")
    return hosts.Account(instances={host.name: present}, generations={host.name: 3}, ids={"i-1"})


changes = st.fixed_dictionaries(
    {},
    optional={
        "image_id": st.sampled_from(["ami-1", "ami-2"]),
        "instance_type": st.sampled_from(["t3.small", "t3.large"]),
        "private_ip": st.sampled_from(["10.0.0.9", "10.0.0.10"]),
        "user_data": st.text(max_size=3),
        "detailed_monitoring": st.booleans(),
        "running": st.booleans(),
        "root_volume": st.fixed_dictionaries({"size": st.integers(4, 12)}),
    },
)


@given(changes, changes, st.booleans())
def test_a_plan_applied_leaves_nothing_but_what_needs_a_replacement(first, second, replace):
    before, after = wanted(**first)["file"], wanted(**second)
    present = account(before)
    options = {"replace": ["file"] if replace else [], "stop_to_change": True}
    plan, left = hosts.plan(after, present, **options)
    assert not (replace and left)
    for action in plan:
        present.instances["file"].fields.update({k: v for k, v in action.after.items() if k != "tags"})
    again, still = hosts.plan(after, present, **options)
    assert not again
    assert still == left
    shrinks = {"root_volume_size"}
    assert all(set(fields) <= hosts.NEEDS_REPLACEMENT | shrinks for fields in left.values())


def test_a_replacement_is_left_alone_unless_it_is_named():
    host = wanted()["file"]
    new = wanted(image_id="ami-2", detailed_monitoring=True)
    plan, left = hosts.plan(new, account(host))
    assert [(a.verb, a.fields()) for a in plan] == [
        ("update", {"detailed_monitoring": {"before": False, "after": True}})
    ]
    assert left == {"file": {"image_id": {"before": "ami-1", "after": "ami-2"}}}
    plan, left = hosts.plan(new, account(host), replace=["file"])
    assert [(a.verb, sorted(a.fields())) for a in plan] == [("replace", ["detailed_monitoring", "image_id"])]
    assert left == {}


def test_an_image_by_parameter_is_not_compared():
    host = hosts.validate([{**HOST, "image_id": None, "image_parameter": "/aws/x"}], "mds")
    assert hosts.plan(host, account(wanted()["file"]), replace=["file"]) == (hosts.Plan([]), {})
    plan, left = hosts.plan(host, hosts.Account())
    assert plan.actions[0].after["image_parameter"] == "/aws/x"


@pytest.mark.parametrize("field", ["instance_type", "ebs_optimized"])
def test_what_needs_a_stop_is_refused_while_it_runs(field):
    new = wanted(**{field: {"instance_type": "t3.large", "ebs_optimized": True}[field]})
    with pytest.raises(InputError, match=f"instance file: {field} cannot be changed .* set stop_to_change: true"):
        hosts.plan(new, account(wanted()["file"]))
    assert len(hosts.plan(new, account(wanted()["file"]), stop_to_change=True)[0]) == 1
    assert len(hosts.plan(new, account(wanted()["file"], "stopped", running=False))[0]) == 1
    with pytest.raises(InputError, match="has stop protection"):
        hosts.plan(new, account(wanted()["file"], stop_protection=True), stop_to_change=True)


def test_what_is_protected_is_neither_removed_nor_replaced():
    host = wanted(termination_protection=True)["file"]
    with pytest.raises(InputError, match=r"instance file \(i-1\) has termination protection"):
        hosts.plan({}, account(host), purge=True)
    assert not hosts.plan({}, account(host))[0]
    assert not hosts.plan({}, account(host), purge=True, ignore=["f*"])[0]
    with pytest.raises(InputError, match="has termination protection"):
        hosts.plan(wanted(image_id="ami-2", termination_protection=True), account(host), replace=["file"])
    plan = hosts.plan(wanted(image_id="ami-2"), account(host), replace=["file"])[0]
    assert plan.actions[0].verb == "replace"


def test_addresses_of_others_and_unknown_ones_are_refused():
    host = wanted(address="eipalloc-1")
    with pytest.raises(InputError, match="address eipalloc-1 is not an elastic IP of this account"):
        hosts.plan(host, hosts.Account())
    nat = hosts.Account(addresses={"eipalloc-1": {"NetworkInterfaceId": "eni-9", "PublicIp": "203.0.113.1"}})
    with pytest.raises(InputError, match="is in use by eni-9, which is none of the platform's instances"):
        hosts.plan(host, nat)
    ours = hosts.Account(addresses={"eipalloc-1": {"InstanceId": "i-8"}}, ids={"i-8"})
    assert len(hosts.plan(host, ours)[0]) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "-x"}, "instances: name '-x' is not allowed"),
        ({"image_id": None}, "one of image_id and image_parameter is needed"),
        ({"image_parameter": "/x"}, "one of image_id and image_parameter is needed"),
        ({"image_id": "x"}, "image_id 'x' is not allowed; it is ami-..."),
        ({"instance_type": "large"}, "instance_type 'large' is not allowed; it is such as t3.small"),
        ({"instance_type": None}, "instance_type is missing"),
        ({"subnet_id": "app-a"}, "subnet_id 'app-a' is not allowed"),
        ({"security_group_ids": ["app"]}, "security_group_ids 'app' is not allowed"),
        ({"security_group_ids": []}, "security_group_ids has 0 groups"),
        ({"private_ip": "10.0.0"}, "private_ip '10.0.0' is not an IPv4 address"),
        ({"address": "203.0.113.1"}, "address '203.0.113.1' is not allowed; it is eipalloc-..."),
        ({"user_data": "x" * 16385}, "user_data has 16385 bytes; AWS allows 16384"),
        ({"metadata_hop_limit": 0}, "metadata_hop_limit 0 is not allowed"),
        ({"tags": {"aws:x": "y"}}, "tag 'aws:x' is not allowed"),
        ({"root_volume": {"type": "st1"}}, "root_volume.type 'st1' is not allowed"),
        ({"root_volume": {"size": 0}}, "root_volume.size 0 is not allowed"),
        ({"root_volume": {"encrypted": False}}, "root volumes are always encrypted"),
        ({"root_volume": {"type": "gp2", "iops": 3000}}, "root_volume.iops cannot be set for gp2"),
        ({"root_volume": {"type": "io2"}}, "root_volume.iops is missing; io2 needs it"),
        ({"root_volume": {"iops": 2999}}, "root_volume.iops 2999 is too low"),
        ({"root_volume": {"throughput": 100}}, "root_volume.throughput 100 is not allowed"),
    ],
)
def test_bad_input_is_one_sentence(change, message):
    with pytest.raises(InputError) as caught:
        wanted(**change)
    assert message in str(caught.value)


def test_what_two_instances_cannot_share():
    other = {**HOST, "name": "admin"}
    for option, value in (("private_ip", "10.0.0.9"), ("address", "eipalloc-1")):
        with pytest.raises(InputError, match=f"instances file and admin have the same .*{value}"):
            hosts.validate([{**HOST, option: value}, {**other, option: value}], "mds")
    # in other subnets the same address is another one, and what is not known is not compared
    hosts.validate(
        [{**HOST, "private_ip": "10.0.0.9"}, {**other, "private_ip": "10.0.0.9", "subnet_id": "subnet-2"}], "mds"
    )
    hosts.validate([{**HOST, "address": KNOWN_AFTER_APPLY}, {**other, "address": KNOWN_AFTER_APPLY}], "mds")


def test_the_request_of_a_launch():
    host = wanted(user_data="secret", root_volume={"iops": 4000}, role="file", key_name="ops")["file"]
    request = hosts.launch_request(host, "mds", 2, IMAGE)
    assert request["BlockDeviceMappings"] == [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {"VolumeSize": 8, "VolumeType": "gp3", "Iops": 4000, "Encrypted": True, "DeleteOnTermination": True},
        }
    ]
    assert request["MetadataOptions"]["HttpTokens"] == "required"
    assert {item["ResourceType"] for item in request["TagSpecifications"]} == {
        "instance",
        "volume",
        "network-interface",
    }
    tags = {tag["Key"]: tag["Value"] for tag in request["TagSpecifications"][0]["Tags"]}
    assert tags["mydigitalstructure:kind"] == "instance"
    assert tags["mydigitalstructure:role"] == "file"
    assert "secret" not in str(host.fields)
    assert request == hosts.launch_request(host, "mds", 2, IMAGE)
    assert request["ClientToken"] != hosts.launch_request(host, "mds", 3, IMAGE)["ClientToken"]
    assert len(request["ClientToken"]) <= 64


class FakeEC2:
    """Answers as told: ``answers`` maps an operation to its next answers, an error's code or a dict."""

    def __init__(self, **answers):
        self.answers, self.calls = answers, []

    def __getattr__(self, operation):
        def call(*args, **arguments):
            self.calls.append((operation, *args, arguments))
            queue = self.answers.get(operation) or [{}]
            answer = queue.pop(0) if len(queue) > 1 else queue[0]
            if isinstance(answer, str):
                message = "Invalid IAM Instance Profile name" if answer == "InvalidParameterValue" else answer
                raise ClientError({"Error": {"Code": answer, "Message": message}}, operation)
            return answer

        return call

    def get_waiter(self, name):
        return types.SimpleNamespace(wait=lambda **arguments: self.calls.append((name, arguments)))

    def get_paginator(self, operation):
        return types.SimpleNamespace(paginate=lambda **arguments: self.answers.get(operation, [{}]))

    def names(self):
        return [call[0] for call in self.calls]


def started(instance_id="i-2", state="pending"):
    return {"Instances": [{"InstanceId": instance_id, "State": {"Name": state}}]}


def apply(ec2, desired, present, **options):
    plan, left = hosts.plan(desired, present, **options)
    hosts.Applier(ec2, plan, present, "mds", dict.fromkeys(desired, IMAGE), 5).apply()


def test_a_replacement_ends_the_former_one_first_and_protects_last():
    host = wanted(termination_protection=True)["file"]
    new = wanted(image_id="ami-2", source_dest_check=False)
    ec2 = FakeEC2(run_instances=[started()])
    apply(ec2, new, account(host), replace=["file"])
    assert ec2.names() == [
        "modify_instance_attribute",
        "terminate_instances",
        "instance_terminated",
        "run_instances",
        "instance_running",
        "modify_instance_attribute",
    ]
    assert ec2.calls[0][-1] == {"InstanceId": "i-1", "DisableApiTermination": {"Value": False}}
    tags = {tag["Key"]: tag["Value"] for tag in ec2.calls[3][-1]["TagSpecifications"][0]["Tags"]}
    assert tags[hosts.GENERATION_TAG] == "4"


def test_one_that_is_leaving_is_waited_for():
    present = hosts.Account(leaving={"file": ["i-0"]}, generations={"file": 1})
    ec2 = FakeEC2(run_instances=[started()])
    apply(ec2, wanted(termination_protection=True), present)
    assert ec2.names() == ["instance_terminated", "run_instances", "instance_running", "modify_instance_attribute"]
    assert ec2.calls[-1][-1] == {"InstanceId": "i-2", "DisableApiTermination": {"Value": True}}


def test_spent_tokens_lead_to_the_next_generation(monkeypatch):
    monkeypatch.setattr(hosts, "LAG", 0)
    spent = ["IdempotentInstanceTerminated", started("i-old", "terminated"), "IdempotentParameterMismatch", started()]
    ec2 = FakeEC2(run_instances=spent, describe_instances=[{"Reservations": []}])
    ec2.answers["describe_addresses"] = [{"Addresses": []}]
    apply(ec2, wanted(), hosts.Account())
    tokens = [call[-1]["ClientToken"] for call in ec2.calls if call[0] == "run_instances"]
    assert len(set(tokens)) == 4
    assert ec2.names()[-1] == "instance_running"


def test_a_new_instance_profile_is_waited_for_and_another_error_is_not(monkeypatch):
    monkeypatch.setattr(
        hosts, "poll", lambda look, settled, *args, **more: next(a for a in iter(look, 0) if settled(a))
    )
    ec2 = FakeEC2(run_instances=["InvalidParameterValue", "InvalidParameterValue", started()])
    apply(ec2, wanted(instance_profile="new"), hosts.Account())
    assert ec2.names().count("run_instances") == 3
    with pytest.raises(ApplyError, match="create instance file: .*InsufficientInstanceCapacity"):
        apply(FakeEC2(run_instances=["InsufficientInstanceCapacity"]), wanted(), hosts.Account())


def test_a_stop_is_gone_on_with_after_an_interruption():
    ec2 = FakeEC2()
    new = wanted(instance_type="t3.large")
    apply(ec2, new, account(wanted()["file"], "stopping", running=False))
    assert ec2.names() == ["instance_stopped", "modify_instance_attribute", "start_instances", "instance_running"]


def test_tags_of_others_go_and_the_generation_stays():
    host = wanted()["file"]
    present = account(host)
    present.instances["file"].fields["tags"]["Stray"] = "x"
    ec2 = FakeEC2()
    apply(ec2, wanted(tags={"Owner": "ops"}), present)
    put, gone = ec2.calls
    assert put[-1] == {"Resources": ["i-1", "vol-1", "eni-1"], "Tags": [{"Key": "Owner", "Value": "ops"}]}
    assert gone[-1] == {"Resources": ["i-1", "vol-1", "eni-1"], "Tags": [{"Key": "Stray"}]}


def test_members_of_an_auto_scaling_group_are_not_seen():
    tags = [{"Key": hosts.PLATFORM_TAG, "Value": "mds"}, {"Key": "mydigitalstructure:name", "Value": "file"},
            {"Key": "aws:autoscaling:groupName", "Value": "mds-app"}]  # fmt: skip
    item = {"InstanceId": "i-5", "State": {"Name": "running"}, "Tags": tags}
    ec2 = FakeEC2(describe_instances=[{"Reservations": [{"OwnerId": "1", "Instances": [item]}]}])
    ec2.answers["describe_addresses"] = [{"Addresses": []}]
    assert hosts.observe(ec2, "mds", {}).instances == {}
