"""Whether an explainer says the same thing twice, and whether it says another thing of another model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.explanations.edges import candidates_of
from benchmarks.explanations.ours import Chance, Method, Ranked, jaccard
from benchmarks.explanations.permute import Places, permuted, randomised, renamed
from benchmarks.explanations.world import World

SIZE = 5
"""Edges of an explanation that are compared."""
LEAST = 10
"""Edges that a pair has where models are compared: with fewer, any two answers overlap."""
SEED = 7


def stability(world: World, methods: Sequence[Method], pairs: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Each pair explained twice, and once more with all ids permuted: mean overlap of the first five edges, and how
    often they are the same."""
    other, places = permuted(world, SEED)
    rows = []
    for method in methods:
        again = [_overlap(world, method, world, None, u, i) for u, i in pairs.tolist()]
        moved = [_overlap(world, method, other, places, u, i) for u, i in pairs.tolist()]
        rows.append(
            {
                "dataset": world.name,
                "method": method.name,
                "pairs": len(pairs),
                "overlap_again": _mean(again),
                "same_again": _mean([one == 1.0 for one in again]),
                "overlap_permuted": _mean(moved),
                "same_permuted": _mean([one == 1.0 for one in moved]),
            }
        )
    return rows


def _overlap(world: World, method: Method, other: World, places: Places | None, user: int, item: int) -> float:
    """The smaller overlap of both sets of edges."""
    kind = world.snapshot.item_type
    first = method.explain(world, user, item)
    second = method.explain(other, user, item if places is None else int(places[kind][item]))

    def new(edges: Sequence[Any]) -> list[Any]:
        return list(edges) if places is None else [renamed(edge, kind, places) for edge in edges]

    return min(
        jaccard(new(one[:SIZE]), two[:SIZE])
        for one, two in ((first.necessary, second.necessary), (first.sufficient, second.sufficient))
    )


def sanity(world: World, methods: Sequence[Method], pairs: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Overlap of the first five edges with those for a model whose learned factors and gates are shuffled."""
    large = np.array([pair for pair in pairs.tolist() if len(candidates_of(world, *pair)) >= LEAST])
    other = randomised(world, SEED)
    rows = []
    for method in methods:
        if not isinstance(method, Ranked):
            continue
        # what two random orders share is the floor: they read no model
        chance = isinstance(method, Chance)
        overlap = [
            jaccard(*(method.explain(one, user, item).necessary[:SIZE] for one in (world, world if chance else other)))
            for user, item in large.tolist()
        ]
        name = "two random orders" if chance else method.name
        rows.append({"dataset": world.name, "method": name, "pairs": len(large), "overlap": _mean(overlap)})
    return rows


def _mean(values: Sequence[float | bool]) -> float:
    return round(float(np.mean(values)), 4) if len(values) else float("nan")
