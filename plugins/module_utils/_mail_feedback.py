# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where SES tells of bounces and complaints: a topic for each kind of event, and one queue that keeps what they tell.

ARNs of topics and queues follow from their names, so their policies can be planned before they are there.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list, compare_aws_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    Place,
    application,
    changeable,
    client,
    declared_name,
    owned_tags,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    UPDATE,
    Action,
    Fields,
    InputError,
    Plan,
    compare,
    concurrently,
    unique,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

TOPIC, QUEUE = "mail_topic", "mail_queue"
QUEUE_NAME = "mail-feedback"
"""The declared name of the queue."""
NAME = re.compile(r"[a-z0-9_-]{1,60}")
DAYS = range(1, 15)
"""For how many days SQS keeps a message."""
FREE_TIMEOUT = 90
"""Seconds within which SQS gives the name of a deleted queue again; AWS says sixty."""

MISSING = ["NotFound", "NotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"]
DELETED_RECENTLY = ["AWS.SimpleQueueService.QueueDeletedRecently", "QueueDeletedRecently"]


class Names(t.NamedTuple):
    """What a platform's topics and queue are called at a place."""

    place: Place
    platform: str

    def topic(self, name: str) -> str:
        """A topic's ARN."""
        return self.place.arn("sns", f"{self.platform}-mail-{name}")

    @property
    def queue(self) -> str:
        return f"{self.platform}-{QUEUE_NAME}"

    @property
    def queue_arn(self) -> str:
        return self.place.arn("sqs", self.queue)


def topic_policy(names: Names, name: str) -> dict[str, t.Any]:
    """SES alone may publish, for the streams of the platform in this account."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Ses",
                "Effect": "Allow",
                "Principal": {"Service": "ses.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": names.topic(name),
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": names.place.account},
                    "ArnLike": {"aws:SourceArn": names.place.arn("ses", f"configuration-set/{names.platform}-*")},
                },
            }
        ],
    }


def queue_policy(names: Names, topics: t.Iterable[str]) -> dict[str, t.Any]:
    """The platform's topics alone may send."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Topics",
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": names.queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": [names.topic(name) for name in sorted(topics)]}},
            }
        ],
    }


def validate(options: t.Mapping[str, t.Any]) -> None:
    """Raise :class:`InputError` for what AWS would refuse."""
    unique([{"name": name} for name in options["topics"]], "topics")
    for name in options["topics"]:
        if not NAME.fullmatch(name):
            raise InputError(
                f"topics: {name!r} is not allowed; it has 1 to 60 small letters, digits, underscores and hyphens."
            )
    if options["retention_days"] not in DAYS:
        raise InputError(
            f"retention_days: {options['retention_days']} is not allowed; SQS keeps messages 1 to 14 days."
        )


def desired(options: t.Mapping[str, t.Any], names: Names) -> tuple[dict[str, Fields], dict[str, Fields]]:
    """The wanted topics and the wanted queue, each keyed by declared name."""
    validate(options)
    if options["state"] == "absent":
        return {}, {}
    tags = options["tags"]
    topics = {
        name: {
            "policy": topic_policy(names, name),
            "subscription": "raw",
            "tags": owned_tags(names.platform, f"mail-{name}", tags),
        }
        for name in options["topics"]
    }
    queue = {
        "retention_days": options["retention_days"],
        "policy": queue_policy(names, topics),
        "tags": owned_tags(names.platform, QUEUE_NAME, tags),
    }
    return topics, {QUEUE_NAME: queue}


class Observed(t.NamedTuple):
    """What is there, and the subscriptions' ARNs by topic; ``foreign`` are names of topics, and of the queue."""

    topics: dict[str, Fields]
    queue: dict[str, Fields]
    queue_url: str | None
    subscriptions: dict[str, str]
    foreign: frozenset[str]


