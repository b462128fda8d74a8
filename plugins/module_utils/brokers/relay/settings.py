"""A relay as it is declared: the values that may be left out, and a sentence for each that is wrong."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..role_arguments import kind_of
from . import outcomes, url, waits

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # a header's name: RFC 9110, 5.6.2
_VALUE = re.compile(r"[\x20-\x7e]*\Z")
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
# The program sets these itself, from what it sends: a second one could make two requests out of one.
OWN_HEADERS = (
    "connection",
    "content-length",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "idempotency-key",
    "x-relay-redelivered",
)
NONE, MESSAGE = "none", "message"
RABBITMQ, ACTIVEMQ = "rabbitmq", "activemq"
# Without and with TLS, as the roles have them.
_PORTS = {RABBITMQ: (5672, 5671), ACTIVEMQ: (61613, 61612)}
# What ActiveMQ reads as several queues, as a pattern or as options.
_QUEUE_OF_ACTIVEMQ = re.compile(r"[^\s,*>?]+\Z")


@dataclass(frozen=True)
class _Key:
    """A key of a declaration: what it has to be, and what it is without one (None: it has to be there)."""

    kind: str  # str, int, list, dict
    default: Any = None
    required: bool = False
    least: int = 0
    most: int = 0


def _whole(default: int, least: int, most: int) -> _Key:
    return _Key("int", default, least=least, most=most)


_TEXT, _REQUIRED = _Key("str", ""), _Key("str", required=True)
KEYS: Mapping[str, Mapping[str, _Key]] = {
    "": {
        "name": _REQUIRED,
        "source": _Key("dict", required=True),
        "request": _Key("dict", required=True),
        "outcomes": _Key("dict", {}),
        "retry": _Key("dict", {}),
        "largest_message": _whole(1048576, 1, 134217728),
        "metrics_port": _Key("int", required=True, least=1, most=65535),
        "metrics_address": _Key("str", "127.0.0.1"),
    },
    "source": {
        "broker": _Key("str", RABBITMQ),
        "hosts": _Key("list", required=True),
        "port": _whole(0, 1, 65535),
        "vhost": _Key("str", "/"),
        "user": _TEXT,
        "password_file": _REQUIRED,
        "queue": _REQUIRED,
        "prefetch": _whole(10, 1, 1000),
        "workers": _whole(1, 1, 32),
        "tls": _Key("bool", False),
        "ca_file": _TEXT,
    },
    "request": {
        "method": _REQUIRED,
        "url": _REQUIRED,
        "headers": _Key("dict", {}),
        "body": _Key("str", NONE),
        "timeout": _whole(30, 1, 300),
        "user": _TEXT,
        "password_file": _TEXT,
        "token_file": _TEXT,
        "ca_file": _TEXT,
        "certificate_file": _TEXT,
        "key_file": _TEXT,
    },
    "outcomes": {name: _Key("list", []) for name in ("done", "never", "later", "stop")},
    "retry": {
        "first_wait": _whole(5, 1, 3600),
        "largest_wait": _whole(600, 1, 86400),
        "attempts": _whole(20, 1, 1000),
    },
}


@dataclass(frozen=True)
class Settings:
    """A relay that was found to be right; every key of KEYS has a value."""

    name: str
    source: Mapping[str, Any]
    request: Mapping[str, Any]
    outcomes: outcomes.Table
    url: url.Url
    waits: tuple[int, ...]
    attempts: int
    largest_message: int
    metrics_port: int
    metrics_address: str


def objects_of(name: str) -> dict[str, str]:
    """Return the names of a relay's own objects in the broker."""
    return {"exchange": f"relay.{name}", "dead": f"relay.{name}.dead", "user": f"relay-{name}"}


def waiting_queue(name: str, wait: int) -> str:
    """Return the name of the queue in which messages wait that long. It is its routing key too."""
    return f"relay.{name}.wait-{wait}"


def refusals(document: Any, where: str = "") -> list[str]:
    """Return what is wrong with a declaration, one sentence each; `where` goes before the name of each key."""
    return [f"{where}{one}" for one in _refusals(document)]


