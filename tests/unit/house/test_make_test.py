"""The parts of `make test` and `make drills`: which run side by side, what their hosts need, how they end."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from role_files import ROOT
from testing import failures, parts
from testing.parts import DRILLS, PARTS, SOAKS, TARGETS, Part, Shared
from testing.runner import Runner

HOSTS = Shared("some hosts", make=(("make",),), remove=(("remove",),))
FIRST = Part("first", "", 10, (("true",),), first=True)
SECOND = Part("second", "", 10, (("true",),), first=True)
MAKER = Part("maker", "", 10, (("true",),), leaves=HOSTS)
USER = Part("user", "", 10, (("true",),), uses=HOSTS)
OTHER_USER = Part("other-user", "", 10, (("true",),), uses=HOSTS)
FREE = Part("free", "", 10, (("true",),))
MORE = Part("more", "", 10, (("true",),))


def test_names_choose_parts_and_none_chooses_all() -> None:
    assert parts.named([], PARTS) == list(PARTS)
    assert [part.name for part in parts.named(["images", "check"], PARTS)] == ["check", "images"]


@pytest.mark.parametrize(("flags", "known"), [((), PARTS), (("--drills",), DRILLS), (("--soak",), SOAKS)])
def test_a_part_that_there_is_not_is_refused_with_those_that_there_are(
    flags: tuple[str, ...], known: tuple[Part, ...]
) -> None:
    command = [ROOT / "scripts/test", *flags, "topologyy"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 64 and done.stdout == ""
    names = ", ".join(part.name for part in known)
    refusal = f"ONLY is 'topologyy', and there is no part topologyy: give one or more of {names}."
    assert refusal in done.stderr


@pytest.mark.parametrize(("target", "known"), TARGETS.items())
def test_make_help_names_every_part(target: str, known: tuple[Part, ...]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = re.search(rf"^{target}:.*ONLY=part runs one of (.*)$", makefile, re.MULTILINE)
    assert told and told[1].split(", ") == [part.name for part in known]


def test_the_documentation_has_every_part_and_where_its_tests_are() -> None:
    text = (ROOT / "docs/testing.md").read_text(encoding="utf-8")
    rooms = re.split(r"\n## (?:Drills|Under load)\n", text)
    for part, known in zip(rooms, (PARTS, DRILLS[1:], SOAKS[1:]), strict=True):
        assert re.findall(r"^\| `([a-z-]+)` \|", part, re.MULTILINE) == [one.name for one in known]
    assert all((ROOT / folder).is_dir() for folder in re.findall(r"`(tests/hosts/[a-z_]+)`", text))


def test_every_folder_of_tests_on_hosts_is_in_a_part() -> None:
    run = " ".join(word for part in PARTS for command in part.commands for word in command)
    folders = {
        f"tests/hosts/{path.name}"
        for path in (ROOT / "tests/hosts").iterdir()
        if list(path.glob("test_*.py"))
    }
    assert {folder for folder in folders if folder not in run} == set()


def test_a_drill_is_left_out_of_make_test_and_run_by_make_drills() -> None:
    def folders(parts: tuple[Part, ...], *wanted: str) -> set[str]:
        commands = [command for part in parts for command in part.commands if set(wanted) <= {*command}]
        return {word for command in commands for word in command if word.startswith("tests/hosts/")}

    files = (ROOT / "tests/hosts").glob("*/test_*.py")
    drilled = {file.parent.name for file in files if "mark.drill" in file.read_text(encoding="utf-8")}
    assert drilled
    for folder in (f"tests/hosts/{name}" for name in drilled):
        assert folder in folders(DRILLS, "-m", "drill")
        assert folder in folders(PARTS, *parts.BRIEF)
    assert folders(DRILLS, parts.INTERRUPTED) and folders(DRILLS, *parts.ALIKE)


def test_names_of_parts_are_their_own_and_shared_hosts_have_one_maker() -> None:
    for known in TARGETS.values():
        assert len({part.name for part in known}) == len(known)
    used = {part.uses for part in PARTS if part.uses}
    assert [part.leaves for part in PARTS if part.leaves] == list(used)


def test_two_parts_run_side_by_side_in_their_order() -> None:
    assert parts.startable([FREE, MORE, MAKER], []) == [FREE, MORE]
    assert parts.startable([MORE, MAKER], [FREE]) == [MORE]
    assert parts.startable([MAKER], [FREE, MORE]) == []


def test_what_is_first_runs_side_by_side_and_before_all_others() -> None:
    assert parts.startable([FIRST, SECOND, FREE], []) == [FIRST, SECOND]
    assert parts.startable([FREE, MORE, FIRST], []) == [FIRST]
    assert parts.startable([FREE], [FIRST]) == []
    assert parts.startable([FREE, SECOND], [FIRST]) == [SECOND]
    assert parts.startable([FREE, MORE], []) == [FREE, MORE]


def test_checks_and_images_are_first() -> None:
    assert parts.startable(PARTS, []) == parts.named(["check", "images"], PARTS)


def test_who_uses_hosts_waits_until_they_are_made_and_for_who_is_busy_with_them() -> None:
    assert parts.startable([MAKER, USER, FREE], []) == [MAKER, FREE]
    assert parts.startable([USER, FREE], [MAKER]) == [FREE]
    assert parts.startable([USER, OTHER_USER, FREE], []) == [USER, FREE]
    assert parts.startable([OTHER_USER], [USER]) == []
    assert parts.startable([OTHER_USER], [FREE]) == [OTHER_USER]


def test_hosts_are_made_for_the_first_that_uses_them_where_no_part_leaves_them() -> None:
    assert parts.steps_before(USER, [MAKER, USER]) == ()
    assert parts.steps_before(USER, [USER, OTHER_USER]) == HOSTS.make
    assert parts.steps_before(OTHER_USER, [USER, OTHER_USER]) == ()
    assert parts.steps_before(FREE, [FREE]) == ()


def test_hosts_are_removed_after_the_last_that_has_to_do_with_them() -> None:
    assert parts.steps_after(MAKER, [FREE]) == HOSTS.remove
    assert parts.steps_after(MAKER, [USER]) == ()
    assert parts.steps_after(USER, [OTHER_USER]) == ()
    assert parts.steps_after(OTHER_USER, [FREE]) == HOSTS.remove


def run(capsys: pytest.CaptureFixture[str], *chosen: Part) -> tuple[bool, str]:
    passed = Runner(chosen).run()
    return passed, capsys.readouterr().out


def test_output_bears_the_parts_name_and_the_end_says_what_each_took(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slow = Part("slow", "", 0, (("sleep", "1"),))
    loud = Part(
        "loud", "", 10, (("sh", "-c", "echo to you; echo and you >&2; echo $WHAT"),), {"WHAT": "that"}
    )
    passed, output = run(capsys, slow, loud)
    assert passed
    assert "loud | to you\n" in output and "loud | and you\n" in output and "loud | that\n" in output
    assert re.search(r"^slow +0 +1  over$", output, re.MULTILINE)
    assert re.search(r"^loud +10 +\d$", output, re.MULTILINE)


def test_after_a_part_that_fails_none_begins_and_the_table_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = Part("broken", "", 10, (("false",), ("echo", "not reached")), uses=HOSTS)
    broken_hosts = Shared("some hosts", make=(("echo", "made"),), remove=(("echo", "removed"),))
    broken = Part("broken", "", 10, (("false",), ("echo", "not reached")), uses=broken_hosts, first=True)
    passed, output = run(capsys, broken, FREE)
    assert not passed
    assert "broken | made" in output and "not reached" not in output and "removed" not in output
    assert re.search(r"^broken +10 +0  FAILED$", output, re.MULTILINE)
    assert re.search(r"^free +10 +-  not run$", output, re.MULTILINE)


def test_a_command_that_there_is_not_fails_its_part(capsys: pytest.CaptureFixture[str]) -> None:
    passed, output = run(capsys, Part("lost", "", 10, (("no-such-program",),)))
    assert not passed and "no-such-program" in output


PYTEST = """\
..F.
=================================== FAILURES ===================================
______________________________ test_it_works ___________________________________
    def test_it_works() -> None:
