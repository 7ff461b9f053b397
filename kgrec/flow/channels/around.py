"""A ridge drawn towards what is known of the items, less what co-preference says already."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp

from kgrec.flow.builder import Builder, Context
from kgrec.flow.channel import Channel
from kgrec.flow.channels.ease import ITEM_POWER, L2, inverse_gram
from kgrec.flow.part import Part

LEAST_DEGREE = 15.0
"""Training users an item has on average from which on it helps; on sparser data the plain similarities do as well."""


class Around(Builder):
    """``dB = λ (P B0 - P diag(diag(P B0) / diag P))`` for a similarity ``B0``; ``W = D_i^{-b} dB D_i^{b}``.

    The ridge of :class:`~.ease.Ease` with the penalty ``λ ‖B - B0‖²`` has the solution ``B_ease + dB``: linear in
    ``B0``, so that every source is a channel with its own gate, ``around:links`` and ``around:text``.  As
    ``λ P B0 = B0 - P G B0``, a weight reads: similar, as far as those who hold both do not say so already.
    """

    name: ClassVar[str] = "around"
    learned_as = "similarity"

    def missing(self, part: Part) -> str | None:
        if part.content.links is None and part.content.text is None:
            return "items have neither shared nodes nor texts"
        if part.train.nnz < LEAST_DEGREE * len(part.seen):
            return f"an item has fewer than {LEAST_DEGREE:g} users on average"
        return None

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        if not context.dense(part):
            context.progress.say(f"around is off: it takes a dense ridge, and there are {len(part.seen):,} items")
            return ()
        seen = part.seen
        inverse = inverse_gram(part, seen)
        outer = (part.item_degree[seen] ** -ITEM_POWER).astype(np.float32)
        sources = {}
        if part.content.links is not None:
            sources["links"] = part.content.near_by_links
        if part.content.text is not None:
            sources["text"] = part.content.near_by_text
        channels = []
        for name, similar in sources.items():
            b0 = sp.csr_array(similar[seen][:, seen])
            product = np.asarray(inverse @ b0, dtype=np.float32)
            weights: Any = L2 * (product - inverse * (np.diag(product) / np.diag(inverse))[None])
            np.fill_diagonal(weights, 0.0)
            weights *= outer[:, None]
            weights /= outer[None]
            channels.append(Channel(f"{self.name}:{name}", "learned", (weights,), sources=seen, targets=seen))
        return tuple(channels)
