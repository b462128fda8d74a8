"""Where a node's certificate comes from, and TLS between nodes; what does not fit together is refused by name."""

from __future__ import annotations

import certificates
import pytest
from brokers.certificates.issuing import new_authority
from brokers.rabbitmq import certificate_source, tls
from brokers.rabbitmq.configuration import conf
from brokers.rabbitmq.erlang_terms import term
from erlang_terms import Atom, consult
from rabbitmq_node import node
from templating import Role, certificate_filters as filters

BOTH = {"tls": "both", "tls_authority": "a CA"}
HOST = {
    **BOTH,
    "tls_source": "host",
    "tls_certificate_file": "/etc/ssl/mq1.pem",
    "tls_key_file": "/etc/ssl/private/mq1.key",
}
ENVIRONMENT = "/etc/rabbitmq/rabbitmq-env.conf"


def only(found, *words):
    (sentence,) = found
    assert [word for word in words if word not in sentence] == [], sentence


def refusals(**settings):
    return tls.refusals(node(**{**BOTH, **settings}))


@pytest.mark.parametrize("source", ["files", "ca"])
def test_a_source_with_its_own_variables_is_not_spoken_of(source):
    assert refusals(tls_source=source) == []


def test_files_of_the_host_are_read_where_they_are():
    assert refusals(**HOST) == []
    keys = {key: value for _, lines in conf(node(**HOST)) for key, value in lines}
    assert keys["ssl_options.certfile"] == keys["management.ssl.certfile"] == "/etc/ssl/mq1.pem"
    assert keys["ssl_options.keyfile"] == "/etc/ssl/private/mq1.key"
    bare = {"hostname": "b", "os": {}, "manager": "apt", "unit": {}, "files": [], "users": [], "packages": {}}
    files = Role("rabbitmq", __rabbitmq_host=bare, **node(**HOST)).files("__rabbitmq_files")
    assert files["/etc/rabbitmq/tls/key.pem"].get("secret_content") is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"tls_certificate_file": "/a"},
            ["rabbitmq_tls_certificate_file: is not used", "'files'", "to host"],
        ),
        ({"tls_ca_key": "x"}, ["rabbitmq_tls_ca_key: is not used", "to ca"]),
        ({**HOST, "tls_certificate": "x"}, ["rabbitmq_tls_certificate: is not used", "'host'", "to files"]),
        ({**HOST, "tls_key_file": ""}, ["rabbitmq_tls_key_file: is empty"]),
        ({**HOST, "tls_key_file": "mq1.key"}, ["'mq1.key' is not an absolute path"]),
        ({**HOST, "tls_key_file": "/etc/../root/x"}, ["not an absolute path"]),
        ({**HOST, "tls_key_file": "/root/mq1.key"}, ["below /root, where the broker sees nothing"]),
        (
            {"tls_inter_node": True, "tls_authority": ""},
            ["rabbitmq_tls_authority: is empty", "rabbitmq_tls_inter_node"],
        ),
        ({"tls": "off", "tls_inter_node": True}, ["rabbitmq_tls_inter_node: is on", "'off'"]),
    ],
)
def test_what_does_not_fit_together_is_refused(settings, words):
    only(refusals(**settings), *words)


# --- TLS between nodes --------------------------------------------------------------------------------------


def test_only_the_server_refuses_those_without_a_certificate():
    """Among a client's options that breaks every connection from OTP 26 on."""
    (said,) = consult(term(certificate_source.inter_node_terms(node(**BOTH))) + ".")
    said = {key: dict(options) for key, options in said}
    key = Atom("fail_if_no_peer_cert")
    assert said[Atom("server")].pop(key) == Atom("true")
    assert said[Atom("client")] == said[Atom("server")]
    assert said[Atom("client")][Atom("verify")] == Atom("verify_peer")


def environment(**settings):
    host = {
        "hostname": "broker-1",
        "os": {},
        "manager": "apt",
        "unit": {},
        "files": [],
        "users": [],
        "packages": {},
    }
    role = Role("rabbitmq", __rabbitmq_host=host, **node(**{**BOTH, **settings}))
    return role.file("__rabbitmq_files", ENVIRONMENT)["content"]


def test_nodes_and_tools_are_given_the_same_options():
    text = environment(tls_inter_node=True, distribution_address="")
    assert 'SERVER_ADDITIONAL_ERL_ARGS="$__inter_node"' in text
    assert 'CTL_ERL_ARGS="$__inter_node"' in text
    assert "-proto_dist inet_tls -ssl_dist_optfile /etc/rabbitmq/tls/inter_node.config" in text
    assert "inet_tls" not in environment()


