#!/usr/bin/env python3
"""Writes docs/troubleshooting.md from the knowledge table and its articles (plugins/module_utils/brokers/knowledge)."""

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
from brokers.knowledge import articles  # noqa: E402

OK, STALE = 0, 1
HEAD = """\
<!-- Written by scripts/knowledge.py from plugins/module_utils/brokers/knowledge; `make docs` writes it again. -->

# Troubleshooting

The headings are literal program messages, so search for what you see. Each
section says what the message means, what Brokerkit reports, and what to do.

`scripts/smoke.py` diagnoses most of these by itself. It needs a URL, a user and
a password, but no Ansible, and works with any broker:

    export BROKERKIT_PASSWORD=...
    scripts/smoke.py --amqp amqp://USER@HOST:5672/VHOST \\
        --stomp stomp://USER@HOST:61613

`playbooks/doctor.yml` looks from inside, on the hosts of an inventory: it works on
hosts that are broken, half installed, or were set up by somebody else, and only
reads. Capitals stand for what its report fills in.

    ansible-playbook -i inventory/prod playbooks/doctor.yml
"""


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


def table() -> Iterator[str]:
    """Yield the lines of the rows of the table by section."""
    section = ""
    for row in knowledge.table().rows.values():
        if row.section != section:
            section = row.section
            yield from (f"## {section}", "")
        yield from entry(row)


def written(section: articles.Section) -> Iterator[str]:
    """Yield the lines of a section of articles."""
    yield from (f"## {section.title}", "")
    if section.intro:
        yield from (section.intro, "")
    for one in section.entries:
        yield from (f'<a id="{one.id}"></a>', f"### {one.heading}", "", one.text, "")


def anchor(title: str) -> str:
    """Return the anchor that a heading has on GitHub."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def link(title: str) -> str:
    """Return a link to a section of the page."""
    return f"[{title}](#{anchor(title)})"


def contents() -> Iterator[str]:
    """Yield the list of sections."""
    for name in articles.PAGE_ORDER:
        if name != articles.TABLE:
            yield f"* {link(articles.section(name).title)}"
            continue
        yield "* What the doctor finds, and alerts are about:"
        titles = list(dict.fromkeys(row.section for row in knowledge.table().rows.values()))
        yield from (f"  {link(title)}{',' if title != titles[-1] else ''}" for title in titles)


def page() -> str:
    """Return the whole page."""
    lines = [HEAD, *contents(), ""]
    for name in articles.PAGE_ORDER:
        lines += table() if name == articles.TABLE else written(articles.section(name))
    return "\n".join(lines).rstrip("\n") + "\n"


def main(argv: Sequence[str], stdout: IO[str], stderr: IO[str], root: Path = ROOT) -> int:
    """Run with these arguments (without the program's name) and return the exit code."""
    parser = argparse.ArgumentParser(prog="knowledge.py", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the page")
    what.add_argument("--check", action="store_true", help="exit with 1 when the page is not current")
    options = parser.parse_args(argv)
    place = root / knowledge.PAGE
    now = place.read_text(encoding="utf-8") if place.exists() else ""
    text = page()
    if options.check and text != now:
        stderr.write(f"knowledge.py: {knowledge.PAGE} is not what the table says; run `make docs`.\n")
        return STALE
    if options.write:
        place.write_text(text, encoding="utf-8")
        stdout.write(f"knowledge.py: {'wrote ' + knowledge.PAGE if text != now else 'the page is current'}\n")
    return OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
