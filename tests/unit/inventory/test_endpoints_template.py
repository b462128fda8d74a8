"""The endpoints file as the template renders it from an inventory, and as the prober reads it."""

from __future__ import annotations

import json

import pytest
from probes import endpoints
from probes.model import Endpoint, Tls
from role_files import ROLES
from templating import Role, argument_filters

LOGIN = {"endpoint_user": "smoke", "endpoint_password": 'p"w\\€', "endpoint_vhost": "brokerkit-smoke"}


def rabbit(**variables):
    return {"inventory_hostname": "rabbit1", "ansible_host": "10.0.0.5", **LOGIN, **variables}


def activemq(**variables):
    return {"inventory_hostname": "activemq1", "ansible_host": "10.0.0.6", **LOGIN, **variables}


def render(**groups):
    """The document for an inventory with these groups of hosts."""
    hosts = {host["inventory_hostname"]: host for group in groups.values() for host in group}
    role = Role(
        "rabbitmq",
        role_defaults=argument_filters.role_defaults(ROLES),
        groups={name: [host["inventory_hostname"] for host in group] for name, group in groups.items()},
        hostvars=hosts,
    )
    return role.text("endpoints.json.j2")


@pytest.fixture
def read(tmp_path):
    """Read a rendered document with the prober's own reader."""

    def reader(text):
        path = tmp_path / "endpoints.json"
        path.write_text(text)
        path.chmod(0o600)
        return endpoints.load(path)

    return reader


def places(broker):
    return {protocol: str(endpoint) for protocol, endpoint in broker.endpoints.items()}


def test_a_host_with_nothing_but_a_login_has_the_roles_defaults(read):
    (broker,) = read(render(rabbitmq=[rabbit()]))
    assert (broker.name, broker.kind, broker.host) == ("rabbit1", "rabbitmq", "10.0.0.5")
    assert (broker.user, broker.password, broker.vhost) == ("smoke", 'p"w\\€', "brokerkit-smoke")
    assert broker.denied_vhost is None
    assert places(broker) == {"amqp": "10.0.0.5:5672", "stomp": "10.0.0.5:61613"}


def test_a_management_listener_on_loopback_is_declared_and_not_probed(read):
    (broker,) = read(render(rabbitmq=[rabbit()]))
    assert ("http", 15672, "127.0.0.1") in {
        (item.protocol, item.port, item.address) for item in broker.listeners
    }
    assert "management" not in broker.endpoints


@pytest.mark.parametrize("address", ["0.0.0.0", "", "10.0.0.5"])  # noqa: S104
def test_a_management_listener_that_is_open_is_probed(read, address):
    host = rabbit(rabbitmq_management_address=address, rabbitmq_management_port="8080")
    (broker,) = read(render(rabbitmq=[host]))
    assert places(broker)["management"] == "10.0.0.5:8080"


def test_what_no_plugin_serves_is_neither_probed_nor_declared(read):
    (broker,) = read(render(rabbitmq=[rabbit(rabbitmq_plugins=[])]))
    assert places(broker) == {"amqp": "10.0.0.5:5672"}
    assert [item.protocol for item in broker.listeners] == ["amqp"]


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({"endpoint_host": "broker.example.org"}, "broker.example.org"),
        ({}, "10.0.0.5"),
    ],
)
def test_clients_may_know_a_host_by_another_name_than_ansible(read, variables, host):
    (broker,) = read(render(rabbitmq=[rabbit(**variables)]))
    assert broker.host == host


def test_every_host_of_the_inventory_is_there_in_a_stable_order(read):
    hosts = [rabbit(inventory_hostname=name) for name in ("rabbit3", "rabbit1", "rabbit2")]
    text = render(rabbitmq=hosts, activemq=[activemq()])
    assert [broker.name for broker in read(text)] == ["rabbit1", "rabbit2", "rabbit3", "activemq1"]
    assert text == render(rabbitmq=hosts[::-1], activemq=[activemq()])


