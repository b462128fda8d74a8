"""Which brokers to probe: from the endpoints file of a run.

Everything is refused at the door with one sentence that names the place and the remedy. The checks are
written out here because loading jsonschema takes 0.2 s, a tenth of what a whole run may take, and its
sentences do not say what to do.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from probes.files import read_secret
from probes.model import Broker, Endpoint, ExitCode, Listener, Refusal, Relay, Tls

PROJECT = Path(__file__).resolve().parent.parent.parent
SCHEMA = 1
KINDS = ("rabbitmq", "activemq")
PROTOCOLS = ("amqp", "stomp", "management")
FILES = ("ca_file", "cert_file", "key_file")  # of an endpoint with TLS
_OF_TLS = ("plain_port", "client_certificate", "login")  # the same
CERTIFICATE_DAYS = 14
_CLIENT_CERTIFICATES = ("none", "offered", "required")
_LOGINS = ("password", "certificate")
_OPTIONAL = (
    *("denied_vhost", "denied_destination", "dead_letter_prefix", "frame_limit", "pair", "certificate_days"),
    *("inventory", "written", "cluster", "relays"),
)
_TOGETHER = ", "  # between the sources of an inventory that has several
_AGAIN = "run the converge (`ansible-playbook -i INVENTORY site.yml`) again, it writes a new one"


def load(path: Path) -> list[Broker]:
    """Return the brokers of the endpoints file `path`.

    Raises Refusal for a file that is missing, open to others, truncated, of another schema, or that holds
    anything else than the template renders.
    """
    remedy = "run `ansible-playbook -i INVENTORY site.yml`, which writes it, or give --amqp, --stomp or --management"
    text = read_secret(path, "endpoints file", remedy)
    try:
        document = json.loads(text, object_pairs_hook=_Object)
    except (ValueError, RecursionError) as error:
        reason = "its parts are nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Refusal(
            ExitCode.DATA, f"The endpoints file {path} is not complete JSON ({reason}): {_AGAIN}."
        ) from None
    return _Reader(path).brokers(document)


def select(brokers: Sequence[Broker], inventories: Sequence[str], names: Sequence[str]) -> list[Broker]:
    """Return the brokers of these inventories (all, if it is empty) that have these names (all, if it is empty).

    An inventory is named as the file names it, by a path to it, or by its last part; a broker of several together is of
    each. Raises Refusal for a name that fits nothing, with those that there are.
    """
    known = sorted({broker.inventory for broker in brokers if broker.inventory})
    for wanted in inventories:
        if not any(_is_inventory(wanted, name) for name in known):
            there = (
                f"it holds brokers of {', '.join(known)}" if known else "no broker in it names its inventory"
            )
            raise Refusal(
                ExitCode.USAGE,
                f"--inventory {wanted}: the endpoints file has no such inventory, {there}; run "
                f"`ansible-playbook -i {wanted} site.yml`, or correct the name.",
            )
    left = [
        broker
        for broker in brokers
        if not inventories or any(_is_inventory(wanted, broker.inventory or "") for wanted in inventories)
    ]
    for name in names:
        if name not in {broker.name for broker in left}:
            there = ", ".join(broker.name for broker in left)
            raise Refusal(
                ExitCode.USAGE, f"--broker {name}: there is no broker of that name; there are {there}."
            )
    return [broker for broker in left if not names or broker.name in names]


def _is_inventory(wanted: str, name: str) -> bool:
    plain = wanted.rstrip("/")
    if not name or not plain:
        return False
    paths = {os.path.realpath(plain), os.path.realpath(os.path.dirname(plain) if _is_hosts(plain) else plain)}
    return plain == name or any(
        plain in (one, Path(one).name) or str((PROJECT / one).resolve()) in paths
        for one in name.split(_TOGETHER)
    )


def _is_hosts(path: str) -> bool:
    return Path(path).stem == "hosts"  # DIRECTORY/hosts.yml is called by its directory


def gone(brokers: Sequence[Broker]) -> dict[str, list[str]]:
    """Return the inventories that no longer exist, and the names of their brokers."""
    found: dict[str, list[str]] = {}
    for broker in brokers:
        sources = (broker.inventory or "").split(_TOGETHER)
        if broker.inventory and any("," not in one and not (PROJECT / one).exists() for one in sources):
            found.setdefault(broker.inventory, []).append(broker.name)
    return found


class _Object(dict[str, Any]):
    """A JSON object that notices duplicate keys; json itself takes the last one."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        keys = [key for key, _ in pairs]
        self.twice = next((key for key in keys if keys.count(key) > 1), None)


