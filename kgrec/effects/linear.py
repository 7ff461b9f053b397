"""What an intervention does to the scores of a linear graph neural network, exactly.

Held fixed is what was learned: the weights of layers and relations and the input vectors, in which text and what an
embedding says of a node's neighbours are fused.  Worked out anew are the edges, the degrees and with them the
normalisation, for everybody: a user's interaction is an edge of the graph, which other people's walks pass too.

With ``A'`` the adjacency afterwards (:mod:`kgrec.effects.adjacency`), ``z_u = (Σ_l a_l e_u A'^l) x`` and
``scores = Σ_l a_l A'^l (x z_u)``: one number a node is carried through the layers, once from the person and once to the
items, instead of the vectors of all nodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.effects.adjacency import AdjacencyEdits, Pair
from kgrec.effects.graph import GraphEffects, History, left
from kgrec.effects.intervention import Fact, Intervention
from kgrec.models.propagation import EdgeType
from kgrec.recommend.linear import LinearScorer

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

    def _score(self, user: int | None, history: History, intervention: Intervention) -> NDArray[np.float32]:
        gone, come = by_type(intervention.drop_facts), by_type(intervention.add_facts)
        own = user is not None and tuple(self.history(user).tolist()) == history
        if user is not None and own:
            gone[self._interacts] = [(user, item) for item in sorted(intervention.drop_items)]
            come[self._interacts] = [(user, item) for item in sorted(intervention.add_items)]
        change = self._edits.change(gone, come)
        vector = self._person(user, None if own else left(history, intervention), change)
        a, carried = self.scorer.propagation.layer_weights, self._x @ vector
        scores = a[0] * carried
        for weight in a[1:]:
            carried = self._adjacency @ carried + change @ carried
            scores += weight * carried
        first = self.snapshot.offsets[self.snapshot.item_type]
        return np.asarray(scores[first : first + self.snapshot.num_items], dtype=np.float32)

    def _person(self, user: int | None, items: list[int] | None, change: sp.coo_array) -> NDArray[np.float64]:
        """``z_u`` of a history, or of a user as the edited graph has them: float64 ``[d]``."""
        p = self.scorer.propagation
        node, received = np.zeros(len(self._x)), np.zeros(len(self._x))
        if user is not None and (items is None or p.users is not None):
            node[self.snapshot.offsets[self.snapshot.user_type] + user] = 1.0
            if items is not None:
                # what is no interaction of theirs stays
                received -= self._received(self.history(user).tolist())
        if items is not None:
            received += self._received(items)
        # what is received has made its first hop
        total = p.layer_weights[0] * node
        for weight in p.layer_weights[1:]:
            node = self._turned @ node + change.T @ node + received
            total += weight * node
            received = np.zeros_like(received)
        return np.asarray(total @ self._x)

    def _received(self, items: list[int]) -> NDArray[np.float64]:
        """With which coefficient a person receives from each node, who is no node of the graph: float64 ``[N]``."""
        p = self.scorer.propagation
        found = np.zeros(len(self._x))
        weight = p.reverse[p.edge_types.index(self._interacts)]
        first = self.snapshot.offsets[self.snapshot.item_type]
        degree = np.maximum(self._degree[items], 1).astype(np.float64)
        found[first + np.array(items, dtype=np.int64)] = weight / np.sqrt(max(len(items), 1) * degree)
        return found

    def how(self, user: int | None, history: NDArray[np.int64], intervention: Intervention) -> str:
        return f"{self.name} was worked out anew on the edited graph"

    # --- what is read, made when it is needed

    @cached_property
    def _x(self) -> NDArray[np.float64]:
        return np.asarray(self.scorer.propagation.x, dtype=np.float64)

    @cached_property
    def _adjacency(self) -> sp.csr_array:
        return self.scorer.propagation.adjacency(self.snapshot)

    @cached_property
    def _turned(self) -> sp.csr_array:
        return sp.csr_array(self._adjacency.T)

    @cached_property
    def _edits(self) -> AdjacencyEdits:
        return AdjacencyEdits(self.scorer.propagation, self.snapshot.graph_tables())

    @cached_property
    def _degree(self) -> NDArray[np.int64]:
        return np.bincount(self.train.indices, minlength=self.snapshot.num_items)

    @property
    def _interacts(self) -> EdgeType:
        return self.snapshot.user_type, INTERACTS, self.snapshot.item_type


def by_type(facts: Iterable[Fact]) -> Edges:
    """Facts by edge type, as pairs of ids."""
    found: Edges = defaultdict(list)
    for fact in sorted(facts):
        found[fact.source[0], fact.relation, fact.target[0]].append((fact.source[1], fact.target[1]))
    return found
