"""``quality.json``: every cell with its figures, the table over seeds, and each reading of the test part."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.bench.cells import Cell, write_json
from kgrec.bench.contenders import CONTENDERS, REFERENCE
from kgrec.bench.intervals import differences, mean_over_seeds
from kgrec.bench.lists import load_lists
from kgrec.bench.machine import machine, made_elsewhere, versions
from kgrec.bench.measure import Figures, Measure, Part, figures_file, load_figures, save_figures
from kgrec.bench.plan import DATASETS
from kgrec.bench.published import PUBLISHED
from kgrec.bench.runner import Runner
from kgrec.tune.prepare import Prepared

FILE = "quality.json"
FORMAT = 1
DIGITS = 6

Record = Mapping[str, Any]


class Results:
    """What is known of a set of cells, and the file that says it.

    Args:
        path: of ``quality.json``.
        runner: gives folders and data.
        command: that is run, for the header.
    """

    def __init__(self, path: Path, runner: Runner, command: str) -> None:
        self.path, self.runner, self.command = path, runner, command
        self.before = _read(path)
        self.records: dict[Cell, Record] = {}
        self.figures: dict[tuple[Cell, Part], Figures] = {}
        self.readings: list[dict[str, Any]] = list(self.before.get("readings", []))
        self._datasets: dict[str, dict[str, Any]] = {}
        self._reading: dict[str, Any] | None = None
        self._measures: dict[str, Measure] = {}
        self._differences: dict[tuple[tuple[Figures, ...], ...], dict[str, tuple[float, float, float]]] = {}

    def take(self, cell: Cell, record: Record, final: bool, fresh: bool) -> None:
        """Measures a finished cell on the validation part, and on the test part where ``final`` says so.

        Test figures of an earlier reading are taken as they are; a new reading is put down in the log first.
        """
        self.records[cell] = record
        if record["status"] != "done" or cell.fit == "choose":
            return
        if cell.fit == "train":
            self._measured(cell, "valid", fresh)
        place = figures_file(self.runner.folder(cell), "test")
        if final or (place.exists() and not fresh):
            if fresh or not place.exists():
                self._log(cell)
            self._measured(cell, "test", fresh)

    def _measured(self, cell: Cell, part: Part, fresh: bool) -> None:
        place = figures_file(self.runner.folder(cell), part)
        if fresh or not place.exists():
            if cell.dataset not in self._measures:
                self._measures[cell.dataset] = Measure(self.runner.prepared(cell.dataset)[0].open())
            measure = self._measures[cell.dataset]
            save_figures(place, measure.of(load_lists(self.runner.folder(cell)), measure.protocol(part)))
        if fresh or (cell, part) not in self.figures:
            self.figures[cell, part] = load_figures(place)

    def _log(self, cell: Cell) -> None:
        """One entry a run; on disk before anything is read, so that a kill hides no reading."""
        if self._reading is None:
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self._reading = {"when": when, "commit": _commit(), "command": self.command, "cells": []}
            self.readings.append(self._reading)
        self._reading["cells"].append(str(cell))
        self.write()

    # --- the document

    def write(self) -> None:
        """Writes the file anew, whole or not at all."""
        write_json(self.path, self.document())

    def document(self) -> dict[str, Any]:
        """See the module; cells of earlier runs that this one does not hold are kept as they stood."""
        cells = [self._cell(cell) for cell in self.records if cell.fit != "choose"]
        held = {(cell.dataset, cell.model, cell.fit, cell.seed) for cell in self.records}
        kept = [
            one
            for one in self.before.get("cells", [])
            if (one["dataset"], one["model"], one["fit"], one["seed"]) not in held
        ]
        choices = [self._choice(cell) for cell in self.records if cell.fit == "choose"]
        chosen = {(one["dataset"], one["model"]) for one in choices}
        choices += [one for one in self.before.get("choices", []) if (one["dataset"], one["model"]) not in chosen]
        table = list(self._table())
        rows = {(one["dataset"], one["model"], one["fit"]) for one in table}
        table += [one for one in self.before.get("table", []) if (one["dataset"], one["model"], one["fit"]) not in rows]
        datasets = {name: self._dataset(name) for name in dict.fromkeys(cell.dataset for cell in self.records)}
        return {
            "format": FORMAT,
            "command": self.command,
            "machine": machine(),
            "versions": versions(),
            "protocol": PROTOCOL,
            "datasets": {**self.before.get("datasets", {}), **datasets},
            "readings": self.readings,
            "choices": sorted(choices, key=_place),
            "table": sorted(table, key=_place),
            "cells": sorted([*cells, *kept], key=_place),
            "published": [row.to_json() for row in PUBLISHED],
        }

    def _cell(self, cell: Cell) -> dict[str, Any]:
        record = self.records[cell]
        row = {**cell.to_json(), "group": CONTENDERS[cell.model].group, "status": record["status"], "published": False}
        if record["status"] != "done":
            unknown = dict.fromkeys(("low", "high", "cpu_s", "peak_mb"))
            return {**row, "reason": record["reason"], "metrics": {}, **unknown}
        for part, prefix in (("test", ""), ("valid", "valid_")):
            mine = self.figures.get((cell, part))  # type: ignore[arg-type]
            other = self._reference(cell, part)  # type: ignore[arg-type]
            gained = self._difference([mine], [other]) if mine and other and cell.model != REFERENCE else {}
            low, high = gained.get("ndcg@10", (None, None, None))[1:]
            row |= {
                prefix + "metrics": _rounded(mine.means) if mine else {},
                prefix + "low": _round(low),
                prefix + "high": _round(high),
            }
        row |= {key: record[key] for key in ("cpu_s", "wall_s", "peak_mb", "name", "settings", "choices")}
        return row | ({key: record[key] for key in ("machine", "versions")} if made_elsewhere(record) else {})

    def _choice(self, cell: Cell) -> dict[str, Any]:
        left_out = {"key", "fit", "seed"} | (set() if made_elsewhere(self.records[cell]) else {"machine", "versions"})
        return {key: value for key, value in self.records[cell].items() if key not in left_out}

    def _reference(self, cell: Cell, part: Part) -> Figures | None:
        return self.figures.get((Cell(cell.dataset, REFERENCE, cell.fit, 0), part))

    def _difference(self, mine: list[Figures], other: list[Figures]) -> dict[str, tuple[float, float, float]]:
        """Of each user's means over the seeds; remembered, as the file is written after every cell."""
        key = tuple(mine), tuple(other)
        if key not in self._differences:
            runs = [mean_over_seeds([one.per_user for one in side]) for side in (mine, other)]
            self._differences[key] = differences(*runs)
        return self._differences[key]

    def _table(self) -> Iterable[dict[str, Any]]:
        """One row a data set, model and fit: means over the seeds, intervals over users of each user's mean."""
        groups: dict[tuple[str, str, str], list[Cell]] = {}
        for cell, record in self.records.items():
            if cell.fit != "choose" and record["status"] == "done":
                groups.setdefault((cell.dataset, cell.model, cell.fit), []).append(cell)
        for (dataset, model, fit), cells in groups.items():
            contender = CONTENDERS[model]
            row: dict[str, Any] = {
                "dataset": dataset,
                "model": model,
                "group": contender.group,
                "fit": fit,
                "seeds": len(cells),
                "seeded": contender.model.seeded,
            }
            for part in ("test", "valid"):
                mine = [self.figures[cell, part] for cell in cells if (cell, part) in self.figures]
                if mine:
                    row[part] = self._part(cells[0], part, mine)
            # what another machine used is told only where there is nothing else
            here = [cell for cell in cells if not made_elsewhere(self.records[cell])] or cells
            for name in ("cpu_s", "peak_mb"):
                row[name] = _round(float(np.mean([self.records[cell][name] for cell in here])))
            yield row

    def _part(self, cell: Cell, part: Part, mine: list[Figures]) -> dict[str, Any]:
        means = [one.means for one in mine]
        row: dict[str, Any] = {
            "seeds": len(mine),
            "metrics": _rounded({name: float(np.mean([one[name] for one in means])) for name in means[0]}),
            "sd": _rounded({"ndcg@10": float(np.std([one["ndcg@10"] for one in means], ddof=min(1, len(mine) - 1)))}),
        }
        against = {REFERENCE: [Cell(cell.dataset, REFERENCE, cell.fit, 0)]}
        base = CONTENDERS[cell.model].compared_with
        if base is not None:
            seeds = sorted({one.seed for one in self.records if one.model == cell.model and one.fit == cell.fit})
            against[base] = [Cell(cell.dataset, base, cell.fit, seed) for seed in seeds]
        for name, others in against.items():
            there = [self.figures[one, part] for one in others if (one, part) in self.figures]
            if there and name != cell.model and len(there) == len(others):
                gained = self._difference(mine, there)
                row.setdefault("difference", {})[name] = {
                    metric: [_round(value) for value in three] for metric, three in gained.items()
                }
        return row

    def _dataset(self, name: str) -> dict[str, Any]:
        if name not in self._datasets:
            prepared, hashes = self.runner.prepared(name)
            self._datasets[name] = {"content": hashes, **describe(prepared)}
        return self._datasets[name]


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Where a row stands: whatever was run first, the file reads the same."""
    datasets, models = list(DATASETS), list(CONTENDERS)
    return (
        datasets.index(row["dataset"]) if row["dataset"] in datasets else len(datasets),
        row["dataset"],
        models.index(row["model"]) if row["model"] in models else len(models),
        row.get("fit", ""),
        row.get("seed", 0),
    )


PROTOCOL = (
    "all candidate items ranked; users with a held-out candidate are measured; masked: training items at validation, "
    "training and validation items at test; fit 'train' scores from training histories, fit 'train+valid' (same "
    "choices, fitted on both) from both; low and high: 95 % paired bootstrap interval over users of the difference in "
    "NDCG@10 to EASE of the same fit (1,000 draws); one thread a cell; cpu_s and peak_mb: of the cell's own process, "
    "cpu_s of the fit with everything that it chooses and the import of its libraries, of 'train+valid' of the second "
    "fit alone; a cell made on another machine says so, and the table's seconds and memory are this machine's where it "
    "made any of a row's cells; baselines' search for "
    "settings, text and KG vectors are counted apart (choices, datasets)"
)


def describe(prepared: Prepared) -> dict[str, Any]:
    """Sizes of a data set, and the CPU seconds of its text and KG vectors (what a cache gave is not counted)."""
    snapshot = prepared.open().snapshot
    seconds = {
        f"{part}_cpu_s": prepared.manifest(part)["cpu_seconds"]
        for part in ("text", "embedding")
        if part in prepared.folders
    }
    counts = {part: snapshot.pairs(part).height for part in ("train", "valid", "test")}
    return {
        "users": snapshot.num_users,
        "items": snapshot.num_items,
        "edges": snapshot.edges.height,
        **counts,
        **seconds,
    }


def _commit() -> str | None:
    """The commit of the code, with a mark where files differ from it; None outside a repository."""
    git = ["git", "-C", str(Path(__file__).resolve().parent)]
    try:
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+changes" if changed.stdout.strip() else "")


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and content.get("format") == FORMAT else {}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, DIGITS) for name, value in values.items()}
