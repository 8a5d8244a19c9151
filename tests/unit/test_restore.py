"""Restores: which recovery point is taken, what is noted, and what tells items from each other."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _backup_points as backup_points
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _restore, _restore_kinds
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._backup_points import Point, Source
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
SESSIONS = Source("table", "sessions", "arn:aws:dynamodb:eu-west-1:123456789012:table/mds-sessions", "mds-sessions")


def point(days: int, status: str = "COMPLETED") -> Point:
    return Point(f"arn:{days}", NOW - datetime.timedelta(days=days), status, 1, SESSIONS.arn)


POINTS = [point(3), point(2), point(1)]


@pytest.mark.parametrize(
    ("moment", "days"),
    [
        ("latest", 1),
        ("2026-11-24T12:00:00Z", 1),
        ("2026-11-24T23:00:00+11:00", 1),
        ("2026-11-24T11:59:59", 2),
        ("2026-11-23", 3),
    ],
)
def test_the_newest_that_is_not_later_is_taken(moment, days):
    assert backup_points.choose(POINTS, moment, SESSIONS, NOW) == point(days)


@pytest.mark.parametrize(
    ("found", "moment", "words"),
    [
        (
            POINTS,
            "2026-11-22T11:59:59Z",
            ["of table sessions is of then or before", "2026-11-22T12:00:00Z, 2026-11-23"],
        ),
        (
            [point(2), point(1, "EXPIRED")],
            "2026-11-25",
            ["of 2026-11-24T12:00:00Z is expired", "those of 2026-11-23"],
        ),
        ([point(1, "CREATING")], "latest", ["there is none at all; playbook backup makes one"]),
        ([], "latest", ["has expired; there is none at all"]),
        (POINTS, "noon", ["'noon' is not allowed", "latest is"]),
        (POINTS, "2026-11-26", ["is in the future"]),
        ([point(days) for days in range(9, 0, -1)], "2000-01-01", ["and 4 older ones"]),
    ],
)
def test_what_is_refused_names_what_there_is(found, moment, words):
    with pytest.raises(InputError) as refusal:
        backup_points.choose(found, moment, SESSIONS, NOW)
    sentence = str(refusal.value)
    assert sentence.startswith("moment: ")
    assert sentence.endswith(".")
    assert [word for word in words if word not in sentence] == [], sentence


def test_the_latest_is_the_newest_that_can_be_used():
    assert backup_points.choose(
        [point(3), point(2, "EXPIRED"), point(1, "CREATING")], "latest", SESSIONS, NOW
    ) == point(3)
    assert backup_points.choose([point(3), point(2, "CREATING")], "2026-11-25", SESSIONS, NOW) == point(3)


def test_a_moment_that_was_told_finds_its_point_again():
    odd = point(1)._replace(created=NOW.replace(microsecond=1))
    told = backup_points.stamp(odd.created)
    assert told == "2026-11-25T12:00:01Z"
    assert backup_points.choose([odd], told, SESSIONS, NOW + datetime.timedelta(seconds=2)) == odd


@pytest.mark.parametrize(
    ("arn", "source"),
    [
        ("arn:aws:ec2:eu-west-1:123456789012:volume/vol-1", ("volume", "files", "vol-1")),
        ("arn:aws:rds:eu-west-1:123456789012:db:mds-database", ("database", "mds-database", "mds-database")),
        ("arn:aws:dynamodb:eu-west-1:123456789012:table/mds-files", ("table", "files", "mds-files")),
        ("arn:aws:s3:::mds-files", ("bucket", "files", "mds-files")),
    ],
)
def test_what_an_arn_is(arn, source):
    tags = {
        "mydigitalstructure:platform": "mds",
        "mydigitalstructure:name": "files",
        "mydigitalstructure:kind": "volume",
    }
    found = backup_points.source_of(arn, tags, "mds")
    assert (found.kind, found.name, found.id) == source
    assert backup_points.source_of(arn, {"mydigitalstructure:platform": "mds"}, "mds") is None
    assert backup_points.source_of(arn, tags, "other") is None


def test_a_note_is_read_as_it_was_written():
    note = _restore.Note("202611251200abcdef", "begun", "-", "arn:aws:rds:eu-west-1:1:snapshot:awsbackup:job-1")
    assert _restore.Note.read(note.text()) == note


def test_the_plan_of_a_restore():
    options = {"swap": True, "prefix": None}
    copy, table = _restore.restore_plan(SESSIONS, point(1), options, "mds-sessions")
    assert (copy.kind, copy.name, copy.after["created"]) == ("restored_copy", "table sessions", "2026-11-24T12:00:00Z")
    assert (table.verb, table.kind, table.after) == ("update", "table", {"items": "as of 2026-11-24T12:00:00Z"})
    files = Source("volume", "files", "arn:x", "vol-1")
    volume = _restore.restore_plan(files, point(1), options, "vol-1").actions[1]
    assert volume.fields() == {"id": {"before": "vol-1", "after": "(known after apply)"}}
    assert len(_restore.restore_plan(files, point(1), {**options, "swap": False}, "vol-1")) == 1


def test_sets_have_no_order_and_lists_have():
    one = {"a": {"SS": ["x", "y"]}, "b": {"L": [{"NS": ["1", "2"]}]}, "c": {"B": b"1"}}
    same = {"c": {"B": b"1"}, "b": {"L": [{"NS": ["2", "1"]}]}, "a": {"SS": ["y", "x"]}}
    assert _restore_kinds.digest(one) == _restore_kinds.digest(same)
    assert _restore_kinds.digest({"b": {"L": [{"S": "1"}, {"S": "2"}]}}) != _restore_kinds.digest(
        {"b": {"L": [{"S": "2"}, {"S": "1"}]}}
    )