def test_a_node_for_its_own_host_has_its_interface_as_well():
    text = environment(tls_inter_node=True)
    assert 'CTL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} $__inter_node"' in text


def variable(name, active="active", started_with=False, **settings):
    """A variable of the role, for a node with data."""
    host = {
        **{"hostname": "broker-1", "os": {}, "manager": "apt", "users": [], "packages": {}, "listeners": []},
        "unit": {"active_state": active, "main_pid": 1, "started_with": started_with},
        "files": ["/var/lib/rabbitmq/mnesia/rabbit@broker-1"],
    }
    role = Role(
        "rabbitmq", __rabbitmq_host=host, __rabbitmq_written={"pending": {}}, **node(**{**BOTH, **settings})
    )
    return role.variable(name)


@pytest.mark.parametrize(
    ("wanted", "process", "switches"),
    [(True, False, True), (False, True, True), (True, True, False), (False, False, False)],
)
def test_a_running_process_says_whether_tls_between_nodes_is_switched(wanted, process, switches):
    """And not the files, which are there before the restart. Until then rabbitmqctl does not reach the node."""
    asked = {"tls_inter_node": wanted, "started_with": process}
    assert variable("__rabbitmq_inter_node_switches", **asked) is switches
    assert variable("__rabbitmq_askable", **asked) is not switches
    assert variable("__rabbitmq_inter_node_switches", active="inactive", **asked) is False


def test_what_is_served_between_nodes_is_looked_at_where_the_process_speaks_tls():
    ports = [
        one["port"] for one in variable("__rabbitmq_tls_listeners", started_with=True, tls_inter_node=True)
    ]
    assert ports == [5671, 15671, 61614, 25672]
    assert 25672 not in [one["port"] for one in variable("__rabbitmq_tls_listeners", tls_inter_node=True)]


def host_refusals(pair, source="files", trouble=None, **settings):
    mine = {"tls_certificate": pair.certificate} if source == "files" else HOST
    host = {"pair": {"text": pair.certificate, "trouble": trouble or {}}}
    given = node(**{**BOTH, **mine, "tls_authority": AUTHORITY.certificate, **settings})
    return filters.rabbitmq_host_certificate_refusals(given, ["mq1"], "rabbit@broker-1", host)


AUTHORITY = certificates.Authority.new()


def test_between_nodes_a_certificate_is_for_the_nodes_name_and_for_clients():
    assert host_refusals(AUTHORITY.issue("mq1", "broker-1"), tls_inter_node=True) == []
    assert host_refusals(AUTHORITY.issue("mq1")) == []
    only(host_refusals(AUTHORITY.issue("mq1"), tls_inter_node=True), "is not for broker-1", "rabbitmqctl")
    server = AUTHORITY.issue("broker-1", usages=(certificates.SERVER,))
    only(host_refusals(server, tls_inter_node=True), "leaves out clientAuth", "rabbitmq_tls_certificate: ")


def test_a_certificate_on_the_host_is_checked_like_any_other():
    assert host_refusals(AUTHORITY.issue("mq1"), "host") == []
    only(host_refusals(AUTHORITY.issue("mq2"), "host"), "rabbitmq_tls_certificate_file: is not for mq1")
    only(
        host_refusals(AUTHORITY.issue("mq1"), "host", {"key": "/etc/ssl/private/mq1.key: no such file"}),
        "rabbitmq_tls_key_file: /etc/ssl/private/mq1.key: no such file",
    )


# --- an authority of the inventory --------------------------------------------------------------------------


def pair(found, **settings):
    return filters.rabbitmq_certificate_pair(CA | settings, ["mq1", "broker-1"], {"pair": found})


_MADE = new_authority("test", 100)
CA = node(tls="only", tls_source="ca", tls_ca_certificate=_MADE.certificate, tls_ca_key=_MADE.key)


def test_an_authority_issues_where_the_host_has_nothing_good_and_otherwise_keeps():
    new = pair({"text": "", "trouble": {"certificate": "no such file"}})
    assert new["key"]
    assert not new["keep"]
    kept = pair({"text": new["certificate"], "trouble": {}})
    assert kept == {"certificate": new["certificate"], "key": "", "keep": True}
    for changes, trouble in (({}, {"key": "is not the key"}), ({"rabbitmq_tls_ca_reissue": True}, {})):
        again = pair({"text": new["certificate"], "trouble": trouble}, **changes)
        assert again["key"]
        assert not again["keep"]


