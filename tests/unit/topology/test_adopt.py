"""What adopt writes to disk, read back as Ansible reads it: refused nowhere, and nothing is left to do."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from brokers.rabbitmq import passwords
from brokers.topology import adopt, adopted_files, backup, converge, module_options as options, omissions
from brokers.topology.kinds.registry import BY_NAME, read_current
from brokers.topology.model import Action, Snapshot
from brokers.topology.plan import plan
from brokers.topology.refusals import cross_checks as validate
from hypothesis import Phase, given, settings, strategies as st
from role_files import ROOT
from templating import Role

PREFIX = "rabbitmq_topology_"
VERSIONS = ((3, 8, 9), (3, 10, 8), (4, 0, 5), (4, 3, 6))
HASH = passwords.make_hash("secret", "sha256", b"salt")
URI = "amqp://u:{{ secret }}@h"
# Names as brokers hold them: what YAML, Jinja, JSON and this project's own checks take for something else.
ODD = (
    "", " ", " lead", "trail ", "a\nb", "a: b", "a #b", "#jinja2:x", "{{ x }}", "{% x %}", "{# x", "!unsafe x",
    "&a", "*a", "yes", "null", "~", "1e3", "0x1F", ".inf", ".nan", "1_000", "2026-11-24", "<<", "=", "- a", "? a",
    "'", '"', "\\", "\\u0041", "jürgen", "名前", "\U0001f600", "\x00", "\x7f", "\x85", "\u2028", "\ufeff", "\ufffe",
    "a/b %2F", "n" * 256, "ü" * 200, "items", "amq.gen-x", 'j"ü\\r',
)  # fmt: skip
NAMES = st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=["Cs"]), max_size=6))
PATTERNS = st.sampled_from(["", ".*", "^{{ a }}", "(", r"(?<=a|bc)\e", "{#"])
NUMBERS = st.sampled_from([0, -1, 2**70, 1.5, 2.0, 1e300, 1e16, 1e-7, -1e22])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, NAMES, st.just(URI)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(
    st.one_of(
        NAMES, st.sampled_from(["x-dead-letter-exchange", "alternate-exchange", "x-max-length", "k" * 2000])
    ),
    VALUES,
    max_size=3,
)
EXAMPLES = settings(max_examples=25, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))


def some(items: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=most, unique_by=json.dumps)


@st.composite
def states(draw: st.DrawFn) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The definitions of a broker, as its version writes them, references to nothing among them."""
    version = draw(st.sampled_from(VERSIONS))
    tags = st.lists(
        st.sampled_from(["administrator", "custom-tag", "a,b", "", "{{ t }}"]), unique=True, max_size=3
    )
    as_text = (lambda held: ",".join(held)) if version < (3, 9) else list
    homes, people = ["/", *draw(some(NAMES, 2))], ["admin", "guest", *draw(some(NAMES, 3))]
    homes, people = list(dict.fromkeys(homes)), list(dict.fromkeys(people))
    home, anything = st.sampled_from(homes), draw(some(NAMES, 3))
    scopes = ["all", "exchanges", "classic_queues" if version >= (3, 12) else "queues"]
    keys = ["alternate-exchange", "federation-upstream-set", "ha-mode"]
    named = st.sampled_from([*anything, "nowhere", "amq.topic", "x"])
    hashes = st.sampled_from([HASH, "", "YWJj", passwords.make_hash("x", "md5", b"salt"),
                              passwords.make_hash("guest", "sha256", b"salt")])  # fmt: skip
    algorithms = st.sampled_from(
        [f"rabbit_password_hashing_{name}" for name in ("sha256", "sha512", "md5", "own")]
    )
    definitions: dict[str, Any] = {
        "rabbitmq_version": ".".join(map(str, version)),
        "vhosts": [
            {"name": name, "description": draw(NAMES), "tags": as_text(draw(tags)), "tracing": draw(st.booleans()),
             "default_queue_type": draw(st.sampled_from(["undefined", "quorum", "rabbit_quorum_queue", "own"]))
             if version >= (3, 10) else None}
            for name in homes
        ],
        "users": [
            {"name": name, "password_hash": draw(hashes), "hashing_algorithm": draw(algorithms),
             "tags": as_text(["administrator"] if name == "admin" else draw(tags)),
             "limits": {"max-channels": -1} if version >= (3, 10) else {}}
            for name in people
        ],
        "permissions": [
            {"user": user, "vhost": draw(home), "configure": draw(PATTERNS), "write": draw(PATTERNS), "read": ".*"}
            for user in people
        ],
        "topic_permissions": [
            {"user": user, "vhost": draw(home), "exchange": draw(named), "write": draw(PATTERNS), "read": ""}
            for user in people
        ],
        "parameters": [
            {"component": "vhost-limits", "vhost": draw(home), "name": "limits", "value": {"max-queues": -1}},
            {"component": "federation-upstream-set", "vhost": draw(home), "name": draw(named),
             "value": [{"upstream": draw(named)}]},
            *({"component": "shovel", "vhost": draw(home), "name": name, "value": draw(VALUES)} for name in anything),
            {"component": "operator_policy", "vhost": draw(home), "name": draw(named),
             "value": {"pattern": draw(PATTERNS), "definition": {"max-length": 1}, "priority": draw(NUMBERS),
                       "apply-to": draw(st.sampled_from(["all", "queues", "exchanges"]))}},
        ],
        "global_parameters": [{"name": name, "value": draw(VALUES)} for name in [None, "cluster_name", *anything]],
        "policies": [
            {"vhost": draw(home), "name": name, "pattern": draw(PATTERNS), "priority": draw(NUMBERS),
             "apply-to": draw(st.sampled_from(scopes)),
             "definition": {draw(st.sampled_from(keys)): draw(named), "x": draw(VALUES)}}
            for name in anything
        ],
        "exchanges": [
            {"vhost": draw(home), "name": name, "type": "topic", "durable": True, "auto_delete": False,
             "internal": draw(st.booleans()), "arguments": draw(ARGUMENTS)}
            for name in anything
        ],
        "queues": [
            {"vhost": draw(home), "name": name, "durable": True, "auto_delete": draw(st.booleans()),
             "arguments": draw(ARGUMENTS)}
            for name in anything
        ],
        "bindings": [
            {"vhost": draw(home), "source": draw(named), "destination": draw(named),
             "destination_type": draw(st.sampled_from(["queue", "exchange"])),
             "routing_key": draw(NAMES), "arguments": draw(ARGUMENTS)}
            for _ in anything
        ],
    }  # fmt: skip
    return definitions, version


