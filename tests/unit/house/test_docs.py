"""The pages speak of what exists: links, anchors, playbooks, variables and options."""

from __future__ import annotations

import re

import pytest
from doctor_cases import documents
from probes import registry
from role_files import ROLES, ROOT, defaults, specs

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md")),
    *(f"roles/{role}/README.md" for role in ROLES),
]
each_page = pytest.mark.parametrize("page", PAGES)

# Names under a role's prefix that are something else: RabbitMQ's plugins, groups and facts that a run makes, and a
# variable's former name.
OTHER_NAMES = {
    "rabbitmq_management",
    "rabbitmq_stomp",
    "rabbitmq_auth_mechanism_ssl",
    "rabbitmq_shovel",
    "rabbitmq_prometheus",
    "rabbitmq_server",
    "rabbitmq_restart_needed",
    "activemq_restart_needed",
    "erlang_source",
    "activemq_tls_client_certificate_required",
}


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def variables() -> set[str]:
    return {
        name for role in ROLES for entry in specs(role).values() for name in entry.get("options") or {}
    } | set(ROLES)


@each_page
def test_links_lead_somewhere(page):
    broken = []
    for link in re.findall(r"\]\(([^)]+)\)", text_of(page)):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(str(target.resolve().relative_to(ROOT)))):
            broken.append(link)
    assert broken == []


@each_page
def test_files_that_are_named_exist(page):
    pattern = r"(?<![\w/.])((?:playbooks|scripts|roles|docs|inventory|templates|plugins)/[\w./-]+\.(?:yml|py|md|j2))"
    named = set(re.findall(pattern, text_of(page)))
    ours = {name for name in named if not name.startswith("inventory/prod")}
    assert sorted(name for name in ours if not (ROOT / name).exists()) == []


@each_page
def test_variables_that_are_named_exist(page):
    prefixes = "|".join(sorted(ROLES, key=len, reverse=True))
    named = set(
        re.findall(
            rf"(?<![\w/.-])((?:{prefixes})_[a-z0-9_]*[a-z0-9])(?![\w*/.-]*\.(?:yml|py))\b(?!_)", text_of(page)
        )
    )
    metrics = set((ROOT / "tests/unit/monitoring/scrapes/activemq.txt").read_text().split())
    wrong = [name for name in named - variables() - OTHER_NAMES - metrics if f"{name}_*" not in text_of(page)]
    assert sorted(wrong) == []


@each_page
def test_options_of_the_prober_that_are_named_exist(page):
    source = (ROOT / "scripts/smoke.py").read_text()
    for line in re.findall(r"scripts/smoke\.py (--[^`\n]*)", text_of(page)):
        for option in re.findall(r"(?<!\S)(--[a-z-]+)", line):
            assert f'"{option}"' in source, line


@each_page
def test_targets_of_make_that_are_named_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`|^ {4}make ([a-z-]+)", text_of(page), re.MULTILINE))
    assert sorted({name for pair in named for name in pair if name} - targets) == []


@each_page
def test_tags_that_are_named_exist(page):
    plays = "\n".join(path.read_text() for path in ROOT.glob("playbooks/*.yml"))
    for names in re.findall(r"--tags ([a-z,]+)", text_of(page)):
        for tag in names.split(","):
            assert f"tags: [{tag}]" in plays, tag


def test_the_rows_of_the_field_notes_name_the_probes_that_stand_for_them():
    citing: dict[str, set[str]] = {}
    for probe in registry.all_probes():
        for note in probe.notes:
            citing.setdefault(note, set()).add(probe.name)
    rows = re.findall(r"^\| (\d\.\d+) \|.*\| (.*) \|$", text_of("docs/field-notes.md"), re.MULTILINE)
    assert {row: set(re.findall(r"`([^`]+)`", named)) for row, named in rows if named != "none"} == citing
    assert len(rows) == 28, "every row of the five write-ups is there"


def test_the_tests_that_the_field_notes_name_exist():
    page = text_of("docs/field-notes.md")
    texts = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in re.findall(r"`(test_\w+)`", page) if f"def {name}(" not in texts] == []
    assert [path for path in re.findall(r"`(tests/[\w/.]+)`", page) if not (ROOT / path).exists()] == []
    made = {one["row"] for document in documents().values() for one in document.get("cases", ())}
    named = [
        row
        for cell in re.findall(r"`tests/hosts/doctor`((?:, `[a-z-]+`)+)", page)
        for row in cell.split("`")[1::2]
    ]
    assert {*named} - made == set()
    for row in ("0.2", "0.5", "1.4", "1.6", "2.5", "2.6", "2.7", "2.8", "2.9", "4.2"):
        (line,) = (one for one in page.splitlines() if one.startswith(f"| {row} |"))
        assert "`test_" in line or "`tests/" in line, f"{row} names no test"


@each_page
def test_commands_that_reach_hosts_name_the_inventory(page):
    """Without -i they reach the example's hosts: what is copied in a hurry has it on the line."""
    commands = re.findall(
        r"(?:^ {4,}|`)((?:\.venv/bin/)?ansible(?:-playbook)? [^`\n]*(?:\.yml|-b)[^`\n]*)", text_of(page), re.M
    )
    assert [command for command in commands if " -i " not in command] == []


def test_the_table_of_ports_has_the_defaults_of_the_roles():
    page = text_of("docs/operations.md")
    rows = re.findall(r"^\| (\d+) \| `(rabbitmq_(\w+)_port)`[^|]*\|[^|]*\| ([^|]*) \|$", page, re.MULTILINE)
    known = defaults("rabbitmq")
    assert {name for _, name, _, _ in rows} >= {
        f"rabbitmq_{what}_port" for what in ("amqp", "stomp", "management", "prometheus", "distribution")
    }
    for port, name, what, address in rows:
        assert int(port) == known[name], name
        if what in ("amqp", "stomp", "management", "prometheus"):
            assert address == (known[f"rabbitmq_{what}_address"] or "every interface"), name
