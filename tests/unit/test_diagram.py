"""The picture of a platform: that it is Mermaid, that it says what the variables say, and that ours is not stale."""

from __future__ import annotations

import copy
import html
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.mydigitalstructure.aws.plugins.filter.platform_diagram import EXAMPLES, platform_diagram

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- BEGIN platform diagram -->\n", "<!-- END platform diagram -->\n"
HOSTILE = """a "b" <script>alert('x')</script> & #quot; `c` [d] {e} |f| %%g **h** _i_ ~~j~~ \\ ;
www.k.com http://l m@n.com end"""


# --- a grammar of our own for the part of Mermaid that is used ------------------------------------------------------

IDENTIFIER = r"[A-Za-z][A-Za-z0-9_]*"
LABEL = r'"((?:<br/>|[^"<>&`*_|{}\[\]\\~#;]|#[0-9]+;)+)"'
NODE = re.compile(rf"({IDENTIFIER})(?:\[{LABEL}\]|\[\[{LABEL}\]\]|\[\({LABEL}\)\]|\(\[{LABEL}\]\)|\{{\{{{LABEL}\}}\}})")
SUBGRAPH = re.compile(rf"subgraph ({IDENTIFIER})\[{LABEL}\]")
EDGE = re.compile(rf"({IDENTIFIER}) (-->|-\.->|-\.-)(?:\|{LABEL}\|)? ({IDENTIFIER})")
STYLE = re.compile(rf"classDef ({IDENTIFIER}) [a-z-]+:[a-z0-9 ]+|class ({IDENTIFIER}(?:,{IDENTIFIER})*) ({IDENTIFIER})")
# what Mermaid reads as keywords when an identifier is just that, or, with some, begins so
KEYWORDS = {"end", "graph", "flowchart", "subgraph", "class", "classDef", "click", "style", "linkStyle", "default"}


class Parsed:
    """A flowchart read back: labels and places of nodes, titles of subgraphs, and the edges."""

    def __init__(self, text: str) -> None:
        self.labels: dict[str, list[str]] = {}
        self.within: dict[str, tuple[str, ...]] = {}
        self.titles: dict[str, str] = {}
        self.edges: dict[tuple[str, str], tuple[str, str]] = {}
        assert text.endswith("\n") and "\t" not in text
        first, *lines = text.splitlines()
        assert re.fullmatch(r"flowchart (LR|TB)", first)
        open_now: list[str] = []
        classes, styled = set(), []
        for line in lines:
            line = line.strip()
            if line == "end":
                open_now.pop()
            elif found := SUBGRAPH.fullmatch(line):
                self.declare(found[1])
                self.titles[found[1]] = plain(found[2])[0]
                self.within[found[1]] = tuple(open_now)
                open_now.append(found[1])
            elif found := NODE.fullmatch(line):
                self.declare(found[1])
                self.labels[found[1]] = plain(next(filter(None, found.groups()[1:])))
                self.within[found[1]] = tuple(open_now)
            elif found := EDGE.fullmatch(line):
                assert (found[1], found[4]) not in self.edges, f"twice: {line}"
                self.edges[found[1], found[4]] = (found[2], plain(found[3])[0] if found[3] else "")
            elif found := STYLE.fullmatch(line):
                classes |= {found[1]} - {None}
                styled += [*found[2].split(","), found[3]] if found[2] else []
            else:
                raise AssertionError(f"not understood: {line}")
        assert not open_now, f"not ended: {open_now}"
        assert {name for edge in self.edges for name in edge} <= set(self.labels), "an edge leads to an unknown node"
        assert set(styled) <= set(self.labels) | classes
        assert set(self.titles) <= {name for places in self.within.values() for name in places}, "an empty subgraph"

    def declare(self, name: str) -> None:
        assert name not in self.within, f"declared twice: {name}"
        assert name not in KEYWORDS

    def reached(self, start: str) -> set[str]:
        """The nodes to which arrows lead from one."""
        found, todo = set(), [start]
        while todo:
            here = todo.pop()
            new = {b for (a, b), (line, label) in self.edges.items() if a == here and line.endswith(">")} - found
            found |= new
            todo += new
        return found


