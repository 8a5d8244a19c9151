"""DNS zones: names and values in normal form, bad input, the plan, and what goes into which request."""

from __future__ import annotations

from unittest import mock

import pytest
from ansible_collections.mydigitalstructure.aws.plugins.filter.records_by_zone import records_by_zone
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _dns_names as names
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _dns_records as rr
from ansible_collections.mydigitalstructure.aws.plugins.module_utils import _dns_zones as dz
from ansible_collections.mydigitalstructure.aws.plugins.module_utils._set import InputError
from hypothesis import given
from hypothesis import strategies as st

ZONE = "example.com"
UNKNOWN = "(known after apply)"
LOAD_BALANCER = {"target": "LB-1.ap-southeast-2.elb.amazonaws.com", "zone_id": "Z1"}


def record(name, kind="A", **more):
    if "alias" not in more and "values" not in more:
        more["values"] = {"A": ["192.0.2.1"], "CNAME": ["other.example.org"], "TXT": ["text"]}[kind]
    return {"name": name, "type": kind, **more}


def zones_of(*records, name=ZONE, **more):
    return dz.validate([{"name": name, "records": list(records), **more}], "mds", {})


def observed_zones(wanted, **changes):
    """The zones as AWS shows them after they were made: sorted otherwise, written in its own way."""
    there = {}
    for label, zone in dz.settled_with(wanted, {}).items():
        seen = dz.Zone(zone.name, comment=zone.comment or "", tags=dict(zone.tags), id="ZOWN", private=zone.private)
        for key, fields in dz.with_zone_id(zone.records, "ZOWN").items():
            item = rr.record_set(key, fields)
            seen_key, seen_fields = rr.observed_record(item)
            seen.records[seen_key], seen.held[seen_key] = seen_fields, item
        for name, value in changes.items():
            setattr(seen, name, value)
        there[label] = seen
    return there


def planned(wanted, there, **options):
    final = dz.settled_with(wanted, there)
    actions = dz.plan(final, there, **options)
    return actions, dz.requests(actions, final, there)


# --- names and values -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "name", "sent"),
    [
        ("WWW.Example.COM.", "www.example.com", "www.example.com."),
        (r"\052.example.com.", "*.example.com", "*.example.com."),
        ("*.example.com", "*.example.com", "*.example.com."),
        ("bücher.example.com", "xn--bcher-kva.example.com", "xn--bcher-kva.example.com."),
        ("BÜCHER。example.com", "xn--bcher-kva.example.com", "xn--bcher-kva.example.com."),
        ("_sip._tcp.example.com", "_sip._tcp.example.com", "_sip._tcp.example.com."),
        ("a/b.example.com", "a/b.example.com", r"a\057b.example.com."),
        (r"a\057b.example.com.", "a/b.example.com", r"a\057b.example.com."),
        ("a b.example.com", r"a\040b.example.com", r"a\040b.example.com."),
        (r"first\056last.example.com", r"first\056last.example.com", r"first\056last.example.com."),
        (r"\303\251.example.com", r"\303\251.example.com", r"\303\251.example.com."),
    ],
)
def test_names(written, name, sent):
    assert names.normal(written) == name
    assert names.escaped(name) == sent
    assert names.normal(sent) == name


@pytest.mark.parametrize("bad", ["", ".", "a..b", "x" * 64 + ".com", ".".join(["x" * 60] * 5), "\N{SNOWMAN}" * 60])
def test_what_is_no_name(bad):
    with pytest.raises(InputError, match="^zones: "):
        names.normal(bad, "zones")


def test_an_escape_counts_as_one_character():
    assert names.normal(r"\040" * 63 + ".com")
    with pytest.raises(InputError, match="64 characters"):
        names.normal(r"\040" * 64 + ".com")


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("@", "example.com"),
        ("www", "www.example.com"),
        ("a.b", "a.b.example.com"),
        ("www.Example.com", "www.example.com"),
        ("www.example.com.", "www.example.com"),
        ("notexample.com", "notexample.com.example.com"),
    ],
)
def test_relative_names(name, full):
    assert names.absolute(name, ZONE, "zones") == full


