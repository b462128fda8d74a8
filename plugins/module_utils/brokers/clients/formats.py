"""The files of an application's settings: one login and one broker in the form that each client reads.

A password is written as it is where the format quotes (JSON, Python, Java's properties), and percent-encoded in URLs.
Readers of .env files disagree about quotes, `$` and backslashes, so that file holds a login in URLs alone: no value in
it has a character that one of them would take for something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ..activemq.access import property_text
from .places import Place

MANAGED = "Written by Brokerkit (playbooks/clients.yml); changes made here are overwritten."
CA, CERTIFICATE, KEY = "ca.pem", "client.pem", "client.key"
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=?{}-]*\Z")
_BUNDLE = "brokerkit"


@dataclass(frozen=True)
class Application:
    """One application, and what it needs to reach its broker; `home` is the directory in which it finds its files."""

    name: str
    kind: str  # of the broker: rabbitmq or activemq
    user: str
    password: str
    home: str
    vhost: str = ""
    tls: bool = False
    amqp: Sequence[Place] = ()
    stomp: Sequence[Place] = ()
    openwire: Sequence[Place] = ()
    authority: str = ""
    certificate: str = ""
    key: str = ""
    destinations: Mapping[str, str] = field(default_factory=dict)
    inventory: str = ""  # that declares it

    def path(self, name: str) -> str:
        """Return where the application finds one of its files; '' where it has none of that name."""
        held = {CA: self.authority, CERTIFICATE: self.certificate, KEY: self.key}
        return f"{self.home}/{name}" if self.tls and held[name] else ""


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _url(app: Application, scheme: str, place: Place, query: Mapping[str, str] | None = None) -> str:
    login = f"{_encoded(app.user)}:{_encoded(app.password)}"
    path = f"/{_encoded(app.vhost)}" if app.vhost else ""
    given = "&".join(f"{key}={_encoded(value)}" for key, value in (query or {}).items() if value)
    return f"{scheme}://{login}@{_host(place[0])}:{place[1]}{path}" + (f"?{given}" if given else "")


def _ssl_files(app: Application) -> dict[str, str]:
    """Return the files by the names that Python's clients have for them."""
    names = {"ca_certs": CA, "certfile": CERTIFICATE, "keyfile": KEY}
    return {key: app.path(name) for key, name in names.items() if app.path(name)}


def pika_urls(app: Application) -> list[str]:
    """Return a URL for pika for each place; ssl_options is the dictionary that it evaluates."""
    if not app.tls:
        return [_url(app, "amqp", place) for place in app.amqp]
    files = _ssl_files(app)
    return [
        _url(
            app,
            "amqps",
            place,
            {"ssl_options": repr({**files, "server_hostname": place[0]}) if files else ""},
        )
        for place in app.amqp
    ]


def aio_pika_urls(app: Application) -> list[str]:
    """Return a URL for aio-pika for each place."""
    files = {"cafile": app.path(CA), "certfile": app.path(CERTIFICATE), "keyfile": app.path(KEY)}
    scheme = "amqps" if app.tls else "amqp"
    return [_url(app, scheme, place, files) for place in app.amqp]


def celery_url(app: Application) -> str:
    """Return the URL for kombu and Celery, which has every place in it."""
    return ";".join(_url(app, "amqps" if app.tls else "amqp", place) for place in app.amqp)


def celery_ssl(app: Application) -> dict[str, str]:
    """Return what broker_use_ssl is to hold beside cert_reqs.

    kombu keeps one name to compare certificates with for all places, that of the first: with several of them it can
    only be told to check who has issued them.
    """
    name = {"server_hostname": app.amqp[0][0]} if len(app.amqp) == 1 else {}
    return {**_ssl_files(app), **name} if app.tls and app.amqp else {}


def stomp_urls(app: Application) -> list[str]:
    """Return a URL for each place where the broker speaks STOMP; stomp.py takes its parts."""
    return [_url(app, "stomp+ssl" if app.tls else "stomp", place) for place in app.stomp]


# --- files --------------------------------------------------------------------------------------------------


def environment(app: Application) -> str:
    """Return the file .env: an application's settings as environment variables."""
    pika, stomp = pika_urls(app), stomp_urls(app)
    values = {
        "MQ_APPLICATION": app.name,
        "MQ_BROKER": app.kind,
        "AMQP_URL": pika[0] if pika else "",
        "AMQP_URLS": ",".join(pika),
        "AIO_PIKA_URL": (aio_pika_urls(app) or [""])[0],
        "CELERY_BROKER_URL": celery_url(app),
        "STOMP_URL": stomp[0] if stomp else "",
        "STOMP_URLS": ",".join(stomp),
        "MQ_CA_FILE": app.path(CA),
        "MQ_CERT_FILE": app.path(CERTIFICATE),
        "MQ_KEY_FILE": app.path(KEY),
        **{f"MQ_DESTINATION_{name.upper()}": value for name, value in sorted(app.destinations.items())},
    }
    lines = [f"{name}={_assigned(value)}" for name, value in values.items() if value]
    return "\n".join([f"# {MANAGED}", *lines]) + "\n"


