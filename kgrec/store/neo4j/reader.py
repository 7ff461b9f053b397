"""Reads the graph back, by entity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import neo4j

from kgrec.store.neo4j.marker import relation_types
from kgrec.store.neo4j.names import ENTITY, quoted

PAGE = 2_000
"""Entities of one transaction."""
CHARACTERS = 4_000_000
"""Characters of statements after which a transaction ends too, so that long texts do not fill the memory."""
FETCHED = 100
"""Entities that the driver holds in advance."""

Page = tuple[str, list[str], list[str], list[tuple[str, str, str]]]


def pages(session: neo4j.Session, linked: bool = True) -> Iterator[Page]:
    """Id, labels, statements and edges (predicate, source, object; none without ``linked``) of each entity, by id.

    The constraint's index gives the order, so that the server sorts nothing.  A transaction is tried again where the
    connection breaks, and what was given out is not given twice.
    """
    predicates = {name: predicate for predicate, name in relation_types(session).items()}
    kinds = "|".join(quoted(name) for name in sorted(predicates))
    edges = (
        f"COLLECT {{ MATCH (n)-[r:{kinds}]->(o:{ENTITY}) WHERE r.source IS NOT NULL RETURN [type(r), r.source, o.id] }}"
        if kinds and linked
        else "[]"
    )
    cypher = (
        f"MATCH (n:{ENTITY}) WHERE n.id > $after WITH n ORDER BY n.id LIMIT {PAGE}"
        f" RETURN n.id, labels(n), n.statements, {edges}"
    )
    after = ""
    while True:
        rows, last = session.execute_read(_page, cypher, after)
        for id, labels, values, triples in rows:
            yield id, labels, values or [], [(predicates[name], source, target) for name, source, target in triples]
        if last:
            return
        after = rows[-1][0]


def edge_counts(session: neo4j.Session) -> Iterator[tuple[str, str, int]]:
    """Predicate, source and number of the edges."""
    for predicate, name in relation_types(session).items():
        cypher = (
            f"MATCH (:{ENTITY})-[r:{quoted(name)}]->(:{ENTITY}) WHERE r.source IS NOT NULL RETURN r.source, count(*)"
        )
        for source, number in session.execute_read(_rows, cypher):
            yield predicate, source, number


def _page(tx: neo4j.ManagedTransaction, cypher: str, after: str) -> tuple[list[list[Any]], bool]:
    """Rows of the next entities, and whether they are the last ones."""
    rows: list[list[Any]] = []
    held = 0
    for record in tx.run(cypher, after=after):
        rows.append(record.values())
        held += sum(map(len, rows[-1][2] or ()))
        if held >= CHARACTERS:
            return rows, False
    return rows, len(rows) < PAGE


def _rows(tx: neo4j.ManagedTransaction, /, cypher: str, **parameters: Any) -> list[list[Any]]:
    return [record.values() for record in tx.run(cypher, **parameters)]
