"""The module instances against the lab; looked at with plain boto3."""

from __future__ import annotations

import base64
import json

import pytest

PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"


@pytest.fixture(scope="module")
def images(lab_server):
    """Some of the lab's images; the same after a reset."""
    found = lab_server.client("ec2").describe_images(Owners=["amazon"])["Images"]
    return sorted(item["ImageId"] for item in found if item.get("RootDeviceName"))[:4]


@pytest.fixture
def place(lab, images):
    """A VPC with a subnet and two groups, two elastic IPs, an image, an instance profile."""
    ec2, iam = lab.client("ec2"), lab.client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    made = {"subnet": ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.0.0/24")["Subnet"]["SubnetId"]}
    for name in ("a", "b"):
        made[name] = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        iam.create_instance_profile(InstanceProfileName=f"profile-{name}")
        tags = [{"Key": "mydigitalstructure:platform", "Value": "mds"}]
        made[f"address_{name}"] = ec2.allocate_address(
            Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": tags}]
        )["AllocationId"]
    made["image"], made["other_image"] = images[:2]
    return made


@pytest.fixture
def hosts(lab, run_module, place):
    """Run the module for the hosts file and admin, with changes by host name in ``file`` and ``admin``."""

    def run(check=False, file=None, admin=None, names=("admin", "file"), **options):
        declared = {
            "admin": {
                "name": "admin",
                "role": "admin",
                "image_parameter": PARAMETER,
                "instance_type": "t3.micro",
                "subnet_id": place["subnet"],
                "security_group_ids": [place["a"]],
                "instance_profile": "profile-a",
                "address": place["address_a"],
                "tags": {"Owner": "ops"},
                **(admin or {}),
            },
            "file": {
                "name": "file",
                "role": "file",
                "image_id": place["image"],
                "instance_type": "t3.small",
                "subnet_id": place["subnet"],
                "security_group_ids": [place["a"], place["b"]],
                "private_ip": "10.20.0.50",
                "root_volume": {"size": 20},
                "user_data": "#!/bin/sh\necho file\n",
                **(file or {}),
            },
        }
        lab.clear_calls()
        return run_module("instances", check=check, platform="mds", instances=[declared[n] for n in names], **options)

    return run


def look(lab, **tags):
    """Live instances by declared name."""
    found = {}
    for page in lab.client("ec2").get_paginator("describe_instances").paginate():
        for reservation in page["Reservations"]:
            for item in reservation["Instances"]:
                if item["State"]["Name"] not in ("terminated", "shutting-down"):
                    found[tags_of(item).get("mydigitalstructure:name", item["InstanceId"])] = item
    return found


def tags_of(item):
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}


def attribute(lab, item, name):
    answer = lab.client("ec2").describe_instance_attribute(InstanceId=item["InstanceId"], Attribute=name)
    return answer[name[0].upper() + name[1:]].get("Value")


def verbs(result):
    assert not result["failed"], result["msg"]
    return {(action["verb"], action["name"], *sorted(action["fields"])) for action in result["actions"]}


def test_check_on_empty_names_what_the_converge_makes(lab, hosts):
    planned = hosts(check=True)
    assert lab.mutating() == []
    assert planned["instances"]["file"]["id"] == "(known after apply)"
    assert planned["instances"]["file"]["private_ip"] == "10.20.0.50"
    unknown = "(known after apply)"
    blind = hosts(check=True, admin={"subnet_id": unknown, "security_group_ids": [unknown], "address": unknown})
    assert blind["changed"]
    assert lab.mutating() == []
    made = hosts()
    assert made["actions"] == planned["actions"]
    assert {name: set(item) for name, item in made["instances"].items()} == {
        name: set(item) for name, item in planned["instances"].items()
    }
    refused = hosts(admin={"subnet_id": unknown})
    assert "instance admin: subnet_id: '(known after apply)' is allowed only in check mode" in refused["msg"]


