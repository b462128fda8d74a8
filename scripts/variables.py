#!/usr/bin/env python3
"""Writes the tables of variables into the README, docs/variables.md and each role's README from the argument specs."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- variables: begin; written by scripts/variables.py from meta/argument_specs.yml, `make docs` -->"
END = "<!-- variables: end -->"
OK, STALE, NO_MARKERS = 0, 1, 65

# What the README shows of all that docs/variables.md lists: what most operators set.
IN_README = {
    "rabbitmq": (
        "rabbitmq_erlang_cookie",
        "rabbitmq_admin_password",
        "rabbitmq_package_source",
        "rabbitmq_version",
        "rabbitmq_plugins",
        "rabbitmq_management_port",
        "rabbitmq_management_address",
        "rabbitmq_memory_high_watermark",
        "rabbitmq_config",
        "rabbitmq_advanced_config",
    ),
}

Options = Mapping[str, Mapping[str, Any]]


class Problem(Exception):
    """A page that cannot be written: one sentence with its remedy."""


@dataclass(frozen=True)
class Page:
    """A page, and the text that belongs between its markers."""

    path: Path
    block: str

    def now(self) -> str:
        """Return the page as it stands."""
        return self.path.read_text(encoding="utf-8")

    def wanted(self) -> str:
        """Return the page with the block as it shall be. Raises Problem where a marker is missing."""
        text = self.now()
        if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
            raise Problem(
                f"{self.path.name}: one line '{BEGIN}' and below it one '{END}' are needed; put them back."
            )
        before, _, rest = text.partition(BEGIN)
        return f"{before}{BEGIN}\n\n{self.block}\n{END}{rest.partition(END)[2]}"


def roles(root: Path) -> dict[str, dict[str, Any]]:
    """Return the argument specs of every role that has some, by role and entry point."""
    found = {}
    for path in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        found[path.parents[1].name] = document["argument_specs"]
    return found


def words(text: str | Sequence[str] | None) -> str:
    """Return a description as one line of Markdown; Ansible's own markup becomes code."""
    line = " ".join([text] if isinstance(text, str) else list(text or []))
    return re.sub(r"\b[CVO]\(([^)]*)\)", r"`\1`", " ".join(line.split()))


def value(default: Any) -> str:
    """Return a default as an operator would write it on one line of YAML."""
    if isinstance(default, str):
        return default or "''"
    return json.dumps(default, ensure_ascii=False)


def kind(option: Mapping[str, Any]) -> str:
    """Return type and default of an option."""
    name = str(option["type"])
    if "elements" in option:
        name = f"list of {option['elements']}"
    if option.get("required"):
        return f"{name}, **required**"
    return f"{name}, `{value(option['default'])}`" if "default" in option else name


def meaning(option: Mapping[str, Any]) -> str:
    """Return what an option means, with its choices where the description does not name them."""
    text = words(option.get("description"))
    choices = [value(choice) for choice in option.get("choices", [])]
    if any(f"`{choice}`" not in text for choice in choices):
        text += " One of " + ", ".join(f"`{choice}`" for choice in choices) + "."
    return text


def table(options: Options) -> str:
    """Return a table of options. The last column is the only long one, so that a terminal shows it well."""
    rows = [(f"`{name}`", kind(option), meaning(option)) for name, option in options.items()]
    cells = [
        tuple(cell.replace("|", "\\|") for cell in row)
        for row in [("variable", "type, default", "meaning"), *rows]
    ]
    first, second = (max(len(row[column]) for row in cells) for column in (0, 1))
    lines = [f"| {row[0]:<{first}} | {row[1]:<{second}} | {row[2]} |" for row in cells]
    lines.insert(1, f"|{'-' * (first + 2)}|{'-' * (second + 2)}|---|")
    return "\n".join(lines) + "\n"


def nested(options: Options, path: str = "") -> Iterator[tuple[str, Options]]:
    """Yield (path of an option, options of its items) for everything that has items of its own."""
    for name, option in options.items():
        inner = option.get("options")
        if inner:
            yield path + name, inner
            yield from nested(inner, f"{path}{name}[].")


def role_section(role: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the heading, the entry points and the tables of one role."""
    main = entries["main"]
    about = f"{words(main.get('short_description'))}. {words(main.get('description'))}"
    return f"## {role}\n\n{about}\n\n{role_tables(entries)}"


def role_tables(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the entry points and the tables of one role."""
    main = entries["main"]
    parts = []
    others = [name for name in entries if name != "main"]
    if others:
        points = (f"* `{name}`: {words(entries[name].get('short_description'))}" for name in others)
        parts.append("Entry points beside `main`:\n\n" + "\n".join(points) + "\n")
    options: Options = main.get("options") or {}
    if options:
        parts.append(table(options))
    parts += [f"Items of `{path}`:\n\n{table(inner)}" for path, inner in nested(options)]
    for name in others:
        own = {
            key: option for key, option in (entries[name].get("options") or {}).items() if key not in options
        }
        if own:
            parts.append(f"Variables of the entry point `{name}` alone:\n\n{table(own)}")
    return "\n".join(parts)


def pages(root: Path) -> list[Page]:
    """Return the pages that hold tables, with their blocks as they shall be."""
    specs = roles(root)
    everything = "\n".join(role_section(role, entries) for role, entries in specs.items())
    chosen = "\n".join(
        table({name: specs[role]["main"]["options"][name] for name in names})
        for role, names in IN_README.items()
    )
    own = [Page(root / "roles" / role / "README.md", role_tables(entries)) for role, entries in specs.items()]
    return [Page(root / "README.md", chosen), Page(root / "docs/variables.md", everything), *own]


def main(argv: Sequence[str], stdout: IO[str], stderr: IO[str], root: Path = ROOT) -> int:
    """Run with these arguments (without the program's name) and return the exit code."""
    parser = argparse.ArgumentParser(prog="variables.py", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the tables into the pages")
    what.add_argument("--check", action="store_true", help="exit with 1 when a page is not current")
    options = parser.parse_args(argv)
    try:
        stale = [page for page in pages(root) if page.now() != page.wanted()]
    except Problem as problem:
        stderr.write(f"variables.py: {problem}\n")
        return NO_MARKERS
    names = ", ".join(str(page.path.relative_to(root)) for page in stale)
    if options.check and stale:
        stderr.write(
            f"variables.py: the tables in {names} are not what the argument specs say; run `make docs`.\n"
        )
        return STALE
    for page in stale:
        page.path.write_text(page.wanted(), encoding="utf-8")
    if options.write:
        stdout.write(f"variables.py: wrote {names}\n" if stale else "variables.py: the tables are current\n")
    return OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
