"""The network module on the lab, looked at with boto3."""

from __future__ import annotations

import pytest

REGION = "ap-southeast-2"
OWNED = [{"Name": "tag:mydigitalstructure:platform", "Values": ["mds"]}]


def subnet(name, cidr, **more):
    tier, letter = name.rsplit("-", 1)
    return {"name": name, "tier": tier, "zone": f"{REGION}{letter}", "cidr": cidr, **more}


SUBNETS = [
    subnet("public-a", "10.20.0.0/24"),
    subnet("public-b", "10.20.1.0/24"),
    subnet("app-a", "10.20.16.0/22"),
    subnet("app-b", "10.20.20.0/22"),
    subnet("data-a", "10.20.32.0/24"),
    subnet("data-b", "10.20.33.0/24"),
]
NETWORK = {"platform": "mds", "cidr": "10.20.0.0/16", "subnets": SUBNETS, "tags": {"Environment": "test"}}


@pytest.fixture
def network(lab, run_module):
    def run(check=False, **changes):
        result = run_module("network", check=check, **{**NETWORK, "region": REGION, **changes})
        assert not result["failed"], result
        return result

    return run


@pytest.fixture
def refused(lab, run_module):
    def run(**changes):
        result = run_module("network", **{**NETWORK, "region": REGION, **changes})
        assert result["failed"]
        assert lab.mutating() == []
        return result["msg"]

    return run


def name_of(item):
    return {tag["Key"]: tag["Value"] for tag in item["Tags"]}["mydigitalstructure:name"]


def routes(ec2):
    """{subnet: {destination: gateway's kind}} as AWS routes them."""
    subnets = {s["SubnetId"]: name_of(s) for s in ec2.describe_subnets(Filters=OWNED)["Subnets"]}
    found = {}
    for table in ec2.describe_route_tables(Filters=OWNED)["RouteTables"]:
        ways = {
            route["DestinationCidrBlock"]: route.get("NatGatewayId") or route["GatewayId"]
            for route in table["Routes"]
            if route.get("GatewayId") != "local" and "DestinationCidrBlock" in route
        }
        for association in table["Associations"]:
            if "SubnetId" in association:
                found[subnets[association["SubnetId"]]] = ways
    return found


def nats(ec2):
    return {
        name_of(gateway): gateway
        for gateway in ec2.describe_nat_gateways(Filters=OWNED)["NatGateways"]
        if gateway["State"] == "available"
    }


def nothing_left(ec2):
    assert ec2.describe_vpcs(Filters=OWNED)["Vpcs"] == []
    assert ec2.describe_subnets(Filters=OWNED)["Subnets"] == []
    assert ec2.describe_addresses(Filters=OWNED)["Addresses"] == []
    assert ec2.describe_route_tables(Filters=OWNED)["RouteTables"] == []
    assert ec2.describe_internet_gateways(Filters=OWNED)["InternetGateways"] == []
    assert nats(ec2) == {}
    points = ec2.describe_vpc_endpoints(Filters=OWNED)["VpcEndpoints"]
    assert [point for point in points if point["State"] != "deleted"] == []


def test_the_plan_on_an_empty_account_is_what_is_made(lab, network):
    plan = network(check=True)
    assert lab.mutating() == []
    made = network()
    keys = {(action["kind"], action["name"]) for action in made["actions"]}
    assert {(action["kind"], action["name"]) for action in plan["actions"]} == keys
    assert plan["actions"] == made["actions"]
    assert plan["subnets"].keys() == made["subnets"].keys()
    assert plan["vpc"]["id"] == "(known after apply)"

    ec2 = lab.client("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=OWNED)["Vpcs"]
    assert vpc["CidrBlock"] == "10.20.0.0/16"
    assert vpc["VpcId"] == made["vpc"]["id"]
    assert {tag["Key"]: tag["Value"] for tag in vpc["Tags"]}["Environment"] == "test"
    answer = ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute="enableDnsHostnames")
    assert answer["EnableDnsHostnames"]["Value"] is True
    subnets = {name_of(s): s for s in ec2.describe_subnets(Filters=OWNED)["Subnets"]}
    assert {name: s["CidrBlock"] for name, s in subnets.items()} == {s["name"]: s["cidr"] for s in SUBNETS}
    assert {name for name, s in subnets.items() if s["MapPublicIpOnLaunch"]} == {"public-a", "public-b"}
    ways = routes(ec2)
    (nat,) = nats(ec2).values()
    assert ways["app-a"] == ways["app-b"] == {"0.0.0.0/0": nat["NatGatewayId"]}
    assert ways["public-a"]["0.0.0.0/0"].startswith("igw-")
    assert ways["data-a"] == {}
    points = {p["ServiceName"].split(".")[-1] for p in ec2.describe_vpc_endpoints(Filters=OWNED)["VpcEndpoints"]}
    assert points == {"s3", "dynamodb"}
    assert {name_of(a) for a in ec2.describe_addresses(Filters=OWNED)["Addresses"]} == {"admin", "nat-a"}

    lab.clear_calls()
    again = network()
    assert (again["changed"], again["actions"]) == (False, [])
    assert lab.mutating() == []
    assert len(lab.calls()) <= 10


