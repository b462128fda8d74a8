"""Every alert is tried by promtool, on both sides: see tests/hosts/monitoring/test_rules.py."""

from __future__ import annotations

import alert_rules
import yaml


def test_every_alert_is_tried():
    tried = {name.split()[0] for name in alert_rules.cases()}
    assert tried == {rule["alert"] for _, rule in alert_rules.rules.every()}


def test_each_case_has_both_sides():
    document = yaml.safe_load(alert_rules.unit_tests("x.yml"))
    assert len(document["tests"]) == 2 * len(alert_rules.cases())
    for case in alert_rules.cases().values():
        assert set(case) - {"hours"} == {"fires", "quiet"}
