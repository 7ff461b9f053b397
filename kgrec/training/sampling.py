"""Batches and negatives as pure functions of (seed, epoch, example): the same whatever the number of processes.

Everything is drawn with Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), a counter-based
generator whose streams differ by key.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ORDER, _NEGATIVES, _POOL, _NOISE = 0, 1, 2, 3


def _generator(seed: int, purpose: int, epoch: int, step: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, step, epoch, purpose]))


def batches(num_examples: int, batch_size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """The epoch's global batches: a permutation of all examples cut into equal parts (sizes differ by one at most).

    Equal parts, since a step's positives leave the graph: a small rest would train on another graph than the others.
    """
    order = _generator(seed, _ORDER, epoch).permutation(num_examples)
    return np.array_split(order, max(1, -(-num_examples // batch_size)))


def item_pool(num_items: int, size: int, seed: int, epoch: int, step: int) -> NDArray[np.int64] | None:
    """Items that serve all positives of a step as negatives, distinct and sorted, ``[size]``; None stands for all."""
    if size >= num_items:
        return None
    return np.sort(_generator(seed, _POOL, epoch, step).choice(num_items, size, replace=False))


def noise_seed(seed: int, epoch: int, step: int) -> int:
    """Seed of a step's dropout."""
    return int(_generator(seed, _NOISE, epoch, step).integers(2**62))


class PairNegatives:
    """One negative an example for BPR: uniform over the items that the example's user has no training interaction with.

    Args:
        users, items: the training pairs ``[E]``, sorted by (user, item), distinct.
        num_items: how many items there are.
    """

    def __init__(self, users: NDArray[np.int64], items: NDArray[np.int64], num_items: int) -> None:
        degree = np.bincount(users, minlength=int(users.max(initial=-1)) + 1)
        start = np.cumsum(degree) - degree
        rank = np.arange(len(users)) - start[users]
        self.users, self.start, self.stride = users, start, num_items + 1
        self.free = num_items - degree
        # A user's n-th positive p has p - n free items below it: the key finds how many positives precede a free item.
        self.keys = users * self.stride + (items - rank)

    def draw(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """A negative item of every example ``[E]``; -1 where the user has interacted with every item."""
        share = _generator(seed, _NEGATIVES, epoch).random(len(self.users))
        free = self.free[self.users]
        rank = np.minimum((share * free).astype(np.int64), free - 1)
        before = np.searchsorted(self.keys, self.users * self.stride + rank, side="right") - self.start[self.users]
        return np.where(free > 0, rank + before, -1)
