"""Where an item stands, over candidates that an intervention does not change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgrec.recommend.topk import TIE, top_k


@dataclass(frozen=True, eq=False)
class Ranking:
    """The items that may stand in a person's list.

    What the person knows already stays out of the list when a what-if takes it away: else the list would be filled with
    it, and every rank would tell of that alone.

    Attributes:
        allowed: bool ``[num_items]``.
    """

    allowed: NDArray[np.bool_]

    def top(self, scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        """Ids of the best k, best first, fewer where there are fewer."""
        ids, _ = top_k(scores[None], k, self.allowed)
        return np.asarray(ids[0][ids[0] >= 0])

    def place(self, scores: NDArray[np.float32], item: int) -> int | None:
        """Place of an item in the whole list, from 1; None where it may not stand there."""
        if not self.allowed[item]:
            return None
        own = float(scores[item])
        near = (scores >= own - TIE) & self.allowed
        ahead = int(near.sum())
        above = int((near & (scores > own + TIE)).sum())
        # with nothing as good but itself, nothing is to be sorted
        return ahead if ahead == above + 1 else int(np.flatnonzero(self.top(scores, ahead) == item)[0]) + 1

    def within(self, scores: NDArray[np.float32], item: int, k: int) -> bool:
        """Whether an item is among the best k."""
        if not self.allowed[item]:
            return False
        own = float(scores[item])
        # what is better by more than a tie stands before it: far down, nothing needs to be sorted
        if int(((scores > own + 2 * TIE) & self.allowed).sum()) >= k:
            return False
        # nor where nobody who is as good could push it out
        if int(((scores >= own - TIE) & self.allowed).sum()) <= k:
            return True
        return bool((self.top(scores, k) == item).any())
