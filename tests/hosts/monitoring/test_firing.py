"""Each alert that a broker can be brought into is fired by real brokers of every version, under Debian's Prometheus.

They fire at once here (`for: 0s`); after how long they do for operators, promtool tries in test_rules.py.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import alert_rules
import certificates
import hosts
import pika
import pytest
import watching

pytestmark = pytest.mark.drill
INVENTORY = "tests/hosts/monitoring/inventory"
NODES = ("mo-3-8", "mo-3-10", "mo-4-0", "mo-4-3")
QUEUE, DEAD = "orders", "orders.dead"
DRAIN, REVIVE = "rabbitmq-upgrade drain", "rabbitmq-upgrade revive"


@dataclass
class Site(watching.Watch):
    """Brokers, and the host that watches them."""

    nodes: list[hosts.Host]
    password: str
    controller: hosts.Controller

    def everywhere(self, command: str) -> None:
        """Run a command on every broker's host."""
        for node in self.nodes:
            node.run(command, timeout=180)

    @contextmanager
    def connected(self, *names: str) -> Iterator[list[pika.BlockingConnection]]:
        """A connection to each broker, by default to all, closed afterwards."""
        login = pika.PlainCredentials("shop", self.password)
        with ExitStack() as stack:
            found = []
            for node in (one for one in self.nodes if one.name in (names or NODES)):
                where = pika.ConnectionParameters(node.address, 5672, "shop", login, heartbeat=0)
                found.append(pika.BlockingConnection(where))
                stack.callback(found[-1].close)
            yield found


@pytest.fixture(scope="module")
def site(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller, watch: hosts.Host) -> Site:
    """Four brokers with metrics, probed and scraped every few seconds."""
    nodes = fresh(*NODES)
    values = hosts.settings(
        rabbitmq_plugins=["rabbitmq_management", "rabbitmq_stomp", "rabbitmq_prometheus"],
        rabbitmq_prometheus_address="{{ ansible_host }}",
        rabbitmq_prometheus_per_object=True,
        endpoints_file=str(controller.directory / "endpoints.json"),
        smoke_timer_interval=20,
        monitoring_interval="2s",
        monitoring_directory=str(controller.directory / "monitoring"),
        monitoring_rules={rule["alert"]: {"for": "0s"} for _, rule in alert_rules.rules.every()},
    )
    subprocess.run(
        [sys.executable, str(hosts.ROOT / "scripts/smoke_archive.py")], check=True, capture_output=True
    )
    watch.run("mount --make-rshared /")
    for playbook in ("site.yml", "playbooks/smoke_timer.yml", "playbooks/monitoring.yml"):
        groups = {"rabbitmq": NODES, "smoke_timers": ("mo-watch",)}
        path = controller.inventory(
            {
                "all": {"vars": values},
                **{name: {"hosts": {member: {} for member in members}} for name, members in groups.items()},
            }
        )
        command = [hosts.PLAYBOOK, "-i", INVENTORY, "-i", str(path), playbook]
        controller.run(command, path.parent, 900).succeeded()
    watching.deliver(controller.directory / "monitoring", watch)
    return Site(watch, NODES, nodes, values["rabbitmq_topology_users"][0]["password"], controller)


def test_healthy_brokers_are_scraped_and_give_no_alert(site: Site) -> None:
    site.is_scraped()
    site.ends("BrokerSmokeStale")
    assert site.firing() == []


def test_metrics_are_served_where_it_was_said_and_nowhere_else(site: Site) -> None:
    for node in site.nodes:
        lines = node.run("ss -Hltn").splitlines()
        assert [line.split()[3] for line in lines if line.split()[3].endswith(":15692")] == [
            f"{node.address}:15692"
        ]


@contextmanager
def put_right(site: Site, command: str) -> Iterator[None]:
    """Run a command on every broker when a test is done, however it ends."""
    try:
        yield
    finally:
        site.everywhere(command)


def test_a_memory_alarm(site: Site) -> None:
    with put_right(site, "rabbitmqctl set_vm_memory_high_watermark 0.4"):
        site.everywhere("rabbitmqctl set_vm_memory_high_watermark 0")
        site.fires("RabbitMQMemoryAlarm")
        site.fires("BrokerManagementProbeFailed")
    site.ends("RabbitMQMemoryAlarm")


