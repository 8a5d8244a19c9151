"""Mail domains for 10 to 10,000 tenants: module mail_domains against community.aws.ses_identity in a loop.

``python -m tests.benchmarks.mail`` prints a table. Ours is made and found right with the lab's quotas virtual: its
clock moves where a call would have waited. So ``wall s`` is the time with quotas off, the lab's own work included, and
``cpu s`` what Ansible and the module computed; ``quota s`` comes on top with quotas on. ``floor s`` is the least that
the quotas allow for these calls: that of the operation that waits longest, when all others go beside it.

The virtual clock moves for everybody when one call waits, so where calls of two operations wait side by side it adds up
what really passes at once. Creation is therefore also measured (``paced``) with the quotas refusing and the module
keeping its pace, in real time. The stock loop, which knows neither DKIM nor MAIL FROM nor tenants, is measured on fewer
domains and its rate stated.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import measure
from tests.lab import quotas
from tests.lab.calls import Identity
from tests.lab.client import Lab
from tests.lab.control import REGION

SIZES = (10, 100, 1000, 10000)
STOCK_DOMAINS = 20
PACED_DOMAINS = 100
CALLS, SECONDS, MEMORY, CREATION = 45, 5, 300, 1.2
"""Wanted: calls and own seconds of a no-op of 1,000, MiB at 10,000, and creation as times what the quotas allow."""

OURS = {
    "name": "Keep the domains",
    "mydigitalstructure.aws.mail_domains": {
        "platform": "bench",
        "region": REGION,
        "calls_per_second": "{{ calls_per_second }}",
        "domains": "{{ domains }}",
    },
}
STOCK = {
    "name": "Keep the domains",
    "community.aws.ses_identity": {"region": REGION, "identity": "{{ item.name }}", "state": "present"},
    "loop": "{{ domains }}",
    "loop_control": {"label": "{{ item.name }}"},
}


@dataclass
class Row:
    """One run; ``quota_seconds`` are what calls would have waited for AWS's quotas, the others are in the docstring."""

    way: str
    what: str
    domains: int
    calls: dict[str, int]
    seconds: float
    cpu_seconds: float
    quota_seconds: float
    floor_seconds: float
    changing_seconds: float
    peak_mib: float

    @property
    def total(self) -> int:
        return sum(self.calls.values())


def floor(calls: list[dict]) -> float:
    """The seconds that the quotas ask for at least: those of the operation that has to wait longest."""
    counts = Counter((call["service"], call["operation"]) for call in calls if not call["error"])
    return max(
        (count - row.capacity) / row.refill
        for (service, operation), count in counts.items()
        for row in quotas.rows(Identity(service, operation, REGION, ""))
    )


def changing(calls: list[dict]) -> float:
    """Real seconds from the first call that changes something to the last."""
    times = [call["time"] for call in calls if call["mutating"]]
    return max(times) - min(times) if times else 0.0


def run(lab: Lab, way: str, what: str, count: int) -> Row:
    """Run the task as a playbook with so many domains; stops the benchmark when it fails."""
    # full buckets: a run begins when nobody called for a while
    lab.quotas("off")
    lab.quotas("throttle" if way == "paced" else "virtual")
    domains = [{"name": f"space{n}.example.com", "tenant": f"space{n}"} for n in range(count)]
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "domains": domains,
            # where it is 0, the lab's clock does the waiting
            "calls_per_second": 1 if way == "paced" else 0,
        },
        "tasks": [STOCK if way == "stock" else OURS],
    }
    with tempfile.TemporaryDirectory() as folder:
        playbook = Path(folder, "mail.json")
        playbook.write_text(json.dumps([play]))
        command = ["ansible-playbook", "-i", "localhost,", str(playbook)]
        # the JSON report would be most of the memory
        ran = measure.run(lab, command, callback="ansible.builtin.default")
    if ran.status:
        raise SystemExit(f"{way} ended with {ran.status}:\n{ran.output[-3000:]}\n{ran.error[-3000:]}")
    if what == "no-op" and ran.mutating:
        raise SystemExit(f"{way}: the second run made {ran.mutating} changing calls")
    calls = dict(Counter(call["operation"] for call in ran.calls))
    return Row(
        way,
        what,
        count,
        calls,
        ran.seconds,
        ran.cpu_seconds,
        ran.quota_seconds,
        floor(ran.calls),
        changing(ran.calls),
        ran.peak_mib,
    )


def rows(lab: Lab | None = None, sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """Every run's row. Without a lab, one is started for the benchmark; the one given is emptied."""
    if lab is None:
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab.start(Path(folder))
            try:
                return rows(lab, sizes)
            finally:
                lab.stop()
    found = []
    for way, count in [("stock", STOCK_DOMAINS), ("paced", PACED_DOMAINS), *(("ours", size) for size in sizes)]:
        lab.reset()
        for what in ("create", "no-op"):
            found.append(run(lab, way, what, count))
    return found


def table(found: list[Row]) -> str:
    lines = [
        f"{'way':6} {'what':7} {'domains':>7} {'calls':>6} {'wall s':>7} {'cpu s':>6} {'quota s':>8} "
        f"{'floor s':>8} {'peak MiB':>8}  most called"
    ]
    for row in found:
        most = ", ".join(f"{name} {count}" for name, count in Counter(row.calls).most_common(5))
        lines.append(
            f"{row.way:6} {row.what:7} {row.domains:7} {row.total:6} {row.seconds:7.1f} {row.cpu_seconds:6.1f} "
            f"{row.quota_seconds:8.0f} {row.floor_seconds:8.0f} {row.peak_mib:8.0f}  {most}"
        )
    lines.append("")
    for row in found:
        if row.way == "stock":
            rate = row.domains / (row.seconds + row.quota_seconds)
            lines.append(f"Stock, {row.what}: {rate:.2f} domains a second; 1,000 take {1000 / rate:.0f} s (computed).")
    ours = {(row.what, row.domains): row for row in found if row.way == "ours"}
    paced = {row.what: row for row in found if row.way == "paced"}

    def judge(said: str, value: float, wanted: float) -> None:
        lines.append(f"{said}; wanted at most {wanted}: {'kept' if value <= wanted else 'NOT kept'}.")

    noop = ours.get(("no-op", 1000))
    if noop:
        judge(f"No-op of 1,000: {noop.total} calls", noop.total, CALLS)
        judge(f"No-op of 1,000: {noop.cpu_seconds:.1f} s of our own time (cpu s)", noop.cpu_seconds, SECONDS)
    if paced:
        made = paced["create"]
        times = made.changing_seconds / made.floor_seconds
        said = f"Creation of {made.domains}, quotas refusing: {made.changing_seconds:.0f} s from first change to last"
        judge(f"{said}, {times:.2f} times the {made.floor_seconds:.0f} s that the quotas ask for", times, CREATION)
    largest = ours.get(("no-op", 10000))
    if largest:
        judge(f"No-op of 10,000: {largest.peak_mib:.0f} MiB, Ansible's processes included", largest.peak_mib, MEMORY)
    return "\n".join(lines)


def main() -> int:
    print(table(rows()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
