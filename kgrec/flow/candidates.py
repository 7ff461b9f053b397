"""The items on which gates are fitted: few for each user, and how many items each stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.flow.channel import Channel
from kgrec.flow.gates import Catalogue, Gates
from kgrec.flow.histories import Histories
from kgrec.flow.mix import mix
from kgrec.flow.recency import weigh

if TYPE_CHECKING:
    from kgrec.flow.crew import Crew


class Effort(NamedTuple):
    """How much goes into a fit of the gates.

    Attributes:
        sampled: candidates of a user that are drawn uniformly.
        top: the best by the gates; of_channel: the best of every channel.
        steps: of the softmax.
        l2: penalty of the powers in the softmax; errors: standard errors (over users, paired) that a move of the ascent
            must gain.
        fits: with candidates of their own, of which the gates are the mean.
    """

    sampled: int
    top: int
    of_channel: int
    steps: int
    l2: float
    errors: float
    fits: int


QUICK, THOROUGH = Effort(200, 150, 20, 100, 0.1, 0.5, 1), Effort(400, 300, 40, 160, 0.03, 0.0, 3)
"""Where folds are taken at random, the quick one gives gates as good on validation users who did not fit them; where
gates also weigh age, it does not: a move brings up items that were not among few candidates.  Unseen items get the
thorough one, too.  Powers that are hardly held back fit the users at hand, and are worth less once channels are built
on more data: both penalties were chosen on splits of training and validation parts, refits among them.  Where users are
few and gates weigh age, the candidates that happen to be drawn decide much: on three such splits of ml-tmdb the mean of
three fits was ahead of one by .002, and that of nine no further."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """A row of candidate items for each user, in the order of their ids.

    Attributes:
        items: int64 ``[U, K]``, -1 where there are fewer.
        log_weight: float32 ``[U, K]``: log of how many items it stands for (uniformly sampled ones stand for the rest:
            with this the softmax over candidates is an unbiased estimate of the one over all items); -inf for none.
        relevant: bool ``[U, K]``.
        flows: float32 ``[U, C, K]``.
        ranks: float32 ``[U, K]``: how many places of a ranking it takes, more than one where a sample of items ranks
            and it stands for others; None where each takes one.
    """

    items: NDArray[np.int64]
    log_weight: NDArray[np.float32]
    relevant: NDArray[np.bool_]
    flows: NDArray[np.float32]
    ranks: NDArray[np.float32] | None = None


def draw(
    histories: Histories,
    crew: Crew,
    catalogue: Catalogue,
    gates: Gates | None,
    seed: int,
    effort: Effort = THOROUGH,
) -> Candidates:
    """What is to be found, the best by the gates (or by every channel where there are none yet) and a uniform sample;
    histories are not weighed by age.

    Args:
        histories: of the users.
        crew: scores blocks of users with the channels, into the universe of the histories.
        catalogue: of the items.
        gates: None where there are none yet.
        seed: of the sample.
        effort: says how many.
    """
    rng = np.random.default_rng(seed)
    blocks = list(histories.blocks())
    bests = crew(_best, [(block, catalogue, gates, effort) for block in blocks])
    drawn: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []

    def rows() -> Iterator[tuple[Histories, NDArray[np.int64], Mapping[str, float], str]]:
        for block, best in zip(blocks, bests):
            drawn.append(_draw_block(block, best, rng, effort.sampled))
            yield block, drawn[-1][0], {}, ""

    # in one process both passes alternate, so that the second one finds the flows of the first
    flows = list(crew(_flows_of, rows()))
    items = _stacked([block for block, _ in drawn], -1)
    log_weight = _stacked([block for _, block in drawn], np.float32(-np.inf))
    relevant = np.zeros(items.shape, dtype=bool)
    wanted = np.zeros(histories.relevant.shape[1] + 1, dtype=bool)  # one more: there is no item -1
    for u in range(len(items)):
        wanted[_row(histories.relevant, u)] = True
        relevant[u] = wanted[items[u]]
        wanted[_row(histories.relevant, u)] = False
    none = np.zeros((0, 0, 0), dtype=np.float32)
    ranks = None
    if histories.universe.items is not None:
        ranks = np.exp(histories.universe.log_weight).astype(np.float32)[np.maximum(items, 0)]
        ranks[relevant] = 1.0
    return Candidates(items, log_weight, relevant, _stacked(flows or [none], np.float32(0.0)), ranks)


def _draw_block(
    block: Histories, best: Sequence[NDArray[np.int64]], rng: np.random.Generator, sampled: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Candidates of a block of users and their log weights, ``[block, k]`` each."""
    rows, weights = [], []
    scale, ranked = block.universe.log_weight, block.universe.ranked
    exact, log_weight = np.zeros(len(ranked), dtype=bool), np.empty(len(ranked))
    named = np.concatenate(best, axis=1) if best else np.empty((block.hidden.shape[0], 0), dtype=np.int64)
    for u in range(block.hidden.shape[0]):
        wanted = _row(block.relevant, u)
        allowed = ranked.copy()
        allowed[wanted] = True
        allowed[_row(block.hidden, u)] = False
        exact[named[u][named[u] >= 0]] = True
        exact[wanted] = True
        exact &= allowed
        others = np.flatnonzero(allowed & ~exact)
        sample = others if len(others) <= sampled else np.sort(rng.choice(others, sampled, replace=False))
        log_weight[:] = scale
        log_weight[wanted] = 0.0
        log_weight[sample] += np.log(len(others) / len(sample)) if len(sample) else 0.0
        exact[sample] = True
        rows.append(np.flatnonzero(exact)[None])
        weights.append(log_weight[exact].astype(np.float32)[None])
        exact[:] = False
    return _stacked(rows, -1), _stacked(weights, np.float32(-np.inf))


