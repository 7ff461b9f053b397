"""The masked twin, the judge, permuted ids and refits agree with the model and with what is done the long way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks

from benchmarks.explanations.__main__ import main
from benchmarks.explanations.edges import candidates_of
from benchmarks.explanations.judge import Judge, difference, figures
from benchmarks.explanations.knowledge import curve, shuffled
from benchmarks.explanations.ours import Chance, Effect, Sets, Share
from benchmarks.explanations.permute import permuted, renamed
from benchmarks.explanations.refits import Refit, compare, drawn, whole
from benchmarks.explanations.rivals import Gradient, Integrated, Masked, Paths
from benchmarks.explanations.table import FORMAT, write
from benchmarks.explanations.trust import sanity, stability
from benchmarks.explanations.twin import Twin, to_edges
from benchmarks.explanations.world import World, draw_pairs
from kgrec.bench.machine import machine
from kgrec.effects import Fact, Intervention
from kgrec.flow.builder import Context
from kgrec.flow.channels.chained import EaseThenSimilar, SimilarThenLow
from kgrec.flow.channels.ease import Ease
from kgrec.flow.channels.low import Low
from kgrec.flow.gates import Gate

PAIRS = 12


def scores_of(twin: Twin, mask: torch.Tensor | None = None) -> np.ndarray:
    if mask is not None:
        set_masks(twin, mask, twin.edge_index, apply_sigmoid=False)
    with torch.no_grad():
        found = twin(twin.x, twin.edge_index)[0].numpy()
    clear_masks(twin)
    return found


def test_the_twin_scores_as_the_model(world: World) -> None:
    facts = 0
    for user, item in draw_pairs(world, PAIRS, 1).tolist():
        pair = candidates_of(world, user, item)
        twin = Twin(world, pair, log_probs=False)
        facts += len(pair.facts)
        expected = world.effects.score(world.person(user))[twin.columns]
        for mask in (None, torch.ones(twin.edge_index.shape[1])):
            assert np.abs(scores_of(twin, mask) - expected).max() <= 1e-5 * np.abs(expected).max()
    assert facts


def test_an_interaction_at_zero_has_weight_zero_in_a_history_of_the_same_size(world: World) -> None:
    for user, item in draw_pairs(world, PAIRS, 2).tolist():
        twin = Twin(world, candidates_of(world, user, item), log_probs=False)
        person = world.person(user)
        # an entry that is there with weight 0: size and ages are as they were
        data = person.history.data.copy()
        data[3] = 0.0
        history = sp.csr_array((data, person.history.indices, person.history.indptr), person.history.shape)
        expected = world.scorer.score(history, person.users)[0][twin.columns]
        mask = torch.ones(twin.edge_index.shape[1])
        mask[3] = 0.0
        assert np.abs(scores_of(twin, mask) - expected).max() <= 1e-5 * np.abs(expected).max()
        # what is really gone makes the history smaller too
        gone = Intervention.without([int(person.items[3])])
        assert np.abs(world.effects.score(person, gone)[twin.columns] - expected).max() > 5e-5 * np.abs(expected).max()


def test_facts_at_zero_take_their_share_out(world: World) -> None:
    """Without any fact the item has what its other channels give it."""
    literal = 0.0
    for user, item in draw_pairs(world, PAIRS, 3).tolist():
        pair = candidates_of(world, user, item)
        twin = Twin(world, pair, log_probs=False)
        h = twin.edges[0]
        mask = torch.ones(twin.edge_index.shape[1])
        mask[h:] = 0.0
        person = world.person(user)
        parts = world.scorer.parts(person.history, person.users)
        known = sum(float(part[0, item]) for channel, part in parts if channel.family == "kg")
        fall = scores_of(twin)[twin.target] - scores_of(twin, mask)[twin.target]
        assert fall == pytest.approx(known, abs=1e-4)
        literal += abs(known)
    assert literal > 0


def test_the_gradient_of_the_score_is_the_share(world: World) -> None:
    """Paths are products of their edges' masks: at 1 the derivative is what the paths over the edge carry."""
    for user, item in draw_pairs(world, PAIRS, 4).tolist():
        pair = candidates_of(world, user, item)
        twin = Twin(world, pair, log_probs=False)
        mask = torch.ones(twin.edge_index.shape[1], requires_grad=True)
        set_masks(twin, mask, twin.edge_index, apply_sigmoid=False)
        (slope,) = torch.autograd.grad(twin(twin.x, twin.edge_index)[0, twin.target], mask)
        clear_masks(twin)
        found = to_edges(twin, pair, slope.numpy().astype(np.float64), total=True)
        np.testing.assert_allclose(found, Share().importance(world, pair), rtol=1e-3, atol=1e-4)


