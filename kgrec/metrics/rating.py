"""Errors of predicted ratings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mae(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """``Σ |p - r| / n``, in the unit of the ratings; both of shape ``[n]``, n at least 1."""
    return float(np.abs(predicted - actual).mean())


def rmse(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """``sqrt(Σ (p - r)² / n)``, in the unit of the ratings; both of shape ``[n]``, n at least 1."""
    return float(np.sqrt(np.square(predicted - actual).mean()))
