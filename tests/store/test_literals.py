"""Canonical forms, and that Oxigraph gives back exactly what was canonical."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Quad, Store

from kgrec.store import canonical
from kgrec.store.literals import XSD

NODE, GRAPH = NamedNode("http://example.org/n"), NamedNode("urn:kgrec:source/g")

# W3C XML Schema 1.1 part 2, appendix E
FORMS = [
    ("007", "integer", "7"),
    ("-0", "integer", "0"),
    ("+12345678901234567890123", "integer", "12345678901234567890123"),
    ("+1.50", "decimal", "1.5"),
    (".5", "decimal", "0.5"),
    ("5.", "decimal", "5"),
    ("-0.0", "decimal", "0"),
    ("1000", "double", "1.0E3"),
    ("-123.456e-2", "double", "-1.23456E0"),
    ("0", "double", "0.0E0"),
    ("-0", "double", "-0.0E0"),
    ("1e400", "double", "INF"),
    ("16777217", "float", "1.6777216E7"),
    ("0.1", "float", "1.0E-1"),
    ("3.4028235e38", "float", "3.4028235E38"),
    ("1e39", "float", "INF"),
    ("1", "boolean", "true"),
    ("0a", "hexBinary", "0A"),
    ("AQ ==", "base64Binary", "AQ=="),
    ("2020-01-01T24:00:00Z", "dateTime", "2020-01-02T00:00:00Z"),
    ("2020-01-01T00:00:00.500+00:00", "dateTime", "2020-01-01T00:00:00.5Z"),
    ("2020-01-01-00:00", "date", "2020-01-01Z"),
    ("P1Y14M", "duration", "P2Y2M"),
    ("PT3600S", "dayTimeDuration", "PT1H"),
]
ILL_FORMED = [
    ("x", "integer"),
    (" 1", "integer"),
    ("١", "integer"),
    (".", "decimal"),
    ("", "decimal"),
    ("1e5", "decimal"),
    ("1_0", "double"),
    ("1d", "double"),
    ("TRUE", "boolean"),
    ("abc", "hexBinary"),
    ("?", "base64Binary"),
    ("2020-02-30", "date"),
]


def typed(value: str, datatype: str) -> Literal:
    return Literal(value, datatype=NamedNode(XSD + datatype))


def stored(literal: Literal) -> Literal:
    store = Store()
    store.add(Quad(NODE, NODE, literal, GRAPH))
    (quad,) = store
    assert isinstance(quad.object, Literal)
    return quad.object


@pytest.mark.parametrize(("value", "datatype", "expected"), FORMS)
def test_canonical_forms(value: str, datatype: str, expected: str) -> None:
    assert canonical(typed(value, datatype)) == typed(expected, datatype)


@pytest.mark.parametrize(("value", "datatype"), ILL_FORMED)
def test_ill_formed_literals_stay(value: str, datatype: str) -> None:
    assert canonical(typed(value, datatype)) == typed(value, datatype)


@pytest.mark.parametrize("narrow", ["int", "unsignedByte", "nonNegativeInteger", "negativeInteger"])
def test_derived_integers_become_integers(narrow: str) -> None:
    assert canonical(typed("05", narrow)) == typed("5", "integer")


def test_date_time_stamps_become_date_times() -> None:
    assert canonical(typed("2020-01-01T00:00:00Z", "dateTimeStamp")) == typed("2020-01-01T00:00:00Z", "dateTime")


def test_plain_tagged_and_foreign_literals_are_untouched() -> None:
    for literal in (Literal("007"), Literal("x", language="en"), Literal("1", datatype=NODE)):
        assert canonical(literal) is literal


NUMBERS = st.one_of(
    st.from_regex(r"[+-]?[0-9]{1,40}", fullmatch=True).map(lambda v: typed(v, "integer")),
    st.from_regex(r"[+-]?[0-9]{0,25}\.[0-9]{0,25}", fullmatch=True).map(lambda v: typed(v, "decimal")),
    st.floats().map(lambda v: typed(repr(v).replace("inf", "INF").replace("nan", "NaN"), "double")),
    st.floats(width=32).map(lambda v: typed(repr(v).replace("inf", "INF").replace("nan", "NaN"), "float")),
    st.from_regex(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True).flatmap(
        lambda v: st.sampled_from([typed(v, "double"), typed(v, "float")])
    ),
)
TIMES = st.one_of(
    st.datetimes().map(lambda v: typed(v.isoformat(), "dateTime")),
    st.datetimes().map(lambda v: typed(v.isoformat() + "+05:30", "dateTime")),
    st.dates().map(lambda v: typed(v.isoformat(), "date")),
    st.times().map(lambda v: typed(v.isoformat(), "time")),
    st.from_regex(r"-?P[0-9]{1,3}Y[0-9]{1,3}M[0-9]{1,3}DT[0-9]{1,3}H[0-9]{1,3}M[0-9]{1,3}S", fullmatch=True).map(
        lambda v: typed(v, "duration")
    ),
)
OTHERS = st.builds(
    typed,
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    st.sampled_from(["integer", "decimal", "double", "boolean", "date", "hexBinary", "base64Binary", "gYear"]),
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(NUMBERS, TIMES, OTHERS))
def test_canonical_is_idempotent_and_survives_the_store(literal: Literal) -> None:
    once = canonical(literal)
    assert canonical(once) == once
    assert canonical(stored(once)) == once
    assert canonical(stored(literal)) == once


@settings(max_examples=300, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_keeps_its_value(number: float) -> None:
    value = canonical(typed(repr(number), "double")).value
    assert float(value) == number
    assert math.copysign(1, float(value)) == math.copysign(1, number)
