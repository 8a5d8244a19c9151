# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM's policies, groups, users and roles of one scope of the platform, as one set.

IAM lists nothing by tag, and groups have none, so the path stands in for the tag: what lies beneath
``/<platform>/<scope>/`` is the platform's. A path is given in the call that creates a thing and rarely changes after.
One call, GetAccountAuthorizationDetails, tells all of it, documents included.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_apply import Apply
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_input import (
    POLICY_ARN,
    aws_name,
    validate,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    client,
    owned_tags,
    pages,
    require_known,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._credentials import Secrets
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    DELETE,
    Fields,
    InputError,
    Plan,
    compare,
    concurrently,
    ignored,
)

KINDS = {"policies": "policy", "groups": "group", "users": "user", "roles": "role"}
PROFILE, SETTING = "instance_profile", "account_setting"
PASSWORD = {
    "minimum_length": "MinimumPasswordLength",
    "require_symbols": "RequireSymbols",
    "require_numbers": "RequireNumbers",
    "require_uppercase": "RequireUppercaseCharacters",
    "require_lowercase": "RequireLowercaseCharacters",
    "allow_change": "AllowUsersToChangePassword",
    "max_age": "MaxPasswordAge",
    "reuse_prevention": "PasswordReusePrevention",
    "hard_expiry": "HardExpiry",
}
"""Our words for a password policy, and IAM's; IAM leaves out what is 0."""


@dataclass
class Place:
    """Where the set lies: names, path and ARNs."""

    platform: str
    scope: str
    account: str
    partition: str

    @property
    def path(self) -> str:
        return f"/{self.platform}/{self.scope}/"

    def policy_arn(self, name: str) -> str:
        """The ARN of a policy that is named by itself, as ``scope/name``, or by its ARN."""
        if POLICY_ARN.fullmatch(name):
            return name
        scope, slash, of_scope = name.partition("/")
        return self.arn("policies", of_scope if slash else name, scope if slash else self.scope)

    def arn(self, kind: str, name: str, scope: str | None = None) -> str:
        known_as = aws_name(kind, self.platform, name)
        path = f"/{self.platform}/{scope or self.scope}/"
        return f"arn:{self.partition}:iam::{self.account}:{KINDS[kind]}{path}{known_as}"


@dataclass
class Observed:
    """What is there: ours by kind and declared name, and what the plan has to know of everything else."""

    policies: dict[str, Fields] = field(default_factory=dict)
    groups: dict[str, Fields] = field(default_factory=dict)
    users: dict[str, Fields] = field(default_factory=dict)
    roles: dict[str, Fields] = field(default_factory=dict)
    profiles: dict[str, Fields] = field(default_factory=dict)
    settings: dict[str, Fields] = field(default_factory=dict)
    foreign: dict[str, set[str]] = field(default_factory=dict)
    """By kind, the names (lower case) that are taken outside of our path."""
    customer_policies: set[str] = field(default_factory=set)
    """ARNs of every customer managed policy of the account."""
    attached: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By policy's ARN, the paths and titles of whatever has it, attached or as its boundary."""
    members: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By group's name, the paths and names of its users."""


def desired(options: t.Mapping[str, t.Any], place: Place) -> Observed:
    """The wanted set in normal form; ``options`` are those of module access."""

    def tags(item: Fields) -> dict[str, str]:
        return owned_tags(place.platform, item["name"], options["tags"], item.get("tags"))

    def attachments(item: Fields) -> dict[str, t.Any]:
        # inline policies are not declared, so those of things of ours were added by hand
        arns = sorted(place.policy_arn(name) for name in item.get("policies") or [])
        return {"policies": arns, "inline_policies": []}

    def boundary(item: Fields) -> str | None:
        return place.policy_arn(item["boundary"]) if item.get("boundary") else None

    wanted = Observed()
    for item in options["policies"]:
        # IAM tells no policy's tags in a list, so they are given at creation and written again with a new document
        wanted.policies[item["name"]] = {"document": item["document"]}
    for item in options["groups"]:
        wanted.groups[item["name"]] = attachments(item)
    for item in options["users"]:
        groups = sorted({aws_name("groups", place.platform, name) for name in item.get("groups") or []})
        wanted.users[item["name"]] = {
            "groups": groups,
            **attachments(item),
            "boundary": boundary(item),
            # a person's Name tag would only repeat the user's name
            "tags": {key: value for key, value in tags(item).items() if key != "Name"},
        }
    for item in options["roles"]:
        wanted.roles[item["name"]] = {
            "trust": item["trust"],
            **attachments(item),
            "boundary": boundary(item),
            "description": item.get("description") or "",
            "max_session_duration": item.get("max_session_duration") or 3600,
            "tags": tags(item),
        }
        if item.get("instance_profile"):
            wanted.profiles[item["name"]] = {"roles": [aws_name("roles", place.platform, item["name"])]}
    if options.get("account_alias"):
        wanted.settings["alias"] = {"alias": options["account_alias"]}
    if options.get("password_policy"):
        given = {key: value for key, value in options["password_policy"].items() if value is not None}
        wanted.settings["password_policy"] = given
    return wanted


