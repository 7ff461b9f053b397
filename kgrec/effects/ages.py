"""Weights by age of what is left of a history, without weighing every subset from the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgrec.effects.person import Person


@dataclass(frozen=True, eq=False)
class Ages:
    """One history by its times, the latest first (:func:`kgrec.flow.recency.weigh`).

    The age of an item that is kept is one more than the number of kept ones that are later, so that turning one item
    round moves the ages of the earlier ones by one, and of no others.

    Attributes:
        data: weights of the history, float32 ``[h]``.
        order: places in the history from the latest to the earliest, int64 ``[h]``; None where times are unknown.
        begin, end: of each place in that order, where those of the same time begin, and where they end.
    """

    data: NDArray[np.float32]
    order: NDArray[np.int64] | None
    begin: NDArray[np.int64]
    end: NDArray[np.int64]

    @classmethod
    def of(cls, person: Person) -> Ages:
        """A person's."""
        data, nothing = person.history.data, np.zeros(0, dtype=np.int64)
        times, users = person.scorer.times, person.users
        if times is None or users is None or not len(data):
            return cls(data, None, nothing, nothing)
        (user,) = users.tolist()
        known = slice(times.indptr[user], times.indptr[user + 1])
        at = np.full(times.shape[1], np.inf)
        at[times.indices[known]] = times.data[known]
        at = at[person.history.indices]
        order = np.argsort(-at, kind="stable")
        first = np.flatnonzero(np.concatenate([[True], at[order][1:] != at[order][:-1]]))
        group = np.cumsum(np.bincount(first, minlength=len(order))) - 1
        return cls(data, order, first[group], np.append(first[1:], len(order))[group])

    def weights(self, kept: NDArray[np.bool_], power: float) -> NDArray[np.float64]:
        """Weights of some subsets, 0 of what is gone: float64 ``[m, h]``.

        Args:
            kept: bool ``[m, h]``.
            power: of age.
        """
        if self.order is None or not power:
            return np.where(kept, self.data, 0.0).astype(np.float64)
        mine = kept[:, self.order]
        weight = self._age(mine)[:, self.begin] ** -power * mine
        scale = mine.sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-12)
        found = np.empty(kept.shape)
        found[:, self.order] = weight * scale[:, None]
        return found * self.data

    def turned(
        self, kept: NDArray[np.bool_], tried: NDArray[np.int64], power: float, matrix: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """``w M`` for the weights w after a subset with one item turned round, for each of some: float64 ``[m, K]``.

        Args:
            kept: bool ``[h]``.
            tried: places in the history, int64 ``[m]``; all kept, or all gone.
            power: of age.
            matrix: ``[h, K]``.
        """
        sign = -1 if kept[tried[0]] else 1
        if self.order is None or not power:
            rows = self.data[:, None] * matrix
            return (kept.astype(np.float32) @ rows).astype(np.float64) + sign * rows[tried]
        mine = kept[self.order].astype(np.float64)
        age = self._age(mine[None])[0, self.begin]
        stay, move = age**-power, np.maximum(age + sign, 1.0) ** -power
        place = np.empty(len(tried), dtype=np.int64)
        place[:] = np.argsort(self.order)[tried]
        split, own = self.end[place], stay[place]
        rows = matrix[self.order] * self.data[self.order, None]
        before, after = _running(rows * (mine * stay)[:, None]), _running(rows * (mine * move)[:, None])
        sums = before[split] + after[-1] - after[split] + sign * own[:, None] * rows[place]
        before, after = _running((mine * stay)[:, None]), _running((mine * move)[:, None])
        norm = (before[split] + after[-1] - after[split])[:, 0] + sign * own
        return np.asarray(sums * ((mine.sum() + sign) / np.maximum(norm, 1e-12))[:, None])

    @staticmethod
    def _age(mine: NDArray[Any]) -> NDArray[np.float64]:
        """One more than the number of kept ones that stand before each place, and after the last: ``[m, h + 1]``."""
        age = np.ones((mine.shape[0], mine.shape[1] + 1))
        np.cumsum(mine, axis=1, out=age[:, 1:])
        age[:, 1:] += 1.0
        return age


def _running(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of the first 0, 1, … rows: float64 ``[n + 1, K]``."""
    found = np.zeros((len(rows) + 1, rows.shape[1]))
    np.cumsum(rows, axis=0, out=found[1:])
    return found
