"""Every operation that the lab adds or replaces takes and gives what botocore's service model says."""

from __future__ import annotations

import datetime

import boto3
import pytest
from botocore.validate import ParamValidator

from tests.lab.shapes import missing_members, operation, unknown_members


class Recorder:
    """A boto3 client that keeps the last answer's body as it came over the wire, and checks each call."""

    def __init__(self, lab, service):
        environment = lab.environment()
        self.service = service
        self.seen: set[str] = set()
        self.client = boto3.client(
            service,
            endpoint_url=lab.endpoint,
            region_name="ap-southeast-2",
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )
        self.client.meta.events.register("before-parse", self._keep)

    def _keep(self, response_dict, **_):
        self.body = response_dict["body"]

    def __call__(self, name, **parameters):
        model = operation(self.service, name)
        # an operation without parameters has no shape of them
        assert not model.input_shape or not ParamValidator().validate(parameters, model.input_shape).has_errors()
        method = next(m for m, op in self.client.meta.method_to_api_mapping.items() if op == name)
        answer = getattr(self.client, method)(**parameters)
        assert missing_members(model.output_shape, answer) == []
        assert unknown_members(model, self.body) == []
        self.seen.add(name)
        return answer


def test_the_check_can_fail():
    model = operation("autoscaling", "DescribeInstanceRefreshes")
    wrong = (
        b"<DescribeInstanceRefreshesResponse><DescribeInstanceRefreshesResult><InstanceRefreshes><member>"
        b"<Nonsense>1</Nonsense></member></InstanceRefreshes></DescribeInstanceRefreshesResult>"
        b"</DescribeInstanceRefreshesResponse>"
    )
    assert unknown_members(model, wrong) == [".InstanceRefreshes[0].Nonsense"]
    model = operation("route53", "ListResourceRecordSets")
    lacking = missing_members(model.output_shape, {"ResourceRecordSets": [{"Name": "a"}], "X": 1})
    assert ".ResourceRecordSets[0].Type" in lacking
    assert ".X: unknown" in lacking
    model = operation("acm", "DescribeCertificate")
    assert unknown_members(model, b'{"Certificate": {"Nonsense": 1}}') == [".Certificate.Nonsense"]


def test_autoscaling(lab):
    call, ec2 = Recorder(lab, "autoscaling"), Recorder(lab, "ec2")
    subnet = lab.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    data = {"ImageId": "ami-12345678", "InstanceType": "t3.micro"}
    template = ec2("CreateLaunchTemplate", LaunchTemplateName="one", LaunchTemplateData=data)["LaunchTemplate"]
    template_id = template["LaunchTemplateId"]
    ec2("CreateLaunchTemplateVersion", LaunchTemplateId=template_id, SourceVersion="1", LaunchTemplateData=data)
    hook = {"AutoScalingGroupName": "app", "LifecycleHookName": "wait"}
    call(
        "CreateAutoScalingGroup",
        AutoScalingGroupName="app",
        MinSize=1,
        MaxSize=3,
        VPCZoneIdentifier=subnet,
        LaunchTemplate={"LaunchTemplateId": template_id, "Version": "1"},
        LifecycleHookSpecificationList=[
            {"LifecycleHookName": "wait", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
        ],
    )
    instance = call("DescribeAutoScalingInstances")["AutoScalingInstances"][0]["InstanceId"]
    call("RecordLifecycleActionHeartbeat", **hook, InstanceId=instance)
    call("CompleteLifecycleAction", **hook, InstanceId=instance, LifecycleActionResult="CONTINUE")
    call("PutLifecycleHook", **hook, HeartbeatTimeout=60)
    call("DescribeLifecycleHooks", AutoScalingGroupName="app")
    call("DeleteLifecycleHook", **hook)
    desired = {"LaunchTemplate": {"LaunchTemplateId": template_id, "Version": "2"}}
    call("StartInstanceRefresh", AutoScalingGroupName="app", DesiredConfiguration=desired)
    call("DescribeInstanceRefreshes", AutoScalingGroupName="app")
    call("RollbackInstanceRefresh", AutoScalingGroupName="app")
    call("DescribeInstanceRefreshes", AutoScalingGroupName="app")
    call("StartInstanceRefresh", AutoScalingGroupName="app")
    call("CancelInstanceRefresh", AutoScalingGroupName="app")
    call("DescribeAutoScalingGroups")
    call("DescribeScalingActivities", AutoScalingGroupName="app")
    call("UpdateAutoScalingGroup", AutoScalingGroupName="app", MaxSize=4)
    policy = call(
        "PutScalingPolicy",
        AutoScalingGroupName="app",
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
            "TargetValue": 50.0,
        },
    )
    call("DeletePolicy", AutoScalingGroupName="app", PolicyName=policy["PolicyARN"])
    call("TerminateInstanceInAutoScalingGroup", InstanceId=instance_of(call), ShouldDecrementDesiredCapacity=False)
    call("DeleteAutoScalingGroup", AutoScalingGroupName="app", ForceDelete=True)


