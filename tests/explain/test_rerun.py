"""What edges do to the lists of published models, as it is told: every number recomputed."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import kgrec.explain.rerun as rerun
from kgrec.config.outcome import ExplainConfig
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import Intervention, Ranking
from kgrec.effects.graph_sets import GIVEN_BACK
from kgrec.effects.rerun import RerunEffects
from kgrec.explain.rerun import RerunExplainer, RerunExplanation
from kgrec.explain.rerun_tree import render_rerun
from kgrec.explain.rerun_whatif import what_if_rerun
from kgrec.explain.types import Edge
from kgrec.zoo import fit_zoo, load_zoo
from kgrec.zoo.again import TrainedModel
from tests.zoo.conftest import build_snapshot

SETTINGS: dict[str, dict[str, Any]] = {
    "LightGCN": {"learning_rate": 0.02},
    "KGAT": {"learning_rate": 0.02, "layers": (8, 4), "relation_dim": 4},
    "KGCN": {"learning_rate": 0.02},
    "SASRec": {"blocks": 1},
}


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """Tastes of three kinds; the first user has more than is tried."""
    rng = np.random.default_rng(5)
    pairs = []
    for user in range(45):
        many = rerun.TRIED + 6 if user == 0 else 9
        chosen = rng.permutation(np.arange(user % 3, 120, 3))[:many]
        pairs += [(user, int(item), "valid" if n == 0 else "train") for n, item in enumerate(chosen)]
    edges = [("Item", item, "of", "Taste", item % 3) for item in range(0, 120, 2)]
    edges += [("Item", item, "next", "Item", (7 * item) % 120) for item in range(120)]
    edges += [("Item", 0, "follows", "Item", item) for item in range(1, 30)]
    return build_snapshot({"Item": 120, "Taste": 3, "User": 45}, pairs, edges)


@pytest.fixture(scope="module", params=SETTINGS)
def explainer(
    request: pytest.FixtureRequest, snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory
) -> RerunExplainer:
    folder = tmp_path_factory.mktemp("model")
    fit_zoo(request.param, snapshot, {"dim": 8, "epochs": 15, **SETTINGS[request.param]}, folder=folder)
    scorer, trained = load_zoo(folder, snapshot), TrainedModel(folder, snapshot)
    effects = RerunEffects(snapshot, scorer, trained.scorer)
    return RerunExplainer(effects, ExplainConfig(), np.ones(snapshot.num_items, dtype=bool))


def taken(snapshot: Snapshot, edges: tuple[Edge, ...], effects: RerunEffects) -> Intervention:
    """Named edges by ids again."""
    ids = {iri: (kind, n) for kind, n, iri in snapshot.nodes.select("type", "id", "iri").iter_rows()}
    items = [ids[edge.target.id][1] for edge in edges if edge.relation.kind == "interaction"]
    facts = [
        one
        for edge in edges
        if edge.relation.kind == "fact"
        for one in effects.facts.of_node(ids[edge.source.id])
        if (one.source, one.relation, one.target) == (ids[edge.source.id], edge.relation.name, ids[edge.target.id])
    ]
    assert len(items) + len(facts) == len(edges)
    return Intervention.without(items, facts)


def ranking_of(snapshot: Snapshot, user: int) -> Ranking:
    allowed = np.ones(snapshot.num_items, dtype=bool)
    allowed[snapshot.matrix("train", "valid")[[user]].indices] = False
    return Ranking(allowed)


def shown(explanation: RerunExplanation, count: int = 5) -> str:
    text = io.StringIO()
    Console(file=text, width=10_000).print(render_rerun(explanation, count))
    return text.getvalue()


def test_effects_places_and_sets(explainer: RerunExplainer, snapshot: Snapshot) -> None:
    effects, sets = explainer.effects, 0
    for user in (0, 4, 11):
        ranking, history = ranking_of(snapshot, user), effects.history(user)
        scores = effects.score(user, history)
        for place in (1, 6, 10):
            item = int(ranking.top(scores, 10)[place - 1])
            found = explainer.explain(user, item)
            assert (found.rank, found.score) == (place, pytest.approx(float(scores[item])))
            assert len(found.interactions) == min(len(history), rerun.TRIED)
            assert len(found.facts) == min(len(effects.facts.of_node(("Item", item))), rerun.TRIED)
            for one in (*found.interactions, *found.facts):
                after = effects.score(user, history, taken(snapshot, (one.edge,), effects))
                expected = float(scores[item]) - float(after[item])
                assert one.edge.effect == pytest.approx(expected, abs=2e-6 * float(np.abs(scores).max()))
                assert one.rank_without == ranking.place(after, item)
            for tried in (found.interactions, found.facts):
                assert [one.edge.effect for one in tried] == sorted((one.edge.effect for one in tried), reverse=True)
            if found.necessary is None:
                assert "no set found" in found.verdict
                continue
            sets += 1
            assert "necessary" in found.verdict
            edges = tuple(one.edge for one in found.necessary)
            assert set(found.necessary) <= {*found.interactions, *found.facts}
            assert ranking.place(effects.score(user, history, taken(snapshot, edges, effects)), item) > 10
            for left in range(len(edges)) if len(edges) > 1 else ():
                rest = taken(snapshot, (*edges[:left], *edges[left + 1 :]), effects)
                assert ranking.place(effects.score(user, history, rest), item) <= 10
    assert sets


def test_what_alone_is_enough(explainer: RerunExplainer, snapshot: Snapshot) -> None:
    """With the rest of the history and of the item's facts gone, also those that are not tried one by one."""
    effects, sizes = explainer.effects, []
    for user in (0, 4, 11):
        ranking, history = ranking_of(snapshot, user), effects.history(user)
        for place in (1, 6, 10):
            item = int(ranking.top(effects.score(user, history), 10)[place - 1])
            found = explainer.explain(user, item)
            assert found.sufficient is not None
            kept = taken(snapshot, found.sufficient, effects)
            every = Intervention.without(history, effects.facts.of_node(("Item", item)))
            assert kept.drop_items <= every.drop_items
            assert kept.drop_facts <= every.drop_facts

            def place_with(kept: Intervention, every: Intervention = every, item: int = item, user: int = user) -> Any:
                gone = Intervention.without(every.drop_items - kept.drop_items, every.drop_facts - kept.drop_facts)
                scores = effects.score(user, effects.history(user), gone)
                return ranking_of(snapshot, user).place(scores, item), float(np.ptp(scores))

            inside, spread = place_with(kept)
            assert inside <= 10
            assert spread > 0
            sizes.append(len(found.sufficient))
            if 0 < len(found.sufficient) <= GIVEN_BACK:
                assert "sufficient" in found.enough
                for left in range(len(found.sufficient)):
                    rest = (*found.sufficient[:left], *found.sufficient[left + 1 :])
                    inside, spread = place_with(taken(snapshot, rest, effects))
                    assert inside > 10 or spread == 0
            if not found.sufficient:
                assert "parameters hold" in found.enough
            assert found.enough in shown(found)
    assert max(sizes) > 0
    assert max(sizes) < len(effects.history(0))


