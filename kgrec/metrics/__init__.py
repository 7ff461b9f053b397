"""Ranking and rating metrics as pure functions; numpy only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kgrec.errors import RecipeError, nearest
from kgrec.metrics.auc import auc
from kgrec.metrics.catalogue import coverage, exposure, gini
from kgrec.metrics.hits import find_hits
from kgrec.metrics.ranking import average_precision, hit, mrr, ndcg, precision, recall
from kgrec.metrics.rating import mae, rmse
from kgrec.metrics.weighted import inverse_popularity, tail, weighted_recall

RANKING: Mapping[str, Callable[[NDArray[np.bool_], NDArray[np.integer], int], NDArray[np.float64]]] = {
    "ndcg": ndcg,
    "recall": recall,
    "mrr": mrr,
    "hit": hit,
    "precision": precision,
    "map": average_precision,
}
"""Metrics of a user's list at a cut-off."""

CATALOGUE: Mapping[str, Callable[[NDArray[np.number]], NDArray[np.float64]]] = {
    "coverage": coverage,
    "gini": gini,
}
"""Metrics of all users' lists at a cut-off, from exposure."""

NAMES: tuple[str, ...] = (*RANKING, *CATALOGUE, "auc")
"""Every name that a recipe's ``evaluation.metrics`` may hold; ``auc`` has no cut-off."""


def check_names(names: Sequence[str]) -> None:
    """Refuses a metric that does not exist.

    Raises:
        RecipeError: names the nearest one.
    """
    for name in names:
        if name not in NAMES:
            close = nearest(name, NAMES)
            raise RecipeError(
                "no metric with this name",
                column="evaluation.metrics",
                value=name,
                remedy=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(NAMES)}",
            )


__all__ = [
    "CATALOGUE",
    "NAMES",
    "RANKING",
    "auc",
    "average_precision",
    "check_names",
    "coverage",
    "exposure",
    "find_hits",
    "gini",
    "hit",
    "inverse_popularity",
    "mae",
    "mrr",
    "ndcg",
    "precision",
    "recall",
    "rmse",
    "tail",
    "weighted_recall",
]
