# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The platform's access points: application load balancers, their target groups, listeners and rules.

An access point is served by one balancer or an array of them. AWS lets a target group serve one balancer
only, so each balancer has its own, and both have one name: ``webapi``, or ``webapi-1`` ... ``webapi-n`` in an
array. A listener is called ``<balancer>:<port>``, a rule ``<balancer>:443:<priority>``. In plans, listeners
refer to target groups by those names, never by ARN, so that a plan can be made before anything exists.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list, compare_aws_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    PLATFORM_TAG,
    application,
    by_declared_name,
    declared_name,
    owned_tags,
    pages,
    require_known,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    UPDATE,
    Action,
    Application,
    ApplyError,
    Fields,
    InputError,
    Plan,
    compare,
    concurrently,
    ignored,
    known,
    unique,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

TARGET_GROUP, LOAD_BALANCER, LISTENER, RULE = "target_group", "load_balancer", "listener", "listener_rule"
MAX_NAME = 32
MAX_ARRAY = 20
"""Far above any use, far below the 50 balancers that an account may have at first."""
MAX_CONDITION_VALUES = 5
HTTPS_PORT, HTTP_PORT = 443, 80
IN_USE_TIMEOUT = 120
"""Seconds until AWS has seen that a target group's listener is gone (usually a few)."""
DESCRIBE_BATCH = 20
"""How many ARNs DescribeTags and DescribeLoadBalancers take."""

NAME = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
CERTIFICATE_ARN = re.compile(r"arn:aws[a-z-]*:(acm|iam):[a-z0-9-]*:[0-9]{12}:(certificate|server-certificate)/\S+")
MATCHER = re.compile(r"[2-4][0-9]{2}(-[2-4][0-9]{2})?(,[2-4][0-9]{2}(-[2-4][0-9]{2})?)*")

BALANCER_DEFAULTS = {
    "access_logs.s3.bucket": "",
    "access_logs.s3.enabled": "false",
    "access_logs.s3.prefix": "",
    "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
}
"""What AWS means where it does not list an attribute."""
TARGET_DEFAULTS = {
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.algorithm.type": "round_robin",
    "slow_start.duration_seconds": "0",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.enabled": "false",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.type": "lb_cookie",
}
HEALTH_CHECK = {
    "path": ("HealthCheckPath", "/"),
    "port": ("HealthCheckPort", "traffic-port"),
    "protocol": ("HealthCheckProtocol", "HTTP"),
    "interval": ("HealthCheckIntervalSeconds", 30),
    "timeout": ("HealthCheckTimeoutSeconds", 5),
    "healthy_threshold": ("HealthyThresholdCount", 5),
    "unhealthy_threshold": ("UnhealthyThresholdCount", 2),
}
"""Our name of a health check's field, then the API's, then AWS's default; the matcher is apart."""

ACCESS_POINT_TAG = "mydigitalstructure:access_point"
"""The access point that a balancer and its target group serve; inventories group hosts by it."""

Item = t.Mapping[str, t.Any]
Connect = t.Callable[[str], t.Any]
"""Gives the client of a service, the same one each time; to make one costs more than many a call."""


# --- what is wanted ---------------------------------------------------------------------------------------------


def array_size(point: Item) -> int:
    """How many balancers an access point has."""
    count = point.get("array")
    return 1 if count is None else count


def balancer_names(point: Item) -> list[str]:
    """The names of an access point's balancers: its own, or numbered from 1 when it has an array."""
    count = array_size(point)
    return [point["name"]] if count == 1 else [f"{point['name']}-{number}" for number in range(1, count + 1)]


def refuse(variable: str, name: str, option: str, value: t.Any, allowed: str) -> t.NoReturn:
    """Raise :class:`InputError` in the words that all of these checks share."""
    raise InputError(f"{variable}: {name}: {option} {value!r} is not allowed; {allowed}.")


def validate(platform: str, access_points: t.Sequence[Item], variable: str = "access_points") -> None:
    """Raise :class:`InputError` for access points that cannot work, before anything is asked of AWS.

    :arg access_points: items as the module's ``access_points`` option has them; what an item leaves out is not
        checked, so a preflight can call this with names only.
    :arg variable: what the messages call the list.
    """
    unique(access_points, variable)
    taken: dict[str, str] = {}
    for point in access_points:
        validate_names(platform, point, variable, taken)
        validate_network(point, variable)
        validate_certificates(point, variable)
        validate_attributes(point, variable)
        validate_target(point.get("target") or {}, point["name"], variable)
        validate_rules(point, variable)


def validate_names(platform: str, point: Item, variable: str, taken: dict[str, str]) -> None:
    """The AWS names that an access point's balancers will have; ``taken`` collects them."""
    name, count = point["name"], array_size(point)
    if not NAME.fullmatch(name):
        raise InputError(
            f"{variable}: name {name!r} is not allowed; it has letters, digits and single hyphens between them."
        )
    if not 1 <= count <= MAX_ARRAY:
        refuse(variable, name, "array", count, f"it is a number of balancers from 1 to {MAX_ARRAY}")
    for balancer in balancer_names(point):
        full = f"{platform}-{balancer}"
        if len(full) > MAX_NAME:
            raise InputError(
                f"{variable}: {name}: the balancer's name {full!r} has {len(full)} characters; AWS allows {MAX_NAME}, "
                "with the platform's name before it and the number in the array after it."
            )
        if full.startswith("internal-"):
            raise InputError(f"{variable}: {name}: the balancer's name {full!r} must not start with 'internal-'.")
        if balancer in taken:
            raise InputError(
                f"{variable}: {name} and {taken[balancer]} both have a balancer {balancer!r}; rename one of them."
            )
        taken[balancer] = name


def validate_network(point: Item, variable: str) -> None:
    """Subnets, security groups and addresses."""
    name = point["name"]
    if "subnet_ids" in point:
        subnets = point["subnet_ids"] or []
        if known(subnets) and len(set(subnets)) < 2:
            refuse(variable, name, "subnet_ids", list(subnets), "a balancer needs subnets in at least two zones")
        if len(set(subnets)) != len(subnets) and known(subnets):
            refuse(variable, name, "subnet_ids", list(subnets), "each subnet is allowed once")
    if "security_group_ids" in point and not point["security_group_ids"]:
        refuse(variable, name, "security_group_ids", [], "a balancer needs at least one security group")
    if point.get("scheme") == "internal" and point.get("ip_address_type") == "dualstack-without-public-ipv4":
        refuse(variable, name, "ip_address_type", point["ip_address_type"], "it is for internet-facing balancers only")


