"""Names, addresses and paths that the rest of the test bed uses."""

from __future__ import annotations

import ipaddress
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PROJECT_STATE = PROJECT / ".testbed"
DEFAULT_INVENTORY = "inventory/single"

STATE = Path("/var/lib/brokerkit-testbed")
RUN = Path("/run/brokerkit-testbed")
LOCK = Path("/run/brokerkit-testbed.lock")
NAMESPACE = RUN / "mount-namespace"
KEYS = STATE / "keys"
LOGS = STATE / "logs"

NETWORK = "brokerkit"
SUBNET = ipaddress.IPv4Network("10.61.13.0/24")
GATEWAY = ipaddress.IPv4Address("10.61.13.1")
CACHE_ADDRESS = ipaddress.IPv4Address("10.61.13.2")
CACHE_PORT = 3142
CACHE_NAME = "package-cache"
CACHE_VOLUME = "brokerkit-cache"
CONTAINER_PREFIX = "brokerkit-"
UNFINISHED_PREFIX = "unfinished-"
LABEL = "org.brokerkit.testbed"

LOGIN = "ops"
SUITES = ("bullseye", "bookworm", "trixie", "sid", "el9")
CACHE_SUITE = "bookworm"

BOOT_SECONDS = 90
BUILD_SECONDS = 1200
INSTALL_SECONDS = 900
SHUTDOWN_SECONDS = 60

# A frozen host takes about as much of the disk as what was installed on it, a quarter of a gigabyte for a broker. After
# a week the packages in it are no longer those that a converge would install.
FROZEN_MOST = 12
FROZEN_SECONDS = 7 * 24 * 3600
LOCK_SECONDS = 1800
