# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The platform's ACM certificates as one set.

ACM cannot change a certificate's domains or key algorithm, and a certificate that is in use cannot be
deleted. So one declared name may have several certificates in AWS: the *current* one, which has the declared
domains and can be used or soon can, and *superseded* ones, which stay until nothing uses them.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list, compare_aws_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    application,
    declared_name,
    owned_tags,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import is_host_name
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    REPLACE,
    UPDATE,
    Action,
    Application,
    ApplyError,
    Fields,
    InputError,
    Plan,
    concurrently,
    differing,
    ignored,
    unique,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

KIND = "certificate"
KEY_ALGORITHMS = ("RSA_2048", "EC_prime256v1", "EC_secp384r1")
"""What ACM issues for public certificates (it lists more, which can only be imported)."""
LISTED_KEY_TYPES = (
    "RSA_1024",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "EC_prime256v1",
    "EC_secp384r1",
    "EC_secp521r1",
)
USABLE = ("ISSUED", "PENDING_VALIDATION")
FIXED = ("alternative_names", "domain", "key_algorithm")
"""The fields whose change needs another certificate."""
MAX_NAMES = 100
RECORDS_TIMEOUT = 120
"""Seconds until ACM has worked out the validation records of a new certificate (usually a few)."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
FAILURES = {
    "CAA_ERROR": "a CAA record of the domain does not allow amazon.com to issue for it",
    "DOMAIN_NOT_ALLOWED": "the domain was reported as unsafe",
    "INVALID_PUBLIC_DOMAIN": "the domain is not below a public top-level domain",
    "ADDITIONAL_VERIFICATION_REQUIRED": "AWS Support must be asked to allow the domain",
    "DOMAIN_VALIDATION_DENIED": "the owner of the domain refused",
}


def normal_domain(domain: str) -> str:
    """A domain in the form in which ACM lists it: lower case, no trailing dot, international names in punycode.

    A leading ``*.`` stays. Text that punycode cannot hold is returned as it is, for :func:`validate` to refuse.
    """
    text = str(domain).strip().rstrip(".").lower()
    try:
        return text.encode("idna").decode("ascii").lower() if not text.isascii() else text
    except UnicodeError:
        return text


def base_domain(domain: str) -> str:
    """The name that is validated: ``*.x`` and ``x`` share one validation record."""
    return domain.removeprefix("*.")


def validate(certificates: t.Sequence[t.Mapping[str, t.Any]], variable: str = "certificates") -> None:
    """Raise :class:`InputError` for what ACM cannot issue.

    :arg certificates: items with ``name``, ``domain`` and optionally ``alternative_names``, ``key_algorithm``.
    :arg variable: what the messages call the list.
    """
    unique(certificates, variable)
    for item in certificates:
        name = item["name"]
        where = f"{variable}: {name}"
        if not NAME.fullmatch(name):
            raise InputError(
                f"{variable}: name {name!r} is not allowed; it starts with a letter or digit and has at most 63 "
                "letters, digits, dots, hyphens and underscores."
            )
        domains = [item["domain"], *(item.get("alternative_names") or [])]
        for domain in domains:
            normal = normal_domain(domain)
            if len(normal) > 253 or not is_host_name(base_domain(normal)):
                raise InputError(
                    f"{where}: domain {domain!r} is not a domain name that a certificate can hold; allowed is such as "
                    "example.com, www.example.com or *.example.com."
                )
        if len(normal_domain(item["domain"])) > 64:
            raise InputError(
                f"{where}: domain {item['domain']!r} is longer than 64 characters; a certificate's first domain must "
                "not be, so give a shorter one and put this one in alternative_names."
            )
        if len({normal_domain(domain) for domain in domains}) > MAX_NAMES:
            raise InputError(f"{where}: it has {len(domains)} domains; ACM allows at most {MAX_NAMES} in each.")
        algorithm = item.get("key_algorithm") or KEY_ALGORITHMS[0]
        if algorithm not in KEY_ALGORITHMS:
            raise InputError(
                f"{where}: key_algorithm {algorithm!r} is not allowed; ACM issues {', '.join(KEY_ALGORITHMS)}."
            )


def desired(
    certificates: t.Sequence[t.Mapping[str, t.Any]], platform: str, tags: t.Mapping[str, str] | None = None
) -> dict[str, Fields]:
    """The wanted certificates' fields, keyed by declared name, in the form of :func:`observed_fields`."""
    validate(certificates)
    wanted = {}
    for item in certificates:
        domain = normal_domain(item["domain"])
        others = {normal_domain(name) for name in item.get("alternative_names") or []} - {domain}
        logging = item.get("transparency_logging")
        wanted[item["name"]] = {
            "domain": domain,
            "alternative_names": sorted(others),
            "key_algorithm": item.get("key_algorithm") or KEY_ALGORITHMS[0],
            "transparency_logging": True if logging is None else bool(logging),
            "tags": owned_tags(platform, item["name"], tags, item.get("tags")),
        }
    return wanted


