"""A snapshot in memory and on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kgrec.dataset.snapshot import (
    EDGES_SCHEMA,
    INTERACTIONS_SCHEMA,
    INTERACTS,
    NODES_SCHEMA,
    RELATION_LABELS_SCHEMA,
    RELATIONS_SCHEMA,
    Snapshot,
)
from kgrec.errors import StaleError, UnknownIdError


@pytest.fixture
def snapshot() -> Snapshot:
    """Two users, three movies, one genre; one parallel edge, one self loop, one held-out interaction each."""
    nodes = [
        *(("Movie", i, f"urn:Movie/{key}", key, f"Movie {key}", None) for i, key in enumerate(("10", "20", "30"))),
        ("Genre", 0, "urn:Genre/x", None, "x", "a text"),
        *(("User", i, f"urn:User/{key}", key, key, None) for i, key in enumerate(("a", "b"))),
    ]
    edges = [
        ("Movie", 0, "genre", "Genre", 0, "one"),
        ("Movie", 0, "genre", "Genre", 0, "two"),
        ("Movie", 1, "like", "Movie", 1, "one"),
    ]
    pairs = [(0, 0, 5.0, 1, "train"), (0, 1, 4.0, 2, "valid"), (1, 0, 3.0, None, "train"), (1, 2, 2.0, 4, "test")]
    return Snapshot(
        "User",
        "Movie",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row").sort("type", "id"),
        pl.DataFrame([("genre", "urn:g", "genre"), ("like", "urn:l", "like")], schema=RELATIONS_SCHEMA, orient="row"),
        pl.DataFrame(edges, schema=EDGES_SCHEMA, orient="row"),
        pl.DataFrame(pairs, schema=INTERACTIONS_SCHEMA, orient="row"),
    )


def test_labels_of_relations_are_a_file_only_where_there_are_any(snapshot: Snapshot, tmp_path: Path) -> None:
    plain, labelled = tmp_path / "plain", tmp_path / "labelled"
    labels = pl.DataFrame([("genre", "zh", "类型")], schema=RELATION_LABELS_SCHEMA, orient="row")
    for folder, one in ((plain, snapshot), (labelled, replace(snapshot, relation_labels=labels))):
        folder.mkdir()
        one.write(folder)
        assert Snapshot.open(folder).relation_labels.equals(one.relation_labels)
    files = {file.name: file.read_bytes() for file in plain.iterdir()}
    more = {file.name: file.read_bytes() for file in labelled.iterdir()}
    assert more.keys() - files.keys() == {"relation_labels.parquet"}
    assert {name: more[name] for name in files} == files


def test_sizes(snapshot: Snapshot) -> None:
    assert snapshot.num_nodes == {"Genre": 1, "Movie": 3, "User": 2}
    assert snapshot.offsets == {"Genre": 0, "Movie": 1, "User": 4}


def test_matrix_holds_the_parts_asked_for(snapshot: Snapshot) -> None:
    assert snapshot.matrix("train").toarray().tolist() == [[1, 0, 0], [1, 0, 0]]
    assert snapshot.matrix("train", "test").toarray().tolist() == [[1, 0, 0], [1, 0, 1]]
    assert snapshot.matrix().shape == (2, 3)
    assert snapshot.interacted().tolist() == [True, True, True]


def test_ids_by_key_and_by_iri(snapshot: Snapshot) -> None:
    assert snapshot.item_id("20") == snapshot.item_id("urn:Movie/20") == 1
    assert snapshot.user_id("b") == 1
    with pytest.raises(UnknownIdError, match="nearest: 20"):
        snapshot.item_id("2")


def test_graph_tables_hold_training_interactions_and_all_edges(snapshot: Snapshot) -> None:
    tables = snapshot.graph_tables()
    found = {table.key: table.index.tolist() for table in tables.edges}
    assert found == {
        ("Movie", "genre", "Genre"): [[0, 0], [0, 0]],
        ("Movie", "like", "Movie"): [[1], [1]],
        ("User", INTERACTS, "Movie"): [[0, 1], [0, 0]],
    }
    assert [table.key for table in snapshot.graph_tables(kg=False).edges] == [("User", INTERACTS, "Movie")]
    assert len(snapshot.graph_tables(interactions=False).edges) == 2


def test_graph_tables_carry_features_and_masks(snapshot: Snapshot) -> None:
    matrix, mask = np.ones((3, 2), dtype=np.float32), np.array([True, False, True])
    tables = snapshot.graph_tables({"Movie": {"text": matrix}}, {"Movie": {"text": mask}})
    movie = next(table for table in tables.nodes if table.type == "Movie")
    assert movie.features["text"] is matrix
    assert movie.masks["text"] is mask


def test_written_and_read_back(snapshot: Snapshot, tmp_path: Path) -> None:
    snapshot.write(tmp_path)
    again = Snapshot.open(tmp_path)
    assert (again.user_type, again.item_type) == ("User", "Movie")
    for frame in ("nodes", "relations", "edges", "interactions"):
        assert getattr(again, frame).equals(getattr(snapshot, frame), null_equal=True)


def test_rows_in_pieces_give_the_same_bytes(snapshot: Snapshot, tmp_path: Path) -> None:
    pieces = pl.concat([snapshot.nodes.slice(i, 1) for i in range(len(snapshot.nodes))], rechunk=False)
    for name, nodes in (("whole", snapshot.nodes), ("pieces", pieces)):
        (tmp_path / name).mkdir()
        Snapshot("User", "Movie", nodes, snapshot.relations, snapshot.edges, snapshot.interactions).write(
            tmp_path / name
        )
    assert (tmp_path / "whole/nodes.parquet").read_bytes() == (tmp_path / "pieces/nodes.parquet").read_bytes()


@pytest.mark.parametrize("harm", ["none", "manifest", "format", "frame", "missing frame"])
def test_what_cannot_be_read_names_the_command(snapshot: Snapshot, tmp_path: Path, harm: str) -> None:
    if harm != "none":
        snapshot.write(tmp_path)
    if harm == "manifest":
        (tmp_path / "snapshot.json").write_text("{")
    if harm == "format":
        (tmp_path / "snapshot.json").write_text(json.dumps({"format": 0}))
    if harm == "frame":
        (tmp_path / "edges.parquet").write_bytes(b"PAR1 but no more")
    if harm == "missing frame":
        (tmp_path / "edges.parquet").unlink()
    with pytest.raises(StaleError, match="kgrec build"):
        Snapshot.open(tmp_path)
