"""Everything that an account holds, as sorted JSON on standard output: what a scenario compares before and after.

Plain boto3, and nothing of the collection. What AWS keeps showing after its end (terminated instances, deleted NAT
gateways) is left out.
"""

from __future__ import annotations

import json

import boto3
import botocore.exceptions


def listed(client, operation: str, key: str, **arguments) -> list[dict]:
    if client.can_paginate(operation):
        return [item for page in client.get_paginator(operation).paginate(**arguments) for item in page[key]]
    return getattr(client, operation)(**arguments)[key]


def bucket(s3, name: str) -> dict:
    """A bucket with its settings; those that it does not have are null."""
    told = {"Name": name}
    for aspect in (
        "bucket_tagging",
        "bucket_versioning",
        "bucket_encryption",
        "public_access_block",
        "bucket_policy",
        "bucket_lifecycle_configuration",
        "bucket_cors",
        "bucket_logging",
        "bucket_notification_configuration",
        "object_lock_configuration",
        "bucket_ownership_controls",
    ):
        try:
            answer = getattr(s3, f"get_{aspect}")(Bucket=name)
        except botocore.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            answer = {}
        told[aspect] = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    return told


def account() -> dict[str, list]:
    ec2, elb, dns = boto3.client("ec2"), boto3.client("elbv2"), boto3.client("route53")
    s3 = boto3.client("s3")
    acm, scaling, iam = boto3.client("acm"), boto3.client("autoscaling"), boto3.client("iam")
    held = {
        key: listed(ec2, operation, key)
        for operation, key in {
            "describe_vpcs": "Vpcs",
            "describe_subnets": "Subnets",
            "describe_route_tables": "RouteTables",
            "describe_internet_gateways": "InternetGateways",
            "describe_addresses": "Addresses",
            "describe_security_groups": "SecurityGroups",
            "describe_network_interfaces": "NetworkInterfaces",
            "describe_volumes": "Volumes",
            "describe_launch_templates": "LaunchTemplates",
            "describe_flow_logs": "FlowLogs",
        }.items()
    }
    held["NatGateways"] = [
        gateway for gateway in listed(ec2, "describe_nat_gateways", "NatGateways") if gateway["State"] != "deleted"
    ]
    held["VpcEndpoints"] = [
        point for point in listed(ec2, "describe_vpc_endpoints", "VpcEndpoints") if point["State"] != "deleted"
    ]
    held["Instances"] = [
        instance
        for reservation in listed(ec2, "describe_instances", "Reservations")
        for instance in reservation["Instances"]
        if instance["State"]["Name"] not in ("terminated", "shutting-down")
    ]
    held["LoadBalancers"] = listed(elb, "describe_load_balancers", "LoadBalancers")
    held["Listeners"] = [
        listener
        for balancer in held["LoadBalancers"]
        for listener in listed(elb, "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"])
    ]
    held["TargetGroups"] = listed(elb, "describe_target_groups", "TargetGroups")
    held["HostedZones"] = listed(dns, "list_hosted_zones", "HostedZones")
    held["ResourceRecordSets"] = [
        {"zone": zone["Name"], **record}
        for zone in held["HostedZones"]
        for record in listed(dns, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["Id"])
    ]
    held["Certificates"] = listed(acm, "list_certificates", "CertificateSummaryList")
    held["AutoScalingGroups"] = listed(scaling, "describe_auto_scaling_groups", "AutoScalingGroups")
    held["Buckets"] = [bucket(s3, item["Name"]) for item in s3.list_buckets()["Buckets"]]
    held["Roles"] = listed(iam, "list_roles", "Roles")
    held["InstanceProfiles"] = listed(iam, "list_instance_profiles", "InstanceProfiles")
    return {
        kind: sorted((json.loads(json.dumps(item, default=str, sort_keys=True)) for item in items), key=json.dumps)
        for kind, items in sorted(held.items())
    }


if __name__ == "__main__":
    print(json.dumps(account(), indent=1, sort_keys=True))
