"""The lookup role_settings: typed values, worked out once for the variables of a task, and anew in a loop."""

from __future__ import annotations

from typing import Any

import pytest
from role_files import ROOT, defaults
from templating import DataLoader, Templar, trust_as_template

from ansible.plugins.loader import lookup_loader  # isort: skip - after Ansible's own loader

PATH = str(ROOT / "roles/haproxy")


@pytest.fixture
def variables() -> dict[str, Any]:
    """Variables of a task, one of which depends on another."""
    port = trust_as_template("{{ given }}")
    return {**defaults("haproxy"), "haproxy_address": "10.0.0.5", "haproxy_amqp_port": port, "given": "5673"}


def settings(variables: dict[str, Any]) -> dict[str, Any]:
    """What the lookup says of the role's settings."""
    loader = DataLoader()
    templar = Templar(loader, variables=variables)
    lookup = lookup_loader.get("brokerkit.brokers.role_settings", loader=loader, templar=templar)
    return dict(lookup.run([PATH], variables)[0])


def test_values_are_worked_out_and_are_of_their_types(variables):
    found = settings(variables)
    assert found["haproxy_amqp_port"] == 5673
    assert found["haproxy_take_over"] is False
    assert set(found) == set(defaults("haproxy"))


def test_other_variables_are_another_answer(variables):
    assert settings(variables)["haproxy_amqp_port"] == 5673
    assert settings({**variables, "given": "5674"})["haproxy_amqp_port"] == 5674


def test_in_a_loop_each_turn_has_its_own_answer(variables):
    variables["ansible_loop_var"] = "item"
    assert settings(variables)["haproxy_amqp_port"] == 5673
    variables["given"] = "5674"
    assert settings(variables)["haproxy_amqp_port"] == 5674
