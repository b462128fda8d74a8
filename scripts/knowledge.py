#!/usr/bin/env python3
"""Writes the knowledge table (plugins/module_utils/brokers/knowledge) into docs/troubleshooting.md."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "plugins" / "module_utils"))

from brokers import knowledge  # noqa: E402

BEGIN = "<!-- knowledge: begin; written by scripts/knowledge.py from the knowledge table, `make docs` -->"
END = "<!-- knowledge: end -->"
OK, STALE, NO_MARKERS = 0, 1, 65


def placeholders(text: str) -> str:
    """Return a sentence with capitals in the place of what a report fills in: {node} becomes NODE."""
    plain = re.sub(r"(?<!\{)\{([a-z_]+)\}(?!\})", lambda found: found[1].upper().replace("_", " "), text)
    return plain.replace("{{", "{").replace("}}", "}")


def entry(row: knowledge.Row) -> Iterator[str]:
    """Yield the lines of a row."""
    yield f'<a id="{row.id}"></a>'
    yield f"### {row.heading}"
    yield ""
    yield placeholders(row.cause)
    yield ""
    if row.question:
        yield f"*Ask first:* {placeholders(row.question)}"
        yield ""
    if len(row.remedies) == 1:
        yield f"*What to do:* {placeholders(row.remedies[0].text)}"
    else:
        yield "*What to do:*"
        yield ""
        for one in row.remedies:
            yield f"* {knowledge.versions_of(one)}: {placeholders(one.text)}"
    yield ""
    yield f"*Cured when:* {placeholders(row.cured)}"
    yield ""


def block() -> str:
    """Return the rows of the table by section, as Markdown."""
    lines: list[str] = []
    section = ""
    for row in knowledge.table().rows.values():
        if row.section != section:
            section = row.section
            lines += [f"## {section}", ""]
        lines += entry(row)
    return "\n".join(lines)


def wanted(text: str) -> str | None:
    """Return the page with the table between its markers; None where these are not there."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        return None
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{block()}{END}{rest.partition(END)[2]}"


def main(argv: Sequence[str], stdout: IO[str], stderr: IO[str], root: Path = ROOT) -> int:
    """Run with these arguments (without the program's name) and return the exit code."""
    parser = argparse.ArgumentParser(prog="knowledge.py", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the table into the page")
    what.add_argument("--check", action="store_true", help="exit with 1 when the page is not current")
    options = parser.parse_args(argv)
    page = root / knowledge.PAGE
    now = page.read_text(encoding="utf-8")
    text = wanted(now)
    if text is None:
        stderr.write(
            f"knowledge.py: {knowledge.PAGE} needs the lines '{BEGIN}' and '{END}'; put them back.\n"
        )
        return NO_MARKERS
    if options.check and text != now:
        stderr.write(f"knowledge.py: {knowledge.PAGE} is not what the table says; run `make docs`.\n")
        return STALE
    if options.write:
        page.write_text(text, encoding="utf-8")
        stdout.write(f"knowledge.py: {'wrote ' + knowledge.PAGE if text != now else 'the page is current'}\n")
    return OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
