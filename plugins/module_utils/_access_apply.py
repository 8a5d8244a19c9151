# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries out a plan of ``_access.py``: every step may find half of it done by a run that was killed."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list, compare_aws_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._access_input import aws_name
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    application,
    if_there,
    pages,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    UPDATE,
    Action,
    Fields,
    Plan,
)

SPARE_VERSIONS = 4
"""Versions that IAM keeps of a policy beside the one in force."""
ATTACHED = 10
"""Attached policies that every account allows; more have to wait until others have gone."""

# what was made a moment ago is not yet everywhere in IAM
settled = AWSRetry.jittered_backoff(
    retries=6,
    delay=1,
    max_delay=10,
    catch_extra_error_codes=["NoSuchEntity", "ConcurrentModification", "EntityTemporarilyUnmodifiable"],
)


class Apply:
    """Carries a plan out.

    :arg forget: takes away what a user of this name was handed over by secrets.
    :arg tags: by name, the tags of what IAM lists without its tags (policies and instance profiles), as boto3 has them.
    :arg password: our words for a password policy, and IAM's.
    """

    def __init__(
        self,
        iam,
        place,
        forget: t.Callable[[str], None],
        tags: t.Mapping[str, list],
        password: t.Mapping[str, str],
    ) -> None:
        self.iam, self.place, self.forget, self.tags, self.password = iam, place, forget, tags, password

    def __call__(self, whole: Plan) -> None:
        work = application(whole, workers=4)
        make = {CREATE, UPDATE}
        # policies before who has them, groups with their guards before the users in them
        work.run(whole.only("policy", verbs=[CREATE]), self.create_policy)
        work.run(whole.only("policy", verbs=[UPDATE]), self.update_policy)
        work.run(whole.only("account_setting"), self.put_setting)
        work.run(whole.only("group", verbs=make), self.put_group)
        work.run(whole.only("role", verbs=make), self.put_role)
        work.run(whole.only("instance_profile", verbs=make), self.put_profile)
        work.run(whole.only("user", verbs=make), self.put_user)
        # away in the order in which IAM lets go
        work.run(whole.only("user", verbs=[DELETE]), self.delete_user)
        work.run(whole.only("group", verbs=[DELETE]), self.delete_group)
        work.run(whole.only("instance_profile", verbs=[DELETE]), self.delete_profile)
        work.run(whole.only("role", verbs=[DELETE]), self.delete_role)
        work.run(whole.only("policy", verbs=[DELETE]), self.delete_policy)

    def aws_name(self, kind: str, action: Action) -> str:
        return aws_name(kind, self.place.platform, action.name)

    # policies

    def create_policy(self, action: Action) -> None:
        made = self.iam.create_policy(
            PolicyName=self.aws_name("policies", action),
            Path=self.place.path,
            PolicyDocument=json.dumps(action.after["document"]),
            Tags=self.tags[action.name],
        )
        self.iam.get_waiter("policy_exists").wait(PolicyArn=made["Policy"]["Arn"])

    def update_policy(self, action: Action) -> None:
        arn = self.place.arn("policies", action.name)
        spare = action.context[1]["spare_versions"]
        for version in spare[: max(0, len(spare) - SPARE_VERSIONS + 1)]:
            if_there(self.iam.delete_policy_version, PolicyArn=arn, VersionId=version)
        document = json.dumps(action.after["document"])
        self.iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
        self.iam.tag_policy(PolicyArn=arn, Tags=self.tags[action.name])

    def delete_policy(self, action: Action) -> None:
        arn = self.place.arn("policies", action.name)
        try:
            for version in pages(self.iam, "list_policy_versions", "Versions", PolicyArn=arn):
                if not version["IsDefaultVersion"]:
                    if_there(self.iam.delete_policy_version, PolicyArn=arn, VersionId=version["VersionId"])
        except is_boto3_error_code("NoSuchEntity"):
            return
        if_there(self.iam.delete_policy, PolicyArn=arn)

    # what policies are attached to

    def _attach(self, kind: str, name: str, wanted: Fields, present: Fields) -> None:
        """Attach first, so that a guard is there before what it replaces is gone, and detach first only when full."""
        option = {f"{kind.title()}Name": name}
        attach, detach = (getattr(self.iam, f"{verb}_{kind}_policy") for verb in ("attach", "detach"))
        if "policies" in wanted:
            there = set(present.get("policies") or [])
            extra, missing = sorted(there - set(wanted["policies"])), set(wanted["policies"]) - there
            if len(there | missing) > ATTACHED:
                while extra:
                    if_there(detach, **option, PolicyArn=extra.pop())
            for arn in sorted(missing):
                settled(attach)(**option, PolicyArn=arn)
            for arn in extra:
                if_there(detach, **option, PolicyArn=arn)
        if "inline_policies" in wanted:
            remove = getattr(self.iam, f"delete_{kind}_policy")
            for inline in sorted({*(present.get("inline_policies") or [])} - {*wanted["inline_policies"]}):
                if_there(remove, **option, PolicyName=inline)

    def _bound(self, kind: str, name: str, wanted: Fields) -> None:
        option = {f"{kind.title()}Name": name}
        if wanted.get("boundary"):
            put = getattr(self.iam, f"put_{kind}_permissions_boundary")
            settled(put)(**option, PermissionsBoundary=wanted["boundary"])
        elif "boundary" in wanted:
            if_there(getattr(self.iam, f"delete_{kind}_permissions_boundary"), **option)

    def _tag(self, kind: str, name: str, wanted: Fields, present: Fields) -> None:
        if "tags" not in wanted:
            return
        option = {f"{kind.title()}Name": name}
        added, removed = compare_aws_tags(present.get("tags") or {}, wanted["tags"])
        if added:
            getattr(self.iam, f"tag_{kind}")(**option, Tags=ansible_dict_to_boto3_tag_list(added))
        if removed:
            getattr(self.iam, f"untag_{kind}")(**option, TagKeys=removed)

    def put_group(self, action: Action) -> None:
        name = self.aws_name("groups", action)
        if action.verb == CREATE:
            self.iam.create_group(GroupName=name, Path=self.place.path)
        self._attach("group", name, action.after, action.context[1] or {})

    def put_role(self, action: Action) -> None:
        name, wanted, present = self.aws_name("roles", action), action.after, action.context[1] or {}
        if action.verb == CREATE:
            boundary = {"PermissionsBoundary": wanted["boundary"]} if wanted["boundary"] else {}
            settled(self.iam.create_role)(
                RoleName=name,
                Path=self.place.path,
                AssumeRolePolicyDocument=json.dumps(wanted["trust"]),
                Description=wanted["description"],
                MaxSessionDuration=wanted["max_session_duration"],
                Tags=ansible_dict_to_boto3_tag_list(wanted["tags"]),
                **boundary,
            )
            self.iam.get_waiter("role_exists").wait(RoleName=name)
        else:
            # narrower first: who may take the role, and how far it may go
            if "trust" in wanted:
                self.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(wanted["trust"]))
            self._bound("role", name, wanted)
            if {"description", "max_session_duration"} & set(wanted):
                whole = action.context[0]
                self.iam.update_role(
                    RoleName=name,
                    Description=whole["description"],
                    MaxSessionDuration=whole["max_session_duration"],
                )
            self._tag("role", name, wanted, present)
        self._attach("role", name, wanted, present)

    def put_profile(self, action: Action) -> None:
        name = self.aws_name("roles", action)
        present = action.context[1] or {"roles": []}
        if action.verb == CREATE:
            self.iam.create_instance_profile(
                InstanceProfileName=name, Path=self.place.path, Tags=self.tags[action.name]
            )
            self.iam.get_waiter("instance_profile_exists").wait(InstanceProfileName=name)
        # a profile holds one role
        for role in set(present["roles"]) - set(action.after["roles"]):
            if_there(self.iam.remove_role_from_instance_profile, InstanceProfileName=name, RoleName=role)
        for role in set(action.after["roles"]) - set(present["roles"]):
            settled(self.iam.add_role_to_instance_profile)(InstanceProfileName=name, RoleName=role)

    def put_user(self, action: Action) -> None:
        name, wanted, present = self.aws_name("users", action), action.after, action.context[1] or {}
        if action.verb == CREATE:
            boundary = {"PermissionsBoundary": wanted["boundary"]} if wanted["boundary"] else {}
            self.iam.create_user(
                UserName=name,
                Path=self.place.path,
                Tags=ansible_dict_to_boto3_tag_list(wanted["tags"]),
                **boundary,
            )
            self.iam.get_waiter("user_exists").wait(UserName=name)
        else:
            self._bound("user", name, wanted)
            self._tag("user", name, wanted, present)
        if "groups" in wanted:
            there = set(present.get("groups") or [])
            for group in sorted(there - set(wanted["groups"])):
                if_there(self.iam.remove_user_from_group, GroupName=group, UserName=name)
            for group in sorted(set(wanted["groups"]) - there):
                settled(self.iam.add_user_to_group)(GroupName=group, UserName=name)
        self._attach("user", name, wanted, present)

    def put_setting(self, action: Action) -> None:
        if action.name == "alias":
            self.iam.create_account_alias(AccountAlias=action.after["alias"])
            return
        # what is not given here goes back to IAM's own default, so all of it is
        whole = {**(action.context[1] or {}), **action.context[0]}
        options = {self.password[key]: value for key, value in whole.items()}
        for zero in ("MaxPasswordAge", "PasswordReusePrevention"):
            if not options.get(zero):
                options.pop(zero, None)
        self.iam.update_account_password_policy(**options)

    # away

    def delete_user(self, action: Action) -> None:
        """Remove a user with all by which it can sign in; the password and the keys first."""
        name = self.aws_name("users", action)
        iam, user = self.iam, {"UserName": name}
        if_there(iam.delete_login_profile, **user)
        self.forget(name)
        belongings = (
            ("list_access_keys", "AccessKeyMetadata", "AccessKeyId", iam.delete_access_key),
            ("list_signing_certificates", "Certificates", "CertificateId", iam.delete_signing_certificate),
            ("list_ssh_public_keys", "SSHPublicKeys", "SSHPublicKeyId", iam.delete_ssh_public_key),
            (
                "list_service_specific_credentials",
                "ServiceSpecificCredentials",
                "ServiceSpecificCredentialId",
                iam.delete_service_specific_credential,
            ),
        )
        try:
            for operation, key, identity, delete in belongings:
                for item in pages(iam, operation, key, **user):
                    if_there(delete, **user, **{identity: item[identity]})
            for device in pages(iam, "list_mfa_devices", "MFADevices", **user):
                if_there(iam.deactivate_mfa_device, **user, SerialNumber=device["SerialNumber"])
                # a virtual device's serial number is an ARN; a passkey's is one too, and goes with its deactivation
                if ":mfa/" in device["SerialNumber"]:
                    if_there(iam.delete_virtual_mfa_device, SerialNumber=device["SerialNumber"])
            self._attach("user", name, {"policies": [], "inline_policies": []}, action.before)
            for group in action.before["groups"]:
                if_there(iam.remove_user_from_group, **user, GroupName=group)
        except is_boto3_error_code("NoSuchEntity"):
            return
        if_there(iam.delete_user, **user)

    def delete_group(self, action: Action) -> None:
        name = self.aws_name("groups", action)
        self._attach("group", name, {"policies": [], "inline_policies": []}, action.before)
        if_there(self.iam.delete_group, GroupName=name)

    def delete_profile(self, action: Action) -> None:
        name = self.aws_name("roles", action)
        for role in action.before["roles"]:
            if_there(self.iam.remove_role_from_instance_profile, InstanceProfileName=name, RoleName=role)
        if_there(self.iam.delete_instance_profile, InstanceProfileName=name)

    def delete_role(self, action: Action) -> None:
        name = self.aws_name("roles", action)
        self._attach("role", name, {"policies": [], "inline_policies": []}, action.before)
        if_there(self.iam.delete_role, RoleName=name)
