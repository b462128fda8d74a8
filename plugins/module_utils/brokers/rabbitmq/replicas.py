"""Where the queues of a cluster have their replicas, and adding or removing some: one question to one member.

Quorum queues and streams are copied, classic queues are on one member (up to 3.13 they may have mirrors). Works on 3.8
to 4.3; a stream needs 3.9. From 4.0 on a new replica of a quorum queue has no vote until it has caught up.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

_BATCH = 100  # changes in one call, whose text has to fit into an argument of a command

# Every queue that outlives its connection. `states` of a replica, where asked for: whether it runs, whether it votes,
# and how far its log goes; a replica that did not answer has none.
_LIST = """
Names = fun(M) when is_map(M) -> maps:keys(M); (L) when is_list(L) -> L; (_) -> [] end,
Field = fun(Keys, P) -> case [V || K <- Keys, {P1, V} <- P, P1 =:= K] of [V | _] -> V; [] -> undefined end end,
Number = fun(N) when is_integer(N) -> N; (_) -> -1 end,
Text = fun(T) when is_atom(T) -> atom_to_binary(T, utf8); (T) when is_binary(T) -> T; (_) -> <<>> end,
State = fun(P) -> #{
    node => Text(Field([<<"Node Name">>, node], P)),
    state => Text(Field([<<"Raft State">>, role], P)),
    votes => not lists:member(Text(Field([<<"Membership">>], P)), [<<"promotable">>, <<"non_voter">>]),
    written => Number(Field([<<"Last Log Index">>, <<"Log Index">>, offset], P)),
    committed => Number(Field([<<"Commit Index">>, committed_offset], P))} end,
States = fun(M, V, N) -> case ASKED of false -> []; true ->
    try M:status(V, N) of L when is_list(L) -> [State(P) || P <- L]; _ -> [] catch _:_ -> [] end end end,
One = fun(Q) ->
    {resource, V, _, N} = amqqueue:get_name(Q),
    Base = #{vhost => V, name => N},
    Of = try amqqueue:get_type_state(Q) catch _:_ -> #{} end,
    case amqqueue:get_type(Q) of
        rabbit_classic_queue ->
            Mirrors = try amqqueue:get_slave_pids(Q) catch _:_ -> [] end,
            All = [amqqueue:get_pid(Q) | case is_list(Mirrors) of true -> Mirrors; false -> [] end],
            Pids = [P || P <- All, is_pid(P)],
            Base#{kind => classic, durable => amqqueue:is_durable(Q), nodes => lists:usort([node(P) || P <- Pids])};
        rabbit_quorum_queue ->
            Base#{kind => quorum, nodes => Names(maps:get(nodes, Of, [])), states => States(rabbit_quorum_queue, V, N)};
        rabbit_stream_queue ->
            Base#{kind => stream, nodes => Names(maps:get(nodes, Of, [])), states => States(rabbit_stream_queue, V, N)};
        Other -> Base#{kind => Other, nodes => []}
    end end,
Answer = [One(Q) || Q <- rabbit_amqqueue:list(), amqqueue:get_exclusive_owner(Q) =:= none]
"""

# `status` waits five seconds for each replica that does not answer, so changes are made one after the other.
_CHANGE = """
Changes = rabbit_json:decode(base64:decode(<<"CHANGES">>)),
Has = fun(M, F, A) -> _ = code:ensure_loaded(M), erlang:function_exported(M, F, A) end,
Add = fun(<<"quorum">>, V, N, Node) -> case Has(rabbit_quorum_queue, add_member, 5) of
        true -> rabbit_quorum_queue:add_member(V, N, Node, promotable, 30000);
        false -> rabbit_quorum_queue:add_member(V, N, Node, 30000) end;
    (<<"stream">>, V, N, Node) -> rabbit_stream_queue:add_replica(V, N, Node) end,
Delete = fun(<<"quorum">>, V, N, Node) -> rabbit_quorum_queue:delete_member(V, N, Node);
    (<<"stream">>, V, N, Node) -> rabbit_stream_queue:delete_replica(V, N, Node) end,
Do = fun(#{<<"do">> := What, <<"kind">> := K, <<"vhost">> := V, <<"name">> := N, <<"node">> := Text}) ->
    Node = binary_to_atom(Text, utf8),
    try case What of <<"add">> -> Add(K, V, N, Node); <<"delete">> -> Delete(K, V, N, Node) end of
        ok -> <<>>; {ok, _} -> <<>>; {ok, _, _} -> <<>>; Other -> iolist_to_binary(io_lib:format("~0P", [Other, 20]))
    catch _:Why -> iolist_to_binary(io_lib:format("~0P", [Why, 20])) end end,
Answer = [Do(C) || C <- Changes]
"""


def listing(states: bool) -> str:
    """Return the snippet that lists the queues; with `states` each queue that is copied is asked for its replicas."""
    return _LIST.replace("ASKED", str(states).lower(), 1)


def changes(wanted: Sequence[dict[str, Any]]) -> list[str]:
    """Return the snippets that make the changes, in order. Each answers with a text per change, empty if it was made.

    A change has do (add or delete), kind (quorum or stream), vhost, name and node.
    """
    return [
        _CHANGE.replace(
            "CHANGES", base64.b64encode(json.dumps(wanted[at : at + _BATCH]).encode()).decode(), 1
        )
        for at in range(0, len(wanted), _BATCH)
    ]
