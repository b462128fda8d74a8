"""A message becomes a request, and none is lost, whether relay, broker or API dies, or its body is no good."""

from __future__ import annotations

import time

import hosts
import pika
from relay_hosts import BAD, DEAD, DECLARATION, LOG, PREFETCH, PROGRAM, QUEUE, UNIT, WORKERS, Site, relay

# Brings dead letters back with the installed program, and dies by SIGKILL where one is to be acknowledged.
KILLED = """\
import os, signal, sys
program, number, declaration = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.path.insert(0, program)
from relaying import amqp, cli
acknowledge, met = amqp.BlockingChannel.basic_ack, []
def die(channel, tag):
    met.append(tag)
    if len(met) == number:
        os.kill(os.getpid(), signal.SIGKILL)
    acknowledge(channel, tag)
amqp.BlockingChannel.basic_ack = die
cli.main(["--replay", "all", "--yes", declaration], os.environ, sys.stdout, sys.stderr)
"""


def test_a_message_becomes_a_request(site: Site) -> None:
    site.send("first", "a/b")
    found = hosts.wait_for("two requests", lambda: len(site.requests()) == 2 and site.requests())
    assert [(one.method, one.path, one.key, one.again) for one in sorted(found)] == [
        ("DELETE", "/credit/apply-del/a%2Fb", "a/b", False),
        ("DELETE", "/credit/apply-del/first", "first", False),
    ]
    hosts.wait_for("both workers", lambda: site.health().get("state") == "working")


def test_check_mode_says_what_would_change_and_changes_nothing(site: Site) -> None:
    pid = site.pid()
    wanted = [relay(largest_message=4096)]
    run = site.run("playbooks/message_relay.yml", "--check", "--diff", relays=wanted).succeeded()
    assert '"largest_message": 4096' in run.output
    assert "test-host-only-relay" not in run.output
    assert run.counts("re-4-0")["changed"] > 0
    assert site.pid() == pid


def test_what_is_wrong_is_refused_before_anything_is_changed(site: Site) -> None:
    before = site.host.snapshot()
    wrong = relay(outcomes={"done": [404], "never": [404]}, retry={"first_wait": 700})
    site.run("playbooks/message_relay.yml", relays=[wrong]).refused(
        "message_relay_relays[credit-delete].outcomes.never: 404 is in outcomes.done as well",
        "message_relay_relays[credit-delete].retry.first_wait: 700 is more than",
    )
    assert site.host.snapshot() == before


def test_a_relay_that_cannot_consume_goes_back_to_its_last_good_files(site: Site) -> None:
    wrong = relay(source={**relay()["source"], "queue": "nobody-declared-it"})
    site.run(
        "playbooks/message_relay.yml", "--extra-vars", "__message_relay_patience=8", relays=[wrong]
    ).refused(
        "the relay credit-delete does not consume with these files",
        "It goes on with the last good files",
        "ACCESS_REFUSED",
    )
    hosts.wait_for("the last good relay", lambda: site.health().get("state") == "working")


def test_a_second_run_changes_nothing(site: Site) -> None:
    pid = site.pid()
    assert site.run("playbooks/message_relay.yml").succeeded().counts("re-4-0")["changed"] == 0
    assert site.pid() == pid


def test_the_relay_is_confined_and_its_secret_is_in_no_command_line(site: Site) -> None:
    score = site.host.run(f"systemd-analyze security {UNIT} --no-pager | tail -n 1")
    assert float(score.split(":")[1].split()[0]) < 2.5, score
    assert "test-host-only-relay" not in site.host.run(
        "ps -eo args; journalctl --no-pager; cat /etc/systemd/system/brokerkit-relay-*"
    )
    assert site.host.run(f"ps -o user= -p {site.pid()}").strip() != "root"
    assert (
        site.host.attempt(
            "runuser -u nobody -- cat /etc/brokerkit/relay/credit-delete/broker-password"
        ).returncode
        != 0
    )


def test_what_can_never_be_done_is_a_dead_letter_with_the_reason(site: Site) -> None:
    site.send(*BAD)
    hosts.wait_for("the dead letters", lambda: site.depth(DEAD) == len(BAD), 40)
    found = site.dead()
    assert {body: headers["x-relay-code"] for body, headers in found} == BAD
    assert all(headers["x-relay-reason"] for _, headers in found)
    attempts = {headers["x-relay-code"]: headers["x-relay-attempts"] for _, headers in found}
    assert (attempts["not-json"], attempts["attempts"]) == (1, 4)
    assert site.depth(QUEUE) == 0


