# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What IAM can keep, and from where it may be called: sentences for what cannot work, without asking AWS.

The quotas are those of "IAM and AWS STS quotas" in IAM's user guide. Groups a user, policies an identity and groups an
account can be raised there; the options of the same names say to what.
"""

from __future__ import annotations

import ipaddress
import json
import re
import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import Fields, InputError, unique

MAX_NAME = {"policies": 128, "groups": 128, "users": 64, "roles": 64}
NAME = re.compile(r"[A-Za-z0-9+=,.@_-]+")
SCOPE = re.compile(r"[a-z][a-z0-9-]{0,31}")
ALIAS = re.compile(r"(?!\d{12}$)[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]")
POLICY_ARN = re.compile(r"arn:aws[a-z-]*:iam::(aws|\d{12}):policy/[\x21-\x7e]+")
MAX_POLICY = 6144
"""Characters of a customer managed policy; IAM does not count white space."""
MAX_TRUST = 2048
"""Characters of a role's trust policy."""
GROUPS_OF_USER = 10
ANYWHERE = "yes, from anywhere"
"""The word without which nobody may open the account to every address."""
GUARDS = ("mfa", "source")
"""What every group of the role access is guarded by unless it says otherwise."""

Items = t.Sequence[t.Mapping[str, t.Any]]


def policy_size(document: t.Any) -> int:
    """The characters of a policy that count."""
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def aws_name(kind: str, platform: str, name: str) -> str:
    """What IAM calls it: people sign in with a user's name, so that stays as it is."""
    return name if kind == "users" else f"{platform}-{name}"


def validate(options: t.Mapping[str, t.Any]) -> None:
    """Raise :class:`InputError` (one sentence) for what IAM would refuse; ``options`` are those of module access."""
    if not SCOPE.fullmatch(options["scope"]):
        raise InputError(
            f"scope: {options['scope']!r} is not a name of 1 to 32 lower-case letters, digits and hyphens that starts "
            "with a letter."
        )
    for kind in MAX_NAME:
        _validate_names(kind, options.get(kind) or [], options["platform"])
    _validate_counts(options)
    policies, groups = ({item["name"] for item in options.get(kind) or []} for kind in ("policies", "groups"))
    for policy in options.get("policies") or []:
        _validate_size(f"policies: {policy['name']}: document", policy["document"], MAX_POLICY)
    for kind in ("groups", "users", "roles"):
        for item in options.get(kind) or []:
            _validate_references(f"{kind}: {item['name']}", item, policies, options["policies_limit"])
    for user in options.get("users") or []:
        _validate_user(user, groups, options["groups_of_user_limit"])
    for role in options.get("roles") or []:
        _validate_size(f"roles: {role['name']}: trust", role["trust"], MAX_TRUST)
        _between(f"roles: {role['name']}: max_session_duration", role.get("max_session_duration"), 3600, 43200)
    _validate_account(options)


def _validate_names(kind: str, items: Items, platform: str) -> None:
    unique(items, kind)
    # IAM keeps the case of a name and does not distinguish by it
    seen: dict[str, str] = {}
    room = MAX_NAME[kind] - (0 if kind == "users" else len(platform) + 1)
    for item in items:
        name = item["name"]
        if not NAME.fullmatch(name) or len(name) > room:
            raise InputError(
                f"{kind}: name {name!r} has {len(name)} characters and is not allowed; it has 1 to {room} letters, "
                "digits and any of +=,.@_-."
            )
        if name.lower() in seen:
            raise InputError(f"{kind}: {seen[name.lower()]!r} and {name!r} differ only in case, which IAM ignores.")
        seen[name.lower()] = name


def _validate_counts(options: t.Mapping[str, t.Any]) -> None:
    groups = options.get("groups") or []
    if len(groups) > options["groups_limit"]:
        raise InputError(
            f"groups: there are {len(groups)}; an account may have {options['groups_limit']} (groups_limit says more "
            "where AWS has raised the quota)."
        )


def _validate_size(where: str, document: t.Any, limit: int) -> None:
    size = policy_size(document)
    if size > limit:
        raise InputError(f"{where} has {size} characters without white space; IAM allows {limit}.")


