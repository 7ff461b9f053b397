"""Shared entities: items linked to the same nodes of the knowledge graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.builder import Builder, Context
from kgrec.flow.channel import Channel
from kgrec.flow.hops import Hop, Stop
from kgrec.flow.newcomer import NewItems
from kgrec.flow.part import Part
from kgrec.flow.vectors import joining

DENSE_NODES = 512
"""Up to so many nodes a relation's links are kept as dense matrices, where items are few."""


class Knowledge(Builder):
    """``kg``: the cosine of two items' idf-weighted links, kept for the nearest neighbours; ``kg:r``: the same for the
    links of one relation, kept for all.

    ``W_ji = Σ_x c_jx c_ix`` over links x = (relation, direction, node) with ``c`` the idf, rows of unit length; each
    summand is a path ``j –r– x –r– i`` over edges that exist.
    """

    name: ClassVar[str] = "kg"
    apart: ClassVar[bool] = True

    def missing(self, part: Part) -> str | None:
        return None if part.content.links is not None else "no two items share a node"

    def build(self, part: Part, context: Context) -> tuple[Channel, ...]:
        links = part.content.links
        assert links is not None
        if part.content.searched:
            context.progress.say(f"kg: neighbours by an inverted index, for there are {part.num_items:,} items")
        channels = [Channel(self.name, "literal", (part.content.near_by_links,), knowledge=True)]
        for name, rows in links.by_relation.items():
            # a few nodes that many items share are a small dense matrix; many nodes that few share stay sparse
            used = _used(rows)
            thin = rows[:, used]
            dense = len(used) <= DENSE_NODES and not part.content.searched
            turned = sp.csr_array(thin.T)
            factors = (thin.toarray(), turned.toarray()) if dense else (thin, turned)
            channels.append(Channel(f"{self.name}:{name}", "literal", factors, knowledge=True))
        return tuple(channels)

    def hops(self, channel: Channel, part: Part, source: int, target: int) -> list[tuple[float, tuple[Hop, ...]]]:
        links, rows = part.content.links, part.content.link_rows
        assert links is not None
        if channel.name == self.name:
            near = sp.csr_array(channel.factors[0])
            if target not in near.indices[near.indptr[source] : near.indptr[source + 1]]:
                return []
        else:
            rows = links.by_relation[channel.name.split(":", 1)[1]]
        assert rows is not None
        first, second = rows[[source]], rows[[target]]
        both, here, there = np.intersect1d(first.indices, second.indices, assume_unique=True, return_indices=True)
        left, right = first.data[here], second.data[there]
        return [
            (float(a * b), links.path(part.item_type, source, int(x), target)) for x, a, b in zip(both, left, right)
        ]

    def between(self, channel: Channel, part: Part) -> tuple[tuple[Stop, ...] | None, ...]:
        links = part.content.links
        if channel.name == self.name or links is None:
            return ()
        used = _used(links.by_relation[channel.name.split(":", 1)[1]])
        nodes = links.links[used].with_columns(place=np.arange(len(used)))
        groups = nodes.group_by("relation", "outward", "node_type", maintain_order=True)
        return (
            tuple(
                Stop(str(kind), group["node"].to_numpy(), group["place"].to_numpy(), str(relation), bool(outward))
                for (relation, outward, kind), group in groups
            ),
        )

    def newcomers(
        self, channel: Channel, part: Part, new: NewItems, channels: Mapping[str, Channel]
    ) -> NDArray[np.float32] | None:
        links = part.content.links
        if links is None or new.links is None or new.by_links is None:
            return None
        if channel.name == self.name:
            return joining(sp.csr_array(channel.factors[0]), new.by_links, part.content.neighbours)
        name = channel.name.split(":", 1)[1]
        rows = links.weighted(links.relations[name], new.links)
        return np.asarray((links.by_relation[name] @ sp.csr_array(rows.T)).toarray(), dtype=np.float32)


def _used(rows: sp.csr_array) -> NDArray[np.int64]:
    """Columns with an entry, increasing."""
    return np.flatnonzero(np.bincount(rows.indices, minlength=rows.shape[1]))
