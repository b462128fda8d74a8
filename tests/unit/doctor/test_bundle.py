"""No secret leaves a host in a bundle, whatever file it stands in."""

from __future__ import annotations

import pytest
from brokers.doctor import bundle

PLANTED = "Zq7-plAnted"
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{PLANTED}\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/rabbitmq/rabbitmq.conf", f"default_user = shop\ndefault_pass = {PLANTED}\n"),
        ("/etc/rabbitmq/rabbitmq.conf", f"ssl_options.password = {PLANTED}\n"),
        ("/etc/rabbitmq/rabbitmq.conf", f"auth_ldap.dn_lookup_bind.password = {PLANTED}\n"),
        ("/etc/rabbitmq/rabbitmq.conf", f"management.oauth_client_secret = {PLANTED}\n"),
        ("/etc/rabbitmq/advanced.config", f'[{{rabbit, [{{default_pass, <<"{PLANTED}">>}}]}}].'),
        ("/etc/rabbitmq/rabbitmq.config", f'[{{rabbit, [{{ssl_options, [{{password, "{PLANTED}"}}]}}]}}].'),
        ("/etc/rabbitmq/rabbitmq-env.conf", f"export RABBITMQ_ERLANG_COOKIE='{PLANTED}'\n"),
        ("/etc/rabbitmq/rabbitmq-env.conf", f'SERVER_ADDITIONAL_ERL_ARGS="-setcookie {PLANTED}"\n'),
        ("/etc/rabbitmq/definitions.json", f'{{"users": [{{"password_hash": "{PLANTED}"}}]}}'),
        ("/etc/rabbitmq/definitions.json", f'{{"uri": "amqp://shop:{PLANTED}@far:5672/v"}}'),
        ("/etc/rabbitmq/tls.pem", KEY),
        ("/etc/activemq/main/activemq.xml", f'<authenticationUser username="x" password="{PLANTED}"/>'),
        ("/etc/activemq/main/activemq.xml", f'<property name="password" value="{PLANTED}"/>'),
        ("/etc/activemq/main/activemq.xml", f'<sslContext keyStorePassword="{PLANTED}"/>'),
        ("/etc/activemq/main/users.properties", f"shop={PLANTED}\n"),
        ("/etc/activemq/main/credentials.properties", f"activemq.password={PLANTED}\n"),
        ("/etc/activemq/main/jetty-realm.properties", f"admin: {PLANTED}, admin\n"),
        ("/etc/systemd/system/rabbitmq-server.service.d/x.conf", f"Environment=A_PASSWORD={PLANTED}\n"),
    ],
)
def test_a_secret_is_masked_in_its_file_and_everywhere_else(path: str, text: str) -> None:
    shown = bundle.masked(path, text, [])
    assert PLANTED not in shown
    if "PRIVATE" not in text:
        assert PLANTED in bundle.secrets_of(path, text)
        log = bundle.masked("/var/log/rabbitmq/x.log", f"it was called with {PLANTED} and so on", [PLANTED])
        assert log == "it was called with *** and so on\n"


@pytest.mark.parametrize(
    "line",
    [
        "listeners.tcp.default = 5672",
        "PLAIN login refused: user 'shop' - invalid credentials",
        "management.tcp.port = 15672",
        "10.0.0.1 mq1",
    ],
)
def test_the_rest_is_as_it_was(line: str) -> None:
    assert bundle.masked("/etc/rabbitmq/rabbitmq.conf", line, []) == f"{line}\n"


@pytest.mark.parametrize(
    "name", ["tls.key", "broker.jks", "jmx.password", ".erlang.cookie", "administrator.json"]
)
def test_files_of_secrets_are_left_out(name: str) -> None:
    assert bundle._LEFT_OUT.search(f"/etc/x/{name}")


def test_short_secrets_do_not_tear_words_apart() -> None:
    assert bundle.masked("/x", "a cat sat", ["cat"]) == "a cat sat\n"
