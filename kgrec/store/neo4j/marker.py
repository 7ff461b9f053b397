"""The node that says whose graph a database holds, and what must not be there before it is written."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import neo4j

from kgrec.errors import StaleError, UserError
from kgrec.store.neo4j.names import ENTITY, GRAPH, RELATION, quoted
from kgrec.store.neo4j.transactions import confirmed

CONSTRAINT = "kgrec_entity_id"
CLEAR = f"MATCH (n:{ENTITY}|{GRAPH}|{RELATION}) CALL (n) {{ DETACH DELETE n }} IN TRANSACTIONS"
ELSEWHERE = "use another database, or another server (`kgrec neo4j up --home DIR`)"


@dataclass(frozen=True)
class Marker:
    """What the graph's own node says.

    Attributes:
        owner: name of the recipe.
        base: its base IRI.
        digest: of the statements; None while a load is under way or was cut off.
        interactions: digest of the interactions; None where there are none.
        labels: every label that was given to entities.
    """

    owner: str
    base: str
    digest: str | None
    interactions: str | None
    labels: frozenset[str]


def read_marker(session: neo4j.Session) -> Marker | None:
    """The graph's own node; None in a database that kgrec has not written."""

    def read(tx: neo4j.ManagedTransaction) -> neo4j.Record | None:
        fields = "g.owner, g.base, g.digest, g.interactions, g.labels"
        return tx.run(f"MATCH (g:{GRAPH} {{id: 'graph'}}) RETURN {fields}").single()

    record = session.execute_read(read)
    if record is None:
        return None
    owner, base, digest, interactions, labels = record.values()
    return Marker(owner, base, digest, interactions, frozenset(labels or ()))


def relation_types(session: neo4j.Session) -> dict[str, str]:
    """Predicate → relationship type, as the graph has them."""

    def read(tx: neo4j.ManagedTransaction) -> dict[str, str]:
        rows = tx.run(f"MATCH (r:{RELATION}) RETURN r.predicate AS predicate, r.type AS type")
        return {record["predicate"]: record["type"] for record in rows}

    return session.execute_read(read)


def check_owner(marker: Marker, owner: str, base: str) -> None:
    """Refuses a graph that another recipe wrote.

    Raises:
        UserError: names the other recipe.
    """
    if (marker.owner, marker.base) != (owner, base):
        raise UserError(
            f"the database holds the graph of another recipe, {marker.owner!r} (base {marker.base})",
            remedy=f"{ELSEWHERE}, or remove that graph in Neo4j Browser: {CLEAR}",
        )


def check_whole(marker: Marker | None, owner: str, base: str) -> None:
    """Refuses to read what is not there, half there or somebody else's.

    Raises:
        StaleError: no graph, or a load that was cut off.
        UserError: another recipe's.
    """
    if marker is None:
        raise StaleError("the database holds no graph of kgrec's", remedy="run `kgrec build`")
    check_owner(marker, owner, base)
    if marker.digest is None:
        raise StaleError("loading this graph was cut off", remedy="run `kgrec build` again: it goes on where it was")


def check_clashes(session: neo4j.Session, first: bool, labels: Collection[str], types: Collection[str]) -> None:
    """Refuses a database where somebody else's data or constraints are in the way; nothing has been written then.

    Args:
        first: kgrec has not written this database yet.
        labels, types: what is going to be written.

    Raises:
        UserError: names the nodes, the index or the constraint.
    """
    if first:
        for label in (ENTITY, GRAPH, RELATION):
            (count,) = session.run(f"MATCH (n:{label}) RETURN count(n)").single(strict=True)
            if count:
                raise UserError(
                    f"the database has {count:,} nodes labelled :{label} that kgrec did not write", remedy=ELSEWHERE
                )
    ours = {ENTITY, GRAPH, RELATION, *labels, *types}
    for name, kind, on, keys in session.run(
        "SHOW CONSTRAINTS YIELD name, type, labelsOrTypes, properties RETURN name, type, labelsOrTypes, properties"
    ):
        if name != CONSTRAINT and ours & set(on):
            raise _in_the_way("constraint", name, f"{kind.lower()} on :{on[0]}({', '.join(keys)})")
    for name, on, keys in session.run(
        "SHOW INDEXES YIELD name, labelsOrTypes, properties, owningConstraint WHERE owningConstraint IS NULL"
        " RETURN name, labelsOrTypes, properties"
    ):
        if on == [ENTITY] and keys == ["id"]:
            raise _in_the_way("index", name, f"on :{ENTITY}(id)")


def _in_the_way(what: str, name: str, where: str) -> UserError:
    return UserError(
        f"the database has the {what} {name!r} ({where}), which kgrec did not make and whose names it writes",
        remedy=f"{ELSEWHERE}, or drop it in Neo4j Browser: DROP {what.upper()} {quoted(name)}",
    )


def prepare(session: neo4j.Session, owner: str, base: str) -> None:
    """Makes the constraint and the graph's node, and marks that a load is under way."""

    def constrain(tx: neo4j.ManagedTransaction) -> None:
        tx.run(f"CREATE CONSTRAINT {CONSTRAINT} IF NOT EXISTS FOR (n:{ENTITY}) REQUIRE n.id IS UNIQUE").consume()

    def mark(tx: neo4j.ManagedTransaction) -> None:
        tx.run(
            f"MERGE (g:{GRAPH} {{id: 'graph'}}) SET g.owner = $owner, g.base = $base, g.digest = null",
            owner=owner,
            base=base,
        ).consume()

    confirmed(session, constrain)
    confirmed(session, mark)
