"""The module balancer_targets against the lab; looked at with plain boto3."""

from __future__ import annotations

import collections

import botocore.client
import pytest
from botocore.exceptions import ClientError

from tests.lab import control
from tests.lab.client import IMAGE

UNKNOWN = "(known after apply)"


class World:
    """A VPC with hosts and target groups."""

    def __init__(self, lab, run_module):
        self.lab, self.run_module = lab, run_module
        self.ec2, self.elb = lab.client("ec2"), lab.client("elbv2")
        self.subnets = sorted(self.ec2.describe_subnets()["Subnets"], key=lambda each: each["AvailabilityZone"])[:2]
        self.vpc = self.subnets[0]["VpcId"]

    def hosts(self, count=2):
        made = self.ec2.run_instances(
            ImageId=IMAGE, MinCount=count, MaxCount=count, SubnetId=self.subnets[0]["SubnetId"]
        )
        return [each["InstanceId"] for each in made["Instances"]]

    def group(self, name, owner="mds", **more):
        tags = {"Tags": [{"Key": "mydigitalstructure:platform", "Value": owner}]} if owner else {}
        options = {"Protocol": "HTTP", "Port": 80, "VpcId": self.vpc, **tags, **more}
        return self.elb.create_target_group(Name=name, **options)["TargetGroups"][0]["TargetGroupArn"]

    def listen(self, *arns):
        """A balancer that sends requests to these groups."""
        balancer = self.elb.create_load_balancer(Name="mds-web", Subnets=[each["SubnetId"] for each in self.subnets])
        for number, arn in enumerate(arns):
            self.elb.create_listener(
                LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
                Protocol="HTTP",
                Port=80 + number,
                DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
            )

    def run(self, ids, arns, check=False, **options):
        """Run the module for these instances and groups."""
        options = {"platform": "mds", "wait_timeout": 5, **options}
        return self.run_module(
            "balancer_targets", check, targets=[{"id": each} for each in ids], target_group_arns=arns, **options
        )

    def states(self, arn):
        told = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return {each["Target"]["Id"]: each["TargetHealth"]["State"] for each in told}

    def counted(self):
        """How often each operation was called."""
        return collections.Counter(call["operation"] for call in self.lab.calls())

    def report(self, arns, state, reason, ids, port=80):
        """Have balancers see these targets in this state, and no others."""
        told = {arn: [{"id": each, "port": port, "state": state, "reason": reason} for each in ids] for arn in arns}
        control.request(self.lab._state, "/lab/targets", told)


@pytest.fixture
def world(lab, run_module):
    return World(lab, run_module)


def names(count):
    return [f"mds-web-{number}" for number in range(1, count + 1)]


def test_seven_groups_take_one_call_each(world):
    hosts, arns = world.hosts(3), [world.group(name) for name in names(7)]
    world.lab.clear_calls()
    planned = world.run(hosts, arns, check=True)
    assert world.lab.mutating() == []
    assert planned["targets"][hosts[0]]["mds-web-1"] == UNKNOWN
    world.lab.clear_calls()
    made = world.run(hosts, arns)
    assert made["actions"] == planned["actions"]
    assert made["diff"]["before"]["balancer_targets"]["mds-web-7"] == dict.fromkeys(hosts, "not registered")
    assert made["diff"]["after"]["balancer_targets"]["mds-web-7"] == dict.fromkeys(hosts, "registered")
    assert made["targets"] == {host: dict.fromkeys(names(7), "healthy") for host in hosts}
    assert world.counted() == {
        "DescribeTargetGroups": 1,
        "DescribeTags": 1,
        "DescribeTargetHealth": 14,
        "RegisterTargets": 7,
    }
    for arn in arns:
        assert world.states(arn) == dict.fromkeys(hosts, "healthy")


def test_a_second_run_changes_nothing(world):
    hosts, arns = world.hosts(), [world.group(name) for name in names(2)]
    world.run(hosts, arns)
    world.lab.clear_calls()
    again = world.run(hosts, arns)
    assert (again["changed"], again["actions"], world.lab.mutating()) == (False, [], [])
    assert len(world.lab.calls()) == 4
    assert again["targets"] == {host: dict.fromkeys(names(2), "healthy") for host in hosts}


def test_hosts_leave_and_others_stay(world):
    hosts, arns = world.hosts(3), [world.group(name) for name in names(2)]
    world.run(hosts, arns)
    world.lab.clear_calls()
    planned = world.run(hosts[:2], arns, check=True, state="absent")
    assert world.lab.mutating() == []
    left = world.run(hosts[:2], arns, state="absent")
    assert left["actions"] == planned["actions"]
    assert (
        left["targets"] == planned["targets"] == {host: dict.fromkeys(names(2), "not registered") for host in hosts[:2]}
    )
    assert world.counted()["DeregisterTargets"] == 2
    for arn in arns:
        assert world.states(arn) == {hosts[2]: "healthy"}
    assert not world.run(hosts[:2], arns, state="absent")["changed"]


