"""The ridge of items on items where there are too many for one inverse: a small one for every item."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.topm import top_product

NEIGHBOURS = 200
GRAM = 500
"""Entries kept of a row of ``XᵀX``, the largest.  An entry is missing only where it is among the largest of neither of
its two rows: of two popular items, where it is one of their smallest."""
WIDTH = 16
"""Systems whose sizes round up to the same multiple of this are solved together."""
CELLS = 4_000_000
"""Numbers held at a time in systems to be solved."""


def neighbourhood_ridge(x: sp.csr_array, l2: float, neighbours: int = NEIGHBOURS, gram: int = GRAM) -> sp.csr_array:
    """Every item regressed on those that share the most users with it.

    ``w_i = (G_SS + λI)^{-1} G_Si`` with ``G = XᵀX`` and S the ``neighbours`` items of the largest ``G_ji``: time and
    memory grow with the number of items and with that of pairs of items of one user.

    Args:
        x: float32 CSR ``[users, items]``, scaled as the ridge wants it.
        l2: ``λ``.
        neighbours: size of S, at most.
        gram: entries kept of a row of G.

    Returns:
        float32 CSR ``[items, items]``: column i holds ``w_i``, its diagonal is zero.
    """
    items = x.shape[1]
    shared = top_product(sp.csr_array(x.T), x, max(gram, neighbours))
    own = np.bincount(x.indices, x.data.astype(np.float64) ** 2, minlength=items).astype(np.float32)
    count = np.minimum(np.diff(shared.indptr), neighbours)
    indptr = np.concatenate([[0], np.cumsum(count)])
    near, target = np.empty(indptr[-1], dtype=np.int32), np.empty(indptr[-1], dtype=np.float32)
    _neighbours(shared.indptr, shared.indices, shared.data, indptr, near, target)
    weights = np.empty(indptr[-1], dtype=np.float32)
    place = np.full(items, -1, dtype=np.int32)
    # those with as many neighbours stand together, so that hardly a system is filled up
    order = np.argsort(count, kind="stable")
    order = order[np.searchsorted(count[order], 1) :]
    start = 0
    while start < len(order):
        width = -(-int(count[order[start]]) // WIDTH) * WIDTH
        stop = min(int(np.searchsorted(count[order], width, side="right")), start + max(1, CELLS // width**2))
        some = order[start:stop]
        inner = np.zeros((len(some), width, width), dtype=np.float32)
        outer = np.zeros((len(some), width, 1), dtype=np.float32)
        _fill(some, shared.indptr, shared.indices, shared.data, indptr, near, target, own, place, l2, inner, outer)
        _take(some, indptr, np.linalg.solve(inner, outer), weights)
        start = stop
    # column i holds the weights of the neighbours of i
    made: Any = sp.csc_array((weights, near, indptr), shape=(items, items)).tocsr()
    return sp.csr_array(made)


@numba.njit(cache=True)
def _neighbours(
    indptr: NDArray[Any],
    indices: NDArray[Any],
    data: NDArray[np.float32],
    kept_indptr: NDArray[np.int64],
    near: NDArray[np.int32],
    target: NDArray[np.float32],
) -> None:
    """The largest entries of every row, in the order of their columns."""
    for row in range(len(indptr) - 1):
        begin, end = kept_indptr[row], kept_indptr[row + 1]
        index, value = indices[indptr[row] : indptr[row + 1]], data[indptr[row] : indptr[row + 1]]
        if len(index) > end - begin:
            chosen = np.sort(np.argsort(-value, kind="mergesort")[: end - begin])
            index, value = index[chosen], value[chosen]
        near[begin:end] = index
        target[begin:end] = value


@numba.njit(cache=True)
def _fill(
    some: NDArray[np.int64],
    indptr: NDArray[Any],
    indices: NDArray[Any],
    data: NDArray[np.float32],
    kept_indptr: NDArray[np.int64],
    near: NDArray[np.int32],
    target: NDArray[np.float32],
    own: NDArray[np.float32],
    place: NDArray[np.int32],
    l2: float,
    inner: NDArray[np.float32],
    outer: NDArray[np.float32],
) -> None:
    """``G_SS + λI`` and ``G_Si`` of some items; what a system is filled up with is the identity."""
    for number, item in enumerate(some):
        begin, end = kept_indptr[item], kept_indptr[item + 1]
        for a in range(begin, end):
            place[near[a]] = a - begin
            outer[number, a - begin, 0] = target[a]
        for a in range(begin, end):
            j = near[a]
            row = a - begin
            inner[number, row, row] = own[j] + l2
            for entry in range(indptr[j], indptr[j + 1]):
                column = place[indices[entry]]
                if column >= 0:
                    # one of the two rows may have had no room for it
                    inner[number, row, column] = data[entry]
                    inner[number, column, row] = data[entry]
        for a in range(begin, end):
            place[near[a]] = -1
        for row in range(end - begin, inner.shape[1]):
            inner[number, row, row] = 1.0


@numba.njit(cache=True)
def _take(
    some: NDArray[np.int64], indptr: NDArray[np.int64], solved: NDArray[np.float32], weights: NDArray[np.float32]
) -> None:
    for number, item in enumerate(some):
        for a in range(indptr[item], indptr[item + 1]):
            weights[a] = solved[number, a - indptr[item], 0]
