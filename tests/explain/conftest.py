from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest

from kgrec.dataset.snapshot import (
    EDGES_SCHEMA,
    INTERACTIONS_SCHEMA,
    INTERACTS,
    NODES_SCHEMA,
    RELATIONS_SCHEMA,
    Snapshot,
)
from kgrec.recommend.linear import LinearScorer, Propagation

Edge = tuple[str, int, str, str, int, str]


def make_snapshot(
    sizes: dict[str, int],
    edges: Sequence[Edge],
    pairs: Sequence[tuple[int, int, str]],
    labels: dict[tuple[str, int], str] | None = None,
) -> Snapshot:
    """Users, items and entities by number; ``pairs`` are (user, item, split)."""
    labels = labels or {}
    nodes = [
        (kind, n, f"urn:x:{kind}/{n:05d}", str(n), labels.get((kind, n), f"{kind} {n}"), None)
        for kind in sorted(sizes)
        for n in range(sizes[kind])
    ]
    names = sorted({edge[2] for edge in edges})
    return Snapshot(
        "User",
        "Item",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame([(name, f"urn:x:{name}", None) for name in names], schema=RELATIONS_SCHEMA, orient="row"),
        pl.DataFrame(sorted(set(edges)), schema=EDGES_SCHEMA, orient="row"),
        pl.DataFrame(
            [(u, i, 1.0, None, split) for u, i, split in sorted(pairs)], schema=INTERACTIONS_SCHEMA, orient="row"
        ),
    )


def make_propagation(snapshot: Snapshot, *, seed: int = 0, layers: int = 3, user_vectors: bool = False) -> Propagation:
    """A propagation with drawn weights, as training would leave it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(sum(snapshot.num_nodes.values()), 4)).astype(np.float32)
    if not user_vectors:
        start = snapshot.offsets["User"]
        x[start : start + snapshot.num_users] = 0
    kinds = sorted({("User", INTERACTS, "Item")} | {table.key for table in snapshot.graph_tables().edges})
    return Propagation.of(
        snapshot,
        name="test",
        x=x,
        layer_weights=rng.uniform(0.1, 1.0, layers + 1),
        edge_types=kinds,
        forward=rng.uniform(0.2, 2.0, len(kinds)),
        reverse=rng.uniform(0.2, 2.0, len(kinds)),
    )


def over(snapshot: Snapshot, propagation: Propagation) -> LinearScorer:
    """The same parameters over another graph; edge types that have lost their last edge carry nothing."""
    there = {table.key for table in snapshot.graph_tables().edges}
    kept = [n for n, kind in enumerate(propagation.edge_types) if kind in there]
    return LinearScorer(
        Propagation.of(
            snapshot,
            name="reference",
            x=propagation.x,
            layer_weights=propagation.layer_weights,
            edge_types=[propagation.edge_types[n] for n in kept],
            forward=propagation.forward[kept],
            reverse=propagation.reverse[kept],
        )
    )


@pytest.fixture(scope="session")
def snapshot_of() -> Callable[..., Snapshot]:
    return make_snapshot


@pytest.fixture(scope="session")
def propagation_of() -> Callable[..., Propagation]:
    return make_propagation