def settings(document: Mapping[str, Any]) -> Settings:
    """Return the settings of a declaration of which `refusals` finds nothing wrong."""
    top = filled(document, "")
    source, request, retry = (filled(top[name], name) for name in ("source", "request", "retry"))
    source["port"] = source["port"] or _PORTS[source["broker"]][source["tls"]]
    source["user"] = source["user"] or objects_of(top["name"])["user"]
    return Settings(
        top["name"],
        source,
        request,
        outcomes.table(top["outcomes"]),
        url.parsed(request["url"]),
        tuple(waits.steps(retry["first_wait"], retry["largest_wait"])),
        retry["attempts"],
        top["largest_message"],
        top["metrics_port"],
        top["metrics_address"],
    )


def filled(given: Mapping[str, Any], section: str) -> dict[str, Any]:
    """Return a section with the defaults of what it leaves out."""
    return {name: given.get(name, key.default) for name, key in KEYS[section].items()}


# --- what is wrong ----------------------------------------------------------------------------------------------


def _refusals(document: Any) -> list[str]:
    if not isinstance(document, Mapping):
        return [
            f"relay: is {kind_of(document)}; declare it as a dictionary: name, source, request, metrics_port"
        ]
    found = list(_keys(document, ""))
    for section in ("source", "request", "outcomes", "retry"):
        if isinstance(document.get(section), Mapping):
            found += _keys(document[section], section)
    if found:
        return found  # the rest reads values, and would only say the same again
    top = filled(document, "")
    name = top["name"]
    if not NAME.match(name):
        found.append(
            f"name: '{name}' is not a name for queues and a service; write up to 40 small letters, digits and '-'"
        )
    if not _is_address(top["metrics_address"]):
        found.append(
            f"metrics_address: '{top['metrics_address']}' is not an IP address; write one of the host's, or 0.0.0.0"
        )
    return [
        *found,
        *_source(filled(top["source"], "source")),
        *_request(filled(top["request"], "request")),
        *_outcomes(filled(top["outcomes"], "outcomes")),
        *_retry(filled(top["retry"], "retry")),
    ]


def _keys(given: Mapping[str, Any], section: str) -> Iterator[str]:
    """Yield what is wrong with names and types."""
    known, prefix = KEYS[section], f"{section}." if section else ""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"it can have {', '.join(known)}"
            yield f"{prefix}{name}: there is no such key; {hint}"
    for name, key in known.items():
        if name not in given:
            if key.required:
                yield f"{prefix}{name}: is missing, and has no default; {_ASKED[f'{prefix}{name}']}"
            continue
        problem = _type_problem(given[name], key)
        if problem:
            yield f"{prefix}{name}: {problem}"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_ASKED = {
    "name": "call the relay by what it does, such as credit-delete",
    "source": "say where messages come from: hosts, queue and password_file",
    "request": "say what is done with a message: method and url",
    "metrics_port": "choose a free port, on which metrics and health are served",
    "source.hosts": "list the addresses of the broker, or of all members of its cluster",
    "source.password_file": "name the file with the password of the broker's user",
    "source.queue": "name the queue",
    "request.method": f"choose one of {', '.join(METHODS)}",
    "request.url": "write the address, such as http://app:8000/orders/{id}",
}
_KINDS = {
    "str": "a text",
    "int": "a whole number",
    "list": "a list",
    "dict": "a dictionary",
    "bool": "true or false",
}


def _type_problem(value: Any, key: _Key) -> str | None:
    right = {
        "str": isinstance(value, str),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "bool": isinstance(value, bool),
        "list": isinstance(value, (list, tuple)),
        "dict": isinstance(value, Mapping),
    }[key.kind]
    if not right:
        return f"is {kind_of(value)}; write {_KINDS[key.kind]}"
    if key.kind == "str" and (key.required and not value):
        return "is empty; give it a value"
    if key.kind == "int" and not key.least <= value <= key.most:
        return f"{value} is out of range; write a number from {key.least} to {key.most}"
    return None


def _source(source: Mapping[str, Any]) -> Iterator[str]:
    if source["broker"] not in _PORTS:
        yield f"source.broker: '{source['broker']}' is not one of {', '.join(_PORTS)}; choose one"
    if source["broker"] == ACTIVEMQ:
        yield from _of_activemq(source)
    if not source["hosts"]:
        yield f"source.hosts: is empty; {_ASKED['source.hosts']}"
    for host in source["hosts"]:
        if not isinstance(host, str) or not re.match(r"[A-Za-z0-9._:-]+\Z", host):
            yield f"source.hosts: {host!r} is not a host's name or address; write one for each, without a port"
    for name in ("queue", "vhost", "user"):
        if len(source[name].encode()) > 255 or not source[name].isprintable():
            yield f"source.{name}: has more than 255 bytes or a control character; write it as the broker lists it"
    if source["ca_file"] and not source["tls"]:
        yield "source.ca_file: is only used with TLS; set source.tls to true, or leave it out"
    yield from _paths("source", source, ("password_file", "ca_file"))


