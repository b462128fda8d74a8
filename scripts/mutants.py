#!/usr/bin/env python3
"""Says whether the unit tests notice: a sample of small changes to the code, each of which they should catch.

The same seed gives the same sample as long as the code at its places stays the same.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from testing import imports, mutations
from testing.trials import Bench, Verdict

CAUGHT, ESCAPED, USAGE = 0, 1, 64
NEAREST = 16  # test files for one mutant: what is farther from a module is not what holds it


def tests_of(path: str) -> list[str]:
    """Return the test files that a mutant of this file is tried with."""
    return imports.tests_of(path, NEAREST, imports.imported())


def _say(verdict: Verdict) -> None:
    word = "caught" if verdict.caught else "SURVIVED"
    print(
        f"{word:8} {verdict.seconds:4.0f} s  {verdict.mutant.path}:{verdict.mutant.line}, {verdict.by}",
        flush=True,
    )


def report(verdicts: Sequence[Verdict], share: float) -> int:
    """Print what was not caught, as diffs, and the count; return the exit code."""
    for verdict in verdicts:
        if not verdict.caught:
            print(
                f"\n{verdict.mutant.path}:{verdict.mutant.line}: {verdict.by}\n{verdict.mutant.diff()}",
                end="",
            )
    caught = sum(verdict.caught for verdict in verdicts)
    print(f"\ncaught {caught} of {len(verdicts)}")
    return CAUGHT if caught >= share * len(verdicts) else ESCAPED


def main(argv: Sequence[str]) -> int:
    """Run with these arguments (without the program's name) and return the exit code."""
    parser = argparse.ArgumentParser(prog="mutants.py", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which sample (1)")
    parser.add_argument("--sample", type=int, default=40, help="how many mutants (40)")
    parser.add_argument("--share", type=float, default=0.9, help="part of them that has to be caught (0.9)")
    parser.add_argument("--processes", type=int, default=2, help="how many run side by side (2)")
    parser.add_argument(
        "--only", default="", help="mutate only files with this in their path, as topology/diff.py"
    )
    parser.add_argument("--list", action="store_true", help="print the sample and run no test")
    options = parser.parse_args(argv)
    paths = [path for path in mutations.sources() if options.only in path]
    if not paths:
        sys.stderr.write(
            f"mutants.py: --only is {options.only!r}, and no file that is mutated has that in its path\n"
        )
        return USAGE
    every = mutations.every_place(paths, options.processes)
    mutants = mutations.sample(every, options.seed, options.sample)
    print(f"{len(mutants)} mutants of {len(every)} places, seed {options.seed}", flush=True)
    if options.list:
        print("\n".join(mutant.title for mutant in mutants))
        return CAUGHT
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        verdicts = Bench(Path(folder), options.processes).verdicts(mutants, tests_of, _say)
    return report(verdicts, options.share)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
