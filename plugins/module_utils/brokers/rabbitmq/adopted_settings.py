"""Converts the settings of a node set up by hand into variables of the role rabbitmq.

Pure. What the node runs on decides (its environment, asked of itself); its files say what was meant to be set at all. A
setting that a variable expresses becomes that variable; any other one is carried over as it stands, in
rabbitmq_config, rabbitmq_advanced_config or rabbitmq_environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..secret_words import is_secret_key
from . import written_places
from .settings import OWNED_KEYS

Found = Mapping[str, Any]
TEMPLATE = re.compile(r"\{[{%#]")
_LINE = re.compile(r"\s*([^#\s=][^=]*?)\s*=\s*(.*?)\s*\Z")
_VARIABLE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*\Z")
_PASSWORD_IN_URI = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_IP = re.compile(r"[0-9.]+\Z|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*\Z")
_LEVELS = ("log.file.level", "log.level", "log.default.level")

# Covered by role variables, whatever their name in rabbitmq-env.conf.
SAID_IN_ENVIRONMENT = frozenset(
    {
        "NODENAME",
        "USE_LONGNAME",
        "DIST_PORT",
        "NODE_PORT",
        "NODE_IP_ADDRESS",
        "ERL_EPMD_PORT",
        "ERL_EPMD_ADDRESS",
        "ERL_CRASH_DUMP_SECONDS",
    }
)
# Erlang settings that have a role variable, or matter only at the first boot.
_SAID_IN_TERMS = {
    "rabbit": ("vm_memory_high_watermark", "disk_free_limit", "heartbeat", "channel_max", "loopback_users"),
    "kernel": ("inet_dist_listen_min", "inet_dist_listen_max", "inet_dist_use_interface"),
}
_FIRST_BOOT_TERMS = ("default_user", "default_pass", "load_definitions")


class NotAdoptable(Exception):
    """A setting that cannot be expressed as a variable; the message says which, and what to do."""


@dataclass(frozen=True)
class Reference:
    """A secret in the vault, by the variable's name there."""

    name: str


@dataclass
class Adopted:
    """The variables, the secrets that they refer to, and notes on both."""

    variables: dict[str, Any] = field(default_factory=dict)
    vault: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def secret(self, name: str, value: Any) -> Reference:
        """Move a value to the vault."""
        self.vault[name] = value
        return Reference(name)


def conf_keys(text: str) -> dict[str, str]:
    """Return the keys of a rabbitmq.conf as the broker reads them: comments gone, the last of two counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.match(line.partition("#")[0] if "'" not in line else line)
        if match:
            found.pop(match[1], None)
            found[match[1]] = match[2]
    return found


def environment(text: str) -> dict[str, str]:
    """Return the settings of rabbitmq-env.conf without a role variable; values as the shell reads them."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    pairs = (match for match in map(_VARIABLE.match, lines) if match)
    return {
        match[1]: match[2] for match in pairs if match[1].removeprefix("RABBITMQ_") not in SAID_IN_ENVIRONMENT
    }


def _endpoint(listener: Any) -> tuple[str, int] | None:
    """Return address ('' is any) and port of a listener that two variables can express."""
    if isinstance(listener, int):
        return "", listener
    parts = listener.get("_tuple", []) if isinstance(listener, dict) else []
    if len(parts) == 2 and parts[0] == "auto":  # what RabbitMQ writes for every interface
        return "", int(parts[1])
    if len(parts) == 2 and isinstance(parts[0], str) and _IP.match(parts[0]):
        return parts[0], int(parts[1])
    return None


