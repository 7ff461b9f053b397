"""Paired differences to the reference row, with 95 % bootstrap intervals over users."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kgrec.evaluation.bootstrap import Bootstrap, percentile_interval

RESAMPLES = 1000
SEED = 0

PerUser = Mapping[str, NDArray[np.float64]]
"""Metric → float64 ``[users]``, NaN where it is not defined for a user (the same users for every recommender)."""


def mean_over_seeds(runs: list[PerUser]) -> dict[str, NDArray[np.float64]]:
    """Each user's mean over the seeds."""
    return {name: np.mean([run[name] for run in runs], axis=0) for name in runs[0]}


def differences(mine: PerUser, other: PerUser) -> dict[str, tuple[float, float, float]]:
    """Metric → (mean difference, low, high), user by user over the same draws of users.

    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    names = [name for name in mine if name in other and not np.isnan(mine[name]).all()]
    if not names:
        return {}
    columns = np.stack([mine[name] - other[name] for name in names], axis=1)
    known = ~np.isnan(columns)
    stacked = np.concatenate([np.where(known, columns, 0.0), known], axis=1)
    point = stacked.mean(axis=0)
    sums, counts = np.split(Bootstrap(len(columns), RESAMPLES, SEED).means(stacked), 2, axis=1)
    with np.errstate(invalid="ignore"):  # a draw without anybody who has the metric
        low, high = percentile_interval(np.nan_to_num(sums / counts))
    value = point[: len(names)] / point[len(names) :]
    return {name: (float(value[i]), float(low[i]), float(high[i])) for i, name in enumerate(names)}
