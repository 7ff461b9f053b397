"""The node that says whose graph a database holds, and what must not be there before it is written.

Its ``token`` changes with every unit of work.  Whoever writes locks the node first, and goes on only where the token is
the one that was read, or left, last: of two builds into one database at once, one is refused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import uuid4

import neo4j

from kgrec.errors import BusyError, StaleError, UserError
from kgrec.store.neo4j.names import ENTITY, GRAPH, RELATION, quoted
from kgrec.store.neo4j.transactions import confirmed

CONSTRAINTS = {"kgrec_entity_id": ENTITY, "kgrec_graph_id": GRAPH}
"""Labels whose ``id`` is unique."""
PART = "part-"
"""Tokens of publications, which write the part of a graph that their paths pass, begin so: each adds, none takes away,
and any number of them may be under way."""
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
        token: of the last unit of work.
    """

    owner: str
    base: str
    digest: str | None
    interactions: str | None
    labels: frozenset[str]
    token: str | None


def read_marker(session: neo4j.Session) -> Marker | None:
    """The graph's own node; None in a database that kgrec has not written."""

    def read(tx: neo4j.ManagedTransaction) -> neo4j.Record | None:
        fields = "g.owner, g.base, g.digest, g.interactions, g.labels, g.token"
        return tx.run(f"MATCH (g:{GRAPH} {{id: 'graph'}}) RETURN {fields}").single()

    record = session.execute_read(read)
    if record is None:
        return None
    owner, base, digest, interactions, labels, token = record.values()
    return Marker(owner, base, digest, interactions, frozenset(labels or ()), token)


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
        BusyError: another first build has begun.
    """
    if first:
        for label in (ENTITY, GRAPH, RELATION):
            (count,) = session.run(f"MATCH (n:{label}) RETURN count(n)").single(strict=True)
            if count and read_marker(session) is not None:
                raise overtaken()
            if count:
                raise UserError(
                    f"the database has {count:,} nodes labelled :{label} that kgrec did not write", remedy=ELSEWHERE
                )
    ours = {ENTITY, GRAPH, RELATION, *labels, *types}
    for name, kind, on, keys in session.run(
        "SHOW CONSTRAINTS YIELD name, type, labelsOrTypes, properties RETURN name, type, labelsOrTypes, properties"
    ):
        if name not in CONSTRAINTS and ours & set(on):
            raise _in_the_way("constraint", name, f"{kind.lower()} on :{on[0]}({', '.join(keys)})")
    for name, on, keys in session.run(
        "SHOW INDEXES YIELD name, labelsOrTypes, properties, owningConstraint WHERE owningConstraint IS NULL"
        " RETURN name, labelsOrTypes, properties"
    ):
        if name not in CONSTRAINTS and on in ([ENTITY], [GRAPH]) and keys == ["id"]:
            raise _in_the_way("index", name, f"on :{on[0]}(id)")


def _in_the_way(what: str, name: str, where: str) -> UserError:
    return UserError(
        f"the database has the {what} {name!r} ({where}), which kgrec did not make and whose names it writes",
        remedy=f"{ELSEWHERE}, or drop it in Neo4j Browser: DROP {what.upper()} {quoted(name)}",
    )


def prepare(session: neo4j.Session, owner: str, base: str, seen: str | None, part: bool = False) -> str:
    """Makes the constraints and the graph's node, and marks that a load is under way.

    Args:
        seen: the token when the mark was read; None where there was no mark.
        part: only a publication's part of the graph is going to be written.

    Returns:
        The token that the first unit of work finds.

    Raises:
        BusyError: somebody has written since; nothing was changed.
    """
    token = new_token(part)

    def constrain(tx: neo4j.ManagedTransaction) -> None:
        for name, label in CONSTRAINTS.items():
            tx.run(f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE n.id IS UNIQUE").consume()

    def mark(tx: neo4j.ManagedTransaction) -> None:
        tx.run(f"MERGE (:{GRAPH} {{id: 'graph'}})").consume()
        held = renew(tx, token)
        if held not in (seen, token) and not (part and _both_parts(seen, held)):
            raise overtaken()
        tx.run(
            f"MATCH (g:{GRAPH} {{id: 'graph'}}) SET g.owner = $owner, g.base = $base, g.digest = null",
            owner=owner,
            base=base,
        ).consume()

    confirmed(session, constrain)
    confirmed(session, mark)
    return token


def _both_parts(*tokens: str | None) -> bool:
    return all(token is not None and token.startswith(PART) for token in tokens)


def new_token(part: bool = False) -> str:
    """A token that nobody has had."""
    return (PART if part else "") + uuid4().hex


def renew(tx: neo4j.ManagedTransaction, token: str) -> str | None:
    """Locks the mark until the transaction ends, and gives it a new token; the one that it had.

    Raises:
        BusyError: there is no mark any more.
    """
    # what is read before the lock is there may be out of date
    tx.run(f"MATCH (g:{GRAPH} {{id: 'graph'}}) SET g.locked = true REMOVE g.locked").consume()
    cypher = f"MATCH (g:{GRAPH} {{id: 'graph'}}) WITH g, g.token AS held SET g.token = $token RETURN held"
    record = tx.run(cypher, token=token).single()
    if record is None:
        raise overtaken()
    held: str | None = record["held"]
    return held


def renew_part(tx: neo4j.ManagedTransaction) -> None:
    """The same for a unit of work of a publication.

    Raises:
        BusyError: a build has begun.
    """
    if not _both_parts(renew(tx, new_token(part=True))):
        raise overtaken()


def overtaken() -> BusyError:
    """What is told to all but one of those who write at once."""
    return BusyError(
        "another build or publication has begun to write to this database, and this one has stopped",
        remedy="run it again when the other one is through",
    )
