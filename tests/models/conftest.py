"""A small graph with parallel edges, and a snapshot of the same."""

from __future__ import annotations

import polars as pl
import pytest

from kgrec.dataset.snapshot import (
    EDGES_SCHEMA,
    INTERACTIONS_SCHEMA,
    NODES_SCHEMA,
    RELATIONS_SCHEMA,
    Snapshot,
)

USERS, ITEMS, GENRES = 4, 5, 3


@pytest.fixture
def snapshot() -> Snapshot:
    """4 users, 5 items (the last without interactions), 3 genres; item 0 and genre 0 are joined four times over."""
    nodes = [
        (kind, n, f"urn:{kind}/{n}", str(n), f"{kind} {n}", None)
        for kind, count in (("Genre", GENRES), ("Item", ITEMS), ("User", USERS))
        for n in range(count)
    ]
    edges = [
        ("Item", 0, "genre", "Genre", 0, "first"),
        ("Item", 0, "genre", "Genre", 0, "second"),
        ("Item", 0, "mood", "Genre", 0, "first"),
        ("Genre", 0, "of", "Item", 0, "first"),
        ("Item", 1, "genre", "Genre", 0, "first"),
        ("Item", 2, "genre", "Genre", 1, "first"),
        ("Item", 4, "genre", "Genre", 1, "first"),
        ("Item", 1, "sequel", "Item", 2, "first"),
        ("Item", 3, "sequel", "Item", 3, "first"),
    ]
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 0), (2, 3), (3, 1)]
    interactions = [(user, item, 1.0, None, "train") for user, item in pairs]
    interactions += [(0, 3, 1.0, None, "valid"), (1, 0, 1.0, None, "valid"), (2, 1, 1.0, None, "test")]
    return Snapshot(
        "User",
        "Item",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame(
            [(name, f"urn:{name}", name) for name in ("genre", "mood", "of", "sequel")],
            schema=RELATIONS_SCHEMA,
            orient="row",
        ),
        pl.DataFrame(sorted(edges), schema=EDGES_SCHEMA, orient="row"),
        pl.DataFrame(sorted(interactions, key=lambda row: row[:2]), schema=INTERACTIONS_SCHEMA, orient="row"),
    )
