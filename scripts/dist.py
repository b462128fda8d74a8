#!/usr/bin/env python3
"""Builds the collection's archive from the files under version control; the same files give the same bytes.

The message relay, which its role installs, is built too: whoever has the collection alone has no `make relay`.

`ansible-galaxy collection build` decides what goes in, by galaxy.yml. It writes the times of the files and the order of
the directory into the archive: both are replaced here, so that a checksum says whether two archives are the same.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import relay_archive
import smoke_archive

ROOT = Path(__file__).resolve().parent.parent
_EPOCH = 315532800  # 1980-01-01, the earliest that every tool can show
DONE, FAILED = 0, 1


def checked_out(folder: Path) -> None:
    """Copy the files under version control, as they stand, to `folder`; links stay links."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, names.split("\0")):
        source, target = ROOT / name, folder / name
        if source.exists() or source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


def built(source: Path, folder: Path) -> Path:
    """Return the archive that ansible-galaxy builds of `source` in `folder`."""
    command = ["ansible-galaxy", "collection", "build", str(source), "--output-path", str(folder)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return next(folder.glob("*.tar.gz"))


def _sorted_index(files: dict[str, bytes]) -> None:
    """Put FILES.json in the order of names, and its new checksum into MANIFEST.json."""
    index = json.loads(files["FILES.json"])
    index["files"].sort(key=lambda entry: entry["name"])
    files["FILES.json"] = json.dumps(index, indent=1, sort_keys=True).encode()
    manifest = json.loads(files["MANIFEST.json"])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(files["FILES.json"]).hexdigest()
    files["MANIFEST.json"] = json.dumps(manifest, indent=1, sort_keys=True).encode()


def normalised(archive: Path) -> bytes:
    """Return the archive without anything that depends on when, where and by whom it was built."""
    with tarfile.open(archive) as tar:
        members = {member.name: member for member in tar.getmembers()}
        files = {
            name: handle.read()
            for name, member in members.items()
            if (handle := tar.extractfile(member)) and member.isfile()
        }
    _sorted_index(files)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        # The manifest first: it is what an installation reads before anything else.
        for name in sorted(members, key=lambda name: (name != "MANIFEST.json", name != "FILES.json", name)):
            member = members[name]
            member.mtime, member.uid, member.gid, member.uname, member.gname = _EPOCH, 0, 0, "", ""
            member.pax_headers = {}
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.size = len(files[name]) if name in files else 0
            tar.addfile(member, io.BytesIO(files[name]) if name in files else None)
    return gzip.compress(raw.getvalue(), mtime=0)


def main(argv: Sequence[str]) -> int:
    """Run with these arguments (without the program's name) and return the exit code."""
    parser = argparse.ArgumentParser(prog="dist.py", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="directory for the archive (dist)")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as made:
        source, folder = Path(made, "source"), Path(made, "built")
        folder.mkdir()
        try:
            checked_out(source)
            for program in (relay_archive, smoke_archive):
                place = source / program.PLACE.relative_to(ROOT)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(program.build())
            archive = built(source, folder)
        except relay_archive.Refused as refused:
            sys.stderr.write(f"dist.py: {refused}; nothing was built\n")
            return FAILED
        except subprocess.CalledProcessError as error:
            sys.stderr.write(
                f"dist.py: `{' '.join(error.cmd[:3])}` failed, and nothing was built:\n{error.stderr}"
            )
            return FAILED
        options.output.mkdir(parents=True, exist_ok=True)
        target = options.output / archive.name
        draft = target.with_suffix(".part")
        draft.write_bytes(normalised(archive))
        os.replace(draft, target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    shown = os.path.relpath(target)
    sys.stdout.write(f"{shown}\nsha256 {digest}\ninstall it: ansible-galaxy collection install {shown}\n")
    return DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
