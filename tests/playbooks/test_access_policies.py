"""The policies of role access, as they are stored, evaluated by an IAM evaluator that we did not write.

`access_policies/cases.yml` has the requests and what IAM answers. All of them go through one process of
@cloud-copilot/iam-simulate.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess

import pytest
import yaml

from tests.playbooks.runner import ROOT, run_playbook

ACCOUNT = "123456789012"
CASES = yaml.safe_load((ROOT / "tests/playbooks/access_policies/cases.yml").read_text().replace("ACCOUNT", ACCOUNT))
ANSWERS = {"Allowed": "allow", "ExplicitlyDenied": "deny", "ImplicitlyDenied": "none"}
THEIR_VPC = "vpc-0123456789abcdef0"
ADDRESSES = {"in": "203.0.113.7", "out": "198.51.100.7"}
MFA = {"yes": {"aws:MultiFactorAuthPresent": "true"}, "no": {"aws:MultiFactorAuthPresent": "false"}, "key": {}}

pytestmark = pytest.mark.once


def title(case: dict) -> str:
    where = case.get("via") or case["from"]
    extra = "-".join(str(value) for value in (case.get("with") or {}).values())
    parts = (
        case["who"],
        case["action"],
        str(case["resource"]).rpartition(":")[2],
        case.get("mfa"),
        where,
        extra,
        case["is"],
    )
    return " ".join(str(part) for part in parts if part)


class Stored:
    """What IAM holds: the policies of whoever asks, boundaries and trust, read with boto3."""

    def __init__(self, lab, vpc: str):
        self.iam, self.vpc, self.documents = lab.client("iam"), vpc, {}
        details = self.iam.get_account_authorization_details()
        self.users = {user["UserName"]: user for user in details["UserDetailList"]}
        self.groups = {group["GroupName"]: group for group in details["GroupDetailList"]}
        self.roles = {role["RoleName"]: role for role in details["RoleDetailList"]}

    def document(self, arn: str) -> dict:
        if arn not in self.documents:
            version = self.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            answer = self.iam.get_policy_version(PolicyArn=arn, VersionId=version)
            self.documents[arn] = answer["PolicyVersion"]["Document"]
        return self.documents[arn]

    def attached(self, entity: dict) -> list[dict]:
        return [
            {"name": policy["PolicyName"], "policy": self.document(policy["PolicyArn"])}
            for policy in entity["AttachedManagedPolicies"]
        ]

    def who(self, name: str) -> tuple[str, list[dict], dict, dict | None]:
        """A principal's ARN, its policies, the context keys that it brings along, and its boundary."""
        if name in self.users:
            user = self.users[name]
            groups = [self.groups[group] for group in user["GroupList"]]
            policies = [policy for entity in (user, *groups) for policy in self.attached(entity)]
            return user["Arn"], policies, {"aws:username": name, "aws:PrincipalArn": user["Arn"]}, None
        role = self.roles[f"mds-{name.removeprefix('host-')}"]
        bound = (role.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
        session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role['RoleName']}/session"
        # AWS never says of a role's session that it has MFA
        context = {"aws:PrincipalArn": role["Arn"]}
        return session, self.attached(role), context, bound and {"name": "mds-boundary", "policy": self.document(bound)}

    def simulation(self, case: dict) -> dict:
        """What iam-simulate takes for a case."""
        principal, policies, context, bound = self.who(case["who"])
        context |= MFA[case["mfa"]] if "mfa" in case else {}
        if "age" in case:
            context["aws:MultiFactorAuthAge"] = str(case["age"])
        via = case.get("via")
        context |= {"aws:ViaAWSService": str(via == "service").lower(), "aws:PrincipalIsAWSService": "false"}
        if via == "service":
            context |= {"aws:SourceIp": "52.95.0.1", "aws:CalledVia": ["athena.amazonaws.com"]}
        elif via:
            vpc = self.vpc if via == "endpoint" else THEIR_VPC
            context |= {"aws:SourceVpc": vpc, "aws:SourceVpce": "vpce-1", "aws:VpcSourceIp": "10.20.16.9"}
        else:
            context["aws:SourceIp"] = ADDRESSES.get(case["from"], case["from"])
        if "and" in case:
            policies = [
                *policies,
                {"name": case["and"], "policy": self.document(f"arn:aws:iam::aws:policy/{case['and']}")},
            ]
        request = {
            "principal": principal,
            "action": case["action"],
            "resource": {"resource": case["resource"], "accountId": ACCOUNT},
            "contextVariables": {**context, **(case.get("with") or {})},
        }
        made = {
            "request": request,
            "identityPolicies": policies,
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
        }
        if bound:
            made["permissionBoundaryPolicies"] = [bound]
        if case["action"] == "sts:AssumeRole":
            name = case["resource"].rpartition("/")[2]
            if name in self.roles:
                made["resourcePolicy"] = self.roles[name]["AssumeRolePolicyDocument"]
            else:
                request["resource"]["accountId"] = case["resource"].split(":")[4]
        return made


