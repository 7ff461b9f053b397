"""Somebody's Neo4j graphs, fetched into files of the run directory, which are inputs like any other.

They are fetched each time that something is made: whether a server's graph has changed is seen by reading it.  The
files come out sorted, so that an unchanged graph leaves every stage current.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from kgrec.config import Recipe
from kgrec.config.folders import make_folder
from kgrec.config.recipe import RdfSource
from kgrec.progress import Progress

FETCHED = "fetched"


def fetched_files(recipe: Recipe, run: Path) -> dict[str, Path]:
    """The files that :func:`fetch` makes, by name."""
    files = {f"neo4j/{source.name}.nt": _statements(run, source.name) for source in recipe.neo4j}
    return files | ({"neo4j/interactions.csv": _interactions(run)} if _given(recipe) else {})


def fetch(recipe: Recipe, run: Path, progress: Progress) -> None:
    """Reads every graph that the recipe names.

    Raises:
        UserError: a server is not there, or lets nobody in.
        DataError: the mapping does not fit the graph.
    """
    from kgrec.ingest.neo4j import read_graph
    from kgrec.ingest.neo4j_interactions import write_interactions
    from kgrec.store import export_quads
    from kgrec.store.neo4j.connection import connection, open_driver

    make_folder(run / FETCHED, "name another folder with --run-dir DIR")
    for source in recipe.neo4j:
        counts: Counter[str] = Counter()
        to = connection(source.uri, source.database)
        with open_driver(to) as driver, progress.task(f"reading {source.name}"):
            export_quads(read_graph(driver, source, recipe, counts), _statements(run, source.name), "nt")
            for part in source.relationships:
                if part.interactions:
                    out = _interactions(run)
                    temporary = out.with_suffix(".tmp")
                    write_interactions(driver, source, part, recipe, temporary, counts)
                    temporary.replace(out)
        # what was taken comes before what was not
        told = sorted(counts.items(), key=lambda one: " " in one[0])
        progress.say(f"{source.name}: " + ", ".join(f"{number:,} {what}" for what, number in told))


def with_fetched(recipe: Recipe, run: Path) -> Recipe:
    """The recipe that reads the fetched files."""
    from kgrec.ingest.neo4j_interactions import ITEM, USER

    rdf = [RdfSource(name=source.name, file=str(_statements(run, source.name))) for source in recipe.neo4j]
    update: dict[str, object] = {"rdf": (*recipe.rdf, *rdf), "neo4j": ()}
    if _given(recipe):
        columns = {"file": str(_interactions(run)), "format": "csv", "user": USER, "item": ITEM}
        update["interactions"] = recipe.interactions.model_copy(update=columns)
    return recipe.model_copy(update=update)


def _given(recipe: Recipe) -> bool:
    return any(part.interactions for source in recipe.neo4j for part in source.relationships)


def _statements(run: Path, name: str) -> Path:
    return (run / FETCHED / f"{name}.nt").absolute()


def _interactions(run: Path) -> Path:
    return (run / FETCHED / "interactions.csv").absolute()
