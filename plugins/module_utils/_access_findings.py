# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an account's access looks like, and what is wrong with it; pure, from what ``_access_report`` has gathered.

A finding is ``{severity, subject, sentence, owned}``, with ``owned`` None for what is neither the platform's nor
foreign but the account's; ages are whole days at the time of AWS's credential report.
"""

from __future__ import annotations

import datetime
import fnmatch
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import PLATFORM_TAG, tags_of
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._grants import CONDITIONS, NO, YES, Grants
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._policies import listed, problems

HIGH, MEDIUM, LOW, INFO = SEVERITIES = ("high", "medium", "low", "info")

ROOT = "<root_account>"
SERVICE_LINKED = "/aws-service-role/"
LENDING = {"iam:PassRole": "hand every role to a service", "sts:AssumeRole": "become every role that lets it"}
WIDE = "wide"
"""How far something is allowed that is grave only together with what nobody can tell from here."""
SHOWN = 5
"""How many names a sentence shows before it counts the rest."""

Item = dict[str, t.Any]


@dataclass
class Gathered:
    """What IAM told: API items by their names, rows of the credential report by user."""

    generated: datetime.datetime
    users: dict[str, Item] = field(default_factory=dict)
    groups: dict[str, Item] = field(default_factory=dict)
    roles: dict[str, Item] = field(default_factory=dict)
    policies: dict[str, Item] = field(default_factory=dict)
    """By ARN, AWS's own too."""
    credentials: dict[str, dict[str, str]] = field(default_factory=dict)
    summary: dict[str, int] = field(default_factory=dict)
    devices: list[Item] = field(default_factory=list)
    password_policy: Item | None = None
    alias: str | None = None
    accessed: dict[str, list[Item]] = field(default_factory=dict)
    """By ARN, the services that its policies allow, with when each was last used."""
    not_accessed: dict[str, str] = field(default_factory=dict)
    """By ARN, why that could not be told."""
    not_asked: int = 0


def moment(text: str | None) -> datetime.datetime | None:
    """A time of the credential report; None for ``N/A``, ``no_information`` and the like."""
    try:
        return datetime.datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError:
        return None


def written(time: datetime.datetime | None) -> str | None:
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if time else None


def few(names: t.Iterable[str]) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def inline(item: Item) -> dict[str, t.Any]:
    """The documents of an identity's inline policies, by name."""
    found = next((item[key] for key in ("UserPolicyList", "GroupPolicyList", "RolePolicyList") if item.get(key)), [])
    return {policy["PolicyName"]: policy["PolicyDocument"] for policy in found}


def attached(item: Item) -> dict[str, str]:
    """The names of an identity's attached policies, by ARN."""
    return {policy["PolicyArn"]: policy["PolicyName"] for policy in item.get("AttachedManagedPolicies") or []}


def document_of(policy: Item | None) -> t.Any:
    """The default version of a managed policy."""
    versions = (policy or {}).get("PolicyVersionList") or []
    return next((version.get("Document") for version in versions if version.get("IsDefaultVersion")), None)


