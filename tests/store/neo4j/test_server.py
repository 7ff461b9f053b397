"""The managed server as people run it: ``kgrec neo4j up``, ``status``, ``logs``, ``down``."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pyoxigraph import Literal, NamedNode, Quad

from kgrec.errors import BusyError, KgrecError, StorageError, UserError
from kgrec.store.neo4j import connection as connecting
from kgrec.store.neo4j.connection import connection, open_driver
from kgrec.store.neo4j.server import Home, down, fetch, guide, running, up
from kgrec.store.neo4j.server.configure import set_first_password
from kgrec.store.neo4j.server.ports import free_port
from kgrec.store.neo4j.server.processes import is_alive
from kgrec.store.neo4j.store import Neo4jStore

from ...needs import skip_or_fail

Kgrec = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def kgrec() -> Kgrec:
    """Runs the command line, without any ``NEO4J_*`` of the caller's."""

    def run(*arguments: object, **extra: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NEO4J_")}
        command = [sys.executable, "-m", "kgrec.cli.main", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env={**kept, **extra})

    return run


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "index.html").write_text("<title>how to read it</title>")
    return folder


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_a_server_from_up_to_down(
    neo4j_installed: None, tmp_path: Path, pages: Path, kgrec: Kgrec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One server through its life, as starting takes seconds: two ups at once, log-in, loopback, the guide, down."""
    monkeypatch.setattr(guide, "PAGES", pages)
    home = Home(tmp_path / "home")
    ports = {"bolt": free_port(), "http": free_port(), "guide_port": free_port()}
    monkeypatch.setenv("NEO4J_PASSWORD", "another server's")
    answers = []
    both = [threading.Thread(target=lambda: answers.append(up(home, **ports))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    try:
        (state, one), (same, other) = answers
        assert state == same
        assert sorted([one, other]) == [False, True]

        # what the caller knows of another server lives on nowhere
        for pid in (state.pid, state.guide_pid):
            assert "NEO4J_PASSWORD" not in psutil.Process(pid).environ()
        monkeypatch.delenv("NEO4J_PASSWORD")

        # the generated password works, the well-known one does not
        assert stat.S_IMODE(home.password_file.stat().st_mode) == 0o600
        password = home.password()
        assert password is not None
        assert len(password) >= 20
        with open_driver(connection(state.uri, home=home)) as driver:
            driver.verify_connectivity()
        with (
            pytest.raises(UserError, match="does not let this user in"),
            open_driver(connecting.Connection(state.uri, "neo4j", "neo4j")),
        ):
            pass

        # nothing but loopback
        process = psutil.Process(state.pid)
        listening = [c.laddr for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
        assert {address.port for address in listening} >= {state.bolt, state.http}
        assert {address.ip for address in listening} <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
        for own in _own_addresses():
            with socket.socket() as probe:
                assert probe.connect_ex((own, state.bolt)) != 0

        # a password is in its file alone
        assert password not in " ".join(process.cmdline()) + " ".join(process.environ().values())
        for file in tmp_path.rglob("*"):
            if file.is_file() and file != home.password_file:
                assert password.encode() not in file.read_bytes(), file
        told = kgrec("neo4j", "status", "--home", home.path)
        assert told.returncode == 0
        assert state.browser_url in told.stdout
        assert str(home.password_file) in told.stdout
        assert password not in told.stdout + told.stderr
        document = json.loads(kgrec("neo4j", "status", "--home", home.path, "--json").stdout)
        assert document["uri"] == state.uri
        assert "Started." in kgrec("neo4j", "logs", "--home", home.path).stdout

        # Browser and the guide
        assert "Neo4j Browser" in fetched(state.browser_url)
        assert state.guide_url is not None
        assert "how to read it" in fetched(state.guide_url)
        assert json.loads(fetched(state.guide_url + "server.json")) == {
            "browser": state.browser_url,
            "bolt": state.uri,
            "user": "neo4j",
        }

        # the address and the password are found without being told
        found = kgrec("neo4j", "up", "--home", home.path)
        assert "was up already" in found.stdout
        monkeypatch.setenv("KGREC_NEO4J_HOME", str(home.path))
        for name in ("NEO4J_URI", "NEO4J_USER", "NEO4J_USERNAME", "NEO4J_PASSWORD"):
            monkeypatch.delenv(name, raising=False)
        with open_driver(connection()) as driver:
            driver.execute_query("CREATE (:Kept)")

        # its port is taken for another one
        with pytest.raises(BusyError, match="is taken by another program") as taken:
            up(Home(tmp_path / "another"), bolt=state.bolt, http=free_port())
        assert "--bolt-port" in str(taken.value)

        stopped = kgrec("neo4j", "down", "--home", home.path)
        assert "Neo4j is down" in stopped.stdout
        assert not is_alive(state.pid, state.started)
        with pytest.raises(urllib.error.URLError):
            fetched(state.guide_url)
        assert kgrec("neo4j", "status", "--home", home.path).returncode == 1
        assert not down(home)

        # without authentication, only when asked, and it is said
        opened = kgrec(
            *("neo4j", "up", "--no-auth", "--home", home.path),
            *("--bolt-port", ports["bolt"], "--http-port", ports["http"]),
        )
        assert "no password is asked for" in opened.stdout, opened.stderr
        assert "any web page" in opened.stdout
        # the HTTP API lets no other page read what it answers
        api = f"http://127.0.0.1:{ports['http']}"
        asked = urllib.request.Request(f"{api}/db/neo4j/tx/commit", headers={"Origin": "http://example.org"})
        asked.add_header("Access-Control-Request-Method", "POST")
        asked.method = "OPTIONS"
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == api
        with open_driver(connection(home=home)) as driver:
            assert driver.execute_query("MATCH (n:Kept) RETURN count(n)").records[0][0] == 1
    finally:
        down(home)
    assert running(home) is None


def _own_addresses() -> Iterator[str]:
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family == socket.AF_INET and not address.address.startswith("127."):
                yield address.address


def test_a_generated_password_is_no_option_and_is_not_repeated(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    assert all(home.make_password().isalnum() for _ in range(300))
    java = tmp_path / "java"
    java.write_text('#!/bin/sh\necho Unknown option: $(tail -n 1 "${1#@}") >&2\nexit 2\n')
    java.chmod(0o755)
    with pytest.raises(KgrecError, match=r"set-initial-password failed: Unknown option: .*…") as told:
        set_first_password(str(java), tmp_path, home, "-s3cret")
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize("command", ["up", "status", "logs", "down"])
def test_a_folder_of_somebody_elses_is_refused_and_kept(command: str, tmp_path: Path, kgrec: Kgrec) -> None:
    folder = tmp_path / "theirs"
    files = {"guide/index.html": "mine", "conf/neo4j.conf": "mine", "logs/console.log": "mine", "password": "mine"}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    folder.chmod(0o755)
    answer = kgrec("neo4j", command, "--home", folder)
    assert answer.returncode == 2
    assert f"{folder}: this folder holds files" in answer.stderr
    assert "--home DIR" in answer.stderr
    assert "mine" not in answer.stdout
    assert {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()} == files
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


@pytest.mark.parametrize(("command", "code"), [("status", 1), ("down", 0)])
def test_an_empty_folder_stays_empty_where_nothing_is_started(
    command: str, code: int, tmp_path: Path, kgrec: Kgrec
) -> None:
    tmp_path.chmod(0o755)
    assert kgrec("neo4j", command, "--home", tmp_path).returncode == code
    assert list(tmp_path.iterdir()) == []
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.parametrize("missing", ["java", "mvn"])
def test_without_java_or_maven_three_ways_on_are_named(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kgrec: Kgrec
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    if missing == "mvn":
        (tools / "java").write_text("#!/bin/sh\necho 'openjdk version \"21.0.2\"' >&2\n")
        (tools / "java").chmod(0o755)
    answer = kgrec(
        *("neo4j", "up", "--home", tmp_path / "home"), PATH=str(tools), JAVA_HOME="", KGREC_CACHE=str(tmp_path)
    )
    assert answer.returncode == 2
    lacking, docker = "Java 17" if missing == "java" else "Maven", "NEO4J_PASSWORD=… docker compose up"
    for words in (lacking, docker, "Desktop", "Aura", "NEO4J_URI"):
        assert words in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(("said", "version"), [('java version "1.8.0_391"', 8), ('openjdk version "11.0.2"', 11)])
def test_an_old_java_is_refused(said: str, version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin/java"
    java.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(UserError, match=f"this is Java {version} "):
        fetch.java()


def test_a_maven_that_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR] Could not transfer artifact'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("KGREC_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match=r"(?s)Could not transfer artifact.*docker compose"):
        fetch.jars()
    assert list((tmp_path / "cache/neo4j").iterdir()) == []


def test_the_shipped_compose_file_has_the_same_version(repository: Path) -> None:
    content = (repository / "compose.yaml").read_text()
    assert f"neo4j:{fetch.VERSION}-community" in content
    assert content.count("127.0.0.1:") == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 420 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=420m", "none", str(place)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        skip_or_fail("only root can mount a small file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, left: int) -> Path:
    """Leaves so many bytes free."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        for _ in range((shutil.disk_usage(disk).free - left) // 1_000_000):
            file.write(bytes(1_000_000))
    return ballast


def test_a_full_disk_says_so_and_a_load_goes_on_when_there_is_room(neo4j_installed: None, small_disk: Path) -> None:
    home = Home(small_disk / "home")
    ports = {"bolt": free_port(), "http": free_port()}
    ballast = fill(small_disk, 2_000_000)
    with pytest.raises(StorageError, match="the disk is full"):
        up(home, **ports)
    assert running(home) is None
    ballast.unlink()

    graph = NamedNode("urn:kgrec:source/one")
    nodes = [NamedNode(f"http://example.org/{i}") for i in range(60_000)]
    quads = [Quad(node, nodes[0], Literal(f"{i} " + "x" * 900), graph) for i, node in enumerate(nodes)]
    try:
        state, _ = up(home, **ports)
        to = connection(state.uri, home=home)
        ballast = fill(small_disk, 2_000_000)
        with Neo4jStore(to, retry_seconds=1) as store, pytest.raises(StorageError, match="its disk is full"):
            store.load(quads)
        ballast.unlink()
        down(home)
        up(home, **ports)
        with Neo4jStore(to) as store:
            store.load(quads)
            assert set(store.quads()) == set(quads)
    finally:
        down(home)
