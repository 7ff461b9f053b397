"""The same list for everybody: the items with the most training interactions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.evaluation.baselines.base import Baseline


@dataclass(frozen=True, eq=False)
class PopularityScorer:
    """Counts, float32 ``[num_items]``."""

    name: str
    counts: NDArray[np.float32]

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        return np.tile(self.counts, (histories.shape[0], 1))


class Popularity(Baseline):
    """``score(u, i)`` = number of users who interacted with ``i``."""

    def fit(self, matrix: sp.csr_array, seed: int = 0) -> PopularityScorer:
        return PopularityScorer("Popularity", np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float32))