@pytest.mark.parametrize(
    ("kind", "values", "normal"),
    [
        ("A", [" 192.0.2.1 "], "192.0.2.1"),
        ("AAAA", ["2001:DB8:0:0::1", "2001:db8::1"], "2001:db8::1"),
        ("CNAME", ["Other.Example.org", "other.example.org."], "other.example.org."),
        ("MX", ["10 Mail.example.com", "010   mail.example.com."], "10 mail.example.com."),
        ("SRV", ["1  2 0443 Host.example.com."], "1 2 443 host.example.com."),
        ("SRV", ["0 0 0 ."], "0 0 0 ."),
        ("CAA", ["0 ISSUE amazon.com", '0 issue "amazon.com"'], '0 issue "amazon.com"'),
        ("TXT", ["v=spf1 -all", '"v=spf1 -all"', '"v=spf1" " -all"'], '"v=spf1 -all"'),
        ("TXT", ['say "hi" \\o/', '"say \\"hi\\" \\\\o/"'], '"say \\"hi\\" \\\\o/"'),
        ("TXT", ["é", '"\\303\\251"'], '"\\303\\251"'),
        ("TXT", ["x" * 300, f'"{"x" * 255}" "{"x" * 45}"', f'"{"x" * 200}""{"x" * 100}"'],
         f'"{"x" * 255}" "{"x" * 45}"'),
        ("DS", ["1 13 2 ab cd", "01 13 2 ABCD"], "1 13 2 ABCD"),
        ("TLSA", ["3 1 1 abcd"], "3 1 1 ABCD"),
        ("SSHFP", ["1 1 ab cd"], "1 1 ABCD"),
        ("NAPTR", ['10 100 "s" "SIP+D2U" "!a  b!c!" _sip._udp.Example.com'],
         '10 100 "s" "SIP+D2U" "!a  b!c!" _sip._udp.example.com.'),
        ("HTTPS", ['1 . alpn="h2,h3"  port=8443'], '1 . alpn="h2,h3" port=8443'),
        ("SVCB", ["0 Other.Example.com"], "0 other.example.com."),
    ],
)  # fmt: skip
def test_values(kind, values, normal):
    assert {names.normal_value(kind, value) for value in values} == {normal}
    assert names.normal_value(kind, normal) == normal


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("A", "192.0.2.256", "not an IPv4 address"),
        ("A", "2001:db8::1", "not an IPv4 address"),
        ("AAAA", "192.0.2.1", "not an IPv6 address"),
        ("CNAME", "a b", "of the form HOST"),
        ("MX", "mail.example.com", "of the form PRIORITY HOST"),
        ("MX", "70000 mail.example.com", "of the form PRIORITY HOST"),
        ("SRV", "1 2 mail.example.com", "of the form PRIORITY WEIGHT PORT HOST"),
        ("CAA", "issue amazon.com", "of the form FLAGS"),
        ("CAA", "256 issue amazon.com", "of the form FLAGS"),
        ("NAPTR", "10 100 s x y host", "of the form ORDER"),
        ("TLSA", "3 1 1 xyz", "of the form USAGE"),
        ("DS", "1 13 2", "of the form TAG"),
        ("HTTPS", "1", "of the form PRIORITY HOST"),
        ("TXT", '"open', "begins with a quote"),
        ("TXT", '"a" b', "begins with a quote"),
        ("TXT", "x" * 4000, "Route 53 allows 4000"),
        ("PTR", "", "of the form HOST"),
        ("NS", "x" * 64, "label of 64"),
    ],
)
def test_bad_values(kind, value, said):
    with pytest.raises(InputError) as error:
        zones_of(record("www", kind, values=[value]))
    assert said in str(error.value)
    assert str(error.value).startswith(f"zones: example.com: record www.example.com {kind}: ")


LABELS = st.text(st.sampled_from("abzXY09-_*/ é\\"), min_size=1, max_size=12)


@given(st.lists(LABELS, min_size=1, max_size=5))
def test_normal_names_stay_as_they_are(labels):
    try:
        name = names.normal(".".join(labels))
    except InputError:
        return
    assert names.normal(name) == names.normal(names.escaped(name)) == name


@given(st.text(st.characters(codec="utf-8"), max_size=700).filter(lambda text: not text.lstrip().startswith('"')))
def test_a_text_value_says_the_same_after_splitting_and_quoting(text):
    written = names.quoted(names.text_bytes(text))
    assert names.text_bytes(written) == text.encode()
    assert names.quoted(names.text_bytes(written)) == written
    assert written.isascii()
    for string in written[1:-1].split('" "'):
        assert len(names.text_bytes(f'"{string}"')) <= 255


