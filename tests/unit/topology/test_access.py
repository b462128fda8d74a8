"""Virtual hosts, users and permissions: what is read beside the definitions, and what each version is sent."""

from __future__ import annotations

import pytest
from brokers.rabbitmq import passwords
from brokers.rabbitmq.request import Request
from brokers.topology.document import expand
from brokers.topology.kinds.access import VHOST_DETAILS
from brokers.topology.kinds.registry import BY_NAME
from brokers.topology.model import Action, Context, Definition, Snapshot

BARE, WHOLE = {"name": "v"}, {"name": "v", "metadata": {}}
VHOST = {
    "name": "v",
    "description": "shop",
    "tags": ["a", "b"],
    "default_queue_type": "quorum",
    "protected_from_deletion": True,
    "tracing": True,
}
UNTYPED = {"vhost": "v", "name": "q"}


def reads(document, *vhosts):
    return BY_NAME["vhosts"].further_reads(expand(document), Snapshot({"vhosts": list(vhosts)}))


def written(kind, version, after, before=None, declared=None, changed=()):
    action = Action("create", BY_NAME[kind], before, after, declared or after, changed, f"{kind}[0]")
    (write,) = BY_NAME[kind].write(action, Context(version, "admin"))
    return write


@pytest.mark.parametrize(
    ("document", "bare", "whole"),
    [
        ({"vhosts": [{"name": "v"}]}, False, False),
        ({"vhosts": [{"name": "v", "description": "x"}]}, True, False),
        ({"vhosts": [{"name": "v", "tracing": True}]}, True, True),
        ({"vhosts": [{"name": "v", "state": "absent"}]}, True, False),
        ({"queues": [UNTYPED]}, True, False),
        ({"queues": [{**UNTYPED, "type": "quorum"}]}, False, False),
    ],
)
def test_details_of_virtual_hosts_are_read_where_they_matter_and_the_definitions_lack_them(
    document, bare, whole
):
    assert reads(document, BARE) == [VHOST_DETAILS] * bare
    assert reads(document, WHOLE) == [VHOST_DETAILS] * whole
    assert reads(document, WHOLE, BARE) == [VHOST_DETAILS] * bare


def test_a_virtual_host_is_the_same_from_the_definitions_and_from_the_list():
    read = BY_NAME["vhosts"].read
    fields = {key: value for key, value in VHOST.items() if key not in ("name", "tracing")}
    definitions = {"vhosts": [{"name": "v", "tracing": True, "metadata": fields}]}
    assert (
        read(Snapshot(definitions))
        == read(Snapshot({"vhosts": [BARE]}, (), {VHOST_DETAILS: [VHOST]}))
        == [VHOST]
    )


@pytest.mark.parametrize(
    ("stored", "means"),
    [("undefined", None), ("rabbit_quorum_queue", "quorum"), ("stream", "stream"), (None, None)],
)
def test_a_queue_type_may_be_named_by_its_module(stored, means):
    (vhost,) = BY_NAME["vhosts"].read(Snapshot({"vhosts": [{"name": "v", "default_queue_type": stored}]}))
    assert vhost["default_queue_type"] == means and vhost["description"] == "" and "tracing" not in vhost


@pytest.mark.parametrize(
    ("version", "protection"), [((3, 10), {}), ((4, 0, 5), {}), ((4, 1), {"protected_from_deletion": True})]
)
def test_from_3_10_on_a_virtual_host_is_a_part_of_the_definitions(version, protection):
    metadata = {"description": "shop", "tags": ["a", "b"], "default_queue_type": "quorum", **protection}
    body = {"name": "v", "description": "shop", "tags": ["a", "b"], "tracing": True, "metadata": metadata}
    assert written("vhosts", version, VHOST) == Definition("vhosts", body)


def test_before_3_10_a_virtual_host_is_a_request_of_its_own():
    sent = {"description": "shop", "tags": "a,b", "default_queue_type": "quorum", "tracing": True}
    assert written("vhosts", (3, 9, 29), VHOST) == Request("PUT", "/api/vhosts/v", sent)
    assert written("vhosts", (3, 9, 29), {"name": "a/b"}) == Request("PUT", "/api/vhosts/a%2Fb", {"tags": ""})


@pytest.mark.parametrize(("version", "tags"), [((3, 8, 35), "a,b"), ((3, 9), ["a", "b"])])
def test_tags_of_a_user_are_one_text_before_3_9(version, tags):
    user = {"name": "u", "password_hash": "x", "hashing_algorithm": "sha256", "tags": ["a", "b"]}
    assert written("users", version, user).body == {
        "name": "u", "password_hash": "x", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": tags,
    }  # fmt: skip


def test_a_hash_is_made_anew_only_where_the_password_or_its_algorithm_changes():
    user = {"name": "u", "password_hash": "x", "hashing_algorithm": "sha512", "tags": []}
    declared = {"name": "u", "password": "secret"}
    assert written("users", (4,), user, user, declared, ("tags",)).body["password_hash"] == "x"
    for before, changed in ((None, ()), (user, ("password",)), (user, ("hashing_algorithm",))):
        made = written("users", (4,), user, before, declared, changed).body["password_hash"]
        assert passwords.matches("secret", made, "sha512")


def test_a_password_and_a_hash_or_a_hash_of_another_length_are_refused():
    check, complete = BY_NAME["users"].check, BY_NAME["users"].complete
    made = passwords.make_hash("secret", "sha512")
    assert complete({"password_hash": made})["hashing_algorithm"] == "sha512"
    assert [field for field, _ in check({"password": "a", "password_hash": made})] == ["password"]
    ((field, said),) = check({"password_hash": made, "hashing_algorithm": "sha256"})
    assert field == "hashing_algorithm" and "says sha512" in said
    assert not list(check({"password_hash": made, "hashing_algorithm": "sha512"}))


def test_permissions_are_removed_at_their_own_addresses():
    item = {"vhost": "v", "user": "u", "exchange": "a/b"}
    assert BY_NAME["permissions"].remove(item).path == "/api/permissions/v/u"
    assert BY_NAME["topic_permissions"].remove(item).path == "/api/topic-permissions/v/u/a%2Fb"
    assert BY_NAME["users"].remove({"name": "u"}).path == "/api/users/u"
    assert BY_NAME["vhosts"].remove({"name": "a/b"}).path == "/api/vhosts/a%2Fb"


def test_a_topic_permission_needs_its_user_its_virtual_host_and_its_exchange():
    references = BY_NAME["topic_permissions"].references
    named = [
        (found.kind, found.identity) for found in references({"user": "u", "vhost": "v", "exchange": "e"})
    ]
    assert named == [("users", ("u",)), ("vhosts", ("v",)), ("exchanges", ("v", "e"))]
    assert len(references({"user": "u", "vhost": "v", "exchange": ""})) == 2
    assert len(references({"user": "u", "vhost": "v", "exchange": "amq.topic"})) == 2
