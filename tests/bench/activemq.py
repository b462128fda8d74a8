#!/usr/bin/env python3
"""Measures ActiveMQ by Brokerkit against the same work done by hand, as bench.py does for RabbitMQ.

By hand is what an operator types for the same result: the package without its init script, a configuration with STOMP,
OpenWire, users and rights, a unit, a start, and a look whether the port listens. Nothing of the role's checks is in it.
"""

from __future__ import annotations

import argparse
import os
import sys

from bench import ROOT, medians, row, run, ssh

INVENTORY = "tests/bench/inventory_activemq"
HAND = "10.61.13.111"
ENDPOINTS = str(ROOT / "artifacts/bench-activemq-endpoints.json")
PLAY = ["ansible-playbook", "-i", INVENTORY, "site.yml", "-e", f"endpoints_file={ENDPOINTS}"]
SMOKE = ["scripts/smoke.py", "--endpoints", ENDPOINTS]
# They wait by their nature: for a message to expire, for a heart-beat, for the end of a silence.
WAITING = "activemq.expiry,activemq.heartbeat"

BY_HAND = r"""
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
ln -s /dev/null /etc/systemd/system/activemq.service
apt-get install -qq --no-install-recommends activemq >/dev/null 2>&1
mkdir -p /etc/activemq/main
cat >/etc/activemq/main/activemq.xml <<'XML'
<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd
  http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
<broker xmlns="http://activemq.apache.org/schema/core" brokerName="hand"
  dataDirectory="/var/lib/activemq/main" useJmx="false">
<persistenceAdapter><kahaDB directory="/var/lib/activemq/main/kahadb"/></persistenceAdapter>
<plugins><simpleAuthenticationPlugin><users>
<authenticationUser username="admin" password="typed-by-hand" groups="admins"/>
</users></simpleAuthenticationPlugin>
<authorizationPlugin><map><authorizationMap><authorizationEntries>
<authorizationEntry queue="&gt;" read="admins" write="admins" admin="admins"/>
<authorizationEntry topic="&gt;" read="admins" write="admins" admin="admins"/>
</authorizationEntries></authorizationMap></map></authorizationPlugin></plugins>
<transportConnectors><transportConnector name="stomp" uri="stomp://0.0.0.0:61613"/>
<transportConnector name="openwire" uri="tcp://0.0.0.0:61616"/></transportConnectors>
</broker></beans>
XML
chown root:activemq /etc/activemq/main/activemq.xml
chmod 0640 /etc/activemq/main/activemq.xml
install -d -o activemq -g activemq -m 0750 /var/lib/activemq/main
cat >/etc/systemd/system/activemq-main.service <<'UNIT'
[Service]
User=activemq
ExecStart=/usr/bin/java -Xms512m -Xmx512m -Dactivemq.home=/usr/share/activemq -Dactivemq.base=/var/lib/activemq/main \
  -Dactivemq.conf=/etc/activemq/main -Dactivemq.data=/var/lib/activemq/main \
  -jar /usr/share/activemq/bin/activemq.jar start xbean:file:/etc/activemq/main/activemq.xml
SuccessExitStatus=143
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now activemq-main >/dev/null 2>&1
for attempt in $(seq 300); do
    grep -q ':F0AD 0*:0000 0A' /proc/net/tcp /proc/net/tcp6 && exit 0
    sleep 0.1
done
exit 1
"""


def testbed(verb: str, *hosts: str) -> None:
    """Have the test bed do `verb` for the hosts of this bench."""
    run(["scripts/testbed", verb, "-i", INVENTORY, *hosts])


def by_hand() -> float:
    """A fresh host, its broker installed and started by hand over SSH."""
    testbed("reset", "amq-bench-hand")
    return ssh(HAND, BY_HAND)


def fresh() -> float:
    """A fresh host, site.yml, and the probes."""
    testbed("reset", "amq-bench-site")
    return run(PLAY) + run(SMOKE)


def setup() -> float:
    """Ansible's own facts of the same host, the floor of any run."""
    return run(["ansible", "-i", INVENTORY, "amq-bench-site", "-m", "ansible.builtin.setup"])


def unchanged() -> float:
    """site.yml once more, with nothing to change."""
    return run(PLAY)


def probes() -> float:
    """The probes that do not wait by their nature, the start of Python included."""
    return run([*SMOKE, "--skip", WAITING])


def main() -> int:
    """Measure and print the rows; returns the exit code."""
    parser = argparse.ArgumentParser(
        description="Measure ActiveMQ by Brokerkit against the same work by hand."
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement (3)")
    rounds = parser.parse_args().rounds
    os.environ.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))

    testbed("reset")
    by_hand()  # warms the package cache, and is not counted
    hand, site = medians(rounds, by_hand, fresh)
    facts, again = medians(rounds, setup, unchanged)
    (proof,) = medians(rounds, probes)
    testbed("down")

    print(f"\nMedian of {rounds} rounds on {os.cpu_count()} cores.\n")
    print("| what | Brokerkit | floor | ratio | target |\n|---|---|---|---|---|")
    print(
        row(
            "ActiveMQ: fresh host to proven broker, against the same by hand over SSH",
            site,
            hand,
            "at most 1.5",
        )
    )
    print(row("ActiveMQ: run that changes nothing, against `ansible -m setup`", again, facts, "at most 5"))
    print(row("ActiveMQ: probes that do not wait, Python's start included", proof, None, "under 3 s"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
