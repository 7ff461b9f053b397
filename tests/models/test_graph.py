from __future__ import annotations

import numpy as np
import pytest
import torch

from graph_builders import EdgeTable, GraphTables, to_hetero_data
from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.models.graph import StackedGraph
from kgrec.models.propagation import build_adjacency

INTERACTIONS = ("User", INTERACTS, "Item")


def stacked(tables: GraphTables) -> StackedGraph:
    return StackedGraph(to_hetero_data(tables), tuple(edge.key for edge in tables.edges), INTERACTIONS)


@pytest.fixture
def tables(snapshot: Snapshot) -> GraphTables:
    return snapshot.graph_tables()


def weights_of(tables: GraphTables) -> torch.Tensor:
    return torch.rand(2 * len(tables.edges), generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.1


def dense(tables: GraphTables, weights: torch.Tensor) -> torch.Tensor:
    """The adjacency from its definition, an edge at a time."""
    offsets, total = tables.offsets(), sum(tables.num_nodes().values())
    matrix = torch.zeros(total, total, dtype=torch.float64)
    for k, edge in enumerate(tables.edges):
        source, target = edge.index.tolist()
        for s, t in zip(source, target, strict=True):
            coefficient = (source.count(s) * target.count(t)) ** -0.5
            row, column = offsets[edge.target_type] + t, offsets[edge.source_type] + s
            matrix[row, column] = matrix[row, column] + weights[k] * coefficient
            matrix[column, row] = matrix[column, row] + weights[k + len(tables.edges)] * coefficient
    return matrix


def test_the_graph_has_parallel_edges(tables: GraphTables) -> None:
    graph = stacked(tables)
    rows = np.repeat(np.arange(graph.num_nodes), np.diff(graph.crow.numpy()))
    pairs = np.stack([rows, graph.column.numpy()])
    assert np.unique(pairs, axis=1).shape[1] < pairs.shape[1]


def test_product_and_gradients_agree_with_the_dense_matrix(tables: GraphTables) -> None:
    graph = stacked(tables).double()
    x = torch.randn(graph.num_nodes, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    upstream = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    gradients = []
    for product in (lambda w, x: graph.matmul(graph.values(w), x), lambda w, x: dense(tables, w) @ x):
        w, given = weights_of(tables).requires_grad_(), x.clone().requires_grad_()
        result = product(w, product(w, given))
        gradients.append((result, *torch.autograd.grad((result * upstream).sum(), (w, given))))
    for ours, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6)


def test_gradcheck_with_parallel_edges(tables: GraphTables) -> None:
    graph = stacked(tables).double()
    x = torch.randn(graph.num_nodes, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    w = weights_of(tables)
    for removed in (None, torch.tensor([0, 3])):
        assert torch.autograd.gradcheck(
            lambda w, x, removed=removed: graph.matmul(graph.values(w, removed), x),
            (w.requires_grad_(), x.requires_grad_()),
        )


def test_permuted_edges_give_the_same_product(tables: GraphTables) -> None:
    rng = np.random.default_rng(0)
    permuted = GraphTables(
        tables.nodes,
        tuple(
            EdgeTable(*edge.key, np.ascontiguousarray(edge.index[:, rng.permutation(edge.index.shape[1])]))
            for edge in tables.edges
        ),
    )
    x = torch.randn(sum(tables.num_nodes().values()), 3, generator=torch.Generator().manual_seed(5))
    w = weights_of(tables).float()
    one, other = stacked(tables), stacked(permuted)
    torch.testing.assert_close(one.matmul(one.values(w), x), other.matmul(other.values(w), x))


@pytest.mark.parametrize("removed", [[0], [1, 4], [7], [0, 1, 2], list(range(8))])
def test_removing_edges_equals_a_graph_without_them(tables: GraphTables, removed: list[int]) -> None:
    kept = GraphTables(
        tables.nodes,
        tuple(
            EdgeTable(*edge.key, np.delete(edge.index, removed, axis=1) if edge.key == INTERACTIONS else edge.index)
            for edge in tables.edges
        ),
    )
    x = torch.randn(sum(tables.num_nodes().values()), 3, generator=torch.Generator().manual_seed(6))
    w = weights_of(tables).float()
    whole, smaller = stacked(tables), stacked(kept)
    torch.testing.assert_close(
        whole.matmul(whole.values(w, torch.tensor(removed)), x), smaller.matmul(smaller.values(w), x)
    )


def test_numpy_adjacency_agrees(snapshot: Snapshot, tables: GraphTables) -> None:
    w = weights_of(tables)
    forward, reverse = w.numpy().reshape(2, -1)
    adjacency = build_adjacency(snapshot, [edge.key for edge in tables.edges], forward, reverse)
    np.testing.assert_allclose(adjacency.toarray(), dense(tables, w).numpy(), rtol=1e-12)
