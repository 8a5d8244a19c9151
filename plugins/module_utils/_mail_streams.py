# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The platform's mail streams, which SES v2 calls configuration sets, with their event destinations.

A stream's event destinations are part of it: those that are not declared are removed. They are actions of their
own, because SES changes each with a call of its own.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.iam import get_aws_account_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list, compare_aws_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    application,
    client,
    declared_name,
    owned_tags,
    pages,
    require_known,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import is_host_name
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
    ignored,
    known,
    unique,
)

KIND = "mail_stream"
DESTINATION = "event_destination"
EVENTS = (
    "bounce",
    "click",
    "complaint",
    "delivery",
    "delivery_delay",
    "open",
    "reject",
    "rendering_failure",
    "send",
    "subscription",
)
SUPPRESSION = ("bounce", "complaint")
SOURCES = ("message_tag", "email_header", "link_tag")
MAX_DESTINATIONS = 10
"""Event destinations that SES allows in a configuration set."""
WORKERS = 4
"""SES v2 takes one call a second of most operations, so more at a time would only be refused."""

NAME = re.compile(r"[A-Za-z0-9_-]+")
MAX_NAME = 64


class Target(t.NamedTuple):
    """A destination that an ARN names: SES's words for it, what the ARN looks like, and that in words."""

    option: str
    key: str
    pattern: re.Pattern[str]
    allowed: str


TARGETS = {
    "sns": Target(
        "SnsDestination",
        "TopicArn",
        re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+"),
        "the ARN of an SNS topic",
    ),
    "eventbridge": Target(
        "EventBridgeDestination",
        "EventBusArn",
        re.compile(r"arn:aws[a-z-]*:events:[a-z0-9-]+:\d{12}:event-bus/default"),
        "the ARN of the event bus default, the only one that SES takes",
    ),
}


def validate(streams: t.Sequence[t.Mapping[str, t.Any]], platform: str) -> None:
    """Raise :class:`InputError` for what SES cannot keep."""
    unique(streams, "streams")
    for stream in streams:
        name = stream["name"]
        room = MAX_NAME - len(platform) - 1
        if not NAME.fullmatch(name) or len(name) > room:
            raise InputError(
                f"streams: name {name!r} is not allowed; it has 1 to {room} letters, digits, underscores and hyphens."
            )
        tracking = stream.get("tracking_domain")
        if tracking and not is_host_name(tracking.lower()):
            raise InputError(
                f"streams: {name}: tracking_domain {tracking!r} is not a domain name such as click.example.com."
            )
        destinations = stream.get("event_destinations") or []
        where = f"streams: {name}: event_destinations"
        unique(destinations, where)
        if len(destinations) > MAX_DESTINATIONS:
            raise InputError(f"{where}: there are {len(destinations)}; SES allows at most {MAX_DESTINATIONS}.")
        for destination in destinations:
            validate_destination(destination, where)


def validate_destination(destination: t.Mapping[str, t.Any], where: str) -> None:
    """Raise :class:`InputError` for an event destination that SES would refuse."""
    name = destination["name"]
    if not NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise InputError(
            f"{where}: name {name!r} is not allowed; it has 1 to {MAX_NAME} letters, digits, underscores and hyphens."
        )
    where = f"{where}: {name}"
    if not destination["events"]:
        raise InputError(f"{where}: events is empty; at least one of {', '.join(EVENTS)} is needed.")
    given = [kind for kind in ("sns", "eventbridge", "cloudwatch") if destination.get(kind)]
    if len(given) != 1:
        raise InputError(
            f"{where}: {' and '.join(given) or 'no destination'} given; exactly one of sns, eventbridge and cloudwatch "
            "is allowed."
        )
    for kind, target in TARGETS.items():
        value = destination.get(kind)
        if value and known(value) and not target.pattern.fullmatch(value):
            raise InputError(f"{where}: {kind} {value!r} is not {target.allowed}.")
    dimensions = destination.get("cloudwatch") or []
    unique(dimensions, f"{where}: cloudwatch")
    for dimension in dimensions:
        for key in ("name", "default"):
            if not NAME.fullmatch(dimension[key]) or len(dimension[key]) > 256:
                raise InputError(
                    f"{where}: cloudwatch {key} {dimension[key]!r} is not allowed; it has 1 to 256 letters, digits, "
                    "underscores and hyphens."
                )


