"""What somebody set up by hand is told from what is ours, and from what is nobody's."""

from __future__ import annotations

import pytest
from brokers.activemq.first_contact import (
    is_foreign as activemq_is_foreign,
    refusals as activemq_refusals,
    words as activemq_words,
)
from brokers.host import beside
from brokers.host.originals import Originals, files_below, own_words
from brokers.rabbitmq.evaluation import atoms, first_words
from brokers.rabbitmq.first_contact import (
    is_foreign as rabbitmq_is_foreign,
    plugin_refusals,
    refusals as rabbitmq_refusals,
    unasked_refusal,
    words as rabbitmq_words,
)
from brokers.rabbitmq.on_host import enabled_plugins

CONF = "/etc/rabbitmq/rabbitmq.conf"


def holds(**fields):
    """What a node that the package has just started holds, and what a test says of it."""
    new = {
        "users": ["guest"],
        "administrators": ["guest"],
        "guest": True,
        "vhosts": ["/"],
        "queues": 0,
        "exchanges": 0,
        "policies": 0,
        "parameters": 0,
        "connections": 0,
        "enabled": [],
        "files": [],
        "enabled_file": "/etc/rabbitmq/enabled_plugins",
        "data": "/var/lib/rabbitmq/mnesia",
    }
    return {**new, **fields}


def found(**fields):
    """A host with a node that the package has just started, and what a test says of it."""
    packaged = {
        "hostname": "broker-1",
        "running": True,
        "files": [{"path": "/etc/rabbitmq/rabbitmq-env.conf", "state": "pristine"}],
        "data": ["rabbit@broker-1", "rabbit@broker-1-feature_flags", "rabbit@broker-1.pid"],
        "places": [],
        "unit_of_own": "",
        "strangers": [],
        "holds": holds(),
        "unanswered": "",
        "drop_ins": [],
        "pins": [],
    }
    return {**packaged, **fields}


def file(path=CONF, state="own"):
    return {"path": path, "state": state}


def test_a_node_that_the_package_started_and_nobody_used_is_nobodys():
    assert not rabbitmq_is_foreign(found())
    assert rabbitmq_refusals(found(), take_over=False) == []
    said = " ".join(rabbitmq_words(found(), "", "admin"))
    assert "holds nothing of anybody's" in said
    assert "guest is an administrator, with the password that everybody knows" in said
    assert "{name: guest, state: absent}" in said


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"holds": holds(queues=2)}, "2 queues"),
        ({"holds": holds(users=["guest", "shop"])}, "2 users"),
        ({"holds": holds(users=["shop"])}, "1 user,"),
        ({"holds": holds(vhosts=["/", "shop"])}, "2 vhosts"),
        ({"holds": holds(policies=1)}, "1 policy"),
        ({"holds": holds(enabled=["rabbitmq_mqtt"])}, "the plugins rabbitmq_mqtt"),
        ({"files": [file()]}, f"files of somebody's own ({CONF})"),
        ({"holds": None, "running": False}, "it does not run, so that it could not be asked"),
        ({"holds": None, "unanswered": "no connection"}, "could not be asked what it holds: no connection"),
    ],
)
def test_what_somebody_set_up_is_refused_until_the_operator_says_so(fields, words):
    (sentence,) = rabbitmq_refusals(found(**fields), take_over=False)
    assert sentence.startswith("rabbitmq_take_over: broker-1 holds a broker that Brokerkit did not make: ")
    assert words in sentence
    assert "--check --diff -e rabbitmq_take_over=true" in sentence
    assert "playbooks/rabbitmq_adopt.yml" in sentence
    assert rabbitmq_refusals(found(**fields), take_over=True) == []
    assert "/kept/here" in rabbitmq_words(found(**fields), "/kept/here", "admin")[0]


def test_a_node_of_an_earlier_version_of_the_role_is_known_by_its_files():
    ours = found(files=[file(state="ours"), file("/etc/rabbitmq/enabled_plugins")], holds=holds(queues=9))
    assert not rabbitmq_is_foreign(ours)
    assert rabbitmq_refusals(ours, take_over=False) == []


def test_an_installation_without_data_and_without_files_of_anybodys_is_nobodys():
    assert not rabbitmq_is_foreign(found(data=[], holds=None, running=False))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"unit_of_own": "/etc/systemd/system/rabbitmq-server.service"}, "somebody's own unit"),
        ({"strangers": [{"pid": 77, "port": 5672}]}, "(pid 77) listens on port 5672"),
        ({"holds": holds(data="/srv/rabbitmq", queues=1)}, "keeps its data in /srv/rabbitmq"),
        ({"holds": holds(files=["/srv/rabbit.conf"])}, "reads /srv/rabbit.conf"),
        ({"holds": None, "running": False, "places": ["CONFIG_FILE"]}, "told where by CONFIG_FILE"),
    ],
)
def test_what_the_role_cannot_run_is_refused_with_the_flag_as_well(fields, words):
    (sentence,) = rabbitmq_refusals(found(**fields), take_over=True)
    assert words in sentence


