"""A broker that can be broken in one way and put right again, and what smoke.py says of it."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import smoke
from hosts import Host, wait_for
from probes.model import Broker

Fault = Iterator[None]

# A backend that lets everybody in: what a site gets that chains a permissive one before its own.
ANYBODY = """
Forms = [begin {ok, T, _} = erl_scan:string(Text), {ok, F} = erl_parse:parse_form(T), F end || Text <- [
  "-module(bk_anybody).",
  "-export([user_login_authentication/2]).",
  "user_login_authentication(Name, _) -> {ok, {auth_user, Name, [monitoring], none}}."]],
{ok, Module, Code} = compile:forms(Forms),
{module, Module} = code:load_binary(Module, "bk_anybody.erl", Code),
application:set_env(rabbit, auth_backends, [{bk_anybody, rabbit_auth_backend_internal}]).
"""


class Node:
    """The broker, its host, and its endpoints file."""

    def __init__(self, broker: Broker, directory: Path) -> None:
        self.broker = broker
        self.host = Host(broker.name, broker.host)
        self.directory = directory
        self.endpoints = directory / f"{broker.name}.json"
        self.endpoints.touch(mode=0o600)
        self.endpoints.write_text(json.dumps({"schema": 1, "brokers": [self._entry()]}), encoding="utf-8")

    def _entry(self) -> dict[str, Any]:
        one = self.broker
        listeners = [vars(listener) for listener in one.listeners or ()]
        entry = {key: getattr(one, key) for key in ("name", "kind", "host", "user", "password", "vhost")}
        entry |= {"denied_vhost": one.denied_vhost, "listeners": listeners or None}
        return entry | {name: {"port": endpoint.port} for name, endpoint in one.endpoints.items()}

    def smoke(self, *argv: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """Run smoke.py on this broker, which speaks no TLS; return its exit code and the results by probe."""
        stdout, stderr = io.StringIO(), io.StringIO()
        every = not any(one in ("--only", "--before-restart", "--after-restart") for one in argv)
        given = [
            "--endpoints",
            str(self.endpoints),
            "--format",
            "json",
            *(["--skip", "tls"] if every else []),
        ]
        code = smoke.main([*given, *argv], {}, stdout, stderr)
        assert stdout.getvalue(), stderr.getvalue()
        return code, {entry["probe"]: entry for entry in json.loads(stdout.getvalue())["results"]}

    @contextmanager
    def instead(self, **ports: int) -> Iterator[None]:
        """Have the endpoints file name other ports, by protocol."""
        right = self.endpoints.read_text(encoding="utf-8")
        wrong = {protocol: {"port": port} for protocol, port in ports.items()}
        self.endpoints.write_text(
            json.dumps({"schema": 1, "brokers": [self._entry() | wrong]}), encoding="utf-8"
        )
        try:
            yield
        finally:
            self.endpoints.write_text(right, encoding="utf-8")

    def ctl(self, *words: str) -> str:
        """Run rabbitmqctl there."""
        return self.host.run(f"rabbitmqctl -q {shlex.join(words)}")

    def leftovers(self) -> list[str]:
        """What probes left in the broker: a line for each queue, with its arguments, and for each exchange."""
        vhost = self.broker.vhost
        listed = self.ctl("list_queues", "-p", vhost, "name", "arguments")
        listed += self.ctl("list_exchanges", "-p", vhost, "name")
        return [line for line in listed.splitlines() if line.startswith("brokerkit.smoke.")]

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """Break the broker by the method `name`, which breaks it, yields, and puts it right again."""
        steps: Fault = getattr(self, name)()
        next(steps)
        try:
            yield
        finally:
            next(steps, None)

    def stomp_off(self) -> Fault:
        self.host.run("rabbitmq-plugins -q disable rabbitmq_stomp")
        yield
        self.host.run("rabbitmq-plugins -q enable rabbitmq_stomp")

    def surplus_listener(self) -> Fault:
        self.host.run("rabbitmq-plugins -q enable rabbitmq_mqtt")
        yield
        self.host.run("rabbitmq-plugins -q disable rabbitmq_mqtt")

    def stopped(self) -> Fault:
        self.host.run("systemctl stop rabbitmq-server")
        yield
        self.host.run("systemctl start rabbitmq-server")

    def frozen(self) -> Fault:
        pid = self.host.broker_pid()
        processes = f"$(pgrep -s $(ps -o sid= -p {pid} | tr -d ' ') beam.smp || pgrep beam.smp)"
        self.host.run(f"kill -STOP {processes}")
        yield
        self.host.run(f"kill -CONT {processes}")

    def memory_alarm(self) -> Fault:
        before = self.host.evaluate("vm_memory_monitor:get_vm_memory_high_watermark().").strip()
        self.ctl("set_vm_memory_high_watermark", "0.00001")
        # 3.8.9 shows an alarm, and its end, up to 10 s late.
        wait_for("the alarm to be shown", lambda: self._alarm() == "fail", 20, 0.5)
        yield
        self.ctl("set_vm_memory_high_watermark", before)
        wait_for("the alarm to be over", lambda: self._alarm() == "pass", 20, 0.5)

    def _alarm(self) -> str:
        _, results = self.smoke("--only", "management.alarms")
        return str(results["management.alarms"]["status"])

    def _permissions(self, vhost: str, *wanted: str) -> Fault:
        self.ctl("set_permissions", "-p", vhost, self.broker.user, *wanted)
        yield

    def may_not_write(self) -> Fault:
        yield from self._permissions(self.broker.vhost, ".*", "", ".*")
        self.ctl("set_permissions", "-p", self.broker.vhost, self.broker.user, ".*", ".*", ".*")

    def may_do_nothing(self) -> Fault:
        self.ctl("clear_permissions", "-p", self.broker.vhost, self.broker.user)
        yield
        self.ctl("set_permissions", "-p", self.broker.vhost, self.broker.user, ".*", ".*", ".*")

    def may_too_much(self) -> Fault:
        assert self.broker.denied_vhost is not None
        yield from self._permissions(self.broker.denied_vhost, ".*", ".*", ".*")
        self.ctl("clear_permissions", "-p", self.broker.denied_vhost, self.broker.user)

    def no_tag(self) -> Fault:
        self.ctl("set_user_tags", self.broker.user)
        yield
        self.ctl("set_user_tags", self.broker.user, "monitoring")

    def open_guest(self) -> Fault:
        self.host.attempt("rabbitmqctl -q delete_user guest")
        self.ctl("add_user", "guest", "guest")
        self.ctl("set_user_tags", "guest", "administrator")
        self.ctl("set_permissions", "-p", "/", "guest", ".*", ".*", ".*")
        before = self.host.evaluate("{ok, Users} = application:get_env(rabbit, loopback_users), Users.")
        self.host.evaluate("application:set_env(rabbit, loopback_users, []).")
        yield
        self.host.evaluate(f"application:set_env(rabbit, loopback_users, {before}).")
        self.ctl("delete_user", "guest")

    def any_password(self) -> Fault:
        before = self.host.evaluate("{ok, Backends} = application:get_env(rabbit, auth_backends), Backends.")
        self.host.evaluate(ANYBODY)
        yield
        self.host.evaluate(f"application:set_env(rabbit, auth_backends, {before}).")

    def _policy(self, definition: dict[str, Any], apply_to: str) -> Fault:
        text = json.dumps(definition)
        self.ctl("set_policy", "-p", self.broker.vhost, "--apply-to", apply_to, "broken", ".*", text)
        yield
        self.ctl("clear_policy", "-p", self.broker.vhost, "broken")

    def messages_expire(self) -> Fault:
        yield from self._policy({"message-ttl": 0}, "queues")

    def queues_expire(self) -> Fault:
        yield from self._policy({"expires": 1}, "queues")

    def operators_keep_one(self) -> Fault:
        vhost, definition = self.broker.vhost, json.dumps({"max-length": 1})
        self.ctl("set_operator_policy", "-p", vhost, "--apply-to", "queues", "kept-short", ".*", definition)
        yield
        self.ctl("clear_operator_policy", "-p", vhost, "kept-short")

    def _user_limit(self, name: str) -> Fault:
        self.ctl("set_user_limits", self.broker.user, json.dumps({name: 0}))
        yield
        self.ctl("clear_user_limits", self.broker.user, name)

    def _vhost_limit(self, name: str) -> Fault:
        self.ctl("set_vhost_limits", "-p", self.broker.vhost, json.dumps({name: 0}))
        yield
        self.ctl("clear_vhost_limits", "-p", self.broker.vhost)

    def no_connections_of_the_user(self) -> Fault:
        yield from self._user_limit("max-connections")

    def no_channels_of_the_user(self) -> Fault:
        yield from self._user_limit("max-channels")

    def no_connections_of_the_vhost(self) -> Fault:
        yield from self._vhost_limit("max-connections")

    def no_queues_of_the_vhost(self) -> Fault:
        yield from self._vhost_limit("max-queues")

    def queues_reject(self) -> Fault:
        yield from self._policy({"max-length": 0, "overflow": "reject-publish"}, "queues")

    def nothing_is_unroutable(self) -> Fault:
        expression = (
            'X = rabbit_misc:r({vhost}, exchange, <<"amq.fanout">>), Q = rabbit_misc:r({vhost}, queue, <<"taken">>), '
            'rabbit_amqqueue:declare(Q, true, false, [], none, <<"test">>), '
            'rabbit_binding:add({{binding, X, <<>>, Q, []}}, <<"test">>).'
        ).format(vhost=f'<<"{self.broker.vhost}">>')
        self.host.evaluate(expression)
        yield from self._policy({"alternate-exchange": "amq.fanout"}, "exchanges")
        self.ctl("delete_queue", "-p", self.broker.vhost, "taken")
