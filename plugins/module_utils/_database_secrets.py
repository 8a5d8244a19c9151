# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Master passwords that the platform keeps itself, for databases with replicas: RDS makes none of one that it manages.

A password is made into a version of the secret that is pending, given to RDS, and becomes the current one after that. A
run that is killed in between leaves the pending version, which the next run gives to RDS again.
"""

from __future__ import annotations

import json
import secrets
import string
import typing as t

from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import pages, tags_of
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._credentials import (
    CURRENT,
    PENDING,
    Secrets,
    version_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases_input import DATABASE
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases_read import owned

LENGTH = 32
"""Letters and digits of a password; MySQL takes 41 at most."""
CHARACTERS = string.ascii_letters + string.digits
WAYS = ("rds", "secret")
"""Who keeps the master password: RDS in a secret of its own, or the platform in one of ours."""


def secret_name(platform: str, name: str) -> str:
    return f"{platform}/database/{name}"


class Passwords:
    """The secrets of one platform's databases."""

    def __init__(self, client, platform: str) -> None:
        self.client, self.platform, self.secrets = client, platform, Secrets(client, platform)

    def find(self, name: str) -> dict[str, t.Any] | None:
        """A database's secret as described; :class:`InputError` for somebody else's."""
        return self.secrets.find(secret_name(self.platform, name))

    def kept(self) -> list[str]:
        """The names of all our secrets."""
        prefix = secret_name(self.platform, "")
        found = pages(self.client, "list_secrets", "SecretList", Filters=[{"Key": "name", "Values": [prefix]}])
        return sorted(item["Name"] for item in found if owned(tags_of(item), self.platform, [DATABASE]))

    def staged(self, name: str, user: str, tags: t.Mapping[str, str], kms_key: str | None) -> str:
        """The password that waits to become the current one; made when there is none."""
        ours = Secrets(self.client, self.platform, "Master user of a database", tags, kms_key)
        called = secret_name(self.platform, name)
        secret = ours.find(called)
        version = version_of(secret, PENDING)
        if version:
            held = self.client.get_secret_value(SecretId=called, VersionId=version)
            return json.loads(held["SecretString"])["password"]
        ours.ready(called, name, secret, {})
        password = "".join(secrets.choice(CHARACTERS) for _letter in range(LENGTH))
        ours.put(called, secrets.token_hex(32), {"username": user, "password": password}, staged=True)
        return password

    def current(self, name: str) -> str | None:
        """The password that counts; None when it is in no secret of ours."""
        version = version_of(self.find(name), CURRENT)
        if version is None:
            return None
        held = self.client.get_secret_value(SecretId=secret_name(self.platform, name), VersionId=version)
        return json.loads(held["SecretString"])["password"]

    def promote(self, name: str) -> None:
        """Make the version that waits the current one."""
        secret = self.find(name)
        version = version_of(secret, PENDING)
        if version:
            self.secrets.promote(secret_name(self.platform, name), version, version_of(secret, CURRENT))

    def remove(self, called: str, keep: bool) -> None:
        """Delete a secret; ``keep`` leaves AWS's thirty days in which it can be taken back."""
        if keep:
            self.client.delete_secret(SecretId=called, RecoveryWindowInDays=30)
        else:
            self.secrets.remove(called)
