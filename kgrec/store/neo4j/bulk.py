"""The first load of a large graph into a managed server, by Neo4j's own import tool.

The server is stopped, the tool writes the database's files, and the server is started again: several times faster than
transactions, but only into a database with nothing in it.
"""

from __future__ import annotations

import csv
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import isfinite
from pathlib import Path
from typing import IO, Any

from kgrec.errors import StorageError, UserError
from kgrec.progress import Progress
from kgrec.store.neo4j import server
from kgrec.store.neo4j.connection import Connection, open_driver
from kgrec.store.neo4j.names import ENTITY, GRAPH
from kgrec.store.neo4j.server import Home, Running, down, fetch, up
from kgrec.store.neo4j.server.configure import admin
from kgrec.store.neo4j.server.home import USER
from kgrec.store.neo4j.spool import Spool
from kgrec.store.neo4j.writer import NodeRow

EDGES = 1_000_000
"""From so many on it is worth stopping the server."""
BETWEEN = "\x1f"
"""Separates the elements of a list; no label and no statement's text holds it."""
DATABASE = "neo4j"
FILES = 200
"""Sets of properties; each is a file that is open while nodes are written."""
LONGEST_CELL = 2_000_000
"""Characters; the tool's buffer holds 4 MiB, and a quote takes two."""
EMPTY = (
    "MATCH (n) RETURN n LIMIT 1",
    "SHOW CONSTRAINTS YIELD name WHERE NOT name STARTS WITH 'kgrec_' RETURN name",
    "SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' AND NOT name STARTS WITH 'kgrec_' RETURN name",
)
"""Where none of these finds anything, an import takes nothing of anybody's away."""

_KINDS = {bool: "boolean", int: "long", float: "double", str: "string"}
_COLUMN = re.compile(r"[\w .-]+")


def bulk_import(
    home: Home,
    running: Running,
    spool: Spool,
    rows: Iterable[NodeRow],
    types: Mapping[str, str],
    mark: Mapping[str, str],
    progress: Progress,
) -> bool:
    """Stops the server, imports, and starts it again on the same ports.

    Args:
        home, running: the server, whose database is empty.
        spool: the edges, all of them new.
        rows: the entities, as for :meth:`Writer.nodes`.
        types: predicate → relationship type.
        mark: properties of the graph's own node, so that a load that is cut off after the import can go on.
        progress: told what takes long.

    Returns:
        False where the tool's files cannot hold a property's name or value or so many sets of properties, or where the
        database is not seen to be empty: nothing was done then.

    Raises:
        StorageError: the files cannot be written.
        KgrecError: the tool failed; the server is up again, its database empty.
    """
    with _files(), tempfile.TemporaryDirectory(prefix="kgrec-import-") as parent:
        folder = Path(parent)
        with progress.task("writing import files"):
            nodes = _write_nodes(rows, folder)
            if nodes is None:
                return False
            nodes.append(_write_mark(mark, folder))
            edges = _write_edges(spool, types, folder)
        if not _is_empty(home, running):
            return False
        with progress.task("importing"):
            down(home)
            try:
                _import(home, nodes, edges)
            finally:
                up(
                    home,
                    bolt=running.bolt,
                    http=running.http,
                    guide_port=running.guide or 7475,
                    auth=running.auth,
                    progress=progress,
                )
    return True


@contextmanager
def _files() -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"the files of an import cannot be written: {error}") from error


def _is_empty(home: Home, running: Running) -> bool:
    """Whether nothing is in the database that the import replaces; false where nobody is let in to look."""
    to = Connection(running.uri, USER, home.password() if running.auth else None, DATABASE)
    try:
        with open_driver(to) as driver, driver.session(database=DATABASE) as session:
            return all(session.run(query).peek() is None for query in EMPTY)
    except UserError:
        return False


def _import(home: Home, nodes: list[Path], edges: Path) -> None:
    options = ["--overwrite-destination", "--multiline-fields=true", f"--array-delimiter={BETWEEN}"]
    options += [f"--max-off-heap-memory={2**30}", "--id-type=string", f"--report-file={edges.with_name('report')}"]
    files = [f"--nodes={file}" for file in nodes] + [f"--relationships={edges}"]
    try:
        admin(fetch.java(), fetch.jars(), home, ["database", "import", "full", DATABASE, *options, *files])
    except BaseException:
        if server.running(home) is None:
            for part in ("databases", "transactions"):
                shutil.rmtree(home.data / part / DATABASE, ignore_errors=True)
        raise


def _write_nodes(rows: Iterable[NodeRow], folder: Path) -> list[Path] | None:
    """A file for each set of properties and their kinds; None where files cannot hold them."""
    files: dict[tuple[tuple[str, str], ...], tuple[Path, Any]] = {}
    with ExitStack() as stack:
        for id, labels, _, properties in rows:
            held = {name: value for name, value in sorted(properties.items()) if value is not None}
            kinds = tuple((name, _kind(value)) for name, value in held.items())
            if not all(_COLUMN.fullmatch(name) for name in held) or not all(map(_fits, held.values())):
                return None
            if kinds not in files:
                if len(files) == FILES:
                    return None
                path = folder / f"nodes-{len(files)}.csv"
                writer = _writer(stack.enter_context(path.open("w", encoding="utf-8", newline="")))
                writer.writerow(["id:ID", ":LABEL", *(f"{name}:{kind}" for name, kind in kinds)])
                files[kinds] = path, writer
            files[kinds][1].writerow([id, BETWEEN.join((ENTITY, *labels)), *map(_cell, held.values())])
    return [path for path, _ in files.values()]


def _write_mark(mark: Mapping[str, str], folder: Path) -> Path:
    path = folder / "graph.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        _writer(file).writerows([["id:ID", ":LABEL", *mark], ["graph", GRAPH, *mark.values()]])
    return path


def _write_edges(spool: Spool, types: Mapping[str, str], folder: Path) -> Path:
    path = folder / "edges.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = _writer(file)
        writer.writerow([":START_ID", ":TYPE", ":END_ID", "source"])
        for predicate, source, pairs in spool.edges("added"):
            writer.writerows((subject, types[predicate], target, source) for subject, target in pairs)
    return path


def _writer(file: IO[str]) -> Any:
    # all quoted: an empty text is one, and not a missing value
    return csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return _KINDS[type(value[0])] + "[]"
    return _KINDS[type(value)]


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return BETWEEN.join(map(_cell, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fits(value: Any) -> bool:
    """Whether a value comes back out of its cell."""
    if isinstance(value, list):
        lost = any(isinstance(item, str) and (not item or BETWEEN in item) for item in value)
        return not lost and all(map(_fits, value)) and len(_cell(value)) <= LONGEST_CELL
    if isinstance(value, str):
        return BETWEEN not in value and len(value) <= LONGEST_CELL
    return not isinstance(value, float) or isfinite(value)
