"""Module fleet against the embedded AWS; what it did is looked at with plain boto3."""

from __future__ import annotations

import base64

import pytest

IMAGE = "ami-760aaa0f"  # an image that the embedded AWS has, with root device /dev/xvda
TAG = "mydigitalstructure:platform"
NAME = "mds-app"
KINDS = {
    "launch_template",
    "launch_template_version",
    "auto_scaling_group",
    "scaling_policy",
    "scheduled_action",
    "lifecycle_hook",
    "instance_refresh",
}


@pytest.fixture
def ground(lab):
    """A network, a security group, a balancer with two target groups and an instance profile for the fleet."""
    ec2, elb, iam = lab.client("ec2"), lab.client("elbv2"), lab.client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{n}.0/24", AvailabilityZone=f"ap-southeast-2{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("ab")
    ]
    group = ec2.create_security_group(GroupName="app", Description="app", VpcId=vpc)["GroupId"]
    targets = [
        elb.create_target_group(Name=f"mds-{name}", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0][
            "TargetGroupArn"
        ]
        for name in ("webapi", "retail")
    ]
    balancer = elb.create_load_balancer(Name="mds-webapi", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    iam.create_instance_profile(InstanceProfileName="mds-app")
    lab.clear_calls()
    return {"vpc": vpc, "subnets": subnets, "group": group, "targets": targets, "balancer": balancer}


@pytest.fixture
def options(ground):
    """A whole fleet, of everything a bit."""
    return {
        "platform": "mds",
        "name": "app",
        "image_id": IMAGE,
        "instance_type": "t3.small",
        "instance_profile": "mds-app",
        "security_group_ids": [ground["group"]],
        "subnet_ids": ground["subnets"],
        "target_group_arns": ground["targets"],
        "user_data": "#!/bin/sh\necho hello\n",
        "root_volume": {"size": 20, "throughput": 200},
        "tags": {"Environment": "lab"},
        "min": 1,
        "max": 4,
        "metrics": ["GroupInServiceInstances"],
        "suspended_processes": ["AZRebalance"],
        "scaling": [
            {"name": "cpu", "metric": "ASGAverageCPUUtilization", "target_value": 55},
            {
                "name": "requests",
                "metric": "ALBRequestCountPerTarget",
                "target_value": 1000,
                "load_balancer_arn": ground["balancer"],
                "target_group_arn": ground["targets"][0],
                "disable_scale_in": True,
                "warmup": 60,
            },
        ],
        "schedules": [{"name": "morning", "recurrence": "0 7 * * MON-FRI", "time_zone": "Australia/Sydney", "max": 4}],
        "hooks": [
            {
                "name": "drain",
                "transition": "terminating",
                "heartbeat_timeout": 120,
                "default_result": "CONTINUE",
            }
        ],
    }


def group(lab, name=NAME):
    found = lab.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return found[0] if found else None


def template(lab, version="$Default", name=NAME):
    found = lab.client("ec2").describe_launch_template_versions(LaunchTemplateName=name, Versions=[version])
    return found["LaunchTemplateVersions"][0]


def verbs(result):
    assert not result["failed"], result
    return sorted((a["verb"], a["kind"], a["name"]) for a in result["actions"])


def shape(value):
    """A value's keys, without what is in its lists."""
    return {key: shape(item) for key, item in value.items()} if isinstance(value, dict) else None


def test_check_on_empty_names_what_the_converge_makes(lab, run_module, options):
    unknown = "(known after apply)"
    planned = run_module(
        "fleet",
        check=True,
        **{
            **options,
            "subnet_ids": [unknown, unknown],
            "security_group_ids": [unknown],
            "target_group_arns": [unknown],
        },
    )
    exact = run_module("fleet", check=True, **options)
    assert lab.mutating() == []
    made = run_module("fleet", **options)
    assert verbs(planned) == verbs(exact) == verbs(made)
    assert exact["actions"] == made["actions"]
    assert {a["kind"] for a in made["actions"]} == KINDS - {"instance_refresh", "launch_template_version"}
    assert shape(planned["auto_scaling_group"]) == shape(made["auto_scaling_group"])
    assert shape(planned["launch_template"]) == shape(made["launch_template"])
    assert planned["auto_scaling_group"]["arn"] == planned["launch_template"]["id"] == unknown
    assert planned["changed"] and made["changed"]


def test_converge_makes_all_of_it(lab, run_module, ground, options):
    made = run_module("fleet", **options)
    assert not made["failed"], made
    data = template(lab)["LaunchTemplateData"]
    assert data["ImageId"] == IMAGE and data["InstanceType"] == "t3.small"
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert base64.b64decode(data["UserData"]) == b"#!/bin/sh\necho hello\n"
    assert data["IamInstanceProfile"] == {"Name": "mds-app"}
    assert data["BlockDeviceMappings"][0]["DeviceName"] == "/dev/xvda"
    disk = data["BlockDeviceMappings"][0]["Ebs"]
    assert (disk["Encrypted"], disk["VolumeType"], disk["VolumeSize"], disk["Throughput"]) == (True, "gp3", 20, 200)

    item = group(lab)
    assert (item["MinSize"], item["MaxSize"], item["DesiredCapacity"]) == (1, 4, 1)
    assert item["LaunchTemplate"]["Version"] == "1"
    assert set(item["VPCZoneIdentifier"].split(",")) == set(ground["subnets"])
    assert set(item["TargetGroupARNs"]) == set(ground["targets"])
    assert [p["ProcessName"] for p in item["SuspendedProcesses"]] == ["AZRebalance"]
    assert [m["Metric"] for m in item["EnabledMetrics"]] == ["GroupInServiceInstances"]
    tags = {tag["Key"]: (tag["Value"], tag["PropagateAtLaunch"]) for tag in item["Tags"]}
    assert tags == {
        "Name": (NAME, True),
        "Environment": ("lab", True),
        TAG: ("mds", True),
        "mydigitalstructure:name": ("app", True),
        "mydigitalstructure:role": ("app", True),
    }
    scaling = lab.client("autoscaling")
    policies = {p["PolicyName"]: p for p in scaling.describe_policies(AutoScalingGroupName=NAME)["ScalingPolicies"]}
    assert policies["cpu"]["TargetTrackingConfiguration"]["TargetValue"] == 55
    metric = policies["requests"]["TargetTrackingConfiguration"]["PredefinedMetricSpecification"]
    assert (
        metric["ResourceLabel"].startswith("app/mds-webapi/") and "/targetgroup/mds-webapi/" in metric["ResourceLabel"]
    )
    (action,) = scaling.describe_scheduled_actions(AutoScalingGroupName=NAME)["ScheduledUpdateGroupActions"]
    assert (action["Recurrence"], action["TimeZone"], action["MaxSize"]) == ("0 7 * * MON-FRI", "Australia/Sydney", 4)
    (hook,) = scaling.describe_lifecycle_hooks(AutoScalingGroupName=NAME)["LifecycleHooks"]
    assert (hook["LifecycleHookName"], hook["HeartbeatTimeout"]) == ("drain", 120)
    instances = lab.client("ec2").describe_instances()["Reservations"][0]["Instances"]
    assert made["auto_scaling_group"]["instances"][0]["id"] == instances[0]["InstanceId"]


def test_second_run_does_nothing(lab, run_module, options):
    run_module("fleet", **options)
    lab.clear_calls()
    again = run_module("fleet", **options)
    assert verbs(again) == [] and not again["changed"]
    assert lab.mutating() == []
    assert len(lab.calls()) <= 9


def test_drift_in_everything_named_is_corrected(lab, run_module, ground, options):
    run_module("fleet", **options)
    scaling, ec2 = lab.client("autoscaling"), lab.client("ec2")
    third = ec2.create_subnet(VpcId=ground["vpc"], CidrBlock="10.20.9.0/24", AvailabilityZone="ap-southeast-2a")
    scaling.update_auto_scaling_group(
        AutoScalingGroupName=NAME,
        MaxSize=3,
        VPCZoneIdentifier=third["Subnet"]["SubnetId"],
        HealthCheckType="EC2",
        TerminationPolicies=["OldestInstance"],
        DefaultCooldown=10,
    )
    scaling.detach_load_balancer_target_groups(AutoScalingGroupName=NAME, TargetGroupARNs=ground["targets"][:1])
    scaling.resume_processes(AutoScalingGroupName=NAME, ScalingProcesses=["AZRebalance"])
    scaling.suspend_processes(AutoScalingGroupName=NAME, ScalingProcesses=["ScheduledActions"])
    where = {"ResourceId": NAME, "ResourceType": "auto-scaling-group"}
    scaling.delete_tags(Tags=[{**where, "Key": "Environment"}])
    scaling.create_or_update_tags(Tags=[{**where, "Key": "strange", "Value": "x", "PropagateAtLaunch": True}])
    scaling.put_scaling_policy(
        AutoScalingGroupName=NAME,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
            "TargetValue": 90,
        },
    )
    scaling.put_scaling_policy(
        AutoScalingGroupName=NAME, PolicyName="old", AdjustmentType="ChangeInCapacity", ScalingAdjustment=1
    )
    scaling.put_scheduled_update_group_action(
        AutoScalingGroupName=NAME,
        ScheduledActionName="morning",
        Recurrence="0 8 * * *",
        TimeZone="UTC",
        DesiredCapacity=2,
    )
    scaling.put_scheduled_update_group_action(
        AutoScalingGroupName=NAME, ScheduledActionName="old", Recurrence="0 8 * * *", MinSize=2
    )
    scaling.put_lifecycle_hook(AutoScalingGroupName=NAME, LifecycleHookName="drain", HeartbeatTimeout=300)
    scaling.put_lifecycle_hook(
        AutoScalingGroupName=NAME,
        LifecycleHookName="old",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
    )
    result = run_module("fleet", **options)
    assert verbs(result) == [
        ("delete", "lifecycle_hook", "old"),
        ("delete", "scaling_policy", "old"),
        ("delete", "scheduled_action", "old"),
        ("update", "auto_scaling_group", "app"),
        ("update", "lifecycle_hook", "drain"),
        ("update", "scaling_policy", "cpu"),
        ("update", "scheduled_action", "morning"),
    ]
    item = group(lab)
    assert item["MaxSize"] == 4 and item["HealthCheckType"] == "ELB" and item["TerminationPolicies"] == ["Default"]
    assert set(item["VPCZoneIdentifier"].split(",")) == set(ground["subnets"])
    assert item["DefaultCooldown"] == 10  # not declared, so left alone
    assert set(item["TargetGroupARNs"]) == set(ground["targets"])
    assert [p["ProcessName"] for p in item["SuspendedProcesses"]] == ["AZRebalance"]
    tags = {tag["Key"] for tag in item["Tags"]}
    assert "Environment" in tags and "strange" not in tags
    policies = {p["PolicyName"]: p for p in scaling.describe_policies(AutoScalingGroupName=NAME)["ScalingPolicies"]}
    assert policies["cpu"]["TargetTrackingConfiguration"]["TargetValue"] == 55 and "old" not in policies
    (action,) = scaling.describe_scheduled_actions(AutoScalingGroupName=NAME)["ScheduledUpdateGroupActions"]
    assert action["Recurrence"] == "0 7 * * MON-FRI" and action.get("DesiredCapacity") is None
    (hook,) = scaling.describe_lifecycle_hooks(AutoScalingGroupName=NAME)["LifecycleHooks"]
    assert hook["HeartbeatTimeout"] == 120
    assert verbs(run_module("fleet", **options)) == []


