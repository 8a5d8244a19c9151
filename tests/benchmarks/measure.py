"""Run a command as a process tree and measure it: wall clock, peak memory, and what it asked of the lab."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
# Seconds between two looks at the memory; a look at ten processes takes some milliseconds.
EVERY = 0.2
# After so many seconds a command is stopped, and its row says so.
LIMIT = 1800


@dataclass
class Ran:
    """One measured command. ``calls`` are the lab's own records of it (see tests/lab/calls.py).

    ``cpu_seconds`` are what the command and its children computed, whatever else the machine did.
    """

    status: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str
    error: str
    calls: list[dict] = field(default_factory=list)
    quota_seconds: float = 0.0

    @property
    def mutating(self) -> int:
        return sum(call["mutating"] for call in self.calls)


def _memory(process: psutil.Process) -> int:
    """Bytes of a process and its children; pages that forks share count once (PSS)."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += one.memory_full_info().pss
    return total


def environment(lab, callback: str = "ansible.posix.json") -> dict[str, str]:
    """The environment of this process with the lab in the place of AWS and no callback but one, the JSON report."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        **lab.environment(),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(ROOT),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build" / "collections"),
        "ANSIBLE_CONFIG": str(ROOT / "tests" / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": callback,
        "ANSIBLE_CALLBACKS_ENABLED": callback,
    }


def run(lab, command: list[str], callback: str = "ansible.posix.json") -> Ran:
    """Run a command on the lab, whose log then holds its calls alone."""
    lab.clear_calls()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    waited = lab.virtual_seconds()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as error:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(lab, callback), stdin=subprocess.DEVNULL, stdout=output, stderr=error
        )
        seen, peak = psutil.Process(process.pid), 0
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(EVERY)
                break
            peak = max(peak, _memory(seen))
            if time.perf_counter() - begun > LIMIT:
                process.kill()
        seconds = time.perf_counter() - begun
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        output.seek(0)
        error.seek(0)
        return Ran(
            process.returncode,
            seconds,
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            peak / 2**20,
            output.read(),
            error.read(),
            lab.calls(),
            lab.virtual_seconds() - waited,
        )


@dataclass
class Task:
    """One task of a playbook run, its loop taken together."""

    name: str
    action: str
    seconds: float
    calls: int
    changed: int
    failed: bool
    message: str


def _seconds(text: str) -> float:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def tasks(ran: Ran) -> list[Task]:
    """The tasks that ran, from a playbook's JSON report; ``changed`` counts items of a loop."""
    start = re.search(r"^\{", ran.output, re.MULTILINE)
    if not start:
        return []
    report, _end = json.JSONDecoder().raw_decode(ran.output[start.start() :])
    found = []
    for play in report.get("plays", []):
        for task in play["tasks"]:
            result = next(iter(task["hosts"].values()), None)
            if result is None or result.get("skipped") or "end" not in task["task"]["duration"]:
                continue
            span = task["task"]["duration"]
            begun, ended = _seconds(span["start"]), _seconds(span["end"])
            items = result.get("results") or [result]
            bad = [item for item in items if isinstance(item, dict) and item.get("failed")]
            message = str((bad[0] if bad else result if result.get("failed") else {}).get("msg", ""))
            found.append(
                Task(
                    name=task["task"]["name"],
                    action=str(result.get("action", "")),
                    seconds=round(ended - begun, 3),
                    calls=sum(begun <= call["time"] < ended for call in ran.calls),
                    changed=sum(bool(item.get("changed")) for item in items if isinstance(item, dict)),
                    failed=bool(result.get("failed")),
                    message=message.strip().splitlines()[0][:200] if message.strip() else "",
                )
            )
    return found
