"""Scores from an item × item matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class SimilarityScorer:
    """``scores = H W``: each item of a history votes for the items like it.

    Attributes:
        name: as it stands in tables.
        weights: ``W``, CSR ``[num_items, num_items]``; row ``i`` is what item ``i`` votes for.
    """

    name: str
    weights: sp.csr_array

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        return np.asarray((histories @ self.weights).toarray(), dtype=np.float32)
