"""Sorted serialisations: the same statements give the same bytes, whatever store they come from."""

from __future__ import annotations

import heapq
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Literal

import pyoxigraph as ox
from pyoxigraph import Quad

from kgrec.config.iris import PREFIXES
from kgrec.errors import StorageError
from kgrec.progress import SILENT, Progress

ExportFormat = Literal["nt", "nq", "ttl"]
RUN_LENGTH = 500_000
"""Lines sorted at a time; more are merged from files beside the output, so that memory stays bounded."""


def export_quads(
    quads: Iterable[Quad],
    out: str | Path,
    to: ExportFormat,
    *,
    prefixes: Mapping[str, str] = PREFIXES,
    progress: Progress = SILENT,
) -> int:
    """Writes statements sorted by their line, each once; the file appears when it is whole.

    Args:
        quads: statements, for example ``store.quads()``.
        out: the file.
        to: ``nq`` keeps the source, ``nt`` and ``ttl`` are the union of the sources.
        prefixes: of the Turtle file.

    Returns:
        Number of statements written.

    Raises:
        StorageError: the file cannot be written.
    """
    out = Path(out)
    line_of = _nquads_line if to == "nq" else _ntriples_line
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=out.parent) as folder:
            target = Path(folder) / "sorted"
            count = _write_sorted(quads, line_of, target, progress)
            if to == "ttl":
                whole = Path(folder) / "turtle"
                _write_turtle(target, whole, prefixes)
                target = whole
            shutil.move(target, out)
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error.strerror or error}") from error
    return count


def _nquads_line(quad: Quad) -> str:
    return f"{quad} .\n"


def _ntriples_line(quad: Quad) -> str:
    return f"{quad.subject} {quad.predicate} {quad.object} .\n"


def _write_sorted(quads: Iterable[Quad], line_of: Callable[[Quad], str], target: Path, progress: Progress) -> int:
    lines = map(line_of, quads)
    runs: list[Path] = []
    with progress.task("sorting statements", unit="statements") as task:
        while run := sorted(islice(lines, RUN_LENGTH)):
            path = target.with_name(f"run-{len(runs)}")
            with _open(path, "w") as file:
                file.writelines(run)
            runs.append(path)
            task.advance(len(run))
        del run
        count = 0
        with ExitStack() as stack, _open(target, "w") as file:
            merged = heapq.merge(*(stack.enter_context(_open(path, "r")) for path in runs))
            for line, _ in groupby(merged):
                file.write(line)
                count += 1
    return count


def _open(path: Path, mode: Literal["r", "w"]) -> IO[str]:
    return path.open(mode, encoding="utf-8", newline="\n")


def _write_turtle(lines: Path, target: Path, prefixes: Mapping[str, str]) -> None:
    def triples() -> Iterator[ox.Triple]:
        for quad in ox.parse(path=str(lines), format=ox.RdfFormat.N_TRIPLES):
            yield ox.Triple(quad.subject, quad.predicate, quad.object)

    ox.serialize(triples(), str(target), format=ox.RdfFormat.TURTLE, prefixes=dict(sorted(prefixes.items())))
