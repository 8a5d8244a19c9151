# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The domains that tenants send mail from (SES identities), and SES's tenants, as one set.

SES v2 tells a domain's settings one domain a call, at one call a second. So what the batches of SES v1 and the tagging
service do not tell (key, configuration set, feedback, tenant, streams) is recorded as a hash in a tag, written last: a
domain whose tag has the wanted hash has the wanted settings, and one that was left half-made has not.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
import sys
import threading
import time
import typing as t

try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
except ImportError:  # private_der says what is missing, to those who give a key
    serialization = rsa = None

try:
    from publicsuffixlist import PublicSuffixList
except ImportError:  # validate says what is missing
    PublicSuffixList = None

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.iam import get_aws_account_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list, compare_aws_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    PLATFORM_TAG,
    application,
    client,
    declared_name,
    owned_tags,
    page_items,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import is_host_name, normal
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    UPDATE,
    Action,
    Fields,
    InputError,
    Plan,
    compare,
    concurrently,
    ignored,
    refuse,
)

KIND = "mail_domain"
TENANT = "mail_tenant"
SETTINGS_TAG = "mydigitalstructure:settings"
SINCE_TAG = "mydigitalstructure:since"
"""When the domain was made, for those who ask since when it waits; SES does not tell."""
TENANT_TAG = "mydigitalstructure:tenant"
"""A domain's tenant, so that a tenant whose last domain leaves can leave with it."""
SCOPE_TAG = "mydigitalstructure:scope"
"""Which set of the platform's a domain or tenant belongs to, so that a purge of one leaves the others alone."""
LEAVING_TAG = "mydigitalstructure:leaving"
"""The day (UTC, ISO 8601) on which a domain was found to be no longer declared; it is deleted ``grace_days`` later."""
MAX_TAGS = 42
"""Tags of a domain that are not ours; SES allows 50, and eight are ours (``Name`` among them)."""
SECRETS = 20
"""Secrets that one BatchGetSecretValue answers for."""
BATCH = 100
"""Identities that one GetIdentity...Attributes answers for."""
WORKERS = 16
TURNS = 5
"""How often a call that SES refuses takes its turn."""
RECORD_TTL = 3600

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
TENANT_NAME = re.compile(r"[A-Za-z0-9_-]+")
MX_FAILURE = {"use_default": "USE_DEFAULT_VALUE", "reject": "REJECT_MESSAGE"}
MX_FAILURE_V1 = {"UseDefaultValue": "use_default", "RejectMessage": "reject"}
SETTINGS = ("configuration_set", "dkim", "feedback_forwarding", "streams", "tenant")
"""The fields that no batch tells, and that the settings tag stands for."""


# --- input ----------------------------------------------------------------------------------------------------------


def private_der(text: str, where: str) -> tuple[str, str]:
    """The base64 DER forms of a private key, given as PEM or as base64, and of its public key."""
    if serialization is None:
        raise InputError(f"{where}: private_key needs the Python package cryptography, which is not there.")
    try:
        if "-----BEGIN" in text:
            key = serialization.load_pem_private_key(text.encode(), password=None)
        else:
            key = serialization.load_der_private_key(base64.b64decode("".join(text.split()), validate=True), None)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{where}: private_key cannot be read; an RSA key without a passphrase is allowed, as PEM or as "
            "base64 of its DER form."
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey) or not 1024 <= key.key_size <= 2048:
        raise InputError(f"{where}: private_key is not an RSA key of 1024 to 2048 bits, the only kind that SES takes.")
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(private).decode(), base64.b64encode(public).decode()


def where_of(item: t.Mapping[str, t.Any]) -> str:
    """How a refusal begins: with the place where the domain was declared, when that is known."""
    return f"{item.get('declared_at') or 'domains'}: {item['name']}"


def domain_name(given: str, where: str, suffixes) -> str:
    """A domain's name in normal form; :class:`InputError` unless somebody can own it.

    :arg where: the beginning of the sentence, up to the name.
    :arg suffixes: a PublicSuffixList.
    """
    name = normal(given, where)
    if not is_host_name(name):
        raise InputError(f"{where} {given!r} is not a domain; allowed is such as example.com.")
    if suffixes.is_public(name):
        raise InputError(f"{where} {given!r} is a public suffix, which nobody owns; a name below it is needed.")
    return name


def public_suffixes():
    """The list of public suffixes; only those of ICANN's part are nobody's."""
    if PublicSuffixList is None:
        raise InputError("domains: the Python package publicsuffixlist is not there, and is needed to check them.")
    return PublicSuffixList(only_icann=True)


def validate(domains: t.Sequence[t.Mapping[str, t.Any]], platform: str) -> None:
    """Raise :class:`InputError` for what SES cannot keep, but for keys, which :func:`desired` reads."""
    suffixes = public_suffixes()
    seen: dict[str, t.Mapping[str, t.Any]] = {}
    paused: dict[str, tuple[str, bool]] = {}
    for item in domains:
        given, tenant = item["name"], item.get("tenant")
        where = where_of(item)
        name = domain_name(given, f"{item.get('declared_at') or 'domains'}: name", suffixes)
        if name in seen:
            other = seen[name].get("tenant")
            whose = f" (of the tenants {other} and {tenant})" if other != tenant else ""
            raise InputError(f"domains: name {name!r} is there twice{whose}; each domain is allowed once.")
        seen[name] = item
        if tenant is not None:
            tenant_name(tenant, platform, f"{where}: tenant")
        if item["paused"] and tenant is None:
            raise InputError(f"{where}: paused is true, but it has no tenant; SES pauses tenants, not domains.")
        if tenant is not None:
            first, before = paused.setdefault(tenant, (name, item["paused"]))
            if before != item["paused"]:
                raise InputError(
                    f"{where}: paused {item['paused']} is not that of {first}; the domains of tenant {tenant} need "
                    "the same."
                )
        validate_mail(item, where)


