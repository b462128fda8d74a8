"""What somebody who helps needs to see of a host, without its secrets: files, logs, and what programs say.

A file that is nothing but a secret is left out. Of others the values of what is called a password, a secret, a token or
a cookie are masked, whatever the format; and whatever was masked once is masked everywhere else too, such as in a log.
"""

from __future__ import annotations

import base64
import glob
import io
import os
import re
import tarfile
import time
from collections.abc import Iterable

from . import logs, machine

MASK = "***"
_SHORTEST = 4  # letters of a secret that is looked for elsewhere; shorter ones are in every word
_LARGEST = 2 << 20  # bytes of a file that are packed

FILES = (
    "/etc/rabbitmq/*",
    "/etc/rabbitmq/conf.d/*",
    "/etc/default/rabbitmq-server",
    "/etc/systemd/system/rabbitmq-server.service.d/*",
    "/etc/systemd/system/activemq-*.service",
    "/etc/activemq/*/*",
    "/etc/hosts",
    "/var/log/rabbitmq/*.log",
    "/var/log/rabbitmq/startup_*",
    "/var/lib/activemq/*/activemq.log",
)
# Nothing but secrets.
_LEFT_OUT = re.compile(
    r"\.(key|jks|p12|pfx|keystore|truststore)$|/jmx\.password$|\.erlang\.cookie$|administrator\.json$"
)
# Files of lines NAME=SECRET, or NAME: SECRET, groups.
_LOGINS = re.compile(r"/(users|credentials|jetty-realm)\.properties$")
_CTL = ("rabbitmqctl", "--quiet", "--timeout", "10")
COMMANDS = {
    "systemd.txt": (
        "systemctl",
        "status",
        "--no-pager",
        "--lines=50",
        "rabbitmq-server.service",
        "activemq*.service",
    ),
    "units.txt": ("systemctl", "cat", "--no-pager", "rabbitmq-server.service"),
    "journal-rabbitmq.txt": ("journalctl", "--no-pager", "--lines=1000", "--unit=rabbitmq-server.service"),
    "journal-activemq.txt": ("journalctl", "--no-pager", "--lines=1000", "--unit=activemq-*.service"),
    "kernel.txt": ("journalctl", "--no-pager", "--dmesg", "--lines=200"),
    "packages.txt": ("dpkg-query", "-W", "rabbitmq-server", "erlang*", "activemq", "*-jre-headless"),
    "rpms.txt": ("rpm", "--query", "--all", "rabbitmq-server", "erlang*", "java-*-openjdk-headless"),
    "listeners.txt": ("ss", "-ltnp"),
    "disks.txt": ("df", "-h"),
    "memory.txt": ("free", "-m"),
    "rabbitmq-status.txt": (*_CTL, "status"),
    "rabbitmq-cluster.txt": (*_CTL, "cluster_status"),
    "rabbitmq-queues.txt": (
        "rabbitmqctl",
        "--quiet",
        "--timeout",
        "10",
        "list_queues",
        "name",
        "type",
        "messages",
        "consumers",
    ),
}

# Values of what is called a secret: in conf and properties files, Erlang terms, JSON and YAML, XML, and URLs.
_WORD = r"[\w.\-]*(?:pass(?:word|phrase|wd|code)?|secret|token|cookie|password_hash|credential)[\w.\-]*"
_VALUES = (
    re.compile(rf"(?i)^\s*(?:export\s+|Environment=[\"']?)?{_WORD}\s*[=:]\s*[\"']?(?P<secret>[^\s\"'#]+)"),
    re.compile(rf"(?i)\{{\s*'?{_WORD}'?\s*,\s*(?:<<)?\"(?P<secret>[^\"]+)\""),
    re.compile(rf"(?i)\"{_WORD}\"\s*:\s*\"(?P<secret>[^\"]+)\""),
    re.compile(rf"(?i)\b{_WORD}\s*=\s*\"(?P<secret>[^\"]+)\""),
    re.compile(rf"(?i)<(?P<tag>{_WORD})>(?P<secret>[^<]+)</"),
    re.compile(rf"(?i)name=\"{_WORD}\"\s+value=\"(?P<secret>[^\"]+)\""),
    re.compile(r"\b\w[\w+.\-]*://[^\s:/@\"]*:(?P<secret>[^\s@/\"]+)@"),
    re.compile(r"(?i)-setcookie\s+[\"']?(?P<secret>[^\s\"']+)"),
)
_LOGIN = re.compile(r"^\s*[^#\s=:]+\s*[=:]\s*(?P<secret>[^,\s]+)")
_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)


def secrets_of(path: str, text: str) -> set[str]:
    """Return the secrets that a text holds, by the names that stand beside them."""
    patterns = (*_VALUES, _LOGIN) if _LOGINS.search(path) else _VALUES
    found = set()
    for line in text.splitlines():
        for pattern in patterns:
            found |= {hit["secret"] for hit in pattern.finditer(line)}
    return {one for one in found if one and one != MASK and not one.startswith(("${", "{{"))}


def masked(path: str, text: str, known: Iterable[str]) -> str:
    """Return a text without private keys, without its own secrets, and without those that are known from elsewhere."""
    text = _KEY.sub("(a private key was left out)", text)
    patterns = (*_VALUES, _LOGIN) if _LOGINS.search(path) else _VALUES
    lines = [_line(line, patterns) for line in text.splitlines()]
    whole = "\n".join(lines) + "\n"
    for secret in sorted((one for one in known if len(one) >= _SHORTEST), key=len, reverse=True):
        whole = whole.replace(secret, MASK)
    return whole


def _line(line: str, patterns: Iterable[re.Pattern[str]]) -> str:
    spans = sorted(
        {hit.span("secret") for pattern in patterns for hit in pattern.finditer(line)}, reverse=True
    )
    for begin, end in spans:
        line = line[:begin] + MASK + line[end:]
    return line


def collect() -> dict[str, str]:
    """Return name -> text of what is to be packed, secrets included; of what is left out the reason."""
    found: dict[str, str] = {}
    for path in sorted({path for pattern in FILES for path in glob.glob(pattern)}):
        if os.path.isdir(path):
            continue
        if _LEFT_OUT.search(path):
            found[path] = "(left out: it holds nothing but a secret)\n"
            continue
        found[path] = logs.tail(path, _LARGEST)
    for name, command in COMMANDS.items():
        said = machine.said(*command, seconds=15)
        if said:
            found[name] = said
    return found


def known_secrets(found: dict[str, str]) -> set[str]:
    """Return every secret of the host that can be told, those of the files that are left out among them."""
    known = {one for path, text in found.items() if path.startswith("/etc") for one in secrets_of(path, text)}
    for path in ("/var/lib/rabbitmq/.erlang.cookie", "/root/.erlang.cookie"):
        known.add(machine.text(path).strip())
    for path in glob.glob("/etc/activemq/*/jmx.password"):
        known |= {line.split()[1] for line in machine.text(path).splitlines() if len(line.split()) == 2}
    return {one for one in known if one}


def pack(host: str) -> str:
    """Return the bundle of this host, a tar.gz in base64: its folder is the host's name."""
    found = collect()
    known = known_secrets(found)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in found.items():
            data = masked(path, text, known).encode(errors="replace")
            entry = tarfile.TarInfo(f"{host}/{path.lstrip('/')}")
            entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(data))
    return base64.b64encode(buffer.getvalue()).decode()
