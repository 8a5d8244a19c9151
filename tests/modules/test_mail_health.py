"""Module mail_health on the lab: what it says is held against what was done with boto3."""

from __future__ import annotations

import pytest

from tests.modules.test_mail_domains import publish

SPACES = [{"name": f"space{n}.example.com", "tenant": f"space{n}"} for n in range(4)]


@pytest.fixture
def ses(lab):
    return lab.client("sesv2")


@pytest.fixture
def health(run_module):
    def run(**options):
        """Run the module, without pauses between calls: the lab has no quotas here."""
        return run_module("mail_health", **{"platform": "mds", "calls_per_second": 0, **options})

    return run


@pytest.fixture
def spaces(lab, ses, run_module):
    """Four domains, each of a tenant, whose records are all in a zone of the lab; two streams; one foreign domain."""
    streams = [{"name": name} for name in ("adhoc", "campaign")]
    made = run_module("mail_streams", platform="mds", streams=streams)
    assert not made["failed"], made
    made = run_module("mail_domains", platform="mds", domains=SPACES, calls_per_second=0)
    assert not made["failed"], made
    for item in made["domains"].values():
        publish(lab, item["records"], "example.com")
    ses.create_email_identity(EmailIdentity="theirs.com")
    lab.clear_calls()
    return made["domains"]


def measure(lab, metric, value, stream=None):
    """Put a rate (a fraction of 1) where SES does."""
    dimensions = [{"Name": "ses:configuration-set", "Value": stream}] if stream else []
    datum = {"MetricName": f"Reputation.{metric}Rate", "Value": value, "Dimensions": dimensions}
    lab.client("cloudwatch").put_metric_data(Namespace="AWS/SES", MetricData=[datum])


def test_all_is_well_and_the_calls_are_few(lab, spaces, health):
    measure(lab, "Bounce", 0.012)
    measure(lab, "Bounce", 0.03, stream="mds-campaign")
    lab.clear_calls()
    result = health()
    assert not result["failed"], result
    assert (result["healthy"], result["reasons"], result["changed"]) == (True, [], False)
    assert sorted(result["domains"]) == [item["name"] for item in SPACES]
    assert {item["state"] for item in result["domains"].values()} == {"well"}
    assert (result["account"]["bounce_percent"], result["account"]["complaint_percent"]) == (1.2, None)
    assert result["streams"]["campaign"]["bounce_percent"] == 3
    assert result["streams"]["adhoc"]["bounce_percent"] is None
    assert lab.mutating() == []
    assert sorted(call["operation"] for call in lab.calls()) == sorted(
        [
            "GetAccount",
            "GetCallerIdentity",
            "GetIdentityDkimAttributes",
            "GetIdentityMailFromDomainAttributes",
            "GetMetricData",
            "GetResources",
            "GetResources",
            "ListEmailIdentities",
            "ListReputationEntities",
        ]
    )


def test_domains_that_wait_and_that_fail(lab, spaces, run_module, health):
    late = {"name": "late.example.org", "tenant": "late"}
    run_module("mail_domains", platform="mds", domains=[*SPACES, late], calls_per_second=0)
    found = health()
    assert (found["healthy"], found["totals"]["waiting"]) == (True, 1)
    assert found["domains"]["late.example.org"]["waiting_since"]
    waited = health(waiting_hours=0)
    assert waited["reasons"] == [
        "1 domain waited longer than 0 hours for DNS records that are not there: late.example.org."
    ]
    assert any(line.startswith("late.example.org ") for line in waited["table"])
    assert not any(line.startswith("space0.example.com ") for line in waited["table"])
    lab.advance(73 * 3600)
    failed = health()
    assert failed["domains"]["late.example.org"]["state"] == "failing"
    assert [reason.split(" for ")[0] for reason in failed["reasons"]] == ["DKIM fails", "MAIL FROM fails"]


