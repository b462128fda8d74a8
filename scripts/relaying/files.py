"""The files of a relay: its declaration, and secrets that nobody else may read."""

from __future__ import annotations

import base64
import json
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brokers.relay import settings as declared
from brokers.relay.settings import Settings

# As sysexits.h has them, and as the other programs of this project use them.
OK, USAGE, DATA, NO_INPUT, UNAVAILABLE, INTERNAL, PERMISSION = 0, 64, 65, 66, 69, 70, 77


class Refused(Exception):
    """A file that is not as it has to be: sentences, and the exit code."""

    def __init__(self, code: int, *sentences: str) -> None:
        super().__init__("\n".join(sentences))
        self.code = code
        self.sentences = sentences


def settings(path: Path) -> Settings:
    """Return the settings of a declaration. Raises Refused."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(
            NO_INPUT, f"{path} cannot be read: {error.strerror}; name the declaration of a relay"
        ) from None
    except (ValueError, RecursionError) as error:
        raise Refused(
            DATA, f"{path} is not JSON: {error}; write the declaration as one JSON object"
        ) from None
    wrong = declared.refusals(document)
    if wrong:
        raise Refused(DATA, *wrong)
    return declared.settings(document)


class Secrets:
    """Reads what the declaration names by file; a path without a directory is one of systemd's credentials.

    Without systemd it is a file beside the declaration.
    """

    def __init__(self, settings_path: Path, environment: Mapping[str, str]) -> None:
        self._folder = Path(environment.get("CREDENTIALS_DIRECTORY") or settings_path.resolve().parent)

    def path(self, name: str) -> Path:
        """Return where a file is."""
        return self._folder / name

    def text(self, key: str, name: str) -> str:
        """Return a secret. Raises Refused."""
        path = self.path(name)
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise Refused(
                NO_INPUT,
                f"{key}: {path} cannot be read: {why}; put the secret there, readable by the relay alone",
            ) from None
        if stat.S_IMODE(mode) & 0o007:
            raise Refused(
                PERMISSION,
                f"{key}: {path} can be read by everybody; `chmod 600 {path}`, and change the secret",
            )
        if not text or not text.isprintable():
            raise Refused(
                DATA,
                f"{key}: {path} is empty or has more than one line; it holds the secret and nothing else",
            )
        return text

    def authorization(self, request: Mapping[str, Any]) -> dict[str, str]:
        """Return the header of the request's login, if it has one. Raises Refused."""
        if request["token_file"]:
            token = self.text("request.token_file", request["token_file"])
            return {"Authorization": f"Bearer {_ascii('request.token_file', token)}"}
        if request["user"]:
            password = self.text("request.password_file", request["password_file"])
            pair = base64.b64encode(f"{request['user']}:{password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    def context(self, section: str, given: Mapping[str, Any]) -> ssl.SSLContext:
        """Return what is checked of a server's certificate, and the one that is shown to it. Raises Refused."""
        context = ssl.create_default_context()
        if given["ca_file"]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._loaded(f"{section}.ca_file", given["ca_file"], context.load_verify_locations)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if given.get("certificate_file"):
            key = str(self.path(given["key_file"]))
            self._loaded(
                f"{section}.certificate_file",
                given["certificate_file"],
                lambda path: context.load_cert_chain(path, key, _no_password),
            )
        return context

    def _loaded(self, key: str, name: str, load: Any) -> None:
        path = self.path(name)
        try:
            load(str(path))
        except (ssl.SSLError, ValueError) as error:
            raise Refused(
                DATA,
                f"{key}: {path} is not as it has to be ({getattr(error, 'reason', None) or error}); it is a PEM file",
            ) from None
        except OSError as error:
            raise Refused(
                NO_INPUT,
                f"{key}: {path} cannot be read: {error.strerror}; put the PEM file there, readable by the relay",
            ) from None


def _no_password() -> str:
    raise ValueError("the key has a password, and nobody is there to type it")


def _ascii(key: str, text: str) -> str:
    if not text.isascii():
        raise Refused(
            DATA, f"{key}: the token has a character that is not ASCII, and cannot be sent in a header"
        )
    return text
