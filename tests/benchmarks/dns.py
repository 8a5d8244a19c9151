"""A thousand records in one zone: module dns_zones against the stock modules in a loop, on the same lab.

``python -m tests.benchmarks.dns`` prints a table. The stock loop is measured on fewer records, because it takes
minutes; its rate is stated, and what a thousand would take at that rate is marked as computed. Both are run by
ansible-playbook, first with the lab's quotas off and then with the virtual ones.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import measure
from tests.lab.client import Lab

ZONE = "bench.example.com"
REGION = "ap-southeast-2"
RECORDS, STOCK_RECORDS = 1000, 50
WANTED = 1.5
"""Ours may take so many times the fewest calls that AWS's limits allow."""

OURS = [
    {
        "name": "Make the zone",
        "mydigitalstructure.aws.dns_zones": {
            "platform": "bench",
            "region": REGION,
            "zones": [{"name": ZONE, "records": "{{ records }}"}],
        },
    }
]
STOCK = [
    {
        "name": "Make the zone",
        "amazon.aws.route53_zone": {"zone": ZONE, "tags": {"platform": "bench"}},
        "register": "zone",
    },
    {
        "name": "Make the records",
        # by the zone's id, or each record would look for the zone by its name
        "amazon.aws.route53": {
            "hosted_zone_id": "{{ zone.zone_id }}",
            "record": "{{ item.name }}.bench.example.com",
            "type": "{{ item.type }}",
            "ttl": "{{ item.ttl }}",
            "value": "{{ item['values'] }}",
            "overwrite": True,
            "state": "present",
        },
        "loop": "{{ records }}",
        "loop_control": {"label": "{{ item.name }}"},
    },
]


@dataclass
class Row:
    """One run. ``fewest`` is None for the stock loop; ``seconds`` does not contain ``quota_seconds``."""

    way: str
    what: str
    quotas: str
    records: int
    calls: dict[str, int]
    seconds: float
    quota_seconds: float
    peak_mib: float
    fewest: int | None = None

    @property
    def total(self) -> int:
        return sum(self.calls.values())

    @property
    def rate(self) -> float:
        """Records a second, with what calls waited for their quotas."""
        return self.records / (self.seconds + self.quota_seconds)


def declared(count: int) -> list[dict]:
    return [
        {"name": f"host-{n}", "type": "A", "ttl": 300, "values": [f"10.0.{n // 250}.{n % 250 + 1}"]}
        for n in range(count)
    ]


def fewest(count: int, what: str) -> int:
    """The fewest calls for a zone of so many records of one value.

    No-op: the list of zones, the zone's tags, and its records with NS and SOA, 300 a page. Creation: the list of zones,
    the zone, its tags, the changes of 1,000 values each, one look at the last change, and the records read back. The
    last two are part of what the module promises; :func:`bare` counts without them.
    """
    pages = math.ceil((count + 2) / 300)
    return 2 + pages if what == "no-op" else 3 + math.ceil(count / 1000) + 1 + pages


def bare(count: int) -> int:
    """The fewest calls that leave such a zone behind, neither waited for nor read back."""
    return 3 + math.ceil(count / 1000)


def run(lab: Lab, tasks: list[dict], count: int) -> measure.Ran:
    """Run tasks as a playbook with so many records; stops the benchmark when they fail."""
    with tempfile.TemporaryDirectory() as folder:
        playbook = Path(folder, "dns.json")
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        interpreter = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        playbook.write_text(json.dumps([{**play, "vars": {**interpreter, "records": declared(count)}}]))
        ran = measure.run(lab, ["ansible-playbook", "-i", "localhost,", str(playbook)])
    if ran.status:
        raise SystemExit(f"ansible-playbook ended with {ran.status}:\n{ran.output[-3000:]}\n{ran.error[-3000:]}")
    return ran


def rows(lab: Lab | None = None) -> list[Row]:
    """Every run's row. Without a lab, one is started for the benchmark; the one given is emptied."""
    if lab is None:
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab.start(Path(folder))
            try:
                return rows(lab)
            finally:
                lab.stop()
    found = []
    for quotas in ("off", "virtual"):
        for way, tasks, count in (("ours", OURS, RECORDS), ("stock", STOCK, STOCK_RECORDS)):
            lab.reset()
            for what in ("create", "no-op"):
                lab.quotas(quotas)
                ran = run(lab, tasks, count)
                if what == "no-op" and ran.mutating:
                    raise SystemExit(f"{way}: the second run made {ran.mutating} changing calls")
                least = fewest(count, what) if way == "ours" else None
                calls = dict(Counter(call["operation"] for call in ran.calls))
                found.append(Row(way, what, quotas, count, calls, ran.seconds, ran.quota_seconds, ran.peak_mib, least))
            check(lab, count)
    lab.quotas("off")
    return found


def check(lab: Lab, count: int) -> None:
    """Stop unless the zone really has its records, so that no row is about work that was not done."""
    route53 = lab.client("route53")
    (zone,) = route53.list_hosted_zones()["HostedZones"]
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone["Id"])
    there = sum(len(page["ResourceRecordSets"]) for page in pages)
    if there != count + 2:
        raise SystemExit(f"The zone has {there} records instead of {count + 2}.")


def table(found: list[Row]) -> str:
    """The rows as text, with the calls by operation beneath each and the rate of the stock loop at the end."""
    head = f"{'way':6} {'what':7} {'quotas':8} {'records':>7} {'calls':>6} {'fewest':>6} {'factor':>6} "
    lines = [head + f"{'wall s':>8} {'quota s':>8} {'peak MiB':>8}"]
    for row in found:
        factor = f"{row.total / row.fewest:.2f}" if row.fewest else "-"
        lines.append(
            f"{row.way:6} {row.what:7} {row.quotas:8} {row.records:7} {row.total:6} {row.fewest or '-':>6} {factor:>6} "
            f"{row.seconds:8.2f} {row.quota_seconds:8.2f} {row.peak_mib:8.0f}"
        )
        lines.append("       " + ", ".join(f"{name} {count}" for name, count in sorted(row.calls.items())))
    lines.append("")
    for row in found:
        if row.way == "stock":
            same = next(r for r in found if (r.way, r.what, r.quotas) == ("ours", row.what, row.quotas))
            seconds, ours = RECORDS / row.rate, same.seconds + same.quota_seconds
            lines.append(
                f"stock {row.what}, quotas {row.quotas}: {row.rate:.2f} records/s, so {RECORDS} would take "
                f"{seconds:.0f} s (computed, not measured); ours took {ours:.1f} s, {seconds / ours:.0f} times less."
            )
    worst = max(row.total / row.fewest for row in found if row.fewest)
    verdict = "kept" if worst <= WANTED else "NOT kept"
    lines.append(f"Ours within {WANTED} times the fewest calls: {verdict} ({worst:.2f}).")
    made = next(row for row in found if (row.way, row.what) == ("ours", "create"))
    lines.append(
        "That counts the wait for Route 53's servers and the read-back as part of the work; without them "
        f"{bare(RECORDS)} calls would do, and the creation's {made.total} are "
        f"{made.total / bare(RECORDS):.2f} times as many."
    )
    if not any(row.quota_seconds for row in found):
        lines.append("No run waited for a quota: none came near the rate that Route 53 allows an account.")
    return "\n".join(lines)


def main() -> int:
    print(table(rows()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