def _of_activemq(source: Mapping[str, Any]) -> Iterator[str]:
    if source["vhost"] != KEYS["source"]["vhost"].default:
        yield f"source.vhost: ActiveMQ has none, and it is '{source['vhost']}'; leave it out"
    if not _QUEUE_OF_ACTIVEMQ.match(source["queue"]) or "://" in source["queue"]:
        yield (
            f"source.queue: '{source['queue']}' is not the name of one queue; write it without queue:// and without "
            "blanks, ',', '*', '>' and '?'"
        )


def _request(request: Mapping[str, Any]) -> Iterator[str]:
    method = request["method"]
    if method not in METHODS:
        yield f"request.method: '{method}' is not one of {', '.join(METHODS)}; choose one, in capitals"
    if request["body"] not in (NONE, MESSAGE):
        yield f"request.body: '{request['body']}' is not one of {NONE}, {MESSAGE}; '{MESSAGE}' passes the body on"
    elif request["body"] == MESSAGE and method in ("GET", "HEAD"):
        yield f"request.body: servers ignore the body of a {method}; use POST, PUT or PATCH, or '{NONE}'"
    try:
        scheme = url.parsed(request["url"]).scheme
    except ValueError as error:
        yield f"request.url: {error}"
        scheme = request["url"].partition(":")[0]
    yield from _headers(request)
    yield from _login(request)
    for name in ("ca_file", "certificate_file", "key_file"):
        if request[name] and scheme == "http":
            yield f"request.{name}: the URL begins with http://, so it is not used; write https://, or leave it out"
    if bool(request["certificate_file"]) != bool(request["key_file"]):
        yield "request.certificate_file: a certificate needs its key; give key_file too, or neither"
    yield from _paths(
        "request", request, ("password_file", "token_file", "ca_file", "certificate_file", "key_file")
    )


def _headers(request: Mapping[str, Any]) -> Iterator[str]:
    for name, value in request["headers"].items():
        if not isinstance(name, str) or not _TOKEN.match(name):
            yield f"request.headers: {name!r} is not a header's name; write letters, digits and '-'"
        elif name.lower() in OWN_HEADERS:
            yield f"request.headers: {name} is set by the relay, from what it sends; leave it out"
        elif name.lower() == "authorization":
            yield "request.headers: Authorization is a secret; give a token, or user and password, on their own"
        elif not isinstance(value, str) or not _VALUE.match(value):
            yield f"request.headers: {name} is not a text of printable ASCII in one line; write it so, in quotes"


def _login(request: Mapping[str, Any]) -> Iterator[str]:
    if bool(request["user"]) != bool(request["password_file"]):
        yield "request.user: a login has both; give request.user and request.password_file, or neither"
    if request["user"] and request["token_file"]:
        yield "request.token_file: there is a user as well, and a request has one login; leave out one of the two"
    if ":" in request["user"] or not _VALUE.match(request["user"]):
        yield f"request.user: '{request['user']}' cannot be sent as it is; write printable ASCII without a colon"


def _outcomes(declared: Mapping[str, Any]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name, words in declared.items():
        for word in words:
            key = outcomes.key(word)
            if key is None:
                yield f"outcomes.{name}: {word!r} is no status; write one from 200 to 599, or a class such as '4xx'"
            elif seen.setdefault(key, name) != name:
                yield f"outcomes.{name}: {key} is in outcomes.{seen[key]} as well; take it out of one of them"
    for one in ("401", "403"):
        if seen.get(one) == "done":
            yield f"outcomes.done: {one} says that the login is wrong and nothing was done; leave it out"


def _retry(retry: Mapping[str, Any]) -> Iterator[str]:
    if retry["first_wait"] > retry["largest_wait"]:
        yield (
            f"retry.first_wait: {retry['first_wait']} is more than retry.largest_wait, "
            f"{retry['largest_wait']}; waits grow from the first to the largest"
        )


def _paths(section: str, given: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if given[name] and ("\0" in given[name] or "\n" in given[name]):
            yield f"{section}.{name}: has a line break or NUL in it; write the path of a file"