def test_only_what_is_missing_is_registered(world):
    hosts, arns = world.hosts(), [world.group(name) for name in names(2)]
    world.run(hosts[:1], arns)
    world.run(hosts[1:], arns[:1])
    made = world.run(hosts, arns)
    assert [(action["name"], list(action["fields"])) for action in made["actions"]] == [("mds-web-2", hosts[1:])]


def test_a_port_of_its_own(world):
    (host,), arn = world.hosts(1), world.group("mds-web")
    given = {"platform": "mds", "targets": [{"id": host, "port": 8080}], "target_group_arns": [arn]}
    made = world.run_module("balancer_targets", **given)
    assert made["targets"] == {f"{host}:8080": {"mds-web": "healthy"}}
    (told,) = world.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert told["Target"] == {"Id": host, "Port": 8080}
    assert world.run([host], [arn], state="absent")["changed"]
    assert world.states(arn) == {}


def test_groups_of_others_are_refused_by_name(world):
    hosts, ours = world.hosts(1), world.group("mds-web")
    others = [world.group("theirs", "other"), world.group("nobodys", None)]
    world.lab.clear_calls()
    refused = world.run(hosts, [ours, *others])
    assert refused["msg"].startswith("target_group_arns: theirs, nobodys: not of platform mds; ")
    assert world.lab.mutating() == []


def test_a_group_of_addresses_is_refused(world):
    refused = world.run(world.hosts(1), [world.group("mds-ip", TargetType="ip")])
    assert refused["msg"] == (
        "target_group_arns: mds-ip takes targets of type ip; a target group of type instance is allowed."
    )


def test_a_group_that_is_not_there_is_named(world):
    arns = [world.group("mds-web"), world.group("mds-gone")]
    world.elb.delete_target_group(TargetGroupArn=arns[1])
    refused = world.run(world.hosts(1), arns)
    assert refused["msg"].startswith(f"target_group_arns: {arns[1]}: there is no such target group; ")
    assert world.states(arns[0]) == {}


def test_a_host_that_does_not_run_is_refused(world):
    hosts, arns = world.hosts(), [world.group(name) for name in names(2)]
    world.ec2.stop_instances(InstanceIds=hosts[:1])
    refused = world.run(hosts, arns)
    assert refused["msg"].startswith(
        f"targets: AWS takes none of {', '.join(sorted(hosts))} into mds-web-1, mds-web-2 ("
    )
    assert refused["msg"].endswith("; instances that run in the VPC of the target groups are allowed.")
    assert not refused["changed"]


def test_a_host_that_has_gone_is_out(world):
    (host,), arn = world.hosts(1), world.group("mds-web")
    world.run([host], [arn])
    world.ec2.terminate_instances(InstanceIds=[host])
    assert not world.run([host], [arn], state="absent")["changed"]


def test_what_does_not_exist_yet_is_planned(world):
    planned = world.run([UNKNOWN], [world.group("mds-web"), UNKNOWN], check=True)
    assert [action["name"] for action in planned["actions"]] == [UNKNOWN, "mds-web"]
    assert planned["targets"] == {UNKNOWN: {"mds-web": UNKNOWN, UNKNOWN: UNKNOWN}}


def test_nothing_is_asked_for_nothing(world):
    world.lab.clear_calls()
    assert world.run([], [])["targets"] == {}
    assert world.lab.calls() == []


def test_a_group_that_fails_does_not_keep_others(world, monkeypatch):
    hosts, arns = world.hosts(), [world.group(name) for name in names(3)]
    call = botocore.client.BaseClient._make_api_call

    def deleted_before(client, operation, options):
        if operation == "RegisterTargets" and options["TargetGroupArn"] == arns[1]:
            world.elb.delete_target_group(TargetGroupArn=arns[1])
        return call(client, operation, options)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", deleted_before)
    failed = world.run(hosts, arns)
    assert failed["msg"].startswith("1 of 3 changes failed: update balancer_targets mds-web-2: AWS refused")
    assert failed["changed"]
    assert sorted(action["name"] for action in failed["done"]) == ["mds-web-1", "mds-web-3"]
    for arn in (arns[0], arns[2]):
        assert world.states(arn) == dict.fromkeys(hosts, "healthy")


