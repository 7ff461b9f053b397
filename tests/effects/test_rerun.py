"""Published models under interventions: every score held against a model that is built from scratch on other data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import Fact, Intervention
from kgrec.effects.edited import edited
from kgrec.effects.facts import Facts
from kgrec.effects.nearby import Nearby
from kgrec.effects.rerun import RerunEffects
from kgrec.errors import StaleError, UserError
from kgrec.zoo import ZOO, fit_zoo, load_zoo
from kgrec.zoo.again import PARAMETERS, TrainedModel
from kgrec.zoo.data import ZooData
from kgrec.zoo.kgcn import sample
from kgrec.zoo.registry import make_config, zoo_class
from kgrec.zoo.sasrec_scorer import SASRecScorer
from kgrec.zoo.sequences import Sequences
from tests.zoo.conftest import build_snapshot

USERS, ITEMS, TAGS, MAKERS = 14, 20, 7, 5
APART = {"Item": ITEMS, "Tag": TAGS, "Maker": MAKERS}
"""Nodes that are joined to each other alone: they keep every form of fact in a graph without changing another score."""
COUNTS = {"Item": ITEMS + 1, "Maker": MAKERS + 1, "Tag": TAGS + 1, "User": USERS}
FORMS = [("Item", "about", "Tag"), ("Item", "near", "Tag"), ("Maker", "made", "Item"), ("Item", "next", "Item")]
SETTINGS: dict[str, dict[str, Any]] = {
    "KGAT": {"layers": (8, 4), "relation_dim": 4},
    "KGCN": {"neighbours": 2},
    "SASRec": {"blocks": 1},
}
INTERVENTIONS = 30

Pair = tuple[int, int, str]
Edge = tuple[str, int, str, str, int]


@dataclass(frozen=True)
class World:
    """Interactions and edges as plain lists, from which any snapshot is written anew."""

    pairs: tuple[Pair, ...]
    edges: tuple[Edge, ...]
    late: tuple[Pair, ...] = ()

    def snapshot(self) -> Snapshot:
        """Those of ``late`` come after all other interactions."""
        made = build_snapshot(COUNTS, (*self.pairs, *self.late), self.edges)
        latest = {one[:2] for one in self.late}
        wait = [10_000 * ((user, item) in latest) for user, item in made.interactions[:, :2].iter_rows()]
        return replace(made, interactions=made.interactions.with_columns(pl.col("timestamp") + pl.Series(wait)))

    def after(self, user: int, intervention: Intervention) -> World:
        gone = {plain(fact) for fact in intervention.drop_facts}
        lost = {(user, item, "train") for item in intervention.drop_items}
        pairs = [pair for pair in self.pairs if pair not in lost]
        late = [(user, item, "train") for item in intervention.add_items]
        edges = [edge for edge in self.edges if edge not in gone]
        return World(tuple(pairs), tuple(edges + [plain(fact) for fact in intervention.add_facts]), tuple(late))


def plain(fact: Fact) -> Edge:
    return (*fact.source, fact.relation, *fact.target)


def fact(edge: Edge) -> Fact:
    return Fact((edge[0], edge[1]), edge[2], (edge[3], edge[4]))


@pytest.fixture(scope="module")
def world() -> World:
    rng = np.random.default_rng(8)
    pairs = [
        (user, int(item), "valid" if n == 0 else "train")
        for user in range(USERS)
        for n, item in enumerate(rng.choice(ITEMS, int(rng.integers(4, 8)), replace=False))
    ]
    edges = {(s, int(rng.integers(APART[s])), r, t, int(rng.integers(APART[t]))) for s, r, t in FORMS * 16}
    edges |= {("Item", 3, "next", "Item", 3), ("Item", 4, "about", "Tag", 0), ("Item", 4, "near", "Tag", 0)}
    return World(tuple(pairs), tuple(sorted(edges)))


@pytest.fixture(scope="module")
def text() -> Features:
    rng = np.random.default_rng(2)
    return {
        kind: (rng.normal(size=(COUNTS[kind], 6)).astype(np.float32), np.ones(COUNTS[kind], dtype=bool))
        for kind in ("Item", "Tag")
    }


@dataclass(frozen=True, eq=False)
class Model:
    name: str
    snapshot: Snapshot
    effects: RerunEffects
    trained: TrainedModel
    text: Features

    def from_scratch(self, world: World, user: int) -> NDArray[np.float32]:
        """A user's scores by a model of its own, with the same parameters, on a snapshot of its own."""
        snapshot = world.snapshot()
        row = snapshot.matrix("train")[[user]]
        if self.name == "SASRec":
            served = self.effects.scorer
            assert isinstance(served, SASRecScorer)
            scorer: Any = SASRecScorer("SASRec", served.weights, served.heads, Sequences.of_training(snapshot))
            return np.asarray(scorer.score(row, np.array([user]))[0])
        kind = zoo_class(self.name)
        model = kind(ZooData.of(snapshot, self.text), make_config(kind, {"dim": 8, **SETTINGS.get(self.name, {})}), 3)
        model.load_state_dict(self.trained.parameters)
        return np.asarray(model.eval().scorer().score(row, np.array([user]))[0])


