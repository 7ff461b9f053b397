"""The nearest items after the links of some have changed.

A row of another item changes only where a changed item stands in it or comes near enough to stand in it.  Where nobody
has to leave or to come in, its values are replaced; else the row is worked out anew.  Both give what working out all
rows would (:func:`kgrec.flow.vectors.nearest_neighbours`), to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.effects.sparse import entries_of, values_of
from kgrec.flow.vectors import largest, nearest_neighbours, nearest_of, turned_of


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
    def turned(self) -> sp.csr_array:
        """In whose lists an item stands: :attr:`matrix` transposed, CSR."""
        return sp.csr_array(self.matrix.T)

    def holds(self, row: NDArray[np.int64], column: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether ``items[column]`` stands in the list of each row: bool ``[len(row)]``."""
        entry, size = entries_of(self.turned, items)
        there = self.turned.indices[entry].astype(np.int64) * len(items) + np.repeat(np.arange(len(items)), size)
        return np.isin(row * len(items) + column, there)

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
    size = np.diff(matrix.indptr)
    row = np.repeat(np.arange(len(size)), size)
    cosines = np.full((len(size), max(int(size.max(initial=0)), 1)), -np.inf, dtype=np.float32)
    cosines[row, np.arange(matrix.nnz) - matrix.indptr[row]] = matrix.data
    best = np.sort(np.argsort(-cosines, axis=1, kind="stable")[:, :k], axis=1)
    there = best < size[:, None]
    kept = (matrix.indptr[:-1, None] + best)[there]
    indptr = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
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


def difference(near: Near, after: sp.csr_array, rows: NDArray[np.int64] | None = None) -> NearEdit:
    """What changes from some lists to others.

    Args:
        near: the lists as they are.
        after: the lists afterwards, CSR ``[a, items]``.
        rows: whose they are, int64 ``[a]``, increasing; all by default.
    """
    before = near.matrix if rows is None else near.matrix[rows]
    moved = sp.csr_array(after - before)
    moved.eliminate_zeros()
    some = np.flatnonzero(np.diff(moved.indptr))
    return NearEdit(some if rows is None else rows[some], sp.csr_array(moved[some]))


class Anew:
    """The nearest after the links of many items have changed, worked out from all rows.

    Args:
        items: whose links change, int64 ``[t]``, increasing.
        new: their rows afterwards, CSR ``[t, links]``.
        rows: all items' rows before, CSR ``[items, links]``.
    """

    def __init__(self, items: NDArray[np.int64], new: sp.csr_array, rows: sp.csr_array) -> None:
        place = np.arange(rows.shape[0])
        place[items] = rows.shape[0] + np.arange(len(items))
        self.rows = sp.csr_array(sp.csr_array(sp.vstack([rows, new], format="csr"))[place])
        self.near = lru_cache(1)(self._near)

    @cached_property
    def turned(self) -> sp.csr_array:
        return sp.csr_array(turned_of(self.rows))

    def near_of(self, some: NDArray[np.int64], k: int) -> sp.csr_array:
        """The lists of some items: CSR ``[len(some), items]``."""
        return nearest_of(self.rows, self.turned, some, min(k, self.rows.shape[0] - 1))

    def _near(self, k: int) -> sp.csr_array:
        return nearest_neighbours(self.rows, k)


