"""A small snapshot: three users, four films, two genres."""

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


@pytest.fixture
def snapshot() -> Snapshot:
    nodes = [
        *(("Film", i, f"urn:x:Film/{key}", key, label, None) for i, (key, label) in enumerate(FILMS)),
        *(("Genre", i, f"urn:x:Genre/{name}", None, name, None) for i, name in enumerate(["Comedy", "Drama"])),
        *(("User", i, f"urn:x:User/{key}", key, None, None) for i, key in enumerate(["ann", "bob", "cy"])),
    ]
    edges = [("Film", film, "genre", "Genre", genre, "films") for film, genre in [(0, 0), (1, 0), (2, 1), (3, 1)]]
    interactions = [
        (0, 0, 1.0, None, "train"),
        (0, 1, 1.0, None, "valid"),
        (0, 2, 1.0, None, "test"),
        (1, 2, 1.0, None, "train"),
    ]
    return Snapshot(
        "User",
        "Film",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame([("genre", "urn:x:genre", "genre")], schema=RELATIONS_SCHEMA, orient="row"),
        pl.DataFrame(edges, schema=EDGES_SCHEMA, orient="row"),
        pl.DataFrame(interactions, schema=INTERACTIONS_SCHEMA, orient="row"),
    )


FILMS = [("10", "Ten"), ("11", "Eleven"), ("12", "Twelve"), ("été", None)]