def test_converge_and_a_second_run(lab, hosts, place):
    result = hosts(tags={"Environment": "lab"}, file={"termination_protection": True, "source_dest_check": False})
    assert not result["failed"], result["msg"]
    found = look(lab)
    assert set(found) == {"admin", "file"}
    file, admin = found["file"], found["admin"]
    assert result["instances"]["file"]["id"] == file["InstanceId"]
    assert file["ImageId"] == place["image"]
    assert file["PrivateIpAddress"] == "10.20.0.50"
    assert {group["GroupId"] for group in file["SecurityGroups"]} == {place["a"], place["b"]}
    assert file["MetadataOptions"]["HttpTokens"] == admin["MetadataOptions"]["HttpTokens"] == "required"
    assert file["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert attribute(lab, file, "disableApiTermination") is True
    assert attribute(lab, admin, "disableApiTermination") is False
    assert file["SourceDestCheck"] is False
    assert base64.b64decode(attribute(lab, file, "userData")).decode() == "#!/bin/sh\necho file\n"
    assert admin["IamInstanceProfile"]["Arn"].endswith("/profile-a")
    expected = {
        "Name": "mds-admin",
        "Owner": "ops",
        "Environment": "lab",
        "mydigitalstructure:platform": "mds",
        "mydigitalstructure:name": "admin",
        "mydigitalstructure:kind": "instance",
        "mydigitalstructure:role": "admin",
        "mydigitalstructure:generation": "1",
    }
    assert tags_of(admin) == expected
    ec2 = lab.client("ec2")
    mapping = {m["DeviceName"]: m["Ebs"]["VolumeId"] for m in file["BlockDeviceMappings"]}
    volume = ec2.describe_volumes(VolumeIds=[mapping[file["RootDeviceName"]]])["Volumes"][0]
    assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (20, "gp3", True)
    assert tags_of(volume)["mydigitalstructure:name"] == "file"
    address = ec2.describe_addresses(AllocationIds=[place["address_a"]])["Addresses"][0]
    assert address["InstanceId"] == admin["InstanceId"]
    assert result["instances"]["admin"]["public_ip"] == address["PublicIp"]
    assert "echo file" not in json.dumps(result["actions"])

    again = hosts(tags={"Environment": "lab"}, file={"termination_protection": True, "source_dest_check": False})
    assert verbs(again) == set()
    assert again["instances"] == result["instances"]
    assert lab.mutating() == []
    # a sweep each of instances, addresses and volumes, and two attributes of each host
    assert len(lab.calls()) == 7


def test_changes_in_place(lab, hosts, place):
    hosts()
    before = look(lab)
    changes = {
        "security_group_ids": [place["b"]],
        "instance_profile": "profile-b",
        "detailed_monitoring": True,
        "termination_protection": True,
        "stop_protection": True,
        "metadata_hop_limit": 2,
        "metadata_tags": True,
        "source_dest_check": False,
        "address": place["address_b"],
        "root_volume": {"size": 40},
        "tags": {"Owner": "others"},
    }
    planned = hosts(check=True, admin=changes)
    assert lab.mutating() == []
    result = hosts(admin=changes)
    assert result["actions"] == planned["actions"]
    assert verbs(result) == {
        ("update", "admin", *sorted({*changes, "root_volume_size"} - {"root_volume"})),
    }
    admin = look(lab)["admin"]
    assert admin["InstanceId"] == before["admin"]["InstanceId"]
    assert [group["GroupId"] for group in admin["SecurityGroups"]] == [place["b"]]
    assert admin["IamInstanceProfile"]["Arn"].endswith("/profile-b")
    assert admin["Monitoring"]["State"] == "enabled"
    assert attribute(lab, admin, "disableApiTermination") is True
    assert attribute(lab, admin, "disableApiStop") is True
    assert admin["MetadataOptions"]["HttpPutResponseHopLimit"] == 2
    assert admin["MetadataOptions"]["InstanceMetadataTags"] == "enabled"
    assert admin["MetadataOptions"]["HttpTokens"] == "required"
    assert admin["SourceDestCheck"] is False
    assert tags_of(admin)["Owner"] == "others"
    addresses = lab.client("ec2").describe_addresses()["Addresses"]
    assert {a["AllocationId"]: a.get("InstanceId") or None for a in addresses} == {
        place["address_a"]: None,
        place["address_b"]: admin["InstanceId"],
    }
    assert verbs(hosts(admin=changes)) == set()
    # and taken away again
    gone = {**changes, "address": None, "instance_profile": None, "termination_protection": False}
    assert verbs(hosts(admin=gone)) == {("update", "admin", "address", "instance_profile", "termination_protection")}
    admin = look(lab)["admin"]
    assert "IamInstanceProfile" not in admin
    assert verbs(hosts(admin=gone)) == set()


def test_a_type_changes_only_with_a_stop_that_is_allowed(lab, hosts):
    hosts()
    refused = hosts(file={"instance_type": "t3.large"})
    assert "instance_type cannot be changed from 't3.small' to 't3.large' while it runs" in refused["msg"]
    assert lab.mutating() == []
    before = look(lab)["file"]
    assert verbs(hosts(file={"instance_type": "t3.large"}, stop_to_change=True)) == {
        ("update", "file", "instance_type")
    }
    assert [call["operation"] for call in lab.mutating()] == [
        "StopInstances",
        "ModifyInstanceAttribute",
        "StartInstances",
    ]
    after = look(lab)["file"]
    assert (after["InstanceType"], after["State"]["Name"]) == ("t3.large", "running")
    assert after["InstanceId"] == before["InstanceId"]


def test_a_replacement_is_made_only_when_told(lab, hosts, place):
    hosts()
    before = look(lab)
    new = {"image_id": place["other_image"], "user_data": "other"}
    left = hosts(file=new)
    assert verbs(left) == set()
    assert set(left["replacement_needed"]["file"]) == {"image_id", "user_data_sha256"}
    assert any("instance file: image_id, user_data_sha256 differs" in str(w) for w in left["warnings"])
    assert lab.mutating() == []

    result = hosts(file=new, replace=["file"])
    assert verbs(result) == {("replace", "file", "image_id", "user_data_sha256")}
    assert result["replacement_needed"] == {}
    after = look(lab)
    assert after["file"]["InstanceId"] != before["file"]["InstanceId"]
    assert after["file"]["ImageId"] == place["other_image"]
    assert after["file"]["PrivateIpAddress"] == "10.20.0.50"
    assert tags_of(after["file"])["mydigitalstructure:generation"] == "2"
    assert after["admin"]["InstanceId"] == before["admin"]["InstanceId"]
    assert verbs(hosts(file=new, replace=["file"])) == set()


def test_a_newer_image_behind_a_parameter_matters_only_in_replace(lab, hosts, images):
    ssm = lab.client("ssm")
    ssm.put_parameter(Name="/lab/image", Value=images[2], Type="String")
    admin = {"image_parameter": "/lab/image"}
    hosts(admin=admin)
    assert look(lab)["admin"]["ImageId"] == images[2]
    ssm.put_parameter(Name="/lab/image", Value=images[3], Type="String", Overwrite=True)
    same = hosts(admin=admin)
    assert verbs(same) == set()
    assert same["replacement_needed"] == {}
    assert verbs(hosts(admin=admin, replace=["admin"])) == {("replace", "admin", "image_id")}
    found = look(lab)["admin"]
    assert found["ImageId"] == images[3]
    addresses = lab.client("ec2").describe_addresses()["Addresses"]
    assert [a["InstanceId"] for a in addresses if a.get("InstanceId")] == [found["InstanceId"]]


def test_interrupted_runs_are_completed(lab, hosts):
    """Killed after a launch and before what RunInstances cannot set; killed between terminating and making anew."""
    hosts()
    first = look(lab)
    ec2 = lab.client("ec2")
    address = ec2.describe_addresses(Filters=[{"Name": "instance-id", "Values": [first["admin"]["InstanceId"]]}])
    ec2.disassociate_address(AssociationId=address["Addresses"][0]["AssociationId"])
    assert verbs(hosts()) == {("update", "admin", "address")}
    ec2.terminate_instances(InstanceIds=[first["file"]["InstanceId"]])
    assert {(a["verb"], a["name"]) for a in hosts()["actions"]} == {("create", "file")}
    second = look(lab)
    assert set(second) == {"admin", "file"}
    assert second["file"]["InstanceId"] != first["file"]["InstanceId"]
    ec2.stop_instances(InstanceIds=[second["file"]["InstanceId"]])
    assert verbs(hosts()) == {("update", "file", "running")}
    assert look(lab)["file"]["State"]["Name"] == "running"


def test_purge_absent_protection_and_what_is_not_ours(lab, hosts, place, run_module):
    ec2 = lab.client("ec2")

    def plant(platform="mds", **tags):
        tags = {"mydigitalstructure:platform": platform, "mydigitalstructure:name": "app", **tags}
        made = ec2.run_instances(
            ImageId=place["image"],
            MinCount=1,
            MaxCount=1,
            SubnetId=place["subnet"],
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            ],
        )
        return made["Instances"][0]["InstanceId"]

    own = {"mydigitalstructure:kind": "instance"}
    foreign = [plant(), plant("other", **own), plant(**own, **{"aws:autoscaling:groupName": "mds-app"})]
    hosts(admin={"termination_protection": True})
    refused = hosts(names=["file"], purge=True)
    assert "instance admin (i-" in refused["msg"]
    assert "has termination protection" in refused["msg"]
    assert lab.mutating() == []
    assert verbs(hosts(names=["file"])) == set()
    assert verbs(hosts(names=["file"], purge=True, ignore=["adm*"])) == set()

    hosts()
    assert {a[:2] for a in verbs(hosts(names=["file"], purge=True))} == {("delete", "admin")}
    gone = run_module("instances", platform="mds", state="absent")
    assert {a[:2] for a in verbs(gone)} == {("delete", "file")}
    states = {
        item["InstanceId"]: item["State"]["Name"]
        for reservation in ec2.describe_instances(InstanceIds=foreign)["Reservations"]
        for item in reservation["Instances"]
    }
    assert states == dict.fromkeys(foreign, "running")
    assert verbs(run_module("instances", platform="mds", state="absent")) == set()
    assert len(ec2.describe_addresses()["Addresses"]) == 2


