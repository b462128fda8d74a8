"""A broker's unit that was masked or suspended by hand, which a run must not start."""

from __future__ import annotations

from typing import Any


def service_refusals(variable: str, wanted: str, unit: str, host: dict[str, Any], known: bool) -> list[str]:
    """Return why the unit must not be touched, one sentence each.

    `variable` says which state is `wanted`. `known`: the broker has come up before, so that nobody but an operator
    masks its unit. `host` is what the module broker_host_facts returned.
    """
    found, name, state = [], host["hostname"], host["unit"]
    if known and state["mask"] and wanted == "started":
        runtime = "--runtime " if state["mask"].startswith("/run/") else ""
        found.append(
            f"{variable}: 'started' is wanted, but an operator has masked {unit} on {name} ({state['mask']}); take the "
            f"mask away there (`systemctl unmask {runtime}{unit}`), or set {variable} to 'stopped', which leaves it"
        )
    if state["process_state"] == "T":
        pid = state["main_pid"]
        found.append(
            f"{name}: the broker's process {pid} is stopped (state T in /proc/{pid}/stat, as SIGSTOP leaves it) and "
            f"answers nobody; resume it with `kill -CONT {pid}` there, and run the play again"
        )
    return found
