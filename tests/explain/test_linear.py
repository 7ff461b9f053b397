"""Explanations of the linear network: every effect, place and set worked out again on an edited graph."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from kgrec.config.recipe import ExplainConfig
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import Fact, Intervention, Ranking
from kgrec.effects.edited import edited
from kgrec.effects.graph_sets import GraphSets, single
from kgrec.explain.explainer import Explainer
from kgrec.explain.language import Language
from kgrec.explain.linear import LinearExplainer
from kgrec.explain.tree import render
from kgrec.explain.types import Edge, Path
from kgrec.models.propagation import Propagation
from kgrec.recommend.linear import LinearScorer
from tests.explain.conftest import make_propagation, make_snapshot, over

USERS, ITEMS = 30, 60
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    rng = np.random.default_rng(2)
    pairs = [
        (user, int(item), "valid" if n == 0 else "train")
        for user in range(USERS - 1)
        for n, item in enumerate(rng.permutation(np.arange(user % 3, ITEMS, 3))[:11])
    ]
    edges = [("Item", item, "of", "Taste", item % 3, "a") for item in range(0, ITEMS, 2)]
    edges += [("Item", item, "of", "Taste", item % 3, "b") for item in range(0, ITEMS, 6)]
    edges += [("Item", item, "next", "Item", (7 * item) % ITEMS, "a") for item in range(ITEMS)]
    edges += [("Taste", 0, "near", "Taste", 1, "a"), ("User", 3, "likes", "Taste", 0, "a")]
    return make_snapshot({"Item": ITEMS, "Taste": 3, "User": USERS}, edges, pairs)


@pytest.fixture(scope="module")
def explainer(snapshot: Snapshot) -> LinearExplainer:
    propagation = make_propagation(snapshot, seed=1, layers=2)
    return LinearExplainer(snapshot, LinearScorer(propagation), ExplainConfig(max_hops=4, paths=8))


def scores_of(explainer: LinearExplainer, user: int, gone: Intervention) -> NDArray[np.float32]:
    after = edited(explainer.snapshot, user, gone)
    again = over(after, explainer.effects.scorer.propagation)
    return again.score(after.matrix("train")[[user]], np.array([user]))[0]


def ranking_of(snapshot: Snapshot, user: int) -> Ranking:
    allowed = np.ones(snapshot.num_items, dtype=bool)
    allowed[snapshot.matrix("train", "valid")[[user]].indices] = False
    return Ranking(allowed)


def ids(snapshot: Snapshot) -> dict[str, tuple[str, int]]:
    """IRI → node; a person who is no user has none."""
    return {"": ("", -1)} | {iri: (kind, n) for kind, n, iri in snapshot.nodes.select("type", "id", "iri").iter_rows()}


def of_path(snapshot: Snapshot, path: Path) -> Intervention:
    """A path's own edges: its first interaction, and its facts."""
    place, items, facts = ids(snapshot), [], []
    for n, hop in enumerate(path.relations):
        a, b = place[path.nodes[n].id], place[path.nodes[n + 1].id]
        if hop.kind == "fact":
            facts.append(Fact(a, hop.name, b) if hop.direction == "forward" else Fact(b, hop.name, a))
        elif n == 0:
            items.append(b[1])
    return Intervention.without(items, facts)


def of_edges(snapshot: Snapshot, edges: Iterable[Edge]) -> Intervention:
    place, edges = ids(snapshot), list(edges)
    return Intervention.without(
        [place[edge.target.id][1] for edge in edges if edge.relation.kind == "interaction"],
        [
            Fact(place[edge.source.id], edge.relation.name, place[edge.target.id])
            for edge in edges
            if edge.relation.kind == "fact"
        ],
    )