def validate_certificates(point: Item, variable: str) -> None:
    """The form of the certificates' ARNs."""
    arns = [("certificate_arn", point["certificate_arn"])] if "certificate_arn" in point else []
    arns += [("extra_certificate_arns", arn) for arn in point.get("extra_certificate_arns") or []]
    for option, arn in arns:
        if arn != KNOWN_AFTER_APPLY and not CERTIFICATE_ARN.fullmatch(arn or ""):
            refuse(variable, point["name"], option, arn, "it is the ARN of a certificate in ACM or IAM")


def validate_attributes(point: Item, variable: str) -> None:
    """The balancer's attributes."""
    idle = point.get("idle_timeout")
    if idle is not None and not 1 <= idle <= 4000:
        refuse(variable, point["name"], "idle_timeout", idle, "it is 1 to 4000 seconds")
    logs = point.get("access_logs")
    if logs is not None and not logs.get("bucket"):
        refuse(variable, point["name"], "access_logs", dict(logs), "it needs the name of a bucket")


def validate_target(target: Item, name: str, variable: str) -> None:
    """The target group and its health check."""
    check = target.get("health_check") or {}
    for option, value, low, high in (
        ("target.port", target.get("port"), 1, 65535),
        ("target.deregistration_delay", target.get("deregistration_delay"), 0, 3600),
        ("target.health_check.interval", check.get("interval"), 5, 300),
        ("target.health_check.timeout", check.get("timeout"), 2, 120),
        ("target.health_check.healthy_threshold", check.get("healthy_threshold"), 2, 10),
        ("target.health_check.unhealthy_threshold", check.get("unhealthy_threshold"), 2, 10),
    ):
        if value is not None and not low <= value <= high:
            refuse(variable, name, option, value, f"it is {low} to {high}")
    slow = target.get("slow_start")
    if slow and not 30 <= slow <= 900:
        refuse(variable, name, "target.slow_start", slow, "it is 0 (off) or 30 to 900 seconds")
    if slow and target.get("algorithm") not in (None, "round_robin"):
        refuse(variable, name, "target.slow_start", slow, "AWS has it only with the algorithm round_robin")
    interval, timeout = check.get("interval") or 30, check.get("timeout") or 5
    if timeout >= interval:
        refuse(variable, name, "target.health_check.timeout", timeout, f"it is less than the interval, {interval}")
    path = check.get("path")
    if path is not None and (not path.startswith("/") or len(path) > 1024):
        refuse(variable, name, "target.health_check.path", path, "it starts with / and has at most 1024 characters")
    matcher = check.get("matcher")
    if matcher is not None and not MATCHER.fullmatch(str(matcher)):
        refuse(variable, name, "target.health_check.matcher", matcher, "it is such as 200, 200,302 or 200-299")
    sticky = target.get("stickiness") or {}
    if sticky.get("type") == "app_cookie" and not sticky.get("cookie_name"):
        refuse(variable, name, "target.stickiness.type", "app_cookie", "it needs cookie_name")
    duration = sticky.get("duration")
    if duration is not None and not 1 <= duration <= 604800:
        refuse(variable, name, "target.stickiness.duration", duration, "it is 1 to 604800 seconds")


def validate_rules(point: Item, variable: str) -> None:
    """The rules of the access point's https listeners."""
    name, seen = point["name"], set()
    for rule in point.get("rules") or []:
        priority = rule["priority"]
        if not 1 <= priority <= 50000:
            refuse(variable, name, "rules.priority", priority, "it is 1 to 50000")
        if priority in seen:
            raise InputError(
                f"{variable}: {name}: rules.priority {priority} is there twice; each priority is allowed once."
            )
        seen.add(priority)
        values = [*(rule.get("hosts") or []), *(rule.get("paths") or [])]
        if not 1 <= len(values) <= MAX_CONDITION_VALUES or any(not 1 <= len(value) <= 128 for value in values):
            refuse(
                variable,
                name,
                f"rules: {priority}: hosts and paths",
                values,
                f"a rule has 1 to {MAX_CONDITION_VALUES} of them, each of 1 to 128 characters",
            )
        if sum(bool(rule.get(action)) for action in ("forward", "redirect", "fixed_response")) != 1:
            raise InputError(
                f"{variable}: {name}: rules: {priority} needs exactly one of forward, redirect and fixed_response."
            )
        status = (rule.get("fixed_response") or {}).get("status_code")
        if status is not None and not re.fullmatch(r"[245][0-9]{2}", str(status)):
            refuse(variable, name, f"rules: {priority}: fixed_response.status_code", status, "it is 2xx, 4xx or 5xx")


class Desired(t.NamedTuple):
    """The wanted sets, each ``{name: fields}``; ``points`` maps a balancer to its access point."""

    target_groups: dict[str, Fields]
    load_balancers: dict[str, Fields]
    listeners: dict[str, Fields]
    rules: dict[str, Fields]
    points: dict[str, Item]
    unlistened: frozenset
    """Listeners that are declared not to be there (``http_redirect: false``)."""


def desired(
    platform: str, vpc_id: str, access_points: t.Sequence[Item], tags: t.Mapping[str, str] | None = None
) -> Desired:
    """The wanted sets of access points that :func:`validate` has passed and whose defaults are filled in."""
    wanted = Desired(
        {},
        {},
        {},
        {},
        {},
        frozenset(
            f"{balancer}:{HTTP_PORT}"
            for point in access_points
            if not point["http_redirect"]
            for balancer in balancer_names(point)
        ),
    )
    for point in access_points:
        for name in balancer_names(point):
            own_tags = owned_tags(platform, name, tags, point.get("tags"), {ACCESS_POINT_TAG: point["name"]})
            wanted.points[name] = point
            wanted.target_groups[name] = {**target_fields(point["target"]), "vpc_id": vpc_id, "tags": own_tags}
            wanted.load_balancers[name] = {**balancer_fields(point), "tags": own_tags}
            wanted.listeners[f"{name}:{HTTPS_PORT}"] = {
                "protocol": "HTTPS",
                "ssl_policy": point["ssl_policy"],
                "certificate": point["certificate_arn"],
                "extra_certificates": sorted(
                    set(point.get("extra_certificate_arns") or []) - {point["certificate_arn"]}
                ),
                "default_actions": [{"type": "forward", "target_group": name}],
            }
            if point["http_redirect"]:
                wanted.listeners[f"{name}:{HTTP_PORT}"] = {
                    "protocol": "HTTP",
                    "default_actions": [redirect_fields({"protocol": "HTTPS", "port": str(HTTPS_PORT)})],
                }
            for rule in point.get("rules") or []:
                wanted.rules[f"{name}:{HTTPS_PORT}:{rule['priority']}"] = rule_fields(rule, name)
    return wanted


