from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kgrec.config.recipe import EmbeddingConfig
from kgrec.dataset.snapshot import Snapshot
from kgrec.embeddings import EmbeddingResult, train_embedding
from kgrec.errors import RecipeError, StaleError, UserError

from .conftest import CLUBS, MEMBERS, club_edges, snapshot_of

SMALL = {"dim": 16, "epochs": 60, "batch_size": 64, "learning_rate": 0.02, "frequency": 5, "patience": 20}
PEOPLE = CLUBS * MEMBERS


def config(**changes: object) -> EmbeddingConfig:
    return EmbeddingConfig.model_validate({**SMALL, **changes})


@pytest.mark.parametrize(
    ("model", "dim", "changes"),
    [
        ("TransE", 16, {}),
        ("DistMult", 16, {}),
        ("ComplEx", 32, {}),
        ("RotatE", 32, {}),
        ("rotate", 32, {"loss": "nssa", "loss_kwargs": {"margin": 3.0}}),
        ("SimplE", 32, {}),
    ],
)
def test_held_out_edges_are_found_again(clubs: Snapshot, model: str, dim: int, changes: dict) -> None:
    result = train_embedding(clubs, config(model=model, **changes), 0, "cpu")
    metrics = result.metrics
    assert metrics["triples"] == len(clubs.edges)
    assert metrics["entities"] == PEOPLE + CLUBS
    assert metrics["held_out"] == {"valid": 16, "test": 16}
    assert metrics["ranked"] == 16
    # By chance: about H(45) / 45 = .1 and 10 / 45 = .22.
    assert metrics["mrr"] > 0.2
    assert metrics["hits@10"] > 0.6
    assert metrics["hits@1"] <= metrics["mrr"] <= 1
    assert len(metrics["losses"]) == metrics["epochs"] <= 60
    assert metrics["losses"][-1] < metrics["losses"][0]
    assert metrics["dim"] == dim

    assert sorted(result.vectors) == ["Club", "Person"]
    for kind, known, count in (("Person", PEOPLE, PEOPLE + 2), ("Club", CLUBS, CLUBS + 1)):
        matrix, mask = result.vectors[kind]
        assert matrix.dtype == np.float32
        assert matrix.shape == (count, dim)
        assert mask.tolist() == [i < known for i in range(count)]
        assert not matrix[known:].any()
        assert np.isfinite(matrix).all()
        assert np.abs(matrix[:known]).sum(axis=1).min() > 0


def test_vectors_lie_in_the_order_of_the_snapshots_ids(clubs: Snapshot) -> None:
    people, mask = train_embedding(clubs, config(), 0, "cpu").vectors["Person"]
    known = people[mask]
    distance = np.linalg.norm(known[:, None] - known[None], axis=2)
    club = np.arange(PEOPLE) // MEMBERS
    same = club[:, None] == club[None]
    assert distance[same & ~np.eye(PEOPLE, dtype=bool)].mean() < 0.5 * distance[~same].mean()


def test_one_seed_gives_the_same_bytes_another_does_not(clubs: Snapshot) -> None:
    def run(seed: int) -> tuple[bytes, dict]:
        result = train_embedding(clubs, config(epochs=10), seed, "cpu")
        figures = {name: value for name, value in result.metrics.items() if name != "seconds"}
        return b"".join(matrix.tobytes() for matrix, _ in result.vectors.values()), figures

    assert run(3) == run(3)
    assert run(3)[0] != run(4)[0]


def test_the_callers_random_states_are_left_alone(clubs: Snapshot) -> None:
    import torch

    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    train_embedding(clubs, config(epochs=1), 0, "cpu")
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    assert before == after


def test_interactions_and_repeated_edges_change_nothing(clubs: Snapshot) -> None:
    counts = dict(clubs.num_nodes)
    twice = [(*edge[:5], origin) for edge in club_edges() for origin in ("members", "copy")]
    other = snapshot_of(twice, counts, interactions=[(user, item) for user in range(3) for item in range(PEOPLE)])
    one = train_embedding(clubs, config(epochs=3), 0, "cpu")
    two = train_embedding(other, config(epochs=3), 0, "cpu")
    assert two.metrics["triples"] == len(clubs.edges)
    for kind, (matrix, mask) in one.vectors.items():
        np.testing.assert_array_equal(two.vectors[kind][0], matrix)
        np.testing.assert_array_equal(two.vectors[kind][1], mask)


def test_the_best_epochs_vectors_are_kept(clubs: Snapshot) -> None:
    result = train_embedding(clubs, config(frequency=1, patience=2, learning_rate=0.2), 0, "cpu")
    history = dict(result.metrics["valid"])
    best = result.metrics["best_epoch"]
    assert history[best] == max(history.values())
    assert result.metrics["epochs"] == best + 2 < 60
    # Stopped there, training gives the very same vectors.
    there = train_embedding(clubs, config(frequency=1, patience=2, learning_rate=0.2, epochs=best), 0, "cpu")
    for kind, (matrix, _) in result.vectors.items():
        np.testing.assert_array_equal(there.vectors[kind][0], matrix)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_triples_train_nothing_and_say_so(count: int, tmp_path: Path) -> None:
    said = []

    class Lines:
        def say(self, line: str) -> None:
            said.append(line)

    edges = [("Person", i, "knows", "Person", i + 1, origin) for i in range(count) for origin in ("a", "b")]
    result = train_embedding(snapshot_of(edges, {"Person": 12, "User": 1}), config(), 0, "cpu", Lines())
    assert result.vectors == {}
    assert f"{count} " in result.metrics["reason"] or f"{2 * count} " in result.metrics["reason"]
    assert len(said) == 1
    result.save(tmp_path)
    assert EmbeddingResult.load(tmp_path) == result


