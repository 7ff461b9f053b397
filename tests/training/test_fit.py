from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from kgrec.config.recipe import ModelConfig, TrainingConfig
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError, RecipeError
from kgrec.models.linear import KG_WEIGHT
from kgrec.progress import SILENT
from kgrec.recommend.linear import LinearScorer
from kgrec.training import TrainResult, train
from kgrec.training.checkpoint import CHECKPOINT

Make = Callable[..., Snapshot]
PROGRAM = Path(__file__).with_name("program.py")


class Lines:
    """A progress that remembers what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def task(self, *args: Any, **kwargs: Any) -> Any:
        return SILENT.task(*args, **kwargs)


def fit(snapshot: Snapshot, folder: Path, model: Any = None, **training: Any) -> TrainResult:
    settings = {"epochs": 4, "batch_size": 64, "learning_rate": 0.02, "device": "cpu", "threads": 1, **training}
    config = ModelConfig.model_validate({"name": "linear", "dim": 8, "layers": 2, **(model or {})})
    return train(snapshot, config, TrainingConfig.model_validate(settings), folder=folder)


def saved(result: TrainResult, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    result.propagation.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("loss", ["sampled-softmax", "bpr"])
@pytest.mark.parametrize("negatives", [7, 1000])
def test_finds_the_planted_tastes(planted: Make, tmp_path: Path, loss: str, negatives: int) -> None:
    snapshot = planted()
    result = fit(snapshot, tmp_path, epochs=15, loss=loss, negatives=negatives, temperature=0.5)
    assert result.val_ndcg is not None
    train_counts = snapshot.matrix("train").sum(axis=0)
    scores = LinearScorer(result.propagation).score(snapshot.matrix("train"))
    same = (np.arange(40)[:, None] % 3) == (np.arange(30)[None, :] % 3)
    assert scores[same].mean() > scores[~same].mean() + 0.1
    assert train_counts.min() > 0
    assert result.val_ndcg > 0.6
    assert result.val_ndcg == max(entry["val_ndcg"] for entry in result.history)
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert any("events.out.tfevents" in path.name for path in (tmp_path / "logs").rglob("*"))


def test_same_seed_same_bytes_other_seed_other_bytes(planted: Make, tmp_path: Path) -> None:
    def run(name: str, seed: int) -> dict[str, bytes]:
        settings = TrainingConfig(epochs=2, batch_size=64, device="cpu", threads=1)
        result = train(planted(), ModelConfig(name="linear", dim=8), settings, seed=seed, folder=tmp_path / name)
        return saved(result, tmp_path / f"{name}-saved")

    first = run("a", 0)
    assert run("b", 0) == first
    assert run("c", 1) != first


def test_killed_and_resumed_equals_undisturbed(
    program: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROGRAM.parents[2])}
    killed = subprocess.run(
        [sys.executable, str(PROGRAM), "fit", str(tmp_path / "killed"), "3"], env=environment, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "propagation.json").exists()
    printed = []
    for folder in ("whole", "killed", "killed"):
        program.main("fit", tmp_path / folder)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] == printed[2]
    for name in ("propagation.safetensors", "propagation.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_another_trainings_checkpoint_is_not_resumed(planted: Make, tmp_path: Path) -> None:
    fit(planted(), tmp_path / "shared", epochs=1)
    fit(planted(seed=1), tmp_path / "shared", epochs=2)
    fresh = fit(planted(), tmp_path / "fresh", epochs=2)
    reused = fit(planted(), tmp_path / "shared", epochs=2)
    assert reused.history == fresh.history


class Trap:
    """Something that a pickle could run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("harm", ["cut", "empty", "other", "pickle", "trap"])
def test_a_file_that_is_no_checkpoint_is_said_and_never_run(planted: Make, tmp_path: Path, harm: str) -> None:
    fresh = fit(planted(), tmp_path / "run", epochs=2)
    checkpoint, sprung = tmp_path / "run" / CHECKPOINT, tmp_path / "sprung"
    if harm == "trap":
        torch.save({"callbacks": {"KeepBest": Trap(sprung)}}, checkpoint)
    elif harm == "pickle":
        checkpoint.write_bytes(pickle.dumps(Trap(sprung), protocol=2))
    elif harm == "other":
        torch.save({"weights": torch.zeros(3)}, checkpoint)
    else:
        checkpoint.write_bytes(checkpoint.read_bytes()[: 500 if harm == "cut" else 0])
    lines = Lines()
    settings = TrainingConfig(epochs=2, batch_size=64, learning_rate=0.02, device="cpu", threads=1)
    again = train(planted(), ModelConfig(name="linear", dim=8), settings, folder=tmp_path / "run", progress=lines)
    assert not sprung.exists()
    assert any("training starts anew" in line for line in lines.lines)
    assert again.history == fresh.history
    np.testing.assert_array_equal(again.propagation.target, fresh.propagation.target)


def test_numbers_that_run_away_are_the_recipes_mistake(planted: Make, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"training\.learning_rate.*infinite or NaN in epoch 1"):
        fit(planted(), tmp_path, learning_rate=1e30)
    assert not (tmp_path / CHECKPOINT).exists()


