"""The fleet inventory as `ansible-inventory` gives it, on the lab."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
import yaml

from tests.lab.client import IMAGE

REGION = "ap-southeast-2"
ANSIBLE_INVENTORY = pathlib.Path(sys.executable).with_name("ansible-inventory")


class Result:
    def __init__(self, ran):
        self.status, self.errors = ran.returncode, ran.stderr
        # ansible-inventory marks what came from outside as not to be templated
        unmark = {"object_hook": lambda item: item.get("__ansible_unsafe", item)}
        self.groups = json.loads(ran.stdout, **unmark) if ran.returncode == 0 else {}
        self.hosts = self.groups.get("_meta", {}).get("hostvars", {})

    def group(self, name):
        return sorted(self.groups.get(name, {}).get("hosts", []))


@pytest.fixture
def inventory(lab, tmp_path):
    """Run `ansible-inventory --list` with these options of the plugin."""

    def run(*arguments, environment=None, **options):
        path = tmp_path / "fleet.yml"
        settings = {"plugin": "mydigitalstructure.aws.fleet", "platform": "mds", "regions": [REGION], **options}
        path.write_text(yaml.safe_dump(settings))
        env = {**os.environ, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1", **(environment or {})}
        env = {key: value for key, value in env.items() if value is not None}
        command = [str(ANSIBLE_INVENTORY), "-i", str(path), "--list", *arguments]
        return Result(subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=tmp_path))

    return run


@pytest.fixture
def hosts(lab):
    """Four hosts of a fleet, one of its own, one stopped, and one of somebody else."""
    ec2 = lab.client("ec2")
    members = lab.populate_instances(4)["instances"]
    image = ec2.describe_instances(InstanceIds=members[:1])["Reservations"][0]["Instances"][0]["ImageId"]

    def launch(**tags):
        named = [{"Key": key.replace("__", ":"), "Value": value} for key, value in tags.items()]
        tagged = [{"ResourceType": "instance", "Tags": named}]
        answer = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tagged)
        return answer["Instances"][0]["InstanceId"]

    own = {"mydigitalstructure__platform": "mds", "mydigitalstructure__kind": "instance"}
    file_host = launch(**own, mydigitalstructure__name="file", mydigitalstructure__role="file", Name="mds-file")
    stopped = launch(**own, mydigitalstructure__name="spare", mydigitalstructure__role="file")
    ec2.stop_instances(InstanceIds=[stopped])
    launch(mydigitalstructure__platform="other", mydigitalstructure__role="app")
    launch(Name="nobody's")
    return {"members": sorted(members), "file": file_host, "stopped": stopped}


def test_hosts_groups_and_variables_are_what_ec2_has(lab, inventory, hosts):
    lab.clear_calls()
    found = inventory()
    assert found.group("role_app") == hosts["members"]
    assert found.group("role_file") == ["file"]
    assert sorted(found.hosts) == sorted([*hosts["members"], "file"])
    assert [call["operation"] for call in lab.calls()] == ["DescribeInstances"]
    instances = {
        instance["InstanceId"]: instance
        for reservation in lab.client("ec2").describe_instances()["Reservations"]
        for instance in reservation["Instances"]
    }
    for name, variables in found.hosts.items():
        instance = instances[variables["instance_id"]]
        assert variables["ansible_host"] == variables["private_ip_address"] == instance["PrivateIpAddress"], name
        assert variables["public_ip_address"] == instance.get("PublicIpAddress")
        assert variables["instance_type"] == instance["InstanceType"]
        assert variables["state"] == instance["State"]["Name"]
        assert variables["subnet_id"] == instance["SubnetId"]
        assert variables["instance_tags"] == {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        zone = instance["Placement"]["AvailabilityZone"]
        assert name in found.group("zone_" + zone.replace("-", "_"))


def test_lean_and_full_agree(inventory, hosts):
    lean, full = inventory(), inventory(hostvars="full")
    assert lean.hosts.keys() == full.hosts.keys()
    for name, variables in lean.hosts.items():
        for key, value in variables.items():
            if value and key not in ("launch_time", "public_dns_name", "key_name"):
                assert full.hosts[name][key] == value, key


def test_an_empty_fleet_is_an_empty_inventory(inventory):
    found = inventory()
    assert (found.status, found.hosts) == (0, {})


@pytest.mark.once
def test_pages_of_a_thousand(lab, inventory):
    lab.populate_instances(2100)
    lab.clear_calls()
    found = inventory()
    assert len(found.hosts) == 2100
    assert len(lab.calls()) == 3


def test_lifecycle_groups(lab, inventory):
    scaling = lab.client("autoscaling")
    subnet = lab.client("ec2").describe_subnets()["Subnets"][0]
    scaling.create_launch_configuration(LaunchConfigurationName="lc", ImageId=IMAGE, InstanceType="t3.micro")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="mds-app",
        LaunchConfigurationName="lc",
        MinSize=2,
        MaxSize=2,
        VPCZoneIdentifier=subnet["SubnetId"],
        LifecycleHookSpecificationList=[
            {"LifecycleHookName": "hold", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
        ],
        Tags=[{"Key": "mydigitalstructure:platform", "Value": "mds", "PropagateAtLaunch": True}],
    )
    held = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]
    found = inventory(lifecycle=True, regions=[REGION])
    assert found.group("lifecycle_Pending_Wait") == sorted(instance["InstanceId"] for instance in held)


def test_health_and_access_points_are_the_balancers_view(lab, inventory, hosts):
    elb, ec2 = lab.client("elbv2"), lab.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]

    def target_group(name, **tags):
        tags = [{"Key": key.replace("__", ":"), "Value": value} for key, value in tags.items()]
        made = elb.create_target_group(
            Name=name, Protocol="HTTP", Port=80, VpcId=vpc, Tags=tags or [{"Key": "a", "Value": "b"}]
        )
        return made["TargetGroups"][0]["TargetGroupArn"]

    ours = {"mydigitalstructure__platform": "mds", "mydigitalstructure__access_point": "webapi"}
    one = target_group("mds-webapi-1", **ours, mydigitalstructure__name="webapi-1")
    two = target_group("mds-webapi-2", **ours, mydigitalstructure__name="webapi-2")
    foreign = target_group("foreign")
    first, second = hosts["members"][:2]
    elb.register_targets(TargetGroupArn=one, Targets=[{"Id": first}, {"Id": second}])
    elb.register_targets(TargetGroupArn=two, Targets=[{"Id": first}])
    elb.register_targets(TargetGroupArn=foreign, Targets=[{"Id": hosts["file"]}])
    found = inventory(target_health=True)
    assert found.group("access_point_webapi") == sorted([first, second])
    states = {
        target["Target"]["Id"]: target["TargetHealth"]["State"]
        for target in elb.describe_target_health(TargetGroupArn=one)["TargetHealthDescriptions"]
    }
    for host in (first, second):
        assert found.hosts[host]["access_points"] == {"webapi": states[host]}
        assert host in found.group(f"health_{states[host]}")
    assert found.hosts["file"]["access_points"] == {}


def test_names_addresses_and_composed_groups(inventory, hosts):
    named = inventory(hostnames=["tag:mydigitalstructure:role", "instance_id"], address="none")
    # four hosts of one name keep it, each with its id behind it
    assert sorted(named.hosts) == sorted(["file", *[f"app-{member}" for member in hosts["members"]]])
    assert "ansible_host" not in named.hosts["file"]
    ssm = inventory(address="ssm").hosts["file"]
    assert ssm["ansible_aws_ssm_instance_id"] == hosts["file"]
    assert ssm["ansible_connection"] == "amazon.aws.aws_ssm"
    composed = inventory(
        compose={"double": "instance_type ~ instance_type"},
        keyed_groups=[{"key": "instance_type", "prefix": "type"}],
        groups={"files": "role == 'file'"},
    )
    assert composed.group("files") == ["file"]
    assert composed.hosts["file"]["double"] == composed.hosts["file"]["instance_type"] * 2
    assert "file" in composed.group("type_" + composed.hosts["file"]["instance_type"].replace(".", "_"))


def test_states_and_filters(inventory, hosts):
    assert sorted(inventory(states=["stopped"]).hosts) == ["spare"]
    assert sorted(inventory(filters={"tag:mydigitalstructure:role": "file"}).hosts) == ["file"]


def test_the_cache_answers_until_it_is_flushed(lab, inventory, hosts, tmp_path):
    options = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    first = inventory(**options)
    lab.clear_calls()
    again = inventory(**options)
    assert lab.calls() == []
    assert again.hosts == first.hosts
    lab.client("ec2").terminate_instances(InstanceIds=[hosts["file"]])
    flushed = inventory("--flush-cache", **options)
    assert "file" not in flushed.hosts


@pytest.mark.parametrize(
    ("options", "environment", "sentence"),
    [
        ({"regions": ["ap-southeast-22"]}, {}, "region: 'ap-southeast-22' is not a region that AWS has"),
        ({"states": ["runing"]}, {}, "states: 'runing' is no state of an instance"),
        ({"hostnames": ["fqdn"]}, {}, "hostnames: 'fqdn' is not known"),
        ({}, {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "AWS credentials: none were found"),
        ({}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "endpoint_url: 'http://127.0.0.1:9' does not answer"),
        ({"address": "carrier pigeon"}, {}, "address"),
    ],
)
def test_bad_input_is_one_sentence(inventory, options, environment, sentence):
    found = inventory(environment={**environment, "HOME": "/nonexistent"}, **options)
    assert found.status != 0
    assert sentence in " ".join(found.errors.split())
    assert "Traceback" not in found.errors
