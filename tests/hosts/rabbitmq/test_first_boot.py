"""On a new host nobody ever reaches a default broker: watched from before the installation to after it.

Every port of the watched converge is another than the default one, so that a default port that answers, for however
short a time, gives away a broker that ran before its configuration was there.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from typing import Any

import background
import hosts
import pytest

DEFAULTS = {"amqp": 5672, "management": 15672, "distribution": 25672, "stomp": 61613, "mqtt": 1883}
DECLARED = {"amqp": 5673, "management": 8081, "distribution": 25673, "stomp": 61614}
EPMD = 4369
LOOPBACK = "127.0.0.1"
COOKIE = "/var/lib/rabbitmq/.erlang.cookie"
INSTALL = """
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update && apt-get -qq install --no-install-recommends rabbitmq-server >/dev/null
"""

Report = dict[str, Any]


def digest(cookie: str) -> str:
    """What the watcher knows of a cookie."""
    return hashlib.sha256(cookie.encode()).hexdigest()


def watcher(machine: hosts.Host) -> list[str]:
    """The command line of a watcher on `machine`, of loopback and of the host's own address."""
    wanted = {
        "addresses": [LOOPBACK, machine.address],
        "ports": [*DEFAULTS.values(), *DECLARED.values(), EPMD],
        "amqp": [DEFAULTS["amqp"], DECLARED["amqp"]],
        "management": [DEFAULTS["management"], DECLARED["management"]],
    }
    return background.on_host(machine, "watch_ports.py", json.dumps(wanted))


def alarms(report: Report, cookie: str) -> list[str]:
    """What the watcher saw of a broker that nobody declared, or of what is for the host alone on another address."""
    ports = {str(port) for port in DEFAULTS.values()}
    own = {str(DECLARED["distribution"]), str(EPMD)}
    return [
        *(
            f"{end} answers"
            for end in report["open"]
            if end.rsplit(":", 1)[1] in own and not end.startswith(f"{LOOPBACK}:")
        ),
        *(f"{end} answers" for end in report["open"] if end.rsplit(":", 1)[1] in ports),
        *(f"guest over HTTP: {seen}" for seen in report["http"] if seen.endswith(" 200")),
        *(f"guest over AMQP: {seen}" for seen in report["amqp"] if seen.endswith(" accepted")),
        *(f"another cookie: {seen}" for seen in report["cookies"] if seen != digest(cookie)),
    ]


def values() -> hosts.Settings:
    """Settings of a node on no default port."""
    return hosts.settings(**{f"rabbitmq_{name}_port": port for name, port in DECLARED.items()})


def run_inside(machine: hosts.Host, other: hosts.Host) -> subprocess.CompletedProcess[str]:
    """What comes of running a command of the shell inside the broker of `other`, with its cookie, from `machine`."""
    cookie = other.run(f"cat {COOKIE}").strip()
    words = f"--erlang-cookie {cookie} --node rabbit@{other.name} --quiet eval 'os:cmd(\"hostname\").'"
    return machine.attempt(f"rabbitmqctl {words}")


@pytest.fixture(scope="module")
def machines(fresh: Callable[..., list[hosts.Host]]) -> list[hosts.Host]:
    return fresh("it-boot", "it-stock")


def test_no_default_broker_answers_while_a_host_is_converged(machines, controller):
    machine, declared = machines[0], values()
    assert not machine.attempt("command -v rabbitmqctl").stdout, "the watch begins before the installation"
    with background.running(watcher(machine)) as watch:
        run = controller.converge([machine], declared)
    seen = watch.report
    assert alarms(seen, declared["rabbitmq_erlang_cookie"]) == []  # whether the run ended well or not
    run.succeeded()
    # The watcher was awake: it saw the declared broker on both addresses, and guest refused by it.
    both = (LOOPBACK, machine.address)
    reached = {f"{one}:{port}" for one in both for name, port in DECLARED.items() if name != "distribution"}
    assert reached | {f"{LOOPBACK}:{DECLARED['distribution']}", f"{LOOPBACK}:{EPMD}"} == set(seen["open"])
    assert {f"{one}:{DECLARED['management']} 401" for one in both} <= set(seen["http"])
    assert {f"{one}:{DECLARED['amqp']} refused" for one in both} <= set(seen["amqp"])
    assert seen["cookies"] == [digest(declared["rabbitmq_erlang_cookie"])]
    # One boot, with the final configuration: the process that runs is the first one.
    starts = machine.run(f"grep --count 'Starting RabbitMQ' /var/log/rabbitmq/rabbit@{machine.name}.log")
    assert machine.broker_pid() and starts.strip() == "1"


def test_the_watcher_catches_a_default_installation(machines):
    machine, declared = machines[1], values()
    with background.running(watcher(machine)) as watch:
        machine.run(INSTALL, timeout=600)
        hosts.wait_for("the default broker", lambda: hosts.listens(machine.address, DEFAULTS["amqp"]), 120)
        machine.run("rabbitmq-plugins enable rabbitmq_management", timeout=300)
        hosts.wait_for("its management", lambda: hosts.listens(machine.address, DEFAULTS["management"]), 120)
    found = alarms(watch.report, declared["rabbitmq_erlang_cookie"])
    for address in (LOOPBACK, machine.address):
        for port in ("amqp", "management", "distribution"):
            assert f"{address}:{DEFAULTS[port]} answers" in found
    assert f"{machines[1].address}:{EPMD} answers" in found
    # Where guest gets in is loopback; on the other address it is refused, which is no alarm.
    assert f"guest over HTTP: {LOOPBACK}:{DEFAULTS['management']} 200" in found
    assert f"guest over AMQP: {LOOPBACK}:{DEFAULTS['amqp']} accepted" in found
    assert any(alarm.startswith("another cookie: ") for alarm in found)


def test_from_another_host_the_cookie_runs_nothing(machines):
    """Who has the cookie owns a broker whose distribution port can be reached, as that of a default installation."""
    converged, default = machines
    for port in (DECLARED["distribution"], EPMD):
        attempt = default.attempt(f"timeout 10 bash -c '</dev/tcp/{converged.address}/{port}'")
        assert attempt.returncode != 0 and "refused" in attempt.stderr
    assert run_inside(default, converged).returncode != 0
    assert default.name in run_inside(converged, default).stdout
    assert converged.name in run_inside(converged, converged).stdout
