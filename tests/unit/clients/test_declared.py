"""Declarations of applications: what is rendered of them, and a sentence by name for each that is wrong."""

from __future__ import annotations

import certificates
import pytest
from brokers.clients import declared
from client_sample import ALL, APPLICATION, SHOP, active, inventory, node
from templating import Role  # noqa: F401 - loads the collection

from ansible_collections.brokerkit.brokers.plugins.filter import client_settings  # isort: skip - after Ansible's loader

HOME = "/srv/clients"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----"


def read(path):
    if path != "ca.pem":
        raise FileNotFoundError(path)
    return "AUTHORITY"


def refused(found, directory=HOME):
    return declared.refusals(found, directory, read)


def of(*applications, **groups):
    """The applications that are rendered, which nothing is said against."""
    found = inventory(*applications, **groups)
    assert refused(found) == []
    return declared.wanted(found, HOME, read).applications


def test_little_has_to_be_said() -> None:
    (app,) = of(APPLICATION).values()
    assert (app.name, app.kind, app.user, app.password, app.vhost) == (
        "web",
        "rabbitmq",
        "shop",
        "p w",
        "shop",
    )
    assert (app.home, app.tls) == ("/srv/clients/web", False)
    assert (app.amqp, app.stomp, app.openwire) == ((("mq.example", 5672),), (("mq.example", 61613),), ())


def test_what_several_hosts_declare_alike_is_declared_once() -> None:
    assert list(of(APPLICATION, rabbitmq=[node(), node("other")])) == ["web"]


def test_permissions_may_stand_apart_from_the_user() -> None:
    user = {"name": "shop", "password": "x"}
    apart = [{"user": "shop", "vhost": "own", **ALL}, {"user": "other", "vhost": "theirs", **ALL}]
    one = node(rabbitmq_topology_users=[user], rabbitmq_topology_permissions=apart)
    assert of(APPLICATION, rabbitmq=[one])["web"].vhost == "own"


def test_tls_is_used_where_the_broker_has_it_unless_told_otherwise() -> None:
    broker = node(rabbitmq_tls="both", endpoint_ca_file="ca.pem")
    apps = of(
        APPLICATION,
        {**APPLICATION, "name": "old", "tls": False},
        {
            **APPLICATION,
            "name": "known",
            "certificate": CERTIFICATE,
            "key": KEY,
            "installed_at": "/etc/known/",
        },
        rabbitmq=[broker],
    )
    assert (apps["web"].tls, apps["web"].authority, apps["web"].amqp) == (
        True,
        "AUTHORITY\n",
        (("mq.example", 5671),),
    )
    assert (apps["old"].tls, apps["old"].authority, apps["old"].amqp) == (False, "", (("mq.example", 5672),))
    assert (apps["known"].certificate, apps["known"].key) == (f"{CERTIFICATE}\n", f"{KEY}\n")
    assert apps["known"].home == "/etc/known"


def test_names_to_remove_are_collected_too() -> None:
    gone = {"client_settings_absent": ["old"]}
    found = inventory(APPLICATION, rabbitmq=[node(**gone), node("x", **gone)])
    assert declared.wanted(found, HOME, read).gone == ["old"]


