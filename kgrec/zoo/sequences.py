"""Training interactions as sequences in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class Sequences:
    """Every user's training items, oldest first; of one second by id, without a time before all others.

    An item that a user interacted with more than once stands where it did last.

    Attributes:
        items: int64 ``[P]``, user by user.
        start: where each user's begin, int64 ``[num_users + 1]``.
    """

    items: NDArray[np.int64]
    start: NDArray[np.int64]

    @classmethod
    def of_training(cls, snapshot: Snapshot) -> Self:
        """The sequences of a snapshot's training part."""
        last = snapshot.pairs("train").group_by("user", "item").agg(pl.col("timestamp").max())
        ordered = last.sort("user", "timestamp", "item", nulls_last=False)
        start = np.searchsorted(ordered["user"].to_numpy(), np.arange(snapshot.num_users + 1))
        return cls(ordered["item"].to_numpy(), start)

    @property
    def num_users(self) -> int:
        return len(self.start) - 1

    def of(self, user: int) -> NDArray[np.int64]:
        """A user's items, oldest first."""
        return self.items[self.start[user] : self.start[user + 1]]
