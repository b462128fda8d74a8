#!/usr/bin/env python3
"""Sends a message as an application would, and waits for the request that a relay makes of it.

usage: show.py INVENTORY HOST ADDRESS
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pika
import yaml

ROOT = Path(__file__).resolve().parents[3]
VHOST, QUEUE = "shop", "orders.paid"


def main(inventory: str, host: str, address: str) -> int:
    """Show one message; returns the exit code."""
    vault = yaml.safe_load((ROOT / inventory / "group_vars/rabbitmq/vault.yml").read_text(encoding="utf-8"))
    login = pika.PlainCredentials("shop", vault["vault_shop_password"])
    connection = pika.BlockingConnection(pika.ConnectionParameters(address, 5672, VHOST, login))
    channel = connection.channel()
    channel.confirm_delivery()
    key, body = str(uuid.uuid4()), json.dumps({"orderId": 4711, "total": "12.90"})
    properties = pika.BasicProperties(message_id=key, delivery_mode=2)
    began = time.time()  # the test host has the clock of this machine
    channel.basic_publish("", QUEUE, body.encode(), properties, mandatory=True)
    sys.stdout.write(f"message   {body} with the id {key}, to the queue {QUEUE} of the vhost {VHOST}\n")
    while (found := requested(inventory, host, key)) is None:
        if time.time() - began > 30:
            sys.stderr.write(
                "demo: no request came of it within 30 s; `journalctl -u brokerkit-relay-orders-paid` on the host "
                "says why\n"
            )
            return 1
        time.sleep(0.2)
    left = channel.queue_declare(QUEUE, passive=True).method.message_count
    connection.close()
    sys.stdout.write(
        f"request   {found['request']} with Idempotency-Key {found['key']} and the body {found['body']}\n"
    )
    sys.stdout.write(f"          {found['at'] - began:.2f} s later; {left} messages are left in the queue\n")
    return 0


def requested(inventory: str, host: str, key: str) -> dict[str, Any] | None:
    """Return the request that the API got with this key, if it did."""
    command = [str(ROOT / "scripts/testbed"), "ssh", "-i", inventory, host]
    words = "sudo journalctl --unit=demo-api --output=cat --no-pager"
    said = subprocess.run([*command, words], capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return next((line for line in lines if line["key"] == key), None)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
