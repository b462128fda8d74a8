"""The connectors of an ActiveMQ broker and their checks."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, NamedTuple

from .. import tls_sources
from . import tls
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

_KEYS = frozenset({"name", "protocol", "port", "tls_port", "address", "transport", "options"})
_ANY = "0.0.0.0"  # noqa: S104 - where a connector listens unless its address says otherwise


def _transport(given: dict[str, Any]) -> str:
    return str(given.get("transport", "tcp"))


def _name(given: dict[str, Any]) -> str:
    return str(given.get("name", given["protocol"]))


def _address(given: dict[str, Any]) -> str:
    return str(given.get("address", _ANY))


def _listeners(settings: Settings, given: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what an entry makes the broker listen on: without a transport, as `activemq_tls` says."""
    if "transport" in given or not tls.is_on(settings):
        return [given]
    port = given.get("tls_port", _PORTS[given["protocol"]][1])
    secured = {**given, "transport": "ssl", "port": port, "name": _name(given) + tls.SUFFIX}
    return [secured] if tls.is_only(settings) else [given, secured]


class _Listener(NamedTuple):
    """A listener as `_listeners` returns it, the entry that it is of, and whether `activemq_tls` made it."""

    given: dict[str, Any]
    where: str
    made: bool


def _every(settings: Settings) -> list[dict[str, Any]]:
    return [one for given in settings["activemq_connectors"] for one in _listeners(settings, given)]


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
    if "ssl" in _transport(given):
        found.update(tls.options(settings, given["protocol"]))
    return {**found, **given.get("options", {})}


def connectors(settings: Settings) -> list[dict[str, Any]]:
    """Return the connectors with all defaults filled in: name, protocol, scheme, tls, address, port, options.

    Only for settings that `refusals` accepts.
    """
    return [
        {
            "name": _name(given),
            "protocol": given["protocol"],
            "scheme": _scheme(given["protocol"], _transport(given)),
            "tls": "ssl" in _transport(given),
            "address": _address(given),
            "port": _port(given),
            "options": _options(settings, given),
        }
        for given in _every(settings)
    ]


def closed_port(settings: Settings, protocol: str) -> int | None:
    """Return the port of a protocol without TLS that `activemq_tls` has closed."""
    if not tls.is_only(settings):
        return None
    taken = {_port(one) for one in _every(settings)}
    plain = [
        int(_port(given))
        for given in settings["activemq_connectors"]
        if given["protocol"] == protocol and "transport" not in given
    ]
    return next((port for port in plain if port not in taken), None)


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
    right: list[_Listener] = []
    if not settings["activemq_connectors"]:
        found.append(
            "activemq_connectors: is empty, nothing could reach the broker; give at least one, such as "
            "{protocol: stomp}"
        )
    for index, given in enumerate(settings["activemq_connectors"]):
        where = f"activemq_connectors[{index}]"
        wrong = key_refusals(where, given, _KEYS) or _one_refusals(settings, where, given)
        found += wrong
        if wrong:
            continue
        for one in _listeners(settings, given):
            listener = _Listener(one, where, made=one is not given)
            found += _shared_refusals(listener, right)
            right.append(listener)
    serving = [one.given for one in right if "ssl" in _transport(one.given)]
    if uses_tls(settings):
        found += tls_sources.refusals(settings, "activemq_tls_")
    return found + tls.refusals(settings, [{**given, "name": _name(given)} for given in serving])


def _shared_refusals(one: _Listener, others: list[_Listener]) -> list[str]:
    """Return a sentence if a listener has the name or port of another one."""
    found = []
    name, port, key = _name(one.given), _port(one.given), "tls_port" if one.made else "port"
    for other in others:
        # What activemq_tls makes can collide with what somebody had declared for the same before.
        hint = (
            ", or drop the connector that activemq_tls makes needless"
            if one.made != other.made
            and one.where != other.where
            and one.given["protocol"] == other.given["protocol"]
            else ""
        )
        if _name(other.given) == name:
            found.append(
                f"{one.where}.name: '{name}' is another connector's name already; give each its own{hint}"
            )
        if _port(other.given) == port and overlap(_address(one.given), _address(other.given)):
            found.append(
                f"{one.where}.{key}: {port} is the port of the connector '{_name(other.given)}' as well; give one of "
                f"the two another port{hint}"
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
    for key in ("port", "tls_port"):
        port = given.get(key, 1)
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            found.append(f"{where}.{key}: {port} is not a TCP port; choose one from 1 to 65535")
    found += _transport_refusals(settings, where, given)
    if not NAME.match(str(given.get("name", protocol))):
        found.append(
            f"{where}.name: '{given['name']}' is not a connector's name; begin with a letter, use letters, "
            "digits, '+', '.', '_' and '-'"
        )
    try:
        ipaddress.ip_address(_address(given))
    except ValueError:
        found.append(
            f"{where}.address: '{given['address']}' is not an IP address; give one of the host's, or "
            "0.0.0.0 for every interface"
        )
    return found + _option_refusals(where, protocol, given.get("options", {}))


def _transport_refusals(settings: Settings, where: str, given: dict[str, Any]) -> list[str]:
    """Return what a connector that names its transport leaves no room for."""
    if "transport" not in given:
        return []
    found = []
    if "tls_port" in given:
        found.append(
            f"{where}.tls_port: is not used beside the key transport, and activemq_tls leaves this connector as it is; "
            "drop one of the two"
        )
    if tls.is_only(settings) and "ssl" not in _transport(given):
        found.append(
            f"{where}.transport: '{given['transport']}' opens a listener without TLS, and activemq_tls is 'only'; drop "
            "the key, or set activemq_tls to both"
        )
    return found


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


def serves_tls(settings: Settings) -> bool:
    """Return whether a connector speaks TLS. Settings need not be right."""
    given = [one for one in settings["activemq_connectors"] if isinstance(one, dict)]
    return any("ssl" in _transport(one) or ("transport" not in one and tls.is_on(settings)) for one in given)


def _bridges_with_tls(settings: Settings) -> bool:
    others = [one for one in settings["activemq_network"] if isinstance(one, dict)]
    places = [str(place) for other in others for place in other.get("brokers") or []]
    return any("ssl" in place.partition("://")[0] for place in places if "://" in place)


def uses_tls(settings: Settings) -> bool:
    """Return whether a connector, or a bridge to another broker, uses TLS. Settings need not be right."""
    return serves_tls(settings) or _bridges_with_tls(settings)


def trusted(settings: Settings) -> str:
    """Return the PEM text of the authorities that the broker trusts, for clients and other brokers; often none."""
    if not uses_tls(settings):
        return ""
    asks = serves_tls(settings) and settings["activemq_tls_client_certificates"] != "none"
    needed = asks or _bridges_with_tls(settings)
    authority = settings["activemq_tls_authority"] if needed else ""
    return str(settings["activemq_tls_client_authority"] or authority)


def tls_listeners(settings: Settings) -> list[dict[str, Any]]:
    """Return protocol, address and port of every listener with TLS."""
    return [
        {"protocol": f"{one['protocol']}+ssl", "address": one["address"], "port": one["port"]}
        for one in connectors(settings)
        if one["tls"]
    ]
