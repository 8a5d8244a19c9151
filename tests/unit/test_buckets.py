"""Buckets with plain data: names, forms, the policy, the plan, and input that cannot work."""

from __future__ import annotations

import fnmatch
import json

import boto3
import pytest
from ansible_collections.mydigitalstructure.aws.plugins.filter.bucket_access import bucket_access
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _buckets as buckets
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _buckets_forms as forms
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _buckets_input as rules
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _buckets_policy as policy
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import owned_tags
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError
from policy_sentry.querying.actions import get_actions_matching_arn_type

from tests.unit.bucket_states import ACCOUNT, REGION, cors, item, rule

PLACE = policy.Place("aws", ACCOUNT, REGION)
PLACES = {"platform": "mds", "account": ACCOUNT, "region": REGION}
EVENTS = ["s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectRemoved:*"]
ACCESS = {"vpc_endpoints": ["vpce-0a1b2c3d"], "source_ranges": ["203.0.113.0/24"], "exempt_principals": ["role/backup"]}
ARN = "arn:aws:s3:::mds-attachments"


def wanted(*items):
    return buckets.desired(items, rules.aws_names(items, "mds-", PLACES), PLACE, "mds")


def observed(owned=None, tags=None, regions=None):
    return buckets.Observed(regions or {}, owned or {}, {}, tags or {})


def named(plan):
    return [(action.verb, action.name, sorted(action.after)) for action in plan]


# names


def test_names_are_made_from_a_prefix_with_places():
    items = [item("one"), item("two", bucket="{platform}.{region}.two")]
    names = rules.aws_names(items, "{platform}-{account}-", PLACES)
    assert names == {"one": f"mds-{ACCOUNT}-one", "two": f"mds.{REGION}.two"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ab", "3 to 63"),
        ("a" * 64, "3 to 63"),
        ("Attachments", "lower-case"),
        ("under_score", "lower-case"),
        ("-begins", "begins and ends"),
        ("ends-", "begins and ends"),
        ("two..dots", "two dots"),
        ("192.0.2.1", "IP address"),
        ("xn--bucket", "xn--"),
        ("sthree-bucket", "sthree-"),
        ("bucket-s3alias", "-s3alias"),
        ("bucket--x-s3", "--x-s3"),
    ],
)
def test_names_that_s3_does_not_allow(name, why):
    with pytest.raises(InputError, match="^buckets: one: S3 does not allow the name") as error:
        rules.aws_names([item("one", bucket=name)], "mds-", PLACES)
    assert why in str(error.value)


def test_two_buckets_of_one_name():
    with pytest.raises(InputError, match="'mds-one', which one has too"):
        rules.aws_names([item("one"), item("two", bucket="mds-one")], "mds-", PLACES)
    with pytest.raises(InputError, match="'one' is there twice"):
        rules.aws_names([item("one"), item("one")], "mds-", PLACES)


# forms


def test_a_policy_that_only_looks_different_is_the_same():
    fields = wanted(item(access=ACCESS))["attachments"]
    other = json.loads(json.dumps(fields["policy"]))
    other["Statement"].reverse()
    other["Statement"][1]["Principal"] = {"AWS": "*"}
    other["Statement"][1]["Action"] = ["s3:*"]
    answer = {"Policy": json.dumps(other)}
    found = buckets.Reader(None, PLACE).fields("mds-attachments", {"policy": answer}, fields)
    assert found["policy"] == fields["policy"]
    other["Statement"].pop()
    found = buckets.Reader(None, PLACE).fields("mds-attachments", {"policy": {"Policy": json.dumps(other)}}, fields)
    assert found["policy"] != fields["policy"]