def instance_of(call):
    return call("DescribeAutoScalingInstances")["AutoScalingInstances"][0]["InstanceId"]


def test_acm(lab):
    call = Recorder(lab, "acm")
    arn = call("RequestCertificate", DomainName="example.com", ValidationMethod="DNS")["CertificateArn"]
    call("DescribeCertificate", CertificateArn=arn)
    call("DescribeCertificate", CertificateArn=arn)
    call("ListCertificates")
    call("DeleteCertificate", CertificateArn=arn)


def test_route53(lab):
    call = Recorder(lab, "route53")
    zone = call("CreateHostedZone", Name="example.com", CallerReference="one")["HostedZone"]["Id"]
    record = {"Name": "a.example.com", "Type": "A", "TTL": 1, "ResourceRecords": [{"Value": "192.0.2.1"}]}

    def change(action):
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        return call("ChangeResourceRecordSets", HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"]["Id"]

    call("GetChange", Id=change("CREATE"))
    call("ListResourceRecordSets", HostedZoneId=zone)
    call("ListResourceRecordSets", HostedZoneId=zone, MaxItems="1")
    call("ListHostedZonesByName")
    change("DELETE")
    call("DeleteHostedZone", Id=zone)


def test_ec2(lab):
    call = Recorder(lab, "ec2")
    lab.populate_instances(7)
    token = call("DescribeInstances", MaxResults=5)["NextToken"]
    call("DescribeInstances", MaxResults=5, NextToken=token)
    vpc = lab.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    group = lab.client("ec2").create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    permission = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}
    for direction in ("Ingress", "Egress"):
        rule = call(f"AuthorizeSecurityGroup{direction}", GroupId=group, IpPermissions=[permission])
        rule_id = rule["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        call(
            f"UpdateSecurityGroupRuleDescriptions{direction}",
            GroupId=group,
            SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": rule_id, "Description": "x"}],
        )
        call(f"RevokeSecurityGroup{direction}", GroupId=group, SecurityGroupRuleIds=[rule_id])
    call("DescribeSecurityGroupRules", Filters=[{"Name": "group-id", "Values": [group]}])


