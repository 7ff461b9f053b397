"""The one judge of all methods: the model's scores after the intervention, recomputed exactly.

Necessity: without the edges the item leaves the list.  Sufficiency: with these edges alone, the rest of the history and
of the item's facts gone, it stays.  F is the harmonic mean of their two probabilities (Tan et al., Counterfactual
explainable recommendation, CIKM 2021).  What may stand in the list is the same before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.explanations.edges import Edge, split
from benchmarks.explanations.world import K, World
from kgrec.effects import Fact, Intervention
from kgrec.effects.links import LinkEdit
from kgrec.evaluation.bootstrap import Bootstrap, percentile_interval

SIZES = (1, 3, 5)
RESAMPLES, SEED = 1000, 0


class Judge:
    """Judges explanations of one model; the answers are remembered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[tuple[str, int, int, frozenset[Edge]], bool] = {}

    def necessary(self, user: int, item: int, edges: Sequence[Edge]) -> bool:
        """Whether the item is not in the list without them."""
        key = ("without", user, item, frozenset(edges))
        if key not in self._known:
            scores = self.world.effects.score(self.world.person(user), Intervention.without(*split(edges)))
            self._known[key] = not self._listed(user, item, scores)
        return self._known[key]

    def sufficient(self, user: int, item: int, edges: Sequence[Edge]) -> bool:
        """Whether the item is in the list with them alone."""
        key = ("with", user, item, frozenset(edges))
        if key not in self._known:
            effects, person = self.world.effects, self.world.person(user)
            items, facts = split(edges)
            gone = frozenset(person.items.tolist()) - items
            scores = effects.score(person, Intervention(drop_items=gone))
            scores = scores + effects.by_links(person.edited(gone, frozenset()), self._bare(item, facts))
            self._known[key] = self._listed(user, item, scores)
        return self._known[key]

    def _bare(self, item: int, kept: frozenset[Fact]) -> LinkEdit | None:
        """The item's links when it has these facts alone."""
        if self.world.effects.graph is None:
            return None
        mine = self.world.effects.facts.of_node((self.world.snapshot.item_type, item))
        return self.world.effects.edit(mine - kept, frozenset())

    def _listed(self, user: int, item: int, scores: NDArray[np.float32]) -> bool:
        place = self.world.ranking(user).place(scores, item)
        return place is not None and place <= K

    def of(self, user: int, item: int, necessary: Sequence[Edge], sufficient: Sequence[Edge]) -> list[tuple[int, int]]:
        """(necessity, sufficiency) of the first 1, 3 and 5 edges."""
        return [
            (
                int(self.necessary(user, item, necessary[:size])),
                int(self.sufficient(user, item, sufficient[:size])),
            )
            for size in SIZES
        ]


@dataclass(frozen=True)
class Figures:
    """Probabilities of necessity and sufficiency, F, and its 95 % interval over users."""

    pn: float
    ps: float
    f: float
    low: float
    high: float


def figures(users: NDArray[np.int64], pn: NDArray[np.int64], ps: NDArray[np.int64]) -> Figures:
    """Over pairs; users are drawn with all their pairs."""
    draws = _draws(users, np.stack([pn, ps], axis=1))
    low, high = percentile_interval(draws[:, None])
    return Figures(float(pn.mean()), float(ps.mean()), float(_f(pn.mean(), ps.mean())), float(low[0]), float(high[0]))


def difference(
    users: NDArray[np.int64], mine: NDArray[np.int64], other: NDArray[np.int64]
) -> tuple[float, float, float]:
    """F of one method less F of another on the same pairs, with its 95 % interval over the same draws of users.

    Args:
        mine, other: necessity and sufficiency, int64 ``[pairs, 2]``.
    """
    low, high = percentile_interval((_draws(users, mine) - _draws(users, other))[:, None])
    return float(_f(*mine.mean(axis=0)) - _f(*other.mean(axis=0))), float(low[0]), float(high[0])


def _draws(users: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.float64]:
    """F in each resample of the users: float64 ``[resamples]``."""
    _, row = np.unique(users, return_inverse=True)
    sums = np.stack([np.bincount(row, one) for one in (*values.T, np.ones(len(row)))], axis=1).astype(np.float64)
    means = Bootstrap(len(sums), RESAMPLES, SEED).means(sums)
    return _f(means[:, 0] / means[:, 2], means[:, 1] / means[:, 2])


def _f(pn: NDArray[np.float64] | float, ps: NDArray[np.float64] | float) -> NDArray[np.float64]:
    total = np.asarray(pn, dtype=np.float64) + ps
    return np.where(total > 0, 2 * pn * ps / np.where(total > 0, total, 1.0), 0.0)
