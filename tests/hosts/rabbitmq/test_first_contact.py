"""A broker that somebody set up by hand is left alone until the operator says otherwise, and is then kept as it is."""

from __future__ import annotations

import json

import hosts
import pytest

INSTALL = """export DEBIAN_FRONTEND=noninteractive
apt-get -qq update && apt-get -qq install --no-install-recommends rabbitmq-server >/dev/null"""

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
def by_hand(fresh):
    """A node that somebody set up by hand."""
    (machine,) = fresh("hb-found")
    machine.run(INSTALL, timeout=300)
    machine.run(BY_HAND, stdin=CONF, timeout=300)
    machine.evaluate(HASHED.replace("\n", " "))
    return machine


@pytest.fixture(scope="module")
def values():
    """An inventory that knows nothing of the node."""
    return hosts.settings(rabbitmq_admin_user="boss", rabbitmq_admin_password="hand-made-Pw7")


def test_a_broker_set_up_by_hand_is_not_taken_over_without_a_word(controller, by_hand, values):
    before = by_hand.snapshot()
    for flags in ((), ("--check", "--diff")):
        run = controller.converge([by_hand], values, *flags)
        run.refused(
            "rabbitmq_take_over: hb-found holds a broker that Brokerkit did not make",
            "the data of rabbit@hb-found (2 users",
            "/etc/rabbitmq/rabbitmq.conf",
            "rabbitmq_consistent_hash_exchange",
            "--check --diff -e rabbitmq_take_over=true",
        )
    assert by_hand.snapshot() == before


def test_a_plugin_in_use_is_not_disabled_before_it_is_named(controller, by_hand, values):
    before = by_hand.snapshot()
    controller.converge([by_hand], {**values, "rabbitmq_take_over": True}).refused(
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


def test_what_was_adopted_converges_to_the_same_node(controller, by_hand, values, tmp_path):
    before = by_hand.run(STATE)
    adopting = controller.converge(
        [by_hand], values, "-e", f"adopt_dir={tmp_path}", playbook="playbooks/rabbitmq_adopt.yml"
    )
    adopting.succeeded()
    vault = tmp_path / by_hand.name / "broker_vault.yml"
    assert vault.stat().st_mode & 0o777 == 0o600
    adopted = [f"-e@{tmp_path / by_hand.name / name}" for name in ("broker.yml", "broker_vault.yml")]
    declared = {**values, "rabbitmq_topology_users": [], "rabbitmq_topology_vhosts": []}
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
