"""Explanations in Neo4j: what a run owns there, written and removed in transactions of one user each.

``(:Explanation)-[:FOR]->(user)``, ``-[:RECOMMENDS]->(item)`` and ``-[:STEP]->`` to every node that a path passes
between the two (to the item itself where it passes none).  A step carries its whole path, so that an explanation is
read again without the model.  Facts and interactions on a path are the graph's own relationships; a hop that was
learned is ``(:Entity)-[:LEARNED_HOP {kind, support, run}]->(:Entity)``.

``(:Intervention)-[:FOR]->(user)`` holds the user's list without the node that it is ``-[:WITHOUT]->`` (without the fact
between two such nodes), ``-[:BRINGS {rank}]->`` to items that come into the list, ``-[:COSTS {rank}]->`` to those that
were in it.

A run owns its explanations, its interventions and its learned hops; nothing else is ever changed or removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import UnknownIdError, UserError
from kgrec.explain.types import Relation
from kgrec.explain.wording import plain
from kgrec.publish.absences import Absence
from kgrec.publish.graph import DatabaseGraph, GraphPart
from kgrec.publish.records import Owner, Person, Reason, Record, absence_id
from kgrec.store.neo4j.transactions import confirmed

if TYPE_CHECKING:
    import neo4j

OWNED = ("FOR", "RECOMMENDS", "STEP", "WITHOUT", "BRINGS", "COSTS")
"""Relationship types that begin at an explanation or at an intervention."""
LEARNED_HOP = "LEARNED_HOP"
PROPERTIES = (
    *("id", "name", "user", "item", "rank", "score", "model", "run", "created", "text"),
    *("necessary", "sufficient"),
    *("kind", "relation", "effect", "changed", "shows", "was"),
)
"""Of an explanation or of an intervention."""
LABELS = ("Explanation", "Intervention")
BATCH = 1_000
"""Explanations or interventions removed in one transaction."""

SCHEMA = (
    "CREATE CONSTRAINT kgrec_explanation IF NOT EXISTS FOR (e:Explanation) REQUIRE e.id IS UNIQUE",
    "CREATE INDEX kgrec_explanation_user IF NOT EXISTS FOR (e:Explanation) ON (e.run, e.user)",
    "CREATE CONSTRAINT kgrec_intervention IF NOT EXISTS FOR (w:Intervention) REQUIRE w.id IS UNIQUE",
    "CREATE INDEX kgrec_intervention_user IF NOT EXISTS FOR (w:Intervention) ON (w.run, w.user)",
    "CREATE INDEX kgrec_learned_hop IF NOT EXISTS FOR ()-[h:LEARNED_HOP]-() ON (h.run)",
)

HOPS_BEFORE = """
MATCH (:Explanation {run: $run, user: $user})-[s:STEP {position: 1}]->()
RETURN s.nodes AS nodes, s.kinds AS kinds
"""
OF_USER = "\nUNION\n".join(
    f"MATCH (e:{label} {{run: $run, user: $user}}) RETURN elementId(e) AS node" for label in LABELS
)
SOME = "MATCH (e:{label} {{run: $run}}) RETURN elementId(e) AS node LIMIT $limit"
ERASE = (
    f"MATCH (e)-[r:{'|'.join(OWNED)}]->(:Entity) WHERE elementId(e) IN $nodes DELETE r",
    "MATCH (e) WHERE elementId(e) IN $nodes AND NOT (e)--() DELETE e",
    # what somebody else has linked stays, bare; where it is written again it stays itself
    "MATCH (e) WHERE elementId(e) IN $nodes AND NOT coalesce(e.id, '') IN $again"
    f" REMOVE {', '.join(f'e:{label}' for label in LABELS)}, {', '.join(f'e.{name}' for name in PROPERTIES)}",
)
WRITE_HOPS = """
UNWIND $hops AS hop
MATCH (a:Entity {id: hop.source}), (b:Entity {id: hop.target})
MERGE (a)-[h:LEARNED_HOP {run: $run, kind: hop.kind}]->(b)
SET h.support = hop.support
"""
WRITE_EXPLANATIONS = """
UNWIND $explanations AS one
MATCH (u:Entity {id: one.user}), (i:Entity {id: one.item})
MERGE (e:Explanation {id: one.properties.id, run: one.properties.run, user: one.properties.user})
SET e += one.properties
CREATE (e)-[:FOR]->(u), (e)-[:RECOMMENDS]->(i)
"""
WRITE_STEPS = """
UNWIND $steps AS step
MATCH (e:Explanation {id: step.explanation}), (n:Entity {id: step.node})
CREATE (e)-[s:STEP]->(n)
SET s = step.properties
"""
WRITE_INTERVENTIONS = """
UNWIND $interventions AS one
MATCH (u:Entity {id: one.user})
MERGE (w:Intervention {id: one.properties.id, run: one.properties.run, user: one.properties.user})
SET w += one.properties
CREATE (w)-[:FOR]->(u)
WITH w, one
CALL (w, one) { UNWIND one.without AS id MATCH (n:Entity {id: id}) CREATE (w)-[:WITHOUT]->(n) }
CALL (w, one) { UNWIND one.brings AS it MATCH (n:Entity {id: it.id}) CREATE (w)-[:BRINGS {rank: it.rank}]->(n) }
CALL (w, one) { UNWIND one.costs AS it MATCH (n:Entity {id: it.id}) CREATE (w)-[:COSTS {rank: it.rank}]->(n) }
"""
REMOVE_HOPS = """
UNWIND $hops AS hop
WITH hop.source AS source, collect([hop.target, hop.kind]) AS hops
MATCH (a:Entity {id: source})
CALL (a, source) {
  MATCH (a)<-[s:STEP]-(:Explanation {run: $run})
  UNWIND range(0, size(s.kinds) - 1) AS k
  WITH s, k WHERE s.nodes[k] = source
  RETURN collect(DISTINCT [s.nodes[k + 1], s.kinds[k]]) AS used
}
MATCH (a)-[h:LEARNED_HOP {run: $run}]->(b:Entity)
WHERE [b.id, h.kind] IN hops AND NOT [b.id, h.kind] IN used
DELETE h
"""
USERS = "\nUNION\n".join(f"MATCH (e:{label} {{run: $run}}) RETURN DISTINCT e.user AS user" for label in LABELS)
RUNS = """
MATCH (e:Explanation) WHERE e.run IS :: STRING NOT NULL RETURN DISTINCT e.run AS run
UNION
MATCH (w:Intervention) WHERE w.run IS :: STRING NOT NULL RETURN DISTINCT w.run AS run
UNION
MATCH ()-[h:LEARNED_HOP]->() WHERE h.run IS :: STRING NOT NULL RETURN DISTINCT h.run AS run
"""
HAS = "RETURN EXISTS { (:Explanation {id: $id}) } AS there"
REMOVE_SOME_HOPS = """
MATCH ()-[h:LEARNED_HOP {run: $run}]->()
WITH h LIMIT $limit
DELETE h
RETURN count(*) AS removed
"""

Hop = tuple[str, str, str]
"""Ids of both ends, and the kind."""


class Neo4jPublisher:
    """Writes and removes what runs own in one database.

    Args:
        driver: an open driver.
        database: None for the user's home database.
    """

    def __init__(self, driver: neo4j.Driver, database: str | None = None) -> None:
        self.driver, self.database = driver, database
        self.graph: DatabaseGraph | None = None

    def prepare(self, snapshot: Snapshot, owner: Owner) -> None:
        """Makes the constraint and the indexes that publishing needs, where they are not there.

        Args:
            snapshot: with which the records are made.
            owner: of its graph.

        Raises:
            UserError: data or constraints of others are in the way, or half of another recipe's graph; nothing of
                theirs was changed.
        """
        from neo4j.exceptions import Neo4jError

        with self.driver.session(database=self.database) as session:
            graph = DatabaseGraph(session, snapshot, owner)
            for statement in SCHEMA:
                try:
                    session.run(statement).consume()
                except Neo4jError as error:
                    if "ConstraintCreationFailed" not in str(error.code):
                        raise
                    raise UserError(
                        f"the database has nodes of its own that clash with explanations: {error.message}",
                        expected="no two :Explanation or :Intervention nodes with the same id",
                        remedy="publish into another database (NEO4J_DATABASE), or give those nodes another label",
                    ) from error
            graph.begin(session)
            self.graph = graph

    def write(self, run: str, user: Person, records: Sequence[Record], absences: Sequence[Absence] = ()) -> None:
        """Replaces the explanations and interventions that a run has of one user, in one transaction."""
        stored = [_intervention(run, user, absence) for absence in absences]
        self._replace(run, user.key, records, absences, stored)

    def _replace(
        self, run: str, user: str, records: Sequence[Record], absences: Sequence[Absence], stored: list[dict[str, Any]]
    ) -> None:
        if self.graph is None:
            raise ValueError("expected prepare() first")
        graph, part = self.graph, self.graph.part(records, absences)
        with self.driver.session(database=self.database) as session:
            confirmed(session, lambda tx: _replace(tx, run, user, records, stored, graph, part))

    def forget(self, run: str, kept: Sequence[Person]) -> None:
        """Removes a run's explanations of all users but these, one transaction a user."""
        with self.driver.session(database=self.database) as session:
            users = session.execute_read(lambda tx: tx.run(USERS, run=run).value("user"))
        for user in sorted(set(users) - {person.key for person in kept}):
            self._replace(run, user, [], [], [])

    def has(self, explanation: str) -> bool:
        """Whether there is an explanation with this id."""
        with self.driver.session(database=self.database) as session:
            found = session.execute_read(lambda tx: tx.run(HAS, id=explanation).single(strict=True))
        return bool(found["there"])

    def runs(self) -> list[str]:
        """Names of the runs that own something here, sorted; after a removal that was cut off, learned hops alone."""
        with self.driver.session(database=self.database) as session:
            return sorted(session.execute_read(lambda tx: tx.run(RUNS).value("run")))

    def remove(self, run: str) -> int:
        """Removes a run's explanations, interventions and learned hops, and nothing else; how many explanations there
        were.

        The node of one that somebody else has linked stays with that link, without its label and properties.

        Raises:
            UnknownIdError: the run owns nothing here; the nearest runs are named.
        """
        known = self.runs()
        if run not in known:
            raise UnknownIdError("published run", run, known)
        removed = 0
        with self.driver.session(database=self.database) as session:
            while number := session.execute_write(_erase_some, run, "Explanation"):
                removed += number
            while session.execute_write(_erase_some, run, "Intervention"):
                pass
            while session.execute_write(_remove_some_hops, run):
                pass
        return removed


