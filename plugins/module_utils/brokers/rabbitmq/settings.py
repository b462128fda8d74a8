"""Checks of a RabbitMQ node's settings, as sentences an operator can act on.

`refusals` needs nothing but the variables; `host_refusals` compares them with what was read of the host. Both are
pure and collect every error, so one run reports them all.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ..secret_words import is_placeholder
from . import listeners as client_listeners, metrics, tls, written_places
from .erlang_terms import TermError, term

Settings = dict[str, Any]

_COOKIE = re.compile(r"[A-Za-z0-9_/+=-]{20,255}\Z")  # what Erlang makes itself is base64 from OTP 25 on
_NODE = re.compile(r"[A-Za-z0-9_-]+@[A-Za-z0-9.-]+\Z")
_REWRITTEN_COOKIE = re.compile(r"[A-Z]{20}\Z")
_PLUGIN = re.compile(r"[a-z][a-z0-9_]*\Z")
_KEY = re.compile(r"[A-Za-z0-9_$-]+(\.[A-Za-z0-9_$-]+)*\Z")
# What cuttlefish 2.4 to 3.9 read back unchanged.
_VALUE = re.compile(r"(?! )[ -\"$-~]*(?<! )\Z")
_PLAIN_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\Z")  # no shell metacharacters
_LOOPBACK_USER = re.compile(r"[A-Za-z0-9._-]+\Z")
# Units that the broker's rabbit_resource_monitor_misc understands.
_AMOUNT = re.compile(r"\d+(k|kiB|M|MiB|G|GiB|kB|MB|GB|KB|T|TB|TiB)?\Z")
_PORTS = ("amqp", "management", "stomp", "prometheus", "epmd", "distribution")
_PLUGIN_OF = {
    "management": "rabbitmq_management",
    "stomp": "rabbitmq_stomp",
    "prometheus": "rabbitmq_prometheus",
}
_WITH_TLS = ("amqp", "management", "stomp", "prometheus")

# Keys of rabbitmq.conf that variables of the role write, and the variable to use instead.
OWNED_KEYS = {
    "listeners.tcp": "rabbitmq_amqp_port",
    "management.tcp": "rabbitmq_management_port",
    "management.listener": "rabbitmq_management_port",
    "stomp.listeners.tcp": "rabbitmq_stomp_port",
    "loopback_users": "rabbitmq_loopback_users",
    "vm_memory_high_watermark": "rabbitmq_memory_high_watermark",
    "disk_free_limit": "rabbitmq_disk_free_limit",
    "heartbeat": "rabbitmq_heartbeat",
    "channel_max": "rabbitmq_channel_max",
    "default_queue_type": "rabbitmq_default_queue_type",
    "log.file.level": "rabbitmq_log_level",
    "log.file.rotation.size": "rabbitmq_log_rotation_size",
    "log.file.rotation.count": "rabbitmq_log_rotation_count",
    "load_definitions": "rabbitmq_topology_* and `playbooks/rabbitmq.yml`; definitions imported at each "
    "boot would undo them",
    "default_user": "rabbitmq_admin_user",
    "default_pass": "rabbitmq_admin_password",
    "distribution.listener": "rabbitmq_distribution_port",
    **metrics.OWNED_KEYS,
}


def _address_refusals(settings: Settings) -> list[str]:
    found = []
    for what in _PORTS:
        name = f"rabbitmq_{what}_address"
        text = settings[name]
        try:
            parsed = ipaddress.ip_address(text) if text else None
        except ValueError:
            found.append(
                f"{name}: '{text}' is not an IP address; give one of the host's addresses, or '' "
                "for every interface"
            )
            continue
        if what == "distribution" and parsed is not None and parsed.version != 4:
            found.append(
                f"{name}: '{text}' is not an IPv4 address; Erlang's distribution is bound by IPv4 "
                "address here, or '' for every interface"
            )
    return found


def is_loopback(address: str) -> bool:
    """Return whether only the host itself can reach that address."""
    return address.startswith("127.") or address == "::1"


def _reach_refusals(settings: Settings) -> list[str]:
    """Return why other members could not reach a node that is to be in a cluster."""
    local = [
        name
        for name in ("rabbitmq_distribution_address", "rabbitmq_epmd_address")
        if is_loopback(settings[name])
    ]
    advanced = settings["rabbitmq_advanced_config"].get("rabbit")
    joins = [
        f"rabbitmq_config.{key}"
        for key in settings["rabbitmq_config"]
        if str(key).startswith("cluster_formation.")
    ]
    joins += [
        f"rabbitmq_advanced_config.rabbit.{key}"
        for key in ("cluster_formation", "cluster_nodes")
        if isinstance(advanced, dict) and key in advanced
    ]
    if not local or not joins:
        return []
    return [
        f"{local[0]}: {settings[local[0]]} lets no other member reach the node, which {joins[0]} makes one of a "
        "cluster; set rabbitmq_distribution_address and rabbitmq_epmd_address to the address that the members use, or "
        "both to '' for every interface"
    ]


def listeners(settings: Settings) -> list[dict[str, Any]]:
    """Return the listeners that the settings ask for: name of the variable's middle part, address ('' is any), port."""
    plugins = settings["rabbitmq_plugins"]
    there = [what for what in _PORTS if _PLUGIN_OF.get(what) is None or _PLUGIN_OF[what] in plugins]
    names = [(what, what) for what in there if not (what in _WITH_TLS and tls.is_only(settings))]
    if tls.is_on(settings):  # with TLS on the same address
        names += [(f"tls_{what}", what) for what in there if what in _WITH_TLS]
    return [
        {
            "name": name,
            "address": settings[f"rabbitmq_{what}_address"],
            "port": settings[f"rabbitmq_{name}_port"],
        }
        for name, what in names
    ]


