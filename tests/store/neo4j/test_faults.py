"""What goes wrong between kgrec and a server, against a live one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from neo4j.exceptions import ServiceUnavailable
from pyoxigraph import Literal, NamedNode, Quad

from kgrec.errors import KgrecError, StaleError, UserError
from kgrec.store.neo4j import writer
from kgrec.store.neo4j.connection import check_version, open_driver
from kgrec.store.neo4j.faults import ServerGoneError, neo4j_faults
from kgrec.store.neo4j.server import running, up
from kgrec.store.neo4j.server.ports import free_port
from kgrec.store.neo4j.server.processes import is_alive
from kgrec.store.neo4j.store import Neo4jStore

from .proxy import COMMIT, Proxy, failure

if TYPE_CHECKING:
    from ...conftest import LiveNeo4j

GRAPH = NamedNode("urn:kgrec:source/one")


def node(name: object) -> NamedNode:
    return NamedNode(f"http://example.org/{name}")


def quads(n: int) -> list[Quad]:
    """Statements over three predicates, with labels and self-loops."""
    linked = [Quad(node(i), node(f"p{i % 3}"), node(i * 7 % n), GRAPH) for i in range(n)]
    return linked + [Quad(node(i), node("label"), Literal(f"label {i}"), GRAPH) for i in range(0, n, 5)]


def same(store: Neo4jStore, wanted: list[Quad]) -> None:
    found = list(store.quads())
    assert len(found) == len(set(found))
    assert set(found) == set(wanted)


# --- reaching it


def test_no_server_there(neo4j_server: LiveNeo4j) -> None:
    to = replace(neo4j_server.connection, uri=f"bolt://127.0.0.1:{free_port()}")
    with pytest.raises(UserError, match=r"(?s)no Neo4j server answers at bolt://.*kgrec neo4j up"), open_driver(to):
        pass


def test_something_else_there(neo4j_server: LiveNeo4j) -> None:
    state = running(neo4j_server.home)
    assert state is not None
    to = replace(neo4j_server.connection, uri=f"bolt://127.0.0.1:{state.http}")
    with pytest.raises(UserError, match="no Neo4j server answers"), open_driver(to):
        pass


@pytest.mark.parametrize("password", ["wrong-one", None])
def test_a_wrong_password(neo4j_server: LiveNeo4j, password: str | None) -> None:
    to = replace(neo4j_server.connection, password=password)
    with pytest.raises(UserError, match=r"(?s)does not let this user in.*NEO4J_PASSWORD") as refused, open_driver(to):
        pass
    assert "wrong-one" not in str(refused.value) + repr(to)


def test_a_wrong_database(neo4j_server: LiveNeo4j) -> None:
    to = replace(neo4j_server.connection, database="films")
    with pytest.raises(UserError, match=r"(?s)no such database \(got 'films'\).*NEO4J_DATABASE"), open_driver(to):
        pass


def test_the_version_is_told_by_what_the_server_says(neo4j_server: LiveNeo4j) -> None:
    own = b"Neo4j/5.26.29"
    with Proxy(neo4j_server.connection.uri) as proxy:
        to = replace(neo4j_server.connection, uri=proxy.uri)
        proxy.to_client = lambda message: message.replace(own, b"Neo4j/4.4.041")
        with pytest.raises(UserError, match=r"is Neo4j 4\.4\.041; expected Neo4j 5\.26 LTS or later"), open_driver(to):
            pass
        proxy.to_client = lambda message: message.replace(own, b"Neo4j/2025.10")
        with open_driver(to) as driver:
            driver.verify_connectivity()


@pytest.mark.parametrize("agent", ["Neo4j/5.26.0", "Neo4j/5.27-aura", "Neo4j/2025.06.2", "Neo4j/2026.01.0"])
def test_versions_that_are_taken(agent: str) -> None:
    check_version(agent, "neo4j://somewhere")


@pytest.mark.parametrize("agent", ["Neo4j/4.4.12", "Neo4j/5.25.1", "Neo4j/dev", "Memgraph/3.1"])
def test_versions_that_are_not(agent: str) -> None:
    with pytest.raises(UserError, match=r"expected Neo4j 5\.26"):
        check_version(agent, "neo4j://somewhere")


# --- somebody else's data

CLASHES = {
    "nodes": ("CREATE (:Entity {id: 7}), (:Entity {id: 7})", r"2 nodes labelled :Entity"),
    "constraint": (
        "CREATE CONSTRAINT theirs FOR (n:Film) REQUIRE n.title IS UNIQUE",
        r"constraint 'theirs'.*:Film\(",
    ),
    "index": ("CREATE INDEX mine FOR (n:Entity) ON (n.id)", r"index 'mine' \(on :Entity\(id\)\)"),
}


@pytest.mark.parametrize("kind", sorted(CLASHES))
def test_a_clash_is_named_and_nothing_is_touched(neo4j_server: LiveNeo4j, kind: str) -> None:
    cypher, told = CLASHES[kind]
    neo4j_server.rows(cypher)

    def all_of_it() -> list[object]:
        return [
            neo4j_server.rows("MATCH (n) RETURN labels(n), properties(n)"),
            neo4j_server.rows("SHOW CONSTRAINTS YIELD name, properties RETURN name, properties"),
            neo4j_server.rows("SHOW INDEXES YIELD name, properties RETURN name, properties ORDER BY name"),
        ]

    before = all_of_it()
    film = Quad(node("a"), NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type"), node("Film"), GRAPH)
    with Neo4jStore(neo4j_server.connection) as store, pytest.raises(UserError, match=told):
        store.load([film])
    assert all_of_it() == before


def test_what_others_wrote_stays_whatever_is_loaded_and_replaced(neo4j_server: LiveNeo4j) -> None:
    from kgrec.store.neo4j.reading import Reading

    neo4j_server.rows("CREATE (:Person {id: 1})-[:LIKES]->(:Film {title: 'Heat'}), (:Note {text: 'mine'})")
    with Neo4jStore(neo4j_server.connection) as store:
        store.replace(quads(30), Reading())
        neo4j_server.rows(
            "MATCH (e:Entity {id: $id}), (o:Entity {id: $other}), (n:Note) SET e.stars = 5, e:Favourite"
            " CREATE (n)-[:ABOUT]->(e), (e)-[:NEAR]->(o)",
            id=node(3).value,
            other=node(29).value,
        )
        foreign = "MATCH (n) WHERE n:Person OR n:Film OR n:Note RETURN labels(n), properties(n) ORDER BY labels(n)"
        links = "MATCH (a)-[r:LIKES|ABOUT|NEAR]->(b) RETURN type(r), a.id, b.id ORDER BY type(r)"
        before = neo4j_server.rows(foreign), neo4j_server.rows(links)
        smaller = [quad for quad in quads(30) if node(29) not in (quad.subject, quad.object)]
        smaller += [Quad(node(3), node("q"), node("new"), GRAPH)]
        store.replace(smaller, Reading())
        same(store, smaller)
        assert (neo4j_server.rows(foreign), neo4j_server.rows(links)) == before
        kept = neo4j_server.rows("MATCH (e:Favourite) RETURN e.id, e.stars")
        assert kept == [[node(3).value, 5]]
        # what nothing of theirs hangs on is gone
        store.replace([], Reading())
        left = neo4j_server.rows("MATCH (e:Entity) RETURN e.id ORDER BY e.id")
        assert left == [[node(29).value], [node(3).value]]
        assert (neo4j_server.rows(foreign), neo4j_server.rows(links)) == before


# --- on the way


@pytest.fixture
def proxy(neo4j_server: LiveNeo4j) -> Proxy:
    with Proxy(neo4j_server.connection.uri) as one:
        yield one


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver tries again without the seconds that it waits elsewhere."""
    monkeypatch.setattr("neo4j._sync.work.session.sleep", lambda seconds: None)


