"""ActiveMQ 6 as an archive, put together from what Maven's repository has."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from activemq_hosts import Settings
from distribution import assembled, released

FIVE, SIX = "5.18.3", "6.3.1"
# What they were released with. The starter of 6.3.1 is not in Maven's repository: the one of 6.1 is the same program;
# nor is its web console: the pages of 6.1.8 stand in for it, on Jetty 12 (12.1.8 is the newest there with all parts,
# 6.3.1 has 12.1.11).
_COMMON = {"run": "6.1.8", "console": "6.1.8", "log4j": "2.25.2"}
PARTS = {
    "6.1.8": {**_COMMON, "spring": "6.1.21", "jetty": "11.0.26", "jolokia": "2.4.0"},
    SIX: {**_COMMON, "spring": "7.0.8", "jetty": "12.1.8", "jolokia": "2.6.0"},
}
CACHE = Path("~/.cache/brokerkit").expanduser()  # of the role, too


def with_console(version: str) -> Settings:
    """The settings of a newer version with its web console, one file of which is of the older version's archive."""
    missing = f"ActiveMQ {version} cannot be had here, nothing was proven of it: "
    if shutil.which("mvn") is None:
        pytest.skip(f"{missing}mvn is not on this machine")
    try:
        archive = assembled(version, CACHE, released(FIVE, CACHE), **PARTS[version])
    except subprocess.CalledProcessError as error:
        pytest.skip(missing + (error.stdout + error.stderr)[-300:])
    return {
        "activemq_version": version,
        "activemq_archive_source": "file",
        "activemq_archive_file": str(archive),
        "activemq_archive_checksum": f"sha512:{hashlib.sha512(archive.read_bytes()).hexdigest()}",
    }