def evaluate(simulations: list[dict]) -> list[str]:
    """What the evaluator answers, in the words of the table; one process for all."""
    ran = subprocess.run(
        ["node", str(ROOT / "tests/playbooks/access_policies/simulate.cjs")],
        input=json.dumps(simulations),
        env={**os.environ, "NODE_PATH": str(ROOT / ".build/node/node_modules")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answers = json.loads(ran.stdout)
    return [ANSWERS.get(answer.get("result"), json.dumps(answer)) for answer in answers]


@pytest.fixture(scope="module")
def stored(lab_server, tmp_path_factory):
    """The lab after a converge of access and of the hosts' roles, in an account that has the platform's VPC."""
    lab_server.reset()
    ec2 = lab_server.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "mydigitalstructure:platform", "Value": "mds"}])
    directory = tmp_path_factory.mktemp("access")
    (directory / "hosts.yml").write_text(yaml.safe_dump(HOSTS))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
            patch.delenv(name)
        for name, value in lab_server.environment().items():
            patch.setenv(name, value)
        for playbook in ("access", str(directory / "hosts.yml")):
            run = run_playbook(directory, playbook, variables={"fleet_iam_boundary": "access/boundary"})
            assert run.status == 0, run.failure()
    return Stored(lab_server, vpc)


# what role fleet does for its hosts, with the variables that it has, bounded as production is
HOSTS = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {"group/mydigitalstructure.aws.aws": {"region": "{{ platform_region }}"}},
        "vars_files": [str(ROOT / "roles/fleet/defaults/main.yml"), str(ROOT / "roles/fleet/vars/main.yml")],
        "tasks": [
            task
            for task in yaml.safe_load((ROOT / "roles/fleet/tasks/main.yml").read_text())
            if "mydigitalstructure.aws.access" in task
        ],
    }
]


@pytest.fixture(scope="module")
def answers(stored):
    return evaluate([stored.simulation(case) for case in CASES])


@pytest.mark.parametrize("number", range(len(CASES)), ids=[title(case) for case in CASES])
def test_the_evaluator_answers_as_the_table_says(answers, number):
    assert answers[number] == CASES[number]["is"]


def test_the_table_is_as_large_as_it_was_meant_to_be():
    assert len(CASES) >= 60
    assert {case["is"] for case in CASES} == {"allow", "deny", "none"}


def edited(document: dict, old: str, new: str) -> dict:
    text = json.dumps(document)
    assert old in text
    return json.loads(text.replace(old, new))


# a guard that somebody breaks, and what of the table must then come out otherwise
BROKEN = {
    "MFA asked with Bool, which long-term keys pass": ("mds-guard-mfa", '"BoolIfExists"', '"Bool"', {"mfa": "key"}),
    "somebody else's VPC": ("mds-guard-source", "VPC", THEIR_VPC, {"via": "other-endpoint"}),
    "no exception for the platform's endpoint": (
        "mds-guard-source",
        "aws:SourceVpc",
        "aws:SourceVpce",
        {"via": "endpoint"},
    ),
    "no exception for services": ("mds-guard-source", "aws:ViaAWSService", "aws:SecureTransport", {"via": "service"}),
    "another range": ("mds-guard-source", "203.0.113.0/24", "198.51.100.0/24", {"from": "out"}),
    "no way to the break-glass role": ("mds-guard-source", "NotResource", "Resource", {"from": "out"}),
    "everything excepted from MFA": ("mds-guard-mfa", '"iam:GetUser"', '"ec2:*"', {"mfa": "no"}),
    "a boundary with all of IAM": ("mds-boundary", '"iam:Get*"', '"iam:*"', {"who": "awx"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_guard_is_seen(stored, answers, name):
    policy, old, new, where = BROKEN[name]
    concerned = [(case, answer) for case, answer in zip(CASES, answers) if where.items() <= case.items()]
    broken = [copy.deepcopy(stored.simulation(case)) for case, answer in concerned]
    for simulation in broken:
        for held in (*simulation["identityPolicies"], *simulation.get("permissionBoundaryPolicies", [])):
            if held["name"] == policy:
                held["policy"] = edited(held["policy"], old.replace("VPC", stored.vpc), new)
    assert evaluate(broken) != [answer for case, answer in concerned]
