"""A run: one recipe, its stages, and what they answer.

>>> run = kgrec.run("recipe.toml")          # doctest: +SKIP
>>> run.recommend("42", k=10)               # doctest: +SKIP
>>> run.explain("42", "318")                # doctest: +SKIP
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kgrec.config import Paths, Recipe, load_recipe
from kgrec.config.graph import StoreConfig
from kgrec.errors import QueryError, RecipeError, UserError
from kgrec.pipeline.models import canonical
from kgrec.pipeline.road import Road
from kgrec.pipeline.stage import RunDirectory, Stage
from kgrec.progress import SILENT, Progress

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from kgrec.dataset.snapshot import Snapshot
    from kgrec.effects.rerun import RerunEffects
    from kgrec.explain import Explains, Explanation
    from kgrec.explain.rerun import RerunExplainer, RerunExplanation
    from kgrec.explain.whatif import WhatIf
    from kgrec.pipeline.publish import Published, To
    from kgrec.recommend import History, Scorer
    from kgrec.recommend.new_items import NewItem
    from kgrec.recommend.newcomers import Arrivals
    from kgrec.store import GraphStore, OxigraphStore, QueryResult


def open_run(
    recipe: str | Path,
    *,
    data: str | Path | None = None,
    run_dir: str | Path | None = None,
    device: str | None = None,
    devices: int | None = None,
    store: str | None = None,
    bulk: bool = False,
) -> Run:
    """The run of a recipe as it stands; nothing is made.

    Args:
        recipe: the TOML file.
        data: where the recipe's files are, instead of what it says.
        run_dir: where artefacts go, instead of what it says.
        device, devices: where to train, instead of what it says.
        store: where the graph is kept, instead of what it says: ``oxigraph``, ``neo4j``, or a Neo4j server's address.
        bulk: loads an empty managed Neo4j server by its import tool.

    Raises:
        UserError: ``store`` is nothing of these.
        RecipeError: the recipe is at fault, or no model has the name that it gives.
    """
    content, paths = load_recipe(recipe, data, run_dir)
    where = {key: value for key, value in (("device", device), ("devices", devices)) if value is not None}
    if where:
        content = content.model_copy(update={"training": content.training.model_copy(update=where)})
    if store is not None:
        content = content.model_copy(update={"store": store_of(store)})
    if bulk:
        content = content.model_copy(update={"store": content.store.model_copy(update={"bulk": True})})
    try:
        canonical(content.model.name)
    except RecipeError as error:
        error.in_file(paths.recipe)
        raise
    return Run(content, paths)


def run(
    recipe: str | Path,
    *,
    data: str | Path | None = None,
    run_dir: str | Path | None = None,
    device: str | None = None,
    devices: int | None = None,
    store: str | None = None,
    progress: Progress = SILENT,
) -> Run:
    """Makes every stage of a recipe that is not current, and returns the run.

    Arguments and errors are those of :func:`open_run`; what the data are at fault for raises DataError.
    """
    it = open_run(recipe, data=data, run_dir=run_dir, device=device, devices=devices, store=store)
    it.all(progress)
    return it


def store_of(name: str) -> StoreConfig:
    """``oxigraph``, ``neo4j`` or an address as the recipe's ``store`` table."""
    if name == "oxigraph":
        return StoreConfig()
    if name == "neo4j":
        return StoreConfig(kind="neo4j")
    from kgrec.store.neo4j.connection import check_uri

    check_uri(name)
    return StoreConfig(kind="neo4j", uri=name)


