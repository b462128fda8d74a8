"""The members of a cluster by the inventory, what rules them out, and their settings in both formats."""

from __future__ import annotations

import pytest
from brokers.rabbitmq import cluster, configuration
from brokers.rabbitmq.on_host import restart_reasons
from rabbitmq_node import node

GROUPS = {"rabbitmq": ["mq1", "mq2", "mq3", "alone"]}


def inventory(**changes):
    """Three members of `prod` and a host of its own; `changes` are laid over a host's variables."""
    found = {
        f"mq{number}": {"rabbitmq_cluster_name": "prod", "ansible_host": f"10.0.0.{number}"}
        for number in (1, 2, 3)
    }
    found["alone"] = {"ansible_host": "10.0.0.9"}
    return {host: {**variables, **changes.get(host, {})} for host, variables in found.items()}


def members(**changes):
    return cluster.members(inventory(**changes), GROUPS, "prod")


def member(**settings):
    """The settings of a member, as the defaults make them."""
    own = dict.fromkeys(("cluster_address", "distribution_address", "epmd_address"), "10.0.0.1")
    return node(**{"cluster_name": "prod", **own, **settings})


def refused(found=None, **settings):
    return cluster.refusals(member(**settings), members() if found is None else found, "mq1")


def test_hosts_with_the_same_name_are_members_in_the_inventorys_order():
    assert members() == [
        {"host": f"mq{number}", "node": f"rabbit@mq{number}", "address": f"10.0.0.{number}"}
        for number in (1, 2, 3)
    ]
    assert cluster.members(inventory(), GROUPS, "") == []


def test_a_member_may_have_a_node_name_and_an_address_of_its_own():
    found = members(
        mq2={"rabbitmq_node_name": "hare@b.example.org", "rabbitmq_cluster_address": "192.168.7.2"}
    )
    assert found[1] == {"host": "mq2", "node": "hare@b.example.org", "address": "192.168.7.2"}


def test_a_host_with_a_full_name_is_looked_for_by_its_short_one():
    groups = {"rabbitmq": ["mq1.example.org"]}
    found = cluster.members({"mq1.example.org": {"rabbitmq_cluster_name": "prod"}}, groups, "prod")
    assert found[0]["node"] == "rabbit@mq1"
    assert found[0]["address"] == "mq1.example.org"


def test_a_right_member_is_not_refused():
    assert refused() == []
    assert cluster.refusals(node(), [], "alone") == []


WRONG = [
    ({"cluster_name": "two words"}, "rabbitmq_cluster_name: 'two words' is not a name", "up to 64"),
    (
        {"cluster_address": "mq1.example.org"},
        "rabbitmq_cluster_address: 'mq1.example.org' is not an IPv4",
        "set",
    ),
    ({"cluster_address": "::1"}, "rabbitmq_cluster_address: '::1' is not an IPv4", "reach it"),
    ({"cluster_address": "0.0.0.0"}, "rabbitmq_cluster_address: '0.0.0.0' is not an IPv4", "reach it"),  # noqa: S104
    (
        {"cluster_address": "127.0.1.1"},
        "rabbitmq_cluster_address: 127.0.1.1 lets no other member",
        "leave it out",
    ),
    (
        {"distribution_address": "127.0.0.1"},
        "rabbitmq_distribution_address: 127.0.0.1 lets no",
        "leave it out",
    ),
    ({"epmd_address": "127.0.0.1"}, "rabbitmq_epmd_address: 127.0.0.1 lets no other", "leave it out"),
    (
        {"config": {"cluster_formation.classic_config.nodes.1": "rabbit@x"}},
        "rabbitmq_config.cluster_formation.classic_config.nodes.1: is written by the role",
        "the members are the hosts",
    ),
    (
        {"config": {"cluster_partition_handling": "ignore"}},
        "rabbitmq_config.cluster_partition_handling: is written by the role",
        "use rabbitmq_cluster_partition_handling",
    ),
]


@pytest.mark.parametrize(("settings", "beginning", "remedy"), WRONG)
def test_a_wrong_member_is_refused_by_its_variable(settings, beginning, remedy):
    (sentence,) = refused(**settings)
    assert sentence.startswith(beginning)
    assert remedy in sentence


@pytest.mark.parametrize(
    "key",
    [
        "cluster_tags.region",
        "cluster_queue_limit",
        "cluster_keepalive_interval",
        "cluster_formation.target_cluster_size_hint",
        "cluster_formation.discovery_retry_limit",
    ],
)
def test_what_the_role_does_not_write_is_free(key):
    assert refused(config={key: "5"}) == []


def test_two_members_of_one_name_or_address_are_refused():
    (name,) = refused(members(mq3={"rabbitmq_node_name": "rabbit@mq1"}))
    assert name == "rabbitmq_node_name: rabbit@mq1 is that of mq3 as well; each member has its own"
    (address,) = refused(members(mq2={"rabbitmq_cluster_address": "10.0.0.1"}))
    assert address.startswith("rabbitmq_cluster_address: 10.0.0.1 is that of mq2 as well")


def test_short_and_full_names_do_not_mix():
    (sentence,) = refused(members(mq2={"rabbitmq_node_name": "rabbit@mq2.example.org"}))
    assert "such nodes cannot talk" in sentence


def test_a_pair_has_to_be_asked_for():
    pair = members()[:2]
    (sentence,) = refused(pair)
    assert sentence.startswith("rabbitmq_cluster_name: prod has two members, and neither can go on alone")
    assert refused(pair, cluster_two_members=True) == []
    assert refused(members()[:1]) == []


