"""Snapshot → text vectors → KG embedding → trained GNN.  Each function fills one stage folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from kgrec.config import Recipe
from kgrec.config.cache import cache_dir
from kgrec.dataset.features import Features, load_features, save_features
from kgrec.dataset.snapshot import Snapshot
from kgrec.progress import Progress


def make_text(recipe: Recipe, snapshot: Path, folder: Path, progress: Progress) -> None:
    """Text vectors of all nodes with a text (``vectors.safetensors``)."""
    from kgrec.text import encode_nodes

    device = recipe.training.device
    vectors = encode_nodes(Snapshot.open(snapshot), recipe.text, cache_dir() / "text", device, progress)
    save_features(folder, vectors)


def make_embedding(recipe: Recipe, snapshot: Path, folder: Path, progress: Progress) -> None:
    """PyKEEN vectors of all nodes in a triple (``vectors.safetensors``) and their figures (``metrics.json``)."""
    from kgrec.embeddings import train_embedding

    device = recipe.training.device
    result = train_embedding(Snapshot.open(snapshot), recipe.embedding, recipe.seed, device, progress)
    result.save(folder)


def make_model(recipe: Recipe, upstream: Mapping[str, Path], folder: Path, work: Path, progress: Progress) -> None:
    """The trained model in its serving form, its history and its TensorBoard logs.

    Args:
        upstream: the folders of ``snapshot`` and, where the model reads them, ``text`` and ``embedding``.
        work: keeps the checkpoints, so that training goes on after a kill.
    """
    from kgrec.training import train

    def vectors(name: str) -> Features | None:
        return load_features(upstream[name]) if name in upstream else None

    result = train(
        Snapshot.open(upstream["snapshot"]),
        recipe.model,
        recipe.training,
        text=vectors("text"),
        kg=vectors("embedding"),
        seed=recipe.seed,
        folder=work,
        progress=progress,
    )
    result.propagation.save(folder)
    shutil.copytree(work / "logs", folder / "logs")
    (folder / "history.json").write_text(json.dumps(result.history, indent=1) + "\n")
