"""A person's list without each edge that their explanations show, worked out beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.effects import EdgeSet, Fact
from kgrec.explain.listing import Listing
from kgrec.explain.types import Edge, Explanation, Path
from kgrec.explain.whatif import WhatIf, item_names, side_by_side
from kgrec.flow.hops import Node

Ends = tuple[str, str, str]
"""An edge as the graph holds it: IRI of its source, relation, IRI of its target."""
Cut = frozenset[Ends]
"""Edges that are taken away together."""


@dataclass(frozen=True)
class Without:
    """What a cut does.

    Attributes:
        edges: what is taken away.
        lists: the list as it is, and without the edges.
        effects: item key → score less the score without the edges, of the items that were asked for.
    """

    edges: tuple[Edge, ...]
    lists: WhatIf
    effects: Mapping[str, float]


def cut_of_hop(path: Path, position: int) -> Cut | None:
    """What is taken away for one hop of a path: the interaction or the fact that it is.

    A learned hop is no edge: it goes with the interaction that it starts from.  None where the hop is what somebody
    else did, which is held fixed.
    """
    hop, source, target = path.relations[position], path.nodes[position], path.nodes[position + 1]
    if hop.learned:
        return cut_of_hop(path, 0)
    if hop.kind == "interaction" and position > 0:
        return None
    ends = (source, target) if hop.direction == "forward" else (target, source)
    return frozenset([(ends[0].id, hop.name, ends[1].id)])


def cut_of_path(path: Path) -> Cut:
    """The path's own edges: its interaction and its facts."""
    return frozenset().union(*(cut_of_hop(path, position) or frozenset() for position in range(len(path.relations))))


def cut_of_edges(edges: Iterable[Edge]) -> Cut:
    """Edges that have names already."""
    return frozenset((edge.source.id, edge.relation.name, edge.target.id) for edge in edges)


def cuts_of(explanation: Explanation) -> list[Cut]:
    """Everything in an explanation that can be taken away: each edge, each path, the necessary set; each once."""
    found = [
        cut
        for path in explanation.paths
        for position in range(len(path.relations))
        if (cut := cut_of_hop(path, position))
    ]
    found += map(cut_of_path, explanation.paths)
    if explanation.causes is not None and explanation.causes.necessary:
        found.append(cut_of_edges(explanation.causes.necessary))
    return list(dict.fromkeys(found))


def lists_without(explainer: Listing, user: int, explanations: Sequence[Explanation], k: int) -> dict[Cut, Without]:
    """What each cut of some explanations of one user does to the user's list.

    Args:
        explainer: of the model.
        user: id.
        explanations: the user's.
        k: length of the lists.
    """
    listed, snapshot = explainer.scored(user), explainer.snapshot
    cuts = list(dict.fromkeys(cut for one in explanations for cut in cuts_of(one)))
    found = edge_sets(snapshot, cuts)
    items = {one.item: snapshot.item_id(one.item) for one in explanations}
    names, before = item_names(snapshot), (listed.ranking, listed.scores)
    wording = explainer.wordings.of(explanations[0].lang if explanations else None)
    result = {}
    for cut in cuts:
        edges = found[cut]
        scores = listed.score(edges.items, edges.facts)
        lists = WhatIf(*side_by_side(names, before, (listed.ranking, scores), k))
        effects = {key: float(listed.scores[item]) - float(scores[item]) for key, item in items.items()}
        result[cut] = Without(explainer.edges(user, edges, wording), lists, effects)
    return result


def nodes_of(snapshot: Snapshot, iris: Iterable[str]) -> dict[str, Node]:
    """IRI → node, of those that are there."""
    rows = snapshot.nodes.filter(pl.col("iri").is_in(sorted(iris))).select("iri", "type", "id")
    return {iri: (kind, int(place)) for iri, kind, place in rows.iter_rows()}


def edge_sets(snapshot: Snapshot, cuts: Iterable[Cut]) -> dict[Cut, EdgeSet]:
    """The cuts by ids; interactions and facts sorted."""
    nodes = nodes_of(snapshot, {iri for cut in cuts for source, _, target in cut for iri in (source, target)})
    found = {}
    for cut in cuts:
        # a person who is not in the graph has no IRI
        own = {one for one in cut if one[1] == INTERACTS and (not one[0] or nodes[one[0]][0] == snapshot.user_type)}
        items = sorted(nodes[target][1] for _, _, target in own)
        facts = sorted(Fact(nodes[source], relation, nodes[target]) for source, relation, target in cut - own)
        found[cut] = EdgeSet(tuple(items), tuple(facts))
    return found
