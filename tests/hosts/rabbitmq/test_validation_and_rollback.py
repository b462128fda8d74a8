"""A change of configuration on a running broker: refused, put back, applied online or by one restart, never in passing.

The tests run in the order in which they stand: they share one broker, and each leaves it as it found it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import hosts
import pytest

CONFIG = (
    "find /etc/rabbitmq /etc/systemd/system/rabbitmq-server.service.d -type f -exec sha256sum {} + | sort"
)
BOOTS = "grep -c 'Starting RabbitMQ' /var/log/rabbitmq/rabbit@$(hostname).log"
SQUATTER_PORT = 9999
EXTRA = ["rabbitmq_management", "rabbitmq_stomp", "rabbitmq_mqtt"]


@dataclass
class Broker:
    """The broker under test, and the settings that it runs on."""

    host: hosts.Host
    controller: hosts.Controller
    values: hosts.Settings

    def change(self, *flags: str, **changes: object) -> hosts.Run:
        """Converge with some settings changed."""
        return self.controller.converge([self.host], {**self.values, **changes}, *flags)

    def changed(self, **changes: object) -> int:
        """The number of tasks that changed something in a converge that has to succeed."""
        return self.change(**changes).succeeded().counts(self.host.name)["changed"]

    def boots(self) -> int:
        """How often a node of this host has been booted."""
        return int(self.host.run(BOOTS))

    def environment(self, application: str, key: str) -> str:
        """A setting as the running broker has it."""
        return self.host.evaluate(f"{{ok, Value}} = application:get_env({application}, {key}), Value.")


@pytest.fixture(scope="module")
def bare(fresh: Callable[..., list[hosts.Host]]) -> hosts.Host:
    """A host on which nothing has happened."""
    return fresh("it-config")[0]


@pytest.fixture(scope="module")
def values() -> hosts.Settings:
    """The settings that the broker is brought up with."""
    return hosts.settings("it-config")


@pytest.fixture(scope="module")
def broker(bare: hosts.Host, controller: hosts.Controller, values: hosts.Settings) -> Broker:
    """The broker, converged."""
    return Broker(controller.converged(bare.name, values), controller, values)


@contextmanager
def squatter(host: hosts.Host, port: int) -> Iterator[None]:
    """A process that is not the broker's and listens on a port of the host."""
    serve = f"/usr/bin/python3 -m http.server {port}"
    host.run(f"systemd-run --quiet --unit=squatter-{port} {serve}")
    hosts.wait_for("the squatter", lambda: hosts.listens(host.address, port))
    yield
    host.run(f"systemctl stop squatter-{port}")


def test_check_mode_on_a_bare_host_succeeds_and_changes_nothing(bare, controller, values):
    before = bare.snapshot()
    controller.converge([bare], values, "--check", "--diff").succeeded()
    assert bare.snapshot() == before


def test_a_second_run_changes_nothing(broker):
    before = broker.host.snapshot()
    assert broker.changed() == 0
    assert broker.host.snapshot() == before


def test_what_the_brokers_parser_refuses_leaves_files_and_broker_alone(broker):
    """It says everything at once: unknown keys, beside one that it knows, a value of the wrong type, and a plugin."""
    before = broker.host.snapshot()
    wrong = {"no.such.key": 1, "nonsense": "x", "tcp_listen_options.backlog": "many"}
    broker.change(
        rabbitmq_config={**wrong, "queue_master_locator": "wherever"},
        rabbitmq_plugins=["rabbitmq_management", "rabbitmq_teapot"],
    ).refused(
        "The broker's own parser refuses the new configuration",
        "unknown variable: no.such.key",
        "unknown variable: nonsense",
        "tcp_listen_options.backlog",
        '"many" cannot be converted',
        "rabbitmq_plugins: 'rabbitmq_teapot' does not exist",
    )
    assert broker.host.snapshot() == before


def test_a_port_that_another_process_holds_is_found_with_the_holders_name(broker):
    with squatter(broker.host, SQUATTER_PORT):
        before = broker.host.snapshot()
        run = broker.change(rabbitmq_stomp_port=SQUATTER_PORT)
        run.refused(f"rabbitmq_stomp_port: {SQUATTER_PORT} is held by 'python3' (pid ", "choose another port")
        assert broker.host.snapshot() == before


def test_a_configuration_that_cannot_boot_is_put_back_with_the_lines_that_say_why(broker):
    before = broker.host.run(CONFIG)
    # The role does not know of a listener that the free settings add.
    listeners = {"rabbit": {"tcp_listeners": [5672, SQUATTER_PORT]}}
    with squatter(broker.host, SQUATTER_PORT):
        run = broker.change(rabbitmq_advanced_config=listeners)
    run.refused(
        "RabbitMQ did not come up on the new configuration",
        "It runs again on the last good one",
        "/etc/rabbitmq/advanced.config",
        "eaddrinuse",
    )
    assert broker.host.run(CONFIG) == before
    assert hosts.listens(broker.host.address, 5672) and broker.host.evaluate("1 + 1.") == "2"


