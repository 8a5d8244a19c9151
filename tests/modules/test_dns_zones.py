"""The module dns_zones on the lab, looked at with boto3."""

from __future__ import annotations

import pytest

REGION = "ap-southeast-2"
ZONE = "example.com"
UNKNOWN = "(known after apply)"
LOAD_BALANCER = {"target": "LB-1.ap-southeast-2.elb.amazonaws.com", "zone_id": "Z1GM3OXH4ZPM65"}


def record(name, kind="A", *values, **more):
    return {"name": name, "type": kind, **({"values": list(values)} if values else {}), **more}


WWW = record("www", "A", "192.0.2.1")
EVERYTHING = [
    record("@", alias=LOAD_BALANCER),
    record("@", "MX", "20 b.Example.com", "10 a.example.com."),
    record("@", "TXT", "v=spf1 -all", "x" * 600, 'say "hi" \\ é'),
    record("@", "CAA", "0 issue amazon.com"),
    record("own", alias={"target": "@"}),
    record("*", "CNAME", "Other.Example.org"),
    record("bücher", "AAAA", "2001:DB8:0::1", ttl=60),
    record("a/b", "A", "192.0.2.3"),
    record("sub", "NS", "ns.example.org"),
    record("sub", "DS", "1 13 2 abcdef"),
    record("_sip._tcp", "SRV", "1 2 5060 Sip.example.com"),
    record("n", "NAPTR", '10 100 "s" "SIP+D2U" "" _sip._udp.example.com'),
    record("p", "PTR", "host.example.com"),
    record("s", "SPF", "v=spf1 -all"),
    record("h", "HTTPS", '1 . alpn="h2,h3"'),
    record("v", "SVCB", "0 other.example.com"),
    record("_443._tcp", "TLSA", "3 1 1 abcdef"),
    record("f", "SSHFP", "1 1 abcdef"),
    record("w", "A", "192.0.2.1", set_identifier="a", weight=0, health_check_id="check-1"),
    record("w", "A", "192.0.2.2", set_identifier="b", weight=255),
    record("fo", alias=LOAD_BALANCER, set_identifier="a", failover="PRIMARY"),
    record("fo", "A", "192.0.2.2", set_identifier="b", failover="SECONDARY"),
    record("l", "A", "192.0.2.1", set_identifier="a", latency_region="eu-west-1"),
    record("g", "A", "192.0.2.1", set_identifier="a", geolocation={"country": "US", "subdivision": "NY"}),
    record("g", "A", "192.0.2.2", set_identifier="b", geolocation={"country": "*"}),
    record("m", "A", "192.0.2.1", set_identifier="a", multivalue=True),
    record("gp", "A", "192.0.2.1", set_identifier="a",
           geoproximity={"coordinates": {"latitude": -33.868, "longitude": 151.2}}),
    record("gp", "A", "192.0.2.2", set_identifier="b", geoproximity={"region": "us-east-1", "bias": -10}),
    record("c", "A", "192.0.2.1", set_identifier="a", cidr_location={"collection_id": "c-1", "location": "*"}),
]  # fmt: skip


def zone(*records, name=ZONE, **more):
    return {"name": name, "records": list(records), **more}


@pytest.fixture
def route53(lab):
    return lab.client("route53")


@pytest.fixture
def dns(lab, run_module):
    def run(*zones, check=False, **options):
        result = run_module("dns_zones", check=check, platform="mds", zones=list(zones), region=REGION, **options)
        assert not result["failed"], result
        return result

    return run


@pytest.fixture
def refused(lab, run_module):
    def run(*zones, **options):
        lab.clear_calls()
        result = run_module("dns_zones", platform="mds", zones=list(zones), region=REGION, **options)
        assert result["failed"]
        assert lab.mutating() == []
        assert "Traceback" not in result["msg"]
        return result["msg"]

    return run