def test_target_groups_and_metrics_that_are_not_declared_go(lab, run_module, ground, options):
    run_module("fleet", **options)
    fewer = {
        **options,
        "target_group_arns": ground["targets"][1:],
        "metrics": ["GroupMaxSize"],
        "max": 3,
        "schedules": [],
    }
    run_module("fleet", **fewer)
    item = group(lab)
    assert item["TargetGroupARNs"] == ground["targets"][1:] and item["MaxSize"] == 3
    assert [m["Metric"] for m in item["EnabledMetrics"]] == ["GroupMaxSize"]
    run_module("fleet", **{**fewer, "metrics": []})
    assert not group(lab).get("EnabledMetrics")


def test_desired_is_left_to_scaling_unless_declared(lab, run_module, options):
    run_module("fleet", **options)
    lab.client("autoscaling").set_desired_capacity(AutoScalingGroupName=NAME, DesiredCapacity=3)
    assert verbs(run_module("fleet", **options)) == []
    run_module("fleet", **options, desired=2)
    assert group(lab)["DesiredCapacity"] == 2


def test_a_launch_hook_holds_the_first_instance_too(lab, run_module, options):
    hooks = [{"name": "warm", "transition": "launching", "heartbeat_timeout": 60}]
    run_module("fleet", **{**options, "hooks": hooks})
    assert [i["LifecycleState"] for i in group(lab)["Instances"]] == ["Pending:Wait"]


