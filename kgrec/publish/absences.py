"""What is stored of interventions: a user's list as it would be without an interaction, a fact or an entity.

Looked at are every interaction of the user, the entities that most of the facts between history and list go through,
and the facts on the published paths and from the items to these entities: of others it is not known how they would move
the list, so that "the entity which moves most" is the one among those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kgrec.effects import EdgeSet
from kgrec.explain.listing import Listing, Scored
from kgrec.explain.types import Edge, Explanation, Node
from kgrec.explain.without import cut_of_path, edge_sets, nodes_of

Kind = Literal["interaction", "fact", "entity"]


@dataclass(frozen=True)
class Place:
    """One place of a list.

    Attributes:
        item: the node.
        rank: from 1; was: in the list as it is, None outside.
    """

    item: Node
    rank: int
    was: int | None


@dataclass(frozen=True)
class Absence:
    """A user's list without something.

    Attributes:
        kind: what is taken away: an ``interaction``, a ``fact``, or an ``entity`` with all its facts.
        nodes: the item, both ends of the fact, or the entity.
        relation: of the fact; None for others.
        text: what is taken away, as a noun.
        effect: what the items of the list lose together, score less score without it.
        shows: the list without it.
        gone: items that are in the list no more, with their ranks.
    """

    kind: Kind
    nodes: tuple[Node, ...]
    relation: str | None
    text: str
    effect: float
    shows: tuple[Place, ...]
    gone: tuple[tuple[Node, int], ...]

    @property
    def name(self) -> str:
        """``without <label>``; of a fact the label of what it is about."""
        return f"without {self.nodes[-1].label}"

    @property
    def key(self) -> tuple[str, ...]:
        """Tells it from the user's others: the kind, the nodes and the relation, in the order of the fact."""
        ids = tuple(node.id for node in self.nodes)
        return (self.kind, *ids) if self.relation is None else (self.kind, ids[0], self.relation, ids[1])


class Absences:
    """Works out lists without something.

    Args:
        explainer: of the model.
        k: length of a list.
        lang: language tag of the nouns; by default the explainer's.
    """

    def __init__(self, explainer: Listing, k: int, lang: str | None = None) -> None:
        self.explainer, self.k, self.lang = explainer, k, lang

    def of(self, user: int, explanations: Sequence[Explanation]) -> list[Absence]:
        """Of one user: interactions by item, then facts, then entities.

        Args:
            user: id in the snapshot.
            explanations: of the items of the user's list.
        """
        listed = self.explainer.scored(user)
        before = listed.ranking.top(listed.scores, self.k)
        found = [*self._interactions(user, listed), *self._facts(listed, explanations)]
        named = self._named(user, found)
        return [self._edge(edge, before, listed, scores) for edge, (_, scores) in zip(named, found)] + [
            self._absence("entity", (node,), None, self._quoted(node), before, listed, scores)
            for node, scores in self._entities(user, explanations)
        ]

    # --- scores without

    def _interactions(self, user: int, listed: Scored) -> Iterator[tuple[EdgeSet, NDArray[np.float32]]]:
        items = self.explainer.history(user).tolist()
        for item, scores in zip(items, listed.scores_without([[item] for item in items])):
            yield EdgeSet((item,)), scores

    def _facts(
        self, listed: Scored, explanations: Iterable[Explanation]
    ) -> Iterator[tuple[EdgeSet, NDArray[np.float32]]]:
        snapshot = self.explainer.snapshot
        cuts = {cut for one in explanations for path in one.paths if (cut := cut_of_path(path))}
        facts = {fact for edges in edge_sets(snapshot, cuts).values() for fact in edges.facts}
        entities = nodes_of(snapshot, {node.id for one in explanations for node in entities_of(one)})
        for one in explanations:
            between = {entities[node.id] for node in entities_of(one)}
            own = self.explainer.facts.of_node((snapshot.item_type, snapshot.item_id(one.item)))
            facts |= {fact for fact in own if {fact.source, fact.target} & between}
        for fact in sorted(facts):
            yield EdgeSet((), (fact,)), listed.score((), [fact])

    def _entities(self, user: int, explanations: Iterable[Explanation]) -> Iterator[tuple[Node, NDArray[np.float32]]]:
        through = {node.id: node for explanation in explanations for node in entities_of(explanation)}
        nodes = nodes_of(self.explainer.snapshot, through)
        for iri in sorted(through):
            yield through[iri], self.explainer.without_entity(user, nodes[iri])

    # --- words

    def _named(self, user: int, found: Sequence[tuple[EdgeSet, NDArray[np.float32]]]) -> tuple[Edge, ...]:
        items = tuple(item for edges, _ in found for item in edges.items)
        facts = tuple(fact for edges, _ in found for fact in edges.facts)
        return self.explainer.edges(user, EdgeSet(items, facts), self.explainer.wordings.of(self.lang))

    def _quoted(self, node: Node) -> str:
        return self.explainer.wordings.of(self.lang).language.quoted(node.label)

    def _edge(self, edge: Edge, before: NDArray[np.int64], listed: Scored, scores: NDArray[np.float32]) -> Absence:
        if edge.relation.kind == "interaction":
            return self._absence("interaction", (edge.target,), None, edge.text, before, listed, scores)
        ends = (edge.source, edge.target)
        return self._absence("fact", ends, edge.relation.name, edge.text, before, listed, scores)

    def _absence(
        self,
        kind: Kind,
        nodes: tuple[Node, ...],
        relation: str | None,
        text: str,
        before: NDArray[np.int64],
        listed: Scored,
        scores: NDArray[np.float32],
    ) -> Absence:
        after = listed.ranking.top(scores, self.k)
        ranks = {int(item): rank for rank, item in enumerate(before, 1)}
        items = dict.fromkeys([*map(int, before), *map(int, after)])
        named = dict(zip(items, self.explainer.items(list(items))))
        effect = float(listed.scores[before].sum(dtype=np.float64) - scores[before].sum(dtype=np.float64))
        shows = tuple(Place(named[item], rank, ranks.get(item)) for rank, item in enumerate(map(int, after), 1))
        staying = set(map(int, after))
        gone = tuple((named[item], rank) for item, rank in ranks.items() if item not in staying)
        return Absence(kind, nodes, relation, text, effect, shows, gone)


def entities_of(explanation: Explanation) -> list[Node]:
    """What facts between history and item go through: the entities that most do, else those on the paths."""
    if explanation.entities:
        return [through.node for through in explanation.entities]
    inner = {}
    for path in explanation.paths:
        for place, node in enumerate(path.nodes[1:-1]):
            if path.relations[place].kind == path.relations[place + 1].kind == "fact":
                inner[node.id] = node
    return list(inner.values())
