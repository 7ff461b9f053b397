"""Brings parsed statements into the form that every store sees.

All statements of a source go to the source's graph, blank nodes become IRIs, literals get their canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

import pyoxigraph as ox
from pyoxigraph import Literal, NamedNode, Quad

from kgrec.store import canonical

SKOLEM = "urn:kgrec:bnode:"
# pyoxigraph names a node that the file does not name by a random 128-bit number in hexadecimal, first a letter
_RANDOM = re.compile(r"[a-f][0-9a-f]{19,31}")


class BadStatement(Exception):  # noqa: N818
    """A statement that parses and cannot be taken; the reader says where it is."""

    def __init__(self, problem: str, value: str, expected: str | None = None, remedy: str | None = None) -> None:
        super().__init__(problem)
        self.problem, self.value, self.expected, self.remedy = problem, value, expected, remedy


class Converter:
    """Converts one file's statements.

    A blank node becomes ``urn:kgrec:bnode:<content hash>/<label>``.  One without a label of its own (``[]`` in
    Turtle) is numbered in the order of appearance: ``…/-1``, ``…/-2``; no label begins with ``-``.

    Args:
        graph: the source's graph.
        digest: gives the file's content hash; asked for at the first blank node.
        literal_cap: longest literal, in bytes of UTF-8.
        own_labels: the syntax names every blank node itself (N-Triples, N-Quads).
    """

    def __init__(self, graph: NamedNode, digest: Callable[[], str], literal_cap: int, own_labels: bool) -> None:
        self._graph, self._digest, self._cap, self._own_labels = graph, digest, literal_cap, own_labels
        self._numbers: dict[str, int] = {}

    def convert(self, quads: Iterable[Quad]) -> Iterator[Quad]:
        """The statements in the source's graph.

        Raises:
            BadStatement: a literal over the cap, or a term of RDF 1.2.
        """
        graph, subject_of, object_of = self._graph, self._subject, self._object
        # the loop that every statement of a build runs through: nothing but plain IRIs takes a call
        for quad in quads:
            subject, term = quad.subject, quad.object
            if type(subject) is not NamedNode:
                subject = subject_of(subject)
            if type(term) is not NamedNode:
                term = object_of(term)
            yield Quad(subject, quad.predicate, term, graph)

    def _subject(self, node: NamedNode | ox.BlankNode | ox.Triple) -> NamedNode:
        if isinstance(node, NamedNode):
            return node
        if isinstance(node, ox.Triple):
            raise BadStatement("a triple as a term (RDF 1.2)", str(node), "an IRI, a blank node or a literal (RDF 1.1)")
        label = node.value
        if not self._own_labels and _RANDOM.fullmatch(label):
            label = f"-{self._numbers.setdefault(label, len(self._numbers) + 1)}"
        return NamedNode(f"{SKOLEM}{self._digest()}/{quote(label, safe=':')}")

    def _object(self, term: NamedNode | ox.BlankNode | Literal | ox.Triple) -> NamedNode | Literal:
        return self._literal(term) if isinstance(term, Literal) else self._subject(term)

    def _literal(self, literal: Literal) -> Literal:
        value = literal.value
        # a character takes at most four bytes
        if len(value) * 4 > self._cap and (size := len(value.encode())) > self._cap:
            raise BadStatement(
                f"a literal of {size:,} bytes",
                value,
                f"at most {self._cap:,} bytes",
                "shorten it, or raise graph.literal_cap",
            )
        if literal.direction is not None:
            raise BadStatement("a literal with a text direction (RDF 1.2)", str(literal), "a language tag alone")
        return canonical(literal)


def check_terms(quads: Iterable[Quad]) -> Iterator[Quad]:
    """Checks what a lenient parser lets through: IRIs are absolute, language tags well formed.

    Raises:
        BadStatement: names the term.
    """
    for quad in quads:
        term = quad.object
        _check_iri(quad.subject)
        _check_iri(quad.predicate, predicate=True)
        _check_iri(quad.graph_name)
        if isinstance(term, Literal):
            yield Quad(quad.subject, quad.predicate, _checked_literal(term), quad.graph_name)
        else:
            _check_iri(term)
            yield quad


def _check_iri(term: object, predicate: bool = False) -> None:
    if not isinstance(term, NamedNode):
        return
    try:
        NamedNode(term.value)
    except ValueError:
        pass
    else:
        return
    if predicate:
        raise BadStatement(
            "a key that is no IRI, so that its values would be lost",
            term.value,
            "an absolute IRI, or a term that the @context maps to one",
            "map it in the @context, to null where it is to be left out",
        )
    raise BadStatement(
        "not an absolute IRI", term.value, "an absolute IRI", "give the source a `base`, or mend the file"
    )


def _checked_literal(literal: Literal) -> Literal:
    _check_iri(literal.datatype)
    if not literal.language:
        return literal
    try:
        return Literal(literal.value, language=literal.language, direction=literal.direction)
    except ValueError as error:
        raise BadStatement("not a language tag", literal.language, "a tag such as en or zh-Hant (BCP 47)") from error
