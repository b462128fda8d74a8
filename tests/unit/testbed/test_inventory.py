"""Which test hosts an inventory asks for, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from testbed_lib.errors import USAGE, TestbedError
from testbed_lib.inventory import Host, hosts_of, refuse_shared_addresses, select

RABBIT = Host("rabbit1", "bookworm", "10.61.13.11")


def listing(**hostvars: dict[str, Any]) -> dict[str, Any]:
    """What ansible-inventory --list prints for these hosts."""
    return {"_meta": {"hostvars": hostvars}, "all": {"children": ["ungrouped"]}}


def variables(**changes: Any) -> dict[str, Any]:
    return {"ansible_host": "10.61.13.11", "testbed_suite": "bookworm", "ansible_user": "ops", **changes}


def test_a_host_with_a_suite_becomes_a_specification() -> None:
    assert hosts_of(listing(rabbit1=variables()), "x") == [RABBIT]


def test_hosts_without_a_suite_are_left_alone() -> None:
    found = hosts_of(listing(rabbit1=variables(), production={"ansible_host": "192.0.2.7"}), "x")
    assert found == [RABBIT]


def test_an_inventory_without_test_hosts_is_refused() -> None:
    with pytest.raises(TestbedError, match=r"x has no host for the test bed: set testbed_suite") as failure:
        hosts_of(listing(production={"ansible_host": "192.0.2.7"}), "x")
    assert failure.value.code == USAGE


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"testbed_suite": "buster"}, r"testbed_suite is 'buster'; it must be one of bullseye, bookworm"),
        (
            {"ansible_host": "192.0.2.7"},
            r"'192\.0\.2\.7'; a test host needs a plain address of 10\.61\.13\.0/24",
        ),
        ({"ansible_host": "rabbit1.example"}, r"'rabbit1\.example'; a test host needs a plain address"),
        ({"ansible_host": "{{ address }}"}, r"a test host needs a plain address"),
        ({"ansible_host": "10.61.13.1"}, r"other than 10\.61\.13\.1 \(the bridge\)"),
        ({"ansible_host": "10.61.13.2"}, r"10\.61\.13\.2 \(the package cache\)"),
        ({"ansible_host": "10.61.13.0"}, r"a test host needs a plain address"),
        ({"ansible_host": "10.61.13.255"}, r"a test host needs a plain address"),
    ],
)
def test_unfit_hosts_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TestbedError, match=words) as failure:
        hosts_of(listing(rabbit1=variables(**changes)), "x")
    assert failure.value.code == USAGE
    assert "inventory x, host rabbit1" in str(failure.value)


def test_a_missing_address_is_refused() -> None:
    with pytest.raises(TestbedError, match="ansible_host is ''"):
        hosts_of(listing(rabbit1={"testbed_suite": "sid"}), "x")


@pytest.mark.parametrize("name", ["Rabbit1", "rabbit_1", "rabbit.example", "-rabbit", "r" * 64])
def test_names_that_cannot_be_hostnames_are_refused(name: str) -> None:
    with pytest.raises(TestbedError, match="use small letters, digits and hyphens"):
        hosts_of(listing(**{name: variables()}), "x")


def test_one_address_for_two_hosts_is_refused() -> None:
    twin = Host("rabbit2", "sid", RABBIT.address)
    with pytest.raises(TestbedError, match=r"rabbit1 and rabbit2 both have ansible_host 10\.61\.13\.11"):
        refuse_shared_addresses([RABBIT, twin])
    refuse_shared_addresses([RABBIT, Host("rabbit2", "sid", "10.61.13.12")])


def test_selecting_by_name() -> None:
    other = Host("rabbit2", "sid", "10.61.13.12")
    assert select([RABBIT, other], []) == [RABBIT, other]
    assert select([RABBIT, other], ["rabbit2"]) == [other]
    with pytest.raises(TestbedError, match=r"no test host rabbit3; it has rabbit1, rabbit2"):
        select([RABBIT, other], ["rabbit3"])
