"""One endpoints file for the brokers of every inventory: a run replaces its own entries and loses nobody else's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from brokers.inventory import endpoints
from probes import endpoints as prober
from probes.model import Broker, Refusal
from probes.report.formats import Run, to_nagios
from role_files import ROOT
from testbed_lib.endpoints import forget

NOW = "2026-11-24T19:00:00Z"
A, B = "inventory/a", "inventory/b"


def entry(name: str, inventory: str | None = A, **changes: Any) -> dict[str, Any]:
    host = f"10.0.0.{sum(name.encode()) % 250}"
    found = {
        "name": name,
        "kind": "rabbitmq",
        "host": host,
        "vhost": "/",
        "user": "smoke",
        "password": "geheim",
    }
    return {
        **found,
        "amqp": {"port": 5672},
        "inventory": inventory,
        "written": "2026-11-01T00:00:00Z",
        **changes,
    }


def merge(present: list[dict[str, Any]], wanted: list[dict[str, Any]], inventory: str, *gone: str) -> Any:
    return endpoints.merge(present, wanted, inventory, lambda name: name in gone, NOW)


def names(brokers: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["name"], one["inventory"]) for one in brokers]


def test_the_run_of_another_inventory_drops_nobody() -> None:
    brokers, left = merge([entry("a1"), entry("a2")], [entry("b1", B)], B)
    assert names(brokers) == [("a1", A), ("a2", A), ("b1", B)] and left == []
    assert brokers[0] == entry("a1"), "as they were"
    assert brokers[2]["written"] == NOW


def test_a_host_that_left_its_inventory_leaves_the_file() -> None:
    brokers, left = merge([entry("a1"), entry("a2"), entry("b1", B)], [entry("a1")], A)
    assert names(brokers) == [("a1", A), ("b1", B)] and left == []


def test_nothing_changes_in_a_second_run() -> None:
    present = [entry("a1"), entry("b1", B)]
    assert merge(present, [entry("a1", None)], A) == (present, [])


def test_an_entry_that_differs_is_of_now() -> None:
    (broker,), _ = merge([entry("a1")], [entry("a1", password="neu")], A)
    assert (broker["password"], broker["written"]) == ("neu", NOW)


def test_an_inventory_that_is_gone_goes_and_is_named() -> None:
    brokers, left = merge([entry("a1"), entry("b1", B), entry("old", None)], [entry("a1")], A, B)
    assert names(brokers) == [("a1", A)]
    assert left == ["b1 of inventory/b", "old of no inventory"]


def test_an_inventory_that_was_renamed_takes_its_brokers_along() -> None:
    brokers, left = merge([entry("a1")], [entry("a1")], B, A)
    assert names(brokers) == [("a1", B)] and left == []


def test_a_broker_of_two_inventories_has_one_entry() -> None:
    assert names(merge([entry("a1")], [entry("a1")], B)[0]) == [("a1", A)], "both say the same: it stays"
    assert names(merge([entry("a1")], [entry("a1", password="neu")], B)[0]) == [("a1", B)]
    two, _ = merge([entry("a1")], [entry("a1", host="10.9.9.9")], B)
    assert names(two) == [("a1", A), ("a1", B)], "two brokers of one name"


@pytest.mark.parametrize(
    ("sources", "name"),
    [
        (["{project}/inventory/prod"], "inventory/prod"),
        (["{project}/inventory/prod/"], "inventory/prod"),
        (["{project}/inventory/prod/hosts.yml"], "inventory/prod"),
        (["{project}/inventory/prod.yml"], "inventory/prod.yml"),
        (["/srv/inventory"], "/srv/inventory"),
        (["{project}/inventory/prod", "/srv/more"], "inventory/prod, /srv/more"),
        (["mq1, mq2,"], "mq1,mq2,"),
    ],
)
def test_an_inventory_is_called_by_its_path(tmp_path: Path, sources: list[str], name: str) -> None:
    project = str(tmp_path)
    assert endpoints.inventory_name([one.format(project=project) for one in sources], project) == name


def test_an_inventory_is_gone_when_its_path_is(tmp_path: Path) -> None:
    (tmp_path / "prod").mkdir()
    assert not endpoints.is_gone("prod", str(tmp_path)) and not endpoints.is_gone("mq1,mq2,", str(tmp_path))
    assert endpoints.is_gone("lab", str(tmp_path)) and endpoints.is_gone("prod, lab", str(tmp_path))


def test_runs_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"

    def add(number: int) -> None:
        endpoints.update(str(path), lambda now: [*now, {"name": str(number)}])

    threads = [threading.Thread(target=add, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(endpoints.read(path.read_text())) == 20
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["endpoints.json"], "no lock and no draft is left over"


def test_the_directory_is_made_where_that_alone_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "artifacts" / "endpoints.json"
    assert endpoints.update(str(path), lambda now: [{"name": "a1"}], check=True) and not path.parent.exists()
    assert endpoints.update(str(path), lambda now: [{"name": "a1"}]) and path.exists()
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(FileNotFoundError):
        endpoints.update(str(tmp_path / "no" / "such" / "endpoints.json"), lambda now: now)


@pytest.mark.parametrize(
    ("playbooks", "wanted"),
    [
        ("/srv/checkout/playbooks", "/srv/checkout"),
        ("/root/.ansible/collections/ansible_collections/brokerkit/brokers/playbooks", "/srv/mine"),
    ],
)
def test_files_of_a_run_go_to_the_checkout_or_to_where_the_run_is(playbooks: str, wanted: str) -> None:
    assert endpoints.project(playbooks, "/srv/mine") == wanted


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": 2, "brokers": [{}]}', '{"schema": 1, "brokers": {}}']
)
def test_what_is_no_endpoints_file_is_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "endpoints.json"
    path.write_text(text)
    assert (
        endpoints.update(str(path), lambda now: [*now, {"name": "a1"}], check=True)
        and path.read_text() == text
    )
    assert endpoints.update(str(path), lambda now: [*now, {"name": "a1"}])
    assert endpoints.read(path.read_text()) == [{"name": "a1"}]


def test_test_hosts_that_are_removed_leave_the_file(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"
    forget(["10.0.0.1"], path)
    path.write_text("not ours")
    forget(["10.0.0.1"], path)
    assert path.read_text() == "not ours"
    endpoints.update(str(path), lambda _: [entry("a1", host="10.0.0.1"), entry("b1", B)])
    forget(["10.0.0.1"], path)
    assert names(endpoints.read(path.read_text())) == [("b1", B)]


# --- what the prober makes of it ----------------------------------------------------------------------------


def broker(name: str, inventory: str | None) -> Broker:
    return Broker(name, "rabbitmq", "10.0.0.1", "u", "p", inventory=inventory, written=NOW)


BROKERS = [broker("a1", A), broker("a2", A), broker("b1", B)]


@pytest.mark.parametrize(
    ("inventories", "chosen", "expected"),
    [
        ([], [], ["a1", "a2", "b1"]),
        ([A], [], ["a1", "a2"]),
        (["a"], [], ["a1", "a2"]),
        (["inventory/b/"], [], ["b1"]),
        ([str(ROOT / "inventory/b/hosts.yml")], [], ["b1"]),
        ([A, B], ["a2", "b1"], ["a2", "b1"]),
    ],
)
def test_brokers_are_chosen_by_inventory_and_name(
    inventories: list[str], chosen: list[str], expected: list[str]
) -> None:
    assert [one.name for one in prober.select(BROKERS, inventories, chosen)] == expected


def test_a_choice_that_fits_nothing_names_what_there_is() -> None:
    with pytest.raises(
        Refusal, match="it holds brokers of inventory/a, inventory/b; run `ansible-playbook -i x"
    ):
        prober.select(BROKERS, ["x"], [])
    with pytest.raises(Refusal, match="--broker b1: there is no broker of that name; there are a1, a2"):
        prober.select(BROKERS, [A], ["b1"])


def test_a_run_says_what_it_covers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(prober, "PROJECT", tmp_path)
    (tmp_path / A).mkdir(parents=True)
    covers, gone = Run(BROKERS, [], 1.0).covers()
    assert covers == (
        "Brokers of inventory/a (a1, a2, unchanged since 2026-11-24 19:00 UTC) and "
        "inventory/b (b1, unchanged since 2026-11-24 19:00 UTC)."
    )
    assert gone.startswith("inventory/b is no longer there: b1 is probed all the same")
    assert "on 3 brokers of inventory/a and inventory/b" in Run(BROKERS, [], 1.0).summary()
    assert Run([broker("h", None)], [], 1.0).covers() == []
    assert (
        to_nagios(Run(BROKERS, [], 1.0))[0].partition(" | ")[0].endswith("; inventory/b is no longer there")
    )


def test_a_monitoring_host_without_the_inventories_is_not_told_that_they_are_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(prober, "PROJECT", tmp_path)
    _, unknown = Run(BROKERS, [], 1.0).covers()
    assert unknown.startswith("No inventory of them is on this machine")
    assert "no longer" not in to_nagios(Run(BROKERS, [], 1.0))[0]


# --- as an operator runs it ---------------------------------------------------------------------------------


def inventory(directory: Path, *hosts: str) -> Path:
    directory.mkdir(exist_ok=True)
    variables = {
        "ansible_connection": "local",
        "endpoints_file": str(directory.parent / "endpoints.json"),
        "endpoint_user": "smoke",
        "endpoint_password": "geheim-4711",
        "activemq_admin_password": "Zx81kq-only-here",
        "activemq_users": [{"name": "smoke", "password": "geheim-4711", "groups": ["smoke"]}],
    }
    group = {
        # All of them are this machine, so that each needs a port of its own.
        "hosts": {
            name: {"activemq_connectors": [{"protocol": "stomp", "port": 61000 + int(name[2:])}]}
            for name in hosts
        },
        "vars": variables,
    }
    (directory / "hosts.json").write_text(json.dumps({"activemq": group}))
    return directory


def play(where: Path) -> subprocess.Popen[str]:
    command = [
        Path(sys.executable).with_name("ansible-playbook"),
        "-i",
        where,
        "site.yml",
        "--tags",
        "endpoints",
    ]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )


def test_site_yml_of_two_inventories_at_once_leaves_the_brokers_of_both(tmp_path: Path) -> None:
    a, b = inventory(tmp_path / "a", "mq1", "mq2"), inventory(tmp_path / "b", "mq3")
    for run in [play(a), play(b)]:
        output, _ = run.communicate(timeout=240)
        assert run.returncode == 0, output
        assert "geheim-4711" not in output
    path = tmp_path / "endpoints.json"
    assert [(one.name, one.inventory) for one in prober.load(path)] == [
        ("mq1", str(a)),
        ("mq2", str(a)),
        ("mq3", str(b)),
    ]
    run = play(inventory(a, "mq1"))
    output, _ = run.communicate(timeout=240)
    assert run.returncode == 0, output
    assert [one.name for one in prober.load(path)] == ["mq1", "mq3"]
