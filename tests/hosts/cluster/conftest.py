"""What the tests of clusters have in common."""

from __future__ import annotations

import pytest
from clusters import INVENTORY


@pytest.fixture(scope="module")
def inventory() -> str:
    """Where this folder's hosts stand."""
    return INVENTORY
