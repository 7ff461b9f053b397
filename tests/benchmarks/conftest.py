"""A small world: a flow fitted on people of three tastes, with facts in both directions and between items."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from benchmarks.explanations.world import World
from kgrec.dataset.snapshot import EDGES_SCHEMA, INTERACTIONS_SCHEMA, NODES_SCHEMA, RELATIONS_SCHEMA, Snapshot
from kgrec.flow import FlowConfig
from kgrec.flow.fit import fit_flow

USERS, ITEMS, TASTES = 60, 45, 3
GENRES, PEOPLE = 9, 20


def small_snapshot(times: bool) -> Snapshot:
    rng = np.random.default_rng(5)
    rows = []
    for user in range(USERS):
        own = rng.permutation(np.arange(user % TASTES, ITEMS, TASTES))[:10]
        other = rng.permutation(np.setdiff1d(np.arange(ITEMS), own))[:4]
        parts = ["valid", "test", *["train"] * 12]
        at = rng.permutation(1000)[:14]
        mixed = rng.permutation(np.concatenate([own, other]))
        rows += [
            (user, int(item), 1.0, int(time) if times else None, part) for item, time, part in zip(mixed, at, parts)
        ]
    edges = []
    for item in range(ITEMS):
        genres = {int(rng.choice(np.arange(item % TASTES, GENRES, TASTES))), int(rng.integers(GENRES))}
        edges += [("Item", item, "genre", "Genre", genre, "test") for genre in genres]
        edges += [("Person", int(one), "made", "Item", item, "test") for one in rng.permutation(PEOPLE)[:3]]
        if item % 3 == 0 and item:
            edges.append(("Item", item, "sequel", "Item", int(rng.integers(item)), "test"))
    counts = {"Genre": GENRES, "Item": ITEMS, "Person": PEOPLE, "User": USERS}
    nodes = [
        (kind, n, f"urn:{kind}/{n:03d}", str(n), f"{kind} {n}", None)
        for kind in sorted(counts)
        for n in range(counts[kind])
    ]
    names = ["genre", "made", "sequel"]
    return Snapshot(
        "User",
        "Item",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame([(name, f"urn:{name}", name) for name in names], schema=RELATIONS_SCHEMA, orient="row"),
        pl.DataFrame(sorted(set(edges)), schema=EDGES_SCHEMA, orient="row"),
        pl.DataFrame(sorted(rows), schema=INTERACTIONS_SCHEMA, orient="row"),
    )


@pytest.fixture(scope="session", params=[False, True], ids=["without times", "with times"])
def world(request: pytest.FixtureRequest) -> World:
    """A fitted flow, turned to half knowledge so that facts carry something."""
    snapshot = small_snapshot(request.param)
    flow = fit_flow(snapshot, FlowConfig(dim=6, epochs=2, neighbours=20), seed=3)
    return World("small", snapshot, flow.at_knowledge(0.5) if flow.dial is not None else flow)
