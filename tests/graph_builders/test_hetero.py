"""Tables → HeteroData."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import HeteroData
from torch_geometric.nn import HeteroConv, SAGEConv

from graph_builders import EdgeTable, GraphTables, NodeTable, to_hetero_data, validate


def test_every_part(tables: GraphTables) -> None:
    data = to_hetero_data(tables)
    assert {kind: data[kind].num_nodes for kind in data.node_types} == {"Genre": 2, "Movie": 3, "User": 2}
    assert data["Movie"].text.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert data["Movie"].text.dtype == torch.float32
    assert data["Movie"].text_mask.tolist() == [True, False, True]
    assert "kg_mask" not in data["Movie"]
    assert data["Movie", "genre", "Genre"].edge_index.tolist() == [[0, 0, 2], [0, 0, 1]]
    assert data["Genre", "rev_genre", "Movie"].edge_index.tolist() == [[0, 0, 1], [0, 0, 2]]
    assert data["Movie", "rev_like", "Movie"].edge_index.tolist() == [[0], [0]]
    assert len(data.edge_types) == 8


def test_without_reverse_edges(tables: GraphTables) -> None:
    assert to_hetero_data(tables, reverse=False).edge_types == [edge.key for edge in tables.edges]


def test_nothing_is_shared_with_the_tables(tables: GraphTables) -> None:
    data = to_hetero_data(tables)
    data["Movie"].text.zero_()
    data["Movie", "genre", "Genre"].edge_index.zero_()
    assert tables.nodes[1].features["text"].sum() == 15
    assert tables.edges[1].index.sum() == 3


@settings(deadline=None)
@given(st.data())
def test_any_graph_passes_its_own_validation(graphs: st.SearchStrategy[GraphTables], data: st.DataObject) -> None:
    tables = data.draw(graphs)
    graph = to_hetero_data(tables)
    for edge in tables.edges:
        assert graph[edge.key].edge_index.tolist() == edge.index.tolist()
        back = graph[edge.target_type, f"rev_{edge.relation}", edge.source_type].edge_index
        assert back.tolist() == edge.index[::-1].tolist()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_message_passing_does_not_see_the_order_of_edges(tables: GraphTables, seed: int) -> None:
    generator = np.random.default_rng(seed)
    nodes = tuple(NodeTable(n.type, n.num_nodes, {"x": np.eye(n.num_nodes, 3, dtype=np.float32)}) for n in tables.nodes)
    edges = tuple(EdgeTable(*e.key, e.index[:, generator.permutation(e.index.shape[1])]) for e in tables.edges)
    torch.manual_seed(0)
    first, second = (to_hetero_data(GraphTables(nodes, part)) for part in (tables.edges, edges))
    layer = HeteroConv({key: SAGEConv((3, 3), 4) for key in first.edge_types})
    with torch.no_grad():
        one, two = (layer(data.collect("x"), data.edge_index_dict) for data in (first, second))
    for kind in one:
        torch.testing.assert_close(one[kind], two[kind])


def _float_ids(data: HeteroData) -> None:
    data["Movie", "like", "Movie"].edge_index = torch.zeros(2, 1)


def _too_high(data: HeteroData) -> None:
    data["Movie", "like", "Movie"].edge_index = torch.tensor([[0], [3]])


def _other_reverse(data: HeteroData) -> None:
    data["Genre", "rev_genre", "Movie"].edge_index = torch.tensor([[0], [0]])


def _lone_reverse(data: HeteroData) -> None:
    data["Genre", "rev_new", "Movie"].edge_index = torch.tensor([[0], [0]])


def _rows(data: HeteroData) -> None:
    data["Movie"].text = torch.zeros(2, 2)


def _nan(data: HeteroData) -> None:
    data["Movie"].text[0, 0] = float("nan")


def _mask(data: HeteroData) -> None:
    data["Movie"].text_mask = torch.zeros(3)


def _lone_mask(data: HeteroData) -> None:
    data["Movie"].other_mask = torch.zeros(3, dtype=torch.bool)


def _no_type(data: HeteroData) -> None:
    data["Movie", "by", "Person"].edge_index = torch.tensor([[0], [0]])


def _three_ends(data: HeteroData) -> None:
    data["Movie", "like", "Movie"].edge_index = torch.zeros(3, 1, dtype=torch.int64)


def _below_zero(data: HeteroData) -> None:
    data["Movie", "like", "Movie"].edge_index = torch.tensor([[-1], [0]])


def _doubles(data: HeteroData) -> None:
    data["Movie"].text = data["Movie"].text.double()


def _no_count(data: HeteroData) -> None:
    data["Person"].num_nodes = None


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_three_ends, r"expected int64 of shape \[2, num_edges\] \(got int64 of shape \[3, 1\]\)"),
        (_below_zero, r"expected Movie ids in \[0, 3\) \(got -1..-1\)"),
        (_doubles, r"expected float32 of shape \[3, dim\] \(got float64 of shape \[3, 2\]\)"),
        (_no_count, r"'Person': expected num_nodes \(got none\)"),
        (_float_ids, r"expected int64 of shape \[2, num_edges\] \(got float32 of shape \[2, 1\]\)"),
        (_too_high, r"expected Movie ids in \[0, 3\) \(got 3..3\)"),
        (_other_reverse, "turned round"),
        (_lone_reverse, "turned round"),
        (_rows, r"expected float32 of shape \[3, dim\] \(got float32 of shape \[2, 2\]\)"),
        (_nan, "expected finite values"),
        (_mask, r"expected bool of shape \[3\]"),
        (_lone_mask, "expected its feature beside it"),
        (_no_type, r"expected a node type among .* \(got 'Person'\)"),
    ],
)
def test_validation_says_what_it_expected(
    tables: GraphTables, harm: Callable[[HeteroData], None], message: str
) -> None:
    data = to_hetero_data(tables)
    harm(data)
    with pytest.raises(ValueError, match=message):
        validate(data)


@pytest.mark.parametrize("name", ["num_nodes", "edge_index", "text_mask", "two words"])
def test_feature_names_that_would_collide(name: str) -> None:
    nodes = (NodeTable("A", 1, {name: np.zeros((1, 1), dtype=np.float32)}),)
    with pytest.raises(ValueError, match="expected a feature name"):
        to_hetero_data(GraphTables(nodes, ()))


def test_relations_that_look_like_reverse_ones_are_refused() -> None:
    edges = (EdgeTable("A", "rev_r", "A", np.zeros((2, 1), dtype=np.int64)),)
    with pytest.raises(ValueError, match="do not begin with 'rev_'"):
        to_hetero_data(GraphTables((NodeTable("A", 1),), edges))
