"""Figures of the graph, the embedding and the evaluation, made ready for the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgrec.explain.wording import plain
from kgrec.report import charts

ACRONYMS = {"ndcg": "NDCG", "mrr": "MRR", "map": "MAP", "auc": "AUC", "mae": "MAE", "rmse": "RMSE"}


def metric_name(name: str) -> str:
    """``ndcg@10`` → ``NDCG@10``."""
    base, at, k = name.partition("@")
    return ACRONYMS.get(base, base.capitalize()) + at + k


Figure = tuple[float, float | None, float | None]
"""Value and, where there is one, the ends of its interval."""
Figures = dict[str, Figure]
Row = tuple[str, str, Figures]
"""Name, kind, metric → figure."""


@dataclass(frozen=True)
class Cell:
    """A value with its interval as text."""

    value: str
    interval: str
    best: bool


@dataclass(frozen=True)
class EvaluationView:
    """The evaluation's charts, tables and sentences."""

    users: int | None
    split: str
    charts: tuple[charts.Bars, ...]
    tables: tuple[tuple[tuple[str, ...], tuple[tuple[str, str, tuple[Cell, ...]], ...]], ...]
    sentences: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    headline: tuple[str, str] | None


def _figures(metrics: Mapping[str, Sequence[float | None]]) -> Figures:
    """[value, low, high] a metric; without what is not finite, and without an interval that is the value itself."""
    figures: Figures = {}
    for name, three in metrics.items():
        value, low, high = (v if v is not None and math.isfinite(v) else None for v in three)
        if value is not None:
            figures[name] = (value, None, None) if low is None or high is None or low == high else (value, low, high)
    return figures


def evaluation_view(evaluation: Mapping[str, Any]) -> EvaluationView | None:
    """Charts of the first NDCG and the first recall, a table a cut-off, and what the intervals allow to say."""
    rows = [
        (plain(str(row.get("name", ""))), str(row.get("kind", "baseline")), values)
        for row in evaluation.get("rows", ())
        if (values := _figures(row.get("metrics", {})))
    ]
    if not rows:
        return None
    names = list(dict.fromkeys(name for _, _, values in rows for name in values))
    main = next((name for name in names if name.startswith("ndcg")), names[0])
    second = next((name for name in names if name.startswith("recall")), None)
    drawn = []
    for metric in dict.fromkeys(name for name in (main, second) if name):
        measured = [(name, kind, *values[metric]) for name, kind, values in rows if metric in values]
        chart = charts.bars(metric_name(metric), sorted(measured, key=lambda bar: -bar[2]))
        if chart is not None:
            drawn.append(chart)
    ends = dict.fromkeys(name.partition("@")[2] for name in names)
    tables = tuple(_table(rows, [name for name in names if name.partition("@")[2] == end]) for end in ends)
    differences = {
        (plain(str(one["model"])), plain(str(one["against"]))): _figures(one["metrics"])
        for one in evaluation.get("differences", ())
    }
    users = evaluation.get("users")
    model = next((row for row in rows if row[1] == "model" and main in row[2]), None)
    headline = None
    if model is not None:
        value, low, high = model[2][main]
        headline = (
            f"{value:.4f}",
            metric_name(main) + (f", 95 % interval {low:.4f}–{high:.4f}" if low and high else ""),
        )
    return EvaluationView(
        users if isinstance(users, int) else None,
        plain(str(evaluation.get("split", "test"))),
        tuple(drawn),
        tables,
        tuple(_sentences(rows, main, differences)),
        tuple((plain(str(one["name"])), plain(str(one["reason"]))) for one in evaluation.get("skipped", ())),
        headline,
    )


def _table(
    rows: Sequence[Row], names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[tuple[str, str, tuple[Cell, ...]], ...]]:
    # Gini says how unequally items are shown: less is better there, and only there.
    best = {}
    for name in names:
        measured = [row[2][name][0] for row in rows if name in row[2]]
        low_is_good = name.partition("@")[0] in ("gini", "mae", "rmse")
        best[name] = min(measured) if low_is_good else max(measured)
    body = []
    for name, kind, values in rows:
        cells = []
        for metric in names:
            if metric not in values:
                cells.append(Cell("–", "", False))
                continue
            value, low, high = values[metric]
            interval = "" if low is None or high is None else f"{low:.4f}–{high:.4f}"
            cells.append(Cell(f"{value:.4f}", interval, value == best[metric]))
        body.append((name, kind, tuple(cells)))
    return tuple(metric_name(name) for name in names), tuple(body)


