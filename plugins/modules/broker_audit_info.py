#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""What an audit of a host and its broker has to know."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: broker_audit_info
short_description: Read what an audit of a broker's host has to know
description:
  - The unit's limits and its exposure, the user's shell, the modes of directories, the clock, listeners, whether the
    packet filter of a cluster is loaded, and, of a RabbitMQ node that runs, what it says of its own limits, users and
    listeners. Each listener with TLS is connected to, and shows its certificate. Nothing is judged here.
options:
  kind:
    description: Which broker. Its user has the same name. A RabbitMQ node is asked, too.
    type: str
    choices: [rabbitmq, activemq]
    required: true
  unit:
    description: The broker's systemd unit.
    type: str
    required: true
  directories:
    description: Directories of the broker whose modes are wanted; those that are not there are left out.
    type: list
    elements: path
    default: []
  configuration:
    description: Directory of an ActiveMQ broker's configuration.
    type: path
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It only reads.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Read the host
  brokerkit.brokers.broker_audit_info:
    kind: rabbitmq
    unit: rabbitmq-server.service
    directories: [/var/lib/rabbitmq]
  register: found
"""

RETURN = r"""
found:
  description:
    - kind, unit, exposure, shell, modes, clock, listeners, filtered, node (its answers), unanswered (why not),
      connectors (those of activemq.xml), tls (what each listener with TLS has shown, and the modes of keys).
  returned: always
  type: dict
"""

import os
import re
import ssl
import stat
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.activemq import (
    audit as activemq_audit,
)
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host import facts as hostfacts, served
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.file_sets import read
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq import audit
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq.evaluation import (
    Unanswered,
    ask,
)

UNLIMITED = 1 << 63
DAY = 86400  # seconds
PATIENCE = 10
READ_CERTIFICATE = ["openssl", "x509", "-inform", "DER", "-noout", "-enddate"]


def _said(*command: str) -> str:
    """What a program of the host printed, '' where it is missing or fails."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            command, capture_output=True, text=True, env=environment, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _limit(text: str) -> int:
    return int(text) if text.isdigit() else UNLIMITED


def _unit(name: str) -> dict:
    values = hostfacts.properties(name, ["ActiveState", "UnitFileState", "LimitNOFILE", "LimitCORE"])
    return {
        "active_state": values.get("ActiveState", "inactive"),
        "unit_file_state": values.get("UnitFileState", ""),
        "files": _limit(values.get("LimitNOFILE", "")),
        "core": _limit(values.get("LimitCORE", "")),
    }


def _exposure(unit: str) -> float | None:
    said = _said("systemd-analyze", "security", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    return float(found[1]) if found else None


def _clock() -> bool | None:
    if _said("systemd-detect-virt", "--container"):
        return None  # its clock is the machine's
    said = _said("timedatectl", "show", "--property=NTPSynchronized", "--value").strip()
    return {"yes": True, "no": False}.get(said)


def _modes(paths: list) -> dict:
    return {path: stat.S_IMODE(os.stat(path).st_mode) for path in paths if os.path.isdir(path)}


def _days_left(certificate: bytes) -> int | None:
    """Days until a certificate (DER) ends; None where the host has no openssl to read it."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            READ_CERTIFICATE,
            input=certificate,
            capture_output=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    _, _, said = done.stdout.decode("ascii", "replace").strip().partition("notAfter=")
    try:
        return int((ssl.cert_time_to_seconds(said) - time.time()) // DAY)
    except ValueError:
        return None


def _shown(protocol: str, address: str, port: int) -> dict:
    """What a listener with TLS shows to a client of its own host."""
    found = {"protocol": protocol, "port": port, "days": None, "old": "", "trouble": ""}
    try:
        found["days"] = _days_left(served.certificate_of(address, port, PATIENCE))
    except served.NotServed as error:
        return {**found, "trouble": str(error)}
    return {**found, "old": served.old_version(address, port, PATIENCE)}


def _tls_of(secured: list, keys: list) -> dict:
    modes = {path: stat.S_IMODE(os.stat(path).st_mode) for path in keys if path and os.path.isfile(path)}
    return {"listeners": [_shown(*one) for one in secured], "keys": modes}


def _rabbitmq(listeners: list) -> dict:
    try:
        node = ask(audit.QUESTION)
    except Unanswered as error:
        return {"unanswered": str(error)}
    places = {one["port"]: one["address"] for one in listeners}
    secured = [
        (protocol, places.get(port, ""), port)
        for protocol, port in node["listeners"]
        if audit.is_secured(protocol)
    ]
    return {"node": node, "tls": _tls_of(secured, [node["key"]])}


def _activemq(configuration: str, unit: str) -> dict:
    xml, text = read(f"{configuration}/activemq.xml"), read(f"/etc/systemd/system/{unit}")
    said = activemq_audit.configured(xml or "", text or "", configuration)
    secured = [(one["protocol"], one["address"], one["port"]) for one in said["connectors"] if one["secured"]]
    return {"connectors": said["connectors"], "tls": _tls_of(secured, [said["key"]])}


def main() -> None:
    """Entry point that Ansible calls on the target."""
    module = AnsibleModule(
        argument_spec={
            "kind": {"type": "str", "choices": ["rabbitmq", "activemq"], "required": True},
            "unit": {"type": "str", "required": True},
            "directories": {"type": "list", "elements": "path", "default": []},
            "configuration": {"type": "path"},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    found = {
        "kind": wanted["kind"],
        "unit": _unit(wanted["unit"]),
        "exposure": _exposure(wanted["unit"]),
        "shell": hostfacts.shell(wanted["kind"]),
        "modes": _modes(wanted["directories"]),
        "clock": _clock(),
        "listeners": hostfacts.listeners(),
        "filtered": bool(_said("nft", "list", "table", "inet", "brokerkit_rabbitmq")),
        "node": None,
        "unanswered": "",
        "connectors": [],
        "tls": {"listeners": [], "keys": {}},
    }
    if wanted["kind"] == "rabbitmq":
        found.update(_rabbitmq(found["listeners"]))
    elif wanted["configuration"] and found["unit"]["active_state"] == "active":
        found.update(_activemq(wanted["configuration"], wanted["unit"]))
    module.exit_json(changed=False, found=found)


if __name__ == "__main__":
    main()
