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
    ranks: F32,
    ideal: NDArray[np.float64],
    ndcg: NDArray[np.float64],
) -> tuple[float, float]:
    """NDCG@10 of ``others · base + literal``, and the mass of knowledge and of all in the first ten.

    Args:
        others: factor on the other channels and the prior.
        base, literal: scores ``[U, K]``, candidates in the order of their ids; -inf in ``base`` is no candidate.
        base_mass, literal_mass, knowledge_mass: sums of absolute parts ``[U, K]``.
        relevant: ``[U, K]``; ranks: how many places of the ranking a candidate takes, 1 or more, ``[U, K]``.
        ideal: DCG of each user's best list, ``[U]``.
        ndcg: ``[U]``, is filled.

    Returns:
        the two masses, summed over users.
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
        found, rank = 0.0, 0.0
        for at in range(DEPTH):
            i = place[at]
            if i < 0 or rank >= DEPTH:
                break
            # who stands for others has their mass, too, and pushes what comes after down by as many places
            places = min(float(ranks[u, i]), DEPTH - rank)
            known += places * knowledge_mass[u, i]
            total += places * (others * base_mass[u, i] + literal_mass[u, i])
            if relevant[u, i]:
                found += 1.0 / np.log2(np.floor(rank) + 2.0)
            rank += ranks[u, i]
        ndcg[u] = found / ideal[u]
    return known, total
