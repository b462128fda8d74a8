"""What a STOMP broker's ERROR frames mean, told from their words."""

from __future__ import annotations

from collections.abc import Callable

from probes import refusals
from probes.model import Broker, Failed

# RabbitMQ's rabbit_stomp_processor, twice; ActiveMQ's PropertiesLoginModule and SimpleAuthenticationBroker.
_LOGIN_REFUSALS = ("Access refused for user", "non-loopback", "User name [", "password is invalid")


def is_login_refusal(words: str | None) -> bool:
    """Whether an ERROR frame is about user and password."""
    return words is not None and any(phrase in words for phrase in _LOGIN_REFUSALS)


def explain(broker: Broker, words: str, vhost_exists: Callable[[], bool]) -> Failed:
    """Return what `words` of an ERROR frame mean; `vhost_exists` asks the broker, and only where that decides.

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
    if "Virtual host" in words:
        if vhost_exists():
            return refusals.vhost_forbidden(broker, broker.vhost, said)
        return Failed(
            said,
            f"The vhost {broker.vhost} does not exist on {broker.name}, or has no connections left: "
            "over STOMP the broker says the same of both.",
            "See amqp.connect, which tells them apart; declare the vhost in "
            "rabbitmq_topology_vhosts, or raise the limit.",
        )
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
