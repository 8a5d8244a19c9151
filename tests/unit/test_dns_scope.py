"""A scope's records with plain data: where they go, whose they are, and what stays."""

from __future__ import annotations

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.filter.mail_records import mail_records
from ansible_collections.mydigitalstructure.aws.plugins.filter.tenant_zone_files import tenant_zone_files
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_records import scope_identifier, scope_of
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_scope import place, plan_scope
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._dns_zones import Zone
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError


def record(name, kind="A", *values, owner="acme", **more):
    return {"name": name, "type": kind, "ttl": 60, "values": list(values) or ["192.0.2.1"], "owner": owner, **more}


def wanted(*records, zone="example.com"):
    placed, yielding, _elsewhere = place(records, {zone}, "tenants")
    return placed.get(zone, {}), yielding


def theirs(name, kind="A", values=("192.0.2.9",)):
    """A record that somebody else wrote, as it is read."""
    placed, _yielding, _elsewhere = place([record(name, kind, *values)], {"example.com"}, "x")
    [(key, fields)] = placed["example.com"].items()
    return {(key[0], key[1], ""): {**fields, "weight": None}}


def changes(plan):
    return [(action.verb, action.name.partition(" [")[0]) for action in plan]


def test_a_set_identifier_says_whose_a_record_is():
    assert scope_identifier("tenants", "acme.com") == "mydigitalstructure:tenants:acme.com"
    assert scope_of("mydigitalstructure:tenants:acme.com") == "tenants"
    assert scope_of("webapi-1") is scope_of("") is scope_of(None) is None
    long = scope_identifier("tenants", "x" * 300)
    assert len(long) <= 128 and scope_of(long) == "tenants" and long != scope_identifier("tenants", "x" * 301)


def test_a_record_goes_to_the_longest_zone_and_otherwise_elsewhere():
    zones = {"example.com", "deep.example.com"}
    records = [record("a.example.com"), record("A.Deep.example.com."), record("a.notexample.com")]
    placed, _yielding, elsewhere = place(records, zones, "tenants")
    assert {zone: sorted(key[0] for key in found) for zone, found in placed.items()} == {
        "example.com": ["a.example.com"],
        "deep.example.com": ["a.deep.example.com"],
    }
    assert elsewhere == [records[2]]


def test_two_owners_of_one_record_are_refused():
    with pytest.raises(InputError, match="a.example.com A is declared twice"):
        place([record("a.example.com"), record("a.example.com", owner="other")], {"example.com"}, "tenants")


def test_only_the_scopes_own_records_are_purged_and_those_of_kept_owners_stay():
    mine, _yielding = wanted(record("a.example.com"), record("b.example.com", owner="gone"))
    kept, _yielding = wanted(record("c.example.com", owner="kept"))
    other, _yielding, _elsewhere = place([record("d.example.com")], {"example.com"}, "others")
    zone = Zone("example.com", records={**mine, **kept, **other["example.com"], **theirs("e.example.com")})
    declared, _yielding = wanted(record("a.example.com"))
    plan, problems = plan_scope(zone, declared, "tenants", keep=["kept"], purge=True)
    assert (changes(plan), problems) == ([("delete", "b.example.com A")], [])
    assert changes(plan_scope(zone, declared, "tenants")[0]) == []


def test_another_s_record_is_as_good_or_in_the_way():
    declared, yielding = wanted(record("a.example.com"), record("_dmarc.example.com", "TXT", "x", if_free=True))
    same = Zone("example.com", records=theirs("a.example.com", values=["192.0.2.1"]))
    plan, problems = plan_scope(same, declared, "tenants", yielding=yielding)
    assert (changes(plan), problems) == ([("create", "_dmarc.example.com TXT")], [])
    taken = Zone("example.com", records={**theirs("a.example.com"), **theirs("_dmarc.example.com", "TXT", ["y"])})
    plan, problems = plan_scope(taken, declared, "tenants", yielding=yielding)
    assert changes(plan) == []
    [problem] = problems
    assert problem.startswith("records: a.example.com A: zone example.com has a.example.com A already")
    alias = Zone("example.com", records=theirs("a.example.com", "CNAME", ["x.example.net"]))
    assert len(plan_scope(alias, declared, "tenants")[1]) == 1


def test_the_records_of_mail_domains_and_the_files_of_those_elsewhere():
    domains = {
        "b.com": {"tenant": "two", "records": [{"name": "_dmarc.b.com", "type": "TXT", "ttl": 1, "values": ["x"]}]},
        "a.com": {"tenant": "one", "records": [{"name": "mail.a.com", "type": "MX", "ttl": 1, "values": ["y"]}]},
    }
    records = mail_records(domains)
    assert [(item["name"], item["owner"], item["if_free"]) for item in records] == [
        ("mail.a.com", "a.com", False),
        ("_dmarc.b.com", "b.com", True),
    ]
    files = tenant_zone_files([*records, {**records[0], "owner": "no domain"}], domains)
    assert [(file["name"], [record["name"] for record in file["records"]]) for file in files] == [
        ("one", ["mail.a.com"]),
        ("two", ["_dmarc.b.com"]),
    ]
