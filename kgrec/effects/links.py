"""The links of items on an edited graph: what changes, and nothing else.

What was counted over all items is held fixed: the idf of links and which of them are shared.  A link that no two items
had carries no weight, so an edge that is added to a node which no other item knows changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.effects.facts import Facts
from kgrec.effects.intervention import Fact
from kgrec.effects.moved import Moved, edit_near
from kgrec.effects.near import Anew, Near, NearEdit, difference, nearer
from kgrec.flow.content import CHAINED
from kgrec.flow.hops import Node
from kgrec.flow.links import Links
from kgrec.flow.vectors import nearest_neighbours

HUB = 32
"""An edit of more than one item in so many is worked out as a whole."""
Key = tuple[str, bool, str, int]
"""A link: relation, outward, type and id of its node."""


class LinkGraph:
    """The items' links with what editing them takes; made once.

    Args:
        snapshot: whose items.
        links: of these items; rows: weighted, of unit length, float32 CSR ``[items, links]``.
        facts: edges of the snapshot.
        neighbours: kept of an item among the nearest.
        near: the nearest items by all links, where they are known already: CSR ``[items, items]``.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        links: Links,
        rows: sp.csr_array,
        facts: Facts,
        neighbours: int,
        near: Callable[[], sp.csr_array],
    ) -> None:
        self.item_type, self.links, self.rows, self.facts = snapshot.item_type, links, rows, facts
        self.neighbours, self._near = neighbours, near

    @cached_property
    def turned(self) -> sp.csr_array:
        """:attr:`rows` transposed, CSR."""
        return sp.csr_array(self.rows.T)

    @cached_property
    def near(self) -> Near:
        """The nearest items by all links, each row in the order of ids."""
        matrix = self._near()
        return Near(matrix if matrix.has_sorted_indices else matrix.sorted_indices(), self.neighbours)

    @cached_property
    def alike(self) -> Near:
        """The few nearest of them, which the chained channels walk to."""
        if self.neighbours >= CHAINED:
            return nearer(self.near, CHAINED)
        return Near(nearest_neighbours(self.rows, CHAINED), CHAINED)

    @cached_property
    def column(self) -> dict[Key, int]:
        """Link → column."""
        return {key: place for place, key in enumerate(self.links.links.iter_rows())}

    def edit(self, drop: frozenset[Fact], add: frozenset[Fact]) -> LinkEdit:
        """The links after some facts are gone and others there."""
        touched: dict[int, tuple[set[Fact], set[Fact]]] = {}
        for number, facts in enumerate((drop, add)):
            for fact in facts:
                for kind, item in {fact.source, fact.target}:
                    if kind == self.item_type:
                        touched.setdefault(item, (set(), set()))[number].add(fact)
        items = np.array(sorted(touched), dtype=np.int64)
        columns = [self._columns(item, touched[item]) for item in items.tolist()]
        indptr = np.concatenate([[0], np.cumsum([len(one) for one in columns])]).astype(np.int64)
        indices = np.concatenate([np.zeros(0, dtype=np.int64), *columns])
        shape = (len(items), self.links.matrix.shape[1])
        matrix = sp.csr_array((np.ones(len(indices), dtype=np.float32), indices, indptr), shape)
        return LinkEdit(self, items, matrix)

    @cached_property
    def relation(self) -> NDArray[np.int64]:
        """Of each link the relation that it is told apart by, by its place in ``links.relations``; -1 for none: int64
        ``[links]``."""
        found = np.full(self.links.matrix.shape[1], -1, dtype=np.int64)
        for place, columns in enumerate(self.links.relations.values()):
            found[columns] = place
        return found

    @cached_property
    def by_relation(self) -> sp.csr_array:
        """``links.by_relation`` in one: no two relations have a link in common. float32 CSR ``[items, links]``."""
        rows: Any = sp.csr_array(self.links.matrix.shape, dtype=np.float32)
        for one in self.links.by_relation.values():
            rows = rows + one
        rows.sort_indices()
        return sp.csr_array(rows)

    @cached_property
    def by_relation_turned(self) -> sp.csr_array:
        """:attr:`by_relation` transposed, CSR."""
        return sp.csr_array(self.by_relation.T)

    def _columns(self, item: int, changed: tuple[set[Fact], set[Fact]]) -> NDArray[np.int64]:
        """Columns of the links that an item has after its edges have changed, increasing."""
        dropped, added = changed
        node, matrix = (self.item_type, item), self.links.matrix
        gone = links_of(node, dropped)
        # that it is somebody's neighbour other facts may say as well
        for relation in {key[0] for key in gone if key[2:] == node}:
            gone -= links_of(node, self.facts.of_node(node, relation) - dropped)
        less = {self.column.get(key, -1) for key in gone - links_of(node, added)}
        more = {self.column.get(key, -1) for key in links_of(node, added)} - {-1}
        found = set(matrix.indices[matrix.indptr[item] : matrix.indptr[item + 1]].tolist()) - less | more
        return np.array(sorted(found), dtype=np.int64)