def through(proxy: Proxy, server: LiveNeo4j) -> Neo4jStore:
    return Neo4jStore(replace(server.connection, uri=proxy.uri))


@pytest.mark.usefixtures("at_once")
def test_a_connection_dropped_in_mid_transaction_is_tried_again(neo4j_server: LiveNeo4j, proxy: Proxy) -> None:
    wanted = quads(3_000)
    breaks = [5_000, 40_000, 90_000, 150_000]
    sent = 0

    def drop(message: bytes, client: socket.socket) -> bytes | None:
        nonlocal sent
        sent += len(message)
        if breaks and sent >= breaks[0]:
            breaks.pop(0)
            return None
        return message

    with through(proxy, neo4j_server) as store:
        proxy.to_server = drop
        store.load(wanted)
        assert not breaks
        same(store, wanted)


def test_a_commit_that_was_not_confirmed_happens_once(neo4j_server: LiveNeo4j, proxy: Proxy) -> None:
    wanted = quads(500)
    commits = broken = 0
    mute = False

    def watch(message: bytes, client: socket.socket) -> bytes:
        nonlocal commits, mute
        if message == COMMIT:
            commits += 1
            mute = commits % 3 == 0
        return message

    def answer(message: bytes) -> bytes | None:
        nonlocal mute, broken
        if mute:
            mute, broken = False, broken + 1
            return None
        return message

    with through(proxy, neo4j_server) as store:
        proxy.to_server, proxy.to_client = watch, answer
        store.load(wanted)
        proxy.to_server, proxy.to_client = (lambda message, client: message), (lambda message: message)
        assert broken >= 2
        same(store, wanted)
    assert neo4j_server.rows("MATCH ()-[r]->() RETURN count(r)") == [[500]]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "code",
    [
        "Neo.ClientError.Cluster.NotALeader",
        "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
        "Neo.TransientError.General.DatabaseUnavailable",
        "Neo.TransientError.Transaction.DeadlockDetected",
    ],
)
def test_a_leader_switch_is_tried_again(neo4j_server: LiveNeo4j, proxy: Proxy, code: str) -> None:
    wanted = quads(200)
    failures = 0

    def fail(message: bytes, client: socket.socket) -> bytes:
        nonlocal failures
        if message == COMMIT and failures < 3:
            failures += 1
            client.sendall(failure(code))
            return b""
        return message

    with through(proxy, neo4j_server) as store:
        proxy.to_server = fail
        store.load(wanted)
        assert failures == 3
        same(store, wanted)


