"""``make bench``: all benchmarks, or those named: ``python -m tests.benchmarks platform dns inventory mail``."""

from __future__ import annotations

import importlib
import sys

BENCHMARKS = ("platform", "dns", "inventory", "mail")


def main(wanted: list[str]) -> int:
    for name in wanted:
        if name not in BENCHMARKS:
            print(f"There is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}.", file=sys.stderr)
            return 2
    for name in wanted or BENCHMARKS:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        print(f"== {name}: {module.__doc__.splitlines()[0]}\n", flush=True)
        module.main()
        print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
