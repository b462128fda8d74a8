"""What every member of a cluster reports about itself and the others, with one rabbitmqctl call on one of them.

The node that is asked asks the others, side by side and with one deadline: a member that is cut off answers nobody, and
none of them waits for it. Works on 3.8 to 4.3, on Mnesia and on Khepri, and where the members differ in version.
"""

from __future__ import annotations

import base64
from typing import Any

PATIENCE = 10  # seconds that the other members may take together

# What a member says, as an Erlang expression. It travels as text and is parsed and evaluated by each member: a compiled
# function would need the same Erlang on all of them. The members that Mnesia sees are not always those that the
# distribution sees: a partition of milliseconds can leave such a difference for good (rabbitmq-server issue 17319). On
# Khepri the question asks every member in turn, and would wait long for one whose process is stopped.
VIEW = """
(fun() ->
    Has = fun(M, F, A) -> _ = code:ensure_loaded(M), erlang:function_exported(M, F, A) end,
    Or = fun(F, Default) -> try F() catch _:_ -> Default end end,
    Text = fun(T) when is_atom(T) -> atom_to_binary(T, utf8);
        (T) -> iolist_to_binary(io_lib:format("~p", [T])) end,
    Khepri = not Has(rabbit_mnesia, cluster_nodes, 1) orelse
        Or(fun() -> rabbit_khepri:is_enabled() end, false) =:= true,
    Members = Or(fun() -> case Khepri of
        true -> rabbit_nodes:list_members(); false -> rabbit_mnesia:cluster_nodes(all) end end, []),
    Reached = [N || N <- Members, lists:member(N, [node() | nodes()])],
    Seen = case Khepri of
        false -> Or(fun() -> rabbit_mnesia:cluster_nodes(running) end, []);
        true -> case rpc:call(node(), rabbit_nodes, list_running, [], 4000) of
            L when is_list(L) -> L; _ -> Reached end end,
    Alarm = fun({{resource_limit, What, Node}, _}) -> [Text(What), Node];
        ({What, _}) -> [Text(What), node()] end,
    Listens = fun(L) -> element(3, L) end,
    #{running => rabbit:is_running(),
      booting => Or(fun() -> rabbit:is_booting(node()) end, false) =:= true,
      members => Members,
      sees => Seen,
      khepri => Khepri,
      partitions => case Khepri of true -> []; false -> Or(fun() -> rabbit_node_monitor:partitions() end, []) end,
      partition_handling => Text(application:get_env(rabbit, cluster_partition_handling, ignore)),
      alarms => [Alarm(A) || A <- Or(fun() -> rabbit_alarm:get_alarms() end, [])],
      drained => Or(fun() -> rabbit_maintenance:is_being_drained_local_read(node()) end, false) =:= true,
      listeners => lists:usort([Listens(L) || L <- Or(fun() -> rabbit_networking:node_listeners(node()) end, [])])}
end)()
"""

# Asks every member for its view, and this one for what its stop would cost. Where a member did not answer, the latter
# would wait a minute for it, and is not asked: there is a reason not to go already.
_ASK = """
{ok, Tokens, _} = erl_scan:string(binary_to_list(base64:decode(<<"VIEW">>))),
{ok, Forms} = erl_parse:parse_exprs(Tokens),
{value, Own, _} = erl_eval:exprs(Forms, []),
Others = lists:usort(maps:get(members, Own)) -- [node()],
Calls = [{N, rpc:async_call(N, erl_eval, exprs, [Forms, []])} || N <- Others],
Until = erlang:monotonic_time(millisecond) + PATIENCE,
Said = fun({value, {value, View, _}}) -> View;
    ({value, {badrpc, nodedown}}) -> #{unread => nodedown};
    ({value, Other}) -> #{unread => iolist_to_binary(io_lib:format("~0P", [Other, 12]))};
    (timeout) -> #{unread => timeout} end,
Views = [{N, Said(rpc:nb_yield(K, max(0, Until - erlang:monotonic_time(millisecond))))} || {N, K} <- Calls],
Running = maps:get(running, Own),
All = Running andalso Others =/= [] andalso [N || {N, V} <- Views, maps:is_key(unread, V)] =:= [],
_ = code:ensure_loaded(rabbit_upgrade_preparation),
Module = case erlang:function_exported(rabbit_upgrade_preparation, list_with_minimum_quorum_for_cli, 0) of
    true -> rabbit_upgrade_preparation; false -> rabbit_quorum_queue end,
Replicas = fun(V, N) -> try {ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(V, queue, N)),
    case maps:get(nodes, amqqueue:get_type_state(Q)) of M when is_map(M) -> map_size(M); L -> length(L) end
    catch _:_ -> 0 end end,
Critical = case All of false -> []; true ->
    [#{name => maps:get(<<"readable_name">>, C), replicas =>
        Replicas(maps:get(<<"virtual_host">>, C), maps:get(<<"name">>, C))} ||
        C <- Module:list_with_minimum_quorum_for_cli()] end,
Queues = case All of false -> []; true ->
    [{amqqueue:get_type(Q), amqqueue:get_pid(Q), try amqqueue:get_slave_pids(Q) catch _:_ -> [] end} ||
        Q <- rabbit_amqqueue:list(), amqqueue:get_exclusive_owner(Q) =:= none] end,
Here = fun({_, N}) -> N =:= node(); (P) when is_pid(P) -> node(P) =:= node(); (_) -> false end,
Answer = #{
    node => node(),
    version => list_to_binary(rabbit_misc:version()),
    views => maps:from_list([{node(), Own} | Views]),
    critical => lists:sublist(Critical, 20),
    critical_count => length(Critical),
    leaders => length([P || {T, P, _} <- Queues, T =/= rabbit_classic_queue, Here(P)]),
    alone => length([P || {rabbit_classic_queue, P, M} <- Queues, M =:= [] orelse not is_list(M), Here(P)])}
"""


# What one node says of its cluster and of what that holds. A node whose application is stopped says no more than that.
CLUSTER = f"""
View = {VIEW.strip()},
Holds = fun() ->
    Own = fun({{resource, _, _, N}}) -> N =/= <<>> andalso binary:longest_common_prefix([N, <<"amq.">>]) < 4 end,
    Names = rabbit_vhost:list_names(),
    #{{name => rabbit_nodes:cluster_name(),
      holds => #{{
        users => [proplists:get_value(user, U) || U <- rabbit_auth_backend_internal:list_users()],
        vhosts => Names,
        queues => length(rabbit_amqqueue:list_names()),
        exchanges => length([R || V <- Names, [{{name, R}}] <- rabbit_exchange:info_all(V, [name]), Own(R)]),
        policies => length(rabbit_policy:list()),
        parameters => length(rabbit_runtime_parameters:list())}}}} end,
Version = #{{node => node(), version => list_to_binary(rabbit_misc:version())}},
Said = maps:merge(maps:with([running, booting, members, sees, khepri, partitions, drained], View), Version),
Answer = case maps:get(running, View) of true -> maps:merge(Said, Holds()); false -> Said end
"""


def question(patience: float = PATIENCE) -> str:
    """Return the snippet that asks, which ends in `Answer = ...`: see evaluation.py."""
    view = base64.b64encode((VIEW.strip() + ".").encode()).decode()
    return _ASK.replace("VIEW", view, 1).replace("PATIENCE", str(int(patience * 1000)), 1)


def own_view(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the asked node's own view."""
    found: dict[str, Any] = asked["views"][asked["node"]]
    return found
