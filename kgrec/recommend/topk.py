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
    cost = -np.asarray(scores, dtype=np.float32)
    if mask is not None:
        cost[np.broadcast_to(~mask, cost.shape)] = np.inf
    if exclude is not None:
        rows = np.repeat(np.arange(batch), np.diff(exclude.indptr))
        cost[rows, exclude.indices] = np.inf
    if np.isnan(cost).any():
        raise ValueError("expected scores (got NaN)")
    width = min(k, n)
    ids = np.full((batch, k), -1, dtype=np.int64)
    best = np.full((batch, k), -np.inf, dtype=np.float32)
    if batch and width:
        ids[:, :width], lowest = _lowest(cost, width, tie)
        best[:, :width] = -lowest
    ids[np.isneginf(best)] = -1
    return ids, best


def _lowest(cost: NDArray[np.float32], k: int, tie: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The ``k`` lowest of every row and their costs, ``1 <= k <= n``, in groups as :func:`top_k` says.

    Partitioning costs from below is fast where most of a row is equal (left out, or zero); partitioning scores from
    above, or by index, was measured up to twenty times slower there.
    """
    n = cost.shape[1]
    values = np.sort(np.partition(cost, k - 1, axis=1)[:, :k], axis=1)
    group, anchor = _groups(values, tie)

    # The last group may have more members than places: its lowest ids are taken.
    places = (group == group[:, -1:]).sum(axis=1)
    chosen = cost <= _ceiling(anchor, tie)[:, None]
    crowded = np.flatnonzero(chosen.sum(axis=1) > k)
    for part in blocks(len(crowded), n):
        rows = crowded[part]
        before = cost[rows] < anchor[rows, None]
        last = chosen[rows] & ~before
        chosen[rows] = before | (last & (np.cumsum(last, axis=1, dtype=np.int32) <= places[rows, None]))
    ids = np.nonzero(chosen)[1].reshape(values.shape)

    order = np.argsort(np.take_along_axis(cost, ids, axis=1), axis=1, kind="stable")
    ids = np.take_along_axis(ids, order, axis=1)
    ids = np.take_along_axis(ids, np.argsort(group * n + ids, axis=1), axis=1)
    return ids, np.take_along_axis(cost, ids, axis=1)


def _groups(values: NDArray[np.float32], tie: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Of increasing rows the number of each entry's group, ``[m, k]``, and the last group's first entry, ``[m]``."""
    apart = np.ones(values.shape, dtype=bool)
    apart[:, 1:] = values[:, 1:] > _ceiling(values[:, :-1], tie)
    # only where three or more follow one another closely may one be too far from the first of its group
    close = np.flatnonzero((~apart[:, 1:-1] & ~apart[:, 2:]).any(axis=1))
    anchor = values[close, 0].copy()
    for j in range(1, values.shape[1] if len(close) else 0):
        beyond = values[close, j] > _ceiling(anchor, tie)
        anchor[beyond] = values[close[beyond], j]
        apart[close, j] = beyond
    last = values.shape[1] - 1 - np.argmax(apart[:, ::-1], axis=1)
    return np.cumsum(apart, axis=1) - 1, values[np.arange(len(values)), last]


def _ceiling(anchor: NDArray[np.float32], tie: float) -> NDArray[np.float64]:
    """The highest cost in the group of an anchor.  float64: in float32 a distance of 1e-6 vanishes above 8."""
    return anchor.astype(np.float64) + tie
