"""Files with secrets are read only when nobody else can; reports and state are written in one step."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from probes.model import ExitCode, Refusal


def read_secret(path: Path, what: str, remedy: str) -> str:
    """Return the text of a file that holds secrets.

    Raises Refusal when it is missing, unreadable, not text, or open to others than its owner; `what` names it
    and `remedy` says how to get a right one.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise Refusal(ExitCode.DATA, f"The {what} {path} is not a file: {remedy}.")
        if mode & 0o077:
            raise Refusal(
                ExitCode.PERMISSION,
                f"The {what} {path} is open to others than its owner (mode {stat.S_IMODE(mode):04o}): "
                f"`chmod 600 {path}`, and change its passwords if others use this machine.",
            )
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Refusal(ExitCode.NO_INPUT, f"The {what} {path} does not exist: {remedy}.") from None
    except UnicodeDecodeError:
        raise Refusal(ExitCode.DATA, f"The {what} {path} is not UTF-8 text: {remedy}.") from None
    except OSError as error:
        reason = error.strerror
        raise Refusal(ExitCode.NO_INPUT, f"The {what} {path} cannot be read ({reason}): {remedy}.") from None


def write(path: Path, text: str, what: str, mode: int) -> None:
    """Write a file in one step: a reader sees the old one or the new one, never a part.

    Raises Refusal when that is not possible; `what` names the file, `mode` is its permissions.
    """
    import tempfile

    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise Refusal(
            ExitCode.CANNOT_CREATE,
            f"The {what} {path} cannot be written ({error.strerror}): name a file in a directory of yours.",
        ) from None
