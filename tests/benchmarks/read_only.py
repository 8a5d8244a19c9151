"""One process that only reads the platform with boto3, call after call: what a no-op costs at the least.

It asks for everything of the platform that a converge has to compare, with list and describe calls and nothing
clever: no concurrency, no Ansible. ``python -m tests.benchmarks.read_only`` prints a JSON object: calls, seconds,
things (how many resources of each kind were read).
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter

import boto3


class Reader:
    """Counts the calls that its clients make and the things that they return."""

    def __init__(self):
        self._session = boto3.session.Session()
        self._clients: dict = {}
        self.calls = 0
        self.things: Counter = Counter()

    def client(self, service: str):
        if service not in self._clients:
            client = self._session.client(service)
            client.meta.events.register("before-send", self._sent)
            self._clients[service] = client
        return self._clients[service]

    def _sent(self, **_arguments) -> None:
        self.calls += 1

    def one(self, service: str, operation: str, **arguments) -> dict:
        """The answer of a call that has no pages."""
        return getattr(self.client(service), operation)(**arguments)

    def all(self, service: str, operation: str, key: str, **arguments) -> list:
        """What all pages of a call hold under a key."""
        client = self.client(service)
        if client.can_paginate(operation):
            pages = client.get_paginator(operation).paginate(**arguments)
        else:
            pages = [self.one(service, operation, **arguments)]
        found = [item for page in pages for item in page.get(key, [])]
        self.things[f"{service}:{key}"] += len(found)
        return found


def network(reader: Reader) -> None:
    vpcs = reader.all("ec2", "describe_vpcs", "Vpcs", Filters=[{"Name": "is-default", "Values": ["false"]}])
    for vpc in vpcs:
        for attribute in ("enableDnsSupport", "enableDnsHostnames"):
            reader.one("ec2", "describe_vpc_attribute", VpcId=vpc["VpcId"], Attribute=attribute)
    ids = [vpc["VpcId"] for vpc in vpcs]
    inside = [{"Name": "vpc-id", "Values": ids}]
    for operation, key in (
        ("describe_subnets", "Subnets"),
        ("describe_route_tables", "RouteTables"),
        ("describe_vpc_endpoints", "VpcEndpoints"),
        ("describe_security_groups", "SecurityGroups"),
    ):
        reader.all("ec2", operation, key, Filters=inside)
    reader.all("ec2", "describe_security_group_rules", "SecurityGroupRules")
    attached = [{"Name": "attachment.vpc-id", "Values": ids}]
    reader.all("ec2", "describe_internet_gateways", "InternetGateways", Filters=attached)
    reader.all("ec2", "describe_nat_gateways", "NatGateways", Filter=inside)
    reader.all("ec2", "describe_flow_logs", "FlowLogs")
    reader.all("ec2", "describe_addresses", "Addresses")


def certificates(reader: Reader) -> None:
    for certificate in reader.all("acm", "list_certificates", "CertificateSummaryList"):
        arn = certificate["CertificateArn"]
        reader.one("acm", "describe_certificate", CertificateArn=arn)
        reader.one("acm", "list_tags_for_certificate", CertificateArn=arn)


def balancers(reader: Reader) -> None:
    arns = []
    for balancer in reader.all("elbv2", "describe_load_balancers", "LoadBalancers"):
        arn = balancer["LoadBalancerArn"]
        reader.one("elbv2", "describe_load_balancer_attributes", LoadBalancerArn=arn)
        listeners = reader.all("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn)
        for listener in listeners:
            reader.all("elbv2", "describe_rules", "Rules", ListenerArn=listener["ListenerArn"])
        arns += [arn, *(listener["ListenerArn"] for listener in listeners)]
    for group in reader.all("elbv2", "describe_target_groups", "TargetGroups"):
        arn = group["TargetGroupArn"]
        reader.one("elbv2", "describe_target_group_attributes", TargetGroupArn=arn)
        arns.append(arn)
    for start in range(0, len(arns), 20):
        reader.one("elbv2", "describe_tags", ResourceArns=arns[start : start + 20])


def dns(reader: Reader) -> None:
    zones = [zone["Id"].rpartition("/")[2] for zone in reader.all("route53", "list_hosted_zones", "HostedZones")]
    for zone in zones:
        reader.one("route53", "get_hosted_zone", Id=zone)
        reader.all("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone)
    if zones:
        reader.one("route53", "list_tags_for_resources", ResourceType="hostedzone", ResourceIds=zones)


def hosts(reader: Reader) -> None:
    for role in reader.all("iam", "list_roles", "Roles"):
        name = role["RoleName"]
        reader.one("iam", "get_role", RoleName=name)
        reader.all("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
        reader.all("iam", "list_role_policies", "PolicyNames", RoleName=name)
    for profile in reader.all("iam", "list_instance_profiles", "InstanceProfiles"):
        reader.one("iam", "get_instance_profile", InstanceProfileName=profile["InstanceProfileName"])
    for template in reader.all("ec2", "describe_launch_templates", "LaunchTemplates"):
        identifier = template["LaunchTemplateId"]
        reader.all("ec2", "describe_launch_template_versions", "LaunchTemplateVersions", LaunchTemplateId=identifier)
    for group in reader.all("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
        name = {"AutoScalingGroupName": group["AutoScalingGroupName"]}
        reader.all("autoscaling", "describe_policies", "ScalingPolicies", **name)
        reader.all("autoscaling", "describe_scheduled_actions", "ScheduledUpdateGroupActions", **name)
        reader.all("autoscaling", "describe_lifecycle_hooks", "LifecycleHooks", **name)
        reader.all("autoscaling", "describe_instance_refreshes", "InstanceRefreshes", **name)
    found = reader.all("ec2", "describe_instances", "Reservations")
    volumes = [
        device["Ebs"]["VolumeId"]
        for reservation in found
        for instance in reservation["Instances"]
        for device in instance.get("BlockDeviceMappings", [])
    ]
    if volumes:
        reader.all("ec2", "describe_volumes", "Volumes", VolumeIds=volumes)


def main() -> int:
    begun = time.perf_counter()
    reader = Reader()
    for part in (network, certificates, balancers, dns, hosts):
        part(reader)
    seconds = round(time.perf_counter() - begun, 3)
    print(json.dumps({"calls": reader.calls, "seconds": seconds, "things": reader.things}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
