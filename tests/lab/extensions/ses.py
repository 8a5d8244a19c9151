"""SES, by its second API and the reading half of its first: domains, streams (configuration sets) and tenants.

moto verifies every identity at once and knows neither MAIL FROM in SES v2, nor a configuration set's event
destinations, nor tenants. Here both APIs look at one account: a domain is verified when its DKIM records really are in
a zone of the lab, its MAIL FROM when the MX record is; 72 hours of the lab's clock without them is FAILED. Sending asks
for a verified identity, and refuses what is paused.

Assumed where AWS publishes nothing: reputation entities are there for every tenant, the policy is the standard one.
"""

from __future__ import annotations

import base64
import copy
import datetime
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from moto.core.exceptions import ServiceException
from moto.core.resource_tagging import TaggedResource
from moto.core.responses import ActionResult
from moto.ses.models import SESBackend
from moto.ses.responses import EmailResponse
from moto.sesv2.models import SESV2Backend
from moto.sesv2.responses import SESV2Response
from moto.sesv2.urls import url_paths as sesv2_paths

from ..calls import sesv2_operation
from ..clock import CLOCK
from . import route53

WAIT_SECONDS = 72 * 3600
V1_IDENTITIES = 100
PAGE = 1000
PAGE_DEFAULT = 100
IDENTITIES, CONFIGURATION_SETS, EVENT_DESTINATIONS, TAGS = 10_000, 10_000, 10, 50
DOMAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+")
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
DESTINATIONS = (
    "KinesisFirehoseDestination",
    "CloudWatchDestination",
    "SnsDestination",
    "EventBridgeDestination",
    "PinpointDestination",
)
# the statuses of the second API in the words of the first
V1_STATUS = {
    "PENDING": "Pending",
    "SUCCESS": "Success",
    "FAILED": "Failed",
    "TEMPORARY_FAILURE": "TemporaryFailure",
    "NOT_STARTED": "NotStarted",
}
V1_MX = {"USE_DEFAULT_VALUE": "UseDefaultValue", "REJECT_MESSAGE": "RejectMessage"}


class Refused(ServiceException):
    """(code, message) of an error that a service's model has."""

    # moto takes the service, and so the HTTP status, from the module of an exception
    __module__ = "moto.sesv2.exceptions"


def bad(message: str) -> Refused:
    return Refused("BadRequestException", message)


def absent(message: str) -> Refused:
    return Refused("NotFoundException", message)


def taken(message: str) -> Refused:
    return Refused("AlreadyExistsException", message)


