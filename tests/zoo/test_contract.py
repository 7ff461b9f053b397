"""What every model of this family keeps, whatever it computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
import torch

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import StaleError
from kgrec.training.validation import Validation
from kgrec.zoo import fit_zoo, load_zoo
from kgrec.zoo.base import ZooModel
from kgrec.zoo.data import ZooData
from kgrec.zoo.fit import validation_ndcg
from kgrec.zoo.registry import make_config, zoo_class

SETTINGS: dict[str, dict[str, Any]] = {
    "LightGCN": {"epochs": 30, "learning_rate": 0.02, "dim": 16},
    "KGIN": {"epochs": 20, "learning_rate": 0.02, "dim": 16},
    "KGAT": {"epochs": 30, "learning_rate": 0.02, "dim": 16, "layers": (16, 8), "relation_dim": 8},
    "KGCN": {"epochs": 60, "learning_rate": 0.02, "dim": 16},
    "CFKG": {"epochs": 30, "learning_rate": 0.02, "dim": 16},
    "R-GCN": {"epochs": 30, "dim": 16, "batch_size": 256},
    "HGT": {"epochs": 30, "dim": 16, "batch_size": 256},
    "SASRec": {"epochs": 30, "learning_rate": 0.01, "dropout": 0.5, "blocks": 1, "dim": 16, "batch_size": 128},
}
pytestmark = pytest.mark.parametrize("name", SETTINGS)


def built(name: str, snapshot: Snapshot, settings: Mapping[str, Any] | None = None) -> ZooModel:
    kind = zoo_class(name)
    torch.manual_seed(0)
    return kind(ZooData.of(snapshot), make_config(kind, settings or {})).eval()


def scores(model: ZooModel) -> np.ndarray:
    users = model.data.num_users
    return model.scorer().score(sp.csr_array((users, model.data.num_items), dtype=np.float32), np.arange(users))


def test_permuted_ids_give_permuted_scores(name: str, tiny: Snapshot) -> None:
    """Users, items and entities renumbered, parameters moved along: the same score for the same pair."""
    rng = np.random.default_rng(4)
    new = {kind: rng.permutation(count) for kind, count in tiny.num_nodes.items()}

    def renumber(frame: pl.DataFrame, kind: str | pl.Expr, column: str) -> pl.Series:
        kinds = frame.select(pl.lit(kind) if isinstance(kind, str) else kind).to_series()
        kinds = kinds.new_from_index(0, len(frame)) if len(kinds) == 1 else kinds
        ids = [int(new[k][n]) for k, n in zip(kinds, frame[column], strict=True)]
        return pl.Series(column, ids, dtype=pl.Int64)

    edges, pairs = tiny.edges, tiny.interactions
    other = replace(
        tiny,
        edges=edges.with_columns(
            renumber(edges, pl.col("source_type"), "source"), renumber(edges, pl.col("target_type"), "target")
        ).sort(edges.columns),
        interactions=pairs.with_columns(renumber(pairs, "User", "user"), renumber(pairs, "Item", "item")).sort(
            "user", "item"
        ),
    )
    entity = np.concatenate([new["Item"], 4 + new["Maker"], 5 + new["Tag"]])
    moved = {"user": new["User"], "entity": entity, "embedding": np.concatenate([new["User"], 3 + entity])}
    if name == "CFKG":
        moved = {"triples.entity_representations.0._embeddings.weight": np.concatenate([entity, 7 + new["User"]])}
    elif name in ("R-GCN", "HGT"):
        moved = {f"ids.{n}": new[kind] for n, kind in enumerate(("User", "Item", "Maker", "Tag"))}
    elif name == "SASRec":
        moved = {"item": np.append(new["Item"], 4), "bias": new["Item"]}
    settings: dict[str, Any] = {"dim": 16, "neighbours": 9} if name == "KGCN" else {"dim": 16}
    first, second = built(name, tiny, settings), built(name, other, settings)
    with torch.no_grad():
        for (label, source), target in zip(first.named_parameters(), second.parameters(), strict=True):
            target.copy_(source)
            if label in moved:
                # LightGCN's rows end with the items, which come first among the entities.
                target[torch.from_numpy(moved[label][: len(source)])] = source
    second.begin_epoch(0)
    np.testing.assert_allclose(scores(second)[np.ix_(new["User"], new["Item"])], scores(first), atol=1e-5)
    assert np.ptp(scores(first)) > 1e-4


def test_held_out_items_reach_no_model(name: str, planted: Snapshot) -> None:
    """Other validation and test items, or none: the same model to the bit."""
    shifted = pl.when(pl.col("split") == "train").then("item").otherwise((pl.col("item") + 1) % planted.num_items)
    other = replace(planted, interactions=planted.interactions.with_columns(item=shifted).unique(["user", "item"]))
    bare = replace(planted, interactions=planted.pairs("train"))
    # Shifting may land on a training item of the user: those rows go, the training part stays whole.
    other = replace(other, interactions=pl.concat([planted.pairs("train"), other.pairs("valid", "test")]))
    settings = {**SETTINGS[name], "epochs": 2}
    results = [fit_zoo(name, snapshot, settings) for snapshot in (planted, other, bare)]
    losses = [[row["loss"] for row in result.history] for result in results]
    assert losses[0] == losses[1] == losses[2]
    at_two = [result.scorer for result in results if result.epoch == 2]
    assert len(at_two) >= 1
    users = np.arange(planted.num_users)
    served = [scorer.score(planted.matrix("train"), users) for scorer in at_two]
    assert all(np.array_equal(served[0], score) for score in served)


def test_learns_planted_tastes_beyond_popularity(name: str, planted: Snapshot) -> None:
    result = fit_zoo(name, planted, SETTINGS[name])
    validation = Validation(planted)
    popular = np.bincount(planted.matrix("train").indices, minlength=planted.num_items).astype(np.float32)
    cost = np.tile(-popular, (len(validation.users), 1))
    cost[validation.seen.toarray() > 0] = np.inf
    rank = np.argsort(np.argsort(cost, axis=1, kind="stable"), axis=1)[validation.relevant.toarray() > 0]
    popularity = float(np.where(rank < 10, 1 / np.log2(rank + 2.0), 0).mean())
    assert result.val_ndcg is not None
    assert result.val_ndcg > 2 * popularity
    # 13 items of one's taste are left, 10 places: chance among them gives .35.
    assert result.val_ndcg > 0.25
    assert result.val_ndcg == max(row["val_ndcg"] for row in result.history)
    assert result.val_ndcg == result.history[result.epoch - 1]["val_ndcg"]
    assert result.val_ndcg == pytest.approx(validation_ndcg(validation, result.scorer))


def test_same_seed_same_scores_and_saved_ones_too(name: str, planted: Snapshot, tmp_path: Path) -> None:
    settings = {**SETTINGS[name], "epochs": 3}
    state = torch.random.get_rng_state()
    first, second = (fit_zoo(name, planted, settings, seed=7, folder=tmp_path / "model") for _ in range(2))
    third = fit_zoo(name, planted, settings, seed=8)
    assert torch.equal(state, torch.random.get_rng_state())
    users = np.arange(planted.num_users)
    one, two, three, loaded = (
        scorer.score(planted.matrix("train"), users)
        for scorer in (first.scorer, second.scorer, third.scorer, load_zoo(tmp_path / "model", planted))
    )
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, loaded)
    assert one.dtype == loaded.dtype == np.float32
    assert not np.allclose(one, three)
    assert load_zoo(tmp_path / "model", planted).name == first.scorer.name == name


def test_a_model_of_another_snapshot_is_refused(name: str, planted: Snapshot, tiny: Snapshot, tmp_path: Path) -> None:
    fit_zoo(name, planted, {**SETTINGS[name], "epochs": 1}, folder=tmp_path)
    with pytest.raises(StaleError, match="another snapshot"):
        load_zoo(tmp_path, tiny)


def test_unseen_users_score_zeros(name: str, planted: Snapshot) -> None:
    if name == "SASRec":
        pytest.skip("reads histories: see its own tests")
    scorer = fit_zoo(name, planted, {**SETTINGS[name], "epochs": 1}).scorer
    histories = planted.matrix("train")[:3]
    assert not scorer.score(histories).any()
    mixed = scorer.score(histories, np.array([0, -1, 90]))
    assert mixed[0].any()
    assert not mixed[1:].any()
    np.testing.assert_allclose(mixed[:1], scorer.score(histories[:1], np.array([0])), rtol=1e-5)


def test_no_validation_part_trains_to_the_end(name: str, planted: Snapshot) -> None:
    bare = replace(planted, interactions=planted.pairs("train"))
    result = fit_zoo(name, bare, {**SETTINGS[name], "epochs": 3, "patience": 1})
    assert [row["epoch"] for row in result.history] == [1, 2, 3]
    assert result.epoch == 3
    assert result.val_ndcg is None


def test_odd_snapshots_give_finite_scores(name: str, build: Any) -> None:
    """No knowledge graph; one item, known to all; a user and an item without training interactions."""
    odd = {
        "no graph": build({"Item": 4, "User": 3}, [(0, 0, "train"), (1, 1, "train"), (1, 2, "valid")]),
        "one item": build({"Item": 1, "User": 2}, [(0, 0, "train"), (1, 0, "train")]),
        "all alike": build({"Item": 2, "User": 3}, [(u, i, "train") for u in range(3) for i in range(2)]),
    }
    for snapshot in odd.values():
        result = fit_zoo(name, snapshot, {**SETTINGS[name], "epochs": 2})
        users = np.arange(snapshot.num_users)
        assert np.isfinite(result.scorer.score(snapshot.matrix("train"), users)).all()
        assert all(np.isfinite(row["loss"]) for row in result.history)
