"""What an audit asks of an ActiveMQ broker beside its host: see host/audit.py. Its files say what it listens on."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from ..host.audit import Found, Row, is_reachable

# What makes the stores of keys at each start: see activemq-keystores of the role.
_MAKES_STORES = re.compile(r"^ExecStartPre=\S*/activemq-keystores (?P<words>.+)$", re.MULTILINE)


def configured(xml: str, unit: str, directory: str) -> dict[str, Any]:
    """Return the connectors of an activemq.xml, and the key that the unit has stores made of ('' for none)."""
    try:
        elements = list(ElementTree.fromstring(xml).iter()) if xml else []  # noqa: S314 - root's own file
    except ElementTree.ParseError:
        elements = []
    return {
        "connectors": [
            found
            for one in elements
            if one.tag.rpartition("}")[2] == "transportConnector"
            for found in _connector(one.get("name", ""), one.get("uri", ""))
        ],
        "key": _key(unit, directory),
    }


def _connector(name: str, uri: str) -> list[Found]:
    place = urlsplit(uri)
    if not place.port:
        return []
    secured = "ssl" in place.scheme or place.scheme == "wss"
    return [{"protocol": name, "address": place.hostname, "port": place.port, "secured": secured}]


def _key(unit: str, directory: str) -> str:
    made = _MAKES_STORES.search(unit)
    if not made:
        return ""
    words = made["words"].split()
    return words[4] if len(words) > 4 else f"{directory}/tls.key"


def rows(connectors: list[Found], listeners: list[dict[str, Any]]) -> list[Row]:
    """Return whether passwords and messages cross the network in the clear; `listeners` are the host's."""
    reached = {one["port"]: one["address"] for one in listeners if is_reachable(one["address"])}
    also = any(one["secured"] for one in connectors)
    return [
        Row(
            f"{one['protocol']} {one['port']}",
            _clear(reached[one["port"]], also) if one["port"] in reached else "",
        )
        for one in connectors
        if not one["secured"]
    ]


def _clear(address: str, also: bool) -> str:
    beside = ", beside one with TLS" if also else ""
    return (
        f"it listens on {address}{beside}, and passwords and messages cross the network in the clear; set activemq_tls "
        "to only (docs/tls.md)"
    )
