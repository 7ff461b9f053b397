"""Bootstrap over users."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.evaluation.bootstrap import Bootstrap, centred_interval, percentile_interval
from kgrec.metrics import coverage


def test_draws_are_users_with_replacement_and_the_same_in_any_parts() -> None:
    bootstrap = Bootstrap(50, 40, seed=3)
    draws = np.concatenate(list(bootstrap.draws()))
    assert draws.shape == (40, 50)
    assert (draws.sum(axis=1) == 50).all()
    assert (draws == 0).mean() == pytest.approx(np.exp(-1), abs=0.03)
    parts = list(bootstrap.draws(width=1_000_000))  # four draws a part
    assert len(parts) == 10
    np.testing.assert_array_equal(np.concatenate(parts), draws)
    assert not np.array_equal(np.concatenate(list(Bootstrap(50, 40, seed=4).draws())), draws)


def test_interval_of_a_mean_is_the_normal_one() -> None:
    values = np.random.default_rng(0).exponential(size=(800, 2))
    low, high = percentile_interval(Bootstrap(800, 4000, 1).means(values))
    half = 1.96 * values.std(axis=0) / np.sqrt(800)
    np.testing.assert_allclose(low, values.mean(axis=0) - half, atol=0.01)
    np.testing.assert_allclose(high, values.mean(axis=0) + half, atol=0.01)


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for seed in range(200):
        low, high = percentile_interval(Bootstrap(100, 400, seed).means(rng.normal(size=(100, 1))))
        inside += low[0] <= 0 <= high[0]
    assert 0.90 <= inside / 200 <= 0.99


def test_sums_are_those_of_the_drawn_users() -> None:
    matrix = (np.random.default_rng(1).random((30, 7)) < 0.2).astype(np.float32)
    bootstrap = Bootstrap(30, 25, 2)
    draws = np.concatenate(list(bootstrap.draws()))
    np.testing.assert_allclose(bootstrap.of_sums(sp.csr_array(matrix), coverage), ((draws @ matrix) > 0).mean(axis=1))


def test_centred_interval_lies_round_the_value_and_within_the_unit() -> None:
    resampled = np.random.default_rng(2).normal(0.3, 0.05, 5000)
    low, high = centred_interval(0.5, resampled)
    assert (low, high) == (pytest.approx(0.402, abs=0.006), pytest.approx(0.598, abs=0.006))
    assert centred_interval(0.99, resampled)[1] == 1.0
    assert centred_interval(0.01, resampled)[0] == 0.0
