# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Master passwords of databases, replaced by age: those that RDS manages, and those that are in a secret of ours.

Secrets Manager is asked, not RDS: ModifyDBInstance can do it only with ApplyImmediately, which would also apply
whatever waits for the maintenance window. The token of the request is made of the version that is to go, so that asking
twice replaces once; which version is current, and since when, AWS tells.
"""

from __future__ import annotations

import datetime
import hashlib
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    NAME_TAG,
    application,
    aws_time,
    client,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._credentials import (
    CURRENT,
    version_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._database_secrets import (
    Passwords,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases_input import DATABASE
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._databases_read import (
    GONE,
    READY,
    Reader,
    owned,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    KNOWN_AFTER_APPLY,
    UPDATE,
    Action,
    InputError,
    Plan,
    concurrently,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

KIND = "database_password"
WORKERS = 4


class Seen(t.NamedTuple):
    """A database's password as AWS tells of it; times are UTC. ``status`` is RDS's of the secret."""

    arn: str
    status: str
    version: str | None
    changed: datetime.datetime
    item: t.Mapping[str, t.Any] | None = None
    """The instance, when the secret is ours."""


def due(
    seen: t.Mapping[str, Seen], renew: t.Collection[str], max_age: datetime.timedelta, now: datetime.datetime
) -> tuple[Plan, dict[str, str]]:
    """The plan, and a sentence for each password that is due and cannot be replaced now."""
    actions: list[Action] = []
    waiting: dict[str, str] = {}
    for name in renew:
        if name not in seen:
            raise InputError(
                f"renew: {name!r} is not a database of the platform whose password is in a secret; there are "
                f"{', '.join(sorted(seen)) or 'none'}."
            )
    for name, one in sorted(seen.items()):
        if name not in renew and now - one.changed < max_age:
            continue
        if one.status != "active":
            waiting[name] = f"its password is not replaced now, because RDS says that its secret is {one.status}."
            continue
        before = {"changed": f"{one.changed:%Y-%m-%dT%H:%M:%SZ}"}
        actions.append(Action(UPDATE, KIND, name, before, {"changed": KNOWN_AFTER_APPLY}, one))
    return Plan(actions), waiting


class Rotation:
    """How old each password is, and another one in its place; ``now`` is AWS's time at the last answer."""

    def __init__(self, client, reader: Reader) -> None:
        self.client, self.reader = client, reader
        self.passwords = Passwords(client, reader.platform)
        self.now: datetime.datetime | None = None

    def seen(self, managed: t.Mapping[str, str]) -> Seen:
        answer = self.client.describe_secret(SecretId=managed["SecretArn"])
        self.now = aws_time(answer)
        return Seen(
            managed["SecretArn"],
            managed.get("SecretStatus", "active"),
            version_of(answer, CURRENT),
            answer.get("LastRotatedDate") or answer["CreatedDate"],
        )

    def ours(self, item: t.Mapping[str, t.Any]) -> Seen | None:
        """The password of a database that RDS does not manage; None when no secret of ours has it."""
        secret = self.passwords.find(tags_of(item, "TagList")[NAME_TAG])
        version = version_of(secret, CURRENT)
        if secret is None or version is None:
            return None
        versions = pages(self.client, "list_secret_version_ids", "Versions", SecretId=secret["ARN"])
        self.now = aws_time(secret)
        made = next(one["CreatedDate"] for one in versions if one["VersionId"] == version)
        return Seen(secret["ARN"], "active", version, made, item)

    def give(self, item: t.Mapping[str, t.Any], timeout: float) -> None:
        """Have RDS take the password that waits, and make it the current one after that."""
        identifier, tags = item["DBInstanceIdentifier"], tags_of(item, "TagList")
        password = self.passwords.staged(tags[NAME_TAG], item["MasterUsername"], tags, None)
        # AWS applies a password at once whatever ApplyImmediately says, and what else waits goes on waiting
        self.reader.rds.modify_db_instance(
            DBInstanceIdentifier=identifier, MasterUserPassword=password, ApplyImmediately=False
        )

        def taken(now: t.Mapping[str, t.Any] | None) -> bool:
            waits = (now or {}).get("PendingModifiedValues") or {}
            return now is not None and now["DBInstanceStatus"] in READY and "MasterUserPassword" not in waits

        if not taken(poll(lambda: self.reader.instance(identifier), taken, timeout)):
            raise InputError(
                f"the password of {identifier} is not taken after {timeout} seconds (wait_timeout); run again."
            )
        self.passwords.promote(tags[NAME_TAG])

    def replace(self, name: str, one: Seen, timeout: float) -> None:
        if one.item:
            self.give(one.item, timeout)
            return
        token = hashlib.sha256(f"{one.arn} {one.version}".encode()).hexdigest()
        self.client.rotate_secret(SecretId=one.arn, ClientRequestToken=token)
        managed = {"SecretArn": one.arn}
        now = poll(lambda: self.seen(managed), lambda seen: seen.version != one.version, timeout)
        if now.version == one.version:
            raise InputError(
                f"the password of {name} is not replaced after {timeout} seconds (wait_timeout); AWS goes on with it."
            )


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The module's plan, applied unless in check mode, and the databases keyed by identifier."""
    options = module.params
    if options["max_age_days"] < 1:
        raise InputError(f"max_age_days: {options['max_age_days']:g} is not allowed; it is 1 or more.")
    platform = options["platform"]
    reader = Reader(client(module, "rds"), platform)
    items = {
        name: item
        for name, item in reader.instances().items()
        if item["DBInstanceStatus"] != GONE and owned(tags_of(item, "TagList"), platform, [DATABASE])
    }
    rotation = Rotation(client(module, "secretsmanager"), reader)

    def look(item: t.Mapping[str, t.Any]) -> Seen | None:
        return rotation.seen(item["MasterUserSecret"]) if item.get("MasterUserSecret") else rotation.ours(item)

    looks = concurrently(*[lambda item=item: look(item) for item in items.values()], workers=WORKERS)
    seen = {name: one for name, one in zip(items, looks) if one}
    now = rotation.now or datetime.datetime.now(datetime.UTC)
    whole, waiting = due(seen, options["renew"], datetime.timedelta(days=options["max_age_days"]), now)
    if whole and not module.check_mode:
        application(whole).run(list(whole), lambda a: rotation.replace(a.name, a.context, options["wait_timeout"]))
    return whole, {
        "databases": {name: {"secret_arn": one.arn} for name, one in sorted(seen.items())},
        "waiting": waiting,
    }
