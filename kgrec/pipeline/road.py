"""The stages of a recipe and what each depends on; what they do stands in the modules beside."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from kgrec.config import Paths, Recipe
from kgrec.pipeline import build, evaluate, report, train
from kgrec.pipeline.stage import RunDirectory, Stage

CONFIG = ("kgrec.config.iris", "kgrec.config.recipe")
WHERE_NOT_WHAT = {"device", "devices", "threads"}
"""Training settings that say where it runs: they do not make an earlier result stale."""


class Road:
    """All stages of one recipe.

    Args:
        recipe: what is to be made.
        paths: where its files and its run directory are.
        directory: the run directory.
    """

    def __init__(self, recipe: Recipe, paths: Paths, directory: RunDirectory) -> None:
        self.recipe, self.paths, self.directory = recipe, paths, directory

    def _settings(self, *sections: str) -> dict[str, Any]:
        return self.recipe.model_dump(mode="json", include=set(sections))

    @cached_property
    def store(self) -> Stage:
        """Sources → knowledge-graph store, parted interactions, keys, rejects."""
        graph = {"literal_cap": self.recipe.graph.literal_cap}
        sources = (
            "base",
            "seed",
            "max_rejects",
            "prefixes",
            "interactions",
            "split",
            "table",
            "rdf",
            "recbole",
            "store",
        )
        return Stage(
            "store",
            "build",
            {**self._settings(*sources), "graph": graph},
            (*CONFIG, "kgrec.ingest", "kgrec.store", "kgrec.dataset", "kgrec.pipeline.build"),
            lambda folder, work, progress: build.make_store(self.recipe, self.paths.data, folder, progress),
            files=tuple(input_files(self.recipe, self.paths.data)),
        )

    @cached_property
    def snapshot(self) -> Stage:
        """Store → snapshot and profile."""
        return Stage(
            "snapshot",
            "build",
            self._settings("base", "prefixes", "interactions", "graph"),
            (*CONFIG, "kgrec.dataset", "kgrec.store", "kgrec.pipeline.build"),
            lambda folder, work, progress: build.make_snapshot(
                self.recipe, self.directory.folder(self.store), folder, progress
            ),
            upstream=(self.store,),
        )

    @cached_property
    def text(self) -> Stage:
        """Snapshot → text vectors."""
        return Stage(
            "text",
            "train",
            self._settings("text"),
            ("kgrec.text", "kgrec.dataset.features", "kgrec.pipeline.train"),
            lambda folder, work, progress: train.make_text(
                self.recipe, self.directory.folder(self.snapshot), folder, progress
            ),
            upstream=(self.snapshot,),
        )

    @cached_property
    def embedding(self) -> Stage:
        """Snapshot → KG embedding."""
        return Stage(
            "embedding",
            "train",
            self._settings("embedding", "seed"),
            ("kgrec.embeddings", "kgrec.dataset.features", "graph_builders", "kgrec.pipeline.train"),
            lambda folder, work, progress: train.make_embedding(
                self.recipe, self.directory.folder(self.snapshot), folder, progress
            ),
            upstream=(self.snapshot,),
        )

    @cached_property
    def model(self) -> Stage:
        """Snapshot, text vectors and embedding → trained GNN."""
        return self._model("model", self.recipe)

    @cached_property
    def ablation(self) -> Stage:
        """The same model trained without the knowledge graph."""
        without = self.recipe.model.model_copy(update={"kg": False})
        return self._model("ablation", self.recipe.model_copy(update={"model": without}))

    def _model(self, name: str, recipe: Recipe) -> Stage:
        upstream = [self.snapshot]
        if recipe.text.enabled and recipe.model.input.text:
            upstream.append(self.text)
        if recipe.embedding.enabled and recipe.model.kg and recipe.model.input.neighbours != "off":
            upstream.append(self.embedding)
        settings = recipe.model_dump(mode="json", include={"model": True, "seed": True, "training": True})
        settings["training"] = {k: v for k, v in settings["training"].items() if k not in WHERE_NOT_WHAT}
        code = (
            "kgrec.models",
            "kgrec.training",
            "kgrec.recommend.linear",
            "kgrec.metrics",
            "graph_builders",
            "kgrec.pipeline.train",
        )
        return Stage(
            name,
            "train",
            settings,
            code,
            lambda folder, work, progress: train.make_model(
                recipe, {stage.name: self.directory.folder(stage) for stage in upstream}, folder, work, progress
            ),
            upstream=tuple(upstream),
        )

    @cached_property
    def models(self) -> tuple[Stage, ...]:
        """The model and, where the recipe asks for it, its ablation."""
        return (self.model, self.ablation) if self.recipe.evaluation.ablation else (self.model,)

    def evaluation(self, split: str) -> Stage:
        """The table of one held-out part."""
        return Stage(
            "evaluation" if split == "test" else f"evaluation-{split}",
            "evaluate",
            {**self._settings("evaluation", "seed"), "split": split},
            ("kgrec.evaluation", "kgrec.metrics", "kgrec.recommend", "kgrec.pipeline.evaluate"),
            lambda folder, work, progress: evaluate.make_evaluation(
                self.recipe,
                split,
                self.directory.folder(self.snapshot),
                [self.directory.folder(stage) for stage in self.models],
                folder,
                progress,
            ),
            upstream=(self.snapshot, *self.models),
        )

    @cached_property
    def report(self) -> Stage:
        """report.html."""
        test = self.evaluation("test")
        upstream = (test, *(stage for stage in self.training if stage not in test.upstream))
        return Stage(
            "report",
            "run",
            self._settings("name", "report", "explain", "seed"),
            ("kgrec.report", "kgrec.explain", "kgrec.recommend", "kgrec.pipeline.report"),
            lambda folder, work, progress: report.make_report(
                self.recipe,
                {stage.name: self.directory.folder(stage) for stage in (self.snapshot, *self.training, test)},
                folder,
                progress,
            ),
            upstream=upstream,
        )

    @property
    def building(self) -> tuple[Stage, ...]:
        return (self.store, self.snapshot)

    @property
    def training(self) -> tuple[Stage, ...]:
        """Everything between the snapshot and the table; a part that the recipe switches off is left out."""
        needed = [above for stage in self.models for above in stage.upstream if above is not self.snapshot]
        parts = [stage for stage in (self.text, self.embedding) if stage in needed]
        return (*parts, *self.models)

    @property
    def whole(self) -> tuple[Stage, ...]:
        """All stages in order."""
        return (*self.building, *self.training, self.evaluation("test"), self.report)


def input_files(recipe: Recipe, data: Path) -> Iterator[Path]:
    """Every file that the recipe names."""
    names = [recipe.interactions.file, *recipe.split.files.values(), *recipe.split.item_files.values()]
    for table in recipe.table:
        names += [table.file, table.join.file if table.join else ""]
    names += [source.file for source in recipe.rdf]
    for source in recipe.recbole:
        names += [source.kg, source.link or ""]
    for name in sorted({name for name in names if name}):
        yield data / name
