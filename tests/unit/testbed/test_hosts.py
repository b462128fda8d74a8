"""What a test host is made from, and when another one has to make room."""

from __future__ import annotations

import dataclasses

import pytest
from testbed_lib import cli, hosts, images, keys, network
from testbed_lib.errors import USAGE, TestbedError
from testbed_lib.hosts import Existing
from testbed_lib.inventory import Host
from testbed_lib.settings import SUITES

RABBIT = Host("rabbit1", "bookworm", "10.61.13.11")


def existing(host: Host, state: str = "running", recipe: str | None = None) -> Existing:
    return Existing(host, recipe or hosts.fingerprint(host), state, created=0)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(images.Recipe)])
def test_every_part_of_a_recipe_is_in_its_tag(field: str) -> None:
    recipe = images.host_recipe("sid")
    other = "changed" if isinstance(getattr(recipe, field), str) else ("changed",)
    assert dataclasses.replace(recipe, **{field: other}).tag != recipe.tag


def test_the_same_recipe_has_the_same_tag() -> None:
    assert images.host_recipe("sid").tag == images.host_recipe("sid").tag
    assert len({images.host_recipe(suite).tag for suite in SUITES} | {images.cache_recipe().tag}) == 6


def test_a_stand_in_has_the_userland_of_a_debian_suite_and_its_own_package_manager() -> None:
    recipe, debian = images.host_recipe("el9"), images.host_recipe("trixie")
    assert (recipe.name, recipe.suite) == ("el9", "trixie")
    assert recipe.script.startswith(debian.script)
    assert recipe.script != debian.script
    assert {"dnf", "python3-dnf", "rpm"} <= set(recipe.packages)
    assert "python3-apt" not in recipe.packages


def test_hosts_hold_nothing_that_the_project_installs() -> None:
    for suite in SUITES:
        assert not {"rabbitmq-server", "erlang-base", "activemq", "default-jre"} & set(
            images.host_recipe(suite).packages
        )


@pytest.mark.parametrize("change", [{"suite": "sid"}, {"address": "10.61.13.12"}, {"name": "rabbit2"}])
def test_another_host_has_another_fingerprint(change: dict[str, str]) -> None:
    assert hosts.fingerprint(dataclasses.replace(RABBIT, **change)) != hosts.fingerprint(RABBIT)


@pytest.mark.parametrize("state", ["running", "exited", "created"])
def test_a_host_of_the_recipe_is_kept(state: str) -> None:
    assert hosts.replacement_reason(existing(RABBIT, state), RABBIT) is None


def test_other_hosts_are_made_anew_with_the_reason() -> None:
    outdated = existing(RABBIT, recipe="of yesterday")
    assert hosts.replacement_reason(outdated, RABBIT) == "its recipe has changed"
    for state in ("vanished", "stopping"):
        reason = hosts.replacement_reason(existing(RABBIT, state), RABBIT)
        assert reason == "its processes were ended from outside"


def test_hosts_of_other_inventories_are_not_overrun() -> None:
    same_address = existing(Host("bench1", "sid", RABBIT.address))
    same_name = existing(Host(RABBIT.name, "sid", "10.61.13.99"))
    with pytest.raises(TestbedError, match=r"host bench1 \(10\.61\.13\.11\) is there\..*down bench1"):
        hosts.refuse_conflicts([RABBIT], [same_address])
    with pytest.raises(TestbedError, match=r"host rabbit1 \(10\.61\.13\.99\) is there"):
        hosts.refuse_conflicts([RABBIT], [same_name])
    hosts.refuse_conflicts([RABBIT], [existing(RABBIT), existing(Host("bench1", "sid", "10.61.13.31"))])


def test_etc_hosts_names_every_neighbour_once() -> None:
    other = Host("rabbit2", "sid", "10.61.13.12")
    lines = hosts.etc_hosts(RABBIT, [other, RABBIT]).splitlines()
    assert lines[0] == "127.0.0.1 localhost"
    assert lines[2:] == ["10.61.13.11 rabbit1", "10.61.13.12 rabbit2"]


def test_the_mac_address_follows_from_the_address() -> None:
    assert network.mac_address("10.61.13.11") == "02:42:0a:3d:0d:0b"


def test_one_known_hosts_line_covers_the_subnet() -> None:
    assert keys.known_hosts("ssh-ed25519 AAAA brokerkit test host\n") == "10.61.13.* ssh-ed25519 AAAA\n"


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["up", "--wings"], ["status", "--format", "xml"], ["ssh"], ["up", "-i"]]
)
def test_wrong_usage_has_its_exit_code(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == USAGE
    assert "usage:" in capsys.readouterr().err


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(code in text for code in ("64", "69", "77"))
