"""The nearest items after the links of some have changed, by working out anew only what that touches.

A row of another item changes only where a changed item stands in it or comes near enough to stand in it.  Where nobody
has to leave or to come in, its values are replaced; else the row is worked out anew.  Both give what working out all
rows would (:func:`kgrec.flow.vectors.nearest_neighbours`), to the last bit.  What two rows have in common is summed in
the order of its columns, whichever of them stands on the left.

Few entries are touched, and arrays of them are worked on: making sparse matrices of them takes several times longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.effects.near import Near, NearEdit
from kgrec.effects.sparse import entries_of
from kgrec.flow.vectors import largest
from kgrec.recommend.blocks import blocks

ROOM = 4_000_000
"""Cosines that are held at a time."""


class Cosines(NamedTuple):
    """Cosines of pairs, by row, then by column.

    Attributes:
        row: other items, int64 ``[n]``; column: places of moved ones, int64 ``[n]``.
        before, after: float32 ``[n]``.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    before: NDArray[np.float32]
    after: NDArray[np.float32]

    def where(self, kept: NDArray[Any]) -> Cosines:
        """Some of them."""
        return Cosines(*(one[kept] for one in self))


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
    def inside(self) -> NDArray[np.bool_]:
        """Which items are moved: bool ``[items]``."""
        found = np.zeros(self.rows.shape[0], dtype=bool)
        found[self.items] = True
        return found

    @cached_property
    def cosines(self) -> Cosines:
        """With all others, where they are not 0 both before and afterwards."""
        parts = []
        for part in blocks(len(self.items), self.rows.shape[0], ROOM):
            some = np.arange(part.start, part.stop)
            before = products(self.rows, self.items[some], self.turned)
            after = products(self.new, some, self.turned)
            before[:, self.items] = after[:, self.items] = 0.0
            row, column = np.nonzero(((before != 0) | (after != 0)).T)
            parts.append(Cosines(row, some[column], before[column, row], after[column, row]))
        if len(parts) == 1:
            return parts[0]
        whole = Cosines(*(np.concatenate(one) for one in zip(*parts, strict=True)))
        return whole.where(np.lexsort((whole.column, whole.row)))

    def lists_of_others(self, some: NDArray[np.int64], k: int) -> sp.csr_array:
        """The nearest of some items that are not moved, worked out anew from all links: CSR ``[len(some), items]``."""
        found: list[sp.csr_array] = []
        for block in blocks(len(some), self.rows.shape[0], ROOM):
            part = some[block]
            scores = products(self.rows, part, self.turned)
            scores[:, self.items] = products(self.rows, part, self._new_turned)
            scores[np.arange(len(part)), part] = 0.0
            found.append(largest(scores, k))
        return found[0] if len(found) == 1 else sp.csr_array(sp.vstack(found, format="csr"))

    def lists_of_moved(
        self, places: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """The nearest of some of the moved items: how many each has, and their ids and cosines, by item and id."""
        cosines = self.cosines
        order = np.argsort(cosines.column, kind="stable")
        first = np.searchsorted(cosines.column[order], np.arange(len(self.items) + 1))
        among = products(self.new, places, self._new_turned)
        among[np.arange(len(places)), places] = 0.0
        sizes, columns, values = [], [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.float32)]
        for place, mutual in zip(places.tolist(), among, strict=True):
            others, moved = order[first[place] : first[place + 1]], np.flatnonzero(mutual)
            column = np.concatenate([cosines.row[others], self.items[moved]])
            by_id = np.argsort(column)
            best = largest(np.concatenate([cosines.after[others], mutual[moved]])[by_id][None], k)
            sizes.append(best.nnz)
            columns.append(column[by_id[best.indices]])
            values.append(best.data)
        return np.array(sizes, dtype=np.int64), np.concatenate(columns), np.concatenate(values)

    @cached_property
    def _new_turned(self) -> sp.csr_array:
        return sp.csr_array(self.new.T)


