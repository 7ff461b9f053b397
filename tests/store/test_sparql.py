"""What every store that answers SPARQL must do besides."""

from __future__ import annotations

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from kgrec.errors import StorageError
from kgrec.store import SparqlStore

from .conftest import BASE
from .test_contract import LITERALS, graph, node, quad, typed


@pytest.mark.parametrize("literal", LITERALS, ids=str)
def test_a_query_gives_a_literal_as_it_went_in(sparql_store: SparqlStore, literal: Literal) -> None:
    sparql_store.load([quad("s", "p", literal)])
    assert sparql_store.query("SELECT ?o { ?s ?p ?o }").rows == ((literal,),)


def test_queries_see_published_graphs_only_where_they_name_them(sparql_store: SparqlStore) -> None:
    assert sparql_store.query("ASK { ?s ?p ?o }").boolean is False
    published = Quad(node("a"), node("because"), node("b"), NamedNode(BASE + "explanation/1"))
    sparql_store.load([quad("a", "p", "b"), published])
    assert len(sparql_store.query("SELECT * { ?s ?p ?o }").rows) == 1
    assert len(sparql_store.query("SELECT * { GRAPH ?g { ?s ?p ?o } }").rows) == 1
    assert len(list(sparql_store.as_rdflib().quads())) == 1
    asked = sparql_store.query(f"SELECT ?s ?p ?o FROM <{published.graph_name.value}> {{ ?s ?p ?o }}")
    assert asked.rows == ((published.subject, published.predicate, published.object),)


def test_the_union_has_a_statement_of_two_sources_once(sparql_store: SparqlStore) -> None:
    sparql_store.load([quad("a", "p", "b", source) for source in ("one", "two", "three")])
    sparql_store.load([quad("a", "p", "c", "two"), quad("a", "p", "d", "three"), quad("a", "p", "d", "two")])
    (row,) = sparql_store.query("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }").rows
    assert row == (typed("3", "integer"),)
    assert len(sparql_store.query("SELECT * { GRAPH ?g { ?s ?p ?o } }").rows) == len(sparql_store) == 6
    sources = sparql_store.query(f"SELECT ?g {{ GRAPH ?g {{ ?s ?p <{node('d').value}> }} }} ORDER BY ?g")
    assert sources.rows == ((graph("three"),), (graph("two"),))
    assert sorted(sparql_store.sources()) == sorted({q.graph_name.value for q in sparql_store.quads()})


def test_query_forms(sparql_store: SparqlStore) -> None:
    sparql_store.load([quad("a", "p", Literal("x", language="de"))])
    select = sparql_store.query("SELECT ?s ?o ?none { ?s ?p ?o }")
    assert select.variables == ("s", "o", "none")
    assert select.rows == ((node("a"), Literal("x", language="de"), None),)
    assert select.document()["results"]["bindings"] == [
        {
            "s": {"type": "uri", "value": node("a").value},
            "o": {"type": "literal", "value": "x", "xml:lang": "de"},
        }
    ]
    assert sparql_store.query("ASK { ?s ?p ?o }").document() == {"head": {}, "boolean": True}
    construct = sparql_store.query("CONSTRUCT { ?o2 ?p ?s } WHERE { ?s ?p ?o BIND (?s AS ?o2) }")
    assert [(t.subject, t.object) for t in construct.triples] == [(node("a"), node("a"))]
    assert construct.document()["triples"][0]["subject"] == {"type": "uri", "value": node("a").value}


def test_rdflib_sees_the_union_and_the_sources(sparql_store: SparqlStore) -> None:
    import rdflib

    sparql_store.load(
        [quad("a", "p", "b", "one"), quad("a", "p", "b", "two"), quad("a", "p", Literal("x", language="en"), "two")]
    )
    dataset = sparql_store.as_rdflib()
    a, p, b = (rdflib.URIRef(node(name).value) for name in "apb")
    assert len(dataset) == 2
    assert sorted(dataset.triples((a, None, None))) == sorted([(a, p, b), (a, p, rdflib.Literal("x", lang="en"))])
    assert {str(context) for *_, context in dataset.quads((a, p, b, None))} == {graph("one").value, graph("two").value}
    assert set(dataset.graph(rdflib.URIRef(graph("one").value))) == {(a, p, b)}
    (row,) = dataset.query("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
    assert row.n.toPython() == 2
    assert bool(dataset.query("ASK { ?s ?p ?x }", initBindings={"x": b}))
    assert len(dataset.query("CONSTRUCT WHERE { ?s ?p ?o }").graph) == 2
    with pytest.raises(StorageError, match="read-only"):
        dataset.add((b, p, a))
    with pytest.raises(StorageError, match="read-only"):
        dataset.remove((a, None, None))
    with pytest.raises(StorageError, match="read-only"):
        dataset.update(f"DELETE WHERE {{ <{a}> ?p ?o }}")
    assert len(sparql_store) == 3