def test_effects_are_differences_of_recomputed_scores(world: World) -> None:
    for user, item in draw_pairs(world, 4, 5).tolist():
        pair = candidates_of(world, user, item)
        person = world.person(user)
        before = world.effects.score(person)[item]
        expected = [
            before
            - world.effects.score(
                person, Intervention.without(facts=[edge]) if isinstance(edge, Fact) else Intervention.without([edge])
            )[item]
            for edge in pair.edges
        ]
        np.testing.assert_allclose(Effect().importance(world, pair), expected, atol=2e-5 * abs(before))


def test_the_judge_holds_what_sets_promise(world: World) -> None:
    judge, found = Judge(world), 0
    for user, item in draw_pairs(world, PAIRS, 6).tolist():
        answer = Sets().explain(world, user, item)
        assert not judge.necessary(user, item, [])
        if answer.sizes[0]:
            found += 1
            assert judge.necessary(user, item, answer.necessary)
        if answer.sizes[1]:
            assert judge.sufficient(user, item, answer.sufficient)
    assert found


def test_every_method_orders_every_edge(world: World) -> None:
    user, item = draw_pairs(world, 1, 7)[0].tolist()
    edges = candidates_of(world, user, item).edges
    for method in (Effect(), Share(), Chance(0), Gradient(), Integrated(), Masked(0.01), Paths(0.01)):
        answer = method.explain(world, user, item)
        assert sorted(map(str, answer.necessary)) == sorted(map(str, edges)), method.name


def test_permuted_ids_give_the_same_scores_and_answers(world: World) -> None:
    other, places = permuted(world, 1)
    items = places["Item"]
    for user, item in draw_pairs(world, 4, 8).tolist():
        before, after = world.effects.score(world.person(user)), other.effects.score(other.person(user))
        np.testing.assert_allclose(after[items], before, atol=1e-5 * np.abs(before).max())
        pair = candidates_of(world, user, item)
        for edge in pair.edges[:2] + pair.edges[-2:]:
            gone, moved = (
                Intervention.without(facts=[one]) if isinstance(one, Fact) else Intervention.without([one])
                for one in (edge, renamed(edge, "Item", places))
            )
            np.testing.assert_allclose(
                other.effects.score(other.person(user), moved)[items],
                world.effects.score(world.person(user), gone),
                atol=1e-5 * np.abs(before).max(),
            )


def test_trust_tells_the_same_from_another(world: World) -> None:
    # both facts of one path have the same share: pairs are taken of which none has them fifth and sixth
    pairs = draw_pairs(world, 8, 10)
    rows = {row["method"]: row for row in stability(world, [Share(), Chance(0)], pairs)}
    assert rows["share (weights)"]["same_again"] == 1.0
    assert rows["share (weights)"]["same_permuted"] == 1.0
    assert rows["random"]["same_again"] < 1.0
    changed = {row["method"]: row for row in sanity(world, [Share()], pairs)}
    assert changed["share (weights)"]["overlap"] < 0.9


