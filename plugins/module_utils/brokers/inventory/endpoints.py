"""The endpoints file, for probes and applications: each broker's address and login.

One file holds the brokers of every inventory: an entry says which one it is of. `document` makes the entries of one
inventory from its variables, `merge` puts them among those of the others; both are pure. `update` writes the file.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..activemq.connectors import closed_port, connectors
from ..activemq.tls import client_certificate
from ..balancer import settings as balancers
from ..host.exchange import write
from ..rabbitmq import tls
from ..rabbitmq.listeners import enabled, listeners
from ..relay import beside, declared as relays
from ..relay.settings import Settings, objects_of, settings as relay_settings

SCHEMA = 1
_MODE = 0o600
_TOGETHER = ", "  # between the sources of an inventory that has several

Entry = dict[str, Any]
Variables = Mapping[str, Any]


def project(playbook_dir: str, working_directory: str) -> str:
    """Return the directory that relative paths of playbooks are in, and below which runs leave their files.

    That is the checkout. An installed collection is no place to write to: there it is the directory of the run.
    """
    above = os.path.dirname(os.path.realpath(playbook_dir))
    return working_directory if "ansible_collections" in above.split(os.sep) else above


def inventory_name(sources: list[str], project: str) -> str:
    """Return what an inventory is called: its sources, relative to the project where they are inside it.

    DIRECTORY/hosts.yml is called by its directory: it is the same inventory, given in another way.
    """
    return _TOGETHER.join(_source_name(str(source), project) for source in sources)


def _source_name(source: str, project: str) -> str:
    if "," in source:  # a list of hosts, not a path
        return source.replace(" ", "")
    path = os.path.realpath(source)
    if os.path.splitext(os.path.basename(path))[0] == "hosts":
        path = os.path.dirname(path)
    inside = os.path.relpath(path, os.path.realpath(project))
    return path if inside.startswith("..") else inside


def is_gone(inventory: str, project: str, exists: Callable[[str], bool] = os.path.exists) -> bool:
    """Return whether an inventory no longer exists; a list of hosts has no file that could."""
    paths = [] if "," in inventory.replace(_TOGETHER, "") else inventory.split(_TOGETHER)
    return any(not exists(os.path.join(project, path)) for path in paths)


# --- the entries of an inventory ----------------------------------------------------------------------------


def _settings(host: Variables, defaults: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: host.get(name, defaults[name]) for name in names}


def address(host: Variables) -> str:
    """Return the name or address by which clients reach a host."""
    return str(host.get("endpoint_host") or host.get("ansible_host") or host["inventory_hostname"])


def _common(host: Variables, name: str) -> Entry:
    return {
        "name": name,
        "host": address(host),
        "user": host["endpoint_user"],
        "password": host["endpoint_password"],
    }


_RABBITMQ = ["rabbitmq_plugins", "rabbitmq_config", "rabbitmq_advanced_config"]
_RABBITMQ += [
    f"rabbitmq_{what}_{part}"
    for what in ("amqp", "stomp", "management", "prometheus")
    for part in ("port", "address")
]
_RABBITMQ += ["rabbitmq_tls"]
_RABBITMQ += [f"rabbitmq_tls_{what}_port" for what in ("amqp", "stomp", "management", "prometheus")]
_RABBITMQ += [
    f"rabbitmq_tls_{what}"
    for what in (
        *("versions", "ciphers", "client_certificates", "depth", "login"),
        *("source", "certificate_file", "key_file"),
    )
]
_FILES = ("ca_file", "cert_file", "key_file")  # on the controller, for the probes


def rabbitmq(host: Variables, defaults: Mapping[str, Any]) -> Entry:
    """Return the entry of a host of the group rabbitmq."""
    settings = _settings(host, defaults, _RABBITMQ)
    there = listeners(settings)
    # Without an authority to trust, the probes speak TLS only where there is nothing else.
    with_tls = tls.is_on(settings) and (tls.is_only(settings) or bool(host.get("endpoint_ca_file")))

    def place(name: str, plain: str, secured: str) -> Entry | None:
        """Where the probes speak a protocol."""
        ports = [one["port"] for one in there if one["protocol"] == (secured if with_tls else plain)]
        if not with_tls or not ports:
            return {"port": ports[0], "tls": False} if ports else None
        return {"port": ports[0], "tls": True, **_tls(host, settings, name)}

    managed = "rabbitmq_management" in enabled(settings["rabbitmq_plugins"])
    management = place("management", "http", "https") if managed else None
    if any(one["protocol"] in ("http", "https") and str(one["address"]).startswith("127.") for one in there):
        management = None  # nobody reaches it from outside
    return {
        **_common(host, host["inventory_hostname"]),
        "kind": "rabbitmq",
        **({"cluster": host["rabbitmq_cluster_name"]} if host.get("rabbitmq_cluster_name") else {}),
        "vhost": host["endpoint_vhost"],
        "denied_vhost": host.get("endpoint_denied_vhost"),
        "amqp": place("amqp", "amqp", "amqp/ssl"),
        "stomp": place("stomp", "stomp", "stomp/ssl"),
        "management": management,
        "listeners": there,
    }


def _tls(host: Variables, settings: Variables, name: str) -> Entry:
    """Return what the probes need to know of a listener with TLS; the management API asks nobody for a certificate."""
    found: Entry = {"ca_file": host.get("endpoint_ca_file")}
    if tls.is_only(settings):
        found["plain_port"] = int(settings[f"rabbitmq_{name}_port"])
    if name == "management":
        return {**found, "client_certificate": "none"}
    found["client_certificate"] = settings["rabbitmq_tls_client_certificates"]
    found.update({key: host.get(f"endpoint_{key}") for key in ("cert_file", "key_file", "login")})
    return found


_ACTIVEMQ = ["activemq_connectors", "activemq_tls", "activemq_prometheus_port", "activemq_prometheus_address"]
_ACTIVEMQ += [f"activemq_tls_{what}" for what in ("versions", "ciphers", "client_certificates")]
NO_LIMITS = {
    "activemq_maximum_connections": 0,
    "activemq_maximum_frame_size": 0,
}  # nothing here depends on them


def activemq(host: Variables, defaults: Mapping[str, Any], name: str) -> Entry:
    """Return the entry of a host of the group activemq."""
    settings = {**_settings(host, defaults, _ACTIVEMQ), **NO_LIMITS}
    there = connectors(settings)
    stomps = [one for one in there if one["protocol"] == "stomp"]
    # One that can be reached from here; with an authority to trust, one with TLS, and one in the clear otherwise.
    trusts = bool(host.get("endpoint_ca_file"))
    stomps.sort(
        key=lambda one: (
            str(one["address"]).startswith("127.") or one["address"] == "::1",
            one["tls"] != trusts,
        )
    )
    store, broker = host.get("activemq_store_directory"), host.get("activemq_broker_name", "")
    limit = "activemq_maximum_frame_size"
    return {
        **_common(host, name),
        "kind": "activemq",
        "vhost": "/",
        "denied_destination": host.get("endpoint_denied_destination"),
        "dead_letter_prefix": host.get("endpoint_dead_letter_prefix"),
        "pair": f"{broker}:{store}" if store else None,
        "frame_limit": int(host.get(limit, defaults[limit])),
        "amqp": None,
        "stomp": _stomp(stomps[0], host, closed_port(settings, "stomp")) if stomps else None,
        "management": None,
        "listeners": [
            {
                "protocol": one["protocol"] + ("+ssl" if one["tls"] else ""),
                "port": one["port"],
                "address": one["address"],
            }
            for one in there
        ]
        + _activemq_metrics(settings),
    }


def _activemq_metrics(settings: Mapping[str, Any]) -> list[Entry]:
    port = int(settings["activemq_prometheus_port"])
    place = {"protocol": "http/prometheus", "port": port, "address": settings["activemq_prometheus_address"]}
    return [place] if port else []


def _stomp(connector: Mapping[str, Any], host: Variables, closed: int | None) -> Entry:
    found: Entry = {"port": connector["port"], "tls": connector["tls"]}
    if not connector["tls"]:
        return found
    found.update({name: host.get(f"endpoint_{name}") for name in _FILES})
    if closed is not None:
        found["plain_port"] = closed
    return {**found, "client_certificate": client_certificate(connector["options"])}


_PLACES = {"amqp": ("amqp", "amqps"), "stomp": ("stomp", "stomps")}
_PLACES["management"] = ("management", "management-tls")


def balancer(
    host: Variables,
    hosts: Mapping[str, Variables],
    groups: Mapping[str, list[str]],
    defaults: Mapping[str, Mapping[str, Any]],
    name: str,
) -> Entry | None:
    """Return the entry of a host of the group haproxy: a broker at another address; None where it stands for none.

    It has the login of the members, and is no member: what is asked of each host of a cluster is not asked of it.
    Inside TLS clients see the certificates of the members, so the same authority is trusted.
    """
    settings = {key: host.get(key, default) for key, default in defaults["haproxy"].items()}
    behind = balancers.members(settings, hosts, groups)
    if not behind:
        return None
    member = rabbitmq(hosts[behind[0]["host"]], defaults["rabbitmq"])
    ports = {
        one["name"]: one["port"] for one in balancers.services(settings, hosts, groups, defaults["rabbitmq"])
    }
    entry = {key: member[key] for key in ("kind", "vhost", "denied_vhost", "user", "password")}
    for protocol, (plain, secured) in _PLACES.items():
        there = member[protocol]
        port = ports.get(secured if there and there["tls"] else plain)
        kept = {key: value for key, value in (there or {}).items() if key != "plain_port"}
        entry[protocol] = {**kept, "port": port} if there and port else None
    own = host.get("haproxy_address")
    entry["host"] = own if own and own not in ("0.0.0.0", "::") else address(host)  # noqa: S104 - compared, not bound
    return {"name": name, **entry, "listeners": None}


def document(
    hosts: Mapping[str, Variables],
    groups: Mapping[str, list[str]],
    defaults: Mapping[str, Mapping[str, Any]],
    inventory: str | None = None,
) -> dict[str, Any]:
    """Return the endpoints of the brokers of an inventory.

    It needs nothing but the inventory, so that a run with --limit leaves the entries of the other hosts as they were.
    """
    nodes = sorted(groups.get("rabbitmq") or [])
    brokers = [rabbitmq(hosts[name], defaults["rabbitmq"]) for name in nodes]
    for name in sorted(groups.get("activemq") or []):
        label = f"{name}-activemq" if name in nodes else name
        brokers.append(activemq(hosts[name], defaults["activemq"], label))
    for name in sorted(groups.get("haproxy") or []):
        label = f"{name}-haproxy" if name in {one["name"] for one in brokers} else name
        entry = balancer(hosts[name], hosts, groups, defaults, label)
        brokers += [entry] if entry and any(entry[protocol] for protocol in _PLACES) else []
    for found in _relays(hosts, groups, brokers):
        found[0].setdefault("relays", []).append(found[1])
    return {"schema": SCHEMA, "brokers": [{**one, "inventory": inventory} for one in brokers]}


def _relays(
    hosts: Mapping[str, Variables], groups: Mapping[str, list[str]], brokers: Sequence[Entry]
) -> Iterator[tuple[Entry, Entry]]:
    """Yield the entry of a broker and that of a relay that takes from it; of a cluster, the first member is meant."""
    for host in sorted(groups.get("relays") or []):
        declared = hosts[host].get("message_relay_relays", [])
        for one in [] if relays.problems(declared) else declared:
            taken = relay_settings(relays.document(one))
            names = beside.brokers(
                taken.source["hosts"], host, hosts, groups.get(taken.source["broker"]) or []
            )
            meant = [entry for entry in brokers if entry["kind"] == taken.source["broker"]]
            meant = [entry for entry in meant if entry["name"].removesuffix("-activemq") in sorted(names)[:1]]
            password = str(one["source"]["password"])
            for entry in meant[:1]:
                page = _page(taken, address({"inventory_hostname": host, **hosts[host]}))
                yield entry, {"on": host, "password": password, **_queues(taken), **page}


def _queues(relay: Settings) -> Entry:
    source = relay.source
    found = {"name": relay.name, "queue": source["queue"], "dead": objects_of(relay.name)["dead"]}
    return {**found, "vhost": source["vhost"], "user": source["user"]}


def _page(relay: Settings, host: str) -> Entry:
    """Return where others than the relay's host may ask for its health, if they may."""
    at = ipaddress.ip_address(relay.metrics_address)
    if at.is_loopback:
        return {}
    return {"page": {"host": host if at.is_unspecified else str(at), "port": relay.metrics_port}}


