"""One cell → its values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.config.recipe import Attribute
from kgrec.errors import RecipeError
from kgrec.ingest.values import ValueFault, cell_parser


def parse(cell: str, **attribute: Any) -> list[str]:
    return [value.key for value in cell_parser(Attribute(column="c", **attribute))(cell)]


@pytest.mark.parametrize(
    ("cell", "attribute", "keys"),
    [
        (" Drama ", {}, ["Drama"]),
        ("  ", {}, []),
        ("e\u0301", {}, ["é"]),
        ("a| b||a", {"separator": "|"}, ["a", "b"]),
        ("(none)|a", {"separator": "|", "skip": ["(none)"]}, ["a"]),
        ("Mafia", {"normalise": "casefold"}, ["mafia"]),
        ("1994", {"bucket": 10}, ["1990"]),
        ("-1", {"bucket": 10}, ["-10"]),
        ("0.3", {"bucket": 0.1}, ["0.3"]),
        ("2.0", {"bucket": 0.5}, ["2"]),
        ("1e3", {"bucket": 100}, ["1000"]),
        ("-0", {"bucket": 1}, ["0"]),
        ("Heat (1995)", {"pattern": r"\((\d{4})\)", "bucket": 10}, ["1990"]),
        ("Heat", {"pattern": r"\((\d{4})\)", "bucket": 10}, []),
        ("", {"json_list": {}}, []),
        ("null", {"json_list": {}}, []),
        ('["a", 1, 2.0, 2.5, true, null, ""]', {"json_list": {}}, ["a", "1", "2", "2.5", "true"]),
        ('[{"id": 28, "name": "Action"}]', {"json_list": {"id": "id", "label": "name"}}, ["28"]),
    ],
)
def test_values(cell: str, attribute: dict[str, Any], keys: list[str]) -> None:
    assert parse(cell, **attribute) == keys


def test_labels() -> None:
    objects = cell_parser(Attribute(column="c", json_list={"id": "id", "label": "name"}))
    assert objects('[{"id": 28, "name": "Action"}, {"id": 5}]') == (("28", "Action"), ("5", "5"))
    folded = cell_parser(Attribute(column="c", normalise="casefold"))
    assert folded("Mafia") == (("mafia", "Mafia"),)


@pytest.mark.parametrize(
    ("cell", "attribute"),
    [
        ("[{'id': 28}]", {"json_list": {"id": "id"}}),
        ("[NaN]", {"json_list": {}}),
        ('{"id": 28}', {"json_list": {"id": "id"}}),
        ("[28]", {"json_list": {"id": "id"}}),
        ('[{"name": "Action"}]', {"json_list": {"id": "id"}}),
        ('[{"id": 28}]', {"json_list": {}}),
        ("[" * 100_000, {"json_list": {}}),
        ("unknown", {"bucket": 10}),
        ("NaN", {"bucket": 10}),
        ("1e999999999", {"bucket": 10}),
    ],
)
def test_faults(cell: str, attribute: dict[str, Any]) -> None:
    with pytest.raises(ValueFault):
        parse(cell, **attribute)


@pytest.mark.parametrize("pattern", ["(", "no group"])
def test_bad_pattern(pattern: str) -> None:
    with pytest.raises(RecipeError):
        parse("x", pattern=pattern)


@given(st.integers(-(10**9), 10**9), st.sampled_from([1, 5, 10, 100]))
def test_buckets_are_floors(number: int, width: int) -> None:
    (bucket,) = parse(str(number), bucket=width)
    assert int(bucket) == number // width * width
