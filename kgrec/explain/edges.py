"""Edges that can be taken away, with their names."""

from __future__ import annotations

from kgrec.dataset.snapshot import INTERACTS
from kgrec.effects import EdgeSet
from kgrec.explain import verdicts
from kgrec.explain.names import Names
from kgrec.explain.types import Edge, Node, Relation
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
