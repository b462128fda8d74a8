"""Policies, limits, runtime parameters and feature flags, as declarations."""

from __future__ import annotations

import re
from typing import Any

from ...rabbitmq.request import Request
from ..model import (
    Action,
    Context,
    Definition,
    Desired,
    Field,
    Kind,
    Object,
    Problems,
    Reference,
    Snapshot,
    Write,
)
from .parts import NAME, USER, VHOST, as_json, name_in_vhost, path
from .routing import to_exchange
from .value_checks import regex_problem

OPERATOR_POLICY, VHOST_LIMITS = "operator_policy", "vhost-limits"
# Kept in the definitions as runtime parameters, but kinds of their own to people.
NOT_PARAMETERS = (OPERATOR_POLICY, VHOST_LIMITS, "policy")
# Global parameters of the broker itself, and those of this project (see kept_bindings.py).
OWN_PREFIXES = ("internal", "brokerkit.")
FEATURE_FLAGS = "/api/feature-flags"
PASSWORD_IN_URI = re.compile(r"(?<=://)([^/@:\s]*):([^/@\s]*)@")


def without_passwords(value: Any) -> Any:
    """A nested value for people: passwords inside its URIs are masked."""
    if isinstance(value, str):
        return PASSWORD_IN_URI.sub(r"\1:********@", value)
    if isinstance(value, dict):
        return {key: without_passwords(part) for key, part in value.items()}
    return [without_passwords(part) for part in value] if isinstance(value, list) else value


# --- policies and operator policies -------------------------------------------------------------------------


def policy_references(values: Object) -> list[Reference]:
    found = [Reference("vhost", "vhosts", (values["vhost"],))]
    definition = values.get("definition") or {}
    for key in ("dead-letter-exchange", "alternate-exchange"):
        if isinstance(definition.get(key), str):
            found += to_exchange(values, definition[key], f"definition.{key}")
    for key, component in (("federation-upstream", "federation-upstream"),
                           ("federation-upstream-set", "federation-upstream-set")):  # fmt: skip
        named = definition.get(key)
        if isinstance(named, str) and named != "all":
            found.append(Reference(f"definition.{key}", "parameters", (component, values["vhost"], named)))
    return found


def policy_fields(*scopes: str) -> tuple[Field, ...]:
    new = {scope: (3, 12) for scope in ("classic_queues", "quorum_queues", "streams")}
    return (
        Field("pattern", required=True, check=regex_problem, empty=True),
        Field("definition", type="dict", required=True, canonical=as_json),
        Field("priority", type="int", default=0),
        Field("apply_to", choices=scopes, default=scopes[0], values_since=new),
    )


# The first is a new one's. rabbitmqctl's own is "all", which means the same of an operator policy's keys.
OPERATOR_SCOPES = ("queues", "all", "classic_queues", "quorum_queues", "streams")


def policy_out(values: Object) -> Object:
    """A policy as the API writes it: the one key with a hyphen."""
    return {"apply-to" if key == "apply_to" else key: value for key, value in values.items()}


def policy_in(raw: Object) -> Object:
    """A policy out of the API, where 2.0 is a priority as well as 2."""
    policy = {"apply_to" if key == "apply-to" else key: value for key, value in raw.items()}
    if isinstance(policy.get("priority"), float) and policy["priority"].is_integer():
        policy["priority"] = int(policy["priority"])
    return policy


def write_policy(action: Action, context: Context) -> list[Write]:
    return [Definition("policies", policy_out(action.after or {}))]


POLICIES = Kind(
    name="policies",
    noun="policy",
    identity=(VHOST, NAME),
    fields=policy_fields("all", "queues", "exchanges", "classic_queues", "quorum_queues", "streams"),
    read=lambda snapshot: [policy_in(raw) for raw in snapshot.section("policies")],
    write=write_policy,
    remove=lambda target: Request("DELETE", path("policies", target["vhost"], target["name"])),
    references=policy_references,
    label_of=name_in_vhost,
)


def read_operator_policies(snapshot: Snapshot) -> list[Object]:
    return [
        {"vhost": raw["vhost"], "name": raw["name"], **policy_in(raw["value"])}
        for raw in snapshot.section("parameters")
        if raw["component"] == OPERATOR_POLICY
    ]


def write_operator_policy(action: Action, context: Context) -> list[Write]:
    target = policy_out(action.after or {})
    place = {"vhost": target.pop("vhost"), "name": target.pop("name"), "component": OPERATOR_POLICY}
    return [Definition("parameters", {**place, "value": target})]


OPERATOR_POLICIES = Kind(
    name="operator_policies",
    noun="operator policy",
    identity=(VHOST, NAME),
    fields=policy_fields(*OPERATOR_SCOPES),
    read=read_operator_policies,
    write=write_operator_policy,
    remove=lambda target: Request("DELETE", path("operator-policies", target["vhost"], target["name"])),
    references=policy_references,
    label_of=name_in_vhost,
)

# --- limits -------------------------------------------------------------------------------------------------


def read_vhost_limits(snapshot: Snapshot) -> list[Object]:
    return [
        {"vhost": raw["vhost"], "name": name, "value": value}
        for raw in snapshot.section("parameters")
        if raw["component"] == VHOST_LIMITS
        for name, value in dict(raw["value"]).items()
    ]


