"""How gates are fitted: kernels against formulas, sampled rankings against whole ones, moves against scratch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from kgrec.flow import kernels
from kgrec.flow.ascent import Ascent
from kgrec.flow.candidates import THOROUGH, Candidates, draw
from kgrec.flow.channel import Channel
from kgrec.flow.crew import Crew
from kgrec.flow.gates import Catalogue, Gate, Gates, mean_of
from kgrec.flow.histories import Histories
from kgrec.flow.ndcg import ndcg10
from kgrec.flow.softmax import fit_softmax, tables
from kgrec.flow.universe import Universe
from kgrec.metrics import find_hits
from kgrec.metrics.ranking import ndcg

USERS, ITEMS, WIDTH, CHANNELS = 12, 40, 25, 3
NAMES = ("a", "b", "c")


def catalogue(items: int, seed: int = 0) -> Catalogue:
    rng = np.random.default_rng(seed)
    degree = rng.integers(0, 9, items).astype(np.float64)
    return Catalogue(degree, np.where(degree == 0, rng.random(items), 0.0))


def random_candidates(seed: int = 0) -> Candidates:
    """Rows of different lengths, weights, one to five relevant items, one user with none."""
    rng = np.random.default_rng(seed)
    items = np.full((USERS, WIDTH), -1, dtype=np.int64)
    weight = np.full((USERS, WIDTH), -np.inf, dtype=np.float32)
    relevant = np.zeros((USERS, WIDTH), dtype=bool)
    flows = np.zeros((USERS, CHANNELS, WIDTH), dtype=np.float32)
    for u in range(USERS):
        length = int(rng.integers(12, WIDTH + 1))
        items[u, :length] = np.sort(rng.permutation(ITEMS)[:length])
        weight[u, :length] = np.log(rng.integers(1, 4, length))
        relevant[u, rng.permutation(length)[: u % 6]] = True
        flows[u, :, :length] = rng.normal(size=(CHANNELS, length))
    return Candidates(items, weight, relevant, flows)


def independent_loss(
    candidates: Candidates, items: Catalogue, log_size: NDArray[np.float64], theta: torch.Tensor
) -> torch.Tensor:
    """Cross entropy summed over the users with a relevant item, from the formula: float64."""
    strength, user_power, item_power = theta[:CHANNELS], theta[CHANNELS : 2 * CHANNELS], theta[2 * CHANNELS : -3]
    total = torch.zeros((), dtype=torch.float64)
    features = torch.tensor(items.features)
    log_degree = torch.tensor(items.log_degree)
    for u in range(len(candidates.items)):
        row = torch.tensor(candidates.items[u][candidates.items[u] >= 0])
        width = len(row)
        wanted = torch.tensor(candidates.relevant[u][:width])
        if not wanted.any():
            continue
        score = theta[-3:] @ features[:, row] + torch.tensor(candidates.log_weight[u][:width]).double()
        for c in range(CHANNELS):
            flow = torch.tensor(candidates.flows[u, c, :width]).double()
            powers = torch.exp(user_power[c] * float(log_size[u]) + item_power[c] * log_degree[row])
            score = score + strength[c] * powers * flow
        total = total - score.log_softmax(0)[wanted].mean()
    return total


def kernel(
    candidates: Candidates, items: Catalogue, log_size: NDArray[np.float64], theta: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Loss and gradient as the model computes them, in theta's order."""
    *arrays, levels = tables(candidates, items)
    out = np.empty((3, CHANNELS + 1))
    users = np.arange(len(candidates.items))
    thirds = [np.ascontiguousarray(theta[k * CHANNELS : (k + 1) * CHANNELS]) for k in range(3)]
    loss = kernels.gradient(users, *arrays, levels, log_size.astype(np.float32), *thirds, theta[-3:].copy(), out)
    return float(loss), np.concatenate([out[0, :-1], out[1, :-1], out[2, :-1], out[:, -1]])


def theta_at(seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.uniform(0.2, 1.5, CHANNELS), rng.normal(0, 0.4, 2 * CHANNELS), rng.normal(0, 0.5, 3)])


