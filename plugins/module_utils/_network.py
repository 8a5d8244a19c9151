# Copyright: (c) 2026, mydigitalstructure
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A platform's VPC with everything in it that carries packets, as one set.

Parts refer to each other by name: a route table names its subnets and the gateway of each route, a NAT gateway its
subnet and its address. Names become ids only where a request is made, so a plan is the same on an empty account.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import time
import typing as t
from dataclasses import dataclass, field

try:
    from botocore.exceptions import ClientError
except ImportError:  # AnsibleAWSModule says what is missing
    ClientError = Exception

from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_specifications,
    compare_aws_tags,
)
from ansible_collections.amazon.aws.plugins.module_utils.waiters import get_waiter
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._aws import (
    PLATFORM_TAG,
    application,
    by_declared_name,
    client,
    owned_filter,
    owned_tags,
    pages,
    tags_of,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import (
    CREATE,
    DELETE,
    KNOWN_AFTER_APPLY,
    REPLACE,
    UPDATE,
    Action,
    InputError,
    Plan,
    compare,
    concurrently,
    ignored,
    unique,
)
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._wait import poll

VPC, SUBNET, INTERNET_GATEWAY, ADDRESS = "vpc", "subnet", "internet_gateway", "elastic_ip"
NAT_GATEWAY, ROUTE_TABLE, ENDPOINT, FLOW_LOG = "nat_gateway", "route_table", "vpc_endpoint", "flow_log"
KINDS = (VPC, INTERNET_GATEWAY, SUBNET, ADDRESS, NAT_GATEWAY, ROUTE_TABLE, ENDPOINT, FLOW_LOG)
"""In the order in which they are made."""

TIERS = ("public", "app", "data")
TIER_TAG = "mydigitalstructure:tier"
ENDPOINT_SERVICES = ("dynamodb", "s3")
ANYWHERE = "0.0.0.0/0"
MAIN = "main"
"""The name of what there is one of: the VPC, its internet gateway, its flow log."""
ADMIN = "admin"

Sets = dict[str, dict[str, dict[str, t.Any]]]


# --- input ----------------------------------------------------------------------------------------------------------


def network_of(value: str, variable: str) -> ipaddress.IPv4Network:
    """A CIDR that AWS takes for a VPC or a subnet."""
    try:
        cidr = ipaddress.IPv4Network(value)
    except ValueError:
        try:
            near = ipaddress.IPv4Network(value, strict=False)
        except ValueError:
            raise InputError(f"{variable}: {value!r} is not an IPv4 range such as 10.20.0.0/16.") from None
        raise InputError(f"{variable}: {value!r} has host bits set; the aligned range is {near}.") from None
    if not 16 <= cidr.prefixlen <= 28:
        raise InputError(f"{variable}: {value!r} has a prefix of /{cidr.prefixlen}; AWS allows /16 to /28.")
    return cidr


def validate(options: t.Mapping[str, t.Any], region: str) -> None:
    """Raise :class:`InputError` for a network that cannot be; asks nobody."""
    whole = network_of(options["cidr"], "cidr")
    subnets = unique(options["subnets"], "subnets")
    seen: dict[str, ipaddress.IPv4Network] = {}
    for name, subnet in subnets.items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
            raise InputError(
                f"subnets: name {name!r} is not 1 to 63 letters, digits, dots, hyphens and underscores that start "
                "with a letter or digit."
            )
        cidr = network_of(subnet["cidr"], f"subnets: {name}: cidr")
        if not cidr.subnet_of(whole):
            raise InputError(f"subnets: {name}: {subnet['cidr']!r} lies outside the VPC's {options['cidr']}.")
        for other, taken in seen.items():
            if cidr.overlaps(taken):
                raise InputError(f"subnets: {name}: {subnet['cidr']!r} overlaps {taken} of subnet {other}.")
        seen[name] = cidr
        if not re.fullmatch(re.escape(region) + "[a-z]", subnet["zone"]):
            raise InputError(
                f"subnets: {name}: zone {subnet['zone']!r} is not a zone of region {region}; "
                f"zones are called {region}a, {region}b and so on."
            )
    zones = sorted({subnet["zone"] for subnet in subnets.values()})
    if len(zones) < 2:
        raise InputError(
            f"subnets: all lie in {zones[0] if zones else 'no zone'}; at least two zones are needed, "
            "because a load balancer takes no fewer."
        )
    public = {subnet["zone"] for subnet in subnets.values() if subnet["tier"] == "public"}
    if options["nat"] != "none" and not public:
        raise InputError(f"nat: {options['nat']!r} needs a subnet of tier public; none is declared.")
    lacking = sorted({s["zone"] for s in subnets.values() if s["tier"] == "app"} - public)
    if options["nat"] == "zone" and lacking:
        raise InputError(f"nat: 'zone' needs a public subnet in each zone of the app tier; {lacking[0]} has none.")
    for service in options["gateway_endpoints"]:
        if service not in ENDPOINT_SERVICES:
            raise InputError(
                f"gateway_endpoints: {service!r} has no gateway endpoint; those that have are "
                f"{' and '.join(ENDPOINT_SERVICES)}."
            )
    logs = options.get("flow_logs")
    if logs and logs["destination_type"] == "cloud-watch-logs" and not logs.get("role_arn"):
        raise InputError("flow_logs: role_arn is missing; logs to cloud-watch-logs need a role that may write them.")
    if logs and logs["destination_type"] == "s3" and not re.match(r"arn:[^:]+:s3:::.", logs["destination"]):
        raise InputError(
            f"flow_logs: destination {logs['destination']!r} is not the ARN of a bucket, such as arn:aws:s3:::my-logs."
        )


# --- what is wanted -------------------------------------------------------------------------------------------------


def letter_of(subnet: t.Mapping[str, t.Any], region: str) -> str:
    return subnet["zone"].removeprefix(region)


def nat_subnets(options: t.Mapping[str, t.Any], region: str, now: t.Mapping[str, str] | None = None) -> dict[str, str]:
    """``{NAT gateway: the public subnet it lies in}``.

    ``now`` is the same of those that are there. One that fits stays what and where it is, whatever the order of the
    subnets in the list; otherwise the first declared public subnet of a zone is taken.
    """
    if options["nat"] == "none":
        return {}
    now = now or {}
    chosen: dict[str, str] = {}
    for subnet in options["subnets"]:
        if subnet["tier"] == "public":
            name = f"nat-{letter_of(subnet, region)}"
            if name not in chosen or now.get(name) == subnet["name"]:
                chosen[name] = subnet["name"]
    names = sorted(chosen)
    if options["nat"] == "one":
        names = sorted(names, key=lambda name: name not in now)[:1]
    return {name: chosen[name] for name in names}


def route_tables(
    subnets: t.Iterable[t.Mapping[str, t.Any]], nat: str, region: str, nats: t.Mapping[str, str]
) -> dict[str, dict]:
    """One table for the public tier, one for the data tier, and for the app tier one, or one a zone."""
    tables: dict[str, dict[str, t.Any]] = {}
    for subnet in subnets:
        letter, tier = letter_of(subnet, region), subnet["tier"]
        name = f"app-{letter}" if tier == "app" and nat == "zone" else tier
        if name not in tables:
            tables[name] = {"routes": {}, "subnets": []}
            if tier == "public":
                tables[name]["routes"][ANYWHERE] = MAIN
            elif tier == "app" and nats:
                own = f"nat-{letter}"
                tables[name]["routes"][ANYWHERE] = own if nat == "zone" and own in nats else min(nats)
        tables[name]["subnets"] = sorted([*tables[name]["subnets"], subnet["name"]])
    return tables


def desired(
    options: t.Mapping[str, t.Any],
    region: str,
    kept: t.Sequence[t.Mapping[str, t.Any]] = (),
    nats_now: t.Mapping[str, str] | None = None,
) -> Sets:
    """``{kind: {name: fields}}`` for the options of the module.

    :arg kept: subnets (name, tier, zone) that are not declared any more but stay; they keep their way out.
    :arg nats_now: ``{NAT gateway: subnet}`` of those that are there.
    """
    nats = nat_subnets(options, region, nats_now)
    tables = route_tables([*options["subnets"], *kept], options["nat"], region, nats)
    subnets = {
        subnet["name"]: {
            "cidr": subnet["cidr"],
            "zone": subnet["zone"],
            "tier": subnet["tier"],
            "map_public_ip": subnet["tier"] == "public" if subnet["map_public_ip"] is None else subnet["map_public_ip"],
        }
        for subnet in options["subnets"]
    }
    sets: Sets = {
        VPC: {MAIN: {"cidr": options["cidr"], "dns_support": True, "dns_hostnames": True}},
        INTERNET_GATEWAY: {MAIN: {"attached": True}},
        SUBNET: subnets,
        ADDRESS: {name: {} for name in nats},
        NAT_GATEWAY: {name: {"subnet": subnet, "address": name} for name, subnet in nats.items()},
        ROUTE_TABLE: tables,
        ENDPOINT: {
            service: {"route_tables": sorted(name for name in tables if name != "public")}
            for service in sorted(set(options["gateway_endpoints"]))
        },
        FLOW_LOG: {},
    }
    if options["admin_address"] == "eip":
        sets[ADDRESS][ADMIN] = {}
    if logs := options.get("flow_logs"):
        sets[FLOW_LOG][MAIN] = {name: logs.get(name) for name in FLOW_LOG_FIELDS}
    for kind, items in sets.items():
        for name, item in items.items():
            tier = {TIER_TAG: item["tier"]} if kind == SUBNET else {}
            item["tags"] = owned_tags(options["platform"], name, options["tags"], tier)
    return sets


FLOW_LOG_FIELDS = ("destination_type", "destination", "role_arn", "traffic_type")


# --- what is there --------------------------------------------------------------------------------------------------


@dataclass
class Observed:
    """What AWS has of the platform: API items and ids by kind and name, and the same as comparable fields."""

    items: dict[str, dict[str, dict[str, t.Any]]]
    attributes: dict[str, bool] = field(default_factory=dict)
    gone_nat_gateways: list[str] = field(default_factory=list)
    leaving_nat_gateways: list[str] = field(default_factory=list)

    def id(self, kind: str, name: str) -> str | None:
        item = self.items[kind].get(name)
        return item[ID_KEYS[kind]] if item else None

    def names(self, kind: str) -> dict[str, str]:
        """``{id: name}`` of a kind."""
        return {item[ID_KEYS[kind]]: name for name, item in self.items[kind].items()}


ID_KEYS = {
    VPC: "VpcId",
    INTERNET_GATEWAY: "InternetGatewayId",
    SUBNET: "SubnetId",
    ADDRESS: "AllocationId",
    NAT_GATEWAY: "NatGatewayId",
    ROUTE_TABLE: "RouteTableId",
    ENDPOINT: "VpcEndpointId",
    FLOW_LOG: "FlowLogId",
}

GONE = ("deleted", "deleting", "failed")


def observe(ec2, platform: str) -> Observed:
    """Everything of the platform, in one round of describe calls."""
    filters = owned_filter(platform)
    reads = {
        VPC: ("describe_vpcs", "Vpcs", "Filters"),
        INTERNET_GATEWAY: ("describe_internet_gateways", "InternetGateways", "Filters"),
        SUBNET: ("describe_subnets", "Subnets", "Filters"),
        NAT_GATEWAY: ("describe_nat_gateways", "NatGateways", "Filter"),
        ROUTE_TABLE: ("describe_route_tables", "RouteTables", "Filters"),
        ENDPOINT: ("describe_vpc_endpoints", "VpcEndpoints", "Filters"),
        FLOW_LOG: ("describe_flow_logs", "FlowLogs", "Filter"),
    }

    def read(operation: str, key: str, argument: str) -> t.Callable[[], list]:
        return lambda: pages(ec2, operation, key, **{argument: filters})

    answers = dict(
        zip(
            [*reads, ADDRESS],
            concurrently(
                *(read(*call) for call in reads.values()),
                lambda: ec2.describe_addresses(Filters=filters)["Addresses"],
                workers=9,
            ),
        )
    )
    gone = [item["NatGatewayId"] for item in answers[NAT_GATEWAY] if item["State"] in GONE]
    leaving = [item["NatGatewayId"] for item in answers[NAT_GATEWAY] if item["State"] == "deleting"]
    for kind in (NAT_GATEWAY, ENDPOINT):
        answers[kind] = [item for item in answers[kind] if item.get("State", "").lower() not in GONE]
    observed = Observed({kind: by_declared_name(answers[kind], platform, kind) for kind in KINDS}, {}, gone, leaving)
    vpc_id = observed.id(VPC, MAIN)
    if vpc_id:
        # AWS answers one attribute a call
        names = ("enableDnsSupport", "enableDnsHostnames")
        support, hostnames = concurrently(
            *(lambda name=name: ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name) for name in names)
        )
        observed.attributes = {
            "dns_support": support["EnableDnsSupport"]["Value"],
            "dns_hostnames": hostnames["EnableDnsHostnames"]["Value"],
        }
    return observed


