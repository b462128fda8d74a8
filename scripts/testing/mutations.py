"""Which mutants there are, and a sample of them. The changes themselves are those of cosmic-ray's operators."""

from __future__ import annotations

import ast
import difflib
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cosmic_ray.ast
import cosmic_ray.mutating
import cosmic_ray.plugins
import yaml

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = ROOT / "tests/unit/equivalent_mutants.yml"
# What unit tests alone have to hold: the library, and those parts of the programs that talk to nothing.
PURE = (
    "plugins/module_utils/brokers/**/*.py",
    "scripts/probes/diagnosis.py",
    "scripts/probes/endpoints.py",
    "scripts/probes/urls.py",
    "scripts/probes/tls/reasons.py",
    "scripts/probes/model.py",
    "scripts/probes/refusals.py",
    "scripts/probes/registry.py",
    "scripts/probes/report/*.py",
    "scripts/relaying/gate.py",
    "scripts/soaking/account.py",
    "scripts/soaking/ledger.py",
    "scripts/soaking/pace.py",
    "scripts/soaking/reconnecting.py",
    "scripts/soaking/result.py",
    "scripts/soaking/service.py",
    "scripts/soaking/stages.py",
    "scripts/soaking/targets.py",
    "scripts/soaking/timeline.py",
    "scripts/soaking/worker.py",
    "scripts/topology_picture/*.py",
)
Position = tuple[int, int]


@dataclass(frozen=True)
class Place:
    """A stretch of code, and what can be put there: names of operators, each with its how-manieth use in the file."""

    path: str
    start: Position
    end: Position
    line: str
    changes: tuple[tuple[str, int], ...]

    def rank(self, seed: int) -> str:
        """Return where the place stands in the draw, by what it says: a line that moves stays in the sample."""
        told = f"{seed}\0{self.path}\0{self.line}\0{self.start[1]}"
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True)
class Mutant:
    """One file with one change."""

    path: str
    line: int
    was: str
    now: str
    text: str

    @property
    def title(self) -> str:
        """The change on one line."""
        return f"{self.path}:{self.line}: {self.was or '(nothing)'} -> {self.now or '(nothing)'}"

    def diff(self) -> str:
        """Return the change as a diff."""
        before = (ROOT / self.path).read_text(encoding="utf-8").splitlines(keepends=True)
        after = self.text.splitlines(keepends=True)
        return "".join(difflib.unified_diff(before, after, f"a/{self.path}", f"b/{self.path}", n=2))


def sources() -> list[str]:
    """Return the files that are mutated."""
    found = {path.relative_to(ROOT).as_posix() for pattern in PURE for path in ROOT.glob(pattern)}
    return sorted(path for path in found if (ROOT / path).stat().st_size)


def _used(name: str) -> bool:
    """Say whether an operator is used: not where `is` stands for `==`, which Python may or may not tell apart."""
    if "Comparison" not in name:
        return True
    _, was, now = name.split("_")
    return was.startswith("Is") == now.startswith("Is")


@cache
def _operators() -> Mapping[str, Any]:
    """Return the operators that need no arguments, by name."""
    classes = {name: cosmic_ray.plugins.get_operator(name) for name in cosmic_ray.plugins.operator_names()}
    return {name: made() for name, made in classes.items() if not made.arguments() and _used(name)}


def annotated(source: str) -> list[tuple[Position, Position]]:
    """Return where annotations stand. None is evaluated in a file that postpones them, so a mutant there is none."""
    tree = ast.parse(source)
    postponed = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
    if not postponed:
        return []
    found: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node.returns)
    return [
        ((one.lineno, one.col_offset), (one.end_lineno or 0, one.end_col_offset or 0)) for one in found if one
    ]


def places(path: str) -> list[Place]:
    """Return the places of a file where an operator has something to change."""
    source = (ROOT / path).read_text(encoding="utf-8")
    uses: Counter[str] = Counter()
    changes: dict[tuple[Position, Position], list[tuple[str, int]]] = defaultdict(list)
    for node in cosmic_ray.ast.ast_nodes(cosmic_ray.ast.get_ast(source)):
        for name, operator in _operators().items():
            for start, end in operator.mutation_positions(node):
                changes[start, end].append((name, uses[name]))
                uses[name] += 1
    lines, unseen = source.splitlines(), annotated(source)
    return [
        Place(path, start, end, lines[start[0] - 1].strip(), tuple(possible))
        for (start, end), possible in sorted(changes.items())
        if not any(first <= start and end <= last for first, last in unseen)
    ]


def every_place(paths: Sequence[str], processes: int) -> list[Place]:
    """Return the places of all files; looking for them is the one part of this that takes a while."""
    with ProcessPoolExecutor(processes) as pool:
        return [place for found in pool.map(places, paths, chunksize=8) for place in found]


def mutated(place: Place, seed: int) -> Mutant | None:
    """Return the mutant of a place: one of the changes that are possible there, by the seed."""
    source = (ROOT / place.path).read_text(encoding="utf-8")
    name, use = place.changes[int(place.rank(seed), 16) % len(place.changes)]
    text = cosmic_ray.mutating.mutate_code(source, cosmic_ray.plugins.get_operator(name)(), use)
    if text is None or text == source:
        return None
    old, new = source.splitlines(), text.splitlines()
    opcodes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    _, first, last, start, end = next(code for code in opcodes if code[0] != "equal")
    was, now = (" ".join(part.strip() for part in side) for side in (old[first:last], new[start:end]))
    return Mutant(place.path, first + 1, was, now, text)


def equivalents() -> set[tuple[str, str, str]]:
    """Return the mutants that nobody can tell from the code as it is: file, line as it is, line as it would be."""
    entries = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or []
    return {(entry["path"], entry["was"], entry["now"]) for entry in entries}


def sample(every: Iterable[Place], seed: int, count: int) -> list[Mutant]:
    """Return `count` mutants, each of another place: any place is as likely, however many changes it has."""
    known, chosen = equivalents(), list[Mutant]()
    for place in sorted(every, key=lambda place: place.rank(seed)):
        if len(chosen) == count:
            break
        mutant = mutated(place, seed)
        if mutant and (mutant.path, mutant.was, mutant.now) not in known:
            chosen.append(mutant)
    return chosen
