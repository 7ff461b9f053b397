"""Scores of some items for many subsets of one history, in a few products of small matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.effects.ages import Ages
from kgrec.effects.person import Person
from kgrec.effects.sparse import entries_of, picked
from kgrec.flow.channel import Channel, positions

SIZES = 64
"""Sizes of a history whose matrices are kept."""


@dataclass(frozen=True, eq=False)
class Term:
    """What the channels that weigh age alike send, by the power of the history's size.

    Attributes:
        recency: power p of age.
        powers: of the history's size, float32 ``[a]``.
        matrices: float32 ``[a, h, K]``.
    """

    recency: float
    powers: NDArray[np.float32]
    matrices: NDArray[np.float32]


class Board:
    """One person's history against some items that are not in it.

    The score is ``Σ_p Σ_a n^a w_p M_pa`` and the prior: ``n`` is the size of the history that is left, ``w_p`` its
    entries weighted by age to the power ``p``, and ``M_pa`` adds all gates of equal powers up.

    Args:
        person: whose history.
        columns: item ids, int64 ``[K]``.
        blocks: what :func:`block` gives for each channel, in their order; worked out where it is not given.
        without: families of channels that are left out.
    """

    def __init__(
        self,
        person: Person,
        columns: NDArray[np.int64],
        blocks: Sequence[NDArray[np.float32]] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        self.person, self.columns = person, columns
        channels = person.scorer.flow.channels
        if blocks is None:
            blocks = [block(one, person.items, columns) for one in channels]
        self.blocks, self._without = blocks, without
        self._prior = person.scorer.prior()[columns].astype(np.float64)
        self._of_size: dict[int, list[NDArray[np.float32]]] = {}

    def bare(self, at: int, without: Sequence[str]) -> Board:
        """One column, without some families of channels."""
        blocks = [one[:, at : at + 1] for one in self.blocks]
        return Board(self.person, self.columns[at : at + 1], blocks, without)

    @cached_property
    def _terms(self) -> list[Term]:
        scorer = self.person.scorer
        log_degree = scorer.flow.catalogue.log_degree[self.columns]
        found: dict[float, dict[float, NDArray[np.float32]]] = {}
        for channel, flow in zip(scorer.flow.channels, self.blocks, strict=True):
            if channel.family in self._without or not flow.any():
                continue
            for recency, gates in scorer.flow.by_recency(channel.name):
                sums = found.setdefault(recency, {})
                for scale, gate in gates:
                    sent = flow * (scale * gate.strength * np.exp(gate.item_power * log_degree)).astype(np.float32)
                    sums[gate.user_power] = sums[gate.user_power] + sent if gate.user_power in sums else sent
        return [
            Term(recency, np.array(list(sums), dtype=np.float32), np.stack(list(sums.values())))
            for recency, sums in found.items()
        ]

    @cached_property
    def _ages(self) -> Ages:
        return Ages.of(self.person)

    def _matrices(self, size: int) -> list[NDArray[np.float32]]:
        """``Σ_a n^a M_pa`` for each power of age, for histories of one size: float32 ``[h, K]`` each."""
        if size not in self._of_size:
            if len(self._of_size) >= SIZES:
                self._of_size.clear()
            log_size = np.float32(np.log1p(size))
            self._of_size[size] = [np.tensordot(np.exp(one.powers * log_size), one.matrices, 1) for one in self._terms]
        return self._of_size[size]

    def scores(self, kept: NDArray[np.bool_], at: int | None = None) -> NDArray[np.float64]:
        """Scores after some subsets of the history: float64 ``[m, K]``.

        Args:
            kept: which items of the history stay, bool ``[m, h]``.
            at: only this column: ``[m, 1]``.
        """
        some = slice(None) if at is None else slice(at, at + 1)
        sizes = kept.sum(axis=1)
        total = np.repeat(self._prior[None, some], len(kept), axis=0)
        weights = [self._ages.weights(kept, term.recency) for term in self._terms]
        for size in np.unique(sizes).tolist():
            same = sizes == size
            for weight, matrix in zip(weights, self._matrices(size), strict=True):
                total[same] += weight[same] @ matrix[:, some]
        return total

    def turned(self, kept: NDArray[np.bool_], tried: NDArray[np.int64], at: int | None = None) -> NDArray[np.float64]:
        """Scores after a subset with one item turned round, from kept to gone or from gone to kept, for each of some.

        Args:
            kept: which items of the history stay, bool ``[h]``.
            tried: places in the history, int64 ``[m]``; all kept, or all gone.
            at: only this column.

        Returns:
            float64 ``[m, K]`` or ``[m, 1]``.
        """
        some = slice(None) if at is None else slice(at, at + 1)
        total = np.repeat(self._prior[None, some], len(tried), axis=0)
        if len(tried):
            size = int(kept.sum()) + (-1 if kept[tried[0]] else 1)
            for term, matrix in zip(self._terms, self._matrices(size), strict=True):
                total += self._ages.turned(kept, tried, term.recency, matrix[:, some])
        return total

    def without_each(self, at: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scores of the whole history, float64 ``[K]``, and without each of its items, float64 ``[h, K]``."""
        whole = np.ones(len(self.person.items), dtype=bool)
        return self.scores(whole[None], at)[0], self.turned(whole, np.arange(len(whole)), at)


def block(channel: Channel, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """``W[sources, targets]``: float32 ``[h, K]``."""
    found = np.zeros((len(sources), len(targets)), dtype=np.float32)
    rows, columns = positions(channel.sources, sources), positions(channel.targets, targets)
    inside, wanted = np.flatnonzero(rows >= 0), np.flatnonzero(columns >= 0)
    if not len(inside) or not len(wanted):
        return found
    rows, columns = rows[inside], columns[wanted]
    first, last = channel.factors[0], channel.factors[-1]
    flow: Any
    if len(channel.factors) == 1:
        flow = picked(first, rows, columns) if sp.issparse(first) else first[np.ix_(rows, columns)]
    elif len(channel.factors) == 2 and sp.issparse(first) and sp.issparse(last):
        # dense over the few dimensions that both sides meet: a product of sparse matrices costs more to set up
        entry, _ = entries_of(first, rows)
        inner = np.unique(first.indices[entry])
        flow = picked(first, rows, inner) @ picked(channel.last_turned, columns, inner).T
    else:
        flow = first[rows]
        for factor in channel.factors[1:-1]:
            flow = flow @ factor
        flow = flow @ (channel.last_by_column[:, columns] if sp.issparse(last) else last[:, columns])
    found[np.ix_(inside, wanted)] = flow if isinstance(flow, np.ndarray) else flow.toarray()
    return found