def target_fields(target: Item) -> dict[str, t.Any]:
    """A target group's fields; attributes under AWS's own keys, as text, as AWS lists them."""
    check = target.get("health_check") or {}
    sticky = target.get("stickiness") or {}
    kind = sticky.get("type") or "lb_cookie"
    fields = {
        "port": target["port"],
        "protocol": target["protocol"],
        "target_type": target["target_type"],
        "health_check": {
            **{
                key: check[key] if check.get(key) is not None else fallback
                for key, (api, fallback) in HEALTH_CHECK.items()
            },
            "matcher": str(check.get("matcher") or "200"),
        },
        "deregistration_delay.timeout_seconds": str(target["deregistration_delay"]),
        "slow_start.duration_seconds": str(target["slow_start"]),
        "load_balancing.algorithm.type": target["algorithm"],
        "stickiness.enabled": text(bool(target.get("stickiness"))),
    }
    fields["health_check"]["port"] = str(fields["health_check"]["port"])
    if sticky:
        fields["stickiness.type"] = kind
        fields[f"stickiness.{kind}.duration_seconds"] = str(sticky.get("duration") or 86400)
        if kind == "app_cookie":
            fields["stickiness.app_cookie.cookie_name"] = sticky["cookie_name"]
    return fields


def balancer_fields(point: Item) -> dict[str, t.Any]:
    """A balancer's fields; attributes under AWS's own keys, as text, as AWS lists them."""
    logs = point.get("access_logs")
    fields = {
        "scheme": point["scheme"],
        "subnets": sorted(point["subnet_ids"]),
        "security_groups": sorted(point["security_group_ids"]),
        "ip_address_type": point["ip_address_type"],
        "idle_timeout.timeout_seconds": str(point["idle_timeout"]),
        "deletion_protection.enabled": text(point["deletion_protection"]),
        "routing.http.drop_invalid_header_fields.enabled": text(point["drop_invalid_headers"]),
        "routing.http2.enabled": text(point["http2"]),
        "waf.fail_open.enabled": text(point["waf_fail_open"]),
        "access_logs.s3.enabled": text(bool(logs)),
    }
    if logs:
        fields["access_logs.s3.bucket"] = logs["bucket"]
        fields["access_logs.s3.prefix"] = logs.get("prefix") or ""
    return fields


def text(value: bool) -> str:
    """A truth value as AWS's attributes have it."""
    return "true" if value else "false"


def redirect_fields(redirect: Item) -> dict[str, t.Any]:
    """A redirect with everything that AWS fills in."""
    return {
        "type": "redirect",
        "protocol": redirect.get("protocol") or "#{protocol}",
        "host": redirect.get("host") or "#{host}",
        "port": str(redirect.get("port") or "#{port}"),
        "path": redirect.get("path") or "/#{path}",
        "query": "#{query}" if redirect.get("query") is None else redirect["query"],
        "status_code": str(redirect.get("status_code") or "301"),
    }


def rule_fields(rule: Item, balancer: str) -> dict[str, t.Any]:
    """A rule's conditions and its one action."""
    if rule.get("redirect"):
        action = redirect_fields(rule["redirect"])
    elif rule.get("fixed_response"):
        response = rule["fixed_response"]
        action = {
            "type": "fixed_response",
            "status_code": str(response["status_code"]),
            "content_type": response.get("content_type") or "text/plain",
            "message_body": response.get("message_body") or "",
        }
    else:
        action = {"type": "forward", "target_group": balancer}
    return {
        "hosts": sorted(set(rule.get("hosts") or [])),
        "paths": sorted(set(rule.get("paths") or [])),
        "actions": [action],
    }


# --- what is there ----------------------------------------------------------------------------------------------


class Observed(t.NamedTuple):
    """The present sets, each ``{name: fields}`` with the API's item beside it in ``items[kind][name]``."""

    target_groups: dict[str, Fields]
    load_balancers: dict[str, Fields]
    listeners: dict[str, Fields]
    rules: dict[str, Fields]
    items: dict[str, dict[str, Item]]
    foreign: dict[str, set[str]]
    """The AWS names of balancers and of target groups that are not the platform's, by kind."""


