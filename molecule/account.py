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
    found, token = [], {}
    while True:
        # SES v2 has tokens, but botocore no paginators for it
        page = getattr(client, operation)(**arguments, **token)
        found += page[key]
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


def mail() -> dict[str, list]:
    """What mail needs: SES's domains and streams, topics, queues and secrets."""
    ses, sns, sqs, secrets = (boto3.client(name) for name in ("sesv2", "sns", "sqs", "secretsmanager"))
    held = {}
    held["EmailIdentities"] = [
        {"name": item["IdentityName"], **ses.get_email_identity(EmailIdentity=item["IdentityName"])}
        for item in listed(ses, "list_email_identities", "EmailIdentities")
    ]
    held["SesTenants"] = listed(ses, "list_tenants", "Tenants")
    sets = [{"ConfigurationSetName": name} for name in listed(ses, "list_configuration_sets", "ConfigurationSets")]
    held["ConfigurationSets"] = [ses.get_configuration_set(**one) for one in sets]
    held["EventDestinations"] = [
        destination
        for one in sets
        for destination in ses.get_configuration_set_event_destinations(**one)["EventDestinations"]
    ]
    held["Topics"] = [
        sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]
        for topic in listed(sns, "list_topics", "Topics")
    ]
    held["Subscriptions"] = listed(sns, "list_subscriptions", "Subscriptions")
    held["Queues"] = [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy", "MessageRetentionPeriod", "QueueArn"])[
            "Attributes"
        ]
        for page in sqs.get_paginator("list_queues").paginate()
        for url in page.get("QueueUrls", [])
    ]
    held["Secrets"] = listed(secrets, "list_secrets", "SecretList")
    return held


def databases() -> dict[str, list]:
    """RDS: instances with what holds them, and snapshots that somebody made; not the groups that RDS itself makes."""
    rds = boto3.client("rds")
    held = {
        key: listed(rds, operation, key)
        for operation, key in {
            "describe_db_instances": "DBInstances",
            "describe_db_subnet_groups": "DBSubnetGroups",
            "describe_db_parameter_groups": "DBParameterGroups",
        }.items()
    }
    for instance in held["DBInstances"]:
        # the time of the last look
        instance.pop("LatestRestorableTime", None)
    held["DBParameterGroups"] = [
        {
            **group,
            "Parameters": listed(rds, "describe_db_parameters", "Parameters", **{name: group[name], "Source": "user"}),
        }
        for name in ["DBParameterGroupName"]
        for group in held["DBParameterGroups"]
        if not group[name].startswith("default.")
    ]
    held["DBSnapshots"] = listed(rds, "describe_db_snapshots", "DBSnapshots", SnapshotType="manual")
    return held


def backups() -> dict[str, list]:
    """AWS Backup: vaults and plans; not what it did."""
    backup = boto3.client("backup")
    return {
        "BackupVaults": listed(backup, "list_backup_vaults", "BackupVaultList"),
        "BackupPlans": listed(backup, "list_backup_plans", "BackupPlansList"),
    }


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
    dynamodb, capacity = boto3.client("dynamodb"), boto3.client("application-autoscaling")
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
    mine = [{"Name": "owner-id", "Values": [boto3.client("sts").get_caller_identity()["Account"]]}]
    held["Snapshots"] = listed(ec2, "describe_snapshots", "Snapshots", Filters=mine)
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
    held["Tables"] = [
        dynamodb.describe_table(TableName=name)["Table"] for name in listed(dynamodb, "list_tables", "TableNames")
    ]
    held["ScalingPolicies"] = listed(
        capacity, "describe_scaling_policies", "ScalingPolicies", ServiceNamespace="dynamodb"
    )
    held["Buckets"] = [bucket(s3, item["Name"]) for item in s3.list_buckets()["Buckets"]]
    held["Roles"] = listed(iam, "list_roles", "Roles")
    held["Users"] = listed(iam, "list_users", "Users")
    held["Groups"] = listed(iam, "list_groups", "Groups")
    held["Memberships"] = [
        {"group": group["GroupName"], "user": user["UserName"]}
        for group in held["Groups"]
        for user in iam.get_group(GroupName=group["GroupName"])["Users"]
    ]
    held["Policies"] = listed(iam, "list_policies", "Policies", Scope="Local")
    held["VirtualMFADevices"] = listed(iam, "list_virtual_mfa_devices", "VirtualMFADevices")
    held["InstanceProfiles"] = listed(iam, "list_instance_profiles", "InstanceProfiles")
    held["RolePolicies"] = [
        iam.get_role_policy(RoleName=role["RoleName"], PolicyName=policy)
        for role in held["Roles"]
        for policy in listed(iam, "list_role_policies", "PolicyNames", RoleName=role["RoleName"])
    ]
    held["UserPolicies"] = [
        iam.get_user_policy(UserName=user["UserName"], PolicyName=policy)
        for user in held["Users"]
        for policy in listed(iam, "list_user_policies", "PolicyNames", UserName=user["UserName"])
    ]
    held["AccessKeys"] = [
        key
        for user in held["Users"]
        for key in listed(iam, "list_access_keys", "AccessKeyMetadata", UserName=user["UserName"])
    ]
    held |= mail() | databases() | backups()
    for items in held.values():
        for item in items:
            item.pop("ResponseMetadata", None)
    return {
        kind: sorted((json.loads(json.dumps(item, default=str, sort_keys=True)) for item in items), key=json.dumps)
        for kind, items in sorted(held.items())
    }


if __name__ == "__main__":
    print(json.dumps(account(), indent=1, sort_keys=True))