def adopted(definitions: dict[str, Any], version: tuple[int, ...]) -> tuple[str, str]:
    settled = omissions.settle(adopt.document_of(definitions), version, "admin", auto_delete=False)
    return adopted_files.files(settled, PREFIX, definitions["rabbitmq_version"])


def read_back(*texts: str) -> dict[str, Any]:
    """The variables of files that lie among a host's, as Ansible reads them."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            path = Path(folder, f"{number}.yml")
            path.write_text(text, encoding="utf-8")
            found.update(DataLoader().load_from_file(str(path), trusted_as_template=True))
    return found


class Run:
    """The role with an operator's variables: what it refuses, and what it hands to its module."""

    def __init__(self, variables: dict[str, Any], **more: Any) -> None:
        (task,) = yaml.load(
            (ROOT / "roles/rabbitmq_topology/tasks/validate.yml").read_text(), Loader=yaml.CSafeLoader
        )
        checks = read_back(yaml.safe_dump(task["vars"]))
        login = {f"{PREFIX}user": "admin", f"{PREFIX}password": "x"}
        self.role = Role("rabbitmq_topology", **checks, **login, **variables, **more)

    @property
    def refused(self) -> list[str]:
        return self.role.variable("__rabbitmq_topology_refusals")

    def wanted(self) -> converge.Wanted:
        names = [*BY_NAME, "extra_tags", "extra_references"]
        given = {name: json.loads(json.dumps(self.role.variable(PREFIX + name))) for name in names}
        tags, references = given.pop("extra_tags"), given.pop("extra_references")
        checked = ArgumentSpecValidator(options.kind_options()).validate(given)
        assert checked.error_messages == []
        return converge.Wanted(checked.validated_parameters, PREFIX, tuple(tags), tuple(references))


def planned(wanted: converge.Wanted, snapshot: Snapshot) -> list[Action]:
    """The actions of a run that is refused nowhere; carried out, they leave nothing to do."""
    desired, current = converge._checked(wanted), read_current(snapshot)
    wrong = validate.refusals_against(desired, current, snapshot, PREFIX, wanted.extra_references)
    todo = plan(desired, current, "admin")
    assert [text for action in todo.actions for text in wrong.get(action.path, ())] == []
    assert todo.refusals == ()
    for action in todo.actions:
        current[action.kind.name][action.kind.identify(action.target)] = action.after
    assert plan(desired, current, "admin").actions == ()
    return list(todo.actions)


@EXAMPLES
@given(states())
def test_whatever_a_broker_holds_what_is_adopted_converges_to_zero_changes(state):
    definitions, version = state
    run = Run(read_back(*adopted(definitions, version)))
    assert run.refused == []
    assert planned(run.wanted(), Snapshot(definitions, version)) == []