def batches(items: t.Sequence[t.Any], size: int = DESCRIBE_BATCH) -> list[t.Sequence[t.Any]]:
    """The items in pieces of at most ``size``."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def describe_tags(elb, arns: t.Sequence[str]) -> dict[str, list[Item]]:
    """The tag lists of balancers and target groups by ARN, asked for in batches."""

    def one(batch: t.Sequence[str]) -> list[Item]:
        try:
            return elb.describe_tags(ResourceArns=list(batch))["TagDescriptions"]
        except is_boto3_error_code(["LoadBalancerNotFound", "TargetGroupNotFound"]):
            # one was deleted since it was listed, and AWS refuses the whole batch
            return [row for arn in batch for row in one([arn])] if len(batch) > 1 else []

    answers = concurrently(*[functools.partial(one, batch) for batch in batches(arns)])
    return {row["ResourceArn"]: row.get("Tags", []) for rows in answers for row in rows}


def attributes(answer: Item) -> dict[str, str]:
    """An attribute list as a dict of texts."""
    return {row["Key"]: str(row.get("Value") or "") for row in answer["Attributes"]}


def observe(elb, platform: str) -> Observed:
    """Everything of the platform; details are read only of what carries its tag, at the same time."""
    balancers, groups = concurrently(
        lambda: pages(elb, "describe_load_balancers", "LoadBalancers"),
        lambda: pages(elb, "describe_target_groups", "TargetGroups"),
    )
    tags = describe_tags(elb, [b["LoadBalancerArn"] for b in balancers] + [g["TargetGroupArn"] for g in groups])
    balancers = [{**b, "Tags": tags.get(b["LoadBalancerArn"], [])} for b in balancers]
    groups = [{**g, "Tags": tags.get(g["TargetGroupArn"], [])} for g in groups]
    foreign = {
        LOAD_BALANCER: {b["LoadBalancerName"] for b in balancers if declared_name(tags_of(b), platform) is None},
        TARGET_GROUP: {g["TargetGroupName"] for g in groups if declared_name(tags_of(g), platform) is None},
    }
    items: dict[str, dict[str, Item]] = {
        LOAD_BALANCER: by_declared_name(balancers, platform, LOAD_BALANCER),
        TARGET_GROUP: by_declared_name(groups, platform, TARGET_GROUP),
        LISTENER: {},
        RULE: {},
    }
    own_balancers, own_groups = list(items[LOAD_BALANCER].items()), list(items[TARGET_GROUP].items())
    answers = concurrently(
        *[functools.partial(balancer_details, elb, item["LoadBalancerArn"]) for name, item in own_balancers],
        *[
            functools.partial(elb.describe_target_group_attributes, TargetGroupArn=item["TargetGroupArn"])
            for name, item in own_groups
        ],
        workers=12,
    )
    group_names = {item["TargetGroupArn"]: name for name, item in own_groups}
    observed = Observed({}, {}, {}, {}, items, foreign)
    for (name, item), answer in zip(own_groups, answers[len(own_balancers) :]):
        observed.target_groups[name] = observed_target_group(item, attributes(answer))
    for (name, item), details in zip(own_balancers, answers):
        observed.load_balancers[name] = observed_balancer(item, details["attributes"])
        for listener in details["listeners"]:
            key = f"{name}:{listener['Port']}"
            items[LISTENER][key] = listener
            observed.listeners[key] = observed_listener(listener, group_names)
            for rule in listener["Rules"]:
                if rule["Priority"] != "default":
                    rule_key = f"{key}:{rule['Priority']}"
                    items[RULE][rule_key] = rule
                    observed.rules[rule_key] = observed_rule(rule, group_names)
    return observed


def balancer_details(elb, arn: str) -> dict[str, t.Any]:
    """A balancer's attributes and listeners; those with TLS have their ``Certificates`` and ``Rules`` complete."""
    listeners = pages(elb, "describe_listeners", "Listeners", LoadBalancerArn=arn)
    for listener in listeners:
        listener["Rules"] = []
        if listener.get("Protocol") == "HTTPS":
            asked = listener["ListenerArn"]
            listener["Certificates"] = pages(elb, "describe_listener_certificates", "Certificates", ListenerArn=asked)
            listener["Rules"] = pages(elb, "describe_rules", "Rules", ListenerArn=asked)
    answer = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)
    return {"attributes": attributes(answer), "listeners": listeners}


def own(tags: t.Mapping[str, str]) -> dict[str, str]:
    """The tags that are not AWS's own."""
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}


def observed_target_group(item: Item, attrs: t.Mapping[str, str]) -> dict[str, t.Any]:
    """A target group in the form of :func:`target_fields`."""
    check = {key: item.get(api, fallback) for key, (api, fallback) in HEALTH_CHECK.items()}
    return {
        **TARGET_DEFAULTS,
        **attrs,
        "port": item.get("Port"),
        "protocol": item.get("Protocol"),
        "target_type": item.get("TargetType"),
        "vpc_id": item.get("VpcId"),
        "health_check": {
            **check,
            "port": str(check["port"]),
            "matcher": (item.get("Matcher") or {}).get("HttpCode", "200"),
        },
        "tags": own(tags_of(item)),
    }


def observed_balancer(item: Item, attrs: t.Mapping[str, str]) -> dict[str, t.Any]:
    """A balancer in the form of :func:`balancer_fields`."""
    return {
        **BALANCER_DEFAULTS,
        **attrs,
        "scheme": item["Scheme"],
        "subnets": sorted(zone["SubnetId"] for zone in item.get("AvailabilityZones", [])),
        "security_groups": sorted(item.get("SecurityGroups") or []),
        "ip_address_type": item.get("IpAddressType", "ipv4"),
        "tags": own(tags_of(item)),
    }


def observed_listener(item: Item, group_names: t.Mapping[str, str]) -> dict[str, t.Any]:
    """A listener in the form that :func:`desired` gives it."""
    fields = {
        "protocol": item.get("Protocol"),
        "default_actions": observed_actions(item.get("DefaultActions", []), group_names),
    }
    if item.get("Protocol") == "HTTPS":
        arns = {c["CertificateArn"] for c in item.get("Certificates") or []}
        main = [c["CertificateArn"] for c in item.get("Certificates") or [] if c.get("IsDefault")]
        fields["ssl_policy"] = item.get("SslPolicy")
        fields["certificate"] = main[0] if main else None
        fields["extra_certificates"] = sorted(arns - set(main))
    return fields


def observed_rule(item: Item, group_names: t.Mapping[str, str]) -> dict[str, t.Any]:
    """A rule in the form of :func:`rule_fields`; conditions that we do not make are kept, so that they differ."""
    fields: dict[str, t.Any] = {"hosts": [], "paths": []}
    for condition in item.get("Conditions", []):
        key = {"host-header": "hosts", "path-pattern": "paths"}.get(condition.get("Field", ""))
        config = condition.get("HostHeaderConfig") or condition.get("PathPatternConfig") or {}
        values = config.get("Values") or condition.get("Values")
        if key and values and not config.get("RegexValues"):
            fields[key] = sorted({*fields[key], *values})
        else:
            fields["hosts"] = [*fields["hosts"], dict(condition)]
    return {**fields, "actions": observed_actions(item.get("Actions", []), group_names)}


