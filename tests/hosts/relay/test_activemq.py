"""A relay of ActiveMQ: as one of RabbitMQ, with waits in the broker's scheduler, for either kind of message."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import hosts
import pytest
from activemq_six import SIX, with_console
from certificates import Authority
from relay_activemq import ActivemqSite, of_activemq, settings
from relay_hosts import BAD, DEAD, PREFETCH, QUEUE, UNIT, WORKERS, build
from relay_kills import lose_none


@pytest.fixture(scope="module")
def site(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> ActivemqSite:
    """A bare host that has become an ActiveMQ broker with a relay; the API runs before it."""
    build()
    found = ActivemqSite(fresh("re-5-17")[0], controller, settings())
    found.prepare()
    found.run("site.yml").succeeded()
    return found


@pytest.mark.parametrize("as_text", [True, False])
def test_a_message_becomes_a_request(site: ActivemqSite, as_text: bool) -> None:
    word = f"first {as_text}"
    site.send(word, as_text=as_text)
    quoted = word.replace(" ", "%20")
    (found,) = hosts.wait_for("the request", lambda: [one for one in site.requests() if quoted in one.path])
    assert (found.method, found.path, found.again) == ("DELETE", f"/credit/apply-del/{quoted}", False)
    assert found.key.startswith("ID:")
    hosts.wait_for("both workers", lambda: site.health().get("state") == "working")


def test_a_second_run_changes_nothing(site: ActivemqSite) -> None:
    pid = site.pid()
    assert site.run("site.yml").succeeded().counts(site.host.name)["changed"] == 0
    assert site.pid() == pid


def test_what_can_never_be_done_is_a_dead_letter_of_its_kind(site: ActivemqSite) -> None:
    for as_text in (True, False):
        # A TextMessage is UTF-8.
        bad = [body for body in BAD if body.isascii() or not as_text]
        site.send(*bad, as_text=as_text)
        hosts.wait_for("the dead letters", lambda bad=bad: site.depth(DEAD) == len(bad), 40)
        found = site.dead()
        assert {body: headers["x-relay-code"] for body, headers in found} == {one: BAD[one] for one in bad}
        assert all(headers["x-relay-reason"] and headers["word"] == "a:b" for _, headers in found)
        assert all(("content-length" in headers) is not as_text for _, headers in found)
        attempts = {headers["x-relay-code"]: headers["x-relay-attempts"] for _, headers in found}
        assert (attempts["not-json"], attempts["attempts"]) == ("1", "4")
    # What is in hand is shown too, until the acknowledgement has come.
    hosts.wait_for("the source", lambda: site.depth(QUEUE) == 0)


def test_what_cannot_be_done_now_waits_in_the_broker_with_its_key(site: ActivemqSite) -> None:
    site.send("later-1")
    hosts.wait_for("the second attempt", lambda: site.done("later-1") == {"later-1": 1})
    both = [one for one in site.requests() if one.path.endswith("later-1")]
    # The first may be marked too: it may have been sent ahead to a worker that had to leave it.
    assert [one.status for one in both] == [503, 204]
    assert both[1].again
    assert both[0].key == both[1].key


def test_dead_letters_come_back_by_reason(site: ActivemqSite) -> None:
    site.send("404-back", *(f"404-back-{number}" for number in range(3)), b"no JSON")
    hosts.wait_for("the dead letters", lambda: site.depth(DEAD) == 5, 40)
    said = site.relay("--dead-letters")
    assert (said.returncode, said.stdout) == (0, "5 dead letters\n       4  status-404\n       1  not-json\n")
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


def test_the_smoke_report_has_the_relay(site: ActivemqSite) -> None:
    site.send(b"no JSON")
    hosts.wait_for("the dead letter", lambda: site.depth(DEAD) == 1)
    hosts.wait_for("the source", lambda: site.depth(QUEUE) == 0)
    found = site.probes()
    assert found["relay.activemq.lag"] == ("pass", "credit-delete: 0 ready")
    assert found["relay.page"] == ("pass", "credit-delete: works, 2 of 2 workers are connected")
    assert found["relay.activemq.dead"][1].startswith(f"credit-delete: 1 in {DEAD}")
    assert len(site.dead()) == 1


def test_a_wrong_login_stops_the_relay_and_keeps_the_queue(site: ActivemqSite) -> None:
    site.host.run("touch /var/tmp/api.log.denied")
    site.send(*(f"denied-{number}" for number in range(20)))
    hosts.wait_for("the stop", lambda: site.health().get("state") == "stopped")
    hosts.wait_for("the messages back in the queue", lambda: site.depth(QUEUE) == 20)
    assert len([one for one in site.requests() if one.status == 401]) <= WORKERS
    site.host.run(f"rm /var/tmp/api.log.denied; systemctl restart {UNIT}")
    hosts.wait_for("all of them", lambda: len(site.done("denied-")) == 20)
    assert site.depth(DEAD) == 0


def test_nothing_is_lost_when_relay_broker_and_api_die_under_load(site: ActivemqSite) -> None:
    words = [f"n-{number}" for number in range(1000)]
    site.host.run(f"systemctl stop {UNIT}")
    site.send(*words)
    site.stop_api()
    site.start_api(dies_after=450)
    site.host.run(f"systemctl start {UNIT}")
    for reached in (150, 300):
        site.once_done("n-", reached, f"systemctl kill --signal=KILL {UNIT}")
    hosts.wait_for("the pause", lambda: site.health().get("state") == "api-away", 60)
    before, began = site.cpu_seconds(), time.monotonic()
    time.sleep(4)
    assert (site.cpu_seconds() - before) / (time.monotonic() - began) < 0.05
    site.start_api()
    site.once_done("n-", 600, "true")
    site.kill_broker()
    hosts.wait_for("every message", lambda: len(site.done("n-")) == len(words), 120, 0.5)
    often = site.done("n-")
    assert set(often) == set(words)
    assert sum(often.values()) - len(words) <= 4 * WORKERS * PREFETCH
    firsts = [one.path for one in site.requests() if one.status == 204 and not one.again]
    assert len(set(firsts)) == len(firsts), "a second request is marked as one"
    assert site.depth(DEAD) == 0


@pytest.mark.drill
def test_no_message_is_lost_by_fifty_kills(site: ActivemqSite) -> None:
    lose_none(site)


@pytest.mark.drill
def test_a_broker_inside_tls(site: ActivemqSite) -> None:
    authority, stranger = Authority.new(), Authority.new()
    pair = authority.issue(site.host.address, "127.0.0.1")
    for name, text in (("ca", authority.certificate), ("other", stranger.certificate)):
        site.host.write(f"/etc/brokerkit-test-{name}.pem", text)
    tls = {
        "activemq_tls": "both",
        "activemq_tls_certificate": pair.certificate,
        "activemq_tls_key": pair.key,
        "activemq_tls_authority": authority.certificate,
    }

    def inside(name: str) -> list[dict[str, Any]]:
        ca_file = f"/etc/brokerkit-test-{name}.pem"
        return [of_activemq(source={**of_activemq()["source"], "tls": True, "ca_file": ca_file})]

    site.run("site.yml", relays=inside("ca"), **tls).succeeded()
    site.send("inside", "404-inside")
    hosts.wait_for("the request", lambda: site.done("inside") == {"inside": 1})
    hosts.wait_for("the dead letter", lambda: site.depth(DEAD) == 1)
    site.run("playbooks/message_relay.yml", relays=inside("other"), **tls).refused(
        "does not consume with these files",
        "It goes on with the last good files",
        "CERTIFICATE_VERIFY_FAILED",
    )
    site.run("site.yml", **tls).succeeded()
    assert len(site.dead()) == 1


@pytest.mark.drill
def test_a_relay_of_version_six(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> None:
    archive = with_console(SIX)
    six = ActivemqSite(fresh("re-6")[0], controller, settings(activemq_installation="archive", **archive))
    six.prepare()
    six.run("site.yml").succeeded()
    six.send("first", "later-1", "404-1")
    hosts.wait_for("both requests", lambda: set(six.done("")) == {"first", "later-1"})
    assert [one.status for one in six.requests() if "later" in one.path] == [503, 204]
    six.host.run("touch /var/tmp/api.log.willing")
    assert six.relay("--replay", "all", "--yes").stdout.endswith(f"1 of 1 are back in {QUEUE}\n")
    hosts.wait_for("the third", lambda: set(six.done("")) == {"first", "later-1", "404-1"})
    six.send(*(f"n-{number}" for number in range(300)))
    hosts.wait_for("some progress", lambda: len(six.done("n-")) >= 50, 60, 0.05)
    six.kill_broker()
    hosts.wait_for("every message", lambda: len(six.done("n-")) == 300, 90, 0.5)


def test_a_broker_that_cannot_delay_is_refused_where_it_is_known(site: ActivemqSite) -> None:
    pid = site.pid()
    site.run("site.yml", activemq_scheduler=False).refused(
        f"message_relay_relays[credit-delete].source: {site.host.name} puts messages that are to wait back at once",
        "set it to true",
    )
    assert site.pid() == pid


def test_a_broker_that_cannot_delay_is_said_where_it_is_not_known(site: ActivemqSite) -> None:
    configuration = "/etc/activemq/main/activemq.xml"
    site.host.run(
        f'sed -i \'s/schedulerSupport="true"/schedulerSupport="false"/\' {configuration}; '
        "systemctl restart activemq-main"
    )
    site.send("500-scheduler")
    hosts.wait_for("the sentence", lambda: "set activemq_scheduler to true" in site.said(), 60)
    hosts.wait_for("it is still there", lambda: site.depth(QUEUE) + site.depth(DEAD) == 1)
    # A loop without waits would be thousands.
    assert len([one for one in site.requests() if one.path.endswith("500-scheduler")]) < 10