def desired(
    streams: t.Sequence[t.Mapping[str, t.Any]], platform: str, tags: t.Mapping[str, str] | None = None
) -> tuple[dict[str, Fields], dict[str, Fields]]:
    """The wanted streams and event destinations, keyed by name and by ``<stream> <destination>``, in normal form."""
    validate(streams, platform)
    wanted: dict[str, Fields] = {}
    destinations: dict[str, Fields] = {}
    for stream in streams:
        name = stream["name"]
        tracking = stream.get("tracking_domain")
        wanted[name] = {
            "tls": stream["tls"],
            "reputation_metrics": stream["reputation_metrics"],
            "sending": stream["sending"],
            "suppression": sorted(set(stream["suppression"])),
            "dedicated_ip_pool": stream.get("dedicated_ip_pool") or None,
            "tracking_domain": tracking.lower() if tracking else None,
            "tags": owned_tags(platform, name, tags, stream.get("tags")),
        }
        for item in stream.get("event_destinations") or []:
            fields: dict[str, t.Any] = {"enabled": item["enabled"], "events": sorted(set(item["events"]))}
            for kind in TARGETS:
                if item.get(kind):
                    fields[kind] = item[kind]
            if item.get("cloudwatch"):
                fields["cloudwatch"] = sorted(
                    ({key: one[key] for key in ("name", "source", "default")} for one in item["cloudwatch"]),
                    key=lambda one: one["name"],
                )
            destinations[f"{name} {item['name']}"] = fields
    return wanted, destinations


def observed_stream(answer: t.Mapping[str, t.Any]) -> Fields:
    """The fields that are compared, from a GetConfigurationSet answer."""
    delivery = answer.get("DeliveryOptions") or {}
    reasons = (answer.get("SuppressionOptions") or {}).get("SuppressedReasons") or []
    return {
        "tls": delivery.get("TlsPolicy", "OPTIONAL").lower(),
        "reputation_metrics": bool((answer.get("ReputationOptions") or {}).get("ReputationMetricsEnabled")),
        "sending": bool((answer.get("SendingOptions") or {}).get("SendingEnabled", True)),
        "suppression": sorted(reason.lower() for reason in reasons),
        "dedicated_ip_pool": delivery.get("SendingPoolName") or None,
        "tracking_domain": (answer.get("TrackingOptions") or {}).get("CustomRedirectDomain") or None,
        "tags": {key: value for key, value in tags_of(answer).items() if not key.startswith("aws:")},
    }


def observed_destination(answer: t.Mapping[str, t.Any]) -> Fields:
    """The fields that are compared, from an item of a GetConfigurationSetEventDestinations answer.

    A destination that is none of those that can be declared (Firehose, Pinpoint) has neither an ARN nor dimensions, so
    it differs from any that is wanted.
    """
    fields: dict[str, t.Any] = {
        "enabled": bool(answer.get("Enabled")),
        "events": sorted(event.lower() for event in answer.get("MatchingEventTypes") or []),
    }
    for kind, target in TARGETS.items():
        if answer.get(target.option):
            fields[kind] = answer[target.option][target.key]
    if answer.get("CloudWatchDestination"):
        dimensions = [
            {
                "name": one["DimensionName"],
                "source": one["DimensionValueSource"].lower(),
                "default": one["DefaultDimensionValue"],
            }
            for one in answer["CloudWatchDestination"]["DimensionConfigurations"]
        ]
        fields["cloudwatch"] = sorted(dimensions, key=lambda one: one["name"])
    return fields


class Observed(t.NamedTuple):
    """What is there: the platform's streams and destinations by name, and names that somebody else's sets have."""

    streams: dict[str, Fields]
    destinations: dict[str, Fields]
    foreign: frozenset[str]


def observe(ses, platform: str) -> Observed:
    """Every configuration set whose name begins with the platform's; only those with its tag are its streams."""
    prefix = f"{platform}-"
    listed = pages(ses, "list_configuration_sets", "ConfigurationSets", PageSize=1000)
    answers = concurrently(
        *[lambda n=n: configuration_set(ses, n) for n in listed if n.startswith(prefix)], workers=WORKERS
    )
    there = [answer for answer in answers if answer is not None]
    own = [answer for answer in there if declared_name(tags_of(answer), platform) is not None]
    names = [answer["ConfigurationSetName"] for answer in own]
    read = concurrently(
        *[
            lambda n=n: ses.get_configuration_set_event_destinations(ConfigurationSetName=n)["EventDestinations"]
            for n in names
        ],
        workers=WORKERS,
    )
    return Observed(
        {answer["ConfigurationSetName"].removeprefix(prefix): observed_stream(answer) for answer in own},
        {
            f"{name.removeprefix(prefix)} {item['Name']}": observed_destination(item)
            for name, items in zip(names, read)
            for item in items
        },
        frozenset(a["ConfigurationSetName"].removeprefix(prefix) for a in there if a not in own),
    )


