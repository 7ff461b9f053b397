"""Tables → PyKEEN's triples and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_builders import (
    EdgeTable,
    GraphTables,
    NodeTable,
    from_mapped_triples,
    relation_names,
    split_by_type,
    to_mapped_triples,
    to_triples_factory,
)


def test_known_triples(tables: GraphTables) -> None:
    # Genre 0-1, Movie 2-4, User 5-6; genre 0, like 1, odd_inverse 2.
    assert relation_names(tables) == ("genre", "like", "odd_inverse")
    assert to_mapped_triples(tables).tolist() == [[0, 2, 1], [2, 0, 0], [2, 1, 2], [4, 0, 1]]
    assert to_mapped_triples(tables, exclude=()).tolist() == [
        [0, 3, 1],
        [2, 0, 0],
        [2, 2, 2],
        [4, 0, 1],
        [5, 1, 2],
        [6, 1, 4],
    ]


def test_the_factory_knows_every_node_and_keeps_odd_names(tables: GraphTables) -> None:
    factory = to_triples_factory(tables)
    assert factory.num_entities == 7
    assert factory.mapped_triples.tolist() == to_mapped_triples(tables).tolist()
    assert factory.entity_to_id["Movie/2"] == 4
    assert factory.relation_to_id == {"genre": 0, "like": 1, "odd_inverse": 2}


def test_a_factory_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one edge"):
        to_triples_factory(GraphTables((NodeTable("A", 1),), ()))


@settings(deadline=None)
@given(st.data())
def test_back_again(graphs: st.SearchStrategy[GraphTables], data: st.DataObject) -> None:
    tables = data.draw(graphs)
    back = from_mapped_triples(to_mapped_triples(tables, exclude=()), tables, exclude=())
    expected = {
        edge.key: sorted(set(map(tuple, edge.index.T.tolist()))) for edge in tables.edges if edge.index.shape[1]
    }
    assert {edge.key: list(map(tuple, edge.index.T.tolist())) for edge in back} == expected
    GraphTables(tables.nodes, back)


@settings(deadline=None)
@given(st.data())
def test_the_order_of_edges_means_nothing(graphs: st.SearchStrategy[GraphTables], data: st.DataObject) -> None:
    tables = data.draw(graphs)
    turned = tuple(EdgeTable(*edge.key, edge.index[:, ::-1]) for edge in tables.edges)
    assert np.array_equal(to_mapped_triples(tables), to_mapped_triples(GraphTables(tables.nodes, turned)))


def test_ids_out_of_range_are_refused(tables: GraphTables) -> None:
    with pytest.raises(ValueError, match=r"column 1: expected ids in \[0, 3\) \(got 0..3\)"):
        from_mapped_triples(np.array([[0, 0, 0], [0, 3, 0]]), tables)


def test_stacked_rows_are_split_by_type(tables: GraphTables) -> None:
    rows = np.arange(7, dtype=np.float32)[:, None]
    parts = split_by_type(rows, tables)
    assert {kind: part[:, 0].tolist() for kind, part in parts.items()} == {
        "Genre": [0, 1],
        "Movie": [2, 3, 4],
        "User": [5, 6],
    }
    with pytest.raises(ValueError, match=r"expected 7 rows \(got 6\)"):
        split_by_type(rows[:6], tables)
