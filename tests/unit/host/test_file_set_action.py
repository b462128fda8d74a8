"""What the action broker_files makes of an entry before the module sees it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail
from templating import filled

PLACE = {"path": "/etc/x", "mode": "0640"}


def read(entry):
    return filled(entry, lambda name: f"rendered {name}", lambda name: f"as it is: {name}")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"content": "x\n"}, {"content": "x\n"}),
        ({"secret_content": "x\n"}, {"secret_content": "x\n"}),
        ({"template": "x.j2"}, {"content": "rendered x.j2"}),
        ({"source": "x"}, {"content": "as it is: x"}),
        ({"template": "x.j2", "secret": True}, {"secret": True, "secret_content": "rendered x.j2"}),
        ({"content": "", "secret": False}, {"secret": False, "content": ""}),
        ({"template": "x.j2", "wanted": True}, {"content": "rendered x.j2"}),
    ],
)
def test_a_text_comes_from_one_place(given, text):
    assert read({**PLACE, **given}) == {**PLACE, **text}


@pytest.mark.parametrize("given", [{}, {"content": None}, {"secret": True}])
def test_an_entry_without_a_text_is_an_absent_file(given):
    assert read({**PLACE, **given}) == {**PLACE, **given, "content": None}


def test_what_is_not_wanted_is_absent_and_is_not_read():
    def unread(name):
        raise AssertionError(name)

    for text in ({"template": "x.j2"}, {"source": "x"}, {"content": "x"}):
        entry = {**PLACE, **text, "wanted": False, "secret": True}
        assert filled(entry, unread, unread) == {**PLACE, "secret": True, "content": None}


def test_two_texts_are_refused_by_name():
    with pytest.raises(AnsibleActionFail, match="/etc/x has content and template"):
        read({**PLACE, "content": "x", "template": "x.j2"})