def test_other_errors_are_told_without_the_password(neo4j_server: LiveNeo4j, proxy: Proxy) -> None:
    def fail(message: bytes, client: socket.socket) -> bytes:
        if message == COMMIT:
            client.sendall(failure("Neo.DatabaseError.General.UnknownError"))
            return b""
        return message

    with through(proxy, neo4j_server) as store:
        proxy.to_server = fail
        with pytest.raises(KgrecError, match=r"made up by a proxy \(Neo\.DatabaseError") as told:
            store.load(quads(10))
    assert str(neo4j_server.connection.password) not in str(told.value)


def test_an_error_without_words_is_told_by_its_kind() -> None:
    with pytest.raises(KgrecError, match=r"answers at bolt://here: ServiceUnavailable$"), neo4j_faults("bolt://here"):
        raise ServiceUnavailable("")


# --- killed


def test_a_server_killed_while_it_is_loaded(
    neo4j_server: LiveNeo4j, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROWS", 500)
    wanted = quads(2_000)
    count = "MATCH ()-[r]->() RETURN count(r)"
    state = running(neo4j_server.home)
    assert state is not None

    def kill(message: bytes, client: socket.socket) -> bytes:
        # the second batch of edges, of four, never commits
        if message == COMMIT and is_alive(state.pid, state.started) and neo4j_server.rows(count) != [[0]]:
            os.kill(state.pid, signal.SIGKILL)
        return message

    with Neo4jStore(replace(neo4j_server.connection, uri=proxy.uri), retry_seconds=1) as store:
        proxy.to_server = kill
        with pytest.raises(ServerGoneError):
            store.load(wanted)
    up(neo4j_server.home, bolt=state.bolt, http=state.http, guide_port=free_port())

    assert neo4j_server.rows(count) == [[500]]
    with Neo4jStore(neo4j_server.connection) as store:
        # half a graph is not read
        with pytest.raises(StaleError, match="cut off"):
            next(store.quads())
        store.load(wanted)
        same(store, wanted)
    assert neo4j_server.rows(count) == [[2_000]]


SMALL_BATCHES = """
from kgrec.cli.main import main
from kgrec.store.neo4j import writer

writer.ROWS = 20
main()
"""


def test_a_build_killed_while_it_loads(
    neo4j_server: LiveNeo4j, make_slice: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = make_slice(tmp_path / "data", users=10)
    arguments = ["build", str(recipe), "--run-dir", str(tmp_path / "run"), "--store", "neo4j"]
    environment = {**os.environ, **neo4j_server.environment}
    building = subprocess.Popen(
        [sys.executable, "-c", SMALL_BATCHES, *arguments], env=environment, stderr=subprocess.DEVNULL
    )
    while not neo4j_server.rows("MATCH (n:Entity) RETURN count(n)")[0][0]:
        assert building.poll() is None
        time.sleep(0.01)
    building.kill()
    building.wait()
    # it was cut off, and says so
    assert neo4j_server.rows("MATCH (g:KgrecGraph) RETURN g.digest") == [[None]]
    command = [sys.executable, "-m", "kgrec.cli.main"]
    subprocess.run([*command, *arguments], env=environment, check=True, stderr=subprocess.DEVNULL)
    plain = [*command, "build", str(recipe), "--run-dir", str(tmp_path / "plain")]
    subprocess.run(plain, env=environment, check=True, stderr=subprocess.DEVNULL)
    for file in ("nodes.parquet", "edges.parquet", "interactions.parquet"):
        assert (tmp_path / "run/snapshot" / file).read_bytes() == (tmp_path / "plain/snapshot" / file).read_bytes()
