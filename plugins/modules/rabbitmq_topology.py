#!/usr/bin/python
"""The broker's objects as one declared document. Thin: the work is in module_utils/brokers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rabbitmq_topology
short_description: Converge the objects of a RabbitMQ broker from one declared document
description:
  - Reads the broker once (C(GET /api/definitions)), compares the whole declared document with it, and writes only
    the differences.
  - Undeclared kinds, objects and fields keep what the broker has. Nothing is removed unless its item says
    C(state=absent) or it is in a scope of O(prune).
  - A changed password is detected by comparing salted hashes, without logging in. Passwords leave the module only as
    salted hashes, so the broker's own credential validator never sees them.
  - Check mode stops after the plan. The diff shows the objects that differ, with secrets masked.
  - Needs only Python 3.9 or later on the host, and the management plugin on the broker.
options:
  url:
    description: Address of the management API, with its path prefix if it has one.
    type: str
    default: http://127.0.0.1:15672
  username:
    description: User to log in as; it needs the tag administrator.
    type: str
    required: true
  password:
    description: Password of O(username).
    type: str
    required: true
  validate_certs:
    description: Whether the broker's certificate is checked.
    type: bool
    default: true
  ca_file:
    description:
      - PEM file, on the host, of the authority that signed the broker's certificate; the system's trust
        store by default.
    type: path
  client_cert:
    description: PEM file, on the host, of the client certificate to present.
    type: path
  client_key:
    description: PEM file, on the host, of the key of O(client_cert), unless that file holds it.
    type: path
  server_name:
    description: Name or address that the broker's certificate is for, if O(url) has another one such as 127.0.0.1.
    type: str
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 60
  wait:
    description:
      - Seconds to wait for a broker that refuses connections because it is still booting.
      - Check mode does not wait.
    type: int
    default: 30
  plan_without_broker:
    description:
      - In check mode, if nothing listens at O(url), plan for a new and empty broker instead of failing.
    type: bool
    default: false
  extra_tags:
    description: User tags to accept besides the five that RabbitMQ knows.
    type: list
    elements: str
    default: []
  extra_references:
    description:
      - Objects that items may refer to although they are neither declared nor on the broker, because something else
        creates them. Each has its C(kind), such as C(exchanges), and the keys that identify it, such as C(vhost) and
        C(name).
    type: list
    elements: dict
    default: []
  prune:
    description:
      - Undeclared objects that may be removed, by kind of object. Each kind holds its scope, a dictionary of regular
        expressions that must match identifying fields such as C(vhost) and C(name) completely; an empty one means all
        objects of the kind.
      - The broker's own objects, queues with messages or consumers, and protected virtual hosts are kept, the latter
        two with a warning.
    type: dict
    default: {}
  prune_protected:
    description: Regular expressions for names that pruning leaves alone.
    type: list
    elements: str
    default: []
  prune_limit:
    description: Maximum number of objects that one run may prune; a run that would prune more is refused.
    type: int
    default: 10
  backup_dir:
    description:
      - Directory, on the host, for the broker's definitions as they were before a run's first write, gzipped and
        readable only by their owner. They contain the users' password hashes. Empty disables backups.
    type: path
  backup_keep:
    description: Number of these files to keep.
    type: int
    default: 10
  prefix:
    description: Prefix for option names in messages, for roles whose variables have one.
    type: str
    default: ""
  feature_flags:
    description:
      - Feature flags to enable. They cannot be disabled again.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      state:
        description: Whether the feature flag exists.
        type: str
        choices: [present, absent]
        default: present
  vhosts:
    description:
      - Virtual hosts.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      description:
        description: Free text. Changing it on an existing virtual host needs RabbitMQ 3.9.
        type: str
      tags:
        description:
          - Tags, in any order. Changing them on an existing virtual host needs RabbitMQ 3.9.
        type: list
        elements: str
      default_queue_type:
        description: Type of queues that are declared without one. Needs RabbitMQ 3.10; changing it needs 3.11.
        type: str
        choices: [classic, quorum, stream]
      protected_from_deletion:
        description: Whether the broker refuses to remove it. Needs RabbitMQ 4.1.
        type: bool
      tracing:
        description: Whether the firehose tracer is enabled.
        type: bool
      force:
        description: Remove it even while its queues hold messages or have consumers.
        type: bool
      limits:
        description:
          - Short form of O(vhost_limits), a dictionary such as C(max-queues=100); a null value removes the
            limit.
        type: dict
      state:
        description: Whether the virtual host exists. C(absent) removes it with everything in it.
        type: str
        choices: [present, absent]
        default: present
  vhost_limits:
    description:
      - Limits of virtual hosts; the short form is O(vhosts[].limits).
    type: list
    elements: dict
    suboptions:
      vhost:
        description: Virtual host.
        type: str
        required: true
      name:
        description: Name of the limit.
        type: str
        choices: [max-connections, max-queues]
        required: true
      value:
        description: The limit; -1 means none.
        type: int
      state:
        description: Whether the limit of a virtual host exists.
        type: str
        choices: [present, absent]
        default: present
  users:
    description:
      - Users.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      password:
        description:
          - Password in clear text. A user declared without O(users[].password) and O(users[].password_hash)
            keeps the current one; a new one cannot log in with a password.
        type: str
      password_hash:
        description:
          - Password as the broker exports it, base64 of 4 bytes of salt and the digest of salt and
            password.
        type: str
      hashing_algorithm:
        description:
          - Algorithm of the stored hash. By default it is recognised from a hash; with a password, the one in use is
            kept, or sha256 used.
        type: str
        choices: [sha256, sha512, md5]
      tags:
        description: Tags, in any order. An empty list removes all.
        type: list
        elements: str
      limits:
        description:
          - Short form of O(user_limits), a dictionary such as C(max-connections=10); a null value removes
            the limit.
        type: dict
      permissions:
        description: Short form of O(permissions) for this user.
        type: list
        elements: dict
        suboptions:
          vhost:
            description: Virtual host.
            type: str
            required: true
          configure:
            description:
              - Regular expression for the names that may be declared and deleted. C(^$), none, if not set.
            type: str
          write:
            description: Regular expression for the names that may be published to. C(^$), none, if not set.
            type: str
          read:
            description: Regular expression for the names that may be consumed from. C(^$), none, if not set.
            type: str
          state:
            description: Whether the permission exists.
            type: str
            choices: [present, absent]
            default: present
      topic_permissions:
        description: Short form of O(topic_permissions) for this user.
        type: list
        elements: dict
        suboptions:
          vhost:
            description: Virtual host.
            type: str
            required: true
          exchange:
            description: Topic exchange.
            type: str
            required: true
          write:
            description:
              - Regular expression for the routing keys that may be published. C(^$), none, if not set.
            type: str
          read:
            description: Regular expression for the routing keys that may be bound. C(^$), none, if not set.
            type: str
          state:
            description: Whether the topic permission exists.
            type: str
            choices: [present, absent]
            default: present
      state:
        description: Whether the user exists. C(absent) removes it with its permissions.
        type: str
        choices: [present, absent]
        default: present
  user_limits:
    description:
      - Limits of users, from RabbitMQ 3.8.10 on; the short form is O(users[].limits).
    type: list
    elements: dict
    suboptions:
      user:
        description: User.
        type: str
        required: true
      name:
        description: Name of the limit.
        type: str
        choices: [max-connections, max-channels]
        required: true
      value:
        description: The limit; -1 means none.
        type: int
      state:
        description: Whether the limit of a user exists.
        type: str
        choices: [present, absent]
        default: present
  permissions:
    description:
      - Permissions of a user in a virtual host; the short form is O(users[].permissions).
    type: list
    elements: dict
    suboptions:
      user:
        description: User.
        type: str
        required: true
      vhost:
        description: Virtual host.
        type: str
        required: true
      configure:
        description:
          - Regular expression for the names that may be declared and deleted. C(^$), none, if not set.
        type: str
      write:
        description: Regular expression for the names that may be published to. C(^$), none, if not set.
        type: str
      read:
        description: Regular expression for the names that may be consumed from. C(^$), none, if not set.
        type: str
      state:
        description: Whether the permission exists.
        type: str
        choices: [present, absent]
        default: present
  global_parameters:
    description:
      - Global parameters.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      value:
        description: The value; passwords in its URIs are masked in the diff.
        type: raw
      state:
        description: Whether the global parameter exists.
        type: str
        choices: [present, absent]
        default: present
  parameters:
    description:
      - Runtime parameters, such as shovels and federation upstreams. Their plugins have to be enabled.
    type: list
    elements: dict
    suboptions:
      component:
        description:
          - Component that the parameter belongs to, such as C(shovel), C(federation-upstream) or
            C(federation-upstream-set).
        type: str
        required: true
      vhost:
        description: Virtual host.
        type: str
        required: true
      name:
        description: Name.
        type: str
        required: true
      value:
        description: The value; passwords in its URIs are masked in the diff.
        type: raw
      state:
        description: Whether the runtime parameter exists.
        type: str
        choices: [present, absent]
        default: present
  policies:
    description:
      - Policies.
    type: list
    elements: dict
    suboptions:
      vhost:
        description: Virtual host.
        type: str
        required: true
      name:
        description: Name.
        type: str
        required: true
      pattern:
        description: Regular expression for the names that it applies to.
        type: str
      definition:
        description: The settings that it applies.
        type: dict
      priority:
        description: Only the matching policy with the highest priority applies.
        type: int
      apply_to:
        description: What it applies to; the values for one type of queue need RabbitMQ 3.12.
        type: str
        choices: [all, queues, exchanges, classic_queues, quorum_queues, streams]
      state:
        description: Whether the policy exists.
        type: str
        choices: [present, absent]
        default: present
  operator_policies:
    description:
      - Operator policies, which limit what policies and arguments can set.
    type: list
    elements: dict
    suboptions:
      vhost:
        description: Virtual host.
        type: str
        required: true
      name:
        description: Name.
        type: str
        required: true
      pattern:
        description: Regular expression for the names that it applies to.
        type: str
      definition:
        description: The settings that it applies.
        type: dict
      priority:
        description: Only the matching policy with the highest priority applies.
        type: int
      apply_to:
        description: What it applies to; the values for one type of queue need RabbitMQ 3.12.
        type: str
        choices: [queues, all, classic_queues, quorum_queues, streams]
      state:
        description: Whether the operator policy exists.
        type: str
        choices: [present, absent]
        default: present
  exchanges:
    description:
      - Exchanges. The properties of an existing exchange cannot be changed.
    type: list
    elements: dict
    suboptions:
      vhost:
        description: Virtual host.
        type: str
        required: true
      name:
        description: Name.
        type: str
        required: true
      type:
        description:
          - "Type: direct, fanout, topic, headers, or a plugin's."
        type: str
      durable:
        description: Whether it survives a restart.
        type: bool
      auto_delete:
        description: Whether it is deleted with its last binding.
        type: bool
      internal:
        description: Whether only other exchanges can publish to it.
        type: bool
      arguments:
        description: Arguments, such as C(alternate-exchange).
        type: dict
      bindings:
        description: Bindings from other exchanges to this one.
        type: list
        elements: dict
        suboptions:
          source:
            description: Exchange that the messages come from.
            type: str
            required: true
          routing_key:
            description: Routing key, or pattern of a topic exchange.
            type: str
          arguments:
            description: Arguments, such as those of a headers exchange.
            type: dict
          state:
            description: Whether the binding exists.
            type: str
            choices: [present, absent]
            default: present
      state:
        description: Whether the exchange exists.
        type: str
        choices: [present, absent]
        default: present
  topic_permissions:
    description:
      - Permissions of a user on the routing keys of a topic exchange; the short form is
        O(users[].topic_permissions).
    type: list
    elements: dict
    suboptions:
      user:
        description: User.
        type: str
        required: true
      vhost:
        description: Virtual host.
        type: str
        required: true
      exchange:
        description: Topic exchange.
        type: str
        required: true
      write:
        description: Regular expression for the routing keys that may be published. C(^$), none, if not set.
        type: str
      read:
        description: Regular expression for the routing keys that may be bound. C(^$), none, if not set.
        type: str
      state:
        description: Whether the topic permission exists.
        type: str
        choices: [present, absent]
        default: present
  queues:
    description:
      - Queues. The properties of an existing queue cannot be changed, but policies can set most of what
        arguments do.
    type: list
    elements: dict
    suboptions:
      vhost:
        description: Virtual host.
        type: str
        required: true
      name:
        description: Name.
        type: str
        required: true
      type:
        description:
          - C(classic), C(quorum), C(stream) (from RabbitMQ 3.9 on) or a plugin's; a new queue without one
            gets its virtual host's default.
        type: str
      durable:
        description: Whether it survives a restart.
        type: bool
      auto_delete:
        description: Whether it is deleted with its last consumer.
        type: bool
      arguments:
        description: Arguments; if given, the complete set.
        type: dict
      replace:
        description:
          - What to do when the properties of an existing queue differ. C(when_empty) recreates it, with its bindings,
            if it is empty and unused. By default the run is refused.
        type: str
        choices: [never, when_empty]
      force:
        description: With O(queues[].state=absent), remove it even while it holds messages or has consumers.
        type: bool
      bindings:
        description: Bindings that lead to this queue.
        type: list
        elements: dict
        suboptions:
          source:
            description: Exchange that the messages come from.
            type: str
            required: true
          routing_key:
            description: Routing key, or pattern of a topic exchange.
            type: str
          arguments:
            description: Arguments, such as those of a headers exchange.
            type: dict
          state:
            description: Whether the binding exists.
            type: str
            choices: [present, absent]
            default: present
      state:
        description: Whether the queue exists. C(absent) removes it while it is empty and unused.
        type: str
        choices: [present, absent]
        default: present
  bindings:
    description:
      - Bindings; the short form is O(queues[].bindings) and O(exchanges[].bindings), for the bindings that
        lead there.
    type: list
    elements: dict
    suboptions:
      vhost:
        description: Virtual host.
        type: str
        required: true
      source:
        description: Exchange that the messages come from.
        type: str
        required: true
      destination_type:
        description: What the messages go to.
        type: str
        choices: [queue, exchange]
      destination:
        description: Queue or exchange that the messages go to.
        type: str
        required: true
      routing_key:
        description: Routing key, or pattern of a topic exchange.
        type: str
      arguments:
        description: Arguments, such as those of a headers exchange.
        type: dict
      state:
        description: Whether the binding exists.
        type: str
        choices: [present, absent]
        default: present
author:
  - Brokerkit
"""

