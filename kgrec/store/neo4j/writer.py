"""Batches of writes, each in one managed transaction that is tried again and takes effect once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from typing import Any, TypeVar

import neo4j

from kgrec.progress import Task
from kgrec.store.neo4j.marker import new_token, overtaken, renew
from kgrec.store.neo4j.names import ENTITY, INTERACTED, ITEM, USER, quoted
from kgrec.store.neo4j.transactions import confirmed

ROWS = 20_000
"""Rows of a transaction."""
CHARACTERS = 4_000_000
"""Characters of a transaction's texts, so that long ones do not fill the server's memory."""

_EDGES = (
    f"UNWIND $rows AS row MATCH (s:{ENTITY} {{{{id: row[0]}}}}) UNWIND row[1] AS target"
    f" MATCH (o:{ENTITY} {{{{id: target}}}}) CREATE (s)-[:{{}} {{{{source: $source}}}}]->(o)"
)
Row = TypeVar("Row")
NodeRow = tuple[str, tuple[str, ...], tuple[str, ...], dict[str, Any]]
"""Id, labels to give, labels to take, properties (None takes one away)."""


class Writer:
    """Writes to one database through one session.

    A transaction whose commit was not confirmed may have happened: each one leaves a token on the graph's own node, by
    which the next try knows; one of somebody else's ends the writing.

    Args:
        session: of the database.
        token: on the graph's own node; see :func:`kgrec.store.neo4j.marker.prepare`.
    """

    def __init__(self, session: neo4j.Session, token: str) -> None:
        self.session, self.token = session, token

    def once(self, unit: Callable[[neo4j.ManagedTransaction], None]) -> None:
        """Runs the unit in a transaction that happens exactly once.

        Raises:
            BusyError: somebody else has begun to write; nothing of the unit happened.
        """
        token = new_token()

        def attempt(tx: neo4j.ManagedTransaction) -> None:
            held = renew(tx, token)
            if held == self.token:
                unit(tx)
            elif held != token:
                raise overtaken()

        confirmed(self.session, attempt)
        self.token = token

    def rows(self, cypher: str, rows: list[Any], **parameters: object) -> None:
        """One statement over rows."""
        self.once(lambda tx: tx.run(cypher, rows=rows, **parameters).consume() and None)  # type: ignore[arg-type]

    def nodes(self, nodes: Iterable[NodeRow], fresh: bool, task: Task) -> None:
        """Entities.

        Args:
            nodes: the rows.
            fresh: none of them is there.
        """
        with ahead(map(_by_labels, batches(nodes, lambda node: sum(map(_size, node[3].values()))))) as made:
            for groups in made:

                def unit(tx: neo4j.ManagedTransaction, groups: Any = groups) -> None:
                    for (give, take), rows in groups.items():
                        tx.run(_nodes(give, take, fresh), rows=rows).consume()

                self.once(unit)
                task.advance(sum(map(len, groups.values())))

    def edges(self, groups: Iterable[tuple[str, str, Iterable[tuple[str, str]]]], task: Task) -> None:
        """Relationships between entities that are there: type, source, pairs sorted by subject."""
        flat = (((name, source), pair) for name, source, pairs in groups for pair in pairs)
        with ahead(map(_by_type, batches(flat))) as made:
            for number, parts in made:

                def unit(tx: neo4j.ManagedTransaction, parts: Any = parts) -> None:
                    for cypher, source, rows in parts:
                        tx.run(cypher, rows=rows, source=source).consume()

                self.once(unit)
                task.advance(number)

    def remove_edges(self, type_name: str, source: str, pairs: Iterable[tuple[str, str]]) -> None:
        """Takes relationships of one type and source away."""
        cypher = (
            f"UNWIND $rows AS row MATCH (:{ENTITY} {{id: row[0]}})-[r:{quoted(type_name)} {{source: $source}}]->"
            f"(:{ENTITY} {{id: row[1]}}) DELETE r"
        )
        for batch in batches(pairs):
            self.rows(cypher, [list(pair) for pair in batch], source=source)

    def remove_nodes(self, ids: Iterable[str], labels: Iterable[str]) -> None:
        """Takes entities away; one that somebody else has linked stays, bare."""
        bare = "".join(f":{quoted(name)}" for name in labels)
        removed = f" REMOVE n{bare}" if bare else ""
        for batch in batches(ids):
            self.rows(f"UNWIND $rows AS row MATCH (n:{ENTITY} {{id: row}}) WHERE NOT (n)--() DELETE n", batch)
            self.rows(f"UNWIND $rows AS row MATCH (n:{ENTITY} {{id: row}}) SET n.statements = null{removed}", batch)

    def interactions(self, rows: Iterable[tuple[str, str, float, int | None]], task: Task) -> None:
        """Users' interactions with items: user, item, value, time in seconds since 1970; sorted by user."""
        cypher = (
            f"UNWIND $rows AS row MATCH (u:{ENTITY} {{id: row[0]}}) UNWIND row[1] AS pair"
            f" MATCH (i:{ENTITY} {{id: pair[0]}}) CREATE (u)-[r:{INTERACTED} {{value: pair[1]}}]->(i)"
            " SET r.at = CASE WHEN pair[2] IS NOT NULL THEN datetime({epochSeconds: pair[2]}) END"
        )
        with ahead(map(_by_user, batches(rows))) as made:
            for number, users in made:
                self.rows(cypher, users)
                task.advance(number)

    def remove_interactions(self) -> None:
        """Takes all interactions away."""
        pattern = f"MATCH (:{ENTITY}:{USER})-[r:{INTERACTED}]->(:{ENTITY}:{ITEM})"
        while self.session.execute_read(lambda tx: tx.run(f"{pattern} RETURN r LIMIT 1").single()) is not None:
            self.rows(f"{pattern} WITH r LIMIT $limit DELETE r", [], limit=ROWS)


