"""R-GCN: Schlichtkrull, Kipf, Bloem, van den Berg, Titov and Welling, Modeling relational data with graph convolutional
networks, ESWC 2018, arXiv 1703.06103."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import torch
from pydantic import Field
from torch import Tensor, nn

from kgrec.zoo.base import ZooConfig, xavier
from kgrec.zoo.data import ZooData
from kgrec.zoo.hetero import HeteroConfig, HeteroModel, StackedEdges
from kgrec.zoo.relation_rows import RelationRows
from kgrec.zoo.sparse import ConstantProduct


class RGCNConfig(HeteroConfig):
    """Attributes:
    bases: matrices that the relations' matrices are sums of.
    """

    bases: int = Field(default=8, ge=1)
    dropout: float = Field(default=0.4, ge=0, lt=1)


class RGCN(HeteroModel):
    """``h_i' = σ(Σ_r Σ_{j in N_r(i)} 1/|N_r(i)| W_r h_j + W_0 h_i)`` (equation 2) with ``W_r = Σ_b a_rb V_b``
    (equation 3), over all edge types and their reverses; the last layer has no σ (ReLU), the score is an inner
    product.
    """

    name: ClassVar[str] = "R-GCN"
    Config: ClassVar[type[ZooConfig]] = RGCNConfig

    def __init__(self, data: ZooData, config: RGCNConfig, seed: int = 0) -> None:
        super().__init__(data, config, seed)
        read = data.num_users + data.num_items
        # Of the last layer only users and items are read, the first rows.
        targets = [self.edges.num_nodes] * (config.layers - 1) + [read]
        self.convolutions = nn.ModuleList(RGCNLayer(self.edges, n, config.dim, config.bases) for n in targets)

    def layers(self) -> list[RGCNLayer]:
        """The layers, first to last."""
        return [layer for layer in self.convolutions if isinstance(layer, RGCNLayer)]

    def forward(self) -> tuple[Tensor, Tensor]:
        nodes = self.inputs()
        for number, layer in enumerate(self.layers()):
            nodes = layer(self.dropout(nodes if number == 0 else nodes.relu()))
        return self.split(nodes)


class RGCNLayer(nn.Module):
    """One layer without its σ.

    A source's message is made once a relation and not once an edge, then one constant sparse product takes the means:
    what PyG's ``RGCNConv`` gives (the tests compare them) in about a fifth of its time on the ``ml-100k`` graph.

    Args:
        edges: the graph, ``N`` nodes.
        targets: ``n``: how many nodes, the first ones, receive.
        dim: ``d``.
        bases: number of ``V_b``.

    Shapes:
        ``[N, d]`` → ``[n, d]``
    """

    def __init__(self, edges: StackedEdges, targets: int, dim: int, bases: int) -> None:
        super().__init__()
        self.targets, count = targets, len(edges.edge_types)
        self.rows = RelationRows(edges, targets)
        pair = self.rows.target * count + self.rows.relation
        degree = np.bincount(pair)[pair] if len(pair) else pair
        entries = (1.0 / degree).astype(np.float32), (self.rows.target, self.rows.row)
        self.mean = ConstantProduct(sp.csr_array(entries, shape=(targets, self.rows.count)))
        self.basis = nn.Parameter(torch.stack([xavier(dim, dim).detach() for _ in range(bases)]))
        self.share = xavier(count, bases)
        self.own = nn.Linear(dim, dim)

    def weights(self) -> Tensor:
        """``W_r``, applied from the right, ``[R, d, d]``."""
        return torch.einsum("rb,bij->rij", self.share, self.basis)

    def forward(self, nodes: Tensor) -> Tensor:
        messages = self.rows.transform(nodes, self.weights())
        received: Tensor = self.mean(messages) + self.own(nodes[: self.targets])
        return received
