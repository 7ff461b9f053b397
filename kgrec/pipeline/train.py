"""Snapshot → text vectors → KG embedding → trained model.  Each function fills one stage folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgrec.config import Recipe
from kgrec.config.cache import cache_dir
from kgrec.dataset.features import Features, load_features, save_features
from kgrec.dataset.snapshot import Snapshot
from kgrec.pipeline.models import CHANNELS, FLOW, LINEAR, canonical, write_about
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


@dataclass(frozen=True, eq=False)
class _Inputs:
    """What a model is trained from, and where it goes; ``work`` survives a kill."""

    recipe: Recipe
    snapshot: Snapshot
    text: Features | None
    kg: Features | None
    folder: Path
    work: Path
    progress: Progress

    def write(self, name: str, content: object) -> None:
        (self.folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def make_model(recipe: Recipe, upstream: Mapping[str, Path], folder: Path, work: Path, progress: Progress) -> None:
    """The trained model in its serving form, and how its training went: ``history.json``, an entry an epoch, or
    ``channels.json`` of a flow.

    Args:
        upstream: the folders of ``snapshot`` and, where the model reads them, ``text`` and ``embedding``.
        work: keeps the checkpoints of models that have them, so that training goes on after a kill.
    """

    def vectors(name: str) -> Features | None:
        return load_features(upstream[name]) if name in upstream else None

    snapshot = Snapshot.open(upstream["snapshot"])
    inputs = _Inputs(recipe, snapshot, vectors("text"), vectors("embedding"), folder, work, progress)
    {FLOW: _make_flow, LINEAR: _make_linear}.get(canonical(recipe.model.name), _make_published)(inputs)
    write_about(folder, recipe)


def _make_flow(inputs: _Inputs) -> None:
    from kgrec.config.device import torch_device
    from kgrec.flow import fit_flow
    from kgrec.flow.table import channel_table

    recipe = inputs.recipe
    snapshot = _graph_of(inputs)
    flow = fit_flow(
        snapshot,
        recipe.flow,
        text=inputs.text,
        kg=inputs.kg,
        seed=recipe.seed,
        device=str(torch_device(recipe.training.device)),
        processes=recipe.training.devices,
        progress=inputs.progress,
    )
    flow.save(inputs.folder)
    inputs.write(CHANNELS, channel_table(flow, snapshot, inputs.progress))


def _make_linear(inputs: _Inputs) -> None:
    from kgrec.training import train

    recipe = inputs.recipe
    result = train(
        inputs.snapshot,
        recipe.model.model_copy(update={"name": LINEAR}),
        recipe.training,
        text=inputs.text,
        kg=inputs.kg,
        seed=recipe.seed,
        folder=inputs.work,
        progress=inputs.progress,
    )
    result.propagation.save(inputs.folder)
    shutil.copytree(inputs.work / "logs", inputs.folder / "logs")
    inputs.write("history.json", result.history)


def _make_published(inputs: _Inputs) -> None:
    from kgrec.zoo import fit_zoo

    recipe = inputs.recipe
    result = fit_zoo(
        canonical(recipe.model.name),
        _graph_of(inputs),
        recipe.model.settings,
        text=inputs.text,
        kg=inputs.kg,
        seed=recipe.seed,
        device=recipe.training.device,
        folder=inputs.folder,
        progress=inputs.progress,
    )
    inputs.write("history.json", [_without_seconds(entry) for entry in result.history])


def _graph_of(inputs: _Inputs) -> Snapshot:
    return inputs.snapshot if inputs.recipe.model.kg else inputs.snapshot.without_knowledge()


def _without_seconds(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An epoch's figures; what differs from run to run is left out."""
    return {key: value for key, value in entry.items() if key != "cpu_seconds"}
