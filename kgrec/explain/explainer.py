"""Why a linear model scores an item for a user as it does: the paths that carry the score, and what none carries.

With ``P_u(m) = Σ_l a_l (A^l)[u, m]`` the score is ``Σ_{m, n} P_u(m) P_i(n) <x_m, x_n>``.  Its diagonal,
``Σ_m P_u(m) P_i(m) ‖x_m‖²``, is a sum over walks from the user to the item that meet at ``m``: what paths carry.  The
rest are inner products of different nodes: no path carries them, and they are given as one remainder.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config.recipe import ExplainConfig
from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.explain.hops import Hops, hop_graph
from kgrec.explain.names import Names
from kgrec.explain.search import BUDGET, Found, PathSearch
from kgrec.explain.types import Direction, Explanation, Node, Path, Relation
from kgrec.explain.wording import Wording, Wordings
from kgrec.recommend.linear import LinearScorer, Propagation


class Explainer:
    """Explains pairs of one trained model; made once, it answers in milliseconds.

    Args:
        snapshot: what the model was trained on.
        propagation: the trained model.
        config: path length, number of paths, and their words.
    """

    def __init__(self, snapshot: Snapshot, propagation: Propagation, config: ExplainConfig | None = None) -> None:
        self.snapshot, self.propagation = snapshot, propagation
        self.config = config or ExplainConfig()
        self.scorer = LinearScorer(propagation)
        self.adjacency = propagation.adjacency(snapshot)
        self.edge_types = propagation.edge_types
        self.graph = hop_graph(snapshot.graph_tables(), self.edge_types, propagation.forward, propagation.reverse)
        x = propagation.x.astype(np.float64)
        self.norms: NDArray[np.float64] = np.einsum("nd,nd->n", x, x)
        self.train = snapshot.matrix("train")
        self.popularity = np.bincount(self.train.indices, minlength=snapshot.num_items)
        self.user_offset = snapshot.offsets[snapshot.user_type]
        self.item_offset = snapshot.offsets[snapshot.item_type]
        self.interacts = self.edge_types.index((snapshot.user_type, INTERACTS, snapshot.item_type))
        self.names, self.wordings = Names(snapshot), Wordings(snapshot, self.config)

    def explain(
        self,
        user: int | None,
        item: int,
        *,
        history: Sequence[int] | NDArray[np.int64] | None = None,
        rank: int | None = None,
        paths: int | None = None,
        max_hops: int | None = None,
        budget: int = BUDGET,
        lang: str | None = None,
    ) -> Explanation:
        """Explains one pair.

        Args:
            user: the user's id in the snapshot; None for a person who is not in it.
            item: the item's id.
            history: item ids that the person interacted with; by default the user's training interactions.
            rank: the item's place in the user's ranking, if known: it is passed on.
            paths, max_hops: other than the configuration's.
            budget: how many nodes the search may expand; where that is too few, a note says so.
            lang: language tag of the sentences; by default the configuration's.

        Raises:
            ValueError: neither a user nor a history, or an id out of range.
            UserError: there are no words of this language.
        """
        snapshot, wording = self.snapshot, self.wordings.of(lang)
        if user is not None and not 0 <= user < snapshot.num_users:
            raise ValueError(f"user {user} is out of range ({snapshot.num_users} users)")
        if not 0 <= item < snapshot.num_items:
            raise ValueError(f"item {item} is out of range ({snapshot.num_items} items)")
        liked = self.history(user, history)
        first = self._first_hops(user, liked)
        u = -1 if user is None else self.user_offset + user
        i = self.item_offset + item

        histories = sp.csr_array(
            (np.ones(len(liked), dtype=np.float32), liked, np.array([0, len(liked)])), shape=(1, snapshot.num_items)
        )
        known = None if user is None else np.array([user])
        vector = self.scorer.user_vectors(histories, known)[0]
        score = float(vector.astype(np.float64) @ self.propagation.target[item])
        total = self._carried(u, i, liked)

        hops = max_hops or self.config.max_hops
        search = PathSearch(
            self.graph,
            first,
            u,
            i,
            self.propagation.layer_weights,
            self.norms,
            float(self.norms[u]) if u >= 0 else 0.0,
            paths or self.config.paths,
            budget,
        )
        found = search.run(hops)
        ids = sorted({node for path in found for node in path.nodes} | {i} | ({u} if u >= 0 else set()))
        nodes = self.names.nodes(ids)
        nodes[-1] = Node("", snapshot.user_type, "you")
        shown = tuple(self._path(path, nodes, wording) for path in found)

        notes, say = [], wording.language.say
        if item in liked:
            notes.append(wording.seen(nodes[i], "seen_edge"))
        if len(liked) == 0:
            notes.append(say("note.nothing"))
        if not shown:
            walks = say("note.no_path_walks", hops=hops, weight=f"{total:.3g}")
            notes.append(walks if total else say("note.no_path", hops=hops))
        if not search.exact:
            notes.append(say("note.stopped", hops=hops))
        keys = self.names.keys([n for n in (u, i) if n >= 0])
        return Explanation(
            keys[u] if u >= 0 else "",
            keys[i],
            nodes[i].label,
            rank,
            score,
            shown,
            total,
            score - total,
            tuple(notes),
            lang=wording.language.tag,
        )

    # --- the user's side

    def history(self, user: int | None, history: Sequence[int] | NDArray[np.int64] | None) -> NDArray[np.int64]:
        """Distinct item ids of a person's interactions, sorted; by default those of training.

        Raises:
            ValueError: neither a user nor a history, or an id out of range.
        """
        if history is None:
            if user is None:
                raise ValueError("a person who is not in the snapshot needs a history")
            row = slice(self.train.indptr[user], self.train.indptr[user + 1])
            return np.sort(self.train.indices[row]).astype(np.int64)
        liked = np.unique(np.asarray(history, dtype=np.int64))
        if len(liked) and (liked[0] < 0 or liked[-1] >= self.snapshot.num_items):
            raise ValueError(f"a history holds item ids in [0, {self.snapshot.num_items})")
        return liked

    def _received(self, liked: NDArray[np.int64]) -> NDArray[np.float64]:
        """With which coefficient the person receives from each item of the history."""
        reverse = self.propagation.reverse[self.interacts]
        degree = np.maximum(self.popularity[liked], 1).astype(np.float64)
        return np.asarray(reverse / np.sqrt(max(len(liked), 1) * degree))

    def _first_hops(self, user: int | None, liked: NDArray[np.int64]) -> Hops:
        """The hops that leave the person: to the items of the history, and over a known user's other edges."""
        kind = 2 * self.interacts
        back = np.zeros(len(liked))
        parts = []
        if user is not None:
            own = self.graph.of(self.user_offset + user)
            there = own.kind == kind
            # An item gives back to the user only over an edge that was trained on.
            trained = own.take(there)
            position = np.searchsorted(liked, trained.to - self.item_offset)
            inside = position < len(liked)
            inside[inside] = liked[position[inside]] == trained.to[inside] - self.item_offset
            back[position[inside]] = trained.item_side[inside]
            parts.append(own.take(~there))
        parts.insert(
            0,
            Hops(liked + self.item_offset, np.full(len(liked), kind, dtype=np.int32), self._received(liked), back),
        )
        return Hops(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("to", "kind", "user_side", "item_side")
            )
        )

    def _carried(self, u: int, i: int, liked: NDArray[np.int64]) -> float:
        """``Σ_m P_u(m) P_i(m) ‖x_m‖²`` in closed form: what walks of every length carry."""
        a = self.propagation.layer_weights
        size = self.adjacency.shape[0]
        row = np.zeros(size)
        if u >= 0:
            trained = self.history(u - self.user_offset, None)
            start, stop = self.adjacency.indptr[u], self.adjacency.indptr[u + 1]
            row[self.adjacency.indices[start:stop]] = self.adjacency.data[start:stop]
            row[trained + self.item_offset] -= self._received(trained)
        row[liked + self.item_offset] += self._received(liked)
        from_user = self._reach(row, a[1:])
        if u >= 0:
            from_user[u] += a[0]
        unit = np.zeros(size)
        unit[i] = 1.0
        from_item = self._reach(unit, a)
        return float((from_user * from_item) @ self.norms)

    def _reach(self, row: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """``Σ_l weights_l · row · A^l``, shape ``[N]``."""
        total = np.zeros(len(row))
        for position, weight in enumerate(weights):
            if position:
                row = np.asarray(self.adjacency.T @ row)
            total += weight * row
        return total

    def _path(self, found: Found, nodes: dict[int, Node], wording: Wording) -> Path:
        chain = tuple(nodes[node] for node in found.nodes)
        relations = []
        for kind in found.kinds:
            name = self.edge_types[kind >> 1][1]
            label = wording.relations.label(name)
            interaction = kind >> 1 == self.interacts
            direction: Direction = "reverse" if kind & 1 else "forward"
            relations.append(Relation(name, direction, label, "interaction" if interaction else "fact"))
        text = wording.sentence(chain, relations)
        return Path(chain, tuple(relations), found.weight, text, found.meeting)
