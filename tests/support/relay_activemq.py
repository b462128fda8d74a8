"""A host with an ActiveMQ broker, a relay and an API, and what goes through them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import activemq_hosts
import hosts
from relay_hosts import DEAD, INVENTORY, QUEUE, Site, relay

ALL = {"read": ["smoke"], "write": ["smoke"], "admin": ["smoke"]}


def of_activemq(**changes: Any) -> dict[str, Any]:
    """A relay of ActiveMQ that is right; `changes` are laid over it."""
    source = {**relay()["source"], "broker": "activemq"}
    source.pop("vhost")
    return relay(**{"source": source, **changes})


@dataclass
class ActivemqSite(Site):
    """A test host that is an ActiveMQ broker and runs a relay."""

    def run(
        self, playbook: str, *flags: str, relays: list[dict[str, Any]] | None = None, **more: Any
    ) -> hosts.Run:
        """Run a playbook with these relays."""
        values = {
            **self.values,
            **more,
            "message_relay_relays": [of_activemq()] if relays is None else relays,
        }
        for kind in ("users", "authorization"):
            values[f"own_{kind}"] = values[f"activemq_{kind}"]
            values[f"activemq_{kind}"] = (
                f"{{{{ own_{kind} + (message_relay_relays | brokerkit.brokers.relay_activemq_{kind}) }}}}"
            )
        values["activemq_destination_policies"] = (
            "{{ message_relay_relays | brokerkit.brokers.relay_activemq_policies }}"
        )
        values["activemq_broker_xml"] = (
            "{{ message_relay_relays | brokerkit.brokers.relay_activemq_destinations }}"
        )
        values["endpoints_file"] = str(self.controller.directory / "endpoints.json")
        one = {"hosts": {self.host.name: {}}}
        path = self.controller.inventory({"activemq": {**one, "vars": values}, "relays": one})
        command = [hosts.PLAYBOOK, "-i", INVENTORY, "-i", str(path), playbook, *flags]
        return self.controller.run(command, path.parent)

    def send(self, *bodies: bytes | str, ids: bool = True, as_text: bool = True) -> None:
        """Send messages that survive a restart; a text becomes the field applyId of one."""
        with self._connected(as_text) as (connection, inbox):
            for number, body in enumerate(bodies):
                text = json.dumps({"applyId": body}).encode() if isinstance(body, str) else body
                more = {"receipt": "last"} if number == len(bodies) - 1 else {}
                connection.send(
                    f"/queue/{QUEUE}", text, headers={"persistent": "true", "word": "a:b", **more}
                )
            hosts.wait_for("the receipt of the last", lambda: "last" in inbox.receipts or inbox.errors, 60)
            assert not inbox.errors, inbox.errors

    def depth(self, queue: str) -> int:
        """How many messages a queue holds; no more than 400 are shown."""
        with self._connected() as (connection, inbox):
            connection.subscribe(f"/queue/{queue}", id="1", ack="auto", headers={"browser": "true"})
            hosts.wait_for(
                "the end", lambda: any(one.headers.get("browser") == "end" for one in inbox.frames), 30
            )
            return len(inbox.frames) - 1

    def dead(self) -> list[tuple[bytes, dict[str, Any]]]:
        """Take every dead letter: its body and headers."""
        number = self.depth(DEAD)
        with self._connected() as (connection, inbox):
            connection.subscribe(f"/queue/{DEAD}", id="1", ack="auto")
            hosts.wait_for("the dead letters", lambda: len(inbox.frames) == number, 30)
            return [(one.body, one.headers) for one in inbox.frames]

    def kill_broker(self) -> None:
        """Kill the broker, and start it again."""
        self.host.run(
            "systemctl kill --signal=KILL activemq-main; sleep 1; systemctl start activemq-main", timeout=180
        )

    @contextmanager
    def _connected(self, as_text: bool = True) -> Iterator[tuple[Any, activemq_hosts.Inbox]]:
        with activemq_hosts.client(self.host.address, as_text=as_text, decodes=False) as found:
            yield found


def settings(**changes: Any) -> hosts.Settings:
    """What the broker needs, with a user for the tests' own messages."""
    authorization = [{"queue": queue, **ALL} for queue in ("brokerkit.smoke.>", QUEUE, DEAD)]
    given = activemq_hosts.settings(
        activemq_authorization=[*authorization, {"topic": "brokerkit.smoke.>", **ALL}],
        activemq_scheduler=True,
        activemq_connectors=[{"protocol": "stomp"}],
        **changes,
    )
    given.pop("endpoint_dead_letter_prefix")
    return given
