"""The training graph as hops: every edge twice, once for each way it can be walked, with its coefficients.

A path has a user side, which the user's vector sums up, and an item side, which the item's vector does.  Walking an
edge from ``a`` to ``b`` therefore has two coefficients: on the user side the one with which ``a`` receives from
``b``, on the item side the one with which ``b`` receives from ``a``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph_builders import GraphTables


@dataclass(frozen=True)
class Hops:
    """Some hops in parallel arrays of one length.

    Attributes:
        to: int64, the node each hop arrives at.
        kind: int32, ``2 · edge type + (0 forward, 1 reverse)``.
        user_side: float64, coefficient where the hop lies between the user and the meeting node.
        item_side: float64, coefficient where it lies between the meeting node and the item.
    """

    to: NDArray[np.int64]
    kind: NDArray[np.int32]
    user_side: NDArray[np.float64]
    item_side: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.to)

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Hops:
        return Hops(self.to[which], self.kind[which], self.user_side[which], self.item_side[which])


@dataclass(frozen=True)
class HopGraph:
    """Hops of all nodes, by the node they leave (CSR), sorted by (from, to, kind).

    Attributes:
        indptr: int64, shape ``[N + 1]``.
        hops: all hops.
    """

    indptr: NDArray[np.int64]
    hops: Hops

    @property
    def num_nodes(self) -> int:
        return len(self.indptr) - 1

    def of(self, node: int) -> Hops:
        """The hops that leave a node."""
        return self.hops.take(slice(int(self.indptr[node]), int(self.indptr[node + 1])))

    def into(self, node: int) -> tuple[NDArray[np.int64], Hops]:
        """The hops that arrive at a node, and the node each of them leaves: its own hops walked backwards."""
        own = self.of(node)
        arriving = Hops(np.full(len(own), node), own.kind ^ 1, own.item_side, own.user_side)
        return own.to, arriving


def hop_graph(
    tables: GraphTables,
    edge_types: Sequence[tuple[str, str, str]],
    forward: NDArray[np.float64],
    reverse: NDArray[np.float64],
) -> HopGraph:
    """Hops of the edge types that the model propagates over.

    The coefficients are the model's: ``forward_k / sqrt(deg_k(s) deg_k(t))`` where the target receives,
    ``reverse_k / …`` where the source does.  Edges with the same ends and relation (from several sources) are one
    hop with the sum of their coefficients; an edge from a node to itself is no hop, for a path visits no node twice,
    but it counts as degree.

    Args:
        tables: the training graph.
        edge_types: those that the model knows; edges of other types carry nothing and are left out.
        forward, reverse: their weights, shape ``[len(edge_types)]`` each.
    """
    offsets, sizes = tables.offsets(), tables.num_nodes()
    known = {table.key: table.index for table in tables.edges}
    start, stop, kind, user_side, item_side = [], [], [], [], []
    for k, key in enumerate(edge_types):
        index = known.get(key)
        if index is None or index.shape[1] == 0:
            continue
        source_type, _, target_type = key
        degree_s = np.bincount(index[0], minlength=sizes[source_type])
        degree_t = np.bincount(index[1], minlength=sizes[target_type])
        pairs, count = np.unique(index[0] * sizes[target_type] + index[1], return_counts=True)
        s, t = np.divmod(pairs, sizes[target_type])
        norm = count / np.sqrt(degree_s[s].astype(np.float64) * degree_t[t])
        s, t = s + offsets[source_type], t + offsets[target_type]
        proper = s != t
        s, t, norm = s[proper], t[proper], norm[proper]
        for a, b, direction, here, there in (
            (s, t, 0, reverse[k], forward[k]),
            (t, s, 1, forward[k], reverse[k]),
        ):
            start.append(a)
            stop.append(b)
            kind.append(np.full(len(a), 2 * k + direction, dtype=np.int32))
            user_side.append(norm * here)
            item_side.append(norm * there)
    total = sum(sizes.values())
    if not start:
        nothing = Hops(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0), np.zeros(0))
        return HopGraph(np.zeros(total + 1, dtype=np.int64), nothing)
    leaves = np.concatenate(start)
    hops = Hops(np.concatenate(stop), np.concatenate(kind), np.concatenate(user_side), np.concatenate(item_side))
    order = np.lexsort((hops.kind, hops.to, leaves))
    indptr = np.zeros(total + 1, dtype=np.int64)
    np.cumsum(np.bincount(leaves, minlength=total), out=indptr[1:])
    return HopGraph(indptr, hops.take(order))