class _Reader:
    """Reads the decoded document; `where` in its refusals is the path inside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._of = ""  # the broker whose entry is being read, in words

    def refuse(self, where: str, problem: str) -> NoReturn:
        raise Refusal(
            ExitCode.DATA, f"The endpoints file {self._path}: {self._of}{where} {problem}; {_AGAIN}."
        )

    def brokers(self, document: Any) -> list[Broker]:
        if not isinstance(document, dict):
            self.refuse("the document", "is not an object")
        schema = document.get("schema")
        if schema != SCHEMA or not isinstance(schema, int) or isinstance(schema, bool):
            self.refuse("schema", f"is {json.dumps(schema)}, this prober reads {SCHEMA}")
        self.only_keys(document, "the document", ("schema", "brokers"))
        entries = document.get("brokers")
        if not isinstance(entries, list) or not entries:
            self.refuse("brokers", "is not a list with at least one broker")
        brokers = [self.broker(entry, f"brokers[{index}]") for index, entry in enumerate(entries)]
        self._of = ""
        return self.named(brokers)

    def named(self, brokers: list[Broker]) -> list[Broker]:
        """Return the brokers with unique names: if two inventories use the same, the inventory's name is appended."""
        names = Counter(broker.name for broker in brokers)
        for (name, inventory), times in Counter((one.name, one.inventory) for one in brokers).items():
            if times > 1:
                self.refuse(
                    "brokers", f"names {json.dumps(name)}{f' of {inventory}' if inventory else ''} twice"
                )
        for suffix in (_last_part, _whole_path):
            named = [
                replace(one, name=f"{one.name}.{suffix(one.inventory)}")
                if names[one.name] > 1 and one.inventory
                else one
                for one in brokers
            ]
            if len({one.name for one in named}) == len(named):
                return named
        self.refuse("brokers", "names two alike that no inventory tells apart")

    def broker(self, entry: Any, where: str) -> Broker:
        if not isinstance(entry, dict):
            self.refuse(where, "is not an object")
        self._of = (
            f"broker {json.dumps(name)}: " if isinstance(name := entry.get("name"), str) and name else ""
        )
        known = ("name", "kind", "version", "host", "vhost", "user", "password", "listeners")
        self.only_keys(entry, where, (*known, *_OPTIONAL, *PROTOCOLS))
        host = self.host(entry, where)
        kind = self.text(entry, where, "kind")
        if kind not in KINDS:
            self.refuse(f"{where}.kind", f"is {json.dumps(kind)}, known are {', '.join(KINDS)}")
        endpoints = {
            protocol: endpoint
            for protocol in PROTOCOLS
            if (endpoint := self.endpoint(entry.get(protocol), host, f"{where}.{protocol}")) is not None
        }
        if not endpoints:
            self.refuse(where, f"has none of {', '.join(PROTOCOLS)}: nothing could be probed")
        return Broker(
            name=self.line(entry, where, "name"),
            kind=kind,
            host=host,
            user=self.text(entry, where, "user"),
            password=self.text(entry, where, "password"),
            vhost=self.text(entry, where, "vhost"),
            denied_vhost=self.text_or_none(entry, where, "denied_vhost"),
            denied_destination=self.text_or_none(entry, where, "denied_destination"),
            dead_letter_prefix=self.text_or_none(entry, where, "dead_letter_prefix"),
            frame_limit=self.number_or_none(entry, where, "frame_limit"),
            pair=self.text_or_none(entry, where, "pair"),
            version=self.text_or_none(entry, where, "version"),
            endpoints=endpoints,
            listeners=self.listeners(entry.get("listeners"), f"{where}.listeners"),
            inventory=self.text_or_none(entry, where, "inventory"),
            cluster=self.text_or_none(entry, where, "cluster"),
            relays=self.relays(entry.get("relays"), f"{where}.relays"),
            written=self.text_or_none(entry, where, "written"),
            certificate_days=self.number_or_none(entry, where, "certificate_days") or CERTIFICATE_DAYS,
        )

    def only_keys(self, entry: dict[str, Any], where: str, known: tuple[str, ...]) -> None:
        unknown = sorted(set(entry) - set(known))
        if unknown:
            self.refuse(where, f"has the unknown key {json.dumps(unknown[0])}")
        if isinstance(entry, _Object) and entry.twice is not None:
            self.refuse(where, f"has the key {json.dumps(entry.twice)} twice")

    def text(self, entry: dict[str, Any], where: str, key: str) -> str:
        value = entry.get(key)
        if not isinstance(value, str) or not value:
            self.refuse(
                f"{where}.{key}", "is not a text" if value or value is False else "is missing or empty"
            )
        if problem := text_problem(value):
            self.refuse(f"{where}.{key}", problem)
        return value

    def line(self, entry: dict[str, Any], where: str, key: str) -> str:
        value = self.text(entry, where, key)
        if not value.isprintable():
            self.refuse(f"{where}.{key}", "holds a line break or another character that cannot be printed")
        return value

    def text_or_none(self, entry: dict[str, Any], where: str, key: str) -> str | None:
        """Return a string on one line, None if there is none."""
        return None if entry.get(key) is None else self.line(entry, where, key)

    def host(self, entry: dict[str, Any], where: str) -> str:
        value = self.text(entry, where, "host")
        if problem := host_problem(value):
            self.refuse(f"{where}.host", f"is {json.dumps(value)}, {problem}")
        return value

    def number_or_none(self, entry: dict[str, Any], where: str, key: str) -> int | None:
        value = entry.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
            return value
        self.refuse(f"{where}.{key}", "is neither null nor a number above 0")

    def endpoint(self, value: Any, host: str, where: str) -> Endpoint | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            self.refuse(where, "is neither null nor an object with port and tls")
        self.only_keys(value, where, ("port", "tls", *FILES, *_OF_TLS))
        speaks_tls = value.get("tls", False)
        if not isinstance(speaks_tls, bool):
            self.refuse(f"{where}.tls", "is neither true nor false")
        port, tls = self.port(value, where), self.tls(value, where) if speaks_tls else None
        for key in _OF_TLS:
            if tls is None and value.get(key) is not None:
                self.refuse(f"{where}.{key}", f"is given, and {where}.tls is not true")
        client = self.one_of(value, where, "client_certificate", _CLIENT_CERTIFICATES)
        login = self.one_of(value, where, "login", _LOGINS)
        if login == "certificate" and tls is not None and tls.cert_file is None:
            self.refuse(f"{where}.login", "is certificate, and there is no cert_file")
        plain = None if value.get("plain_port") is None else self.port(value, where, "plain_port")
        return Endpoint(host, port, tls, plain, client or "", login == "certificate")

    def one_of(self, value: dict[str, Any], where: str, key: str, known: tuple[str, ...]) -> str | None:
        """Return one of the texts that a key may have, None if it is not there."""
        given = value.get(key)
        if given is not None and given not in known:
            self.refuse(f"{where}.{key}", f"is {json.dumps(given)}, known are {', '.join(known)}")
        return given

    def tls(self, value: dict[str, Any], where: str) -> Tls:
        files = {key: self.text_or_none(value, where, key) for key in FILES}
        for key, path in files.items():
            if path is not None and not (os.path.isfile(path) and os.access(path, os.R_OK)):
                self.refuse(f"{where}.{key}", f"names {path}, which is not there or cannot be read")
        if (files["cert_file"] is None) != (files["key_file"] is None):
            self.refuse(where, "has one of cert_file and key_file; a certificate needs its key")
        return Tls(**files)

    def port(self, value: dict[str, Any], where: str, key: str = "port") -> int:
        port = value.get(key)
        if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
            self.refuse(f"{where}.{key}", f"is {json.dumps(port)}, not a port from 1 to 65535")
        return port

    def listeners(self, value: Any, where: str) -> tuple[Listener, ...] | None:
        if value is None:
            return None
        if not isinstance(value, list):
            self.refuse(where, "is not a list")
        return tuple(self.listener(entry, f"{where}[{index}]") for index, entry in enumerate(value))

    def relays(self, value: Any, where: str) -> tuple[Relay, ...]:
        """Return the relays that take from a broker; there are none in a file of an earlier version."""
        if value is None:
            return ()
        if not isinstance(value, list):
            self.refuse(where, "is not a list")
        return tuple(self.relay(entry, f"{where}[{index}]") for index, entry in enumerate(value))

    def relay(self, entry: Any, where: str) -> Relay:
        keys = ("name", "on", "queue", "dead", "vhost", "user")
        if not isinstance(entry, dict):
            self.refuse(where, "is not an object")
        self.only_keys(entry, where, (*keys, "password", "page"))
        lines = {key: self.line(entry, where, key) for key in keys}
        page = self.page(entry["page"], f"{where}.page") if entry.get("page") is not None else None
        return Relay(**lines, password=self.text(entry, where, "password"), page=page)

    def page(self, entry: Any, where: str) -> Endpoint:
        if not isinstance(entry, dict):
            self.refuse(where, "is not an object")
        self.only_keys(entry, where, ("host", "port"))
        return Endpoint(self.host(entry, where), self.port(entry, where))

    def listener(self, entry: Any, where: str) -> Listener:
        if not isinstance(entry, dict):
            self.refuse(where, "is not an object")
        self.only_keys(entry, where, ("protocol", "port", "address"))
        protocol = self.line(entry, where, "protocol")
        address = self.text_or_none(entry, where, "address")
        if address is not None and not _is_address(address):
            self.refuse(f"{where}.address", f"is {json.dumps(address)}, which is not an IP address")
        return Listener(protocol, self.port(entry, where), address)


def _last_part(inventory: str | None) -> str:
    return Path(inventory or "").name


def _whole_path(inventory: str | None) -> str:
    return (inventory or "").strip("/").replace("/", ".")


_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z")


def text_problem(text: str) -> str:
    """Return why no protocol can carry `text`, empty if all can."""
    if "\0" in text:
        return "holds a NUL character, which ends a text in every protocol"
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        return "holds half a character (a lone surrogate)"
    return ""


def host_problem(host: str) -> str:
    """Return why `host` is neither a valid host name nor an address, empty if it is."""
    if host != host.strip():
        return "which begins or ends with a blank"
    if _is_address(host):
        return ""
    try:
        labels = (
            (host if host.isascii() else host.encode("idna").decode("ascii")).removesuffix(".").split(".")
        )
    except UnicodeError:
        labels = [""]
    if len(host) > 253 or not all(map(_LABEL.match, labels)):
        return "which is neither a host's name nor an IP address"
    if all(map(str.isdigit, labels)):
        return "which looks like an IPv4 address and is none"
    return ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
