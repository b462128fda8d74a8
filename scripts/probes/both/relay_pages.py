"""A probe of the pages on which relays say how they are: of those that others than their own host may ask."""

from __future__ import annotations

import json

from probes.model import Context, Endpoint, Failed, NotApplicable, NotProven, Relay
from probes.registry import probe

_LARGEST = 65536
# In the place of the relay's own words for its states.
_STATES = {
    "no-broker": "does not reach its broker",
    "api-away": "leaves messages in the queue, as its API is away",
    "stopped": "has stopped, as its API refused it",
}


@probe(
    "relay.page",
    kinds=["rabbitmq", "activemq"],
    needs=[],
    of_relays=True,
    notes=["0.3"],
    proves="Each relay whose page is open to others (metrics_address) says that it works.",
)
def page(context: Context) -> str:
    said = [_said(context, one, one.page) for one in context.broker.relays if one.page is not None]
    if not said:
        raise NotApplicable("its relays say how they are on their own hosts alone (metrics_address)")
    return "; ".join(said)


def _said(context: Context, relay: Relay, page: Endpoint) -> str:
    found = _asked(context, relay, page)
    if found["state"] != "working":
        why = f": {found['why']}" if found["why"] else ""
        raise Failed(
            f"{page} says of the relay {relay.name}: {found['state']}{why}",
            f"The relay {relay.name} {_STATES.get(found['state'], found['state'])}{why}",
            f"`systemctl status brokerkit-relay-{relay.name}` on {relay.on} has the same; docs/relay.md what to do.",
        )
    return f"{relay.name}: works, {found['connected']} of {found['workers']} workers are connected"


def _asked(context: Context, relay: Relay, page: Endpoint) -> dict[str, str]:
    """Return what the page has. Raises Failed where there is none, and NotProven for what is no relay's."""
    import http.client

    context.deadline.step = f"waiting for the health of the relay {relay.name} at {page}"
    line = http.client.HTTPConnection(page.host, page.port, timeout=context.deadline.handshake())
    try:
        line.request("GET", "/health")
        text = line.getresponse().read(_LARGEST)
    except (OSError, http.client.HTTPException) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Failed(
            f"{page}: {said}",
            f"The relay {relay.name} does not say at {page} how it is: it does not run, or a packet filter is between.",
            f"`systemctl status brokerkit-relay-{relay.name}` on {relay.on} says whether it runs.",
        ) from error
    finally:
        line.close()
    try:
        known = json.loads(text)
        found = {key: str(known[key]) for key in ("relay", "state", "why", "connected", "workers")}
    except (ValueError, TypeError, KeyError):
        found = {}
    if found.get("relay") != relay.name:
        raise NotProven(
            f"{page} answered {text[:80]!r}",
            f"What {page} answers is not the page of the relay {relay.name}: something else has its port.",
            f"Compare metrics_address and metrics_port with what listens on {relay.on}.",
        )
    return found
