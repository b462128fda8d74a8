"""The directory of applications on the controller: one directory for each, with the files of its settings.

Only files that are written here are ever removed, and no directory with anything else in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..host.exchange import write
from .formats import Application, document, files

FILE_MODE, DIRECTORY_MODE = 0o600, 0o700
_MARK = "settings.json"  # in every directory that was written here
_HIDDEN = "********"


class Unfit(Exception):
    """A path that cannot be a directory of settings: a sentence with its remedy."""


@dataclass
class Outcome:
    """What was done, or would be: `left` are directories of applications that nobody declares any more."""

    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)


def converge(
    directory: str,
    applications: Mapping[str, Application],
    gone: Sequence[str],
    check: bool,
    lasting: Callable[[str], bool] = lambda inventory: False,
) -> Outcome:
    """Make the directory hold these applications, and those that are `gone` no more.

    `lasting` says of another inventory whether it is still there: what it has declared is left alone.
    """
    found = Outcome()
    for path in (directory, *(os.path.join(directory, name) for name in (*applications, *gone))):
        if os.path.islink(path) or (os.path.exists(path) and not os.path.isdir(path)):
            raise Unfit(
                f"client_settings_directory: {path} is a link or a file, where a directory of settings is to be; "
                "remove it, or "
                "choose another directory"
            )
    for name, application in applications.items():
        _refuse_somebody_elses(os.path.join(directory, name), application, lasting)
    if applications and not check:
        os.makedirs(directory, mode=DIRECTORY_MODE, exist_ok=True)
    for name, application in applications.items():
        if _converge_one(os.path.join(directory, name), application, check, found):
            found.written.append(name)
    for name in gone:
        if os.path.isdir(os.path.join(directory, name)) and _converge_one(
            os.path.join(directory, name), None, check, found
        ):
            found.removed.append(name)
    known = {*applications, *gone}
    with contextlib.suppress(FileNotFoundError):
        found.left = [
            name
            for name in sorted(os.listdir(directory))
            if name not in known
            and (held := _shown(_text(os.path.join(directory, name, _MARK))))
            and not lasting(str(held.get("inventory")))
        ]
    return found


def _refuse_somebody_elses(path: str, application: Application, lasting: Callable[[str], bool]) -> None:
    """Raise Unfit where another inventory has an application of that name, with another broker."""
    held, new = _shown(_text(os.path.join(path, _MARK))), document(application)
    if not held or not lasting(str(held.get("inventory"))):
        return
    if not any(one in new[protocol] for protocol in _PLACES for one in held.get(protocol) or []):
        raise Unfit(
            f"client_settings_directory: {path} has the settings of {held['inventory']} for an application of that "
            "name with another broker; give one of the two inventories another client_settings_directory, or the "
            "application another name"
        )


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _mode(path: str) -> int | None:
    try:
        return stat.S_IMODE(os.lstat(path).st_mode)
    except FileNotFoundError:
        return None


def _converge_one(path: str, application: Application | None, check: bool, outcome: Outcome) -> bool:
    """Write or remove the files of one application; return whether that changes anything."""
    wanted = files(application)
    before = {name: _text(os.path.join(path, name)) for name in wanted}
    modes = {name: _mode(os.path.join(path, name)) for name in wanted}
    differ = [
        name
        for name, text in wanted.items()
        if text != before[name] or (text is not None and modes[name] != FILE_MODE)
    ]
    of_directory = application is not None and _mode(path) != DIRECTORY_MODE
    if not differ and not of_directory:
        return False
    outcome.diff.append(_difference(path, application, before, differ, of_directory))
    if check:
        return True
    if application is not None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, DIRECTORY_MODE)
        os.chmod(path, DIRECTORY_MODE)
    for name in differ:
        text = wanted[name]
        if text is None:
            os.remove(os.path.join(path, name))
        else:
            write(os.path.join(path, name), text, FILE_MODE, None)
    if application is None:
        with contextlib.suppress(OSError):  # something else is in it
            os.rmdir(path)
    return True


def _difference(
    path: str,
    application: Application | None,
    before: Mapping[str, str | None],
    differ: Sequence[str],
    of_directory: bool,
) -> dict[str, str]:
    """Return a diff of what the settings say, without secrets, and of which files change."""
    old, new = _shown(before[_MARK]), document(application) if application else {}
    names = [f"{name}: written\n" for name in differ] + ["directory: mode 0700\n"] * of_directory
    changed = bool(old) and bool(new) and old.get("password") != new.get("password")
    return {
        "before_header": path,
        "after_header": path,
        "before": _lines(old, ""),
        "after": _lines(new, "  (differs)" if changed else "") + "".join(names),
    }


def _shown(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


_PLACES = ("amqp", "stomp", "openwire")
_SHOWN = ("broker", "user", "vhost", "tls", "ca_file", "cert_file", "key_file", *_PLACES, "destinations")


def _lines(settings: Mapping[str, Any], remark: str) -> str:
    if not settings:
        return ""
    lines = [f"{key}: {json.dumps(settings.get(key), ensure_ascii=False)}\n" for key in _SHOWN]
    return "".join([*lines, f"password: {_HIDDEN}{remark}\n"])