def observed_actions(actions: t.Sequence[Item], group_names: t.Mapping[str, str]) -> list[dict[str, t.Any]]:
    """Actions in our form; one that we would not make stays in the API's form, so that it differs."""
    found = []
    for action in sorted(actions, key=lambda a: a.get("Order") or 0):
        kind = action["Type"]
        if kind == "redirect":
            config = action["RedirectConfig"]
            found.append(
                {
                    "type": "redirect",
                    **{key.lower(): config.get(key) for key in ("Protocol", "Host", "Port", "Path", "Query")},
                    "status_code": config["StatusCode"].removeprefix("HTTP_"),
                }
            )
        elif kind == "fixed-response":
            config = action["FixedResponseConfig"]
            found.append(
                {
                    "type": "fixed_response",
                    "status_code": config["StatusCode"],
                    "content_type": config.get("ContentType") or "text/plain",
                    "message_body": config.get("MessageBody") or "",
                }
            )
        elif kind == "forward" and forward_target(action):
            arn = forward_target(action)
            found.append({"type": "forward", "target_group": group_names.get(arn, arn)})
        else:
            found.append(dict(action))
    return found


def forward_target(action: Item) -> str | None:
    """The one target group that a forward goes to; None when it goes to several or is sticky between them."""
    config = action.get("ForwardConfig") or {}
    groups = config.get("TargetGroups") or [{"TargetGroupArn": action.get("TargetGroupArn")}]
    sticky = (config.get("TargetGroupStickinessConfig") or {}).get("Enabled")
    return groups[0].get("TargetGroupArn") if len(groups) == 1 and not sticky else None


# --- the way there ----------------------------------------------------------------------------------------------


def plan(
    wanted: Desired, observed: Observed, platform: str, *, purge: bool = False, ignore: t.Iterable[str] = ()
) -> Plan:
    """Plan all four kinds. Raises :class:`InputError` for what AWS cannot do; makes no call.

    With ``ignore``, whatever belongs to a balancer that matches is left alone.
    """
    ignore = tuple(ignore)
    refuse_foreign(wanted, observed, platform, ignore)
    whole = {"purge": purge, "ignore": ignore}
    actions = [
        *compare(
            TARGET_GROUP,
            wanted.target_groups,
            observed.target_groups,
            fixed=("port", "protocol", "target_type", "vpc_id"),
            **whole,
        ),
        *compare(LOAD_BALANCER, wanted.load_balancers, observed.load_balancers, fixed=("scheme",), **whole),
    ]
    leaving = {a.name for a in actions if a.kind == LOAD_BALANCER and a.verb == DELETE}
    for action in (
        *compare(LISTENER, wanted.listeners, observed.listeners, purge=True, ignore=ignore),
        *compare(RULE, wanted.rules, observed.rules, purge=True, ignore=ignore),
    ):
        balancer, _colon, rest = action.name.partition(":")
        if ignored(balancer, ignore):
            continue
        if action.verb == DELETE:
            undeclared_goes = purge and (balancer in wanted.points or balancer in leaving)
            if not undeclared_goes and action.name not in wanted.unlistened:
                continue
            if action.kind == RULE and balancer in leaving:
                continue  # goes with its listener
        actions.append(action)
    refuse_protected(actions, platform)
    return Plan(actions)


def refuse_foreign(wanted: Desired, observed: Observed, platform: str, ignore: t.Sequence[str]) -> None:
    """AWS names are unique in a region: one that somebody else has cannot be made."""
    for kind, names, title in (
        (LOAD_BALANCER, wanted.load_balancers, "load balancer"),
        (TARGET_GROUP, wanted.target_groups, "target group"),
    ):
        for name in names:
            if f"{platform}-{name}" in observed.foreign[kind] and not ignored(name, ignore):
                raise InputError(
                    f"access_points: {wanted.points[name]['name']}: a {title} {platform}-{name} exists without the tag "
                    f"{PLATFORM_TAG}={platform}, so it is not ours; give the access point another name."
                )


def refuse_protected(actions: t.Iterable[Action], platform: str) -> None:
    """Deletion protection is respected: it is never turned off in order to delete."""
    protected = [
        f"{platform}-{a.name}"
        for a in actions
        if a.kind == LOAD_BALANCER and a.verb == DELETE and a.before.get("deletion_protection.enabled") == "true"
    ]
    if protected:
        raise InputError(
            f"access_points: deletion protection is on for {', '.join(protected)}; what is protected is deleted only "
            "after a run with deletion_protection: false."
        )


def check_references(connect: Connect, planned: Plan, vpc_id: str | None, check: bool) -> None:
    """Ask AWS, before anything is changed, whether what new or changed items refer to exists and fits.

    Only known ids are asked for, and nothing when the plan has none.
    """
    subnets: dict[str, str] = {}
    groups: dict[str, str] = {}
    certificates: dict[str, str] = {}
    placed = []
    for action in planned.only(LOAD_BALANCER, LISTENER, verbs=(CREATE, UPDATE)):
        after = action.after
        if known(after.get("subnets")):
            subnets.update(dict.fromkeys(after["subnets"], action.name))
            placed.append((action.name, after["subnets"]))
        groups.update({g: action.name for g in after.get("security_groups", []) if known(g)})
        arns = [after.get("certificate"), *after.get("extra_certificates", [])]
        certificates.update({arn: action.name for arn in arns if known(arn) and ":acm:" in arn})
    if not (subnets or groups or certificates):
        return
    ec2, acm = connect("ec2"), connect("acm")
    found_subnets, found_groups, _issued = concurrently(
        lambda: found(ec2, "describe_subnets", "Subnets", "subnet-id", "SubnetId", subnets, "subnet_ids"),
        lambda: found(
            ec2, "describe_security_groups", "SecurityGroups", "group-id", "GroupId", groups, "security_group_ids"
        ),
        lambda: concurrently(
            *[functools.partial(check_certificate, acm, arn, name, check) for arn, name in certificates.items()]
        ),
    )
    for option, item in [*(("subnet_ids", s) for s in found_subnets.values())] + [
        ("security_group_ids", g) for g in found_groups.values()
    ]:
        if known(vpc_id) and item["VpcId"] != vpc_id:
            raise InputError(
                f"access_points: {option} {item.get('SubnetId') or item.get('GroupId')!r} is in {item['VpcId']}; "
                f"only what is in {vpc_id} is allowed."
            )
    for name, ids in placed:
        zones = [found_subnets[subnet]["AvailabilityZone"] for subnet in ids]
        if len(set(zones)) < 2 or len(set(zones)) < len(zones):
            raise InputError(
                f"access_points: {name}: subnet_ids {ids} are in the zones {', '.join(sorted(zones))}; it needs one "
                "subnet in each of at least two zones."
            )


