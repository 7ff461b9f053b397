"""Smallest sets of edges for models that are worked out over the whole graph: every step asks for scores again.

So only some edges are tried one by one, and the searches take these in the order of what each does alone: an answer is
the smallest set found, no proof that there is none smaller.  What a set is: :mod:`kgrec.effects.sets`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from kgrec.effects.graph import GraphEffects
from kgrec.effects.greedy import margin
from kgrec.effects.intervention import Fact, Intervention
from kgrec.effects.ranking import Ranking
from kgrec.effects.sets import EdgeSet

MOST = 10
"""Edges that are taken away together."""
GIVEN_BACK = 20
"""Edges of a set that is found without which it is tried again."""


class GraphSets:
    """Searches for one person's list.

    Edges are sets of one edge each.

    Args:
        effects: of the model.
        user: whose list; None for somebody whom the model never saw.
        history: the person's interactions.
        ranking: which items may stand in it.
        k: its length.
    """

    def __init__(
        self, effects: GraphEffects, user: int | None, history: NDArray[np.int64], ranking: Ranking, k: int
    ) -> None:
        self.effects, self.user, self.history, self.ranking, self.k = effects, user, history, ranking, k
        self.scores = effects.score(user, history)
        self._margins: dict[tuple[int, EdgeSet], float] = {}

    def without(self, edges: Sequence[EdgeSet]) -> NDArray[np.float32]:
        """Scores without some edges: float32 ``[num_items]``."""
        gone = joined(edges)
        return self.effects.score(self.user, self.history, Intervention.without(gone.items, gone.facts))

    def score(self, items: Iterable[int] = (), facts: Iterable[Fact] = ()) -> NDArray[np.float32]:
        """Scores without these interactions and facts: float32 ``[num_items]``."""
        return self.without([EdgeSet(tuple(items), tuple(facts))])

    def scores_without(self, sets: Sequence[Iterable[int]]) -> Iterator[NDArray[np.float32]]:
        """Scores without each set of interactions."""
        return (self.score(one) for one in sets)

    def holds(self, item: int) -> bool:
        """Whether the item is among the first k."""
        return self._listed(self.scores, item)

    def _listed(self, scores: NDArray[np.float32], item: int) -> bool:
        # where all scores are the same nothing is recommended, whatever stands first
        return self.ranking.within(scores, item, self.k) and bool(np.ptp(scores[self.ranking.allowed]) > 0)

    def necessary(self, item: int, tried: Sequence[EdgeSet]) -> list[EdgeSet] | None:
        """The smallest set found among some edges without which an item of the list is not in it; None for none."""
        whole = self._ahead(item, EdgeSet())
        order = [one for one in self._ordered(item, tried)[:MOST] if self._ahead(item, one) < whole]
        return fewest(order, lambda gone: not self._listed(self.without(gone), item))

    def sufficient(self, item: int, tried: Sequence[EdgeSet], others: Sequence[EdgeSet] = ()) -> list[EdgeSet]:
        """The smallest set found that alone keeps an item of the list in it, the rest of these edges gone.

        Args:
            item: in the list.
            tried: edges that are tried one by one, too; those that are neither the person's nor the item's stay
                where they are.
            others: the rest of the person's interactions and of the item's facts, the nearest first.
        """
        own = (self.effects.snapshot.item_type, item)
        mine = [one for one in tried if all(own in (fact.source, fact.target) for fact in one.facts)]
        order = [*self._ordered(item, mine), *others]

        def enough(kept: Sequence[EdgeSet]) -> bool:
            mine = set(kept)
            return self._listed(self.without([one for one in order if one not in mine]), item)

        # with all of them nothing is gone
        return fewest(order, enough, least=0) or []

    def contrast(
        self, above: int, below: int, tried: Sequence[EdgeSet]
    ) -> tuple[NDArray[np.float64], list[EdgeSet] | None]:
        """What puts one item above another.

        Returns:
            for each edge its effect on the difference of the two scores, float64 ``[len(tried)]``; and the smallest set
            found among them without which the second stands above the first, None where there is none.
        """

        def difference(scores: NDArray[np.float32]) -> float:
            return float(scores[above]) - float(scores[below])

        whole = difference(self.scores)
        effects = np.array([whole - difference(self.without([one])) for one in tried], dtype=np.float64)
        order = [tried[n] for n in np.argsort(-effects, kind="stable")[:MOST] if effects[n] > 0]
        return effects, fewest(order, lambda gone: difference(self.without(gone)) < 0)

    def _ordered(self, item: int, edges: Sequence[EdgeSet]) -> list[EdgeSet]:
        """Edges by how far the item would stand inside the list without each, those that hold it there first."""
        return sorted(edges, key=lambda one: self._ahead(item, one))

    def _ahead(self, item: int, gone: EdgeSet) -> float:
        """By how much the item is inside the list without some edges."""
        if (item, gone) not in self._margins:
            allowed = self.ranking.allowed
            row = self.without([gone])[None, allowed].astype(np.float64)
            self._margins[item, gone] = float(margin(row, int(allowed[:item].sum()), self.k)[0])
        return self._margins[item, gone]


def single(items: Iterable[int], facts: Iterable[Fact]) -> list[EdgeSet]:
    """Interactions and facts as edges."""
    return [EdgeSet(items=(int(one),)) for one in items] + [EdgeSet(facts=(one,)) for one in facts]


def joined(edges: Sequence[EdgeSet]) -> EdgeSet:
    """Edges as one set."""
    return EdgeSet(
        tuple(item for one in edges for item in one.items), tuple(fact for one in edges for fact in one.facts)
    )


def fewest(order: Sequence[EdgeSet], done: Callable[[Sequence[EdgeSet]], bool], least: int = 1) -> list[EdgeSet] | None:
    """The first edges with which it is done, then what is superfluous among them is given back.

    Args:
        order: of the edges, those that do most first.
        done: whether some of them are enough; every question is worked out.
        least: how many there are at least, 0 or 1.

    Returns:
        None where not even all of them are enough.
    """
    # twice as many at each step, then between the last two
    low, high = least - 1, least
    while not done(order[:high]):
        if high >= len(order):
            return None
        low, high = high, min(max(2 * high, 1), len(order))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if done(order[:middle]) else (middle, high)
    some = list(order[:high])
    for one in reversed(order[:high][:GIVEN_BACK]):
        rest = [other for other in some if other is not one]
        if len(rest) >= least and done(rest):
            some = rest
    return some
