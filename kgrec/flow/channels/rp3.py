"""A random walk of three steps over the interactions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from kgrec.flow.builder import Builder, Context
from kgrec.flow.channel import Channel
from kgrec.flow.hops import Hop, Stop
from kgrec.flow.part import Part

POWER = 0.8
"""Of the transition probabilities; the power of the item's degree is the gate's."""


class RP3(Builder):
    """``W = (D_i^{-1} Xᵀ)^{∘α} (D_u^{-1} X)^{∘α}``: item → users who hold it → what else they hold.

    Paudel et al., Updatable, accurate, diverse, and scalable recommendations for interactive applications, ACM TiiS
    7(1), 2017 (RP3β; the exponents are applied to the single transition probabilities).  Every path runs over
    interactions that exist.
    """

    name: ClassVar[str] = "rp3"

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        back = sp.csr_array(sp.diags_array(np.maximum(part.item_degree, 1.0) ** -POWER) @ part.by_item)
        onward = sp.csr_array(sp.diags_array(np.maximum(part.user_degree, 1.0) ** -POWER) @ part.train)
        factors = (back.astype(np.float32), onward.astype(np.float32))
        return (Channel(self.name, "literal", factors),)

    def hops(self, channel: Channel, part: Part, source: int, target: int) -> list[tuple[float, tuple[Hop, ...]]]:
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
        users = np.arange(part.num_users)
        return ((Stop(part.user_type, users, users),),)