class Identity:
    """A domain or an address; ``waiting`` and ``mail_from_waiting`` are the clock's seconds since when it waits."""

    def __init__(self, mail: Mail, name: str):
        self.mail, self.name = mail, name
        self.domain = "@" not in name
        self.status = "PENDING"
        self.waiting = CLOCK.now()
        self.signing = True
        self.selector, self.public_key = "", ""
        self.key_length = "RSA_2048_BIT"
        self.mail_from, self.on_mx_failure, self.mail_from_status = "", "USE_DEFAULT_VALUE", ""
        self.mail_from_waiting = 0.0
        self.forwarding = True
        self.configuration_set = ""
        self.policies: dict[str, str] = {}

    @property
    def tokens(self) -> list[str]:
        if self.public_key:
            return [self.selector]
        seed = f"{self.mail.account} {self.mail.region} {self.name}"
        return [hashlib.md5(f"{seed} {n}".encode()).hexdigest() for n in range(3)]

    def sign_with(self, attributes: dict[str, Any]) -> None:
        """Take DkimSigningAttributes; another key starts the verification anew."""
        before = self.tokens, self.public_key
        key = attributes.get("DomainSigningPrivateKey")
        if key or attributes.get("DomainSigningSelector"):
            if not (key and attributes.get("DomainSigningSelector")):
                raise bad("DomainSigningSelector and DomainSigningPrivateKey are needed together.")
            self.selector, self.public_key = attributes["DomainSigningSelector"], public_key(key)
        else:
            self.selector, self.public_key = "", ""
            self.key_length = attributes.get("NextSigningKeyLength", self.key_length)
        if (self.tokens, self.public_key) != before:
            self.status, self.waiting = "PENDING", CLOCK.now()

    def check(self) -> None:
        """Look for the records that are waited for."""
        if self.domain and self.status == "PENDING":
            if all(self._there(name, kind, value) for name, kind, value in self.dkim_records()):
                self.status = "SUCCESS"
            elif CLOCK.now() - self.waiting > WAIT_SECONDS:
                self.status = "FAILED"
        if self.mail_from and self.mail_from_status == "PENDING":
            if self._there(self.mail_from, "MX", f"10 feedback-smtp.{self.mail.region}.amazonses.com"):
                self.mail_from_status = "SUCCESS"
            elif CLOCK.now() - self.mail_from_waiting > WAIT_SECONDS:
                self.mail_from_status = "FAILED"

    def dkim_records(self) -> list[tuple[str, str, str]]:
        if self.public_key:
            return [(f"{self.selector}._domainkey.{self.name}", "TXT", f"p={self.public_key}")]
        return [(f"{t}._domainkey.{self.name}", "CNAME", f"{t}.dkim.amazonses.com") for t in self.tokens]

    def _there(self, name: str, kind: str, value: str) -> bool:
        found = route53.resolve(self.mail.account, name, kind)
        if kind == "TXT":
            # a long value is several strings, and the key may have tags such as v= and k= beside it
            texts = ["".join(re.findall(r'"([^"]*)"', text)) for text in found]
            return any(value in text.replace(" ", "").split(";") for text in texts)
        return value in (text.rstrip(".").lower() for text in found)

    @property
    def dkim(self) -> dict[str, Any]:
        attributes = {
            "SigningEnabled": self.signing,
            "Status": self.status,
            "Tokens": self.tokens,
            "SigningAttributesOrigin": "EXTERNAL" if self.public_key else "AWS_SES",
        }
        if not self.public_key:
            attributes |= {"NextSigningKeyLength": self.key_length, "CurrentSigningKeyLength": self.key_length}
        return attributes

    @property
    def kind(self) -> str:
        return "DOMAIN" if self.domain else "EMAIL_ADDRESS"


class Mail:
    """What SES holds for an account in a region."""

    def __init__(self, account: str, region: str):
        self.account, self.region = account, region
        self.identities: dict[str, Identity] = {}
        self.sets: dict[str, dict[str, Any]] = {}
        self.destinations: dict[str, dict[str, dict[str, Any]]] = {}
        self.tenants: dict[str, dict[str, Any]] = {}
        self.resources: dict[str, dict[str, float]] = {}
        self.statuses: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.production = True

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:ses:{self.region}:{self.account}:{kind}/{name}"

    def identity(self, name: str) -> Identity:
        found = self.identities.get(name.lower())
        if found is None:
            raise absent(f"Email identity {name} does not exist.")
        found.check()
        return found

    def configuration_set(self, name: str) -> dict[str, Any]:
        if name not in self.sets:
            raise absent(f"Configuration set <{name}> does not exist.")
        return self.sets[name]

    def tenant(self, name: str) -> dict[str, Any]:
        if name not in self.tenants:
            raise absent(f"Tenant <{name}> does not exist.")
        return self.tenants[name]

    def resource(self, arn: str) -> str:
        """The kind of what an ARN of ours names; raises when there is no such thing."""
        kind, _slash, name = arn.partition(f":{self.account}:")[2].partition("/")
        there = {
            "identity": ("EMAIL_IDENTITY", self.identities),
            "configuration-set": ("CONFIGURATION_SET", self.sets),
            "tenant": ("TENANT", {item["TenantArn"].partition("tenant/")[2] for item in self.tenants.values()}),
        }
        found, names = there.get(kind, ("", ()))
        if name not in names or not arn.startswith(self.arn(kind, "")):
            raise absent(f"Resource {arn} does not exist.")
        return found

    def create_identity(self, name: str) -> Identity:
        name = name.lower()
        if name in self.identities:
            raise taken(f"Email identity {name} already exist.")
        if not DOMAIN.fullmatch(name.rpartition("@")[2]):
            raise bad(f"Invalid email identity <{name}>.")
        if len(self.identities) >= IDENTITIES:
            raise Refused("LimitExceededException", "Too many identities.")
        made = Identity(self, name)
        self.identities[name] = made
        return made

    def delete_identity(self, name: str) -> None:
        self.identities.pop(name.lower(), None)
        self.forget(self.arn("identity", name.lower()))

    def forget(self, arn: str) -> None:
        self.tags.pop(arn, None)
        for resources in self.resources.values():
            resources.pop(arn, None)

    def tag(self, arn: str, tags: Iterable[dict[str, str]] | None) -> None:
        wanted = {**self.tags.get(arn, {}), **{tag["Key"]: tag["Value"] for tag in tags or []}}
        if len(wanted) > TAGS or any(key.startswith("aws:") for key in wanted):
            raise bad("Too many tags, or a tag whose key begins with aws:.")
        self.tags[arn] = wanted

    def tag_list(self, arn: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags.get(arn, {}).items()]

    def sender(self, address: str) -> Identity | None:
        """The verified identity that lets an address send: its own, or its domain's or one above."""
        domain = address.rpartition("@")[2].lower()
        labels = domain.split(".")
        for name in (address.lower(), *(".".join(labels[n:]) for n in range(len(labels) - 1))):
            identity = self.identities.get(name)
            if identity:
                identity.check()
                if identity.status == "SUCCESS":
                    return identity
        return None


