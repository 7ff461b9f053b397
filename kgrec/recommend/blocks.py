"""Rows in blocks, so that users × items never exists as a whole."""

from __future__ import annotations

from collections.abc import Iterator

CELLS = 4_000_000
"""Scores held at a time: 16 MB as float32."""


def blocks(rows: int, width: int, cells: int = CELLS) -> Iterator[slice]:
    """Slices of ``range(rows)``, in order, each at least one row and at most ``cells`` scores of ``width`` a row."""
    step = max(1, cells // max(1, width))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