WRONG = {
    "name": ({"name": "../web"}, "[../web].name: '../web' is not a directory's name"),
    "hidden": ({"name": ".web"}, ".name: '.web' is not"),
    "no-name": ({"name": None}, "[0].name: is empty; write a text"),
    "unknown-key": ({"queue": "x"}, "[web].queue: is not a key of an application"),
    "no-broker": ({"broker": "nobody"}, "[web].broker: 'nobody' is no broker of the inventory; it has mq"),
    "no-user": (
        {"user": "nobody"},
        "[web].user: 'nobody' is not declared in rabbitmq_topology_users, which has shop",
    ),
    "vhost": (
        {"vhost": "other"},
        "[web].vhost: 'other' is closed to shop: shop has permissions on shop;",
    ),
    "tls-missing": ({"tls": True}, "[web].tls: is true, and mq has listeners without TLS only"),
    "tls-type": ({"tls": "yes"}, "[web].tls: is a text; write true or false"),
    "key-alone": ({"key": KEY}, "[web].certificate: is missing, and key is there"),
    "not-pem": (
        {"certificate": "shop.pem", "key": KEY},
        "[web].certificate: is not a PEM text of a certificate",
    ),
    "encrypted": (
        {"certificate": CERTIFICATE, "key": "-----BEGIN ENCRYPTED PRIVATE KEY-----"},
        "[web].key: is not a PEM text of a key without a passphrase",
    ),
    "certificate-in-clear": ({"certificate": CERTIFICATE, "key": KEY}, "[web].certificate: is for TLS"),
    "path": ({"installed_at": "etc/web"}, "[web].installed_at: 'etc/web' is not where"),
    "path-up": ({"installed_at": "/etc/../root"}, "[web].installed_at: '/etc/../root' is not where"),
    "path-quote": ({"installed_at": "/etc/o'web"}, "is not where an application could find"),
    "setting": (
        {"destinations": {"My-Orders": "/queue/o"}},
        "[web].destinations: 'My-Orders' is not a setting's name",
    ),
    "destination": ({"destinations": {"o": "/queue/$o"}}, "[web].destinations.o: is not a destination"),
    "destinations": ({"destinations": ["/queue/o"]}, "[web].destinations: is a list; write a dictionary"),
}


