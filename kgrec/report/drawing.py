"""Where the nodes and edges of an explanation's paths are drawn: the user left, the item right, a row a path."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from kgrec.explain.types import Explanation, Path
from kgrec.explain.without import Cut, Without, cut_of_hop
from kgrec.explain.wording import people, plain
from kgrec.report.moves import signed

ROW, PILL, TOP = 64, 30, 10
END = 168
INNER = 164
GAP = 146
BEND, HEAD = 36, 7
CHAR = 7.2
THIN, THICK = 1.5, 6.0


@dataclass(frozen=True)
class Pill:
    """A node: a rounded box with its label, cut to fit; ``title`` is the whole."""

    x: float
    y: float
    width: float
    text: str
    title: str
    kind: str


@dataclass(frozen=True)
class Arrow:
    """An edge: an SVG path from left to right; the arrow's head is at its end, or at its start where reversed.

    ``kind`` is ``interaction``, ``fact``, or ``learned`` (drawn dashed: it is no edge of the graph).  ``cut`` is the
    number of what is taken away for it, None where nothing can be; ``minus``: it holds the item back; ``note``: its
    effect as text, where it is an edge that can be taken away.
    """

    line: str
    stroke: float
    kind: str
    reverse: bool
    label: str
    label_x: float
    label_y: float
    title: str
    cut: int | None = None
    minus: bool = False
    note: str = ""
    note_y: float = 0.0


@dataclass(frozen=True)
class Drawing:
    """All paths of one explanation in a box of ``width`` × ``height``."""

    width: float
    height: float
    pills: tuple[Pill, ...]
    arrows: tuple[Arrow, ...]
    weights: tuple[tuple[float, float, str], ...]


def fit(label: str, width: float, char: float = CHAR) -> str:
    """The label cut to a width in pixels; wide characters count twice, combining ones not at all."""
    room = width / char
    used, kept = 0.0, list[str]()
    for c in label:
        used += 0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        if used > room:
            return "".join(kept[:-1]).rstrip() + "…"
        kept.append(c)
    return label


def draw(explanation: Explanation, without: Mapping[Cut, Without] | None = None) -> Drawing | None:
    """The drawing; None where there is no path.

    Args:
        explanation: whose paths.
        without: what each edge does, where that is known: lines are as thick as the effect of their edge, a learned one
            as that of its path; else as the path's weight.
    """
    numbers = {cut: n for n, cut in enumerate(without or {})}
    paths = explanation.paths
    if not paths:
        return None
    user_type, item_type = paths[0].nodes[0].type, paths[0].nodes[-1].type
    inner = max(len(path.nodes) - 2 for path in paths)
    span = max(inner * INNER + (inner + 1) * GAP, 300)
    width = 70 + span + END
    height = 2 * TOP + ROW * len(paths)
    middle = height / 2
    left, right = 70.0, 70.0 + span
    effects = {cut: one.effects.get(explanation.item, 0.0) for cut, one in (without or {}).items()}

    def strength(path: Path, position: int) -> float:
        """What a hop does to the score; where that is not known, what its path carries."""
        if path.effect is None or not numbers:
            return path.weight
        if path.relations[position].learned or (cut := cut_of_hop(path, position)) is None:
            return path.effect
        return effects.get(cut, path.effect)

    strengths = [[strength(path, position) for position in range(len(path.relations))] for path in paths]
    heaviest = max(abs(one) for row in strengths for one in row)
    pills = [
        Pill(0, middle - PILL / 2, left, fit("you", left), paths[0].nodes[0].label or "you", "user"),
        _pill(paths[0], -1, right, middle, END, user_type, item_type),
    ]
    arrows: list[Arrow] = []
    weights = []
    for row, path in enumerate(paths):
        y = TOP + ROW * (row + 0.5)
        count = len(path.nodes) - 2
        gap = (span - count * INNER) / (count + 1)
        x, level = left, middle
        for position, hop in enumerate(path.relations):
            last = position == count
            effect = strengths[row][position]
            stroke = THIN + (THICK - THIN) * (abs(effect) / heaviest if heaviest > 0 else 0)
            cut = numbers.get(cut_of_hop(path, position) or frozenset())
            start = x
            end = right if last else start + gap
            target = middle if last else y
            reverse = hop.direction == "reverse"
            kind = "learned" if hop.learned else hop.kind
            label = "interacted" if kind == "interaction" else plain(hop.label)
            title = f"{label}, learned; both: {people(hop.support or 0)}" if hop.learned else label
            if numbers and kind == "interaction" and cut is None:
                title += ", by somebody else: held fixed"
            # Where the line bends from a shared pill to the path's row, its straight part is shorter.
            low = start + (BEND if level != y else HEAD)
            high = end - (BEND if target != y else HEAD)
            arrows.append(
                Arrow(
                    _line(start, level, end, target, y, reverse),
                    round(stroke, 2),
                    kind,
                    reverse,
                    fit(label, high - low, 6.8),
                    round((low + high) / 2, 1),
                    round(y - 7 - stroke / 2, 1),
                    title,
                    cut,
                    effect < 0,
                    signed(effect) if cut is not None and not hop.learned else "",
                    round(y + 14 + stroke / 2, 1),
                )
            )
            if not last:
                pills.append(_pill(path, position + 1, end, y, INNER, user_type, item_type))
            x, level = end + INNER, y
        # Under the first node between the two, or under the edge that joins them.
        under = left + gap + INNER / 2 if count else (left + right) / 2
        if not numbers:
            weights.append((round(under, 1), y + PILL / 2 + 13, f"{path.weight:.3g}"))
    return Drawing(width, height, tuple(pills), tuple(arrows), tuple(weights))


def _pill(path: Path, position: int, x: float, y: float, width: float, user_type: str, item_type: str) -> Pill:
    node = path.nodes[position]
    label = plain(node.label)
    kind = {user_type: "user", item_type: "item"}.get(node.type, "entity")
    return Pill(round(x, 1), y - PILL / 2, width, fit(label, width - 18), f"{label} ({node.type})", kind)


def _line(x0: float, y0: float, x1: float, y1: float, row: float, reverse: bool) -> str:
    """A line from (x0, y0) over the height of the row to (x1, y1), with room for the arrow's head."""
    x0, x1 = (x0 + HEAD, x1) if reverse else (x0, x1 - HEAD)
    text = f"M{x0:.1f} {y0:.1f}"
    if y0 != row:
        text += f" C{x0 + BEND / 2:.1f} {y0:.1f} {x0 + BEND / 2:.1f} {row:.1f} {x0 + BEND:.1f} {row:.1f}"
    if y1 != row:
        text += f" L{x1 - BEND:.1f} {row:.1f}"
        text += f" C{x1 - BEND / 2:.1f} {row:.1f} {x1 - BEND / 2:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    else:
        text += f" L{x1:.1f} {y1:.1f}"
    return text
