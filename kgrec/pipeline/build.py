"""Sources → store → snapshot."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import polars as pl
from pyoxigraph import Quad

from kgrec.config import Recipe, iris
from kgrec.config.recipe import source_name
from kgrec.dataset.build import build_snapshot
from kgrec.dataset.held_out import HeldOut
from kgrec.dataset.interactions import read_interactions
from kgrec.dataset.profile import profile
from kgrec.dataset.splits import split
from kgrec.ingest.keys import KeyIndex
from kgrec.ingest.matching import LiteralMatcher
from kgrec.ingest.rdf import read_rdf
from kgrec.ingest.recbole import read_recbole
from kgrec.ingest.rejects import Rejects
from kgrec.ingest.tables import read_table
from kgrec.pipeline.graph import GRAPH, move_to_server, open_store
from kgrec.progress import Progress
from kgrec.store import OxigraphStore


def make_store(recipe: Recipe, data: Path, folder: Path, progress: Progress) -> None:
    """Reads every source into ``graph/`` and ``interactions``, ``keys`` and ``rejects.parquet``; counts what it read.

    Interactions come first: what the split holds out decides which rows of side tables may be read at all.  RDF comes
    before tables: their values meet RDF nodes by literal.
    """
    rejects = Rejects(recipe.max_rejects)
    counts: dict[str, Counter[str]] = {"interactions": Counter()}
    frame = read_interactions(recipe, data, rejects, counts=counts["interactions"])
    frame = split(frame, recipe, data, rejects, counts=counts["interactions"])
    parts = Counter(frame["split"].to_list())
    progress.say(
        f"interactions: {frame.height:,} of {frame['user'].n_unique():,} users and {frame['item'].n_unique():,} items"
        f" ({parts['train']:,} train, {parts['valid']:,} valid, {parts['test']:,} test)"
    )
    for part in ("valid", "test"):
        if not parts[part]:
            progress.say(f"the split leaves no interaction in the {part} part: raise split.{part}, or bring more data")
    held_out = HeldOut.of(frame, recipe)
    keys = KeyIndex()
    keys.add_interactions(frame)

    with OxigraphStore(folder / GRAPH, base=recipe.base) as store:

        def rdf() -> Iterator[Quad]:
            for source in recipe.rdf:
                yield from read_rdf(
                    data / source.file,
                    source,
                    base=recipe.base,
                    rejects=rejects,
                    literal_cap=recipe.graph.literal_cap,
                    progress=progress,
                )

        def tables() -> Iterator[Quad]:
            matcher = LiteralMatcher(store.quads, recipe)
            for source in recipe.table:
                yield from read_table(
                    source,
                    recipe,
                    data,
                    rejects=rejects,
                    keys=keys,
                    held_out=held_out,
                    matcher=matcher,
                    counts=counts.setdefault(source_name(source), Counter()),
                    progress=progress,
                )

        def recbole() -> Iterator[Quad]:
            for source in recipe.recbole:
                yield from read_recbole(
                    source,
                    recipe,
                    data,
                    rejects=rejects,
                    keys=keys,
                    counts=counts.setdefault(source_name(source), Counter()),
                    progress=progress,
                )

        if recipe.rdf:
            store.load(rdf())
        if recipe.table or recipe.recbole:
            store.load(chain(recbole(), tables()))
        for (graph, _), number in store.counts().items():
            counts.setdefault(graph.removeprefix(iris.source_graph(recipe.base, "")), Counter())["statements"] += number
    for name, counted in counts.items():
        if name != "interactions":
            progress.say(f"{name}: " + ", ".join(f"{number:,} {what}" for what, number in counted.items() if number))
    if len(rejects):
        bad = "bad row was" if len(rejects) == 1 else "bad rows were"
        progress.say(f"{len(rejects):,} {bad} put aside; store/rejects.parquet in the run directory says why")
    frame.write_parquet(folder / "interactions.parquet")
    keys.frame().write_parquet(folder / "keys.parquet")
    rejects.frame().write_parquet(folder / "rejects.parquet")
    (folder / "counts.json").write_text(json.dumps(counts, indent=1) + "\n")
    if recipe.store.kind == "neo4j":
        move_to_server(recipe, folder, progress)


def make_snapshot(recipe: Recipe, store_folder: Path, folder: Path, progress: Progress) -> None:
    """The snapshot's Parquet files and ``profile.json``."""
    interactions = pl.read_parquet(store_folder / "interactions.parquet")
    keys = pl.read_parquet(store_folder / "keys.parquet")
    rejects = pl.read_parquet(store_folder / "rejects.parquet")
    with open_store(recipe, store_folder) as store:
        snapshot = build_snapshot(store.quads(), interactions, keys, recipe, progress)
    snapshot.write(folder)
    content = profile(snapshot, rejects=rejects.height)
    content["sources"] = json.loads((store_folder / "counts.json").read_text())
    (folder / "profile.json").write_text(json.dumps(content, indent=1) + "\n")
    sizes = ", ".join(f"{count:,} {kind}" for kind, count in snapshot.num_nodes.items())
    progress.say(f"snapshot: {sizes}; {snapshot.edges.height:,} edges")
