"""Probes of what must be refused. Only the broker's own refusal is a pass, not a failed connection."""

from __future__ import annotations

import secrets

from probes.clients import amqp as amqp_client, stomp as stomp_client, stomp_errors
from probes.clients.amqp import LoginRefused, VhostRefused
from probes.model import Context, Failed, NotApplicable, NotProven
from probes.registry import probe

# The account that RabbitMQ creates by default: rabbitmq.com, access control.
GUEST = "guest"
GUESTS_VHOST = "/"  # where it is given permissions


def _amqp_login(context: Context, user: str, password: str) -> str | None:
    """Return the broker's words if it refuses the login over AMQP, None if it accepts it."""
    try:
        amqp_client.close(amqp_client.connect(context, user, password, context.broker.vhost))
    except LoginRefused as refusal:
        return str(refusal)
    except VhostRefused:
        return None  # user and password were taken, only the vhost was not
    return None


def _stomp_login(context: Context, user: str, password: str) -> str | None:
    """The same over STOMP. Raises NotProven for an ERROR frame that is about something else."""
    words = stomp_client.refusal(context, user, password, context.broker.vhost)
    if words is not None and "Virtual host" in words and user == GUEST:
        # guest is there and may not open this vhost; what it may do shows on its own one.
        words = stomp_client.refusal(context, user, password, GUESTS_VHOST)
    if words is None or stomp_errors.is_login_refusal(words):
        return words
    raise NotProven(
        f"{context.broker.name} sent ERROR: {words}",
        "The broker refused the connection for another reason than the login.",
        "See stomp.connect.",
    )


def _management_login(context: Context, user: str, password: str) -> str | None:
    """The same over the management API. Raises NotProven for an answer that is neither."""
    from probes.clients import management as management_client

    answer = management_client.request(context, "GET", "/api/whoami", user=user, password=password)
    if answer.status == 200 or (answer.status == 401 and answer.reason.startswith("Not ")):
        return None  # known user and password, at most without the tag for this page
    if answer.status == 401:
        return f"{answer.status} {answer.reason}"
    raise NotProven(
        f"GET /api/whoami was answered with {answer.status}: {answer.reason}",
        "The API answered neither with a login nor with a refusal.",
        "Read the broker's log for this moment.",
    )


_LOGINS = {"amqp": _amqp_login, "stomp": _stomp_login, "management": _management_login}


def _guest(context: Context, protocol: str) -> str:
    words = _LOGINS[protocol](context, GUEST, GUEST)
    if words is None:
        raise Failed(
            f"{context.endpoint(protocol)} accepted the user guest with the password guest.",
            f"guest can log in from {_here()}, and everybody knows its password.",
            "Delete the user (`rabbitmqctl delete_user guest`); keep guest out of rabbitmq_topology_users.",
        )
    return _short(words)


def _wrong_password(context: Context, protocol: str) -> str:
    user = context.broker.user
    words = _LOGINS[protocol](context, user, secrets.token_urlsafe(24))
    if words is None:
        raise Failed(
            f"{context.endpoint(protocol)} accepted {user} with a random password.",
            f"The broker lets {user} in over {protocol} with any password.",
            "Look at auth_backends and at stomp.default_user in the broker's configuration.",
        )
    return _short(words)


def _short(words: str) -> str:
    """The broker's refusal, short enough for a line: what stands before "- Login was refused using …"."""
    return f"refused: {words.removeprefix('Bad CONNECT: ').partition(' - Login')[0]}"


def _here() -> str:
    import socket

    return socket.gethostname()


@probe(
    "negative.guest.amqp",
    needs=["amqp"],
    notes=["2.3"],
    proves="guest with its well-known password is refused over AMQP.",
)
def guest_amqp(context: Context) -> str:
    return _guest(context, "amqp")


@probe(
    "negative.guest.stomp",
    needs=["stomp"],
    notes=["2.3"],
    proves="guest with its well-known password is refused over STOMP.",
)
def guest_stomp(context: Context) -> str:
    return _guest(context, "stomp")


@probe(
    "negative.guest.management",
    needs=["management"],
    notes=["2.3"],
    proves="guest with its well-known password is refused by the management API.",
)
def guest_management(context: Context) -> str:
    return _guest(context, "management")


@probe(
    "negative.password.amqp", needs=["amqp"], notes=["2.6"], proves="A wrong password is refused over AMQP."
)
def password_amqp(context: Context) -> str:
    return _wrong_password(context, "amqp")


@probe(
    "negative.password.stomp",
    needs=["stomp"],
    notes=["2.6"],
    proves="A wrong password is refused over STOMP.",
)
def password_stomp(context: Context) -> str:
    return _wrong_password(context, "stomp")


@probe(
    "negative.password.management",
    needs=["management"],
    notes=["2.6"],
    proves="A wrong password is refused by the management API.",
)
def password_management(context: Context) -> str:
    return _wrong_password(context, "management")


@probe(
    "negative.vhost.amqp",
    needs=["amqp"],
    notes=["2.6", "2.4"],
    proves="A vhost that the user has no permission on is refused over AMQP.",
)
def vhost_amqp(context: Context) -> str:
    broker, vhost = context.broker, _denied_vhost(context)
    try:
        amqp_client.close(amqp_client.connect(context, *context.login("amqp"), vhost))
    except VhostRefused as refusal:
        if "refused for user" in str(refusal):
            return f"refused: {str(refusal).replace('NOT_ALLOWED - ', '')}"
        raise NotProven(
            f"{broker.name} said {refusal}",
            f"The vhost {vhost} was refused for another reason than a missing permission.",
            "Name a vhost that exists as denied_vhost (or --denied-vhost).",
        ) from refusal
    except LoginRefused as refusal:
        raise NotProven(
            f"{broker.name} refused the login of {broker.user}: {refusal}",
            "The login itself failed, so nothing is known about the vhost.",
            "See amqp.connect.",
        ) from refusal
    raise _opened(context, vhost)


@probe(
    "negative.vhost.stomp",
    needs=["stomp"],
    notes=["2.6", "2.4"],
    proves="A vhost that the user has no permission on is refused over STOMP.",
)
def vhost_stomp(context: Context) -> str:
    broker, vhost = context.broker, _denied_vhost(context)
    words = stomp_client.refusal(context, *context.login("stomp"), vhost)
    if words is None:
        raise _opened(context, vhost)
    if "Virtual host" in words and stomp_client.vhost_exists(context, vhost):
        return _short(words)
    raise NotProven(
        f"{broker.name} sent ERROR: {words}",
        f"The vhost {vhost} does not exist, or the login failed: not for a missing permission.",
        "Name a vhost that exists as denied_vhost (or --denied-vhost), and see stomp.connect.",
    )


def _denied_vhost(context: Context) -> str:
    if context.broker.denied_vhost is None:
        raise NotApplicable("No vhost is declared that this user must not open (denied_vhost).")
    return context.broker.denied_vhost


def _opened(context: Context, vhost: str) -> Failed:
    user = context.broker.user
    return Failed(
        f"{context.broker.name} opened the vhost {vhost} for {user}.",
        f"{user} has a permission on {vhost} that it should not have.",
        f"Take it away (by hand: `rabbitmqctl clear_permissions -p {vhost} {user}`), or correct "
        "denied_vhost.",
    )
