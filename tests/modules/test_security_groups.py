"""The module security_groups against the lab; looked at with plain boto3."""

from __future__ import annotations

import pytest

EVERYTHING = ("egress", "-1", None, None, "0.0.0.0/0", "")
GROUPS = [
    {
        "name": "balancers",
        "description": "https from the world",
        "rules": [{"ports": [80, 443], "cidrs": ["0.0.0.0/0", "::/0"], "description": "the world"}],
    },
    {"name": "app", "rules": [{"ports": 80, "groups": ["balancers", "app"]}, {"ports": "22", "groups": "admin"}]},
    # in a circle with app, and with an egress of its own
    {
        "name": "admin",
        "rules": [{"ports": 22, "cidrs": "203.0.113.0/24"}, {"protocol": "icmp", "icmp_type": 8, "groups": "app"}],
        "egress": [{"protocol": "all", "groups": "app"}],
        "tags": {"Owner": "ops"},
    },
]


@pytest.fixture
def vpc(lab):
    return lab.client("ec2").create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def groups(lab, run_module, vpc):
    """Run the module on this VPC; with keywords over the declared set."""

    def run(check=False, **options):
        options = {"platform": "mds", "vpc_id": vpc, "groups": GROUPS, **options}
        lab.clear_calls()
        return run_module("security_groups", check=check, **options)

    return run


def described(lab, **filters):
    found = lab.client("ec2").describe_security_groups(
        Filters=[{"Name": key.replace("_", "-"), "Values": [value]} for key, value in filters.items()]
    )["SecurityGroups"]
    return {group["GroupName"]: group for group in found}


def rules_of(group, names=None):
    """The atomic rules that AWS holds, as a sorted list of tuples; groups by their AWS name."""
    rules = []
    for direction, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        for p in group[key]:
            for listing, ident in (
                ("IpRanges", "CidrIp"),
                ("Ipv6Ranges", "CidrIpv6"),
                ("UserIdGroupPairs", "GroupId"),
                ("PrefixListIds", "PrefixListId"),
            ):
                for entry in p.get(listing, []):
                    source = (names or {}).get(entry[ident], entry[ident])
                    head = (direction, p["IpProtocol"], p.get("FromPort"), p.get("ToPort"))
                    rules.append((*head, source, entry.get("Description", "")))
    return sorted(rules, key=str)


def held(lab, vpc):
    groups = described(lab, vpc_id=vpc)
    names = {group["GroupId"]: name for name, group in groups.items()}
    return {name: rules_of(group, names) for name, group in groups.items() if name != "default"}


EXPECTED = {
    "mds-balancers": sorted(
        [
            EVERYTHING,
            *[("ingress", "tcp", p, p, c, "the world") for p in (80, 443) for c in ("0.0.0.0/0", "::/0")],
        ],
        key=str,
    ),
    "mds-app": sorted(
        [
            EVERYTHING,
            ("ingress", "tcp", 80, 80, "mds-balancers", ""),
            ("ingress", "tcp", 80, 80, "mds-app", ""),
            ("ingress", "tcp", 22, 22, "mds-admin", ""),
        ],
        key=str,
    ),
    "mds-admin": sorted(
        [
            ("ingress", "tcp", 22, 22, "203.0.113.0/24", ""),
            ("ingress", "icmp", 8, -1, "mds-app", ""),
            ("egress", "-1", None, None, "mds-app", ""),
        ],
        key=str,
    ),
}


def test_check_on_empty_names_what_the_converge_makes(lab, groups, vpc):
    planned = groups(check=True)
    assert lab.mutating() == []
    assert planned["changed"]
    assert planned["security_groups"]["app"]["id"] == "(known after apply)"
    assert "app ingress tcp 80 from balancers" in [action["name"] for action in planned["actions"]]
    unknown = groups(check=True, vpc_id="(known after apply)")
    made = groups()
    assert made["actions"] == planned["actions"] == unknown["actions"]
    assert {name: set(group) for name, group in made["security_groups"].items()} == {
        name: set(group) for name, group in planned["security_groups"].items()
    }
    assert made["security_groups"]["app"]["rules"] == planned["security_groups"]["app"]["rules"]


def test_a_vpc_not_known_yet_is_refused_outside_check_mode(lab, groups):
    result = groups(vpc_id="(known after apply)")
    assert result["failed"]
    assert result["msg"].startswith("vpc_id: '(known after apply)' is allowed only in check mode")


