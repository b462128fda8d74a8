"""ActiveMQ brokers and their files as they are on this host, whoever has put them there."""

from __future__ import annotations

import glob
import http.client
import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import Any

from ..host import facts
from . import logs, machine

_PROPERTIES = [
    "Id",
    "ActiveState",
    "SubState",
    "Result",
    "NRestarts",
    "UnitFileState",
    "LoadState",
    "MainPID",
]
_START = r"Starting activemq|Apache ActiveMQ [\d.]+ \(.*\) is starting|Started activemq"
_TELLING = r"ERROR|WARN|Exception|Failed|failed"
# What the role's agent serves its metrics by: -javaagent:JAR=[ADDRESS:]PORT:FILE
_AGENT = re.compile(r"-javaagent:[^=]*jmx_prometheus[^=]*=(?:(\[[^\]]+\]|[\w.-]+):)?(\d+):")
_EVERYWHERE = ("0.0.0.0", "[::]")  # noqa: S104 - compared, not bound
_SECONDS, _LARGEST = 2, 8 << 20
_RATIO = re.compile(r"^activemq_(store|memory|temp)_usage_ratio (\S+)", re.MULTILINE)
_QUEUE = re.compile(r'^activemq_queue_messages\{destination="([^"]*)",?\} (\S+)', re.MULTILINE)
_DEAD = re.compile(r"(?i)dead|dlq|dlx")
_UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_HEAP = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def is_here() -> bool:
    """Return whether anything of ActiveMQ is on this host."""
    return bool(units()) or os.path.isdir("/usr/share/activemq") or bool(glob.glob("/opt/activemq/*"))


def units() -> list[str]:
    """Return the units of ActiveMQ instances on this host, loaded or not."""
    told = machine.said(
        "systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain", "activemq*.service"
    )
    found = {line.split()[0]: line.split()[1:2] for line in told.splitlines() if line.strip()}
    # The package's own unit is masked where instances have units of theirs.
    return sorted(
        name
        for name, state in found.items()
        if not name.endswith("@.service") and not (name == "activemq.service" and state == ["masked"])
    )


def read(patterns: Mapping[str, Mapping[str, str]], after: float) -> list[dict[str, Any]]:
    """Return what is known of each instance; arguments as in rabbitmq.read()."""
    return [_instance(unit, patterns, after) for unit in units()]


def _instance(name: str, patterns: Mapping[str, Mapping[str, str]], after: float) -> dict[str, Any]:
    unit = facts.properties(name, _PROPERTIES)
    pid = int(unit.get("MainPID") or 0)
    words = machine.text(f"/proc/{pid}/cmdline").split("\0") if pid else _command(name)
    options = _options(words)
    settings = broker_file(options.get("file", ""))
    places = [
        path for path in (settings.get("store", ""), options.get("data", "")) if path and os.path.isdir(path)
    ]
    return {
        "instance": re.sub(r"^activemq-?|\.service$", "", name) or "main",
        "unit": unit,
        "unit_name": name,
        "process": machine.process(pid),
        "heap": options.get("heap", 0),
        "file": options.get("file", ""),
        "settings": settings,
        "version": version(words),
        "disks": {path: machine.disk(path) for path in places},
        "store_size": _size(settings.get("store", "")),
        **_metrics(words),
        "log": _log(name, options.get("data", ""), patterns, unit, after),
    }


def _metrics(words: list[str]) -> dict[str, Any]:
    """Return shares of limits in use, and the depths of queues of dead letters, where a broker serves its metrics."""
    found = next((place for word in words if (place := _AGENT.match(word))), None)
    text = _page(found[1] or _EVERYWHERE[0], int(found[2])) if found else ""
    return {
        "usage": {name: float(value) for name, value in _RATIO.findall(text)},
        "dead_letters": {
            name: int(float(value)) for name, value in _QUEUE.findall(text) if _DEAD.search(name)
        },
    }


