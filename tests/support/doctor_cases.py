"""The cases of doctor_cases.yml, and the words of the shell that they are written with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

_WORDS = """
main_pid() { systemctl show --property=MainPID --value $unit; }
# What is just being started again, with what was wrong, is stopped first.
start() { systemctl stop $unit; systemctl reset-failed $unit; systemctl start $unit; }
# A unit that is started again after each failure has failed by then, and the next start is not waited for.
fails() { timeout 60 systemctl start $unit; true; }
hold() { systemd-run --quiet --unit holder python3 -m http.server --bind :: "$1"; sleep 2; }
release() { systemctl stop holder; }
keep() { cp -p "$1" /var/tmp/kept; }
back() { cp -p /var/tmp/kept "$1"; }
# A line more in the configuration, as if it had been there when the node started.
quietly() { keep $conf; echo "$1" >> $conf; touch -r /var/tmp/kept $conf; }
"""
_NAMES = {
    "rabbitmq": "unit=rabbitmq-server conf=/etc/rabbitmq/rabbitmq.conf env=/etc/rabbitmq/rabbitmq-env.conf "
    "data=/var/lib/rabbitmq cookie=/var/lib/rabbitmq/.erlang.cookie "
    "drop_in=/run/systemd/system/rabbitmq-server.service.d",
    "activemq": "unit=activemq-main xml=/etc/activemq/main/activemq.xml "
    "drop_in=/run/systemd/system/activemq-main.service.d",
}


@dataclass(frozen=True)
class Case:
    """A state: the row that has to be named, what makes it, and what cures it."""

    row: str
    breaks: str = ""
    cures: str = ""
    client: str = ""
    only: str = ""
    brief: bool = False


def cases(kind: str) -> list[Case]:
    """The cases of a kind of broker."""
    document = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))
    return [Case(**one) for one in document[kind]]


def script(kind: str, text: str) -> str:
    """Shell text that the words of the cases stand for something in."""
    return f"{_NAMES[kind]}\n{_WORDS}\n{text}"