def plain(label: str) -> list[str]:
    """A label's lines as they are shown; none may begin a Markdown list, nor hold what becomes a link."""
    lines = label.split("<br/>")
    for line in lines:
        assert line == line.strip() and not re.match(r"([-+]|\d+[.)])( |$)", line)
        assert not re.search(r"www\.|://|@", line)
    return [html.unescape(re.sub(r"#(\d+);", r"&#\1;", line)) for line in lines]


# --- descriptions ---------------------------------------------------------------------------------------------------


def small() -> dict:
    """The smallest platform, that of the filter's own example."""
    return copy.deepcopy(yaml.safe_load(EXAMPLES)[0]["vars"]["description"])


def large() -> dict:
    """One with all that can be drawn."""
    zones = "abc"
    tiers = {"public": 0, "app": 16, "data": 32}
    subnets = [
        {"name": f"{tier}-{zone}", "tier": tier, "zone": f"eu-west-1{zone}", "cidr": f"10.1.{first + number}.0/24"}
        for tier, first in tiers.items()
        for number, zone in enumerate(zones)
    ]
    return {
        **small(),
        "network_cidr": "10.1.0.0/16",
        "network_subnets": subnets,
        "network_nat": "zone",
        "network_admin_address": "eip",
        "security_groups": [
            {"name": "web", "rules": [{"ports": [443, "8000-8080"], "cidrs": ["0.0.0.0/0", "::/0"]}]},
            {"name": "office", "rules": [{"ports": 443, "cidrs": ["198.51.100.0/24", "203.0.113.0/24"]}]},
            {"name": "app", "rules": [{"ports": 80, "groups": ["web"]}, {"ports": 22, "groups": "admin"}]},
            {"name": "files", "rules": [{"ports": 2049, "groups": ["app"]}, {"protocol": "all", "groups": "admin"}]},
        ],
        "security_extra_groups": [
            {"name": "admin", "rules": [{"ports": 22, "cidrs": "203.0.113.0/24"}]},
            {"name": "names", "rules": [{"protocol": "udp", "ports": 53, "cidrs": "10.1.16.0/20"}]},
        ],
        "security_operator_ranges": ["203.0.113.0/24"],
        "balancers_access_points": [
            {"name": "web", "array": 3, "domains": ["example.com", "*.example.com"], "security_groups": ["web"]},
            {"name": "sub", "domains": ["a.deep.example.com", "other.org"], "security_groups": ["web"]},
            {"name": "office", "domains": ["office.other.org"], "security_groups": ["office"]},
            {
                "name": "inner",
                "domains": ["inner.other.org"],
                "security_groups": ["web"],
                "scheme": "internal",
                "subnet_tier": "app",
            },
            {"name": "many", "domains": [f"t{n}.other.org" for n in range(40)], "security_groups": ["web"]},
        ],
        "dns_zones": [
            {"name": "example.com", "records": [{"name": "@", "type": "mx"}, {"name": "@", "type": "TXT"}]},
            {"name": "deep.example.com"},
            {"name": "other.org", "records": []},
        ],
        "dns_admin_name": "ssh.other.org",
        "fleet_min": "3",
        "fleet_max": 3,
        "fleet_access_points": ["web", "office", "inner", "many"],
        "fleet_instances": [
            {"name": "store", "role": "file", "subnet": "app-b", "security_groups": ["files", "names"]},
            {"name": "admin", "subnet": "public-a", "security_groups": ["admin"], "address": "admin"},
        ],
    }


def changed(**change) -> dict:
    return {**small(), **change}


# --- what is drawn --------------------------------------------------------------------------------------------------


def test_a_small_platform():
    chart = Parsed(platform_diagram(small()))
    assert chart.labels["world"] == ["The world"]
    assert chart.labels["point_web"] == ["Access point web", "2 balancers, one name", "example.com"]
    assert chart.labels["fleet"] == ["Fleet app", "2 to 6 hosts", "t3.small", "in app-a"]
    assert chart.labels["zone_example_com"] == ["example.com"]
    assert chart.titles == {
        "dns": "Route 53",
        "vpc": "VPC shop: 10.0.0.0/16 in eu-west-1",
        "tier_public": "Tier public",
        "tier_app": "Tier app",
    }
    assert chart.within["fleet"] == ("vpc", "tier_app") and chart.within["point_web"] == ("vpc", "tier_public")
    assert chart.edges == {
        ("world", "zone_example_com"): ("-->", ""),
        ("nat_a", "subnets_app"): ("-.-", "way out"),
        ("zone_example_com", "point_web"): ("-->", "443"),
        ("point_web", "fleet"): ("-->", "80"),
    }