def test_one_item_and_not_another(explainer: RerunExplainer, snapshot: Snapshot) -> None:
    effects, user, turned = explainer.effects, 4, 0
    ranking, history = ranking_of(snapshot, user), effects.history(user)
    scores = effects.score(user, history)
    top = ranking.top(scores, 10).tolist()
    for item, other in ((top[0], top[1]), (top[9], top[2]), (top[5], int(history[0]))):
        found = explainer.explain(user, item, instead_of=other)
        contrast = found.contrast
        assert contrast is not None
        difference = float(scores[item]) - float(scores[other])
        assert contrast.difference == pytest.approx(difference)
        assert contrast.above == (difference >= 0)
        sign = 1 if contrast.above else -1
        effect = [one.effect for one in contrast.edges]
        assert effect == sorted(effect, reverse=True)
        for edge in contrast.edges:
            after = effects.score(user, history, taken(snapshot, (edge,), effects))
            assert edge.effect == pytest.approx(sign * (difference - float(after[item]) + float(after[other])))
            assert edge.text in contrast.text
        if contrast.turned_by is not None:
            turned += 1
            after = effects.score(user, history, taken(snapshot, contrast.turned_by, effects))
            assert sign * (float(after[item]) - float(after[other])) < 0
        text = shown(found)
        assert "stands above" in text or "nothing that was tried" in text
        assert "the other way round" in text or "nothing found turns" in text
        assert json.loads(json.dumps(found.to_dict()))["contrast"]["instead_of"] == contrast.other
    assert turned or effects.name == "KGCN"


