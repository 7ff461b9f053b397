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
    count = np.diff(relevant.indptr)
    rows = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
    scores[rows, histories.indices] = -np.inf
    k = min(10, scores.shape[1])
    top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    value = np.take_along_axis(scores, top, axis=1)
    order = np.lexsort((top, -value), axis=1)
    top = np.take_along_axis(top, order, axis=1)
    top = np.where(np.isfinite(np.take_along_axis(scores, top, axis=1)), top, -1)
    hits = find_hits(top, sp.csr_array(relevant))
    kept = count > 0
    return np.asarray(ndcg(hits[kept], count[kept], 10))
