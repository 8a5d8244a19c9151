"""The module load_balancers against the embedded AWS; what it made is looked at with plain boto3."""

from __future__ import annotations

import datetime

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._load_balancers import ensure
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError
from ansible_collections.mydigitalstructure.aws.plugins.modules.load_balancers import ACCESS_POINT
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OURS = {"mydigitalstructure:platform": "mds"}


@pytest.fixture(scope="module")
def key_pair():
    """A self-signed certificate and its key, PEM: imported into ACM it is issued at once."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.com")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=90))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


class World:
    """A VPC with three zones, two security groups and two certificates; and what is asked of the module."""

    def __init__(self, lab, key_pair):
        self.lab, self.elb, ec2 = lab, lab.client("elbv2"), lab.client("ec2")
        self.ec2 = ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.20.{n}.0/24", AvailabilityZone=f"ap-southeast-2{zone}")[
                "Subnet"
            ]["SubnetId"]
            for n, zone in enumerate("abca")
        ]
        self.groups = [
            ec2.create_security_group(VpcId=self.vpc, GroupName=n, Description=n)["GroupId"] for n in ("one", "two")
        ]
        self.certificates = [
            lab.client("acm").import_certificate(Certificate=key_pair[0], PrivateKey=key_pair[1])["CertificateArn"]
            for _number in range(2)
        ]
        lab.clear_calls()

    def point(self, name, **more):
        return {
            "name": name,
            "certificate_arn": self.certificates[0],
            "subnet_ids": self.subnets[:2],
            "security_group_ids": self.groups[:1],
            **more,
        }

    def options(self, *points, **more):
        return {"platform": "mds", "vpc_id": self.vpc, "access_points": list(points), **more}

    def balancers(self):
        return {b["LoadBalancerName"]: b for b in self.elb.describe_load_balancers()["LoadBalancers"]}

    def groups_there(self):
        return {g["TargetGroupName"]: g for g in self.elb.describe_target_groups()["TargetGroups"]}

    def listeners(self, name):
        arn = self.balancers()[name]["LoadBalancerArn"]
        return {x["Port"]: x for x in self.elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]}

    def attributes(self, name):
        arn = self.balancers()[name]["LoadBalancerArn"]
        rows = self.elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        return {row["Key"]: row["Value"] for row in rows}

    def tags(self, arn):
        rows = self.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
        return {row["Key"]: row["Value"] for row in rows}


@pytest.fixture
def world(lab, key_pair):
    return World(lab, key_pair)


def defaults(**point):
    """An access point as the module sees it, with what was not given filled in."""
    return ArgumentSpecValidator(ACCESS_POINT).validate(point).validated_parameters


def named(result):
    return sorted((a["verb"], a["kind"], a["name"]) for a in result["actions"])


def test_check_converge_and_second_run(world, run_module):
    options = world.options(world.point("webapi", array=2), world.point("admin", idle_timeout=120), tags={"Env": "lab"})
    checked = run_module("load_balancers", check=True, **options)
    assert not checked["failed"], checked
    assert world.lab.mutating() == []
    assert checked["load_balancers"]["webapi-2"]["dns_name"] == "(known after apply)"
    made = run_module("load_balancers", **options)
    assert not made["failed"], made
    assert named(made) == named(checked)
    assert len(made["actions"]) == 3 * 4
    assert made["load_balancers"].keys() == checked["load_balancers"].keys()
    assert made["access_points"]["webapi"]["balancers"] == ["webapi-1", "webapi-2"]

    there, groups = world.balancers(), world.groups_there()
    assert sorted(there) == sorted(groups) == ["mds-admin", "mds-webapi-1", "mds-webapi-2"]
    assert there["mds-admin"]["State"]["Code"] == "active"
    assert {z["SubnetId"] for z in there["mds-admin"]["AvailabilityZones"]} == set(world.subnets[:2])
    assert world.attributes("mds-admin")["idle_timeout.timeout_seconds"] == "120"
    assert world.attributes("mds-admin")["routing.http.drop_invalid_header_fields.enabled"] == "true"
    for name in there:
        listeners = world.listeners(name)
        assert sorted(listeners) == [80, 443]
        assert listeners[443]["DefaultActions"][0]["TargetGroupArn"] == groups[name]["TargetGroupArn"]
        assert listeners[443]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
        redirect = listeners[80]["DefaultActions"][0]["RedirectConfig"]
        assert (redirect["Protocol"], redirect["Port"], redirect["StatusCode"]) == ("HTTPS", "443", "HTTP_301")
    tags = world.tags(groups["mds-webapi-1"]["TargetGroupArn"])
    assert tags == {
        **OURS,
        "mydigitalstructure:name": "webapi-1",
        "mydigitalstructure:access_point": "webapi",
        "Name": "mds-webapi-1",
        "Env": "lab",
    }

    world.lab.clear_calls()
    again = run_module("load_balancers", **options)
    assert (again["changed"], again["actions"]) == (False, [])
    assert again["load_balancers"] == made["load_balancers"]
    assert world.lab.mutating() == []
    assert len(world.lab.calls()) <= 3 + 3 * 5


def test_every_change_is_corrected(world, run_module):
    point = world.point("webapi", rules=[{"priority": 10, "hosts": ["old.example.com"], "redirect": {"host": "x.com"}}])
    assert not run_module("load_balancers", **world.options(point))["failed"]
    changed = world.point(
        "webapi",
        certificate_arn=world.certificates[1],
        extra_certificate_arns=[world.certificates[0]],
        subnet_ids=world.subnets[1:3],
        security_group_ids=world.groups,
        idle_timeout=30,
        deletion_protection=True,
        ssl_policy="ELBSecurityPolicy-TLS13-1-3-2021-06",
        http_redirect=False,
        tags={"Tier": "gold"},
        access_logs={"bucket": "logs", "prefix": "lb"},
        target={
            "deregistration_delay": 20,
            "stickiness": {"duration": 60},
            "health_check": {"path": "/health", "interval": 10, "timeout": 4, "matcher": "200-299"},
        },
        rules=[
            {
                "priority": 10,
                "paths": ["/closed/*"],
                "fixed_response": {"status_code": "503", "message_body": "closed"},
            },
            {"priority": 20, "hosts": ["a.example.com"], "forward": True},
        ],
    )
    result = run_module("load_balancers", **world.options(changed))
    assert not result["failed"], result
    assert named(result) == [
        ("create", "listener_rule", "webapi:443:20"),
        ("delete", "listener", "webapi:80"),
        ("update", "listener", "webapi:443"),
        ("update", "listener_rule", "webapi:443:10"),
        ("update", "load_balancer", "webapi"),
        ("update", "target_group", "webapi"),
    ]
    balancer, group = world.balancers()["mds-webapi"], world.groups_there()["mds-webapi"]
    listeners = world.listeners("mds-webapi")
    assert list(listeners) == [443]
    assert listeners[443]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-3-2021-06"
    listed = world.elb.describe_listener_certificates(ListenerArn=listeners[443]["ListenerArn"])["Certificates"]
    assert {c["CertificateArn"]: c["IsDefault"] for c in listed} == {
        world.certificates[1]: True,
        world.certificates[0]: False,
    }
    assert {z["SubnetId"] for z in balancer["AvailabilityZones"]} == set(world.subnets[1:3])
    assert sorted(balancer["SecurityGroups"]) == sorted(world.groups)
    attributes = world.attributes("mds-webapi")
    assert attributes["access_logs.s3.bucket"] == "logs" and attributes["deletion_protection.enabled"] == "true"
    assert (group["HealthCheckPath"], group["HealthCheckIntervalSeconds"]) == ("/health", 10)
    assert group["Matcher"]["HttpCode"] == "200-299"
    rules = world.elb.describe_rules(ListenerArn=listeners[443]["ListenerArn"])["Rules"]
    actions = {rule["Priority"]: rule["Actions"][0] for rule in rules}
    assert actions["10"]["FixedResponseConfig"]["StatusCode"] == "503"
    assert actions["20"]["TargetGroupArn"] == group["TargetGroupArn"]
    assert world.tags(balancer["LoadBalancerArn"])["Tier"] == "gold"
    again = run_module("load_balancers", **world.options(changed))
    assert again["actions"] == []

    # drift by hand: a listener's action, a tag, an attribute
    world.elb.modify_listener(
        ListenerArn=listeners[443]["ListenerArn"],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )
    world.elb.remove_tags(ResourceArns=[group["TargetGroupArn"]], TagKeys=["Tier"])
    world.elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "99"}]
    )
    corrected = run_module("load_balancers", **world.options(changed))
    assert named(corrected) == [
        ("update", "listener", "webapi:443"),
        ("update", "load_balancer", "webapi"),
        ("update", "target_group", "webapi"),
    ]
    assert run_module("load_balancers", **world.options(changed))["actions"] == []


def plant(world):
    """Somebody else's balancer with a target group and a listener."""
    balancer = world.elb.create_load_balancer(Name="theirs", Subnets=world.subnets[:2], Type="application")
    group = world.elb.create_target_group(Name="theirs", Protocol="HTTP", Port=80, VpcId=world.vpc)
    world.elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroups"][0]["TargetGroupArn"]}],
    )
    return world.balancers()["theirs"], world.groups_there()["theirs"], world.listeners("theirs")


