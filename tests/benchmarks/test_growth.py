"""The benchmark of growth: what it generates, what it measures, the slopes that it reads off."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from benchmarks.generated import generate
from benchmarks.growth import measure, slope

SIZE = {"items": 400, "users": 500, "interactions": 5000, "triples": 2000}


def test_generated_data_repeat_themselves_and_follow_a_power_law() -> None:
    snapshot, text = generate(**SIZE)
    again, same_text = generate(**SIZE)
    assert snapshot.interactions.equals(again.interactions)
    assert snapshot.edges.equals(again.edges)
    np.testing.assert_array_equal(text["Item"][0], same_text["Item"][0])
    # a pair that was drawn twice counts once
    assert 0.8 * SIZE["interactions"] < snapshot.interactions.height <= SIZE["interactions"]
    held = np.sort(np.bincount(snapshot.interactions["item"].to_numpy(), minlength=SIZE["items"]))[::-1]
    assert held[:40].sum() > 0.25 * held.sum()
    rank = np.arange(20, 320)
    assert -1.5 < np.polyfit(np.log(rank), np.log(held[rank]), 1)[0] < -0.5


def test_a_generated_users_last_interaction_is_test_and_the_one_before_validation() -> None:
    interactions = generate(**SIZE)[0].interactions
    order = pl.struct("timestamp", "item")
    by_user = interactions.sort("user", order).group_by("user", maintain_order=True).agg("split", "timestamp")
    for splits, times in by_user.select("split", "timestamp").iter_rows():
        if len(splits) >= 3 and len(set(times)) == len(times):
            assert splits == ["train"] * (len(splits) - 2) + ["valid", "test"]


def test_the_slope_is_that_from_100_thousand_items_up() -> None:
    rows = [{"items": n, "fit_cpu_s": 3e-4 * n**0.9} for n in (100_000, 300_000, 1_000_000)]
    rows.insert(0, {"items": 10_000, "fit_cpu_s": 1e6})
    assert slope(rows, "fit_cpu_s") == pytest.approx(0.9)


def test_a_size_is_fitted_saved_loaded_and_asked() -> None:
    row = measure(SIZE)
    assert row["triples"] > 1000
    assert 0 < row["data_gb"] <= row["fit_peak_gb"] <= row["peak_gb"]
    for figure in ("fit_cpu_s", "fit_wall_s", "saved_gb", "recommend_ms"):
        assert row[figure] > 0, figure
