"""Splits: each kind by its rule, and none depends on the order of rows where it should not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgrec.config import parse_recipe
from kgrec.config.recipe import SplitConfig
from kgrec.dataset.interactions import read_interactions
from kgrec.dataset.splits import held_out_sizes, split
from kgrec.errors import DataError, RecipeError
from kgrec.ingest.rejects import Rejects

Row = tuple[str, str, int]


def parted(folder: Path, rows: list[Row], seed: int = 0, timed: bool = True, **config: Any) -> pl.DataFrame:
    (folder / "x.csv").write_text("u,i,t\n" + "".join(f"{u},{i},{t}\n" for u, i, t in rows))
    interactions = {"file": "x.csv", "user": "u", "item": "i", "timestamp": "t" if timed else None}
    recipe = parse_recipe({"name": "t", "seed": seed, "interactions": interactions, "split": config})
    return split(read_interactions(recipe, folder, Rejects()), recipe, folder, Rejects())


def part(frame: pl.DataFrame, name: str) -> set[tuple[str, str]]:
    return set(frame.filter(pl.col("split") == name).select("user", "item").iter_rows())


def many(users: int = 12, items: int = 15) -> list[Row]:
    rng = np.random.default_rng(3)
    return [
        (f"u{u}", f"i{i}", int(rng.integers(100)))
        for u in range(users)
        for i in rng.permutation(items)[: 3 + u].tolist()
    ]


def test_sizes_held_out() -> None:
    sizes = np.array([1, 2, 3, 9, 10, 19, 20, 30])
    valid, test = held_out_sizes(sizes, SplitConfig(kind="last", valid=0.1, test=0.2))
    assert valid.tolist() == [0, 0, 1, 1, 1, 1, 2, 3]
    assert test.tolist() == [0, 0, 1, 1, 2, 3, 4, 6]
    valid, test = held_out_sizes(sizes, SplitConfig(kind="last", n=2))
    assert valid.tolist() == test.tolist() == [0, 0, 0, 2, 2, 2, 2, 2]
    valid, test = held_out_sizes(sizes, SplitConfig(kind="random", valid=0, test=0.1, min_history=2))
    assert valid.tolist() == [0] * 8
    assert test.tolist() == [0, 1, 1, 1, 1, 1, 2, 3]


def test_last_goes_by_time_then_by_row(tmp_path: Path) -> None:
    rows = [("a", "1", 5), ("a", "2", 9), ("a", "3", 5), ("a", "4", 1), ("b", "1", 1)]
    frame = parted(tmp_path, rows, kind="last", n=1)
    assert part(frame, "test") == {("a", "2")}
    assert part(frame, "valid") == {("a", "3")}
    assert part(frame, "train") == {("a", "1"), ("a", "4"), ("b", "1")}


def test_time_never_parts_one_time(tmp_path: Path) -> None:
    rows = [("a", str(n), time) for n, time in enumerate([1, 2, 3, 4, 5, 5, 6, 7, 8, 8])]
    frame = parted(tmp_path, rows, kind="time", valid=0.3, test=0.1)
    assert {item for _, item in part(frame, "test")} == {"8", "9"}
    assert {item for _, item in part(frame, "valid")} == {"6", "7"}


def test_time_needs_times(tmp_path: Path) -> None:
    for kind in ("last", "time"):
        with pytest.raises(RecipeError, match="needs times"):
            parted(tmp_path, many(), timed=False, kind=kind)


def test_cold_takes_whole_items(tmp_path: Path) -> None:
    frame = parted(tmp_path, many(), kind="cold", valid=0.2, test=0.2)
    assert frame.group_by("item").agg(pl.col("split").n_unique())["split"].to_list() == [1] * 15
    held = frame.group_by("split").agg(pl.col("item").n_unique()).sort("split")
    assert held.rows() == [("test", 3), ("train", 9), ("valid", 3)]


def test_cold_by_lists(tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("i3\ni4\n")
    (tmp_path / "valid.txt").write_text("i5\n")
    files = {"test": "test.txt", "valid": "valid.txt"}
    frame = parted(tmp_path, many(), kind="cold", item_files=files)
    assert {item for _, item in part(frame, "test")} == {"i3", "i4"}
    assert {item for _, item in part(frame, "valid")} == {"i5"}
    (tmp_path / "valid.txt").write_text("i4\n")
    with pytest.raises(DataError, match="both lists"):
        parted(tmp_path, many(), kind="cold", item_files=files)
    (tmp_path / "valid.txt").write_text("i5\nnobody\n")
    with pytest.raises(DataError, match="not in the interactions") as caught:
        parted(tmp_path, many(), kind="cold", item_files=files)
    assert caught.value.line == 2


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(many(5, 6)), kind=st.sampled_from(["random", "cold", "time"]))
def test_permuted_rows_give_the_same_split(tmp_path: Path, order: list[Row], kind: str) -> None:
    assert parted(tmp_path, order, kind=kind).equals(parted(tmp_path, many(5, 6), kind=kind))


def test_seed_decides_random(tmp_path: Path) -> None:
    first, again, other = (parted(tmp_path, many(), seed=seed, kind="random") for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)
    sizes = first.group_by("user").agg(pl.len(), (pl.col("split") == "test").sum().alias("test"))
    assert (sizes["test"] == (sizes["len"] // 10).clip(lower_bound=1)).all()


def test_parts_given_as_pairs_of_the_whole(tmp_path: Path) -> None:
    for name, rows in {"train": "a\t1\na\t2\n", "valid": "a\t3\n", "test": "b\t1\n"}.items():
        (tmp_path / f"{name}.tsv").write_text("u\ti\n" + rows)
    rows = [("a", "1", 5), ("a", "2", 6), ("a", "3", 7), ("b", "1", 8), ("b", "2", 9)]
    files = {name: f"{name}.tsv" for name in ("train", "valid", "test")}
    frame = parted(tmp_path, rows, kind="files", files=files)
    assert frame.select("user", "item", "timestamp", "split").rows() == [
        ("a", "1", 5, "train"),
        ("a", "2", 6, "train"),
        ("a", "3", 7, "valid"),
        ("b", "1", 8, "test"),
    ]
    (tmp_path / "test.tsv").write_text("u\ti\nb\t1\nb\t3\n")
    with pytest.raises(DataError, match="not in the interactions") as caught:
        parted(tmp_path, rows, kind="files", files=files)
    assert caught.value.line == 3
    (tmp_path / "test.tsv").write_text("u\ti\na\t1\n")
    with pytest.raises(DataError, match="more than one part"):
        parted(tmp_path, rows, kind="files", files=files)


def test_nothing_left_to_train_on(tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("1\n2\n")
    with pytest.raises(DataError, match="nothing to train on"):
        parted(tmp_path, [("a", "1", 1), ("b", "2", 1)], kind="cold", item_files={"test": "test.txt"})


def test_counts(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("u,i\n" + "".join(f"u,{n}\n" for n in range(20)))
    recipe = parse_recipe({"name": "t", "interactions": {"file": "x.csv", "user": "u", "item": "i"}})
    counts: Counter[str] = Counter()
    split(read_interactions(recipe, tmp_path, Rejects()), recipe, tmp_path, Rejects(), counts=counts)
    assert (counts["train"], counts["valid"], counts["test"]) == (16, 2, 2)
