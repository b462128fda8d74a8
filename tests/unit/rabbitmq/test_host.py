"""What a host forbids, and what a change of files asks of a running node."""

from __future__ import annotations

import pytest
from brokers.rabbitmq.on_host import (
    cookie_refusals,
    cut_off_refusals,
    host_refusals,
    install_refusals,
    restart_reasons,
    version_refusals,
)
from rabbitmq_node import node
from templating import Role

EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared with, not bound to
HTTPD = {"address": "10.0.0.5", "port": 61613, "pid": 812, "process": "java"}


def host(**facts):
    """A bare host as broker_host_facts reports it, and what a test says of it."""
    bare = {
        "hostname": "broker-1",
        "uid": 0,
        "listeners": [],
        "foreign": [],
        "places": {},
        "addresses": {"broker-1": ["10.0.0.5"]},
        "files": [],
        "packages": {},
        "unit": unit(),
    }
    return {**bare, **facts}


def unit(**fields):
    """A unit that does not run, and what a test says of it."""
    stopped = {
        "load_state": "loaded",
        "active_state": "inactive",
        "main_pid": 0,
        "process_state": "",
        "mask": "",
    }
    return {**stopped, **fields}


def listener(**fields):
    return {**HTTPD, **fields}


def test_a_bare_host_forbids_nothing():
    assert host_refusals(node(), host()) == []


def test_without_root_nothing_else_is_looked_at():
    (sentence,) = host_refusals(node(), host(uid=1000, listeners=[HTTPD]))
    assert sentence.startswith("ansible_become: the tasks run as uid 1000 on broker-1")


# --- ports held by others ----------------------------------------------------------------------


def test_a_port_that_another_process_holds_is_refused_with_its_holder():
    (sentence,) = host_refusals(node(), host(listeners=[HTTPD]))
    assert sentence.startswith("rabbitmq_stomp_port: 61613 is held by 'java' (pid 812) on broker-1; ")
    assert "stop it or choose another port" in sentence


def test_a_holder_that_cannot_be_seen_is_refused_as_well():
    (sentence,) = host_refusals(node(), host(listeners=[listener(pid=None, process=None)]))
    assert "held by a process that this user cannot see" in sentence


@pytest.mark.parametrize("process", ["beam.smp", "epmd", "systemd"])
def test_the_brokers_own_processes_hold_its_ports_by_right(process):
    ports = (5672, 15672, 61613, 4369, 25672)
    held = [listener(port=port, process=process, address="::") for port in ports]
    assert host_refusals(node(), host(listeners=held)) == []


@pytest.mark.parametrize(
    ("wanted", "held", "clash"),
    [
        ("", "10.0.0.5", True),
        ("", "::", True),
        ("10.0.0.5", "0.0.0.0", True),  # noqa: S104
        ("10.0.0.5", "::", True),
        ("10.0.0.5", "10.0.0.5", True),
        ("10.0.0.5", "127.0.0.1", False),
    ],
)
def test_only_addresses_that_overlap_clash(wanted, held, clash):
    said = host_refusals(node(stomp_address=wanted), host(listeners=[listener(address=held)]))
    assert bool(said) is clash


def test_the_port_of_a_plugin_that_is_off_may_be_held():
    assert host_refusals(node(plugins=["rabbitmq_management"]), host(listeners=[HTTPD])) == []


def test_a_port_is_named_once_however_many_sockets_hold_it():
    held = [HTTPD, listener(address="::"), listener(address="127.0.0.1")]
    assert len(host_refusals(node(), host(listeners=held))) == 1


@pytest.mark.parametrize("what", ["amqp", "stomp", "management"])
def test_an_address_that_is_not_the_hosts_is_refused(what):
    settings = node(**{f"{what}_address": "10.9.8.7"})
    assert host_refusals(settings, host()) == []
    (sentence,) = host_refusals(settings, host(foreign=["10.9.8.7"]))
    assert sentence.startswith(f"rabbitmq_{what}_address: 10.9.8.7 is not an address of broker-1")


# --- names -------------------------------------------------------------------------------------


def test_a_host_name_that_does_not_resolve_is_refused_where_others_have_to_reach_the_node():
    (sentence,) = host_refusals(node(distribution_address=""), host(addresses={"broker-1": []}))
    assert "'broker-1' of node rabbit@broker-1 does not resolve on broker-1, epmd would time out" in sentence
    assert "rabbitmq_hosts_entries to {broker-1: ADDRESS}" in sentence


