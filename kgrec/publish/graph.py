"""The part of the graph that published paths pass, in a database.

Where a database holds the whole graph, nothing of it is written: what paths pass has to be there.  Where it holds none,
or only what was published before, the nodes, facts and training interactions on the paths are written in the form of
:class:`kgrec.store.neo4j.store.Neo4jStore`, so that whoever keeps the graph elsewhere reads explanations all the same;
loading the graph later completes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import UserError
from kgrec.explain.types import Node, Path, Relation
from kgrec.publish.absences import Absence
from kgrec.publish.passed import Passed
from kgrec.publish.records import Owner, Record
from kgrec.store.neo4j import names
from kgrec.store.neo4j.marker import (
    check_clashes,
    check_owner,
    prepare,
    read_marker,
    relation_types,
    renew_part,
)
from kgrec.store.neo4j.transactions import confirmed

if TYPE_CHECKING:
    import neo4j

WRITE_NODES = """
UNWIND $nodes AS node
MERGE (n:Entity {id: node.id})
ON CREATE SET n.name = node.name
SET n:$(node.labels)
"""
WRITE_FACTS = """
UNWIND $facts AS fact
MATCH (a:Entity {id: fact.source}), (b:Entity {id: fact.target})
MERGE (a)-[:$(fact.type) {source: fact.origin}]->(b)
"""
WRITE_INTERACTIONS = """
UNWIND $interactions AS one
MATCH (u:Entity {id: one.user}), (i:Entity {id: one.item})
MERGE (u)-[r:INTERACTED]->(i)
ON CREATE SET r += one.properties
"""
LACKS_NODE = "UNWIND $nodes AS node WITH node WHERE NOT EXISTS { (:Entity {id: node.id}) } RETURN node.id AS lacks"
LACKS_FACT = """
UNWIND $facts AS fact
MATCH (a:Entity {id: fact.source}), (b:Entity {id: fact.target})
WITH a, b, fact WHERE NOT EXISTS { (a)-[r {source: fact.origin}]->(b) WHERE type(r) = fact.type }
RETURN fact.source + ' ' + fact.type + ' ' + fact.target AS lacks
"""
LACKS_INTERACTION = """
UNWIND $interactions AS one
MATCH (u:Entity {id: one.user}), (i:Entity {id: one.item})
WITH u, i WHERE NOT EXISTS { (u)-[:INTERACTED]->(i) }
RETURN u.id + ' INTERACTED ' + i.id AS lacks
"""
WRITE_RELATIONS = f"UNWIND $rows AS row MERGE (r:{names.RELATION} {{predicate: row[0]}}) SET r.type = row[1]"
WRITE_LABELS = f"MATCH (g:{names.GRAPH} {{id: 'graph'}}) SET g.labels = $labels"


@dataclass(frozen=True)
class GraphPart:
    """Nodes, facts and interactions.

    Attributes:
        nodes: ``id``, ``name``, ``labels``.
        facts: ``source``, ``target`` (ids), ``type``, ``origin`` (the source's name).
        interactions: ``user``, ``item`` (ids), ``properties``.
    """

    nodes: list[dict[str, Any]]
    facts: list[dict[str, Any]]
    interactions: list[dict[str, Any]]


class DatabaseGraph:
    """The graph of one snapshot in one database; reads until :meth:`begin`.

    Args:
        session: of the database.
        snapshot: with which the paths were made.
        owner: of the graph.

    Raises:
        UserError: the database holds half of another recipe's graph, or others' nodes or constraints are in the way;
            nothing was written.
    """

    def __init__(self, session: neo4j.Session, snapshot: Snapshot, owner: Owner) -> None:
        self.passed = Passed(snapshot)
        self.user_type, self.item_type = snapshot.user_type, snapshot.item_type
        self._predicates: dict[str, str] = dict(snapshot.relations.select("name", "iri").iter_rows())
        marker = read_marker(session)
        self.whole = marker is not None and marker.digest is not None
        """Whether all of a graph is there, of this recipe or of another one."""
        if marker is not None and not self.whole:
            check_owner(marker, owner.name, owner.base)
        preferred = {predicate: name for name, predicate in self._predicates.items()}
        self._types = names.relationship_types(self._predicates.values(), relation_types(session), preferred)
        self._labels_given = {label for kind in snapshot.num_nodes for label in self._labels(kind)}
        self._token = None if marker is None else marker.token
        if marker is None:
            check_clashes(session, True, self._labels_given, self._types.values())
        else:
            self._labels_given |= marker.labels
        self._owner = owner

    def begin(self, session: neo4j.Session) -> None:
        """Marks whose graph it is, where a part of it is going to be written.

        Raises:
            BusyError: a build has begun since the mark was read.
        """
        if self.whole:
            return

        def name(tx: neo4j.ManagedTransaction) -> None:
            renew_part(tx)
            tx.run(WRITE_RELATIONS, rows=[list(pair) for pair in self._types.items()]).consume()
            tx.run(WRITE_LABELS, labels=sorted(self._labels_given)).consume()

        prepare(session, self._owner.name, self._owner.base, self._token, part=True)
        confirmed(session, name)

    def type_of(self, hop: Relation) -> str:
        """The relationship type of a hop over an interaction or a fact."""
        return names.INTERACTED if hop.kind == "interaction" else self._types[self._predicates[hop.name]]

    def _labels(self, node_type: str) -> list[str]:
        """The labels of a type's nodes, without the anchor."""
        role = {self.user_type: [names.USER], self.item_type: [names.ITEM]}.get(node_type, [])
        return sorted({names.label(node_type), *role} - {names.ENTITY})

    # --- what records pass

    def part(self, records: Iterable[Record], absences: Iterable[Absence] = ()) -> GraphPart:
        """The nodes of all records and interventions, and the facts and training interactions on paths; each once,
        sorted."""
        nodes: dict[str, Node] = {}
        facts: dict[tuple[str, str, str], tuple[Node, Relation, Node]] = {}
        pairs: dict[tuple[str, str], tuple[Node, Node]] = {}
        for record in records:
            nodes |= {record.user.node.id: record.user.node, record.item.id: record.item}
            for reason in record.reasons:
                nodes |= {node.id: node for node in reason.path.nodes}
                for source, hop, target in _hops(reason.path):
                    if hop.kind == "interaction":
                        pairs[source.id, target.id] = source, target
                    elif hop.kind == "fact":
                        facts[source.id, hop.name, target.id] = source, hop, target
        for absence in absences:
            items = [*(place.item for place in absence.shows), *(item for item, _ in absence.gone)]
            nodes |= {node.id: node for node in (*absence.nodes, *items)}
        return GraphPart(
            [{"id": iri, "name": nodes[iri].label, "labels": self._labels(nodes[iri].type)} for iri in sorted(nodes)],
            [fact for key in sorted(facts) for fact in self._facts(*facts[key])],
            [self._interaction(*pairs[key]) for key in sorted(pairs)],
        )

    def _facts(self, source: Node, hop: Relation, target: Node) -> Iterator[dict[str, Any]]:
        """A fact once for every source that states it."""
        for origin in self.passed.origins(source, hop.name, target):
            yield {"source": source.id, "target": target.id, "type": self.type_of(hop), "origin": origin}

    def _interaction(self, user: Node, item: Node) -> dict[str, Any]:
        value, at = self.passed.interaction(user, item)
        known = {"value": value, "at": None if at is None else datetime.fromtimestamp(at, UTC)}
        properties = {name: content for name, content in known.items() if content is not None}
        return {"user": user.id, "item": item.id, "properties": properties}

    def ensure(self, tx: neo4j.ManagedTransaction, part: GraphPart) -> None:
        """Writes what is not there yet; where the whole graph is there, only looks whether it has all of it.

        Raises:
            UserError: it has not: it is not the graph that the model was trained on.
            BusyError: a build has begun since :meth:`begin`.
        """
        if not self.whole:
            renew_part(tx)
            tx.run(WRITE_NODES, nodes=part.nodes).consume()
            tx.run(WRITE_FACTS, facts=part.facts).consume()
            tx.run(WRITE_INTERACTIONS, interactions=part.interactions).consume()
            return
        lacks = tx.run(LACKS_NODE, nodes=part.nodes).value("lacks")
        lacks = lacks or tx.run(LACKS_FACT, facts=part.facts).value("lacks")
        lacks = lacks or tx.run(LACKS_INTERACTION, interactions=part.interactions).value("lacks")
        if lacks:
            raise UserError(
                "the graph in the database is not the one that the model was trained on: it lacks what paths pass",
                value=lacks[0],
                remedy="load it again (`kgrec run RECIPE --store neo4j://…`), or publish into another database",
            )


def _hops(path: Path) -> Iterator[tuple[Node, Relation, Node]]:
    """Every hop with its ends as the graph holds them."""
    for a, b, hop in zip(path.nodes, path.nodes[1:], path.relations):
        yield (a, hop, b) if hop.direction == "forward" else (b, hop, a)
