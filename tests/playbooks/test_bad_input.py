"""Whatever cannot work stops `provision` with one sentence before the first change, wherever in the platform it is."""

from __future__ import annotations

import concurrent.futures
import copy
import functools
import os
import socket
import typing as t

import pytest
import yaml

from tests.playbooks.runner import ROOT, run_playbook


@functools.cache
def lab_variables() -> dict:
    """The variables of the lab's inventory."""
    files = sorted((ROOT / "inventories/lab/group_vars/all").glob("*.yml"))
    return {key: value for file in files for key, value in yaml.safe_load(file.read_text()).items()}


def changed(variable: str, index: int, **fields) -> dict:
    """The lab's list with another item in the place of one of its items."""
    items = copy.deepcopy(lab_variables()[variable])
    items[index].update(fields)
    return {variable: items}


def more(variable: str, *items: dict) -> dict:
    """The lab's list with items at its end."""
    return {variable: [*lab_variables()[variable], *items]}


def records(zone: int, *added: dict) -> dict:
    """The lab's zones with records added to one of them."""
    present = lab_variables()["dns_zones"][zone]["records"]
    return changed("dns_zones", zone, records=[*present, *added])


def rule(**fields) -> dict:
    """A security group of one rule."""
    return {"security_extra_groups": [{"name": "cache", "description": "Cache", "rules": [fields]}]}