def observed_fields(detail: t.Mapping[str, t.Any], tags: t.Mapping[str, str]) -> Fields:
    """The fields that are compared, from a DescribeCertificate answer and its tags (AWS's own left out)."""
    domain = normal_domain(detail["DomainName"])
    names = {normal_domain(name) for name in detail.get("SubjectAlternativeNames") or []}
    logging = (detail.get("Options") or {}).get("CertificateTransparencyLoggingPreference", "ENABLED")
    return {
        "domain": domain,
        "alternative_names": sorted(names - {domain}),
        # ACM has answered RSA-2048 as well as RSA_2048
        "key_algorithm": detail.get("KeyAlgorithm", KEY_ALGORITHMS[0]).replace("-", "_"),
        "transparency_logging": logging == "ENABLED",
        "tags": {key: value for key, value in tags.items() if not key.startswith("aws:")},
    }


def validation_records(detail: t.Mapping[str, t.Any]) -> list[dict[str, str]]:
    """The DNS records that validate a certificate, each once, sorted; empty while ACM has none yet."""
    records = {}
    for option in detail.get("DomainValidationOptions") or []:
        record = option.get("ResourceRecord")
        if record:
            name = record["Name"].rstrip(".").lower()
            records[name] = {
                "domain": base_domain(normal_domain(option["DomainName"])),
                "name": name,
                "type": record["Type"],
                "value": record["Value"].rstrip("."),
            }
    return [records[name] for name in sorted(records)]


def records_to_come(fields: t.Mapping[str, t.Any]) -> list[dict[str, str]]:
    """What :func:`validation_records` will have for a certificate that does not exist yet."""
    domains = {base_domain(name) for name in (fields["domain"], *fields["alternative_names"])}
    return [
        {
            "domain": domain,
            "name": f"{KNOWN_AFTER_APPLY}.{domain}",
            "type": "CNAME",
            "value": KNOWN_AFTER_APPLY,
        }
        for domain in sorted(domains)
    ]


class Owned(t.NamedTuple):
    """One certificate of the platform as AWS has it: its declared name, and what describes it."""

    name: str
    fields: Fields
    detail: t.Mapping[str, t.Any]

    @property
    def arn(self) -> str:
        return self.detail["CertificateArn"]

    @property
    def status(self) -> str:
        return self.detail["Status"]

    @property
    def in_use_by(self) -> list[str]:
        return sorted(self.detail.get("InUseBy") or [])

    @property
    def title(self) -> str:
        """The name in a plan for one of several certificates of a declared name."""
        return f"{self.name} ({self.arn.rsplit('/', 1)[-1]})"


class Planned(t.NamedTuple):
    """A plan, the certificate that serves each name (None: to be requested), and those that no longer should."""

    plan: Plan
    current: dict[str, Owned | None]
    superseded: list[tuple[Owned, str]]


def observe(acm, platform: str) -> list[Owned]:
    """Every certificate with the platform's tag, whatever its status."""
    summaries = pages(
        acm,
        "list_certificates",
        "CertificateSummaryList",
        # without key types AWS lists only RSA keys of up to 2048 bits
        Includes={"keyTypes": list(LISTED_KEY_TYPES)},
    )
    arns = [s["CertificateArn"] for s in summaries if s.get("Type", "AMAZON_ISSUED") == "AMAZON_ISSUED"]

    def tags(arn: str) -> dict[str, str]:
        try:
            return tags_of(acm.list_tags_for_certificate(CertificateArn=arn))
        except is_boto3_error_code("ResourceNotFoundException"):  # deleted since it was listed
            return {}

    tagged = zip(arns, concurrently(*[lambda arn=arn: tags(arn) for arn in arns]))
    owned = [(declared_name(found, platform), arn, found) for arn, found in tagged]
    owned = [(name, arn, found) for name, arn, found in owned if name is not None]
    details = concurrently(*[lambda arn=arn: describe(acm, arn) for name, arn, found in owned])
    return [
        Owned(name, observed_fields(detail, found), detail)
        for (name, arn, found), detail in zip(owned, details)
        if detail is not None
    ]


def describe(acm, arn: str) -> dict[str, t.Any] | None:
    """DescribeCertificate's answer; None when there is no such certificate (any more)."""
    try:
        return acm.describe_certificate(CertificateArn=arn)["Certificate"]
    except is_boto3_error_code("ResourceNotFoundException"):
        return None


