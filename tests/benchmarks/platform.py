"""The http half of the platform: as `provision` makes it against a playbook of stock modules in loops, on the same lab.

``python -m tests.benchmarks.platform`` prints a table: a check on an empty account, the first converge and the no-op,
and one process that only reads the same with boto3 (read_only.py).
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import measure
from tests.lab.client import Lab

STOCK = measure.ROOT / "tests/benchmarks/stock/site.yml"
HTTP_HALF = measure.ROOT / "tests/benchmarks/http_half.yml"
WITHOUT = {"balancers_access_logs": {}}
"""Variables of the lab's inventory that lead out of the http half."""
WAYS = {
    "stock": [
        "ansible-playbook",
        "-i",
        "localhost,",
        "-e",
        "ansible_python_interpreter={{ ansible_playbook_python }}",
        str(STOCK),
    ],
    "ours": ["ansible-playbook", "-i", "inventories/lab", "-e", json.dumps(WITHOUT), str(HTTP_HALF)],
}
READ = [sys.executable, "-m", "tests.benchmarks.read_only"]
REPEATS = 3
"""No-ops and reads are measured so often; the median counts."""
OF_STOCK, OF_READING = 1 / 6, 6
"""Wanted: the no-op in at most this part of the stock time, and in at most so many times the reading."""


@dataclass
class Row:
    """One way of doing one thing; ``seconds`` are wall clock, ``changed`` and ``failed`` count tasks."""

    way: str
    what: str
    seconds: float
    calls: int
    mutating: int
    peak_mib: float
    tasks: int = 0
    changed: int = 0
    failed: int = 0
    note: str = ""


def ran(lab: Lab, command: list[str], may_fail: bool = False) -> measure.Ran:
    """Run a command; stops the benchmark when it fails."""
    result = measure.run(lab, command)
    if result.status and not may_fail:
        failed = [f"{task.name}: {task.message}" for task in measure.tasks(result) if task.failed]
        raise SystemExit("\n".join([f"{' '.join(command)} ended with {result.status}:", *failed, result.error[-2000:]]))
    return result


def row(way: str, what: str, results: list[measure.Ran]) -> Row:
    """The row of a measured playbook; of several runs the one of the median time."""
    middle = statistics.median_low([result.seconds for result in results])
    result = next(result for result in results if result.seconds == middle)
    tasks = measure.tasks(result)
    return Row(
        way,
        what,
        result.seconds,
        len(result.calls),
        result.mutating,
        result.peak_mib,
        len(tasks),
        sum(bool(task.changed) for task in tasks),
        sum(task.failed for task in tasks),
    )


@contextlib.contextmanager
def failures_ignored(playbook: Path) -> Iterator[Path]:
    """A copy of the playbook, beside it for its files, that goes on when a task fails."""
    text = playbook.read_text()
    with tempfile.NamedTemporaryFile("w", suffix=".yml", dir=playbook.parent) as copy:
        copy.write(text.replace("  gather_facts: false\n", "  gather_facts: false\n  ignore_errors: true\n", 1))
        copy.flush()
        yield Path(copy.name)


def check(lab: Lab, way: str) -> Row:
    """--check on an empty account. A play of stock modules stops at its first failure, so it is also run past it."""
    command = [*WAYS[way], "--check"]
    result = ran(lab, command, may_fail=True)
    if result.mutating:
        raise SystemExit(f"{way}: the check made {result.mutating} changing calls")
    if not result.status:
        return row(way, "check", [result])
    stopped = next(task for task in measure.tasks(result) if task.failed)
    with failures_ignored(STOCK) as copy:
        past = ran(lab, [*command[:-2], str(copy), "--check"], may_fail=True)
    told = row(way, "check", [result])
    told.failed = sum(task.failed for task in measure.tasks(past))
    told.note = f'stops at "{stopped.name}"; past it {told.failed} of {len(measure.tasks(past))} tasks fail'
    return told


def things(lab: Lab) -> dict[str, int]:
    """How many resources of each kind the account holds, as read_only.py counts them."""
    return json.loads(ran(lab, READ).output)["things"]


def measured(lab: Lab, way: str) -> tuple[list[Row], dict[str, int]]:
    """The rows of one way, from an empty account, and what it left there."""
    lab.reset()
    rows = [check(lab, way)]
    lab.reset()
    rows.append(row(way, "converge", [ran(lab, WAYS[way])]))
    rows.append(row(way, "no-op", [ran(lab, WAYS[way]) for _repeat in range(REPEATS)]))
    reads = [ran(lab, READ) for _repeat in range(REPEATS)]
    rows.append(row(way, "read", reads))
    return rows, things(lab)


def rows(lab: Lab | None = None) -> tuple[list[Row], dict[str, dict[str, int]]]:
    """Every run's row, and what each way made. Without a lab one is started; the one given is emptied."""
    if lab is None:
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab.start(Path(folder))
            try:
                return rows(lab)
            finally:
                lab.stop()
    found, made = [], {}
    for way in WAYS:
        ours, made[way] = measured(lab, way)
        found += ours
    return found, made


def table(found: list[Row], made: dict[str, dict[str, int]]) -> str:
    """The rows as text, with what was wanted beneath, and what the two ways made differently."""
    head = f"{'way':6} {'what':9} {'wall s':>7} {'calls':>6} {'changing':>8} {'peak MiB':>8} {'tasks':>6} "
    lines = [head + f"{'changed':>8} {'failed':>7}"]
    for one in found:
        lines.append(
            f"{one.way:6} {one.what:9} {one.seconds:7.2f} {one.calls:6} {one.mutating:8} {one.peak_mib:8.0f} "
            f"{one.tasks:6} {one.changed:8} {one.failed:7}"
        )
        if one.note:
            lines.append(f"       {one.note}")
    seconds = {(one.way, one.what): one.seconds for one in found}
    stock, ours, reading = seconds["stock", "no-op"], seconds["ours", "no-op"], seconds["ours", "read"]
    lines += [
        "",
        f"No-op: 1/{stock / ours:.1f} of the stock time; wanted at most 1/{1 / OF_STOCK:.0f}: "
        f"{'kept' if ours <= stock * OF_STOCK else 'NOT kept'}.",
        f"No-op: {ours / reading:.1f} times one process that only reads the same; wanted at most {OF_READING}: "
        f"{'kept' if ours <= reading * OF_READING else 'NOT kept'}.",
    ]
    for kind in sorted(set().union(*made.values())):
        counts = {way: counts.get(kind, 0) for way, counts in made.items()}
        if len(set(counts.values())) > 1:
            lines.append(f"Made differently: {kind}: " + ", ".join(f"{way} {n}" for way, n in counts.items()))
    return "\n".join(lines)


def main() -> int:
    print(table(*rows()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
