"""Probes of RabbitMQ's management API: its figures are true, and show no trouble."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable
from typing import Any

from probes.clients import management as api
from probes.clients.amqp import session
from probes.model import ARRIVAL_SECONDS, Astray, Context, Failed, Listener, NotApplicable
from probes.registry import probe

# The broker's names for protocols, by the names in an inventory.
_PROTOCOL_NAMES = {"management": "http", "amqps": "amqp/ssl", "stomps": "stomp/ssl"}
# Queues that probes make; those of subscriptions are named by the broker.
_OWN_QUEUES = ("brokerkit.smoke.", "stomp-subscription-")
_TRANSIENT = "transient_nonexcl_queues"
# A listener of one of these that nobody declared is a way in. Others (between nodes, for metrics) come with a
# plugin's own defaults and are compared only where they are declared.
_FOR_CLIENTS = {"amqp", "amqp/ssl", "stomp", "stomp/ssl", "http", "https", "mqtt", "mqtt/ssl"}


@probe(
    "management.connect",
    needs=["management"],
    notes=["2.2", "2.5"],
    proves="The management API answers, and the user may read it.",
)
def connect(context: Context) -> str:
    answer = api.request(context, "GET", "/api/overview")
    if answer.status != 200:
        raise api.refused(context, "GET /api/overview", answer)
    overview = answer.body
    _clock(context, answer.date)
    _deprecated(context, str(overview.get("rabbitmq_version")))
    return f"RabbitMQ {overview.get('rabbitmq_version')} on {overview.get('node')}"


def _clock(context: Context, date: str) -> None:
    """Measure how far the broker's clock is ahead of this machine's, to a second: HTTP leaves the rest away."""
    from email.utils import parsedate_to_datetime  # loading it would slow down --list

    try:
        said = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return
    context.measure("broker_clock_offset_seconds", said + 0.5 - time.time())


def _deprecated(context: Context, version: str) -> None:
    """Measure which features are in use that a later version will not have; earlier versions than 4.0 do not say."""
    if not version[:1].isdigit() or int(version.split(".")[0]) < 4:
        return
    used, ends = _used(context), time.monotonic() + ARRIVAL_SECONDS
    # A probe that subscribes to a topic over STOMP uses it for a moment, and says nothing of anybody else.
    while _TRANSIENT in used and _transient_of_probes(context):
        if time.monotonic() > ends:
            used.remove(_TRANSIENT)
            break
        time.sleep(0.1)
        used = _used(context)
    for feature in used:
        context.measure("deprecated_feature_used", 1, feature=feature)


def _used(context: Context) -> list[str]:
    answer = api.request(context, "GET", "/api/deprecated-features/used")
    found = answer.body if answer.status == 200 and isinstance(answer.body, list) else []
    return [str(feature.get("name")) for feature in found]


def _transient_of_probes(context: Context) -> bool:
    """Return whether there are transient queues of probes now. The user sees no queues of other vhosts."""
    vhost = api.segment(context.broker.vhost)
    answer = api.request(context, "GET", f"/api/queues/{vhost}?columns=name,durable,exclusive")
    return any(
        not (queue.get("durable") or queue.get("exclusive"))
        and str(queue.get("name")).startswith(_OWN_QUEUES)
        for queue in (answer.body if isinstance(answer.body, list) else ())
    )


@probe(
    "management.depth",
    needs=["management", "amqp"],
    notes=["4.1", "4.2"],
    proves="The waiting and the unacknowledged messages of a queue are read back from the management API.",
)
def depth(context: Context) -> str:
    with session(context) as opened:
        queue = opened.private_queue("q")
        for number in range(3):
            opened.publish("", queue, str(number))
        opened.take(queue)
        ends = time.monotonic() + ARRIVAL_SECONDS
        while (shown := _totals(context, queue)) != (2, 1):
            if time.monotonic() > ends:
                raise Astray(
                    f"The API shows {shown[0]} ready and {shown[1]} unacknowledged instead of 2 and 1.",
                    "What operators read there is not true, or the queue lost messages.",
                    "Read the broker's log for this moment, and look for plugins that take messages.",
                )
            opened.connection.sleep(0.1)
        return "2 ready and 1 unacknowledged, as sent"


def _totals(context: Context, queue: str) -> tuple[object, object]:
    """Return (ready, unacknowledged) of a queue as they are now.

    The API's usual numbers are up to 5 s old (collect_statistics_interval); with these two parameters the
    broker reads them from the queues (seen on 3.8, 3.10, 4.0 and 4.3; the page of a single queue ignores them
    on 3.x).
    """
    live = "disable_stats=true&enable_queue_totals=true"
    vhost, name = api.segment(context.broker.vhost), api.segment(queue)
    page = api.get(context, f"/api/queues/{vhost}?page=1&page_size=10&name={name}&{live}")
    for entry in page["items"]:
        if entry["name"] == queue:
            return entry.get("messages_ready"), entry.get("messages_unacknowledged")
    return None, None


@probe(
    "management.alarms",
    needs=["management"],
    notes=["4.2"],
    proves="No memory or disk alarm is set: they stop every publisher.",
)
def alarms(context: Context) -> str:
    nodes = api.get(context, "/api/nodes")
    down = [node["name"] for node in nodes if not node.get("running")]
    if down:
        raise Failed(
            f"Not running: {', '.join(down)}.",
            "A node of the cluster is down; its queues may be without a leader.",
            "Start it (`systemctl status rabbitmq-server` on that host and its log say why it is down).",
        )
    set_alarms = sorted(_alarms(context, nodes))
    if set_alarms:
        raise Failed(
            f"Alarms are set: {'; '.join(set_alarms)}.",
            "The broker blocks every connection that publishes until the alarm clears.",
            "Let consumers catch up, free disk space, or raise the threshold of that resource.",
        )
    return "; ".join(map(room, nodes))


def _alarms(context: Context, nodes: Iterable[dict[str, Any]]) -> set[str]:
    """Return the alarms that are set.

    3.8.9 has no health check of alarms alone; its /api/healthchecks/node also lists every channel and can hang.
    There the nodes' own reports have to do, which are up to 10 s old.
    """
    rooms = {str(node["name"]): room(node) for node in nodes}
    answer = api.request(context, "GET", "/api/health/checks/alarms")
    if answer.status in (200, 503):
        listed = [(alarm["resource"], alarm["node"]) for alarm in (answer.body or {}).get("alarms", [])]
    else:
        listed = reported_alarms(nodes)
    return {f"{resource} ({rooms.get(node, node)})" for resource, node in listed}


def reported_alarms(nodes: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return (resource, node) of each alarm that the nodes reported of themselves."""
    keys = {"memory": "mem_alarm", "disk": "disk_free_alarm"}
    return [
        (resource, str(node["name"])) for node in nodes for resource, key in keys.items() if node.get(key)
    ]


