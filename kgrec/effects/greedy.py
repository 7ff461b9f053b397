"""Greedy searches over one history: what takes an item out of the first k of a board, and what alone keeps it in."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from kgrec.effects.board import Board

TRIED = 40
"""Interactions that are tried at a step: those that do most for the item."""
STRIDE = 4
"""A step takes one more interaction for so many as have been chosen."""
ROUNDING = 1e-5
"""Of the scores' size."""


def _margin(scores: NDArray[np.float64], at: int, k: int) -> NDArray[np.float64]:
    """By how much an item is ahead of the one that would push it out of the first k: float64 ``[m]``; below 0 it is
    out."""
    others = np.delete(scores, at, axis=1)
    if others.shape[1] < k:
        return np.full(len(scores), np.inf)
    last = np.partition(others, others.shape[1] - k, axis=1)[:, others.shape[1] - k]
    return np.asarray(scores[:, at] - last)


class Out:
    """Interactions without which an item is out of the first k of a board."""

    def __init__(self, board: Board, at: int, k: int) -> None:
        self.board, self.at, self.k = board, at, k
        self.size = len(board.person.items)

    def margin(self, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        # what is equal but for rounding has not been passed
        scores = self.board.scores(kept)
        return np.asarray(_margin(scores, self.at, self.k) + ROUNDING * np.abs(scores).max(axis=1))

    def greedy(self) -> list[int] | None:
        """Places in the history; None where the item stays without any."""
        kept = np.ones(self.size, dtype=bool)
        chosen: list[int] = []
        tried = np.arange(self.size)
        margin = self.margin(kept[None])[0]
        while margin >= 0 and len(chosen) < self.size:
            margins = self.margin(_without(kept, tried))
            order = tried[np.argsort(margins, kind="stable")]
            # one at a time at first, then several: what is superfluous comes back below
            some = order[: 1 + len(chosen) // STRIDE]
            chosen += some.tolist()
            kept[some] = False
            margin = float(margins.min()) if len(some) == 1 else self.margin(kept[None])[0]
            tried = order[len(some) :][:TRIED]
            if not len(tried):
                tried = np.flatnonzero(kept)
        if margin >= 0:
            return None
        for one in list(chosen):
            again = kept.copy()
            again[one] = True
            if len(chosen) > 1 and self.margin(again[None])[0] < 0:
                kept = again
                chosen.remove(one)
        return chosen

    def smallest(self, size: int) -> tuple[int, ...] | None:
        """The set of exactly so many that pushes it out furthest, of all there are; None where none does."""
        best, found = 0.0, None
        every = combinations(range(self.size), size)
        while some := [one for _, one in zip(range(4096), every)]:
            kept = np.ones((len(some), self.size), dtype=bool)
            kept[np.arange(len(some))[:, None], np.array(some)] = False
            margins = self.margin(kept)
            at = int(np.argmin(margins))
            if margins[at] < best:
                best, found = float(margins[at]), some[at]
        return found


class In:
    """Interactions that alone keep an item among the first k of a board.

    ``bare`` scores the item as if it had no facts; the others are scored by ``board``.
    """

    def __init__(self, board: Board, bare: Board, at: int, k: int) -> None:
        self.board, self.bare, self.at, self.k = board, bare, at, k
        self.size = len(board.person.items)

    def margin(self, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        scores = self.board.scores(kept)
        if self.bare is not self.board:
            scores[:, self.at] = self.bare.scores(kept)[:, self.at]
        return np.asarray(_margin(scores, self.at, self.k) - ROUNDING * np.abs(scores).max(axis=1))

    def greedy(self) -> list[int] | None:
        """Places in the history; None where not even all are enough."""
        kept = np.zeros(self.size, dtype=bool)
        chosen: list[int] = []
        tried = np.arange(self.size)
        margin = self.margin(kept[None])[0]
        while margin < 0 and len(chosen) < self.size:
            margins = self.margin(~_without(~kept, tried))
            order = tried[np.argsort(-margins, kind="stable")]
            some = order[: 1 + len(chosen) // STRIDE]
            chosen += some.tolist()
            kept[some] = True
            margin = float(margins.max()) if len(some) == 1 else self.margin(kept[None])[0]
            tried = order[len(some) :][:TRIED]
            if not len(tried):
                tried = np.flatnonzero(~kept)
        if margin < 0:
            return None
        for one in list(chosen):
            again = kept.copy()
            again[one] = False
            if self.margin(again[None])[0] >= 0:
                kept = again
                chosen.remove(one)
        return chosen


def _without(kept: NDArray[np.bool_], tried: NDArray[np.int64]) -> NDArray[np.bool_]:
    """One row for each of those tried, with it taken out: bool ``[len(tried), h]``."""
    rows = np.repeat(kept[None], len(tried), axis=0)
    rows[np.arange(len(tried)), tried] = False
    return rows