class Reader:
    """What AWS says of the topics of these names and of the queue."""

    def __init__(self, sns, sqs, names: Names) -> None:
        self.sns, self.sqs, self.names = sns, sqs, names

    def __call__(self, wanted: t.Iterable[str]) -> Observed:
        listed, queue = concurrently(lambda: pages(self.sns, "list_topics", "Topics"), self.queue)
        prefix = self.names.topic("")
        there = sorted(
            topic["TopicArn"].removeprefix(prefix) for topic in listed if topic["TopicArn"].startswith(prefix)
        )
        # a topic that was made a moment ago may not be listed yet
        names = sorted({*there, *wanted})
        answers = concurrently(*[lambda name=name: self.topic(name) for name in names])
        topics = {name: answer for name, answer in zip(names, answers) if answer is not None}
        platform = self.names.platform
        foreign = {name for name, topic in topics.items() if declared_name(topic["tags"], platform) is None}
        url, fields = queue or (None, None)
        if fields and declared_name(fields["tags"], platform) is None:
            foreign.add(QUEUE_NAME)
            fields = None
        own = {name: topic for name, topic in topics.items() if name not in foreign}
        return Observed(
            {name: {key: topic[key] for key in ("policy", "subscription", "tags")} for name, topic in own.items()},
            {QUEUE_NAME: fields} if fields else {},
            url,
            {name: topic["subscription_arn"] for name, topic in own.items() if topic["subscription_arn"]},
            frozenset(foreign),
        )

    def topic(self, name: str) -> dict[str, t.Any] | None:
        arn = self.names.topic(name)
        try:
            attributes, tags, subscriptions = concurrently(
                lambda: self.sns.get_topic_attributes(TopicArn=arn)["Attributes"],
                lambda: self.sns.list_tags_for_resource(ResourceArn=arn),
                lambda: pages(self.sns, "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn),
            )
        except is_boto3_error_code([*MISSING, "ResourceNotFound", "ResourceNotFoundException"]):
            return None
        mine = [item["SubscriptionArn"] for item in subscriptions if item["Endpoint"] == self.names.queue_arn]
        return {
            "policy": json.loads(attributes["Policy"]) if attributes.get("Policy") else None,
            "subscription": self.delivery(mine[0]) if mine else None,
            "subscription_arn": mine[0] if mine else None,
            "tags": changeable(tags_of(tags)),
        }

    def delivery(self, arn: str) -> str:
        """``raw`` when the subscription hands on what SES says, else ``wrapped``."""
        attributes = self.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        return "raw" if str(attributes.get("RawMessageDelivery")).lower() == "true" else "wrapped"

    def queue(self) -> tuple[str, Fields] | None:
        try:
            url = self.sqs.get_queue_url(QueueName=self.names.queue)["QueueUrl"]
            names = ["MessageRetentionPeriod", "Policy"]
            attributes, tags = concurrently(
                lambda: self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names).get("Attributes", {}),
                lambda: self.sqs.list_queue_tags(QueueUrl=url).get("Tags", {}),
            )
        except is_boto3_error_code(MISSING):
            return None
        days = int(attributes["MessageRetentionPeriod"]) / 86400
        return url, {
            "retention_days": int(days) if days.is_integer() else days,
            "policy": json.loads(attributes["Policy"]) if attributes.get("Policy") else None,
            "tags": changeable(tags),
        }


def plan(topics: t.Mapping[str, Fields], queue: t.Mapping[str, Fields], observed: Observed, platform: str) -> Plan:
    """Plan the topics and the queue; the platform's topics that are not declared go."""
    for name in sorted({*topics, *queue} & observed.foreign):
        what = f"a queue {platform}-{name}" if name in queue else f"a topic {platform}-mail-{name}"
        raise InputError(
            f"platform: {platform}: {what} is there already and does not carry the platform's tag, so it is somebody "
            "else's; only a name that is free, or the platform's, is allowed."
        )

    def settled(wanted: t.Mapping[str, Fields], present: t.Mapping[str, Fields]) -> dict[str, Fields]:
        """The present items with the wanted policy where both policies say the same."""
        return {
            name: {**fields, "policy": wanted[name]["policy"]}
            if name in wanted and fields["policy"] and not compare_policies(fields["policy"], wanted[name]["policy"])
            else fields
            for name, fields in present.items()
        }

    return compare(QUEUE, queue, settled(queue, observed.queue), purge=True) + compare(
        TOPIC, topics, settled(topics, observed.topics), purge=True
    )