def room(node: dict[str, Any]) -> str:
    """Say how much memory and disk a node has left; a node that has just booted has not counted yet."""
    counts = [node.get(key) for key in ("mem_used", "mem_limit", "disk_free", "disk_free_limit")]
    mega = [f"{count / 1e6:.0f}" for count in counts if isinstance(count, int | float)]
    if len(mega) < len(counts):
        return f"{node['name']}: no figures yet"
    return f"{node['name']}: memory {mega[0]} of {mega[1]} MB, disk {mega[2]} MB free, limit {mega[3]}"


@probe(
    "management.unacked",
    needs=["management"],
    notes=["4.2"],
    proves="No consumer sits on a pile of unacknowledged messages, which fills the memory.",
)
def unacked(context: Context) -> str:
    limit = context.settings.max_unacked
    total = (api.get(context, "/api/overview").get("queue_totals") or {}).get("messages_unacknowledged", 0)
    if total > limit:  # only then it is worth the broker's work to sort its channels
        order = "sort=messages_unacknowledged&sort_reverse=true"
        for channel in api.get(context, f"/api/channels?page=1&page_size=20&{order}")["items"]:
            _check_pile(channel, limit)
    return f"{total} unacknowledged in all vhosts"


def _check_pile(channel: dict[str, Any], limit: int) -> None:
    """Raise Failed when a channel holds more than `limit` messages for each of its consumers.

    Channels name the client; a user with the tag monitoring sees them in every vhost, but queues only in its
    own.
    """
    pile, consumers = channel.get("messages_unacknowledged", 0), channel.get("consumer_count", 0)
    if pile > limit * max(1, consumers):
        raise Failed(
            f"The client {channel['name']} (user {channel['user']}, vhost {channel['vhost']}) holds {pile} "
            f"unacknowledged messages, with {consumers} consumers and prefetch "
            f"{channel.get('prefetch_count', 0)}.",
            f"It takes messages and does not acknowledge them: more than {limit} in hand, until "
            "memory runs out.",
            "Let it acknowledge each finished message and set a prefetch; --max-unacked moves this limit.",
        )


