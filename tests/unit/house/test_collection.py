"""The checkout is the collection: what Ansible finds under its name are links to the project's own folders."""

from __future__ import annotations

from role_files import ROOT

COLLECTION = ROOT / "collections" / "ansible_collections" / "brokerkit" / "brokers"


def test_what_plays_find_as_the_collection_is_the_checkout_and_no_copy_of_it() -> None:
    """`ansible-galaxy collection install`, which molecule runs unless told otherwise, puts a copy there."""
    found = {path.name: path for path in COLLECTION.iterdir()}
    assert {"roles", "plugins", "playbooks", "templates", "meta", "galaxy.yml"} <= set(found)
    assert all(path.is_symlink() and path.resolve() == ROOT / name for name, path in found.items())
