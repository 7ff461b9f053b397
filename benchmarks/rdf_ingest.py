"""RDF ingest against the bare store and against rdflib.

``python -m benchmarks.rdf_ingest [FILE] [--generate N] [--runs R] [--data DIR]``

1. End to end (parse, check, convert, store on disk) against ``pyoxigraph.Store.bulk_load`` of the same file, and
   against rdflib's parse into memory, on FILE (default: lastfm-dbpedia/kg.nt) or on N generated triples.
2. With 5 million generated triples or more only the ingest runs, and its peak memory is held against 4 GB.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyoxigraph as ox

from benchmarks._common import alternate, graph_arguments, graph_file, median_of, peak_rss, verdict
from kgrec.config import Recipe, parse_recipe
from kgrec.config.iris import source_graph
from kgrec.config.recipe import RdfSource
from kgrec.ingest.rdf import read_rdf
from kgrec.ingest.rejects import Rejects
from kgrec.store import OxigraphStore

BASE = "urn:kgrec:"
MEMORY_ONLY = 5_000_000
MEMORY_BAR = 4.0


def ingest(path: Path, folder: Path) -> None:
    source = RdfSource(file=path.name, name="graph")
    with OxigraphStore(folder, base=BASE) as store:
        store.load(read_rdf(path, source, base=BASE, rejects=Rejects()))


def bulk_load(path: Path, folder: Path) -> None:
    graph = ox.NamedNode(source_graph(BASE, "graph"))
    store = ox.Store(str(folder))
    store.bulk_load(path=str(path), format=ox.RdfFormat.N_TRIPLES, to_graph=graph)
    store.flush()


def rdflib_parse(path: Path) -> None:
    import rdflib

    rdflib.Graph().parse(path, format="nt")


def in_fresh(work: Callable[[Path, Path], None], path: Path, parent: Path) -> Callable[[], None]:
    """The work in a folder of its own that goes away."""

    def run() -> None:
        folder = Path(tempfile.mkdtemp(dir=parent))
        try:
            work(path, folder)
        finally:
            shutil.rmtree(folder)

    return run


def recipe() -> Recipe:
    """The recipe that the snapshot is built by: nothing but the graph."""
    return parse_recipe({"name": "benchmark", "interactions": {"file": "none"}, "rdf": [{"file": "graph.nt"}]})


def compare_ingest(name: str, path: Path, parent: Path, runs: int) -> bool:
    with path.open("rb") as file:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    seconds = alternate(
        runs,
        kgrec=in_fresh(ingest, path, parent),
        bulk=in_fresh(bulk_load, path, parent),
        rdflib=lambda: rdflib_parse(path),
    )
    for who, values in seconds.items():
        rate = lines / median_of(values)
        print(f"{name}: {who} {median_of(values):.2f} s, {rate:,.0f} triples/s ({len(values)} runs)")
    kgrec = median_of(seconds["kgrec"])
    raw = verdict(f"rdf_ingest/{name}/bulk_load", median_of(seconds["bulk"]) / kgrec, 0.7)
    return verdict(f"rdf_ingest/{name}/rdflib", median_of(seconds["rdflib"]) / kgrec, 2.5) and raw


def main() -> int:
    given = graph_arguments(__doc__, runs=3).parse_args()
    with graph_file(given) as (parent, path):
        name = f"{given.generate:_}" if given.generate else path.parent.name
        if given.generate and given.generate >= MEMORY_ONLY:
            before = peak_rss()
            ingest(path, parent / "store")
            print(f"{name}: peak memory {peak_rss():.2f} GB ({before:.2f} GB before the ingest)")
            return 0 if verdict(f"rdf_ingest/{name}/peak_gb", peak_rss(), MEMORY_BAR, at_least=False) else 1
        return 0 if compare_ingest(name, path, parent, given.runs) else 1


if __name__ == "__main__":
    sys.exit(main())
