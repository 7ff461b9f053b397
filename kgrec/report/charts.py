"""Geometry of the charts: numbers in, coordinates out; the template draws them as SVG.

Nothing here makes markup: labels reach the page through the template, which escapes them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Curve:
    """A line chart in a box of ``width`` × ``height`` with the plot inside ``left … right`` × ``top … bottom``.

    Attributes:
        points: of the polyline, as SVG wants them.
        mark: (x, y) of the highlighted point and what it says.
    """

    title: str
    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    points: str
    dots: tuple[tuple[float, float], ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    mark: tuple[float, float, str] | None


@dataclass(frozen=True)
class Bar:
    """One row of a bar chart; x positions in the chart's units.

    Attributes:
        low, high: ends of the interval, None where there is none.
    """

    name: str
    kind: str
    value: float
    text: str
    y: float
    x: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Bars:
    """A horizontal bar chart with whiskers: bars start at ``left`` and end at ``bar.x``."""

    title: str
    width: int
    height: int
    left: int
    right: int
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers that cover ``[low, high]``, about ``count`` of them."""
    size = max(abs(low), abs(high))
    if high - low <= max(1e-9 * size, 1e-9):
        high = low + (size if size > 1e-6 else 1.0)
    raw = (high - low) / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if raw <= power * factor * (1 + 1e-9))
    start = math.floor(low / step + 1e-9)
    stop = math.ceil(high / step - 1e-9)
    return [round(n * step, 15) for n in range(start, stop + 1)]


def short(value: float) -> str:
    """A number for people: three or four significant digits, thousands apart."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 1e-3 else f"{value:.3g}"


def curve(title: str, xs: Sequence[float], ys: Sequence[float | None], best: str | None = None) -> Curve | None:
    """A line through the finite points; None where there are none.

    Args:
        best: ``max`` or ``min`` marks that point.
    """
    pairs = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True) if y is not None and math.isfinite(y)]
    if not pairs:
        return None
    width, height, left, right, top, bottom = 440, 240, 58, 424, 16, 204
    y_marks = nice_ticks(min(y for _, y in pairs), max(y for _, y in pairs))
    low_x, high_x = pairs[0][0], pairs[-1][0]
    x_marks = sorted(
        {float(round(x)) for x in nice_ticks(low_x, max(high_x, low_x + 1)) if low_x <= round(x) <= high_x}
    )

    def place_x(x: float) -> float:
        share = (x - low_x) / (high_x - low_x) if high_x > low_x else 0.5
        return round(left + share * (right - left), 1)

    def place_y(y: float) -> float:
        return round(bottom - (y - y_marks[0]) / (y_marks[-1] - y_marks[0]) * (bottom - top), 1)

    dots = tuple((place_x(x), place_y(y)) for x, y in pairs)
    mark = None
    if best is not None:
        x, y = (max if best == "max" else min)(pairs, key=lambda pair: pair[1])
        mark = (place_x(x), place_y(y), f"best {short(y)}, epoch {short(x)}")
    return Curve(
        title,
        width,
        height,
        left,
        right,
        top,
        bottom,
        " ".join(f"{x},{y}" for x, y in dots),
        dots if len(dots) <= 60 else (),
        tuple(Tick(place_x(x), short(x)) for x in x_marks),
        tuple(Tick(place_y(y), short(y)) for y in y_marks),
        mark,
    )


def bars(
    title: str, rows: Sequence[tuple[str, str, float, float | None, float | None]], *, digits: int | None = 4
) -> Bars | None:
    """A bar a row of (name, kind, value, low, high); None where there is no row.

    Args:
        digits: decimals of the values; None writes whole numbers with thousands apart.
    """
    if not rows:
        return None
    width, left, right, step, top = 900, 240, 800, 34, 12
    highest = max(max(value, high or 0.0) for _, _, value, _, high in rows)
    lowest = min(0.0, *(min(value, low or 0.0) for _, _, value, low, _ in rows), 0.0)
    marks = nice_ticks(lowest, highest)
    span = marks[-1] - marks[0]

    def place(value: float) -> float:
        return round(left + (value - marks[0]) / span * (right - left), 1)

    drawn = tuple(
        Bar(
            name,
            kind,
            value,
            f"{value:,.0f}" if digits is None else f"{value:.{digits}f}",
            top + step * n,
            place(value),
            None if low is None else place(low),
            None if high is None else place(high),
        )
        for n, (name, kind, value, low, high) in enumerate(rows)
    )
    ticks = tuple(Tick(place(mark), short(mark)) for mark in marks)
    return Bars(title, width, top + step * len(rows) + 30, left, right, drawn, ticks)
