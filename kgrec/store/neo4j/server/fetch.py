"""Java, Maven, and Neo4j's jars out of Maven Central, once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from kgrec.config.cache import cache_dir
from kgrec.errors import StorageError, UserError
from kgrec.progress import SILENT, Progress

VERSION = "5.26.29"
"""Neo4j 5.26 is the line with long-term support; it runs on Java 17 and later.  ``compose.yaml`` names the same."""
ARTIFACTS = (
    ("org.neo4j", "neo4j", VERSION),
    ("org.neo4j.app", "neo4j-server", VERSION),
    ("org.neo4j.client", "neo4j-browser", "5.24.0"),
)
OLDEST_JAVA = 17

OTHER_WAYS = (
    "three other ways to a server:\n"
    "    NEO4J_PASSWORD=… docker compose up   (compose.yaml in kgrec's repository starts the same version)\n"
    "    Neo4j Desktop or a server of your own: set NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD\n"
    "    Neo4j Aura, in the cloud: set the same three from the file that it gives you"
)


def java() -> str:
    """The Java to run with: ``JAVA_HOME``'s, else the one on the path.

    Raises:
        UserError: there is none, or it is older than 17.
    """
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if found is None or not Path(found).is_file():
        where = f"no Java in JAVA_HOME ({home})" if home else "there is no Java here"
        raise _lacking(f"{where}; the managed Neo4j server needs Java {OLDEST_JAVA} or later")
    answer = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    match = re.search(r'version "(\d+)(?:\.(\d+))?', answer.stderr + answer.stdout)
    version = 0 if match is None else int(match[2] or 0) if match[1] == "1" else int(match[1])
    if version < OLDEST_JAVA:
        is_old = f"this is Java {version}" if version else "its version cannot be told"
        raise _lacking(f"the managed Neo4j server needs Java {OLDEST_JAVA} or later; {is_old} ({found})")
    return found


def jars(progress: Progress = SILENT) -> Path:
    """The folder with Neo4j's jars; Maven fetches them the first time.

    Raises:
        UserError: no Maven, or it cannot reach its repository.
        StorageError: the cache cannot be written.
    """
    folder = cache_dir() / "neo4j" / f"neo4j-{VERSION}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise _lacking("there is no Maven (mvn) here, which fetches the managed Neo4j server")
    progress.say(f"fetching Neo4j {VERSION} with Maven (130 MB, once)")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder.parent) as scratch:
            pom, target = Path(scratch) / "pom.xml", Path(scratch) / "jars"
            pom.write_text(_pom())
            # -C: a file whose checksum does not match is refused
            command = [maven, "-q", "-B", "-C", "-f", str(pom), f"-Dmaven.repo.local={cache_dir() / 'maven'}"]
            command += ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            if answer.returncode:
                raise _lacking(f"Maven could not fetch Neo4j {VERSION}: {_first_error(answer.stdout + answer.stderr)}")
            try:
                target.rename(folder)
            except OSError:
                # another process was quicker
                if not folder.is_dir():
                    raise
    except OSError as error:
        raise StorageError(f"cannot keep Neo4j in {folder.parent}: {error.strerror or error}") from error
    return folder


def _lacking(problem: str) -> UserError:
    return UserError(problem, remedy=OTHER_WAYS)


def _first_error(output: str) -> str:
    lines = re.findall(r"^\[ERROR\] (.+)$", output, flags=re.MULTILINE)
    return lines[0] if lines else (output.strip().splitlines() or ["it said nothing"])[-1]


def _pom() -> str:
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in ARTIFACTS
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>kgrec</groupId><artifactId>neo4j</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>\n"
    )
