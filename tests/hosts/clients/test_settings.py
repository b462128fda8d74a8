"""What playbooks/clients.yml writes, read by the clients themselves: each sends a message through a broker by it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from client_hosts import HERE, HOSTILE, Site, environment
from hosts import ROOT

APPLICATIONS = [f"{kind}-{how}" for kind in ("rabbit", "active") for how in ("plain", "tls", "cert")]
OF_STOMP, OF_AMQP = ("stomp", "json"), ("pika", "aio_pika", "kombu", "django_settings")
# An application that shows a certificate has all that one without has.
TALKS = [
    pytest.param(app, client, marks=pytest.mark.drill if app.endswith("-tls") else (), id=f"{app}-{client}")
    for app in APPLICATIONS
    for client in (*OF_STOMP, *(OF_AMQP if app.startswith("rabbit") else ()))
]
PROPERTIES = """
class Properties {
    public static void main(String[] given) throws Exception {
        var found = new java.util.Properties();
        try (var stream = new java.io.FileInputStream(given[0])) { found.load(stream); }
        System.out.write(found.getProperty(given[1]).getBytes("UTF-8"));
        System.out.flush();
    }
}
"""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the clients, and nothing of ours."""
    return environment(tmp_path_factory.mktemp("libraries"), HERE / "libraries.txt")