def test_array_purge_ignore_and_absent(world, run_module):
    theirs = plant(world)
    full = world.options(world.point("webapi", array=3), world.point("retail"), world.point("admin"))
    assert not run_module("load_balancers", **full)["failed"]
    smaller = world.options(world.point("webapi", array=2))
    assert run_module("load_balancers", **smaller)["actions"] == []
    purged = run_module("load_balancers", **smaller, purge=True, ignore=["adm*"])
    assert not purged["failed"], purged
    assert sorted(world.balancers()) == ["mds-admin", "mds-webapi-1", "mds-webapi-2", "theirs"]
    assert sorted(world.groups_there()) == ["mds-admin", "mds-webapi-1", "mds-webapi-2", "theirs"]
    assert ("delete", "listener", "retail:443") in named(purged)

    protected = world.point("webapi", array=2, deletion_protection=True)
    assert not run_module("load_balancers", **world.options(protected))["failed"]
    world.lab.clear_calls()
    refused = run_module("load_balancers", platform="mds", state="absent")
    assert refused["failed"] and "mds-webapi-1, mds-webapi-2" in refused["msg"]
    assert world.lab.mutating() == []
    assert not run_module("load_balancers", **smaller)["failed"]
    planned = run_module("load_balancers", check=True, platform="mds", state="absent")
    gone = run_module("load_balancers", platform="mds", state="absent")
    assert not gone["failed"], gone
    assert named(gone) == named(planned)
    assert (world.balancers()["theirs"], world.groups_there()["theirs"], world.listeners("theirs")) == theirs
    assert list(world.balancers()) == list(world.groups_there()) == ["theirs"]
    assert run_module("load_balancers", platform="mds", state="absent")["actions"] == []