def _stacked(parts: Sequence[NDArray[Any]], missing: Any) -> NDArray[Any]:
    """One below the other, filled up to the width of the widest."""
    width = max((part.shape[-1] for part in parts), default=0)
    height = sum(len(part) for part in parts)
    shape = (height, *(parts[0].shape[1:-1] if parts else ()), width)
    whole = np.full(shape, missing, dtype=np.int64 if isinstance(missing, int) else np.float32)
    start = 0
    for part in parts:
        whole[start : start + len(part), ..., : part.shape[-1]] = part
        start += len(part)
    return whole


def flows_at(
    items: NDArray[np.int64], histories: Histories, crew: Crew, recency: Mapping[str, float], only: str = ""
) -> NDArray[np.float32]:
    """The channels' flows at candidates: float32 ``[U, C, K]``, 0 where there is none.

    Args:
        items: candidates of each user, ``[U, K]``, -1 for none.
        histories: of the users.
        crew: with the channels.
        recency: channel → power with which its flow is computed.
        only: one channel by name; all if empty.
    """
    blocks, start, rows = list(histories.blocks()), 0, []
    for block in blocks:
        height = block.hidden.shape[0]
        rows.append((block, items[start : start + height], recency, only))
        start += height
    found = list(crew(_flows_of, rows))
    return np.concatenate(found) if found else np.zeros((0, 0, items.shape[1]), dtype=np.float32)


def _best(
    channels: Sequence[Channel],
    block: Histories,
    catalogue: Catalogue,
    gates: Gates | None,
    effort: Effort,
) -> list[NDArray[np.int64]]:
    """Lists of the best items of a block of users, ``[block, k]`` each: by the gates, or by every channel."""
    flows, ranked = _flows(channels, block, {}), block.universe.ranked
    if gates is None:
        return [_top(np.array(flow), block.hidden, ranked, effort.of_channel) for flow in flows]
    return [_top(mix(flows, channels, [gates], catalogue, block.log_size), block.hidden, ranked, effort.top)]


def _flows_of(
    channels: Sequence[Channel], block: Histories, items: NDArray[np.int64], recency: Mapping[str, float], only: str
) -> NDArray[np.float32]:
    """:func:`flows_at` of a block of users."""
    some = [one for one in channels if not only or one.name == only]
    found = np.empty((items.shape[0], len(some), items.shape[1]), dtype=np.float32)
    for c, flow in enumerate(_flows(some, block, recency)):
        found[:, c] = np.take_along_axis(flow, np.maximum(items, 0), axis=1)
    found[np.broadcast_to((items < 0)[:, None], found.shape)] = 0.0
    return found


def _flows(channels: Sequence[Channel], block: Histories, recency: Mapping[str, float]) -> list[NDArray[np.float32]]:
    """Every channel's flow ``[block, n]``."""
    width = block.hidden.shape[1]
    powers = {recency.get(one.name, 0.0) for one in channels}
    weighted = {power: weigh(block.known, block.times, power) for power in powers}
    found = []
    for one in channels:
        power = recency.get(one.name, 0.0)
        apply = partial(one.apply, weighted[power], width)
        found.append(block.kept.flow(block.start, one.name, power, apply))
    return found


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
