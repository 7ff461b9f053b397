"""What a snapshot holds, in numbers: plain dicts that go to JSON, to ``kgrec info`` and to the report."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgrec.dataset.snapshot import SPLITS, Snapshot


def profile(snapshot: Snapshot, rejects: int = 0) -> dict[str, Any]:
    """Counts of a snapshot.

    Args:
        snapshot: any.
        rejects: how many rows of the sources were put aside.

    Returns:
        ``counts``: name → number.  ``unlinked_items`` have no edge in the knowledge graph, ``parallel_edges`` are the
        edges beyond the first from one node to another, ``density`` is that of the interactions.
        ``node_types``: type → nodes; how many have a key and a text; their knowledge-graph degree (edges at the node
        in either direction, a self loop twice) as ``degree_min``, ``_median``, ``_mean``, ``_max``; and how many
        have none (``unlinked``).
        ``relations``: relation → edges, distinct sources and targets, source and target types.
        ``interactions``: split → interactions, users, items.
        ``per_user``, ``per_item``: degree in all interactions of those who have any: min, median, mean, max.
    """
    degrees = _degrees(snapshot)
    links = degrees[snapshot.item_type]
    users = np.bincount(snapshot.interactions["user"].to_numpy(), minlength=snapshot.num_users)
    items = np.bincount(snapshot.interactions["item"].to_numpy(), minlength=snapshot.num_items)
    trained = np.bincount(snapshot.pairs("train")["item"].to_numpy(), minlength=snapshot.num_items)
    ends = _ends(snapshot)
    cells = int((users > 0).sum()) * int((items > 0).sum())
    return {
        "counts": {
            "nodes": snapshot.nodes.height,
            "edges": snapshot.edges.height,
            "relations": snapshot.relations.height,
            "users": snapshot.num_users,
            "items": snapshot.num_items,
            "interactions": snapshot.interactions.height,
            "density": snapshot.interactions.height / cells if cells else 0.0,
            "unlinked_items": int((links == 0).sum()),
            "unlinked_interacted_items": int(((links == 0) & (items > 0)).sum()),
            "items_without_interactions": int((items == 0).sum()),
            "graph_items_without_interactions": int(((links > 0) & (items == 0)).sum()),
            "held_out_items_without_training": int(((items > 0) & (trained == 0)).sum()),
            "users_with_one_interaction": int((users == 1).sum()),
            "self_loops": ends.filter(pl.col("source") == pl.col("target")).height,
            "parallel_edges": snapshot.edges.height - ends.select("source", "target").unique().height,
            "rejected_rows": rejects,
        },
        "node_types": _node_types(snapshot, degrees),
        "relations": _relations(snapshot, ends),
        "interactions": {split: _part(snapshot.pairs(split)) for split in SPLITS},
        "per_user": _spread(users[users > 0]),
        "per_item": _spread(items[items > 0]),
    }


def _ends(snapshot: Snapshot) -> pl.DataFrame:
    """Relation, source and target of each edge, nodes as positions in the stack of all types."""
    return snapshot.edges.select(
        "relation",
        *(
            pl.col(end) + pl.col(f"{end}_type").replace_strict(snapshot.offsets, return_dtype=pl.Int64)
            for end in ("source", "target")
        ),
    )


def _degrees(snapshot: Snapshot) -> dict[str, NDArray[np.int64]]:
    """Node type → number of edge ends at each node, shape ``[num_nodes]``."""
    degrees = {kind: np.zeros(count, dtype=np.int64) for kind, count in snapshot.num_nodes.items()}
    for end in ("source", "target"):
        for (kind,), part in snapshot.edges.select(f"{end}_type", end).group_by(f"{end}_type"):
            np.add.at(degrees[str(kind)], part[end].to_numpy(), 1)
    return degrees


def _node_types(snapshot: Snapshot, degrees: dict[str, NDArray[np.int64]]) -> dict[str, dict[str, float]]:
    named = {
        kind: (keys, texts)
        for kind, keys, texts in snapshot.nodes.group_by("type").agg(pl.col("key", "text").count()).iter_rows()
    }
    rows = {}
    for kind, count in snapshot.num_nodes.items():
        keys, texts = named.get(kind, (0, 0))
        spread = {f"degree_{name}": value for name, value in _spread(degrees[kind]).items()}
        rows[kind] = {
            "nodes": count,
            "with_key": keys,
            "with_text": texts,
            "unlinked": int((degrees[kind] == 0).sum()),
            **spread,
        }
    return rows


def _relations(snapshot: Snapshot, ends: pl.DataFrame) -> dict[str, dict[str, Any]]:
    counts = ends.group_by("relation").agg(
        edges=pl.len(), sources=pl.col("source").n_unique(), targets=pl.col("target").n_unique()
    )
    types = snapshot.edges.group_by("relation").agg(
        pl.col("source_type").unique().sort().str.join(", ").alias("source_types"),
        pl.col("target_type").unique().sort().str.join(", ").alias("target_types"),
    )
    rows = counts.join(types, on="relation").sort("relation")
    return {row.pop("relation"): row for row in rows.iter_rows(named=True)}


def _part(pairs: pl.DataFrame) -> dict[str, int]:
    return {
        "interactions": pairs.height,
        "users": pairs["user"].n_unique(),
        "items": pairs["item"].n_unique(),
    }


def _spread(values: NDArray[np.int64]) -> dict[str, float]:
    """Least, middle, average and greatest; zeros where there is nothing."""
    if not len(values):
        return {"min": 0, "median": 0.0, "mean": 0.0, "max": 0}
    return {
        "min": int(values.min()),
        "median": float(np.median(values)),
        "mean": round(float(values.mean()), 4),
        "max": int(values.max()),
    }