def observe(iam, place: Place, settings: t.Collection[str] = ()) -> Observed:
    """Everything of the account that the plan needs, from three lists, and the account's settings that are wanted."""

    def details() -> list[dict[str, t.Any]]:
        paginator = iam.get_paginator("get_account_authorization_details")
        return list(paginator.paginate(Filter=["User", "Group", "Role", "LocalManagedPolicy"]))

    answers, roles, profiles, aliases, password = concurrently(
        details,
        # the details lack a role's description and how long its sessions may be
        lambda: pages(iam, "list_roles", "Roles", PathPrefix=place.path),
        lambda: pages(iam, "list_instance_profiles", "InstanceProfiles"),
        lambda: iam.list_account_aliases()["AccountAliases"] if "alias" in settings else [],
        lambda: password_policy(iam) if "password_policy" in settings else None,
    )
    found = {
        key: [item for answer in answers for item in answer.get(key) or []]
        for key in ("Policies", "GroupDetailList", "UserDetailList", "RoleDetailList")
    }
    seen = Observed(
        policies={n: observed_policy(i) for n, i in _ours(place, "policies", found["Policies"], "PolicyName")},
        groups={n: attached_policies(i) for n, i in _ours(place, "groups", found["GroupDetailList"], "GroupName")},
        users={n: observed_user(i) for n, i in _ours(place, "users", found["UserDetailList"], "UserName")},
        profiles={
            n: {"roles": sorted(role["RoleName"] for role in i["Roles"])}
            for n, i in _ours(place, "roles", profiles, "InstanceProfileName")
        },
        customer_policies={policy["Arn"] for policy in found["Policies"]},
    )
    listed = {role["RoleName"]: role for role in roles}
    for name, item in _ours(place, "roles", found["RoleDetailList"], "RoleName"):
        seen.roles[name] = observed_role(item, listed.get(item["RoleName"], {}))
    if aliases:
        seen.settings["alias"] = {"alias": aliases[0]}
    if password:
        seen.settings["password_policy"] = password
    for kind, key, name_key in (
        ("policies", "Policies", "PolicyName"),
        ("groups", "GroupDetailList", "GroupName"),
        ("users", "UserDetailList", "UserName"),
        ("roles", "RoleDetailList", "RoleName"),
    ):
        seen.foreign[kind] = {i[name_key].lower() for i in found[key] if i["Path"] != place.path}
        for item in found[key] if kind != "policies" else []:
            arns = {policy["PolicyArn"] for policy in item.get("AttachedManagedPolicies") or []}
            for arn in arns | {(item.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")}:
                seen.attached.setdefault(arn, []).append((item["Path"], f"{KINDS[kind]} {item[name_key]}"))
    seen.foreign["profiles"] = {i["InstanceProfileName"].lower() for i in profiles if i["Path"] != place.path}
    for user in found["UserDetailList"]:
        for group in user.get("GroupList") or []:
            seen.members.setdefault(group, []).append((user["Path"], user["UserName"]))
    return seen


def _ours(place: Place, kind: str, items: t.Iterable[dict], key: str) -> t.Iterator[tuple[str, dict]]:
    """What lies in our path, by its declared name."""
    prefix = "" if kind == "users" else f"{place.platform}-"
    for item in items:
        if item["Path"] == place.path:
            yield item[key].removeprefix(prefix), item


def observed_policy(item: Fields) -> dict[str, t.Any]:
    """A policy of GetAccountAuthorizationDetails: its document in force, and its versions, the oldest first."""
    versions = sorted(item["PolicyVersionList"], key=lambda version: int(version["VersionId"][1:]))
    default = next(v for v in versions if v["VersionId"] == item["DefaultVersionId"])
    return {
        "document": default["Document"],
        "spare_versions": [v["VersionId"] for v in versions if v is not default],
    }


def attached_policies(item: Fields) -> dict[str, t.Any]:
    """The policies of a group, user or role of GetAccountAuthorizationDetails."""
    inline = next((item[k] for k in ("GroupPolicyList", "UserPolicyList", "RolePolicyList") if item.get(k)), [])
    return {
        "policies": sorted(policy["PolicyArn"] for policy in item.get("AttachedManagedPolicies") or []),
        "inline_policies": sorted(policy["PolicyName"] for policy in inline),
    }


def observed_user(item: Fields) -> dict[str, t.Any]:
    """A user of GetAccountAuthorizationDetails, in normal form."""
    return {
        "groups": sorted(item.get("GroupList") or []),
        **attached_policies(item),
        "boundary": (item.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
        "tags": tags_of(item),
    }


def observed_role(item: Fields, listed: Fields) -> dict[str, t.Any]:
    """A role of GetAccountAuthorizationDetails and the same of ListRoles, in normal form."""
    return {
        "trust": item["AssumeRolePolicyDocument"],
        **attached_policies(item),
        "boundary": (item.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
        "description": listed.get("Description") or "",
        "max_session_duration": listed.get("MaxSessionDuration") or 3600,
        "tags": tags_of(item),
    }


def password_policy(iam) -> dict[str, t.Any] | None:
    """The account's password policy in our words; None without one."""
    try:
        answer = iam.get_account_password_policy()["PasswordPolicy"]
    except is_boto3_error_code("NoSuchEntity"):
        return None
    return {
        ours: answer.get(theirs, 0 if ours in ("max_age", "reuse_prevention") else False)
        for ours, theirs in PASSWORD.items()
    }


def keep_inline(wanted: Observed, present: Observed, names: t.Collection[str]) -> None:
    """Want the inline policies of these names where they are there: somebody else manages them."""
    for kind in ("groups", "users", "roles"):
        for name, fields in getattr(wanted, kind).items():
            held = getattr(present, kind).get(name, {}).get("inline_policies", [])
            fields["inline_policies"] = [policy for policy in held if policy in names]


def same_documents(wanted: dict[str, Fields], present: dict[str, Fields], key: str) -> dict[str, Fields]:
    """The wanted things, each with the present document where the two mean the same."""
    return {
        name: {**fields, key: present[name][key]}
        if name in present and not compare_policies(present[name][key], fields[key])
        else fields
        for name, fields in wanted.items()
    }


def plan(
    wanted: Observed,
    present: Observed,
    place: Place,
    *,
    purge: bool = False,
    ignore: t.Sequence[str] = (),
    caller: str = "",
    planning: bool = False,
) -> Plan:
    """Plan the way from what is there to what is wanted; what cannot be done is an :class:`InputError`.

    :arg caller: the ARN of whoever runs this, whose own user is never removed.
    :arg planning: in check mode, where what blocks a removal may be gone by the time of the apply.
    """
    for kind in KINDS:
        _refuse_foreign(kind, getattr(wanted, kind), present.foreign.get(kind, ()), place)
    _refuse_foreign("roles", wanted.profiles, present.foreign.get("profiles", ()), place, "instance profile")
    policies = same_documents(wanted.policies, present.policies, "document")
    roles = same_documents(wanted.roles, present.roles, "trust")
    options = {"purge": purge, "ignore": ignore}
    whole = (
        compare("policy", policies, present.policies, **options)
        + compare("group", wanted.groups, present.groups, **options)
        + compare("user", wanted.users, present.users, **options)
        + compare("role", roles, present.roles, **options)
        # a profile without its role serves nobody
        + compare(PROFILE, wanted.profiles, present.profiles, **options)
        + compare(SETTING, wanted.settings, present.settings)
    )
    for action in whole.only("policy", verbs=[DELETE]):
        action.before.pop("spare_versions", None)
    _refuse_removals(whole, present, place, caller, planning)
    return whole


def _refuse_foreign(
    kind: str, wanted: t.Iterable[str], taken: t.Collection[str], place: Place, title: str = ""
) -> None:
    for name in sorted(wanted):
        known_as = aws_name(kind, place.platform, name)
        if known_as.lower() in taken:
            raise InputError(
                f"{kind}: {name}: the {title or KINDS[kind]} {known_as} exists outside of the path {place.path}, "
                "so it is not the platform's; only names that are free are allowed."
            )


def _refuse_removals(whole: Plan, present: Observed, place: Place, caller: str, planning: bool) -> None:
    for action in whole.only("user", verbs=[DELETE]):
        if caller == place.arn("users", action.name):
            raise InputError(
                f"users: {action.name} is whose credentials run this; remove that user with the credentials of another."
            )
    for action in whole.only("group", verbs=[DELETE]):
        known_as = aws_name("groups", place.platform, action.name)
        foreign = [name for path, name in present.members.get(known_as, []) if path != place.path]
        if foreign:
            raise InputError(
                f"groups: {known_as} still has {', '.join(sorted(foreign))}, not the platform's; take them out "
                "of it first."
            )
    for action in whole.only("policy", verbs=[DELETE]):
        holders = present.attached.get(place.arn("policies", action.name), [])
        # destroy plans as a whole: hosts' roles go before the policies that bound them
        siblings = f"/{place.platform}/"
        others = [
            title for path, title in holders if path != place.path and not (planning and path.startswith(siblings))
        ]
        if others:
            raise InputError(
                f"policies: {aws_name('policies', place.platform, action.name)} is still attached to "
                f"{', '.join(sorted(others))}, not of this set; detach it first."
            )


def missing_policies(whole: Plan, wanted: Observed, present: Observed, place: Place) -> list[tuple[str, str]]:
    """Policies that the plan would attach and that nobody has yet: ``(ARN, where)``; ask AWS for the rest."""
    own = {place.arn("policies", name) for name in {**wanted.policies, **present.policies}}
    there = own | present.customer_policies | set(present.attached)
    found = []
    for action in whole.only("group", "user", "role"):
        if action.verb == DELETE:
            continue
        arns = [*(action.after.get("policies") or []), action.after.get("boundary")]
        found += [(arn, f"{action.kind}s: {action.name}") for arn in arns if arn and arn not in there]
    return found


def check_policies_exist(iam, missing: t.Sequence[tuple[str, str]], place: Place, check_mode: bool) -> None:
    """Raise :class:`InputError` for a policy that is nowhere; one of another scope may still be to come in a plan."""
    for arn, where in dict(missing).items():
        if check_mode and f":policy/{place.platform}/" in arn:
            continue
        try:
            iam.get_policy(PolicyArn=arn)
        except (is_boto3_error_code("NoSuchEntity"), is_boto3_error_code("InvalidInput")) as error:
            raise InputError(f"{where}: there is no policy {arn}; only one that exists can be attached.") from error


def result_of(wanted: Observed, place: Place) -> dict[str, t.Any]:
    """What the module returns: the declared things by kind and name, with what IAM calls them."""
    made: dict[str, t.Any] = {}
    for kind in KINDS:
        made[kind] = {
            name: {"name": aws_name(kind, place.platform, name), "arn": place.arn(kind, name), **fields}
            for name, fields in sorted(getattr(wanted, kind).items())
        }
    for name, fields in made["roles"].items():
        fields["instance_profile"] = fields["name"] if name in wanted.profiles else None
    return made


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The module's plan, applied unless in check mode, and what it declares, by kind and name."""
    options = module.params
    absent = options["state"] == "absent"
    if absent:
        # the account's settings are the account's: they stay
        options = {**options, **{kind: [] for kind in KINDS}, "account_alias": None, "password_policy": None}
    validate(options)
    for kind, key in (("policies", "document"), ("roles", "trust")):
        for item in options[kind]:
            require_known(module.check_mode, **{f"{kind}: {item['name']}: {key}": item[key]})
    iam = client(module, "iam")
    caller = client(module, "sts").get_caller_identity()["Arn"]
    partition, account = (caller.split(":")[n] for n in (1, 4))
    place = Place(options["platform"], options["scope"], account, partition)
    wanted = desired(options, place)
    present = observe(iam, place, wanted.settings)
    keep_inline(wanted, present, options["keep_inline_policies"])
    ignore = [] if absent else options["ignore"]
    whole = plan(
        wanted,
        present,
        place,
        purge=absent or options["purge"],
        ignore=ignore,
        caller=caller,
        planning=module.check_mode,
    )
    missing = missing_policies(whole, wanted, present, place)
    check_policies_exist(iam, missing, place, module.check_mode)
    if not module.check_mode:
        tags = ansible_dict_to_boto3_tag_list
        names = {*wanted.policies, *wanted.profiles}
        owned = {n: tags(owned_tags(place.platform, n, options["tags"])) for n in names}

        def forget(user: str) -> None:
            Secrets(client(module, "secretsmanager"), place.platform).forget(user)

        Apply(iam, place, forget, owned, PASSWORD)(whole)
    kept = {kind: {n: f for n, f in getattr(wanted, kind).items() if not ignored(n, ignore)} for kind in KINDS}
    return whole, result_of(Observed(**kept, profiles=wanted.profiles), place)
