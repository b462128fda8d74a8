"""A RabbitMQ node and its files as they are on this host, whoever has put them there."""

from __future__ import annotations

import glob
import json
import os
import re
import socket
import subprocess
from collections.abc import Mapping
from typing import Any

from ..host import facts
from ..host.packages import manager
from ..rabbitmq import evaluation, tools
from . import logs, machine, question

UNIT = "rabbitmq-server.service"
CONFIGURATION = "/etc/rabbitmq"
DATA = "/var/lib/rabbitmq"
LOGS = "/var/log/rabbitmq"
COOKIE = f"{DATA}/.erlang.cookie"
PACKAGES = ("rabbitmq-server", "erlang-base", "erlang-base-hipe", "erlang")
SECONDS = 12.0  # for the answer of a node; a healthy one takes one
# Where a start begins, in the node's log and in the journal.
_START = r"Starting RabbitMQ \d|Starting rabbitmq-server.service|Starting RabbitMQ (?:broker|Messaging)"
_TELLING = r"\[(?:error|critical|warning)\]|ERROR|Error|BOOT FAILED|failed|crash"
_PROPERTIES = [
    "ActiveState",
    "SubState",
    "Result",
    "NRestarts",
    "UnitFileState",
    "LoadState",
    "MainPID",
    "MemoryMax",
]


def is_here() -> bool:
    """Return whether anything of RabbitMQ is on this host: a package, a unit, data, or its log."""
    state = facts.properties(UNIT, ["LoadState"]).get("LoadState", "not-found")
    return state not in ("not-found", "") or bool(packages()) or os.path.isdir(f"{DATA}/mnesia")


def read(patterns: Mapping[str, Mapping[str, str]], key: str, after: float) -> dict[str, Any]:
    """Return what is known of the node.

    `patterns` has by when they count ("running", "down", "any") the regular expressions of the knowledge table;
    `after` is the moment (Unix time) from which on a line of the log of a node that runs counts.
    """
    unit = facts.properties(UNIT, _PROPERTIES)
    pid = int(unit.get("MainPID") or 0)
    answer, trouble = _ask(pid)
    name = node_name()
    host = name.partition("@")[2]
    return {
        "packages": packages(),
        "unit": unit,
        "process": machine.process(_beam(pid)),
        "strangers": _strangers(pid),
        "node": name,
        "node_resolves": facts.resolve(host) if host else [],
        "node_foreign": facts.foreign(facts.resolve(host)) if host else [],
        "cookie": machine.owned(COOKIE),
        "cookie_digest": machine.digest(COOKIE, key),
        "configuration": {path: machine.owned(path) for path in _files()},
        "started": facts.unit(UNIT)["started"],
        "definitions": _broken_definitions(),
        "applied": _applied(),
        "needrestart": _needrestart(),
        "certificates": [machine.certificate(*pair, user="rabbitmq") for pair in _certificates(answer)],
        "directories": {path: machine.owned(path) for path in (DATA, LOGS, CONFIGURATION)},
        # A node that runs has opened what it needs, and may have very many files.
        "foreign_file": None if answer else machine.foreign_file(f"{DATA}/mnesia", "rabbitmq"),
        "answer": answer,
        "unanswered": trouble,
        "log": _log(patterns, unit, answer is not None, after),
    }


def _applied() -> dict[str, Any]:
    """Return what the role notes of its files: when they were written last, and whether a restart is owed for them."""
    notes = "/var/lib/brokerkit/rabbitmq"  # of host/file_sets.py: what it does there changes the directory
    there = machine.owned(notes)
    return {
        "written": there["written"] if there else 0.0,
        "pending": os.path.exists(os.path.join(notes, "pending.json")),
    }


def _needrestart() -> bool:
    """Return whether needrestart is here and may restart the node."""
    known = ("/etc/needrestart/needrestart.conf", *glob.glob("/etc/needrestart/conf.d/*.conf"))
    return os.path.exists("/usr/sbin/needrestart") and not any(
        "rabbitmq" in machine.text(one) for one in known
    )


def packages() -> dict[str, dict[str, str]]:
    """Return name -> version and state (see the package managers' own) of RabbitMQ's and Erlang's packages."""
    try:
        found: dict[str, dict[str, str]] = manager().states(PACKAGES)
    except (OSError, subprocess.SubprocessError):  # a host without one is no host of ours
        return {}
    return found


def node_name() -> str:
    """Return the node's name as its environment file says, else what RabbitMQ makes of the host's name."""
    for path in ("/etc/rabbitmq/rabbitmq-env.conf", "/etc/default/rabbitmq-server"):
        found = re.findall(
            r"^\s*(?:export\s+)?(?:RABBITMQ_)?NODENAME=[\"']?([^\s\"'#]+)", machine.text(path), re.MULTILINE
        )
        if found:
            name: str = found[-1]
            return name if "@" in name else f"{name}@{socket.gethostname().split('.')[0]}"
    return f"rabbit@{socket.gethostname().split('.')[0]}"