@pytest.mark.drill
def test_a_plugin_whose_port_is_taken_is_put_back_too(broker):
    before = broker.host.run(CONFIG)
    with squatter(broker.host, SQUATTER_PORT):
        listener = {"mqtt.listeners.tcp.default": SQUATTER_PORT}
        run = broker.change(rabbitmq_plugins=EXTRA, rabbitmq_config=listener)
        run.refused("It runs again on the last good one", "/etc/rabbitmq/enabled_plugins", "eaddrinuse")
    assert broker.host.run(CONFIG) == before
    assert "mqtt" not in broker.host.run("rabbitmq-plugins list --enabled --minimal")


def test_after_a_rollback_the_good_settings_need_nothing(broker):
    before = broker.host.broker_pid()
    assert broker.changed() == 0
    assert broker.host.broker_pid() == before


def test_a_plugin_that_cannot_start_online_is_put_back_without_a_restart(broker):
    before, pid = broker.host.run(CONFIG), broker.host.broker_pid()
    with squatter(broker.host, 1883):
        run = broker.change(rabbitmq_plugins=EXTRA)
        run.refused("rabbitmq_plugins: ", "could not start all of", "put back", "eaddrinuse")
    assert broker.host.run(CONFIG) == before
    assert broker.host.broker_pid() == pid
    assert "mqtt" not in broker.host.run("rabbitmq-plugins list --enabled --minimal")
    assert broker.changed() == 0


# The watermark, the limit of the disk and the log level that are in force.
LIMITS = (
    "{vm_memory_monitor:get_vm_memory_high_watermark(), rabbit_disk_monitor:get_disk_free_limit(), "
    "maps:get(level, logger:get_primary_config())}."
)


def test_limits_log_level_and_plugins_are_applied_to_the_running_broker(broker):
    pid, boots = broker.host.broker_pid(), broker.boots()
    changes = {
        "rabbitmq_memory_high_watermark": "0.31",
        "rabbitmq_disk_free_limit": "123MB",
        "rabbitmq_log_level": "warning",
        "rabbitmq_plugins": ["rabbitmq_management", "rabbitmq_stomp", "rabbitmq_shovel"],
    }
    broker.changed(**changes)
    assert (broker.host.broker_pid(), broker.boots()) == (pid, boots)
    assert broker.host.evaluate(LIMITS) == "{0.31,123000000,warning}"
    assert "rabbitmq_shovel" in broker.host.run("rabbitmq-plugins list --enabled --minimal")
    assert broker.changed(**changes) == 0

    broker.changed()
    assert broker.host.broker_pid() == pid
    assert broker.host.evaluate("vm_memory_monitor:get_vm_memory_high_watermark().") == "0.4"
    assert "rabbitmq_shovel" not in broker.host.run("rabbitmq-plugins list --enabled --minimal")


@contextmanager
def full_disk(host: hosts.Host, folder: str) -> Iterator[str]:
    """A folder on a small file system of its own, with nothing free on it; gives the file that fills it."""
    filler = f"{folder}/filler"
    host.run(
        f"cp -a {folder} /root/kept && mount -t tmpfs -o size=256k tmpfs {folder} && cp -a /root/kept/. {folder}/;"
        f"dd if=/dev/zero of={filler} bs=4k 2>/dev/null; test $(df --output=avail {folder} | tail -n 1) = 0"
    )
    yield filler
    host.run(f"umount {folder}; rm -r /root/kept")


@pytest.mark.drill
def test_on_a_full_disk_no_file_is_changed_and_with_room_the_next_run_succeeds(broker):
    pid = broker.host.broker_pid()
    with full_disk(broker.host, "/etc/rabbitmq") as filler:
        before = broker.host.snapshot()
        # A file of the set that is on another file system, where there is room.
        for flags in ([], ["--check"]):
            run = broker.change(*flags, rabbitmq_open_files_limit=50000, rabbitmq_log_level="warning")
            run.refused(
                "/etc/rabbitmq/rabbitmq.conf: No space left on device: /etc/rabbitmq has 0 bytes free",
                "make room there. No file of the set was changed",
            )
        assert broker.host.snapshot() == before
        broker.host.run(f"rm {filler}")
        assert broker.changed(rabbitmq_log_level="warning") > 0
        assert broker.changed() > 0
    assert broker.host.broker_pid() == pid


# To each file what its reader passes over; the cookie gets the line end that `echo` writes.
BY_HAND = r"""
cd /etc/rabbitmq
sed -i -e '1i # by hand' -e 's/^heartbeat = .*/& # seconds/' rabbitmq.conf
echo '# by hand' >> rabbitmq-env.conf
echo '%% by hand' >> enabled_plugins
echo '; by hand' >> /etc/systemd/system/rabbitmq-server.service.d/brokerkit.conf
echo >> /var/lib/rabbitmq/.erlang.cookie
"""