@pytest.fixture
def theirs(route53):
    """A zone that is not the platform's, with two records."""
    identifier = route53.create_hosted_zone(
        Name=ZONE, CallerReference="theirs", HostedZoneConfig={"Comment": "theirs", "PrivateZone": False}
    )["HostedZone"]["Id"].rsplit("/", 1)[-1]
    route53.change_tags_for_resource(
        ResourceType="hostedzone", ResourceId=identifier, AddTags=[{"Key": "Team", "Value": "web"}]
    )
    add(route53, identifier, "old.example.com", "A", "192.0.2.9")
    add(route53, identifier, "www.example.com", "A", "192.0.2.9")
    return identifier


def add(route53, identifier, name, kind, *values, action="UPSERT"):
    item = {"Name": name, "Type": kind, "TTL": 300, "ResourceRecords": [{"Value": value} for value in values]}
    route53.change_resource_record_sets(
        HostedZoneId=identifier, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": item}]}
    )


def zones(route53):
    return {item["Name"]: item["Id"].rsplit("/", 1)[-1] for item in route53.list_hosted_zones()["HostedZones"]}


def tags(route53, identifier):
    found = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=identifier)["ResourceTagSet"]["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found}


def records(route53, identifier):
    """{(name, type, set identifier): item} without the apex's NS and SOA."""
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=identifier)
    return {
        (item["Name"].removesuffix(".example.com."), item["Type"], item.get("SetIdentifier", "")): item
        for page in pages
        for item in page["ResourceRecordSets"]
        if (item["Name"], item["Type"]) not in ((f"{ZONE}.", "NS"), (f"{ZONE}.", "SOA"))
    }


def values(route53, identifier):
    return {key: [v["Value"] for v in r.get("ResourceRecords", [])] for key, r in records(route53, identifier).items()}


def titles(result):
    return {f"{action['verb']} {action['kind']} {action['name']}" for action in result["actions"]}


def test_the_plan_on_an_empty_account_is_what_is_made(lab, route53, dns):
    wanted = zone(*EVERYTHING, comment="ours", tags={"Team": "web"})
    plan = dns(wanted, check=True, tags={"Environment": "test"})
    assert lab.mutating() == []
    assert plan["zones"][ZONE]["id"] == plan["zones"][ZONE]["name_servers"] == UNKNOWN

    made = dns(wanted, tags={"Environment": "test"})
    assert (made["changed"], made["batches"]) == (True, 1)
    assert plan["actions"] == made["actions"]
    assert plan["diff"] == made["diff"]
    assert plan["zones"][ZONE].keys() == made["zones"][ZONE].keys()
    assert plan["zones"][ZONE]["records"].keys() == made["zones"][ZONE]["records"].keys()

    identifier = zones(route53)["example.com."]
    assert made["zones"][ZONE]["id"] == identifier
    listed = route53.get_hosted_zone(Id=identifier)
    assert sorted(listed["DelegationSet"]["NameServers"]) == made["zones"][ZONE]["name_servers"]
    assert listed["HostedZone"]["Config"]["Comment"] == "ours"
    assert tags(route53, identifier) == {
        "Name": "mds-example.com", "Environment": "test", "Team": "web",
        "mydigitalstructure:platform": "mds", "mydigitalstructure:name": "example.com",
    }  # fmt: skip
    found = records(route53, identifier)
    assert len(found) == len(EVERYTHING)
    assert found["example.com.", "A", ""]["AliasTarget"] == {
        "DNSName": "lb-1.ap-southeast-2.elb.amazonaws.com.", "HostedZoneId": "Z1GM3OXH4ZPM65",
        "EvaluateTargetHealth": True,
    }  # fmt: skip
    assert found["own", "A", ""]["AliasTarget"]["HostedZoneId"] == identifier
    assert made["zones"][ZONE]["records"]["own.example.com A"]["alias"]["zone_id"] == identifier
    text = values(route53, identifier)
    assert set(text["example.com.", "TXT", ""]) == {
        '"v=spf1 -all"', f'"{"x" * 255}" "{"x" * 255}" "{"x" * 90}"', '"say \\"hi\\" \\\\ \\303\\251"'
    }  # fmt: skip
    assert text["\\052", "CNAME", ""] == ["other.example.org."]
    assert text["xn--bcher-kva", "AAAA", ""] == ["2001:db8::1"]
    assert text["a\\057b", "A", ""] == ["192.0.2.3"]
    assert found["w", "A", "a"]["Weight"] == 0
    assert found["w", "A", "a"]["HealthCheckId"] == "check-1"
    assert found["fo", "A", "b"]["Failover"] == "SECONDARY"
    assert found["l", "A", "a"]["Region"] == "eu-west-1"
    assert found["g", "A", "a"]["GeoLocation"] == {"CountryCode": "US", "SubdivisionCode": "NY"}
    assert found["m", "A", "a"]["MultiValueAnswer"] is True

    lab.clear_calls()
    again = dns(wanted, tags={"Environment": "test"}, purge=True)
    assert (again["changed"], again["actions"], again["batches"]) == (False, [], 0)
    assert again["zones"] == made["zones"]
    assert [call["operation"] for call in lab.calls()] == [
        "ListHostedZones", "ListTagsForResources", "ListResourceRecordSets"
    ]  # fmt: skip


