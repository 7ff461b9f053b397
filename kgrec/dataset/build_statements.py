"""One pass over the statements: into columns of small integers, each term's string kept once.

This loop is what a snapshot of millions of triples waits for.  It touches a quad's four terms and little else; all
that can be decided per predicate or per graph is decided when that predicate or graph is first met.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pyoxigraph import Literal, NamedNode, Quad

from kgrec.config import iris
from kgrec.config.recipe import Recipe
from kgrec.dataset.build_names import expand
from kgrec.progress import SILENT, Progress

BATCH = 20_000

_RDFS, _OWL = iris.PREFIXES["rdfs"], iris.PREFIXES["owl"]
SCHEMA_PREDICATES = frozenset(
    {
        iris.RDF_TYPE,
        *(_RDFS + name for name in ("range", "domain", "subClassOf", "subPropertyOf", "isDefinedBy")),
        *(_OWL + name for name in ("equivalentClass", "equivalentProperty", "inverseOf", "disjointWith", "imports")),
        *(_OWL + name for name in ("onProperty", "someValuesFrom", "allValuesFrom", "unionOf", "intersectionOf")),
        *(_OWL + name for name in ("complementOf", "propertyDisjointWith", "versionIRI", "priorVersion")),
    }
)
"""Predicates that speak of classes and predicates: relations only where the recipe names them."""

Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Statements:
    """All statements as columns of codes, which are positions in ``nodes``, ``predicates``, ``classes``, ``sources``
    and ``languages``.  The order of codes and rows is that of the input and means nothing.

    Attributes:
        nodes: IRI → code of every term in a node's place.
        predicates: IRIs of relations and of literal predicates.
        classes, sources, languages: class IRIs; source names; language tags, ``""`` for none.
        edges: source, predicate, target, origin, each int32 of shape ``[num_edges]``.
        types: node and class of each ``rdf:type`` statement, each int32 of shape ``[num_types]``.
        literals: frame of the literals that name or describe: node, predicate, language (int32), value (string).
        ranges: (predicate IRI, class IRI) of each ``rdfs:range`` statement.
    """

    nodes: dict[str, int]
    predicates: list[str]
    classes: list[str]
    sources: list[str]
    languages: list[str]
    edges: tuple[Codes, Codes, Codes, Codes]
    types: tuple[Codes, Codes]
    literals: pl.DataFrame
    ranges: frozenset[tuple[str, str]]


def collect(quads: Iterable[Quad], recipe: Recipe, progress: Progress = SILENT) -> Statements:
    """Reads every statement once.

    Passed over are: statements outside the source graphs (``<base>source/…``), excluded predicates, literals that
    neither name nor describe, and schema predicates that ``graph.relations`` does not name.

    Raises:
        RecipeError: predicates in the recipe are no IRIs.
        ValueError: a relation's object is a blank node or a triple (a store holds skolemised statements).
    """
    collector = _Collector(recipe)
    stream = iter(quads)
    with progress.task("reading statements", unit="statements") as task:
        while read := collector.read(islice(stream, BATCH)):
            task.advance(read)
    return collector.statements()


class _Roles:
    """What a predicate is for, by the recipe."""

    def __init__(self, recipe: Recipe) -> None:
        graph = recipe.graph
        self.every = "*" in graph.relations
        self.named = {expand(name, recipe, "graph.relations") for name in graph.relations if name != "*"}
        self.excluded = {expand(name, recipe, "graph.exclude") for name in graph.exclude}
        self.literal = {iris.RDFS_LABEL, iris.TEXT}
        self.literal |= {expand(name, recipe, "graph.labels") for name in graph.labels}
        self.literal |= {expand(name, recipe, "graph.text") for name in graph.text}
        # A table's own attributes are relations by being declared.
        for table in recipe.table:
            for attribute in table.attributes:
                name = attribute.relation or re.sub(r"[^A-Za-z0-9_.-]+", "_", attribute.column).strip("_")
                self.named.add(iris.relation_iri(recipe.base, name))

    def relation(self, iri: str) -> bool:
        if iri in self.excluded:
            return False
        return iri in self.named or (self.every and iri not in SCHEMA_PREDICATES)


class _Collector:
    def __init__(self, recipe: Recipe) -> None:
        self.roles = _Roles(recipe)
        self.graph_prefix = iris.source_graph(recipe.base, "")
        # A missing term gets the next code as it is looked up: the fastest interning that Python has.
        self.nodes: defaultdict[str, int] = defaultdict(count().__next__)
        self.predicates: defaultdict[str, int] = defaultdict(count().__next__)
        self.sources: defaultdict[str, int] = defaultdict(count().__next__)
        self.classes: defaultdict[str, int] = defaultdict(count().__next__)
        self.languages: defaultdict[str, int] = defaultdict(count().__next__)
        self.known: dict[tuple[NamedNode, object], tuple[int, int, str]] = {}
        self.kinds = (array("i"), array("i"))
        self.edges = (array("i"), array("i"), array("i"))
        self.types = (array("i"), array("i"))
        self.literals = (array("i"), array("i"), array("i"))
        self.values: list[pl.Series] = []
        self.ranges: set[tuple[str, str]] = set()

    def _role(self, predicate: NamedNode, graph: object) -> tuple[int, int, str]:
        """What a predicate is for in a graph.

        (code of the kind of edge, a predicate in a source, or -1; the predicate's code where its literals count, or
        -1; its IRI where it is ``rdf:type`` or ``rdfs:range``, or nothing)
        """
        kind, literal, schema = -1, -1, ""
        if isinstance(graph, NamedNode) and graph.value.startswith(self.graph_prefix):
            iri = predicate.value
            if self.roles.relation(iri):
                kind = len(self.kinds[0])
                self.kinds[0].append(self.predicates[iri])
                self.kinds[1].append(self.sources[graph.value.removeprefix(self.graph_prefix)])
            if iri in self.roles.literal:
                literal = self.predicates[iri]
            if iri in (iris.RDF_TYPE, iris.RDFS_RANGE):
                schema = iri
        self.known[predicate, graph] = role = (kind, literal, schema)
        return role

    def read(self, batch: Iterable[Quad]) -> int:
        """Takes the statements in and returns how many there were."""
        nodes, known = self.nodes, self.known
        add_source, add_kind, add_target = (column.append for column in self.edges)
        values: list[str] = []
        number = source = 0
        last = None
        for number, (subject, predicate, value, graph) in enumerate(batch, 1):  # noqa: B007
            role = known.get((predicate, graph))
            if role is None:
                role = self._role(predicate, graph)
            kind, literal, schema = role
            term = type(value)
            if term is NamedNode:
                if kind >= 0:
                    # A store gives a subject's statements in a row: comparing is cheaper than looking up.
                    iri = subject.value
                    if iri != last:
                        source, last = nodes[iri], iri
                    add_source(source)
                    add_kind(kind)
                    add_target(nodes[value.value])
                if schema:
                    self._schema(schema, subject.value, value.value)
            elif term is Literal:
                if literal >= 0:
                    self.literals[0].append(nodes[subject.value])
                    self.literals[1].append(literal)
                    self.literals[2].append(self.languages[value.language or ""])
                    values.append(value.value)
            elif kind >= 0:
                raise ValueError(f"expected an IRI or a literal as object (got {value})")
        if values:
            self.values.append(pl.Series("value", values, dtype=pl.String))
        return number

    def _schema(self, predicate: str, subject: str, value: str) -> None:
        if predicate == iris.RDF_TYPE:
            self.types[0].append(self.nodes[subject])
            self.types[1].append(self.classes[value])
        else:
            self.ranges.add((subject, value))

    def statements(self) -> Statements:
        node, predicate, language = map(_codes, self.literals)
        values = pl.concat(self.values) if self.values else pl.Series("value", [], dtype=pl.String)
        literals = pl.DataFrame({"node": node, "predicate": predicate, "language": language, "value": values})
        source, kind, target = map(_codes, self.edges)
        kind_predicate, kind_source = map(_codes, self.kinds)
        typed, classes = map(_codes, self.types)
        self.nodes.default_factory = None
        return Statements(
            nodes=self.nodes,
            predicates=list(self.predicates),
            classes=list(self.classes),
            sources=list(self.sources),
            languages=list(self.languages),
            edges=(source, kind_predicate[kind], target, kind_source[kind]),
            types=(typed, classes),
            literals=literals,
            ranges=frozenset(self.ranges),
        )


def _codes(column: array[int]) -> Codes:
    """The column's own memory as numpy."""
    return np.frombuffer(column, dtype=np.int32)
