"""The plan: only differences, independent of order, empty after it was carried out."""

from __future__ import annotations

import random

from brokers.rabbitmq import passwords
from brokers.topology import converge, diff
from brokers.topology.document import expand
from brokers.topology.kinds.registry import KINDS, read_current
from brokers.topology.model import Context, Definition, Snapshot
from brokers.topology.plan import plan
from hypothesis import given, settings, strategies as st

VERSION = (3, 10, 8)
CONTEXT = Context(VERSION, "admin")
HASH = passwords.make_hash("secret", "sha256", b"salt")


def definitions(**sections):
    return {"rabbitmq_version": "3.10.8", **sections}


def user(name, **fields):
    known = {
        "password_hash": HASH,
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],
        "limits": {},
    }
    return {"name": name, **known, **fields}


def planned(document, broker, acting="admin"):
    return plan(expand(document), read_current(Snapshot(broker, VERSION)), acting)


def verbs(actions):
    return [(action.verb, action.kind.name, action.label, action.changed) for action in actions]


def test_what_is_not_named_is_left_alone():
    broker = definitions(vhosts=[{"name": "old"}], users=[user("old")])
    assert planned({"vhosts": [], "users": None}, broker).actions == ()


def test_fields_left_out_keep_what_the_broker_has():
    broker = definitions(
        users=[user("app", tags=["monitoring"])], vhosts=[{"name": "v", "description": "kept"}]
    )
    todo = planned({"users": [{"name": "app"}], "vhosts": [{"name": "v", "tags": ["t"]}]}, broker)
    assert verbs(todo.actions) == [("update", "vhosts", "v", ("tags",))]
    assert todo.actions[0].after["description"] == "kept"


def test_an_empty_list_of_tags_takes_them_away():
    broker = definitions(users=[user("app", tags=["monitoring"])])
    assert verbs(planned({"users": [{"name": "app", "tags": []}]}, broker).actions) == [
        ("update", "users", "app", ("tags",))
    ]


def test_tags_of_old_versions_are_one_text_and_order_means_nothing():
    broker = definitions(users=[user("app", tags="management, monitoring")])
    assert planned({"users": [{"name": "app", "tags": ["monitoring", "management"]}]}, broker).actions == ()


def test_a_password_that_matches_the_stored_hash_is_no_difference():
    broker = definitions(users=[user("app")])
    assert planned({"users": [{"name": "app", "password": "secret"}]}, broker).actions == ()


def test_a_password_that_does_not_match_is_one():
    broker = definitions(users=[user("app", tags=["monitoring"])])
    todo = planned({"users": [{"name": "app", "password": "other"}]}, broker)
    assert verbs(todo.actions) == [("update", "users", "app", ("password",))]
    written = todo.actions[0].kind.write(todo.actions[0], CONTEXT)[0].body
    assert passwords.matches("other", written["password_hash"], "sha256")
    assert written["tags"] == ["monitoring"]


def test_every_algorithm_is_recognised():
    for algorithm in passwords.DIGESTS:
        stored = passwords.make_hash("secret", algorithm)
        broker = definitions(
            users=[user("a", password_hash=stored, hashing_algorithm=passwords.broker_name(algorithm))]
        )
        assert planned({"users": [{"name": "a", "password": "secret"}]}, broker).actions == ()
        assert planned({"users": [{"name": "a", "password_hash": stored}]}, broker).actions == ()


def test_a_new_password_stays_with_the_algorithm_in_use_unless_one_is_declared():
    stored = passwords.make_hash("secret", "sha512")
    broker = definitions(
        users=[user("a", password_hash=stored, hashing_algorithm="rabbit_password_hashing_sha512")]
    )
    action = planned({"users": [{"name": "a", "password": "new"}]}, broker).actions[0]
    assert passwords.matches("new", action.kind.write(action, CONTEXT)[0].body["password_hash"], "sha512")
    action = planned(
        {"users": [{"name": "a", "password": "secret", "hashing_algorithm": "sha256"}]}, broker
    ).actions[0]
    assert action.changed == ("hashing_algorithm",)
    assert passwords.matches("secret", action.kind.write(action, CONTEXT)[0].body["password_hash"], "sha256")


def test_changing_tags_keeps_the_stored_hash():
    broker = definitions(users=[user("app")])
    action = planned(
        {"users": [{"name": "app", "password": "secret", "tags": ["management"]}]}, broker
    ).actions[0]
    assert action.changed == ("tags",)
    assert action.kind.write(action, CONTEXT)[0].body["password_hash"] == HASH


def test_no_permission_is_written_two_ways():
    broker = definitions(
        permissions=[{"user": "u", "vhost": "v", "configure": "", "write": "^$", "read": "r"}]
    )
    same = {"permissions": [{"user": "u", "vhost": "v", "configure": "^$", "write": "", "read": "r"}]}
    assert planned(same, broker).actions == ()


def test_removals_come_last_and_in_reverse_order_of_kinds():
    broker = definitions(
        vhosts=[{"name": "v"}],
        users=[user("u")],
        permissions=[{"user": "u", "vhost": "v", "configure": "", "write": "", "read": ""}],
    )
    document = {
        "vhosts": [{"name": "v", "state": "absent"}, {"name": "new"}],
        "users": [{"name": "u", "state": "absent"}],
        "permissions": [{"user": "u", "vhost": "v", "state": "absent"}],
    }
    assert [(verb, kind) for verb, kind, _, _ in verbs(planned(document, broker).actions)] == [
        ("create", "vhosts"),
        ("delete", "permissions"),
        ("delete", "users"),
        ("delete", "vhosts"),
    ]


