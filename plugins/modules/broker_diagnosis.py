#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Documentation of the action plugin of this name, plugins/action/broker_diagnosis.py, which does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: broker_diagnosis
short_description: Say what is wrong with brokers and their hosts, and what helps
description:
  - Takes what M(brokerkit.brokers.broker_doctor_info) has registered as C(__doctor) on each host of the play, and
    writes it as text, JSON and a page. Fails if there is a finding.
  - Runs on the controller; no host is reached.
options:
  directory: {description: Directory of the controller for the report., type: path, required: true}
  accepted: {description: Names of findings that are meant to be so., type: raw, default: []}
  erlang: {description: Which Erlang fits which RabbitMQ., type: raw, default: []}
  recent: {description: For how many seconds a line of a log counted., type: float, required: true}
attributes:
  check_mode: {support: full, description: The report is written in check mode as well.}
  diff_mode: {support: none, description: No host is changed.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Say what is wrong and what helps
  brokerkit.brokers.broker_diagnosis:
    directory: /var/tmp/doctor
    recent: 900
  run_once: true
"""

RETURN = r"""
report: {description: The report as text., returned: always, type: str}
files: {description: Where the report was written., returned: always, type: list, elements: str}
"""
