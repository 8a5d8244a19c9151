"""Hosts in target groups: what is wanted, the plan, and what AWS does while it is carried out."""

from __future__ import annotations

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _balancer_targets as targets
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._balancer_targets import Group, Health, Target
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    KNOWN_AFTER_APPLY,
    ApplyError,
    InputError,
)
from botocore.exceptions import ClientError

ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup"
WEB = Group(f"{ARN}/mds-web/0123456789abcdef", "mds-web", 80, True)
API = Group(f"{ARN}/mds-api/fedcba9876543210", "mds-api", 8080, True)
ONE, TWO = Target("i-1"), Target("i-2")
HEALTHY = Health("healthy")
LEAVING = Health("draining", "Target.DeregistrationInProgress")
NOT_IN_USE = Health("unused", "Target.NotInUse", "Target group is not configured to receive traffic")
NOT_REGISTERED = Health("unused", "Target.NotRegistered")


def planned(seen, *wanted, groups=(WEB,), present=True):
    return [
        (action.name, action.before, action.after) for action in targets.plan(groups, wanted, seen, present=present)
    ]


def late(seen, *wanted, group=WEB, present=True):
    return [target.label for group, target, health in targets.late([group], wanted, seen, present=present)]


# --- input ----------------------------------------------------------------------------------------------------------


def options(items, arns=(WEB.arn,)):
    return {"targets": items, "target_group_arns": list(arns)}


def test_each_is_there_once():
    wanted, arns = targets.checked(options([{"id": "i-1"}, {"id": "i-1", "port": None}], [WEB.arn, WEB.arn]), False)
    assert (wanted, arns) == ([ONE], [WEB.arn])
    wanted, arns = targets.checked(options([{"id": "i-1", "port": 80}, {"id": "i-1", "port": 81}]), False)
    assert [target.label for target in wanted] == ["i-1:80", "i-1:81"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (options([{"id": "web"}]), "targets: id 'web' is not allowed; it is such as i-0a1b2c3d4e5f60718."),
        (options([{"id": KNOWN_AFTER_APPLY}]), f"targets: id '{KNOWN_AFTER_APPLY}' is not allowed; it is such as"),
        (options([{"id": "i-1", "port": 0}]), "targets: i-1: port 0 is not allowed; 1 to 65535 are."),
        (options([{"id": "i-1", "port": 80}, {"id": "i-1"}]), "targets: i-1 is there with port 80 and without one"),
        (options([{"id": "i-1"}], ["mds-web"]), "target_group_arns: 'mds-web' is not allowed; it is the ARN of a"),
        (options([], [KNOWN_AFTER_APPLY]), f"target_group_arns: '{KNOWN_AFTER_APPLY}' is not allowed"),
    ],
)
def test_what_cannot_be_is_refused(given, sentence):
    with pytest.raises(InputError) as error:
        targets.checked(given, False)
    assert str(error.value).startswith(sentence)


def test_what_is_not_known_yet_is_planned_in_check_mode():
    wanted, arns = targets.checked(options([{"id": KNOWN_AFTER_APPLY}], [KNOWN_AFTER_APPLY, WEB.arn]), True)
    assert arns == [KNOWN_AFTER_APPLY, WEB.arn]
    assert planned({}, *wanted) == [
        ("mds-web", {KNOWN_AFTER_APPLY: "not registered"}, {KNOWN_AFTER_APPLY: "registered"})
    ]


# --- plan -----------------------------------------------------------------------------------------------------------


def test_a_group_gets_what_it_lacks():
    seen = {"mds-web": {("i-1", 80): HEALTHY, ("i-2", 80): LEAVING}, "mds-api": {("i-3", 8080): HEALTHY}}
    assert planned(seen, ONE, TWO, groups=[WEB, API]) == [
        ("mds-web", {"i-2": "draining"}, {"i-2": "registered"}),
        (
            "mds-api",
            {"i-1": "not registered", "i-2": "not registered"},
            {"i-1": "registered", "i-2": "registered"},
        ),
    ]


