"""Who has an operation on a cluster under way: one global parameter, which every member knows and a restart keeps.

It is a lease. Each step of an operation renews it, the end removes it, and what has not been heard of for as long as it
has asked for itself counts as dead. Times are those of the member that is asked, so the clocks of two controllers do
not matter. Works on 3.8 to 4.3, on Mnesia and on Khepri.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

LEASE = 900  # seconds, for whoever asks for no more
NAME = "brokerkit.operation"

# Read and written under a lock of all members, so that of two runs one is second.
_SNIPPET = """
Name = 'PARAMETER',
Me = rabbit_json:decode(base64:decode(<<"HOLDER">>)),
Own = maps:get(<<"run">>, Me),
Now = erlang:system_time(second),
Held = fun() -> case rabbit_runtime_parameters:value_global(Name) of
    B when is_binary(B) -> try rabbit_json:decode(B) catch _:_ -> none end; _ -> none end end,
Age = fun(H) -> Now - maps:get(<<"seen">>, H, 0) end,
Mine = fun(none) -> false; (H) -> maps:get(<<"run">>, H, <<>>) =:= Own end,
Free = fun(none) -> true; (H) -> Mine(H) orelse BREAK orelse Age(H) > maps:get(<<"lease">>, H, LEASE) orelse
    lists:member(maps:get(<<"run">>, H, <<>>), GONE) end,
Told = fun(none) -> null; (H) -> H#{<<"age">> => Age(H)} end,
Take = fun(H) ->
    Since = case Mine(H) of true -> maps:get(<<"since">>, H, Now); false -> Now end,
    Wanted = Me#{<<"since">> => Since, <<"seen">> => Now, <<"lease">> => LEASE},
    rabbit_runtime_parameters:set_global(Name, iolist_to_binary(rabbit_json:encode(Wanted)), <<"brokerkit">>),
    Read = Held(),
    #{taken => Mine(Read), holder => Told(Read), before => case Mine(H) of true -> null; false -> Told(H) end} end,
Do = fun() -> H = Held(), case {'STATE', Free(H)} of
    {held, true} -> Take(H);
    {released, _} -> case Mine(H) of
        true -> rabbit_runtime_parameters:clear_global(Name, <<"brokerkit">>); false -> ok end,
        #{taken => Mine(H), holder => null, before => null};
    {_, Is} -> #{taken => Is, holder => case Is of true -> null; false -> Told(H) end, before => null} end end,
Answer = case global:trans({Name, self()}, Do, [node() | nodes()], 5) of
    aborted -> #{taken => false, holder => null, before => null}; Done -> Done end
"""


def question(
    me: Mapping[str, str], state: str, gone: tuple[str, ...] = (), take_over: bool = False, lease: int = LEASE
) -> str:
    """Return the snippet that takes, looks at or releases the lock; see evaluation.py.

    `me` has by, run and what. `state` is held, seen or released; `gone` are runs that are known to have ended; `lease`
    is for how many seconds the run is to be believed without a sign of life. The
    answer has taken (whether it may go on), holder (who stands in its way, with age in seconds) and before (whose lock
    it took over).
    """
    runs = ",".join(f'base64:decode(<<"{_letters(one)}">>)' for one in gone)
    values = {
        "PARAMETER": NAME,
        "STATE": state,
        "BREAK": str(take_over).lower(),
        "LEASE": str(lease),
        "GONE": f"[{runs}]",
        "HOLDER": _letters(json.dumps(dict(me))),
    }
    snippet = _SNIPPET
    for word, value in values.items():
        snippet = snippet.replace(word, value)
    return snippet


def _letters(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _ago(seconds: int) -> str:
    return f"{seconds} s ago" if seconds < 120 else f"{seconds // 60} minutes ago"


def _at(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def refusal(node: str, holder: Mapping[str, Any] | None) -> str:
    """Return why an operation must not begin, in a sentence. Without a holder two runs have begun at once."""
    if not holder:
        return f"{node}: another run is taking hold of this cluster at the same moment; try again"
    since, heard = _at(int(holder.get("since", 0))), _ago(int(holder["age"]))
    return (
        f"{node}: {holder.get('by', 'somebody')} has an operation on this cluster under way "
        f"({holder.get('what', '?')}), since {since} and heard of {heard}; wait for its end. If that run is dead, the "
        f"cluster is free {int(holder.get('lease', LEASE)) // 60} minutes after it was last heard of, or at once with "
        "-e rabbitmq_break_lock=true"
    )


def notice(node: str, before: Mapping[str, Any] | None) -> str:
    """Return whose lock was taken over, in a sentence; '' where nobody had one."""
    if not before:
        return ""
    return (
        f"{node}: {before.get('by', 'somebody')} began an operation on this cluster ({before.get('what', '?')}) at "
        f"{_at(int(before.get('since', 0)))} and has not ended it; that run is dead or was ended, and this one goes on"
    )