def test_what_members_are_told_has_to_be_the_same():
    told = inventory(mq2={"rabbitmq_erlang_cookie": "b"}, alone={"rabbitmq_erlang_cookie": "c"})
    (sentence,) = cluster.alike_refusals(told, GROUPS)
    assert sentence.startswith(
        "rabbitmq_erlang_cookie: is not the same on mq2 as on mq1, and both are members of prod"
    )
    assert "b" not in sentence.split(":")[1].split(), "the secret itself is not told"
    told = inventory(mq3={"rabbitmq_topology_users": [{"name": "x"}]})
    assert cluster.alike_refusals(told, GROUPS)[0].startswith(
        "rabbitmq_topology_users: is not the same on mq3"
    )


def test_what_is_written_differently_and_means_the_same_is_the_same():
    raw = inventory(mq2={"rabbitmq_admin_password": "{{ vault }}"}, mq1={"rabbitmq_admin_password": "x"})
    same = inventory(mq2={"rabbitmq_admin_password": "x"}, mq1={"rabbitmq_admin_password": "x"})
    same["mq3"]["rabbitmq_admin_password"] = raw["mq3"]["rabbitmq_admin_password"] = "x"
    assert cluster.alike_refusals(same, GROUPS, raw) == []


def test_a_host_has_to_call_itself_what_the_others_look_for():
    host = {"hostname": "node-b", "addresses": {}}
    (sentence,) = cluster.host_refusals(member(), members(), host, "mq1")
    assert "the host calls itself node-b" in sentence
    assert "would look for rabbit@mq1; set it to rabbit@node-b for mq1" in sentence
    assert cluster.host_refusals(member(), members(), {**host, "hostname": "mq1"}, "mq1") == []
    assert cluster.host_refusals(node(), [], host, "alone") == []


def test_names_that_are_not_pinned_have_to_resolve():
    host = {"hostname": "mq1", "addresses": {"mq2": ["10.0.0.2"], "mq3": ["10.9.9.9"]}}
    (sentence,) = cluster.host_refusals(member(cluster_pin_names=False), members(), host, "mq1")
    assert "'mq3' resolves to 10.9.9.9 on mq1, not to 10.0.0.3 of mq3" in sentence
    nothing = {"hostname": "mq1", "addresses": {}}
    assert (
        "'mq2' resolves to nothing"
        in cluster.host_refusals(member(cluster_pin_names=False), members(), nothing, "mq1")[0]
    )


def test_the_other_members_are_pinned_and_an_operators_entry_wins():
    assert cluster.pins(member(), members(), "mq1") == {"mq2": "10.0.0.2", "mq3": "10.0.0.3"}
    assert cluster.pins(member(hosts_entries={"mq2": "10.8.0.2"}), members(), "mq1")["mq2"] == "10.8.0.2"
    assert cluster.pins(member(cluster_pin_names=False), members(), "mq1") == {}


# --- settings ---------------------------------------------------------------------------------------


def lines(version, found=None, **settings):
    sections = dict(configuration.conf(member(**settings), members() if found is None else found, version))
    return dict(sections["Cluster"])


def test_a_node_of_its_own_has_no_settings_of_a_cluster():
    assert "Cluster" not in dict(configuration.conf(node(), members(), "4.0.5"))


NODES = {f"cluster_formation.classic_config.nodes.{number}": f"rabbit@mq{number}" for number in (1, 2, 3)}
DELAY = {f"cluster_formation.randomized_startup_delay_range.{end}": "0" for end in ("min", "max")}
HEAL = {"cluster_partition_handling": "autoheal"}
QUORUM = {"default_queue_type": "quorum"}


@pytest.mark.parametrize(
    ("version", "more"),
    [
        ("3.8.9", {**DELAY, **HEAL}),
        ("3.10.8", HEAL),
        ("4.0.5", {**HEAL, **QUORUM}),
        ("4.3.6", {**QUORUM, "prevent_startup_if_node_was_reset": "true"}),
    ],
)
def test_each_version_has_the_settings_that_it_knows(version, more):
    assert lines(version) == {"cluster_name": "prod", **NODES, **more}


def test_the_first_node_looks_for_nobody():
    assert lines("4.0.5", found=[]) == {"cluster_name": "prod", **HEAL, **QUORUM}


def test_another_default_queue_type_is_the_operators():
    settings = member(default_queue_type="classic")
    every = [line for _, section in configuration.conf(settings, members(), "4.0.5") for line in section]
    assert [value for key, value in every if key == "default_queue_type"] == ["classic"]


def test_the_classic_format_says_the_same():
    rabbit = configuration.classic(member(), {}, members(), "3.8.9")["rabbit"]
    nodes = [{"_atom": f"rabbit@mq{number}"} for number in (1, 2, 3)]
    assert rabbit["cluster_nodes"] == {"_tuple": [nodes, {"_atom": "disc"}]}
    assert rabbit["cluster_formation"] == {"randomized_startup_delay_range": {"_tuple": [0, 0]}}
    assert rabbit["cluster_name"] == {"_binary": "prod"}
    assert rabbit["cluster_partition_handling"] == {"_atom": "autoheal"}


def test_a_member_that_comes_or_goes_restarts_nobody():
    online = [one["keys"] for one in configuration.online(member(), members())]
    pending = {"/etc/rabbitmq/rabbitmq.conf": ["cluster_formation.classic_config.nodes.4", "cluster_name"]}
    assert restart_reasons(pending, online) == []
    pending = {"/etc/rabbitmq/rabbitmq.conf": ["cluster_partition_handling"]}
    assert restart_reasons(pending, online) == ["/etc/rabbitmq/rabbitmq.conf: cluster_partition_handling"]