def read_user_limits(snapshot: Snapshot) -> list[Object]:
    return [
        {"user": raw["name"], "name": name, "value": value}
        for raw in snapshot.section("users")
        for name, value in dict(raw.get("limits") or {}).items()
    ]


def limits(name: str, noun: str, owner: Field, owners: str, known: tuple[str, ...], **more: Any) -> Kind:
    """Limits of one owner are objects of their own, so that one left out keeps what the broker has."""
    place = name.replace("_", "-")

    def write(action: Action, context: Context) -> list[Write]:
        target = action.after or {}
        return [Request("PUT", path(place, target[owner.name], target["name"]), {"value": target["value"]})]

    return Kind(
        name=name,
        noun=noun,
        identity=(owner, Field("name", required=True, choices=known)),
        fields=(Field("value", type="int", required=True),),
        write=write,
        remove=lambda target: Request("DELETE", path(place, target[owner.name], target["name"])),
        references=lambda values: [Reference(owner.name, owners, (values[owner.name],))],
        label_of=lambda values: f"{values['name']} of {values[owner.name]}",
        **more,
    )


VHOST_LIMITS_KIND = limits(
    "vhost_limits", "limit of a virtual host", VHOST, "vhosts", ("max-connections", "max-queues"),
    read=read_vhost_limits,
)  # fmt: skip
USER_LIMITS_KIND = limits(
    "user_limits", "limit of a user", USER, "users", ("max-connections", "max-channels"),
    read=read_user_limits, since=(3, 8, 10),
)  # fmt: skip

# --- runtime parameters -------------------------------------------------------------------------------------


def parameter_references(values: Object) -> list[Reference]:
    """A parameter's virtual host, and the upstreams that a set of them names."""
    found = [Reference("vhost", "vhosts", (values["vhost"],))]
    if values["component"] == "federation-upstream-set" and isinstance(values.get("value"), list):
        for index, member in enumerate(values["value"]):
            named = member.get("upstream") if isinstance(member, dict) else None
            if named:
                identity = ("federation-upstream", values["vhost"], named)
                found.append(Reference(f"value[{index}].upstream", "parameters", identity))
    return found


def check_parameter(values: Object) -> Problems:
    instead = {OPERATOR_POLICY: "operator_policies", VHOST_LIMITS: "vhost_limits", "policy": "policies"}
    if values.get("component") in instead:
        kind = instead[values["component"]]
        yield "component", f"{values['component']!r} is a kind of its own here; declare it in {kind}"


VALUE = Field("value", type="raw", required=True, canonical=as_json, shown=without_passwords)

PARAMETERS = Kind(
    name="parameters",
    noun="runtime parameter",
    identity=(Field("component", required=True), VHOST, NAME),
    fields=(VALUE,),
    read=lambda snapshot: [
        dict(raw) for raw in snapshot.section("parameters") if raw["component"] not in NOT_PARAMETERS
    ],
    write=lambda action, context: [Definition("parameters", dict(action.after or {}))],
    remove=lambda target: Request(
        "DELETE", path("parameters", target["component"], target["vhost"], target["name"])
    ),
    references=parameter_references,
    check=check_parameter,
    label_of=lambda values: f"{values['component']} {values['name']} on {values['vhost']}",
)

GLOBAL_PARAMETERS = Kind(
    name="global_parameters",
    noun="global parameter",
    identity=(NAME,),
    fields=(VALUE,),
    read=lambda snapshot: [
        # The broker writes null for the empty name.
        {**raw, "name": raw["name"] or ""}
        for raw in snapshot.section("global_parameters")
        if not str(raw["name"]).startswith(OWN_PREFIXES)
    ],
    write=lambda action, context: [Definition("global_parameters", dict(action.after or {}))],
    remove=lambda target: Request("DELETE", path("global-parameters", target["name"])),
)

# --- feature flags ------------------------------------------------------------------------------------------


def read_feature_flags(snapshot: Snapshot) -> list[Object]:
    listed = snapshot.extra.get(FEATURE_FLAGS) or []
    return [{"name": raw["name"]} for raw in listed if raw["state"] == "enabled"]


def feature_flag_reads(desired: Desired, snapshot: Snapshot) -> list[str]:
    return [FEATURE_FLAGS] if desired["feature_flags"] else []


def enable_feature_flag(action: Action, context: Context) -> list[Write]:
    name = (action.after or {})["name"]
    return [Request("PUT", path("feature-flags", name, "enable"), {"name": name})]


def known_feature_flag(values: Object, snapshot: Snapshot) -> Problems:
    listed = {raw["name"]: raw for raw in snapshot.extra.get(FEATURE_FLAGS) or []}
    if listed and values["name"] not in listed:
        yield (
            "name",
            f"{values['name']!r} is not a feature flag of this broker; it has {', '.join(sorted(listed))}",
        )


FEATURE_FLAGS_KIND = Kind(
    name="feature_flags",
    noun="feature flag",
    identity=(NAME,),
    fields=(),
    read=read_feature_flags,
    write=enable_feature_flag,
    remove=None,
    further_reads=feature_flag_reads,
    check_on_broker=known_feature_flag,
)
