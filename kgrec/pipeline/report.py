"""report.html of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kgrec.config import Recipe
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import UserError
from kgrec.explain import Explains, Explanation, explainer_of
from kgrec.explain.listing import Listing
from kgrec.explain.without import Cut, Without, lists_without
from kgrec.flow.files import DIAL
from kgrec.pipeline.candidates import candidates_of
from kgrec.pipeline.models import CHANNELS, load_scorer
from kgrec.pipeline.why import vectors_reader
from kgrec.progress import Progress
from kgrec.recommend import Scorer, recommend
from kgrec.report import Sample, write_report

EXPLAINED = 3
"""How many of a sample user's recommendations are explained."""


def make_report(recipe: Recipe, folders: Mapping[str, Path], folder: Path, progress: Progress) -> None:
    """Fills the report from the stages' folders; ``embedding`` may be missing."""
    snapshot = Snapshot.open(folders["snapshot"])
    scorer = load_scorer(folders["model"], snapshot)
    explains: Explains | None = None
    # a published model's lists are shown without reasons
    with suppress(UserError):
        explains = explainer_of(
            snapshot,
            scorer,
            recipe.explain,
            text=vectors_reader(folders.get("text"), snapshot),
            candidates=candidates_of(snapshot, recipe),
        )

    def read(stage: str, name: str) -> Any:
        there = stage in folders and (folders[stage] / name).is_file()
        return json.loads((folders[stage] / name).read_text()) if there else None

    samples = [_sample(recipe, snapshot, scorer, explains, user) for user in sample_users(recipe, snapshot)]
    write_report(
        folder / "report.html",
        title=recipe.name,
        profile=read("snapshot", "profile.json"),
        embedding=read("embedding", "metrics.json"),
        history=read("model", "history.json") or (),
        channels=read("model", CHANNELS),
        dial=read("model", DIAL),
        evaluation=read("evaluation-test", "evaluation.json"),
        samples=samples,
    )


def sample_users(recipe: Recipe, snapshot: Snapshot) -> list[int]:
    """The recipe's users, else some who have a history and something held out, chosen by the seed."""
    if recipe.report.users:
        return [snapshot.user_id(user) for user in recipe.report.users]
    known = np.intersect1d(snapshot.pairs("train")["user"].to_numpy(), snapshot.pairs("test")["user"].to_numpy())
    number = min(recipe.report.sample_users, len(known))
    return sorted(int(user) for user in np.random.default_rng(recipe.seed).choice(known, number, replace=False))


def _sample(recipe: Recipe, snapshot: Snapshot, scorer: Scorer, explains: Explains | None, user: int) -> Sample:
    people, items = snapshot.of_type(snapshot.user_type), snapshot.of_type(snapshot.item_type)
    key = people["key"][user] or people["iri"][user]
    pairs = snapshot.interactions.filter(pl.col("user") == user)
    newest_first = pairs.filter(pl.col("split") == "train").sort("timestamp", "item", descending=True, nulls_last=True)
    frame = recommend(scorer, snapshot, [key], recipe.report.k, candidates=candidates_of(snapshot, recipe))
    hidden = {items["key"][item] or items["iri"][item] for item in pairs.filter(pl.col("split") == "test")["item"]}
    rows = [{**row, "held_out": row["item"] in hidden} for row in frame.drop("user").iter_rows(named=True)]
    explanations: tuple[Explanation, ...] = ()
    if explains is not None:
        ranked = [(int(row["rank"]), snapshot.item_id(row["item"])) for row in rows[:EXPLAINED]]
        explanations = tuple(explains.explain_list(user, ranked))
    without: Mapping[Cut, Without] = {}
    if isinstance(explains, Listing) and explanations:
        without = lists_without(explains, user, explanations, recipe.report.k)
    history = tuple(items["label"][item] for item in newest_first["item"])
    return Sample(key, history, rows, explanations, without)
