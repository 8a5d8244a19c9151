"""The network's input, wanted set and plan, with plain data."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _network as net
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError
from hypothesis import given
from hypothesis import strategies as st

REGION = "ap-southeast-2"
OURS = [{"Key": "mydigitalstructure:platform", "Value": "mds"}]


def subnet(name, cidr, tier=None, zone=None, map_public_ip=None):
    head, letter = name.rsplit("-", 1)
    return {
        "name": name,
        "tier": tier or head,
        "zone": zone or REGION + letter,
        "cidr": cidr,
        "map_public_ip": map_public_ip,
    }


SUBNETS = [
    subnet("public-a", "10.20.0.0/24"),
    subnet("public-b", "10.20.1.0/24"),
    subnet("app-a", "10.20.16.0/22"),
    subnet("app-b", "10.20.20.0/22"),
    subnet("data-a", "10.20.32.0/24"),
]


def options(**changes):
    return {
        "platform": "mds",
        "cidr": "10.20.0.0/16",
        "subnets": SUBNETS,
        "nat": "one",
        "gateway_endpoints": ["s3"],
        "flow_logs": None,
        "admin_address": "eip",
        "tags": {},
        **changes,
    }


def wanted(kept=(), now=None, **changes):
    return net.desired(options(**changes), REGION, kept, now)


def nothing():
    return {kind: {} for kind in net.KINDS}


# --- input


def test_a_network_that_can_be_is_accepted():
    for nat in ("none", "one", "zone"):
        net.validate(options(nat=nat), REGION)


@pytest.mark.parametrize(
    ("zone", "allowed"),
    [
        ("ap-southeast-2c", True),
        ("ap-southeast-2", False),
        ("ap-southeast-2ab", False),
        ("ap-southeast-2A", False),
        ("ap-southeast-2-mel-1a", False),
        ("us-east-1a", False),
    ],
)
def test_a_zone_is_the_region_and_one_letter(zone, allowed):
    changed = options(subnets=[*SUBNETS, subnet("app-c", "10.20.64.0/24", zone=zone)])
    if allowed:
        net.validate(changed, REGION)
    else:
        with pytest.raises(InputError, match=f"subnets: app-c: zone '{zone}' is not a zone of region {REGION}"):
            net.validate(changed, REGION)


@pytest.mark.parametrize("name", ["", "-app", "app/a", "a" * 64])
def test_a_subnet_has_a_plain_name(name):
    bad = {**subnet("app-c", "10.20.64.0/24"), "name": name}
    with pytest.raises(InputError, match="subnets: name"):
        net.validate(options(subnets=[*SUBNETS, bad]), REGION)


@pytest.mark.parametrize("prefix", [15, 29])
def test_prefixes_that_aws_refuses(prefix):
    with pytest.raises(InputError, match=f"cidr: '10.0.0.0/{prefix}' has a prefix of /{prefix}; AWS allows /16 to /28"):
        net.validate(options(cidr=f"10.0.0.0/{prefix}"), REGION)


def test_flow_logs_to_a_bucket_name_the_bucket_by_arn():
    logs = {"destination_type": "s3", "destination": "my-logs", "role_arn": None, "traffic_type": "ALL"}
    with pytest.raises(InputError, match="flow_logs: destination 'my-logs' is not the ARN of a bucket"):
        net.validate(options(flow_logs=logs), REGION)


ranges = st.builds(
    lambda start, prefix: ipaddress.ip_network((start << 8 | 10 << 24 | 20 << 16, prefix), strict=False),
    st.integers(0, 255),
    st.integers(18, 26),
)


@given(first=ranges, second=ranges)
def test_two_subnets_are_accepted_exactly_when_they_share_no_address(first, second):
    both = [subnet("data-a", str(first)), subnet("data-b", str(second))]
    shared = int(first[0]) <= int(second[-1]) and int(second[0]) <= int(first[-1])
    if shared:
        with pytest.raises(InputError, match="overlaps"):
            net.validate(options(subnets=both, nat="none"), REGION)
    else:
        net.validate(options(subnets=both, nat="none"), REGION)


# --- what is wanted


@given(nat=st.sampled_from(["none", "one", "zone"]), order=st.permutations(SUBNETS))
def test_every_subnet_has_one_table_and_only_public_ones_reach_the_internet_gateway(nat, order):
    sets = wanted(nat=nat, subnets=order)
    tables = sets[net.ROUTE_TABLE]
    assert sorted(name for table in tables.values() for name in table["subnets"]) == sorted(s["name"] for s in SUBNETS)
    for table in tables.values():
        tiers = {sets[net.SUBNET][name]["tier"] for name in table["subnets"]}
        assert len(tiers) == 1
        assert (table["routes"].get("0.0.0.0/0") == "main") == (tiers == {"public"})
        if tiers == {"data"} or (tiers == {"app"} and nat == "none"):
            assert table["routes"] == {}
        if tiers == {"app"} and nat != "none":
            assert table["routes"]["0.0.0.0/0"] in sets[net.NAT_GATEWAY]
    assert len(sets[net.NAT_GATEWAY]) == {"none": 0, "one": 1, "zone": 2}[nat]
    assert set(sets[net.ADDRESS]) == {"admin", *sets[net.NAT_GATEWAY]}
    assert "public" not in sets[net.ENDPOINT]["s3"]["route_tables"]


def test_a_nat_gateway_that_fits_stays_where_it_is():
    more = [subnet("first-a", "10.20.2.0/24", tier="public"), *SUBNETS]
    assert net.nat_subnets(options(subnets=more), REGION) == {"nat-a": "first-a"}
    assert net.nat_subnets(options(subnets=more), REGION, {"nat-a": "public-a"}) == {"nat-a": "public-a"}
    assert net.nat_subnets(options(), REGION, {"nat-b": "public-b"}) == {"nat-b": "public-b"}
    assert net.nat_subnets(options(nat="none"), REGION, {"nat-b": "public-b"}) == {}


def test_a_subnet_that_is_kept_keeps_a_way_out():
    kept = [{"name": "app-c", "tier": "app", "zone": REGION + "c"}]
    assert wanted(kept)[net.ROUTE_TABLE]["app"]["subnets"] == ["app-a", "app-b", "app-c"]
    table = wanted(kept, nat="zone")[net.ROUTE_TABLE]["app-c"]
    assert (table["subnets"], table["routes"]) == (["app-c"], {"0.0.0.0/0": "nat-a"})
    assert "app-c" not in wanted(kept)[net.SUBNET]


def test_public_addresses_by_tier_or_as_declared():
    chosen = [*SUBNETS, subnet("public-c", "10.20.2.0/24", map_public_ip=False)]
    subnets = wanted(subnets=chosen)[net.SUBNET]
    assert {name for name, item in subnets.items() if item["map_public_ip"]} == {"public-a", "public-b"}


# --- the plan


def test_nothing_is_planned_for_what_is_there():
    assert not net.plan(wanted(), wanted())


def test_subnets_go_only_with_purge_and_never_when_ignored():
    there = wanted(subnets=[*SUBNETS, subnet("data-b", "10.20.33.0/24")])
    assert net.plan(wanted(), there).only(net.SUBNET) == []
    assert [a.title for a in net.plan(wanted(), there, purge=True).only(net.SUBNET)] == ["delete subnet data-b"]
    assert net.plan(wanted(), there, purge=True, ignore=["data-*"]).only(net.SUBNET) == []


def test_gateways_and_addresses_follow_the_option_without_purge():
    titles = {a.title for a in net.plan(wanted(nat="none", admin_address="none"), wanted(nat="zone"))}
    assert {"delete nat_gateway nat-a", "delete nat_gateway nat-b", "delete elastic_ip admin"} <= titles
    assert {"create route_table app", "delete route_table app-a", "delete route_table app-b"} <= titles


@pytest.mark.parametrize(("field", "value"), [("cidr", "10.20.40.0/24"), ("zone", REGION + "b")])
def test_a_range_or_zone_is_not_changed_in_place(field, value):
    moved = [*SUBNETS[:-1], {**SUBNETS[-1], field: value}]
    with pytest.raises(InputError, match=f"subnet data-a: {field} cannot be changed"):
        net.plan(wanted(subnets=moved), wanted())
    with pytest.raises(InputError, match="vpc main: cidr cannot be changed"):
        net.plan(wanted(cidr="10.20.0.0/17"), wanted())


def test_routes_are_written_again_when_their_gateway_is_replaced():
    there = wanted()
    there[net.NAT_GATEWAY]["nat-a"]["subnet"] = "subnet-elsewhere"
    titles = {a.title for a in net.plan(wanted(), there)}
    assert titles == {"replace nat_gateway nat-a", "update route_table app"}


def test_absent_plans_the_removal_of_everything():
    removed = net.plan(nothing(), wanted(), absent=True)
    assert {a.verb for a in removed} == {"delete"}
    assert len(removed) == sum(len(items) for items in wanted().values())


# --- what AWS says


def observed(**items):
    return net.Observed({**{kind: {} for kind in net.KINDS}, **items})


def test_routes_of_others_are_told_apart():
    routes = [
        {"DestinationCidrBlock": "10.20.0.0/16", "GatewayId": "local"},
        {"DestinationCidrBlock": "192.168.0.0/16", "GatewayId": "vgw-1", "Origin": "EnableVgwRoutePropagation"},
        {"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1"},
        {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "blackhole"},
        {"DestinationCidrBlock": "172.16.0.0/12", "VpcPeeringConnectionId": "pcx-1"},
    ]
    tags = [*OURS, {"Key": "aws:cloudformation:stack-name", "Value": "x"}]
    table = {"RouteTableId": "rtb-1", "Routes": routes, "Tags": tags}
    seen = net.present(observed(route_table={"app": table}), [])[net.ROUTE_TABLE]["app"]
    assert seen["routes"] == {"0.0.0.0/0": "nothing (blackhole)", "172.16.0.0/12": "something else"}
    assert seen["tags"] == {"mydigitalstructure:platform": "mds"}


LISTED = {
    "interfaces": [],
    "instances": [{"InstanceId": "i-ours", "Tags": OURS}, {"InstanceId": "i-theirs"}],
    "subnets": [{"SubnetId": "subnet-1", "Tags": OURS}],
    "route_tables": [{"RouteTableId": "rtb-main", "Associations": [{"Main": True}]}],
    "security_groups": [{"GroupId": "sg-0", "GroupName": "default"}],
    "network_acls": [{"NetworkAclId": "acl-0", "IsDefault": True}],
}


@pytest.mark.parametrize(
    ("kind", "item", "words"),
    [
        ("interfaces", {"Attachment": {"InstanceId": "i-ours"}}, None),
        ("interfaces", {"Attachment": {"InstanceId": "i-theirs"}}, "network interface eni-1 (of instance i-theirs)"),
        ("interfaces", {"Description": "ELB app/mds-webapi/1", "RequesterManaged": True}, None),
        (
            "interfaces",
            {"Description": "ELB app/other/1", "RequesterManaged": True},
            "network interface eni-1 (ELB app/other/1)",
        ),
        ("interfaces", {"TagSet": OURS}, None),
        ("interfaces", {}, "network interface eni-1 (unused)"),
        ("subnets", {"SubnetId": "subnet-2"}, "subnet subnet-2"),
        ("route_tables", {"RouteTableId": "rtb-2", "Associations": []}, "route table rtb-2"),
        ("security_groups", {"GroupId": "sg-2", "GroupName": "theirs"}, "security group sg-2 (theirs)"),
        ("network_acls", {"NetworkAclId": "acl-2", "IsDefault": False}, "network ACL acl-2"),
    ],
)
def test_what_keeps_a_vpc_from_being_removed(kind, item, words):
    item = {"NetworkInterfaceId": "eni-1", **item} if kind == "interfaces" else item
    listed = {**LISTED, kind: [*LISTED[kind], item]}
    assert net.foreign_in_vpc("mds", listed, (), False) == ([words] if words else [])


def test_what_aws_made_for_other_services_counts_only_when_the_removal_is_meant():
    interface = {"NetworkInterfaceId": "eni-1", "Description": "RDSNetworkInterface", "RequesterManaged": True}
    listed = {**LISTED, "interfaces": [interface]}
    assert net.foreign_in_vpc("mds", listed, (), True) == []
    assert net.foreign_in_vpc("mds", listed, (), False) == ["network interface eni-1 (RDSNetworkInterface)"]
    assert net.foreign_in_vpc("mds", listed, {"eni-1"}, False) == []


class Ec2:
    """An EC2 that notes what it is asked, in order."""

    def __init__(self):
        self.asked = []

    def get_waiter(self, name):
        self.waiter = name
        return self

    def wait(self, **arguments):
        self.asked.append((self.waiter, *arguments.get("NatGatewayIds", [])))

    def release_address(self, **arguments):
        self.asked.append(("release_address", arguments["AllocationId"]))


def test_what_a_killed_run_began_is_waited_for_before_an_address_is_released():
    address = {"AllocationId": "eipalloc-1"}
    seen = observed(elastic_ip={"nat-a": address}, nat_gateway={"nat-b": {"NatGatewayId": "nat-2", "State": "pending"}})
    seen.leaving_nat_gateways.append("nat-1")
    there = {**nothing(), net.ADDRESS: {"nat-a": {"tags": {}}}}
    ec2 = Ec2()
    planned = net.plan(nothing(), there)
    net.Applier(ec2, planned, seen, {"platform": "mds", "wait_timeout": 600}, REGION).apply()
    assert ec2.asked == [
        ("nat_gateway_deleted", "nat-1"),
        ("nat_gateway_available", "nat-2"),
        ("release_address", "eipalloc-1"),
    ]
