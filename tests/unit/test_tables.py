"""Tables with plain data: input, normal forms, plans, their order, and limits of time."""

from __future__ import annotations

import copy
import datetime

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _tables as tables
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _tables_input as given
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._tables_read import Observed, Present

NOON = datetime.datetime(2026, 3, 4, 12, tzinfo=datetime.UTC)


def index(name="by-user", **fields):
    """A global index as the module sees it."""
    return {
        "name": name,
        "partition_key": "user",
        "sort_key": None,
        "projection": "all",
        "include": [],
        "capacity": None,
        "autoscaling": None,
        **fields,
    }


def item(name="sessions", **fields):
    """A table as the module sees it."""
    return {
        "name": name,
        "attributes": {"id": "string"},
        "partition_key": "id",
        "sort_key": None,
        "global_indexes": [],
        "local_indexes": [],
        "billing_mode": "on_demand",
        "capacity": None,
        "autoscaling": None,
        "ttl": None,
        "recovery_days": 35,
        "stream": "none",
        "encryption": "owned",
        "kms_key": None,
        "table_class": "standard",
        "deletion_protection": False,
        "tags": {},
        **fields,
    }


def provisioned(**fields):
    return item(**{"billing_mode": "provisioned", "capacity": {"read": 5, "write": 5}, **fields})


def indexed(*indexes, **fields):
    return item(**{"attributes": {"id": "string", "user": "string"}, "global_indexes": list(indexes), **fields})


def local(name, sort_key):
    return {"name": name, "sort_key": sort_key, "projection": "all", "include": []}


def present(table, **detail):
    """What is there when exactly this table was made."""
    wanted = given.desired([table], "mds")[table["name"]]
    described = {
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": given.TYPES[kind]} for name, kind in table["attributes"].items()
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": name,
                "IndexStatus": "ACTIVE",
                "ProvisionedThroughput": detail.get("ProvisionedThroughput", {}),
            }
            for name in wanted.indexes
        ],
        **detail,
    }
    return Present(copy.deepcopy(dict(wanted.fields)), copy.deepcopy(wanted.indexes), wanted.scaling, described)


def planned(*wanted, there=(), **options):
    observed = Observed({table["name"]: present(table) for table in there})
    return tables.plan(given.desired(list(wanted), "mds"), observed, now=NOON, **options)


def named(plan):
    return [(action.verb, action.kind, action.name) for action in plan]


SCALED = {"min": 5, "max": 50, "target": 70}

