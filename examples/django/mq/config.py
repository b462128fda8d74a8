"""Where the broker is, from the environment: the names that playbooks/clients.yml writes into .env."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_DESTINATION = "MQ_DESTINATION_"


@dataclass(frozen=True)
class Config:
    """What a connection needs. Without a broker (`kind` is "memory") messages stay inside the process."""

    kind: str = "memory"  # or rabbitmq, activemq
    places: tuple[tuple[str, int], ...] = ()
    user: str = ""
    password: str = field(default="", repr=False)
    vhost: str = ""
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    destinations: Mapping[str, str] = field(default_factory=dict)
    # Seconds before each further attempt of a handler that failed; after the last one the message is a dead letter.
    retry_waits: tuple[float, ...] = (1, 5, 25)

    def destination(self, name: str) -> str:
        """The destination of that name, such as "orders", or one that is written out, such as /queue/orders."""
        if name.startswith("/"):
            return name
        if name in self.destinations:
            return self.destinations[name]
        raise LookupError(f"{_DESTINATION}{name.upper()} is not set; name the destination {name} in .env")


def from_environment(environment: Mapping[str, str]) -> Config:
    """The settings of an environment; the stand-in in memory where it names no broker."""
    destinations = {
        name.removeprefix(_DESTINATION).lower(): value
        for name, value in environment.items()
        if name.startswith(_DESTINATION)
    }
    given = environment.get("MQ_RETRY_WAITS")
    waits = {"retry_waits": tuple(float(one) for one in given.split(",") if one)} if given is not None else {}
    if not environment.get("STOMP_URLS"):
        return Config(destinations=destinations, **{"retry_waits": (), **waits})  # whoever sends would wait
    urls = [urlsplit(url) for url in environment["STOMP_URLS"].split(",")]
    first = urls[0]
    return Config(
        kind=environment.get("MQ_BROKER", "rabbitmq"),
        places=tuple((url.hostname or "", url.port or 61613) for url in urls),
        user=unquote(first.username or ""),
        password=unquote(first.password or ""),
        vhost=unquote(first.path[1:]),
        tls=first.scheme == "stomp+ssl",
        ca_file=environment.get("MQ_CA_FILE"),
        cert_file=environment.get("MQ_CERT_FILE"),
        key_file=environment.get("MQ_KEY_FILE"),
        destinations=destinations,
        **waits,
    )
