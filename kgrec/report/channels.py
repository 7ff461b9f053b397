"""What each channel of a flow adds, made ready for the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kgrec.explain.wording import plain
from kgrec.report.graph import Table

KINDS = {"literal": "real edges", "learned": "learned", "content": "texts and links"}


@dataclass(frozen=True)
class ChannelsView:
    """The table of the channels, and two sentences' worth of figures (empty where nothing was measured)."""

    table: Table
    users: str
    ndcg: str
    prior: str
    knowledge: str


def channels_view(document: Mapping[str, Any]) -> ChannelsView | None:
    """The view of a ``channels.json`` (:func:`kgrec.flow.table.channel_table`)."""
    if not document:
        return None
    head = ("Channel", "Made of", "Gate", "NDCG@10 alone", "Model without it", "Share of the score")
    rows = tuple(
        (
            plain(one["name"]),
            "facts" if one["knowledge"] else KINDS.get(one["kind"], one["kind"]),
            f"{one['gate']:.3g}",
            figure(one["alone"]),
            figure(one["without"]),
            percent(one["share"]),
        )
        for one in document["channels"]
    )
    users = document["users"]
    return ChannelsView(
        Table(head, rows),
        f"{users:,}" if users else "",
        figure(document["ndcg"]),
        figure(document["prior"]),
        percent(document["knowledge"]),
    )


def figure(value: float | None) -> str:
    """Four decimals; a dash where nothing was measured."""
    return "–" if value is None else f"{value:.4f}"


def percent(value: float | None) -> str:
    """One decimal; a dash where nothing was measured."""
    return "–" if value is None else f"{100 * value:.1f} %"
