"""What hosts need: limits of this machine, keys, the network, images and the package cache."""

from __future__ import annotations

from collections.abc import Sequence

from testbed_lib import cache, images, keys, machine, network
from testbed_lib.images import Recipe
from testbed_lib.inventory import Host
from testbed_lib.podman import Podman
from testbed_lib.progress import Progress
from testbed_lib.settings import SUITES


def prepare(podman: Podman, progress: Progress, wanted: Sequence[Host]) -> list[Recipe]:
    """Prepare everything that these hosts need; returns the recipes of their images."""
    machine.allow_many_systemds(progress)
    keys.prepare()
    network.ensure(podman)
    suites = sorted({host.suite for host in wanted}, key=SUITES.index)
    recipes = [*map(images.host_recipe, suites), images.cache_recipe()]
    images.ensure(podman, progress, recipes)
    cache.ensure(podman, progress)
    network.keep_address(podman)
    return recipes