def kept_subnets(
    observed: Observed, declared: t.Collection[str], purge: bool, ignore: t.Collection[str]
) -> list[dict[str, str]]:
    """The platform's subnets that are not declared any more and stay, because of no ``purge`` or of ``ignore``."""
    return [
        {"name": name, "zone": item["AvailabilityZone"], "tier": tags_of(item)[TIER_TAG]}
        for name, item in sorted(observed.items[SUBNET].items())
        if name not in declared and (not purge or ignored(name, ignore)) and tags_of(item).get(TIER_TAG) in TIERS
    ]


def present(observed: Observed, routed_subnets: t.Collection[str]) -> Sets:
    """The observed items as fields that compare with :func:`desired`.

    Only ``routed_subnets`` are in the tables' lists: one that is purged leaves its table by being deleted.
    """
    items = observed.items
    subnets, nats, addresses, tables = (observed.names(k) for k in (SUBNET, NAT_GATEWAY, ADDRESS, ROUTE_TABLE))
    gateways = {**nats, **observed.names(INTERNET_GATEWAY)}
    vpc_id = observed.id(VPC, MAIN)

    def routes(table: t.Mapping[str, t.Any]) -> dict[str, str]:
        found = {}
        for route in table.get("Routes", []):
            target = route.get("NatGatewayId") or route.get("GatewayId") or "something else"
            # a virtual private gateway's own routes come and go with it
            propagated = route.get("Origin") == "EnableVgwRoutePropagation"
            if target != "local" and "DestinationCidrBlock" in route and not propagated:
                stale = route.get("State") == "blackhole"
                found[route["DestinationCidrBlock"]] = "nothing (blackhole)" if stale else gateways.get(target, target)
        return found

    def table_subnets(table: t.Mapping[str, t.Any]) -> list[str]:
        ids = [a["SubnetId"] for a in table.get("Associations", []) if "SubnetId" in a]
        return sorted(subnets[i] for i in ids if subnets.get(i) in routed_subnets)

    sets: Sets = {
        VPC: {name: {"cidr": item["CidrBlock"], **observed.attributes} for name, item in items[VPC].items()},
        INTERNET_GATEWAY: {
            name: {"attached": vpc_id is not None and vpc_id in [a["VpcId"] for a in item.get("Attachments", [])]}
            for name, item in items[INTERNET_GATEWAY].items()
        },
        SUBNET: {
            name: {
                "cidr": item["CidrBlock"],
                "zone": item["AvailabilityZone"],
                "tier": tags_of(item).get(TIER_TAG),
                "map_public_ip": item["MapPublicIpOnLaunch"],
            }
            for name, item in items[SUBNET].items()
        },
        ADDRESS: {name: {} for name in items[ADDRESS]},
        NAT_GATEWAY: {
            name: {
                "subnet": subnets.get(item["SubnetId"], item["SubnetId"]),
                "address": next(
                    (
                        addresses.get(a["AllocationId"], a["AllocationId"])
                        for a in item.get("NatGatewayAddresses", [])
                        if a.get("IsPrimary", True)
                    ),
                    None,
                ),
            }
            for name, item in items[NAT_GATEWAY].items()
        },
        ROUTE_TABLE: {
            name: {"routes": routes(item), "subnets": table_subnets(item)} for name, item in items[ROUTE_TABLE].items()
        },
        ENDPOINT: {
            name: {"route_tables": sorted(tables.get(i, i) for i in item.get("RouteTableIds", []))}
            for name, item in items[ENDPOINT].items()
        },
        FLOW_LOG: {
            name: {
                "destination_type": item.get("LogDestinationType"),
                "destination": item.get("LogGroupName") or item.get("LogDestination"),
                "role_arn": item.get("DeliverLogsPermissionArn"),
                "traffic_type": item.get("TrafficType"),
            }
            for name, item in items[FLOW_LOG].items()
        },
    }
    for kind, found in sets.items():
        for name, item in found.items():
            # AWS keeps keys that start with aws: to itself
            tags = tags_of(items[kind][name])
            item["tags"] = {key: value for key, value in tags.items() if not key.startswith("aws:")}
    return sets


