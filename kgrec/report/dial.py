"""The dial between accuracy and knowledge, made ready for the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kgrec.report.channels import figure, percent
from kgrec.report.charts import Curve, curve
from kgrec.report.graph import Table


@dataclass(frozen=True)
class DialView:
    """The measured settings as a table and as a curve, and on how many users."""

    table: Table
    line: Curve | None
    users: str


def dial_view(document: Mapping[str, Any]) -> DialView | None:
    """The view of a ``dial.json`` (:meth:`kgrec.flow.dial.Dial.to_json`)."""
    if not document:
        return None
    rows = document["curve"]
    table = Table(
        ("Knowledge", "NDCG@10", "95 % interval", "Share that facts carry"),
        tuple(
            (
                f"{one['knowledge']:g}",
                figure(one["ndcg"]),
                f"{figure(one['low'])} … {figure(one['high'])}",
                percent(one["share"]),
            )
            for one in rows
        ),
    )
    line = curve(
        "NDCG@10 against the share of the score that facts of the graph carry, in per cent",
        [100 * one["share"] for one in rows],
        [one["ndcg"] for one in rows],
    )
    return DialView(table, line, f"{document['users']:,}")