def _erase_some(tx: neo4j.ManagedTransaction, run: str, label: str) -> int:
    nodes = tx.run(SOME.format(label=label), run=run, limit=BATCH).value("node")
    _erase(tx, nodes, [])
    return len(nodes)


def _erase(tx: neo4j.ManagedTransaction, nodes: list[str], again: list[str]) -> None:
    """Takes nodes away, but for those that are written again and that somebody has linked."""
    for statement in ERASE:
        tx.run(statement, nodes=nodes, again=again).consume()


def _remove_some_hops(tx: neo4j.ManagedTransaction, run: str) -> int:
    return int(tx.run(REMOVE_SOME_HOPS, run=run, limit=BATCH).single(strict=True)["removed"])


def _replace(
    tx: neo4j.ManagedTransaction,
    run: str,
    user: str,
    records: Sequence[Record],
    interventions: Sequence[dict[str, Any]],
    graph: DatabaseGraph,
    part: GraphPart,
) -> None:
    before = {hop for row in tx.run(HOPS_BEFORE, run=run, user=user) for hop in _learned(row["nodes"], row["kinds"])}
    again = [record.id for record in records] + [one["properties"]["id"] for one in interventions]
    _erase(tx, tx.run(OF_USER, run=run, user=user).value("node"), again)
    graph.ensure(tx, part)
    hops = learned_hops(records)
    tx.run(WRITE_HOPS, run=run, hops=[_hop(hop) | {"support": support} for hop, support in hops.items()]).consume()
    tx.run(WRITE_EXPLANATIONS, explanations=[_explanation(record) for record in records]).consume()
    tx.run(WRITE_STEPS, steps=[step for record in records for step in steps_of(record, graph)]).consume()
    tx.run(WRITE_INTERVENTIONS, interventions=interventions).consume()
    tx.run(REMOVE_HOPS, run=run, hops=[_hop(hop) for hop in sorted(before - set(hops))]).consume()


