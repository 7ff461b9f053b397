"""Snapshot and feature vectors → a trained model."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from torch import nn

from graph_builders import to_hetero_data
from kgrec.config.recipe import ModelConfig, TrainingConfig
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.errors import DataError, RecipeError
from kgrec.models.registry import create_model
from kgrec.progress import SILENT, Progress, Task
from kgrec.training.checkpoint import CHECKPOINT, KeepBest, read_state
from kgrec.training.data import Interactions, Steps, loader
from kgrec.training.module import RecommenderModule
from kgrec.training.quiet import quiet
from kgrec.training.result import TrainResult
from kgrec.training.validation import Validation


def train(
    snapshot: Snapshot,
    model: ModelConfig,
    training: TrainingConfig,
    *,
    text: Features | None = None,
    kg: Features | None = None,
    seed: int = 0,
    folder: str | Path,
    progress: Progress = SILENT,
    callbacks: tuple[Callback, ...] = (),
) -> TrainResult:
    """Trains until validation NDCG@10 gets no better; goes on where an interrupted training of the same thing stopped.

    The same snapshot, settings, features, seed, machine and thread count give the same result, bit for bit, whether or
    not the training was interrupted.  With ``training.devices`` above 1, processes are spawned: a program that calls
    this needs the usual ``if __name__ == "__main__"``.

    Args:
        snapshot: nodes, edges, interactions.
        model, training: settings.
        text, kg: vectors by node type (:mod:`kgrec.dataset.features`).
        seed: of the initial parameters, batches and negatives.
        folder: takes the checkpoint and the TensorBoard logs (below ``logs``); made where missing.
        progress: shows the epochs (one process only).
        callbacks: further Lightning callbacks.

    Raises:
        DataError: there are no training interactions, or a feature is not finite.
        RecipeError: an unknown model or device, a model without any input, or numbers that become infinite or NaN.
    """
    pairs = snapshot.pairs("train").select("user", "item").sort("user", "item")
    if pairs.is_empty():
        raise DataError("there are no training interactions", remedy="see the recipe's split, threshold and k-core")
    interactions = Interactions(
        pairs["user"].to_numpy(), pairs["item"].to_numpy(), snapshot.num_users, snapshot.num_items
    )
    accelerator, devices = _devices(training)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    validation = Validation(snapshot)
    if not validation:
        progress.say(f"no validation part: training for all {training.epochs} epochs")

    with quiet(), _threads(training.threads):
        network = _network(snapshot, model, text, kg, seed)
        module = RecommenderModule(network, training, validation or None)
        path = folder / CHECKPOINT
        fingerprint = _fingerprint(network, interactions, validation, model, training, seed)
        keep = KeepBest(path, training.patience, fingerprint)
        state = read_state(path, fingerprint, progress)
        if state is None or not _finished(state, training):
            spawn = training.devices > 1
            with progress.task("training", training.epochs, "epochs") as task:
                shown = [] if spawn else [_Shown(task, len(state["history"]) if state else 0)]
                trainer = Trainer(
                    accelerator=accelerator,
                    devices=devices,
                    strategy=_spawned() if spawn else "auto",
                    plugins=[LightningEnvironment()],
                    max_epochs=training.epochs,
                    logger=TensorBoardLogger(folder, name="", version="logs"),
                    callbacks=[keep, *shown, *callbacks],
                    enable_checkpointing=False,
                    enable_progress_bar=False,
                    enable_model_summary=False,
                    use_distributed_sampler=False,
                    log_every_n_steps=1,
                )
                steps = loader(Steps(interactions, training, seed))
                with _interruptible():
                    trainer.fit(module, steps, ckpt_path=path if state else None, weights_only=True)
            state = read_state(path, fingerprint)
            assert state is not None
        network.cpu().load_state_dict(state["best"]["weights"])
        propagation = network.serving_form(snapshot, "kgrec" if model.kg else "kgrec without KG")
    best = state["best"]
    return TrainResult(propagation, state["history"], best["epoch"], best["val_ndcg"], best["cpu_seconds"])


class _Shown(Callback):
    def __init__(self, task: Task, done: int) -> None:
        self.task = task
        task.advance(done)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        keep = next(callback for callback in trainer.callbacks if isinstance(callback, KeepBest))  # type: ignore[attr-defined]
        last = keep.history[-1]
        value = "" if last["val_ndcg"] is None else f", validation NDCG@10 {last['val_ndcg']:.4f}"
        self.task.describe(f"training, loss {last['loss']:.3f}{value}")
        self.task.advance()


def _network(snapshot: Snapshot, model: ModelConfig, text: Features | None, kg: Features | None, seed: int) -> Any:
    features: dict[str, dict[str, np.ndarray]] = {}
    for name, vectors in (("text", text), ("kg", kg)):
        for kind, (matrix, mask) in (vectors or {}).items():
            bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
            if len(bad):
                iri = snapshot.of_type(kind)["iri"][int(bad[0])]
                raise DataError(
                    f"the {name} vector of a {kind} is not finite",
                    value=iri,
                    expected="finite numbers",
                    remedy=f"compute the vectors again; {len(bad)} node(s) of this type are concerned",
                )
            features.setdefault(kind, {})[name] = np.where(mask[:, None], matrix, 0).astype(np.float32)
    tables = snapshot.graph_tables(features)
    return create_model(
        model.name,
        to_hetero_data(tables),
        model,
        user_type=snapshot.user_type,
        item_type=snapshot.item_type,
        edge_types=tuple(table.key for table in tables.edges),
        interacts=(snapshot.user_type, INTERACTS, snapshot.item_type),
        generator=torch.Generator().manual_seed(seed),
    )


def _finished(state: dict[str, Any], training: TrainingConfig) -> bool:
    done = len(state["history"])
    return done >= training.epochs or done - state["best"]["epoch"] >= training.patience


def _fingerprint(
    network: nn.Module,
    interactions: Interactions,
    validation: Validation,
    model: ModelConfig,
    training: TrainingConfig,
    seed: int,
) -> str:
    digest = hashlib.sha256(
        json.dumps([model.model_dump(mode="json"), training.model_dump(mode="json"), seed], sort_keys=True).encode()
    )
    for array in (interactions.users, interactions.items, validation.relevant.indptr, validation.relevant.indices):
        digest.update(np.ascontiguousarray(array, dtype=np.int64).tobytes())
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        digest.update(name.encode() + str(tuple(tensor.shape)).encode())
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _spawned() -> DDPStrategy:
    # Spawned and not relaunched: a relaunched command line would wait for its own run directory's lock.  The graph's
    # buffers are constant and alike everywhere, so nothing is sent but gradients.
    return DDPStrategy(start_method="spawn", broadcast_buffers=False)


def _devices(training: TrainingConfig) -> tuple[str, int | list[int]]:
    kind, _, index = training.device.partition(":")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise RecipeError(
            "no such device", column="training.device", value=training.device, expected="auto, cpu, cuda or cuda:N"
        )
    count = torch.cuda.device_count() if kind == "cuda" else (os.cpu_count() or 1)
    if (int(index) if index else training.devices - 1) >= count and kind == "cuda":
        raise RecipeError(f"this machine has {count} CUDA device(s)", column="training.device", value=training.device)
    if kind == "cuda":
        return "gpu", [int(index)] if index else training.devices
    return "cpu", training.devices


@contextmanager
def _interruptible() -> Iterator[None]:
    """Lightning answers Ctrl-C with ``sys.exit`` and ignores the signal from then on; here it stays what it is."""
    ours = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
