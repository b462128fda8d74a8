"""The package cache: apt-cacher-ng in a container, its store in a volume that outlives it.

A folder of archives shared by the hosts would be simpler, but apt locks that folder, so hosts installing side
by side would fail each other. apt-cacher-ng serves them at once, and keeps package lists too.
"""

from __future__ import annotations

from testbed_lib import hosts, images, machine, network
from testbed_lib.podman import Podman
from testbed_lib.progress import Progress
from testbed_lib.settings import CACHE_ADDRESS, CACHE_NAME, CACHE_PORT, CACHE_VOLUME, LABEL, NETWORK


def ensure(podman: Podman, progress: Progress) -> None:
    """Start the cache unless it already runs from the current recipe."""
    recipe = images.cache_recipe()
    if any((row["State"], row["Image"]) == ("running", recipe.tag) for row in podman.containers("cache")):
        return
    progress.say("starting the package cache")
    podman.run("rm", "--force", "--ignore", "--time=1", CACHE_NAME)
    proxy = machine.http_proxy()
    podman.run(
        "run",
        "--detach",
        f"--name={CACHE_NAME}",
        f"--label={LABEL}=cache",
        f"--network={NETWORK}",
        f"--ip={CACHE_ADDRESS}",
        f"--mac-address={network.mac_address(str(CACHE_ADDRESS))}",
        f"--volume={CACHE_VOLUME}:/var/cache/apt-cacher-ng",
        "--user=apt-cacher-ng",
        # for the same reasons as the hosts: see hosts.py
        "--privileged",
        "--pids-limit=-1",
        *hosts.limits(),
        recipe.tag,
        "apt-cacher-ng",
        "-c",
        "/etc/apt-cacher-ng",
        "ForeGround=1",
        f"Port={CACHE_PORT}",
        *([f"Proxy={proxy}"] if proxy else []),
    )


def remove(podman: Podman) -> None:
    """Stop the cache; its volume stays."""
    podman.run("rm", "--force", "--ignore", "--time=1", CACHE_NAME)
