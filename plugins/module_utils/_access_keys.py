# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access keys that are replaced before they grow old, while whoever uses them goes on.

A run takes each user as far as it can go without waiting; the next one goes on from what AWS tells:

1. The secret's tag says that a key is wanted; the key is made, and its secret half goes into a version of the secret
   that is pending. Killed before that, the key is one that no version holds: it is deleted and made anew.
2. As soon as AWS takes the new key, its version becomes the current one. Clients find it there; the old key still
   works.
3. When the old key has not been used for long enough, it is deactivated. A tag of the secret tells since when, because
   IAM does not.
4. When it was inactive for the time of grace, it is deleted.

The dates are on the secret, not on the user, whose tags belong to whoever declares the user.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import threading
import typing as t

try:
    import boto3
except ImportError:  # AnsibleAWSModule says what is missing
    boto3 = None

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    ITEM_ERRORS,
    application,
    aws_time,
    check_region,
    client,
    if_there,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._credentials import (
    CURRENT,
    PENDING,
    REQUESTED_TAG,
    RETIRED_TAG,
    SEEN_TIMEOUT,
    Secrets,
    handed_over,
    users_there,
    version_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import is_host_name
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    UPDATE,
    Action,
    InputError,
    Plan,
    concurrently,
    unique,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._smtp_password import smtp_password
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

KIND, SECRET = "access_key", "access_key_secret"
SLACK = datetime.timedelta(minutes=1)
"""What the clocks of AWS's services may differ by."""
SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
WORKERS = 4


class Key(t.NamedTuple):
    """An access key as IAM tells it; times are UTC."""

    id: str
    active: bool
    created: datetime.datetime
    used: datetime.datetime | None = None


class Wanted(t.NamedTuple):
    """What is declared for a user. ``host`` and ``port`` are those of the SMTP endpoint, None for another kind."""

    name: str
    secret: str
    host: str | None
    port: int | None
    region: str
    max_age: datetime.timedelta
    unused: datetime.timedelta
    grace: datetime.timedelta
    renew: bool = False

    def version(self, key_id: str) -> str:
        """The id of the version of the secret that holds this key."""
        parts = [key_id, *([self.host, str(self.port)] if self.host else [])]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    def value(self, key_id: str, secret: str) -> dict[str, t.Any]:
        """What the secret holds."""
        if self.host:
            password = smtp_password(secret, self.region)
            return {"host": self.host, "port": self.port, "username": key_id, "password": password}
        return {"access_key_id": key_id, "secret_access_key": secret}


class Seen(t.NamedTuple):
    """What AWS tells of a user. ``stages`` are those of the secret's versions."""

    keys: tuple[Key, ...] = ()
    secret: t.Mapping[str, t.Any] | None = None
    stages: t.Mapping[str, t.Sequence[str]] = {}
    requested: datetime.datetime | None = None
    retired: tuple[str, datetime.datetime] | None = None

    def held(self, wanted: Wanted, stage: str | None = None) -> Key | None:
        """The key that the version with this label holds."""
        for key in self.keys:
            if stage in self.stages.get(wanted.version(key.id), ()):
                return key
        return None


# --- input ----------------------------------------------------------------------------------------------------------


def validate(options: t.Mapping[str, t.Any]) -> None:
    """Raise :class:`InputError` for what cannot be rotated."""
    users = options["users"]
    unique(users, "users")
    for option, least in (("max_age_days", 1), ("unused_hours", 1), ("grace_days", 0)):
        if options[option] < least:
            raise InputError(f"{option}: {options[option]:g} is not allowed; it is {least} or more.")
    overlap = options["grace_days"] + options["unused_hours"] / 24
    if options["max_age_days"] <= overlap:
        raise InputError(
            f"max_age_days: {options['max_age_days']:g} is not allowed; a key has to live longer than the {overlap:g} "
            "days that unused_hours and grace_days give the one before it."
        )
    names = {user["name"] for user in users}
    for name in options["renew"]:
        if name not in names:
            raise InputError(f"renew: {name!r} is not one of users, which has {', '.join(sorted(names)) or 'none'}.")
    secrets: dict[str, str] = {}
    for user in users:
        name, secret = user["name"], secret_name(user, options["platform"])
        if not re.fullmatch(r"[\w+=,.@-]{1,64}", name, re.ASCII):
            raise InputError(f"users: name {name!r} is not one that IAM allows: 1 to 64 of letters, digits and _+=,.@-")
        if not SECRET_NAME.fullmatch(secret):
            raise InputError(
                f"users: {name}: secret {secret!r} is not a name of 1 to 512 letters, digits and /_+=.@- characters."
            )
        if secret in secrets:
            raise InputError(f"users: {name}: secret {secret!r} is that of {secrets[secret]} too; each needs its own.")
        secrets[secret] = name
        smtp = [option for option in ("region", "host", "port") if user.get(option) is not None]
        if user["kind"] != "smtp" and smtp:
            raise InputError(f"users: {name}: {smtp[0]} {user[smtp[0]]!r} is allowed only with kind smtp.")
        if user.get("region"):
            check_region(user["region"])
        if user.get("host") and not is_host_name(user["host"]):
            raise InputError(f"users: {name}: host {user['host']!r} is not a host name.")
        if user.get("port") is not None and not 0 < user["port"] < 65536:
            raise InputError(f"users: {name}: port {user['port']} is not allowed; it is 1 to 65535.")


def secret_name(user: t.Mapping[str, t.Any], platform: str) -> str:
    return user.get("secret") or handed_over(platform, "keys", user["name"])


def desired(options: t.Mapping[str, t.Any], region: str) -> dict[str, Wanted]:
    """The declared users by name; ``region`` is the module's."""
    wanted = {}
    for user in options["users"]:
        smtp = user["kind"] == "smtp"
        place = user.get("region") or region
        wanted[user["name"]] = Wanted(
            name=user["name"],
            secret=secret_name(user, options["platform"]),
            host=(user.get("host") or f"email-smtp.{place}.amazonaws.com") if smtp else None,
            port=(user.get("port") or 587) if smtp else None,
            region=place,
            max_age=datetime.timedelta(days=options["max_age_days"]),
            unused=datetime.timedelta(hours=options["unused_hours"]),
            grace=datetime.timedelta(days=options["grace_days"]),
            renew=user["name"] in options["renew"],
        )
    return wanted


# --- what is there --------------------------------------------------------------------------------------------------


class Reader:
    """Reads what AWS tells; ``now`` is its time at the first answer."""

    def __init__(self, iam, secrets: Secrets) -> None:
        self.iam, self.secrets = iam, secrets

    def now(self) -> datetime.datetime:
        return aws_time(self.iam.list_users(MaxItems=1))

    def key_ids(self, user: str) -> list[str]:
        return [key["AccessKeyId"] for key in self.listed(user)]

    def listed(self, user: str) -> list[dict[str, t.Any]]:
        return pages(self.iam, "list_access_keys", "AccessKeyMetadata", UserName=user)

    def used(self, key_id: str) -> datetime.datetime | None:
        return self.iam.get_access_key_last_used(AccessKeyId=key_id)["AccessKeyLastUsed"].get("LastUsedDate")

    def user(self, wanted: Wanted, there: bool) -> Seen:
        """What there is of a user; of one who is not there, there may be the secret."""
        secret = self.secrets.find(wanted.secret)
        tags = tags_of(secret or {})
        # nobody can read one that is being deleted
        readable = secret and not secret.get("DeletedDate")
        return Seen(
            keys=tuple(
                Key(item["AccessKeyId"], item["Status"] == "Active", item["CreateDate"], self.used(item["AccessKeyId"]))
                for item in sorted(self.listed(wanted.name) if there else [], key=lambda item: item["CreateDate"])
            ),
            secret=secret,
            stages=secret.get("VersionIdsToStages") or {} if readable else {},
            requested=moment(tags.get(REQUESTED_TAG)),
            retired=retirement(tags.get(RETIRED_TAG)),
        )

    def __call__(self, wanted: t.Mapping[str, Wanted], there: t.Collection[str]) -> dict[str, Seen]:
        looks = [lambda one=one: self.user(one, one.name in there) for one in wanted.values()]
        return dict(zip(wanted, concurrently(*looks, workers=WORKERS)))


def moment(text: str | None) -> datetime.datetime | None:
    """The time that one of our tags tells; None for none, or for what somebody else wrote there."""
    try:
        return datetime.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def retirement(text: str | None) -> tuple[str, datetime.datetime] | None:
    key_id, _space, when = (text or "").partition(" ")
    since = moment(when)
    return (key_id, since) if since else None


# --- plan -----------------------------------------------------------------------------------------------------------


def lost(wanted: Wanted, seen: Seen) -> list[Key]:
    """Keys that a killed run made and did not hand over.

    Such a key was never used, no version of the secret holds it, and it was made after the secret's tag asked for a key
    which nothing else has become.
    """
    if seen.requested is None:
        return []
    since = seen.requested - SLACK
    held = [key for key in seen.keys if wanted.version(key.id) in seen.stages]
    if any(key.created >= since for key in held):
        return []
    return [key for key in seen.keys if key not in held and key.used is None and key.created >= since]


def of_key(wanted: Wanted, key: Key) -> str:
    return f"{wanted.name}/{key.id}"


def make(wanted: Wanted, seen: Seen) -> Action:
    after = {"key": KNOWN_AFTER_APPLY, "secret": wanted.secret}
    return Action(CREATE, KIND, wanted.name, after=after, context=(wanted, seen, None))


def drop(wanted: Wanted, seen: Seen, key: Key, reason: str) -> Action:
    before = {"status": "active" if key.active else "inactive", "reason": reason}
    return Action(DELETE, KIND, of_key(wanted, key), before=before, context=(wanted, seen, key))


def change(wanted: Wanted, seen: Seen, key: Key, status: str, new: str) -> Action:
    return Action(UPDATE, KIND, of_key(wanted, key), {"status": status}, {"status": new}, (wanted, seen, key))


def steps(wanted: Wanted, seen: Seen, now: datetime.datetime) -> tuple[list[Action], str]:
    """The actions that a user's keys are ready for, and a sentence on what has to be waited for, empty for nothing."""
    strays = lost(wanted, seen)
    actions = [drop(wanted, seen, key, "its secret was lost") for key in strays]
    keys = [key for key in seen.keys if key not in strays]
    pending, current = seen.held(wanted, PENDING), seen.held(wanted, CURRENT)
    if pending and pending.active and pending is not current:
        return [*actions, change(wanted, seen, pending, "pending", "current")], ""
    if current is None:
        if len(keys) > 1:
            raise InputError(
                f"users: {wanted.name} has the access keys {' and '.join(key.id for key in keys)}, and the secret "
                f"{wanted.secret} holds neither; AWS allows two, so delete the one that is not used."
            )
        return [*actions, make(wanted, seen)], ""
    if not current.active:
        return actions, f"{current.id}, the key in use, was deactivated by hand; activate it, or delete it."
    others = [key for key in keys if key is not current]
    due = wanted.renew or now - current.created >= wanted.max_age
    if not others:
        return [*actions, *([make(wanted, seen)] if due else [])], ""
    (other,) = others
    late = f" Until it is gone, {current.id} cannot be replaced." if due else ""
    if other.active:
        free = max(other.used or other.created, current.created) + wanted.unused
        if now >= free:
            return [*actions, change(wanted, seen, other, "active", "inactive")], ""
        return actions, f"{other.id} is deactivated when nobody uses it until {stamp(free)}.{late}"
    if seen.retired is None or seen.retired[0] != other.id:
        return [*actions, change(wanted, seen, other, "inactive", "inactive since now")], ""
    end = seen.retired[1] + wanted.grace
    if now < end:
        return actions, f"{other.id} is inactive and is deleted after {stamp(end)}.{late}"
    actions.append(drop(wanted, seen, other, "its time of grace is over"))
    return [*actions, *([make(wanted, seen)] if due else [])], ""


def stamp(when: datetime.datetime) -> str:
    return when.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plan(
    wanted: t.Mapping[str, Wanted], seen: t.Mapping[str, Seen], now: datetime.datetime
) -> tuple[Plan, dict[str, str]]:
    """The plan, and by user what has to be waited for."""
    actions, waiting = [], {}
    for name, one in sorted(wanted.items()):
        more, reason = steps(one, seen[name], now)
        actions += more
        if reason:
            waiting[name] = reason
    return Plan(actions), waiting


def removal(wanted: t.Mapping[str, Wanted], seen: t.Mapping[str, Seen]) -> Plan:
    """The plan that takes away all keys of the users and their secrets."""
    actions = []
    for name, one in sorted(wanted.items()):
        actions += [drop(one, seen[name], key, "state is absent") for key in seen[name].keys]
        if seen[name].secret:
            actions.append(Action(DELETE, SECRET, one.secret, before={"user": name}, context=(one, seen[name], None)))
    return Plan(actions)


# --- apply ----------------------------------------------------------------------------------------------------------


class Apply:
    """Carries a plan out; ``works`` tells whether AWS takes a key (id, secret) already."""

    def __init__(self, reader: Reader, now: datetime.datetime, works: t.Callable[[str, str], bool]) -> None:
        self.reader, self.iam, self.secrets = reader, reader.iam, reader.secrets
        self.now, self.works = now, works

    def __call__(self, whole: Plan) -> None:
        work = application(whole, WORKERS)
        work.run(whole.only(KIND, verbs=[DELETE]), self.delete)
        work.run(whole.only(SECRET), lambda action: self.secrets.remove(action.name))
        work.run(whole.only(KIND, verbs=[CREATE]), self.create)
        work.run(whole.only(KIND, verbs=[UPDATE]), self.update)

    def create(self, action: Action) -> None:
        wanted, seen, _none = action.context
        self.secrets.ready(wanted.secret, wanted.name, seen.secret, {REQUESTED_TAG: stamp(self.now)})
        made = self.iam.create_access_key(UserName=wanted.name)["AccessKey"]
        key_id = made["AccessKeyId"]
        current = version_of(seen.secret, CURRENT)
        try:
            value = wanted.value(key_id, made["SecretAccessKey"])
            self.secrets.put(wanted.secret, wanted.version(key_id), value, staged=current is not None)
        except ITEM_ERRORS:
            if_there(self.iam.delete_access_key, UserName=wanted.name, AccessKeyId=key_id)
            raise
        if not poll(lambda: self.works(key_id, made["SecretAccessKey"]), bool, SEEN_TIMEOUT):
            raise InputError(f"AWS did not take the new key within {SEEN_TIMEOUT} seconds; run again to go on.")
        if current:
            self.secrets.promote(wanted.secret, wanted.version(key_id), current)
        # the next run would take a key that IAM does not list yet for one that is gone
        poll(lambda: self.reader.key_ids(wanted.name), lambda ids: key_id in ids, SEEN_TIMEOUT)

    def update(self, action: Action) -> None:
        wanted, seen, key = action.context
        if action.before["status"] == "pending":
            self.secrets.promote(wanted.secret, wanted.version(key.id), version_of(seen.secret, CURRENT))
            return
        self.secrets.note(wanted.secret, {RETIRED_TAG: f"{key.id} {stamp(self.now)}"})
        if key.active:
            self.iam.update_access_key(UserName=wanted.name, AccessKeyId=key.id, Status="Inactive")

    def delete(self, action: Action) -> None:
        wanted, _seen, key = action.context
        if_there(self.iam.delete_access_key, UserName=wanted.name, AccessKeyId=key.id)


def probe(module: AnsibleAWSModule) -> t.Callable[[str, str], bool]:
    """Whether AWS takes a key, as a function of its id and secret: GetCallerIdentity needs no permission."""
    pattern = client(module, "sts")
    options = {
        "region_name": pattern.meta.region_name,
        "endpoint_url": pattern.meta.endpoint_url,
        "verify": module.params["aws_ca_bundle"] or module.params["validate_certs"],
    }
    session, lock = boto3.session.Session(), threading.Lock()

    def works(key_id: str, secret: str) -> bool:
        with lock:
            sts = session.client("sts", aws_access_key_id=key_id, aws_secret_access_key=secret, **options)
        try:
            sts.get_caller_identity()
        except is_boto3_error_code("InvalidClientTokenId"):
            return False
        return True

    return works


def told(wanted: Wanted, seen: Seen, there: bool) -> dict[str, t.Any]:
    """A user's keys as the module returns them."""
    current = seen.held(wanted, CURRENT)
    return {
        "current": current.id if current else KNOWN_AFTER_APPLY if not there or not seen.keys else None,
        "secret": wanted.secret,
        "secret_arn": seen.secret["ARN"] if seen.secret else KNOWN_AFTER_APPLY,
        "keys": [
            {
                "id": key.id,
                "status": "active" if key.active else "inactive",
                "created": stamp(key.created),
                "last_used": stamp(key.used) if key.used else None,
            }
            for key in seen.keys
        ],
    }


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The module's plan, applied unless in check mode, and the users' keys."""
    options = module.params
    absent = options["state"] == "absent"
    validate(options)
    wanted = desired(options, module.region)
    secrets = Secrets(
        client(module, "secretsmanager"),
        options["platform"],
        "The access key of a user",
        options["tags"],
        options["kms_key"],
    )
    reader = Reader(client(module, "iam"), secrets)
    # who is gone already has left no key behind, but perhaps a secret
    there = users_there(reader.iam, options["platform"], list(wanted), module.check_mode or absent)
    seen, now = reader(wanted, there), reader.now()
    whole, waiting = (removal(wanted, seen), {}) if absent else plan(wanted, seen, now)
    if whole and not module.check_mode:
        Apply(reader, now, probe(module))(whole)
        changed = {action.context[0].name for action in whole}
        seen |= reader({name: wanted[name] for name in changed}, there)
        if not absent:
            waiting = plan(wanted, seen, now)[1]
    users = {} if absent else {name: told(one, seen[name], name in there) for name, one in sorted(wanted.items())}
    return whole, {"users": users, "waiting": waiting}
