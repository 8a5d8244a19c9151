"""Plans and their application, with plain data."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _set
from hypothesis import given
from hypothesis import strategies as st

names = st.sampled_from(["a", "b", "c", "d", "e"])
items = st.fixed_dictionaries({"size": st.integers(0, 3)}, optional={"colour": st.sampled_from(["red", "blue"])})
sets = st.dictionaries(names, items, max_size=5)


def applied(plan: _set.Plan, observed: dict) -> dict:
    """What a faithful AWS would hold after the plan."""
    result = {name: dict(item) for name, item in observed.items()}
    for action in plan:
        if action.verb == _set.DELETE:
            del result[action.name]
        else:
            result.setdefault(action.name, {}).update(action.after)
    return result


@given(sets, sets, st.booleans(), st.lists(names, max_size=2))
def test_a_plan_applied_leaves_nothing_to_plan(desired, observed, purge, ignore):
    plan = _set.compare("thing", desired, observed, purge=purge, ignore=ignore)
    after = applied(plan, observed)
    assert not _set.compare("thing", desired, after, purge=purge, ignore=ignore)
    for name in ignore:
        assert after.get(name) == observed.get(name)
    if not purge:
        assert set(observed) <= set(after)


@given(sets, sets)
def test_the_diff_shows_exactly_what_changes(desired, observed):
    plan = _set.compare("thing", desired, observed, purge=True)
    diff = plan.as_diff()
    changed = {*diff["before"].get("thing", {}), *diff["after"].get("thing", {})}
    assert changed == {action.name for action in plan}
    for name in changed:
        assert diff["before"].get("thing", {}).get(name) != diff["after"].get("thing", {}).get(name)


def test_an_update_names_only_the_fields_that_differ():
    plan = _set.compare(
        "volume", {"data": {"size": 20, "type": "gp3"}}, {"data": {"size": 10, "type": "gp3", "id": "v-1"}}
    )
    assert plan.as_list() == [
        {"verb": "update", "kind": "volume", "name": "data", "fields": {"size": {"before": 10, "after": 20}}}
    ]


def test_a_fixed_field_is_refused_with_both_values():
    with pytest.raises(_set.InputError, match="subnet app: cidr cannot be changed from '10.0.0.0/24' to '10.0.1.0/24'"):
        _set.compare("subnet", {"app": {"cidr": "10.0.1.0/24"}}, {"app": {"cidr": "10.0.0.0/24"}}, fixed={"cidr"})


def test_a_field_that_needs_a_new_thing_makes_a_replacement():
    plan = _set.compare("host", {"a": {"image": "new"}}, {"a": {"image": "old"}}, replaced_by={"image"})
    assert [action.verb for action in plan] == ["replace"]


def test_ignored_names_are_neither_changed_nor_removed():
    plan = _set.compare(
        "thing", {"keep-1": {"x": 2}}, {"keep-1": {"x": 1}, "keep-2": {"x": 1}}, purge=True, ignore=["keep-*"]
    )
    assert not plan


def test_a_failed_item_leaves_the_others_done_and_names_the_rest():
    plan = _set.compare("thing", {name: {"x": 1} for name in "abc"}, {}) + _set.compare("later", {"z": {"x": 1}}, {})
    made = []

    def make(action):
        if action.name == "b":
            raise KeyError("quota")
        made.append(action.name)

    application = _set.Application(plan, (KeyError,))
    with pytest.raises(_set.ApplyError) as caught:
        application.run(plan.only("thing"), make)
    assert sorted(made) == ["a", "c"]
    assert [action.name for action in caught.value.done] == ["a", "c"]
    assert [(action.name, reason) for action, reason in caught.value.failed] == [("b", "'quota'")]
    assert [action.name for action in caught.value.not_done] == ["z"]
    assert "1 of 4 changes failed: create thing b: 'quota'" in str(caught.value)


def test_a_failed_item_ends_its_own_chain_alone():
    plan = _set.compare("thing", {name: {"x": 1} for name in ("a1", "a2", "a3", "b1", "b2")}, {})
    chains = [[action for action in plan if action.name[0] == name] for name in "ab"]
    made = []

    def make(action):
        if action.name == "a2":
            raise KeyError("quota")
        made.append(action.name)

    with pytest.raises(_set.ApplyError) as caught:
        _set.Application(plan, (KeyError,)).run_chains(chains, make)
    assert sorted(made) == ["a1", "b1", "b2"] and made.index("b1") < made.index("b2")
    assert sorted(action.name for action in caught.value.done) == ["a1", "b1", "b2"]
    assert [action.name for action, reason in caught.value.failed] == ["a2"]
    assert [action.name for action in caught.value.not_done] == ["a3"]


def test_a_defect_is_raised_as_it_is():
    plan = _set.compare("thing", {"a": {"x": 1}}, {})
    with pytest.raises(ZeroDivisionError):
        _set.Application(plan, (KeyError,)).run(list(plan), lambda action: 1 / 0)


def test_concurrency_is_bounded():
    plan = _set.compare("thing", {str(n): {"x": 1} for n in range(30)}, {})
    lock, running, most = threading.Lock(), set(), [0]

    def make(action):
        with lock:
            running.add(action.name)
            most[0] = max(most[0], len(running))
        threading.Event().wait(0.002)
        with lock:
            running.discard(action.name)

    _set.Application(plan, (), workers=3).run(list(plan), make)
    assert most[0] == 3


def test_concurrent_reads_come_back_in_order():
    assert _set.concurrently(*[lambda n=n: n for n in range(20)]) == list(range(20))


def test_a_name_given_twice_is_refused():
    with pytest.raises(_set.InputError, match="balancers: name 'web' is there twice"):
        _set.unique([{"name": "web"}, {"name": "web"}], "balancers")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("vpc-1", True),
        ("", False),
        (None, False),
        (_set.KNOWN_AFTER_APPLY, False),
        (f"{_set.KNOWN_AFTER_APPLY}.example.com", False),
        (["a", _set.KNOWN_AFTER_APPLY], False),
        ({"a": {"b": _set.KNOWN_AFTER_APPLY}}, False),
        (0, True),
    ],
)
def test_known(value, expected):
    assert _set.known(value) is expected
