"""EASE: a linear item-item model in closed form (Steck, Embarrassingly shallow autoencoders, WWW 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field

from kgrec.config.space import Real, Space
from kgrec.evaluation.baselines.base import Baseline, CannotFitError
from kgrec.recommend.scorer import Scorer


class EASE(Baseline):
    """``scores = H B`` with ``B = I - P / diag(P)`` (columns divided), ``P = (XᵀX + λI)^(-1)``; ``diag(B) = 0``.

    With fewer users than items the same ``P`` comes from the users' side (Woodbury):
    ``P = (I - Xᵀ K X) / λ`` with ``K = (XXᵀ + λI)^(-1)``, so that the dense matrix has the smaller side of ``X``.

    Attributes:
        l2: ``λ``.
        max_side: the largest dense matrix that is inverted (8 bytes × side², and as much again while it is).
    """

    space: ClassVar[Space] = {"l2": Real(1, 10_000, log=True)}
    grid: ClassVar[Mapping[str, tuple[float, ...]]] = {
        "l2": (
            0.2,
            0.5,
            1,
            2,
            5,
            10,
            20,
            30,
            50,
            70,
            100,
            140,
            200,
            280,
            400,
            560,
            800,
            1100,
            1600,
            2200,
            3200,
            5000,
            10_000,
        )
    }

    l2: float = Field(default=250.0, gt=0)
    max_side: int = Field(default=20_000, ge=1)

    def fit(self, matrix: sp.csr_array, seed: int = 0) -> Scorer:
        name = f"EASE (λ={self.l2:g})"
        side = min(matrix.shape)
        if side > self.max_side:
            raise CannotFitError(
                f"would invert a dense matrix of {side:,} × {side:,}; max_side allows {self.max_side:,}"
            )
        x = matrix.astype(np.float64)
        if matrix.shape[0] < matrix.shape[1]:
            kernel = _inverse(sp.csr_array(x @ x.T), self.l2)
            # diag(Xᵀ K X): the sum over an item's users of K X
            scale = 1.0 - np.asarray(x.multiply(kernel @ x).sum(axis=0)).ravel()
            return _UserSide(name, x, kernel, scale)
        p = _inverse(sp.csr_array(x.T @ x), self.l2)
        p /= -np.diag(p)
        np.fill_diagonal(p, 0.0)
        return _ItemSide(name, p.astype(np.float32))


def _inverse(gram: sp.csr_array, l2: float) -> NDArray[np.float64]:
    dense = gram.toarray()
    dense[np.diag_indices_from(dense)] += l2
    return np.linalg.inv(dense)


@dataclass(frozen=True, eq=False)
class _ItemSide:
    """``B`` itself, float32 ``[num_items, num_items]``."""

    name: str
    weights: NDArray[np.float32]

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        return np.asarray(histories @ self.weights, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _UserSide:
    """``X``, ``K [num_users, num_users]`` and ``λ diag(P) [num_items]``."""

    name: str
    x: sp.csr_array
    kernel: NDArray[np.float64]
    scale: NDArray[np.float64]

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        h = histories.astype(np.float64)
        through = ((h @ self.x.T).toarray() @ self.kernel) @ self.x
        dense = h.toarray()
        return np.asarray(dense - (dense - through) / self.scale, dtype=np.float32)