def test_one_change_of_each_kind(lab, route53, dns):
    dns(zone(WWW, record("t", "TXT", "one"), record("x", "CNAME", "a.example.org")))
    identifier = zones(route53)["example.com."]
    lab.clear_calls()
    changed = dns(
        zone(
            {**WWW, "ttl": 60}, record("t", "TXT", "two"), record("x", alias=LOAD_BALANCER),
            record("new", "A", "192.0.2.2"), comment="now with one", tags={"Team": "web"},
        )
    )  # fmt: skip
    assert titles(changed) == {
        "update hosted_zone example.com", "update record www.example.com A", "update record t.example.com TXT",
        "delete record x.example.com CNAME", "create record x.example.com A", "create record new.example.com A",
    }  # fmt: skip
    assert changed["diff"]["before"]["record"]["www.example.com A"] == {"ttl": 300}
    assert changed["diff"]["after"]["record"]["www.example.com A"] == {"ttl": 60}
    assert [c["operation"] for c in lab.mutating()].count("ChangeResourceRecordSets") == 1
    found = records(route53, identifier)
    assert found["www", "A", ""]["TTL"] == 60
    assert found["t", "TXT", ""]["ResourceRecords"] == [{"Value": '"two"'}]
    assert found["x", "A", ""]["AliasTarget"]["DNSName"].startswith("lb-1.")
    assert set(found) == {("www", "A", ""), ("t", "TXT", ""), ("x", "A", ""), ("new", "A", "")}
    assert tags(route53, identifier)["Team"] == "web"
    assert route53.get_hosted_zone(Id=identifier)["HostedZone"]["Config"]["Comment"] == "now with one"
    # a comment that is no longer declared is left alone
    dns(zone(WWW))
    assert route53.get_hosted_zone(Id=identifier)["HostedZone"]["Config"]["Comment"] == "now with one"


def test_one_record_becomes_a_weighted_set_and_back(route53, dns):
    weighted = [
        record("www", "A", f"192.0.2.{n}", set_identifier=f"webapi-{n}", weight=100, ttl=60) for n in (1, 2)
    ]  # fmt: skip
    dns(zone(WWW))
    identifier = zones(route53)["example.com."]
    dns(zone(*weighted))
    assert set(records(route53, identifier)) == {("www", "A", "webapi-1"), ("www", "A", "webapi-2")}
    dns(zone(WWW))
    assert set(records(route53, identifier)) == {("www", "A", "")}