def test_new_versions_old_versions(lab, run_module, options):
    run_module("fleet", **options)
    for size in range(21, 25):
        result = run_module("fleet", **{**options, "root_volume": {"size": size}, "keep_versions": 2})
        assert not result["failed"], result
    versions = lab.client("ec2").describe_launch_template_versions(LaunchTemplateName=NAME)["LaunchTemplateVersions"]
    # version 1 is what the host was launched from
    assert sorted(v["VersionNumber"] for v in versions) == [1, 4, 5]
    assert [v["VersionNumber"] for v in versions if v["DefaultVersion"]] == [5]
    assert group(lab)["LaunchTemplate"]["Version"] == "5"
    lab.clear_calls()
    back = run_module("fleet", **{**options, "root_volume": {"size": 23}, "keep_versions": 2})
    assert back["launch_template"]["version"] == 4 and group(lab)["LaunchTemplate"]["Version"] == "4"
    assert not [call for call in lab.calls() if call["operation"] == "CreateLaunchTemplateVersion"]


def test_hosts_start_from_a_later_version_with_its_user_data(lab, run_module, options):
    run_module("fleet", **options)
    run_module("fleet", **{**options, "user_data": "#!/bin/sh\necho two\n"}, desired=2)
    ec2 = lab.client("ec2")
    texts = set()
    for item in group(lab)["Instances"]:
        answer = ec2.describe_instance_attribute(InstanceId=item["InstanceId"], Attribute="userData")
        texts.add(base64.b64decode(answer["UserData"]["Value"]))
    assert texts == {b"#!/bin/sh\necho hello\n", b"#!/bin/sh\necho two\n"}


