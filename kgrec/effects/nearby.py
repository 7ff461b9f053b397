"""Which edges are near an item: those that are tried first where not all can be."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.effects.facts import Facts
from kgrec.effects.intervention import Fact


class Nearby:
    """Orders interactions and facts by how near they are to an item.

    Args:
        snapshot: whose items.
        facts: its edges.
    """

    def __init__(self, snapshot: Snapshot, facts: Facts) -> None:
        self.snapshot, self.facts = snapshot, facts

    def interactions(self, history: NDArray[np.int64], item: int) -> NDArray[np.int64]:
        """A history by how near each item is to this one, the nearest first: the cosine of who holds both and which
        neighbours they share in the graph; ties by id."""
        around = self._around
        products = (around[history] @ around[[item]].T).toarray()[:, 0]
        return history[np.argsort(-products, kind="stable")]

    def about(self, history: NDArray[np.int64], item: int) -> list[Fact]:
        """The item's facts by how many items of a history share the node at the other end, the most first; ties by
        what they say."""
        own = (self.snapshot.item_type, item)
        facts = sorted(self.facts.of_node(own))
        ends = [fact.target if fact.source == own else fact.source for fact in facts]
        columns = [self.snapshot.offsets[kind] + place for kind, place in ends]
        shared = self._links[history][:, columns].sum(axis=0)
        return [facts[n] for n in np.argsort(-shared, kind="stable")]

    @cached_property
    def _links(self) -> sp.csr_array:
        """Items × stacked nodes of all types, 1 where an edge joins the two: CSR float32."""
        source, target = self.facts.positions("source"), self.facts.positions("target")
        first = self.snapshot.offsets[self.snapshot.item_type]
        rows, columns = np.concatenate([source, target]) - first, np.concatenate([target, source])
        mine = (rows >= 0) & (rows < self.snapshot.num_items)
        shape = self.snapshot.num_items, sum(self.snapshot.num_nodes.values())
        links = sp.csr_array((np.ones(mine.sum(), dtype=np.float32), (rows[mine], columns[mine])), shape=shape)
        links.sum_duplicates()
        links.data[:] = 1.0
        return links

    @cached_property
    def _around(self) -> sp.csr_array:
        """People and neighbours of every item, rows of length 1."""
        whole = sp.csr_array(sp.hstack([self.snapshot.matrix("train").T, self._links], format="csr"))
        length = np.sqrt(whole.multiply(whole).sum(axis=1))
        scale = 1.0 / np.maximum(length, 1e-12)
        return sp.csr_array(sp.dia_array((scale[None], 0), shape=(len(scale), len(scale))) @ whole)
