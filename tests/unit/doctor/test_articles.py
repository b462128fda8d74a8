"""The articles of docs/troubleshooting.md, and what leads to them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from brokers import knowledge
from brokers.knowledge import articles
from role_files import ROOT

ARTICLES = list(articles.every())
PAGE = (ROOT / knowledge.PAGE).read_text(encoding="utf-8")
ANCHORS = set(re.findall(r'<a id="([^"]+)"></a>', PAGE))
SOURCES = ("roles", "playbooks", "plugins", "scripts")


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def files(*folders: str) -> list[Path]:
    kinds = (".py", ".yml", ".md", ".j2", ".sh", ".escript")
    return [path for one in folders for path in (ROOT / one).rglob("*") if path.suffix in kinds]


def said() -> str:
    """What roles, playbooks and programs say, with sentences that their code breaks into lines joined again."""
    own = articles.FOLDER
    texts = [path.read_text(encoding="utf-8") for path in files(*SOURCES) if own not in path.parents]
    joined = re.sub(r"\"\s*\n\s*f?\"", "", "\n".join(texts))
    return " ".join(joined.split())


def test_every_article_has_a_name_of_its_own_and_words() -> None:
    names = [one.id for one in ARTICLES] + [*knowledge.table().rows]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.id) and one.text for one in ARTICLES)
    assert {one.stem for one in articles.FOLDER.glob("*.yml")} == {*articles.PAGE_ORDER} - {articles.TABLE}


def test_what_an_article_is_about_is_really_said() -> None:
    text = said()
    assert [part for one in ARTICLES for part in one.says if part not in text] == []


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("rabbitmq_stomp_port: 61613 is held by 'java' (pid 812) on broker-1; stop it", "port-is-taken"),
        ("mq1 does not hold what is declared: create queue orders. Converge it", "drift"),
        (
            "--tags: 'provison' is not a tag (did you mean provision?); those that exist are x",
            "wrong-tag-or-limit",
        ),
        ("rabbitmq_heartbaet: is not a variable of the role rabbitmq, whose prefix", "unknown-variable"),
        ("mq1: the cluster cannot spare rabbit@mq1 now", "cannot-be-spared"),
    ],
)
def test_a_refusal_leads_to_its_article(sentence: str, name: str) -> None:
    assert articles.place(sentence) == f"docs/troubleshooting.md#{name}"


@pytest.mark.parametrize(
    "sentence",
    [
        "mq1 does not run. Its new configuration is in place; correct what it says",
        "activemq_archive_source: if it is the same then, it is not what Apache released: do not use it.",
        "rabbitmq_topology_users[0].tags: 'boss' is not a tag RabbitMQ knows (administrator); correct it",
        "rabbitmq_topology_url: 'x' is not an address of the management API; write http://HOST:PORT",
    ],
)
def test_a_sentence_about_something_else_does_not_lead_to_an_article_with_like_words(sentence: str) -> None:
    assert articles.place(sentence) == ""


def test_a_sentence_that_no_article_is_about_leads_nowhere() -> None:
    assert articles.place("rabbitmq_amqp_port: 'amqp' is a text; write a whole number") == ""


def test_every_anchor_that_anything_names_is_on_the_page() -> None:
    headings = {slug(one) for one in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)}
    link = re.compile(r"(?:docs/)?troubleshooting\.md#([a-z0-9-]+[a-z0-9])")
    named = {
        (name, path.relative_to(ROOT))
        for path in [*files(*SOURCES, "docs", "tests", "examples", "molecule"), ROOT / "README.md"]
        for name in link.findall(path.read_text(encoding="utf-8"))
    }
    assert {name for name, _ in named} & {"drift", "memory-alarm"}
    assert sorted(f"{path}: {name}" for name, path in named if name not in ANCHORS | headings) == []


def test_every_row_that_alerts_probes_and_the_doctor_lead_to_is_on_the_page() -> None:
    from brokers.monitoring import rules
    from probes.report import rows

    wanted = {*knowledge.table().rows, *(rule["row"] for _, rule in rules.every()), *rows._ROWS.values()}
    assert wanted <= ANCHORS
    assert {one.id for one in ARTICLES} <= ANCHORS


def test_links_inside_the_page_lead_somewhere() -> None:
    headings = {slug(one) for one in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)}
    assert sorted(set(re.findall(r"\]\(#([^)]+)\)", PAGE)) - headings - ANCHORS) == []