def test_memory_close_to_its_limit(site: Site) -> None:
    with put_right(site, "rabbitmqctl set_vm_memory_high_watermark 0.4"):
        for node in site.nodes:
            used = int(node.evaluate("vm_memory_monitor:get_process_memory()."))
            node.run(f"rabbitmqctl set_vm_memory_high_watermark absolute {int(used * 1.05)}")
        site.fires("RabbitMQMemoryNearLimit")
    site.ends("RabbitMQMemoryNearLimit")


def test_a_disk_alarm(site: Site) -> None:
    with put_right(site, "rabbitmqctl set_disk_free_limit 2GB"):
        site.everywhere("rabbitmqctl set_disk_free_limit 900000GB")
        site.fires("RabbitMQDiskAlarm")
    site.ends("RabbitMQDiskAlarm")


def test_queues_without_consumers_that_grow_and_dead_letters(site: Site) -> None:
    with site.connected() as found:
        channels = [one.channel() for one in found]
        for count in (1200, 300):
            for channel in channels:
                for name in (QUEUE, DEAD):
                    channel.queue_declare(name, durable=True)
                for _ in range(count):
                    channel.basic_publish("", QUEUE, b"order")
                channel.basic_publish("", DEAD, b"order")
            site.fires("RabbitMQQueueHasNoConsumers", queue=QUEUE)
        site.fires("RabbitMQQueueGrows", queue=QUEUE)
        site.fires("RabbitMQDeadLettersGrow", queue=DEAD)
        assert {one["labels"]["queue"] for one in site.alerts("RabbitMQQueueHasNoConsumers")} == {QUEUE}
        assert {one["labels"]["queue"] for one in site.alerts("RabbitMQDeadLettersGrow")} == {DEAD}
        for channel in channels:
            for name in (QUEUE, DEAD):
                channel.queue_delete(name)
    for alert in ("RabbitMQQueueHasNoConsumers", "RabbitMQQueueGrows", "RabbitMQDeadLettersGrow"):
        site.ends(alert)


def test_consumers_that_do_not_acknowledge(site: Site) -> None:
    with site.connected() as found:
        for one in found:
            channel = one.channel()
            channel.queue_declare("held", exclusive=True)
            for _ in range(1100):
                channel.basic_publish("", "held", b"order")
            channel.basic_consume("held", lambda *_: None)

        def piled_up() -> bool:
            for one in found:
                one.process_data_events(0.1)
            return set(NODES) <= site.about("RabbitMQUnacknowledgedPileUp")

        hosts.wait_for("RabbitMQUnacknowledgedPileUp", piled_up, 120, 1)
    site.ends("RabbitMQUnacknowledgedPileUp")


def test_messages_that_no_queue_takes(site: Site) -> None:
    with site.connected() as found:
        channels = [one.channel() for one in found]

        def seen() -> bool:
            # Again and again: what is counted for a channel alone has to be seen before it grows.
            for channel in channels * 10:
                channel.basic_publish("amq.direct", "nobody", b"order")
            return set(NODES) <= site.about("RabbitMQMessagesUnroutable")

        hosts.wait_for("RabbitMQMessagesUnroutable", seen, 120, 1)


def test_a_client_that_connects_again_and_again(site: Site) -> None:
    def seen() -> bool:
        for _ in range(50):
            with site.connected("mo-4-0"):
                pass
        return "mo-4-0" in site.about("RabbitMQConnectionChurn")

    hosts.wait_for("RabbitMQConnectionChurn", seen, 240)
    site.ends("RabbitMQConnectionChurn", 420)


def test_a_node_in_maintenance(site: Site) -> None:
    with put_right(site, f"{REVIVE}; rabbitmqctl await_startup"):
        site.everywhere(f"{DRAIN} || true")  # its code is no verdict before 4.2.9
        site.fires("BrokerNodeTakesNoClients")
    site.ends("BrokerNodeTakesNoClients")


def test_a_user_without_its_permissions(site: Site) -> None:
    vhost = "-p brokerkit-smoke smoke"
    with put_right(site, f"rabbitmqctl set_permissions {vhost} '.*' '.*' '.*'"):
        site.everywhere(f"rabbitmqctl clear_permissions {vhost}")
        site.fires("BrokerSmokeFailed")
    site.ends("BrokerSmokeFailed")