def test_nat_changes_in_place_and_never_leaves_the_app_tier_without_a_way(lab, network):
    network(nat="zone")
    ec2 = lab.client("ec2")
    assert set(nats(ec2)) == {"nat-a", "nat-b"}
    ways = routes(ec2)
    assert ways["app-a"] != ways["app-b"]

    network(nat="one")
    (nat,) = nats(ec2).values()
    assert routes(ec2)["app-b"] == {"0.0.0.0/0": nat["NatGatewayId"]}
    assert {name_of(a) for a in ec2.describe_addresses(Filters=OWNED)["Addresses"]} == {"admin", "nat-a"}
    operations = [call["operation"] for call in lab.mutating()]
    last = len(operations) - 1 - operations[::-1].index("DeleteNatGateway")
    assert "ReplaceRouteTableAssociation" in operations[:last]

    network(nat="none", admin_address="none")
    assert nats(ec2) == {}
    assert routes(ec2)["app-a"] == {}
    assert ec2.describe_addresses(Filters=OWNED)["Addresses"] == []
    assert not network(nat="none", admin_address="none")["changed"]


def test_a_subnet_is_added_and_purged(lab, network):
    network()
    ec2 = lab.client("ec2")
    more = [*SUBNETS, subnet("app-c", "10.20.24.0/22")]
    added = network(subnets=more)
    assert {(a["verb"], a["kind"], a["name"]) for a in added["actions"]} == {
        ("create", "subnet", "app-c"),
        ("update", "route_table", "app"),
    }
    assert routes(ec2)["app-c"] == routes(ec2)["app-a"]
    assert network()["actions"] == []
    assert "app-c" in routes(ec2)
    network(purge=True, ignore=["app-*"])
    assert "app-c" in routes(ec2)
    network(purge=True)
    assert "app-c" not in {name_of(s) for s in ec2.describe_subnets(Filters=OWNED)["Subnets"]}


def test_what_was_changed_by_hand_is_put_back(lab, network):
    made = network()
    ec2 = lab.client("ec2")
    table = made["route_tables"]["app"]["id"]
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    ec2.create_route(
        RouteTableId=made["route_tables"]["data"]["id"],
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=made["internet_gateway"]["id"],
    )
    ec2.modify_vpc_attribute(VpcId=made["vpc"]["id"], EnableDnsHostnames={"Value": False})
    ec2.create_tags(Resources=[made["subnets"]["app-a"]["id"]], Tags=[{"Key": "Name", "Value": "renamed"}])
    fixed = network(check=True)
    assert {(a["kind"], a["name"]) for a in fixed["actions"]} == {
        ("route_table", "app"), ("route_table", "data"), ("vpc", "main"), ("subnet", "app-a"),
    }  # fmt: skip
    network()
    assert routes(ec2)["data-a"] == {}
    assert routes(ec2)["app-a"]["0.0.0.0/0"] == made["nat_gateways"]["nat-a"]["id"]
    assert network()["actions"] == []