def test_purge_ignore_and_records_of_others(lab, route53, dns):
    made = dns(zone(WWW), zone(record("www", "A", "192.0.2.1"), name="example.net"))
    identifier = made["zones"][ZONE]["id"]
    add(route53, identifier, "foreign.example.com", "A", "192.0.2.9")
    add(route53, identifier, "_acme-challenge.example.com", "TXT", '"token"')
    other = route53.create_hosted_zone(Name="example.org", CallerReference="other")["HostedZone"]["Id"]
    add(route53, other, "www.example.org", "A", "192.0.2.9")

    assert dns(zone(WWW))["actions"] == []
    purged = dns(zone(WWW), purge=True, ignore=["_acme-challenge.* TXT", "example.net"])
    assert titles(purged) == {"delete record foreign.example.com A"}
    assert set(records(route53, identifier)) == {("www", "A", ""), ("_acme-challenge", "TXT", "")}
    assert set(zones(route53)) == {"example.com.", "example.net.", "example.org."}
    purged = dns(zone(WWW), purge=True)
    assert titles(purged) == {
        "delete record _acme-challenge.example.com TXT", "delete hosted_zone example.net",
        "delete record www.example.net A",
    }  # fmt: skip
    assert set(zones(route53)) == {"example.com.", "example.org."}
    names = {r["Type"] for r in route53.list_resource_record_sets(HostedZoneId=identifier)["ResourceRecordSets"]}
    assert names == {"A", "NS", "SOA"}
    left = route53.list_resource_record_sets(HostedZoneId=other)["ResourceRecordSets"]
    assert "www.example.org." in {r["Name"] for r in left}


def test_a_zone_of_others_is_adopted_only_when_told(route53, dns, refused, theirs):
    assert f"zones: example.com is there already as {theirs} and does not carry the tag" in refused(zone(WWW))
    assert set(records(route53, theirs)) == {("old", "A", ""), ("www", "A", "")}
    wanted = zone(WWW, adopt=True)
    assert titles(dns(wanted)) == {"update hosted_zone example.com", "update record www.example.com A"}
    adopted = {
        "Team": "web", "Name": "mds-example.com", "mydigitalstructure:platform": "mds",
        "mydigitalstructure:name": "example.com", "mydigitalstructure:adopted": "true",
    }  # fmt: skip
    assert tags(route53, theirs) == adopted
    assert route53.get_hosted_zone(Id=theirs)["HostedZone"]["Config"]["Comment"] == "theirs"
    assert values(route53, theirs) == {("old", "A", ""): ["192.0.2.9"], ("www", "A", ""): ["192.0.2.1"]}
    assert dns(wanted)["actions"] == []
    # once adopted it stays adopted, whether or not the variable still says so
    assert dns(zone(WWW))["actions"] == []
    assert dns(purge=True)["actions"] == []

    dns({"name": ZONE, "records": [{"name": "www", "type": "A"}]}, state="absent")
    assert tags(route53, theirs) == {"Team": "web"}
    assert values(route53, theirs) == {("old", "A", ""): ["192.0.2.9"]}
    assert dns(state="absent")["actions"] == []


def test_a_zone_of_another_platform_is_never_taken(lab, run_module, dns):
    dns(zone(WWW))
    lab.clear_calls()
    result = run_module("dns_zones", platform="two", zones=[zone(WWW, adopt=True)], region=REGION)
    assert "belongs to the platform 'mds'; declare it in one platform only." in result["msg"]
    assert lab.mutating() == []


def test_absent_leaves_nothing_of_ours_and_everything_else(lab, route53, dns, refused):
    other = route53.create_hosted_zone(Name="example.org", CallerReference="other")["HostedZone"]["Id"]
    add(route53, other, "www.example.org", "A", "192.0.2.9")
    # a zone of the same name that is not ours does not confuse
    made = dns(zone(*EVERYTHING), zone(name="example.net"))
    identifier = made["zones"][ZONE]["id"]
    twin = route53.create_hosted_zone(Name="example.net", CallerReference="twin")["HostedZone"]["Id"]
    add(route53, identifier, "foreign.example.com", "A", "192.0.2.9")
    add(route53, identifier, "_x.www.example.com", "CNAME", "_y.acm-validations.aws.")
    assert dns(zone(name="example.net"))["actions"] == []

    assert "zones: example.com holds records that were not declared: foreign.example.com A; purge: true" in refused(
        zone(*EVERYTHING), state="absent"
    )
    lab.clear_calls()
    plan = dns(zone(*EVERYTHING), state="absent", purge=True, check=True)
    assert lab.mutating() == []
    gone = dns(zone(*EVERYTHING), state="absent", purge=True)
    assert plan["actions"] == gone["actions"]
    assert len(gone["actions"]) == len(EVERYTHING) + 4
    found = {item["Id"] for item in route53.list_hosted_zones()["HostedZones"]}
    assert found == {other, twin}
    left = route53.list_resource_record_sets(HostedZoneId=other)["ResourceRecordSets"]
    assert "www.example.org." in {r["Name"] for r in left}
    assert not dns(zone(*EVERYTHING), state="absent")["changed"]


