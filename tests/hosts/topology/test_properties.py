"""Whatever is declared: once applied there is nothing to do, in any order, and nothing after it was adopted."""

from __future__ import annotations

import json
import random
from contextlib import closing
from typing import Any

from brokers.topology import adopt
from brokers_under_test import Broker
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

# Few examples, because each is many requests; from one seed, so that a failure comes again.
EXAMPLES = settings(
    max_examples=20, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
# Names as they occur in the field: slashes, percent signs, spaces, newlines, quotes, any script.
NAMES = st.one_of(
    st.sampled_from(["a/b", "100 %", "new\nline", "a b", 'q"uote', "ünï", "名前", "a.b-c_d", "%2F"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00,"), min_size=1, max_size=10),
).map(lambda name: f"bk {name}")
PATTERNS = st.sampled_from(["", "^$", ".*", "^a", "^(a|b)$"])
TAGS = st.lists(st.sampled_from(["monitoring", "management", "policymaker"]), unique=True)
VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**31), 2**31),
        st.text(st.characters(exclude_categories=["C"]), max_size=6),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    ),
    max_leaves=4,
)


def some(items: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=most, unique=True)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """A document of every kind that each version has; only its last virtual hosts and users are bare."""
    homes = draw(st.lists(NAMES, min_size=1, max_size=2, unique=True))
    people = draw(some(NAMES, 2))
    document: dict[str, list[dict[str, Any]]] = {
        "vhosts": [{"name": name, **draw(optional(tracing=st.booleans()))} for name in homes],
        "vhost_limits": [{"vhost": homes[0], "name": "max-queues", "value": draw(st.integers(50, 99))}],
        "users": [{"name": name, **draw(optional(password=NAMES, tags=TAGS))} for name in people],
        "permissions": [
            {"user": user, "vhost": home, **draw(optional(configure=PATTERNS, write=PATTERNS, read=PATTERNS))}
            for user in people
            for home in homes
        ],
        "topic_permissions": [
            {
                "user": user,
                "vhost": homes[0],
                "exchange": "amq.topic",
                **draw(optional(write=PATTERNS, read=PATTERNS)),
            }
            for user in people
        ],
        "global_parameters": [{"name": name, "value": draw(VALUES)} for name in draw(some(NAMES, 2))],
    }
    for kind in ("policies", "operator_policies"):
        document[kind] = [
            {"vhost": draw(st.sampled_from(homes)), "name": name, "pattern": f"^{number}",
             "definition": {"max-length": draw(st.integers(1, 9))}, **draw(optional(priority=st.integers(0, 5)))}
            for number, name in enumerate(draw(some(NAMES, 2)))
        ]  # fmt: skip
    exchanges, queues = draw(some(NAMES)), draw(some(NAMES))
    kinds = st.sampled_from(["direct", "fanout", "topic", "headers"])
    home = homes[0]
    document["exchanges"] = [
        {
            "vhost": home,
            "name": name,
            **draw(optional(type=kinds, durable=st.booleans(), internal=st.booleans())),
        }
        for name in exchanges
    ]
    arguments = st.fixed_dictionaries(
        {},
        optional={"x-max-length": st.integers(1, 9), "x-own": st.dictionaries(st.sampled_from("ab"), VALUES)},
    )
    document["queues"] = [
        {"vhost": home, "name": name, "type": "classic", **draw(optional(arguments=arguments))}
        for name in queues
    ]
    bindings = draw(
        st.lists(
            st.fixed_dictionaries(
                {"source": st.sampled_from([*exchanges, "amq.topic", "amq.headers"]),
                 "destination": st.sampled_from(queues)},
                optional={"routing_key": NAMES,
                          "arguments": st.fixed_dictionaries({"n": st.integers(0, 3), "x-match": st.just("any")})},
            ),
            max_size=4, unique_by=lambda binding: json.dumps(binding, sort_keys=True),
        )
    ) if queues else []  # fmt: skip
    document["bindings"] = [{"vhost": home, **binding} for binding in bindings]
    return document


def shuffled(document: dict[str, list[Any]]) -> dict[str, list[Any]]:
    chance = random.Random(1)  # noqa: S311 - no secret
    return {kind: chance.sample(items, len(items)) for kind, items in document.items()}


@EXAMPLES
@given(documents())
def test_applied_then_nothing_is_left_to_do(broker: Broker, document: dict[str, list[Any]]) -> None:
    broker.clean()
    try:
        foreseen = broker.converge(check=True, **shuffled(document))
        done = broker.converge(**document)
        assert (done.plan, done.before, done.after) == (foreseen.plan, foreseen.before, foreseen.after)
        assert (
            broker.converge(**document).plan == [] == broker.converge(check=True, **shuffled(document)).plan
        )
        with closing(broker.client()) as client:
            adopted = adopt.document_of(adopt.whole_definitions(client))
        again = broker.converge(check=True, **json.loads(json.dumps(adopted)))
        assert again.plan == []
    finally:
        broker.clean()
