"""The whole road on a slice of the shipped data: real store, real encoder, real training."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import kgrec
from kgrec.errors import DataError, RecipeError, StaleError

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run

RESULTS = (
    "snapshot/nodes.parquet",
    "snapshot/edges.parquet",
    "snapshot/interactions.parquet",
    "snapshot/relations.parquet",
    "snapshot/profile.json",
    "text/vectors.safetensors",
    "embedding/vectors.safetensors",
    "model/flow.json",
    "model/channels.json",
    "ablation/flow.json",
    "ablation/channels.json",
    "evaluation-test/evaluation.json",
    "report/report.html",
)


def results(folder: Path) -> dict[str, str]:
    """Hash of everything that a run is for."""
    matrices = (
        str(file.relative_to(folder)) for stage in ("model", "ablation") for file in (folder / stage).glob("*.npy")
    )
    names = sorted((*RESULTS, *matrices))
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    metrics = json.loads((folder / "embedding/metrics.json").read_text())
    # Seconds are in the embedding's figures and so on the page; all else must be the same.
    found["embedding/metrics.json"] = str({key: value for key, value in metrics.items() if key != "seconds"})
    return found


def test_the_road_leaves_everything(small_run: Run) -> None:
    folder = small_run.paths.run
    assert all((folder / name).is_file() for name in RESULTS)
    assert not list((folder / ".tmp").glob("*"))
    assert not list((folder / ".work").glob("*"))
    for name in ("store", "snapshot", "text", "embedding", "model", "evaluation-test", "report"):
        manifest = json.loads((folder / name / "manifest.json").read_text())
        assert manifest["versions"]["pyoxigraph"]


def test_from_python(small_run: Run) -> None:
    lists = small_run.recommend("42" if "42" in small_run.snapshot.of_type("User")["key"] else "7", k=10)
    assert lists.columns == ["rank", "item", "label", "score"]
    assert lists["score"].is_sorted(descending=True)
    explanation = small_run.explain("7", lists["item"][0])
    assert explanation.user == "7"
    assert small_run.recommend("7", k=2, candidates=["1", "2", "3"], include_seen=True).height == 2


def test_the_same_again_elsewhere_with_rows_permuted(
    small_run: Run, make_slice: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = make_slice(tmp_path)
    for name in ("movies.csv", "tags.csv"):
        path = tmp_path / "data/movielens" / name
        header, *lines = path.read_text().splitlines()
        random.Random(5).shuffle(lines)
        path.write_text("\n".join([header, *lines]) + "\n")
    other = kgrec.run(recipe, run_dir=tmp_path / "run")
    mine, theirs = results(small_run.paths.run), results(other.paths.run)
    for seconds in ("report/report.html",):
        mine.pop(seconds), theirs.pop(seconds)
    assert mine == theirs
    assert other.recommend("7", k=20).equals(small_run.recommend("7", k=20))
    for run, name in ((small_run, "one.nt"), (other, "other.nt")):
        run.export("nt", tmp_path / name)
    assert (tmp_path / "one.nt").read_bytes() == (tmp_path / "other.nt").read_bytes() != b""


def test_nothing_held_out_is_in_the_store(small_run: Run) -> None:
    snapshot = small_run.snapshot
    held = snapshot.pairs("valid", "test")
    users, items = snapshot.of_type("User")["key"], snapshot.of_type("Movie")["key"]
    pairs = {(users[u], items[i]) for u, i in held.select("user", "item").iter_rows()}
    with small_run.store() as store:
        statements = [(quad.subject.value, quad.object.value) for quad in store.quads()]
    assert not [pair for pair in statements if "User/" in pair[0] or "User/" in pair[1]]
    tags = pl.read_csv(small_run.paths.data / "movielens/tags.csv", infer_schema=False)
    hidden = {
        (row["movieId"], row["tag"].casefold())
        for row in tags.iter_rows(named=True)
        if (row["userId"], row["movieId"]) in pairs
    }
    open_ = {
        (row["movieId"], row["tag"].casefold())
        for row in tags.iter_rows(named=True)
        if (row["userId"], row["movieId"]) not in pairs
    }
    assert hidden - open_, "the slice must have tags that only held-out ratings carry"
    edges = snapshot.edges.filter(pl.col("relation") == "tag")
    labels = dict(snapshot.of_type("Tag").select("id", "key").iter_rows())
    names = dict(snapshot.of_type("Tag").select("id", "label").iter_rows())
    shown = {(items[s], (labels[t] or names[t]).casefold()) for s, t in edges.select("source", "target").iter_rows()}
    assert not shown & (hidden - open_)


def test_bad_rows_stop_the_build_and_leave_the_store(make_slice: Callable[..., Path], tmp_path: Path) -> None:
    recipe = make_slice(tmp_path, users=5)
    run = kgrec.open_run(recipe, run_dir=tmp_path / "run")
    run.build()
    before = run.snapshot.nodes
    ratings = tmp_path / "data/movielens/ratings.csv"
    good = ratings.read_text()
    ratings.write_text(good + "5,1,nan,847434962\n")
    with pytest.raises(DataError, match=r"ratings.csv:\d+ \[rating\]"):
        run.build()
    with pytest.raises(StaleError, match="older than its input files"):
        _ = run.snapshot
    ratings.write_text(good)
    assert run.snapshot.nodes.equals(before)
    ratings.write_text(good + "5,1,nan,847434962\n")
    recipe.write_text("max_rejects = 1\n" + recipe.read_text())
    lenient = kgrec.open_run(recipe, run_dir=tmp_path / "run")
    lenient.build()
    rejects = pl.read_parquet(tmp_path / "run/store/rejects.parquet")
    assert rejects["column"].to_list() == ["rating"]
    assert lenient.info()["profile"]["counts"]["rejected_rows"] == 1


def test_a_run_directory_of_another_version_is_refused(small_run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(small_run.paths.run, copy)
    manifest = copy / "model/manifest.json"
    manifest.write_text(manifest.read_text().replace('"code": "', '"code": "0').replace('"key": "', '"key": "0'))
    run = kgrec.open_run(small_run.paths.recipe, run_dir=copy)
    with pytest.raises(StaleError, match=r"'model' is older than this version of kgrec\n.*kgrec train"):
        run.recommend("7")


def test_the_same_files_from_another_folder_are_the_same(
    make_slice: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_slice(tmp_path, users=5)
    monkeypatch.chdir(tmp_path)
    kgrec.open_run("recipe.toml", run_dir="run").build()
    monkeypatch.chdir("/")
    stages = kgrec.open_run(recipe, data=tmp_path / "data", run_dir=tmp_path / "run").info()["stages"]
    assert {stage["state"] for stage in stages if stage["stage"] in ("store", "snapshot")} == {"current"}


def test_what_a_stage_finds_wrong_in_the_recipe_names_the_recipe(
    make_slice: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = make_slice(tmp_path, users=5)
    recipe.write_text(recipe.read_text().replace('language = "en"', 'language = "tlh"'))
    with pytest.raises(RecipeError, match=r"recipe\.toml \[match.predicate\]: no node carries"):
        kgrec.open_run(recipe, run_dir=tmp_path / "run").build()
