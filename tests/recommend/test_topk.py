"""Exact top-k with ties broken by id, against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.recommend import top_k
from kgrec.recommend.topk import TIE


def by_definition(row: np.ndarray, k: int, tie: float = TIE) -> list[int]:
    """The definition, word for word: groups from the top down, inside a group the lower id first."""
    left = [i for i in range(len(row)) if row[i] != -np.inf]
    chosen: list[int] = []
    while left and len(chosen) < k:
        anchor = max(float(row[i]) for i in left)
        group = [i for i in left if float(row[i]) >= anchor - tie]
        chosen += group
        left = [i for i in left if i not in group]
    return (chosen + [-1] * k)[:k]


# A few levels with offsets around the tie width make groups, chains of near ties and ties at the k-th place.
LEVELS = st.sampled_from([0.0, 0.25, 0.5, 1.0])
OFFSETS = st.sampled_from([0.0, 3e-7, 6e-7, 9e-7, 1.2e-6, 1.5e-6, 2.1e-6, -4e-7])
SCORES = st.one_of(
    st.builds(lambda level, offset: level + offset, LEVELS, OFFSETS),
    st.floats(-1e6, 1e6, width=32),
    st.just(-np.inf),
)

MATRICES = st.integers(1, 12).flatmap(
    lambda n: st.lists(st.lists(SCORES, min_size=n, max_size=n), min_size=1, max_size=4)
)


@settings(max_examples=300)
@given(rows=MATRICES, k=st.integers(1, 14))
def test_by_definition(rows: list[list[float]], k: int) -> None:
    scores = np.array(rows, dtype=np.float32)
    before = scores.copy()
    ids, best = top_k(scores, k)
    assert ids.shape == best.shape == (len(rows), k)
    for row, found, values in zip(scores, ids, best):
        assert found.tolist() == by_definition(row, k)
        taken = found[found >= 0]
        assert values[: len(taken)].tolist() == row[taken].tolist()
        assert np.isneginf(values[len(taken) :]).all()
    np.testing.assert_array_equal(scores, before)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 12))
def test_mask_and_exclude_leave_out(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (5, 9)).astype(np.float32)
    mask, excluded = rng.random(9) < 0.7, rng.random((5, 9)) < 0.3
    expected = np.where(mask & ~excluded, scores, -np.inf)
    for given_mask in (mask, np.tile(mask, (5, 1))):
        ids, _ = top_k(scores, k, given_mask, sp.csr_array(excluded))
        assert ids.tolist() == [by_definition(row, k) for row in expected]


@given(seed=st.integers(0, 2**32 - 1))
def test_noise_below_the_tie_does_not_reorder_equals(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3, (4, 30)).astype(np.float32)
    noisy = scores + rng.uniform(0, 4e-7, scores.shape).astype(np.float32)
    assert top_k(scores, 7)[0].tolist() == top_k(noisy, 7)[0].tolist()


def test_tie_at_the_last_place_takes_the_lowest_ids() -> None:
    ids, _ = top_k(np.array([[1.0, 5.0, 1.0, 1.0, 1.0]], dtype=np.float32), 3)
    assert ids.tolist() == [[1, 0, 2]]


def test_large_scores_keep_their_order() -> None:
    # at 16 the float32 grid is coarser than the tie width: neighbours on the grid are different scores
    scores = np.array([[16.0, np.nextafter(np.float32(16), np.float32(17))]], dtype=np.float32)
    assert top_k(scores, 2)[0].tolist() == [[1, 0]]


def test_single_column_and_no_rows() -> None:
    assert top_k(np.zeros((2, 1), dtype=np.float32), 3)[0].tolist() == [[0, -1, -1], [0, -1, -1]]
    assert top_k(np.zeros((0, 4), dtype=np.float32), 3)[0].shape == (0, 3)
    assert top_k(np.zeros((2, 0), dtype=np.float32), 3)[0].tolist() == [[-1] * 3] * 2


def test_refuses() -> None:
    with pytest.raises(ValueError, match="NaN"):
        top_k(np.array([[1.0, np.nan]]), 1)
    with pytest.raises(ValueError, match="at least 1"):
        top_k(np.array([[1.0]]), 0)
