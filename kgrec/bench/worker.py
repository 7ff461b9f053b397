"""One cell in a process of its own, so that its CPU time and its peak memory are its own.

    python -m kgrec.bench.worker JOB.json

The process ends with its parent, at its limit of CPU seconds, or with the cell's record written last.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kgrec.bench.cells import RECORD, Cell, read_record, write_json
from kgrec.bench.contenders import CONTENDERS, Contender
from kgrec.bench.lists import make_lists, save_lists
from kgrec.bench.machine import where
from kgrec.config import load_recipe
from kgrec.errors import KgrecError
from kgrec.tune.grid import Point, search
from kgrec.tune.models import How
from kgrec.tune.prepare import Prepared
from kgrec.tune.task import FitData, validation_ndcg

MODEL = "model"
"""Folder of the fitted model inside the cell's."""


@dataclass(frozen=True)
class Job:
    """What a worker is told.

    Attributes:
        cell: which one.
        key: what it depends on, as one hash.
        recipe, run, folders: of the data set (:class:`kgrec.tune.prepare.Prepared`).
        folder: the cell's own.
        needed: the folders of what it needs (:func:`kgrec.bench.plan.requirements`).
        limit: CPU seconds.
        parent: process id.
    """

    cell: Mapping[str, Any]
    key: str
    recipe: str
    run: str
    folders: Mapping[str, str]
    folder: str
    needed: Mapping[str, str]
    limit: int
    parent: int

    def write(self, path: Path) -> None:
        """As JSON."""
        write_json(path, asdict(self))


def work(job: Job) -> None:
    """Makes the cell and writes its record; data or settings that do not allow it are a result, too."""
    cell, folder = Cell(**job.cell), Path(job.folder)
    row = CONTENDERS[cell.model]
    folders = {part: Path(place) for part, place in job.folders.items()}
    data = Prepared(load_recipe(job.recipe)[0], Path(job.run), folders).open()
    record = {"key": job.key, **job.cell, "status": "done", **where()}
    try:
        record |= (
            _choose(row, data, folder / f"points-{job.key[:16]}.jsonl")
            if cell.fit == "choose"
            else _fit(row, cell, data, job)
        )
    except KgrecError as error:
        record |= {"status": "left out", "reason": str(error)}
    write_json(folder / RECORD, record)


def _fit(row: Contender, cell: Cell, data: FitData, job: Job) -> dict[str, Any]:
    needed = {name: read_record(Path(place)) or {} for name, place in job.needed.items()}
    if row.alter is not None:
        data = row.alter(data)
    folder = Path(job.folder)
    settings = {**row.settings, **needed.get("choices", {}).get("settings", {})}
    choices: Mapping[str, Any] = {}
    before, start = cpu_seconds(), time.monotonic()
    if cell.fit == "train":
        (folder / MODEL).mkdir(exist_ok=True)
        kept = row.refits or any(other.cut_from == row.name for other in CONTENDERS.values())
        above = Path(job.needed["cut_from"]) / MODEL if row.cut_from is not None else None
        fitted = row.model.fit(data, settings, How(folder / MODEL, cell.seed, above=above, keep=kept))
        scorer, choices = fitted.scorer, fitted.choices
    else:
        data = data.refitted()
        settings, choices = needed["fitted"]["settings"], needed["fitted"]["choices"]
        scorer = row.model.refit(data, settings, choices, How(Path(job.needed["fitted"]) / MODEL, cell.seed))
    used = {
        "cpu_s": round(cpu_seconds() - before, 3),
        "wall_s": round(time.monotonic() - start, 3),
        "peak_mb": round(peak_mb(), 1),
    }
    save_lists(folder, make_lists(scorer, data, cell.fit))
    return {"name": scorer.name, "settings": dict(settings), "choices": dict(choices), **used}


def _choose(row: Contender, data: FitData, points: Path) -> dict[str, Any]:
    """The best of a baseline's grid on validation data; a search that was killed goes on."""
    before = cpu_seconds()
    known: dict[Point, float] = {}
    if points.exists():
        for line in points.read_text().splitlines(keepends=True):
            if line.endswith("\n"):  # a kill may have cut the last one
                point, value = json.loads(line)
                known[tuple(point)] = value
        points.write_text("".join(json.dumps([point, value]) + "\n" for point, value in known.items()))

    def measure(settings: Mapping[str, Any]) -> float:
        fitted = row.model.fit(data, {**row.settings, **settings}, How(points.parent))
        return validation_ndcg(fitted.scorer, data)

    with points.open("a") as stream:

        def remember(point: Point, value: float) -> None:
            stream.write(json.dumps([point, value]) + "\n")
            stream.flush()

        found = search(row.model.grid, measure, known, remember)
    return {
        "settings": dict(found.settings),
        "ndcg@10": found.value,
        "tried": found.tried,
        "edges": list(found.edges),
        "grid": {name: list(values) for name, values in row.model.grid.items()},
        "cpu_s": round(cpu_seconds() - before, 3),
        "peak_mb": round(peak_mb(), 1),
    }


def cpu_seconds() -> float:
    """CPU time of this process and its finished children so far, user and system."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def peak_mb() -> float:
    """Highest resident memory of this process so far, in MB (10⁶ bytes).

    Linux counts the parent's memory into a new process's ``ru_maxrss`` (a fork shares it until exec): there the
    high-water mark of the program itself is read.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _end_with(parent: int) -> None:
    """Ends this process when its parent is gone: after a kill, nobody waits for it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Entry point of the process."""
    job = Job(**json.loads(Path(sys.argv[1]).read_text()))
    _end_with(job.parent)
    # The soft limit ends the process with SIGXCPU: the parent sees that it was the limit.
    resource.setrlimit(resource.RLIMIT_CPU, (job.limit, job.limit + 30))
    work(job)


if __name__ == "__main__":
    main()