def test_flow_logs_on_another_destination_and_off(lab, network):
    lab.client("s3").create_bucket(Bucket="mds-logs", CreateBucketConfiguration={"LocationConstraint": REGION})
    lab.client("s3").create_bucket(Bucket="mds-other", CreateBucketConfiguration={"LocationConstraint": REGION})
    ec2 = lab.client("ec2")
    for bucket in ("mds-logs", "mds-other"):
        logs = {"destination": f"arn:aws:s3:::{bucket}"}
        network(flow_logs=logs)
        (log,) = ec2.describe_flow_logs()["FlowLogs"]
        assert log["LogDestination"] == f"arn:aws:s3:::{bucket}"
        assert not network(flow_logs=logs)["changed"]
    network()
    assert ec2.describe_flow_logs()["FlowLogs"] == []


@pytest.mark.parametrize("calls", [1, 4, 9, 13, 17, 20])
def test_a_run_that_was_cut_off_is_finished_by_the_next(lab, network, monkeypatch, calls):
    """Killed after so many requests: the next run makes what is missing, and nothing twice."""
    import botocore.httpsession

    class Killed(BaseException):
        pass

    made = []
    send = botocore.httpsession.URLLib3Session.send

    def cut(self, request):
        if "127.0.0.1" in request.url and any(
            v in str(request.body) for v in ("Create", "Allocate", "Attach", "Modify")
        ):
            made.append(1)
            if len(made) > calls:
                raise Killed
        return send(self, request)

    with monkeypatch.context() as patched:
        patched.setattr(botocore.httpsession.URLLib3Session, "send", cut)
        with pytest.raises(Killed):
            network()
    network()
    ec2 = lab.client("ec2")
    assert len(ec2.describe_vpcs(Filters=OWNED)["Vpcs"]) == 1
    assert len(ec2.describe_subnets(Filters=OWNED)["Subnets"]) == len(SUBNETS)
    assert len(ec2.describe_addresses(Filters=OWNED)["Addresses"]) == 2
    assert len(nats(ec2)) == 1
    assert network()["actions"] == []


def test_absent_leaves_nothing_of_ours_and_everything_else(lab, network):
    ec2 = lab.client("ec2")
    foreign = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=foreign, CidrBlock="10.20.0.0/24")
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    before = len(ec2.describe_subnets()["Subnets"])
    network()
    plan = network(check=True, state="absent")
    gone = network(state="absent")
    assert plan["actions"] == gone["actions"]
    nothing_left(ec2)
    assert len(ec2.describe_subnets()["Subnets"]) == before
    assert [a["AllocationId"] for a in ec2.describe_addresses()["Addresses"]] == [address]
    assert not network(state="absent")["changed"]


def test_absent_is_refused_while_somebody_elses_interface_is_there(lab, network, refused):
    made = network()
    ec2 = lab.client("ec2")
    interface = ec2.create_network_interface(SubnetId=made["subnets"]["app-a"]["id"])["NetworkInterface"]
    lab.clear_calls()
    assert interface["NetworkInterfaceId"] in refused(state="absent")


def test_absent_is_refused_while_somebody_elses_parts_are_in_the_vpc(lab, network, refused):
    made = network()
    ec2 = lab.client("ec2")
    vpc = made["vpc"]["id"]
    theirs = [
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.99.0/24")["Subnet"]["SubnetId"],
        ec2.create_security_group(VpcId=vpc, GroupName="theirs", Description="theirs")["GroupId"],
        ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
    ]
    lab.clear_calls()
    message = refused(state="absent")
    assert all(identifier in message for identifier in theirs)
    assert message.count("\n") == 0


def test_a_gateway_whose_subnet_is_not_declared_any_more_moves_with_its_address_and_routes(lab, network):
    network()
    ec2 = lab.client("ec2")
    (old,) = nats(ec2).values()
    web = {**subnet("public-a", "10.20.2.0/24"), "name": "web-a"}
    network(subnets=[web, *SUBNETS[1:]])
    (new,) = nats(ec2).values()
    assert new["NatGatewayId"] != old["NatGatewayId"]
    assert new["NatGatewayAddresses"][0]["PublicIp"] == old["NatGatewayAddresses"][0]["PublicIp"]
    assert routes(ec2)["app-a"] == routes(ec2)["app-b"] == {"0.0.0.0/0": new["NatGatewayId"]}
    assert "public-a" in routes(ec2), "not purged, so it keeps its routes"


