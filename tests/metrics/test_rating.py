"""Errors of ratings by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kgrec.metrics import mae, rmse


def test_by_hand() -> None:
    predicted, actual = np.array([3.0, 4.0, 1.0]), np.array([4.0, 4.0, 5.0])
    assert mae(predicted, actual) == pytest.approx(5 / 3)
    assert rmse(predicted, actual) == pytest.approx(np.sqrt(17 / 3))
    assert mae(actual, actual) == rmse(actual, actual) == 0
