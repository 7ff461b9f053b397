"""Local updates against the edited graph worked out whole: 1,000 interventions of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.effects import Fact, FlowEffects, Intervention
from kgrec.flow.channels.rp3 import POWER
from kgrec.flow.model import FlowScorer
from tests.effects.conftest import Model
from tests.effects.reference import rebuilt

EDITS, PEOPLE = 50, 20
TOLERANCE = 1e-5


def facts_of(model: Model, rng: np.random.Generator, number: int) -> list[Fact]:
    frame = model.effects.facts.frame
    rows = frame[rng.choice(len(frame), number, replace=number > len(frame))]
    return [Fact((a, b), r, (c, d)) for a, b, r, c, d in rows.iter_rows()]


def new_fact(model: Model, rng: np.random.Generator) -> Fact:
    """An edge that is not there: to a hub, to a leaf, between items, to itself."""
    while True:
        item = ("Item", int(rng.integers(model.snapshot.num_items)))
        some = [
            Fact(item, "genre", ("Genre", int(rng.integers(8)))),
            Fact(("Person", int(rng.integers(60))), "played in", item),
            Fact(item, "follows", ("Item", int(rng.integers(model.snapshot.num_items)))),
            Fact(item, "follows", item),
        ]
        fact = some[rng.integers(4)]
        if fact not in model.effects.facts:
            return fact


def interventions(model: Model, kind: str, rng: np.random.Generator) -> Iterator[Intervention]:
    for _ in range(EDITS):
        if kind == "fact":
            yield Intervention.without(facts=facts_of(model, rng, int(rng.integers(1, 4))))
        elif kind == "added fact":
            yield Intervention(add_facts=frozenset(new_fact(model, rng) for _ in range(rng.integers(1, 3))))
        elif kind == "entity":
            node = [
                ("Genre", int(rng.integers(8))),
                ("Person", int(rng.integers(60))),
                ("Item", int(rng.integers(160))),
            ]
            yield Intervention.without(facts=model.effects.facts.of_node(node[rng.integers(3)]))
        else:
            assert kind == "both"
            yield Intervention(
                drop_facts=frozenset(facts_of(model, rng, 2)), add_facts=frozenset([new_fact(model, rng)])
            )


def edited_walks(model: Model, scorer: FlowScorer, user: int, items: NDArray[np.int64]) -> FlowScorer:
    """The model with a user's row of the interactions as it would be: item degrees and other people as they were."""
    before = model.snapshot.matrix("train").tocoo()
    others = before.coords[0] != user
    rows = np.concatenate([before.coords[0][others], np.full(len(items), user)])
    columns = np.concatenate([before.coords[1][others], items])
    train = sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=before.shape)
    degree = np.maximum(scorer.flow.catalogue.degree, 1.0)
    back = sp.csr_array(sp.diags_array(degree**-POWER) @ train.T).astype(np.float32)
    size = np.maximum(np.asarray(train.sum(axis=1)).ravel(), 1.0)
    onward = sp.csr_array(sp.diags_array(size**-POWER) @ train).astype(np.float32)
    channels = tuple(replace(c, factors=(back, onward)) if c.name == "rp3" else c for c in scorer.flow.channels)
    return replace(scorer, flow=replace(scorer.flow, channels=channels))


def whole(model: Model, scorer: FlowScorer, user: int, intervention: Intervention) -> NDArray[np.float32]:
    """Scores by the rebuilt model of the edited history."""
    train = model.snapshot.matrix("train")
    own = set(train[[user]].indices.tolist())
    items = np.array(sorted((own - intervention.drop_items) | intervention.add_items), dtype=np.int64)
    row = sp.csr_array((np.ones(len(items), np.float32), items, np.array([0, len(items)])), shape=(1, train.shape[1]))
    return edited_walks(model, scorer, user, items).score(row, np.array([user]))[0]


def close(model: Model, user: int, got: NDArray[np.float32], want: NDArray[np.float32]) -> None:
    assert np.abs(got - want).max() <= TOLERANCE * np.abs(model.scores[user]).max()


