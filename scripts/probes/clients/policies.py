"""The policies in force on a probe's queues, asked of RabbitMQ where a message or a queue is not where it has to be.

A policy with a TTL of 0 looks like a broker that loses messages, one that expires queues like dead bindings.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from probes.model import (
    Astray,
    Context,
    DeadlineExceeded,
    Dropped,
    Failed,
    NotProven,
    ProbeStop,
    Unreachable,
)

# Probes need a handful of small messages for as long as they run; what is smaller than this may take them away.
_SHORT_MS = 60_000
_FEW_MESSAGES = 16
_FEW_BYTES = 4096


@dataclass(frozen=True)
class Rule:
    """One key of one policy."""

    policy: str
    operator: bool
    pattern: str
    key: str
    value: Any
    overflow: str = "drop-head"

    def __str__(self) -> str:
        return f"{self.key} {self.value}"


def _lifetime(rule: Rule) -> str:
    when = f"after {rule.value} ms" if rule.value else "at once"
    return f"a message that no consumer waits for expires {when}"


def _disuse(rule: Rule) -> str:
    return f"a queue that nobody uses for {rule.value} ms is deleted"


def _length(rule: Rule) -> str:
    end = "refused" if "reject" in rule.overflow else "dropped, the oldest first"
    return f"messages beyond that are {end}"


def _alternative(rule: Rule) -> str:
    return f"what no binding takes goes to the exchange {rule.value} instead of back to its sender"


# A key's effect on a probe, and the value from which on it is harmless.
_TO_QUEUES: Mapping[str, tuple[float, Callable[[Rule], str]]] = {
    "message-ttl": (_SHORT_MS, _lifetime),
    "expires": (_SHORT_MS, _disuse),
    "max-length": (_FEW_MESSAGES, _length),
    "max-length-bytes": (_FEW_BYTES, _length),
}
_TO_EXCHANGES: Mapping[str, Callable[[Rule], str]] = {"alternate-exchange": _alternative}


@contextlib.contextmanager
def blamed(context: Context) -> Iterator[None]:
    """Name the policy that removed what a probe misses; without one, keep the probe's own words."""
    try:
        yield
    except (Astray, Dropped) as stop:
        if context.broker.kind != "rabbitmq":
            raise
        raise _explained(context, stop) from stop


def _explained(context: Context, stop: Astray | Dropped) -> ProbeStop:
    finding = stop.finding
    plainly = (
        Failed if isinstance(stop, Astray) else NotProven
    )  # so that a session around this one does not ask again
    rules = in_force(context, stop.of_exchange)
    if rules:
        return Failed(finding.came_back, *_named(context.broker.vhost, rules, stop.of_exchange))
    if rules is not None:
        return plainly(finding.came_back, finding.meaning, finding.remedy)
    where = shlex.quote(context.broker.vhost)
    key = "an alternate exchange" if stop.of_exchange else "a TTL, an expiry or a length limit"
    return plainly(
        finding.came_back,
        f"{finding.meaning} Or a policy does it, with {key}; nobody could be asked.",
        f"Look at the policies (`rabbitmqctl list_policies -p {where}`, and list_operator_policies likewise). "
        f"If it is none of them: {finding.remedy[0].lower()}{finding.remedy[1:]}",
    )


def _named(vhost: str, rules: list[Rule], of_exchange: bool) -> tuple[str, str]:
    """Return meaning and remedy of the policy that the first of `rules` belongs to."""
    first = rules[0]
    mine = [rule for rule in rules if (rule.policy, rule.operator) == (first.policy, first.operator)]
    effects = [
        _TO_EXCHANGES[rule.key](rule) if of_exchange else _TO_QUEUES[rule.key][1](rule) for rule in mine
    ]
    kind, listing = (
        ("operator policy", "list_operator_policies") if first.operator else ("policy", "list_policies")
    )
    return (
        f"The {kind} {first.policy} of the vhost {vhost} gives the probe's {'exchange' if of_exchange else 'queue'} "
        f"{' and '.join(map(str, mine))}: {'; '.join(dict.fromkeys(effects))}.",
        f"Keep names that begin with brokerkit.smoke. out of its pattern {first.pattern!r}, or give the probes a vhost "
        f"of their own (endpoint_vhost); `rabbitmqctl {listing} -p {shlex.quote(vhost)}` shows it.",
    )


def in_force(context: Context, of_exchange: bool = False) -> list[Rule] | None:
    """Return the harmful effects of policies on the probe's queues (or exchanges); None if unknown."""
    from probes.clients import management as api

    if "management" not in context.broker.endpoints:
        return None
    vhost, kind = api.segment(context.broker.vhost), "exchanges" if of_exchange else "queues"
    mine = f"page=1&page_size=100&name={api.segment(context.prefix)}"
    try:
        lists = {operator: api.get(context, f"/api/{path}/{vhost}") for operator, path in _LISTS.items()}
        found = api.get(context, f"/api/{kind}/{vhost}?{mine}")["items"]
    except (Failed, NotProven, Unreachable, DeadlineExceeded):
        return None
    names = {(False, one.get("policy")) for one in found} | {
        (True, one.get("operator_policy")) for one in found
    }
    if names <= {(False, None), (True, None)}:
        # The queue is gone, or younger than the API's figures (5 s): the broker has chosen by this rule.
        names = {
            (operator, _chosen(policies, f"{context.prefix}.q", of_exchange))
            for operator, policies in lists.items()
        }
    return [
        rule
        for operator, policies in lists.items()
        for policy in policies
        if (operator, policy["name"]) in names
        for rule in harmful(policy, operator, of_exchange)
    ]


_LISTS = {False: "policies", True: "operator-policies"}


def _chosen(policies: Iterable[Mapping[str, Any]], name: str, of_exchange: bool) -> str | None:
    """Return the name of the policy that RabbitMQ applies: of those that fit, the one of the highest priority."""
    kinds = ("all", "exchanges") if of_exchange else ("all", "queues", "classic_queues")
    fits = []
    for policy in policies:
        with contextlib.suppress(re.error):  # some of Erlang's patterns are unknown to Python
            if policy.get("apply-to") in kinds and re.search(policy["pattern"], name):
                fits.append(policy)
    return max(fits, key=lambda policy: policy.get("priority", 0))["name"] if fits else None


def harmful(policy: Mapping[str, Any], operator: bool, of_exchange: bool) -> list[Rule]:
    """Return the keys of a policy that can take a probe's message or queue away, or keep it from coming back. Pure."""
    definition = policy["definition"]
    overflow = str(definition.get("overflow", "drop-head"))
    rules = [
        Rule(policy["name"], operator, policy["pattern"], key, value, overflow)
        for key, value in definition.items()
    ]
    if of_exchange:
        return [rule for rule in rules if rule.key in _TO_EXCHANGES]
    return [
        rule
        for rule in rules
        if rule.key in _TO_QUEUES
        and isinstance(rule.value, int | float)
        and rule.value < _TO_QUEUES[rule.key][0]
    ]
