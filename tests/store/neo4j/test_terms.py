"""Statements on a node: the lossless text, and what a person reads."""

from __future__ import annotations

import pytest
from pyoxigraph import BaseDirection, Literal, NamedNode

from kgrec.store.neo4j.terms import SHOWN, decode, encode, readable, types

XSD = "http://www.w3.org/2001/XMLSchema#"


@pytest.mark.parametrize(
    "term",
    [
        NamedNode("http://example.org/a"),
        Literal('x"\\\n\u2028\U0001f600'),
        Literal("couleur", language="fr-ca"),
        Literal("سلام", language="ar", direction=BaseDirection.RTL),
        Literal("7", datatype=NamedNode(XSD + "integer")),
        Literal("", datatype=NamedNode("http://example.org/type")),
    ],
    ids=str,
)
def test_a_statement_comes_back(term: NamedNode | Literal) -> None:
    assert decode(encode("movies", "http://example.org/p", term)) == ("movies", "http://example.org/p", term)


def literal(value: str, kind: str) -> Literal:
    return Literal(value, datatype=NamedNode(XSD + kind))


@pytest.mark.parametrize(
    ("terms", "shown"),
    [
        ([literal("1994", "integer")], 1994),
        ([literal("9223372036854775808", "integer")], "9223372036854775808"),
        ([literal("1.5E0", "double")], 1.5),
        ([literal("true", "boolean")], True),
        ([literal("2020-02-29", "date")], "2020-02-29"),
        ([Literal("a"), Literal("b", language="en")], ["a", "b"]),
        ([Literal("a"), literal("7", "integer")], ["a", "7"]),
        ([Literal("a"), Literal("a", language="en")], "a"),
        ([literal("seven", "integer")], "seven"),
        ([Literal("x" * 5_000)], "x" * (SHOWN - 1) + "…"),
    ],
    ids=str,
)
def test_what_a_person_reads(terms: list[Literal], shown: object) -> None:
    texts = [encode("s", "http://example.org/vocab#year", term) for term in terms]
    assert readable(texts) == {"year": shown}


def test_types_are_local_names() -> None:
    rdf_type = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
    texts = [encode("s", rdf_type, NamedNode("http://dbpedia.org/ontology/Film")), encode("s", rdf_type, Literal("x"))]
    assert types(texts) == {"Film"}
    assert readable(texts[:1]) == {}
