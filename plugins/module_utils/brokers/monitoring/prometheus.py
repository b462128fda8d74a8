"""The configuration of a Prometheus that scrapes the targets and judges them by the rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import yaml

HEADER = "# Managed by Brokerkit (playbooks/monitoring.yml); changes made here are overwritten.\n"
RULES = "rules/brokerkit.yml"


def _job(name: str, **more: Any) -> dict[str, Any]:
    files = {"files": [f"targets/{name}.json"]}
    return {"job_name": f"brokerkit-{name}", "file_sd_configs": [files], **more}


def configuration(groups: Collection[str], settings: Mapping[str, Any]) -> str:
    """Return prometheus.yml; its paths are relative to itself. Logins are named by the file that holds them."""
    secured: dict[str, Any] = {}
    if settings["user"]:
        secured["basic_auth"] = {"username": settings["user"], "password_file": settings["password_file"]}
    if settings["ca_file"]:
        secured["tls_config"] = {"ca_file": settings["ca_file"]}
    document = {
        "global": {"scrape_interval": settings["interval"], "evaluation_interval": settings["interval"]},
        "rule_files": [RULES],
        "scrape_configs": [_job(name, **(secured if name == "rabbitmq" else {})) for name in groups],
    }
    return HEADER + yaml.safe_dump(document, sort_keys=False)


def refusals(settings: Mapping[str, Any], unknown: Collection[str]) -> list[str]:
    """Return what is wrong with the variables of playbooks/monitoring.yml, apart from monitoring_rules."""
    known = ", ".join(f"monitoring_{name}" for name in settings)
    found = [f"{name}: is no variable of this playbook; there are {known}" for name in sorted(unknown)]
    if bool(settings["user"]) != bool(settings["password_file"]):
        found.append(
            "monitoring_user and monitoring_password_file: give both or neither; the file is on Prometheus' host, and "
            "holds the password of that user of the brokers"
        )
    return found
