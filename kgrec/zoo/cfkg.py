"""CFKG: Ai, Azizi, Chen and Zhang, Learning heterogeneous knowledge base embeddings for explainable recommendation,
Algorithms 2018, arXiv 1805.03352."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from kgrec.config.space import OneOf, Real, Space
from kgrec.training.sampling import batches
from kgrec.zoo.base import PairBatch, ZooConfig, ZooModel
from kgrec.zoo.data import ZooData
from kgrec.zoo.pykeen_scorer import PykeenScorer, TriplesConfig, build_model

_NONE = -1e9


class CFKGConfig(ZooConfig):
    """Attributes:
    model: the scorer of triples, any of PyKEEN's models by name.
    model_kwargs: PyKEEN's keyword arguments of the model.
    negatives: corrupted tails a true triple.
    kg_weight: weight of the knowledge graph's triples beside the interactions.
    """

    space: ClassVar[Space] = {
        **ZooConfig.space,
        "model": OneOf(("TransE", "DistMult", "ComplEx", "RotatE")),
        "negatives": OneOf((1, 2, 4, 8, 16)),
        "kg_weight": Real(0.05, 2.0, log=True),
    }

    model: str = "TransE"
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    negatives: int = Field(default=8, ge=1)
    kg_weight: float = Field(default=0.3, ge=0)
    learning_rate: float = Field(default=1e-2, gt=0)
    l2: float = Field(default=0.0, ge=0)


class TripleBatch(NamedTuple):
    """A step: training pairs ``[p]``; ``others``, items that the user does not know, ``[p, n]``, -1 for none;
    ``facts``, triples of the knowledge graph ``[q, 3]``; ``tails``, entities ``[q, n]``.  All int64."""

    user: Tensor
    item: Tensor
    others: Tensor
    facts: Tensor
    tails: Tensor


class CFKG(ZooModel):
    """Users are entities and "likes" is one more relation: one embedding of the triples ``(user, likes, item)`` and of
    the knowledge graph's, and ``score(u, i) = f(u, likes, i)`` (section 3).

    ``f`` is any PyKEEN model; the paper's is a translation, as TransE's.  The loss of a true triple with the score
    ``f`` is ``-log(e^f / (e^f + Σ_n e^{f_n}))`` over corrupted tails ``n`` (one of them: BPR), where the paper has a
    logistic loss of each tail (equation 5).  A step takes as many triples of the knowledge graph as interactions.
    """

    name: ClassVar[str] = "CFKG"
    Config: ClassVar[type[ZooConfig]] = CFKGConfig

    def __init__(self, data: ZooData, config: CFKGConfig, seed: int = 0) -> None:
        super().__init__(data, config, seed)
        self.chosen = TriplesConfig(config.model, config.dim, config.model_kwargs)
        self.triples: Any = build_model(data, self.chosen, seed)

    def forward(self, triples: Tensor, tails: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """``f`` of triples ``[p, 3]`` → ``[p]``, or with these tails in place of theirs ``[p, n]`` → ``[p, n]``.

        Items' ids are the first, users' begin at ``data.num_entities``, likes is the last relation.
        """
        if tails is None:
            scores: Tensor = self.triples.score_hrt(triples).squeeze(1)
        else:
            scores = self.triples.score_t(triples[:, :2], tails=tails)
        return scores

    def batches(self, epoch: int) -> Iterator[TripleBatch]:
        data, count, rng = self.data, self.config.negatives, np.random.default_rng([self.seed, epoch])
        others = np.stack([self._negatives.draw(self.seed, epoch * count + n) for n in range(count)], axis=1)
        for part in batches(len(data.users), self.config.batch_size, self.seed, epoch):
            size = len(part) if len(data.triples) else 0
            facts = data.triples[rng.integers(max(1, len(data.triples)), size=size)]
            tails = rng.integers(data.num_entities, size=(size, count))
            columns = (data.users[part], data.items[part], others[part], facts, tails)
            yield TripleBatch(*(torch.from_numpy(column).to(self.device) for column in columns))

    def loss(self, batch: TripleBatch) -> Tensor:
        # PyKEEN's constraints on embeddings (unit norms and such) hold after each step of the optimiser.
        self.triples.post_parameter_update()
        likes = self.likes(batch.user, batch.item)
        others = self(likes, batch.others.clamp(min=0)).masked_fill(batch.others < 0, _NONE)
        total = _contrast(self(likes), others)
        if len(batch.facts) and self.config.kg_weight:
            total = total + self.config.kg_weight * _contrast(self(batch.facts), self(batch.facts, batch.tails))
        if self.config.l2:
            total = total + self.config.l2 * self.norms(PairBatch(batch.user, batch.item, batch.others[:, 0]))
        regularised: Tensor = total + self.triples.collect_regularization_term()
        return regularised

    def likes(self, user: Tensor, item: Tensor) -> Tensor:
        """(user, likes, item) ``[p, 3]`` of users and items ``[p]``."""
        relation = torch.full_like(user, len(self.data.relations))
        return torch.stack([user + self.data.num_entities, relation, item], dim=1)

    def embeddings(self) -> tuple[Tensor, Tensor]:
        rows = self.triples.entity_representations[0](indices=None)
        if rows.is_complex():
            rows = torch.view_as_real(rows)
        return rows[self.data.num_entities :], rows[: self.data.num_entities]

    @torch.no_grad()
    def scorer(self) -> PykeenScorer:
        self.triples.post_parameter_update()
        return PykeenScorer.of(self.name, self.data, self.chosen, self.triples)


def _contrast(positive: Tensor, negative: Tensor) -> Tensor:
    """Mean of ``-log(e^s / (e^s + Σ_n e^{s_n}))``: positive ``[p]``, negative ``[p, n]`` → a scalar."""
    return F.softplus(negative.logsumexp(dim=1) - positive).mean()