def test_the_admin_address_is_taken_from_the_host_that_has_it(lab, network):
    made = network()
    ec2 = lab.client("ec2")
    interface = ec2.create_network_interface(SubnetId=made["subnets"]["public-a"]["id"])["NetworkInterface"]
    ec2.associate_address(
        AllocationId=made["admin_address"]["allocation_id"], NetworkInterfaceId=interface["NetworkInterfaceId"]
    )
    assert network(admin_address="none")["admin_address"] is None
    assert {name_of(a) for a in ec2.describe_addresses(Filters=OWNED)["Addresses"]} == {"nat-a"}


def test_what_one_run_cannot_do_is_said_item_by_item(lab, run_module, network):
    """A subnet in the way of one of ours: that one fails, the others of its phase are made."""
    network(subnets=[*SUBNETS[:4]])
    ec2 = lab.client("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=OWNED)["Vpcs"]
    ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.20.32.0/24")
    result = run_module("network", region=REGION, **NETWORK)
    assert result["failed"]
    assert [(a["kind"], a["name"]) for a in result["failed_actions"]] == [("subnet", "data-a")]
    assert ("subnet", "data-b") in [(a["kind"], a["name"]) for a in result["done"]]
    assert ("route_table", "data") in [(a["kind"], a["name"]) for a in result["not_done"]]
    assert "data-b" in {name_of(s) for s in ec2.describe_subnets(Filters=OWNED)["Subnets"]}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cidr": "10.20.1.0/16"}, "cidr: '10.20.1.0/16' has host bits set; the aligned range is 10.20.0.0/16."),
        ({"cidr": "10.0.0.0/8"}, "cidr: '10.0.0.0/8' has a prefix of /8; AWS allows /16 to /28."),
        ({"cidr": "fd00::/56"}, "cidr: 'fd00::/56' is not an IPv4 range such as 10.20.0.0/16."),
        ({"subnets": [*SUBNETS, subnet("app-c", "10.21.0.0/24")]}, "subnets: app-c: '10.21.0.0/24' lies outside"),
        ({"subnets": [*SUBNETS, subnet("app-c", "10.20.17.0/24")]}, "overlaps 10.20.16.0/22 of subnet app-a."),
        ({"subnets": [*SUBNETS, subnet("app-a", "10.20.64.0/24")]}, "subnets: name 'app-a' is there twice"),
        ({"subnets": [s for s in SUBNETS if s["name"].endswith("-a")]}, "at least two zones are needed"),
        ({"subnets": []}, "subnets: all lie in no zone; at least two zones are needed"),
        (
            {"subnets": [*SUBNETS[:5], {**SUBNETS[5], "zone": "eu-west-1a"}]},
            "zone 'eu-west-1a' is not a zone of region",
        ),
        ({"subnets": SUBNETS[2:]}, "nat: 'one' needs a subnet of tier public; none is declared."),
        ({"subnets": [SUBNETS[0], *SUBNETS[2:]], "nat": "zone"}, "nat: 'zone' needs a public subnet in each zone"),
        ({"gateway_endpoints": ["sqs"]}, "gateway_endpoints: 'sqs' has no gateway endpoint"),
        ({"flow_logs": {"destination": "x", "destination_type": "cloud-watch-logs"}}, "flow_logs: role_arn is missing"),
        ({"region": "ap-southeast-22"}, "region: 'ap-southeast-22' is not a region that AWS has"),
        ({"platform": "My Platform"}, "platform: 'My Platform' is not a name of 1 to 15"),
    ],
)
def test_bad_input_is_one_sentence_before_any_change(refused, changes, sentence):
    message = refused(**changes)
    assert sentence in message
    assert "Traceback" not in message


def test_a_range_cannot_be_changed_in_place(lab, network, refused):
    network()
    lab.clear_calls()
    moved = [{**SUBNETS[0], "cidr": "10.20.2.0/24"}, *SUBNETS[1:]]
    assert "subnet public-a: cidr cannot be changed from '10.20.0.0/24' to '10.20.2.0/24'" in refused(subnets=moved)
