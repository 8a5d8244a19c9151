"""Auto Scaling in the lab: hooks hold instances, refreshes replace them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


@pytest.fixture
def asg(lab):
    return lab.client("autoscaling")


@pytest.fixture
def subnets(lab):
    found = lab.client("ec2").describe_subnets()["Subnets"]
    return sorted(found, key=lambda subnet: subnet["AvailabilityZone"])[:2]


@pytest.fixture
def template(lab):
    data = {"ImageId": "ami-12345678", "InstanceType": "t3.micro"}
    return lab.client("ec2").create_launch_template(LaunchTemplateName="one", LaunchTemplateData=data)[
        "LaunchTemplate"
    ]["LaunchTemplateId"]


@pytest.fixture
def make(asg, subnets, template):
    def make(size=2, **more):
        options = {
            "LaunchTemplate": {"LaunchTemplateId": template, "Version": "1"},
            "MinSize": 0,
            "MaxSize": 10,
            "DesiredCapacity": size,
            "VPCZoneIdentifier": ",".join(subnet["SubnetId"] for subnet in subnets),
            **more,
        }
        asg.create_auto_scaling_group(AutoScalingGroupName="app", **options)

    return make


def group(asg):
    return asg.describe_auto_scaling_groups(AutoScalingGroupNames=["app"])["AutoScalingGroups"][0]


def states(asg):
    return sorted(i["LifecycleState"] for i in group(asg)["Instances"])


def hook(transition, name="wait", **more):
    return {
        "LifecycleHookName": name,
        "LifecycleTransition": transition,
        "HeartbeatTimeout": 300,
        "DefaultResult": "ABANDON",
        **more,
    }


def code(call, **options):
    with pytest.raises(ClientError) as error:
        call(**options)
    return error.value.response["Error"]["Code"]


def test_spread_over_subnets_and_registered(lab, asg, make, subnets):
    elb = lab.client("elbv2")
    vpc = subnets[0]["VpcId"]
    arn = elb.create_target_group(Name="app", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    make(size=4, TargetGroupARNs=[arn])
    zones = [i["AvailabilityZone"] for i in group(asg)["Instances"]]
    assert sorted(zones) == sorted([s["AvailabilityZone"] for s in subnets] * 2)
    balancer = elb.create_load_balancer(Name="b", Subnets=[s["SubnetId"] for s in subnets])["LoadBalancers"][0]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    health = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert [h["TargetHealth"]["State"] for h in health] == ["healthy"] * 4
    asg.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=2)
    zones = {i["AvailabilityZone"] for i in group(asg)["Instances"]}
    assert len(zones) == 2
    assert len(elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]) == 2


def test_launch_hook_holds_until_completed(lab, asg, make):
    make(LifecycleHookSpecificationList=[hook(LAUNCHING)])
    assert states(asg) == ["Pending:Wait"] * 2
    one, two = (i["InstanceId"] for i in group(asg)["Instances"])
    done = {"AutoScalingGroupName": "app", "LifecycleHookName": "wait"}
    asg.complete_lifecycle_action(**done, InstanceId=one, LifecycleActionResult="CONTINUE")
    assert states(asg) == ["InService", "Pending:Wait"]
    asg.complete_lifecycle_action(**done, InstanceId=two, LifecycleActionResult="ABANDON")
    after = {i["InstanceId"]: i["LifecycleState"] for i in group(asg)["Instances"]}
    assert after.pop(one) == "InService"
    assert two not in after
    assert list(after.values()) == ["Pending:Wait"]
    again = dict(**done, InstanceId=one, LifecycleActionResult="CONTINUE")
    assert code(asg.complete_lifecycle_action, **again) == "ValidationError"


def test_heartbeat_and_timeout(lab, asg, make):
    make(size=1, LifecycleHookSpecificationList=[hook(LAUNCHING, DefaultResult="CONTINUE")])
    instance = group(asg)["Instances"][0]["InstanceId"]
    lab.advance(299)
    asg.record_lifecycle_action_heartbeat(AutoScalingGroupName="app", LifecycleHookName="wait", InstanceId=instance)
    lab.advance(299)
    assert states(asg) == ["Pending:Wait"]
    lab.advance(2)
    assert states(asg) == ["InService"]


def test_termination_hook(lab, asg, make):
    make(size=1)
    asg.put_lifecycle_hook(AutoScalingGroupName="app", **hook(TERMINATING))
    instance = group(asg)["Instances"][0]["InstanceId"]
    asg.terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=True)
    assert states(asg) == ["Terminating:Wait"]

    def running():
        ec2 = lab.client("ec2")
        return ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]

    assert running() == "running"
    lab.advance(301)
    assert states(asg) == []
    assert running() == "terminated"
    described = asg.describe_scaling_activities(AutoScalingGroupName="app")["Activities"]
    assert [a["StatusCode"] for a in described] == ["Successful", "Successful"]


def test_deleted_hook_lets_go(asg, make):
    make(LifecycleHookSpecificationList=[hook(LAUNCHING)])
    asg.delete_lifecycle_hook(AutoScalingGroupName="app", LifecycleHookName="wait")
    assert states(asg) == ["InService"] * 2


def new_version(lab, template, image="ami-87654321"):
    lab.client("ec2").create_launch_template_version(
        LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"ImageId": image}
    )


def images(lab, asg):
    ids = [i["InstanceId"] for i in group(asg)["Instances"]]
    pages = lab.client("ec2").describe_instances(InstanceIds=ids)["Reservations"]
    return sorted(i["ImageId"] for r in pages for i in r["Instances"])


def refresh(asg):
    return asg.describe_instance_refreshes(AutoScalingGroupName="app")["InstanceRefreshes"][0]


def desired(template):
    return {"LaunchTemplate": {"LaunchTemplateId": template, "Version": "2"}}


def test_refresh_replaces_all(lab, asg, make, template):
    make()
    new_version(lab, template)
    started = asg.start_instance_refresh(
        AutoScalingGroupName="app", DesiredConfiguration=desired(template), Preferences={"MinHealthyPercentage": 50}
    )
    assert code(asg.start_instance_refresh, AutoScalingGroupName="app") == "InstanceRefreshInProgress"
    seen = [refresh(asg) for _turn in range(4)]
    assert [r["Status"] for r in seen] == ["InProgress", "InProgress", "Successful", "Successful"]
    assert [r["PercentageComplete"] for r in seen] == [0, 50, 100, 100]
    assert seen[0]["InstanceRefreshId"] == started["InstanceRefreshId"]
    assert images(lab, asg) == ["ami-87654321"] * 2
    assert group(asg)["LaunchTemplate"]["Version"] == "2"
    assert {i["LaunchTemplate"]["Version"] for i in group(asg)["Instances"]} == {"2"}


def test_refresh_rolled_back(lab, asg, make, template):
    make()
    new_version(lab, template)
    assert code(asg.rollback_instance_refresh, AutoScalingGroupName="app") == "ActiveInstanceRefreshNotFound"
    asg.start_instance_refresh(AutoScalingGroupName="app", DesiredConfiguration=desired(template))
    refresh(asg), refresh(asg)
    assert images(lab, asg) == ["ami-12345678", "ami-87654321"]
    asg.rollback_instance_refresh(AutoScalingGroupName="app")
    assert refresh(asg)["Status"] == "RollbackSuccessful"
    assert images(lab, asg) == ["ami-12345678"] * 2
    assert group(asg)["LaunchTemplate"]["Version"] == "1"


def test_refresh_cancelled(asg, make):
    make()
    asg.start_instance_refresh(AutoScalingGroupName="app")
    refresh(asg)
    asg.cancel_instance_refresh(AutoScalingGroupName="app")
    assert refresh(asg)["Status"] == "Cancelled"
    assert code(asg.cancel_instance_refresh, AutoScalingGroupName="app") == "ActiveInstanceRefreshNotFound"


def test_refresh_skips_matching(lab, asg, make, template):
    make()
    asg.start_instance_refresh(AutoScalingGroupName="app", Preferences={"SkipMatching": True})
    before = group(asg)["Instances"]
    refresh(asg)
    assert refresh(asg)["Status"] == "Successful"
    assert group(asg)["Instances"] == before


def test_update_keeps_what_is_not_named(asg, make, template):
    policy = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "1"},
            "Overrides": [{"InstanceType": "t3.small"}, {"InstanceType": "t3a.small"}],
        },
        "InstancesDistribution": {"OnDemandBaseCapacity": 1, "OnDemandPercentageAboveBaseCapacity": 50},
    }
    make(size=3, LaunchTemplate={}, MixedInstancesPolicy=policy)
    asg.update_auto_scaling_group(AutoScalingGroupName="app", DefaultCooldown=10, MinSize=4)
    found = group(asg)
    assert found["DefaultCooldown"] == 10
    assert found["DesiredCapacity"] == 4
    assert len(found["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]) == 2
    assert "LaunchTemplate" not in found
    assert {i["InstanceType"] for i in found["Instances"]} == {"t3.small"}


def test_refusals(asg, make):
    assert code(make, MinSize=3, MaxSize=2) == "ValidationError"
    make()
    assert code(make) == "AlreadyExists"
    assert code(asg.delete_auto_scaling_group, AutoScalingGroupName="app") == "ResourceInUse"
    assert code(asg.update_auto_scaling_group, AutoScalingGroupName="other", MinSize=1) == "ValidationError"
    asg.delete_auto_scaling_group(AutoScalingGroupName="app", ForceDelete=True)
    assert asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_instances_are_paged(asg, make):
    make(size=60, MaxSize=100)
    pages = list(asg.get_paginator("describe_auto_scaling_instances").paginate())
    assert [len(page["AutoScalingInstances"]) for page in pages] == [50, 10]
