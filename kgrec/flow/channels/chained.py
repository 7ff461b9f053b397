"""Two flows in a row: through items that share entities and texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.builder import Builder, Context, supports
from kgrec.flow.channel import Channel, Factor
from kgrec.flow.hops import Hop, Kind, Stop
from kgrec.flow.newcomer import NewItems
from kgrec.flow.part import Part

MOST = 50
"""Weights kept of an item's row where the ridge is sparse: a path is one of them times one of its end's neighbours."""


class _Chained(Builder):
    def missing(self, part: Part) -> str | None:
        known = part.content.links is not None or part.content.text is not None
        return None if known else "items have neither shared nodes nor texts"


class EaseThenSimilar(_Chained):
    """``max(W^ease, 0) S``: what co-preference leads to, and what is like it."""

    name: ClassVar[str] = "ease>similar"
    apart: ClassVar[bool] = True
    after: ClassVar[tuple[str, ...]] = ("ease",)

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        similar = part.content.alike
        if "ease" not in context.built or similar is None:
            return ()
        first = context.built["ease"][0]
        weights = first.factors[0]
        positive: Factor
        if sp.issparse(weights):
            from kgrec.flow.topm import top_of_rows

            context.progress.say(f"{self.name}: the {MOST} largest weights of an item")
            positive = top_of_rows(sp.csr_array(weights.maximum(0)), MOST)
        else:
            positive = np.maximum(weights, 0)
        seen = first.sources
        assert seen is not None
        return (Channel(self.name, "learned", (positive, sp.csr_array(similar[seen])), sources=seen),)

    def between(self, channel: Channel, part: Part) -> tuple[tuple[Stop, ...] | None, ...]:
        return (_items(part, channel.sources),)

    def hops(self, channel: Channel, part: Part, source: int, target: int) -> list[tuple[float, tuple[Hop, ...]]]:
        ease = channel.factors[0]
        assert channel.sources is not None
        row = int(np.searchsorted(channel.sources, source))
        if row >= len(channel.sources) or channel.sources[row] != source:
            return []
        last = channel.last_by_column[:, [target]]
        first = ease[[row]].toarray().ravel() if sp.issparse(ease) else ease[row]
        weights = last.data * first[last.indices]
        between = channel.sources[last.indices[weights != 0]]
        return _paths(part, ("co-preference", "similarity"), source, between, target, weights[weights != 0])

    def newcomers(
        self, channel: Channel, part: Part, new: NewItems, channels: Mapping[str, Channel]
    ) -> NDArray[np.float32] | None:
        if new.alike is None:
            return None
        columns = np.zeros_like(new.alike)
        columns[channel.sources] = channel.factors[0] @ new.alike[channel.sources]
        return columns


class SimilarThenLow(_Chained):
    """``rownorm(S) W^low``: what is like it, and what low-rank co-preference leads to from there."""

    name: ClassVar[str] = "similar>low"
    apart: ClassVar[bool] = True
    after: ClassVar[tuple[str, ...]] = ("low",)

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        similar = part.content.alike
        if "low" not in context.built or similar is None:
            return ()
        low = context.built["low"][0]
        assert low.sources is not None
        total = np.asarray(similar.sum(axis=1)).ravel()
        share: Any = sp.csr_array(sp.diags_array(1.0 / np.maximum(total, 1e-12)) @ similar).astype(np.float32)
        return (Channel(self.name, "learned", (share[:, low.sources], *low.factors), targets=low.targets),)

    def between(self, channel: Channel, part: Part) -> tuple[tuple[Stop, ...] | None, ...]:
        return (_items(part, channel.targets), None)

    def hops(self, channel: Channel, part: Part, source: int, target: int) -> list[tuple[float, tuple[Hop, ...]]]:
        share, left, right = sp.csr_array(channel.factors[0]), np.asarray(channel.factors[1]), channel.factors[2]
        assert channel.targets is not None
        at = int(np.searchsorted(channel.targets, target))
        if at >= len(channel.targets) or channel.targets[at] != target:
            return []
        row = share[[source]]
        onward = left[row.indices] @ np.asarray(right[:, at])
        between = channel.targets[row.indices]
        return _paths(part, ("similarity", "latent"), source, between, target, row.data * onward)


def _paths(
    part: Part,
    kinds: tuple[Kind, Kind],
    source: int,
    between: NDArray[np.int64],
    target: int,
    weights: NDArray[np.floating[Any]],
) -> list[tuple[float, tuple[Hop, ...]]]:
    """Paths of two learned hops with an item between them."""
    item = part.item_type
    ends = (supports(part, one, between).tolist() for one in (source, target))
    return [
        (
            weight,
            (
                Hop(kinds[0], (item, source), (item, one), support=here),
                Hop(kinds[1], (item, one), (item, target), support=there),
            ),
        )
        for one, weight, here, there in zip(between.tolist(), weights.tolist(), *ends)
    ]


def _items(part: Part, ids: NDArray[np.int64] | None) -> tuple[Stop, ...]:
    assert ids is not None
    return (Stop(part.item_type, ids, np.arange(len(ids))),)