def test_files_that_are_read_after_ours_and_other_administrators_are_said():
    beside = file("/etc/rabbitmq/conf.d/90-own.conf", "beside")
    taken = found(files=[file(), beside], holds=holds(administrators=["boss", "admin"], guest=False))
    said = rabbitmq_words(taken, "/kept", "admin")
    assert any("/etc/rabbitmq/conf.d/90-own.conf stays as it is" in one for one in said)
    assert any("boss is an administrator besides admin" in one for one in said)
    assert not any("guest" in one for one in said)


USES = [
    ["rabbitmq_consistent_hash_exchange", "exchange", "hash", "shop", "x-consistent-hash"],
    ["rabbitmq_shovel", "shovel parameter", "move", "shop"],
    ["rabbitmq_stomp", "connection", "61613", "", "12"],
    ["rabbitmq_stomp", "connection", "61614", "", "1"],
]


def test_a_plugin_in_use_is_refused_with_what_depends_on_it():
    hashed, shovel, stomp = plugin_refusals(USES, "broker-1", [])
    assert "rabbitmq_consistent_hash_exchange is enabled on broker-1" in hashed
    assert "the exchange 'hash' in the vhost 'shop' (x-consistent-hash) depends on it" in hashed
    assert "the shovel parameter 'move' in the vhost 'shop' depends on it" in shovel
    assert "12 connections to port 61613, 1 connection to port 61614 depend on it" in stomp
    assert all("rabbitmq_plugins_disable" in one for one in (hashed, shovel, stomp))


def test_a_plugin_that_the_operator_gave_up_is_not_refused():
    assert (
        plugin_refusals(USES[:2], "broker-1", ["rabbitmq_consistent_hash_exchange", "rabbitmq_shovel"]) == []
    )


def test_a_node_that_cannot_be_asked_is_not_a_node_that_says_no():
    (sentence,) = unasked_refusal(["rabbitmq_mqtt"], "broker-1", "unable to connect")
    assert "cannot be asked what depends on it (unable to connect); start it" in sentence


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[rabbitmq_management,rabbitmq_stomp].\n", ["rabbitmq_management", "rabbitmq_stomp"]),
        ("%% [old].\n['rabbitmq_mqtt'] .", ["rabbitmq_mqtt"]),
        ("[].", []),
        ("", []),
    ],
)
def test_the_enabled_plugins_of_a_file(text, names):
    assert enabled_plugins(text) == names


def test_comments_are_nobodys_words():
    assert own_words("# NODENAME=rabbit\n\n  % x\n") == ""
    assert own_words("# a\nb = c\n") == "b = c"


def test_names_of_plugins_are_atoms():
    assert atoms(["b", "a"]) == "['a','b']"


def test_what_rabbitmqctl_says_is_cut_to_the_cause():
    assert (
        first_words("Error: unable to perform\n\nattempted to contact: [rabbit@x]\n")
        == "attempted to contact: [rabbit@x]"
    )


