"""Recall in which held-out items do not count alike: what is found beyond the popular ones."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.metrics.hits import find_hits

TAIL = 0.8
"""Share of the catalogue that is called its tail."""


def weighted_recall(
    recommended: NDArray[np.int64], relevant: sp.csr_array, weights: NDArray[np.float64], k: int
) -> NDArray[np.float64]:
    """``Σ_{j≤k} w_{i_j} r_j / Σ_{i∈R} w_i``: the share of a user's relevant weight that is found.

    Args:
        recommended: item ids, shape ``[users, width]``, best first; -1 where the list is shorter.
        relevant: CSR ``[users, num_items]`` with an entry for every relevant pair.
        weights: of the items, ``w ≥ 0``, shape ``[num_items]``.
        k: the cut-off.

    Returns:
        float64 ``[users]``; NaN for a user whose relevant items weigh nothing.
    """
    top = recommended[:, :k]
    found = (weights[top] * find_hits(top, relevant)).sum(axis=1)
    pattern = sp.csr_array((np.ones(relevant.nnz), relevant.indices, relevant.indptr), shape=relevant.shape)
    whole = np.asarray(pattern @ weights)
    return np.asarray(np.divide(found, whole, out=np.full(len(top), np.nan), where=whole > 0))


def tail(degree: NDArray[np.integer], candidates: NDArray[np.bool_]) -> NDArray[np.float64]:
    """1 for the less popular 80 % of the candidates by training degree, else 0: with it, recall is *tail recall*.

    Candidates of the same degree are parted by id, the lower one counting as the more popular.

    Args:
        degree: training interactions of each item, shape ``[num_items]``.
        candidates: bool ``[num_items]``.

    Returns:
        float64 ``[num_items]``.
    """
    ids = np.flatnonzero(candidates)
    order = ids[np.lexsort((ids, -degree[ids]))]
    weights = np.zeros(len(degree))
    weights[order[len(order) - round(TAIL * len(order)) :]] = 1.0
    return weights


def inverse_popularity(degree: NDArray[np.integer]) -> NDArray[np.float64]:
    """``w_i = 1 / max(d_i, 1)`` of the training degrees ``d [num_items]``: the popularity-balanced test.

    Held-out items then weigh as if every item had been held out equally often (inverse propensity scoring with
    propensities in proportion to popularity; Yang et al., Unbiased offline recommender evaluation for
    missing-not-at-random implicit feedback, RecSys 2018).
    """
    return np.asarray(1.0 / np.maximum(degree, 1))
