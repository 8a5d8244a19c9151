"""Module mail_streams on the lab; what it made is looked at with boto3."""

from __future__ import annotations

import pytest

TOPIC = "arn:aws:sns:ap-southeast-2:123456789012:mds-mail"
CAMPAIGN = {
    "name": "campaign",
    "event_destinations": [
        {"name": "feedback", "events": ["complaint", "bounce"], "sns": TOPIC},
        {"name": "counts", "events": ["send"], "cloudwatch": [{"name": "space", "default": "none"}]},
    ],
}
ADHOC = {"name": "adhoc", "tls": "optional", "suppression": ["bounce"]}


@pytest.fixture
def ses(lab):
    return lab.client("sesv2")


def destinations(ses, name):
    found = ses.get_configuration_set_event_destinations(ConfigurationSetName=name)["EventDestinations"]
    return {item["Name"]: item for item in found}


def named(result):
    return [(a["verb"], a["kind"], a["name"]) for a in result["actions"]]


def test_check_converge_and_second_run(lab, ses, run_module):
    options = {"platform": "mds", "streams": [CAMPAIGN, ADHOC], "tags": {"Env": "lab"}}
    checked = run_module("mail_streams", check=True, **options)
    assert not checked["failed"], checked
    assert lab.mutating() == []
    made = run_module("mail_streams", **options)
    assert not made["failed"], made
    assert made["actions"] == checked["actions"] and len(made["actions"]) == 4
    assert made["streams"] == checked["streams"]

    assert sorted(ses.list_configuration_sets()["ConfigurationSets"]) == ["mds-adhoc", "mds-campaign"]
    campaign = ses.get_configuration_set(ConfigurationSetName="mds-campaign")
    assert campaign["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert campaign["ReputationOptions"]["ReputationMetricsEnabled"] is True
    assert campaign["SuppressionOptions"]["SuppressedReasons"] == ["BOUNCE", "COMPLAINT"]
    assert {tag["Key"]: tag["Value"] for tag in campaign["Tags"]} == {
        "Env": "lab",
        "Name": "mds-campaign",
        "mydigitalstructure:platform": "mds",
        "mydigitalstructure:name": "campaign",
    }
    there = destinations(ses, "mds-campaign")
    assert there["feedback"]["SnsDestination"] == {"TopicArn": TOPIC}
    assert sorted(there["feedback"]["MatchingEventTypes"]) == ["BOUNCE", "COMPLAINT"]
    assert there["counts"]["CloudWatchDestination"]["DimensionConfigurations"] == [
        {"DimensionName": "space", "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"}
    ]
    assert ses.get_configuration_set(ConfigurationSetName="mds-adhoc")["DeliveryOptions"]["TlsPolicy"] == "OPTIONAL"
    tags = ses.list_tags_for_resource(ResourceArn=made["streams"]["campaign"]["arn"])["Tags"]
    assert {"Key": "Env", "Value": "lab"} in tags

    lab.clear_calls()
    again = run_module("mail_streams", **options)
    assert (again["changed"], again["actions"], again["streams"]) == (False, [], made["streams"])
    assert lab.mutating() == []
    assert len([call for call in lab.calls() if call["service"] == "sesv2"]) == 1 + 2 + 2


def test_everything_is_changed_in_place(lab, ses, run_module):
    run_module("mail_streams", platform="mds", streams=[CAMPAIGN], tags={"Env": "lab"})
    ses.create_dedicated_ip_pool(PoolName="campaigns")
    other = {
        "name": "campaign",
        "tls": "optional",
        "reputation_metrics": False,
        "sending": False,
        "suppression": [],
        "dedicated_ip_pool": "campaigns",
        "tracking_domain": "click.example.com",
        "event_destinations": [
            {"name": "feedback", "events": ["bounce"], "enabled": False, "sns": TOPIC},
            {"name": "opens", "events": ["open"], "sns": TOPIC},
        ],
    }
    options = {"platform": "mds", "streams": [other], "tags": {"Team": "mail"}}
    planned = run_module("mail_streams", check=True, **options)
    changed = run_module("mail_streams", **options)
    assert not changed["failed"], changed
    assert changed["actions"] == planned["actions"]
    assert named(changed) == [
        ("delete", "event_destination", "campaign counts"),
        ("update", "event_destination", "campaign feedback"),
        ("create", "event_destination", "campaign opens"),
        ("update", "mail_stream", "campaign"),
    ]
    found = ses.get_configuration_set(ConfigurationSetName="mds-campaign")
    assert found["DeliveryOptions"] == {"TlsPolicy": "OPTIONAL", "SendingPoolName": "campaigns"}
    assert found["ReputationOptions"]["ReputationMetricsEnabled"] is False
    assert found["SendingOptions"]["SendingEnabled"] is False
    assert found["SuppressionOptions"].get("SuppressedReasons", []) == []
    assert found["TrackingOptions"]["CustomRedirectDomain"] == "click.example.com"
    tags = {tag["Key"] for tag in found["Tags"]}
    assert "Team" in tags and "Env" not in tags
    there = destinations(ses, "mds-campaign")
    assert sorted(there) == ["feedback", "opens"] and there["feedback"]["Enabled"] is False
    assert run_module("mail_streams", **options)["actions"] == []


def test_purge_absent_and_foreign(lab, ses, run_module):
    ses.create_configuration_set(ConfigurationSetName="mds-theirs")
    ses.create_configuration_set(ConfigurationSetName="news")
    run_module("mail_streams", platform="mds", streams=[CAMPAIGN, ADHOC])
    refused = run_module("mail_streams", platform="mds", streams=[{"name": "theirs"}])
    assert refused["failed"] and "mds-theirs" in refused["msg"] and "somebody else's" in refused["msg"]
    kept = run_module("mail_streams", platform="mds", streams=[ADHOC], purge=True, ignore=["camp*"])
    assert kept["actions"] == []
    purged = run_module("mail_streams", platform="mds", streams=[ADHOC], purge=True)
    assert named(purged) == [("delete", "mail_stream", "campaign")]
    assert sorted(ses.list_configuration_sets()["ConfigurationSets"]) == ["mds-adhoc", "mds-theirs", "news"]
    gone = run_module("mail_streams", platform="mds", state="absent")
    assert named(gone) == [("delete", "mail_stream", "adhoc")]
    assert sorted(ses.list_configuration_sets()["ConfigurationSets"]) == ["mds-theirs", "news"]


def test_one_that_is_refused_is_named_and_so_is_what_was_not_reached(ses, run_module):
    run_module("mail_streams", platform="mds", streams=[{"name": "campaign"}])
    # SES takes 50 tags
    refused = {"name": "adhoc", "tags": {f"t{n}": "v" for n in range(60)}}
    streams = [refused, {"name": "extra"}, {"name": "campaign", "sending": False}]
    result = run_module("mail_streams", platform="mds", streams=streams)
    assert result["failed"] and result["changed"]
    [failed] = result["failed_actions"]
    assert failed["name"] == "adhoc" and "AWS refused CreateConfigurationSet" in failed["reason"]
    assert [action["name"] for action in result["done"]] == ["extra"]
    assert [action["name"] for action in result["not_done"]] == ["campaign"]
    assert sorted(ses.list_configuration_sets()["ConfigurationSets"]) == ["mds-campaign", "mds-extra"]
    again = run_module("mail_streams", platform="mds", streams=streams[1:])
    assert [(a["verb"], a["name"]) for a in again["actions"]] == [("update", "campaign")]


@pytest.mark.parametrize(
    ("streams", "words"),
    [
        ([{"name": "e news"}], ["streams", "'e news'"]),
        ([ADHOC, ADHOC], ["'adhoc' is there twice"]),
        (
            [{"name": "a", "event_destinations": [{"name": "x", "events": ["bounce"], "sns": "(known after apply)"}]}],
            ["(known after apply)", "only in check mode"],
        ),
    ],
)
def test_bad_input_is_refused_before_any_call_that_changes_something(lab, run_module, streams, words):
    refused = run_module("mail_streams", platform="mds", streams=streams)
    assert refused["failed"]
    for word in words:
        assert word in refused["msg"]
    assert lab.mutating() == []
