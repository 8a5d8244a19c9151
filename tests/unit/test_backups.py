"""AWS Backup: what is refused before any call, and the plan for the vault's lock."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _backups, _backups_input
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError

HERE = "ap-southeast-2"
DAILY = {"name": "daily", "schedule": "cron(0 15 ? * * *)", "delete_after_days": 35}


def rules(*given, locked=None):
    return _backups_input.rules(given, HERE, locked)


@pytest.mark.parametrize(
    "schedule",
    [
        "cron(0 15 ? * * *)",
        "cron(30 1 1 * ? *)",
        "cron(0 */6 ? * MON-FRI *)",
        "cron(0 5 L * ? *)",
        "cron(0 5 ? 1,7 6#3 *)",
    ],
)
def test_schedules_that_aws_takes(schedule):
    assert _backups_input.schedule_problem(schedule) == ""


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("daily", "six fields"),
        ("cron(0 15 * * ?)", "six fields"),
        ("rate(1 day)", "six fields"),
        ("cron(*/5 15 ? * * *)", "minute is one number"),
        ("cron(0 24 ? * * *)", "hour '24' is not within 0 to 23"),
        ("cron(0 15 ? * 8 *)", "day of the week '8' is not within 1 to 7"),
        ("cron(0 15 * * * *)", "only one"),
        ("cron(0 15 ? * ? *)", "only one"),
    ],
)
def test_schedules_that_aws_would_refuse(schedule, words):
    assert words in _backups_input.schedule_problem(schedule)


@pytest.mark.parametrize(
    ("changes", "locked", "words"),
    [
        ({"cold_after_days": 30, "delete_after_days": 119}, None, ["delete_after_days 119", "120 or more"]),
        ({"delete_after_days": -1}, None, ["delete_after_days -1", "1 to 36500"]),
        ({"start_window_minutes": 30}, None, ["start_window_minutes 30", "60"]),
        (
            {"start_window_minutes": 120, "completion_window_minutes": 120},
            None,
            ["start_window_minutes 120", "180 or more"],
        ),
        ({"schedule": "cron(0 25 ? * * *)"}, None, ["'cron(0 25 ? * * *)'", "0 to 23"]),
        ({"delete_after_days": 5}, {"min_retention_days": 7}, ["delete_after_days 5", "7 to 36500 days"]),
        ({"delete_after_days": 0}, {"max_retention_days": 400}, ["for never", "1 to 400 days"]),
        ({"copies": [{"region": HERE}]}, None, ["'ap-southeast-2'", "the vault's own"]),
        (
            {"copies": [{"region": "x", "cold_after_days": 1, "delete_after_days": 2}]},
            None,
            ["copies: x", "91 or more"],
        ),
        ({"name": "a b"}, None, ["'a b'", "letters"]),
    ],
)
def test_rules_that_aws_would_refuse(changes, locked, words):
    with pytest.raises(InputError) as refusal:
        rules({**DAILY, **changes}, locked=locked)
    sentence = str(refusal.value)
    assert sentence.startswith("rules: ")
    assert sentence.endswith(".")
    assert [word for word in words if word not in sentence] == [], sentence


def test_two_rules_do_not_begin_at_once():
    with pytest.raises(InputError, match="that of rule daily too"):
        rules(DAILY, {**DAILY, "name": "again", "schedule": "cron(0  15 ? * * *)"})
    assert list(rules(DAILY, {**DAILY, "name": "again", "timezone": "Australia/Sydney"})) == ["daily", "again"]


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        ({}, None),
        ({"min_retention_days": 7}, None),
        ({"min_retention_days": 0, "max_retention_days": 0}, "lock nothing"),
        ({"min_retention_days": 8, "max_retention_days": 7}, "at most 7"),
        ({"max_retention_days": 40000}, "1 to 36500"),
        ({"min_retention_days": 7, "compliance_after_days": 3}, 'compliance: "yes, for ever"'),
        ({"min_retention_days": 7, "compliance_after_days": 2, "compliance": "yes, for ever"}, "3 days are the fewest"),
        ({"min_retention_days": 7, "compliance_after_days": 3, "compliance": "yes, for ever"}, None),
    ],
)
def test_locks(lock, words):
    if words is None:
        assert _backups_input.lock(lock) in (None, {key: days for key, days in lock.items() if key != "compliance"})
    else:
        with pytest.raises(InputError, match=words):
            _backups_input.lock(lock)


LOCKED = {"Locked": True, "MinRetentionDays": 7}
PAST, FUTURE = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days) for days in (-1, 1))


@pytest.mark.parametrize(
    ("wanted", "vault", "verb"),
    [
        (None, None, None),
        (None, {}, None),
        ({"min_retention_days": 7}, None, "create"),
        ({"min_retention_days": 7}, LOCKED, None),
        ({"min_retention_days": 8}, LOCKED, "update"),
        (None, LOCKED, "delete"),
        ({"min_retention_days": 7, "compliance_after_days": 3}, LOCKED, "update"),
        ({"min_retention_days": 7, "compliance_after_days": 3}, {**LOCKED, "LockDate": PAST}, None),
        (None, {**LOCKED, "LockDate": FUTURE}, "delete"),
    ],
)
def test_the_way_to_a_lock(wanted, vault, verb):
    assert [action.verb for action in _backups.lock_plan("mds", wanted, vault)] == ([verb] if verb else [])


@pytest.mark.parametrize(
    "wanted", [None, {"min_retention_days": 7}, {"min_retention_days": 8, "compliance_after_days": 3}]
)
def test_a_lock_for_ever_stays(wanted):
    with pytest.raises(InputError, match="is for ever since"):
        _backups.lock_plan("mds", wanted, {**LOCKED, "LockDate": PAST})


def test_a_rule_comes_back_as_it_was_asked_for():
    rule = rules({**DAILY, "cold_after_days": 0, "copies": [{"region": "ap-southeast-1", "delete_after_days": 400}]})
    from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import Place

    place = Place("aws", HERE, "123456789012")
    request = _backups.rule_request("daily", rule["daily"], "mds-backups", place)
    (copy,) = request["CopyActions"]
    assert copy["DestinationBackupVaultArn"] == "arn:aws:backup:ap-southeast-1:123456789012:backup-vault:mds-backups"
    request["Lifecycle"]["MoveToColdStorageAfterDays"] = -1  # how AWS tells never
    assert _backups.rule_told({**request, "RuleId": "1"}) == rule["daily"]
