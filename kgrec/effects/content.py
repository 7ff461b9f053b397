"""What content foretells of items that nobody holds, with the regressions solved once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kgrec.flow.channel import Channel
from kgrec.flow.channels.content import POPULARITY
from kgrec.flow.part import Part
from kgrec.flow.regression import regress


class Foretold:
    """:func:`kgrec.flow.regression.foretell` and :meth:`kgrec.flow.channels.content.Content.place` for many edits.

    Both are affine in an item's vector: their values at the axes and at zero are all that there is to them.

    Args:
        part: what the regressions are fitted on.
        low: the channel whose target factors are foretold; None where there is none.
    """

    def __init__(self, part: Part, low: Channel | None) -> None:
        features = part.content.vectors
        values = np.log1p(part.item_degree[part.seen])[:, None].astype(np.float32)
        if low is not None:
            values = np.concatenate([values, np.asarray(low.factors[-1]).T], axis=1)
        at = np.eye(features.shape[1] + 1, features.shape[1], dtype=np.float32)
        found = regress(features, part.seen, values, at).astype(np.float64)
        self._zero, self._slope = found[-1], found[:-1] - found[-1]

    def popularity(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log popularity, 0 where nothing is known of an item: float64 ``[n]`` for vectors ``[n, d]``."""
        found = vectors.astype(np.float64) @ self._slope[:, 0] + self._zero[0]
        return np.where(np.abs(vectors).sum(axis=1) > 0, found, 0.0)

    def placed(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Target vectors, zero where nothing is known of an item: float32 ``[n, dim]``."""
        found = vectors.astype(np.float64) @ self._slope[:, 1:] + self._zero[1:]
        found *= np.exp(POPULARITY * self.popularity(vectors))[:, None]
        found[np.abs(vectors).sum(axis=1) == 0] = 0.0
        return np.asarray(found, dtype=np.float32)
