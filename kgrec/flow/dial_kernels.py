"""The inner loop of the dial's fitting, compiled."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from kgrec.flow.kernels import DEPTH, insert

F32 = NDArray[np.float32]


@numba.njit(cache=True, fastmath={"contract", "reassoc"})  # type: ignore[untyped-decorator,unused-ignore]
def look(
    others: float,
    base: F32,
    base_mass: F32,
    literal: F32,
    literal_mass: F32,
    knowledge_mass: F32,
    relevant: NDArray[np.bool_],
    ideal: NDArray[np.float64],
    ndcg: NDArray[np.float64],
) -> float:
    """NDCG@10 of ``others · base + literal`` and the share of knowledge in the first ten.

    Args:
        others: factor on the other channels and the prior.
        base, literal: scores ``[U, K]``, candidates in the order of their ids; -inf in ``base`` is no candidate.
        base_mass, literal_mass, knowledge_mass: sums of absolute parts ``[U, K]``.
        relevant: ``[U, K]``.
        ideal: DCG of each user's best list, ``[U]``.
        ndcg: ``[U]``, is filled.

    Returns:
        the share; 0 where nothing has any mass.
    """
    value = np.empty(DEPTH, np.float32)
    place = np.empty(DEPTH, np.int64)
    known, total = 0.0, 0.0
    for u in range(base.shape[0]):
        value[:] = -np.inf
        place[:] = -1
        for i in range(base.shape[1]):
            if base[u, i] == -np.inf:
                continue
            now = np.float32(others * base[u, i] + literal[u, i])
            if now > value[DEPTH - 1]:
                insert(value, place, now, i)
        found = 0.0
        for rank in range(DEPTH):
            i = place[rank]
            if i >= 0:
                known += knowledge_mass[u, i]
                total += others * base_mass[u, i] + literal_mass[u, i]
                if relevant[u, i]:
                    found += 1.0 / np.log2(rank + 2.0)
        ndcg[u] = found / ideal[u]
    return known / total if total > 0.0 else 0.0
