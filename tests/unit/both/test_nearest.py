"""What a misspelt variable is answered with: the one that was meant, or no suggestion; never a wrong one."""

from __future__ import annotations

import pytest
from brokers.nearest import ELSEWHERE, nearest
from role_files import ROLES, specs

KNOWN = {role: list(specs(role)["main"]["options"]) for role in ROLES}


@pytest.mark.parametrize(
    ("role", "name", "meant"),
    [
        ("rabbitmq", "rabbitmq_vm_memory", ["rabbitmq_memory_high_watermark"]),
        ("rabbitmq", "rabbitmq_vm_memory_high_watermark", ["rabbitmq_memory_high_watermark"]),
        ("rabbitmq", "rabbitmq_managment_port", ["rabbitmq_management_port"]),
        ("rabbitmq", "rabbitmq_port", ["rabbitmq_amqp_port"]),
        ("rabbitmq", "rabbitmq_disk_limit", ["rabbitmq_disk_free_limit"]),
        ("rabbitmq", "rabbitmq_users", ["rabbitmq_topology_users"]),
        ("rabbitmq", "rabbitmq_plugin", ["rabbitmq_plugins"]),
        ("rabbitmq_topology", "rabbitmq_topology_vhost", ["rabbitmq_topology_vhosts"]),
        ("activemq", "activemq_kaha_db", ["activemq_kahadb"]),
        ("rabbitmq", "rabbitmq_tls_port", ["rabbitmq_tls_amqp_port", "rabbitmq_tls_stomp_port"]),
        ("activemq", "activemq_port", ["activemq_connectors"]),
        ("activemq", "activemq_tls_client_certificate_required", ["activemq_tls_client_certificates"]),
        ("erlang", "erlang_verion", ["erlang_version"]),
    ],
)
def test_what_was_meant_is_named(role: str, name: str, meant: list[str]) -> None:
    assert nearest(role, name, KNOWN[role]) == meant


@pytest.mark.parametrize(
    "name",
    [
        "rabbitmq_zzz",
        "rabbitmq_ssl_cert",
        "rabbitmq_data_dir",
        "rabbitmq_restart",
        "rabbitmq_",
    ],
)
def test_nothing_is_suggested_where_nothing_is_near(name: str) -> None:
    assert nearest("rabbitmq", name, KNOWN["rabbitmq"]) == []


def test_names_from_elsewhere_lead_to_variables_that_exist() -> None:
    every = {name for names in KNOWN.values() for name in names}
    assert [name for table in ELSEWHERE.values() for name in table.values() if name not in every] == []
    assert [
        f"{role}_{name}" for role, table in ELSEWHERE.items() for name in table if f"{role}_{name}" in every
    ] == []