def test_a_node_of_its_own_needs_no_name_that_resolves():
    assert host_refusals(node(), host(addresses={"broker-1": []})) == []
    # Erlang is told that it leads to the address that the node listens on.
    assert host_refusals(node(), host(addresses={"broker-1": ["10.0.0.5", "fd00::5"]})) == []


@pytest.mark.parametrize("settings", [{}, {"distribution_address": EVERYWHERE}])
def test_the_name_that_counts_is_that_of_the_node(settings):
    addresses = {"broker-1": ["10.0.0.5"], "other": []}
    (sentence,) = host_refusals(node(node_name="rabbit@other", **settings), host(addresses=addresses))
    assert "'other' of node rabbit@other does not resolve" in sentence
    assert "rabbitmq_hosts_entries to {other: " in sentence


def test_a_name_that_the_role_will_pin_need_not_resolve_yet():
    settings = node(hosts_entries={"broker-1": "10.0.0.5"})
    assert host_refusals(settings, host(addresses={"broker-1": []})) == []


def test_a_distribution_address_that_the_name_does_not_lead_to_is_refused():
    (sentence,) = host_refusals(node(distribution_address="10.0.0.6", epmd_address=""), host())
    assert sentence.startswith(
        "rabbitmq_distribution_address: 10.0.0.6 is not what 'broker-1' resolves to (10.0.0.5)"
    )


@pytest.mark.parametrize("address", ["10.0.0.5", "", EVERYWHERE])
def test_a_distribution_address_that_the_name_leads_to_is_right(address):
    assert host_refusals(node(distribution_address=address, epmd_address=address), host()) == []


def test_a_node_that_is_reached_and_not_found_is_refused():
    (sentence,) = host_refusals(node(distribution_address=""), host())
    assert sentence.startswith(
        "rabbitmq_epmd_address: 127.0.0.1 is not what 'broker-1' resolves to (10.0.0.5)"
    )
    here = host(addresses={"broker-1": ["127.0.0.1"]})
    assert host_refusals(node(distribution_address=""), here) == []


MEMBERS = pytest.mark.parametrize(
    "said",
    [
        '{"disk_nodes": ["rabbit@broker-1", "rabbit@broker-2"], "running_nodes": ["rabbit@broker-1"]}',
        '{"disk_nodes": ["rabbit@broker-1"], "ram_nodes": ["rabbit@broker-2"]}',
        "{['rabbit@broker-1','rabbit@broker-2'],['rabbit@broker-1']}.\n",
    ],
)


@MEMBERS
def test_a_member_of_a_cluster_does_not_begin_to_speak_tls_on_its_own(said):
    (sentence,) = cut_off_refusals(said, "rabbit@broker-1", switches=True)
    assert sentence.startswith(
        "rabbitmq_tls_inter_node: rabbit@broker-1 is in a cluster with rabbit@broker-2"
    )
    assert "playbooks/rabbitmq_full_stop.yml" in sentence


@MEMBERS
def test_a_member_of_a_cluster_is_not_cut_off(said):
    (sentence,) = cut_off_refusals(said, "rabbit@broker-1")
    assert sentence.startswith(
        "rabbitmq_distribution_address: rabbit@broker-1 is in a cluster with rabbit@broker-2"
    )
    assert "rabbitmq_epmd_address" in sentence and "both to ''" in sentence


@MEMBERS
def test_a_member_of_a_cluster_does_not_get_another_cookie_on_its_own(said):
    (sentence,) = cookie_refusals(said, "rabbit@broker-1")
    assert sentence.startswith("rabbitmq_erlang_cookie: is not the one that rabbit@broker-1 runs with")
    assert "has rabbit@broker-2 as well" in sentence and "playbooks/rabbitmq_full_stop.yml" in sentence


def test_members_by_the_inventory_count_where_the_node_cannot_name_them():
    (sentence,) = cookie_refusals("", "rabbit@a", ["rabbit@c", "rabbit@a", "rabbit@b"])
    assert "has rabbit@b, rabbit@c as well" in sentence
    assert cookie_refusals("", "rabbit@a", ["rabbit@a"]) == []
    assert cookie_refusals("", "rabbit@a") == []


