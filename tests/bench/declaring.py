"""The declared topology: against one task of Ansible, community.rabbitmq, and the broker's own import."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

import provisioning
from documents import Document, accounts, gone, mixed
from measuring import ROOT, Bench, head, medians, output, row, say

sys.path.insert(0, str(ROOT / "plugins/module_utils"))

from brokers.topology import converge
from brokers.topology.model import Context

PLAYS = ROOT / "tests/bench/plays"
CURVE = (100, 300, 1000, 3000, 10_000)
ACCOUNTS, CREATED = 30, 200

# Stands in for the host's Python and notes what the process that it starts needs: seconds, and kilobytes at most.
MEASURED_PYTHON = r"""
cat > /usr/local/bin/measured-python <<'END'
#!/usr/bin/python3
import resource, subprocess, sys, time
started = time.monotonic()
code = subprocess.call(["/usr/bin/python3", *sys.argv[1:]])
with open("/run/measured", "w") as file:
    print(time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
sys.exit(code)
END
chmod 755 /usr/local/bin/measured-python
"""
# The broker's own import, on its own host. It answers 204 when all is done.
IMPORT = r"""
python3 - <<'END'
import base64, json, time, urllib.request
body, login = json.dumps(json.loads(BODY)).encode(), base64.b64encode(LOGIN.encode()).decode()
headers = {"Authorization": "Basic " + login, "Content-Type": "application/json"}
request = urllib.request.Request("http://127.0.0.1:8080/api/definitions", body, headers, method="POST")
started = time.monotonic()
urllib.request.urlopen(request).read()
print(time.monotonic() - started)
END
"""


class Documents:
    """Runs with documents on the host of the group rabbitmq."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.folder = bench, folder
        host = ["ansible-inventory", "-i", str(bench.inventory), "--host", bench.host("rabbitmq")]
        self.variables = json.loads(output(host))

    def play(
        self, name: str, document: Document | None = None, changes: bool | None = False, *words: str
    ) -> float:
        """Seconds of a playbook's process.

        Ends the bench where it changes what it should not, or nothing at all; `changes` is None where it may do either.
        """
        more: list[str] = []
        if document is not None:
            path = self.folder / "document.json"
            variables = {f"rabbitmq_topology_{kind}": items for kind, items in document.items()}
            path.write_text(json.dumps(variables))
            more = ["-e", f"@{path}"]
        seconds, text = self.bench.timed_play(str(PLAYS / f"{name}.yml"), *more, *words)
        changed = sum(map(int, re.findall(r"changed=(\d+)", text)))
        if changes is None:
            say(f"{name}.yml changed {changed} tasks")
        elif bool(changed) != changes:
            sys.exit(f"bench: {name}.yml was to change {'something' if changes else 'nothing'}:\n{text}")
        return seconds

    def measured(self, document: Document) -> tuple[float, float, float]:
        """A run that changes nothing: seconds of the process, and seconds and megabytes of the module on the host."""
        interpreter = ("-e", "ansible_python_interpreter=/usr/local/bin/measured-python")
        whole = self.play("topology", document, False, *interpreter)
        seconds, kilobytes = self.bench.ssh("rabbitmq", "cat /run/measured").split()
        return whole, float(seconds), int(kilobytes) / 1024

    def imported(self, document: Document) -> float:
        """Seconds of the broker's import of all of a document, in one request."""
        actions = converge.plan_without_broker(converge.Wanted(document)).actions
        (request,) = converge.requests(actions, Context((3, 10, 8)))
        login = f"admin:{self.variables['rabbitmq_admin_password']}"
        script = IMPORT.replace("BODY", repr(json.dumps(request.body))).replace("LOGIN", repr(login))
        return float(self.bench.ssh("rabbitmq", script))


def report(bench: Bench) -> None:
    """Measure and print the tables."""
    title = head(bench.rounds)
    bench.testbed("reset", "rabbitmq")
    provisioning.site(bench)
    bench.ssh("rabbitmq", "apt-get install -qq --no-install-recommends python3-requests >/dev/null 2>&1")
    bench.ssh("rabbitmq", MEASURED_PYTHON)
    with tempfile.TemporaryDirectory() as folder:
        documents = Documents(bench, Path(folder))
        rows = [*_unchanged(documents), *_created(documents)]
        curve = _curve(documents)
    print(title)
    print("| what | Brokerkit | floor | ratio | target |\n|---|---|---|---|---|")
    print("\n".join(rows))
    print("\n| objects, unchanged | module on the host | its memory at most | whole `ansible-playbook` |")
    print("|---|---|---|---|\n" + "\n".join(curve))


def _unchanged(documents: Documents) -> list[str]:
    document = accounts(ACCOUNTS)
    documents.play("topology", document, True)

    def setup() -> float:
        return documents.play("setup")

    def unchanged() -> float:
        return documents.play("topology", document)

    floor, ours = medians(documents.bench.rounds, setup, unchanged)
    say("community.rabbitmq, once, because it takes minutes")
    theirs = documents.play("community", document, None)  # what it changes is its own affair
    documents.play("topology", gone(document), True)
    what = f"{ACCOUNTS} virtual hosts, users with permissions and policies, unchanged"
    return [
        row(f"{what}; against a play of one `setup`", ours, floor, "at most 1.3"),
        row(f"{what}; against community.rabbitmq", ours, theirs, ""),
    ]


def _created(documents: Documents) -> list[str]:
    document = mixed(CREATED)

    def empty() -> float:
        return documents.play("empty")

    def setup() -> float:
        return documents.play("setup")

    def imported() -> float:
        seconds = documents.imported(document)
        documents.play("topology", gone(document), True)
        return seconds

    def created() -> float:
        seconds = documents.play("topology", document, True)
        documents.play("topology", gone(document), True)
        return seconds

    play, task, raw, ours = medians(documents.bench.rounds, empty, setup, imported, created)
    what = f"creating {CREATED} objects; against POST /api/definitions ({raw:.2f} s)"
    return [
        row(f"{what} and a play without tasks", ours, play + raw, "at most 1.2"),
        row(f"{what} and a play of one `setup`", ours, task + raw, ""),
    ]


def _curve(documents: Documents) -> list[str]:
    rows = []
    for count in CURVE:
        document = mixed(count)
        documents.play("topology", document, True)
        rounds = sorted(documents.measured(document) for _ in range(documents.bench.rounds))
        whole, seconds, megabytes = (sorted(values)[len(rounds) // 2] for values in zip(*rounds, strict=True))
        say(f"{count} objects: {seconds:.2f} s, {megabytes:.0f} MB")
        rows.append(f"| {count} | {seconds:.2f} s | {megabytes:.0f} MB | {whole:.1f} s |")
    return rows
