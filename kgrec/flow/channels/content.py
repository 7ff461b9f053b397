"""Items without a training interaction, placed where their content says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from kgrec.flow.builder import Builder, Context
from kgrec.flow.channel import Channel
from kgrec.flow.newcomer import NewItems
from kgrec.flow.part import Part
from kgrec.flow.regression import foretell, regress

POPULARITY = 0.5
"""Power of the popularity that content foretells; chosen on the validation part of unseen items."""


class Content(Builder):
    """``W_ji = d(content_i)^½ · s_j · f(content_i)`` for items i that nobody holds yet, ``f`` and ``log d`` ridge
    regressions of the items' low-rank target vectors and of their popularity on their content: text and the leading
    singular vectors of their links.
    """

    name: ClassVar[str] = "content"
    learned_as = "latent"
    after: ClassVar[tuple[str, ...]] = ("low",)
    keeps: ClassVar[tuple[str, ...]] = ("low",)

    def missing(self, part: Part) -> str | None:
        known = part.content.links is not None or part.content.text is not None
        return None if known else "items have neither shared nodes nor texts"

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        if "low" not in context.built:
            return ()
        low = context.built["low"][0]
        features = part.content.vectors
        assert low.targets is not None
        new = np.flatnonzero(part.item_degree == 0)
        new = new[features[new].any(axis=1)]
        if not new.size:
            return ()
        source, predicted = low.factors[0], self.place(low, part, features[new])
        return (Channel(self.name, "content", (source, predicted.T.copy()), sources=low.sources, targets=new),)

    def newcomers(
        self, channel: Channel, part: Part, new: NewItems, channels: Mapping[str, Channel]
    ) -> NDArray[np.float32] | None:
        if "low" not in channels:
            return None
        low = channels["low"]
        columns = np.zeros((part.num_items, len(new)), dtype=np.float32)
        columns[low.sources] = low.factors[0] @ self.place(low, part, new.vectors).T
        columns[:, np.abs(new.vectors).sum(axis=1) == 0] = 0.0
        return columns

    @staticmethod
    def place(low: Channel, part: Part, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Target vectors that content foretells: float32 ``[n, dim]``."""
        placed = regress(part.content.vectors, part.seen, np.asarray(low.factors[-1]).T, vectors)
        return placed * np.exp(POPULARITY * foretell(part, vectors))[:, None].astype(np.float32)
