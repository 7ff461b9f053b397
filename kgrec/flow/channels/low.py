"""Low-rank co-preference: implicit matrix factorisation with the users' part in closed form."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.builder import Builder, Context, support
from kgrec.flow.channel import Channel
from kgrec.flow.hops import Hop
from kgrec.flow.ndcg import ndcg10
from kgrec.flow.part import Part

GRID = tuple((alpha, l2) for alpha in (5.0, 10.0, 20.0, 40.0, 80.0, 160.0) for l2 in (2.5 * alpha, 5.0 * alpha))
"""Weight of a seen pair and penalty of the factors, tried on the first fold."""
ITERATIONS = 12


class Low(Builder):
    """``W = V A Vᵀ``, ``A = α (VᵀV + (α - 1) Vᵀ D_i V / U + λI)^{-1}``.

    ``V`` are the item factors of Hu, Koren and Volinsky (Collaborative filtering for implicit feedback datasets, ICDM
    2008).  Their user vector is ``(VᵀV + Σ_{j∈N(u)} (α - 1) v_j v_jᵀ + λI)^{-1} α Σ_{j∈N(u)} v_j``; here the inverse is
    that of the average user, which makes the score linear in the history.
    """

    name: ClassVar[str] = "low"

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        seen = part.seen
        dim = min(context.config.dim, len(seen), part.num_users)
        if self.name not in context.choices:
            context.choices[self.name] = self._choose(part, context, seen, dim)
        source, target = _factors(part, seen, dim, *context.choices[self.name], seed=context.seed)
        return (Channel(self.name, "learned", (source, target), sources=seen, targets=seen),)

    def _choose(self, part: Part, context: Context, seen: NDArray[np.int64], dim: int) -> tuple[float, float]:
        held_out = context.held_out
        if held_out is None or not held_out.nnz:
            return GRID[4]
        # what a short fold holds out may be held by nobody else: nothing is left to choose on
        known = held_out[:, seen]
        users = np.flatnonzero(np.diff(known.indptr))[: context.config.gate_users]
        if not users.size:
            return GRID[4]
        history, hidden = part.train[users][:, seen], known[users]
        scores = []
        for alpha, l2 in GRID:
            source, target = _factors(part, seen, dim, alpha, l2, seed=context.seed)
            scores.append(ndcg10((history @ source) @ target, history, hidden).mean())
        return GRID[int(np.argmax(scores))]

    def hops(self, channel: Channel, part: Part, source: int, target: int) -> list[tuple[float, tuple[Hop, ...]]]:
        return latent(channel, part, source, target)


def latent(channel: Channel, part: Part, source: int, target: int) -> list[tuple[float, tuple[Hop, ...]]]:
    """One learned hop."""
    weight = float(channel.weights(np.array([source]), target)[0])
    item = part.item_type
    hop = Hop("latent", (item, source), (item, target), support=support(part, source, target))
    return [(weight, (hop,))] if weight else []


def _factors(
    part: Part, seen: NDArray[np.int64], dim: int, alpha: float, l2: float, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """``V A`` of shape ``[len(seen), dim]`` and ``Vᵀ`` of shape ``[dim, len(seen)]``."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    matrix = sp.csr_matrix(part.train[:, seen])
    # implicit's own threads and those of BLAS would fight; one thread of each gives the same result everywhere
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=dim, alpha=alpha, regularization=l2, iterations=ITERATIONS, random_state=seed, num_threads=1
        )
        model.fit(matrix, show_progress=False)
    v = np.asarray(model.item_factors, dtype=np.float64)
    weighted = (v.T * part.item_degree[seen]) @ v / part.num_users
    inverse = np.linalg.inv(v.T @ v + (alpha - 1.0) * weighted + l2 * np.eye(dim))
    return (alpha * (v @ inverse)).astype(np.float32), np.ascontiguousarray(v.T, dtype=np.float32)
