"""Questions to a running RabbitMQ node, one call each: Erlang expressions whose value comes back as plain data.

They run on 3.8 to 4.3. Debian's wrapper of rabbitmqctl has a shell read its arguments: no dollar signs, no backslashes.
What they are asked never holds a secret, since it stands in the arguments of rabbitmqctl; what they answer may.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterable
from typing import Any

PATIENCE = 60  # seconds; an answer takes less than two

# The value is printed as Erlang prints a binary, in lines of 80: letters of base64 survive that.
_WRAPPED = "begin {code} end"
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")


class Unanswered(Exception):
    """The node could not be asked; the message has rabbitmqctl's words."""


def ask(code: str) -> Any:
    """Return the value of a snippet that ends in `Answer = ...` as plain data.

    :raises Unanswered: when rabbitmqctl fails, or says nothing in time.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command(code),
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise Unanswered("rabbitmqctl is not installed") from None
    except subprocess.TimeoutExpired:
        raise Unanswered(f"rabbitmqctl did not answer within {PATIENCE} s") from None
    if done.returncode != 0:
        raise Unanswered(first_words(done.stderr + "\n" + done.stdout))
    return value(done.stdout)


def command(code: str, node: str = "") -> list[str]:
    """Return the command line that asks `node` for the value of a snippet that ends in `Answer = ...`.

    Without a name it is the node of this host.
    """
    encoded = code.strip() + ", base64:encode(iolist_to_binary(rabbit_json:encode(Answer)))"
    named = ["--node", node] if node else []
    return ["rabbitmqctl", "--quiet", *named, "eval", _WRAPPED.format(code=encoded) + "."]


def value(printed: str) -> Any:
    """Return the value of a snippet as plain data, from what that command printed.

    :raises Unanswered: when it printed something else.
    """
    try:
        return json.loads(base64.b64decode(_NOT_BASE64.sub("", printed)))
    except ValueError:
        raise Unanswered(first_words(printed)) from None


def first_words(said: str) -> str:
    """Return the first line of what rabbitmqctl said that is about the cause."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Stack trace", "Error:", "("))]
    return " ".join((telling or lines or ["it said nothing"])[:2])[:300]


def atoms(names: Iterable[str]) -> str:
    """Return names of plugins as a list of Erlang."""
    return "[" + ",".join(f"'{name}'" for name in sorted(names)) + "]"


# How many objects a node has, and who its administrators are. guest's password is tried as the broker itself
# tries it, without a connection and without a line in the log.
HOLDINGS = """
Users = rabbit_auth_backend_internal:list_users(),
Tagged = fun(U) -> lists:member(administrator, proplists:get_value(tags, U)) end,
Names = rabbit_vhost:list_names(),
Own = fun({resource, _, _, N}) -> N =/= <<>> andalso binary:longest_common_prefix([N, <<"amq.">>]) < 4 end,
Exchanges = [R || V <- Names, [{name, R}] <- rabbit_exchange:info_all(V, [name]), Own(R)],
WellKnown = case catch rabbit_auth_backend_internal:user_login_authentication(
        <<"guest">>, [{password, <<"guest">>}]) of {ok, _} -> true; _ -> false end,
Answer = #{
    version => list_to_binary(rabbit_misc:version()),
    node => atom_to_binary(node(), utf8),
    users => [proplists:get_value(user, U) || U <- Users],
    administrators => [proplists:get_value(user, U) || U <- Users, Tagged(U)],
    guest => WellKnown,
    vhosts => Names,
    queues => length(rabbit_amqqueue:list_names()),
    exchanges => length(Exchanges),
    policies => length(rabbit_policy:list()),
    parameters => length(rabbit_runtime_parameters:list()),
    plugins => rabbit_plugins:active(),
    enabled => rabbit_plugins:read_enabled(element(2, application:get_env(rabbit, enabled_plugins_file))),
    files => [list_to_binary(F) || F <- rabbit:config_files()],
    enabled_file => list_to_binary(element(2, application:get_env(rabbit, enabled_plugins_file))),
    data => list_to_binary(filename:dirname(element(2, application:get_env(rabbit, feature_flags_file)))),
    connections => lists:sum([case C of #{active_connections := N} -> N;
        _ when is_list(C) -> proplists:get_value(active_connections, C, 0) end || C <- [element(2, I) || I <-
        case ranch:info() of M when is_map(M) -> maps:to_list(M); L -> L end]])}
"""

