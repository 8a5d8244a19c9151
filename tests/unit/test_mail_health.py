"""The judgement of the platform's mail with plain data, and how it is told."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _mail_health as mail_health

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
LIMITS = mail_health.Limits(5, 0.1, 48, 80, False)
WELL = {"bounce_percent": None, "complaint_percent": None}
ACCOUNT = {
    "sandbox": False,
    "sending": True,
    "enforcement": "healthy",
    "max_24_hours": 50000.0,
    "max_per_second": 14.0,
    "sent_24_hours": 1200.0,
    "quota_percent": 2.4,
    **WELL,
}
TENANT = {"sending": "enabled", "paused_by": None, "cause": None, "impact": "low", **WELL}


def domain(dkim="success", sender="success", since=None, tenant="one"):
    return {
        "tenant": tenant,
        "verified": dkim == "success",
        "dkim_status": dkim,
        "mail_from": "mail.a.com" if sender else None,
        "mail_from_status": sender,
        "waiting_since": since,
    }


def seen(domains=None, tenants=None, streams=None, **account):
    return mail_health.Seen("us-east-1", NOW, domains or {}, tenants or {}, streams or {}, {**ACCOUNT, **account})


@pytest.mark.parametrize(
    ("item", "state"),
    [
        (domain(), "well"),
        (domain(sender=None), "well"),
        (domain("pending"), "waiting"),
        (domain(sender="pending"), "waiting"),
        (domain("failed"), "failing"),
        (domain("temporaryfailure"), "failing"),
        (domain(sender="failed"), "failing"),
    ],
)
def test_the_state_of_a_domain(item, state):
    assert mail_health.state_of(item) == state


@pytest.mark.parametrize(
    ("since", "late"),
    [
        ("2026-11-23T13:00:00Z", False),
        ("2026-11-23T11:00:00Z", True),
        (None, True),
        ("yesterday", True),
        ("2026", True),
    ],
)
def test_a_domain_waits_too_long_when_nobody_knows_since_when(since, late):
    assert mail_health.late(domain("pending", since=since), NOW, 48) is late
    assert mail_health.late(domain("success", since=since), NOW, 48) is False


def test_a_sentence_a_cause_whatever_the_number_of_domains():
    many = {f"space{n:04}.com": domain("failed", since="2026-01-01T00:00:00Z") for n in range(1000)}
    [sentence] = mail_health.reasons(seen(many), LIMITS)
    assert sentence == (
        "DKIM fails for 1,000 domains, whose DNS records SES does not find: space0000.com, space0001.com, "
        "space0002.com, space0003.com, space0004.com and 995 more."
    )
    table = mail_health.table(seen(many), LIMITS, 50)
    # the account, its quota and rates, two totals, a blank line, a head, fifty domains and how many more
    assert len(table) == 5 + 2 + 50 + 1
    assert table[-1] == "and 950 more; the JSON file has them all"


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ({"sandbox": True}, "in the sandbox"),
        ({"enforcement": "shutdown", "sending": False}, "under shutdown"),
        ({"sending": False}, "paused for the whole account"),
        ({"quota_percent": 80.1}, "80.1 %, more than 80 %"),
        ({"bounce_percent": 5.1}, "bounce rate of the account is 5.1 %"),
        ({"complaint_percent": 0.11}, "complaint rate of the account is 0.11 %"),
    ],
)
def test_what_of_the_account_needs_a_person(account, words):
    [sentence] = mail_health.reasons(seen(**account), LIMITS)
    assert words in sentence
    assert sentence.endswith(".") and ". " not in sentence


def test_a_limit_that_is_reached_and_not_passed_is_well():
    assert mail_health.reasons(seen(quota_percent=80, bounce_percent=5, complaint_percent=0.1), LIMITS) == []


def test_an_account_without_a_quota():
    answer = {"ProductionAccessEnabled": True, "SendQuota": {"Max24HourSend": -1, "MaxSendRate": 14}}
    assert mail_health.account(answer, {})["quota_percent"] is None


@pytest.mark.parametrize(
    ("own", "aws", "paused_by"),
    [
        ("ENABLED", "ENABLED", None),
        ("DISABLED", "ENABLED", "platform"),
        ("ENABLED", "DISABLED", "aws"),
        ("DISABLED", "DISABLED", "aws"),
        ("REINSTATED", "ENABLED", None),
    ],
)
def test_who_paused_a_tenant(own, aws, paused_by):
    entity = {
        "CustomerManagedStatus": {"Status": own},
        "AwsSesManagedStatus": {"Status": aws},
        "SendingStatusAggregate": "DISABLED" if "DISABLED" in (own, aws) else own,
    }
    assert mail_health.tenant(entity)["paused_by"] == paused_by


def test_the_table_stands_in_columns_and_names_only_who_needs_a_person():
    domains = {
        "well.com": domain(),
        "new.com": domain("pending", "pending", "2026-11-25T11:00:00Z"),
        "paused.com": domain(tenant="paused"),
        "old.example.com": domain("pending", None, "2026-11-20T12:00:00Z"),
        "spam.com": domain(tenant="spam"),
    }
    tenants = {
        "one": TENANT,
        "paused": {**TENANT, "sending": "disabled", "paused_by": "platform"},
        "spam": {**TENANT, "sending": "disabled", "paused_by": "aws", "impact": "high", "bounce_percent": 12.5},
    }
    assert mail_health.table(seen(domains, tenants, {"adhoc": {**WELL, "bounce_percent": 1}}), LIMITS, 50) == [
        "account  us-east-1: production, healthy, sending",
        "quota    1,200 of 50,000 mails in 24 hours (2.4 %), 14 a second",
        "rates    bounces unknown, complaints unknown",
        "  adhoc  bounces 1 %, complaints unknown",
        "domains  5: 3 well, 2 waiting, 0 failing",
        "tenants  3: 1 paused by the platform, 1 by AWS, 1 at risk",
        "",
        "domain           tenant  DKIM     MAIL FROM  hours  sending        bounces  complaints",
        "old.example.com  one     pending  -          120    enabled        -        -",
        "spam.com         spam    success  success    -      paused by aws  12.5 %   -",
    ]
