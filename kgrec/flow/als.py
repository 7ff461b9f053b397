"""Implicit matrix factorisation with penalties that grow with frequency, by alternating conjugate gradients."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

ITERATIONS, CG_STEPS = 12, 3


def factorise(
    matrix: sp.csr_array,
    dim: int,
    unobserved: float,
    l2: float,
    seed: int,
    iterations: int = ITERATIONS,
    precision: type[np.floating[Any]] = np.float64,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Minimises ``Σ_{ui seen} (1 - x_u·y_i)² + w0 Σ_{ui} (x_u·y_i)² + λ R`` with the penalty
    ``R = Σ_u (n_u + w0 I) ‖x_u‖² + Σ_i (n_i + w0 U) ‖y_i‖²``.

    Rendle et al., Revisiting the performance of iALS on item recommendation benchmarks, RecSys 2022, with ν = 1; each
    least squares problem is brought forward by a few conjugate gradient steps (Takács, Pilászy and Tikk, Applications
    of the conjugate gradient method for implicit feedback collaborative filtering, RecSys 2011).

    Args:
        matrix: binary CSR ``[U, I]``.
        dim: of the factors.
        unobserved: ``w0``.
        l2: ``λ``.
        seed: of the first factors.
        iterations: over both sides.
        precision: of the factors and of all that is computed.

    Returns:
        ``x [U, dim]`` and ``y [I, dim]``.
    """
    rng = np.random.default_rng(seed)
    rows, columns = matrix.shape
    turned = sp.csr_array(matrix.T)
    x = rng.normal(scale=0.1 / np.sqrt(dim), size=(rows, dim))
    y = rng.normal(scale=0.1 / np.sqrt(dim), size=(columns, dim))
    x, y = x.astype(precision, copy=False), y.astype(precision, copy=False)
    row_penalty = l2 * (np.diff(matrix.indptr) + unobserved * columns)
    column_penalty = l2 * (np.diff(turned.indptr) + unobserved * rows)
    for _ in range(iterations):
        _solve(matrix.indptr, matrix.indices, x, y, precision(unobserved) * (y.T @ y), row_penalty.astype(precision))
        _solve(turned.indptr, turned.indices, y, x, precision(unobserved) * (x.T @ x), column_penalty.astype(precision))
    return x, y


@numba.njit(cache=True, fastmath={"contract", "reassoc"})
def _times(
    gram: NDArray[Any],
    other: NDArray[Any],
    held: NDArray[Any],
    penalty: float,
    vector: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """``out = (gram + Σ_{j held} y_j y_jᵀ + penalty · Id) vector``."""
    dim = len(vector)
    for a in range(dim):
        total = penalty * vector[a]
        for b in range(dim):
            total += gram[a, b] * vector[b]
        out[a] = total
    for j in held:
        product = vector.dtype.type(0.0)
        for a in range(dim):
            product += other[j, a] * vector[a]
        for a in range(dim):
            out[a] += product * other[j, a]


@numba.njit(cache=True, fastmath={"contract", "reassoc"})
def _solve(
    indptr: NDArray[Any],
    indices: NDArray[Any],
    mine: NDArray[Any],
    other: NDArray[Any],
    gram: NDArray[Any],
    penalty: NDArray[Any],
) -> None:
    """A few conjugate gradient steps for every row of ``mine``, from where it is."""
    dim = mine.shape[1]
    residual, direction, product = np.empty(dim, mine.dtype), np.empty(dim, mine.dtype), np.empty(dim, mine.dtype)
    zero = mine.dtype.type(0.0)
    for row in range(mine.shape[0]):
        held = indices[indptr[row] : indptr[row + 1]]
        if len(held) == 0:
            mine[row] = 0.0
            continue
        _times(gram, other, held, penalty[row], mine[row], product)
        square = zero
        residual[:] = zero
        for j in held:
            for a in range(dim):
                residual[a] += other[j, a]
        for a in range(dim):
            residual[a] -= product[a]
            direction[a] = residual[a]
            square += residual[a] * residual[a]
        for _ in range(CG_STEPS):
            if square < 1e-20:
                break
            _times(gram, other, held, penalty[row], direction, product)
            curvature = zero
            for a in range(dim):
                curvature += direction[a] * product[a]
            step = square / curvature
            after = zero
            for a in range(dim):
                mine[row, a] += step * direction[a]
                residual[a] -= step * product[a]
                after += residual[a] * residual[a]
            for a in range(dim):
                direction[a] = residual[a] + after / square * direction[a]
            square = after
