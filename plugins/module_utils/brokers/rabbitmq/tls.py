"""TLS of a RabbitMQ node: its keys of rabbitmq.conf, and the checks of its settings that need no certificate.

One switch, `rabbitmq_tls`, gives every listener a twin with TLS (both), or closes all the others (only). Keys and
plugins are those of 3.8 to 4.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .. import tls_versions
from ..versions import at_least, upstream
from . import certificate_source
from .certificate_source import AUTHORITY, CERTIFICATE, CLIENT_AUTHORITY, KEY
from .setting import Setting, listener

Settings = Mapping[str, Any]
Path = tuple[str, ...]

SECTION = "TLS"

# What a running node reads again once it is told to; the authority is for tools on the host, which read it each time.
RENEWABLE = (CERTIFICATE, KEY, AUTHORITY)

_CIPHERS = {"tlsv1.3": "TLS_AES_256_GCM_SHA384", "tlsv1.2": "ECDHE-ECDSA-AES256-GCM-SHA384"}
EXTERNAL_PLUGIN = "rabbitmq_auth_mechanism_ssl"
_SAN_LOGIN_SINCE = "3.9.0"

# Listeners whose port and address are variables: plugin, application, what its keys begin with.
_NAMED = {"amqp": ("", "rabbit", ""), "stomp": ("rabbitmq_stomp", "rabbitmq_stomp", "stomp.")}
# Those of other plugins, which take the usual port unless rabbitmq_config names one.
_USUAL = (("rabbitmq_mqtt", "mqtt", 8883), ("rabbitmq_stream", "stream", 5551))
# Those of WebSocket have options of their own, and the usual port.
_WEB = (("rabbitmq_web_stomp", "web_stomp", 15673), ("rabbitmq_web_mqtt", "web_mqtt", 15676))
# Others with options of their own.
_OWN_OPTIONS = (
    ("rabbitmq_management", "management", "rabbitmq_tls_management_port"),
    ("rabbitmq_prometheus", "prometheus", "rabbitmq_tls_prometheus_port"),
)
# Keys of listeners without TLS.
_PLAIN = (
    *("listeners.tcp", "stomp.listeners.tcp", "mqtt.listeners.tcp", "stream.listeners.tcp"),
    *("management.tcp", "management.listener", "prometheus.tcp", "web_stomp.tcp", "web_mqtt.tcp"),
)
# Keys of rabbitmq.conf that the role writes with TLS on, and the variable to use instead.
OWNED_KEYS = {
    "listeners.ssl": "rabbitmq_tls_amqp_port",
    "stomp.listeners.ssl": "rabbitmq_tls_stomp_port",
    "stomp.ssl_cert_login": "rabbitmq_tls_login",
    "mqtt.ssl_cert_login": "rabbitmq_tls_login",
    "ssl_cert_login_from": "rabbitmq_tls_login",
    "management.ssl": "rabbitmq_tls_management_port and rabbitmq_tls_versions",
    "prometheus.ssl.port": "rabbitmq_tls_prometheus_port",
    "prometheus.ssl.ip": "rabbitmq_prometheus_address",
    **{
        f"{prefix}.{option}": f"rabbitmq_tls_{variable}"
        for prefix in ("ssl_options", "prometheus.ssl")
        for option, variable in (
            ("certfile", "certificate"),
            ("keyfile", "key"),
            ("cacertfile", "client_authority"),
            ("verify", "client_certificates"),
            ("fail_if_no_peer_cert", "client_certificates"),
            ("depth", "depth"),
            ("versions", "versions"),
            ("ciphers", "ciphers"),
            ("honor_cipher_order", "versions, which decides it"),
            ("honor_ecc_order", "versions, which decides it"),
            ("client_renegotiation", "versions, which decides it"),
        )
    },
}


def is_on(settings: Settings) -> bool:
    """Return whether the node has listeners with TLS."""
    return settings["rabbitmq_tls"] in ("both", "only")


def is_only(settings: Settings) -> bool:
    """Return whether the node has no other listeners."""
    return bool(settings["rabbitmq_tls"] == "only")


def _plugins(settings: Settings) -> list[str]:
    return [str(name) for name in settings["rabbitmq_plugins"]]


def _has(config: Settings, prefix: str) -> bool:
    return any(str(key) == prefix or str(key).startswith(f"{prefix}.") for key in config)


def _atom(text: str) -> dict[str, str]:
    return {"_atom": text}


def _several(prefix: str, path: Path, values: list[str], term: Any) -> Setting:
    lines = tuple((f"{prefix}.{number}", value) for number, value in enumerate(values, 1))
    return Setting(SECTION, lines, path, term)


def _option(prefix: str, path: Path, name: str, value: Any, term: Any = None) -> Setting:
    return Setting(SECTION, ((f"{prefix}.{name}", value),), (*path, name), value if term is None else term)


def _closed(prefix: str, path: Path) -> Setting:
    return Setting(SECTION, ((prefix, "none"),), path, [])


def _options(settings: Settings, prefix: str, path: Path) -> Iterator[Setting]:
    """Return certificate, versions and ciphers of a listener, or of all that share them."""
    versions, ciphers = settings["rabbitmq_tls_versions"], settings["rabbitmq_tls_ciphers"]
    yield _option(prefix, path, "certfile", certificate_source.certificate_path(settings))
    yield _option(prefix, path, "keyfile", certificate_source.key_path(settings))
    yield _several(f"{prefix}.versions", (*path, "versions"), versions, [_atom(one) for one in versions])
    if ciphers:
        yield _several(f"{prefix}.ciphers", (*path, "ciphers"), ciphers, list(ciphers))
    # TLS 1.3 knows none of these, and Erlang refuses them where there is no other version.
    if "tlsv1.2" in versions:
        for name, value in (
            ("honor_cipher_order", True),
            ("honor_ecc_order", True),
            ("client_renegotiation", False),
        ):
            yield _option(prefix, path, name, value)


def _clients(settings: Settings) -> Iterator[Setting]:
    """Return what the clients of AMQP, STOMP, MQTT and streams are asked for."""
    prefix, path = "ssl_options", ("rabbit", "ssl_options")
    wanted = settings["rabbitmq_tls_client_certificates"]
    verify = "verify_none" if wanted == "none" else "verify_peer"
    yield _option(prefix, path, "verify", verify, _atom(verify))
    yield _option(prefix, path, "fail_if_no_peer_cert", wanted == "required")
    if wanted != "none":
        yield _option(prefix, path, "cacertfile", CLIENT_AUTHORITY)
        yield _option(prefix, path, "depth", settings["rabbitmq_tls_depth"])


def _login(settings: Settings) -> Iterator[Setting]:
    """Return the keys of a login by certificate; the mechanisms stay an operator's where rabbitmq_config names some."""
    source = settings["rabbitmq_tls_login"]
    if not source:
        return
    path = ("rabbit", "ssl_cert_login_from")
    yield Setting(SECTION, (("ssl_cert_login_from", source),), path, _atom(source))
    if not _has(settings["rabbitmq_config"], "auth_mechanisms"):
        names = ["PLAIN", "AMQPLAIN", "EXTERNAL"]
        yield _several("auth_mechanisms", ("rabbit", "auth_mechanisms"), names, [_atom(one) for one in names])
    for name in ("stomp", "mqtt"):
        if f"rabbitmq_{name}" in _plugins(settings):
            path = (f"rabbitmq_{name}", "ssl_cert_login")
            yield Setting(SECTION, ((f"{name}.ssl_cert_login", True),), path, True)


