"""What a RabbitMQ node that runs is asked by the doctor, in one call: its view of the cluster, its limits, its queues.

Nothing in it waits for a queue's process or for another node longer than members.VIEW does, so that a node in trouble
answers. A replica that does not run, as in maintenance, does not know who leads. Source of the calls: rabbit,
vm_memory_monitor, rabbit_disk_monitor, rabbit_core_metrics and rabbit_quorum_queue of 3.8 to 4.3.
"""

from __future__ import annotations

from ..rabbitmq import members

MOST = 20  # queues of each kind that are named

_QUESTION = """
View = VIEW,
Or = fun(F, Default) -> try F() catch _:_ -> Default end end,
Text = fun(T) when is_atom(T) -> atom_to_binary(T, utf8); (T) when is_binary(T) -> T;
    (T) -> iolist_to_binary(io_lib:format("~0p", [T])) end,
Number = fun(N) when is_number(N) -> N; (_) -> -1 end,
Reached = [node() | nodes()],
Few = fun(L) -> lists:sublist(L, MOST) end,
Named = fun({resource, V, _, N}) -> #{vhost => V, name => N} end,
Names = fun(M) when is_map(M) -> maps:keys(M); (L) when is_list(L) -> L; (_) -> [] end,
Queues = Or(fun() -> rabbit_amqqueue:list() end, []),
Of = fun(Q) -> Or(fun() -> Names(maps:get(nodes, amqqueue:get_type_state(Q), [])) end, []) end,
Quorum = [Q || Q <- Queues, amqqueue:get_type(Q) =:= rabbit_quorum_queue],
Here = fun(Q) -> length([N || N <- Of(Q), lists:member(N, Reached)]) end,
NoMajority = [Named(amqqueue:get_name(Q)) || Q <- Quorum, Of(Q) =/= [], Here(Q) * 2 =< length(Of(Q))],
Leader = fun(Q) -> {Ra, _} = amqqueue:get_pid(Q), case is_pid(whereis(Ra)) andalso ra_leaderboard:lookup_leader(Ra) of
    undefined -> none; {_, N} -> N; _ -> unknown end end,
Leaderless = [Named(amqqueue:get_name(Q)) || Q <- Quorum, lists:member(node(), Of(Q)), Here(Q) * 2 > length(Of(Q)),
    Or(fun() -> Leader(Q) end, unknown) =:= none],
Short = [Named(amqqueue:get_name(Q)) || Q <- Quorum, Here(Q) * 2 > length(Of(Q)), Here(Q) < length(Of(Q))],
Vhosts = Or(fun() -> rabbit_vhost:list_names() end, []),
AwayOf = fun(V) -> Or(fun() -> [Q || Q <- rabbit_amqqueue:list_down(V),
    amqqueue:get_type(Q) =:= rabbit_classic_queue] end, []) end,
Away = [Named(amqqueue:get_name(Q)) || V <- Vhosts, Q <- AwayOf(V)],
Down = [Named(amqqueue:get_name(Q)) || Q <- Queues, amqqueue:get_type(Q) =:= rabbit_classic_queue,
    Or(fun() -> P = amqqueue:get_pid(Q), node(P) =:= node() andalso not is_process_alive(P) end, false)],
Consumers = maps:from_list([{N, proplists:get_value(consumers, P, 0)} ||
    {N, P, _} <- Or(fun() -> ets:tab2list(queue_metrics) end, [])]),
Depths = [maps:merge(Named(N), #{ready => R, unacked => U, consumers => maps:get(N, Consumers, 0)}) ||
    {N, R, U, _, _} <- Or(fun() -> ets:tab2list(queue_coarse_metrics) end, []), is_integer(R), is_integer(U)],
Stable = fun(P) -> not lists:member(maps:get(stability, P, stable), [experimental]) end,
Disabled = Or(fun() -> [F || {F, P} <- maps:to_list(rabbit_feature_flags:list(disabled)), Stable(P)] end, []),
Deprecated = Or(fun() -> [Text(case F of #{name := N} -> N; _ -> proplists:get_value(name, F) end) ||
    F <- rabbit_depr_ff_extra:cli_info(used)] end, []),
Files = fun(App, Key) -> Or(fun() -> {ok, O} = application:get_env(App, Key),
    Own = fun(K) -> case proplists:get_value(K, O) of undefined -> <<>>; F -> iolist_to_binary(F) end end,
    [[Own(certfile), Own(keyfile)]] -- [[<<>>, <<>>]] end, []) end,
Otp = Or(fun() -> Release = erlang:system_info(otp_release), {ok, Words} =
    file:read_file(filename:join([code:root_dir(), "releases", Release, "OTP_VERSION"])), string:trim(Words) end, <<>>),
Idle = Or(fun() -> {ok, Path} = application:get_env(rabbit, enabled_plugins_file),
    rabbit_plugins:read_enabled(Path) -- rabbit_plugins:active() end, []),
Answer = #{
    node => node(),
    version => list_to_binary(rabbit_misc:version()),
    erlang => Otp,
    view => View,
    memory => #{total => Number(Or(fun() -> vm_memory_monitor:get_total_memory() end, -1)),
        limit => Number(Or(fun() -> vm_memory_monitor:get_memory_limit() end, -1)),
        used => Number(Or(fun() -> vm_memory_monitor:get_process_memory() end, -1))},
    disk => #{free => Number(Or(fun() -> rabbit_disk_monitor:get_disk_free() end, -1)),
        limit => Number(Or(fun() -> rabbit_disk_monitor:get_disk_free_limit() end, -1))},
    connections => Number(Or(fun() -> ets:info(connection_created, size) end, -1)),
    connection_max => Number(Or(fun() -> application:get_env(rabbit, connection_max, infinity) end, -1)),
    no_majority => Few(NoMajority), no_majority_count => length(NoMajority),
    leaderless => Few(Leaderless), leaderless_count => length(Leaderless),
    short => Few(Short), short_count => length(Short),
    away => Few(Away), away_count => length(Away),
    stopped => Few(Down), stopped_count => length(Down),
    piled => [D || {_, D} <- Few(lists:reverse(lists:keysort(1,
        [{R, D} || #{ready := R, consumers := 0} = D <- Depths, R >= PILED])))],
    unacked => Few([D || #{unacked := U, consumers := C} = D <- Depths, C > 0, U > UNACKED * C]),
    vhosts_down => [V || V <- Vhosts, Or(fun() -> rabbit_vhost_sup_sup:is_vhost_alive(V) end, true) =:= false],
    flags_off => [Text(F) || F <- Disabled],
    deprecated => Deprecated,
    plugins_idle => [Text(P) || P <- Idle],
    certificates => lists:usort(Files(rabbit, ssl_options) ++ Files(rabbitmq_management, ssl_config))}
"""

PILED = 10_000  # messages that nobody consumes, from which on a queue is named
UNACKED = 1_000  # messages that a consumer holds on average, as scripts/smoke.py counts them


def question() -> str:
    """Return the snippet, which ends in `Answer = ...`: see rabbitmq/evaluation.py."""
    text = _QUESTION.replace("VIEW", members.VIEW.strip(), 1)
    return text.replace("PILED", str(PILED)).replace("UNACKED", str(UNACKED)).replace("MOST", str(MOST))
