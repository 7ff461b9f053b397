"""The knowledge graph's figures, made ready for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgrec.explain.wording import plain
from kgrec.report import charts

RELATIONS_SHOWN = 16
TYPES_SHOWN = 30


@dataclass(frozen=True)
class Table:
    """A head and rows of text; the first column is a name."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class GraphView:
    """Tiles of (number, what), tables (None where there is nothing to show), the relations as bars, and remarks."""

    tiles: tuple[tuple[str, str], ...]
    types: Table | None
    relations: charts.Bars | None
    splits: Table | None
    sources: Table | None
    remarks: tuple[str, ...]


def graph_view(profile: Mapping[str, Any]) -> GraphView | None:
    """The view of a ``profile.json`` (:func:`kgrec.dataset.profile.profile`); what it lacks is left out."""
    if not profile:
        return None
    counts = profile.get("counts", {})
    tiles = [
        (f"{counts[name]:,}", what)
        for name, what in (
            ("users", "users"),
            ("items", "items"),
            ("interactions", "interactions"),
            ("nodes", "nodes in the graph"),
            ("edges", "facts in the graph"),
        )
        if name in counts
    ]
    relations = sorted(
        ((plain(name), _number(about, "edges")) for name, about in profile.get("relations", {}).items()),
        key=lambda row: (-row[1], row[0]),
    )
    bars = [(name, "relation", number, None, None) for name, number in relations[:RELATIONS_SHOWN]]
    rest = relations[RELATIONS_SHOWN:]
    if rest:
        bars.append((f"{len(rest)} other relations", "relation", sum(number for _, number in rest), None, None))
    return GraphView(
        tuple(tiles),
        _types(profile.get("node_types", {})),
        charts.bars("Facts by relation", bars, digits=None),
        _splits(profile.get("interactions", {})),
        _sources(profile.get("sources", {})),
        tuple(_remarks(profile, counts)),
    )


def _number(about: Mapping[str, Any], key: str) -> float:
    value = about.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table | None:
    return Table(head, tuple(rows)) if rows else None


def _types(node_types: Mapping[str, Mapping[str, Any]]) -> Table | None:
    head = ("Kind of node", "Nodes", "With text", "Without facts", "Facts a node: least", "median", "mean", "most")
    keys = ("nodes", "with_text", "unlinked", "degree_min", "degree_median", "degree_mean", "degree_max")
    largest = sorted(node_types.items(), key=lambda row: (-_number(row[1], "nodes"), row[0]))
    rows = [
        (plain(name), *(charts.short(_number(about, key)) for key in keys)) for name, about in largest[:TYPES_SHOWN]
    ]
    if len(largest) > TYPES_SHOWN:
        rest = [about for _, about in largest[TYPES_SHOWN:]]
        sums = (charts.short(sum(_number(about, key) for about in rest)) for key in keys[:3])
        rows.append((f"{len(rest)} other kinds", *sums, "", "", "", ""))
    return _table(head, rows)


def _splits(interactions: Mapping[str, Mapping[str, Any]]) -> Table | None:
    names = {"train": "training", "valid": "validation", "test": "test"}
    rows = [
        (names.get(split, plain(split)), *(f"{_number(part, key):,.0f}" for key in ("interactions", "users", "items")))
        for split, part in interactions.items()
    ]
    return _table(("Part", "Interactions", "Users", "Items"), rows)


def _sources(sources: Mapping[str, Mapping[str, Any]]) -> Table | None:
    rows = [
        (plain(name), ", ".join(f"{number:,} {plain(what)}" for what, number in counted.items()))
        for name, counted in sources.items()
    ]
    return _table(("Source", "What was read"), rows)


def _remarks(profile: Mapping[str, Any], counts: Mapping[str, Any]) -> list[str]:
    """What a reader should know before trusting the graph.  Zeros are left out, save that no row was bad."""
    sayings = {
        "unlinked_interacted_items": "{} of the items that people interacted with have no fact in the graph: "
        "only interactions and their own text speak for them.",
        "graph_items_without_interactions": "{} items are in the graph but nobody interacted with them: they are kept, "
        "and can be recommended through their facts.",
        "held_out_items_without_training": "{} of the hidden items have no training interaction: only "
        "their facts and texts can find them.",
        "users_with_one_interaction": "{} users have a single interaction.",
        "parallel_edges": "{} facts join nodes that another fact joins too (another relation or source).",
        "self_loops": "{} facts join a node to itself.",
    }
    remarks = [saying.format(f"{counts[key]:,}") for key, saying in sayings.items() if counts.get(key)]
    if "rejected_rows" in counts:
        rejected = counts["rejected_rows"]
        remarks.append(
            f"{rejected:,} bad rows of the sources were put aside."
            if rejected
            else "No row of the sources was put aside as bad."
        )
    for key, whom in (("per_user", "A user has"), ("per_item", "An item that anybody interacted with has")):
        spread = profile.get(key)
        if spread:
            numbers = {name: charts.short(_number(spread, name)) for name in ("min", "median", "mean", "max")}
            remarks.append(
                f"{whom} {numbers['min']} to {numbers['max']} interactions, {numbers['median']} in the middle "
                f"and {numbers['mean']} on average."
            )
    return remarks
