"""JMX, the web console, Jolokia and metrics of an ActiveMQ broker: off, or on the loopback address by default."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .access import Settings
from .connectors import connectors, overlap

LOOPBACK = "127.0.0.1"


def listeners(settings: Settings) -> list[dict[str, Any]]:
    """Return every listener of the broker: variable, description, address and port."""
    found = [
        {
            "variable": "activemq_connectors",
            "what": f"the connector '{one['name']}'",
            "address": one["address"],
            "port": one["port"],
        }
        for one in connectors(settings)
    ]
    if settings["activemq_jmx_port"]:
        port = settings["activemq_jmx_port"]
        found.append({"variable": "activemq_jmx_port", "what": "JMX", "address": LOOPBACK, "port": port})
    if settings["activemq_console"]:
        port = settings["activemq_console_port"]
        found.append(
            {
                "variable": "activemq_console_port",
                "what": "the web console",
                "address": LOOPBACK,
                "port": port,
            }
        )
    if settings["activemq_prometheus_port"]:
        found.append(
            {
                "variable": "activemq_prometheus_port",
                "what": "the metrics",
                "address": settings["activemq_prometheus_address"],
                "port": settings["activemq_prometheus_port"],
            }
        )
    return found


def management_refusals(settings: Settings) -> list[str]:
    """Return what is wrong with JMX, the console and authentication, one sentence each."""
    found = []
    if not 0 <= settings["activemq_jmx_port"] <= 65535:
        found.append(
            f"activemq_jmx_port: {settings['activemq_jmx_port']} is not a TCP port; choose one from 1 to 65535, or 0 "
            "to have no JMX"
        )
    found += _prometheus_refusals(settings)
    simple = settings["activemq_authentication"] == "simple"
    if settings["activemq_jmx_port"]:
        found += [
            f"activemq_admin_{part}: has a blank, where the file of JMX's users ends a word; choose another, or set "
            "activemq_jmx_port to 0"
            for part in ("user", "password")
            if re.search(r"\s", settings[f"activemq_admin_{part}"])
        ]
    if simple:
        found += [
            f"{where}: begins with '#', which activemq.xml takes for a bean's name; choose another, or set "
            "activemq_authentication to jaas"
            for where, word in _passwords(settings)
            if str(word).startswith("#")
        ]
    if settings["activemq_console"]:
        found += _console_refusals(settings)
    return found


def agent_option(settings: Settings, jar: str, file: str) -> str:
    """Return the option of Java that loads the agent which serves the metrics."""
    address = settings["activemq_prometheus_address"]
    place = f"[{address}]" if ":" in address else address
    return f"-javaagent:{jar}={place}:{settings['activemq_prometheus_port']}:{file}"


def _prometheus_refusals(settings: Settings) -> list[str]:
    found = []
    port, address = settings["activemq_prometheus_port"], settings["activemq_prometheus_address"]
    if not 0 <= port <= 65535:
        found.append(
            f"activemq_prometheus_port: {port} is not a TCP port; choose one from 1 to 65535, or 0 to have no metrics"
        )
    try:
        ipaddress.ip_address(address)
    except ValueError:
        found.append(
            f"activemq_prometheus_address: '{address}' is not an IP address; give one of the host that Prometheus "
            "reaches, or 127.0.0.1"
        )
    return found


def _passwords(settings: Settings) -> list[tuple[str, Any]]:
    users = [user for user in settings["activemq_users"] if isinstance(user, dict)]
    return [
        ("activemq_admin_password", settings["activemq_admin_password"]),
        *((f"activemq_users[{index}].password", user.get("password")) for index, user in enumerate(users)),
    ]


def _console_refusals(settings: Settings) -> list[str]:
    if settings["activemq_installation"] == "package":
        return [
            "activemq_console: the distribution's package is built without the web console and Jolokia; set "
            "activemq_installation to archive, or activemq_console to false"
        ]
    found = []
    port = settings["activemq_console_port"]
    if not 1 <= port <= 65535:
        found.append(f"activemq_console_port: {port} is not a TCP port; choose one from 1 to 65535")
    if "," in settings["activemq_admin_password"]:
        found.append(
            "activemq_admin_password: has a comma, where the web console's file of users ends a password; choose "
            "another, or set activemq_console to false"
        )
    return found


def own_collisions(settings: Settings) -> list[str]:
    """Return a sentence for each port of JMX, the console and the metrics that this broker already uses otherwise."""
    found, taken = [], [one for one in listeners(settings) if one["variable"] == "activemq_connectors"]
    for one in listeners(settings)[len(taken) :]:
        found += [
            f"{one['variable']}: {one['port']} is the port of {other['what']} as well; give one of the two another port"
            for other in taken
            if other["port"] == one["port"] and overlap(other["address"], one["address"])
        ]
        taken.append(one)
    return found