# --- the plan -------------------------------------------------------------------------------------------------------


def plan(wanted: Sets, found: Sets, *, purge: bool = False, ignore: t.Iterable[str] = (), absent: bool = False) -> Plan:
    """The way from what is there to what is wanted.

    Subnets hold hosts, so one that is not declared any more goes only with ``purge``. Gateways, addresses, route
    tables and endpoints follow from the options (``nat: none`` takes the NAT gateways away) and always go with them.
    """
    ignore = tuple(ignore)
    whole = Plan()
    for kind in KINDS:
        there = found[kind]
        if kind == ROUTE_TABLE:
            replaced = {action.name for action in whole.only(NAT_GATEWAY, verbs=[REPLACE])}
            there = {name: {**table, "routes": dated(table["routes"], replaced)} for name, table in there.items()}
        whole += compare(
            kind,
            {} if absent else wanted[kind],
            there,
            purge=absent or purge or kind != SUBNET,
            ignore=ignore,
            fixed=("cidr", "zone") if kind in (VPC, SUBNET) else (),
            replaced_by={NAT_GATEWAY: ("subnet", "address"), FLOW_LOG: FLOW_LOG_FIELDS}.get(kind, ()),
        )
    return whole


def dated(routes: t.Mapping[str, str], replaced: t.Collection[str]) -> dict[str, str]:
    """Routes to a gateway that gets a successor of the same name lead to the old one until they are written again."""
    return {d: f"{gateway} (replaced)" if gateway in replaced else gateway for d, gateway in routes.items()}