def tenant_name(name: str, platform: str, where: str) -> None:
    """Raise :class:`InputError` for a tenant's name that SES does not take behind the platform's."""
    room = 64 - len(platform) - 1
    if not TENANT_NAME.fullmatch(name) or len(name) > room:
        raise InputError(
            f"{where} {name!r} is not allowed; it has 1 to {room} letters, digits, underscores and hyphens."
        )


def validate_mail(item: t.Mapping[str, t.Any], where: str) -> None:
    """Raise :class:`InputError` for a domain's DKIM, MAIL FROM, DMARC or tags that cannot work."""
    dkim = item["dkim"]
    if dkim["type"] == "external":
        selector = dkim.get("selector") or ""
        if not LABEL.fullmatch(selector):
            raise InputError(
                f"{where}: dkim selector {selector!r} is not allowed; it has 1 to 63 small letters, digits and hyphens."
            )
        if bool(dkim.get("private_key")) == bool(dkim.get("private_key_secret")):
            raise InputError(
                f"{where}: dkim private_key is missing; type external needs either it or private_key_secret."
            )
    subdomain = item["mail_from"]["subdomain"]
    if subdomain and not LABEL.fullmatch(subdomain):
        raise InputError(
            f"{where}: mail_from subdomain {subdomain!r} is not allowed; it is one label such as mail, or empty for "
            "none."
        )
    if item["dmarc"] and not item["dmarc"].startswith("v=DMARC1;"):
        raise InputError(
            f"{where}: dmarc {item['dmarc']!r} is not allowed; it begins with v=DMARC1; or is empty for none."
        )


class Wanted(t.NamedTuple):
    """A wanted domain: its fields in normal form, and what is no field: key, DMARC policy."""

    fields: Fields
    item: t.Mapping[str, t.Any]
    private_key: str
    public_key: str


def desired(
    domains: t.Sequence[t.Mapping[str, t.Any]],
    platform: str,
    tags: t.Mapping[str, str] | None = None,
    streams: t.Sequence[str] = (),
    scope: str = "",
    secrets: t.Mapping[str, str] | None = None,
) -> tuple[dict[str, Wanted], dict[str, Fields]]:
    """The wanted domains, keyed by name, and the wanted tenants' fields, keyed by declared name.

    :arg secrets: the keys that are in Secrets Manager, by what ``private_key_secret`` calls them.
    """
    validate(domains, platform)
    problems = []
    wanted: dict[str, Wanted] = {}
    tenants: dict[str, Fields] = {}
    for item in domains:
        name, tenant, dkim = normal(item["name"]), item.get("tenant"), item["dkim"]
        private_key = public_key = ""
        if dkim["type"] == "external":
            text = dkim.get("private_key") or (secrets or {}).get(dkim["private_key_secret"], "")
            try:
                private_key, public_key = private_der(text, where_of(item))
            except InputError as error:
                problems.append(str(error))
            key = f"external {dkim['selector']} {fingerprint(public_key)}"
        else:
            key = f"easy {dkim['key_length']}"
        mail_from = item["mail_from"]
        settings = {
            "configuration_set": f"{platform}-{item['configuration_set']}" if item.get("configuration_set") else None,
            "dkim": key,
            "feedback_forwarding": item["feedback_forwarding"],
            "streams": sorted({f"{platform}-{stream}" for stream in streams}) if tenant else [],
            "tenant": tenant,
        }
        further = {**(tags or {}), **item["tags"]}
        if len(further) > MAX_TAGS:
            raise InputError(f"{where_of(item)}: it has {len(further)} tags; at most {MAX_TAGS} are allowed.")
        ours = {TENANT_TAG: tenant, SCOPE_TAG: scope}
        fields = {
            **settings,
            "mail_from": f"{mail_from['subdomain']}.{name}" if mail_from["subdomain"] else None,
            "on_mx_failure": mail_from["on_mx_failure"] if mail_from["subdomain"] else "use_default",
            "settings": settings_hash(settings),
            "tags": owned_tags(platform, name, further, {key: value for key, value in ours.items() if value}),
        }
        wanted[name] = Wanted(fields, item, private_key, public_key)
        if tenant is not None:
            tenants[tenant] = {"paused": item["paused"]}
    refuse(problems)
    return wanted, tenants


