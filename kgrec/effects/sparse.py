"""Rows of sparse matrices as plain arrays: where few entries are read, making a matrix of them takes longer."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


def entries_of(matrix: sp.csr_array, rows: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the entries of some rows stand in ``indices`` and ``data``, row by row, and how many each row has.

    Returns:
        int64 ``[entries]`` and int64 ``[len(rows)]``.
    """
    start = matrix.indptr[rows].astype(np.int64)
    size = matrix.indptr[np.asarray(rows) + 1] - start
    return np.arange(int(size.sum())) + np.repeat(start - (np.cumsum(size) - size), size), size


def weighted_sum(matrix: sp.csr_array, rows: NDArray[np.integer[Any]], weights: NDArray[Any]) -> NDArray[np.float64]:
    """``weights @ matrix[rows]``: float64 ``[columns]``."""
    entry, size = entries_of(matrix, rows)
    values: NDArray[np.float64] = np.repeat(weights, size).astype(np.float64) * matrix.data[entry]
    return np.asarray(np.bincount(matrix.indices[entry], values, minlength=matrix.shape[1]), dtype=np.float64)


def values_of(matrix: sp.csr_array, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.float32]:
    """Single entries of a matrix whose rows are sorted: float32 ``[len(row)]``."""
    found = np.zeros(len(row), dtype=np.float32)
    if not len(row):
        return found
    rows, place = np.unique(row, return_inverse=True)
    entry, size = entries_of(matrix, rows)
    known = np.repeat(np.arange(len(rows)), size) * matrix.shape[1] + matrix.indices[entry]
    wanted = place * matrix.shape[1] + column
    at = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
    hit = known[at] == wanted if len(known) else np.zeros(len(row), dtype=bool)
    found[hit] = matrix.data[entry[at[hit]]]
    return found


def picked(
    matrix: sp.csr_array, rows: NDArray[np.integer[Any]], columns: NDArray[np.integer[Any]]
) -> NDArray[np.float32]:
    """``matrix[rows][:, columns]``, dense: float32 ``[len(rows), len(columns)]``."""
    place = np.full(matrix.shape[1], -1, dtype=np.int64)
    place[columns] = np.arange(len(columns))
    entry, size = entries_of(matrix, rows)
    at = place[matrix.indices[entry]]
    row = np.repeat(np.arange(len(rows)), size)[at >= 0]
    found = np.zeros((len(rows), len(columns)), dtype=np.float32)
    found[row, at[at >= 0]] = matrix.data[entry[at >= 0]]
    return found
