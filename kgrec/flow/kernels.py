"""The inner loops of gate fitting, compiled.

All work on candidates: for each user ``u`` a row of ``k`` items, ``flows[u, c]`` the channels' scores there,
``features`` those of the prior.  Items come with the level of their degree, so that a power is raised once a level.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
DEPTH = 10
"""Of the NDCG that the ascent climbs."""


@numba.njit(cache=True, fastmath={"contract", "reassoc"})
def gradient(
    users: NDArray[np.int64],
    flows: F32,
    level: NDArray[np.int32],
    features: F32,
    log_weight: F32,
    relevant: NDArray[np.bool_],
    log_degree: F32,
    log_history: F32,
    strength: F64,
    user_power: F64,
    item_power: F64,
    prior: F64,
    out: F64,
) -> Any:
    """Softmax cross entropy of some users, summed, and its gradient.

    Args:
        users: rows to use.
        flows: ``[U, C, K]``; level, log_weight, relevant: ``[U, K]``; features: ``[U, K, 3]``.
        log_weight: log of how many items a candidate stands for; -inf where there is none.
        log_degree: ``log d`` of each level; log_history: ``log n_u``: ``[U]``.
        strength, user_power, item_power: ``[C]``; prior: ``[3]``.
        out: ``[3, C + 1]``, receives the gradients of strength, user_power, item_power; the last column
            has the prior's.

    Returns:
        the summed loss.
    """
    channels, width = flows.shape[1], flows.shape[2]
    score = np.empty(width, np.float32)
    power = np.empty((channels, len(log_degree)), np.float32)
    for c in range(channels):
        for d in range(len(log_degree)):
            power[c, d] = np.exp(item_power[c] * log_degree[d])
    total = 0.0
    out[:] = 0.0
    for u in users:
        wanted = 0
        for i in range(width):
            score[i] = log_weight[u, i]
            for f in range(3):
                score[i] += prior[f] * features[u, i, f]
            if relevant[u, i]:
                wanted += 1
        if wanted == 0:
            continue
        for c in range(channels):
            weight = np.float32(strength[c] * np.exp(user_power[c] * log_history[u]))
            for i in range(width):
                score[i] += weight * power[c, level[u, i]] * flows[u, c, i]
        highest = score[0]
        for i in range(width):
            highest = max(highest, score[i])
        mass = 0.0
        for i in range(width):
            if relevant[u, i]:
                total -= (score[i] - highest) / wanted
            score[i] = np.exp(score[i] - highest)
            mass += score[i]
        total += np.log(mass)
        for i in range(width):
            score[i] /= mass
            if relevant[u, i]:
                score[i] -= 1.0 / wanted
            for f in range(3):
                out[f, channels] += score[i] * features[u, i, f]
        for c in range(channels):
            first = np.float32(0.0)
            second = np.float32(0.0)
            for i in range(width):
                d = level[u, i]
                part = score[i] * power[c, d] * flows[u, c, i]
                first += part
                second += part * log_degree[d]
            history = np.exp(user_power[c] * log_history[u])
            out[0, c] += history * first
            out[1, c] += strength[c] * history * log_history[u] * first
            out[2, c] += strength[c] * history * second
    return total


@numba.njit(cache=True, fastmath={"contract", "reassoc"})
def add(
    score: F32,
    flows: F32,
    level: NDArray[np.int32],
    log_degree: F32,
    log_history: F32,
    strength: float,
    user_power: float,
    item_power: float,
) -> None:
    """``score[u, i] += strength · n_u^a · d_i^b · flows[u, i]``, all ``[U, K]``."""
    power = np.exp(item_power * log_degree).astype(np.float32)
    for u in range(score.shape[0]):
        weight = np.float32(strength * np.exp(user_power * log_history[u]))
        for i in range(score.shape[1]):
            score[u, i] += weight * power[level[u, i]] * flows[u, i]


@numba.njit(cache=True)
def insert(value: F32, place: NDArray[np.int64], now: np.floating[Any], item: int) -> None:
    """Puts an item into the best so far, highest score first; of equals the one that came first stays ahead.

    Args:
        value, place: scores and items of the best, ``[DEPTH]``.
        now: the item's score, higher than the last of them.
        item: the item.
    """
    rank = DEPTH - 1
    while rank > 0 and value[rank - 1] < now:
        value[rank] = value[rank - 1]
        place[rank] = place[rank - 1]
        rank -= 1
    value[rank] = now
    place[rank] = item


@numba.njit(cache=True)
def best(scores: F32, value: F32, place: NDArray[np.int64], near: NDArray[np.int64]) -> None:
    """The best of one row of scores, highest first, of equals the first; place is -1 where there are fewer.

    Args:
        scores: ``[K]``, -inf for what may not be taken.
        value, place: ``[DEPTH]``, are filled.
        near: ``[DEPTH]``: places that were the best of similar scores, -1 for none: what is lower than all of them
            cannot be among the best.
    """
    floor = scores[near[0]] if near[0] >= 0 else value.dtype.type(-np.inf)
    for i in near:
        floor = min(floor, scores[i]) if i >= 0 else value.dtype.type(-np.inf)
    edge = np.nextafter(floor, value.dtype.type(-np.inf))
    floor = edge
    value[:] = -np.inf
    place[:] = -1
    for i in range(len(scores)):
        if scores[i] > edge:
            insert(value, place, scores[i], i)
            edge = max(floor, value[DEPTH - 1])


@numba.njit(cache=True)
def best_of_rows(scores: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """:func:`best` of every row: ``[U, DEPTH]``."""
    value, near = np.empty(DEPTH, scores.dtype), np.full(DEPTH, -1, np.int64)
    places = np.empty((len(scores), DEPTH), np.int64)
    for u in range(len(scores)):
        best(scores[u], value, places[u], near)
    return places


@numba.njit(cache=True)
def ndcg(
    score: F32,
    relevant: NDArray[np.bool_],
    wanted: NDArray[np.int64],
    gain: F64,
    ideal: F64,
    near: NDArray[np.int64],
    top: NDArray[np.int64],
    out: F64,
    ranks: F32,
) -> None:
    """NDCG@10 of every user over the candidates, which stand in the order of their ids; -inf is no candidate.

    Args:
        score, relevant: ``[U, K]``; wanted: relevant items of each user, ``[U]``.
        gain, ideal: discount of each rank and its running sum, ``[10]``.
        near: for :func:`best`, ``[U, 10]``.
        top: ``[U, 10]``, receives the places of the best; may be ``near``.
        out: ``[U]``.
        ranks: how many places of the ranking a candidate takes, 1 or more, ``[U, K]``.
    """
    value, place = np.empty(DEPTH, np.float32), np.empty(DEPTH, np.int64)
    for u in range(score.shape[0]):
        best(score[u], value, place, near[u])
        top[u] = place
        out[u] = _ndcg(place, relevant[u], ranks[u], wanted[u], gain, ideal)


@numba.njit(cache=True, fastmath={"contract", "reassoc"})
def ndcg_with(
    score: F32,
    flows: F32,
    level: NDArray[np.int32],
    log_degree: F32,
    log_history: F32,
    strength: float,
    user_power: float,
    item_power: float,
    relevant: NDArray[np.bool_],
    wanted: NDArray[np.int64],
    gain: F64,
    ideal: F64,
    near: NDArray[np.int64],
    out: F64,
    ranks: F32,
) -> None:
    """:func:`ndcg` of what :func:`add` would make of the scores, which stay as they are."""
    power = np.exp(item_power * log_degree).astype(np.float32)
    row = np.empty(score.shape[1], np.float32)
    value, place = np.empty(DEPTH, np.float32), np.empty(DEPTH, np.int64)
    for u in range(score.shape[0]):
        weight = np.float32(strength * np.exp(user_power * log_history[u]))
        for i in range(score.shape[1]):
            row[i] = score[u, i] + weight * power[level[u, i]] * flows[u, i]
        best(row, value, place, near[u])
        out[u] = _ndcg(place, relevant[u], ranks[u], wanted[u], gain, ideal)


@numba.njit(cache=True)
def _ndcg(place: NDArray[np.int64], relevant: NDArray[np.bool_], ranks: F32, wanted: int, gain: F64, ideal: F64) -> Any:
    if wanted == 0:
        return 0.0
    found, rank = 0.0, 0.0
    for at in place:
        # who stands for others pushes what comes after down by as many places
        if at < 0 or rank >= DEPTH:
            break
        if relevant[at]:
            found += gain[int(rank)]
        rank += ranks[at]
    return found / ideal[min(wanted, DEPTH) - 1]
