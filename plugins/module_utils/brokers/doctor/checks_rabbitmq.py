"""Checks of a RabbitMQ node and its files. Pure; they run on the controller."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..rabbitmq.erlang_versions import erlang_verdict
from ..versions import upstream
from . import checks_machine as machine
from .judging import RABBITMQ, Finding, Reading, amount, of_logs, queue

UNIT = "rabbitmq-server.service"
_PORTS = [25672, 4369, 5672, 5671, 15672, 15671, 61613, 61614, 1883, 8883, 15692]
_ALARMS = {"memory": "memory-alarm", "disk": "disk-alarm", "file_descriptor_limit": "file-descriptor-alarm"}
# Used by every node of these versions, whatever its clients do.
_ALWAYS_USED = ("management_metrics_collection",)
# RabbitMQ 3.8 leaves these flags of its management plugin off on a new node.
_OFF_WHEN_NEW = ("drop_unroutable_metric", "empty_basic_get_metric")
_SLACK = 5.0  # seconds between the end of a converge and the start that it makes


def node(
    host: str, found: Reading, system: Reading, recent: float, erlang: Sequence[Mapping[str, Any]]
) -> list[Finding]:
    """Return what is wrong with the node of a host; `system` is the machine's reading, `erlang` a table of versions."""
    version = version_of(found)
    findings = [
        *machine.unit(host, RABBITMQ, "", found, UNIT, version),
        *_files(host, found, system, version),
        *_names(host, found, version),
        *_unanswered(host, found, version),
    ]
    answer = found["answer"]
    if answer is not None:
        findings += [
            *_alarms(host, answer),
            *_queues(host, answer),
            *_upkeep(host, answer),
            *_limits(host, found, answer),
            *_pair(host, found, answer, erlang),
        ]
    told = list(of_logs(host, RABBITMQ, found["log"], _log_details(found), version, "", recent))
    findings += [
        machine.port_held(host, system["listeners"], one, _PORTS) if one.row == "port-held" else one
        for one in told
    ]
    return findings


def version_of(found: Reading) -> str:
    """Return the version that runs, else the installed one, '' where nobody knows."""
    if found["answer"]:
        return str(found["answer"]["version"])
    package = found["packages"].get("rabbitmq-server")
    return upstream(package["version"]) if package else ""


def _log_details(found: Reading) -> dict[str, Any]:
    cookie = found["cookie"] or {"mode": 0, "owner": "nobody"}
    return {
        "mode": f"{cookie['mode']:04o}",
        "owner": cookie["owner"],
        "unit": UNIT,
        "node": found["node"],
        "name": found["node"].partition("@")[2],
        "addresses": ", ".join(found["node_resolves"]) or "nothing",
    }


def _files(host: str, found: Reading, system: Reading, version: str) -> Iterator[Finding]:
    half = sorted(name for name, one in found["packages"].items() if one["state"] not in ("ii", "hi"))
    if half:
        yield Finding(
            "package-half-installed",
            host,
            f"The package manager has {', '.join(half)} in state {found['packages'][half[0]]['state']}.",
            {"package": ", ".join(half)},
            RABBITMQ,
            "",
            version,
        )
    if found["strangers"]:
        pid = found["strangers"][0]
        yield Finding(
            "stranger-node",
            host,
            f"The process {pid} is a node outside of {UNIT}.",
            {"pid": pid},
            RABBITMQ,
            "",
            version,
        )
    cookie = found["cookie"]
    if cookie and (cookie["mode"] & 0o077 or cookie["owner"] != "rabbitmq"):
        details = _log_details(found)
        yield Finding(
            "cookie-mode",
            host,
            f"The cookie has mode {details['mode']} and belongs to {details['owner']}.",
            details,
            RABBITMQ,
            "",
            version,
        )
    foreign = found["foreign_file"]
    directories = {**found["directories"], **({foreign["path"]: foreign} if foreign else {})}
    yield from machine.owner(host, RABBITMQ, directories, "rabbitmq")
    yield from machine.certificates(host, RABBITMQ, found["certificates"], system["now"], version)
    for path, error in found["definitions"].items():
        saw = f"{path} is no JSON: {error}."
        yield Finding("definitions-refused", host, saw, {}, RABBITMQ, "", version)
    yield from _not_in_force(host, found, version)


def _not_in_force(host: str, found: Reading, version: str) -> Iterator[Finding]:
    """Yield a file that the node has not read. What rabbitmq-plugins writes takes effect at once."""
    started, applied = found["started"], found["applied"]
    if found["answer"] is None or not started:
        return
    # What the role has written takes effect at once, or it notes that a restart is owed.
    known = 0.0 if applied["pending"] else applied["written"]
    for path, one in found["configuration"].items():
        if path.endswith("enabled_plugins") or not one:
            continue
        if one["written"] > max(started, known) + _SLACK:
            details = {"path": path, "written": _clock(one["written"]), "started": _clock(started)}
            yield Finding(
                "configuration-not-in-force",
                host,
                f"{path} is newer than the node, which runs since {details['started']}.",
                details,
                RABBITMQ,
                "",
                version,
            )


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def _names(host: str, found: Reading, version: str) -> Iterator[Finding]:
    name = found["node"].partition("@")[2]
    addresses = ", ".join(found["node_resolves"])
    details = {"name": name, "addresses": addresses}
    if not found["node_resolves"]:
        saw = f"{name} resolves to nothing on the host."
        yield Finding("node-name-does-not-resolve", host, saw, details, RABBITMQ, "", version)
    elif len(found["node_foreign"]) == len(found["node_resolves"]):
        saw = f"{name} resolves to {addresses}, which the host does not have."
        yield Finding("node-name-is-elsewhere", host, saw, details, RABBITMQ, "", version)