def test_what_is_told(explainer: RerunExplainer, snapshot: Snapshot) -> None:
    user, name = 0, explainer.effects.scorer.name
    ranking = ranking_of(snapshot, user)
    item = int(ranking.top(explainer.effects.score(user, explainer.effects.history(user)), 1)[0])
    before = explainer.effects.runs
    found = explainer.explain(user, item)
    assert found.runs == explainer.effects.runs - before
    text = shown(found)
    assert f"{rerun.TRIED} of your 25 interactions" in text
    assert f"{name} is no sum over paths" in text
    assert f"run again {found.runs} times" in text
    assert "no claim about people" in text
    unread = {"LightGCN": "facts", "KGCN": "interactions", "SASRec": "facts"}.get(name)
    assert ("does not read" in found.about_facts) == (unread == "facts")
    assert ("does not read" in found.about_interactions) == (unread == "interactions")
    document = json.loads(json.dumps(found.to_dict()))
    assert len(document["tried"]) == len(found.interactions) + len(found.facts)
    assert {"effect", "rank_without", "text", "kind"} <= set(document["tried"][0])
    assert "share" not in json.dumps(document["tried"])
    chinese = explainer.explain(user, item, lang="zh")
    assert "不是路径之和" in shown(chinese)
    assert chinese.runs == 0


def test_seen_items_and_items_far_down(explainer: RerunExplainer, snapshot: Snapshot) -> None:
    user = 4
    effects, ranking = explainer.effects, ranking_of(snapshot, user)
    seen = int(effects.history(user)[0])
    found = explainer.explain(user, seen)
    assert found.rank is None
    assert found.verdict == ""
    assert "You already" in " ".join(found.notes)
    last = int(ranking.top(effects.score(user, effects.history(user)), 60)[-1])
    found = explainer.explain(user, last)
    assert found.rank == 60
    assert "outside the first 10" in " ".join(found.notes)
    assert found.necessary is None


def test_what_if(explainer: RerunExplainer, snapshot: Snapshot) -> None:
    user, effects = 4, explainer.effects
    history, name = effects.history(user), effects.scorer.name
    known = snapshot.matrix("train", "valid")[[user]].indices.astype(np.int64)
    allowed = np.ones(snapshot.num_items, dtype=bool)
    other = int(np.setdiff1d(np.arange(120), known)[0])
    facts = effects.facts.of_node(("Item", int(history[1])))
    intervention = replace(Intervention.without(history[:1], facts), add_items=frozenset([other]))
    found = what_if_rerun(effects, user, history, intervention, known, allowed, 10)
    ranking, scores = ranking_of(snapshot, user), effects.score(user, history)
    assert [int(one.item) for one in found.before] == ranking.top(scores, 10).tolist()
    open_ = ranking.allowed.copy()
    open_[other] = False
    after = effects.score(user, history, intervention)
    assert [int(one.item) for one in found.after] == Ranking(open_).top(after, 10).tolist()
    assert not {int(one.item) for one in found.after} & {*known.tolist(), other}
    assert found.notes[-1].startswith(f"{name} was ")
    assert found.notes[-1].endswith(" s.")
    if name != "SASRec":
        pairs = snapshot.pairs("train").height
        assert f"{pairs:,} interactions, {len(effects.facts) - len(facts):,} facts" in found.notes[-1]
    nothing = what_if_rerun(effects, user, history, Intervention.without(history), known, allowed, 10)
    assert "Nothing of the history is left." in nothing.notes
    assert ("does not read" in " ".join(nothing.notes)) == (name == "KGCN")
    if name == "SASRec":
        newcomer = what_if_rerun(effects, None, history, Intervention.without(history[:1]), history, allowed, 10)
        assert "reads this history by id" in " ".join(newcomer.notes)
        assert newcomer.moved


def test_someone_without_training_interactions(tmp_path: Path) -> None:
    snapshot = build_snapshot({"Item": 4, "User": 2}, [(0, 0, "train"), (0, 1, "train"), (1, 2, "valid")])
    fit_zoo("LightGCN", snapshot, {"dim": 4, "epochs": 1}, folder=tmp_path)
    effects = RerunEffects(snapshot, load_zoo(tmp_path, snapshot), TrainedModel(tmp_path, snapshot).scorer)
    found = RerunExplainer(effects, ExplainConfig(), np.ones(4, dtype=bool)).explain(1, 3)
    assert found.interactions == found.facts == ()
    assert "no training interaction" in shown(found)
    assert "no fact about it" in shown(found)
