"""Which brokers to probe: a right endpoints file is read, a wrong one is refused in one sentence with a remedy."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from probes import endpoints, urls
from probes.model import Endpoint, ExitCode, Listener, Refusal, Tls

PASSWORD = "geheim-4711"

Change = Callable[[dict[str, Any]], object]


def document() -> dict[str, Any]:
    return {
        "schema": 1,
        "brokers": [
            {
                "name": "rabbit1",
                "kind": "rabbitmq",
                "version": "3.10.8",
                "host": "10.61.13.11",
                "vhost": "brokerkit-smoke",
                "denied_vhost": "/",
                "user": "smoke",
                "password": PASSWORD,
                "amqp": {"port": 5672, "tls": False},
                "stomp": {"port": 61613, "tls": False},
                "management": None,
                "listeners": [{"protocol": "amqp", "port": 5672, "address": "::"}],
            }
        ],
    }


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def refusal(path: Path) -> Refusal:
    with pytest.raises(Refusal) as caught:
        endpoints.load(path)
    sentence = str(caught.value)
    assert str(path) in sentence, "the file is named"
    assert PASSWORD not in sentence
    assert "\n" not in sentence and sentence.endswith(".")
    return caught.value


def test_a_right_file_is_read(tmp_path: Path) -> None:
    (broker,) = endpoints.load(write(tmp_path / "e.json", json.dumps(document())))
    assert broker.endpoints == {
        "amqp": Endpoint("10.61.13.11", 5672),
        "stomp": Endpoint("10.61.13.11", 61613),
    }
    assert (broker.user, broker.password, broker.vhost) == ("smoke", PASSWORD, "brokerkit-smoke")
    assert (broker.denied_vhost, broker.version) == ("/", "3.10.8")
    assert broker.listeners == (Listener("amqp", 5672, "::"),)


def test_what_may_be_left_out(tmp_path: Path) -> None:
    changed = document()
    for key in ("version", "denied_vhost", "stomp", "management", "listeners"):
        del changed["brokers"][0][key]
    (broker,) = endpoints.load(write(tmp_path / "e.json", json.dumps(changed)))
    assert broker.listeners is None and broker.denied_vhost is None and list(broker.endpoints) == ["amqp"]


def test_a_broker_does_not_show_its_password(tmp_path: Path) -> None:
    (broker,) = endpoints.load(write(tmp_path / "e.json", json.dumps(document())))
    assert PASSWORD not in repr(broker)


def of(**changes: Any) -> Change:
    return lambda top: top["brokers"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda top: top.update(schema=2), "schema is 2, this prober reads 1"),
        (lambda top: top.pop("schema"), "schema is null"),
        (lambda top: top.update(schema="1"), 'schema is "1"'),
        (lambda top: top.update(schema=True), "schema is true"),
        (lambda top: top.update(brokers=[]), "brokers is not a list with at least one broker"),
        (lambda top: top.update(brokers={}), "brokers is not a list"),
        (lambda top: top.update(brokers=["rabbit1"]), "brokers[0] is not an object"),
        (lambda top: top.update(extra=1), 'unknown key "extra"'),
        (lambda top: top["brokers"].append(dict(top["brokers"][0])), 'names "rabbit1" twice'),
        (of(name=""), "brokers[0].name is missing or empty"),
        (of(name=7), "brokers[0].name is not a text"),
        (of(host=None), "brokers[0].host is missing"),
        (of(user=""), "brokers[0].user is missing"),
        (of(password=""), "brokers[0].password is missing"),
        (of(password=4711), "brokers[0].password is not a text"),
        (of(vhost=""), "brokers[0].vhost is missing"),
        (of(kind="kafka"), 'brokers[0].kind is "kafka", known are rabbitmq'),
        (of(denied_vhost=[]), "brokers[0].denied_vhost is missing or empty"),
        (of(amqps={"port": 5671}), 'brokers[0] has the unknown key "amqps"'),
        (of(amqp=5672), "brokers[0].amqp is neither null nor an object"),
        (of(amqp={"port": 0}), "brokers[0].amqp.port is 0, not a port"),
        (of(amqp={"port": 65536}), "brokers[0].amqp.port is 65536"),
        (of(amqp={"port": "5672"}), 'brokers[0].amqp.port is "5672"'),
        (of(amqp={"port": True}), "brokers[0].amqp.port is true"),
        (of(amqp={"port": 5672.0}), "brokers[0].amqp.port is 5672.0"),
        (of(amqp={}), "brokers[0].amqp.port is null"),
        (of(amqp={"port": 5671, "plain_port": 5672}), "brokers[0].amqp.plain_port is given, and"),
        (
            of(amqp={"port": 5671, "tls": True, "plain_port": 0}),
            "brokers[0].amqp.plain_port is 0, not a port",
        ),
        (
            of(amqp={"port": 5671, "tls": True, "client_certificate": "maybe"}),
            'brokers[0].amqp.client_certificate is "maybe", known are none, offered, required',
        ),
        (of(amqp={"port": 5671, "tls": True, "login": "certificate"}), "and there is no cert_file"),
        (of(certificate_days=0), "certificate_days is neither null nor a number above 0"),
        (of(stomp={"port": 61612, "tls": 1}), "brokers[0].stomp.tls is neither true nor false"),
        (
            of(stomp={"port": 61612, "tls": True, "ca_file": "/nowhere.pem"}),
            "stomp.ca_file names /nowhere.pem, which is not there",
        ),
        (
            of(stomp={"port": 61612, "tls": True, "key_file": __file__}),
            "brokers[0].stomp has one of cert_file and key_file",
        ),
        (of(amqp={"port": 5672, "host": "x"}), 'brokers[0].amqp has the unknown key "host"'),
        (of(amqp=None, stomp=None), "nothing could be probed"),
        (of(listeners={}), "brokers[0].listeners is not a list"),
        (of(listeners=["amqp"]), "brokers[0].listeners[0] is not an object"),
        (of(listeners=[{"protocol": "amqp", "port": -1}]), "brokers[0].listeners[0].port is -1"),
        (of(listeners=[{"port": 5672}]), "brokers[0].listeners[0].protocol is missing"),
    ],
)
def test_wrong_contents_are_refused(tmp_path: Path, change: Change, words: str) -> None:
    changed = document()
    change(changed)
    error = refusal(write(tmp_path / "e.json", json.dumps(changed)))
    assert words in str(error)
    assert "site.yml" in str(error), "the remedy is named"
    assert error.code is ExitCode.DATA


@pytest.mark.parametrize("text", ["", "{", json.dumps(document())[:-20], "[]", "null", "schema: 1"])
def test_what_is_no_document_is_refused(tmp_path: Path, text: str) -> None:
    assert refusal(write(tmp_path / "e.json", text)).code is ExitCode.DATA


def test_binary_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "e.json", "")
    path.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in str(refusal(path))


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    error = refusal(tmp_path / "e.json")
    assert error.code is ExitCode.NO_INPUT
    assert "does not exist" in str(error) and "site.yml" in str(error)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    error = refusal(write(tmp_path / "e.json", json.dumps(document()), mode))
    assert error.code is ExitCode.PERMISSION
    assert f"{mode:04o}" in str(error) and "chmod 600" in str(error)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert "is not a file" in str(refusal(tmp_path))


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "e.json", "{}") / "below"
    assert refusal(path).code is ExitCode.NO_INPUT


@pytest.mark.parametrize(
    ("protocol", "url", "expected"),
    [
        ("amqp", "amqp://smoke@h:5673/shop", (Endpoint("h", 5673), "smoke", "shop")),
        ("amqp", "amqp://smoke@h/%2F", (Endpoint("h", 5672), "smoke", "/")),
        ("amqp", "amqp://smoke@h", (Endpoint("h", 5672), "smoke", "")),
        ("amqp", "amqp://smoke@h/a%2Fb", (Endpoint("h", 5672), "smoke", "a/b")),
        ("stomp", "stomp://o%40x@[::1]:61613", (Endpoint("::1", 61613), "o@x", "")),
        ("management", "http://h", (Endpoint("h", 15672), "", "")),
        ("management", "http://smoke@h:8080/", (Endpoint("h", 8080), "smoke", "")),
    ],
)
def test_urls(protocol: str, url: str, expected: tuple[Endpoint, str, str]) -> None:
    assert urls.parse_url(protocol, url) == expected


@pytest.mark.parametrize(
    ("protocol", "url", "words"),
    [
        ("amqp", f"amqp://smoke:{PASSWORD}@h/v", "holds a password"),
        ("amqp", "amqp://smoke:@h/v", "holds a password"),
        ("stomp", "amqp://h", "another scheme"),
        ("amqp", "10.0.0.1:5672", "another scheme"),
        ("amqp", "stomp+ssl://h", "another scheme"),
        ("stomp", "stomps://h", "with TLS stomp+ssl://USER@HOST:61614/VHOST"),
        ("management", "amqps://h", "with TLS https://USER@HOST:15671)"),
        ("amqp", "amqp://h:port", "amqp://USER@HOST"),
        ("amqp", "amqp://h:65536", "amqp://USER@HOST"),
        ("amqp", "amqp://h:0/v", "not of the form"),
        ("amqp", "amqp://", "not of the form"),
        ("amqp", "amqp:///vhost", "not of the form"),
        ("amqp", "amqp://h/a/b", "%2F"),
        ("amqp", "amqp://h/v?heartbeat=5", "not of the form"),
        ("amqp", "amqp://[::1/v", "amqp://USER@HOST"),
        ("management", "http://h:8080/api", "not of the form"),
    ],
)
def test_wrong_urls_are_refused_and_not_repeated(protocol: str, url: str, words: str) -> None:
    with pytest.raises(Refusal) as caught:
        urls.parse_url(protocol, url)
    assert caught.value.code is ExitCode.USAGE
    assert words in str(caught.value) and f"--{protocol}" in str(caught.value)
    assert PASSWORD not in str(caught.value)


URLS = {"amqp": "amqp://smoke@h/shop", "management": "http://h:8080"}


def test_direct_takes_user_and_vhost_from_whichever_url_has_them() -> None:
    broker = urls.direct(URLS, {urls.PASSWORD_VARIABLE: PASSWORD}, None, "/")
    assert (broker.user, broker.vhost, broker.password, broker.denied_vhost) == (
        "smoke",
        "shop",
        PASSWORD,
        "/",
    )
    assert broker.endpoints == {"amqp": Endpoint("h", 5672), "management": Endpoint("h", 8080)}


def test_without_a_vhost_it_is_the_default_one() -> None:
    broker = urls.direct({"amqp": "amqp://smoke@h"}, {urls.PASSWORD_VARIABLE: "x"}, None, None)
    assert broker.vhost == "/"


def test_the_password_file_goes_before_the_environment(tmp_path: Path) -> None:
    path = write(tmp_path / "pw", f"{PASSWORD}\n")
    assert urls.direct(URLS, {urls.PASSWORD_VARIABLE: "other"}, path, None).password == PASSWORD


@pytest.mark.parametrize(
    ("text", "mode", "code"),
    [
        (PASSWORD, 0o644, ExitCode.PERMISSION),
        ("", 0o600, ExitCode.USAGE),
        ("\n", 0o600, ExitCode.USAGE),
        (f"{PASSWORD}\nmore\n", 0o600, ExitCode.USAGE),
    ],
)
def test_wrong_password_files_are_refused(tmp_path: Path, text: str, mode: int, code: ExitCode) -> None:
    path = write(tmp_path / "pw", text, mode)
    with pytest.raises(Refusal) as caught:
        urls.direct(URLS, {}, path, None)
    assert caught.value.code is code
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"amqp": "amqp://h"}, "name no user"),
        ({"amqp": "amqp://a@h", "stomp": "stomp://b@h"}, "several users (a, b)"),
        ({"amqp": "amqp://a@h/x", "stomp": "stomp://a@h/y"}, "several vhosts (x, y)"),
        ({"amqp": "amqp://a@h"}, urls.PASSWORD_VARIABLE),
    ],
)
def test_urls_that_do_not_fit_together_are_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(Refusal) as caught:
        urls.direct(given, {}, None, None)
    assert words in str(caught.value) and caught.value.code is ExitCode.USAGE


TLS_URLS = {"amqp": "amqps://smoke@h/shop", "stomp": "stomp+ssl://h"}


def test_urls_with_tls_have_their_own_ports_and_the_files_that_are_given() -> None:
    tls = Tls(ca_file=__file__)
    given = TLS_URLS | {"management": "https://h"}
    broker = urls.direct(given, {urls.PASSWORD_VARIABLE: PASSWORD}, None, None, tls)
    ports = {"amqp": 5671, "stomp": 61614, "management": 15671}
    assert broker.endpoints == {name: Endpoint("h", port, tls) for name, port in ports.items()}
    mixed = urls.direct(URLS | {"amqp": "amqps://smoke@h"}, {urls.PASSWORD_VARIABLE: "x"}, None, None)
    assert set(mixed.with_tls) == {"amqp"}


def test_a_login_by_certificate_needs_no_password_unless_something_else_does() -> None:
    tls = Tls(cert_file=__file__, key_file=__file__)
    broker = urls.direct(TLS_URLS, {}, None, None, tls, certificate_login=True)
    assert broker.endpoints["amqp"].by_certificate and broker.endpoints["stomp"].by_certificate
    with pytest.raises(Refusal, match="BROKERKIT_PASSWORD is empty"):
        urls.direct(TLS_URLS | {"management": "https://h"}, {}, None, None, tls, certificate_login=True)


@pytest.mark.parametrize(
    ("given", "tls", "login", "words"),
    [
        (URLS, Tls(ca_file=__file__), False, "--ca-file belongs to a URL with TLS"),
        (URLS, Tls(), True, "--certificate-login belongs to a URL with TLS"),
        (TLS_URLS, Tls(cert_file=__file__), False, "--cert-file and --key-file belong together"),
        (TLS_URLS, Tls(key_file=__file__), False, "--cert-file and --key-file belong together"),
        (TLS_URLS, Tls(ca_file="/nowhere.pem"), False, "--ca-file names /nowhere.pem, which is not there"),
        (TLS_URLS, Tls(), True, "--certificate-login needs a certificate"),
    ],
)
def test_files_that_do_not_fit_are_refused(given: dict[str, str], tls: Tls, login: bool, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        urls.direct(given, {urls.PASSWORD_VARIABLE: "x"}, None, None, tls, login)


def test_tls_is_read_for_every_protocol(tmp_path: Path) -> None:
    files = {"ca_file": __file__, "cert_file": __file__, "key_file": __file__}
    given = {"plain_port": 5672, "client_certificate": "required", "login": "certificate"}
    entry = document()
    of(
        amqp={"port": 5671, "tls": True, **files, **given},
        stomp=None,
        management={"port": 15671, "tls": True},
        certificate_days=30,
    )(entry)
    (broker,) = endpoints.load(write(tmp_path / "endpoints.json", json.dumps(entry)))
    assert broker.endpoints["amqp"] == Endpoint("10.61.13.11", 5671, Tls(**files), 5672, "required", True)
    assert broker.endpoints["management"].tls == Tls() and broker.certificate_days == 30


# What somebody, or a program, may leave where something else belongs.
ODD = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        10**30,
        float("nan"),
        "",
        " ",
        " 10.61.13.11",
        "10.61.13.11 ",
        "a\nb",
        "a\0b",
    ),
    *(
        "\ud800",
        "5672",
        "10.61.13.999",
        "-h",
        "a..b",
        "x" * 300,
        "rabbitmq",
        "::",
        "[::1]",
        "tcp://h",
        "h:5672",
    ),
    *([], {}, [1], [[]], {"port": 5672}, {"a": {"b": {}}}, "\u202e", "caf\u00e9.example"),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, item in inside for place in places(item, (*path, key))]


def mutations() -> list[tuple[str, str]]:
    found = []
    for place in places(document()):
        *above, last = place
        for odd in ODD:
            changed = document()
            target: Any = changed
            for key in above:
                target = target[key]
            target[last] = odd
            found.append((f"{place} = {odd!r}", json.dumps(changed)))
            if isinstance(target, dict):
                target[f"{last} "] = target.pop(last)
                found.append((f"{place}, a blank behind its name", json.dumps(changed)))
                del target[f"{last} "]
                found.append((f"{place}, not there", json.dumps(changed)))
    whole = json.dumps(document())
    for key in ("schema", "brokers", "name", "host", "port", "tls", "protocol", "listeners"):
        found.append((f"{key} twice", whole.replace(f'"{key}":', f'"{key}": 7, "{key}":', 1)))
    for kind in ("activemq", "RabbitMQ", "rabbitmq ", "artemis", ["rabbitmq"]):
        changed = document()
        changed["brokers"][0]["kind"] = kind
        found.append((f"kind {kind}", json.dumps(changed)))
    found += [("nested", "[" * 100_000), ("a long number", whole.replace("5672", "5" * 5000))]
    found += [("a mark", "\ufeff" + whole), ("two documents", whole * 2), ("a comment", whole + " # x")]
    return found


def test_a_malformed_file_is_named_whatever_is_wrong_with_it(tmp_path: Path) -> None:
    """Path, broker and field in one sentence and exit code 65: nothing gets past the door and breaks a probe."""
    path = tmp_path / "e.json"
    refused = 0
    tried = mutations()
    for what, text in tried:
        write(path, text)
        try:
            (broker,) = endpoints.load(path)
        except Refusal as error:
            sentence, refused = str(error), refused + 1
            assert error.code is ExitCode.DATA and str(path) in sentence and sentence.isprintable(), what
            if "brokers[0]." in sentence and '"name": "rabbit1"' in text:
                assert 'broker "rabbit1": ' in sentence, (what, sentence)
            continue
        for value in (broker.name, broker.host, broker.user, broker.password, broker.vhost):
            value.encode("utf-8")
        for listener in broker.listeners or ():
            ipaddress.ip_address(listener.address or "::")
        broker.host.encode("idna")
    assert len(tried) > 800 and refused > 600, (len(tried), refused)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (" 10.61.13.11", "begins or ends with a blank"),
        ("10.61.13.11\n", "begins or ends with a blank"),
        ("10.61.13.999", "looks like an IPv4 address and is none"),
        ("rabbit 1", "neither a host's name nor an IP address"),
        ("amqp://rabbit1", "neither a host's name nor an IP address"),
        ("rabbit1:5672", "neither a host's name nor an IP address"),
        ("a..b", "neither a host's name nor an IP address"),
    ],
)
def test_a_host_that_cannot_be_one_is_refused(tmp_path: Path, host: str, words: str) -> None:
    changed = document()
    of(host=host)(changed)
    sentence = str(refusal(write(tmp_path / "e.json", json.dumps(changed))))
    assert words in sentence and "brokers[0].host" in sentence and 'broker "rabbit1"' in sentence


@pytest.mark.parametrize(
    "host", ["rabbit1", "rabbit_1.example.org.", "::1", "fe80::1%eth0", "m\u00fcnchen.example", "1and1.de"]
)
def test_a_host_that_can_be_one_is_not(host: str) -> None:
    assert endpoints.host_problem(host) == ""


@pytest.mark.parametrize(
    "url",
    [
        *(
            "amqp://smoke@h/%ff",
            "amqp://%ff@h",
            "amqp://smoke@h/%00",
            "amqp://sm%00oke@h",
            "amqp://smoke@[::1",
        ),
        *(
            "amqp://smoke@[::g]",
            "amqp://smoke@%20h",
            "amqp://smoke@ h",
            "amqp://smoke@h:-1",
            "amqp://smoke@h:5672x",
        ),
        *(
            "amqp://smoke@",
            "amqp://",
            "amqp:",
            "amqp:smoke@h",
            "amqp://smoke@h:\u0665672",
            "amqp://smoke@a..b",
        ),
        *(
            "amqp://smoke@10.0.0.999",
            "amqp://smoke@h\u2100.example",
            "amqp://smoke@h?x=1",
            "amqp://smoke@h#x",
        ),
        *("amqp://smoke@h/a/b", "amqp://smoke@h/\ud800", "\x00", "", "amqp://smoke@" + "x" * 300),
    ],
)
def test_a_url_that_cannot_be_used_is_one_sentence(url: str) -> None:
    with pytest.raises(Refusal) as caught:
        urls.parse_url("amqp", url)
    assert caught.value.code is ExitCode.USAGE and str(caught.value).startswith("--amqp: ")


def test_the_password_of_an_environment_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(Refusal, match="half a character"):
        urls.read_password({"BROKERKIT_PASSWORD": "p\udcff"}, None)


def test_brokers_of_one_name_in_two_inventories_are_told_apart(tmp_path: Path) -> None:
    top = document()
    first = top["brokers"][0]
    top["brokers"] = [
        {**first, "inventory": "inventory/prod"},
        {**first, "inventory": "inventory/lab"},
        {**first, "name": "other", "inventory": "inventory/lab"},
    ]
    path = write(tmp_path / "e.json", json.dumps(top))
    assert [one.name for one in endpoints.load(path)] == ["rabbit1.prod", "rabbit1.lab", "other"]
    top["brokers"][1]["inventory"] = "else/prod"
    write(path, json.dumps(top))
    assert [one.name for one in endpoints.load(path)] == [
        "rabbit1.inventory.prod",
        "rabbit1.else.prod",
        "other",
    ]
    top["brokers"][1]["inventory"] = "inventory/prod"
    assert 'names "rabbit1" of inventory/prod twice' in str(refusal(write(path, json.dumps(top))))


def test_a_broker_of_several_inventories_together_is_of_each(tmp_path: Path) -> None:
    top = document()
    first = top["brokers"][0]
    top["brokers"] = [
        {**first, "inventory": "inventory/single, inventory/relays"},
        {**first, "name": "other", "inventory": "inventory/lab"},
    ]
    brokers = endpoints.load(write(tmp_path / "e.json", json.dumps(top)))

    def chosen(*inventories: str) -> list[str]:
        return [one.name for one in endpoints.select(brokers, inventories, [])]

    both = "inventory/single, inventory/relays"
    for one in (
        "inventory/single",
        "inventory/single/",
        "single",
        "inventory/single/hosts.yml",
        "relays",
        both,
    ):
        assert chosen(one) == ["rabbit1"], one
    assert chosen("single", "lab") == ["rabbit1", "other"]
    with pytest.raises(Refusal, match=r"--inventory inventory: the endpoints file has no such inventory"):
        chosen("inventory")