def test_a_dead_letter_keeps_what_its_sender_said_and_goes_to_nobody_else(site: Site) -> None:
    headers = {"a": 7, "b": None, "c": {"d": [1, True, "x"]}, "e": b"f"}
    channel = site.channel()
    known = pika.BasicProperties(
        delivery_mode=2,
        content_type="text/plain",
        correlation_id="7",
        expiration="60000",
        headers={**headers, "CC": [DEAD, "relay.credit-delete.wait-1"]},
    )
    # The queues of CC are not bound to this exchange, so the broker delivers it once.
    channel.exchange_declare("sender")
    channel.queue_bind(QUEUE, "sender", QUEUE)
    channel.basic_publish("sender", QUEUE, b"no JSON", known)
    channel.exchange_delete("sender")
    channel.connection.close()
    hosts.wait_for("the dead letters", lambda: site.depth(DEAD) >= 1)
    time.sleep(3)
    (body, found), *more = site.dead()
    assert (body, more) == (b"no JSON", [])
    assert {name: found[name] for name in headers} == headers
    assert "CC" not in found


def test_dead_letters_come_back_by_reason(site: Site) -> None:
    site.send("404-back", *(f"404-back-{number}" for number in range(3)), b"no JSON")
    hosts.wait_for("the dead letters", lambda: site.depth(DEAD) == 5, 40)
    said = site.relay("--dead-letters")
    assert (said.returncode, said.stdout) == (0, "5 dead letters\n       4  status-404\n       1  not-json\n")
    assert "4 of them would go back" in site.relay("--replay", "status-404").stdout
    unknown = site.relay("--replay", "status-500", "--yes")
    assert unknown.returncode == 65
    assert "there are not-json, status-404" in unknown.stderr
    assert site.depth(DEAD) == 5
    site.host.run("touch /var/tmp/api.log.willing")
    done = site.relay("--replay", "status-404", "--yes")
    assert done.stdout.endswith(f"4 of 4 are back in {QUEUE}\n")
    hosts.wait_for("the requests", lambda: len(site.done("404-back")) == 4)
    assert set(site.done("404-back").values()) == {1}
    assert all(one.again for one in site.requests() if one.status == 204 and "404-back" in one.path)
    site.host.run("rm /var/tmp/api.log.willing")
    assert [headers["x-relay-code"] for _, headers in site.dead()] == ["not-json"]


def test_the_smoke_report_has_the_relay(site: Site) -> None:
    fine = {
        "relay.health": ("pass", "credit-delete: 2 workers take"),
        "relay.lag": ("pass", "credit-delete: 0 ready"),
        "relay.dead": ("pass", "no dead letters"),
        "relay.page": ("pass", "credit-delete: works, 2 of 2 workers are connected"),
    }
    assert site.probes() == fine
    site.send(b"no JSON")
    hosts.wait_for("the dead letter", lambda: site.depth(DEAD) == 1)
    site.host.run(f"systemctl stop {UNIT}")
    site.send("ready-1", "ready-2")
    found = site.probes()
    site.host.run(f"systemctl start {UNIT}")
    assert (found["relay.health"][0], found["relay.page"][0]) == ("fail", "fail")
    assert found["relay.lag"] == ("pass", "credit-delete: 2 ready")
    assert found["relay.dead"][1].startswith(f"credit-delete: 1 in {DEAD}")
    assert len(site.dead()) == 1
    hosts.wait_for("the relay", lambda: site.probes() == fine, 30)


def test_dead_letters_survive_whoever_kills_their_return(site: Site) -> None:
    words = [f"404-killed-{number}" for number in range(60)]
    site.send(*words)
    hosts.wait_for("the dead letters", lambda: site.depth(DEAD) == len(words), 60)
    site.host.run("touch /var/tmp/api.log.willing")
    kills = 3
    for _ in range(kills):
        # The tenth letter is back in the source by then, and still a dead letter: no moment is worse.
        said = site.host.attempt(f"python3 - {PROGRAM} 10 {DECLARATION}; echo $?", stdin=KILLED)
        assert said.stdout.endswith("137\n"), said
    # A broker gives back what a connection held once it sees that the connection is gone.
    hosts.wait_for("what was not brought back", lambda: site.depth(DEAD) == len(words) - 9 * kills)
    assert site.relay("--replay", "all", "--yes").returncode == 0
    hosts.wait_for("every request", lambda: len(site.done("404-killed-")) == len(words), 60)
    hosts.wait_for("the source", lambda: site.depth(QUEUE) == 0)
    assert sum(site.done("404-killed-").values()) - len(words) <= kills
    assert site.depth(DEAD) == 0
    site.host.run("rm /var/tmp/api.log.willing")


def test_without_its_rights_a_replay_says_what_is_missing(site: Site) -> None:
    site.host.write("/root/other-password", "test-host-only-other")
    site.host.run("chmod 600 /root/other-password")
    said = site.relay("--user", "nobody", "--password-file", "/root/other-password", "--dead-letters")
    assert said.returncode == 69
    assert "ACCESS_REFUSED" in said.stderr
    assert "test-host-only" not in said.stderr