def test_what_a_write_would_set_back_is_handed_back():
    answer = {"Rules": [], "TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}
    unused, request = forms.put_lifecycle({"a": {"enabled": True, "expiration_days": 3}}, answer)
    assert request["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    blocked = {"EncryptionType": ["SSE-C"]}
    answer = {"ServerSideEncryptionConfiguration": {"Rules": [{"BlockedEncryptionTypes": blocked}]}}
    unused, request = forms.put_encryption({"type": "s3"}, answer)
    assert request["ServerSideEncryptionConfiguration"]["Rules"][0]["BlockedEncryptionTypes"] == blocked
    theirs = {"Key": "aws:cloudformation:stack-name", "Value": "x"}
    unused, request = forms.put_tags({"Team": "one"}, {"TagSet": [theirs]})
    assert request["Tagging"]["TagSet"] == [theirs, {"Key": "Team", "Value": "one"}]
    assert forms.tags({"TagSet": [theirs]}) == {}


def test_old_ways_of_saying_the_same():
    legacy = {"ID": "a", "Status": "Enabled", "Prefix": "x/", "Expiration": {"Days": 3}}
    new = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}
    assert forms.lifecycle({"Rules": [legacy]}) == forms.lifecycle({"Rules": [new]})
    assert forms.ownership({}) == "ObjectWriter"
    assert forms.encryption({}) == {"type": "s3"}
    assert forms.versioning({"Status": "Suspended"}) is forms.versioning({}) is False


# the policy


def statement(sid, *, bucket="attachments", **fields):
    made = policy.build("mds-attachments", item(bucket, **fields), PLACE, fields.pop("writers", ()))
    return next((s for s in made["Statement"] if s.get("Sid") == sid), None)


def test_a_key_of_the_bucket_saves_calls_of_kms_but_not_with_two_layers():
    for kind, saves in (("kms", True), ("dsse", False)):
        encryption = buckets.wanted_encryption({**KMS, "type": kind})
        _operation, request = forms.put_encryption(encryption, {})
        assert request["ServerSideEncryptionConfiguration"]["Rules"][0]["BucketKeyEnabled"] is saves


def test_data_is_denied_from_elsewhere_and_settings_are_not():
    """Whoever may repair a range that is written wrongly can still do it: nothing but data is denied."""
    denied = statement("FromOurNetworksOnly", access=ACCESS)["Action"]

    def covered(action):
        return any(fnmatch.fnmatch(action.lower(), pattern.lower()) for pattern in denied)

    of_objects = get_actions_matching_arn_type("s3", "object")
    assert [action for action in of_objects if not covered(action)] == ["s3:InitiateReplication"]
    of_buckets = set(get_actions_matching_arn_type("s3", "bucket")) - set(of_objects)
    assert sorted(action for action in of_buckets if covered(action)) == [
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:ListBucketVersions",
    ]


def test_who_is_let_in_from_where():
    condition = statement("FromOurNetworksOnly", access=ACCESS)["Condition"]
    assert condition["StringNotEqualsIfExists"] == {"aws:SourceVpce": ["vpce-0a1b2c3d"]}
    assert condition["NotIpAddressIfExists"] == {"aws:SourceIp": ["203.0.113.0/24"]}
    assert condition["BoolIfExists"] == {"aws:ViaAWSService": "false", "aws:PrincipalIsAWSService": "false"}
    assert condition["ArnNotLikeIfExists"]["aws:PrincipalArn"] == [
        f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/*",
        f"arn:aws:iam::{ACCOUNT}:role/backup",
    ]
    ranges_only = statement("FromOurNetworksOnly", access={**ACCESS, "vpc_endpoints": []})["Condition"]
    assert "StringNotEqualsIfExists" not in ranges_only


def test_log_deliveries_write_for_this_account_only():
    made = statement("LoadBalancerLogs", log_sources=["load_balancers", "flow_logs"])
    assert made["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert made["Resource"] == [f"{ARN}/AWSLogs/{ACCOUNT}/*", f"{ARN}/*/AWSLogs/{ACCOUNT}/*"]
    assert statement("FlowLogs", log_sources=["flow_logs"])["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT
    assert statement("FlowLogs", log_sources=["load_balancers"]) is None


def test_a_log_target_lets_those_in_that_log_into_it():
    fields = wanted(item("attachments", logging={"bucket": "logs", "prefix": ""}), item("logs"))
    (found,) = [s for s in fields["logs"]["policy"]["Statement"] if s["Sid"] == "ServerAccessLogs"]
    assert found["Condition"]["ArnLike"] == {"aws:SourceArn": ["arn:aws:s3:::mds-attachments"]}
    assert fields["attachments"]["logging"] == {"bucket": "mds-logs", "prefix": ""}


def test_own_statements_have_the_buckets_arn():
    own = {"Sid": "Own", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": ["{arn}/x/*"]}
    assert statement("Own", statements=[own])["Resource"] == [f"{ARN}/x/*"]
    bare = policy.build("mds-attachments", item(tls_only=False), PLACE)
    assert bare is None


def test_the_roles_buckets_get_their_networks():
    given = [{"name": "a"}, {"name": "b", "restricted": False}, {"name": "c", "access": {"source_ranges": ["x"]}}]
    assert bucket_access(given, ACCESS) == [
        {"name": "a", "access": ACCESS},
        {"name": "b"},
        {"name": "c", "access": {"source_ranges": ["x"]}},
    ]
    assert bucket_access([{"name": "a"}, {"name": "b", "restricted": True}], ACCESS, False) == [
        {"name": "a"},
        {"name": "b", "access": ACCESS},
    ]


# the plan


def test_only_what_differs_is_planned():
    before = wanted(item(), item("old"))
    after = wanted(item(versioning=False, tags={"Team": "one"}))
    tags = {"mds-attachments": owned_tags("mds", "attachments")}
    assert named(buckets.plan(after, observed(before, tags))) == [
        ("update", "attachments", ["tags", "versioning"]),
    ]
    assert named(buckets.plan(after, observed(before, tags), purge=True, ignore=["attach*"])) == [("delete", "old", [])]
    assert named(buckets.plan({}, observed(before), purge=True, purge_only={"old"})) == [("delete", "old", [])]


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({"tags": {"mds-attachments": None}}, "taken by somebody else"),
        ({"tags": {"mds-attachments": None}, "regions": {"mds-attachments": REGION}}, "may not be read"),
        ({"tags": {"mds-attachments": {}}, "regions": {"mds-attachments": REGION}}, "somebody else's"),
        ({"tags": {"mds-attachments": owned_tags("other", "attachments")}}, "somebody else's"),
        ({"tags": {"mds-attachments": owned_tags("mds", "files")}}, "platform's bucket 'files'"),
        ({"regions": {"mds-attachments": "eu-west-1"}}, "lies in eu-west-1"),
    ],
)
def test_names_that_are_not_free(seen, words):
    with pytest.raises(InputError, match=words):
        buckets.plan(wanted(item()), observed(**seen))
    assert not buckets.plan(wanted(item()), observed(**seen), ignore=["*"])


def test_what_stays_as_it_is():
    lock = {"enabled": True, "mode": "governance", "days": 3, "years": None}
    before = wanted(item(object_lock=lock))
    with pytest.raises(InputError, match="object_lock is on and cannot be turned off"):
        buckets.plan(wanted(item()), observed(before))
    moved = {"attachments": {**wanted(item())["attachments"], "bucket": "mds-other"}}
    with pytest.raises(InputError, match="bucket cannot be changed from 'mds-other' to 'mds-attachments'"):
        buckets.plan(wanted(item()), observed(moved))


# input


KMS = {"type": "kms", "key": None, "bucket_key": True}
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"


def sends(**fields):
    return {"id": "n", "to": QUEUE, "events": ["s3:ObjectCreated:*"], "prefix": None, "suffix": None, **fields}


def moves(*days_and_classes, **fields):
    given = [{"days": days, "storage_class": storage} for days, storage in days_and_classes]
    return {"lifecycle": [rule(transitions=given, **fields)]}


def says(**fields):
    return {
        "statements": [
            {"Sid": "S", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "{arn}", **fields}
        ]
    }


def locked(**fields):
    return {"object_lock": {"enabled": True, "mode": None, "days": None, "years": None, **fields}}


def tells(*given):
    return {"notifications": {"eventbridge": False, "rules": list(given)}}


BAD = {
    "key without KMS": ({"encryption": {**KMS, "type": "s3", "key": "alias/a"}}, ["'alias/a'", "'kms' or 'dsse'"]),
    "no key": ({"encryption": {**KMS, "key": "my key"}}, ["'my key'", "ARN, the id or the alias"]),
    "key elsewhere": (
        {"encryption": {**KMS, "key": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"}},
        ["lies in eu-west-1", REGION],
    ),
    "balancers and KMS": ({"encryption": KMS, "log_sources": ["load_balancers"]}, ["'kms'", "only where it is 's3'"]),
    "nobody could come in": ({"access": {**ACCESS, "vpc_endpoints": [], "source_ranges": []}}, ["give one"]),
    "bad endpoint": ({"access": {**ACCESS, "vpc_endpoints": ["vpc-1"]}}, ["'vpc-1'", "vpce-0a1b2c3d"]),
    "bad range": ({"access": {**ACCESS, "source_ranges": ["203.0.113.7/24"]}}, ["'203.0.113.7/24'", "host bits"]),
    "bad principal": ({"access": {**ACCESS, "exempt_principals": ["backup"]}}, ["'backup'", "role/NAME"]),
    "Sid of ours": (says(Sid="OverTlsOnly"), ["'OverTlsOnly'", "once"]),
    "bad Effect": (says(Effect="allow"), ["'allow'", "'Allow' or 'Deny'"]),
    "no Principal": (says(Principal=None), ["S: it has no Principal"]),
    "Resource of another": (says(Resource="arn:aws:s3:::other/*"), ["'arn:aws:s3:::other/*'", "'{arn}'"]),
    "public": (says(Effect="Allow"), ["S: it lets everybody in", "block_public_policy"]),
    "rule twice": ({"lifecycle": [rule("a", expiration_days=1)] * 2}, ["id 'a' is there twice"]),
    "rule that does nothing": ({"lifecycle": [rule()]}, ["rule: it does nothing", "expiration_days"]),
    "no days": ({"lifecycle": [rule(expiration_days=0)]}, ["expiration_days 0", "1 or more"]),
    "days out of order": (moves((30, "GLACIER"), expiration_days=20), ["GLACIER after 30 days", "expire after 20"]),
    "warmer class": (moves((40, "GLACIER"), (90, "STANDARD_IA")), ["STANDARD_IA after 90 days", "GLACIER (40 days)"]),
    "same class twice": (moves((40, "GLACIER"), (90, "GLACIER")), ["GLACIER after 90 days", "colder classes"]),
    "same day": (moves((40, "GLACIER"), (40, "DEEP_ARCHIVE")), ["on the same day"]),
    "too early": (moves((10, "STANDARD_IA")), ["STANDARD_IA after 10 days", "30 days"]),
    "too short": (moves((30, "STANDARD_IA"), (45, "GLACIER")), ["GLACIER after 45 days", "less than 30 days after"]),
    "no size fits": (
        {"lifecycle": [rule(expiration_days=1, object_size_greater_than=9, object_size_less_than=9)]},
        ["object_size_greater_than 9", "no object fits"],
    ),
    "markers and days": (
        {"lifecycle": [rule(expiration_days=1, expired_object_delete_marker=True)]},
        ["expired_object_delete_marker", "rule of its own"],
    ),
    "uploads and tags": (
        {"lifecycle": [rule(abort_multipart_days=1, tags={"a": "b"})]},
        ["abort_multipart_days", "prefix only"],
    ),
    "versions without days": (
        {"lifecycle": [rule(expiration_days=1, noncurrent_newer_versions=3)]},
        ["noncurrent_newer_versions needs"],
    ),
    "too many versions": (
        {"lifecycle": [rule(noncurrent_expiration_days=1, noncurrent_newer_versions=101)]},
        ["101 newer versions", "1 to 100"],
    ),
    "two stars": ({"cors": [cors(origins=["https://*.*.com"])]}, ["'https://*.*.com'", "more than one *"]),
    "no origin": ({"cors": [cors(origins=["example.com"])]}, ["'example.com'", "https://example.com"]),
    "no methods": ({"cors": [cors(methods=[])]}, ["cors 1", "at least one"]),
    "lock without versions": ({"versioning": False, **locked()}, ["versioning false", "object_lock"]),
    "mode without days": (locked(mode="governance"), ["'governance'", "exactly one of days and years"]),
    "days without mode": (locked(days=3), ["days needs a mode"]),
    "too many years": (locked(mode="compliance", years=101), ["years 101", "1 to 100"]),
    "unknown kind": (tells(sends(to=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/x")), ["kinesis", "SQS queue"]),
    "no ARN": (tells(sends(to="queue")), ["'queue'", "is not the ARN"]),
    "queue elsewhere": (tells(sends(to=QUEUE.replace(REGION, "eu-west-1"))), ["lies in eu-west-1", REGION]),
    "FIFO": (tells(sends(to=QUEUE + ".fifo")), ["FIFO", "eventbridge"]),
    "unknown event": (tells(sends(events=["s3:ObjectCreate:*"])), ["'s3:ObjectCreate:*'", "s3:ObjectCreated:*"]),
    "event twice": (
        tells(sends(), sends(id="m", events=["s3:ObjectCreated:Put"], prefix="a/")),
        ["notifications m", "s3:ObjectCreated:Put goes to notifications n too"],
    ),
    "too many tags": ({"tags": {str(n): "x" for n in range(48)}}, ["48 tags", "at most 47"]),
}


@pytest.mark.parametrize("case", BAD)
def test_input_that_cannot_work_is_refused_with_one_sentence(case):
    fields, words = BAD[case]
    with pytest.raises(InputError) as error:
        rules.validate([item(**fields)], REGION, EVENTS)
    sentence = str(error.value)
    assert sentence.startswith("buckets: attachments: ") and sentence.endswith(".") and "\n" not in sentence
    for word in words:
        assert word in sentence


def test_notifications_that_do_not_meet_are_allowed():
    apart = tells(sends(prefix="a/"), sends(id="m", prefix="b/"), sends(id="o", events=["s3:ObjectRemoved:*"]))
    rules.validate([item(**apart)], REGION, EVENTS)
    ends = tells(sends(prefix="a/", suffix=".jpg"), sends(id="m", prefix="a/b", suffix=".png"))
    rules.validate([item(**ends)], REGION, EVENTS)


def test_log_targets_that_cannot_work():
    def logged(name, target):
        return item(name, logging={"bucket": target, "prefix": ""})

    with pytest.raises(InputError, match="would log into itself"):
        rules.log_levels([logged("a", "a")])
    with pytest.raises(InputError, match="would log into itself by way of b"):
        rules.log_levels([logged("a", "b"), logged("b", "a")])
    assert rules.log_levels([logged("a", "b"), logged("b", "c"), item("c")]) == {"a": 2, "b": 1, "c": 0}
    for target, words in (
        ([], "neither one of buckets"),
        ([item("logs", encryption=KMS)], "encryption type 'kms'"),
        ([item("logs", **locked(mode="governance", days=1))], "default retention"),
    ):
        with pytest.raises(InputError, match=words):
            rules.validate_logging([logged("a", "logs"), *target], {}, REGION)
    with pytest.raises(InputError, match="lies in eu-west-1"):
        rules.validate_logging([logged("a", "theirs")], {"theirs": "eu-west-1"}, REGION)
    rules.validate_logging([logged("a", "theirs")], {"theirs": REGION}, REGION)


def test_a_policy_that_is_too_large():
    many = says()["statements"][0]
    statements = [{**many, "Sid": f"S{n}", "Resource": "{arn}/" + "x" * 500} for n in range(40)]
    with pytest.raises(InputError, match="S3 allows 20480"):
        wanted(item(statements=statements))


# where requests go


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        (None, "https://mds-one.s3.ap-southeast-2.amazonaws.com/"),
        ("http://127.0.0.1:5555", "http://127.0.0.1:5555/mds-one"),
        ("https://s3.internal", "https://s3.internal/mds-one"),
    ],
)
def test_buckets_are_hosts_on_aws_and_paths_beneath_an_endpoint_url(endpoint, address, monkeypatch):
    """botocore does it by itself, as the clients of this collection are made: nothing sets an addressing style."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    client = boto3.client(
        "s3", region_name=REGION, endpoint_url=endpoint, aws_access_key_id="x", aws_secret_access_key="x"
    )
    seen = []
    client.meta.events.register("before-send.s3.*", lambda request, **unused: seen.append(request.url) or Refusal())
    client.head_bucket(Bucket="mds-one")
    assert seen == [address]


class Refusal:
    """An answer, so that nothing is sent."""

    status_code, headers, content = 200, {}, b""
