"""The nearest items after the links of some have changed.

A row of another item changes only where a changed item stands in it or comes near enough to stand in it.  Where nobody
has to leave or to come in, its values are replaced; else the row is worked out anew.  Both give what working out all
rows would (:func:`kgrec.flow.vectors.nearest_neighbours`), to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.vectors import largest


@dataclass(frozen=True, eq=False)
class Near:
    """Every item's nearest ones.

    Attributes:
        matrix: cosines, CSR ``[items, items]``.
        k: kept of a row.
    """

    matrix: sp.csr_array
    k: int

    @cached_property
    def by_target(self) -> sp.csr_array:
        """The matrix transposed, CSR."""
        return sp.csr_array(self.matrix.T)

    @cached_property
    def least(self) -> NDArray[np.float32]:
        """The smallest cosine of a row that is full, 0 of another: float32 ``[items]``."""
        size = np.diff(self.matrix.indptr)
        found = np.zeros(len(size), dtype=np.float32)
        some = np.flatnonzero(size)
        if some.size:
            found[some] = np.minimum.reduceat(self.matrix.data, self.matrix.indptr[some])
        found[size < min(self.k, len(size) - 1)] = 0.0
        return found


def nearer(near: Near, k: int) -> Near:
    """The k nearest of each row; of equal ones those with the lowest ids."""
    matrix = near.matrix
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, row))
    kept = np.sort(order[np.arange(matrix.nnz) - matrix.indptr[row] < k])
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row[kept], minlength=matrix.shape[0]))])
    return Near(sp.csr_array((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape), k)


@dataclass(frozen=True, eq=False)
class NearEdit:
    """Rows that change.

    Attributes:
        rows: item ids, int64 ``[a]``, increasing.
        difference: the rows afterwards less the rows before, CSR ``[a, items]``.
    """

    rows: NDArray[np.int64]
    difference: sp.csr_array

    @cached_property
    def total(self) -> NDArray[np.float64]:
        """By how much the sum of each row changes: float64 ``[a]``."""
        return np.asarray(self.difference.sum(axis=1), dtype=np.float64).ravel()

    @cached_property
    def entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Item of the row, item of the column, change of the cosine: three arrays ``[entries]``."""
        row = np.repeat(self.rows, np.diff(self.difference.indptr))
        return row, self.difference.indices.astype(np.int64), self.difference.data


def edit_near(
    near: Near, rows: sp.csr_array, turned: sp.csr_array, items: NDArray[np.int64], new: sp.csr_array
) -> NearEdit:
    """What changes in the lists of the nearest.

    Args:
        near: the lists as they are.
        rows: what cosines are made of, rows of unit length, CSR ``[items, links]``; turned: transposed.
        items: whose rows change, ``[t]``; new: their new rows, CSR ``[t, links]``.
    """
    n, t = rows.shape[0], len(items)
    k = min(near.k, n - 1)
    if k < 1 or not t:
        return NearEdit(np.zeros(0, dtype=np.int64), sp.csr_array(np.zeros((0, n), dtype=np.float32)))
    # from everybody's side, in the order of summation of everybody's own row
    after, was = _by_pairs(rows, new), _by_pairs(rows, sp.csr_array(rows[items]))
    before = sp.csr_array(near.by_target[items].T)
    place = np.full(n, -1, dtype=np.int64)
    place[items] = np.arange(t)

    listed = sp.coo_array(before)
    candidate = sp.coo_array(after)
    row = np.concatenate([listed.coords[0], candidate.coords[0]])
    column = np.concatenate([listed.coords[1], candidate.coords[1]])
    pairs = np.unique(row.astype(np.int64) * t + column)
    row, column = np.divmod(pairs, t)
    other = place[row] < 0
    row, column = row[other], column[other]
    value = _values(after, row, column)
    other = value != _values(was, row, column)
    row, column, value = row[other], column[other], value[other]
    old = _values(before, row, column)
    least, full = near.least[row], near.least[row] > 0
    size = np.diff(near.matrix.indptr)
    # a row that has room takes everybody who comes near, as long as there is room
    coming = np.bincount(row, (old == 0) & (value > 0), minlength=n)
    overfull = (size + coming > k) & (near.least == 0)
    crossing = full & np.where(old > 0, value <= least, value >= least)
    again = np.union1d(np.unique(row[crossing | overfull[row]]), items)
    simple = ~np.isin(row, again) & (value != old) & ~(full & (old == 0))
    row, column, change = row[simple], column[simple], (value - old)[simple]

    recomputed = sp.csr_array(_lists(rows, turned, again, place, items, new, k) - near.matrix[again])
    replaced = sp.coo_array((change, (row, items[column])), shape=(n, n))
    back = sp.coo_array(recomputed)
    whole = sp.csr_array(
        (
            np.concatenate([replaced.data, back.data]).astype(np.float32),
            (
                np.concatenate([replaced.coords[0], again[back.coords[0]]]),
                np.concatenate([replaced.coords[1], back.coords[1]]),
            ),
        ),
        shape=(n, n),
    )
    whole.eliminate_zeros()
    changed = np.flatnonzero(np.diff(whole.indptr))
    return NearEdit(changed, sp.csr_array(whole[changed]))


def _by_pairs(rows: sp.csr_array, new: sp.csr_array) -> sp.csr_array:
    """Cosines of all items with the new rows: CSR ``[items, t]``."""
    used = np.unique(new.indices)
    return sp.csr_array(rows @ sp.csr_array(new.T)) if used.size else sp.csr_array((rows.shape[0], new.shape[0]))


def _values(matrix: sp.csr_array, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.float32]:
    if not len(row):
        return np.zeros(0, dtype=np.float32)
    return np.asarray(matrix[row, column], dtype=np.float32).ravel()


def _lists(
    rows: sp.csr_array,
    turned: sp.csr_array,
    some: NDArray[np.int64],
    place: NDArray[np.int64],
    items: NDArray[np.int64],
    new: sp.csr_array,
    k: int,
) -> sp.csr_array:
    """The nearest of some items, worked out anew: CSR ``[len(some), items]``."""
    both = sp.vstack([rows, new], format="csr")
    left = sp.csr_array(both[np.where(place[some] >= 0, rows.shape[0] + place[some], some)])
    scores = np.asarray((left @ turned).toarray(), dtype=np.float32)
    scores[:, items] = (left @ sp.csr_array(new.T)).toarray()
    scores[np.arange(len(some)), some] = 0.0
    return largest(scores, k)
