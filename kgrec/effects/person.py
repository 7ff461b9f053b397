"""Whose list it is: a history, and how the model reads its times."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.model import FlowScorer


@dataclass(frozen=True, eq=False)
class Person:
    """A user of the data, or somebody whom the model never saw.

    Attributes:
        scorer: the model; of a newcomer with the times of this history.
        history: weights, float32 CSR ``[1, num_items]``.
        user: id in the snapshot; None for a newcomer.
    """

    scorer: FlowScorer
    history: sp.csr_array
    user: int | None = None

    @classmethod
    def newcomer(cls, scorer: FlowScorer, history: sp.csr_array, times: sp.csr_array | None = None) -> Person:
        """Somebody with a history of weights and times, both CSR ``[1, num_items]``; without times age counts for
        nothing."""
        known = None if scorer.times is None else times
        return cls(replace(scorer, times=known), _sorted(history))

    @property
    def users(self) -> NDArray[np.int64] | None:
        """As scorers take it."""
        if self.user is None:
            return None if self.scorer.times is None else np.array([0])
        return np.array([self.user])

    @property
    def items(self) -> NDArray[np.int64]:
        """Items of the history, increasing: int64 ``[h]``."""
        return self.history.indices.astype(np.int64)

    def edited(self, drop: frozenset[int], add: frozenset[int]) -> Person:
        """The same with other interactions; an added one weighs 1 and is the latest."""
        kept = ~np.isin(self.items, list(drop))
        ids = np.concatenate([self.items[kept], np.array(sorted(add), dtype=np.int64)])
        data = np.concatenate([self.history.data[kept], np.ones(len(add), dtype=np.float32)])
        order = np.argsort(ids, kind="stable")
        row = sp.csr_array((data[order], ids[order], np.array([0, len(ids)])), shape=self.history.shape)
        return replace(self, history=row)


def _sorted(row: sp.csr_array) -> sp.csr_array:
    row = sp.csr_array(row)
    row.sort_indices()
    return row