def test_an_activemq_broker_is_probed_over_stomp(read):
    (broker,) = read(render(activemq=[activemq(endpoint_denied_destination="shop.orders")]))
    assert broker.kind == "activemq"
    assert places(broker) == {"stomp": "10.0.0.6:61613"}


def test_an_inventory_without_brokers_leaves_a_document_that_says_so():
    assert json.loads(render())["brokers"] == []


def test_a_connector_with_tls_is_declared_and_stomp_without_it_is_probed(read):
    connectors = [
        {"protocol": "stomp", "transport": "ssl", "name": "stomp-tls"},
        {"protocol": "stomp"},
    ]
    (broker,) = read(render(activemq=[activemq(activemq_connectors=connectors)]))
    assert places(broker) == {"stomp": "10.0.0.6:61613"}
    assert [(one.protocol, one.port) for one in broker.listeners] == [("stomp+ssl", 61612), ("stomp", 61613)]


def test_stomp_inside_tls_is_probed_where_there_is_no_other(read, certificate):
    connectors = [
        {"protocol": "stomp", "address": "127.0.0.1"},
        {"protocol": "stomp", "transport": "nio+ssl", "name": "stomp-tls"},
    ]
    files = {"endpoint_ca_file": certificate[0]}
    (broker,) = read(render(activemq=[activemq(activemq_connectors=connectors, **files)]))
    expected = Endpoint("10.0.0.6", 61612, Tls(ca_file=certificate[0]), client_certificate="none")
    assert broker.endpoints == {"stomp": expected}


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"activemq_tls": False}, {"port": 61613, "tls": False}),
        ({"activemq_tls": "both"}, {"port": 61613, "tls": False}),
        (
            {"activemq_tls": "both", "endpoint_ca_file": "/etc/ca.pem"},
            {"port": 61612, "tls": True, "ca_file": "/etc/ca.pem", "client_certificate": "none"},
        ),
        (
            {"activemq_tls": "only", "activemq_tls_client_certificates": "required"},
            {"port": 61612, "tls": True, "plain_port": 61613, "client_certificate": "required"},
        ),
    ],
)
def test_an_activemq_broker_is_probed_inside_tls_where_it_can_be_trusted_or_has_nothing_else(
    variables, place
):
    (entry,) = json.loads(render(activemq=[activemq(**variables)]))["brokers"]
    assert {key: value for key, value in entry["stomp"].items() if value is not None} == place


def test_brokers_that_share_a_store_are_a_pair(read):
    shared = {"activemq_store_directory": "/srv/mq", "activemq_broker_name": "orders"}
    one, two, alone = read(
        render(
            activemq=[
                activemq(**shared),
                activemq(inventory_hostname="mq2", **shared),
                activemq(inventory_hostname="mq3"),
            ]
        )
    )
    assert one.pair == two.pair == "orders:/srv/mq" and alone.pair is None


def document(**variables):
    (entry,) = json.loads(render(rabbitmq=[rabbit(**variables)]))["brokers"]
    return entry


def test_a_node_with_tls_only_is_probed_inside_tls_and_its_plain_ports_are_to_be_closed():
    entry = document(
        rabbitmq_tls="only",
        rabbitmq_tls_amqp_port="5679",
        rabbitmq_tls_client_certificates="required",
        rabbitmq_management_address="0.0.0.0",  # noqa: S104
        endpoint_ca_file="/etc/ca.pem",
        endpoint_cert_file="/etc/smoke.pem",
        endpoint_key_file="/etc/smoke.key",
    )
    files = {
        "ca_file": "/etc/ca.pem",
        "cert_file": "/etc/smoke.pem",
        "key_file": "/etc/smoke.key",
        "login": None,
    }
    asks = {"tls": True, "client_certificate": "required", **files}
    assert entry["amqp"] == {"port": 5679, "plain_port": 5672, **asks}
    assert entry["stomp"] == {"port": 61614, "plain_port": 61613, **asks}
    assert entry["management"] == {
        **{"port": 15671, "plain_port": 15672, "tls": True},
        **{"ca_file": "/etc/ca.pem", "client_certificate": "none"},
    }


