"""The stores that the contract suite runs against; the next one is another line of STORES."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kgrec.store import GraphStore, OxigraphStore, SparqlStore

BASE = "urn:test:"

Opener = Callable[[Path, bool], GraphStore]


def _oxigraph(request: pytest.FixtureRequest) -> Opener:
    return lambda folder, read_only: OxigraphStore(folder / "oxigraph", base=BASE, read_only=read_only)


def _neo4j(request: pytest.FixtureRequest) -> Opener:
    from kgrec.store.neo4j.store import Neo4jStore

    server = request.getfixturevalue("neo4j_server")
    held: list[Path] = []

    def opener(folder: Path, read_only: bool) -> GraphStore:
        # a database holds one graph: another folder's store begins in an empty one
        if held and held[-1] != folder:
            server.empty()
        held.append(folder)
        return Neo4jStore(server.connection, base=BASE, read_only=read_only)

    return opener


STORES: dict[str, Callable[[pytest.FixtureRequest], Opener]] = {"neo4j": _neo4j, "oxigraph": _oxigraph}
SPARQL_STORES: dict[str, Callable[[Path], SparqlStore]] = {
    "oxigraph": lambda folder: OxigraphStore(folder / "oxigraph", base=BASE)
}

Open = Callable[..., GraphStore]


@pytest.fixture(params=sorted(SPARQL_STORES))
def sparql_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SparqlStore]:
    """Each store that answers SPARQL."""
    with SPARQL_STORES[request.param](tmp_path) as store:
        yield store


@pytest.fixture(params=sorted(STORES))
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """``open_store()`` opens the test's store, ``open_store(name, read_only=True)`` another folder's."""
    opened: list[GraphStore] = []
    open_one = STORES[request.param](request)

    def opener(name: str = "store", read_only: bool = False) -> GraphStore:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        store = open_one(folder, read_only)
        opened.append(store)
        return store

    yield opener
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> GraphStore:
    return open_store()
