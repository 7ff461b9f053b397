"""What an explanation is made of: frozen, plain values that turn into JSON as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Direction = Literal["forward", "reverse"]


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
    """One hop of a path: an edge of the training graph.

    Attributes:
        name: relation name in the snapshot.
        direction: ``forward`` where the path walks the edge from its source to its target, else ``reverse``.
        label: the relation as people read it; the name where the data give no label.
    """

    name: str
    direction: Direction
    label: str


@dataclass(frozen=True)
class Path:
    """A path from the user to the item.

    Attributes:
        nodes: user first, item last; no node twice.
        relations: ``relations[j]`` joins ``nodes[j]`` to ``nodes[j + 1]``.
        weight: what the model's propagation puts on the path, summed over the nodes where both sides can meet.
        text: the path as one sentence.
        meeting: position of the node that carries the largest part of the weight.
    """

    nodes: tuple[Node, ...]
    relations: tuple[Relation, ...]
    weight: float
    text: str
    meeting: int

    def to_dict(self) -> dict[str, Any]:
        return {
            "nodes": [{"id": node.id, "type": node.type, "label": node.label} for node in self.nodes],
            "relations": [{"name": hop.name, "direction": hop.direction} for hop in self.relations],
            "weight": self.weight,
            "text": self.text,
        }


@dataclass(frozen=True)
class Explanation:
    """Why a model scores an item for a user as it does.

    ``score == paths_total + remainder``; ``paths_total == other_paths + Σ weight of the paths shown``.

    Attributes:
        user, item: ids of the source tables (IRIs where no table names the node); the user is empty for a person
            who is not in the graph.
        item_label: what people call the item.
        rank: position in the user's ranking from 1, where known.
        score: the model's.
        paths: the heaviest ones, heaviest first.
        paths_total: what all walks between the two carry, of every length, shown or not.
        remainder: what no path carries: inner products between *different* nodes that the two sides reach.
        notes: what the reader should know besides.
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

    @property
    def other_paths(self) -> float:
        """What the walks that are not shown carry: longer ones, lighter ones, and ones that visit a node twice."""
        return self.paths_total - sum(path.weight for path in self.paths)

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
            "remainder": self.remainder,
            "notes": list(self.notes),
        }
