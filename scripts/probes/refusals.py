"""Explains a broker's refusals: of a login, a vhost, or an object in it."""

from __future__ import annotations

import re
import shlex

from probes.model import Broker, Failed, NotProven, ProbeStop
from probes.variables import of_tls

# The words of rabbit_reader, rabbit_channel and rabbit_amqqueue (3.8 to 4.3), each with what is full, what the limit is
# called, how to look, and how to lift it. The first that fits counts.
_LIMITS = (
    (
        r"user connection limit \((\d+)\) is reached",
        "The user {user} has as many connections as it may have: its limit max-connections is {limit}.",
        "Find out who holds them (`rabbitmqctl list_connections user peer_host name`), or raise max-connections of the "
        "user in rabbitmq_topology_users (by hand: `rabbitmqctl clear_user_limits {user_} max-connections`); the "
        "probes open some 40 at the same time.",
    ),
    (
        r"node connection limit \((\d+)\) is reached",
        "The node has as many connections as it may have: its limit connection_max is {limit}.",
        "Find out who holds them (`rabbitmqctl list_connections user peer_host name`), or raise connection_max in "
        "rabbitmq_config.",
    ),
    (
        r"connection limit \((\d+)\) is reached",
        "The vhost {vhost} has as many connections as it may have: its limit max-connections is {limit}.",
        "Find out who holds them (`rabbitmqctl list_connections vhost user peer_host name`), or raise max-connections "
        "of the vhost in rabbitmq_topology_vhosts (by hand, with all other limits of the vhost: `rabbitmqctl "
        "clear_vhost_limits -p {vhost_}`); the probes open some 40 at the same time.",
    ),
    (
        r"maximum allowed user limit of \(?(\d+)",
        "The user {user} has as many channels as it may have: its limit max-channels is {limit}.",
        "Find out who holds them (`rabbitmqctl list_channels user name`), or raise max-channels of the user in "
        "rabbitmq_topology_users (by hand: `rabbitmqctl clear_user_limits {user_} max-channels`); the probes open some "
        "40 at the same time.",
    ),
    (
        r"queue limit in vhost .* \((\d+)\) is reached",
        "The vhost {vhost} has as many queues as it may have: its limit max-queues is {limit}.",
        "Delete queues that nobody uses (`rabbitmqctl list_queues -p {vhost_} name messages consumers`), or raise "
        "max-queues of the vhost in rabbitmq_topology_vhosts (by hand, with all other limits of the vhost: "
        "`rabbitmqctl clear_vhost_limits -p {vhost_}`).",
    ),
    (
        r"(?:queue|exchange) limit in cluster \((\d+)\) is reached",
        "The cluster has as many queues or exchanges as it may have: its limit is {limit}.",
        "Delete those that nobody uses (`rabbitmqctl list_queues -p {vhost_} name messages consumers`), or raise "
        "cluster_queue_limit or cluster_exchange_limit in rabbitmq_config.",
    ),
)


def limit(broker: Broker, vhost: str, said: str) -> Failed | None:
    """Explain a reached limit from the broker's words; None if they are about something else."""
    for words, meaning, remedy in _LIMITS:
        if found := re.search(words, said):
            names = {"user": broker.user, "vhost": vhost, "limit": found[1]}
            names |= {"user_": shlex.quote(broker.user), "vhost_": shlex.quote(vhost)}
            return Failed(said, meaning.format(**names), remedy.format(**names))
    return None


def connection_closed(broker: Broker, words: str) -> ProbeStop:
    """Explain a connection that the broker closed during a probe with a reason."""
    said = f"{broker.name} closed the connection: {words}"
    if (reached := limit(broker, broker.vhost, said)) is not None:
        return reached
    if "CONNECTION_FORCED" in words:
        return NotProven(
            said,
            "Somebody ended this connection: the broker is being stopped, or it was closed by hand.",
            "Try again when the broker runs undisturbed; its log names the reason.",
        )
    return NotProven(
        said,
        "The broker ended the connection in the middle of the probe.",
        "Read the broker's log for this moment.",
    )


def vhost_refused(broker: Broker, vhost: str, said: str) -> Failed:
    """Explain why the broker closed a connection when it was to open `vhost`.

    The words are rabbit_reader's and rabbit_access_control's, the same from 3.8 to 4.3.
    """
    if said.endswith("not found"):
        return vhost_missing(broker, vhost, said)
    if (reached := limit(broker, vhost, said)) is not None:
        return reached
    if said.endswith("is down"):
        return Failed(
            said,
            f"The vhost {vhost} exists and is not running.",
            f"Restart it (`rabbitmqctl restart_vhost -p {shlex.quote(vhost)}`); the broker's log says why it stopped.",
        )
    if "refused for user" in said:
        return vhost_forbidden(broker, vhost, said)
    return Failed(
        said,
        f"The broker did not open the vhost {vhost} for the user {broker.user}.",
        "Read the broker's log for this moment.",
    )


