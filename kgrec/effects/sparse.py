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
    return np.bincount(matrix.indices[entry], np.repeat(weights, size) * matrix.data[entry], minlength=matrix.shape[1])
