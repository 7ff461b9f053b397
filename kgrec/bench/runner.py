"""Runs cells in order, each in a process of its own; what is finished is kept and never repeated."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from kgrec.bench.cells import RECORD, Cell, read_record, write_json
from kgrec.bench.contenders import CONTENDERS
from kgrec.bench.lists import WIDTH
from kgrec.bench.plan import requirements
from kgrec.bench.source import source_hash
from kgrec.bench.worker import MODEL, Job
from kgrec.pipeline.files import digest
from kgrec.progress import SILENT, Progress
from kgrec.tune.prepare import Prepared, prepare

LIMIT = 600
"""Seconds of CPU that a cell may take."""
PATIENCE = 3
"""A cell may take so many times its limit of wall-clock time (a busy machine), looking for settings of CPU time."""
SEARCH = ("kgrec.tune.grid", "kgrec.tune.task")
THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "POLARS", "RAYON")} | {
    "POLARS_MAX_THREADS": "1"
}
"""Cells run on one thread: CPU seconds are then comparable, and results the same everywhere."""


class Runner:
    """The cells of one results folder.

    Args:
        recipes: data set → recipe.
        data: data directory instead of what the recipes say.
        work: where run directories and cells are kept.
        limit: CPU seconds a cell.
        jobs: how many cells run at a time.
        progress: is told every cell.
    """

    def __init__(
        self,
        recipes: Mapping[str, Path],
        data: Path | None,
        work: Path,
        limit: int = LIMIT,
        jobs: int = 1,
        progress: Progress = SILENT,
    ) -> None:
        self.recipes, self.data, self.work = recipes, data, work
        self.limit, self.jobs, self.progress = limit, jobs, progress
        self._prepared: dict[tuple[str, str | None], tuple[Prepared, dict[str, str]]] = {}
        self._keys: dict[Cell, str] = {}

    def prepared(self, dataset: str, kge: str | None = None) -> tuple[Prepared, dict[str, str]]:
        """The data set, made where it is not current, and a content hash of each of its parts."""
        if (dataset, kge) not in self._prepared:
            run = self.work / "runs" / dataset
            made = prepare(self.recipes[dataset], self.data, run, kge=kge, progress=self.progress)
            hashes = {part: _content(folder) for part, folder in made.folders.items()}
            self._prepared[dataset, kge] = made, hashes
        return self._prepared[dataset, kge]

    def key(self, cell: Cell) -> str:
        """Everything that the cell depends on, as one hash."""
        if cell not in self._keys:
            row = CONTENDERS[cell.model]
            prepared, hashes = self.prepared(cell.dataset, row.kge)
            parts = hashes if row.reads_vectors and cell.fit != "choose" else {"snapshot": hashes["snapshot"]}
            recipe = prepared.recipe
            self._keys[cell] = digest(
                {
                    "cell": cell.to_json(),
                    "data": parts,
                    "settings": dict(row.settings),
                    "grid": {name: list(values) for name, values in row.model.grid.items()},
                    "code": source_hash((*row.model.code, *(SEARCH if cell.fit == "choose" else ()))),
                    "altered": source_hash(("kgrec.bench.controls",)) if row.alter is not None else None,
                    "recipe": recipe.model_dump(mode="json", include=set(row.model.sections)),
                    "ranking": [recipe.evaluation.candidates, recipe.split.kind, WIDTH],
                    "needed": {name: self.key(needed) for name, needed in requirements(cell).items()},
                }
            )
        return self._keys[cell]

    def existing(self, datasets: Sequence[str]) -> list[Cell]:
        """The finished, current cells that earlier runs left for these data sets, in order."""
        cells = []
        for path in self.work.glob(f"cells/*/*/*/{RECORD}"):
            record = read_record(path.parent) or {}
            try:
                cell = Cell(*(record[name] for name in ("dataset", "model", "fit", "seed")))
            except KeyError:
                continue
            if cell.dataset in datasets and cell.model in CONTENDERS and self.finished(cell):
                cells.append(cell)
        return sorted(cells)

    def folder(self, cell: Cell) -> Path:
        """The cell's folder."""
        return cell.folder(self.work)

    def finished(self, cell: Cell) -> dict[str, Any] | None:
        """The record of a cell that is finished and current."""
        record = read_record(self.folder(cell))
        return record if record is not None and record.get("key") == self.key(cell) else None

    def run(self, cells: Sequence[Cell], done: Callable[[Cell, dict[str, Any], bool], None]) -> list[Cell]:
        """Makes every cell that is not finished, in order; those that broke, which the next run tries again.

        Args:
            cells: requirements first.
            done: is told every finished cell, its record, and whether it was made just now.
        """
        broken: list[Cell] = []
        left = dict.fromkeys(cells)
        running: dict[Future[dict[str, Any]], Cell] = {}
        with self.progress.task("cells", len(cells), "cells") as task, ThreadPoolExecutor(self.jobs) as pool:

            def ended(cell: Cell, record: dict[str, Any], fresh: bool) -> None:
                if record["status"] == "broken":
                    broken.append(cell)
                    self.progress.say(f"{cell}: broken off: {record['reason']}")
                else:
                    if fresh:
                        self.progress.say(f"{cell}: {_told(record)}")
                    done(cell, record, fresh)
                task.advance()

            while left or running:
                ready = next((cell for cell in left if self._may_start(cell, left, running.values())), None)
                if ready is not None and len(running) < self.jobs:
                    del left[ready]
                    record = self.finished(ready)
                    if record is not None:
                        ended(ready, record, False)
                    else:
                        self.prepared(ready.dataset, CONTENDERS[ready.model].kge)
                        running[pool.submit(self._make, ready)] = ready
                    continue
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    ended(running.pop(future), future.result(), True)
        return broken

    @staticmethod
    def _may_start(cell: Cell, left: Iterable[Cell], running: Iterable[Cell]) -> bool:
        """Whether nothing that the cell needs is still to come."""
        waiting = {*left, *running}
        return not any(needed in waiting for needed in requirements(cell).values())

    def _make(self, cell: Cell) -> dict[str, Any]:
        folder, needed = self.folder(cell), requirements(cell)
        folder.mkdir(parents=True, exist_ok=True)
        outcome = {"key": self.key(cell), **cell.to_json()}
        for above in needed.values():
            record = self.finished(above)
            if record is None:
                return {**outcome, "status": "broken", "reason": f"needs {above}, which is not finished"}
            if record["status"] != "done":
                outcome |= {"status": "left out", "reason": record.get("reason") or f"needs {above}"}
                write_json(folder / RECORD, outcome)
                return outcome
        prepared, _ = self.prepared(cell.dataset, CONTENDERS[cell.model].kge)
        job = Job(
            cell=cell.to_json(),
            key=self.key(cell),
            recipe=str(self.recipes[cell.dataset].resolve()),
            run=str(prepared.run.resolve()),
            folders={part: str(place.resolve()) for part, place in prepared.folders.items()},
            folder=str(folder.resolve()),
            needed={name: str(self.folder(above).resolve()) for name, above in needed.items()},
            limit=self.limit * (PATIENCE if cell.fit == "choose" else 1),
            parent=os.getpid(),
        )
        _clear(folder)
        stopped = self._process(job, folder)
        if stopped is not None:
            outcome |= stopped
            if stopped["status"] == "stopped":
                write_json(folder / RECORD, outcome)
            return outcome
        return read_record(folder) or {**outcome, "status": "broken", "reason": "it left no record"}

    def _process(self, job: Job, folder: Path) -> dict[str, str] | None:
        """Runs a worker; what kept it from its end, if anything did."""
        path = folder / "job.json"
        job.write(path)
        log = folder / "log.txt"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "kgrec.bench.worker", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env={**os.environ, **THREADS},
            )
            try:
                code = process.wait(PATIENCE * job.limit)
            except subprocess.TimeoutExpired:
                return {"status": "stopped", "reason": f"stopped after {PATIENCE * job.limit} s"}
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if code == -signal.SIGXCPU:
            return {"status": "stopped", "reason": f"stopped at its limit of {job.limit} s of CPU"}
        if code:
            said = log.read_text(errors="replace").strip().splitlines()
            ended = f"ended with {code}" if code > 0 else f"killed by signal {-code}"
            return {"status": "broken", "reason": f"{ended}: {said[-1] if said else 'it said nothing'} ({log.name})"}
        return None


def _clear(folder: Path) -> None:
    """Removes what an earlier state of the code or the data left, its record first."""
    (folder / RECORD).unlink(missing_ok=True)
    for file in folder.glob("*.npz"):
        file.unlink()
    shutil.rmtree(folder / MODEL, ignore_errors=True)


def _told(record: Mapping[str, Any]) -> str:
    if record["status"] != "done":
        return f"{record['status']}: {record['reason']}"
    parts = [f"{record['cpu_s']:.1f} s of CPU, {record['peak_mb']:,.0f} MB"]
    if record["fit"] == "choose":
        edges = f"; at the grid's edge: {', '.join(record['edges'])}" if record["edges"] else ""
        chosen = ", ".join(f"{name}={value:g}" for name, value in record["settings"].items())
        parts.insert(0, f"{chosen} of {record['tried']} points, validation NDCG@10 {record['ndcg@10']:.4f}{edges}")
    return "; ".join(parts)


def _content(folder: Path) -> str:
    """Hash of a stage's result: its data files, not when or where it was made."""
    total = hashlib.sha256()
    for file in sorted((*folder.glob("*.parquet"), *folder.glob("*.safetensors"), *folder.glob("snapshot.json"))):
        total.update(file.name.encode())
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
