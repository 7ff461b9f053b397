"""The linear network under 1,000 interventions of each kind, each against a propagation over the edited graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import Fact, Intervention
from kgrec.effects.adjacency import AdjacencyEdits
from kgrec.effects.edited import edited
from kgrec.effects.linear import LinearEffects, by_type
from kgrec.errors import UserError
from kgrec.models.propagation import build_adjacency
from kgrec.recommend.linear import LinearScorer
from tests.effects.conftest import edges
from tests.explain.conftest import make_propagation, make_snapshot, over

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run

USERS, ITEMS = 60, 160
TOLERANCE = 1e-5
EDITS, PEOPLE = 50, 20
KINDS = ("facts", "parallel edges and loops", "entity", "added facts", "both")


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """Also users' own facts, people who have nothing, and items that nobody holds."""
    rng = np.random.default_rng(6)
    pairs = []
    for user in range(USERS - 2):
        popular = np.arange(ITEMS - 10, 0, -1.0) ** 2
        count = int(rng.integers(1, 30))
        some = rng.choice(ITEMS - 10, count, replace=False, p=popular / popular.sum())
        pairs += [(user, int(item), "test" if n == 1 else "train") for n, item in enumerate(some)]
    told = edges(rng)
    told += [("User", user, "lives in", "City", user % 3, "a") for user in range(0, USERS, 7)]
    told += [("User", user, "knows", "User", user + 1, "a") for user in range(0, 20, 4)]
    told += [("Item", item, "made in", "City", item % 3, "a") for item in range(0, ITEMS, 40)]
    return make_snapshot({"City": 3, "Genre": 8, "Item": ITEMS, "Person": 60, "User": USERS}, told, pairs)


@pytest.fixture(scope="module", params=[False, True], ids=["by history", "users' vectors"])
def effects(request: pytest.FixtureRequest, snapshot: Snapshot) -> LinearEffects:
    propagation = make_propagation(snapshot, seed=2, layers=3, user_vectors=request.param)
    return LinearEffects(snapshot, LinearScorer(propagation))


def whole(effects: LinearEffects, user: int, intervention: Intervention, asked: list[int]) -> NDArray[np.float32]:
    """Scores of some users on the graph in which one user's interactions and the facts are others."""
    after = edited(effects.snapshot, user, intervention)
    return over(after, effects.scorer.propagation).score(after.matrix("train")[asked], np.array(asked))


def close(effects: LinearEffects, user: int, got: NDArray[np.float32], want: NDArray[np.float32]) -> float:
    before = effects.score(user, effects.history(user))
    scale = float(np.abs(before).max())
    # somebody without an edge scores nothing; what is added to it has a scale of its own
    assert np.abs(got - want).max() <= TOLERANCE * max(scale, float(np.abs(want).max()))
    return float(np.abs(got - before).max()) / (scale or 1.0)


def fact_of(row: tuple[str, int, str, str, int]) -> Fact:
    return Fact((row[0], row[1]), row[2], (row[3], row[4]))


def new_fact(effects: LinearEffects, rng: np.random.Generator) -> Fact:
    """To a hub, to a leaf, between items and between users, to itself, between nodes that are joined already."""
    while True:
        item = ("Item", int(rng.integers(ITEMS)))
        other = effects.facts.frame.filter(effects.facts.frame["relation"] == "made").row(int(rng.integers(30)))
        some = [
            Fact(item, "genre", ("Genre", int(rng.integers(8)))),
            Fact(("Person", int(rng.integers(60))), "played in", item),
            Fact(item, "follows", ("Item", int(rng.integers(ITEMS)))),
            Fact(item, "follows", item),
            Fact(("User", int(rng.integers(USERS))), "knows", ("User", int(rng.integers(USERS)))),
            replace(fact_of(other), relation="played in"),
        ]
        fact = some[rng.integers(len(some))]
        if fact not in effects.facts:
            return fact