def _is_open(address: str) -> bool:
    return address in ("", "::", "0.0.0.0")  # noqa: S104 - compared with, not bound to


def _overlap(one: str, other: str) -> bool:
    return one == other or _is_open(one) or _is_open(other)


def _port_refusals(settings: Settings) -> list[str]:
    found: list[str] = []
    seen: list[dict[str, Any]] = []
    for item in listeners(settings):
        name, port = f"rabbitmq_{item['name']}_port", item["port"]
        if not 1 <= port <= 65535:
            found.append(f"{name}: {port} is not a TCP port; choose one from 1 to 65535")
            continue
        for other in seen:
            if other["port"] == port and _overlap(item["address"], other["address"]):
                found.append(
                    f"{name}: {port} is rabbitmq_{other['name']}_port as well; give one of the two "
                    "another port"
                )
        seen.append(item)
    return found


def _secret_refusals(settings: Settings) -> list[str]:
    found = []
    cookie = settings["rabbitmq_erlang_cookie"]
    if not _COOKIE.match(cookie):
        found.append(
            f"rabbitmq_erlang_cookie: has {len(cookie)} characters or characters that are not "
            "letters, digits, '_', '-', '/', '+' and '='; "
            "give 20 to 255 of them, for example the output of `openssl rand -hex 24`"
        )
    elif is_placeholder(cookie) or len(set(cookie)) < 6:
        found.append(
            "rabbitmq_erlang_cookie: is a placeholder that others know too; use the output of "
            "`openssl rand -hex 24`"
        )
    elif _REWRITTEN_COOKIE.match(cookie):
        # debian/rabbitmq-server.postinst, from 3.10.8 on, takes such a cookie for one that Erlang made by itself.
        found.append(
            "rabbitmq_erlang_cookie: is 20 capital letters, and Debian's package replaces such a cookie at its next "
            "upgrade, which tears a cluster apart; use the output of `openssl rand -hex 24`"
        )
    password, user = settings["rabbitmq_admin_password"], settings["rabbitmq_admin_user"]
    if not password:
        found.append(
            "rabbitmq_admin_password: is empty; set it in your vault, the broker is never "
            "left with an account without a password"
        )
    elif is_placeholder(password) or password == user:
        found.append("rabbitmq_admin_password: is a placeholder or the user's own name; choose another one")
    if not user or len(user.encode()) > 255 or user != user.strip():
        found.append(
            f"rabbitmq_admin_user: '{user}' is not a user name; give 1 to 255 bytes without "
            "blanks around them"
        )
    if user == "guest":
        found.append("rabbitmq_admin_user: 'guest' is the account everybody tries first; choose another name")
    return found


