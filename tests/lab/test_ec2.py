"""EC2 in the lab: the rules of AWS that the platform's modules meet."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def ec2(lab):
    return lab.client("ec2")


@pytest.fixture
def vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def subnet(ec2, vpc):
    return ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]


@pytest.fixture
def group(ec2, vpc):
    return ec2.create_security_group(GroupName="one", Description="one", VpcId=vpc)["GroupId"]


def code(call, **options):
    with pytest.raises(ClientError) as error:
        call(**options)
    return error.value.response["Error"]["Code"]


def permission(port, *ranges, **more):
    found = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **more}
    if ranges:
        found["IpRanges"] = [{"CidrIp": r, "Description": "d"} for r in ranges]
    return found


def rules(ec2, group):
    filters = [{"Name": "group-id", "Values": [group]}]
    found = ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    return [rule for rule in found if not rule["IsEgress"]]


# --- security groups


def test_sixty_rules_a_direction(ec2, group):
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[permission(443, *[f"10.0.{i}.0/24" for i in range(59)])]
    )
    full = permission(80, "10.1.0.0/24", "10.1.1.0/24")
    refused = "RulesPerSecurityGroupLimitExceeded"
    assert code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[full]) == refused
    assert len(rules(ec2, group)) == 59
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission(80, "10.1.0.0/24")])
    assert (
        code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[permission(1, "10.1.0.0/24")])
        == refused
    )
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[permission(80, "10.1.0.0/24")])


def test_families_have_their_own_quota(ec2, group):
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[permission(443, *[f"10.0.{i}.0/24" for i in range(60)])]
    )
    six = permission(443, Ipv6Ranges=[{"CidrIpv6": f"2001:db8:{i}::/48"} for i in range(60)])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[six])
    assert len(rules(ec2, group)) == 120


def test_duplicate_rule(ec2, group):
    one = [permission(443, "10.0.0.0/24")]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=one)
    assert code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=one) == "InvalidPermission.Duplicate"
    both = [permission(80, "10.0.0.0/24"), *one]
    assert (
        code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=both) == "InvalidPermission.Duplicate"
    )
    assert len(rules(ec2, group)) == 1


def test_rules_are_described_modified_and_revoked(ec2, group, vpc):
    other = ec2.create_security_group(GroupName="two", Description="two", VpcId=vpc)["GroupId"]
    pair = permission(22, UserIdGroupPairs=[{"GroupId": other, "Description": "from two"}])
    made = ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[permission(443, "10.0.0.0/24", "10.0.1.0/24"), pair]
    )["SecurityGroupRules"]
    assert len(made) == 3
    found = rules(ec2, group)
    assert {rule["SecurityGroupRuleId"] for rule in found} == {rule["SecurityGroupRuleId"] for rule in made}
    by_group = next(rule for rule in found if "ReferencedGroupInfo" in rule)
    assert by_group["ReferencedGroupInfo"]["GroupId"] == other
    assert by_group["Description"] == "from two"
    by_range = next(rule for rule in found if rule.get("CidrIpv4") == "10.0.0.0/24")
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=group,
        SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": by_range["SecurityGroupRuleId"], "Description": "new"}],
    )
    assert next(r for r in rules(ec2, group) if r.get("CidrIpv4") == "10.0.0.0/24")["Description"] == "new"
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=group,
        IpPermissions=[
            permission(443, IpRanges=[{"CidrIp": "10.0.1.0/24", "Description": "newer"}]),
            permission(22, UserIdGroupPairs=[{"GroupId": other, "Description": "by pair"}]),
        ],
    )
    assert sorted(r["Description"] for r in rules(ec2, group)) == ["by pair", "new", "newer"]
    ec2.modify_security_group_rules(
        GroupId=group,
        SecurityGroupRules=[
            {
                "SecurityGroupRuleId": by_range["SecurityGroupRuleId"],
                "SecurityGroupRule": {
                    "IpProtocol": "tcp",
                    "FromPort": 8443,
                    "ToPort": 8443,
                    "CidrIpv4": "10.0.0.0/24",
                    "Description": "moved",
                },
            }
        ],
    )
    moved = next(r for r in rules(ec2, group) if r["SecurityGroupRuleId"] == by_range["SecurityGroupRuleId"])
    assert (moved["FromPort"], moved["Description"]) == (8443, "moved")
    ec2.revoke_security_group_ingress(
        GroupId=group, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"] for rule in found[:2]]
    )
    assert len(rules(ec2, group)) == 1
    assert (
        code(ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=[permission(1, "10.9.0.0/24")])
        == "InvalidPermission.NotFound"
    )


def test_group_that_is_referred_to_stays(ec2, group, vpc):
    other = ec2.create_security_group(GroupName="two", Description="two", VpcId=vpc)["GroupId"]
    pair = permission(22, UserIdGroupPairs=[{"GroupId": other}])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[pair])
    assert code(ec2.delete_security_group, GroupId=other) == "DependencyViolation"
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[pair])
    ec2.delete_security_group(GroupId=other)


def test_group_in_use_stays(lab, ec2, group, subnet, vpc):
    instance = ec2.run_instances(
        ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[group]
    )["Instances"][0]["InstanceId"]
    assert code(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    assert code(ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=[instance])
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def test_names_are_unique_in_a_vpc(ec2, group, vpc):
    again = {"GroupName": "one", "Description": "again", "VpcId": vpc}
    assert code(ec2.create_security_group, **again) == "InvalidGroup.Duplicate"


# --- network


def test_vpc_with_parts_stays(ec2, vpc, subnet):
    assert code(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.delete_subnet(SubnetId=subnet)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert code(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    assert code(ec2.delete_internet_gateway, InternetGatewayId=gateway) == "DependencyViolation"
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc)


def test_route_table_in_use_stays(ec2, vpc, subnet):
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    assert code(ec2.delete_route_table, RouteTableId=table) == "DependencyViolation"
    ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route_table(RouteTableId=table)


def test_nat_gateway_holds_its_address_and_subnet(ec2, vpc, subnet):
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    token = {"ClientToken": "one", "SubnetId": subnet, "AllocationId": address}
    nat = ec2.create_nat_gateway(**token)["NatGateway"]["NatGatewayId"]
    assert ec2.create_nat_gateway(**token)["NatGateway"]["NatGatewayId"] == nat
    assert code(ec2.release_address, AllocationId=address) == "InvalidIPAddress.InUse"
    assert code(ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    assert code(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc) == "DependencyViolation"
    ec2.delete_nat_gateway(NatGatewayId=nat)
    assert ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"] == "deleted"
    ec2.release_address(AllocationId=address)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_subnet(SubnetId=subnet)


def test_overlapping_subnets_are_refused(ec2, vpc, subnet):
    assert code(ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.0.128/25") == "InvalidSubnet.Conflict"
    assert code(ec2.create_subnet, VpcId=vpc, CidrBlock="10.1.0.0/24") == "InvalidSubnet.Range"


# --- instances


def run(ec2, **more):
    options = {"ImageId": "ami-12345678", "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.micro", **more}
    return ec2.run_instances(**options)["Instances"][0]["InstanceId"]


def test_client_token(ec2):
    assert run(ec2, ClientToken="one") == run(ec2, ClientToken="one") != run(ec2, ClientToken="two")
    different = {"ImageId": "ami-12345678", "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.large"}
    assert code(ec2.run_instances, ClientToken="one", **different) == "IdempotentParameterMismatch"


def test_launch_template_versions(ec2):
    data = {"ImageId": "ami-12345678", "InstanceType": "t3.micro"}
    made = ec2.create_launch_template(LaunchTemplateName="one", LaunchTemplateData=data, ClientToken="t")
    again = ec2.create_launch_template(LaunchTemplateName="one", LaunchTemplateData=data, ClientToken="t")
    template = made["LaunchTemplate"]["LaunchTemplateId"]
    assert again["LaunchTemplate"]["LaunchTemplateId"] == template
    ec2.create_launch_template_version(
        LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.small"}
    )
    newest = ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=["$Latest"])
    data = newest["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert (data["ImageId"], data["InstanceType"]) == ("ami-12345678", "t3.small")
    instance = run(ec2, LaunchTemplate={"LaunchTemplateId": template, "Version": "1"})
    tags = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["Tags"]
    assert {"Key": "aws:ec2launchtemplate:version", "Value": "1"} in tags


def test_termination_protection(ec2):
    instance = run(ec2, DisableApiTermination=True)
    assert code(ec2.terminate_instances, InstanceIds=[instance]) == "OperationNotPermitted"


def test_images_by_ssm_parameter(lab, ec2):
    name = "/aws/service/debian/release/12/latest/amd64"
    image = lab.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    assert ec2.describe_images(ImageIds=[image])["Images"][0]["Architecture"] == "x86_64"


def test_instances_in_pages(lab, ec2):
    made = lab.populate_instances(1200)["instances"]
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 500}))
    found = [[i["InstanceId"] for r in page["Reservations"] for i in r["Instances"]] for page in pages]
    assert [len(page) for page in found] == [500, 500, 200]
    assert sorted(sum(found, [])) == sorted(made)
    zones = [i["Placement"]["AvailabilityZone"] for r in pages[0]["Reservations"] for i in r["Instances"]]
    assert len(set(zones)) == 2
    assert len(ec2.describe_instances()["Reservations"]) == 1000
    ec2.create_tags(Resources=made[:1], Tags=[{"Key": "new", "Value": "yes"}])
    filters = [{"Name": "tag:new", "Values": ["yes"]}]
    found = ec2.describe_instances(Filters=filters)["Reservations"][0]["Instances"][0]
    assert {"Key": "new", "Value": "yes"} in found["Tags"]
    ec2.terminate_instances(InstanceIds=made[:1])
    found = ec2.describe_instances(InstanceIds=made[:1])["Reservations"][0]["Instances"][0]
    assert found["State"]["Name"] == "terminated"


def test_large_reservation_is_split_over_pages(ec2):
    ec2.run_instances(ImageId="ami-12345678", MinCount=7, MaxCount=7, InstanceType="t3.micro")
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(r["Instances"]) for page in pages for r in page["Reservations"]] == [5, 2]
    assert len({r["ReservationId"] for page in pages for r in page["Reservations"]}) == 1