@pytest.mark.parametrize("seed", range(3))
def test_gradient_kernel_is_the_gradient_of_the_softmax(seed: int) -> None:
    some, items = random_candidates(seed), catalogue(ITEMS, seed)
    log_size = np.log1p(np.random.default_rng(seed).integers(0, 30, USERS))
    theta = theta_at(seed)
    loss, found = kernel(some, items, log_size, theta)
    variable = torch.tensor(theta, requires_grad=True)
    expected = independent_loss(some, items, log_size, variable)
    (slope,) = torch.autograd.grad(expected, variable)
    assert loss == pytest.approx(float(expected.detach()), rel=1e-5)
    np.testing.assert_allclose(found, slope.numpy(), rtol=1e-4, atol=1e-4)


def test_gradient_kernel_agrees_with_finite_differences() -> None:
    some, items = random_candidates(7), catalogue(ITEMS, 7)
    log_size = np.log1p(np.random.default_rng(7).integers(0, 30, USERS))
    theta, step = theta_at(7), 1e-2
    _, found = kernel(some, items, log_size, theta)
    for n in range(len(theta)):
        up, down = theta.copy(), theta.copy()
        up[n] += step
        down[n] -= step
        slope = (kernel(some, items, log_size, up)[0] - kernel(some, items, log_size, down)[0]) / (2 * step)
        assert found[n] == pytest.approx(slope, rel=2e-2, abs=2e-2)


def test_softmax_fit_ends_where_the_penalised_loss_is_flat() -> None:
    some, items = random_candidates(3), catalogue(ITEMS, 3)
    log_size = np.log1p(np.random.default_rng(3).integers(1, 30, USERS))
    gates = fit_softmax(some, NAMES, items, log_size, 0, 160, 1e-3)
    start = np.concatenate([np.full(CHANNELS, 0.3), np.zeros(2 * CHANNELS), [0.1, 0.0, 0.0]])
    values = list(gates.by_channel.values())
    end = np.concatenate(
        [[g.strength for g in values], [g.user_power for g in values], [g.item_power for g in values], gates.prior]
    )
    assert kernel(some, items, log_size, end)[0] < kernel(some, items, log_size, start)[0] - 1.0


def test_a_channel_without_any_flow_gets_no_gate() -> None:
    some, items = random_candidates(1), catalogue(ITEMS, 1)
    some.flows[:, 1] = 0.0
    gates = fit_softmax(some, NAMES, items, np.ones(USERS), 0, 160, 1e-3)
    assert gates.by_channel["b"].strength == 0.0
    assert gates.by_channel["a"].strength > 0.0
    assert all(np.isfinite([g.strength, g.user_power, g.item_power]).all() for g in gates.by_channel.values())


# --- NDCG


