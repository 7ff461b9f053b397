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


def margin(
    scores: NDArray[np.float64], at: int, k: int, bare: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """By how much an item is ahead of the one that would push it out of the first k: float64 ``[m]``; below 0 it is
    out.

    Args:
        scores: of the item and its rivals, ``[m, K]``.
        at: the item's column.
        k: length of the list.
        bare: the item's scores, ``[m, 1]``, where they are others.
    """
    own = scores[:, at] if bare is None else bare[:, 0]
    others = np.delete(scores, at, axis=1)
    if others.shape[1] < k:
        return np.full(len(scores), np.inf)
    last = np.partition(others, others.shape[1] - k, axis=1)[:, others.shape[1] - k]
    return np.asarray(own - last)


class _Greedy(ABC):
    """Interactions that are turned round, from kept to gone or from gone to kept, until an item is where it should be.

    Args:
        board: scores subsets of the history.
        at: the item's column.
        k: length of the list.
        bare: scores the item, and nothing else, as if it had no facts; where it is not given, the board does.

    Attributes:
        kept: whether all interactions are kept at first, or none.
    """

    kept: ClassVar[bool]

    def __init__(self, board: Board, at: int, k: int, bare: Board | None = None) -> None:
        self.board, self.at, self.k, self.bare = board, at, k, bare
        self.size = len(board.person.items)

    @abstractmethod
    def margin(self, scores: NDArray[np.float64], bare: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """How far the item is ahead by some scores: float64 ``[m]``; what is equal but for rounding has not been
        passed.

        Args:
            scores: of the board, ``[m, K]``.
            bare: of the item as if it had no facts, ``[m, 1]``, where that is asked for.
        """

    def _margin(self, kept: NDArray[np.bool_]) -> float:
        bare = None if self.bare is None else self.bare.scores(kept[None])
        return float(self.margin(self.board.scores(kept[None]), bare)[0])

    def _turned(self, kept: NDArray[np.bool_], tried: NDArray[np.int64]) -> NDArray[np.float64]:
        """Margins with one of those tried turned round: float64 ``[len(tried)]``."""
        bare = None if self.bare is None else self.bare.turned(kept, tried)
        return self.margin(self.board.turned(kept, tried), bare)

    def _done(self, margin: NDArray[np.float64] | float) -> NDArray[np.bool_] | bool:
        return margin < 0 if self.kept else margin >= 0

    def greedy(self) -> list[int] | None:
        """Places in the history; None where not even all of it is enough."""
        kept = np.full(self.size, self.kept)
        chosen: list[int] = []
        tried = np.arange(self.size)
        margin = self._margin(kept)
        while not self._done(margin) and len(chosen) < self.size:
            margins = self._turned(kept, tried)
            order = np.argsort(margins if self.kept else -margins, kind="stable")
            # one at a time at first, then several: what is superfluous comes back below
            some = tried[order[: 1 + len(chosen) // STRIDE]]
            chosen += some.tolist()
            kept[some] = not self.kept
            margin = float(margins[order[0]]) if len(some) == 1 else self._margin(kept)
            tried = tried[order[len(some) :]][:TRIED]
            if not len(tried):
                tried = np.flatnonzero(kept == self.kept)
        return self._thinned(kept, chosen) if self._done(margin) else None

    def _thinned(self, kept: NDArray[np.bool_], chosen: list[int]) -> list[int]:
        """What is left when the superfluous ones have come back, in the order in which they were chosen."""
        doubtful = list(chosen)
        while len(chosen) > 1 and doubtful:
            enough = np.flatnonzero(self._done(self._turned(kept, np.array(doubtful))))
            if not len(enough):
                break
            back = doubtful[int(enough[0])]
            kept[back] = self.kept
            chosen.remove(back)
            doubtful = doubtful[int(enough[0]) + 1 :]
        return chosen


class Out(_Greedy):
    """Interactions without which an item is out of the first k of a board."""

    kept: ClassVar[bool] = True

    def margin(self, scores: NDArray[np.float64], bare: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        return np.asarray(margin(scores, self.at, self.k, bare) + ROUNDING * np.abs(scores).max(axis=1))

    def smallest(self, size: int) -> tuple[int, ...] | None:
        """The set of exactly so many that pushes it out furthest, of all there are; None where none does."""
        best, found = 0.0, None
        every = combinations(range(self.size), size)
        while some := [one for _, one in zip(range(4096), every)]:
            kept = np.ones((len(some), self.size), dtype=bool)
            kept[np.arange(len(some))[:, None], np.array(some)] = False
            margins = self.margin(self.board.scores(kept))
            at = int(np.argmin(margins))
            if margins[at] < best:
                best, found = float(margins[at]), some[at]
        return found


class In(_Greedy):
    """Interactions that alone keep an item among the first k of a board."""

    kept: ClassVar[bool] = False

    def margin(self, scores: NDArray[np.float64], bare: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        return np.asarray(margin(scores, self.at, self.k, bare) - ROUNDING * np.abs(scores).max(axis=1))