@dataclass(frozen=True, eq=False)
class Moved:
    """Items whose links change, and their cosines with everybody.

    Attributes:
        items: int64 ``[t]``, increasing.
        new: their rows afterwards, CSR ``[t, links]``.
        rows: all items' rows, of unit length, CSR ``[items, links]``; turned: transposed.
    """

    items: NDArray[np.int64]
    new: sp.csr_array
    rows: sp.csr_array
    turned: sp.csr_array

    @cached_property
    def after(self) -> sp.csr_array:
        """Cosines afterwards: CSR ``[t, items]``; what two rows have in common is summed in the order of its columns,
        whichever of them stands on the left."""
        return _cosines(self.new, self.turned)

    @cached_property
    def new_turned(self) -> sp.csr_array:
        """:attr:`new` transposed, CSR."""
        return sp.csr_array(self.new.T)

    @cached_property
    def coming(self) -> sp.csr_array:
        """The same by item: CSR ``[items, t]``."""
        return sp.csr_array(self.after.T)

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """Item → its place among :attr:`items`, -1 for another: int64 ``[items]``."""
        found = np.full(self.rows.shape[0], -1, dtype=np.int64)
        found[self.items] = np.arange(len(self.items))
        return found

    @cached_property
    def changed(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Other items, places of moved ones and cosines afterwards, where the cosine is not what it was."""
        before = _cosines(sp.csr_array(self.rows[self.items]), self.turned)
        pairs: Any = sp.coo_array(self.after - before)
        column, row = (one.astype(np.int64) for one in pairs.coords)
        kept = (self.place[row] < 0) & (pairs.data != 0)
        row, column = row[kept], column[kept]
        order = np.lexsort((column, row))
        row, column = row[order], column[order]
        return row, column, values_of(self.after, column, row)


def _cosines(some: sp.csr_array, turned: sp.csr_array) -> sp.csr_array:
    found = sp.csr_array(some @ turned)
    found.sort_indices()
    return found


def edit_near(
    near: Near, moved: Moved, wide: Near | None = None, only: NDArray[np.integer[Any]] | None = None
) -> NearEdit:
    """What changes in the lists of the nearest.

    Args:
        near: the lists as they are.
        moved: whose rows change.
        wide: longer lists of the same, from which a place that becomes free is filled.
        only: the rows that are asked for; all by default.
    """
    n, items = moved.rows.shape[0], moved.items
    k = min(near.k, n - 1)
    wanted = np.ones(n, dtype=bool)
    if only is not None:
        wanted[:] = False
        wanted[only] = True
    row, column, value = moved.changed
    # who neither stands in a row's list nor comes near enough to stand there does not matter to it
    asked = wanted[row] & ((value >= near.least[row]) | near.holds(row, column, items))
    row, column, value = row[asked], column[asked], value[asked]
    own = items[wanted[items]]
    if k < 1 or not len(row) + len(own):
        return NearEdit(np.zeros(0, dtype=np.int64), sp.csr_array(np.zeros((0, n), dtype=np.float32)))
    old = values_of(near.matrix, row, items[column])
    least, full = near.least[row], near.least[row] > 0
    size = np.diff(near.matrix.indptr)
    # a row that has room takes everybody who comes near, as long as there is room
    coming = np.bincount(row, (old == 0) & (value > 0), minlength=n)
    overfull = (size + coming > k) & (near.least == 0)
    crossing = full & np.where(old > 0, value <= least, value >= least)
    again = np.unique(row[crossing | overfull[row]])
    simple = ~np.isin(row, again) & (value != old) & ~(full & (old == 0))

    merged: sp.csr_array | None = None
    if wide is not None and len(again):
        enough = _enough(wide, moved, again, k)
        filled, again = again[enough], again[~enough]
        merged = _merged(wide, moved, filled, k)
    again = np.union1d(again, own)
    parts = [(row[simple], items[column[simple]], (value - old)[simple])]
    if merged is not None:
        parts.append(_entries(filled, sp.csr_array(merged - near.matrix[filled])))
    parts.append(_entries(again, sp.csr_array(_lists(moved, again, k) - near.matrix[again])))
    rows, columns, data = (np.concatenate([part[side] for part in parts]) for side in range(3))
    changed = np.unique(rows)
    shape = (len(changed), n)
    difference = sp.csr_array((data.astype(np.float32), (np.searchsorted(changed, rows), columns)), shape=shape)
    difference.eliminate_zeros()
    kept = np.flatnonzero(np.diff(difference.indptr))
    return NearEdit(changed[kept], sp.csr_array(difference[kept]))


def _entries(
    rows: NDArray[np.int64], matrix: sp.csr_array
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    coo = sp.coo_array(matrix)
    return rows[coo.coords[0]], coo.coords[1].astype(np.int64), coo.data


def _enough(wide: Near, moved: Moved, some: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
    """Whether the longer list of a row holds k items that are not moved, or all that are near at all."""
    rows = wide.matrix[some]
    row = np.repeat(np.arange(len(some)), np.diff(rows.indptr))
    staying = np.bincount(row, moved.place[rows.indices] < 0, minlength=len(some))
    return np.asarray((staying >= k) | (wide.least[some] == 0))


def _merged(wide: Near, moved: Moved, some: NDArray[np.int64], k: int) -> sp.csr_array:
    """The nearest of some items out of their longer lists and those that are moved: CSR ``[len(some), items]``."""
    rows, coming = sp.coo_array(wide.matrix[some]), sp.coo_array(moved.coming[some])
    stays = moved.place[rows.coords[1]] < 0
    row = np.concatenate([rows.coords[0][stays], coming.coords[0]])
    column = np.concatenate([rows.coords[1][stays], moved.items[coming.coords[1]]])
    value = np.concatenate([rows.data[stays], coming.data])
    near = value > 0
    row, column, value = row[near], column[near], value[near]
    order = np.lexsort((column, -value, row))
    first = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(some)))])
    kept = order[np.arange(len(order)) - first[row[order]] < k]
    return sp.csr_array((value[kept], (row[kept], column[kept])), shape=(len(some), wide.matrix.shape[1]))


def _lists(moved: Moved, some: NDArray[np.int64], k: int) -> sp.csr_array:
    """The nearest of some items, worked out anew: CSR ``[len(some), items]``."""
    place = moved.place[some]
    left = sp.csr_array(moved.rows[some])
    if (place >= 0).any():
        both = sp.vstack([left, moved.new], format="csr")
        left = sp.csr_array(both[np.where(place >= 0, len(some) + place, np.arange(len(some)))])
    scores = np.asarray((left @ moved.turned).toarray(), dtype=np.float32)
    scores[:, moved.items] = (left @ moved.new_turned).toarray()
    scores[np.arange(len(some)), some] = 0.0
    return largest(scores, k)
