"""Low-rank co-preference trained to rank, with what items are linked to and say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.builder import Builder, Context
from kgrec.flow.channel import Channel
from kgrec.flow.content import ItemContent
from kgrec.flow.ndcg import ndcg10
from kgrec.flow.part import Part

if TYPE_CHECKING:
    from kgrec.flow.channels.learned_training import Start

RANKING_USERS, RANKED = 1000, 20_000
"""Where there are too many items for ranking all: users, and items drawn, on whom it is seen when to stop."""
LINKS = 3000
"""The most frequent links have a learned row."""


class Learned(Builder):
    """``W_ji = e_j · f_i`` with ``e_j = E_j + Σ_x c_jx Q_x`` and ``f_i = F_i + Σ_y c_iy R_y``.

    x and y are the items' links, c as in :class:`~.knowledge.Knowledge`, and the components of their whitened text
    vector; without either, ``e_j = E_j`` and ``f_i = F_i``.  ``E`` and ``F`` start at ``low``, ``Q`` and ``R`` at zero;
    trained with a softmax over all items on histories split at random; the running mean of the steps.
    A source and a target factor per item, as in asymmetric SVD (Koren, Factorization meets the neighborhood, KDD 2008).
    What the links' rows learn is mostly who the items are, not what they share: none of it counts as knowledge.
    """

    name: ClassVar[str] = "learned"
    learned_as = "latent"
    after: ClassVar[tuple[str, ...]] = ("low",)

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        if "low" not in context.built:
            return ()
        low = context.built["low"][0]
        if not context.dense(part):
            return (self._train_sampled(part, context, low),)
        return (self._train(part, context, low),)

    def _train(self, part: Part, context: Context, low: Channel) -> Channel:
        from kgrec.flow.channels.learned_training import train_factors

        start, stop = _start(part, low), _stopping(part, context)
        epochs: list[int] = context.choices.setdefault(self.name, [])
        limit = context.config.epochs
        if context.held_out is None and epochs:
            limit = max(1, round(float(np.mean(epochs))))
        source, target, taken = train_factors(
            start, epochs=limit, validate=stop, seed=context.seed, device=context.device
        )
        if context.held_out is not None:
            epochs.append(taken)
        return Channel(
            self.name, "learned", (source, np.ascontiguousarray(target.T)), sources=part.seen, targets=part.seen
        )

    def _train_sampled(self, part: Part, context: Context, low: Channel) -> Channel:
        from kgrec.flow.channels.sampled_training import steps_of, train_factors_sampled

        seen = part.seen
        limit = steps_of(int((part.user_degree >= 2).sum()), context.config.epochs)
        context.progress.say(f"learned: {limit:,} steps of a sampled softmax, for there are {len(seen):,} items")
        taken: list[int] = context.choices.setdefault(self.name, [])
        if context.held_out is None and taken:
            limit = round(float(np.mean(taken)))
        source, target, steps = train_factors_sampled(
            _start(part, low),
            steps=limit,
            validate=_stopping_sampled(part, context),
            seed=context.seed,
            device=context.device,
        )
        if context.held_out is not None:
            taken.append(steps)
        return Channel(self.name, "learned", (source, np.ascontiguousarray(target.T)), sources=seen, targets=seen)


def _start(part: Part, low: Channel) -> Start:
    from kgrec.flow.channels.learned_training import Start

    seen, links, text = part.seen, _links(part.content), part.content.white_text
    return Start(
        sp.csr_array(part.train[:, seen]),
        np.asarray(low.factors[0]),
        np.asarray(low.factors[1]).T,
        None if links is None else sp.csr_array(links[seen]),
        None if text is None else text[seen],
    )


def _links(content: ItemContent) -> sp.csr_array | None:
    """The most frequent links: float32 CSR ``[items, up to 3000]``."""
    if content.link_rows is None:
        return None
    count = np.bincount(content.link_rows.indices, minlength=content.link_rows.shape[1])
    most = np.sort(np.lexsort((np.arange(len(count)), -count))[:LINKS])
    return sp.csr_array(content.link_rows[:, most[count[most] > 0]])


def _stopping(part: Part, context: Context) -> Callable[[NDArray[np.float32], NDArray[np.float32]], float] | None:
    """NDCG@10 of the fold's held-out items; None in the last build."""
    held_out = context.held_out_of_seen(part)
    if held_out is None:
        return None
    history, hidden = held_out

    def score(source: NDArray[np.float32], target: NDArray[np.float32]) -> float:
        return float(ndcg10((history @ source) @ target.T, history, hidden).mean())

    return score


def _stopping_sampled(
    part: Part, context: Context
) -> Callable[[NDArray[np.float32], NDArray[np.float32]], float] | None:
    """The same of some users among a sample of the items."""
    held_out = context.held_out_of_seen(part)
    if held_out is None:
        return None
    history, hidden = held_out[0][:RANKING_USERS], held_out[1][:RANKING_USERS]
    items = np.random.default_rng(context.seed).permutation(len(part.seen))[:RANKED]
    items = np.union1d(items, hidden.indices)
    known, wanted = sp.csr_array(history[:, items]), sp.csr_array(hidden[:, items])

    def score(source: NDArray[np.float32], target: NDArray[np.float32]) -> float:
        return float(ndcg10((history @ source) @ target[items].T, known, wanted).mean())

    return score
