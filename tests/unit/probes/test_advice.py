"""Literal advice works: the variables that the probes name exist, so do the options, and so do the commands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import smoke
import yaml
from role_files import ROOT

PROBES = ROOT / "scripts" / "probes"
# `rabbitmqctl help` of 3.8.9 to 4.3.6, those that are named.
RABBITMQCTL = {
    "add_vhost",
    "clear_permissions",
    "clear_user_limits",
    "clear_vhost_limits",
    "cluster_status",
    "delete_user",
    "list_channels",
    "list_connections",
    "list_operator_policies",
    "list_policies",
    "list_queues",
    "restart_vhost",
    "set_permissions",
    "set_user_tags",
    "start_app",
}
# Variables of the endpoints file, which no role declares; plugins and metrics, which are no variables.
OTHERS = {"endpoint_user", "endpoint_password", "endpoint_vhost", "endpoint_host", "endpoint_ca_file"}
OTHERS |= {"endpoint_cert_file", "endpoint_key_file", "endpoint_denied_vhost", "endpoint_denied_destination"}
OTHERS |= {"endpoint_dead_letter_prefix", "rabbitmq_stomp", "rabbitmq_management"}
OTHERS |= {"rabbitmq_auth_mechanism_ssl", "activemq_queue_messages"}


def sentences() -> Iterator[tuple[str, str]]:
    """Every text in the code of the probes that is no docstring: (file, text); fields of f-strings are left out."""
    for path in sorted(PROBES.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {id(node.body[0].value) for node in ast.walk(tree) if _has_doc(node)}  # type: ignore[attr-defined]
        inside = {
            id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "NAME" for part in node.values]
                yield path.name, "".join(map(str, parts))
            elif (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in docs | inside
            ):
                yield path.name, node.value


def _has_doc(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and bool(node.body)
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    )


def variables() -> set[str]:
    names: set[str] = set()
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        for entry in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)[
            "argument_specs"
        ].values():
            names |= set(entry.get("options", {}))
    return names


def test_every_variable_that_is_advised_exists() -> None:
    known = variables() | OTHERS
    told = {
        (file, name)
        for file, text in sentences()
        if " " in text  # else it is a name in the code, such as a module's
        for name in re.findall(r"(?<![\w./])(?:rabbitmq|activemq|endpoint)_[a-z_]+\b(?![.\w])", text)
    }
    assert {(file, name) for file, name in told if name not in known} == set()
    assert len(told) > 15, "the sentences are not found any more"


def test_every_command_of_rabbitmqctl_that_is_advised_exists() -> None:
    told = {name for _, text in sentences() for name in re.findall(r"rabbitmqctl (?:-q )?([a-z_]+)", text)}
    assert told - RABBITMQCTL == set()
    assert len(told) > 8, "the sentences are not found any more"


def test_every_option_of_smoke_that_is_advised_exists() -> None:
    known = {option for action in smoke._parser()._actions for option in action.option_strings}
    foreign = {"--network", "--all", "--limit"}  # podman's, systemctl's, ansible-playbook's
    told = {
        name
        for _, text in sentences()
        if " " in text
        for name in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)
    }
    assert told - known - foreign == set()
    assert "--timeout" in told