def test_a_large_platform():
    chart = Parsed(platform_diagram(large()))
    edges = chart.edges
    assert {"zone_example_com", "point_web", "fleet", "host_store"} <= chart.reached("world")
    # names lie in the zone with the longest name, and a point with domains in two zones hangs on both
    assert (
        edges["zone_deep_example_com", "point_sub"] == edges["zone_other_org", "point_sub"] == ("-->", "443, 8000-8080")
    )
    assert ("zone_example_com", "point_sub") not in edges
    # ranges of the operators, and one more that is not theirs
    assert chart.labels["from_1"] == ["Some addresses", "198.51.100.0/24", "203.0.113.0/24"]
    assert chart.labels["from_2"] == ["Operators", "203.0.113.0/24"]
    assert edges["from_1", "point_office"] == ("-->", "443")
    assert edges["zone_other_org", "point_office"] == ("-.->", "")
    assert edges["from_2", "address_admin"] == ("-->", "22")
    assert edges["zone_other_org", "address_admin"] == ("-.->", "") and edges["address_admin", "host_admin"] == (
        "-->",
        "",
    )
    assert chart.labels["address_admin"] == ["Elastic IP", "ssh.other.org"]
    # an internal point has its name in a zone, but nobody outside enters
    assert edges["zone_other_org", "point_inner"] == ("-.->", "") and chart.within["point_inner"] == ("vpc", "tier_app")
    assert chart.labels["point_inner"][1] == "inside the VPC only"
    # what the rules let in: by group, by the range that the subnets lie in, and nothing
    assert edges["point_web", "fleet"] == ("-->", "80") and edges["point_office", "fleet"] == ("-.->", "no rule")
    assert edges["fleet", "host_store"] == ("-->", "2049, udp 53") and edges["host_admin", "fleet"] == ("-->", "22")
    assert edges["host_admin", "host_store"] == ("-->", "everything") and ("host_store", "fleet") not in edges
    assert ("point_sub", "fleet") not in edges, "the fleet does not serve it"
    assert chart.labels["point_many"][-2:] == ["t4.other.org", "and 35 more"] and len(chart.labels["point_many"]) == 7
    assert chart.labels["host_store"] == ["File host store", "in app-b"]
    assert chart.labels["host_admin"] == ["Admin host", "in public-a"]
    assert chart.labels["zone_example_com"] == ["example.com", "2 records: MX, TXT"]
    assert "3 hosts" in chart.labels["fleet"]
    assert [chart.labels[f"nat_{zone}"][1] for zone in "abc"] == [f"in public-{zone}" for zone in "abc"]
    assert len(chart.labels["subnets_data"]) == 6


def test_without_what_may_be_left_out():
    chart = Parsed(platform_diagram(changed(network_nat="none", fleet_min=1, fleet_max=1, fleet_access_points=[])))
    assert not [name for name in chart.labels if name.startswith(("nat", "host", "address", "from"))]
    assert chart.labels["fleet"][1] == "1 host" and ("point_web", "fleet") not in chart.edges
    description = {**large(), "network_admin_address": "none"}
    chart = Parsed(platform_diagram(description))
    assert "address_admin" not in chart.labels and "host_admin" in chart.labels