class Apply:
    """Carries a plan out; ``queue_url`` is the queue's then."""

    def __init__(self, reader: Reader, observed: Observed) -> None:
        self.sns, self.sqs, self.names, self.observed = reader.sns, reader.sqs, reader.names, observed
        self.queue_url = observed.queue_url

    def __call__(self, whole: Plan) -> None:
        work = application(whole, 4)
        work.run(whole.only(QUEUE, verbs=[CREATE]), self.create_queue)
        work.run(whole.only(QUEUE, verbs=[UPDATE]), self.update_queue)
        work.run(whole.only(TOPIC, verbs=[CREATE]), self.create_topic)
        work.run(whole.only(TOPIC, verbs=[UPDATE]), self.update_topic)
        work.run(whole.only(TOPIC, verbs=[DELETE]), self.delete_topic)
        work.run(whole.only(QUEUE, verbs=[DELETE]), self.delete_queue)

    def attributes(self, fields: Fields) -> dict[str, str]:
        return {
            "MessageRetentionPeriod": str(fields["retention_days"] * 86400),
            "Policy": json.dumps(fields["policy"]),
        }

    def create_queue(self, action: Action) -> None:
        fields = action.after

        def create() -> str | None:
            try:
                return self.sqs.create_queue(
                    QueueName=self.names.queue, Attributes=self.attributes(fields), tags=fields["tags"]
                )["QueueUrl"]
            except is_boto3_error_code(DELETED_RECENTLY):
                return None

        self.queue_url = poll(create, lambda url: url is not None, FREE_TIMEOUT)
        if self.queue_url is None:
            raise InputError(
                f"SQS did not give the name of the deleted queue {self.names.queue} again within {FREE_TIMEOUT} "
                "seconds; run again later."
            )

    def update_queue(self, action: Action) -> None:
        wanted, present = action.context
        if {"policy", "retention_days"} & set(action.after):
            self.sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes=self.attributes(wanted))
        added, removed = compare_aws_tags(present["tags"], wanted["tags"])
        if removed:
            self.sqs.untag_queue(QueueUrl=self.queue_url, TagKeys=removed)
        if added:
            self.sqs.tag_queue(QueueUrl=self.queue_url, Tags=added)

    def delete_queue(self, action: Action) -> None:
        try:
            self.sqs.delete_queue(QueueUrl=self.queue_url)
        except is_boto3_error_code(MISSING):
            pass

    def create_topic(self, action: Action) -> None:
        fields = action.after
        self.sns.create_topic(
            Name=f"{self.names.platform}-mail-{action.name}",
            Attributes={"Policy": json.dumps(fields["policy"])},
            Tags=ansible_dict_to_boto3_tag_list(fields["tags"]),
        )
        self.subscribe(action.name)

    def subscribe(self, name: str) -> None:
        present, raw = self.observed.subscriptions.get(name), {"RawMessageDelivery": "true"}
        if present:
            self.sns.set_subscription_attributes(
                SubscriptionArn=present, AttributeName="RawMessageDelivery", AttributeValue="true"
            )
        else:
            arn = self.names.topic(name)
            self.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=self.names.queue_arn, Attributes=raw)

    def update_topic(self, action: Action) -> None:
        wanted, present = action.context
        arn = self.names.topic(action.name)
        if "policy" in action.after:
            policy = json.dumps(wanted["policy"])
            self.sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
        if "subscription" in action.after:
            self.subscribe(action.name)
        added, removed = compare_aws_tags(present["tags"], wanted["tags"])
        if removed:
            self.sns.untag_resource(ResourceArn=arn, TagKeys=removed)
        if added:
            self.sns.tag_resource(ResourceArn=arn, Tags=ansible_dict_to_boto3_tag_list(added))

    def delete_topic(self, action: Action) -> None:
        # a subscription may outlive its topic, and would then be nobody's
        if action.name in self.observed.subscriptions:
            self.sns.unsubscribe(SubscriptionArn=self.observed.subscriptions[action.name])
        self.sns.delete_topic(TopicArn=self.names.topic(action.name))


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The module's plan, applied unless in check mode, and the topics and the queue."""
    options = module.params
    validate(options)
    names = Names(Place.of(module), options["platform"])
    topics, queue = desired(options, names)
    reader = Reader(client(module, "sns"), client(module, "sqs"), names)
    observed = reader(topics)
    whole = plan(topics, queue, observed, names.platform)
    if not module.check_mode and whole:
        Apply(reader, observed)(whole)
    told = {"name": names.queue, "arn": names.queue_arn} if queue else None
    return whole, {"topics": {name: names.topic(name) for name in sorted(topics)}, "queue": told}
