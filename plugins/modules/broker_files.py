#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Install a set of configuration files as one change."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: broker_files
short_description: Install a set of configuration files as one change that can be taken back
description:
  - Compares every file of the set with the host, has a validator of the caller's judge the whole candidate set
    in a private directory, and only then swaps the files that differ.
  - All of them are written beside their places before the first is put there, so that a full disk is met while nothing
    has changed; a swap that fails all the same is undone.
  - Keeps the files that the service last came up on until O(state=committed) says that it came up on the new ones;
    O(state=rolled_back) puts them back.
  - What has changed since then is remembered on the host, so that an interrupted run still owes its restart.
  - A text that means the same to the broker, such as one with another comment, is put back and not remembered.
options:
  name:
    description: Name of the set; its state is kept in C(/var/lib/brokerkit/NAME), readable by root only.
    type: str
    required: true
  state:
    description:
      - V(present) installs O(files); V(committed) and V(rolled_back) end a change.
      - With V(committed), O(files) are those that change with the end of the change, such as a file that was there for
        the start alone and goes with it.
    type: str
    choices: [present, committed, rolled_back]
    default: present
  files:
    description: The files, in the order in which they are swapped.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: path, required: true}
      content:
        description:
          - Text of the file. Without this, O(files[].secret_content), O(files[].template) and O(files[].source)
            the file is absent.
        type: str
      secret_content: {description: 'Text with secrets. It is in no log, and they are masked in a diff.', type: str}
      template:
        description: Name of a template, found and rendered on the controller as by M(ansible.builtin.template).
        type: str
      source:
        description: Name of a file on the controller, found as by M(ansible.builtin.copy) and taken as it is.
        type: str
      wanted:
        description: Whether the file is to be there; if not, it is absent whatever its text.
        type: bool
        default: true
      secret:
        description:
          - The file holds secrets, even one that is to be absent. Its text is then treated as
            O(files[].secret_content), which implies this.
        type: bool
        default: false
      keep:
        description:
          - Whether the text stays as the host has it, such as that of a key that only the host has. Owner, group and
            mode are set; a file that is not there stays absent.
        type: bool
        default: false
      owner: {description: Owner's name; empty for the user who runs the task., type: str, default: ''}
      group: {description: Group's name; empty for the group of the user who runs the task., type: str, default: ''}
      mode: {description: Permission bits as an octal string., type: str, default: '0644'}
  directories:
    description: Directories that are made before O(files), with those above them. They are not taken back with these.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: path, required: true}
      owner: {description: Owner's name; empty for the user who runs the task., type: str, default: ''}
      group: {description: Group's name; empty for the group of the user who runs the task., type: str, default: ''}
      mode: {description: Permission bits as an octal string., type: str, default: '0755'}
  keep:
    description: Keep the last good files and remember what is pending; off for files that no service has to come up on.
    type: bool
    default: true
  validator:
    description:
      - Text of a program that judges the candidate. It gets the directory that holds the whole set, each file at its
        own path below it, then O(validator_arguments). Anything but exit code 0 refuses the set; what it printed
        is the message.
      - Also runs in check mode, where it changes nothing.
    type: str
  validator_arguments:
    description: Further arguments of the validator.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds that the validator may take.
    type: float
    default: 60
attributes:
  check_mode: {support: full, description: Compares and validates, and changes nothing.}
  diff_mode: {support: full, description: 'Line by line, secrets masked; a file where they cannot be told is hidden.'}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Write the configuration
  brokerkit.brokers.broker_files:
    name: rabbitmq
    files:
      - path: /etc/rabbitmq/rabbitmq.conf
        template: etc/rabbitmq/rabbitmq.conf.j2
        group: rabbitmq
        mode: '0640'
"""

RETURN = r"""
changed_files:
  description: Paths whose content, owner, group or mode differs (present), or that were put back (rolled_back).
  returned: always
  type: list
  elements: str
pending:
  description:
    - What changed in meaning since the service last came up; path to the names of the keys that differ (C(.conf) files
      only).
  returned: always
  type: dict
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.exchange import sentence
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.file_sets import (
    Change,
    Directory,
    FileSet,
    FileSetError,
    Wanted,
    compare,
    compare_directories,
    read,
    validate,
)
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.masks import masked


def _wanted(item: dict) -> Wanted:
    hidden = item["secret_content"] is not None
    content = item["secret_content"] if hidden else item["content"]
    if item["keep"]:
        content = read(item["path"])
    mode = int(item["mode"], 8)
    return Wanted(item["path"], content, item["owner"], item["group"], mode, hidden or item["secret"])


def _directory(item: dict) -> Directory:
    return Directory(item["path"], item["owner"], item["group"], int(item["mode"], 8))


def _headed(path: str, before: str, after: str) -> dict:
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def _diff_of_attributes(path: str, mode: int) -> dict:
    return _headed(path, "owner, group or mode differ\n", f"owner, group, mode {mode:04o}\n")


def _diff_of_directory(directory: Directory) -> dict:
    if os.path.isdir(directory.path):
        return _diff_of_attributes(directory.path, directory.mode)
    return _headed(directory.path, "(no directory)\n", f"directory, mode {directory.mode:04o}\n")


def _diff(change: Change) -> dict:
    path = change.file.path
    if not change.content:
        return _diff_of_attributes(path, change.file.mode)
    return _headed(path, *masked(path, change.before, change.file.content, change.file.secret))


def _present(module: AnsibleModule, files: FileSet) -> dict:
    wanted = [_wanted(item) for item in module.params["files"]]
    if not module.check_mode:
        files.sweep(wanted)
    directories = compare_directories([_directory(item) for item in module.params["directories"]])
    changes = compare(wanted)
    files.check_room(changes, keep=module.params["keep"])
    if changes and module.params["validator"]:
        validate(
            wanted, module.params["validator"], module.params["validator_arguments"], module.params["timeout"]
        )
    diff = [*map(_diff_of_directory, directories), *map(_diff, changes)]
    if not module.check_mode:
        files.swap(changes, keep=module.params["keep"], directories=directories)
    pending = files.pending()
    if module.check_mode:
        pending.update({change.file.path: change.keys for change in changes if change.meaning})
    return {
        "changed": bool(directories or changes),
        "changed_files": [change.file.path for change in changes],
        "diff": diff,
        "pending": pending,
    }


def _end(module: AnsibleModule, files: FileSet) -> dict:
    if module.params["state"] == "committed":
        changes = compare([_wanted(item) for item in module.params["files"]])
        if not module.check_mode:
            # Before the commit: a run that is killed in between still owes the service its start.
            files.swap(changes, keep=False)
            files.commit()
        # The commit itself is bookkeeping, not a change of the host: a second run must stay quiet.
        return {
            "changed": bool(changes),
            "changed_files": [change.file.path for change in changes],
            "diff": [_diff(change) for change in changes],
            "pending": files.pending(),
        }
    if module.check_mode:
        return {"changed": bool(files.pending()), "changed_files": [], "pending": files.pending()}
    restored = files.roll_back()
    return {"changed": bool(restored), "changed_files": restored, "pending": {}}


class QuietModule(AnsibleModule):
    """A module that writes no contents into the host's system log.

    Ansible masks the value of a secret option there as it was given, and logs a list as Python writes it: a text of
    several lines is not found in it, and was logged whole.
    """

    def _log_invocation(self) -> None:
        paths = ", ".join(item["path"] for item in self.params["files"])
        self.log(f"Invoked for {self.params['name']}, {self.params['state']}: {paths}")


def main() -> None:
    """Entry point that Ansible calls on the target."""
    place = {
        "path": {"type": "path", "required": True},
        "owner": {"type": "str", "default": ""},
        "group": {"type": "str", "default": ""},
        "mode": {"type": "str", "default": "0644"},
    }
    file = {
        **place,
        "content": {"type": "str"},
        "secret_content": {"type": "str", "no_log": True},
        "secret": {"type": "bool", "default": False, "no_log": False},
        "keep": {"type": "bool", "default": False},
    }
    module = QuietModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {
                "type": "str",
                "choices": ["present", "committed", "rolled_back"],
                "default": "present",
            },
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": file,
                "mutually_exclusive": [("content", "secret_content")],
            },
            "directories": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {**place, "mode": {"type": "str", "default": "0755"}},
            },
            "keep": {"type": "bool", "default": True},
            "validator": {"type": "str"},
            "validator_arguments": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "float", "default": 60},
        },
        supports_check_mode=True,
    )
    files = FileSet(module.params["name"])
    try:
        result = _present(module, files) if module.params["state"] == "present" else _end(module, files)
    except FileSetError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=sentence(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
