"""A linear propagation on an edited graph: only the rows that the edit reaches are worked out anew.

With ``X_l = A^l x`` and ``A' = A + E`` the difference ``D_l = A'^l x - X_l`` obeys ``D_0 = 0`` and
``D_{l+1} = A D_l + E (X_l + D_l)``.  ``E`` holds the edges whose coefficient changes: those that come or go, and all
others of their type at both ends, whose degree is another one.  ``D_l`` has rows where so many hops from these lead,
which is a few at first; where it is most nodes it is a whole propagation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_builders import GraphTables
from kgrec.models.propagation import EdgeType, Propagation

Pair = tuple[int, int]
"""An edge of one type by its ends' ids."""
WHOLE = 2
"""Of the nodes, one in so many: where more rows differ, all are worked out."""


@dataclass(frozen=True, eq=False)
class Difference:
    """What an edit changes, of the nodes that it reaches.

    Attributes:
        nodes: their stacked positions, increasing: int64 ``[r]``.
        vectors: of ``Σ_l a_l A^l x``: float64 ``[r, d]``.
        brought: of ``Σ_{l>=1} a_l A^(l-1) x``, what a neighbour receives: float64 ``[r, d]``.
    """

    nodes: NDArray[np.int64]
    vectors: NDArray[np.float64]
    brought: NDArray[np.float64]

    def rows(self, wanted: slice) -> tuple[NDArray[np.int64], slice]:
        """Those of one node type: their ids within it, and where they stand here."""
        start, stop = np.searchsorted(self.nodes, [wanted.start, wanted.stop])
        return self.nodes[start:stop] - wanted.start, slice(int(start), int(stop))


