"""Module dns_records on the lab, beside dns_zones; what both wrote is looked at with boto3."""

from __future__ import annotations

import pytest

FRIENDLY = {"name": "acme.example.com", "type": "CNAME", "values": ["app.example.com"], "owner": "acme"}
MAIL = {"name": "mail.other.example.com", "type": "MX", "values": ["10 smtp.example.net"], "owner": "other.example.com"}
DMARC = {"name": "_dmarc.example.org", "type": "TXT", "values": ["v=DMARC1; p=none"], "owner": "org", "if_free": True}
WWW = {"name": "www", "type": "A", "values": ["192.0.2.1"]}
ZONES = [{"name": "example.com", "records": [WWW]}, {"name": "example.org"}]


@pytest.fixture
def zones(lab, run_module):
    made = run_module("dns_zones", platform="mds", zones=ZONES)
    assert not made["failed"], made
    lab.client("route53").create_hosted_zone(Name="foreign.example", CallerReference="theirs")
    lab.clear_calls()
    return {name: zone["id"] for name, zone in made["zones"].items()}


@pytest.fixture
def keep(run_module):
    def run(*records, check=False, **options):
        wanted = {"platform": "mds", "scope": "tenants", "records": list(records), **options}
        return run_module("dns_records", check=check, **wanted)

    return run


def held(lab, zone):
    found = lab.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {
        (r["Name"], r["Type"], r.get("SetIdentifier")): [value["Value"] for value in r["ResourceRecords"]]
        for r in found
        if r["Type"] not in ("NS", "SOA")
    }


def write(lab, zone, action, name, kind, value, **more):
    record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}], **more}
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    lab.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


def named(result):
    return [(action["verb"], action["name"].partition(" [")[0]) for action in result["actions"]]


def test_check_converge_second_run_and_purge(lab, zones, keep):
    outside = {"name": "mail.foreign.example", "type": "TXT", "values": ["x"], "owner": "foreign"}
    checked = keep(FRIENDLY, MAIL, DMARC, outside, check=True)
    assert not checked["failed"], checked
    assert lab.mutating() == []
    made = keep(FRIENDLY, MAIL, DMARC, outside)
    assert made["actions"] == checked["actions"] and len(made["actions"]) == 3
    assert made["batches"] == 2
    assert [item["name"] for item in made["elsewhere"]] == ["mail.foreign.example"]
    assert held(lab, zones["example.com"]) == {
        ("www.example.com.", "A", None): ["192.0.2.1"],
        ("acme.example.com.", "CNAME", "mydigitalstructure:tenants:acme"): ["app.example.com."],
        ("mail.other.example.com.", "MX", "mydigitalstructure:tenants:other.example.com"): ["10 smtp.example.net."],
    }
    assert list(held(lab, zones["example.org"]).values()) == [['"v=DMARC1; p=none"']]
    lab.clear_calls()
    assert keep(FRIENDLY, MAIL, DMARC, outside)["actions"] == []
    assert lab.mutating() == []
    assert keep(FRIENDLY)["actions"] == []
    # an owner's records stay while it is kept, in any zone
    gone = keep(FRIENDLY, purge=True, keep=["org"])
    assert named(gone) == [("delete", "mail.other.example.com MX")]
    gone = keep(state="absent")
    assert named(gone) == [("delete", "_dmarc.example.org TXT"), ("delete", "acme.example.com CNAME")]
    assert list(held(lab, zones["example.com"])) == [("www.example.com.", "A", None)]


def test_dns_zones_leaves_a_scope_alone_also_when_it_purges(lab, zones, keep, run_module):
    keep(FRIENDLY, DMARC)
    write(lab, zones["example.com"], "CREATE", "old.example.com", "A", "192.0.2.9")
    purged = run_module("dns_zones", platform="mds", zones=ZONES, purge=True)
    assert named(purged) == [("delete", "old.example.com A")]
    assert keep(FRIENDLY, DMARC)["actions"] == []
    beside = [{"name": "example.com", "records": [{"name": "acme", "type": "A", "values": ["192.0.2.1"]}]}]
    refused = run_module("dns_zones", platform="mds", zones=beside)
    assert refused["failed"] and "acme.example.com CNAME" in refused["msg"] and "scope tenants" in refused["msg"]
    refused = run_module("dns_zones", platform="mds", zones=ZONES[:1], purge=True)
    assert refused["failed"] and "example.org" in refused["msg"] and "scope tenants" in refused["msg"]
    # but a zone goes with what the platform's own scopes have in it
    removed = run_module("dns_zones", platform="mds", zones=ZONES, state="absent")
    assert not removed["failed"], removed
    left = lab.client("route53").list_hosted_zones()["HostedZones"]
    assert [zone["Name"] for zone in left] == ["foreign.example."]


def test_what_others_wrote_is_never_changed(lab, zones, keep):
    write(lab, zones["example.com"], "CREATE", "acme.example.com", "CNAME", "somewhere.example.net")
    write(lab, zones["example.org"], "CREATE", "_dmarc.example.org", "TXT", '"v=DMARC1; p=reject"')
    lab.clear_calls()
    refused = keep(FRIENDLY, DMARC, MAIL)
    assert refused["failed"]
    assert refused["msg"].startswith("records: acme.example.com CNAME: ") and "_dmarc" not in refused["msg"]
    assert lab.mutating() == []
    # the same words of another are as good
    write(lab, zones["example.com"], "UPSERT", "acme.example.com", "CNAME", "app.example.com.")
    assert named(keep(FRIENDLY, DMARC, MAIL)) == [("create", "mail.other.example.com MX")]
    assert named(keep(state="absent")) == [("delete", "mail.other.example.com MX")]
    assert len(held(lab, zones["example.com"])) == 2 and len(held(lab, zones["example.org"])) == 1


def test_a_record_changes_its_owner_its_type_and_its_value_in_one_request(lab, zones, keep):
    keep(FRIENDLY, MAIL)
    other = {**FRIENDLY, "owner": "acme2", "values": ["two.example.com"]}
    text = {**MAIL, "type": "CNAME", "values": ["x.example.net"]}
    changed = keep(other, text)
    assert not changed["failed"], changed
    assert changed["batches"] == 1
    found = held(lab, zones["example.com"])
    assert found["acme.example.com.", "CNAME", "mydigitalstructure:tenants:acme2"] == ["two.example.com."]
    assert ("mail.other.example.com.", "CNAME", "mydigitalstructure:tenants:other.example.com") in found
    assert len(found) == 3
    assert keep(other, text)["actions"] == []


def test_a_long_owner_still_has_an_identifier(lab, zones, keep):
    long = {**FRIENDLY, "owner": ".".join(["label" * 5] * 9)}
    assert named(keep(long)) == [("create", "acme.example.com CNAME")]
    assert keep(long, purge=True)["actions"] == []
    assert keep(purge=True, keep=[long["owner"]])["actions"] == []


@pytest.mark.parametrize(
    ("records", "options", "words"),
    [
        ([FRIENDLY, {**FRIENDLY, "owner": "b"}], {}, ["acme.example.com CNAME", "twice"]),
        ([{**FRIENDLY, "name": "example.com"}], {}, ["CNAME", "apex"]),
        ([{**FRIENDLY, "values": ["(known after apply)"]}], {}, ["only in check mode"]),
        ([FRIENDLY], {"scope": "a:b"}, ["scope: 'a:b'", "letters and digits"]),
    ],
)
def test_bad_input_is_refused(lab, zones, keep, records, options, words):
    refused = keep(*records, **options)
    assert refused["failed"]
    for word in words:
        assert word in refused["msg"]
    assert lab.mutating() == []