def test_refresh_on_change_replaces_the_hosts_then_rests(lab, run_module, options):
    wanted = {**options, "refresh": "on_change", "hooks": [], "desired": 2}
    run_module("fleet", **wanted)
    before = {i["InstanceId"] for i in group(lab)["Instances"]}
    bigger = {**wanted, "instance_type": "t3.large", "refresh_preferences": {"auto_rollback": True}}
    planned = run_module("fleet", check=True, **bigger)
    started = run_module("fleet", **bigger)
    assert (
        verbs(planned)
        == verbs(started)
        == [
            ("create", "instance_refresh", "app"),
            ("update", "launch_template", "app"),
        ]
    )
    assert started["refresh"]["version"] == 2 and group(lab)["LaunchTemplate"]["Version"] == "1"
    lab.clear_calls()
    joined = run_module("fleet", **bigger, refresh_wait=True, refresh_timeout=60)
    assert verbs(joined) == [] and joined["refresh"]["status"] == "Successful"
    assert lab.mutating() == []
    assert group(lab)["LaunchTemplate"]["Version"] == "2"
    after = {i["InstanceId"] for i in group(lab)["Instances"]}
    assert not before & after and {i["InstanceType"] for i in group(lab)["Instances"]} == {"t3.large"}
    assert verbs(run_module("fleet", **bigger)) == []
    assert verbs(run_module("fleet", **{**bigger, "refresh": "now"})) == [("create", "instance_refresh", "app")]


def test_another_change_replaces_the_refresh_that_runs(lab, run_module, options):
    wanted = {**options, "refresh": "on_change", "hooks": [], "desired": 2}
    run_module("fleet", **wanted)
    run_module("fleet", **{**wanted, "instance_type": "t3.large"})
    result = run_module("fleet", **{**wanted, "instance_type": "t3.xlarge"}, refresh_wait=True)
    assert ("replace", "instance_refresh", "app") in verbs(result)
    refreshes = lab.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName=NAME)["InstanceRefreshes"]
    assert [r["Status"] for r in sorted(refreshes, key=lambda r: r["StartTime"])] == ["Cancelled", "Successful"]
    assert {i["InstanceType"] for i in group(lab)["Instances"]} == {"t3.xlarge"}


def test_roll_back_on_request(lab, run_module, options):
    request = {"platform": "mds", "name": "app", "rollback": True}
    wanted = {**options, "refresh": "on_change", "hooks": [], "desired": 4}
    run_module("fleet", **wanted)
    nothing = run_module("fleet", **request)
    assert nothing["msg"].startswith("Nothing to roll back") and not nothing["changed"]
    bigger = {**wanted, "instance_type": "t3.large"}
    run_module("fleet", **bigger)
    scaling = lab.client("autoscaling")
    scaling.describe_instance_refreshes(AutoScalingGroupName=NAME)  # each look replaces one host in the lab
    assert "t3.large" in {i["InstanceType"] for i in group(lab)["Instances"]}
    lab.clear_calls()
    assert verbs(run_module("fleet", check=True, **request)) == [("update", "instance_refresh", "app")]
    assert lab.mutating() == []
    rolled = run_module("fleet", **request, refresh_wait=True)
    assert verbs(rolled) == [("update", "instance_refresh", "app")]
    assert rolled["refresh"]["status"] == "RollbackSuccessful"
    assert {i["InstanceType"] for i in group(lab)["Instances"]} == {"t3.small"}
    assert group(lab)["LaunchTemplate"]["Version"] == "1"
    # the same again is not tried by itself
    again = run_module("fleet", **bigger)
    assert verbs(again) == [] and "rolled back" in str(again["warnings"])
    assert verbs(run_module("fleet", **wanted)) == [("update", "launch_template", "app")]


