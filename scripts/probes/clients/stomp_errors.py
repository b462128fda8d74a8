"""What a STOMP broker's ERROR frames mean, judged by their words."""

from __future__ import annotations

from typing import Protocol

from probes import refusals
from probes.model import Broker, Failed, NotProven, ProbeStop

# RabbitMQ's rabbit_stomp_processor, twice; ActiveMQ's PropertiesLoginModule and SimpleAuthenticationBroker.
_LOGIN_REFUSALS = ("Access refused for user", "non-loopback", "User name [", "password is invalid")


def is_login_refusal(words: str | None) -> bool:
    """Whether an ERROR frame is about user and password."""
    return words is not None and any(phrase in words for phrase in _LOGIN_REFUSALS)


class Reasons(Protocol):
    """Ways to find out what an ERROR frame does not say; each question costs a connection."""

    def refused_over_amqp(self) -> ProbeStop | None: ...
    def limits(self) -> list[str]: ...
    def vhost_exists(self) -> bool: ...


def explain(broker: Broker, words: str, reasons: Reasons | None = None) -> ProbeStop:
    """Return what `words` of an ERROR frame mean; `reasons` is asked only where the words do not tell (RabbitMQ).

    The words are those of RabbitMQ's rabbit_stomp_processor, but where another source is named.
    """
    if "is not authorized to" in words:  # ActiveMQ's AuthorizationBroker
        return Failed(
            f"{broker.name} sent ERROR: {words}",
            f"The user {broker.user} lacks a permission that the probe needs on brokerkit.smoke.>.",
            "Give one of its groups read, write and admin on that queue and topic in activemq_authorization.",
        )
    if "No space left on device" in words:  # ActiveMQ, of its store
        return Failed(
            f"{broker.name} sent ERROR: {words}",
            "The disk that holds the broker's store is full: persistent messages are refused or wait.",
            "Make room on it (`df -h` on the host; the store is in activemq_data_directory), and read the broker's "
            "log: what it says of the disk decides whether it has to be restarted.",
        )
    if "password is invalid" in words:
        return refusals.stomp_login_refused(broker, words)
    if "non-loopback access denied" in words:
        return refusals.login_refused(broker, words, only_local=True)
    if "Access refused for user" in words:
        return refusals.stomp_login_refused(broker, words)
    said = f"{broker.name} sent ERROR: {words}"
    if (reached := refusals.limit(broker, broker.vhost, said)) is not None:
        return reached
    if reasons is not None and "Virtual host" in words:
        return _vhost(broker, said, reasons)
    if reasons is not None and "Processing error" in words:
        return _unprocessed(broker, said, reasons)
    if "access_refused" in words.lower():
        return refusals.lacks_permission(broker, said)
    if "Version mismatch" in words or "Supported versions" in words:
        return Failed(
            said,
            "The broker does not speak this version of STOMP.",
            "Use one of the versions that it names.",
        )
    return Failed(
        said,
        "The broker refused a frame that has to work.",
        "Read the broker's log for this moment.",
    )


def _vhost(broker: Broker, said: str, reasons: Reasons) -> ProbeStop:
    """Explain a vhost that was refused: RabbitMQ says the same of a missing one, a permission and a limit."""
    if (stop := reasons.refused_over_amqp()) is not None:
        return _same_reason(said, stop)
    limits = [one for one in reasons.limits() if one.startswith("max-connections")]
    if limits:
        return Failed(
            said,
            f"Over STOMP the broker says so of a limit on connections too, and there is one: {' and '.join(limits)}.",
            "Raise it (limits in rabbitmq_topology_users or rabbitmq_topology_vhosts); the probes open some 40 at the "
            "same time.",
        )
    if not reasons.vhost_exists():
        return Failed(
            said,
            f"The vhost {broker.vhost} does not exist on {broker.name}.",
            "Declare it in rabbitmq_topology_vhosts, or correct the name.",
        )
    if "amqp" in broker.endpoints:
        return Failed(
            said,
            f"Over AMQP {broker.user} can open the vhost {broker.vhost}: over STOMP, a limit on connections was "
            "reached at that moment.",
            "Read the broker's log for this moment, it names the limit.",
        )
    return refusals.vhost_forbidden(broker, broker.vhost, said)


def _unprocessed(broker: Broker, said: str, reasons: Reasons) -> ProbeStop:
    """Explain a "Processing error": RabbitMQ says it of whatever it did not expect, such as a limit on channels."""
    if (stop := reasons.refused_over_amqp()) is not None:
        return _same_reason(said, stop)
    limits = [one for one in reasons.limits() if one.startswith("max-channels")]
    if limits:
        return Failed(
            said,
            f"Over STOMP the broker says so of a limit on channels, and there is one: {' and '.join(limits)}.",
            "Raise it (limits in rabbitmq_topology_users); every STOMP connection needs a channel.",
        )
    return Failed(
        said,
        "The broker failed at a frame that has to work.",
        "Read the broker's log for this moment, it has the error itself.",
    )


def _same_reason(said: str, stop: ProbeStop) -> ProbeStop:
    """AMQP's answer for the same user and vhost, together with STOMP's."""
    finding = stop.finding
    kind = Failed if isinstance(stop, Failed) else NotProven
    return kind(f"{said}; over AMQP: {finding.came_back}", finding.meaning, finding.remedy)
