"""The list of probes, and their selection by name."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module

from probes.model import ExitCode, Phase, Probe, ProbeFunction, Refusal

# In the order of the report. Importing them is cheap: pika, stomp.py and http.client are loaded by the
# clients when the first probe connects.
MODULES: tuple[str, ...] = (
    "rabbitmq.amqp",
    "rabbitmq.routing",
    "both.stomp",
    "both.tls",
    "both.relays",
    "both.relay_pages",
    "rabbitmq.management",
    "rabbitmq.clusters",
    "rabbitmq.negative",
    "rabbitmq.durability",
    "activemq.destinations",
    "activemq.messages",
    "activemq.access",
    "activemq.metrics",
    "activemq.durability",
    "activemq.pairs",
)

_PROBES: dict[str, Probe] = {}


def probe(
    name: str,
    *,
    proves: str,
    needs: Sequence[str],
    notes: Sequence[str] = (),
    kinds: Iterable[str] = ("rabbitmq",),
    phase: Phase = Phase.ALWAYS,
    of_slaves: bool = False,
    of_members: bool = False,
    of_relays: bool = False,
) -> Callable[[ProbeFunction], ProbeFunction]:
    """Declare the decorated function as the probe `name`.

    The function returns one sentence when the broker passes, raises Failed, NotProven or Unreachable when it
    does not, and NotApplicable when there is nothing to prove.
    """

    def declare(function: ProbeFunction) -> ProbeFunction:
        _PROBES[name] = Probe(
            *(name, proves, function, tuple(needs), tuple(notes), frozenset(kinds), phase),
            *(of_slaves, of_members, of_relays),
        )
        return function

    return declare


def all_probes() -> list[Probe]:
    """Return every declared probe in the order of the report."""
    for module in MODULES:
        import_module(f"probes.{module}")
    return list(_PROBES.values())


def select(
    probes: Sequence[Probe], only: Sequence[str], skip: Sequence[str], phase: Phase = Phase.ALWAYS
) -> list[Probe]:
    """Return the probes of `phase` that `only` names (all, if it is empty) and `skip` does not.

    A name is a probe (`amqp.confirm`), a group of them (`amqp`, `negative.guest`) or a pattern (`*.guest.*`).
    Raises Refusal for a name that fits no probe, with the nearest names, and when nothing is left.
    """
    candidates = [one for one in probes if one.phase is phase]
    chosen = _named(candidates, only, "--only") if only else {one.name for one in candidates}
    dropped = _named(candidates, skip, "--skip")
    left = [one for one in candidates if one.name in chosen and one.name not in dropped]
    if not left:
        raise Refusal(
            ExitCode.USAGE, "--only and --skip leave no probe to run; `--list` shows the probes there are."
        )
    return left


def _named(probes: Sequence[Probe], patterns: Sequence[str], option: str) -> set[str]:
    names = [one.name for one in probes]
    found: set[str] = set()
    for pattern in patterns:
        fits = {name for name in names if _fits(name, pattern)}
        if not fits:
            raise Refusal(
                ExitCode.USAGE, f"{option} {pattern}: no probe has that name{_near(pattern, names)}"
            )
        found |= fits
    return found


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or name.startswith(f"{pattern}.") or fnmatch.fnmatchcase(name, pattern)


def _near(pattern: str, names: Sequence[str]) -> str:
    groups = {".".join(name.split(".")[:depth]) for name in names for depth in (1, 2)}
    near = difflib.get_close_matches(pattern, sorted(groups.union(names)), n=3)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return "; `--list` shows the probes there are."
