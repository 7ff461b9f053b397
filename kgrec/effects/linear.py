"""What an intervention does to the scores of a linear graph neural network: exactly, by difference propagation.

Held fixed is what was learned: the weights of layers and relations and the input vectors, in which text and what an
embedding says of a node's neighbours are fused.  Worked out anew are the edges, the degrees and with them the
normalisation, for everybody: a user's interaction is an edge of the graph, which other people's walks pass too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.effects.graph import GraphEffects, History, left
from kgrec.effects.intervention import Fact, Intervention
from kgrec.effects.local import Difference, LocalPropagation, Pair
from kgrec.models.propagation import EdgeType
from kgrec.recommend.linear import LinearScorer

EDITS = 8
"""Edited graphs that are kept: one changes every list."""
Edges = dict[EdgeType, list[Pair]]


class LinearEffects(GraphEffects):
    """Scores under interventions, of one linear graph neural network.

    Interactions other than those of :meth:`history` are no edges of the graph: they make the person's vector and nobody
    else's.

    Args:
        snapshot: what it was trained on.
        scorer: its serving form.
    """

    unmoved = (
        "No score changes: what was changed is further from the person and the items than the model's layers reach."
    )

    def __init__(self, snapshot: Snapshot, scorer: LinearScorer) -> None:
        super().__init__(snapshot, scorer)
        self.scorer = scorer
        self._edit = lru_cache(EDITS)(self._difference)

    def _score(self, user: int | None, history: History, intervention: Intervention) -> NDArray[np.float32]:
        edges = self._edges(user, history, intervention)
        change = self._edit(intervention.drop_facts, intervention.add_facts, edges)
        target = self.scorer.propagation.target.astype(np.float64)
        ids, here = change.rows(self._rows(self.snapshot.item_type))
        target[ids] += change.vectors[here]
        vector = self._person(user, left(history, intervention), change, in_graph=edges is not None)
        return np.asarray(target @ vector, dtype=np.float32)

    def _person(self, user: int | None, items: list[int], change: Difference, in_graph: bool) -> NDArray[np.float64]:
        """``z_u`` of a history: float64 ``[d]``."""
        p = self.scorer.propagation
        if in_graph:
            assert user is not None
            return self._of_user(user, change)
        vector = self._received(items, change)
        if user is not None and p.users is not None:
            # what is no interaction of theirs
            vector += self._of_user(user, change) - self._received(self.history(user).tolist(), change)
        return vector

    def _of_user(self, user: int, change: Difference) -> NDArray[np.float64]:
        node = self.snapshot.offsets[self.snapshot.user_type] + user
        a = self.scorer.propagation.layer_weights
        vector = np.asarray(sum(weight * layer[node] for weight, layer in zip(a, self.local.layers, strict=True)))
        at = int(np.searchsorted(change.nodes, node))
        if at < len(change.nodes) and change.nodes[at] == node:
            vector = vector + change.vectors[at]
        return vector

    def _received(self, items: list[int], change: Difference) -> NDArray[np.float64]:
        """What the items of a history bring, no edge of which is another one: float64 ``[d]``."""
        p = self.scorer.propagation
        source = p.source[items].astype(np.float64)
        ids, here = change.rows(self._rows(self.snapshot.item_type))
        place = np.full(self.snapshot.num_items, -1, dtype=np.int64)
        place[ids] = np.arange(len(ids))
        at = place[items]
        scale = p.reverse[p.edge_types.index(self._interacts)] / np.sqrt(np.maximum(self._degree[items], 1))
        source[at >= 0] += scale[at >= 0, None] * change.brought[here][at[at >= 0]]
        return np.asarray(source.sum(axis=0) / np.sqrt(max(len(items), 1)))

    # --- edits

    def _edges(
        self, user: int | None, history: History, intervention: Intervention
    ) -> tuple[frozenset[Pair], frozenset[Pair]] | None:
        """Interactions of the graph that go and come; None where the history is none of the graph's."""
        if user is None or tuple(self.history(user).tolist()) != history:
            return None
        gone = intervention.drop_items & set(history)
        return frozenset((user, item) for item in gone), frozenset((user, item) for item in intervention.add_items)

    def _difference(
        self,
        drop: frozenset[Fact],
        add: frozenset[Fact],
        pairs: tuple[frozenset[Pair], frozenset[Pair]] | None,
    ) -> Difference:
        gone, come = by_type(drop), by_type(add)
        if pairs is not None:
            for edges, some in ((gone, pairs[0]), (come, pairs[1])):
                edges[self._interacts] = sorted(some)
        return self.local.edit(gone, come)

    def reached(self, user: int | None, history: NDArray[np.int64], intervention: Intervention) -> int:
        """How many nodes have another vector after an intervention."""
        edges = self._edges(user, tuple(np.unique(history).tolist()), intervention)
        return len(self._edit(intervention.drop_facts, intervention.add_facts, edges).nodes)

    def how(self, user: int | None, history: NDArray[np.int64], intervention: Intervention) -> str:
        count, every = self.reached(user, history, intervention), sum(self.snapshot.num_nodes.values())
        return f"{self.name} was worked out anew at {count:,} of {every:,} nodes, those that the change reaches"

    # --- what is read, made when it is needed

    @cached_property
    def local(self) -> LocalPropagation:
        """The propagation over the graph as it is."""
        p = self.scorer.propagation
        return LocalPropagation(p, self.snapshot.graph_tables(), p.adjacency(self.snapshot))

    @cached_property
    def _degree(self) -> NDArray[np.int64]:
        return np.bincount(self.train.indices, minlength=self.snapshot.num_items)

    @property
    def _interacts(self) -> EdgeType:
        return self.snapshot.user_type, INTERACTS, self.snapshot.item_type

    def _rows(self, kind: str) -> slice:
        start = self.snapshot.offsets[kind]
        return slice(start, start + self.snapshot.num_nodes[kind])


def by_type(facts: Iterable[Fact]) -> Edges:
    """Facts by edge type, as pairs of ids."""
    found: Edges = defaultdict(list)
    for fact in sorted(facts):
        found[fact.source[0], fact.relation, fact.target[0]].append((fact.source[1], fact.target[1]))
    return found