def learned_hops(records: Iterable[Record]) -> dict[Hop, int]:
    """The learned hops of all paths with their support, in a fixed order."""
    hops: dict[Hop, int] = {}
    for record in records:
        for reason in record.reasons:
            nodes = reason.path.nodes
            for a, b, hop in zip(nodes, nodes[1:], reason.path.relations):
                if hop.learned:
                    hops[a.id, b.id, hop.kind] = hop.support or 0
    return dict(sorted(hops.items()))


def _learned(nodes: Sequence[str], kinds: Sequence[str]) -> Iterator[Hop]:
    for a, b, kind in zip(nodes, nodes[1:], kinds):
        if kind not in ("interaction", "fact"):
            yield a, b, kind


def _hop(hop: Hop) -> dict[str, Any]:
    source, target, kind = hop
    return {"source": source, "target": target, "kind": kind}


def _explanation(record: Record) -> dict[str, Any]:
    properties = {
        "id": record.id,
        "name": f"rank {record.rank} · {record.run}",
        "user": record.user.key,
        "item": record.item_key,
        "rank": record.rank,
        "score": record.score,
        "model": record.model,
        "run": record.run,
        "created": record.created,
        "text": record.text,
        "necessary": None if record.necessary is None else list(record.necessary),
        "sufficient": None if record.sufficient is None else list(record.sufficient),
    }
    return {"user": record.user.node.id, "item": record.item.id, "properties": properties}


