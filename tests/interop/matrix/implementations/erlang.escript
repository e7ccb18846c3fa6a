#!/usr/bin/env escript
%%! +S 1 +SDio 1 +sbwt none +sbwtdcpu none +sbwtdio none
%% One end by Erlang's ssl, with the arguments of end.h.

-define(PATIENCE, 20000).

main([Role, Port, Credential, _Mtu, Pki, Identity, Key]) ->
    {ok, _} = application:ensure_all_started(ssl),
    Options = [binary, {active, false}, {protocol, dtls}, {versions, ['dtlsv1.2']}, {log_level, none} |
               proof(Role, Credential, Pki, list_to_binary(Identity), list_to_binary(Key))],
    try end_of(Role, list_to_integer(Port), Options)
    catch error:{badmatch, {error, Reason}} ->
        io:format(standard_error, "~s~n", [case Reason of
            already_listening -> "the port is in use";
            _ -> ssl:format_error(Reason)
        end]),
        halt(1)
    end.

proof(Role, "psk", _, Identity, Key) ->
    %% A client is asked with the server's hint.
    Lookup = fun(psk, Said, _) when Role =:= "client"; Said =:= Identity -> {ok, Key};
                (psk, _, _) -> error
             end,
    [{psk_identity, binary_to_list(Identity)}, {user_lookup_fun, {Lookup, none}},
     {ciphers, [Suite || Suite = #{key_exchange := Exchange} <- ssl:cipher_suites(anonymous, 'dtlsv1.2'),
                         lists:member(Exchange, [ecdhe_psk, psk])]}];
proof("server", "client", Pki, _, _) ->
    [{verify, verify_peer}, {fail_if_no_peer_cert, true}, anchors(Pki) | own(Pki, "ecdsa")];
proof("server", Credential, Pki, _, _) ->
    own(Pki, Credential);
proof("client", Credential, Pki, _, _) ->
    [{verify, verify_peer}, anchors(Pki), {server_name_indication, "server.example.com"} |
     case Credential of "client" -> own(Pki, "client"); _ -> [] end].

anchors(Pki) -> {cacertfile, Pki ++ "/ca.pem"}.

own(Pki, Stem) -> [{certfile, Pki ++ "/" ++ Stem ++ ".pem"}, {keyfile, Pki ++ "/" ++ Stem ++ ".key"}].

end_of("server", Port, Options) ->
    {ok, Listener} = ssl:listen(Port, [{ip, {127, 0, 0, 1}} | Options]),
    {ok, Accepted} = ssl:transport_accept(Listener, ?PATIENCE),
    {ok, End} = ssl:handshake(Accepted, ?PATIENCE),
    echo(End);
end_of("client", Port, Options) ->
    {ok, End} = ssl:connect({127, 0, 0, 1}, Port, Options, ?PATIENCE),
    ok = ssl:send(End, io:get_line("")),
    {ok, Answer} = ssl:recv(End, 0, ?PATIENCE),
    io:put_chars(Answer),
    eof = io:get_line(""),
    ok = ssl:close(End).

echo(End) ->
    case ssl:recv(End, 0, ?PATIENCE) of
        {ok, Message} ->
            ok = ssl:send(End, Message),
            echo(End);
        {error, closed} ->
            ssl:close(End)
    end.