def _listeners(adopted: Adopted, what: str, application: str, listeners: Any, terms: dict[str, Any]) -> None:
    """Set the two variables of a protocol; listeners that they cannot express are carried over as a term."""
    known = [one for one in map(_endpoint, listeners or []) if one is not None]
    if known:
        adopted.variables[f"rabbitmq_{what}_address"], adopted.variables[f"rabbitmq_{what}_port"] = known[0]
    if len(listeners or []) != 1 or len(known) != 1:
        terms.setdefault(application, {})["tcp_listeners"] = listeners or []
        adopted.notes.append(
            f"The node has {len(listeners or [])} listeners for {what}: rabbitmq_advanced_config holds them, and the "
            f"variables rabbitmq_{what}_* name one of them for the clients."
        )
    else:
        _drop(terms, application, "tcp_listeners")


def _drop(terms: dict[str, Any], application: str, *keys: str) -> None:
    for key in keys:
        terms.get(application, {}).pop(key, None)
    if terms.get(application) == {}:
        del terms[application]


def _management(adopted: Adopted, found: Found, terms: dict[str, Any]) -> None:
    tcp = found["tcp_config"] or {}
    legacy = found["listener"] if isinstance(found["listener"], dict) else {}
    held = tcp or {key: value for key, value in legacy.items() if key != "ssl"}
    adopted.variables["rabbitmq_management_port"] = held.get("port", 15672)
    address = held.get("ip", "")
    adopted.variables["rabbitmq_management_address"] = address if isinstance(address, str) else ""
    if not tcp and found["ssl_config"]:
        adopted.variables["rabbitmq_management_address"] = "127.0.0.1"
        adopted.notes.append(
            "The management API answers over HTTPS alone; this role opens plain HTTP on 127.0.0.1 too."
        )
    if isinstance(address, str) and set(held) <= {"port", "ip"}:
        _drop(terms, "rabbitmq_management", "tcp_config", "listener")
    else:
        _drop(terms, "rabbitmq_management", "listener")
        terms.setdefault("rabbitmq_management", {})["tcp_config"] = {"port": 15672, **held}


def _metrics(adopted: Adopted, keys: Mapping[str, str], terms: dict[str, Any]) -> None:
    """Set the variables of the Prometheus plugin from rabbitmq.conf, and from the Erlang settings laid over it."""
    held = terms.get("rabbitmq_prometheus", {})
    tcp = held.get("tcp_config") or {
        name: keys[f"prometheus.tcp.{name}"] for name in ("port", "ip") if f"prometheus.tcp.{name}" in keys
    }
    address = tcp.get("ip", "")
    adopted.variables["rabbitmq_prometheus_port"] = int(tcp.get("port", 15692))
    adopted.variables["rabbitmq_prometheus_address"] = address if isinstance(address, str) else ""
    login = (held.get("authentication") or {}).get("enabled", keys.get("prometheus.authentication.enabled"))
    for name, value in (
        (
            "per_object",
            held.get("return_per_object_metrics", keys.get("prometheus.return_per_object_metrics")),
        ),
        ("authentication", login),
    ):
        if str(value).lower() == "true":
            adopted.variables[f"rabbitmq_prometheus_{name}"] = True
    if isinstance(address, str) and set(tcp) <= {"port", "ip"}:
        _drop(terms, "rabbitmq_prometheus", "tcp_config")
    _drop(terms, "rabbitmq_prometheus", "return_per_object_metrics", "authentication")


def _limit(value: Any) -> str:
    """Return a watermark or a limit of the disk as its variable writes it."""
    if isinstance(value, dict):
        value = value["_tuple"][1]
    return str(value)


def _limits(adopted: Adopted, rabbit: Found) -> None:
    variables = adopted.variables
    variables["rabbitmq_memory_high_watermark"] = _limit(rabbit["vm_memory_high_watermark"])
    variables["rabbitmq_disk_free_limit"] = _limit(rabbit["disk_free_limit"])
    variables["rabbitmq_heartbeat"] = rabbit["heartbeat"]
    variables["rabbitmq_channel_max"] = rabbit["channel_max"]
    variables["rabbitmq_loopback_users"] = [user["_binary"] for user in rabbit["loopback_users"]]


def _address_of(value: Any) -> str:
    """Return the address of inet_dist_use_interface, a tuple of numbers or a text."""
    if isinstance(value, dict) and "_tuple" in value:
        return ".".join(map(str, value["_tuple"]))
    return value if isinstance(value, str) else ""