@pytest.fixture(scope="module", params=ZOO)
def model(
    request: pytest.FixtureRequest, world: World, text: Features, tmp_path_factory: pytest.TempPathFactory
) -> Model:
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    alive = world.edges + tuple((s, APART[s], r, t, APART[t]) for s, r, t in FORMS)
    snapshot = World(world.pairs, alive).snapshot()
    settings = {"dim": 8, "epochs": 3, "learning_rate": 0.05, **SETTINGS.get(name, {})}
    fit_zoo(name, snapshot, settings, text=text, seed=3, folder=folder)
    trained = TrainedModel(folder, snapshot, text)
    return Model(name, snapshot, RerunEffects(snapshot, load_zoo(folder, snapshot), trained.scorer), trained, text)


def interventions(world: World, snapshot: Snapshot) -> Iterator[tuple[int, Intervention]]:
    """Interactions and facts, one and several, away and added; hubs, parallel edges, a loop, whole histories."""
    rng = np.random.default_rng(11)
    train = snapshot.matrix("train")
    for n in range(INTERVENTIONS):
        user = int(rng.integers(USERS))
        had = train[[user]].indices
        others = np.setdiff1d(np.arange(ITEMS), had)
        taken = rng.choice(had, len(had) if n % 10 == 0 else int(rng.integers(0, 3)), replace=False)
        added = rng.choice(others, int(rng.integers(0, 3)), replace=False)
        gone = rng.choice(len(world.edges), int(rng.integers(0, 5)), replace=False)
        new = {(s, int(rng.integers(APART[s])), r, t, int(rng.integers(APART[t]))) for s, r, t in FORMS}
        some = sorted(new - set(world.edges))[: int(rng.integers(0, 4))]
        yield (
            user,
            Intervention(
                frozenset(map(int, taken)),
                frozenset(map(int, added)),
                frozenset(fact(world.edges[place]) for place in gone),
                frozenset(map(fact, some)),
            ),
        )


def test_every_score_is_that_of_a_model_built_from_scratch(model: Model, world: World) -> None:
    alive = World(world.pairs, tuple(map(tuple, model.snapshot.edges.drop("origin").rows())))
    moved = 0
    for user, intervention in interventions(world, model.snapshot):
        history = model.effects.history(user)
        model.effects.check(history, intervention)
        before, after = (model.effects.score(user, history, one) for one in (None, intervention))
        expected = model.from_scratch(alive.after(user, intervention), user)
        scale = float(np.abs(before).max())
        np.testing.assert_allclose(after, expected, atol=1e-5 * scale)
        moved += not np.allclose(before, after, atol=1e-4 * scale)
    assert moved > INTERVENTIONS // 2 or model.name == "CFKG"
    assert (moved == 0) == (model.name == "CFKG")


def test_without_an_intervention_it_is_what_is_served(model: Model) -> None:
    train = model.snapshot.matrix("train")
    served = model.effects.scorer.score(train, np.arange(USERS))
    for user in range(USERS):
        scores = model.effects.score(user, model.effects.history(user))
        np.testing.assert_allclose(scores, served[user], atol=1e-5 * np.abs(served).max())


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form[1])
def test_a_relation_that_loses_its_last_edge_keeps_its_number(model: Model, world: World, form: Any) -> None:
    """The reference keeps an edge of the relation between two nodes that nothing else touches."""
    alive = World(world.pairs, tuple(map(tuple, model.snapshot.edges.drop("origin").rows())))
    every = Intervention.without(facts=model.effects.facts.of_relation(form[1]))
    kept = Intervention.without(facts=[one for one in every.drop_facts if one.source[1] != APART[form[0]]])
    assert len(kept.drop_facts) == len(every.drop_facts) - 1
    for user in (0, 5):
        scores = model.effects.score(user, model.effects.history(user), every)[:ITEMS]
        expected = model.from_scratch(alive.after(user, kept), user)[:ITEMS]
        np.testing.assert_allclose(scores, expected, atol=1e-5 * np.abs(expected).max())


def test_lightgcn_by_its_formula(world: World, tmp_path: Path) -> None:
    """``mean_l (D^{-1/2} A D^{-1/2})^l E`` written out densely."""
    snapshot = world.snapshot()
    fit_zoo("LightGCN", snapshot, {"dim": 8, "epochs": 2, "layers": 3}, folder=tmp_path)
    trained = TrainedModel(tmp_path, snapshot)
    effects = RerunEffects(snapshot, load_zoo(tmp_path, snapshot), trained.scorer)
    embedding = trained.parameters["embedding"].numpy().astype(np.float64)
    train = snapshot.matrix("train").toarray().astype(np.float64)
    for user, intervention in interventions(world, snapshot):
        held = train.copy()
        held[user, sorted(intervention.drop_items)] = 0
        held[user, sorted(intervention.add_items)] = 1
        whole = np.block([[np.zeros((USERS, USERS)), held], [held.T, np.zeros((ITEMS + 1, ITEMS + 1))]])
        degree = np.maximum(whole.sum(1), 1e-12)
        normal = whole / np.sqrt(np.outer(degree, degree))
        layers = [np.linalg.matrix_power(normal, power) @ embedding for power in range(4)]
        users, items = np.split(np.mean(layers, axis=0), [USERS])
        scores = effects.score(user, effects.history(user), intervention)
        np.testing.assert_allclose(scores, items @ users[user], atol=1e-5 * np.abs(scores).max())


