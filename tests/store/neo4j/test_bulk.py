"""The files of an import, and what is written live instead."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from kgrec.errors import StorageError
from kgrec.store.neo4j.bulk import BETWEEN, FILES, LONGEST_CELL, _files, _write_nodes
from kgrec.store.neo4j.writer import NodeRow


def row(number: int, **properties: Any) -> NodeRow:
    return f"urn:n:{number}", ("Movie",), (), properties


def test_a_file_for_each_set_of_properties_in_any_order(tmp_path: Path) -> None:
    rows = [
        row(1, name="x", year=1999, tags=["a", "b"]),
        row(2, tags=["c"], year=2000, name='a "quoted" name', plot=None),
        row(3, year=1999.5, name=""),
    ]
    first, second = _write_nodes(rows, tmp_path) or ()
    with first.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["id:ID", ":LABEL", "name:string", "tags:string[]", "year:long"],
            ["urn:n:1", f"Entity{BETWEEN}Movie", "x", f"a{BETWEEN}b", "1999"],
            ["urn:n:2", f"Entity{BETWEEN}Movie", 'a "quoted" name', "c", "2000"],
        ]
    with second.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file))[1:] == [["urn:n:3", f"Entity{BETWEEN}Movie", "", "1999.5"]]


def test_as_many_sets_as_files_may_be_open(tmp_path: Path) -> None:
    rows = [row(number, **{f"p{number}": number}) for number in range(FILES + 1)]
    assert len(_write_nodes(rows[:FILES], tmp_path) or ()) == FILES
    assert _write_nodes(rows, tmp_path) is None


@pytest.mark.parametrize(
    "value",
    [
        *(float("nan"), float("inf"), [1.0, float("-inf")], f"a{BETWEEN}b", ["a", ""], ["a", BETWEEN]),
        *("x" * (LONGEST_CELL + 1), ["x" * 1000] * (LONGEST_CELL // 1000)),
    ],
    ids=["nan", "inf", "-inf in a list", "separator", "empty in a list", "separator in a list", "long", "long list"],
)
def test_a_value_that_would_not_come_back_is_written_live(value: Any, tmp_path: Path) -> None:
    assert _write_nodes([row(1, name="x"), row(2, name="x", value=value)], tmp_path) is None


def test_the_longest_cell_is_written(tmp_path: Path) -> None:
    assert _write_nodes([row(1, plot="x" * LONGEST_CELL, name="")], tmp_path) is not None


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="import cannot be written"), _files():
        _write_nodes([row(1, name="x")], tmp_path / "none")