@EXAMPLES
@given(states())
def test_on_an_empty_broker_what_is_adopted_is_refused_nowhere(state):
    definitions, version = state
    run = Run(read_back(*adopted(definitions, version)), rabbitmq_topology_references="declared")
    assert run.refused == []
    empty = {"vhosts": [{"name": "/", "description": "Default virtual host", "tags": []}],
             "users": [{"name": "admin", "password_hash": HASH, "tags": ["administrator"]}]}  # fmt: skip
    planned(run.wanted(), Snapshot(empty, version))


def settled(version: tuple[int, ...] = (3, 10, 8), **sections: Any) -> omissions.Settled:
    definitions = {"rabbitmq_version": ".".join(map(str, version)), **sections}
    return omissions.settle(adopt.document_of(definitions), version, "admin", auto_delete=False)


def test_a_tag_and_a_name_that_leads_nowhere_are_allowed_one_by_one():
    found = settled(
        vhosts=[{"name": "v"}],
        users=[{"name": "u", "password_hash": HASH, "tags": ["custom-tag", "monitoring"]}],
        policies=[
            {"vhost": "v", "name": "p", "pattern": "", "definition": {"alternate-exchange": "nowhere"}}
        ],
    )
    assert (found.extra_tags, found.left_out) == (["custom-tag"], [])
    assert found.extra_references == [{"kind": "exchanges", "vhost": "v", "name": "nowhere"}]
    assert validate.refusals(found.document, "", ["custom-tag"], True, found.extra_references) == []
    wrong = [{"kind": "exchanges", "name": "nowhere"}, {"kind": ["x"]}, "nowhere"]
    assert [text.split(":")[0] for text in validate.refusals({}, PREFIX, extra_references=wrong)] == [
        f"{PREFIX}extra_references[0]", f"{PREFIX}extra_references[1].kind", f"{PREFIX}extra_references[2].kind",
    ]  # fmt: skip


def test_what_an_upgrade_brought_along_is_left_out_where_it_is_rejected():
    held = {
        "vhosts": [{"name": "v"}],
        "policies": [{"vhost": "v", "name": "ha", "pattern": "", "definition": {"ha-mode": "all"}}],
    }
    assert settled((3, 10, 8), **held).left_out == []
    found = settled((4, 0, 5), **held)
    assert (
        found.document["policies"] == []
        and "definition.ha-mode: RabbitMQ 4.0.5 rejects it" in found.left_out[0]
    )


def test_what_needs_something_left_out_goes_too():
    found = settled(
        vhosts=[{"name": "v"}],
        exchanges=[{"vhost": "v", "name": "e", "type": "topic", "durable": True, "auto_delete": False}],
        queues=[{"vhost": "v", "name": "q", "durable": True, "auto_delete": True}],
        bindings=[
            {
                "vhost": "v",
                "source": "e",
                "destination": "q",
                "destination_type": "queue",
                "routing_key": "",
                "arguments": {},
            }
        ],
    )
    assert found.document["queues"] == found.document["bindings"] == []
    assert [text.split(" ")[0] for text in found.left_out] == ["queue", "binding"]


def test_neither_the_logins_password_nor_the_one_that_everybody_knows_is_written_down():
    known = passwords.make_hash("guest")
    found = settled(
        users=[
            {"name": "admin", "password_hash": HASH, "tags": ["administrator"]},
            {"name": "guest", "password_hash": known, "tags": []},
        ]
    )
    assert found.document["users"] == [{"name": "admin", "tags": ["administrator"]}, {"name": "guest"}]
    assert HASH not in "".join(adopted_files.files(found, PREFIX, "x"))


def test_backups_of_brokers_that_share_an_address_are_kept_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(backup.time, "strftime", lambda *_: "20260101T000000Z")  # two backups within a second
    names = [backup.name_of(f"https://proxy{part}") for part in ("", "/a/", "/b", ":15671")]
    stores = [backup.Store(str(tmp_path), 1, name) for name in names]
    files = {store.keep({"vhosts": []}, "4.0.5") for store in stores for _ in range(2)}
    assert len(files) == len(stores) == len(list(tmp_path.iterdir()))


def test_the_password_guest_is_left_out_whoever_has_it():
    """The role refuses it on any host, so a document that held it could not be converged."""
    known = passwords.make_hash("guest", "sha256", b"salt")
    definitions = {
        "rabbitmq_version": "3.10.8",
        "vhosts": [{"name": "/"}],
        "users": [
            {
                "name": "admin",
                "password_hash": HASH,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": [],
            },
            {
                "name": "shop",
                "password_hash": known,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": [],
            },
        ],
    }
    run = Run(read_back(*adopted(definitions, (3, 10, 8))))
    assert run.refused == []
    assert known not in json.dumps(run.role.variable("rabbitmq_topology_users"))