@given(
    st.sampled_from([kind for kind in names.TYPES if kind != "SOA"]),
    st.text(st.sampled_from('01.: abXY"\\-'), max_size=30),
)
def test_normal_values_stay_as_they_are(kind, value):
    try:
        once = names.normal_value(kind, value)
    except InputError:
        return
    assert names.normal_value(kind, once) == once


# --- input ----------------------------------------------------------------------------------------------------------

GEO = {"set_identifier": "x"}


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([record("@", "CNAME")], "a CNAME is not allowed at a zone's apex"),
        ([record("www", "CNAME"), record("WWW", "TXT")], "www.example.com has a CNAME beside TXT"),
        ([record("www"), record("www.example.com.")], "www.example.com A is declared twice"),
        ([record("www.example.org.")], "'www.example.org.' lies outside its zone example.com"),
        ([record("@", "NS", values=["ns.example.org"])], "Route 53's own"),
        ([record("@", "SOA", values=["x"])], "Route 53's own"),
        ([record("www", "SOA", values=["x"])], "Route 53's own"),
        ([record("www", "WKS", values=["x"])], "type 'WKS' is not one that Route 53 has; those are A, AAAA, CAA"),
        ([record("www", values=[])], "neither values and alias given"),
        ([record("www", values=["192.0.2.1"], alias=LOAD_BALANCER)], "both values and alias given"),
        ([record("www", alias=LOAD_BALANCER, ttl=60)], "ttl 60 is given, but an alias"),
        ([record("www", alias={"target": "WWW.example.com."})], "is the record itself"),
        ([record("www", alias={"target": "a.example.org"})], "alias.zone_id has to say"),
        ([record("sub", "NS", alias=LOAD_BALANCER)], "an alias is not allowed for type NS"),
        ([record("www", alias={"target": "d1.cloudfront.net", "zone_id": rr.CLOUDFRONT_ZONE})], "only false"),
        ([record("a", alias={"target": "b.example.com"}), record("b", alias={"target": "a.example.com"})],
         "a.example.com A -> b.example.com A -> a.example.com A lead in a circle"),
        ([record("www", ttl=-1)], "ttl -1 is out of range"),
        ([record("www", weight=1)], "set_identifier is missing; a record with weight needs one"),
        ([record("www", set_identifier="x")], "set_identifier 'x' needs a routing policy"),
        ([record("www", set_identifier="x", multivalue=False)], "set_identifier 'x' needs a routing policy"),
        ([record("www", set_identifier="x", weight=256)], "weight 256 is out of range; 0 to 255"),
        ([record("www", set_identifier="x", weight=1, failover="PRIMARY")], "weight and failover are given"),
        ([record("www", set_identifier="x", weight=1), record("www", set_identifier="y", failover="PRIMARY")],
         "www.example.com A mixes the routing policies failover, weight"),
        ([record("www", set_identifier="x", weight=1), record("www")],
         "www.example.com A mixes the routing policies simple, weight"),
        ([record("www", **GEO, multivalue=True, alias=LOAD_BALANCER)], "multivalue is not allowed for an alias"),
        ([record("www", **GEO, geolocation={"continent": "OC", "country": "AU"})], "either a continent, or a country"),
        ([record("www", **GEO, geolocation={"subdivision": "NY"})], "either a continent, or a country"),
        ([record("www", **GEO, geoproximity={"bias": 1})], "geoproximity has no place"),
        ([record("www", **GEO, geoproximity={"region": "us-east-1", "bias": 100})], "geoproximity.bias 100"),
        ([record("www", **GEO, geoproximity={"coordinates": {"latitude": 91, "longitude": 0}})], "latitude 91"),
        ([record("www", "CNAME", values=["a.example.org", "b.example.org"])], "2 values are given; a CNAME has"),
        ([record("x" * 64)], "label of 64 characters"),
    ],
)  # fmt: skip
def test_bad_records(records, said):
    with pytest.raises(InputError) as error:
        zones_of(*records)
    assert said in str(error.value)
    assert str(error.value).startswith("zones: example.com")
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    ("zones", "said"),
    [
        ([{"name": "example.com"}, {"name": "Example.COM."}], "example.com is there twice"),
        ([{"name": "example.com", "private": {"vpc_ids": []}}], "private.vpc_ids is empty"),
        ([{"name": "example.com", "private": {"vpc_ids": ["vpc-1"]}, "delegation_set": "N1"}], "delegation_set 'N1'"),
        ([{"name": "example.com", "records": [record("a.sub")]}, {"name": "sub.example.com"}],
         "record a.sub.example.com A lies in the declared zone sub.example.com"),
        ([{"name": "a..b"}], "label of 0"),
    ],
)  # fmt: skip
def test_bad_zones(zones, said):
    with pytest.raises(InputError) as error:
        dz.validate(zones, "mds", {})
    assert said in str(error.value)