def vhost_missing(broker: Broker, vhost: str, said: str) -> Failed:
    """Explain that there is no such vhost."""
    return Failed(
        said,
        f"The vhost {vhost} does not exist on {broker.name}.",
        f"Declare it in rabbitmq_topology_vhosts (by hand: `rabbitmqctl add_vhost {shlex.quote(vhost)}`), or "
        "correct the name.",
    )


def vhost_forbidden(broker: Broker, vhost: str, said: str) -> Failed:
    """Explain that the user has no permission on the vhost."""
    return Failed(
        said,
        f"The user {broker.user} has no permission on the vhost {vhost} (some clients only say "
        '"Connection reset by peer").',
        "Declare the permission in rabbitmq_topology_users "
        f"(by hand: `rabbitmqctl set_permissions -p {shlex.quote(vhost)} {shlex.quote(broker.user)} '.*' '.*' '.*'`).",
    )


def lacks_permission(broker: Broker, said: str) -> Failed:
    """Explain a refusal inside an open vhost: configure, write or read is missing for an object."""
    return Failed(
        said,
        f"The user {broker.user} lacks a permission that the probe needs in the vhost {broker.vhost}.",
        "Give it configure, write and read there in rabbitmq_topology_users (by hand: "
        f"`rabbitmqctl set_permissions -p {shlex.quote(broker.vhost)} {shlex.quote(broker.user)} '.*' '.*' '.*'`).",
    )


def login_refused(broker: Broker, words: str, only_local: bool | None) -> Failed:
    """Explain a refused login.

    `only_local` is what another protocol told, None when none did: over AMQP the refusal of a loopback user
    and of a wrong password are the same words.
    """
    said = f"{broker.name} refused the login of {broker.user}: {words}"
    if only_local:
        return Failed(
            said,
            f"{broker.user} is a loopback user: it can log in from the broker's own host only.",
            "Use a user of your own, or take the name out of rabbitmq_loopback_users.",
        )
    unsure = (
        ""
        if only_local is False
        else ", or it is a loopback user, who can log in from the broker's own host only"
    )
    return Failed(
        said,
        f"The password is wrong, or there is no user {broker.user}{unsure}.",
        "Compare the password with the vault and run the converge again; the broker's log names the reason.",
    )


def certificate_refused(broker: Broker, words: str) -> Failed:
    """Explain a refused login by the client's certificate (EXTERNAL)."""
    said = f"{broker.name} refused the login by certificate: {words}"
    if "offers no login" in words:
        return Failed(
            said,
            "The broker does not take certificates as logins.",
            f"Set {of_tls('rabbitmq')['login']} (by hand: the plugin rabbitmq_auth_mechanism_ssl, and EXTERNAL in "
            "auth_mechanisms), or log in with a password.",
        )
    return Failed(
        said,
        "There is no user of the name that the broker takes from the certificate, or no certificate was asked for.",
        "The broker's log has the name: declare that user in rabbitmq_topology_users, have another name of the "
        f"certificate taken ({of_tls('rabbitmq')['login']}: distinguished_name, common_name or "
        "subject_alternative_name), or show another certificate. The broker has to ask for one: "
        f"{of_tls('rabbitmq')['clients']}.",
    )


def stomp_login_refused(broker: Broker, words: str) -> Failed:
    """Explain a login that was refused over STOMP: the password may be right and not fit through it."""
    said = f"{broker.name} refused the login of {broker.user}: {words}"
    return unfit_for_stomp(broker, said) or login_refused(broker, words, only_local=False)


def unfit_for_stomp(broker: Broker, said: str) -> Failed | None:
    """Explain a login that cannot be sent in a CONNECT frame unescaped; None if it can.

    STOMP 1.2 leaves a CONNECT frame's headers unescaped, and the brokers unescape them all the same: RabbitMQ (3.8 to
    4.3) closes the connection on an escape that it does not know, ActiveMQ (5.17.2) leaves that as it is. STOMP 1.0
    strips leading blanks, ActiveMQ those at both ends.
    """
    for what, text in (("password", broker.password), ("user name", broker.user)):
        if reason := _unfit(broker.kind, text):
            return Failed(
                said,
                f"The {what} {reason}: it may be right, and over STOMP it does not work.",
                f"Give {broker.user} a {what} without it.",
            )
    return None


def _unfit(kind: str, text: str) -> str:
    if "\n" in text or "\r" in text:
        return "has a line break, which ends a header of a STOMP frame"
    if kind == "activemq":
        if any(escape in text for escape in ("\\n", "\\c", "\\\\")):
            return "has a backslash before n, c or a backslash, which ActiveMQ takes for an escape in a CONNECT frame"
        return "begins or ends with a blank, which ActiveMQ cuts off" if text != text.strip() else ""
    if "\\" in text:
        return "has a backslash, which RabbitMQ takes for an escape in a CONNECT frame"
    return "begins with a blank, which STOMP 1.0 strips" if text.startswith(" ") else ""
