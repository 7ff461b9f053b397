"""What an explanation is made of: frozen, plain values that turn into JSON as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Direction = Literal["forward", "reverse"]
Kind = Literal["interaction", "fact", "co-preference", "similarity", "latent", "sequence"]
"""What a hop is: an edge of the training graph (the first two), or something learned."""


@dataclass(frozen=True)
class Node:
    """A node of a path.

    Attributes:
        id: its IRI; empty for a person who is not in the graph.
        type: node type name.
        label: what people call it.
    """

    id: str
    type: str
    label: str


@dataclass(frozen=True)
class Relation:
    """One hop of a path: an edge of the training graph, or a learned step from item to item, which is no fact.

    Attributes:
        name: relation name in the snapshot; of a learned hop its kind.
        direction: ``forward`` where the path walks the edge from its source to its target, else ``reverse``.
        label: the relation as people read it; the name where the data give no label.
        kind: of the hop.
        support: of a learned hop: how many training users hold both ends.
    """

    name: str
    direction: Direction
    label: str
    kind: Kind = "fact"
    support: int | None = None

    @property
    def learned(self) -> bool:
        """Whether it is no edge of the training graph."""
        return self.kind not in ("interaction", "fact")

    def to_dict(self) -> dict[str, Any]:
        content: dict[str, Any] = {"name": self.name, "direction": self.direction, "kind": self.kind}
        return content | ({"support": self.support} if self.learned else {})


@dataclass(frozen=True)
class Path:
    """A path from the user to the item.

    Attributes:
        nodes: user first, item last; no node twice.
        relations: ``relations[j]`` joins ``nodes[j]`` to ``nodes[j + 1]``.
        weight: what the model's arithmetic puts on the path; of a flow it may be negative.
        text: the path as one sentence.
        meeting: of a propagation, where both sides can meet at several nodes: position of the one that carries the
            largest part of the weight.
        channels: of a flow: the channels that the path is part of.
        effect: the score less the score without the path's edges (its interaction and its facts; what was
            learned is held fixed), worked out anew; edges serve many paths, so it is not the share.
        rank_without: the item's place without these edges, where it may stand in the list.
    """

    nodes: tuple[Node, ...]
    relations: tuple[Relation, ...]
    weight: float
    text: str
    meeting: int = 0
    channels: tuple[str, ...] = ()
    effect: float | None = None
    rank_without: int | None = None

    @property
    def share(self) -> float:
        """Its additive part of the score, in the score's unit: with the prior, shares sum up to the score."""
        return self.weight

    @property
    def literal(self) -> bool:
        """Whether every hop is an edge of the training graph."""
        return not any(hop.learned for hop in self.relations)

    def to_dict(self) -> dict[str, Any]:
        return {
            "nodes": [{"id": node.id, "type": node.type, "label": node.label} for node in self.nodes],
            "relations": [hop.to_dict() for hop in self.relations],
            "weight": self.weight,
            "share": self.share,
            "effect": self.effect,
            "rank_without": self.rank_without,
            "text": self.text,
            "channels": list(self.channels),
            "literal": self.literal,
        }


@dataclass(frozen=True)
class Edge:
    """One edge that can be taken away: an interaction of the person, or a fact.

    Attributes:
        source, target: its ends as the graph holds it.
        relation: of the edge.
        text: the edge as a noun.
        effect: of a contrast: what it does to the difference of the two scores.
    """

    source: Node
    relation: Relation
    target: Node
    text: str
    effect: float | None = None

    def to_dict(self) -> dict[str, Any]:
        ends = {
            side: {"id": node.id, "type": node.type, "label": node.label}
            for side, node in (("source", self.source), ("target", self.target))
        }
        content = {**ends, "relation": self.relation.name, "kind": self.relation.kind, "text": self.text}
        return content if self.effect is None else content | {"effect": self.effect}


@dataclass(frozen=True)
class Contrast:
    """What puts the item above another one, or the other above it.

    Attributes:
        other: key of the other item; label: what people call it.
        above: whether the explained item stands above it.
        difference: score of the explained item less that of the other.
        edges: the interactions that do most for the one above against the one below, with their effects on the
            difference.
        turned_by: the smallest set found without which the order is the other way round; None where there is none.
        text: the contrast as a sentence.
    """

    other: str
    label: str
    above: bool
    difference: float
    edges: tuple[Edge, ...]
    turned_by: tuple[Edge, ...] | None
    text: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "instead_of": self.other,
            "label": self.label,
            "above": self.above,
            "difference": self.difference,
            "edges": [edge.to_dict() for edge in self.edges],
            "turned_by": None if self.turned_by is None else [edge.to_dict() for edge in self.turned_by],
            "text": self.text,
        }


