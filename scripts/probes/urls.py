"""The broker to probe, from URLs of the command line and the files and the password that go with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from probes.endpoints import FILES, host_problem, text_problem
from probes.files import read_secret
from probes.model import Broker, Endpoint, ExitCode, Refusal, Tls

PASSWORD_VARIABLE = "BROKERKIT_PASSWORD"  # noqa: S105 - the name of a variable
# The first without TLS, the second with it.
_SCHEMES = {
    "amqp": {"amqp": 5672, "amqps": 5671},
    "stomp": {"stomp": 61613, "stomp+ssl": 61614},
    "management": {"http": 15672, "https": 15671},
}


def direct(
    urls: Mapping[str, str],
    env: Mapping[str, str],
    password_file: Path | None,
    denied_vhost: str | None,
    tls: Tls | None = None,
    certificate_login: bool = False,
) -> Broker:
    """Return one broker from URLs such as amqp://user@host:5672/vhost, by protocol.

    `tls` has the files for URLs with TLS; with `certificate_login` the client's certificate is the login over AMQP and
    STOMP. The password comes from `password_file`, else from the environment. Raises Refusal for a URL that cannot
    be used, for one that holds a password (every user of the machine can read a process's arguments), for
    URLs that disagree on the user or the vhost, and when there is no password that is needed.
    """
    users: set[str] = set()
    vhosts: set[str] = set()
    endpoints: dict[str, Endpoint] = {}
    for protocol, url in urls.items():
        endpoint, user, vhost = parse_url(protocol, url)
        if endpoint.tls is not None:
            by_certificate = certificate_login and protocol != "management"  # whose API asks for a password
            endpoint = replace(endpoint, tls=tls or Tls(), by_certificate=by_certificate)
        endpoints[protocol] = endpoint
        users.update([user] if user else [])
        vhosts.update([vhost] if vhost else [])
    if len(users) != 1:
        problem = (
            "the URLs name no user"
            if not users
            else f"the URLs name several users ({', '.join(sorted(users))})"
        )
        raise Refusal(ExitCode.USAGE, f"{problem}: give one, as in amqp://USER@host:5672/vhost.")
    if len(vhosts) > 1:
        raise Refusal(
            ExitCode.USAGE, f"The URLs name several vhosts ({', '.join(sorted(vhosts))}): give one."
        )
    _check_files(endpoints, tls, certificate_login)
    host = next(iter(endpoints.values())).host
    logs_in = any(not one.by_certificate for one in endpoints.values())
    return Broker(
        name=host,
        kind="rabbitmq",
        host=host,
        user=users.pop(),
        password=read_password(env, password_file) if logs_in else "",
        vhost=vhosts.pop() if vhosts else "/",
        denied_vhost=denied_vhost,
        endpoints=endpoints,
    )


def _check_files(endpoints: Mapping[str, Endpoint], tls: Tls | None, certificate_login: bool) -> None:
    """Raise Refusal for files of TLS that are not there, belong to no URL, or lack another one."""
    given = {f"--{key.replace('_', '-')}": getattr(tls, key) for key in FILES} if tls is not None else {}
    options = [option for option, path in given.items() if path is not None]
    options += ["--certificate-login"] * certificate_login
    if options and all(one.tls is None for one in endpoints.values()):
        raise Refusal(
            ExitCode.USAGE,
            f"{options[0]} belongs to a URL with TLS (amqps://, stomp+ssl:// or https://), and none is given.",
        )
    if (given.get("--cert-file") is None) != (given.get("--key-file") is None):
        raise Refusal(
            ExitCode.USAGE, "--cert-file and --key-file belong together: give both, or none of them."
        )
    if certificate_login and given.get("--cert-file") is None:
        raise Refusal(
            ExitCode.USAGE, "--certificate-login needs a certificate: give --cert-file and --key-file."
        )
    for option, path in given.items():
        if path is not None and not (os.path.isfile(path) and os.access(path, os.R_OK)):
            raise Refusal(
                ExitCode.NO_INPUT, f"{option} names {path}, which is not there or cannot be read: correct it."
            )


def read_password(env: Mapping[str, str], password_file: Path | None) -> str:
    """Return the password from `password_file`, else from the environment. Raises Refusal."""
    if password_file is not None:
        text = read_secret(password_file, "password file", "write the password into it, mode 0600")
        password = text.rstrip("\r\n")
        source = f"The password file {password_file}"
    else:
        password = env.get(PASSWORD_VARIABLE, "")
        source = f"The environment variable {PASSWORD_VARIABLE}"
    if not password or "\n" in password or text_problem(password):
        state = (
            "is empty or not set" if not password else text_problem(password) or "holds more than one line"
        )
        raise Refusal(
            ExitCode.USAGE,
            f"{source} {state}: give the password with --password-file FILE (mode 0600) or in "
            f"{PASSWORD_VARIABLE}.",
        )
    return password


def parse_url(protocol: str, url: str) -> tuple[Endpoint, str, str]:
    """Return (endpoint, user, vhost) of `url`; user and vhost are empty where the URL has none.

    The endpoint of a scheme with TLS has a Tls without files.
    An absent or empty path is no vhost, which callers take for "/"; a vhost's slashes are written %2F. Raises
    Refusal; the sentence never repeats the URL, it may hold a password.
    """
    option = f"--{protocol}"
    schemes = _SCHEMES[protocol]
    rest = "" if protocol == "management" else "/VHOST"
    plain, secured = (f"{scheme}://USER@HOST:{port}{rest}" for scheme, port in schemes.items())
    example = f"{option} {plain} (with TLS {secured})"
    try:
        parts = urlsplit(url)
        port = schemes.get(parts.scheme, 0) if parts.port is None else parts.port
        user, path = unquote(parts.username or "", errors="strict"), _path(parts.path)
    except ValueError as error:  # UnicodeDecodeError too: a percent-encoding of what is not UTF-8
        raise Refusal(ExitCode.USAGE, f"{option}: {error}; give it as {example}.") from None
    if parts.password is not None:
        raise Refusal(
            ExitCode.USAGE,
            f"{option}: the URL holds a password, and every user of this machine can read a process's "
            "arguments; "
            f"take it out, and give it with --password-file FILE (mode 0600) or in {PASSWORD_VARIABLE}.",
        )
    if parts.scheme not in schemes:
        raise Refusal(ExitCode.USAGE, f"{option}: it is of another scheme; give it as {example}.")
    surplus = parts.query or parts.fragment or (path if protocol == "management" else "")
    if not parts.hostname or port == 0 or surplus or "/" in parts.path.removeprefix("/"):
        raise Refusal(
            ExitCode.USAGE, f"{option}: the URL is not of the form {example} (a slash in a vhost is %2F)."
        )
    if problem := host_problem(parts.hostname):
        raise Refusal(ExitCode.USAGE, f"{option}: the host is {parts.hostname!r}, {problem}.")
    for what, value in (("user", user), ("vhost", path)):
        if problem := text_problem(value):
            raise Refusal(ExitCode.USAGE, f"{option}: the {what} {problem}.")
    with_tls = parts.scheme == list(schemes)[1]
    return Endpoint(parts.hostname, port, Tls() if with_tls else None), user, path


def _path(path: str) -> str:
    return unquote(path.removeprefix("/"), errors="strict")
