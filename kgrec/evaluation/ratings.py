"""Predicted ratings: simple predictors and their errors, with intervals over users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import lsqr

from kgrec.dataset.snapshot import Snapshot, Split
from kgrec.errors import DataError
from kgrec.evaluation.bootstrap import Bootstrap, percentile_interval
from kgrec.evaluation.result import Evaluation, Row
from kgrec.metrics import mae, rmse

KINDS = ((False, False), (True, False), (False, True), (True, True))
"""With user biases, with item biases."""


class RatingPredictor(Protocol):
    """Predicts the rating of a pair."""

    @property
    def name(self) -> str:
        """As it stands in tables."""
        ...

    def predict(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Ratings of pairs: ids, shape ``[n]`` each → float64 ``[n]``."""
        ...


@dataclass(frozen=True, eq=False)
class BiasModel:
    """``r(u, i) = μ + b_u + b_i``, within the range of the training ratings.

    ``μ`` is the training mean; the biases minimise ``Σ (r - μ - b_u - b_i)² + λ Σ b²`` (ridge), so that a user or item
    without a training rating has bias 0.  Koren, Bell and Volinsky, Matrix factorization techniques for recommender
    systems, Computer 42(8), 2009, equation 3.

    Attributes:
        name: as it stands in tables.
        mean: ``μ``.
        users, items: the biases, float64 ``[num_users]`` and ``[num_items]``.
        lowest, highest: the range of the training ratings.
    """

    name: str
    mean: float
    users: NDArray[np.float64]
    items: NDArray[np.float64]
    lowest: float
    highest: float

    @classmethod
    def fit(cls, snapshot: Snapshot, l2: float = 3.0, *, users: bool = True, items: bool = True) -> BiasModel:
        """Fits the training part.

        Args:
            snapshot: its interactions' values are the ratings.
            l2: ``λ``.
            users, items: with these biases; without either the prediction is the mean.

        Raises:
            DataError: no training interaction has a value.
        """
        pairs = _rated(snapshot, "train")
        value = pairs["value"].to_numpy()
        num_users, num_items = snapshot.num_users, snapshot.num_items
        rows = np.arange(len(pairs))
        parts = [
            sp.csr_array((np.full(len(pairs), float(wanted)), (rows, pairs[side].to_numpy())), shape=(len(pairs), size))
            for side, size, wanted in (("user", num_users, users), ("item", num_items, items))
        ]
        mean = float(value.mean())
        biases = lsqr(sp.hstack(parts, format="csr"), value - mean, damp=np.sqrt(l2), atol=1e-10, btol=1e-10)[0]
        sides = " and ".join(side for side, wanted in (("user", users), ("item", items)) if wanted)
        name = f"{sides} bias (λ={l2:g})".capitalize() if sides else "Global mean"
        return cls(name, mean, biases[:num_users], biases[num_users:], float(value.min()), float(value.max()))

    def predict(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Ratings of pairs: ids, shape ``[n]`` each → float64 ``[n]``."""
        return np.clip(self.mean + self.users[users] + self.items[items], self.lowest, self.highest)


def evaluate_ratings(
    models: Sequence[RatingPredictor],
    snapshot: Snapshot,
    *,
    split: Split = "test",
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """MAE and RMSE over the ratings of a held-out part, beside those of the mean and of bias models.

    Args:
        models: predictors of the project's own.
        snapshot: its interactions' values are the ratings.
        split: ``valid`` to choose, ``test`` to report.
        resamples: of the users, for the 95 % intervals; a user brings all of their ratings.
        seed: of the bootstrap.

    Raises:
        DataError: the training or the held-out part has no ratings, or they are all equal.
    """
    held = _rated(snapshot, split)
    if pl.concat([held, _rated(snapshot, "train")])["value"].n_unique() == 1:
        raise DataError("all interactions have the same value: there are no ratings to predict")
    users, owner = np.unique(held["user"].to_numpy(), return_inverse=True)
    bootstrap = Bootstrap(len(users), resamples, seed)
    baselines = [BiasModel.fit(snapshot, users=u, items=i) for u, i in KINDS]
    predictors: list[tuple[RatingPredictor, bool]] = [(model, True) for model in models]
    predictors += [(baseline, False) for baseline in baselines]
    rows = []
    for predictor, own in predictors:
        predicted = predictor.predict(held["user"].to_numpy(), held["item"].to_numpy())
        actual = held["value"].to_numpy()
        error = predicted - actual
        sums = [np.bincount(owner, weights=weights) for weights in (np.abs(error), error**2, np.ones(len(error)))]
        absolute, squared, count = bootstrap.means(np.column_stack(sums)).T
        metrics = {}
        for name, value, resampled in (
            ("mae", mae(predicted, actual), absolute / count),
            ("rmse", rmse(predicted, actual), np.sqrt(squared / count)),
        ):
            low, high = percentile_interval(resampled) if resamples else (value, value)
            metrics[name] = (value, float(low), float(high))
        rows.append(Row(predictor.name, "model" if own else "baseline", metrics))
    return Evaluation(
        split=split,
        users=len(users),
        candidates=held["item"].n_unique(),
        resamples=resamples,
        rows=tuple(rows),
    )


def _rated(snapshot: Snapshot, split: Split) -> pl.DataFrame:
    pairs = snapshot.pairs(split).drop_nulls("value")
    if pairs.is_empty():
        raise DataError(f"the {split} part has no ratings")
    return pairs
