"""The parts of `make test`, `make drills` and `make soak`: what each runs, the hosts it shares, its seconds.

Two parts run side by side, because budgets are for a machine with two cores. They begin in the order in which they
stand here, each as soon as there is a place for it and its hosts are free: the longest stand first. Only what is
`first` goes before all others: the images of the hosts, which wait for packages, beside the checks, which need none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

Command = tuple[str, ...]

PLACES = 2
# Of all parts of `make test` together, in seconds, on an otherwise idle machine with two cores.
BUDGET = 55 * 60


@dataclass(frozen=True)
class Shared:
    """Hosts that one part makes and others go on with; `make` is for a run without that part."""

    name: str
    make: tuple[Command, ...]
    remove: tuple[Command, ...]


@dataclass(frozen=True)
class Part:
    """A part of the tests. `budget` is in seconds, with another part beside it."""

    name: str
    about: str
    budget: int
    commands: tuple[Command, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    leaves: Shared | None = None
    uses: Shared | None = None
    first: bool = False  # the others need what it makes, or are not worth their time where it fails


def tests(*words: str) -> Command:
    """The command line of pytest."""
    return ("python", "-m", "pytest", "--color=no", "-p", "no:cacheprovider", "-q", "--durations=5", *words)


def scenario(name: str, *flags: str) -> tuple[Command, ...]:
    """A molecule scenario from its beginning: without hosts of an earlier run or what molecule remembers of them."""
    return (
        ("scripts/testbed", "down", "-i", f"molecule/{name}/inventory"),
        ("molecule", "reset", "--scenario-name", name),
        ("molecule", "test", "--scenario-name", name, *flags),
    )


# Files of tests side by side, each with hosts of its own; the one with most tests begins first.
FILES = ("--numprocesses", "2", "--dist", "loadfile")
# A test with the marker `drill` is long, and others cover what it is about at less cost: see docs/testing.md.
BRIEF, DRILL, SOAK = ("-m", "not drill and not soak"), ("-m", "drill"), ("-m", "soak")
INTERRUPTED = "tests/hosts/rabbitmq/test_interrupted.py"
# Tests of the topology that ask nothing of a version but that it answers: in `make test` on the oldest and the newest.
ALIKE = tuple(f"tests/hosts/topology/test_{name}.py" for name in ("faults", "properties", "role"))
OLDEST_AND_NEWEST = "TOPOLOGY_HOSTS=v-bullseye,v-sid"
BY_HOST = ("--numprocesses", "2", "--dist", "loadgroup")
VERSIONS_INVENTORY = "molecule/versions/inventory"
VERSIONS = Shared(
    "the hosts of the scenario versions",
    make=(("scripts/testing/converged", VERSIONS_INVENTORY),),
    remove=(("scripts/testbed", "down", "-i", VERSIONS_INVENTORY),),
)
IMAGES = Part("images", "images of the test hosts", 10, (("scripts/testbed", "build"),), first=True)
PARTS = (
    Part("check", "lint, types, unit tests and generated pages", 150, (("scripts/check",),), first=True),
    IMAGES,
    Part(
        "rabbitmq",
        "bad input, rollback, interruption, changes by hand, repositories, secrets, first contact, uninstallation",
        1450,
        (tests(*FILES, *BRIEF, "tests/hosts/rabbitmq", "tests/hosts/testbed"),),
    ),
    Part(
        "versions",
        "molecule: RabbitMQ 3.8, 3.10, 4.0 and 4.3 side by side",
        380,
        scenario("versions", "--destroy", "never"),
        leaves=VERSIONS,
    ),
    Part(
        "topology",
        "every kind of topology object, on every version; the role and interruptions on the oldest and the newest",
        500,
        (
            tests(*BY_HOST, *(f"--ignore={file}" for file in ALIKE), "tests/hosts/topology"),
            ("env", OLDEST_AND_NEWEST, *tests(*BY_HOST, *ALIKE)),
        ),
        {"TOPOLOGY_INVENTORY": VERSIONS_INVENTORY},
        uses=VERSIONS,
    ),
    Part(
        "probes",
        "the prober against a broker that is broken on purpose",
        240,
        # What is broken is the same on every version; all four would take four times as long.
        (tests("tests/hosts/probes", "-k", "bookworm"),),
        {"SMOKE_INVENTORY": VERSIONS_INVENTORY},
        uses=VERSIONS,
    ),
    Part(
        "monitoring",
        "what Debian's own Prometheus is given: each alert fires when it is to, each version has the metrics",
        150,
        (tests(*BRIEF, "tests/hosts/monitoring"),),
        {"MONITORING_INVENTORY": VERSIONS_INVENTORY},
        uses=VERSIONS,
    ),
    Part(
        "activemq",
        "ActiveMQ by package and by archive, upgrades, changes by hand, a shared store, both brokers on one host",
        1250,
        (tests(*FILES, *BRIEF, "tests/hosts/activemq", "tests/hosts/both"),),
    ),
    Part(
        "collection",
        "the collection alone, on the newest ansible-core",
        350,
        (tests(*BRIEF, "tests/hosts/collection"),),
    ),
    Part(
        "tls",
        "both brokers inside TLS: every probe, what is said of each wrong certificate, renewal",
        280,
        (tests(*FILES, *BRIEF, "tests/hosts/tls"),),
    ),
    Part(
        "cluster",
        "a cluster of RabbitMQ 4.3; on 4.0 members that come late, come up alone or lose their data",
        540,
        (tests(*FILES, *BRIEF, "tests/hosts/cluster"),),
    ),
    Part(
        "relay",
        "messages that become requests, while relay, RabbitMQ or ActiveMQ, and API die",
        420,
        (tests(*BRIEF, "tests/hosts/relay"),),
    ),
    Part(
        "clients",
        "applications' settings, read by each client, on both brokers, plain and inside TLS",
        240,
        (tests(*BRIEF, "tests/hosts/clients"),),
    ),
    Part(
        "doctor",
        "hosts and brokers that are ill: the doctor names the cause, and the remedy cures it",
        300,
        (tests(*BRIEF, "tests/hosts/doctor"),),
    ),
    Part(
        "enterprise-linux",
        "the stand-in for Enterprise Linux: facts, dnf, a broker of RPMs in upstream's layout",
        150,
        (tests(*BRIEF, "tests/hosts/enterprise_linux"),),
    ),
)
DRILLS = (
    IMAGES,
    Part(
        "kills",
        "a run that is killed at each of 13 points, and healed by the next",
        900,
        (tests(INTERRUPTED),),
    ),
    Part(
        "rabbitmq",
        "entry points on their own, further rollbacks, repositories and changes by hand; reinstallation",
        1200,
        (tests(*FILES, *DRILL, f"--ignore={INTERRUPTED}", "tests/hosts/rabbitmq", "tests/hosts/testbed"),),
    ),
    Part(
        "topology",
        "on every version what `make test` has on the oldest and the newest",
        800,
        (tests(*BY_HOST, *ALIKE),),
        {"TOPOLOGY_INVENTORY": VERSIONS_INVENTORY},
        uses=VERSIONS,
    ),
    Part(
        "activemq",
        "further upgrades, refusals and changes by hand",
        900,
        (tests(*FILES, *DRILL, "tests/hosts/activemq", "tests/hosts/both"),),
    ),
    Part(
        "collection",
        "the collection alone, on the oldest ansible-core",
        350,
        (tests(*DRILL, "tests/hosts/collection"),),
    ),
    Part(
        "tls",
        "RabbitMQ 3.10 and 4.3 from bare hosts to TLS only, renewed",
        280,
        (tests(*DRILL, "tests/hosts/tls"),),
    ),
    Part(
        "cluster",
        "clusters of RabbitMQ 3.8 and 3.10; on 4.0 operations that are killed half-way, partitions, balancers",
        3200,
        (tests(*DRILL, "tests/hosts/cluster"),),
    ),
    Part(
        "relay",
        "10,000 messages while relay, broker and API are killed at 50 moments, on either broker; TLS",
        1500,
        (tests(*DRILL, "tests/hosts/relay"),),
    ),
    Part(
        "clients",
        "brokers that require clients' certificates",
        200,
        (tests(*DRILL, "tests/hosts/clients"),),
    ),
    Part(
        "doctor",
        "each state that the doctor knows, on RabbitMQ 3.10, 4.0 and 4.3 and on ActiveMQ, and its cure",
        3000,
        (tests(*BY_HOST, *DRILL, "tests/hosts/doctor"),),
    ),
    Part(
        "monitoring",
        "brokers of four versions in each state that an alert is about, under Debian's own Prometheus",
        1200,
        (tests(*DRILL, "tests/hosts/monitoring"),),
    ),
    Part(
        "enterprise-linux",
        "further packages, keys, pins and releases that dnf and the roles refuse on Enterprise Linux",
        600,
        (tests(*DRILL, "tests/hosts/enterprise_linux"),),
    ),
    Part(
        "tls-scenario",
        "molecule: RabbitMQ 3.8, 3.10, 4.0 and 4.3, ActiveMQ by package and archive, in TLS only; a renewal",
        460,
        scenario("tls"),
    ),
    Part(
        "cluster-scenario",
        "molecule: three Debian 13 hosts as one cluster, restarted one at a time under load",
        480,
        scenario("cluster"),
    ),
    Part(
        "enterprise-linux-scenario",
        "molecule: RabbitMQ by dnf and ActiveMQ from the archive on Enterprise Linux; both packages upgraded",
        240,
        scenario("enterprise_linux"),
    ),
    Part(
        "networks",
        "molecule: ActiveMQ on Debian 11, 12 and 13, an archive, a network of brokers, a master and a slave",
        660,
        scenario("activemq"),
    ),
    Part("default", "molecule: a Debian 12 host as the README has it", 360, scenario("default")),
)
# What is measured under load, on a machine that does nothing else: one part at a time.
SOAKS = (
    IMAGES,
    Part(
        "under-load",
        "operations and failures on a cluster while numbered messages go through it: none is lost, what clients wait",
        2400,
        (tests(*SOAK, "tests/hosts/cluster/test_under_load.py"),),
    ),
    Part(
        "certificates",
        "certificates renewed on two and on three members with TLS between them, and their CA changed, under load",
        900,
        (tests(*SOAK, "tests/hosts/cluster/test_certificates.py"),),
    ),
    Part(
        "formations",
        "twenty formations in a row on each version",
        6000,
        (tests(*SOAK, "tests/hosts/cluster/test_formations_in_a_row.py"),),
    ),
)
TARGETS = {"test": PARTS, "drills": DRILLS, "soak": SOAKS}


def named(words: Sequence[str], parts: Sequence[Part]) -> list[Part]:
    """The parts of these names in their order, or all; ValueError with a sentence for a name that there is not."""
    known = [part.name for part in parts]
    unknown = [word for word in words if word not in known]
    if unknown:
        raise ValueError(
            f"ONLY is '{' '.join(words)}', and there is no part {', '.join(unknown)}: "
            f"give one or more of {', '.join(known)}."
        )
    return [part for part in parts if part.name in words or not words]


def startable(waiting: Sequence[Part], running: Collection[Part], places: int = PLACES) -> list[Part]:
    """Those of the waiting parts, in their order, that can begin while the others run."""
    chosen: list[Part] = []
    only_first = any(one.first for one in [*waiting, *running])
    for part in waiting:
        beside = [*running, *chosen]
        if (only_first and not part.first) or len(beside) >= places:
            continue
        if not _has_to_wait(part, [one for one in waiting if one != part], beside):
            chosen.append(part)
    return chosen


def _has_to_wait(part: Part, waiting: Sequence[Part], beside: Sequence[Part]) -> bool:
    """Whether its hosts are not made yet, or another part is busy with them."""
    if part.uses is None:
        return False
    made_by = [one for one in [*waiting, *beside] if one.leaves == part.uses]
    return bool(made_by) or any(one.uses == part.uses for one in beside)


def steps_before(part: Part, chosen: Sequence[Part]) -> tuple[Command, ...]:
    """What makes a part's shared hosts in a run in which no other part does, for the first that uses them."""
    if part.uses is None or any(one.leaves == part.uses for one in chosen):
        return ()
    users = [one for one in chosen if one.uses == part.uses]
    return part.uses.make if part == users[0] else ()


def steps_after(part: Part, left: Collection[Part]) -> tuple[Command, ...]:
    """What removes a part's shared hosts; `left` are the parts of the run that have not ended."""
    shared = part.uses or part.leaves
    if shared is None or any(shared in (one.uses, one.leaves) for one in left):
        return ()
    return shared.remove


def table(parts: Sequence[Part], taken: Mapping[str, int], failed: Collection[str], total: int) -> list[str]:
    """What each part took against its budget: information, and no reason to fail."""
    lines = [f"{'part':<20}{'budget':>8}{'taken':>8}"]
    for part in parts:
        seconds = taken.get(part.name)
        if seconds is None:
            lines.append(f"{part.name:<20}{part.budget:>8}{'-':>8}  not run")
            continue
        remark = ["FAILED"] * (part.name in failed) + ["over"] * (seconds > part.budget)
        lines.append(f"{part.name:<20}{part.budget:>8}{seconds:>8}  {', '.join(remark)}".rstrip())
    # Parts run side by side: the whole is less than their sum.
    if [part.name for part in parts] == [part.name for part in PARTS]:
        lines.append(f"{'all':<20}{BUDGET:>8}{total:>8}{'  over' if total > BUDGET else ''}")
    return lines