def test_on_demand_and_spot_mixed_there_and_back(lab, run_module, options):
    mixed = {
        **options,
        "instance_types": ["t3.small", "t3a.small"],
        "mixed": {"on_demand_base": 1, "on_demand_percentage": 25},
    }
    run_module("fleet", **mixed)
    policy = group(lab)["MixedInstancesPolicy"]
    assert [o["InstanceType"] for o in policy["LaunchTemplate"]["Overrides"]] == ["t3.small", "t3a.small"]
    assert policy["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] == 25
    assert policy["InstancesDistribution"]["SpotAllocationStrategy"] == "price-capacity-optimized"
    assert verbs(run_module("fleet", **mixed)) == []
    run_module("fleet", **options)
    assert not group(lab).get("MixedInstancesPolicy") and group(lab)["LaunchTemplate"]["Version"] == "1"
    assert verbs(run_module("fleet", **options)) == []


def test_a_run_that_was_cut_off_is_completed(lab, run_module, options):
    run_module("fleet", **options)
    lab.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=NAME, ForceDelete=True)
    result = run_module("fleet", **options)
    assert "launch_template" not in {kind for verb, kind, name in verbs(result)}
    assert group(lab)["LaunchTemplate"]["Version"] == "1"
    assert len(lab.client("ec2").describe_launch_templates()["LaunchTemplates"]) == 1


def test_what_is_foreign_is_refused_and_survives(lab, run_module, ground, options):
    scaling, ec2 = lab.client("autoscaling"), lab.client("ec2")
    ec2.create_launch_template(
        LaunchTemplateName=NAME, LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t2.micro"}
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=NAME,
        MinSize=1,
        MaxSize=1,
        VPCZoneIdentifier=ground["subnets"][0],
        LaunchTemplate={"LaunchTemplateName": NAME, "Version": "1"},
    )
    before = group(lab)
    lab.clear_calls()
    refused = run_module("fleet", **options)
    assert refused["failed"] and f"{NAME!r} is a foreign auto-scaling group" in refused["msg"]
    assert verbs(run_module("fleet", platform="mds", name="app", state="absent")) == []
    assert lab.mutating() == [] and group(lab) == before


def test_absent_leaves_nothing(lab, run_module, ground, options):
    run_module("fleet", **options)
    run_module("fleet", **{**options, "name": "other", "target_group_arns": []})
    gone = {"platform": "mds", "name": "app", "state": "absent"}
    lab.clear_calls()
    planned = run_module("fleet", check=True, **gone)
    assert lab.mutating() == []
    removed = run_module("fleet", **gone)
    assert (
        verbs(planned)
        == verbs(removed)
        == [
            ("delete", "auto_scaling_group", "app"),
            ("delete", "launch_template", "app"),
        ]
    )
    assert group(lab) is None and group(lab, "mds-other")
    ec2 = lab.client("ec2")
    assert [item["LaunchTemplateName"] for item in ec2.describe_launch_templates()["LaunchTemplates"]] == ["mds-other"]
    filters = [{"Name": "tag:mydigitalstructure:name", "Values": ["app"]}]
    states = [
        instance["State"]["Name"]
        for reservation in ec2.describe_instances(Filters=filters)["Reservations"]
        for instance in reservation["Instances"]
    ]
    assert states and set(states) == {"terminated"}
    assert not run_module("fleet", **gone)["changed"]


def test_absent_is_refused_while_a_host_is_protected(lab, run_module, options):
    run_module("fleet", **{**options, "protect_from_scale_in": True})
    lab.clear_calls()
    refused = run_module("fleet", platform="mds", name="app", state="absent")
    assert refused["failed"] and "protected from scale-in" in refused["msg"]
    assert lab.mutating() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"max": 0}, "max: 0 is below min"),
        ({"image_id": "ami-12345678"}, "image_id: 'ami-12345678' is not an image"),
        ({"root_volume": {"device_name": "/dev/sda1"}}, "'/dev/xvda' is allowed"),
        ({"subnet_ids": ["(known after apply)"]}, "is allowed only in check mode"),
        ({"name": "a" * 125}, "has 129 characters"),
        ({"platform": "Mds"}, "platform: 'Mds'"),
    ],
)
def test_bad_input_changes_nothing(lab, run_module, options, changes, words):
    refused = run_module("fleet", **{**options, **changes})
    assert refused["failed"] and words in refused["msg"]
    assert lab.mutating() == []
