"""scripts/variables.py: tables from argument specs, and a check that says when they are not current."""

from __future__ import annotations

import io

import pytest
import variables
from role_files import ROOT, entry_points, specs

MARKERS = f"{variables.BEGIN}\n{variables.END}\n"


@pytest.fixture
def tree(tmp_path):
    """A checkout with the roles of this one, and pages that hold nothing but their markers."""
    (tmp_path / "roles").symlink_to(ROOT / "roles")
    (tmp_path / "docs").mkdir()
    for page in ("README.md", "docs/variables.md"):
        (tmp_path / page).write_text(f"above\n{MARKERS}below\n")
    return tmp_path


def run(tree, *arguments):
    out, err = io.StringIO(), io.StringIO()
    return variables.main(arguments, out, err, tree), out.getvalue(), err.getvalue()


def test_stale_pages_are_named_with_the_remedy_and_left_alone(tree):
    assert run(tree, "--check") == (
        1,
        "",
        "variables.py: the tables in README.md, docs/variables.md are not what the argument specs say; "
        "run `make docs`.\n",
    )
    assert (tree / "README.md").read_text() == f"above\n{MARKERS}below\n"


def test_written_pages_are_current_and_writing_again_changes_nothing(tree):
    assert run(tree, "--write") == (0, "variables.py: wrote README.md, docs/variables.md\n", "")
    before = (tree / "docs/variables.md").read_text()
    assert run(tree, "--check") == (0, "", "")
    assert run(tree, "--write") == (0, "variables.py: the tables are current\n", "")
    assert (tree / "docs/variables.md").read_text() == before
    assert before.startswith("above\n")
    assert before.endswith("\nbelow\n")


def test_a_changed_word_makes_a_page_stale(tree):
    run(tree, "--write")
    page = tree / "docs/variables.md"
    page.write_text(page.read_text().replace("rabbitmq_heartbeat", "rabbitmq_hartbeat"))
    code, _, said = run(tree, "--check")
    assert (code, "docs/variables.md" in said, "README.md" in said) == (1, True, False)


@pytest.mark.parametrize("text", ["", variables.BEGIN, variables.END + variables.BEGIN, MARKERS * 2])
def test_a_page_without_its_markers_is_refused_and_left_alone(tree, text):
    (tree / "README.md").write_text(text)
    code, _, said = run(tree, "--write")
    assert (code, "README.md: one line" in said) == (65, True)
    assert (tree / "README.md").read_text() == text


@pytest.mark.parametrize(("role", "entry"), entry_points())
def test_every_variable_is_in_the_page(tree, role, entry):
    run(tree, "--write")
    page = (tree / "docs/variables.md").read_text()
    assert f"## {role}\n" in page
    for name in specs(role)[entry].get("options") or {}:
        assert f"| `{name}`" in page


def test_options_of_items_are_there_with_their_path():
    page = variables.role_section("rabbitmq_topology", specs("rabbitmq_topology"))
    assert "Items of `rabbitmq_topology_users[].permissions`:" in page


@pytest.mark.parametrize(
    ("option", "kind", "meaning"),
    [
        ({"type": "str", "required": True, "description": "A."}, "str, **required**", "A."),
        ({"type": "str", "default": "", "description": "A."}, "str, `''`", "A."),
        ({"type": "bool", "default": False, "description": ["A.", "B."]}, "bool, `false`", "A. B."),
        (
            {"type": "list", "elements": "str", "default": ["x"], "description": "A."},
            'list of str, `["x"]`',
            "A.",
        ),
        ({"type": "str", "choices": ["x", ""], "description": "A."}, "str", "A. One of `x`, `''`."),
        ({"type": "str", "choices": ["x"], "description": "`x`: yes."}, "str", "`x`: yes."),
        ({"type": "str", "description": "See C(x) and\n  O(y)."}, "str", "See `x` and `y`."),
    ],
)
def test_an_option_is_described_by_type_default_and_meaning(option, kind, meaning):
    assert (variables.kind(option), variables.meaning(option)) == (kind, meaning)


def test_a_bar_does_not_break_the_table():
    assert "a \\| b" in variables.table({"x": {"type": "str", "description": "a | b"}})