STATE: dict[tuple[str, str], Mail] = {}


def mail_of(account: str, region: str) -> Mail:
    return STATE.setdefault((account, region), Mail(account, region))


def reset() -> None:
    STATE.clear()


def moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def public_key(encoded: str) -> str:
    """The base64 public half of a private key given as base64 of its DER form, as the DNS record has it."""
    try:
        private = serialization.load_der_private_key(base64.b64decode(encoded, validate=True), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise bad("DomainSigningPrivateKey is not a base64-encoded RSA private key of 1024 to 2048 bits.") from error
    der = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def page(items: list[Any], parameters: dict[str, Any], key: str) -> dict[str, Any]:
    size = int(parameters.get("PageSize") or PAGE_DEFAULT)
    if not 1 <= size <= PAGE:
        raise bad(f"PageSize must be between 1 and {PAGE}.")
    token = parameters.get("NextToken") or "0"
    if not token.isdigit():
        raise bad("The next token is not valid.")
    start, end = int(token), int(token) + size
    return {key: items[start:end], **({"NextToken": str(end)} if end < len(items) else {})}


# --- the second API -------------------------------------------------------------------------------------------------

Operation = Callable[[Mail, dict[str, Any]], dict[str, Any] | None]
OPERATIONS: dict[str, Operation] = {}


def operation(function: Operation) -> Operation:
    OPERATIONS[function.__name__] = function
    return function


@operation
def create_email_identity(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    if asked.get("ConfigurationSetName"):
        mail.configuration_set(asked["ConfigurationSetName"])
    made = mail.create_identity(asked["EmailIdentity"])
    try:
        made.sign_with(asked.get("DkimSigningAttributes") or {})
        mail.tag(mail.arn("identity", made.name), asked.get("Tags"))
    except Refused:
        mail.delete_identity(made.name)
        raise
    made.configuration_set = asked.get("ConfigurationSetName") or ""
    return {"IdentityType": made.kind, "VerifiedForSendingStatus": False, "DkimAttributes": made.dkim}


@operation
def get_email_identity(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    found = mail.identity(asked["EmailIdentity"])
    answer = {
        "IdentityType": found.kind,
        "FeedbackForwardingStatus": found.forwarding,
        "VerifiedForSendingStatus": found.status == "SUCCESS",
        "VerificationStatus": found.status,
        "DkimAttributes": found.dkim,
        "Policies": found.policies,
        "Tags": mail.tag_list(mail.arn("identity", found.name)),
    }
    if found.mail_from:
        answer["MailFromAttributes"] = {
            "MailFromDomain": found.mail_from,
            "MailFromDomainStatus": found.mail_from_status,
            "BehaviorOnMxFailure": found.on_mx_failure,
        }
    if found.configuration_set:
        answer["ConfigurationSetName"] = found.configuration_set
    return answer


@operation
def list_email_identities(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    for identity in mail.identities.values():
        identity.check()
    items = [
        {
            "IdentityType": identity.kind,
            "IdentityName": identity.name,
            "SendingEnabled": identity.status == "SUCCESS",
            "VerificationStatus": identity.status,
        }
        for identity in mail.identities.values()
    ]
    return page(items, asked, "EmailIdentities")


@operation
def delete_email_identity(mail: Mail, asked: dict[str, Any]) -> None:
    mail.identity(asked["EmailIdentity"])
    mail.delete_identity(asked["EmailIdentity"])


@operation
def put_email_identity_dkim_attributes(mail: Mail, asked: dict[str, Any]) -> None:
    mail.identity(asked["EmailIdentity"]).signing = bool(asked.get("SigningEnabled"))


@operation
def put_email_identity_dkim_signing_attributes(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    found = mail.identity(asked["EmailIdentity"])
    attributes = asked.get("SigningAttributes") or {}
    if (asked["SigningAttributesOrigin"] == "EXTERNAL") != bool(attributes.get("DomainSigningPrivateKey")):
        raise bad("A private key belongs to the origin EXTERNAL, and to no other.")
    found.sign_with(attributes)
    return {"DkimStatus": found.status, "DkimTokens": found.tokens}


@operation
def put_email_identity_mail_from_attributes(mail: Mail, asked: dict[str, Any]) -> None:
    found = mail.identity(asked["EmailIdentity"])
    domain = (asked.get("MailFromDomain") or "").lower()
    if domain and not domain.endswith("." + found.name.rpartition("@")[2]):
        raise bad(f"Provided MAIL-FROM domain <{domain}> is not a subdomain of the domain of the identity.")
    if domain != found.mail_from:
        found.mail_from, found.mail_from_waiting = domain, CLOCK.now()
        found.mail_from_status = "PENDING" if domain else ""
    found.on_mx_failure = asked.get("BehaviorOnMxFailure") or "USE_DEFAULT_VALUE"


@operation
def put_email_identity_feedback_attributes(mail: Mail, asked: dict[str, Any]) -> None:
    mail.identity(asked["EmailIdentity"]).forwarding = bool(asked.get("EmailForwardingEnabled"))


@operation
def put_email_identity_configuration_set_attributes(mail: Mail, asked: dict[str, Any]) -> None:
    found, name = mail.identity(asked["EmailIdentity"]), asked.get("ConfigurationSetName") or ""
    if name:
        mail.configuration_set(name)
    found.configuration_set = name


@operation
def create_configuration_set(mail: Mail, asked: dict[str, Any]) -> None:
    name = asked["ConfigurationSetName"]
    if not NAME.fullmatch(name):
        raise bad(f"Configuration set name <{name}> is not of 1 to 64 letters, digits, _ and -.")
    if name in mail.sets:
        raise taken(f"Configuration set <{name}> already exists.")
    if len(mail.sets) >= CONFIGURATION_SETS:
        raise Refused("LimitExceededException", "Too many configuration sets.")
    mail.tag(mail.arn("configuration-set", name), asked.get("Tags"))
    kept = {key: value for key, value in asked.items() if key not in ("Tags", "ConfigurationSetName")}
    kept.setdefault("DeliveryOptions", {}).setdefault("TlsPolicy", "OPTIONAL")
    kept.setdefault("ReputationOptions", {}).setdefault("ReputationMetricsEnabled", False)
    kept.setdefault("SendingOptions", {}).setdefault("SendingEnabled", True)
    mail.sets[name], mail.destinations[name] = kept, {}


@operation
def get_configuration_set(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    name = asked["ConfigurationSetName"]
    found = mail.configuration_set(name)
    tags = mail.tag_list(mail.arn("configuration-set", name))
    return {"ConfigurationSetName": name, **copy.deepcopy(found), "Tags": tags}


@operation
def list_configuration_sets(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    return page(list(mail.sets), asked, "ConfigurationSets")


@operation
def delete_configuration_set(mail: Mail, asked: dict[str, Any]) -> None:
    name = asked["ConfigurationSetName"]
    mail.configuration_set(name)
    del mail.sets[name], mail.destinations[name]
    mail.forget(mail.arn("configuration-set", name))


def _put_options(key: str) -> Operation:
    def put(mail: Mail, asked: dict[str, Any]) -> None:
        found = mail.configuration_set(asked["ConfigurationSetName"])
        found[key] = {name: value for name, value in asked.items() if name != "ConfigurationSetName"}

    return put


for _name in ("delivery", "reputation", "sending", "suppression", "tracking", "vdm"):
    OPERATIONS[f"put_configuration_set_{_name}_options"] = _put_options(f"{_name.capitalize()}Options")


def _destination(asked: dict[str, Any]) -> dict[str, Any]:
    given = asked["EventDestination"]
    if sum(kind in given for kind in DESTINATIONS) != 1 or not given.get("MatchingEventTypes"):
        raise bad("An event destination needs event types and exactly one destination.")
    return {"Enabled": False, **given}


@operation
def create_configuration_set_event_destination(mail: Mail, asked: dict[str, Any]) -> None:
    mail.configuration_set(asked["ConfigurationSetName"])
    there, name = mail.destinations[asked["ConfigurationSetName"]], asked["EventDestinationName"]
    if name in there:
        raise taken(f"Event destination <{name}> already exists.")
    if len(there) >= EVENT_DESTINATIONS:
        raise Refused("LimitExceededException", "Too many event destinations.")
    there[name] = _destination(asked)


@operation
def update_configuration_set_event_destination(mail: Mail, asked: dict[str, Any]) -> None:
    mail.configuration_set(asked["ConfigurationSetName"])
    there, name = mail.destinations[asked["ConfigurationSetName"]], asked["EventDestinationName"]
    if name not in there:
        raise absent(f"Event destination <{name}> does not exist.")
    there[name] = _destination(asked)


@operation
def delete_configuration_set_event_destination(mail: Mail, asked: dict[str, Any]) -> None:
    mail.configuration_set(asked["ConfigurationSetName"])
    if mail.destinations[asked["ConfigurationSetName"]].pop(asked["EventDestinationName"], None) is None:
        raise absent(f"Event destination <{asked['EventDestinationName']}> does not exist.")


@operation
def get_configuration_set_event_destinations(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    mail.configuration_set(asked["ConfigurationSetName"])
    there = mail.destinations[asked["ConfigurationSetName"]]
    return {"EventDestinations": [{"Name": name, **item} for name, item in there.items()]}


def _sending(mail: Mail, tenant: dict[str, Any]) -> str:
    return mail.statuses.get(tenant["TenantArn"], {}).get("Status", "ENABLED")


def _tenant(mail: Mail, tenant: dict[str, Any]) -> dict[str, Any]:
    return {**tenant, "SendingStatus": _sending(mail, tenant)}


@operation
def create_tenant(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    name = asked["TenantName"]
    if not NAME.fullmatch(name):
        raise bad(f"Tenant name <{name}> is not of 1 to 64 letters, digits, _ and -.")
    if name in mail.tenants:
        raise taken(f"Tenant <{name}> already exists.")
    identifier = "tn-" + uuid.uuid4().hex[:32]
    arn = mail.arn("tenant", f"{name}/{identifier}")
    mail.tag(arn, asked.get("Tags"))
    mail.tenants[name] = {
        "TenantName": name,
        "TenantId": identifier,
        "TenantArn": arn,
        "CreatedTimestamp": moment(CLOCK.now()),
    }
    mail.resources[name] = {}
    return {**_tenant(mail, mail.tenants[name]), "Tags": mail.tag_list(arn)}


@operation
def get_tenant(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    found = mail.tenant(asked["TenantName"])
    return {"Tenant": {**_tenant(mail, found), "Tags": mail.tag_list(found["TenantArn"])}}


@operation
def list_tenants(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    return page([_tenant(mail, tenant) for tenant in mail.tenants.values()], asked, "Tenants")


@operation
def delete_tenant(mail: Mail, asked: dict[str, Any]) -> None:
    found = mail.tenant(asked["TenantName"])
    for kept in (mail.tags, mail.statuses):
        kept.pop(found["TenantArn"], None)
    del mail.tenants[asked["TenantName"]], mail.resources[asked["TenantName"]]


@operation
def create_tenant_resource_association(mail: Mail, asked: dict[str, Any]) -> None:
    mail.tenant(asked["TenantName"])
    if mail.resource(asked["ResourceArn"]) == "TENANT":
        raise bad("A tenant is no resource of a tenant.")
    there = mail.resources[asked["TenantName"]]
    if asked["ResourceArn"] in there:
        raise taken(f"Resource {asked['ResourceArn']} is already associated with the tenant.")
    there[asked["ResourceArn"]] = CLOCK.now()


@operation
def delete_tenant_resource_association(mail: Mail, asked: dict[str, Any]) -> None:
    mail.tenant(asked["TenantName"])
    if mail.resources[asked["TenantName"]].pop(asked["ResourceArn"], None) is None:
        raise absent(f"Resource {asked['ResourceArn']} is not associated with the tenant.")


@operation
def list_tenant_resources(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    mail.tenant(asked["TenantName"])
    kind = (asked.get("Filter") or {}).get("RESOURCE_TYPE")
    items = [
        {"ResourceType": mail.resource(arn), "ResourceArn": arn}
        for arn in mail.resources[asked["TenantName"]]
        if kind in (None, mail.resource(arn))
    ]
    return page(items, asked, "TenantResources")


@operation
def list_resource_tenants(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    arn = asked["ResourceArn"]
    mail.resource(arn)
    items = [
        {
            "TenantName": name,
            "TenantId": mail.tenants[name]["TenantId"],
            "ResourceArn": arn,
            "AssociatedTimestamp": moment(there[arn]),
        }
        for name, there in mail.resources.items()
        if arn in there
    ]
    return page(items, asked, "ResourceTenants")


def _entity(mail: Mail, tenant: dict[str, Any]) -> dict[str, Any]:
    own = mail.statuses.get(tenant["TenantArn"]) or {
        "Status": "ENABLED",
        "LastUpdatedTimestamp": tenant["CreatedTimestamp"],
    }
    return {
        "ReputationEntityReference": tenant["TenantArn"],
        "ReputationEntityType": "RESOURCE",
        "ReputationManagementPolicy": "arn:aws:ses:policy/reputation-policy/standard",
        "CustomerManagedStatus": own,
        "AwsSesManagedStatus": {"Status": "ENABLED", "LastUpdatedTimestamp": tenant["CreatedTimestamp"]},
        "SendingStatusAggregate": _sending(mail, tenant),
        "ReputationImpact": "LOW",
    }


def _tenant_of(mail: Mail, arn: str) -> dict[str, Any]:
    for tenant in mail.tenants.values():
        if tenant["TenantArn"] == arn:
            return tenant
    raise absent(f"Reputation entity {arn} does not exist.")


@operation
def list_reputation_entities(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    status = (asked.get("Filter") or {}).get("SENDING_STATUS")
    items = [_entity(mail, tenant) for tenant in mail.tenants.values()]
    kept = [item for item in items if status in (None, item["SendingStatusAggregate"])]
    return page(kept, asked, "ReputationEntities")


@operation
def get_reputation_entity(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    return {"ReputationEntity": _entity(mail, _tenant_of(mail, asked["ReputationEntityReference"]))}


@operation
def update_reputation_entity_customer_managed_status(mail: Mail, asked: dict[str, Any]) -> None:
    try:
        tenant = _tenant_of(mail, asked["ReputationEntityReference"])
    except Refused as error:
        # this operation knows no NotFoundException
        raise bad(error.message) from None
    now = moment(CLOCK.now())
    mail.statuses[tenant["TenantArn"]] = {"Status": asked["SendingStatus"], "LastUpdatedTimestamp": now}


@operation
def get_account(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    quota = (50_000.0, 14.0) if mail.production else (200.0, 1.0)
    return {
        "DedicatedIpAutoWarmupEnabled": True,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": mail.production,
        "SendQuota": {"Max24HourSend": quota[0], "MaxSendRate": quota[1], "SentLast24Hours": 0.0},
        "SendingEnabled": True,
        "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
    }


@operation
def put_account_details(mail: Mail, asked: dict[str, Any]) -> None:
    """The request for production access; the lab grants, or takes back, what is asked for at once."""
    mail.production = bool(asked.get("ProductionAccessEnabled"))


@operation
def tag_resource(mail: Mail, asked: dict[str, Any]) -> None:
    mail.resource(asked["ResourceArn"])
    mail.tag(asked["ResourceArn"], asked["Tags"])


@operation
def untag_resource(mail: Mail, asked: dict[str, Any]) -> None:
    mail.resource(asked["ResourceArn"])
    keys = asked["TagKeys"]
    for key in keys if isinstance(keys, list) else [keys]:
        mail.tags.get(asked["ResourceArn"], {}).pop(key, None)


@operation
def list_tags_for_resource(mail: Mail, asked: dict[str, Any]) -> dict[str, Any]:
    mail.resource(asked["ResourceArn"])
    return {"Tags": mail.tag_list(asked["ResourceArn"])}


def refuse_sending(mail: Mail, asked: dict[str, Any]) -> None:
    """Refuse what a tenant or a configuration set that is paused, or not the tenant's, would send."""
    stream, tenant = asked.get("ConfigurationSetName"), asked.get("TenantName")
    if stream and not mail.configuration_set(stream)["SendingOptions"].get("SendingEnabled", True):
        raise Refused("SendingPausedException", f"Sending is paused for configuration set <{stream}>.")
    if tenant:
        if _sending(mail, mail.tenant(tenant)) == "DISABLED":
            raise Refused("SendingPausedException", f"Sending is paused for tenant <{tenant}>.")
        sender = mail.sender(asked.get("FromEmailAddress", ""))
        needed = [mail.arn("identity", sender.name)] if sender else []
        needed += [mail.arn("configuration-set", stream)] if stream else []
        for arn in needed:
            if arn not in mail.resources[tenant]:
                raise bad(f"Resource {arn} is not associated with tenant <{tenant}>.")


# --- the first API --------------------------------------------------------------------------------------------------


def _asked_identities(self: EmailResponse) -> list[str]:
    names = self._get_param("Identities") or []
    if len(names) > V1_IDENTITIES:
        raise Refused("ValidationError", f"Too many identities: at most {V1_IDENTITIES}.")
    return names


def _attributes(key: str, of: Callable[[Identity], dict[str, Any]]) -> Callable[[EmailResponse], ActionResult]:
    def answer(self: EmailResponse) -> ActionResult:
        mail = mail_of(self.current_account, self.region)
        found = {}
        for name in _asked_identities(self):
            identity = mail.identities.get(name.lower())
            if identity:
                identity.check()
                found[name] = of(identity)
        return ActionResult({key: found})

    return answer


def _v1_dkim(identity: Identity) -> dict[str, Any]:
    status = V1_STATUS[identity.status]
    tokens = {} if identity.public_key else {"DkimTokens": identity.tokens}
    return {"DkimEnabled": identity.signing, "DkimVerificationStatus": status, **tokens}


def _v1_mail_from(identity: Identity) -> dict[str, Any]:
    if not identity.mail_from:
        return {"MailFromDomain": "", "MailFromDomainStatus": "Success", "BehaviorOnMXFailure": "UseDefaultValue"}
    return {
        "MailFromDomain": identity.mail_from,
        "MailFromDomainStatus": V1_STATUS[identity.mail_from_status],
        "BehaviorOnMXFailure": V1_MX[identity.on_mx_failure],
    }


def _v1_notification(identity: Identity) -> dict[str, Any]:
    topics = {"BounceTopic": "", "ComplaintTopic": "", "DeliveryTopic": ""}
    return {**topics, "ForwardingEnabled": identity.forwarding}


def verify_domain_identity(self: EmailResponse) -> ActionResult:
    mail, name = mail_of(self.current_account, self.region), self._get_param("Domain").lower()
    if name not in mail.identities:
        mail.create_identity(name)
    token = hashlib.md5(f"{self.current_account} {name}".encode()).hexdigest()
    return ActionResult({"VerificationToken": token})


def delete_identity(self: EmailResponse) -> ActionResult:
    mail_of(self.current_account, self.region).delete_identity(self._get_param("Identity"))
    return ActionResult({})


def list_identities(self: EmailResponse) -> ActionResult:
    wanted = {"Domain": "DOMAIN", "EmailAddress": "EMAIL_ADDRESS"}.get(self._get_param("IdentityType"))
    mail = mail_of(self.current_account, self.region)
    return ActionResult({"Identities": [i.name for i in mail.identities.values() if wanted in (None, i.kind)]})


# --- into moto ------------------------------------------------------------------------------------------------------


def install() -> None:
    def responder(function: Operation) -> Callable[[SESV2Response], ActionResult]:
        def respond(self: SESV2Response) -> ActionResult:
            asked = json.loads(self.body) if self.body else {}
            query = {key: value if key == "TagKeys" else value[0] for key, value in self.querystring.items()}
            asked = {**query, **asked, **dict(self.uri_match or {})}
            # moto's tagging service asks only backends that are there
            assert self.sesv2_backend
            return ActionResult(function(mail_of(self.current_account, self.region), asked) or {})

        return respond

    # moto's own pattern for what it does not know, /v2/.*, matches nothing in its server
    sesv2_paths["{0}/v2/email/(?P<path>.+)$"] = SESV2Response.dispatch
    for name, function in OPERATIONS.items():
        setattr(SESV2Response, name, responder(function))

    send = SESV2Response.send_email

    def send_email(self: SESV2Response) -> str:
        refuse_sending(mail_of(self.current_account, self.region), json.loads(self.body))
        return send(self)

    SESV2Response.send_email = send_email

    named = SESV2Response._get_action_from_method_and_request_uri

    def action(self: SESV2Response, request: Any) -> str:
        found = sesv2_operation(request.environ)
        if not found:
            return named(self, request)
        operation_name, self.uri_match = found
        return operation_name

    SESV2Response._get_action_from_method_and_request_uri = action

    for name, key, of in (
        ("dkim", "DkimAttributes", _v1_dkim),
        ("mail_from_domain", "MailFromDomainAttributes", _v1_mail_from),
        ("notification", "NotificationAttributes", _v1_notification),
        ("verification", "VerificationAttributes", lambda one: {"VerificationStatus": V1_STATUS[one.status]}),
    ):
        setattr(EmailResponse, f"get_identity_{name}_attributes", _attributes(key, of))
    for function in (verify_domain_identity, delete_identity, list_identities):
        setattr(EmailResponse, function.__name__, function)

    def is_verified_address(self: SESBackend, source: str) -> bool:
        address = source.rpartition("<")[2].rstrip(">").strip()
        return mail_of(self.account_id, self.region_name).sender(address) is not None

    SESBackend._is_verified_address = is_verified_address

    tagged = SESV2Backend.iter_tagged_resources

    def iter_tagged_resources(self: SESV2Backend) -> Iterable[Any]:
        mail = mail_of(self.account_id, self.region_name)
        for arn, tags in mail.tags.items():
            kind = arn.split(":", 5)[5].partition("/")[0]
            yield TaggedResource(arn=arn, tags=dict(tags), resource_type=f"ses:{kind}")
        yield from (one for one in tagged(self) if "dedicated-ip-pool" in one.arn or "contact-list" in one.arn)

    SESV2Backend.iter_tagged_resources = iter_tagged_resources
