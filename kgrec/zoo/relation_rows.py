"""A row for every (relation, source) that has an edge: what is computed once for all edges that begin there."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from kgrec.zoo.hetero import StackedEdges


class RelationRows(nn.Module):
    """The ``S`` distinct pairs (relation, source), sorted, of the edges into the first nodes.

    Args:
        edges: the graph.
        targets: how many nodes, the first ones, receive; other edges are left out.

    Attributes:
        count: ``S``.
        source: each row's node, int64 ``[S]``.
        row, relation, target: of each edge, int64 ``[E]`` numpy arrays, sorted by (target, row); parallel edges stay.
    """

    source: Tensor

    def __init__(self, edges: StackedEdges, targets: int) -> None:
        super().__init__()
        kept = edges.target < targets
        key = edges.relation[kept] * edges.num_nodes + edges.source[kept]
        rows, row = np.unique(key, return_inverse=True)
        relation, source = np.divmod(rows, edges.num_nodes)
        self.count = len(rows)
        self.sizes = np.bincount(relation, minlength=len(edges.edge_types)).tolist()
        self.register_buffer("source", torch.from_numpy(source), persistent=False)
        order = np.lexsort((row, edges.target[kept]))
        self.row, self.target = row[order], edges.target[kept][order]
        self.relation = relation[self.row]

    def transform(self, nodes: Tensor, weights: Tensor) -> Tensor:
        """``x_source W_relation`` of every row: nodes ``[N, d]``, weights ``[R, d, d']`` → ``[S, d']``."""
        parts = torch.split_with_sizes(nodes.index_select(0, self.source), self.sizes)
        return torch.cat([part @ weight for part, weight in zip(parts, weights, strict=True)])
