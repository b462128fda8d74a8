"""playbooks/audit.yml on a host as the role leaves it, and on one that somebody has opened by hand."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from broken import Node
from hosts import PLAYBOOK, ROOT

GUEST = "rabbitmqctl add_user guest guest; chmod 0755 /var/log/rabbitmq; rabbitmqctl set_disk_free_limit 50MB"
BACK = "rabbitmqctl delete_user guest; chmod 0750 /var/log/rabbitmq; rabbitmqctl set_disk_free_limit 2GB"


def audit(node: Node, *accepted: str) -> tuple[int, set[str]]:
    """The exit code of the playbook on the node's host, and the names of its findings."""
    inventory = os.environ.get("SMOKE_INVENTORY")
    if not inventory:
        pytest.skip("SMOKE_INVENTORY names the inventory that playbooks are run with")
    command = [
        *(PLAYBOOK, "-i", inventory, "--limit", node.broker.name, "playbooks/audit.yml"),
        *("-e", f"audit_accepted='{','.join(accepted)}'"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, set(
        re.findall(rf"\* {node.broker.name} \(rabbitmq\), ([^:]+):", done.stdout + done.stderr)
    )


def test_a_host_as_the_role_leaves_it_has_its_plain_listeners_alone_to_be_accepted(node: Node) -> None:
    plain = {"amqp 5672", "stomp 61613", "http 8080"}
    assert audit(node) == (2, plain)
    assert audit(node, *sorted(plain)) == (0, set())


def test_what_somebody_opened_by_hand_is_found(node: Node) -> None:
    node.host.run(GUEST)
    try:
        code, found = audit(node, "amqp 5672", "stomp 61613", "http 8080")
    finally:
        node.host.run(BACK)
    assert code == 2
    assert found == {"guest", "disk limit", "mode of /var/log/rabbitmq"}