# Who depends on the plugins that the list WANTED would switch off: [[plugin, kind, name, vhost or what], ...].
PLUGIN_USES = """
Wanted = WANTED,
All = rabbit_plugins:list(rabbit_plugins:plugins_dir()),
Known = rabbit_plugins:plugin_names(All),
Kept = rabbit_plugins:dependencies(false, [P || P <- Wanted, lists:member(P, Known)], All),
Going = rabbit_plugins:active() -- Kept,
Text = fun(T) when is_binary(T) -> T; (T) when is_atom(T) -> atom_to_binary(T, utf8);
    (T) -> iolist_to_binary(io_lib:format("~p", [T])) end,
App = fun(M) -> case application:get_application(M) of {ok, A} -> A; _ -> undefined end end,
Is = fun(A) -> lists:member(A, Going) end,
Provided = fun(Class) ->
    maps:from_list([{Text(T), App(M)} || {T, M} <- rabbit_registry:lookup_all(Class), Is(App(M))]) end,
VHosts = rabbit_vhost:list_names(),
Types = Provided(exchange),
Exchanges = case maps:size(Types) of 0 -> []; _ ->
    [[maps:get(Text(T), Types), <<"exchange">>, N, V, Text(T)] ||
        V <- VHosts, [{name, {resource, _, _, N}}, {type, T}] <- rabbit_exchange:info_all(V, [name, type]),
        maps:is_key(Text(T), Types)] end,
Events = case Is(rabbitmq_event_exchange) of false -> []; true ->
    [[rabbitmq_event_exchange, <<"binding of the exchange">>, <<"amq.rabbitmq.event">>, V] || V <- VHosts,
        rabbit_binding:list_for_source(rabbit_misc:r(V, exchange, <<"amq.rabbitmq.event">>)) =/= []] end,
Components = Provided(runtime_parameter),
Parameters = [[maps:get(C, Components), <<C/binary, " parameter">>, N, V] ||
    P <- rabbit_runtime_parameters:list(),
    {C, N, V} <- [{proplists:get_value(component, P), proplists:get_value(name, P), proplists:get_value(vhost, P)}],
    maps:is_key(C, Components)],
Globals = [[rabbitmq_mqtt, <<"global parameter">>, Text(N)] || Is(rabbitmq_mqtt),
    P <- rabbit_runtime_parameters:list_global(), N <- [proplists:get_value(name, P)],
    lists:member(Text(N), [<<"mqtt_default_vhosts">>, <<"mqtt_port_to_vhost_mapping">>])],
Rules = maps:merge(Provided(policy_validator), Provided(operator_policy_validator)),
Policies = [[maps:get(Text(K), Rules), <<"policy">>, proplists:get_value(name, P), proplists:get_value(vhost, P),
    Text(K)] ||
    maps:size(Rules) > 0, P <- rabbit_policy:list() ++ rabbit_policy:list_op(),
    {K, _} <- proplists:get_value(definition, P), maps:is_key(Text(K), Rules)],
Queues = [[A, <<"queue">>, N, V] || Going =/= [], Q <- rabbit_amqqueue:list(),
    {resource, V, _, N} <- [amqqueue:get_name(Q)],
    A <- [case {N, App(amqqueue:get_type(Q))} of
        {<<"mqtt-subscription-", _/binary>>, _} -> rabbitmq_mqtt;
        {<<"stomp-subscription-", _/binary>>, _} -> rabbitmq_stomp;
        {_, Other} -> Other end], Is(A)],
Field = fun(K, P) when is_map(P) -> maps:get(K, P, 0); (K, P) -> proplists:get_value(K, P, 0) end,
Pages = [{element(6, L), case element(3, L) of
    'http/prometheus' -> rabbitmq_prometheus; 'https/prometheus' -> rabbitmq_prometheus;
    http -> rabbitmq_management; https -> rabbitmq_management; _ -> undefined end} ||
    L <- rabbit_networking:node_listeners(node())],
Listeners = [[A, <<"connection">>, integer_to_binary(Field(port, I)), <<>>,
    integer_to_binary(Field(active_connections, I))] ||
    Going =/= [],
    {_, I} <- case ranch:info() of M when is_map(M) -> maps:to_list(M); L -> L end,
    Field(active_connections, I) > 0,
    A <- [case App(Field(protocol, I)) of cowboy -> proplists:get_value(Field(port, I), Pages); Other -> Other end],
    Is(A)],
Amqp10 = [[rabbitmq_amqp1_0, <<"connection">>, <<"AMQP 1.0">>, <<>>, <<"1">>] || Is(rabbitmq_amqp1_0),
    [{protocol, {1, 0, 0}}] <- rabbit_networking:connection_info_all([protocol])],
Setting = fun(A, K) -> application:get_env(A, K, []) end,
Mechanisms = Provided(auth_mechanism),
Auth = [[maps:get(Text(M), Mechanisms), <<"auth mechanism">>, Text(M)] ||
    M <- Setting(rabbit, auth_mechanisms), maps:is_key(Text(M), Mechanisms)],
Flat = fun F(T) when is_tuple(T) -> F(tuple_to_list(T)); F(L) when is_list(L) -> lists:flatmap(F, L);
    F(A) when is_atom(A) -> [A]; F(_) -> [] end,
Backends = [[App(B), <<"auth backend">>, Text(B)] ||
    B <- lists:usort(Flat([Setting(rabbit, auth_backends), Setting(rabbitmq_auth_backend_cache, cached_backend)])),
    Is(App(B))],
Modules = [[App(M), <<"setting">>, <<"password_hashing_module">>] || M <- [Setting(rabbit, password_hashing_module)],
        is_atom(M), Is(App(M))] ++
    [[App(M), <<"setting">>, <<"cluster_formation.peer_discovery_backend">>] ||
        M <- [proplists:get_value(peer_discovery_backend, Setting(rabbit, cluster_formation))], Is(App(M))],
Shovels = [[rabbitmq_shovel, <<"shovel of the configuration">>, Text(N)] || Is(rabbitmq_shovel),
    {N, _} <- Setting(rabbitmq_shovel, shovels)],
Accounts = [{proplists:get_value(user, U), proplists:get_value(tags, U)} ||
    U <- rabbit_auth_backend_internal:list_users()],
Passwordless = [[A, <<"user without a password">>, N] ||
    [A, _, _] <- lists:sublist(Auth ++ Backends, 1), {N, _} <- Accounts,
    {ok, U} <- [rabbit_auth_backend_internal:lookup_user(N)], element(3, U) =:= <<>>],
Readers = [[rabbitmq_management, <<"user of the management page">>, N] ||
    Is(rabbitmq_management), {N, Tags} <- Accounts,
    lists:any(fun(T) -> lists:member(T, [management, policymaker, monitoring]) end, Tags)],
Answer = Exchanges ++ Events ++ Parameters ++ Globals ++ Policies ++ Queues ++ Listeners ++ Amqp10 ++ Auth ++
    Backends ++ Modules ++ Shovels ++ Passwordless ++ Readers
"""