@dataclass(frozen=True)
class Causes:
    """What the item's place in the list hangs on.

    Attributes:
        k: length of the list.
        necessary: the smallest set found without which it is not among the first k; None where there is none.
        sufficient: the smallest set found that alone keeps it there, the rest of the person's and the item's edges
            gone; None where it is not there.
        contrast: with another item, where one was named.
        texts: what the two sets mean, as sentences.
    """

    k: int
    necessary: tuple[Edge, ...] | None
    sufficient: tuple[Edge, ...] | None
    contrast: Contrast | None = None
    texts: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        sets = {"necessary": self.necessary, "sufficient": self.sufficient}
        return {
            "k": self.k,
            **{name: None if one is None else [edge.to_dict() for edge in one] for name, one in sets.items()},
            "contrast": None if self.contrast is None else self.contrast.to_dict(),
        }


@dataclass(frozen=True)
class Through:
    """All paths of real edges that reach the item through one entity, summed.

    Attributes:
        node: the entity.
        weight: of all of them; how much of it the paths shown hold is not taken out.
        items: from how many items of the history they start.
        text: the same as a sentence.
    """

    node: Node
    weight: float
    items: int
    text: str

    def to_dict(self) -> dict[str, Any]:
        node = {"id": self.node.id, "type": self.node.type, "label": self.node.label}
        return {"node": node, "weight": self.weight, "items": self.items, "text": self.text}


@dataclass(frozen=True)
class Explanation:
    """Why a model scores an item for a user as it does.

    ``score == paths_total + prior + remainder``; ``paths_total == other_paths + Σ weight of the paths shown``.

    Attributes:
        user, item: ids of the source tables (IRIs where no table names the node); the user is empty for a person
            who is not in the graph.
        item_label: what people call the item.
        rank: position in the user's ranking from 1, where known.
        score: the model's.
        paths: of a flow those with the largest effects, of a propagation the heaviest ones; by effect.
        paths_total: what all walks between the two carry, of every length, shown or not.
        remainder: what no path carries: inner products between *different* nodes that the two sides reach.
        notes: what the reader should know besides.
        prior: of a flow: what the item scores for everybody, its popularity; no path.
        channels: of a flow: what each channel's paths carry, largest first; they add up to ``paths_total``.
        knowledge: of a flow: share of the score, by size, that paths over facts of the knowledge graph carry.
        entities: of a flow: the entities that most of it goes through.
        lang: language tag of the sentences and notes.
        causes: what the item's place hangs on.
    """

    user: str
    item: str
    item_label: str
    rank: int | None
    score: float
    paths: tuple[Path, ...]
    paths_total: float
    remainder: float
    notes: tuple[str, ...] = ()
    prior: float = 0.0
    channels: tuple[tuple[str, float], ...] = ()
    knowledge: float | None = None
    entities: tuple[Through, ...] = ()
    lang: str = "en"
    causes: Causes | None = None

    @property
    def other_paths(self) -> float:
        """What the walks that are not shown carry: longer ones, lighter ones, and ones that visit a node twice."""
        return self.paths_total - sum(path.weight for path in self.paths)

    @property
    def mass(self) -> float:
        """The score by size: the channels' parts, the prior and the remainder, each without its sign."""
        parts = [part for _, part in self.channels] or [self.paths_total]
        return sum(map(abs, parts)) + abs(self.prior) + abs(self.remainder)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``kgrec explain --json``."""
        return {
            "user": self.user,
            "item": self.item,
            "item_label": self.item_label,
            "rank": self.rank,
            "score": self.score,
            "paths": [path.to_dict() for path in self.paths],
            "paths_total": self.paths_total,
            "other_paths": self.other_paths,
            "prior": self.prior,
            "remainder": self.remainder,
            "channels": dict(self.channels),
            "knowledge_share": self.knowledge,
            "entities": [through.to_dict() for through in self.entities],
            "notes": list(self.notes),
            "lang": self.lang,
            **(Causes(0, None, None) if self.causes is None else self.causes).to_dict(),
        }
