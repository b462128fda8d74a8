"""Whether a node takes a message and hands it out: which vhost its administrator may use for that, and what is said."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from . import amqp

# Vhosts that run on this node and have room, in which the user may declare the queue, publish to it and read it. An
# empty pattern allows the empty name alone.
_SNIPPET = """
User = base64:decode(<<"USER">>),
Known = try rabbit_auth_backend_internal:list_user_permissions(User) catch throw:{error, {no_such_user, _}} -> none;
    throw:{no_such_user, _} -> none end,
Allows = fun(<<>>, _) -> false; (P, N) -> re:run(N, P, [{capture, none}]) =:= match end,
May = fun(P) -> lists:all(fun({K, N}) -> Allows(proplists:get_value(K, P), N) end,
    [{configure, <<"QUEUE">>}, {write, <<"EXCHANGE">>}, {read, <<"QUEUE">>}]) end,
Is = fun(F) -> try F() =/= false catch _:_ -> false end end,
Room = fun(V) -> not Is(fun() -> rabbit_vhost_limit:is_over_queue_limit(V) end) andalso
    not Is(fun() -> rabbit_vhost_limit:is_over_connection_limit(V) end) end,
All = case Known of none -> []; _ -> lists:usort([proplists:get_value(vhost, P) || P <- Known, May(P)]) end,
Up = [V || V <- All, rabbit_vhost_sup_sup:is_vhost_alive(V)],
Answer = #{known => Known =/= none, allowed => All, up => Up, usable => [V || V <- Up, Room(V)]}
"""


def question(user: str) -> str:
    """Return the snippet that asks in which vhosts `user` may do it, which ends in `Answer = ...`: see evaluation.py.

    The answer has known (whether there is such a user), and names of vhosts: allowed, those of them that are up on the
    node, and those of these that are usable, since no limit is reached.
    """
    values = {
        "USER": base64.b64encode(user.encode()).decode(),
        # As long as the names that are used, for patterns that look at the end.
        "QUEUE": f"{amqp.QUEUE}.0123456789ab",
        "EXCHANGE": amqp.DEFAULT_EXCHANGE,
    }
    snippet = _SNIPPET
    for word, value in values.items():
        snippet = snippet.replace(word, value)
    return snippet


def vhost(answer: Mapping[str, Any]) -> str:
    """Return the vhost to use: `/`, which the administrator has from the beginning, or the first of the others."""
    usable = answer["usable"]
    return "/" if "/" in usable else (usable[0] if usable else "")


def no_vhost(user: str, answer: Mapping[str, Any]) -> str:
    """Return why no vhost can be used, as the part of a sentence, with what helps."""
    if not answer["known"]:
        return f"it knows no user {user}; run site.yml, which declares it, or correct rabbitmq_admin_user"
    if not answer["allowed"]:
        return (
            f"{user} may do it in no vhost; give it permissions in one (`rabbitmqctl set_permissions -p VHOST {user} "
            "'.*' '.*' '.*'`), or set rabbitmq_cluster_message_check to false"
        )
    if not answer["up"]:
        names = ", ".join(answer["allowed"])
        return f"{names} is down there; see its log, and `rabbitmqctl restart_vhost`"
    return (
        f"the limit of queues or connections is reached in {', '.join(answer['up'])}, and {user} may do it in no other "
        "vhost; raise one, or give it permissions in another"
    )


def untried(host: str, why: str) -> str:
    """Return that no message could be published, as a sentence."""
    return f"{host}: the node runs, and whether messages pass could not be tried: {why}"


def failure(host: str, login: amqp.Login, where: str, error: amqp.NotReturned) -> str:
    """Return that the message did not come back, as a sentence; what helps where the node refuses the user."""
    remedy = f"; let {login.user} in, or set rabbitmq_cluster_message_check to false" if error.lasts else ""
    return (
        f"{host}: the node runs, and a message that was published on it did not come back (AMQP, port {login.port}, "
        f"vhost {where}): {error}{remedy}"
    )
