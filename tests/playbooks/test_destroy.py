"""`destroy` asks for the platform's name, stops before the first change at what is protected or not ours, and leaves
the account as `provision` found it."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

import pytest

from tests.playbooks.runner import Run, account, run_playbook

pytestmark = pytest.mark.once

CONFIRMED = {"destroy_confirm": "mds"}
OURS = [{"Name": "tag:mydigitalstructure:platform", "Values": ["mds"]}]


@dataclass
class Platform:
    """A converged platform in an account where somebody else has things too."""

    lab: object
    playbook: functools.partial
    before: dict[str, list]
    """The account before the platform came."""

    def refusal(self, **variables) -> str:
        """The one sentence with which `destroy` refuses; nothing is changed meanwhile."""
        self.lab.clear_calls()
        run: Run = self.playbook("destroy", variables={**CONFIRMED, **variables})
        assert run.status != 0
        assert "Traceback" not in run.output
        assert self.lab.mutating() == []
        (sentence,) = [result["msg"] for result in run.results if result.get("failed")]
        assert sentence.endswith(".") and "\n" not in sentence
        return sentence

    def provision(self, **variables) -> None:
        run: Run = self.playbook("provision", variables=variables)
        assert run.status == 0, run.failure()

    def foreign_is_unchanged(self) -> None:
        """Everything that was there before the platform is there still, as it was."""
        now = account()
        for kind, items in self.before.items():
            assert [item for item in items if item not in now[kind]] == [], kind


def plant(lab) -> None:
    """Things of somebody else, some of them called as ours are."""
    ec2, elb, dns = lab.client("ec2"), lab.client("elbv2"), lab.client("route53")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{n}.0/24", AvailabilityZone=f"ap-southeast-2{'ab'[n]}")
        for n in (0, 1)
    ]
    subnet_ids = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    group = ec2.create_security_group(VpcId=vpc, GroupName="mds-app", Description="Somebody else's")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="192.0.2.0/24")
    ec2.run_instances(
        ImageId="ami-760aaa0f",
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet_ids[0],
        SecurityGroupIds=[group],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "mds-file"}]}],
    )
    targets = elb.create_target_group(Name="foreign", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]
    balancer = elb.create_load_balancer(Name="foreign", Subnets=subnet_ids, SecurityGroups=[group])["LoadBalancers"][0]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": targets["TargetGroupArn"]}],
    )
    lab.client("dynamodb").create_table(
        TableName="mds-foreign",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "Owner", "Value": "somebody else"}],
    )
    lab.client("dynamodb").describe_table(TableName="mds-foreign")  # with the first look it is ACTIVE
    zone = dns.create_hosted_zone(Name="foreign.example", CallerReference="theirs")["HostedZone"]["Id"]
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=text_record("CREATE", "www.foreign.example"))
    s3 = lab.client("s3")
    s3.create_bucket(Bucket="mds-foreign", CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"})
    s3.put_object(Bucket="mds-foreign", Key="theirs", Body=b"1")


def text_record(verb: str, name: str) -> dict:
    """A change batch of one TXT record."""
    record = {"Name": name, "Type": "TXT", "TTL": 300, "ResourceRecords": [{"Value": '"not ours"'}]}
    return {"Changes": [{"Action": verb, "ResourceRecordSet": record}]}


@pytest.fixture(scope="module")
def platform(lab_server, tmp_path_factory):
    """One platform for all of these tests, in their order: the second takes its protection off, the last removes it."""
    lab_server.reset()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
            patch.delenv(name)
        for name, value in lab_server.environment().items():
            patch.setenv(name, value)
        plant(lab_server)
        playbook = functools.partial(run_playbook, tmp_path_factory.mktemp("destroy"))
        made = Platform(lab_server, playbook, account())
        made.provision(balancers_deletion_protection=True, fleet_termination_protection=True)
        yield made


def test_nothing_is_looked_at_unless_the_name_is_typed(platform):
    for given in ({}, {"destroy_confirm": ""}, {"destroy_confirm": "mdss"}, {"destroy_confirm": True}):
        platform.lab.clear_calls()
        run = platform.playbook("destroy", variables=given)
        assert run.status != 0
        assert platform.lab.mutating() == []
        # no module of ours has run; what was called is the inventory's sweep
        assert {result["action"] for result in run.results if "action" in result} == {"ansible.builtin.assert"}
        assert run.failure().startswith("destroy_confirm: ") and "-e destroy_confirm=mds" in run.failure()


def test_protection_stops_the_removal_before_anything_is_gone(platform):
    platform.foreign_is_unchanged()
    sentence = platform.refusal()
    assert "termination protection" in sentence and "instance admin" in sentence

    # once it is off the instances, that of the balancers is seen; with neither, the removal can be planned
    ec2, elb = platform.lab.client("ec2"), platform.lab.client("elbv2")
    for reservation in ec2.describe_instances(Filters=OURS)["Reservations"]:
        for instance in reservation["Instances"]:
            ec2.modify_instance_attribute(InstanceId=instance["InstanceId"], DisableApiTermination={"Value": False})
    sentence = platform.refusal()
    assert "deletion protection is on for" in sentence and "webapi-1" in sentence

    for balancer in elb.describe_load_balancers()["LoadBalancers"]:
        if balancer["LoadBalancerName"] == "foreign":
            continue
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}],
        )
    plan = platform.playbook("destroy", "--check", variables=CONFIRMED)
    assert plan.status == 0, plan.failure()


def test_a_table_that_is_protected_or_holds_something_stops_the_removal(platform):
    dynamodb = platform.lab.client("dynamodb")

    def protect(on: bool) -> None:
        dynamodb.update_table(TableName="mds-audit", DeletionProtectionEnabled=on)
        while dynamodb.describe_table(TableName="mds-audit")["Table"]["TableStatus"] != "ACTIVE":
            pass

    protect(True)
    try:
        sentence = platform.refusal()
    finally:
        protect(False)
    assert "deletion protection is on for audit" in sentence

    dynamodb.put_item(TableName="mds-sessions", Item={"id": {"S": "one"}})
    sentence = platform.refusal(tables_delete_with_data=["counters"])
    assert "sessions holds items" in sentence and "delete_with_data" in sentence
    named = {**CONFIRMED, "tables_delete_with_data": ["sessions"]}
    plan = platform.playbook("destroy", "--check", variables=named)
    assert plan.status == 0, plan.failure()
    assert ("table", "sessions") in plan.actions()
    dynamodb.delete_item(TableName="mds-sessions", Key={"id": {"S": "one"}})


def test_a_foreign_record_in_our_zone_stops_the_removal(platform):
    dns = platform.lab.client("route53")
    zones = dns.list_hosted_zones_by_name(DNSName="mydigitalstructure.com")["HostedZones"]
    zone, name = zones[0]["Id"], "theirs.mydigitalstructure.com"
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=text_record("CREATE", name))
    try:
        sentence = platform.refusal()
        plan = platform.playbook("destroy", "--check", variables={**CONFIRMED, "dns_destroy_purge": True})
    finally:
        dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=text_record("DELETE", name))
    assert f"{name} TXT" in sentence
    assert plan.status == 0, plan.failure()
    assert any(name in key[1] for key in plan.actions()), sorted(plan.actions())


def test_a_bucket_that_holds_something_stops_the_removal_unless_it_is_named(platform):
    s3 = platform.lab.client("s3")
    (name,) = [item["Name"] for item in s3.list_buckets()["Buckets"] if item["Name"].endswith("-attachments")]
    version = s3.put_object(Bucket=name, Key="invoice.pdf", Body=b"1")["VersionId"]
    try:
        sentence = platform.refusal()
        named = {**CONFIRMED, "buckets_delete_with_objects": ["attachments", "logs"]}
        plan = platform.playbook("destroy", "--check", variables=named)
    finally:
        s3.delete_object(Bucket=name, Key="invoice.pdf", VersionId=version)
    assert sentence.startswith(f"delete_with_objects: attachments ({name}) would be deleted")
    assert plan.status == 0, plan.failure()
    assert plan.actions()["bucket", "attachments"]["objects"] == "deleted with it"


def test_a_foreign_network_interface_in_our_vpc_stops_the_removal(platform):
    ec2 = platform.lab.client("ec2")
    mine = [{"Name": "tag:mydigitalstructure:name", "Values": ["data-a"]}]
    subnet = ec2.describe_subnets(Filters=mine)["Subnets"][0]
    made = ec2.create_network_interface(SubnetId=subnet["SubnetId"], Description="a database")["NetworkInterface"]
    try:
        sentence = platform.refusal()
    finally:
        ec2.delete_network_interface(NetworkInterfaceId=made["NetworkInterfaceId"])
    assert made["NetworkInterfaceId"] in sentence and subnet["VpcId"] in sentence


def test_the_account_is_left_as_it_was_found(platform):
    platform.foreign_is_unchanged()
    dns = platform.lab.client("route53")
    zones = dns.list_hosted_zones_by_name(DNSName="1blankspace.com")["HostedZones"]
    dns.change_resource_record_sets(
        HostedZoneId=zones[0]["Id"], ChangeBatch=text_record("CREATE", "theirs.1blankspace.com")
    )
    run = platform.playbook("destroy", variables={**CONFIRMED, "dns_destroy_purge": True})
    assert run.status == 0, run.failure()
    assert account() == platform.before

    platform.lab.clear_calls()
    again = platform.playbook("destroy", variables=CONFIRMED)
    assert again.status == 0, again.failure()
    assert again.stats["changed"] == 0
    assert platform.lab.mutating() == []
