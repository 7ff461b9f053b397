"""Where recommended items are relevant ones."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


def find_hits(recommended: NDArray[np.int64], relevant: sp.csr_array) -> NDArray[np.bool_]:
    """Whether each recommended item is relevant.

    Args:
        recommended: item ids, shape ``[users, k]``, best first; -1 where the list is shorter.
        relevant: CSR of shape ``[users, num_items]`` with an entry for every relevant pair.

    Returns:
        bool ``[users, k]``.
    """
    users, items = relevant.shape
    if not relevant.nnz or not recommended.size:
        return np.zeros(recommended.shape, dtype=bool)
    rows = np.repeat(np.arange(users, dtype=np.int64), np.diff(relevant.indptr))
    known = np.sort(rows * items + relevant.indices)
    wanted = np.arange(users, dtype=np.int64)[:, None] * items + recommended
    position = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.asarray((known[position] == wanted) & (recommended >= 0))
