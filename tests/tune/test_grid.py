"""The grid search finds what trying everything finds, on one hill; it goes on from what is known."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest

from kgrec.tune.grid import Point, search

LARGE = {"a": tuple(range(12)), "b": tuple(range(9)), "c": tuple(range(7))}


def hill(top: tuple[float, float, float]):
    def measure(settings: Mapping[str, Any]) -> float:
        a, b, c = settings["a"] - top[0], settings["b"] - top[1], settings["c"] - top[2]
        return -(a * a + b * b + c * c + 1.2 * a * b)  # a slanted ridge: single parameters would stick on it

    return measure


@pytest.mark.parametrize("top", [(7.2, 3.1, 4.4), (0.0, 8.0, 6.0), (11.0, 0.0, 0.0), (5.4, 5.6, 1.0)])
def test_one_hill_is_climbed(top: tuple[float, float, float]) -> None:
    measure = hill(top)
    calls = []
    found = search(LARGE, lambda settings: calls.append(1) or measure(settings))
    everything = max(measure(dict(zip(LARGE, point))) for point in product(*LARGE.values()))
    assert found.value == everything
    assert found.tried == len(calls) < 12 * 9 * 7 / 2
    expected = {
        name
        for name, values in LARGE.items()
        if found.settings[name] == values[-1]  # 0 is no edge
    }
    assert set(found.edges) == expected


def test_a_small_grid_is_tried_whole_and_ties_go_to_the_first() -> None:
    found = search({"x": (3.0, 1.0, 2.0)}, lambda settings: 5.0)
    assert (found.settings, found.tried, found.edges) == ({"x": 3.0}, 3, ("x",))
    jagged = {1.0: 0.0, 2.0: 9.0, 3.0: 1.0, 4.0: 2.0}
    found = search({"x": tuple(jagged)}, lambda settings: jagged[settings["x"]])
    assert (found.settings, found.value, found.edges) == ({"x": 2.0}, 9.0, ())


def test_goes_on_from_what_is_known() -> None:
    measure, kept = hill((7.2, 3.1, 4.4)), dict[Point, float]()
    whole = search(LARGE, measure, remember=kept.__setitem__)
    half = dict(list(kept.items())[: len(kept) // 2])
    new = dict[Point, float]()
    again = search(LARGE, measure, half, new.__setitem__)
    assert again == whole
    assert set(new) == set(kept) - set(half)
