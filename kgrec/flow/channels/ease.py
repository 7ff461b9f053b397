"""Ridge regression of items on items in degree-scaled space."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.builder import Builder, Context
from kgrec.flow.channel import Channel
from kgrec.flow.part import Part

ITEM_POWER, USER_POWER, L2 = 0.25, 0.25, 5.0
"""Chosen on the validation parts of the benchmark's data sets: one setting is within a standard error of each one's
best."""


class Ease(Builder):
    """``X' = D_u^{-ru} X D_i^{-b}``, ``P = (X'ᵀX' + λI)^{-1}``, ``B = I - P / diag(P)``, ``W = D_i^{-b} B D_i^{b}``.

    EASE (Steck, Embarrassingly shallow autoencoders, WWW 2019) where ``ru = b = 0``.  A weight may be negative: whoever
    has j has i less often than j's other companions let expect.
    """

    name: ClassVar[str] = "ease"
    learned_as = "co-preference"

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        seen = part.seen
        degree = part.item_degree[seen]
        outer = (degree**-ITEM_POWER).astype(np.float32)
        weights: NDArray[np.float32] | sp.csr_array
        if context.dense(part):
            weights = ridge(part, seen)
            weights *= outer[:, None]
            weights /= outer[None]
        else:
            from kgrec.flow.neighbourhood import neighbourhood_ridge

            context.progress.say(f"ease: a ridge over each item's neighbourhood, for there are {len(seen):,} items")
            weights = neighbourhood_ridge(scaled(part, seen), L2)
            # in place: of many items a copy is much to hold
            weights.data *= np.repeat(outer, np.diff(weights.indptr))
            weights.data /= outer[weights.indices]
        return (Channel(self.name, "learned", (weights,), sources=seen, targets=seen),)


def scaled(part: Part, seen: NDArray[np.int64]) -> sp.csr_array:
    """``X'``: float32 CSR ``[users, len(seen)]``."""
    users = np.maximum(part.user_degree, 1.0) ** -USER_POWER
    items = part.item_degree[seen] ** -ITEM_POWER
    return sp.csr_array(sp.diags_array(users) @ part.train[:, seen] @ sp.diags_array(items)).astype(np.float32)


def ridge(part: Part, seen: NDArray[np.int64]) -> NDArray[np.float32]:
    """``B``: float32 ``[len(seen), len(seen)]``, zero diagonal."""
    weights = inverse_gram(part, seen)
    weights /= -np.diag(weights)[None].copy()
    np.fill_diagonal(weights, 0.0)
    return weights


def inverse_gram(part: Part, seen: NDArray[np.int64]) -> NDArray[np.float32]:
    """``P``: float32 ``[len(seen), len(seen)]``."""
    from scipy.linalg import lapack  # what serves and explains a fitted flow loads without it

    x = scaled(part, seen)
    gram = (x.T @ x).toarray()
    gram[np.diag_indices_from(gram)] += L2
    # the inverse from the Cholesky factor costs a third of a general one and fills one triangle only
    factor, failed = lapack.spotrf(gram, overwrite_a=True)
    inverse, failed_too = lapack.spotri(factor, overwrite_c=True)
    assert not failed
    assert not failed_too
    upper = np.triu(inverse, 1)
    return np.ascontiguousarray(upper + upper.T + np.diag(np.diag(inverse)), dtype=np.float32)