def test_an_address_in_foreign_use_is_refused(lab, hosts, place):
    ec2 = lab.client("ec2")
    other = ec2.run_instances(ImageId=place["image"], MinCount=1, MaxCount=1, SubnetId=place["subnet"])
    other = other["Instances"][0]["InstanceId"]
    ec2.associate_address(AllocationId=place["address_a"], InstanceId=other)
    result = hosts()
    assert f"is in use by {other}, which is none of the platform's instances" in result["msg"]
    assert lab.mutating() == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a b"}, "instances: name 'a b' is not allowed"),
        ({"name": "admin"}, "instances: name 'admin' is there twice"),
        ({"image_parameter": "/x"}, "instances: instance file: one of image_id and image_parameter is needed"),
        ({"image_id": "debian"}, "instances: instance file: image_id 'debian' is not allowed; it is ami-..."),
        ({"security_group_ids": []}, "security_group_ids has 0 groups"),
        ({"private_ip": "10.20.0.300"}, "private_ip '10.20.0.300' is not an IPv4 address"),
        ({"root_volume": {"encrypted": False}}, "root volumes are always encrypted"),
        ({"root_volume": {"iops": 100}}, "root_volume.iops 100 is too low; 3000 is the least"),
        ({"metadata_hop_limit": 65}, "metadata_hop_limit 65 is not allowed"),
    ],
)
def test_bad_input_is_one_sentence_and_no_call(lab, hosts, changes, message):
    result = hosts(file=changes)
    assert result["failed"]
    assert message in result["msg"]
    assert lab.calls() == []


def test_replace_names_only_declared_instances(lab, hosts):
    assert "replace: instance 'ghost' is not declared; there are admin, file" in hosts(replace=["ghost"])["msg"]
    assert lab.calls() == []
