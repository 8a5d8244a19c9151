"""What a user's keys are ready for, from plain data."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_keys import (
    Key,
    Seen,
    Wanted,
    retirement,
    stamp,
    steps,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
WANTED = Wanted("deploy", "mds/keys/deploy", None, None, "ap-southeast-2", 30 * DAY, 24 * HOUR, 7 * DAY)


def key(name, age, *, active=True, used=None):
    return Key(name, active, NOW - age, None if used is None else NOW - used)


def seen(*keys, current=None, pending=None, **more):
    stages = {}
    for name, stage in ((current, "AWSCURRENT"), (pending, "AWSPENDING")):
        if name:
            stages.setdefault(WANTED.version(name), []).append(stage)
    return Seen(keys=keys, secret={"ARN": "x"}, stages=stages, **more)


def verbs(one, wanted=WANTED):
    return [(a.verb, a.name) for a in steps(wanted, one, NOW)[0]]


MAKE = ("create", "deploy")
CASES = {
    "nothing": (Seen(), [MAKE]),
    "young": (seen(key("A", 29 * DAY), current="A"), []),
    "due": (seen(key("A", 30 * DAY), current="A"), [MAKE]),
    "in the wild": (seen(key("A", 1 * DAY)), [MAKE]),
    "pending": (seen(key("A", 31 * DAY), key("B", 1 * HOUR), current="A", pending="B"), [("update", "deploy/B")]),
    "pending label stays on the current version": (seen(key("B", 1 * HOUR), current="B", pending="B"), []),
    "old one in use": (seen(key("A", 40 * DAY, used=23 * HOUR), key("B", 2 * DAY), current="B"), []),
    "old one unused": (
        seen(key("A", 40 * DAY, used=24 * HOUR), key("B", 2 * DAY), current="B"),
        [("update", "deploy/A")],
    ),
    "old one unused, new one too young": (seen(key("A", 40 * DAY), key("B", 23 * HOUR), current="B"), []),
    "made by hand beside it": (seen(key("A", 1 * DAY), key("B", 1 * HOUR), current="A"), []),
    "inactive, nobody knows since when": (
        seen(key("A", 40 * DAY, active=False), key("B", 2 * DAY), current="B"),
        [("update", "deploy/A")],
    ),
    "inactive, another's date": (
        seen(key("A", 40 * DAY, active=False), key("B", 2 * DAY), current="B", retired=("Z", NOW - 9 * DAY)),
        [("update", "deploy/A")],
    ),
    "in its time of grace": (
        seen(key("A", 40 * DAY, active=False), key("B", 2 * DAY), current="B", retired=("A", NOW - 6 * DAY)),
        [],
    ),
    "after its time of grace": (
        seen(key("A", 40 * DAY, active=False), key("B", 2 * DAY), current="B", retired=("A", NOW - 7 * DAY)),
        [("delete", "deploy/A")],
    ),
    "after it, and the next one is due": (
        seen(key("A", 70 * DAY, active=False), key("B", 31 * DAY), current="B", retired=("A", NOW - 7 * DAY)),
        [("delete", "deploy/A"), MAKE],
    ),
    "lost": (
        seen(key("A", 31 * DAY), key("B", 1 * HOUR), current="A", requested=NOW - HOUR),
        [("delete", "deploy/B"), MAKE],
    ),
    "lost, the first": (seen(key("B", 1 * HOUR), requested=NOW - HOUR), [("delete", "deploy/B"), MAKE]),
    "used, so not lost": (
        seen(key("A", 31 * DAY), key("B", HOUR, used=HOUR), current="A", requested=NOW - HOUR),
        [],
    ),
    "older than what was asked for": (
        seen(key("A", 3 * HOUR), key("B", 2 * HOUR), current="A", requested=NOW - HOUR),
        [],
    ),
    "what was asked for is there": (
        seen(key("A", 1 * HOUR), key("B", HOUR / 2), current="A", requested=NOW - HOUR),
        [],
    ),
    "deactivated by hand": (seen(key("A", 40 * DAY, active=False), current="A"), []),
}


@pytest.mark.parametrize("case", CASES)
def test_steps(case):
    given, expected = CASES[case]
    assert verbs(given) == expected


@pytest.mark.parametrize("case", [case for case, (given, _steps) in CASES.items() if given.keys])
def test_a_user_who_can_sign_in_always_can(case):
    """No step takes away the active key that the secret holds."""
    given, _expected = CASES[case]
    current = given.held(WANTED, "AWSCURRENT")
    taken = {
        a.context[2].id for a in steps(WANTED, given, NOW)[0] if a.verb != "create" and a.after != {"status": "current"}
    }
    assert current is None or current.id not in taken


def test_renewal_and_what_it_waits_for():
    renewed = WANTED._replace(renew=True)
    assert verbs(seen(key("A", 1 * DAY), current="A"), renewed) == [MAKE]
    actions, waiting = steps(renewed, seen(key("A", 9 * DAY, used=HOUR), key("B", 1 * DAY), current="B"), NOW)
    assert actions == []
    assert (
        waiting
        == "A is deactivated when nobody uses it until 2026-06-01T23:00:00Z. Until it is gone, B cannot be replaced."
    )


def test_two_keys_of_which_the_secret_holds_neither():
    with pytest.raises(
        InputError, match="users: deploy has the access keys A and B, and the secret mds/keys/deploy holds neither"
    ):
        steps(WANTED, seen(key("A", 9 * DAY), key("B", 1 * DAY)), NOW)


def test_the_version_tells_key_and_endpoint():
    smtp = WANTED._replace(host="email-smtp.ap-southeast-2.amazonaws.com", port=587)
    versions = {WANTED.version("A"), WANTED.version("B"), smtp.version("A"), smtp._replace(port=465).version("A")}
    assert len(versions) == 4 and {len(version) for version in versions} == {64}
    assert sorted(smtp.value("A", "secret")) == ["host", "password", "port", "username"]


def test_dates_in_tags():
    assert retirement(f"A {stamp(NOW)}") == ("A", NOW)
    assert retirement("A") is retirement("A someday") is retirement(None) is None
