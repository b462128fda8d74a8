"""One question to the node of this host: its answer, or why there is none, as a sentence for an operator."""

from __future__ import annotations

import socket
from typing import Any

from ..host import facts
from . import evaluation, tools


class Unasked(Exception):
    """The node gave no answer; the message is a sentence with what helps."""


def host() -> str:
    """Return the short name of this host, with which sentences about it begin."""
    return socket.gethostname().split(".")[0]


def ask(code: str, seconds: float, unit: str) -> Any:
    """Return the value of a snippet that ends in `Answer = ...` (evaluation.py) as plain data.

    `unit` is the systemd unit of the node, which has `seconds` for its answer.

    :raises Unasked: when it is not running, does not answer in time, or answers with something else.
    """
    try:
        trouble = tools.of_the_unit(unit, facts.unit(unit))
        if trouble is None:
            said = tools.run(evaluation.command(code), seconds)
            if said.code == 0:
                return evaluation.value(said.output)
            trouble = tools.of_the_words(said, seconds)
    except FileNotFoundError as error:
        trouble = tools.Trouble(False, f"cannot run: '{error.filename}' is missing", "install it again")
    except evaluation.Unanswered as error:
        trouble = tools.Trouble(True, f"said what nobody can read: {error}", "try again")
    raise Unasked(tools.sentence(host(), ["rabbitmqctl", "eval"], trouble))