def found(
    ec2, operation: str, key: str, filter_name: str, id_key: str, wanted: t.Mapping[str, str], option: str
) -> dict[str, Item]:
    """EC2 items by id; the first id that AWS does not have is an :class:`InputError`."""
    if not wanted:
        return {}
    items = pages(ec2, operation, key, Filters=[{"Name": filter_name, "Values": sorted(wanted)}])
    by_id = {item[id_key]: item for item in items}
    for missing in sorted(set(wanted) - set(by_id)):
        refuse("access_points", wanted[missing], option, missing, "there is no such id in this region")
    return by_id


def check_certificate(acm, arn: str, listener: str, check: bool) -> None:
    """A certificate that a listener is to get must be there and issued (in check mode it may still be pending)."""
    try:
        status = acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"]
    except is_boto3_error_code(["ResourceNotFoundException", "InvalidArnException"]):
        refuse("access_points", listener, "certificate", arn, "there is no such certificate in this region")
    if status != "ISSUED" and not (check and status == "PENDING_VALIDATION"):
        refuse(
            "access_points", listener, "certificate", arn, f"its status is {status}, and only an issued one can be used"
        )


# --- carrying it out --------------------------------------------------------------------------------------------


class Apply:
    """One run's clients and the ARNs that are known so far; a method for each kind and verb."""

    def __init__(self, connect: Connect, observed: Observed, planned: Plan, platform: str, timeout: int) -> None:
        self.connect, self.elb, self.platform, self.timeout = connect, connect("elbv2"), platform, timeout
        self.items = observed.items
        self.app: Application = application(planned)
        self.plan = planned

    def phase(self, kind: str, verb: str, do: t.Callable[[Action], t.Any]) -> None:
        """Do all actions of a kind and verb at the same time."""
        self.app.run(self.plan.only(kind, verbs=(verb,)), do)

    def run(self) -> None:
        """Everything, in the order in which AWS allows it."""
        self.phase(TARGET_GROUP, CREATE, self.create_target_group)
        self.phase(TARGET_GROUP, UPDATE, self.update_target_group)
        self.phase(LOAD_BALANCER, CREATE, self.create_load_balancer)
        self.phase(LOAD_BALANCER, UPDATE, self.update_load_balancer)
        self.phase(RULE, DELETE, self.delete_rule)
        self.phase(LISTENER, DELETE, self.delete_listener)
        self.phase(LISTENER, CREATE, self.create_listener)
        self.phase(LISTENER, UPDATE, self.update_listener)
        self.phase(RULE, UPDATE, self.update_rule)
        self.phase(RULE, CREATE, self.create_rule)
        self.phase(LOAD_BALANCER, DELETE, self.delete_load_balancer)
        self.wait_deleted()
        self.phase(TARGET_GROUP, DELETE, self.delete_target_group)
        self.wait_active()

    def group_arn(self, name: str) -> str:
        """The ARN of a target group of ours."""
        return self.items[TARGET_GROUP][name]["TargetGroupArn"]

    def tag(self, arn: str, action: Action) -> None:
        """Make a balancer's or target group's tags what the action says."""
        if "tags" in action.after:
            put, gone = compare_aws_tags(action.before["tags"], action.after["tags"], purge_tags=True)
            if gone:
                self.elb.remove_tags(ResourceArns=[arn], TagKeys=gone)
            if put:
                self.elb.add_tags(ResourceArns=[arn], Tags=ansible_dict_to_boto3_tag_list(put))

    def create_target_group(self, action: Action) -> None:
        after = action.after
        item = self.elb.create_target_group(
            Name=f"{self.platform}-{action.name}",
            Protocol=after["protocol"],
            Port=after["port"],
            VpcId=after["vpc_id"],
            TargetType=after["target_type"],
            Tags=ansible_dict_to_boto3_tag_list(after["tags"]),
            **health_check_arguments(after["health_check"]),
        )["TargetGroups"][0]
        self.items[TARGET_GROUP][action.name] = item
        self.set_target_attributes(item["TargetGroupArn"], changed_attributes(after, TARGET_DEFAULTS))

    def update_target_group(self, action: Action) -> None:
        arn = self.group_arn(action.name)
        if "health_check" in action.after:
            self.elb.modify_target_group(TargetGroupArn=arn, **health_check_arguments(action.after["health_check"]))
        self.set_target_attributes(arn, changed_attributes(action.after))
        self.tag(arn, action)

    def set_target_attributes(self, arn: str, changed: list[dict[str, str]]) -> None:
        if changed:
            self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=changed)

    def delete_target_group(self, action: Action) -> None:
        def attempt() -> bool:
            try:
                self.elb.delete_target_group(TargetGroupArn=self.group_arn(action.name))
            except is_boto3_error_code("ResourceInUse"):  # AWS has not yet seen that its listener is gone
                return False
            except is_boto3_error_code("TargetGroupNotFound"):
                return True
            return True

        if not poll(attempt, bool, min(self.timeout, IN_USE_TIMEOUT)):
            raise InputError("its listener is gone, but AWS still says that the target group is in use.")

    def create_load_balancer(self, action: Action) -> None:
        after = action.after
        item = self.elb.create_load_balancer(
            Name=f"{self.platform}-{action.name}",
            Type="application",
            Scheme=after["scheme"],
            Subnets=after["subnets"],
            SecurityGroups=after["security_groups"],
            IpAddressType=after["ip_address_type"],
            Tags=ansible_dict_to_boto3_tag_list(after["tags"]),
        )["LoadBalancers"][0]
        self.items[LOAD_BALANCER][action.name] = item
        self.set_balancer_attributes(item["LoadBalancerArn"], changed_attributes(after, BALANCER_DEFAULTS))

    def update_load_balancer(self, action: Action) -> None:
        after, arn = action.after, self.items[LOAD_BALANCER][action.name]["LoadBalancerArn"]
        if "subnets" in after:
            self.elb.set_subnets(LoadBalancerArn=arn, Subnets=after["subnets"])
        if "ip_address_type" in after:
            self.elb.set_ip_address_type(LoadBalancerArn=arn, IpAddressType=after["ip_address_type"])
        if "security_groups" in after:
            self.elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=after["security_groups"])
        self.set_balancer_attributes(arn, changed_attributes(after))
        self.tag(arn, action)

    def set_balancer_attributes(self, arn: str, changed: list[dict[str, str]]) -> None:
        if changed:
            self.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=changed)

    def delete_load_balancer(self, action: Action) -> None:
        try:
            self.elb.delete_load_balancer(LoadBalancerArn=self.items[LOAD_BALANCER][action.name]["LoadBalancerArn"])
        except is_boto3_error_code("LoadBalancerNotFound"):
            return

    def listener_arguments(self, fields: Item, certificate: bool) -> dict[str, t.Any]:
        """The arguments that creating and modifying a listener share; ``certificate`` when it is to be set."""
        arguments = {
            "Protocol": fields["protocol"],
            "DefaultActions": self.action_arguments(fields["default_actions"]),
        }
        if fields["protocol"] == "HTTPS":
            arguments["SslPolicy"] = fields["ssl_policy"]
        if certificate and fields["protocol"] == "HTTPS":
            arguments["Certificates"] = [{"CertificateArn": fields["certificate"]}]
        return arguments

    def create_listener(self, action: Action) -> None:
        balancer, port = action.name.split(":")
        item = with_patience(self.elb.create_listener)(
            LoadBalancerArn=self.items[LOAD_BALANCER][balancer]["LoadBalancerArn"],
            Port=int(port),
            **self.listener_arguments(action.after, certificate=True),
        )["Listeners"][0]
        self.items[LISTENER][action.name] = item
        extra = action.after.get("extra_certificates")
        if extra:
            self.elb.add_listener_certificates(ListenerArn=item["ListenerArn"], Certificates=certificate_list(extra))

    def update_listener(self, action: Action) -> None:
        wanted, present = action.context
        arn = self.items[LISTENER][action.name]["ListenerArn"]
        if set(action.after) - {"extra_certificates"}:
            arguments = self.listener_arguments(wanted, certificate="certificate" in action.after)
            with_patience(self.elb.modify_listener)(ListenerArn=arn, **arguments)
        if "certificate" in action.after or "extra_certificates" in action.after:
            self.set_extra_certificates(arn, wanted)

    def set_extra_certificates(self, arn: str, wanted: Item) -> None:
        """Make the list beside the default certificate what is wanted, from what AWS lists now.

        It is read again because a change of the default certificate may have moved one into or out of it.
        """
        listed = pages(self.elb, "describe_listener_certificates", "Certificates", ListenerArn=arn)
        present = {c["CertificateArn"] for c in listed if not c.get("IsDefault")}
        missing, surplus = set(wanted["extra_certificates"]) - present, present - set(wanted["extra_certificates"])
        if missing:
            self.elb.add_listener_certificates(ListenerArn=arn, Certificates=certificate_list(sorted(missing)))
        if surplus:
            self.elb.remove_listener_certificates(ListenerArn=arn, Certificates=certificate_list(sorted(surplus)))

    def delete_listener(self, action: Action) -> None:
        try:
            self.elb.delete_listener(ListenerArn=self.items[LISTENER][action.name]["ListenerArn"])
        except is_boto3_error_code("ListenerNotFound"):
            return

    def create_rule(self, action: Action) -> None:
        listener, _colon, priority = action.name.rpartition(":")
        self.elb.create_rule(
            ListenerArn=self.items[LISTENER][listener]["ListenerArn"],
            Priority=int(priority),
            Conditions=condition_arguments(action.after),
            Actions=self.action_arguments(action.after["actions"]),
        )

    def update_rule(self, action: Action) -> None:
        wanted, present = action.context
        self.elb.modify_rule(
            RuleArn=self.items[RULE][action.name]["RuleArn"],
            Conditions=condition_arguments(wanted),
            Actions=self.action_arguments(wanted["actions"]),
        )

    def delete_rule(self, action: Action) -> None:
        try:
            self.elb.delete_rule(RuleArn=self.items[RULE][action.name]["RuleArn"])
        except is_boto3_error_code("RuleNotFound"):
            return

    def action_arguments(self, actions: t.Sequence[Item]) -> list[dict[str, t.Any]]:
        """Our actions in the API's form."""
        arguments = []
        for action in actions:
            rest = {key: value for key, value in action.items() if key not in ("type", "target_group")}
            if action["type"] == "forward":
                arguments.append({"Type": "forward", "TargetGroupArn": self.group_arn(action["target_group"])})
            elif action["type"] == "redirect":
                status = f"HTTP_{rest.pop('status_code')}"
                config = {key.capitalize(): value for key, value in rest.items()}
                arguments.append({"Type": "redirect", "RedirectConfig": {**config, "StatusCode": status}})
            else:
                config = {
                    "StatusCode": rest["status_code"],
                    "ContentType": rest["content_type"],
                    "MessageBody": rest["message_body"],
                }
                arguments.append({"Type": "fixed-response", "FixedResponseConfig": config})
        return arguments

    def wait_deleted(self) -> None:
        """Wait until deleted balancers and their network interfaces are gone.

        Until then AWS refuses to delete their security groups and subnets.
        """
        deleted = {
            self.items[LOAD_BALANCER][a.name]["LoadBalancerArn"]: a
            for a in self.plan.only(LOAD_BALANCER, verbs=(DELETE,))
        }
        if not deleted:
            return
        ec2 = self.connect("ec2")
        # an interface's description is "ELB " and the end of its balancer's ARN, app/<name>/<id>
        descriptions = {f"ELB {arn.split(':loadbalancer/', 1)[-1]}": action for arn, action in deleted.items()}

        def left() -> tuple[list[Action], list[Action]]:
            present = {b["LoadBalancerArn"] for b in pages(self.elb, "describe_load_balancers", "LoadBalancers")}
            balancers = [action for arn, action in deleted.items() if arn in present]
            if balancers:
                return balancers, []
            interfaces = [
                interface
                for batch in batches(sorted(descriptions), 100)
                for interface in pages(
                    ec2,
                    "describe_network_interfaces",
                    "NetworkInterfaces",
                    Filters=[{"Name": "description", "Values": batch}],
                )
            ]
            return [], [descriptions[i["Description"]] for i in interfaces if i.get("Description") in descriptions]

        balancers, interfaces = poll(left, lambda answer: not any(answer), self.timeout)
        late = [(a, f"it is still there after {self.timeout} seconds; the next run goes on.") for a in balancers]
        names = {a.name: a for a in interfaces}
        late += [
            (a, f"its network interfaces are still there after {self.timeout} seconds and hold subnets and groups.")
            for a in names.values()
        ]
        self.fail(late)

    def wait_active(self) -> None:
        """Wait until every balancer that is being set up can serve; what AWS could not set up is a failure."""
        waiting = {
            item["LoadBalancerArn"]: (name, item)
            for name, item in self.items[LOAD_BALANCER].items()
            if (item.get("State") or {}).get("Code") == "provisioning"
            and not any(a.name == name for a in self.plan.only(LOAD_BALANCER, verbs=(DELETE,)))
        }

        def states() -> dict[str, Item]:
            answers = concurrently(
                *[
                    functools.partial(
                        pages, self.elb, "describe_load_balancers", "LoadBalancers", LoadBalancerArns=batch
                    )
                    for batch in batches(sorted(waiting))
                ]
            )
            return {b["LoadBalancerArn"]: b for rows in answers for b in rows}

        if not waiting:
            return
        latest = poll(
            states, lambda found: all(b["State"]["Code"] != "provisioning" for b in found.values()), self.timeout
        )
        failed = []
        for arn, (name, item) in waiting.items():
            state = latest.get(arn, item)["State"]
            if state["Code"] in ("provisioning", "failed"):
                reason = state.get("Reason") or f"still {state['Code']} after {self.timeout} seconds"
                failed.append((Action("activate", LOAD_BALANCER, name), reason))
            else:
                self.items[LOAD_BALANCER][name] = latest[arn]
        self.fail(failed)

    def fail(self, failed: list[tuple[Action, str]]) -> None:
        """Raise :class:`ApplyError` when something that was waited for did not come."""
        if failed:
            late = {id(action) for action, reason in failed}
            done = [action for action in self.app.done if id(action) not in late]
            settled = {id(action) for action in done} | late
            raise ApplyError(done, failed, [action for action in self.plan if id(action) not in settled])


