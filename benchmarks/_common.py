"""What the benchmarks share: the final line, medians, alternating runs, memory, graphs to run on."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
"""Default of ``--data``: the development data beside the repository."""


def median_of(values: Iterable[float]) -> float:
    """Median of the runs."""
    return statistics.median(values)


def verdict(name: str, ratio: float, bar: float, at_least: bool = True) -> bool:
    """Prints ``NAME ratio=… bar=… ok|short`` and returns whether the bar is held.

    Args:
        name: what was measured.
        ratio: the measured figure.
        bar: what it is held against.
        at_least: the ratio must not be below the bar; else it must not be above it.
    """
    held = ratio >= bar if at_least else ratio <= bar
    print(f"{name} ratio={ratio:.3g} bar={bar:g} {'ok' if held else 'short'}", flush=True)
    return held


def alternate(runs: int, **work: Callable[[], object]) -> Mapping[str, list[float]]:
    """Wall-clock seconds of each piece of work, run in turns so that a slow minute of the machine meets them all."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(runs):
        for name, function in work.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def peak_rss() -> float:
    """Highest resident memory of this process so far, in GB (10⁹ bytes)."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def one_thread(niceness: int, module: str, *options: str) -> str:
    """What a module prints, run in a process of its own with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = ["nice", "-n", str(niceness), sys.executable, "-m", module, *options]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, cwd=ROOT, text=True).stdout


def graph_arguments(doc: str | None, runs: int) -> argparse.ArgumentParser:
    """Options of a benchmark that runs on a graph: ``[FILE] [--generate N] [--runs R] [--data DIR]``."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="N-Triples; default: lastfm-dbpedia/kg.nt")
    parser.add_argument("--generate", type=int, metavar="N", help="N generated triples instead of a file")
    parser.add_argument("--runs", type=int, default=runs)
    parser.add_argument("--data", type=Path, default=DATA)
    return parser


@contextmanager
def graph_file(given: argparse.Namespace) -> Iterator[tuple[Path, Path]]:
    """A temporary folder, and the file that :func:`graph_arguments` asks for."""
    with tempfile.TemporaryDirectory(prefix="kgrec-bench-") as folder:
        path = given.file or given.data / "lastfm-dbpedia" / "kg.nt"
        if given.generate:
            path = Path(folder, "generated.nt")
            generate(path, given.generate)
        yield Path(folder), path


def generate(path: Path, triples: int) -> None:
    """A graph with the shape of a catalogue: six relations and a label an item, entities with a long tail."""
    relations = [f"http://example.org/relation/{name}" for name in ("genre", "actor", "writer", "label", "era", "tag")]
    with path.open("w", encoding="utf-8") as file:
        for number in range(triples):
            item, place = divmod(number, 7)
            subject = f"<http://example.org/resource/Item_{item}>"
            if place == 6:
                file.write(f'{subject} <http://www.w3.org/2000/01/rdf-schema#label> "Item number {item}"@en .\n')
            else:
                # a multiplicative hash, squared into a long tail
                spread = (number * 2654435761 % 2**32) / 2**32
                entity = int(spread * spread * (triples // 7 + 1))
                file.write(f"{subject} <{relations[place]}> <http://example.org/resource/Entity_{entity}> .\n")
