"""Where an item stands in a user's list."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.recommend.lists import SEEN
from kgrec.recommend.scorer import Scorer
from kgrec.recommend.topk import TIE


def rank_of(
    scorer: Scorer, snapshot: Snapshot, user: int, item: int, candidates: NDArray[np.bool_] | None = None
) -> int | None:
    """Rank from 1 of an item among what may be recommended to a user.

    Args:
        scorer: the model.
        snapshot: what it was trained on.
        user, item: ids.
        candidates: bool ``[num_items]``; all items by default.

    Returns:
        the rank, ties within :data:`~kgrec.recommend.topk.TIE` by id; None where the item is no candidate or the user
        has it in the training or validation part.
    """
    history = snapshot.matrix("train")[[user]]
    scores = scorer.score(history, np.array([user]))[0]
    allowed = np.ones(snapshot.num_items, dtype=bool) if candidates is None else candidates.copy()
    allowed[snapshot.matrix(*SEEN)[[user]].indices] = False
    if not allowed[item]:
        return None
    ahead = scores > scores[item] + TIE
    tied = np.abs(scores - scores[item]) <= TIE
    tied[item:] = False
    return 1 + int(np.count_nonzero((ahead | tied) & allowed))