def settings_hash(fields: t.Mapping[str, t.Any]) -> str:
    """The value of the settings tag for these settings."""
    text = json.dumps({name: fields[name] for name in SETTINGS}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint(public_key: str) -> str:
    """A public key's short name, for comparison and for people."""
    return hashlib.sha256(public_key.encode()).hexdigest()[:16]


# --- DNS ------------------------------------------------------------------------------------------------------------


def records(name: str, wanted: Wanted, tokens: t.Sequence[str], region: str) -> list[dict[str, t.Any]]:
    """The records that the domain's DNS needs, in the form of dns_zones; ``tokens`` are Easy DKIM's three."""
    found = []

    def add(owner: str, kind: str, value: str) -> None:
        found.append({"name": owner, "type": kind, "ttl": RECORD_TTL, "values": [value]})

    if wanted.public_key:
        add(f"{wanted.item['dkim']['selector']}._domainkey.{name}", "TXT", f"v=DKIM1; k=rsa; p={wanted.public_key}")
    else:
        for token in tokens:
            add(f"{token}._domainkey.{name}", "CNAME", f"{token}.dkim.amazonses.com")
    if wanted.fields["mail_from"]:
        add(wanted.fields["mail_from"], "MX", f"10 feedback-smtp.{region}.amazonses.com")
        add(wanted.fields["mail_from"], "TXT", "v=spf1 include:amazonses.com ~all")
    if wanted.item["dmarc"]:
        add(f"_dmarc.{name}", "TXT", wanted.item["dmarc"])
    return found


# --- reading --------------------------------------------------------------------------------------------------------


class Pace:
    """Keeps the calls of each operation so far apart that SES need not refuse them; 0 a second is no limit.

    Only operations on identities have the low quota; the others, on tenants and tags, go as they come. What counts is
    when calls really begin, and a little is added, because what comes a moment too early is refused and then waits
    much longer.
    """

    MARGIN = 1.05

    def __init__(self, per_second: float) -> None:
        self.interval = self.MARGIN / per_second if per_second else 0.0
        self.lock = threading.Lock()
        self.queues: dict[str, threading.Lock] = {}
        self.last: dict[str, float] = {}

    def __call__(self, operation: str) -> None:
        if not self.interval or "identit" not in operation:
            return
        with self.lock:
            queue = self.queues.setdefault(operation, threading.Lock())
        with queue:
            begun = self.last.get(operation)
            if begun is not None:
                time.sleep(max(0.0, begun + self.interval - time.monotonic()))
            self.last[operation] = time.monotonic()


class Reader:
    """What AWS says; ``account`` and ``partition`` are those of ARNs."""

    def __init__(self, module: AnsibleAWSModule, pace: Pace) -> None:
        # SES has a quota an operation
        self.v2, self.v1 = client(module, "sesv2", "standard"), client(module, "ses", "standard")
        self.tagging = client(module, "resourcegroupstaggingapi")
        self.platform, self.region, self.pace = module.params["platform"], module.region, pace
        self.account, self.partition = get_aws_account_info(module)

    def arn(self, kind: str, name: str) -> str:
        return f"arn:{self.partition}:ses:{self.region}:{self.account}:{kind}/{name}"

    def names(self) -> list[str]:
        """Every domain in the account, whoever's."""
        listed = page_items(self.v2, "list_email_identities", "EmailIdentities", PageSize=1000)
        return [item["IdentityName"] for item in listed if item["IdentityType"] == "DOMAIN"]

    def tagged(self, kind: str = "identity") -> dict[str, dict[str, str]]:
        """The tags of the platform's domains, or of another kind of its things, by what SES calls them.

        They are those that the tagging service knows; it learns late.
        """
        found = page_items(
            self.tagging,
            "get_resources",
            "ResourceTagMappingList",
            TagFilters=[{"Key": PLATFORM_TAG, "Values": [self.platform]}],
            ResourceTypeFilters=[f"ses:{kind}"],
            ResourcesPerPage=100,
        )
        return {
            item["ResourceARN"].rpartition(f"{kind}/")[2]: {
                # the same few keys ten thousand times
                sys.intern(key): value
                for key, value in tags_of(item).items()
            }
            for item in found
        }

    def tenants(self) -> dict[str, dict[str, t.Any]]:
        """ARN and ``SendingStatus`` of the tenants whose names begin with the platform's, by declared name."""
        prefix = f"{self.platform}-"
        kept = ("TenantArn", "SendingStatus")
        own = {
            item["TenantName"].removeprefix(prefix): {key: item[key] for key in kept if key in item}
            for item in page_items(self.v2, "list_tenants", "Tenants", PageSize=100)
            if item["TenantName"].startswith(prefix)
        }
        if all("SendingStatus" in item for item in own.values()):
            return own
        # an earlier botocore does not know this field of the list
        entities = pages(self.v2, "list_reputation_entities", "ReputationEntities", PageSize=100)
        sending = {item["ReputationEntityReference"]: item.get("SendingStatusAggregate") for item in entities}
        return {name: {"SendingStatus": sending.get(item["TenantArn"]), **item} for name, item in own.items()}

    def owned_tenants(self, names: t.Sequence[str], scope: str) -> set[str]:
        """Which of these tenants carry the tags of the platform and the scope."""

        def owned(name: str) -> bool:
            try:
                found = self.v2.get_tenant(TenantName=f"{self.platform}-{name}")["Tenant"]
            except is_boto3_error_code("NotFoundException"):
                return False
            tags = tags_of(found)
            return declared_name(tags, self.platform) is not None and tags.get(SCOPE_TAG, "") == scope

        answers = concurrently(*[lambda name=name: owned(name) for name in names])
        return {name for name, answer in zip(names, answers) if answer}

    def batches(self, method: str, key: str, names: t.Sequence[str]) -> dict[str, dict[str, t.Any]]:
        """What an SES v1 GetIdentity...Attributes says of each of the domains."""
        found: dict[str, dict[str, t.Any]] = {}
        for start in range(0, len(names), BATCH):
            self.pace(method)
            found.update(getattr(self.v1, method)(Identities=list(names[start : start + BATCH]))[key])
        return found

    def verification(self, names: t.Sequence[str]) -> tuple[dict[str, dict[str, t.Any]], dict[str, dict[str, t.Any]]]:
        """SES v1's DKIM and MAIL FROM attributes of each of the domains."""
        dkim, mail_from = concurrently(
            lambda: self.batches("get_identity_dkim_attributes", "DkimAttributes", names),
            lambda: self.batches("get_identity_mail_from_domain_attributes", "MailFromDomainAttributes", names),
        )
        return dkim, mail_from

    def detail(self, name: str) -> dict[str, t.Any] | None:
        """GetEmailIdentity's answer; None when there is no such domain (any more)."""
        self.pace("get_email_identity")
        try:
            return self.v2.get_email_identity(EmailIdentity=name)
        except is_boto3_error_code("NotFoundException"):
            return None

    def settings(self, name: str, wanted: Wanted, detail: t.Mapping[str, t.Any]) -> Fields:
        """The settings that a domain really has."""
        arn, prefix = self.arn("identity", name), f"{self.platform}-"
        of = [
            item["TenantName"] for item in pages(self.v2, "list_resource_tenants", "ResourceTenants", ResourceArn=arn)
        ]
        own = sorted(tenant.removeprefix(prefix) for tenant in of if tenant.startswith(prefix))
        tenant = wanted.fields["tenant"] if wanted.fields["tenant"] in own else (own[0] if own else None)
        streams: list[str] = []
        if tenant:
            resources = pages(
                self.v2,
                "list_tenant_resources",
                "TenantResources",
                TenantName=prefix + tenant,
                Filter={"RESOURCE_TYPE": "CONFIGURATION_SET"},
            )
            streams = sorted(item["ResourceArn"].rpartition("/")[2] for item in resources)
        return {
            "configuration_set": detail.get("ConfigurationSetName") or None,
            "dkim": present_key(detail, wanted),
            "feedback_forwarding": bool(detail.get("FeedbackForwardingStatus")),
            # further streams of a tenant are somebody's wish too
            "streams": wanted.fields["streams"] if set(wanted.fields["streams"]) <= set(streams) else streams,
            "tenant": tenant,
        }


def present_key(detail: t.Mapping[str, t.Any], wanted: Wanted) -> str:
    """The key that a domain signs with, as far as SES tells: of a key of one's own, it tells the selector alone."""
    attributes = detail.get("DkimAttributes") or {}
    if attributes.get("SigningAttributesOrigin") == "EXTERNAL":
        selector = (attributes.get("Tokens") or [""])[0]
        recorded = tags_of(detail).get(SETTINGS_TAG) == wanted.fields["settings"]
        same = recorded and wanted.fields["dkim"].startswith(f"external {selector} ")
        return wanted.fields["dkim"] if same else f"external {selector} unknown"
    length = attributes.get("NextSigningKeyLength") or attributes.get("CurrentSigningKeyLength") or "RSA_2048_BIT"
    return f"easy {length.split('_')[1]}"


class Observed(t.NamedTuple):
    """What is there: the platform's domains and tenants, and domains that somebody else has.

    ``since`` is when each domain was made (ISO 8601), where a tag tells.
    """

    domains: dict[str, Fields]
    tenants: dict[str, dict[str, t.Any]]
    foreign: frozenset[str]
    since: dict[str, str]
    dkim: dict[str, dict[str, t.Any]]
    mail_from: dict[str, dict[str, t.Any]]


def observe(
    reader: Reader,
    wanted: t.Mapping[str, Wanted],
    verify_settings: bool = False,
    purged: str | None = None,
) -> Observed:
    """Read the set with lists and batches; only what those leave open costs a domain a call of its own.

    :arg purged: the scope that is to be purged, so that tenants without a domain (a run was killed between the two)
        are asked whether they belong to it.
    """
    names, tagged, tenants = concurrently(reader.names, reader.tagged, reader.tenants)
    there = set(names)
    tags = {name: found for name, found in tagged.items() if name in there}
    # the tagging service may not know yet of what was made a moment ago
    unsure = sorted(name for name in there & set(wanted) if name not in tags)
    stale = sorted(
        name
        for name in set(wanted) & set(tags)
        if verify_settings or tags[name].get(SETTINGS_TAG) != wanted[name].fields["settings"]
    )
    asked = [*unsure, *stale]
    details = dict(zip(asked, concurrently(*[lambda name=name: reader.detail(name) for name in asked])))
    details = {name: detail for name, detail in details.items() if detail is not None}
    foreign = frozenset(
        n for n in unsure if n in details and declared_name(tags_of(details[n]), reader.platform) is None
    )
    for name, detail in details.items():
        if name not in foreign:
            tags[name] = tags_of(detail)
    own = sorted(name for name in tags if name not in asked or name in details)
    dkim, mail_from = reader.verification(own)
    open_ones = [name for name in own if name in details]
    settings = dict(
        zip(
            open_ones,
            concurrently(*[lambda name=name: reader.settings(name, wanted[name], details[name]) for name in open_ones]),
        )
    )
    domains = {}
    for name in own:
        sender = mail_from.get(name, {})
        known = wanted[name].fields if name in wanted else dict.fromkeys(SETTINGS)
        domains[name] = {
            **{key: known[key] for key in SETTINGS},
            **settings.get(name, {}),
            "mail_from": sender.get("MailFromDomain") or None,
            "on_mx_failure": MX_FAILURE_V1[sender.get("BehaviorOnMXFailure") or "UseDefaultValue"],
            "settings": tags[name].get(SETTINGS_TAG),
            "tags": {k: v for k, v in tags[name].items() if k not in (SETTINGS_TAG, SINCE_TAG) and k[:4] != "aws:"},
        }
    if purged is not None:
        claimed = {w.fields["tenant"] for w in wanted.values()} | {found.get(TENANT_TAG) for found in tags.values()}
        unclaimed = sorted(set(tenants) - claimed)
        dropped = set(unclaimed) - reader.owned_tenants(unclaimed, purged)
        tenants = {name: item for name, item in tenants.items() if name not in dropped}
    since = {name: found[SINCE_TAG] for name, found in tags.items() if SINCE_TAG in found}
    return Observed(domains, tenants, foreign, since, dkim, mail_from)


# --- plan -----------------------------------------------------------------------------------------------------------


class Leaving(t.NamedTuple):
    """How domains leave that are no longer declared. The names are those of tenants, or of domains.

    ``offboard`` are meant to leave, ``offboard_now`` without the grace; neither counts for ``max_leaving``, the
    percentage of the domains that may begin to leave in a run.
    """

    grace_days: int = 0
    offboard: t.Collection[str] = ()
    offboard_now: t.Collection[str] = ()
    max_leaving: int = 100
    today: datetime.date = datetime.date.min

    def since(self, tags: t.Mapping[str, str]) -> datetime.date:
        """The day on which a domain with these tags began to leave; today when it has not, or nobody can read it."""
        try:
            return datetime.date.fromisoformat(tags.get(LEAVING_TAG, ""))
        except ValueError:
            return self.today

    def until(self, tags: t.Mapping[str, str]) -> datetime.date:
        """The day on which such a domain is deleted."""
        return self.since(tags) + datetime.timedelta(days=self.grace_days)

    def due(self, name: str, tags: t.Mapping[str, str]) -> bool:
        told = {name, tags.get(TENANT_TAG)} & set(self.offboard_now)
        return not self.grace_days or bool(told) or self.until(tags) <= self.today


AT_ONCE = Leaving()
"""No grace and no limit."""


def check_leaving(undeclared: t.Mapping[str, Fields], total: int, leaving: Leaving) -> None:
    """Refuse that more domains begin to leave than may, as when the source of their names was emptied."""
    told = {*leaving.offboard, *leaving.offboard_now}
    begin = sorted(
        name
        for name, fields in undeclared.items()
        if LEAVING_TAG not in fields["tags"] and not {name, fields["tags"].get(TENANT_TAG)} & told
    )
    most = max(1, total * leaving.max_leaving // 100)
    if leaving.max_leaving < 100 and (len(begin) > most or begin and len(begin) == total):
        more = f" and {len(begin) - 3} more" if len(begin) > 3 else ""
        raise InputError(
            f"max_leaving: {leaving.max_leaving} percent is less than {len(begin)} of {total} domains, which are no "
            f"longer declared ({', '.join(begin[:3])}{more}); declare them, name those that are meant to leave in "
            "offboard, or allow more."
        )


def check_owner(wanted: t.Mapping[str, Wanted], observed: Observed, scope: str) -> None:
    """Refuse domains that are somebody else's, or another scope's of the platform."""
    problems = []
    for name, item in sorted(wanted.items()):
        if name in observed.foreign:
            problems.append(
                f"{where_of(item.item)}: an SES identity of that name is there already and does not carry the "
                "platform's tag, so it is somebody else's; only a domain that is not in the account, or the "
                "platform's, is allowed."
            )
            continue
        theirs = observed.domains[name]["tags"].get(SCOPE_TAG, "") if name in observed.domains else scope
        if theirs != scope:
            problems.append(
                f"{where_of(item.item)}: the domain belongs to the platform's scope {theirs!r}, not to {scope!r}; "
                "declare it in one of them only."
            )
    refuse(problems)


def plan(
    wanted: t.Mapping[str, Wanted],
    tenants: t.Mapping[str, Fields],
    observed: Observed,
    *,
    purge: bool = False,
    ignore: t.Iterable[str] = (),
    purge_only: t.Collection[str] | None = None,
    scope: str = "",
    leaving: Leaving = AT_ONCE,
) -> Plan:
    """Plan domains and tenants. ``purge_only`` confines removals to domains of these names, and their tenants."""
    ignore = tuple(ignore)
    check_owner(wanted, observed, scope)
    own = {n: f for n, f in observed.domains.items() if n in wanted or f["tags"].get(SCOPE_TAG, "") == scope}
    undeclared = {n: f for n, f in own.items() if purge and n not in wanted and not ignored(n, ignore)}
    if purge_only is not None:
        undeclared = {n: f for n, f in undeclared.items() if n in purge_only}
    check_leaving(undeclared, len(own), leaving)
    marked = {
        name: {"tags": {**fields["tags"], LEAVING_TAG: leaving.since(fields["tags"]).isoformat()}}
        for name, fields in undeclared.items()
        if not leaving.due(name, fields["tags"])
    }
    present = {n: f for n, f in own.items() if n in wanted or n in undeclared}
    domains = compare(KIND, {**{n: w.fields for n, w in wanted.items()}, **marked}, present, purge=purge, ignore=ignore)
    # a domain that stays keeps its tenant
    deleted = {action.name for action in domains.only(KIND, verbs=[DELETE])}
    kept = {
        fields["tags"].get(TENANT_TAG)
        for name, fields in observed.domains.items()
        if name not in deleted and (name not in wanted or ignored(name, ignore))
    }
    left = {own[name]["tags"].get(TENANT_TAG) for name in marked} - {None}
    tenants = {**{name: {"paused": True} for name in left if name in observed.tenants}, **tenants}
    there = {
        name: {"paused": item.get("SendingStatus") == "DISABLED"}
        for name, item in observed.tenants.items()
        if name in tenants or name not in kept
    }
    if purge_only is not None:
        emptied = {observed.domains[name]["tags"].get(TENANT_TAG) for name in purge_only if name in observed.domains}
        there = {name: fields for name, fields in there.items() if name in tenants or name in emptied}
    return compare(TENANT, tenants, there, purge=purge, ignore=ignore) + domains


# --- apply ----------------------------------------------------------------------------------------------------------


class Apply:
    """Carries a plan out."""

    def __init__(self, reader: Reader, wanted: t.Mapping[str, Wanted], observed: Observed, scope: str) -> None:
        self.scope = scope
        self.reader, self.ses, self.pace = reader, reader.v2, reader.pace
        self.wanted, self.observed, self.platform = wanted, observed, reader.platform
        self.now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def __call__(self, whole: Plan) -> None:
        work = application(whole, WORKERS)
        work.run(whole.only(TENANT, verbs=[CREATE]), self.create_tenant)
        work.run(whole.only(TENANT, verbs=[UPDATE]), self.update_tenant)
        work.run(whole.only(KIND, verbs=[CREATE, UPDATE]), self.put_domain)
        work.run(whole.only(KIND, verbs=[DELETE]), self.delete_domain)
        work.run(whole.only(TENANT, verbs=[DELETE]), self.delete_tenant)

    def call(self, operation: str, **arguments: t.Any) -> dict[str, t.Any]:
        """Make a call in its turn; one that SES refuses, and botocore's own retries with it, gets another turn.

        Those retries come between the turns of the others, which leave nothing of the quota to them.
        """
        for left in reversed(range(TURNS)):
            self.pace(operation)
            try:
                return getattr(self.ses, operation)(**arguments)
            except is_boto3_error_code("TooManyRequestsException"):
                if not left:
                    raise
        raise AssertionError("the last turn returns or raises")

    def aws_tenant(self, name: str) -> str:
        return f"{self.platform}-{name}"

    def create_tenant(self, action: Action) -> None:
        tags = owned_tags(self.platform, action.name, {SCOPE_TAG: self.scope} if self.scope else None)
        made = self.call(
            "create_tenant", TenantName=self.aws_tenant(action.name), Tags=ansible_dict_to_boto3_tag_list(tags)
        )
        if action.after["paused"]:
            self.send(made["TenantArn"], False)

    def update_tenant(self, action: Action) -> None:
        self.send(self.observed.tenants[action.name]["TenantArn"], not action.after["paused"])

    def send(self, arn: str, enabled: bool) -> None:
        self.call(
            "update_reputation_entity_customer_managed_status",
            ReputationEntityType="RESOURCE",
            ReputationEntityReference=arn,
            SendingStatus="ENABLED" if enabled else "DISABLED",
        )

    def delete_tenant(self, action: Action) -> None:
        try:
            self.call("delete_tenant", TenantName=self.aws_tenant(action.name))
        except is_boto3_error_code("NotFoundException"):
            pass

    def put_domain(self, action: Action) -> None:
        """Make or change a domain; the tag that says that its settings are the wanted ones is written last."""
        if action.name not in self.wanted:
            self.mark_leaving(action)
            return
        name, fields, changed = action.name, self.wanted[action.name].fields, set(action.after)
        present = self.observed.domains.get(name)
        if present is None:
            self.create_domain(name)
            changed -= {"dkim", "configuration_set", "tags"}
        identity = {"EmailIdentity": name}
        if "dkim" in changed:
            origin, attributes = self.signing(name)
            self.call(
                "put_email_identity_dkim_signing_attributes",
                **identity,
                SigningAttributesOrigin=origin,
                SigningAttributes=attributes,
            )
        if "configuration_set" in changed:
            stream = {"ConfigurationSetName": fields["configuration_set"]} if fields["configuration_set"] else {}
            self.call("put_email_identity_configuration_set_attributes", **identity, **stream)
        if "feedback_forwarding" in changed and not (present is None and fields["feedback_forwarding"]):
            self.call(
                "put_email_identity_feedback_attributes",
                **identity,
                EmailForwardingEnabled=fields["feedback_forwarding"],
            )
        if changed & {"mail_from", "on_mx_failure"} and (present or fields["mail_from"]):
            sender = {"MailFromDomain": fields["mail_from"]} if fields["mail_from"] else {}
            behaviour = MX_FAILURE[fields["on_mx_failure"]]
            self.call("put_email_identity_mail_from_attributes", **identity, **sender, BehaviorOnMxFailure=behaviour)
        if changed & {"tenant", "streams"}:
            self.associate(name, present)
        self.tag(name, present)

    def create_domain(self, name: str) -> None:
        fields = self.wanted[name].fields
        stream = {"ConfigurationSetName": fields["configuration_set"]} if fields["configuration_set"] else {}
        self.call(
            "create_email_identity",
            EmailIdentity=name,
            DkimSigningAttributes=self.signing(name)[1],
            Tags=ansible_dict_to_boto3_tag_list({**fields["tags"], SINCE_TAG: self.now}),
            **stream,
        )

    def signing(self, name: str) -> tuple[str, dict[str, str]]:
        """SES's SigningAttributesOrigin and DkimSigningAttributes."""
        wanted = self.wanted[name]
        if wanted.private_key:
            selector = wanted.item["dkim"]["selector"]
            return "EXTERNAL", {"DomainSigningSelector": selector, "DomainSigningPrivateKey": wanted.private_key}
        return "AWS_SES", {"NextSigningKeyLength": f"RSA_{wanted.fields['dkim'].split()[1]}_BIT"}

    def associate(self, name: str, present: Fields | None) -> None:
        """Give the domain and the streams to its tenant, and take the domain from the tenant that it had."""
        fields, arn = self.wanted[name].fields, self.reader.arn("identity", name)
        former = present["tenant"] if present else None
        if former and former != fields["tenant"]:
            self.dissociate(former, arn)
        if fields["tenant"]:
            sets = [self.reader.arn("configuration-set", stream) for stream in fields["streams"]]
            for resource in [arn, *sets]:
                try:
                    self.call(
                        "create_tenant_resource_association",
                        TenantName=self.aws_tenant(fields["tenant"]),
                        ResourceArn=resource,
                    )
                except is_boto3_error_code("AlreadyExistsException"):
                    pass

    def dissociate(self, tenant: str, arn: str) -> None:
        try:
            self.call("delete_tenant_resource_association", TenantName=self.aws_tenant(tenant), ResourceArn=arn)
        except is_boto3_error_code("NotFoundException"):
            pass

    def tag(self, name: str, present: Fields | None) -> None:
        fields, arn = self.wanted[name].fields, self.reader.arn("identity", name)
        before = {**present["tags"], SETTINGS_TAG: present["settings"]} if present else dict(fields["tags"])
        added, removed = compare_aws_tags(
            {key: value for key, value in before.items() if value is not None},
            {**fields["tags"], SETTINGS_TAG: fields["settings"]},
        )
        if removed:
            self.call("untag_resource", ResourceArn=arn, TagKeys=removed)
        if added:
            self.call("tag_resource", ResourceArn=arn, Tags=ansible_dict_to_boto3_tag_list(added))

    def mark_leaving(self, action: Action) -> None:
        day = {LEAVING_TAG: action.after["tags"][LEAVING_TAG]}
        arn = self.reader.arn("identity", action.name)
        self.call("tag_resource", ResourceArn=arn, Tags=ansible_dict_to_boto3_tag_list(day))

    def delete_domain(self, action: Action) -> None:
        tenant = action.before["tags"].get(TENANT_TAG)
        if tenant:
            self.dissociate(tenant, self.reader.arn("identity", action.name))
        try:
            self.call("delete_email_identity", EmailIdentity=action.name)
        except is_boto3_error_code("NotFoundException"):
            pass


# --- the whole ------------------------------------------------------------------------------------------------------


def own_tenants(reader: Reader, whole: Plan, observed: Observed) -> None:
    """Refuse to touch a tenant that has the platform's name before its own but not its tag."""
    touched = {a.name for a in whole.only(TENANT, verbs=[UPDATE, DELETE])}
    touched |= {a.after["tenant"] for a in whole.only(KIND, verbs=[CREATE, UPDATE]) if a.after.get("tenant")}
    names = sorted(touched & set(observed.tenants))
    answers = concurrently(
        *[lambda name=name: reader.v2.get_tenant(TenantName=f"{reader.platform}-{name}")["Tenant"] for name in names]
    )
    for name, answer in zip(names, answers):
        if declared_name(tags_of(answer), reader.platform) is None:
            raise InputError(
                f"domains: tenant {name!r}: SES has a tenant {reader.platform}-{name} that does not carry the "
                "platform's tag, so it is somebody else's; only a name that is free is allowed."
            )


def told(
    name: str,
    wanted: Wanted,
    reader: Reader,
    dkim: t.Mapping[str, t.Any] | None,
    sender: t.Mapping[str, t.Any],
    since: str | None,
) -> dict[str, t.Any]:
    """A domain as the module returns it; ``dkim`` is None for one that does not exist yet."""
    fields = wanted.fields
    tokens = [f"{KNOWN_AFTER_APPLY}-{n}" for n in (1, 2, 3)] if dkim is None else dkim.get("DkimTokens") or []
    status = dkim["DkimVerificationStatus"].lower() if dkim else "notstarted"
    result = {
        "arn": reader.arn("identity", name),
        "configuration_set": fields["configuration_set"],
        "dkim_status": status,
        "mail_from": fields["mail_from"],
        "mail_from_status": sender.get("MailFromDomainStatus", "Pending").lower() if fields["mail_from"] else None,
        "paused": wanted.item["paused"],
        "records": records(name, wanted, tokens, reader.region),
        "tenant": fields["tenant"],
        "verified": status == "success",
    }
    return {**result, "waiting_since": None if settled(result) else since}


def settled(result: t.Mapping[str, t.Any]) -> bool:
    """Whether all records of a domain, as the module returns it, were found."""
    return result["verified"] and result["mail_from_status"] in (None, "success")


def account(ses, region: str) -> tuple[dict[str, t.Any], str]:
    """What the account may send, and a warning when it is in the sandbox."""
    answer = ses.get_account()
    quota = answer.get("SendQuota") or {}
    sandbox = not answer.get("ProductionAccessEnabled", False)
    warning = (
        f"SES in {region} is in the sandbox: it sends only to verified addresses, at most "
        f"{quota.get('Max24HourSend', 0):.0f} mails a day; ask AWS for production access (SES console, Account "
        "dashboard)."
    )
    return {
        "sandbox": sandbox,
        "sending": bool(answer.get("SendingEnabled")),
        "max_24_hours": quota.get("Max24HourSend"),
        "max_per_second": quota.get("MaxSendRate"),
        "sent_24_hours": quota.get("SentLast24Hours"),
    }, warning if sandbox else ""


def read_secrets(module: AnsibleAWSModule, domains: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, str]:
    """The private keys that are in Secrets Manager, by the names or ARNs that the domains have for them."""
    users = {item["dkim"]["private_key_secret"]: item for item in domains if item["dkim"].get("private_key_secret")}
    if not users:
        return {}
    names, keys, problems = sorted(users), {}, []
    manager = client(module, "secretsmanager")
    for start in range(0, len(names), SECRETS):
        batch = names[start : start + SECRETS]
        answer = manager.batch_get_secret_value(SecretIdList=batch)
        for item in answer["SecretValues"]:
            for name in {item["Name"], item["ARN"]} & set(batch):
                keys[name] = item.get("SecretString", "")
        why = {item["SecretId"]: item.get("Message", "") for item in answer.get("Errors", [])}
        problems += [
            f"{where_of(users[name])}: dkim private_key_secret {name!r} cannot be read from Secrets Manager"
            f"{f' ({why[name].rstrip(chr(46))})' if why.get(name) else ''}; name a secret whose text is the key."
            for name in batch
            if name not in keys
        ]
    refuse(problems)
    return keys


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The module's plan, applied unless in check mode, and the domains keyed by name."""
    options = module.params
    absent = options["state"] == "absent"
    if options["calls_per_second"] < 0:
        raise InputError(
            f"calls_per_second: {options['calls_per_second']} is not allowed; it is 0 for no limit, or more."
        )
    if options["grace_days"] < 0 or not 0 <= options["max_leaving"] <= 100:
        raise InputError(
            f"grace_days: {options['grace_days']} and max_leaving: {options['max_leaving']} are not both allowed; "
            "those are 0 days or more, and 0 to 100 percent."
        )
    validate(options["domains"], options["platform"])
    scope, secrets = options["scope"] or "", read_secrets(module, options["domains"])
    given, given_tenants = desired(
        options["domains"], options["platform"], options["tags"], options["streams"], scope, secrets
    )
    wanted, tenants = ({}, {}) if absent else (given, given_tenants)
    reader = Reader(module, Pace(options["calls_per_second"]))
    purge = absent or options["purge"]
    observed = observe(reader, wanted, options["verify_settings"], scope if purge else None)
    ignore = options["ignore"]
    only = set(given) if absent and given else None
    today = datetime.datetime.now(datetime.UTC).date()
    leaving = Leaving(
        options["grace_days"], options["offboard"], options["offboard_now"], options["max_leaving"], today
    )
    whole = plan(
        wanted,
        tenants,
        observed,
        purge=purge,
        ignore=ignore,
        purge_only=only,
        scope=scope,
        leaving=AT_ONCE if absent else leaving,
    )
    own_tenants(reader, whole, observed)
    dkim, sender = observed.dkim, observed.mail_from
    since = dict(observed.since)
    if not module.check_mode and whole:
        apply = Apply(reader, wanted, observed, scope)
        apply(whole)
        changed = [a.name for a in whole.only(KIND, verbs=[CREATE, UPDATE]) if a.name in wanted]
        since.update({a.name: apply.now for a in whole.only(KIND, verbs=[CREATE])})
        if changed:
            more_dkim, more_sender = reader.verification(sorted(changed))
            dkim, sender = {**dkim, **more_dkim}, {**sender, **more_sender}
    state, warning = account(reader.v2, reader.region)
    if warning:
        module.warn(warning)
    domains = {
        name: told(name, item, reader, dkim.get(name), sender.get(name, {}), since.get(name))
        for name, item in sorted(wanted.items())
        if not (ignored(name, ignore) and name not in observed.domains)
    }
    waiting = [name for name, item in domains.items() if not settled(item)]
    deleted = {action.name for action in whole.only(KIND, verbs=[DELETE])}
    gone = {
        name: {
            "tenant": fields["tags"].get(TENANT_TAG),
            "since": leaving.since(fields["tags"]).isoformat(),
            "until": leaving.until(fields["tags"]).isoformat(),
        }
        for name, fields in sorted(observed.domains.items())
        if purge and name not in wanted and name not in deleted and fields["tags"].get(SCOPE_TAG, "") == scope
    }
    return whole, {"domains": domains, "waiting": waiting, "leaving": gone, "account": state}
