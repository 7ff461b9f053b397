"""The items on which gates are fitted: few for each user, and how many items each stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.channel import Channel
from kgrec.flow.gates import Catalogue, Gate, Gates
from kgrec.flow.recency import weigh

CELLS = 4_000_000
"""Scores of one channel held at a time."""
SAMPLED = 400
TOP = 300
TOP_OF_CHANNEL = 40


@dataclass(frozen=True, eq=False)
class Histories:
    """Users on whom gates are fitted.

    Attributes:
        known: what channels see, CSR ``[U, items]``; times: of the same users, or None.
        relevant: what is to be found, binary CSR ``[U, items]``.
        universe: items that may stand in a ranking, bool ``[items]``.
    """

    known: sp.csr_array
    times: sp.csr_array | None
    relevant: sp.csr_array
    universe: NDArray[np.bool_]

    @property
    def log_size(self) -> NDArray[np.float64]:
        """``log n_u = log(1 + |N(u)|)``: float64 ``[U]``."""
        return np.log1p(np.diff(self.known.indptr))


@dataclass(frozen=True, eq=False)
class Candidates:
    """A row of candidate items for each user, in the order of their ids.

    Attributes:
        items: int64 ``[U, K]``, -1 where there are fewer.
        log_weight: float32 ``[U, K]``: log of how many items it stands for (uniformly sampled ones stand for the rest:
            with this the softmax over candidates is an unbiased estimate of the one over all items); -inf for none.
        relevant: bool ``[U, K]``.
        flows: float32 ``[U, C, K]``.
    """

    items: NDArray[np.int64]
    log_weight: NDArray[np.float32]
    relevant: NDArray[np.bool_]
    flows: NDArray[np.float32]


def draw(
    histories: Histories,
    channels: Sequence[Channel],
    catalogue: Catalogue,
    gates: Gates | None,
    recency: Mapping[str, float],
    seed: int,
) -> Candidates:
    """What is to be found, the best by the gates (or by every channel where there are none yet) and a uniform sample.

    Args:
        recency: channel → power with which its flows are computed.
    """
    rng = np.random.default_rng(seed)
    rows, weights = [], []
    for start, stop, flows in _blocks(histories, channels, recency):
        part = slice(start, stop)
        hidden = histories.known[part]
        if gates is None:
            best = [_top(np.array(flow), hidden, histories.universe, TOP_OF_CHANNEL) for flow in flows]
        else:
            total = mix(flows, channels, [gates], catalogue, histories.log_size[part])
            best = [_top(total, hidden, histories.universe, TOP)]
        for u in range(stop - start):
            exact = np.unique(
                np.concatenate([one[u][one[u] >= 0] for one in best] + [_row(histories.relevant, start + u)])
            )
            allowed = histories.universe.copy()
            allowed[_row(hidden, u)] = False
            exact = exact[allowed[exact]]
            allowed[exact] = False
            others = np.flatnonzero(allowed)
            sample = others if len(others) <= SAMPLED else np.sort(rng.choice(others, SAMPLED, replace=False))
            weight = np.log(len(others) / len(sample)) if len(sample) else 0.0
            items = np.concatenate([exact, sample])
            order = np.argsort(items)
            rows.append(items[order])
            weights.append(np.concatenate([np.zeros(len(exact)), np.full(len(sample), weight)])[order])
    width = max((len(row) for row in rows), default=0)
    items = np.full((len(rows), width), -1, dtype=np.int64)
    log_weight = np.full((len(rows), width), -np.inf, dtype=np.float32)
    for u, (row, weight_) in enumerate(zip(rows, weights)):
        items[u, : len(row)] = row
        log_weight[u, : len(row)] = weight_
    relevant = np.zeros(items.shape, dtype=bool)
    for u in range(len(items)):
        relevant[u] = np.isin(items[u], _row(histories.relevant, u))
    return Candidates(items, log_weight, relevant, flows_at(items, histories, channels, recency))


def flows_at(
    items: NDArray[np.int64], histories: Histories, channels: Sequence[Channel], recency: Mapping[str, float]
) -> NDArray[np.float32]:
    """The channels' flows at candidates: float32 ``[U, C, K]``, 0 where there is none."""
    found = np.empty((items.shape[0], len(channels), items.shape[1]), dtype=np.float32)
    for start, stop, flows in _blocks(histories, channels, recency):
        for c, flow in enumerate(flows):
            found[start:stop, c] = np.take_along_axis(flow, np.maximum(items[start:stop], 0), axis=1)
    found[np.broadcast_to((items < 0)[:, None], found.shape)] = 0.0
    return found


def _blocks(
    histories: Histories, channels: Sequence[Channel], recency: Mapping[str, float]
) -> Iterator[tuple[int, int, list[NDArray[np.float32]]]]:
    """First user, last user + 1 and their flows ``[block, items]`` over every channel."""
    users, items = histories.known.shape
    size = max(1, CELLS // max(items, 1))
    for start in range(0, users, size):
        stop = min(start + size, users)
        known = histories.known[start:stop]
        times = None if histories.times is None else histories.times[start:stop]
        weighted = {power: weigh(known, times, power) for power in {recency.get(one.name, 0.0) for one in channels}}
        yield start, stop, [one.apply(weighted[recency.get(one.name, 0.0)]) for one in channels]


def mix(
    flows: Sequence[NDArray[np.float32]],
    channels: Sequence[Channel],
    gates: Sequence[Gates],
    catalogue: Catalogue,
    log_size: NDArray[np.float64],
) -> NDArray[np.float32]:
    """The scores: float32 ``[U, items]`` from every channel's flow ``[U, items]``.

    Each channel's gates of all folds are joined before its flow is touched.
    """
    features = catalogue.features
    log_degree = catalogue.log_degree
    prior = sum(one.scale * (np.asarray(one.prior) @ features) for one in gates)
    total = np.repeat(np.asarray(prior, dtype=np.float32)[None], len(log_size), axis=0)
    for channel, flow in zip(channels, flows):
        total += coefficient([(one.scale, one.by_channel[channel.name]) for one in gates], log_size, log_degree) * flow
    return total


def coefficient(
    gates: Sequence[tuple[float, Gate]], log_size: NDArray[np.float64], log_degree: NDArray[np.float64]
) -> NDArray[np.float32]:
    """``Σ_folds scale · g · n_u^a · d_i^b``: float32 ``[U, items]``."""
    left = np.stack([scale * gate.strength * np.exp(gate.user_power * log_size) for scale, gate in gates], axis=1)
    right = np.stack([np.exp(gate.item_power * log_degree) for _, gate in gates])
    return np.asarray(left.astype(np.float32) @ right.astype(np.float32))


def _row(matrix: sp.csr_array, u: int) -> NDArray[np.int64]:
    return np.asarray(matrix.indices[matrix.indptr[u] : matrix.indptr[u + 1]], dtype=np.int64)


def _top(scores: NDArray[np.float32], hidden: sp.csr_array, universe: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    """Ids of each row's best k, in no order, -1 where there are fewer or a score is zero."""
    rows = np.repeat(np.arange(hidden.shape[0]), np.diff(hidden.indptr))
    scores[rows, hidden.indices] = -np.inf
    scores[:, ~universe] = -np.inf
    k = min(k, scores.shape[1])
    top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    return np.where(np.isfinite(np.take_along_axis(scores, top, axis=1)), top, -1)
