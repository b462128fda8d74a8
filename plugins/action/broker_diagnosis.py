"""The action broker_diagnosis: what was read on all hosts of the play, as a report.

It works on what the task `broker_doctor_info` of each host has registered, on the controller; no host is reached.
Documentation: plugins/modules/broker_diagnosis.py.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.brokers import knowledge
from ..module_utils.brokers.doctor import report
from ..module_utils.brokers.doctor.diagnosis import Patient, diagnose

_REGISTERED = "__doctor"
_FILES = ("report.txt", "report.json", "report.html")


def write(directory: str, contents: Mapping[str, str]) -> None:
    """Write files that nobody else may read: a report names hosts, users and queues. None is ever half there."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    for name, text in contents.items():
        new = os.path.join(directory, f".{name}.new")
        with open(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as handle:
            handle.write(text)
        os.replace(new, os.path.join(directory, name))


def names(accepted: Any) -> list[str]:
    """Return doctor_accepted as a list; on the command line it is a text with commas. Refuses what is no row."""
    given = accepted.split(",") if isinstance(accepted, str) else accepted or []
    found = [str(one).strip() for one in given if str(one).strip()]
    unknown = [one for one in found if one not in knowledge.table().rows]
    if unknown:
        raise AnsibleActionFail(
            f"doctor_accepted: {', '.join(unknown)} is nothing that the doctor finds; its report ends each finding "
            f"with the name, as in {knowledge.PAGE}#memory-alarm"
        )
    return found


class ActionModule(ActionBase):
    """Loaded by Ansible under this name."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(("directory", "recent", "accepted", "erlang"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Write the report, and fail if there is a finding; the result has the text as `report`."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        directory = os.path.abspath(os.path.expanduser(str(self._task.args["directory"])))
        patients = self._patients(task_vars or {})
        at = time.time()
        text = report.text(patients)
        contents = {
            "report.txt": text + "\n",
            "report.json": json.dumps(report.document(patients, at), indent=2) + "\n",
            "report.html": report.page(patients, at),
        }
        try:
            write(directory, contents)
        except OSError as error:
            raise AnsibleActionFail(
                f"doctor_dir: cannot write the report to {directory}: {error.strerror}"
            ) from error
        place = os.path.join(directory, "report.html")
        if not os.path.relpath(place).startswith(".."):
            place = os.path.relpath(place)
        result.update(changed=False, report=text, files=[os.path.join(directory, name) for name in _FILES])
        if any(patient.findings for patient in patients):
            sentence = f"{report.verdict(patients)} The report as a page: {place}."
            result.update(failed=True, msg=sentence, sentences=[sentence])
        return result

    def _patients(self, task_vars: Mapping[str, Any]) -> list[Patient]:
        hostvars = task_vars["hostvars"]
        readings: dict[str, Any] = {}
        skew: dict[str, float] = {}
        clusters: dict[str, str] = {}
        for host in task_vars["ansible_play_hosts_all"]:
            found = hostvars[host].get(_REGISTERED) or {}
            readings[host] = found.get("read")
            skew[host] = float(found.get("skew", 0.0))
            clusters[host] = str(hostvars[host].get("rabbitmq_cluster_name") or "")
        recent, accepted = float(self._task.args["recent"]), names(self._task.args.get("accepted"))
        return diagnose(readings, skew, clusters, recent, accepted, self._task.args.get("erlang") or ())
