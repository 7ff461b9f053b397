"""Edges that can be taken away, with their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kgrec.dataset.snapshot import INTERACTS
from kgrec.effects import EdgeSet
from kgrec.explain import verdicts
from kgrec.explain.names import Names
from kgrec.explain.types import Contrast, Edge, Node, Relation
from kgrec.explain.wording import Wording


def named_edges(names: Names, user: int | None, edges: EdgeSet, wording: Wording) -> tuple[Edge, ...]:
    """Edges with their names, interactions first.

    Args:
        names: of the snapshot's nodes.
        user: whose interactions they are; None for a person who is not in the graph.
        edges: ids.
        wording: the language.
    """
    snapshot, offsets = names.snapshot, names.snapshot.offsets
    ends = [(snapshot.item_type, item) for item in edges.items]
    ends += [end for fact in edges.facts for end in (fact.source, fact.target)]
    if user is not None:
        ends.append((snapshot.user_type, user))
    named = names.nodes(sorted({offsets[kind] + place for kind, place in ends}))
    unknown = Node("", snapshot.user_type, "you")
    person = unknown if user is None else named[offsets[snapshot.user_type] + user]
    had = Relation(INTERACTS, "forward", INTERACTS, "interaction")
    found = [(person, had, named[offsets[snapshot.item_type] + item]) for item in edges.items]
    for fact in edges.facts:
        source, target = (named[offsets[kind] + place] for kind, place in (fact.source, fact.target))
        label = wording.relations.label(fact.relation)
        found.append((source, Relation(fact.relation, "forward", label, "fact"), target))
    return tuple(Edge(*edge, verdicts.thing(*edge, wording)) for edge in found)


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
