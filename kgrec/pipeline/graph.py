"""Where a run's knowledge graph is: embedded in the run directory, or on a Neo4j server.

The store is always made in the stage's folder first, so that whatever is wrong with the sources is found before a
server is touched; a recipe that wants Neo4j then moves it there, and ``neo4j.json`` stands in its place.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from kgrec.config import Recipe
from kgrec.dataset.build import build_snapshot
from kgrec.dataset.build_names import relation_names
from kgrec.errors import StaleError, UserError
from kgrec.progress import Progress
from kgrec.store import GraphStore, OxigraphStore

if TYPE_CHECKING:
    from kgrec.store.neo4j.reading import Reading
    from kgrec.store.neo4j.store import Neo4jStore

GRAPH = "graph"
"""Folder of the embedded store inside the store stage."""
MARK = "neo4j.json"
"""File that stands there where the graph is on a server: its digest, and a hash of how it is to be read."""


def open_store(recipe: Recipe, folder: Path) -> GraphStore:
    """The store of a store stage, read-only.

    Raises:
        UserError: it is on a server that is not there or lets nobody in.
        StaleError: the server no longer holds what the stage put there.
    """
    if not (folder / MARK).is_file():
        return OxigraphStore(folder / GRAPH, base=recipe.base, read_only=True, prefixes=recipe.prefixes)
    store = _server(recipe, read_only=True)
    if store.digest() != _mark(folder)["digest"]:
        store.close()
        raise StaleError(
            f"the graph at {store.to.uri} is not the one that this run directory was made with",
            remedy="run `kgrec build` again",
        )
    return store


def writable_store(recipe: Recipe, folder: Path) -> OxigraphStore:
    """The embedded store of a store stage, open for what is published back.

    Raises:
        UserError: the graph is on a server.
    """
    if (folder / MARK).is_file():
        raise UserError("this run's graph is in Neo4j, and so are its explanations", remedy="--to neo4j")
    return OxigraphStore(folder / GRAPH, base=recipe.base)


def holds(recipe: Recipe, folder: Path) -> bool:
    """Whether the graph is where the recipe wants it, and whole.

    Raises:
        UserError: the server that the recipe wants is not there or lets nobody in.
    """
    on_server = (folder / MARK).is_file()
    if recipe.store.kind != "neo4j" or not on_server:
        return on_server == (recipe.store.kind == "neo4j")
    mark = _mark(folder)
    with _server(recipe) as store:
        return store.digest() == mark["digest"] and mark["reading"] == _reading_hash(recipe)


def move_to_server(recipe: Recipe, folder: Path, progress: Progress) -> None:
    """Makes the server's graph that of the stage's embedded store, which is removed then.

    Args:
        recipe: names the server, and how statements become types, captions and relation names.
        folder: of the store stage, with the embedded store, ``interactions.parquet`` and ``keys.parquet``.
        progress: told what is written.
    """
    with _server(recipe) as server:
        with OxigraphStore(folder / GRAPH, base=recipe.base, read_only=True) as store:
            reading = _reading(recipe, folder, store)
            digest = server.replace(store.quads(), reading, progress)
        progress.say(f"the graph is at {server.to.uri}")
    shutil.rmtree(folder / GRAPH)
    (folder / MARK).write_text(json.dumps({"digest": digest, "reading": _reading_hash(recipe)}) + "\n")


def _server(recipe: Recipe, read_only: bool = False) -> Neo4jStore:
    from kgrec.store.neo4j.connection import connection, managed_home
    from kgrec.store.neo4j.store import Neo4jStore

    to = connection(recipe.store.uri, recipe.store.database)
    return Neo4jStore(
        to,
        owner=recipe.name,
        base=recipe.base,
        read_only=read_only,
        home=managed_home(to),
        bulk=recipe.store.bulk,
    )


def _mark(folder: Path) -> dict[str, str]:
    content: dict[str, str] = json.loads((folder / MARK).read_text())
    return content


def _reading_hash(recipe: Recipe) -> str:
    """A hash of what says how the graph is to be read; the statements themselves are the stage's own matter."""
    named = {"user_type", "item_type", "user_iri", "item_iri"}
    content = recipe.model_dump_json(include={"graph": True, "prefixes": True, "table": True, "interactions": named})
    return hashlib.sha256(content.encode()).hexdigest()


def _reading(recipe: Recipe, folder: Path, store: OxigraphStore) -> Reading:
    """Types, captions and relation names as the snapshot gives them, and the training interactions."""
    from kgrec.store.neo4j.names import ITEM, USER
    from kgrec.store.neo4j.reading import Reading

    interactions = pl.read_parquet(folder / "interactions.parquet")
    snapshot = build_snapshot(store.quads(), interactions, pl.read_parquet(folder / "keys.parquet"), recipe)
    part = {recipe.interactions.user_type: USER, recipe.interactions.item_type: ITEM}
    predicates = relation_names({predicate for _, predicate in store.counts()}, recipe)
    train = (
        interactions.filter(pl.col("split") == "train")
        .select("user_iri", "item_iri", pl.col("value").cast(pl.Float64), "timestamp")
        .sort("user_iri", "item_iri")
    )

    def entities() -> Iterator[tuple[str, tuple[str, ...], str | None]]:
        for iri, kind, label in snapshot.nodes.select("iri", "type", "label").iter_rows():
            yield iri, tuple(dict.fromkeys(name for name in (part.get(kind), kind) if name)), label

    digest = hashlib.sha256(train.write_csv().encode()).hexdigest() if len(train) else None
    return Reading(entities(), predicates, train.iter_rows, digest)