@pytest.mark.parametrize("state", ["healthy", "initial", "unhealthy", "unused", "unavailable"])
def test_what_is_registered_stays_whatever_its_health(state):
    seen = {"mds-web": {("i-1", 80): Health(state)}}
    assert planned(seen, ONE) == []
    assert planned(seen, ONE, present=False) == [("mds-web", {"i-1": "registered"}, {"i-1": "not registered"})]


@pytest.mark.parametrize("health", [LEAVING, NOT_REGISTERED])
def test_what_leaves_is_not_taken_out_again(health):
    assert planned({"mds-web": {("i-1", 80): health}}, ONE, present=False) == []


def test_a_port_makes_another_target():
    seen = {"mds-web": {("i-1", 80): HEALTHY, ("i-1", 81): HEALTHY}}
    assert planned(seen, Target("i-1", 81)) == []
    assert planned(seen, Target("i-1", 82)) == [("mds-web", {"i-1:82": "not registered"}, {"i-1:82": "registered"})]
    (action,) = targets.plan([WEB], [Target("i-1", 81)], seen, present=False)
    assert action.context == (WEB, [("i-1", 81)])


def test_without_a_port_a_host_leaves_from_all():
    seen = {"mds-web": {("i-1", 80): HEALTHY, ("i-1", 81): HEALTHY, ("i-2", 80): HEALTHY}}
    (action,) = targets.plan([WEB], [ONE], seen, present=False)
    assert action.context == (WEB, [("i-1", 80), ("i-1", 81)])
    assert late({"mds-web": {("i-1", 81): LEAVING}}, ONE, present=False) == ["i-1"]


# --- what is waited for ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("health", "waits"),
    [
        (HEALTHY, False),
        (Health("initial", "Elb.RegistrationInProgress"), True),
        (Health("unhealthy", "Target.Timeout"), True),
        (LEAVING, True),
        (NOT_REGISTERED, True),
        (NOT_IN_USE, True),
    ],
)
def test_healthy_is_waited_for(health, waits):
    assert bool(late({"mds-web": {("i-1", 80): health}}, ONE)) is waits


def test_a_group_that_no_balancer_uses_checks_nothing():
    assert late({"mds-web": {("i-1", 80): NOT_IN_USE}}, ONE, group=WEB._replace(used=False)) == []
    assert late({"mds-web": {}}, ONE, group=WEB._replace(used=False)) == ["i-1"]


@pytest.mark.parametrize("health", [HEALTHY, LEAVING, NOT_IN_USE, Health("unused", "Target.InvalidState")])
def test_the_end_of_draining_is_waited_for(health):
    assert late({"mds-web": {("i-1", 80): health}}, ONE, present=False) == ["i-1"]
    for gone in ({}, {("i-1", 80): NOT_REGISTERED}):
        assert late({"mds-web": gone}, ONE, present=False) == []


def test_states_are_told_in_a_word():
    seen = {"mds-web": {("i-1", 80): NOT_REGISTERED, ("i-1", 81): LEAVING}, "mds-api": {}}
    assert targets.states([WEB, API], [ONE], seen, present=False) == {
        "i-1": {"mds-web": "draining", "mds-api": "not registered"}
    }


# --- carrying it out ------------------------------------------------------------------------------------------------


class Balancers:
    """An elbv2 client that tells of one target after the other in ``told``, the last one for ever."""

    def __init__(self, told=(), refuse=()):
        self.told, self.refuse, self.calls = list(told), list(refuse), []

    def describe_target_health(self, TargetGroupArn):
        self.calls.append("look")
        now = self.told.pop(0) if len(self.told) > 1 else self.told[0]
        return {
            "TargetHealthDescriptions": [
                {"Target": {"Id": key[0], "Port": key[1]}, "TargetHealth": {"State": each.state, "Reason": each.reason}}
                for key, each in now.items()
            ]
        }

    def change(self, TargetGroupArn, Targets):
        self.calls.append([(each["Id"], each["Port"]) for each in Targets])
        if self.refuse:
            error = {"Code": self.refuse.pop(0), "Message": "Instance ID 'i-2' is not valid"}
            raise ClientError({"Error": error}, "RegisterTargets")

    register_targets = deregister_targets = change