def plan(
    wanted: t.Mapping[str, Fields], observed: t.Sequence[Owned], *, purge: bool = False, ignore: t.Iterable[str] = ()
) -> Planned:
    """Decide which certificate serves each name, what to request and change, and (``purge``) what to delete."""
    ignore = tuple(ignore)
    actions: list[Action] = []
    current: dict[str, Owned | None] = {}
    superseded: list[tuple[Owned, str]] = []
    for name in sorted({*wanted, *(item.name for item in observed)}):
        mine = [item for item in observed if item.name == name]
        if name not in wanted:
            superseded += [(item, "undeclared") for item in mine if not ignored(name, ignore)]
            continue
        fields = wanted[name]
        fitting = [i for i in mine if i.status in USABLE and not set(differing(fields, i.fields)) & set(FIXED)]
        serving = best(fitting)
        if ignored(name, ignore):
            current[name] = serving or best(mine)
            continue
        current[name] = serving
        if serving:
            names = differing(fields, serving.fields)
            if names:
                before, after = {n: serving.fields[n] for n in names}, {n: fields[n] for n in names}
                actions.append(Action(UPDATE, KIND, name, before, after, (fields, serving)))
        elif mine:
            actions.append(replacement(name, fields, mine))
        else:
            actions.append(Action(CREATE, KIND, name, after=dict(fields), context=(fields, [])))
        for item in mine:
            if item is not serving:
                superseded.append((item, "replaced" if item.status in USABLE else item.status.lower()))
    for item, reason in superseded if purge else []:
        if not item.in_use_by:
            before = {"arn": item.arn, "status": item.status, "reason": reason, **item.fields}
            actions.append(Action(DELETE, KIND, item.title, before=before, context=item))
    return Planned(Plan(actions), current, superseded)


def replacement(name: str, fields: Fields, mine: t.Sequence[Owned]) -> Action:
    """The action that requests another certificate for a name that has one which will not do."""
    former = best([i for i in mine if i.status in USABLE]) or best(mine)
    names = differing(fields, former.fields)
    before, after = {n: former.fields[n] for n in names}, {n: fields[n] for n in names}
    if former.status not in USABLE:
        before["status"], after["status"] = former.status, USABLE[1]
    return Action(REPLACE, KIND, name, before, after, (fields, [item.arn for item in mine]))


def best(candidates: t.Sequence[Owned]) -> Owned | None:
    """The certificate to use of several that fit: an issued one, then one in use, then the newest."""

    def rank(item: Owned):
        created = item.detail.get("CreatedAt")
        return item.status == USABLE[0], bool(item.in_use_by), created.timestamp() if created else 0.0, item.arn

    return max(candidates, key=rank, default=None)