def _intervention(run: str, user: Person, absence: Absence) -> dict[str, Any]:
    properties = {
        "id": absence_id(run, user.key, absence),
        "name": absence.name,
        "user": user.key,
        "run": run,
        "kind": absence.kind,
        "relation": absence.relation,
        "text": absence.text,
        "effect": absence.effect,
        "changed": len(absence.gone),
        "shows": [place.item.id for place in absence.shows],
        # a list holds no null
        "was": [place.was or 0 for place in absence.shows],
    }
    return {
        "user": user.node.id,
        "without": [node.id for node in absence.nodes],
        "brings": [{"id": place.item.id, "rank": place.rank} for place in absence.shows if place.was is None],
        "costs": [{"id": item.id, "rank": rank} for item, rank in absence.gone],
        "properties": properties,
    }


def steps_of(record: Record, graph: DatabaseGraph) -> Iterator[dict[str, Any]]:
    """The steps of an explanation: one for every node between user and item of every path.

    Properties: ``path`` (from 1, in the order of the explanation), ``position`` on it (the user's is 0), ``weight``,
    ``share``, ``effect`` and ``rank_without`` (once a path: on its first step), ``text``, ``name`` (the caption), and
    the whole path as lists: ``nodes`` (ids, one more than there are hops), ``via`` (relationship types), ``forward``
    (whether a relationship points along the path), ``kinds``.
    """
    for reason in record.reasons:
        path = reason.path
        last = max(len(path.relations) - 1, 1)
        for position in range(1, last + 1):
            properties = {
                "path": reason.number,
                "position": position,
                "name": caption(reason),
                "weight": path.weight,
                "share": path.share,
                "text": path.text,
                "nodes": [node.id for node in path.nodes],
                "via": [_via(hop, graph) for hop in path.relations],
                "forward": [hop.direction == "forward" for hop in path.relations],
                "kinds": [hop.kind for hop in path.relations],
            }
            if position == 1 and path.effect is not None:
                properties["effect"] = path.effect
            if position == 1 and path.rank_without is not None:
                properties["rank_without"] = path.rank_without
            yield {"explanation": record.id, "node": path.nodes[position].id, "properties": properties}


def caption(reason: Reason) -> str:
    """What stands on a step when it is drawn: the path's number and how the score moves without it, ``1 · −3.5``; where
    that is not known its part of the score, ``1 · 21 %``."""
    effect = reason.path.effect
    told = f"{100 * reason.part:.0f} %" if effect is None else f"{-effect:+.2g}"
    return plain(f"{reason.number} · {told}").replace("-", "−")


def _via(hop: Relation, graph: DatabaseGraph) -> str:
    return LEARNED_HOP if hop.learned else graph.type_of(hop)
