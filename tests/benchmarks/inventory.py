"""The fleet inventory against amazon.aws.aws_ec2, with 10, 1,000 and 10,000 instances in the lab.

``python -m tests.benchmarks.inventory`` prints a table. Both are run by ``ansible-inventory --list``, with the same
hosts, names, addresses and groups by role and zone; stops unless both give the same.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.benchmarks import measure
from tests.lab.client import Lab
from tests.lab.control import REGION

SIZES = (10, 1000, 10000)
PLATFORM = "mds"
TIME, MEMORY = 1 / 5, 1 / 2
"""Wanted of ours at the largest size, as parts of what the stock plugin takes."""

CONFIGURATIONS = {
    "ours": ("fleet.yml", {"plugin": "mydigitalstructure.aws.fleet", "platform": PLATFORM, "regions": [REGION]}),
    "stock": (
        "aws_ec2.yml",
        {
            "plugin": "amazon.aws.aws_ec2",
            "regions": [REGION],
            "filters": {
                "tag:mydigitalstructure:platform": PLATFORM,
                "instance-state-name": ["pending", "running"],
            },
            "hostnames": ["instance-id"],
            "compose": {"ansible_host": "private_ip_address"},
            "keyed_groups": [
                {"key": "tags['mydigitalstructure:role']", "prefix": "role"},
                {"key": "placement.availability_zone", "prefix": "zone"},
            ],
        },
    ),
}


@dataclass
class Row:
    """One listing; ``peak_mib`` is the memory of ansible-inventory at its highest, its interpreter included."""

    way: str
    instances: int
    seconds: float
    peak_mib: float
    calls: int


def listing(lab: Lab, folder: Path, way: str) -> measure.Ran:
    name, configuration = CONFIGURATIONS[way]
    path = folder / name
    path.write_text(yaml.safe_dump(configuration))
    ran = measure.run(lab, ["ansible-inventory", "-i", str(path), "--list"])
    if ran.status:
        raise SystemExit(f"ansible-inventory ended with {ran.status}:\n{ran.error[-3000:]}")
    return ran


def seen(ran: measure.Ran) -> dict[str, object]:
    """The members of each group and the address of each host, in which both ways have to agree."""
    groups = json.loads(ran.output)
    hosts = groups.pop("_meta")["hostvars"]
    members = {
        name: sorted(group["hosts"])
        for name, group in groups.items()
        if name.startswith(("role_", "zone_")) and group.get("hosts")
    }
    return {**members, "addresses": {name: str(variables["ansible_host"]) for name, variables in hosts.items()}}


def rows(lab: Lab | None = None, sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """Every listing's row. Without a lab, one is started; the one given is emptied."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        if lab is None:
            lab = Lab.start(folder / "lab")
            try:
                return rows(lab, sizes)
            finally:
                lab.stop()
        found = []
        for size in sizes:
            lab.reset()
            lab.populate_instances(size, platform=PLATFORM)
            # the lab's own first answer, and the interpreter's files, are nobody's to pay
            listing(lab, folder, "ours")
            inventories = {}
            for way in CONFIGURATIONS:
                ran = listing(lab, folder, way)
                inventories[way] = seen(ran)
                found.append(Row(way, size, ran.seconds, ran.peak_mib, len(ran.calls)))
            if inventories["ours"] != inventories["stock"] or len(inventories["ours"]["addresses"]) != size:
                raise SystemExit(f"With {size} instances the two inventories differ.")
    return found


def table(found: list[Row]) -> str:
    lines = [f"{'instances':>9} {'way':6} {'wall s':>8} {'peak MiB':>8} {'calls':>6}"]
    for row in found:
        lines.append(f"{row.instances:9} {row.way:6} {row.seconds:8.2f} {row.peak_mib:8.0f} {row.calls:6}")
    size = max(row.instances for row in found)
    last = {row.way: row for row in found if row.instances == size}
    lines.append("")
    for what, wanted, unit in (("seconds", TIME, "time"), ("peak_mib", MEMORY, "memory")):
        part = getattr(last["ours"], what) / getattr(last["stock"], what)
        lines.append(
            f"With {size} instances: {part:.2f} of the stock {unit}; wanted at most {wanted:.2f}: "
            f"{'kept' if part <= wanted else 'NOT kept'}."
        )
    return "\n".join(lines)


def main() -> int:
    print(table(rows()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
