"""What each client reads: the same login in every format, whatever its password holds."""

from __future__ import annotations

import dataclasses
import json
import runpy
import subprocess
from urllib.parse import parse_qs, unquote, urlsplit

import pika
import pytest
from brokers.clients.formats import Application, celery_ssl, files, spring
from hypothesis import given, settings, strategies

HOSTILE = """#$HOME'"%41@/\\n:;,&<=>?!{}*[]`~| é€ """
PLAIN = Application(
    name="web",
    kind="rabbitmq",
    user="sh op",
    password=HOSTILE,
    home="/etc/web",
    vhost="/a b",
    amqp=[("mq1", 5672), ("fe80::1", 5672)],
    stomp=[("mq1", 61613)],
    destinations={"orders": "/queue/orders", "all": "/topic/prices.>"},
)
INSIDE_TLS = dataclasses.replace(
    PLAIN, tls=True, amqp=[("mq1", 5671)], authority="CA\n", certificate="CERT\n", key="KEY\n"
)
printable = strategies.text(min_size=1).filter(str.isprintable)


def environment(app):
    """The lines of .env, as the simplest reader has them."""
    lines = files(app)[".env"].splitlines()
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name: value.strip("'") for name, _, value in pairs}


def login(url):
    found = urlsplit(url)
    return unquote(found.username), unquote(found.password)


@given(printable, printable)
@settings(max_examples=200, deadline=None)
def test_every_format_holds_the_same_login(user, password):
    app = dataclasses.replace(PLAIN, user=user, password=password)
    found = files(app)
    data = json.loads(found["settings.json"])
    assert (data["user"], data["password"]) == (user, password)
    assert {login(url) for url in environment(app)["AMQP_URLS"].split(",")} == {(user, password)}
    assert login(environment(app)["STOMP_URL"]) == (user, password)
    assert login(environment(app)["CELERY_BROKER_URL"].partition(";")[0]) == (user, password)
    held: dict = {}
    exec(found["django_settings.py"], held)  # noqa: S102 - what a project's settings do
    assert (held["MQ"]["user"], held["MQ"]["password"]) == (user, password)
    assert held["CELERY_BROKER_URL"] == environment(app)["CELERY_BROKER_URL"]


def test_a_shell_reads_what_is_meant(tmp_path):
    path = tmp_path / ".env"
    path.write_text(files(INSIDE_TLS)[".env"], encoding="utf-8")
    script = f"set -eu; set -a; . {path}; env --null"
    done = subprocess.run(["env", "-i", "/bin/sh", "-c", script], check=True, capture_output=True, text=True)
    found = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    assert {name: found[name] for name in environment(INSIDE_TLS)} == environment(INSIDE_TLS)


def test_no_value_of_the_environment_has_a_character_that_readers_disagree_about():
    for line in files(PLAIN)[".env"].splitlines()[1:]:
        value = line.partition("=")[2]
        assert not set(value.strip("'")) & set("""'"$\\#` """), line
        assert value.startswith("'") or not set(value) & set(";&<>*"), line


def test_the_places_of_a_cluster_are_all_there():
    found = environment(PLAIN)
    assert [urlsplit(url).hostname for url in found["AMQP_URLS"].split(",")] == ["mq1", "fe80::1"]
    assert found["AMQP_URL"] == found["AMQP_URLS"].split(",")[0]
    assert [urlsplit(url).hostname for url in found["CELERY_BROKER_URL"].split(";")] == ["mq1", "fe80::1"]
    assert "spring.rabbitmq.addresses=mq1\\:5672,[fe80\\:\\:1]\\:5672\n" in spring(PLAIN)


def test_pika_reads_its_url():
    found = pika.URLParameters(environment(PLAIN)["AMQP_URL"])
    assert (found.credentials.username, found.credentials.password) == ("sh op", HOSTILE)
    assert (found.host, found.port, found.virtual_host, found.ssl_options) == ("mq1", 5672, "/a b", None)


def test_inside_tls_paths_are_those_of_the_application():
    found = environment(INSIDE_TLS)
    paths = [found[f"MQ_{name}_FILE"] for name in ("CA", "CERT", "KEY")]
    assert paths == ["/etc/web/ca.pem", "/etc/web/client.pem", "/etc/web/client.key"]
    assert parse_qs(urlsplit(found["AIO_PIKA_URL"]).query) == {
        "cafile": [paths[0]],
        "certfile": [paths[1]],
        "keyfile": [paths[2]],
    }
    assert found["STOMP_URL"].startswith("stomp+ssl://")
    assert "spring.ssl.bundle.pem.brokerkit.truststore.certificate=file\\:/etc/web/ca.pem\n" in spring(
        INSIDE_TLS
    )
    assert [files(INSIDE_TLS)[name] for name in ("ca.pem", "client.pem", "client.key")] == [
        "CA\n",
        "CERT\n",
        "KEY\n",
    ]


def test_without_tls_no_file_of_it_is_written():
    bare = dataclasses.replace(INSIDE_TLS, tls=False)
    assert [name for name, text in files(bare).items() if text is None] == [
        "ca.pem",
        "client.pem",
        "client.key",
    ]
    assert "FILE" not in files(bare)[".env"]


def test_kombu_compares_a_name_where_there_is_one():
    assert celery_ssl(INSIDE_TLS)["server_hostname"] == "mq1"
    two = dataclasses.replace(INSIDE_TLS, amqp=[("mq1", 5671), ("mq2", 5671)])
    assert "server_hostname" not in celery_ssl(two)


def test_activemq_is_reached_by_openwire_and_stomp():
    places = {
        "amqp": (),
        "stomp": [("am1", 61612), ("am2", 61612)],
        "openwire": [("am1", 61617), ("am2", 61617)],
    }
    app = dataclasses.replace(INSIDE_TLS, kind="activemq", vhost="", **places)
    assert "spring.activemq.broker-url=failover\\:(ssl\\://am1\\:61617,ssl\\://am2\\:61617)\n" in spring(app)
    found = environment(app)
    assert not any(name.startswith(("AMQP", "CELERY", "AIO")) for name in found)
    assert [urlsplit(url).path for url in found["STOMP_URLS"].split(",")] == ["", ""]
    assert "CELERY" not in files(app)["django_settings.py"]


@pytest.mark.parametrize("app", [PLAIN, INSIDE_TLS], ids=["plain", "tls"])
def test_djangos_file_is_a_module(app, tmp_path):
    path = tmp_path / "django_settings.py"
    path.write_text(files(app)["django_settings.py"], encoding="utf-8")
    found = runpy.run_path(str(path))
    assert found["MQ"]["destinations"]["orders"] == "/queue/orders"
    assert ("CELERY_BROKER_USE_SSL" in found) is app.tls
