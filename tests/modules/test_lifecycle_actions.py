"""The module lifecycle_actions against the lab; looked at with plain boto3."""

from __future__ import annotations

import collections

import botocore.client
import pytest
from botocore.exceptions import ClientError

LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
GONE = {"lifecycle_state": None, "auto_scaling_group": None, "result": None}


def hook(transition=LAUNCHING, name="configure", timeout=300):
    return {
        "LifecycleHookName": name,
        "LifecycleTransition": transition,
        "HeartbeatTimeout": timeout,
        "DefaultResult": "ABANDON",
    }


class World:
    """Groups whose instances wait in hooks."""

    def __init__(self, lab, run_module):
        self.lab, self.run_module, self.asg = lab, run_module, lab.client("autoscaling")
        ec2 = lab.client("ec2")
        self.subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        made = ec2.create_launch_template(
            LaunchTemplateName="app", LaunchTemplateData={"ImageId": "ami-12345678", "InstanceType": "t3.micro"}
        )
        self.template = made["LaunchTemplate"]["LaunchTemplateId"]

    def group(self, *hooks, name="mds-app", size=2, platform="mds"):
        """Make a group; the ids of its instances."""
        tags = [{"Key": "mydigitalstructure:platform", "Value": platform, "PropagateAtLaunch": True}]
        self.asg.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchTemplate={"LaunchTemplateId": self.template, "Version": "1"},
            MinSize=0,
            MaxSize=100,
            DesiredCapacity=size,
            VPCZoneIdentifier=self.subnet,
            LifecycleHookSpecificationList=list(hooks),
            **({"Tags": tags} if platform else {}),
        )
        return sorted(self.states(name))

    def states(self, name="mds-app"):
        (group,) = self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return {each["InstanceId"]: each["LifecycleState"] for each in group["Instances"]}

    def end(self, instance):
        self.asg.terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=True)

    def run(self, instances, result="continue", transition="launching", check=False, **options):
        options = {"platform": "mds", "result": result, "transition": transition, **options}
        return self.run_module("lifecycle_actions", check, instances=instances, **options)

    def counted(self):
        """How often each operation was called."""
        return collections.Counter(call["operation"] for call in self.lab.calls())


@pytest.fixture
def world(lab, run_module):
    return World(lab, run_module)


@pytest.fixture
def before_calls(monkeypatch):
    """Do something before calls of an operation."""
    call = botocore.client.BaseClient._make_api_call
    todo = {}

    def make(client, operation, options):
        if operation in todo:
            todo.pop(operation)(options)
        return call(client, operation, options)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", make)
    return todo


def test_launches_go_on(world):
    ids = world.group(hook(), hook(name="check"), hook(TERMINATING, "drain"))
    world.lab.clear_calls()
    planned = world.run(ids, check=True)
    assert world.lab.mutating() == []
    assert planned["instances"][ids[0]]["lifecycle_state"] == "Pending:Proceed"
    world.lab.clear_calls()
    made = world.run(ids)
    assert world.counted() == {
        "DescribeAutoScalingInstances": 2,
        "DescribeTags": 1,
        "DescribeLifecycleHooks": 1,
        "CompleteLifecycleAction": 4,
    }
    assert made["actions"] == planned["actions"]
    assert made["diff"] == planned["diff"]
    assert made["diff"]["before"] == {"lifecycle_action": {each: {"lifecycle_state": "Pending:Wait"} for each in ids}}
    assert made["diff"]["after"] == {"lifecycle_action": {each: {"lifecycle_state": "Pending:Proceed"} for each in ids}}
    assert world.states() == dict.fromkeys(ids, "InService")
    assert made["instances"] == {
        each: {"lifecycle_state": "InService", "auto_scaling_group": "mds-app", "result": "continue"} for each in ids
    }