def configuration_set(ses, name: str) -> dict[str, t.Any] | None:
    """GetConfigurationSet's answer; None when it was deleted since it was listed."""
    try:
        return ses.get_configuration_set(ConfigurationSetName=name)
    except is_boto3_error_code("NotFoundException"):
        return None


def plan(
    wanted: t.Mapping[str, Fields],
    destinations: t.Mapping[str, Fields],
    observed: Observed,
    platform: str,
    *,
    purge: bool = False,
    ignore: t.Iterable[str] = (),
) -> Plan:
    """Plan the streams, and the event destinations of those that stay; a stream takes its destinations with it."""
    ignore = tuple(ignore)
    for name in sorted(set(wanted) & observed.foreign):
        raise InputError(
            f"streams: {name}: a configuration set {platform}-{name} is there already and does not carry the "
            "platform's tag, so it is somebody else's; only a name that is free is allowed."
        )
    streams = compare(KIND, wanted, observed.streams, purge=purge, ignore=ignore)
    kept = {
        name: fields
        for name, fields in observed.destinations.items()
        if name.partition(" ")[0] in wanted and not ignored(name.partition(" ")[0], ignore)
    }
    meant = {name: fields for name, fields in destinations.items() if not ignored(name.partition(" ")[0], ignore)}
    # a destination is compared whole: another kind of destination has other fields
    whole = compare(
        DESTINATION,
        {name: {"destination": fields} for name, fields in meant.items()},
        {name: {"destination": fields} for name, fields in kept.items()},
        purge=True,
    )
    return streams + Plan([flat(action) for action in whole])


def flat(action: Action) -> Action:
    """An event destination's action with the destination's own fields, those that differ for an update."""
    before, after = action.before.get("destination", {}), action.after.get("destination", {})
    if action.verb == UPDATE:
        names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
        shown = {n: before.get(n) for n in names}, {n: after.get(n) for n in names}
    else:
        shown = before, after
    return Action(action.verb, action.kind, action.name, *shown, context=after)


class Apply:
    """Carries a plan out."""

    def __init__(self, ses, platform: str, arn: t.Callable[[str], str]):
        self.ses, self.platform, self.arn = ses, platform, arn

    def aws_name(self, stream: str) -> str:
        return f"{self.platform}-{stream}"

    def __call__(self, whole: Plan) -> None:
        work = application(whole, WORKERS)
        work.run(whole.only(KIND, verbs=[CREATE]), self.create)
        work.run(whole.only(KIND, verbs=[UPDATE]), self.update)
        # removals first: a stream may have no room for more destinations
        work.run(whole.only(DESTINATION, verbs=[DELETE]), self.delete_destination)
        work.run(whole.only(DESTINATION, verbs=[UPDATE]), self.put_destination)
        work.run(whole.only(DESTINATION, verbs=[CREATE]), self.put_destination)
        work.run(whole.only(KIND, verbs=[DELETE]), self.delete)

    def create(self, action: Action) -> None:
        fields = action.after
        options: dict[str, t.Any] = {
            "DeliveryOptions": delivery(fields),
            "ReputationOptions": {"ReputationMetricsEnabled": fields["reputation_metrics"]},
            "SendingOptions": {"SendingEnabled": fields["sending"]},
            "SuppressionOptions": suppression(fields),
            "Tags": ansible_dict_to_boto3_tag_list(fields["tags"]),
        }
        if fields["tracking_domain"]:
            options["TrackingOptions"] = {"CustomRedirectDomain": fields["tracking_domain"]}
        self.ses.create_configuration_set(ConfigurationSetName=self.aws_name(action.name), **options)

    def update(self, action: Action) -> None:
        fields, present = action.context
        name = {"ConfigurationSetName": self.aws_name(action.name)}
        changed = set(action.after)
        if changed & {"tls", "dedicated_ip_pool"}:
            self.ses.put_configuration_set_delivery_options(**name, **delivery(fields))
        if "reputation_metrics" in changed:
            enabled = fields["reputation_metrics"]
            self.ses.put_configuration_set_reputation_options(**name, ReputationMetricsEnabled=enabled)
        if "sending" in changed:
            self.ses.put_configuration_set_sending_options(**name, SendingEnabled=fields["sending"])
        if "suppression" in changed:
            self.ses.put_configuration_set_suppression_options(**name, **suppression(fields))
        if "tracking_domain" in changed:
            tracking = {"CustomRedirectDomain": fields["tracking_domain"]} if fields["tracking_domain"] else {}
            self.ses.put_configuration_set_tracking_options(**name, **tracking)
        if "tags" in changed:
            arn = self.arn(self.aws_name(action.name))
            added, removed = compare_aws_tags(present["tags"], fields["tags"])
            if added:
                self.ses.tag_resource(ResourceArn=arn, Tags=ansible_dict_to_boto3_tag_list(added))
            if removed:
                self.ses.untag_resource(ResourceArn=arn, TagKeys=removed)

    def put_destination(self, action: Action) -> None:
        stream, unused_space, name = action.name.partition(" ")
        method = "create" if action.verb == CREATE else "update"
        getattr(self.ses, f"{method}_configuration_set_event_destination")(
            ConfigurationSetName=self.aws_name(stream),
            EventDestinationName=name,
            EventDestination=request_destination(action.context),
        )

    def delete_destination(self, action: Action) -> None:
        stream, unused_space, name = action.name.partition(" ")
        try:
            self.ses.delete_configuration_set_event_destination(
                ConfigurationSetName=self.aws_name(stream), EventDestinationName=name
            )
        except is_boto3_error_code("NotFoundException"):
            pass

    def delete(self, action: Action) -> None:
        try:
            self.ses.delete_configuration_set(ConfigurationSetName=self.aws_name(action.name))
        except is_boto3_error_code("NotFoundException"):
            pass


