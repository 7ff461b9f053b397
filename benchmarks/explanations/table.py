"""``explanations.json`` and what is printed of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.explanations.judge import SIZES, difference, figures
from kgrec.bench.cells import write_json
from kgrec.bench.machine import machine, made_elsewhere
from kgrec.pipeline.stage import library_versions

FORMAT = 1
OURS, RIVAL = "sets (ours)", "GNNExplainer, rate 0.01"
PROTOCOL = (
    "pairs of top-10 lists, drawn at random; slow methods (over 0.1 s a pair) on the first of them, on which every "
    "method has a second row; edges: interactions of the user and facts on literal paths from the history to the item; "
    "pn: share of pairs whose item leaves the list without the first so many edges; ps: whose item stays with them "
    "alone, the rest of the history and of the item's facts gone; f: their harmonic mean, low and high its 95 % "
    "bootstrap interval over users; difference: f less that of 'sets (ours)' on the same pairs, interval over the same "
    "draws; all judged by exact recomputation; 'sets' takes a necessary set for pn and a sufficient one for ps, every "
    "other method one order of the edges for both; times are a pair's own, wall clock and CPU, one thread"
)

Cells = Mapping[tuple[str, str], Mapping[str, Any]]
"""(data set, method) → record of :func:`benchmarks.explanations.cells.run_method`."""


def document(
    command: str,
    cells: Cells,
    pairs: Mapping[str, NDArray[np.int64]],
    few: int,
    asked: Mapping[str, Sequence[Mapping[str, Any]]],
    datasets: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that is known so far."""
    return {
        "format": FORMAT,
        "command": command,
        "machine": machine(),
        "versions": {**library_versions(), **{name: version(name) for name in ("scipy", "captum")}},
        "protocol": PROTOCOL,
        "datasets": dict(datasets),
        "table": list(rows(cells, pairs, few)),
        "ratios": list(ratios(cells, few)),
        "sizes": list(sizes(cells)),
        **{name: list(found) for name, found in asked.items()},
    }


def rows(cells: Cells, pairs: Mapping[str, NDArray[np.int64]], few: int) -> Iterator[dict[str, Any]]:
    """The table: for each method on all its pairs, and on the few that all have."""
    for (dataset, method), record in cells.items():
        found = np.array(record["figures"])
        mine = np.array(cells[dataset, OURS]["figures"]) if (dataset, OURS) in cells else None
        for count in dict.fromkeys((len(found), min(few, len(found)))):
            users = pairs[dataset][:count, 0]
            times = {
                name.replace("ms", f"p{part}_ms"): round(float(np.percentile(record[name][:count], part)), 2)
                for name in ("ms", "cpu_ms")
                for part in (50, 95)
            }
            for place, edges in enumerate(SIZES):
                here = found[:count, place]
                of = figures(users, here[:, 0], here[:, 1])
                row = {"dataset": dataset, "method": method, "edges": edges, "pairs": count}
                row |= {name: round(getattr(of, name), 4) for name in ("pn", "ps", "f", "low", "high")}
                row |= times
                if mine is not None and method != OURS and len(mine) >= count:
                    apart = difference(users, here, mine[:count, place])
                    row |= dict(
                        zip(("difference", "difference_low", "difference_high"), (round(one, 4) for one in apart))
                    )
                yield row


def ratios(cells: Cells, few: int) -> Iterator[dict[str, Any]]:
    """How many times the CPU time of our sets GNNExplainer takes on the same pairs (cells may run at different hours:
    wall clocks do not compare)."""
    for (dataset, method), record in cells.items():
        if method == OURS or (dataset, OURS) not in cells or "GNN" not in method:
            continue
        mine = np.median(cells[dataset, OURS]["cpu_ms"][:few])
        ratio = float(np.median(record["cpu_ms"][:few]) / mine)
        yield {"dataset": dataset, "method": method, "pairs": min(few, len(record["cpu_ms"])), "cpu": round(ratio, 2)}


def sizes(cells: Cells) -> Iterator[dict[str, Any]]:
    """Of the sets that were searched for; pairs without one are counted apart."""
    for (dataset, method), record in cells.items():
        if not any(record["sizes"]):
            continue
        for place, kind in enumerate(("necessary", "sufficient")):
            every = [one[place] for one in record["sizes"]]
            known = [one for one in every if one is not None]
            yield {
                "dataset": dataset,
                "method": method,
                "set": kind,
                "pairs": len(every),
                "none": len(every) - len(known),
                "mean": round(float(np.mean(known)), 3),
                "median": float(np.median(known)),
                "p95": float(np.percentile(known, 95)),
                "at_most": {str(size): round(float(np.mean([n <= size for n in known])), 4) for size in SIZES},
            }


def show(content: Mapping[str, Any]) -> None:
    """Prints everything but the header."""
    for name, found in content.items():
        if isinstance(found, list) and found:
            print(f"\n{name}")
            columns = list(dict.fromkeys(key for row in found for key in row))
            cells = [[_told(row.get(column)) for column in columns] for row in found]
            width = [max(len(column), *(len(row[at]) for row in cells)) for at, column in enumerate(columns)]
            for line in (columns, *cells):
                print("  ".join(cell.ljust(width[at]) for at, cell in enumerate(line)).rstrip())


def _told(value: Any) -> str:
    if value is None:
        return ""
    return (
        json.dumps(value)
        if isinstance(value, (dict, list))
        else f"{value:.4g}"
        if isinstance(value, float)
        else str(value)
    )


def write(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Writes the file anew, whole or not at all; what earlier runs found and this one does not say is kept, with the
    machine where that was another."""
    try:
        before = json.loads(path.read_text())
    except (OSError, ValueError):
        before = {}
    merged = dict(content)
    if before.get("format") == FORMAT:
        merged["datasets"] = {**before["datasets"], **content["datasets"]}
        there = before["machine"]
        elsewhere = {"machine": f"{there['cpu']}, {there['cores']} cores"} if made_elsewhere(before) else {}
        for name, found in before.items():
            if isinstance(found, list):
                new = merged.get(name, [])
                said = {_about(row) for row in new}
                merged[name] = [*({**elsewhere, **row} for row in found if _about(row) not in said), *new]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, merged)
    return merged


def _about(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in ("dataset", "method", "set", "graph", "refit"))
