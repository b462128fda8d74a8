#!/usr/bin/python
"""A live broker's objects as a declared document. Thin: the work is in module_utils/brokers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rabbitmq_topology_info
short_description: Read the objects of a RabbitMQ broker as the document that declares them
description:
  - Reads the broker and returns the variables of the role C(rabbitmq_topology) that describe it, as YAML text.
  - Secrets (password hashes, and parameters with a password in a URI) are in a text of their own, to be encrypted.
    They are in the module's result, so a task that asks for them needs C(no_log).
  - Converging what was read changes nothing. What no document can declare is left out, and said in a comment.
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
    description: PEM file, on the host, of the authority that signed the broker's certificate.
    type: path
  client_cert:
    description: PEM file, on the host, of the client certificate to present.
    type: path
  client_key:
    description: PEM file, on the host, of the key of O(client_cert), where that file does not hold it.
    type: path
  server_name:
    description: Name or address that the broker's certificate is for, if O(url) has another one such as 127.0.0.1.
    type: str
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 60
  wait:
    description: Seconds to wait for a broker that refuses connections, because it is still booting.
    type: int
    default: 30
  prefix:
    description: What to put before the names of kinds and options to make variables of them.
    type: str
    default: rabbitmq_topology_
  backup_dir:
    description: Folder, on the host, to keep the definitions in as well, gzipped and for their owner's eyes only.
    type: path
  backup_keep:
    description: How many of these files to keep.
    type: int
    default: 10
author:
  - Brokerkit
"""

EXAMPLES = r"""
- name: Read the broker
  brokerkit.brokers.rabbitmq_topology_info:
    username: admin
    password: "{{ vault_admin_password }}"
  register: held
  no_log: true
"""

RETURN = r"""
document:
  description: The variables that declare the broker, as YAML; secrets are references into O(vault).
  returned: success
  type: str
vault:
  description: The secrets, as YAML, to be encrypted.
  returned: success
  type: str
left_out:
  description: What C(document) does not say of the broker, and why; sentences.
  returned: success
  type: list
  elements: str
counts:
  description: How many objects the document declares, by kind.
  returned: success
  type: dict
backup_file:
  description: The file that the definitions were kept in.
  returned: when O(backup_dir) is set
  type: str
broker_version:
  description: Version of the broker.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq import api
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.topology import (
    adopt,
    adopted_files,
    backup,
    omissions,
)
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.topology.model import parse_version
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.topology.module_options import (
    CONNECTION,
)

OPTIONS = {
    "prefix": {"type": "str", "default": "rabbitmq_topology_"},
    "backup_dir": {"type": "path"},
    "backup_keep": {"type": "int", "default": 10},
}


def read(params):
    """The module's result; raises ApiError and BackupFailed."""
    access = {name: params[name] for name in CONNECTION}
    client = api.Client(api.Access(**access, prefix=params["prefix"]))
    try:
        definitions = adopt.whole_definitions(client)
    finally:
        client.close()
    version = definitions["rabbitmq_version"]
    settled = omissions.settle(
        adopt.document_of(definitions), parse_version(version), params["username"], auto_delete=False
    )
    document, vault = adopted_files.files(settled, params["prefix"], version)
    result = {
        "document": document,
        "vault": vault,
        "counts": {name: len(items) for name, items in settled.document.items()},
        "left_out": settled.left_out,
        "broker_version": version,
    }
    if params["backup_dir"]:
        name, option = backup.name_of(params["url"]), params["prefix"] + "backup_dir"
        store = backup.Store(params["backup_dir"], params["backup_keep"], name, option)
        result["backup_file"] = store.keep(definitions, version)
    return result


def main():
    module = AnsibleModule(argument_spec={**CONNECTION, **OPTIONS}, supports_check_mode=True, no_log=True)
    try:
        if module.check_mode:
            module.params["backup_dir"] = None
        module.exit_json(changed=False, **read(module.params))
    except (api.ApiError, backup.BackupFailed) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
