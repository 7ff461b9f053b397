"""Coverage and Gini of exposure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.metrics import coverage, exposure, gini


def test_exposure_counts_and_skips_nothing() -> None:
    assert exposure(np.array([[0, 2], [2, -1]]), 4).tolist() == [1, 0, 2, 0]


def test_coverage() -> None:
    assert coverage(np.array([1, 0, 2, 0])) == 0.5
    assert coverage(np.array([[1, 0], [1, 1]])).tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("exposed", "expected"),
    [([3, 3, 3], 0), ([0, 0, 0, 8], 3 / 4), ([1, 3], 1 / 4), ([0, 0], 0), ([5], 0)],
)
def test_gini_by_hand(exposed: list[int], expected: float) -> None:
    assert gini(np.array(exposed)) == pytest.approx(expected, abs=1e-15)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30).filter(any))
def test_gini_is_half_the_relative_mean_difference(counts: list[int]) -> None:
    e = np.array(counts)
    differences = np.abs(e[:, None] - e[None, :]).mean()
    assert gini(e) == pytest.approx(differences / (2 * e.mean()), abs=1e-12)
    assert gini(np.stack([e, e[::-1]]))[1] == pytest.approx(gini(e), abs=1e-12)