def test_converge_and_a_second_run(lab, groups, vpc):
    result = groups(tags={"Environment": "lab"})
    assert not result["failed"]
    assert held(lab, vpc) == EXPECTED
    present = described(lab, vpc_id=vpc)
    app, admin = present["mds-app"], present["mds-admin"]
    assert result["security_groups"]["app"]["id"] == app["GroupId"]
    assert {tag["Key"]: tag["Value"] for tag in admin["Tags"]} == {
        "Name": "mds-admin",
        "Environment": "lab",
        "Owner": "ops",
        "mydigitalstructure:platform": "mds",
        "mydigitalstructure:name": "admin",
    }
    # one call for each group and direction: ingress of three groups, egress of admin alone
    made = [call["operation"] for call in lab.mutating()]
    assert made.count("AuthorizeSecurityGroupIngress") == 3
    assert made.count("AuthorizeSecurityGroupEgress") == made.count("RevokeSecurityGroupEgress") == 1

    again = groups(tags={"Environment": "lab"})
    assert (again["changed"], again["actions"]) == (False, [])
    assert again["security_groups"] == result["security_groups"]
    assert [call["operation"] for call in lab.calls()] == ["DescribeSecurityGroups"]


def test_order_and_grouping_do_not_matter(lab, groups):
    groups()
    regrouped = [
        {
            "name": "app",
            "rules": [
                {"ports": ["22"], "groups": ["admin"]},
                {"ports": [80], "groups": ["app"]},
                {"ports": "80-80", "protocol": "6", "groups": ["balancers", "balancers"]},
            ],
        },
        *[group for group in reversed(GROUPS) if group["name"] != "app"],
    ]
    assert groups(groups=regrouped)["actions"] == []


def test_rules_change_add_before_remove(lab, groups, vpc):
    groups()
    changed = [GROUPS[0], {"name": "app", "rules": [{"ports": 8080, "groups": "balancers"}]}, GROUPS[2]]
    result = groups(groups=changed)
    assert {(action["verb"], action["name"]) for action in result["actions"]} == {
        ("create", "app ingress tcp 8080 from balancers"),
        ("delete", "app ingress tcp 80 from balancers"),
        ("delete", "app ingress tcp 80 from app"),
        ("delete", "app ingress tcp 22 from admin"),
    }
    assert [call["operation"] for call in lab.mutating()] == [
        "AuthorizeSecurityGroupIngress",
        "RevokeSecurityGroupIngress",
    ]
    assert held(lab, vpc)["mds-app"] == [EVERYTHING, ("ingress", "tcp", 8080, 8080, "mds-balancers", "")]


def test_undeclared_rules_stay_without_purge_rules(lab, groups, vpc):
    groups()
    result = groups(groups=[{"name": "app", "rules": []}], purge_rules=False)
    assert result["actions"] == []
    assert held(lab, vpc) == EXPECTED


def test_descriptions_change_in_place(lab, groups, vpc):
    groups()
    changed = [
        {**GROUPS[0], "rules": [{"ports": [80, 443], "cidrs": ["0.0.0.0/0", "::/0"], "description": "everyone"}]},
        {"name": "app", "rules": [{**rule, "description": "http"} for rule in GROUPS[1]["rules"]]},
        GROUPS[2],
    ]
    result = groups(groups=changed)
    assert {action["verb"] for action in result["actions"]} == {"update"}
    operations = {call["operation"] for call in lab.mutating()}
    assert operations == {"UpdateSecurityGroupRuleDescriptionsIngress"}
    after = held(lab, vpc)
    assert {rule[-1] for rule in after["mds-balancers"] if rule[0] == "ingress"} == {"everyone"}
    assert {rule[-1] for rule in after["mds-app"] if rule[0] == "ingress"} == {"http"}
    assert groups(groups=changed)["actions"] == []
    # and taken away again
    groups()
    assert held(lab, vpc) == EXPECTED


def test_a_full_group_changes_within_the_limit(lab, groups, vpc):
    full = [{"ports": 443, "cidrs": [f"10.0.{n}.0/24" for n in range(60)]}]
    groups(groups=[{"name": "app", "rules": full}])
    other = [{"ports": 443, "cidrs": [f"10.0.{n}.0/24" for n in range(30, 90)]}]
    result = groups(groups=[{"name": "app", "rules": other}])
    assert not result["failed"]
    assert len(result["actions"]) == 60
    assert len(lab.mutating()) == 2
    assert {rule[4] for rule in held(lab, vpc)["mds-app"]} == {"0.0.0.0/0", *other[0]["cidrs"]}


def test_purge_removes_what_is_not_declared_and_rules_that_refer_to_it(lab, groups, vpc):
    groups()
    kept = [{"name": "admin", "rules": GROUPS[2]["rules"][:1], "egress": []}]
    assert groups(groups=kept)["changed"]
    assert len(held(lab, vpc)) == 3  # not purged
    groups()
    result = groups(groups=kept, purge=True, ignore=["bal*"])
    assert not result["failed"]
    assert set(held(lab, vpc)) == {"mds-admin", "mds-balancers"}
    assert held(lab, vpc)["mds-admin"] == [("ingress", "tcp", 22, 22, "203.0.113.0/24", "")]


