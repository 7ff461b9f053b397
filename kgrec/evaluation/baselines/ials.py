"""Weighted matrix factorisation for implicit data, by implicit's alternating least squares.

Hu, Koren and Volinsky, Collaborative filtering for implicit feedback datasets, ICDM 2008.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field

from kgrec.config.space import OneOf, Real, Space
from kgrec.evaluation.baselines.base import Baseline, load_implicit


class IALS(Baseline):
    """``score(u, i) = <x_u, y_i>``; ``x_u`` is solved from the history with the item factors fixed (fold-in).

    Attributes:
        factors: dimension.
        alpha: weight of a seen pair; an unseen one weighs 1.
        regularization: of the squared factors.
        iterations: sweeps.
    """

    space: ClassVar[Space] = {
        "factors": OneOf((16, 32, 64, 128, 256)),
        "alpha": Real(1, 200, log=True),
        "regularization": Real(0.5, 1000, log=True),
    }
    grid: ClassVar[Mapping[str, tuple[float, ...]]] = {
        "factors": (64, 128, 256),
        "alpha": (1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100, 200),
        "regularization": (0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000),
    }

    factors: int = Field(default=48, ge=1)
    alpha: float = Field(default=10.0, gt=0)
    regularization: float = Field(default=50.0, ge=0)
    iterations: int = Field(default=15, ge=1)

    def fit(self, matrix: sp.csr_array, seed: int = 0) -> IALSScorer:
        als = load_implicit("als")
        with _one_blas_thread():
            model = als.AlternatingLeastSquares(
                factors=self.factors,
                alpha=self.alpha,
                regularization=self.regularization,
                iterations=self.iterations,
                random_state=seed,
            )
            model.fit(sp.csr_matrix(matrix), show_progress=False)
        fixed = f"{self.factors} factors, α={self.alpha:g}, λ={self.regularization:g}"
        return IALSScorer(f"iALS ({fixed})", model)


@dataclass(frozen=True, eq=False)
class IALSScorer:
    """A fitted ``implicit.als.AlternatingLeastSquares``."""

    name: str
    model: Any

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        with _one_blas_thread():
            vectors = self.model.recalculate_user(np.arange(histories.shape[0]), sp.csr_matrix(histories))
        return np.asarray(vectors @ self.model.item_factors.T, dtype=np.float32)


def _one_blas_thread() -> Any:
    """implicit has threads of its own; with those of BLAS beside them it warns, rightly, and slows down tenfold."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, "blas")
