"""A step's tensors as a pure function of (seed, epoch, step, rank, number of processes)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed
from torch.utils.data import DataLoader, Dataset, Sampler

from kgrec.config.recipe import TrainingConfig
from kgrec.training.sampling import PairNegatives, batches, item_pool, noise_seed

Step = dict[str, Tensor]
"""One process's share of a step.

``removed``         the *whole* step's interactions, positions in the training pairs, ``[r]``: no process may see them
``noise``           seed of the step's dropout, ``[]``
``user``            distinct users of the share, ``[b]``
``row``, ``item``   each positive's row in ``user`` and its item, ``[p]``
``weight``          each positive's weight, mean 1 over all training pairs, ``[p]``
``negatives``       item ids that serve as negatives, ``[J]`` (softmax), or one a positive, -1 for none, ``[p]`` (BPR)
``known``           whether the user has a training interaction with the negative, ``[b, J]`` (softmax)
"""


@dataclass(frozen=True, eq=False)
class Interactions:
    """Training pairs in the order of the graph's ``interacts`` edges: ``users`` and ``items``, int64 ``[E]``."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    num_users: int
    num_items: int


class Steps(Dataset[Step]):
    """Maps (epoch, step) to this process's share of the step."""

    def __init__(self, interactions: Interactions, config: TrainingConfig, seed: int) -> None:
        self.pairs, self.config, self.seed = interactions, config, seed
        ones = np.ones(len(interactions.users), dtype=np.bool_)
        shape = (interactions.num_users, interactions.num_items)
        self.train = sp.csr_array((ones, (interactions.users, interactions.items)), shape=shape)
        self.bpr = PairNegatives(interactions.users, interactions.items, interactions.num_items)
        # NDCG is a mean over users, the loss one over positives: the exponent says how far users count alike.
        weight = np.bincount(interactions.users)[interactions.users] ** -config.user_balance
        self.weight = (weight / weight.mean()).astype(np.float32)
        self._epoch: tuple[int, list[NDArray[np.int64]], NDArray[np.int64] | None] | None = None

    def __len__(self) -> int:
        return max(1, math.ceil(len(self.pairs.users) / self.config.batch_size))

    def __getitem__(self, key: tuple[int, int]) -> Step:
        epoch, step = key
        if self._epoch is None or self._epoch[0] != epoch:
            parts = batches(len(self.pairs.users), self.config.batch_size, self.seed, epoch)
            drawn = self.bpr.draw(self.seed, epoch) if self.config.loss == "bpr" else None
            self._epoch = epoch, parts, drawn
        _, parts, drawn = self._epoch
        batch = parts[step]
        rank, world = processes()
        share = batch[rank::world]
        user, row = np.unique(self.pairs.users[share], return_inverse=True)
        tensors: dict[str, NDArray[Any]] = {"removed": batch, "user": user, "row": row, "item": self.pairs.items[share]}
        tensors["weight"] = self.weight[share]
        tensors["noise"] = np.array(noise_seed(self.seed, epoch, step))
        if drawn is not None:
            tensors["negatives"] = drawn[share]
        else:
            known = self.train[user]
            pool = item_pool(self.pairs.num_items, self.config.negatives, self.seed, epoch, step)
            tensors["negatives"] = np.arange(self.pairs.num_items) if pool is None else pool
            tensors["known"] = (known if pool is None else known[:, pool]).toarray()
        return {name: torch.from_numpy(np.asarray(value, order="C")) for name, value in tensors.items()}


class EpochSteps(Sampler[tuple[int, int]]):
    """The (epoch, step) keys of an epoch; the trainer calls :meth:`set_epoch`, after a resumption too."""

    def __init__(self, steps: int) -> None:
        self.steps, self.epoch = steps, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((self.epoch, step) for step in range(self.steps))


def loader(steps: Steps) -> DataLoader[Step]:
    """Steps in order, made in this process: they are cheap and share the training matrix."""
    return DataLoader(steps, batch_size=None, sampler=EpochSteps(len(steps)), num_workers=0)


def processes() -> tuple[int, int]:
    """This process's rank and the number of processes."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