@pytest.mark.parametrize(
    "said",
    [
        '{"disk_nodes": ["rabbit@broker-1"], "ram_nodes": [], "running_nodes": []}',
        "{['rabbit@broker-1'],['rabbit@broker-1']}.\n",
        "",  # nobody could say
    ],
)
def test_a_node_without_others_may_be_its_hosts_alone(said):
    assert cut_off_refusals(said, "rabbit@broker-1") == []


# --- data -----------------------------------------------------------------------------------------------


def data(*names):
    return host(
        files=[
            "/etc/rabbitmq/start.env",
            *(f"/var/lib/rabbitmq/mnesia/{name}" for name in names),
        ]
    )


OWN_DATA = (
    "rabbit@broker-1",
    "rabbit@broker-1-feature_flags",
    "rabbit@broker-1-plugins-expand",
    "rabbit@broker-1.pid",
)


def test_a_node_finds_its_own_data():
    assert host_refusals(node(), data(*OWN_DATA)) == []
    assert host_refusals(node(node_name="rabbit@broker-1"), data(*OWN_DATA, "old@broker-1")) == []


def test_a_node_of_another_name_would_start_empty():
    addresses = {"broker-1": ["10.0.0.5"], "warren": ["10.0.0.5"]}
    facts = {**data(*OWN_DATA), "addresses": addresses}
    (sentence,) = host_refusals(node(node_name="hare@warren"), facts)
    assert sentence.startswith(
        "rabbitmq_node_name: broker-1 holds the data of rabbit@broker-1, and hare@warren would start without it; "
        "set rabbitmq_node_name to rabbit@broker-1, or move /var/lib/rabbitmq/mnesia/rabbit@broker-1 away"
    )


def test_a_host_that_was_renamed_is_told_so():
    (sentence,) = host_refusals(node(), data("rabbit@old-name", "rabbit@old-name.pid"))
    assert "set rabbitmq_node_name to rabbit@old-name" in sentence


# --- a unit that somebody has taken in hand ----------------------------------------------------


LINK = "/etc/systemd/system/rabbitmq-server.service"
BOOTED = [f"/var/lib/rabbitmq/mnesia/{name}" for name in OWN_DATA]


def test_a_mask_on_a_node_that_has_booted_is_an_operators_word():
    masked = host(files=BOOTED, unit=unit(mask=LINK))
    (sentence,) = host_refusals(node(), masked)
    assert sentence.startswith(
        "rabbitmq_service_state: 'started' is wanted, but an operator has masked rabbitmq-server.service on broker-1 "
        f"({LINK}); "
    )
    assert "`systemctl unmask rabbitmq-server.service`" in sentence
    assert host_refusals(node(service_state="stopped"), masked) == []


def test_a_mask_until_the_next_reboot_is_taken_away_in_another_way():
    masked = host(files=BOOTED, unit=unit(mask="/run/systemd/system/rabbitmq-server.service"))
    assert "`systemctl unmask --runtime rabbitmq-server.service`" in host_refusals(node(), masked)[0]


@pytest.mark.parametrize("files", [[], [*BOOTED, "/etc/rabbitmq/start.env"]])
def test_the_mask_of_a_first_run_that_was_interrupted_heals(files):
    assert host_refusals(node(), host(files=files, unit=unit(mask=LINK))) == []


def test_the_roles_own_mask_is_no_link():
    assert host_refusals(node(), host(files=BOOTED, unit=unit(load_state="masked"))) == []


def test_a_node_that_is_sigstopped_is_said_to_be():
    (sentence,) = host_refusals(node(), host(unit=unit(main_pid=7, active_state="active", process_state="T")))
    assert sentence == (
        "broker-1: the broker's process 7 is stopped (state T in /proc/7/stat, as SIGSTOP leaves it) and answers "
        "nobody; resume it with `kill -CONT 7` there, and run the play again"
    )


def test_a_unit_that_was_only_stopped_is_no_refusal():
    assert host_refusals(node(), host(files=BOOTED, unit=unit(active_state="inactive"))) == []


# --- versions ----------------------------------------------------------------------------------


def test_an_upgrade_is_not_done_in_passing():
    (sentence,) = host_refusals(node(version="4.0"), host(packages={"rabbitmq-server": "3.10.8-1.1+deb12u1"}))
    assert sentence.startswith("rabbitmq_version: broker-1 runs RabbitMQ 3.10.8 and 4.0 is wanted")


@pytest.mark.parametrize("version", ["", "3", "3.10", "3.10.8"])
def test_the_version_that_runs_is_accepted(version):
    assert host_refusals(node(version=version), host(packages={"rabbitmq-server": "3.10.8-1.1"})) == []


