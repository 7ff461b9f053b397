"""What an intervention does to a person's scores: exactly, by working out anew only what it touches.

Recomputed are the history with its size and ages, the links of touched items with their norm, and their places among
the nearest.  Held fixed is what was learned or counted over everybody: gates, item degrees, idf, the factors of learned
channels, other people's walks, text vectors and embeddings, and the regression on content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import channels as linked
from kgrec.effects.content import Foretold
from kgrec.effects.facts import Facts, check_edges
from kgrec.effects.intervention import Fact, Intervention
from kgrec.effects.links import LinkEdit, LinkGraph, links_of
from kgrec.effects.person import Person
from kgrec.effects.sparse import entries_of
from kgrec.flow.channels.rp3 import POWER
from kgrec.flow.content import CHAINED
from kgrec.flow.model import FlowScorer
from kgrec.flow.part import Part
from kgrec.flow.vectors import largest

EDITS, COSINES = 1024, 10_000_000
"""Edited links that are kept, as many people's reasons pass the same facts; and cosines that they hold together, where
each holds those of one item with all."""


class FlowEffects:
    """Scores under interventions, of one fitted flow.

    Args:
        snapshot: what it was fitted on.
        scorer: the fitted model.
        text: reads the text vectors, where the model was fitted with some; called when they are needed.
    """

    def __init__(
        self, snapshot: Snapshot, scorer: FlowScorer, text: Callable[[], Features | None] | None = None
    ) -> None:
        self.snapshot, self.scorer = snapshot, scorer
        self._text = text
        self.channels = {channel.name: channel for channel in scorer.flow.channels}
        self.train = snapshot.matrix("train")
        self.edit = lru_cache(max(8, min(EDITS, COSINES // max(1, snapshot.num_items))))(self._edit)

    # --- people

    def person(self, user: int, history: NDArray[np.int64] | None = None) -> Person:
        """A user with the training history, or with another one.

        Raises:
            ValueError: an id is out of range.
        """
        train = self.train
        if not 0 <= user < train.shape[0]:
            raise ValueError(f"user {user} is out of range ({train.shape[0]} users)")
        if history is None:
            return Person(self.scorer, train[[user]], user)
        ids = np.unique(np.asarray(history, dtype=np.int64))
        ones = np.ones(len(ids), dtype=np.float32)
        return Person(self.scorer, sp.csr_array((ones, ids, np.array([0, len(ids)])), shape=(1, train.shape[1])), user)

    # --- scores

    def score(self, person: Person, intervention: Intervention | None = None) -> NDArray[np.float32]:
        """Scores of all items for a person after an intervention: float32 ``[num_items]``."""
        intervention = intervention or Intervention()
        after = person.edited(intervention.drop_items, intervention.add_items)
        (total,) = self.scores([after])
        if intervention.drop_facts or intervention.add_facts:
            total += self.by_links(after, self.edit(intervention.drop_facts, intervention.add_facts))
        return np.asarray(total)

    def scores(self, people: Sequence[Person]) -> NDArray[np.float32]:
        """Scores of one person with several histories, on the graph as it is: float32 ``[n, num_items]``."""
        if not people:
            return np.zeros((0, self.snapshot.num_items), dtype=np.float32)
        users = people[0].users
        rows = sp.csr_array(sp.vstack([one.history for one in people], format="csr"))
        total = people[0].scorer.score(rows, None if users is None else np.repeat(users, len(people)))
        if people[0].user is not None:
            for n, one in enumerate(people):
                total[n] += self._own_walks(one)
        return total

    def by_weight(self, item: int, facts: Sequence[Fact], history: NDArray[np.int64]) -> list[Fact]:
        """An item's facts by what the link over each has in common with a history, the most first."""
        graph = self.graph
        if graph is None:
            return list(facts)
        mine = np.asarray(graph.rows[history].sum(axis=0)).ravel() * graph.rows[[item]].toarray().ravel()
        node = (self.snapshot.item_type, item)
        weight = {
            fact: sum(mine[graph.column[key]] for key in links_of(node, [fact]) if key in graph.column)
            for fact in facts
        }
        return sorted(facts, key=lambda fact: (-weight[fact], fact))

    def check(self, person: Person, intervention: Intervention) -> None:
        """Refuses what cannot be done.

        Raises:
            UserError: an interaction or an edge that is to be taken away is not there, or one to be added is.
        """
        check_edges(self.snapshot, self.facts, person.items, intervention)

    def _edit(self, drop: frozenset[Fact], add: frozenset[Fact]) -> LinkEdit | None:
        """The links after some facts are gone and others there; None where items share none."""
        return None if self.graph is None else self.graph.edit(drop, add)

    def by_links(self, person: Person, edit: LinkEdit | None) -> NDArray[np.float32]:
        """What edited links change in the scores of a history: float32 ``[num_items]``."""
        total = np.zeros(self.snapshot.num_items, dtype=np.float32)
        if edit is None or not len(edit.items):
            return total
        log_size = np.log1p(np.diff(person.history.indptr))
        change = linked.LinkChange(self, edit)
        for channel, gates, weighted in person.scorer.terms(person.history, person.users):
            flow = change.flow(channel, weighted)
            if flow is None:
                continue
            weight = person.scorer.coefficient(channel, gates, log_size)[0]
            flow = flow if channel.targets is None else flow[channel.targets]
            channel.spread((weight * flow)[None], total[None])
        return total + linked.prior_change(self, edit)

    def _own_walks(self, after: Person) -> NDArray[np.float32]:
        """Walks over the user's own node, which the matrices hold as they were in training."""
        change = np.zeros(self.snapshot.num_items, dtype=np.float32)
        train = self.train
        assert after.user is not None
        own = train.indices[train.indptr[after.user] : train.indptr[after.user + 1]].astype(np.int64)
        walk = self.channels.get("rp3")
        if walk is None or len(walk.factors) != 2 or np.array_equal(own, after.items):
            return change
        log_size = np.log1p(np.diff(after.history.indptr))
        back = np.maximum(self.scorer.flow.catalogue.degree[after.items], 1.0) ** -POWER
        for gates, weighted in after.scorer.weighted(walk, after.history, after.users):
            flow, carried = np.zeros_like(change), weighted.data * back
            flow[own] -= carried[np.isin(after.items, own)].sum() * max(len(own), 1) ** -POWER
            flow[after.items] += carried.sum() * max(len(after.items), 1) ** -POWER
            change += after.scorer.coefficient(walk, gates, log_size)[0] * flow
        return change

    # --- what is read, made when it is needed

    @cached_property
    def facts(self) -> Facts:
        """Edges of the knowledge graph."""
        return Facts(self.snapshot)

    @cached_property
    def linked(self) -> Part:
        """The training part with the items' links, without vectors."""
        flow = self.scorer.flow
        return Part.of(self.snapshot, None, None, flow.config.neighbours, flow.config.max_dense, flow.link_axes)

    @cached_property
    def part(self) -> Part:
        """The same with the items' texts; embeddings are held fixed and not read."""
        text = self._text() if self._text is not None else None
        return self.linked if text is None else self.linked.with_text(self.snapshot, text)

    @cached_property
    def graph(self) -> LinkGraph | None:
        """The items' links; None where no two share one."""
        links, rows = self.linked.content.links, self.linked.content.link_rows
        if links is None or rows is None:
            return None

        def near() -> sp.csr_array:
            kg = self.channels.get("kg")
            return self.part.content.near_by_links if kg is None else sp.csr_array(kg.factors[0])

        return LinkGraph(self.snapshot, links, rows, self.facts, self.scorer.flow.config.neighbours, near)

    def alike_total(self, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Sums of some rows of :attr:`kgrec.flow.content.ItemContent.alike`: float64 ``[len(items)]``."""
        assert self.graph is not None
        alike = self.graph.alike.matrix
        entry, size = entries_of(alike, items)
        # in float64, as changes are summed: a row that loses all is to come to nothing
        row = np.repeat(np.arange(len(items)), size)
        total: NDArray[np.float64] = np.bincount(row, alike.data[entry], minlength=len(items)).astype(np.float64)
        white = self.part.content.white_text
        if white is None:
            return total
        missing = items[np.isnan(self._alike_texts[items])]
        if len(missing):
            scores = white[missing] @ white.T
            scores[np.arange(len(missing)), missing] = 0.0
            self._alike_texts[missing] = np.asarray(largest(scores, CHAINED).sum(axis=1)).ravel()
        return np.asarray(total + self._alike_texts[items])

    @cached_property
    def _alike_texts(self) -> NDArray[np.float64]:
        """The part of texts in it, where it has been worked out; NaN elsewhere: float64 ``[num_items]``."""
        return np.full(self.snapshot.num_items, np.nan)

    @cached_property
    def foretold(self) -> Foretold:
        """What content foretells of items that nobody holds."""
        return Foretold(self.part, self.channels.get("low"))

    @cached_property
    def inverse(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """``P`` of the ridge and its diagonal, over the seen items."""
        from kgrec.flow.channels.ease import inverse_gram

        inverse = inverse_gram(self.part, self.part.seen)
        return inverse, np.diag(inverse).copy()