def test_absent_takes_declared_records_and_those_of_certificates(route53, dns):
    identifier = dns(zone(WWW))["zones"][ZONE]["id"]
    add(route53, identifier, "_x.www.example.com", "CNAME", "_y.acm-validations.aws.")
    dns({"name": ZONE, "records": [{"name": "www", "type": "A"}]}, state="absent")
    assert zones(route53) == {}


def test_a_large_zone_is_read_in_pages_and_changed_within_the_limits(lab, route53, dns):
    many = [record(f"h{n}", "A", "192.0.2.1") for n in range(1050)]
    made = dns(zone(*many))
    assert made["batches"] == 2
    identifier = made["zones"][ZONE]["id"]
    assert len(records(route53, identifier)) == 1050
    lab.clear_calls()
    assert dns(zone(*many))["actions"] == []
    # 1,052 with NS and SOA, 300 a page
    assert [call["operation"] for call in lab.calls()].count("ListResourceRecordSets") == 4
    assert dns(zone(*({**item, "ttl": 60} for item in many)))["batches"] == 3
    assert {item["TTL"] for item in records(route53, identifier).values()} == {60}


def test_zones_and_private_ones_of_the_same_name(lab, route53, dns):
    ec2 = lab.client("ec2")
    first, second = (ec2.create_vpc(CidrBlock=f"10.{n}.0.0/16")["Vpc"]["VpcId"] for n in (1, 2))
    private = zone(WWW, private={"vpc_ids": [first]})
    made = dns(zone(WWW), private)
    assert set(made["zones"]) == {ZONE, f"{ZONE} (private)"}
    identifier = made["zones"][f"{ZONE} (private)"]["id"]

    def vpcs():
        return {(vpc["VPCId"], vpc["VPCRegion"]) for vpc in route53.get_hosted_zone(Id=identifier)["VPCs"]}

    assert vpcs() == {(first, REGION)}
    both = zone(WWW, private={"vpc_ids": [first, second]})
    assert titles(dns(zone(WWW), both)) == {"update hosted_zone example.com (private)"}
    assert vpcs() == {(first, REGION), (second, REGION)}
    dns(zone(WWW), zone(WWW, private={"vpc_ids": [second]}))
    assert vpcs() == {(second, REGION)}
    plan = dns(zone(WWW, private={"vpc_ids": [UNKNOWN]}), check=True)
    assert titles(plan) == {"update hosted_zone example.com (private)"}
    dns(state="absent", purge=True)
    assert route53.list_hosted_zones()["HostedZones"] == []