def ndcg_by_metrics(score: NDArray[np.float32], relevant: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of users with a relevant item, ties by place, -inf left out."""
    order = np.argsort(-score.astype(np.float64), axis=1, kind="stable")[:, :10]
    top = np.where(np.isfinite(np.take_along_axis(score, order, axis=1)), order, -1)
    kept = relevant.any(axis=1)
    hits = find_hits(top, sp.csr_array(relevant.astype(np.float32)))
    return ndcg(hits[kept], relevant.sum(axis=1)[kept], 10)


def test_ndcg_kernel_is_the_metric() -> None:
    rng = np.random.default_rng(0)
    # few different values: many ties
    score = rng.integers(0, 6, (200, 30)).astype(np.float32)
    score[rng.random(score.shape) < 0.2] = -np.inf
    score[:3, 5:] = -np.inf
    relevant = rng.random(score.shape) < rng.choice([0.0, 0.05, 0.5], (200, 1))
    wanted, out = relevant.sum(axis=1), np.empty(200)
    gain = 1.0 / np.log2(np.arange(2, 12))
    nothing, top = np.full((200, 10), -1), np.empty((200, 10), dtype=np.int64)
    alike = np.ones_like(score)
    kernels.ndcg(score, relevant, wanted, gain, np.cumsum(gain), nothing, top, out, alike)
    np.testing.assert_allclose(out[wanted > 0], ndcg_by_metrics(score, relevant), atol=1e-12)
    assert not out[wanted == 0].any()


def test_who_stands_for_others_takes_their_places_too() -> None:
    score = np.array([[5.0, 4.0, 3.0, 2.0, 1.0]], dtype=np.float32)
    relevant = np.array([[False, True, False, True, True]])
    ranks = np.array([[3.0, 1.0, 2.6, 1.0, 4.0]], dtype=np.float32)
    gain = 1.0 / np.log2(np.arange(2, 12))
    top, out = np.full((1, 10), -1), np.empty(1)
    kernels.ndcg(score, relevant, np.array([3]), gain, np.cumsum(gain), top.copy(), top, out, ranks)
    # of places counted from 0 the three have 3, 6.6 and 7.6
    assert out[0] == pytest.approx((gain[3] + gain[6] + gain[7]) / gain[:3].sum())
    ranks[0, 0] = 10.0
    kernels.ndcg(score, relevant, np.array([3]), gain, np.cumsum(gain), top.copy(), top, out, ranks)
    assert out[0] == 0.0


def test_ndcg_kernel_finds_the_best_near_those_of_other_scores() -> None:
    rng = np.random.default_rng(3)
    score, flow = (rng.integers(0, 6, (200, 30)).astype(np.float32) for _ in range(2))
    score[rng.random(score.shape) < 0.2] = -np.inf
    score[:3, 5:] = -np.inf
    relevant = rng.random(score.shape) < rng.choice([0.0, 0.05, 0.5], (200, 1))
    wanted, gain = relevant.sum(axis=1), 1.0 / np.log2(np.arange(2, 12))
    level, log_degree = rng.integers(0, 4, score.shape).astype(np.int32), np.arange(4, dtype=np.float32)
    log_size, powers = rng.random(200).astype(np.float32), (0.7, 0.3, -0.2)
    nothing, top = np.full((200, 10), -1), np.empty((200, 10), dtype=np.int64)
    before, after, of_others = np.empty(200), np.empty(200), np.empty(200)
    alike = np.ones_like(score)
    kernels.ndcg(score, relevant, wanted, gain, np.cumsum(gain), nothing, top, before, alike)
    tables = (relevant, wanted, gain, np.cumsum(gain))
    kernels.ndcg_with(score, flow, level, log_degree, log_size, *powers, *tables, top, after, alike)
    kernels.add(score, flow, level, log_degree, log_size, *powers)
    kernels.ndcg(score, *tables, top, top, of_others, alike)
    kept = wanted > 0
    for found in (after, of_others):
        np.testing.assert_allclose(found[kept], ndcg_by_metrics(score, relevant), atol=1e-12)
    assert (before[kept] != after[kept]).any()


def test_ndcg_of_a_matrix_is_the_metric() -> None:
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 5, (60, 25)).astype(np.float32) + np.linspace(0, 0.5, 25, dtype=np.float32)
    known = rng.random(scores.shape) < 0.3
    relevant = ~known & (rng.random(scores.shape) < rng.choice([0.0, 0.2], (60, 1)))
    masked = np.where(known, -np.inf, scores).astype(np.float32)
    histories, wanted = (sp.csr_array(one.astype(np.float32)) for one in (known, relevant))
    np.testing.assert_allclose(ndcg10(scores, histories, wanted), ndcg_by_metrics(masked, relevant), atol=1e-12)


# --- ascent


def recomputed(ascent: Ascent, items: Catalogue, some: Candidates, gates: Gates, flows: Any) -> NDArray[np.float64]:
    """The scores of gates at the candidates from the formula, -inf where there is none."""
    at = np.maximum(some.items, 0)
    total = np.moveaxis(items.features[:, at], 0, 2) @ np.asarray(gates.prior)
    for name, gate in gates.by_channel.items():
        powers = np.exp(gate.user_power * ascent.log_size[:, None] + gate.item_power * items.log_degree[at])
        total = total + gate.strength * powers * flows[name]
    return np.where(some.items >= 0, total, -np.inf)


def make_ascent(seed: int) -> tuple[Ascent, Catalogue, Candidates]:
    some, items = random_candidates(seed), catalogue(ITEMS, seed)
    rng = np.random.default_rng(seed)
    gates = Gates(
        {
            name: Gate(float(rng.uniform(0.3, 1.0)), float(rng.normal(0, 0.2)), float(rng.normal(0, 0.2)))
            for name in NAMES
        },
        (0.3, -0.2, 0.1),
    )
    gates.by_channel["c"] = Gate(0.0)  # type: ignore[index]
    others = {p: rng.normal(size=(len(NAMES), USERS, WIDTH)).astype(np.float32) for p in (0.5, 1.0, 1.5, 2.0)}

    def flows_at(name: str, power: float) -> NDArray[np.float32]:
        return others[power][NAMES.index(name)]

    return Ascent(some, NAMES, items, np.log1p(rng.integers(1, 30, USERS)), gates, flows_at, 1.0), items, some


@pytest.mark.parametrize("seed", range(3))
def test_every_move_is_judged_as_if_scored_from_scratch(seed: int) -> None:
    ascent, items, some = make_ascent(seed)
    moves = 0
    for name in NAMES:
        for gates, now, flow in ascent._channel_moves(name):
            flows = {**ascent.flows, **({} if flow is None else dict([flow]))}
            expected = recomputed(ascent, items, some, gates, flows).astype(np.float32)
            np.testing.assert_allclose(now, ndcg_by_metrics(expected, some.relevant), atol=1e-9)
            moves += 1
    for gates, now, _ in ascent._prior_moves():
        expected = recomputed(ascent, items, some, gates, ascent.flows).astype(np.float32)
        np.testing.assert_allclose(now, ndcg_by_metrics(expected, some.relevant), atol=1e-9)
        moves += 1
    assert moves > 30


@pytest.mark.parametrize("seed", range(3))
def test_the_climb_ends_higher_and_with_the_scores_of_its_gates(seed: int) -> None:
    ascent, items, some = make_ascent(seed)
    before = ascent.now.mean()
    gates = ascent.climb()
    expected = recomputed(ascent, items, some, gates, ascent.flows)
    np.testing.assert_allclose(ascent.score, expected, rtol=1e-5, atol=1e-5)
    after = ndcg_by_metrics(expected.astype(np.float32), some.relevant)
    np.testing.assert_allclose(ascent.now, after, atol=1e-9)
    assert after.mean() >= before
    assert all(gate.strength >= 0 for gate in gates.by_channel.values())


def test_the_climb_turns_noise_off_and_keeps_what_is_right() -> None:
    rng = np.random.default_rng(0)
    users, width = 200, 40
    items = np.tile(np.arange(width), (users, 1))
    relevant = np.zeros((users, width), dtype=bool)
    for u in range(users):
        relevant[u, rng.permutation(width)[:3]] = True
    right = relevant + rng.normal(0, 0.3, (users, width))
    noise = rng.normal(0, 1.0, (users, width))
    flows = np.stack([right, noise], axis=1).astype(np.float32)
    some = Candidates(items, np.zeros((users, width), dtype=np.float32), relevant, flows)
    level = Catalogue(np.full(width, 5.0), np.zeros(width))
    start = Gates({"right": Gate(0.2), "noise": Gate(1.0)}, (0.0, 0.0, 0.0))
    ascent = Ascent(some, ("right", "noise"), level, np.ones(users), start, None, 1.0)
    before = ascent.now.mean()
    found = ascent.climb(sweeps=8).by_channel
    share = found["noise"].strength * noise.std() / (found["right"].strength * right.std())
    assert share < 0.5
    assert ascent.now.mean() > before + 0.3


def test_nobody_to_learn_from_changes_nothing() -> None:
    ascent, _, some = make_ascent(0)
    some.relevant[:] = False
    empty = Ascent(some, NAMES, catalogue(ITEMS), np.ones(USERS), ascent.gates, None, 1.0)
    assert empty.climb() == ascent.gates


# --- candidates


def here(channels: Sequence[Channel]) -> Crew:
    """A crew of this process alone."""
    return lambda function, rows: (function(channels, *row) for row in rows)


def wide(items: int = 900) -> tuple[Histories, list[Channel], Catalogue]:
    rng = np.random.default_rng(4)
    known = sp.csr_array((rng.random((30, items)) < 0.02).astype(np.float32))
    hidden = sp.csr_array(((rng.random((30, items)) < 0.004) & (known.toarray() == 0)).astype(np.float32))
    universe = rng.random(items) < 0.95
    universe[hidden.indices] = True
    channels = [
        Channel(
            name,
            "learned",
            (rng.normal(size=(items, 8)).astype(np.float32), rng.normal(size=(8, items)).astype(np.float32)),
        )
        for name in NAMES
    ]
    return Histories.of(known, None, hidden, Universe(None, universe, np.zeros(items))), channels, catalogue(items)


def test_candidates_hold_what_is_to_be_found_and_nothing_known() -> None:
    histories, channels, items = wide()
    some = draw(histories, here(channels), items, None, seed=0)
    known, hidden = histories.known.toarray() > 0, histories.relevant.toarray() > 0
    for u in range(30):
        row = some.items[u][some.items[u] >= 0]
        assert (np.diff(row) > 0).all()
        assert not known[u, row].any()
        assert histories.universe.ranked[row].all()
        np.testing.assert_array_equal(row[some.relevant[u][: len(row)]], np.flatnonzero(hidden[u]))
        # together the candidates stand for every item that may be ranked
        stands = np.exp(some.log_weight[u][: len(row)].astype(np.float64)).sum()
        assert stands == pytest.approx((histories.universe.ranked & ~known[u]).sum(), rel=1e-5)
        for c, channel in enumerate(channels):
            flow = channel.apply(histories.known[[u]])[0]
            np.testing.assert_allclose(some.flows[u, c, : len(row)], flow[row], rtol=1e-5, atol=1e-5)


def test_the_softmax_over_sampled_candidates_approaches_the_whole_one() -> None:
    histories, channels, items = wide()
    theta = np.concatenate([np.full(CHANNELS, 0.04), np.full(2 * CHANNELS, -0.1), [0.2, 0.1, 0.0]])

    def drawn(sampled: int, seed: int) -> Candidates:
        return draw(histories, here(channels), items, None, seed, THOROUGH._replace(sampled=sampled))

    def gradient(sampled: int, seed: int) -> NDArray[np.float64]:
        return kernel(drawn(sampled, seed), items, histories.log_size, theta)[1]

    whole = gradient(10_000, 0)
    every = drawn(10_000, 0)
    assert not every.log_weight[every.items >= 0].any()
    errors = {
        size: np.linalg.norm([gradient(size, seed) - whole for seed in range(6)], axis=1).mean() / np.linalg.norm(whole)
        for size in (25, 100, 400)
    }
    assert errors[25] > errors[100] > errors[400]
    assert errors[400] < 0.03


def test_recency_flows_are_those_of_weighted_histories(build_channels: Callable[..., Any]) -> None:
    from kgrec.flow.candidates import flows_at
    from kgrec.flow.recency import weigh

    histories, channels, _ = wide()
    rng = np.random.default_rng(0)
    times = sp.csr_array(
        (rng.integers(1, 50, histories.known.nnz).astype(float), histories.known.indices, histories.known.indptr),
        shape=histories.known.shape,
    )
    timed = replace(histories, times=times)
    items = np.tile(np.arange(0, 900, 100), (30, 1))
    found = flows_at(items, timed, here(channels), {"b": 1.5})
    for c, power in enumerate((0.0, 1.5, 0.0)):
        expected = channels[c].apply(weigh(histories.known, times, power))[:, ::100]
        np.testing.assert_allclose(found[:, c], expected, rtol=1e-5, atol=1e-5)


def test_the_mean_of_fits_is_that_of_their_coefficients_at_a_typical_pair() -> None:
    one = Gates({"a": Gate(2.0, -0.5, 0.1, 0.3), "b": Gate(0.0), "c": Gate(1.0, recency=0.2)}, (0.4, 0.0, 1.0), 0.5)
    other = Gates({"a": Gate(1.0, 0.3, -0.4), "b": Gate(0.0), "c": Gate(0.0)}, (0.1, 0.2, 0.0), 2.0)
    mean = mean_of([one, other], 1.7, 2.3)
    assert mean_of([one], 1.7, 2.3) is one

    def coefficient(gates: Gates, name: str) -> float:
        gate = gates.by_channel[name]
        return gates.scale * gate.strength * float(np.exp(gate.user_power * 1.7 + gate.item_power * 2.3))

    for name in ("a", "b", "c"):
        assert coefficient(mean, name) == pytest.approx((coefficient(one, name) + coefficient(other, name)) / 2)
    assert mean.prior == pytest.approx(((0.5 * 0.4 + 2 * 0.1) / 2, 0.2, 0.25))
    assert -0.5 < mean.by_channel["a"].user_power < 0.3
    # the second fit has more of it, and weighs no ages
    assert coefficient(other, "a") > coefficient(one, "a")
    assert mean.by_channel["a"].recency == 0.0
    assert mean.by_channel["c"].recency == 0.2
    # three fits that agree are one
    same = mean_of([one, one, one], 1.7, 2.3)
    for name in ("a", "c"):
        gate = same.by_channel[name]
        assert [gate.user_power, gate.item_power, gate.recency] == pytest.approx(
            [one.by_channel[name].user_power, one.by_channel[name].item_power, one.by_channel[name].recency]
        )
        assert gate.strength == pytest.approx(0.5 * one.by_channel[name].strength)