>       hosts.wait_for("the stop", lambda: None)
E       AssertionError: waited 30 s in vain for the stop
tests/support/hosts.py:47: AssertionError
=========================== short test summary info ============================
FAILED tests/hosts/x/test_x.py::test_it_works - AssertionError: waited 30 s in vain for the stop
ERROR tests/hosts/x/test_y.py::test_other - KeyError: 'state'
1 failed, 3 passed, 1 error in 5.00s
"""


def test_the_end_of_the_output_names_the_test_that_failed_and_its_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = tmp_path / "said"
    said.write_text(PYTEST, encoding="utf-8")
    passed, output = run(capsys, Part("ill", "", 10, (("cat", str(said)), ("false",))), FREE)
    assert not passed
    _, after = output.split("seconds of each part")
    assert (
        "ill FAILED:\nill | E       AssertionError: waited 30 s in vain for the stop\nill | FAILED " in after
    )
    assert "def test_it_works" not in after
    names = "tests/hosts/x/test_x.py::test_it_works, tests/hosts/x/test_y.py::test_other"
    assert output.splitlines()[-1].startswith(f"== test: FAILED: ill ({names})")


def test_where_no_test_is_named_the_last_lines_are_told() -> None:
    assert failures.told([f"line {number}" for number in range(40)]) == [f"line {n}" for n in range(15, 40)]
    assert failures.failed_tests(["FAILED", "ERROR of mine"]) == []
    assert failures.told([]) == []


def test_an_error_of_ansible_is_told_with_what_follows_it() -> None:
    fatal = ["fatal: [v-sid]: FAILED! =>", "    changed: false", "    msg: |-", "        it does not boot"]
    assert failures.told(["TASK [x]", "ok: [v-3-8]", *fatal]) == fatal
    lines = [
        *fatal,
        "",
        *(f"line {number}" for number in range(9)),
        "check: unit           FAILED",
        "E   x",
        "y",
    ]
    assert failures.told(lines) == [*fatal, "line 0", "line 1", "check: unit           FAILED", "E   x"]


def test_of_a_run_of_ansible_in_a_test_what_failed_is_told() -> None:
    run = [
        *(f"E       ok {number}" for number in range(99)),
        "E       fatal: [re-4-0]: FAILED!",
        "E         * why",
    ]
    assert failures.told([">   x", *run, "a.py:1: AssertionError"]) == [*run[:6], *run[-2:]]


def test_no_error_is_so_long_that_another_or_the_name_is_not_told() -> None:
    lines = [f"E   one {number}" for number in range(900)] + [">   x"] + [f"E   two {'x' * 900}"]
    told = failures.told([*lines, *(f"FAILED a.py::test_{number} - E" for number in range(12))])
    assert [line[:9] for line in told[:8]] == [*(f"E   one {n}" for n in range(6)), "E   two x", "FAILED a."]
    assert len(told) == 19 and max(map(len, told)) == 300
    assert len(failures.told([f"FAILED a.py::test_{number} - E" for number in range(60)] + lines)) == 25


def test_a_long_list_of_failed_tests_is_cut() -> None:
    assert failures.enough([]) == ""
    assert failures.enough(["a", "b"]) == "a, b"
    assert failures.enough([str(n) for n in range(8)]) == "0, 1, 2, 3, 4 and 3 more"
