"""The comparison on many splits: what is split, what is measured, what is never read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from benchmarks.resplits import METRICS, _settings, measured, split_anew
from kgrec.config import load_recipe
from kgrec.dataset.snapshot import Snapshot
from kgrec.evaluation.protocol import Protocol
from kgrec.recommend.topk import top_k
from kgrec.tune.models import How, model_named
from kgrec.tune.task import FitData
from tests.benchmarks.conftest import ITEMS, USERS, small_snapshot


@pytest.fixture
def data() -> FitData:
    return FitData(load_recipe("recipes/ml-100k.toml")[0], small_snapshot(True))


def parts(snapshot: Snapshot) -> dict[str, set[tuple[int, int]]]:
    return {
        part: {*snapshot.pairs(part).select("user", "item").iter_rows()}  # type: ignore[arg-type]
        for part in ("train", "valid", "test")
    }


def test_the_old_test_part_is_left_out_and_the_rest_split_anew(data: FitData) -> None:
    before, after = parts(data.snapshot), parts(split_anew(data.snapshot, 0))
    assert after["train"] | after["valid"] | after["test"] == before["train"] | before["valid"]
    assert not (after["test"] | after["valid"]) & after["train"]
    assert not after["test"] & after["valid"]
    # 13 interactions a user, of which a tenth is one
    for part, size in (("test", 1), ("valid", 1), ("train", 11)):
        assert np.bincount([user for user, _ in after[part]], minlength=USERS).tolist() == [size] * USERS
    assert after["test"] != before["valid"]


def test_splits_differ_and_repeat_themselves(data: FitData) -> None:
    first, again, other = (split_anew(data.snapshot, number).interactions for number in (0, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize("model", ["Popularity", "EASE"])
def test_figures_are_those_of_the_fitted_model(data: FitData, model: str) -> None:
    settings = {} if model == "Popularity" else {"l2": 10.0}
    anew = replace(data, snapshot=split_anew(data.snapshot, 3))
    found = measured(anew, model, settings, 0)
    scorer = model_named(model).fit(anew, settings, How(None, keep=False)).scorer  # type: ignore[arg-type]
    protocol = Protocol.of(anew.snapshot, "test", np.ones(ITEMS, dtype=bool))
    ids, _ = top_k(scorer.score(protocol.histories, protocol.users), 10, protocol.candidates, protocol.hidden)
    hits = [protocol.relevant[[row]].indices[0] in ids[row] for row in range(len(ids))]
    np.testing.assert_array_equal(found["train"]["recall@10"][protocol.users], np.array(hits, dtype=float))
    assert 0 < np.mean(hits) < 1


def test_what_the_old_test_part_holds_changes_nothing(data: FitData) -> None:
    other = data.snapshot.interactions.with_columns(
        item=pl.when(pl.col("split") == "test").then((pl.col("item") + 1) % ITEMS).otherwise(pl.col("item"))
    )
    changed = replace(data.snapshot, interactions=other)
    for fit, per_user in measured(
        replace(data, snapshot=split_anew(data.snapshot, 1)), "EASE", {"l2": 10.0}, 0
    ).items():
        same = measured(replace(data, snapshot=split_anew(changed, 1)), "EASE", {"l2": 10.0}, 0)[fit]
        for metric in METRICS:
            np.testing.assert_array_equal(per_user[metric], same[metric])


def test_a_baseline_that_was_left_out_has_no_settings() -> None:
    found = _settings("lastfm")
    assert {"flow", "EASE", "iALS", "RP3beta"} <= set(found)
    assert "EASE + recency" not in found
    assert "EASE + recency" in _settings("ml-100k")