# --- doing it -------------------------------------------------------------------------------------------------------


class Applier:
    """Carries out a plan of the network."""

    def __init__(self, ec2, planned: Plan, observed: Observed, options: t.Mapping[str, t.Any], region: str) -> None:
        self.ec2, self.plan, self.observed, self.region = ec2, planned, observed, region
        self.platform, self.timeout = options["platform"], options["wait_timeout"]
        self.hour = str(int(time.time() // 3600))
        self.application = application(planned)
        self.ids = {kind: {name: i for i, name in observed.names(kind).items()} for kind in KINDS}
        self.wait_config = {"Delay": 5, "MaxAttempts": max(1, self.timeout // 5)}

    def id(self, kind: str, name: str) -> str:
        """The id of a part; a name that is not one of ours is an id already."""
        return self.ids[kind].get(name, name)

    def apply(self) -> None:
        """All phases: what takes over is made and routed to before what it replaces goes."""
        self.settle_nat_gateways()
        for kinds in (
            (VPC,),
            (INTERNET_GATEWAY, SUBNET, ADDRESS),
            (NAT_GATEWAY,),
            (ROUTE_TABLE,),
            (ENDPOINT, FLOW_LOG),
        ):
            self.application.run(self.plan.only(*kinds, verbs=[CREATE, UPDATE, REPLACE]), self.put)
        for kind in (FLOW_LOG, ENDPOINT, ROUTE_TABLE, NAT_GATEWAY, ADDRESS, SUBNET, INTERNET_GATEWAY, VPC):
            self.application.run(self.plan.only(kind, verbs=[DELETE]), self.delete)

    def settle_nat_gateways(self) -> None:
        """Wait for what a run before began: a leaving gateway holds its address, a coming one takes no routes."""
        leaving = self.observed.leaving_nat_gateways
        if leaving:
            self.ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=leaving, WaiterConfig=self.wait_config)
        items = self.observed.items[NAT_GATEWAY].values()
        coming = [item["NatGatewayId"] for item in items if item["State"] == "pending"]
        if coming:
            self.ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=coming, WaiterConfig=self.wait_config)

    def put(self, action: Action) -> None:
        wanted = action.context[0]
        if action.verb == REPLACE:
            self.delete(action)
        if action.verb in (CREATE, REPLACE):
            self.ids[action.kind][action.name] = getattr(self, f"create_{action.kind}")(action, wanted)
        else:
            self.update_tags(action)
        getattr(self, f"configure_{action.kind}", lambda *unused: None)(action, wanted)

    def delete(self, action: Action) -> None:
        identifier = self.ids[action.kind].get(action.name)
        try:
            getattr(self, f"delete_{action.kind}")(action, identifier)
        except ClientError as error:
            # what is gone already needs no second removal; a killed run or another hand did it
            if "NotFound" not in error.response["Error"]["Code"]:
                raise

    def specification(self, kind: str, wanted: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
        types = {NAT_GATEWAY: "natgateway", ENDPOINT: "vpc-endpoint", FLOW_LOG: "vpc-flow-log"}
        return boto3_tag_specifications(wanted["tags"], [types.get(kind, kind.replace("_", "-"))])

    def update_tags(self, action: Action) -> None:
        if "tags" not in action.after:
            return
        identifier = self.ids[action.kind][action.name]
        put, drop = compare_aws_tags(action.before["tags"], action.after["tags"])
        if put:
            self.ec2.create_tags(Resources=[identifier], Tags=ansible_dict_to_boto3_tag_list(put))
        if drop:
            self.ec2.delete_tags(Resources=[identifier], Tags=[{"Key": key} for key in drop])

    def token(self, *parts: str) -> str:
        """A client token: the same for the same wish, so that a run that was killed asks for nothing twice."""
        return hashlib.sha256("/".join([self.platform, *parts]).encode()).hexdigest()[:60]

    # the VPC

    def create_vpc(self, action: Action, wanted: t.Mapping[str, t.Any]) -> str:
        vpc = self.ec2.create_vpc(CidrBlock=wanted["cidr"], TagSpecifications=self.specification(VPC, wanted))["Vpc"]
        self.ec2.get_waiter("vpc_exists").wait(VpcIds=[vpc["VpcId"]])
        self.ec2.get_waiter("vpc_available").wait(VpcIds=[vpc["VpcId"]])
        return vpc["VpcId"]

    def configure_vpc(self, action: Action, wanted: t.Mapping[str, t.Any]) -> None:
        vpc_id = self.id(VPC, MAIN)
        for name, parameter in (("dns_support", "EnableDnsSupport"), ("dns_hostnames", "EnableDnsHostnames")):
            if action.verb == CREATE or name in action.after:
                self.ec2.modify_vpc_attribute(VpcId=vpc_id, **{parameter: {"Value": wanted[name]}})

    def delete_vpc(self, action: Action, vpc_id: str) -> None:
        self.free(lambda: self.ec2.delete_vpc(VpcId=vpc_id), vpc_id)

    def free(self, delete: t.Callable[[], t.Any], identifier: str) -> None:
        """Delete what interfaces of a balancer or NAT gateway on their way out may hold for some minutes."""

        def attempt() -> ClientError | None:
            try:
                delete()
            except ClientError as error:
                if error.response["Error"]["Code"] != "DependencyViolation":
                    raise
                return error
            return None

        held = poll(attempt, lambda error: error is None, self.timeout, first=1.0)
        if held is not None:
            raise InputError(f"{identifier} is still used after {self.timeout} s; AWS says: {held}")

    # subnets, gateways, addresses

    def create_subnet(self, action: Action, wanted: t.Mapping[str, t.Any]) -> str:
        subnet = self.ec2.create_subnet(
            VpcId=self.id(VPC, MAIN),
            CidrBlock=wanted["cidr"],
            AvailabilityZone=wanted["zone"],
            TagSpecifications=self.specification(SUBNET, wanted),
        )["Subnet"]
        get_waiter(self.ec2, "subnet_exists").wait(SubnetIds=[subnet["SubnetId"]])
        get_waiter(self.ec2, "subnet_available").wait(SubnetIds=[subnet["SubnetId"]])
        return subnet["SubnetId"]

    def configure_subnet(self, action: Action, wanted: t.Mapping[str, t.Any]) -> None:
        if wanted["map_public_ip"] if action.verb == CREATE else "map_public_ip" in action.after:
            self.ec2.modify_subnet_attribute(
                SubnetId=self.id(SUBNET, action.name), MapPublicIpOnLaunch={"Value": wanted["map_public_ip"]}
            )

    def delete_subnet(self, action: Action, subnet_id: str) -> None:
        self.free(lambda: self.ec2.delete_subnet(SubnetId=subnet_id), f"subnet {action.name} ({subnet_id})")

    def create_internet_gateway(self, action: Action, wanted: t.Mapping[str, t.Any]) -> str:
        gateway = self.ec2.create_internet_gateway(TagSpecifications=self.specification(INTERNET_GATEWAY, wanted))
        gateway_id = gateway["InternetGateway"]["InternetGatewayId"]
        get_waiter(self.ec2, "internet_gateway_exists").wait(InternetGatewayIds=[gateway_id])
        return gateway_id

    def configure_internet_gateway(self, action: Action, wanted: t.Mapping[str, t.Any]) -> None:
        if action.verb == CREATE or "attached" in action.after:
            self.ec2.attach_internet_gateway(
                InternetGatewayId=self.id(INTERNET_GATEWAY, action.name), VpcId=self.id(VPC, MAIN)
            )

    def delete_internet_gateway(self, action: Action, gateway_id: str) -> None:
        for attachment in self.observed.items[INTERNET_GATEWAY][action.name].get("Attachments", []):
            vpc_id = attachment["VpcId"]
            self.free(
                lambda vpc_id=vpc_id: self.ec2.detach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id),
                gateway_id,
            )
        self.ec2.delete_internet_gateway(InternetGatewayId=gateway_id)

    def create_elastic_ip(self, action: Action, wanted: t.Mapping[str, t.Any]) -> str:
        address = self.ec2.allocate_address(Domain="vpc", TagSpecifications=self.specification(ADDRESS, wanted))
        return address["AllocationId"]

    def delete_elastic_ip(self, action: Action, allocation_id: str) -> None:
        association = self.observed.items[ADDRESS][action.name].get("AssociationId")
        if association and action.name == ADMIN:
            # the admin host has it still; AWS releases only what is free
            try:
                self.ec2.disassociate_address(AssociationId=association)
            except ClientError as error:
                if "NotFound" not in error.response["Error"]["Code"]:
                    raise
        self.ec2.release_address(AllocationId=allocation_id)

    def create_nat_gateway(self, action: Action, wanted: t.Mapping[str, t.Any]) -> str:
        subnet_id, allocation_id = self.id(SUBNET, wanted["subnet"]), self.id(ADDRESS, wanted["address"])
        gateway_id = self.ec2.create_nat_gateway(
            SubnetId=subnet_id,
            AllocationId=allocation_id,
            # another wish than that for those that are gone, which AWS lists for an hour
            ClientToken=self.token(subnet_id, allocation_id, self.hour, *sorted(self.observed.gone_nat_gateways)),
            TagSpecifications=self.specification(NAT_GATEWAY, wanted),
        )["NatGateway"]["NatGatewayId"]
        self.ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[gateway_id], WaiterConfig=self.wait_config)
        return gateway_id

    def delete_nat_gateway(self, action: Action, gateway_id: str) -> None:
        self.ec2.delete_nat_gateway(NatGatewayId=gateway_id)
        # its address and its subnet are free only when it is really gone
        self.ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[gateway_id], WaiterConfig=self.wait_config)
        self.observed.gone_nat_gateways.append(gateway_id)

    # routes

    def create_route_table(self, action: Action, wanted: t.Mapping[str, t.Any]) -> str:
        table_id = self.ec2.create_route_table(
            VpcId=self.id(VPC, MAIN), TagSpecifications=self.specification(ROUTE_TABLE, wanted)
        )["RouteTable"]["RouteTableId"]
        get_waiter(self.ec2, "route_table_exists").wait(RouteTableIds=[table_id])
        return table_id

    def configure_route_table(self, action: Action, wanted: t.Mapping[str, t.Any]) -> None:
        table_id = self.id(ROUTE_TABLE, action.name)
        if "routes" in action.after:
            before = action.before.get("routes") or {}
            for destination, gateway in wanted["routes"].items():
                if before.get(destination) != gateway:
                    call = self.ec2.replace_route if destination in before else self.ec2.create_route
                    call(RouteTableId=table_id, DestinationCidrBlock=destination, **self.target(gateway))
            for destination in sorted(before.keys() - wanted["routes"].keys()):
                self.ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock=destination)
        if "subnets" in action.after:
            before_subnets = action.before.get("subnets") or []
            for subnet in sorted(set(wanted["subnets"]) - set(before_subnets)):
                self.associate(table_id, self.id(SUBNET, subnet))
            self.leave(action.name, set(before_subnets) - set(wanted["subnets"]))

    def target(self, gateway: str) -> dict[str, str]:
        if gateway in self.ids[NAT_GATEWAY]:
            return {"NatGatewayId": self.ids[NAT_GATEWAY][gateway]}
        return {"GatewayId": self.id(INTERNET_GATEWAY, gateway)}

    def associations(self) -> dict[str, tuple[str, str]]:
        """``{subnet id: (association, route table)}`` as they are now, in any table of the VPC."""
        tables = pages(
            self.ec2,
            "describe_route_tables",
            "RouteTables",
            Filters=[{"Name": "vpc-id", "Values": [self.id(VPC, MAIN)]}],
        )
        return {
            a["SubnetId"]: (a["RouteTableAssociationId"], table["RouteTableId"])
            for table in tables
            for a in table.get("Associations", [])
            if "SubnetId" in a
        }

    def associate(self, table_id: str, subnet_id: str) -> None:
        """Put a subnet under a table; one that is under another is moved in one step, never without routes."""
        current, table = self.associations().get(subnet_id, (None, None))
        if table == table_id:
            return
        if current:
            self.ec2.replace_route_table_association(AssociationId=current, RouteTableId=table_id)
        else:
            self.ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id)

    def leave(self, name: str, subnets: t.Collection[str]) -> None:
        """Take subnets that no other table has taken over out of a table."""
        table_id = self.id(ROUTE_TABLE, name)
        wanted_elsewhere = {
            subnet
            for action in self.plan.only(ROUTE_TABLE, verbs=[CREATE, UPDATE])
            for subnet in action.context[0]["subnets"]
        }
        current = self.associations() if set(subnets) - wanted_elsewhere else {}
        for subnet in sorted(set(subnets) - wanted_elsewhere):
            association, table = current.get(self.id(SUBNET, subnet), (None, None))
            if table == table_id:
                self.ec2.disassociate_route_table(AssociationId=association)

    def delete_route_table(self, action: Action, table_id: str) -> None:
        for association, table in sorted(self.associations().values()):
            if table == table_id:
                self.ec2.disassociate_route_table(AssociationId=association)
        # the route of an endpoint that is on its way out holds it for a moment
        self.free(lambda: self.ec2.delete_route_table(RouteTableId=table_id), f"route table {action.name} ({table_id})")

    # endpoints and flow logs

    def create_vpc_endpoint(self, action: Action, wanted: t.Mapping[str, t.Any]) -> str:
        vpc_id = self.id(VPC, MAIN)
        endpoint = self.ec2.create_vpc_endpoint(
            VpcEndpointType="Gateway",
            VpcId=vpc_id,
            ServiceName=f"com.amazonaws.{self.region}.{action.name}",
            RouteTableIds=[self.id(ROUTE_TABLE, name) for name in wanted["route_tables"]],
            TagSpecifications=self.specification(ENDPOINT, wanted),
        )
        return endpoint["VpcEndpoint"]["VpcEndpointId"]

    def configure_vpc_endpoint(self, action: Action, wanted: t.Mapping[str, t.Any]) -> None:
        if action.verb != UPDATE or "route_tables" not in action.after:
            return
        before, after = set(action.before["route_tables"]), set(action.after["route_tables"])
        changes = {
            "AddRouteTableIds": [self.id(ROUTE_TABLE, name) for name in sorted(after - before)],
            "RemoveRouteTableIds": [self.id(ROUTE_TABLE, name) for name in sorted(before - after)],
        }
        self.ec2.modify_vpc_endpoint(
            VpcEndpointId=self.id(ENDPOINT, action.name), **{key: value for key, value in changes.items() if value}
        )

    def delete_vpc_endpoint(self, action: Action, endpoint_id: str) -> None:
        answer = self.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
        for refusal in answer.get("Unsuccessful", []):
            raise InputError(f"AWS refused DeleteVpcEndpoints: {refusal['Error']['Message']}")

    def create_flow_log(self, action: Action, wanted: t.Mapping[str, t.Any]) -> str:
        request = {
            "ResourceIds": [self.id(VPC, MAIN)],
            "ResourceType": "VPC",
            "TrafficType": wanted["traffic_type"],
            "LogDestinationType": wanted["destination_type"],
            "TagSpecifications": self.specification(FLOW_LOG, wanted),
        }
        to_logs = wanted["destination_type"] == "cloud-watch-logs"
        request["LogGroupName" if to_logs else "LogDestination"] = wanted["destination"]
        if wanted["role_arn"]:
            request["DeliverLogsPermissionArn"] = wanted["role_arn"]
        answer = self.ec2.create_flow_logs(**request)
        for refusal in answer.get("Unsuccessful", []):
            raise InputError(f"AWS refused CreateFlowLogs: {refusal['Error']['Message']}")
        return answer["FlowLogIds"][0]

    def delete_flow_log(self, action: Action, flow_log_id: str) -> None:
        self.ec2.delete_flow_logs(FlowLogIds=[flow_log_id])