def interventions(effects: LinearEffects, kind: str, rng: np.random.Generator) -> Iterator[Intervention]:
    every = [fact_of(row) for row in effects.facts.frame.iter_rows()]
    twice = sorted({fact_of(row[:5]) for row in effects.snapshot.edges.iter_rows() if row[5] == "b"})
    loops = [fact for fact in every if fact.source == fact.target]

    def some(facts: list[Fact], most: int) -> list[Fact]:
        return [facts[n] for n in rng.choice(len(facts), int(rng.integers(1, most)), replace=False)]

    nodes = ("Genre", 8), ("Person", 60), ("Item", ITEMS), ("City", 3)
    for n in range(EDITS):
        if kind == "facts":
            yield Intervention.without(facts=some(every, 4))
        elif kind == "parallel edges and loops":
            yield Intervention.without(facts=[*some(twice, 4), *some(loops, 3)])
        elif kind == "entity":
            node, count = nodes[n % 4]
            yield Intervention.without(facts=effects.facts.of_node((node, int(rng.integers(count)))))
        else:
            added = frozenset(new_fact(effects, rng) for _ in range(rng.integers(1, 4)))
            yield Intervention(add_facts=added, drop_facts=frozenset(some(every, 4) if kind == "both" else ()))


@pytest.mark.parametrize("kind", KINDS)
def test_facts(effects: LinearEffects, kind: str) -> None:
    rng = np.random.default_rng(len(kind))
    moved = 0.0
    for intervention in interventions(effects, kind, rng):
        asked = rng.choice(USERS, PEOPLE, replace=False).tolist()
        for user, want in zip(asked, whole(effects, asked[0], intervention, asked), strict=True):
            moved += close(effects, user, effects.score(user, effects.history(user), intervention), want) > 1e-3
    assert moved > EDITS * PEOPLE / 4 or (kind == "entity" and moved > EDITS)


@pytest.mark.parametrize("relation", ["genre", "made", "played in", "follows", "lives in", "knows"])
def test_a_whole_relation(effects: LinearEffects, relation: str) -> None:
    intervention = Intervention.without(facts=effects.facts.of_relation(relation))
    asked = list(range(USERS))
    for user, want in zip(asked, whole(effects, 0, intervention, asked), strict=True):
        close(effects, user, effects.score(user, effects.history(user), intervention), want)


@pytest.mark.parametrize("kind", ["taken away", "added", "exchanged", "path"])
def test_interactions(effects: LinearEffects, kind: str) -> None:
    """A path is an interaction and facts behind its item: one, or several that share it."""
    rng = np.random.default_rng(len(kind))
    moved = 0.0
    start = effects.snapshot.offsets["User"]
    many = EDITS * PEOPLE // (5 if effects.scorer.propagation.x[start:].any() else 1)
    for n in range(many):
        user = int(rng.integers(USERS))
        own = effects.history(user)
        drop = rng.choice(own, min(len(own), int(rng.integers(1, 4))), replace=False) if kind != "added" else own[:0]
        facts: list[Fact] = []
        if kind == "path":
            drop = drop[:1]
            near = sorted(set().union(*(effects.facts.of_node(("Item", int(item))) for item in drop)))
            facts = [near[int(rng.integers(len(near)))] for _ in range(2) if near]
        if n % 50 == 0 and kind == "taken away":
            drop = own
        others = np.setdiff1d(np.arange(ITEMS), own)
        add = rng.choice(others, int(rng.integers(1, 3)), replace=False) if kind in ("added", "exchanged") else own[:0]
        intervention = Intervention(frozenset(map(int, drop)), frozenset(map(int, add)), frozenset(facts))
        if intervention:
            got = effects.score(user, own, intervention)
            moved += close(effects, user, got, whole(effects, user, intervention, [user])[0]) > 1e-3
    assert moved > many / 2


def test_nothing_changes_where_nothing_is_edited(effects: LinearEffects) -> None:
    train = effects.snapshot.matrix("train")
    served = effects.scorer.score(train, np.arange(USERS))
    for user in range(USERS):
        scores = effects.score(user, effects.history(user))
        np.testing.assert_allclose(scores, served[user], atol=1e-5 * (np.abs(served[user]).max() or 1.0))