def test_a_second_run_changes_nothing(world):
    ids = world.group(hook())
    world.run(ids)
    world.lab.clear_calls()
    again = world.run(ids)
    assert (again["changed"], again["actions"], world.lab.mutating()) == (False, [], [])
    assert len(world.lab.calls()) == 2
    assert again["instances"][ids[0]] == {
        "lifecycle_state": "InService",
        "auto_scaling_group": "mds-app",
        "result": None,
    }


def test_a_launch_is_given_up(world):
    one, two = world.group(hook(), hook(name="check"))
    made = world.run([one], "abandon")
    assert made["diff"]["after"]["lifecycle_action"][one] == {"lifecycle_state": "Terminating"}
    assert made["instances"][one] == {
        "lifecycle_state": None,
        "auto_scaling_group": "mds-app",
        "result": "abandon",
    }
    states = world.states()
    assert one not in states and states[two] == "Pending:Wait"
    assert len(states) == 2  # another one takes its place
    again = world.run([one, two], "abandon")
    assert again["instances"][one] == GONE
    assert [action["name"] for action in again["actions"]] == [two]


def test_terminations_go_on(world):
    one, two = world.group(hook(TERMINATING, "drain"))
    world.end(one)
    assert world.states()[one] == "Terminating:Wait"
    # it does not wait for a launch
    assert not world.run([one, two], transition="launching")["changed"]
    made = world.run([one, two], transition="terminating")
    assert [action["fields"] for action in made["actions"]] == [
        {"lifecycle_state": {"before": "Terminating:Wait", "after": "Terminating:Proceed"}}
    ]
    assert made["instances"][two]["result"] is None
    assert world.states() == {two: "InService"}


def test_groups_of_others_are_refused_by_name(world):
    ours = world.group(hook(), size=1)
    (theirs,), (nobodys,) = (
        world.group(hook(), name="theirs", size=1, platform="other"),
        world.group(hook(), name="nobodys", size=1, platform=None),
    )
    world.lab.clear_calls()
    refused = world.run([*ours, theirs, nobodys])
    assert refused["msg"].startswith(f"instances: {theirs} of theirs, {nobodys} of nobodys: not of platform mds; ")
    assert world.lab.mutating() == []


def test_what_does_not_exist_yet_is_shown_in_check_mode(world):
    assert world.run(["(known after apply)"], check=True)["instances"] == {"(known after apply)": GONE}
    assert "is not allowed" in world.run(["(known after apply)"])["msg"]


def test_one_that_stops_waiting_meanwhile_is_no_error(world, before_calls):
    one, two = world.group(hook())
    other = {"AutoScalingGroupName": "mds-app", "LifecycleHookName": "configure", "LifecycleActionResult": "CONTINUE"}
    before_calls["CompleteLifecycleAction"] = lambda options: world.asg.complete_lifecycle_action(
        **other, InstanceId=options["InstanceId"]
    )
    # the first of both calls comes too late
    made = world.run([one])
    assert (made["failed"], made["changed"], made["actions"]) == (False, False, [])
    assert made["instances"][one] == {
        "lifecycle_state": "InService",
        "auto_scaling_group": "mds-app",
        "result": None,
    }
    assert world.states()[two] == "Pending:Wait"


def test_a_group_that_fails_does_not_keep_others(world, before_calls):
    ids = world.group(hook(), size=3)

    def misname(options):
        options["AutoScalingGroupName"] = "gone"

    before_calls["CompleteLifecycleAction"] = misname
    failed = world.run(ids)
    assert failed["msg"].startswith("1 of 3 changes failed: update lifecycle_action i-")
    assert failed["changed"]
    assert sorted(world.states().values()) == ["InService", "InService", "Pending:Wait"]
    assert world.run(ids)["changed"]
    assert set(world.states().values()) == {"InService"}


