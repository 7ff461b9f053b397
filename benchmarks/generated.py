"""Generated snapshots of any size: power laws in popularity, history length and nodes' degrees, and tastes to be found.

Items belong to clusters; most of a user's interactions are with items of a few clusters, by popularity; linked nodes
and text vectors go with the clusters too.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import EDGES_SCHEMA, INTERACTIONS_SCHEMA, NODES_SCHEMA, RELATIONS_SCHEMA, Snapshot

CLUSTER = 250
"""Items of a cluster, on average."""
TASTES, LOYAL = 3, 0.7
"""Clusters of a user; share of the interactions that are within them."""
POPULARITY, OFFSET = 0.9, 20.0
"""An item of rank r is drawn in proportion to ``(r + offset)^-power``; so are nodes."""
RELATIONS = {"actor": 3, "country": 0, "director": 10, "genre": 500, "tag": 40}
"""Relation → items a node, on average; 0: there are 60 nodes whatever the number of items."""
DIM, NOISE = 64, 1.5
"""Of the text vectors; how far they lie from their cluster's."""


def generate(items: int, users: int, interactions: int, triples: int, seed: int = 0) -> tuple[Snapshot, Features]:
    """A snapshot and its text vectors; a user's last interaction is test, the one before validation."""
    rng = np.random.default_rng(seed)
    clusters = max(4, items // CLUSTER)
    cluster = rng.integers(0, clusters, items)
    weight = (rng.permutation(items) + OFFSET) ** -POPULARITY
    by_cluster = np.lexsort((np.arange(items), cluster))
    cumulative = np.concatenate([[0.0], np.cumsum(weight[by_cluster])])
    first = np.searchsorted(cluster[by_cluster], np.arange(clusters + 1))

    length = np.maximum(3, rng.lognormal(0.0, 0.8, users))
    length = np.maximum(3, np.round(length * interactions / length.sum())).astype(np.int64)
    user = np.repeat(np.arange(users), length)
    tastes = rng.integers(0, clusters, (users, TASTES))
    chosen = tastes[user, rng.integers(0, TASTES, len(user))]
    loyal = rng.random(len(user)) < LOYAL
    low = np.where(loyal, cumulative[first[chosen]], 0.0)
    high = np.where(loyal, cumulative[first[chosen + 1]], cumulative[-1])
    drawn = np.searchsorted(cumulative, low + (high - low) * rng.random(len(user)), side="right") - 1
    item = by_cluster[np.minimum(drawn, items - 1)]
    pairs = np.unique(user * items + item)
    user, item = pairs // items, pairs % items
    time = rng.integers(0, 10**9, len(user))
    order = np.lexsort((time, user))
    last = np.empty(len(user), dtype=np.int64)
    size = np.bincount(user, minlength=users)
    last[order] = np.repeat(size, size) - 1 - (np.arange(len(user)) - np.repeat(np.cumsum(size) - size, size))
    split = np.where(
        (last == 0) & (size[user] >= 3), "test", np.where((last == 1) & (size[user] >= 3), "valid", "train")
    )
    table = {"user": user, "item": item, "value": np.ones(len(user)), "timestamp": time, "split": split}

    edges, counts = [], {"Item": items, "User": users}
    each = max(1, triples // (len(RELATIONS) * items))
    for relation, share in sorted(RELATIONS.items()):
        kind = relation.capitalize()
        counts[kind] = 60 if not share else max(8, items // share)
        node = _nodes(rng, np.tile(cluster, each), clusters, counts[kind])
        edges.append(
            pl.DataFrame(
                {"source": np.tile(np.arange(items), each), "target": node}, schema_overrides={"target": pl.Int64}
            ).select(
                source_type=pl.lit("Item"),
                source="source",
                relation=pl.lit(relation),
                target_type=pl.lit(kind),
                target="target",
                origin=pl.lit("generated"),
            )
        )
    centre = rng.normal(size=(clusters, DIM)).astype(np.float32)
    vectors = centre[cluster] + NOISE * rng.normal(size=(items, DIM)).astype(np.float32)
    names = sorted(RELATIONS)
    snapshot = Snapshot(
        "User",
        "Item",
        pl.concat([_named(kind, count) for kind, count in sorted(counts.items())]),
        pl.DataFrame({"name": names, "iri": names, "label": names}, schema=RELATIONS_SCHEMA),
        pl.concat(edges).unique().sort(list(EDGES_SCHEMA)),
        pl.DataFrame(table, schema=INTERACTIONS_SCHEMA),
    )
    return snapshot, {"Item": (vectors, np.ones(items, dtype=bool))}


def _nodes(rng: np.random.Generator, cluster: NDArray[np.int64], clusters: int, nodes: int) -> NDArray[np.int64]:
    """A node for each entry: half by a power law, half near the place that their cluster has among the nodes."""
    weight = np.cumsum((np.arange(nodes) + OFFSET / 4) ** -POPULARITY)
    common = np.searchsorted(weight, rng.random(len(cluster)) * weight[-1])
    spread = max(1, nodes // clusters)
    own = (cluster * nodes // clusters + rng.integers(0, spread, len(cluster))) % nodes
    return np.where(rng.random(len(cluster)) < 0.5, common, own)


def _named(kind: str, count: int) -> pl.DataFrame:
    ids = pl.int_range(0, count, dtype=pl.Int64, eager=True).alias("id")
    frame = pl.DataFrame([ids]).select(
        type=pl.lit(kind),
        id="id",
        iri=pl.format("urn:{}/{}", pl.lit(kind), "id"),
        key=pl.col("id").cast(pl.String),
        label=pl.format("{} {}", pl.lit(kind), "id"),
        text=pl.lit(None, dtype=pl.String),
    )
    return frame.cast(NODES_SCHEMA)  # type: ignore[arg-type]
