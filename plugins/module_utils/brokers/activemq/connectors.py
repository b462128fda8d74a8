"""The connectors of an ActiveMQ broker, their checks, and TLS."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .access import Settings, key_refusals

# Scheme of OpenWire's and WebSocket's transports; the others put theirs behind the protocol. Source: "Configuring
# Transports" at activemq.apache.org, and META-INF/services/org/apache/activemq/transport in the jars of 5.16 to 5.18.
_SCHEMES = {"openwire": {"tcp": "tcp"}, "ws": {"tcp": "ws", "ssl": "wss"}}
# Default port, and default port with TLS.
_PORTS = {
    "openwire": (61616, 61617),
    "stomp": (61613, 61612),
    "amqp": (5672, 5671),
    "mqtt": (1883, 8883),
    "ws": (61614, 61619),
}
TRANSPORTS = ("tcp", "nio", "ssl", "nio+ssl")
# Modules that Debian does not build: activemq-amqp and activemq-http (which holds ws).
NOT_IN_PACKAGE = frozenset({"amqp", "ws"})
NAME = re.compile(r"[A-Za-z][A-Za-z0-9+._-]*\Z")

_KEYS = frozenset({"name", "protocol", "port", "address", "transport", "options"})
_ANY = "0.0.0.0"  # noqa: S104 - where a connector listens unless its address says otherwise


def _transport(given: dict[str, Any]) -> str:
    return str(given.get("transport", "tcp"))


def _port(given: dict[str, Any]) -> Any:
    return given.get("port", _PORTS[given["protocol"]]["ssl" in _transport(given)])


def _scheme(protocol: str, transport: str) -> str:
    plain = protocol if transport == "tcp" else f"{protocol}+{transport}"
    return _SCHEMES.get(protocol, {}).get(transport, transport if protocol == "openwire" else plain)


def _options(settings: Settings, given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if given["protocol"] != "ws":  # Jetty has limits of its own
        found["maximumConnections"] = settings["activemq_maximum_connections"]
        found["wireFormat.maxFrameSize"] = settings["activemq_maximum_frame_size"]
    if "ssl" in _transport(given) and settings.get("activemq_tls_client_certificate_required"):
        found["transport.needClientAuth"] = True
    return {**found, **given.get("options", {})}


def connectors(settings: Settings) -> list[dict[str, Any]]:
    """Return the connectors with all defaults filled in: name, protocol, scheme, tls, address, port, options.

    Only for settings that `refusals` accepts.
    """
    return [
        {
            "name": given.get("name", given["protocol"]),
            "protocol": given["protocol"],
            "scheme": _scheme(given["protocol"], _transport(given)),
            "tls": "ssl" in _transport(given),
            "address": given.get("address", _ANY),
            "port": _port(given),
            "options": _options(settings, given),
        }
        for given in settings["activemq_connectors"]
    ]


def connector_uri(connector: dict[str, Any]) -> str:
    """Return the URI of a connector as activemq.xml takes it, not yet escaped for XML."""
    host = f"[{connector['address']}]" if ":" in connector["address"] else connector["address"]
    options = "&".join(f"{key}={_text(value)}" for key, value in sorted(connector["options"].items()))
    return f"{connector['scheme']}://{host}:{connector['port']}" + (f"?{options}" if options else "")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def overlap(one: str, other: str) -> bool:
    """Return whether two listening addresses overlap; 0.0.0.0, :: and '' mean every address."""
    wildcards = ("", "::", _ANY)
    return one == other or one in wildcards or other in wildcards


def connector_refusals(settings: Settings) -> list[str]:
    """Return what is wrong with the connectors, one sentence each."""
    found: list[str] = []
    right: list[tuple[str, dict[str, Any]]] = []
    if not settings["activemq_connectors"]:
        found.append(
            "activemq_connectors: is empty, nothing could reach the broker; give at least one, such as "
            "{protocol: stomp}"
        )
    for index, given in enumerate(settings["activemq_connectors"]):
        where = f"activemq_connectors[{index}]"
        wrong = key_refusals(where, given, _KEYS) or _one_refusals(settings, where, given)
        found += wrong
        if not wrong:
            found += _shared_refusals(where, given, [other for _, other in right])
            right.append((where, given))
    return found + _tls_refusals(settings, [given for _, given in right])


def _shared_refusals(where: str, given: dict[str, Any], others: list[dict[str, Any]]) -> list[str]:
    """Return a sentence if a connector has the name or port of another one."""
    found = []
    name = given.get("name", given["protocol"])
    for other in others:
        if other.get("name", other["protocol"]) == name:
            found.append(f"{where}.name: '{name}' is another connector's name already; give each its own")
        if _port(other) == _port(given) and overlap(given.get("address", _ANY), other.get("address", _ANY)):
            found.append(
                f"{where}.port: {_port(given)} is the port of the connector "
                f"'{other.get('name', other['protocol'])}' as well; give one of the two another port"
            )
    return found


def _one_refusals(settings: Settings, where: str, given: dict[str, Any]) -> list[str]:
    protocol = given.get("protocol")
    if protocol not in _PORTS:
        return [
            f"{where}.protocol: '{protocol}' is not a protocol of ActiveMQ; choose from {', '.join(_PORTS)}"
        ]
    found = []
    if protocol in NOT_IN_PACKAGE and settings["activemq_installation"] == "package":
        found.append(
            f"{where}.protocol: {protocol} does not work with the distribution's package, which is built without "
            "the libraries for it; set activemq_installation to archive, or drop the connector"
        )
    allowed = ("tcp", "ssl") if protocol == "ws" else TRANSPORTS
    if _transport(given) not in allowed:
        found.append(
            f"{where}.transport: '{given['transport']}' is not a transport of {protocol}; choose from "
            f"{', '.join(allowed)}"
        )
    port = given.get("port", 1)
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        found.append(f"{where}.port: {port} is not a TCP port; choose one from 1 to 65535")
    if not NAME.match(str(given.get("name", protocol))):
        found.append(
            f"{where}.name: '{given['name']}' is not a connector's name; begin with a letter, use letters, "
            "digits, '+', '.', '_' and '-'"
        )
    try:
        ipaddress.ip_address(given.get("address", _ANY))
    except ValueError:
        found.append(
            f"{where}.address: '{given['address']}' is not an IP address; give one of the host's, or "
            "0.0.0.0 for every interface"
        )
    return found + _option_refusals(where, protocol, given.get("options", {}))


def _option_refusals(where: str, protocol: str, options: Any) -> list[str]:
    if not isinstance(options, dict):
        return [
            f"{where}.options: is {type(options).__name__}; give a mapping such as "
            "{transport.hbGracePeriodMultiplier: 2}"
        ]
    return [
        f"{where}.options.{key}: the broker ignores this option without its prefix; write wireFormat.{key}"
        for key in options
        if protocol == "stomp" and key in ("maxFrameSize", "maxDataLength")
    ]


def uses_tls(settings: Settings) -> bool:
    """Return whether a connector, or a bridge to another broker, uses TLS."""
    bridges = (broker for other in settings["activemq_network"] for broker in other["brokers"])
    return any("ssl" in _transport(given) for given in settings["activemq_connectors"]) or any(
        "ssl" in broker.partition("://")[0] for broker in bridges if "://" in broker
    )


# The required content of a PEM text, and its name in messages.
_PEM = {
    "certificate": ("-----BEGIN CERTIFICATE-----", "a certificate, followed by those of its issuers"),
    "key": ("PRIVATE KEY-----", "its private key, without a passphrase"),
}


def _tls_refusals(settings: Settings, given: list[dict[str, Any]]) -> list[str]:
    found = []
    asking = [one.get("name", one["protocol"]) for one in given if "ssl" in _transport(one)]
    for part, (mark, what) in _PEM.items():
        text = settings[f"activemq_tls_{part}"]
        if (text or asking) and (mark not in text or "ENCRYPTED" in text):
            found.append(
                f"activemq_tls_{part}: {'is not a PEM text of ' if text else 'is empty, and the connector '}"
                + (what if text else f"'{asking[0]}' speaks TLS")
                + f"; give the PEM text of {what}, such as \"{{{{ lookup('ansible.builtin.file', 'mq1.pem') }}}}\""
            )
    authority = settings["activemq_tls_client_authority"]
    if authority and _PEM["certificate"][0] not in authority:
        found.append(
            "activemq_tls_client_authority: is not a PEM text of certificates; give those of the issuers"
        )
    if settings["activemq_tls_client_certificate_required"] and not authority:
        found.append(
            "activemq_tls_client_authority: is empty, and activemq_tls_client_certificate_required is true; give the "
            "PEM text of the certificates of the issuers of clients' certificates"
        )
    return found
