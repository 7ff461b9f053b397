"""Snapshot from the store against bare iteration over the store, and its memory.

``python -m benchmarks.snapshot [FILE] [--generate N] [--runs R] [--data DIR]``

1. The snapshot's whole making (iterate, intern, type, label, sort, frames, Parquet files) against a loop over the
   store's quads that does nothing, on FILE (default: lastfm-dbpedia/kg.nt) or on N generated triples.
2. Peak memory of the process, store included, against 4 GB.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pyoxigraph as ox

from benchmarks._common import alternate, graph_arguments, graph_file, median_of, peak_rss, verdict
from benchmarks.rdf_ingest import BASE, MEMORY_BAR, ingest, recipe
from kgrec.dataset.build import build_snapshot
from kgrec.store import OxigraphStore

RATIO_BAR = 0.7


def bare(store: Path) -> None:
    """The loop that does nothing."""
    for _ in ox.Store.read_only(str(store)).quads_for_pattern(None, None, None, None):
        pass


def snapshot(store: Path, folder: Path) -> None:
    """As the snapshot stage does it, without interactions: they do not pass through the store."""
    interactions = pl.DataFrame(
        schema={
            "user_iri": pl.String,
            "item_iri": pl.String,
            "value": pl.Float64,
            "timestamp": pl.Int64,
            "split": pl.String,
        }
    )
    keys = pl.DataFrame(schema={"iri": pl.String, "key": pl.String})
    with OxigraphStore(store, base=BASE, read_only=True) as opened:
        built = build_snapshot(opened.quads(), interactions, keys, recipe())
    built.write(folder)


def main() -> int:
    given = graph_arguments(__doc__, runs=5).parse_args()
    with graph_file(given) as (parent, path):
        store, folder = parent / "store", parent / "snapshot"
        folder.mkdir()
        ingest(path, store)
        ingested = peak_rss()
        seconds = alternate(given.runs, bare=lambda: bare(store), snapshot=lambda: snapshot(store, folder))
        quads = len(ox.Store.read_only(str(store)))
    for name, values in seconds.items():
        middle = median_of(values)
        print(f"{name} {middle:.2f} s, {quads / middle:,.0f} quads/s ({len(values)} runs)")
    print(f"peak memory {peak_rss():.2f} GB ({ingested:.2f} GB after the ingest)")
    memory = verdict("snapshot/peak_gb", peak_rss(), MEMORY_BAR, at_least=False)
    ratio = verdict("snapshot", median_of(seconds["bare"]) / median_of(seconds["snapshot"]), RATIO_BAR)
    return 0 if memory and ratio else 1


if __name__ == "__main__":
    sys.exit(main())
