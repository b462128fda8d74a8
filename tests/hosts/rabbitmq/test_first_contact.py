"""On a new host nobody ever reaches a default broker; one that somebody set up by hand is left alone without a word.

A new host is watched from before the installation to after it. Every port of the watched converge is another than the
default one, so that a default port that answers, for however short a time, gives away a broker that ran before its
configuration was there. The watcher is shown a default installation, which is then set up by hand and taken over.
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
    return fresh("it-boot", "hb-found")


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


@pytest.fixture(scope="module")
def default_installation(machines: list[hosts.Host]) -> Report:
    """What the watcher saw of an installation by hand."""
    machine = machines[1]
    with background.running(watcher(machine)) as watch:
        machine.run(INSTALL, timeout=600)
        hosts.wait_for("the default broker", lambda: hosts.listens(machine.address, DEFAULTS["amqp"]), 120)
        machine.run("rabbitmq-plugins enable rabbitmq_management", timeout=300)
        hosts.wait_for("its management", lambda: hosts.listens(machine.address, DEFAULTS["management"]), 120)
    return watch.report


def test_the_watcher_catches_a_default_installation(machines, default_installation):
    machine = machines[1]
    found = alarms(default_installation, values()["rabbitmq_erlang_cookie"])
    for address in (LOOPBACK, machine.address):
        for port in ("amqp", "management", "distribution"):
            assert f"{address}:{DEFAULTS[port]} answers" in found
    assert f"{machine.address}:{EPMD} answers" in found
    # Where guest gets in is loopback; on the other address it is refused, which is no alarm.
    assert f"guest over HTTP: {LOOPBACK}:{DEFAULTS['management']} 200" in found
    assert f"guest over AMQP: {LOOPBACK}:{DEFAULTS['amqp']} accepted" in found
    assert any(alarm.startswith("another cookie: ") for alarm in found)


def test_from_another_host_the_cookie_runs_nothing(machines, default_installation):
    """Who has the cookie owns a broker whose distribution port can be reached, as that of a default installation."""
    converged, default = machines
    for port in (DECLARED["distribution"], EPMD):
        attempt = default.attempt(f"timeout 10 bash -c '</dev/tcp/{converged.address}/{port}'")
        assert attempt.returncode != 0 and "refused" in attempt.stderr
    assert run_inside(default, converged).returncode != 0
    assert default.name in run_inside(converged, default).stdout
    assert converged.name in run_inside(converged, converged).stdout


# --- a broker that somebody set up by hand ------------------------------------------------------------------


CONF = """# the broker of the shop, since 2021
listeners.tcp.1 = 5673
management.tcp.port = 8081
heartbeat = 30
loopback_users = none
"""

# What somebody did by hand: another port, an exchange of a plugin's type, an administrator of their own; guest stays.
BY_HAND = r"""cat > /etc/rabbitmq/rabbitmq.conf
mkdir -p /etc/systemd/system/rabbitmq-server.service.d
printf '[Service]\nLimitNOFILE=20000\n' > /etc/systemd/system/rabbitmq-server.service.d/limits.conf
printf 'Package: rabbitmq-server\nPin: version 3.*\nPin-Priority: 600\n' > /etc/apt/preferences.d/shop
systemctl daemon-reload
rabbitmq-plugins --quiet enable --offline rabbitmq_management rabbitmq_consistent_hash_exchange
systemctl restart rabbitmq-server
rabbitmqctl -q add_user boss hand-made-Pw7 && rabbitmqctl -q set_user_tags boss administrator
rabbitmqctl -q set_permissions boss '.*' '.*' '.*'"""
HASHED = """T = list_to_existing_atom([120,45|"consistent-hash"]),
rabbit_exchange:declare(rabbit_misc:r(<<47>>, exchange, <<"hash">>), T, true, false, false, [], <<"boss">>), ok."""

# What the node is, as far as clients can tell.
STATE = """rabbitmqctl -q list_users; rabbitmqctl -q list_exchanges name type | sort; cat /etc/rabbitmq/enabled_plugins
rabbitmqctl -q eval 'lists:sort([{element(3, L), element(6, L)} || L <- rabbit_networking:node_listeners(node())]).'
rabbitmqctl -q eval '[application:get_env(rabbit, K) || K <- [heartbeat, loopback_users, disk_free_limit]].'"""


@pytest.fixture(scope="module")
def by_hand(machines, default_installation):
    """A node that somebody set up by hand."""
    machine = machines[1]
    machine.run(BY_HAND, stdin=CONF, timeout=300)
    machine.evaluate(HASHED.replace("\n", " "))
    return machine


@pytest.fixture(scope="module")
def known():
    """An inventory that knows nothing of the node."""
    return hosts.settings(rabbitmq_admin_user="boss", rabbitmq_admin_password="hand-made-Pw7")


def test_a_broker_set_up_by_hand_is_not_taken_over_without_a_word(controller, by_hand, known):
    before = by_hand.snapshot()
    for flags in ((), ("--check", "--diff")):
        run = controller.converge([by_hand], known, *flags)
        run.refused(
            "rabbitmq_take_over: hb-found holds a broker that Brokerkit did not make",
            "the data of rabbit@hb-found (2 users",
            "/etc/rabbitmq/rabbitmq.conf",
            "rabbitmq_consistent_hash_exchange",
            "--check --diff -e rabbitmq_take_over=true",
        )
    assert by_hand.snapshot() == before


def test_a_broker_of_somebody_else_is_not_removed(controller, by_hand, known):
    before = by_hand.snapshot()
    run = controller.converge([by_hand], known, playbook="playbooks/rabbitmq_uninstall.yml")
    run.refused("was not installed by this role")
    assert by_hand.broker_pid() and by_hand.snapshot() == before


def test_a_plugin_in_use_is_not_disabled_before_it_is_named(controller, by_hand, known):
    before = by_hand.snapshot()
    controller.converge([by_hand], {**known, "rabbitmq_take_over": True}).refused(
        "rabbitmq_plugins: rabbitmq_consistent_hash_exchange is enabled on hb-found",
        "the exchange 'hash' in the vhost '/' (x-consistent-hash) depends on it",
        "rabbitmq_plugins_disable",
    )
    assert by_hand.snapshot() == before


def killed_in(task, controller, where, values, *flags):
    """A run that is killed as soon as a task of it begins."""
    command, home = controller.command([where], values, *flags)
    with controller.start(command, home) as process:
        assert any(task in line for line in process.stdout), f"no task '{task}'"
        hosts.kill(process)


def test_what_was_adopted_converges_to_the_same_node(controller, by_hand, known, tmp_path):
    before = by_hand.run(STATE)
    adopting = controller.converge(
        [by_hand], known, "-e", f"adopt_dir={tmp_path}", playbook="playbooks/rabbitmq_adopt.yml"
    )
    adopting.succeeded()
    vault = tmp_path / by_hand.name / "broker_vault.yml"
    assert vault.stat().st_mode & 0o777 == 0o600
    adopted = [f"-e@{tmp_path / by_hand.name / name}" for name in ("broker.yml", "broker_vault.yml")]
    declared = {**known, "rabbitmq_topology_users": [], "rabbitmq_topology_vhosts": []}
    declared |= {"endpoint_user": "boss", "endpoint_password": "hand-made-Pw7", "endpoint_vhost": "/"}
    killed_in(
        "Keep its files as they are", controller, by_hand, {**declared, "rabbitmq_take_over": True}, *adopted
    )
    assert by_hand.run(STATE) == before
    taken = controller.converge([by_hand], {**declared, "rabbitmq_take_over": True}, *adopted).succeeded()
    assert by_hand.run(STATE) == before
    assert "guest is an administrator, with the password that everybody knows" in taken.sentence
    for beside in (
        "/etc/systemd/system/rabbitmq-server.service.d/limits.conf",
        "/etc/apt/preferences.d/shop",
    ):
        assert f"{beside} stays as it is" in taken.sentence
    kept = "/var/lib/brokerkit/originals/rabbitmq"
    assert kept in taken.sentence
    assert by_hand.run("ls /var/lib/brokerkit/originals").split() == ["rabbitmq"]
    assert by_hand.run(f"cat {kept}/etc/rabbitmq/rabbitmq.conf") == CONF
    assert by_hand.run(f"find {kept} -perm /077").strip() == ""
    assert (
        json.loads(by_hand.run(f"cat {kept}/manifest.json"))["/var/lib/rabbitmq/.erlang.cookie"]["mode"]
        == "0400"
    )
    again = controller.converge([by_hand], declared, *adopted).succeeded()
    assert again.counts(by_hand.name)["changed"] == 0
