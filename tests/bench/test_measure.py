"""Lists and figures against `kgrec evaluate` and against plain loops."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kgrec.bench.lists import load_lists, make_lists, save_lists
from kgrec.bench.measure import CATALOGUE, HIDDEN, PER_USER, Measure, load_figures, save_figures
from kgrec.config.recipe import EvaluationConfig
from kgrec.evaluation import evaluate
from kgrec.evaluation.baselines import EASE
from kgrec.tune.task import FitData, validation_ndcg

Make = Callable[..., FitData]


@pytest.mark.parametrize("part", ["valid", "test"])
def test_figures_are_those_of_the_evaluation(make_data: Make, part) -> None:
    data = make_data()
    scorer = EASE(l2=3.0).fit(data.snapshot.matrix("train"))
    measure = Measure(data)
    figures = measure.of(make_lists(scorer, data, "train"), measure.protocol(part))
    metrics = ("ndcg", "recall", "mrr", "coverage", "gini")
    config = EvaluationConfig(k=(10, 20), metrics=metrics, baselines=(), bootstrap=0)
    (row,) = evaluate([scorer], data.snapshot, config, split=part).rows
    for name, (value, _, _) in row.metrics.items():
        assert figures.means[name] == pytest.approx(value)
    assert set(figures.means) == {*PER_USER, *CATALOGUE}
    if part == "valid":
        assert figures.means["ndcg@10"] == pytest.approx(validation_ndcg(scorer, data))


def test_a_fit_on_both_parts_reads_both_histories(make_data: Make) -> None:
    data = make_data()
    both = data.refitted()
    train = data.snapshot.matrix("train", "valid")
    scorer = EASE(l2=3.0).fit(both.snapshot.matrix("train"))
    lists = make_lists(scorer, both, "train+valid")
    assert set(lists) == {"test"}
    scores = scorer.score(train)
    scores[train.toarray() > 0] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")
    for user in range(len(scores)):
        expected = [item for item in order[user, :20] if np.isfinite(scores[user, item])]
        assert lists["test"][user, : len(expected)].tolist() == expected
        assert (lists["test"][user, len(expected) :] == -1).all()


def test_lists_do_not_depend_on_who_held_out_what(make_data: Make) -> None:
    data = make_data()
    scorer = EASE(l2=3.0).fit(data.snapshot.matrix("train"))
    lists = make_lists(scorer, data, "train")
    # the test pairs go to other users; which items are in the data stays
    frame = data.snapshot.interactions
    other = pl.when(pl.col("split") == "test").then((pl.col("user") + 7) % data.snapshot.num_users).otherwise("user")
    changed = dataclasses.replace(data.snapshot, interactions=frame.with_columns(user=other))
    again = make_lists(scorer, dataclasses.replace(data, snapshot=changed), "train")
    np.testing.assert_array_equal(again["test"], lists["test"])
    np.testing.assert_array_equal(again["valid"], lists["valid"])


def test_hidden_items_are_ranked_alone(make_data: Make) -> None:
    data = make_data(kind="cold")

    class ByNumber:
        name = "higher ids first"

        def score(self, histories, users=None):
            return np.tile(np.arange(histories.shape[1], dtype=np.float32), (histories.shape[0], 1))

    for fit, which in (("train", data), ("train+valid", data.refitted())):
        lists = make_lists(ByNumber(), which, fit)
        assert set(lists["test/hidden"].ravel().tolist()) == {-1, *range(16, 24)}
        assert lists["test"][:, 0].tolist() == [23] * 30
    lists = make_lists(ByNumber(), data, "train")
    assert set(lists["valid/hidden"].ravel().tolist()) == {-1, *range(8, 16)}
    measure = Measure(data)
    figures = measure.of(lists, measure.protocol("valid"))
    assert figures.means[HIDDEN] == 1.0
    assert figures.means["recall@10"] < 1.0


def test_files_keep_everything(make_data: Make, tmp_path: Path) -> None:
    data = make_data(kind="cold")
    lists = make_lists(EASE(l2=3.0).fit(data.snapshot.matrix("train")), data, "train")
    save_lists(tmp_path, lists)
    measure = Measure(data)
    figures = measure.of(load_lists(tmp_path), measure.protocol("test"))
    save_figures(tmp_path / "f.npz", figures)
    again = load_figures(tmp_path / "f.npz")
    assert again.means == figures.means
    for name, values in figures.per_user.items():
        np.testing.assert_array_equal(again.per_user[name], values)
