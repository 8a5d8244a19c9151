"""Mail streams: what is refused, the normal form, and the plan, with plain data."""

from __future__ import annotations

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _mail_streams as mail_streams
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import KNOWN_AFTER_APPLY, InputError
from ansible_collections.mydigitalstructure.aws.plugins.modules import mail_streams as module

TOPIC = "arn:aws:sns:ap-southeast-2:123456789012:mds-mail"
BUS = "arn:aws:events:ap-southeast-2:123456789012:event-bus/default"
OWN = {"Name": "mds-campaign", "mydigitalstructure:platform": "mds", "mydigitalstructure:name": "campaign"}


@pytest.fixture(scope="module")
def spec():
    """The module's own argument spec, taken as the module hands it over."""
    taken = {}

    def set_module(options, **settings):
        taken.update(options)
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "set_module", set_module)
        with pytest.raises(SystemExit):
            module.main()
    return taken


@pytest.fixture
def stream(spec):
    def made(name="campaign", **fields):
        """A stream as the module sees it, with what was not given filled in."""
        result = ArgumentSpecValidator(spec).validate({"streams": [{"name": name, **fields}]})
        assert not result.error_messages
        return result.validated_parameters["streams"][0]

    return made


def destination(**fields):
    return {"name": "feedback", "events": ["bounce"], **fields}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "e news"}, ["name 'e news'", "letters, digits, underscores and hyphens"]),
        ({"name": "x" * 61}, ["name 'xxx", "1 to 60"]),
        ({"tracking_domain": "no domain"}, ["campaign", "tracking_domain 'no domain'"]),
        ({"event_destinations": [destination()]}, ["feedback", "no destination", "exactly one of"]),
        ({"event_destinations": [destination(sns=TOPIC, eventbridge=BUS)]}, ["sns and eventbridge", "exactly one"]),
        ({"event_destinations": [destination(sns=TOPIC, events=[])]}, ["events is empty", "complaint"]),
        ({"event_destinations": [destination(sns="topic")]}, ["sns 'topic'", "ARN of an SNS topic"]),
        (
            {"event_destinations": [destination(eventbridge=BUS.replace("default", "mine"))]},
            ["event-bus/mine'", "event bus default"],
        ),
        (
            {"event_destinations": [destination(sns=TOPIC), destination(sns=TOPIC)]},
            ["event_destinations", "'feedback' is there twice"],
        ),
        (
            {"event_destinations": [destination(name=f"d{n}", sns=TOPIC) for n in range(11)]},
            ["there are 11", "at most 10"],
        ),
        (
            {"event_destinations": [destination(cloudwatch=[{"name": "a b", "default": "none"}])]},
            ["cloudwatch name 'a b'"],
        ),
    ],
)
def test_what_cannot_work_is_refused_with_one_sentence(stream, fields, words):
    with pytest.raises(InputError) as caught:
        mail_streams.validate([stream(**fields)], "mds")
    message = str(caught.value)
    assert message.startswith("streams: ") and message.endswith(".")
    for word in words:
        assert word in message


def test_a_stream_twice_is_refused(stream):
    with pytest.raises(InputError, match="'campaign' is there twice"):
        mail_streams.validate([stream(), stream()], "mds")


def test_a_topic_that_is_not_made_yet_is_no_wrong_topic(stream):
    mail_streams.validate([stream(event_destinations=[destination(sns=KNOWN_AFTER_APPLY)])], "mds")


def test_what_aws_says_of_the_wanted_stream_is_the_wanted_stream(stream):
    wanted, destinations = mail_streams.desired(
        [
            stream(
                suppression=["complaint", "bounce"],
                tracking_domain="Click.Example.com",
                event_destinations=[
                    destination(events=["complaint", "bounce"], sns=TOPIC),
                    destination(name="counts", cloudwatch=[{"name": "space", "default": "none"}]),
                ],
            )
        ],
        "mds",
    )
    answer = {
        "DeliveryOptions": {"TlsPolicy": "REQUIRE"},
        "ReputationOptions": {"ReputationMetricsEnabled": True},
        "SendingOptions": {"SendingEnabled": True},
        "SuppressionOptions": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
        "TrackingOptions": {"CustomRedirectDomain": "click.example.com"},
        "Tags": [{"Key": key, "Value": value} for key, value in {**OWN, "aws:made": "x"}.items()],
    }
    assert mail_streams.observed_stream(answer) == wanted["campaign"]
    assert {
        name: mail_streams.observed_destination(mail_streams.request_destination(fields))
        for name, fields in destinations.items()
    } == destinations


def test_an_empty_answer_is_what_aws_takes_when_nothing_is_given():
    fields = mail_streams.observed_stream({})
    assert (fields["tls"], fields["sending"], fields["reputation_metrics"]) == ("optional", True, False)


def planned(wanted, destinations, streams=None, there=None, foreign=(), **options):
    observed = mail_streams.Observed(streams or {}, there or {}, frozenset(foreign))
    return mail_streams.plan(wanted, destinations, observed, "mds", **options)


def named(plan):
    return [(action.verb, action.kind, action.name) for action in plan]


def test_the_plan_changes_what_differs_and_removes_destinations_not_declared(stream):
    wanted, destinations = mail_streams.desired(
        [stream(event_destinations=[destination(sns=TOPIC), destination(name="new", sns=TOPIC)])], "mds"
    )
    there = {
        "campaign feedback": {"enabled": True, "events": ["bounce"], "eventbridge": BUS},
        "campaign old": {"enabled": True, "events": ["bounce"], "sns": TOPIC},
        "other old": {"enabled": True, "events": ["bounce"], "sns": TOPIC},
    }
    present = {**wanted["campaign"], "sending": False}
    plan = planned(wanted, destinations, {"campaign": present, "other": present}, there)
    assert named(plan) == [
        ("update", "mail_stream", "campaign"),
        ("update", "event_destination", "campaign feedback"),
        ("create", "event_destination", "campaign new"),
        ("delete", "event_destination", "campaign old"),
    ]
    [kind] = [action for action in plan if action.name == "campaign feedback"]
    assert kind.fields() == {
        "eventbridge": {"before": BUS, "after": None},
        "sns": {"before": None, "after": TOPIC},
    }
    assert planned(wanted, destinations, wanted, destinations).actions == []


def test_purge_ignore_and_somebody_elses(stream):
    wanted, destinations = mail_streams.desired([stream()], "mds")
    streams = {**wanted, "old": wanted["campaign"], "kept-1": wanted["campaign"]}
    there = {"old x": {"enabled": True, "events": ["bounce"], "sns": TOPIC}}
    plan = planned(wanted, destinations, streams, there, purge=True, ignore=["kept-*"])
    assert named(plan) == [("delete", "mail_stream", "old")]
    assert named(planned(wanted, destinations, streams, there)) == []
    with pytest.raises(InputError, match="mds-campaign is there already"):
        planned(wanted, destinations, foreign=["campaign"])
