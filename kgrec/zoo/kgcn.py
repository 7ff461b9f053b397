"""KGCN: Wang, Zhao, Xie, Li and Guo, Knowledge graph convolutional networks for recommender systems, WWW 2019, arXiv
1904.12575."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.config.space import OneOf, Space
from kgrec.zoo.base import PairBatch, ZooConfig, ZooModel, xavier
from kgrec.zoo.data import ZooData
from kgrec.zoo.kgcn_scorer import KGCNScorer


class KGCNConfig(ZooConfig):
    """Attributes:
    neighbours: sampled once for each item (``K``); an item with fewer has them all.
    """

    space: ClassVar[Space] = {**ZooConfig.space, "neighbours": OneOf((2, 4, 8, 16, 32))}

    dim: int = Field(default=128, ge=1)
    neighbours: int = Field(default=8, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    patience: int = Field(default=15, ge=1)


class KGCN(ZooModel):
    """An item's vector depends on the user: ``v^u = tanh(W (v + Σ_n π_n e_n) + b)`` over sampled neighbours ``n`` of
    the item with ``π = softmax_n <u, r_n>`` (equations 1 to 4, the sum aggregator, one layer: the paper's own study of
    the depth finds one or two best); ``score = <u, v^u>``.

    The loss is the cross-entropy of a positive and a negative (equation 8).
    """

    name: ClassVar[str] = "KGCN"
    Config: ClassVar[type[ZooConfig]] = KGCNConfig
    neighbour: Tensor
    relation_of: Tensor
    present: Tensor

    def __init__(self, data: ZooData, config: KGCNConfig, seed: int = 0) -> None:
        super().__init__(data, config, seed)
        for name, part in zip(("neighbour", "relation_of", "present"), sample(data, config.neighbours, seed)):
            self.register_buffer(name, torch.from_numpy(part), persistent=False)
        self.user = xavier(data.num_users, config.dim)
        self.entity = xavier(data.num_entities, config.dim)
        self.relation = xavier(max(2 * len(data.relations), 1), config.dim)
        self.linear = nn.Linear(config.dim, config.dim)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:  # type: ignore[override]
        """Scores of pairs: user, item ``[p]`` → ``[p]``."""
        u, v = self.user.index_select(0, user), self.entity.index_select(0, item)
        neighbour, kind, present = (
            table.index_select(0, item) for table in (self.neighbour, self.relation_of, self.present)
        )
        logits = (u @ self.relation.T).gather(1, kind).masked_fill(~present, -torch.inf)
        # Softmax of a row that is all -inf would be NaN: a row without neighbours is filled with zeros instead.
        weight = torch.where(present, logits.masked_fill(~present.any(1, keepdim=True), 0.0).softmax(dim=1), 0.0)
        around = self.entity.index_select(0, neighbour.flatten()).view(*neighbour.shape, self.config.dim)
        received = torch.bmm(weight.unsqueeze(1), around).squeeze(1)
        scores: Tensor = (u * torch.tanh(self.linear(v + received))).sum(1)
        return scores

    def loss(self, batch: PairBatch) -> Tensor:
        has = batch.negative >= 0
        positive = self(batch.user, batch.item)
        negative = self(batch.user[has], batch.negative[has])
        entropy = F.softplus(-positive).sum() + F.softplus(negative).sum()
        total: Tensor = entropy / len(positive) + self.config.l2 * self.norms(batch)
        return total

    def embeddings(self) -> tuple[Tensor, Tensor]:
        return self.user, self.entity

    @torch.no_grad()
    def scorer(self) -> KGCNScorer:
        weights: dict[str, Any] = {
            "users": self.user,
            "items": self.entity[: self.data.num_items] @ self.linear.weight.T + self.linear.bias,
            "relations": self.relation,
            "around": self.entity.index_select(0, self.neighbour.flatten()) @ self.linear.weight.T,
            "kinds": self.relation_of,
            "present": self.present,
        }
        arrays = {name: tensor.cpu().numpy().copy() for name, tensor in weights.items()}
        arrays["around"] = arrays["around"].reshape(*arrays["kinds"].shape, -1)
        return KGCNScorer(self.name, **arrays)


def sample(data: ZooData, count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """``count`` neighbours of every item without replacement, in both directions of the graph's edges.

    An edge's place in the line depends on the edge and the seed alone: where one goes, the next in line takes its place
    and all others stay.

    Returns:
        neighbours' entity ids, their relations, whether there is one: ``[num_items, K]`` each, ``K`` at most ``count``.
    """
    triples = data.both_ways()
    triples = triples[triples[:, 0] < data.num_items]
    shuffled = triples[np.lexsort((_drawn(triples, seed), triples[:, 0]))]
    degree = np.bincount(shuffled[:, 0], minlength=data.num_items)
    place = np.arange(len(shuffled)) - (np.cumsum(degree) - degree)[shuffled[:, 0]]
    kept, place = shuffled[place < count], place[place < count]
    shape = (data.num_items, max(1, min(count, int(degree.max(initial=0)))))
    neighbours, relations, present = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
    neighbours[kept[:, 0], place], relations[kept[:, 0], place] = kept[:, 2], kept[:, 1]
    present[kept[:, 0], place] = True
    return neighbours, relations, present


def _drawn(rows: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """A random number of each row ``[n, c]`` → ``[n]``: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA
    2014) over its columns."""
    mixed = np.full(len(rows), seed % 2**64, dtype=np.uint64)
    for column in rows.T.astype(np.uint64):
        mixed = (mixed ^ column) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed
