"""A random walk of three steps over the interactions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from kgrec.flow.builder import Builder, Context, holders
from kgrec.flow.channel import Channel
from kgrec.flow.hops import Hop, Stop
from kgrec.flow.part import Part

POWER = 0.8
"""Of the transition probabilities; the power of the item's degree is the gate's."""
MOST, DEGREE_POWER = 200, -0.3
"""Items kept of a row where there are too many for walking through the users each time, and the power of their degree
by which they are ranked: without it the popular ones would take all places."""


class RP3(Builder):
    """``W = (D_i^{-1} Xᵀ)^{∘α} (D_u^{-1} X)^{∘α}``: item → users who hold it → what else they hold.

    Paudel et al., Updatable, accurate, diverse, and scalable recommendations for interactive applications, ACM TiiS
    7(1), 2017 (RP3β; the exponents are applied to the single transition probabilities).  Every path runs over
    interactions that exist.  Where there are many items, the largest entries of each row are kept.
    """

    name: ClassVar[str] = "rp3"
    apart: ClassVar[bool] = True

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        back, onward = _steps(part)
        if context.dense(part):
            return (Channel(self.name, "literal", (back, onward)),)
        from kgrec.flow.topm import top_product

        context.progress.say(f"rp3: the {MOST} largest weights of an item, for there are {len(part.seen):,} items")
        powers = np.maximum(part.item_degree, 1.0) ** DEGREE_POWER
        return (Channel(self.name, "literal", (top_product(back, onward, MOST, powers.astype(np.float32)),)),)

    def hops(self, channel: Channel, part: Part, source: int, target: int) -> list[tuple[float, tuple[Hop, ...]]]:
        if len(channel.factors) == 1:
            whole = float(channel.weights(np.array([source]), target)[0])
            if not whole:
                return []
            users = holders(part, source, target)
            weights = part.user_degree[users] ** -POWER
            # the item's own probability is in the whole; of very long histories a part only was counted
            weights = weights * (whole / weights.sum())
        else:
            back = sp.csr_array(channel.factors[0])
            column = channel.last_by_column[:, [target]].toarray().ravel()
            users = back.indices[back.indptr[source] : back.indptr[source + 1]]
            weights = back.data[back.indptr[source] : back.indptr[source + 1]] * column[users]
        item, user = part.item_type, part.user_type
        return [
            (
                float(weight),
                (
                    Hop("interaction", (item, source), (user, int(u)), outward=False),
                    Hop("interaction", (user, int(u)), (item, target)),
                ),
            )
            for u, weight in zip(users, weights)
            if weight
        ]

    def between(self, channel: Channel, part: Part) -> tuple[tuple[Stop, ...] | None, ...]:
        if len(channel.factors) == 1:
            return ()
        users = np.arange(part.num_users)
        return ((Stop(part.user_type, users, users),),)


def _steps(part: Part) -> tuple[sp.csr_array, sp.csr_array]:
    """From items to the users who hold them, and on to what they hold: float32 CSR ``[items, users]`` and
    ``[users, items]``."""
    back = sp.csr_array(sp.diags_array(np.maximum(part.item_degree, 1.0) ** -POWER) @ part.by_item)
    onward = sp.csr_array(sp.diags_array(np.maximum(part.user_degree, 1.0) ** -POWER) @ part.train)
    return back.astype(np.float32), onward.astype(np.float32)