def test_effects_and_places_are_those_of_the_edited_graph(explainer: LinearExplainer, snapshot: Snapshot) -> None:
    kinds = set()
    for user in (0, 3, 7):
        ranking = ranking_of(snapshot, user)
        scores = scores_of(explainer, user, Intervention())
        alike = np.flatnonzero(ranking.allowed & (np.arange(ITEMS) % 3 == user % 3))
        for item in (*ranking.top(scores, 10)[[0, 4, 9]].tolist(), *alike.tolist()):
            found = explainer.explain(user, item)
            assert found.rank == ranking.place(scores, item)
            effects = [path.effect for path in found.paths]
            assert effects == sorted(effects, reverse=True)
            for path in found.paths:
                gone = of_path(snapshot, path)
                kinds.add((bool(gone.drop_items), bool(gone.drop_facts)))
                after = scores_of(explainer, user, gone)
                expected = float(scores[item]) - float(after[item])
                assert path.effect == pytest.approx(expected, abs=TOLERANCE * float(np.abs(scores).max()))
                assert path.rank_without == ranking.place(after, item)
    assert kinds == {(True, False), (True, True), (False, True)}


def test_sets(explainer: LinearExplainer, snapshot: Snapshot) -> None:
    necessary = sufficient = 0
    for user in (0, 3, 7, 12):
        ranking, history = ranking_of(snapshot, user), explainer.effects.history(user)
        scores = scores_of(explainer, user, Intervention())
        for item in ranking.top(scores, 10)[[0, 5, 9]].tolist():
            causes = explainer.explain(user, item).causes
            assert causes is not None
            assert len(causes.texts) == 2
            if causes.necessary is not None:
                necessary += 1
                for left in range(-1, len(causes.necessary) if len(causes.necessary) > 1 else 0):
                    some = [edge for n, edge in enumerate(causes.necessary) if n != left]
                    after = scores_of(explainer, user, of_edges(snapshot, some))
                    out = ranking.place(after, item) > 10 or np.ptp(after) == 0
                    assert out == (left < 0)
            assert causes.sufficient is not None
            kept = of_edges(snapshot, causes.sufficient)
            every = explainer.effects.facts.of_node(("Item", item))
            rest = Intervention.without(set(history.tolist()) - kept.drop_items, every - kept.drop_facts)
            after = scores_of(explainer, user, rest)
            assert ranking.place(after, item) <= 10
            assert np.ptp(after) > 0
            sufficient += 0 < len(causes.sufficient) < len(history)
    assert necessary
    assert sufficient


