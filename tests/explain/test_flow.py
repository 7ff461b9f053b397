"""Explanations of the flow model that the whole road made from the shipped MovieLens."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kgrec.errors import UserError
from kgrec.explain import FlowExplainer, explainer_of
from kgrec.explain.tree import render
from kgrec.recommend.scorer import Scorer

if TYPE_CHECKING:
    from kgrec.dataset.snapshot import Snapshot
    from kgrec.flow import FlowScorer
    from kgrec.pipeline.run import Run

PAIRS = 200


@pytest.fixture(scope="module")
def snapshot(small_run: Run) -> Snapshot:
    return small_run.snapshot


@pytest.fixture(scope="module")
def scorer(small_run: Run) -> Scorer:
    return small_run.scorer


@pytest.fixture(scope="module")
def explains(snapshot: Snapshot, scorer: FlowScorer) -> FlowExplainer:
    return FlowExplainer(snapshot, scorer)


def drawn(snapshot: Snapshot, scorer: Scorer, number: int) -> list[tuple[int, int, float, float]]:
    """Users with one of their best items or any item: user, item, score, largest score of the user."""
    rng = np.random.default_rng(3)
    train = snapshot.matrix("train")
    pairs = []
    for n in range(number):
        user = int(rng.integers(snapshot.num_users))
        scores = scorer.score(train[[user]], np.array([user]))[0]
        best = np.argsort(-scores)[:20]
        item = int(rng.choice(best)) if n % 2 else int(rng.integers(snapshot.num_items))
        pairs.append((user, item, float(scores[item]), float(np.abs(scores).max())))
    return pairs


def test_paths_and_prior_are_the_score(snapshot: Snapshot, scorer: Scorer, explains: FlowExplainer) -> None:
    for user, item, score, scale in drawn(snapshot, scorer, PAIRS):
        explanation = explains.explain(user, item, paths=3)
        assert explanation.score == pytest.approx(score, abs=1e-5 * scale)
        assert explanation.paths_total + explanation.prior == pytest.approx(explanation.score)
        assert sum(part for _, part in explanation.channels) == pytest.approx(explanation.paths_total)
        assert 0 <= explanation.knowledge <= 1


def test_every_path_spelled_out(snapshot: Snapshot, scorer: Scorer, explains: FlowExplainer) -> None:
    """All paths of all channels, one by one: they sum up to the score, and the heaviest are the ones shown."""
    iri = {(kind, n): iri for kind, n, iri in snapshot.nodes.select("type", "id", "iri").iter_rows()}
    for user, item, score, scale in drawn(snapshot, scorer, 20):
        flows = explains.flows(user, item, snapshot.matrix("train")[[user]].indices)
        weights: dict[tuple[object, ...], float] = defaultdict(float)
        for c in range(len(explains.channels)):
            for j, source in enumerate(flows.history):
                for hops, weight in explains.spelled_out(flows, item, c, j):
                    weights[(int(source), *hops)] += weight
        explanation = explains.explain(user, item)
        assert sum(weights.values()) + explanation.prior == pytest.approx(score, abs=1e-5 * scale)
        simple = {}
        for (source, *hops), weight in weights.items():
            nodes = [("User", user), ("Movie", source), *(hop.target for hop in hops)]
            if len(set(nodes)) == len(nodes):
                simple[(tuple(iri[node] for node in nodes), tuple(hop.kind for hop in hops))] = weight
        heaviest = sorted(map(abs, simple.values()), reverse=True)[: len(explanation.paths)]
        assert [abs(path.weight) for path in explanation.paths] == pytest.approx(heaviest, rel=1e-6)
        for path in explanation.paths:
            key = (tuple(node.id for node in path.nodes), tuple(hop.kind for hop in path.relations[1:]))
            assert key in simple


def test_facts_are_edges_of_the_training_graph(snapshot: Snapshot, scorer: Scorer, explains: FlowExplainer) -> None:
    iri = {(kind, n): iri for kind, n, iri in snapshot.nodes.select("type", "id", "iri").iter_rows()}
    facts = {(iri[st, s], r, iri[tt, t]) for st, s, r, tt, t, _ in snapshot.edges.iter_rows()}

    def interactions(*splits: str) -> set[tuple[str, str, str]]:
        pairs = snapshot.pairs(*splits).select("user", "item").iter_rows()
        return {(iri["User", u], "interacts", iri["Movie", i]) for u, i in pairs}

    train, held_out = interactions("train"), interactions("valid", "test")
    kinds = set()
    for user, item, _, _ in drawn(snapshot, scorer, PAIRS // 4):
        explanation = explains.explain(user, item, paths=60)
        for path in explanation.paths:
            assert path.nodes[0].id == iri["User", user]
            assert path.nodes[-1].id == iri["Movie", item]
            assert len({node.id for node in path.nodes}) == len(path.nodes)
            for hop, a, b in zip(path.relations, path.nodes[:-1], path.nodes[1:], strict=True):
                kinds.add(hop.kind)
                edge = (a.id, hop.name, b.id) if hop.direction == "forward" else (b.id, hop.name, a.id)
                if hop.kind == "fact":
                    assert edge in facts
                elif hop.kind == "interaction":
                    assert edge in train
                    assert edge not in held_out
                else:
                    assert (a.type, b.type) == ("Movie", "Movie")
                    assert hop.support is not None
    assert kinds == {"interaction", "fact", "co-preference", "latent", "similarity", "sequence"}


def test_support_is_counted(snapshot: Snapshot, scorer: Scorer, explains: FlowExplainer) -> None:
    holds = snapshot.matrix("train").toarray() > 0
    place = {iri: n for n, iri in snapshot.of_type("Movie").select("id", "iri").iter_rows()}
    seen = 0
    for user, item, _, _ in drawn(snapshot, scorer, 20):
        for path in explains.explain(user, item, paths=10).paths:
            for hop, a, b in zip(path.relations, path.nodes[:-1], path.nodes[1:], strict=True):
                if hop.learned:
                    both = holds[:, place[a.id]] & holds[:, place[b.id]]
                    assert hop.support == both.sum()
                    seen += 1
    assert seen > 20


def test_learned_hops_are_not_worded_as_facts(snapshot: Snapshot, scorer: Scorer, explains: FlowExplainer) -> None:
    words = {
        "co-preference": ("people who liked",),
        "latent": ("the model has learned",),
        "similarity": ("resembles", "is unlike"),
        "sequence": ("often comes after", "comes after"),
    }
    for user, item, _, _ in drawn(snapshot, scorer, 30):
        for path in explains.explain(user, item).paths:
            for hop in path.relations:
                assert not hop.learned or any(one in path.text for one in words[hop.kind])
            assert path.literal == (not any(hop.learned for hop in path.relations))


def test_entities_sum_their_paths(snapshot: Snapshot, scorer: Scorer, explains: FlowExplainer) -> None:
    user, item, _, _ = max(drawn(snapshot, scorer, 20), key=lambda pair: pair[2])
    flows = explains.flows(user, item, snapshot.matrix("train")[[user]].indices)
    weights: dict[tuple[str, int], float] = defaultdict(float)
    starts: dict[tuple[str, int], set[int]] = defaultdict(set)
    for c, channel in enumerate(explains.channels):
        for j, source in enumerate(flows.history):
            if channel.knowledge:
                for hops, weight in explains.spelled_out(flows, item, c, j):
                    for hop in hops[:-1]:
                        weights[hop.target] += weight
                        starts[hop.target].add(int(source))
    iri = {(kind, n): iri for kind, n, iri in snapshot.nodes.select("type", "id", "iri").iter_rows()}
    known = {iri[node]: (weight, len(starts[node])) for node, weight in weights.items()}
    entities = explains.explain(user, item, paths=4).entities
    assert len(entities) == min(4, len(known)) > 1
    for through in entities:
        weight, items = known[through.node.id]
        assert (through.weight, through.items) == (pytest.approx(weight), items)
    assert entities[0].weight == pytest.approx(max(weight for weight, _ in known.values()))


def test_somebody_who_is_not_in_the_data(snapshot: Snapshot, scorer: Scorer, explains: FlowExplainer) -> None:
    history = snapshot.matrix("train")[[0]]
    score = float(scorer.score(history)[0, 5])
    explanation = explains.explain(None, 5, history=history.indices.tolist())
    assert explanation.score == pytest.approx(score, rel=1e-5)
    assert explanation.user == ""
    assert all(path.nodes[0].label == "you" for path in explanation.paths)
    nothing = explains.explain(None, 5, history=[])
    assert (nothing.paths, nothing.paths_total, nothing.score) == ((), 0.0, nothing.prior)
    assert "popularity" in nothing.notes[0]
    with pytest.raises(ValueError, match="needs a history"):
        explains.explain(None, 5)
    with pytest.raises(ValueError, match="out of range"):
        explains.explain(0, snapshot.num_items)
    with pytest.raises(ValueError, match="item ids in"):
        explains.explain(None, 5, history=[-1])


def test_an_item_that_nobody_has_is_said_to_be_carried_by_content(
    snapshot: Snapshot, scorer: FlowScorer, explains: FlowExplainer
) -> None:
    new = np.flatnonzero(scorer.flow.catalogue.degree == 0)
    explanation = explains.explain(3, int(new[0]))
    assert "content carries it" in explanation.notes[-1]
    kinds = {hop.kind for path in explanation.paths for hop in path.relations[-1:]}
    assert kinds <= {"fact", "similarity", "latent"}


def test_an_item_of_the_history(snapshot: Snapshot, explains: FlowExplainer) -> None:
    item = int(snapshot.matrix("train")[[3]].indices[0])
    explanation = explains.explain(3, item, paths=50)
    assert "already interacted" in explanation.notes[0]
    assert all(len({node.id for node in path.nodes}) == len(path.nodes) for path in explanation.paths)


def test_the_same_again_and_as_json(snapshot: Snapshot, scorer: FlowScorer, explains: FlowExplainer) -> None:
    explanation = explains.explain(3, 30, rank=2)
    again = FlowExplainer(snapshot, scorer)
    assert again.explain(3, 30, rank=2) == explanation
    document = json.loads(json.dumps(explanation.to_dict()))
    total = sum(path["weight"] for path in document["paths"]) + document["other_paths"] + document["prior"]
    assert total + document["remainder"] == pytest.approx(document["score"])
    assert sum(document["channels"].values()) == pytest.approx(document["paths_total"])


def test_the_tree_tells_learned_hops_from_edges(snapshot: Snapshot, explains: FlowExplainer) -> None:
    from rich.console import Console

    explanation = explains.explain(3, 30)
    shown = io.StringIO()
    Console(file=shown, width=10_000).print(render(explanation))
    text = shown.getvalue()
    assert "popularity" in text
    assert "% of the score is carried by facts" in text
    for path in explanation.paths:
        assert path.text in text
        assert not path.relations[-1].learned or f"┄{path.relations[-1].kind}" in text


def test_models_that_do_not_explain_say_which_do(snapshot: Snapshot) -> None:
    from kgrec.zoo.scorers import DotScorer

    vectors = (np.ones((count, 2), dtype=np.float32) for count in (snapshot.num_users, snapshot.num_items))
    with pytest.raises(UserError, match=r"LightGCN does not explain its scores by paths(.|\n)*\"flow\" or \"linear\""):
        explainer_of(snapshot, DotScorer("LightGCN", *vectors))
