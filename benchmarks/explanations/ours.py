"""What the flow says of itself: sets that were searched for, effects, shares; and chance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.explanations.edges import Candidates, Edge, candidates_of
from benchmarks.explanations.world import K, World
from kgrec.effects import EdgeSet, SetSearch
from kgrec.effects.board import Board


@dataclass(frozen=True)
class Answer:
    """Edges in the order in which they are to be taken.

    Attributes:
        necessary: those that are taken away.
        sufficient: those that are kept.
        sizes: of the sets, where the method gives sets: necessary, sufficient; None where there is none.
    """

    necessary: tuple[Edge, ...]
    sufficient: tuple[Edge, ...]
    sizes: tuple[int | None, int | None] | None = None


class Method(ABC):
    """One way of explaining.

    Attributes:
        name: as it stands in the table.
        ranks: whether it orders all edges of a pair, and can be asked about any item.
        slow: whether it takes over 0.1 s a pair.
    """

    name: str
    ranks = True
    slow = False

    @abstractmethod
    def explain(self, world: World, user: int, item: int) -> Answer:
        """Explains one pair."""


class Ranked(Method):
    """An order of the pair's edges: the first are taken for both."""

    @abstractmethod
    def importance(self, world: World, pair: Candidates) -> NDArray[np.float64]:
        """Of each edge, float64 ``[len(pair)]``: more is taken first."""

    def explain(self, world: World, user: int, item: int) -> Answer:
        pair = candidates_of(world, user, item)
        order = tuple(pair.order(self.importance(world, pair)))
        return Answer(order, order)


class Sets(Method):
    """The smallest necessary and the smallest sufficient set that the greedy search finds."""

    name = "sets (ours)"
    ranks = False

    def explain(self, world: World, user: int, item: int) -> Answer:
        search = SetSearch(world.effects, world.person(user), world.ranking(user), K)
        return sets_of(search, candidates_of(world, user, item))


def sets_of(search: SetSearch, pair: Candidates) -> Answer:
    """Both sets of one item of a list."""
    out, kept = search.necessary(pair.item, pair.facts), search.sufficient(pair.item)
    size = (None if out is None else len(out), None if kept is None else len(kept))
    return Answer(_edges(out), _edges(kept), size)


def _edges(found: EdgeSet | None) -> tuple[Edge, ...]:
    return () if found is None else (*found.items, *found.facts)


class Effect(Ranked):
    """By how much the item's score falls without the edge, recomputed."""

    name = "effect (ours)"

    def importance(self, world: World, pair: Candidates) -> NDArray[np.float64]:
        effects, person = world.effects, world.person(pair.user)
        # the item is not in the history, so that walks over the person's own node do not reach it
        whole, without = Board(person, np.array([pair.item])).without_each()
        of_facts = np.zeros(len(pair.facts))
        for place, fact in enumerate(pair.facts):
            edit = effects.edit(frozenset([fact]), frozenset())
            of_facts[place] = -effects.by_links(person, edit)[pair.item]
        return np.concatenate([(whole - without)[:, 0], of_facts])


class Share(Ranked):
    """What the paths over the edge carry of the score: its weights alone, nothing recomputed."""

    name = "share (weights)"

    def importance(self, world: World, pair: Candidates) -> NDArray[np.float64]:
        person, graph = world.person(pair.user), world.effects.graph
        factors = person.scorer.factors(person.history, pair.item, person.users)
        importance = np.zeros(len(pair))
        h = len(pair.history)
        by_link = np.zeros((h, len(pair.links)))
        for channel, factor in zip(world.flow.channels, factors):
            weight = channel.weights(pair.history, pair.item)
            importance[:h] += factor * weight
            if graph is not None and channel.family == "kg":
                together = channel.name == "kg"
                rows = graph.rows if together else graph.links.by_relation[channel.name.split(":", 1)[1]]
                paths = rows[pair.history][:, pair.links].toarray() * rows[[pair.item]][:, pair.links].toarray()
                by_link += factor[:, None] * (paths * (weight != 0)[:, None] if together else paths)
        place = {int(one): number for number, one in enumerate(pair.history)}
        for (one, link), facts in pair.entries.items():
            carried = by_link[:, link].sum() if one == pair.item else by_link[place[one], link]
            for fact in facts:
                importance[h + fact] += carried
        return importance


class Chance(Ranked):
    """Edges at random."""

    name = "random"

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def importance(self, world: World, pair: Candidates) -> NDArray[np.float64]:
        return self._rng.random(len(pair))


def jaccard(one: Sequence[Edge], other: Sequence[Edge]) -> float:
    """Overlap of two sets of edges; 1 where both are empty."""
    first, second = set(one), set(other)
    return len(first & second) / len(first | second) if first | second else 1.0
