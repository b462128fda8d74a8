"""Relay, broker and API are killed at random moments, and every message becomes a request."""

from __future__ import annotations

import random
import time

import hosts
from relay_hosts import DEAD, PREFETCH, QUEUE, UNIT, WORKERS, Site

MESSAGES, KILLS, SEED = 10_000, 50, 13


def lose_none(site: Site) -> None:
    """Kill something fifty times while 10,000 messages become requests, and account for each of them."""
    words = [f"k-{number}" for number in range(MESSAGES)]
    site.host.run(f"systemctl stop {UNIT}")
    site.send(*words)
    site.host.run(f"systemctl start {UNIT}")
    chance = random.Random(SEED)  # noqa: S311 - which is killed next is no secret
    killed = {"relay": 0, "api": 0, "broker": 0}
    for number in range(KILLS):
        # As the messages would be gone before the last kill otherwise.
        reached = (number + 1) * MESSAGES // (KILLS + 5)
        hosts.wait_for("progress", lambda reached=reached: site.count() >= reached, 180, 0.1)
        time.sleep(chance.random() / 2)
        victim = chance.choices(["relay", "api", "broker"], [6, 2, 2])[0]
        killed[victim] += 1
        if victim == "relay":
            site.host.run(f"systemctl kill --signal=KILL {UNIT}")
        elif victim == "api":
            site.stop_api()
            time.sleep(chance.random() * 2)
            site.start_api()
        else:
            site.kill_broker()
    hosts.wait_for("every message", lambda: len(site.done("k-")) == MESSAGES, 300, 1)
    often = site.done("k-")
    again = sum(often.values()) - MESSAGES
    print(f"{killed}: {again} duplicates")
    assert set(often) == set(words)
    assert again <= KILLS * WORKERS * PREFETCH
    firsts = [one.path for one in site.requests() if one.status == 204 and not one.again]
    assert len(set(firsts)) == len(firsts), "a second request is marked as one"
    assert (site.depth(DEAD), site.depth(QUEUE)) == (0, 0)
