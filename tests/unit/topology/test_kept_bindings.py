"""Bindings of a queue that is replaced: written down before, put back after, and never put back wrongly."""

from __future__ import annotations

from brokers.topology import kept_bindings as kept
from brokers.topology.document import expand
from brokers.topology.kinds.registry import BY_NAME, read_current
from brokers.topology.model import Action, Snapshot

BINDING = {
    "vhost": "v",
    "source": "e",
    "destination": "q",
    "destination_type": "queue",
    "routing_key": "k",
    "arguments": {},
}
QUEUE = {"vhost": "v", "name": "q", "durable": True, "auto_delete": False, "arguments": {}}


def replaced(name="q"):
    item = {"vhost": "v", "name": name}
    return Action("replace", BY_NAME["queues"], item, item, item, (), "queues[0]", (BINDING,))


def snapshot(**sections):
    return Snapshot(sections, (3, 10, 8))


def restored(owed, document, **sections):
    return list(kept.restored(owed, expand(document), read_current(snapshot(**sections))))


def test_a_note_holds_the_bindings_under_a_name_of_the_queues_own():
    note = kept.note(replaced())
    assert note.section == "global_parameters" and note.body["value"] == [BINDING]
    assert kept.is_note(note.body) and note.body["name"] != kept.note(replaced("r")).body["name"]
    done = kept.done(replaced())
    assert (done.method, done.path) == ("DELETE", f"/api/global-parameters/{note.body['name']}")


def test_what_a_run_left_is_found_and_removed_and_other_parameters_are_not():
    note, other = kept.note(replaced()).body, {"name": "cluster_name", "value": "a"}
    left = snapshot(global_parameters=[other, note])
    assert kept.left_over(left) == [BINDING]
    assert [request.path.rpartition("/")[2] for request in kept.finish(left)] == [note["name"]]
    assert kept.left_over(snapshot(global_parameters=[other])) == kept.finish(snapshot()) == []


def test_a_binding_comes_back_to_a_queue_that_there_is_or_will_be():
    (action,) = restored([BINDING], {}, queues=[QUEUE])
    assert (action.verb, action.kind.name, action.after, action.before) == (
        "create",
        "bindings",
        BINDING,
        None,
    )
    assert restored([BINDING], {"queues": [{"vhost": "v", "name": "q"}]})


def test_a_binding_without_its_queue_is_not_owed():
    assert restored([BINDING], {}) == []
    assert restored([BINDING], {"queues": [{"vhost": "v", "name": "q", "state": "absent"}]}) == []
    assert restored([BINDING], {}, queues=[{**QUEUE, "vhost": "w"}]) == []


def test_a_binding_that_is_declared_or_there_is_not_made_twice():
    declared = {
        "bindings": [{key: BINDING[key] for key in ("vhost", "source", "destination", "routing_key")}]
    }
    assert restored([BINDING], declared, queues=[QUEUE]) == []
    assert restored([BINDING], {}, queues=[QUEUE], bindings=[BINDING]) == []
