"""Images: built from Debian's packages, kept until their recipe changes."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from testbed_lib import machine
from testbed_lib.errors import TestbedError
from testbed_lib.podman import Podman
from testbed_lib.progress import Progress
from testbed_lib.settings import BUILD_SECONDS, CACHE_ADDRESS, CACHE_PORT, CACHE_SUITE, LABEL, LOGS

_SCRIPTS = Path(__file__).resolve().parent / "image"

# A bare server: what Ansible needs (python3, sudo, sshd) and what every Debian server has.
# No broker, no Erlang, no Java.
_HOST_PACKAGES = (
    "ca-certificates",
    "dbus",
    "gnupg",
    "iproute2",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
)
# What Ansible manages packages with: on Debian, and on the stand-in for Enterprise Linux (image/el9.sh).
_APT = ("python3-apt",)
_DNF = (
    "dnf",
    "dnf-plugins-core",
    "logrotate",
    "openssl",
    "python3-dnf",
    "python3-selinux",
    "rpm",
    "selinux-utils",
    "tzdata",
)
_ENTERPRISE_LINUX = {"el9": "trixie"}  # and the Debian suite whose userland it has
# More than two at a time only wait for each other: unpacking is work for the processor.
_AT_ONCE = 2


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what is in an image."""

    name: str
    suite: str
    packages: tuple[str, ...]
    script: str
    arguments: tuple[str, ...] = ()
    apt_options: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        """The image's name with a hash of the recipe, so that another recipe is another image."""
        parts = (self.name, self.suite, self.packages, self.arguments, self.apt_options, self.script)
        text = repr(parts)
        return f"localhost/brokerkit/{self.name}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def host_recipe(suite: str) -> Recipe:
    """The image of a bare server of this suite."""
    debian = _ENTERPRISE_LINUX.get(suite, suite)
    scripts = ["host.sh"] if suite == debian else ["host.sh", f"{suite}.sh"]
    return Recipe(
        name=suite,
        suite=debian,
        packages=tuple(sorted(_HOST_PACKAGES + (_APT if suite == debian else _DNF))),
        script="".join((_SCRIPTS / name).read_text(encoding="utf-8") for name in scripts),
        arguments=(f"{CACHE_ADDRESS}:{CACHE_PORT}",),
        # the unstable suite's Release file may have expired by the time it is used
        apt_options=('Acquire::Check-Valid-Until "false"',) if suite == "sid" else (),
    )


def cache_recipe() -> Recipe:
    """The image of the package cache."""
    return Recipe(
        name="cache",
        suite=CACHE_SUITE,
        packages=("apt-cacher-ng", "ca-certificates"),
        script=(_SCRIPTS / "cache.sh").read_text(encoding="utf-8"),
    )


def ensure(podman: Podman, progress: Progress, recipes: Iterable[Recipe]) -> None:
    """Build the images that are missing, two at a time."""
    missing = [recipe for recipe in recipes if podman.attempt("image", "exists", recipe.tag).returncode != 0]
    if not missing:
        return
    LOGS.mkdir(exist_ok=True)
    running: list[str] = []
    with (
        progress.heartbeat(lambda: f"still building {', '.join(map(_stage, running))}"),
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        list(pool.map(lambda recipe: _build(podman, progress, recipe, running), missing))


def remove_superseded(podman: Podman, recipes: Iterable[Recipe]) -> None:
    """Remove images of the same names and other recipes, unless a host still uses them."""
    current = {recipe.tag.rpartition(":")[0]: recipe.tag for recipe in recipes}
    for image in podman.json("images", "--format=json", f"--filter=label={LABEL}=1") or []:
        for name in image.get("Names") or []:
            if current.get(name.rpartition(":")[0], name) != name:
                podman.attempt("rmi", name)


def _build(podman: Podman, progress: Progress, recipe: Recipe, running: list[str]) -> None:
    progress.say(f"building image {recipe.name} from Debian's packages (once, about a minute)")
    start = progress.elapsed()
    running.append(recipe.name)
    try:
        _bootstrap(podman, recipe)
    finally:
        running.remove(recipe.name)
    progress.say(f"image {recipe.name} is built ({progress.elapsed() - start:.0f} s)")


def _bootstrap(podman: Podman, recipe: Recipe) -> None:
    """Pipe a root file system from mmdebstrap into podman; only a whole one gets the image's name."""
    log = LOGS / f"build-{recipe.name}.log"
    hook = LOGS / f"build-{recipe.name}.sh"
    hook.write_text(recipe.script, encoding="utf-8")
    command = [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(recipe.packages)}",
        *[f"--aptopt={option}" for option in recipe.apt_options],
        f'--customize-hook=sh {hook} "$1" {" ".join(recipe.arguments)}',
        recipe.suite,
        "-",
    ]
    proxy = machine.http_proxy()
    environment = {**os.environ, **({"http_proxy": proxy} if proxy else {})}
    with (
        log.open("wb") as words,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words, env=environment
        ) as source,
    ):
        imported = subprocess.run(
            podman.command("import", "--quiet", f"--change=LABEL={LABEL}=1", "-"),
            stdin=source.stdout,
            capture_output=True,
            text=True,
            cwd="/",
            env=podman.environment,
            timeout=BUILD_SECONDS,
            check=False,
        )
    if source.returncode != 0:
        raise TestbedError(f"mmdebstrap could not build {recipe.name}; {log} ends with:\n{_tail(log)}")
    if imported.returncode != 0:
        raise TestbedError(f"podman could not import image {recipe.name}: {imported.stderr.strip()}")
    podman.run("tag", imported.stdout.split()[-1], recipe.tag)


def _stage(name: str) -> str:
    """The image's name with the last thing that mmdebstrap said about it."""
    words = _tail(LOGS / f"build-{name}.log", 1).removeprefix("I: ")
    return f"{name} ({words})" if words else name


def _tail(log: Path, lines: int = 8) -> str:
    text = log.read_text(errors="replace") if log.exists() else ""
    # progress bars overwrite themselves with carriage returns
    return "\n".join(line.rpartition("\r")[2] for line in text.splitlines()[-lines:])
