"""The dial between accuracy and knowledge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kgrec.errors import UserError
from kgrec.flow import Flow, FlowConfig, fit_flow
from kgrec.flow.dial import Dial, Setting, kept_at_one
from kgrec.flow.dial_climb import END
from kgrec.flow.dial_fit import fit_dial
from kgrec.flow.dial_kernels import look
from kgrec.flow.dial_scores import DialScores
from kgrec.flow.gates import Gate, Gates
from kgrec.flow.universe import Universe


@pytest.fixture(scope="module")
def fitted(world) -> Flow:
    return fit_flow(world.snapshot, world.config, text=world.text, kg=world.kg)


def share_of(scorer, histories, users) -> float:
    """What literal knowledge carries of each user's first ten, worked out apart from the fitting."""
    total = scorer.score(histories, users)
    total[histories.toarray() > 0] = -np.inf
    top = np.argsort(-total, axis=1, kind="stable")[:, :10]
    sizes = {True: 0.0, False: 0.0}
    parts: dict[str, np.ndarray] = {}
    knowledge = {}
    for channel, part in scorer.parts(histories, users):
        parts[channel.name] = parts.get(channel.name, 0) + part
        knowledge[channel.name] = channel.knowledge
    for name, part in parts.items():
        sizes[knowledge[name]] += np.abs(np.take_along_axis(part, top, axis=1)).sum()
    sizes[False] += np.abs(scorer.prior()[top]).sum()
    return sizes[True] / (sizes[True] + sizes[False])


def test_a_larger_k_never_has_less_knowledge(fitted, world) -> None:
    assert fitted.dial is not None
    curve = fitted.dial.settings
    assert [one.knowledge for one in curve] == sorted(one.knowledge for one in curve)
    shares = [one.share for one in curve]
    assert shares == sorted(shares)
    assert shares[-1] > max(shares[0], 0.5)
    for one in curve:
        assert one.low <= one.ndcg <= one.high
    # the trained model was chosen for accuracy alone
    assert curve[0].ndcg > curve[-1].ndcg
    train = world.snapshot.matrix("train")
    users = np.arange(train.shape[0])
    scorer = fitted.scorer(world.snapshot)
    # measured on other users than these: alike, not equal
    for place in (0.0, 1.0):
        near = next(one.share for one in curve if one.knowledge == place)
        assert abs(share_of(scorer.at_knowledge(place), train, users) - near) < 0.1


def test_at_zero_as_trained_at_one_literal_knowledge_and_text_alone(fitted, world) -> None:
    scorer = fitted.scorer(world.snapshot)
    train = world.snapshot.matrix("train")
    users = np.arange(train.shape[0])
    np.testing.assert_array_equal(scorer.at_knowledge(0.0).score(train, users), scorer.score(train, users))
    one = scorer.at_knowledge(1.0)
    assert not one.prior().any()
    assert {channel.name for channel, _ in one.parts(train, users)}
    assert all(kept_at_one(channel) for channel, _ in one.parts(train, users))
    # and back again
    np.testing.assert_array_equal(one.at_knowledge(0.0).score(train, users), scorer.score(train, users))


def test_between_two_places_scores_are_mixed(fitted, world) -> None:
    assert fitted.dial is not None
    low, high = (fitted.dial.settings[n].knowledge for n in (2, 3))
    scorer = fitted.scorer(world.snapshot)
    train, users = world.snapshot.matrix("train"), np.arange(world.snapshot.num_users)
    first, second = (scorer.at_knowledge(place).score(train, users) for place in (low, high))
    between = scorer.at_knowledge(0.25 * low + 0.75 * high).score(train, users)
    np.testing.assert_allclose(between, 0.25 * first + 0.75 * second, rtol=1e-4, atol=1e-4)


def test_no_literal_gate_grows_with_popularity(fitted) -> None:
    for one in fitted.dial.settings[1:]:
        if one.gates is not None:
            assert all(gate.item_power <= 0 for gate in one.gates.by_channel.values())


def test_saved_and_loaded(fitted, world, tmp_path: Path) -> None:
    fitted.at_knowledge(0.5).save(tmp_path)
    assert (tmp_path / "dial.json").is_file()
    loaded = Flow.load(tmp_path)
    assert loaded.dial == fitted.dial
    train, users = world.snapshot.matrix("train"), np.arange(world.snapshot.num_users)
    for place in (0.0, 0.3, 1.0):
        ours, theirs = (flow.at_knowledge(place).scorer(world.snapshot) for flow in (loaded, fitted))
        np.testing.assert_allclose(ours.score(train, users), theirs.score(train, users), rtol=1e-6)