def test_what_is_allowed_beside_each_other():
    zones = [
        {"name": "example.com", "records": [
            record("sub", "NS", values=["ns.example.org"]), record("www", "CNAME", set_identifier="x", weight=0),
            record("www", "CNAME", set_identifier="y", weight=1), record("view")]},
        {"name": "sub.example.com"},
        {"name": "example.com", "private": {"vpc_ids": ["vpc-1"]}},
        {"name": "view.example.com", "private": {"vpc_ids": ["vpc-1"]}},
    ]  # fmt: skip
    wanted = dz.validate(zones, "mds", {"Environment": "test"})
    assert set(wanted) == {
        "example.com", "sub.example.com", "example.com (private)", "view.example.com (private)"
    }  # fmt: skip
    assert wanted["sub.example.com"].tags["Environment"] == "test"


def test_what_is_not_known_yet():
    wanted = zones_of(
        record(f"{UNKNOWN}.example.com", "CNAME", values=[UNKNOWN]),
        record("www", alias={"target": UNKNOWN, "zone_id": UNKNOWN}),
        record("ssh", values=[UNKNOWN]),
    )
    actions, unused = planned(wanted, {})
    assert {action.name for action in actions} == {
        "example.com", f"{UNKNOWN}.example.com CNAME", "www.example.com A", "ssh.example.com A"
    }  # fmt: skip
    with pytest.raises(InputError, match="allowed only in check mode"):
        dz.check_known(wanted)
    dz.check_known(zones_of(record("@", alias={"target": "www.example.com"}), record("www")))


# --- the plan -------------------------------------------------------------------------------------------------------

EVERYTHING = [
    record("@", alias=LOAD_BALANCER),
    record("@", "TXT", values=["x" * 600, 'a "quoted" é']),
    record("@", "MX", values=["20 b.example.com", "10 A.example.com"]),
    record("*", "CNAME"),
    record("bücher", ttl=60, values=["192.0.2.2", "192.0.2.1"]),
    record("w", set_identifier="a", weight=0, health_check_id="h1"),
    record("w", set_identifier="b", weight=255),
    record("f", set_identifier="a", failover="PRIMARY", alias=LOAD_BALANCER),
    record("f", set_identifier="b", failover="SECONDARY"),
    record("l", set_identifier="a", latency_region="eu-west-1"),
    record("g", set_identifier="a", geolocation={"country": "US", "subdivision": "NY", "continent": None}),
    record("g", set_identifier="b", geolocation={"country": "*"}),
    record("p", set_identifier="a", geoproximity={"coordinates": {"latitude": -33.868, "longitude": 151.2}}),
    record("p", set_identifier="b", geoproximity={"region": "us-east-1", "bias": -10}),
    record("m", set_identifier="a", multivalue=True),
    record("c", set_identifier="a", cidr_location={"collection_id": "c-1", "location": "*"}),
    record("own", alias={"target": "@", "evaluate_health": False}),
]


def test_what_was_made_needs_no_change():
    wanted = zones_of(*EVERYTHING)
    actions, packed = planned(wanted, observed_zones(wanted), purge=True)
    assert actions.as_list() == []
    assert packed == {}


def test_the_plan_of_a_new_zone():
    actions, packed = planned(zones_of(*EVERYTHING, comment="text"), {})
    assert {action.verb for action in actions} == {"create"}
    assert [action.name for action in actions.only("hosted_zone")] == ["example.com"]
    assert actions.as_diff()["after"]["record"]["own.example.com A"]["alias"]["zone_id"] == UNKNOWN
    (batch,) = packed["example.com"]
    order = [change["ResourceRecordSet"]["Name"] for unused, change in batch]
    assert order.index("own.example.com.") > order.index("example.com.")
    assert {change["Action"] for unused, change in batch} == {"CREATE"}


