"""Declared buckets for tests: whole items with the module's defaults, and a strategy for sets that S3 would take."""

from __future__ import annotations

from hypothesis import strategies as st

REGION, ACCOUNT = "ap-southeast-2", "123456789012"
TARGETS = {"sqs": f"arn:aws:sqs:{REGION}:{ACCOUNT}:events", "sns": f"arn:aws:sns:{REGION}:{ACCOUNT}:events"}
LOGS = "logs"
NAMES = ["attachments", "exports", LOGS]


def item(name="attachments", **fields):
    """A bucket as the module sees it."""
    return {
        "name": name,
        "bucket": None,
        "versioning": True,
        "encryption": {"type": "s3", "key": None, "bucket_key": True},
        "public_access_block": {
            "block_public_acls": True,
            "ignore_public_acls": True,
            "block_public_policy": True,
            "restrict_public_buckets": True,
        },
        "ownership": "BucketOwnerEnforced",
        "tls_only": True,
        "access": None,
        "log_sources": [],
        "statements": [],
        "lifecycle": [],
        "cors": [],
        "logging": None,
        "object_lock": None,
        "notifications": {"eventbridge": False, "rules": []},
        "tags": {},
        **fields,
    }


def rule(identifier="rule", **fields):
    """A lifecycle rule as the module sees it."""
    return {
        "id": identifier,
        "enabled": True,
        "prefix": None,
        "tags": {},
        "object_size_greater_than": None,
        "object_size_less_than": None,
        "transitions": [],
        "expiration_days": None,
        "expired_object_delete_marker": False,
        "noncurrent_transitions": [],
        "noncurrent_expiration_days": None,
        "noncurrent_newer_versions": None,
        "abort_multipart_days": None,
        **fields,
    }


def cors(**fields):
    return {
        "id": None,
        "methods": ["GET"],
        "origins": ["*"],
        "headers": [],
        "expose_headers": [],
        "max_age": None,
        **fields,
    }


COLDER = ("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")


@st.composite
def transitions(draw, last_key=None):
    """Moves to ever colder classes, each long enough after the one before."""
    classes = [storage for storage in COLDER if draw(st.booleans())][:3]
    day = draw(st.integers(30, 60))
    moves = []
    for storage in classes:
        moves.append({"days": day, "storage_class": storage})
        if last_key:
            moves[-1][last_key] = draw(st.none() | st.integers(1, 100))
        day += draw(st.integers(30, 90))
    return moves, day


@st.composite
def lifecycle_rules(draw, identifier):
    moves, day = draw(transitions())
    old_moves, old_day = draw(transitions("newer_versions"))
    tags = draw(st.dictionaries(st.sampled_from(["kind", "space"]), st.sampled_from(["a", "b"]), max_size=2))
    greater = draw(st.none() | st.integers(0, 1000))
    less = draw(st.none() | st.integers(1001, 10**6))
    expires = draw(st.booleans())
    old_expires = draw(st.booleans())
    plain = not tags and greater is None and less is None
    return rule(
        identifier,
        enabled=draw(st.booleans()),
        prefix=draw(st.sampled_from([None, "a/", "b/c"])),
        tags=tags,
        object_size_greater_than=greater,
        object_size_less_than=less,
        transitions=draw(st.permutations(moves)),
        expiration_days=day if expires else None,
        expired_object_delete_marker=draw(st.booleans()) if not expires and not tags else False,
        noncurrent_transitions=draw(st.permutations(old_moves)),
        # something it has to do
        noncurrent_expiration_days=old_day if old_expires or not (moves or old_moves or expires) else None,
        noncurrent_newer_versions=draw(st.none() | st.integers(1, 100)) if old_expires else None,
        abort_multipart_days=draw(st.none() | st.integers(1, 30)) if plain else None,
    )


