"""Ridge regression of what comes next on what came before."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kgrec.flow.builder import Builder, Context
from kgrec.flow.channel import Channel
from kgrec.flow.channels.ease import ITEM_POWER, USER_POWER
from kgrec.flow.part import Part

PAST, FUTURE = 10.0, 20.0
"""Steps after which what was before a moment, and what comes after it, counts for 1/e."""
L2 = 10.0
"""Penalty as a multiple of the mean of the Gram matrix's diagonal; all three chosen on the validation part of a split
by time."""


class Transition(Builder):
    """``B = (Σ SᵀS + λI)^{-1} Σ SᵀT`` over every moment of every user's sequence, ``W = D_i^{-b} B D_i^{b}``.

    The row S holds what the user took up before the moment, weighted ``exp(-steps / 10)``, T what came after it,
    weighted ``exp(-steps / 20)``; a moment weighs ``n_u^{-½}``, columns ``d_i^{-b}`` as in :class:`~.ease.Ease`.
    Interactions of the same second have no order.  After SLIT (Choi et al., Session-aware linear item-item models for
    session-based recommendation, WWW 2021).  No item follows itself, so that no constraint on the diagonal is needed.
    """

    name: ClassVar[str] = "transition"
    learned_as = "sequence"

    def missing(self, part: Part) -> str | None:
        return None if part.times is not None else "interactions have no times"

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        from scipy.linalg import cho_factor, cho_solve  # what serves and explains a fitted flow loads without it

        if not context.dense(part):
            context.progress.say(f"channel transition is off: {len(part.seen):,} items are too many for its ridge")
            return ()
        seen = part.seen
        before, after = _moments(part)
        outer = (part.item_degree[seen] ** -ITEM_POWER).astype(np.float32)
        for matrix in (before, after):
            matrix *= outer[:, None]
            matrix *= outer[None]
        mean = float(np.diag(before).mean())
        if mean <= 0:
            return ()
        before[np.diag_indices_from(before)] += L2 * mean
        factor = cho_factor(before, overwrite_a=True, check_finite=False)
        weights: Any = cho_solve(factor, after, overwrite_b=True, check_finite=False)
        np.fill_diagonal(weights, 0.0)
        weights *= outer[:, None]
        weights /= outer[None]
        weights = np.ascontiguousarray(weights, dtype=np.float32)
        return (Channel(self.name, "learned", (weights,), sources=seen, targets=seen),)


def _moments(part: Part) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """``Σ SᵀS`` and ``Σ SᵀT`` of all users: two of ``[len(seen), len(seen)]``."""
    times = part.times
    assert times is not None
    row = np.full(part.num_items, -1)
    row[part.seen] = np.arange(len(part.seen))
    before = np.zeros((len(part.seen), len(part.seen)), dtype=np.float32)
    after = np.zeros_like(before)
    for begin, end in zip(times.indptr[:-1], times.indptr[1:]):
        at = times.data[begin:end]
        step = np.searchsorted(np.sort(at), at)
        moments = np.unique(step)[1:]
        if not len(moments):
            continue
        gap = (moments[:, None] - step[None]).astype(np.float32)
        past = np.where(gap > 0, np.exp(-np.maximum(gap, 0) / PAST), 0)
        future = np.where(gap <= 0, np.exp(np.minimum(gap, 0) / FUTURE), 0)
        weight = np.float32(len(at) ** (-2 * USER_POWER))
        items = row[times.indices[begin:end]]
        both = np.ix_(items, items)
        before[both] += weight * (past.T @ past)
        after[both] += weight * (past.T @ future)
    return before, after
