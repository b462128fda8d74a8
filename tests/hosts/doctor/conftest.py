"""What the tests of the doctor have in common: the hosts of this folder, and what the doctor says of them."""

from __future__ import annotations

import pytest
from doctor_site import INVENTORY


@pytest.fixture(scope="module")
def inventory() -> str:
    """Where this folder's hosts stand."""
    return INVENTORY
