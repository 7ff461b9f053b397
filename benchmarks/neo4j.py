"""Loading into and reading from Neo4j against bare driver loops, on a managed server of its own.

``python -m benchmarks.neo4j [FILE] [--generate N] [--runs R] [--data DIR]`` runs 1 to 3,
``python -m benchmarks.neo4j --bulk [EDGES] [--live EDGES]`` runs 4.

1. ``Neo4jStore.replace`` (spool, sort, labels, captions, retries) against a loop that sorts in memory and sends:
   ``UNWIND``, keyed ``MATCH``, nodes first, one writer, managed transactions. Both begin with the same statements in
   memory, those of FILE (default: lastfm-dbpedia/kg.nt) or N generated ones.
2. ``Neo4jStore.quads`` against a loop that only iterates over every relationship.
3. Peak memory of the client against 2 GB.
4. A first load through Neo4j's import tool, stopping and starting the server included, against the same load through
   transactions, on a generated graph with so many edges (5 million by default), each on a fresh server; both graphs are
   read back and held against what was generated. With ``--live`` the transactions load only so many of the edges, and
   their time is multiplied.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import neo4j
import pyoxigraph as ox
from pyoxigraph import NamedNode, Quad

from benchmarks._common import alternate, generate, graph_arguments, graph_file, median_of, peak_rss, verdict
from kgrec.config.iris import local_name
from kgrec.store.neo4j.connection import connection, open_driver
from kgrec.store.neo4j.reading import Reading
from kgrec.store.neo4j.server import Home, down, up
from kgrec.store.neo4j.server.ports import free_port
from kgrec.store.neo4j.store import Neo4jStore

LOAD_BAR = READ_BAR = 0.9
BULK_BAR = 5.0
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


def bare_load(driver: neo4j.Driver, quads: list[Quad]) -> None:
    """Sorts and sends, and nothing else."""
    nodes = sorted({term.value for quad in quads for term in (quad.subject, quad.object)})
    edges: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for relation, source, target in sorted({(q.predicate.value, q.subject.value, q.object.value) for q in quads}):
        edges[local_name(relation)].append((source, target))

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
    parser = graph_arguments(__doc__, runs=3)
    parser.add_argument("--bulk", type=int, nargs="?", const=5_000_000, metavar="EDGES")
    parser.add_argument("--live", type=int, metavar="EDGES")
    given = parser.parse_args()
    with graph_file(given) as (parent, path):
        if given.bulk:
            return compare_bulk(parent, given.bulk, min(given.live or given.bulk, given.bulk))
        home = Home(parent / "home")
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
        quads = list(statements(path))
        nodes = len({term for quad in quads for term in (quad.subject, quad.object)})
        for _ in range(runs):
            for name, work in (
                ("bare_load", lambda: bare_load(driver, quads)),
                ("load", lambda: store.replace(quads, Reading())),
            ):
                clear(driver)
                seconds[name] += alternate(1, it=work)["it"]
    for name, values in {**seconds, **read}.items():
        middle = median_of(values)
        print(f"{name} {middle:.2f} s, {count / middle:,.0f} edges/s ({len(values)} runs)")
    print(f"{count:,} edges, {nodes:,} nodes; client's peak memory {memory:.2f} GB")
    held = [
        verdict("neo4j/load", median_of(seconds["bare_load"]) / median_of(seconds["load"]), LOAD_BAR),
        verdict("neo4j/read", median_of(read["bare_read"]) / median_of(read["read"]), READ_BAR),
        verdict("neo4j/peak_gb", memory, MEMORY_BAR, at_least=False),
    ]
    return 0 if all(held) else 1


def compare_bulk(parent: Path, edges: int, live: int) -> int:
    """Loads the same graph both ways, each into an empty server."""
    path = parent / "generated.nt"
    # of seven generated triples one has a literal
    generate(path, -(-edges * 7 // 6))
    seconds = {}
    same = True
    for name, number in (("live", live), ("bulk", edges)):
        home = Home(parent / name)
        state, _ = up(home, bolt=free_port(), http=free_port())
        try:
            to = connection(state.uri, home=home)
            with Neo4jStore(to, home=home if name == "bulk" else None, bulk=name == "bulk") as store:
                start = time.perf_counter()
                store.replace(islice(statements(path), number), Reading())
                seconds[name] = time.perf_counter() - start
            print(
                f"{name}: {number:,} edges in {seconds[name]:.0f} s, client's peak memory {peak_rss():.2f} GB",
                flush=True,
            )
            with Neo4jStore(to) as store:
                same = same and fingerprint(store.quads()) == fingerprint(islice(statements(path), number))
        finally:
            down(home)
    print(f"read back, {'each is' if same else 'NOT each is'} the graph that was generated")
    if live < edges:
        print(f"live: {edges / live:.1f} times the seconds of {live:,} edges are taken for those of {edges:,}")
    held = [
        verdict(f"neo4j/bulk/{edges:_}", seconds["live"] * edges / live / seconds["bulk"], BULK_BAR),
        verdict("neo4j/bulk/peak_gb", peak_rss(), MEMORY_BAR, at_least=False),
    ]
    return 0 if same and all(held) else 1


def fingerprint(quads: Iterable[Quad]) -> tuple[int, int]:
    """Number of statements and a hash of them in whatever order, repeats told."""
    count = total = 0
    for quad in quads:
        count += 1
        total += int.from_bytes(hashlib.blake2b(str(quad).encode(), digest_size=16).digest(), "big")
    return count, total % 2**128


if __name__ == "__main__":
    sys.exit(main())
