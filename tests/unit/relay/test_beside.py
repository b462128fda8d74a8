"""A relay whose broker is in the same inventory is refused where that broker cannot do what it needs."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from brokers.inventory import endpoints, published_secrets
from brokers.relay import beside
from probes import registry, runner
from probes.endpoints import load
from probes.model import Broker, Endpoint, Refusal, Relay, Result, Settings
from role_files import ROOT


def problems(source: dict[str, Any], variables: dict[str, Any], kind: str, host: str = "app1") -> list[str]:
    relay = {"name": "r", "source": source}
    return beside.problems([relay], host, {"mq1": variables, "app1": {}}, {kind: ["mq1"]})


@pytest.mark.parametrize(
    ("address", "host"), [("10.0.0.1", "app1"), ("mq1", "app1"), ("mq.example", "app1"), ("127.0.0.1", "mq1")]
)
@pytest.mark.parametrize("scheduler", [{}, {"activemq_scheduler": False}, {"activemq_scheduler": "false"}])
def test_a_broker_that_cannot_delay_messages(address: str, host: str, scheduler: dict[str, Any]) -> None:
    variables = {"ansible_host": "10.0.0.1", "endpoint_host": "mq.example", **scheduler}
    (found,) = problems({"broker": "activemq", "hosts": [address]}, variables, "activemq", host)
    assert found.startswith("message_relay_relays[r].source: mq1 puts messages that are to wait back at once")


@pytest.mark.parametrize(
    ("source", "variables"),
    [
        ({"broker": "activemq", "hosts": ["10.0.0.1"]}, {"activemq_scheduler": True}),
        ({"broker": "activemq", "hosts": ["10.0.0.2"]}, {}),
        ({"broker": "activemq", "hosts": ["127.0.0.1"]}, {}),  # of the relay's own host
        ({"hosts": ["10.0.0.1"]}, {}),  # RabbitMQ at another port
    ],
)
def test_other_brokers_are_left_alone(source: dict[str, Any], variables: dict[str, Any]) -> None:
    assert problems(source, {"ansible_host": "10.0.0.1", **variables}, "activemq") == []


@pytest.mark.parametrize(
    ("pinned", "is_refused"),
    [
        ("3.8.9", True),
        ("3.9", True),
        ("2", True),
        ("3", False),
        ("", False),
        ("3.10.8", False),
        ("4.0.5", False),
    ],
)
def test_a_rabbitmq_that_is_too_old(pinned: str, is_refused: bool) -> None:
    variables = {"ansible_host": "10.0.0.1", "rabbitmq_version": pinned}
    found = problems({"hosts": ["10.0.0.1", "mq1"]}, variables, "rabbitmq")
    assert bool(found) is is_refused
    assert all(f"mq1 is RabbitMQ {pinned} (rabbitmq_version)" in one for one in found)
    assert len(found) <= 1, "each broker once"


@pytest.mark.parametrize(
    ("request_", "path"),
    [({"token": "changeme"}, "request.token"), ({"password": "test-host-only-x"}, "request.password")],
)
def test_secrets_of_the_api_are_held_against_those_that_are_published(
    request_: dict[str, str], path: str
) -> None:
    values = {
        "message_relay_relays": [{"name": "r", "source": {"password": "9f1c7a35e2"}, "request": request_}]
    }
    (found,) = published_secrets.refusals(values, "app1", False, "10.0.0.2", "rabbitmq")
    assert found.startswith(f"message_relay_relays[0].{path}: is published")
    assert published_secrets.refusals(values, "app1", True, "10.61.13.70", "rabbitmq") == []


# --- the endpoints of the probes ------------------------------------------------------------------------------------


def broker(kind: str, **more: Any) -> dict[str, Any]:
    given = {"endpoint_user": "smoke", "endpoint_password": "secret", "endpoint_vhost": "smoke", **more}
    return {"inventory_hostname": kind, "testbed_host": True, **given}


def entries(*relays: dict[str, Any], on: str = "app1") -> list[dict[str, Any]]:
    hosts = {
        "mq1": broker("mq1", ansible_host="10.0.0.1"),
        "mq2": broker("mq2", ansible_host="10.0.0.2"),
        "amq": broker("amq", ansible_host="10.0.0.3"),
        "app1": {},
    }
    hosts[on] = {**hosts[on], "message_relay_relays": list(relays)}
    groups = {"rabbitmq": ["mq1", "mq2"], "activemq": ["amq"], "relays": [on]}
    defaults = {
        role: yaml.safe_load((ROOT / f"roles/{role}/defaults/main.yml").read_text(encoding="utf-8"))
        for role in ("rabbitmq", "activemq", "haproxy")
    }
    brokers: list[dict[str, Any]] = endpoints.document(hosts, groups, defaults, "here")["brokers"]
    return brokers


def of(*addresses: str, **source: Any) -> dict[str, Any]:
    given = {"hosts": list(addresses), "queue": "q", "password": "9f1c7a35e2", **source}
    return {
        "name": "r",
        "source": given,
        "request": {"method": "PUT", "url": "http://app/"},
        "metrics_port": 9470,
    }


def test_the_probes_know_the_relays_of_a_broker() -> None:
    taken = {one["name"]: one.get("relays") for one in entries(of("10.0.0.2", "10.0.0.1", vhost="shop"))}
    known = {"name": "r", "on": "app1", "queue": "q", "dead": "relay.r.dead", "vhost": "shop"}
    login = {"user": "relay-r", "password": "9f1c7a35e2"}
    assert taken == {"mq1": [{**known, **login}], "mq2": None, "amq": None}
    taken = {one["name"]: one.get("relays") for one in entries(of("127.0.0.1", broker="activemq"), on="amq")}
    assert [one["vhost"] for one in taken["amq"] or []] == ["/"]
    assert (taken["mq1"], taken["mq2"]) == (None, None)


@pytest.mark.parametrize(
    ("opened", "host"),
    [
        ("127.0.0.1", None),
        ("127.0.0.9", None),
        ("::1", None),
        ("10.0.0.9", "10.0.0.9"),
        ("0.0.0.0", "app1"),  # noqa: S104 - what an operator may write
        ("::", "app1"),
    ],
)
def test_the_probes_know_where_a_relay_says_how_it_is(opened: str, host: str | None, tmp_path: Path) -> None:
    written = entries({**of("10.0.0.1"), "metrics_address": opened})
    path = tmp_path / "endpoints.json"
    path.touch(0o600)
    path.write_text(json.dumps({"schema": 1, "brokers": written}), encoding="utf-8")
    (found,) = next(one.relays for one in load(path) if one.name == "mq1")
    assert found.page == (Endpoint(host, 9470) if host else None)


class Health(BaseHTTPRequestHandler):
    """The page of a relay, or of something else."""

    said = b""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(self.said)

    def log_message(self, *words: Any) -> None:
        pass


def probed(page: Endpoint | None) -> Result:
    relays = (Relay("r", "app1", "q", "dead", "/", "u", "p", page),)
    probes = [probe for probe in registry.all_probes() if probe.name == "relay.page"]
    (result,) = runner.run(
        [Broker("mq1", "activemq", "127.0.0.1", "u", "p", relays=relays)], probes, Settings("t"), None
    )
    return result


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ({}, "pass", "r: works, 2 of 2 workers are connected"),
        (
            {"state": "api-away", "why": "app:8000 refused\nthe connection"},
            "fail",
            "The relay r leaves messages in the queue, as its API is away: app:8000 refused the connection",
        ),
        ({"state": "no-broker", "why": ""}, "fail", "The relay r does not reach its broker"),
        ({"relay": "other"}, "error", "is not the page of the relay r"),
        (None, "error", "is not the page of the relay r"),
    ],
)
def test_a_relay_s_page_is_read_where_it_is_open(
    said: dict[str, Any] | None, status: str, words: str
) -> None:
    usual = {"relay": "r", "state": "working", "why": "", "connected": 2, "workers": 2}
    Health.said = json.dumps([] if said is None else {**usual, **said}).encode()
    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = probed(Endpoint("127.0.0.1", server.server_address[1]))
        server.shutdown()
    assert (found.status.value, words in found.detail) == (status, True), found.detail


def test_a_page_that_nobody_serves_or_that_is_not_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = probed(Endpoint("127.0.0.1", port))
    assert found.status.value == "fail"
    assert "The relay r does not say at" in found.detail
    assert found.finding and "Connection refused" in found.finding.came_back
    assert probed(None).status.value == "skip"


def test_relays_of_other_brokers_and_wrong_ones_are_left_out() -> None:
    assert all("relays" not in one for one in entries(of("192.0.2.1"), {"name": "nothing else"}))
    assert all("relays" not in one for one in entries(of("192.0.2.1")))


def test_the_prober_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"
    path.touch(0o600)
    path.write_text(json.dumps({"schema": 1, "brokers": entries(of("10.0.0.1"))}), encoding="utf-8")
    found = {one.name: one.relays for one in load(path)}
    assert [one.name for one in found["mq1"]] == ["r"]
    assert found["mq2"] == ()
    assert "9f1c7a35e2" not in repr(found)
    document = json.loads(path.read_text(encoding="utf-8"))
    next(one for one in document["brokers"] if one["name"] == "mq1")["relays"][0]["host"] = "x"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(Refusal, match=r"relays\[0\] has the unknown key"):
        load(path)


def test_only_brokers_with_relays_are_probed_for_them() -> None:
    ran = []
    for relays in ((), (Relay("r", "app1", "q", "dead", "/", "u", "p"),)):
        one = Broker("mq1", "rabbitmq", "127.0.0.1", "u", "p", relays=relays)
        probes = [probe for probe in registry.all_probes() if probe.name == "relay.dead"]
        ran.append(len(runner.run([one], probes, Settings("test"), None)))
    assert ran == [0, 1]
