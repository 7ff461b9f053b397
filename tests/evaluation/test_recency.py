"""History weights by age against a plain loop; the scorer against EASE on weighted histories."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from kgrec.dataset.snapshot import Snapshot
from kgrec.evaluation.baselines import EASE, CannotFitError, EASERecency, recency_weights
from tests.evaluation.conftest import snapshot_of


def timed(seed: int = 0, users: int = 12, items: int = 9, missing: bool = False) -> Snapshot:
    rng = np.random.default_rng(seed)
    u, i = np.nonzero(rng.random((users, items)) < 0.5)
    frame = pl.DataFrame(
        {"user": u, "item": i, "timestamp": rng.integers(0, 4, len(u)), "split": rng.choice(["train", "valid"], len(u))}
    )
    if missing:
        frame = frame.with_columns(timestamp=pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise("timestamp"))
        frame = frame.with_columns(split=pl.lit("train"))
    return snapshot_of(frame, [f"u{n:02}" for n in range(users)], [f"i{n}" for n in range(items)])


@pytest.mark.parametrize("r", [0.0, 0.5, 2.0])
def test_weights_against_a_loop(r: float) -> None:
    snapshot = timed()
    weights = recency_weights(snapshot, r).toarray()
    rows = snapshot.pairs("train").select("user", "item", "timestamp").rows()
    for user in range(snapshot.num_users):
        mine = [(item, time) for who, item, time in rows if who == user]
        raw = {item: (1 + sum(other > time for _, other in mine)) ** -r for item, time in mine}
        mean = sum(raw.values()) / len(raw) if raw else 1.0
        expected = np.zeros(snapshot.num_items)
        for item, weight in raw.items():
            expected[item] = weight / mean
        np.testing.assert_allclose(weights[user], expected, rtol=1e-5)


def test_scores_are_ease_on_weighted_histories() -> None:
    snapshot = timed(3)
    train = snapshot.matrix("train")
    scorer = EASERecency(l2=2.0, r=1.0).fit(snapshot)
    users = np.array([4, 1, 7])
    expected = EASE(l2=2.0).fit(train).score(recency_weights(snapshot, 1.0)[users])
    np.testing.assert_allclose(scorer.score(train[users], users), expected, rtol=1e-5, atol=1e-6)


def test_without_users_or_for_new_items_a_weight_is_one() -> None:
    snapshot = timed(4)
    train = snapshot.matrix("train")
    scorer = EASERecency(l2=2.0, r=1.0).fit(snapshot)
    plain = EASE(l2=2.0).fit(train)
    np.testing.assert_allclose(scorer.score(train[:3]), plain.score(train[:3]), rtol=1e-6)
    # a history of just the items that the user has not
    fresh = sp.csr_array(1.0 - train[[5]].toarray()).astype(np.float32)
    np.testing.assert_allclose(scorer.score(fresh, np.array([5])), plain.score(fresh), rtol=1e-5, atol=1e-6)


def test_refused_without_timestamps() -> None:
    with pytest.raises(CannotFitError, match="timestamps"):
        EASERecency().fit(timed(missing=True))
