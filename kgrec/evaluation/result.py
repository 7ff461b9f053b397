"""What an evaluation gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kgrec.dataset.snapshot import Split

if TYPE_CHECKING:
    import polars as pl

Interval = tuple[float, float, float]
"""Value, low and high end of its 95 % interval; without resamples all three are the value."""


@dataclass(frozen=True)
class Row:
    """One recommender's figures.

    Attributes:
        name: with what was fixed, for example ``EASE (λ=250)``.
        kind: whether it is the project's model or a baseline.
        metrics: for example ``ndcg@10`` → interval.
    """

    name: str
    kind: Literal["model", "baseline"]
    metrics: Mapping[str, Interval]


@dataclass(frozen=True)
class Difference:
    """A model's figures minus another's, user by user.

    Attributes:
        model, against: names of rows.
        metrics: per-user metrics only; an interval on one side of 0 is a difference that other users would show too.
    """

    model: str
    against: str
    metrics: Mapping[str, Interval]


@dataclass(frozen=True)
class Evaluation:
    """One table.

    Attributes:
        split: the held-out part that was read.
        users: how many were measured.
        candidates: how many items were ranked.
        resamples: bootstrap resamples behind the intervals.
        rows: models first.
        differences: the first model against every other row.
        skipped: baselines that could not be fitted, and why.
    """

    split: Split
    users: int
    candidates: int
    resamples: int
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)

    def row(self, name: str) -> Row:
        """The row of this name.

        Raises:
            KeyError: there is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """The JSON document of ``kgrec evaluate --json``."""
        return {
            "split": self.split,
            "users": self.users,
            "candidates": self.candidates,
            "resamples": self.resamples,
            "rows": [{"name": row.name, "kind": row.kind, "metrics": _lists(row.metrics)} for row in self.rows],
            "differences": [
                {"model": item.model, "against": item.against, "metrics": _lists(item.metrics)}
                for item in self.differences
            ],
            "skipped": [{"name": name, "reason": reason} for name, reason in self.skipped.items()],
        }

    def frame(self) -> pl.DataFrame:
        """Columns name, kind, metric, value, low, high."""
        import polars as pl

        rows = [(row.name, row.kind, metric, *three) for row in self.rows for metric, three in row.metrics.items()]
        schema = {"name": pl.String, "kind": pl.String, "metric": pl.String}
        numbers = {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
        return pl.DataFrame(rows, schema={**schema, **numbers}, orient="row")


def _lists(metrics: Mapping[str, Interval]) -> dict[str, list[float]]:
    return {name: list(three) for name, three in metrics.items()}
