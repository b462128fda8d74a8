"""Which brokers are meant: the members of one cluster, or one broker."""

from __future__ import annotations

from collections.abc import Sequence

from probes.model import Broker, Endpoint, ExitCode, Refusal


def members(brokers: Sequence[Broker], names: Sequence[str]) -> list[Broker]:
    """Return the brokers that a soak goes to: those named, with the members of their cluster.

    `brokers` are those of the endpoints file that were not left out by --inventory, all of `names` are among them.
    Raises Refusal where it is not clear which is meant, or where they cannot be one broker.
    """
    rabbits = [one for one in brokers if one.kind == "rabbitmq"]
    for one in brokers:
        if one.name in names and one not in rabbits:
            raise Refusal(
                ExitCode.USAGE, f"--broker {one.name} is an ActiveMQ broker: soak.py speaks to RabbitMQ only."
            )
    if not rabbits:
        raise Refusal(ExitCode.USAGE, "The endpoints file has no RabbitMQ broker: soak.py needs one.")
    chosen = [one for one in rabbits if one.name in names] or _only(rabbits)
    clusters = {name for one in chosen if (name := one.cluster) is not None}
    if len(clusters) > 1:
        raise Refusal(
            ExitCode.USAGE,
            f"--broker names members of several clusters, {', '.join(sorted(clusters))}: a soak is of one.",
        )
    if clusters and len(chosen) == 1:
        chosen = [one for one in rabbits if one.cluster in clusters]
    first = chosen[0]
    for one in chosen[1:]:
        if (one.user, one.password, one.vhost) != (first.user, first.password, first.vhost):
            raise Refusal(
                ExitCode.USAGE,
                f"{first.name} and {one.name} have different users or vhosts in the endpoints file, so they are not "
                "members of one cluster: name one of them, or the members of one cluster.",
            )
    return chosen


def _only(rabbits: Sequence[Broker]) -> list[Broker]:
    """Return the one that is meant where none was named."""
    clusters = {one.cluster for one in rabbits}
    if len(rabbits) == 1 or (len(clusters) == 1 and None not in clusters):
        return list(rabbits)
    there = ", ".join(one.name for one in rabbits)
    raise Refusal(
        ExitCode.USAGE,
        f"The endpoints file has several brokers ({there}), and a soak is of one: name it with --broker, or the "
        "members of one cluster with one --broker each.",
    )


def endpoints(chosen: Sequence[Broker], protocol: str) -> tuple[Endpoint, ...]:
    """Return where the members speak `protocol`. Raises Refusal for one that does not, as far as is known."""
    for one in chosen:
        if protocol not in one.endpoints:
            raise Refusal(
                ExitCode.USAGE,
                f"{one.name} has no listener for {protocol} in the endpoints file: soak another member, or choose "
                "another --protocol.",
            )
    return tuple(one.endpoints[protocol] for one in chosen)
