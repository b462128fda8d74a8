"""A host and its broker held against what a broker in production should be: findings as sentences.

Sources: RabbitMQ's guide "Production Deployment Guidelines" (memory, disk, file handles, default user, clocks), and
docs/operations.md of this project for the sandbox, the modes and the ports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Found = dict[str, Any]

NO_SHELLS = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false")
MOST_EXPOSURE = 3.0  # of systemd-analyze security, which goes to 10
FEWEST_FILES = 50_000  # upstream's figure for production


@dataclass(frozen=True)
class Row:
    """What was looked at, and a sentence with the cure where it is not as it should be ('' where it is)."""

    name: str
    finding: str = ""


def is_reachable(address: str) -> bool:
    """Return whether others than the host itself can connect to a listener on that address."""
    return not (address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1"))


def rows(found: Found) -> list[Row]:
    """Return what a host of either broker is asked, which its `kind` names: that of the role and of the user."""
    prefix = f"{found['kind']}_"
    return [
        _unit(found["unit"]),
        _sandbox(found["exposure"], prefix),
        _files(found["unit"], prefix),
        _core_dumps(found["unit"], prefix),
        _shell(found["kind"], found["shell"]),
        *_modes(found["modes"]),
        _clock(found["clock"]),
    ]


def _unit(unit: Found) -> Row:
    if unit["active_state"] != "active":
        return Row("service", f"the unit is {unit['active_state']}, not active: start it, or run site.yml")
    if unit["unit_file_state"] not in ("enabled", "static"):
        return Row(
            "service", f"the unit is {unit['unit_file_state']}: it would not start at boot; run site.yml"
        )
    return Row("service")


def _sandbox(exposure: float | None, prefix: str) -> Row:
    if exposure is None or exposure <= MOST_EXPOSURE:
        return Row("sandbox")
    return Row(
        "sandbox",
        f"systemd-analyze security puts the unit at {exposure}, over {MOST_EXPOSURE}: run site.yml"
        + (", with rabbitmq_hardening true," if prefix == "rabbitmq_" else "")
        + " and remove drop-ins that loosen it",
    )


def _files(unit: Found, prefix: str) -> Row:
    if unit["files"] >= FEWEST_FILES:
        return Row("file limit")
    return Row(
        "file limit",
        f"{unit['files']} file descriptors, and each connection and file takes one: set {prefix}open_files_limit to "
        f"{FEWEST_FILES} or more",
    )


def _core_dumps(unit: Found, prefix: str) -> Row:
    if unit["core"] == 0:
        return Row("core dumps")
    return Row(
        "core dumps",
        "a crash would write the broker's memory, with passwords and messages, to the disk: run site.yml"
        + (", or set rabbitmq_crash_dumps to false" if prefix == "rabbitmq_" else ""),
    )


def _shell(account: str, shell: str) -> Row:
    if shell in ("", *NO_SHELLS):
        return Row("login shell")
    return Row(
        "login shell", f"the user {account} has the shell {shell}: run usermod -s {NO_SHELLS[0]} {account}"
    )


def _modes(modes: dict[str, int]) -> Iterator[Row]:
    for path, mode in sorted(modes.items()):
        open_to_others = mode & 0o007
        yield Row(
            f"mode of {path}",
            f"{path} has mode {mode:04o}, and is open to every user of the host: run site.yml"
            if open_to_others
            else "",
        )


def _clock(synchronised: bool | None) -> Row:
    if synchronised is not False:
        return Row("clock")
    return Row(
        "clock",
        "it is not synchronised, and certificates, logs and clusters rely on it: install systemd-timesyncd or chrony",
    )


def findings(broker: str, found: list[Row], accepted: list[str]) -> list[str]:
    """Return a sentence for each row that is not as it should be and was not accepted by its name."""
    return [
        f"{broker}, {row.name}: {row.finding}" for row in found if row.finding and row.name not in accepted
    ]


def summary(broker: str, found: list[Row], accepted: list[str]) -> str:
    """Return in one sentence what was looked at and is well, and what was accepted."""
    well = [row.name for row in found if not row.finding]
    kept = [row.name for row in found if row.finding and row.name in accepted]
    unknown = sorted(set(accepted) - {row.name for row in found})
    text = f"{broker}: {len(well)} of {len(found)} as they should be: {', '.join(well) or 'none'}."
    if kept:
        text += f" Accepted by audit_accepted: {', '.join(kept)}."
    if unknown:
        text += f" audit_accepted names what is not looked at here: {', '.join(unknown)}."
    return text
