# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the platform's hosts may send mail: by SES's SMTP endpoint, by its API, or by both.

By SMTP there is an IAM user with one access key, whose password is in a secret of Secrets Manager, which the hosts'
role may read; by the API the role may send, and there is no user. What lets the hosts send is always there before what
let them send goes.

IAM tells a secret access key once, in the answer that makes it. So a key counts only when the secret holds it: the id
of the secret's current version is a hash of the key's id and the endpoint. A key that no secret holds was left by a run
that was killed between the two calls; it is deleted, and another is made. Nothing here ever reads a secret.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list, compare_aws_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    ITEM_ERRORS,
    PLATFORM_TAG,
    Place,
    application,
    changeable,
    client,
    declared_name,
    if_there,
    owned_tags,
    pages,
    require_known,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._credentials import (
    FREE_TIMEOUT,
    REQUESTED_TAG,
    RETIRED_TAG,
    SEEN_TIMEOUT,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_names import is_host_name
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    UPDATE,
    Action,
    Fields,
    InputError,
    Plan,
    compare,
    concurrently,
    known,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._smtp_password import smtp_password
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

USER, KEY, SECRET, GRANT = "smtp_user", "smtp_key", "smtp_secret", "mail_grant"
NAME = "smtp"
"""The declared name of the user and the secret."""
POLICY = "mail"
"""The inline policy of the user, and that of the hosts' role."""
MAX_USER_POLICY = 2048
"""Characters that AWS allows in a user's inline policies, white space not counted."""
TRANSPORTS = ("smtp", "api", "both")


class Names(t.NamedTuple):
    """What the things are called on AWS; ``role`` is the hosts' role."""

    user: str
    path: str
    secret: str
    role: str


def names_of(platform: str, role: str) -> Names:
    return Names(f"{platform}-{NAME}", f"/{platform}/", f"{platform}/mail/{NAME}", f"{platform}-{role}")


# --- input and policies ---------------------------------------------------------------------------------------------


def source_ranges(given: t.Sequence[str]) -> list[str]:
    """The address ranges in normal form, sorted, each once; those that are not known yet stay as they are."""
    found = set()
    for text in given:
        if not known(text):
            found.add(KNOWN_AFTER_APPLY)
            continue
        try:
            found.add(str(ipaddress.ip_network(text)))
        except ValueError as error:
            raise InputError(
                f"source_ranges: {text!r} is not allowed ({error}); allowed is an address or a range such as "
                "203.0.113.0/24."
            ) from error
    return sorted(found)


def validate(options: t.Mapping[str, t.Any]) -> None:
    """Raise :class:`InputError` for what AWS would refuse, or what would let nobody send."""
    if options["state"] == "absent":
        return
    if options["transport"] != "api" and not (options["source_ranges"] or options["vpc_id"]):
        raise InputError(
            f"source_ranges: it is empty and vpc_id is not set; transport {options['transport']!r} needs the addresses "
            "from which mail is sent."
        )
    if options["host"] and not is_host_name(options["host"].lower()):
        raise InputError(f"host: {options['host']!r} is not a host name such as email-smtp.eu-west-1.amazonaws.com.")
    if not 1 <= options["port"] <= 65535:
        raise InputError(f"port: {options['port']} is not allowed; SES listens on 587, 2587, 25, 465 and 2465.")


def sending(platform: str, place: Place, actions: t.Sequence[str], conditions: t.Mapping[str, t.Any]) -> dict:
    """A statement's part that lets these actions use the platform's domains and streams alone.

    They are told by their tag: a policy has no room for thousands of domains, and need not change with them.
    """
    wanted = {"StringEquals": {f"aws:ResourceTag/{PLATFORM_TAG}": platform}}
    for operator, keys in conditions.items():
        wanted[operator] = {**wanted.get(operator, {}), **keys}
    return {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": [place.arn("ses", "identity/*"), place.arn("ses", f"configuration-set/{platform}-*")],
        "Condition": wanted,
    }


def user_policy(platform: str, place: Place, ranges: t.Sequence[str], vpc_id: str | None) -> dict[str, t.Any]:
    """What the SMTP user may do, and from where.

    A request that comes by a VPC endpoint has no public address, and AWS does not fill aws:SourceIp for it; the VPC's
    id says more than its private addresses, which another VPC may have too.
    """
    statements = []
    if ranges:
        by_address = {"IpAddress": {"aws:SourceIp": list(ranges)}}
        statements.append({"Sid": "FromAddresses", **sending(platform, place, ["ses:SendRawEmail"], by_address)})
    if vpc_id:
        by_vpc = {"StringEquals": {"aws:SourceVpc": vpc_id}}
        statements.append({"Sid": "FromVpcEndpoint", **sending(platform, place, ["ses:SendRawEmail"], by_vpc)})
    policy = {"Version": "2012-10-17", "Statement": statements}
    size = len("".join(json.dumps(policy).split()))
    if size > MAX_USER_POLICY:
        raise InputError(
            f"source_ranges: {len(ranges)} ranges make a policy of {size} characters; AWS allows a user "
            f"{MAX_USER_POLICY}, so give fewer and wider ones."
        )
    return policy


def role_policy(platform: str, place: Place, transport: str) -> dict[str, t.Any]:
    """What the hosts' role may do: read the SMTP user's password, or send."""
    statements = []
    if transport in ("smtp", "both"):
        # AWS ends a secret's ARN with six characters of its own
        secret = place.arn("secretsmanager", f"secret:{platform}/mail/{NAME}-??????")
        read = {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": [secret]}
        statements.append({"Sid": "ReadSmtpCredentials", **read})
    if transport in ("api", "both"):
        actions = ["ses:SendEmail", "ses:SendRawEmail"]
        statements.append({"Sid": "Send", **sending(platform, place, actions, {})})
    return {"Version": "2012-10-17", "Statement": statements}


def version_id(key_id: str, host: str, port: int) -> str:
    """The id of the version of the secret that holds this key's password for this endpoint."""
    return hashlib.sha256(f"{key_id} {host} {port}".encode()).hexdigest()


# --- what is wanted, what is there ----------------------------------------------------------------------------------


class Wanted(t.NamedTuple):
    """``user`` and ``secret`` are None when there is to be no SMTP, ``policy`` is the role's, None for none."""

    names: Names
    host: str
    port: int
    user: Fields | None
    secret: Fields | None
    policy: dict[str, t.Any] | None


def desired(options: t.Mapping[str, t.Any], place: Place) -> Wanted:
    """What the module's options want, in normal form."""
    validate(options)
    platform, transport = options["platform"], options["transport"]
    of = names_of(platform, options["role"])
    suffix = "amazonaws.com.cn" if place.partition == "aws-cn" else "amazonaws.com"
    host, port = (options["host"] or f"email-smtp.{place.region}.{suffix}").lower(), options["port"]
    if options["state"] == "absent":
        return Wanted(of, host, port, None, None, None)
    grant = role_policy(platform, place, transport)
    if transport == "api":
        return Wanted(of, host, port, None, None, grant)
    tags = owned_tags(platform, NAME, options["tags"])
    policy = user_policy(platform, place, source_ranges(options["source_ranges"]), options["vpc_id"])
    return Wanted(
        of,
        host,
        port,
        {"policy": policy, "further_rights": [], "tags": tags},
        {"host": host, "port": port, "tags": tags},
        grant,
    )


class Observed(t.NamedTuple):
    """What is there.

    ``keys`` has the status of each of the user's keys, ``held`` the id of that whose password the secret holds, and
    ``rotating`` those of its other versions: access_keys replaces a key while the former is still used.
    ``rights`` are the names of what else the user has: inline and managed policies (by ARN), groups. ``secret`` is
    None, too, when it is scheduled for deletion (``deleted``). Of ``foreign`` are the kinds that somebody else has.
    """

    user: Fields | None = None
    keys: t.Mapping[str, str] = {}
    rights: t.Mapping[str, list[str]] = {}
    secret: Fields | None = None
    held: str | None = None
    rotating: t.Collection[str] = ()
    deleted: bool = False
    arn: str | None = None
    role: bool = False
    policy: dict[str, t.Any] | None = None
    foreign: frozenset[str] = frozenset()


def secret_tags(secret: t.Mapping[str, t.Any]) -> dict[str, str]:
    """A secret's tags, without the dates that access_keys keeps there."""
    tags = changeable(tags_of(secret))
    return {key: value for key, value in tags.items() if key not in (REQUESTED_TAG, RETIRED_TAG)}


class Reader:
    """What AWS says of the user, the secret and the role of these names."""

    def __init__(self, iam, secrets, platform: str, wanted: Wanted) -> None:
        self.iam, self.secrets, self.platform, self.wanted = iam, secrets, platform, wanted
        self.names = wanted.names

    def owned(self, tags: t.Mapping[str, str]) -> bool:
        return declared_name(tags, self.platform) is not None

    def __call__(self) -> Observed:
        user, secret, role = concurrently(self.user, self.secret, self.role)
        foreign = {kind for kind, there in ((USER, user), (SECRET, secret), (GRANT, role)) if there == "foreign"}
        user, secret, role = (None if there == "foreign" else there for there in (user, secret, role))
        observed = Observed(foreign=frozenset(foreign))
        if user:
            fields, keys, rights = user
            observed = observed._replace(user=fields, keys=keys, rights=rights)
        if role:
            observed = observed._replace(role=True, policy=role["policy"])
        if secret:
            observed = observed._replace(arn=secret["ARN"], deleted="DeletedDate" in secret)
            if not observed.deleted:
                return observed._replace(**self.held(secret, observed.keys))
        return observed

    def held(self, secret: t.Mapping[str, t.Any], keys: t.Mapping[str, str]) -> dict[str, t.Any]:
        """The secret's fields, and the key that its current version is of."""
        versions = secret.get("VersionIdsToStages") or {}
        host, port = self.wanted.host, self.wanted.port
        labels = {key: versions.get(version_id(key, host, port), ()) for key in sorted(keys)}
        held = next((key for key, stages in labels.items() if "AWSCURRENT" in stages), None)
        rotating = [key for key, stages in labels.items() if stages and key != held]
        endpoint = {"host": host, "port": port} if held else {"host": None, "port": None}
        return {"held": held, "rotating": rotating, "secret": {**endpoint, "tags": secret_tags(secret)}}

    def user(self) -> t.Any:
        name = self.names.user
        answer = if_there(self.iam.get_user, UserName=name)
        if answer is None:
            return None
        tags = tags_of(answer["User"])
        if not self.owned(tags):
            return "foreign"
        keys, inline, managed, groups, policy = concurrently(
            self.keys,
            lambda: pages(self.iam, "list_user_policies", "PolicyNames", UserName=name),
            lambda: pages(self.iam, "list_attached_user_policies", "AttachedPolicies", UserName=name),
            lambda: pages(self.iam, "list_groups_for_user", "Groups", UserName=name),
            lambda: if_there(self.iam.get_user_policy, UserName=name, PolicyName=POLICY),
        )
        rights = {
            "inline": sorted(policy for policy in inline if policy != POLICY),
            "managed": sorted(policy["PolicyArn"] for policy in managed),
            "groups": sorted(group["GroupName"] for group in groups),
        }
        fields = {
            "policy": policy["PolicyDocument"] if policy else None,
            "further_rights": [right for kind in sorted(rights) for right in rights[kind]],
            "tags": changeable(tags),
        }
        return fields, keys, rights

    def keys(self) -> dict[str, str]:
        listed = pages(self.iam, "list_access_keys", "AccessKeyMetadata", UserName=self.names.user)
        return {key["AccessKeyId"]: key["Status"] for key in listed}

    def secret(self) -> t.Any:
        answer = if_there(self.secrets.describe_secret, SecretId=self.names.secret)
        return answer if answer is None or self.owned(tags_of(answer)) else "foreign"

    def role(self) -> t.Any:
        name = self.names.role
        answer, policy = concurrently(
            lambda: if_there(self.iam.get_role, RoleName=name),
            lambda: if_there(self.iam.get_role_policy, RoleName=name, PolicyName=POLICY),
        )
        if answer is None:
            return None
        if not self.owned(tags_of(answer["Role"])):
            return "foreign"
        return {"policy": policy["PolicyDocument"] if policy else None}


# --- plan -----------------------------------------------------------------------------------------------------------


def as_wanted(wanted: dict[str, t.Any] | None, present: dict[str, t.Any] | None) -> dict[str, t.Any] | None:
    """The present policy, in the wanted one's form when both say the same."""
    same = wanted and present and known(wanted) and not compare_policies(present, wanted)
    return wanted if same else present


def refuse_foreign(wanted: Wanted, observed: Observed, platform: str) -> None:
    """Raise :class:`InputError` when a name that is needed is somebody else's."""
    needed = {
        USER: (f"an IAM user {wanted.names.user}", wanted.user is not None),
        SECRET: (f"a secret {wanted.names.secret}", wanted.secret is not None),
        GRANT: (f"an IAM role {wanted.names.role}", wanted.policy is not None),
    }
    for kind, (what, is_needed) in needed.items():
        if is_needed and kind in observed.foreign:
            variable = f"role: {wanted.names.role}" if kind == GRANT else f"platform: {platform}"
            raise InputError(
                f"{variable}: {what} is there already and does not carry the platform's tag, so it is somebody else's; "
                "only a name that is free, or the platform's, is allowed."
            )


def plan(wanted: Wanted, observed: Observed) -> Plan:
    """Plan the user, its one key, the secret and the role's policy."""
    user, secret, role = wanted.names.user, wanted.names.secret, wanted.names.role
    users, keys, secrets, grants = {}, {}, {}, {}
    usable = observed.held if observed.keys.get(observed.held or "") == "Active" else None
    there = {}
    if observed.user:
        policy = as_wanted(wanted.user["policy"] if wanted.user else None, observed.user["policy"])
        there = {user: {**observed.user, "policy": policy}}
    if wanted.user is not None:
        users = {user: wanted.user}
        # a key that is to be made has no name yet but its user's
        keys = {usable or user: {}}
        secrets = {secret: {"key": usable or KNOWN_AFTER_APPLY, **wanted.secret}}
    # while there is a key to send by, its predecessor and successor are for access_keys to deal with
    left = observed.rotating if usable and wanted.user is not None else ()
    present_keys = {key: {"status": status} for key, status in observed.keys.items() if key not in left}
    held = {secret: {"key": observed.held, **observed.secret}} if observed.secret else {}
    if wanted.policy is not None:
        grants = {role: {"policy": wanted.policy}}
    granted = {role: {"policy": as_wanted(wanted.policy, observed.policy)}} if observed.policy else {}
    return (
        compare(GRANT, grants, granted, purge=True)
        + compare(USER, users, there, purge=True)
        + compare(KEY, keys, present_keys, purge=True)
        + compare(SECRET, secrets, held, purge=True)
    )


# --- apply ----------------------------------------------------------------------------------------------------------


class Apply:
    """Carries a plan out; ``key_id`` and ``arn`` are those of the key and the secret then."""

    def __init__(self, reader: Reader, observed: Observed, place: Place) -> None:
        self.reader, self.iam, self.secrets = reader, reader.iam, reader.secrets
        self.wanted, self.names, self.observed, self.place = reader.wanted, reader.names, observed, place
        self.key_id, self.arn = observed.held, observed.arn

    def __call__(self, whole: Plan) -> None:
        work = application(whole, 1)
        smtp = self.wanted.user is not None
        keys, secrets = whole.only(KEY, verbs=[DELETE]), whole.only(SECRET, verbs=[CREATE, UPDATE])
        work.run(whole.only(USER, verbs=[CREATE]), self.create_user)
        work.run(whole.only(USER, verbs=[UPDATE]), self.update_user)
        if smtp:
            # AWS allows a user two keys
            work.run(keys, self.delete_key)
        made = whole.only(KEY, verbs=[CREATE])
        if made:
            work.run_together([[*made, *secrets]], self.make_key)
        else:
            work.run(secrets, lambda action: self.tag_secret(action.after["tags"]))
        work.run(whole.only(GRANT, verbs=[CREATE, UPDATE]), self.grant)
        # whoever sends by what goes can send by what came
        work.run(whole.only(GRANT, verbs=[DELETE]), self.revoke)
        if not smtp:
            work.run(keys, self.delete_key)
            work.run(whole.only(SECRET, verbs=[DELETE]), self.delete_secret)
            work.run(whole.only(USER, verbs=[DELETE]), self.delete_user)

    # the user

    def create_user(self, action: Action) -> None:
        tags = ansible_dict_to_boto3_tag_list(action.after["tags"])
        self.iam.create_user(Path=self.names.path, UserName=self.names.user, Tags=tags)
        self.iam.get_waiter("user_exists").wait(UserName=self.names.user)
        self.put_user_policy(action.after["policy"])

    def update_user(self, action: Action) -> None:
        user = {"UserName": self.names.user}
        if "policy" in action.after:
            self.put_user_policy(action.after["policy"])
        if "further_rights" in action.after:
            self.take_rights()
        if "tags" in action.after:
            added, removed = compare_aws_tags(action.before["tags"], action.after["tags"])
            if removed:
                self.iam.untag_user(**user, TagKeys=removed)
            if added:
                self.iam.tag_user(**user, Tags=ansible_dict_to_boto3_tag_list(added))

    def put_user_policy(self, policy: t.Mapping[str, t.Any]) -> None:
        self.iam.put_user_policy(UserName=self.names.user, PolicyName=POLICY, PolicyDocument=json.dumps(policy))

    def take_rights(self) -> None:
        user, rights = {"UserName": self.names.user}, self.observed.rights
        for policy in rights["inline"]:
            if_there(self.iam.delete_user_policy, **user, PolicyName=policy)
        for policy in rights["managed"]:
            if_there(self.iam.detach_user_policy, **user, PolicyArn=policy)
        for group in rights["groups"]:
            if_there(self.iam.remove_user_from_group, **user, GroupName=group)

    def delete_user(self, action: Action) -> None:
        self.take_rights()
        if_there(self.iam.delete_user_policy, UserName=self.names.user, PolicyName=POLICY)
        if_there(self.iam.delete_user, UserName=self.names.user)

    # its key and the secret

    def make_key(self, actions: list[Action]) -> None:
        """Make a key and keep its password at once; a key whose password could not be kept goes again."""
        made = self.iam.create_access_key(UserName=self.names.user)["AccessKey"]
        key_id = made["AccessKeyId"]
        try:
            self.keep(key_id, smtp_password(made["SecretAccessKey"], self.place.region))
        except ITEM_ERRORS:
            self.iam.delete_access_key(UserName=self.names.user, AccessKeyId=key_id)
            raise
        # the next run would take a key that IAM does not list yet for one that is gone
        poll(self.reader.keys, lambda keys: key_id in keys, SEEN_TIMEOUT)
        self.key_id = key_id
        changed = {action.kind: action for action in actions}[SECRET]
        if changed.verb == UPDATE and "tags" in changed.after or self.observed.deleted:
            self.tag_secret(self.wanted.secret["tags"])

    def keep(self, key_id: str, password: str) -> None:
        host, port, name = self.wanted.host, self.wanted.port, self.names.secret
        version = {
            "ClientRequestToken": version_id(key_id, host, port),
            "SecretString": json.dumps({"host": host, "port": port, "username": key_id, "password": password}),
        }
        if self.observed.deleted:
            self.secrets.restore_secret(SecretId=name)
        if self.observed.arn:
            self.secrets.put_secret_value(SecretId=name, **version)
            return
        tags = ansible_dict_to_boto3_tag_list(self.wanted.secret["tags"])
        description = "Where the platform's hosts send mail by SMTP, and as whom"

        def create() -> dict[str, t.Any] | None:
            try:
                return self.secrets.create_secret(Name=name, Description=description, Tags=tags, **version)
            except is_boto3_error_code("InvalidRequestException"):
                # for a while after its deletion a name is not free
                return None

        answer = poll(create, lambda answer: answer is not None, FREE_TIMEOUT)
        if answer is None:
            raise InputError(
                f"Secrets Manager still deletes a secret {name}, and did not give its name again within "
                f"{FREE_TIMEOUT} seconds; run again later."
            )
        self.arn = answer["ARN"]

    def tag_secret(self, tags: t.Mapping[str, str]) -> None:
        name = self.names.secret
        present = secret_tags(self.secrets.describe_secret(SecretId=name))
        added, removed = compare_aws_tags(present, tags)
        if removed:
            self.secrets.untag_resource(SecretId=name, TagKeys=removed)
        if added:
            self.secrets.tag_resource(SecretId=name, Tags=ansible_dict_to_boto3_tag_list(added))

    def delete_key(self, action: Action) -> None:
        if_there(self.iam.delete_access_key, UserName=self.names.user, AccessKeyId=action.name)

    def delete_secret(self, action: Action) -> None:
        # its key is gone, so there is nothing that a recovery would bring back
        if_there(self.secrets.delete_secret, SecretId=self.names.secret, ForceDeleteWithoutRecovery=True)

    # the hosts' role

    def grant(self, action: Action) -> None:
        document = json.dumps(action.after["policy"])
        self.iam.put_role_policy(RoleName=self.names.role, PolicyName=POLICY, PolicyDocument=document)

    def revoke(self, action: Action) -> None:
        if_there(self.iam.delete_role_policy, RoleName=self.names.role, PolicyName=POLICY)


# --- the whole ------------------------------------------------------------------------------------------------------


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The module's plan, applied unless in check mode, and the names of what lets the hosts send."""
    options = module.params
    platform = options["platform"]
    require_known(module.check_mode, source_ranges=options["source_ranges"], vpc_id=options["vpc_id"])
    validate(options)
    place = Place.of(module)
    wanted = desired(options, place)
    reader = Reader(client(module, "iam"), client(module, "secretsmanager"), platform, wanted)
    observed = reader()
    refuse_foreign(wanted, observed, platform)
    if wanted.policy is not None and not observed.role and not module.check_mode:
        raise InputError(
            f"role: {options['role']!r} is not known; there is no IAM role {wanted.names.role}, and the hosts' role is "
            "needed."
        )
    whole = plan(wanted, observed)
    key_id = observed.held if not whole.only(KEY, verbs=[CREATE]) else KNOWN_AFTER_APPLY
    arn = observed.arn or KNOWN_AFTER_APPLY
    if not module.check_mode and whole:
        apply = Apply(reader, observed, place)
        apply(whole)
        key_id, arn = apply.key_id, apply.arn
    smtp = None
    if wanted.user is not None:
        smtp = {
            "host": wanted.host,
            "port": wanted.port,
            "user": wanted.names.user,
            "access_key_id": key_id,
            "secret": {"name": wanted.names.secret, "arn": arn},
        }
    return whole, {"smtp": smtp, "role": wanted.names.role if wanted.policy is not None else None}