def _http(settings: Settings, plugin: str, name: str, port: str) -> Iterator[Setting]:
    """Return the listener of management or of Prometheus, whose clients show no certificates."""
    prefix, path = f"{name}.ssl", (plugin, "ssl_config")
    yield _option(prefix, path, "port", settings[port])
    if settings[f"rabbitmq_{name}_address"]:
        yield _option(prefix, path, "ip", settings[f"rabbitmq_{name}_address"])
    yield from _options(settings, prefix, path)


def _web(settings: Settings, plugin: str, name: str, usual: int) -> Iterator[Setting]:
    """Return the listener of a protocol over WebSocket, whose clients show no certificates either."""
    prefix, path = f"{name}.ssl", (plugin, "ssl_config")
    if not any(_has(settings["rabbitmq_config"], f"{prefix}.{key}") for key in ("port", "listener")):
        yield _option(prefix, path, "port", usual)
    yield from _options(settings, prefix, path)
    if is_only(settings):
        yield _closed(f"{name}.tcp.listener", (plugin, "tcp_config"))


def _listeners(settings: Settings) -> Iterator[Setting]:
    plugins = _plugins(settings)
    for name, (plugin, application, keys) in _NAMED.items():
        if not plugin or plugin in plugins:
            address, port = settings[f"rabbitmq_{name}_address"], settings[f"rabbitmq_tls_{name}_port"]
            yield listener(SECTION, f"{keys}listeners.ssl", (application, "ssl_listeners"), address, port)
    for plugin, name, usual in _USUAL:
        if plugin in plugins:
            if not _has(settings["rabbitmq_config"], f"{name}.listeners.ssl"):
                yield listener(SECTION, f"{name}.listeners.ssl", (plugin, "ssl_listeners"), "", usual)
            if is_only(settings):
                yield _closed(f"{name}.listeners.tcp", (plugin, "tcp_listeners"))


def wanted(settings: Settings) -> Iterator[Setting]:
    """Return the settings that TLS adds, in the order in which they are printed; none where it is off.

    The plain listeners that have variables of their own are closed where they are declared.
    """
    if not is_on(settings):
        return
    yield from _listeners(settings)
    yield from _options(settings, "ssl_options", ("rabbit", "ssl_options"))
    yield from _clients(settings)
    for plugin, name, port in _OWN_OPTIONS:
        if plugin in _plugins(settings):
            yield from _http(settings, plugin, name, port)
    for plugin, name, usual in _WEB:
        if plugin in _plugins(settings):
            yield from _web(settings, plugin, name, usual)
    yield from _login(settings)


