"""The settings of a managed server and its first password."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from kgrec.errors import KgrecError
from kgrec.store.neo4j.server.home import HOST, Home, write_private

OPENS = tuple(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.nio", "java.io", "sun.nio.ch"))
HEAP = ("-Xms256m", "-Xmx1g")


def write_settings(home: Home, *, bolt: int, http: int, auth: bool) -> None:
    """``conf/neo4j.conf``: loopback only, nothing reported to anybody, no files read for ``LOAD CSV``."""
    lines = {
        "server.default_listen_address": HOST,
        "server.bolt.listen_address": f"{HOST}:{bolt}",
        "server.bolt.advertised_address": f"{HOST}:{bolt}",
        "server.http.listen_address": f"{HOST}:{http}",
        "server.http.advertised_address": f"{HOST}:{http}",
        "server.https.enabled": "false",
        # of other pages in a browser here none may read what the HTTP API answers
        "dbms.security.http_access_control_allow_origin": f"http://{HOST}:{http}",
        "server.memory.pagecache.size": "256m",
        "dbms.security.auth_enabled": "true" if auth else "false",
        "dbms.security.allow_csv_import_from_file_urls": "false",
        "dbms.usage_report.enabled": "false",
        "client.allow_telemetry": "false",
        "db.tx_log.rotation.size": "64m",
        "db.tx_log.rotation.retention_policy": "2 files",
    }
    home.conf.mkdir(parents=True, exist_ok=True)
    home.settings.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))


def server_command(java: str, jars: Path, home: Home) -> list[str]:
    """What starts the server."""
    return [
        *(java, *HEAP, *OPENS, "-cp", f"{jars}/*:{home.conf}", "org.neo4j.server.CommunityEntryPoint"),
        *(f"--home-dir={home.path}", f"--config-dir={home.conf}", "--console-mode"),
    ]


def set_first_password(java: str, jars: Path, home: Home, password: str) -> None:
    """Sets the password before the first start, so that the well-known one never works.

    Raises:
        KgrecError: Neo4j's tool refuses.
    """
    admin(java, jars, home, ["dbms", "set-initial-password", password], secret=password)


def admin(java: str, jars: Path, home: Home, arguments: Sequence[str], *, secret: str | None = None) -> str:
    """Runs ``neo4j-admin`` on a server that is down and returns what it says.

    Java reads the arguments from a file that only its owner can open: a command line is open to everybody.

    Raises:
        KgrecError: the tool fails; its last words are in the message, the secret among the arguments is not.
    """
    file = home.path / "arguments"
    words = ["-Xmx1g", *OPENS, "-Dapp.name=neo4j-admin", "-cp", f"{jars}/*", "org.neo4j.cli.AdminTool", *arguments]
    file.unlink(missing_ok=True)
    write_private(file, "".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"\n' for word in words))
    try:
        answer = subprocess.run([java, f"@{file}"], capture_output=True, text=True, check=False, env=environment(home))
    finally:
        file.unlink(missing_ok=True)
    if answer.returncode:
        said = [line for line in (answer.stdout + answer.stderr).splitlines() if line.strip()]
        words_said = [line for line in said if not line.startswith("\tat ")] or ["nothing"]
        last = words_said[-1].strip()
        if secret is not None:
            # the tool repeats arguments that it does not understand
            last = last.replace(secret, "…")
        raise KgrecError(f"neo4j-admin {' '.join(arguments[:2])} failed: {last}")
    return answer.stdout


def environment(home: Home) -> Mapping[str, str]:
    """The environment of Neo4j's processes: what says how to reach a server (a password too) is not theirs to see."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEO4J_")}
    return {**kept, "NEO4J_HOME": str(home.path), "NEO4J_CONF": str(home.conf)}
