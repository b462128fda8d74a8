"""How clients come back: which member is next, and after which pause."""

from __future__ import annotations

_PAUSES = (0.05, 0.1, 0.2, 0.4)  # once every member was tried; the last one for good


class Turns:
    """The members of a cluster, one after the other."""

    def __init__(self, members: int, first: int) -> None:
        self._members = members
        self._turn = first
        self._failures = 0

    def member(self) -> int:
        """Return the number of the member to connect to now; the next one is for the next time."""
        turn = self._turn % self._members
        self._turn += 1
        return turn

    def served(self) -> None:
        """The connection is good: what failed before is forgotten."""
        self._failures = 0

    def pause(self) -> float:
        """Return the seconds to wait after a failure: none until every member was tried."""
        rounds = self._failures // self._members
        self._failures += 1
        return 0.0 if rounds == 0 else _PAUSES[min(rounds, len(_PAUSES)) - 1]