def change_list(batch):
    return [
        (c["Action"], c["ResourceRecordSet"]["Type"], c["ResourceRecordSet"].get("SetIdentifier")) for _a, c in batch
    ]


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        # one key, so AWS replaces it in place
        ([record("www")], [record("www", alias=LOAD_BALANCER)], [("UPSERT", "A", None)]),
        ([record("www", "CNAME")], [record("www", alias=LOAD_BALANCER)],
         [("DELETE", "CNAME", None), ("CREATE", "A", None)]),
        ([record("www"), record("www", "TXT")], [record("www", "CNAME")],
         [("DELETE", "A", None), ("DELETE", "TXT", None), ("CREATE", "CNAME", None)]),
        ([record("www")], [record("www", weight=1, set_identifier="a"), record("www", weight=2, set_identifier="b")],
         [("DELETE", "A", None), ("CREATE", "A", "a"), ("CREATE", "A", "b")]),
        ([record("www", weight=1, set_identifier="a")], [record("www")], [("DELETE", "A", "a"), ("CREATE", "A", None)]),
        ([record("www", weight=1, set_identifier="a"), record("www", weight=1, set_identifier="old")],
         [record("www", failover="PRIMARY", set_identifier="a")], [("DELETE", "A", "old"), ("UPSERT", "A", "a")]),
        ([record("www", weight=1, set_identifier=i) for i in "ab"],
         [record("www", set_identifier=i, latency_region=r) for i, r in (("a", "us-east-1"), ("b", "eu-west-1"))],
         [("UPSERT", "A", "a"), ("UPSERT", "A", "b")]),
    ],
)  # fmt: skip
def test_what_is_in_the_way_goes_in_the_same_step(before, after, changes):
    actions, packed = planned(zones_of(*after), observed_zones(zones_of(*before)))
    (batch,) = packed["example.com"]
    assert change_list(batch) == changes
    assert [len(group) for group in rr.transactions(batch)] == [len(changes)]


def test_without_purge_others_stay_and_ignore_protects():
    there = observed_zones(
        zones_of(record("keep"), record("keep", "TXT"), record("www", weight=1, set_identifier="old"))
    )
    wanted = zones_of(record("www", weight=1, set_identifier="new"))
    assert planned(wanted, there)[0].as_list()[0]["name"] == "www.example.com A [new]"
    assert len(planned(wanted, there)[0]) == 1
    actions, unused = planned(wanted, there, purge=True, ignore=["keep.* TXT", "* A *old*"])
    assert {action.title for action in actions.only("record")} == {
        "create record www.example.com A [new]", "delete record keep.example.com A"
    }  # fmt: skip
    with pytest.raises(InputError, match="ignore: keep.example.com TXT is to be left alone"):
        planned(zones_of(record("keep", "CNAME")), there, ignore=["* TXT"])
    # what is not made because it is ignored drives nothing out
    assert not planned(zones_of(record("keep", "CNAME")), there, ignore=["* CNAME"])[0]
    assert not planned(wanted, there, purge=True, ignore=["example.com", "* A*", "* TXT"])[0]


def test_purge_removes_zones_that_are_ours_and_not_adopted():
    there = observed_zones(zones_of(record("www")))
    assert not planned({}, there)[0]
    actions, packed = planned({}, there, purge=True)
    assert [action.title for action in actions] == ["delete hosted_zone example.com", "delete record www.example.com A"]
    assert change_list(packed["example.com"][0]) == [("DELETE", "A", None)]
    assert not planned({}, there, purge=True, ignore=["example.com"])[0]
    with pytest.raises(InputError, match="its zone example.com is to be removed"):
        planned({}, there, purge=True, ignore=["www.* A"])
    there["example.com"].tags[dz.ADOPTED_TAG] = "true"
    assert not planned({}, there, purge=True)[0]


