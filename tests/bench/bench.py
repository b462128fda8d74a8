#!/usr/bin/env python3
"""Measures Brokerkit against the same work done another way, on the same machine in the same run: `make bench`.

Every figure is the median of several rounds; what is compared takes turns, so that a machine that is slow for a while
is slow for both. The package cache of the test bed is warm for both. Prints tables in Markdown, for
docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import declaring
import provisioning
from measuring import ROOT, Bench

PARTS = {"provisioning": provisioning.report, "topology": declaring.report}


def main() -> int:
    """Measure and print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure Brokerkit against the same work done another way.")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement (3)")
    parser.add_argument("--only", choices=sorted(PARTS), help="this part alone")
    parser.add_argument(
        "--inventory",
        type=Path,
        default=ROOT / "tests/bench/inventory",
        help="hosts of the groups rabbitmq and byhand",
    )
    options = parser.parse_args()
    os.environ.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))
    bench = Bench(options.inventory.resolve(), options.rounds)
    for name, report in PARTS.items():
        if options.only in (None, name):
            report(bench)
    bench.testbed("down")
    return 0


if __name__ == "__main__":
    sys.exit(main())