def test_what_is_gone_already_needs_no_removal():
    assert planned({"vhosts": [{"name": "v", "state": "absent"}]}, definitions()).actions == ()


def test_the_acting_user_stays_an_administrator():
    broker = definitions(
        users=[user("admin", tags=["administrator"]), user("deputy", tags=["administrator"])]
    )
    for item in ({"name": "admin", "state": "absent"}, {"name": "admin", "tags": ["monitoring"]}):
        refusals = planned({"users": [item]}, broker).refusals
        assert len(refusals) == 1 and "another administrator" in refusals[0]
    assert not planned({"users": [{"name": "admin", "tags": ["administrator"]}]}, broker).refusals
    assert not planned({"users": [{"name": "admin", "state": "absent"}]}, broker, acting="other").refusals


def test_the_last_administrator_stays():
    broker = definitions(users=[user("one", tags=["administrator"]), user("two", tags=["administrator"])])
    removed = [{"name": "one", "state": "absent"}, {"name": "two", "tags": []}]
    refusals = planned({"users": removed}, broker, acting="ldap").refusals
    assert len(refusals) == 1 and "without an administrator" in refusals[0]
    assert not planned({"users": removed[:1]}, broker, acting="ldap").refusals
    deputy = {"name": "three", "tags": ["administrator"]}
    assert not planned({"users": [*removed, deputy]}, broker, acting="ldap").refusals


def test_no_secret_is_shown_and_a_changed_password_is_visible():
    broker = definitions(users=[user("app")])
    actions = planned(
        {"users": [{"name": "app", "password": "other"}, {"name": "new", "password_hash": HASH}]}, broker
    ).actions
    shown = diff.render(actions)
    for secret in (HASH, "other", "secret"):
        assert (
            secret
            not in str(diff.listing(actions)) + shown["before"].replace("as declared", "") + shown["after"]
        )
    assert 'password: "********"  # the stored hash does not match the declared password' in shown["before"]
    assert 'password: "********"  # as declared' in shown["after"]
    assert 'password_hash: "********"\n' in shown["after"]


# --- properties ---------------------------------------------------------------------------------------------

NAMES = st.text(min_size=1, max_size=8)
WORDS = st.from_regex(r"[a-z]{1,4}", fullmatch=True)
TAGS = st.lists(st.sampled_from(["administrator", "monitoring", "management", "policymaker"]), unique=True)
REGEX = st.sampled_from(["", "^$", ".*", "^orders", "a|b"])


def optional(**fields):
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def documents(draw):
    vhosts = draw(st.lists(NAMES, unique=True, max_size=4))
    users = draw(st.lists(NAMES, unique=True, max_size=4))
    permission = optional(configure=REGEX, write=REGEX, read=REGEX)
    return {
        "vhosts": [
            {"name": name, **draw(optional(description=st.text(), tags=st.lists(WORDS, unique=True)))}
            for name in vhosts
        ],
        "users": [
            {
                "name": name,
                **draw(st.one_of(optional(password=NAMES, tags=TAGS), st.just({"password_hash": HASH}))),
            }
            for name in users
        ],
        "permissions": [
            {"user": name, "vhost": vhost, **draw(permission)}
            for name in users
            for vhost in vhosts
            if draw(st.booleans())
        ],
    }


def carried_out(broker, actions):
    """The broker's definitions after a plan, as far as definitions can hold them."""
    sections = {
        kind.name: {kind.identify(item): item for item in kind.read(Snapshot(broker, VERSION))}
        for kind in KINDS
    }
    for action in actions:
        (write,) = action.kind.write(action, CONTEXT)
        body = write.body if isinstance(write, Definition) else {**write.body, "name": action.label}
        sections[action.kind.name][action.kind.identify(action.target)] = body
    return definitions(**{name: list(items.values()) for name, items in sections.items()})


@settings(max_examples=40, deadline=None)
@given(documents(), documents())
def test_after_a_plan_is_carried_out_the_next_one_is_empty(first, second):
    broker = carried_out(definitions(), planned(first, definitions()).actions)
    broker = carried_out(broker, planned(second, broker).actions)
    assert planned(second, broker).actions == ()


@settings(max_examples=40, deadline=None)
@given(documents(), documents(), st.randoms(use_true_random=False))
def test_the_order_of_declarations_means_nothing(document, held, chance: random.Random):
    broker = carried_out(definitions(), planned(held, definitions()).actions)
    shuffled = {name: chance.sample(items, len(items)) for name, items in document.items()}
    one, two = planned(document, broker).actions, planned(shuffled, broker).actions
    assert verbs(one) == verbs(two)
    assert diff.render(one) == diff.render(two)


def test_objects_share_requests_and_removals_do_not():
    broker = definitions(users=[user("gone")])
    document = {
        "users": [{"name": f"u{number}"} for number in range(converge.BATCH + 1)]
        + [{"name": "gone", "state": "absent"}],
    }
    sent = list(converge.requests(planned(document, broker).actions, CONTEXT))
    assert [(request.method, request.path) for request in sent] == [
        ("POST", "/api/definitions"),
        ("POST", "/api/definitions"),
        ("DELETE", "/api/users/gone"),
    ]
    assert [len(request.body["users"]) for request in sent[:2]] == [converge.BATCH, 1]
