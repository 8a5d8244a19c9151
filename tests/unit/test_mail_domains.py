"""Mail domains with plain data: suffixes, records, settings, the plan of tenants, and the pace of calls."""

from __future__ import annotations

import datetime
from unittest import mock

import botocore.exceptions
import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _mail_domains as mail_domains
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def item(name="spaceone.com", **fields):
    """A domain as the module sees it."""
    return {
        "name": name,
        "tenant": "one",
        "configuration_set": None,
        "dkim": {"type": "easy", "key_length": 2048},
        "mail_from": {"subdomain": "mail", "on_mx_failure": "use_default"},
        "feedback_forwarding": True,
        "dmarc": "v=DMARC1; p=none",
        "paused": False,
        "tags": {},
        **fields,
    }


def observed(domains=None, tenants=None, foreign=()):
    return mail_domains.Observed(domains or {}, tenants or {}, frozenset(foreign), {}, {}, {})


def named(plan):
    return [(action.verb, action.kind, action.name) for action in plan]


@pytest.mark.parametrize("domain", ["co.uk", "com.au", "org.nz", "gov.br", "k12.ca.us", "xn--55qx5d.cn"])
def test_public_suffixes_are_refused(domain):
    with pytest.raises(InputError, match="public suffix"):
        mail_domains.validate([item(domain)], "mds")


@pytest.mark.parametrize("domain", ["example.com", "co.com", "example.co.uk", "me.uk.com", "x.au", "example.test"])
def test_domains_that_somebody_can_own_are_not(domain):
    mail_domains.validate([item(domain)], "mds")


@pytest.mark.parametrize("domain", ["com", "10.0.0.1", "-a.com", "a_b.com", "*.example.com", "a..com"])
def test_what_is_no_domain_is_refused(domain):
    with pytest.raises(InputError, match="^domains: name"):
        mail_domains.validate([item(domain)], "mds")


def test_names_are_compared_whatever_their_form():
    wanted, _tenants = mail_domains.desired([item("Bücher.Example.COM.")], "mds")
    assert list(wanted) == ["xn--bcher-kva.example.com"]


def test_the_records_of_a_domain():
    wanted, _tenants = mail_domains.desired([item()], "mds")
    records = mail_domains.records("spaceone.com", wanted["spaceone.com"], ["a", "b", "c"], "us-east-1")
    assert [(r["name"], r["type"], r["values"][0]) for r in records] == [
        ("a._domainkey.spaceone.com", "CNAME", "a.dkim.amazonses.com"),
        ("b._domainkey.spaceone.com", "CNAME", "b.dkim.amazonses.com"),
        ("c._domainkey.spaceone.com", "CNAME", "c.dkim.amazonses.com"),
        ("mail.spaceone.com", "MX", "10 feedback-smtp.us-east-1.amazonses.com"),
        ("mail.spaceone.com", "TXT", "v=spf1 include:amazonses.com ~all"),
        ("_dmarc.spaceone.com", "TXT", "v=DMARC1; p=none"),
    ]
    bare, _tenants = mail_domains.desired(
        [item(dmarc="", mail_from={"subdomain": "", "on_mx_failure": "reject"})], "mds"
    )
    assert len(mail_domains.records("spaceone.com", bare["spaceone.com"], ["a", "b", "c"], "us-east-1")) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"configuration_set": "campaign"},
        {"dkim": {"type": "easy", "key_length": 1024}},
        {"feedback_forwarding": False},
        {"tenant": "uno"},
    ],
)
def test_the_settings_tag_tells_each_setting_that_no_batch_tells(change):
    before, _tenants = mail_domains.desired([item()], "mds")
    after, _tenants = mail_domains.desired([item(**change)], "mds")
    assert before["spaceone.com"].fields["settings"] != after["spaceone.com"].fields["settings"]
    streams, _tenants = mail_domains.desired([item()], "mds", streams=["adhoc"])
    assert before["spaceone.com"].fields["settings"] != streams["spaceone.com"].fields["settings"]
    same, _tenants = mail_domains.desired([item("SPACEONE.com", dmarc="")], "mds", {"Env": "lab"})
    assert before["spaceone.com"].fields["settings"] == same["spaceone.com"].fields["settings"]


