"""Area under the ROC curve, per user."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def auc(
    scores: NDArray[np.floating], relevant: NDArray[np.bool_], candidates: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """``P(s⁺ > s⁻) + P(s⁺ = s⁻) / 2`` over a user's pairs of a relevant and another candidate item.

    Args:
        scores: shape ``[users, num_items]``, finite where a candidate.
        relevant: bool, the same shape.
        candidates: bool, the same shape or ``[num_items]``; other items take no part.

    Returns:
        float64 ``[users]``; NaN for a user whose candidates are all relevant or none is.
    """
    candidates = np.broadcast_to(candidates, scores.shape)
    values = np.full(len(scores), np.nan)
    for user, (row, wanted, allowed) in enumerate(zip(scores, relevant, candidates)):
        good, bad = row[wanted & allowed], np.sort(row[~wanted & allowed])
        if good.size and bad.size:
            below, not_above = np.searchsorted(bad, good, "left"), np.searchsorted(bad, good, "right")
            values[user] = (below + not_above).sum() / (2.0 * good.size * bad.size)
    return values