@pytest.mark.parametrize("name", ["mnesia_dump_log_write_threshold", "mnesia_dc_dump_limit"])
def test_mnesias_thresholds_are_refused_where_mnesia_is_gone(name):
    settings = node(**{name: 50000})
    assert version_refusals(settings, "4.2.9") == []
    (sentence,) = version_refusals(settings, "4.3.0")
    assert sentence.startswith(
        f"rabbitmq_{name}: RabbitMQ 4.3.0 keeps its metadata in Khepri and has no Mnesia"
    )


def test_a_default_queue_type_is_refused_before_it_exists():
    settings = node(default_queue_type="quorum")
    assert version_refusals(settings, "3.13.0") == []
    (sentence,) = version_refusals(settings, "3.12.14")
    assert sentence.startswith("rabbitmq_default_queue_type: RabbitMQ 3.12.14 has no such setting")


def test_the_installed_version_is_held_against_the_settings():
    settings = node(mnesia_dc_dump_limit=40)
    (sentence,) = host_refusals(settings, host(packages={"rabbitmq-server": "4.3.6-1"}))
    assert "RabbitMQ 4.3.6" in sentence


# --- installation ------------------------------------------------------------------------------


def plan(error=None, **packages):
    return {"hostname": "broker-1", "manager": "apt", "plan": {"packages": packages, "error": error}}


def candidate(version):
    return plan(**{"rabbitmq-server": version})


def test_what_apt_would_install_is_accepted():
    assert install_refusals(node(version="3.10"), candidate("3.10.8-1.1+deb12u1")) == []
    assert install_refusals(node(), candidate("4.3.6-1")) == []


def test_what_apt_says_is_passed_on():
    (sentence,) = install_refusals(node(version="3.13"), plan(error="Version '3.13*' was not found"))
    assert sentence.startswith(
        "rabbitmq_version: apt cannot install rabbitmq-server 3.13 on broker-1: Version '3.13*' was not"
    )


def test_another_version_than_the_one_wanted_is_refused():
    (sentence,) = install_refusals(node(version="4.0"), candidate("3.10.8-1.1"))
    assert sentence.startswith("rabbitmq_version: 4.0 is wanted and the repositories of broker-1 hold 3.10.8")


def test_the_candidate_is_held_against_the_settings_before_it_is_installed():
    (sentence,) = install_refusals(node(mnesia_dc_dump_limit=40), candidate("4.3.6-1"))
    assert sentence.startswith("rabbitmq_mnesia_dc_dump_limit: RabbitMQ 4.3.6")


# --- restarts ----------------------------------------------------------------------------------

CONF = "/etc/rabbitmq/rabbitmq.conf"


@pytest.fixture(scope="module")
def online():
    """The patterns of keys that the role applies to a running node."""
    return [item["keys"] for item in Role("rabbitmq", **node()).variable("__rabbitmq_online")]


@pytest.mark.parametrize(
    ("pending", "reasons"),
    [
        ({}, []),
        ({"/etc/rabbitmq/enabled_plugins": []}, []),
        ({CONF: ["log.file.level"]}, []),
        ({CONF: ["vm_memory_high_watermark.relative", "vm_memory_high_watermark.absolute"]}, []),
        ({CONF: ["disk_free_limit.absolute"], "/etc/rabbitmq/enabled_plugins": []}, []),
        ({CONF: ["heartbeat"]}, [f"{CONF}: heartbeat"]),
        (
            {CONF: ["disk_free_limit.absolute", "heartbeat", "listeners.tcp.default"]},
            [f"{CONF}: heartbeat, listeners.tcp.default"],
        ),
        ({CONF: []}, [CONF]),
        ({CONF: ["log.file.level_of_something"]}, [f"{CONF}: log.file.level_of_something"]),
        ({"/etc/rabbitmq/rabbitmq-env.conf": ["NODENAME"]}, ["/etc/rabbitmq/rabbitmq-env.conf"]),
        ({"/etc/rabbitmq/advanced.config": []}, ["/etc/rabbitmq/advanced.config"]),
        ({"/var/lib/rabbitmq/.erlang.cookie": []}, ["/var/lib/rabbitmq/.erlang.cookie"]),
    ],
)
def test_a_restart_is_owed_for_what_a_running_node_cannot_take(pending, reasons, online):
    assert restart_reasons(pending, online) == reasons
