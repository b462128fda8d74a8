"""What a probe is given (broker, deadline, names) and what it returns (a result)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from probes.wire.ports import PortBook

# A queue that an interrupted run left behind deletes itself after this long without use, in milliseconds.
LEFTOVER_EXPIRES_MS = 120_000
# A TCP connection on a network that works takes milliseconds; three lost packets take longer than this.
CONNECT_SECONDS = 3.0
# A handshake is a few round trips, which a broker under load may take its time for.
HANDSHAKE_SECONDS = 6.0
# A queue hands out a confirmed message within milliseconds; what is not there after this was lost.
ARRIVAL_SECONDS = 2.0

# How long a broker may take to disconnect; after that the socket is dropped.
GOODBYE_SECONDS = 1.0


# Stands for the identity of a broker that could not be asked.
UNKNOWN = "?"


class ExitCode(IntEnum):
    """What smoke.py returns: 0 and 1, else the names of sysexits.h that say who has to act."""

    OK = 0  # every probe that ran passed, and at least one ran
    FAILED = 1  # a probe failed or could not finish, or nothing was proven
    USAGE = 64  # wrong arguments
    DATA = 65  # the endpoints or state file is malformed
    NO_INPUT = 66  # the endpoints, state or password file is missing
    UNAVAILABLE = 69  # a broker could not be reached at all
    INTERNAL = 70  # a bug in the prober itself
    CANNOT_CREATE = 73  # the report or state file cannot be written
    PERMISSION = 77  # a file with secrets can be read by others


class Refusal(Exception):
    """Input that smoke.py refuses: one sentence with its remedy, and the exit code."""

    def __init__(self, code: ExitCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Status(StrEnum):
    """How a probe ended."""

    PASS = "pass"  # noqa: S105 - a status, not a password
    FAIL = "fail"  # the broker does not do what the probe demands
    ERROR = "error"  # the probe could not be carried out, so nothing is known
    SKIP = "skip"  # the probe does not apply here; its detail says why


class Phase(StrEnum):
    """When a probe runs: in every run, or on one side of a restart of the broker."""

    ALWAYS = "always"
    BEFORE_RESTART = "before-restart"
    AFTER_RESTART = "after-restart"


@dataclass(frozen=True)
class Tls:
    """PEM files or None: the CAs that a client trusts (default: the machine's), and its own certificate."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


@dataclass(frozen=True)
class Endpoint:
    """One protocol of one broker; `tls` is None for plaintext."""

    host: str
    port: int
    tls: Tls | None = None
    plain_port: int | None = None  # of the same protocol without TLS, which must be closed
    client_certificate: str = ""  # "none", "offered" or "required"; empty where nobody said
    by_certificate: bool = False  # clients log in by their certificate, without user and password

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Listener:
    """A listener as declared (or as the broker reports it); no address means that any is right."""

    protocol: str
    port: int
    address: str | None = None

    def __str__(self) -> str:
        return f"{self.protocol} on {self.address or 'any address'} port {self.port}"


@dataclass(frozen=True)
class Relay:
    """A message relay that takes from a broker, on the host `on`, and its login there; where it says how it is."""

    name: str
    on: str
    queue: str
    dead: str
    vhost: str
    user: str
    password: str = field(repr=False)
    page: Endpoint | None = None


@dataclass(frozen=True)
class Broker:
    """A broker to probe, with the user and the vhost that probes may use.

    `endpoints` maps "amqp", "stomp" and "management" to where they listen; what is not there is not enabled,
    or cannot be reached from here. `listeners` is None where nobody declared them.
    """

    name: str
    kind: str
    host: str
    user: str
    password: str = field(repr=False)
    vhost: str = "/"
    denied_vhost: str | None = None
    denied_destination: str | None = None  # a queue of ActiveMQ that the user may neither read nor write
    dead_letter_prefix: str | None = (
        None  # prefix of ActiveMQ's dead-letter queues, before the name of the queue
    )
    frame_limit: int | None = None  # bytes, of ActiveMQ's STOMP connector
    pair: str | None = None  # the store that it shares with other ActiveMQ brokers
    version: str | None = None
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    listeners: tuple[Listener, ...] | None = None
    inventory: str | None = None  # the source of its inventory
    written: str | None = None  # when its entry was last changed
    cluster: str | None = None  # name of the cluster that it is a member of
    relays: tuple[Relay, ...] = ()
    certificate_days: int = 14  # a certificate with fewer days left fails
    asked: str = ""  # given by a URL: what the broker said that it is; "?" when it could not be asked

    @property
    def with_tls(self) -> dict[str, Endpoint]:
        """Its endpoints that speak TLS, by protocol."""
        return {protocol: one for protocol, one in self.endpoints.items() if one.tls is not None}

    @property
    def known_kind(self) -> str | None:
        """Its kind, None if that is a guess: given by URL, and could not be asked."""
        return None if self.asked == UNKNOWN else self.kind


@dataclass(frozen=True)
class Finding:
    """Why a probe did not pass, for the operator: four sentences that need no traceback."""

    came_back: str
    meaning: str
    remedy: str


class ProbeStop(Exception):
    """Base of the ways a probe ends without a pass."""

    status = Status.ERROR
    unreachable = False

    def __init__(self, came_back: str, meaning: str, remedy: str) -> None:
        super().__init__(came_back)
        self.finding = Finding(plain(came_back), plain(meaning), plain(remedy))


class Failed(ProbeStop):
    """The broker answered, but not as the probe demands."""

    status = Status.FAIL


class Astray(Failed):
    """A message or a queue is not where it has to be: a policy on the queue, or `of_exchange`, may be behind that."""

    def __init__(self, came_back: str, meaning: str, remedy: str, of_exchange: bool = False) -> None:
        super().__init__(came_back, meaning, remedy)
        self.of_exchange = of_exchange


class NotProven(ProbeStop):
    """The probe could not be carried out; the broker may be right or wrong."""


class Dropped(NotProven):
    """The connection was lost in the middle of a probe, which a policy may be behind over STOMP."""

    of_exchange = False


class Unreachable(ProbeStop):
    """No usable connection: nothing listens, or something else does."""

    unreachable = True


class DeadlineExceeded(Exception):
    """The probe's time is over; the runner says so with the step it was at."""


class NotApplicable(Exception):
    """The probe has nothing to prove on this broker; the text says why."""


@dataclass
class Deadline:
    """The time limit of a probe. `step` says what it is waiting for, for the operator."""

    seconds: float
    step: str = "starting"
    started: float = field(default_factory=time.monotonic)

    def left(self, at_most: float | None = None) -> float:
        """Return the seconds left, at most `at_most`.

        Raises DeadlineExceeded when none are left.
        """
        left = self.started + self.seconds - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(self.step)
        return left if at_most is None else min(left, at_most)

    def handshake(self) -> float:
        """Return the seconds for a handshake: not all that are left, so that a failure can be looked into.

        Whoever gives a probe more time, as for a machine that is busy, gives a handshake more as well.
        """
        return min(max(HANDSHAKE_SECONDS, 0.4 * self.seconds), 0.6 * self.left())

    def goodbye(self) -> float:
        """Return the seconds for disconnecting: the last ones are added to the probe's time, but only once."""
        return max(
            0.05, min(GOODBYE_SECONDS, self.started + self.seconds + GOODBYE_SECONDS - time.monotonic())
        )

    def elapsed(self) -> float:
        """Return the seconds since the probe started."""
        return time.monotonic() - self.started


@dataclass(frozen=True)
class Measure:
    """A figure that a probe came by, for monitoring; its name and meaning are in report/formats.py."""

    name: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Context:
    """What a probe is given."""

    broker: Broker
    deadline: Deadline
    prefix: str  # every object the probe creates has a name that starts so
    settings: Settings
    measures: list[Measure] = field(default_factory=list)  # what the probe came by beside its verdict

    def measure(self, name: str, value: float, **labels: str) -> None:
        """Note a figure, whatever becomes of the probe."""
        self.measures.append(Measure(name, value, tuple(sorted(labels.items()))))

    def endpoint(self, protocol: str) -> Endpoint:
        """Return where the broker speaks `protocol`; the runner has made sure that it does."""
        return self.broker.endpoints[protocol]

    def login(self, protocol: str) -> tuple[str | None, str | None]:
        """Return user and password for `protocol`; None twice where the client's certificate is the login."""
        if self.endpoint(protocol).by_certificate:
            return None, None
        return self.broker.user, self.broker.password

    def name(self, suffix: str) -> str:
        """Return a name for an object of this probe in this run."""
        return f"{self.prefix}.{suffix}"


@dataclass
class Pair:
    """The names of brokers that share a store: those that listen, and those that listen on nothing."""

    serving: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Settings:
    """Settings of a whole run."""

    run: str  # a random token, part of the name of every object that the run creates
    timeout: float = 10.0  # seconds for one probe
    max_unacked: int = 1000  # unacknowledged messages per consumer that still count as normal
    max_dead_letters: int = 1000  # in one queue of ActiveMQ that still count as normal
    state: dict[str, dict[str, str]] = field(default_factory=dict)  # durability: per broker, plant to collect
    ports: PortBook = field(default_factory=PortBook)  # for the diagnosis of failed connections
    pairs: dict[str, Pair] = field(
        default_factory=dict
    )  # brokers that share a store, by the name of their pair
    clusters: dict[str, list[Broker]] = field(
        default_factory=dict
    )  # the brokers of the run, by their cluster


class Soon(str):
    """What a probe says that passes now, and before long will not."""


ProbeFunction = Callable[[Context], str]


@dataclass(frozen=True)
class Probe:
    """A declared probe. `needs` names the endpoints it uses, the first being its own protocol."""

    name: str
    proves: str
    run: ProbeFunction
    needs: tuple[str, ...]
    notes: tuple[str, ...]  # rows of the field notes it covers
    kinds: frozenset[str]
    phase: Phase
    of_slaves: bool = False  # also runs on a broker that stands by for another
    of_members: bool = False  # runs on members of a cluster alone
    of_relays: bool = False  # runs on brokers alone from which a relay takes


@dataclass(frozen=True)
class Result:
    """How one probe went on one broker. `seconds` is wall time; `detail` is one sentence."""

    broker: str
    probe: Probe
    status: Status
    seconds: float
    detail: str
    finding: Finding | None = None
    unreachable: bool = False
    defect: bool = False
    warns: bool = False  # it passes, and before long will not
    measures: tuple[Measure, ...] = ()


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def plain(text: str, limit: int = 400) -> str:
    """Return `text` on one line, without control characters (a broker's words may hold any), shortened."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
