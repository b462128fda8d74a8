#!/usr/bin/env escript
%% -*- erlang -*-
%%! -noinput
%%
%% Judges a candidate configuration with the parsers that the installed broker itself uses: cuttlefish and its schemas for
%% rabbitmq.conf, file:consult/1 for the files of Erlang terms. Nothing is booted.
%%
%% usage: check_config.escript STAGE        STAGE/etc/rabbitmq/... holds the candidate
%% exit code 0: it parses; 1: it does not, and standard output says why, a line for each objection.

main([Stage]) ->
    Etc = filename:join(Stage, "etc/rabbitmq"),
    Said = lists:append([conf(filename:join(Etc, "rabbitmq.conf")),
                         terms(filename:join(Etc, "rabbitmq.config")),
                         terms(filename:join(Etc, "advanced.config")),
                         terms(filename:join(Etc, "enabled_plugins")),
                         plugins(filename:join(Etc, "enabled_plugins"))]),
    [io:format("The broker's own parser refuses the new configuration, and nothing was changed. Correct what it names in "
               "rabbitmq_config, rabbitmq_advanced_config, rabbitmq_plugins or rabbitmq_tls_ciphers:~n") || Said =/= []],
    [io:format("~ts~n", [Line]) || Line <- Said],
    halt(case Said of [] -> 0; _ -> 1 end).

plugins_dir() ->
    %% Packages that were only unpacked stand below RABBITMQ_ROOT.
    Homes = filelib:wildcard(os:getenv("RABBITMQ_ROOT", "") ++ "/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins"),
    case lists:sort(Homes) of
        [] -> io:format("RabbitMQ's own files are not under /usr/lib/rabbitmq; install the package again~n"), halt(1);
        Found -> lists:last(Found)
    end.

conf(File) ->
    case filelib:is_regular(File) of
        false -> [];
        true ->
            Dir = plugins_dir(),
            ok = code:add_pathsa(filelib:wildcard(Dir ++ "/*/ebin") ++ [archive(A) ++ "/ebin" || A <- archives(Dir)]),
            silence(),
            case cuttlefish_conf:file(staged(File)) of
                {errorlist, Errors} -> ["rabbitmq.conf: " ++ message(E) || E <- Errors];
                Conf ->
                    generated(cuttlefish_generator:map(cuttlefish_schema:files(schemas(Dir, File)), Conf))
            end
    end.

%% Schemas look for the files that a configuration names; those of the candidate are not in their places yet.
staged(File) ->
    Stage = filename:dirname(filename:dirname(filename:dirname(File))),
    {ok, Text} = file:read_file(File),
    Moved = lists:foldl(fun(Path, Conf) -> binary:replace(Conf, list_to_binary("= " ++ lists:nthtail(length(Stage), Path) ++ "\n"),
                                                          list_to_binary("= " ++ Path ++ "\n"), [global]) end,
                        Text, filelib:wildcard(Stage ++ "/etc/rabbitmq/tls/*.pem")),
    Copy = File ++ ".staged",
    ok = file:write_file(Copy, Moved),
    Copy.

%% Up to 3.8 plugins are archives; later ones are folders.
archives(Dir) -> filelib:wildcard(Dir ++ "/*.ez").

archive(File) -> filename:join(File, filename:basename(File, ".ez")).

%% Schemas inside archives are unpacked beside the candidate, which is a private directory that is removed afterwards.
schemas(Dir, Beside) ->
    Unpacked = filename:join(filename:dirname(Beside), ".schema"),
    Wanted = fun({zip_file, Name, _, _, _, _}) -> filename:extension(Name) =:= ".schema"; (_) -> false end,
    Extracted = [Names || A <- archives(Dir), {ok, Names} <- [zip:unzip(A, [{cwd, Unpacked}, {file_filter, Wanted}])]],
    lists:sort(filelib:wildcard(Dir ++ "/*/priv/schema/*.schema")) ++ lists:append(Extracted).

generated({error, _Phase, {errorlist, Errors}}) -> ["rabbitmq.conf: " ++ message(E) || E <- Errors];
generated(Config) -> ciphers(Config).

%% Erlang takes a name that it does not know for no cipher, and the listener then refuses every client, or does not open.
ciphers(Config) ->
    Places = [{rabbit, ssl_options}, {rabbitmq_management, ssl_config}, {rabbitmq_prometheus, ssl_config}],
    Named = lists:usort([C || {App, Key} <- Places, C <- setting(ciphers, setting(Key, setting(App, Config)))]),
    ["rabbitmq_tls_ciphers, or ciphers in rabbitmq_config: '" ++ C ++ "' is no cipher that the Erlang of this host knows; "
     "`rabbitmq-diagnostics cipher_suites --format openssl --all` prints those that it does" || C <- Named, is_list(C), not is_known(C)].

setting(Key, Settings) when is_list(Settings) -> proplists:get_value(Key, Settings, []);
setting(_Key, _Settings) -> [].

%% Of packages that were only unpacked, the library of TLS may not be found.
is_known(Cipher) ->
    case code:ensure_loaded(ssl) of
        {module, ssl} -> case ssl:str_to_suite(Cipher) of {error, _} -> false; _ -> true end;
        _ -> true
    end.

%% Cuttlefish 2 gives {error, Term} where version 3 gives {error, {Kind, Details}}; both have xlate/1 behind print/1.
message({error, Details}) ->
    try unicode:characters_to_list(cuttlefish_error:xlate(Details))
    catch _:_ -> lists:flatten(io_lib:format("~tp", [Details]))
    end;
message(Other) ->
    lists:flatten(io_lib:format("~tp", [Other])).

terms(File) ->
    Name = filename:basename(File),
    case filelib:is_regular(File) andalso file:consult(File) of
        false -> [];
        {ok, [List]} when is_list(List) -> ciphers(List);
        {ok, _} -> [Name ++ ": has to be one list of Erlang terms, with a full stop after it"];
        {error, Reason} -> [Name ++ ": " ++ lists:flatten(file:format_error(Reason))]
    end.

%% A plugin that this release does not have would be left out silently at boot.
plugins(File) ->
    case filelib:is_regular(File) andalso file:consult(File) of
        {ok, [Wanted]} when is_list(Wanted) ->
            Have = [hd(string:split(filename:basename(P), "-")) || P <- filelib:wildcard(plugins_dir() ++ "/*")],
            ["rabbitmq_plugins: '" ++ atom_to_list(P) ++ "' does not exist in this release; `rabbitmq-plugins list` prints those that do"
             || P <- Wanted, not lists:member(atom_to_list(P), Have)];
        _ -> []
    end.

%% Cuttlefish logs through lager or logger while it works; the objections come back as values.
silence() ->
    _ = application:set_env(lager, handlers, []),
    try logger:set_primary_config(level, none) of _ -> ok
    catch error:undef -> ok
    end.
