"""Security groups: input, expansion, comparison, the rule limit, and calls to an EC2 that answers as told."""

from __future__ import annotations

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _security_groups as sg
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import ApplyError, InputError
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

ports = st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(lambda pair: f"{min(pair)}-{max(pair)}")
cidrs = st.integers(0, 255).map(lambda n: f"10.{n}.0.0/16") | st.integers(0, 255).map(lambda n: f"2001:db8:{n:x}::/48")
rules = st.fixed_dictionaries(
    {"ports": st.lists(ports, min_size=1, max_size=3)},
    optional={"groups": st.lists(st.sampled_from(["web", "app"]), max_size=2)},
).flatmap(lambda rule: st.lists(cidrs, min_size=1, max_size=4).map(lambda found: {**rule, "cidrs": found}))


def atom(source: str, port: int = 80, kind: str = sg.CIDR, direction: str = sg.INGRESS) -> sg.Rule:
    return sg.Rule(direction, "tcp", port, port, kind, source)


def groups_of(*declared: dict, **options) -> dict[str, sg.Group]:
    return sg.validate(declared, "mds", **options)


def there(group: sg.Group, **rules) -> sg.Observed:
    """The group as AWS holds it after it was made."""
    return sg.Observed(
        group.name, f"sg-{group.name}", f"mds-{group.name}", group.description, "vpc-1", "arn", dict(group.tags),
        dict(group.rules), {},
    )  # fmt: skip


@given(st.lists(rules, max_size=4), st.randoms(use_true_random=False))
def test_order_and_grouping_do_not_matter(declared, random):
    web = {"name": "web", "egress": []}
    whole = groups_of(web, {"name": "app", "rules": declared})["app"]
    single = [
        {"ports": port, key: source}
        for rule in declared
        for port in rule["ports"]
        for key in ("cidrs", "groups")
        for source in rule.get(key, [])
    ]
    random.shuffle(single)
    regrouped = groups_of({"name": "app", "rules": single}, web)["app"]
    assert whole.rules == regrouped.rules
    observed = {"app": there(whole), "web": there(groups_of(web)["web"])}
    assert not sg.plan(groups_of(web, {"name": "app", "rules": single}), observed, "mds")


@given(st.lists(rules, max_size=3), st.lists(rules, max_size=3))
def test_what_aws_tells_of_a_rule_is_the_rule(first, second):
    """Requests merged as we send them and read back as AWS lists them give the same atomic rules."""
    group = groups_of({"name": "app", "rules": first, "egress": second}, {"name": "web"})["app"]
    item = {"GroupId": "sg-1"}
    for direction, key in ((sg.INGRESS, "IpPermissions"), (sg.EGRESS, "IpPermissionsEgress")):
        chosen = [rule for rule in group.rules if rule.direction == direction]
        item[key] = sg.merged(sg.permission(rule, "text", {"app": "sg-1", "web": "sg-2"}) for rule in chosen)
    found, permissions = sg.atoms(item, {"sg-1": "app", "sg-2": "web"})
    assert found == dict.fromkeys(group.rules, "text")
    assert set(permissions) == set(found)


@given(
    st.sets(st.integers(0, 40), max_size=12),
    st.sets(st.integers(0, 40), max_size=12),
    st.sets(st.integers(0, 40), max_size=6),
)
def test_the_limit_is_never_passed_and_as_little_as_possible_goes_first(present, wanted, six):
    limit = 12
    held = {atom(f"10.{n}.0.0/16") for n in present} | {atom(f"0:{n}::/48") for n in six}
    desired = {atom(f"10.{n}.0.0/16") for n in wanted}
    add, drop = desired - held, held - desired
    early = sg.revoke_first(held, add, drop, limit)
    assert not sg.over((held - set(early)) | add, limit)
    assert set(early) <= drop
    # IPv6 is counted apart, so none of it has to go early, though it comes first by name
    assert len(early) == max(0, len(present | wanted) - limit)


def test_groups_and_prefix_lists_count_in_both_families():
    counted = sg.counts([atom("app", kind=sg.GROUP), atom("pl-1", kind=sg.PREFIX_LIST), atom("::/0")], {"pl-1": 55})
    assert counted == {("ingress", "IPv4"): 56, ("ingress", "IPv6"): 57}


