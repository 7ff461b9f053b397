"""The store on a Neo4j server.

Entities are ``(:Entity {id, name, …})`` with their types as labels and readable copies of their literals as
properties; ``id`` is the IRI.  A statement between two nodes is a relationship of the predicate's short name with its
``source``; every other statement stands in the subject's list ``statements`` (:mod:`kgrec.store.neo4j.terms`).
``(:KgrecRelation {type, predicate})`` says which predicate a relationship type is, and ``(:KgrecGraph)`` whose graph
this is and whether it is whole.  What others write, and what is published, is neither read nor touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Self

import neo4j
from pyoxigraph import NamedNode, Quad

from kgrec.config.iris import source_graph
from kgrec.errors import StaleError, StorageError
from kgrec.progress import SILENT, Progress
from kgrec.store.neo4j import names, reader, server
from kgrec.store.neo4j.bulk import EDGES, bulk_import
from kgrec.store.neo4j.connection import RETRY_SECONDS, Connection, open_driver
from kgrec.store.neo4j.faults import neo4j_faults
from kgrec.store.neo4j.marker import (
    Marker,
    check_clashes,
    check_owner,
    check_whole,
    new_token,
    prepare,
    read_marker,
    relation_types,
)
from kgrec.store.neo4j.reader import edge_counts, pages
from kgrec.store.neo4j.reading import Reading, all_labels, node_rows
from kgrec.store.neo4j.server import Home
from kgrec.store.neo4j.spool import Spool
from kgrec.store.neo4j.terms import decode
from kgrec.store.neo4j.writer import Writer


class Neo4jStore:
    """A :class:`kgrec.store.GraphStore` in a Neo4j database, which holds one graph.

    Args:
        to: the server.
        owner: name of the recipe; another one's graph is refused.
        base: the recipe's base IRI; source graphs are those below ``<base>source/``.
        read_only: refuses to load.
        retry_seconds: how long a server that went away, or that says to come again, is tried.
        home: folder of the server where it is a managed one: a large first load may stop it and import.
        bulk: imports a small first load too.

    Raises:
        UserError: no server, wrong login, version or database, or the database holds another recipe's graph.
        StaleError: read-only, and there is no whole graph.
    """

    def __init__(
        self,
        to: Connection,
        *,
        owner: str = "graph",
        base: str = "urn:kgrec:",
        read_only: bool = False,
        retry_seconds: float = RETRY_SECONDS,
        home: Home | None = None,
        bulk: bool = False,
    ) -> None:
        self.to, self.owner, self.base, self.read_only = to, owner, base, read_only
        self.home, self.bulk = home, bulk
        self._stack = ExitStack()
        self._driver: neo4j.Driver | None = self._stack.enter_context(open_driver(to, retry_seconds))
        try:
            marker = self._marker()
            if marker is not None:
                check_owner(marker, owner, base)
            if read_only:
                check_whole(marker, owner, base)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Gives the connection free."""
        self._driver = None
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _session(self, access: str = neo4j.WRITE_ACCESS) -> neo4j.Session:
        if self._driver is None:
            raise StaleError("the store is closed", file=self.to.uri, remedy="open it again")
        return self._driver.session(database=self.to.database, default_access_mode=access, fetch_size=reader.FETCHED)

    def _faults(self) -> Any:
        return neo4j_faults(self.to.uri, self.to.database, self.to.password)

    def _marker(self) -> Marker | None:
        with self._faults(), self._session() as session:
            return read_marker(session)

    def digest(self) -> str | None:
        """Digest of the graph that is there; None where it is not whole."""
        marker = self._marker()
        return None if marker is None else marker.digest

    # --- writing

    def load(self, quads: Iterable[Quad]) -> None:
        """See :meth:`kgrec.store.GraphStore.load`.

        Everything is read before anything is written.  Where the server goes away in between, nothing is read from the
        graph until the same call has been made again and gone through.
        """
        with Spool(self.base) as spool:
            self._refuse_read_only()
            spool.add(quads)
            self._apply(spool, Reading(), keep=True, progress=SILENT)

    def replace(self, quads: Iterable[Quad], reading: Reading, progress: Progress = SILENT) -> str:
        """Makes the graph exactly these statements and interactions, by what differs from what is there.

        Returns:
            The graph's digest.

        Raises:
            UserError: data or constraints of others are in the way; nothing was written then.
            BusyError: another build into the same database has begun.
            StorageError: the server cannot write, or went away; the same call goes on where it was.
        """
        with Spool(self.base) as spool:
            self._refuse_read_only()
            spool.add(quads)
            spool.add_names((id, "\n".join(labels), name) for id, labels, name in reading.entities)
            return self._apply(spool, reading, keep=False, progress=progress)

    def _refuse_read_only(self) -> None:
        if self.read_only:
            raise StorageError(f"the store at {self.to.uri} is open read-only")

    def _apply(self, spool: Spool, reading: Reading, keep: bool, progress: Progress) -> str:
        with self._faults(), self._session() as session:
            marker = read_marker(session)
            if marker is not None:
                check_owner(marker, self.owner, self.base)
            if not keep:
                spool.settle(keep)
                if marker is None:
                    spool.hash_meanwhile()
                elif (marker.digest, marker.interactions) == (spool.digest, reading.interactions_digest):
                    return spool.digest
            if marker is not None:
                for page in pages(session):
                    spool.add_old(*page)
            if keep:
                spool.settle(keep)
            known = relation_types(session)
            chosen = names.relationship_types(spool.predicates(), known, reading.relations)
            labels = all_labels(spool)
            written = labels | (set() if marker is None else marker.labels)
            check_clashes(session, marker is None, labels, chosen.values())
            token = None if marker is None else marker.token
            imported = self._import(session, spool, chosen, progress) if marker is None else None
        # a new session: after an import the old one's bookmarks speak of another database
        with self._faults(), self._session() as session:
            writer = Writer(session, prepare(session, self.owner, self.base, imported or token))
            writer.rows(
                f"UNWIND $rows AS row MERGE (r:{names.RELATION} {{predicate: row[0]}}) SET r.type = row[1]",
                [list(pair) for pair in chosen.items()],
            )
            writer.rows(f"MATCH (g:{names.GRAPH} {{id: 'graph'}}) SET g.labels = $rows", sorted(written))
            fresh_interactions = not keep and (
                marker is None or marker.digest is None or marker.interactions != reading.interactions_digest
            )
            if fresh_interactions:
                writer.remove_interactions()
                writer.rows(f"MATCH (g:{names.GRAPH} {{id: 'graph'}}) SET g.interactions = null", [])
            for predicate, source, pairs in spool.edges("removed"):
                writer.remove_edges(chosen[predicate], source, pairs)
            if not imported:
                with progress.task("writing nodes", spool.num_nodes(), "nodes") as task:
                    writer.nodes(node_rows(spool, written, marker is None), marker is None, task)
                writer.remove_nodes(spool.gone(), sorted(written))
                with progress.task("writing edges", unit="edges") as task:
                    added = spool.edges("added")
                    writer.edges(((chosen[predicate], source, pairs) for predicate, source, pairs in added), task)
            if fresh_interactions:
                with progress.task("writing interactions", unit="interactions") as task:
                    writer.interactions(reading.interactions(), task)
            done = f"MATCH (g:{names.GRAPH} {{id: 'graph'}}) SET g.digest = $digest"
            if not keep:
                done += ", g.interactions = $interactions"
            writer.rows(done, [], digest=spool.digest, interactions=reading.interactions_digest)
            return spool.digest

    def _import(self, session: neo4j.Session, spool: Spool, types: Mapping[str, str], progress: Progress) -> str | None:
        """Imports a large first load into an empty managed server; the mark's token, None where nothing was done."""
        running = None if self.home is None else server.running(self.home)
        if self.home is None or running is None or not (self.bulk or spool.num_edges() >= EDGES):
            return None
        if session.execute_read(lambda tx: tx.run("MATCH (n) RETURN n LIMIT 1").single()) is not None:
            return None
        token = new_token()
        mark = {"owner": self.owner, "base": self.base, "token": token}
        rows = node_rows(spool, set(), True)
        return token if bulk_import(self.home, running, spool, rows, types, mark, progress) else None

    # --- reading

    def quads(self, *, predicate: str | None = None, source: str | None = None) -> Iterator[Quad]:
        """See :meth:`kgrec.store.GraphStore.quads`; by subject."""
        if self._is_empty():
            return
        nodes: dict[str, NamedNode] = {}
        graphs = source_graph(self.base, "")
        with self._faults(), self._session(neo4j.READ_ACCESS) as session:
            for id, _, values, edges in pages(session):
                subject = NamedNode(id)
                for relation, name, target in sorted(edges):
                    if _wanted(relation, name, predicate, source, graphs):
                        yield Quad(subject, _node(relation, nodes), NamedNode(target), _node(graphs + name, nodes))
                for text in sorted(values):
                    name, relation, term = decode(text)
                    if _wanted(relation, name, predicate, source, graphs):
                        yield Quad(subject, _node(relation, nodes), term, _node(graphs + name, nodes))

    def _is_empty(self) -> bool:
        """Whether there is no graph yet.

        Raises:
            StaleError: there is half of one.
        """
        marker = self._marker()
        if marker is None:
            return True
        check_whole(marker, self.owner, self.base)
        return False

    def counts(self) -> dict[tuple[str, str], int]:
        """See :meth:`kgrec.store.GraphStore.counts`."""
        counted: Counter[tuple[str, str]] = Counter()
        if self._is_empty():
            return {}
        graphs = source_graph(self.base, "")
        with self._faults(), self._session(neo4j.READ_ACCESS) as session:
            for predicate, source, number in edge_counts(session):
                counted[source, predicate] += number
            for _, _, values, _ in pages(session, linked=False):
                counted.update((source, predicate) for source, predicate, _ in map(decode, values))
        rows = ((graphs + source, predicate, n) for (source, predicate), n in counted.items() if source[0] != "<")
        return {(graph, predicate): n for graph, predicate, n in sorted(rows)}

    def sources(self) -> list[str]:
        """See :meth:`kgrec.store.GraphStore.sources`."""
        return sorted({source for source, _ in self.counts()})

    def __len__(self) -> int:
        return sum(self.counts().values())


def _node(iri: str, known: dict[str, NamedNode]) -> NamedNode:
    node = known.get(iri)
    if node is None:
        node = known[iri] = NamedNode(iri)
    return node


def _wanted(relation: str, name: str, predicate: str | None, source: str | None, graphs: str) -> bool:
    """Whether a statement is of a source graph and of what was asked for."""
    return (
        not name.startswith("<")
        and (predicate is None or relation == predicate)
        and (source is None or graphs + name == source)
    )
