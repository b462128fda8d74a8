#!/usr/bin/python
"""The broker's objects as one declared document. Thin: the work is in module_utils/brokers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rabbitmq_topology
short_description: Converge RabbitMQ's virtual hosts, users and permissions from one document
description:
  - Reads the broker once (C(GET /api/definitions)), compares the whole declared document with it, and
    writes only the
    differences.
  - A kind of object that is not declared, an object that is not named and a field that is left out keep
    what the broker
    has. Nothing is removed unless its item says C(state=absent).
  - A changed password is told from the stored salted hash, without logging in; passwords leave the module
    as salted
    hashes only, so the broker's own credential validator never sees them.
  - Check mode stops after the plan. The diff holds the objects that differ, secrets masked.
  - Needs nothing on the host but Python 3.9 or later, and the management plugin on the broker.
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
    description: Password of I(username).
    type: str
    required: true
  validate_certs:
    description: Whether the broker's certificate is checked.
    type: bool
    default: true
  ca_file:
    description:
      - PEM file, on the host, of the authority that signed the broker's certificate; the system's own if
        left out.
    type: path
  client_cert:
    description: PEM file, on the host, of the client certificate to present.
    type: path
  client_key:
    description: PEM file, on the host, of the key of I(client_cert), where that file does not hold it.
    type: path
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 60
  wait:
    description:
      - Seconds to wait for a broker that refuses connections, because it is still booting.
      - Check mode does not wait.
    type: int
    default: 30
  plan_without_broker:
    description:
      - In check mode, where nothing listens at I(url), plan for a new and empty broker instead of failing.
    type: bool
    default: false
  extra_tags:
    description: User tags to accept beside the five that mean something to RabbitMQ.
    type: list
    elements: str
    default: []
  prefix:
    description: What messages put before the name of an option, for a role whose variables carry its name.
    type: str
    default: ""
  vhosts:
    description: Virtual hosts.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      description:
        description: A text for people. To change it on an existing virtual host needs RabbitMQ 3.9.
        type: str
      tags:
        description:
          - Tags; their order means nothing. Changing them on a virtual host that exists needs RabbitMQ 3.9.
        type: list
        elements: str
      default_queue_type:
        description: Type of a queue that is declared without one. Needs RabbitMQ 3.10, to change it 3.11.
        type: str
        choices: [classic, quorum, stream]
      state:
        description: Whether the virtual host exists. C(absent) removes it with everything in it.
        type: str
        choices: [present, absent]
        default: present
  users:
    description: Users.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      password:
        description:
          - Password in clear. A user declared without I(password) and I(password_hash) keeps the one it has;
            a new one cannot log in with a password.
        type: str
      password_hash:
        description:
          - Password as the broker exports it, base64 of 4 bytes of salt and the digest of salt and password.
        type: str
      hashing_algorithm:
        description:
          - Algorithm of the stored hash. Left out, a hash tells its own, and a password keeps the one in use,
            or gets sha256.
        type: str
        choices: [sha256, sha512, md5]
      tags:
        description: Tags; their order means nothing. An empty list removes all.
        type: list
        elements: str
      permissions:
        description: Short form of I(permissions) for this user.
        type: list
        elements: dict
        suboptions:
          vhost:
            description: Virtual host.
            type: str
            required: true
          configure:
            description: Regular expression of the names that may be declared and deleted. C(^$) if new.
            type: str
          write:
            description: Regular expression of the names that may be published to. C(^$) if new.
            type: str
          read:
            description: Regular expression of the names that may be consumed from. C(^$) if new.
            type: str
          state:
            description: Whether the permission exists.
            type: str
            choices: [present, absent]
            default: present
      state:
        description: Whether the user exists. C(absent) removes it with its permissions.
        type: str
        choices: [present, absent]
        default: present
  permissions:
    description: Permissions of a user in a virtual host.
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
        description: Regular expression of the names that may be declared and deleted. C(^$) if new.
        type: str
      write:
        description: Regular expression of the names that may be published to. C(^$) if new.
        type: str
      read:
        description: Regular expression of the names that may be consumed from. C(^$) if new.
        type: str
      state:
        description: Whether the permission exists.
        type: str
        choices: [present, absent]
        default: present
author:
  - Brokerkit
"""

EXAMPLES = r"""
- name: Declare what the application needs
  rabbitmq_topology:
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
  description: How many objects were created, updated and deleted.
  returned: always
  type: dict
  sample: {create: 0, update: 1, delete: 0}
broker_version:
  description: Version of the broker; empty where none was read.
  returned: always
  type: str
  sample: 3.10.8
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.brokers import api, converge, diff
from ansible.module_utils.brokers.kinds import BY_NAME
from ansible.module_utils.brokers.options import kind_options

CONNECTION = {
    "url": {"type": "str", "default": "http://127.0.0.1:15672"},
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_file": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path"},
    "timeout": {"type": "int", "default": 60},
    "wait": {"type": "int", "default": 30},
}
BEHAVIOUR = {
    "plan_without_broker": {"type": "bool", "default": False},
    "extra_tags": {"type": "list", "elements": "str", "default": []},
    "prefix": {"type": "str", "default": ""},
}


def spare_password(params):
    """The declared password of the user this run logs in with: in force as soon as the run has written it."""
    for user in params["users"] or []:
        if user["name"] == params["username"]:
            return user["password"]
    return None


def run(module):
    """Performs the module; raises Refused and ApiError."""
    params = module.params
    access = {name: params[name] for name in CONNECTION}
    if module.check_mode:
        access["wait"] = 0
    client = api.Client(api.Access(**access), spare_password(params))
    wanted = converge.Wanted(
        {name: params[name] for name in BY_NAME}, params["prefix"], tuple(params["extra_tags"])
    )
    try:
        return converge.converge(client, wanted, module.check_mode)
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
        "counts": {
            verb: sum(entry["action"] == verb for entry in plan) for verb in ("create", "update", "delete")
        },
        "broker_version": outcome.version,
    }
    if module._diff:
        result["diff"] = {
            "before_header": "broker",
            "after_header": "declared",
            **diff.render(outcome.actions),
        }
    return result


def main():
    module = AnsibleModule(
        argument_spec={**CONNECTION, **BEHAVIOUR, **kind_options()},
        supports_check_mode=True,
        no_log=True,  # nothing of the document into the host's system log; results are masked by themselves
    )
    invocation = {
        "module_args": {name: module.params[name] for name in ("url", "username", "timeout", "wait")}
    }
    try:
        module.exit_json(invocation=invocation, **result_of(module, run(module)))
    except converge.Refused as refused:
        module.fail_json(msg="\n".join(refused.sentences), refusals=refused.sentences, invocation=invocation)
    except api.ApiError as error:
        module.fail_json(msg=str(error), invocation=invocation)


if __name__ == "__main__":
    main()
