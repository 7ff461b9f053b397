r"""The heaviest simple paths between two nodes, exactly, without walking through all of them.

A path :math:`u = n_0, …, n_h = i` weighs

.. math:: \sum_{k=0}^{h} a_k a_{h-k} ‖x_{n_k}‖^2 \prod_{j \le k} c_j \prod_{j > k} d_j

where :math:`c_j` and :math:`d_j` are hop *j*'s coefficients on the user side and on the item side.  The sum over the
meeting node *k* is carried along in two numbers: ``open`` (no meeting yet) and ``met`` (met somewhere before); a hop
to *n* maps them to

    open' = c · open,    met' = d · met + a_k a_{h-k} ‖x_n‖² · open'

and ``met`` at the item is the weight.  All terms are non-negative, so the same recursion run backwards with maxima
instead of sums bounds what any rest of a path can add; a depth-first branch and bound with these bounds, best branch
first, finds the heaviest paths while it holds one row of the graph a level (Land and Doig, 1960).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kgrec.explain.hops import HopGraph, Hops

BUDGET = 100_000
"""Node expansions; searches of five hops on graphs of 300,000 edges need tens to hundreds."""

TIE = 1e-12
"""A branch that could beat the worst path kept by less than this share is cut: else equally heavy paths, which hubs
have by the million, would all be walked."""


@dataclass(frozen=True)
class Found:
    """A path as node ids (of the stacked graph) and hop kinds."""

    weight: float
    nodes: tuple[int, ...]
    kinds: tuple[int, ...]
    meeting: int


@dataclass
class _Best:
    """The heaviest paths so far: a heap with the lightest on top."""

    size: int
    heap: list[tuple[float, int, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    count: int = 0

    @property
    def threshold(self) -> float:
        return self.heap[0][0] * (1 + TIE) if len(self.heap) == self.size else 0.0

    def offer(self, weight: float, nodes: tuple[int, ...], kinds: tuple[int, ...]) -> None:
        if weight <= self.threshold:
            return
        self.count += 1
        entry = (weight, -self.count, nodes, kinds)
        if len(self.heap) < self.size:
            heapq.heappush(self.heap, entry)
        else:
            heapq.heapreplace(self.heap, entry)


class PathSearch:
    """One search; call :meth:`run`.

    Args:
        graph: the training graph's hops.
        first: the hops that leave the user (a history may be someone's who is not in the graph).
        user: the user's node, or -1; no path comes back to it.
        item: the item's node.
        layer_weights: ``a``, shape ``[L + 1]``.
        norms: ``‖x‖²`` of every node, shape ``[N]``.
        user_norm: ``‖x_u‖²``.
        size: how many paths.
        budget: how many nodes may be expanded before the search gives up being exact.

    Attributes:
        exact: whether :meth:`run` stayed within the budget.
    """

    def __init__(
        self,
        graph: HopGraph,
        first: Hops,
        user: int,
        item: int,
        layer_weights: NDArray[np.float64],
        norms: NDArray[np.float64],
        user_norm: float,
        size: int,
        budget: int = BUDGET,
    ) -> None:
        self.graph, self.first, self.user, self.item = graph, first, user, item
        self.layer_weights, self.norms, self.user_norm = layer_weights, norms, user_norm
        self.best = _Best(size)
        self.budget = budget
        self.exact = True
        before, arriving = graph.into(item)
        keep = before != user
        self.before, self.arriving = before[keep], arriving.take(keep)
        self.closing: dict[int, list[int]] = {}
        for position, node in enumerate(self.before.tolist()):
            self.closing.setdefault(node, []).append(position)

    def run(self, max_hops: int) -> list[Found]:
        """The heaviest paths with at most this many hops and a weight above zero, heaviest first."""
        for length in range(1, max_hops + 1):
            self._of_length(length)
        found = [Found(weight, nodes, kinds, self._meeting(nodes, kinds)) for weight, _, nodes, kinds in self.best.heap]
        return sorted(found, key=lambda path: (-path.weight, len(path.nodes), path.nodes, path.kinds))

    # --- one length

    def _meets(self, length: int) -> list[float]:
        """``a_k a_{h-k}`` for k = 0 … h; zero where a side would need more layers than there are."""
        a = self.layer_weights
        return [float(a[k] * a[length - k]) if max(k, length - k) < len(a) else 0.0 for k in range(length + 1)]

    def _of_length(self, length: int) -> None:
        meets = self._meets(length)
        if not any(meets) or len(self.first) == 0:
            return
        start = meets[0] * self.user_norm
        if length == 1:
            for j in np.flatnonzero(self.first.to == self.item):
                weight = float(self.first.item_side[j] * start)
                weight += meets[1] * float(self.norms[self.item]) * float(self.first.user_side[j])
                self.best.offer(weight, (self.user, self.item), (int(self.first.kind[j]),))
            return
        if not self.closing:
            return
        self._bound(length, meets)
        self._extend(self.first, 0, length, meets, 1.0, start, (self.user,), ())

    def _bound(self, length: int, meets: list[float]) -> None:
        """Fills ``rest_open[j]`` and ``rest_met[j]``: the most that a rest of ``length - j`` hops from each node to
        the item makes of one unit of ``open`` and of ``met``."""
        n = self.graph.num_nodes
        at_item = meets[length] * float(self.norms[self.item])
        rest_open, rest_met = np.zeros(n), np.zeros(n)
        np.maximum.at(rest_open, self.before, self.arriving.user_side * at_item)
        np.maximum.at(rest_met, self.before, self.arriving.item_side)
        self.rest_open, self.rest_met = {length - 1: rest_open}, {length - 1: rest_met}
        hops = self.graph.hops
        for j in range(length - 2, 0, -1):
            # What is worth going to: not the two ends, for they are on the path already.
            after_open = meets[j + 1] * self.norms * rest_met + rest_open
            after_met = rest_met.copy()
            after_open[self.item] = after_met[self.item] = 0.0
            if self.user >= 0:
                after_open[self.user] = after_met[self.user] = 0.0
            if j == 1:
                rows = np.unique(self.first.to)
                entries, starts, rows = _rows(self.graph.indptr, rows)
                part = hops.take(entries)
            else:
                rows = np.flatnonzero(np.diff(self.graph.indptr))
                part, starts = hops, self.graph.indptr[rows]
            rest_open, rest_met = np.zeros(n), np.zeros(n)
            if len(rows):
                rest_open[rows] = np.maximum.reduceat(part.user_side * after_open[part.to], starts)
                rest_met[rows] = np.maximum.reduceat(part.item_side * after_met[part.to], starts)
            self.rest_open[j], self.rest_met[j] = rest_open, rest_met

    def _extend(
        self,
        hops: Hops,
        position: int,
        length: int,
        meets: list[float],
        open_: float,
        met: float,
        nodes: tuple[int, ...],
        kinds: tuple[int, ...],
    ) -> None:
        """Walks on from the last node, which stands at ``position``, over ``hops``: best branch first."""
        if self.budget <= 0:
            self.exact = False
            return
        self.budget -= 1
        position += 1
        opens = hops.user_side * open_
        mets = hops.item_side * met + meets[position] * self.norms[hops.to] * opens
        bounds = opens * self.rest_open[position][hops.to] + mets * self.rest_met[position][hops.to]
        hopeful = np.flatnonzero(bounds > self.best.threshold)
        for branch in hopeful[np.argsort(-bounds[hopeful], kind="stable")].tolist():
            if bounds[branch] <= self.best.threshold:
                break
            to = int(hops.to[branch])
            if to == self.item or to in nodes:
                continue
            trail, tail = (*nodes, to), (*kinds, int(hops.kind[branch]))
            if position == length - 1:
                self._close(to, meets[length], float(opens[branch]), float(mets[branch]), trail, tail)
            else:
                self._extend(
                    self.graph.of(to), position, length, meets, float(opens[branch]), float(mets[branch]), trail, tail
                )

    def _close(
        self, node: int, meet: float, open_: float, met: float, nodes: tuple[int, ...], kinds: tuple[int, ...]
    ) -> None:
        """Walks the last hop, to the item."""
        at_item = meet * float(self.norms[self.item])
        for j in self.closing[node]:
            weight = float(self.arriving.item_side[j]) * met + float(self.arriving.user_side[j]) * open_ * at_item
            self.best.offer(weight, (*nodes, self.item), (*kinds, int(self.arriving.kind[j])))

    # --- afterwards

    def _meeting(self, nodes: tuple[int, ...], kinds: tuple[int, ...]) -> int:
        """Position of the node that carries the largest part of a path's weight."""
        length = len(kinds)
        here, there = np.ones(length + 1), np.ones(length + 1)
        for j, (node, to, kind) in enumerate(zip(nodes[:-1], nodes[1:], kinds, strict=True)):
            hops = self.first if j == 0 else self.graph.of(node)
            hop = int(np.flatnonzero((hops.to == to) & (hops.kind == kind))[0])
            here[j + 1 :] *= hops.user_side[hop]
            there[: j + 1] *= hops.item_side[hop]
        norms = self.norms[list(nodes)]
        norms[0] = self.user_norm
        return int(np.argmax(np.array(self._meets(length)) * here * there * norms))


def _rows(
    indptr: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Positions of these rows' entries in a line, where each row starts among them, and the rows that have any."""
    sizes = indptr[rows + 1] - indptr[rows]
    rows, sizes = rows[sizes > 0], sizes[sizes > 0]
    starts = np.cumsum(sizes) - sizes
    return np.arange(sizes.sum()) + np.repeat(indptr[rows] - starts, sizes), starts, rows
