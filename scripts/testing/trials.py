"""Runs unit tests against mutants, each in a copy of the tree: the checkout itself is never written to."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from testing.mutations import ROOT, Mutant

LIMIT = 120  # seconds for the tests of one mutant; those of the code as it is take a tenth of it
MEMORY = 4 << 30  # bytes of address space: a mutant that never ends may also never stop growing
_FIRST = re.compile(r"^(?:FAILED|ERROR) (tests/unit/[^:\s]+\.py(?:::\w+)*)", re.MULTILINE)
_NOTHING_RAN = 5  # pytest's code


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant."""

    mutant: Mutant
    caught: bool
    by: str  # the test, or why there is none
    tests: tuple[str, ...]  # what has to pass on the code as it is, for the verdict to count
    seconds: float


def copied(folder: Path) -> Path:
    """Copy what is or could be under version control to `folder`; links stay links."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    # Some tests ask for the files under version control.
    for words in (["init", "-q"], ["add", "--all"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    return folder


class Bench:
    """Copies of the tree, one for each process that runs tests."""

    def __init__(self, folder: Path, processes: int) -> None:
        self._processes = processes
        self._copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(processes):
            self._copies.put(copied(folder / str(number)))

    def verdicts(
        self, mutants: Sequence[Mutant], tests_of: Callable[[str], list[str]], say: Callable[[Verdict], None]
    ) -> list[Verdict]:
        """Try each mutant; one counts as caught if what caught it passes on the code as it is."""

        def tried(mutant: Mutant) -> Verdict:
            verdict = self._try(mutant, tests_of(mutant.path))
            say(verdict)
            return verdict

        with ThreadPoolExecutor(self._processes) as pool:
            found = list(pool.map(tried, mutants))
            sound = self._sound(pool, {verdict.tests for verdict in found if verdict.caught})
        return [
            verdict
            if not verdict.caught or verdict.tests in sound
            else replace(verdict, caught=False, by=f"{' '.join(verdict.tests)} fails without a mutant too")
            for verdict in found
        ]

    def _try(self, mutant: Mutant, tests: list[str]) -> Verdict:
        started = time.monotonic()
        if not tests:
            return Verdict(mutant, False, "no unit test imports the file", (), 0)
        with self._copy() as tree:
            (tree / mutant.path).write_text(mutant.text, encoding="utf-8")
            try:
                code, output = _pytest(tree, tests)
            finally:
                shutil.copy2(ROOT / mutant.path, tree / mutant.path)
        seconds = time.monotonic() - started
        if code is None:
            return Verdict(mutant, True, f"no end within {LIMIT} s", tuple(tests), seconds)
        if code in (0, _NOTHING_RAN):
            return Verdict(mutant, False, f"not by {', '.join(tests)}", (), seconds)
        failed = _FIRST.search(output)
        return Verdict(
            mutant, True, failed[1] if failed else "pytest", (failed[1],) if failed else tuple(tests), seconds
        )

    def _sound(self, pool: ThreadPoolExecutor, proofs: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
        """Return those groups of tests that pass on the code as it is: all at once, or else one by one."""
        every = sorted(proofs)
        shares = [every[number :: self._processes] for number in range(self._processes)]
        merged = [tuple(dict.fromkeys(test for tests in share for test in tests)) for share in shares]
        whole = list(pool.map(lambda tests: not tests or self._pass(tests), merged))
        doubted = [
            tests for share, passed in zip(shares, whole, strict=True) if not passed for tests in share
        ]
        failed = {
            tests for tests, passed in zip(doubted, pool.map(self._pass, doubted), strict=True) if not passed
        }
        return proofs - failed

    def _pass(self, tests: tuple[str, ...]) -> bool:
        with self._copy() as tree:
            return _pytest(tree, tests)[0] == 0

    @contextlib.contextmanager
    def _copy(self) -> Iterator[Path]:
        tree = self._copies.get()
        try:
            yield tree
        finally:
            self._copies.put(tree)


def _pytest(tree: Path, tests: Sequence[str]) -> tuple[int | None, str]:
    """Run test files in a tree up to the first failure; return the exit code, None for no end, and the output."""
    quiet = ["-x", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider", "-p", "no:xdist"]
    # A failing example is enough: the smallest one, which takes minutes to find, is for people.
    once = ["--hypothesis-profile=first-failure", f"--basetemp={tree.parent / (tree.name + '.tmp')}"]
    command = ["prlimit", f"--as={MEMORY}", sys.executable, "-m", "pytest", *quiet, *once, *tests]
    process = subprocess.Popen(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=LIMIT)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        # Also what the tests have started, and where somebody has interrupted the run.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