def test_an_interrupt_stays_one_and_training_goes_on_from_there(planted: Make, tmp_path: Path) -> None:
    class Interrupt(Callback):
        def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            if trainer.current_epoch == 2:
                raise KeyboardInterrupt

    settings = TrainingConfig(epochs=4, batch_size=64, learning_rate=0.02, device="cpu", threads=1)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(planted(), ModelConfig(name="linear", dim=8), settings, folder=tmp_path / "run", callbacks=(Interrupt(),))
    assert signal.getsignal(signal.SIGINT) is before
    resumed, whole = fit(planted(), tmp_path / "run"), fit(planted(), tmp_path / "whole")
    assert resumed.history == whole.history
    np.testing.assert_array_equal(resumed.propagation.target, whole.propagation.target)


def test_relation_and_layer_weights_are_learned(planted: Make, tmp_path: Path) -> None:
    found = fit(planted(), tmp_path, {"input": {"entity_id": True}}).propagation
    start = np.array([1.0 if relation == "interacts" else KG_WEIGHT for _, relation, _ in found.edge_types])
    for learned, first in ((found.forward, start), (found.reverse, start), (found.layer_weights, 1 / 3)):
        assert (np.abs(learned / first - 1) > 1e-3).all()
        assert (learned > 0).all()


def test_stops_when_validation_gets_no_better(planted: Make, tmp_path: Path) -> None:
    result = fit(planted(), tmp_path, epochs=40, patience=2, learning_rate=0.05)
    assert len(result.history) == min(40, result.best_epoch + 2)
    assert len(result.history) < 40
    assert fit(planted(), tmp_path, epochs=40, patience=2, learning_rate=0.05).history == result.history


def test_without_a_validation_part_all_epochs_run(planted: Make, tmp_path: Path) -> None:
    lines = Lines()
    settings = TrainingConfig(epochs=3, batch_size=64, patience=1, device="cpu", threads=1)
    result = train(planted(valid=0), ModelConfig(name="linear", dim=4), settings, folder=tmp_path, progress=lines)
    assert len(result.history) == result.best_epoch == 3
    assert result.val_ndcg is None
    assert any("no validation part" in line for line in lines.lines)


@pytest.mark.parametrize(
    "sizes",
    [
        {"users": 1, "items": 4, "tastes": 1, "each": 3, "valid": 1},
        {"users": 5, "items": 1, "tastes": 1, "each": 1, "valid": 0},
        {"users": 1, "items": 1, "tastes": 1, "each": 1, "valid": 0},
        {"users": 6, "items": 6, "tastes": 2, "each": 1, "valid": 0},
        {"users": 4, "items": 9, "tastes": 1, "each": 9, "valid": 0},
    ],
    ids=str,
)
@pytest.mark.parametrize("loss", ["sampled-softmax", "bpr"])
def test_small_and_odd_data(planted: Make, tmp_path: Path, sizes: dict[str, int], loss: str) -> None:
    snapshot = planted(**sizes)
    result = fit(snapshot, tmp_path, epochs=2, loss=loss)
    scores = LinearScorer(result.propagation).score(snapshot.matrix("train"))
    assert scores.shape == (sizes["users"], sizes["items"])
    assert np.isfinite(scores).all()


def test_without_a_knowledge_graph(planted: Make, tmp_path: Path) -> None:
    whole = planted()
    bare = Snapshot("User", "Item", whole.nodes, whole.relations, whole.edges.head(0), whole.interactions)
    result = fit(bare, tmp_path / "bare", epochs=2)
    assert result.propagation.edge_types == (("User", "interacts", "Item"),)
    ablation = fit(whole, tmp_path / "ablation", {"kg": False}, epochs=2)
    np.testing.assert_array_equal(ablation.propagation.target, result.propagation.target)


def test_held_out_interactions_change_nothing_but_the_validation(planted: Make, tmp_path: Path) -> None:
    snapshot = planted()
    moved = snapshot.interactions.with_columns(split=pl.col("split").replace({"valid": "test"}))
    other = Snapshot("User", "Item", snapshot.nodes, snapshot.relations, snapshot.edges, moved)
    settings = {"epochs": 2, "patience": 5}
    seen, unseen = fit(snapshot, tmp_path / "a", **settings), fit(other, tmp_path / "b", **settings)
    assert [entry["loss"] for entry in seen.history] == [entry["loss"] for entry in unseen.history]
    dropped = Snapshot(
        "User", "Item", snapshot.nodes, snapshot.relations, snapshot.edges, moved.filter(pl.col("split") == "train")
    )
    gone = fit(dropped, tmp_path / "c", **settings)
    np.testing.assert_array_equal(gone.propagation.target, unseen.propagation.target)


def test_not_finite_features_name_the_node(planted: Make, tmp_path: Path) -> None:
    matrix = np.ones((30, 4), dtype=np.float32)
    matrix[7, 2] = np.nan
    text = {"Item": (matrix, np.ones(30, dtype=bool))}
    with pytest.raises(DataError, match="urn:Item/7"):
        train(planted(), ModelConfig(name="linear"), TrainingConfig(), text=text, folder=tmp_path)


def test_no_training_interactions(planted: Make, tmp_path: Path) -> None:
    snapshot = planted()
    empty = Snapshot("User", "Item", snapshot.nodes, snapshot.relations, snapshot.edges, snapshot.interactions.head(0))
    with pytest.raises(DataError, match="no training interactions"):
        fit(empty, tmp_path)


@pytest.mark.parametrize("device", ["gpu0", "cuda:x", "cuda:99"])
def test_unknown_device(planted: Make, tmp_path: Path, device: str) -> None:
    with pytest.raises(RecipeError, match=r"training\.device"):
        fit(planted(), tmp_path, device=device)
