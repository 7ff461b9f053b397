"""What an explanation of a pair may be made of: the user's interactions, and the facts on literal paths to the item."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.explanations.world import World
from kgrec.effects import Fact
from kgrec.effects.links import links_of

Edge = int | Fact
"""An item of the history, or a fact."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """The edges of one pair.

    Attributes:
        user, item: the pair.
        history: item ids, int64 ``[h]``.
        links: columns of the links that the item shares with an item of the history, int64 ``[x]``.
        facts: that such links stand for, sorted.
        entries: (item, place in ``links``) → places in ``facts``.
    """

    user: int
    item: int
    history: NDArray[np.int64]
    links: NDArray[np.int64]
    facts: tuple[Fact, ...]
    entries: dict[tuple[int, int], tuple[int, ...]]

    @property
    def edges(self) -> list[Edge]:
        """Interactions first."""
        return [*map(int, self.history), *self.facts]

    def __len__(self) -> int:
        return len(self.history) + len(self.facts)

    def order(self, importance: NDArray[np.float64]) -> list[Edge]:
        """The edges by falling importance; equal ones in their order here."""
        edges = self.edges
        return [edges[place] for place in np.argsort(-importance, kind="stable")]


def candidates_of(world: World, user: int, item: int) -> Candidates:
    """The edges of a pair."""
    history = world.person(user).items
    graph = world.effects.graph
    if graph is None:
        return Candidates(user, item, history, np.zeros(0, dtype=np.int64), (), {})
    rows = graph.rows
    links = np.intersect1d(rows[[item]].indices, rows[history].indices).astype(np.int64)
    place = {int(column): number for number, column in enumerate(links)}
    found: dict[tuple[int, int], set[Fact]] = {}
    for one in (item, *map(int, history)):
        if not np.isin(rows.indices[rows.indptr[one] : rows.indptr[one + 1]], links).any():
            continue
        node = (world.snapshot.item_type, one)
        for fact in graph.facts.of_node(node):
            for key in links_of(node, [fact]):
                column = place.get(graph.column.get(key, -1))
                if column is not None:
                    found.setdefault((one, column), set()).add(fact)
    facts = sorted(set().union(*found.values()))
    number = {fact: at for at, fact in enumerate(facts)}
    entries = {key: tuple(sorted(number[fact] for fact in of)) for key, of in sorted(found.items())}
    return Candidates(user, item, history, links, tuple(facts), entries)


def split(edges: Iterable[Edge]) -> tuple[frozenset[int], frozenset[Fact]]:
    """Interactions and facts."""
    items, facts = set(), set()
    for edge in edges:
        (facts.add(edge) if isinstance(edge, Fact) else items.add(int(edge)))
    return frozenset(items), frozenset(facts)
