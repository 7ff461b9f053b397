"""Data with something taken out or destroyed: what a model loses by it is what the thing was good for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot

SEED = 20_231


def shuffled_graph(snapshot: Snapshot, seed: int = SEED) -> Snapshot:
    """The snapshot with the items' entity sets permuted: every KG edge of an item goes to another item.

    The items that have KG edges change places among themselves, so that the graph keeps its shape (each item's
    number of edges included, as a multiset) and only what it says about which item is lost.

    Args:
        snapshot: with KG edges.
        seed: of the permutation.
    """
    places = _permutation(snapshot, seed)
    moved = []
    for side in ("source", "target"):
        ids = snapshot.edges[side].to_numpy()
        is_item = (snapshot.edges[f"{side}_type"] == snapshot.item_type).to_numpy()
        moved.append(pl.Series(side, np.where(is_item, places[np.where(is_item, ids, 0)], ids)))
    edges = snapshot.edges.with_columns(*moved)
    return replace(snapshot, edges=edges.sort(edges.columns))


def shuffled_vectors(snapshot: Snapshot, kg: Features, seed: int = SEED) -> Features:
    """The items' KG vectors moved as :func:`shuffled_graph` moves their edges.

    An embedding of the shuffled graph is an embedding of the true one with the items' names exchanged.
    """
    matrix, mask = kg[snapshot.item_type]
    places = _permutation(snapshot, seed)
    moved, known = np.zeros_like(matrix), np.zeros_like(mask)
    moved[places], known[places] = matrix, mask
    return {**kg, snapshot.item_type: (moved, known)}


def without_relations(snapshot: Snapshot) -> Snapshot:
    """The snapshot without any KG edge."""
    return replace(snapshot, edges=snapshot.edges.clear())


def _permutation(snapshot: Snapshot, seed: int) -> np.ndarray:
    """New id of each item, int64 ``[num_items]``; items without KG edges stay."""
    ends = [
        snapshot.edges.filter(pl.col(f"{side}_type") == snapshot.item_type)[side].to_numpy()
        for side in ("source", "target")
    ]
    linked = np.unique(np.concatenate(ends))
    places = np.arange(max(snapshot.num_items, 1))
    places[linked] = np.random.default_rng(seed).permutation(linked)
    return places
