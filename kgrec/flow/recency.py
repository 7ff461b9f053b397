"""Histories weighted by age."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

POWERS = (0.0, 0.5, 1.0, 1.5, 2.0)


def weigh(histories: sp.csr_array, times: sp.csr_array | None, power: float) -> sp.csr_array:
    """Histories whose entries are multiplied by ``age^-power``, scaled to a mean of 1 a row.

    The age of an interaction is one more than the number of interactions in the same history that are later; those of
    the same second share an age.  The result stays linear in the history's entries as long as nothing is removed.

    Args:
        histories: CSR ``[batch, items]``.
        times: CSR ``[batch, items]`` of the same pattern or a larger one, greater than zero; an entry that is missing
            there counts as the latest.  None: nothing is weighted.
    """
    if times is None or not power or not histories.nnz:
        return histories
    at = _lookup(histories, times)
    rows = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
    order = np.lexsort((-at, rows))
    # the first of equal times, from the latest on, gives all of them its place
    first = np.ones(histories.nnz, dtype=bool)
    first[1:] = (at[order][1:] != at[order][:-1]) | (rows[order][1:] != rows[order][:-1])
    place = np.maximum.accumulate(np.where(first, np.arange(histories.nnz), 0))
    age = np.empty(histories.nnz)
    age[order] = place - histories.indptr[rows[order]] + 1.0
    weight = age**-power
    sums = np.bincount(rows, weight, minlength=histories.shape[0])
    weight *= (np.diff(histories.indptr) / np.maximum(sums, 1e-12))[rows]
    data = (histories.data * weight).astype(np.float32)
    return sp.csr_array((data, histories.indices, histories.indptr), shape=histories.shape)


def _lookup(histories: sp.csr_array, times: sp.csr_array) -> NDArray[np.float64]:
    """The time of every entry of the histories, infinity where there is none."""
    width = histories.shape[1]
    wanted = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr)) * width + histories.indices
    known = np.repeat(np.arange(times.shape[0]), np.diff(times.indptr)) * width + times.indices
    at = np.full(histories.nnz, np.inf)
    if not times.nnz:
        return at
    order = np.argsort(known)
    where = np.minimum(np.searchsorted(known[order], wanted), len(known) - 1)
    hit = known[order][where] == wanted
    at[hit] = times.data[order][where[hit]]
    return at
