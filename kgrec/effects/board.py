"""Scores of some items for many subsets of one history, in a few products of small matrices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.effects.person import Person
from kgrec.flow.channel import Channel, positions
from kgrec.flow.recency import weigh


class Board:
    """One person's history against some items that are not in it.

    The score is ``Σ_p Σ_a n^a w_p M_pa`` and the prior: ``n`` is the size of the history that is left, ``w_p`` its
    entries weighted by age to the power ``p``, and ``M_pa`` adds all gates of equal powers up.

    Args:
        person: whose history.
        columns: item ids, int64 ``[K]``.
        without: families of channels that are left out.
    """

    def __init__(self, person: Person, columns: NDArray[np.int64], without: Sequence[str] = ()) -> None:
        self.person, self.columns = person, columns
        scorer = person.scorer
        self._prior = scorer.prior()[columns].astype(np.float64)
        log_degree = scorer.flow.catalogue.log_degree[columns]
        self._sums: dict[float, dict[float, NDArray[np.float32]]] = {}
        for channel in scorer.flow.channels:
            if channel.family in without:
                continue
            flow = block(channel, person.items, columns)
            for power, gates in scorer.flow.by_recency(channel.name):
                sums = self._sums.setdefault(power, {})
                for scale, gate in gates:
                    weight = (scale * gate.strength * np.exp(gate.item_power * log_degree)).astype(np.float32)
                    if gate.user_power not in sums:
                        sums[gate.user_power] = np.zeros_like(flow)
                    sums[gate.user_power] += weight * flow

    def scores(self, kept: NDArray[np.bool_], at: int | None = None) -> NDArray[np.float64]:
        """Scores after some subsets of the history: float64 ``[m, K]``.

        Args:
            kept: which items of the history stay, bool ``[m, h]``.
            at: only this column: ``[m, 1]``.
        """
        some = slice(None) if at is None else slice(at, at + 1)
        rows, places = np.nonzero(kept)
        sizes = kept.sum(axis=1)
        indptr = np.concatenate([[0], np.cumsum(sizes)])
        history = self.person.history
        histories = sp.csr_array((history.data[places], history.indices[places], indptr), (len(kept), history.shape[1]))
        total = np.repeat(self._prior[None, some], len(kept), axis=0)
        for power, sums in self._sums.items():
            weights = np.zeros(kept.shape, dtype=np.float32)
            weights[rows, places] = self._weigh(histories, power)
            for size in np.unique(sizes):
                same = sizes == size
                matrix = sum(np.float32(np.exp(a * np.log1p(size))) * one[:, some] for a, one in sums.items())
                total[same] += weights[same] @ matrix
        return total

    def _weigh(self, histories: sp.csr_array, power: float) -> NDArray[np.float32]:
        times = self._times
        if times is None or not power:
            return np.asarray(histories.data)
        m = histories.shape[0]
        many = sp.csr_array(
            (np.tile(times.data, m), np.tile(times.indices, m), np.arange(m + 1) * times.nnz), (m, times.shape[1])
        )
        return np.asarray(weigh(histories, many, power).data)

    @cached_property
    def _times(self) -> sp.csr_array | None:
        known, users = self.person.scorer.times, self.person.users
        return None if known is None or users is None else sp.csr_array(known[users])


def block(channel: Channel, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """``W[sources, targets]``: float32 ``[h, K]``."""
    found = np.zeros((len(sources), len(targets)), dtype=np.float32)
    rows, columns = positions(channel.sources, sources), positions(channel.targets, targets)
    inside, wanted = np.flatnonzero(rows >= 0), np.flatnonzero(columns >= 0)
    if not len(inside) or not len(wanted):
        return found
    flow: Any = channel.factors[0][rows[inside]]
    for factor in channel.factors[1:-1]:
        flow = flow @ factor
    if len(channel.factors) == 1:
        flow = flow[:, columns[wanted]]
    elif sp.issparse(channel.factors[-1]):
        flow = flow @ channel.last_by_column[:, columns[wanted]]
    else:
        flow = flow @ channel.factors[-1][:, columns[wanted]]
    found[np.ix_(inside, wanted)] = flow if isinstance(flow, np.ndarray) else flow.toarray()
    return found
