"""Typed literals in the canonical form of XML Schema 1.1, the same for every store.

Readers call :func:`canonical` once for each literal they make, and a store that keeps values in another lexical form
(Oxigraph keeps the number behind an ``xsd:double``) calls it again for what it gives out.  The function is
idempotent.  A literal whose lexical form its datatype does not allow stays as it is.

Integers of a derived type (``xsd:int``, ``xsd:nonNegativeInteger`` …) become ``xsd:integer`` and ``xsd:dateTimeStamp``
becomes ``xsd:dateTime``: the values are the same, and not every store keeps the narrower name.

Source: W3C XML Schema Definition Language 1.1, Part 2: Datatypes, appendix E (canonical mappings).
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Callable
from functools import lru_cache

import pyoxigraph as ox

XSD = "http://www.w3.org/2001/XMLSchema#"

_INTEGER = re.compile(r"([+-]?)0*(\d+)")
_DECIMAL = re.compile(r"([+-]?)0*(\d*)(?:\.(\d*))?")
_FLOATING = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|infinity|nan)", re.IGNORECASE)
_BOOLEAN = {"1": "true", "0": "false"}
_CACHED_LENGTH = 64


def _integer(value: str) -> str | None:
    match = _INTEGER.fullmatch(value)
    if match is None or not value.isascii():
        return None
    sign, digits = match.groups()
    return f"-{digits}" if sign == "-" and digits != "0" else digits


def _decimal(value: str) -> str | None:
    match = _DECIMAL.fullmatch(value)
    if match is None or not value.isascii():
        return None
    sign, whole, part = match.groups()
    if not re.search(r"\d", value):
        return None
    whole, part = whole or "0", (part or "").rstrip("0")
    number = f"{whole}.{part}" if part else whole
    return f"-{number}" if sign == "-" and number != "0" else number


def _scientific(digits: str) -> str:
    """``1000.0`` → ``1.0E3``, from Python's shortest digits of a finite number."""
    sign = "-" if digits.startswith("-") else ""
    mantissa, _, exponent = digits.lstrip("-").partition("e")
    whole, _, part = mantissa.partition(".")
    figures = (whole + part).lstrip("0")
    if not figures:
        return sign + "0.0E0"
    power = int(exponent or 0) + len(whole) - 1 - (len(whole + part) - len(figures))
    figures = figures.rstrip("0")
    return f"{sign}{figures[0]}.{figures[1:] or '0'}E{power}"


def _special(number: float) -> str | None:
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "INF" if number > 0 else "-INF"
    return None


def _double(value: str) -> str | None:
    if not _FLOATING.fullmatch(value) or not value.isascii():
        return None
    number = float(value)
    return _special(number) or _scientific(repr(number))


def _float(value: str) -> str | None:
    """Rounded to single precision, then its shortest digits: 9 always suffice."""
    if not _FLOATING.fullmatch(value) or not value.isascii():
        return None
    number = float(value)
    try:
        single = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        single = float("inf") if number > 0 else float("-inf")
    special = _special(single)
    if special is not None:
        return special
    for places in range(1, 10):
        digits = f"{single:.{places}g}"
        try:
            if struct.unpack("<f", struct.pack("<f", float(digits)))[0] == single:
                break
        except OverflowError:
            # rounded up beyond the largest single-precision number: more places are needed
            continue
    return _scientific(digits)


def _boolean(value: str) -> str | None:
    return _BOOLEAN.get(value, value)


def _hex(value: str) -> str | None:
    return value.upper() if re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", value) else None


def _base64(value: str) -> str | None:
    try:
        return base64.b64encode(base64.b64decode(value.replace(" ", ""), validate=True)).decode()
    except (binascii.Error, ValueError):
        return None


def _temporal(kind: str) -> Callable[[str], str | None]:
    """Dates, times and durations by Oxigraph's own implementation of the canonical mappings."""
    datatype = ox.NamedNode(XSD + kind)

    def form(value: str) -> str | None:
        literal = ox.Literal(value, datatype=datatype)
        (solution,) = ox.Store().query(f"SELECT ({literal} AS ?value) {{}}")  # type: ignore[misc]
        term = solution["value"]
        return term.value if isinstance(term, ox.Literal) else None

    return form


_FORMS: dict[str, Callable[[str], str | None]] = {
    "boolean": _boolean,
    "decimal": _decimal,
    "double": _double,
    "float": _float,
    "hexBinary": _hex,
    "base64Binary": _base64,
}
_INTEGERS = (
    *("integer", "long", "int", "short", "byte"),
    *("nonNegativeInteger", "positiveInteger", "nonPositiveInteger", "negativeInteger"),
    *("unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte"),
)
_TEMPORAL = (
    *("dateTime", "dateTimeStamp", "date", "time", "gYearMonth", "gYear", "gMonthDay", "gDay", "gMonth"),
    *("duration", "yearMonthDuration", "dayTimeDuration"),
)
_FORMS |= dict.fromkeys(_INTEGERS, _integer)
_FORMS |= {kind: _temporal(kind) for kind in _TEMPORAL}
_WIDER = {XSD + kind: XSD + "integer" for kind in _INTEGERS} | {XSD + "dateTimeStamp": XSD + "dateTime"}
_BY_IRI = {XSD + kind: form for kind, form in _FORMS.items()}
_NODES = {iri: ox.NamedNode(_WIDER.get(iri, iri)) for iri in _BY_IRI}


def _form(value: str, datatype: str) -> ox.Literal | None:
    form = _BY_IRI[datatype](value)
    return None if form is None else ox.Literal(form, datatype=_NODES[datatype])


_cached_form = lru_cache(maxsize=65_536)(_form)


def canonical(literal: ox.Literal) -> ox.Literal:
    """The literal in canonical form; itself where it is plain, tagged, of an unknown type or ill-formed."""
    datatype = literal.datatype.value
    if datatype not in _BY_IRI:
        return literal
    value = literal.value
    form = _cached_form(value, datatype) if len(value) <= _CACHED_LENGTH else _form(value, datatype)
    return literal if form is None else form
