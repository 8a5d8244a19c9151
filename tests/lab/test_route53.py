"""Route 53 in the lab does what AWS does."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def dns(lab):
    return lab.client("route53")


@pytest.fixture
def zone(dns):
    return dns.create_hosted_zone(Name="Example.com", CallerReference="one")["HostedZone"]["Id"]


def record(name, *values, kind="A", ttl=60, **more):
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": v} for v in values], **more}


def change(dns, zone, *changes):
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record_set} for action, record_set in changes]}
    return dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"]


def names(dns, zone):
    pages = dns.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
    return [(r["Name"], r["Type"]) for page in pages for r in page["ResourceRecordSets"]]


def refused(dns, zone, *changes, code="InvalidChangeBatch"):
    before = names(dns, zone)
    with pytest.raises(ClientError) as error:
        change(dns, zone, *changes)
    assert error.value.response["Error"]["Code"] == code
    assert names(dns, zone) == before
    return error.value.response["Error"]["Message"]


def test_zone(dns, zone):
    assert dns.get_hosted_zone(Id=zone)["HostedZone"]["Name"] == "example.com."
    assert dns.get_hosted_zone(Id=zone)["HostedZone"]["ResourceRecordSetCount"] == 2
    assert names(dns, zone) == [("example.com.", "NS"), ("example.com.", "SOA")]
    first = dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"][0]
    assert first["TTL"] == 172800
    assert all(r["Value"].endswith(".") for r in first["ResourceRecords"])
    with pytest.raises(dns.exceptions.HostedZoneAlreadyExists):
        dns.create_hosted_zone(Name="other.com", CallerReference="one")
    change(dns, zone, ("CREATE", record("sub.example.com", "ns1.example.net.", kind="NS")))
    with pytest.raises(dns.exceptions.HostedZoneNotEmpty):
        dns.delete_hosted_zone(Id=zone)


def test_change_is_pending_then_in_sync(dns, zone):
    info = change(dns, zone, ("CREATE", record("a.example.com", "192.0.2.1")))
    assert info["Status"] == "PENDING"
    assert dns.get_change(Id=info["Id"])["ChangeInfo"]["Status"] == "INSYNC"
    with pytest.raises(dns.exceptions.NoSuchChange):
        dns.get_change(Id="C0")


def test_batch_is_atomic(dns, zone):
    good = ("CREATE", record("a.example.com", "192.0.2.1"))
    message = refused(dns, zone, good, ("CREATE", record("b.example.com", "nonsense")))
    assert "not a valid IPv4 address" in message
    change(dns, zone, good)
    message = refused(dns, zone, ("CREATE", record("b.example.com", "192.0.2.2")), good)
    assert "it already exists" in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("DELETE", record("x.example.com", "192.0.2.1"))], "it was not found"),
        ([("DELETE", record("a.example.com", "192.0.2.9"))], "do not match the current values"),
        ([("DELETE", record("a.example.com", "192.0.2.1", ttl=61))], "do not match the current values"),
        ([("CREATE", record("example.com", "b.example.net", kind="CNAME"))], "not permitted at apex"),
        ([("CREATE", record("a.example.com", "b.example.net", kind="CNAME"))], "conflicts with other records"),
        ([("CREATE", record("c.example.com", "192.0.2.1"))], "conflicts with other records"),
        ([("CREATE", record("a.example.net", "192.0.2.1"))], "not permitted in zone example.com."),
        ([("CREATE", record("t.example.com", "unquoted", kind="TXT"))], "enclosed in quotation marks"),
        ([("CREATE", record("t.example.com", '"' + "x" * 256 + '"', kind="TXT"))], "too long"),
        ([("CREATE", record("d.example.com", "192.0.2.1", "192.0.2.1"))], "Duplicate Resource Record"),
        ([("CREATE", record("a.example.com", "192.0.2.1", SetIdentifier="1", Weight=1))], "mix the routing"),
        ([("UPSERT", record("u.example.com", "192.0.2.1"))] * 2, "invalid set of changes"),
        ([("CREATE", record("é.example.com", "192.0.2.1"))], "UnsupportedCharacter"),
    ],
)
def test_refused(dns, zone, changes, expected):
    change(
        dns,
        zone,
        ("CREATE", record("a.example.com", "192.0.2.1")),
        ("CREATE", record("c.example.com", "a.example.com", kind="CNAME")),
    )
    assert expected in refused(dns, zone, *changes)


def test_apex_ns_stays(dns, zone):
    ns = dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"][0]
    assert "at least one NS" in refused(dns, zone, ("DELETE", ns))


def test_cname_becomes_alias_in_one_batch(dns, zone):
    cname = record("www.example.com", "a.example.com", kind="CNAME")
    alias = {
        "Name": "www.example.com",
        "Type": "A",
        "AliasTarget": {"HostedZoneId": zone.split("/")[-1], "DNSName": "A.example.com", "EvaluateTargetHealth": False},
    }
    change(dns, zone, ("CREATE", cname))
    assert "target was not found" in refused(dns, zone, ("DELETE", cname), ("CREATE", alias))
    change(dns, zone, ("CREATE", record("a.example.com", "192.0.2.1")))
    change(dns, zone, ("DELETE", cname), ("CREATE", alias))
    kept = dns.list_resource_record_sets(HostedZoneId=zone, StartRecordName="www.example.com", StartRecordType="A")
    assert kept["ResourceRecordSets"][0]["AliasTarget"]["DNSName"] == "a.example.com."
    assert "TTL" not in kept["ResourceRecordSets"][0]


def test_limits(dns, zone):
    def sets(n):
        return [record(f"r{i}.example.com", "192.0.2.1") for i in range(n)]

    change(dns, zone, *[("CREATE", r) for r in sets(1000)])
    change(dns, zone, *[("UPSERT", r) for r in sets(500)])
    assert "limit of 1000" in refused(dns, zone, *[("UPSERT", r) for r in sets(501)])
    text = record("t.example.com", *[f'"{i:03}{"x" * 240}"' for i in range(66)], kind="TXT")
    assert "32000" in refused(dns, zone, ("UPSERT", text))
    change(dns, zone, ("CREATE", text))
    assert len(names(dns, zone)) == 1003


def test_order_paging_and_escapes(dns, zone):
    made = [
        "*.example.com",
        "b.a.example.com",
        "A.example.com",
        "a-b.example.com",
        "x_y.example.com",
        "a\\100b.example.com",
    ]
    change(dns, zone, *[("CREATE", record(name, "192.0.2.1")) for name in made])
    weighted = [record("w.example.com", "192.0.2.1", SetIdentifier=str(i), Weight=i) for i in range(3)]
    change(dns, zone, *[("CREATE", r) for r in weighted])
    found = names(dns, zone)
    # the dot behind a name counts: "a-b" sorts before "a."
    expected = ["\\052", "a-b", "a", "b.a", "a\\100b", "w", "w", "w", "x_y"]
    assert [name.removesuffix(".example.com.") for name, _name in found[2:]] == expected
    small = dns.get_paginator("list_resource_record_sets")
    paged = [
        (r["Name"], r["Type"])
        for page in small.paginate(HostedZoneId=zone, PaginationConfig={"PageSize": 2})
        for r in page["ResourceRecordSets"]
    ]
    assert paged == found


def test_zones_by_name(dns, zone):
    dns.create_hosted_zone(Name="example.net", CallerReference="two")
    dns.create_hosted_zone(Name="a.com", CallerReference="three")
    found = dns.list_hosted_zones_by_name()["HostedZones"]
    assert [z["Name"] for z in found] == ["a.com.", "example.com.", "example.net."]
    found = dns.list_hosted_zones_by_name(DNSName="b.com", MaxItems="1")
    assert [z["Name"] for z in found["HostedZones"]] == ["example.com."]
    assert found["NextDNSName"] == "example.net."
