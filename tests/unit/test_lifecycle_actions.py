"""What lifecycle hooks wait for: the plan, and what happens while hooks are answered or kept alive."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _lifecycle_actions as lifecycle
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._lifecycle_actions import Hook, Host
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    KNOWN_AFTER_APPLY,
    ApplyError,
    InputError,
)
from botocore.exceptions import ClientError

pytestmark = pytest.mark.usefixtures("clock")

HOOKS = (Hook("configure", 300),)
INACTIVE = ("ValidationError", "No active Lifecycle Action found with instance ID i-1")


def options(**changes):
    return {
        "platform": "mds",
        "instances": ["i-1"],
        "transition": "launching",
        "result": "continue",
        "seconds": None,
        "every": 60,
        **changes,
    }


def planned(state, transition="launching", result="continue", hooks=HOOKS, **more):
    hosts = {"i-1": Host("i-1", "mds-app", state, hooks)}
    return list(lifecycle.plan(hosts, options(transition=transition, result=result, **more)))


# --- input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"instances": ["web"]}, "instances: 'web' is not allowed; it is such as i-0a1b2c3d4e5f60718."),
        ({"instances": [KNOWN_AFTER_APPLY]}, f"instances: '{KNOWN_AFTER_APPLY}' is not allowed"),
        ({"result": "heartbeat", "seconds": 0}, "seconds: 0 is not allowed; 1 to 172800 are."),
        ({"result": "heartbeat", "seconds": 172801}, "seconds: 172801 is not allowed; 1 to 172800 are."),
        ({"result": "heartbeat", "seconds": 60, "every": 0}, "every: 0 is not allowed; 1 or more is."),
    ],
)
def test_what_cannot_be_is_refused(given, sentence):
    with pytest.raises(InputError) as error:
        lifecycle.checked(options(**given), False)
    assert str(error.value).startswith(sentence)


def test_each_instance_is_there_once_and_unknown_ones_in_check_mode():
    assert lifecycle.checked(options(instances=["i-2", "i-1", "i-2"]), False) == ["i-2", "i-1"]
    assert lifecycle.checked(options(instances=["i-1", KNOWN_AFTER_APPLY]), True) == ["i-1"]


# --- plan -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transition", "result", "state", "after"),
    [
        ("launching", "continue", "Pending:Wait", "Pending:Proceed"),
        ("launching", "abandon", "Pending:Wait", "Terminating"),
        ("launching", "continue", "Warmed:Pending:Wait", "Warmed:Pending:Proceed"),
        ("launching", "abandon", "Warmed:Pending:Wait", "Warmed:Terminating"),
        ("terminating", "continue", "Terminating:Wait", "Terminating:Proceed"),
        ("terminating", "abandon", "Warmed:Terminating:Wait", "Warmed:Terminating:Proceed"),
    ],
)
def test_what_waits_is_answered(transition, result, state, after):
    (action,) = planned(state, transition, result)
    assert (action.verb, action.kind, action.name) == ("update", "lifecycle_action", "i-1")
    assert (action.before, action.after) == ({"lifecycle_state": state}, {"lifecycle_state": after})


@pytest.mark.parametrize(
    ("transition", "state"),
    [
        ("launching", "Pending"),
        ("launching", "Pending:Proceed"),
        ("launching", "InService"),
        ("launching", "Warmed:Stopped"),
        ("launching", "Terminating:Wait"),
        ("terminating", "Pending:Wait"),
        ("terminating", "Terminating:Proceed"),
    ],
)
def test_what_does_not_wait_is_left_alone(transition, state):
    assert planned(state, transition) == []


def test_without_a_hook_there_is_nothing_to_answer():
    assert planned("Pending:Wait", hooks=()) == []


def test_heartbeats_leave_the_state():
    (action,) = planned("Pending:Wait", result="heartbeat", seconds=900)
    assert action.before == {"lifecycle_state": "Pending:Wait"}
    assert action.after == {"lifecycle_state": "Pending:Wait", "heartbeats": "every 60 s for at most 900 s"}


def test_heartbeats_that_would_come_too_late_are_refused():
    with pytest.raises(InputError) as error:
        planned("Pending:Wait", result="heartbeat", seconds=900, every=300)
    assert str(error.value) == (
        "every: 300 is too long for hook configure of mds-app, which waits for a heartbeat for 300 seconds; less than "
        "that is allowed."
    )


# --- carrying it out ------------------------------------------------------------------------------------------------


class AutoScaling:
    """An autoscaling client; ``states`` are those of i-1 at one look after the other, the last one for ever."""

    def __init__(self, states, hooks=("configure",), refuse=None, timeout=300):
        self.states, self.refuse, self.calls = list(states), refuse or {}, []
        self.hooks = [
            {
                "LifecycleHookName": name,
                "HeartbeatTimeout": timeout,
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            }
            for name in hooks
        ]

    def get_paginator(self, operation):
        return self

    def paginate(self, InstanceIds=None, Filters=None):
        if Filters:
            return [{"Tags": [{"ResourceId": "mds-app", "Value": "mds"}]}]
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        found = [{"InstanceId": "i-1", "AutoScalingGroupName": "mds-app", "LifecycleState": state}] if state else []
        return [{"AutoScalingInstances": found}]

    def describe_lifecycle_hooks(self, AutoScalingGroupName):
        return {"LifecycleHooks": self.hooks}

    def record_lifecycle_action_heartbeat(self, AutoScalingGroupName, LifecycleHookName, InstanceId):
        self.calls.append(LifecycleHookName)
        if LifecycleHookName in self.refuse:
            code, message = self.refuse[LifecycleHookName]
            raise ClientError({"Error": {"Code": code, "Message": message}}, "CompleteLifecycleAction")

    def complete_lifecycle_action(self, LifecycleActionResult, **arguments):
        assert LifecycleActionResult in ("CONTINUE", "ABANDON")
        self.record_lifecycle_action_heartbeat(**arguments)


def answer(autoscaling, **changes):
    settings = options(**changes)
    reader = lifecycle.Reader(autoscaling, settings)
    whole = lifecycle.plan(reader.hosts(["i-1"]), settings)
    done, now = lifecycle.Apply(autoscaling, reader, settings).answer(whole, ["i-1"])
    return [action.name for action in done], {each: host.state for each, host in now.items()}


def keep(autoscaling, **changes):
    settings = options(result="heartbeat", **{"seconds": 600, **changes})
    done, last = lifecycle.Apply(autoscaling, lifecycle.Reader(autoscaling, settings), settings).keep(["i-1"])
    return [action.name for action in done], {each: host.state for each, host in last.items()}


def test_all_hooks_of_the_transition_are_answered():
    autoscaling = AutoScaling(["Pending:Wait", "Pending:Proceed"], hooks=["one", "two"])
    autoscaling.hooks.append({**autoscaling.hooks[0], "LifecycleHookName": "last"})
    autoscaling.hooks[2]["LifecycleTransition"] = "autoscaling:EC2_INSTANCE_TERMINATING"
    assert answer(autoscaling) == (["i-1"], {"i-1": "Pending:Proceed"})
    assert autoscaling.calls == ["one", "two"]


def test_a_warm_pools_instance_is_answered_for():
    assert answer(AutoScaling(["Warmed:Pending:Wait", "Warmed:Stopped"])) == (["i-1"], {"i-1": "Warmed:Stopped"})


def test_an_answer_that_shows_later_is_waited_for(clock):
    assert answer(AutoScaling(["Pending:Wait", "Pending:Wait", "InService"])) == (["i-1"], {"i-1": "InService"})
    assert clock.now > 0


def test_what_stopped_waiting_meanwhile_is_no_change():
    autoscaling = AutoScaling(["Pending:Wait", "InService"], refuse={"configure": INACTIVE})
    assert answer(autoscaling) == ([], {"i-1": "InService"})


def test_a_hook_that_does_not_hold_the_instance_is_passed_over():
    autoscaling = AutoScaling(["Pending:Wait", "InService"], hooks=["one", "two"], refuse={"one": INACTIVE})
    assert answer(autoscaling) == (["i-1"], {"i-1": "InService"})
    assert autoscaling.calls == ["one", "two"]


def test_a_hook_that_has_gone_is_an_error_only_where_the_instance_still_waits():
    gone = {"one": ("ValidationError", "No lifecycle hook found with name: one")}
    assert answer(AutoScaling(["Pending:Wait", None], hooks=["one"], refuse=gone)) == ([], {})
    with pytest.raises(ApplyError) as error:
        answer(AutoScaling(["Pending:Wait"], hooks=["one"], refuse=gone))
    assert "AWS refused CompleteLifecycleAction: No lifecycle hook found" in str(error.value)


def test_an_instance_that_waits_on_is_told():
    with pytest.raises(ApplyError) as error:
        answer(AutoScaling(["Pending:Wait"]))
    assert str(error.value) == (
        "1 of 1 changes failed: update lifecycle_action i-1: it still waits 60 s after all its hooks were answered; "
        "run again."
    )


def test_heartbeats_end_when_nothing_waits(clock):
    autoscaling = AutoScaling(["Pending:Wait"] * 3 + ["InService"])
    assert keep(autoscaling) == (["i-1"], {"i-1": "InService"})
    assert (autoscaling.calls, clock.now) == (["configure"] * 3, 180)


def test_heartbeats_end_with_the_time(clock):
    autoscaling = AutoScaling(["Pending:Wait"])
    assert keep(autoscaling, seconds=150) == (["i-1"], {"i-1": "Pending:Wait"})
    assert (autoscaling.calls, clock.now) == (["configure"] * 4, 150)


def test_an_instance_that_is_about_to_wait_is_kept_for(clock):
    autoscaling = AutoScaling(["Pending", "Warmed:Pending", "Pending:Wait", "Pending:Proceed"])
    assert keep(autoscaling) == (["i-1"], {"i-1": "Pending:Proceed"})
    assert autoscaling.calls == ["configure"]


@pytest.mark.parametrize("state", ["InService", None])
def test_nothing_is_sent_for_what_does_not_wait(clock, state):
    autoscaling = AutoScaling([state])
    assert keep(autoscaling)[0] == []
    assert (autoscaling.calls, clock.now) == ([], 0)


def test_one_that_goes_while_it_is_kept_is_shown_with_its_group():
    assert keep(AutoScaling(["Pending:Wait", None])) == (["i-1"], {"i-1": ""})


def test_instances_are_asked_for_by_fifty():
    class Asked(AutoScaling):
        sizes = []

        def paginate(self, InstanceIds=None, Filters=None):
            self.sizes.append(len(InstanceIds))
            return [{"AutoScalingInstances": []}]

    ids = [f"i-{number:x}" for number in itertools.islice(itertools.count(1), 120)]
    assert lifecycle.Reader(Asked([None]), options()).states(ids) == {}
    assert sorted(Asked.sizes) == [20, 50, 50]
