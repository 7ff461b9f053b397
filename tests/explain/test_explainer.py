from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.config.recipe import ExplainConfig
from kgrec.explain import Explainer
from kgrec.recommend.linear import LinearScorer
from tests.explain.readback import Reader, agree, told

MOVIELENS = Path(__file__).resolve().parents[2] / "data" / "movielens"


@pytest.fixture(scope="module")
def movielens(snapshot_of):
    """The first 120 users of MovieLens with genres; every fifth rating is held out."""
    with (MOVIELENS / "ratings.csv").open(newline="") as file:
        ratings = [row for row in csv.DictReader(file) if int(row["userId"]) <= 120]
    with (MOVIELENS / "movies.csv").open(newline="") as file:
        movies = {row["movieId"]: row for row in csv.DictReader(file)}
    items = {movie: n for n, movie in enumerate(sorted({row["movieId"] for row in ratings}))}
    genres = sorted({genre for movie in items for genre in movies[movie]["genres"].split("|")})
    edges = [
        ("Item", n, "genre", "Genre", genres.index(genre), "movies")
        for movie, n in items.items()
        for genre in movies[movie]["genres"].split("|")
    ]
    pairs = [
        (int(row["userId"]) - 1, items[row["movieId"]], "test" if n % 5 == 0 else "train")
        for n, row in enumerate(ratings)
    ]
    labels = {("Item", n): movies[movie]["title"] for movie, n in items.items()}
    labels |= {("Genre", n): genre for n, genre in enumerate(genres)}
    return snapshot_of({"Genre": len(genres), "Item": len(items), "User": 120}, edges, pairs, labels)


@pytest.fixture(scope="module")
def explainer(movielens, propagation_of):
    return Explainer(movielens, propagation_of(movielens), ExplainConfig(max_hops=5, paths=10))


def edge_set(snapshot, *splits):
    """(source IRI, relation, target IRI) of the knowledge graph and of these parts' interactions."""
    iri = {(kind, n): iri for kind, n, iri in snapshot.nodes.select("type", "id", "iri").iter_rows()}
    edges = {
        (iri["User", u], "interacts", iri["Item", i]) for u, i in snapshot.pairs(*splits)["user", "item"].iter_rows()
    }
    if "train" in splits:
        edges |= {(iri[st, s], r, iri[tt, t]) for st, s, r, tt, t, _ in snapshot.edges.iter_rows()}
    return edges


def edges_of(path):
    for hop, a, b in zip(path.relations, path.nodes[:-1], path.nodes[1:], strict=True):
        yield (a.id, hop.name, b.id) if hop.direction == "forward" else (b.id, hop.name, a.id)


def test_every_edge_of_a_thousand_paths_is_in_the_training_graph(movielens, explainer):
    rng = np.random.default_rng(1)
    train, held_out = edge_set(movielens, "train"), edge_set(movielens, "valid", "test")
    shown = 0
    while shown < 1000:
        user, item = int(rng.integers(movielens.num_users)), int(rng.integers(movielens.num_items))
        explanation = explainer.explain(user, item)
        shown += len(explanation.paths)
        has_it = movielens.matrix("train")[[user]].toarray()[0, item] > 0
        for path in explanation.paths:
            assert path.nodes[0].id == f"urn:x:User/{user:05d}"
            assert path.nodes[-1].id == f"urn:x:Item/{item:05d}"
            assert len({node.id for node in path.nodes}) == len(path.nodes)
            for edge in edges_of(path):
                assert edge in train
                assert edge not in held_out
            assert has_it or len(path.relations) > 1
            labels = [node.label for node in path.nodes[1:]]
            assert all(label in path.text for label in labels)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_sentences_of_long_paths_are_read_back(movielens, explainer, lang):
    rng = np.random.default_rng(6)
    reader = Reader(lang, {("has", "genre"): ("forward", frozenset({"genre"}))})
    paths = []
    for _ in range(60):
        pair = int(rng.integers(movielens.num_users)), int(rng.integers(movielens.num_items))
        paths += explainer.explain(*pair, lang=lang).paths
    assert {len(path.relations) for path in paths} >= {3, 5}
    for path in paths:
        assert agree(reader.read(path.text), told(path.nodes, path.relations, negative=False)), path.text


