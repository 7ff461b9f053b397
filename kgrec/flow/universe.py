"""The items that stand in the rankings on which gates are fitted: all of them, or those that matter and a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.channel import Channel
from kgrec.flow.gates import Catalogue

TOP = 100
"""Of a channel's items for a user, the best that are counted."""
CELLS = 20_000_000
"""Scores held at a time."""


@dataclass(frozen=True, eq=False)
class Universe:
    """n items, called by their place among these.

    Attributes:
        items: ids, increasing; None for all.
        ranked: bool ``[n]``: stands in everybody's ranking.  The others are there for those only who are to find them:
            were they in everybody's, to be rarely held would be to be relevant.
        log_weight: log of how many items each stands for, ``[n]``.
    """

    items: NDArray[np.int64] | None
    ranked: NDArray[np.bool_]
    log_weight: NDArray[np.float64]

    @classmethod
    def whole(cls, num_items: int) -> Universe:
        """All items."""
        return cls(None, np.ones(num_items, dtype=bool), np.zeros(num_items))

    @classmethod
    def of(
        cls,
        size: int,
        channels: Sequence[Channel],
        histories: sp.csr_array,
        relevant: sp.csr_array,
        seed: int,
    ) -> Universe:
        """All items where there are no more than ``size``.

        Else up to half as many as stand among some channel's best for the most users, for they are what the relevant
        items compete with; a uniform sample of the others, which stands for all of them; and whatever is relevant.

        Args:
            size: items in everybody's ranking.
            channels: into all items.
            histories: CSR ``[U, items]``.
            relevant: what is to be found, CSR ``[U, items]``.
            seed: of the sample.
        """
        num_items = histories.shape[1]
        if num_items <= size:
            return cls.whole(num_items)
        count = sum((_named(one, histories) for one in channels), np.zeros(num_items, dtype=np.int64))
        hot = np.lexsort((np.arange(num_items), -count))[: size // 2]
        hot = hot[count[hot] > 0]
        weight = np.full(num_items, -np.inf)
        weight[hot] = 0.0
        others = np.flatnonzero(weight < 0)
        drawn = np.random.default_rng(seed).choice(others, size - len(hot), replace=False)
        weight[drawn] = np.log(len(others) / len(drawn))
        kept = np.isfinite(weight)
        ranked = kept.copy()
        kept[relevant.indices] = True
        items = np.flatnonzero(kept)
        return cls(items, ranked[items], np.where(ranked, weight, 0.0)[items])

    def columns(self, matrix: sp.csr_array) -> sp.csr_array:
        """CSR ``[m, items]`` → ``[m, n]``."""
        return matrix if self.items is None else sp.csr_array(matrix[:, self.items])

    def channels(self, channels: Sequence[Channel]) -> tuple[Channel, ...]:
        """The channels from all items into these: of shape ``[items, n]``."""
        return tuple(channels) if self.items is None else tuple(self._narrowed(one) for one in channels)

    def catalogue(self, catalogue: Catalogue) -> Catalogue:
        """What prior and gates read of these."""
        if self.items is None:
            return catalogue
        return Catalogue(catalogue.degree[self.items], catalogue.foretold[self.items])

    def _narrowed(self, channel: Channel) -> Channel:
        assert self.items is not None
        last = channel.factors[-1]
        if channel.targets is None:
            return replace(channel, factors=(*channel.factors[:-1], last[:, self.items]))
        _, here, there = np.intersect1d(self.items, channel.targets, assume_unique=True, return_indices=True)
        columns = last[:, there] if sp.issparse(last) else np.ascontiguousarray(last[:, there])
        return replace(channel, factors=(*channel.factors[:-1], columns), targets=here)


def _named(channel: Channel, histories: sp.csr_array) -> NDArray[np.int64]:
    """For how many histories each item is among the channel's best: int64 ``[items]``."""
    # compiled code that only fitting needs
    from kgrec.flow.topm import largest_of_rows, top_of_rows

    users, items = histories.shape
    count = np.zeros(items, dtype=np.int64)
    size = max(1, CELLS // items)
    for start in range(0, users, size):
        flow: Any = histories[start : start + size]
        flow = flow if channel.sources is None else flow[:, channel.sources]
        for factor in channel.factors:
            flow = flow @ factor
        k = min(TOP, flow.shape[1])
        best: NDArray[Any]
        if sp.issparse(flow):
            best = top_of_rows(cast("sp.csr_array", flow), k).indices
        else:
            best = largest_of_rows(np.asarray(flow, dtype=np.float32), k).ravel()
        best = best if channel.targets is None else channel.targets[best]
        count += np.bincount(best, minlength=items)
    return count