def test_more_rules_than_a_group_can_hold_are_refused():
    declared = {"name": "app", "rules": [{"ports": 80, "cidrs": [f"10.{n}.0.0/16" for n in range(61)]}]}
    with pytest.raises(InputError, match="group app: 61 ingress rules for IPv4 are more than 60"):
        groups_of(declared)
    assert groups_of(declared, rule_limit=61)


def test_kept_rules_count_when_rules_are_not_purged():
    old = groups_of({"name": "app", "rules": [{"ports": 80, "cidrs": [f"10.{n}.0.0/16" for n in range(40)]}]})
    new = groups_of({"name": "app", "rules": [{"ports": 80, "cidrs": [f"11.{n}.0.0/16" for n in range(40)]}]})
    observed = {"app": there(old["app"])}
    assert len(sg.plan(new, observed, "mds")) == 80
    with pytest.raises(InputError, match="80 ingress rules"):
        sg.plan(new, observed, "mds", purge_rules=False)


@pytest.mark.parametrize(
    ("rule", "title"),
    [
        ({"ports": 80, "groups": "app"}, "ingress tcp 80 from app"),
        ({"protocol": "UDP", "ports": "1-2", "cidrs": "10.0.0.0/8"}, "ingress udp 1-2 from 10.0.0.0/8"),
        ({"protocol": "all", "prefix_lists": "pl-1"}, "ingress all from pl-1"),
        ({"protocol": -1, "cidrs": "::/0"}, "ingress all from ::/0"),
        ({"protocol": "58", "cidrs": "2001:DB8::/32"}, "ingress icmpv6 from 2001:db8::/32"),
        ({"protocol": "icmp", "icmp_type": 3, "icmp_code": 4, "cidrs": "10.0.0.0/8"},
         "ingress icmp type 3 code 4 from 10.0.0.0/8"),
        ({"protocol": "050", "cidrs": "10.0.0.0/8"}, "ingress 50 from 10.0.0.0/8"),
    ],
)  # fmt: skip
def test_titles(rule, title):
    (found,) = sg.expand(rule, sg.INGRESS, {"app"}, "here")
    assert found.title == title


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"name": "sg-1"}, "name 'sg-1' makes a group that begins with sg-"),
        ({"name": "é"}, "groups: name 'é' is not allowed"),
        ({"name": "x" * 252}, "makes 256 characters with the platform's name; 255 are allowed"),
        ({"name": ""}, "has no name"),
        ({"description": "it's"}, "groups: group web: description \"it's\" is not allowed"),
        ({"rules": [{"ports": "90-80", "cidrs": "10.0.0.0/8"}]}, "rules 1: ports '90-80' is reversed"),
        ({"rules": [{"ports": "70000", "cidrs": "10.0.0.0/8"}]}, "ports '70000' is out of range"),
        ({"rules": [{"ports": "http", "cidrs": "10.0.0.0/8"}]}, "ports 'http' is not a port"),
        ({"rules": [{"cidrs": "10.0.0.0/8"}]}, "ports are missing; tcp needs them"),
        ({"rules": [{"protocol": "all", "ports": 1, "cidrs": "::/0"}]}, "ports 1 are only for tcp and udp, not all"),
        ({"rules": [{"protocol": "smtp", "cidrs": "::/0"}]}, "protocol 'smtp' is not known"),
        ({"rules": [{"protocol": "icmp", "icmp_code": 1, "cidrs": "::/0"}]}, "icmp_type -1 with icmp_code 1"),
        ({"rules": [{"ports": 1, "icmp_type": 1, "cidrs": "::/0"}]}, "icmp_type and icmp_code are for icmp"),
        ({"rules": [{"ports": 1, "cidrs": "10.0.0.1/8"}]}, "has host bits set; 10.0.0.0/8 is the range, 10.0.0.1/32"),
        ({"rules": [{"ports": 1, "cidrs": "10.0.0.1"}]}, "cidr '10.0.0.1' has no length; 10.0.0.1/32"),
        ({"rules": [{"ports": 1, "cidrs": "10.0.0.0/33"}]}, "cidr '10.0.0.0/33' is not an address range"),
        ({"rules": [{"ports": 1, "groups": "ghost"}]}, "rules 1: group 'ghost' is not declared; there are web"),
        ({"rules": [{"ports": 1, "prefix_lists": "s3"}]}, "prefix list 's3' is not an id"),
        ({"rules": [{"ports": 1}]}, "no source is given"),
        ({"egress": [{"ports": 1}]}, "egress 1: no destination is given"),
        ({"rules": [{"ports": 1, "cidrs": "::/0", "description": "a"}, {"ports": "1-1", "cidrs": "::/0"}]},
         "rules 2: ingress tcp 1 from ::/0 is there twice, described as 'a' and as ''"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(group, message):
    with pytest.raises(InputError) as caught:
        groups_of({"name": "web", **group})
    assert message in str(caught.value)


def test_a_name_given_twice_and_a_platform_called_sg_are_refused():
    with pytest.raises(InputError, match="groups: name 'web' is there twice"):
        groups_of({"name": "web"}, {"name": "web"})
    with pytest.raises(InputError, match="begins with sg-"):
        sg.validate([{"name": "web"}], "sg")


def test_egress_left_out_is_what_aws_gives_a_new_group():
    group = groups_of({"name": "web"})["web"]
    four, six = sg.EVERYWHERE
    assert group.rules == {four: ""}
    made = there(group)
    made.rules[six] = ""  # in a VPC with IPv6
    assert not sg.plan({"web": group}, {"web": made}, "mds")
    closed = groups_of({"name": "web", "egress": []})
    names = {(a.verb, a.name) for a in sg.plan(closed, {"web": made}, "mds", purge_rules=False)}
    assert names == {("delete", "web egress all to 0.0.0.0/0"), ("delete", "web egress all to ::/0")}


def test_an_own_group_named_by_its_id_is_the_same_rule():
    declared = groups_of({"name": "app"}, {"name": "web", "rules": [{"ports": 80, "groups": "app"}]})
    observed = {name: there(group) for name, group in declared.items()}
    by_id = groups_of({"name": "app"}, {"name": "web", "rules": [{"ports": 80, "groups": "sg-app"}]})
    assert not sg.plan(by_id, observed, "mds")


def test_rules_that_refer_to_a_group_on_its_way_out_go_also_without_purge_rules():
    declared = groups_of({"name": "app"}, {"name": "web", "rules": [{"ports": 80, "groups": "app"}]})
    observed = {name: there(group) for name, group in declared.items()}
    kept = groups_of({"name": "web"})
    actions = {(a.verb, a.name) for a in sg.plan(kept, observed, "mds", purge=True, purge_rules=False)}
    assert actions == {("delete", "app"), ("delete", "web ingress tcp 80 from app")}
    with pytest.raises(InputError, match="ingress tcp 80 from app refers to a group that is not declared any more"):
        by_id = groups_of({"name": "web", "rules": [{"ports": 80, "groups": "sg-app"}]})
        sg.plan(by_id, observed, "mds", purge=True)
    with pytest.raises(InputError, match="of group web refers to it and that group is ignored"):
        sg.plan({}, observed, "mds", purge=True, ignore=["web"])


def test_a_rule_may_not_refer_to_an_ignored_group_that_is_not_there():
    declared = groups_of({"name": "app"}, {"name": "web", "rules": [{"ports": 80, "groups": "app"}]})
    with pytest.raises(InputError, match="refers to a group that is ignored and is not there"):
        sg.plan(declared, {}, "mds", ignore=["app"])


class FakeEC2:
    """Answers as told: ``errors`` maps an operation to the codes of its next answers (None: it works)."""

    def __init__(self, **errors):
        self.errors, self.calls = errors, []

    def __getattr__(self, operation):
        def call(**arguments):
            self.calls.append((operation, arguments))
            queue = self.errors.get(operation) or [None]
            code = queue.pop(0) if len(queue) > 1 else queue[0]
            if code:
                raise ClientError({"Error": {"Code": code, "Message": code}}, operation)
            return {}

        return call

    def get_paginator(self, operation):
        class Paginator:
            def paginate(self, **arguments):
                return [{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "Description": "ELB app/x"}]}]

        return Paginator()


