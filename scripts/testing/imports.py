"""Which test files import a module, directly or by way of others, and how far away they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# As in pyproject.toml, whose pythonpath the tests have.
FOLDERS = ("scripts", "plugins/module_utils", "tests/support")
_COLLECTION = "ansible_collections.brokerkit.brokers.plugins.module_utils."


def names(source: str, package: str = "") -> Iterator[str]:
    """Yield the dotted names that a source imports; of `from a import b` both `a` and `a.b`, which may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])]).removeprefix(_COLLECTION)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _modules() -> dict[str, str]:
    """Return the project's modules: the file of each dotted name."""
    found = {}
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*.py"):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = file.relative_to(ROOT).as_posix()
    return found


@cache
def imported() -> Mapping[str, frozenset[str]]:
    """Return for each file of the project the files that it imports itself."""
    modules = _modules()
    files = {file: name for name, file in modules.items()}
    files |= {file.relative_to(ROOT).as_posix(): "" for file in (ROOT / "tests/unit").rglob("test_*.py")}
    graph = {}
    for file, name in files.items():
        package = name if file.endswith("__init__.py") else name.rpartition(".")[0]
        source = (ROOT / file).read_text(encoding="utf-8")
        graph[file] = frozenset(modules[one] for one in names(source, package) if one in modules)
    return graph


def tests_of(path: str, most: int, graph: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the test files that reach a module, the nearest first and at most so many."""
    steps, reached, edge = 0, dict[str, int](), {path}
    while edge:
        reached |= dict.fromkeys(edge, steps)
        steps += 1
        edge = {file for file, uses in graph.items() if uses & edge} - reached.keys()
    found = [file for file in reached if file.startswith("tests/unit/")]

    def order(file: str) -> tuple[int, bool, bool, str]:
        test, module = Path(file), Path(path)
        return reached[file], test.stem != f"test_{module.stem}", test.parent.name != module.parent.name, file

    return sorted(found, key=order)[:most]
