"""The whole fit: same seed same bytes, nothing of the test part, sums, gates that find what is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import FlowEffects
from kgrec.errors import StaleError
from kgrec.flow import Flow, FlowConfig, fit_flow
from kgrec.flow.channel import Channel
from kgrec.flow.gates import Gate, Gates
from kgrec.flow.mix import coefficient
from kgrec.flow.ndcg import ndcg10
from kgrec.flow.part import Part, training_times
from kgrec.flow.recency import weigh

if TYPE_CHECKING:
    from conftest import World


def fitted(world: World, snapshot: Snapshot | None = None, seed: int = 0, **settings: Any) -> Flow:
    config = world.config.model_copy(update=settings)
    return fit_flow(snapshot or world.snapshot, config, text=world.text, kg=world.kg, seed=seed)


@pytest.fixture(scope="module")
def flow(world: World) -> Flow:
    return fitted(world)


def files(flow: Flow, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    flow.save(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def users_of(snapshot: Snapshot, count: int) -> tuple[sp.csr_array, NDArray[np.int64]]:
    users = np.arange(0, snapshot.num_users, snapshot.num_users // count)
    return snapshot.matrix("train")[users], users


# --- the same again, and nothing of what is held out


def test_the_same_seed_gives_the_same_bytes(world: World, flow: Flow, tmp_path: Path) -> None:
    first = files(flow, tmp_path / "first")
    assert files(fitted(world), tmp_path / "again") == first
    assert files(fitted(world, seed=1), tmp_path / "other") != first


def test_test_interactions_reach_nothing(
    world: World,
    flow: Flow,
    rows_at_random: Callable[..., Any],
    held_out_changed: Callable[..., Snapshot],
    tmp_path: Path,
) -> None:
    first = files(flow, tmp_path / "first")
    none = held_out_changed(world.snapshot, [], ("test",))
    assert files(fitted(world, none), tmp_path / "none") == first
    others = held_out_changed(world.snapshot, rows_at_random(world.snapshot, "test", 6, unseen=True), ("test",))
    assert files(fitted(world, others), tmp_path / "others") == first
    refits = [flow.refit(one.refitted(), text=world.text, kg=world.kg) for one in (world.snapshot, none)]
    assert files(refits[0], tmp_path / "refit") == files(refits[1], tmp_path / "refit of none")


def test_validation_reaches_the_gates_alone(
    world: World,
    flow: Flow,
    rows_at_random: Callable[..., Any],
    held_out_changed: Callable[..., Snapshot],
    bytes_of: Callable[[Channel], list[Any]],
) -> None:
    others = held_out_changed(world.snapshot, rows_at_random(world.snapshot, "valid", 8), ("valid",))
    again = fitted(world, others)
    known = {one.name: one for one in again.channels}
    both = [one for one in flow.channels if one.name in known]
    assert len(both) >= 8
    for channel in both:
        assert bytes_of(channel) == bytes_of(known[channel.name])
    assert [one.to_json() for one in flow.gates] != [one.to_json() for one in again.gates]


def test_without_a_validation_part_the_folds_alone_decide(
    world: World, held_out_changed: Callable[..., Snapshot], flow: Flow
) -> None:
    alone = fitted(world, held_out_changed(world.snapshot, [], ("valid", "test")))
    scores = alone.scorer(world.snapshot).score(*users_of(world.snapshot, 5))
    assert np.isfinite(scores).all()
    assert len(alone.gates) == len(flow.gates)


def test_a_refit_keeps_gates_and_choices_and_builds_on_more(world: World, flow: Flow) -> None:
    refit = flow.refit(world.snapshot.refitted(), text=world.text, kg=world.kg)
    assert refit.choices == flow.choices
    assert [one.name for one in refit.channels] == [one.name for one in flow.channels]
    assert [one.to_json() for one in refit.gates] == [one.to_json() for one in flow.gates]
    assert refit.catalogue.degree.sum() == world.snapshot.matrix("train", "valid").nnz
    same = flow.refit(world.snapshot, text=world.text, kg=world.kg)
    histories, users = users_of(world.snapshot, 6)
    scorer = flow.scorer(world.snapshot)
    assert same.scorer(world.snapshot).score(histories, users).tobytes() == scorer.score(histories, users).tobytes()


def test_what_places_new_items_stays_without_a_gate_of_its_own(world: World, flow: Flow) -> None:
    gates = Gates({one.name: Gate(1.0 * (one.name == "content")) for one in world.all_channels}, (0.1, 0.0, 0.0))
    alone = replace(flow, channels=tuple(world.all_channels), gates=(gates,), dial=None)
    refit = alone.refit(world.snapshot, text=world.text, kg=world.kg)
    assert {one.name for one in refit.channels} == {"content", "low"}
    histories, users = users_of(world.snapshot, 6)
    ours, theirs = (one.scorer(world.snapshot).score(histories, users) for one in (refit, refit.without("low")))
    assert np.array_equal(ours, theirs)


def test_a_loaded_model_scores_and_refits_the_same(world: World, flow: Flow, tmp_path: Path) -> None:
    first = files(flow, tmp_path / "model")
    loaded = Flow.load(tmp_path / "model")
    histories, users = users_of(world.snapshot, 6)
    ours = flow.scorer(world.snapshot).score(histories, users)
    assert loaded.scorer(world.snapshot).score(histories, users).tobytes() == ours.tobytes()
    assert files(loaded, tmp_path / "again") == first
    refits = [one.refit(world.snapshot.refitted(), text=world.text, kg=world.kg) for one in (flow, loaded)]
    assert files(refits[0], tmp_path / "a") == files(refits[1], tmp_path / "b")


def test_axes_of_links_are_kept_where_content_foretells(
    world: World, flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *rest = flow.gates
    foretelling = replace(flow, gates=(replace(first, prior=(0.1, 0.0, 0.2)), *rest))
    refitted = foretelling.refit(world.snapshot, text=world.text, kg=world.kg)
    refitted.save(tmp_path)
    found = Part.of(world.snapshot, world.text).content.link_axes
    np.testing.assert_array_equal(Flow.load(tmp_path).link_axes, found)
    # and are not worked out again
    monkeypatch.setattr("kgrec.flow.content._leading", None)
    effects = FlowEffects(world.snapshot, Flow.load(tmp_path).scorer(world.snapshot), lambda: world.text)
    np.testing.assert_array_equal(effects.part.content.link_axes, found)
    without = tuple(replace(one, prior=(0.1, 0.0, 0.0)) for one in flow.gates)
    plain = replace(flow.without("content"), gates=without)
    monkeypatch.undo()
    assert plain.refit(world.snapshot, text=world.text, kg=world.kg).link_axes is None


def test_a_folder_without_a_model_says_so(flow: Flow, tmp_path: Path) -> None:
    with pytest.raises(StaleError, match="no flow model here"):
        Flow.load(tmp_path)
    flow.save(tmp_path)
    text = (tmp_path / "flow.json").read_text()
    (tmp_path / "flow.json").write_text(text.replace('"format": 1', '"format": 99'))
    with pytest.raises(StaleError, match="format"):
        Flow.load(tmp_path)
    (tmp_path / "flow.json").write_text(text[:100])
    with pytest.raises(StaleError, match="cannot be read"):
        Flow.load(tmp_path)
    (tmp_path / "flow.json").write_text(text)
    (tmp_path / "degree.npy").unlink()
    with pytest.raises(StaleError, match="cannot be read"):
        Flow.load(tmp_path)


# --- the score is a sum


def by_hand(flow: Flow, snapshot: Snapshot, history: sp.csr_array, user: int) -> NDArray[np.float64]:
    """``prior_i + Σ_folds Σ_c scale g n^a d^b Σ_j w_j W_ji``, item by item of the history: float64 ``[items]``."""
    items = flow.catalogue
    times = training_times(snapshot)
    own = None if times is None else times[[user]]
    total = np.zeros(snapshot.num_items)
    for gates in flow.gates:
        total += gates.scale * (np.asarray(gates.prior) @ items.features)
        for channel in flow.channels:
            gate = gates.by_channel[channel.name]
            weighted = weigh(history, own, gate.recency)
            flows = np.zeros(snapshot.num_items)
            for j, weight in zip(weighted.indices, weighted.data):
                one = sp.csr_array(([np.float32(1)], ([0], [j])), shape=history.shape)
                flows += float(weight) * channel.apply(one)[0].astype(np.float64)
            powers = (1 + history.nnz) ** gate.user_power * (1 + items.degree) ** gate.item_power
            total += gates.scale * gate.strength * powers * flows
    return total


def test_the_score_is_the_sum_over_the_items_of_the_history(world: World, flow: Flow) -> None:
    histories, users = users_of(world.snapshot, 4)
    scores = flow.scorer(world.snapshot).score(histories, users)
    for row, user in enumerate(users):
        expected = by_hand(flow, world.snapshot, histories[[row]], int(user))
        np.testing.assert_allclose(scores[row], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_recency_stays_a_sum(world: World, flow: Flow) -> None:
    aged = tuple(
        replace(
            one, by_channel={n: replace(g, recency=r) for (n, g), r in zip(one.by_channel.items(), [0.5, 1.0, 2.0] * 9)}
        )
        for one in flow.gates
    )
    old = replace(flow, gates=aged)
    histories, users = users_of(world.snapshot, 3)
    scores = old.scorer(world.snapshot).score(histories, users)
    for row, user in enumerate(users):
        expected = by_hand(old, world.snapshot, histories[[row]], int(user))
        np.testing.assert_allclose(scores[row], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    # whose times are unknown has no old interactions
    unknown = old.scorer(world.snapshot).score(histories)
    np.testing.assert_allclose(unknown, flow.scorer(world.snapshot).score(histories), rtol=1e-5, atol=1e-5)


def test_parts_and_prior_are_the_score(world: World, flow: Flow) -> None:
    histories, users = users_of(world.snapshot, 4)
    scorer = flow.scorer(world.snapshot)
    total = scorer.prior()[None] + sum(part for _, part in scorer.parts(histories, users))
    scores = scorer.score(histories, users)
    np.testing.assert_allclose(scores, total, rtol=1e-5, atol=1e-5 * np.abs(scores).max())


def test_an_empty_history_gets_the_prior(world: World, flow: Flow) -> None:
    scorer = flow.scorer(world.snapshot)
    empty = sp.csr_array((2, world.snapshot.num_items), dtype=np.float32)
    scores = scorer.score(empty)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores, np.stack([scorer.prior()] * 2))
    assert scorer.score(empty[:0]).shape == (0, world.snapshot.num_items)


def test_without_a_channel_its_part_is_gone(world: World, flow: Flow) -> None:
    histories, users = users_of(world.snapshot, 4)
    scorer = flow.scorer(world.snapshot)
    parts = [(channel, part.copy()) for channel, part in scorer.parts(histories, users)]
    for name in ("kg", flow.channels[0].name):
        gone = sum(part for channel, part in parts if name in (channel.name, channel.family))
        assert np.abs(gone).max() > 0
        less = flow.without(name).scorer(world.snapshot).score(histories, users)
        np.testing.assert_allclose(less, scorer.score(histories, users) - gone, rtol=1e-4, atol=1e-4)
        assert all(one.family != name for one in flow.without(name).channels)


def test_a_users_scores_do_not_depend_on_the_batch(world: World, flow: Flow) -> None:
    histories, users = users_of(world.snapshot, 9)
    scorer = flow.scorer(world.snapshot)
    whole = scorer.score(histories, users)
    for row in (0, 4, 8):
        alone = scorer.score(histories[[row]], users[[row]])
        np.testing.assert_allclose(alone[0], whole[row], rtol=1e-5, atol=1e-5)


def test_permuted_ids_rank_as_well(
    world: World, renumbered: World, places: dict[str, NDArray[np.int64]], flow: Flow
) -> None:
    """Folds and first values fall otherwise, so scores agree as two seeds' do, not to the last digit."""
    again = fitted(renumbered)
    first = flow.scorer(world.snapshot).score(world.part.train, np.arange(world.snapshot.num_users))
    other = again.scorer(renumbered.snapshot).score(renumbered.part.train, np.arange(world.snapshot.num_users))
    moved = other[places["User"]][:, places["Item"]]
    agreement = [np.corrcoef(a, b)[0, 1] for a, b in zip(first, moved)]
    assert np.mean(agreement) > 0.8