class Run:
    """A recipe and its run directory.

    Attributes:
        recipe: what is asked for.
        paths: where things are.
    """

    def __init__(self, recipe: Recipe, paths: Paths) -> None:
        self.recipe, self.paths = recipe, paths
        self._directory = RunDirectory(self.paths.run)
        self._road = Road(self.recipe, self.paths, self._directory)

    def __repr__(self) -> str:
        return f"<Run {self.recipe.name} in {self.paths.run}>"

    # --- making

    def build(self, progress: Progress = SILENT) -> None:
        """Sources → store → snapshot."""
        self._make(self._road.building, "build", progress)

    def train(self, progress: Progress = SILENT) -> None:
        """Snapshot → text vectors → embedding → trained model; what lies before is made too where it is not current."""
        self._make((*self._road.building, *self._road.training), "train", progress)

    def evaluate(self, split: Literal["valid", "test"] = "test", progress: Progress = SILENT) -> dict[str, Any]:
        """The table of the model and the baselines: ``{"split", "users", "rows"}``."""
        self._make((*self._road.building, *self._road.training, self._table(split)), "evaluate", progress)
        return self.evaluation(split)

    def all(self, progress: Progress = SILENT) -> None:
        """Every stage, the report last."""
        self._make(self._road.whole, "run", progress)

    def _make(self, stages: Iterable[Stage], doing: str, progress: Progress) -> None:
        # What is in memory belongs to what was there before.
        for name in ("snapshot", "scorer", "explainer", "reruns", "_rerun_explainer"):
            self.__dict__.pop(name, None)
        stages = tuple(stages)
        try:
            if len(stages) > len(self._road.building):
                self._check_choices()
            with self._directory.locked(f"kgrec {doing}"):
                if self.recipe.neo4j:
                    from kgrec.pipeline.foreign import fetch

                    fetch(self.recipe, self.paths.run, progress)
                for stage in stages:
                    self._directory.make(stage, progress)
        except RecipeError as error:
            error.in_file(self.paths.recipe)
            raise

    def _check_choices(self) -> None:
        """Refuses models, metrics and baselines that do not exist before hours are spent on training."""
        from kgrec.evaluation.baselines import make_baseline
        from kgrec.explain.language import Language
        from kgrec.metrics import check_names
        from kgrec.pipeline.models import check_model

        check_model(self.recipe)
        Language.of(self.recipe.explain.lang)
        check_names(self.recipe.evaluation.metrics)
        for settings in self.recipe.evaluation.baselines:
            make_baseline(settings)

    def _table(self, split: str) -> Stage:
        return self._road.test if split == "test" else self._road.valid

    # --- what was made

    @cached_property
    def snapshot(self) -> Snapshot:
        """Nodes, edges and interactions with integer ids.

        Raises:
            StaleError: it has not been made, or is older than the recipe, the data or the code.
        """
        from kgrec.dataset.snapshot import Snapshot

        return Snapshot.open(self._directory.folder(self._road.snapshot))

    @cached_property
    def scorer(self) -> Scorer:
        """The trained model in its serving form, without the framework that trained it.

        Raises:
            StaleError: see :attr:`snapshot`.
        """
        from kgrec.pipeline.models import load_scorer

        return load_scorer(self._directory.folder(self._road.model), self.snapshot)

    @cached_property
    def explainer(self) -> Explains:
        """Explains the trained model.

        Raises:
            StaleError: see :attr:`snapshot`.
            UserError: the model does not explain; says which do.
        """
        from kgrec.explain import explainer_of
        from kgrec.pipeline.candidates import candidates_of
        from kgrec.pipeline.why import text_reader

        candidates = candidates_of(self.snapshot, self.recipe)
        return explainer_of(
            self.snapshot, self.scorer, self.recipe.explain, text=text_reader(self), candidates=candidates
        )

    @cached_property
    def reruns(self) -> RerunEffects | None:
        """Interventions on a published model, which is run again; None for models that are sums over paths.

        Raises:
            StaleError: see :attr:`snapshot`; or the model was trained without keeping its parameters.
        """
        from kgrec.pipeline.rerun import effects_of

        return effects_of(self)

    @cached_property
    def _rerun_explainer(self) -> RerunExplainer:
        from kgrec.pipeline.rerun import explainer_of

        return explainer_of(self)

    def model_digest(self) -> str:
        """Hash of everything that the trained model was made from.

        Raises:
            StaleError: see :attr:`snapshot`.
        """
        self._directory.folder(self._road.model)
        return self._directory.key(self._road.model)

    def text_folder(self) -> Path | None:
        """Where the text vectors are that the model was trained with; None where it read none.

        Raises:
            StaleError: see :attr:`snapshot`.
        """
        text = self._road.text if self._road.text in self._road.model.upstream else None
        return None if text is None else self._directory.folder(text)

    def embedding_folder(self) -> Path | None:
        """The same of the knowledge-graph vectors."""
        embedding = self._road.embedding if self._road.embedding in self._road.model.upstream else None
        return None if embedding is None else self._directory.folder(embedding)

    def model_folder(self) -> Path:
        """Where the trained model is.

        Raises:
            StaleError: see :attr:`snapshot`.
        """
        return self._directory.folder(self._road.model)

    def at_knowledge(self, knowledge: float) -> Run:
        """The same run with its flow at another place between accuracy and knowledge.

        Args:
            knowledge: from 0, the model as trained, to 1, literal knowledge and text alone.

        Raises:
            UserError: it lies outside, or the model has no such dial.
            StaleError: see :attr:`snapshot`.
        """
        from kgrec.flow.model import FlowScorer

        if not isinstance(self.scorer, FlowScorer):
            raise UserError(
                f"{self.scorer.name} has no dial between accuracy and knowledge", remedy='model.name = "flow"'
            )
        other = Run(self.recipe, self.paths)
        other.__dict__.update(snapshot=self.snapshot, scorer=self.scorer.at_knowledge(knowledge))
        return other

    def channels(self) -> dict[str, Any] | None:
        """What each channel of a trained flow adds (:func:`kgrec.flow.table.channel_table`); None for other models."""
        from kgrec.pipeline.models import CHANNELS

        file = self._directory.folder(self._road.model) / CHANNELS
        content: dict[str, Any] | None = json.loads(file.read_text()) if file.is_file() else None
        return content

    def evaluation(self, split: Literal["valid", "test"] = "test") -> dict[str, Any]:
        """The table as it was made."""
        folder = self._directory.folder(self._table(split))
        content: dict[str, Any] = json.loads((folder / "evaluation.json").read_text())
        return content

    def report_path(self) -> Path:
        """The report as it was made."""
        return self._directory.folder(self._road.report) / "report.html"

    def store(self) -> GraphStore:
        """The knowledge-graph store, read-only; ``with run.store() as store: …``.

        The embedded one is a :class:`kgrec.store.SparqlStore`.
        """
        from kgrec.pipeline.graph import open_store

        return open_store(self.recipe, self._directory.folder(self._road.store))

    @contextmanager
    def published_store(self) -> Iterator[OxigraphStore]:
        """The embedded store, open for what is published back; the run directory is held meanwhile.

        Raises:
            StaleError: see :attr:`snapshot`.
            BusyError: another process holds the run directory.
        """
        from kgrec.pipeline.graph import writable_store

        with (
            self._directory.locked("kgrec publish"),
            writable_store(self.recipe, self._directory.folder(self._road.store)) as store,
        ):
            yield store

    def query(self, sparql: str) -> QueryResult:
        """SPARQL 1.1, read-only, over the union of the sources; ``GRAPH`` with its IRI reads a published graph.

        Raises:
            QueryError: malformed, or it asks for what is refused (SERVICE, updates), or the graph is in Neo4j.
        """
        from kgrec.store import OxigraphStore

        with self.store() as store:
            if not isinstance(store, OxigraphStore):
                raise QueryError(
                    "this run's graph is in Neo4j, which does not speak SPARQL",
                    remedy="ask in Cypher, in Neo4j Browser, or run `kgrec build RECIPE --store oxigraph`",
                )
            return store.query(sparql)

    def export(self, to: Literal["nt", "ttl", "parquet", "hetero", "triples"], out: str | Path) -> None:
        """Writes the graph for other tools."""
        from kgrec.pipeline.export import export

        folders = {
            stage.name: self._directory.folder(stage)
            for stage in (*self._road.building, *self._road.training)
            if stage in self._road.building or self._directory.is_current(stage)
        }
        export(self.recipe, folders, to, Path(out))

    def info(self) -> dict[str, Any]:
        """What has been built, and the profile of the snapshot where there is one."""
        stages = []
        for stage in (*self._road.whole, self._road.valid):
            manifest = self._directory.manifest(stage)
            state = "not made" if manifest is None else "current" if self._directory.is_current(stage) else "stale"
            if manifest is not None or stage.name != "evaluation-valid":
                stages.append(
                    {"stage": stage.name, "state": state, "seconds": manifest["seconds"] if manifest else None}
                )
        about: dict[str, Any] = {"name": self.recipe.name, "run_dir": str(self.paths.run), "stages": stages}
        if self._directory.is_current(self._road.snapshot):
            folder = self._directory.folder(self._road.snapshot)
            about["profile"] = json.loads((folder / "profile.json").read_text())
        return about

    # --- answers

    def recommend(
        self,
        user: str,
        k: int = 10,
        *,
        candidates: Path | Iterable[str] | None = None,
        include_seen: bool = False,
        node_type: str | None = None,
        progress: Progress = SILENT,
    ) -> pl.DataFrame:
        """The top ``k`` of a user: columns rank, item, label, score.

        Args:
            user: id in the source table, or IRI.
            k: how many.
            candidates: only these items: ids, or a file with one id a line.
            include_seen: items of the user's training and validation part too.
            node_type: nodes of this type instead of items.
            progress: is told which ids of a file are unknown.

        Raises:
            UnknownIdError: no such user or candidate; the nearest are named.
        """
        from kgrec.recommend import recommend

        return recommend(
            self.scorer,
            self.snapshot,
            [user],
            k,
            candidates=self._candidates(candidates, node_type, progress),
            include_seen=include_seen,
            node_type=node_type,
        ).drop("user")

    def recommend_history(
        self,
        history: History | Sequence[str] | Path,
        k: int = 10,
        *,
        ratings: Sequence[float | None] | None = None,
        candidates: Path | Iterable[str] | None = None,
        include_seen: bool = False,
        node_type: str | None = None,
        progress: Progress = SILENT,
    ) -> pl.DataFrame:
        """The top ``k`` of a person whom the model never saw: columns rank, item, label, score.

        Args:
            history: item ids or IRIs, the latest last, or a file (:meth:`kgrec.recommend.History.read`).  Where the
                training interactions have times, recent items weigh more.
            ratings: one for each item; see :func:`kgrec.recommend.history.rating_weights`.
            progress: is told which items are unknown; the rest is used.

        The other arguments are those of :meth:`recommend`.

        Raises:
            UnknownIdError: no item of the history is known; the nearest are named.
            UserError: there is not a rating for each item, one is out of the recipe's range, or the model reads none.
        """
        from kgrec.recommend import History, recommend_history

        if isinstance(history, Path):
            history = History.read(history)
        elif not isinstance(history, History):
            history = History(tuple(history))
        if ratings is not None:
            history = history.rated(ratings)
        history.check(self.recipe.interactions.value_range)
        return recommend_history(
            self.scorer,
            self.snapshot,
            history,
            k,
            candidates=self._candidates(candidates, node_type, progress),
            include_seen=include_seen,
            node_type=node_type,
            progress=progress,
        ).drop("user")

    def arrivals(self, items: Path | Sequence[NewItem], progress: Progress = SILENT) -> Arrivals:
        """Items that came after training, placed by their text and links alone: ``.users(k)`` says whom they are for.

        Args:
            items: a file (:func:`kgrec.recommend.new_items.read_new_items`), or the items.
            progress: is told which links are unknown; the rest is used.

        Raises:
            DataError: the file is malformed.
            UserError: the model is no flow, or an item is in the data already.
        """
        from kgrec.pipeline.arrivals import make_arrivals
        from kgrec.recommend.new_items import read_new_items

        if isinstance(items, Path):
            items = read_new_items(items)
        return make_arrivals(self.recipe, self.snapshot, self.scorer, self.text_folder(), items, progress)

    def listed(
        self,
        arrivals: Arrivals,
        user: str,
        k: int = 10,
        *,
        candidates: Path | Iterable[str] | None = None,
        include_seen: bool = False,
        progress: Progress = SILENT,
    ) -> pl.DataFrame:
        """The top ``k`` of a user with new items in it: columns rank, item, label, score, new.

        New items that stand further down follow with their rank.  The other arguments are those of :meth:`recommend`.
        """
        return arrivals.listed(
            self.snapshot.user_id(user),
            k,
            candidates=self._candidates(candidates, None, progress),
            include_seen=include_seen,
        )

    def recommend_all(
        self,
        out: str | Path,
        k: int = 10,
        *,
        candidates: Path | Iterable[str] | None = None,
        include_seen: bool = False,
        node_type: str | None = None,
        progress: Progress = SILENT,
    ) -> int:
        """Every user's top ``k`` into a Parquet file (columns user, rank, item, label, score); its number of rows."""
        from kgrec.recommend import recommend_all

        return recommend_all(
            self.scorer,
            self.snapshot,
            Path(out),
            k,
            candidates=self._candidates(candidates, node_type, progress),
            include_seen=include_seen,
            node_type=node_type,
            progress=progress,
        )

    def _candidates(
        self, candidates: Path | Iterable[str] | None, node_type: str | None, progress: Progress
    ) -> NDArray[np.bool_] | None:
        from kgrec.pipeline.candidates import candidates_of

        return candidates_of(self.snapshot, self.recipe, candidates, node_type, progress)

    def explain(
        self,
        user: str,
        item: str,
        k: int | None = None,
        *,
        lang: str | None = None,
        instead_of: str | None = None,
    ) -> Explanation:
        """Why an item stands where it stands in a user's list: paths with what the item loses without them.

        Args:
            user, item: ids in the source tables, or IRIs.
            k: how many paths; by default the recipe's.
            lang: language tag of the sentences; by default the recipe's.
            instead_of: id of an item with which it is compared.

        Raises:
            UnknownIdError: no such user or item; the nearest are named.
            UserError: there are no words of this language, the model does not compare, or it has no paths (see
                :meth:`explain_rerun`).
        """
        if k is not None and k < 1:
            raise UserError("paths are counted from 1", value=k)
        u, i, other = self._compared(user, item, instead_of)
        return self.explainer.explain(u, i, paths=k, lang=lang, instead_of=other)

    def explain_list(
        self, user: str, k: int = 10, *, paths: int | None = None, lang: str | None = None
    ) -> list[Explanation]:
        """:meth:`explain` for every item of a user's list of ``k``."""
        from kgrec.pipeline.why import explain_list

        return explain_list(self, user, k, paths=paths, lang=lang)

    def explain_rerun(
        self,
        user: str,
        item: str,
        *,
        lang: str | None = None,
        instead_of: str | None = None,
        progress: Progress = SILENT,
    ) -> RerunExplanation:
        """What single edges do to an item's place in a user's list, by running a published model again without them.

        Args:
            user, item: ids in the source tables, or IRIs.
            lang: language tag of the sentences; by default the recipe's.
            instead_of: id of an item with which it is compared.
            progress: shows the runs.

        Raises:
            UnknownIdError: no such user or item; the nearest are named.
            UserError: there are no words of this language, or the model is no published one.
            StaleError: see :attr:`reruns`.
        """
        u, i, other = self._compared(user, item, instead_of)
        return self._rerun_explainer.explain(u, i, lang=lang, instead_of=other, progress=progress)

    def _compared(self, user: str, item: str, instead_of: str | None) -> tuple[int, int, int | None]:
        u, i = self.snapshot.user_id(user), self.snapshot.item_id(item)
        other = None if instead_of is None else self.snapshot.item_id(instead_of)
        if other == i:
            raise UserError("an item is compared with another one", value=instead_of)
        return u, i, other

    def explain_all(
        self,
        out: str | Path,
        k: int = 10,
        *,
        paths: int | None = None,
        lang: str | None = None,
        processes: int = 1,
        progress: Progress = SILENT,
    ) -> int:
        """Every user's list explained, into a Parquet file of one row a path; its number of rows.

        Goes on where it was cut off.  See :mod:`kgrec.pipeline.why_all` for the columns.

        Args:
            out: the file.
            k: length of a list.
            paths, lang: as in :meth:`explain`.
            processes: that share the users, each with the model in memory; a program that asks for more than one guards
                its main module (``if __name__ == "__main__":``).
            progress: shows the blocks of users.
        """
        from kgrec.pipeline.why_all import explain_all

        return explain_all(self, Path(out), k, paths, lang, progress, processes)

    def what_if(
        self,
        user: str | None = None,
        *,
        history: Sequence[str] | History | None = None,
        k: int = 10,
        drop_items: Sequence[str] = (),
        add_items: Sequence[str] = (),
        drop: Sequence[str] = (),
        add: Sequence[str] = (),
        drop_entities: Sequence[str] = (),
        drop_relations: Sequence[str] = (),
        progress: Progress = SILENT,
    ) -> WhatIf:
        """What would be recommended had things been otherwise; nothing is trained, and nothing stored changes.

        A flow is worked out anew where it is touched; other models are run again on the edited graph.

        Args:
            user: a user of the data; or else
            history: items of somebody whom the model never saw, the latest last, or with ratings and times.
            k: length of the lists.
            drop_items, add_items: interactions taken away and added, by the item's id.
            drop, add: facts, each ``subject,predicate,object`` (ids, labels or IRIs).
            drop_entities, drop_relations: nodes and relations that lose all their facts.
            progress: is told which items of a history are unknown.

        Raises:
            UnknownIdError: a name is nobody's; the nearest are named.
            UserError: what is to go is not there, or what is to come is; the model has no exact what-if, or no
                vector for somebody whom it never saw.
            StaleError: see :attr:`reruns`.
        """
        from kgrec.pipeline.why import what_if

        changes: dict[str, Sequence[str]] = {
            "drop_items": drop_items,
            "add_items": add_items,
            "drop": drop,
            "add": add,
            "drop_entities": drop_entities,
            "drop_relations": drop_relations,
        }
        return what_if(self, user, history, k, changes, progress)

    def publish(
        self,
        to: To,
        users: Sequence[str] | None = None,
        k: int = 10,
        *,
        name: str | None = None,
        lang: str | None = None,
        interventions: bool = True,
        progress: Progress = SILENT,
    ) -> Published:
        """Writes the explanations of users' lists where people read them; nothing of it is ever read back by a stage.

        What the run had published of these users is replaced, one transaction a user.

        Args:
            to: ``neo4j``, or ``rdf``: a named graph in the embedded store.
            users: ids in the source table, or IRIs; None for everybody.
            k: length of a list.
            name: to publish under; by default the recipe's, with that of a run directory of another name.
            lang: language tag of the sentences; by default the recipe's.
            interventions: whether the lists without interactions, facts and entities are written too, where the model
                is a flow.

        Raises:
            UnknownIdError: no such user; the nearest are named, and nothing is written.
            StaleError: the model has not been trained, or is older than its inputs.
            UserError: the model does not explain, or there is no server; see
                :func:`kgrec.store.neo4j.connection.open_driver`.
        """
        from kgrec.pipeline.publish import publish

        return publish(self, to, users, k, name, progress, lang, interventions)

    def browser_link(self, user: str, item: str, name: str | None = None) -> str:
        """The address that shows a published explanation in Neo4j Browser.

        Args:
            user, item: ids in the source tables, or IRIs.
            name: under which it was published.

        Raises:
            UserError: it has not been published.
        """
        from kgrec.pipeline.publish import browser_link

        return browser_link(self, user, item, name)
