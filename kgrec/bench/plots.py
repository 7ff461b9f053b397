"""Two pictures of the table: what accuracy costs, and how far each model is from the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from kgrec.bench.contenders import REFERENCE
from kgrec.bench.table import ORDER

COLOURS = dict(zip(ORDER, ("#c0392b", "#2c3e50", "#2980b9", "#95a5a6")))
METRIC = "ndcg@10"
LINE = 0.045
"""Height of a line of text, as a share of a picture's."""


def draw(document: Mapping[str, Any], part: str, folder: Path) -> list[Path]:
    """``quality-<part>-cost.svg`` and ``quality-<part>-difference.svg``; the same figures give the same bytes.

    Args:
        document: of ``quality.json``.
        part: ``valid`` or ``test``; fits on the training part are drawn.
        folder: where to.
    """
    rows = [row for row in document["table"] if part in row and row["fit"] == "train"]
    datasets = list(dict.fromkeys(row["dataset"] for row in rows))
    if not datasets:
        return []
    by_set = {name: [row for row in rows if row["dataset"] == name] for name in datasets}
    return [
        _save(_cost(by_set, part), folder / f"quality-{part}-cost.svg"),
        _save(_difference(by_set, part), folder / f"quality-{part}-difference.svg"),
    ]


def _cost(by_set: Mapping[str, list[Mapping[str, Any]]], part: str) -> Figure:
    """NDCG@10 against CPU seconds of a fit."""
    figure = Figure(figsize=(5 * len(by_set), 4), layout="constrained")
    for axes, (dataset, rows) in zip(figure.subplots(1, len(by_set), squeeze=False)[0], by_set.items()):
        drawn = sorted(
            (row for row in rows if row["group"] != "ablation"), key=lambda row: row[part]["metrics"][METRIC]
        )
        points = [(max(row["cpu_s"], 1e-3), row[part]["metrics"][METRIC]) for row in drawn]
        axes.set(title=dataset, xscale="log", xlabel="CPU seconds of a fit", ylabel=f"{METRIC} ({part})")
        for row, point in zip(drawn, points):
            axes.scatter(*point, color=COLOURS[row["group"]])
        axes.margins(0.1)
        low, high = axes.get_ylim()
        # names stand in a column beside the picture: models of one accuracy would write over each other
        for row, point, height in zip(drawn, points, _apart([(y - low) / (high - low) for _, y in points], LINE)):
            axes.annotate(
                row["model"],
                point,
                xytext=(1.04, height),
                textcoords="axes fraction",
                fontsize=7,
                verticalalignment="center",
                arrowprops={"arrowstyle": "-", "color": "#bbbbbb", "linewidth": 0.5, "shrinkA": 1, "shrinkB": 3},
            )
    return figure


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Rising heights moved as little as keeps them a gap apart, and as low as 1 if there is room."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + gap) if placed else height)
    ceiling = max(1.0, gap * (len(placed) - 1))
    for n in reversed(range(len(placed))):
        placed[n] = min(placed[n], ceiling)
        ceiling = placed[n] - gap
    return placed


def _difference(by_set: Mapping[str, list[Mapping[str, Any]]], part: str) -> Figure:
    """Difference to the reference with its interval, a bar a model."""
    tallest = max(len(rows) for rows in by_set.values())
    figure = Figure(figsize=(5 * len(by_set), 1 + 0.25 * tallest), layout="constrained")
    for axes, (dataset, rows) in zip(figure.subplots(1, len(by_set), squeeze=False)[0], by_set.items()):
        told = [row for row in rows if REFERENCE in row[part].get("difference", {})]
        told.sort(key=lambda row: row[part]["difference"][REFERENCE][METRIC][0])
        values = [row[part]["difference"][REFERENCE][METRIC] for row in told]
        axes.barh(
            range(len(told)),
            [value for value, _, _ in values],
            xerr=[[value - low for value, low, _ in values], [high - value for value, _, high in values]],
            color=[COLOURS[row["group"]] for row in told],
            ecolor="black",
            capsize=2,
        )
        axes.set_yticks(range(len(told)), [row["model"] for row in told], fontsize=7)
        axes.axvline(0, color="black", linewidth=0.8)
        # labels of more ticks run into each other
        axes.locator_params(axis="x", nbins=5)
        axes.set(title=dataset, xlabel=f"{METRIC} − {REFERENCE} ({part}), 95 %")
    return figure


def _save(figure: Figure, path: Path) -> Path:
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "kgrec"}):
        figure.savefig(path, metadata={"Date": None})
    return path
