# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules share that give out credentials: whose the users are, and the secrets by which they are handed over.

Nothing here reads a secret's value. Which credential a version of a secret holds is told by the version's id, which
is made from the credential's public half.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    PLATFORM_TAG,
    if_there,
    owned_tags,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError, concurrently
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
REQUESTED_TAG = "mydigitalstructure:key-requested"
"""Of a secret: when a key was last about to be made (ISO 8601)."""
RETIRED_TAG = "mydigitalstructure:key-retired"
"""Of a secret: the id of the key that was deactivated, a space, and when."""
SEEN_TIMEOUT, FREE_TIMEOUT = 60, 120
"""Seconds until all of IAM knows what was just made, and until a deleted secret's name is free again."""
HANDED_OVER = ("keys", "mfa")
"""What users get by secrets: access keys, and the seeds of MFA devices."""


def handed_over(platform: str, kind: str, user: str) -> str:
    """The name of the secret by which a user gets a credential of this kind, one of :data:`HANDED_OVER`."""
    return f"{platform}/{kind}/{user}"


def users_there(iam, platform: str, names: t.Sequence[str], check_mode: bool) -> list[str]:
    """Those of the named users that are there; :class:`InputError` for somebody else's.

    One that is not there is an error too, but in check mode, where it may be made before.
    """
    there = []
    for name, answer in zip(
        names, concurrently(*[lambda n=name: if_there(iam.get_user, UserName=n) for name in names])
    ):
        if answer is None:
            if not check_mode:
                raise InputError(f"users: {name!r} is not known; IAM has no user of this name.")
            continue
        if tags_of(answer["User"]).get(PLATFORM_TAG) != platform:
            raise InputError(
                f"users: {name!r} does not carry the tag {PLATFORM_TAG}={platform}, so the user is somebody else's; "
                "only the platform's users are allowed."
            )
        there.append(name)
    return there


def version_of(secret: t.Mapping[str, t.Any] | None, stage: str) -> str | None:
    """The id of the version with this label; one that is current is not pending any more.

    :arg secret: as DescribeSecret tells it; one that is being deleted has no version.
    """
    if not secret or secret.get("DeletedDate"):
        return None
    for version, stages in (secret.get("VersionIdsToStages") or {}).items():
        if stage in stages and (stage == CURRENT or CURRENT not in stages):
            return version
    return None


class Secrets:
    """The secrets of Secrets Manager by which one kind of credential is handed over.

    :arg client: of Secrets Manager.
    :arg what: the description of those that are made.
    :arg tags: further tags of those that are made.
    :arg kms_key: id, alias or ARN of the key that encrypts those that are made; AWS's own without one.
    """

    def __init__(
        self,
        client,
        platform: str,
        what: str = "",
        tags: t.Mapping[str, t.Any] | None = None,
        kms_key: str | None = None,
    ) -> None:
        self.client, self.platform, self.what, self.tags, self.kms_key = client, platform, what, tags or {}, kms_key

    def find(self, name: str) -> dict[str, t.Any] | None:
        """The secret as DescribeSecret tells it, None without one; :class:`InputError` for somebody else's."""
        secret = if_there(self.client.describe_secret, SecretId=name)
        if secret and tags_of(secret).get(PLATFORM_TAG) != self.platform:
            raise InputError(
                f"secret {name!r} is there already and does not carry the tag {PLATFORM_TAG}={self.platform}, so it is "
                "somebody else's; only a name that is free, or the platform's, is allowed."
            )
        return secret

    def ready(self, name: str, user: str, secret: t.Mapping[str, t.Any] | None, notes: t.Mapping[str, str]) -> str:
        """Make the secret, still without a value, or take it back from its deletion; with these tags. Its ARN."""
        if secret:
            if secret.get("DeletedDate"):
                self.client.restore_secret(SecretId=name)
            self.note(name, notes)
            return secret["ARN"]
        tags = ansible_dict_to_boto3_tag_list({**owned_tags(self.platform, user, self.tags), **notes})
        key = {"KmsKeyId": self.kms_key} if self.kms_key else {}

        def create() -> dict[str, t.Any] | None:
            try:
                return self.client.create_secret(Name=name, Description=self.what, Tags=tags, **key)
            except is_boto3_error_code("InvalidRequestException"):
                return None  # for a while after its deletion a name is not free

        answer = poll(create, lambda answer: answer is not None, FREE_TIMEOUT)
        if answer is None:
            raise InputError(
                f"Secrets Manager still deletes a secret {name}, and did not give its name again within "
                f"{FREE_TIMEOUT} seconds; run again later."
            )
        return answer["ARN"]

    def note(self, name: str, notes: t.Mapping[str, str]) -> None:
        """Write these tags."""
        if notes:
            self.client.tag_resource(SecretId=name, Tags=ansible_dict_to_boto3_tag_list(notes))

    def put(self, name: str, version: str, value: t.Mapping[str, t.Any], *, staged: bool = False) -> None:
        """Add a version of this id; with ``staged`` it waits as AWSPENDING until :meth:`promote`."""
        self.client.put_secret_value(
            SecretId=name,
            ClientRequestToken=version,
            SecretString=json.dumps(value),
            VersionStages=[PENDING if staged else CURRENT],
        )

    def promote(self, name: str, version: str, current: str | None) -> None:
        """Make the version the current one in the place of ``current``, None for none."""
        away = {"RemoveFromVersionId": current} if current else {}
        self.client.update_secret_version_stage(SecretId=name, VersionStage=CURRENT, MoveToVersionId=version, **away)

    def remove(self, name: str) -> None:
        """Delete at once: what it holds is worth nothing any more, so there is nothing to recover."""
        if_there(self.client.delete_secret, SecretId=name, ForceDeleteWithoutRecovery=True)

    def forget(self, user: str) -> None:
        """Delete what a user was handed over; a secret of such a name that is somebody else's stays."""
        for kind in HANDED_OVER:
            name = handed_over(self.platform, kind, user)
            secret = if_there(self.client.describe_secret, SecretId=name)
            if secret and tags_of(secret).get(PLATFORM_TAG) == self.platform:
                self.remove(name)