def test_throttling_is_waited_out(world):
    ids = world.group(hook(), size=15)
    nothing = {"AutoScalingGroupName": "none", "LifecycleHookName": "none", "InstanceId": ids[0]}
    world.lab.quotas("throttle")
    code = ""
    while code != "Throttling":
        with pytest.raises(ClientError) as error:
            world.asg.complete_lifecycle_action(**nothing, LifecycleActionResult="CONTINUE")
        code = error.value.response["Error"]["Code"]
    world.lab.clear_calls()
    made = world.run(ids)
    world.lab.quotas("off")
    assert not made["failed"], made
    assert {call["error"] for call in world.lab.calls()} == {None, "Throttling"}
    assert world.states() == dict.fromkeys(ids, "InService")


def test_many_are_asked_for_by_fifty(world):
    ids = world.group(size=60)
    world.lab.clear_calls()
    assert not world.run(ids)["changed"]
    assert world.counted() == {"DescribeAutoScalingInstances": 2, "DescribeTags": 1}


# --- heartbeats -----------------------------------------------------------------------------------------------------


@pytest.fixture
def lab_clock(clock, lab, monkeypatch):
    """Pauses move the lab's clock too."""
    sleep = clock.sleep

    def pause(seconds):
        lab.advance(seconds)
        sleep(seconds)

    monkeypatch.setattr(clock, "sleep", pause)
    return clock


def test_heartbeats_keep_instances_waiting(world, lab_clock):
    ids = world.group(hook(timeout=100), hook(name="check", timeout=90))
    planned = world.run(ids, "heartbeat", check=True, seconds=600)
    world.lab.clear_calls()
    made = world.run(ids, "heartbeat", seconds=600)
    assert made["actions"] == planned["actions"]
    assert made["actions"][0]["fields"]["heartbeats"]["after"] == "every 60 s for at most 600 s"
    # at the start, after each minute, and at the end: each of two hooks for each of two instances
    assert world.counted()["RecordLifecycleActionHeartbeat"] == 11 * 4
    assert lab_clock.now == 600
    assert world.states() == dict.fromkeys(ids, "Pending:Wait")
    assert made["instances"][ids[0]] == {
        "lifecycle_state": "Pending:Wait",
        "auto_scaling_group": "mds-app",
        "result": "heartbeat",
    }
    # and no longer than that
    world.lab.advance(101)
    assert not set(ids) & set(world.states())


def test_heartbeats_end_when_nothing_waits(world, lab_clock):
    one, two = world.group(hook(timeout=100))
    lab_clock.todo = {2: lambda: world.run([one]), 4: lambda: world.run([two], "abandon")}
    world.lab.clear_calls()
    made = world.run([one, two], "heartbeat", seconds=3600, every=30)
    assert lab_clock.now == 120
    assert world.counted()["RecordLifecycleActionHeartbeat"] == 2 + 2 + 1 + 1
    assert made["instances"] == {
        one: {"lifecycle_state": "InService", "auto_scaling_group": "mds-app", "result": "heartbeat"},
        two: {"lifecycle_state": None, "auto_scaling_group": "mds-app", "result": "heartbeat"},
    }


def test_nothing_is_sent_for_what_does_not_wait(world, lab_clock):
    ids = world.group()
    world.lab.clear_calls()
    made = world.run(ids, "heartbeat", seconds=600)
    assert (made["changed"], lab_clock.now, world.lab.mutating()) == (False, 0, [])


def test_heartbeats_of_terminations(world, lab_clock):
    (one,) = world.group(hook(TERMINATING, "drain", 90), size=1)
    world.end(one)
    made = world.run([one], "heartbeat", "terminating", seconds=300)
    assert made["changed"]
    assert world.states() == {one: "Terminating:Wait"}


def test_heartbeats_that_would_come_too_late_are_refused(world, lab_clock):
    ids = world.group(hook(timeout=60))
    world.lab.clear_calls()
    refused = world.run(ids, "heartbeat", seconds=600)
    assert refused["msg"].startswith("every: 60 is too long for hook configure of mds-app, ")
    assert world.lab.mutating() == []


def test_heartbeats_need_a_time(world):
    assert "seconds" in world.run(["i-0123456789abcdef0"], "heartbeat")["msg"]