# --- planted


GROUPS, EACH, USERS = 30, 8, 60


def planted_graph(snapshot_of: Callable[..., Snapshot], shuffled: bool) -> Snapshot:
    """Users who hold items of two of thirty groups; the graph knows the groups, few users share one."""
    rng = np.random.default_rng(3)
    rows = []
    for user in range(USERS):
        groups = rng.permutation(GROUPS)[:2]
        items = rng.permutation(np.concatenate([np.arange(EACH) + EACH * g for g in groups]))[:10]
        parts = ["valid", "test", "test", *["train"] * 7]
        rows += [(user, int(item), None, part) for item, part in zip(items, parts)]
    group = np.arange(GROUPS * EACH) // EACH
    if shuffled:
        group = rng.permutation(group)
    edges = [("Item", item, "in", "Group", int(g)) for item, g in enumerate(group)]
    return snapshot_of({"Group": GROUPS, "Item": GROUPS * EACH, "User": USERS}, rows, edges)


def quality(flow: Flow, snapshot: Snapshot) -> float:
    train = snapshot.matrix("train")
    scores = flow.scorer(snapshot).score(train, np.arange(USERS))
    return float(ndcg10(scores, snapshot.matrix("train", "valid"), snapshot.matrix("test")).mean())


def knowledge_share(flow: Flow, snapshot: Snapshot) -> float:
    """Share of the spread of the channels' parts that knowledge channels have."""
    spread: dict[bool, float] = {True: 0.0, False: 0.0}
    for channel, part in flow.scorer(snapshot).parts(snapshot.matrix("train"), np.arange(USERS)):
        spread[channel.knowledge] += float(part.std())
    return spread[True] / sum(spread.values())


