"""What puts one item above another, with its names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kgrec.effects import EdgeSet
from kgrec.effects.graph_sets import GraphSets, joined, single
from kgrec.effects.nearby import Nearby
from kgrec.explain import verdicts
from kgrec.explain.edges import named_edges
from kgrec.explain.names import Names
from kgrec.explain.types import Contrast
from kgrec.explain.wording import Wording

ROUNDING = 1e-6
"""Of the scores' size: a smaller effect is none."""


def named_contrast(
    names: Names,
    user: int | None,
    item: int,
    other: int,
    difference: float,
    edges: Sequence[tuple[EdgeSet, float]],
    turned: EdgeSet | None,
    wording: Wording,
) -> Contrast:
    """What puts an item above another one, or the other above it, in words.

    Args:
        names: of the snapshot's nodes.
        user: whose list.
        item, other: ids of the explained item and of the one it is compared with.
        difference: score of the first less that of the second.
        edges: one each, with its effect on the difference, in the order in which they are told.
        turned: without which the order is the other way round.
        wording: the language.
    """
    offset = names.snapshot.offsets[names.snapshot.item_type]
    nodes = names.nodes(sorted({offset + item, offset + other}))
    above, below = (item, other) if difference >= 0 else (other, item)
    told = tuple(
        replace(edge, effect=effect) for one, effect in edges for edge in named_edges(names, user, one, wording)
    )
    ends = nodes[offset + above], nodes[offset + below]
    text = verdicts.contrast(*ends, [edge.text for edge in told], wording.language) if told else ""
    return Contrast(
        names.keys([offset + other])[offset + other],
        nodes[offset + other].label,
        above == item,
        difference,
        told,
        None if turned is None else named_edges(names, user, turned, wording),
        text,
    )


def nearby_contrast(
    listed: GraphSets, nearby: Nearby, names: Names, pair: tuple[int, int], tried: int, shown: int, wording: Wording
) -> Contrast:
    """The same for models that are asked again and again, by the edges that are nearest.

    Args:
        listed: scores the person's list.
        nearby: orders edges.
        names: of the snapshot's nodes.
        pair: the explained item and the one it is compared with.
        tried: so many interactions, those nearest to the item above, and as many facts of either item.
        shown: how many edges are told, those that do most.
        wording: the language.
    """
    difference = float(listed.scores[pair[0]]) - float(listed.scores[pair[1]])
    above, below = pair if difference >= 0 else pair[::-1]
    facts = dict.fromkeys(fact for one in (above, below) for fact in nearby.about(listed.history, one)[:tried])
    edges = single(nearby.interactions(listed.history, above)[:tried], facts)
    effects, turned = listed.contrast(above, below, edges)
    least = ROUNDING * float(np.abs(listed.scores).max())
    most = [n for n in np.argsort(-effects, kind="stable").tolist() if effects[n] > least][:shown]
    told = [(edges[n], float(effects[n])) for n in most]
    together = None if turned is None else joined(turned)
    return named_contrast(names, listed.user, *pair, difference, told, together, wording)
