# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The platform's S3 buckets as one set: read aspect by aspect, planned, and only what differs is written.

A bucket is the platform's by its tags, which it has from its creation on. Every call names the account, so that a name
that has changed hands between two runs is never written to. ``_buckets_forms`` has what the aspects look like,
``_buckets_policy`` the policy, ``_buckets_input`` what is allowed.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.iam import get_aws_account_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _buckets_input as rules
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _buckets_policy as policy
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    NAME_TAG,
    PLATFORM_TAG,
    application,
    client,
    declared_name,
    explain,
    owned_tags,
    pages,
    require_known,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._buckets_forms import (
    ASPECTS,
    Answer,
    by_days,
    compact,
)
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
    differing,
    ignored,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

KIND = "bucket"
WORKERS = 12
# S3 says so while another change of the bucket is on its way, or before a new bucket is known everywhere
PASSING = ["OperationAborted", "NoSuchBucket", "InvalidTargetBucketForLogging"]
FORBIDDEN = ["AccessDenied", "AllAccessDisabled", "403"]
HOLDS = "objects"
"""The field of a removal that says that the objects go too."""


# what is wanted


def resolved(buckets: t.Sequence[t.Mapping[str, t.Any]], names: t.Mapping[str, str]) -> list[dict[str, t.Any]]:
    """The declared buckets with the declared name of a log target where S3's name of it was given."""
    declared = {aws: name for name, aws in names.items()}
    return [
        {
            **item,
            "logging": {
                **item["logging"],
                "bucket": declared.get(item["logging"]["bucket"], item["logging"]["bucket"]),
            },
        }
        if item.get("logging")
        else dict(item)
        for item in buckets
    ]


def desired(
    buckets: t.Sequence[t.Mapping[str, t.Any]],
    names: t.Mapping[str, str],
    place: policy.Place,
    platform: str,
    tags: t.Mapping[str, str] | None = None,
) -> dict[str, Fields]:
    """The wanted buckets by declared name, in normal form: a field an aspect, ``bucket`` and ``region``."""
    writers: dict[str, list[str]] = {}
    for item in buckets:
        if item.get("logging"):
            arn = place.bucket_arn(names[item["name"]])
            writers.setdefault(item["logging"]["bucket"], []).append(arn)
    wanted = {}
    for item in buckets:
        name = item["name"]
        bucket = names[name]
        whole = policy.build(bucket, item, place, writers.get(name, []))
        rules.validate_policy(name, whole)
        wanted[name] = {
            "bucket": bucket,
            "region": place.region,
            "tags": owned_tags(platform, name, tags, item["tags"]),
            "ownership": item["ownership"],
            "public_access_block": dict(item["public_access_block"]),
            "encryption": wanted_encryption(item["encryption"]),
            "versioning": item["versioning"],
            "object_lock": wanted_lock(item.get("object_lock")),
            "lifecycle": {rule["id"]: wanted_rule(rule) for rule in item["lifecycle"]},
            "cors": [wanted_cors(rule) for rule in item["cors"]],
            "policy": whole,
            "logging": wanted_logging(item.get("logging"), names),
            "notifications": {
                "eventbridge": item["notifications"]["eventbridge"],
                "rules": {rule["id"]: wanted_notification(rule) for rule in item["notifications"]["rules"]},
            },
        }
    return wanted


