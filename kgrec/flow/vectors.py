"""Vectors made comparable: whitened, normalised; nearest neighbours among them."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

BLOCK = 1024


def whiten(vectors: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Principal components of the rows that are not zero, each of variance 1, rows of unit length.

    Args:
        vectors: ``[n, d]``; a zero row has no value and stays zero.
        dim: components kept, at most.

    Returns:
        float32 ``[n, min(dim, rank)]``.
    """
    known = np.abs(vectors).sum(axis=1) > 0
    if not known.any():
        return np.zeros((len(vectors), 1), dtype=np.float32)
    inner = vectors[known].astype(np.float64)
    centred = inner - inner.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    # components with next to no variance would blow rounding up to signal
    kept = np.flatnonzero(values > 1e-9 * max(values[-1], 1e-30))[::-1][:dim]
    if not kept.size:
        return np.zeros((len(vectors), 1), dtype=np.float32)
    white = centred @ (axes[:, kept] / np.sqrt(values[kept]))
    white /= np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-12)
    result = np.zeros((len(vectors), len(kept)), dtype=np.float32)
    result[known] = white
    return result


def nearest_neighbours(rows: NDArray[np.float32] | sp.csr_array, k: int) -> sp.csr_array:
    """The ``k`` largest positive inner products of every row with the others, ties by id.

    Args:
        rows: ``[n, d]``, dense or CSR; rows of unit length give cosines.

    Returns:
        float32 CSR ``[n, n]`` without diagonal, at most k entries a row.
    """
    n = rows.shape[0]
    k = min(k, n - 1)
    if k < 1:
        return sp.csr_array((n, n), dtype=np.float32)
    turned = sp.csc_array(rows.T) if sp.issparse(rows) else rows.T
    parts = []
    for start in range(0, n, BLOCK):
        block = rows[start : start + BLOCK] @ turned
        scores = block.toarray() if sp.issparse(block) else block
        height = len(scores)
        scores[np.arange(height), np.arange(start, start + height)] = 0.0
        top = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
        value = np.take_along_axis(scores, top, axis=1)
        kept = value > 0
        indptr = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
        parts.append(sp.csr_array((value[kept], top[kept], indptr), shape=(height, n)))
    return sp.csr_array(sp.vstack(parts, format="csr")).astype(np.float32)