@pytest.mark.parametrize(("changes", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_declaration_is_refused_by_name(changes, words) -> None:
    (sentence,) = refused(inventory({**APPLICATION, **changes}))
    assert sentence.startswith("client_settings_applications[")
    assert words in sentence


def test_what_is_missing_is_named() -> None:
    said = refused(inventory({"name": "web"}))
    assert [one.split(":")[0] for one in said] == [
        f"client_settings_applications[web].{key}" for key in ("broker", "user")
    ]


def test_a_declaration_that_is_no_dictionary_is_refused() -> None:
    assert "client_settings_applications[0]: is a text" in refused(inventory("web"))[0]


@pytest.mark.parametrize("name", ["client_settings_applications", "client_settings_absent"])
def test_a_variable_that_is_no_list_is_refused(name) -> None:
    (sentence,) = refused(inventory(rabbitmq=[node(**{name: "web"})]))
    assert sentence.startswith(f"{name}: is a text; write a list")


def test_an_application_that_is_declared_twice_is_refused() -> None:
    (sentence,) = refused(inventory(APPLICATION, {**APPLICATION, "vhost": "shop"}))
    assert "[web]: is declared twice, and not alike" in sentence


def test_an_application_is_not_both_there_and_gone() -> None:
    (sentence,) = refused(inventory(APPLICATION, rabbitmq=[node(client_settings_absent=["web", "x"])]))
    assert sentence.startswith(
        "client_settings_absent: web is declared in client_settings_applications as well"
    )


@pytest.mark.parametrize("name", ["..", "a/b", "/etc", ""])
def test_only_names_are_removed(name) -> None:
    (sentence,) = refused(inventory(rabbitmq=[node(client_settings_absent=[name])]))
    assert sentence == f"client_settings_absent: '{name}' is not an application's name"


def test_a_directory_that_readers_would_not_take_as_it_is_is_refused_where_it_is_written_down() -> None:
    assert "client_settings_directory: '/srv/o'r' is a path" in refused(inventory(APPLICATION), "/srv/o'r")[0]
    assert refused(inventory({**APPLICATION, "installed_at": "/etc/web"}), "/srv/o'r") == []


USERS = {
    "hash": ({"password_hash": "x"}, "is not there in clear text"),
    "break": ({"password": "se\ncret"}, "holds a line break"),
    "placeholder": ({"password": "se${HOME}cret"}, "holds '${'"),
}


@pytest.mark.parametrize(("password", "words"), USERS.values(), ids=USERS)
def test_a_password_that_cannot_be_given_is_refused_and_not_shown(password, words) -> None:
    user = {"name": "shop", "permissions": SHOP["permissions"], **password}
    (sentence,) = refused(inventory(APPLICATION, rabbitmq=[node(rabbitmq_topology_users=[user])]))
    assert sentence.startswith("rabbitmq_topology_users[shop].password: ")
    assert words in sentence
    assert "cret" not in sentence


def test_a_user_that_is_to_go_is_no_user() -> None:
    gone = node(rabbitmq_topology_users=[{**SHOP, "state": "absent"}])
    assert "which has none" in refused(inventory(APPLICATION, rabbitmq=[gone]))[0]


def test_a_user_with_several_virtual_hosts_is_asked_for_one() -> None:
    user = {**SHOP, "permissions": [{"vhost": "a", **ALL}, {"vhost": "b", **ALL}]}
    (sentence,) = refused(inventory(APPLICATION, rabbitmq=[node(rabbitmq_topology_users=[user])]))
    assert ".vhost: is not set, and shop has permissions on a, b" in sentence


def test_a_user_without_permissions_is_refused() -> None:
    user = {"name": "shop", "password": "x"}
    (sentence,) = refused(inventory(APPLICATION, rabbitmq=[node(rabbitmq_topology_users=[user])]))
    assert ".vhost: shop has permissions on no virtual host; declare" in sentence


def test_activemq_has_no_virtual_hosts() -> None:
    here = {**APPLICATION, "broker": "am"}
    assert of(here, activemq=[active()])["web"].openwire == (("am.example", 61616),)
    (sentence,) = refused(inventory({**here, "vhost": "shop"}, activemq=[active()]))
    assert "[web].vhost: ActiveMQ has no virtual hosts" in sentence


def test_a_broker_that_nobody_reaches_is_refused() -> None:
    shut = node(rabbitmq_amqp_address="127.0.0.1", rabbitmq_plugins=[])
    assert "[web].broker: mq has no listener" in refused(inventory(APPLICATION, rabbitmq=[shut]))[0]


def test_an_authority_that_cannot_be_read_is_refused() -> None:
    broker = node(rabbitmq_tls="both", endpoint_ca_file="gone.pem")
    (sentence,) = refused(inventory(APPLICATION, rabbitmq=[broker]))
    assert sentence.startswith("endpoint_ca_file: gone.pem of mq cannot be read")


def test_a_certificate_that_is_asked_for_has_to_be_given() -> None:
    broker = node(rabbitmq_tls="only", rabbitmq_tls_client_certificates="required", endpoint_ca_file="ca.pem")
    (sentence,) = refused(inventory(APPLICATION, rabbitmq=[broker]))
    assert "[web].certificate: is missing, and mq asks clients for one" in sentence


def test_with_a_certificate_of_its_own_a_client_has_to_be_told_whom_to_trust() -> None:
    shown = {**APPLICATION, "certificate": CERTIFICATE, "key": KEY}
    (sentence,) = refused(inventory(shown, rabbitmq=[node(rabbitmq_tls="only")]))
    assert sentence.startswith("rabbitmq_tls_authority: is not set for mq")


def test_no_clear_listener_where_one_is_asked_for() -> None:
    (sentence,) = refused(inventory({**APPLICATION, "tls": False}, rabbitmq=[node(rabbitmq_tls="only")]))
    assert "[web].tls: is false, and mq has listeners inside TLS only" in sentence


def test_a_certificate_that_the_broker_would_refuse_is_refused_before_a_file_is_written() -> None:
    authority = certificates.Authority.new()
    broker = node(rabbitmq_tls="only", rabbitmq_tls_authority=authority.certificate)

    def said(pair: certificates.Pair) -> list[str]:
        shows = {**APPLICATION, "certificate": pair.certificate, "key": pair.key}
        found = inventory(shows, rabbitmq=[broker])
        return client_settings.refusals(found.hosts, found.groups, found.defaults, HOME)

    assert said(authority.issue(common_name="web")) == []
    (sentence,) = said(authority.issue(usages=[certificates.SERVER]))
    assert sentence.startswith(
        "client_settings_applications[web].certificate: its extended key usage leaves out cl"
    )