class Killed(BaseException):
    """What stands for kill -9: nothing catches it."""


def test_a_run_that_was_killed_anywhere_is_completed(world):
    """Killed before each of its changing calls in turn, the next run makes the same as an undisturbed one."""
    rules = [{"priority": 10, "hosts": ["old.example.com"], "redirect": {"host": "x.com"}}]
    point = defaults(**world.point("webapi"), rules=rules, target={"deregistration_delay": 10})
    present = {**world.options(point, tags={}), "purge": False, "ignore": [], "state": "present", "wait_timeout": 5}
    absent = {**present, "state": "absent"}
    left = [0]

    def count(model, **event):
        if not model.name.startswith("Describe"):
            left[0] -= 1
            if left[0] < 0:
                raise Killed

    world.elb.meta.events.register("before-call.elastic-load-balancing-v2", count)
    for allowed in range(20):
        left[0] = allowed
        try:
            ensure(world.lab.client, present, False)
        except Killed:
            left[0] = 99
            ensure(world.lab.client, present, False)
        else:
            break
        left[0] = 99
        assert list(ensure(world.lab.client, present, False)[0]) == []
        assert list(world.balancers()) == list(world.groups_there()) == ["mds-webapi"]
        listeners = world.listeners("mds-webapi")
        assert sorted(listeners) == [80, 443]
        assert len(world.elb.describe_rules(ListenerArn=listeners[443]["ListenerArn"])["Rules"]) == 2
        left[0] = allowed % 4
        try:
            ensure(world.lab.client, absent, False)
        except Killed:
            left[0] = 99
            ensure(world.lab.client, absent, False)
        assert world.balancers() == world.groups_there() == {}
    world.elb.meta.events.unregister("before-call.elastic-load-balancing-v2", count)
    assert allowed == 7


def test_check_mode_accepts_what_is_not_known_yet(world, run_module):
    point = world.point(
        "webapi",
        certificate_arn="(known after apply)",
        subnet_ids=["(known after apply)", "(known after apply)"],
        security_group_ids=["(known after apply)"],
    )
    options = {**world.options(point), "vpc_id": "(known after apply)"}
    assert len(run_module("load_balancers", check=True, **options)["actions"]) == 4
    refused = run_module("load_balancers", **options)
    assert refused["failed"] and "(known after apply)" in refused["msg"]
    assert world.lab.mutating() == []


