"""HGT: Hu, Dong, Wang and Sun, Heterogeneous graph transformer, WWW 2020, arXiv 2003.01332."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.zoo.base import ZooConfig, xavier
from kgrec.zoo.data import ZooData
from kgrec.zoo.edge_attention import EdgeAttention
from kgrec.zoo.hetero import HeteroConfig, HeteroModel, StackedEdges
from kgrec.zoo.relation_rows import RelationRows


class HGTConfig(HeteroConfig):
    """Attributes:
    heads: of the attention; ``dim`` is a multiple of it.
    """

    heads: int = Field(default=2, ge=1)
    learning_rate: float = Field(default=7e-3, gt=0)

    @model_validator(mode="after")
    def _divisible(self) -> HGTConfig:
        if self.dim % self.heads:
            raise ValueError(f"dim must be a multiple of heads (got {self.dim} and {self.heads})")
        return self


class HGT(HeteroModel):
    """Heterogeneous mutual attention over all edge types and their reverses (:class:`HGTLayer`); the score is an inner
    product.  The paper's relative temporal encoding needs times of edges and is left out."""

    name: ClassVar[str] = "HGT"
    Config: ClassVar[type[ZooConfig]] = HGTConfig

    def __init__(self, data: ZooData, config: HGTConfig, seed: int = 0) -> None:
        super().__init__(data, config, seed)
        # Of the last layer only users and items are read, the first two types.
        types = [len(self.edges.kinds)] * (config.layers - 1) + [2]
        self.convolutions = nn.ModuleList(HGTLayer(self.edges, count, config.dim, config.heads) for count in types)

    def forward(self) -> tuple[Tensor, Tensor]:
        nodes = self.inputs()
        for layer in self.convolutions:
            nodes = layer(self.dropout(nodes))
        return self.split(nodes)


class HGTLayer(nn.Module):
    """One layer: attention (equation 3), messages (4), their sum (5) and the target's update with a residual (6).

    A head of an edge ``s –φ→ t``: ``logit = (K_τ(s) h_s) W^att_φ (Q_τ(t) h_t) μ_φ / √d``, softmax over all edges into
    ``t``; ``message = (M_τ(s) h_s) W^msg_φ``.  With ``g = GELU(Σ softmax · message)`` joined over the heads,
    ``h_t' = β_τ(t) A_τ(t) g + (1 - β_τ(t)) h_t`` with a learned ``β``, as in the authors' code.

    Keys and messages are made once a (relation, source) and not once an edge: what PyG's ``HGTConv`` gives (the tests
    compare them), whose gradient took over a minute a step on the ``ml-100k`` graph.

    Args:
        edges: the graph, ``N`` nodes.
        types: how many node types, the first ones, receive: ``n`` nodes.
        dim: ``d``, of input and output.
        heads: ``H``.

    Shapes:
        ``[N, d]`` → ``[n, d]``
    """

    def __init__(self, edges: StackedEdges, types: int, dim: int, heads: int) -> None:
        super().__init__()
        self.sizes, self.types, self.heads = edges.sizes, types, heads
        self.targets, relations, width = sum(edges.sizes[:types]), len(edges.edge_types), dim // heads
        self.rows = RelationRows(edges, self.targets)
        self.attention = EdgeAttention(self.rows.target, self.rows.row, self.targets, self.rows.count)
        self.query, self.update = (nn.ModuleList(nn.Linear(dim, dim) for _ in range(types)) for _ in range(2))
        self.key, self.message = (nn.ModuleList(nn.Linear(dim, dim) for _ in self.sizes) for _ in range(2))
        self.key_of, self.message_of = (
            nn.Parameter(torch.stack([xavier(width, width).detach() for _ in range(relations * heads)]))
            for _ in range(2)
        )
        self.prior = nn.Parameter(torch.ones(relations, heads))
        self.skip = nn.Parameter(torch.ones(types))

    def forward(self, nodes: Tensor) -> Tensor:
        own = nodes[: self.targets]
        query, key, message = (
            _by_type(linears, part, self.sizes)
            for linears, part in ((self.query, own), (self.key, nodes), (self.message, nodes))
        )
        heads = []
        for head, parts in enumerate(zip(*(part.chunk(self.heads, dim=1) for part in (query, key, message)))):
            scale = self.prior[:, head, None, None] / math.sqrt(parts[0].shape[1])
            keys = self.rows.transform(parts[1], self.key_of[head :: self.heads] * scale)
            messages = self.rows.transform(parts[2], self.message_of[head :: self.heads])
            heads.append(self.attention(parts[0].contiguous(), keys, messages))
        updated = _by_type(self.update, F.gelu(torch.cat(heads, dim=1)), self.sizes)
        size = torch.tensor(self.sizes[: self.types], device=nodes.device)
        share = self.skip.sigmoid().repeat_interleave(size)[:, None]
        return share * updated + (1 - share) * own


def _by_type(linears: nn.ModuleList, nodes: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Each node type's rows ``[n, d]`` through its own map."""
    parts = torch.split_with_sizes(nodes, list(sizes[: len(linears)]))
    return torch.cat([linear(part) for linear, part in zip(linears, parts, strict=True)])
