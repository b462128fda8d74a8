"""Checks of an ActiveMQ broker's settings, as sentences an operator can act on.

`refusals` needs nothing but the variables and collects every error, so one run reports them all.
"""

from __future__ import annotations

import re

from ..host.sandbox import path_refusals
from .access import Settings, account_refusals, authorization_refusals, key_refusals, password_refusals
from .connectors import NAME, connector_refusals
from .management import management_refusals, own_collisions

_INSTANCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}\Z")
_BROKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_NETWORK_KEYS = frozenset({"name", "brokers", "user", "password", "duplex", "options"})
_PLACE = re.compile(r"(ssl://)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}\Z")
# What org.apache.activemq.util.XBeanByteConverterUtil reads.
_AMOUNT = re.compile(r"\d+ ?(k|kb|m|mb|g|gb)?\Z", re.IGNORECASE)
_HEAP = re.compile(r"\d+[kKmMgG]\Z")
_VERSION = re.compile(r"\d+(\.\d+){1,2}\Z")


def static_uri(brokers: list[str]) -> str:
    """Return the URI of a bridge that goes to the first of `brokers` that answers, and back to it.

    Each is host:port, with ssl:// before it for TLS.
    """
    places = ",".join(broker if "://" in broker else f"tcp://{broker}" for broker in brokers)
    return f"static:({places})" if len(brokers) == 1 else f"masterslave:({places})"


def _range(settings: Settings, name: str, low: int, high: int, unit: str) -> list[str]:
    value = settings[name]
    return [] if low <= value <= high else [f"{name}: {value} is out of range; choose {low} to {high} {unit}"]


def _limit_refusals(settings: Settings) -> list[str]:
    found = _range(settings, "activemq_memory_percent", 1, 90, "per cent of the heap")
    found += _range(settings, "activemq_maximum_connections", 1, 1 << 20, "connections")
    found += _range(settings, "activemq_maximum_frame_size", 1024, (1 << 31) - 1, "bytes")
    found += _range(settings, "activemq_open_files_limit", 1024, 1 << 20, "descriptors")
    found += _range(settings, "activemq_start_timeout", 10, 3600, "seconds")
    found += _range(settings, "activemq_stop_timeout", 10, 3600, "seconds")
    for name in ("activemq_store_limit", "activemq_temporary_limit"):
        if not _AMOUNT.match(settings[name]):
            found.append(f"{name}: '{settings[name]}' is not an amount; write 10 gb or 512 mb")
    if not _HEAP.match(settings["activemq_heap"]):
        found.append(
            f"activemq_heap: '{settings['activemq_heap']}' is not an amount of the JVM; write 512m or 2g"
        )
    return found


def _name_refusals(settings: Settings) -> list[str]:
    found = []
    if not _INSTANCE.match(settings["activemq_instance"]):
        found.append(
            f"activemq_instance: '{settings['activemq_instance']}' is not an instance's name; use small "
            "letters, digits, '_' and '-'"
        )
    if settings["activemq_broker_name"] and not _BROKER.match(settings["activemq_broker_name"]):
        found.append(
            f"activemq_broker_name: '{settings['activemq_broker_name']}' is not a broker's name; use "
            "letters, digits, '.', '_' and '-'"
        )
    if settings["activemq_version"] and not _VERSION.match(settings["activemq_version"]):
        found.append(
            f"activemq_version: '{settings['activemq_version']}' is not a version; write 5.17.6, its "
            "beginning 5.17, or '' for what the package source holds"
        )
    for name in ("activemq_data_directory", "activemq_store_directory"):
        if settings[name] and (
            not settings[name].startswith("/") or re.search(r"[\s%$\\\"']", settings[name])
        ):
            found.append(
                f"{name}: '{settings[name]}' is not usable as a directory; give an absolute path without "
                "blanks, quotes, '%', '$' and backslashes"
            )
    for option in settings["activemq_java_options"]:
        if not str(option).startswith("-") or "\n" in str(option):
            found.append(
                f"activemq_java_options: '{option}' is not an option of java; each begins with '-', one to "
                "an entry"
            )
        elif str(option).startswith(("-Xmx", "-Xms")):
            found.append(
                f"activemq_java_options: '{option}' is written by the role already; use activemq_heap"
            )
    return found


