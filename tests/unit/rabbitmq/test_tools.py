"""What a command line tool of RabbitMQ says when it cannot ask the node, and what is made of it.

The words are those of 3.8, 3.10, 4.0 and 4.3.
"""

from __future__ import annotations

import time

import pytest
from brokers.rabbitmq.tools import Said, of_the_unit, of_the_words, run, sentence

CRITICAL = """Error:
queue 'orders' in vhost '/' would lose quorum if node rabbit@a is stopped
"""
STOPPED = """Error: this command requires the 'rabbit' app to be running on the target node. Start it with \
'rabbitmqctl start_app'.
Arguments given:
\tcheck_if_node_is_quorum_critical
"""
NOT_RUNNING = (
    "Error:\nRabbitMQ on node rabbit@a is not running or has not fully booted yet (check with is_booting)\n"
)
UNREACHED = """Error: unable to perform an operation on node 'rabbit@a'. Please see diagnostics information and \
suggestions below.

Most common reasons for this are:

 * Target node is unreachable (e.g. due to hostname resolution, TCP connection or firewall issues)

DIAGNOSTICS
===========

attempted to contact: ['rabbit@a']

rabbit@a:
  * connected to epmd (port 4369) on a
  * epmd reports: node 'rabbit' not running at all
  * suggestion: start the node

"""
OF_ITSELF = """
Current node details:
 * node name: 'rabbitmqcli-1024-rabbit@a'
 * effective user's home directory: /var/lib/rabbitmq
 * Erlang cookie hash: 1yWfKIdEiDSiMcbRzz3mCA==
"""
OTHER_COOKIE = UNREACHED.replace(
    "epmd reports: node 'rabbit' not running at all",
    "TCP connection succeeded but Erlang distribution failed ",
)
TIMED_OUT = (
    "Error: operation check_if_node_is_quorum_critical on node rabbit@a timed out. Timeout value used: 5000\n"
)


@pytest.mark.parametrize(
    ("code", "words", "what", "remedy"),
    [
        (64, STOPPED, "its RabbitMQ application stopped", "`rabbitmqctl start_app`"),
        (69, NOT_RUNNING, "its RabbitMQ application stopped", "`rabbitmqctl start_app`"),
        (75, TIMED_OUT, "got no answer within 120 s", "hangs or is overloaded"),
        (None, "", "got no answer within 120 s", "hangs or is overloaded"),
        (69, OTHER_COOKIE, "another cookie", "`systemctl restart rabbitmq-server`"),
        (
            69,
            UNREACHED,
            "(connected to epmd (port 4369) on a; epmd reports: node 'rabbit' not running at all)",
            "its host name resolves",
        ),
    ],
)
def test_a_question_that_failed_is_not_a_no(code, words, what, remedy):
    trouble = of_the_words(Said(code, "", words), 120)
    assert not trouble.asked
    assert what in trouble.what and remedy in trouble.remedy


def test_what_the_node_itself_said_is_passed_on():
    trouble = of_the_words(Said(69, "", CRITICAL), 120)
    assert trouble.asked
    assert trouble.what.startswith("ended with code 69: Error: queue 'orders' in vhost '/' would lose quorum")


def unit(**fields):
    return {"active_state": "active", "main_pid": 7, "process_state": "S", **fields}


def test_a_process_that_is_stopped_is_not_asked():
    trouble = of_the_unit("rabbitmq-server.service", unit(process_state="T"))
    assert trouble and "the broker's process 7 is stopped (state T in /proc/7/stat" in trouble.what
    assert trouble.remedy == "resume it with `kill -CONT 7`"


def test_a_node_that_is_down_is_not_asked():
    trouble = of_the_unit("rabbitmq-server.service", unit(active_state="failed", main_pid=0))
    assert (
        trouble
        and "rabbitmq-server.service is failed" in trouble.what
        and "systemctl start" in trouble.remedy
    )


def test_a_node_that_runs_is_asked():
    assert of_the_unit("rabbitmq-server.service", unit()) is None


def test_the_sentence_says_how_things_stand():
    trouble = of_the_words(Said(None, "", ""), 5)
    assert sentence("a", ["rabbitmqctl", "x"], trouble, "Nothing was done.") == (
        "a: `rabbitmqctl x` got no answer within 5 s; the node hangs or is overloaded: its log in /var/log/rabbitmq "
        "says more. Nothing was done."
    )


def test_a_tool_that_ends_says_its_words_apart():
    said = run(["sh", "-c", "echo out; echo err >&2; exit 3"], 30)
    assert said == Said(3, "out\n", "err\nout\n")


def test_a_tool_that_does_not_end_is_ended_with_what_it_runs():
    began = time.monotonic()
    said = run(["sh", "-c", "echo begun; sleep 60; echo never"], 0.5)
    assert said.code is None and said.output == "begun\n"
    assert time.monotonic() - began < 30


def test_what_the_tool_says_of_itself_is_left_out_with_the_hash_of_the_cookie():
    what = of_the_words(Said(69, "", UNREACHED + OF_ITSELF), 120).what
    assert "epmd reports: node 'rabbit' not running at all" in what
    assert not {"cookie", "home", "rabbitmqcli"} & set(what.replace("-", " ").replace("'", " ").split())
