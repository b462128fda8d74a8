"""Every role's interface: its argument specs, its defaults and its names say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from role_files import ROLES, ROOT, defaults, document, entry_points, specs

PYTHON_TYPES = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list": list,
    "dict": dict,
    "path": str,
    "raw": object,
}
each_role = pytest.mark.parametrize("role", ROLES)
each_entry_point = pytest.mark.parametrize(("role", "entry"), entry_points())


def options_of(role: str, entry: str) -> dict[str, Any]:
    return specs(role)[entry].get("options") or {}


def every_option(options: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, option) of all options, those inside others too."""
    for name, option in options.items():
        yield path + name, option
        yield from every_option(option.get("options") or {}, f"{path}{name}.")


def is_of(value: Any, wanted: str) -> bool:
    """Whether a default is of the type that its option says; true is no number."""
    if isinstance(value, bool) and wanted != "raw":
        return wanted == "bool"
    return isinstance(value, PYTHON_TYPES[wanted])


def test_there_are_roles_to_look_at():
    assert {"erlang", "rabbitmq", "rabbitmq_topology"} <= set(ROLES)


@each_role
def test_every_default_is_an_option_of_main(role):
    assert sorted(set(defaults(role)) - set(options_of(role, "main"))) == []


@each_entry_point
def test_every_option_has_a_default_unless_it_is_required(role, entry):
    without = {name for name in options_of(role, entry) if name not in defaults(role)}
    required = {name for name, option in options_of(role, entry).items() if option.get("required")}
    assert sorted(without - required) == []


@each_entry_point
def test_a_default_has_one_value_and_one_type(role, entry):
    for name, option in options_of(role, entry).items():
        assert "default" in option or option.get("required"), f"{name} has neither a default nor required"
        if "default" in option:
            value = defaults(role)[name]
            assert (type(value), value) == (type(option["default"]), option["default"]), name


@each_entry_point
def test_a_default_is_of_its_own_type_and_one_of_its_choices(role, entry):
    for path, option in every_option(options_of(role, entry)):
        if "default" not in option:
            continue
        value = option["default"]
        assert is_of(value, option["type"]), path
        assert value in option.get("choices", [value]), path
        if option["type"] == "list":
            assert all(is_of(item, option["elements"]) for item in value), path


@each_entry_point
def test_every_option_says_its_type_and_what_it_means(role, entry):
    for path, option in every_option(options_of(role, entry)):
        assert option.get("type") in PYTHON_TYPES, path
        assert option["type"] != "list" or option.get("elements") in PYTHON_TYPES, path
        description = option.get("description")
        text = " ".join(description) if isinstance(description, list) else description
        assert isinstance(text, str) and text.rstrip().endswith("."), f"{path}: a sentence is missing"


@each_entry_point
def test_every_entry_point_says_what_it_does(role, entry):
    assert specs(role)[entry].get("short_description")
    assert (ROOT / "roles" / role / "tasks" / f"{entry}.yml").exists()


@each_role
def test_public_variables_carry_the_roles_name(role):
    names = {name for entry in specs(role) for name in options_of(role, entry)}
    assert sorted(name for name in names if not name.startswith(f"{role}_")) == []


@each_role
def test_internal_variables_carry_the_roles_name_and_two_underscores(role):
    assert sorted(name for name in document(role, "vars/main.yml") if not name.startswith(f"__{role}_")) == []


@each_role
def test_no_variable_is_dead(role):
    """A variable that nothing reads is a promise that nothing keeps."""
    folder = ROOT / "roles" / role
    files = [path for name in ("tasks", "templates", "vars") for path in (folder / name).rglob("*")]
    text = "\n".join(path.read_text() for path in files if path.is_file())
    library = "\n".join(path.read_text() for path in (ROOT / "plugins").rglob("*.py"))
    names = {name for entry in specs(role) for name in options_of(role, entry)}
    dead = [name for name in names if not re.search(rf"\b{name}\b", text) and f'"{name}"' not in library]
    # What both roles have under the same names is read by these, in one place.
    room = ROOT / "plugins/module_utils/brokers"
    shared = "".join(
        path.read_text() for path in (room / "tls_sources.py", room / "certificates/obtaining.py")
    )
    assert sorted(name for name in dead if f'"{name.removeprefix(f"{role}_tls_")}"' not in shared) == []


@each_role
def test_every_internal_variable_that_is_read_is_set_somewhere(role):
    """Ansible notices a name that nobody defines only when it gets there, on somebody's host."""
    folder = ROOT / "roles" / role
    text = "\n".join(
        path.read_text()
        for name in ("tasks", "templates", "vars", "handlers")
        for path in (folder / name).rglob("*")
        if path.is_file()
    )
    used = set(re.findall(rf"\b__{role}_[a-z0-9_]+", text))
    others = tuple(f"__{other}_" for other in ROLES if other != role and other.startswith(role))
    is_set = set(re.findall(rf"(?:^|[\s{{])(__{role}_[a-z0-9_]+):|register: (__{role}_[a-z0-9_]+)", text))
    defined = {name for pair in is_set for name in pair} | set(
        re.findall(rf"loop_var: (__{role}_[a-z0-9_]+)", text)
    )
    assert sorted(name for name in used - defined if not name.startswith(others or ("\0",))) == []


def test_every_entry_point_that_is_called_has_an_argument_spec():
    """Ansible validates `tasks_from: X` against the spec named X, and nothing where there is none."""
    missing = []
    for folder in ("playbooks", "roles", "molecule"):
        for path in (ROOT / folder).rglob("*.yml"):
            for call in calls(yaml.load(path.read_text(), Loader=yaml.CSafeLoader)):
                entry = str(call.get("tasks_from", "main")).removesuffix(".yml")
                if call.get("name") in ROLES and entry not in specs(call["name"]):
                    missing.append(f"{path.relative_to(ROOT)}: {call['name']}/{entry}")
    assert missing == []


def calls(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the arguments of every include_role and import_role below `node`."""
    if isinstance(node, list):
        for item in node:
            yield from calls(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if str(key).endswith(("include_role", "import_role")) and isinstance(value, dict):
                yield value
            yield from calls(value)