def _sentences(rows: Sequence[Row], metric: str, differences: Mapping[tuple[str, str], Figures]) -> list[str]:
    """The first model against the best baseline and against the other models, as far as the intervals bear it.

    Args:
        differences: (model, against) → figures of their paired differences, where they were measured.
    """
    rows = [row for row in rows if metric in row[2]]
    models, baselines = [row for row in rows if row[1] == "model"], [row for row in rows if row[1] != "model"]
    if not models:
        return []
    model, *others = models
    against = [max(baselines, key=lambda row: row[2][metric][0])] if baselines else []
    sentences = []
    for other in [*against, *others]:
        value, value2 = model[2][metric][0], other[2][metric][0]
        what = "the best baseline, " if other in against else ""
        relation = "above" if value > value2 else "below" if value < value2 else "level with"
        sentences.append(
            f"{metric_name(metric)} of {model[0]} is {value:.4f}: {relation} {what}{other[0]} ({value2:.4f})"
            + _verdict(model[2][metric], other[2][metric], differences.get((model[0], other[0]), {}).get(metric))
        )
    return sentences


def _verdict(one: Figure, other: Figure, difference: Figure | None) -> str:
    """Whether two figures are told apart: by their paired difference, else by whether their intervals overlap."""
    if difference is not None and difference[1] is not None and difference[2] is not None:
        value, low, high = difference[0], difference[1], difference[2]
        text = f". User by user the difference is {value:+.4f} (95 % interval {low:+.4f} to {high:+.4f}): "
        if low <= 0 <= high:
            return text + "the interval holds 0, so it may be chance."
        return text + "the interval leaves out 0, so other users would likely show it too."
    if one[0] == other[0] or one[1] is None or one[2] is None or other[1] is None or other[2] is None:
        return "."
    if one[1] > other[2] or other[1] > one[2]:
        return ", and the 95 % intervals do not overlap."
    return "; the 95 % intervals overlap, so this difference alone proves nothing."


@dataclass(frozen=True)
class EmbeddingView:
    """The embedding's figures and curves; only ``reason`` where nothing was trained."""

    reason: str
    facts: tuple[tuple[str, str], ...]
    mrr: str
    hits: str
    curves: tuple[charts.Curve, ...]


def embedding_view(metrics: Mapping[str, Any]) -> EmbeddingView | None:
    """The view of an embedding's ``metrics.json`` (:class:`kgrec.embeddings.result.EmbeddingResult`)."""
    if not metrics:
        return None
    names = {
        "model": "Model",
        "dim": "Numbers a vector",
        "entities": "Entities",
        "relations": "Relations",
        "triples": "Triples",
        "epochs": "Epochs trained",
        "best_epoch": "Best epoch",
        "ranked": "Held-out triples ranked",
    }
    facts = tuple(
        (text, f"{value:,}" if isinstance(value, int) else plain(str(value)))
        for key, text in names.items()
        if (value := metrics.get(key)) is not None
    )
    losses, valid = metrics.get("losses") or [], metrics.get("valid") or []
    drawn = (
        charts.curve("Embedding loss (lower is better)", range(1, len(losses) + 1), losses),
        charts.curve(
            "MRR among sampled entities, held-out triples (higher is better)",
            [epoch for epoch, _ in valid],
            [value for _, value in valid],
            best="max",
        ),
    )
    return EmbeddingView(
        plain(str(metrics.get("reason", ""))),
        facts,
        _fixed(metrics.get("mrr")),
        _fixed(metrics.get("hits@10")),
        tuple(line for line in drawn if line is not None),
    )


def _fixed(value: object) -> str:
    """Three decimals, empty where there is no finite number."""
    return f"{value:.3f}" if isinstance(value, int | float) and math.isfinite(value) else ""
