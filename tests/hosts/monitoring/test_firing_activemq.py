"""Each alert about ActiveMQ is fired by real brokers, by package and by archive, under Debian's Prometheus."""

from __future__ import annotations

import re
import shutil
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import alert_rules
import distribution
import hosts
import pytest
import stomp
import watching

pytestmark = pytest.mark.drill
INVENTORY = "tests/hosts/monitoring/inventory"
BROKERS = ("mo-activemq", "mo-activemq-archive")
SCRAPE = hosts.ROOT / "tests/unit/monitoring/scrapes/activemq.txt"
XML, UNIT = "/etc/activemq/main/activemq.xml", "activemq-main"


@dataclass
class Site(watching.Watch):
    """Brokers, and the host that watches them."""

    nodes: list[hosts.Host]
    password: str

    @contextmanager
    def connected(self) -> Iterator[list[stomp.Connection12]]:
        """A connection to each broker, cut off afterwards."""
        found = []
        for node in self.nodes:
            found.append(stomp.Connection12([(node.address, 61613)], reconnect_attempts_max=1))
            found[-1].connect("shop", self.password, wait=True)
        try:
            yield found
        finally:
            for one in found:
                one.transport.disconnect_socket()

    def send(self, queue: str, count: int, body: str = "order") -> None:
        """Give each broker persistent messages, none of which is lost."""
        with self.connected() as found:
            for one in found:
                taken = stomp.listener.WaitingListener("last")
                one.set_listener("taken", taken)
                for number in range(count):
                    headers = {"persistent": "true"} | ({"receipt": "last"} if number == count - 1 else {})
                    one.send(f"/queue/{queue}", body, headers=headers)
                taken.wait_on_receipt()

    def consume(self, queue: str, verdict: str, count: int) -> None:
        """Have a client of each broker take messages, or reject them, which makes them dead letters."""
        with self.connected() as found:
            takers = [_Taker(one, verdict) for one in found]
            for one, taker in zip(found, takers, strict=True):
                one.set_listener("taker", taker)
                one.subscribe(f"/queue/{queue}", "1", ack="client-individual")
            hosts.wait_for(f"{count} messages", lambda: all(one.seen >= count for one in takers), 60, 0.1)
            for one in found:
                done = stomp.listener.WaitingListener("done")
                one.set_listener("done", done)
                one.unsubscribe("1", headers={"receipt": "done"})
                done.wait_on_receipt()


class _Taker(stomp.ConnectionListener):  # type: ignore[misc]
    def __init__(self, connection: stomp.Connection12, verdict: str) -> None:
        self.connection, self.verdict, self.seen = connection, verdict, 0

    def on_message(self, frame: stomp.utils.Frame) -> None:
        getattr(self.connection, self.verdict)(frame.headers["ack"])
        self.seen += 1


def _values(controller: hosts.Controller, password: str) -> hosts.Settings:
    rights = {name: ["shop"] for name in ("read", "write", "admin")}
    return {
        **distribution.metrics_agent(),
        "activemq_prometheus_address": "{{ ansible_host }}",
        "activemq_admin_password": hosts.secret("", "admin", 24),
        "activemq_users": [{"name": "shop", "password": password, "groups": ["shop"]}],
        "activemq_authorization": [{"queue": ">", **rights}],
        "activemq_connectors": [{"protocol": "stomp"}],
        "activemq_heap": "256m",
        "activemq_store_limit": "1 gb",
        "endpoint_user": "shop",
        "endpoint_password": password,
        "endpoints_file": str(controller.directory / "endpoints.json"),
        "monitoring_interval": "2s",
        "monitoring_directory": str(controller.directory / "monitoring"),
        "monitoring_rules": {rule["alert"]: {"for": "0s"} for _, rule in alert_rules.rules.every()},
    }


