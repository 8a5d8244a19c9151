"""The modules volumes and volume_attachment against the lab; looked at with plain boto3."""

from __future__ import annotations

import pytest

from tests.lab.client import IMAGE

ZONES = "ap-southeast-2a", "ap-southeast-2b"
FILES = {"name": "files", "zone": ZONES[0], "size": 20}
UNKNOWN = "(known after apply)"


@pytest.fixture
def ec2(lab):
    return lab.client("ec2")


@pytest.fixture
def volumes(lab, run_module):
    """Run module volumes for the volume files with changes, or for others."""

    def run(check=False, declared=None, **options):
        changes = {key: options.pop(key) for key in ("size", "iops", "throughput", "tags") if key in options}
        wanted = [{**FILES, **changes}] if declared is None else declared
        return run_module("volumes", check, platform="mds", volumes=wanted, wait_timeout=5, **options)

    return run


@pytest.fixture
def host(ec2):
    def run(zone=ZONES[0]):
        answer = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, Placement={"AvailabilityZone": zone})
        return answer["Instances"][0]["InstanceId"]

    return run


@pytest.fixture
def attach(lab, run_module):
    """Run module volume_attachment for a volume and an instance, or without one."""

    def run(volume, instance, check=False, **options):
        options = {"platform": "mds", "volume_id": volume, "wait_timeout": 5, **options}
        if instance:
            options["instance_id"] = instance
        return run_module("volume_attachment", check, **options)

    return run


def described(ec2, volume_id):
    return ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]


def data_volumes(ec2):
    filters = [{"Name": "tag:mydigitalstructure:kind", "Values": ["volume"]}]
    return ec2.describe_volumes(Filters=filters)["Volumes"]


# --- volumes --------------------------------------------------------------------------------------------------------


def test_the_plan_is_what_is_made(lab, ec2, volumes):
    planned = volumes(check=True)
    assert lab.mutating() == []
    assert planned["volumes"]["files"]["id"] == UNKNOWN
    made = volumes()
    assert made["actions"] == planned["actions"]
    found = described(ec2, made["volumes"]["files"]["id"])
    assert (found["Size"], found["VolumeType"], found["Encrypted"]) == (20, "gp3", True)
    assert found["AvailabilityZone"] == ZONES[0]
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert tags["mydigitalstructure:platform"] == "mds"
    assert tags["Name"] == "mds-files"


def test_a_second_run_changes_nothing(lab, volumes):
    first = volumes()
    lab.clear_calls()
    second = volumes()
    assert (second["changed"], lab.mutating()) == (False, [])
    assert second["volumes"]["files"]["id"] == first["volumes"]["files"]["id"]


def test_it_grows_where_it_is(ec2, volumes):
    volume = volumes()["volumes"]["files"]["id"]
    grown = volumes(size=30, iops=4000, throughput=250, tags={"Owner": "ops"})
    assert grown["volumes"]["files"]["id"] == volume
    found = described(ec2, volume)
    assert (found["Size"], found["Iops"], found["Throughput"]) == (30, 4000, 250)
    assert {"Key": "Owner", "Value": "ops"} in found["Tags"]
    assert not volumes(size=30, iops=4000, throughput=250, tags={"Owner": "ops"})["changed"]


@pytest.mark.parametrize("changes", [{"size": 10}, {"declared": [{**FILES, "zone": ZONES[1]}]}], ids=["size", "zone"])
def test_what_would_lose_data_is_refused(lab, ec2, volumes, changes):
    volume = volumes()["volumes"]["files"]["id"]
    lab.clear_calls()
    refused = volumes(**changes)
    assert refused["failed"]
    assert lab.mutating() == []
    assert described(ec2, volume)["Size"] == 20


def test_nothing_is_deleted_that_is_not_named(ec2, volumes):
    volume = volumes()["volumes"]["files"]["id"]
    assert "delete_with_data" in volumes(declared=[], purge=True)["msg"]
    assert "delete_with_data" in volumes(state="absent")["msg"]
    assert not volumes(declared=[])["changed"]
    assert described(ec2, volume)["State"] == "available"


def test_one_that_is_named_leaves_a_snapshot(ec2, volumes):
    volume = volumes()["volumes"]["files"]["id"]
    assert volumes(declared=[], purge=True, delete_with_data=["files"])["changed"]
    assert data_volumes(ec2) == []
    (snapshot,) = ec2.describe_snapshots(Filters=[{"Name": "volume-id", "Values": [volume]}])["Snapshots"]
    assert not [tag for tag in snapshot["Tags"] if tag["Key"].startswith("mydigitalstructure:")]


def test_foreign_volumes_stay(ec2, volumes):
    foreign = ec2.create_volume(AvailabilityZone=ZONES[0], Size=1)["VolumeId"]
    volumes()
    volumes(state="absent", delete_with_data=["files"], final_snapshot=False)
    assert described(ec2, foreign)["State"] == "available"