def test_a_key_that_is_kept_is_not_written():
    found = {"text": new_authority("x", 9).certificate, "trouble": {}}
    bare = {
        "hostname": "b",
        "os": {},
        "manager": "apt",
        "unit": {},
        "files": [],
        "users": [],
        "packages": {},
        "pair": found,
    }
    issued = Role("rabbitmq", __rabbitmq_host=bare, **CA).files("__rabbitmq_files")[
        "/etc/rabbitmq/tls/key.pem"
    ]
    assert "PRIVATE KEY" in issued["secret_content"]
    names = ["10.0.0.1", "b"]
    kept = filters.rabbitmq_certificate_pair(CA, names, {"pair": {"text": "", "trouble": {"key": "x"}}})[
        "certificate"
    ]
    role = Role(
        "rabbitmq",
        __rabbitmq_host={**bare, "pair": {"text": kept, "trouble": {}}},
        **CA,
        endpoint_host="10.0.0.1",
    )
    entry = role.files("__rabbitmq_files")["/etc/rabbitmq/tls/key.pem"]
    assert (entry["keep"], entry["secret_content"]) == (True, "")


def of_ca(**settings):
    return filters.rabbitmq_certificate_refusals(CA | settings, ["mq1"])


def test_clients_have_to_trust_the_authority_that_issues():
    other = certificates.Authority.new("another")
    assert of_ca(rabbitmq_tls_authority=_MADE.certificate) == []
    assert of_ca(rabbitmq_tls_authority=other.certificate + _MADE.certificate) == []
    only(
        of_ca(rabbitmq_tls_authority=other.certificate),
        "rabbitmq_tls_ca_certificate: CN=test is self-signed, and is not in rabbitmq_tls_authority",
    )
    below = other.intermediate("below")
    issuing = {"rabbitmq_tls_ca_certificate": below.certificate, "rabbitmq_tls_ca_key": below.pair.key}
    assert of_ca(**issuing, rabbitmq_tls_authority=other.certificate) == []
    only(of_ca(**issuing, rabbitmq_tls_authority=below.certificate), "CN=below is not a topmost authority")


@pytest.mark.parametrize(("valid", "left"), [(14, 14), (1, 14), (0, 0), (-1, 0)])
def test_a_certificate_that_would_be_renewed_by_each_run_is_refused(valid, left):
    days = {"tls_ca_valid_days": valid, "tls_days": left}
    only(refusals(tls_source="ca", **days), f"rabbitmq_tls_ca_valid_days: {valid} ", "make it longer")
    assert refusals(tls_source="files", **days) == []


def test_days_that_no_certificate_can_have_are_refused():
    only(
        refusals(tls_source="ca", tls_ca_valid_days=3651),
        "rabbitmq_tls_ca_valid_days: 3651 ",
        "3650 or fewer",
    )
    assert refusals(tls_source="ca", tls_ca_valid_days=3650) == []
    only(refusals(tls_days=-1), "rabbitmq_tls_days: -1 is negative", "such as 14")
    assert refusals(tls_days=0) == []


def test_the_end_of_an_authority_is_reported_in_time_and_not_that_of_what_it_issued():
    assert filters.rabbitmq_certificate_warnings(CA, "") == []
    (sentence,) = filters.rabbitmq_certificate_warnings(CA | {"rabbitmq_tls_days": 101}, "")
    assert sentence.startswith("rabbitmq_tls_ca_certificate: ends on ")


def test_the_certificate_that_the_probes_show_is_looked_at_where_it_is_here(tmp_path):
    right, wrong = AUTHORITY.issue(common_name="smoke"), AUTHORITY.issue(usages=(certificates.SERVER,))
    assert filters.probe_certificate_refusals(*right.write(tmp_path, "right")) == []
    paths = wrong.write(tmp_path, "wrong")
    only(filters.probe_certificate_refusals(*paths), "endpoint_cert_file: ", "leaves out clientAuth")
    only(filters.probe_certificate_refusals(paths[0], "/nowhere/smoke.key"), "leaves out clientAuth")
    assert filters.probe_certificate_refusals("", "") == []
    assert filters.probe_certificate_refusals("/nowhere/smoke.pem", "/nowhere/smoke.key") == []