@pytest.mark.parametrize("calls", [1, 2, 3, 4])
def test_a_run_that_was_cut_off_is_finished_by_the_next(lab, route53, dns, monkeypatch, calls):
    """Killed after so many changing requests: the next run makes what is missing, and nothing twice."""
    import botocore.httpsession

    class Killed(BaseException):
        pass

    sent = []
    send = botocore.httpsession.URLLib3Session.send

    def cut(self, request):
        if request.method == "POST" and b"ListTagsForResources" not in (request.body or b""):
            sent.append(1)
            if len(sent) > calls:
                raise Killed
        return send(self, request)

    many = [record(f"h{n}", "A", "192.0.2.1") for n in range(1010)]
    with monkeypatch.context() as patched:
        patched.setattr(botocore.httpsession.URLLib3Session, "send", cut)
        with pytest.raises(Killed):
            dns(zone(*many), zone(name="example.net"))
    dns(zone(*many), zone(name="example.net"))
    found = route53.list_hosted_zones()["HostedZones"]
    assert sorted(item["Name"] for item in found) == ["example.com.", "example.net."]
    assert {tags(route53, bare)["mydigitalstructure:platform"] for bare in zones(route53).values()} == {"mds"}
    assert len(records(route53, zones(route53)["example.com."])) == 1010
    assert dns(zone(*many), zone(name="example.net"))["actions"] == []


def test_what_failed_is_told_apart_from_what_was_done(lab, route53, run_module, dns):
    dns(zone(WWW))
    # Route 53 refuses an alias whose target is not there
    lost = record("lost", alias={"target": "nowhere.example.com"})
    result = run_module(
        "dns_zones", platform="mds", zones=[zone(WWW, lost), zone(WWW, name="example.net")], region=REGION
    )
    assert result["failed"]
    assert result["changed"]
    assert [action["name"] for action in result["failed_actions"]] == ["lost.example.com A"]
    assert "that target was not found" in result["failed_actions"][0]["reason"]
    assert {action["name"] for action in result["done"]} == {"example.net", "www.example.net A"}
    assert result["not_done"] == []


def test_what_is_written_and_does_not_appear_is_a_failure(lab, dns, run_module, monkeypatch):
    from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _dns_zones

    dns(zone(WWW))
    reads = []
    read = _dns_zones.read_records

    def stale(route53, seen):
        read(route53, seen)
        if reads:
            seen.records.pop(("new.example.com", "A", ""), None)
        reads.append(1)

    monkeypatch.setattr(_dns_zones, "read_records", stale)
    monkeypatch.setattr(_dns_zones, "READ_BACK_SECONDS", 0)
    result = run_module("dns_zones", platform="mds", zones=[zone(WWW, record("new", "A", "192.0.2.2"))], region=REGION)
    assert result["failed"]
    assert "1 of them are not to be seen there: create record new.example.com A; run again." in result["msg"]


def test_waiting_asks_once_a_zone_and_can_be_left_out(lab, dns):
    dns(zone(WWW), zone(WWW, name="example.net"))
    assert [call["operation"] for call in lab.calls()].count("GetChange") == 2
    lab.clear_calls()
    dns(zone(WWW, record("new", "A", "192.0.2.2")), wait=False)
    assert "GetChange" not in [call["operation"] for call in lab.calls()]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ([zone(record("@", "CNAME", "a.example.org"))], "a CNAME is not allowed at a zone's apex; use an alias."),
        ([zone(WWW, record("www", "CNAME", "a.example.org"))], "www.example.com has a CNAME beside A"),
        ([zone(WWW, WWW)], "record www.example.com A is declared twice; each is allowed once."),
        ([zone(record("www.example.org.", "A", "192.0.2.1"))], "lies outside its zone example.com"),
        ([zone(WWW), zone(WWW)], "zones: example.com is there twice; each zone is allowed once."),
        ([zone(record("www", "A", "192.0.2.300"))], "'192.0.2.300' is not an IPv4 address"),
        ([zone(record("www", "A"))], "neither values and alias given; exactly one is allowed."),
        ([zone(record("@", "NS", "ns.example.org"))], "Route 53's own"),
        ([zone(record("www", "A", UNKNOWN))], "'(known after apply)' is allowed only in check mode."),
        ([zone(private={"vpc_ids": [UNKNOWN]})], "'(known after apply)' is allowed only in check mode."),
        (
            [zone(record("a.b", "A", "192.0.2.1")), zone(name="b.example.com")],
            "lies in the declared zone b.example.com",
        ),
    ],
)
def test_bad_input_is_one_sentence_before_any_change(refused, wanted, sentence):
    assert sentence in refused(*wanted)