def test_the_database_and_who_reaches_it():
    description = {
        **large(),
        "database_enabled": True,
        "database_name": "main",
        "database_engine": "postgres",
        "database_engine_version": "17",
        "database_instance_class": "db.m7g.large",
        "database_multi_az": True,
        "database_subnet_tier": "data",
        "database_security_groups": ["database"],
        "database_replicas": [{"name": "reports"}],
    }
    rule = {"name": "database", "rules": [{"ports": 5432, "groups": ["app"]}]}
    description["security_extra_groups"] = [*description["security_extra_groups"], rule]
    chart = Parsed(platform_diagram(description))
    standby = "with a standby in another zone"
    assert chart.labels["database"] == ["Database main", "postgres 17", "db.m7g.large", standby, "replicas: reports"]
    assert chart.within["database"] == ("vpc", "tier_data")
    assert {edge: told for edge, told in chart.edges.items() if "database" in edge} == {
        ("fleet", "database"): ("-->", "5432")
    }
    assert "database" not in Parsed(platform_diagram({**description, "database_enabled": "false"})).labels
    with pytest.raises(AnsibleFilterError, match="database_engine: it is missing"):
        platform_diagram({**description, "database_engine": ""})


def test_subnets_of_several_tiers_lie_in_the_vpc():
    chart = Parsed(platform_diagram(changed(fleet_subnets=["app-a", "public-b"])))
    assert chart.within["fleet"] == ("vpc",) and chart.labels["fleet"][-2:] == ["in app-a", "in public-b"]


def test_a_fleet_with_public_addresses_is_reached_from_outside():
    description = small()
    description["network_subnets"][2]["map_public_ip"] = True
    description["security_groups"][1]["rules"].append({"ports": 22, "cidrs": ["::/0"]})
    assert Parsed(platform_diagram(description)).edges["world", "fleet"] == ("-->", "22")


def test_labels_are_escaped():
    description = {**large(), "platform_name": "mds", "fleet_name": HOSTILE, "fleet_instance_type": "1. a"}
    description["dns_zones"][0]["records"] = [{"type": '"]'}]
    description["fleet_instances"][0]["role"] = "- b ::c #35;"
    text = platform_diagram(description)
    chart = Parsed(text)
    assert chart.labels["fleet"][0] == "Fleet " + " ".join(HOSTILE.split())
    assert chart.labels["fleet"][2] == "1. a"
    assert chart.labels["host_store"][0] == "- b ::c #35; host store"
    assert "<script" not in text


def test_identifiers_differ_where_names_hardly_do():
    description = small()
    point = description["balancers_access_points"][0]
    description["balancers_access_points"] = [{**point, "name": name} for name in ("a.b", "a-b", "end", "a b 2", "ü")]
    chart = Parsed(platform_diagram(description))
    titles = [lines[0] for name, lines in chart.labels.items() if name.startswith("point")]
    assert titles == [f"Access point {name}" for name in ("a.b", "a-b", "end", "a b 2", "ü")]


def test_the_order_of_keys_does_not_matter():
    def turned(value):
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(item) for item in value] if isinstance(value, list) else value

    assert platform_diagram(turned(large())) == platform_diagram(large()) == platform_diagram(large())


def test_input_is_not_changed():
    description = large()
    platform_diagram(description)
    assert description == large()


# --- what is refused ------------------------------------------------------------------------------------------------


