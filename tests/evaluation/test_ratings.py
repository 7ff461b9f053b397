"""Rating predictors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError
from kgrec.evaluation import BiasModel, evaluate_ratings


def test_biases_minimise_the_ridge_objective(movielens: Snapshot) -> None:
    model = BiasModel.fit(movielens, l2=2.0)
    train = movielens.pairs("train")
    user, item, value = (train[name].to_numpy() for name in ("user", "item", "value"))
    left = value - model.mean - model.users[user] - model.items[item]
    # the gradient with respect to every bias is zero
    np.testing.assert_allclose(np.bincount(user, left, movielens.num_users) - 2 * model.users, 0, atol=1e-5)
    np.testing.assert_allclose(np.bincount(item, left, movielens.num_items) - 2 * model.items, 0, atol=1e-5)


def test_unknown_ones_get_the_mean_and_nothing_leaves_the_range(movielens: Snapshot) -> None:
    model = BiasModel.fit(movielens)
    untouched = np.setdiff1d(np.arange(movielens.num_items), movielens.pairs("train")["item"].to_numpy())
    assert untouched.size
    np.testing.assert_allclose(model.items[untouched], 0, atol=1e-9)
    generous = int(model.users.argmax())
    predicted = model.predict(np.full(movielens.num_items, generous), np.arange(movielens.num_items))
    assert predicted.max() <= 5.0
    assert BiasModel.fit(movielens, users=False, items=False).predict(np.array([0]), np.array([0])) == model.mean


def test_more_biases_less_error(movielens: Snapshot) -> None:
    result = evaluate_ratings([BiasModel.fit(movielens, 3.0)], movielens, split="valid", resamples=200, seed=1)
    names = ["Global mean", "User bias (λ=3)", "Item bias (λ=3)", "User and item bias (λ=3)"]
    assert [row.name for row in result.rows] == [names[-1], *names]
    assert [row.kind for row in result.rows] == ["model", *["baseline"] * 4]
    error = {row.name: row.metrics for row in result.rows}
    for metric in ("mae", "rmse"):
        assert error[names[3]][metric][0] < min(error[names[1]][metric][0], error[names[2]][metric][0])
        assert max(error[names[1]][metric][0], error[names[2]][metric][0]) < error[names[0]][metric][0]
        for row in result.rows:
            value, low, high = row.metrics[metric]
            assert low < value < high
    held = movielens.pairs("valid")
    mean = float(movielens.pairs("train")["value"].mean())
    assert error["Global mean"]["mae"][0] == pytest.approx(float((held["value"] - mean).abs().mean()))
    assert result.users == held["user"].n_unique()


def test_implicit_data_are_refused(movielens: Snapshot) -> None:
    ones = replace(movielens, interactions=movielens.interactions.with_columns(value=pl.lit(1.0)))
    with pytest.raises(DataError, match="same value"):
        evaluate_ratings([], ones)
    with pytest.raises(DataError, match="test part has no ratings"):
        evaluate_ratings([], replace(movielens, interactions=movielens.pairs("train", "valid")))