def test_elbv2(lab):
    call = Recorder(lab, "elbv2")
    subnets = lab.client("ec2").describe_subnets()["Subnets"][:2]
    group = call("CreateTargetGroup", Name="one", Protocol="HTTP", Port=80, VpcId=subnets[0]["VpcId"])["TargetGroups"][
        0
    ]
    balancer = call("CreateLoadBalancer", Name="one", Subnets=[s["SubnetId"] for s in subnets])["LoadBalancers"][0]
    action = {"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}
    arn = balancer["LoadBalancerArn"]
    call("CreateListener", LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[action])
    call("DescribeLoadBalancers")
    call("DescribeTargetHealth", TargetGroupArn=group["TargetGroupArn"])
    call("DeleteLoadBalancer", LoadBalancerArn=arn)


@pytest.mark.parametrize("service", ["ssm"])
def test_parameters(lab, service):
    Recorder(lab, service)("GetParameter", Name="/aws/service/debian/release/12/latest/arm64")


def test_ses(lab):
    call, first = Recorder(lab, "sesv2"), Recorder(lab, "ses")
    call("CreateConfigurationSet", ConfigurationSetName="mds-campaign")
    stream = {"ConfigurationSetName": "mds-campaign"}
    call("PutConfigurationSetDeliveryOptions", **stream, TlsPolicy="REQUIRE")
    call("PutConfigurationSetReputationOptions", **stream, ReputationMetricsEnabled=True)
    call("PutConfigurationSetSendingOptions", **stream, SendingEnabled=True)
    call("PutConfigurationSetSuppressionOptions", **stream, SuppressedReasons=["BOUNCE"])
    call("PutConfigurationSetTrackingOptions", **stream, CustomRedirectDomain="t.example.com")
    call("PutConfigurationSetVdmOptions", **stream, VdmOptions={"DashboardOptions": {"EngagementMetrics": "DISABLED"}})
    bus = {"EventBridgeDestination": {"EventBusArn": "arn:aws:events:ap-southeast-2:123456789012:event-bus/default"}}
    destination = {"Enabled": True, "MatchingEventTypes": ["BOUNCE"], **bus}
    named = {**stream, "EventDestinationName": "events"}
    call("CreateConfigurationSetEventDestination", **named, EventDestination=destination)
    call("UpdateConfigurationSetEventDestination", **named, EventDestination=destination)
    call("GetConfigurationSetEventDestinations", **stream)
    call("DeleteConfigurationSetEventDestination", **named)
    call("GetConfigurationSet", **stream)
    call("ListConfigurationSets")

    identity = {"EmailIdentity": "example.com"}
    tags = [{"Key": "a", "Value": "b"}]
    call("CreateEmailIdentity", **identity, Tags=tags, **stream)
    call("PutEmailIdentityDkimAttributes", **identity, SigningEnabled=True)
    call("PutEmailIdentityDkimSigningAttributes", **identity, SigningAttributesOrigin="AWS_SES")
    call("PutEmailIdentityMailFromAttributes", **identity, MailFromDomain="mail.example.com")
    call("PutEmailIdentityFeedbackAttributes", **identity, EmailForwardingEnabled=True)
    call("PutEmailIdentityConfigurationSetAttributes", **identity, **stream)
    call("GetEmailIdentity", **identity)
    call("ListEmailIdentities")
    for kind in ("Dkim", "MailFromDomain", "Notification", "Verification"):
        first(f"GetIdentity{kind}Attributes", Identities=["example.com"])
    first("VerifyDomainIdentity", Domain="old.example.com")
    first("ListIdentities", IdentityType="Domain")
    first("DeleteIdentity", Identity="old.example.com")

    tenant = call("CreateTenant", TenantName="one", Tags=tags)["TenantArn"]
    account = tenant.split(":")[4]
    resource = f"arn:aws:ses:ap-southeast-2:{account}:identity/example.com"
    call("CreateTenantResourceAssociation", TenantName="one", ResourceArn=resource)
    call("ListTenantResources", TenantName="one")
    call("ListResourceTenants", ResourceArn=resource)
    call("GetTenant", TenantName="one")
    call("ListTenants")
    entity = {"ReputationEntityType": "RESOURCE", "ReputationEntityReference": tenant}
    call("UpdateReputationEntityCustomerManagedStatus", **entity, SendingStatus="DISABLED")
    call("GetReputationEntity", **entity)
    lab.observe_mail(tenants={"one": {"status": "DISABLED", "cause": "Spam", "impact": "HIGH", "sent": 9}})
    call("PutAccountVdmAttributes", VdmAttributes={"VdmEnabled": "ENABLED"})
    query = {"Id": "a", "Namespace": "VDM", "Metric": "SEND", "Dimensions": {"TENANT_NAME": "one"}}
    moments = {"StartDate": datetime.datetime(2026, 11, 1), "EndDate": datetime.datetime(2026, 11, 8)}
    call("BatchGetMetricData", Queries=[{**query, **moments}])
    call("ListReputationEntities")
    call("TagResource", ResourceArn=tenant, Tags=tags)
    call("ListTagsForResource", ResourceArn=tenant)
    call("UntagResource", ResourceArn=tenant, TagKeys=["a"])
    call("GetAccount")
    call("PutAccountDetails", MailType="TRANSACTIONAL", WebsiteURL="https://example.com", ProductionAccessEnabled=True)
    call("DeleteTenantResourceAssociation", TenantName="one", ResourceArn=resource)
    call("DeleteTenant", TenantName="one")
    call("DeleteEmailIdentity", **identity)
    call("DeleteConfigurationSet", **stream)


def test_iam(lab):
    call = Recorder(lab, "iam")
    arn = call.client.create_user(UserName="kim", Tags=[{"Key": "a", "Value": "b"}])["User"]["Arn"]
    document = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}'
    call.client.put_user_policy(UserName="kim", PolicyName="all", PolicyDocument=document)
    call.client.create_policy(PolicyName="all", PolicyDocument=document)
    call.client.create_group(GroupName="group")
    call.client.create_role(RoleName="role", AssumeRolePolicyDocument=document)
    call("GetAccountAuthorizationDetails", MaxItems=2)
    call("GetAccountAuthorizationDetails", Filter=["User", "LocalManagedPolicy"])
    call("GetAccountSummary")
    call("GenerateCredentialReport")
    call("GenerateCredentialReport")
    call("GetCredentialReport")
    job = call("GenerateServiceLastAccessedDetails", Arn=arn)["JobId"]
    call("GetServiceLastAccessedDetails", JobId=job)
    call("GetServiceLastAccessedDetails", JobId=job)