def _ask(pid: int) -> tuple[dict[str, Any] | None, dict[str, str] | None]:
    """Return the node's answer, or why there is none and what helps."""
    trouble = tools.of_the_unit(UNIT, facts.unit(UNIT))
    if trouble is not None:
        return None, {"what": trouble.what, "remedy": trouble.remedy}
    try:
        said = tools.run(evaluation.command(question.question()), SECONDS)
        if said.code == 0:
            answer: dict[str, Any] = evaluation.value(said.output)
            if answer["view"]["running"]:
                return answer, None
            trouble = tools.APPLICATION_STOPPED
        else:
            trouble = tools.of_the_words(said, SECONDS)
    except FileNotFoundError as error:
        trouble = tools.Trouble(False, f"'{error.filename}' is missing", "install rabbitmq-server again")
    except evaluation.Unanswered as error:
        trouble = tools.Trouble(True, f"the node said what nobody can read: {error}", "try again")
    return None, {"what": logs.redacted(trouble.what), "remedy": trouble.remedy}


def _beam(pid: int) -> int:
    """Return the process of the node: the unit's own, or, where that is a shell, its child."""
    if not pid or "beam" in machine.text(f"/proc/{pid}/comm"):
        return pid
    for one in machine.said("pgrep", "beam.smp").split():
        return int(one)
    return pid


def _strangers(pid: int) -> list[int]:
    """Return nodes that run and are not the unit's: started by hand, or left behind.

    A node is told from a command-line tool, which is an Erlang node too, by the boot file that it was started with.
    """
    group = machine.text(f"/proc/{pid}/cgroup") if pid else "-"
    return [
        int(one)
        for one in machine.said("pgrep", "-u", "rabbitmq", "beam.smp").split()
        if re.search(
            r"start_sasl|start_clean|rabbit_prelaunch|\0rabbit\0boot", machine.text(f"/proc/{one}/cmdline")
        )
        and "rabbitmqctl" not in machine.text(f"/proc/{one}/cmdline")
        and machine.text(f"/proc/{one}/cgroup") != group
    ]


def _files() -> list[str]:
    return sorted(
        path
        for pattern in ("*.conf", "*.config", "conf.d/*.conf", "enabled_plugins")
        for path in glob.glob(f"{CONFIGURATION}/{pattern}")
    )


def _broken_definitions() -> dict[str, str]:
    """Return path -> error of each file of definitions that is no JSON: 3.10 starts without it, and says nothing."""
    found = {}
    named = re.compile(r"^\s*(?:load_definitions|definitions\.local\.path)\s*=\s*(\S+)", re.MULTILINE)
    for place in (place for path in _files() for place in named.findall(machine.text(path))):
        inside = glob.glob(f"{glob.escape(place)}/*.json")
        for path in sorted(inside) if os.path.isdir(place) else [place]:
            if error := _no_json(path):
                found[path] = error
    return found


def _no_json(path: str) -> str:
    """Return why a file is no JSON, '' where it is, or is gone, as it may be once the first boot has read it."""
    try:
        with open(path, encoding="utf-8") as handle:
            json.load(handle)
    except OSError:
        return ""
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""


def _certificates(answer: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return the files of certificates that the node uses or its configuration names, each with its key or ''."""
    found = {(certificate, key) for certificate, key in answer["certificates"]} if answer else set()
    for path in _files():
        text = machine.text(path)
        keys = dict(re.findall(r"^\s*([\w.]*\.)keyfile\s*=\s*(\S+)", text, re.MULTILINE))
        for prefix, name in re.findall(r"^\s*([\w.]*\.(?:ca)?)certfile\s*=\s*(\S+)", text, re.MULTILINE):
            found.add((name, keys.get(prefix, "")))
        terms = re.findall(r"\{certfile,\s*\"([^\"]+)\"", text)
        known = re.findall(r"\{keyfile,\s*\"([^\"]+)\"", text)
        found |= set(zip(terms, known if len(known) == len(terms) else [""] * len(terms)))
    with_key = {certificate for certificate, key in found if key}
    return sorted(one for one in found if one[0] and (one[1] or one[0] not in with_key))


def _log(
    patterns: Mapping[str, Mapping[str, str]], unit: Mapping[str, str], running: bool, after: float
) -> Any:
    """Return the matches of the patterns that count, and the last words of a node that is down."""
    paths = glob.glob(f"{LOGS}/*.log")
    # Debian has what a node prints to its standard output in a file as well, the words of a failed start among them.
    printed = [path for path in paths if os.path.basename(path).startswith("rabbitmq-server")]
    own = [logs.of_file(path) for path in logs.newest(set(paths) - set(printed), 1)]
    journal = logs.lines(logs.journal(UNIT))
    if running:
        lines = [line for part in (*own, journal) for line in part if line.at >= after]
        return {
            "found": logs.matches(lines, {**patterns.get("running", {}), **patterns.get("any", {})}),
            "last": [],
        }
    parts = [*(logs.of_file(path) for path in sorted(printed, reverse=True)), *own]
    lines = logs.of_last_start(parts, journal, _START, logs.starts_again(unit))
    # What a node said while it was well is not why it was stopped.
    wanted = (
        {}
        if unit.get("ActiveState") == "inactive"
        else {**patterns.get("down", {}), **patterns.get("any", {})}
    )
    return {"found": logs.matches(lines, wanted), "last": logs.last_words(lines, _TELLING)}