def terms(settings: Settings, version: str) -> dict[str, Any]:
    """Return the Erlang settings that TLS needs beside rabbitmq.conf; `version` is the package's, or empty.

    From 4.0 on Prometheus's plain listener opens beside any other until its settings are emptied. Up to 3.13 it opens
    where they are empty, and not where there is one with TLS and nothing is said.
    """
    newer = bool(version) and at_least(upstream(version), "4.0.0")
    if newer and is_only(settings) and "rabbitmq_prometheus" in _plugins(settings):
        return {"rabbitmq_prometheus": {"tcp_config": []}}
    return {}


# --- checks -------------------------------------------------------------------------------------------------


def _client_refusals(settings: Settings) -> list[str]:
    wanted, login = settings["rabbitmq_tls_client_certificates"], settings["rabbitmq_tls_login"]
    found = []
    if wanted != "none" and not (
        settings["rabbitmq_tls_client_authority"] or settings["rabbitmq_tls_authority"]
    ):
        found.append(
            f"rabbitmq_tls_client_authority: is empty, and rabbitmq_tls_client_certificates is '{wanted}'; give the "
            "PEM text of the certificates of the issuers of clients' certificates"
        )
    if login and wanted == "none":
        found.append(
            f"rabbitmq_tls_login: '{login}' reads names from clients' certificates, and no client is asked for one; "
            "set rabbitmq_tls_client_certificates to offered or required"
        )
    if login and EXTERNAL_PLUGIN not in _plugins(settings):
        found.append(
            f"rabbitmq_tls_login: '{login}' needs the plugin {EXTERNAL_PLUGIN}; add it to rabbitmq_plugins"
        )
    if not 0 <= settings["rabbitmq_tls_depth"] <= 100:
        found.append(f"rabbitmq_tls_depth: {settings['rabbitmq_tls_depth']} is out of range; choose 0 to 100")
    return found


def _plain_refusals(settings: Settings) -> list[str]:
    """Return why a node that is to speak TLS only would have a listener without it."""
    return [
        f"rabbitmq_config.{key}: opens a listener without TLS, and rabbitmq_tls is 'only'; drop the key, or set "
        "rabbitmq_tls to both"
        for key, value in settings["rabbitmq_config"].items()
        if any(str(key) == one or str(key).startswith(f"{one}.") for one in _PLAIN) and str(value) != "none"
    ]


def _advanced_refusals(settings: Settings) -> list[str]:
    """Return which Erlang settings would be laid over what the role writes."""
    advanced = settings["rabbitmq_advanced_config"]
    places = {
        "rabbit": ("ssl_options", "ssl_listeners", "tcp_listeners"),
        "rabbitmq_stomp": ("ssl_listeners", "tcp_listeners"),
        "rabbitmq_mqtt": ("tcp_listeners",),
        "rabbitmq_stream": ("tcp_listeners",),
        "rabbitmq_management": ("ssl_config", "tcp_config", "listener"),
        "rabbitmq_prometheus": ("ssl_config", "tcp_config"),
    }
    return [
        f"rabbitmq_advanced_config.{application}.{name}: would be laid over what rabbitmq_tls writes; use the "
        "variables rabbitmq_tls_*, or set rabbitmq_tls to off"
        for application, names in places.items()
        for name in names
        if isinstance(advanced.get(application), Mapping) and name in advanced[application]
    ]


def refusals(settings: Settings) -> list[str]:
    """Return what is wrong with the settings of TLS, apart from certificates; nothing where TLS is off."""
    if not is_on(settings):
        if certificate_source.is_between_nodes(settings):
            return [
                "rabbitmq_tls_inter_node: is on, and rabbitmq_tls is 'off', so that there is no certificate; set "
                "rabbitmq_tls to both or only"
            ]
        return []
    versions, ciphers = settings["rabbitmq_tls_versions"], settings["rabbitmq_tls_ciphers"]
    found = (
        certificate_source.refusals(settings)
        + tls_versions.refusals("rabbitmq_tls_", versions, ciphers, _CIPHERS)
        + _client_refusals(settings)
        + _advanced_refusals(settings)
    )
    if settings["rabbitmq_config_format"] == "classic" and "rabbitmq_prometheus" in _plugins(settings):
        found.append(
            "rabbitmq_config_format: 'classic' has no form of Prometheus's TLS that all versions read; set it to "
            "conf, or take rabbitmq_prometheus out of rabbitmq_plugins"
        )
    return found + (_plain_refusals(settings) if is_only(settings) else [])


def version_refusals(settings: Settings, version: str) -> list[str]:
    """Return what that upstream version of RabbitMQ lacks."""
    login = settings["rabbitmq_tls_login"]
    if not is_on(settings) or login != "subject_alternative_name" or at_least(version, _SAN_LOGIN_SINCE):
        return []
    return [
        f"rabbitmq_tls_login: RabbitMQ {version} reads no name from '{login}' (since {_SAN_LOGIN_SINCE}); set it to "
        "common_name or distinguished_name"
    ]