@pytest.mark.parametrize("kind", ["fact", "added fact", "entity", "both"])
def test_facts(model: Model, kind: str) -> None:
    rng = np.random.default_rng(len(kind))
    moved = 0
    for intervention in interventions(model, kind, rng):
        scorer = rebuilt(model.snapshot, model.scorer, model.text, intervention.drop_facts, intervention.add_facts)
        for user in rng.choice(model.snapshot.num_users, PEOPLE, replace=False).tolist():
            person = model.effects.person(user)
            got = model.effects.score(person, intervention)
            close(model, user, got, scorer.score(person.history, person.users)[0])
            moved += bool(np.abs(got - model.scores[user]).max() > 1e-3)
    assert moved > EDITS  # the interventions did something


@pytest.mark.parametrize("relation", ["genre", "made", "played in", "follows"])
def test_a_whole_relation(model: Model, relation: str) -> None:
    intervention = Intervention.without(facts=model.effects.facts.of_relation(relation))
    scorer = rebuilt(model.snapshot, model.scorer, model.text, intervention.drop_facts, ())
    for user in range(model.snapshot.num_users):
        person = model.effects.person(user)
        close(model, user, model.effects.score(person, intervention), scorer.score(person.history, person.users)[0])


@pytest.mark.parametrize("kind", ["taken away", "added", "exchanged"])
def test_interactions(model: Model, kind: str) -> None:
    rng = np.random.default_rng(len(kind))
    for _ in range(EDITS * PEOPLE):
        user = int(rng.integers(model.snapshot.num_users))
        own = model.effects.person(user).items
        others = np.setdiff1d(np.arange(model.snapshot.num_items), own)
        drop = rng.choice(own, min(len(own), int(rng.integers(1, 4))), replace=False) if kind != "added" else []
        add = rng.choice(others, int(rng.integers(1, 3)), replace=False) if kind != "taken away" else []
        intervention = Intervention(frozenset(map(int, drop)), frozenset(map(int, add)))
        got = model.effects.score(model.effects.person(user), intervention)
        close(model, user, got, whole(model, model.scorer, user, intervention))


def test_paths(model: Model) -> None:
    """An interaction and the facts of a path through it, together."""
    rng = np.random.default_rng(8)
    done = 0
    while done < EDITS:
        item = int(rng.integers(model.snapshot.num_items))
        facts = sorted(model.effects.facts.of_node(("Item", item)))
        users = np.flatnonzero(model.snapshot.matrix("train")[:, [item]].toarray().ravel())
        if not facts or not len(users):
            continue
        done += 1
        some = {facts[rng.integers(len(facts))] for _ in range(2)}
        intervention = Intervention.without([item], some)
        scorer = rebuilt(model.snapshot, model.scorer, model.text, some, ())
        for user in rng.choice(users, min(PEOPLE, len(users)), replace=False).tolist():
            got = model.effects.score(model.effects.person(user), intervention)
            close(model, user, got, whole(model, scorer, user, intervention))


def test_nothing_changes_where_nothing_is_edited(model: Model) -> None:
    for user in range(model.snapshot.num_users):
        person = model.effects.person(user)
        assert (model.effects.score(person) == model.scorer.score(person.history, person.users)[0]).all()


def test_the_whole_history_gone(model: Model) -> None:
    person = model.effects.person(3)
    scores = model.effects.score(person, Intervention.without(person.items.tolist()))
    assert np.abs(scores - model.scorer.prior()).max() < 1e-5


def test_the_same_on_the_shipped_data(small_run: object) -> None:
    """The model that the whole road makes, with its own gates."""
    from kgrec.pipeline.run import Run
    from kgrec.pipeline.why import text_reader

    assert isinstance(small_run, Run)
    read = text_reader(small_run)
    effects = FlowEffects(small_run.snapshot, small_run.scorer, read)
    rng = np.random.default_rng(0)
    frame = effects.facts.frame
    for _ in range(10):
        rows = frame[rng.choice(len(frame), 2)]
        facts = [Fact((a, b), r, (c, d)) for a, b, r, c, d in rows.iter_rows()]
        scorer = rebuilt(small_run.snapshot, small_run.scorer, read(), facts, ())
        for user in rng.choice(small_run.snapshot.num_users, 5).tolist():
            person = effects.person(user)
            scores = effects.score(person)
            got = effects.score(person, Intervention.without(facts=facts))
            want = scorer.score(person.history, person.users)[0]
            assert np.abs(got - want).max() <= TOLERANCE * np.abs(scores).max()