def test_an_adopted_zone_keeps_its_tags_and_stays_adopted():
    wanted = zones_of(record("www"), adopt=True)
    there = observed_zones(wanted, tags={"Name": "theirs", "Team": "web"}, comment="theirs", adopt=True)
    actions, unused = planned(wanted, there)
    (action,) = actions
    assert action.after == {
        "tags": {"Name": "theirs", "Team": "web", dz.PLATFORM_TAG: "mds", dz.NAME_TAG: ZONE, dz.ADOPTED_TAG: "true"}
    }
    there["example.com"].tags, there["example.com"].adopt = dict(action.after["tags"]), False
    assert not planned(wanted, there)[0]
    assert not planned(zones_of(record("www")), there)[0]
    gone = dz.plan_absent(zones_of(record("www")), there, "mds", {})
    assert {action.title for action in gone} == {"update hosted_zone example.com", "delete record www.example.com A"}
    assert gone.only("hosted_zone")[0].after == {"tags": {"Name": "theirs", "Team": "web"}}


def test_adopt_means_nothing_for_a_zone_that_we_made():
    wanted = zones_of(adopt=True)
    assert dz.ADOPTED_TAG not in dz.settled_with(wanted, {})["example.com"].tags
    # made by a run that was killed before it could tag
    there = observed_zones(wanted, tags={})
    (action,) = planned(wanted, there)[0]
    assert dz.ADOPTED_TAG not in action.after["tags"]


def test_absent_refuses_records_of_others():
    foreign = [record(f"r{n}") for n in range(6)]
    validation = record("_abc.www", "CNAME", values=["_def.acm-validations.aws"])
    there = observed_zones(zones_of(record("www"), validation, *foreign))
    declared = dz.validate([{"name": ZONE, "records": [{"name": "www", "type": "A"}] * 2}], "mds", {}, absent=True)
    with pytest.raises(InputError) as error:
        dz.plan_absent(declared, there, "mds", {})
    assert "r0.example.com A, r1" in str(error.value)
    assert "r4.example.com A and 1 more; purge: true" in str(error.value)
    assert len(dz.plan_absent(declared, there, "mds", {}, purge=True)) == 9
    assert len(dz.plan_absent(declared, observed_zones(zones_of(record("www"), validation)), "mds", {})) == 3


# --- requests -------------------------------------------------------------------------------------------------------

NAMES = [f"n{n}" for n in range(6)]
SHAPES = st.sampled_from(["A", "alias", "CNAME", "TXT", "weighted", "failover", "gone"])
SIZES = st.integers(1, 5)


@st.composite
def record_sets(draw):
    """Declared records of a few names, each of one of the shapes that a name may have."""
    records = []
    for name in NAMES:
        shape, size = draw(SHAPES), draw(SIZES)
        values = [f"192.0.{n // 250}.{n % 250}" for n in range(size)]
        if shape == "A":
            records += [record(name, values=values), record(name, "TXT", values=["x" * 40 * size])]
        elif shape == "alias":
            records.append(record(name, alias={"target": f"{draw(st.sampled_from(['x', 'y']))}{name}.example.com"}))
        elif shape == "CNAME":
            records.append(record(name, "CNAME", values=[f"h{size}.example.org"]))
        elif shape == "TXT":
            records.append(record(name, "TXT", values=[f"{n}" + "t" * (size * 20) for n in range(4)]))
        elif shape in ("weighted", "failover"):
            policy = {"weight": size % 256} if shape == "weighted" else {"failover": "PRIMARY"}
            records += [record(name, values=values, set_identifier=i, **policy) for i in "abc"[: 1 + size % 3]]
    return records


def apply_to(state, change):
    """What Route 53 would have after a change, refusing what it would refuse of a single one."""
    item = change["ResourceRecordSet"]
    key = (item["Name"], item["Type"], item.get("SetIdentifier"))
    assert (key in state) == (change["Action"] == "DELETE") or change["Action"] == "UPSERT"
    if change["Action"] == "DELETE":
        assert state.pop(key) == item
    else:
        state[key] = item


def allowed(state):
    """Whether a zone may hold these record sets: no CNAME beside others, one policy a name and type."""
    policies = {}
    for (name, kind, _identifier), item in state.items():
        if kind == "CNAME" and any(other[0] == name and other[1] != kind for other in state):
            return False
        policy = next((p for p in ("Weight", "Failover") if p in item), "simple")
        if policies.setdefault((name, kind), policy) != policy:
            return False
    return True


def answered(state):
    """The names and types that have an answer."""
    kinds = ("A", "TXT")
    return {(name, kind) for name, held, _identifier in state for kind in (kinds if held == "CNAME" else (held,))}