def _unknown(value: Any, where: str) -> None:
    if isinstance(value, dict):
        if "_unknown" in value:
            raise NotAdoptable(
                f"{where}: {value['_unknown'][:80]} has no form in rabbitmq_advanced_config; take it out of the node's "
                "configuration, or leave the node to whoever set it up"
            )
        for key, part in value.items():
            _unknown(part, f"{where}.{key}")
    elif isinstance(value, list):
        for part in value:
            _unknown(part, where)


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(is_secret_key(str(key)) or _holds_secret(part) for key, part in value.items())
    if isinstance(value, list):
        return any(map(_holds_secret, value))
    return isinstance(value, str) and _PASSWORD_IN_URI.search(value) is not None


def _owner(key: str) -> str | None:
    parts = key.split(".")
    names = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((name for name in names if name in OWNED_KEYS), None)


def _free_keys(adopted: Adopted, keys: Mapping[str, str]) -> dict[str, Any]:
    """Return the keys of rabbitmq.conf without a role variable, secrets in the vault."""
    config: dict[str, Any] = {}
    for key, value in keys.items():
        owner = _owner(key)
        if owner in ("default_user", "default_pass", "load_definitions"):
            adopted.notes.append(
                f"{key} is not taken over: it is for a node without data, and would undo what is declared."
            )
        elif owner is None:
            secret = is_secret_key(key) or _PASSWORD_IN_URI.search(value)
            name = "vault_rabbitmq_config_" + re.sub(r"[^A-Za-z0-9]+", "_", key)
            config[key] = adopted.secret(name, value) if secret else value
    return config


def adopt(found: Found) -> Adopted:
    """Return a node's settings as variables.

    `found`: node (the answer to SETTINGS), texts of the files, epmd (addresses it listens on), unit (its limits).
    """
    node, texts = found["node"], found["texts"]
    adopted = Adopted()
    variables = adopted.variables
    classic = any(path.endswith("/rabbitmq.config") for path in node["files"])
    keys = {} if classic else conf_keys(texts.get("/etc/rabbitmq/rabbitmq.conf", ""))
    terms: dict[str, Any] = {}
    for held in node["terms"].values():
        for application, settings in (held or {}).items():
            terms.setdefault(application, {}).update(settings or {})

    variables["rabbitmq_node_name"] = node["node"]
    variables["rabbitmq_plugins"] = sorted(node["enabled"])
    _network(adopted, found)
    _listeners(adopted, "amqp", "rabbit", node["rabbit"]["tcp_listeners"], terms)
    if "rabbitmq_stomp" in node["enabled"]:
        _listeners(adopted, "stomp", "rabbitmq_stomp", node["stomp"], terms)
    if "rabbitmq_management" in node["enabled"]:
        _management(adopted, node["management"], terms)
    if "rabbitmq_prometheus" in node["enabled"]:
        _metrics(adopted, keys, terms)
    _limits(adopted, node["rabbit"])
    for application, said in _SAID_IN_TERMS.items():
        _drop(terms, application, *said)
    dropped = [key for key in _FIRST_BOOT_TERMS if key in terms.get("rabbit", {})]
    _drop(terms, "rabbit", *dropped)
    adopted.notes += [f"{key} is not taken over: it is for a node without data." for key in dropped]
    _log(adopted, keys, terms)
    if keys.get("default_queue_type"):
        variables["rabbitmq_default_queue_type"] = keys["default_queue_type"]

    variables["rabbitmq_config_format"] = "classic" if classic else "conf"
    config = _free_keys(adopted, keys)
    if config:
        variables["rabbitmq_config"] = config
    _unknown(terms, "rabbitmq_advanced_config")
    if terms:
        name = "vault_rabbitmq_advanced_config"
        variables["rabbitmq_advanced_config"] = adopted.secret(name, terms) if _holds_secret(terms) else terms
    extra = environment(texts.get("/etc/rabbitmq/rabbitmq-env.conf", ""))
    if extra:
        variables["rabbitmq_environment"] = {
            name: adopted.secret(f"vault_rabbitmq_environment_{name}", value)
            if is_secret_key(name)
            else value
            for name, value in extra.items()
        }
    places = written_places.directories(keys, extra)
    if places:
        variables["rabbitmq_writable_paths"] = sorted({*places.values()})
    variables["rabbitmq_crash_dumps"] = node["crash_dump_seconds"] != "0"
    variables["rabbitmq_open_files_limit"] = found["unit"]["files"]
    if found["unit"]["start_timeout"]:
        variables["rabbitmq_start_timeout"] = found["unit"]["start_timeout"]
    variables["rabbitmq_erlang_cookie"] = adopted.secret("vault_rabbitmq_erlang_cookie", found["cookie"])
    return adopted


