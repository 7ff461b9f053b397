"""Nearest neighbours where every pair cannot be looked at: an inverted index over links, cells of similar vectors.

:func:`kgrec.flow.vectors.nearest_neighbours` is exact and takes items times items; these take what a row's candidates
are, whose number is bounded.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.topm import BLOCK, joined, keep_largest

VISITS, SHORT_LIST = 2000, 2
"""Entries of the index that a row reads, at most: of its links the rarest first, of a link the items to which it says
most first; how many times the neighbours kept are looked at exactly, where a list was not read to its end."""
CELL_SIZE = 200
"""Vectors of a cell, on average."""
MOST_CELLS = 4.0
"""Times the root of the number of vectors, cells at most: comparing vectors with cells grows with its power 1.5."""
PROBES = 16
"""Cells whose vectors are compared with a vector."""
TRAINING, ROUNDS, SEED = 64, 10, 1234
"""Vectors a cell from which the cells are made, rounds of k-means, its seed."""


def near_by_index(rows: sp.csr_array, k: int, visits: int = VISITS) -> sp.csr_array:
    """Of every sparse row the largest positive inner products with others, found by an inverted index.

    A row reads the lists of its columns, shorter lists first and of each list the largest entries first, until it has
    read ``visits`` entries; of the rows that it met the best by what it read are compared exactly.  A row that reads
    its lists to their ends has its exact neighbours.

    Args:
        rows: CSR ``[n, d]``, not negative.
        k: neighbours of a row, at most.

    Returns:
        float32 CSR ``[n, n]`` without diagonal.
    """
    rows = sp.csr_array(rows)
    n = rows.shape[0]
    k = min(k, n - 1)
    if k < 1:
        return joined([], (n, n))
    turned = sp.csr_array(rows.T)
    lists = np.repeat(np.arange(turned.shape[0]), np.diff(turned.indptr))
    first = np.lexsort((turned.indices, -turned.data, lists))
    items = turned.indices[first]
    data = rows.data.astype(np.float32, copy=False)
    rank = np.ones(n, dtype=np.float32)
    total, mark = np.zeros(n, dtype=np.float32), np.zeros(n, dtype=np.bool_)
    mine, touched = np.zeros(rows.shape[1], dtype=np.float32), np.empty(visits, dtype=np.int32)
    parts: list[tuple[Any, Any, Any]] = []
    for start in range(0, n, BLOCK):
        height = min(BLOCK, n - start)
        index, value = np.empty((height, k), dtype=np.int32), np.empty((height, k), dtype=np.float32)
        count = np.zeros(height, dtype=np.int64)
        _search(
            start, rows.indptr, rows.indices, data, turned.indptr, items, turned.data[first].astype(np.float32), rank,
            total, mark, mine, touched, index, value, count,
        )  # fmt: skip
        kept = np.arange(k)[None] < count[:, None]
        parts.append((index[kept], value[kept], count))
    return joined(parts, (n, n))


def near_by_cells(rows: NDArray[np.float32], k: int, cell_size: int = CELL_SIZE, probes: int = PROBES) -> sp.csr_array:
    """Of every vector the largest positive inner products with others that lie in its own or a neighbouring cell.

    Cells are those of a k-means over a sample (faiss, IVF).  Rows of zeros have no neighbours.

    Args:
        rows: ``[n, d]`` of unit length, or zero.
        k: neighbours of a row, at most.
        cell_size: vectors of a cell, on average.
        probes: cells that are searched for a row.

    Returns:
        float32 CSR ``[n, n]`` without diagonal.
    """
    import faiss

    n = len(rows)
    known = np.flatnonzero(np.abs(rows).sum(axis=1) > 0)
    k = min(k, len(known) - 1)
    if k < 1:
        return joined([], (n, n))
    inner = np.ascontiguousarray(rows[known], dtype=np.float32)
    cells = max(1, min(len(known) // cell_size, round(MOST_CELLS * len(known) ** 0.5)))
    index: Any = faiss.index_factory(inner.shape[1], f"IVF{cells},Flat", faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter, index.cp.max_points_per_centroid = SEED, ROUNDS, TRAINING
    index.cp.min_points_per_centroid = 1
    index.train(inner)
    index.add(inner)
    index.nprobe = probes
    parts: list[tuple[Any, Any, Any]] = []
    counts = np.zeros(n, dtype=np.int64)
    for start in range(0, len(known), BLOCK):
        here = known[start : start + BLOCK]
        value, found = index.search(inner[start : start + BLOCK], k + 1)
        kept = (found >= 0) & (found != np.arange(start, start + len(here))[:, None]) & (value > 0)
        # where equal vectors left no place for the vector itself, there is one too many
        kept &= np.cumsum(kept, axis=1) <= k
        target = np.where(kept, known[found], n).astype(np.int32)
        order = np.argsort(target, axis=1)
        target, value = np.take_along_axis(target, order, axis=1), np.take_along_axis(value, order, axis=1)
        counts[here] = kept.sum(axis=1)
        parts.append((target[target < n], value[target < n], counts[here]))
    made = joined(parts, (len(known), n))
    return sp.csr_array((made.data, made.indices, np.concatenate([[0], np.cumsum(counts)])), shape=(n, n))


@numba.njit(cache=True)
def _search(
    start: int,
    indptr: NDArray[Any],
    indices: NDArray[Any],
    data: NDArray[np.float32],
    list_indptr: NDArray[Any],
    items: NDArray[Any],
    list_data: NDArray[np.float32],
    rank: NDArray[np.float32],
    total: NDArray[np.float32],
    mark: NDArray[np.bool_],
    mine: NDArray[np.float32],
    touched: NDArray[np.int32],
    index: NDArray[np.int32],
    value: NDArray[np.float32],
    count: NDArray[np.int64],
) -> None:
    short, worth = np.empty(SHORT_LIST * index.shape[1], np.int32), np.empty(SHORT_LIST * index.shape[1], np.float32)
    for place in range(len(count)):
        row = start + place
        links = indices[indptr[row] : indptr[row + 1]]
        order = np.argsort(list_indptr[links + 1] - list_indptr[links], kind="mergesort")
        size, left = 0, len(touched)
        whole = True
        for number in order:
            begin, end = list_indptr[links[number]], list_indptr[links[number] + 1]
            if end - begin > left:
                end, whole = begin + left, False
            left -= end - begin
            weight = data[indptr[row] + number]
            for entry in range(begin, end):
                item = items[entry]
                if not mark[item]:
                    mark[item] = True
                    touched[size] = item
                    size += 1
                total[item] += weight * list_data[entry]
        met = touched[:size]
        found = met[(met != row) & (total[met] > 0)]
        if not whole:
            length = keep_largest(found, rank, total, short, worth)
            found = short[:length]
            for entry in range(indptr[row], indptr[row + 1]):
                mine[indices[entry]] = data[entry]
            for item in found:
                total[item] = 0.0
                for entry in range(indptr[item], indptr[item + 1]):
                    total[item] += mine[indices[entry]] * data[entry]
            for entry in range(indptr[row], indptr[row + 1]):
                mine[indices[entry]] = 0.0
        count[place] = keep_largest(found, rank, total, index[place], value[place])
        for item in met:
            total[item] = 0.0
            mark[item] = False