# --- the module -----------------------------------------------------------------------------------------------------


def foreign_in_vpc(
    platform: str,
    listed: t.Mapping[str, list[dict[str, t.Any]]],
    our_interfaces: t.Collection[str],
    planning: bool,
) -> list[str]:
    """What in the platform's VPC is not the platform's and would keep it from being removed, in words.

    :arg listed: ``interfaces, instances, subnets, route_tables, security_groups, network_acls`` as AWS lists them.
    :arg our_interfaces: ids of the interfaces of our NAT gateways.
    :arg planning: in check mode other services' parts are still there, and interfaces that AWS made for them
        (a database's, say) do not tell whose they are; they count only when the removal is meant.
    """

    def owned(item: t.Mapping[str, t.Any], key: str = "Tags") -> bool:
        return tags_of(item, key).get(PLATFORM_TAG) == platform

    our_hosts = {i["InstanceId"] for i in listed["instances"] if owned(i)}
    our_balancers = tuple(f"ELB {form}/{platform}-" for form in ("app", "net"))
    foreign = []
    for interface in listed["interfaces"]:
        host, words = (interface.get("Attachment") or {}).get("InstanceId"), interface.get("Description") or ""
        ours = (
            owned(interface, "TagSet")
            or host in our_hosts
            or interface["NetworkInterfaceId"] in our_interfaces
            or words.startswith(our_balancers)
            or (planning and interface.get("RequesterManaged"))
        )
        if not ours:
            use = f"of instance {host}" if host else words or "unused"
            foreign.append(f"network interface {interface['NetworkInterfaceId']} ({use})")
    foreign += [f"subnet {item['SubnetId']}" for item in listed["subnets"] if not owned(item)]
    foreign += [
        f"route table {item['RouteTableId']}"
        for item in listed["route_tables"]
        if not owned(item) and not any(a.get("Main") for a in item.get("Associations", []))
    ]
    foreign += [
        f"security group {item['GroupId']} ({item['GroupName']})"
        for item in listed["security_groups"]
        if not owned(item) and item["GroupName"] != "default"
    ]
    foreign += [
        f"network ACL {item['NetworkAclId']}"
        for item in listed["network_acls"]
        if not owned(item) and not item.get("IsDefault")
    ]
    return foreign


