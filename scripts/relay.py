#!/usr/bin/env python3
"""Takes messages from a broker's queue and performs an HTTP request for each; see --help, and docs/relay.md."""

import os
import sys
from pathlib import Path

# In the archive that the role installs, everything is in one place.
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "plugins" / "module_utils"))

from relaying.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, sys.stdout, sys.stderr))
