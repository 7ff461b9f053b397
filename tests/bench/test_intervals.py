"""Paired differences: against a plain bootstrap, and what they must say of obvious data."""

from __future__ import annotations

import numpy as np

from kgrec.bench.intervals import differences, mean_over_seeds


def test_a_constant_difference_has_no_spread() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(50)
    value, low, high = differences({"m": base + 0.125}, {"m": base})["m"]
    np.testing.assert_allclose([value, low, high], 0.125, atol=1e-6)


def test_spread_is_that_of_the_mean() -> None:
    rng = np.random.default_rng(1)
    mine, other = rng.normal(0.3, 1, 400), rng.normal(0, 1, 400)
    value, low, high = differences({"m": mine}, {"m": other})["m"]
    error = (mine - other).std(ddof=1) / np.sqrt(400)
    assert np.isclose(value, (mine - other).mean())
    np.testing.assert_allclose([low, high], [value - 1.96 * error, value + 1.96 * error], atol=0.15 * error)


def test_users_without_the_metric_do_not_count() -> None:
    mine, other = np.array([1.0, np.nan, 0.5, 1.0]), np.array([0.5, np.nan, 0.0, 0.5])
    value, low, high = differences({"m": mine, "none": np.full(4, np.nan)}, {"m": other, "none": np.full(4, np.nan)})[
        "m"
    ]
    assert (value, low, high) == (0.5, 0.5, 0.5)


def test_a_users_mean_over_seeds() -> None:
    runs = [{"m": np.array([1.0, 0.0])}, {"m": np.array([0.0, 0.5])}]
    assert mean_over_seeds(runs)["m"].tolist() == [0.5, 0.25]