def test_figures_and_differences() -> None:
    users = np.array([0, 0, 1, 2])
    pn, ps = np.array([1, 1, 0, 0]), np.array([1, 1, 1, 1])
    found = figures(users, pn, ps)
    assert (found.pn, found.ps, found.f) == (0.5, 1.0, pytest.approx(2 / 3))
    assert found.low == 0.0
    assert found.high == 1.0
    both = np.stack([pn, ps], axis=1)
    assert difference(users, both, both) == (0.0, 0.0, 0.0)


def test_the_ridge_without_an_interaction_is_the_ridge_of_what_is_left(world: World) -> None:
    refit, part = Refit(world), world.effects.part
    for user, item in drawn(world, 5, 10).tolist():
        gone = sp.csr_array(([1.0], ([user], [item])), shape=part.train.shape, dtype=np.float32)
        left = part.without(gone)
        assert len(left.seen) == len(part.seen)
        context = Context(world.flow.config)
        context.built["ease"] = Ease().build(left, context)
        rest = left.train[[user]].indices
        rows = context.built["ease"][0].factors[0][refit.place[rest]]
        found = refit.ease_rows(user, item)
        np.testing.assert_allclose(found, rows, atol=2e-5)
        if "ease>similar" in world.effects.channels:
            chained = EaseThenSimilar().build(left, context)
            flows = refit._flows(user, item, world.person(user).edited(frozenset([item]), frozenset()))
            np.testing.assert_allclose(flows["ease>similar"], np.maximum(rows, 0) @ chained[0].factors[1], atol=2e-5)


def with_low(world: World) -> World:
    """The same with the low-rank channel and what is chained to it, which these gates had switched off."""
    part = world.effects.part
    context = Context(world.flow.config, choices={"low": (0.1, 8.0)})
    made = context.built["low"] = Low().build(part, context)
    more = [one for one in (*made, *SimilarThenLow().build(part, context)) if one.name not in world.effects.channels]
    gates = tuple(
        replace(one, by_channel={**one.by_channel, **{channel.name: Gate(1.0) for channel in more}})
        for one in world.flow.gates
    )
    flow = replace(world.flow, channels=(*world.flow.channels, *more), gates=gates, choices=context.choices)
    return replace(world, flow=flow, kept={})


def test_low_without_an_interaction(world: World) -> None:
    world = with_low(world)
    refit, part = Refit(world), world.effects.part
    precision, l2 = refit._precision
    vectors = refit._vectors
    np.testing.assert_allclose(vectors @ np.linalg.inv(precision), refit.channels["low"].factors[0], atol=1e-4)
    user, item = drawn(world, 1, 11)[0].tolist()
    degree = refit.degree.copy()
    degree[refit.place[item]] -= 1
    unobserved, _ = world.flow.choices["low"]
    shift = l2 * ((part.train.nnz - 1) / part.num_users + unobserved * len(refit.seen))
    again = unobserved * (vectors.T @ vectors) + (vectors.T * degree) @ vectors / part.num_users
    again += shift * np.eye(len(again))
    source = vectors @ np.linalg.inv(again)
    np.testing.assert_allclose(refit.low_source(item), source, rtol=1e-4, atol=1e-5)
    # the whole score, with the two channels put in by hand
    after = world.person(user).edited(frozenset([item]), frozenset())
    low, chained = refit.channels["low"], refit.channels["similar>low"]
    inside = (source.astype(np.float32), low.factors[1])
    new = {
        "low": replace(low, factors=inside),
        "similar>low": replace(chained, factors=(chained.factors[0], *inside)),
    }
    flows = refit._flows(user, item, after)
    for name, channel in new.items():
        np.testing.assert_allclose(after.history.data @ flows[name], channel.apply(after.history)[0], atol=1e-4)