def _page(address: str, port: int) -> str:
    """Return the metrics, '' where a broker that is in trouble does not answer; what ails it is said elsewhere."""
    host = "127.0.0.1" if address in _EVERYWHERE else address.strip("[]")
    line = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        line.request("GET", "/metrics")
        return line.getresponse().read(_LARGEST).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        line.close()


def _command(name: str) -> list[str]:
    """Return the words with which a unit would start its broker."""
    return machine.said("systemctl", "show", name, "--property", "ExecStart").replace(" ;", "").split()


def _options(words: list[str]) -> dict[str, Any]:
    """Return configuration file, data directory and heap (bytes) from the words of a broker's process."""
    found: dict[str, Any] = {}
    for word in words:
        if word.startswith("xbean:file:"):
            found["file"] = word[len("xbean:file:") :]
        elif word.startswith("-Dactivemq.data="):
            found["data"] = word.partition("=")[2]
        elif heap := re.fullmatch(r"-Xmx(\d+)([kKmMgG]?)", word):
            found["heap"] = int(heap[1]) * _HEAP[heap[2].upper()]
    return found


def version(words: list[str]) -> str:
    """Return the version of the installation that the words of a process name, '' where nothing says it."""
    found = re.search(r"apache-activemq-(\d[\d.]*\d)", " ".join(words))
    if found:
        return found[1]
    for path in sorted(glob.glob("/usr/share/activemq/lib/activemq-broker*.jar")):
        if found := re.search(r"-(\d[\d.]*\d)\.jar", os.path.realpath(path)):
            return found[1]
    told = machine.said("dpkg-query", "-W", "-f", "${Version}", "activemq")
    found = re.match(r"(\d[\d.]*\d)", told)
    return found[1] if found else ""


def broker_file(path: str) -> dict[str, Any]:
    """Return limits (bytes) of store, temporary store and memory, and the store's directory, from activemq.xml."""
    if not path:
        return {}
    try:
        root = ElementTree.fromstring(machine.text(path))  # noqa: S314 - the broker's own file
    except ElementTree.ParseError as error:
        return {"error": str(error)}
    found: dict[str, Any] = {}
    for element in root.iter():
        tag = element.tag.rpartition("}")[2]
        if tag in ("storeUsage", "tempUsage", "memoryUsage") and element.get("limit"):
            found[tag] = size(element.get("limit", ""))
        elif tag == "kahaDB" and element.get("directory"):
            found["store"] = element.get("directory", "")
    return found


def size(words: str) -> int:
    """Return bytes of a size as ActiveMQ writes it (`20 mb`); 0 where it is none."""
    found = re.fullmatch(r"\s*(\d+)\s*([kmgt]?b?)\s*", words.lower())
    if not found:
        return 0
    unit = found[2].upper() or "B"
    return int(found[1]) * _UNITS[unit if unit.endswith("B") else unit + "B"]


def _size(directory: str) -> int:
    """Return the bytes of the files in a store."""
    try:
        return sum(one.stat().st_size for one in os.scandir(directory) if one.is_file())
    except OSError:
        return 0


def _log(
    name: str, data: str, patterns: Mapping[str, Mapping[str, str]], unit: Mapping[str, str], after: float
) -> dict[str, Any]:
    state = unit.get("ActiveState", "")
    journal = logs.lines(logs.journal(name))
    places = [f"{data}/activemq.log"] if data else ["/var/log/activemq/*.log"]
    own = [logs.of_file(path) for path in logs.newest(places, 1)]
    if state == "active":
        lines = [line for part in (*own, journal) for line in part if line.at >= after]
        return {
            "found": logs.matches(lines, {**patterns.get("running", {}), **patterns.get("any", {})}),
            "last": [],
        }
    lines = logs.of_last_start(own, journal, _START, logs.starts_again(unit))
    # What a broker said while it was well is not why it was stopped.
    wanted = {} if state == "inactive" else {**patterns.get("down", {}), **patterns.get("any", {})}
    return {"found": logs.matches(lines, wanted), "last": logs.last_words(lines, _TELLING)}
