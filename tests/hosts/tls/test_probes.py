"""The probes inside TLS on a real broker, and what they say of each wrong certificate that a client can meet.

The certificates are swapped on one host while its broker runs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import hosts
import pytest
import tls_hosts
from brokers.rabbitmq import api
from brokers.topology import converge
from certificates import CLIENT, SERVER, Authority, Pair, private_key, self_signed
from probes.variables import of_tls
from tls_hosts import PLAIN, PORTS, TlsNode

CONNECTS = ("amqp.connect", "stomp.connect.v1_2", "management.connect")


@pytest.fixture(scope="module")
def broker(
    controller: hosts.Controller, inventory: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsNode]:
    """The broker, whatever it presents."""
    yield tls_hosts.converged(controller, "tp-3-10", tmp_path_factory.mktemp("tls"))
    hosts.take_down("tp-3-10", inventory=inventory)


@pytest.fixture
def node(broker: TlsNode) -> TlsNode:
    """The broker, which presents a right certificate."""
    if broker.presented is not broker.right_one:
        broker.present(broker.right_one)
    return broker


def sayings(node: TlsNode, *probes: str, **changes: object) -> dict[str, str]:
    """What each of some probes says is wrong, which has to be something: meaning and remedy."""
    code, results = node.smoke("--only", ",".join(probes), **changes)
    assert code != 0 and all(one["status"] == "fail" for one in results.values()), results
    return {name: f"{one['meaning']} {one['remedy']}" for name, one in results.items()}


def test_every_probe_passes_inside_tls(node: TlsNode) -> None:
    code, results = node.smoke()
    assert code == 0, results
    skipped = {name for name, one in results.items() if one["status"] == "skip"}
    assert skipped == {"tls.plain", "management.listeners"}
    assert "TLSv1.3" in results["tls.version"]["detail"]
    assert results["tls.client"]["detail"].startswith("amqp refuses none and a stranger's")


def test_every_probe_passes_with_the_certificate_as_the_login(node: TlsNode) -> None:
    by_certificate = {"login": "certificate"}
    code, results = node.smoke("--skip", "tls", amqp=by_certificate, stomp=by_certificate)
    assert code == 0, results
    assert results["negative.vhost.amqp"]["status"] == "pass"


def test_urls_with_tls_and_a_login_by_certificate(node: TlsNode) -> None:
    address, files = node.host.address, node.files
    urls = ["--amqp", f"amqps://smoke@{address}/brokerkit-smoke", "--stomp", f"stomp+ssl://{address}"]
    given = [
        "--ca-file",
        files["ca_file"],
        "--cert-file",
        files["cert_file"],
        "--key-file",
        files["key_file"],
    ]
    command = [sys.executable, str(hosts.ROOT / "scripts" / "smoke.py"), *urls, *given, "--certificate-login"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 and "tls.version" in done.stdout, done.stdout + done.stderr


def without_its_issuer(node: TlsNode) -> Pair:
    return replace(node.authority.intermediate("Branch CA").issue(node.host.address), chain="")


def of_nobodys_authority(node: TlsNode) -> Pair:
    return Authority.new("Somebody else's").intermediate("Branch CA").issue(node.host.address)


# Each wrong certificate, and what is said of it.
WRONG: dict[str, tuple[Callable[[TlsNode], Pair], list[str]]] = {
    "expired": (lambda n: n.right(starts=-9, ends=-2), ["CN=test broker is over since 20", "Renew"]),
    "not yet valid": (lambda n: n.right(starts=2), ["has not begun before 20", "clocks"]),
    "other host": (lambda n: n.authority.issue("mq.test"), ["it is for mq.test", "endpoint_host"]),
    "no chain": (
        without_its_issuer,
        ["which CN=Branch CA has issued", "endpoint_ca_file has CN=test authority"],
    ),
    "other authority": (of_nobodys_authority, ["which CN=Somebody else's has issued"]),
    "self-signed": (lambda n: self_signed(n.host.address), ["CN=test broker signs itself", "issued by"]),
    "no authority's mark": (
        lambda n: n.authority.intermediate(flag=False).issue(n.host.address),
        ["CA:TRUE", "authority's certificate again"],
    ),
    "small key": (lambda n: n.right(private=private_key(bits=1024)), ["too small", "at least 2048 bits"]),
    "MD5": (lambda n: n.right(digest="md5"), ["MD5", "again with SHA-256"]),
    "SHA-1": (lambda n: n.right(digest="sha1"), ["SHA-1", "again with SHA-256"]),
    "for clients alone": (lambda n: n.right(usages=[CLIENT]), ["not for servers", "serverAuth"]),
    "another key": (
        lambda n: replace(n.right(), private=private_key()),
        ["key is not that of", "that belong together"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_certificate_is_said_with_the_cure(broker: TlsNode, name: str) -> None:
    make, words = WRONG[name]
    broker.present(make(broker))
    for probe, said in sayings(broker, *CONNECTS).items():
        for word in words:
            assert word in said, (probe, said)
        assert of_tls("rabbitmq")["certificate"] in said


# What makes files of the broker that it cannot use, so that it shows none.
UNUSABLE = {
    "encrypted key": "openssl pkey -aes256 -passout pass:word -in mq.key -out made && cat made > mq.key",
    "DER": "openssl x509 -in mq.pem -outform DER -out made && cat made > mq.pem",
    "empty": ": > mq.pem",
    "no key": "rm mq.key",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_broker_that_cannot_use_its_own_files_is_named(node: TlsNode, name: str) -> None:
    node.spoil(UNUSABLE[name])
    for probe, said in sayings(node, *CONNECTS).items():
        assert "cannot read its certificate or its key" in said, (probe, said)
        assert of_tls("rabbitmq")["key"] in said


OLD_LISTENER = """
{ok, Given} = application:get_env(rabbit, ssl_options),
Versions = ['tlsv1.2', 'tlsv1.1'],
Ciphers = lists:append([ssl:cipher_suites(all, V) || V <- Versions]),
Old = [{versions, Versions}, {ciphers, Ciphers} | proplists:delete(versions, Given)],
rabbit_networking:start_ssl_listener(5679, Old, 1).
"""


def test_a_listener_that_agrees_to_an_old_version_is_named(node: TlsNode) -> None:
    node.host.evaluate(" ".join(OLD_LISTENER.split()))
    (said,) = sayings(node, "tls.version", amqp={"port": 5679}).values()
    assert "TLS 1.0 and 1.1 are broken and withdrawn" in said and "rabbitmq_tls_versions" in said


@pytest.mark.parametrize(
    ("show", "words"),
    [
        (None, "only clients that show a certificate"),
        (lambda node: self_signed(common_name="smoke"), "did not take this one"),
        (lambda node: Authority.new("Strange CA").issue(common_name="smoke"), "does not know who issued"),
        (lambda node: node.authority.issue(common_name="smoke", starts=-9, ends=-2), "is over"),
        (lambda node: node.authority.issue(common_name="smoke", usages=[SERVER]), "it is not for clients"),
    ],
    ids=["none", "self-signed", "of another authority", "expired", "for servers alone"],
)
def test_what_is_wrong_with_the_clients_certificate_is_said_with_the_cure(
    node: TlsNode, show: Callable[[TlsNode], Pair] | None, words: str
) -> None:
    files = {"cert_file": None, "key_file": None} if show is None else node.client_files("other", show(node))
    for probe, said in sayings(node, *CONNECTS[:2], amqp=files, stomp=files).items():
        assert words in said and "cert_file" in said, (probe, said)


def test_a_client_in_the_clear_on_a_port_of_tls_and_the_other_way_round(node: TlsNode) -> None:
    bare = {"tls": False, "ca_file": None, "cert_file": None, "key_file": None, "client_certificate": None}
    for probe, said in sayings(node, *CONNECTS, **dict.fromkeys(PORTS, bare)).items():
        assert "speaks TLS, not" in said and "Speak TLS: in a URL" in said, (probe, said)
    plain = {protocol: {"port": port} for protocol, port in PLAIN.items()}
    for probe, said in sayings(node, *CONNECTS, **plain).items():
        assert "without TLS." in said and "Correct the port" in said, (probe, said)


def test_a_certificate_that_stands_for_nobody_is_no_login(node: TlsNode) -> None:
    nobody = node.client_files("nobody", node.authority.issue(common_name="nobody"))
    (said,) = sayings(node, "amqp.connect", amqp=nobody | {"login": "certificate"}).values()
    assert "no user of the name that the broker takes from the certificate" in said


def test_a_broker_that_takes_no_certificates_as_logins_says_so(node: TlsNode) -> None:
    node.host.evaluate("application:set_env(rabbit, auth_mechanisms, ['PLAIN']).")
    try:
        (said,) = sayings(node, "amqp.connect", amqp={"login": "certificate"}).values()
    finally:
        node.host.evaluate("application:set_env(rabbit, auth_mechanisms, ['PLAIN', 'EXTERNAL']).")
    assert "does not take certificates as logins" in said and "EXTERNAL in auth_mechanisms" in said


def test_ports_without_tls_are_to_be_closed(node: TlsNode) -> None:
    (said,) = sayings(node, "tls.plain", amqp={"plain_port": PLAIN["amqp"]}).values()
    assert "without TLS there" in said
    code, results = node.smoke(
        "--only", "tls.plain", amqp={"plain_port": 5673}, management={"plain_port": 15672}
    )
    assert code == 0 and results["tls.plain"]["detail"] == "closed: amqp 5673, management 15672"


def test_a_listener_that_lets_anybody_in_is_named(node: TlsNode) -> None:
    (said,) = sayings(node, "tls.client", management={"client_certificate": "required"}).values()
    assert "is to ask for certificates" in said


def test_the_days_of_a_certificate_are_counted(broker: TlsNode) -> None:
    broker.present(broker.right(ends=20.5))
    code, results = broker.smoke("--only", "tls.certificate")
    assert (code, results["tls.certificate"]["warns"]) == (0, True)
    code, line = broker.report("--nagios", "--only", "tls.certificate")
    words = f"{broker.host.name} tls.certificate: CN=test broker ends in 20 days"
    assert code == 1 and line.startswith(f"BROKERKIT WARNING - {words}")
    assert (
        broker.smoke("--only", "tls.certificate", certificate_days=9)[1]["tls.certificate"]["warns"] is False
    )
    (said,) = sayings(broker, "tls.certificate", certificate_days=21).values()
    assert "Fewer than 21 days are left" in said and "Renew it" in said
    assert broker.report("--nagios", "--only", "tls.certificate", certificate_days=21)[0] == 2


def test_a_picture_and_a_topology_over_https(node: TlsNode, tmp_path: Path) -> None:
    url, word = f"https://admin@{node.host.address}:{PORTS['management']}", tmp_path / "word"
    word.touch(mode=0o600)
    word.write_text(node.values["rabbitmq_admin_password"], encoding="utf-8")
    command = [
        sys.executable,
        str(hosts.ROOT / "scripts" / "topology.py"),
        "--management",
        url,
        "--vhost",
        "shop",
    ]
    command += ["--password-file", str(word), "--format", "dot"]
    done = subprocess.run(
        [*command, "--ca-file", node.ca_file], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0 and "Virtual host shop" in done.stdout, done.stderr
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0 and "set ca_file to the authority that signed it" in done.stderr
    access = api.Access(
        url.replace("admin@", ""), "admin", node.values["rabbitmq_admin_password"], ca_file=node.ca_file
    )
    with closing(api.Client(access)) as client:
        document = converge.Wanted({"queues": [{"vhost": "shop", "name": tmp_path.name}]})
        assert [action.verb for action in converge.converge(client, document, False).actions] == ["create"]
        assert not converge.converge(client, document, False).actions
