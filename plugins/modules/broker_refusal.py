#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Documentation of the action plugin of this name, plugins/action/broker_refusal.py, which does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: broker_refusal
short_description: Fail in sentences where there is something to refuse
description:
  - Fails where there are sentences, and is ok without a word otherwise. Each sentence is printed once by any callback;
    P(brokerkit.brokers.sentences#callback) wraps it for the terminal and names the hosts that it is the same for.
  - Refuses an ansible-core that is older than 2.19, too.
  - Runs on the controller; no host is reached.
options:
  sentences:
    description: What is wrong, a sentence each; a single text is one sentence. Empty texts are none.
    type: raw
    default: []
  words: {description: 'Lines that belong to the sentences, such as those of a log.', type: raw, default: []}
attributes:
  check_mode: {support: full, description: Nothing is ever changed.}
  diff_mode: {support: none, description: Nothing is ever changed.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Refuse invalid settings
  brokerkit.brokers.broker_refusal:
    sentences: "{{ settings | brokerkit.brokers.rabbitmq_refusals }}"
"""

RETURN = r"""
sentences: {description: What is wrong., returned: failure, type: list, elements: str}
words: {description: The lines that belong to it., returned: failure, type: list, elements: str}
"""
