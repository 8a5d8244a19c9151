"""Certificates in the lab are issued when their records are there, and not before."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def acm(lab):
    return lab.client("acm")


def request(acm, domain="example.com", names=("*.example.com", "www.example.com"), **more):
    options = {"ValidationMethod": "DNS", "SubjectAlternativeNames": [domain, *names], **more}
    return acm.request_certificate(DomainName=domain, **options)["CertificateArn"]


def describe(acm, arn):
    return acm.describe_certificate(CertificateArn=arn)["Certificate"]


def publish(lab, *records, zone="example.com"):
    dns = lab.client("route53")
    zone_id = dns.create_hosted_zone(Name=zone, CallerReference=zone)["HostedZone"]["Id"]
    for record in records:
        record_set = {
            "Name": record["Name"],
            "Type": record["Type"],
            "TTL": 60,
            "ResourceRecords": [{"Value": record["Value"]}],
        }
        dns.change_resource_record_sets(
            HostedZoneId=zone_id, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record_set}]}
        )
    return zone_id


def records(acm, arn):
    describe(acm, arn)
    return {o["DomainName"]: o["ResourceRecord"] for o in describe(acm, arn)["DomainValidationOptions"]}


def test_issued_when_every_record_is_there(lab, acm):
    arn = request(acm)
    first = describe(acm, arn)
    assert first["Status"] == "PENDING_VALIDATION"
    assert not any("ResourceRecord" in option for option in first["DomainValidationOptions"])
    assert "NotAfter" not in first
    wanted = records(acm, arn)
    assert wanted["example.com"] == wanted["*.example.com"] != wanted["www.example.com"]
    assert list(wanted) == ["example.com", "*.example.com", "www.example.com"]
    zone = publish(lab, wanted["example.com"])
    partly = {o["DomainName"]: o["ValidationStatus"] for o in describe(acm, arn)["DomainValidationOptions"]}
    assert partly == {"example.com": "SUCCESS", "*.example.com": "SUCCESS", "www.example.com": "PENDING_VALIDATION"}
    lab.client("route53").change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={
            "Changes": [
                {
                    "Action": "CREATE",
                    "ResourceRecordSet": {
                        "Name": wanted["www.example.com"]["Name"],
                        "Type": "CNAME",
                        "TTL": 60,
                        "ResourceRecords": [{"Value": wanted["www.example.com"]["Value"]}],
                    },
                }
            ]
        },
    )
    issued = acm.list_certificates(CertificateStatuses=["ISSUED"])["CertificateSummaryList"]
    assert [summary["CertificateArn"] for summary in issued] == [arn]
    assert describe(acm, arn)["IssuedAt"]
    assert "BEGIN CERTIFICATE" in acm.get_certificate(CertificateArn=arn)["Certificate"]


def test_wrong_value_does_not_issue(lab, acm):
    arn = request(acm, names=())
    publish(lab, {**records(acm, arn)["example.com"], "Value": "_other.acm-validations.aws."})
    assert describe(acm, arn)["Status"] == "PENDING_VALIDATION"
    with pytest.raises(acm.exceptions.RequestInProgressException):
        acm.get_certificate(CertificateArn=arn)


def test_times_out_after_72_hours(lab, acm):
    arn = request(acm)
    lab.advance(72 * 3600 + 1)
    assert describe(acm, arn)["Status"] == "VALIDATION_TIMED_OUT"


def test_list_honours_key_types_and_status(acm):
    rsa, ec = request(acm), request(acm, domain="example.net", names=(), KeyAlgorithm="EC_prime256v1")

    def listed(**options):
        return [c["CertificateArn"] for c in acm.list_certificates(**options)["CertificateSummaryList"]]

    assert listed() == [rsa]
    assert listed(Includes={"keyTypes": ["EC_prime256v1", "RSA_2048"]}) == [rsa, ec]
    assert listed(CertificateStatuses=["ISSUED"]) == []
    pages = acm.get_paginator("list_certificates").paginate(
        Includes={"keyTypes": ["EC_prime256v1", "RSA_2048"]}, PaginationConfig={"PageSize": 1}
    )
    assert [len(page["CertificateSummaryList"]) for page in pages] == [1, 1]


def test_same_token_is_the_same_certificate(acm):
    assert request(acm, IdempotencyToken="one") == request(acm, IdempotencyToken="one")
    assert request(acm, IdempotencyToken="one") != request(acm, names=(), IdempotencyToken="one")


def test_certificate_in_use_stays(lab, acm):
    arn = request(acm, names=())
    publish(lab, records(acm, arn)["example.com"])
    ec2, elb = lab.client("ec2"), lab.client("elbv2")
    subnets = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]][:2]
    balancer = elb.create_load_balancer(Name="one", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    elb.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": arn}],
        DefaultActions=[action],
    )
    assert describe(acm, arn)["InUseBy"] == [balancer]
    with pytest.raises(ClientError, match="ResourceInUse"):
        acm.delete_certificate(CertificateArn=arn)
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    acm.delete_certificate(CertificateArn=arn)
    with pytest.raises(acm.exceptions.ResourceNotFoundException):
        describe(acm, arn)
