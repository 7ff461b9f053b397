"""The profile of a graph whose every number can be counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from kgrec.dataset.profile import profile
from kgrec.dataset.snapshot import EDGES_SCHEMA, INTERACTIONS_SCHEMA, NODES_SCHEMA, RELATIONS_SCHEMA, Snapshot


def make(nodes: list[tuple], edges: list[tuple], pairs: list[tuple]) -> Snapshot:
    return Snapshot(
        "User",
        "Movie",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame(
            [(name, f"urn:{name}", name) for name in sorted({edge[2] for edge in edges})],
            schema=RELATIONS_SCHEMA,
            orient="row",
        ),
        pl.DataFrame(edges, schema=EDGES_SCHEMA, orient="row"),
        pl.DataFrame(pairs, schema=INTERACTIONS_SCHEMA, orient="row"),
    )


@pytest.fixture
def counted() -> dict:
    nodes = [
        ("Genre", 0, "urn:g0", None, "g0", None),
        *(("Movie", i, f"urn:m{i}", str(i), f"m{i}", "text" if i else None) for i in range(4)),
        *(("User", i, f"urn:u{i}", str(i), f"u{i}", None) for i in range(3)),
    ]
    edges = [
        ("Movie", 0, "genre", "Genre", 0, "one"),
        ("Movie", 0, "genre", "Genre", 0, "two"),
        ("Movie", 0, "like", "Movie", 0, "one"),
        ("Movie", 3, "genre", "Genre", 0, "one"),
    ]
    pairs = [
        (0, 0, 1.0, None, "train"),
        (0, 1, 1.0, None, "test"),
        (1, 0, 1.0, None, "train"),
        (2, 0, 1.0, None, "train"),
        (2, 2, 1.0, None, "train"),
    ]
    return profile(make(nodes, edges, pairs), rejects=7)


def test_counts(counted: dict) -> None:
    assert counted["counts"] == {
        "nodes": 8,
        "edges": 4,
        "relations": 2,
        "users": 3,
        "items": 4,
        "interactions": 5,
        "density": 5 / 9,
        "unlinked_items": 2,
        "unlinked_interacted_items": 2,
        "items_without_interactions": 1,
        "graph_items_without_interactions": 1,
        "held_out_items_without_training": 1,
        "users_with_one_interaction": 1,
        "self_loops": 1,
        "parallel_edges": 1,
        "rejected_rows": 7,
    }


def test_node_types(counted: dict) -> None:
    assert counted["node_types"]["Genre"] == {
        "nodes": 1,
        "with_key": 0,
        "with_text": 0,
        "unlinked": 0,
        "degree_min": 3,
        "degree_median": 3.0,
        "degree_mean": 3.0,
        "degree_max": 3,
    }
    assert counted["node_types"]["Movie"] == {
        "nodes": 4,
        "with_key": 4,
        "with_text": 3,
        "unlinked": 2,
        "degree_min": 0,
        "degree_median": 0.5,
        "degree_mean": 1.25,
        "degree_max": 4,
    }


def test_relations_and_interactions(counted: dict) -> None:
    assert counted["relations"]["genre"] == {
        "edges": 3,
        "sources": 2,
        "targets": 1,
        "source_types": "Movie",
        "target_types": "Genre",
    }
    assert counted["interactions"] == {
        "train": {"interactions": 4, "users": 3, "items": 2},
        "valid": {"interactions": 0, "users": 0, "items": 0},
        "test": {"interactions": 1, "users": 1, "items": 1},
    }
    assert counted["per_user"] == {"min": 1, "median": 2.0, "mean": 1.6667, "max": 2}
    assert counted["per_item"] == {"min": 1, "median": 1.0, "mean": 1.6667, "max": 3}


def test_nothing_at_all_is_a_profile_too(tmp_path: Path) -> None:
    empty = profile(make([], [], []))
    assert empty["counts"]["density"] == 0.0
    assert empty["node_types"]["User"]["degree_max"] == 0
    assert json.loads(json.dumps(empty)) == empty
