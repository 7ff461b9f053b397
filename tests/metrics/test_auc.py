"""AUC against all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.metrics import auc


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), items=st.integers(2, 25))
def test_is_the_share_of_pairs_in_order(seed: int, items: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, (3, items)).astype(np.float64)
    relevant = rng.random((3, items)) < 0.4
    candidates = rng.random((3, items)) < 0.8
    values = auc(scores, relevant, candidates)
    for u in range(3):
        good, bad = scores[u, relevant[u] & candidates[u]], scores[u, ~relevant[u] & candidates[u]]
        if not len(good) or not len(bad):
            assert np.isnan(values[u])
            continue
        pairs = np.sign(good[:, None] - bad[None, :]) / 2 + 0.5
        assert values[u] == pytest.approx(pairs.mean(), abs=1e-12)


def test_candidates_of_all_users_at_once() -> None:
    scores = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    relevant = np.array([[False, False, True], [False, False, True]])
    assert auc(scores, relevant, np.array([True, False, True])).tolist() == [1.0, 0.0]
