"""The pure functions of the module load_balancers, with plain data."""

from __future__ import annotations

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _load_balancers as lb
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError
from hypothesis import given
from hypothesis import strategies as st

ARN = "arn:aws:acm:ap-southeast-2:123456789012:certificate/1"


def point(name="webapi", **more):
    """An access point with the module's defaults filled in."""
    return {
        "name": name,
        "certificate_arn": ARN,
        "extra_certificate_arns": [],
        "subnet_ids": ["subnet-a", "subnet-b"],
        "security_group_ids": ["sg-1"],
        "scheme": "internet-facing",
        "array": 1,
        "ip_address_type": "ipv4",
        "idle_timeout": 60,
        "deletion_protection": False,
        "access_logs": None,
        "http_redirect": True,
        "ssl_policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        "drop_invalid_headers": True,
        "http2": True,
        "waf_fail_open": False,
        "target": {
            "port": 80,
            "protocol": "HTTP",
            "target_type": "instance",
            "deregistration_delay": 300,
            "slow_start": 0,
            "algorithm": "round_robin",
        },
        "rules": [],
        "tags": {},
        **more,
    }


def observed_of(wanted, foreign=()):
    """What AWS has once a desired set has been applied."""
    sets = (wanted.target_groups, wanted.load_balancers, wanted.listeners, wanted.rules)
    return lb.Observed(*[dict(s) for s in sets], {}, {lb.LOAD_BALANCER: set(foreign), lb.TARGET_GROUP: set(foreign)})


def names(planned):
    return [(a.verb, a.kind, a.name) for a in planned]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"name": "a" * 29}, "33 characters"),
        ({"name": "a" * 27, "array": 2}, "33|mds-a"),
        ({"name": "web_api"}, "web_api"),
        ({"name": "-web"}, "-web"),
        ({"name": "web--api"}, "web--api"),
        ({"array": 0}, "array 0"),
        ({"array": 21}, "array 21"),
        ({"subnet_ids": ["subnet-1"]}, "two zones"),
        ({"subnet_ids": ["subnet-1", "subnet-2", "subnet-1"]}, "once"),
        ({"security_group_ids": []}, "security group"),
        ({"certificate_arn": "example.com"}, "ARN of a certificate"),
        ({"extra_certificate_arns": ["x"]}, "extra_certificate_arns"),
        ({"idle_timeout": 0}, "idle_timeout"),
        ({"access_logs": {"bucket": ""}}, "bucket"),
        ({"target": {"port": 0}}, "target.port"),
        ({"target": {"slow_start": 10}}, "slow_start"),
        ({"target": {"slow_start": 30, "algorithm": "weighted_random"}}, "round_robin"),
        ({"target": {"deregistration_delay": 3601}}, "3600"),
        ({"target": {"health_check": {"interval": 5, "timeout": 5}}}, "timeout"),
        ({"target": {"health_check": {"path": "health"}}}, "path"),
        ({"target": {"health_check": {"matcher": "ok"}}}, "matcher"),
        ({"target": {"stickiness": {"type": "app_cookie"}}}, "cookie_name"),
        ({"rules": [{"priority": 1, "hosts": ["a"]}]}, "exactly one"),
        ({"rules": [{"priority": 1, "forward": True}]}, "hosts and paths"),
        ({"rules": [{"priority": 1, "hosts": list("abcdef"), "forward": True}]}, "hosts and paths"),
        ({"rules": [{"priority": 0, "hosts": ["a"], "forward": True}]}, "50000"),
        ({"rules": [{"priority": 1, "hosts": ["a"], "forward": True}] * 2}, "twice"),
        ({"rules": [{"priority": 1, "hosts": ["a"], "fixed_response": {"status_code": 302}}]}, "2xx"),
    ],
)
def test_bad_access_points_are_refused_in_one_sentence(change, words):
    with pytest.raises(InputError) as refusal:
        lb.validate("mds", [point(**change)], "balancers_access_points")
    message = str(refusal.value)
    assert any(word in message for word in words.split("|")), message
    assert message.startswith("balancers_access_points: ") and "\n" not in message and message.endswith(".")


