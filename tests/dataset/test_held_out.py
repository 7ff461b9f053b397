"""Rows of side tables that the split holds out."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from kgrec.config import parse_recipe
from kgrec.dataset.held_out import HeldOut

INTERACTIONS = pl.DataFrame(
    [
        ("a", "1", 10, "train"),
        ("a", "2", 20, "valid"),
        ("a", "3", 30, "test"),
        ("b", "1", 40, "train"),
        ("b", "2", 15, "train"),
    ],
    schema=["user", "item", "timestamp", "split"],
    orient="row",
)
SIDE = pl.DataFrame(
    [
        ("a", "1", 19),  # before the cut
        ("a", "1", 20),  # at it
        ("a", "2", 5),  # the pair is held out
        ("a", "9", 25),  # another item, after the cut
        ("b", "1", 99),  # nothing of b is held out
        ("c", "2", 35),  # somebody without interactions
        ("a", "1", None),  # nobody knows when
        (None, "2", 35),  # nobody knows who
    ],
    schema={"user": pl.String, "item": pl.String, "timestamp": pl.Int64},
    orient="row",
)


def hidden(kind: str, interactions: pl.DataFrame = INTERACTIONS, **extra: Any) -> list[int]:
    recipe = parse_recipe(
        {"name": "t", "interactions": {"file": "x", "timestamp": "t"}, "split": {"kind": kind, **extra}}
    )
    return HeldOut.of(interactions, recipe).hides(SIDE).arg_true().to_list()


FILES = {"files": {"train": "a", "valid": "b", "test": "c"}}


def test_random_hides_the_pairs() -> None:
    assert hidden("random") == [2]


def test_last_hides_what_the_user_wrote_after_the_cut() -> None:
    assert hidden("last") == [1, 2, 3, 6]


def test_time_hides_what_anybody_wrote_after_the_cut() -> None:
    assert hidden("time") == [1, 2, 3, 4, 5, 6, 7]


def test_cold_hides_what_anybody_wrote_about_the_items() -> None:
    assert hidden("cold") == [2, 5]


@pytest.mark.parametrize(("time", "expected"), [(10, [1, 2, 3, 6]), (25, [2])])
def test_given_parts_count_as_a_split_by_time_where_they_are_one(time: int, expected: list[int]) -> None:
    moved = INTERACTIONS.with_columns(
        timestamp=pl.when((pl.col("user") == "a") & (pl.col("item") == "1")).then(time).otherwise("timestamp")
    )
    assert hidden("files", moved, **FILES) == expected


def test_given_parts_without_times_hide_the_pairs() -> None:
    assert hidden("files", INTERACTIONS.with_columns(timestamp=pl.lit(None, dtype=pl.Int64)), **FILES) == [2]


def test_nothing_hides_nothing() -> None:
    assert not HeldOut.nothing().hides(SIDE).any()
