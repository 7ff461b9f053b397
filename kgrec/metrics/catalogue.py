"""How the recommendations of all users together spread over the catalogue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def exposure(recommended: NDArray[np.int64], num_items: int) -> NDArray[np.int64]:
    """How often each item is recommended: int64 ``[num_items]``.

    Args:
        recommended: item ids of any shape; -1 is no recommendation.
        num_items: size of the catalogue.
    """
    return np.bincount(recommended[recommended >= 0].ravel(), minlength=num_items)


def coverage(exposed: NDArray[np.number]) -> NDArray[np.float64]:
    """``|{i : e_i > 0}| / n``: the share of the catalogue that is recommended to anybody.

    Args:
        exposed: exposure ``e`` of the ``n`` candidate items, shape ``[n]`` or ``[batch, n]``.

    Returns:
        float64, shape ``[]`` or ``[batch]``.
    """
    return np.asarray((exposed > 0).mean(axis=-1))


def gini(exposed: NDArray[np.number]) -> NDArray[np.float64]:
    """Gini index of exposure, ``Σ_j (2j - n - 1) e_(j) / (n Σ e)`` with ``e_(1) ≤ … ≤ e_(n)``.

    0: every candidate is recommended equally often; ``1 - 1/n``: always the same one.  0 where nothing is recommended.

    Args:
        exposed: exposure of the ``n`` candidate items, shape ``[n]`` or ``[batch, n]``.

    Returns:
        float64, shape ``[]`` or ``[batch]``.
    """
    n = exposed.shape[-1]
    total = exposed.sum(axis=-1)
    weighted = np.sort(exposed, axis=-1) @ (2.0 * np.arange(1, n + 1) - n - 1)
    return np.asarray(weighted / np.maximum(n * total, 1))