def test_bad_input_changes_nothing(world, run_module):
    unknown = "arn:aws:acm:ap-southeast-2:123456789012:certificate/none"
    elsewhere = world.ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    group = world.ec2.create_security_group(VpcId=elsewhere, GroupName="x", Description="x")["GroupId"]
    world.lab.clear_calls()
    for change, words in (
        ({"name": "a" * 29}, "33 characters"),
        ({"certificate_arn": unknown}, "no such certificate"),
        ({"extra_certificate_arns": [unknown]}, "no such certificate"),
        ({"subnet_ids": ["subnet-1", "subnet-2"]}, "no such id"),
        ({"subnet_ids": [world.subnets[0], world.subnets[3]]}, "zones ap-southeast-2a, ap-southeast-2a"),
        ({"security_group_ids": ["sg-1"]}, "no such id"),
        ({"security_group_ids": [group]}, f"is in {elsewhere}"),
        ({"array": 0}, "array 0"),
        ({"rules": [{"priority": 1, "hosts": ["a"]}]}, "exactly one"),
    ):
        asked = world.options(defaults(**{**world.point("webapi"), **change}), tags={}, purge=False, ignore=[])
        with pytest.raises(InputError) as refusal:
            ensure(world.lab.client, {**asked, "state": "present", "wait_timeout": 5}, False)
        assert words in str(refusal.value)
        assert str(refusal.value).startswith("access_points: ") and "\n" not in str(refusal.value)
    refused = run_module("load_balancers", **world.options(world.point("web_api")))
    assert refused["failed"] and refused["msg"].startswith("access_points: name 'web_api'")
    assert world.lab.mutating() == []


def test_absent_waits_for_the_network_interfaces(world, run_module):
    """AWS removes a balancer's interfaces later than the balancer; until then its groups and subnets are in use."""
    made = run_module("load_balancers", **world.options(world.point("webapi")))
    interface = world.ec2.create_network_interface(
        SubnetId=world.subnets[0],
        Description="ELB " + made["load_balancers"]["webapi"]["arn"].split("loadbalancer/")[1],
    )["NetworkInterface"]["NetworkInterfaceId"]
    late = run_module("load_balancers", platform="mds", state="absent", wait_timeout=1)
    assert late["failed"] and "network interfaces" in late["msg"]
    assert [a["kind"] for a in late["not_done"]] == ["target_group"]
    world.ec2.delete_network_interface(NetworkInterfaceId=interface)
    rest = run_module("load_balancers", platform="mds", state="absent")
    assert named(rest) == [("delete", "target_group", "webapi")]
    assert world.balancers() == world.groups_there() == {}


def test_what_cannot_be_changed_is_refused(world, run_module):
    theirs = plant(world)
    assert not run_module("load_balancers", **world.options(world.point("webapi")))["failed"]
    world.elb.create_load_balancer(Name="mds-retail", Subnets=world.subnets[:2], Type="application")
    world.lab.clear_calls()
    for points, words in (
        ([world.point("webapi", scheme="internal")], "scheme cannot be changed"),
        ([world.point("webapi", target={"port": 8080})], "port cannot be changed"),
        ([world.point("retail")], "mds-retail exists"),
        ([world.point("webapi"), world.point("webapi")], "twice"),
        ([world.point("web", array=2), world.point("web-1")], "web-1"),
    ):
        refused = run_module("load_balancers", **world.options(*points))
        assert refused["failed"] and words in refused["msg"], refused["msg"]
    assert world.lab.mutating() == []
    assert world.balancers()["theirs"] == theirs[0]


def test_a_half_failed_run_says_what_was_done(world, run_module):
    """A balancer that AWS refuses does not keep the others from being made, and is named."""
    points = [world.point("webapi"), world.point("retail", ssl_policy="ELBSecurityPolicy-None")]
    assert not run_module("load_balancers", **world.options(world.point("webapi"), world.point("retail")))["failed"]
    changed = run_module("load_balancers", **world.options({**points[0], "idle_timeout": 5}, points[1]))
    assert changed["failed"]
    assert [a["name"] for a in changed["failed_actions"]] == ["retail:443"]
    assert [a["name"] for a in changed["done"]] == ["webapi"]
    assert world.attributes("mds-webapi")["idle_timeout.timeout_seconds"] == "5"
