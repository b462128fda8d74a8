"""A probe of ActiveMQ's metrics for Prometheus: how many dead letters there are, which no client is told."""

from __future__ import annotations

import re

from probes.activemq.destinations import KINDS, METRICS
from probes.model import Context, Failed, NotApplicable, NotProven, Unreachable
from probes.registry import probe

_LARGEST = 8 << 20
_QUEUE = re.compile(r'^activemq_queue_messages\{destination="([^"]*)",?\} (\S+)', re.MULTILINE)
_DEAD = re.compile(r"(?i)dead|dlq|dlx")


@probe(
    "activemq.dead_letters",
    needs=["stomp"],
    notes=["4.2"],
    kinds=KINDS,
    proves="No queue of dead letters fills the store, as far as the broker serves metrics.",
)
def dead_letters(context: Context) -> str:
    depths = {queue: count for queue, count in _depths(context).items() if _DEAD.search(queue)}
    limit = context.settings.max_dead_letters
    longest = max(depths, key=lambda queue: depths[queue], default="")
    if longest and depths[longest] > limit:
        raise Failed(
            f"{longest} holds {depths[longest]} messages.",
            f"Consumers have not managed these messages, or they have expired: more than {limit} dead letters, and "
            "they fill the store.",
            "Read one: its header dlqDeliveryFailureCause says why it is there. Correct the consumer, then move the "
            "messages back or delete them; --max-dead-letters moves this limit.",
        )
    return f"{sum(depths.values())} in {len(depths)} queues of dead letters"


def _depths(context: Context) -> dict[str, int]:
    """Return how many messages each queue has. Raises NotApplicable where the broker serves no metrics to others."""
    there = [one for one in context.broker.listeners or () if one.protocol == METRICS]
    if not there:
        raise NotApplicable("The broker serves no metrics (activemq_prometheus_port).")
    address = there[0].address or ""
    if address.startswith("127.") or address == "::1":
        raise NotApplicable(f"The broker serves its metrics on {address} of its host alone, as declared.")
    host = context.broker.host if address in ("", "0.0.0.0", "::") else address  # noqa: S104 - compared, not bound
    found = {name: int(float(value)) for name, value in _QUEUE.findall(_page(context, host, there[0].port))}
    return {name: count for name, count in found.items() if not name.startswith("brokerkit.smoke.")}


def _page(context: Context, host: str, port: int) -> str:
    import http.client

    context.deadline.step = f"waiting for the metrics at {host}, port {port}"
    line = http.client.HTTPConnection(host, port, timeout=context.deadline.handshake())
    try:
        line.request("GET", "/metrics")
        text = line.getresponse().read(_LARGEST).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreachable(
            f"{host}, port {port}: {said}",
            "The metrics, which have the number of dead letters, cannot be read from here.",
            "Open the port to this machine, or run the probes where Prometheus runs.",
        ) from error
    finally:
        line.close()
    if "activemq_uptime_seconds" not in text:
        raise NotProven(
            f"{host}, port {port} answered {text[:80]!r}",
            "What is served there are not the metrics of this broker.",
            "Compare activemq_prometheus_port with what listens on the host.",
        )
    return text
