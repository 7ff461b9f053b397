"""What an edit changes in a weighted adjacency: edges that come or go, and those whose ends get another degree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_builders import GraphTables
from kgrec.models.propagation import EdgeType, Propagation

Pair = tuple[int, int]
"""An edge of one type by its ends' ids."""


class AdjacencyEdits:
    """Edits of one :func:`kgrec.models.propagation.build_adjacency`.

    An edge's coefficient depends on how many edges of its type its ends have: an edit reaches these, and no more.

    Args:
        propagation: the weights of the edge types, which are held fixed.
        tables: the training graph.
    """

    def __init__(self, propagation: Propagation, tables: GraphTables) -> None:
        self.propagation = propagation
        offsets, sizes = tables.offsets(), tables.num_nodes()
        self._size = sum(sizes.values())
        known = {table.key: table.index for table in tables.edges}
        nothing = np.zeros((2, 0), dtype=np.int64)
        self._types = {
            kind: _Edges(known.get(kind, nothing), sizes[kind[0]], sizes[kind[2]]) for kind in propagation.edge_types
        }
        self._places = {kind: (offsets[kind[0]], offsets[kind[2]]) for kind in propagation.edge_types}

    def change(self, drop: Mapping[EdgeType, Sequence[Pair]], add: Mapping[EdgeType, Sequence[Pair]]) -> sp.coo_array:
        """The adjacency afterwards less that before: float64 COO ``[N, N]``, row receives from column; entries add up.

        An edge that goes takes its parallels with it; edge types that the model does not know change nothing.
        """
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
        ends = np.concatenate(rows), np.concatenate(columns)
        return sp.coo_array((np.concatenate(values), ends), shape=(self._size, self._size))


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
        near = np.flatnonzero(self._at(0, ends[0]) | self._at(1, ends[1]))
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

    def _at(self, side: int, ends: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which edges have one of these ends on a side: bool ``[E]``."""
        start, stop = (np.searchsorted(self._sorted[side], ends, how) for how in ("left", "right"))
        found = np.zeros(len(self.source), dtype=bool)
        for a, b in zip(start.tolist(), stop.tolist(), strict=True):
            found[self._order[side][a:b]] = True
        return found


def _weight(
    degrees: tuple[NDArray[np.int64], ...], source: NDArray[np.int64], target: NDArray[np.int64]
) -> NDArray[np.float64]:
    return np.asarray(1.0 / np.sqrt(degrees[0][source].astype(np.float64) * degrees[1][target]))