def applier(ec2, plan, timeout=5, limit=60):
    return sg.Applier(ec2, plan, "mds", "vpc-1", limit, {}, timeout)


def observed_with_permissions(group: sg.Group) -> sg.Observed:
    present = there(group)
    present.permissions = {rule: sg.permission(rule, None, {}) for rule in present.rules}
    return present


def test_a_group_that_is_held_for_a_while_is_deleted_in_the_end():
    observed = {"web": observed_with_permissions(groups_of({"name": "web"})["web"])}
    ec2 = FakeEC2(delete_security_group=["DependencyViolation", None])
    applier(ec2, sg.plan({}, observed, "mds", purge=True)).apply({}, observed, "ap-southeast-2")
    assert [operation for operation, arguments in ec2.calls] == ["delete_security_group"] * 2


def test_a_group_that_stays_held_is_named_with_what_holds_it():
    observed = {"web": observed_with_permissions(groups_of({"name": "web"})["web"])}
    ec2 = FakeEC2(delete_security_group=["DependencyViolation"])
    with pytest.raises(
        ApplyError, match=r"sg-web is still used after 0 s by the network interfaces eni-1 \(ELB app/x\)"
    ):
        applier(ec2, sg.plan({}, observed, "mds", purge=True), timeout=0).apply({}, observed, "ap-southeast-2")


