"""EASE on histories in which recent interactions weigh more: the fair rival on a split by time.

A scorer of the form ``H W`` is linear in the history, so the same ``W`` serves weighted ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field

from kgrec.config.recipe import Section
from kgrec.config.space import Real, Space
from kgrec.dataset.snapshot import Snapshot
from kgrec.evaluation.baselines.base import CannotFitError
from kgrec.evaluation.baselines.ease import EASE
from kgrec.recommend.scorer import Scorer


class EASERecency(Section):
    """``scores = (H ∘ R) B`` with EASE's ``B`` and ``R`` as in :func:`recency_weights`.

    Attributes:
        l2: EASE's ``λ``.
        r: exponent of the age.
    """

    space: ClassVar[Space] = {"l2": Real(1, 10_000, log=True), "r": Real(0, 3)}
    grid: ClassVar[Mapping[str, tuple[float, ...]]] = {
        **EASE.grid,
        "r": (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0),
    }

    l2: float = Field(default=250.0, gt=0)
    r: float = Field(default=0.5, ge=0)

    def fit(self, snapshot: Snapshot) -> RecencyScorer:
        """Learns from the training part.

        Raises:
            CannotFitError: a training interaction has no timestamp, or the data are too large for EASE.
        """
        weights = recency_weights(snapshot, self.r)
        scorer = EASE(l2=self.l2).fit(snapshot.matrix("train"))
        return RecencyScorer(f"EASE + recency (λ={self.l2:g}, r={self.r:g})", scorer, weights)


def recency_weights(snapshot: Snapshot, r: float) -> sp.csr_array:
    """``age^-r`` of every training interaction, scaled to a mean of 1 a user.

    The age is 1 + the number of the user's later training interactions; those of the same second share an age.

    Args:
        snapshot: with timestamps (seconds).
        r: 0 weighs all alike.

    Returns:
        float32 CSR ``[num_users, num_items]``.

    Raises:
        CannotFitError: a training interaction has no timestamp.
    """
    pairs = snapshot.pairs("train").select("user", "item", "timestamp")
    if pairs["timestamp"].null_count():
        raise CannotFitError("the interactions have no timestamps")
    later = pl.col("timestamp").rank("max", descending=True).over("user") - pl.len().over("user", "timestamp")
    pairs = pairs.with_columns(weight=(1.0 + later).cast(pl.Float64) ** -r)
    pairs = pairs.with_columns(pl.col("weight") / pl.col("weight").mean().over("user"))
    entries = (pairs["weight"].to_numpy(), (pairs["user"].to_numpy(), pairs["item"].to_numpy()))
    return sp.csr_array(entries, shape=(snapshot.num_users, snapshot.num_items)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class RecencyScorer:
    """A linear scorer over weighted histories.

    Attributes:
        name: as it stands in tables.
        scorer: linear in the history.
        weights: float32 CSR ``[num_users, num_items]``; an item of a history without a weight here weighs 1.
    """

    name: str
    scorer: Scorer
    weights: sp.csr_array

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        if users is not None:
            known = self.weights[users]
            # a weight stands for 1 + (weight - 1): what has no weight keeps its 1
            excess = known.copy()
            excess.data = known.data - 1.0
            histories = sp.csr_array(histories + histories.multiply(excess))
        return self.scorer.score(histories, users)
