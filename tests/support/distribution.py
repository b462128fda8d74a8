"""Archives of ActiveMQ in upstream's layout, made of jars, for releases whose archive is on upstream's site alone."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import yaml

POM = Path(__file__).with_name("distribution.xml")
ROLE = Path(__file__).parents[2] / "roles/activemq/vars/main.yml"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
# Jolokia with the policy that the broker's configuration names.
API = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0">
  <servlet>
    <servlet-name>jolokia</servlet-name>
    <servlet-class>org.jolokia.server.core.http.AgentServlet</servlet-class>
    <init-param><param-name>policyLocation</param-name><param-value>${prop:jolokia.conf}</param-value></init-param>
  </servlet>
  <servlet-mapping><servlet-name>jolokia</servlet-name><url-pattern>/jolokia/*</url-pattern></servlet-mapping>
</web-app>
"""


def maven(*words: str) -> None:
    """Run Maven; raises CalledProcessError where it cannot have what is asked for."""
    command = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", *words]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)


def released(version: str, cache: Path) -> Path:
    """The archive of a version as upstream has released it, from the cache or from Maven's repository."""
    archive = cache / f"apache-activemq-{version}-bin.tar.gz"
    if not archive.exists():
        artifact = f"org.apache.activemq:apache-activemq:{version}:tar.gz:bin"
        maven(f"{PLUGIN}:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={cache}")
    return archive


def metrics_agent() -> dict[str, Any]:
    """Variables with which a broker serves metrics, by the agent as Maven's repository has it; none without Maven."""
    if shutil.which("mvn") is None:
        return {}
    known = yaml.safe_load(ROLE.read_text(encoding="utf-8"))
    name = f"jmx_prometheus_javaagent-{known['__activemq_agent_version']}.jar"
    jar = Path("~/.cache/brokerkit").expanduser() / name
    if not jar.exists():
        artifact = f"io.prometheus.jmx:jmx_prometheus_javaagent:{known['__activemq_agent_version']}"
        maven(f"{PLUGIN}:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={jar.parent}")
    return {"activemq_prometheus_port": 9404, "activemq_prometheus_agent": str(jar)}


def assembled(version: str, cache: Path, console_of: Path, **parts: str) -> Path:
    """The archive of a version with the web console, put together once for the parts of today.

    The cache has it under another name than upstream's archives, for which the role would take it.
    """
    made_of = repr((version, sorted(parts.items()), POM.read_text(encoding="utf-8"), API, console_of.name))
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    archive = cache / f"assembled-{version}-{digest}.tar.gz"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            _assemble(version, Path(directory), console_of, **parts).rename(archive)
    return archive


def _assemble(version: str, directory: Path, console_of: Path, **parts: str) -> Path:
    """Put an archive together in a directory.

    `parts` are the versions of `run`, `spring`, `log4j`, `console`, `jetty` and `jolokia`. `console_of` is an archive
    as released: it has the file that has the console look at the broker it runs in.
    """
    home = directory / f"apache-activemq-{version}"
    given = [f"-D{key}={value}" for key, value in {"activemq": version, **parts}.items()]
    profile = f"jetty-{parts['jetty'].partition('.')[0]}"
    maven(
        *["-f", str(POM), "--activate-profiles", profile, *given],
        *[f"{PLUGIN}:copy-dependencies", f"-DoutputDirectory={home / 'lib'}"],
    )
    (home / "bin").mkdir()
    (starter,) = (home / "lib").glob("activemq-run-*.jar")
    starter.rename(home / "bin" / "activemq.jar")
    _add_console(home, parts["console"], console_of)
    archive = directory / f"{home.name}-bin.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as writer:
        writer.add(home, home.name)
    return archive


def _add_console(home: Path, version: str, other: Path) -> None:
    admin, api = home / "webapps/admin", home / "webapps/api/WEB-INF"
    war = f"org.apache.activemq:activemq-web-console:{version}:war"
    maven(f"{PLUGIN}:copy", f"-Dartifact={war}", f"-DoutputDirectory={home.parent}")
    with zipfile.ZipFile(home.parent / f"activemq-web-console-{version}.war") as reader:
        for name in reader.namelist():
            if not name.startswith(("WEB-INF/lib", "WEB-INF/activemq.xml")):
                reader.extract(name, admin)
    embedded = "webapps/admin/WEB-INF/webconsole-embedded.xml"
    with tarfile.open(other) as reader:
        found = reader.extractfile(f"{other.name.removesuffix('-bin.tar.gz')}/{embedded}")
        assert found is not None
        (home / embedded).write_bytes(found.read())
    api.mkdir(parents=True)
    (api / "web.xml").write_text(API, encoding="utf-8")