def _nodes(give: Iterable[str], take: Iterable[str], fresh: bool) -> str:
    """Writes nodes that get the one labels and lose the other."""
    named = "".join(f":{quoted(name)}" for name in give)
    verb = f"CREATE (n:{ENTITY}{named} {{id: row.id}})" if fresh else f"MERGE (n:{ENTITY} {{id: row.id}})"
    cypher = f"UNWIND $rows AS row {verb} SET n += row.properties"
    if not fresh and named:
        cypher += f" SET n{named}"
    lost = "".join(f":{quoted(name)}" for name in take)
    return cypher + (f" REMOVE n{lost}" if lost else "")


def _by_labels(batch: list[NodeRow]) -> dict[tuple[tuple[str, ...], tuple[str, ...]], list[dict[str, Any]]]:
    """Labels to give and to take → nodes."""
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[dict[str, Any]]] = {}
    for id, give, take, properties in batch:
        groups.setdefault((give, take), []).append({"id": id, "properties": properties})
    return groups


def _by_type(batch: list[tuple[tuple[str, str], tuple[str, str]]]) -> tuple[int, list[tuple[str, str, list[Any]]]]:
    """Number of edges; query, source and rows for each type and source: a subject and its objects."""
    parts = []
    for (name, source), part in groupby(batch, lambda row: row[0]):
        rows = [[subject, [pair[1] for _, pair in same]] for subject, same in groupby(part, lambda row: row[1][0])]
        parts.append((_EDGES.format(quoted(name)), source, rows))
    return len(batch), parts


def _by_user(batch: list[tuple[str, str, float, int | None]]) -> tuple[int, list[Any]]:
    """Number of interactions; a user and item, value and time of each."""
    users = groupby(batch, lambda row: row[0])
    return len(batch), [[user, [list(row[1:]) for row in group]] for user, group in users]


@contextmanager
def ahead(made: Iterator[Row]) -> Iterator[Iterator[Row]]:
    """The same; the next one is made in another thread while the last one is in use."""
    end: Any = object()
    with ThreadPoolExecutor(1) as thread:

        def each() -> Iterator[Row]:
            next_one = thread.submit(next, made, end)
            while (one := next_one.result()) is not end:
                next_one = thread.submit(next, made, end)
                yield one

        yield each()


def batches(rows: Iterable[Row], size: Callable[[Row], int] = lambda row: 0) -> Iterator[list[Row]]:
    """At most :data:`ROWS` rows and about :data:`CHARACTERS` characters at a time."""
    batch: list[Row] = []
    held = 0
    for row in rows:
        batch.append(row)
        held += size(row)
        if len(batch) >= ROWS or held >= CHARACTERS:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    return sum(map(_size, value)) if isinstance(value, list) else 8
