"""What firewalld lets in, by what firewall-cmd prints."""

from __future__ import annotations

import pytest
from brokers.host import firewalld

ZONE = """\
public (active)
  target: default
  interfaces: eth0
  services: ssh brokerkit-rabbitmq
  ports: 8080/tcp 61613-61614/tcp 5000/udp
  rich rules:
\trule family="ipv4" source address="10.0.0.1" accept
"""
ANY = "0.0.0.0"  # noqa: S104 - compared with, not bound to


def test_the_zones_with_interfaces():
    assert firewalld.parse_zones(
        "public\n  interfaces: eth0\ninternal (default)\n  sources: 10.0.0.0/8\n"
    ) == [
        "public",
        "internal",
    ]


def test_a_zone_has_services_and_ports():
    told = firewalld.parse_zone(ZONE)
    assert told["services"] == "ssh brokerkit-rabbitmq" and told["target"] == "default"
    assert told["ports"] == "8080/tcp 61613-61614/tcp 5000/udp"


@pytest.mark.parametrize(
    ("port", "open_"),
    [(8080, True), (61613, True), (61614, True), (61615, False), (5000, False), (808, False)],
)
def test_a_port_is_let_in_alone_or_in_a_range_and_by_its_protocol(port, open_):
    found = {"zones": ["public"], "ports": ["8080/tcp", "61613-61614/tcp", "5000/udp"], "open": False}
    assert firewalld.lets_in(found, port) is open_
    assert firewalld.lets_in({**found, "open": True}, port)
    assert firewalld.lets_in(None, port)


def test_listeners_on_loopback_are_not_kept_from_anybody():
    found = {"zones": ["public"], "ports": ["5672/tcp"], "open": False}
    listeners = [
        {"address": ANY, "port": 5672},
        {"address": "10.0.0.1", "port": 61613},
        {"address": "::", "port": 61613},
        {"address": "127.0.0.1", "port": 15672},
        {"address": "::1", "port": 1883},
    ]
    assert firewalld.kept_out(found, listeners) == [61613]
    assert firewalld.kept_out(None, listeners) == []


def test_a_host_without_firewalld_is_open(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert firewalld.read() is None


def test_a_firewalld_that_does_not_run_keeps_nobody_out(program):
    program("firewall-cmd", "not running\n", code=252)
    assert firewalld.read() is None


def test_members_are_let_in_by_rules_of_their_own():
    assert firewalld.rules(["10.0.0.2"], ["4369", "35672-35682"]) == [
        'rule family="ipv4" source address="10.0.0.2" port port="35672-35682" protocol="tcp" accept',
        'rule family="ipv4" source address="10.0.0.2" port port="4369" protocol="tcp" accept',
    ]
    assert firewalld.rules(["fd00::2"], ["4369"])[0].startswith('rule family="ipv6" source address="fd00::2"')
