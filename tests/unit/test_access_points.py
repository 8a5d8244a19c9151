"""What the variable of role balancers means: names to ids, certificates, validation and alias records."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.filter.access_point_balancers import access_point_balancers
from ansible_collections.mydigitalstructure.aws.plugins.filter.access_point_certificates import (
    access_point_certificates,
)
from ansible_collections.mydigitalstructure.aws.plugins.filter.access_point_records import access_point_records
from ansible_collections.mydigitalstructure.aws.plugins.filter.access_points_problem import access_points_problem
from ansible_collections.mydigitalstructure.aws.plugins.filter.validation_records import validation_records

POINTS = [
    {"name": "webapi", "array": 2, "domains": ["example.com", "api.example.com"], "security_groups": ["balancers"]},
    {
        "name": "admin",
        "domains": ["admin.example.org"],
        "subnets": ["app-b", "app-a"],
        "security_groups": ["admin"],
        "extra_certificates": ["webapi"],
        "idle_timeout": 120,
    },
]
SUBNETS = {
    f"{tier}-{zone}": {"id": f"subnet-{tier}-{zone}", "tier": tier} for tier in ("app", "public") for zone in "ab"
}
GROUPS = {"balancers": {"id": "sg-1"}, "admin": {"id": "sg-2"}}
ARN = "arn:aws:acm:ap-southeast-2:123456789012:certificate/"
CERTIFICATES = {"webapi": {"arn": f"{ARN}1"}, "admin": {"arn": f"{ARN}2"}}
RESULT = {
    "access_points": {"webapi": {"balancers": ["webapi-1", "webapi-2"]}, "admin": {"balancers": ["admin"]}},
    "load_balancers": {
        "webapi-1": {"dns_name": "one.elb", "zone_id": "Z1", "ip_address_type": "ipv4"},
        "webapi-2": {"dns_name": "two.elb", "zone_id": "Z1", "ip_address_type": "ipv4"},
        "admin": {"dns_name": "admin.elb", "zone_id": "Z1", "ip_address_type": "dualstack"},
    },
}


def changed(index=0, **change):
    return [{**point, **(change if number == index else {})} for number, point in enumerate(POINTS)]


def test_names_become_ids():
    webapi, admin = access_point_balancers(
        POINTS, "mds", SUBNETS, GROUPS, CERTIFICATES, {"subnet_tier": "public", "http2": False, "access_logs": None}
    )
    assert webapi == {
        "name": "webapi",
        "array": 2,
        "subnet_ids": ["subnet-public-a", "subnet-public-b"],
        "security_group_ids": ["sg-1"],
        "certificate_arn": f"{ARN}1",
        "extra_certificate_arns": [],
        "http2": False,
    }
    assert admin["subnet_ids"] == ["subnet-app-b", "subnet-app-a"]
    assert admin["extra_certificate_arns"] == [f"{ARN}1"] and admin["idle_timeout"] == 120


def test_before_certificates_there_are_no_arns():
    assert all("certificate_arn" not in p for p in access_point_balancers(POINTS, "mds", SUBNETS, GROUPS))


@pytest.mark.parametrize(
    "points, words",
    [
        (changed(security_groups=["web"]), "'web' is not known; security_result has admin, balancers"),
        (changed(subnets=["dmz-a"]), "'dmz-a' is not known; network_result has app-a"),
        (changed(subnet_tier="dmz"), "subnet_tier 'dmz' has no subnets; network_result has app, public"),
        (changed(extra_certificates=["shop"]), "'shop' is not known"),
        (changed(1, name="a" * 29), "AWS allows 32"),
        (changed(subnets=["app-a"]), "two zones"),
        ([POINTS[0], POINTS[0]], "twice"),
    ],
)
def test_unknown_names_are_one_sentence(points, words):
    with pytest.raises(AnsibleFilterError) as refusal:
        access_point_balancers(points, "mds", SUBNETS, GROUPS)
    assert words in str(refusal.value) and str(refusal.value).startswith("balancers_access_points: ")
    assert access_points_problem(points, "mds", ["example.com", "example.org"], SUBNETS, GROUPS) == str(refusal.value)


def test_a_domain_in_no_zone_is_a_problem():
    assert access_points_problem(POINTS, "mds", ["example.com", "example.org"], SUBNETS, GROUPS) == ""
    problem = access_points_problem(POINTS, "mds", ["example.com", "ample.org"], SUBNETS, GROUPS)
    assert "'admin.example.org' is in none of the zones of dns_zones; these are ample.org, example.com." in problem


def test_one_certificate_an_access_point():
    assert access_point_certificates(POINTS) == [
        {"name": "webapi", "domain": "example.com", "alternative_names": ["api.example.com"]},
        {"name": "admin", "domain": "admin.example.org", "alternative_names": []},
    ]
    with pytest.raises(AnsibleFilterError, match="at least one domain"):
        access_point_certificates(changed(domains=[]))


def test_an_array_has_weighted_aliases_and_a_single_balancer_a_plain_one():
    zones = access_point_records(RESULT, POINTS, zones=["example.com", "example.org", "api.example.com"])
    by_name = {zone["name"]: zone["records"] for zone in zones}
    assert [len(by_name[name]) for name in ("example.com", "api.example.com", "example.org")] == [2, 2, 2]
    first, second = by_name["example.com"]
    assert first == {
        "name": "example.com",
        "type": "A",
        "alias": {"target": "one.elb", "zone_id": "Z1", "evaluate_health": True},
        "set_identifier": "webapi-1",
        "weight": 100,
    }
    assert second["set_identifier"] == "webapi-2" and second["weight"] == first["weight"]
    assert [r["type"] for r in by_name["example.org"]] == ["A", "AAAA"]
    assert all("weight" not in r and "set_identifier" not in r for r in by_name["example.org"])
    assert len(access_point_records(RESULT, POINTS)) == 6


def test_validation_records_are_there_once_each_in_the_zone_they_belong_to():
    record = {"domain": "a.example.com", "name": "_x.a.example.com", "type": "CNAME", "value": "_y.aws"}
    later = {"domain": "b.org", "name": "(known after apply).b.org", "type": "CNAME", "value": "(known after apply)"}
    certificates = {"one": {"validation_records": [record, later]}, "two": {"validation_records": [record]}}
    assert len(validation_records(certificates)) == 2
    assert validation_records(certificates, zones=["example.com", "b.org"], ttl=60) == [
        {
            "name": "b.org",
            "records": [{"name": later["name"], "type": "CNAME", "ttl": 60, "values": ["(known after apply)"]}],
        },
        {
            "name": "example.com",
            "records": [{"name": "_x.a.example.com", "type": "CNAME", "ttl": 60, "values": ["_y.aws"]}],
        },
    ]
    with pytest.raises(AnsibleFilterError, match="none of the zones"):
        validation_records(certificates, zones=["example.com"])
