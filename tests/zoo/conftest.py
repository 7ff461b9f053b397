"""Small graphs: one written out, one at random, one with planted tastes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import polars as pl
import pytest

from kgrec.dataset.snapshot import EDGES_SCHEMA, INTERACTIONS_SCHEMA, NODES_SCHEMA, RELATIONS_SCHEMA, Snapshot

Build = Callable[..., Snapshot]


def build_snapshot(
    counts: Mapping[str, int],
    interactions: Iterable[tuple[int, int, str]],
    edges: Iterable[tuple[str, int, str, str, int]] = (),
) -> Snapshot:
    """A snapshot of ``User``, ``Item`` and other types from (user, item, split) and (type, id, relation, type, id)."""
    nodes = [
        (kind, n, f"urn:{kind}/{n}", str(n), f"{kind} {n}", None)
        for kind, count in sorted(counts.items())
        for n in range(count)
    ]
    rows = sorted((user, item, 1.0, 100 * user + item, split) for user, item, split in interactions)
    edges = sorted((*edge, "test") for edge in edges)
    names = sorted({edge[2] for edge in edges})
    return Snapshot(
        "User",
        "Item",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame([(name, f"urn:{name}", name) for name in names], schema=RELATIONS_SCHEMA, orient="row"),
        pl.DataFrame(edges, schema=EDGES_SCHEMA, orient="row"),
        pl.DataFrame(rows, schema=INTERACTIONS_SCHEMA, orient="row"),
    )


@pytest.fixture(scope="session")
def build() -> Build:
    return build_snapshot


@pytest.fixture(scope="session")
def tiny() -> Snapshot:
    """Three users, four items, two tags and a maker; item 3 was never interacted with, item 2 bears no edge.

    Item 0 and tag 1 are joined by two relations.
    """
    train = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 0), (2, 1)]
    return build_snapshot(
        {"Item": 4, "Maker": 1, "Tag": 2, "User": 3},
        [(user, item, "train") for user, item in train] + [(0, 2, "valid"), (1, 0, "test")],
        [
            ("Item", 0, "about", "Tag", 0),
            ("Item", 0, "about", "Tag", 1),
            ("Item", 0, "near", "Tag", 1),
            ("Item", 1, "about", "Tag", 0),
            ("Item", 1, "by", "Maker", 0),
            ("Item", 3, "by", "Maker", 0),
            ("Maker", 0, "about", "Tag", 1),
        ],
    )


@pytest.fixture(scope="session")
def planted() -> Snapshot:
    """90 users and 60 items of three tastes; a user has 9 of the 20 items of their taste, one held out for each part.

    Half of the items also meet an entity of their taste.
    """
    rng = np.random.default_rng(5)
    interactions = []
    for user in range(90):
        chosen = rng.permutation(np.arange(user % 3, 60, 3))[:9]
        parts = ["valid", "test", *["train"] * 7]
        interactions += [(user, int(item), part) for item, part in zip(chosen, parts, strict=True)]
    edges = [("Item", item, "of", "Taste", item % 3) for item in range(0, 60, 2)]
    return build_snapshot({"Item": 60, "Taste": 3, "User": 90}, interactions, edges)