@given(record_sets(), record_sets(), st.booleans(), st.integers(50, 90), st.integers(2500, 4000))
def test_requests_keep_the_limits_and_every_state_between_them_is_allowed(before, after, purge, most, longest):
    """Whatever becomes what: limits kept, nothing twice, nothing left out, no step that Route 53 refuses.

    What has an answer before and after has one in between.

    The limits are low here, so that many changes meet one.
    """
    there = observed_zones(zones_of(*before))
    wanted = zones_of(*after)
    with mock.patch.multiple(rr, BATCH_ELEMENTS=most, BATCH_CHARACTERS=longest):
        actions, packed = planned(wanted, there, purge=purge)
    state = {
        (item["Name"], item["Type"], item.get("SetIdentifier")): item for item in there["example.com"].held.values()
    }
    # what is asked for before and after: a name's CNAME answers for every type
    lasting = answered(state) & answered(
        {(names.escaped(name), kind, identifier): {} for name, kind, identifier in wanted["example.com"].records}
    )
    sent = []
    for batch in packed.get("example.com", []):
        elements = characters = 0
        for action, change in batch:
            apply_to(state, change)
            values = [v["Value"] for v in change["ResourceRecordSet"].get("ResourceRecords", [])]
            times = 2 if change["Action"] == "UPSERT" else 1
            elements, characters = elements + times * len(values), characters + times * sum(map(len, values))
            sent.append(id(action))
        assert elements <= most
        assert characters <= longest
        assert allowed(state)
        assert lasting <= answered(state)
    assert sorted(sent) == sorted(id(action) for action in actions.only("record"))
    final = observed_zones(wanted)["example.com"].held.values()
    expected = {(item["Name"], item["Type"], item.get("SetIdentifier")) for item in final}
    assert expected == set(state) if purge else expected <= set(state)


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=120))
def test_batches_are_in_order_and_full(sizes):
    """Independent changes stay in order, and no request could have taken the one that follows it."""
    changes = []
    for n, (size, update) in enumerate(sizes):
        item = {"Name": f"n{n}.", "Type": "A", "ResourceRecords": [{"Value": "192.0.2.1"}] * size}
        verb = "UPSERT" if update else "CREATE"
        changes.append((dz.Action(verb.lower(), "record", f"n{n}"), {"Action": verb, "ResourceRecordSet": item}))
    packed = rr.batches(changes)
    assert [change for batch in packed for change in batch] == changes
    for batch, following in zip(packed, packed[1:], strict=False):
        assert sum(rr.cost(change)[0] for _a, change in batch) + rr.cost(following[0][1])[0] > 1000


def test_a_step_that_no_request_can_hold_is_refused_before_anything_is_sent():
    many = [f"10.0.{n // 250}.{n % 250}" for n in range(400)]
    before = [record("www", values=many, weight=1, set_identifier=i) for i in "abc"]
    with pytest.raises(InputError, match="www.example.com A .* in one step and count as 1201 values"):
        planned(zones_of(record("www", "CNAME")), observed_zones(zones_of(*before)))


def test_an_alias_is_made_after_its_target_and_goes_before_it():
    chain = [record(f"a{n}", alias={"target": f"a{n + 1}.example.com"}) for n in range(3)] + [record("a3")]
    unused, packed = planned(zones_of(*chain), {})
    order = [change["ResourceRecordSet"]["Name"][:2] for _action, change in packed["example.com"][0]]
    assert order == ["a3", "a2", "a1", "a0"]
    unused, packed = planned(zones_of(), observed_zones(zones_of(*chain)), purge=True)
    assert [c["ResourceRecordSet"]["Name"][:2] for _a, c in packed["example.com"][0]][-1] == "a3"


# --- the role's filter ----------------------------------------------------------------------------------------------


def test_records_by_zone():
    zones = [{"name": "example.com", "records": [record("www")], "comment": "x"}, {"name": "sub.example.com"}]
    found = records_by_zone(zones, [record("a.sub.example.com"), record("example.com")])
    assert [[item["name"] for item in zone["records"]] for zone in found] == [
        ["www", "example.com"], ["a.sub.example.com"]
    ]  # fmt: skip
    assert found[0]["comment"] == "x"
    with pytest.raises(Exception, match="'www.example.org' is in none of the zones of dns_zones"):
        records_by_zone(zones, [record("www.example.org")])
