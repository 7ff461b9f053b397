"""A small snapshot with a knowledge graph, and the quick comparison without the flagship's fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kgrec.config.recipe import Recipe
from kgrec.dataset.snapshot import EDGES_SCHEMA, INTERACTIONS_SCHEMA, NODES_SCHEMA, RELATIONS_SCHEMA, Snapshot
from kgrec.tune.task import FitData

USERS, ITEMS, ENTITIES = 30, 24, 6


def snapshot_with_graph(seed: int = 0, cold: bool = False) -> Snapshot:
    """30 users, 24 items (the last two without an edge), 6 entities; split per pair, or by whole items."""
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((USERS, ITEMS)) < 0.4)
    part = np.minimum(items // 8, 2) if cold else rng.choice(3, len(users), p=[0.7, 0.15, 0.15])
    sizes = {"Entity": ENTITIES, "Item": ITEMS, "User": USERS}
    nodes = [(kind, i, f"urn:x:{kind}/{i}", str(i), str(i), None) for kind, n in sizes.items() for i in range(n)]
    linked, entities = np.nonzero(rng.random((ITEMS - 2, ENTITIES)) < 0.4)
    edges = [("Item", int(i), "has", "Entity", int(e), "graph") for i, e in zip(linked, entities)]
    edges += [("Entity", int(e), "about", "Item", int(i), "graph") for i, e in zip(linked[::3], entities[::3])]
    interactions = pl.DataFrame(
        {
            "user": users,
            "item": items,
            "value": np.ones(len(users)),
            "timestamp": rng.integers(0, 1000, len(users)),
            "split": np.array(["train", "valid", "test"])[part],
        }
    )
    return Snapshot(
        "User",
        "Item",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame([("has", "urn:x:has", None), ("about", "urn:x:about", None)], RELATIONS_SCHEMA, orient="row"),
        pl.DataFrame(edges, schema=EDGES_SCHEMA, orient="row").sort(list(EDGES_SCHEMA)),
        interactions.select(pl.col(name).cast(kind) for name, kind in INTERACTIONS_SCHEMA.items()).sort("user", "item"),
    )


@pytest.fixture
def make_data() -> Callable[..., FitData]:
    def make(seed: int = 0, kind: str = "random") -> FitData:
        recipe = Recipe.model_validate({"name": "x", "interactions": {"file": "x.csv"}, "split": {"kind": kind}})
        return FitData(recipe, snapshot_with_graph(seed, cold=kind == "cold"))

    return make


@pytest.fixture(scope="session")
def recipes(repository: Path) -> Path:
    return repository / "recipes"
