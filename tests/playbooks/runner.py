"""Run the collection's playbooks as an operator does, and read what each task said."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
ANSIBLE_PLAYBOOK = pathlib.Path(sys.executable).with_name("ansible-playbook")


@dataclass
class Run:
    """One ansible-playbook: its exit status, its output, and the results of localhost's tasks in order."""

    status: int
    output: str
    results: list[dict]
    stats: dict

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
        """The message of the task that failed."""
        return next(result["msg"] for result in self.results if result.get("failed"))


def playbook_command(name: str, directory: pathlib.Path, variables: dict | None) -> list[str]:
    """The command that runs a playbook of the collection on the lab's inventory."""
    command = [str(ANSIBLE_PLAYBOOK), f"mydigitalstructure.aws.{name}", "-i", str(ROOT / "inventories/lab")]
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
    name: str,
    *arguments: str,
    variables: dict | None = None,
    environment: dict[str, str | None] | None = None,
) -> Run:
    """Run a playbook to its end; ``variables`` become extra vars, ``directory`` holds them."""
    command = [*playbook_command(name, directory, variables), *arguments]
    env = playbook_environment(environment)
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=directory)
    assert ran.stdout.strip(), ran.stderr
    report = json.loads(ran.stdout[ran.stdout.index("{") :])
    results = [
        {**item, "play": play["play"]["name"], "task": task["task"]["name"]}
        for play in report["plays"]
        for task in play["tasks"]
        for result in [task["hosts"].get("localhost", {})]
        for item in [result, *result.get("results", [])]
    ]
    return Run(ran.returncode, ran.stdout + ran.stderr, results, report["stats"]["localhost"])
