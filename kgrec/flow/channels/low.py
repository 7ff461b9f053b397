"""Low-rank co-preference: implicit matrix factorisation with the users' part in closed form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.builder import Builder, Context
from kgrec.flow.channel import Channel
from kgrec.flow.ndcg import ndcg10
from kgrec.flow.part import Part

GRID = (
    *((0.005, 1.0), (0.01, 1.0), (0.01, 2.0), (0.02, 2.0), (0.02, 4.0), (0.05, 4.0)),
    *((0.05, 8.0), (0.1, 4.0), (0.1, 8.0), (0.2, 8.0), (0.4, 8.0), (0.8, 16.0)),
)
"""Weight ``w0`` of an unobserved pair, and what the penalty of a user without items comes to (``λ w0 I``); tried on the
first fold."""
PLAIN = (0.1, 8.0)
"""Where there is no fold."""
CHOOSING, CELLS = 10_000, 60_000_000
"""Beyond the size of a dense matrix of items: users on whom they are tried; scores held at a time, which bounds how
many rank."""
ITERATIONS = 8
"""Of the factorisation there, which is in single precision, as are all that are tried."""
DEGREE_POWERS = (0.0, 0.15)
"""Of the item's degree, which the gate will choose: a setting counts by its better one."""


class Low(Builder):
    """``W = V A Vᵀ``, ``A = (w0 VᵀV + Vᵀ D_i V / U + λ (mean n_u + w0 I) Id)^{-1}``.

    ``V`` are the item factors of :func:`kgrec.flow.als.factorise`.  Its user vector is
    ``(w0 VᵀV + Σ_{j∈N(u)} v_j v_jᵀ + λ (n_u + w0 I) Id)^{-1} Σ_{j∈N(u)} v_j``; here the inverse is that of the average
    user, which makes the score linear in the history.
    """

    name: ClassVar[str] = "low"
    learned_as = "latent"

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        seen = part.seen
        dim = min(context.config.dim, len(seen), part.num_users)
        if self.name not in context.choices:
            context.choices[self.name] = self._choose(part, context, seen, dim)
        unobserved, penalty = context.choices[self.name]
        source, target = _factors(part, seen, dim, unobserved, penalty, context)
        return (Channel(self.name, "learned", (source, target), sources=seen, targets=seen),)

    def _choose(self, part: Part, context: Context, seen: NDArray[np.int64], dim: int) -> tuple[float, float]:
        if not context.dense(part) and part.num_users > CHOOSING:
            context.progress.say(f"low: its two settings are chosen on {CHOOSING:,} users, for there are many items")
            some = np.sort(np.random.default_rng(context.seed).choice(part.num_users, CHOOSING, replace=False))
            held_out_ = None if context.held_out is None else sp.csr_array(context.held_out[some])
            part, context = _of_users(part, some), replace(context, held_out=held_out_)
            seen, dim = part.seen, min(dim, len(part.seen))
        held_out = context.held_out_of_seen(part)
        if held_out is None:
            return PLAIN
        most = max(1, CELLS // len(seen))
        history, hidden = held_out[0][:most], held_out[1][:most]
        scores = []
        degree = part.item_degree[seen].astype(np.float32)
        for unobserved, penalty in GRID:
            source, target = _factors(part, seen, dim, unobserved, penalty, context, np.float32)
            flow = (history @ source) @ target
            scores.append(max(ndcg10(flow * degree**power, history, hidden).mean() for power in DEGREE_POWERS))
        return GRID[int(np.argmax(scores))]


def _of_users(part: Part, users: NDArray[np.int64]) -> Part:
    """The part as if there were these users only."""
    return replace(part, train=sp.csr_array(part.train[users]), times=None)


def _factors(
    part: Part,
    seen: NDArray[np.int64],
    dim: int,
    unobserved: float,
    penalty: float,
    context: Context,
    precision: type[np.floating[Any]] = np.float64,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """``V A`` of shape ``[len(seen), dim]`` and ``Vᵀ`` of shape ``[dim, len(seen)]``."""
    from kgrec.flow import als

    l2 = penalty / (unobserved * len(seen))
    matrix, iterations = sp.csr_array(part.train[:, seen]), als.ITERATIONS
    if not context.dense(part):
        iterations, precision = ITERATIONS, np.float32
    _, v = als.factorise(matrix, dim, unobserved, l2, context.seed, iterations, precision)
    v = v.astype(np.float64, copy=False)
    weighted = (v.T * part.item_degree[seen]) @ v / part.num_users
    shift = l2 * (part.train.nnz / part.num_users + unobserved * len(seen))
    inverse = np.linalg.inv(unobserved * (v.T @ v) + weighted + shift * np.eye(dim))
    return (v @ inverse).astype(np.float32), np.ascontiguousarray(v.T, dtype=np.float32)
