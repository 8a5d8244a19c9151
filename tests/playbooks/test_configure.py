"""`configure` reaches the fleet that the inventory finds, and names the hosts that do not answer."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture
def fleet(lab):
    return lab.populate_instances(2)["instances"]


def test_every_host_of_the_fleet_is_reached(playbook, fleet):
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    run = playbook("configure", variables={"configure_reachable": True, **here})
    assert run.status == 0, run.output
    for host in fleet:
        assert run.hosts[host]["ok"] == 1
        assert run.hosts[host]["unreachable"] == 0


def test_hosts_that_do_not_answer_are_named_and_the_others_go_on(playbook, fleet):
    nobody = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_common_args": "-o ConnectTimeout=5"}
    run = playbook("configure", variables={"configure_reachable": True, **nobody})
    assert run.status == 0, run.output
    for host in fleet:
        assert f"{host} (127.0.0.1) did not answer" in " ".join(run.output.split())


def test_where_there_are_no_machines_nobody_is_spoken_to(playbook, fleet):
    run = playbook("configure")
    assert run.status == 0, run.output
    assert all(run.hosts[host]["ok"] == 0 for host in fleet)


def test_a_fleet_without_hosts_is_no_error(lab, playbook):
    assert playbook("configure").status == 0