def test_tenants_that_somebody_paused(lab, spaces, ses, health):
    arns = {item["TenantName"]: item["TenantArn"] for item in ses.list_tenants()["Tenants"]}
    ses.update_reputation_entity_customer_managed_status(
        ReputationEntityType="RESOURCE", ReputationEntityReference=arns["mds-space0"], SendingStatus="DISABLED"
    )
    result = health()
    # our own decision
    assert (result["healthy"], result["tenants"]["space0"]["paused_by"]) == (True, "platform")
    seen = {
        "mds-space1": {"status": "DISABLED", "cause": "Spam trap hits", "impact": "HIGH"},
        "mds-space2": {"impact": "HIGH", "sent": 200, "bounced": 15, "complaints": 1},
    }
    lab.observe_mail(tenants=seen)
    result = health()
    assert (result["tenants"]["space1"]["paused_by"], result["tenants"]["space1"]["cause"]) == ("aws", "Spam trap hits")
    assert result["reasons"] == [
        "AWS has paused 1 tenant: space1.",
        "AWS finds the reputation of 1 tenant at risk: space2.",
    ]
    ses.put_account_vdm_attributes(VdmAttributes={"VdmEnabled": "ENABLED"})
    lab.clear_calls()
    result = health()
    assert result["tenants"]["space2"]["bounce_percent"] == 7.5
    assert "The bounce rate of 1 tenant is above 5 %: space2." in result["reasons"]
    assert "The complaint rate of 1 tenant is above 0.1 %: space2." in result["reasons"]
    # three tenants a call, and only those that are paused or at risk
    assert [call["operation"] for call in lab.calls()].count("BatchGetMetricData") == 1
    assert health(tenant_rates=True)["tenants"]["space3"]["bounce_percent"] is None
    assert [call["operation"] for call in lab.calls()].count("BatchGetMetricData") == 3


def test_the_account(lab, spaces, ses, health):
    measure(lab, "Complaint", 0.002)
    measure(lab, "Bounce", 0.08, stream="mds-campaign")
    lab.observe_mail(sent=45_000, enforcement="PROBATION")
    result = health()
    assert [reason.split(";")[0] for reason in result["reasons"]] == [
        "AWS has the account's mail under probation in ap-southeast-2",
        "45,000 of 50,000 mails a day are used (90 %, more than 80 %)",
        "The complaint rate of the account is 0.2 %, above 0.1 %.",
        "The bounce rate of stream campaign is 8 %, above 5 %.",
    ]
    relaxed = health(quota_percent=95, complaint_percent=1, bounce_percent=10)
    assert len(relaxed["reasons"]) == 1
    lab.observe_mail()
    ses.put_account_details(MailType="TRANSACTIONAL", WebsiteURL="https://a.com", ProductionAccessEnabled=False)
    [sandbox, *_others] = health()["reasons"]
    assert "is in the sandbox" in sandbox and "ask AWS for production access" in sandbox
    assert "sandbox" not in " ".join(health(sandbox_allowed=True)["reasons"])


def test_another_platforms_domains_do_not_count(spaces, run_module, health):
    run_module("mail_domains", platform="mds-two", domains=[{"name": "two.org", "tenant": "a"}], calls_per_second=0)
    assert "two.org" not in health()["domains"]
    found = health(platform="mds-two")
    assert (list(found["domains"]), list(found["tenants"]), found["streams"]) == (["two.org"], ["a"], {})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"bounce_percent": 120}, "bounce_percent: 120.0 is not allowed; it is from 0 to 100."),
        ({"waiting_hours": -1}, "waiting_hours: -1.0 is not allowed; it is 0 or more."),
        ({"rows": -1}, "rows: -1 is not allowed; it is 0 or more."),
    ],
)
def test_bad_input(lab, health, options, sentence):
    refused = health(**options)
    assert (refused["failed"], refused["msg"]) == (True, sentence)
    assert lab.calls() == []
