"""Statements as a node's properties: one lossless text each, and values that a person reads.

A statement whose object is a literal, and every ``rdf:type`` statement, stands in the list ``statements`` of its
subject as a JSON array ``[source, predicate, value]`` with a fourth entry where the value is no plain string: ``@en``
(language), a datatype's IRI, or ``""`` for an IRI.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

import pyoxigraph as ox
from pyoxigraph import Literal, NamedNode

from kgrec.config import iris
from kgrec.store.literals import XSD

Value = str | int | float | bool

PLAIN = XSD + "string"
SHOWN = 1_000
"""Characters of a text that its readable copy has; all of it is in ``statements``."""
LARGEST = 2**63
_READ: dict[str, Callable[[str], Value]] = {
    XSD + "integer": int,
    XSD + "double": float,
    XSD + "boolean": lambda text: text == "true",
}


def encode(source: str, predicate: str, term: NamedNode | Literal) -> str:
    """The statement's text."""
    parts = [source, predicate, term.value]
    if isinstance(term, NamedNode):
        parts.append("")
    elif term.language is not None:
        parts.append(f"@{term.language}--{term.direction}" if term.direction else f"@{term.language}")
    elif term.datatype.value != PLAIN:
        parts.append(term.datatype.value)
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def decode(text: str) -> tuple[str, str, NamedNode | Literal]:
    """Source, predicate and object of :func:`encode`."""
    source, predicate, value, *kind = json.loads(text)
    if not kind:
        return source, predicate, Literal(value)
    (kind,) = kind
    if kind == "":
        return source, predicate, NamedNode(value)
    if kind.startswith("@"):
        language, _, direction = kind[1:].partition("--")
        base = {"ltr": ox.BaseDirection.LTR, "rtl": ox.BaseDirection.RTL}.get(direction)
        return source, predicate, Literal(value, language=language, direction=base)
    return source, predicate, Literal(value, datatype=NamedNode(kind))


def types(texts: Iterable[str]) -> set[str]:
    """Local names of the classes that the statements give."""
    found = set()
    for text in texts:
        _, predicate, value, *kind = json.loads(text)
        if kind == [""] and predicate == iris.RDF_TYPE:
            found.add(iris.local_name(value))
    return found


def readable(texts: Iterable[str]) -> dict[str, Value | Sequence[Value]]:
    """Local name of a predicate → its value, or the list of its values; a list of mixed kinds is one of texts."""
    values: dict[str, dict[Value, None]] = {}
    for text in texts:
        _, predicate, value, *kind = json.loads(text)
        if kind != [""]:
            values.setdefault(iris.local_name(predicate), {})[_native(value, kind)] = None
    return {name: _together(list(found)) for name, found in values.items()}


def _native(value: str, kind: list[str]) -> Value:
    if kind and kind[0] in _READ:
        try:
            native: Value = _READ[kind[0]](value)
        except ValueError:
            return value
        return native if not isinstance(native, int) or -LARGEST <= native < LARGEST else value
    return value if len(value) <= SHOWN else value[: SHOWN - 1] + "…"


def _together(values: list[Value]) -> Value | Sequence[Value]:
    if len(values) == 1:
        return values[0]
    return values if len({type(value) for value in values}) == 1 else [str(value) for value in values]