@pytest.mark.parametrize(
    "source",
    [
        {"rabbitmq_tls_source": "ca", "rabbitmq_tls_ca_certificate": "a CA"},
        {
            "rabbitmq_tls_source": "host",
            "rabbitmq_tls_certificate_file": "/etc/ssl/mq.pem",
            "rabbitmq_tls_key_file": "/etc/ssl/mq.key",
        },
    ],
    ids=["ca", "host"],
)
def test_where_a_certificate_comes_from_makes_no_difference_to_the_probes(source):
    assert document(rabbitmq_tls="only", **source) == document(rabbitmq_tls="only")


def test_management_inside_tls_on_loopback_is_not_probed():
    assert document(rabbitmq_tls="only")["management"] is None


@pytest.mark.parametrize(("authority", "port"), [(None, 5672), ("/etc/ca.pem", 5671)])
def test_a_node_with_both_is_probed_inside_tls_where_an_authority_can_be_trusted(authority, port):
    entry = document(rabbitmq_tls="both", endpoint_ca_file=authority)
    assert entry["amqp"]["port"] == port
    assert "plain_port" not in entry["amqp"], "it is open on purpose"
    assert [one["port"] for one in entry["listeners"]] == [5672, 15672, 61613, 5671, 15671, 61614]


def member(number, **variables):
    name = f"mq{number}"
    return rabbit(
        inventory_hostname=name,
        ansible_host=f"10.0.0.{number}",
        rabbitmq_cluster_name="prod",
        rabbitmq_plugins=["rabbitmq_management", "rabbitmq_stomp"],
        rabbitmq_management_address="0.0.0.0",  # noqa: S104
        **variables,
    )


def front(**variables):
    return {"inventory_hostname": "front", "ansible_host": "10.0.0.10", **variables}


def test_a_balancer_is_a_broker_at_its_own_address_and_no_member(read):
    *members, broker = read(render(rabbitmq=[member(1), member(2)], haproxy=[front(haproxy_amqp_port=5673)]))
    assert [one.cluster for one in members] == ["prod", "prod"]
    assert (broker.name, broker.kind, broker.cluster, broker.listeners) == ("front", "rabbitmq", None, None)
    assert (broker.user, broker.vhost) == ("smoke", "brokerkit-smoke")
    assert places(broker) == {"amqp": "10.0.0.10:5673", "stomp": "10.0.0.10:61613"}


def test_the_management_api_is_asked_through_a_balancer_that_has_a_port_for_it(read):
    given = front(haproxy_management_port=15672, haproxy_address="10.0.0.11")
    *_, broker = read(render(rabbitmq=[member(1)], haproxy=[given]))
    assert str(broker.endpoints["management"]) == "10.0.0.11:15672"


def test_behind_a_balancer_the_members_authority_is_trusted(read, certificate):
    given = {"rabbitmq_tls": "only", "endpoint_ca_file": certificate[0]}
    *_, broker = read(render(rabbitmq=[member(1, **given)], haproxy=[front()]))
    assert places(broker) == {"amqp": "10.0.0.10:5671", "stomp": "10.0.0.10:61614"}
    assert {one.tls.ca_file for one in broker.endpoints.values()} == {certificate[0]}


def test_a_balancer_on_a_members_host_has_a_name_of_its_own(read):
    both = member(1, haproxy_amqp_port=5673, haproxy_stomp_port=0)
    found = read(render(rabbitmq=[both], haproxy=[both]))
    assert [one.name for one in found] == ["mq1", "mq1-haproxy"]


def test_a_balancer_in_front_of_no_cluster_is_none(read):
    (broker,) = read(render(rabbitmq=[rabbit()], haproxy=[front()]))
    assert broker.name == "rabbit1"