@pytest.fixture(scope="module")
def site(
    fresh: Callable[..., list[hosts.Host]],
    controller: hosts.Controller,
    watch: hosts.Host,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    """A broker of Debian's package and one of the archive, scraped every two seconds."""
    if shutil.which("mvn") is None:
        pytest.skip("mvn is not on this machine: neither the agent nor the archive can be had")
    nodes, password = fresh(*BROKERS), hosts.secret("", "shop", 24)
    archive = {
        "activemq_installation": "archive",
        "activemq_archive_source": "maven",
        "activemq_archive_cache": str(tmp_path_factory.mktemp("archives")),
        "activemq_version": "5.18.3",
    }
    path = controller.inventory(
        {
            "activemq": {
                "hosts": {BROKERS[0]: {}, BROKERS[1]: archive},
                "vars": _values(controller, password),
            }
        }
    )
    for playbook in ("site.yml", "playbooks/monitoring.yml"):
        command = [hosts.PLAYBOOK, "-i", INVENTORY, "-i", str(path), playbook]
        controller.run(command, path.parent, 900).succeeded()
    watching.deliver(Path(controller.directory / "monitoring"), watch)
    found = Site(watch, BROKERS, nodes, password)
    found.is_scraped()
    return found


def test_healthy_brokers_are_scraped_and_give_no_alert(site: Site) -> None:
    assert site.firing() == []


def test_both_serve_the_metrics_that_rules_name_and_nowhere_else(site: Site) -> None:
    site.send("seen", 1)
    for node in site.nodes:
        with urllib.request.urlopen(f"http://{node.address}:9404/metrics", timeout=10) as answer:
            text = answer.read().decode()
        names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE activemq_")}
        assert sorted(names) == SCRAPE.read_text().split()
        lines = node.run("ss -Hltn").splitlines()
        assert [
            line.split()[3].removeprefix("[::ffff:").replace("]", "") for line in lines if ":9404" in line
        ] == [f"{node.address}:9404"]
    site.consume("seen", "ack", 1)


def test_a_queue_without_consumers_that_grows(site: Site) -> None:
    for _ in range(2):
        site.send("orders", 700)
        site.fires("ActiveMQQueueHasNoConsumers")
    site.fires("ActiveMQQueueGrows")
    assert {one["labels"]["destination"] for one in site.alerts("ActiveMQQueueGrows")} == {"orders"}
    site.consume("orders", "ack", 1400)
    site.ends("ActiveMQQueueHasNoConsumers")
    site.ends("ActiveMQQueueGrows")


def test_dead_letters_that_grow(site: Site) -> None:
    site.send("rejected", 5)
    site.consume("rejected", "nack", 5)
    site.fires("ActiveMQDeadLettersGrow")
    assert {one["labels"]["destination"] for one in site.alerts("ActiveMQDeadLettersGrow")} == {
        "ActiveMQ.DLQ"
    }
    assert not site.alerts("ActiveMQQueueHasNoConsumers")
    site.consume("ActiveMQ.DLQ", "ack", 5)
    site.ends("ActiveMQDeadLettersGrow")


def _store(node: hosts.Host) -> float:
    """Which share of its store's limit a broker says that it uses."""
    with urllib.request.urlopen(f"http://{node.address}:9404/metrics", timeout=10) as answer:
        found = re.search(r"^activemq_store_usage_ratio (\S+)", answer.read().decode(), re.MULTILINE)
    assert found
    return float(found[1])


def _overfill(connection: stomp.Connection12) -> None:
    """Send more than there is room for: the broker stops reading, and so this waits until the connection is cut off."""
    with suppress(OSError, stomp.exception.StompException):
        for _ in range(40):
            connection.send("/queue/filling", "x" * 100_000, headers={"persistent": "true"})


def test_a_store_that_fills_and_is_full(site: Site) -> None:
    """A little at a time to close to the limit, and then over it, where the broker holds the client back."""
    for node in site.nodes:
        node.run(
            f'cp -p {XML} /var/tmp/kept; sed -i \'s/storeUsage limit="1 gb"/storeUsage limit="16 mb"/\' {XML}'
        )
        node.run(f"systemctl restart {UNIT}", timeout=120)
    try:
        with site.connected() as found:
            for node, one in zip(site.nodes, found, strict=True):
                for _ in range(80):
                    if _store(node) > 0.84:
                        break
                    for _ in range(2):
                        one.send("/queue/filling", "x" * 100_000, headers={"persistent": "true"})
                    time.sleep(0.5)
        site.fires("ActiveMQLimitNear")
        assert {one["labels"]["limit"] for one in site.alerts("ActiveMQLimitNear")} == {"store"}
        assert not site.alerts("ActiveMQLimitReached")
        with site.connected() as found:
            for one in found:
                threading.Thread(target=_overfill, args=(one,), daemon=True).start()
            site.fires("ActiveMQLimitReached")
    finally:
        for node in site.nodes:
            node.run(f"cp -p /var/tmp/kept {XML}; systemctl restart {UNIT}", timeout=120)
    site.ends("ActiveMQLimitReached")
    site.ends("ActiveMQLimitNear")


def test_brokers_that_are_down(site: Site) -> None:
    for node in site.nodes:
        node.run(f"systemctl stop {UNIT}", timeout=120)
    try:
        site.fires("ActiveMQDown")
    finally:
        for node in site.nodes:
            node.run(f"systemctl start {UNIT}", timeout=120)
    site.ends("ActiveMQDown")


def test_files_close_to_their_limit(site: Site) -> None:
    drop_in = f"/run/systemd/system/{UNIT}.service.d"
    for node in site.nodes:
        node.run(
            f"mkdir -p {drop_in}; pid=$(systemctl show --property=MainPID --value {UNIT}); "
            f"printf '[Service]\nLimitNOFILE=%s\n' $(( $(ls /proc/$pid/fd | wc -l) * 11 / 10 )) > {drop_in}/x.conf; "
            f"systemctl daemon-reload; systemctl restart {UNIT}",
            timeout=120,
        )
    try:
        site.fires("ActiveMQFilesNearLimit")
    finally:
        for node in site.nodes:
            node.run(f"rm {drop_in}/x.conf; systemctl daemon-reload; systemctl restart {UNIT}", timeout=120)
    site.ends("ActiveMQFilesNearLimit")
