"""The entities that a score's paths of facts go through."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.effects.sparse import entries_of, values_of
from kgrec.flow.channel import Channel
from kgrec.flow.hops import Node
from kgrec.flow.links import Links
from kgrec.flow.part import Part

Linked = tuple[Node, float, int]
"""An entity, what paths of facts through it carry, and from how many items of the history they start."""
Carried = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""Entities by number, places in the history, what the paths between the two carry."""


class Entities:
    """What stands between two facts of a path.

    Args:
        part: whose links.
        channels: of the model.
    """

    def __init__(self, part: Part, channels: Sequence[Channel]) -> None:
        self.part, self.channels = part, channels

    @property
    def links(self) -> Links:
        assert self.part.content.links is not None
        return self.part.content.links

    @cached_property
    def nodes(self) -> pl.DataFrame:
        """Columns node_type, node: all that links lead to, sorted."""
        return self.links.links.select("node_type", "node").unique().sort("node_type", "node")

    @cached_property
    def number(self) -> NDArray[np.int64]:
        """Of each link its node's row of :attr:`nodes`: int64 ``[links]``."""
        ends, rows = self.links.links.select("node_type", "node"), self.nodes.with_row_index("number")
        found = ends.join(rows, on=["node_type", "node"], how="left", maintain_order="left")["number"]
        return found.to_numpy().astype(np.int64)

    @cached_property
    def _itself(self) -> sp.csr_array | None:
        """Where a link of an item stands for the item itself; None where none does."""
        links = self.links
        if not links.itself.any():
            return None
        return sp.csr_array(
            (links.itself.astype(np.float32), links.matrix.indices, links.matrix.indptr), shape=links.matrix.shape
        )

    def _between(self, items: NDArray[np.int64], columns: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Whether the link's node is another than the item, which is an end and nothing between."""
        if self._itself is None:
            return np.ones(len(items), dtype=bool)
        return np.asarray(values_of(self._itself, items, columns.astype(np.int64)) == 0)

    def of_channel(
        self, channel: Channel, factor: NDArray[np.float64], history: NDArray[np.int64], item: int
    ) -> Carried:
        """What one channel of links carries.

        Args:
            channel: of the family ``kg``.
            factor: what its weights are multiplied with, float64 ``[h]``; 0 where it sends nothing.
            history: item ids, int64 ``[h]``; item: where paths end.
        """
        named = channel.name.partition(":")[2]
        rows = self.links.by_relation[named] if named else self.part.content.link_rows
        assert rows is not None
        own = slice(rows.indptr[item], rows.indptr[item + 1])
        target = np.zeros(rows.shape[1], dtype=np.float32)
        target[rows.indices[own]] = rows.data[own] * self._between(
            np.full(own.stop - own.start, item), rows.indices[own]
        )
        some = np.flatnonzero(factor)
        entry, size = entries_of(rows, history[some])
        place = np.repeat(some, size)
        met = target[rows.indices[entry]] != 0
        place, entry = place[met], entry[met]
        kept = self._between(history[place], rows.indices[entry])
        place, entry = place[kept], entry[kept]
        column = rows.indices[entry]
        return self.number[column], place, rows.data[entry] * target[column] * factor[place]

    def most(self, carried: Carried, most: int) -> list[Linked]:
        """The entities through which most is carried, whatever its sign; ties by type and id."""
        number, place, weight = carried
        if not len(number):
            return []
        pairs = np.unique(np.stack([number, place]), axis=1)
        found, group = np.unique(number, return_inverse=True)
        sums = np.bincount(group, weight)
        items = np.bincount(np.searchsorted(found, pairs[0]))
        best = np.argsort(-np.abs(sums), kind="stable")[:most]
        named = self.nodes[found[best]].iter_rows()
        return [((kind, node), float(sums[at]), int(items[at])) for (kind, node), at in zip(named, best, strict=True)]