def test_a_tenant_leaves_with_its_last_domain():
    fields = {"tags": {mail_domains.TENANT_TAG: "old"}}
    tenants = {"old": {"SendingStatus": "ENABLED"}}
    two = {"a.com": fields, "b.com": fields}
    assert named(mail_domains.plan({}, {}, observed(two, tenants))) == []
    whole = mail_domains.plan({}, {}, observed(two, tenants), purge=True)
    assert named(whole) == [
        ("delete", "mail_tenant", "old"),
        ("delete", "mail_domain", "a.com"),
        ("delete", "mail_domain", "b.com"),
    ]
    part = mail_domains.plan({}, {}, observed(two, tenants), purge=True, purge_only={"a.com"})
    assert named(part) == [("delete", "mail_domain", "a.com")]
    kept = mail_domains.plan({}, {}, observed(two, tenants), purge=True, ignore=["b.*"])
    assert named(kept) == [("delete", "mail_domain", "a.com")]


@pytest.mark.parametrize(("refusals", "made"), [(0, 1), (3, 4), (9, 5)])
def test_a_call_that_is_refused_gets_another_turn(refusals, made):
    error = botocore.exceptions.ClientError({"Error": {"Code": "TooManyRequestsException"}}, "CreateTenant")
    answers = [error] * refusals + [{"TenantArn": "arn"}]
    ses = mock.Mock()
    ses.create_tenant.side_effect = answers
    turns = []
    reader = mock.Mock(v2=ses, pace=turns.append, platform="mds")
    apply = mail_domains.Apply(reader, {}, observed(), "")
    if refusals < mail_domains.TURNS:
        assert apply.call("create_tenant") == {"TenantArn": "arn"}
    else:
        with pytest.raises(botocore.exceptions.ClientError):
            apply.call("create_tenant")
    assert turns == ["create_tenant"] * made