def test_dynamodb(lab):
    call, scaling = Recorder(lab, "dynamodb"), Recorder(lab, "application-autoscaling")
    throughput = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    hash_key = [{"AttributeName": "id", "KeyType": "HASH"}]
    range_key = [*hash_key, {"AttributeName": "at", "KeyType": "RANGE"}]
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "at")]
    call(
        "CreateTable",
        TableName="one",
        AttributeDefinitions=attributes,
        KeySchema=range_key,
        ProvisionedThroughput=throughput,
        LocalSecondaryIndexes=[
            {"IndexName": "local", "KeySchema": range_key, "Projection": {"ProjectionType": "KEYS_ONLY"}}
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "global",
                "KeySchema": [{"AttributeName": "at", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
                "ProvisionedThroughput": throughput,
            }
        ],
        SSESpecification={"Enabled": True, "SSEType": "KMS"},
        TableClass="STANDARD_INFREQUENT_ACCESS",
        Tags=[{"Key": "a", "Value": "b"}],
    )

    def active():
        for _look in range(4):
            found = call("DescribeTable", TableName="one")["Table"]
        return found

    arn = active()["TableArn"]
    lower = {"ReadCapacityUnits": 4, "WriteCapacityUnits": 5}
    call("UpdateTable", TableName="one", ProvisionedThroughput=lower)
    active()
    call("UpdateTable", TableName="one", BillingMode="PAY_PER_REQUEST")
    active()
    stream = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    call("UpdateTable", TableName="one", StreamSpecification=stream)
    active()
    call("UpdateTimeToLive", TableName="one", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ends"})
    call("DescribeTimeToLive", TableName="one")
    recovery = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7}
    with pytest.raises(call.client.exceptions.ContinuousBackupsUnavailableException):
        call("UpdateContinuousBackups", TableName="one", PointInTimeRecoverySpecification=recovery)
    call("UpdateContinuousBackups", TableName="one", PointInTimeRecoverySpecification=recovery)
    call("DescribeContinuousBackups", TableName="one")
    call("TagResource", ResourceArn=arn, Tags=[{"Key": "a", "Value": "c"}])
    call("ListTagsOfResource", ResourceArn=arn)
    of = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/one",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    scaling("RegisterScalableTarget", **of, MinCapacity=1, MaxCapacity=9)
    scaling("DescribeScalableTargets", ServiceNamespace="dynamodb")
    scaling("DeregisterScalableTarget", **of)
    call("DeleteTable", TableName="one")


def test_s3(lab):
    call = Recorder(lab, "s3")
    who = {"Bucket": "one", "ExpectedBucketOwner": "123456789012"}
    tags = [{"Key": "Team", "Value": "one"}]
    call("CreateBucket", Bucket="one", CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2", "Tags": tags})
    call("ListBuckets", MaxBuckets=1)
    call("PutBucketVersioning", **who, VersioningConfiguration={"Status": "Enabled"})
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Years": 1}}}
    call("PutObjectLockConfiguration", **who, ObjectLockConfiguration=lock)
    call("GetObjectLockConfiguration", **who)
    rule = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 3}}
    call("PutBucketLifecycleConfiguration", **who, LifecycleConfiguration={"Rules": [rule]})
    call("GetBucketLifecycleConfiguration", **who)
    call("PutBucketNotificationConfiguration", **who, NotificationConfiguration={"EventBridgeConfiguration": {}})
    call("GetBucketNotificationConfiguration", **who)
    call("ListObjectVersions", **who)
