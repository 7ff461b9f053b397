"""KGIN: Wang, Huang, Wang, Yuan, Liu, He and Chua, Learning intents behind interactions with knowledge graph for
recommendation, WWW 2021, arXiv 2102.07057."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.config.space import OneOf, Real, Space, Whole
from kgrec.zoo.base import PairBatch, ZooConfig, ZooModel, xavier
from kgrec.zoo.data import ZooData
from kgrec.zoo.sparse import ConstantProduct, row_normalised


class KGINConfig(ZooConfig):
    """Attributes:
    layers: of relational path-aware aggregation.
    intents: how many a user's interactions are told apart by.
    independence: weight of the loss that keeps intents apart.
    temperature: of that loss.
    dropout: of every layer's messages.
    """

    space: ClassVar[Space] = {
        **ZooConfig.space,
        "layers": Whole(1, 3),
        "intents": OneOf((1, 2, 4, 8)),
        "dropout": Real(0.0, 0.6),
        "independence": Real(1e-6, 1e-2, log=True),
    }

    layers: int = Field(default=2, ge=1)
    intents: int = Field(default=4, ge=1)
    independence: float = Field(default=1e-4, ge=0)
    temperature: float = Field(default=0.2, gt=0)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    l2: float = Field(default=1e-3, ge=0)
    patience: int = Field(default=10, ge=1)


class RelationalAggregation(nn.Module):
    """``e_h' = 1/|N_h| Σ_{(r,t) in N_h} e_r ⊙ e_t`` (section 3.2.2).

    A message depends on relation and tail alone: it is made once for each distinct pair and summed by a constant
    product, several times fewer rows than edges.

    Args:
        triples: int64 ``[E, 3]``.
        num_entities: ``N``; num_relations: ``R``; rows: only the first so many heads are wanted.
    """

    def __init__(self, triples: NDArray[np.int64], num_entities: int, num_relations: int, rows: int) -> None:
        super().__init__()
        triples = triples[triples[:, 0] < rows]
        typed, message = np.unique(triples[:, 1] * num_entities + triples[:, 2], return_inverse=True)
        relation, tail = np.divmod(typed, num_entities)
        count = np.arange(len(typed))
        self.tail = ConstantProduct(_ones(count, tail, (len(typed), num_entities)))
        self.relation = ConstantProduct(_ones(count, relation, (len(typed), num_relations)))
        self.mean = ConstantProduct(row_normalised(_ones(triples[:, 0], message, (rows, len(typed)))))

    def forward(self, entities: Tensor, relations: Tensor) -> Tensor:
        """entities ``[N, d]``, relations ``[R, d]`` → ``[rows, d]``."""
        result: Tensor = self.mean(self.relation(relations) * self.tail(entities))
        return result


class KGIN(ZooModel):
    """Intents are attentive mixtures of relations, ``e_p = Σ_r softmax_r(w_rp) e_r``, kept apart by mutual information
    (section 3.1).  A user is ``1/|N_u| Σ_i Σ_p β(u,p) e_p ⊙ e_i`` with ``β = softmax_p <e_p, e_u>``, an item the mean
    of its typed neighbours (section 3.2); both are summed over the layers, scores are inner products (section 3.3).

    Each layer's rows are scaled to unit length, as in the authors' experiments (their layers would else shrink).
    """

    name: ClassVar[str] = "KGIN"
    Config: ClassVar[type[ZooConfig]] = KGINConfig

    def __init__(self, data: ZooData, config: KGINConfig, seed: int = 0) -> None:
        super().__init__(data, config, seed)
        triples, relations = data.both_ways(), max(2 * len(data.relations), 1)
        # Of the last layer only the items are read.
        rows = [data.num_entities] * (config.layers - 1) + [data.num_items]
        self.layers = nn.ModuleList(RelationalAggregation(triples, data.num_entities, relations, n) for n in rows)
        self.history = ConstantProduct(row_normalised(data.interactions))
        self.user = xavier(data.num_users, config.dim)
        self.entity = xavier(data.num_entities, config.dim)
        self.relation = xavier(relations, config.dim)
        self.mixture = xavier(config.intents, relations)
        self.dropout = nn.Dropout(config.dropout)

    def intents(self) -> Tensor:
        """``e_p``, ``[intents, d]``."""
        return self.mixture.softmax(dim=1) @ self.relation

    def forward(self) -> tuple[Tensor, Tensor]:
        intents, num_items = self.intents(), self.data.num_items
        weight = (self.user @ intents.T).softmax(dim=1) @ intents
        users, items, entities = self.user, self.entity[:num_items], self.entity
        for layer in self.layers:
            received = weight * self.history(entities[:num_items])
            entities = self.dropout(F.normalize(layer(entities, self.relation)))
            users, items = users + self.dropout(F.normalize(received)), items + entities[:num_items]
        return users, items

    def loss(self, batch: PairBatch) -> Tensor:
        total: Tensor = super().loss(batch) + self.config.independence * self.dependence()
        return total

    def dependence(self) -> Tensor:
        """``Σ_p -log( e^{s(p,p)/τ} / Σ_q e^{s(p,q)/τ} )`` with cosines ``s`` (section 3.1)."""
        unit = F.normalize(self.intents())
        similarity = unit @ unit.T / self.config.temperature
        total: Tensor = (similarity.logsumexp(dim=1) - similarity.diagonal()).sum()
        return total

    def embeddings(self) -> tuple[Tensor, Tensor]:
        return self.user, self.entity


def _ones(row: NDArray[np.int64], column: NDArray[np.int64], shape: tuple[int, int]) -> sp.csr_array:
    return sp.csr_array((np.ones(len(row), dtype=np.float32), (row, column)), shape=shape)
