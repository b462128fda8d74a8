"""One set of options: the kinds, the module documentation and the role argument spec agree."""

from __future__ import annotations

import re

import yaml
from brokers.topology import module_options as options
from role_files import ROOT

ROLE = ROOT / "roles" / "rabbitmq_topology"
PREFIX = "rabbitmq_topology_"
COMPARED = ("type", "elements", "choices", "required")


def load(text):
    """What a YAML text holds, by the parser that is written in C: these texts are long."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def documentation():
    text = (ROOT / "plugins/modules/rabbitmq_topology.py").read_text()
    return load(re.search(r'DOCUMENTATION = r"""(.*?)"""', text, re.DOTALL).group(1))


def role_spec(entry):
    return load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"][entry]["options"]


def shape(option, nested):
    """What has to agree of an option, all levels down."""
    found = {key: option[key] for key in COMPARED if option.get(key)}
    if option.get(nested):
        found["options"] = {name: shape(inner, nested) for name, inner in option[nested].items()}
    return found


def test_the_modules_documentation_is_what_the_kinds_declare():
    documented = documentation()["options"]
    for name, option in options.kind_options().items():
        assert shape(documented[name], "suboptions") == shape(option, "options"), name


def test_the_roles_argument_spec_is_what_the_kinds_declare():
    spec = role_spec("main")
    for name, option in options.kind_options().items():
        assert shape(spec[PREFIX + name], "options") == shape(option, "options"), name


def test_secrets_are_marked_in_both():
    def secrets(options_):
        for name, option in options_.items():
            if option.get("no_log"):
                yield name
            yield from secrets(option.get("options") or {})

    assert set(secrets(options.kind_options())) == {"password", "password_hash"}
    assert set(secrets(role_spec("main"))) == {PREFIX + "password", "password", "password_hash"}


def test_the_roles_defaults_are_those_of_its_argument_spec():
    spec = role_spec("main")
    defaults = load((ROLE / "defaults/main.yml").read_text())
    assert {name: option["default"] for name, option in spec.items()} == defaults
    types = {"str": str, "bool": bool, "int": int, "list": list, "dict": dict}
    for name, option in spec.items():
        assert isinstance(defaults[name], types[option["type"]]), name


def test_the_role_hands_every_kind_to_the_module_and_to_the_checks():
    task = load((ROLE / "tasks/main.yml").read_text())[-1]["brokerkit.brokers.rabbitmq_topology"]
    document = load((ROLE / "vars/main.yml").read_text())["__rabbitmq_topology_document"]
    for name in options.kind_options():
        assert task[name] == document[name] == "{{ " + PREFIX + name + " }}"


def test_a_restore_declares_every_kind():
    """Feature flags apart, which a backup does not hold: a new kind that is forgotten here would not come back."""
    restore = load((ROOT / "playbooks/topology_restore.yml").read_text())[-1]["tasks"][-1]["vars"]
    for name in options.kind_options():
        wanted = [] if name == "feature_flags" else "{{ restored." + name + " }}"
        assert restore[PREFIX + name] == wanted
