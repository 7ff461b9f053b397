"""The best point of a grid, on validation data.

A small grid is tried whole.  A large one is tried at every third value of each parameter; from the best of these, all
neighbours (one step along any of the parameters together) are tried and the best point moved to, until no neighbour is
better.  So the point that is found is better than all around it, and ``edges`` says where the grid itself ended it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

WHOLE = 40
"""Points up to which a grid is tried whole."""
COARSE = 3

Point = tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """The best point.

    Attributes:
        settings: parameter → value.
        value: what it reaches.
        tried: how many points were tried.
        edges: parameters whose best value is the first or last of several in the grid.
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

    def best_of(points: Sequence[Point]) -> Point:
        for point in points:
            tried.add(point)
            if point not in values:
                values[point] = measure(settings_at(point))
                remember(point, values[point])
        return min(points, key=lambda point: (-values[point], point))

    sizes = [len(axis) for axis in axes]
    if _count(sizes) <= WHOLE:
        best = best_of(list(product(*map(range, sizes))))
    else:
        best = best_of(list(product(*(range(min(1, size - 1), size, COARSE) for size in sizes))))
        while True:
            around = product(*(range(max(i - 1, 0), min(i + 2, size)) for i, size in zip(best, sizes)))
            better = best_of(list(around))
            if values[better] <= values[best]:
                break
            best = better
    edges = tuple(name for name, size, i in zip(names, sizes, best) if size > 1 and i in (0, size - 1))
    return Found(settings_at(best), values[best], len(tried), edges)


def _count(sizes: Sequence[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total