def carry_out(elb, seen, *wanted, state="present", groups=(WEB,), wait=True):
    settings = {"state": state, "wait": wait, "wait_timeout": 60}
    whole = targets.plan(groups, wanted, seen, present=state == "present")
    return targets.Apply(elb, list(groups), list(wanted), settings)(whole, seen)


def test_it_waits_until_all_are_healthy(clock):
    initial = Health("initial", "Elb.InitialHealthChecking")
    both = {("i-1", 80): HEALTHY, ("i-2", 80): HEALTHY}
    elb = Balancers([{}, {**both, ("i-2", 80): initial}, both])
    assert carry_out(elb, {"mds-web": {}}, ONE, TWO) == {"mds-web": both}
    assert elb.calls == [[("i-1", 80), ("i-2", 80)], "look", "look", "look"]


def test_nothing_is_asked_when_all_is_as_wanted(clock):
    elb = Balancers()
    seen = {"mds-web": {("i-1", 80): HEALTHY}}
    assert carry_out(elb, seen, ONE) == seen
    assert carry_out(elb, {"mds-web": {("i-1", 80): LEAVING}}, ONE, state="absent", wait=False)
    assert elb.calls == []


def test_what_is_under_way_is_waited_for(clock):
    elb = Balancers([{("i-1", 80): LEAVING}, {}])
    carry_out(elb, {"mds-web": {("i-1", 80): LEAVING}}, ONE, state="absent")
    assert elb.calls == ["look", "look"]


def test_without_a_wait_there_is_one_look(clock):
    elb = Balancers([{("i-1", 80): Health("initial")}])
    carry_out(elb, {"mds-web": {}}, ONE, wait=False)
    assert elb.calls == [[("i-1", 80)], "look"]


def test_a_wait_that_ends_says_why(clock):
    slow = Health("unhealthy", "Target.Timeout")
    elb = Balancers([{("i-1", 80): slow, ("i-2", 80): slow}])
    with pytest.raises(ApplyError) as error:
        carry_out(elb, {"mds-web": {}}, ONE, TWO)
    assert str(error.value) == (
        "targets: after 60 s (wait_timeout) not all are healthy: i-1, i-2 in mds-web unhealthy (Target.Timeout); "
        "run again to wait on."
    )
    assert [action.name for action in error.value.done] == ["mds-web"]
    assert clock.now == pytest.approx(60)


def test_a_target_that_left_meanwhile_does_not_keep_others_in(clock):
    seen = {"mds-web": {("i-1", 80): HEALTHY, ("i-2", 80): HEALTHY}}
    elb = Balancers([{("i-1", 80): HEALTHY}, {}], refuse=["InvalidTarget"])
    carry_out(elb, seen, ONE, TWO, state="absent")
    assert elb.calls == [[("i-1", 80), ("i-2", 80)], "look", [("i-1", 80)], "look"]


def test_targets_that_aws_does_not_know_are_one_sentence(clock):
    elb = Balancers(refuse=["InvalidTarget", "InvalidTarget"])
    with pytest.raises(ApplyError) as error:
        carry_out(elb, {}, ONE, TWO, groups=[WEB, API])
    assert str(error.value) == (
        "targets: AWS takes none of i-1, i-2 into mds-api, mds-web (Instance ID 'i-2' is not valid); instances that "
        "run in the VPC of the target groups are allowed."
    )
    assert (error.value.done, len(error.value.failed)) == ([], 2)


def test_other_refusals_name_their_groups(clock):
    elb = Balancers(refuse=["TooManyTargets", "InvalidTarget"])
    with pytest.raises(ApplyError) as error:
        carry_out(elb, {}, ONE, groups=[WEB, API])
    assert str(error.value).startswith("2 of 2 changes failed: update balancer_targets mds-web: AWS refused")