def with_patience(call: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
    """A call that is made again for a while when balancers do not know yet what was made a moment ago."""
    fresh = ["CertificateNotFound", "TargetGroupNotFound", "UnsupportedCertificate"]
    return AWSRetry.jittered_backoff(retries=6, delay=1, max_delay=10, catch_extra_error_codes=fresh)(call)


def health_check_arguments(check: Item) -> dict[str, t.Any]:
    """A health check in the API's form."""
    arguments = {api: check[key] for key, (api, fallback) in HEALTH_CHECK.items()}
    return {**arguments, "HealthCheckEnabled": True, "Matcher": {"HttpCode": check["matcher"]}}


def changed_attributes(fields: Item, present: Item | None = None) -> list[dict[str, str]]:
    """The attributes among fields (they have a dot in their name) that ``present`` does not hold already."""
    return [
        {"Key": key, "Value": value}
        for key, value in sorted(fields.items())
        if "." in key and (present is None or present.get(key) != value)
    ]


def certificate_list(arns: t.Iterable[str]) -> list[dict[str, str]]:
    """ARNs in the API's form."""
    return [{"CertificateArn": arn} for arn in arns]


def condition_arguments(fields: Item) -> list[dict[str, t.Any]]:
    """A rule's conditions in the API's form."""
    conditions: list[dict[str, t.Any]] = []
    if fields["hosts"]:
        conditions.append({"Field": "host-header", "HostHeaderConfig": {"Values": fields["hosts"]}})
    if fields["paths"]:
        conditions.append({"Field": "path-pattern", "PathPatternConfig": {"Values": fields["paths"]}})
    return conditions


# --- the module -------------------------------------------------------------------------------------------------


def result(wanted: Desired, items: t.Mapping[str, t.Mapping[str, Item]], platform: str) -> dict[str, t.Any]:
    """The module's result beside plan and diff: the declared set with what AWS has given it."""

    def value(kind: str, name: str, key: str) -> t.Any:
        return items[kind].get(name, {}).get(key) or KNOWN_AFTER_APPLY

    balancers, groups, points = {}, {}, {}
    for name, point in wanted.points.items():
        group_arn = value(TARGET_GROUP, name, "TargetGroupArn")
        balancers[name] = {
            "arn": value(LOAD_BALANCER, name, "LoadBalancerArn"),
            "name": f"{platform}-{name}",
            "dns_name": value(LOAD_BALANCER, name, "DNSName"),
            "zone_id": value(LOAD_BALANCER, name, "CanonicalHostedZoneId"),
            "access_point": point["name"],
            "target_group_arn": group_arn,
            "ip_address_type": point["ip_address_type"],
        }
        groups[name] = {
            "arn": group_arn,
            "name": f"{platform}-{name}",
            "access_point": point["name"],
            "port": point["target"]["port"],
        }
        entry = points.setdefault(point["name"], {"balancers": [], "target_group_arns": [], "dns_names": []})
        entry["balancers"].append(name)
        entry["target_group_arns"].append(group_arn)
        entry["dns_names"].append(balancers[name]["dns_name"])
    return {"load_balancers": balancers, "target_groups": groups, "access_points": points}


def ensure(connect: Connect, options: Item, check: bool) -> tuple[Plan, dict[str, t.Any]]:
    """The module's work: ``options`` are its parameters. Returns the plan and the further result."""
    platform, purge, points = options["platform"], options["purge"], options["access_points"]
    if options["state"] == "absent":
        points, purge = [], True
    validate(platform, points)
    if points and not options["vpc_id"]:
        raise InputError("vpc_id: none is given; access points need the id of the VPC that their targets are in.")
    for point in points:
        require_known(
            check,
            vpc_id=options["vpc_id"],
            **{
                key: point[key]
                for key in ("subnet_ids", "security_group_ids", "certificate_arn", "extra_certificate_arns")
            },
        )
    wanted = desired(platform, options["vpc_id"], points, options["tags"])
    observed = observe(connect("elbv2"), platform)
    planned = plan(wanted, observed, platform, purge=purge, ignore=options["ignore"])
    check_references(connect, planned, options["vpc_id"], check)
    if not check:
        Apply(connect, observed, planned, platform, options["wait_timeout"]).run()
    return planned, result(wanted, observed.items, platform)
