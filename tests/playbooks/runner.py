"""Run the collection's playbooks as an operator does, and read what each task said."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
from dataclasses import dataclass

from tests.playbooks.forked import Forked

ROOT = pathlib.Path(__file__).resolve().parents[2]
ANSIBLE_PLAYBOOK = pathlib.Path(sys.executable).with_name("ansible-playbook")


@dataclass(repr=False)
class Run:
    """One ansible-playbook: its status and output, localhost's results in order, its counts and those of all hosts."""

    status: int
    output: str
    results: list[dict]
    stats: dict
    hosts: dict

    def actions(self, play: str = "") -> dict[tuple[str, str], dict]:
        """Every action that our modules named in the plays so called, as ``{(kind, name): fields}``."""
        return {
            (action["kind"], action["name"]): action["fields"]
            for result in self.results
            if play in result["play"]
            for action in result.get("actions", [])
            if isinstance(action, dict) and "kind" in action
        }

    def failure(self) -> str:
        """The message of the task that failed; all of the output if no task did."""
        return next((result["msg"] for result in self.results if result.get("failed")), self.output)


def playbook_command(name: str | pathlib.Path, directory: pathlib.Path, variables: dict | None) -> list[str]:
    """The command that runs a playbook of the collection, or one of a test's own, on the lab's inventory."""
    own = isinstance(name, pathlib.Path) or name.endswith(".yml")
    playbook = str(name) if own else f"mydigitalstructure.aws.{name}"
    command = [str(ANSIBLE_PLAYBOOK), playbook, "-i", str(ROOT / "inventories/lab")]
    if variables:
        extra = directory / "variables.json"
        extra.write_text(json.dumps(variables))
        command += ["--extra-vars", f"@{extra}"]
    return command


def playbook_environment(changes: dict[str, str | None] | None = None) -> dict[str, str]:
    """The environment for it: this process's with ``changes``, where None takes a variable away."""
    env = {
        **os.environ,
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_CONFIG": str(ROOT / "tests/ansible.cfg"),
        **(changes or {}),
    }
    return {key: value for key, value in env.items() if value is not None}


def run_playbook(
    directory: pathlib.Path,
    name: str | pathlib.Path,
    *arguments: str,
    variables: dict | None = None,
    environment: dict[str, str | None] | None = None,
) -> Run:
    """Run a playbook to its end; ``variables`` become extra vars, ``directory`` holds them."""
    command = [*playbook_command(name, directory, variables), *arguments]
    env = playbook_environment(environment)
    status, output, errors = Forked(command, env, directory).result()
    assert output.strip(), errors
    # the recap stands before or behind the report
    report = json.JSONDecoder().raw_decode(output[output.index("{\n") :])[0]
    results = [
        {**item, "play": play["play"]["name"], "task": task["task"]["name"]}
        for play in report["plays"]
        for task in play["tasks"]
        for result in [task["hosts"].get("localhost", {})]
        for item in [result, *result.get("results", [])]
    ]
    return Run(status, output + errors, results, report["stats"].get("localhost", {}), report["stats"])


def account(environment: dict[str, str | None] | None = None) -> dict[str, list]:
    """Everything that the account holds, by kind, as molecule's scenario looks at it."""
    command = [sys.executable, str(ROOT / "molecule/account.py")]
    env = playbook_environment(environment)
    return json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)


def family(pid: int) -> list[int]:
    """A process and all that descend from it; Ansible's workers leave its process group."""
    parents: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:  # it has ended meanwhile
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found = [pid]
    for member in found:
        found += parents.get(member, [])
    return found


def run_interrupted(
    lab,
    directory: pathlib.Path,
    name: str,
    seconds: float,
    *,
    calls: int = 1,
    variables: dict | None,
    environment: dict,
) -> int | None:
    """Kill a playbook so many seconds after a changing call, its first unless ``calls`` says which.

    Gives how many changing calls it had made until then, or None if it had come to its end.
    """
    lab.clear_calls()
    command, env = playbook_command(name, directory, variables), playbook_environment(environment)
    process = Forked(command, env, directory)
    while not process.ended(0.05) and len(lab.mutating()) < calls:
        continue
    ended = process.ended(seconds)
    members = [] if ended else family(process.pid)
    for member in members:
        try:
            os.kill(member, signal.SIGKILL)
        except ProcessLookupError:  # it ended by itself
            continue
    process.result()
    return None if ended else len(lab.mutating())