def _network(adopted: Adopted, found: Found) -> None:
    node = found["node"]
    adopted.variables["rabbitmq_epmd_port"] = int(node["epmd_port"] or 4369)
    addresses = [one for one in found["epmd"] if one not in ("127.0.0.1", "::1")]
    everywhere = {"0.0.0.0", "::"} & set(addresses)  # noqa: S104 - compared with, not bound to
    loopback = "127.0.0.1" if found["epmd"] else ""
    adopted.variables["rabbitmq_epmd_address"] = (
        "" if everywhere else (addresses[0] if addresses else loopback)
    )
    adopted.variables["rabbitmq_distribution_port"] = node["distribution_port"] or 25672
    adopted.variables["rabbitmq_distribution_address"] = _address_of(node["distribution_address"])


def _log(adopted: Adopted, keys: Mapping[str, str], terms: Mapping[str, Any]) -> None:
    level = next((keys[key] for key in _LEVELS if key in keys), "info")
    held = terms.get("rabbit", {}).get("log")
    file = held.get("file") if isinstance(held, dict) else None
    if isinstance(file, dict) and isinstance(file.get("level"), dict):
        level = file["level"].get("_atom", level)
    adopted.variables["rabbitmq_log_level"] = level
    size = keys.get("log.file.rotation.size", "0")
    adopted.variables["rabbitmq_log_rotation_size"] = int(size) if size.isdigit() else 0
    if size.isdigit() and int(size):
        adopted.variables["rabbitmq_log_rotation_count"] = int(keys.get("log.file.rotation.count", "10"))


def _text(value: Any, depth: int) -> str:
    """A value as YAML: mappings in lines of their own, the rest as JSON, texts that look like templates marked."""
    if isinstance(value, Reference):
        return f'"{{{{ {value.name} }}}}"'
    if isinstance(value, dict) and value and not next(iter(value)).startswith("_"):
        lines = [f"{'  ' * depth}{_key(str(key))}: {_text(part, depth + 1)}" for key, part in value.items()]
        return "\n" + "\n".join(lines)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(str(key))}: {_flow(part)}" for key, part in value.items()) + "}"
    return _flow(value)


def _key(name: str) -> str:
    """A key as it is read back: plain, unless YAML could take it for something else."""
    plain = re.fullmatch(r"_?[A-Za-z][A-Za-z0-9_.-]{2,}", name) and name.lower() not in (
        "yes",
        "off",
        "null",
        "true",
        "false",
    )
    return name if plain else json.dumps(name)


def _flow(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(str(key))}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, Reference):
        return _text(value, 0)
    if isinstance(value, str) and TEMPLATE.search(value):
        return "!unsafe " + json.dumps(value)
    return json.dumps(value)


def render(values: Mapping[str, Any], notes: list[str]) -> str:
    """Return variables as the text of a file."""
    lines = ["---", *(f"# {note}" for note in notes)]
    lines += [f"{name}: {_text(value, 1)}".replace(": \n", ":\n") for name, value in values.items()]
    return "\n".join(lines) + "\n"
