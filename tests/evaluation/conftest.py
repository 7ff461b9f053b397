"""Snapshots of interactions alone: from arrays, and from real data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kgrec.dataset.snapshot import (
    EDGES_SCHEMA,
    INTERACTIONS_SCHEMA,
    NODES_SCHEMA,
    RELATIONS_SCHEMA,
    Snapshot,
)

ROOT = Path(__file__).resolve().parents[2]


def snapshot_of(interactions: pl.DataFrame, users: list[str], items: list[str]) -> Snapshot:
    """A snapshot without a knowledge graph; ``interactions`` holds ids already."""
    nodes = [
        (kind, i, f"urn:x:{kind}/{key}", key, key, None)
        for kind, keys in (("Item", items), ("User", users))
        for i, key in enumerate(keys)
    ]
    defaults = {"value": pl.lit(1.0), "timestamp": pl.lit(None)}
    filled = interactions.with_columns(**{k: v for k, v in defaults.items() if k not in interactions.columns})
    return Snapshot(
        "User",
        "Item",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame(schema=RELATIONS_SCHEMA),
        pl.DataFrame(schema=EDGES_SCHEMA),
        filled.select(pl.col(name).cast(kind) for name, kind in INTERACTIONS_SCHEMA.items()).sort("user", "item"),
    )


def with_ids(frame: pl.DataFrame) -> Snapshot:
    """A snapshot from a frame of keys: user, item, split, and value where there is one."""
    users, items = (sorted(frame[side].unique()) for side in ("user", "item"))
    ids = [
        frame[side].replace_strict({key: i for i, key in enumerate(keys)}, return_dtype=pl.Int64).alias(side)
        for side, keys in (("user", users), ("item", items))
    ]
    return snapshot_of(frame.with_columns(*ids), users, items)


@pytest.fixture(scope="session")
def make_snapshot() -> Callable[..., Snapshot]:
    """Part → user × item 0/1 matrix; a snapshot."""

    def make(**parts: np.ndarray) -> Snapshot:
        frames = []
        for split, matrix in parts.items():
            users, items = np.nonzero(matrix)
            frames.append(pl.DataFrame({"user": users, "item": items}).with_columns(split=pl.lit(split)))
        shape = next(iter(parts.values())).shape
        names: Mapping[str, int] = {"u": shape[0], "i": shape[1]}
        users, items = ([f"{letter}{n:03}" for n in range(count)] for letter, count in names.items())
        return snapshot_of(pl.concat(frames), users, items)

    return make


@pytest.fixture(scope="session")
def movielens() -> Snapshot:
    """The shipped ratings of the first 200 users: each one's last tenth for test, the tenth before for validation."""
    ratings = pl.read_csv(ROOT / "data" / "movielens" / "ratings.csv").filter(pl.col("userId") <= 200)
    n, q = pl.len().over("userId"), pl.max_horizontal(1, pl.len().over("userId") // 10)
    place = pl.int_range(pl.len()).over("userId")
    split = pl.when(place >= n - q).then(pl.lit("test")).when(place >= n - 2 * q).then(pl.lit("valid"))
    return with_ids(
        ratings.sort("userId", "timestamp", maintain_order=True)
        .with_columns(split=split.otherwise(pl.lit("train")))
        .select(user=pl.format("{}", "userId"), item=pl.format("{}", "movieId"), value="rating", split="split")
    )


@pytest.fixture(scope="session")
def ml_100k() -> Snapshot:
    """MovieLens 100K with its published split, where the development data lie beside the repository."""
    folder = ROOT.parent / "shared" / "data" / "ml-100k" / "split"
    if not folder.is_dir():
        pytest.skip("the development data are not here: MovieLens 100K")
    parts = [
        pl.read_csv(folder / f"{split}.tsv", separator="\t", infer_schema=False).with_columns(split=pl.lit(split))
        for split in ("train", "valid", "test")
    ]
    return with_ids(pl.concat(parts).rename({"user_id": "user", "item_id": "item"}))
