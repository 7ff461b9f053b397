"""Explanations in Neo4j: what a run owns there, written and removed in transactions of one user each.

``(:Explanation)-[:FOR]->(user)``, ``-[:RECOMMENDS]->(item)`` and ``-[:STEP]->`` to every node that a path passes
between the two (to the item itself where it passes none).  A step carries its whole path, so that an explanation is
read again without the model.  Facts and interactions on a path are the graph's own relationships; a hop that was
learned is ``(:Entity)-[:LEARNED_HOP {kind, support, run}]->(:Entity)``.  A run owns its explanations and its learned
hops; nothing else is ever changed or removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import UnknownIdError, UserError
from kgrec.explain.types import Relation
from kgrec.explain.wording import plain
from kgrec.publish.graph import DatabaseGraph, GraphPart
from kgrec.publish.records import Owner, Person, Reason, Record

if TYPE_CHECKING:
    import neo4j

OWNED = ("FOR", "RECOMMENDS", "STEP")
"""Relationship types that begin at an explanation."""
LEARNED_HOP = "LEARNED_HOP"
BATCH = 1_000
"""Explanations removed in one transaction."""

SCHEMA = (
    "CREATE CONSTRAINT kgrec_explanation IF NOT EXISTS FOR (e:Explanation) REQUIRE e.id IS UNIQUE",
    "CREATE INDEX kgrec_explanation_user IF NOT EXISTS FOR (e:Explanation) ON (e.run, e.user)",
    "CREATE INDEX kgrec_learned_hop IF NOT EXISTS FOR ()-[h:LEARNED_HOP]-() ON (h.run)",
)

HOPS_BEFORE = """
MATCH (:Explanation {run: $run, user: $user})-[s:STEP {position: 1}]->()
RETURN s.nodes AS nodes, s.kinds AS kinds
"""
REMOVE_USER = "MATCH (e:Explanation {run: $run, user: $user}) DETACH DELETE e"
WRITE_HOPS = """
UNWIND $hops AS hop
MATCH (a:Entity {id: hop.source}), (b:Entity {id: hop.target})
MERGE (a)-[h:LEARNED_HOP {run: $run, kind: hop.kind}]->(b)
SET h.support = hop.support
"""
WRITE_EXPLANATIONS = """
UNWIND $explanations AS one
MATCH (u:Entity {id: one.user}), (i:Entity {id: one.item})
CREATE (e:Explanation), (e)-[:FOR]->(u), (e)-[:RECOMMENDS]->(i)
SET e = one.properties
"""
WRITE_STEPS = """
UNWIND $steps AS step
MATCH (e:Explanation {id: step.explanation}), (n:Entity {id: step.node})
CREATE (e)-[s:STEP]->(n)
SET s = step.properties
"""
REMOVE_HOPS = """
UNWIND $hops AS hop
MATCH (a:Entity {id: hop.source})-[h:LEARNED_HOP {run: $run, kind: hop.kind}]->(b:Entity {id: hop.target})
WHERE NOT EXISTS {
  MATCH (a)<-[s:STEP]-(:Explanation {run: $run})
  WHERE any(k IN range(0, size(s.kinds) - 1)
            WHERE s.nodes[k] = hop.source AND s.nodes[k + 1] = hop.target AND s.kinds[k] = hop.kind)
}
DELETE h
"""
USERS = "MATCH (e:Explanation {run: $run}) RETURN DISTINCT e.user AS user"
RUNS = "MATCH (e:Explanation) RETURN DISTINCT e.run AS run"
HAS = "RETURN EXISTS { (:Explanation {id: $id}) } AS there"
REMOVE_SOME = """
MATCH (e:Explanation {run: $run})
WITH e LIMIT $limit
DETACH DELETE e
RETURN count(*) AS removed
"""
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
                        expected="no two :Explanation nodes with the same id",
                        remedy="publish into another database (NEO4J_DATABASE), or give those nodes another label",
                    ) from error
            graph.begin(session)
            self.graph = graph

    def write(self, run: str, user: Person, records: Sequence[Record]) -> None:
        """Replaces the explanations that a run has of one user, in one transaction."""
        self._replace(run, user.key, records)

    def _replace(self, run: str, user: str, records: Sequence[Record]) -> None:
        if self.graph is None:
            raise ValueError("expected prepare() first")
        part = self.graph.part(records)
        with self.driver.session(database=self.database) as session:
            session.execute_write(_replace, run, user, records, self.graph, part)

    def forget(self, run: str, kept: Sequence[Person]) -> None:
        """Removes a run's explanations of all users but these, one transaction a user."""
        with self.driver.session(database=self.database) as session:
            users = session.execute_read(lambda tx: tx.run(USERS, run=run).value("user"))
        for user in sorted(set(users) - {person.key for person in kept}):
            self._replace(run, user, [])

    def has(self, explanation: str) -> bool:
        """Whether there is an explanation with this id."""
        with self.driver.session(database=self.database) as session:
            found = session.execute_read(lambda tx: tx.run(HAS, id=explanation).single(strict=True))
        return bool(found["there"])

    def runs(self) -> list[str]:
        """Names of the runs that have explanations here, sorted."""
        with self.driver.session(database=self.database) as session:
            return sorted(session.execute_read(lambda tx: tx.run(RUNS).value("run")))

    def remove(self, run: str) -> int:
        """Removes a run's explanations and learned hops, and nothing else; how many explanations there were.

        Raises:
            UnknownIdError: the run has none here; the nearest runs are named.
        """
        known = self.runs()
        if run not in known:
            raise UnknownIdError("published run", run, known)
        removed = 0
        with self.driver.session(database=self.database) as session:
            for statement, counts in ((REMOVE_SOME, 1), (REMOVE_SOME_HOPS, 0)):
                while number := session.execute_write(_count, statement, run):
                    removed += counts * number
        return removed