def links_of(item: Node, facts: Iterable[Fact]) -> set[Key]:
    """The links that an item has by its own edges, and those that it has for being another item's neighbour
    (:class:`kgrec.flow.links.Links`)."""
    found: set[Key] = set()
    for fact in facts:
        for here, there, outward in ((fact.source, fact.target, True), (fact.target, fact.source, False)):
            if here == item:
                found.add((fact.relation, outward, *there))
                if there[0] == item[0]:
                    found.add((fact.relation, not outward, *item))
    return found


@dataclass(frozen=True, eq=False)
class LinkEdit:
    """The links of the items whose edges an intervention changes.

    Attributes:
        graph: as it was.
        items: ids, int64 ``[t]``, increasing.
        matrix: their links afterwards, binary CSR ``[t, links]``.
    """

    graph: LinkGraph
    items: NDArray[np.int64]
    matrix: sp.csr_array

    @cached_property
    def rows(self) -> sp.csr_array:
        """Weighted links afterwards: float32 CSR ``[t, links]``."""
        return self.graph.links.weighted(self.graph.links.shared, self.matrix)

    @cached_property
    def of_relations(self) -> tuple[sp.csr_array, sp.csr_array]:
        """Their rows of :attr:`LinkGraph.by_relation` before and afterwards: float32 CSR ``[t, links]`` each."""
        graph, matrix = self.graph, self.matrix
        relation = graph.relation[matrix.indices]
        item = np.repeat(np.arange(len(self.items)), np.diff(matrix.indptr))
        values = np.where(relation >= 0, graph.links.idf[matrix.indices], 0.0)
        group = item * (len(graph.links.relations) + 1) + relation + 1
        length = np.sqrt(np.bincount(group, values**2, minlength=1))
        values = values * (1.0 / np.maximum(length, 1e-12))[group]
        after = sp.csr_array((values.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
        return sp.csr_array(graph.by_relation[self.items]), after

    @cached_property
    def moved(self) -> Moved:
        """The items with their links before and afterwards."""
        return Moved(self.items, self.rows, self.graph.rows, self.graph.turned)

    @property
    def whole(self) -> bool:
        """Whether so many items change that working out all the nearest anew is less work."""
        return len(self.items) * HUB > self.graph.rows.shape[0]

    @cached_property
    def anew(self) -> Anew:
        """All the nearest afterwards."""
        return Anew(self.items, self.rows, self.graph.rows)

    @cached_property
    def near(self) -> NearEdit:
        """How :attr:`LinkGraph.near` changes."""
        near = self.graph.near
        return difference(near, self.anew.near(near.k)) if self.whole else edit_near(near, self.moved)

    def near_of(self, items: NDArray[np.integer[Any]]) -> NearEdit:
        """The same of some rows."""
        near = self.graph.near
        if self.whole:
            some = np.unique(items).astype(np.int64)
            return difference(near, self.anew.near_of(some, near.k), some)
        return edit_near(near, self.moved, only=items)

    @cached_property
    def alike(self) -> NearEdit:
        """How :attr:`LinkGraph.alike` changes."""
        alike, near = self.graph.alike, self.graph.near
        if self.whole:
            wide = near.k >= alike.k
            after = nearer(Near(self.anew.near(near.k), near.k), alike.k).matrix if wide else self.anew.near(alike.k)
            return difference(alike, after)
        return edit_near(alike, self.moved, near)
