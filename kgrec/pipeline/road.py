"""The stages of a recipe and what each depends on.

What they do stands in the modules beside, which are imported when a stage is made: asking what has been built loads
no framework.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from kgrec.config import Paths, Recipe
from kgrec.pipeline.foreign import fetched_files, with_fetched
from kgrec.pipeline.models import code_of, settings_of, vectors_of
from kgrec.pipeline.stage import RunDirectory, Stage
from kgrec.progress import Progress, TasksOnly

SOURCES = ("base", "prefixes", "seed", "max_rejects", "interactions", "split", "table", "rdf", "recbole", "neo4j")


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

    def _folders(self, *stages: Stage) -> dict[str, Path]:
        return {stage.name: self.directory.folder(stage) for stage in stages}

    @cached_property
    def store(self) -> Stage:
        """Sources → knowledge-graph store, parted interactions, keys, rejects."""

        def make(folder: Path, work: Path, progress: Progress) -> None:
            from kgrec.pipeline.build import make_store

            make_store(with_fetched(self.recipe, self.paths.run), self.paths.data, folder, progress)

        settings = {**self._settings(*SOURCES), "graph": {"literal_cap": self.recipe.graph.literal_cap}}
        code = (
            "kgrec.config.iris",
            "kgrec.ingest",
            "kgrec.store",
            "kgrec.dataset",
            "kgrec.pipeline.build",
            "kgrec.pipeline.graph",
        )
        files = input_files(self.recipe, self.paths.data) | fetched_files(self.recipe, self.paths.run)

        def holds(folder: Path) -> bool:
            from kgrec.pipeline.graph import holds

            return holds(self.recipe, folder)

        return Stage("store", "build", settings, code, make, files, holds=holds)

    @cached_property
    def snapshot(self) -> Stage:
        """Store → snapshot and profile."""

        def make(folder: Path, work: Path, progress: Progress) -> None:
            from kgrec.pipeline.build import make_snapshot

            make_snapshot(self.recipe, self.directory.folder(self.store), folder, progress)

        settings = self._settings("base", "prefixes", "interactions", "graph")
        code = ("kgrec.config.iris", "kgrec.dataset", "kgrec.store", "kgrec.pipeline.build", "kgrec.pipeline.graph")
        return Stage("snapshot", "build", settings, code, make, upstream=(self.store,))

    @cached_property
    def text(self) -> Stage:
        """Snapshot → text vectors."""

        def make(folder: Path, work: Path, progress: Progress) -> None:
            from kgrec.pipeline.train import make_text

            make_text(self.recipe, self.directory.folder(self.snapshot), folder, progress)

        code = ("kgrec.text", "kgrec.dataset.features", "kgrec.pipeline.train")
        return Stage("text", "train", self._settings("text"), code, make, upstream=(self.snapshot,))

    @cached_property
    def embedding(self) -> Stage:
        """Snapshot → KG embedding."""

        def make(folder: Path, work: Path, progress: Progress) -> None:
            from kgrec.pipeline.train import make_embedding

            make_embedding(self.recipe, self.directory.folder(self.snapshot), folder, progress)

        code = ("kgrec.embeddings", "kgrec.dataset.features", "graph_builders", "kgrec.pipeline.train")
        settings = self._settings("embedding", "seed")
        return Stage("embedding", "train", settings, code, make, upstream=(self.snapshot,))

    @cached_property
    def model(self) -> Stage:
        """Snapshot, text vectors and embedding → trained model."""
        return self._model("model", self.recipe)

    @cached_property
    def ablation(self) -> Stage:
        """The same model trained without the knowledge graph."""
        without = self.recipe.model.model_copy(update={"kg": False})
        return self._model("ablation", self.recipe.model_copy(update={"model": without}))

    def _model(self, name: str, recipe: Recipe) -> Stage:
        text, embedding = vectors_of(recipe)
        vectors = [stage for stage, wanted in ((self.text, text), (self.embedding, embedding)) if wanted]
        upstream = (self.snapshot, *vectors)

        def make(folder: Path, work: Path, progress: Progress) -> None:
            from kgrec.pipeline.train import make_model

            # what the ablation says, the model has said
            shown = progress if name == "model" else TasksOnly(progress)
            make_model(recipe, self._folders(*upstream), folder, work, shown)

        return Stage(name, "train", settings_of(recipe), code_of(recipe), make, upstream=upstream)

    @cached_property
    def models(self) -> tuple[Stage, ...]:
        """The model and, where the recipe asks for it, its ablation."""
        return (self.model, self.ablation) if self.recipe.evaluation.ablation else (self.model,)

    @cached_property
    def valid(self) -> Stage:
        """The table of the validation part."""
        return self._evaluation("valid")

    @cached_property
    def test(self) -> Stage:
        """The table of the test part."""
        return self._evaluation("test")

    def _evaluation(self, split: str) -> Stage:
        def make(folder: Path, work: Path, progress: Progress) -> None:
            from kgrec.pipeline.evaluate import make_evaluation

            snapshot = self.directory.folder(self.snapshot)
            make_evaluation(self.recipe, split, snapshot, self._folders(*self.models), folder, progress)

        settings = {**self._settings("evaluation", "seed"), "split": split}
        code = (
            *("kgrec.evaluation", "kgrec.metrics", "kgrec.recommend", "kgrec.pipeline.models"),
            "kgrec.pipeline.evaluate",
        )
        return Stage(f"evaluation-{split}", "evaluate", settings, code, make, upstream=(self.snapshot, *self.models))

    @cached_property
    def report(self) -> Stage:
        """report.html."""
        upstream = (self.snapshot, *self.training, self.test)

        def make(folder: Path, work: Path, progress: Progress) -> None:
            from kgrec.pipeline.report import make_report

            make_report(self.recipe, self._folders(*upstream), folder, progress)

        settings = self._settings("name", "report", "explain", "seed")
        code = (
            *("kgrec.report", "kgrec.explain", "kgrec.recommend", "kgrec.pipeline.models"),
            *("kgrec.effects", "kgrec.flow", "kgrec.pipeline.report", "kgrec.pipeline.why"),
        )
        return Stage("report", "run", settings, code, make, upstream=upstream)

    @property
    def building(self) -> tuple[Stage, ...]:
        """From the sources to the snapshot."""
        return (self.store, self.snapshot)

    @property
    def training(self) -> tuple[Stage, ...]:
        """From the snapshot to the models; a part that the recipe switches off is left out."""
        needed = {above.name for stage in self.models for above in stage.upstream}
        parts = [stage for stage in (self.text, self.embedding) if stage.name in needed]
        return (*parts, *self.models)

    @property
    def whole(self) -> tuple[Stage, ...]:
        """Everything that ``kgrec run`` makes, in order."""
        return (*self.building, *self.training, self.test, self.report)


def input_files(recipe: Recipe, data: Path) -> dict[str, Path]:
    """Every file that the recipe names, by that name."""
    names = [recipe.interactions.file, *recipe.split.files.values(), *recipe.split.item_files.values()]
    for table in recipe.table:
        names += [table.file, table.join.file if table.join else ""]
    names += [source.file for source in recipe.rdf]
    for graph in recipe.recbole:
        names += [graph.kg, graph.link or ""]
    return {name: data / name for name in sorted({name for name in names if name})}