def test_foreign_groups_are_left_alone(lab, groups, vpc, run_module):
    ec2 = lab.client("ec2")
    ours = groups()["security_groups"]["app"]["id"]
    foreign = ec2.create_security_group(GroupName="theirs", Description="x", VpcId=vpc)["GroupId"]
    pair = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": ours}]}
    ec2.authorize_security_group_ingress(GroupId=foreign, IpPermissions=[pair])
    other = run_module("security_groups", platform="other", vpc_id=vpc, groups=[{"name": "app"}])
    assert not other["failed"]
    before = {name: rules for name, rules in held(lab, vpc).items() if not name.startswith("mds-")}

    refused = groups(state="absent", vpc_id=None)
    assert refused["msg"].startswith(
        f"security group app ({ours}) cannot be removed while the rule ingress tcp 1 from app"
    )
    assert "theirs" in refused["msg"]
    assert lab.mutating() == []

    ec2.revoke_security_group_ingress(GroupId=foreign, IpPermissions=[pair])
    result = groups(state="absent", vpc_id=None)
    assert not result["failed"]
    assert held(lab, vpc) == {**before, "theirs": [EVERYTHING]}
    assert groups(state="absent", vpc_id=None)["changed"] is False


def test_a_group_that_a_host_uses_is_named_with_what_uses_it(lab, groups, vpc):
    made = groups()["security_groups"]["admin"]["id"]
    ec2 = lab.client("ec2")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.0.0/24")["Subnet"]["SubnetId"]
    host = {"ImageId": "ami-12345678", "SubnetId": subnet, "SecurityGroupIds": [made], "MinCount": 1, "MaxCount": 1}
    host = ec2.run_instances(**host)["Instances"][0]
    result = groups(state="absent", wait_timeout=0)
    assert result["failed"]
    assert [action["name"] for action in result["failed_actions"]] == ["admin"]
    interface = host["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert f"{made} is still used after 0 s by the network interfaces {interface}" in result["msg"]
    assert sorted(action["name"] for action in result["done"]) == ["app", "balancers"]
    ec2.terminate_instances(InstanceIds=[host["InstanceId"]])
    assert not groups(state="absent", wait_timeout=0)["failed"]
    assert held(lab, vpc) == {}


def test_a_name_that_is_taken_by_a_foreign_group_is_refused(lab, groups, vpc):
    lab.client("ec2").create_security_group(GroupName="mds-app", Description="x", VpcId=vpc)
    result = groups(check=True)
    assert result["msg"].startswith("groups: group app: mds-app is there already as sg-")


def test_a_group_left_half_made_is_completed(lab, groups, vpc):
    """As a run leaves it that is killed after making one group and before making its rules."""
    groups(groups=[{"name": "admin"}])
    result = groups(purge_rules=False)
    assert [a["name"] for a in result["actions"] if a["verb"] == "create" and a["kind"] == "security_group"] == [
        "app",
        "balancers",
    ]
    assert held(lab, vpc) == EXPECTED


def test_tags_change_in_place_and_a_description_cannot(lab, groups, vpc):
    groups(tags={"Environment": "lab"})
    result = groups(tags={"Stage": "lab"})
    assert {action["verb"] for action in result["actions"]} == {"update"}
    tags = {tag["Key"] for tag in described(lab, vpc_id=vpc)["mds-app"]["Tags"]}
    assert "Stage" in tags
    assert "Environment" not in tags
    refused = groups(groups=[{"name": "app", "description": "other"}])
    assert "description cannot be changed from 'app of mds' to 'other'" in refused["msg"]
    assert lab.mutating() == []


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (
            {"rules": [{"ports": "90-80", "cidrs": "10.0.0.0/8"}]},
            "groups: group web, rules 1: ports '90-80' is reversed",
        ),
        ({"rules": [{"ports": 65536, "cidrs": "10.0.0.0/8"}]}, "ports '65536' is out of range"),
        ({"rules": [{"ports": 80, "groups": "ghost"}]}, "groups: group web, rules 1: group 'ghost' is not declared"),
        ({"rules": [{"ports": 80, "cidrs": "10.0.0.1/8"}]}, "cidr '10.0.0.1/8' has host bits set; 10.0.0.0/8"),
        ({"egress": [{"ports": 80}]}, "groups: group web, egress 1: no destination is given"),
        ({"name": "sg-web"}, "name 'sg-web' makes a group that begins with sg-"),
    ],
)
def test_bad_input_is_one_sentence_and_no_call(lab, groups, group, message):
    result = groups(groups=[{"name": "web", **group}])
    assert result["failed"]
    assert message in result["msg"]
    assert lab.calls() == []
