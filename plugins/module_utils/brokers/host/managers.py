"""The package managers' names, and what an operator types with each; packages.py speaks to them."""

from __future__ import annotations

from collections.abc import Mapping

# Shows what the repositories hold of RabbitMQ and Erlang.
LOOK: Mapping[str, str] = {
    "apt": "`apt-cache policy rabbitmq-server erlang-base`",
    "dnf": "`dnf --enablerepo='brokerkit-*' --showduplicates list rabbitmq-server erlang`",
}
# Shows what an installation would do.
TRY: Mapping[str, str] = {
    "apt": "`apt-get --simulate install rabbitmq-server`",
    "dnf": "`dnf --enablerepo='brokerkit-*' --assumeno install rabbitmq-server`",
}
