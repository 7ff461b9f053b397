"""The tables refuse what no builder could build."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_builders import EdgeTable, GraphTables, NodeTable, Vocabulary

A, B = NodeTable("A", 2), NodeTable("B", 3)


def edge(index: list[list[int]], source: str = "A", relation: str = "r", target: str = "B") -> EdgeTable:
    return EdgeTable(source, relation, target, np.array(index, dtype=np.int64).reshape(2, -1))


def test_offsets_stack_the_types() -> None:
    tables = GraphTables((A, B), (edge([[0, 1], [2, 0]]),))
    assert tables.offsets() == {"A": 0, "B": 2}
    assert tables.num_nodes() == {"A": 2, "B": 3}


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ((B, A), (), "sorted and distinct"),
        ((A, A), (), "sorted and distinct"),
        ((A, B), (edge([[0], [0]]), edge([[0], [0]])), "edge types sorted and distinct"),
        ((A, B), (edge([[2], [0]]),), r"A ids in \[0, 2\) \(got 2..2\)"),
        ((A, B), (edge([[0], [-1]]),), r"B ids in \[0, 3\) \(got -1..-1\)"),
        ((A,), (edge([[0], [0]]),), "unknown node type 'B'"),
        ((NodeTable("A", 2, {"x": np.zeros((3, 1), dtype=np.float32)}),), (), "expected 2 rows"),
        ((A, B), (EdgeTable("A", "r", "B", np.zeros((3, 1), dtype=np.int64)),), r"shape \[2, E\]"),
    ],
)
def test_faults(nodes: tuple[NodeTable, ...], edges: tuple[EdgeTable, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GraphTables(nodes, edges)


@given(st.lists(st.text(max_size=3)))
def test_a_vocabulary_is_sorted_and_the_order_of_names_means_nothing(names: list[str]) -> None:
    vocabulary = Vocabulary.of(names)
    assert vocabulary == Vocabulary.of(reversed(names))
    assert [vocabulary.names[i] for i in vocabulary.index().values()] == list(vocabulary.index())
    assert set(vocabulary.names) == set(names)


def test_an_unsorted_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="strictly increasing"):
        Vocabulary(("b", "a"))