def products(matrix: sp.csr_array, rows: NDArray[np.int64], turned: sp.csr_array) -> NDArray[np.float32]:
    """``matrix[rows] @ turned``, summed one link after the other: float32 ``[len(rows), columns]``."""
    link, size = entries_of(matrix, rows)
    entry, each = entries_of(turned, matrix.indices[link])
    place = np.repeat(np.repeat(np.arange(len(rows)) * turned.shape[1], size), each) + turned.indices[entry]
    found = np.zeros(len(rows) * turned.shape[1], dtype=np.float32)
    np.add.at(found, place, np.repeat(matrix.data[link], each) * turned.data[entry])
    return found.reshape(len(rows), turned.shape[1])


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
    n = moved.rows.shape[0]
    k = min(near.k, n - 1)
    wanted = np.full(n, only is None)
    if only is not None:
        wanted[only] = True
    own = moved.items[wanted[moved.items]]
    cosines, old = _in_question(near, moved, wanted)
    row, value = cosines.row, cosines.after
    if k < 1 or not len(row) + len(own):
        nothing = np.zeros(0, dtype=np.int64)
        return NearEdit(nothing, nothing, np.zeros(0, dtype=np.float32))
    least, full = near.least[row], near.least[row] > 0
    # a row that has room takes everybody who comes near, as long as there is room
    coming = np.bincount(row, (old == 0) & (value > 0), minlength=n)
    overfull = (np.diff(near.matrix.indptr) + coming > k) & (near.least == 0)
    crossing = full & np.where(old > 0, value <= least, value >= least)
    again = np.unique(row[crossing | overfull[row]])
    worked = np.zeros(n, dtype=bool)
    worked[again] = True
    simple = ~worked[row] & (value != old) & ~(full & (old == 0))
    parts = [(row[simple], moved.items[cosines.column[simple]], (value - old)[simple])]
    if wide is not None and len(again):
        enough = _enough(wide, moved, again, k)
        parts.append(_replaced(near, again[enough], *_merged(wide, moved, again[enough], k)))
        again = again[~enough]
    if len(again):
        after = moved.lists_of_others(again, k)
        parts.append(_replaced(near, again, np.diff(after.indptr), after.indices, after.data))
    if len(own):
        parts.append(_replaced(near, own, *moved.lists_of_moved(np.searchsorted(moved.items, own), k)))
    rows, columns, values = (np.concatenate([part[side] for part in parts]) for side in range(3))
    order = np.argsort(rows * n + columns)
    return NearEdit(rows[order], columns[order], values[order])


def _in_question(near: Near, moved: Moved, wanted: NDArray[np.bool_]) -> tuple[Cosines, NDArray[np.float32]]:
    """Moved items that stand in a wanted row's list or come near enough to, where the cosine is not what it was; and
    what it is in the list, 0 where it does not stand there."""
    cosines, t = moved.cosines, len(moved.items)
    entry, size = entries_of(near.turned, moved.items)
    row = near.turned.indices[entry].astype(np.int64)
    others = ~moved.inside[row]
    keys = (row * t + np.repeat(np.arange(t), size))[others]
    old = np.zeros(len(cosines.row), dtype=np.float32)
    # who stands in a list has a cosine above 0
    old[np.searchsorted(cosines.row * t + cosines.column, keys)] = near.turned.data[entry[others]]
    asked = (cosines.before != cosines.after) & wanted[cosines.row]
    asked &= (cosines.after >= near.least[cosines.row]) | (old > 0)
    return cosines.where(asked), old[asked]


def _enough(wide: Near, moved: Moved, some: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
    """Whether the longer list of a row holds k items that are not moved, or all that are near at all."""
    entry, size = entries_of(wide.matrix, some)
    row = np.repeat(np.arange(len(some)), size)
    staying = np.bincount(row, ~moved.inside[wide.matrix.indices[entry]], minlength=len(some))
    return np.asarray((staying >= k) | (wide.least[some] == 0))


def _merged(
    wide: Near, moved: Moved, some: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """The nearest of some items out of their longer lists and those that are moved: how many each has, and their ids
    and cosines, by item and id."""
    entry, size = entries_of(wide.matrix, some)
    stays = ~moved.inside[wide.matrix.indices[entry]]
    place = np.full(moved.rows.shape[0], -1, dtype=np.int64)
    place[some] = np.arange(len(some))
    coming = moved.cosines.where((place[moved.cosines.row] >= 0) & (moved.cosines.after > 0))
    row = np.concatenate([np.repeat(np.arange(len(some)), size)[stays], place[coming.row]])
    column = np.concatenate([wide.matrix.indices[entry[stays]], moved.items[coming.column]])
    value = np.concatenate([wide.matrix.data[entry[stays]], coming.after])
    order = np.lexsort((column, -value, row))
    number = np.bincount(row, minlength=len(some))
    kept = order[np.arange(len(order)) - np.repeat(np.cumsum(number) - number, number) < k]
    kept = kept[np.lexsort((column[kept], row[kept]))]
    return np.minimum(number, k), column[kept], value[kept]


def _replaced(
    near: Near,
    rows: NDArray[np.int64],
    size: NDArray[np.integer[Any]],
    column: NDArray[np.integer[Any]],
    value: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """What changes where some lists stand for those of some rows: ids of row and column, and by how much.

    Args:
        near: the lists as they are.
        rows: int64 ``[a]``, increasing.
        size: of the lists afterwards, ``[a]``; column, value: of their entries, by row and id.
    """
    n = near.matrix.shape[1]
    entry, before = entries_of(near.matrix, rows)
    gone = np.repeat(rows * n, before) + near.matrix.indices[entry]
    here = np.repeat(rows * n, size) + column
    was, now = np.isin(gone, here, assume_unique=True), np.isin(here, gone, assume_unique=True)
    change = value.copy()
    # both are in the same order
    change[now] -= near.matrix.data[entry[was]]
    place = np.concatenate([here, gone[~was]])
    change = np.concatenate([change, -near.matrix.data[entry[~was]]])
    moved = np.flatnonzero(change)
    return place[moved] // n, place[moved] % n, change[moved]
