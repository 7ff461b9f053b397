"""What a knowledge-graph store can do.

Statements are :class:`pyoxigraph.Quad`: the graph name says which source a statement comes from
(:func:`kgrec.config.iris.source_graph`).  A store is a set: the same (subject, predicate, object) from one source is
one statement, from two sources two.  Graphs outside ``<base>source/`` hold what was published back; nothing here but
:meth:`GraphStore.load` touches them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, Self

from pyoxigraph import Quad

from kgrec.store.result import QueryResult

if TYPE_CHECKING:
    import rdflib


class GraphStore(Protocol):
    """A knowledge graph on disk or on a server."""

    def load(self, quads: Iterable[Quad]) -> None:
        """Adds statements, all or none of them.

        Raises:
            StorageError: the disk is full or the store cannot be written.
            KgrecError: whatever the iterable raises passes through; nothing was added then.
        """

    def sources(self) -> list[str]:
        """IRIs of the source graphs, sorted."""

    def quads(self, *, predicate: str | None = None, source: str | None = None) -> Iterator[Quad]:
        """Statements of the source graphs; the same content comes in the same order.

        Args:
            predicate: IRI; only its statements.
            source: IRI of one source graph; only its statements.
        """

    def counts(self) -> dict[tuple[str, str], int]:
        """(source graph, predicate) → number of statements, sorted."""

    def __len__(self) -> int:
        """Number of statements in the source graphs."""

    def close(self) -> None:
        """Gives the store free; using it afterwards raises StaleError."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class SparqlStore(GraphStore, Protocol):
    """A store that answers SPARQL 1.1."""

    def query(self, sparql: str) -> QueryResult:
        """Answers a query over the union of the source graphs; ``GRAPH`` gives a statement's source.

        A query that names its dataset (``FROM``, ``FROM NAMED``) gets exactly that one.

        Raises:
            QueryError: not SPARQL, an update, or a query with SERVICE; found before anything runs.
        """

    def as_rdflib(self) -> rdflib.Dataset:
        """The source graphs as a read-only rdflib dataset whose default graph is their union."""