# --- among the entries of other inventories -----------------------------------------------------------------


def _same(one: Entry, other: Entry) -> bool:
    return all(one.get(key) == other.get(key) for key in ("name", "kind", "host"))


def _content(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if key not in ("inventory", "written")}


def merge(
    present: list[Entry], wanted: list[Entry], inventory: str, gone: Callable[[str], bool], now: str
) -> tuple[list[Entry], list[str]]:
    """Return the entries of the file, and which ones left it that are not of `inventory`: "NAME of INVENTORY".

    A run replaces the entries of its own inventory, and takes those along whose inventory is no longer there, or that
    say none (an older file). A broker of two inventories has one entry: it stays with the first one while both say the
    same of it, and is that of the last one otherwise.
    """
    lasting = [one for one in present if one.get("inventory") and not gone(one["inventory"])]
    brokers = []
    for new in wanted:
        known = [one for one in lasting if _same(one, new) and _content(one) == _content(new)]
        brokers.append(known[0] if known else {**new, "inventory": inventory, "written": now})
    others = [
        one for one in lasting if one["inventory"] != inventory and not any(_same(one, new) for new in wanted)
    ]
    left = [
        f"{one.get('name')} of {one.get('inventory') or 'no inventory'}"
        for one in present
        if one not in lasting and not any(_same(one, new) for new in wanted)
    ]
    return sorted([*brokers, *others], key=lambda one: str(one["inventory"])), left