def test_switched_off(clubs: Snapshot) -> None:
    assert train_embedding(clubs, config(enabled=False), 0, "cpu").vectors == {}


def test_a_graph_that_can_spare_no_triple_is_trained_without_figures() -> None:
    star = snapshot_of(
        [("Person", i, "memberOf", "Club", 0, "a") for i in range(20)], {"Person": 20, "Club": 1, "User": 1}
    )
    result = train_embedding(star, config(epochs=3), 0, "cpu")
    assert result.vectors["Person"][1].all()
    assert result.metrics["mrr"] is None
    assert result.metrics["ranked"] == 0
    assert result.metrics["epochs"] == result.metrics["best_epoch"] == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "TransEE"}, r"embedding\.model.*'TransEE'(?s:.*)nearest: TransE"),
        ({"model": "DistMult", "loss": "softplusloss2"}, r"embedding\.loss(?s:.*)SoftplusLoss"),
        ({"model_kwargs": {"scoring_fct_nrom": 2}}, r"embedding\.model_kwargs(?s:.*)scoring_fct_norm"),
        ({"model_kwargs": {"embedding_dim": "many"}}, r"embedding\.model_kwargs"),
        ({"loss": "marginranking", "loss_kwargs": {"marginn": 1}}, r"embedding\.loss_kwargs(?s:.*): margin"),
        ({"model": "DistMult", "loss": "mse", "learning_rate": 1e30}, r"embedding\.learning_rate.*1e\+30"),
    ],
)
def test_what_pykeen_cannot_do_is_the_recipes_mistake(clubs: Snapshot, changes: dict, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        train_embedding(clubs, config(**changes), 0, "cpu")


def test_model_kwargs_win(clubs: Snapshot) -> None:
    result = train_embedding(
        clubs, config(epochs=1, model_kwargs={"embedding_dim": 6, "scoring_fct_norm": 1}), 0, "cpu"
    )
    assert result.metrics["dim"] == 6


def test_no_such_device(clubs: Snapshot) -> None:
    with pytest.raises(UserError, match="no such device"):
        train_embedding(clubs, config(epochs=1), 0, "abacus")


def test_a_result_is_read_as_it_was_written(clubs: Snapshot, tmp_path: Path) -> None:
    result = train_embedding(clubs, config(epochs=2), 0, "cpu")
    result.save(tmp_path)
    loaded = EmbeddingResult.load(tmp_path)
    assert loaded.metrics == result.metrics
    for kind, (matrix, mask) in result.vectors.items():
        np.testing.assert_array_equal(loaded.vectors[kind][0], matrix)
        np.testing.assert_array_equal(loaded.vectors[kind][1], mask)
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(StaleError, match="kgrec train"):
        EmbeddingResult.load(tmp_path)


def test_sampled_mrr_is_the_mean_reciprocal_rank_among_the_allowed_candidates(clubs: Snapshot) -> None:
    import torch
    from pykeen.triples import CoreTriplesFactory

    from graph_builders import to_mapped_triples
    from kgrec.embeddings import stopping
    from kgrec.embeddings.environment import own_randomness, quiet_pykeen
    from kgrec.embeddings.models import make_model
    from kgrec.embeddings.triples import dense

    triples, entities, _ = dense(to_mapped_triples(clubs.graph_tables(interactions=False)))
    valid = triples[::7]
    with quiet_pykeen(), own_randomness(0):
        factory = CoreTriplesFactory.create(torch.from_numpy(triples), num_entities=len(entities))
        model = make_model(config(), factory, 0)
        stopper = stopping.SampledMrrStopper(
            model, valid, triples, frequency=1, patience=1, rng=np.random.default_rng(5)
        )
        measured = stopper.mrr()
        scores = model.score_hrt(stopper._asked).detach().numpy()[:, 0]
    known = {tuple(row) for row in triples.tolist()}
    asked = stopper._asked.numpy().reshape(2 * len(valid), stopping.CANDIDATES + 1, 3)
    reciprocal = []
    for row, triple in enumerate(asked):
        own = scores.reshape(len(asked), -1)[row]
        rivals = [own[i] for i in range(1, len(triple)) if tuple(triple[i].tolist()) not in known]
        above, level = sum(r > own[0] for r in rivals), sum(r == own[0] for r in rivals)
        reciprocal.append(1 / (1 + above + level / 2))
    assert measured == pytest.approx(np.mean(reciprocal), abs=1e-12)
    for side, column in enumerate((0, 2)):
        kept = [i for i in range(3) if i != column]
        half = asked[side * len(valid) : (side + 1) * len(valid)]
        assert (half[:, :, kept] == valid[:, None, kept]).all()


QUIET = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.embeddings.conftest import club_edges, snapshot_of
from kgrec.config.recipe import EmbeddingConfig
from kgrec.embeddings import train_embedding
train_embedding(snapshot_of(club_edges(), {"Person": 40, "Club": 5, "User": 1}), EmbeddingConfig(epochs=2), 0, "cpu")
"""


def test_it_prints_nothing_and_leaves_the_home_folder_alone(tmp_path: Path) -> None:
    home, cache = tmp_path / "home", tmp_path / "cache"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYSTOW", "PYKEEN"))}
    environment |= {"HOME": str(home), "KGREC_CACHE": str(cache)}
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run([sys.executable, "-c", QUIET, root], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(home.rglob("*pykeen*"))
    assert list(cache.rglob("*pykeen*"))
