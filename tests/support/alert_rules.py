"""The alert rules under promtool: for each, series with which it is in force and others with which it is not."""

from __future__ import annotations

import sys
from typing import Any

import yaml
from hosts import ROOT

sys.path.insert(0, str(ROOT / "plugins" / "module_utils"))

from brokers.monitoring import rules

CASES = ROOT / "tests/hosts/monitoring/cases.yml"


def cases() -> dict[str, dict[str, Any]]:
    """What is tried, by the name of the alert with what is special about it."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(CASES.read_text(encoding="utf-8"))
    return found


def _group(case: str, series: dict[str, str], hours: int, wanted: bool) -> dict[str, Any]:
    """A test of promtool: at the end an alert is in force or not. ALERTS is what Prometheus itself says of it."""
    alert = case.split()[0]
    samples = [{"labels": "{}", "value": 1}] if wanted else []
    expression = f'count(count by (alertname) (ALERTS{{alertname="{alert}",alertstate="firing"}}))'
    return {
        "name": f"{case}: {'fires' if wanted else 'quiet'}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": expression, "eval_time": f"{hours}h", "exp_samples": samples}],
    }


def unit_tests(rule_file: str) -> str:
    """The file for `promtool test rules`."""
    groups = [
        _group(name, case[kind], case.get("hours", 2), kind == "fires")
        for name, case in cases().items()
        for kind in ("fires", "quiet")
    ]
    document = {"rule_files": [rule_file], "evaluation_interval": "1m", "tests": groups}
    return yaml.safe_dump(document, sort_keys=False, width=1000)


def rendered() -> str:
    """Every rule, as playbooks/monitoring.yml writes them."""
    return rules.render(rules.GROUPS)