def test_the_whole_history_gone(effects: LinearEffects) -> None:
    history = effects.history(5)
    scores = effects.score(5, history, Intervention.without(history))
    if effects.scorer.propagation.users is None:
        assert not scores.any()
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("user", [None, 7])
def test_histories_that_are_no_edges(effects: LinearEffects, user: int | None) -> None:
    """Of somebody whom the model never saw, and another one of a user: the person's vector alone is another one."""
    rng = np.random.default_rng(1)
    for intervention in interventions(effects, "both", rng):
        history = np.unique(rng.integers(0, ITEMS, 9))
        intervention = replace(
            intervention, drop_items=frozenset(map(int, history[:2])), add_items=frozenset([ITEMS - 1])
        )
        after = edited(effects.snapshot, 0, replace(intervention, drop_items=frozenset(), add_items=frozenset()))
        left = np.union1d(history[2:], [ITEMS - 1])
        row = np.zeros((1, ITEMS), dtype=np.float32)
        row[0, left] = 1.0
        scorer = over(after, effects.scorer.propagation)
        want = scorer.score(sp.csr_array(row), None if user is None else np.array([user]))[0]
        got = effects.score(user, history, intervention)
        assert np.abs(got - want).max() <= TOLERANCE * np.abs(effects.score(user, history)).max()


def test_an_edit_changes_the_edges_at_its_ends_and_no_others(effects: LinearEffects) -> None:
    """Of the fact's own type: their degree is another one."""
    p, rng = effects.scorer.propagation, np.random.default_rng(3)
    edits = AdjacencyEdits(p, effects.snapshot.graph_tables())
    before = build_adjacency(effects.snapshot, p.edge_types, p.forward, p.reverse)
    for intervention in interventions(effects, "both", rng):
        after = edited(effects.snapshot, 0, intervention)
        gone, come = by_type(intervention.drop_facts), by_type(intervention.add_facts)
        change = edits.change(gone, come)
        expected = build_adjacency(after, p.edge_types, p.forward, p.reverse) - before
        assert abs(change - expected).max() < 1e-12
        ends = {end for fact in intervention.drop_facts | intervention.add_facts for end in (fact.source, fact.target)}
        nodes = {effects.snapshot.offsets[kind] + number for kind, number in ends}
        rows, columns = sp.coo_array(change).coords
        assert all(a in nodes or b in nodes for a, b in zip(rows.tolist(), columns.tolist(), strict=True))


def test_refused(effects: LinearEffects) -> None:
    history = effects.history(0)
    other = int(np.setdiff1d(np.arange(ITEMS), history)[0])
    for intervention, words in (
        (Intervention(drop_items=frozenset([other])), "no such interaction"),
        (Intervention(add_items=frozenset(map(int, history[:1]))), "in the history already"),
        (Intervention.without(facts=[Fact(("Item", 0), "genre", ("Person", 1))]), "no such edge"),
        (Intervention(add_facts=frozenset([Fact(("Genre", 0), "genre", ("Item", 6))])), "has learned no weight"),
    ):
        with pytest.raises(UserError, match=words):
            effects.check(history, intervention)


def test_the_same_on_the_shipped_data(linear_run: Run) -> None:
    """The model that the whole road trains, with its own weights, over graphs with hubs."""
    assert isinstance(linear_run.scorer, LinearScorer)
    effects = LinearEffects(linear_run.snapshot, linear_run.scorer)
    rng = np.random.default_rng(0)
    frame = effects.facts.frame
    for _ in range(12):
        user = int(rng.integers(linear_run.snapshot.num_users))
        facts = [fact_of(frame.row(int(n))) for n in rng.integers(0, len(frame), 3)]
        intervention = Intervention.without(effects.history(user)[:2], facts)
        close(
            effects,
            user,
            effects.score(user, effects.history(user), intervention),
            whole(effects, user, intervention, [user])[0],
        )