WIDE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
LARGE = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": [f"arn:aws:s3:::b{n}/*" for n in range(400)]}
    ],
}

# what is given, the role whose task refuses it, and what its sentence has to name: the variable (a module's option has
# the role's name before it among the variables), the value, what is allowed
VARIABLES: dict[str, tuple[dict, str, list[str]]] = {
    "overlapping CIDRs": (
        changed("network_subnets", 1, cidr="10.20.0.128/25"),
        "network",
        ["subnets: public-b", "'10.20.0.128/25'", "overlaps 10.20.0.0/24 of subnet public-a"],
    ),
    "misaligned CIDR": (
        changed("network_subnets", 2, cidr="10.20.17.0/22"),
        "network",
        ["subnets: app-a", "'10.20.17.0/22'", "the aligned range is 10.20.16.0/22"],
    ),
    "subnet outside of the VPC": (
        changed("network_subnets", 5, cidr="10.99.33.0/24"),
        "network",
        ["subnets: data-b", "'10.99.33.0/24'", "outside the VPC's 10.20.0.0/16"],
    ),
    "one zone only": (
        {"network_subnets": [{**item, "zone": "ap-southeast-2a"} for item in lab_variables()["network_subnets"]]},
        "network",
        ["subnets", "all lie in ap-southeast-2a", "at least two zones are needed"],
    ),
    "unknown zone of a subnet": (
        changed("network_subnets", 0, zone="ap-southeast-2z"),
        "network",
        ["subnets: public-a", "'ap-southeast-2z'", "ap-southeast-2a, ap-southeast-2b, ap-southeast-2c"],
    ),
    "unknown group in a rule": (
        rule(ports=6379, groups=["apps"]),
        "security",
        ["groups: group cache", "'apps'", "admin, admin_balancer, app, balancers, cache, database, files"],
    ),
    "unknown group of a balancer": (
        changed("balancers_access_points", 5, security_groups=["admins"]),
        "balancers",
        [
            "balancers_access_points: admin: security_groups",
            "'admins'",
            "admin, admin_balancer, app, balancers, database",
        ],
    ),
    "unknown group of an instance": (
        changed("fleet_instances", 0, security_groups=["fils"]),
        "fleet",
        ["fleet_instances file: security_groups", "'fils'", "admin, admin_balancer, app, balancers, database, files"],
    ),
    "unknown subnet of an instance": (
        changed("fleet_instances", 1, subnet="public-z"),
        "fleet",
        ["fleet_instances admin: subnet", "'public-z'", "app-a, app-b, data-a, data-b, public-a, public-b"],
    ),
    "unknown access point": (
        {"fleet_access_points": ["platform", "retial"]},
        "fleet",
        ["fleet_access_points", "'retial'", "admin, classic1, classic2, platform, retail, webapi"],
    ),
    "unknown balancer of a scaling policy": (
        changed("fleet_scaling", 1, load_balancer="platfrom"),
        "fleet",
        ["fleet_scaling requests: load_balancer", "'platfrom'", "retail, webapi-1, webapi-2"],
    ),
    "domain in no zone": (
        changed("balancers_access_points", 4, domains=["retail.example.com"]),
        "balancers",
        ["balancers_access_points", "'retail.example.com'", "these are 1blankspace.com, mydigitalstructure.com"],
    ),
    "two balancers of the same name": (
        more(
            "balancers_access_points",
            {**lab_variables()["balancers_access_points"][4], "domains": ["shop.1blankspace.com"]},
        ),
        "balancers",
        ["balancers_access_points: name", "'retail'", "each name is allowed once"],
    ),
    "array that meets another name": (
        more(
            "balancers_access_points",
            {"name": "webapi-2", "domains": ["shop.1blankspace.com"], "security_groups": ["balancers"]},
        ),
        "balancers",
        ["balancers_access_points: webapi-2 and webapi", "'webapi-2'", "rename one of them"],
    ),
    "balancer's name too long": (
        changed("balancers_access_points", 4, name="retail-of-the-southern-hemisphere"),
        "balancers",
        ["balancers_access_points", "'mds-retail-of-the-southern-hemisphere' has 37", "AWS allows 32"],
    ),
    "reversed ports": (
        rule(ports="8090-8080", groups=["app"]),
        "security",
        ["groups: group cache", "ports '8090-8080'", "the lower port is first (8080-8090)"],
    ),
    "unknown file host": (
        {"files_host": "fiel"},
        "files",
        ["files_host", '"fiel"', "fleet_instances", "file, admin"],
    ),
    "volume too fast for its IOPS": (
        {"files_volume_throughput": 800},
        "files",
        ["volumes: files: throughput 800", "3000 IOPS", "750 MiB/s"],
    ),
    "table's key without a type": (
        changed("tables_tables", 3, sort_key="at"),
        "tables",
        ["tables: counters: sort_key 'at'", "not in attributes", "space, window"],
    ),
    "table's scaling upside down": (
        changed("tables_tables", 1, autoscaling={"write": {"min": 20, "max": 10}}),
        "tables",
        ["tables: audit: autoscaling write min 20", "above max 10"],
    ),
    "database where the world is": (
        {"database_subnet_tier": "public"},
        "database",
        ["database_subnet_tier: 'public'", "a database lies where the world does not reach it"],
    ),
    "database's windows overlap": (
        {"database_maintenance_window": "sun:16:15-sun:17:00"},
        "database",
        ["databases: database: backup_window '16:00-16:30'", "overlaps maintenance_window 'sun:16:15-sun:17:00'"],
    ),
    "class that RDS does not have": (
        {"database_instance_class": "db.t4g.medum"},
        "database",
        ["databases: database: instance_class 'db.t4g.medum'", "is not one that RDS has for postgres 17.6"],
    ),
    "CNAME at the apex": (
        records(1, {"name": "@", "type": "CNAME", "ttl": 300, "values": ["mydigitalstructure.com"]}),
        "dns",
        ["zones: 1blankspace.com", "record 1blankspace.com CNAME", "use an alias"],
    ),
    "CNAME beside another record": (
        records(0, {"name": "www", "type": "TXT", "ttl": 300, "values": ["hello"]}),
        "dns",
        ["zones: mydigitalstructure.com", "www.mydigitalstructure.com", "a CNAME allows no other record"],
    ),
    "record twice": (
        records(1, {"name": "app", "type": "CNAME", "ttl": 60, "values": ["www.1blankspace.com"]}),
        "dns",
        ["zones: 1blankspace.com", "app.1blankspace.com CNAME", "each is allowed once"],
    ),
    "record beside an access point's": (
        records(1, {"name": "www", "type": "A", "ttl": 60, "values": ["203.0.113.9"]}),
        "dns",
        ["zones: 1blankspace.com", "www.1blankspace.com A", "each is allowed once"],
    ),
    "unknown stream of a mail domain": (
        changed("mail_domains", 0, configuration_set="adhok"),
        "mail",
        ["mail_domains: configuration_set", "'adhok'", "adhoc, campaign"],
    ),
    "unknown role of the hosts that send mail": (
        {"mail_role": "web"},
        "mail",
        ["mail_role", "'web'", "admin, app, file"],
    ),
    "source range that is none": (
        {"mail_source_ranges": ["10.0.0.1/8"]},
        "mail",
        ["source_ranges", "'10.0.0.1/8'", "203.0.113.0/24"],
    ),
    "max below min": (
        {"fleet_min": 4, "fleet_max": 3},
        "fleet",
        ["max: 3", "below min, which is 4", "4 or more is allowed"],
    ),
    "unknown group of a user": (
        {"access_users": [{"name": "alice", "groups": ["operatrs"]}]},
        "access",
        ["users: alice: groups", "'operatrs'", "declared are billing, developers, operators, readers"],
    ),
    "user's name too long": (
        {"access_users": [{"name": "a" * 65, "groups": ["readers"]}]},
        "access",
        ["users: name", "'aaaa", "has 65", "1 to 64"],
    ),
    "user in too many groups": (
        {
            "access_groups": [{"name": f"g{n}", "policies": []} for n in range(11)],
            "access_users": [{"name": "alice", "groups": [f"g{n}" for n in range(11)]}],
        },
        "access",
        ["users: alice: groups", "there are 11", "a user may be in 10"],
    ),
    "too many groups": (
        {"access_groups": [{"name": f"g{n}", "policies": []} for n in range(301)], "access_users": []},
        "access",
        ["groups", "there are 301", "an account may have 300"],
    ),
    "too many policies of a group": (
        {"access_groups": [{"name": "many", "policies": [f"p{n}" for n in range(9)]}], "access_users": []},
        "access",
        ["groups: many: policies", "has 12", "10 may be attached"],
    ),
    "unknown guard": (
        {"access_groups": [{"name": "scripts", "policies": [], "guards": ["sorce"]}], "access_users": []},
        "access",
        ["access_groups: scripts", "'sorce'", "mfa, source"],
    ),
    "policy that allows everything": (
        {"access_policies": [{"name": "wide", "document": WIDE}]},
        "access",
        ["access_policies: wide", "*"],
    ),
    "policy too large": (
        {"access_policies": [{"name": "large", "document": LARGE}]},
        "access",
        ["access_policies: large", "6144"],
    ),
    "no source ranges": (
        {"access_source_ranges": []},
        "access",
        ["access_source_ranges", "it is empty", "203.0.113.0/24"],
    ),
    "source range of access that is none": (
        {"access_source_ranges": ["203.0.113.0/24", "203.0.113.7/24"]},
        "access",
        ["access_source_ranges", "'203.0.113.7/24'", "the aligned range is 203.0.113.0/24"],
    ),
    "every source address": (
        {"access_source_ranges": ["0.0.0.0/0"]},
        "access",
        ["access_source_ranges", "0.0.0.0/0 is every IPv4 address", 'access_source_anywhere: "yes, from anywhere"'],
    ),
    "one's own lock-out": (
        {"access_source_ranges": ["198.51.100.0/24"]},
        "access",
        ["access_source_ranges", "198.51.100.0/24 does not hold your own address 203.0.113.7", "access_source_force"],
    ),
    "unknown log bucket": (
        changed("buckets_declared", 0, logging={"bucket": "lgos", "prefix": ""}),
        "buckets",
        ["buckets: attachments: logging", "'lgos'", "neither one of buckets (attachments, exports, logs)"],
    ),
    "bucket's name": (
        changed("buckets_declared", 1, name="Exports_2"),
        "buckets",
        ["buckets: Exports_2", "'mds-123456789012-Exports_2'", "lower-case letters, digits, hyphens and dots"],
    ),
    "expiry before a move": (
        changed(
            "buckets_declared",
            1,
            lifecycle=[
                {
                    "id": "keep",
                    "transitions": [{"days": 90, "storage_class": "GLACIER"}],
                    "expiration_days": 60,
                }
            ],
        ),
        "buckets",
        ["buckets: exports: lifecycle keep", "GLACIER after 90 days", "expire after 60"],
    ),
    "operators' range": (
        {"buckets_operator_ranges": ["203.0.113.0/33"]},
        "buckets",
        ["buckets: attachments: access: source_ranges", "'203.0.113.0/33'", "203.0.113.0/24"],
    ),
    "notification to an unknown kind": (
        changed(
            "buckets_declared",
            0,
            notifications={
                "rules": [
                    {
                        "id": "new",
                        "to": "arn:aws:kinesis:ap-southeast-2:123456789012:stream/new",
                        "events": ["s3:ObjectCreated:*"],
                    }
                ]
            },
        ),
        "buckets",
        ["buckets: attachments: notifications new", "'arn:aws:kinesis:", "SQS queue, an SNS topic"],
    ),
    "access logs into a bucket that takes none": (
        {"balancers_access_logs": {"bucket": "exports"}},
        "balancers",
        ["balancers_access_points: webapi: access_logs", "'exports'", "log_sources", "load_balancers"],
    ),
    "backups deleted before cold storage lets go of them": (
        changed("backups_rules", 1, cold_after_days=30, delete_after_days=60),
        "backups",
        ["rules: monthly: delete_after_days 60", "cold_after_days 30", "120 or more"],
    ),
    "unknown region": (
        {"platform_region": "ap-southeast-9"},
        "network",
        ["region", "'ap-southeast-9'", "near to it are ap-southeast-7"],
    ),
}

ENVIRONMENT: dict[str, list[str]] = {
    "missing credentials": ["AWS credentials", "none were found", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"],
    "unreachable endpoint": ["endpoint_url", "'http://127.0.0.1:", "does not answer", "AWS_ENDPOINT_URL"],
}


@pytest.fixture(scope="module")
def refusals(request, lab_server, tmp_path_factory):
    """What each bad input led to, and the calls that would have changed something.

    They all leave the lab as it is, so they share it and run at the same time. Only cases that are to be tested run.
    """
    chosen = {item.callspec.params["case"] for item in request.session.items if item.name.startswith(TOLD)}
    lab_server.reset()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
            patch.delenv(name)
        for name, value in lab_server.environment().items():
            patch.setenv(name, value)
        nobody = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
        nobody |= {"AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        nobody |= {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_SESSION_TOKEN": None}

        def run(case: str, **options):
            # people and their permissions have a playbook of their own
            playbook = "access" if case in VARIABLES and VARIABLES[case][1] == "access" else "provision"
            return run_playbook(tmp_path_factory.mktemp(case.replace(" ", "-")), playbook, **options)

        with socket.socket() as closed, concurrent.futures.ThreadPoolExecutor(3) as pool:
            # bound and never listening: nothing else can answer there
            closed.bind(("127.0.0.1", 0))
            address = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{closed.getsockname()[1]}"}
            runs = {case: pool.submit(run, case, variables=VARIABLES[case][0]) for case in VARIABLES if case in chosen}
            runs["missing credentials"] = pool.submit(run, "missing credentials", environment=nobody)
            runs["unreachable endpoint"] = pool.submit(run, "unreachable endpoint", environment=address)
            results = {case: future.result() for case, future in runs.items()}
    return results, lab_server.mutating()


CASES = [(case, role, words) for case, (given, role, words) in VARIABLES.items()]
CASES += [(case, "network", words) for case, words in ENVIRONMENT.items()]
TOLD = "test_bad_input_is_refused_with_one_sentence"


def marked(cases: list[tuple]) -> t.Iterator:
    """All of them; for the second leg of the tests the first of each role."""
    roles: set[str] = set()
    for case in cases:
        marks = [pytest.mark.once] if case[1] in roles else []
        roles.add(case[1])
        yield pytest.param(*case, marks=marks, id=case[0])


@pytest.mark.parametrize(("case", "role", "words"), marked(CASES))
def test_bad_input_is_refused_with_one_sentence(refusals, case, role, words):
    run = refusals[0][case]
    assert run.status != 0
    assert "Traceback" not in run.output
    (refusal,) = [result for result in run.results if result.get("failed")]
    sentence = refusal["msg"]
    assert [word for word in words if word not in sentence] == [], sentence
    assert refusal["task"].startswith(f"mydigitalstructure.aws.{role} : ")
    # one: no line after it, no full stop but at its end, and nothing of Ansible's own before it
    assert sentence.endswith(".") and "\n" not in sentence and ". " not in sentence, sentence
    assert sentence.startswith(words[0])


def test_nothing_is_changed_before_a_refusal(refusals):
    assert refusals[1] == []
