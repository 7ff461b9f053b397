"""NDCG@10 of a matrix of scores, for choices made inside a fold."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.metrics import find_hits
from kgrec.metrics.ranking import ndcg


def ndcg10(scores: NDArray[np.floating[Any]], histories: sp.csr_array, relevant: sp.csr_array) -> NDArray[np.float64]:
    """NDCG@10 of every user with a relevant item: float64 ``[users with one]``.

    Args:
        scores: ``[users, items]``; overwritten where a history has an item.
        histories: CSR, what is left out of the ranking.
        relevant: binary CSR.
    """
    # compiled: builders that choose by it are imported for serving, too
    from kgrec.flow.kernels import best_of_rows

    count = np.diff(relevant.indptr)
    rows = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
    scores[rows, histories.indices] = -np.inf
    top = best_of_rows(scores)
    hits = find_hits(top, sp.csr_array(relevant))
    kept = count > 0
    return np.asarray(ndcg(hits[kept], count[kept], 10))