def test_names_that_collide_or_start_with_internal_are_refused():
    for points, words in (
        ([point("web"), point("web")], "twice"),
        ([point("web", array=2), point("web-2")], "web-2"),
    ):
        with pytest.raises(InputError, match=words):
            lb.validate("mds", points)
    with pytest.raises(InputError, match="internal-"):
        lb.validate("internal", [point("web")])


def test_a_preflight_may_give_names_only():
    lb.validate("mds", [{"name": "webapi", "array": 2}, {"name": "admin"}])


def test_each_balancer_of_an_array_has_its_own_target_group():
    wanted = lb.desired("mds", "vpc-1", [point(array=2)])
    assert sorted(wanted.target_groups) == sorted(wanted.load_balancers) == ["webapi-1", "webapi-2"]
    assert wanted.listeners["webapi-2:443"]["default_actions"] == [{"type": "forward", "target_group": "webapi-2"}]


def test_a_listener_without_redirect_is_deleted_without_purge_and_strangers_are_not():
    wanted = lb.desired("mds", "vpc-1", [point(http_redirect=False)])
    observed = observed_of(lb.desired("mds", "vpc-1", [point()]))
    observed.listeners["webapi:8443"] = {"protocol": "HTTPS"}
    assert names(lb.plan(wanted, observed, "mds")) == [("delete", "listener", "webapi:80")]
    purged = names(lb.plan(wanted, observed, "mds", purge=True))
    assert purged == [("delete", "listener", "webapi:80"), ("delete", "listener", "webapi:8443")]
    kept = names(lb.plan(wanted, observed, "mds", purge=True, ignore=["webapi:8443"]))
    assert kept == [("delete", "listener", "webapi:80")]
    assert not lb.plan(wanted, observed, "mds", purge=True, ignore=["webapi"])


def test_purge_refuses_what_is_protected_before_anything_else():
    observed = observed_of(lb.desired("mds", "vpc-1", [point(), point("admin", deletion_protection=True)]))
    nothing = lb.desired("mds", "vpc-1", [])
    with pytest.raises(InputError, match="mds-admin"):
        lb.plan(nothing, observed, "mds", purge=True)
    assert not lb.plan(nothing, observed, "mds")
    assert ("delete", "load_balancer", "webapi") in names(
        lb.plan(nothing, observed, "mds", purge=True, ignore=["admin"])
    )


def test_names_that_somebody_else_has_are_refused():
    wanted = lb.desired("mds", "vpc-1", [point()])
    empty = lb.Observed({}, {}, {}, {}, {}, {lb.LOAD_BALANCER: set(), lb.TARGET_GROUP: {"mds-webapi"}})
    with pytest.raises(InputError, match="target group mds-webapi exists"):
        lb.plan(wanted, empty, "mds")


def test_what_cannot_be_changed_is_refused():
    before = observed_of(lb.desired("mds", "vpc-1", [point()]))
    for change in (
        {"scheme": "internal"},
        {"target": {**point()["target"], "port": 8080}},
    ):
        with pytest.raises(InputError, match="cannot be changed"):
            lb.plan(lb.desired("mds", "vpc-1", [point(**change)]), before, "mds")


@given(
    st.lists(
        st.builds(
            point,
            name=st.from_regex(r"[a-z]{1,8}", fullmatch=True),
            array=st.integers(1, 4),
            http_redirect=st.booleans(),
            idle_timeout=st.integers(1, 4000),
            rules=st.sampled_from([[], [{"priority": 5, "hosts": ["b", "a"], "forward": True}]]),
        ),
        max_size=4,
        unique_by=lambda p: p["name"],
    )
)
def test_what_was_applied_leaves_nothing_to_do(points):
    lb.validate("mds", points)
    wanted = lb.desired("mds", "vpc-1", points, {"Environment": "lab"})
    assert not lb.plan(wanted, observed_of(wanted), "mds", purge=True)
    everything = lb.plan(
        wanted, lb.Observed({}, {}, {}, {}, {}, {lb.LOAD_BALANCER: set(), lb.TARGET_GROUP: set()}), "mds"
    )
    assert {a.verb for a in everything} <= {"create"}
    assert len(everything) == sum(map(len, wanted[:4]))


