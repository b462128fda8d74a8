"""make mutants: the sample depends on the seed alone, the checkout is left alone, and what survives is shown."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import mutants
import pytest
import yaml
from role_files import ROOT
from testing import imports, mutations
from testing.trials import Verdict

MODULE = "plugins/module_utils/brokers/sums.py"
CODE = """from __future__ import annotations


def larger(one: int | None, other: int) -> int:
    return one if one > other else other


def nobody_asks(flag: bool) -> int:
    return 1 if flag else 0
"""
TEST = """import subprocess

from brokers.sums import larger


def test_the_larger_one():
    assert (larger(1, 2), larger(3, 2), larger(-1, 0)) == (2, 3, 0)


def test_that_needs_a_checkout():
    assert subprocess.check_output(["git", "ls-files", "scripts"])
"""
EQUIVALENT = [
    {
        "path": MODULE,
        "was": "return one if one > other else other",
        "now": "return one if one >= other else other",
        "why": "of two equal numbers either may be returned",
    }
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one module, a test of half of it, and the mutation tester."""
    for name in ("scripts/mutants.py", "scripts/testing", "tests/unit/conftest.py", "pyproject.toml"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, target)
    for name, text in ((MODULE, CODE), ("tests/unit/test_sums.py", TEST)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "tests/unit/equivalent_mutants.yml").write_text(yaml.safe_dump(EQUIVALENT))
    subprocess.run(["git", "init", "-q", tmp_path], check=True, timeout=30)
    return tmp_path


def run(project: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, project / "scripts/mutants.py", "--only", "sums", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_what_survives_is_shown_as_a_diff_and_the_checkout_is_as_it_was(project):
    code, output = run(project)
    assert code == 1
    assert f"--- a/{MODULE}" in output and "-    return 1 if flag else 0" in output
    assert f"{MODULE}:9: not by tests/unit/test_sums.py" in output
    assert "-    return one" not in output, (
        "what a test catches is no survivor, nor what is known as equivalent"
    )
    caught, total = map(int, output.splitlines()[-1].removeprefix("caught ").split(" of "))
    assert 0 < caught < total
    assert (project / MODULE).read_text() == CODE


@pytest.mark.parametrize(("caught", "share", "code"), [(9, 0.9, 0), (8, 0.9, 1), (8, 0.8, 0), (10, 1.0, 0)])
def test_the_exit_code_is_by_the_share_that_was_caught(caught, share, code, capsys):
    mutant = mutations.Mutant("scripts/mutants.py", 1, "a", "b", "")
    verdicts = [Verdict(mutant, number < caught, "", (), 0) for number in range(10)]
    assert mutants.report(verdicts, share) == code
    assert capsys.readouterr().out.splitlines()[-1] == f"caught {caught} of 10"


def test_a_test_that_fails_anyway_catches_nothing(project):
    (project / "tests/unit/test_sums.py").write_text(TEST + "    assert False\n")
    code, output = run(project, "--sample", "1")
    assert code == 1 and "fails without a mutant too" in output
    assert output.splitlines()[-1] == "caught 0 of 1"


def test_a_file_that_is_not_mutated_is_refused():
    command = [sys.executable, ROOT / "scripts/mutants.py", "--only", "smoke.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 64 and "--only is 'smoke.py'" in done.stderr


def titles(seed: int) -> list[str]:
    return [mutant.title.partition(": ")[2] for mutant in mutations.sample(mutations.places(MODULE), seed, 3)]


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.setattr(mutations, "ROOT", tmp_path)
    (tmp_path / MODULE).parent.mkdir(parents=True)
    (tmp_path / MODULE).write_text(CODE)
    return tmp_path / MODULE


def test_a_seed_gives_one_sample_also_after_lines_have_moved(module):
    first = titles(1)
    assert len(first) == 3 and titles(1) == first
    assert any(titles(seed) != first for seed in range(2, 6))
    module.write_text(CODE.replace("\n\n\ndef larger", "\n\nNEW = 1 + 2\n\n\ndef larger"))
    assert set(titles(1)) & set(first)


def test_annotations_are_no_places_unless_python_evaluates_them(module):
    assert not any(place.start[1] < 40 and place.line.startswith("def") for place in mutations.places(MODULE))
    module.write_text(CODE.replace("from __future__ import annotations\n", ""))
    assert any(place.line.startswith("def") for place in mutations.places(MODULE))


def test_identity_never_stands_for_equality(module):
    module.write_text("def same(one, other):\n    return one == other or one is other\n")
    (equal, both, identical) = mutations.places(MODULE)
    assert both.changes and identical.changes
    assert not [name for name, _ in equal.changes if name.endswith(("_Is", "_IsNot"))]


def test_the_nearest_tests_come_first_also_by_way_of_others():
    graph = {
        "tests/unit/a/test_far.py": frozenset({"plugins/b.py"}),
        "tests/unit/a/test_near.py": frozenset({"plugins/a.py"}),
        "tests/unit/a/test_none.py": frozenset(),
        "plugins/b.py": frozenset({"plugins/a.py"}),
        "plugins/a.py": frozenset({"plugins/b.py"}),
    }
    assert imports.tests_of("plugins/a.py", 8, graph) == [
        "tests/unit/a/test_near.py",
        "tests/unit/a/test_far.py",
    ]
    assert imports.tests_of("plugins/a.py", 1, graph) == ["tests/unit/a/test_near.py"]


def test_every_form_of_an_import_is_seen():
    source = "import a.b\nfrom . import c\nfrom ..d import e\n"
    found = set(imports.names(source, "top.sub"))
    assert {"a.b", "top.sub.c", "top.d", "top.d.e"} <= found
    prefix = "ansible_collections.brokerkit.brokers.plugins.module_utils.brokers"
    assert "brokers.host.facts" in imports.names(f"from {prefix}.host import facts\n")


def test_equivalent_mutants_are_of_lines_that_there_still_are():
    for entry in yaml.safe_load((ROOT / "tests/unit/equivalent_mutants.yml").read_text()) or []:
        code = (ROOT / entry["path"]).read_text()
        assert entry["was"] in code, f"{entry['path']} has no line {entry['was']!r} any more; drop its entry"
        assert entry["why"]