def test_kgcn_keeps_the_neighbours_of_others(world: World) -> None:
    snapshot = world.snapshot()
    whole = sample(ZooData.of(snapshot), 2, seed=1)
    for edge in world.edges[::3]:
        gone = Intervention.without(facts=[fact(edge)])
        after = sample(ZooData.of(edited(snapshot, 0, gone), like=snapshot), 2, seed=1)
        touched = {end for kind, end in ((edge[0], edge[1]), (edge[3], edge[4])) if kind == "Item"}
        rest = [item for item in range(ITEMS) if item not in touched]
        for one, other in zip(whole, after, strict=True):
            np.testing.assert_array_equal(one[rest], other[rest])


def test_nearest_first(world: World) -> None:
    """By a cosine written out: who holds both, and the neighbours that both have."""
    snapshot = world.snapshot()
    near = Nearby(snapshot, Facts(snapshot))
    rows = [{("User", user) for user, item, part in world.pairs if item == i and part == "train"} for i in range(ITEMS)]
    for source, a, _, target, b in world.edges:
        for kind, item, end in ((source, a, (target, b)), (target, b, (source, a))):
            if kind == "Item":
                rows[item].add(end)
    history = np.arange(0, ITEMS, 2)
    cosine = [len(rows[j] & rows[3]) / np.sqrt(max(1, len(rows[j]) * len(rows[3]))) for j in history]
    found = near.interactions(history, 3)
    np.testing.assert_allclose([cosine[j // 2] for j in found], sorted(cosine, reverse=True), atol=1e-6)
    about = near.about(history, 4)
    assert set(about) == {fact(edge) for edge in world.edges if ("Item", 4) in ((edge[0], edge[1]), (edge[3], edge[4]))}
    shared = [
        sum(end in rows[j] - {("User", end[1])} for j in history)
        for end in (one.target if one.source == ("Item", 4) else one.source for one in about)
    ]
    assert shared == sorted(shared, reverse=True)


def test_people_whom_the_model_never_saw(model: Model) -> None:
    if model.name != "SASRec":
        with pytest.raises(UserError, match="a vector for each user of the training data and for nobody else"):
            model.effects.score(None, np.array([1, 2]))
        return
    scores = model.effects.score(None, np.array([1, 2]), Intervention(frozenset([1]), frozenset([5])))
    row = sp.csr_array((np.ones(2, dtype=np.float32), ([0, 0], [2, 5])), shape=(1, ITEMS + 1))
    np.testing.assert_array_equal(scores, model.effects.scorer.score(row)[0])


def test_refused(model: Model) -> None:
    history = model.effects.history(0)
    other = int(np.setdiff1d(np.arange(ITEMS), history)[0])
    for intervention, words in (
        (Intervention(drop_items=frozenset([other])), "no such interaction"),
        (Intervention(add_items=frozenset(map(int, history[:1]))), "in the history already"),
        (Intervention.without(facts=[Fact(("Item", 0), "near", ("Tag", TAGS))]), "no such edge"),
        (Intervention(add_facts=frozenset([Fact(("Tag", 0), "near", ("Item", 6))])), "has learned no weight"),
    ):
        with pytest.raises(UserError, match=words):
            model.effects.check(history, intervention)


def test_parameters_that_are_missing_or_others(world: World, tmp_path: Path) -> None:
    snapshot = world.snapshot()
    for seed in (0, 1):
        fit_zoo("KGIN", snapshot, {"dim": 8, "epochs": 1}, seed=seed, folder=tmp_path / str(seed))
    scorer = load_zoo(tmp_path / "0", snapshot)
    (tmp_path / "1" / PARAMETERS).replace(tmp_path / "0" / PARAMETERS)
    with pytest.raises(StaleError, match="there are no parameters"):
        TrainedModel(tmp_path / "1", snapshot)
    effects = RerunEffects(snapshot, scorer, TrainedModel(tmp_path / "0", snapshot).scorer)
    with pytest.raises(StaleError, match="do not give the model's scores"):
        effects.score(0, effects.history(0))
    (tmp_path / "0" / PARAMETERS).write_bytes(b"nothing")
    with pytest.raises(StaleError, match="damaged"):
        TrainedModel(tmp_path / "0", snapshot)


def test_the_generator_is_left_alone(model: Model) -> None:
    state = torch.random.get_rng_state()
    model.trained.scorer()
    assert torch.equal(state, torch.random.get_rng_state())