def test_a_comment_added_by_hand_is_put_back_without_a_restart(broker):
    pid, before = broker.host.broker_pid(), broker.host.run(CONFIG)
    broker.host.run(BY_HAND)
    look = broker.change("--check").succeeded()
    assert look.counts(broker.host.name)["changed"] == 1 and "Restart the node]" not in look.output
    assert broker.changed() == 1
    assert broker.host.run(CONFIG) == before
    assert broker.changed() == 0
    assert broker.host.broker_pid() == pid


def test_check_mode_shows_the_diff_of_a_change_and_changes_nothing(broker):
    before = broker.host.snapshot()
    run = broker.change("--check", "--diff", rabbitmq_heartbeat=33).succeeded()
    assert "-heartbeat = 60" in run.output and "+heartbeat = 33" in run.output
    assert run.counts(broker.host.name)["changed"] > 0
    assert broker.host.snapshot() == before


def test_what_cannot_be_applied_online_costs_one_restart(broker):
    pid, boots = broker.host.broker_pid(), broker.boots()
    broker.changed(rabbitmq_heartbeat=33)
    assert broker.environment("rabbit", "heartbeat") == "33"
    assert broker.host.broker_pid() != pid
    assert broker.boots() == boots + 1
    pid = broker.host.broker_pid()
    assert broker.changed(rabbitmq_heartbeat=33) == 0
    assert broker.host.broker_pid() == pid


@pytest.mark.drill
def test_a_new_cookie_is_taken_by_broker_and_tools(broker):
    broker.values = {**broker.values, "rabbitmq_erlang_cookie": hosts.settings()["rabbitmq_erlang_cookie"]}
    assert broker.changed() > 0
    assert broker.host.evaluate("erlang:get_cookie().").strip("'") == broker.values["rabbitmq_erlang_cookie"]
    assert broker.environment("rabbit", "heartbeat") == "60"
    assert broker.changed() == 0


# What an operator may write, with everything in it that is special to Erlang or a shell.
TEXT, QUOTED, ATOM = "say \"hi\" \\ and 'bye' 100% {~p} äß\n", 'C:\\temp\\"x" ü', "Don't panic"
TERMS = {
    "it_text": TEXT,
    "it_atom": {"_atom": ATOM},
    "it_binary": {"_binary": QUOTED},
    "it_tuple": {"_tuple": [{"_atom": "ssl"}, 5671, [True, False], 1.5, "x"]},
    "it_list": [1, -2, {"_binary": "four"}],
    "it_pairs": {"key": {"_atom": "value"}, "Upper": {"deep": 7}},
}
# The same in Erlang, written in numbers: rabbitmqctl's own wrapper takes backslashes and quotes away.
AS_ERLANG = {
    "it_text": str([ord(letter) for letter in TEXT]),
    "it_atom": f"list_to_atom({[ord(letter) for letter in ATOM]})",
    "it_binary": f"list_to_binary({list(QUOTED.encode())})",
    "it_tuple": "{ssl, 5671, [true, false], 1.5, [120]}",
    "it_list": "[1, -2, list_to_binary([102, 111, 117, 114])]",
    "it_pairs": "[{key, value}, {list_to_atom([85, 112, 112, 101, 114]), [{deep, 7}]}]",
}


def assert_terms_arrived(broker: Broker) -> None:
    """Compare inside the broker."""
    pairs = ", ".join(f"{{{key}, {term}}}" for key, term in AS_ERLANG.items())
    # All at once: each call of rabbitmqctl starts a runtime of its own.
    other = broker.host.evaluate(
        f"[Key || {{Key, Term}} <- [{pairs}], application:get_env(rabbit, Key) =/= {{ok, Term}}]."
    )
    assert other == "[]", {key: broker.environment("rabbit", key) for key in AS_ERLANG if key in other}


@pytest.mark.drill
def test_the_classic_format_is_one_file_and_every_value_arrives(broker):
    classic = {"rabbitmq_config_format": "classic", "rabbitmq_advanced_config": {"rabbit": TERMS}}
    broker.changed(**classic, rabbitmq_heartbeat=41, rabbitmq_memory_high_watermark="0.35")
    files = broker.host.run("ls /etc/rabbitmq").split()
    assert "rabbitmq.config" in files and not {"rabbitmq.conf", "advanced.config"} & set(files)
    assert_terms_arrived(broker)
    assert broker.environment("rabbit", "heartbeat") == "41"
    assert broker.environment("rabbit", "vm_memory_high_watermark") == "0.35"
    assert hosts.listens(broker.host.address, 8080) and hosts.listens(broker.host.address, 61613)
    assert broker.changed(**classic, rabbitmq_heartbeat=41, rabbitmq_memory_high_watermark="0.35") == 0


@pytest.mark.drill
def test_back_in_the_new_format_the_terms_arrive_by_advanced_config(broker):
    broker.changed(rabbitmq_advanced_config={"rabbit": TERMS})
    files = broker.host.run("ls /etc/rabbitmq").split()
    assert {"rabbitmq.conf", "advanced.config"} <= set(files) and "rabbitmq.config" not in files
    assert_terms_arrived(broker)
    assert broker.environment("rabbit", "heartbeat") == "60"