class Report:
    """Builds the report's parts one after the other and collects findings on the way."""

    def __init__(self, gathered: Gathered, options: t.Mapping[str, t.Any]) -> None:
        self.seen, self.options = gathered, options
        self.now = gathered.generated
        root = gathered.credentials.get(ROOT, {}).get("arn", "")
        self.account = root.split(":")[4] if root.count(":") >= 5 else None
        self.findings: list[Item] = []
        self.told: dict[str, set[str]] = {}
        """By group, what was already said of it, which is not said again of its users."""

    def find(self, severity: str, subject: str, sentence: str, owned: bool | None = None) -> None:
        if not any(fnmatch.fnmatchcase(subject, pattern) for pattern in self.options["ignore"]):
            self.findings.append({"severity": severity, "subject": subject, "sentence": sentence, "owned": owned})

    def days(self, time: datetime.datetime | None) -> int | None:
        return max(0, (self.now - time).days) if time else None

    def owned(self, item: Item) -> bool:
        platform = self.options["platform"]
        return item.get("Path", "/").startswith(f"/{platform}/") or tags_of(item).get(PLATFORM_TAG) == platform

    def result(self) -> Item:
        """The whole report: every list sorted by name, findings by severity and subject."""
        result = {
            "account": self.summary(),
            "root": self.root(),
            "password_policy": self.password_policy(),
            "groups": [self.group(name) for name in sorted(self.seen.groups)],
            "users": [self.user(name) for name in sorted(self.seen.users)],
            "roles": [self.role(name) for name in sorted(self.seen.roles)],
            "policies": self.policies(),
        }
        self.devices()
        for arn, reason in sorted(self.seen.not_accessed.items()):
            self.find(INFO, self.subject_of(arn), f"AWS did not tell which permissions it uses: {reason}")
        if self.seen.not_asked:
            self.find(
                INFO,
                "account",
                f"Unused permissions were not looked for in {self.seen.not_asked} more users and roles; "
                "last_accessed_limit is lower.",
            )
        self.findings.sort(key=lambda f: (SEVERITIES.index(f["severity"]), f["subject"], f["sentence"]))
        return {**result, "findings": self.findings}

    def subject_of(self, arn: str) -> str:
        kind, _slash, path = arn.split(":", 5)[5].partition("/")
        return f"{kind} {path.rpartition('/')[2]}"

    def summary(self) -> Item:
        return {
            "id": self.account,
            "alias": self.seen.alias,
            "generated": written(self.now),
            "users": len(self.seen.users),
            "groups": len(self.seen.groups),
            "roles": len(self.seen.roles),
        }

    # root ----------------------------------------------------------------------------------------------------------

    def root(self) -> Item:
        row = self.seen.credentials.get(ROOT, {})
        keys = self.keys(row)
        # the summary is of now, the report up to four hours old
        active = max(sum(key["active"] for key in keys), self.seen.summary.get("AccountAccessKeysPresent", 0))
        mfa = bool(self.seen.summary.get("AccountMFAEnabled")) or row.get("mfa_active") == "true"
        password = moment(row.get("password_last_used"))
        used = max(filter(None, [password, *(moment(key["last_used"]) for key in keys)]), default=None)
        days = self.days(used)
        if active:
            self.find(HIGH, "root", f"The root account has active access keys ({active}); nothing needs one.")
        if not mfa and not self.passwordless(row):
            self.find(HIGH, "root", "The root account has no MFA.")
        if days is not None and days < self.options["root_days"]:
            self.find(MEDIUM, "root", f"The root account was used {ago(days)}; daily work needs no root.")
        return {
            "access_keys": active,
            "last_used": written(used),
            "mfa": mfa,
            "password_last_used": written(password),
        }

    def passwordless(self, row: t.Mapping[str, str]) -> bool:
        """Whether an organization has taken the root's credentials away."""
        return row.get("password_enabled", "").lower() == "false" and not self.seen.summary.get(
            "AccountPasswordPresent"
        )

    def password_policy(self) -> Item | None:
        policy = self.seen.password_policy
        length = self.options["password_length"]
        if policy is None:
            self.find(MEDIUM, "password policy", "The account has no password policy; AWS's own asks for 8 characters.")
            return None
        reuse = policy.get("PasswordReusePrevention") or 0
        if policy.get("MinimumPasswordLength", 6) < length:
            self.find(
                LOW,
                "password policy",
                f"It allows {policy.get('MinimumPasswordLength', 6)} characters; {length} are asked for.",
            )
        if not reuse:
            self.find(LOW, "password policy", "It lets a password be used again.")
        if not policy.get("AllowUsersToChangePassword"):
            self.find(LOW, "password policy", "Users cannot change their own passwords.")
        return {
            "allow_change": bool(policy.get("AllowUsersToChangePassword")),
            "max_age_days": policy.get("MaxPasswordAge") or None,
            "minimum_length": policy.get("MinimumPasswordLength"),
            "remembered": reuse,
        }

    # users ---------------------------------------------------------------------------------------------------------

    def keys(self, row: t.Mapping[str, str]) -> list[Item]:
        found = []
        for number in (1, 2):
            made = moment(row.get(f"access_key_{number}_last_rotated"))
            active = row.get(f"access_key_{number}_active", "").lower() == "true"
            used = moment(row.get(f"access_key_{number}_last_used_date"))
            service = row.get(f"access_key_{number}_last_used_service", "")
            if made or active:
                found.append(
                    {
                        "active": active,
                        "age_days": self.days(made),
                        "last_used": written(used),
                        "number": number,
                        "service": service if used and service not in ("N/A", "no_information") else None,
                        "unused_days": self.days(used or made),
                    }
                )
        return found

    def user(self, name: str) -> Item:
        item, row = self.seen.users[name], self.seen.credentials.get(name)
        subject, owned = f"user {name}", self.owned(item)
        serials = sorted(d["SerialNumber"] for d in self.seen.devices if (d.get("User") or {}).get("UserName") == name)
        told = row or {}
        keys = self.keys(told)
        password = told.get("password_enabled", "").lower() == "true"
        password_used = moment(told.get("password_last_used"))
        mfa = bool(serials) or told.get("mfa_active", "").lower() == "true"
        if row is None:
            when = written(self.now)
            self.find(
                INFO, subject, f"It is newer than AWS's credential report of {when}; keys are not known yet.", owned
            )
        if password and not mfa:
            self.find(HIGH, subject, "It has a password and no MFA.", owned)
        self.unused_password(subject, told, password, password_used, owned)
        for key in keys:
            self.key(subject, key, owned)
        if len([key for key in keys if key["active"]]) > 1:
            self.find(LOW, subject, "It has two active access keys; a rotation ends with one.", owned)
        self.wide(subject, item, owned, groups=item.get("GroupList") or [])
        used = max(filter(None, [password_used, *(moment(key["last_used"]) for key in keys)]), default=None)
        return {
            "access_keys": keys,
            "arn": item["Arn"],
            "boundary": (item.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
            "created": written(item.get("CreateDate")),
            "groups": sorted(item.get("GroupList") or []),
            "last_used": written(used),
            "mfa": mfa if row is not None or serials else None,
            "mfa_devices": serials,
            "name": name,
            "owned": owned,
            "password": password if row is not None else None,
            "password_last_used": written(password_used),
            "policies": sorted([*inline(item), *attached(item).values()]),
            "unused_services": self.unused_services(subject, item, owned),
        }

    def unused_password(self, subject: str, row: t.Mapping[str, str], password: bool, used, owned: bool) -> None:
        limit = self.options["unused_days"]
        days = self.days(used or moment(row.get("password_last_changed")))
        if password and days is not None and days >= limit:
            said = "was not used for" if used else "was never used in"
            self.find(MEDIUM, subject, f"Its password {said} {days} days; {limit} are allowed.", owned)

    def key(self, subject: str, key: Item, owned: bool) -> None:
        if not key["active"]:
            return
        age, unused = key["age_days"], key["unused_days"]
        allowed, limit = self.options["key_days"], self.options["unused_days"]
        if unused is not None and unused >= limit:
            said = "was not used for" if key["last_used"] else "was never used in"
            self.find(MEDIUM, subject, f"Access key {key['number']} {said} {unused} days; {limit} are allowed.", owned)
        elif age is not None and age > allowed:
            self.find(MEDIUM, subject, f"Access key {key['number']} is {age} days old; {allowed} are allowed.", owned)

    def devices(self) -> None:
        for device in self.seen.devices:
            serial = device["SerialNumber"]
            if not device.get("User") and not device.get("EnableDate"):
                self.find(LOW, f"MFA device {serial.partition('mfa/')[2]}", "It is assigned to nobody.")

    # permissions ---------------------------------------------------------------------------------------------------

    def documents(self, item: Item) -> dict[str, t.Any]:
        """Every policy of an identity of its own, by a name that a person finds it by."""
        managed = {name: document_of(self.seen.policies.get(arn)) for arn, name in attached(item).items()}
        return {**managed, **inline(item)}

    def ways(self, grants: Grants) -> dict[str, tuple[str, str, str]]:
        """What makes an identity too powerful: ``{way: (how far, by which policies, sentence without its end)}``."""
        how, by = grants.administrator()
        if how != NO:
            return {"everything": (how, by, "It may do everything")}
        found = {
            way: (how, few(names), "It may give itself more by {ways}")
            for way, (how, names) in grants.escalations().items()
        }
        for action, meaning in LENDING.items():
            how, by = grants.allowed(action)
            if how == YES:
                found[action] = (WIDE, by, f"It may {meaning} ({action} on every role)")
        return found

    def wide(self, subject: str, item: Item, owned: bool, groups: t.Iterable[str] = (), holders: str = "") -> None:
        """Find what lets an identity do everything, or leads there; what its groups were told, a user is not."""
        if any(fnmatch.fnmatchcase(subject, pattern) for pattern in self.options["break_glass"]):
            return
        there = [self.seen.groups[group] for group in groups if group in self.seen.groups]
        documents: dict[str, t.Any] = {}
        for each in (*there, item):
            documents.update(self.documents(each))
        boundary = (item.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
        # a boundary that is not told is taken for none
        grants = Grants(documents, document_of(self.seen.policies.get(boundary)) if boundary else None)
        ways = self.ways(grants)
        if "GroupName" in item:
            self.told[item["GroupName"]] = set(ways)
        known = set().union(*(self.told.get(group["GroupName"], set()) for group in there))
        said: dict[tuple[str, str], dict[str, list[str]]] = {}
        for way, (how, by, sentence) in ways.items():
            if way not in known:
                parts = said.setdefault((how, sentence), {"ways": [], "by": []})
                parts["ways"].append(way)
                parts["by"].append(by)
        for (how, sentence), parts in said.items():
            by = few(dict.fromkeys(parts["by"]))
            condition = ", if a condition holds" if how == CONDITIONS else ""
            text = f"{sentence.format(ways=few(parts['ways']))}, by the policy {by}{condition}{holders}."
            self.find(HIGH if how == YES else MEDIUM, subject, text, owned)

    def group(self, name: str) -> Item:
        item = self.seen.groups[name]
        members = sorted(user for user, its in self.seen.users.items() if name in (its.get("GroupList") or []))
        owned = self.owned(item)
        self.wide(f"group {name}", item, owned, holders=f"; its users: {few(members) or 'none'}")
        return {
            "arn": item["Arn"],
            "name": name,
            "owned": owned,
            "policies": sorted([*inline(item), *attached(item).values()]),
            "users": members,
        }

    def role(self, name: str) -> Item:
        item = self.seen.roles[name]
        subject, owned = f"role {name}", self.owned(item)
        linked = item.get("Path", "/").startswith(SERVICE_LINKED)
        used = (item.get("RoleLastUsed") or {}).get("LastUsedDate")
        trusts = self.trusts(subject, item.get("AssumeRolePolicyDocument"), owned)
        if not linked:
            self.wide(subject, item, owned)
            days, limit = self.days(used or item.get("CreateDate")), self.options["unused_days"]
            if days is not None and days >= limit:
                said = "was not used for" if used else "was never used in"
                self.find(LOW, subject, f"It {said} {days} days; {limit} are allowed.", owned)
        return {
            "arn": item["Arn"],
            "boundary": (item.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
            "created": written(item.get("CreateDate")),
            "last_used": written(used),
            "name": name,
            "owned": owned,
            "policies": sorted([*inline(item), *attached(item).values()]),
            "service_linked": linked,
            "trusts": trusts,
            "unused_services": [] if linked else self.unused_services(subject, item, owned),
        }

    def trusts(self, subject: str, document: t.Any, owned: bool) -> list[str]:
        """Whom a role lets in, sorted."""
        found = set()
        statements = listed((document or {}).get("Statement")) if isinstance(document, dict) else []
        for statement in statements:
            if statement.get("Effect") != "Allow":
                continue
            given = statement.get("Principal", {"AWS": "*"} if "NotPrincipal" in statement else {})
            for kind, values in (given if isinstance(given, dict) else {"AWS": given}).items():
                for value in map(str, listed(values)):
                    found.add(value)
                    if kind == "AWS":
                        self.trust(subject, value, bool(statement.get("Condition")), owned)
        return sorted(found)

    def trust(self, subject: str, value: str, conditions: bool, owned: bool) -> None:
        if value == "*":
            said = "It lets in everybody on AWS" + (" who meets a condition." if conditions else ".")
            self.find(MEDIUM if conditions else HIGH, subject, said, owned)
            return
        account = next(iter(re.findall(r"\b\d{12}\b", value)), None)
        if account and account not in (self.account, *self.options["trusted_accounts"]):
            said = f"It lets in {value}, which is another account's" + (", under a condition." if conditions else ".")
            self.find(LOW if conditions else MEDIUM, subject, said, owned)

    def unused_services(self, subject: str, item: Item, owned: bool) -> list[str] | None:
        """The services that it may use and does not, None when AWS was not asked."""
        services = self.seen.accessed.get(item["Arn"])
        if services is None:
            return None
        limit = self.options["unused_days"]
        since = self.days(item.get("CreateDate"))
        unused = sorted(
            service["ServiceNamespace"]
            for service in services
            if (days := self.days(service.get("LastAuthenticated"))) is None or days >= limit
        )
        # what is new has had no time to use anything
        if unused and (since is None or since >= limit):
            self.find(
                LOW,
                subject,
                f"It did not use {len(unused)} of the {len(services)} services that it may use in {limit} days: "
                f"{few(unused)}.",
                owned,
            )
        return unused

    def policies(self) -> list[Item]:
        """The account's own managed policies; on the way, what the checker says of these and of inline ones."""
        found = []
        for arn, policy in sorted(self.seen.policies.items(), key=lambda pair: pair[1]["PolicyName"]):
            if arn.split(":")[4] == "aws":
                continue
            owned, name = self.owned(policy), policy["PolicyName"]
            uses = (policy.get("AttachmentCount") or 0) + (policy.get("PermissionsBoundaryUsageCount") or 0)
            if not uses:
                self.find(LOW, f"policy {name}", "Nothing has it.", owned)
            self.check(f"policy {name}", document_of(policy), "managed", owned)
            found.append({"arn": arn, "name": name, "owned": owned, "uses": uses})
        for kind, items in (("user", self.seen.users), ("group", self.seen.groups), ("role", self.seen.roles)):
            for name, item in sorted(items.items()):
                for policy, document in sorted(inline(item).items()):
                    self.check(f"{kind} {name}", document, f"inline-{kind}", self.owned(item), f"policy {policy}: ")
        return found

    def check(self, subject: str, document: t.Any, kind: str, owned: bool, prefix: str = "") -> None:
        for sentence in problems(document, "", kind=kind, break_glass=True) if document is not None else ():
            self.find(LOW, subject, prefix + sentence.removeprefix(": "), owned)


def ago(days: int) -> str:
    return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")


def report(gathered: Gathered, options: t.Mapping[str, t.Any]) -> Item:
    """The report of an account.

    :arg options: ``platform``, ``key_days``, ``unused_days``, ``root_days``, ``password_length``, ``trusted_accounts``,
        ``break_glass`` and ``ignore`` (shell patterns of subjects, such as ``role mds-break-glass``).
    """
    return Report(gathered, options).result()