def wanted_encryption(encryption: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    if encryption["type"] == "s3":
        return {"type": "s3"}
    # AWS has no bucket keys with two layers
    saves = bool(encryption.get("bucket_key")) and encryption["type"] == "kms"
    return {"type": encryption["type"], "key": encryption.get("key"), "bucket_key": saves}


def wanted_lock(lock: t.Mapping[str, t.Any] | None) -> dict[str, t.Any] | None:
    if not lock or not lock["enabled"]:
        return None
    return {"enabled": True, **compact({key: lock.get(key) for key in ("mode", "days", "years")})}


def wanted_rule(rule: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    fields = {key: value for key, value in rule.items() if key != "id"}
    fields["tags"] = {key: str(value) for key, value in rule["tags"].items()}
    fields["expired_object_delete_marker"] = rule["expired_object_delete_marker"] or None
    for key in ("transitions", "noncurrent_transitions"):
        fields[key] = by_days(compact(item) for item in rule[key])
    return compact(fields)


def wanted_cors(rule: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    lists = {key: sorted(set(rule[key])) for key in ("methods", "origins", "headers", "expose_headers")}
    return compact({"id": rule.get("id"), **lists, "max_age": rule.get("max_age")})


def wanted_logging(given: t.Mapping[str, t.Any] | None, names: t.Mapping[str, str]) -> dict[str, str] | None:
    return {"bucket": names.get(given["bucket"], given["bucket"]), "prefix": given["prefix"]} if given else None


def wanted_notification(rule: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    filters = compact({key: rule.get(key) for key in ("prefix", "suffix")})
    return {"to": rule["to"], "events": sorted(set(rule["events"])), **filters}


# what is there


class Observed(t.NamedTuple):
    """What is there.

    ``regions`` has the region of each bucket that the account has, by its name in AWS. ``owned`` has the fields of the
    platform's buckets, and ``answers`` what S3 said of their aspects, both by declared name. ``tags`` has the tags of
    the declared names in AWS that somebody has already: None where they may not be read.
    """

    regions: dict[str, str]
    owned: dict[str, Fields]
    answers: dict[str, dict[str, Answer]]
    tags: dict[str, dict[str, str] | None]


class Reader:
    """Reads buckets of one account, in one region."""

    def __init__(self, s3, place: policy.Place):
        self.s3, self.place = s3, place

    def who(self, bucket: str) -> dict[str, str]:
        """The arguments of every call on a bucket: S3 refuses it when the bucket is another account's."""
        return {"Bucket": bucket, "ExpectedBucketOwner": self.place.account}

    def tagging(self, bucket: str) -> tuple[bool, Answer | None]:
        """Whether a bucket is there, and what S3 says of its tags; None where they may not be read."""
        try:
            return True, self.answer(bucket, "tags")
        except is_boto3_error_code("NoSuchBucket"):
            return False, None
        except is_boto3_error_code(FORBIDDEN):
            return True, None

    def answer(self, bucket: str, aspect: str) -> Answer:
        """What S3 says of an aspect; empty when it was never set."""
        form = ASPECTS[aspect]
        try:
            said = getattr(self.s3, form.read)(**self.who(bucket))
        except is_boto3_error_code(form.missing):
            return {}
        return {key: value for key, value in said.items() if key != "ResponseMetadata"}

    def answers(self, buckets: t.Sequence[str], aspects: t.Sequence[str]) -> list[dict[str, Answer]]:
        """What S3 says of these aspects of each bucket, all asked at the same time."""
        asked = [lambda b=b, a=a: self.answer(b, a) for b in buckets for a in aspects]
        said = iter(concurrently(*asked, workers=WORKERS))
        return [{aspect: next(said) for aspect in aspects} for _bucket in buckets]

    def fields(self, bucket: str, answers: t.Mapping[str, Answer], wanted: Fields | None = None) -> dict[str, t.Any]:
        """A bucket's fields; of two forms of one policy, the wanted one."""
        found = {aspect: ASPECTS[aspect].parse(answer) for aspect, answer in answers.items()}
        if wanted and wanted["policy"] and found.get("policy") and same_policy(found["policy"], wanted["policy"]):
            found["policy"] = wanted["policy"]
        return {"bucket": bucket, "region": self.place.region, **found}

    def observe(self, platform: str, wanted: t.Mapping[str, Fields], whole: bool) -> Observed:
        """The platform's buckets in the region, and what has the declared names.

        :arg whole: whether to read also the platform's buckets that are not declared.
        """
        listed = pages(self.s3, "list_buckets", "Buckets", PaginationConfig={"PageSize": 1000})
        regions = {item["Name"]: item.get("BucketRegion") or self.place.region for item in listed}
        declared = {fields["bucket"] for fields in wanted.values()}
        here = sorted({name for name, region in regions.items() if region == self.place.region} | declared)
        states = concurrently(*[lambda n=n: self.tagging(n) for n in here], workers=WORKERS)
        # a name that is listed and was deleted a moment ago is free
        there = {name: answer for name, (found, answer) in zip(here, states) if found}
        tags = {name: None if answer is None else ASPECTS["tags"].parse(answer) for name, answer in there.items()}
        owners: dict[str, str] = {}
        for bucket, its in tags.items():
            name = declared_name(its or {}, platform)
            if name is None:
                continue
            if name in owners:
                raise InputError(
                    f"buckets: {name}: {owners[name]} and {bucket} both carry {PLATFORM_TAG}={platform} and "
                    f"{NAME_TAG}={name}; only one is allowed, so remove the tags from the one that is not used."
                )
            owners[name] = bucket
        needed = {name: bucket for name, bucket in owners.items() if whole or name in wanted}
        said = self.answers(list(needed.values()), [aspect for aspect in ASPECTS if aspect != "tags"])
        answers = {name: {"tags": there[needed[name]], **its} for name, its in zip(needed, said)}
        owned = {name: self.fields(bucket, answers[name], wanted.get(name)) for name, bucket in needed.items()}
        return Observed(regions, owned, answers, {name: its for name, its in tags.items() if name in declared})

    def holds(self, bucket: str) -> bool:
        """Whether a bucket holds objects, versions, delete markers or unfinished uploads."""
        found = self.s3.list_object_versions(**self.who(bucket), MaxKeys=1)
        if found.get("Versions") or found.get("DeleteMarkers") or found.get("IsTruncated"):
            return True
        return bool(self.s3.list_multipart_uploads(**self.who(bucket), MaxUploads=1).get("Uploads"))


def same_policy(one: t.Mapping[str, t.Any], other: t.Mapping[str, t.Any]) -> bool:
    return not compare_policies(one, other)


# the plan


def plan(
    wanted: t.Mapping[str, Fields],
    observed: Observed,
    *,
    purge: bool = False,
    ignore: t.Iterable[str] = (),
    purge_only: t.Collection[str] | None = None,
) -> Plan:
    """Plan the buckets; with ``purge_only``, only those of these names are deleted."""
    ignore = tuple(ignore)
    for name, fields in wanted.items():
        if not ignored(name, ignore):
            check_name(name, fields, observed)
    there = {n: f for n, f in observed.owned.items() if n in wanted or purge_only is None or n in purge_only}
    whole = compare(KIND, wanted, there, purge=purge, ignore=ignore, fixed=("bucket", "region"))
    for action in whole.only(verbs=[UPDATE]):
        if "object_lock" in action.after and action.after["object_lock"] is None:
            rules.refuse(
                action.name,
                "object_lock is on and cannot be turned off; declare it, with enabled true, or use another bucket.",
            )
    return whole


def check_name(name: str, fields: Fields, observed: Observed) -> None:
    """Refuse a bucket whose name in AWS is somebody else's, or lies in another region."""
    bucket, region = fields["bucket"], fields["region"]
    at = observed.regions.get(bucket)
    if at not in (None, region):
        rules.refuse(name, f"the bucket {bucket!r} lies in {at}, and buckets do not move; it has to lie in {region}.")
    if bucket not in observed.tags:
        return
    tags = observed.tags[bucket]
    if tags is None and at is None:
        rules.refuse(
            name,
            f"the name {bucket!r} is taken by somebody else, for bucket names are the whole world's; choose another by "
            "prefix or bucket.",
        )
    if tags is None:
        rules.refuse(
            name, f"the bucket {bucket!r} may not be read with these credentials; s3:GetBucketTagging is needed."
        )
    platform, theirs = fields["tags"][PLATFORM_TAG], tags.get(NAME_TAG)
    if tags.get(PLATFORM_TAG) != platform:
        rules.refuse(
            name,
            f"a bucket {bucket!r} is in the account already and does not carry the platform's tag, so it is somebody "
            f"else's; tag it {PLATFORM_TAG}={platform} and {NAME_TAG}={name} to hand it over, or choose another name.",
        )
    if theirs != name:
        rules.refuse(
            name, f"the bucket {bucket!r} is the platform's bucket {theirs!r} by its tags; only one is allowed."
        )


def check_deletable(reader: Reader, planned: Plan, with_objects: t.Collection[str]) -> Plan:
    """The same plan, with what goes with a bucket; refused where a bucket holds something and was not named."""
    actions = planned.only(KIND, verbs=[DELETE])
    if not actions:
        return planned
    full = concurrently(*[lambda a=a: may_hold(reader, a) for a in actions], workers=WORKERS)
    holding = {action.name: action for action, held in zip(actions, full) if held}
    locked = sorted(name for name, action in holding.items() if action.before["object_lock"])
    if locked:
        rules.refuse(
            locked[0],
            f"the bucket {holding[locked[0]].before['bucket']!r} holds objects under an object lock, which nobody "
            "deletes before their time; only when it is empty can it go.",
        )
    kept = sorted(set(holding) - set(with_objects))
    if kept:
        titles = ", ".join(f"{name} ({holding[name].before['bucket']})" for name in kept)
        raise InputError(
            f"delete_with_objects: {titles} would be deleted and still holds objects, versions or unfinished uploads; "
            "buckets are deleted with what they hold only when delete_with_objects names each."
        )

    def told(action: Action) -> Action:
        if action.name not in holding or action.verb != DELETE:
            return action
        return Action(DELETE, KIND, action.name, {**action.before, HOLDS: "deleted with it"}, {}, action.context)

    return Plan([told(action) for action in planned])


def may_hold(reader: Reader, action: Action) -> bool:
    bucket = action.before["bucket"]
    try:
        return reader.holds(bucket)
    except is_boto3_error_code("NoSuchBucket"):
        return False
    except is_boto3_error_code(FORBIDDEN) as error:
        raise InputError(
            f"buckets: {action.name}: it cannot be seen whether the bucket {bucket!r} holds something, so it is not "
            f"deleted ({explain(error)}); run from an allowed network, or as one of access.exempt_principals."
        ) from error


# what is done


class Apply:
    """Carries a plan out."""

    def __init__(
        self,
        reader: Reader,
        observed: Observed,
        levels: t.Mapping[str, int],
        with_objects: t.Collection[str],
        timeout: int,
    ):
        self.reader, self.observed, self.levels = reader, observed, levels
        self.with_objects, self.timeout, self.s3 = with_objects, timeout, reader.s3

    def __call__(self, whole: Plan) -> None:
        work = application(whole, 4)
        kept = whole.only(KIND, verbs=[CREATE, UPDATE])
        # a bucket that others log into comes before them
        for level in sorted({self.levels[action.name] for action in kept}):
            work.run([action for action in kept if self.levels[action.name] == level], self.keep)
        # one that others log into goes after them, for what is done to them is logged
        gone = whole.only(KIND, verbs=[DELETE])
        targets = {action.before["logging"]["bucket"] for action in gone if action.before["logging"]}
        work.run([action for action in gone if action.before["bucket"] not in targets], self.delete)
        work.run([action for action in gone if action.before["bucket"] in targets], self.delete)

    def keep(self, action: Action) -> None:
        wanted = action.context[0]
        bucket = wanted["bucket"]
        if action.verb == CREATE:
            self.create(wanted)
            # what a new bucket has by itself is for S3 to say: it has changed over the years
            (answers,) = self.patiently(lambda: self.reader.answers([bucket], list(ASPECTS)))
            present = self.reader.fields(bucket, answers, wanted)
        else:
            answers, present = self.observed.answers[action.name], action.context[1]
        names = [aspect for aspect in ASPECTS if aspect in differing(wanted, present)]
        for aspect in names:
            operation, arguments = ASPECTS[aspect].request(wanted[aspect], answers[aspect])
            self.patiently(lambda o=operation, a=arguments: getattr(self.s3, o)(**self.reader.who(bucket), **a))
        self.read_back(bucket, wanted, names)

    def create(self, wanted: Fields) -> None:
        region = self.reader.place.region
        # us-east-1 is what S3 takes where no place is given, and is refused as one
        place = {} if region == "us-east-1" else {"LocationConstraint": region}
        options: dict[str, t.Any] = {
            "CreateBucketConfiguration": {**place, "Tags": ansible_dict_to_boto3_tag_list(wanted["tags"])},
            "ObjectOwnership": wanted["ownership"],
        }
        if wanted["object_lock"]:
            options["ObjectLockEnabledForBucket"] = True
        try:
            self.patiently(lambda: self.s3.create_bucket(Bucket=wanted["bucket"], **options))
        except is_boto3_error_code("BucketAlreadyExists") as error:
            raise InputError(
                f"the name {wanted['bucket']!r} is taken by somebody else, or was until a moment ago; choose another "
                "by prefix or bucket."
            ) from error
        except is_boto3_error_code("BucketAlreadyOwnedByYou") as error:
            tags = ASPECTS["tags"].parse(self.reader.tagging(wanted["bucket"])[1] or {})
            if (tags.get(PLATFORM_TAG), tags.get(NAME_TAG)) != (wanted["tags"][PLATFORM_TAG], wanted["tags"][NAME_TAG]):
                raise InputError(
                    f"somebody made the bucket {wanted['bucket']!r} meanwhile; nothing of it was changed."
                ) from error
        self.s3.get_waiter("bucket_exists").wait(
            **self.reader.who(wanted["bucket"]), WaiterConfig={"Delay": 1, "MaxAttempts": max(self.timeout, 1)}
        )

    def patiently(self, call: t.Callable[[], t.Any]) -> t.Any:
        """Make a call, again and again while S3 says that something else is not done yet; what it answers."""

        def attempt() -> tuple[t.Any, Exception | None]:
            try:
                return call(), None
            except is_boto3_error_code(PASSING) as error:
                return None, error

        answer, error = poll(attempt, lambda said: said[1] is None, self.timeout)
        if error is not None:
            raise error
        return answer

    def read_back(self, bucket: str, wanted: Fields, names: t.Sequence[str]) -> None:
        """Look until S3 tells what was written; its settings take effect a little later."""
        if not names:
            return

        def look() -> list[str]:
            (answers,) = self.patiently(lambda: self.reader.answers([bucket], names))
            present = self.reader.fields(bucket, answers, wanted)
            return [name for name in names if present[name] != wanted[name]]

        left = poll(look, lambda names_left: not names_left, self.timeout)
        if left:
            raise InputError(f"S3 does not tell what was written of {', '.join(left)} after {self.timeout} seconds.")

    def delete(self, action: Action) -> None:
        bucket = action.before["bucket"]
        # what is still writing may put something in between
        for _attempt in range(3):
            if action.name in self.with_objects:
                self.empty(bucket)
            try:
                self.s3.delete_bucket(**self.reader.who(bucket))
            except is_boto3_error_code("NoSuchBucket"):
                return
            except is_boto3_error_code("BucketNotEmpty"):
                continue
            return
        raise InputError("it holds objects again; stop what writes into it.")

    def empty(self, bucket: str) -> None:
        """Delete all versions, delete markers and unfinished uploads, a thousand a call."""
        who = self.reader.who(bucket)
        try:
            # from the beginning each time: what was listed is gone
            while objects := self.versions(bucket):
                failed = self.s3.delete_objects(**who, Delete={"Objects": objects, "Quiet": True}).get("Errors")
                if failed:
                    first = failed[0]
                    raise InputError(
                        f"{len(failed)} objects could not be deleted, the first of them {first['Key']!r}: "
                        f"{first.get('Message') or first.get('Code')}."
                    )
            for upload in pages(self.s3, "list_multipart_uploads", "Uploads", **who):
                self.s3.abort_multipart_upload(**who, Key=upload["Key"], UploadId=upload["UploadId"])
        except is_boto3_error_code(["NoSuchBucket", "NoSuchUpload"]):
            pass  # it went meanwhile

    def versions(self, bucket: str) -> list[dict[str, str]]:
        """A page of the versions and delete markers of a bucket."""
        page = self.s3.list_object_versions(**self.reader.who(bucket))
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        return [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]


# the module


def told(wanted: t.Mapping[str, Fields], place: policy.Place, sources: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The buckets as the module returns them; all of it is known before they are made."""
    return {
        name: {
            "bucket": fields["bucket"],
            "arn": place.bucket_arn(fields["bucket"]),
            "region": place.region,
            "log_sources": sorted(sources[name]),
        }
        for name, fields in sorted(wanted.items())
    }


def work(module: AnsibleAWSModule) -> tuple[Plan, dict[str, t.Any]]:
    """The module's plan, applied unless in check mode, and the buckets keyed by name."""
    options = module.params
    absent = options["state"] == "absent"
    s3 = client(module, "s3")
    if "Tags" not in s3.meta.service_model.shape_for("CreateBucketConfiguration").members:
        raise InputError("botocore: this one cannot tag a bucket in the call that makes it; a newer one is needed.")
    account, partition = get_aws_account_info(module)
    place = policy.Place(partition, account, module.region)
    places = {"platform": options["platform"], "account": account, "region": module.region}
    names = rules.aws_names(options["buckets"], options["prefix"], places)
    buckets = resolved(options["buckets"], names)
    if not absent:
        rules.validate(buckets, module.region, s3.meta.service_model.shape_for("Event").enum)
        for item in buckets:
            # what is null is no value that is still to come
            coming = [option for option, value in item.items() if KNOWN_AFTER_APPLY in json.dumps(value)]
            require_known(module.check_mode, **{f"buckets: {item['name']}: {o}": KNOWN_AFTER_APPLY for o in coming})
    levels = rules.log_levels(buckets)
    wanted = {} if absent else desired(buckets, names, place, options["platform"], options["tags"])
    reader = Reader(s3, place)
    observed = reader.observe(options["platform"], wanted, absent or options["purge"])
    if not absent:
        rules.validate_logging(buckets, observed.regions, module.region)
    only = set(names) if absent and names else None
    purge = absent or options["purge"]
    planned = plan(wanted, observed, purge=purge, ignore=options["ignore"], purge_only=only)
    planned = check_deletable(reader, planned, options["delete_with_objects"])
    if planned and not module.check_mode:
        Apply(reader, observed, levels, options["delete_with_objects"], options["wait_timeout"])(planned)
    sources = {item["name"]: item["log_sources"] for item in buckets}
    return planned, {"buckets": told(wanted, place, sources)}
