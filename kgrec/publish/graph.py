"""The part of the graph that published paths pass, so that they can be read where the graph itself is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kgrec.dataset.snapshot import Snapshot
from kgrec.explain.types import Node, Path, Relation
from kgrec.publish.passed import Passed
from kgrec.publish.records import Record

if TYPE_CHECKING:
    import neo4j

INTERACTED = "INTERACTED"

WRITE_NODES = """
UNWIND $nodes AS node
MERGE (n:Entity {id: node.id})
ON CREATE SET n:$(node.labels), n += node.properties
"""
WRITE_EDGES = """
UNWIND $edges AS edge
MATCH (a:Entity {id: edge.source}), (b:Entity {id: edge.target})
MERGE (a)-[r:$(edge.type) {source: edge.origin}]->(b)
"""
WRITE_INTERACTIONS = """
UNWIND $interactions AS one
MATCH (u:Entity {id: one.user}), (i:Entity {id: one.item})
MERGE (u)-[r:INTERACTED]->(i)
ON CREATE SET r += one.properties
"""


@dataclass(frozen=True)
class GraphPart:
    """Nodes, facts and interactions."""

    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    interactions: list[dict[str, Any]]

    def type_of(self, hop: Relation) -> str:
        return INTERACTED if hop.kind == "interaction" else relationship_type(hop.name)

    def ensure(self, tx: neo4j.ManagedTransaction) -> None:
        tx.run(WRITE_NODES, nodes=self.nodes).consume()
        tx.run(WRITE_EDGES, edges=self.edges).consume()
        tx.run(WRITE_INTERACTIONS, interactions=self.interactions).consume()


def relationship_type(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^\w]+", "_", name).upper() or "RELATED"


class GraphParts:
    """Looks up what paths pass in a snapshot.

    Args:
        snapshot: with which the paths were made.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.passed = Passed(snapshot)

    def of(self, records: Iterable[Record]) -> GraphPart:
        """The nodes of all records, and the facts and training interactions on their paths; each once, sorted."""
        nodes: dict[str, Node] = {}
        facts: dict[tuple[str, str, str], tuple[Node, str, Node]] = {}
        pairs: dict[tuple[str, str], tuple[Node, Node]] = {}
        for record in records:
            nodes |= {record.user.node.id: record.user.node, record.item.id: record.item}
            for reason in record.reasons:
                nodes |= {node.id: node for node in reason.path.nodes}
                for source, hop, target in _hops(reason.path):
                    if hop.kind == "interaction":
                        pairs[source.id, target.id] = source, target
                    elif hop.kind == "fact":
                        facts[source.id, hop.name, target.id] = source, hop.name, target
        return GraphPart(
            [self._node(nodes[iri]) for iri in sorted(nodes)],
            [edge for key in sorted(facts) for edge in self._facts(*facts[key])],
            [self._interaction(*pairs[key]) for key in sorted(pairs)],
        )

    def _node(self, node: Node) -> dict[str, Any]:
        return {"id": node.id, "labels": [node.type], "properties": {"iri": node.id, "name": node.label}}

    def _facts(self, source: Node, relation: str, target: Node) -> Iterator[dict[str, Any]]:
        """A fact once for every source that states it."""
        for origin in self.passed.origins(source, relation, target):
            yield {"source": source.id, "target": target.id, "type": relationship_type(relation), "origin": origin}

    def _interaction(self, user: Node, item: Node) -> dict[str, Any]:
        value, at = self.passed.interaction(user, item)
        known = {"value": value, "at": None if at is None else datetime.fromtimestamp(at, UTC)}
        properties = {name: content for name, content in known.items() if content is not None}
        return {"user": user.id, "item": item.id, "properties": properties}


def _hops(path: Path) -> Iterable[tuple[Node, Relation, Node]]:
    """Every hop with its ends as the graph holds them."""
    for a, b, hop in zip(path.nodes, path.nodes[1:], path.relations):
        yield (a, hop, b) if hop.direction == "forward" else (b, hop, a)
