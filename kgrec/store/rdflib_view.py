"""The store as a read-only rdflib dataset, through oxrdflib."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any, NoReturn

import pyoxigraph as ox
import rdflib
from oxrdflib import OxigraphStore as OxrdflibStore
from pyoxigraph import NamedNode
from rdflib.query import Result

from kgrec.errors import QueryError, StorageError
from kgrec.store.guard import check_query

UNION = "__UNION__"
"""What rdflib passes as the graph of a query over a dataset whose default graph is the union."""


def dataset(store: ox.Store, parts: list[NamedNode], sources: list[NamedNode]) -> rdflib.Dataset:
    """A dataset over the open store; its default graph is the union of the sources.

    Args:
        store: the open Oxigraph store.
        parts: for each source, a graph with some of its statements; each statement of the union is in one of them.
        sources: the source graphs.
    """
    return rdflib.Dataset(store=SourceGraphs(store, parts, sources), default_union=True)


class SourceGraphs(OxrdflibStore):  # type: ignore[misc, unused-ignore]
    """oxrdflib's store, cut to the source graphs, each statement of their union once, and closed to writing."""

    def __init__(self, store: ox.Store, parts: list[NamedNode], sources: list[NamedNode]) -> None:
        super().__init__(store=store)
        self._parts = [self._graph(part) for part in parts]
        self._sources = [self._graph(source) for source in sources]
        self._part_nodes, self._source_nodes = parts, sources

    def _graph(self, node: NamedNode) -> rdflib.Graph:
        return rdflib.Graph(store=self, identifier=rdflib.URIRef(node.value))

    # --- reading

    def triples(self, triple_pattern: Any, context: Any = None) -> Iterator[Any]:
        """Triples with the source graphs they are in; ``context`` None is the union."""
        if context is not None:
            if self._known(context):
                yield from super().triples(triple_pattern, context)
            return
        single = self._sources if len(self._sources) == 1 else None
        for part in self._parts:
            for triple, _ in super().triples(triple_pattern, part):
                yield triple, iter(single or list(self.contexts(triple)))

    def __len__(self, context: Any = None) -> int:
        if context is not None:
            return int(super().__len__(context)) if self._known(context) else 0
        return sum(int(super(SourceGraphs, self).__len__(part)) for part in self._parts)

    def contexts(self, triple: Any = None) -> Generator[Any, None, None]:
        """The source graphs, or those with this triple."""
        for graph in self._sources:
            if triple is None or any(super().triples(triple, graph)):
                yield graph

    def _known(self, context: Any) -> bool:
        return any(graph.identifier == context.identifier for graph in self._sources)

    def query(
        self,
        query: Any,
        initNs: Mapping[str, Any],
        initBindings: Mapping[str, Any],
        queryGraph: str,
        **kwargs: object,
    ) -> Result:
        """SPARQL by Oxigraph, after the same guard as :meth:`kgrec.store.OxigraphStore.query`."""
        if not isinstance(query, str):
            raise QueryError("a prepared query is not supported here", remedy="pass the query as text")
        if check_query(query) or queryGraph != UNION:
            return super().query(query, initNs, initBindings, queryGraph, **kwargs)
        answer = self._inner.query(
            query,
            default_graph=list(self._part_nodes),
            named_graphs=list(self._source_nodes),
            prefixes={**self._namespace_for_prefix, **initNs},
            substitutions={ox.Variable(str(name)): _to_ox(value) for name, value in initBindings.items()},
        )
        return _result(answer)

    # --- writing

    def add_graph(self, graph: Any) -> None:
        """Nothing: rdflib calls it when a graph is only looked at."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise StorageError("the store is read-only for rdflib; copy it into a graph of your own to change it")

    add = addN = remove = update = remove_graph = destroy = _refuse  # noqa: N815


def _result(answer: ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples) -> Result:
    if isinstance(answer, ox.QueryBoolean):
        result = Result("ASK")
        result.askAnswer = bool(answer)
    elif isinstance(answer, ox.QueryTriples):
        result = Result("CONSTRUCT")
        result.graph = rdflib.Graph()
        for triple in answer:
            result.graph.add((_from_ox(triple.subject), _from_ox(triple.predicate), _from_ox(triple.object)))
    else:
        result = Result("SELECT")
        result.vars = [rdflib.Variable(variable.value) for variable in answer.variables]
        result.bindings = [
            {name: _from_ox(term) for name, term in zip(result.vars, solution) if term is not None}
            for solution in answer
        ]
    return result


def _from_ox(term: Any) -> Any:
    if isinstance(term, ox.NamedNode):
        return rdflib.URIRef(term.value)
    if isinstance(term, ox.BlankNode):
        return rdflib.BNode(term.value)
    if term.language:
        return rdflib.Literal(term.value, lang=term.language)
    return rdflib.Literal(term.value, datatype=rdflib.URIRef(term.datatype.value))


def _to_ox(term: Any) -> ox.NamedNode | ox.BlankNode | ox.Literal:
    if isinstance(term, rdflib.URIRef):
        return NamedNode(str(term))
    if isinstance(term, rdflib.BNode):
        return ox.BlankNode(str(term))
    datatype = NamedNode(str(term.datatype)) if term.datatype else None
    return ox.Literal(str(term), language=term.language, datatype=datatype)