@pytest.mark.parametrize(
    "action, expected",
    [
        (
            {
                "Type": "forward",
                "TargetGroupArn": "tg",
                "ForwardConfig": {
                    "TargetGroups": [{"TargetGroupArn": "tg", "Weight": 1}],
                    "TargetGroupStickinessConfig": {"Enabled": False},
                },
            },
            {"type": "forward", "target_group": "webapi"},
        ),
        ({"Type": "forward", "TargetGroupArn": "other"}, {"type": "forward", "target_group": "other"}),
        (
            {
                "Type": "redirect",
                "RedirectConfig": {
                    "Protocol": "HTTPS",
                    "Port": "443",
                    "Host": "#{host}",
                    "Path": "/#{path}",
                    "Query": "#{query}",
                    "StatusCode": "HTTP_301",
                },
            },
            lb.redirect_fields({"protocol": "HTTPS", "port": "443"}),
        ),
    ],
)
def test_actions_of_aws_in_our_form(action, expected):
    assert lb.observed_actions([action], {"tg": "webapi"}) == [expected]


def test_actions_that_we_would_not_make_always_differ():
    weighted = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": a} for a in "ab"]}}
    assert lb.observed_actions([weighted], {}) == [weighted]


def test_conditions_that_we_would_not_make_always_differ():
    rule = {"Conditions": [{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}], "Actions": []}
    assert lb.observed_rule(rule, {})["hosts"] == [rule["Conditions"][0]]
    ours = lb.rule_fields({"hosts": ["b", "a"], "paths": ["/x"], "forward": True}, "webapi")
    back = lb.observed_rule(
        {
            "Conditions": lb.condition_arguments(ours),
            "Actions": [{"Type": "forward", "TargetGroupArn": "tg"}],
        },
        {"tg": "webapi"},
    )
    assert back == ours


def test_tags_are_asked_for_in_batches_and_a_vanished_arn_does_not_spoil_the_others():
    from botocore.exceptions import ClientError

    class Elb:
        sizes: list[int] = []

        def describe_tags(self, ResourceArns):
            self.sizes.append(len(ResourceArns))
            if "gone" in ResourceArns:
                raise ClientError({"Error": {"Code": "LoadBalancerNotFound", "Message": ""}}, "DescribeTags")
            return {"TagDescriptions": [{"ResourceArn": arn, "Tags": []} for arn in ResourceArns]}

    arns = [f"arn-{n}" for n in range(41)] + ["gone"]
    assert sorted(lb.describe_tags(Elb(), arns)) == sorted(arns[:-1])
    assert max(Elb.sizes) == 20


def test_a_balancer_that_aws_cannot_set_up_is_a_failure():
    class Elb:
        def get_paginator(self, operation):
            return self

        def paginate(self, LoadBalancerArns):
            state = {"Code": "failed", "Reason": "no free addresses"}
            return [{"LoadBalancers": [{"LoadBalancerArn": arn, "State": state} for arn in LoadBalancerArns]}]

    item = {"LoadBalancerArn": "arn/1", "State": {"Code": "provisioning"}}
    observed = observed_of(lb.desired("mds", "vpc-1", []))
    observed.items[lb.LOAD_BALANCER] = {"webapi": item}
    run = lb.Apply(lambda service: Elb(), observed, lb.Plan(), "mds", 5)
    with pytest.raises(lb.ApplyError, match="activate load_balancer webapi: no free addresses"):
        run.wait_active()
