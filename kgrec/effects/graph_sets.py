"""Smallest sets of edges for models that are worked out over the whole graph: every step asks for scores again.

So only some edges are tried one by one, and the searches take these in the order of what each does alone: an answer is
the smallest set found, no proof that there is none smaller.  What a set is: :mod:`kgrec.effects.sets`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

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
"""Edges of a sufficient set without which it is tried again."""


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

    def without(self, edges: Sequence[EdgeSet]) -> NDArray[np.float32]:
        """Scores without some edges: float32 ``[num_items]``."""
        gone = joined(edges)
        return self.effects.score(self.user, self.history, Intervention.without(gone.items, gone.facts))

    def holds(self, item: int) -> bool:
        """Whether the item is among the first k."""
        return self._listed(self.scores, item)

    def _listed(self, scores: NDArray[np.float32], item: int) -> bool:
        # where all scores are the same nothing is recommended, whatever stands first
        return self.ranking.within(scores, item, self.k) and bool(np.ptp(scores[self.ranking.allowed]) > 0)

    def necessary(self, item: int, tried: Sequence[EdgeSet]) -> list[EdgeSet] | None:
        """The smallest set found among some edges without which an item of the list is not in it; None for none."""
        ahead = self._ahead(item, tried)
        order = [tried[n] for n in np.argsort(ahead[1:], kind="stable")[:MOST] if ahead[1 + n] < ahead[0]]
        return _fewest(order, lambda gone: not self._listed(self.without(gone), item))

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
        ahead = self._ahead(item, mine)
        order = [*(mine[n] for n in np.argsort(ahead[1:], kind="stable")), *others]

        def enough(kept: Sequence[EdgeSet]) -> bool:
            mine = set(kept)
            return self._listed(self.without([one for one in order if one not in mine]), item)

        # twice as many at each step, then between the last two
        low, high = -1, 0
        while high < len(order) and not enough(order[:high]):
            low, high = high, min(max(2 * high, 1), len(order))
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(order[:middle]) else (middle, high)
        kept = list(order[:high])
        for one in reversed(order[:high][:GIVEN_BACK]):
            rest = [other for other in kept if other is not one]
            if enough(rest):
                kept = rest
        return kept

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
        return effects, _fewest(order, lambda gone: difference(self.without(gone)) < 0)

    def _ahead(self, item: int, tried: Sequence[EdgeSet]) -> NDArray[np.float64]:
        """By how much the item is inside the list, as it is and without each edge: float64 ``[1 + len(tried)]``."""
        allowed = self.ranking.allowed
        rows = np.stack([self.scores, *(self.without([one]) for one in tried)])[:, allowed]
        return margin(rows.astype(np.float64), int(allowed[:item].sum()), self.k)


def single(items: Iterable[int], facts: Iterable[Fact]) -> list[EdgeSet]:
    """Interactions and facts as edges."""
    return [EdgeSet(items=(int(one),)) for one in items] + [EdgeSet(facts=(one,)) for one in facts]


def joined(edges: Sequence[EdgeSet]) -> EdgeSet:
    """Edges as one set."""
    return EdgeSet(
        tuple(item for one in edges for item in one.items), tuple(fact for one in edges for fact in one.facts)
    )


def _fewest(order: Sequence[EdgeSet], done: Callable[[Sequence[EdgeSet]], bool]) -> list[EdgeSet] | None:
    """Edges are taken away in this order until it is done, then what is superfluous is given back."""
    size = next((size for size in range(1, len(order) + 1) if done(order[:size])), None)
    if size is None:
        return None
    gone = list(order[:size])
    for one in order[:size]:
        rest = [other for other in gone if other is not one]
        if rest and done(rest):
            gone = rest
    return gone
