"""A worker: takes a message, performs its request, and settles it. Each has its own connections, to broker and API."""

from __future__ import annotations

import hashlib
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from brokers.relay import message as bodies, waits
from brokers.relay.outcomes import Outcome
from brokers.relay.settings import MESSAGE, Settings

from relaying.call import AGAIN, Answer, Call
from relaying.gate import Gate
from relaying.journal import Journal
from relaying.link import ATTEMPTS, CODE, REASON, REPLAYED, Link, NotPutAway, Taken
from relaying.links import BROKEN, reason
from relaying.metrics import Metrics

_IDLE_SECONDS = 0.5
# Between two attempts to reach a broker.
_LONGEST_BREAK = 10.0
_SAFE_ID = re.compile(r"[!-~]{1,200}\Z")


@dataclass(frozen=True)
class Shared:
    """What all workers of a relay use together."""

    settings: Settings
    gate: Gate
    journal: Journal
    metrics: Metrics
    stopping: threading.Event


class Worker:
    """Runs until the relay stops; a lost broker, or an error that nobody thought of, is another attempt."""

    def __init__(self, number: int, shared: Shared, connect: Callable[[], Link], call: Call) -> None:
        self.number = number
        self.call = call
        self.connected = False
        self.trouble = ""  # why it is not connected
        self.turned = time.monotonic()  # when it last showed that it is alive
        self._shared = shared
        self._settings = shared.settings
        self._connect = connect
        self._kept = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"worker-{number}", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether it still has something in hand."""
        return self._thread.is_alive()

    def _run(self) -> None:
        """Work until the relay stops."""
        failures = 0
        while not self._shared.stopping.is_set():
            self.turned = began = time.monotonic()
            try:
                self._work()
                failures = 0
            except Exception as error:  # whatever it is, the messages in hand are still the broker's
                was_connected, self.connected = self.connected, False
                # Whoever lost a connection that held tries at once: others may be there to take the client.
                failures = 1 if time.monotonic() - began > _LONGEST_BREAK else failures + 1
                self._say_broken(error, was_connected, failures)
                self._shared.stopping.wait(waits.pause(failures, _LONGEST_BREAK, random.random))
        self.call.close()

    def _say_broken(self, error: Exception, was_connected: bool, failures: int) -> None:
        self.trouble = str(error) if isinstance(error, NotPutAway) else reason(error)
        if was_connected:
            self._shared.metrics.count("connections_lost")
        if isinstance(error, NotPutAway):
            self._say("error", "not-put-away", str(error))
        elif not isinstance(error, BROKEN):
            self._say(
                "error",
                "defect",
                f"{type(error).__name__}: {error}; the message goes back: please report this",
            )
        # A broker that is away for hours is no reason for a line each ten seconds.
        elif was_connected or failures in (1, 5) or failures % 60 == 0:
            what = "lost the broker" if was_connected else "cannot take from the broker"
            self._say("warning", "broker-away", f"{what}: {reason(error)}; trying again", failures=failures)

    def _work(self) -> None:
        link = self._connect()
        gate = self._shared.gate
        try:
            while not self._shared.stopping.is_set():
                self.turned = time.monotonic()
                if gate.is_open:
                    self._take_freely(link)
                elif gate.may_try():
                    self._take_one(link)
                else:
                    link.wait(_IDLE_SECONDS / 2)
                self._note_connected()
        finally:
            link.close()
        self.connected = False

    def _note_connected(self) -> None:
        """Count as connected from now on: the broker lets it have messages, which it may refuse to who is logged in."""
        if not self.connected:
            self.connected = True
            self._say("info", "connected", f"takes messages from {self._settings.source['queue']}")

    def _may_go_on(self) -> bool:
        return self._shared.gate.is_open and not self._shared.stopping.is_set()

    def _take_freely(self, link: Link) -> None:
        for one in link.messages(_IDLE_SECONDS):
            self.turned = time.monotonic()
            self._note_connected()
            if one is not None and self._may_go_on():
                self._settle(link, one)
            elif one is not None:
                link.give_back(one)
            if self.turned - self._kept > 5:
                self._kept = self.turned
                link.keep()
            if not self._may_go_on():
                break
        returned = link.leave()
        if returned:
            self._say("debug", "returned", f"{returned} messages that were not begun are back in the queue")

    def _take_one(self, link: Link) -> None:
        """Take a single message, to see whether the API is back."""
        try:
            one = link.one()
            self._note_connected()
            if one is None:
                link.wait(_IDLE_SECONDS)
            else:
                self._settle(link, one)
        finally:
            self._shared.gate.tried()

    def _settle(self, link: Link, message: Taken) -> None:
        """See to one message, whatever becomes of it."""
        metrics = self._shared.metrics
        metrics.count("consumed")
        metrics.hold(1)
        try:
            self._settled(link, message)
        finally:
            metrics.hold(-1)

    def _settled(self, link: Link, message: Taken) -> None:
        attempts = attempts_of(message) + 1
        try:
            content = bodies.read(message.body, self._settings.largest_message)
            target = self._settings.url.filled(lambda name: bodies.field(content, name))
        except bodies.Unfit as unfit:
            self._bury(link, message, unfit.code, str(unfit), attempts)
            return
        answer, key = self._asked(target, message, attempts)
        outcome = self._settings.outcomes.of(answer.status) if answer.status else Outcome.LATER
        if outcome is not Outcome.LATER and outcome is not Outcome.STOP and self._shared.gate.answered():
            self._say("info", "api-back", "the API answers again: messages are taken")
        if outcome is Outcome.DONE:
            link.acknowledge(message)
            self._shared.metrics.count("done")
            self._say("debug", "done", status=answer.status, key=key)
        elif outcome is Outcome.NEVER:
            sentence = f"the API answered {answer.status}, which says that it will never take this message"
            self._bury(link, message, f"status-{answer.status}", sentence, attempts)
        elif outcome is Outcome.STOP:
            self._stop(link, message, answer)
        else:
            self._put_off(link, message, answer, attempts)

    def _asked(self, target: str, message: Taken, attempts: int) -> tuple[Answer, str]:
        """Perform the request; returns what came of it, and the key that it had."""
        request = self._settings.request
        key = key_of(self._settings.source["queue"], message)
        headers = {"Idempotency-Key": key}
        if attempts > 1 or message.redelivered or REPLAYED in message.headers:
            headers[AGAIN] = "true"
        if request["body"] == MESSAGE:
            headers["Content-Type"] = "application/json"
        began = time.monotonic()
        answer = self.call.perform(
            request["method"], target, headers, message.body if request["body"] == MESSAGE else None
        )
        self._shared.metrics.request(time.monotonic() - began)
        return answer, key

    def _stop(self, link: Link, message: Taken, answer: Answer) -> None:
        link.give_back(message)
        self._shared.metrics.count("returned")
        if answer.status // 100 == 3:
            why = f"the API answered {answer.status}, a redirect: put the address that it means into request.url"
        else:
            why = f"the API answered {answer.status}: the relay's login is wrong, or may not do this: correct it"
        if self._shared.gate.stop(f"{why}, and restart the relay"):
            self._say("error", "stopped", f"{why}, and restart the relay; no message is taken until then")

    def _put_off(self, link: Link, message: Taken, answer: Answer, attempts: int) -> None:
        code = f"status-{answer.status}" if answer.status else "no-answer"
        why = f"the API answered {answer.status}" if answer.status else answer.trouble
        if self._shared.gate.failed(why, answer.retry_after):
            self._say("warning", "api-away", f"{why}: messages stay in the queue, and one at a time is tried")
        if attempts >= self._settings.attempts:
            sentence = f"after {attempts} attempts, at the last {why}"
            self._bury(link, message, "attempts", sentence, attempts)
            return
        wait = waits.step(self._settings.waits, attempts, answer.retry_after)
        headers = {ATTEMPTS: attempts, REASON: why, CODE: code}
        link.put_into_wait(wait, waits.milliseconds(wait, random.random), message, headers)
        link.acknowledge(message)
        self._shared.metrics.count("retried", code)
        self._say("debug", "retried", why, wait=wait, attempts=attempts)

    def _bury(self, link: Link, message: Taken, code: str, why: str, attempts: int) -> None:
        link.put_among_dead(message, {ATTEMPTS: attempts, REASON: why, CODE: code})
        link.acknowledge(message)
        self._shared.metrics.count("dead_lettered", code)
        key = key_of(self._settings.source["queue"], message)
        self._say("warning", "dead-letter", why, code=code, key=key)

    def _say(self, level: str, event: str, sentence: str = "", **fields: Any) -> None:
        self._shared.journal.say(level, event, sentence, worker=self.number, **fields)


def attempts_of(message: Taken) -> int:
    """Return how often a message was tried, by the header that the relay gave it; whatever a sender wrote there."""
    number = message.headers.get(ATTEMPTS, 0)
    return (
        number if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 1_000_000 else 0
    )


def key_of(queue: str, message: Taken) -> str:
    """Return what tells a message from others, the same at each attempt: its id, or else a digest of its body."""
    given = message.id
    if isinstance(given, str) and _SAFE_ID.match(given):
        return given
    return hashlib.sha256(queue.encode() + b"\0" + message.body).hexdigest()