def delivery(fields: Fields) -> dict[str, str]:
    """SES's DeliveryOptions."""
    pool = {"SendingPoolName": fields["dedicated_ip_pool"]} if fields["dedicated_ip_pool"] else {}
    return {"TlsPolicy": fields["tls"].upper(), **pool}


def suppression(fields: Fields) -> dict[str, list[str]]:
    """SES's SuppressionOptions; an empty list overrides the account's own with nothing suppressed."""
    return {"SuppressedReasons": [reason.upper() for reason in fields["suppression"]]}


def request_destination(fields: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """SES's EventDestination, from the normal form."""
    made: dict[str, t.Any] = {
        "Enabled": fields["enabled"],
        "MatchingEventTypes": [event.upper() for event in fields["events"]],
    }
    for kind, target in TARGETS.items():
        if kind in fields:
            made[target.option] = {target.key: fields[kind]}
    if "cloudwatch" in fields:
        made["CloudWatchDestination"] = {
            "DimensionConfigurations": [
                {
                    "DimensionName": one["name"],
                    "DimensionValueSource": one["source"].upper(),
                    "DefaultDimensionValue": one["default"],
                }
                for one in fields["cloudwatch"]
            ]
        }
    return made


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The module's plan, applied unless in check mode, and the streams keyed by name."""
    options = module.params
    platform, absent = options["platform"], options["state"] == "absent"
    wanted, destinations = desired([] if absent else options["streams"], platform, options["tags"])
    for name, fields in destinations.items():
        require_known(module.check_mode, **{f"streams: {name}: {kind}": fields.get(kind) for kind in TARGETS})
    ses = client(module, "sesv2")
    observed = observe(ses, platform)
    ignore = [] if absent else options["ignore"]
    whole = plan(wanted, destinations, observed, platform, purge=absent or options["purge"], ignore=ignore)
    account, partition = get_aws_account_info(module)

    def arn(name: str) -> str:
        return f"arn:{partition}:ses:{module.region}:{account}:configuration-set/{name}"

    if not module.check_mode:
        Apply(ses, platform, arn)(whole)
    kept = {name: fields for name, fields in observed.streams.items() if ignored(name, ignore)}
    final = {**wanted, **{name: kept[name] for name in set(wanted) & set(kept)}}
    result = {}
    for name, fields in sorted(final.items()):
        of = observed.destinations if name in kept else destinations
        result[name] = {
            "name": f"{platform}-{name}",
            "arn": arn(f"{platform}-{name}"),
            **fields,
            "event_destinations": {
                key.partition(" ")[2]: item for key, item in sorted(of.items()) if key.partition(" ")[0] == name
            },
        }
    return whole, {"streams": result}