def check_removable(ec2, observed: Observed, platform: str, planning: bool) -> None:
    """Before a removal: refuse while what somebody else made is in the VPC."""
    vpc_id = observed.id(VPC, MAIN)
    if not vpc_id:
        return
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
    reads = {
        "interfaces": ("describe_network_interfaces", "NetworkInterfaces"),
        "instances": ("describe_instances", "Reservations"),
        "subnets": ("describe_subnets", "Subnets"),
        "route_tables": ("describe_route_tables", "RouteTables"),
        "security_groups": ("describe_security_groups", "SecurityGroups"),
        "network_acls": ("describe_network_acls", "NetworkAcls"),
    }

    def read(operation: str, key: str) -> t.Callable[[], list]:
        return lambda: pages(ec2, operation, key, Filters=filters)

    listed = dict(zip(reads, concurrently(*(read(*call) for call in reads.values()))))
    listed["instances"] = [i for reservation in listed["instances"] for i in reservation["Instances"]]
    our_interfaces = {
        address.get("NetworkInterfaceId")
        for gateway in observed.items[NAT_GATEWAY].values()
        for address in gateway.get("NatGatewayAddresses", [])
    }
    foreign = foreign_in_vpc(platform, listed, our_interfaces, planning)
    if foreign:
        more = f" and {len(foreign) - 5} more" if len(foreign) > 5 else ""
        raise InputError(
            f"state: 'absent' would remove {vpc_id}, but what the platform does not own is in it: "
            f"{', '.join(foreign[:5])}{more}; remove that first."
        )


