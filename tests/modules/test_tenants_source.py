"""Module tenants_source: files and a table of the lab, and everything that can be wrong with them."""

from __future__ import annotations

import json

import pytest

FRIENDLY = {"friendly_zone": "mydigitalstructure.com", "friendly_target": "1blankspace.com"}
CSV = (
    "name,domains,state,friendly,mail_from,dkim_selector,dkim_secret,tags\n"
    'acme,"Acme.com, acme.com.au",,,bounce,,,plan=enterprise; region=nsw\n'
    "\n"
    "blue,blue.example.org,suspended,-,-,s1,dkim/blue,\n"
    "old,old.example.org,leaving,,,,,\n"
)


@pytest.fixture
def read(lab, run_module, tmp_path):
    def run(content, name="tenants.csv", **options):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        wanted = {"platform": "mds", "source": str(path), "configuration_set": "adhoc", **options}
        return run_module("tenants_source", **wanted)

    return run


def test_csv(lab, read):
    found = read(CSV, **FRIENDLY)
    assert not found["failed"], found
    assert found["changed"] is False
    assert lab.calls() == []
    assert found["tenants"]["acme"] == {
        "state": "active",
        "domains": ["acme.com", "acme.com.au"],
        "friendly": "acme.mydigitalstructure.com",
        "declared_at": "tenants.csv line 2",
    }
    assert found["leaving"] == ["old"]
    acme, _second, blue = found["domains"]
    assert (acme["tenant"], acme["mail_from"]["subdomain"], acme["configuration_set"]) == ("acme", "bounce", "adhoc")
    assert (acme["tags"], acme["paused"]) == ({"plan": "enterprise", "region": "nsw"}, False)
    assert (blue["mail_from"]["subdomain"], blue["paused"], blue["declared_at"]) == ("", True, "tenants.csv line 4")
    assert blue["dkim"] == {"type": "external", "selector": "s1", "private_key_secret": "dkim/blue"}
    assert [(record["name"], record["values"], record["owner"]) for record in found["records"]] == [
        ("acme.mydigitalstructure.com", ["1blankspace.com"], "acme")
    ]


