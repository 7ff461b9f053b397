"""What is done beyond a stated size: each approximation against what it stands for; a whole fit with all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.flow import FlowConfig, fit_flow
from kgrec.flow.candidates import draw
from kgrec.flow.channel import Channel
from kgrec.flow.channels.learned_training import Start, _Factors
from kgrec.flow.channels.sampled_training import _Sampled, train_factors_sampled
from kgrec.flow.content import _leading
from kgrec.flow.crew import Crew
from kgrec.flow.gates import Catalogue
from kgrec.flow.histories import Histories
from kgrec.flow.near import near_by_cells, near_by_index
from kgrec.flow.neighbourhood import neighbourhood_ridge
from kgrec.flow.table import channel_table
from kgrec.flow.topm import largest_of_rows, thinned, top_of_rows, top_product
from kgrec.flow.universe import Universe
from kgrec.flow.vectors import nearest_neighbours
from kgrec.progress import SILENT, Progress

MANY = {"max_dense": 10, "gate_items": 100}


def sparse(rng: np.random.Generator, rows: int, columns: int, share: float) -> sp.csr_array:
    return sp.csr_array((rng.random((rows, columns)) * (rng.random((rows, columns)) < share)).astype(np.float32))


# --- products and rows


def test_a_row_of_a_product_keeps_its_largest_entries_but_not_the_diagonal() -> None:
    rng = np.random.default_rng(0)
    left, right = sparse(rng, 40, 60, 0.3), sparse(rng, 60, 40, 0.3)
    whole = (left @ right).toarray()
    np.fill_diagonal(whole, 0.0)
    powers = rng.random(40).astype(np.float32)
    for rank, found in ((1.0, top_product(left, right, 9)), (powers, top_product(left, right, 9, powers))):
        found = found.toarray()
        for row in range(40):
            kept = np.flatnonzero(found[row])
            np.testing.assert_allclose(found[row, kept], whole[row, kept], rtol=1e-5)
            assert set(kept) == set(np.argsort(-whole[row] * rank)[:9])


def test_the_largest_entries_of_rows_ties_by_column() -> None:
    matrix = sp.csr_array(np.array([[1.0, -3.0, 2.0, 2.0, 2.0], [0.0, 1.0, 0.0, 0.0, 0.0], np.zeros(5)]))
    found = top_of_rows(matrix, 3).toarray()
    np.testing.assert_array_equal(found, [[0, -3, 2, 2, 0], [0, 1, 0, 0, 0], np.zeros(5)])


@pytest.mark.parametrize("k", [1, 7, 40, 60])
def test_the_largest_entries_of_dense_rows_ties_by_column(k: int) -> None:
    scores = np.random.default_rng(8).integers(0, 30, (25, 40)).astype(np.float32)
    scores[3], scores[4], scores[5] = -np.inf, np.arange(40), 7.0
    scores[6, :35] = -np.inf
    expected = np.sort(np.argsort(-scores, axis=1, kind="stable")[:, :k], axis=1)
    np.testing.assert_array_equal(np.sort(largest_of_rows(scores, k), axis=1), expected)


def test_singular_vectors_of_many_rows_span_what_the_exact_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from kgrec.flow import content

    monkeypatch.setattr(content, "ROWS", 70)
    rng = np.random.default_rng(9)
    rows = sp.csr_array(sparse(rng, 300, 12, 0.3) @ sparse(rng, 12, 90, 0.3) + 0.01 * sparse(rng, 300, 90, 0.2))
    size, axes = _leading(rows, 12, exact=False)
    exact_size, exact_axes = _leading(rows.astype(np.float64), 12, exact=True)
    np.testing.assert_allclose(size, np.sort(exact_size)[::-1], rtol=1e-3)
    np.testing.assert_allclose(axes.T @ axes, exact_axes.T @ exact_axes, atol=2e-3)


def test_a_very_long_history_is_thinned_to_the_same_expected_sum() -> None:
    matrix = sp.csr_array(np.ones((2, 500), dtype=np.float32))
    matrix[1, 10:] = 0.0
    matrix.eliminate_zeros()
    found = thinned(matrix, longest=50)
    assert np.diff(found.indptr).tolist() == [50, 10]
    assert found.sum(axis=1) == pytest.approx([500, 10])


def test_a_ridge_whose_gram_matrix_is_cut_stays_near_the_whole_one() -> None:
    rng = np.random.default_rng(1)
    taste = rng.integers(0, 5, 400)
    x = sp.csr_array((rng.random((400, 80)) < np.where(taste[:, None] == np.arange(80) % 5, 0.3, 0.05)).astype("f4"))
    whole = neighbourhood_ridge(x, 5.0, neighbours=79, gram=79).toarray()
    cut = neighbourhood_ridge(x, 5.0, neighbours=20, gram=40).toarray()
    assert (np.count_nonzero(cut, axis=0) <= 20).all()
    assert np.corrcoef(whole[cut != 0], cut[cut != 0])[0, 1] > 0.9


# --- neighbours


def test_an_index_read_to_its_ends_gives_the_exact_neighbours() -> None:
    rng = np.random.default_rng(2)
    rows = sparse(rng, 120, 40, 0.1)
    exact = nearest_neighbours(rows, 6)
    np.testing.assert_allclose(near_by_index(rows, 6).toarray(), exact.toarray(), atol=1e-6)
    some = near_by_index(rows, 6, visits=40)
    assert np.diff(some.indptr).max() <= 6
    # what was found in part of the index has its exact cosine
    whole = (rows @ rows.T).toarray()
    np.testing.assert_allclose(
        some.data, whole[np.repeat(np.arange(120), np.diff(some.indptr)), some.indices], rtol=1e-5
    )
    assert some.sum() > 0.7 * exact.sum()


def test_cells_all_of_which_are_searched_give_the_exact_neighbours() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(300, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[7], rows[9] = 0.0, rows[8]
    exact = nearest_neighbours(rows, 5).toarray()
    np.testing.assert_allclose(near_by_cells(rows, 5, cell_size=20, probes=100).toarray(), exact, atol=1e-6)
    some = near_by_cells(rows, 5, cell_size=20, probes=4).toarray()
    assert not some[7].any()
    assert not some[:, 7].any()
    assert ((some > 0) & (exact > 0)).sum() > 0.6 * (exact > 0).sum()


# --- rankings


def here(channels: Sequence[Channel]) -> Crew:
    """A crew of this process alone."""
    return lambda function, rows: (function(channels, *row) for row in rows)


def test_a_channel_into_some_items_has_their_columns() -> None:
    rng = np.random.default_rng(4)
    items, seen = 200, np.arange(0, 200, 2)
    first, last = rng.normal(size=(100, 4)).astype(np.float32), rng.normal(size=(4, 100)).astype(np.float32)
    channels = [
        Channel("a", "learned", (sparse(rng, items, items, 0.1),)),
        Channel("b", "learned", (first, last), sources=seen, targets=seen),
    ]
    relevant = sp.csr_array(([1.0], ([0], [199])), shape=(3, items))
    histories = sparse(rng, 3, items, 0.1)
    universe = Universe.of(50, channels, histories, relevant, seed=0)
    assert universe.items is not None
    assert universe.ranked.sum() == 50
    assert 199 in universe.items
    for whole, some in zip(channels, universe.channels(channels)):
        expected = whole.apply(histories)[:, universe.items]
        np.testing.assert_allclose(some.apply(histories, len(universe.items)), expected, rtol=1e-5, atol=1e-5)


def test_flows_are_added_to_their_targets_in_stretches_or_one_by_one() -> None:
    rng = np.random.default_rng(6)
    everything = np.arange(400)
    for targets in (None, everything, everything[1:], np.setdiff1d(everything, [0, 7, 8, 399]), everything[::2]):
        width = len(everything) if targets is None else len(targets)
        channel = Channel("a", "learned", (np.zeros((400, width), dtype=np.float32),), targets=targets)
        flow, total = (rng.normal(size=(3, n)).astype(np.float32) for n in (width, 400))
        expected = total.copy()
        expected[:, slice(None) if targets is None else targets] += flow
        channel.spread(flow, total)
        np.testing.assert_array_equal(total, expected)


def test_sampled_rankings_stand_for_all_items() -> None:
    rng = np.random.default_rng(5)
    items, users = 3000, 8
    known, relevant = sparse(rng, users, items, 0.003), sparse(rng, users, items, 0.002)
    relevant = sp.csr_array(relevant.toarray() * (known.toarray() == 0))
    channels = [Channel("a", "learned", (sparse(rng, items, items, 0.01),))]
    catalogue = Catalogue(np.ones(items), np.zeros(items))
    for size in (items, 900):
        universe = Universe.of(size, channels, known, relevant, seed=1)
        histories = Histories.of(known, None, relevant, universe)
        free, stands = items - np.diff(known.indptr), []
        for seed in range(10):
            crew, narrow = here(universe.channels(channels)), universe.catalogue(catalogue)
            some = draw(histories, crew, narrow, None, seed)
            stands.append(np.where(some.items >= 0, np.exp(some.log_weight.astype(np.float64)), 0.0).sum(axis=1))
        # exact where all items rank; a sum of sampled items that stand for unlike numbers is so on average
        np.testing.assert_allclose(stands, np.tile(free, (10, 1)), rtol=1e-5 if size == items else 0.1)
        assert np.mean(stands / free) == pytest.approx(1.0, abs=0.01)
        assert (some.relevant.sum(axis=1) == np.diff(relevant.indptr)).all()
        assert not some.log_weight[some.relevant].any()
        ids = np.arange(items) if universe.items is None else universe.items
        expected = channels[0].apply(known)
        for u in range(users):
            row = some.items[u][some.items[u] >= 0]
            np.testing.assert_allclose(some.flows[u, 0, : len(row)], expected[u, ids[row]], rtol=1e-5, atol=1e-6)


# --- the sampled softmax


def learned_case() -> tuple[sp.csr_array, NDArray[np.bool_], Any, NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(6)
    users, items, dim = 6, 300, 4
    held = rng.random((users, items)) < 0.03
    held[:, :2] = True
    batch = sp.csr_array(held.astype(np.float32))
    inside = rng.random(batch.nnz) < 0.6
    inside[batch.indptr[:-1]], inside[batch.indptr[:-1] + 1] = True, False
    features = sparse(rng, items, 7, 0.3)
    return (
        batch,
        inside,
        features,
        rng.normal(size=(items, dim)).astype(np.float32),
        rng.normal(size=(items, dim)).astype(np.float32),
    )


def test_the_sampled_softmax_approaches_that_over_all_items() -> None:
    batch, inside, features, source, target = learned_case()
    users = np.repeat(np.arange(batch.shape[0]), np.diff(batch.indptr))
    inputs, wanted = np.zeros(batch.shape, np.float32), np.zeros(batch.shape, np.float32)
    inputs[users[inside], batch.indices[inside]] = 1.0
    wanted[users[~inside], batch.indices[~inside]] = 1.0
    start = Start(batch, source, target, features, None)
    whole, sampled = _Factors(start), _Sampled(start)
    with torch.no_grad():
        for kind, mine in zip(("source", "target"), whole.rows[0].tensor_split(2, dim=1)):
            value = 0.3 * torch.randn(features.shape[1], source.shape[1], generator=torch.Generator().manual_seed(0))
            mine.copy_(value)
            sampled.shares[f"links {kind}"].copy_(value)
    expected = whole.loss(torch.from_numpy(inputs), torch.from_numpy(wanted))
    expected.backward()
    rng = np.random.default_rng(0)
    q = rng.random(batch.shape[1]) + 0.5
    q /= q.sum()
    errors = {}
    for size in (50, 5000):
        losses, gradients = [], []
        for _ in range(20):
            drawn = rng.choice(batch.shape[1], size, p=q)
            log_count = (np.log(q[drawn]) + np.log(size)).astype(np.float32)
            loss, touched = sampled.loss(batch, inside, drawn, log_count, "cpu")
            sampled.zero_grad()
            loss.backward()
            gradient = torch.zeros_like(whole.target)
            gradient[touched[1][0]] = touched[1][1].grad
            losses.append(loss.item())
            gradients.append(gradient)
        error = torch.stack(gradients).mean(dim=0) - whole.target.grad
        errors[size] = float(error.norm() / whole.target.grad.norm())
    assert np.mean(losses) == pytest.approx(expected.item(), rel=0.01)
    assert errors[5000] < 0.1
    assert errors[5000] < errors[50]


def test_sampled_training_learns_and_repeats_itself() -> None:
    rng = np.random.default_rng(7)
    taste, kind = rng.integers(0, 4, 500), np.arange(120) % 4
    train = sp.csr_array((rng.random((500, 120)) < np.where(taste[:, None] == kind, 0.3, 0.02)).astype(np.float32))
    start = rng.normal(scale=0.1, size=(2, 120, 4)).astype(np.float32)
    arguments: dict[str, Any] = {"steps": 240, "validate": None, "seed": 3, "device": "cpu"}
    first = train_factors_sampled(Start(train, start[0], start[1], None, None), **arguments)
    again = train_factors_sampled(Start(train, start[0], start[1], None, None), **arguments)
    np.testing.assert_array_equal(first[0], again[0])
    assert first[2] == 240
    weights = first[0] @ first[1].T
    same = kind[:, None] == kind
    assert weights[same].mean() > weights[~same].mean() + 2 * (start[0] @ start[1].T).std()


def test_sampled_training_keeps_the_start_where_nothing_is_better() -> None:
    rng = np.random.default_rng(7)
    train = sp.csr_array((rng.random((200, 50)) < 0.1).astype(np.float32))
    start = rng.normal(scale=0.1, size=(2, 50, 4)).astype(np.float32)
    figures = iter([0.5, *[0.4] * 10])
    found = train_factors_sampled(
        Start(train, start[0], start[1], None, None), steps=12, validate=lambda *_: next(figures), seed=0, device="cpu"
    )
    assert found[2] == 0
    np.testing.assert_array_equal(found[0], start[0])
    figures = iter([0.5, 0.4, 0.6, *[0.4] * 10])
    found = train_factors_sampled(
        Start(train, start[0], start[1], None, None), steps=12, validate=lambda *_: next(figures), seed=0, device="cpu"
    )
    assert found[2] == 4


# --- a whole fit


class Said:
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.task = SILENT.task

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(scope="module")
def many(world: Any) -> tuple[Any, Any, list[str]]:
    said: Progress = Said()
    config = FlowConfig(dim=6, epochs=3, **MANY)
    flow = fit_flow(world.snapshot, config, text=world.text, kg=world.kg, progress=said)
    return flow, config, said.lines  # type: ignore[attr-defined]


def test_every_approximation_is_said_once(many: Any) -> None:
    _, _, lines = many
    for name in ("ease", "rp3", "learned", "kg", "text", "embedding", "around", "sequence", "ease>similar"):
        assert sum(line.startswith(f"{name}:") or line.startswith(f"{name} is off") for line in lines) == 1, name


def test_nothing_is_items_by_items_and_the_ranking_hardly_suffers(many: Any, world: Any) -> None:
    flow, config, _ = many
    items = world.snapshot.num_items
    for channel in flow.channels:
        for factor in channel.factors:
            assert sp.issparse(factor) or min(factor.shape) < items // 2, channel.name
    plain = fit_flow(world.snapshot, config.model_copy(update={"max_dense": 20_000}), text=world.text, kg=world.kg)
    ndcg = [channel_table(one, world.snapshot)["ndcg"] for one in (flow, plain)]
    assert ndcg[0] > ndcg[1] - 0.03


def test_paths_still_add_up_to_the_weights(
    many: Any, world: Any, build_channels: Callable[..., Any], matrix_of: Callable[..., NDArray[np.float32]]
) -> None:
    from kgrec.flow.part import Part

    config = many[1]
    part = Part.of(world.snapshot, world.text, world.kg, config.neighbours, config.max_dense)
    built = build_channels(part, config)
    for made in built.values():
        for channel in made:
            weights = matrix_of(channel, part.num_items)
            for source, target in ((0, 3), (4, 7), (12, 30), (58, 1)):
                hops = world.builder(channel).hops(channel, part, source, target)
                assert sum(weight for weight, _ in hops) == pytest.approx(weights[source, target], abs=1e-5), (
                    channel.name
                )


def test_the_same_seed_gives_the_same_model(many: Any, world: Any) -> None:
    flow, config, _ = many
    again = fit_flow(world.snapshot, config, text=world.text, kg=world.kg)
    assert again.gates == flow.gates


def test_two_processes_give_the_same_gates(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from kgrec.flow import histories

    # several blocks of users, so that both have something to do
    monkeypatch.setattr(histories, "CELLS", 12 * world.snapshot.num_items)
    config = FlowConfig(dim=6, epochs=2, folds=1, dial=False)
    one, two = (
        fit_flow(world.snapshot, config, text=world.text, kg=world.kg, processes=number).gates[0] for number in (1, 2)
    )
    assert two.prior == pytest.approx(one.prior, abs=1e-4)
    assert set(two.by_channel) == set(one.by_channel)
    for name, gate in one.by_channel.items():
        for part in ("strength", "user_power", "item_power", "recency"):
            assert getattr(two.by_channel[name], part) == pytest.approx(getattr(gate, part), abs=1e-4), name


def test_it_is_refitted_and_kept(many: Any, world: Any, tmp_path: Any) -> None:
    from kgrec.flow import Flow

    flow = many[0]
    snapshot: Snapshot = world.snapshot
    refitted = flow.refit(snapshot.refitted(), text=world.text, kg=world.kg)
    refitted.save(tmp_path)
    train = snapshot.matrix("train")
    users = np.arange(10)
    loaded = Flow.load(tmp_path).scorer(snapshot).score(train[users], users)
    np.testing.assert_allclose(loaded, refitted.scorer(snapshot).score(train[users], users), rtol=1e-5, atol=1e-5)
