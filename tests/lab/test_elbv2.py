"""Load balancing in the lab: the rules of AWS that the platform's modules meet."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def elb(lab):
    return lab.client("elbv2")


@pytest.fixture
def subnets(lab):
    found = lab.client("ec2").describe_subnets()["Subnets"]
    return sorted(found, key=lambda subnet: subnet["AvailabilityZone"])[:2]


@pytest.fixture
def balancer(elb, subnets):
    return make(elb, subnets)["LoadBalancerArn"]


@pytest.fixture
def target_group(elb, subnets):
    return make_target_group(elb, subnets)


def make(elb, subnets, name="one", **more):
    ids = [subnet["SubnetId"] for subnet in subnets]
    return elb.create_load_balancer(Name=name, Subnets=ids, **more)["LoadBalancers"][0]


def make_target_group(elb, subnets, name="one", **more):
    options = {"Protocol": "HTTP", "Port": 80, "VpcId": subnets[0]["VpcId"], **more}
    return elb.create_target_group(Name=name, **options)["TargetGroups"][0]["TargetGroupArn"]


def listen(elb, balancer, target_group, **more):
    action = {"Type": "forward", "TargetGroupArn": target_group}
    options = {"Protocol": "HTTP", "Port": 80, "DefaultActions": [action], **more}
    return elb.create_listener(LoadBalancerArn=balancer, **options)["Listeners"][0]["ListenerArn"]


def code(call, *positional, **options):
    with pytest.raises(ClientError) as error:
        call(*positional, **options)
    return error.value.response["Error"]["Code"]


@pytest.mark.parametrize("name", ["x" * 33, "-x", "x-", "x_y", "internal-x"])
def test_bad_names(elb, subnets, name):
    assert code(make, elb, subnets, name) == "ValidationError"


def test_same_name(elb, subnets, balancer):
    assert make(elb, subnets)["LoadBalancerArn"] == balancer
    assert code(make, elb, subnets, Scheme="internal") == "DuplicateLoadBalancerName"


def test_two_zones(elb, subnets):
    assert code(make, elb, subnets[:1]) in ("ValidationError", "InvalidConfigurationRequest")


def test_zone_of_the_region(elb, subnets):
    found = make(elb, subnets)
    assert found["DNSName"].endswith(".ap-southeast-2.elb.amazonaws.com")
    assert found["CanonicalHostedZoneId"] == "Z1GM3OXH4ZPM65"


def test_deletion_protection(elb, balancer):
    def protect(value):
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=balancer, Attributes=[{"Key": "deletion_protection.enabled", "Value": value}]
        )

    protect("true")
    assert code(elb.delete_load_balancer, LoadBalancerArn=balancer) == "OperationNotPermitted"
    protect("false")
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    assert elb.describe_load_balancers()["LoadBalancers"] == []


def test_target_group_in_use_stays(elb, balancer, target_group):
    listener = listen(elb, balancer, target_group)
    assert code(elb.delete_target_group, TargetGroupArn=target_group) == "ResourceInUse"
    elb.delete_listener(ListenerArn=listener)
    elb.delete_target_group(TargetGroupArn=target_group)


def test_target_group_same_name(elb, subnets, target_group):
    assert make_target_group(elb, subnets) == target_group
    assert code(make_target_group, elb, subnets, Port=81) == "DuplicateTargetGroupName"


def test_listener_port_once(elb, balancer, target_group):
    listen(elb, balancer, target_group)
    assert code(listen, elb, balancer, target_group) == "DuplicateListener"


def test_pending_certificate_is_refused(lab, elb, balancer, target_group):
    arn = lab.client("acm").request_certificate(DomainName="example.com", ValidationMethod="DNS")["CertificateArn"]
    secure = {"Protocol": "HTTPS", "Port": 443, "Certificates": [{"CertificateArn": arn}]}
    assert code(listen, elb, balancer, target_group, **secure) == "UnsupportedCertificate"


def test_security_group_in_use_stays(lab, elb, subnets):
    ec2 = lab.client("ec2")
    group = ec2.create_security_group(GroupName="b", Description="b", VpcId=subnets[0]["VpcId"])["GroupId"]
    balancer = make(elb, subnets, SecurityGroups=[group])["LoadBalancerArn"]
    assert code(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    ec2.delete_security_group(GroupId=group)


def test_subnet_in_use_stays(lab, elb):
    ec2 = lab.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"ap-southeast-2{zone}")["Subnet"]
        for i, zone in enumerate("ab")
    ]
    balancer = make(elb, made, Scheme="internal")["LoadBalancerArn"]
    assert code(ec2.delete_subnet, SubnetId=made[0]["SubnetId"]) == "DependencyViolation"
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    ec2.delete_subnet(SubnetId=made[0]["SubnetId"])


def test_balancers_are_paged(elb, subnets):
    for i in range(5):
        make(elb, subnets, f"b{i}")
    pages = elb.get_paginator("describe_load_balancers").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["LoadBalancers"]) for page in pages] == [2, 2, 1]
