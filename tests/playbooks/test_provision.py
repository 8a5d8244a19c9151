"""The plan on an empty account, the converge after it, and what a second one does."""

from __future__ import annotations

import pytest

UNKNOWN = "(known after apply)"


def fits(planned, made) -> bool:
    """Whether a planned value is what was made, where the plan could know it."""
    if isinstance(planned, str) and UNKNOWN in planned:
        return True
    if isinstance(planned, dict) and isinstance(made, dict):
        return planned.keys() == made.keys() and all(fits(planned[key], made[key]) for key in planned)
    if isinstance(planned, list) and isinstance(made, list):
        if planned and set(map(str, planned)) == {UNKNOWN}:
            return bool(made)  # a set of ids, all of them unknown, is one in the plan
        return len(planned) == len(made) and all(fits(p, m) for p, m in zip(planned, made))
    return planned == made


def below(key: tuple[str, str]) -> tuple[str, str]:
    """A record's key without the first label of its name."""
    return key[0], key[1].partition(".")[2]


@pytest.mark.once
def test_the_plan_on_an_empty_account_names_exactly_what_the_converge_makes(lab, playbook):
    plan = playbook("provision", "--check", "--diff")
    assert plan.status == 0, plan.output
    assert lab.mutating() == []

    converge = playbook("provision")
    assert converge.status == 0, converge.output
    planned, made = plan.actions(), converge.actions("Apply the plan")
    assert converge.actions("Plan the platform").keys() == planned.keys()

    # a record whose name AWS chooses (a certificate's validation, a mail domain's DKIM) is planned with the domain
    named = {key for key in planned if UNKNOWN not in key[1]}
    chosen = planned.keys() - named
    others = made.keys() - named
    assert chosen and named <= made.keys()
    assert sorted(map(below, chosen)) == sorted(map(below, others))
    for key in chosen:
        assert any(fits(planned[key], made[other]) for other in others if below(other) == below(key)), key
    for key in named:
        assert fits(planned[key], made[key]), (key, planned[key], made[key])

    lab.clear_calls()
    again = playbook("provision")
    assert again.status == 0, again.output
    assert again.stats["changed"] == 0, again.actions()
    assert lab.mutating() == []
