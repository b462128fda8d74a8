"""What the roles call the settings of TLS, for remedies that name the right one for the broker at hand."""

from __future__ import annotations

from collections.abc import Mapping

_OF: Mapping[str, Mapping[str, str]] = {
    "rabbitmq": {
        "certificate": "ssl_options.certfile in rabbitmq_config",
        "key": "ssl_options.keyfile in rabbitmq_config",
        "authority": "ssl_options.cacertfile in rabbitmq_config",
        "clients": "ssl_options.verify and ssl_options.fail_if_no_peer_cert in rabbitmq_config",
        "versions": "ssl_options.versions and management.ssl.versions in rabbitmq_config",
        "login": "ssl_cert_login_from in rabbitmq_config",
        "listener": "a listener with TLS in rabbitmq_config",
        "plain": "the listener in rabbitmq_config",
    },
    "activemq": {
        "certificate": "activemq_tls_certificate",
        "key": "activemq_tls_key",
        "authority": "activemq_tls_client_authority",
        "clients": "activemq_tls_client_certificate_required",
        "versions": "transport.enabledProtocols in the options of activemq_connectors",
        "login": "activemq_users",
        "listener": "a connector with transport ssl in activemq_connectors",
        "plain": "the connector in activemq_connectors",
    },
}


def of_tls(kind: str | None) -> dict[str, str]:
    """Return the settings of a kind of broker by what they are for: of every kind, where it is unknown."""
    if kind is not None:
        return dict(_OF[kind])
    first, *others = _OF.values()
    return {what: " or ".join([name, *(other[what] for other in others)]) for what, name in first.items()}
