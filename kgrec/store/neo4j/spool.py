"""What is to be written and what is there, on disk: SQLite sorts, drops repeats and takes differences."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pyoxigraph import Literal as RdfLiteral
from pyoxigraph import NamedNode, Quad

from kgrec.config import iris
from kgrec.errors import DataError
from kgrec.store.neo4j.terms import encode

CACHE = 64_000
"""Kilobytes of the file that SQLite may hold in memory."""
LONGEST_ID = 8_000
"""Bytes of an IRI that Neo4j's index takes."""

SCHEMA = """
CREATE TABLE new_edge (p TEXT, g TEXT, s TEXT, o TEXT);
CREATE TABLE old_edge (p TEXT, g TEXT, s TEXT, o TEXT);
CREATE TABLE new_value (s TEXT, v TEXT);
CREATE TABLE old_value (s TEXT, v TEXT);
CREATE INDEX old_value_by_s ON old_value (s);
CREATE TABLE new_name (id TEXT PRIMARY KEY, labels TEXT, name TEXT) WITHOUT ROWID;
CREATE TABLE old_node (id TEXT PRIMARY KEY, labels TEXT) WITHOUT ROWID;
CREATE TABLE node (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Node(NamedTuple):
    """An entity and what stands on it: ``labels`` (joined by line breaks) and ``name`` where they are given."""

    id: str
    values: list[str]
    labels: str | None
    name: str | None


class Spool:
    """Statements in a temporary SQLite file; nothing here is ever held in memory whole.

    Args:
        base: the recipe's base IRI: sources are named by what comes after ``<base>source/``, other graphs by ``<``
            and their IRI.
    """

    def __init__(self, base: str) -> None:
        self.prefix = iris.source_graph(base, "")
        self._folder = tempfile.TemporaryDirectory(prefix="kgrec-neo4j-")
        # read by one thread at a time, not always by the same
        self._file = Path(self._folder.name) / "spool"
        self.db = self._connect()
        self.db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + SCHEMA)
        self._thread = ThreadPoolExecutor(1)
        self._hashing: Future[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._thread.shutdown()
        self.db.close()
        self._folder.cleanup()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        db.execute(f"PRAGMA cache_size = -{CACHE}")
        return db

    def add(self, quads: Iterable[Quad]) -> None:
        """Takes statements in.

        Raises:
            DataError: an IRI is longer than Neo4j can index.
            ValueError: a blank node or a triple as a term.
        """
        edges: list[tuple[str, ...]] = []
        values: list[tuple[str, ...]] = []
        sources: dict[object, str] = {}
        for subject, predicate, term, graph in quads:
            source = sources.get(graph)
            if source is None:
                iri = graph.value
                source = iri.removeprefix(self.prefix) if iri.startswith(self.prefix) else "<" + iri
                sources[graph] = source
            for node in (subject, term):
                if isinstance(node, NamedNode) and len(node.value) > LONGEST_ID // 4:
                    _check_length(node.value)
            if isinstance(term, NamedNode) and predicate.value != iris.RDF_TYPE:
                edges.append((predicate.value, source, subject.value, term.value))
            elif isinstance(term, NamedNode | RdfLiteral) and isinstance(subject, NamedNode):
                values.append((subject.value, encode(source, predicate.value, term)))
            else:
                raise ValueError(f"expected IRIs and literals (got {subject} {predicate} {term})")
            if len(edges) + len(values) >= 50_000:
                self._insert(edges, values)
        self._insert(edges, values)

    def _insert(self, edges: list[tuple[str, ...]], values: list[tuple[str, ...]]) -> None:
        self.db.execute("BEGIN")
        self.db.executemany("INSERT INTO new_edge VALUES (?, ?, ?, ?)", edges)
        self.db.executemany("INSERT INTO new_value VALUES (?, ?)", values)
        self.db.execute("COMMIT")
        edges.clear()
        values.clear()

    def add_names(self, rows: Iterable[tuple[str, str, str | None]]) -> None:
        """Entities with their labels (joined by line breaks) and caption; they are nodes without a statement too."""
        self.db.execute("BEGIN")
        self.db.executemany("INSERT OR REPLACE INTO new_name VALUES (?, ?, ?)", rows)
        self.db.execute("COMMIT")

    def add_old(self, id: str, labels: Iterable[str], values: Iterable[str], edges: Iterable[tuple[str, ...]]) -> None:
        """A node that is there, with its statements' texts and its edges (predicate, source, object)."""
        self.db.execute("INSERT OR IGNORE INTO old_node VALUES (?, ?)", (id, "\n".join(labels)))
        self.db.executemany("INSERT INTO old_value VALUES (?, ?)", ((id, value) for value in values))
        rows = ((predicate, source, id, target) for predicate, source, target in edges)
        self.db.executemany("INSERT INTO old_edge VALUES (?, ?, ?, ?)", rows)

    def old(self, id: str) -> tuple[set[str], set[str]]:
        """Labels and statements of a node that is there; empty where it is not."""
        row = self.db.execute("SELECT labels FROM old_node WHERE id = ?", (id,)).fetchone()
        values = {value for (value,) in self.db.execute("SELECT v FROM old_value WHERE s = ?", (id,))}
        return (set(row[0].split("\n")) if row else set()), values

    def settle(self, keep: bool) -> None:
        """Ends the reading: with ``keep`` what is there stays beside what is new."""
        if keep:
            self.db.execute("INSERT INTO new_edge SELECT * FROM old_edge")
            self.db.execute("INSERT INTO new_value SELECT * FROM old_value")
            self.db.execute("INSERT OR IGNORE INTO node SELECT id FROM old_node")
        self.db.execute(
            "INSERT OR IGNORE INTO node SELECT s FROM new_value UNION SELECT s FROM new_edge"
            " UNION SELECT o FROM new_edge UNION SELECT id FROM new_name"
        )
        for table, columns in (("new_edge", "p, g, s, o"), ("new_value", "s, v")):
            # sorted once: what comes after reads the rows as they lie
            self.db.execute(f"CREATE TABLE settled AS SELECT DISTINCT * FROM {table} ORDER BY {columns}")
            self.db.execute(f"DROP TABLE {table}")
            self.db.execute(f"ALTER TABLE settled RENAME TO {table}")
        self.db.execute("CREATE INDEX new_value_by_s ON new_value (s)")

    @cached_property
    def digest(self) -> str:
        """A hash of all that is to be, after :meth:`settle`."""
        return self._hash(self.db) if self._hashing is None else self._hashing.result()

    def hash_meanwhile(self) -> None:
        """Works :attr:`digest` out in another thread; until it is there, nothing more is taken in."""

        def work() -> str:
            with closing(self._connect()) as db:
                return self._hash(db)

        self._hashing = self._thread.submit(work)

    def _hash(self, db: sqlite3.Connection) -> str:
        hashed = hashlib.sha256()
        for table in ("new_edge", "new_value", "new_name"):
            order = "id" if table == "new_name" else "rowid"
            cursor = db.execute(f"SELECT * FROM {table} ORDER BY {order}")
            while rows := cursor.fetchmany(10_000):
                hashed.update(json.dumps(rows).encode())
        return hashed.hexdigest()

    def num_nodes(self) -> int:
        """Number of entities that are to be."""
        return int(self.db.execute("SELECT count(*) FROM node").fetchone()[0])

    def num_edges(self) -> int:
        """Number of edges that are to be."""
        return int(self.db.execute("SELECT count(*) FROM new_edge").fetchone()[0])

    def predicates(self) -> list[str]:
        """Predicates of the edges that are to be."""
        return [predicate for (predicate,) in self.db.execute("SELECT DISTINCT p FROM new_edge ORDER BY p")]

    def kinds(self) -> tuple[list[str], list[str]]:
        """Sets of labels (joined by line breaks) that are given, and the texts of statements that give a class."""
        given = self.db.execute("SELECT DISTINCT labels FROM new_name WHERE labels <> ''")
        classes = self.db.execute("SELECT DISTINCT v FROM new_value WHERE instr(v, ?)", (f'"{iris.RDF_TYPE}"',))
        return [labels for (labels,) in given], [text for (text,) in classes]

    def nodes(self) -> Iterator[Node]:
        """The entities that are to be, sorted."""
        rows = self.db.execute(
            "SELECT node.id, v, labels, name FROM node LEFT JOIN new_name USING (id)"
            " LEFT JOIN new_value ON s = node.id ORDER BY node.id"
        )
        for id, group in groupby(rows, key=lambda row: row[0]):
            held = list(group)
            yield Node(id, sorted({row[1] for row in held if row[1] is not None}), held[0][2], held[0][3])

    def gone(self) -> Iterator[str]:
        """Entities that are there and are not to be."""
        for (id,) in self.db.execute("SELECT id FROM old_node EXCEPT SELECT id FROM node ORDER BY 1"):
            yield id

    def edges(self, which: Literal["added", "removed"]) -> Iterator[tuple[str, str, Iterator[tuple[str, str]]]]:
        """Edges of one predicate and source at a time: predicate, source, sorted pairs of subject and object."""
        first, second = ("new", "old") if which == "added" else ("old", "new")
        query = f"SELECT p, g, s, o FROM {first}_edge EXCEPT SELECT p, g, s, o FROM {second}_edge ORDER BY 1, 2, 3, 4"
        if self.db.execute("SELECT 1 FROM old_edge LIMIT 1").fetchone() is None:
            query = f"SELECT p, g, s, o FROM {first}_edge ORDER BY rowid"
        rows: Iterable[Any] = self.db.execute(query)
        for (predicate, source), group in groupby(rows, key=lambda row: (row[0], row[1])):
            yield predicate, source, ((row[2], row[3]) for row in group)


def _check_length(iri: str) -> None:
    if len(iri.encode()) > LONGEST_ID:
        raise DataError(f"an IRI is longer than the {LONGEST_ID:,} bytes that Neo4j can index", value=iri)
