"""Checks of the variables for an apt repository, as sentences an operator can act on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_URI = re.compile(r"(https?|ftp|file):/\S+\Z")
_VERSION = re.compile(r"\d+(\.\d+){0,3}\Z")
_WORD = re.compile(r"[^\s\[\]]+\Z")
_ARMOUR = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_PRIVATE = "-----BEGIN PGP PRIVATE KEY BLOCK-----"


def _key_refusals(name: str, path: str, text: str | None) -> list[str]:
    if not path:
        return [f"{name}: is empty; give the file on the controller with the key that signs the repository"]
    if text is None:
        return [
            f"{name}: '{path}' is not a file that can be read here; give the path of one on the controller"
        ]
    if _PRIVATE in text:
        return [f"{name}: '{path}' holds a private key; export the public one: gpg --armor --export ID"]
    if _ARMOUR not in text:
        return [f"{name}: '{path}' is not an ASCII-armoured OpenPGP key; export one: gpg --armor --export ID"]
    return []


def _place_refusals(prefix: str, settings: Mapping[str, Any]) -> list[str]:
    uri, suite = settings[f"{prefix}repository_uri"], settings[f"{prefix}repository_suite"]
    components = settings[f"{prefix}repository_components"]
    found = []
    if uri and not _URI.match(uri):
        found.append(
            f"{prefix}repository_uri: '{uri}' is not the URI of a repository; write http://host/path"
        )
    if suite and not _WORD.match(suite):
        found.append(f"{prefix}repository_suite: '{suite}' is not a suite; write one word, such as bookworm")
    if not suite.endswith("/") and not components:
        found.append(
            f"{prefix}repository_components: is empty; write [main], or a flat suite that ends in '/'"
        )
    found += [
        f"{prefix}repository_components: '{component}' is not a component; write one word each, such as main"
        for component in components
        if not _WORD.match(component)
    ]
    return found


def refusals(settings: Mapping[str, Any], prefix: str, key: str | None) -> list[str]:
    """Return everything that is wrong with the variables that begin with `prefix`, one sentence each.

    `key` is the text of the file that PREFIXrepository_key names, None where it cannot be read.
    """
    source, version = settings[f"{prefix}package_source"], settings[f"{prefix}version"]
    uri = settings[f"{prefix}repository_uri"]
    found = _place_refusals(prefix, settings)
    if version and not _VERSION.match(version):
        found.append(
            f"{prefix}version: '{version}' is not a version; write it in numbers, whole or its beginning, "
            "or '' for what the repository holds"
        )
    if source == "distribution" and uri:
        found.append(
            f"{prefix}repository_uri: is not used with {prefix}package_source 'distribution'; "
            "set the source to 'custom', or drop the URI"
        )
    if source == "custom" and not uri:
        found.append(
            f"{prefix}repository_uri: is empty; {prefix}package_source 'custom' needs the URI of yours"
        )
    if source != "distribution":
        found += _key_refusals(f"{prefix}repository_key", settings[f"{prefix}repository_key"], key)
    return found


def words(source: Mapping[str, Any]) -> list[str]:
    """Return the arguments with which roles/apt_repository/files/read_repositories.sh takes a source.

    A suite that ends in a slash is a flat repository, which has no components.
    """
    components = "" if source["suite"].endswith("/") else " ".join(source["components"])
    names = ("name", "prefix", "package", "version", "uri", "suite")
    return [*(str(source[name]) for name in names), components]
