"""The module certificates against the embedded AWS; what it made is looked at with plain boto3."""

from __future__ import annotations

import pytest

WEB = {"name": "webapi", "domain": "Example.com.", "alternative_names": ["*.example.com", "www.example.com"]}
SHOP = {"name": "retail", "domain": "shop.example.com", "key_algorithm": "EC_prime256v1"}


@pytest.fixture
def acm(lab):
    return lab.client("acm")


def arns(acm):
    listed = acm.list_certificates(Includes={"keyTypes": ["RSA_2048", "EC_prime256v1"]})["CertificateSummaryList"]
    return {c["CertificateArn"] for c in listed}


def tags(acm, arn):
    return {t["Key"]: t["Value"] for t in acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]}


def publish(lab, result):
    """Put validation records into a zone, as the role does by way of dns_zones."""
    route53 = lab.client("route53")
    zone = route53.create_hosted_zone(Name="example.com", CallerReference="test")["HostedZone"]["Id"]
    records = {r["name"]: r for c in result["certificates"].values() for r in c["validation_records"]}
    changes = [
        {
            "Action": "UPSERT",
            "ResourceRecordSet": {
                "Name": name,
                "Type": "CNAME",
                "TTL": 300,
                "ResourceRecords": [{"Value": r["value"]}],
            },
        }
        for name, r in records.items()
    ]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def use(lab, arn):
    """A balancer whose listener has the certificate; returns the listener's ARN."""
    ec2, elb = lab.client("ec2"), lab.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"ap-southeast-2{z}")["Subnet"]
        for n, z in enumerate("ab")
    ]
    ids = [subnet["SubnetId"] for subnet in subnets]
    balancer = elb.create_load_balancer(Name="user", Subnets=ids, Type="application")["LoadBalancers"][0]
    return elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": arn}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )["Listeners"][0]["ListenerArn"]


def test_check_converge_validate_and_second_run(lab, acm, run_module):
    options = {"platform": "mds", "certificates": [WEB, SHOP], "tags": {"Env": "lab"}}
    checked = run_module("certificates", check=True, **options)
    assert not checked["failed"], checked
    assert lab.mutating() == []
    assert [r["name"] for r in checked["certificates"]["webapi"]["validation_records"]] == [
        "(known after apply).example.com",
        "(known after apply).www.example.com",
    ]
    made = run_module("certificates", **options)
    assert not made["failed"], made
    assert [(a["verb"], a["name"]) for a in made["actions"]] == [(a["verb"], a["name"]) for a in checked["actions"]]
    web = made["certificates"]["webapi"]
    assert web.keys() == checked["certificates"]["webapi"].keys()
    assert {c["arn"] for c in made["certificates"].values()} == arns(acm)
    detail = acm.describe_certificate(CertificateArn=web["arn"])["Certificate"]
    assert sorted(detail["SubjectAlternativeNames"]) == ["*.example.com", "example.com", "www.example.com"]
    assert tags(acm, web["arn"]) == {
        "Env": "lab",
        "Name": "mds-webapi",
        "mydigitalstructure:platform": "mds",
        "mydigitalstructure:name": "webapi",
    }
    assert web["status"] == "PENDING_VALIDATION" and len(web["validation_records"]) == 2

    refused = run_module("certificates", **options, wait=True, wait_timeout=1)
    assert refused["failed"] and "PENDING_VALIDATION" in refused["msg"] and "shop.example.com" in refused["msg"]
    publish(lab, made)
    issued = run_module("certificates", **options, wait=True, wait_timeout=10)
    assert not issued["failed"], issued
    assert {c["status"] for c in issued["certificates"].values()} == {"ISSUED"}
    assert issued["certificates"]["retail"]["not_after"]

    lab.clear_calls()
    again = run_module("certificates", **options, wait=True)
    assert (again["changed"], again["actions"]) == (False, [])
    assert lab.mutating() == []
    assert len(lab.calls()) == 1 + 2 + 2