def read(text: str | None) -> list[Entry]:
    """Return the entries of a file; none of one that is no endpoints file, which a run is to replace."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return []
    entries = found.get("brokers") if isinstance(found, dict) and found.get("schema") == SCHEMA else None
    return [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []


@contextlib.contextmanager
def _locked(directory: str) -> Iterator[None]:
    """Hold the lock for reading and writing the file; it is on the directory, and leaves nothing behind."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def update(path: str, change: Callable[[list[Entry]], list[Entry]], check: bool = False) -> bool:
    """Replace the entries of a file by what `change` makes of them, in one step; return whether that differs.

    The file stays its owner's, and readable by nobody else. Concurrent runs wait for each other.
    Its directory is made where that alone is missing.
    """
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        os.stat(os.path.dirname(directory))  # a path that is wrong from further up is refused
        if check:
            change([])
            return True
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)
    with _locked(directory):
        text: str | None = None
        ids, mode = None, _MODE
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8", errors="replace") as stream:
            found = os.fstat(stream.fileno())
            ids, mode = (found.st_uid, found.st_gid), stat.S_IMODE(found.st_mode)
            text = stream.read()
        entries = change(read(text))
        wanted = json.dumps({"schema": SCHEMA, "brokers": entries}, indent=4, sort_keys=True) + "\n"
        if wanted == text and mode == _MODE:
            return False
        if not check:
            write(path, wanted, _MODE, ids if os.geteuid() == 0 else None)
        return True
