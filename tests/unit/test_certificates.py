"""The pure functions of the module certificates, with plain data."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _certificates as acm
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _wait
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import application
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import ApplyError, InputError, Plan
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime.datetime.now(datetime.UTC)


def wish(name="web", domain="example.com", **more):
    return {"name": name, "domain": domain, **more}


def owned(item, arn="arn/1", status="ISSUED", in_use_by=(), **detail):
    """A certificate in AWS that was requested for a wish."""
    fields = acm.desired([item], "mds")[item["name"]]
    described = {"CertificateArn": arn, "Status": status, "InUseBy": list(in_use_by), "CreatedAt": NOW, **detail}
    return acm.Owned(item["name"], fields, described)


def names(planned):
    return [(a.verb, a.name) for a in planned.plan]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"name": "a b"}, "'a b'"),
        ({"name": ""}, "name ''"),
        ({"domain": "localhost"}, "localhost"),
        ({"domain": "*.*.example.com"}, "can hold"),
        ({"domain": "-a.example.com"}, "-a.example.com"),
        ({"domain": "a" * 60 + ".example.com"}, "64 characters"),
        ({"domain": "ex ample.com"}, "ex ample.com"),
        ({"alternative_names": ["ü" * 80 + ".com"]}, "domain name"),
        ({"alternative_names": [f"h{n}.example.com" for n in range(100)]}, "101 domains"),
        ({"key_algorithm": "RSA_1024"}, "RSA_2048"),
    ],
)
def test_bad_certificates_are_refused_in_one_sentence(change, words):
    with pytest.raises(InputError) as refusal:
        acm.validate([wish(**change)], "balancers_certificates")
    message = str(refusal.value)
    assert words in message, message
    assert message.startswith("balancers_certificates: ") and "\n" not in message and message.endswith(".")


def test_a_name_twice_is_refused():
    with pytest.raises(InputError, match="twice"):
        acm.validate([wish(), wish(domain="other.com")])


@given(st.permutations(["a.example.com", "B.example.com.", "bücher.example", "XN--BCHER-KVA.example", "*.example.com"]))
def test_case_order_dots_and_punycode_do_not_matter(others):
    one = acm.desired([wish(domain="Example.COM.", alternative_names=others)], "mds")["web"]
    assert one["domain"] == "example.com"
    assert one["alternative_names"] == ["*.example.com", "a.example.com", "b.example.com", "xn--bcher-kva.example"]
    detail = {
        "DomainName": "example.com",
        "SubjectAlternativeNames": ["example.com", *others],
        "KeyAlgorithm": "RSA-2048",
    }
    assert acm.observed_fields(detail, one["tags"]) == one


def test_a_domain_and_its_wildcard_share_a_validation_record():
    record = {"Name": "_X.example.com.", "Type": "CNAME", "Value": "_y.acm-validations.aws."}
    detail = {
        "DomainValidationOptions": [
            {"DomainName": "*.example.com", "ResourceRecord": record},
            {"DomainName": "example.com", "ResourceRecord": record},
            {"DomainName": "late.example.com"},
        ]
    }
    assert acm.validation_records(detail) == [
        {"domain": "example.com", "name": "_x.example.com", "type": "CNAME", "value": "_y.acm-validations.aws"}
    ]
    fields = acm.desired([wish(alternative_names=["*.example.com", "b.org"])], "mds")["web"]
    assert [(r["domain"], r["name"]) for r in acm.records_to_come(fields)] == [
        ("b.org", "(known after apply).b.org"),
        ("example.com", "(known after apply).example.com"),
    ]


def test_what_fits_is_left_alone_and_tags_are_changed_in_place():
    wanted = acm.desired([wish()], "mds")
    assert not acm.plan(wanted, [owned(wish())]).plan
    tagged = acm.desired([wish(tags={"Tier": "gold"})], "mds")
    assert names(acm.plan(tagged, [owned(wish())])) == [("update", "web")]


@pytest.mark.parametrize(
    "change", [{"domain": "b.org"}, {"alternative_names": ["b.org"]}, {"key_algorithm": "EC_prime256v1"}]
)
def test_a_change_that_acm_cannot_make_is_a_replacement(change):
    wanted = acm.desired([wish(**change)], "mds")
    old = owned(wish(), in_use_by=["lb"])
    planned = acm.plan(wanted, [old], purge=True)
    assert names(planned) == [("replace", "web")]
    assert planned.superseded == [(old, "replaced")]
    new = owned(wish(**change), "arn/2", "PENDING_VALIDATION")
    assert names(acm.plan(wanted, [old, new], purge=True)) == []
    free = owned(wish())
    assert names(acm.plan(wanted, [free, new], purge=True)) == [("delete", "web (1)")]
    assert names(acm.plan(wanted, [free, new])) == []


@pytest.mark.parametrize("status", ["FAILED", "EXPIRED", "REVOKED", "VALIDATION_TIMED_OUT", "INACTIVE"])
def test_what_became_useless_is_requested_anew(status):
    wanted = acm.desired([wish()], "mds")
    planned = acm.plan(wanted, [owned(wish(), status=status)])
    assert names(planned) == [("replace", "web")]
    assert planned.plan.actions[0].fields() == {"status": {"before": status, "after": "PENDING_VALIDATION"}}
    assert planned.superseded[0][1] == status.lower()


def test_the_request_after_a_failure_has_another_token():
    fields = acm.desired([wish()], "mds")["web"]
    assert acm.token(fields, []) == acm.token(dict(reversed(list(fields.items()))), [])
    assert acm.token(fields, []) != acm.token(fields, ["arn/1"])
    assert len(acm.token(fields, [])) == 32


def test_an_issued_certificate_is_preferred_to_a_pending_one():
    wanted = acm.desired([wish()], "mds")
    pending, issued = owned(wish(), "arn/9", "PENDING_VALIDATION"), owned(wish(), "arn/1")
    planned = acm.plan(wanted, [pending, issued])
    assert planned.current["web"].arn == "arn/1" and planned.superseded == [(pending, "replaced")]


def test_undeclared_and_ignored():
    mine = [owned(wish()), owned(wish("old", "old.com"), "arn/2"), owned(wish("kept", "kept.com"), "arn/3")]
    planned = acm.plan(acm.desired([wish()], "mds"), mine, purge=True, ignore=["k*"])
    assert names(planned) == [("delete", "old (2)")]
    renamed = acm.desired([wish("kept", "other.com")], "mds")
    assert names(acm.plan(renamed, mine[2:], ignore=["kept"])) == []


class Acm:
    """A client that answers DescribeCertificate from a list of answers, the last one for ever."""

    def __init__(self, *answers):
        self.answers, self.calls = list(answers), []

    def describe_certificate(self, CertificateArn):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "DescribeCertificate")
        return {"Certificate": answer}

    def __getattr__(self, operation):
        return lambda **arguments: self.calls.append((operation, arguments))


@pytest.fixture
def no_pauses(monkeypatch):
    monkeypatch.setattr(_wait.time, "sleep", lambda seconds: None)


@pytest.mark.parametrize(
    "detail, words",
    [
        ({"Status": "FAILED", "FailureReason": "CAA_ERROR"}, "CAA record"),
        ({"Status": "FAILED", "FailureReason": "OTHER"}, "OTHER"),
        ({"Status": "VALIDATION_TIMED_OUT"}, "VALIDATION_TIMED_OUT"),
        (
            {
                "Status": "PENDING_VALIDATION",
                "DomainName": "example.com",
                "DomainValidationOptions": [{"DomainName": "b.org", "ValidationStatus": "PENDING_VALIDATION"}],
            },
            "because of b.org",
        ),
        (None, "deleted"),
    ],
)
def test_one_that_is_not_issued_says_why(no_pauses, detail, words):
    serving = {"web": owned(wish(), status="PENDING_VALIDATION")}
    with pytest.raises(ApplyError, match=words):
        acm.wait_issued(Acm(detail), application(Plan()), serving, 0)


def test_waiting_ends_when_it_is_issued(no_pauses):
    pending = {"Status": "PENDING_VALIDATION", "CertificateArn": "arn/1"}
    client = Acm(pending, pending, {**pending, "Status": "ISSUED"})
    serving = acm.wait_issued(client, application(Plan()), {"web": owned(wish(), status="PENDING_VALIDATION")}, 60)
    assert serving["web"].status == "ISSUED"


def test_records_are_waited_for_also_while_acm_does_not_find_the_certificate(no_pauses):
    record = {"Name": "_x.example.com.", "Type": "CNAME", "Value": "_y.acm-validations.aws."}
    bare = {"Status": "PENDING_VALIDATION", "DomainValidationOptions": [{"DomainName": "example.com"}]}
    full = {**bare, "DomainValidationOptions": [{"DomainName": "example.com", "ResourceRecord": record}]}
    client = Acm(None, bare, full)
    assert _wait.poll(lambda: acm.describe(client, "arn/1"), acm.has_records, 60) == full


def test_transparency_logging_is_changed_in_place():
    wanted = acm.desired([wish(transparency_logging=False)], "mds")
    (action,) = acm.plan(wanted, [owned(wish())]).plan
    client = Acm()
    acm.update(client, action)
    options = {"CertificateTransparencyLoggingPreference": "DISABLED"}
    assert client.calls == [("update_certificate_options", {"CertificateArn": "arn/1", "Options": options})]


def test_expiring_and_failed_renewals_are_listed():
    soon = owned(
        wish(),
        NotAfter=NOW + datetime.timedelta(days=9, hours=1),
        RenewalSummary={"RenewalStatus": "FAILED", "RenewalStatusReason": "CAA_ERROR"},
    )
    late = owned(wish("late"), "arn/2", NotAfter=NOW + datetime.timedelta(days=90))
    wanted = acm.desired([wish(), wish("late")], "mds")
    shown = acm.result(acm.plan(wanted, [soon, late]), wanted, {"web": soon, "late": late}, (), 30)
    assert [(row["name"], row["days"]) for row in shown["expiring"]] == [("web", 9)]
    assert shown["renewal_failures"][0]["renewal_reason"] == "CAA_ERROR"
    assert shown["certificates"]["late"].keys() == acm.shown(wanted["late"], None).keys()


def test_polling_pauses_longer_each_time_and_ends_at_its_time(monkeypatch):
    clock, pauses = [0.0], []

    def sleep(seconds):
        pauses.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(_wait.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(_wait.time, "sleep", sleep)
    assert _wait.poll(lambda: "no", lambda answer: answer == "yes", 60) == "no"
    assert clock[0] == 60 and pauses[0] == 0.5 and max(pauses) <= 15
    assert pauses[:-1] == sorted(pauses[:-1])
