"""Graphs that the builders' tests share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from graph_builders import EdgeTable, GraphTables, NodeTable

TABLES = GraphTables(
    (
        NodeTable("Genre", 2),
        NodeTable(
            "Movie",
            3,
            {"text": np.arange(6, dtype=np.float32).reshape(3, 2), "kg": np.ones((3, 1), dtype=np.float32)},
            {"text": np.array([True, False, True])},
        ),
        NodeTable("User", 2),
    ),
    (
        EdgeTable("Genre", "odd_inverse", "Genre", np.array([[0], [1]])),
        EdgeTable("Movie", "genre", "Genre", np.array([[0, 0, 2], [0, 0, 1]])),
        EdgeTable("Movie", "like", "Movie", np.array([[0], [0]])),
        EdgeTable("User", "interacts", "Movie", np.array([[0, 1], [0, 2]])),
    ),
)
"""Two genres, three movies, two users; one parallel edge and one self loop."""


@pytest.fixture(scope="session")
def tables() -> GraphTables:
    return TABLES


@pytest.fixture(scope="session")
def graphs() -> st.SearchStrategy[GraphTables]:
    return graph_tables()


@st.composite
def graph_tables(draw: st.DrawFn) -> GraphTables:
    """Any graph of up to three types, some of them empty, with parallel edges and self loops."""
    counts = draw(st.dictionaries(st.sampled_from("ABC"), st.integers(0, 4), min_size=1))
    edges = []
    for source in sorted(counts):
        for relation in "rs":
            for target in sorted(counts):
                if counts[source] and counts[target] and draw(st.booleans()):
                    pair = st.tuples(st.integers(0, counts[source] - 1), st.integers(0, counts[target] - 1))
                    pairs = draw(st.lists(pair, max_size=6))
                    index = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
                    edges.append(EdgeTable(source, relation, target, index))
    return GraphTables(tuple(NodeTable(kind, counts[kind]) for kind in sorted(counts)), tuple(edges))
