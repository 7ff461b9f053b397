"""Interactions: checked, one row a pair, filtered."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kgrec.config import parse_recipe
from kgrec.config.recipe import KCore
from kgrec.dataset.interactions import k_core, read_interactions
from kgrec.dataset.times import to_seconds
from kgrec.errors import DataError, RecipeError, UserError
from kgrec.ingest.rejects import Rejects


def read(
    folder: Path, content: str, limit: int = 0, counts: Counter[str] | None = None, **config: Any
) -> tuple[pl.DataFrame, Rejects]:
    (folder / "x.csv").write_text(content)
    settings = {"file": "x.csv", "user": "u", "item": "i", **config}
    recipe = parse_recipe({"name": "t", "interactions": settings})
    rejects = Rejects(limit)
    return read_interactions(recipe, folder, rejects, counts=counts), rejects


def pairs(frame: pl.DataFrame) -> list[tuple[str, str, float]]:
    return frame.select("user", "item", "value").rows()


def test_keys_are_cleaned_and_become_iris(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "u,i\n 007 ,e\u0301 /\n")
    assert frame.select("user", "user_iri", "item", "item_iri").row(0) == (
        "007",
        "urn:kgrec:User/007",
        "é /",
        "urn:kgrec:Item/%C3%A9%20%2F",
    )


def test_item_templates(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "u,i\n1,http://x.org/a\n", item_iri="{id}")
    assert frame["item_iri"][0] == "http://x.org/a"
    frame, _ = read(tmp_path, "u,i\n1,Moby Dick\n", item_iri="dbr:{id}")
    assert frame["item_iri"][0] == "http://dbpedia.org/resource/Moby%20Dick"
    with pytest.raises(RecipeError, match="lacks its field"):
        read(tmp_path, "u,i\n1,2\n", item_iri="http://x.org/")


FAULTS = {
    "NaN": ("1,a,NaN,5", "value", "no number|not finite"),
    "infinite": ("1,a,inf,5", "value", "not finite"),
    "out of range": ("1,a,5.5,5", "value", "out of range"),
    "no number": ("1,a,good,5", "value", "no number"),
    "no value": ("1,a,,5", "value", "no number"),
    "time": ("1,a,3,yesterday", "time", "time cannot be read"),
    "no user": (" ,a,3,5", "u", "id is empty"),
    "no item": ("1,,3,5", "i", "id is empty"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_bad_row_is_named(tmp_path: Path, name: str) -> None:
    row, column, problem = FAULTS[name]
    content = f"u,i,value,time\n2,a,3,5\n{row}\n2,b,4,6\n"
    config = {"value": "value", "value_range": (0.5, 5), "timestamp": "time"}
    with pytest.raises(DataError, match=problem) as caught:
        read(tmp_path, content, **config)
    assert (caught.value.line, caught.value.column) == (3, column)
    frame, rejects = read(tmp_path, content, limit=1, **config)
    assert pairs(frame) == [("2", "a", 3.0), ("2", "b", 4.0)]
    assert rejects.frame()["line"].to_list() == [3]


def test_id_that_makes_no_iri(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="makes no IRI"):
        read(tmp_path, "u,i\n1,not an iri\n", item_iri="{id}")


def test_more_bad_rows_than_allowed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="max_rejects = 1"):
        read(tmp_path, "u,i\n,a\n,b\n", limit=1)


DUPLICATES = "u,i,v,t\n1,a,3,30\n1,b,1,1\n1,a,5,10\n1,a,4,20\n"


@pytest.mark.parametrize(
    ("policy", "value", "time"), [("first", 5.0, 10), ("last", 3.0, 30), ("max", 5.0, 10), ("sum", 12.0, 30)]
)
def test_duplicate_policy_goes_by_time(tmp_path: Path, policy: str, value: float, time: int) -> None:
    counts: Counter[str] = Counter()
    frame, _ = read(tmp_path, DUPLICATES, counts=counts, value="v", timestamp="t", duplicates=policy)
    kept = frame.filter(pl.col("item") == "a")
    assert kept.select("value", "timestamp").rows() == [(value, time)]
    assert frame.height == 2
    assert counts["duplicates"] == 2


def test_duplicates_without_times_go_by_row(tmp_path: Path) -> None:
    first, _ = read(tmp_path, DUPLICATES, value="v", duplicates="first")
    last, _ = read(tmp_path, DUPLICATES, value="v", duplicates="last")
    assert (pairs(first)[0], pairs(last)[-1]) == (("1", "a", 3.0), ("1", "a", 4.0))


def test_duplicates_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="second time") as caught:
        read(tmp_path, DUPLICATES, duplicates="error")
    assert caught.value.line == 4


def test_threshold(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    frame, _ = read(tmp_path, "u,i,v\n1,a,4\n1,b,3.5\n2,a,5\n", counts=counts, value="v", threshold=4)
    assert pairs(frame) == [("1", "a", 4.0), ("2", "a", 5.0)]
    assert counts["below the threshold"] == 1
    with pytest.raises(UserError, match=r"(?s)/.*: no interaction is left.*lower interactions.threshold"):
        read(tmp_path, "u,i,v\n1,a,4\n", value="v", threshold=5)


def test_k_core_is_repeated() -> None:
    # c has one user, so user 3 falls to one item, so b falls to one user, so user 2 falls to one item: nothing is left
    # of them; users 1 and 4 with items x and y stay.
    rows = [("1", "x"), ("1", "y"), ("4", "x"), ("4", "y"), ("3", "c"), ("3", "b"), ("2", "b"), ("2", "x")]
    frame = pl.DataFrame(rows, schema=["user", "item"], orient="row")
    assert k_core(frame, KCore(user=2, item=2)).rows() == rows[:4]
    assert k_core(frame, KCore()).rows() == rows


def test_given_parts_without_a_whole(tmp_path: Path) -> None:
    for part, rows in {"train": "1 a 5\n1 b 3\n", "valid": "1 c 4\n", "test": ""}.items():
        (tmp_path / f"{part}.dat").write_text(rows)
    files = {part: f"{part}.dat" for part in ("train", "valid", "test")}
    settings = {"delimiter": " ", "header": False, "columns": ["u", "i", "v"], "user": "u", "item": "i", "value": "v"}
    recipe = parse_recipe({"name": "t", "interactions": settings, "split": {"kind": "files", "files": files}})
    (tmp_path / "test.dat").write_text("2 a 1\n")
    frame = read_interactions(recipe, tmp_path, Rejects())
    assert frame.select("item", "value", "split").rows() == [
        ("a", 5.0, "train"),
        ("b", 3.0, "train"),
        ("c", 4.0, "valid"),
        ("a", 1.0, "test"),
    ]
    (tmp_path / "test.dat").write_text("1 b 1\n")
    with pytest.raises(DataError, match="more than one part"):
        read_interactions(recipe, tmp_path, Rejects())


@pytest.mark.parametrize(
    ("text", "form", "seconds"),
    [
        ("1445714994", "auto", 1445714994),
        ("1445714994.9", "auto", 1445714994),
        ("1445714994123", "auto", 1445714994),
        ("-1.5", "auto", -2),
        ("5", "ms", 0),
        ("5", "s", 5),
        ("1970-01-02", "auto", 86400),
        ("1970-01-02T00:00:01Z", "auto", 86401),
        ("1970-01-01 02:00:00+02:00", "auto", 0),
        ("02.01.1970 01:00", "%d.%m.%Y %H:%M", 90000),
        ("1970-01-02", "s", None),
        ("31.31.1970 01:00", "%d.%m.%Y %H:%M", None),
        ("nan", "auto", None),
        ("1e300", "s", None),
        ("", "auto", None),
        ("today", "auto", None),
    ],
)
def test_times(text: str, form: str, seconds: int | None) -> None:
    assert to_seconds(pl.Series([text]), form).to_list() == [seconds]