def test_every_form_of_the_list_means_the_same(lab, read, run_module):
    expected = read(CSV, **FRIENDLY)
    yaml = """
tenants:
  - name: acme
    domains: [Acme.com, acme.com.au]
    mail_from: bounce
    tags: {plan: enterprise, region: nsw}
  - {name: blue, domains: blue.example.org, state: suspended, friendly: "-", mail_from: "-",
     dkim_selector: s1, dkim_secret: dkim/blue}
  - {name: old, domains: [old.example.org], state: leaving}
"""
    dynamodb = lab.client("dynamodb")
    dynamodb.create_table(
        TableName="tenants",
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    texts = {"acme": {"mail_from": "bounce"}, "old": {"state": "leaving"}}
    texts["blue"] = {"state": "suspended", "friendly": "-", "mail_from": "-", "dkim_selector": "s1"}
    texts["blue"]["dkim_secret"] = "dkim/blue"
    domains = {"acme": ["Acme.com", "acme.com.au"], "blue": ["blue.example.org"], "old": ["old.example.org"]}
    for name, names in domains.items():
        item = {"name": {"S": name}, "domains": {"SS": names}, "logins": {"N": "7"}}
        item |= {key: {"S": text} for key, text in texts[name].items()}
        if name == "acme":
            item["tags"] = {"M": {"plan": {"S": "enterprise"}, "region": {"S": "nsw"}}}
        dynamodb.put_item(TableName="tenants", Item=item)

    def bare(result):
        text = json.dumps([result["domains"], result["records"], result["leaving"]])
        for name, line, yaml_line in (("acme", 2, 3), ("blue", 4, 7), ("old", 5, 9)):
            for place in (
                f"tenants.csv line {line}",
                f"tenants.yml line {yaml_line}",
                f"table tenants item name={name}",
            ):
                text = text.replace(f'"{place}"', '"place"')
        return json.loads(text)

    listed = read(yaml, "tenants.yml", **FRIENDLY)
    table = run_module(
        "tenants_source", platform="mds", source="dynamodb:tenants", configuration_set="adhoc", **FRIENDLY
    )
    assert not listed["failed"] and not table["failed"], (listed, table)
    assert bare(listed) == bare(expected)
    assert bare(table) == bare(expected)


def test_a_table_is_read_to_its_end(lab, run_module):
    dynamodb = lab.client("dynamodb")
    dynamodb.create_table(
        TableName="many",
        KeySchema=[{"AttributeName": "space", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "space", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for number in range(60):
        # a page of Scan ends at 1 MB
        item = {"space": {"S": str(number)}, "name": {"S": f"s{number}"}, "domains": {"L": [{"S": f"s{number}.com"}]}}
        dynamodb.put_item(TableName="many", Item={**item, "note": {"S": "x" * 40_000}})
    dynamodb.put_item(TableName="many", Item={"space": {"S": "60"}, "name": {"S": "s1"}, "domains": {"S": "t.com"}})
    lab.clear_calls()
    refused = run_module("tenants_source", platform="mds", source="dynamodb:many")
    assert [call["operation"] for call in lab.calls()].count("Scan") > 1
    [problem] = refused["problems"]
    assert problem.startswith("table many item space=60: name 's1' is at table many item space=1 already")


def test_all_problems_are_told_at_once_each_with_its_line(lab, read):
    refused = read(
        "name,domains,state,friendly,mail_from,dkim_selector,dkim_secret,tags\n"
        "acme,acme.com,,,,,,\n"
        "a b,acme.com,,,,,,\n"
        "ACME,no domain,,,,,,\n"
        "suffix,com.au,asleep,,,,,\n"
        "short,short.com\n"
        "acme2,acme2.com,,acme,a.b,,,\n"
        "keyed,keyed.com,,,,s1,,plan\n"
        ",nameless.com,,,,,,\n"
        "empty,,,,,,,aws:x=1\n",
        **FRIENDLY,
    )
    assert refused["failed"]
    assert refused["msg"] == "\n".join(refused["problems"])
    for line, words in {
        3: ["name 'a b'", "domain 'acme.com' is tenant acme's at tenants.csv line 2 already"],
        4: ["name 'ACME' is at tenants.csv line 2 already", "is not a domain"],
        5: ["domain 'com.au' is a public suffix", "state 'asleep'", "active, suspended, leaving"],
        6: ["2 cells", "8 columns"],
        7: ["friendly 'acme' is tenant acme's at tenants.csv line 2 already", "mail_from subdomain 'a.b'"],
        8: ["private_key_secret", "tags 'plan'"],
        9: ["name is missing"],
        10: ["domains is missing", "tag 'aws:x'"],
    }.items():
        mine = [problem for problem in refused["problems"] if problem.startswith(f"tenants.csv line {line}: ")]
        for word in words:
            assert any(word in problem for problem in mine), (line, word, refused["problems"])
        assert all(problem.endswith((".", "?")) for problem in mine), mine
    assert not any(problem.startswith("tenants.csv line 2:") for problem in refused["problems"])
    assert lab.calls() == []


HEAD = b"name,domains\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("﻿name,domains\nacme,acme.com\n".encode(), None),
        ("name,domains\nb\xfccher,a.com\n".encode("latin-1"), ["line 2: byte 2", "fc", "Latin-1", "UTF-8"]),
        ("name,domains\nacme,acme.com\n".encode("utf-16"), ["line 1:", "ff fe", "UTF-16"]),
        ("name,domains\nacme,acme.com\n".encode("utf-16-be"), ["line 1: byte 1", "00"]),
        (b"", ["line 1: the file is empty"]),
        (b"name;domains\nacme;acme.com\n", ["line 1:", "semicolons", "commas"]),
        (b"name,domain\nacme,acme.com\n", ["line 1:", "column 'domain'", "did you mean domains?"]),
        (b"name,domains,name\n", ["line 1:", "'name' twice"]),
        (b"domains\nacme.com\n", ["line 1:", "no column 'name'"]),
        (HEAD + b'acme,"acme.com"x\n', ["line 2:", "not CSV"]),
        (HEAD + b'acme,"a.com\nb.com"\nbad name,c.com\n', ["line 4: name 'bad name'"]),
    ],
)
def test_a_csv_that_is_none(read, content, words):
    found = read(content)
    assert found["failed"] is (words is not None), found
    for word in words or []:
        assert word in found["msg"]
    assert "\n" not in found.get("msg", "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- name: acme\n  domains: [a.com\n", ["line 3: it is not YAML"]),
        ("name: acme\n", ["line 1:", "not a list of tenants"]),
        ("- acme\n", ["line 1:", "not a tenant"]),
        ("- name: acme\n  domains: a.com\n- name: no\n  domains: b.com\n", ["line 3: name False is not a text"]),
        ("- name: acme\n  name: b\n  domains: a.com\n", ["line 1: name is there twice"]),
        ("- name: acme\n  domains: [1.5]\n", ["line 1: domains [1.5]"]),
        ("- name: acme\n  domains: a.com\n  colour: red\n", ["line 1: 'colour' is not a field"]),
        ("- name: acme\n  domains: a.com\n  tags: [x]\n", ["line 1: tags ['x']"]),
        (b"- name: \xe4\n", ["line 1: byte 9", "e4"]),
        ("- name: !!python/name:os.system x\n", ["line 1:", "not YAML"]),
    ],
)
def test_a_yaml_that_is_none(read, content, words):
    found = read(content, "tenants.yml")
    assert found["failed"], found
    for word in words:
        assert word in found["msg"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"source": "/nowhere/tenants.csv"}, ["source: '/nowhere/tenants.csv'", "No such file"]),
        ({"source": "/"}, ["source: '/'", ".csv"]),
        ({"source": "dynamodb:none"}, ["DescribeTable", "not found"]),
        ({"friendly_zone": "mydigitalstructure.com"}, ["friendly_target: it is missing"]),
        ({"offboard_now": ["acme"]}, ["tenants.csv line 2: tenant 'acme' is active", "offboard_now"]),
    ],
)
def test_what_cannot_be_read(read, options, words):
    found = read("name,domains\nacme,acme.com\n", **options)
    assert found["failed"]
    for word in words:
        assert word in found["msg"]
