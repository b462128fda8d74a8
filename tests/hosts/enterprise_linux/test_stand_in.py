"""The stand-in for Enterprise Linux, without a role: what Ansible and dnf make of it, and a broker that dnf brings."""

from __future__ import annotations

import json
from collections.abc import Callable

import hosts
import pytest
from rpm_repositories import SYSTEM, UPSTREAM, Repositories


@pytest.fixture(scope="module")
def host(fresh: Callable[..., list[hosts.Host]]) -> hosts.Host:
    return fresh("el-stand-in")[0]


def test_it_says_that_it_is_of_the_family(host: hosts.Host, controller: hosts.Controller) -> None:
    home = controller.inventory({}).parent
    command = [
        hosts.PLAYBOOK.removesuffix("-playbook"),
        *(
            "-i",
            "tests/hosts/enterprise_linux/inventory",
            host.name,
            "-m",
            "ansible.builtin.setup",
            "--one-line",
        ),
    ]
    output = controller.run(command, home).succeeded().output
    facts = json.loads(output.partition("=>")[2])["ansible_facts"]
    wanted = {
        "os_family": "RedHat",
        "distribution": "Rocky",
        "distribution_version": "9.5",
        "distribution_major_version": "9",
        "pkg_mgr": "dnf",
        "service_mgr": "systemd",
        "selinux": {"status": "disabled"},
    }
    assert {name: facts[f"ansible_{name}"] for name in wanted} == wanted


def test_it_has_one_package_manager_with_one_database(host: hosts.Host) -> None:
    assert host.attempt("command -v apt apt-get dpkg dpkg-query").returncode != 0
    as_root = host.run("rpm -qa | sort")
    assert "logrotate" in as_root
    assert host.run("runuser -u ops -- rpm -qa | sort") == as_root
    assert host.run("HOME=/nonexistent rpm -qa | sort") == as_root
    assert host.run("dnf -q list --installed | grep -c @System").strip() == str(len(as_root.split()))


def test_a_broker_of_its_packages_boots_and_passes_a_message(
    host: hosts.Host, repositories: Repositories
) -> None:
    repositories.subscribe(host, f"{UPSTREAM}/erlang", f"{UPSTREAM}/rabbitmq")
    host.run("dnf -y install rabbitmq-server", timeout=300)
    # as upstream's: installing starts and enables nothing
    assert host.attempt("systemctl is-active rabbitmq-server").stdout.strip() == "inactive"
    assert host.attempt("systemctl is-enabled rabbitmq-server").stdout.strip() == "disabled"
    assert (
        host.run("stat --format '%U %a' /run/rabbitmq").strip() == "rabbitmq 755"
    )  # by the system's trigger
    host.run("systemctl start rabbitmq-server && rabbitmqctl await_startup", timeout=300)
    host.run("rabbitmq-plugins enable rabbitmq_management")
    assert host.python(_THROUGH_THE_BROKER, _PAYLOAD).strip() == _PAYLOAD
    assert host.evaluate("code:root_dir().") == '"/usr/lib64/erlang"'


@pytest.mark.drill
def test_java_and_firewalld_are_where_the_family_has_them(
    host: hosts.Host, repositories: Repositories
) -> None:
    repositories.java()
    repositories.of_debian("firewalld", "firewalld", "nftables")
    repositories.subscribe(host, SYSTEM)
    host.run("dnf -y install java-21-openjdk-headless firewalld", timeout=300)
    assert "21." in host.run("java -version 2>&1")
    assert host.run("readlink -f /usr/bin/java").startswith("/usr/lib/jvm/java-21-openjdk-21.")
    host.run("systemctl start firewalld && firewall-cmd --add-port=5672/tcp")
    assert host.run("firewall-cmd --list-ports").strip() == "5672/tcp"


_PAYLOAD = "through packages of the family"

# Publishes its argument to a queue of its own through the management API, as guest, and prints what comes out.
_THROUGH_THE_BROKER = """
import base64, json, sys, urllib.request

def ask(method, path, **body):
    login = {"Authorization": "Basic " + base64.b64encode(b"guest:guest").decode()}
    question = urllib.request.Request(
        "http://127.0.0.1:15672/api/" + path, json.dumps(body).encode(), login, method=method
    )
    return urllib.request.urlopen(question, timeout=30).read()

ask("PUT", "queues/%2F/stand-in", durable=True)
message = {"routing_key": "stand-in", "payload": sys.argv[1], "payload_encoding": "string", "properties": {}}
assert json.loads(ask("POST", "exchanges/%2F/amq.default/publish", **message))["routed"]
taken = json.loads(ask("POST", "queues/%2F/stand-in/get", count=1, ackmode="ack_requeue_false", encoding="auto"))
print(taken[0]["payload"])
"""