def token(fields: t.Mapping[str, t.Any], former: t.Collection[str], salt: str = "") -> str:
    """The idempotency token of a request: the same for the same wish, another once a certificate has failed.

    ``former`` are the ARNs that the name had already: within the hour in which ACM remembers a token, it
    would otherwise answer with one of them.
    """
    text = json.dumps([fields, sorted(former), salt], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def request(acm, fields: t.Mapping[str, t.Any], former: t.Collection[str]) -> str:
    """Request one certificate; its ARN. Asked again within the hour, ACM answers with the same one."""
    arguments: dict[str, t.Any] = {
        "DomainName": fields["domain"],
        "ValidationMethod": "DNS",
        "KeyAlgorithm": fields["key_algorithm"],
        "Options": {"CertificateTransparencyLoggingPreference": preference(fields)},
        "Tags": ansible_dict_to_boto3_tag_list(fields["tags"]),
    }
    if fields["alternative_names"]:
        arguments["SubjectAlternativeNames"] = [fields["domain"], *fields["alternative_names"]]
    return acm.request_certificate(IdempotencyToken=token(fields, former), **arguments)["CertificateArn"]


def preference(fields: t.Mapping[str, t.Any]) -> str:
    """ACM's word for the wish to be in a certificate transparency log."""
    return "ENABLED" if fields["transparency_logging"] else "DISABLED"


def update(acm, action: Action) -> None:
    """Change what ACM can change in place: tags and transparency logging."""
    fields, owned = action.context
    if "transparency_logging" in action.after:
        acm.update_certificate_options(
            CertificateArn=owned.arn, Options={"CertificateTransparencyLoggingPreference": preference(fields)}
        )
    if "tags" in action.after:
        put, gone = compare_aws_tags(owned.fields["tags"], fields["tags"], purge_tags=True)
        if put:
            acm.add_tags_to_certificate(CertificateArn=owned.arn, Tags=ansible_dict_to_boto3_tag_list(put))
        if gone:
            acm.remove_tags_from_certificate(CertificateArn=owned.arn, Tags=[{"Key": key} for key in gone])


def delete(acm, action: Action) -> None:
    """Delete a certificate that nothing uses; one that is gone already is fine."""
    try:
        acm.delete_certificate(CertificateArn=action.context.arn)
    except is_boto3_error_code("ResourceNotFoundException"):
        return


def has_records(detail: t.Mapping[str, t.Any] | None) -> bool:
    """Whether ACM knows how every domain of a certificate is validated, or never will."""
    if detail is None:
        return False
    options = detail.get("DomainValidationOptions") or []
    ready = bool(options) and all(option.get("ResourceRecord") for option in options)
    return ready or detail["Status"] != USABLE[1]


def request_and_describe(acm, action: Action) -> dict[str, t.Any]:
    """Request a certificate and wait until ACM shows its validation records."""
    fields, former = action.context
    arn = request(acm, fields, former)
    detail = poll(lambda: describe(acm, arn), has_records, RECORDS_TIMEOUT, longest=5)
    if detail is None or not has_records(detail):
        raise InputError(
            f"AWS has shown no validation records of {arn} for {RECORDS_TIMEOUT} seconds; the next run goes on."
        )
    return detail


def apply(acm, planned: Planned, platform: str) -> tuple[Application, dict[str, Owned]]:
    """Carry a plan out; the application, and the certificates that serve each name afterwards."""
    app = application(planned.plan, workers=4)
    serving = {name: owned for name, owned in planned.current.items() if owned}
    asked = planned.plan.only(verbs=(CREATE, REPLACE))
    for action, detail in zip(asked, app.run(asked, lambda action: request_and_describe(acm, action))):
        fields = action.context[0]
        serving[action.name] = Owned(action.name, fields, detail)
    app.run(planned.plan.only(verbs=(UPDATE,)), lambda action: update(acm, action))
    app.run(planned.plan.only(verbs=(DELETE,)), lambda action: delete(acm, action))
    return app, serving


def why_not_issued(detail: t.Mapping[str, t.Any] | None, timeout: int) -> str:
    """A sentence for a certificate that was waited for and is not issued."""
    if detail is None:
        return "it was deleted while it was waited for."
    if detail["Status"] == USABLE[1]:
        waiting = ", ".join(
            sorted(
                o["DomainName"]
                for o in detail.get("DomainValidationOptions", [])
                if o.get("ValidationStatus") != "SUCCESS"
            )
        )
        return (
            f"it is still {USABLE[1]} after {timeout} seconds because of {waiting or detail['DomainName']}; its "
            "validation records must be found in the public DNS."
        )
    reason = detail.get("FailureReason", "no reason given")
    meaning = f", which means that {FAILURES[reason]}" if reason in FAILURES else ""
    return f"its status is {detail['Status']} ({reason}{meaning}); the next run requests it anew."


def wait_issued(acm, app: Application, serving: dict[str, Owned], timeout: int) -> dict[str, Owned]:
    """Wait until every certificate is issued; :class:`ApplyError` says of each that is not why."""
    names = [name for name, owned in serving.items() if owned.status == USABLE[1]]
    latest: dict[str, t.Any] = {name: serving[name].detail for name in names}

    def look() -> list[str]:
        waiting = [name for name, detail in latest.items() if detail and detail["Status"] == USABLE[1]]
        latest.update(zip(waiting, concurrently(*[lambda n=n: describe(acm, serving[n].arn) for n in waiting])))
        return [name for name, detail in latest.items() if detail and detail["Status"] == USABLE[1]]

    if names:
        poll(look, lambda waiting: not waiting, timeout)
    failed = []
    for name, detail in latest.items():
        if detail and detail["Status"] == USABLE[0]:
            serving[name] = serving[name]._replace(detail=detail)
        else:
            failed.append((Action("issue", KIND, name), why_not_issued(detail, timeout)))
    if failed:
        raise ApplyError(app.done, failed, [])
    return serving


def refuse_in_use(
    acm, platform: str, wait: bool, timeout: int, check: bool, ignore: t.Sequence[str] = ()
) -> list[Owned]:
    """What the platform owns, once nothing uses it.

    AWS learns some minutes late that a listener is gone, so ``wait`` gives it ``timeout`` seconds. What is in
    use then is an :class:`InputError` that names it and its users. In check mode with ``wait`` the users are
    taken to be on their way out.
    """
    owned = [item for item in observe(acm, platform) if not ignored(item.name, ignore)]

    def look() -> list[Owned]:
        used = [item for item in owned if item.in_use_by]
        details = concurrently(*[lambda arn=item.arn: describe(acm, arn) for item in used])
        fresh = {item.arn: detail for item, detail in zip(used, details)}
        owned[:] = [
            item._replace(detail=fresh.get(item.arn, item.detail)) for item in owned if fresh.get(item.arn, item.detail)
        ]
        return [item for item in owned if item.in_use_by]

    used = [item for item in owned if item.in_use_by]
    if used and wait and not check:
        used = poll(look, lambda left: not left, timeout)
    if used and not (check and wait):
        users = "; ".join(f"{item.name} by {', '.join(item.in_use_by)}" for item in used)
        raise InputError(f"certificates: what is in use cannot be deleted, and these are: {users}.")
    return owned


def result(
    planned: Planned,
    wanted: t.Mapping[str, Fields],
    serving: t.Mapping[str, Owned],
    deleted: t.Collection[str],
    expiry_days: int,
) -> dict[str, t.Any]:
    """The module's result beside plan and diff; ``deleted`` are the ARNs that a carried-out plan removed."""
    certificates = {}
    for name, fields in wanted.items():
        owned = serving.get(name)
        certificates[name] = shown(fields, owned)
    now = datetime.datetime.now(datetime.UTC)
    expiring, failures = [], []
    for name in sorted(serving):
        detail = serving[name].detail
        ends = detail.get("NotAfter") if detail["Status"] == USABLE[0] else None
        summary = detail.get("RenewalSummary") or {}
        row = {
            "name": name,
            "arn": serving[name].arn,
            "not_after": timestamp(ends),
            "days": (ends - now).days if ends else None,
            "renewal_status": summary.get("RenewalStatus"),
            "renewal_reason": summary.get("RenewalStatusReason"),
        }
        if ends and row["days"] < expiry_days:
            expiring.append(row)
        if row["renewal_status"] == "FAILED":
            failures.append(row)
    return {
        "certificates": certificates,
        "superseded": [
            {"name": o.name, "arn": o.arn, "status": o.status, "reason": reason, "in_use_by": o.in_use_by}
            for o, reason in planned.superseded
            if o.arn not in deleted
        ],
        "expiring": expiring,
        "renewal_failures": failures,
    }


def shown(fields: t.Mapping[str, t.Any], owned: Owned | None) -> dict[str, t.Any]:
    """One certificate as the module returns it; the same keys whether it exists or not."""
    same = {key: fields[key] for key in ("domain", "alternative_names", "key_algorithm")}
    if owned is None:
        return {
            **same,
            "arn": KNOWN_AFTER_APPLY,
            "status": KNOWN_AFTER_APPLY,
            "validation_records": records_to_come(fields),
            "in_use_by": [],
            "not_after": KNOWN_AFTER_APPLY,
            "renewal_status": None,
        }
    return {
        **same,
        "arn": owned.arn,
        "status": owned.status,
        "validation_records": validation_records(owned.detail),
        "in_use_by": owned.in_use_by,
        "not_after": timestamp(owned.detail.get("NotAfter")),
        "renewal_status": (owned.detail.get("RenewalSummary") or {}).get("RenewalStatus"),
    }


def timestamp(moment: datetime.datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return moment.astimezone(datetime.UTC).isoformat() if moment else None


def ensure(acm, options: t.Mapping[str, t.Any], check: bool) -> tuple[Plan, dict[str, t.Any]]:
    """The module's work: ``options`` are its parameters. Returns the plan and the further result."""
    platform, ignore = options["platform"], options["ignore"]
    if options["state"] == "absent":
        owned = refuse_in_use(acm, platform, options["wait"], options["wait_timeout"], check, ignore)
        # in check mode what still has users is planned as if they were gone
        free = [o._replace(detail={**o.detail, "InUseBy": []}) for o in owned] if check else owned
        wanted: dict[str, Fields] = {}
        planned = plan(wanted, free, purge=True, ignore=ignore)
    else:
        wanted = desired(options["certificates"], platform, options["tags"])
        planned = plan(wanted, observe(acm, platform), purge=options["purge"], ignore=ignore)
    deleted = {action.context.arn for action in planned.plan.only(verbs=(DELETE,))}
    serving = {name: owned for name, owned in planned.current.items() if owned}
    if not check:
        app, serving = apply(acm, planned, platform)
        if options["wait"]:
            serving = wait_issued(acm, app, serving, options["wait_timeout"])
    return planned.plan, result(planned, wanted, serving, deleted, options["expiry_days"])