def plugin_uses(wanted: Iterable[str]) -> list[list[str]]:
    """Return who depends on the plugins that would be switched off if `wanted` were the list of plugins.

    :raises Unanswered: when the node cannot be asked.
    """
    found: list[list[str]] = ask(PLUGIN_USES.replace("WANTED", atoms(wanted), 1))
    return found


# What a node runs on: where its files are, what follows from them, and the Erlang terms that they hold. Terms come as
# the role's variables write them: {_atom: x}, {_binary: x}, {_tuple: [...]}; {_unknown: text} is what has no such form.
SETTINGS = """
Latin = fun(L) -> lists:all(fun(C) -> is_integer(C) andalso C >= 32 andalso C < 127 end, L) end,
Pairs = fun(L) -> lists:all(fun({K, _}) -> is_atom(K) andalso hd(atom_to_list(K) ++ "_") =/= 95; (_) -> false end, L)
    andalso length(lists:usort([K || {K, _} <- L])) =:= length(L) end,
Plain = fun
    P(true) -> true; P(false) -> false; P(A) when is_atom(A) -> #{<<"_atom">> => atom_to_binary(A, utf8)};
    P(N) when is_number(N) -> N;
    P(B) when is_binary(B) -> case unicode:characters_to_list(B) of L when is_list(L) -> #{<<"_binary">> => B};
        _ -> #{<<"_unknown">> => iolist_to_binary(io_lib:format("~p", [B]))} end;
    P([]) -> [];
    P(L) when is_list(L) -> case is_integer(hd(L)) andalso length(L) > 1 andalso Latin(L) of
        true -> list_to_binary(L);
        false -> case is_tuple(hd(L)) andalso Pairs(L) of
            true -> maps:from_list([{atom_to_binary(K, utf8), P(V)} || {K, V} <- L]);
            false -> [P(V) || V <- L] end end;
    P(T) when is_tuple(T) -> #{<<"_tuple">> => [P(V) || V <- tuple_to_list(T)]};
    P(Other) -> #{<<"_unknown">> => iolist_to_binary(io_lib:format("~p", [Other]))} end,
Get = fun(A, K) -> case application:get_env(A, K) of {ok, V} -> Plain(V); _ -> null end end,
Files = rabbit:config_files(),
Terms = maps:from_list([{list_to_binary(F), Plain(T)} || F <- Files, filename:extension(F) =:= ".config",
    {ok, [T]} <- [file:consult(F)]]),
Variable = fun(N) -> case os:getenv(N) of false -> null; V -> list_to_binary(V) end end,
Answer = #{
    version => list_to_binary(rabbit_misc:version()),
    node => atom_to_binary(node(), utf8),
    files => [list_to_binary(F) || F <- Files],
    terms => Terms,
    enabled => rabbit_plugins:read_enabled(element(2, application:get_env(rabbit, enabled_plugins_file))),
    distribution_port => lists:max([0 | [element(6, L) || L <- rabbit_networking:node_listeners(node()),
        element(3, L) =:= clustering]]),
    distribution_address => Get(kernel, inet_dist_use_interface),
    epmd_port => Variable("ERL_EPMD_PORT"),
    epmd_address => Variable("ERL_EPMD_ADDRESS"),
    crash_dump_seconds => Variable("ERL_CRASH_DUMP_SECONDS"),
    rabbit => maps:from_list([{K, Get(rabbit, K)} || K <- [tcp_listeners, vm_memory_high_watermark, disk_free_limit,
        heartbeat, channel_max, loopback_users]]),
    management => maps:from_list([{K, Get(rabbitmq_management, K)} || K <- [tcp_config, ssl_config, listener]]),
    stomp => Get(rabbitmq_stomp, tcp_listeners)}
"""
