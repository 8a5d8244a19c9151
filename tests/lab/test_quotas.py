"""The buckets by themselves with a clock of our own, and the errors as botocore sees them."""

from __future__ import annotations

import botocore.config
import pytest
from botocore.exceptions import ClientError

from tests.lab.calls import Identity
from tests.lab.clock import Clock
from tests.lab.quotas import Quotas


class Time:
    """A clock that stands still unless told."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def time():
    return Time()


def identity(service, operation, region="ap-southeast-2", narrowed=False):
    return Identity(service, operation, region, "KEY", narrowed=narrowed)


def burst(quotas, what, account="1", tries=200):
    """How many calls pass at one moment."""
    return sum(quotas.admit(account, what) is None for _turn in range(tries))


@pytest.mark.parametrize(
    ("what", "capacity", "refill"),
    [
        (identity("route53", "ListHostedZones"), 50, 10),
        (identity("route53", "ChangeResourceRecordSets"), 50, 10),
        (identity("route53", "CreateHostedZone"), 40, 2),
        (identity("ses", "VerifyDomainDkim"), 1, 1),
        (identity("sesv2", "CreateEmailIdentity"), 1, 1),
        (identity("ec2", "DescribeVpcs", narrowed=True), 100, 20),
        (identity("ec2", "DescribeVpcs"), 50, 10),
        (identity("ec2", "CreateVpc"), 50, 5),
        (identity("acm", "RequestCertificate"), 20, 10),
        (identity("ses", "SendEmail"), 20, 10),
    ],
)
def test_rows(time, what, capacity, refill):
    quotas = Quotas(Clock(time), "throttle")
    assert burst(quotas, what) == capacity
    time.seconds += 1
    assert burst(quotas, what) == min(refill, capacity)
    time.seconds += 3600
    assert burst(quotas, what) == capacity


def test_buckets_are_apart(time):
    quotas = Quotas(Clock(time), "throttle")
    assert burst(quotas, identity("acm", "ListCertificates")) == 20
    assert burst(quotas, identity("acm", "DescribeCertificate")) == 20
    assert burst(quotas, identity("acm", "ListCertificates", region="us-east-1")) == 20
    assert burst(quotas, identity("acm", "ListCertificates"), account="2") == 20
    assert burst(quotas, identity("route53", "ListHostedZones"), tries=30) == 30
    assert burst(quotas, identity("route53", "GetChange", region="us-east-1")) == 20


def test_virtual_mode_counts_instead_of_refusing(time):
    quotas = Quotas(Clock(time), "virtual")
    assert burst(quotas, identity("route53", "ChangeResourceRecordSets"), tries=150) == 150
    assert quotas.virtual_seconds == pytest.approx(10.0, abs=0.01)
    assert quotas.clock.advanced == pytest.approx(10.0, abs=0.01)
    assert quotas.held == {"Route 53, all operations of an account": 100}
    quotas.reset()
    assert quotas.virtual_seconds == 0


def test_off_admits_all(time):
    assert burst(Quotas(Clock(time)), identity("ses", "VerifyDomainDkim")) == 200


@pytest.mark.parametrize(
    ("service", "operation", "options", "code", "status"),
    [
        ("route53", "list_hosted_zones", {}, "Throttling", 400),
        ("ses", "get_send_quota", {}, "Throttling", 400),
        ("sesv2", "list_email_identities", {}, "TooManyRequestsException", 429),
        ("ec2", "describe_vpcs", {}, "RequestLimitExceeded", 503),
        ("autoscaling", "describe_auto_scaling_groups", {}, "Throttling", 400),
        ("acm", "list_certificates", {}, "ThrottlingException", 400),
    ],
)
def test_errors_as_botocore_sees_them(lab, service, operation, options, code, status):
    lab.quotas("throttle")
    try:
        with pytest.raises(ClientError) as error:
            for _turn in range(200):
                getattr(lab.client(service), operation)(**options)
    finally:
        lab.quotas("off")
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert lab.calls()[-1]["error"] == code


def test_botocore_repeats_what_is_throttled(lab):
    import boto3

    environment = lab.environment()
    # one call a second, which no machine is too slow for
    ses = boto3.client(
        "ses",
        endpoint_url=lab.endpoint,
        region_name="ap-southeast-2",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 8}),
    )
    lab.quotas("throttle")
    try:
        for _turn in range(4):
            ses.list_identities()
    finally:
        lab.quotas("off")
    assert {call["error"] for call in lab.calls()} == {None, "Throttling"}


def test_virtual_mode_over_the_wire(lab):
    lab.quotas("virtual")
    try:
        for _turn in range(30):
            lab.client("acm").list_certificates()
        waited = lab.virtual_seconds()
    finally:
        lab.quotas("off")
    assert 0 < waited <= 1
    assert {call["error"] for call in lab.calls()} == {None}
