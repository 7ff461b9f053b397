"""The protocol and the table."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import ir_measures
import numpy as np
import pytest
import scipy.sparse as sp
from ir_measures import AP, RR, P, R, Success, nDCG

from kgrec.config.recipe import EvaluationConfig
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError, RecipeError
from kgrec.evaluation import evaluate
from kgrec.metrics import NAMES

MakeSnapshot = Callable[..., Snapshot]


@dataclass(frozen=True, eq=False)
class Table:
    """Scores that were written down; notes what it was asked."""

    scores: np.ndarray
    asked: list[tuple[np.ndarray, np.ndarray]]
    name: str = "table"

    def score(self, histories: sp.csr_array, users: np.ndarray | None = None) -> np.ndarray:
        assert users is not None
        self.asked.append((histories.toarray(), users))
        return self.scores[users].astype(np.float32)


def parts(seed: int, users: int = 25, items: int = 30) -> dict[str, np.ndarray]:
    """Three random parts without a pair in common."""
    drawn = np.random.default_rng(seed).choice(4, p=[0.7, 0.18, 0.06, 0.06], size=(users, items))
    return {"train": drawn == 1, "valid": drawn == 2, "test": drawn == 3}


def config(**changes: object) -> EvaluationConfig:
    return EvaluationConfig(**{"baselines": (), "bootstrap": 0, "candidates": "all", **changes})


@pytest.mark.parametrize("split", ["valid", "test"])
@pytest.mark.parametrize("seed", range(4))
def test_as_trec_eval_on_rankings_made_by_hand(make_snapshot: MakeSnapshot, split: str, seed: int) -> None:
    drawn = parts(seed)
    model = Table(np.random.default_rng(seed + 100).normal(size=drawn["train"].shape), [])
    result = evaluate([model], make_snapshot(**drawn), config(metrics=NAMES, k=(3, 10)), split=split)

    known = drawn["train"] | drawn["valid"] if split == "test" else drawn["train"]
    qrels, run, areas = {}, {}, []
    for u, (scores, seen, wanted) in enumerate(zip(model.scores, known, drawn[split])):
        if wanted.any():
            qrels[str(u)] = {str(i): 1 for i in np.flatnonzero(wanted)}
            run[str(u)] = {str(i): float(scores[i]) for i in np.flatnonzero(~seen)}
            good, bad = scores[wanted], scores[~seen & ~wanted]
            areas.append((good[:, None] > bad[None, :]).mean())
    assert result.users == len(qrels)
    figures = result.rows[0].metrics
    for k in (3, 10):
        top = {u: dict(sorted(row.items(), key=lambda pair: -pair[1])[:k]) for u, row in run.items()}
        theirs = ir_measures.calc_aggregate([nDCG @ k, R @ k, P @ k, Success @ k, AP @ k, RR], qrels, top)
        ours = {nDCG @ k: "ndcg", R @ k: "recall", P @ k: "precision", Success @ k: "hit", AP @ k: "map", RR: "mrr"}
        for measure, name in ours.items():
            assert figures[f"{name}@{k}"][0] == pytest.approx(theirs[measure], abs=1e-9), name
        shown = {i for row in top.values() for i in row}
        assert figures[f"coverage@{k}"][0] == pytest.approx(len(shown) / 30)
    assert figures["auc"][0] == pytest.approx(np.mean(areas), abs=1e-9)


def test_scores_come_from_the_training_history_alone(make_snapshot: MakeSnapshot) -> None:
    drawn = parts(1)
    model = Table(np.zeros(drawn["train"].shape), [])
    evaluate([model], make_snapshot(**drawn), config(), split="test")
    for histories, users in model.asked:
        np.testing.assert_array_equal(histories, drawn["train"][users])


def test_held_out_interactions_do_not_reach_a_baseline(make_snapshot: MakeSnapshot) -> None:
    drawn = parts(2)
    other = {**drawn, "test": drawn["test"][:, ::-1] & ~drawn["train"] & ~drawn["valid"]}
    rows = ({"name": "Popularity"}, {"name": "EASE"}, {"name": "RP3beta"})
    first, second = (evaluate([], make_snapshot(**p), config(baselines=rows), split="valid") for p in (drawn, other))
    assert first.rows == second.rows


def test_a_perfect_and_a_hopeless_model(make_snapshot: MakeSnapshot) -> None:
    drawn = parts(3)
    right = drawn["test"].astype(float)
    result = evaluate(
        [Table(right, [], "right"), Table(-right, [], "wrong")], make_snapshot(**drawn), config(k=(2,), metrics=NAMES)
    )
    assert result.row("right").metrics["ndcg@2"] == (1, 1, 1)
    assert result.row("right").metrics["auc"] == (1, 1, 1)
    assert result.row("wrong").metrics["hit@2"] == (0, 0, 0)
    assert result.row("wrong").metrics["auc"] == (0, 0, 0)
    assert result.differences[0].metrics["mrr@2"] == (1, 1, 1)


def test_candidates(make_snapshot: MakeSnapshot) -> None:
    train = np.array([[1, 0, 0, 0, 0], [0, 1, 0, 0, 0]])
    test = np.array([[0, 0, 1, 0, 0], [0, 0, 0, 1, 0]])
    snapshot = make_snapshot(train=train, test=test)
    model = Table(np.array([[0, 0, 1, 2, 9.0]] * 2), [])  # item 4 is nobody's
    figure = {kind: evaluate([model], snapshot, config(k=(1,), candidates=kind)) for kind in ("all", "interacted")}
    assert figure["all"].rows[0].metrics["hit@1"][0] == 0
    assert figure["interacted"].rows[0].metrics["hit@1"][0] == 0.5
    assert (figure["all"].candidates, figure["interacted"].candidates) == (5, 4)
    # a user whose held-out items are no candidates is not measured
    mask = np.array([True, True, True, False, True])
    assert evaluate([model], snapshot, config(k=(1,)), candidates=mask).users == 1


def test_cold_items(make_snapshot: MakeSnapshot) -> None:
    rng = np.random.default_rng(4)
    drawn = rng.random((20, 12)) < 0.4
    cold = np.arange(12) >= 9
    snapshot = make_snapshot(train=drawn & ~cold, test=drawn & cold)
    rows = ({"name": "Popularity"}, {"name": "EASE"}, {"name": "ItemKNN"}, {"name": "RP3beta"}, {"name": "iALS"})
    model = Table(np.tile(cold.astype(float), (20, 1)), [])
    result = evaluate([model], snapshot, config(baselines=rows, k=(3,), bootstrap=50))
    assert len(result.rows) == 6
    for row in result.rows[1:]:
        assert row.metrics["recall@3"][0] < result.rows[0].metrics["recall@3"][0]
    # against cold items alone nobody who learned from interactions can rank: all scores are equal
    result = evaluate([], snapshot, config(baselines=rows, metrics=("auc",)), candidates=cold)
    assert {row.metrics["auc"][0] for row in result.rows} == {0.5}


def test_an_auc_that_nobody_has_is_left_out(make_snapshot: MakeSnapshot) -> None:
    # user 0 has nothing else to rank; user 1 has
    train, test = np.array([[1, 1, 0], [0, 0, 0]]), np.array([[0, 0, 1], [1, 0, 0]])
    settings = config(metrics=("auc", "hit"), k=(1,), bootstrap=20)
    model = Table(np.array([[1, 2, 3], [2, 1, 3.0]]), [])
    row = evaluate([model], make_snapshot(train=train, test=test), settings).rows[0]
    assert row.metrics["auc"] == (0.5, 0.5, 0.5)
    row = evaluate([model], make_snapshot(train=train[:1], test=test[:1]), settings).rows[0]
    assert set(row.metrics) == {"hit@1"}


def test_ties_do_not_favour_the_relevant(make_snapshot: MakeSnapshot) -> None:
    test = np.zeros((3, 6))
    test[[0, 1, 2], [0, 3, 5]] = 1
    result = evaluate([Table(np.ones((3, 6)), [])], make_snapshot(train=np.zeros((3, 6)), test=test), config(k=(1,)))
    assert result.rows[0].metrics["hit@1"][0] == pytest.approx(1 / 3)


def test_intervals_and_paired_differences(make_snapshot: MakeSnapshot) -> None:
    drawn = parts(6, users=200)
    rng = np.random.default_rng(7)
    good = drawn["test"] + rng.normal(size=drawn["test"].shape)
    models = [Table(good, [], "good"), Table(good + 1e-3 * rng.normal(size=good.shape), [], "twin")]
    settings = config(bootstrap=500, baselines=({"name": "Popularity"},), metrics=("ndcg", "coverage", "gini"))
    result = evaluate(models, make_snapshot(**drawn), settings, seed=3)
    for row in result.rows:
        for value, low, high in row.metrics.values():
            assert low <= value <= high
        value, low, high = row.metrics["ndcg@10"]
        assert 0 < high - low < 0.2
    twin, popularity = result.differences
    assert (twin.against, popularity.against) == ("twin", "Popularity")
    assert set(twin.metrics) == {"ndcg@10", "ndcg@20"}
    # paired: nearly equal rankings leave next to nothing, however wide each one's own interval is
    wide = result.rows[0].metrics["ndcg@10"]
    value, low, high = twin.metrics["ndcg@10"]
    assert low <= value <= high
    assert high - low < 0.2 * (wide[2] - wide[1])
    assert popularity.metrics["ndcg@10"][1] > 0
    again = evaluate(models, make_snapshot(**drawn), settings, seed=3)
    assert again == result


def test_the_json_document(make_snapshot: MakeSnapshot) -> None:
    drawn = parts(8)
    settings = config(baselines=({"name": "EASE", "l2": 250}, {"name": "EASE", "max_side": 1}), k=(5,), bootstrap=20)
    result = evaluate([Table(np.ones(drawn["train"].shape), [])], make_snapshot(**drawn), settings)
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert document["split"] == "test"
    assert document["users"] == result.users
    assert [(row["name"], row["kind"]) for row in document["rows"]] == [
        ("table", "model"),
        ("EASE (λ=250)", "baseline"),
    ]
    assert list(document["rows"][0]["metrics"]) == [f"{name}@5" for name in settings.metrics]
    assert all(len(three) == 3 for row in document["rows"] for three in row["metrics"].values())
    assert document["skipped"][0]["name"] == "EASE"
    assert "max_side allows 1" in document["skipped"][0]["reason"]
    frame = result.frame()
    assert frame.columns == ["name", "kind", "metric", "value", "low", "high"]
    assert len(frame) == 2 * len(settings.metrics)
    with pytest.raises(KeyError):
        result.row("nobody")


def test_mistakes(make_snapshot: MakeSnapshot) -> None:
    snapshot = make_snapshot(train=np.eye(3))
    with pytest.raises(DataError, match="test part holds no interaction"):
        evaluate([], snapshot, config())
    with pytest.raises(RecipeError, match="did you mean 'recall'"):
        evaluate([], snapshot, config(metrics=("recal",)))
    with pytest.raises(RecipeError, match="did you mean 'EASE'"):
        evaluate([], snapshot, config(baselines=({"name": "ease"},)))
    with pytest.raises(ValueError, match="held-out part"):
        evaluate([], snapshot, config(), split="train")


def test_ease_on_ml_100k_proves_the_protocol(ml_100k: Snapshot) -> None:
    result = evaluate([], ml_100k, config(baselines=({"name": "EASE", "l2": 250},), candidates="interacted"))
    assert (result.users, result.candidates) == (942, 1376)
    assert result.row("EASE (λ=250)").metrics["ndcg@10"][0] == pytest.approx(0.2349, abs=0.0005)


def test_every_learner_beats_popularity_on_movielens(movielens: Snapshot) -> None:
    settings = EvaluationConfig(metrics=("ndcg",), k=(10,), bootstrap=200)
    rows = evaluate([], movielens, settings, split="valid").rows
    assert [row.name.split(" ")[0] for row in rows] == ["Popularity", "ItemKNN", "EASE", "RP3beta", "iALS"]
    for row in rows[1:]:
        assert row.metrics["ndcg@10"][0] > rows[0].metrics["ndcg@10"][0]


def test_permuted_rows_give_the_same_table(movielens: Snapshot) -> None:
    rows = movielens.interactions.sample(fraction=1.0, shuffle=True, seed=1)
    shuffled = replace(movielens, interactions=rows)
    settings = EvaluationConfig(metrics=("ndcg", "gini"), bootstrap=50)
    first, second = (evaluate([], s, settings, split="valid") for s in (movielens, shuffled))
    assert first == second
