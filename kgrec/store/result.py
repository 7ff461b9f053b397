"""What a query gives back, free of any store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pyoxigraph as ox

from kgrec.store.literals import XSD

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple


@dataclass(frozen=True)
class QueryResult:
    """An answer.

    Attributes:
        kind: ``select``, ``ask`` or ``construct`` (DESCRIBE too).
        variables: SELECT: names of the columns, without ``?``.
        rows: SELECT: one term a column, None where unbound.
        boolean: ASK.
        triples: CONSTRUCT and DESCRIBE.
    """

    kind: Literal["select", "ask", "construct"]
    variables: tuple[str, ...] = ()
    rows: tuple[tuple[Term | None, ...], ...] = ()
    boolean: bool | None = None
    triples: tuple[ox.Triple, ...] = ()

    def document(self) -> dict[str, Any]:
        """SPARQL 1.1 Query Results JSON; triples as ``{"triples": [{"subject", "predicate", "object"}]}``."""
        if self.kind == "ask":
            return {"head": {}, "boolean": self.boolean}
        if self.kind == "construct":
            return {"triples": [_triple(triple) for triple in self.triples]}
        bindings = [
            {name: _term(term) for name, term in zip(self.variables, row, strict=True) if term is not None}
            for row in self.rows
        ]
        return {"head": {"vars": list(self.variables)}, "results": {"bindings": bindings}}


def _triple(triple: ox.Triple) -> dict[str, Any]:
    return {
        "subject": _term(triple.subject),
        "predicate": _term(triple.predicate),
        "object": _term(triple.object),
    }


def _term(term: Term) -> dict[str, Any]:
    if isinstance(term, ox.NamedNode):
        return {"type": "uri", "value": term.value}
    if isinstance(term, ox.BlankNode):
        return {"type": "bnode", "value": term.value}
    if isinstance(term, ox.Triple):
        return {"type": "triple", "value": _triple(term)}
    if term.language:
        return {"type": "literal", "value": term.value, "xml:lang": term.language}
    if term.datatype.value == XSD + "string":
        return {"type": "literal", "value": term.value}
    return {"type": "literal", "value": term.value, "datatype": term.datatype.value}