def test_gates_find_the_channel_that_is_right(snapshot_of: Callable[..., Snapshot]) -> None:
    true, shuffled = (planted_graph(snapshot_of, one) for one in (False, True))
    config = FlowConfig(dim=8, epochs=2)
    blind = config.model_copy(update={"channels": ("ease", "rp3", "low")})
    known, plain, misled = fit_flow(true, config), fit_flow(true, blind), fit_flow(shuffled, config)
    assert quality(known, true) > quality(plain, true) + 0.1
    # a shuffled graph is left aside, not believed
    assert quality(misled, shuffled) > quality(plain, true) - 0.08
    assert knowledge_share(known, true) > 2 * knowledge_share(misled, shuffled)


def test_times_make_the_youngest_count_more(snapshot_of: Callable[..., Snapshot]) -> None:
    """Whoever's last items are of one taste goes on with it: only the age of an interaction tells."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(120):
        old, new = rng.permutation(6)[:2]
        items = [
            *(int(i) for i in rng.permutation(10)[:6] + 10 * old),
            *(int(i) for i in rng.permutation(10)[:7] + 10 * new),
        ]
        parts = [*["train"] * 10, "valid", "test", "test"]
        rows += [(user, item, 1000 * user + n, part) for n, (item, part) in enumerate(zip(items, parts))]
    snapshot = snapshot_of({"Item": 60, "User": 120}, rows)
    config = FlowConfig(dim=8, epochs=2, channels=("ease", "rp3", "low"))
    flow = fit_flow(snapshot, config)
    assert any(gate.recency > 0 for one in flow.gates for gate in one.by_channel.values() if gate.strength)
    ageless = replace(snapshot, interactions=snapshot.interactions.with_columns(timestamp=pl.lit(None, pl.Int64)))
    plain = fit_flow(ageless, config)
    assert not any(gate.recency for one in plain.gates for gate in one.by_channel.values())
    found = [
        ndcg10(
            model.scorer(data).score(data.matrix("train"), np.arange(120)),
            data.matrix("train", "valid"),
            data.matrix("test"),
        ).mean()
        for model, data in ((flow, snapshot), (plain, ageless))
    ]
    assert found[0] > found[1] + 0.02


def test_joined_gates_are_the_sum_of_the_folds(flow: Flow) -> None:
    log_size, log_degree = np.log([3.0, 9.0]), flow.catalogue.log_degree
    for channel in flow.channels:
        pairs = [(one.scale, one.by_channel[channel.name]) for one in flow.gates]
        each = sum(coefficient([pair], log_size, log_degree) for pair in pairs)
        np.testing.assert_allclose(coefficient(pairs, log_size, log_degree), each, rtol=1e-5)
