"""RP3beta: three-step random walks with less weight on popular ends.

Paudel, Christoffel, Newell and Bernstein, Updatable, accurate, diverse, and scalable recommendations for interactive
applications, TiiS 7(1), 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from pydantic import Field

from kgrec.config.space import OneOf, Real, Space
from kgrec.evaluation.baselines.base import Baseline
from kgrec.evaluation.baselines.similarity import SimilarityScorer
from kgrec.recommend.blocks import blocks
from kgrec.recommend.topk import top_k


class RP3beta(Baseline):
    """``score(u, j) = Σ_{i∈H} W_ij`` with ``W_ij = Σ_v (1 / d_i)^α (1 / d_v)^α / d_j^β``.

    The sum is over users ``v`` of both items; ``d`` are degrees in the training matrix.  The walk's first step only
    scales a user's scores and is left out.  ``W`` keeps the ``k`` strongest items of each row, not ``i`` itself, and is
    scaled to a largest entry of 1.

    Attributes:
        alpha: exponent of the transition probabilities.
        beta: how much popular items are held back.
        k: entries kept an item.
    """

    space: ClassVar[Space] = {"alpha": Real(0, 2), "beta": Real(0, 1.2), "k": OneOf((50, 100, 200, 500, 1000))}
    grid: ClassVar[Mapping[str, tuple[float, ...]]] = {
        "alpha": tuple(step / 10 for step in range(21)),
        "beta": tuple(step / 10 for step in range(13)),
        "k": (20, 50, 100, 200, 500, 1000, 2000),
    }

    alpha: float = Field(default=0.8, ge=0)
    beta: float = Field(default=0.3, ge=0)
    k: int = Field(default=200, ge=1)

    def fit(self, matrix: sp.csr_array, seed: int = 0) -> SimilarityScorer:
        x = matrix.astype(np.float64)
        of_user = np.maximum(np.diff(x.indptr), 1).astype(np.float64)
        of_item = np.maximum(np.bincount(x.indices, minlength=x.shape[1]), 1).astype(np.float64)
        item_to_user = (sp.diags_array(of_item**-self.alpha) @ x.T).tocsr()
        user_to_item = (sp.diags_array(of_user**-self.alpha) @ x @ sp.diags_array(of_item**-self.beta)).tocsr()
        parts = []
        for part in blocks(x.shape[1], x.shape[1]):
            walks = (item_to_user[part] @ user_to_item).toarray()
            own = np.arange(part.start, part.stop)
            walks[np.arange(len(own)), own] = 0.0
            ids, weights = top_k(walks, self.k, mask=walks > 0, tie=0.0)
            rows, ranks = np.nonzero(ids >= 0)
            entries = (weights[rows, ranks], (rows, ids[rows, ranks]))
            parts.append(sp.csr_array(entries, shape=walks.shape))
        kept = sp.csr_array(sp.vstack(parts)) if parts else sp.csr_array(x.shape[1:] * 2)
        if kept.nnz:
            kept.data /= kept.data.max()
        return SimilarityScorer(f"RP3beta (α={self.alpha:g}, β={self.beta:g}, k={self.k})", kept)
