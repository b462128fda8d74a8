"""Relays: their rate against a bare loop of the same HTTP client, that of four workers against one, their memory."""

from __future__ import annotations

import shlex
import statistics

import yaml
from measuring import ROOT, Bench, head, run, say

# Each with its port for metrics, and how many messages are some ten seconds of work.
RELAYS = {"now-1": (9471, 10_000), "now-4": (9472, 10_000), "soon-1": (9473, 2_000), "soon-4": (9474, 6_000)}
MANY = 100_000


def report(bench: Bench) -> None:
    """Measure relays, and print the table."""
    run([str(ROOT / ".venv/bin/python"), "scripts/relay_archive.py"])
    bench.testbed("reset", "rabbitmq")
    bench.ssh("rabbitmq", "mount --make-rshared /")
    bench.timed_play("site.yml")
    source = (ROOT / "tests/bench/on_host/api.py").read_text(encoding="utf-8")
    bench.ssh("rabbitmq", f"cat > /var/tmp/api.py <<'END'\n{source}END\n")
    bench.ssh("rabbitmq", "systemd-run --quiet --unit=bench-api python3 /var/tmp/api.py; sleep 1")
    bench.ssh("rabbitmq", "systemctl stop 'brokerkit-relay-*'")
    print(head(bench.rounds))
    print("| what | rate | against | ratio | target |\n|---|---|---|---|---|")
    for kind, thinks in (("now", "answers at once"), ("soon", "takes 5 ms")):
        loops, ones, fours = [], [], []
        for number in range(bench.rounds):
            loops.append(_on_host(bench, "bare", kind, 10_000 if kind == "now" else 1_000)[0])
            ones.append(_relay(bench, f"{kind}-1")[0])
            fours.append(_relay(bench, f"{kind}-4")[0])
            say(f"round {number + 1}: {loops[-1]:.0f}, {ones[-1]:.0f}, {fours[-1]:.0f} requests a second")
        loop, one, four = (statistics.median(rates) for rates in (loops, ones, fours))
        print(_row(f"one worker, an API that {thinks}, against a bare loop", one, loop, "at least 0.7"))
        print(_row(f"four workers, an API that {thinks}, against one", four, one, "at least 2.5"))
    small = _relay(bench, "now-1", MANY // 10)[1]
    large = _relay(bench, "now-1", MANY)[1]
    print(
        f"\nMemory of a relay (resident): {small / 1024:.1f} MB after {MANY // 10:,} messages, "
        f"{large / 1024:.1f} MB after {MANY:,}; target: under 60 MB, flat."
    )


def _row(what: str, rate: float, against: float, target: str) -> str:
    return f"| {what} | {rate:.0f}/s | {against:.0f}/s | {rate / against:.2f} | {target} |"


def _relay(bench: Bench, name: str, number: int | None = None) -> list[float]:
    port, usual = RELAYS[name]
    return _on_host(bench, "relay", name, port, number or usual)


def _on_host(bench: Bench, *words: object) -> list[float]:
    """Run load.py on the host, and return the numbers that it printed."""
    vault = yaml.safe_load(
        (ROOT / "inventory/single/group_vars/rabbitmq/vault.yml").read_text(encoding="utf-8")
    )
    source = (ROOT / "tests/bench/on_host/load.py").read_text(encoding="utf-8")
    bench.ssh("rabbitmq", f"cat > /var/tmp/load.py <<'END'\n{source}END\n")
    arguments = " ".join(shlex.quote(str(word)) for word in words)
    script = f"python3 /var/tmp/load.py {arguments} <<'END'\n{vault['vault_shop_password']}\nEND\n"
    return [float(one) for one in bench.ssh("rabbitmq", script).split()]