def _unanswered(host: str, found: Reading, version: str) -> Iterator[Finding]:
    trouble = found["unanswered"]
    if trouble is None or found["unit"].get("ActiveState") not in ("active", "activating", "reloading"):
        return
    what = trouble["what"]
    known = (
        ("did not let the tool in", "node-not-let-in"),
        ("no answer within", "node-hangs"),
        ("application stopped", "application-stopped"),
    )
    row = next((name for words, name in known if words in what), "")
    if not row and "could not ask" in what:
        return  # the checks of the unit say why
    if row == "application-stopped" and found["unit"]["ActiveState"] != "active":
        return  # it boots, and what it waits for is in its log
    row = row or "node-unreached"
    details = {"what": what, "remedy": trouble["remedy"][:1].upper() + trouble["remedy"][1:], "seconds": "12"}
    yield Finding(
        row,
        host,
        f"The node did not answer: {what}.",
        details,
        RABBITMQ,
        "",
        version,
        tuple(found["log"]["last"]),
    )


def _alarms(host: str, answer: Reading) -> Iterator[Finding]:
    memory, disk = answer["memory"], answer["disk"]
    for what, node_name in answer["view"]["alarms"]:
        if node_name != answer["node"]:
            continue  # that node's own host has it
        row = _ALARMS.get(what, "other-alarm")
        details = {
            "node": node_name,
            "alarm": what,
            "used": amount(memory["used"]),
            "limit": amount(memory["limit"] if row == "memory-alarm" else disk["limit"]),
            "free": amount(disk["free"]),
        }
        saw = {
            "memory-alarm": f"The memory alarm is set: {details['used']} of {details['limit']} are used.",
            "disk-alarm": f"The disk alarm is set: {details['free']} are free, and the limit is {details['limit']}.",
        }.get(row, f"The alarm {what} is set.")
        yield Finding(row, host, saw, details, RABBITMQ, "", answer["version"])


def _queues(host: str, answer: Reading) -> Iterator[Finding]:
    rows = (
        ("no_majority", "no-majority", "without a majority"),
        ("leaderless", "leaderless", "without a leader"),
        ("short", "under-replicated", "with a replica that is away"),
        ("away", "classic-queue-away", "on a member that is away"),
        ("stopped", "queue-stopped", "whose process has stopped"),
    )
    for key, row, words in rows:
        named = answer[key]
        if not named:
            continue
        count = answer[f"{key}_count"]
        details = {"count": count, "queue": queue(named[0]), "vhost": named[0]["vhost"]}
        saw = f"{count} queue(s) {words}: {queue(named[0])}{' and more' if count > 1 else ''}."
        yield Finding(row, host, saw, details, RABBITMQ, "", answer["version"])
    for vhost in answer["vhosts_down"]:
        details = {"vhost": vhost}
        yield Finding(
            "vhost-down", host, f"The vhost {vhost} is down.", details, RABBITMQ, "", answer["version"]
        )
    yield from _depths(host, answer)


def _depths(host: str, answer: Reading) -> Iterator[Finding]:
    piled, unacked = answer["piled"], answer["unacked"]
    if piled:
        details = {
            "count": len(piled),
            "queue": queue(piled[0]),
            "vhost": piled[0]["vhost"],
            "messages": piled[0]["ready"],
        }
        saw = f"{queue(piled[0])} holds {piled[0]['ready']} messages and has no consumer."
        yield Finding("queue-piled-up", host, saw, details, RABBITMQ, "", answer["version"])
    for one in unacked[:3]:
        details = {
            "queue": queue(one),
            "vhost": one["vhost"],
            "messages": one["unacked"],
            "path": one["name"],
        }
        saw = f"{one['consumers']} consumer(s) of {queue(one)} hold {one['unacked']} messages."
        yield Finding("unacknowledged", host, saw, details, RABBITMQ, "", answer["version"])


def _upkeep(host: str, answer: Reading) -> Iterator[Finding]:
    version = answer["version"]
    if answer["view"]["drained"]:
        saw = f"{answer['node']} is in maintenance."
        yield Finding("drained", host, saw, {"node": answer["node"]}, RABBITMQ, "", version)
    flags = [one for one in answer["flags_off"] if one not in _OFF_WHEN_NEW]
    if flags:
        details = {"count": len(flags), "flags": ", ".join(sorted(flags)[:5])}
        yield Finding(
            "feature-flags-off", host, f"{details['flags']} is not enabled.", details, RABBITMQ, "", version
        )
    if answer["plugins_idle"]:
        details = {"plugins": ", ".join(answer["plugins_idle"])}
        saw = f"{details['plugins']} is enabled, and does not run."
        yield Finding("plugin-missing", host, saw, details, RABBITMQ, "", version)
    used = [one for one in answer["deprecated"] if one not in _ALWAYS_USED]
    if used:
        details = {"feature": ", ".join(sorted(used))}
        saw = f"{details['feature']} is in use."
        yield Finding("deprecated-feature-used", host, saw, details, RABBITMQ, "", version)