def item(variable, **change):
    """The large platform with the first item of a list changed; a value of None takes the key away."""
    first, *rest = large()[variable]
    return {variable: [{key: value for key, value in {**first, **change}.items() if value is not None}, *rest]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *[({name: missing}, [f"{name}: it is missing"]) for name in small() for missing in (None, "")],
        ({"network_subnets": "public-a"}, ["network_subnets: 'public-a'", "not a list"]),
        ({"network_subnets": ["public-a"]}, ["network_subnets: 'public-a'", "not a mapping"]),
        ({"network_subnets": []}, ["network_subnets: it is missing or empty"]),
        ({"balancers_subnet_tier": "web"}, ["balancers_subnet_tier: ", "'web'", "app, data, public"]),
        (item("network_subnets", zone=None), ["network_subnets: public-a has no zone"]),
        (item("network_subnets", name=None), ["network_subnets: item 1 has no name"]),
        (item("network_subnets", name="app-a"), ["network_subnets: name 'app-a' is there twice"]),
        (item("network_subnets", cidr="10.1.0.1/24"), ["network_subnets public-a: cidr", "host bits"]),
        (item("network_subnets", cidr="10.9.0.0/24"), ["network_subnets public-a: cidr", "network_cidr 10.1.0.0/16"]),
        ({"network_cidr": "10.1"}, ["network_cidr: '10.1'"]),
        ({"network_cidr": 10}, ["network_cidr: 10 is not a text"]),
        ({"network_nat": "two"}, ["network_nat: 'two'", "none, one, zone"]),
        ({"network_admin_address": True}, ["network_admin_address: True"]),
        ({"fleet_min": "x"}, ["fleet_min: 'x'"]),
        ({"fleet_max": True}, ["fleet_max: True"]),
        ({"fleet_min": 9}, ["fleet_min: 9 is more than fleet_max"]),
        ({"fleet_subnets": ["app-z"]}, ["fleet_subnets: 'app-z'", "app-a"]),
        ({"fleet_subnet_tier": "web"}, ["fleet_subnet_tier: ", "'web'", "app, data, public"]),
        ({"fleet_access_points": ["shop"]}, ["fleet_access_points: 'shop'", "office"]),
        ({"fleet_security_groups": ["apps"]}, ["fleet_security_groups: 'apps'", "app"]),
        (item("fleet_instances", subnet="app-z"), ["fleet_instances store: subnet: 'app-z'"]),
        (item("fleet_instances", security_groups=["x"]), ["fleet_instances store: security_groups: 'x'"]),
        (item("fleet_instances", address="other"), ["fleet_instances store: address: 'other'", "admin"]),
        (
            item("balancers_access_points", domains=["example.net"]),
            ["balancers_access_points web: domains", "example.net"],
        ),
        (
            item("balancers_access_points", domains="example.com"),
            ["balancers_access_points web: domains", "not a list"],
        ),
        (item("balancers_access_points", security_groups=["x"]), ["balancers_access_points web: security_groups: 'x'"]),
        (item("balancers_access_points", array="many"), ["balancers_access_points web: array: 'many'"]),
        (item("balancers_access_points", array=0), ["balancers_access_points web: array: 0"]),
        (item("balancers_access_points", subnet_tier="x"), ["balancers_access_points web: subnet_tier: ", "'x'"]),
        (item("balancers_access_points", subnets=["x"]), ["balancers_access_points web: subnets: 'x'"]),
        (item("security_groups", rules=[{"ports": 80, "groups": ["x"]}]), ["security_groups: group web", "'x'"]),
        (item("security_groups", rules=["x"]), ["security_groups web: rules: 'x' is not a mapping"]),
        (item("dns_zones", records=["x"]), ["dns_zones example.com: records: 'x' is not a mapping"]),
        ({"dns_admin_name": "ssh.example.net"}, ["dns_admin_name: 'ssh.example.net'"]),
    ],
)
def test_refused(change, words):
    with pytest.raises(AnsibleFilterError) as error:
        platform_diagram({**large(), **change})
    message = str(error.value)
    assert message.startswith(words[0]) and all(word in message for word in words), message
    assert message.endswith(".") and "\n" not in message


def test_nat_without_public_subnets_is_refused():
    description = changed(balancers_subnet_tier="app")
    description["network_subnets"] = description["network_subnets"][2:]
    with pytest.raises(AnsibleFilterError, match="^network_nat: 'one' needs a subnet of tier public"):
        platform_diagram(description)


def test_no_mapping_is_refused():
    with pytest.raises(AnsibleFilterError, match="^platform_diagram: .* is not a mapping"):
        platform_diagram(["x"])


@pytest.mark.parametrize(
    "broken",
    [
        'flowchart LR\n  a["x"]\n  a --> b\n',
        'flowchart LR\n  subgraph a["x"]\n  b["y"]\n',
        'flowchart LR\n  a["x "y" z"]\n',
        'flowchart LR\n  a["<b>x</b>"]\n',
        'flowchart LR\n  a["x"]\n  a["y"]\n',
        'flowchart LR\n  a["- x"]\n',
        'flowchart LR\n  end["x"]\n',
        'flowchart LR\n  subgraph a["x"]\n  end\n',
    ],
)
def test_the_grammar_refuses(broken):
    with pytest.raises(AssertionError):
        Parsed(broken)


# --- the playbook, and the pictures that lie in this repository -----------------------------------------------------