@pytest.mark.parametrize("user_vectors", [False, True])
def test_score_is_the_scorers_and_splits(movielens, propagation_of, user_vectors):
    propagation = propagation_of(movielens, seed=3, user_vectors=user_vectors)
    explainer = Explainer(movielens, propagation, ExplainConfig(paths=50))
    scorer = LinearScorer(propagation)
    dense = explainer.adjacency.toarray()

    def reach(node):
        """Row of Σ_l a_l A^l."""
        row, total = np.eye(1, len(dense), node)[0], 0.0
        for weight in propagation.layer_weights:
            total, row = total + weight * row, row @ dense
        return total

    x = propagation.x.astype(np.float64)
    for user, item in [(0, 0), (7, 100), (50, 3), (119, 700)]:
        explanation = explainer.explain(user, item, rank=4)
        scores = scorer.score(movielens.matrix("train")[[user]], np.array([user]))[0]
        assert explanation.score == pytest.approx(scores[item], rel=1e-5, abs=1e-5)
        u, i = movielens.offsets["User"] + user, movielens.offsets["Item"] + item
        assert explanation.score == pytest.approx((reach(u) @ x) @ (reach(i) @ x), rel=1e-5, abs=1e-5)
        carried = (reach(u) * reach(i) * (x * x).sum(axis=1)).sum()
        assert explanation.paths_total == pytest.approx(carried, rel=1e-9)
        assert explanation.paths_total + explanation.remainder == pytest.approx(explanation.score)
        assert explanation.other_paths >= -1e-9
        assert explanation.rank == 4


def test_users_with_edges_of_their_own(snapshot_of, propagation_of):
    edges = [
        ("User", 0, "livesIn", "City", 0, "s"),
        ("Item", 1, "madeIn", "City", 0, "s"),
        ("User", 0, "knows", "User", 1, "s"),
    ]
    snapshot = snapshot_of({"City": 1, "Item": 2, "User": 2}, edges, [(0, 0, "train"), (1, 1, "train")])
    propagation = propagation_of(snapshot, user_vectors=True)
    explanation = Explainer(snapshot, propagation).explain(0, 1)
    scores = LinearScorer(propagation).score(snapshot.matrix("train")[[0]], np.array([0]))
    assert explanation.score == pytest.approx(scores[0, 1], rel=1e-5)
    texts = {path.text for path in explanation.paths}
    assert "You live in “City 0”; “Item 1” is made in “City 0”." in texts
    assert any("user 1" in text for text in texts)


def test_somebody_who_arrived_after_training(movielens, propagation_of):
    propagation = propagation_of(movielens, user_vectors=True)
    explainer = Explainer(movielens, propagation)
    history = [5, 3, 3, 90]
    explanation = explainer.explain(None, 200, history=history)
    row = sp.csr_array((np.ones(3, np.float32), [3, 5, 90], [0, 3]), shape=(1, movielens.num_items))
    assert explanation.score == pytest.approx(LinearScorer(propagation).score(row)[0, 200], rel=1e-5, abs=1e-5)
    assert explanation.user == ""
    assert explanation.paths
    liked = {f"urn:x:Item/{n:05d}" for n in history}
    train = edge_set(movielens, "train")
    for path in explanation.paths:
        assert path.nodes[0].id == ""
        assert path.nodes[1].id in liked
        assert all(edge in train for edge in list(edges_of(path))[1:])


def test_a_training_users_own_history_changes_nothing(movielens, explainer):
    history = movielens.matrix("train")[[11]].indices
    assert explainer.explain(11, 40, history=history) == explainer.explain(11, 40)