def test_a_replacement_keeps_the_former_until_nothing_uses_it(lab, acm, run_module):
    first = run_module("certificates", platform="mds", certificates=[WEB])
    publish(lab, first)
    old = first["certificates"]["webapi"]["arn"]
    listener = use(lab, old)
    changed = {"platform": "mds", "certificates": [{**WEB, "alternative_names": ["*.example.com"]}], "purge": True}
    planned = run_module("certificates", check=True, **changed)
    assert planned["certificates"]["webapi"]["arn"] == "(known after apply)"
    result = run_module("certificates", **changed)
    assert [(a["verb"], a["name"]) for a in result["actions"]] == [("replace", "webapi")]
    assert result["actions"] == planned["actions"]
    new = result["certificates"]["webapi"]["arn"]
    assert arns(acm) == {old, new}
    assert [(s["arn"], s["reason"]) for s in result["superseded"]] == [(old, "replaced")]
    assert run_module("certificates", **changed)["actions"] == []

    lab.client("elbv2").modify_listener(ListenerArn=listener, Certificates=[{"CertificateArn": new}], DefaultActions=[])
    lab.client("elbv2").delete_listener(ListenerArn=listener)
    swept = run_module("certificates", **changed)
    assert [a["verb"] for a in swept["actions"]] == ["delete"] and swept["superseded"] == []
    assert arns(acm) == {new}
    assert run_module("certificates", **changed)["actions"] == []


def test_one_that_timed_out_is_requested_anew(lab, acm, run_module):
    first = run_module("certificates", platform="mds", certificates=[SHOP])["certificates"]["retail"]["arn"]
    lab.advance(73 * 3600)
    result = run_module("certificates", platform="mds", certificates=[SHOP], purge=True)
    assert not result["failed"], result
    assert sorted(a["verb"] for a in result["actions"]) == ["delete", "replace"]
    assert arns(acm) == {result["certificates"]["retail"]["arn"]} != {first}


def test_tags_purge_ignore_and_foreign(lab, acm, run_module):
    theirs = acm.request_certificate(DomainName="example.com", ValidationMethod="DNS")["CertificateArn"]
    other = acm.request_certificate(
        DomainName="example.com",
        ValidationMethod="DNS",
        Tags=[
            {"Key": "mydigitalstructure:platform", "Value": "other"},
            {"Key": "mydigitalstructure:name", "Value": "webapi"},
        ],
    )["CertificateArn"]
    blog = {"name": "blog", "domain": "blog.example.com"}
    assert not run_module("certificates", platform="mds", certificates=[WEB, SHOP, blog])["failed"]
    tagged = run_module("certificates", platform="mds", certificates=[{**WEB, "tags": {"Tier": "gold"}}])
    assert [(a["verb"], a["name"]) for a in tagged["actions"]] == [("update", "webapi")]
    web = tagged["certificates"]["webapi"]["arn"]
    assert tags(acm, web)["Tier"] == "gold"
    untagged = run_module("certificates", platform="mds", certificates=[WEB], purge=True, ignore=["bl*"])
    assert "Tier" not in tags(acm, web)
    assert sorted(a["verb"] for a in untagged["actions"]) == ["delete", "update"]
    assert {tags(acm, arn).get("mydigitalstructure:name") for arn in arns(acm)} == {None, "webapi", "blog"}

    publish(lab, untagged)
    use(lab, web)
    lab.clear_calls()
    refused = run_module("certificates", platform="mds", state="absent")
    assert refused["failed"] and "webapi by arn:" in refused["msg"] and "loadbalancer/app/user" in refused["msg"]
    assert run_module("certificates", check=True, platform="mds", state="absent", wait=True)["changed"]
    assert lab.mutating() == []
    elb = lab.client("elbv2")
    elb.delete_load_balancer(LoadBalancerArn=elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"])
    gone = run_module("certificates", platform="mds", state="absent")
    assert not gone["failed"] and len(gone["actions"]) == 2
    assert arns(acm) == {theirs, other}
    assert run_module("certificates", platform="mds", state="absent")["actions"] == []


def test_an_answer_that_was_lost_makes_no_second_certificate(lab, acm, run_module):
    """The same request again within the hour, before ACM lists the first: one certificate."""
    from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _certificates

    fields = _certificates.desired([WEB], "mds")["webapi"]
    lost = _certificates.request(acm, fields, [])
    assert _certificates.request(acm, fields, []) == lost
    result = run_module("certificates", platform="mds", certificates=[WEB])
    assert result["actions"] == [] and result["certificates"]["webapi"]["arn"] == lost


def test_bad_input_changes_nothing(lab, run_module):
    for certificates, words in (
        ([WEB, WEB], "twice"),
        ([{"name": "a", "domain": "localhost"}], "localhost"),
        ([{"name": "a/b", "domain": "example.com"}], "a/b"),
        ([{"name": "a", "domain": "a" * 60 + ".example.com"}], "64 characters"),
        ([{"name": "a", "domain": "example.com", "key_algorithm": "RSA_1024"}], "RSA_1024"),
    ):
        refused = run_module("certificates", platform="mds", certificates=certificates)
        assert refused["failed"] and words in refused["msg"], refused
    assert lab.calls() == []