def _count(tx: neo4j.ManagedTransaction, statement: str, run: str) -> int:
    return int(tx.run(statement, run=run, limit=BATCH).single(strict=True)["removed"])


def _replace(
    tx: neo4j.ManagedTransaction,
    run: str,
    user: str,
    records: Sequence[Record],
    graph: DatabaseGraph,
    part: GraphPart,
) -> None:
    before = {hop for row in tx.run(HOPS_BEFORE, run=run, user=user) for hop in _learned(row["nodes"], row["kinds"])}
    tx.run(REMOVE_USER, run=run, user=user).consume()
    graph.ensure(tx, part)
    hops = learned_hops(records)
    tx.run(WRITE_HOPS, run=run, hops=[_hop(hop) | {"support": support} for hop, support in hops.items()]).consume()
    tx.run(WRITE_EXPLANATIONS, explanations=[_explanation(record) for record in records]).consume()
    tx.run(WRITE_STEPS, steps=[step for record in records for step in steps_of(record, graph)]).consume()
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
    }
    return {"user": record.user.node.id, "item": record.item.id, "properties": properties}


def steps_of(record: Record, graph: DatabaseGraph) -> Iterator[dict[str, Any]]:
    """The steps of an explanation: one for every node between user and item of every path.

    Properties: ``path`` (from 1, the heaviest first), ``position`` on it (the user's is 0), ``weight``, ``share``,
    ``effect`` (only where the step is the path's first interaction), ``text``, ``name`` (the caption), and the whole
    path as lists: ``nodes`` (ids, one more than there are hops), ``via`` (relationship types), ``forward`` (whether a
    relationship points along the path), ``kinds``.
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
                "share": reason.share,
                "text": path.text,
                "nodes": [node.id for node in path.nodes],
                "via": [_via(hop, graph) for hop in path.relations],
                "forward": [hop.direction == "forward" for hop in path.relations],
                "kinds": [hop.kind for hop in path.relations],
            }
            if position == 1 and reason.effect is not None:
                properties["effect"] = reason.effect
            yield {"explanation": record.id, "node": path.nodes[position].id, "properties": properties}


def caption(reason: Reason) -> str:
    """What stands on a step when it is drawn: the path's number and share, ``1 · 21 %``."""
    return plain(f"{reason.number} · {100 * reason.share:.0f} %").replace("-", "−")


def _via(hop: Relation, graph: DatabaseGraph) -> str:
    return LEARNED_HOP if hop.learned else graph.type_of(hop)
