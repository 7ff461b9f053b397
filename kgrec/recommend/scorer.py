"""What every recommender of the project can do: score all items for a batch of histories.

A scorer takes histories and not only user ids, so that a user who arrived after training, or a history that is
edited in a what-if, is scored by the same code.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


@runtime_checkable
class Scorer(Protocol):
    """Scores items."""

    @property
    def name(self) -> str:
        """As it stands in tables, for example ``EASE (λ=250)``."""
        ...

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Scores of all items.

        Args:
            histories: float32 CSR, shape ``[batch, num_items]``: what each user interacted with (1 where they did).
            users: their ids, shape ``[batch]``, where known; only models with user vectors read it.

        Returns:
            float32, shape ``[batch, num_items]``; higher is better.
        """
        ...


@runtime_checkable
class HistoryScorer(Scorer, Protocol):
    """Scores people it never saw by how they liked things and when."""

    def score_newcomers(self, histories: sp.csr_array, times: sp.csr_array) -> NDArray[np.float32]:
        """Scores of all items.

        Args:
            histories: float32 CSR, shape ``[batch, num_items]``: the weight of each item, 1 for one that is liked as
                much as others are on average.
            times: CSR of the same pattern, greater than zero, greater is later.

        Returns:
            float32, shape ``[batch, num_items]``.
        """
        ...
