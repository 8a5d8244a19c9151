"""Topics and queue for bounces and complaints: the policies and the plan, with plain data."""

from __future__ import annotations

import json

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _mail_feedback as mail_feedback
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import Place
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError

NAMES = mail_feedback.Names(Place("aws", "ap-southeast-2", "123456789012"), "mds")
OPTIONS = {"state": "present", "topics": ["bounce", "complaint"], "retention_days": 14, "tags": {}}


def observed(topics=None, queue=None, foreign=()):
    return mail_feedback.Observed(topics or {}, queue or {}, None, {}, frozenset(foreign))


def planned(of, there):
    return [(a.verb, a.kind, a.name, sorted(a.after)) for a in mail_feedback.plan(*of, there, "mds")]


def test_only_ses_publishes_for_the_platforms_streams_and_only_the_topics_send():
    topics, queue = mail_feedback.desired(OPTIONS, NAMES)
    [publish] = topics["bounce"]["policy"]["Statement"]
    assert (publish["Principal"], publish["Action"]) == ({"Service": "ses.amazonaws.com"}, "sns:Publish")
    assert publish["Resource"] == "arn:aws:sns:ap-southeast-2:123456789012:mds-mail-bounce"
    assert publish["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:ses:ap-southeast-2:123456789012:configuration-set/mds-*"},
    }
    [send] = queue["mail-feedback"]["policy"]["Statement"]
    assert (send["Principal"], send["Action"]) == ({"Service": "sns.amazonaws.com"}, "sqs:SendMessage")
    assert send["Condition"]["ArnEquals"]["aws:SourceArn"] == [NAMES.topic("bounce"), NAMES.topic("complaint")]


def test_what_aws_says_of_the_wanted_is_the_wanted():
    of = mail_feedback.desired(OPTIONS, NAMES)
    # AWS may give a list of one as its item, and keys in another order
    there = json.loads(json.dumps(of, sort_keys=True))
    statement = there[0]["bounce"]["policy"]["Statement"][0]
    statement["Action"], there[0]["bounce"]["policy"]["Statement"] = ["sns:Publish"], [statement]
    assert planned(of, observed(*there)) == []


def test_a_topic_that_is_not_declared_goes_and_the_queue_forgets_it():
    of = mail_feedback.desired({**OPTIONS, "topics": ["bounce"]}, NAMES)
    there = mail_feedback.desired(OPTIONS, NAMES)
    assert planned(of, observed(*there)) == [
        ("update", "mail_queue", "mail-feedback", ["policy"]),
        ("delete", "mail_topic", "complaint", []),
    ]
    assert planned(({}, {}), observed(*there)) == [
        ("delete", "mail_queue", "mail-feedback", []),
        ("delete", "mail_topic", "bounce", []),
        ("delete", "mail_topic", "complaint", []),
    ]


@pytest.mark.parametrize(
    ("foreign", "words"), [("bounce", "a topic mds-mail-bounce"), ("mail-feedback", "a queue mds-mail-feedback")]
)
def test_what_is_somebody_elses_is_refused(foreign, words):
    of = mail_feedback.desired(OPTIONS, NAMES)
    with pytest.raises(InputError, match=words):
        mail_feedback.plan(*of, observed(foreign=[foreign]), "mds")
    assert planned(({}, {}), observed(foreign=[foreign])) == []