def test_a_broker_that_lets_guest_in(site: Site) -> None:
    loopback = "rabbitmqctl eval 'application:set_env(rabbit, loopback_users, [{}]).'"
    with put_right(site, "rabbitmqctl delete_user guest; " + loopback.format('<<"guest">>')):
        vhosts = ("/", "brokerkit-smoke")
        allowed = [f"rabbitmqctl set_permissions -p {vhost} guest '.*' '.*' '.*'" for vhost in vhosts]
        site.everywhere(" && ".join(["rabbitmqctl add_user guest guest", *allowed, loopback.format("")]))
        site.fires("BrokerLetsStrangersIn")
    site.ends("BrokerLetsStrangersIn")


def test_a_deprecated_feature_in_use(site: Site) -> None:
    # 3.x does not say, and 4.3 denies this one.
    with site.connected("mo-4-0") as (connection,):
        channel = connection.channel()
        channel.queue_declare("transient", durable=False)
        site.fires("BrokerDeprecatedFeatureUsed", "mo-4-0")
        (one,) = site.alerts("BrokerDeprecatedFeatureUsed")
        assert one["labels"]["feature"] == "transient_nonexcl_queues"
        channel.queue_delete("transient")
    site.ends("BrokerDeprecatedFeatureUsed")


def test_a_prober_that_does_not_run(site: Site) -> None:
    metrics = "/var/lib/prometheus/node-exporter/brokerkit-smoke.prom"
    site.watch.run(f"systemctl stop brokerkit-smoke.timer brokerkit-smoke.service; rm {metrics}")
    try:
        site.fires("BrokerSmokeStale", "", seconds=420)
    finally:
        site.watch.run("systemctl start brokerkit-smoke.timer brokerkit-smoke.service")
    site.ends("BrokerSmokeStale")


def test_nodes_that_are_down_and_start_again_and_again(site: Site) -> None:
    site.everywhere("systemctl stop rabbitmq-server")
    try:
        site.fires("RabbitMQDown")
        site.fires("BrokerUnreachable")
    finally:
        site.everywhere("systemctl start rabbitmq-server")
    site.ends("RabbitMQDown")
    site.ends("BrokerUnreachable")
    # Each start has to be seen: a scrape between it and the next.
    site.everywhere("systemctl restart rabbitmq-server")
    site.fires("RabbitMQRestartsAgainAndAgain")


def present(node: hosts.Host, pair: certificates.Pair) -> None:
    """Have a broker present a certificate, on a listener that is opened for it."""
    for name, text in (("certificate", pair.certificate), ("key", pair.key)):
        node.write(f"/var/lib/rabbitmq/{name}.pem", text, "0644")
    files = ", ".join(
        f'{{{option}, "/var/lib/rabbitmq/{name}.pem"}}'
        for option, name in (("certfile", "certificate"), ("keyfile", "key"))
    )
    node.evaluate("ssl:clear_pem_cache().")
    if not hosts.listens(node.address, 5671):
        node.evaluate(f"rabbit_networking:start_ssl_listener(5671, [{files}], 10).")


# The last of this file: from now on the prober looks at one broker, inside TLS.
def test_a_certificate_that_ends_and_has_ended(site: Site) -> None:
    node = next(one for one in site.nodes if one.name == "mo-4-0")
    authority = certificates.Authority.new()
    login = {"user": "shop", "password": site.password, "vhost": "shop", "denied_vhost": None}
    broker = {"name": node.name, "kind": "rabbitmq", "host": node.address, "stomp": None, "management": None}
    broker |= {**login, "amqp": {"port": 5671, "tls": True}, "listeners": None, "inventory": None}
    present(node, authority.issue(node.address, ends=5))
    values = {
        "smoke_timer_endpoints": {"schema": 1, "brokers": [broker]},
        "smoke_timer_authority": authority.certificate,
        "smoke_timer_interval": 20,
    }
    path = site.controller.inventory({"smoke_timers": {"hosts": {"mo-watch": {}}, "vars": values}})
    command = [hosts.PLAYBOOK, "-i", INVENTORY, "-i", str(path), "playbooks/smoke_timer.yml"]
    site.controller.run(command, path.parent).succeeded()
    site.fires("BrokerCertificateEndsSoon", node.name)
    assert not site.alerts("BrokerCertificateInvalid")
    present(node, authority.issue(node.address, starts=-5, ends=-1))
    site.fires("BrokerCertificateInvalid", node.name)
    assert not site.alerts("BrokerCertificateEndsSoon")
    present(node, authority.issue(node.address))
    site.ends("BrokerCertificateInvalid")
