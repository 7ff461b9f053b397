"""Planted data: users of several tastes, items of a taste each, a knowledge graph that knows the tastes."""

from __future__ import annotations

import numpy as np
import polars as pl

from kgrec.dataset.snapshot import EDGES_SCHEMA, INTERACTIONS_SCHEMA, NODES_SCHEMA, RELATIONS_SCHEMA, Snapshot


def make(users: int = 40, items: int = 30, tastes: int = 3, each: int = 8, valid: int = 2, seed: int = 0) -> Snapshot:
    """User and item ``n`` have taste ``n % tastes``; a user has ``each`` items of their own taste, as far as there are.

    Item ``n`` has two parallel edges to the entity of its taste.  ``valid`` of a user's interactions are held out.
    """
    rng = np.random.default_rng(seed)
    counts = (("Item", items), ("Taste", tastes), ("User", users))
    nodes = [(kind, n, f"urn:{kind}/{n}", str(n), f"{kind} {n}", None) for kind, count in counts for n in range(count)]
    edges = [("Item", n, "of", "Taste", n % tastes, origin) for n in range(items) for origin in ("a", "b")]
    interactions = []
    for user in range(users):
        own = np.arange(user % tastes, items, tastes)
        chosen = rng.permutation(own)[:each]
        held = chosen[:valid] if len(chosen) > valid else chosen[:0]
        interactions += [(user, int(i), 1.0, None, "valid" if i in held else "train") for i in sorted(chosen)]
    return Snapshot(
        "User",
        "Item",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame([("of", "urn:of", "of")], schema=RELATIONS_SCHEMA, orient="row"),
        pl.DataFrame(edges, schema=EDGES_SCHEMA, orient="row"),
        pl.DataFrame(interactions, schema=INTERACTIONS_SCHEMA, orient="row"),
    )
