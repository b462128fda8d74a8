"""What an answer of the API means for the message."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import Any


class Outcome(Enum):
    """What becomes of a message."""

    DONE = "done"  # acknowledged
    NEVER = "never"  # a dead letter
    LATER = "later"  # tried again after a wait
    STOP = "stop"  # back into its queue, and the relay takes no more


# A status by itself beats the class that it is in, and an operator's word beats both. A redirect is not followed: what
# was moved for one message was moved for all, so it is for the operator to correct, as a wrong password is.
DEFAULTS: Mapping[str, Outcome] = {
    "2xx": Outcome.DONE,
    "3xx": Outcome.STOP,
    "4xx": Outcome.NEVER,
    "5xx": Outcome.LATER,
    "401": Outcome.STOP,
    "403": Outcome.STOP,
    "407": Outcome.STOP,
    "408": Outcome.LATER,
    "425": Outcome.LATER,
    "429": Outcome.LATER,
}
_CLASS, _STATUS = re.compile(r"[2-5]xx\Z"), re.compile(r"[2-5][0-9][0-9]\Z")


@dataclass(frozen=True)
class Table:
    """Outcomes by status ('404') or class ('5xx')."""

    rows: Mapping[str, Outcome]

    def of(self, status: int) -> Outcome:
        """Return what this status means; one that HTTP does not have means never."""
        return self.rows.get(str(status)) or self.rows.get(f"{status // 100}xx") or Outcome.NEVER


def key(word: Any) -> str | None:
    """Return a status or a class of a declaration as a table has it; None for anything else."""
    text = "" if isinstance(word, bool) else str(word).strip().lower()
    return text if _CLASS.match(text) or _STATUS.match(text) else None


def table(declared: Mapping[str, Sequence[Any]]) -> Table:
    """Return the defaults with what an operator declared over them: outcome's name -> statuses and classes."""
    rows = dict(DEFAULTS)
    own = {key(word): Outcome(name) for name, words in declared.items() for word in words}
    # A class that is declared speaks for the statuses of which only the defaults say something.
    for one in list(rows):
        if f"{one[0]}xx" in own:
            rows.pop(one)
    rows.update({one: outcome for one, outcome in own.items() if one})
    return Table(rows)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Return the seconds for which a header Retry-After asks, as a number or until a date; None if it does not."""
    text = (header or "").strip()
    if re.match(r"[0-9]{1,9}\Z", text):
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - now).total_seconds())