def _assigned(value: str) -> str:
    return value if _PLAIN.match(value) else f"'{value}'"


def document(app: Application) -> dict[str, Any]:
    """Return the settings as data."""
    found: dict[str, Any] = {
        "application": app.name,
        "inventory": app.inventory,
        "broker": app.kind,
        "user": app.user,
        "password": app.password,
        "vhost": app.vhost or None,
        "tls": app.tls,
        "ca_file": app.path(CA) or None,
        "cert_file": app.path(CERTIFICATE) or None,
        "key_file": app.path(KEY) or None,
        "destinations": dict(app.destinations),
    }
    for protocol in ("amqp", "stomp", "openwire"):
        found[protocol] = [{"host": host, "port": port} for host, port in getattr(app, protocol)]
    urls = {"pika": pika_urls(app), "aio_pika": aio_pika_urls(app), "stomp": stomp_urls(app)}
    return {**found, "urls": {**urls, "celery": celery_url(app) or None}}


def settings_json(app: Application) -> str:
    """Return the file settings.json."""
    return json.dumps(document(app), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def django(app: Application) -> str:
    """Return the file django_settings.py, which a project's settings import."""
    lines = [f"# {MANAGED}"]
    with_ssl = app.tls and bool(app.amqp)
    if with_ssl:
        lines += ["import ssl", ""]
    held = {key: value for key, value in document(app).items() if key not in ("urls", "inventory")}
    lines += ["MQ = {", *(f"    {key!r}: {value!r}," for key, value in held.items()), "}"]
    if app.amqp:
        lines.append(f"CELERY_BROKER_URL = {celery_url(app)!r}")
    if with_ssl:
        files = [f"    {key!r}: {value!r}," for key, value in celery_ssl(app).items()]
        lines += ["CELERY_BROKER_USE_SSL = {", "    'cert_reqs': ssl.CERT_REQUIRED,", *files, "}"]
    return "\n".join(lines) + "\n"


def _spring_rabbitmq(app: Application) -> dict[str, str]:
    found = {
        "spring.rabbitmq.addresses": ",".join(f"{_host(host)}:{port}" for host, port in app.amqp),
        "spring.rabbitmq.username": app.user,
        "spring.rabbitmq.password": app.password,
        "spring.rabbitmq.virtual-host": app.vhost,
    }
    if not app.tls:
        return found
    found["spring.rabbitmq.ssl.enabled"] = "true"
    pem = f"spring.ssl.bundle.pem.{_BUNDLE}"
    files = {
        f"{pem}.truststore.certificate": app.path(CA),
        f"{pem}.keystore.certificate": app.path(CERTIFICATE),
        f"{pem}.keystore.private-key": app.path(KEY),
    }
    held = {key: f"file:{path}" for key, path in files.items() if path}
    return {**found, **held, **({"spring.rabbitmq.ssl.bundle": _BUNDLE} if held else {})}


def _spring_activemq(app: Application) -> dict[str, str]:
    scheme = "ssl" if app.tls else "tcp"
    found = ",".join(f"{scheme}://{_host(host)}:{port}" for host, port in app.openwire)
    return {
        "spring.activemq.broker-url": f"failover:({found})" if found else "",
        "spring.activemq.user": app.user,
        "spring.activemq.password": app.password,
    }


def spring(app: Application) -> str:
    """Return the file application.properties of Spring Boot, as java.util.Properties reads it."""
    of_kind = {"rabbitmq": _spring_rabbitmq, "activemq": _spring_activemq}[app.kind](app)
    lines = [f"{key}={property_text(value)}" for key, value in of_kind.items() if value]
    return "\n".join([f"# {MANAGED}", *lines]) + "\n"


_WRITERS: dict[str, Callable[[Application], str]] = {
    ".env": environment,
    "settings.json": settings_json,
    "django_settings.py": django,
    "application.properties": spring,
    CA: lambda app: app.authority if app.tls else "",
    CERTIFICATE: lambda app: app.certificate if app.tls else "",
    KEY: lambda app: app.key if app.tls else "",
}


def files(app: Application | None) -> dict[str, str | None]:
    """Return the text of each file by its name; None for one that is not to be there (without an application, all)."""
    return {name: (writer(app) if app else "") or None for name, writer in _WRITERS.items()}
