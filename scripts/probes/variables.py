"""What the roles call the settings of TLS, for remedies that name the right one for the broker at hand."""

from __future__ import annotations

from collections.abc import Mapping

_OF: Mapping[str, Mapping[str, str]] = {
    "rabbitmq": {
        "certificate": "rabbitmq_tls_certificate",
        "key": "rabbitmq_tls_key",
        "authority": "rabbitmq_tls_client_authority",
        "clients": "rabbitmq_tls_client_certificates",
        "versions": "rabbitmq_tls_versions",
        "login": "rabbitmq_tls_login",
        "listener": "a listener with TLS (rabbitmq_tls)",
        "plain": "rabbitmq_tls: only, or the listener in rabbitmq_config",
    },
    "activemq": {
        "certificate": "activemq_tls_certificate",
        "key": "activemq_tls_key",
        "authority": "activemq_tls_client_authority",
        "clients": "activemq_tls_client_certificates",
        "versions": "activemq_tls_versions, or transport.enabledProtocols in activemq_connectors",
        "login": "activemq_users",
        "listener": "a listener with TLS (activemq_tls, or a transport in activemq_connectors)",
        "plain": "activemq_tls: only, or the connector in activemq_connectors",
    },
}


def of_tls(kind: str | None) -> dict[str, str]:
    """Return the settings of a kind of broker by what they are for: of every kind, where it is unknown."""
    if kind is not None:
        return dict(_OF[kind])
    first, *others = _OF.values()
    return {what: " or ".join([name, *(other[what] for other in others)]) for what, name in first.items()}
