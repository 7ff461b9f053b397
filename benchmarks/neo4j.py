"""Loading into and reading from Neo4j against bare driver loops, on a managed server of its own.

``python -m benchmarks.neo4j [FILE] [--generate N] [--runs R] [--data DIR]``

1. ``Neo4jStore.replace`` (spool, sort, labels, captions, retries) against a loop that only sends the sorted rows:
   ``UNWIND``, keyed ``MATCH``, nodes first, one writer, managed transactions, on FILE (default: lastfm-dbpedia/kg.nt)
   or on N generated triples.
2. ``Neo4jStore.quads`` against a loop that only iterates over every relationship.
3. Peak memory of the client against 2 GB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import neo4j
import pyoxigraph as ox
from pyoxigraph import NamedNode, Quad

from benchmarks._common import DATA, alternate, median_of, peak_rss, verdict
from benchmarks.rdf_ingest import generate
from kgrec.config.iris import local_name
from kgrec.store.neo4j.connection import connection, open_driver
from kgrec.store.neo4j.reading import Reading
from kgrec.store.neo4j.server import Home, down, up
from kgrec.store.neo4j.server.ports import free_port
from kgrec.store.neo4j.store import Neo4jStore

LOAD_BAR = READ_BAR = 0.9
MEMORY_BAR = 2.0
ROWS = 20_000
GRAPH = NamedNode("urn:kgrec:source/one")


def statements(path: Path) -> Iterator[Quad]:
    """The file's statements between nodes, in one source."""
    for quad in ox.parse(path=str(path), format=ox.RdfFormat.N_TRIPLES):
        if isinstance(quad.subject, NamedNode) and isinstance(quad.object, NamedNode):
            yield Quad(quad.subject, quad.predicate, quad.object, GRAPH)


def clear(driver: neo4j.Driver) -> None:
    """An empty database with the constraint."""
    with driver.session() as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()
        session.run("CREATE CONSTRAINT kgrec_entity_id IF NOT EXISTS FOR (n:Entity) REQUIRE n.id IS UNIQUE").consume()
        session.run("CALL db.awaitIndexes()").consume()


def bare_load(driver: neo4j.Driver, nodes: list[str], edges: dict[str, list[tuple[str, str]]]) -> None:
    """Rows that are sorted already, and nothing else."""

    def send(cypher: str, rows: list[object]) -> None:
        for start in range(0, len(rows), ROWS):
            batch = rows[start : start + ROWS]
            session.execute_write(lambda tx, batch=batch: tx.run(cypher, rows=batch).consume())

    with driver.session() as session:
        send(
            "UNWIND $rows AS row CREATE (n:Entity {id: row.id}) SET n += row.properties",
            [{"id": id, "properties": {"name": local_name(id)}} for id in nodes],
        )
        for name, pairs in edges.items():
            send(
                "UNWIND $rows AS row MATCH (s:Entity {id: row[0]}) MATCH (o:Entity {id: row[1]})"
                f" CREATE (s)-[:`{name}` {{source: 'one'}}]->(o)",
                [list(pair) for pair in pairs],
            )


def bare_read(driver: neo4j.Driver) -> int:
    """Every relationship, and nothing made of it."""
    with driver.session() as session:
        rows = session.run("MATCH (s:Entity)-[r]->(o:Entity) RETURN s.id, type(r), r.source, o.id")
        return sum(1 for _ in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="N-Triples; default: lastfm-dbpedia/kg.nt")
    parser.add_argument("--generate", type=int, metavar="N", help="N generated triples instead of a file")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kgrec-bench-") as parent:
        path = given.file or given.data / "lastfm-dbpedia" / "kg.nt"
        if given.generate:
            path = Path(parent, "generated.nt")
            generate(path, given.generate)
        home = Home(Path(parent, "home"))
        state, _ = up(home, bolt=free_port(), http=free_port())
        try:
            return compare(connection(state.uri, home=home), path, given.runs)
        finally:
            down(home)


def compare(to: object, path: Path, runs: int) -> int:
    """Measures in turns on one server, after a load that warms it up."""
    with open_driver(to) as driver, Neo4jStore(to) as store:
        clear(driver)
        store.replace(statements(path), Reading())
        count = len(store)
        memory = peak_rss()
        seconds = defaultdict(list)
        read = alternate(runs, bare_read=lambda: bare_read(driver), read=lambda: sum(1 for _ in store.quads()))
        quads = set(statements(path))
        nodes = sorted({term.value for quad in quads for term in (quad.subject, quad.object)})
        edges: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for quad in sorted(quads, key=lambda quad: (quad.predicate.value, quad.subject.value, quad.object.value)):
            edges[local_name(quad.predicate.value)].append((quad.subject.value, quad.object.value))
        for _ in range(runs):
            for name, work in (
                ("bare_load", lambda: bare_load(driver, nodes, edges)),
                ("load", lambda: store.replace(statements(path), Reading())),
            ):
                clear(driver)
                seconds[name] += alternate(1, it=work)["it"]
    for name, values in {**seconds, **read}.items():
        middle = median_of(values)
        print(f"{name} {middle:.2f} s, {count / middle:,.0f} edges/s ({len(values)} runs)")
    print(f"{count:,} edges, {len(nodes):,} nodes; client's peak memory {memory:.2f} GB")
    held = [
        verdict("neo4j/load", median_of(seconds["bare_load"]) / median_of(seconds["load"]), LOAD_BAR),
        verdict("neo4j/read", median_of(read["bare_read"]) / median_of(read["read"]), READ_BAR),
        verdict("neo4j/peak_gb", memory, MEMORY_BAR, at_least=False),
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