def _range(settings: Settings, name: str, low: int, high: int, unit: str) -> list[str]:
    value = settings[name]
    if low <= value <= high:
        return []
    return [f"{name}: {value} is out of range; choose {low} to {high} {unit}".rstrip()]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _limit_refusals(settings: Settings) -> list[str]:
    found = _range(settings, "rabbitmq_heartbeat", 0, 65535, "seconds")
    found += _range(settings, "rabbitmq_channel_max", 1, 65535, "channels")
    found += _range(settings, "rabbitmq_open_files_limit", 1024, 1 << 20, "descriptors")
    found += _range(settings, "rabbitmq_start_timeout", 10, 3600, "seconds")
    found += _range(settings, "rabbitmq_log_rotation_size", 0, 1 << 40, "bytes")
    found += _range(settings, "rabbitmq_log_rotation_count", 0, 10000, "files")
    found += _range(settings, "rabbitmq_mnesia_dump_log_write_threshold", 0, 1 << 31, "writes")
    found += _range(settings, "rabbitmq_mnesia_dc_dump_limit", 0, 1 << 31, "")
    watermark = settings["rabbitmq_memory_high_watermark"]
    share = _number(watermark)
    if not _AMOUNT.match(watermark) or share is not None:
        if share is None:
            found.append(
                f"rabbitmq_memory_high_watermark: '{watermark}' is neither a share nor an amount; "
                "write 0.4 or 2GB"
            )
        elif not 0 < share <= 1:
            found.append(
                f"rabbitmq_memory_high_watermark: {watermark} is not a share of the memory between "
                "0 and 1; write 0.4, or an amount with its unit such as 2GB"
            )
    disk = settings["rabbitmq_disk_free_limit"]
    if not _AMOUNT.match(disk) and (_number(disk) or 0) <= 0:
        found.append(
            f"rabbitmq_disk_free_limit: '{disk}' is neither an amount nor a multiple of the "
            "memory; write 2GB or 1.5"
        )
    return found


def _name_refusals(settings: Settings) -> list[str]:
    found = []
    node = settings["rabbitmq_node_name"]
    if node and not _NODE.match(node):
        found.append(
            f"rabbitmq_node_name: '{node}' is not a node name; write it as name@host, or '' "
            "for rabbit@ and the host's short name"
        )
    plugins = settings["rabbitmq_plugins"]
    found += [
        f"rabbitmq_plugins: '{name}' is not a plugin's name; `rabbitmq-plugins list` prints them"
        for name in plugins
        if not _PLUGIN.match(str(name))
    ]
    found += [
        f"rabbitmq_plugins: '{name}' is listed twice; remove one"
        for name in sorted(set(plugins))
        if plugins.count(name) > 1
    ]
    found += [
        f"rabbitmq_plugins_disable: '{name}' is in rabbitmq_plugins as well; take it out of one of the two"
        for name in settings["rabbitmq_plugins_disable"]
        if name in plugins
    ]
    if settings["rabbitmq_config_format"] == "conf":
        found += [
            f"rabbitmq_loopback_users: '{name}' cannot be written as a key of rabbitmq.conf; "
            "use letters, digits, '.', '_' and '-', or rabbitmq_config_format classic"
            for name in settings["rabbitmq_loopback_users"]
            if not _LOOPBACK_USER.match(str(name))
        ]
    for name, target in settings["rabbitmq_hosts_entries"].items():
        try:
            ipaddress.ip_address(str(target))
        except ValueError:
            found.append(
                f"rabbitmq_hosts_entries.{name}: '{target}' is not an IP address; write name: address"
            )
    return found


def _owner(key: str, settings: Settings) -> str | None:
    parts = key.split(".")
    owned = {**OWNED_KEYS, **(tls.OWNED_KEYS if tls.is_on(settings) else {})}
    beginnings = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((owned[one] for one in beginnings if one in owned), None)


def _free_config_refusals(settings: Settings) -> list[str]:
    found = []
    classic = settings["rabbitmq_config_format"] == "classic"
    if classic and settings["rabbitmq_config"]:
        found.append(
            "rabbitmq_config: holds keys of rabbitmq.conf, which format 'classic' does not "
            "write; put them in rabbitmq_advanced_config as Erlang settings"
        )
    for key, value in settings["rabbitmq_config"].items():
        if not _KEY.match(str(key)):
            found.append(
                f"rabbitmq_config: '{key}' is not a key of rabbitmq.conf; write it with dots, as "
                "in queue_master_locator or mqtt.listeners.tcp.default"
            )
        elif owner := _owner(str(key), settings):
            found.append(f"rabbitmq_config.{key}: is written by the role already; use {owner}")
        if isinstance(value, (dict, list)) or value is None:
            found.append(
                f"rabbitmq_config.{key}: {'null' if value is None else type(value).__name__} is "
                "not a value of rabbitmq.conf; give a string, a number or a boolean"
            )
        elif not _VALUE.match(str(value)):
            found.append(
                f"rabbitmq_config.{key}: the value holds a line break, a '#' (a comment begins "
                "there), blanks at an end or letters that are not ASCII, "
                "and the broker would read another value; set it in rabbitmq_advanced_config"
            )
    for app, content in settings["rabbitmq_advanced_config"].items():
        if not isinstance(content, dict):
            found.append(
                f"rabbitmq_advanced_config.{app}: is {type(content).__name__}; give a mapping of "
                "the application's settings"
            )
            continue
        try:
            term(content, f"rabbitmq_advanced_config.{app}")
        except TermError as error:
            found.append(str(error))
    return found


