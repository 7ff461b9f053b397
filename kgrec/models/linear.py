"""Linear propagation over the relation-weighted adjacency: LightGCN's layer on a knowledge graph.

    x^(l+1) = A x^(l),      z = Σ_{l=0..L} a_l x^(l),      score(u, i) = <z_u, z_i>

with ``A`` as in :mod:`kgrec.models.graph`, one learned positive weight a relation and direction, and learned
``a_l >= 0``.  After He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation"
(SIGIR 2020), eq. 3 and 4, with relations, and with users who are what they interacted with instead of vectors of their
own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from kgrec.config.recipe import ModelConfig
from kgrec.dataset.snapshot import Snapshot
from kgrec.models.graph import StackedGraph
from kgrec.models.node_input import NodeInput
from kgrec.models.propagation import EdgeType, Propagation

KG_WEIGHT = 0.03
"""Where the weights of knowledge-graph relations start; interactions start at 1."""


class LinearPropagation(nn.Module):
    """The model over one graph.

    With ``config.kg`` off, knowledge-graph edges and knowledge-graph vectors are left out, whatever the graph holds;
    ids and text stay.

    Args:
        data: the graph, training interactions among its edges.
        config: dimensions, layers, input terms.
        user_type, item_type: node types.
        edge_types: the relations in one direction; the reverse ones of ``data`` are not read.
        interacts: the edge type of the interactions, from users to items.
        generator: of the initial parameters.
    """

    def __init__(
        self,
        data: HeteroData,
        config: ModelConfig,
        *,
        user_type: str,
        item_type: str,
        edge_types: tuple[EdgeType, ...],
        interacts: EdgeType,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        kg_edges = tuple(kind for kind in edge_types if kind != interacts) if config.kg else ()
        kinds = tuple(sorted((*kg_edges, interacts)))
        self.graph = StackedGraph(data, kinds, interacts)
        joined = {user_type, item_type}.union(*((kind[0], kind[2]) for kind in kinds))
        self.input = NodeInput(data, config.input, config.dim, user_type, item_type, joined, kg_edges, generator)
        start = torch.tensor([1.0 if kind == interacts else KG_WEIGHT for kind in kinds])
        self.log_weights = nn.Parameter(start.log().repeat(2))
        self.log_layers = nn.Parameter(torch.full((config.layers + 1,), -math.log(config.layers + 1)))
        users, items = self.graph.offsets[user_type], self.graph.offsets[item_type]
        self.users = slice(users, users + int(data[user_type].num_nodes))
        self.items = slice(items, items + int(data[item_type].num_nodes))

    def forward(self, removed: Tensor | None = None, noise: int | None = None) -> tuple[Tensor, Tensor]:
        """Vectors of users ``[num_users, d]`` and items ``[num_items, d]``.

        Args:
            removed: interactions that are not in the graph this time, positions in their ``edge_index``, ``[r]``.
            noise: seed of the items' input dropout; None for no dropout.
        """
        values = self.graph.values(self.log_weights.exp(), removed)
        a = self.log_layers.exp()
        x = self.input(noise)
        users, items = a[0] * x[self.users], a[0] * x[self.items]
        for weight in a[1:]:
            x = self.graph.matmul(values, x)
            users, items = users + weight * x[self.users], items + weight * x[self.items]
        return users, items

    @torch.no_grad()
    def serving_form(self, snapshot: Snapshot, name: str) -> Propagation:
        """The trained numbers with what serving needs, on the snapshot whose graph this is."""
        forward, reverse = self.log_weights.double().exp().cpu().numpy().reshape(2, -1)
        return Propagation.of(
            snapshot,
            name=name,
            x=self.input().cpu().numpy(),
            layer_weights=self.log_layers.double().exp().cpu().numpy(),
            edge_types=self.graph.edge_types,
            forward=forward,
            reverse=reverse,
        )