EXAMPLES = r"""
- name: Declare what the application needs
  brokerkit.brokers.rabbitmq_topology:
    username: admin
    password: "{{ vault_admin_password }}"
    vhosts:
      - name: orders
    users:
      - name: app
        password: "{{ vault_app_password }}"
        tags: [monitoring]
        permissions:
          - {vhost: orders, configure: "^orders", write: ".*", read: ".*"}
"""

RETURN = r"""
plan:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: dict
  sample: [{action: update, kind: users, name: app, fields: [password]}]
counts:
  description: How many objects were created, updated, replaced and deleted.
  returned: always
  type: dict
  sample: {create: 0, update: 1, replace: 0, delete: 0}
backup_file:
  description: The backup made before the first write.
  returned: when something was written and O(backup_dir) is set
  type: str
  sample: /root/rabbitmq-backups/definitions-127.0.0.1-15672-20261121T081500Z-3.10.8.json.gz
broker_version:
  description: Version of the broker; empty if none was read.
  returned: always
  type: str
  sample: 3.10.8
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq import api
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.topology import (
    backup,
    converge,
    diff,
)
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.topology.kinds.registry import (
    BY_NAME,
)
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.topology.model import Prune
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.topology.module_options import (
    CONNECTION,
    kind_options,
)

BEHAVIOUR = {
    "plan_without_broker": {"type": "bool", "default": False},
    "extra_tags": {"type": "list", "elements": "str", "default": []},
    "extra_references": {"type": "list", "elements": "dict", "default": []},
    "prune": {"type": "dict", "default": {}},
    "prune_protected": {"type": "list", "elements": "str", "default": []},
    "prune_limit": {"type": "int", "default": 10},
    "backup_dir": {"type": "path"},
    "backup_keep": {"type": "int", "default": 10},
    "prefix": {"type": "str", "default": ""},
}


VERBS = ("create", "update", "replace", "delete")


def spare_password(params):
    """The declared password of the user this run logs in with: in force as soon as the run has written it."""
    for user in params["users"] or []:
        if user["name"] == params["username"]:
            return user["password"]
    return None


def wanted_of(params):
    """What the operator asked for."""
    prune = Prune(params["prune"], tuple(params["prune_protected"]), params["prune_limit"], params["prefix"])
    document = {name: params[name] for name in BY_NAME}
    return converge.Wanted(
        document,
        params["prefix"],
        tuple(params["extra_tags"]),
        tuple(params["extra_references"]),
        prune,
    )


def store_of(params):
    """Where the definitions go before the first write; None where no backup is wanted."""
    if not params["backup_dir"]:
        return None
    name, option = backup.name_of(params["url"]), params["prefix"] + "backup_dir"
    return backup.Store(params["backup_dir"], params["backup_keep"], name, option)


def run(module):
    """Performs the module; raises Refused, ApiError and BackupFailed."""
    params = module.params
    access = {name: params[name] for name in CONNECTION}
    if module.check_mode:
        access["wait"] = 0
    client = api.Client(api.Access(**access, prefix=params["prefix"]), spare_password(params))
    wanted = wanted_of(params)
    store = store_of(params)
    try:
        return converge.converge(client, wanted, module.check_mode, store)
    except api.Unreachable as error:
        if not (module.check_mode and params["plan_without_broker"]):
            raise
        outcome = converge.plan_without_broker(wanted)
        outcome.warnings.append(f"{error}; the plan is that of a new, empty broker")
        return outcome
    finally:
        client.close()


def result_of(module, outcome):
    """The module's result. It brings its own ``invocation``: Ansible's would repeat the whole document."""
    for warning in outcome.warnings:
        module.warn(warning)
    plan = diff.listing(outcome.actions)
    result = {
        "changed": bool(plan),
        "plan": plan,
        "counts": {verb: sum(entry["action"] == verb for entry in plan) for verb in VERBS},
        "broker_version": outcome.version,
    }
    if outcome.backup_file:
        result["backup_file"] = outcome.backup_file
    if module._diff:
        result["diff"] = {
            "before_header": "broker",
            "after_header": "declared",
            **diff.render(outcome.actions),
        }
    return result


class QuietModule(AnsibleModule):
    """A module that writes nothing of its document into the host's system log.

    A parameter's value may hold a URI with a password where no option can be marked as secret. The constructor's
    ``no_log`` does not do: Ansible overwrites it with the task's. Results are masked by themselves.
    """

    def _log_invocation(self):
        self.log("Invoked with a document, which is not shown")


def main():
    module = QuietModule(
        argument_spec={**CONNECTION, **BEHAVIOUR, **kind_options()},
        supports_check_mode=True,
    )
    invocation = {
        "module_args": {name: module.params[name] for name in ("url", "username", "timeout", "wait")}
    }
    try:
        module.exit_json(invocation=invocation, **result_of(module, run(module)))
    except converge.Refused as refused:
        module.fail_json(msg="\n".join(refused.sentences), refusals=refused.sentences, invocation=invocation)
    except (api.ApiError, backup.BackupFailed) as error:
        module.fail_json(msg=str(error), invocation=invocation)


if __name__ == "__main__":
    main()
