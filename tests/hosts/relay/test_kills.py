"""At length: kills under load, an API that is away for a minute, a broker without memory, a relay that hangs, TLS."""

from __future__ import annotations

import time
from typing import Any

import hosts
import pytest
from certificates import Authority
from relay_hosts import DEAD, UNIT, Site, relay
from relay_kills import lose_none


@pytest.mark.drill
def test_no_message_is_lost_by_fifty_kills(site: Site) -> None:
    lose_none(site)


@pytest.mark.drill
def test_an_api_that_is_away_for_a_minute(site: Site) -> None:
    site.stop_api()
    site.send(*(f"minute-{number}" for number in range(1000)))
    hosts.wait_for("the pause", lambda: site.health().get("state") == "api-away", 20)
    before, began = site.cpu_seconds(), time.monotonic()
    time.sleep(60)
    share = (site.cpu_seconds() - before) / (time.monotonic() - began)
    site.start_api()
    began = time.monotonic()
    hosts.wait_for("the first request", lambda: site.done("minute-"), 20)
    back = time.monotonic() - began
    hosts.wait_for("every message", lambda: len(site.done("minute-")) == 1000, 60, 1)
    print(f"{share:.2%} of a core while it was away, {back:.1f} s until the first request after it")
    assert share < 0.05
    assert back < 5
    assert site.depth(DEAD) == 0


@pytest.mark.drill
def test_a_broker_without_memory_still_forgets_what_is_done(site: Site) -> None:
    site.host.run(f"systemctl stop {UNIT}")
    site.send("500-memory", *(f"memory-{number}" for number in range(40)))
    site.host.run("rabbitmqctl set_vm_memory_high_watermark absolute 1MB")
    try:
        hosts.wait_for("the alarm", lambda: "memory" in site.host.evaluate("rabbit_alarm:get_alarms()."), 30)
        site.host.run(f"systemctl start {UNIT}")
        hosts.wait_for("what can be done", lambda: len(site.done("memory-")) == 40, 90)
    finally:
        site.host.run("rabbitmqctl set_vm_memory_high_watermark 0.4")
    hosts.wait_for("the dead letter", lambda: site.depth(DEAD) == 1, 120)
    assert [headers["x-relay-code"] for _, headers in site.dead()] == ["attempts"]
    assert set(site.done("memory-").values()) <= {1, 2}


@pytest.mark.drill
def test_a_relay_that_hangs_is_started_again(site: Site) -> None:
    before = site.pid()
    site.host.run(f"systemctl kill --signal=STOP {UNIT}")
    site.send("hanging")
    hosts.wait_for("systemd's watchdog", lambda: site.pid() not in (0, before), 120)
    hosts.wait_for("the message", lambda: site.done("hanging") == {"hanging": 1}, 30)


@pytest.mark.drill
def test_broker_and_api_inside_tls(site: Site) -> None:
    authority, stranger = Authority.new(), Authority.new()
    pair = authority.issue(site.host.address, "127.0.0.1")
    for name, text in (
        ("ca", authority.certificate),
        ("other", stranger.certificate),
        ("api", pair.certificate + pair.key),
    ):
        site.host.write(f"/etc/brokerkit-test-{name}.pem", text)
    site.stop_api()
    site.start_api("/etc/brokerkit-test-api.pem", "/etc/brokerkit-test-api.pem")
    tls = {
        "rabbitmq_tls": "both",
        "rabbitmq_tls_certificate": pair.certificate,
        "rabbitmq_tls_key": pair.key,
        "rabbitmq_tls_authority": authority.certificate,
    }

    def inside(broker: str, api: str) -> dict[str, Any]:
        plain = relay()
        source = {**plain["source"], "tls": True, "ca_file": f"/etc/brokerkit-test-{broker}.pem"}
        address = plain["request"]["url"].replace("http:", "https:")
        request = {**plain["request"], "url": address, "ca_file": f"/etc/brokerkit-test-{api}.pem"}
        return relay(source=source, request=request)

    site.run("site.yml", relays=[inside("ca", "ca")], **tls).succeeded()
    site.send("inside")
    hosts.wait_for("the request", lambda: site.done("inside") == {"inside": 1})
    site.run("playbooks/message_relay.yml", relays=[inside("other", "ca")], **tls).refused(
        "does not consume with these files",
        "It goes on with the last good files",
        "CERTIFICATE_VERIFY_FAILED",
    )
    site.run("playbooks/message_relay.yml", relays=[inside("ca", "other")], **tls).succeeded()
    site.send(*(f"stranger-{number}" for number in range(5)))
    hosts.wait_for("the pause", lambda: site.health().get("state") == "api-away", 30)
    assert "was not accepted: " in site.health()["why"]