def _validate_references(where: str, item: Fields, policies: t.Collection[str], limit: int) -> None:
    named = item.get("policies") or []
    if len(named) > limit:
        raise InputError(
            f"{where}: policies has {len(named)}; {limit} may be attached (policies_limit says more where AWS has "
            "raised the quota)."
        )
    boundary = [item["boundary"]] if item.get("boundary") else []
    for option, names in (("policies", named), ("boundary", boundary)):
        for name in names:
            other_scope = SCOPE.fullmatch(name.partition("/")[0]) and NAME.fullmatch(name.partition("/")[2])
            if name not in policies and not POLICY_ARN.fullmatch(name) and not other_scope:
                raise InputError(
                    f"{where}: {option} {name!r} is neither the ARN of a policy nor declared; declared are "
                    f"{', '.join(sorted(policies)) or 'none'}."
                )
    if len(set(named)) != len(named):
        raise InputError(f"{where}: policies names {next(n for n in named if named.count(n) > 1)!r} twice.")


def _validate_user(user: Fields, groups: t.Collection[str], limit: int) -> None:
    where, named = f"users: {user['name']}: groups", user.get("groups") or []
    for name in named:
        if name not in groups:
            raise InputError(f"{where}: {name!r} is not a group; declared are {', '.join(sorted(groups)) or 'none'}.")
    if len(set(named)) > limit:
        raise InputError(f"{where}: there are {len(set(named))}; a user may be in {limit}.")


def _between(where: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise InputError(f"{where}: {value} is not between {low} and {high}.")


def _validate_account(options: t.Mapping[str, t.Any]) -> None:
    alias = options.get("account_alias")
    if alias and not ALIAS.fullmatch(alias):
        raise InputError(
            f"account_alias: {alias!r} is not a name of 3 to 63 lower-case letters, digits and single hyphens between "
            "them, other than an account's number."
        )
    password = options.get("password_policy") or {}
    _between("password_policy: minimum_length", password.get("minimum_length"), 6, 128)
    for option, high in (("max_age", 1095), ("reuse_prevention", 24)):
        _between(f"password_policy: {option}", password.get(option), 0, high)


def networks(ranges: t.Iterable[t.Any], variable: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The ranges as networks, or :class:`InputError` for one that is none."""
    found = []
    for text in ranges:
        try:
            found.append(ipaddress.ip_network(str(text)))
        except ValueError as error:
            try:
                aligned = str(ipaddress.ip_network(str(text), strict=False))
            except ValueError:
                aligned = ""
            allowed = f"the aligned range is {aligned}" if aligned else "a range is written like 203.0.113.0/24"
            raise InputError(f"{variable}: {str(text)!r} is not a range of addresses; {allowed}.") from error
    return found


def check_sources(ranges: t.Sequence[str], caller: str, *, anywhere: str = "", force: bool = False) -> None:
    """Raise :class:`InputError` for ranges that open the account to everybody or lock out who sets them.

    :arg ranges: CIDR ranges from which people and scripts may call AWS.
    :arg caller: the address that AWS sees of whoever runs this; only with ``force`` may it be empty.
    :arg anywhere: must be :data:`ANYWHERE` where the ranges hold every address.
    """
    variable = "access_source_ranges"
    if not ranges:
        raise InputError(
            f"{variable}: it is empty; name the ranges from which people and scripts may call AWS, such as "
            "203.0.113.0/24."
        )
    known = networks(ranges, variable)
    for family, word in ((4, "IPv4"), (6, "IPv6")):
        joined = ipaddress.collapse_addresses([network for network in known if network.version == family])
        if anywhere != ANYWHERE and any(network.prefixlen == 0 for network in joined):
            raise InputError(
                f"{variable}: {', '.join(str(n) for n in known if n.version == family)} is every {word} address; that "
                f'is allowed only with access_source_anywhere: "{ANYWHERE}".'
            )
    if force:
        return
    try:
        address = ipaddress.ip_address(caller)
    except ValueError as error:
        raise InputError(
            f"access_caller_address: {caller!r} is not an address; give the one that AWS sees of you, such as "
            "203.0.113.7."
        ) from error
    if not any(address in network for network in known):
        raise InputError(
            f"{variable}: {', '.join(map(str, known))} does not hold your own address {address}, so you would be "
            "locked out; add it, or say access_source_force: true."
        )


def check_guards(groups: Items, users: Items) -> None:
    """Raise :class:`InputError` for a guard that there is none of, and for a user whom no group guards."""
    for group in groups:
        for guard in group.get("guards") or []:
            if guard not in GUARDS:
                raise InputError(
                    f"access_groups: {group.get('name')}: guards {guard!r} is not one of {', '.join(GUARDS)}."
                )
    for user in users:
        if not user.get("groups"):
            raise InputError(
                f"access_users: {user['name']}: groups is empty; at least one is needed, since groups have the guards."
            )