@st.composite
def notifications(draw):
    prefixes = draw(st.lists(st.sampled_from(["a/", "b/", "c/"]), unique=True, max_size=3))
    rules = [
        {
            "id": f"n{number}",
            "to": TARGETS[draw(st.sampled_from(sorted(TARGETS)))],
            "events": draw(
                st.lists(st.sampled_from(["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]), min_size=1, unique=True)
            ),
            "prefix": prefix,
            "suffix": draw(st.none() | st.just(".jpg")),
        }
        for number, prefix in enumerate(prefixes)
    ]
    return {"eventbridge": draw(st.booleans()), "rules": rules}


@st.composite
def locks(draw, retention=True):
    lock = {"enabled": True, "mode": None, "days": None, "years": None}
    if retention and draw(st.booleans()):
        lock["mode"] = draw(st.sampled_from(["governance", "compliance"]))
        lock[draw(st.sampled_from(["days", "years"]))] = draw(st.integers(1, 100))
    return lock


@st.composite
def buckets(draw, name, logged):
    target = name == LOGS
    lock = draw(st.none() | locks(retention=not target))
    public = draw(st.booleans())
    statement = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": "{arn}/public/*"}
    kinds = [] if target else ["kms", "dsse"]
    encryption = draw(st.sampled_from(["s3", *kinds]))
    return item(
        name,
        versioning=True if lock else draw(st.booleans()),
        encryption={
            "type": encryption,
            "key": draw(st.sampled_from([None, "alias/a", "alias/b"])) if encryption != "s3" else None,
            "bucket_key": draw(st.booleans()),
        },
        public_access_block={
            "block_public_acls": draw(st.booleans()),
            "ignore_public_acls": draw(st.booleans()),
            "block_public_policy": not public,
            "restrict_public_buckets": not public,
        },
        ownership=draw(st.sampled_from(["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"])),
        tls_only=draw(st.booleans()),
        access=draw(
            st.none()
            | st.fixed_dictionaries(
                {
                    "vpc_endpoints": st.just(["vpce-0a1b2c3d4e5f60718"]),
                    "source_ranges": st.sampled_from([[], ["203.0.113.0/24"]]),
                    "exempt_principals": st.sampled_from([[], ["role/backup"]]),
                }
            )
        ),
        log_sources=draw(st.lists(st.sampled_from(["load_balancers", "flow_logs"]), unique=True)) if target else [],
        statements=[statement] if public else [],
        lifecycle=[draw(lifecycle_rules(f"r{number}")) for number in range(draw(st.integers(0, 2)))],
        cors=draw(
            st.lists(
                st.builds(
                    cors,
                    methods=st.lists(st.sampled_from(["GET", "PUT"]), min_size=1, unique=True),
                    origins=st.sampled_from([["*"], ["https://a.example", "https://b.example"]]),
                    max_age=st.none() | st.integers(0, 99),
                ),
                max_size=2,
            )
        ),
        logging={"bucket": LOGS, "prefix": draw(st.sampled_from(["", "x/"]))} if logged and not target else None,
        object_lock=lock,
        notifications=draw(notifications()),
        tags=draw(st.dictionaries(st.sampled_from(["Team", "Cost"]), st.sampled_from(["one", "two"]), max_size=2)),
    )


@st.composite
def declared(draw):
    """Buckets that S3 would take; they log into one another only where that one is there."""
    # most often there, in any order
    names = [name for name in draw(st.permutations(NAMES)) if draw(st.integers(0, 4))]
    logging = LOGS in names
    return [draw(buckets(name, logging and draw(st.booleans()))) for name in names]


def with_locks_kept(before, after):
    """The second set with the locks of the first, which S3 never takes away."""
    locked = {bucket["name"]: bucket["object_lock"] for bucket in before if bucket["object_lock"]}
    return [
        {**bucket, "object_lock": bucket["object_lock"] or locked[bucket["name"]], "versioning": True}
        if bucket["name"] in locked
        else bucket
        for bucket in after
    ]


def refused(before, after, full):
    """Whether the second set would take away a lock, or a bucket that holds objects."""
    wanted = {bucket["name"]: bucket for bucket in after}
    gone = {bucket["name"] for bucket in before} - set(wanted)
    unlocked = [
        b["name"] for b in before if b["object_lock"] and b["name"] in wanted and not wanted[b["name"]]["object_lock"]
    ]
    return bool(unlocked or gone & set(full))
