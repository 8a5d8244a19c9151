"""The pure half of module fleet: validation, normal forms and plans, with plain data."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import (
    _fleet,
    _fleet_forms,
    _fleet_input,
    _fleet_names,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    KNOWN_AFTER_APPLY,
    ApplyError,
    InputError,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
BALANCER = "arn:aws:elasticloadbalancing:ap-southeast-2:123456789012:loadbalancer/app/mds-webapi/0123456789abcdef"
TARGETS = "arn:aws:elasticloadbalancing:ap-southeast-2:123456789012:targetgroup/mds-webapi/fedcba9876543210"


def options(**changes):
    return {
        "platform": "mds",
        "name": "app",
        "state": "present",
        "image_id": "ami-1",
        "instance_type": "t3.small",
        "security_group_ids": ["sg-2", "sg-1"],
        "subnet_ids": ["subnet-2", "subnet-1"],
        "min": 1,
        "max": 4,
        "tags": {},
        **changes,
    }


def tag_list(mapping, **more):
    return [{"Key": key, "Value": value, **more} for key, value in mapping.items()]


def observed(wanted, version=1, refreshes=(), **group):
    """What AWS would list after the options were applied."""
    data = _fleet.template_data(wanted)
    tags = _fleet_forms.group_tags(wanted)
    own = {key: value for key, value in tags.items() if key != _fleet_forms.ROLE_TAG}
    return _fleet.Observed(
        template={
            "LaunchTemplateId": "lt-1",
            "LaunchTemplateName": "mds-app",
            "DefaultVersionNumber": version,
            "LatestVersionNumber": version,
            "Tags": tag_list(own),
        },
        versions=[{"VersionNumber": number, "LaunchTemplateData": data} for number in [version]],
        group={
            "AutoScalingGroupName": "mds-app",
            "LaunchTemplate": {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "mds-app", "Version": str(version)},
            "MinSize": wanted["min"],
            "MaxSize": wanted["max"],
            "DesiredCapacity": wanted["min"],
            "VPCZoneIdentifier": ",".join(wanted["subnet_ids"]),
            "Tags": tag_list(tags, PropagateAtLaunch=True),
            **group,
        },
        refreshes=list(refreshes),
    )


def refresh(status, version, when=NOW, **more):
    aim = {"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": str(version)}}
    return {"InstanceRefreshId": "r-1", "Status": status, "StartTime": when, "DesiredConfiguration": aim, **more}


def planned(wanted, present):
    made = _fleet.plan(wanted, present, NOW)
    return [(action.verb, action.kind, action.name) for action in made.plan]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"max": 0}, "max: 0 is below min, which is 1"),
        ({"min": -1}, "min: -1 is below 0"),
        ({"min": None}, "min: none is given"),
        ({"desired": 5}, "desired: 5 is outside of min and max; 1 to 4"),
        ({"desired": 0}, "desired: 0 is outside"),
        ({"subnet_ids": []}, "subnet_ids: the list is empty"),
        ({"subnet_ids": ["subnet-1", "subnet-1"]}, "subnet_ids: 'subnet-1' is there twice"),
        ({"security_group_ids": []}, "security_group_ids: the list is empty"),
        ({"security_group_ids": ["sg-1", "sg-1"]}, "security_group_ids: 'sg-1' is there twice"),
        ({"image_id": None}, "neither is given"),
        ({"image_parameter": "/ami"}, "both are given"),
        ({"instance_type": None}, "instance_type: none is given"),
        ({"instance_types": ["t3.small", "t3.small"]}, "instance_types: 't3.small' is there twice"),
        ({"mixed": {"on_demand_percentage": 101}}, "mixed.on_demand_percentage: 101 is not between 0 and 100"),
        ({"mixed": {"on_demand_percentage": -1}}, "mixed.on_demand_percentage: -1"),
        ({"mixed": {"on_demand_base": -1}}, "mixed.on_demand_base: -1"),
        ({"user_data": "é" * 8193}, "user_data: it has 16386 bytes; AWS allows 16384"),
        ({"metadata_hop_limit": 65}, "metadata_hop_limit: 65"),
        ({"root_volume": {"size": 0}}, "root_volume.size: 0"),
        ({"root_volume": {"type": "gp2", "throughput": 200}}, "root_volume.throughput: only type gp3"),
        ({"root_volume": {"type": "gp2", "iops": 3000}}, "root_volume.iops: only types"),
        ({"tags": {"cost centre": "1"}}, "tags: 'cost centre' cannot be a tag"),
        ({"keep_versions": 0}, "keep_versions: 0 is below 1"),
        ({"name": "a b"}, "name: 'a b'"),
        ({"name": "a" * 125}, "has 129 characters"),
        ({"target_group_arns": ["arn:1", "arn:1"]}, "target_group_arns: 'arn:1' is there twice"),
        ({"suspended_processes": ["Lunch"]}, "suspended_processes: 'Lunch' is not one of Launch"),
        ({"metrics": ["Group"]}, "metrics: 'Group' is not one of"),
        ({"termination_policies": ["Oldest"]}, "termination_policies: 'Oldest'"),
        ({"default_instance_warmup": -2}, "default_instance_warmup: -2"),
        ({"cooldown": -1}, "cooldown: -1"),
        ({"max_instance_lifetime": 3600}, "max_instance_lifetime: 3600 is not between 86400"),
        ({"scaling": [{"name": "a", "metric": "CPU", "target_value": 5}]}, "metric: 'CPU' is not one of"),
        (
            {"scaling": [{"name": "a", "metric": "ASGAverageCPUUtilization", "target_value": 0}]},
            "target_value 0 is not a number above 0",
        ),
        (
            {"scaling": [{"name": "a", "metric": "ASGAverageCPUUtilization", "target_value": 101}]},
            "target_value 101 is above 100 percent",
        ),
        (
            {"scaling": [{"name": "a", "metric": "ALBRequestCountPerTarget", "target_value": 5}]},
            "needs load_balancer_arn and target_group_arn",
        ),
        (
            {
                "scaling": [
                    {
                        "name": "a",
                        "metric": "ALBRequestCountPerTarget",
                        "target_value": 5,
                        "load_balancer_arn": TARGETS,
                        "target_group_arn": TARGETS,
                    }
                ]
            },
            "is not the ARN of an application load balancer",
        ),
        (
            {"scaling": [{"name": "a", "metric": "ASGAverageNetworkIn", "target_value": 5, "resource_label": "x"}]},
            "allowed only with metric ALBRequestCountPerTarget",
        ),
        (
            {"scaling": [{"name": "a", "metric": "ASGAverageNetworkIn", "target_value": 5}] * 2},
            "scaling: name 'a' is there twice",
        ),
        ({"schedules": [{"name": "s", "recurrence": "0 7 * *", "min": 1}]}, "has 4 fields; five are allowed"),
        ({"schedules": [{"name": "s", "recurrence": "60 7 * * *", "min": 1}]}, "'60' is not a minute"),
        ({"schedules": [{"name": "s", "recurrence": "0 7 * * MO", "min": 1}]}, "'MO' is not a day of week"),
        ({"schedules": [{"name": "s", "recurrence": "0 7 * * *"}]}, "it sets nothing"),
        ({"schedules": [{"name": "s", "min": 1}]}, "it has no time"),
        ({"schedules": [{"name": "s", "recurrence": "0 7 * * *", "min": 3, "max": 2}]}, "max 2 is below min"),
        ({"schedules": [{"name": "s", "recurrence": "0 7 * * *", "desired": 3, "max": 2}]}, "desired 3 is outside"),
        ({"schedules": [{"name": "s", "start": "soon", "min": 1}]}, "'soon' is not a date and time"),
        (
            {"schedules": [{"name": "s", "start": "2027-01-02", "end": "2027-01-01", "min": 1}]},
            "end 2027-01-01 is not after start",
        ),
        (
            {"schedules": [{"name": "s", "recurrence": "0 7 * * *", "min": 1, "time_zone": "Sydney"}]},
            "time_zone 'Sydney'",
        ),
        ({"hooks": [{"name": "h", "transition": "launching", "heartbeat_timeout": 29}]}, "29 is not between 30 and"),
        ({"hooks": [{"name": "h", "transition": "launching", "heartbeat_timeout": 7201}]}, "7201"),
        ({"hooks": [{"name": "h h", "transition": "launching"}]}, "hooks h h: a name may have"),
        ({"hooks": [{"name": "h", "transition": "stopping"}]}, "transition: 'stopping' is not one of"),
        ({"hooks": [{"name": "h", "transition": "launching", "role_arn": "arn:x"}]}, "role_arn is allowed only with"),
        ({"refresh_preferences": {"min_healthy_percentage": 101}}, "min_healthy_percentage: 101"),
        ({"refresh_preferences": {"max_healthy_percentage": 120}}, "allowed only with min_healthy_percentage"),
        (
            {"refresh_preferences": {"min_healthy_percentage": 50, "max_healthy_percentage": 160}},
            "160 is more than 100 above min_healthy_percentage 50; up to 150",
        ),
        ({"refresh_preferences": {"checkpoints": [50, 20, 100]}}, "do not rise"),
        ({"refresh_preferences": {"checkpoints": [20, 50]}}, "do not end with 100"),
        ({"refresh_preferences": {"checkpoints": [0, 100]}}, "0 is not between 1 and 100"),
        ({"refresh_preferences": {"checkpoint_delay": 172801}}, "checkpoint_delay: 172801"),
        ({"refresh_preferences": {"instance_warmup": -1}}, "instance_warmup: -1"),
        (
            {"image_id": None, "image_parameter": "/ami", "refresh_preferences": {"auto_rollback": True}},
            "auto_rollback: true is allowed only with image_id",
        ),
    ],
)
def test_bad_options_are_one_sentence(changes, words):
    with pytest.raises(InputError) as caught:
        _fleet_input.validate(options(**changes))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_good_options_pass_also_when_ids_are_not_known():
    _fleet_input.validate(options())
    _fleet_input.validate(
        options(
            subnet_ids=[KNOWN_AFTER_APPLY] * 2,
            security_group_ids=[KNOWN_AFTER_APPLY] * 2,
            target_group_arns=[KNOWN_AFTER_APPLY] * 6,
            scaling=[
                {
                    "name": "a",
                    "metric": "ALBRequestCountPerTarget",
                    "target_value": 5,
                    "load_balancer_arn": KNOWN_AFTER_APPLY,
                    "target_group_arn": KNOWN_AFTER_APPLY,
                }
            ],
        )
    )


@pytest.mark.parametrize("good", ["* * * * *", "*/5 0-6 1,15 JAN-MAR mon", "0 22 * * 1-5", "0 0 31 12 7"])
def test_cron_expressions_that_aws_takes(good):
    _fleet_input.check_cron("recurrence", good)


@pytest.mark.parametrize(
    "bad", ["* * * * 8", "*/0 * * * *", "5-1 * * * *", "1-2-3 * * * *", "a * * * *", "* 24 * * *", "*,, * * * *"]
)
def test_cron_expressions_that_it_does_not(bad):
    with pytest.raises(InputError):
        _fleet_input.check_cron("recurrence", bad)


def test_a_fleet_that_is_as_wanted_needs_nothing():
    wanted = options(desired=1, tags={"a": "b"}, user_data="x", key_name="k")
    assert planned(wanted, observed(wanted)) == []


@given(st.permutations(["subnet-1", "subnet-2", "subnet-3"]), st.permutations(["sg-1", "sg-2", "sg-3"]))
def test_the_order_of_lists_without_order_does_not_matter(subnets, groups):
    wanted = options(subnet_ids=sorted(subnets), security_group_ids=sorted(groups))
    assert planned(options(subnet_ids=subnets, security_group_ids=groups), observed(wanted)) == []


@given(st.text(min_size=1).filter(str.strip), st.text(min_size=1).filter(str.strip))
def test_user_data_makes_a_version_when_it_differs_and_is_never_shown(one, other):
    wanted = options(user_data=other)
    made = _fleet.plan(wanted, observed(options(user_data=one)), NOW)
    assert made.new_version == (one != other)
    shown = _fleet.template_fields(made.data)["user_data"]
    assert shown.startswith("sha256:") and len(shown) == 23


def test_a_new_version_is_only_made_when_no_version_says_the_same():
    first, second = options(), options(instance_type="t3.large")
    present = observed(second, version=2)
    present.versions.append({"VersionNumber": 1, "LaunchTemplateData": _fleet.template_data(first)})
    made = _fleet.plan(first, present, NOW)
    assert (made.version, made.new_version) == (1, False)
    assert [(a.verb, a.kind, a.after) for a in made.plan.only("auto_scaling_group")] == [
        ("update", "auto_scaling_group", {"launch": {"template": "mds-app", "version": 1}})
    ]
    third = _fleet.plan(options(instance_type="t3.xlarge"), present, NOW)
    assert (third.version, third.new_version) == (3, True)


def test_what_a_person_added_to_the_version_is_seen():
    wanted = options()
    present = observed(wanted)
    present.versions[0]["LaunchTemplateData"] = {**present.versions[0]["LaunchTemplateData"], "EbsOptimized": True}
    made = _fleet.plan(wanted, present, NOW)
    assert made.new_version
    assert made.plan.only("launch_template")[0].before["default_version"] == 1


def test_old_versions_go_but_not_those_in_use():
    wanted = options(keep_versions=2)
    present = observed(wanted, version=7)
    other = _fleet.template_data(options(instance_type="t3.large"))
    present.versions += [{"VersionNumber": number, "LaunchTemplateData": other} for number in range(1, 7)]
    present.group["Instances"] = [
        {"InstanceId": "i-1", "LaunchTemplate": {"LaunchTemplateName": "mds-app", "Version": "3"}}
    ]
    assert planned(wanted, present) == [("delete", "launch_template_version", f"app version {n}") for n in (5, 4, 2, 1)]


def test_sizes_that_a_schedule_set_are_left_alone():
    wanted = options(schedules=[{"name": "night", "recurrence": "0 22 * * *", "min": 0, "max": 2}])
    present = observed(wanted, MinSize=0, MaxSize=2)
    assert ("update", "auto_scaling_group", "app") not in planned(wanted, present)
    strange = observed(wanted, MinSize=0, MaxSize=3)
    assert ("update", "auto_scaling_group", "app") in planned(wanted, strange)


def test_a_null_option_leaves_the_present_value():
    wanted = options()
    present = observed(wanted, DesiredCapacity=3, DefaultCooldown=77, SuspendedProcesses=[{"ProcessName": "Launch"}])
    assert planned(wanted, present) == []


def test_parts_that_are_not_declared_go_unless_ignored():
    wanted = options(ignore=["CodeDeploy-*"])
    present = observed(wanted)
    present.hooks = [
        {"LifecycleHookName": name, "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
        for name in ("CodeDeploy-x", "mine")
    ]
    present.policies = [{"PolicyName": "old", "PolicyType": "TargetTrackingScaling"}]
    present.schedules = [{"ScheduledActionName": "old", "MinSize": 1, "StartTime": NOW}]
    assert planned(wanted, present) == [
        ("delete", "lifecycle_hook", "mine"),
        ("delete", "scaling_policy", "old"),
        ("delete", "scheduled_action", "old"),
    ]


def test_schedules_whose_time_is_over_are_not_wanted():
    past, future = "2026-11-01T00:00:00Z", "2026-12-01T00:00:00+11:00"
    one_off = {"name": "s", "start": past, "min": 1}
    assert _fleet.schedule_fields(one_off, None, NOW) is None
    assert _fleet.schedule_fields({**one_off, "recurrence": "0 7 * * *", "end": past, "start": None}, None, NOW) is None
    fields = _fleet.schedule_fields({**one_off, "start": future}, None, NOW)
    assert fields["start"] == "2026-11-30T13:00:00Z"
    begun = _fleet.schedule_fields({**one_off, "recurrence": "0 7 * * *"}, None, NOW)
    assert "start" not in begun
    moved = {"start": "2026-12-05T07:00:00Z"}
    assert "start" not in _fleet.schedule_fields({**one_off, "recurrence": "0 7 * * *", "start": future}, moved, NOW)


def test_a_foreign_group_or_template_is_refused():
    wanted = options()
    for part in ("group", "template"):
        present = observed(wanted)
        getattr(present, part)["Tags"] = tag_list({"mydigitalstructure:platform": "other"})
        with pytest.raises(InputError, match="foreign"):
            _fleet.plan(wanted, present, NOW)
        with pytest.raises(InputError, match="foreign"):
            _fleet.plan_rollback(wanted, present)
        assert len(_fleet.teardown(wanted, present)) == 1


def test_a_group_that_is_being_deleted_is_refused():
    wanted = options()
    with pytest.raises(InputError, match="is being deleted"):
        _fleet.plan(wanted, observed(wanted, Status="Delete in progress"), NOW)


CHANGED = {"instance_type": "t3.large"}


@pytest.mark.parametrize(
    ("mode", "changes", "last", "expected"),
    [
        # nothing differs
        ("on_change", {}, None, []),
        ("never", {}, None, []),
        ("now", {}, None, [("create", "instance_refresh")]),
        ("now", {}, refresh("InProgress", 1), []),
        ("now", {}, refresh("Successful", 1), [("create", "instance_refresh")]),
        ("on_change", {}, refresh("InProgress", 2), [("replace", "instance_refresh")]),
        # a new version
        ("never", CHANGED, None, [("update", "launch_template"), ("update", "auto_scaling_group")]),
        ("on_change", CHANGED, None, [("update", "launch_template"), ("create", "instance_refresh")]),
        (
            "on_change",
            CHANGED,
            refresh("InProgress", 1),
            [("update", "launch_template"), ("replace", "instance_refresh")],
        ),
        (
            "on_change",
            CHANGED,
            refresh("Cancelling", 1),
            [("update", "launch_template"), ("create", "instance_refresh")],
        ),
        ("on_change", CHANGED, refresh("RollbackInProgress", 1), [("update", "launch_template")]),
    ],
)
def test_when_a_refresh_is_started(mode, changes, last, expected):
    wanted = options(refresh=mode, **changes)
    present = observed(options(), refreshes=[last] if last else [])
    assert [(verb, kind) for verb, kind, name in planned(wanted, present)] == expected


@pytest.mark.parametrize(
    ("mode", "status", "expected"),
    [
        ("on_change", "InProgress", []),  # joined
        ("now", "Pending", []),
        ("never", "Baking", []),
        ("on_change", "Failed", ["create"]),
        ("on_change", "Cancelled", ["create"]),
        ("on_change", "RollbackSuccessful", []),
        ("on_change", "RollbackFailed", []),
        ("now", "RollbackSuccessful", ["create"]),
    ],
)
def test_a_refresh_towards_the_wanted_version(mode, status, expected):
    wanted = options(refresh=mode, **CHANGED)
    present = observed(wanted, version=2, refreshes=[refresh(status, 2)])
    present.group["LaunchTemplate"]["Version"] = "1"
    made = _fleet.plan(wanted, present, NOW)
    assert [action.verb for action in made.plan] == expected
    assert bool(made.warnings) == (mode == "on_change" and status.startswith("Rollback"))


def test_never_cannot_change_the_launch_under_a_running_refresh():
    with pytest.raises(InputError, match="refresh: never is not possible"):
        _fleet.plan(options(refresh="never", **CHANGED), observed(options(), refreshes=[refresh("InProgress", 7)]), NOW)


def test_the_refresh_that_runs_counts_before_later_ones_whatever_the_order():
    later = NOW + datetime.timedelta(hours=1)
    items = [refresh("Successful", 3, later), refresh("InProgress", 2), refresh("Failed", 1)]
    assert _fleet.Observed(refreshes=items).refresh["Status"] == "InProgress"
    assert _fleet.Observed(refreshes=items[::-2]).refresh["StartTime"] == later
    assert _fleet.Observed().refresh is None


def test_roll_back_only_what_runs():
    wanted = options()
    running, sentence = _fleet.plan_rollback(wanted, observed(wanted, refreshes=[refresh("InProgress", 2)]))
    assert [(a.verb, a.kind) for a in running] == [("update", "instance_refresh")] and sentence is None
    for refreshes in ([], [refresh("Successful", 2)]):
        none, sentence = _fleet.plan_rollback(wanted, observed(wanted, refreshes=refreshes))
        assert not none and sentence.startswith("Nothing to roll back")
    already, sentence = _fleet.plan_rollback(wanted, observed(wanted, refreshes=[refresh("RollbackInProgress", 2)]))
    assert not already and "already" in sentence
    blind = {**refresh("InProgress", 2), "DesiredConfiguration": None}
    with pytest.raises(InputError, match="without a desired"):
        _fleet.plan_rollback(wanted, observed(wanted, refreshes=[blind]))


def test_removal_is_refused_where_the_fleet_is_protected():
    wanted = options(state="absent")
    held = observed(wanted, Instances=[{"InstanceId": "i-1", "ProtectedFromScaleIn": True}])
    with pytest.raises(InputError, match=r"protected from scale-in \(i-1\)"):
        _fleet.teardown(wanted, held)
    with pytest.raises(InputError, match="deletion protection 'prevent-all-deletion'"):
        _fleet.teardown(wanted, observed(wanted, DeletionProtection="prevent-all-deletion"))
    assert [a.kind for a in _fleet.teardown(wanted, observed(wanted))] == ["auto_scaling_group", "launch_template"]


def test_mixed_capacity_there_and_back():
    wanted = options(instance_types=["t3.small", "t3a.small"], mixed={"on_demand_percentage": 0})
    launch = _fleet.launch_fields(wanted, 3)
    request = _fleet.launch_parameters(launch, "lt-1")
    source = request["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    source["LaunchTemplateName"] = "mds-app"  # AWS lists both
    assert _fleet.observed_launch(request) == launch
    assert launch["on_demand_percentage"] == 0
    assert _fleet.launch_fields(options(), 3) == {"template": "mds-app", "version": 3}


def test_a_new_instance_profile_is_waited_for_a_bounded_time():
    from botocore.exceptions import ClientError

    unseen = ClientError(
        {"Error": {"Code": "ValidationError", "Message": "Invalid IamInstanceProfile: mds-app"}},
        "CreateAutoScalingGroup",
    )
    answers, pauses = [unseen, unseen, "made"], []

    def call():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert _fleet.when_profile_is_seen(call, pause=pauses.append) == "made"
    assert len(pauses) == 2
    answers[:] = [unseen] * (_fleet.PROFILE_TRIES + 1)
    with pytest.raises(ClientError):
        _fleet.when_profile_is_seen(call, pause=pauses.append)
    assert len(answers) == 1
    answers[:] = [ClientError({"Error": {"Code": "ValidationError", "Message": "no such subnet"}}, "X"), "made"]
    with pytest.raises(ClientError):
        _fleet.when_profile_is_seen(call, pause=pauses.append)


def test_what_aws_refuses_of_a_batch_is_told_item_by_item():
    class Client:
        def batch_put_scheduled_update_group_action(self, **request):
            self.names = [item["ScheduledActionName"] for item in request["ScheduledUpdateGroupActions"]]
            return {"FailedScheduledUpdateGroupActions": [{"ScheduledActionName": "b", "ErrorMessage": "in the past"}]}

    wanted = options(schedules=[{"name": name, "recurrence": "0 7 * * *", "min": 1} for name in "abc"])
    present = observed(wanted)
    fleet = _fleet.Fleet(wanted, None, Client())
    with pytest.raises(ApplyError) as caught:
        fleet.apply(_fleet.plan(wanted, present, NOW), present)
    assert [action.name for action in caught.value.done] == ["a", "c"]
    assert [(action.name, reason) for action, reason in caught.value.failed] == [
        ("b", "AWS refused the schedule: in the past")
    ]


SUBNETS = {"app-a": {"id": "subnet-1", "tier": "app"}, "public-a": {"id": "subnet-2", "tier": "public"}}
HOST = {"name": "admin", "subnet": "public-a", "security_groups": ["admin"], "instance_profile": "admin"}


def test_names_become_ids():
    groups = {"admin": {"id": "sg-1"}}
    assert _fleet_names.values(["app-a"], SUBNETS, "v") == ["subnet-1"]
    assert _fleet_names.values(["a", "b"], {"a": {"arns": ["1", "2"]}, "b": {"arns": ["3"]}}, "v", "arns") == [*"123"]
    assert _fleet_names.in_tier("app", SUBNETS, "v") == ["app-a"]
    host = {**HOST, "address": "admin", "image_id": "ami-2"}
    defaults = {"image_parameter": "/ami", "instance_type": "t3.small", "key_name": None}
    (made,) = _fleet_names.hosts(
        [host], "mds", SUBNETS, groups, {"admin": {"allocation_id": "eipalloc-1"}}, ["admin"], defaults, "v"
    )
    assert made == {
        "name": "admin",
        "subnet_id": "subnet-2",
        "security_group_ids": ["sg-1"],
        "instance_profile": "mds-admin",
        "address": "eipalloc-1",
        "image_id": "ami-2",
        "instance_type": "t3.small",
    }
    (without,) = _fleet_names.hosts([host], "mds", SUBNETS, groups, {"admin": None}, ["admin"], defaults, "v")
    assert "address" not in without
    balancers = {"webapi-1": {"arn": "lb", "target_group_arn": "tg"}}
    assert _fleet_names.policies([{"name": "r", "load_balancer": "webapi-1"}, {"name": "c"}], balancers, "v") == [
        {"name": "r", "load_balancer_arn": "lb", "target_group_arn": "tg"},
        {"name": "c"},
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"subnet": "x"}, "v admin: subnet: 'x' is not declared; allowed are app-a, public-a."),
        ({"security_groups": ["x"]}, "v admin: security_groups: 'x' is not declared; allowed are admin."),
        ({"address": "x"}, "v admin: address: 'x' is not declared; allowed are admin."),
        ({"instance_profile": "x"}, "v admin: instance_profile: 'x' is not declared; allowed are admin."),
    ],
)
def test_an_unknown_name_is_one_sentence(change, sentence):
    with pytest.raises(InputError) as caught:
        _fleet_names.hosts(
            [{**HOST, **change}], "mds", SUBNETS, {"admin": {"id": "sg-1"}}, {"admin": None}, ["admin"], {}, "v"
        )
    assert str(caught.value) == sentence
    with pytest.raises(InputError, match="v: there is no subnet of tier 'data'; allowed are app, public."):
        _fleet_names.in_tier("data", SUBNETS, "v")
