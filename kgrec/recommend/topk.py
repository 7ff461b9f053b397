"""The best k of every row, exactly, with ties broken by id."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.recommend.blocks import blocks

TIE = 1e-6
"""Scores this close to the best of their group are equal."""


def top_k(
    scores: NDArray[np.floating],
    k: int,
    mask: NDArray[np.bool_] | None = None,
    exclude: sp.csr_array | None = None,
    tie: float = TIE,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The ``k`` best columns of every row; nothing is sorted beyond them.

    Ties: from the highest score downwards, a group is everything within ``tie`` of the group's best score; inside a
    group the lower id comes first, at the k-th place too.  So columns further apart than ``tie`` always stand in the
    order of their scores, and rounding noise in the last digits does not reorder equals.

    Args:
        scores: shape ``[batch, n]``.
        k: how many.
        mask: bool, ``[n]`` or ``[batch, n]``: the columns that may be taken; all by default.
        exclude: CSR ``[batch, n]`` whose entries may not be taken (what a user has seen).
        tie: in the unit of the scores.

    Returns:
        ids, int64 ``[batch, k]``, -1 where a row has fewer than ``k`` columns to take; and their scores, float32,
        -inf there.

    Raises:
        ValueError: ``k`` is below 1 or a score is NaN.
    """
    if k < 1:
        raise ValueError(f"expected k of at least 1 (got {k})")
    batch, n = scores.shape
    left = np.array(scores, dtype=np.float32)
    if mask is not None:
        left[np.broadcast_to(~mask, left.shape)] = -np.inf
    if exclude is not None:
        rows = np.repeat(np.arange(batch), np.diff(exclude.indptr))
        left[rows, exclude.indices] = -np.inf
    if np.isnan(left).any():
        raise ValueError("expected scores (got NaN)")
    width = min(k, n)
    ids = np.full((batch, k), -1, dtype=np.int64)
    best = np.full((batch, k), -np.inf, dtype=np.float32)
    if batch and width:
        ids[:, :width], best[:, :width] = _best(left, width, tie)
    ids[np.isneginf(best)] = -1
    return ids, best


def _best(scores: NDArray[np.float32], k: int, tie: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """``top_k`` of prepared scores, ``1 <= k <= n``."""
    n = scores.shape[1]
    ids = np.argpartition(scores, n - k, axis=1)[:, n - k :] if k < n else np.tile(np.arange(n), (len(scores), 1))
    values = np.take_along_axis(scores, ids, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    ids, values = np.take_along_axis(ids, order, axis=1), np.take_along_axis(values, order, axis=1)

    group, anchor = np.zeros(ids.shape, dtype=np.int64), values[:, 0].copy()
    for j in range(1, k):
        beyond = values[:, j] < _floor(anchor, tie)
        anchor[beyond] = values[beyond, j]
        group[:, j] = group[:, j - 1] + beyond

    # The last group may go on outside the k: there its lowest ids are taken.
    floor, last = _floor(anchor, tie), group == group[:, -1:]
    inside = last.sum(axis=1)
    member = (scores >= floor[:, None]) & (scores <= anchor[:, None])
    open_rows = np.flatnonzero(member.sum(axis=1) > inside)
    for part in blocks(len(open_rows), n):
        rows = open_rows[part]
        chosen = member[rows] & (np.cumsum(member[rows], axis=1, dtype=np.int32) <= inside[rows, None])
        whole, slots = ids[rows], last[rows]
        whole[slots] = np.nonzero(chosen)[1]
        ids[rows] = whole

    order = np.argsort(group * n + ids, axis=1)
    ids = np.take_along_axis(ids, order, axis=1)
    return ids, np.take_along_axis(scores, ids, axis=1)


def _floor(anchor: NDArray[np.float32], tie: float) -> NDArray[np.float64]:
    """The lowest score in the group of an anchor.  float64: in float32 a distance of 1e-6 vanishes above 8."""
    return anchor.astype(np.float64) - tie