def test_what_cannot_be_done_now_is_tried_again(site: Site) -> None:
    site.send("later-1")
    hosts.wait_for("the second attempt", lambda: site.done("later-1") == {"later-1": 1})
    both = [one for one in site.requests() if one.path.endswith("later-1")]
    assert [(one.status, one.again) for one in both] == [(503, False), (204, True)]


def test_a_stop_finishes_what_is_in_hand(site: Site) -> None:
    site.send("slow-1")
    hosts.wait_for("its request", lambda: site.host.attempt(f"test -e {LOG}.slow").returncode == 0)
    site.host.run(f"systemctl stop {UNIT}")
    assert site.done("slow-1") == {"slow-1": 1}
    assert site.depth(QUEUE) == 0
    site.host.run(f"systemctl start {UNIT}")


def test_a_wrong_login_stops_the_relay_and_keeps_the_queue(site: Site) -> None:
    site.host.run("touch /var/tmp/api.log.denied")
    site.send(*(f"denied-{number}" for number in range(20)))
    hosts.wait_for("the stop", lambda: site.health().get("state") == "stopped")
    assert "401" in site.host.run(f"systemctl show --property=StatusText --value {UNIT}")
    status, said = site.probes()["relay.page"]
    assert status == "fail"
    assert "The relay credit-delete has stopped, as its API refused it: the API answered 401" in said
    hosts.wait_for("the messages back in the queue", lambda: site.depth(QUEUE) == 20)
    assert len([one for one in site.requests() if one.status == 401]) <= WORKERS
    site.host.run(f"rm /var/tmp/api.log.denied; systemctl restart {UNIT}")
    hosts.wait_for("all of them", lambda: len(site.done("denied-")) == 20)


def test_nothing_is_lost_when_relay_broker_and_api_die_under_load(site: Site) -> None:
    words = [f"n-{number}" for number in range(1500)]
    site.host.run(f"systemctl stop {UNIT}")
    site.send(*words)
    site.stop_api()
    site.start_api(dies_after=600)
    site.host.run(f"systemctl start {UNIT}")
    for reached in (150, 300, 450):
        site.once_done("n-", reached, f"systemctl kill --signal=KILL {UNIT}")
    hosts.wait_for("the pause", lambda: site.health().get("state") == "api-away", 60)
    time.sleep(3)
    site.start_api()
    assert 0 < hosts.wait_for("the first request after it", site.first_after_api, 20) < 5
    site.once_done("n-", 900, "true")
    site.kill_broker()
    hosts.wait_for("every message", lambda: len(site.done("n-")) == len(words), 120, 0.5)
    often = site.done("n-")
    assert set(often) == set(words)
    # Three kills of the relay, one of the API, one of the broker.
    assert sum(often.values()) - len(words) <= 5 * WORKERS * PREFETCH
    second = [one for one in site.requests() if one.status == 204 and one.again]
    firsts = [one for one in site.requests() if one.status == 204 and not one.again]
    assert len({one.path for one in firsts}) == len(firsts), "a second request is marked as one"
    assert len(second) >= sum(often.values()) - len(words)
    assert site.depth(DEAD) == 0


def test_an_api_that_is_away_costs_no_messages_and_hardly_any_time(site: Site) -> None:
    site.stop_api()
    site.send(*(f"away-{number}" for number in range(300)))
    hosts.wait_for("the pause", lambda: site.health().get("state") == "api-away", 20)
    before, began = site.cpu_seconds(), time.monotonic()
    time.sleep(6)
    share = (site.cpu_seconds() - before) / (time.monotonic() - began)
    assert share < 0.05
    assert site.depth(QUEUE) > 250, "they wait in their own queue"
    site.start_api()
    hosts.wait_for("all of them", lambda: len(site.done("away-")) == 300, 60)


def test_a_relay_that_is_removed_leaves_nothing_but_its_messages(site: Site) -> None:
    forgotten = site.run("playbooks/message_relay.yml", relays=[]).succeeded()
    assert "not declared any more still take messages there: credit-delete." in forgotten.sentence
    site.run("playbooks/message_relay.yml", relays=[], message_relay_absent=["credit-delete"]).succeeded()
    site.send("kept")
    site.run("playbooks/message_relay_uninstall.yml").succeeded()
    left = site.host.run(
        "ls -d /etc/systemd/system/brokerkit-relay* /etc/brokerkit/relay /usr/local/lib/brokerkit-relay* "
        "/var/lib/brokerkit/relay-* 2>/dev/null; getent passwd brokerkit-relay; true"
    )
    assert left == ""
    assert site.depth(QUEUE) == 1