def test_throttling_is_waited_out(world):
    hosts, arns = world.hosts(), [world.group(f"mds-web-{number}") for number in range(15)]
    world.lab.quotas("throttle")
    code = ""
    while code != "Throttling":
        with pytest.raises(ClientError) as error:
            world.elb.register_targets(TargetGroupArn="none", Targets=[{"Id": hosts[0]}])
        code = error.value.response["Error"]["Code"]
    world.lab.clear_calls()
    made = world.run(hosts, arns, wait_timeout=60)
    world.lab.quotas("off")
    assert not made["failed"], made
    assert {call["error"] for call in world.lab.calls()} == {None, "Throttling"}
    for arn in arns:
        assert world.states(arn) == dict.fromkeys(hosts, "healthy")


# --- waits: balancers that see what they are told -------------------------------------------------------------------


@pytest.fixture
def watched(world):
    """A lab in which nothing is healthy that was not reported."""
    world.report([], "", "", [])
    return world


def test_it_waits_until_each_is_healthy_in_each_group(watched, clock):
    hosts, arns = watched.hosts(), [watched.group(name) for name in names(2)]
    watched.listen(*arns)
    clock.todo = {
        1: lambda: watched.report(arns, "healthy", "", hosts[:1]),
        2: lambda: watched.report(arns[:1], "healthy", "", hosts),
        3: lambda: watched.report(arns, "healthy", "", hosts),
    }
    watched.lab.clear_calls()
    made = watched.run(hosts, arns)
    assert made["targets"] == {host: dict.fromkeys(names(2), "healthy") for host in hosts}
    assert clock.todo == {}
    assert watched.counted()["DescribeTargetHealth"] == 2 * (1 + 4)


def test_a_wait_that_ends_names_hosts_groups_and_reasons(watched, clock):
    hosts, arns = watched.hosts(1), [watched.group(name) for name in names(2)]
    watched.listen(*arns)
    clock.todo = {1: lambda: watched.report(arns[:1], "unhealthy", "Target.Timeout", hosts)}
    failed = watched.run(hosts, arns)
    assert failed["msg"] == (
        f"targets: after 5 s (wait_timeout) not all are healthy: {hosts[0]} in mds-web-1 unhealthy (Target.Timeout); "
        f"{hosts[0]} in mds-web-2 initial (Elb.RegistrationInProgress); run again to wait on."
    )
    assert failed["changed"] and len(failed["done"]) == 2
    # the next run waits on
    clock.todo = {clock.pauses + 1: lambda: watched.report(arns, "healthy", "", hosts)}
    again = watched.run(hosts, arns)
    assert (again["failed"], again["changed"]) == (False, False)


def test_it_does_not_wait_when_told_so(watched):
    hosts, arn = watched.hosts(1), watched.group("mds-web")
    watched.listen(arn)
    assert watched.run(hosts, [arn], wait=False)["targets"] == {hosts[0]: {"mds-web": "initial"}}


def test_a_group_that_no_balancer_uses_is_not_waited_for(watched):
    hosts, arn = watched.hosts(1), watched.group("mds-web")
    watched.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": hosts[0]}])
    watched.report([arn], "unused", "Target.NotInUse", hosts)
    unused = watched.run(hosts, [arn])
    assert (unused["failed"], unused["targets"]) == (False, {hosts[0]: {"mds-web": "unused"}})
    watched.listen(arn)
    assert "(Target.NotInUse)" in watched.run(hosts, [arn], wait_timeout=0)["msg"]


def test_it_waits_until_all_have_drained(watched, clock):
    hosts, arns = watched.hosts(), [watched.group(name) for name in names(2)]
    for arn in arns:
        watched.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": host} for host in hosts])
    watched.report(arns, "healthy", "", hosts)
    clock.todo = {
        1: lambda: watched.report(arns[:1], "healthy", "", hosts),
        2: lambda: watched.report([], "", "", []),
    }
    left = watched.run(hosts, arns, state="absent")
    assert not left["failed"], left
    assert clock.todo == {}
    assert left["targets"] == {host: dict.fromkeys(names(2), "not registered") for host in hosts}


def test_what_drains_comes_back(watched, clock):
    hosts, arn = watched.hosts(1), watched.group("mds-web")
    watched.listen(arn)
    watched.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": hosts[0]}])
    watched.report([arn], "healthy", "", hosts)
    failed = watched.run(hosts, [arn], state="absent")
    assert f"{hosts[0]} in mds-web draining (Target.DeregistrationInProgress)" in failed["msg"]
    back = watched.run(hosts, [arn])
    assert back["diff"]["before"]["balancer_targets"]["mds-web"] == {hosts[0]: "draining"}
    assert watched.states(arn) == {hosts[0]: "healthy"}
