"""The embedded store: Oxigraph on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyoxigraph as ox
from pyoxigraph import NamedNode, Quad

from kgrec.config.iris import PREFIXES, explanation_graph, source_graph
from kgrec.errors import QueryError, StaleError, StorageError
from kgrec.store.faults import REBUILD, malformed_query, opening_fault, writing_fault
from kgrec.store.guard import check_query
from kgrec.store.literals import canonical
from kgrec.store.result import QueryResult, Term

if TYPE_CHECKING:
    import rdflib

_UNION = "urn:kgrec:union:"
"""Graphs of this store's own: a source's statements without those that a larger source has too."""
_SHARED = "ASK {{ GRAPH {} {{ ?s ?p ?o }} GRAPH {} {{ ?s ?p ?o }} }}"


class OxigraphStore:
    """A :class:`kgrec.store.SparqlStore` in a folder.

    Oxigraph's union of graphs gives a statement once for every graph it is in, where SPARQL's default graph has it
    once.  So queries run over a list of graphs that do not overlap: a source graph that shares statements with a
    larger one is stood for by a copy without those.

    Args:
        path: the store's folder; without ``read_only`` it is made where it does not exist.
        base: the recipe's base IRI; source graphs are those below ``<base>source/``.
        read_only: opens beside a writer, and refuses to load.

    Raises:
        StaleError: no store here (read-only), another kind of folder, or a damaged store.
        BusyError: another process has it open for writing; names the process where the system tells.
        StorageError: the folder cannot be made or read.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        base: str = "urn:kgrec:",
        read_only: bool = False,
        prefixes: Mapping[str, str] | None = None,
    ) -> None:
        self.path = Path(path)
        self.prefixes = {**PREFIXES, **(prefixes or {})}
        self.base = base
        self.read_only = read_only
        self._opened: ox.Store | None = None
        if not (self.path / "CURRENT").is_file() and (read_only or (self.path.exists() and not self._is_empty())):
            raise StaleError("no store here", file=self.path, remedy=REBUILD)
        try:
            self._opened = ox.Store.read_only(str(self.path)) if read_only else ox.Store(str(self.path))
        except (OSError, RuntimeError, ValueError) as error:
            raise opening_fault(error, self.path) from error

    def _is_empty(self) -> bool:
        return self.path.is_dir() and not any(self.path.iterdir())

    @property
    def _store(self) -> ox.Store:
        if self._opened is None:
            raise StaleError("the store is closed", file=self.path, remedy="open it again")
        return self._opened

    def close(self) -> None:
        """Gives the store free."""
        self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- writing

    def load(self, quads: Iterable[Quad]) -> None:
        """See :meth:`kgrec.store.GraphStore.load`; one transaction a call, and one more for each overlapping source.

        Where the disk fills up between them, the statements are in and the next load parts the union.
        """
        if self.read_only:
            raise StorageError(f"the store {self.path} is open read-only")
        store = self._store
        try:
            store.bulk_extend(quads)
            self._part_union()
            store.flush()
        except OSError as error:
            raise writing_fault(error, self.path) from error

    def _part_union(self) -> None:
        """Makes the copies that keep the union free of duplicates; the largest source never needs one."""
        store = self._store
        for graph in self._graphs(_UNION):
            store.remove_graph(graph)
        sources = self._graphs(self._sources_prefix)
        if len(sources) < 2:
            return
        sizes: Counter[str] = Counter()
        for (source, _), number in self.counts().items():
            sizes[source] += number
        sources.sort(key=lambda graph: (-sizes[graph.value], graph.value))
        for position, graph in enumerate(sources):
            larger = sources[:position]
            if not any(store.query(_SHARED.format(graph, other)) for other in larger):
                continue
            copy = NamedNode(_UNION + graph.value)
            statements = store.quads_for_pattern(None, None, None, graph)
            store.bulk_extend(
                Quad(quad.subject, quad.predicate, quad.object, copy)
                for quad in statements
                if not _is_in(store, quad, larger)
            )
            # also where nothing is left: an empty copy stands for the source as well
            store.add_graph(copy)

    # --- what is published back, outside the source graphs

    def published(self) -> list[str]:
        """IRIs of the graphs below ``<base>explanation/``, sorted."""
        return [graph.value for graph in self._graphs(explanation_graph(self.base, ""))]

    def replace_published(self, graph: str, pattern: str, quads: Iterable[Quad]) -> None:
        """Replaces a part of a published graph in one transaction; the sources cannot be reached from here.

        Args:
            graph: IRI of the graph, below ``<base>explanation/``.
            pattern: SPARQL pattern that binds ``?subject``: what is said of these is removed.
            quads: what is said instead; they get into that graph whatever they name.

        Raises:
            StorageError: the store cannot be written.
        """
        name = self._published_graph(graph)
        said = "\n".join(f"{quad.subject} {quad.predicate} {quad.object} ." for quad in quads)
        removal = (
            f"DELETE {{ GRAPH {name} {{ ?subject ?p ?o }} }} WHERE {{ GRAPH {name} {{ {pattern} . ?subject ?p ?o }} }}"
        )
        self._update(f"{removal} ;\nINSERT DATA {{ GRAPH {name} {{ {said} }} }}")

    def remove_published(self, graph: str) -> None:
        """Removes a published graph in one transaction; one that is not there is no error."""
        self._update(f"DROP SILENT GRAPH {self._published_graph(graph)}")

    def _published_graph(self, graph: str) -> NamedNode:
        if not graph.startswith(explanation_graph(self.base, "")):
            raise ValueError(f"expected a graph below {explanation_graph(self.base, '')} (got {graph})")
        return NamedNode(graph)

    def _update(self, sparql: str) -> None:
        if self.read_only:
            raise StorageError(f"the store {self.path} is open read-only")
        store = self._store
        try:
            store.update(sparql)
            store.flush()
        except OSError as error:
            raise writing_fault(error, self.path) from error

    # --- reading

    @property
    def _sources_prefix(self) -> str:
        return source_graph(self.base, "")

    def _graphs(self, prefix: str) -> list[NamedNode]:
        names = (graph for graph in self._store.named_graphs() if isinstance(graph, NamedNode))
        return sorted((graph for graph in names if graph.value.startswith(prefix)), key=lambda graph: graph.value)

    def _parts(self) -> list[NamedNode]:
        """Graphs that together are the union of the sources, each statement in one of them."""
        copies = {graph.value.removeprefix(_UNION): graph for graph in self._graphs(_UNION)}
        return [copies.get(graph.value, graph) for graph in self._graphs(self._sources_prefix)]

    def sources(self) -> list[str]:
        """See :meth:`kgrec.store.GraphStore.sources`."""
        return [graph.value for graph in self._graphs(self._sources_prefix)]

    def quads(self, *, predicate: str | None = None, source: str | None = None) -> Iterator[Quad]:
        """See :meth:`kgrec.store.GraphStore.quads`."""
        store = self._store
        wanted = None if predicate is None else NamedNode(predicate)
        for graph in self._graphs(self._sources_prefix):
            if source is None or graph.value == source:
                yield from map(_restored, store.quads_for_pattern(None, wanted, None, graph))

    def counts(self) -> dict[tuple[str, str], int]:
        """See :meth:`kgrec.store.GraphStore.counts`."""
        sources = self._graphs(self._sources_prefix)
        result = self._run(
            "SELECT ?g ?p (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g ?p", default=[], named=sources
        )
        counts = {(_text(graph), _text(predicate)): int(_text(n)) for graph, predicate, n in result.rows}
        return dict(sorted(counts.items()))

    def __len__(self) -> int:
        return sum(self.counts().values())

    # --- SPARQL

    def query(self, sparql: str) -> QueryResult:
        """See :meth:`kgrec.store.SparqlStore.query`.

        The prefixes of :data:`kgrec.config.iris.PREFIXES` and the store's own are known.  A published graph is read
        by a query that names it by its IRI (``GRAPH <…explanation/run> { … }``), and by no other.
        """
        if check_query(sparql):
            return self._run(sparql)
        asked = [graph for graph in self._graphs(explanation_graph(self.base, "")) if str(graph) in sparql]
        return self._run(sparql, default=self._parts(), named=[*self._graphs(self._sources_prefix), *asked])

    def _run(
        self, sparql: str, default: list[NamedNode] | None = None, named: list[NamedNode] | None = None
    ) -> QueryResult:
        try:
            answer = self._store.query(
                sparql,
                prefixes=self.prefixes,
                default_graph=default,  # type: ignore[arg-type]
                named_graphs=named,  # type: ignore[arg-type]
            )
            return _result(answer)
        except SyntaxError as error:
            raise malformed_query(sparql, str(error.msg), self.prefixes) from error
        except (OSError, RuntimeError, ValueError) as error:
            raise QueryError(f"the query failed: {error}") from error

    def as_rdflib(self) -> rdflib.Dataset:
        """See :meth:`kgrec.store.SparqlStore.as_rdflib`."""
        from kgrec.store.rdflib_view import dataset

        return dataset(self._store, self._parts(), self._graphs(self._sources_prefix))


