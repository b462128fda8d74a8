"""The library of scripts/topology.py: a virtual host as a picture.

sources.py reads what is declared or what a broker holds, graph.py makes exchanges, queues and the ways between
them of it, layout.py places them, svg.py and dot.py write them down.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The library that ships to targets as ansible.module_utils.brokers; the controller finds it there.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "plugins" / "module_utils"))
