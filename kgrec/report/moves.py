"""The lists without each edge, made ready for the page's script: numbers and labels, no markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kgrec.explain.types import Explanation
from kgrec.explain.whatif import Listed
from kgrec.explain.without import Cut, Without, cut_of_edges, cut_of_path
from kgrec.explain.wording import plain
from kgrec.report.charts import short


def moves(without: Mapping[Cut, Without]) -> dict[str, Any] | None:
    """What the script shows of one user; None where nothing can be taken away.

    ``items``: [id, label] of those that occur; ``before``: [item, score] a place; ``cuts``: one for each cut, in order,
    with ``edges`` (what is taken away), ``parts`` (numbers of the cuts of one edge that it holds), ``places`` (of the
    items of ``before``, None outside) and ``after``: [item, score, place before, None where it could not stand].
    """
    if not without:
        return None
    numbers: dict[str, int] = {}
    items: list[tuple[str, str]] = []

    def number(one: Listed) -> int:
        if one.item not in numbers:
            numbers[one.item] = len(items)
            items.append((plain(one.item), plain(one.label)))
        return numbers[one.item]

    before = next(iter(without.values())).lists.before
    document: dict[str, Any] = {"items": items, "before": [[number(one), level(one.score)] for one in before]}
    document["cuts"] = [
        {
            "edges": [plain(edge.text) for edge in one.edges],
            "parts": [n for n, part in enumerate(without) if len(part) == 1 and part <= cut],
            "places": [item.other_rank for item in one.lists.before],
            "after": [[number(item), level(item.score), item.other_rank] for item in one.lists.after],
        }
        for cut, one in without.items()
    ]
    return document


def numbered(explanation: Explanation, without: Mapping[Cut, Without]) -> tuple[int | None, ...]:
    """Number of the cut of each path; None where nothing was worked out."""
    numbers = {cut: n for n, cut in enumerate(without)}
    return tuple(numbers.get(cut_of_path(path)) for path in explanation.paths)


@dataclass(frozen=True)
class SetView:
    """A necessary or a sufficient set: its meaning, its edges as nouns, and the number of its cut, if there is one."""

    text: str
    edges: tuple[str, ...]
    cut: int | None


def sets(explanation: Explanation, without: Mapping[Cut, Without]) -> tuple[SetView, ...]:
    """What the item's place hangs on; the sufficient set is what stays, so that it is no cut."""
    causes = explanation.causes
    if causes is None:
        return ()
    numbers = {cut: n for n, cut in enumerate(without)}
    found = []
    for text, edges in zip(causes.texts, (causes.necessary, causes.sufficient), strict=False):
        cut = numbers.get(cut_of_edges(edges)) if edges and edges is causes.necessary else None
        found.append(SetView(text[:1].upper() + text[1:], tuple(plain(edge.text) for edge in edges or ()), cut))
    return tuple(found)


def signed(value: float) -> str:
    """A difference for people: its sign is always there; what is nothing but rounding is 0."""
    return "0" if abs(value) < 5e-7 else f"{'+' if value > 0 else '−'}{abs(value):.3g}"


def level(value: float) -> str:
    """A score in a column: four significant digits, so that the points stand below one another."""
    return short(value) if value == 0 or abs(value) >= 1000 else f"{value:#.4g}"


def stands(before: int | None, after: int | None) -> str:
    """Where an item would stand, as words."""
    if after is None or before is None:
        return ""
    return f"stays at place {after}" if before == after else f"place {before} → {after}"