def test_an_edited_history(movielens, propagation_of):
    propagation = propagation_of(movielens, user_vectors=True)
    explainer = Explainer(movielens, propagation, ExplainConfig(paths=30))
    own = movielens.matrix("train")[[11]].indices
    edited = [*own[1:].tolist(), int(np.setdiff1d(np.arange(movielens.num_items), own)[0])]
    explanation = explainer.explain(11, 40, history=edited)
    row = np.zeros((1, movielens.num_items), np.float32)
    row[0, edited] = 1
    score = LinearScorer(propagation).score(sp.csr_array(row), np.array([11]))[0, 40]
    assert explanation.score == pytest.approx(score, rel=1e-5, abs=1e-5)
    allowed = {f"urn:x:Item/{n:05d}" for n in edited}
    assert {path.nodes[1].id for path in explanation.paths} <= allowed


def test_an_item_they_already_have(movielens, explainer):
    item = int(movielens.matrix("train")[[0]].indices[0])
    explanation = explainer.explain(0, item)
    assert [len(path.relations) for path in explanation.paths].count(1) == 1
    assert any("already interacted" in note for note in explanation.notes)


def test_no_path(snapshot_of, propagation_of):
    snapshot = snapshot_of({"Item": 3, "User": 2}, [], [(0, 0, "train"), (1, 1, "train"), (0, 2, "test")])
    explainer = Explainer(snapshot, propagation_of(snapshot))
    for item in (1, 2):
        explanation = explainer.explain(0, item)
        assert explanation.paths == ()
        assert explanation.paths_total == 0
        assert explanation.remainder == explanation.score != 0
        assert any("No path" in note for note in explanation.notes)


def test_nobody_without_a_history(snapshot_of, propagation_of):
    snapshot = snapshot_of({"Item": 2, "User": 2}, [], [(0, 0, "train")])
    explainer = Explainer(snapshot, propagation_of(snapshot))
    explanation = explainer.explain(1, 0)
    assert explanation.score == 0
    assert any("no training interaction" in note for note in explanation.notes)
    for arguments in ((None, 0), (2, 0), (0, 2)):
        with pytest.raises(ValueError, match=r"needs a history|out of range"):
            explainer.explain(*arguments)
    with pytest.raises(ValueError, match="item ids"):
        explainer.explain(None, 0, history=[2])


def test_parallel_edges(snapshot_of, propagation_of):
    edges = [
        ("Item", 0, "p", "Entity", 0, "one"),
        ("Item", 0, "p", "Entity", 0, "two"),
        ("Item", 0, "q", "Entity", 0, "one"),
        ("Entity", 0, "p", "Item", 0, "one"),
        ("Item", 1, "p", "Entity", 0, "one"),
        ("Item", 1, "p", "Item", 1, "one"),
    ]
    snapshot = snapshot_of({"Entity": 1, "Item": 2, "User": 1}, edges, [(0, 0, "train")])
    explanation = Explainer(snapshot, propagation_of(snapshot)).explain(0, 1)
    middle = {(path.relations[1].name, path.relations[1].direction) for path in explanation.paths}
    # The same statement from two sources is one hop; another relation or the other direction is another.
    assert middle == {("p", "forward"), ("q", "forward"), ("p", "reverse")}
    assert len(explanation.paths) == 3


def test_json_shape_and_determinism(movielens, explainer):
    explanation = explainer.explain(3, 30, rank=1)
    document = json.loads(json.dumps(explanation.to_dict()))
    assert {"user", "item", "rank", "score", "paths"} <= set(document)
    assert (document["user"], document["item"]) == ("3", "30")
    for path in document["paths"]:
        assert set(path) == {
            *("nodes", "relations", "weight", "share", "text", "channels", "literal"),
            *("effect", "rank_without"),
        }
        assert all(set(node) == {"id", "type", "label"} for node in path["nodes"])
        assert all(set(hop) == {"name", "direction", "kind"} for hop in path["relations"])
        assert len(path["nodes"]) == len(path["relations"]) + 1
    again = Explainer(movielens, explainer.propagation, explainer.config).explain(3, 30, rank=1)
    assert again == explanation
