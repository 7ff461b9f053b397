"""What items are linked to: the knowledge graph as the items see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.numbering import numbered
from kgrec.dataset.snapshot import Snapshot
from kgrec.flow.hops import Hop, Node

KEY = ["relation", "outward", "node_type", "node"]
RELATIONS = 6
"""So many relations are told apart; the rest is pooled."""
LEAST = 200
"""Entries of the matrix that a relation needs to be told apart."""


@dataclass(frozen=True, eq=False)
class Links:
    """Items × (relation, direction, node).

    An item that is the target of ``x –r→ item`` has the link (r, inward, x).  Where an item is itself somebody's
    neighbour over (r, direction), it also holds that link to itself (``itself``), so that a direct edge between two
    items is a path too.

    Attributes:
        matrix: binary float32 CSR ``[items, links]``.
        links: a row per column of the matrix: relation, outward (the item is the edge's source), node_type, node.
        itself: bool, parallel to ``matrix.data``: the entry stands for the item itself, not for an edge of it.
    """

    matrix: sp.csr_array
    links: pl.DataFrame
    itself: NDArray[np.bool_]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Links | None:
        """The links of a snapshot's items; None where no two items share one."""
        edges = snapshot.edges
        types = sorted({*edges["source_type"].unique(), *edges["target_type"].unique(), snapshot.item_type})
        relations = sorted(edges["relation"].unique())
        source_type, relation, target_type = (
            numbered(edges[column], {name: place for place, name in enumerate(names)})
            for column, names in (("source_type", types), ("relation", relations), ("target_type", types))
        )
        source, target = (edges[side].to_numpy() for side in ("source", "target"))
        own = types.index(snapshot.item_type)
        out, into = np.flatnonzero(source_type == own), np.flatnonzero(target_type == own)
        if not len(out) + len(into):
            return None
        # a link as one number, in the order of its parts
        nodes = int(max(source.max(), target.max())) + 1
        item = np.concatenate([source[out], target[into]])
        outward = np.repeat([1, 0], [len(out), len(into)])
        node_type = np.concatenate([target_type[out], source_type[into]])
        node = np.concatenate([target[out], source[into]])
        link = ((np.concatenate([relation[out], relation[into]]) * 2 + outward) * len(types) + node_type) * nodes + node
        known = _distinct(link)
        column = np.searchsorted(known, link)
        itself = np.flatnonzero(node_type == own)
        # an edge of the item comes before its standing for itself where a self-loop gives both
        entry = np.concatenate([item * len(known) + column, node[itself] * len(known) + column[itself]])
        entry = _distinct(entry * 2 + np.repeat([0, 1], [len(item), len(itself)]))
        place = entry // 2
        first = np.concatenate([[True], place[1:] != place[:-1]])
        place, stands = place[first], entry[first] % 2 == 1
        matrix = sp.csr_array(
            (np.ones(len(place), dtype=np.float32), (place // len(known), place % len(known))),
            shape=(snapshot.num_items, len(known)),
        )
        matrix.sort_indices()
        rest, node = np.divmod(known, nodes)
        rest, node_type = np.divmod(rest, len(types))
        links = pl.DataFrame(
            {
                "relation": pl.Series(relations, dtype=pl.String).gather(rest // 2),
                "outward": rest % 2 == 1,
                "node_type": pl.Series(types, dtype=pl.String).gather(node_type),
                "node": node,
            }
        )
        made = cls(matrix, links, stands)
        return made if made.shared.any() else None

    @cached_property
    def degree(self) -> NDArray[np.int64]:
        """Items of each link: int64 ``[links]``."""
        return np.bincount(self.matrix.indices, minlength=self.matrix.shape[1]).astype(np.int64)

    @cached_property
    def shared(self) -> NDArray[np.bool_]:
        """Links of two items or more: the others lead nowhere. bool ``[links]``."""
        return np.asarray(self.degree >= 2)

    @cached_property
    def idf(self) -> NDArray[np.float64]:
        """Inverse document frequency of each link: float64 ``[links]``."""
        return np.asarray(np.log(self.matrix.shape[0] / np.maximum(self.degree, 1)) + 0.1)

    def weighted(self, columns: NDArray[np.bool_], matrix: sp.csr_array | None = None) -> sp.csr_array:
        """``c``: the idf of these links, every row of unit length; float32 CSR ``[items, links]``.

        Args:
            columns: bool ``[links]``.
            matrix: links of other items, binary CSR ``[n, links]``; those of the snapshot's items by default.
        """
        matrix = self.matrix if matrix is None else matrix
        values = np.where(columns[matrix.indices], self.idf[matrix.indices], 0.0)
        rows = sp.csr_array((values, matrix.indices, matrix.indptr), matrix.shape)
        length = np.sqrt(np.asarray(rows.power(2).sum(axis=1)).ravel())
        rows = sp.csr_array(sp.diags_array(1.0 / np.maximum(length, 1e-12)) @ rows).astype(np.float32)
        rows.eliminate_zeros()
        rows.sort_indices()
        return rows

    @cached_property
    def by_relation(self) -> dict[str, sp.csr_array]:
        """:meth:`weighted` links of one relation each, as in :attr:`relations`."""
        return {name: self.weighted(columns) for name, columns in self.relations.items()}

    @cached_property
    def relations(self) -> dict[str, NDArray[np.bool_]]:
        """Shared links of one relation each, the most frequent first; ``rest`` pools the others: bool ``[links]``."""
        relation = self.links["relation"].to_numpy()
        degree = np.where(self.shared, self.degree, 0)
        names, index = np.unique(relation.astype(str), return_inverse=True)
        count = np.bincount(index, degree, minlength=len(names))
        order = sorted(range(len(names)), key=lambda r: (-count[r], names[r]))
        own = [r for r in order[:RELATIONS] if count[r] >= LEAST]
        rest = self.shared & ~np.isin(index, own)
        # one relation alone is what all links together have already
        if len(own) == 1 and not rest.any():
            return {}
        found = {str(names[r]): self.shared & (index == r) for r in own}
        if degree[rest].sum() >= LEAST:
            found["rest"] = rest
        return found

    def path(self, item_type: str, source: int, column: int, target: int) -> tuple[Hop, ...]:
        """The edges by which two items hold the same link; an item that is the link's own node gives none."""
        relation, outward, node_type, node = self.links.row(column)
        middle: Node = (node_type, node)
        hops = []
        if not self._is_itself(source, column):
            hops.append(Hop("fact", (item_type, source), middle, relation, outward))
        if not self._is_itself(target, column):
            hops.append(Hop("fact", middle, (item_type, target), relation, not outward))
        return tuple(hops)

    def _is_itself(self, item: int, column: int) -> bool:
        start, stop = self.matrix.indptr[item : item + 2]
        place = start + int(np.searchsorted(self.matrix.indices[start:stop], column))
        return bool(self.itself[place])


def _distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Increasing; sorted instead of hashed, which takes a fifth of the time where there are millions."""
    ordered = np.sort(values)
    return np.asarray(ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])])
