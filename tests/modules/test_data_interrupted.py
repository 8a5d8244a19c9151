"""What keeps data, killed at any request: the next run finishes, and nothing is there twice."""

from __future__ import annotations

import dataclasses
import os
import random
import typing as t

import botocore.exceptions
import pytest

from tests.lab.client import IMAGE
from tests.modules.killing import run_killed
from tests.modules.test_tables import AUDIT, SESSIONS, other
from tests.unit.table_states import found

SEED = int(os.environ.get("INTERRUPTED_SEED", "20260"))
FILES = {"name": "files", "zone": "ap-southeast-2a", "size": 20}
LOGS = {"name": "logs", "versioning": False, "log_sources": ["load_balancers"]}
PLAIN = {"name": "attachments"}
FULL = {
    "name": "attachments",
    "encryption": {"type": "kms", "key": "alias/files"},
    "logging": {"bucket": "logs", "prefix": "attachments/"},
    "cors": [{"methods": ["GET"], "origins": ["https://1blankspace.com"]}],
    "lifecycle": [{"id": "versions", "noncurrent_expiration_days": 90}],
    "object_lock": {"mode": "governance", "days": 1},
    "tags": {"Team": "data"},
}


@dataclasses.dataclass
class Story:
    """A module's run from one set to another, and at how many of its requests it is killed."""

    module: str
    before: list[dict]
    after: list[dict]
    kills: int


STORIES = {
    "tables made": Story("tables", [], [SESSIONS, AUDIT], 4),
    "tables changed": Story(
        "tables",
        [other(SESSIONS, global_indexes=[], attributes={"id": "string"}), AUDIT],
        [
            other(SESSIONS, stream="keys_only", recovery_days=7),
            other(AUDIT, global_indexes=[{"name": "by-two", "partition_key": "actor", "sort_key": "size"}]),
        ],
        4,
    ),
    "buckets made": Story("buckets", [], [FULL, LOGS], 4),
    "buckets changed": Story("buckets", [PLAIN], [FULL, LOGS], 2),
    "volumes made": Story("volumes", [], [FILES, {**FILES, "name": "scratch"}], 2),
    "volumes grown": Story("volumes", [FILES], [{**FILES, "size": 30, "iops": 4000, "tags": {"Team": "data"}}], 1),
}


def told(call: t.Callable[..., dict], **arguments) -> dict | None:
    """What S3 says of an aspect, None of one that was never set."""
    try:
        return {key: value for key, value in call(**arguments).items() if key != "ResponseMetadata"}
    except botocore.exceptions.ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404
        return None


def picture(lab) -> dict:
    """All tables, buckets and volumes that there are, without what AWS chose."""
    s3 = lab.client("s3")
    aspects = ["tagging", "versioning", "encryption", "policy", "lifecycle_configuration", "cors", "logging"]
    aspects = [*(f"get_bucket_{aspect}" for aspect in aspects), "get_object_lock_configuration"]
    # AWS goes on by itself with what was asked; the lab does so between two looks
    tables = [found(lab.client("dynamodb"), lab.client("application-autoscaling"), {}) for _look in range(3)][-1]
    return {
        # every account has another key
        "tables": {name: {**table, "key": bool(table["key"])} for name, table in tables.items()},
        "buckets": {
            item["Name"]: [told(getattr(s3, aspect), Bucket=item["Name"]) for aspect in aspects]
            for item in s3.list_buckets()["Buckets"]
        },
        "volumes": sorted(
            (item["Size"], item["Iops"], sorted((tag["Key"], tag["Value"]) for tag in item.get("Tags", [])))
            for item in lab.client("ec2").describe_volumes()["Volumes"]
        ),
    }


def killed_at(lab, chance: random.Random, kills: int, begin: t.Callable, run: t.Callable, look: t.Callable) -> None:
    """Begin, kill a run at one of its requests, let the next one finish; so often, each time at another request."""
    begin()
    lab.clear_calls()
    assert not run()["failed"]
    calls = lab.calls()
    first = next(number for number, call in enumerate(calls, 1) if call["mutating"])
    wanted = look()
    moments = chance.sample(range(first, len(calls) + 1), kills)
    done = 0
    for number in moments:
        begin()
        done += run_killed(run, number, chance.random() < 0.5)
        where = f"INTERRUPTED_SEED={SEED} request {number} of {len(calls)}"
        finished = run()
        assert not finished["failed"], (where, finished)
        assert look() == wanted, where
        again = run()
        assert (again["failed"], again["actions"]) == (False, []), where
    # what one of them asks depends on what has come about meanwhile
    assert done >= kills - 1


@pytest.mark.once
@pytest.mark.parametrize("title", STORIES)
def test_the_next_run_finishes(lab, run_module, impatient, title):
    story = STORIES[title]

    def keep(items):
        return run_module(story.module, **{story.module: items, "platform": "mds", "wait_timeout": 30})

    def begin():
        lab.reset()
        if story.before:
            assert not keep(story.before)["failed"]

    chance = random.Random(f"{SEED} {title}")
    killed_at(lab, chance, story.kills, begin, lambda: keep(story.after), lambda: picture(lab))


@pytest.mark.parametrize("holder", [None, "stopped", "running"])
def test_the_next_run_attaches_what_was_on_its_way(lab, run_module, impatient, holder):
    """To its first host, and from one that was stopped, or is stopped for it, to another."""
    ec2, there = lab.client("ec2"), {}

    def attach(host):
        options = {"platform": "mds", "volume_id": there["volume"], "instance_id": there[host], "wait_timeout": 30}
        return run_module("volume_attachment", if_running="stop", **options)

    def begin():
        lab.reset()
        made = ec2.run_instances(ImageId=IMAGE, MinCount=2, MaxCount=2, Placement={"AvailabilityZone": FILES["zone"]})
        there["old"], there["new"] = (instance["InstanceId"] for instance in made["Instances"])
        volumes = run_module("volumes", platform="mds", volumes=[FILES])
        there["volume"] = volumes["volumes"]["files"]["id"]
        if holder:
            assert not attach("old")["failed"]
        if holder == "stopped":
            ec2.stop_instances(InstanceIds=[there["old"]])

    def look():
        (volume,) = ec2.describe_volumes(Filters=[{"Name": "tag-key", "Values": ["mydigitalstructure:name"]}])[
            "Volumes"
        ]
        (held,) = volume["Attachments"]
        return volume["VolumeId"] == there["volume"], held["InstanceId"] == there["new"], held["State"]

    killed_at(lab, random.Random(f"{SEED} {holder}"), 1 if holder is None else 2, begin, lambda: attach("new"), look)
