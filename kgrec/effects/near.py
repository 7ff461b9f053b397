"""The nearest items, and how they are after the links of many have changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.vectors import nearest_neighbours, nearest_of, turned_of


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


class NearEdit(NamedTuple):
    """Entries that change, by row, then by column.

    Attributes:
        row, column: item ids, int64 ``[entries]``.
        value: by how much the cosine changes, 0 standing for an item that is not in the list: float32 ``[entries]``.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    value: NDArray[np.float32]

    def of_rows(self, items: NDArray[np.integer[Any]]) -> NearEdit:
        """The entries of some rows."""
        kept = np.isin(self.row, items)
        return NearEdit(self.row[kept], self.column[kept], self.value[kept])


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
    moved.sort_indices()
    row = np.repeat(np.arange(moved.shape[0]), np.diff(moved.indptr))
    return NearEdit(row if rows is None else rows[row], moved.indices.astype(np.int64), moved.data)


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
