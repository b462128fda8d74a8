"""Failures that an operator sees: one sentence, a remedy and an exit code."""

from __future__ import annotations

OK = 0
FAILED = 1
USAGE = 64  # numbers of sysexits.h
NOT_FROZEN = 66
UNAVAILABLE = 69
CHANGED = 75
NO_PERMISSION = 77


class TestbedError(Exception):
    """Something the test bed cannot do, as a sentence with its remedy."""

    # pytest would otherwise take the name for a class of tests
    __test__ = False

    def __init__(self, sentence: str, code: int = FAILED) -> None:
        super().__init__(sentence)
        self.code = code