BAD = {
    "name": (item("a table"), ["name 'a table'", "1 to 251"]),
    "long name": (item("x" * 252), ["name 'xxx", "1 to 251"]),
    "undeclared key": (item(partition_key="uid"), ["partition_key 'uid'", "there are id"]),
    "undeclared sort key": (item(sort_key="at"), ["sort_key 'at'", "there are id"]),
    "one key for both": (item(sort_key="id"), ["sort_key 'id'", "another attribute"]),
    "type": (item(attributes={"id": "text"}), ["attribute 'id'", "'text'", "string, number, binary"]),
    "attribute that is no key": (item(attributes={"id": "string", "at": "string"}), ["attributes at", "no key"]),
    "index with an undeclared attribute": (
        item(global_indexes=[index()]),
        ["sessions by-user: partition_key 'user'", "there are id"],
    ),
    "index's name": (indexed(index("u")), ["index's name 'u'", "3 to 255"]),
    "index twice": (indexed(index(), index()), ["'by-user' is there twice"]),
    "index of both kinds twice": (
        item(
            attributes={"id": "string", "user": "string"},
            sort_key="user",
            global_indexes=[index()],
            local_indexes=[local("by-user", "user")],
        ),
        ["'by-user' is there twice"],
    ),
    "21 global indexes": (indexed(*[index(f"i{n:02}") for n in range(21)]), ["global_indexes has 21", "20"]),
    "6 local indexes": (
        item(
            attributes={"id": "string", "at": "string"},
            sort_key="at",
            local_indexes=[local(f"l{n:02}", "at") for n in range(6)],
        ),
        ["local_indexes has 6", "5"],
    ),
    "local index without a sort key": (
        item(attributes={"id": "string", "at": "string"}, local_indexes=[local("by-at", "at")]),
        ["local_indexes", "no sort_key"],
    ),
    "projection without attributes": (indexed(index(projection="include")), ["include has 0", "1 to 20"]),
    "attributes without projection": (indexed(index(include=["a"])), ["include is given", "'all'"]),
    "attribute included twice": (indexed(index(projection="include", include=["a", "a"])), ["include has a more than"]),
    "attributes of all indexes": (
        indexed(*[index(f"i{n:02}", projection="include", include=[f"a{m}" for m in range(20)]) for n in range(6)]),
        ["120 attributes", "100"],
    ),
    "capacity below 1": (provisioned(capacity={"read": 0, "write": 5}), ["capacity read 0", "below 1"]),
    "capacity missing": (provisioned(capacity={"read": 5, "write": None}), ["capacity write is missing"]),
    "capacity on demand": (item(capacity={"read": 5, "write": 5}), ["capacity is given", "'on_demand'"]),
    "index's capacity on demand": (indexed(index(capacity={"read": 1})), ["by-user: capacity is given", "provisioned"]),
    "scaling on demand": (item(autoscaling={"read": SCALED}), ["autoscaling is given", "'on_demand'"]),
    "scaling min above max": (
        provisioned(autoscaling={"write": {"min": 9, "max": 8, "target": 70}}),
        ["write min 9", "above max 8"],
    ),
    "scaling below 1": (
        provisioned(autoscaling={"write": {"min": 0, "max": 8, "target": 70}}),
        ["write min 0", "below 1"],
    ),
    "scaling's target": (
        provisioned(autoscaling={"read": {"min": 1, "max": 8, "target": 95}}),
        ["read target 95", "20 to 90"],
    ),
    "start outside of scaling": (
        provisioned(capacity={"read": 99, "write": 5}, autoscaling={"read": SCALED}),
        ["capacity read 99", "5 to 50"],
    ),
    "ttl that is a key": (item(ttl="id"), ["ttl 'id'", "a key of the table"]),
    "ttl that is text": (indexed(index(), ttl="user"), ["ttl 'user'", "'string'", "number"]),
    "recovery days": (item(recovery_days=36), ["recovery_days 36", "1 to 35"]),
    "key missing": (item(encryption="customer_managed"), ["kms_key is missing", "customer_managed"]),
    "key too many": (item(kms_key="alias/a"), ["kms_key is given", "'owned'"]),
    "tags": (item(tags={f"t{n}": "v" for n in range(48)}), ["48 tags", "47"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence(case):
    table, words = BAD[case]
    with pytest.raises(InputError) as refusal:
        given.desired([table], "mds")
    sentence = str(refusal.value)
    assert [word for word in words if word not in sentence] == [], sentence
    assert sentence.startswith("tables: ") and sentence.endswith(".") and ". " not in sentence


def test_the_same_table_twice():
    with pytest.raises(InputError, match="name 'sessions' is there twice"):
        given.desired([item(), item()], "mds")


def test_a_ttl_may_be_the_sort_key_of_an_index():
    table = indexed(index(sort_key="expires"), attributes={"id": "string", "user": "string", "expires": "number"})
    given.desired([{**table, "ttl": "expires"}], "mds")


def test_an_index_has_its_tables_capacity_and_scaling_unless_it_has_its_own():
    own = index("own", capacity={"read": 1, "write": 2})
    table = provisioned(
        attributes={"id": "string", "user": "string"},
        global_indexes=[index(), own],
        capacity={"read": 3, "write": None},
        autoscaling={"read": None, "write": SCALED},
    )
    wanted = given.desired([table], "mds")["sessions"]
    assert (wanted.indexes["by-user"]["read_capacity"], wanted.indexes["by-user"]["write_capacity"]) == (3, 5)
    assert (wanted.indexes["own"]["read_capacity"], wanted.indexes["own"]["write_capacity"]) == (1, 2)
    assert set(wanted.scaling) == {(None, "write"), ("by-user", "write")}


def test_nothing_to_do():
    scaled = provisioned(autoscaling={"read": SCALED, "write": SCALED}, capacity=None)
    assert named(planned(scaled, indexed(index(), name="other"), there=[scaled, indexed(index(), name="other")])) == []


def test_a_table_with_everything_is_made_in_order():
    table = provisioned(
        attributes={"id": "string", "user": "string"}, global_indexes=[index()], autoscaling={"read": SCALED}
    )
    assert named(planned(table)) == [
        ("create", "table", "sessions"),
        ("create", "table_index", "sessions by-user"),
        ("create", "table_scaling", "sessions by-user read"),
        ("create", "table_scaling", "sessions read"),
    ]


def test_scaling_and_indexes_go_before_the_table_changes_and_come_after():
    before = provisioned(
        attributes={"id": "string", "user": "string"},
        global_indexes=[index("old"), index("kept")],
        autoscaling={"read": SCALED},
    )
    after = indexed(index("new"), index("kept"))
    plan = planned(after, there=[before])
    assert named(plan) == [
        ("delete", "table_scaling", "sessions kept read"),
        ("delete", "table_scaling", "sessions old read"),
        ("delete", "table_scaling", "sessions read"),
        ("delete", "table_index", "sessions old"),
        ("update", "table", "sessions"),
        ("create", "table_index", "sessions new"),
        ("update", "table_index", "sessions kept"),
    ]
    assert plan.only("table")[0].fields()["billing_mode"] == {"before": "provisioned", "after": "on_demand"}


def test_what_scaling_moved_is_left_but_set_anew_with_the_billing_mode():
    scaled = provisioned(capacity=None, autoscaling={"read": SCALED, "write": SCALED})
    there = present(scaled)
    moved = there._replace(fields={**there.fields, "read_capacity": 40})
    wanted = given.desired([scaled], "mds")
    assert named(tables.plan(wanted, Observed({"sessions": moved}))) == []
    plan = planned(scaled, there=[item()])
    assert plan.only("table")[0].after["read_capacity"] == 5
    # without scaling the figure counts again
    fixed = given.desired([provisioned()], "mds")
    assert tables.plan(fixed, Observed({"sessions": moved})).only("table")[0].after == {"read_capacity": 5}


def test_an_index_whose_keys_differ_is_refused_unless_named():
    before = indexed(index(), attributes={"id": "string", "user": "string", "at": "string"})
    before["global_indexes"].append(index("by-at", partition_key="at"))
    after = indexed(index(projection="keys_only"), attributes=before["attributes"])
    after["global_indexes"].append(index("by-at", partition_key="at"))
    with pytest.raises(InputError, match=r"^tables: sessions by-user: projection of an index cannot be changed"):
        planned(after, there=[before])
    plan = planned(after, there=[before], replace_indexes=["sessions by-user"])
    assert named(plan) == [("replace", "table_index", "sessions by-user")]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (item(), item(attributes={"id": "number"}), "partition_key cannot be changed"),
        (item(), item(attributes={"id": "string", "at": "string"}, sort_key="at"), "sort_key cannot be changed"),
        (item(stream="new_image"), item(stream="old_image"), "stream cannot be changed"),
        (item(ttl="a"), item(ttl="b"), "ttl cannot be changed"),
    ],
)
def test_what_cannot_be_changed_is_refused_also_with_purge(before, after, words):
    with pytest.raises(InputError, match=f"^tables: sessions: {words}"):
        planned(after, there=[before], purge=True)


def test_a_ttl_that_is_still_being_changed():
    going = present(item())._replace(changing=True)
    wanted = given.desired([item(ttl="a")], "mds")
    with pytest.raises(InputError, match="ttl is still being changed to none"):
        tables.plan(wanted, Observed({"sessions": going}))
    assert named(tables.plan(given.desired([item()], "mds"), Observed({"sessions": going}))) == []


def test_decreases_of_capacity_have_their_limits():
    def lowered(count, last, now=NOON):
        units = {"NumberOfDecreasesToday": count, "LastDecreaseDateTime": last}
        there = present(provisioned(), ProvisionedThroughput=units)
        wanted = given.desired([provisioned(capacity={"read": 4, "write": 9})], "mds")
        return named(tables.plan(wanted, Observed({"sessions": there}), now=now))

    ago = datetime.timedelta(minutes=30)
    change = [("update", "table", "sessions")]
    assert lowered(3, NOON - ago) == change
    assert lowered(4, NOON - 3 * ago) == change
    with pytest.raises(InputError, match="decreased from 5 to 4 now; .* the last was at 11:30 UTC"):
        lowered(4, NOON - ago)
    midnight = NOON.replace(hour=0)
    assert lowered(4, midnight - ago, now=midnight) == change


def test_a_start_below_what_scaling_set_is_no_decrease():
    units = {"NumberOfDecreasesToday": 9, "LastDecreaseDateTime": NOON}
    scaled = provisioned(capacity=None, autoscaling={"read": SCALED, "write": SCALED})
    there = present(scaled, ProvisionedThroughput=units)
    moved = there._replace(fields={**there.fields, "read_capacity": 40})
    assert named(tables.plan(given.desired([scaled], "mds"), Observed({"sessions": moved}), now=NOON)) == []


def test_removals_and_what_stops_them():
    empty, guarded, full = item("empty"), item("guarded", deletion_protection=True), item("full")
    there = {table["name"]: present(table) for table in (empty, guarded, full)}
    observed = Observed(there, with_data=frozenset({"full"}))
    assert named(tables.plan({}, observed)) == []
    with pytest.raises(InputError, match="deletion protection is on for guarded"):
        tables.plan({}, observed, purge=True)
    with pytest.raises(InputError, match="full holds items"):
        tables.plan({}, observed, purge=True, ignore=["guarded"], delete_with_data=["other"])
    plan = tables.plan({}, observed, purge=True, ignore=["guard*"], delete_with_data=["full"])
    assert named(plan) == [("delete", "table", "empty"), ("delete", "table", "full")]


def test_a_foreign_table_is_refused_and_an_ignored_one_left():
    observed = Observed({}, frozenset({"sessions"}))
    with pytest.raises(InputError, match="somebody else's"):
        tables.plan(given.desired([item()], "mds"), observed)
    assert named(tables.plan(given.desired([item()], "mds"), observed, ignore=["sess*"])) == []
