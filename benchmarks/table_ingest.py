"""Table ingest against polars and the bare store.

``python -m benchmarks.table_ingest [--data DIR] [--runs R]``

End to end (read, check, map, store on disk) of ml-tmdb's tables: movies, tags and the TMDB rows with their JSON
columns, joined through links.  Held against polars reading the same files as strings plus
``pyoxigraph.Store.bulk_load`` of the same triples, which lie ready as N-Triples.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import polars as pl
import pyoxigraph as ox

from benchmarks._common import DATA, alternate, median_of, verdict
from kgrec.config import Recipe, parse_recipe
from kgrec.config.iris import source_graph
from kgrec.config.recipe import source_name
from kgrec.ingest.keys import KeyIndex
from kgrec.ingest.rejects import Rejects
from kgrec.ingest.tables import read_table
from kgrec.store import OxigraphStore

BAR = 5.0
FILES = ("movies.csv", "tags.csv", "links.csv", "tmdb_5000_movies.csv")
_BY_ID = {"id": "id", "label": "name"}
_JSON = {
    "genres": _BY_ID,
    "keywords": _BY_ID,
    "production_companies": _BY_ID,
    "production_countries": {"id": "iso_3166_1", "label": "name"},
    "spoken_languages": {"id": "iso_639_1", "label": "name"},
}


def recipe() -> Recipe:
    """The tables of ml-tmdb with every JSON column."""
    movies = {
        "file": "movies.csv",
        "id": "movieId",
        "label": "title",
        "text": ["title"],
        "attributes": [
            {"column": "genres", "separator": "|", "skip": ["(no genres listed)"]},
            {"column": "title", "relation": "decade", "type": "Decade", "pattern": r"\((\d{4})\)\s*$", "bucket": 10},
        ],
    }
    tags = {
        "file": "tags.csv",
        "id": "movieId",
        "user": "userId",
        "timestamp": "timestamp",
        "attributes": [{"column": "tag", "normalise": "casefold"}],
    }
    tmdb = {
        "file": "tmdb_5000_movies.csv",
        "id": "id",
        "join": {"file": "links.csv", "column": "tmdbId", "key": "movieId"},
        "text": ["overview", "tagline"],
        "attributes": [{"column": column, "json_list": keys} for column, keys in _JSON.items()],
    }
    interactions = {"file": "ratings.csv", "user": "userId", "item": "movieId", "item_type": "Movie"}
    return parse_recipe({"name": "bench", "interactions": interactions, "table": [movies, tags, tmdb]})


def statements(data: Path) -> Iterator[ox.Quad]:
    """All tables' statements."""
    plan, keys, rejects = recipe(), KeyIndex(), Rejects()
    for source in plan.table:
        yield from read_table(source, plan, data, rejects=rejects, keys=keys)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    data = options.data / "ml-tmdb"
    work = Path(tempfile.mkdtemp(prefix="kgrec-table-ingest-"))
    number = count()
    try:
        ready = {source_name(source): work / f"{source_name(source)}.nt" for source in recipe().table}
        graphs = {name: ox.NamedNode(source_graph("urn:kgrec:", name)) for name in ready}
        quads = set(statements(data))
        for name, path in ready.items():
            triples = (ox.Triple(q.subject, q.predicate, q.object) for q in quads if q.graph_name == graphs[name])
            ox.serialize(triples, str(path), format=ox.RdfFormat.N_TRIPLES)

        def ingest() -> None:
            with OxigraphStore(work / f"store-{next(number)}") as store:
                store.load(statements(data))
                if len(store) != len(quads):
                    raise RuntimeError(f"{len(store)} statements stored, {len(quads)} expected")

        def polars() -> None:
            for file in FILES:
                pl.read_csv(data / file, infer_schema=False)

        def bulk_load() -> None:
            store = ox.Store(str(work / f"store-{next(number)}"))
            for name, path in ready.items():
                store.bulk_load(path=str(path), format=ox.RdfFormat.N_TRIPLES, to_graph=graphs[name])
            store.flush()

        seconds = {
            name: median_of(runs)
            for name, runs in alternate(options.runs, ingest=ingest, polars=polars, bulk_load=bulk_load).items()
        }
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{len(quads):,} distinct statements; medians of {options.runs} runs in turn:")
    for name, value in seconds.items():
        print(f"  {name:<10} {value:.3f} s")
    held = verdict("table_ingest", seconds["ingest"] / (seconds["polars"] + seconds["bulk_load"]), BAR, at_least=False)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