def test_comparing_with_the_effects_themselves_agrees(world: World) -> None:
    some = drawn(world, 6, 12)
    same = [world.effects.score(world.person(u), Intervention.without([i])) for u, i in some.tolist()]
    found = compare(world, some, same)
    assert found["correlation"] == 1.0
    assert found["sign"] == found["stays_or_leaves"] == found["same_ten"] == 1.0
    refit = Refit(replace(world, kept={}))
    assert compare(world, some, [refit.scores(u, i) for u, i in some.tolist()])["correlation"] > 0


@pytest.mark.parametrize("world", [False], indirect=True, ids=["without times"])
def test_the_whole_benchmark_and_going_on(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs" / "lastfm"
    (run / "snapshot").mkdir(parents=True)
    (run / "model").mkdir()
    world.snapshot.write(run / "snapshot")
    world.flow.save(run / "model")
    out = tmp_path / "explanations.json"
    questions = "speed,form,exact,knowledge,refits,trust"
    options = ["lastfm", "--runs", str(tmp_path / "runs"), "--pairs", "6", "--few", "3", "--refits", "4"]
    options += ["--methods", "sets,gradient,GNNExplainer", "--questions", questions, "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["explanations", *options])
    monkeypatch.setattr("benchmarks.explanations.__main__.CURVE", 5)
    assert main() == 0
    content = json.loads(out.read_text())
    wanted = {"dataset", "method", "edges", "pairs", "pn", "ps", "f", "low", "high", "p50_ms", "p95_ms"}
    assert all(wanted <= set(row) for row in content["table"])
    assert {row["edges"] for row in content["table"]} == {1, 3, 5}
    assert {(row["method"], row["pairs"]) for row in content["table"]} >= {("sets (ours)", 6), ("sets (ours)", 3)}
    for row in content["table"]:
        assert 0 <= row["low"] <= row["f"] <= row["high"] <= 1
    for name in ("ratios", "sizes", "speed", "form", "exact", "knowledge", "refits", "stability", "sanity"):
        assert content[name], name
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*.json")}
    assert main() == 0
    again = json.loads(out.read_text())
    for one in (content, again):
        # of the machine at that moment
        one["datasets"]["lastfm"].pop("load")
    assert again == content
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*.json")}
    assert "sets (ours)" in capsys.readouterr().out


def test_rows_of_another_machine_say_so(tmp_path: Path) -> None:
    there = {"cpu": "Z80", "cores": 1, "ram_gb": 0.1, "system": "CP/M"}
    out, rows = tmp_path / "explanations.json", [{"dataset": name, "p50_ms": 1.0} for name in ("a", "b")]
    head = {"format": FORMAT, "machine": there, "datasets": {}}
    out.write_text(json.dumps({**head, "speed": rows}))
    found = write(out, {**head, "machine": machine(), "speed": rows[1:]})
    assert found["speed"] == [{"machine": "Z80, 1 cores", **rows[0]}, rows[1]]
    assert write(out, {**found, "speed": []})["speed"] == found["speed"]


@pytest.mark.parametrize("world", [False], indirect=True, ids=["without times"])
def test_whole_refits_and_the_shuffled_control(world: World) -> None:
    some = drawn(world, 2, 13)
    user, item = some[0].tolist()
    found, other = whole(world, some, jobs=2)
    assert not np.array_equal(found, other)
    np.testing.assert_array_equal(whole(world, some[:1])[0], found)
    without = world.effects.score(world.person(user), Intervention.without([item]))
    assert found.shape == without.shape
    # fitted anew, it is near what the effect says and not the same
    assert 0.5 < np.corrcoef(found, without)[0, 1] < 1 - 1e-9
    control = shuffled(world, seed=3)
    assert len(control.effects.facts) == len(world.effects.facts)
    rows = curve(control, 4, 0, "shuffled")
    assert {row["graph"] for row in rows} == {"shuffled"}
    for row in rows:
        assert 0 <= row["mass"] <= 1
        assert 0 <= row["strongest_path"] <= 1
