"""Edges that can be taken away, with their names."""

from __future__ import annotations

from kgrec.dataset.snapshot import INTERACTS
from kgrec.effects import EdgeSet
from kgrec.explain import verdicts
from kgrec.explain.names import Names
from kgrec.explain.types import Edge, Relation
from kgrec.explain.wording import Wording


def named_edges(names: Names, user: int, edges: EdgeSet, wording: Wording) -> tuple[Edge, ...]:
    """Edges with their names, interactions first.

    Args:
        names: of the snapshot's nodes.
        user: whose interactions they are.
        edges: ids.
        wording: the language.
    """
    snapshot, offsets = names.snapshot, names.snapshot.offsets
    ends = [(snapshot.user_type, user), *((snapshot.item_type, item) for item in edges.items)]
    ends += [end for fact in edges.facts for end in (fact.source, fact.target)]
    named = names.nodes(sorted({offsets[kind] + place for kind, place in ends}))
    had = Relation(INTERACTS, "forward", INTERACTS, "interaction")
    found = [((snapshot.user_type, user), had, (snapshot.item_type, item)) for item in edges.items]
    for fact in edges.facts:
        relation = Relation(fact.relation, "forward", wording.relations.label(fact.relation), "fact")
        found.append((fact.source, relation, fact.target))
    result = []
    for (kind, place), relation, (other_kind, other) in found:
        source, target = named[offsets[kind] + place], named[offsets[other_kind] + other]
        result.append(Edge(source, relation, target, verdicts.thing(source, relation, target, wording)))
    return tuple(result)