def _limits(host: str, found: Reading, answer: Reading) -> Iterator[Finding]:
    version = answer["version"]
    maximum = found["unit"].get("MemoryMax", "")
    if maximum.isdigit() and 0 < int(maximum) < answer["memory"]["limit"]:
        details = {"limit": amount(answer["memory"]["limit"]), "maximum": amount(int(maximum))}
        saw = f"Its own limit is {details['limit']}, that of {UNIT} {details['maximum']}."
        yield Finding("watermark-over-limit", host, saw, details, RABBITMQ, "", version)
    if found["needrestart"] and len(answer["view"]["members"]) > 1:
        saw = "needrestart is installed, and no file in /etc/needrestart excepts rabbitmq-server."
        yield Finding("needrestart-unguarded", host, saw, {}, RABBITMQ, "", version)
    limit, there = answer["connection_max"], answer["connections"]
    if limit > 0 and there > 0.8 * limit:
        details = {"connections": there, "limit": limit}
        yield Finding(
            "connection-limit-near",
            host,
            f"{there} of {limit} connections are open.",
            details,
            RABBITMQ,
            "",
            version,
        )


def _pair(
    host: str, found: Reading, answer: Reading, table: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """Yield an Erlang that is none for the RabbitMQ; a distribution has tried its own pair."""
    packaged = found["packages"].get("erlang-base", {}).get("version", "")
    if not answer["erlang"] or not table or "+dfsg" in packaged:
        return
    verdict = erlang_verdict([*table], answer["version"], answer["erlang"])
    if verdict:
        details = {
            "version": answer["version"],
            "erlang": answer["erlang"],
            "verdict": verdict.split(" and would get")[0],
        }
        saw = f"RabbitMQ {answer['version']} runs on Erlang/OTP {answer['erlang']}."
        yield Finding("erlang-pair", host, saw, details, RABBITMQ, "", answer["version"])


# --- between the members of a cluster -------------------------------------------------------------------


def cluster(nodes: Mapping[str, Reading], clusters: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what the members of clusters say of each other. `nodes` is host -> reading, `clusters` host -> its name."""
    answers = {host: one["answer"] for host, one in nodes.items() if one["answer"]}
    hosts = {answer["node"]: host for host, answer in answers.items()}
    yield from _partitions(answers)
    silent = {one["node"] for one in nodes.values() if not one["answer"]}
    yield from _views(answers, hosts, silent)
    yield from _cookies(nodes, clusters)


def _partitions(answers: Mapping[str, Reading]) -> Iterator[Finding]:
    for host, answer in answers.items():
        others = answer["view"]["partitions"]
        if others:
            details = {"node": answer["node"], "others": ", ".join(others)}
            saw = f"{answer['node']} sees a partition from {details['others']}."
            yield Finding("partition", host, saw, details, RABBITMQ, "", answer["version"])


def _views(
    answers: Mapping[str, Reading], hosts: Mapping[str, str], silent: Collection[str]
) -> Iterator[Finding]:
    """Yield the members that others do not see; of those that are `silent` their own hosts say why."""
    blind: dict[str, list[str]] = {}
    for answer in answers.values():
        for name in {*answer["view"]["members"]} - {*answer["view"]["sees"]} - {*silent}:
            blind.setdefault(name, []).append(answer["node"])
    for name, seers in sorted(blind.items()):
        host = hosts.get(name)
        others = ", ".join(sorted(seers))
        if host and answers[host]["view"]["running"]:
            saw = f"{name} runs, and {others} does not see it."
            row = "members-disagree"
        else:
            saw = f"{others} sees {name} as not running."
            row = "member-down"
        seer = next(one for one in answers.values() if one["node"] == sorted(seers)[0])
        details = {"node": name, "others": others}
        yield Finding(row, host or hosts[seer["node"]], saw, details, RABBITMQ, "", seer["version"])


def _cookies(nodes: Mapping[str, Reading], clusters: Mapping[str, str]) -> Iterator[Finding]:
    groups: dict[str, dict[str, list[str]]] = {}
    for host, one in nodes.items():
        if clusters.get(host) and one["cookie_digest"]:
            groups.setdefault(clusters[host], {}).setdefault(one["cookie_digest"], []).append(host)
    for by_digest in groups.values():
        sides = sorted(by_digest.values(), key=len, reverse=True)
        for side in sides[1:]:
            for host in side:
                details = {"others": ", ".join(sides[0])}
                saw = f"Its cookie differs from that of {details['others']}."
                yield Finding("cookies-differ", host, saw, details, RABBITMQ, "", version_of(nodes[host]))
