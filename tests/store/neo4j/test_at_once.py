"""Two builds into one database at once: one of them is told, and the graph is the other one's, whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from neo4j.exceptions import Neo4jError
from pyoxigraph import Literal, NamedNode, Quad

from kgrec.errors import BusyError
from kgrec.store.neo4j import writer
from kgrec.store.neo4j.marker import renew
from kgrec.store.neo4j.reading import Reading
from kgrec.store.neo4j.store import Neo4jStore

from .meanwhile import Meanwhile

if TYPE_CHECKING:
    from ...conftest import LiveNeo4j

GRAPH = NamedNode("urn:kgrec:source/one")


def node(name: object) -> NamedNode:
    return NamedNode(f"http://example.org/{name}")


def quads(shift: int, n: int = 60) -> list[Quad]:
    """A third of the edges are the same whatever the shift is."""
    linked = [Quad(node(i), node(f"p{i % 3}"), node((i * 7 + shift * (i % 3)) % n), GRAPH) for i in range(n)]
    return [*linked, Quad(node(0), node("label"), Literal(f"shift {shift}"), GRAPH)]


FIRST, SECOND = quads(1), quads(2)


def whole(server: LiveNeo4j, wanted: list[Quad]) -> None:
    """The graph is this one, with every edge once."""
    with Neo4jStore(server.connection) as store:
        assert sorted(map(str, store.quads())) == sorted(map(str, wanted))
    edges = sum(isinstance(quad.object, NamedNode) for quad in wanted)
    assert server.rows("MATCH (:Entity)-[r]->(:Entity) WHERE type(r) <> 'INTERACTED' RETURN count(r)") == [[edges]]
    assert server.rows("MATCH (g:KgrecGraph) RETURN count(g), count(g.locked)") == [[1, 0]]


@pytest.mark.parametrize(
    "before", [[], [Quad(node(i), node("q"), node(i), GRAPH) for i in range(9)]], ids=["empty", "loaded"]
)
def test_overtaken_before_it_writes(neo4j_server: LiveNeo4j, before: list[Quad]) -> None:
    """It has read what is there, then another one goes through."""
    with Neo4jStore(neo4j_server.connection) as one, Neo4jStore(neo4j_server.connection) as other:
        if before:
            one.replace(before, Reading())
        meanwhile = Meanwhile(lambda: other.replace(SECOND, Reading()))
        with pytest.raises(BusyError, match="another build or publication has begun to write") as told:
            one.replace(FIRST, Reading(relations=meanwhile))
        assert not meanwhile.left
        assert "run it again" in str(told.value)
        whole(neo4j_server, SECOND)
        # told to run it again: that works
        one.replace(FIRST, Reading())
        whole(neo4j_server, FIRST)


@pytest.mark.parametrize("unfinished", [False, True], ids=["through", "cut off"])
def test_overtaken_while_it_writes(neo4j_server: LiveNeo4j, monkeypatch: pytest.MonkeyPatch, unfinished: bool) -> None:
    """Another one has begun, and is through or not: the first one writes nothing more."""
    monkeypatch.setattr(writer, "ROWS", 7)
    pairs = [(node(i).value, node(i + 1).value, 1.0, None) for i in range(30)]

    def interactions(happen: Callable[[], object]) -> Callable[[], Iterator[tuple[str, str, float, int | None]]]:
        def rows() -> Iterator[tuple[str, str, float, int | None]]:
            yield from pairs[:10]
            # the next batch is made while the last one is being written
            while neo4j_server.rows("MATCH ()-[r:INTERACTED]->() RETURN count(r)") != [[7]]:
                time.sleep(0.01)
            happen()
            yield from pairs[10:]

        return rows

    class CutOffError(Exception):
        pass

    def cut_off() -> None:
        raise CutOffError

    with Neo4jStore(neo4j_server.connection) as one, Neo4jStore(neo4j_server.connection) as other:

        def build(store: Neo4jStore, wanted: list[Quad], happen: Callable[[], object]) -> None:
            people = [(node(i).value, ("User", "Item"), None) for i in range(60)]
            digest = str(wanted is FIRST)
            store.replace(wanted, Reading(people, interactions=interactions(happen), interactions_digest=digest))

        def second(happen: Callable[[], object] = lambda: None) -> None:
            build(other, SECOND, happen)

        def overtake() -> None:
            if unfinished:
                with pytest.raises(CutOffError):
                    second(cut_off)
            else:
                second()

        with pytest.raises(BusyError):
            build(one, FIRST, overtake)
        if unfinished:
            assert neo4j_server.rows("MATCH (g:KgrecGraph) RETURN g.digest") == [[None]]
            second()
        whole(neo4j_server, SECOND)
        assert neo4j_server.rows("MATCH ()-[r:INTERACTED]->() RETURN count(r)") == [[len(pairs)]]


def test_first_builds_that_race(neo4j_server: LiveNeo4j, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ROWS", 7)
    outcomes: dict[int, object] = {}
    begin = threading.Barrier(3)

    def build(shift: int) -> None:
        with Neo4jStore(neo4j_server.connection) as store:
            begin.wait()
            try:
                outcomes[shift] = store.replace(quads(shift), Reading())
            except BusyError as error:
                outcomes[shift] = error

    threads = [threading.Thread(target=build, args=(shift,)) for shift in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    through = {digest: shift for shift, digest in outcomes.items() if isinstance(digest, str)}
    assert len(outcomes) == 3
    ((digest,),) = neo4j_server.rows("MATCH (g:KgrecGraph) RETURN g.digest")
    whole(neo4j_server, quads(through[digest]))


def test_a_second_mark_cannot_be(neo4j_server: LiveNeo4j) -> None:
    with Neo4jStore(neo4j_server.connection) as store:
        store.replace(FIRST, Reading())
    with pytest.raises(Neo4jError, match="already exists"):
        neo4j_server.rows("CREATE (:KgrecGraph {id: 'graph'})")


def test_a_unit_of_work_holds_the_mark(neo4j_server: LiveNeo4j) -> None:
    """Whoever comes second waits, and then sees what the first one left."""
    with Neo4jStore(neo4j_server.connection) as store:
        store.replace(FIRST, Reading())
    with neo4j_server.driver.session() as one, neo4j_server.driver.session() as other:
        first, second = one.begin_transaction(), other.begin_transaction()
        renew(first, "first")
        found: list[str | None] = []
        waiting = threading.Thread(target=lambda: found.append(renew(second, "second")))
        waiting.start()
        try:
            wait_until_blocked(neo4j_server)
            assert waiting.is_alive()
        finally:
            # a session must not be closed under a thread that reads from it
            first.commit()
            waiting.join()
        assert found == ["first"]
        second.rollback()


def wait_until_blocked(server: LiveNeo4j, seconds: float = 60) -> None:
    """Returns when one transaction waits for a lock; how soon the server comes to it is not in our hands."""
    blocked = "SHOW TRANSACTIONS YIELD status WHERE status STARTS WITH 'Blocked' RETURN count(*)"
    deadline = time.monotonic() + seconds
    while server.rows(blocked) != [[1]]:
        assert time.monotonic() < deadline, "no transaction waits for a lock"
        time.sleep(0.05)