@probe(
    "management.listeners",
    needs=["management"],
    notes=["2.5", "1.4", "0.1"],
    proves="The broker listens where it was declared to, and nowhere else.",
)
def listeners(context: Context) -> str:
    declared = context.broker.listeners
    if declared is None:
        raise NotApplicable("No listeners are declared for this broker.")
    overview = api.get(context, "/api/overview")
    actual = reported(overview)
    missing, surplus = compare(declared, actual)
    if missing or surplus:
        raise _differs(missing, surplus)
    return ", ".join(sorted(f"{listener.protocol} {listener.port}" for listener in declared))


def _differs(missing: list[Listener], surplus: list[Listener]) -> Failed:
    """Explain missing listeners, and others that are not in the endpoints file."""
    parts, meanings, remedies = [], [], []
    if missing:
        parts.append(f"not there: {', '.join(map(str, missing))}")
        meanings.append("Clients of a missing listener are refused.")
        remedies.append(
            "Run the converge again, and read the broker's log for a port that it could not take."
        )
    if surplus:
        parts.append(f"not declared: {', '.join(map(str, surplus))}")
        meanings.append(
            "A listener that the endpoints file does not have comes from rabbitmq_config, from a plugin's own default "
            "or from somebody's hand, and is open to whoever reaches it."
        )
        remedies.append(
            "If it is to be there, run the converge again, which writes the listeners that it knows into the endpoints "
            "file; if the file still lacks it, nothing here proves it, and --skip management.listeners leaves it "
            "alone. If not, take it out of rabbitmq_config or rabbitmq_plugins."
        )
    return Failed(f"{'; '.join(parts).capitalize()}.", " ".join(meanings), " ".join(remedies))


def reported(overview: dict[str, Any]) -> list[Listener]:
    """Return the listeners of the node that answered, from the body of GET /api/overview."""
    return [
        Listener(entry["protocol"], int(entry["port"]), _bound_to(entry))
        for entry in overview.get("listeners", [])
        if entry.get("node") == overview.get("node")
    ]


def _bound_to(entry: dict[str, Any]) -> str | None:
    # 3.x reports :: for management wherever it is bound to; the socket's options know better.
    options = entry.get("socket_opts")
    bound = options.get("ip") if isinstance(options, dict) else None
    if isinstance(bound, list):  # web-MQTT reports an IPv4 address as four numbers, an IPv6 address as eight
        bound = ".".join(map(str, bound)) if len(bound) == 4 else ":".join(f"{part:x}" for part in bound)
    return bound or entry.get("ip_address")


def compare(
    declared: Iterable[Listener], actual: Iterable[Listener]
) -> tuple[list[Listener], list[Listener]]:
    """Return (declared and not there, there and not declared). Pure."""
    wanted = [
        Listener(_PROTOCOL_NAMES.get(one.protocol, one.protocol), one.port, one.address) for one in declared
    ]
    there = list(actual)
    missing = [one for one in wanted if not any(_fits(one, other) for other in there)]
    surplus = [
        other
        for other in there
        if other.protocol in _FOR_CLIENTS and not any(_fits(one, other) for one in wanted)
    ]
    return missing, surplus


def _fits(declared: Listener, actual: Listener) -> bool:
    if (declared.protocol, declared.port) != (actual.protocol, actual.port):
        return False
    return declared.address is None or _address(declared.address) == _address(actual.address or "")


def _address(text: str) -> object:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    # A listener on every address is reported as :: where the system has IPv6, and as 0.0.0.0 where it has
    # not.
    return "any" if address.is_unspecified else address
