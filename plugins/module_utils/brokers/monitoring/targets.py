"""What Prometheus scrapes: the metrics of each declared broker, and node_exporter where the prober runs.

Files are those of Prometheus's file_sd. Each target has the labels broker (as in the endpoints file, and as the prober
has it), broker_kind and, on a member, cluster: the alert rules join by them.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from ..inventory import endpoints

Variables = Mapping[str, Any]
Target = dict[str, Any]
NODE_EXPORTER_PORT = 9100
_LOOPBACK = ("127.", "::1")
# A broker is watched whether or not the probes have a login there.
_NO_LOGIN = {"endpoint_user": "", "endpoint_password": "", "endpoint_vhost": "/"}


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _target(entry: Mapping[str, Any], port: int, **labels: str) -> Target:
    cluster = {"cluster": entry["cluster"]} if entry.get("cluster") else {}
    own = {"broker": entry["name"], "broker_kind": entry["kind"], **cluster, **labels}
    return {"targets": [_address(entry["host"], port)], "labels": own}


# What makes a broker of a kind serve metrics, and others than its own host reach them.
_CURES = {
    "rabbitmq": ("add rabbitmq_prometheus to rabbitmq_plugins", "rabbitmq_prometheus_address"),
    "activemq": ("set activemq_prometheus_port", "activemq_prometheus_address"),
}


def _of(entry: Mapping[str, Any]) -> tuple[Target | None, str]:
    """Return the target of a broker, or why it has none. Where there are two listeners, the one with TLS is scraped."""
    there = {one["protocol"]: one for one in entry["listeners"]}
    found = there.get("https/prometheus") or there.get("http/prometheus")
    if found is None:
        return None, f"has no metrics; {_CURES[entry['kind']][0]}"
    if str(found["address"]).startswith(_LOOPBACK):
        return None, (
            f"serves its metrics on {found['address']} only; set {_CURES[entry['kind']][1]} to the address that the "
            "monitoring host reaches"
        )
    scheme = {"__scheme__": "https"} if found["protocol"] == "https/prometheus" else {}
    return _target(entry, found["port"], **scheme), ""


def targets(
    hosts: Mapping[str, Variables],
    groups: Mapping[str, list[str]],
    defaults: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the targets by the name of their file, and a sentence for each broker that cannot be scraped."""
    found: dict[str, list[Target]] = {"rabbitmq": [], "activemq": [], "smoke": []}
    left: list[str] = []
    # Reading a variable of a host templates it: of each one only what is asked for.
    kinds = {kind: groups.get(kind, []) for kind in _CURES}
    known = {name: ChainMap(hosts[name], _NO_LOGIN) for names in kinds.values() for name in names}  # type: ignore[arg-type]
    for entry in endpoints.document(known, kinds, defaults)["brokers"]:
        target, reason = _of(entry)
        if target is None:
            left.append(f"{entry['name']}: {reason}.")
        else:
            found[entry["kind"]].append(target)
    for name in groups.get("smoke_timers", []):
        host = hosts[name]
        address = host.get("endpoint_host") or host.get("ansible_host") or name
        port = int(host.get("monitoring_node_exporter_port", NODE_EXPORTER_PORT))
        found["smoke"].append({"targets": [_address(address, port)], "labels": {"prober": name}})
    return {"files": found, "left": left}
