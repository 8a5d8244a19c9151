"""EBS in the lab: the rules of AWS that a volume meets."""

from __future__ import annotations

import pytest

from tests.lab.client import IMAGE
from tests.lab.test_ec2 import code

ZONES = "ap-southeast-2a", "ap-southeast-2b"


@pytest.fixture
def ec2(lab):
    return lab.client("ec2")


@pytest.fixture
def volume(ec2):
    return ec2.create_volume(AvailabilityZone=ZONES[0], Size=10, VolumeType="gp3")["VolumeId"]


@pytest.fixture
def instance(ec2):
    def run(zone=ZONES[0]):
        answer = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, Placement={"AvailabilityZone": zone})
        return answer["Instances"][0]["InstanceId"]

    return run


def test_one_without_a_snapshot_tells_an_empty_one(ec2, volume):
    (found,) = ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    assert found["SnapshotId"] == ""


def test_a_client_token_gives_the_same_volume(ec2):
    request = {"AvailabilityZone": ZONES[0], "Size": 10, "ClientToken": "token"}
    first = ec2.create_volume(**request)["VolumeId"]
    assert ec2.create_volume(**request)["VolumeId"] == first
    assert code(ec2.create_volume, **{**request, "Size": 11}) == "IdempotentParameterMismatch"
    ec2.delete_volume(VolumeId=first)
    assert ec2.create_volume(**request)["VolumeId"] != first


def test_gp3_has_its_defaults(ec2, volume):
    (found,) = ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    assert (found["Iops"], found["Throughput"]) == (3000, 125)


def test_a_volume_only_grows(ec2, volume):
    assert code(ec2.modify_volume, VolumeId=volume, Size=9) == "InvalidParameterValue"
    ec2.modify_volume(VolumeId=volume, Size=11)
    assert ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Size"] == 11


def test_a_volume_is_attached_once_and_in_its_zone(ec2, volume, instance):
    near, far = instance(), instance(ZONES[1])
    request = {"VolumeId": volume, "Device": "/dev/sdf"}
    assert code(ec2.attach_volume, **request, InstanceId=far) == "InvalidVolume.ZoneMismatch"
    assert code(ec2.attach_volume, **{**request, "Device": "/dev/sda1"}, InstanceId=near) == "InvalidParameterValue"
    ec2.attach_volume(**request, InstanceId=near)
    assert code(ec2.attach_volume, **request, InstanceId=near) == "VolumeInUse"


def test_nothing_is_attached_to_a_terminated_instance(ec2, volume, instance):
    gone = instance()
    ec2.terminate_instances(InstanceIds=[gone])
    assert code(ec2.attach_volume, VolumeId=volume, Device="/dev/sdf", InstanceId=gone) == "IncorrectState"
