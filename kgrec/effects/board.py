"""Scores of some items for many subsets of one history, in a few products of small matrices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.effects.person import Person
from kgrec.flow.candidates import coefficient
from kgrec.flow.channel import Channel, positions
from kgrec.flow.recency import weigh


class Board:
    """One person's history against some items that are not in it.

    Args:
        person: whose history.
        columns: item ids, int64 ``[K]``.
        without: families of channels that are left out.
    """

    def __init__(self, person: Person, columns: NDArray[np.int64], without: Sequence[str] = ()) -> None:
        self.person, self.columns = person, columns
        scorer = person.scorer
        channels = {channel.name: channel for channel in scorer.flow.channels if channel.family not in without}
        self._flows = {name: block(channel, person.items, columns) for name, channel in channels.items()}
        self._prior = scorer.prior()[columns].astype(np.float64)
        self._log_degree = scorer.flow.catalogue.log_degree[columns]

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
        log_size = np.log1p(sizes)
        total = np.repeat(self._prior[None, some], len(kept), axis=0)
        for name, gates, weighted in self._terms(histories):
            weights = np.zeros(kept.shape, dtype=np.float32)
            weights[rows, places] = weighted
            total += coefficient(gates, log_size, self._log_degree[some]) * (weights @ self._flows[name][:, some])
        return total

    def _terms(self, histories: sp.csr_array) -> Any:
        """Channel's name, gates that weigh age alike, and the entries' weights."""
        scorer = self.person.scorer
        weighted: dict[float, NDArray[np.float32]] = {}
        for name in self._flows:
            for power, some in scorer.flow.by_recency(name):
                if power not in weighted:
                    weighted[power] = self._weigh(histories, power)
                yield name, some, weighted[power]

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