def _former_admin_refusals(settings: Settings, declared: Any) -> list[str]:
    """Return why a user must not be removed as a former administrator."""
    users = [user for user in declared if isinstance(user, dict)] if isinstance(declared, list) else []
    kept = {user.get("name") for user in users if user.get("state") != "absent"}
    found = []
    for name in settings["rabbitmq_former_admin_users"]:
        if name == settings["rabbitmq_admin_user"]:
            found.append(
                f"rabbitmq_former_admin_users: '{name}' is rabbitmq_admin_user, the administrator in use; take it out"
            )
        elif name in kept:
            found.append(
                f"rabbitmq_former_admin_users: '{name}' is declared in rabbitmq_topology_users; take it out of one of "
                "the two"
            )
        elif not _PLAIN_USER.match(name):
            found.append(
                f"rabbitmq_former_admin_users: '{name}' has letters that Debian's rabbitmqctl, a shell script, may "
                "take for something else; declare it in rabbitmq_topology_users with state: absent"
            )
    return found


def refusals(settings: Settings, declared_users: Any = ()) -> list[str]:
    """Return everything that is wrong with the variables alone, one sentence each; an empty list when nothing is.

    The values have the types of the role's argument specs (see `arguments`); `declared_users` are the topology's.
    """
    found = _secret_refusals(settings) + _name_refusals(settings)
    found += _former_admin_refusals(settings, declared_users)
    found += _address_refusals(settings) or _reach_refusals(settings)
    found += _port_refusals(settings) + _environment_refusals(settings)
    found += _limit_refusals(settings) + _free_config_refusals(settings)
    found += written_places.refusals(settings) + tls.refusals(settings) + metrics.refusals(settings)
    return found or client_listeners.plain_refusals(settings)


# Names of rabbitmq-env.conf, without the prefix RABBITMQ_, and what says it instead.
_OWNED_ENVIRONMENT = {
    "NODENAME": "rabbitmq_node_name",
    "USE_LONGNAME": "rabbitmq_node_name",
    "DIST_PORT": "rabbitmq_distribution_port",
    "NODE_PORT": "rabbitmq_amqp_port",
    "NODE_IP_ADDRESS": "rabbitmq_amqp_address",
    "ERL_EPMD_PORT": "rabbitmq_epmd_port",
    "ERL_EPMD_ADDRESS": "rabbitmq_epmd_address",
    "ERL_CRASH_DUMP_SECONDS": "rabbitmq_crash_dumps",
    "ENABLED_PLUGINS": "rabbitmq_plugins",
}
_FIXED_PLACES = frozenset(
    {
        "MNESIA_BASE",
        "MNESIA_DIR",
        "CONFIG_FILE",
        "CONFIG_FILES",
        "ADVANCED_CONFIG_FILE",
        "ENABLED_PLUGINS_FILE",
        "LOAD_DEFINITIONS",
        "FEATURE_FLAGS_FILE",
    }
)
_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def _environment_refusals(settings: Settings) -> list[str]:
    found = []
    for key, value in settings["rabbitmq_environment"].items():
        name = str(key)[len("RABBITMQ_") :] if str(key).startswith("RABBITMQ_") else str(key)
        where = f"rabbitmq_environment.{key}"
        if not _SHELL_NAME.match(str(key)):
            found.append(f"{where}: is not a name of a shell variable; use letters, digits and '_'")
        elif name in _OWNED_ENVIRONMENT:
            found.append(f"{where}: is written by the role already; use {_OWNED_ENVIRONMENT[name]}")
        elif name in _FIXED_PLACES:
            found.append(
                f"{where}: would have the node look for its data or files elsewhere than this role does; drop it"
            )
        elif name == "SERVER_ADDITIONAL_ERL_ARGS" and not _is_open(settings["rabbitmq_distribution_address"]):
            found.append(
                f"{where}: is what binds the node to rabbitmq_distribution_address; set that to '', or put the "
                "settings into rabbitmq_advanced_config"
            )
        elif name in ("ERL_INETRC", "CTL_ERL_ARGS") and is_loopback(
            settings["rabbitmq_distribution_address"]
        ):
            found.append(
                f"{where}: is what lets the node and its tools find each other on rabbitmq_distribution_address; drop "
                "it, or set that to ''"
            )
        if not isinstance(value, (str, int, float)) or isinstance(value, bool) or "\n" in str(value):
            found.append(
                f"{where}: is not one line of text; give it as the shell reads it, quoted where it has blanks"
            )
    return found