class LocalPropagation:
    """One propagation over one graph, for many edits.

    Args:
        propagation: learned weights and input vectors, which are held fixed.
        tables: the training graph.
        adjacency: of both (:func:`kgrec.models.propagation.build_adjacency`).
    """

    def __init__(self, propagation: Propagation, tables: GraphTables, adjacency: sp.csr_array) -> None:
        self.propagation, self.adjacency = propagation, adjacency
        self._turned = sp.csr_array(adjacency.T)
        offsets, sizes = tables.offsets(), tables.num_nodes()
        known = {table.key: table.index for table in tables.edges}
        nothing = np.zeros((2, 0), dtype=np.int64)
        self._types = {
            kind: _Edges(known.get(kind, nothing), sizes[kind[0]], sizes[kind[2]]) for kind in propagation.edge_types
        }
        self._places = {kind: (offsets[kind[0]], offsets[kind[2]]) for kind in propagation.edge_types}
        self.layers = [np.asarray(propagation.x, dtype=np.float64)]
        for _ in propagation.layer_weights[1:]:
            self.layers.append(adjacency @ self.layers[-1])

    def edit(self, drop: Mapping[EdgeType, Sequence[Pair]], add: Mapping[EdgeType, Sequence[Pair]]) -> Difference:
        """What changes when edges go and come; edge types that the model does not know change nothing."""
        changed = self._changed(drop, add)
        a, d = self.propagation.layer_weights, self.layers[0].shape[1]
        rows, moved = np.zeros(0, dtype=np.int64), np.zeros((0, d))
        found = [(rows, moved)]
        for layer in self.layers[:-1]:
            rows, moved = self._next(changed, layer, rows, moved)
            found.append((rows, moved))
        nodes = np.unique(np.concatenate([rows for rows, _ in found]))
        vectors, brought = np.zeros((len(nodes), d)), np.zeros((len(nodes), d))
        for number, (rows, moved) in enumerate(found):
            at = np.searchsorted(nodes, rows)
            vectors[at] += a[number] * moved
            if number + 1 < len(a):
                brought[at] += a[number + 1] * moved
        return Difference(nodes, vectors, brought)

    def _next(
        self, changed: sp.coo_array, layer: NDArray[np.float64], rows: NDArray[np.int64], moved: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """``A D + E (X + D)``: its rows that may differ from zero, and what they hold."""
        to, origin = changed.coords
        columns, place = np.unique(origin, return_inverse=True)
        read = layer[columns].copy()
        _, mine, theirs = np.intersect1d(columns, rows, assume_unique=True, return_indices=True)
        read[mine] += moved[theirs]
        if len(rows) * WHOLE > len(layer):
            reached = np.arange(len(layer))
            spread = np.zeros_like(layer)
            spread[rows] = moved
            found = self.adjacency @ spread
        else:
            leaving = sp.csr_array(self._turned[rows])
            reached = np.union1d(leaving.indices, to).astype(np.int64)
            at = np.searchsorted(reached, leaving.indices)
            found = sp.csr_array((leaving.data, at, leaving.indptr), shape=(len(rows), len(reached))).T @ moved
        edges = sp.csr_array((changed.data, (np.searchsorted(reached, to), place)), shape=(len(reached), len(columns)))
        return reached, np.asarray(found + edges @ read)

    def _changed(self, drop: Mapping[EdgeType, Sequence[Pair]], add: Mapping[EdgeType, Sequence[Pair]]) -> sp.coo_array:
        """``E``: row receives from column."""
        rows, columns, values = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
        p = self.propagation
        for kind, out, back in zip(p.edge_types, p.forward, p.reverse, strict=True):
            gone, come = drop.get(kind, ()), add.get(kind, ())
            if not gone and not come:
                continue
            source, target, weight = self._types[kind].changed(gone, come)
            source, target = source + self._places[kind][0], target + self._places[kind][1]
            rows += [target, source]
            columns += [source, target]
            values += [out * weight, back * weight]
        size = self.adjacency.shape[0]
        ends = np.concatenate(rows), np.concatenate(columns)
        return sp.coo_array((np.concatenate(values), ends), shape=(size, size))


class _Edges:
    """Edges of one type: the same pair may be there several times.

    Args:
        index: int64 ``[2, E]``; sources, targets: how many nodes there are on either side.
    """

    def __init__(self, index: NDArray[np.int64], sources: int, targets: int) -> None:
        self.source, self.target = index
        self.targets = targets
        self.degrees = np.bincount(self.source, minlength=sources), np.bincount(self.target, minlength=targets)
        self._order = np.argsort(self.source, kind="stable"), np.argsort(self.target, kind="stable")
        self._sorted = self.source[self._order[0]], self.target[self._order[1]]

    def changed(
        self, drop: Sequence[Pair], add: Sequence[Pair]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Sources, targets and by how much ``1 / sqrt(deg deg)`` changes between them."""
        gone, come = (np.array(one, dtype=np.int64).reshape(-1, 2) for one in (drop, add))
        ends = [np.unique(np.concatenate([gone[:, side], come[:, side]])) for side in (0, 1)]
        near = np.unique(np.concatenate([self._at(side, ends[side]) for side in (0, 1)]))
        source, target = self.source[near], self.target[near]
        before = _weight(self.degrees, source, target)
        kept = ~np.isin(source * self.targets + target, gone[:, 0] * self.targets + gone[:, 1])
        lost = source[~kept], target[~kept]
        after = tuple(self.degrees[side].copy() for side in (0, 1))
        for side in (0, 1):
            np.subtract.at(after[side], lost[side], 1)
            np.add.at(after[side], come[:, side], 1)
        new = np.concatenate([source[kept], come[:, 0]]), np.concatenate([target[kept], come[:, 1]])
        return (
            np.concatenate([source, new[0]]),
            np.concatenate([target, new[1]]),
            np.concatenate([-before, _weight(after, *new)]),
        )

    def _at(self, side: int, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """Edges that have one of these ends on a side."""
        start, stop = (np.searchsorted(self._sorted[side], ends, how) for how in ("left", "right"))
        parts = [self._order[side][a:b] for a, b in zip(start, stop)]
        return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def _weight(
    degrees: tuple[NDArray[np.int64], ...], source: NDArray[np.int64], target: NDArray[np.int64]
) -> NDArray[np.float64]:
    return np.asarray(1.0 / np.sqrt(degrees[0][source].astype(np.float64) * degrees[1][target]))
