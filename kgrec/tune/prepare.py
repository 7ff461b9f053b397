"""Recipe → snapshot, text vectors and KG vectors: what every model starts from, made once and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from kgrec.config import Recipe, load_recipe
from kgrec.pipeline.road import Road
from kgrec.pipeline.stage import RunDirectory, Stage
from kgrec.progress import SILENT, Progress
from kgrec.tune.task import FitData


@dataclass(frozen=True)
class Prepared:
    """A recipe with the folders of what was made from it.

    Attributes:
        recipe: the settings.
        run: the run directory.
        folders: ``snapshot``, ``text``, ``embedding`` → folder; a part that the recipe switches off is missing.
    """

    recipe: Recipe
    run: Path
    folders: Mapping[str, Path]

    def open(self) -> FitData:
        """Reads the snapshot; vectors are read when they are asked for."""
        from kgrec.dataset.features import load_features
        from kgrec.dataset.snapshot import Snapshot

        readers = {
            name: partial(load_features, self.folders[stage])
            for name, stage in (("read_text", "text"), ("read_kg", "embedding"))
            if stage in self.folders
        }
        return FitData(self.recipe, Snapshot.open(self.folders["snapshot"]), **readers)

    def manifest(self, part: str) -> dict[str, Any]:
        """The manifest of a part's stage: ``key``, ``cpu_seconds``, ``versions`` …"""
        content: dict[str, Any] = json.loads((self.folders[part] / "manifest.json").read_text())
        return content


def prepare(
    recipe: Path,
    data: Path | None = None,
    run_dir: Path | None = None,
    *,
    kge: str | None = None,
    progress: Progress = SILENT,
) -> Prepared:
    """Makes what is not current of the snapshot, the text vectors and the KG embedding.

    Args:
        recipe: the TOML file.
        data, run_dir: instead of what it says.
        kge: another PyKEEN model than the recipe's; its vectors stand beside the recipe's own.
        progress: shows the stages.

    Raises:
        UserError: recipe or data are at fault, or another process holds the run directory.
    """
    content, paths = load_recipe(recipe, data, run_dir)
    directory = RunDirectory(paths.run)
    road = Road(content, paths, directory)
    parts: dict[str, Stage] = {"snapshot": road.snapshot}
    if content.text.enabled:
        parts["text"] = road.text
    if content.embedding.enabled:
        parts["embedding"] = road.embedding
        if kge is not None:
            embedding = content.embedding.model_copy(update={"model": kge})
            other = Road(content.model_copy(update={"embedding": embedding}), paths, directory).embedding
            parts["embedding"] = replace(other, name=f"embedding-{kge}")
    with directory.locked("kgrec tune or bench"):
        for stage in (road.store, *parts.values()):
            directory.make(stage, progress)
    return Prepared(content, paths.run, {part: paths.run / stage.name for part, stage in parts.items()})
