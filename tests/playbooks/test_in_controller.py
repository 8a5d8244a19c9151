"""Our modules run in the controller's process; where that would not do the same, in one of their own."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys

import boto3.session
import pytest
import yaml
from botocore.loaders import JSONFileLoader

from tests.playbooks.runner import ANSIBLE_PLAYBOOK, ROOT, playbook_environment, run_playbook

COLLECTION = "ansible_collections.mydigitalstructure.aws"

NETWORK = {
    "platform": "mds",
    "region": "ap-southeast-2",
    "cidr": "10.9.0.0/16",
    "subnets": [
        {"name": "public-a", "tier": "public", "zone": "ap-southeast-2a", "cidr": "10.9.0.0/24"},
        {"name": "public-b", "tier": "public", "zone": "ap-southeast-2b", "cidr": "10.9.1.0/24"},
    ],
}


@pytest.fixture
def task(tmp_path, lab):
    """Run module network by a task with more keywords; gives its result and whether Ansible packed the module."""

    def task(options: dict, variables: dict | None = None, **keywords) -> tuple[dict, bool]:
        module = {"name": "Ours", "mydigitalstructure.aws.network": options, "register": "result", **keywords}
        report = {
            "name": "Report",
            "ansible.builtin.copy": {"content": "{{ result | to_json }}", "dest": str(tmp_path / "result.json")},
        }
        here = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        play = {
            "hosts": "all",
            "gather_facts": False,
            "vars": {**here, **(variables or {})},
            "tasks": [{"name": "Both", "block": [module], "always": [report]}],
        }
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
        ran = subprocess.run(
            [ANSIBLE_PLAYBOOK, "-vvv", "-i", "here,", "play.yml"],
            env=playbook_environment({"ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_FORCE_COLOR": None}),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (tmp_path / "result.json").is_file(), ran.stdout + ran.stderr
        packed = re.search(r"Using module file \S*/plugins/modules/network\.py", ran.stdout)
        return json.loads((tmp_path / "result.json").read_text()), bool(packed)

    return task


def test_nothing_is_packed_and_the_thing_is_made(lab, task):
    result, packed = task(NETWORK)
    assert not packed
    vpcs = lab.client("ec2").describe_vpcs(Filters=[{"Name": "tag:mydigitalstructure:platform", "Values": ["mds"]}])
    assert [vpc["VpcId"] for vpc in vpcs["Vpcs"]] == [result["vpc"]["id"]]


def test_both_ways_return_the_same(task):
    here, packed_here = task(NETWORK, check_mode=True)
    apart, packed_apart = task(NETWORK, {"mydigitalstructure_aws_in_controller": False}, check_mode=True)
    assert (packed_here, packed_apart) == (False, True)
    assert here["changed"]
    assert here == apart


@pytest.mark.parametrize(
    "options",
    [{**NETWORK, "cidr": "10.9.0.1/16"}, {**NETWORK, "region": "nowhere-1"}, {**NETWORK, "nat": "many"}],
    ids=["of ours", "of the region", "of the argument spec"],
)
def test_both_ways_refuse_with_the_same_sentence(task, options):
    here, packed = task(options)
    apart, _packed = task(options, {"mydigitalstructure_aws_in_controller": False})
    assert not packed
    assert here["failed"]
    assert here["msg"] == apart["msg"]


@pytest.mark.parametrize(
    "keywords",
    [{"environment": {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}}, {"delegate_to": "elsewhere"}],
    ids=["environment", "delegate_to"],
)
def test_what_a_process_of_its_own_would_see_otherwise_gets_one(task, keywords):
    result, packed = task(NETWORK, check_mode=True, **keywords)
    assert packed
    assert result.get("failed", False) == ("environment" in keywords)


def test_another_interpreter_is_used(task):
    _result, packed = task(
        NETWORK, {"ansible_python_interpreter": "{{ ansible_playbook_python | dirname }}/python3"}, check_mode=True
    )
    assert packed


@pytest.mark.parametrize("file", sorted((ROOT / "plugins/action").glob("*.py")), ids=lambda file: file.stem)
def test_what_a_client_reads_is_there_before_it_is_made(file, monkeypatch):
    """The controller has read AWS's models of the services that an action names; a worker's client reads none."""
    action = importlib.import_module(f"{COLLECTION}.plugins.action.{file.stem}")
    assert f"{COLLECTION}.plugins.modules.{file.stem}" in sys.modules
    services = re.findall(r'"([a-z0-9-]+)"', file.read_text().rpartition("_in_controller.load(")[2])
    missed, read = [], JSONFileLoader.load_file

    def reads(self, path):
        found = read(self, path)
        missed.extend([path] if found else [])
        return found

    monkeypatch.setattr(JSONFileLoader, "load_file", reads)
    for service in services:
        boto3.session.Session("key", "secret").client(service, region_name="ap-southeast-2")
    assert missed == [], action


@pytest.mark.once
def test_the_platform_is_planned_the_same_in_both_ways(tmp_path, lab):
    here = run_playbook(tmp_path, "provision", "--check")
    apart = run_playbook(tmp_path, "provision", "--check", variables={"mydigitalstructure_aws_in_controller": False})
    assert (here.status, apart.status) == (0, 0), here.output + apart.output
    assert here.actions()
    assert here.actions() == apart.actions()
