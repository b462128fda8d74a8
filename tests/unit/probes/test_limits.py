"""A limit is named by the broker's own words; where STOMP keeps them to itself, by what AMQP or the API tell."""

from __future__ import annotations

from dataclasses import replace

import pytest
from probes import refusals
from probes.clients import amqp as amqp_client, stomp_errors
from probes.model import Broker, Endpoint, Failed, NotProven, ProbeStop

BROKER = Broker("rabbit1", "rabbitmq", "h", "smoke", "geheim", vhost="my shop")
DENIED = (
    "Bad CONNECT: Virtual host 'my shop' access denied"  # 3.8 to 4.3, of a limit as of a missing permission
)


class Reasons:
    """What can be asked, with these answers."""

    def __init__(
        self, amqp: ProbeStop | None = None, limits: tuple[str, ...] = (), exists: bool = True
    ) -> None:
        self._amqp, self._limits, self._exists = amqp, limits, exists

    def refused_over_amqp(self) -> ProbeStop | None:
        return self._amqp

    def limits(self) -> list[str]:
        return list(self._limits)

    def vhost_exists(self) -> bool:
        return self._exists


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        (  # 3.10.8, and with another user's name 4.0.5
            "NOT_ALLOWED - number of channels opened for user 's' has reached the maximum allowed user limit of (1)",
            "max-channels is 1",
        ),
        (  # 4.3.6
            "NOT_ALLOWED - number of channels opened for user 'smoke' has reached the maximum allowed user limit of 0",
            "max-channels is 0",
        ),
        (
            "406 PRECONDITION_FAILED - cannot declare queue 'q': queue limit in vhost 'my shop' (7) is reached",
            "max-queues is 7",
        ),
        (
            "406 PRECONDITION_FAILED - cannot declare queue 'q': queue limit in cluster (9) is reached",
            "its limit is 9",
        ),
    ],
)
def test_a_limit_is_no_crash_and_no_permission(words: str, meaning: str) -> None:
    for stop in (
        refusals.connection_closed(BROKER, words),
        amqp_client.channel_closed(BROKER, 406, words),
        stomp_errors.explain(BROKER, words, Reasons()),
    ):
        assert isinstance(stop, Failed)
        assert meaning in stop.finding.meaning and "permission" not in stop.finding.remedy
        assert "'my shop'" in stop.finding.remedy or "smoke" in stop.finding.remedy


def test_a_connection_that_somebody_closed_is_not_called_a_crash() -> None:
    stop = refusals.connection_closed(BROKER, "320 CONNECTION_FORCED - Closed via management plugin")
    assert isinstance(stop, NotProven) and "by hand" in stop.finding.meaning
    assert "Closed via management plugin" in stop.finding.came_back


def test_over_stomp_amqp_tells_why_the_vhost_was_refused() -> None:
    told = refusals.vhost_refused(BROKER, "my shop", "530 ... user connection limit (2) is reached")
    finding = stomp_errors.explain(BROKER, DENIED, Reasons(amqp=told)).finding
    assert "max-connections is 2" in finding.meaning and "permission" not in finding.remedy
    assert "access denied" in finding.came_back and "limit (2)" in finding.came_back


def test_over_stomp_the_api_tells_of_limits_where_amqp_does_not() -> None:
    limits = ("max-connections 2 of the user smoke", "max-channels 0 of the user smoke")
    assert limits[0] in stomp_errors.explain(BROKER, DENIED, Reasons(limits=limits)).finding.meaning
    failed = stomp_errors.explain(BROKER, "Processing error: Processing error", Reasons(limits=limits))
    assert limits[1] in failed.finding.meaning


def test_a_vhost_that_nobody_limits_is_missing_or_forbidden() -> None:
    assert "does not exist" in stomp_errors.explain(BROKER, DENIED, Reasons(exists=False)).finding.meaning
    assert "no permission" in stomp_errors.explain(BROKER, DENIED, Reasons()).finding.meaning
    with_amqp = replace(BROKER, endpoints={"amqp": Endpoint("h", 5672)})
    assert "no permission" not in stomp_errors.explain(with_amqp, DENIED, Reasons()).finding.meaning