def draw(*arguments: str, cwd: pathlib.Path, **variables) -> tuple[int, str]:
    """Run the playbook as an operator without credentials does; gives its status and what it said."""
    # an address at which nobody answers, should it ask AWS after all
    env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    env |= {"ANSIBLE_CONFIG": str(ROOT / "tests/ansible.cfg"), "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    command = [pathlib.Path(sys.executable).with_name("ansible-playbook"), "mydigitalstructure.aws.diagram"]
    inventory = ["-i", ROOT / "inventories/lab/hosts.yml", "-e", json.dumps(variables)]
    ran = subprocess.run(
        [*command, *inventory, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    return ran.returncode, " ".join((ran.stdout + ran.stderr).split())


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    """What the playbook makes of the lab's variables today."""
    directory = tmp_path_factory.mktemp("page")
    status, said = draw(cwd=directory, diagram_path="page.md")
    assert status == 0, said
    return (directory / "page.md").read_text()


def block_of(text: str) -> str:
    assert text.count("```mermaid\n") == 1
    return text[text.index("```mermaid\n") + len("```mermaid\n") :].partition("```\n")[0]


def test_the_page_is_of_today(page):
    assert (ROOT / "docs/platform.md").read_text() == page, "make it anew: see playbooks/diagram.yml"


def test_the_readme_is_of_today(page):
    readme = (ROOT / "README.md").read_text()
    assert readme.count(BEGIN) == readme.count(END) == 1
    inside = readme.partition(BEGIN)[2].partition(END)[0]
    assert inside == f"```mermaid\n{block_of(page)}```\n", "make it anew: see playbooks/diagram.yml"


def test_the_lab(page):
    chart = Parsed(block_of(page))
    variables = {}
    for path in sorted((ROOT / "inventories/lab/group_vars/all").glob("*.yml")):
        variables |= yaml.safe_load(path.read_text())
    points = {f"point_{point['name']}" for point in variables["balancers_access_points"]}
    assert {name for name in chart.labels if name.startswith("point")} == points
    assert all((point, "fleet") in chart.edges for point in points)
    assert {*points, "fleet", "host_file"} <= chart.reached("world")
    assert f"{variables['fleet_min']} to {variables['fleet_max']} hosts" in chart.labels["fleet"]
    assert chart.labels["from_1"] == ["Operators", *variables["security_operator_ranges"]]
    shown = str([*chart.labels.values()])
    for thing in [*variables["network_subnets"], *variables["dns_zones"]]:
        assert thing["name"] in shown and thing.get("cidr", "") in shown
    assert {"no rule"}.isdisjoint(label for line, label in chart.edges.values())


def test_check_mode_writes_nothing(tmp_path):
    status, said = draw("--check", "--diff", cwd=tmp_path, diagram_path="page.md")
    assert status == 0 and "+flowchart LR" in said and "changed=1" in said, said
    assert not list(tmp_path.iterdir())


def test_between_markers(tmp_path, page):
    own = tmp_path / "own.md"
    own.write_text(f"# Mine\n\n{BEGIN}old\n{END}\nMore\n")
    status, said = draw(cwd=tmp_path, diagram_path=str(own))
    assert status == 0 and "changed=1" in said, said
    assert own.read_text() == f"# Mine\n\n{BEGIN}```mermaid\n{block_of(page)}```\n{END}\nMore\n"
    status, said = draw(cwd=tmp_path, diagram_path=str(own))
    assert status == 0 and "changed=0" in said, said


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "diagram_path: it is missing; name the file to draw into"),
        ({"diagram_path": ""}, "diagram_path: it is missing; name the file to draw into"),
        ({"diagram_path": "no/page.md"}, 'diagram_path: "no/page.md" lies in {0}/no, which is no directory'),
        ({"diagram_path": "."}, 'diagram_path: "." is a directory; name a file in it.'),
        ({"diagram_path": "page.md", "network_nat": "two"}, "network_nat: 'two' is not allowed"),
    ],
)
def test_the_playbook_refuses(tmp_path, variables, sentence):
    status, said = draw(cwd=tmp_path, **variables)
    assert status != 0 and sentence.format(tmp_path.resolve()) in said.replace("''", "'"), said
    assert not list(tmp_path.iterdir())