def test_the_configuration_turns_it(fitted, world) -> None:
    turned = replace(fitted, config=fitted.config.model_copy(update={"knowledge": 0.6}))
    train, users = world.snapshot.matrix("train")[:5], np.arange(5)
    expected = fitted.scorer(world.snapshot).at_knowledge(0.6).score(train, users)
    np.testing.assert_array_equal(turned.scorer(world.snapshot).score(train, users), expected)
    # what is asked for later counts
    again = turned.scorer(world.snapshot).at_knowledge(0.0).score(train, users)
    np.testing.assert_array_equal(again, fitted.scorer(world.snapshot).score(train, users))


def test_without_knowledge_there_is_no_dial(fitted, world, capsys) -> None:
    from kgrec.progress import PlainProgress

    bare = replace(world.snapshot, edges=world.snapshot.edges.clear())
    config = world.config.model_copy(update={"knowledge": 0.5})
    flow = fit_flow(bare, config, progress=PlainProgress())
    assert flow.dial is None
    assert "knowledge stays at 0" in capsys.readouterr().err
    flow.scorer(bare).score(bare.matrix("train")[:2], np.arange(2))
    with pytest.raises(UserError, match="no dial"):
        flow.at_knowledge(0.5)
    assert fit_dial(fitted.channels, fitted.gates, fitted.catalogue, world.part, 0 * bare.matrix("valid")) is None


@pytest.mark.parametrize("place", [-0.1, 1.5, float("nan")])
def test_outside(fitted, place: float) -> None:
    with pytest.raises(UserError, match="outside its range"):
        fitted.at_knowledge(place)


def test_who_stands_for_others_takes_their_places() -> None:
    score = np.array([[5.0, 4.0, 3.0, -np.inf, 2.0]], dtype=np.float32)
    mass, none = np.ones_like(score), np.zeros_like(score)
    knowledge = np.array([[1.0, 0.0, 0.0, 0.0, 1.0]], dtype=np.float32)
    relevant = np.array([[False, False, True, False, False]])
    found = {}
    for places in (1.0, 3.0, 8.5, 20.0):
        ranks, ndcg = np.array([[places, 1.0, 1.0, 1.0, 1.0]], dtype=np.float32), np.empty(1)
        masses = look(1.0, score, mass, none, none, knowledge, relevant, ranks, np.ones(1), ndcg)
        found[places] = (ndcg[0], *masses)
    assert found[1.0] == pytest.approx((1 / np.log2(4), 2.0, 4.0))
    assert found[3.0] == pytest.approx((1 / np.log2(6), 4.0, 6.0))
    # the tenth place
    assert found[8.5] == pytest.approx((1 / np.log2(11), 8.5, 10.0))
    assert found[20.0] == pytest.approx((0.0, 10.0, 10.0))


def test_what_others_are_to_find_stands_in_their_rankings_alone(fitted, world) -> None:
    valid, train = world.snapshot.matrix("valid"), world.part.train
    users = np.flatnonzero(np.diff(valid.indptr))[:10]
    universe = Universe.of(20, fitted.channels, train[users], valid[users], seed=0)
    assert universe.items is not None
    assert not universe.ranked.all()
    scores = DialScores(
        universe.channels(fitted.channels),
        fitted.gates,
        universe.catalogue(fitted.catalogue),
        world.part,
        universe.columns(train),
        universe.columns(valid),
        universe.channels([one for one in fitted.channels if kept_at_one(one)]),
        universe,
    )
    (block,) = scores.blocks(users)
    relevant = valid[users][:, universe.items].toarray() > 0
    assert np.isneginf(block.base[:, ~universe.ranked][~relevant[:, ~universe.ranked]]).all()
    assert np.isfinite(block.base[relevant]).all()
    assert (scores.ranks(relevant)[relevant] == 1).all()
    stands = np.exp(universe.log_weight[universe.ranked])
    assert stands.sum() == pytest.approx(world.part.num_items)
    one = np.flatnonzero(universe.ranked & ~relevant[0])
    np.testing.assert_allclose(scores.ranks(relevant)[0, one], np.exp(universe.log_weight[one]), rtol=1e-6)


def test_the_same_seed_gives_the_same_dial(fitted, world) -> None:
    valid = world.snapshot.matrix("valid")
    made = [fit_dial(fitted.channels, fitted.gates, fitted.catalogue, world.part, valid, 3) for _ in range(2)]
    assert made[0] == made[1]


def test_json() -> None:
    gates = Gates({"kg": Gate(1.0, 0.1, -0.2, 0.5)}, (0.0, 0.0, 0.0), 2.0)
    dial = Dial((Setting(0.0, 1.0, None, 0.2, 0.1, 0.3, 0.05), Setting(1.0, 0.0, gates, 0.1, 0.0, 0.2, END)), 7)
    assert Dial.from_json(dial.to_json()) == dial
    assert dial.channels == {"kg"}
    assert FlowConfig().knowledge == 0.0