def check_zones(ec2, planned: Plan, wanted: Sets, region: str) -> None:
    """Before a subnet is made: refuse a zone that the account does not have in this region."""
    names = [action.name for action in planned.only(SUBNET, verbs=[CREATE, REPLACE])]
    if not names:
        return
    zones = {zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
    for name in names:
        zone = wanted[SUBNET][name]["zone"]
        if zone not in zones:
            raise InputError(
                f"subnets: {name}: zone {zone!r} is not one that the account has in {region}; "
                f"these are {', '.join(sorted(zones))}."
            )


def shown(wanted: Sets, observed: Observed) -> dict[str, t.Any]:
    """The network as the module returns it."""

    def of(kind: str, *fields: str) -> dict[str, dict[str, t.Any]]:
        return {
            name: {"id": observed.id(kind, name) or KNOWN_AFTER_APPLY, **{key: item[key] for key in fields}}
            for name, item in sorted(wanted[kind].items())
        }

    def address(name: str) -> dict[str, str]:
        item = observed.items[ADDRESS].get(name, {})
        return {
            "allocation_id": item.get("AllocationId", KNOWN_AFTER_APPLY),
            "public_ip": item.get("PublicIp", KNOWN_AFTER_APPLY),
        }

    nats = of(NAT_GATEWAY, "subnet")
    for name, nat in nats.items():
        nat["public_ip"] = address(name)["public_ip"]
    return {
        "vpc": of(VPC, "cidr").get(MAIN),
        "internet_gateway": of(INTERNET_GATEWAY).get(MAIN),
        "subnets": of(SUBNET, "zone", "tier", "cidr"),
        "nat_gateways": nats,
        "route_tables": of(ROUTE_TABLE, "subnets", "routes"),
        "endpoints": of(ENDPOINT, "route_tables"),
        "flow_log": of(FLOW_LOG, *FLOW_LOG_FIELDS).get(MAIN),
        "admin_address": address(ADMIN) if ADMIN in wanted[ADDRESS] else None,
    }


def work(module) -> tuple[Plan, dict[str, t.Any]]:
    """The ``network`` module: validate, read, plan, and apply unless in check mode."""
    options, region = module.params, module.region
    absent = options["state"] == "absent"
    if not absent:
        validate(options, region)
    ec2 = client(module, "ec2")
    observed = observe(ec2, options["platform"])
    wanted: Sets = {kind: {} for kind in KINDS}
    kept: list[dict[str, str]] = []
    if not absent:
        declared = [subnet["name"] for subnet in options["subnets"]]
        kept = kept_subnets(observed, declared, options["purge"], options["ignore"])
        subnets = observed.names(SUBNET)
        nats = {name: subnets.get(item["SubnetId"], "") for name, item in observed.items[NAT_GATEWAY].items()}
        wanted = desired(options, region, kept, nats)
    found = present(observed, {*wanted[SUBNET], *(subnet["name"] for subnet in kept)})
    planned = plan(wanted, found, purge=options["purge"], ignore=options["ignore"], absent=absent)
    check_zones(ec2, planned, wanted, region)
    if absent and planned:
        check_removable(ec2, observed, options["platform"], module.check_mode)
    if planned and not module.check_mode:
        Applier(ec2, planned, observed, options, region).apply()
        made = planned.only(verbs=[CREATE, REPLACE])
        # AWS may list what was just made a little later
        observed = poll(
            lambda: observe(ec2, options["platform"]),
            lambda seen: all(seen.id(action.kind, action.name) for action in made),
            60,
        )
    return planned, shown(wanted, observed)
