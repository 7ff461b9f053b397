"""Products of sparse matrices of which every row keeps its largest entries only.

Time grows with the number of products, memory with rows times entries kept: nothing is items by items.  Compiled.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

BLOCK = 1 << 16
"""Rows whose entries are held untrimmed."""
LONGEST_ROW = 1000
"""A row of the right factor (a user's history) takes part with so many entries, drawn at random: without a bound one
user with very many items would cost the square of them."""


def top_product(left: sp.csr_array, right: sp.csr_array, m: int, powers: NDArray[np.float32] | None = None) -> Any:
    """The ``m`` largest entries of each row of ``left @ right``, the diagonal left out.

    Args:
        left: CSR ``[n, k]``.
        right: CSR ``[k, n]``, not negative; rows longer than :data:`LONGEST_ROW` are thinned.
        m: entries kept of a row.
        powers: ``[n]``: columns are ranked by their entry times this; by the entry alone if None.

    Returns:
        float32 CSR ``[n, n]`` with sorted indices.
    """
    left, right = sp.csr_array(left), thinned(sp.csr_array(right))
    n, columns = left.shape[0], right.shape[1]
    rank = np.ones(columns, dtype=np.float32) if powers is None else powers.astype(np.float32)
    total, mark = np.zeros(columns, dtype=np.float32), np.zeros(columns, dtype=np.bool_)
    touched = np.empty(columns, dtype=np.int32)
    parts: list[tuple[Any, Any, Any]] = []
    for start in range(0, n, BLOCK):
        height = min(BLOCK, n - start)
        index, value = np.empty((height, m), dtype=np.int32), np.empty((height, m), dtype=np.float32)
        count = np.zeros(height, dtype=np.int64)
        _product(
            start,
            left.indptr,
            left.indices,
            left.data.astype(np.float32, copy=False),
            right.indptr,
            right.indices,
            right.data.astype(np.float32, copy=False),
            rank,
            total,
            mark,
            touched,
            index,
            value,
            count,
        )
        kept = np.arange(m)[None] < count[:, None]
        parts.append((index[kept], value[kept], count))
    return joined(parts, (n, columns))


def joined(parts: list[tuple[Any, Any, Any]], shape: tuple[int, int]) -> sp.csr_array:
    """Blocks of rows (columns, values, entries of each row) as one CSR matrix."""
    if not parts:
        return _empty(shape)
    counts = np.concatenate([part[2] for part in parts])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    index = np.concatenate([part[0] for part in parts])
    made: Any = sp.csr_array((np.concatenate([part[1] for part in parts]), index, indptr), shape=shape)
    return sp.csr_array(made)


def _empty(shape: tuple[int, int]) -> sp.csr_array:
    made: Any = sp.coo_array(shape, dtype=np.float32)
    return sp.csr_array(made)


def thinned(matrix: sp.csr_array, longest: int = LONGEST_ROW, seed: int = 0) -> sp.csr_array:
    """Rows with more entries than that keep a random choice of them, scaled to the same expected sum."""
    size = np.diff(matrix.indptr)
    if size.max(initial=0) <= longest:
        return matrix
    rng = np.random.default_rng(seed)
    kept, data = np.ones(matrix.nnz, dtype=bool), matrix.data.copy()
    for row in np.flatnonzero(size > longest):
        begin, end = matrix.indptr[row : row + 2]
        kept[begin:end] = False
        kept[begin + rng.choice(end - begin, longest, replace=False)] = True
        data[begin:end] *= size[row] / longest
    indptr = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    return sp.csr_array((data[kept], matrix.indices[kept], indptr), shape=matrix.shape)


def top_of_rows(matrix: sp.csr_array, m: int) -> sp.csr_array:
    """Every row's ``m`` largest entries by size; of equal ones those of the lower columns.  CSR, sorted indices."""
    matrix = sp.csr_array(matrix)
    matrix.sort_indices()
    if np.diff(matrix.indptr).max(initial=0) <= m:
        return matrix
    kept = np.zeros(matrix.nnz, dtype=np.bool_)
    _mark_largest(matrix.indptr, np.abs(matrix.data), m, kept)
    indptr = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    return sp.csr_array((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)


@numba.njit(cache=True)
def _mark_largest(indptr: NDArray[Any], size: NDArray[Any], m: int, kept: NDArray[np.bool_]) -> None:
    for row in range(len(indptr) - 1):
        begin, end = indptr[row], indptr[row + 1]
        if end - begin <= m:
            kept[begin:end] = True
            continue
        edge = np.partition(size[begin:end], end - begin - m)[end - begin - m]
        left = m
        for entry in range(begin, end):
            if size[entry] > edge:
                kept[entry] = True
                left -= 1
        for entry in range(begin, end):
            if left and size[entry] == edge:
                kept[entry] = True
                left -= 1


@numba.njit(cache=True)
def largest_of_rows(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Columns of each dense row's ``k`` largest, in no order, of equal ones the lower: ``[n, k]`` of ``[n, columns]``.

    Reads a row once: what is below the k-th best so far, as nearly everything is, costs one comparison.
    """
    rows, columns = scores.shape
    k = min(k, columns)
    room = 4 * k
    value, place = np.empty(room, np.float32), np.empty(room, np.int64)
    found = np.empty((rows, k), np.int64)
    for row in range(rows):
        size, edge = 0, np.float32(-np.inf)
        for column in range(columns):
            score = scores[row, column]
            if score > edge or size < k:
                value[size], place[size] = score, column
                size += 1
                if size == room:
                    size = _trim(value, place, size, k)
                    edge = value[:k].min()
        found[row] = place[: _trim(value, place, size, k)]
    return found


@numba.njit(cache=True)
def _trim(value: NDArray[np.float32], place: NDArray[np.int64], size: int, k: int) -> int:
    """Leaves the ``k`` largest at the front, of equal ones those that came first."""
    edge = np.partition(value[:size], size - k)[size - k]
    above = 0
    for entry in range(size):
        above += value[entry] > edge
    kept = 0
    for entry in range(size):
        if value[entry] > edge or (value[entry] == edge and above < k):
            above += value[entry] == edge
            value[kept], place[kept] = value[entry], place[entry]
            kept += 1
    return kept


@numba.njit(cache=True)
def keep_largest(
    found: NDArray[np.int32],
    rank: NDArray[np.float32],
    total: NDArray[np.float32],
    index: NDArray[np.int32],
    value: NDArray[np.float32],
) -> int:
    """Writes the columns with the largest ``rank · total`` in the order of their ids; returns how many."""
    m = len(index)
    if len(found) > m:
        scores = np.empty(len(found), np.float32)
        for place, column in enumerate(found):
            scores[place] = -rank[column] * total[column]
        # of equal ones the lower columns
        edge = np.partition(scores, m - 1)[m - 1]
        less = 0
        for score in scores:
            less += score < edge
        equal = np.sort(found[scores == edge])[: m - less]
        chosen = np.sort(np.concatenate((found[scores < edge], equal)))
    else:
        chosen = np.sort(found)
    for place, column in enumerate(chosen):
        index[place] = column
        value[place] = total[column]
    return len(chosen)


@numba.njit(cache=True)
def _product(
    start: int,
    left_indptr: NDArray[Any],
    left_indices: NDArray[Any],
    left_data: NDArray[np.float32],
    right_indptr: NDArray[Any],
    right_indices: NDArray[Any],
    right_data: NDArray[np.float32],
    rank: NDArray[np.float32],
    total: NDArray[np.float32],
    mark: NDArray[np.bool_],
    touched: NDArray[np.int32],
    index: NDArray[np.int32],
    value: NDArray[np.float32],
    count: NDArray[np.int64],
) -> None:
    for place in range(len(count)):
        row = start + place
        size = 0
        for entry in range(left_indptr[row], left_indptr[row + 1]):
            inner, weight = left_indices[entry], left_data[entry]
            for other in range(right_indptr[inner], right_indptr[inner + 1]):
                column = right_indices[other]
                if not mark[column]:
                    mark[column] = True
                    touched[size] = column
                    size += 1
                total[column] += weight * right_data[other]
        found = touched[:size]
        if mark[row]:
            found = found[found != row]
        count[place] = keep_largest(found, rank, total, index[place], value[place])
        for column in touched[:size]:
            total[column] = 0.0
            mark[column] = False