def test_a_volume_in_use_is_not_deleted(ec2, volumes, host):
    volume = volumes()["volumes"]["files"]["id"]
    ec2.attach_volume(VolumeId=volume, InstanceId=host(), Device="/dev/sdf")
    refused = volumes(state="absent", delete_with_data=["files"])
    assert "is attached to i-" in refused["msg"]
    assert described(ec2, volume)["State"] == "in-use"


def test_a_volume_made_with_a_spent_token_is_made_anew(ec2, volumes):
    first = volumes()["volumes"]["files"]["id"]
    volumes(state="absent", delete_with_data=["files"], final_snapshot=False)
    second = volumes()["volumes"]["files"]["id"]
    assert second != first
    assert described(ec2, second)["State"] == "available"


# --- attachment -----------------------------------------------------------------------------------------------------


def test_it_is_attached_once(lab, ec2, volumes, host, attach):
    volume, instance = volumes()["volumes"]["files"]["id"], host()
    planned = attach(volume, instance, check=True)
    assert described(ec2, volume)["State"] == "available"
    made = attach(volume, instance)
    assert made["actions"] == planned["actions"]
    (held,) = described(ec2, volume)["Attachments"]
    assert (held["InstanceId"], held["Device"]) == (instance, "/dev/sdf")
    assert made["attachment"]["device"] == "/dev/sdf"
    lab.clear_calls()
    assert not attach(volume, instance)["changed"]
    assert lab.mutating() == []


def test_it_survives_its_host_and_moves(ec2, volumes, host, attach):
    volume, old, new = volumes()["volumes"]["files"]["id"], host(), host()
    attach(volume, old)
    ec2.terminate_instances(InstanceIds=[old])
    assert attach(volume, new)["changed"]
    assert described(ec2, volume)["Attachments"][0]["InstanceId"] == new


def test_it_moves_from_a_stopped_host(ec2, volumes, host, attach):
    volume, old, new = volumes()["volumes"]["files"]["id"], host(), host()
    attach(volume, old)
    ec2.stop_instances(InstanceIds=[old])
    assert attach(volume, new)["changed"]
    assert described(ec2, volume)["Attachments"][0]["InstanceId"] == new


def test_it_is_not_taken_from_a_host_that_runs_unless_that_is_fenced(lab, ec2, volumes, host, attach):
    volume, old, new = volumes()["volumes"]["files"]["id"], host(), host()
    attach(volume, old)
    lab.clear_calls()
    assert f"is attached to {old}, which is running" in attach(volume, new)["msg"]
    assert lab.mutating() == []
    assert attach(volume, new, if_running="stop")["changed"]
    order = [call["operation"] for call in lab.mutating()]
    assert order == ["StopInstances", "DetachVolume", "AttachVolume"]
    state = ec2.describe_instances(InstanceIds=[old])["Reservations"][0]["Instances"][0]["State"]["Name"]
    assert state == "stopped"
    assert described(ec2, volume)["Attachments"][0]["InstanceId"] == new


def test_it_is_taken_off(ec2, volumes, host, attach):
    volume, instance = volumes()["volumes"]["files"]["id"], host()
    attach(volume, instance)
    assert "which is running" in attach(volume, None, state="absent")["msg"]
    assert attach(volume, None, state="absent", if_running="detach")["changed"]
    assert described(ec2, volume)["State"] == "available"
    assert not attach(volume, None, state="absent")["changed"]


def test_another_zone_is_refused(lab, volumes, host, attach):
    volume, far = volumes()["volumes"]["files"]["id"], host(ZONES[1])
    lab.clear_calls()
    assert f"{far} is in zone {ZONES[1]}" in attach(volume, far)["msg"]
    assert lab.mutating() == []


def test_foreign_volumes_are_not_attached(ec2, host, attach):
    foreign = ec2.create_volume(AvailabilityZone=ZONES[0], Size=1)["VolumeId"]
    assert "somebody else's" in attach(foreign, host())["msg"]
    assert described(ec2, foreign)["State"] == "available"


@pytest.mark.parametrize(
    ("volume", "instance", "sentence"),
    [
        ("vol-0123456789abcdef0", "i-0123456789abcdef0", "is no volume of this account and region"),
        ("files", "i-0123456789abcdef0", "volume_id: 'files' is not allowed"),
        (UNKNOWN, "i-0123456789abcdef0", "volume_id: '(known after apply)' is not allowed"),
    ],
)
def test_ids_that_lead_nowhere(attach, volume, instance, sentence):
    assert sentence in attach(volume, instance)["msg"]


def test_what_does_not_exist_yet_is_planned(attach):
    planned = attach(UNKNOWN, UNKNOWN, check=True, name="files")
    assert [(a["verb"], a["name"]) for a in planned["actions"]] == [("create", "files")]