def test_calls_of_an_operation_keep_their_distance_and_others_do_not_wait(monkeypatch):
    clock = [100.0]
    slept = []

    def sleep(seconds):
        slept.append(round(seconds, 3))
        # it never wakes in time
        clock[0] += seconds + 0.2

    monkeypatch.setattr(mail_domains.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(mail_domains.time, "sleep", sleep)
    pace = mail_domains.Pace(2)
    for operation in ("get_email_identity", "get_email_identity", "get_email_identity", "create_email_identity"):
        pace(operation)
    # from when the one before really began, and a little more than the quota asks for
    assert slept == [0.525, 0.525]
    # tenants and tags have a quota that is not reached
    for _call in range(3):
        pace("create_tenant_resource_association")
    mail_domains.Pace(0)("get_email_identity")
    assert len(slept) == 2


class EarlierSes:
    """SES by a botocore that does not know that ListTenants tells SendingStatus."""

    def get_paginator(self, operation):
        raise botocore.exceptions.OperationNotPageableError(operation_name=operation)

    def list_tenants(self, **_asked):
        return {"Tenants": [{"TenantName": f"mds-{name}", "TenantArn": f"arn:{name}"} for name in ("a", "b")]}

    def list_reputation_entities(self, **_asked):
        paused = {"ReputationEntityReference": "arn:b", "SendingStatusAggregate": "DISABLED"}
        return {"ReputationEntities": [{**paused, "ReputationEntityReference": "arn:x"}, paused]}


def test_an_earlier_botocore_is_asked_otherwise_who_is_paused():
    reader = mail_domains.Reader.__new__(mail_domains.Reader)
    reader.platform, reader.v2 = "mds", EarlierSes()
    assert {name: item["SendingStatus"] for name, item in reader.tenants().items()} == {"a": None, "b": "DISABLED"}


DAY = datetime.date(2026, 11, 25)


def tagged(tenant, leaving=None, scope="tenants"):
    """What is there of a domain that is not declared."""
    tags = {mail_domains.TENANT_TAG: tenant, mail_domains.SCOPE_TAG: scope, mail_domains.LEAVING_TAG: leaving}
    return {"tags": {key: value for key, value in tags.items() if value}}


def leave(domains, **options):
    """The plan of a purge in which none of these domains is declared; every tenant may send."""
    tenants = {fields["tags"][mail_domains.TENANT_TAG]: {"SendingStatus": "ENABLED"} for fields in domains.values()}
    leaving = mail_domains.Leaving(30, today=DAY, **options)
    return mail_domains.plan({}, {}, observed(domains, tenants), purge=True, scope="tenants", leaving=leaving)


def test_a_domain_is_marked_then_left_alone_then_deleted():
    marked = leave({"a.com": tagged("a")})
    assert named(marked) == [("update", "mail_tenant", "a"), ("update", "mail_domain", "a.com")]
    assert marked.only("mail_domain")[0].after["tags"][mail_domains.LEAVING_TAG] == "2026-11-25"
    assert named(leave({"a.com": tagged("a", "2026-10-27")})) == [("update", "mail_tenant", "a")]
    gone = [("delete", "mail_tenant", "a"), ("delete", "mail_domain", "a.com")]
    assert named(leave({"a.com": tagged("a", "2026-10-26")})) == gone
    assert named(leave({"a.com": tagged("a")}, offboard_now=["a"])) == gone
    assert named(leave({"a.com": tagged("a")}, offboard_now=["a.com"])) == gone
    # whatever somebody wrote there: the grace begins today
    assert leave({"a.com": tagged("a", "soon")}).only("mail_domain")[0].after["tags"][mail_domains.LEAVING_TAG] == (
        "2026-11-25"
    )
    assert named(leave({"a.com": tagged("a", scope="others")})) == []


def test_without_a_grace_one_that_is_leaving_goes_too():
    there = observed({"a.com": tagged("a", "2026-11-25")}, {"a": {"SendingStatus": "DISABLED"}})
    whole = mail_domains.plan({}, {}, there, purge=True, scope="tenants")
    assert named(whole) == [("delete", "mail_tenant", "a"), ("delete", "mail_domain", "a.com")]


@pytest.mark.parametrize(
    ("there", "undeclared", "options", "refused"),
    [
        (100, 10, {}, False),
        (100, 11, {}, True),
        (100, 11, {"offboard": ["t0"]}, False),
        (100, 20, {"offboard_now": [f"t{n}" for n in range(10)]}, False),
        (100, 100, {}, True),
        (3, 1, {}, False),
        (3, 2, {}, True),
        (1, 1, {}, True),
        (1, 1, {"offboard": ["t0.com"]}, False),
        (100, 100, {"max_leaving": 100}, False),
        (100, 1, {"max_leaving": 0}, False),
    ],
)
def test_how_many_may_begin_to_leave(there, undeclared, options, refused):
    domains = {f"t{n}.com": tagged(f"t{n}") for n in range(undeclared)}
    leaving = mail_domains.Leaving(30, today=DAY, **{"max_leaving": 10, **options})
    if not refused:
        mail_domains.check_leaving(domains, there, leaving)
        return
    with pytest.raises(InputError, match=f"^max_leaving: 10 percent .* {undeclared} of {there} domains"):
        mail_domains.check_leaving(domains, there, leaving)


def test_those_that_are_leaving_do_not_begin_again():
    domains = {f"t{n}.com": tagged(f"t{n}", "2026-11-20") for n in range(50)}
    mail_domains.check_leaving(domains, 100, mail_domains.Leaving(30, max_leaving=10, today=DAY))
