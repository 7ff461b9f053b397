"""Greedy searches over one history: what takes an item out of the first k of a board, and what alone keeps it in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from kgrec.effects.board import Board

TRIED = 40
"""Interactions that are tried at a step: those that do most for the item."""
STRIDE = 4
"""A step takes one more interaction for so many as have been chosen."""
ROUNDING = 1e-5
"""Of the scores' size."""


def margin(scores: NDArray[np.float64], at: int, k: int) -> NDArray[np.float64]:
    """By how much an item is ahead of the one that would push it out of the first k: float64 ``[m]``; below 0 it is
    out.

    Args:
        scores: of the item and its rivals, ``[m, K]``.
        at: the item's column.
        k: length of the list.
    """
    others = np.delete(scores, at, axis=1)
    if others.shape[1] < k:
        return np.full(len(scores), np.inf)
    last = np.partition(others, others.shape[1] - k, axis=1)[:, others.shape[1] - k]
    return np.asarray(scores[:, at] - last)


class _Greedy(ABC):
    """Interactions that are turned round, from kept to gone or from gone to kept, until an item is where it should be.

    Args:
        board: scores subsets of the history.
        at: the item's column.
        k: length of the list.

    Attributes:
        kept: whether all interactions are kept at first, or none.
    """

    kept: ClassVar[bool]

    def __init__(self, board: Board, at: int, k: int) -> None:
        self.board, self.at, self.k = board, at, k
        self.size = len(board.person.items)

    @abstractmethod
    def margin(self, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        """How far the item is ahead for some subsets: float64 ``[m]``; what is equal but for rounding has not been
        passed."""

    def _done(self, margin: float) -> bool:
        return margin < 0 if self.kept else margin >= 0

    def greedy(self) -> list[int] | None:
        """Places in the history; None where not even all of it is enough."""
        kept = np.full(self.size, self.kept)
        chosen: list[int] = []
        tried = np.arange(self.size)
        margin = float(self.margin(kept[None])[0])
        while not self._done(margin) and len(chosen) < self.size:
            margins = self.margin(_turned(kept, tried))
            order = np.argsort(margins if self.kept else -margins, kind="stable")
            # one at a time at first, then several: what is superfluous comes back below
            some = tried[order[: 1 + len(chosen) // STRIDE]]
            chosen += some.tolist()
            kept[some] = not self.kept
            margin = float(margins[order[0]] if len(some) == 1 else self.margin(kept[None])[0])
            tried = tried[order[len(some) :]][:TRIED]
            if not len(tried):
                tried = np.flatnonzero(kept == self.kept)
        if not self._done(margin):
            return None
        for one in list(chosen):
            again = kept.copy()
            again[one] = self.kept
            if len(chosen) > 1 and self._done(float(self.margin(again[None])[0])):
                kept = again
                chosen.remove(one)
        return chosen


class Out(_Greedy):
    """Interactions without which an item is out of the first k of a board."""

    kept: ClassVar[bool] = True

    def margin(self, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        scores = self.board.scores(kept)
        return np.asarray(margin(scores, self.at, self.k) + ROUNDING * np.abs(scores).max(axis=1))

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


class In(_Greedy):
    """Interactions that alone keep an item among the first k of a board.

    ``bare`` scores the item as if it had no facts; the others are scored by ``board``.
    """

    kept: ClassVar[bool] = False

    def __init__(self, board: Board, bare: Board, at: int, k: int) -> None:
        super().__init__(board, at, k)
        self.bare = bare

    def margin(self, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        scores = self.board.scores(kept)
        if self.bare is not self.board:
            scores[:, self.at] = self.bare.scores(kept)[:, self.at]
        return np.asarray(margin(scores, self.at, self.k) - ROUNDING * np.abs(scores).max(axis=1))


def _turned(kept: NDArray[np.bool_], tried: NDArray[np.int64]) -> NDArray[np.bool_]:
    """One row for each of those tried, with it turned round: bool ``[len(tried), h]``."""
    rows = np.repeat(kept[None], len(tried), axis=0)
    rows[np.arange(len(tried)), tried] = ~kept[tried]
    return rows