def test_groups_in_a_circle_are_unlinked_before_they_are_deleted():
    declared = groups_of(
        {"name": "a", "rules": [{"ports": 1, "groups": "b"}]},
        {"name": "b", "rules": [{"ports": 1, "groups": ["a", "b"]}]},
    )
    observed = {name: observed_with_permissions(group) for name, group in declared.items()}
    ec2 = FakeEC2()
    applier(ec2, sg.plan({}, observed, "mds", purge=True)).apply({}, observed, "ap-southeast-2")
    operations = [operation for operation, arguments in ec2.calls]
    assert operations == ["revoke_security_group_ingress"] * 2 + ["delete_security_group"] * 2


def test_a_full_group_revokes_what_is_needed_adds_and_revokes_the_rest():
    old = groups_of({"name": "a", "rules": [{"ports": 1, "cidrs": [f"10.{n}.0.0/16" for n in range(8)]}]})
    new = groups_of({"name": "a", "rules": [{"ports": 1, "cidrs": [f"11.{n}.0.0/16" for n in range(5)]}]})
    observed = {"a": observed_with_permissions(old["a"])}
    ec2 = FakeEC2()
    applier(ec2, sg.plan(new, observed, "mds"), limit=10).apply(new, observed, "ap-southeast-2")
    assert [(op, len(arguments["IpPermissions"][0]["IpRanges"])) for op, arguments in ec2.calls] == [
        ("revoke_security_group_ingress", 3),
        ("authorize_security_group_ingress", 5),
        ("revoke_security_group_ingress", 5),
    ]


def test_rules_that_are_there_already_are_passed_over_one_by_one():
    new = groups_of({"name": "a", "rules": [{"ports": 1, "cidrs": ["10.0.0.0/8", "11.0.0.0/8"]}]})
    observed = {"a": observed_with_permissions(groups_of({"name": "a"})["a"])}
    ec2 = FakeEC2(authorize_security_group_ingress=["InvalidPermission.Duplicate", "InvalidPermission.Duplicate", None])
    applier(ec2, sg.plan(new, observed, "mds")).apply(new, observed, "ap-southeast-2")
    assert len(ec2.calls) == 3


def test_a_refused_call_names_its_rules_and_what_was_not_reached():
    old = groups_of({"name": "a", "rules": [{"ports": 1, "cidrs": "10.0.0.0/8"}]}, {"name": "b"})
    new = groups_of({"name": "a", "rules": [{"ports": 1, "cidrs": "11.0.0.0/8"}]}, {"name": "b", "egress": []})
    observed = {name: observed_with_permissions(group) for name, group in old.items()}
    ec2 = FakeEC2(authorize_security_group_ingress=["RulesPerSecurityGroupLimitExceeded"])
    with pytest.raises(ApplyError) as caught:
        applier(ec2, sg.plan(new, observed, "mds")).apply(new, observed, "ap-southeast-2")
    assert [action.name for action in caught.value.done] == ["b egress all to 0.0.0.0/0"]
    assert [action.name for action, reason in caught.value.failed] == ["a ingress tcp 1 from 11.0.0.0/8"]
    assert [action.name for action in caught.value.not_done] == ["a ingress tcp 1 from 10.0.0.0/8"]


def test_weights_of_prefix_lists_are_asked_for_only_when_there_are_some():
    ec2 = FakeEC2()
    assert sg.prefix_list_weights(ec2, [atom("10.0.0.0/8")]) == {}
    assert ec2.calls == []
