"""Metrics of a ranked list, one a function, all users at once.

Every function takes

``hits``
    bool ``[users, width]``: whether the item at each rank is relevant, best rank first; false where the list is
    shorter than ``width``.
``num_relevant``
    int ``[users]``: how many relevant items the user has in all, at least 1.
``k``
    the cut-off, at least 1; ranks beyond ``width`` count as misses.

and returns float64 ``[users]``.  Below, ``r_j`` is 1 where rank ``j`` (from 1) is a hit and ``R = num_relevant``.  The
definitions are those of trec_eval (``recall_k``, ``P_k``, ``success_k``, ``map_cut_k``, ``ndcg_cut_k`` with binary
gains).  All raise ``ValueError`` where a user has no relevant item: what cannot be found cannot be measured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Hits = NDArray[np.bool_]
Counts = NDArray[np.integer]
PerUser = NDArray[np.float64]


def recall(hits: Hits, num_relevant: Counts, k: int) -> PerUser:
    """``Σ_{j≤k} r_j / R``: the share of the relevant items that is found."""
    return np.asarray(_cut(hits, num_relevant, k).sum(axis=1) / num_relevant)


def precision(hits: Hits, num_relevant: Counts, k: int) -> PerUser:
    """``Σ_{j≤k} r_j / k``: the share of the list that is relevant; the denominator is ``k`` even for a shorter list."""
    return np.asarray(_cut(hits, num_relevant, k).sum(axis=1) / k)


def hit(hits: Hits, num_relevant: Counts, k: int) -> PerUser:
    """``max_{j≤k} r_j``: 1 where anything relevant is in the list."""
    return np.asarray(_cut(hits, num_relevant, k).any(axis=1), dtype=np.float64)


def mrr(hits: Hits, num_relevant: Counts, k: int) -> PerUser:
    """``1 / min{j≤k : r_j = 1}``, 0 without a hit: the reciprocal rank of the first hit."""
    top = _cut(hits, num_relevant, k)
    if not top.shape[1]:
        return np.zeros(len(top))
    return np.where(top.any(axis=1), 1.0 / (top.argmax(axis=1) + 1), 0.0)


def average_precision(hits: Hits, num_relevant: Counts, k: int) -> PerUser:
    """``Σ_{j≤k} r_j · (Σ_{i≤j} r_i / j) / R``: its mean over users is MAP@k.

    The denominator is ``R`` as in trec_eval's ``map_cut``; some libraries divide by ``min(R, k)`` instead, which gives
    higher values wherever ``R > k``.
    """
    top = _cut(hits, num_relevant, k)
    ranks = np.arange(1, top.shape[1] + 1)
    return np.asarray((top * (np.cumsum(top, axis=1) / ranks)).sum(axis=1) / num_relevant)


def ndcg(hits: Hits, num_relevant: Counts, k: int) -> PerUser:
    """``DCG@k / IDCG@k`` with ``DCG@k = Σ_{j≤k} r_j / log2(j + 1)`` and ``IDCG@k = Σ_{j≤min(R,k)} 1 / log2(j + 1)``.

    Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, TOIS 2002, with binary gains.
    """
    top = _cut(hits, num_relevant, k)
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discounts)[np.minimum(num_relevant, k) - 1]
    return np.asarray((top @ discounts[: top.shape[1]]) / ideal)


def _cut(hits: Hits, num_relevant: Counts, k: int) -> Hits:
    if k < 1:
        raise ValueError(f"expected a cut-off of at least 1 (got {k})")
    if hits.ndim != 2 or num_relevant.shape != hits.shape[:1]:
        raise ValueError(f"expected hits [users, width] and one count a user (got {hits.shape}, {num_relevant.shape})")
    if num_relevant.size and num_relevant.min() < 1:
        raise ValueError("expected at least one relevant item for every user")
    return hits[:, :k]
