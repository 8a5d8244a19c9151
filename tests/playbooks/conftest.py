"""Run the collection's playbooks as an operator does, and read what each task said."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass

import pytest

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


@pytest.fixture
def playbook(tmp_path):
    """Run a playbook of the collection on the lab's inventory; ``variables`` become extra vars."""

    def run(name: str, *arguments: str, variables: dict | None = None, environment: dict | None = None) -> Run:
        command = [str(ANSIBLE_PLAYBOOK), f"mydigitalstructure.aws.{name}", "-i", str(ROOT / "inventories/lab")]
        if variables:
            extra = tmp_path / "variables.json"
            extra.write_text(json.dumps(variables))
            command += ["--extra-vars", f"@{extra}"]
        env = {
            **os.environ,
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_CONFIG": str(ROOT / "tests/ansible.cfg"),
            **(environment or {}),
        }
        env = {key: value for key, value in env.items() if value is not None}
        ran = subprocess.run([*command, *arguments], env=env, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert ran.stdout.strip(), ran.stderr
        report = json.loads(ran.stdout[ran.stdout.index("{") :])
        results = [
            {**item, "play": play["play"]["name"]}
            for play in report["plays"]
            for task in play["tasks"]
            for result in [task["hosts"].get("localhost", {})]
            for item in [result, *result.get("results", [])]
        ]
        return Run(ran.returncode, ran.stdout + ran.stderr, results, report["stats"]["localhost"])

    return run
