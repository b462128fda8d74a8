"""What a RabbitMQ node is asked beside its host: see host/audit.py."""

from __future__ import annotations

from typing import Any

from ..host.audit import Found, Row, is_reachable

LOW_DISK = 1_000_000_000  # bytes; the broker's default of 50 MB is for development
SHARES = (0.2, 0.7)  # of the memory, for the limit at which publishers are blocked

# Protocols of rabbit_networking:node_listeners/1 without TLS.
_PLAIN = ("amqp", "stomp", "mqtt", "stream", "http/web-stomp", "http/web-mqtt")
_PAGES = {
    "http": ("management", "rabbitmq_management_address"),
    "http/prometheus": ("prometheus", "rabbitmq_prometheus_address"),
}

# Source of the calls: rabbit, vm_memory_monitor and rabbit_disk_monitor of 3.8 to 4.3.
QUESTION = """
WellKnown = case catch rabbit_auth_backend_internal:user_login_authentication(
        <<"guest">>, [{password, <<"guest">>}]) of {ok, _} -> true; _ -> false end,
Text = fun(A) when is_atom(A) -> atom_to_binary(A, utf8); (B) when is_binary(B) -> B; (_) -> <<>> end,
Path = fun(L) when is_list(L) -> unicode:characters_to_binary(L); (B) when is_binary(B) -> B; (_) -> <<>> end,
Anonymous = Text(application:get_env(rabbit, anonymous_login_user, none)),
Number = fun(N) when is_number(N) -> N; (_) -> 0 end,
Answer = #{
    version => list_to_binary(rabbit_misc:version()),
    guest => WellKnown,
    anonymous => case Anonymous =/= <<"none">> andalso rabbit_auth_backend_internal:lookup_user(Anonymous) of
        {ok, _} -> Anonymous; _ -> <<>> end,
    mechanisms => [Text(M) || M <- application:get_env(rabbit, auth_mechanisms, [])],
    memory => Number(vm_memory_monitor:get_total_memory()),
    memory_limit => Number(vm_memory_monitor:get_memory_limit()),
    disk_limit => Number(rabbit_disk_monitor:get_disk_free_limit()),
    alarms => length(rabbit_alarm:get_alarms()),
    key => Path(proplists:get_value(keyfile, application:get_env(rabbit, ssl_options, []), "")),
    listeners => [[Text(element(3, L)), element(6, L)] || L <- rabbit_networking:node_listeners(node())]}
"""


def rows(node: Found, listeners: list[dict[str, Any]], filtered: bool = False) -> list[Row]:
    """Return what a node that answered QUESTION is asked; `listeners` are the host's, as the kernel has them.

    `filtered` is whether the role's packet filter keeps all but the members from the ports between nodes.
    3.8 says of its distribution port that it is open on every interface, whatever it is bound to.
    """
    also = any(is_secured(protocol) for protocol, _ in node["listeners"])
    open_ports: dict[int, str] = {}
    for one in listeners:
        if is_reachable(one["address"]):
            open_ports[one["port"]] = one["address"]
    epmd = {one["port"] for one in listeners if one["process"] == "epmd"}
    return [
        _guest(node),
        _anonymous(node),
        _memory(node),
        _disk(node),
        _alarms(node),
        *(
            Row(f"{protocol} {port}")
            if filtered and protocol == "clustering"
            else _listener(protocol, port, open_ports, also)
            for protocol, port in sorted(node["listeners"], key=lambda one: one[1])
        ),
        _epmd([] if filtered else sorted(epmd & {*open_ports})),
    ]


def is_secured(protocol: str) -> bool:
    """Return whether a protocol of node_listeners is inside TLS."""
    return protocol.endswith("/ssl") or protocol.startswith("https")


def _guest(node: Found) -> Row:
    if not node["guest"]:
        return Row("guest")
    return Row(
        "guest",
        "it has the password that everybody knows: declare it in rabbitmq_topology_users with state: absent",
    )


def _anonymous(node: Found) -> Row:
    user = node["anonymous"]
    if not user or "ANONYMOUS" not in node["mechanisms"]:
        return Row("anonymous logins")
    return Row(
        "anonymous logins",
        f"whoever connects without a login is the user {user}: set rabbitmq_config, key anonymous_login_user, to none",
    )


def _memory(node: Found) -> Row:
    share = node["memory_limit"] / node["memory"] if node["memory"] else 0
    low, high = SHARES
    if low <= share <= high:
        return Row("memory limit")
    return Row(
        "memory limit",
        f"publishers are blocked at {share:.0%} of the memory; set rabbitmq_memory_high_watermark to a share between "
        f"{low} and {high}",
    )


def _disk(node: Found) -> Row:
    limit = node["disk_limit"]
    if limit >= LOW_DISK:
        return Row("disk limit")
    return Row(
        "disk limit",
        f"publishers are blocked only when {limit / 1e6:.0f} MB are left; set rabbitmq_disk_free_limit to 2GB",
    )


def _alarms(node: Found) -> Row:
    if not node["alarms"]:
        return Row("alarms")
    return Row(
        "alarms",
        f"{node['alarms']} in force, and publishers are blocked: rabbitmq-diagnostics alarms names them",
    )


def _listener(protocol: str, port: int, open_ports: dict[int, str], also: bool) -> Row:
    name = f"{protocol} {port}"
    if port not in open_ports:
        return Row(name)
    where = f"it listens on {open_ports[port]}"
    if protocol == "clustering":
        return Row(
            name,
            f"{where} and runs commands for whoever has the cookie; set rabbitmq_distribution_address to 127.0.0.1, or "
            "in a cluster to the address that only its members reach, or rabbitmq_cluster_filter to true",
        )
    if protocol in _PAGES:
        what, variable = _PAGES[protocol]
        return Row(
            name,
            f"{where}, and {what} is not inside TLS; set {variable} to 127.0.0.1, or rabbitmq_tls to only",
        )
    if protocol in _PLAIN:
        return Row(
            name,
            f"{where}{', beside one with TLS' if also else ''}, and passwords and messages cross the network in the "
            "clear; set rabbitmq_tls to only (docs/tls.md)",
        )
    return Row(name)


def _epmd(ports: list[int]) -> Row:
    if not ports:
        return Row("epmd")
    return Row(
        "epmd",
        f"it tells whoever reaches port {ports[0]} which nodes there are; set rabbitmq_epmd_address to 127.0.0.1, or "
        "in a cluster to the address that only its members reach, or rabbitmq_cluster_filter to true",
    )