def _archive_setting_refusals(settings: Settings) -> list[str]:
    """Return what is wrong with the broker's package or archive source."""
    found = []
    version, source = settings["activemq_version"], settings["activemq_archive_source"]
    if settings["activemq_installation"] == "package":
        return [
            f"{name}: is not used with activemq_installation 'package'; set that to archive, or drop the "
            "variable"
            for name in ("activemq_archive_url", "activemq_archive_file", "activemq_archive_checksum")
            if settings[name]
        ]
    if not re.match(r"\d+\.\d+\.\d+\Z", version):
        found.append(
            f"activemq_version: '{version}' does not name one archive; write all three numbers, 6.3.2"
        )
    for name in ("url", "file"):
        given = settings[f"activemq_archive_{name}"]
        if source == name and not given:
            found.append(f"activemq_archive_{name}: is empty; activemq_archive_source '{name}' needs it")
        if source != name and given:
            found.append(
                f"activemq_archive_{name}: is not used with activemq_archive_source '{source}'; set that "
                f"to {name}, "
                "or drop the variable"
            )
    checksum = settings["activemq_archive_checksum"]
    if checksum and not re.match(r"(sha512:[0-9a-f]{128}|sha256:[0-9a-f]{64})\Z", checksum):
        found.append(
            "activemq_archive_checksum: is not a checksum; write sha512: and the 128 hexadecimal digits in "
            "the file "
            ".sha512 beside the archive on Apache's download site"
        )
    return found


def archive_refusals(settings: Settings, known: dict[str, str]) -> list[str]:
    """Return why an archive could not be trusted; `known` has the checksums that the role brings, by version."""
    version = settings["activemq_version"]
    if (
        settings["activemq_installation"] == "package"
        or settings["activemq_archive_checksum"]
        or version in known
    ):
        return []
    return [
        f"activemq_archive_checksum: is empty, and no checksum of ActiveMQ {version} is known here (known "
        "are "
        f"{', '.join(known)}); write sha512: and what the file .sha512 beside the archive on Apache's "
        "download site says"
    ]


def _network_refusals(settings: Settings) -> list[str]:
    found: list[str] = []
    names: set[str] = set()
    for index, other in enumerate(settings["activemq_network"]):
        where = f"activemq_network[{index}]"
        wrong = key_refusals(where, other, _NETWORK_KEYS)
        if wrong:
            found += wrong
            continue
        if not NAME.match(str(other.get("name", ""))) or other["name"] in names:
            found.append(
                f"{where}.name: '{other.get('name')}' is not a name of its own; give one that begins with a letter"
            )
        names.add(str(other.get("name")))
        brokers = other.get("brokers")
        if not isinstance(brokers, list) or not brokers:
            found.append(f"{where}.brokers: is not a list of brokers; write [host:61616]")
        else:
            found += [
                f"{where}.brokers: '{place}' is not host:port; name an OpenWire connector, such as "
                "mq2.example.org:61616"
                for place in brokers
                if not _PLACE.match(str(place))
            ]
        if not isinstance(other.get("user"), str) or not other["user"]:
            found.append(f"{where}.user: is empty; name a user of both brokers, nobody gets in without one")
        found += password_refusals(f"{where}.password", str(other.get("user")), other.get("password"))
        if str(other.get("password", "")).startswith("#"):
            found.append(
                f"{where}.password: begins with '#', which activemq.xml takes for a bean's name; choose another"
            )
        if not isinstance(other.get("options", {}), dict):
            found.append(
                f"{where}.options: is {type(other['options']).__name__}; give a mapping such as {{networkTTL: 2}}"
            )
    return found


def _policy_refusals(settings: Settings) -> list[str]:
    found = []
    for index, policy in enumerate(settings["activemq_destination_policies"]):
        where = f"activemq_destination_policies[{index}]"
        if not isinstance(policy, dict) or len({"queue", "topic"} & set(policy)) != 1:
            found.append(
                f"{where}: does not name one queue or one topic; begin it with queue: or topic: and a "
                "pattern such as orders.>"
            )
            continue
        for key, value in policy.items():
            if isinstance(value, (dict, list)) or value is None:
                found.append(
                    f"{where}.{key}: is {type(value).__name__}; an attribute of policyEntry is a text, a "
                    "number or a boolean; nested elements go into 'xml'"
                )
    for key, value in settings["activemq_kahadb"].items():
        if isinstance(value, (dict, list)) or value is None:
            found.append(
                f"activemq_kahadb.{key}: is {type(value).__name__}; an attribute of kahaDB is a text, a "
                "number or a boolean"
            )
        if key == "directory":
            found.append(
                "activemq_kahadb.directory: is written by the role already; use activemq_data_directory"
            )
    return found


def refusals(settings: Settings) -> list[str]:
    """Return every error of the variables alone, one sentence each; an empty list if there is none.

    The values have the types that the role's argument specs say (see `arguments`).
    """
    found = (
        _name_refusals(settings)
        + _archive_setting_refusals(settings)
        + account_refusals(settings)
        + authorization_refusals(settings)
    )
    found += connector_refusals(settings) + management_refusals(settings)
    found += _limit_refusals(settings) + _network_refusals(settings) + _policy_refusals(settings)
    found += path_refusals("activemq_writable_paths", settings["activemq_writable_paths"])
    return found or own_collisions(settings)
