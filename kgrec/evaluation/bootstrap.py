"""Bootstrap over users: what the figures would be, had other users of the same kind been measured.

Users are drawn with replacement; every figure of every recommender is taken from the same draws, so that the difference
of two recommenders is a paired one.  Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.recommend.blocks import blocks

LEVEL = 0.95


@dataclass(frozen=True)
class Bootstrap:
    """Draws of users.

    Attributes:
        users: how many there are.
        resamples: how often they are drawn.
        seed: the same seed gives the same draws.
    """

    users: int
    resamples: int
    seed: int

    def draws(self, width: int = 1) -> Iterator[NDArray[np.float32]]:
        """How often each user is drawn: float32 ``[part, users]``, all parts together ``[resamples, users]``.

        Args:
            width: parts are small enough that ``part × width`` numbers fit in a block, too.
        """
        rng = np.random.default_rng(self.seed)
        for part in blocks(self.resamples, max(self.users, width)):
            size = part.stop - part.start
            drawn = rng.integers(0, self.users, (size, self.users))
            drawn += np.arange(size)[:, None] * self.users
            counts = np.bincount(drawn.ravel(), minlength=size * self.users)
            yield counts.reshape(size, self.users).astype(np.float32)

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of each column in each resample.

        Args:
            values: shape ``[users, columns]``.

        Returns:
            shape ``[resamples, columns]``.
        """
        parts = [counts @ values / self.users for counts in self.draws()]
        return np.concatenate([np.empty((0, values.shape[1])), *parts])

    def of_sums(
        self, matrix: sp.csr_array, figure: Callable[[NDArray[np.float32]], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """A figure of the column sums in each resample.

        Args:
            matrix: shape ``[users, columns]``.
            figure: float32 ``[part, columns]`` → ``[part]``.

        Returns:
            shape ``[resamples]``.
        """
        across = matrix.astype(np.float32).T.tocsr()
        parts = [figure(np.asarray((across @ counts.T).T)) for counts in self.draws(matrix.shape[1])]
        return np.concatenate([np.empty(0), *parts])


def percentile_interval(resampled: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % percentile interval along the first axis: low and high."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    return low, high


def centred_interval(value: float, resampled: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % percentile interval of the resamples about their own mean, laid round the value; within [0, 1].

    For figures of the catalogue: a resample holds about 63 % of the users, so it sees fewer items and is less even
    than the whole.  Its level is off, its spread is what is wanted.
    """
    low, high = percentile_interval(resampled - resampled.mean())
    return max(0.0, value + float(low)), min(1.0, value + float(high))