def test_the_rest_that_goes_is_the_persons_and_the_items(
    explainer: LinearExplainer, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Facts further along a path may be tried one by one, but they stay where they are when everything else goes."""
    history = explainer.effects.history(0)
    listed = GraphSets(explainer.effects, 0, history, ranking_of(snapshot, 0), 10)
    item = int(listed.ranking.top(listed.scores, 1)[0])
    own = explainer.effects.facts.of_node(("Item", item))
    far = explainer.effects.facts.of_node(("Item", int(history[0]))) - own
    assert own
    assert far
    asked: list[Intervention] = []
    score = explainer.effects.score

    def spied(user: int, items: NDArray[np.int64], intervention: Intervention) -> NDArray[np.float32]:
        asked.append(intervention)
        return score(user, items, intervention)

    monkeypatch.setattr(explainer.effects, "score", spied)
    kept = listed.sufficient(item, single(history[:3], [*sorted(far), *sorted(own)]), single(history[3:], []))
    assert Intervention.without(history.tolist(), own) in asked
    assert not any(one.drop_facts & far for one in asked)
    assert not any(set(one.facts) & far for one in kept)


def test_a_network_that_read_no_facts(snapshot: Snapshot) -> None:
    """No fact is tried: none is read."""
    bare = snapshot.without_knowledge()
    scorer = LinearScorer(make_propagation(bare, seed=1, layers=2))
    explainer = LinearExplainer(snapshot, scorer, ExplainConfig(max_hops=4, paths=8))
    item = int(ranking_of(snapshot, 7).top(explainer.effects.score(7, explainer.effects.history(7)), 1)[0])
    found = explainer.explain(7, item, instead_of=item + 1)
    assert found == LinearExplainer(bare, scorer, ExplainConfig(max_hops=4, paths=8)).explain(
        7, item, instead_of=item + 1
    )
    assert found.causes is not None
    assert found.causes.sufficient is not None
    assert {edge.relation.kind for edge in found.causes.sufficient} <= {"interaction"}
    assert not len(explainer.effects.facts)


def test_contrast(explainer: LinearExplainer, snapshot: Snapshot) -> None:
    turned = 0
    for user in (0, 3, 7):
        ranking = ranking_of(snapshot, user)
        scores = scores_of(explainer, user, Intervention())
        top = ranking.top(scores, 10).tolist()
        for item, other in ((top[0], top[1]), (top[9], top[0])):
            found = explainer.explain(user, item, instead_of=other)
            assert found.causes is not None
            contrast = found.causes.contrast
            assert contrast is not None
            sign = 1 if contrast.above else -1
            difference = float(scores[item]) - float(scores[other])
            assert sign * difference >= 0
            for edge in contrast.edges:
                after = scores_of(explainer, user, of_edges(snapshot, [edge]))
                expected = sign * (difference - float(after[item]) + float(after[other]))
                assert edge.effect == pytest.approx(expected, abs=TOLERANCE * float(np.abs(scores).max()))
            if contrast.turned_by is not None:
                turned += 1
                after = scores_of(explainer, user, of_edges(snapshot, contrast.turned_by))
                assert sign * (float(after[item]) - float(after[other])) < 0
            assert render(found) is not None
    assert turned


def test_people_who_are_no_users_and_people_without_history(explainer: LinearExplainer, snapshot: Snapshot) -> None:
    found = explainer.explain(None, 9, history=[0, 3, 6])
    assert found.user == ""
    assert found.paths
    for path in found.paths:
        gone = of_path(snapshot, path)
        after = explainer.effects.score(None, np.array([0, 3, 6]), gone)
        assert gone
        assert path.effect == pytest.approx(found.score - float(after[9]), abs=1e-5 * abs(found.score))
    nothing = explainer.explain(USERS - 1, 0)
    assert nothing.score == 0
    assert nothing.causes is not None
    assert nothing.causes.necessary is nothing.causes.sufficient is None


def test_paths_are_the_heaviest(explainer: LinearExplainer, snapshot: Snapshot) -> None:
    bare = Explainer(snapshot, explainer.effects.scorer.propagation, ExplainConfig(max_hops=4, paths=8))
    found, expected = explainer.explain(4, 1), bare.explain(4, 1)
    assert {path.text for path in found.paths} == {path.text for path in expected.paths}
    assert found.paths_total == expected.paths_total
    assert found.other_paths == pytest.approx(expected.other_paths)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_words(explainer: LinearExplainer, snapshot: Snapshot, lang: str) -> None:
    item = int(ranking_of(snapshot, 7).top(explainer.effects.score(7, explainer.effects.history(7)), 1)[0])
    found = explainer.explain(7, item, lang=lang)
    assert found.causes is not None
    say = Language.of(lang).say
    assert found.causes.texts[1] != say("set.alone", k=10)  # no popularity carries anything here
    assert found == explainer.explain(7, item, lang=lang)
    document = found.to_dict()
    assert {"necessary", "sufficient", "contrast"} <= set(document)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_sets_that_are_not_there_are_told_as_what_was_tried(snapshot: Snapshot, lang: str) -> None:
    drawn = make_propagation(snapshot, seed=1, layers=2, user_vectors=True)
    x = drawn.x.copy()
    # people whose own vectors say almost everything
    x[snapshot.offsets["User"] :] *= 100
    weights = {name: getattr(drawn, name) for name in ("name", "layer_weights", "edge_types", "forward", "reverse")}
    scorer = LinearScorer(Propagation.of(snapshot, x=x, **weights))
    explainer = LinearExplainer(snapshot, scorer, ExplainConfig(max_hops=4, paths=8))
    say, none, alone = Language.of(lang).say, 0, 0
    for user in range(0, USERS, 3):
        scores = explainer.effects.score(user, explainer.effects.history(user))
        item = int(ranking_of(snapshot, user).top(scores, 1)[0])
        found = explainer.explain(user, item, lang=lang)
        assert found.causes is not None
        if found.causes.necessary is None:
            none += 1
            facts = set(explainer.effects.facts.of_node(("Item", item)))
            facts = facts.union(*(of_path(snapshot, path).drop_facts for path in found.paths))
            tried = {"items": min(len(explainer.effects.history(user)), 10), "facts": min(len(facts), 10)}
            assert found.causes.texts[0] == say("set.not_found", k=10, most=10, **tried)
        if not found.causes.sufficient:
            alone += 1
            assert found.causes.texts[1] == say("set.learned", k=10)
    assert none
    assert alone
