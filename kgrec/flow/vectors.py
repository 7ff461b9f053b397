"""Vectors made comparable: whitened, normalised; nearest neighbours among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

BLOCK = 1024
ROWS = 100_000
"""Vectors held in double precision at a time."""
TIE = 1e-6
"""Cosines this close are equal."""


@dataclass(frozen=True, eq=False)
class Whitening:
    """Principal components of some vectors, each scaled to variance 1.

    Attributes:
        mean: float64 ``[d]``.
        axes: float64 ``[d, components]``.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]

    @classmethod
    def of(cls, vectors: NDArray[np.float32], dim: int) -> Whitening:
        """That of the rows that are not zero.

        Args:
            vectors: ``[n, d]``; a zero row has no value.
            dim: components kept, at most.
        """
        known = np.abs(vectors).sum(axis=1) > 0
        inner = vectors[known]
        nothing = np.zeros((vectors.shape[1], 1))
        if not len(inner):
            return cls(np.zeros(vectors.shape[1]), nothing)
        blocks = range(0, len(inner), ROWS)
        mean = sum(inner[start : start + ROWS].astype(np.float64).sum(axis=0) for start in blocks) / len(inner)
        centred = (inner[start : start + ROWS].astype(np.float64) - mean for start in blocks)
        values, axes = np.linalg.eigh(sum(block.T @ block for block in centred) / len(inner))
        # components with next to no variance would blow rounding up to signal
        kept = np.flatnonzero(values > 1e-9 * max(values[-1], 1e-30))[::-1][:dim]
        return cls(mean, axes[:, kept] / np.sqrt(values[kept]) if kept.size else nothing)

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows of unit length, float32 ``[n, components]``; a zero row stays zero."""
        result = np.zeros((len(vectors), self.axes.shape[1]), dtype=np.float32)
        for start in range(0, len(vectors), ROWS):
            block = vectors[start : start + ROWS]
            known = np.abs(block).sum(axis=1) > 0
            white = (block[known].astype(np.float64) - self.mean) @ self.axes
            white /= np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-12)
            result[start : start + ROWS][known] = white
        return result


def whiten(vectors: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Principal components of the rows that are not zero, each of variance 1, rows of unit length: float32
    ``[n, min(dim, rank)]`` of vectors ``[n, d]``."""
    return Whitening.of(vectors, dim).apply(vectors)


def nearest_neighbours(rows: NDArray[np.float32] | sp.csr_array, k: int) -> sp.csr_array:
    """The ``k`` largest positive inner products of every row with the others; of equal ones at the end of a row those
    with the lowest ids, so that what is kept of a row depends on that row's products alone.

    Args:
        rows: ``[n, d]``, dense or CSR; rows of unit length give cosines.

    Returns:
        float32 CSR ``[n, n]`` without diagonal, at most k entries a row.
    """
    n = rows.shape[0]
    k = min(k, n - 1)
    if k < 1:
        return sp.coo_array((n, n), dtype=np.float32).tocsr()
    turned = turned_of(rows)
    parts = (nearest_of(rows, turned, np.arange(start, min(start + BLOCK, n)), k) for start in range(0, n, BLOCK))
    return sp.csr_array(sp.vstack(list(parts), format="csr"))


def turned_of(rows: NDArray[np.float32] | sp.csr_array) -> NDArray[np.float32] | sp.csr_array:
    """The rows transposed, as :func:`nearest_of` multiplies with them."""
    return sp.csr_array(rows.T) if sp.issparse(rows) else rows.T


def nearest_of(
    rows: NDArray[np.float32] | sp.csr_array,
    turned: NDArray[np.float32] | sp.csr_array,
    some: NDArray[np.int64],
    k: int,
) -> sp.csr_array:
    """These rows of :func:`nearest_neighbours`: float32 CSR ``[len(some), n]``; ``turned`` by :func:`turned_of`."""
    # a product of sparse matrices sums in the order of the left row's entries, whatever rows stand beside it
    block = rows[some] @ turned
    scores = np.asarray(block.toarray() if sp.issparse(block) else block, dtype=np.float32)
    scores[np.arange(len(some)), some] = 0.0
    return largest(scores, k)


def largest(scores: NDArray[np.float32], k: int) -> sp.csr_array:
    """The ``k`` largest positive entries of each row ``[m, n]``, of equal ones those with the lowest ids: CSR."""
    height, n = scores.shape
    kept = scores > 0
    crowded = np.flatnonzero(kept.sum(axis=1) > k)
    if crowded.size:
        among = scores[crowded]
        # from below: most of a row is zero, and partitioning with the equal ones in front is many times slower
        least = -np.partition(-among, k - 1, axis=1)[:, k - 1, None]
        above, level = among > least, among == least
        free = k - above.sum(axis=1, keepdims=True)
        kept[crowded] = above | (level & (np.cumsum(level, axis=1, dtype=np.int32) <= free))
    row, column = np.nonzero(kept)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=height))])
    return sp.csr_array((scores[row, column], column, indptr), shape=(height, n))


def joining(near: sp.csr_array, cosines: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Which rows would count newcomers among their nearest neighbours.

    Args:
        near: what :func:`nearest_neighbours` gave for ``k``: CSR ``[n, n]``.
        cosines: of the n rows with m newcomers: ``[n, m]``.
        k: neighbours kept of a row.

    Returns:
        float32 ``[n, m]``: the cosines, 0 where the row has k neighbours that are nearer.
    """
    k = min(k, near.shape[0] - 1)
    farthest = np.zeros(near.shape[0])
    full = np.flatnonzero(np.diff(near.indptr) >= max(k, 1))
    if full.size:
        farthest[full] = near.data[near.indptr[full][:, None] + np.arange(k)].min(axis=1)
    # as near as the farthest one is near enough
    return np.where((cosines > 0) & (cosines > farthest[:, None] - TIE), cosines, 0.0).astype(np.float32)