def _is_in(store: ox.Store, quad: Quad, graphs: list[NamedNode]) -> bool:
    return any(Quad(quad.subject, quad.predicate, quad.object, graph) in store for graph in graphs)


def _restored(quad: Quad) -> Quad:
    """The statement with its literal as it was loaded: Oxigraph writes ``1.0E3`` as ``1000``."""
    term = quad.object
    if type(term) is not ox.Literal:
        return quad
    literal = canonical(term)
    return quad if literal is term else Quad(quad.subject, quad.predicate, literal, quad.graph_name)


def _restored_term(term: Term | None) -> Term | None:
    return canonical(term) if isinstance(term, ox.Literal) else term


def _restored_triple(triple: ox.Triple) -> ox.Triple:
    term = triple.object
    if not isinstance(term, ox.Literal):
        return triple
    return ox.Triple(triple.subject, triple.predicate, canonical(term))


def _text(term: Term | None) -> str:
    return term.value if isinstance(term, NamedNode | ox.Literal) else str(term)


def _result(answer: ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples) -> QueryResult:
    if isinstance(answer, ox.QueryBoolean):
        return QueryResult("ask", boolean=bool(answer))
    if isinstance(answer, ox.QueryTriples):
        return QueryResult("construct", triples=tuple(map(_restored_triple, answer)))
    names = tuple(variable.value for variable in answer.variables)
    rows = tuple(tuple(_restored_term(term) for term in solution) for solution in answer)
    return QueryResult("select", variables=names, rows=rows)
