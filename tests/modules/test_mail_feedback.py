"""Module mail_feedback on the lab; what it made is looked at with boto3."""

from __future__ import annotations

import json

import pytest

OPTIONS = {"platform": "mds", "tags": {"Env": "lab"}}


@pytest.fixture
def run(run_module):
    def run(**options):
        return run_module("mail_feedback", **{**OPTIONS, **options})

    return run


def named(result):
    assert not result["failed"], result
    return [(a["verb"], a["kind"], a["name"]) for a in result["actions"]]


def arns(lab):
    return sorted(topic["TopicArn"] for topic in lab.client("sns").list_topics()["Topics"])


def test_check_converge_and_second_run(lab, run):
    checked = run(check=True)
    assert lab.mutating() == []
    made = run()
    assert made["actions"] == checked["actions"] and made["topics"] == checked["topics"]
    assert named(made) == [
        ("create", "mail_queue", "mail-feedback"),
        ("create", "mail_topic", "bounce"),
        ("create", "mail_topic", "complaint"),
    ]
    sns, sqs = lab.client("sns"), lab.client("sqs")
    assert arns(lab) == sorted(made["topics"].values())
    url = sqs.get_queue_url(QueueName="mds-mail-feedback")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["QueueArn"] == made["queue"]["arn"]
    assert attributes["MessageRetentionPeriod"] == str(14 * 86400)
    [statement] = json.loads(attributes["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": sorted(made["topics"].values())}}
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"]["Env"] == "lab"
    for arn in arns(lab):
        [statement] = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])["Statement"]
        assert statement["Principal"] == {"Service": "ses.amazonaws.com"}
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
        assert statement["Condition"]["ArnLike"]["aws:SourceArn"].endswith(":configuration-set/mds-*")
        assert {"Key": "mydigitalstructure:platform", "Value": "mds"} in sns.list_tags_for_resource(ResourceArn=arn)[
            "Tags"
        ]

    lab.clear_calls()
    again = run()
    assert named(again) == [] and lab.mutating() == []
    assert len(lab.calls()) <= 13

    # what is published arrives as it is
    said = json.dumps({"eventType": "Bounce"})
    sns.publish(TopicArn=made["topics"]["bounce"], Message=said)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == said


def test_everything_is_changed_in_place(lab, run):
    made = run()
    sns, sqs = lab.client("sns"), lab.client("sqs")
    bounce = made["topics"]["bounce"]
    open_to_all = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sns:Publish",
                                                           "Resource": bounce}]}  # fmt: skip
    sns.set_topic_attributes(TopicArn=bounce, AttributeName="Policy", AttributeValue=json.dumps(open_to_all))
    for subscription in sns.list_subscriptions_by_topic(TopicArn=bounce)["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    complaint = made["topics"]["complaint"]
    [subscription] = sns.list_subscriptions_by_topic(TopicArn=complaint)["Subscriptions"]
    sns.set_subscription_attributes(
        SubscriptionArn=subscription["SubscriptionArn"], AttributeName="RawMessageDelivery", AttributeValue="false"
    )
    options = {"retention_days": 7, "tags": {"Team": "mail"}}
    planned = run(check=True, **options)
    changed = run(**options)
    assert changed["actions"] == planned["actions"]
    fields = {(a["kind"], a["name"]): sorted(a["fields"]) for a in changed["actions"]}
    assert fields == {
        ("mail_queue", "mail-feedback"): ["retention_days", "tags"],
        ("mail_topic", "bounce"): ["policy", "subscription", "tags"],
        ("mail_topic", "complaint"): ["subscription", "tags"],
    }
    assert named(run(**options)) == []
    [statement] = json.loads(sns.get_topic_attributes(TopicArn=bounce)["Attributes"]["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "ses.amazonaws.com"}
    assert len(sns.list_subscriptions()["Subscriptions"]) == 2
    url = sqs.get_queue_url(QueueName="mds-mail-feedback")["QueueUrl"]
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"].get("Env") is None
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["MessageRetentionPeriod"] == str(7 * 86400) and attributes["Policy"]


def test_undeclared_absent_and_foreign(lab, run):
    sns, sqs = lab.client("sns"), lab.client("sqs")
    theirs = sns.create_topic(Name="mds-mail-delivery")["TopicArn"]
    sns.create_topic(Name="news")
    run(topics=["bounce", "open"])
    refused = run(topics=["delivery"])
    assert refused["failed"] and "a topic mds-mail-delivery" in refused["msg"] and "somebody else's" in refused["msg"]
    fewer = run(topics=["bounce"])
    assert named(fewer) == [("update", "mail_queue", "mail-feedback"), ("delete", "mail_topic", "open")]
    assert len(sns.list_subscriptions()["Subscriptions"]) == 1
    gone = run(state="absent")
    assert named(gone) == [("delete", "mail_queue", "mail-feedback"), ("delete", "mail_topic", "bounce")]
    assert arns(lab) == sorted([theirs, theirs.replace("mds-mail-delivery", "news")])
    assert sns.list_subscriptions()["Subscriptions"] == [] and "QueueUrls" not in sqs.list_queues()
    assert named(run(state="absent")) == []
    sqs.create_queue(QueueName="mds-mail-feedback")
    refused = run()
    assert refused["failed"] and "a queue mds-mail-feedback" in refused["msg"]
    assert named(run(state="absent")) == [] and sqs.list_queues()["QueueUrls"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"topics": ["Bounce!"]}, ["topics: 'Bounce!'", "small letters"]),
        ({"topics": ["a", "a"]}, ["'a' is there twice"]),
        ({"retention_days": 15}, ["retention_days: 15", "1 to 14"]),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(lab, run, given, words):
    refused = run(**given)
    assert refused["failed"] and lab.mutating() == []
    for word in words:
        assert word in refused["msg"]
