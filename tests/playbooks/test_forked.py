"""Playbooks are forked where that is the same as starting the command, and the command is started where it is not."""

from __future__ import annotations

from tests.playbooks.forked import Forked
from tests.playbooks.runner import playbook_environment


def test_with_the_settings_of_the_tests_it_is_forked(tmp_path):
    # nothing could be started by this name
    command = ["/no/such/directory/ansible-playbook", "--version"]
    status, output, errors = Forked(command, playbook_environment(), tmp_path).result()
    assert (status, errors) == (0, "") and output.startswith("ansible-playbook [core ")


def test_with_others_the_command_is_started(tmp_path):
    command = ["/bin/sh", "-c", 'pwd; echo "$ANSIBLE_FORKS" >&2; exit 3']
    status, output, errors = Forked(command, playbook_environment({"ANSIBLE_FORKS": "2"}), tmp_path).result()
    assert (status, output, errors) == (3, f"{tmp_path}\n", "2\n")
