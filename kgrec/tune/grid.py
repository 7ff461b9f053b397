"""The best point of a grid, on validation data.

A small grid is tried whole.  A large one is tried at every third value of each parameter; from each of the best three
of these, all neighbours (one step along any of the parameters together) are tried and the best point moved to, until no
neighbour is better.  So the point that is found is better than all around it, and ``edges`` says where the grid itself
ended it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

WHOLE = 250
"""Points up to which a grid is tried whole."""
COARSE = 3
STARTS = 3

Point = tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """The best point.

    Attributes:
        settings: parameter → value.
        value: what it reaches.
        tried: how many points were tried.
        edges: parameters whose best value is the first or last of several in the grid and not 0, their own end.
    """

    settings: Mapping[str, float]
    value: float
    tried: int
    edges: tuple[str, ...]


def search(
    grid: Mapping[str, Sequence[float]],
    measure: Callable[[Mapping[str, Any]], float],
    known: Mapping[Point, float] | None = None,
    remember: Callable[[Point, float], None] = lambda point, value: None,
) -> Found:
    """Maximises ``measure`` over a grid; of equals the one with the lower indices is taken.

    Args:
        grid: parameter → its values, in order.
        measure: settings → figure, higher is better.
        known: figures from an earlier, interrupted search, by indices into the grid.
        remember: is told every new figure.
    """
    names, axes = list(grid), [list(values) for values in grid.values()]
    values = dict(known or {})
    tried: set[Point] = set()

    def settings_at(point: Point) -> dict[str, float]:
        return {name: axis[i] for name, axis, i in zip(names, axes, point)}

    def ranked(points: Iterable[Point]) -> list[Point]:
        listed = list(points)
        for point in listed:
            tried.add(point)
            if point not in values:
                values[point] = measure(settings_at(point))
                remember(point, values[point])
        return sorted(listed, key=lambda point: (-values[point], point))

    sizes = [len(axis) for axis in axes]
    if math.prod(sizes) <= WHOLE:
        best = ranked(product(*map(range, sizes)))[0]
    else:
        tops = []
        for top in ranked(product(*(range(min(1, size - 1), size, COARSE) for size in sizes)))[:STARTS]:
            while True:
                around = product(*(range(max(i - 1, 0), min(i + 2, size)) for i, size in zip(top, sizes)))
                better = ranked(around)[0]
                if values[better] <= values[top]:
                    break
                top = better
            tops.append(top)
        best = ranked(tops)[0]
    found = settings_at(best)
    edges = tuple(
        name for name, size, i in zip(names, sizes, best) if size > 1 and i in (0, size - 1) and found[name] != 0
    )
    return Found(found, values[best], len(tried), edges)
