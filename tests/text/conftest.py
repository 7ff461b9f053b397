from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
import pytest

from kgrec.dataset.snapshot import (
    EDGES_SCHEMA,
    INTERACTIONS_SCHEMA,
    NODES_SCHEMA,
    RELATIONS_SCHEMA,
    Snapshot,
)


class Recorder:
    """A Progress that remembers how many texts were encoded."""

    def __init__(self) -> None:
        self.encoded = 0.0
        self.lines: list[str] = []

    @contextmanager
    def task(self, description: str, total: float | None = None, unit: str = "") -> Iterator[Recorder]:
        yield self

    def advance(self, amount: float = 1) -> None:
        self.encoded += amount

    def describe(self, description: str) -> None:
        pass

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def snapshot_of(rows: list[tuple[str, str, str | None, str | None, str | None]]) -> Snapshot:
    """A snapshot of nodes (type, iri, key, label, text), without edges."""
    counts: dict[str, int] = {}
    nodes = []
    for kind, iri, key, label, text in sorted(rows, key=lambda row: row[:2]):
        nodes.append((kind, counts.setdefault(kind, 0), iri, key, label, text))
        counts[kind] += 1
    return Snapshot(
        "User",
        "Movie",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame(schema=RELATIONS_SCHEMA),
        pl.DataFrame(schema=EDGES_SCHEMA),
        pl.DataFrame(schema=INTERACTIONS_SCHEMA),
    )


@pytest.fixture
def movies() -> Snapshot:
    base = "urn:kgrec:"
    return snapshot_of(
        [
            ("User", f"{base}User/1", "1", "Ann", "a user's own words"),
            ("Movie", f"{base}Movie/1", "1", "Toy Story (1995)", "Toys come to life."),
            ("Movie", f"{base}Movie/2", "2", "Heat (1995)", None),
            ("Movie", f"{base}Movie/3", "3", "3", None),
            ("Movie", f"{base}Movie/4", "4", None, "   "),
            ("Movie", f"{base}Movie/5", "5", "Toy Story, again", "Toys come to life."),
            ("Genre", f"{base}Genre/Film%20Noir", "Film Noir", "film noir", None),
            ("Genre", f"{base}Genre/War", "War", "War", None),
        ]
    )
