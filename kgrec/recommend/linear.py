"""Scores histories with the linear graph neural network in its serving form (:mod:`kgrec.models.propagation`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.models.propagation import EdgeType, Propagation, normalise

__all__ = ["EdgeType", "LinearScorer", "Propagation"]


@dataclass(frozen=True, eq=False)
class LinearScorer:
    """Scores histories with a :class:`Propagation` ; an empty history gives zeros."""

    propagation: Propagation

    @property
    def name(self) -> str:
        return self.propagation.name

    def user_vectors(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """``z_u`` of every history: float32 ``[batch, d]``; arguments as in :meth:`score`."""
        vectors = np.asarray(normalise(histories) @ self.propagation.source, dtype=np.float32)
        if users is not None and self.propagation.users is not None:
            vectors = vectors + self.propagation.users[users]
        return vectors

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Scores of all items, float32 ``[batch, num_items]``, from histories of shape ``[batch, num_items]``."""
        return self.user_vectors(histories, users) @ self.propagation.target.T
