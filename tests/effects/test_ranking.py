"""Places over candidates, and whether an item is among the first."""

from __future__ import annotations

import numpy as np

from kgrec.effects import Ranking
from kgrec.recommend.topk import TIE


def test_within_is_what_the_place_says() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        # some equal, some apart by less and by more than a tie
        scores = (rng.integers(0, 12, 40) + TIE * rng.choice([0.0, 0.4, 0.9, 1.1, 3.0], 40)).astype(np.float32)
        ranking = Ranking(rng.random(40) < 0.8)
        for item in range(40):
            place, k = ranking.place(scores, item), int(rng.integers(1, 20))
            assert (place is None) == (not ranking.allowed[item])
            assert ranking.within(scores, item, k) == (place is not None and place <= k)
            inside += place is not None and place <= k
    assert 0 < inside < 300 * 40


def test_places_are_those_in_the_list_with_equals_by_id() -> None:
    scores = np.float32([1.0, 1.0 + 9e-7, 1.0 + 4e-7, 2.0])
    everything = Ranking(np.ones(4, dtype=bool))
    assert [everything.place(scores, item) for item in range(4)] == [2, 3, 4, 1]
    some = Ranking(np.array([True, False, False, True]))
    assert [some.place(scores, item) for item in range(4)] == [2, None, None, 1]
