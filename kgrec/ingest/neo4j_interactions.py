"""Relationships of somebody's Neo4j graph → the interactions' file; only ever read, and streamed."""

from __future__ import annotations

import csv
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.config import Recipe
from kgrec.config.recipe import Neo4jRelationships, Neo4jSource
from kgrec.errors import StorageError
from kgrec.ingest.neo4j import as_text, cells, count_dropped, is_shared, pattern, reading, rejected
from kgrec.store.neo4j.names import backticked

if TYPE_CHECKING:
    import neo4j

USER, ITEM = "user", "item"
"""Columns of the file, before those of the relationship's properties."""


def write_interactions(
    driver: neo4j.Driver, source: Neo4jSource, part: Neo4jRelationships, recipe: Recipe, out: Path, counts: Counter[str]
) -> None:
    """The interactions as a CSV file: user, item and the properties that ``interactions`` names, sorted.

    Args:
        driver: of the server; only read transactions are opened.
        source, part: the mapping, and its kind of relationship that the interactions are.
        recipe: names the properties with value and time.
        out: the file.
        counts: is told the interactions, how many were rejected and why, and how often each other property was dropped.

    Raises:
        StorageError: the file cannot be written.
        neo4j.exceptions.Neo4jError, neo4j.exceptions.DriverError: the server's.
    """
    wanted = [name for name in (recipe.interactions.value, recipe.interactions.timestamp) if name is not None]
    try:
        with reading(driver, source) as session, out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([USER, ITEM, *wanted])
            # the server's order means nothing; the same graph gives the same file
            writer.writerows(_sorted(_interactions(session, source, part, wanted, counts), 2 + len(wanted), out.parent))
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"cannot write {out}: {error}") from error


def _interactions(
    session: neo4j.Session,
    source: Neo4jSource,
    part: Neo4jRelationships,
    wanted: Sequence[str],
    counts: Counter[str],
) -> Iterator[tuple[str, ...]]:
    ends = {nodes.label: nodes for nodes in source.nodes}
    first, last = ends[part.source], ends[part.target]
    columns = "".join(f", r.{backticked(name)}" for name in wanted)
    cypher = pattern(part, first, last, is_shared(session)) + ", keys(r)" + columns
    for user, item, properties, *values in map(cells, session.run(cypher)):
        if rejected(part, first, last, user, item, counts):
            continue
        count_dropped(counts, part.type, properties, wanted)
        counts["interactions"] += 1
        yield tuple("" if value is None else as_text(value) for value in (user, item, *values))


def _sorted(rows: Iterable[tuple[str, ...]], width: int, folder: Path) -> Iterator[tuple[str, ...]]:
    """The rows in order, each as often as it came, sorted on disk."""
    with (
        tempfile.TemporaryDirectory(prefix=".sorting-", dir=folder) as place,
        closing(sqlite3.connect(Path(place) / "rows")) as db,
    ):
        db.execute("PRAGMA journal_mode = OFF")
        db.execute(f"CREATE TABLE one ({', '.join(f'c{column} TEXT' for column in range(width))})")
        db.executemany(f"INSERT INTO one VALUES ({', '.join('?' * width)})", rows)
        yield from db.execute(f"SELECT * FROM one ORDER BY {', '.join(f'c{column}' for column in range(width))}")
