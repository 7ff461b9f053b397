"""What a past interaction does to scores: the score as it is minus the score without it, recomputed.

This is an intervention on the model's own input, exact for every scorer that takes histories: everything learned is
held fixed, and what scoring reads from the history (its size, the ages of what is left) is worked out anew.  It is no
claim about people's minds, and it is not a path's weight: one interaction carries many paths, shown or not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.recommend.blocks import blocks
from kgrec.recommend.scorer import Scorer


def interaction_effects(
    scorer: Scorer, history: sp.csr_array, user: int | None, removed: Sequence[int], items: Sequence[int]
) -> NDArray[np.float64]:
    """Effects of taking single items out of a history.

    Args:
        scorer: the model.
        history: CSR ``[1, num_items]``.
        user: whose history it is, where known.
        removed: item ids of the history, each taken out alone.
        items: item ids whose scores are compared.

    Returns:
        float64 ``[len(removed), len(items)]`` in the unit of the scores: greater than zero where the interaction
        speaks for the item.

    Raises:
        ValueError: an item that is to be removed is not in the history.
    """
    missing = set(map(int, removed)) - set(map(int, history.indices))
    if missing:
        raise ValueError(f"not in the history: {sorted(missing)}")
    wanted = np.asarray(items, dtype=np.int64)
    known = None if user is None else np.array([user])
    whole = scorer.score(history, known)[0, wanted].astype(np.float64)
    effects = np.empty((len(removed), len(wanted)))
    for part in blocks(len(removed), history.shape[1]):
        rows = [history.indices != item for item in removed[part]]
        kept = sp.csr_array(
            (
                np.concatenate([history.data[row] for row in rows]),
                np.concatenate([history.indices[row] for row in rows]),
                np.cumsum([0, *(row.sum() for row in rows)]),
            ),
            shape=(len(rows), history.shape[1]),
        )
        users = None if user is None else np.full(len(rows), user)
        effects[part] = whole - scorer.score(kept, users)[:, wanted]
    return effects
