"""LightGCN: He, Deng, Wang, Li, Zhang and Wang, SIGIR 2020, arXiv 2002.02126."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from kgrec.config.space import Space, Whole
from kgrec.zoo.base import ZooConfig, ZooModel, xavier
from kgrec.zoo.data import ZooData
from kgrec.zoo.sparse import ConstantProduct, bipartite, symmetric_normalised


class LightGCNConfig(ZooConfig):
    """Attributes:
    layers: how many times the embeddings are propagated.
    """

    space: ClassVar[Space] = {**ZooConfig.space, "layers": Whole(1, 4)}

    layers: int = Field(default=3, ge=0)
    learning_rate: float = Field(default=5e-3, gt=0)
    l2: float = Field(default=1e-3, ge=0)
    epochs: int = Field(default=500, ge=1)
    patience: int = Field(default=50, ge=1)


class LightGCN(ZooModel):
    """``E^(l+1) = D^{-1/2} A D^{-1/2} E^(l)`` over users and items and ``E = Σ_l α_l E^(l)`` with ``α_l = 1/(L+1)``
    (section 3.1, the matrix form); scores are inner products; BPR with L2 on ``E^(0)`` (section 3.3).  Reads no
    knowledge graph.
    """

    name: ClassVar[str] = "LightGCN"
    Config: ClassVar[type[ZooConfig]] = LightGCNConfig

    def __init__(self, data: ZooData, config: LightGCNConfig, seed: int = 0) -> None:
        super().__init__(data, config, seed)
        self.propagate = ConstantProduct(bipartite(symmetric_normalised(data.interactions)))
        self.embedding = xavier(data.num_users + data.num_items, config.dim)

    def forward(self) -> tuple[Tensor, Tensor]:
        layer = total = self.embedding
        for _ in range(self.config.layers):
            layer = self.propagate(layer)
            total = total + layer
        users, items = torch.split(total / (self.config.layers + 1), [self.data.num_users, self.data.num_items])
        return users, items

    def embeddings(self) -> tuple[Tensor, Tensor]:
        users, items = torch.split(self.embedding, [self.data.num_users, self.data.num_items])
        return users, items