def talk(python: Path, client: str, directory: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Send and receive a message with a client."""
    command = [str(python), str(HERE / "talk.py"), client, str(directory), body]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(("application", "client"), TALKS)
def test_a_message_goes_through_the_broker(
    site: Site, libraries: Path, application: str, client: str
) -> None:
    body = f'{{"from": "{application} {client}"}}'
    done = talk(libraries, client, site.directory / application, body)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{body}\n"


def secrets(site: Site) -> list[str]:
    """The password as the formats have it, and what a key begins with."""
    key = next(one["key"] for one in site.applications if "key" in one).splitlines()[1]
    return [HOSTILE, json.dumps(HOSTILE)[1:-1], repr(HOSTILE)[1:-1], quote(HOSTILE, safe=""), key]


def test_files_are_their_owners_alone(site: Site) -> None:
    for application in (*APPLICATIONS, "rabbit-unit"):
        directory = site.directory / application
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert sorted(os.listdir(site.directory)) == sorted([*APPLICATIONS, "rabbit-unit"])


def test_a_second_run_changes_nothing_and_a_third_only_what_differs(site: Site) -> None:
    again = site.play("playbooks/clients.yml", "--check", "--diff").succeeded()
    assert again.counts("cl-rabbit")["changed"] == 0
    more = [
        {**one, "destinations": {**one["destinations"], "more": "/queue/more"}}
        for one in site.applications[:1]
    ]
    other = {"client_settings_applications": [*more, *site.applications[1:]]}
    preview = site.play("playbooks/clients.yml", "--check", "--diff", "-vvv", **other).succeeded()
    assert preview.counts("cl-rabbit")["changed"] == 1
    assert '"more": "/queue/more"' in preview.output and "rabbit-plain" in preview.output
    assert "active-tls" not in preview.output.partition("before:")[2]
    assert [secret for secret in secrets(site) if secret in preview.output] == []
    assert "MORE" not in (site.directory / "rabbit-plain" / ".env").read_text(encoding="utf-8")


def test_what_is_wrong_is_refused_by_name_in_one_run(site: Site) -> None:
    one, other = site.applications[0], site.applications[3]
    wrong = [
        {**one, "name": "a", "broker": "rabbit9"},
        {**one, "name": "b", "user": "nobody"},
        {**one, "name": "c", "vhost": "theirs"},
        {**other, "name": "d", "vhost": "shop"},
    ]
    before = sorted(site.directory.rglob("*"))
    run = site.play("playbooks/clients.yml", client_settings_applications=wrong)
    run.refused(
        "client_settings_applications[a].broker: 'rabbit9' is no broker of the inventory; it has cl-rabbit, cl-active",
        "client_settings_applications[b].user: 'nobody' is not declared in rabbitmq_topology_users",
        "client_settings_applications[c].vhost: 'theirs' is closed to shop",
        "client_settings_applications[d].vhost: ActiveMQ has no virtual hosts",
    )
    assert [secret for secret in secrets(site) if secret in run.output] == []
    site.play("playbooks/clients.yml", client_settings_application=[]).refused(
        "client_settings_application: is not a variable of the role client_settings"
    )
    assert sorted(site.directory.rglob("*")) == before


def test_systemd_reads_the_environment(site: Site) -> None:
    """As a unit's EnvironmentFile, on a host."""
    text = (site.directory / "rabbit-cert" / ".env").read_text(encoding="utf-8")
    site.rabbit.write("/root/clients.env", text, "0600")
    told = site.rabbit.run(
        "systemd-run --quiet --wait --pipe -p EnvironmentFile=/root/clients.env env --null | base64 --wrap=0"
    )
    printed = subprocess.run(["base64", "-d"], input=told, capture_output=True, text=True, check=True).stdout
    found = dict(one.split("=", 1) for one in printed.split("\0") if one)
    lines = [line.partition("=") for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) > 8
    assert {name: found[name] for name, _, _ in lines} == {name: value.strip("'") for name, _, value in lines}


@pytest.mark.parametrize("kind", ["rabbit", "active"])
def test_java_reads_springs_properties(site: Site, tmp_path: Path, kind: str) -> None:
    """By the JRE of the ActiveMQ host, and the class by which Spring reads the file."""
    program = tmp_path / "Properties.java"
    program.write_text(PROPERTIES, encoding="utf-8")
    site.active.write("/root/Properties.java", PROPERTIES)
    text = (site.directory / f"{kind}-tls" / "application.properties").read_text(encoding="utf-8")
    site.active.write("/root/application.properties", text, "0600")
    names = {"rabbit": "spring.rabbitmq", "active": "spring.activemq"}
    read = f"java /root/Properties.java /root/application.properties {names[kind]}.password"
    assert site.active.run(read) == HOSTILE


def test_an_application_is_removed_once_it_is_named(site: Site) -> None:
    kept = [one for one in site.applications if one["name"] != "active-cert"]
    told = site.play("playbooks/clients.yml", client_settings_applications=kept).succeeded()
    assert "still has active-cert" in told.sentence and told.counts("cl-rabbit")["changed"] == 0
    gone = {"client_settings_applications": kept, "client_settings_absent": ["active-cert"]}
    site.play("playbooks/clients.yml", **gone).succeeded()
    assert not (site.directory / "active-cert").exists()
    assert (site.directory / "active-tls" / "ca.pem").exists()
    site.play("playbooks/clients.yml").succeeded()
    assert (site.directory / "active-cert" / "client.key").exists()


def test_it_runs_from_the_collection(site: Site, tmp_path: Path) -> None:
    """In an empty project, below which the settings go; it reaches no host, so neither do these two."""
    programs = Path(sys.executable).parent
    project, place = tmp_path / "project", tmp_path / "collections"
    project.mkdir()
    (project / "inventory.json").write_text(
        json.dumps({**site.content, "all": {"vars": {"client_settings_applications": site.applications}}})
    )
    clean = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(place),
    }

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=project, env=clean, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(str(programs / "python"), str(ROOT / "scripts/dist.py"), "--output", str(tmp_path))
    (archive,) = tmp_path.glob("*.tar.gz")
    run("ansible-galaxy", "collection", "install", str(archive), "-p", str(place))
    # Nothing but paths differs from what the checkout writes.
    run("ansible-playbook", "-i", "inventory.json", "brokerkit.brokers.clients")
    written = (project / "artifacts/clients/rabbit-tls/.env").read_text(encoding="utf-8")
    given = (site.directory / "rabbit-tls" / ".env").read_text(encoding="utf-8")
    assert unquote(written).replace(str(project / "artifacts/clients"), str(site.directory)) == unquote(given)


@pytest.mark.drill
def test_a_broker_that_requires_certificates_lets_in_who_has_one(site: Site, libraries: Path) -> None:
    """Last in this file: it changes the broker."""
    for kind in ("rabbitmq", "activemq"):
        for values in site.content[kind]["hosts"].values():
            values[f"{kind}_tls_client_certificates"] = "required"
    site.play("playbooks/clients.yml").refused(
        "client_settings_applications[rabbit-tls].certificate: is missing, and cl-rabbit asks clients for one",
        "client_settings_applications[active-tls].certificate: is missing, and cl-active asks clients for one",
    )
    known = [one for one in site.applications if "certificate" in one or one.get("tls") is False]
    site.play("site.yml", client_settings_applications=known).succeeded()
    site.play("playbooks/clients.yml", client_settings_applications=known).succeeded()
    for application, client in (("rabbit-cert", "pika"), ("rabbit-cert", "stomp"), ("active-cert", "stomp")):
        assert talk(libraries, client, site.directory / application, "known").stdout == "known\n"
    for application, client in (("rabbit-tls", "pika"), ("active-tls", "stomp")):
        assert talk(libraries, client, site.directory / application, "stranger").stdout != "stranger\n"
