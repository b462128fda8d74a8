#!/usr/bin/env python3
"""Builds the message relay as one file that Python runs as it is; the same sources give the same bytes.

pika comes from the environment of `make setup`, which took it by its hash: here its files are compared with what they
were when it was built, and its version with requirements.txt.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import os
import re
import sys
import zipfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "roles" / "message_relay" / "files" / "brokerkit-relay.pyz"
BUILT, REFUSED = 0, 1
_LIBRARY = "pika"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that the format knows
_MAIN = b"""\
import os, sys

from relaying.cli import main

sys.exit(main(sys.argv[1:], os.environ, sys.stdout, sys.stderr))
"""


class Refused(Exception):
    """Sources of which it is not certain what they are: one sentence with its remedy."""


def own_sources() -> dict[str, bytes]:
    """Return the files of this project that the relay is made of, by their names in the archive."""
    library = ROOT / "plugins" / "module_utils"
    names = ("__init__.py", "nearest.py", "role_arguments.py", "versions.py")
    brokers = [library / "brokers" / name for name in names]
    brokers += (library / "brokers" / "relay").glob("*.py")
    found = {str(path.relative_to(library)): path.read_bytes() for path in brokers}
    found |= {
        f"relaying/{path.name}": path.read_bytes() for path in (ROOT / "scripts" / "relaying").glob("*.py")
    }
    return {**found, "__main__.py": _MAIN, "LICENSE": (ROOT / "LICENSE").read_bytes()}


def library_sources(name: str = _LIBRARY, package: str = _LIBRARY) -> dict[str, bytes]:
    """Return a library's files, as its wheel had them; `name` is that of requirements.txt. Raises Refused."""
    wanted = re.search(
        rf"^{re.escape(name)}==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    try:
        library = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise Refused(f"{name} is not installed: run `make setup`, and this with .venv/bin/python") from None
    if wanted is None or library.version != wanted[1]:
        raise Refused(
            f"{name} is {library.version}, and requirements.txt has another version: run `make setup`"
        )
    found = {}
    for file in library.files or []:
        path = str(file)
        if not (path.endswith(".py") and path.startswith(f"{package}/")) and not _is_license(path):
            continue
        content = Path(str(file.locate())).read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        if file.hash is None or file.hash.value != digest:
            raise Refused(f"{path} was changed after it was installed: remove .venv, and run `make setup`")
        found[f"licenses/{package}/{file.name}" if _is_license(path) else path] = content
    return found


def _is_license(path: str) -> bool:
    return ".dist-info/" in path and ("/licenses/" in path or path.endswith("/LICENSE"))


def archive(files: dict[str, bytes]) -> bytes:
    """Return an archive that depends on these files alone: in the order of names, uncompressed, without times.

    zipapp would take the times from the disk, in the zone of whoever builds it; and what compression makes of a file
    differs between versions of zlib.
    """
    raw = io.BytesIO()
    raw.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as made:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            made.writestr(entry, files[name])
    return raw.getvalue()


def build() -> bytes:
    """Return the relay's archive. Raises Refused."""
    return archive({**library_sources(), **own_sources()})


def main(argv: Sequence[str]) -> int:
    """Run with these arguments (without the program's name) and return the exit code."""
    return write(argv, "relay_archive.py", __doc__ or "", PLACE, build)


def write(argv: Sequence[str], program: str, about: str, place: Path, make: Callable[[], bytes]) -> int:
    """Build an archive as the arguments say, in one step, and return the exit code."""
    parser = argparse.ArgumentParser(prog=program, description=about)
    parser.add_argument(
        "--output", type=Path, default=place, help="the file; where the role takes it from by default"
    )
    options = parser.parse_args(argv)
    try:
        content = make()
    except Refused as refused:
        sys.stderr.write(f"{program}: {refused}; nothing was built\n")
        return REFUSED
    draft = options.output.with_suffix(".part")
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.write_bytes(content)
    draft.chmod(0o755)
    os.replace(draft, options.output)
    digest = hashlib.sha256(content).hexdigest()
    sys.stdout.write(f"{os.path.relpath(options.output)}\nsha256 {digest}, {len(content)} bytes\n")
    return BUILT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
