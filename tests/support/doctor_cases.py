"""The states of doctor_states, and the words of the shell that they are written with.

Each file there has the name of one of the knowledge table, and says of each of its rows how the state is really made:
by one case or several, or by which test elsewhere; or why no test makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_WORDS = r"""
flags=$data/mnesia/rabbit@$(hostname)-feature_flags
main_pid() { systemctl show --property=MainPID --value $unit; }
# What is just being started again, with what was wrong, is stopped first.
start() { systemctl stop $unit; systemctl reset-failed $unit; systemctl start $unit; }
# A unit that is started again after each failure has failed by then, and the next start is not waited for.
fails() { timeout 60 systemctl start $unit; true; }
hold() { systemd-run --quiet --unit holder python3 -m http.server --bind :: "$1"; sleep 2; }
release() { systemctl stop holder; }
keep() { cp -p "$1" /var/tmp/kept; }
back() { cp -p /var/tmp/kept "$1"; }
# Waits until the unit has said something.
says() { for _ in $(seq 40); do journalctl -u $unit --since -60s | grep -q "$1" && return; sleep 1; done; }
# Lines of the unit, for as long as the case lasts.
drops() { mkdir -p $drop_in; { echo '[Service]'; printf '%s\n' "$@"; } > $drop_in/x.conf; systemctl daemon-reload; }
undrops() { rm $drop_in/x.conf; systemctl daemon-reload; }
# A durable queue of the vhost shop, and its type.
declare_queue() { rabbitmqctl eval "rabbit_amqqueue:declare(rabbit_misc:r(<<\"shop\">>, queue, <<\"$1\">>), true, false,
    [{<<\"x-queue-type\">>, longstr, <<\"$2\">>}], none, <<\"x\">>)."; }
# A port of this host that this host itself does not reach, as behind a packet filter.
hidden() {
    ip rule add pref 1 lookup local; ip rule add pref 0 ipproto 6 dport "$1" unreachable
    ip rule del pref 0 lookup local
}
shown() { ip rule add pref 0 lookup local; ip rule del pref 0 unreachable; ip rule del pref 1 lookup local; }
# A line more in the configuration, as if it had been there when the node started.
quietly() { keep $conf; echo "$1" >> $conf; touch -r /var/tmp/kept $conf; }
"""
_NAMES = {
    "rabbitmq": "unit=rabbitmq-server conf=/etc/rabbitmq/rabbitmq.conf env=/etc/rabbitmq/rabbitmq-env.conf "
    "plugins=/etc/rabbitmq/enabled_plugins data=/var/lib/rabbitmq cookie=/var/lib/rabbitmq/.erlang.cookie "
    "drop_in=/run/systemd/system/rabbitmq-server.service.d",
    "activemq": "unit=activemq-main xml=/etc/activemq/main/activemq.xml store=/var/lib/activemq/main/kahadb "
    "file=/etc/systemd/system/activemq-main.service "
    "drop_in=/run/systemd/system/activemq-main.service.d",
}


@dataclass(frozen=True)
class Case:
    """A state: the row that has to be named, what makes it, and what cures it.

    `breaks` and `cures` are shell text for the host, as root; the cure is the remedy of the row, carried out. `client`
    is a function of doctor_clients.py or doctor_tls.py; what it returns ends it. `variant` tells cases of the same row
    apart, `only` names the hosts that a case is for, if it is not for all; `brief` cases are in `make test`, the others
    are drills.
    """

    row: str
    breaks: str = ""
    cures: str = ""
    client: str = ""
    variant: str = ""
    broker: str = ""
    only: tuple[str, ...] = ()
    converges: bool = False  # running site.yml is part of the remedy
    brief: bool = False
    metrics: bool = False  # seen by the metrics of the broker

    @property
    def name(self) -> str:
        """What the test is called."""
        return f"{self.row}-{self.variant.replace(' ', '-')}" if self.variant else self.row


def documents() -> dict[str, dict[str, Any]]:
    """The files: their cases, the rows that are made elsewhere, those that no test makes."""
    return {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted(Path(__file__).with_name("doctor_states").glob("*.yml"))
    }


def cases(broker: str) -> list[Case]:
    """The cases of a kind of broker."""
    found = []
    for file, document in documents().items():
        kind = "activemq" if file == "activemq" else "rabbitmq"
        for one in document.get("cases") or ():
            found.append(Case(**{"broker": kind, **one, "only": tuple(one.get("only", "").split())}))
    return [one for one in found if one.broker == broker]


def script(broker: str, text: str) -> str:
    """Shell text that the words of the cases stand for something in."""
    return f"{_NAMES[broker]}\n{_WORDS}\n{text}"
