"""Pages of entities: bounded by characters as well as by number, and nothing lost between them."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from kgrec.store.neo4j import reader
from kgrec.store.neo4j.store import Neo4jStore

if TYPE_CHECKING:
    from ...conftest import LiveNeo4j

GRAPH = NamedNode("urn:kgrec:source/one")
TEXT = NamedNode("http://example.org/text")


def node(number: int) -> NamedNode:
    return NamedNode(f"http://example.org/{number:03}")


def test_pages_end_after_so_many_characters_or_entities(
    neo4j_server: LiveNeo4j, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 120 texts of 300,000 characters only a few are in memory at a time."""
    lengths = [300_000] * 120 + [10] * 30
    wanted = [Quad(node(n), TEXT, Literal(str(n).ljust(length, "x")), GRAPH) for n, length in enumerate(lengths)]
    monkeypatch.setattr(reader, "CHARACTERS", 1_000_000)
    monkeypatch.setattr(reader, "FETCHED", 5)
    monkeypatch.setattr(reader, "PAGE", 20)
    taken: list[int] = []
    page = reader._page

    def watched(*given: object) -> tuple[list[list[object]], bool]:
        rows, last = page(*given)  # type: ignore[arg-type]
        taken.append(len(rows))
        return rows, last

    monkeypatch.setattr(reader, "_page", watched)
    with Neo4jStore(neo4j_server.connection) as store:
        store.load(wanted)
        taken.clear()
        tracemalloc.start()
        quads = store.quads()
        for quad in wanted:
            assert next(quads) == quad
        assert list(quads) == []
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # the last page of all is full, or holds what is left
    assert taken[:30] == [4] * 30
    assert taken[30:] == [20, 10]
    assert peak < 20e6
