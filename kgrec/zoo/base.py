"""What every model of the zoo is: parameters over the training data, a loss a batch, a scorer when trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from kgrec.config.recipe import Section
from kgrec.config.space import OneOf, Real, Space
from kgrec.training.objectives import bpr
from kgrec.training.sampling import PairNegatives, batches
from kgrec.zoo.data import ZooData
from kgrec.zoo.scorers import DotScorer, ZooScorer


class ZooConfig(Section):
    """Settings that all models have; each model's own class adds to them and sets its defaults.

    Attributes:
        dim: of the embeddings.
        epochs: at most; patience: epochs without a better validation NDCG@10 before it stops.
        batch_size: positives a step.
        learning_rate: of Adam.
        l2: weight of the squared norms of the embeddings that a step reads, per positive.

    Class attribute ``space``: what `kgrec tune` tries; a model with settings of its own adds to it.
    """

    space: ClassVar[Space] = {
        "dim": OneOf((32, 64, 128)),
        "batch_size": OneOf((512, 1024, 2048, 4096)),
        "learning_rate": Real(1e-4, 1e-2, log=True),
        "l2": Real(1e-6, 1e-2, log=True),
    }

    dim: int = Field(default=64, ge=1)
    epochs: int = Field(default=300, ge=1)
    patience: int = Field(default=20, ge=1)
    batch_size: int = Field(default=2048, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    l2: float = Field(default=1e-4, ge=0)


class PairBatch(NamedTuple):
    """Training pairs with a negative each: int64 ``[p]`` all three; -1 where the user knows every item."""

    user: Tensor
    item: Tensor
    negative: Tensor


class ZooModel(nn.Module, ABC):
    """A recommender with learned parameters.

    The shared trainer calls :meth:`begin_epoch`, then :meth:`loss` for each of :meth:`batches`, then :meth:`scorer`.
    A model whose score is an inner product gives :meth:`forward` and is done; others override what differs.
    The trainer seeds torch's generator before the model is built and keeps it through the training, so parameters
    and dropout are drawn from it as usual.

    Args:
        data: training data.
        config: an instance of ``Config``.
        seed: of batches and negatives.

    Attributes:
        name: in tables and in :data:`kgrec.zoo.ZOO`.
        Config: the class of its settings.
    """

    name: ClassVar[str]
    Config: ClassVar[type[ZooConfig]] = ZooConfig
    config: Any

    def __init__(self, data: ZooData, config: ZooConfig, seed: int = 0) -> None:
        super().__init__()
        self.data, self.config, self.seed = data, config, seed
        self._negatives = PairNegatives(data.users, data.items, data.num_items)

    @abstractmethod
    def forward(self) -> tuple[Tensor, Tensor]:
        """Vectors of all users ``[num_users, d]`` and all items ``[num_items, d]``, from the whole training graph."""

    def begin_epoch(self, epoch: int) -> None:
        """Called before each epoch (from 0)."""

    def batches(self, epoch: int) -> Iterator[Any]:
        """The epoch's batches: every training pair once, with a uniform negative."""
        return self.pair_batches(epoch)

    def pair_batches(self, epoch: int) -> Iterator[PairBatch]:
        """All training pairs in random order, ``batch_size`` a step, a negative each."""
        drawn = self._negatives.draw(self.seed, epoch)
        for batch in batches(len(self.data.users), self.config.batch_size, self.seed, epoch):
            columns = (self.data.users[batch], self.data.items[batch], drawn[batch])
            yield PairBatch(*(torch.from_numpy(column).to(self.device) for column in columns))

    def loss(self, batch: Any) -> Tensor:
        """A scalar: BPR on the inner products of :meth:`forward` and L2 on :meth:`embeddings`."""
        users, items = self()
        total: Tensor = self.bpr(users, items, batch) + self.config.l2 * self.norms(batch)
        return total

    def bpr(self, users: Tensor, items: Tensor, batch: PairBatch) -> Tensor:
        """Mean BPR loss over the batch, from vectors of all users ``[num_users, d]`` and items ``[num_items, d]``."""
        weight = torch.ones(len(batch.user), device=users.device)
        total: Tensor = bpr(users, items, batch.user, batch.item, batch.negative, weight)
        return total / len(batch.user)

    def norms(self, batch: PairBatch) -> Tensor:
        """``½ Σ ‖e‖²`` of the batch's input embeddings over the number of positives (LightGCN's and KGAT's L2)."""
        users, items = self.embeddings()
        read = (
            users.index_select(0, batch.user),
            items.index_select(0, batch.item),
            items.index_select(0, batch.negative.clamp(min=0)),
        )
        return sum((part.square().sum() for part in read), start=torch.zeros((), device=users.device)) / (
            2 * len(batch.user)
        )

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """What L2 is put on: input vectors of users ``[num_users, d]`` and of items, the first rows of ``[n, d]``."""
        raise NotImplementedError(f"{type(self).__name__} has no input embeddings: override loss")

    @torch.no_grad()
    def scorer(self) -> ZooScorer:
        """The trained model without torch."""
        users, items = self()
        return DotScorer(self.name, users.float().cpu().numpy().copy(), items.float().cpu().numpy().copy())

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device


def xavier(*shape: int) -> nn.Parameter:
    """A parameter drawn as in Glorot and Bengio, AISTATS 2010 (uniform)."""
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(*shape)))
