"""Items without a training interaction, placed where their content says."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from kgrec.flow.builder import Builder, Context
from kgrec.flow.channel import Channel
from kgrec.flow.channels.similar import similarity
from kgrec.flow.hops import Hop
from kgrec.flow.part import Part

L2 = 10.0


class Content(Builder):
    """``W_ji = s_j · f(content_i)`` for items i that nobody holds yet, ``f`` a ridge regression of the items' low-rank
    target vectors on their content: whitened text and the leading singular vectors of their links.
    """

    name: ClassVar[str] = "content"
    after: ClassVar[tuple[str, ...]] = ("low",)

    def missing(self, part: Part) -> str | None:
        known = part.content.links is not None or part.content.text is not None
        return None if known else "items have neither shared nodes nor texts"

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        if "low" not in context.built:
            return ()
        low = context.built["low"][0]
        features = part.content.vectors
        assert low.targets is not None
        new = np.flatnonzero((part.item_degree == 0) & (np.abs(features).sum(axis=1) > 0))
        if not new.size:
            return ()
        predicted = regress(features, part.seen, low.factors[-1].T, new, part.item_degree[part.seen])
        source = low.factors[0]
        return (Channel(self.name, "content", (source, predicted.T.copy()), sources=low.sources, targets=new),)

    def hops(self, channel: Channel, part: Part, source: int, target: int) -> list[tuple[float, tuple[Hop, ...]]]:
        return similarity(channel, part, source, target)


def regress(
    features: NDArray[np.float32],
    known: NDArray[np.int64],
    values: NDArray[np.float32],
    wanted: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Ridge regression: features and values of the known items, weighted by degree → values of the wanted ones.

    Args:
        features: ``[items, d]``.
        known: item ids ``[n]``; values: ``[n, m]``; weights: ``[n]``.
        wanted: item ids.

    Returns:
        float32 ``[len(wanted), m]``.
    """
    x = features[known].astype(np.float64)
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    scaled = x * np.sqrt(weights)[:, None]
    gram = scaled.T @ scaled
    gram[np.diag_indices_from(gram)] += L2
    solution = np.linalg.solve(gram, scaled.T @ (values * np.sqrt(weights)[:, None]))
    new = features[wanted].astype(np.float64)
    return (np.concatenate([new, np.ones((len(new), 1))], axis=1) @ solution).astype(np.float32)
