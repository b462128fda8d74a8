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

import declaring
import provisioning
import relaying_rate
from measuring import ROOT, Bench

# Each part with its inventory: a host of the broker's group, and one of the group byhand where there is another way.
PARTS = {
    "rabbitmq": (provisioning.rabbitmq, "inventory"),
    "activemq": (provisioning.activemq, "inventory_activemq"),
    "topology": (declaring.report, "inventory"),
    "relay": (relaying_rate.report, "inventory_relay"),
}


def main() -> int:
    """Measure and print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure Brokerkit against the same work done another way.")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement (3)")
    parser.add_argument("--only", choices=sorted(PARTS), help="this part alone")
    options = parser.parse_args()
    os.environ.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))
    for name, (report, inventory) in PARTS.items():
        if options.only in (None, name):
            bench = Bench(ROOT / "tests/bench" / inventory, options.rounds)
            report(bench)
            bench.testbed("down")
    return 0


if __name__ == "__main__":
    sys.exit(main())