def test_originals_are_kept_once_and_never_written_over(tmp_path):
    etc = tmp_path / "etc"
    (etc / "conf.d").mkdir(parents=True)
    for name, text in (("rabbitmq.conf", "a = 1"), ("conf.d/x.conf", "b = 2")):
        (etc / name).write_text(text)
    files = files_below([str(etc), str(tmp_path / "missing")])
    assert files == [str(etc / "conf.d/x.conf"), str(etc / "rabbitmq.conf")]
    originals = Originals("rabbitmq", str(tmp_path / "kept"))
    assert originals.kept(files) is None
    first = originals.keep(files)
    assert originals.kept(files) == first
    (etc / "rabbitmq.conf").write_text("a = 3")
    assert originals.kept(files) is None
    second = originals.keep(files)
    assert second == f"{first}.2"
    assert (tmp_path / "kept/rabbitmq" / str(etc / "rabbitmq.conf").lstrip("/")).read_text() == "a = 1"
    for path in (tmp_path / "kept").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_files_of_folders_are_found_and_a_folder_behind_a_link_is_left_to_its_owner(tmp_path):
    for name in ("conf.d/a", "other/b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    (tmp_path / "single").symlink_to(tmp_path / "conf.d/a")
    found = files_below([str(tmp_path / name) for name in ("conf.d", "link", "single", "si*")])
    assert found == [str(tmp_path / "conf.d/a"), str(tmp_path / "single")]


def test_a_copy_that_was_cut_off_does_not_count(tmp_path):
    (tmp_path / "conf").write_text("x = 1")
    originals = Originals("rabbitmq", str(tmp_path / "kept"))
    (tmp_path / "kept/rabbitmq.partial").mkdir(parents=True)
    (tmp_path / "kept/rabbitmq.partial/half").write_text("")
    folder = originals.keep([str(tmp_path / "conf")])
    assert folder.endswith("/rabbitmq")
    assert originals.kept([str(tmp_path / "conf")]) == folder


DROP_INS = "/etc/systemd/system/rabbitmq-server.service.d"


def test_drop_ins_and_pins_of_somebodys_are_named():
    pins, drop_ins = ["/etc/apt/preferences.d/rabbit"], [f"{DROP_INS}/90-a.conf", f"{DROP_INS}/limits.conf"]
    said = rabbitmq_words(found(drop_ins=drop_ins, pins=pins), "/kept", "admin")
    assert any("90-a.conf" in one and "is read before what this role writes" in one for one in said)
    assert any("limits.conf" in one and "wins over what this role writes" in one for one in said)
    assert any(
        "/etc/apt/preferences.d/rabbit stays as it is" in one and "apt-cache policy" in one for one in said
    )
    said = activemq_words(instances(data=["x"], drop_ins=["/x.d/a.conf"]), "/kept", MAIN)
    assert any("/x.d/a.conf" in one and "wins over" in one for one in said)


@pytest.mark.parametrize(
    ("pin", "seen"),
    [
        ("Package: rabbitmq-server\nPin: version 3.8*\nPin-Priority: 1001\n", True),
        ("Explanation: x\n\npackage: foo\n bar rabbitmq-*\nPin: origin x\n", True),
        ("Package: erlang*:any\nPin: version 1:25*\n", True),
        ("Package: /^rabbit/\nPin: release a=x\n", True),
        ("Package: /[[:alpha:]/ nginx\nPin: release a=x\n", False),
        ("Package: *\nPin: release a=stable\n", False),
        ("Package: nginx\nExplanation: not rabbitmq-server\n", False),
    ],
)
def test_a_pin_is_of_a_broker_where_its_packages_say_so(tmp_path, pin, seen):
    folder = tmp_path / "etc/apt/preferences.d"
    folder.mkdir(parents=True)
    (folder / "own").write_text(pin)
    (folder / "brokerkit-rabbitmq").write_text("Package: rabbitmq-server\n")
    found = beside.pins(["rabbitmq-server", "erlang-base"], str(tmp_path))
    assert found == (["/etc/apt/preferences.d/own"] if seen else [])


def test_drop_ins_are_found_in_the_order_that_systemd_reads_them(tmp_path):
    for folder, name in (("etc", "z.conf"), ("run", "a.conf"), ("etc", "brokerkit.conf"), ("run", "z.conf")):
        path = tmp_path / folder / "systemd/system/x.service.d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    where = "systemd/system/x.service.d"
    assert beside.drop_ins("x.service", str(tmp_path)) == [f"/run/{where}/a.conf", f"/etc/{where}/z.conf"]


def instances(**fields):
    """A host as activemq_first_contact reports it: nothing of anybody's, and what a test says of it."""
    empty = {"own": [], "data": [], "enabled": [], "running": [], "drop_ins": [], "pins": []}
    return {"hostname": "broker-1", **empty, **fields}


MAIN = "/var/lib/activemq/main"


def test_an_activemq_that_the_package_brought_and_nobody_used_is_nobodys():
    assert not activemq_is_foreign(instances())
    assert activemq_refusals(instances(), False, "main", MAIN) == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"own": ["/etc/activemq/main/activemq.xml"]},
            "files of somebody's own (/etc/activemq/main/activemq.xml)",
        ),
        ({"data": [MAIN + "/kahadb/db-1.log"]}, "data of somebody's in /var/lib/activemq/main;"),
        (
            {"data": [MAIN + "/data/kahadb/db.data"]},
            "`mv /var/lib/activemq/main/data/kahadb /var/lib/activemq/main/kahadb` while it is stopped",
        ),
        ({"enabled": ["orders"]}, "an instance that the package's init script starts (orders)"),
        ({"enabled": ["a", "b"]}, "instances that the package's init script starts (a, b)"),
    ],
)
def test_an_activemq_that_somebody_set_up_is_refused_until_the_operator_says_so(fields, words):
    (sentence,) = activemq_refusals(instances(**fields), False, "main", MAIN)
    assert sentence.startswith("activemq_take_over: broker-1 holds what Brokerkit did not make: ")
    assert words in sentence
    assert activemq_refusals(instances(**fields), True, "main", MAIN) == []
    assert "/kept" in activemq_words(instances(**fields), "/kept", MAIN)[0]


def test_an_activemq_that_still_runs_there_is_refused_with_the_flag_as_well():
    (sentence,) = activemq_refusals(instances(running=[{"pid": 77}], enabled=["main"]), True, "main", MAIN)
    assert "(pid 77); stop it" in sentence
