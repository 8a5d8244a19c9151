# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the platform's mail is well: read with lists and batches, judged and told by pure functions.

AWS judges every tenant itself, and a list tells its verdict. Rates are read for the account and the streams
(CloudWatch, one call) and for tenants of whom the verdict is bad (SES, three tenants a call).
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import client, page_items, pages
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._mail_domains import (
    SINCE_TAG,
    TENANT_TAG,
    Pace,
    Reader,
    settled,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError, concurrently

Item = dict[str, t.Any]
Items = t.Mapping[str, Item]

FAILING = ("failed", "temporaryfailure")
METRICS = {"bounce_percent": "Reputation.BounceRate", "complaint_percent": "Reputation.ComplaintRate"}
"""SES's metrics in CloudWatch; fractions of 1 over what AWS calls a representative volume of mail."""
METRIC_DAYS = 3
"""SES writes them only while there is mail."""
METRIC_QUERIES = 500
"""Metrics that one GetMetricData answers for."""
TENANT_METRICS = {"sent": "SEND", "bounced": "PERMANENT_BOUNCE", "complaints": "COMPLAINT"}
TENANT_DAYS = 14
TENANT_BATCH = 3
"""Tenants of one BatchGetMetricData, which has at most ten queries."""
NAMED = 5
"""Names that a sentence gives before it only counts."""


# --- reading --------------------------------------------------------------------------------------------------------


def domain(tags: t.Mapping[str, str], dkim: t.Mapping[str, t.Any], sender: t.Mapping[str, t.Any]) -> Item:
    """A domain from its tags and what SES v1's batches say of it."""
    status = dkim.get("DkimVerificationStatus", "NotStarted").lower()
    mail_from = sender.get("MailFromDomain") or None
    found = {
        "tenant": tags.get(TENANT_TAG),
        "verified": status == "success",
        "dkim_status": status,
        "mail_from": mail_from,
        "mail_from_status": sender.get("MailFromDomainStatus", "Pending").lower() if mail_from else None,
    }
    return {**found, "waiting_since": None if settled(found) else tags.get(SINCE_TAG)}


def tenant(entity: t.Mapping[str, t.Any]) -> Item:
    """A tenant from its reputation entity. ``paused_by`` is ``aws`` whenever AWS has a part in it."""
    aws, own = entity.get("AwsSesManagedStatus") or {}, entity.get("CustomerManagedStatus") or {}
    paused_by = None
    if entity.get("SendingStatusAggregate") == "DISABLED":
        paused_by = "platform" if own.get("Status") == "DISABLED" and aws.get("Status") != "DISABLED" else "aws"
    return {
        "sending": entity.get("SendingStatusAggregate", "ENABLED").lower(),
        "paused_by": paused_by,
        "cause": aws.get("Cause") or own.get("Cause"),
        "impact": entity.get("ReputationImpact", "LOW").lower(),
        "bounce_percent": None,
        "complaint_percent": None,
    }


def tenants(reader: Reader) -> Items:
    """The tenants whose names begin with the platform's, by declared name."""
    prefix = reader.arn("tenant", f"{reader.platform}-")
    found = page_items(
        reader.v2,
        "list_reputation_entities",
        "ReputationEntities",
        Filter={"ENTITY_REFERENCE_PREFIX": prefix},
        PageSize=100,
    )
    return {
        # a tenant's ARN has its id behind its name
        item["ReputationEntityReference"].removeprefix(prefix).partition("/")[0]: tenant(item)
        for item in found
        if item["ReputationEntityReference"].startswith(prefix)
    }


def rates(cloudwatch, streams: t.Sequence[str], now: datetime.datetime) -> dict[str, Item]:
    """The latest rates in per cent of each stream, and of the account by the empty name; None where none are known."""
    asked = [(name, key) for name in ("", *streams) for key in METRICS]
    found: dict[str, Item] = {name: dict.fromkeys(METRICS) for name in ("", *streams)}
    for start in range(0, len(asked), METRIC_QUERIES):
        queries = []
        for n, (name, key) in enumerate(asked[start : start + METRIC_QUERIES]):
            dimensions = [{"Name": "ses:configuration-set", "Value": name}] if name else []
            metric = {"Namespace": "AWS/SES", "MetricName": METRICS[key], "Dimensions": dimensions}
            queries.append({"Id": f"q{n}", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Average"}})
        answers = pages(
            cloudwatch,
            "get_metric_data",
            "MetricDataResults",
            MetricDataQueries=queries,
            StartTime=now - datetime.timedelta(days=METRIC_DAYS),
            # exclusive, and sent in whole seconds
            EndTime=now + datetime.timedelta(minutes=1),
            ScanBy="TimestampDescending",
        )
        for answer in answers:
            name, key = asked[start + int(answer["Id"][1:])]
            # a page may have no values of a metric that another page has
            if answer["Values"] and found[name][key] is None:
                found[name][key] = round(answer["Values"][0] * 100, 4)
    return found


def tenant_rates(reader: Reader, names: t.Sequence[str], now: datetime.datetime) -> dict[str, Item]:
    """The rates in per cent of each of the tenants over the last days; None for one that has sent nothing."""

    def ask(few: t.Sequence[str]) -> dict[tuple[str, str], int]:
        queries = [
            {
                "Id": f"{key}-{n}",
                "Namespace": "VDM",
                "Metric": metric,
                "Dimensions": {"TENANT_NAME": f"{reader.platform}-{name}"},
                "StartDate": now - datetime.timedelta(days=TENANT_DAYS),
                "EndDate": now,
            }
            for n, name in enumerate(few)
            for key, metric in TENANT_METRICS.items()
        ]
        answer = reader.v2.batch_get_metric_data(Queries=queries)
        sums = {}
        for result in answer["Results"]:
            key, unused_hyphen, n = result["Id"].partition("-")
            sums[few[int(n)], key] = sum(result.get("Values") or [])
        return sums

    batches = [names[start : start + TENANT_BATCH] for start in range(0, len(names), TENANT_BATCH)]
    counts: dict[tuple[str, str], int] = {}
    for found in concurrently(*[lambda few=few: ask(few) for few in batches]):
        counts.update(found)
    told = {}
    for name in names:
        sent = counts.get((name, "sent"), 0)
        told[name] = {
            rate: round(100 * counts.get((name, key), 0) / sent, 4) if sent else None
            for rate, key in (("bounce_percent", "bounced"), ("complaint_percent", "complaints"))
        }
    return told


def account(answer: t.Mapping[str, t.Any], account_rates: Item) -> Item:
    """The account from GetAccount's answer. ``quota_percent`` is None where AWS sets no quota."""
    quota = answer.get("SendQuota") or {}
    most, sent = quota.get("Max24HourSend", 0), quota.get("SentLast24Hours", 0)
    return {
        "sandbox": not answer.get("ProductionAccessEnabled", False),
        "sending": bool(answer.get("SendingEnabled")),
        "enforcement": (answer.get("EnforcementStatus") or "HEALTHY").lower(),
        "max_24_hours": most,
        "max_per_second": quota.get("MaxSendRate"),
        "sent_24_hours": sent,
        "quota_percent": round(100 * sent / most, 2) if most > 0 else None,
        **account_rates,
    }


# --- judging --------------------------------------------------------------------------------------------------------


class Seen(t.NamedTuple):
    """What was read: the platform's domains, their tenants, its streams, and the account; ``now`` is in UTC."""

    region: str
    now: datetime.datetime
    domains: Items
    tenants: Items
    streams: Items
    account: Item


class Limits(t.NamedTuple):
    """From where on something needs a person: per cents, and hours."""

    bounce_percent: float
    complaint_percent: float
    waiting_hours: float
    quota_percent: float
    sandbox_allowed: bool


def hours(since: str | None, now: datetime.datetime) -> float | None:
    """Hours since a moment in ISO 8601; None when there is none, or it is no moment."""
    try:
        return (now - datetime.datetime.fromisoformat(since or "")).total_seconds() / 3600
    except (TypeError, ValueError):
        return None


def state_of(item: t.Mapping[str, t.Any]) -> str:
    """``well``, ``waiting`` (for DNS records that were not found yet) or ``failing`` (they are gone, or never came)."""
    if item["dkim_status"] in FAILING or item["mail_from_status"] in FAILING:
        return "failing"
    return "well" if settled(item) else "waiting"


def late(item: t.Mapping[str, t.Any], now: datetime.datetime, limit: float) -> bool:
    """Whether a domain waits too long; one of which nobody knows since when does."""
    waited = hours(item["waiting_since"], now)
    return state_of(item) == "waiting" and (waited is None or waited > limit)


def some(names: t.Iterable[str]) -> str:
    """Some of the names, sorted, and how many more there are."""
    given = sorted(names)
    more = f" and {len(given) - NAMED} more" if len(given) > NAMED else ""
    return ", ".join(given[:NAMED]) + more


def count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g} %"


def reasons(seen: Seen, limits: Limits) -> list[str]:
    """Why a person is needed, one sentence a cause; empty when nobody is."""
    return [*account_reasons(seen, limits), *domain_reasons(seen, limits), *tenant_reasons(seen, limits)]


def account_reasons(seen: Seen, limits: Limits) -> t.Iterator[str]:
    """What concerns the account and the streams."""
    found, where = seen.account, f"SES in {seen.region}"
    if found["sandbox"] and not limits.sandbox_allowed:
        yield (
            f"{where} is in the sandbox and sends only to verified addresses; ask AWS for production access (SES "
            "console, Account dashboard)."
        )
    if found["enforcement"] != "healthy":
        yield (
            f"AWS has the account's mail under {found['enforcement']} in {seen.region}; read the case that it opened "
            "in AWS Support and answer it."
        )
    elif not found["sending"]:
        yield f"{where} does not send: sending is paused for the whole account; enable it in the SES console."
    if (found["quota_percent"] or 0) > limits.quota_percent:
        yield (
            f"{found['sent_24_hours']:,.0f} of {found['max_24_hours']:,.0f} mails a day are used "
            f"({percent(found['quota_percent'])}, more than {percent(limits.quota_percent)}); ask AWS for a higher "
            "sending quota."
        )
    for name, item in [
        ("the account", found),
        *((f"stream {name}", item) for name, item in sorted(seen.streams.items())),
    ]:
        for word, key in (("bounce", "bounce_percent"), ("complaint", "complaint_percent")):
            limit = getattr(limits, key)
            if (item[key] or 0) > limit:
                yield f"The {word} rate of {name} is {percent(item[key])}, above {percent(limit)}."


def domain_reasons(seen: Seen, limits: Limits) -> t.Iterator[str]:
    """What concerns domains."""
    for word, key in (("DKIM", "dkim_status"), ("MAIL FROM", "mail_from_status")):
        failing = [name for name, item in seen.domains.items() if item[key] in FAILING]
        if failing:
            which = count(len(failing), "domain")
            yield f"{word} fails for {which}, whose DNS records SES does not find: {some(failing)}."
    waiting = [name for name, item in seen.domains.items() if late(item, seen.now, limits.waiting_hours)]
    if waiting:
        yield (
            f"{count(len(waiting), 'domain')} waited longer than {limits.waiting_hours:g} hours for DNS records that "
            f"are not there: {some(waiting)}."
        )


def tenant_reasons(seen: Seen, limits: Limits) -> t.Iterator[str]:
    """What concerns tenants; that the platform itself has paused one is its own decision."""
    paused = [name for name, item in seen.tenants.items() if item["paused_by"] == "aws"]
    if paused:
        yield f"AWS has paused {count(len(paused), 'tenant')}: {some(paused)}."
    risky = [n for n, item in seen.tenants.items() if item["impact"] == "high" and item["paused_by"] is None]
    if risky:
        yield f"AWS finds the reputation of {count(len(risky), 'tenant')} at risk: {some(risky)}."
    for word, key in (("bounce", "bounce_percent"), ("complaint", "complaint_percent")):
        limit = getattr(limits, key)
        above = [name for name, item in seen.tenants.items() if (item[key] or 0) > limit]
        if above:
            yield f"The {word} rate of {count(len(above), 'tenant')} is above {percent(limit)}: {some(above)}."


# --- telling --------------------------------------------------------------------------------------------------------


def totals(seen: Seen) -> Item:
    """How many domains are in which state, and how many tenants are paused by whom or at risk."""
    states = [state_of(item) for item in seen.domains.values()]
    by = [item["paused_by"] for item in seen.tenants.values()]
    return {
        "domains": len(states),
        **{state: states.count(state) for state in ("well", "waiting", "failing")},
        "tenants": len(by),
        "paused_by_platform": by.count("platform"),
        "paused_by_aws": by.count("aws"),
        "at_risk": sum(item["impact"] == "high" for item in seen.tenants.values()),
    }


def aligned(rows: t.Sequence[t.Sequence[str]]) -> list[str]:
    """Rows as lines whose columns stand under each other."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def table(seen: Seen, limits: Limits, most: int) -> list[str]:
    """The lines for a terminal: the account, the totals, then only domains that need a person, at most ``most``."""
    found, total = seen.account, totals(seen)
    used = "no quota" if found["quota_percent"] is None else percent(found["quota_percent"])
    lines = aligned(
        [
            [
                "account",
                f"{seen.region}: {'sandbox' if found['sandbox'] else 'production'}, {found['enforcement']}, "
                f"{'sending' if found['sending'] else 'not sending'}",
            ],
            [
                "quota",
                f"{found['sent_24_hours']:,.0f} of {found['max_24_hours']:,.0f} mails in 24 hours ({used}), "
                f"{found['max_per_second']:g} a second",
            ],
            *(
                [name, f"bounces {percent(item['bounce_percent'])}, complaints {percent(item['complaint_percent'])}"]
                for name, item in [("rates", found), *((f"  {n}", i) for n, i in sorted(seen.streams.items()))]
            ),
            [
                "domains",
                f"{total['domains']:,}: {total['well']:,} well, {total['waiting']:,} waiting, "
                f"{total['failing']:,} failing",
            ],
            [
                "tenants",
                f"{total['tenants']:,}: {total['paused_by_platform']:,} paused by the platform, "
                f"{total['paused_by_aws']:,} by AWS, {total['at_risk']:,} at risk",
            ],
        ]
    )
    rows = [row for name, item in sorted(seen.domains.items()) if (row := domain_row(name, item, seen, limits))]
    if rows:
        head = ["domain", "tenant", "DKIM", "MAIL FROM", "hours", "sending", "bounces", "complaints"]
        lines += ["", *aligned([head, *rows[:most]])]
    if len(rows) > most:
        lines.append(f"and {len(rows) - most:,} more; the JSON file has them all")
    return lines


def domain_row(name: str, item: Item, seen: Seen, limits: Limits) -> list[str] | None:
    """A domain's cells; None for one that needs nobody."""
    its = seen.tenants.get(item["tenant"] or "") or {}
    above = any((its.get(key) or 0) > getattr(limits, key) for key in METRICS)
    bad = its.get("paused_by") == "aws" or its.get("impact") == "high" or above
    if not (bad or state_of(item) == "failing" or late(item, seen.now, limits.waiting_hours)):
        return None
    waited = hours(item["waiting_since"], seen.now)
    sending = f"paused by {its['paused_by']}" if its.get("paused_by") else its.get("sending", "-")
    known = [percent(its[key]) if its.get(key) is not None else "-" for key in METRICS]
    since = "-" if waited is None else f"{waited:.0f}"
    return [name, item["tenant"] or "-", item["dkim_status"], item["mail_from_status"] or "-", since, sending, *known]


# --- the whole ------------------------------------------------------------------------------------------------------


def read(module: AnsibleAWSModule, every_tenants_rates: bool) -> Seen:
    """Read all there is to judge."""
    reader = Reader(module, Pace(module.params["calls_per_second"]))
    cloudwatch = client(module, "cloudwatch")
    now = datetime.datetime.now(datetime.UTC)
    names, tags, sets, entities, answer = concurrently(
        reader.names,
        reader.tagged,
        lambda: reader.tagged("configuration-set"),
        lambda: tenants(reader),
        reader.v2.get_account,
    )
    own = sorted(set(names) & set(tags))
    (dkim, mail_from), measured = concurrently(
        lambda: reader.verification(own), lambda: rates(cloudwatch, sorted(sets), now)
    )
    domains = {name: domain(tags[name], dkim.get(name, {}), mail_from.get(name, {})) for name in own}
    used = {item["tenant"] for item in domains.values()} & set(entities)
    its = {name: entities[name] for name in sorted(used)}
    # SES counts by tenant only for those who pay for its Virtual Deliverability Manager
    if (answer.get("VdmAttributes") or {}).get("VdmEnabled") == "ENABLED":
        asked = [n for n, item in its.items() if every_tenants_rates or item["impact"] == "high" or item["paused_by"]]
        for name, found in tenant_rates(reader, asked, now).items():
            its[name] = {**its[name], **found}
    streams = {name.removeprefix(f"{reader.platform}-"): measured[name] for name in sorted(sets)}
    return Seen(reader.region, now, domains, its, streams, account(answer, measured[""]))


def work(module: AnsibleAWSModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    for name in ("bounce_percent", "complaint_percent", "quota_percent"):
        if not 0 <= options[name] <= 100:
            raise InputError(f"{name}: {options[name]} is not allowed; it is from 0 to 100.")
    for name in ("waiting_hours", "calls_per_second", "rows"):
        if options[name] < 0:
            raise InputError(f"{name}: {options[name]} is not allowed; it is 0 or more.")
    limits = Limits(**{name: options[name] for name in Limits._fields})
    seen = read(module, options["tenant_rates"])
    found = reasons(seen, limits)
    return {
        "healthy": not found,
        "reasons": found,
        "totals": totals(seen),
        "account": seen.account,
        "streams": seen.streams,
        "tenants": seen.tenants,
        "domains": {name: {**item, "state": state_of(item)} for name, item in seen.domains.items()},
        "table": table(seen, limits, options["rows"]),
    }
