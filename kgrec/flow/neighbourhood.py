"""The ridge of items on items where there are too many for one inverse: a small one for every item."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

NEIGHBOURS = 200
BLOCK = 2048


def neighbourhood_ridge(x: sp.csr_array, l2: float, neighbours: int = NEIGHBOURS) -> sp.csr_array:
    """Every item regressed on those that share the most users with it.

    ``w_i = (G_SS + λI)^{-1} G_Si`` with ``G = XᵀX`` and S the ``neighbours`` items of the largest ``G_ji``: time and
    memory grow with the number of items.

    Args:
        x: float32 CSR ``[users, items]``, scaled as the ridge wants it.
        l2: ``λ``.
        neighbours: size of S, at most.

    Returns:
        float32 CSR ``[items, items]``: column i holds ``w_i``, its diagonal is zero.
    """
    turned = sp.csr_array(x.T)
    items = x.shape[1]
    sources, targets, weights = [], [], []
    for start in range(0, items, BLOCK):
        gram = sp.csr_array(turned[start : start + BLOCK] @ x)
        for row in range(gram.shape[0]):
            begin, end = gram.indptr[row : row + 2]
            near, shared = gram.indices[begin:end], gram.data[begin:end]
            other = near != start + row
            near, shared = near[other], shared[other]
            if not near.size:
                continue
            if near.size > neighbours:
                kept = np.sort(np.argpartition(-shared, neighbours - 1)[:neighbours])
                near, shared = near[kept], shared[kept]
            rows = turned[near]
            inner = (rows @ rows.T).toarray()
            inner[np.diag_indices_from(inner)] += l2
            sources.append(near)
            targets.append(np.full(near.size, start + row))
            weights.append(np.linalg.solve(inner, shared))
    if not sources:
        return _square(items, np.empty(0), (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)))
    return _square(items, np.concatenate(weights), (np.concatenate(sources), np.concatenate(targets)))


def _square(items: int, weights: Any, places: Any) -> sp.csr_array:
    made: Any = sp.csr_array((weights, places), shape=(items, items), dtype=np.float32)
    return sp.csr_array(made)
